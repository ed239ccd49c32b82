/* UDP datagrams of databases: see dialogue_datagram in proto/conversation.h. What a decoder remembers of a client and a server lies in
 * a table without chains: who comes to a place that is taken has it, and the one before is not remembered any more. */
#include "proto/dialogue.h"

struct peers {
    struct endpoint client, server;
    _Alignas(16) uint8_t state[DATAGRAM_STATE_MAX];
};

bool datagrams_open(struct dialogue *d, struct arena *from)
{
    return (d->peers = arena_take(from, PEERS * sizeof *d->peers)) != NULL;
}

const struct decoder *dialogue_datagram_decoder(uint16_t port)
{
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        const struct decoder *decoder = decoder_of((enum protocol)p);
        for (const uint16_t *at = decoder->datagram ? decoder->datagram_ports : NULL; at && *at; at++)
            if (*at == port)
                return decoder;
    }
    return NULL;
}

static uint32_t mix(uint32_t hash, const struct endpoint *e)
{
    for (unsigned i = 0; i < sizeof e->address; i++)
        hash = (hash ^ e->address[i]) * 16777619u;
    return (hash ^ e->port) * 16777619u;
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static struct peers *peers_of(struct dialogue *d, const struct flow *flow)
{
    uint32_t hash = mix(mix(2166136261u, &flow->client), &flow->server);
    struct peers *p = &d->peers[(hash ^ hash >> 15) % PEERS];
    if (!same_endpoint(&p->client, &flow->client) || !same_endpoint(&p->server, &flow->server)) {
        memset(p, 0, sizeof *p);
        p->client = flow->client;
        p->server = flow->server;
    }
    return p;
}

void dialogue_datagram(struct dialogue *d, struct flow *flow, enum side from, struct view payload, uint64_t length, const struct segment *where)
{
    const struct decoder *decoder = dialogue_datagram_decoder(flow->server.port);
    struct session session = {.phase = PHASE_UNKNOWN};
    struct findings *f = findings_clear(d, length);
    f->session = &session;
    f->notes = NULL;
    uint32_t before = decoder->datagram(peers_of(d, flow)->state, from, cursor_over(payload), f);
    d->messages[decoder->protocol]++;
    count(d->counters, COUNT_MESSAGES);
    count_many(d->counters, COUNT_BYTES_DECODED, payload.length);
    const struct message message = {.flow = flow, .decoder = decoder, .from = from, .findings = f, .head = view_from(payload, before),
                                    .stream_offset = before, .first = where, .last = where, .confidence = 100, .datagram = true};
    if (f->reports_used || (f->facts_seen & d->sink.facts) || d->wants[decoder->protocol][from])
        d->sink.message(d->sink.context, &message);
}
