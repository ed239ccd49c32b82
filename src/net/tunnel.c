/*
 * What a mirror port wraps around packets: MPLS (RFC 3032), PPPoE (RFC 2516), GRE (RFC 2784, 2890) with NVGRE (RFC 7637) and
 * ERSPAN I to III (draft-foschiano-erspan), IP in IP (RFC 2003, 4213), VXLAN (RFC 7348), Geneve (RFC 8926), TZSP. Each is one step of the
 * walk; all together are under one budget. The network identifier of a tunnel keeps equal addresses of two tenants apart.
 */
#include "net/decode.h"
#include "net/wire.h"

enum {
    MPLS_BOTTOM = 0x100,
    PPPOE_VERSION_TYPE = 0x11,
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 0x0007,
    GRE_ETHERNET = 0x6558,
    GRE_ERSPAN = 0x88be,    /* type I without, type II with a sequence number */
    GRE_ERSPAN_III = 0x22eb,
    ERSPAN_II_HEADER = 8,
    ERSPAN_III_HEADER = 12,
    ERSPAN_III_MORE = 8,    /* the platform's part, when the O bit says so */
    PORT_VXLAN = 4789,
    PORT_VXLAN_LINUX = 8472,
    PORT_GENEVE = 6081,
    PORT_TZSP = 37008,
    VXLAN_HAS_VNI = 0x08,
    TZSP_ETHERNET = 1,
    TZSP_PADDING = 0,
    TZSP_END = 1,
};

/* One more thing around a packet. False past the budget. */
static bool enter(struct decoding *d)
{
    if (d->tunnels++ < TUNNELS_MAX)
        return true;
    decode_skip(d, COUNT_SKIPPED_DEPTH);
    return false;
}

enum layer decode_mpls(struct decoding *d)
{
    const uint8_t *label;
    if (!enter(d))
        return LAYER_NONE;
    do {
        if (d->tags++ == VLAN_TAGS_MAX)
            return decode_skip(d, COUNT_SKIPPED_DEPTH);
        if (!(label = decode_header(d, 4)))
            return LAYER_NONE;
    } while (!(wire_u32(label) & MPLS_BOTTOM));
    if (cursor_left(&d->at) == 0)
        return decode_skip(d, COUNT_SKIPPED_TRUNCATED);
    switch (peek_u8(&d->at) >> 4) {
    case 4:
        return LAYER_IPV4;
    case 6:
        return LAYER_IPV6;
    case 0: /* the control word of a pseudowire, then a frame (RFC 4385, 4448) */
        return decode_header(d, 4) ? LAYER_ETHERNET : LAYER_NONE;
    default:
        return decode_skip(d, COUNT_SKIPPED_NOT_IP);
    }
}

enum layer decode_pppoe(struct decoding *d)
{
    if (!enter(d))
        return LAYER_NONE;
    const uint8_t *header = decode_header(d, 8);
    if (!header)
        return LAYER_NONE;
    uint32_t length = wire_u16(header + 4), protocol = wire_u16(header + 6);
    if (header[0] != PPPOE_VERSION_TYPE || header[1] || length < 2)
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    decode_enclose(d, header + 4, UINT16_MAX);
    decode_bound(d, length - 2);
    return protocol == PPP_IPV4 ? LAYER_IPV4 : protocol == PPP_IPV6 ? LAYER_IPV6 : decode_skip(d, COUNT_SKIPPED_NOT_IP);
}

static enum layer erspan(struct decoding *d, uint32_t header_length)
{
    const uint8_t *header = decode_header(d, header_length);
    if (!header)
        return LAYER_NONE;
    if (header_length == ERSPAN_III_HEADER && (header[11] & 1) && !decode_header(d, ERSPAN_III_MORE))
        return LAYER_NONE;
    return LAYER_ETHERNET;
}

