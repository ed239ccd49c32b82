/* Handing streams on: bytes, gaps and ends to the sink, each side in order, the two sides in causal order. */
#include "net/connection.h"

void stream_lost(struct net *n, struct connection *c, enum side from, int64_t position, int64_t lost,
                 const struct segment *where)
{
    c->told = true;
    c->half[from].delivered = position + lost;
    count(n->counters, COUNT_TCP_GAPS);
    count_many(n->counters, COUNT_TCP_LOST_BYTES, (uint64_t)lost);
    struct segment s = *where;
    s.stream_offset = (uint64_t)position;
    n->sink.gap(n->sink.context, &c->flow, from, (uint64_t)lost, &s);
}

void stream_finished(struct net *n, struct connection *c, enum side from, const struct segment *where)
{
    struct half *h = &c->half[from];
    struct segment s = *where;
    s.stream_offset = (uint64_t)h->delivered;
    c->told = true;
    if (!c->half[other_side(from)].finished)
        c->end_by = (uint8_t)from;
    h->finished = true;
    h->delivered++;
    n->sink.finished(n->sink.context, &c->flow, from, &s);
}

void stream_bytes_but_urgent(struct net *n, struct connection *c, enum side from, struct view bytes, int64_t position,
                             struct segment *where)
{
    struct rare_half *r = c->rare ? &c->rare->half[from] : NULL;
    int64_t before = r && r->urgent_known ? r->urgent - position : -1;
    if (before < 0 || before >= (int64_t)bytes.length) {
        stream_bytes(n, c, from, bytes, position, where);
        return;
    }
    struct view rest = view_from(bytes, (size_t)before + 1);
    if (before)
        stream_bytes(n, c, from, view_head(bytes, (size_t)before), position, where);
    r->urgent_known = false;
    c->half[from].delivered = r->urgent + 1;
    if (rest.length)
        stream_bytes(n, c, from, rest, r->urgent + 1, where);
}

/* Everything that a ready segment provides. */
static void stream_emit(struct net *n, struct connection *c, enum side from, struct held *h)
{
    int64_t at = h->begin, data_end = h->end - h->fin;
    if (!h->gap) {
        const struct held_block *block = h->blocks;
        int64_t block_start = held_first(h);
        while (at < data_end) {
            struct view piece = held_bytes(h, at, &block, &block_start);
            if (piece.length == 0)
                break;
            stream_bytes_but_urgent(n, c, from, piece, at, &h->where);
            at += (int64_t)piece.length;
        }
    }
    if (at < data_end)
        stream_lost(n, c, from, at, data_end - at, &h->where);
    if (h->fin) {
        stream_finished(n, c, from, &h->where);
        c->half[from].delivered = h->end;
    }
}

static void stream_release(struct net *n, struct half *side, struct held *h)
{
    side->held_bytes -= (uint32_t)held_cost(h);
    held_free(&n->held, h);
}

void stream_drop_early(struct net *n, struct half *h)
{
    for (struct held *first; (first = held_take_first(&h->early));)
        for (struct held *next; first; first = next) {
            next = first->merged;
            stream_release(n, h, first);
        }
}

static void stream_append(struct net *n, struct connection *c, enum side from, struct held *h)
{
    struct half *side = &c->half[from];
    if (h->end <= side->received || side->fin_received) {
        stream_release(n, side, h);
        return;
    }
    h->begin = side->received;
    side->next += (uint32_t)(h->end - side->received);
    side->received = h->end;
    side->fin_received = h->fin;
    h->next = NULL;
    if (side->ready_last)
        side->ready_last->next = h;
    else
        side->ready_first = h;
    side->ready_last = h;
}

void stream_ready(struct net *n, struct connection *c, enum side from, struct held *h)
{
    c->half[from].held_bytes += (uint32_t)held_cost(h);
    stream_append(n, c, from, h);
}

void stream_absorb(struct net *n, struct connection *c, enum side from)
{
    struct half *h = &c->half[from];
    while (h->early.first && h->early.first->start <= h->received)
        for (struct held *part = held_take_first(&h->early), *next; part; part = next) {
            next = part->merged;
            part->merged = NULL;
            stream_append(n, c, from, part);
        }
    if (h->fin_received)
        stream_drop_early(n, h);
}

static void stream_emit_first(struct net *n, struct connection *c, enum side from)
{
    struct half *h = &c->half[from];
    struct held *first = h->ready_first;
    h->ready_first = first->next;
    if (!h->ready_first)
        h->ready_last = NULL;
    stream_emit(n, c, from, first);
    stream_release(n, h, first);
}

