/* net_segment: one segment changes its connection. The short way serves what comes in order on a quiet connection. */
#include "net/connection.h"

enum { ONE_SIDED_PACKETS = 16, STRAYS_SURE = 3 };

static void segment_note(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct flow *flow = &c->flow;
    flow->packets[from]++;
    flow->bytes[from] += p->payload_length;
    if (p->payload_length) {
        if (flow->last_data != from || flow->bytes[from] == p->payload_length)
            flow->turned_ns[from] = p->raw->time_ns;
        flow->last_data = (uint8_t)from;
        flow->data_ns[from] = p->raw->time_ns;
    }
    if (p->raw->time_ns > flow->last_ns || flow->last_ns > n->now_ns)
        flow->last_ns = p->raw->time_ns;
    c->last_number = p->raw->number;
}

static struct segment segment_where(const struct connection *c, const struct net_packet *p)
{
    return (struct segment){.ticket = c->flow.ticket, .packet_number = p->raw->number, .time_ns = p->raw->time_ns};
}

static void segment_sign(struct net *n, struct connection *c, enum side from, enum segment_sign sign, const struct net_packet *p)
{
    const struct segment where = segment_where(c, p);
    if (n->sink.sign)
        n->sink.sign(n->sink.watcher, &c->flow, from, sign, &where);
}

static void segment_count_repeated(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    count(n->counters, COUNT_TCP_RETRANSMITTED);
    segment_sign(n, c, from, SEGMENT_REPEATS, p);
}

/* A segment that starts at or before `received`, to the sink without a copy. */
static void segment_hand_on(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    struct segment where = segment_where(c, p);
    bool fin = p->flags & TCP_FIN;
    uint32_t skip = h->next - p->seq;
    struct view captured = view_from(p->payload, skip);
    int64_t at = h->received, fresh = skip < p->payload_length ? (int64_t)p->payload_length - skip : 0;
    h->received = at + fresh + fin;
    h->next = p->seq + p->payload_length + fin;
    if (captured.length)
        stream_bytes_but_urgent(n, c, from, captured, at, &where);
    if (fresh > (int64_t)captured.length)
        stream_lost(n, c, from, at + (int64_t)captured.length, fresh - (int64_t)captured.length, &where);
    if (fin) {
        h->fin_received = true;
        stream_finished(n, c, from, &where);
    }
}

/* What comes in order on a quiet connection, which is nearly everything. */
static bool segment_quick(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    if ((p->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_URG | TCP_ACK)) != TCP_ACK || p->seq != h->next || !h->started ||
        !h->seen || !p->window)
        return false;
    int32_t ahead = (int32_t)(p->ack - other->next);
    if (other->seen && (!other->started || ahead > 0 || other->received + ahead < other->acked))
        return false;
    uint32_t stamp;
    if (policy_options(c, from, p, &stamp))
        return false;
    if (p->payload_length && odd_ttl(h, p))
        return false;
    if (p->payload_length && from == FROM_CLIENT &&
        ((h->edge && h->received + p->payload_length > h->edge) || (h->sums != SUMS_LEFT_TO_THE_CARD && doubt_checksum(n, h, p))))
        return false;
    if (other->seen)
        policy_grant(other, other->received + ahead, (uint32_t)p->window << h->scale);
    else
        handshake_note_ack(other, p->ack);
    policy_stamp(h, p, stamp);
    if (!p->payload_length)
        return true;
    int64_t at = h->received;
    h->rewindable = false;
    h->received = at + p->payload_length;
    h->next += p->payload_length;
    struct segment where = segment_where(c, p);
    if (p->payload.length)
        stream_bytes(n, c, from, p->payload, at, &where);
    if (p->payload.length < p->payload_length)
        stream_lost(n, c, from, at + (int64_t)p->payload.length, p->payload_length - (int64_t)p->payload.length, &where);
    return true;
}

static struct held *segment_hold(struct net *n, const struct connection *c, const struct net_packet *p, int64_t start,
                                 int64_t ack)
{
    struct held *h = held_make(&n->held, start, p->payload_length, p->flags & TCP_FIN, p->payload);
    h->where = segment_where(c, p);
    h->ack = ack;
    return h;
}

