/* IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), the authentication header (RFC 4302). */
#include <endian.h>

#include "net/decode.h"
#include "net/wire.h"

enum {
    IPV4_HEADER_LEAST = 20,
    IPV6_FRAGMENT_OFFSET_AND_MORE = 0xfff9,
};

/* Two whole words: the flow table reads it back as such at once, and a store that is read back in other pieces stalls. */
static void decode_map_ipv4(uint8_t out[16], const uint8_t *address)
{
    const uint64_t words[2] = {0, htobe64(UINT64_C(0xffff00000000) | wire_u32(address))};
    memcpy(out, &words[0], 8);
    memcpy(out + 8, &words[1], 8);
}

enum layer decode_ipv4(struct decoding *d)
{
    const uint8_t *header = decode_header(d, IPV4_HEADER_LEAST);
    if (!header)
        return LAYER_NONE;
    uint32_t header_length = (uint32_t)(header[0] & 0x0f) * 4;
    uint32_t total = wire_u16(header + 2);
    if (header[0] >> 4 != 4 || header_length < IPV4_HEADER_LEAST || (total && total < header_length))
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    if (header_length > IPV4_HEADER_LEAST && !decode_header(d, header_length - IPV4_HEADER_LEAST))
        return LAYER_NONE;
    /* 0: a super-segment that the card would have cut up; it fills the frame. A length beyond the frame: a mirror that
     * slices packets; what is missing counts as cut. */
    if (total)
        decode_bound(d, total - header_length);
    if (d->ip_version && d->tunnels++ == TUNNELS_MAX)
        return decode_skip(d, COUNT_SKIPPED_DEPTH);
    if (d->ip_version)
        decode_enclose(d, d->ip + (d->ip_version == 4 ? 2 : 4), 0);
    d->ip_version = 4;
    d->ip_headers = 0;
    d->ip = header;
    d->out->ttl = header[8];
    d->out->id = wire_u16(header + 4);
    decode_map_ipv4(d->out->source.address, header + 12);
    decode_map_ipv4(d->out->target.address, header + 16);
    if (wire_u16(header + 6) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET))
        return decode_skip(d, COUNT_SKIPPED_FRAGMENT);
    return decode_carried(d, BY_IP_PROTOCOL, header[9]);
}

enum layer decode_ipv6(struct decoding *d)
{
    const uint8_t *header = decode_header(d, IPV6_HEADER);
    if (!header)
        return LAYER_NONE;
    if (header[0] >> 4 != 6)
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    /* 0: a jumbogram or a super-segment; it fills the frame. */
    if (wire_u16(header + 4))
        decode_bound(d, wire_u16(header + 4));
    if (d->ip_version && d->tunnels++ == TUNNELS_MAX)
        return decode_skip(d, COUNT_SKIPPED_DEPTH);
    if (d->ip_version)
        decode_enclose(d, d->ip + (d->ip_version == 4 ? 2 : 4), 0);
    d->ip_version = 6;
    d->ip_headers = 0;
    d->ip = header;
    d->next = header + 6;
    d->fragmented = header == d->whole;
    d->out->ttl = header[7];
    d->out->id = 0;
    memcpy(d->out->source.address, header + 8, 16);
    memcpy(d->out->target.address, header + 24, 16);
    return decode_carried(d, BY_IP_PROTOCOL, header[6]);
}

/* An extension header in steps of `unit` bytes; its length byte does not count the first `uncounted` ones. */
static enum layer decode_extension(struct decoding *d, uint32_t unit, uint32_t uncounted, uint32_t least)
{
    if (d->ip_headers++ == IP_HEADERS_MAX)
        return decode_skip(d, COUNT_SKIPPED_DEPTH);
    const uint8_t *header = decode_header(d, 8);
    if (!header)
        return LAYER_NONE;
    uint32_t length = (header[1] + uncounted) * unit;
    if (length < least)
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    uint8_t next = header[0];
    d->next = header;
    if (length > 8 && !decode_header(d, length - 8))
        return LAYER_NONE;
    return decode_carried(d, BY_IP_PROTOCOL, next);
}

/* Hop-by-hop, routing, destination options, mobility, HIP and shim share one shape. Under IPv4 they do not exist. */
enum layer decode_ipv6_options(struct decoding *d)
{
    return d->ip_version == 6 ? decode_extension(d, 8, 1, 8) : decode_skip(d, COUNT_SKIPPED_NOT_TCP);
}

enum layer decode_authentication(struct decoding *d)
{
    return decode_extension(d, 4, 2, 12);
}

/* An atomic fragment is a whole packet (RFC 6946). The others belong to fragments.c. Linux drops what is fragmented twice. */
enum layer decode_fragment(struct decoding *d)
{
    if (d->ip_version != 6)
        return decode_skip(d, COUNT_SKIPPED_NOT_TCP);
    if (d->ip_headers++ == IP_HEADERS_MAX)
        return decode_skip(d, COUNT_SKIPPED_DEPTH);
    const uint8_t *header = decode_header(d, IPV6_FRAGMENT_HEADER);
    if (!header)
        return LAYER_NONE;
    if (d->fragmented)
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    d->fragmented = true;
    if (wire_u16(header + 2) & IPV6_FRAGMENT_OFFSET_AND_MORE)
        return decode_skip(d, COUNT_SKIPPED_FRAGMENT);
    d->next = header;
    return decode_carried(d, BY_IP_PROTOCOL, header[0]);
}
