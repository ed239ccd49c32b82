/*
 * The walk through the headers of one frame. Each layer is a step: it takes its own header and names the next layer.
 * What carries what is one table (decode.c): a tunnel is a step function, a row, and nothing else.
 */
#ifndef DBHOUND_NET_DECODE_H
#define DBHOUND_NET_DECODE_H

#include "base/cursor.h"
#include "net/packet.h"

enum { VLAN_TAGS_MAX = 8, IP_HEADERS_MAX = 16, TUNNELS_MAX = 8 };

struct decoding {
    struct cursor at;       /* what was captured, from here to the end of the enclosing layer */
    uint64_t on_wire;       /* what the wire carried of it; the enclosing IP header's length bounds it */
    struct net_packet *out;
    enum counter skipped;   /* why, when a step ends the walk */
    uint8_t tags;
    uint8_t tunnels;        /* entered so far, of every kind */
    uint8_t ip_headers;     /* extension headers of the innermost IP header */
    uint8_t ip_version;     /* 0: no IP header yet */
    /* For defragmentation; places in the frame. */
    uint8_t enclosing;      /* headers around the innermost IP header that say how long they are: */
    bool fragmented;        /* the innermost IPv6 header had a fragment header already */
    const uint8_t *ip;      /* the innermost IP header */
    const uint8_t *next;    /* IPv6: where the last header names the next one */
    const uint8_t *whole;   /* an IPv6 header that was reassembled: it may not be fragmented again */
    struct {
        const uint8_t *at;
        uint16_t open;      /* the value with which it fills the frame */
    } lengths[2 * TUNNELS_MAX];
};

/* A header whose length leaves no room for more than came with this fragment. */
static inline void decode_enclose(struct decoding *d, const uint8_t *length, uint16_t open)
{
    if (d->enclosing == sizeof d->lengths / sizeof d->lengths[0])
        return;
    d->lengths[d->enclosing].at = length;
    d->lengths[d->enclosing++].open = open;
}

/* Takes one header from d->at. Returns the next step's layer, LAYER_TCP at the goal, or LAYER_NONE with d->skipped set. */
enum layer {
    LAYER_NONE,
    LAYER_ETHERNET,
    LAYER_VLAN,
    LAYER_COOKED,
    LAYER_COOKED2,
    LAYER_LOOPBACK,
    LAYER_RAW,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_IPV6_OPTIONS,
    LAYER_AUTHENTICATION,
    LAYER_FRAGMENT,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_GRE,
    LAYER_UDP,
    LAYER_TCP,
    LAYERS
};

/* What a number in a header means depends on whose number it is. */
enum carrier { BY_LINK_TYPE, BY_ETHERTYPE, BY_IP_PROTOCOL, BY_ADDRESS_FAMILY };

struct carried {
    uint32_t value;
    enum layer layer;
};

/* Of each carrier the most frequent row; the rest is looked up. */
extern const struct carried decode_frequent[];
enum layer decode_carried_other(struct decoding *d, enum carrier by, uint32_t value);

/* LAYER_NONE, with d->skipped set, when nothing decodes it. */
static inline enum layer decode_carried(struct decoding *d, enum carrier by, uint32_t value)
{
    return value == decode_frequent[by].value ? decode_frequent[by].layer : decode_carried_other(d, by, value);
}

static inline enum layer decode_skip(struct decoding *d, enum counter why)
{
    d->skipped = why;
    return LAYER_NONE;
}

/* The next `length` bytes as a header; NULL when they are not there, with d->skipped saying whether the capture or the
 * packet itself is too short. */
static inline const uint8_t *decode_header(struct decoding *d, uint32_t length)
{
    struct view header = take_view(&d->at, length);
    if (d->at.failed) {
        d->skipped = d->ip_version && length > d->on_wire ? COUNT_SKIPPED_MALFORMED : COUNT_SKIPPED_TRUNCATED;
        return NULL;
    }
    d->on_wire -= length; /* what is captured is on the wire: the walk keeps at <= on_wire */
    return header.bytes;
}

/* The enclosing layer says that it ends `length` bytes from here: what follows is padding. */
static inline void decode_bound(struct decoding *d, uint64_t length)
{
    d->on_wire = length;
    if (length < cursor_left(&d->at))
        d->at = cursor_over(view_head(cursor_ahead(&d->at), (size_t)length));
}

enum layer decode_ethernet(struct decoding *d);
enum layer decode_vlan(struct decoding *d);
enum layer decode_cooked(struct decoding *d);
enum layer decode_cooked2(struct decoding *d);
enum layer decode_loopback(struct decoding *d);
enum layer decode_raw(struct decoding *d);
enum layer decode_ipv4(struct decoding *d);
enum layer decode_ipv6(struct decoding *d);
enum layer decode_ipv6_options(struct decoding *d);
enum layer decode_authentication(struct decoding *d);
enum layer decode_fragment(struct decoding *d);
enum layer decode_mpls(struct decoding *d);
enum layer decode_pppoe(struct decoding *d);
enum layer decode_gre(struct decoding *d);
enum layer decode_udp(struct decoding *d);
enum layer decode_tcp(struct decoding *d);

/* The walk through the layers of a frame: true at a TCP segment. `whole`: see struct decoding. */
bool decode_walk(struct decoding *d, const struct raw_packet *raw, const uint8_t *whole, struct net_packet *out);
/* The same for who needs no more; net_decode takes the short way first. */
bool decode_layers(const struct raw_packet *raw, struct net_packet *out, enum counter *skipped);
/* plain.c: false when the frame is not of the plainest kind. */
bool decode_plain(const struct raw_packet *raw, struct net_packet *out);

#endif