static void segment_take_early(struct net *n, struct connection *c, enum side from, const struct net_packet *p,
                               int64_t start, int64_t end, int64_t ack)
{
    struct half *h = &c->half[from];
    count(n->counters, COUNT_TCP_OUT_OF_ORDER);
    bool covered = h->policy == HOST_LINUX && held_covers(&h->early, start, end);
    if (covered || !stream_queue(n, h, segment_hold(n, c, p, start, ack)))
        segment_count_repeated(n, c, from, p);
}

/* All its bytes have their place taken. */
static void segment_repeated(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    odd_compare(n, c, from, p, start);
    if (p->payload_length)
        segment_count_repeated(n, c, from, p);
}

static void segment_take(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t ack)
{
    struct half *h = &c->half[from];
    const struct half *other = &c->half[other_side(from)];
    if (h->rewindable && p->seq == h->rewind_seq)
        h->next = p->seq; /* an acknowledgement spoke of bytes that were never sent: the side goes on where it was */
    int64_t start = half_position(h, p->seq), end = start + p->payload_length + (p->flags & TCP_FIN ? 1 : 0);
    /* The answer was not seen: where the side goes on says whether its SYN's data counted. */
    if (h->syn_data && start > h->received)
        handshake_accept_syn_data(n, c, from);
    else if (h->syn_data)
        handshake_drop_syn_data(n, h);
    if (from == FROM_SERVER && start > h->received)
        rare_note_sent(n, c, from, end);
    if (start < h->received || h->ready_first || h->early.first || c->rare)
        odd_compare(n, c, from, p, start);
    if (end <= h->received || h->fin_received) {
        if (p->payload_length)
            segment_count_repeated(n, c, from, p);
        return;
    }
    h->rewindable = false;
    const bool compared = stream_compares(h, end);
    bool direct = start <= h->received && !h->ready_first && half_has_reached(other, ack) && !compared;
    if (!direct && !held_fits(&n->held, p->payload.length)) {
        bool room = patience_make_room(n, c, p->payload.length);
        if (!room) {
            stream_drain(n, c);
            stream_give_up(n, c, from, start);
        }
        if (end <= h->received || h->fin_received)
            return;
        direct = start <= h->received && !h->ready_first && (!room || half_has_reached(other, ack));
    }
    if (direct)
        segment_hand_on(n, c, from, p);
    else if (start <= h->received && !stream_compares(h, end))
        stream_ready(n, c, from, segment_hold(n, c, p, start, ack));
    else
        segment_take_early(n, c, from, p, start, end, ack);
    stream_absorb(n, c, from);
}

/* Segments far outside the window are ignored, but a long loss looks the same: a run of them is remembered. */
static void segment_stray(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    count(n->counters, COUNT_TCP_OUT_OF_WINDOW);
    if (p->payload_length == 0)
        return;
    if (h->strays == 0 || p->seq != h->stray_end) {
        h->strays = 0;
        h->stray_start = p->seq;
    }
    h->stray_end = p->seq + p->payload_length;
    if (h->strays < STRAYS_SURE)
        h->strays++;
    /* Nobody of the other side is there to confirm. */
    if (c->flow.packets[other_side(from)] == 0 && h->strays == STRAYS_SURE)
        stream_jump(n, c, from, h->stray_end);
}

/* The other side acknowledges the strays: they were real, and everything before them is lost. */
static bool segment_confirms_strays(struct net *n, struct connection *c, enum side strayed, uint32_t ack)
{
    const struct half *h = &c->half[strayed];
    if (h->strays == 0 || (int32_t)(ack - h->stray_start) <= 0 || (int32_t)(ack - h->stray_end) > 0)
        return false;
    stream_jump(n, c, strayed, ack);
    return true;
}

