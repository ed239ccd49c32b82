/* A net under test: segments go in, what the sink was told is written down and checked against the contract on the way. */
#ifndef DBHOUND_TESTS_STREAMS_H
#define DBHOUND_TESTS_STREAMS_H

#include <stdio.h>

#include "frames.h"
#include "net/stream.h"

enum { STREAM_MOST = 1 << 20, GAPS_MOST = 4096 };

struct recorded {
    uint8_t *bytes;      /* lost ones as 0 */
    size_t length;
    size_t lost;
    struct {
        uint64_t at, length;
    } gaps[GAPS_MOST];
    unsigned gap_count;
    bool finished;
};

/* A segment as a test writes it. Addresses: client 10.0.0.1, server 10.0.0.2 unless `host` says otherwise. */
struct say {
    enum side from;
    uint8_t flags;
    uint32_t seq, ack;
    const void *payload;
    size_t length;
    size_t cut;          /* bytes that the capture left out at the end */
    struct view options;
    uint32_t host;       /* of the client, 0: 1 */
    uint16_t port;       /* of the client, 0: 40000 */
    uint16_t window;     /* 0: 65535 */
    uint16_t urgent;
    uint8_t ttl;         /* 0: 64 */
    uint16_t id;         /* of the IP header, 0: another one each time */
    uint16_t vlan;       /* 0: none */
    enum { SUM_NONE, SUM_RIGHT, SUM_WRONG } sum; /* the checksum; none: zero */
};

struct world {
    struct arena arena;
    struct net *net;
    struct counters counters;
    struct recorded side[2];
    struct flow *flow;   /* the newest that the sink heard of */
    uint64_t packets, refused;
    int64_t time_ns, step_ns;
    unsigned closed, opened;
    uint64_t unseen;
    enum flow_end end;
    enum side by;
    uint64_t *acks;      /* by packet number: stream offset that it acknowledges; checked at delivery when set */
    uint64_t heard[2];   /* bytes, written down or not */
    unsigned urgent;     /* bytes that the stream may leave out */
    bool keep;           /* write bytes down; off for tests with many connections */
    uint64_t ticket;
    struct flight *flight;
    char odd[256];       /* " C overlap-differs@0" */
    char log[512];       /* "C:abc S:de C-3 C. x" */
};

static void world_log(struct world *w, const char *head, struct view bytes)
{
    size_t at = strlen(w->log);
    if (at + strlen(head) + bytes.length + 2 > sizeof w->log)
        return;
    at += (size_t)sprintf(w->log + at, "%s%s", at ? " " : "", head);
    if (bytes.length)
        memcpy(w->log + at, bytes.bytes, bytes.length);
    w->log[at + bytes.length] = 0;
}

static void world_bytes(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct world *w = context;
    assert_true(bytes.length > 0);
    w->flow = flow;
    w->heard[from] += bytes.length;
    if (!flow->user) {
        flow->user = w;
        w->opened++;
    }
    if (!w->keep)
        return;
    struct recorded *r = &w->side[from];
    if (where->stream_offset == r->length + 1 && w->urgent) {
        w->urgent--;
        r->bytes[r->length++] = 0;
    }
    assert_int_equal(where->stream_offset, r->length);
    assert_false(r->finished);
    if (w->acks && where->packet_number)
        assert_true(w->acks[where->packet_number] <= w->side[other_side(from)].length);
    assert_true(r->length + bytes.length <= STREAM_MOST);
    memcpy(r->bytes + r->length, bytes.bytes, bytes.length);
    r->length += bytes.length;
    world_log(w, from == FROM_CLIENT ? "C:" : "S:", bytes);
}

static void world_gap(void *context, struct flow *flow, enum side from, uint64_t lost, const struct segment *where)
{
    struct world *w = context;
    assert_true(lost > 0);
    w->flow = flow;
    if (!flow->user) {
        flow->user = w;
        w->opened++;
    }
    if (!w->keep)
        return;
    struct recorded *r = &w->side[from];
    assert_int_equal(where->stream_offset, r->length);
    assert_false(r->finished);
    assert_true(r->gap_count < GAPS_MOST && r->length + lost <= STREAM_MOST);
    r->gaps[r->gap_count].at = r->length;
    r->gaps[r->gap_count++].length = lost;
    memset(r->bytes + r->length, 0, lost);
    r->length += lost;
    r->lost += lost;
    char head[32];
    snprintf(head, sizeof head, "%c-%u", from == FROM_CLIENT ? 'C' : 'S', (unsigned)lost);
    world_log(w, head, view_of("", 0));
}

static void world_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    struct world *w = context;
    w->flow = flow;
    if (!flow->user) {
        flow->user = w;
        w->opened++;
    }
    if (!w->keep)
        return;
    assert_int_equal(where->stream_offset, w->side[from].length);
    assert_false(w->side[from].finished);
    w->side[from].finished = true;
    world_log(w, from == FROM_CLIENT ? "C." : "S.", view_of("", 0));
}

static void world_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    struct world *w = context;
    (void)where;
    assert_ptr_equal(flow->user, w);
    w->closed++;
    w->end = end;
    w->unseen = flow->unseen;
    w->by = by;
}

static void world_odd(void *context, struct flow *flow, enum side from, const struct oddity *oddity, const struct segment *where)
{
    struct world *w = context;
    char said[64];
    (void)flow;
    snprintf(said, sizeof said, " %c %s@%llu", from == FROM_CLIENT ? 'C' : 'S', anomaly_row(oddity->what)->name + strlen("tcp."),
             (unsigned long long)where->stream_offset);
    if (strlen(w->odd) + strlen(said) < sizeof w->odd)
        strcat(w->odd, said);
}

