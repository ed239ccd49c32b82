/*
 * Overlaps as hosts other than Linux see them: for each older segment in a newer one's way a table says which of the two is
 * believed (host_policy.h). What loses gives up its place, so that queued segments never overlap, and what is left of it is
 * what later ones are compared with, as in the systems' own queues. Each newer segment costs O(log n), what it removes,
 * and one step and at most one copy for each of its own bytes.
 */
#include "net/host_policy.h"
#include "net/reassembly.h"

void held_trim_front(struct held *h, int64_t to)
{
    h->skip += (uint32_t)(to - h->start);
    h->start = to;
}

static void held_trim_end(struct held *h, int64_t to)
{
    if (to <= h->end - h->fin)
        h->fin = 0;
    h->end = h->reach = to;
}

static void queue_add(struct held_queue *q, struct held *h)
{
    struct held *parent = NULL;
    unsigned side = 0;
    if (!q->root || h->end > q->furthest)
        q->furthest = h->end;
    for (struct held *at = q->root; at; at = at->child[side]) {
        parent = at;
        side = h->start >= at->start;
    }
    held_tree_add(q, h, parent, side);
}

/* The older one has lost [start, end). In the middle of it, the smaller rest is copied. */
static int64_t older_cut(struct held_store *s, struct held_queue *q, struct held *old, int64_t start, int64_t end)
{
    int64_t before = start - old->start, behind = old->end - end;
    if (before <= 0 && behind <= 0) {
        int64_t freed = (int64_t)held_cost(old);
        held_tree_remove(q, old);
        held_free(s, old);
        return -freed;
    }
    struct held *rest = NULL;
    if (before > 0 && behind > 0)
        rest = before < behind ? held_part(s, old, old->start, start) : held_part(s, old, end, old->end);
    if (behind > 0 && (before <= 0 || before < behind))
        held_trim_front(old, end);
    else
        held_trim_end(old, start);
    if (!rest)
        return 0;
    queue_add(q, rest);
    return (int64_t)held_cost(rest);
}

/* The newer one up to where an older one begins that is believed. */
static int64_t newer_place_before(struct held_store *s, struct held_queue *q, const struct held *h, int64_t to, bool *taken)
{
    struct held *piece = held_part(s, h, h->start, to);
    if (!piece)
        return 0;
    queue_add(q, piece);
    *taken = true;
    return (int64_t)held_cost(piece);
}

int64_t held_lay(struct held_store *s, struct held_queue *q, struct held *h, uint16_t newer_cases, bool *taken)
{
    const int64_t start = h->start, end = h->end;
    int64_t cost = 0;
    struct held *old = held_before(q, start);
    *taken = false;
    for (struct held *next = old ? old : q->first; (old = next) && old->start < end;) {
        next = old->next;
        if (old->end <= start)
            continue;
        if (host_believes_newer(newer_cases, start, end, old->start, old->end)) {
            cost += older_cut(s, q, old, start, end);
            continue;
        }
        if (h->start < old->start)
            cost += newer_place_before(s, q, h, old->start, taken);
        if (end <= old->end) {
            cost -= (int64_t)held_cost(h);
            held_free(s, h);
            return cost;
        }
        held_trim_front(h, old->end);
    }
    queue_add(q, h);
    *taken = true;
    return cost;
}