/* What a segment acknowledges. False: it is discarded, or kept as a doubt. */
static bool segment_ack(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start,
                        int64_t length, int64_t *ack)
{
    const struct half *h = &c->half[from];
    struct half *other = &c->half[other_side(from)];
    if (!other->started || !other->seen) {
        handshake_note_ack(other, p->ack);
        /* The server spoke, but it did not accept the SYN as far as we saw: the endpoints' last connection may not be over. */
        if (from == FROM_CLIENT && h->syn && other->seen && length)
            doubt_hold(n, c, from, p, start, INT64_MIN, DOUBT_PLACE);
        return !(from == FROM_CLIENT && h->syn && other->seen);
    }
    /* A server that answers a SYN with less than SYN-ACK speaks of that last connection. */
    if (from == FROM_SERVER && !h->syn && other->syn && !length && !other->early.first &&
        half_position(other, p->ack) > other->received)
        return false;
    *ack = half_position(other, p->ack);
    if (policy_bad_ack(c, other_side(from), *ack) && !segment_confirms_strays(n, c, other_side(from), p->ack)) {
        /* When it has memory at hand, Linux takes what comes in order before it looks at an old acknowledgement. */
        if (from == FROM_CLIENT && *ack < other->acked && length && h->started && start == h->received &&
            (int32_t)(p->ack - other->next) != INT32_MIN)
            doubt_hold(n, c, from, p, start, INT64_MIN, DOUBT_PLACE);
        else
            count(n->counters, COUNT_TCP_OUT_OF_WINDOW);
        return false;
    }
    *ack = half_position(other, p->ack);
    if (from == FROM_CLIENT && h->started && *ack > connection_sent(c, FROM_SERVER)) {
        rare_note_unseen(n, c, FROM_SERVER, *ack);
        if (length)
            doubt_hold(n, c, from, p, start, *ack, DOUBT_ACK);
        return false;
    }
    policy_grant(other, *ack, (uint32_t)p->window << h->scale);
    return true;
}

/* Its bytes were received, though not by us: its timestamp is old because the capture swapped packets. */
static bool segment_swapped(const struct half *h, int64_t end)
{
    return h->started && end > h->received && end <= h->acked;
}

static void segment_data(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    uint32_t stamp;
    bool fin = p->flags & TCP_FIN;
    int64_t length = p->payload_length + (int64_t)fin, start = half_position(h, p->seq), ack = INT64_MIN;
    if (policy_options(c, from, p, &stamp) && (policy_signature(c, from, p) || !segment_swapped(h, start + length))) {
        count(n->counters, COUNT_TCP_OUT_OF_WINDOW);
        return;
    }
    if (h->started && policy_outside(h, start, start + length)) {
        segment_stray(n, c, from, p);
        return;
    }
    /* Older than the last acknowledgement: nothing that it says is heard. */
    if (h->started && start + length < h->acked && start + length <= h->received) {
        segment_repeated(n, c, from, p, start);
        return;
    }
    if (h->started && length && from == FROM_CLIENT && policy_over_the_edge(h, start, start + p->payload_length)) {
        doubt_hold(n, c, from, p, start, INT64_MIN, DOUBT_PLACE);
        return;
    }
    if (!segment_ack(n, c, from, p, start, length, &ack))
        return;
    if (h->started && from == FROM_SERVER)
        rare_note_sent(n, c, from, start);
    policy_stamp(h, p, stamp);
    if (from == FROM_SERVER && connection_doubts(c, FROM_CLIENT))
        doubt_review(n, c, FROM_CLIENT, p);
    if (p->flags & TCP_URG && h->started)
        rare_note_urgent(n, c, from, p, start);
    if (h->started && (length || p->flags & TCP_URG))
        odd_data(n, c, from, p, start);
    if (length && (h->started || handshake_midstream(c, from, p)))
        segment_take(n, c, from, p, ack);
}

/* Behind all that its receiver selectively acknowledged. */
static bool segment_behind_sacked(const struct connection *c, enum side from, int64_t at)
{
    const struct half *h = &c->half[from];
    return h->sack && c->half[other_side(from)].sack && h->early.last && at == h->early.furthest;
}

/* Linux believes a reset only at exactly the next sequence number (RFC 5961), or behind what waits. When bytes are missing to us we do not know
 * that number: then inside the window must do. */
static bool segment_reset_counts(const struct connection *c, enum side from, const struct net_packet *p)
{
    const struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    if (!h->started)
        return p->flags & TCP_ACK && other->started ? p->ack == other->next || c->flow.midstream
                                                     : !h->acked_known || p->seq == h->acked_seq;
    int64_t at = half_position(h, p->seq);
    if (at == h->received || (h->fin_received && at == h->received - 1))
        return true;
    if (segment_behind_sacked(c, from, at))
        return true;
    bool unsure = h->acked > h->received || h->ready_first || c->flow.midstream || !other->seen;
    return unsure && at > h->received && !policy_outside(h, at, at);
}

