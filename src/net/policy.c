/* Which segments a receiver discards before it looks at their bytes: Linux's rules, RFC 9293 section 3.10.7.4, RFC 5961,
 * RFC 7323. What was not negotiated in a handshake that we saw is not held against a segment. */
#include "net/connection.h"
#include "net/tcp_header.h"
#include "net/wire.h"

enum {
    STAMP_TOLERANCE = 1,  /* ticks: a capture may swap two packets of one side over a tick's boundary */
    STAMP_ALONE = 12,     /* options that are the usual two NOPs and a timestamp */
};
static const int64_t WINDOW_UNKNOWN = INT64_C(1) << 30; /* RFC 7323 allows no more */

static bool stamp_is_old(struct half *h, uint32_t stamp, bool in_order)
{
    int32_t newer = (int32_t)(stamp - h->stamp);
    if (newer < -STAMP_TOLERANCE)
        return true;
    if (in_order && newer > 0)
        h->stamp = stamp;
    return false;
}

bool policy_options(struct connection *c, enum side from, const struct net_packet *p)
{
    if (p->options.length == 0)
        return false;
    struct half *h = &c->half[from];
    const struct half *other = &c->half[other_side(from)];
    bool stamps = h->stamped && other->stamped, in_order = (int32_t)(p->seq - h->next) <= 0;
    const uint8_t *o = p->options.bytes;
    if (p->options.length == STAMP_ALONE && wire_u32(o) == 0x0101080a)
        return stamps && stamp_is_old(h, wire_u32(o + 4), in_order);
    struct tcp_options read;
    tcp_options_read(p->options, &read);
    if (read.signed_md5 && !h->signed_md5 && (h->syn || other->syn))
        return true;
    return stamps && read.stamped && stamp_is_old(h, read.stamp, in_order);
}

static int64_t policy_slack(const struct half *h)
{
    return h->window_most ? h->window_most : WINDOW_UNKNOWN;
}

bool policy_outside(const struct half *h, int64_t start, int64_t end)
{
    if (!h->edge && !h->window_most)
        return start - h->received > WINDOW_UNKNOWN;
    int64_t edge = h->edge > h->received ? h->edge : h->received;
    /* Some acknowledgements may not have reached us: one window more than what we saw granted. */
    return start > edge + policy_slack(h) || end < h->received - WINDOW_UNKNOWN;
}

bool policy_bad_ack(const struct half *acked, int64_t ack)
{
    if (!acked->started)
        return false;
    int64_t edge = acked->edge > acked->received ? acked->edge : acked->received;
    return ack > edge + policy_slack(acked) || ack < acked->acked - policy_slack(acked) - 1;
}
