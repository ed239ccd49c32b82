/*
 * Whose connection is this? The endpoint first: a server is known by what it said on other connections, or by its port.
 * The first bytes second: they find databases on unknown ports, and name other protocols on database ports. A malformed
 * first packet to a known server is decoded and flagged, never waved through as "something else".
 */
#include "proto/dialogue.h"

#include <stdio.h>
#include <string.h>

static const struct decoder *decoder_at_port(uint16_t port)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        for (const uint16_t *at = decoder_of((enum protocol)p)->ports; *at; at++)
            if (*at == port)
                return decoder_of((enum protocol)p);
    return NULL;
}

static const struct decoder *decoder_by_probe(enum side from, struct view bytes)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->probe(from, cursor_over(bytes)) == MATCH_YES)
            return decoder_of((enum protocol)p);
    return NULL;
}

const char *identify_other(struct view bytes)
{
    static const struct {
        const char *name, *start;
        uint8_t offset, length;
    } signs[] = {
        {"HTTP", "GET ", 0, 4},       {"HTTP", "POST ", 0, 5},     {"HTTP", "HEAD ", 0, 5},
        {"HTTP", "PUT ", 0, 4},       {"HTTP", "OPTIONS ", 0, 8},  {"HTTP", "DELETE ", 0, 7},
        {"HTTP", "CONNECT ", 0, 8},   {"HTTP", "PRI * HTTP", 0, 10}, {"HTTP", "HTTP/", 0, 5},
        {"RTSP/SIP", "OPTIONS ", 0, 8}, {"TLS", "\x16\x03", 0, 2}, {"SSH", "SSH-", 0, 4},
        {"SMB", "\xffSMB", 4, 4},     {"SMB", "\xfeSMB", 4, 4},    {"RDP", "\x03\x00\x00", 0, 3},
        {"AMQP", "AMQP", 0, 4},       {"BitTorrent", "\x13" "BitTorrent", 0, 11}, {"RPC over TCP", "\x80\x00\x00\x28", 0, 4},
    };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (bytes.length >= (size_t)signs[i].offset + signs[i].length &&
            memcmp(bytes.bytes + signs[i].offset, signs[i].start, signs[i].length) == 0)
            return signs[i].name;
    return NULL;
}

void identify_report_other(struct conversation *c, struct view bytes)
{
    report(findings_begin(c, bytes.length), (struct report){
                                                .anomaly = ANOMALY_DB_WRONG_PROTOCOL,
                                                .relation = MUST_BE,
                                                .length = (uint32_t)(bytes.length < 16 ? bytes.length : 16),
                                                .note = protocol_title(c->decoder->protocol),
                                            });
}

/* Another protocol on a database's port: said once, then the connection is left alone. */
static struct conversation *not_ours(struct dialogue *d, struct flow *flow, const struct decoder *expected, enum side from,
                                     struct view bytes, const struct segment *where)
{
    struct conversation *c = expected && !flow->midstream ? conversation_open(d, flow, expected, where) : NULL;
    if (!c) {
        flow->user = &not_a_database;
        return NULL;
    }
    identify_report_other(c, bytes);
    c->transport = TRANSPORT_OPAQUE;
    conversation_tell(c, from, view_head(bytes, MESSAGE_BYTES_MAX), where, 0, where, NULL);
    return c;
}

/* No room for it now. Should there be some later, its first messages are gone: it stays undecoded. */
static void shed(struct dialogue *d, struct flow *flow, const struct decoder *decoder, enum side from, const struct segment *where)
{
    count(d->counters, COUNT_FLOWS_SHED);
    flow->user = &not_a_database;
    sight_shed(d, flow, decoder, from, where);
}

/* ---- first bytes that are too few to tell, on no known port */

enum { UNDECIDED_MOST = 64 };

static bool may_be_ours(enum side from, struct view bytes)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->probe(from, cursor_over(bytes)) != MATCH_NO)
            return true;
    return false;
}

/* False: there is no memory for it. */
static bool keep_first(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct conversation *c = pool_take(&d->conversations);
    if (!c)
        return false;
    flow->user = c;
    c->sides[from].first = *where;
    if (held_add(d, &c->sides[from], bytes, where))
        return true;
    identify_give_up(d, flow);
    return false;
}

static void forget_first(struct dialogue *d, struct flow *flow)
{
    struct conversation *c = flow->user;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++)
        if (c->sides[side].held)
            pool_give(c->sides[side].held->home, c->sides[side].held);
    pool_give(&d->conversations, c);
    flow->user = NULL;
}

void identify_give_up(struct dialogue *d, struct flow *flow)
{
    const struct conversation *c = flow->user;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        const struct direction *kept = &c->sides[side];
        if (kept->held)
            other_bytes(d, flow, (enum side)side, view_of(kept->held->bytes, kept->held->length), &kept->first);
    }
    forget_first(d, flow);
    flow->user = &not_a_database;
}

struct conversation *identify_more(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &((struct conversation *)flow->user)->sides[from];
    uint8_t first[2 * UNDECIDED_MOST];
    size_t kept = side->held ? side->held->length : 0;
    if (!kept) { /* the other side answers what nobody understood */
        identify_give_up(d, flow);
        return NULL;
    }
    struct view more = view_head(bytes, sizeof first - kept);
    memcpy(first, side->held->bytes, kept);
    memcpy(first + kept, more.bytes, more.length);
    struct view all = view_of(first, kept + more.length);
    const struct decoder *spoken = decoder_by_probe(from, all);
    if (!spoken) {
        if (all.length >= UNDECIDED_MOST || !may_be_ours(from, all) || !held_add(d, side, more, where))
            identify_give_up(d, flow);
        return NULL;
    }
    struct segment begin = side->first;
    forget_first(d, flow);
    struct conversation *c = conversation_open(d, flow, spoken, &begin);
    if (!c) {
        shed(d, flow, spoken, from, where);
        count_many(d->counters, COUNT_BYTES_OTHER, kept);
        return NULL;
    }
    c->tentative = from == FROM_CLIENT;
    dialogue_route(c, from, view_head(all, kept), &begin);
    return c;
}

struct conversation *identify(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    enum protocol known = directory_ask(d->directory, d->worker, &flow->server, d->when);
    const struct decoder *expected = known ? decoder_of(known) : decoder_at_port(flow->server.port);
    struct conversation *c = NULL;
    if (!known && !flow->midstream) {
        /* On a default port alone, bytes that are surely something else are believed. */
        const struct decoder *spoken = decoder_by_probe(from, bytes);
        bool strange = !expected || expected->probe(from, cursor_over(bytes)) == MATCH_NO;
        if (!spoken && strange && identify_other(bytes))
            return not_ours(d, flow, expected, from, bytes, where);
        if (spoken && spoken != expected && strange) {
            c = conversation_open(d, flow, spoken, where);
            if (c)
                c->tentative = from == FROM_CLIENT;
            else
                shed(d, flow, spoken, from, where);
            return c;
        }
    }
    if (!expected) {
        bool more = !flow->midstream && bytes.length < UNDECIDED_MOST && may_be_ours(from, bytes);
        if (!more || !keep_first(d, flow, from, bytes, where))
            flow->user = &not_a_database;
        return NULL;
    }
    c = conversation_open(d, flow, expected, where);
    if (c)
        c->confirmed = known != PROTOCOL_NONE;
    else
        shed(d, flow, expected, from, where);
    return c;
}
