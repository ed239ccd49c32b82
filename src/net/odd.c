/*
 * Segments that say something about whoever sent them: other bytes for a place that is taken, another distance, resets that
 * their sender did not keep to, urgent data. The streams do not depend on any of it.
 */
#include "net/connection.h"

#include <string.h>

enum {
    PACKETS_BACK = 32, /* of the connection, to find what was handed on */
    DOUBTS_LOOKED_AT = 8,
};

static void odd_tell(struct net *n, struct connection *c, enum side from, enum odd kind, const struct oddity *oddity,
                     const struct net_packet *p, int64_t position)
{
    if (c->odd & 1u << kind)
        return;
    c->odd |= (uint8_t)(1u << kind);
    const struct segment where = {.ticket = c->flow.ticket, .packet_number = p->raw->number, .time_ns = p->raw->time_ns,
                                  .stream_offset = (uint64_t)position};
    if (n->sink.odd)
        n->sink.odd(n->sink.context, &c->flow, from, oddity, &where);
}

static void odd_overlap(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start,
                        struct view mine, int64_t position)
{
    count(n->counters, COUNT_TCP_OVERLAP_DIFFERS);
    const struct oddity oddity = {.what = ANOMALY_TCP_OVERLAP_DIFFERS, .mine = mine,
                                  .theirs = view_from(p->payload, (size_t)(position - start))};
    odd_tell(n, c, from, ODD_OVERLAP, &oddity, p, position);
}

/* Of two stretches of the stream, where the second first differs from the first; -1 nowhere. */
static int64_t first_difference(int64_t a_start, struct view a, int64_t b_start, struct view b)
{
    int64_t at = a_start > b_start ? a_start : b_start;
    int64_t a_end = a_start + (int64_t)a.length, b_end = b_start + (int64_t)b.length, end = a_end < b_end ? a_end : b_end;
    if (at >= end || memcmp(a.bytes + (at - a_start), b.bytes + (at - b_start), (size_t)(end - at)) == 0)
        return -1;
    while (a.bytes[at - a_start] == b.bytes[at - b_start])
        at++;
    return at;
}

/* A segment that was captured broken and is sent again is no second opinion. */
static bool was_broken(const struct half *h, const struct net_packet *p)
{
    return h->sums == SUMS_TELL && !net_checksum_good(p);
}