enum layer decode_gre(struct decoding *d)
{
    if (!enter(d))
        return LAYER_NONE;
    const uint8_t *header = decode_header(d, 4);
    if (!header)
        return LAYER_NONE;
    uint32_t flags = wire_u16(header), protocol = wire_u16(header + 2);
    if (flags & (GRE_VERSION | GRE_ROUTING))
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    if ((flags & GRE_CHECKSUM) && !decode_header(d, 4))
        return LAYER_NONE;
    if (flags & GRE_KEY) {
        const uint8_t *key = decode_header(d, 4);
        if (!key)
            return LAYER_NONE;
        d->out->tenant = wire_u32(key);
    }
    if ((flags & GRE_SEQUENCE) && !decode_header(d, 4))
        return LAYER_NONE;
    switch (protocol) {
    case GRE_ETHERNET:
        return LAYER_ETHERNET;
    case GRE_ERSPAN:
        return flags & GRE_SEQUENCE ? erspan(d, ERSPAN_II_HEADER) : LAYER_ETHERNET;
    case GRE_ERSPAN_III:
        return erspan(d, ERSPAN_III_HEADER);
    default:
        return decode_carried(d, BY_ETHERTYPE, protocol);
    }
}

static enum layer vxlan(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 8);
    if (!header)
        return LAYER_NONE;
    if (!(header[0] & VXLAN_HAS_VNI))
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    d->out->tenant = wire_u32(header + 4) >> 8;
    return LAYER_ETHERNET;
}

static enum layer geneve(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 8);
    if (!header)
        return LAYER_NONE;
    if (header[0] >> 6)
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    uint32_t protocol = wire_u16(header + 2), options = (header[0] & 0x3fu) * 4;
    d->out->tenant = wire_u32(header + 4) >> 8;
    if (options && !decode_header(d, options))
        return LAYER_NONE;
    return protocol == GRE_ETHERNET ? LAYER_ETHERNET : decode_carried(d, BY_ETHERTYPE, protocol);
}

/* Tagged fields up to the end tag; each has a length but padding and the end. */
static enum layer tzsp(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 4);
    if (!header)
        return LAYER_NONE;
    if (header[0] != 1 || header[1] > 1 || wire_u16(header + 2) != TZSP_ETHERNET)
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    for (;;) {
        const uint8_t *tag = decode_header(d, 1);
        if (!tag)
            return LAYER_NONE;
        if (*tag == TZSP_END)
            return LAYER_ETHERNET;
        const uint8_t *length = *tag == TZSP_PADDING ? NULL : decode_header(d, 1);
        if (*tag != TZSP_PADDING && (!length || (*length && !decode_header(d, *length))))
            return LAYER_NONE;
    }
}

/* What is no tunnel: its payload, for who decodes datagrams. */
static enum layer datagram(struct decoding *d, const uint8_t *header)
{
    uint32_t length = wire_u16(header + 4);
    if (length < 8)
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    decode_bound(d, length - 8 < d->on_wire ? length - 8 : d->on_wire);
    d->out->source.port = wire_u16(header);
    d->out->target.port = wire_u16(header + 2);
    d->out->payload = cursor_ahead(&d->at);
    d->out->payload_length = (uint32_t)d->on_wire;
    d->out->payload_offset = (uint32_t)(header + 8 - d->out->raw->bytes);
    d->out->udp = true;
    return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
}

/* A carrier of tunnels, known by their port, or a datagram. */
enum layer decode_udp(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 8);
    if (!header)
        return LAYER_NONE;
    uint16_t port = wire_u16(header + 2);
    bool tunnel = port == PORT_VXLAN || port == PORT_VXLAN_LINUX || port == PORT_GENEVE || port == PORT_TZSP;
    if (!tunnel)
        return datagram(d, header);
    if (!enter(d))
        return LAYER_NONE;
    return port == PORT_GENEVE ? geneve(d) : port == PORT_TZSP ? tzsp(d) : vxlan(d);
}
