/* The TCP header and its checksum (RFC 9293 section 3.1), and the options that reassembly asks for. */
#include "net/tcp_header.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/decode.h"
#include "net/wire.h"

enum {
    TCP_HEADER_LEAST = 20,
    TCP_KNOWN_FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG,
    LARGEST_ON_WIRE = 9216, /* jumbo frames end here; what is larger was merged by a card or a kernel */
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMPS = 8,
    OPTION_MD5 = 19,
    OPTION_MD5_LENGTH = 18,
    WINDOW_SCALE_MOST = 14, /* RFC 7323 section 2.3 */
};

enum layer decode_tcp(struct decoding *d)
{
    const uint8_t *header = decode_header(d, TCP_HEADER_LEAST);
    if (!header)
        return LAYER_NONE;
    uint32_t length = (uint32_t)(header[12] >> 4) * 4;
    if (length < TCP_HEADER_LEAST)
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    struct net_packet *out = d->out;
    out->options = view_of(header + TCP_HEADER_LEAST, length - TCP_HEADER_LEAST);
    if (out->options.length && !decode_header(d, length - TCP_HEADER_LEAST))
        return LAYER_NONE;
    out->source.port = wire_u16(header);
    out->target.port = wire_u16(header + 2);
    out->seq = wire_u32(header + 4);
    out->ack = wire_u32(header + 8);
    out->flags = header[13] & TCP_KNOWN_FLAGS;
    out->window = wire_u16(header + 14);
    out->urgent = wire_u16(header + 18);
    out->payload = cursor_ahead(&d->at);
    out->payload_length = (uint32_t)d->on_wire;
    out->payload_offset = (uint32_t)(out->payload.bytes - out->raw->bytes);
    return LAYER_TCP;
}

/* The sum of big-endian 16-bit words, an odd last byte padded with zero. Bytes are added eight at a time, as halves of
 * words: in this arithmetic a word of 32 bits is worth the sum of its two halves. Segments are too short to overflow it. */
static uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    uint64_t words = 0;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint32_t two[2];
        memcpy(two, bytes + i, sizeof two);
        words += (uint64_t)two[0] + two[1];
    }
    while (words >> 16)
        words = (words & 0xffff) + (words >> 16);
    sum += ntohs((uint16_t)words);
    for (; i + 1 < length; i += 2)
        sum += wire_u16(bytes + i);
    if (i < length)
        sum += (uint64_t)bytes[i] << 8;
    return sum;
}

enum checksum tcp_checksum(const struct net_packet *packet)
{
    size_t header_length = TCP_HEADER_LEAST + packet->options.length;
    size_t length = header_length + packet->payload_length;
    if (packet->payload.length < packet->payload_length || length > LARGEST_ON_WIRE)
        return CHECKSUM_UNKNOWN;
    /* ::ffff:a.b.c.d adds ffff, which is zero in this arithmetic, once per address: one sum serves both versions. */
    uint64_t sum = checksum_add(0, packet->source.address, 16);
    sum = checksum_add(sum, packet->target.address, 16);
    sum += 6 + length;
    sum = checksum_add(sum, packet->options.bytes - TCP_HEADER_LEAST, header_length);
    sum = checksum_add(sum, packet->payload.bytes, packet->payload.length);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff ? CHECKSUM_RIGHT : CHECKSUM_WRONG;
}

bool net_checksum_good(const struct net_packet *packet)
{
    return tcp_checksum(packet) != CHECKSUM_WRONG;
}

void tcp_options_read(struct view options, struct tcp_options *out)
{
    *out = (struct tcp_options){0};
    if (options.length == 0)
        return;
    struct cursor c = cursor_over(options);
    while (cursor_left(&c)) {
        uint8_t kind = take_u8(&c);
        if (kind == OPTION_END)
            return;
        if (kind == OPTION_NOP)
            continue;
        uint8_t length = take_u8(&c);
        if (length < 2)
            return;
        struct view body = take_view(&c, length - 2u);
        if (c.failed)
            return;
        if (kind == OPTION_WINDOW_SCALE && body.length == 1) {
            out->scaled = true;
            out->scale = body.bytes[0] < WINDOW_SCALE_MOST ? body.bytes[0] : WINDOW_SCALE_MOST;
        } else if (kind == OPTION_TIMESTAMPS && body.length == 8) {
            out->stamped = true;
            out->stamp = wire_u32(body.bytes);
        } else if (kind == OPTION_SACK_PERMITTED && body.length == 0) {
            out->sack = true;
        } else if (kind == OPTION_MD5 && body.length == 16) {
            out->signed_md5 = true;
        }
    }
}

bool tcp_options_signed(struct view options)
{
    struct cursor c = cursor_over(options);
    while (cursor_left(&c) >= OPTION_MD5_LENGTH) {
        uint8_t kind = take_u8(&c);
        if (kind == OPTION_END)
            return false;
        if (kind == OPTION_NOP)
            continue;
        uint8_t length = take_u8(&c);
        if (length < 2 || kind == OPTION_MD5)
            return true;
        take_view(&c, length - 2u);
        if (c.failed)
            return true;
    }
    return false;
}

struct view tcp_options_sack(struct view options)
{
    struct cursor c = cursor_over(options);
    while (cursor_left(&c) > 1) {
        uint8_t kind = take_u8(&c);
        if (kind == OPTION_END)
            break;
        if (kind == OPTION_NOP)
            continue;
        uint8_t length = take_u8(&c);
        struct view body = take_view(&c, length < 2 ? 0 : length - 2u);
        if (length < 2 || c.failed)
            break;
        if (kind == OPTION_SACK)
            return view_head(body, body.length / 8 * 8);
    }
    return view_of(NULL, 0);
}
