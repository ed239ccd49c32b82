/*
 * How long a hole is waited for. Bytes that the other side acknowledged were on the wire: they are lost to us unless
 * the capture swapped some packets, so they get a short grace. Bytes that nobody acknowledged may still be sent again.
 * All times are packet times.
 */
#include "net/connection.h"

#define MILLISECOND INT64_C(1000000)

enum {
    GRACE_PACKETS_LEAST = 8, /* grace is over after this and GRACE_NS_LEAST, */
    GRACE_PACKETS_MOST = 64, /* or after this, */
    CHECKS_PER_TICK = 64,
    EVICTIONS_MOST = 8,
};
static const int64_t GRACE_NS_LEAST = 1 * MILLISECOND;
static const int64_t GRACE_NS_MOST = 100 * MILLISECOND; /* or after this */
static const int64_t HOLE_NS_MOST = 30000 * MILLISECOND;
/* A side whose other half is not mirrored: no acknowledgement will ever come. Longer than a first retransmission. */
static const int64_t HOLE_NS_MOST_ONE_SIDED = 1000 * MILLISECOND;

static uint64_t packets_of(const struct connection *c)
{
    return c->flow.packets[FROM_CLIENT] + c->flow.packets[FROM_SERVER];
}

/* Acknowledged bytes are missing, other than a FIN that was probably lost. */
static bool acknowledged_hole(const struct half *h)
{
    return h->started && h->seen && !h->fin_received && h->acked > h->received && (h->early.first || h->acked > h->excused);
}

static bool grace_is_over(const struct net *n, const struct connection *c, enum side from)
{
    const struct half *h = &c->half[from];
    /* Nothing came from this side since its last gap: its packets do not reach us, waiting again would be in vain. */
    if (h->gapped && h->gap_packets == (uint32_t)c->flow.packets[from])
        return true;
    uint64_t packets = packets_of(c) - h->grace_packets;
    int64_t passed = n->now_ns - h->grace_ns;
    return packets >= GRACE_PACKETS_MOST || passed >= GRACE_NS_MOST ||
           (packets >= GRACE_PACKETS_LEAST && passed >= GRACE_NS_LEAST);
}

static void grace_start(const struct net *n, const struct connection *c, struct half *h)
{
    h->grace = true;
    h->grace_ns = n->now_ns;
    h->grace_packets = packets_of(c);
    h->grace_acked = h->acked;
}

/* True when something was given up. */
static bool review_acknowledged(struct net *n, struct connection *c, enum side from)
{
    struct half *h = &c->half[from];
    if (!acknowledged_hole(h)) {
        h->grace = false;
        return false;
    }
    if (!h->grace || h->grace_acked <= h->received)
        grace_start(n, c, h);
    if (!grace_is_over(n, c, from))
        return false;
    if (h->grace_acked == h->received + 1 && !h->early.first) {
        c->flow.excused[from] = true;
        h->excused = h->grace_acked;
        h->grace = false;
        return true;
    }
    h->gapped = true;
    h->gap_packets = (uint32_t)c->flow.packets[from];
    h->rewindable = !h->early.first && h->strays == 0 && !connection_doubts(c, from);
    h->rewind_seq = h->next;
    stream_give_up(n, c, from, h->grace_acked);
    h->grace = false;
    return true;
}

static bool review_early(struct net *n, struct connection *c, enum side from)
{
    struct half *h = &c->half[from];
    if (!h->early.first) {
        h->hole_ns = 0;
        return false;
    }
    if (!h->hole_ns)
        h->hole_ns = n->now_ns;
    bool alone = c->flow.packets[other_side(from)] == 0;
    bool overdue = n->now_ns - h->hole_ns >= (alone ? HOLE_NS_MOST_ONE_SIDED : HOLE_NS_MOST);
    if (!overdue && h->held_bytes <= n->held_per_half)
        return false;
    stream_give_up(n, c, from, h->early.first->start);
    h->hole_ns = 0;
    return true;
}

static void waiting_remove(struct net *n, struct connection *c)
{
    struct connection_queue *q = &n->waiting;
    if (c->wait_older)
        c->wait_older->wait_newer = c->wait_newer;
    else
        q->oldest = c->wait_newer;
    if (c->wait_newer)
        c->wait_newer->wait_older = c->wait_older;
    else
        q->newest = c->wait_older;
    c->waiting = false;
}

static void waiting_add(struct net *n, struct connection *c)
{
    struct connection_queue *q = &n->waiting;
    c->waiting = true;
    c->wait_ns = n->now_ns;
    c->wait_newer = NULL;
    c->wait_older = q->newest;
    if (q->newest)
        q->newest->wait_newer = c;
    else
        q->oldest = c;
    q->newest = c;
}

void patience_forget(struct net *n, struct connection *c)
{
    if (c->waiting)
        waiting_remove(n, c);
}

static bool half_waits(const struct half *h)
{
    return h->ready_first || h->early.first || acknowledged_hole(h);
}

void patience_review(struct net *n, struct connection *c)
{
    bool moved;
    do {
        moved = connection_doubts(c, FROM_CLIENT) && doubt_review(n, c, FROM_CLIENT, NULL);
        stream_pump(n, c);
        for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
            moved |= review_acknowledged(n, c, (enum side)side);
            moved |= review_early(n, c, (enum side)side);
        }
    } while (moved);
    const struct half *client = &c->half[FROM_CLIENT], *server = &c->half[FROM_SERVER];
    rare_tidy(n, c);
    bool waits = half_waits(client) || half_waits(server) || connection_doubts(c, FROM_CLIENT);
    if (waits && !c->waiting)
        waiting_add(n, c);
    else if (!waits && c->waiting)
        waiting_remove(n, c);
    c->plain = !waits && !c->rare && !(c->odd & ODD_SUSPECTS) && c->standing == STANDING_ESTABLISHED && !client->fin_received && !server->fin_received;
}

/* In order of the connections' ids: what comes out of one tick must not depend on who waits beside whom. */
void patience_tick(struct net *n)
{
    struct connection *due[CHECKS_PER_TICK];
    unsigned count = 0;
    for (struct connection *c; count < CHECKS_PER_TICK && (c = n->waiting.oldest);) {
        int64_t passed = n->now_ns - c->wait_ns;
        if (passed >= 0 && passed < GRACE_NS_MOST)
            break;
        waiting_remove(n, c);
        unsigned at = count++;
        for (; at > 0 && due[at - 1]->flow.id > c->flow.id; at--)
            due[at] = due[at - 1];
        due[at] = c;
    }
    for (unsigned i = 0; i < count; i++)
        patience_review(n, due[i]);
}

bool patience_make_room(struct net *n, struct connection *c, size_t bytes)
{
    for (unsigned i = 0; i < EVICTIONS_MOST && !held_fits(&n->held, bytes); i++) {
        struct connection *other = i == 0 && c->waiting ? c : n->waiting.oldest;
        if (!other)
            break;
        stream_drain(n, other);
        doubt_shed(n, other, FROM_CLIENT);
        patience_review(n, other);
    }
    return held_fits(&n->held, bytes);
}
