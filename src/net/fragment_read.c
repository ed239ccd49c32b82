/* What the headers of a fragment say: IPv4 (RFC 791 section 3.1), IPv6 (RFC 8200 section 4.5), and which of them Linux drops
 * before it looks at its queues. */
#include "net/datagram.h"
#include "net/decode.h"
#include "net/wire.h"

enum { IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_FRAGMENT = 44, IPV6_AUTHENTICATION = 51, IPV6_NO_NEXT = 59, IPV6_DESTINATION = 60 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ICMPV6 = 58 };

static bool header_sum_good(const uint8_t *header, uint32_t length)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < length; i += 2)
        sum += wire_u16(header + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return ((sum + (sum >> 16)) & 0xffff) == 0xffff;
}

static bool fragment_read_ipv4(const struct decoding *d, struct fragment *out)
{
    uint32_t header_length = (uint32_t)(d->ip[0] & 0x0f) * 4, offset = wire_u16(d->ip + 6);
    if (wire_u16(d->ip + 2) == 0 || !header_sum_good(d->ip, header_length))
        return false;
    out->key.id = wire_u16(d->ip + 4);
    out->key.protocol = d->ip[9];
    out->offset = (offset & IPV4_FRAGMENT_OFFSET) * FRAGMENT_UNIT;
    out->more = offset & IPV4_MORE_FRAGMENTS;
    out->congestion = (uint8_t)(1 << (d->ip[1] & 3));
    return true;
}

/* ipv6frag_thdr_truncated: the first fragment has the whole header chain and the fixed part of what it carries. A chain that
 * ends inside a header passes there, too. */
static bool chain_is_there(uint8_t next, const struct fragment *f)
{
    uint64_t at = 0;
    for (unsigned headers = 0; headers <= IP_HEADERS_MAX; headers++) {
        bool extension = next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_FRAGMENT || next == IPV6_AUTHENTICATION ||
                         next == IPV6_DESTINATION;
        if (next == IPV6_NO_NEXT)
            return true;
        if (!extension)
            break;
        if (at + (next == IPV6_FRAGMENT ? 4 : 2) > f->data.length)
            return true;
        const uint8_t *header = f->data.bytes + at;
        if (next == IPV6_FRAGMENT && (wire_u16(header + 2) & ~7u))
            return true;
        at += next == IPV6_FRAGMENT ? 8 : next == IPV6_AUTHENTICATION ? (header[1] + 2u) * 4 : (header[1] + 1u) * 8;
        next = header[0];
    }
    uint32_t fixed = next == PROTOCOL_TCP ? 20 : next == PROTOCOL_UDP || next == PROTOCOL_ICMPV6 ? 8 : 1;
    return at + fixed <= f->length;
}

static bool fragment_read_ipv6(const struct decoding *d, struct fragment *out)
{
    const uint8_t *header = out->data.bytes - IPV6_FRAGMENT_HEADER;
    if (wire_u16(d->ip + 4) == 0)
        return false;
    uint32_t offset = wire_u16(header + 2);
    out->key.id = wire_u32(header + 4);
    out->offset = offset & ~7u;
    out->more = offset & 1;
    out->congestion = (uint8_t)(1 << (d->ip[1] >> 4 & 3));
    out->next_at = (uint32_t)(d->next - d->out->raw->bytes);
    out->header_at = (uint32_t)(header - d->out->raw->bytes);
    return out->offset + out->length <= DATAGRAM_LENGTH_MAX && (!out->more || out->length % FRAGMENT_UNIT == 0) &&
           (out->offset || chain_is_there(header[0], out));
}

bool fragment_read(const struct decoding *d, const struct raw_packet *raw, struct fragment *out)
{
    memset(out, 0, sizeof *out);
    out->walk = d;
    out->data = cursor_ahead(&d->at);
    out->head = view_of(raw->bytes, (size_t)(out->data.bytes - raw->bytes));
    out->length = (uint32_t)d->on_wire;
    out->ip_at = (uint32_t)(d->ip - raw->bytes);
    memcpy(out->key.source, d->out->source.address, 16);
    memcpy(out->key.target, d->out->target.address, 16);
    out->key.vlan = d->out->vlan;
    out->key.tenant = d->out->tenant;
    out->key.version = d->ip_version;
    if (out->head.length > FRAGMENT_BLOCK || d->on_wire > DATAGRAM_LENGTH_MAX)
        return false;
    return d->ip_version == 4 ? fragment_read_ipv4(d, out) : fragment_read_ipv6(d, out);
}