/* What was sent before a reset and not seen is lost. What waits behind a hole is thrown away; when the reset stands behind
 * all that waits, the hole may be its receiver's too, and then nothing of it was ever read. */
static void segment_reset(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    if (!h->started)
        return;
    int64_t at = half_position(h, p->seq);
    bool waited = segment_behind_sacked(c, from, at);
    stream_forget_unacknowledged(n, c, from);
    if (waited && h->received < at)
        c->flow.excused[from] = true;
    else
        stream_give_up(n, c, from, at);
}

/* Of the client. Data may count all the same: a capture inside the server's host has segments that were merged. */
static void segment_wrong_sum(struct net *n, struct connection *c, const struct net_packet *p)
{
    const struct half *h = &c->half[FROM_CLIENT];
    int64_t start = half_position(h, p->seq);
    if (h->started && p->payload_length && !(p->flags & (TCP_SYN | TCP_RST)) &&
        !policy_outside(h, start, start + p->payload_length))
        doubt_hold(n, c, FROM_CLIENT, p, start, INT64_MIN, DOUBT_SUM);
    else
        count(n->counters, COUNT_TCP_OUT_OF_WINDOW);
}

static void segment_settle(struct net *n, struct connection *c)
{
    struct flow *flow = &c->flow;
    bool both = flow->packets[FROM_CLIENT] && flow->packets[FROM_SERVER];
    if (c->standing == STANDING_EMBRYONIC && (flow->one_sided || (both && c->spoke)))
        table_set_standing(&n->table, c, STANDING_ESTABLISHED, n->now_ns);
    patience_review(n, c);
    const struct half *client = &c->half[FROM_CLIENT], *server = &c->half[FROM_SERVER];
    if (client->finished && server->finished && client->acked >= client->received && server->acked >= server->received)
        connection_close(n, c, END_FIN, (enum side)c->end_by);
}

void net_segment(struct net *n, struct flow *flow, const struct net_packet *packet)
{
    struct connection *c = connection_of(flow);
    enum side from = net_side(flow, packet);
    count(n->counters, COUNT_PACKETS_DECODED);
    segment_note(n, c, from, packet);
    if (c->plain && segment_quick(n, c, from, packet))
        return;
    flow->one_sided = (!flow->packets[FROM_CLIENT] || !flow->packets[FROM_SERVER]) &&
                      flow->packets[from] >= ONE_SIDED_PACKETS;
    if (c->standing == STANDING_CLOSED) {
        odd_after_reset(n, c, from, packet);
        return;
    }
    if (!c->half[from].seen)
        handshake_first_sight(&c->half[from]);
    if (from == FROM_CLIENT && doubt_checksum(n, &c->half[from], packet)) {
        segment_wrong_sum(n, c, packet);
        segment_settle(n, c);
        return;
    }
    if (from == FROM_CLIENT)
        c->reset_waits = false;
    if (packet->flags & TCP_RST) {
        if (!policy_signature(c, from, packet) && segment_reset_counts(c, from, packet)) {
            if (!c->half[from].syn && from == FROM_SERVER && c->half[FROM_CLIENT].syn && !c->told)
                segment_sign(n, c, from, SEGMENT_REFUSES, packet);
            segment_reset(n, c, from, packet);
            connection_close(n, c, END_RESET, from);
        } else {
            odd_reset_ignored(n, c, from, packet);
            c->reset_waits = from == FROM_CLIENT && doubt_precedes(c, from, half_position(&c->half[from], packet->seq));
            count(n->counters, COUNT_TCP_OUT_OF_WINDOW);
        }
        segment_settle(n, c);
        return;
    }
    if (packet->flags & TCP_SYN) {
        const struct half *h = &c->half[from];
        bool began = h->syn;
        handshake_syn(n, c, from, packet);
        if (!began && h->syn)
            segment_sign(n, c, from, from == FROM_CLIENT ? SEGMENT_ASKS : SEGMENT_ACCEPTS, packet);
    } else if (packet->flags & TCP_ACK) {
        if (!packet->window)
            segment_sign(n, c, from, SEGMENT_ZERO_WINDOW, packet);
        c->spoke |= from == FROM_CLIENT;
        segment_data(n, c, from, packet);
    }
    segment_settle(n, c);
}
