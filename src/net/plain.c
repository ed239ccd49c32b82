/*
 * The frame that nearly every capture is made of, in one step: Ethernet, IPv4 without options or fragments, TCP, whole
 * headers and an honest length. Anything else is left to the walk in decode.c, which gives the same result for these frames
 * too (test_plain proves it) at three times the instructions.
 */
#include <endian.h>

#include "net/decode.h"
#include "net/wire.h"

enum { ETHERNET = 14, IPV4 = 20, TCP = 20, TCP_AT = ETHERNET + IPV4 };

static inline uint64_t mapped(const uint8_t *address)
{
    return htobe64(UINT64_C(0xffff00000000) | wire_u32(address));
}

bool decode_plain(const struct raw_packet *raw, struct net_packet *out)
{
    const uint8_t *frame = raw->bytes;
    if (raw->link_type != 1 || raw->captured < TCP_AT + TCP || wire_u16(frame + 12) != 0x0800 || frame[14] != 0x45 || frame[23] != 6 ||
        (wire_u16(frame + 20) & 0x3fff))
        return false;
    const uint32_t total = wire_u16(frame + 16), options = (uint32_t)(frame[TCP_AT + 12] >> 4) * 4 - TCP;
    const uint32_t headers = TCP_AT + TCP + options, end = ETHERNET + total;
    const uint32_t on_wire = raw->length > raw->captured ? raw->length : raw->captured;
    /* A header length below 20 wraps `options` and fails here. */
    if (options > 40 || headers > raw->captured || headers > end || end > on_wire)
        return false;
    const uint64_t source[2] = {0, mapped(frame + 26)}, target[2] = {0, mapped(frame + 30)};
    memcpy(out->source.address, &source[0], 8);
    memcpy(out->source.address + 8, &source[1], 8);
    memcpy(out->target.address, &target[0], 8);
    memcpy(out->target.address + 8, &target[1], 8);
    out->raw = raw;
    out->udp = false;
    out->vlan = 0;
    out->tenant = 0;
    out->ttl = frame[22];
    out->id = wire_u16(frame + 18);
    out->source.port = wire_u16(frame + TCP_AT);
    out->target.port = wire_u16(frame + TCP_AT + 2);
    out->seq = wire_u32(frame + TCP_AT + 4);
    out->ack = wire_u32(frame + TCP_AT + 8);
    out->flags = frame[TCP_AT + 13] & (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG);
    out->window = wire_u16(frame + TCP_AT + 14);
    out->urgent = wire_u16(frame + TCP_AT + 18);
    out->options = view_of(frame + TCP_AT + TCP, options);
    out->payload = view_of(frame + headers, (raw->captured < end ? raw->captured : end) - headers);
    out->payload_length = end - headers;
    out->payload_offset = headers;
    return true;
}