static bool stream_pump_side(struct net *n, struct connection *c, enum side from)
{
    const struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    bool moved = false;
    while (h->ready_first && half_has_reached(other, h->ready_first->ack)) {
        stream_emit_first(n, c, from);
        moved = true;
    }
    return moved;
}

/* Of two that are ready, the one that was captured first. */
static enum side stream_older(const struct connection *c)
{
    const struct held *client = c->half[FROM_CLIENT].ready_first, *server = c->half[FROM_SERVER].ready_first;
    if (!client || !server)
        return client ? FROM_CLIENT : FROM_SERVER;
    return client->where.packet_number <= server->where.packet_number ? FROM_CLIENT : FROM_SERVER;
}

void stream_pump(struct net *n, struct connection *c)
{
    const struct half *client = &c->half[FROM_CLIENT], *server = &c->half[FROM_SERVER];
    for (;;) {
        bool moved = stream_pump_side(n, c, FROM_CLIENT);
        if (stream_pump_side(n, c, FROM_SERVER) || moved)
            continue;
        /* Each waits for the other and nothing is missing: no honest pair of hosts sends that. */
        if (client->ready_first && server->ready_first && client->ready_first->ack <= server->received &&
            server->ready_first->ack <= client->received)
            stream_emit_first(n, c, stream_older(c));
        else
            return;
    }
}

/* A gap takes its place behind what is ready; it needs memory only when something is. */
static void stream_skip(struct net *n, struct connection *c, enum side from, int64_t to)
{
    struct half *h = &c->half[from];
    struct segment where = connection_where(n, c);
    if (h->ready_first) {
        struct held *gap = held_make(&n->held, h->received, (uint64_t)(to - h->received), false, view_of(NULL, 0));
        if (gap) {
            gap->gap = true;
            gap->ack = h->ready_last->ack;
            gap->where = where;
            stream_ready(n, c, from, gap);
            return;
        }
        while (h->ready_first)
            stream_emit_first(n, c, from);
    }
    int64_t lost = to - h->received;
    h->next += (uint32_t)lost;
    h->received = to;
    stream_lost(n, c, from, to - lost, lost, &where);
}

void stream_give_up(struct net *n, struct connection *c, enum side from, int64_t to)
{
    struct half *h = &c->half[from];
    for (stream_absorb(n, c, from); h->received < to && !h->fin_received; stream_absorb(n, c, from)) {
        int64_t end = h->early.first && h->early.first->start < to ? h->early.first->start : to;
        stream_skip(n, c, from, end);
    }
}

void stream_drain(struct net *n, struct connection *c)
{
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        struct half *h = &c->half[side];
        if (h->early.last)
            stream_give_up(n, c, (enum side)side, h->early.last->end);
        /* One position that was acknowledged and never seen is a lost FIN sooner than a lost byte. */
        if (h->started && h->acked > h->received + 1)
            stream_give_up(n, c, (enum side)side, h->acked);
        else if (h->started && h->acked == h->received + 1 && !h->fin_received)
            c->flow.excused[side] = true;
    }
    stream_pump(n, c);
    while (c->half[FROM_CLIENT].ready_first || c->half[FROM_SERVER].ready_first) {
        stream_emit_first(n, c, stream_older(c));
        stream_pump(n, c);
    }
}

void stream_forget_unacknowledged(struct net *n, struct connection *c, enum side from)
{
    struct half *h = &c->half[from];
    if (!h->started || !c->half[other_side(from)].seen || c->flow.midstream)
        return;
    if (h->acked > h->received + 1)
        stream_give_up(n, c, from, h->acked);
    stream_drop_early(n, h);
}

void stream_jump(struct net *n, struct connection *c, enum side from, uint32_t seq)
{
    struct half *h = &c->half[from];
    stream_drain(n, c);
    uint32_t lost = seq - h->next;
    if (h->fin_received || lost == 0)
        return;
    struct segment where = connection_where(n, c);
    h->next = seq;
    h->received += lost;
    h->acked = h->edge = h->received;
    h->strays = 0;
    stream_lost(n, c, from, h->received - lost, lost, &where);
}

bool stream_queue(struct net *n, struct half *side, struct held *h)
{
    bool taken = true;
    side->held_bytes += (uint32_t)held_cost(h);
    if (side->policy == HOST_LINUX) {
        side->held_bytes -= (uint32_t)held_insert(&n->held, &side->early, h);
        return true;
    }
    if (h->start < side->received)
        held_trim_front(h, side->received);
    side->held_bytes += (uint32_t)held_lay(&n->held, &side->early, h, host_segments((enum host_policy)side->policy), &taken);
    return taken;
}
