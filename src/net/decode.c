/* net_decode: walks a frame's layers down to TCP. The table below is the one place that knows what carries what. */
#include "net/decode.h"

static enum layer (*const steps[LAYERS])(struct decoding *d) = {
    [LAYER_ETHERNET] = decode_ethernet,
    [LAYER_VLAN] = decode_vlan,
    [LAYER_COOKED] = decode_cooked,
    [LAYER_COOKED2] = decode_cooked2,
    [LAYER_LOOPBACK] = decode_loopback,
    [LAYER_RAW] = decode_raw,
    [LAYER_IPV4] = decode_ipv4,
    [LAYER_IPV6] = decode_ipv6,
    [LAYER_IPV6_OPTIONS] = decode_ipv6_options,
    [LAYER_AUTHENTICATION] = decode_authentication,
    [LAYER_FRAGMENT] = decode_fragment,
    [LAYER_MPLS] = decode_mpls,
    [LAYER_PPPOE] = decode_pppoe,
    [LAYER_GRE] = decode_gre,
    [LAYER_UDP] = decode_udp,
};

const struct carried decode_frequent[] = {
    [BY_LINK_TYPE] = {1, LAYER_ETHERNET},
    [BY_ETHERTYPE] = {0x0800, LAYER_IPV4},
    [BY_IP_PROTOCOL] = {6, LAYER_TCP},
    [BY_ADDRESS_FAMILY] = {2, LAYER_IPV4},
};

static const struct carried by_link_type[] = {
    {113, LAYER_COOKED}, {276, LAYER_COOKED2}, {101, LAYER_RAW}, {12, LAYER_RAW}, {14, LAYER_RAW},
    {228, LAYER_IPV4},   {229, LAYER_IPV6},   {0, LAYER_LOOPBACK},  {108, LAYER_LOOPBACK},
};
static const struct carried by_ethertype[] = {
    {0x86dd, LAYER_IPV6}, {0x8100, LAYER_VLAN}, {0x88a8, LAYER_VLAN}, {0x9100, LAYER_VLAN},
    {0x8847, LAYER_MPLS}, {0x8848, LAYER_MPLS}, {0x8864, LAYER_PPPOE},
};
static const struct carried by_ip_protocol[] = {
    {0, LAYER_IPV6_OPTIONS},   {43, LAYER_IPV6_OPTIONS},  {60, LAYER_IPV6_OPTIONS},
    {44, LAYER_FRAGMENT},     {51, LAYER_AUTHENTICATION}, {135, LAYER_IPV6_OPTIONS}, {139, LAYER_IPV6_OPTIONS},
    {140, LAYER_IPV6_OPTIONS}, {4, LAYER_IPV4},           {41, LAYER_IPV6},           {47, LAYER_GRE},
    {17, LAYER_UDP},
};
/* AF_INET6 has another number on each system: NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30, Linux 10. */
static const struct carried by_address_family[] = {
    {24, LAYER_IPV6}, {28, LAYER_IPV6}, {30, LAYER_IPV6}, {10, LAYER_IPV6},
};

#define ROWS(table) table, sizeof(table) / sizeof(table)[0]
static const struct {
    const struct carried *rows;
    size_t count;
    enum counter skipped;
} carriers[] = {
    [BY_LINK_TYPE] = {ROWS(by_link_type), COUNT_SKIPPED_LINK_TYPE},
    [BY_ETHERTYPE] = {ROWS(by_ethertype), COUNT_SKIPPED_NOT_IP},
    [BY_IP_PROTOCOL] = {ROWS(by_ip_protocol), COUNT_SKIPPED_NOT_TCP},
    [BY_ADDRESS_FAMILY] = {ROWS(by_address_family), COUNT_SKIPPED_NOT_IP},
};
#undef ROWS

enum layer decode_carried_other(struct decoding *d, enum carrier by, uint32_t value)
{
    for (size_t i = 0; i < carriers[by].count; i++)
        if (carriers[by].rows[i].value == value)
            return carriers[by].rows[i].layer;
    return decode_skip(d, carriers[by].skipped);
}

bool decode_walk(struct decoding *d, const struct raw_packet *raw, const uint8_t *whole, struct net_packet *out)
{
    memset(d, 0, offsetof(struct decoding, lengths)); /* these are counted */
    d->whole = whole;
    d->at = cursor_over(view_of(raw->bytes, raw->captured));
    d->on_wire = raw->length > raw->captured ? raw->length : raw->captured;
    d->out = out;
    out->raw = raw;
    out->udp = false;
    out->vlan = 0;
    out->tenant = 0;
    enum layer layer = decode_carried(d, BY_LINK_TYPE, raw->link_type);
    while (layer != LAYER_NONE && layer != LAYER_TCP)
        layer = steps[layer](d);
    return layer == LAYER_TCP && decode_tcp(d) == LAYER_TCP;
}

bool decode_layers(const struct raw_packet *raw, struct net_packet *out, enum counter *skipped)
{
    struct decoding d;
    if (decode_walk(&d, raw, NULL, out))
        return true;
    *skipped = d.skipped;
    return false;
}

bool net_decode(const struct raw_packet *raw, struct net_packet *out, enum counter *skipped)
{
    return decode_plain(raw, out) || decode_layers(raw, out, skipped);
}