/* What was handed on is found in the connection's earlier packets, newest first. */
static bool odd_compare_handed_on(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    const struct half *h = &c->half[from];
    int64_t end = start + (int64_t)p->payload.length;
    struct raw_packet raw;
    uint64_t ticket = 0;
    if (!n->options.flight || !flight_get(n->options.flight, c->flow.ticket, &raw, &ticket))
        return false;
    for (unsigned i = 0; i < PACKETS_BACK && flight_get(n->options.flight, ticket, &raw, &ticket); i++) {
        struct net_packet old;
        enum counter skipped;
        if (p->raw->number - raw.number >= n->options.flight_reach)
            return false;
        if (!net_decode(&raw, &old, &skipped) || net_side(&c->flow, &old) != from || !old.payload.length ||
            (old.flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
            continue;
        int64_t old_start = half_position(h, old.seq), at = first_difference(old_start, old.payload, start, p->payload);
        if (at >= 0 && !was_broken(h, &old)) {
            odd_overlap(n, c, from, p, start, view_from(old.payload, (size_t)(at - old_start)), at);
            return true;
        }
        if (at < 0 && old_start <= start && old_start + (int64_t)old.payload.length >= end)
            return false;
    }
    return false;
}

static bool odd_compare_held(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start,
                             const struct held *h)
{
    int64_t at;
    struct view mine = held_difference(h, start, p->payload, &at);
    if (mine.length)
        odd_overlap(n, c, from, p, start, mine, at);
    return mine.length > 0;
}

void odd_compare(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    const struct half *h = &c->half[from];
    int64_t end = start + (int64_t)p->payload.length;
    if (!p->payload.length)
        return;
    unsigned looked = 0;
    for (const struct held *d = connection_doubts(c, from); d && looked < DOUBTS_LOOKED_AT; d = d->next, looked++)
        if (d->doubt != DOUBT_SUM && odd_compare_held(n, c, from, p, start, d))
            return;
    const struct held *lists[] = {h->ready_first, h->early.first ? held_near(&h->early, start) : NULL};
    for (unsigned i = 0; i < 2; i++)
        for (const struct held *q = lists[i]; q && q->start < end && looked < 2 * DOUBTS_LOOKED_AT; q = q->next)
            for (const struct held *part = q; part && part->start < end && looked < 2 * DOUBTS_LOOKED_AT; part = part->merged, looked++)
                if (odd_compare_held(n, c, from, p, start, part))
                    return;
    /* A keep-alive carries any byte for the last one that was received (RFC 9293 section 3.8.4). */
    bool keep_alive = p->payload_length == 1 && start == h->received - 1;
    if (start < h->received && !keep_alive && !(c->odd & 1u << ODD_OVERLAP))
        odd_compare_handed_on(n, c, from, p, start);
}

static void odd_suspicion(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    uint8_t bit = (uint8_t)(1u << (ODD_SUSPECT + from));
    if (!(c->odd & bit) || start < c->half[from].received)
        return;
    c->odd &= (uint8_t)~bit;
    const struct oddity oddity = {.what = ANOMALY_TCP_RESET_INJECTED, .theirs = p->payload};
    odd_tell(n, c, from, ODD_INJECTED, &oddity, p, start);
}

void odd_data(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    struct half *h = &c->half[from];
    if (p->flags & TCP_URG) {
        const struct oddity oddity = {.what = ANOMALY_TCP_URGENT, .theirs = p->payload, .got = p->urgent};
        odd_tell(n, c, from, ODD_URGENT, &oddity, p, start);
    }
    if (!p->payload_length)
        return;
    if (h->ttl && odd_ttl(h, p)) {
        const struct oddity oddity = {.what = ANOMALY_TCP_TTL_JUMP, .theirs = p->payload, .got = p->ttl, .usual = h->ttl};
        odd_tell(n, c, from, ODD_TTL, &oddity, p, start);
    }
    h->ttl = p->ttl;
    odd_suspicion(n, c, from, p, start);
}

/* In the window, and not where it would count: only who guesses sends that, if the side then goes on. When bytes of it are
 * missing to us, the place may have been right. */
void odd_reset_ignored(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    const struct half *h = &c->half[from];
    int64_t at = half_position(h, p->seq);
    (void)n;
    if (h->started && h->seen && at > h->received && (!h->edge || at < h->edge) && !c->waiting && h->acked <= h->received &&
        c->standing == STANDING_ESTABLISHED && !(c->odd & 1u << ODD_INJECTED))
        c->odd |= (uint8_t)(1u << (ODD_SUSPECT + from));
}

/* The side that reset the connection goes on with it: it was not that side that reset it. */
void odd_after_reset(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    const struct half *h = &c->half[from];
    int64_t start = half_position(h, p->seq);
    if (c->end != END_RESET || c->end_by != from || !h->started || !p->payload_length ||
        (p->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || start < h->received || policy_outside(h, start, start))
        return;
    count(n->counters, COUNT_TCP_DATA_AFTER_RESET);
    const struct oddity oddity = {.what = ANOMALY_TCP_DATA_AFTER_RESET, .theirs = p->payload};
    odd_tell(n, c, from, ODD_LATE, &oddity, p, start);
}

void net_odd_fragments(struct net *n, const struct net_packet *packet, const struct oddity *oddity)
{
    struct connection *c = table_find(&n->table, table_hash(&n->table, packet), packet);
    if (!c)
        return;
    enum side from = net_side(&c->flow, packet);
    odd_tell(n, c, from, ODD_FRAGMENTS, oddity, packet, c->half[from].started ? half_position(&c->half[from], packet->seq) : 0);
}
