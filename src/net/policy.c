/* Which segments a receiver discards before it looks at their bytes: Linux's rules, RFC 9293 section 3.10.7.4, RFC 5961,
 * RFC 7323. What was not negotiated in a handshake that we saw is not held against a segment. */
#include "net/connection.h"
#include "net/tcp_header.h"
#include "net/wire.h"

enum {
    STAMP_TOLERANCE = 1,  /* ticks: TCP_PAWS_WINDOW */
    STAMP_ALONE = 12,     /* options that are the usual two NOPs and a timestamp */
};
static const int64_t WINDOW_UNKNOWN = INT64_C(1) << 30; /* RFC 7323 allows no more */

/* The distance 2^31 is new, and after a first stamp of zero everything is. */
static bool stamp_is_old(const struct half *h, uint32_t stamp)
{
    return (int32_t)(h->stamp - stamp) > STAMP_TOLERANCE && h->stamp != 0;
}

bool policy_options(const struct connection *c, enum side from, const struct net_packet *p, uint32_t *stamp)
{
    const struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    *stamp = h->stamp;
    if (p->options.length == 0)
        return false;
    bool stamps = h->stamped && other->stamped;
    const uint8_t *o = p->options.bytes;
    struct tcp_options read = {.stamped = true};
    if (p->options.length == STAMP_ALONE && wire_u32(o) == 0x0101080a) {
        read.stamp = wire_u32(o + 4);
    } else {
        if (policy_signature(c, from, p))
            return true;
        tcp_options_read(p->options, &read);
    }
    if (!stamps || !read.stamped)
        return false;
    *stamp = read.stamp;
    return stamp_is_old(h, read.stamp);
}

bool policy_signature(const struct connection *c, enum side from, const struct net_packet *p)
{
    const struct half *h = &c->half[from], *other = &c->half[other_side(from)];
    return !h->signed_md5 && (h->syn || other->syn) && tcp_options_signed(p->options);
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

bool policy_bad_ack(const struct connection *c, enum side acked, int64_t ack)
{
    const struct half *h = &c->half[acked];
    if (!h->started)
        return false;
    int64_t edge = h->edge > h->received ? h->edge : h->received;
    if (ack > edge + policy_slack(h))
        return true;
    /* A receiver compares with the largest window that it was offered, or what was acknowledged if that is less. */
    int64_t oldest = h->acked - policy_slack(h);
    if (acked == FROM_CLIENT || c->flow.midstream)
        return ack < oldest - 1;
    return ack < (oldest > 0 ? oldest : 0);
}
