/* Samples: see evidence.h. */
#include "app/evidence.h"

#include <string.h>

#include "capture/pcapng.h"
#include "net/packet.h"
#include "proto/conversation.h"
#include "store/redact.h"

enum {
    SAMPLE_PACKETS = 64,
    SAMPLE_BYTES = 192 * 1024,
    SAMPLE_ALERTS = 8,
    COMMENT_BYTES = 400,
    PCAPNG_BYTES = SAMPLE_BYTES + SAMPLE_PACKETS * 128 + SAMPLE_ALERTS * (COMMENT_BYTES + 8) + 1024,
};

struct sample_packet {
    struct raw_packet raw; /* its bytes are in the sample */
    uint64_t ticket;
    uint32_t at;           /* offset of its bytes */
};

struct sample {
    struct flow *flow;
    struct sample *newer, *older; /* in order of their beginning */
    uint64_t key;
    uint32_t packets_used, bytes_used, alerts_used, after_left;
    uint64_t alert_keys[SAMPLE_ALERTS];
    uint64_t alert_tickets[SAMPLE_ALERTS];
    bool judged[SAMPLE_ALERTS];
    bool may; /* be kept */
    char comments[SAMPLE_ALERTS][COMMENT_BYTES];
    struct sample_packet packets[SAMPLE_PACKETS];
    uint8_t bytes[SAMPLE_BYTES];
};

struct evidence {
    struct pool samples;
    const struct flight *flight;
    struct outlet *outlet;
    struct counters *counters;
    struct sample *oldest, *newest;
    uint64_t last_key;
    unsigned before, after;
    uint64_t reach;
    uint8_t *pcapng;
};

size_t evidence_sample_cost(void)
{
    return sizeof(struct sample) + 16;
}

struct evidence *evidence_open(struct arena *from, const struct evidence_options *options, const struct flight *flight,
                               struct outlet *outlet, struct counters *counters)
{
    struct evidence *e = arena_take(from, sizeof *e);
    if (!e)
        return NULL;
    e->flight = flight;
    e->outlet = outlet;
    e->reach = options->reach;
    e->counters = counters;
    e->before = options->before < SAMPLE_PACKETS / 2 ? options->before : SAMPLE_PACKETS / 2;
    e->after = options->after < SAMPLE_PACKETS / 4 ? options->after : SAMPLE_PACKETS / 4;
    e->pcapng = arena_take(from, PCAPNG_BYTES);
    return e->pcapng && pool_open(&e->samples, from, sizeof(struct sample), options->samples) ? e : NULL;
}

/* Copies a packet into the sample; what is too large is cut, never left out. */
static void sample_add(struct sample *s, const struct raw_packet *packet, uint64_t ticket)
{
    if (s->packets_used == SAMPLE_PACKETS)
        return;
    struct sample_packet *p = &s->packets[s->packets_used];
    uint32_t room = SAMPLE_BYTES - s->bytes_used;
    uint32_t kept = packet->captured < room ? packet->captured : room;
    if (kept == 0)
        return;
    p->raw = *packet;
    p->raw.captured = kept;
    p->ticket = ticket;
    p->at = s->bytes_used;
    memcpy(s->bytes + p->at, packet->bytes, kept);
    p->raw.bytes = s->bytes + p->at;
    s->bytes_used += kept;
    s->packets_used++;
}

/* The same, unless the sample has it: its newest packet was the connection's newest when the sample began. */
static void sample_add_newer(struct sample *s, const struct raw_packet *packet, uint64_t ticket)
{
    if (s->packets_used == 0 || s->packets[s->packets_used - 1].ticket < ticket)
        sample_add(s, packet, ticket);
}

/* A packet within reach: which these are depends on the run alone, not on how many packets this worker's recorder holds. */
static bool evidence_get(const struct evidence *e, uint64_t ticket, struct raw_packet *packet, uint64_t *previous)
{
    return flight_get(e->flight, ticket, packet, previous) && e->outlet->latest - packet->number < e->reach;
}

/* The newest packets of the connection up to its current one, oldest first. */
static void sample_look_back(const struct evidence *e, struct sample *s)
{
    uint64_t tickets[SAMPLE_PACKETS];
    unsigned found = 0;
    struct raw_packet packet;
    uint64_t previous;
    for (uint64_t at = s->flow->ticket; at && found < e->before + 1 && evidence_get(e, at, &packet, &previous); at = previous)
        tickets[found++] = at;
    while (found > 0) {
        uint64_t ticket = tickets[--found];
        if (flight_get(e->flight, ticket, &packet, &previous))
            sample_add(s, &packet, ticket);
    }
}

static void sample_unlink(struct evidence *e, struct sample *s)
{
    *(s->older ? &s->older->newer : &e->oldest) = s->newer;
    *(s->newer ? &s->newer->older : &e->newest) = s->older;
    s->flow->sample = NULL;
}

