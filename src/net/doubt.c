/*
 * Segments of the client that the server may have dropped: they acknowledge what we did not see it send, go beyond the
 * window that we saw it grant, or have a wrong checksum. An attacker makes such segments to be believed by us alone; a
 * capture that lost or swapped packets, or was taken inside a host, has them too. So they wait outside the stream until
 * the server acknowledges their bytes; what takes their place in the meantime takes it.
 */
#include "net/connection.h"
#include "net/tcp_header.h"
#include "net/wire.h"

enum { SUMS_WRONG_SURE = 8 };
static const int64_t DOUBT_NS_MOST = INT64_C(1000000000);
/* Of what the capture only swapped, by all that we see: the server says so with its next word, whenever that is. */
static const int64_t SWAPPED_NS_MOST = INT64_C(30000000000);

/* True: the checksum is wrong, and in this direction that says something. A side whose card is to fill them in has all
 * of them wrong from its SYN on; one that is right by chance is one in 65,536. */
bool doubt_checksum(const struct net *n, struct half *h, const struct net_packet *p)
{
    /* What looked so may have been forged before the connection began: its real SYN tells. */
    if (n->options.ignore_checksums || (h->sums == SUMS_LEFT_TO_THE_CARD && !(p->flags & TCP_SYN)))
        return false;
    enum checksum sum = tcp_checksum(p);
    if (sum == CHECKSUM_RIGHT)
        h->sums = SUMS_TELL;
    if (sum != CHECKSUM_WRONG)
        return false;
    if (h->sums == SUMS_UNKNOWN && ++h->sums_wrong == SUMS_WRONG_SURE)
        h->sums = SUMS_LEFT_TO_THE_CARD;
    return h->sums == SUMS_TELL;
}

struct sacked {
    int64_t start, end;
};

static void doubt_append(struct rare_half *h, struct held *d)
{
    d->next = NULL;
    if (h->doubt_last)
        h->doubt_last->next = d;
    else
        h->doubt_first = d;
    h->doubt_last = d;
}

static struct held *doubt_take_first(struct rare_half *h)
{
    struct held *d = h->doubt_first;
    if (d && !(h->doubt_first = d->next))
        h->doubt_last = NULL;
    if (d)
        d->next = NULL;
    return d;
}

void doubt_hold(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start, int64_t ack,
                enum doubt doubt)
{
    struct half *h = &c->half[from];
    count(n->counters, COUNT_TCP_DOUBTED);
    if (h->held_bytes > n->held_per_half || (!held_fits(&n->held, p->payload.length) && !patience_make_room(n, c, p->payload.length)))
        return;
    struct rare_half *r = rare_take(n, c, from);
    if (!r || !held_fits(&n->held, p->payload.length))
        return;
    struct held *d = held_make(&n->held, start, p->payload_length, p->flags & TCP_FIN, p->payload);
    d->where = connection_where(n, c);
    d->ack = ack;
    d->doubt = (uint8_t)doubt;
    d->heard = c->flow.packets[other_side(from)];
    h->held_bytes += (uint32_t)held_cost(d);
    doubt_append(r, d);
}

static void doubt_drop(struct net *n, struct half *h, struct held *d)
{
    count(n->counters, d->end <= h->received ? COUNT_TCP_RETRANSMITTED : COUNT_TCP_OUT_OF_WINDOW);
    h->held_bytes -= (uint32_t)held_cost(d);
    held_free(&n->held, d);
}

static void doubt_take(struct net *n, struct connection *c, enum side from, struct held *d)
{
    struct half *h = &c->half[from];
    h->held_bytes -= (uint32_t)held_cost(d);
    d->heard = 0; /* it shares its place with the tree's links */
    if (d->doubt == DOUBT_ACK)
        policy_grant(&c->half[other_side(from)], d->ack, 0);
    if (d->end <= h->received || h->fin_received || (h->policy == HOST_LINUX && d->start > h->received && held_covers(&h->early, d->start, d->end))) {
        held_free(&n->held, d);
        return;
    }
    if (d->start <= h->received && !stream_compares(h, d->end))
        stream_ready(n, c, from, d);
    else
        stream_queue(n, h, d);
    stream_absorb(n, c, from);
}

/* A selective acknowledgement of what lies in the stream already acknowledged is of a repetition (RFC 2883). */
static bool held_is_within(const struct held *d, const struct sacked *sacked, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (sacked[i].start <= d->start && d->end <= sacked[i].end)
            return true;
    return false;
}