static bool world_is_server(void *context, const struct endpoint *endpoint)
{
    (void)context;
    return endpoint->port == 33060;
}

static void world_open_as(struct world *w, size_t flows, size_t held_bytes, bool recording, const struct host_rules *hosts)
{
    struct error why;
    memset(w, 0, sizeof *w);
    assert_true(arena_open(&w->arena, (size_t)1 << 30, &why));
    if (recording)
        assert_non_null(w->flight = flight_open(&w->arena, 1024, 1 << 20));
    const struct net_options options = {.flows = flows, .held_bytes = held_bytes, .flight = w->flight, .flight_reach = 1024,
                                        .hosts = hosts, .idle_ns = INT64_C(3600000000000)};
    const struct stream_sink sink = {.context = w, .bytes = world_bytes, .gap = world_gap, .finished = world_finished, .closed = world_closed, .is_server = world_is_server, .odd = world_odd};
    w->net = net_open(&w->arena, &options, &sink, &w->counters);
    assert_non_null(w->net);
    w->time_ns = INT64_C(1700000000000000000);
    w->step_ns = 50000;
    w->keep = true;
    for (unsigned i = 0; i < 2; i++)
        w->side[i].bytes = malloc(STREAM_MOST);
}

static inline void world_open(struct world *w, size_t flows, size_t held_bytes)
{
    world_open_as(w, flows, held_bytes, false, NULL);
}

static inline void world_open_hosts(struct world *w, size_t flows, size_t held_bytes, const struct host_rules *hosts)
{
    world_open_as(w, flows, held_bytes, false, hosts);
}

/* With a flight recorder, as the program has it. */
static inline void world_open_recording(struct world *w, size_t flows, size_t held_bytes)
{
    world_open_as(w, flows, held_bytes, true, NULL);
}

static void world_packet(struct world *w, const struct net_packet *p)
{
    net_prefetch(w->net, p);
    struct flow *flow = net_flow(w->net, p);
    if (!flow) {
        w->refused++;
        return;
    }
    flow->ticket = w->flight ? flight_note(w->flight, p->raw, flow->ticket, false) : ++w->ticket;
    net_segment(w->net, flow, p);
    net_tick(w->net);
}

/* RFC 9293 section 3.1, over a raw IPv4 frame without options. */
static inline void world_sum(struct frame *f, bool right)
{
    uint32_t length = f->length - 20, sum = 6 + length;
    for (uint32_t i = 12; i < f->length; i += 2)
        sum += (uint32_t)f->bytes[i] << 8 | (i + 1 < f->length ? f->bytes[i + 1] : 0u);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum ^ (right ? 0 : 0x5555);
    f->bytes[36] = (uint8_t)(sum >> 8);
    f->bytes[37] = (uint8_t)sum;
}

/* A sender numbers its packets, so that copies of one can be told from a repetition. */
static inline void put_id(struct frame *f, uint16_t id)
{
    f->bytes[4] = (uint8_t)(id >> 8);
    f->bytes[5] = (uint8_t)id;
}

/* The segment as a raw IPv4 frame through net_decode and the net. Its number is the count of packets, or `number`. */
static void world_say_as(struct world *w, const struct say *s, uint64_t number)
{
    static struct frame f;
    f.length = 0;
    bool client = s->from == FROM_CLIENT;
    unsigned host = s->host ? s->host : 1;
    uint16_t port = s->port ? s->port : 40000;
    struct tcp_fields t = {client ? port : 3306, client ? 3306 : port, s->seq, s->ack, s->flags,
                           s->window ? s->window : 65535, s->options};
    size_t tcp_length = 20 + s->options.length + s->length;
    frame_ipv4(&f, client ? host : 2, client ? 2 : host, 6, 0, (unsigned)tcp_length);
    frame_tcp(&f, &t, s->payload, s->length);
    put_id(&f, s->id ? s->id : (uint16_t)(0x8000 | w->packets));
    if (s->ttl)
        f.bytes[8] = s->ttl;
    f.bytes[38] = (uint8_t)(s->urgent >> 8);
    f.bytes[39] = (uint8_t)s->urgent;
    if (s->sum)
        world_sum(&f, s->sum == SUM_RIGHT);
    struct raw_packet raw = frame_raw(&f, f.length - (uint32_t)s->cut, 101);
    raw.number = number;
    raw.time_ns = w->time_ns += w->step_ns;
    struct net_packet p;
    enum counter skipped;
    assert_true(net_decode(&raw, &p, &skipped));
    p.vlan = s->vlan;
    w->packets++;
    world_packet(w, &p);
    raw_free(&raw);
}

static inline void world_say(struct world *w, struct say s)
{
    world_say_as(w, &s, w->packets + 1);
}

/* Every packet that went in was counted once; nothing is kept after the end. */
static void world_finish(struct world *w)
{
    net_finish(w->net);
    assert_int_equal(w->opened, w->closed);
    assert_int_equal(w->packets - w->refused, w->counters.value[COUNT_PACKETS_DECODED]);
    assert_int_equal(w->refused, w->counters.value[COUNT_SKIPPED_NO_MEMORY] + w->counters.value[COUNT_SKIPPED_CHECKSUM] +
                                     w->counters.value[COUNT_SKIPPED_COPY]);
}

static void world_close(struct world *w)
{
    arena_close(&w->arena);
    for (unsigned i = 0; i < 2; i++)
        free(w->side[i].bytes);
}

#endif
