/* How connections begin: SYN and SYN-ACK, endpoints used again, and connections whose beginning nobody saw. */
#include "net/connection.h"
#include "net/tcp_header.h"

enum { WELL_KNOWN_PORTS = 1024 };
static const int64_t RESET_IS_CERTAIN_NS = INT64_C(5000000000);

void handshake_start(struct half *h, uint32_t seq)
{
    h->started = true;
    h->next = seq;
    h->received = h->delivered = h->excused = 0;
    h->acked = h->acked_known && (int32_t)(h->acked_seq - seq) < 0 ? (int32_t)(h->acked_seq - seq) : 0;
}

static uint32_t half_origin(const struct half *h)
{
    return h->next - (uint32_t)h->received;
}

static bool half_is_untouched(const struct half *h)
{
    return h->received == 0 && !h->ready_first && !h->fin_received;
}

enum side handshake_side(const struct net *n, const struct net_packet *p)
{
    if (p->flags & TCP_SYN)
        return p->flags & TCP_ACK ? FROM_SERVER : FROM_CLIENT;
    if (n->sink.is_server) {
        bool target = n->sink.is_server(n->sink.context, &p->target);
        bool source = n->sink.is_server(n->sink.context, &p->source);
        if (source != target)
            return source ? FROM_SERVER : FROM_CLIENT;
    }
    bool source_known = p->source.port <= WELL_KNOWN_PORTS, target_known = p->target.port <= WELL_KNOWN_PORTS;
    if (source_known != target_known)
        return source_known ? FROM_SERVER : FROM_CLIENT;
    return p->source.port < p->target.port ? FROM_SERVER : FROM_CLIENT;
}

bool handshake_begins_anew(const struct connection *c, const struct net_packet *p, int64_t now_ns)
{
    enum side from = net_side(&c->flow, p);
    const struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    if (p->flags & TCP_RST)
        return false;
    bool over = c->standing == STANDING_CLOSED || (h->finished && other->finished);
    bool same = h->syn && half_origin(h) == p->seq + 1;
    if (same && p->flags & TCP_SYN)
        return false;
    /* An open connection may be real and its SYN forged: the server's answer decides. */
    if ((p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return over || c->flow.packets[other_side(from)] == 0 || (c->flow.packets[from] == 0 && !c->told);
    if (p->flags & TCP_SYN)
        return over || (c->syn_pending && p->ack == c->syn_pending_seq + 1);
    /* After a reset that the receiver did not believe the connection goes on. */
    return c->standing == STANDING_CLOSED && c->end == END_RESET && p->payload_length &&
           now_ns - c->flow.last_ns > RESET_IS_CERTAIN_NS;
}

static void half_read_syn(struct half *h, const struct net_packet *p)
{
    struct tcp_options options;
    tcp_options_read(p->options, &options);
    h->syn = true;
    h->scaled = options.scaled;
    h->scale_offered = options.scale;
    h->stamped = options.stamped;
    h->stamp = options.stamp;
    h->signed_md5 = options.signed_md5;
}

/* Data in a SYN counts only if the answer acknowledges it (RFC 7413). Kept only while memory is plentiful: the next
 * sending carries it again. */
static void half_keep_syn_data(struct net *n, struct half *h, const struct connection *c, const struct net_packet *p)
{
    if (p->payload_length == 0 || n->held.segments.in_use > n->held.segments.slots / 2 ||
        n->held.blocks.in_use > n->held.blocks.slots / 2)
        return;
    struct held *kept = held_make(&n->held, 0, p->payload_length, false, p->payload);
    if (!kept)
        return;
    kept->ack = INT64_MIN;
    kept->where = connection_where(n, c);
    h->syn_data = kept;
}

void handshake_drop_syn_data(struct net *n, struct half *h)
{
    if (h->syn_data)
        held_free(&n->held, h->syn_data);
    h->syn_data = NULL;
}

void handshake_accept_syn_data(struct net *n, struct connection *c, enum side from)
{
    struct held *kept = c->half[from].syn_data;
    c->half[from].syn_data = NULL;
    if (kept)
        stream_ready(n, c, from, kept);
}

static void handshake_first(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    if (h->syn && half_origin(h) == p->seq + 1)
        return;
    if (!half_is_untouched(h) || c->half[other_side(from)].syn) {
        c->syn_pending = true;
        c->syn_pending_seq = p->seq;
        return;
    }
    handshake_drop_syn_data(n, h);
    stream_drop_early(n, h);
    handshake_start(h, p->seq + 1);
    half_read_syn(h, p);
    half_keep_syn_data(n, h, c, p);
}

/* The answer says which of several SYNs counts, and how much of its data. */
static void handshake_adopt(struct net *n, struct connection *c, enum side opener, uint32_t ack)
{
    struct half *h = &c->half[opener];
    if (!half_is_untouched(h))
        return;
    if (!h->started) {
        handshake_start(h, ack);
        return;
    }
    int64_t accepted = half_position(h, ack);
    if (accepted > 0 && h->syn_data && h->syn_data->end >= accepted) {
        handshake_accept_syn_data(n, c, opener);
        return;
    }
    handshake_drop_syn_data(n, h);
    if (accepted != 0) {
        stream_drop_early(n, h);
        handshake_start(h, ack);
    }
}

static void handshake_answer(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from], *opener = &c->half[other_side(from)];
    if (!h->syn || half_origin(h) != p->seq + 1) {
        if (!half_is_untouched(h) || !half_is_untouched(opener))
            return;
        stream_drop_early(n, h);
        handshake_start(h, p->seq + 1);
        half_read_syn(h, p);
    }
    handshake_adopt(n, c, other_side(from), p->ack);
    /* Scaling is used only when both offer it; without the first SYN nobody can know. */
    if (opener->syn) {
        bool scaled = h->scaled && opener->scaled;
        h->scale = scaled ? h->scale_offered : 0;
        opener->scale = scaled ? opener->scale_offered : 0;
    }
    policy_grant(opener, half_position(opener, p->ack), p->window);
}

void handshake_syn(struct net *n, struct connection *c, enum side from, const struct net_packet *p)
{
    if (p->flags & TCP_FIN)
        return;
    if (p->flags & TCP_ACK)
        handshake_answer(n, c, from, p);
    else
        handshake_first(n, c, from, p);
}

/* A SYN-ACK told where this side starts; it may have said a lot since, unseen. */
void handshake_first_sight(struct half *h)
{
    h->seen = true;
    if (!h->started || !h->acked_known)
        return;
    int64_t acked = half_position(h, h->acked_seq);
    if (acked < 0)
        h->started = false;
    else
        policy_grant(h, acked, 0);
}

/* A side begins at the first data that we see of it, unless these were acknowledged before: a keep-alive or a
 * retransmission from before our time. When only the SYN-ACK was missed, the client's first acknowledgement is where
 * the server began. */
bool handshake_midstream(struct connection *c, enum side from, const struct net_packet *p)
{
    struct half *h = &c->half[from];
    uint32_t end = p->seq + p->payload_length + (p->flags & TCP_FIN ? 1 : 0);
    if (h->acked_known && (int32_t)(end - h->acked_seq) <= 0)
        return false;
    int32_t since_first_ack = (int32_t)(p->seq - h->acked_first);
    bool known = c->half[other_side(from)].syn && h->acked_known && since_first_ack >= 0 && since_first_ack < 1 << 20;
    if (!known)
        c->flow.midstream = true;
    handshake_start(h, known ? h->acked_first : p->seq);
    return true;
}