static unsigned doubt_sacks(const struct half *h, const struct net_packet *p, struct sacked *out)
{
    struct view blocks = p && p->options.length ? tcp_options_sack(p->options) : view_of(NULL, 0);
    unsigned count = 0;
    for (; blocks.length >= 8; blocks = view_from(blocks, 8)) {
        out[count].start = half_position(h, wire_u32(blocks.bytes));
        out[count].end = half_position(h, wire_u32(blocks.bytes + 4));
        count += out[count].start > h->acked;
    }
    return count;
}

static bool doubt_is_swapped(const struct connection *c, enum side from, const struct held *d)
{
    return d->doubt == DOUBT_ACK && d->ack <= connection_sent(c, other_side(from));
}

bool doubt_precedes(const struct connection *c, enum side from, int64_t reset)
{
    const struct held *last = connection_doubts(c, from) ? c->rare->half[from].doubt_last : NULL;
    return last && last->end == reset && doubt_is_swapped(c, from, last);
}

enum fate { FATE_OPEN, FATE_TAKEN, FATE_DROPPED };

static bool doubt_explained(const struct half *h, const struct held *d)
{
    for (const struct held *early = held_near(&h->early, d->start); early && early->start < d->end; early = early->next)
        if (early->reach > d->start)
            return true;
    return false;
}

/* What becomes of a doubt. An answer that covers it may be about other bytes at its place: those of a queued segment, or
 * of one that acknowledges no more than had been sent by then. */
static enum fate doubt_fate(const struct net *n, const struct connection *c, enum side from, const struct held *d,
                            const struct sacked *sacked, unsigned sacks)
{
    const struct half *h = &c->half[from];
    if (d->end <= h->received || h->fin_received)
        return FATE_DROPPED;
    if (h->acked >= d->end || (held_is_within(d, sacked, sacks) && !doubt_explained(h, d)))
        return d->ack > connection_sent(c, other_side(from)) ? FATE_DROPPED : FATE_TAKEN;
    bool swapped = doubt_is_swapped(c, from, d);
    if (c->reset_waits || n->now_ns - d->where.time_ns <= (swapped ? SWAPPED_NS_MOST : DOUBT_NS_MOST))
        return FATE_OPEN;
    /* Or the server's side stopped reaching us. */
    return d->doubt == DOUBT_ACK && d->heard == c->flow.packets[other_side(from)] ? FATE_TAKEN : FATE_DROPPED;
}

void doubt_shed(struct net *n, struct connection *c, enum side from)
{
    for (struct held *d; connection_doubts(c, from) && (d = doubt_take_first(&c->rare->half[from]));)
        doubt_drop(n, &c->half[from], d);
}

bool doubt_review(struct net *n, struct connection *c, enum side from, const struct net_packet *answer)
{
    struct half *h = &c->half[from];
    struct rare_half *r = &c->rare->half[from];
    struct sacked sacked[TCP_SACKS_MOST];
    unsigned sacks = doubt_sacks(h, answer, sacked);
    bool taken = false;
    /* Of several for one place, one with a right checksum is the likelier. */
    for (unsigned sums = 0; sums < 2; sums++) {
        struct held *last = r->doubt_last;
        for (struct held *d = NULL; d != last;) {
            d = doubt_take_first(r);
            enum fate fate = (d->doubt == DOUBT_SUM) == sums ? doubt_fate(n, c, from, d, sacked, sacks) : FATE_OPEN;
            if (fate == FATE_OPEN)
                doubt_append(r, d);
            else if (fate == FATE_TAKEN)
                doubt_take(n, c, from, d);
            else
                doubt_drop(n, h, d);
            taken |= fate == FATE_TAKEN;
        }
    }
    return taken;
}

void doubt_end(struct net *n, struct connection *c, enum side from, enum flow_end end)
{
    if (!c->rare)
        return;
    struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    struct rare_half *r = &c->rare->half[from];
    const struct rare_half *unseen = &c->rare->half[other_side(from)];
    /* The last that the server said was lost, or it never said it: nothing depends on it any more. */
    if (other->started && unseen->acked_unseen > other->acked && unseen->unseen_packets == c->flow.packets[other_side(from)])
        policy_grant(other, unseen->acked_unseen, 0);
    for (struct held *d; (d = doubt_take_first(r));) {
        bool sound = d->heard == c->flow.packets[other_side(from)] || d->ack <= connection_sent(c, other_side(from));
        if (end != END_RESET && d->doubt == DOUBT_ACK && sound)
            doubt_take(n, c, from, d);
        else
            doubt_drop(n, h, d);
    }
}