/* Masks what the connection knows to be secret, and literals of passwords in statements. */
static bool sample_mask(struct sample *s, struct redact_text carry[2])
{
    struct secret_range secrets[16];
    size_t secrets_used = dialogue_secrets(s->flow, secrets, sizeof secrets / sizeof secrets[0]);
    bool masked = false;
    for (uint32_t i = 0; i < s->packets_used; i++) {
        struct net_packet packet;
        enum counter skipped;
        struct sample_packet *p = &s->packets[i];
        if (!net_decode(&p->raw, &packet, &skipped) || packet.payload.length == 0)
            continue;
        uint8_t *payload = s->bytes + p->at + packet.payload_offset;
        enum side from = net_side(s->flow, &packet);
        uint32_t origin;
        bool placed = net_stream_origin(s->flow, from, &origin);
        for (size_t k = 0; k < secrets_used; k++) {
            if (secrets[k].from != from)
                continue;
            /* Without a place in the stream everything this side said is covered. */
            int64_t begins = placed ? (int32_t)((uint32_t)secrets[k].stream_offset - (packet.seq - origin)) : 0;
            uint64_t length = placed ? secrets[k].length : packet.payload.length;
            masked |= redact_range(payload, packet.payload.length, begins, length);
        }
        masked |= redact_statement(&carry[from], payload, packet.payload.length);
    }
    return masked;
}

static const char *comment_of(const struct sample *s, uint64_t ticket, char *memory, size_t size)
{
    struct text all = text_in(memory, size);
    for (uint32_t i = 0; i < s->alerts_used; i++)
        if (s->alert_tickets[i] == ticket)
            text_add(&all, "%s%s", all.length ? "\n" : "", s->comments[i]);
    return all.length ? all.chars : NULL;
}

static void sample_finish(struct evidence *e, struct sample *s)
{
    if (outlet_wants_sample(e->outlet, s->key, s->may)) {
        struct pcapng_writer w;
        struct redact_text carry[2] = {{0}, {0}};
        char comment[SAMPLE_ALERTS * COMMENT_BYTES];
        bool masked = sample_mask(s, carry);
        pcapng_begin(&w, e->pcapng, PCAPNG_BYTES, "dbhound",
                     masked ? "dbhound sample; secrets are masked with '*', TCP checksums are left as captured"
                            : "dbhound sample");
        for (uint32_t i = 0; i < s->packets_used; i++)
            pcapng_add(&w, &s->packets[i].raw, 0, comment_of(s, s->packets[i].ticket, comment, sizeof comment));
        outlet_sample(e->outlet, s->key, view_of(w.bytes, w.length), s->packets_used, masked);
    }
    sample_unlink(e, s);
    pool_give(&e->samples, s);
}

uint64_t evidence_alert(struct evidence *e, struct flow *flow, uint64_t key, uint64_t ticket, const char *comment, bool may)
{
    struct sample *s = flow->sample;
    if (s && s->alerts_used == SAMPLE_ALERTS) {
        sample_finish(e, s);
        s = NULL;
    }
    if (!s) {
        if (!e->samples.free && e->samples.fresh == e->samples.slots && e->oldest)
            sample_finish(e, e->oldest);
        s = pool_take_dirty(&e->samples);
        if (!s) {
            count(e->counters, COUNT_SAMPLES_SHED);
            return 0;
        }
        memset(s, 0, offsetof(struct sample, comments));
        s->flow = flow;
        s->key = ++e->last_key;
        s->older = e->newest;
        *(e->newest ? &e->newest->newer : &e->oldest) = s;
        e->newest = s;
        flow->sample = s;
        sample_look_back(e, s);
    }
    struct text written = text_in(s->comments[s->alerts_used], COMMENT_BYTES);
    text_add(&written, "%s", comment);
    s->alert_keys[s->alerts_used] = key;
    s->alert_tickets[s->alerts_used] = ticket;
    s->judged[s->alerts_used] = false;
    s->alerts_used++;
    s->after_left = e->after;
    s->may |= may;
    return s->key;
}

void evidence_packet(struct evidence *e, struct flow *flow, const struct raw_packet *packet, uint64_t ticket)
{
    struct sample *s = flow->sample;
    uint32_t before = s->packets_used;
    sample_add_newer(s, packet, ticket);
    if (s->packets_used == before && before < SAMPLE_PACKETS)
        return;
    if (s->after_left == 0 || --s->after_left == 0)
        sample_finish(e, s);
}

void evidence_verdict(struct evidence *e, struct flow *flow, const char *verdict)
{
    struct sample *s = flow->sample;
    for (uint32_t i = 0; s && i < s->alerts_used; i++) {
        if (s->judged[i])
            continue;
        s->judged[i] = true;
        outlet_verdict(e->outlet, s->alert_keys[i], verdict);
    }
}

void evidence_close(struct evidence *e, struct flow *flow, uint64_t ticket)
{
    struct raw_packet packet;
    uint64_t previous;
    if (!flow->sample)
        return;
    if (evidence_get(e, ticket, &packet, &previous))
        sample_add_newer(flow->sample, &packet, ticket);
    sample_finish(e, flow->sample);
}
