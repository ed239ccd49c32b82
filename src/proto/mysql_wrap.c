/*
 * The layers around MySQL packets: compressed frames, and the header that a proxy puts in front of a client's first
 * packet. Specification: page_protocol_basic_compression; haproxy.org proxy-protocol.txt, versions 1 and 2.
 */
#include "proto/mysql.h"

enum { FRAME_HEADER = 7, PROXY_V1_MAX = 107, PROXY_V2_HEADER = 16 };

/* Frames count like packets: from 0 at each command, onwards through the answer. */
static bool number_fits(const struct mysql_state *s, enum side from, uint8_t number)
{
    uint8_t next = (uint8_t)(s->zlib_sequence + 1);
    if (from == FROM_SERVER)
        return number == next || number == 1;
    bool between = !s->frame_was_empty && s->wrapped_bytes[FROM_CLIENT] == 0 && s->message_bytes[FROM_CLIENT] == 0 && s->used == 0 && !s->file;
    return number == 0 || (number == next && !between);
}

static enum verdict wrap_head(void *state, enum side from, struct cursor head, struct wrap *out,
                              struct findings *findings)
{
    struct mysql_state *s = state;
    out->header = FRAME_HEADER;
    out->payload = take_u24le(&head);
    uint8_t number = take_u8(&head);
    uint32_t declared = take_u24le(&head);
    out->codec = declared == 0                                        ? CODEC_STORED
                 : findings->session->compression == COMPRESSION_ZSTD ? CODEC_ZSTD
                                                                      : CODEC_ZLIB;
    out->declared = declared == 0 ? out->payload : declared;
    note_field(findings, FIELD_MYSQL_FRAME_LENGTH, 0, 3, out->payload);
    note_field(findings, FIELD_MYSQL_FRAME_SEQUENCE, 3, 1, number);
    note_field(findings, FIELD_MYSQL_FRAME_INFLATED, 4, 3, declared);
    bool client = from == FROM_CLIENT;
    if (!s->lost && !s->midstream && s->phase < PHASE_STREAM && !number_fits(s, from, number)) {
        mysql_report(findings, client ? ANOMALY_MYSQL_FRAME_SEQUENCE : ANOMALY_MYSQL_FRAME_SEQUENCE_SERVER,
                     FIELD_MYSQL_FRAME_SEQUENCE, 3, 1,
                     must_equal(number, client && s->used == 0 ? 0 : (uint8_t)(s->zlib_sequence + 1)));
        s->blamed |= client;
    }
    if (out->payload == 0 && declared > 0) {
        mysql_report(findings, ANOMALY_MYSQL_FRAME_CANNOT_OPEN, FIELD_MYSQL_FRAME_INFLATED, 4, 3,
                     must_equal(declared, 0));
        s->blamed |= client;
    } else if (out->payload == 0) {
        mysql_report(findings, ANOMALY_MYSQL_FRAME_EMPTY, FIELD_MYSQL_FRAME_LENGTH, 0, 3, at_least(0, 1));
    }
    s->zlib_sequence = number;
    s->frame_was_empty = out->payload == 0;
    s->wrapped_bytes[from] += out->payload ? out->declared : 0;
    return VERDICT_OK;
}

const struct wrapper mysql_wrapper = {
    .header = FRAME_HEADER,
    .head = wrap_head,
    .size_differs = ANOMALY_MYSQL_FRAME_SIZE_DIFFERS,
    .cannot_open = ANOMALY_MYSQL_FRAME_CANNOT_OPEN,
    .declared = FIELD_MYSQL_FRAME_INFLATED,
    .actual = FIELD_MYSQL_FRAME_ACTUAL,
    .length = FIELD_MYSQL_FRAME_LENGTH,
};

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Do the bytes, as far as they go, agree with this beginning? */
static bool agrees(struct view ahead, const void *signature, size_t length)
{
    size_t most = ahead.length < length ? ahead.length : length;
    return memcmp(ahead.bytes, signature, most) == 0;
}

bool mysql_proxy_begins(struct cursor ahead)
{
    struct view all = cursor_ahead(&ahead);
    return (all.length >= 6 && agrees(all, "PROXY ", 6)) ||
           (all.length >= sizeof v2_signature && agrees(all, v2_signature, sizeof v2_signature));
}

enum framing mysql_proxy_frame(struct cursor ahead, struct frame *out)
{
    struct view all = cursor_ahead(&ahead);
    *out = (struct frame){0};
    if (all.length == 0)
        return FRAME_NEEDS_MORE;
    if (agrees(all, "PROXY ", 6)) {
        const uint8_t *end = memchr(all.bytes, '\n', all.length < PROXY_V1_MAX ? all.length : PROXY_V1_MAX);
        if (!end && all.length < PROXY_V1_MAX)
            return FRAME_NEEDS_MORE;
        out->total = end ? (uint64_t)(end - all.bytes) + 1 : PROXY_V1_MAX;
        out->wanted = (uint32_t)out->total;
        return FRAME_READY;
    }
    if (!agrees(all, v2_signature, sizeof v2_signature))
        return FRAME_READY;
    if (all.length < PROXY_V2_HEADER)
        return FRAME_NEEDS_MORE;
    take_skip(&ahead, PROXY_V2_HEADER - 2);
    out->total = PROXY_V2_HEADER + (uint64_t)take_u16be(&ahead);
    out->wanted = out->total > MESSAGE_BYTES_MAX ? MESSAGE_BYTES_MAX : (uint32_t)out->total;
    return FRAME_READY;
}

static void proxy_wrong(struct findings *out, uint32_t offset, uint32_t length, uint64_t got, const char *note)
{
    mysql_report(out, ANOMALY_MYSQL_PROXY_HEADER, FIELD_MYSQL_PROXY_HEADER, offset, length, must_be(got, note));
}

/* "PROXY TCP4 source destination port port\r\n" */
static void proxy_v1(struct view line, struct findings *out)
{
    uint32_t length = (uint32_t)line.length;
    if (length < 2 || line.bytes[length - 1] != '\n' || line.bytes[length - 2] != '\r') {
        proxy_wrong(out, 0, length, length, "a line of at most 107 bytes that ends in CR LF");
        return;
    }
    struct view rest = view_from(view_head(line, length - 2), 6);
    if (rest.length >= 7 && memcmp(rest.bytes, "UNKNOWN", 7) == 0) {
        if (rest.length > 7)
            mysql_report(out, ANOMALY_MYSQL_PROXY_UNKNOWN, FIELD_MYSQL_PROXY_HEADER, 13, (uint32_t)rest.length - 7,
                         noted(must_equal(rest.length - 7, 0), "bytes after UNKNOWN"));
        return;
    }
    unsigned spaces = 0;
    for (size_t i = 0; i < rest.length; i++)
        spaces += rest.bytes[i] == ' ';
    bool family = rest.length > 5 && (memcmp(rest.bytes, "TCP4 ", 5) == 0 || memcmp(rest.bytes, "TCP6 ", 5) == 0);
    if (!family || spaces != 4)
        proxy_wrong(out, 6, (uint32_t)rest.length, spaces, "TCP4 or TCP6, two addresses and two ports");
}

static void proxy_v2(struct cursor c, struct findings *out)
{
    take_skip(&c, sizeof v2_signature);
    uint8_t version = take_u8(&c), family = take_u8(&c);
    uint16_t length = take_u16be(&c);
    if (version >> 4 != 2 || (version & 15) > 1)
        proxy_wrong(out, 12, 1, version, "0x20 or 0x21");
    uint16_t needs = family >> 4 == 1 ? 12 : family >> 4 == 2 ? 36 : family >> 4 == 3 ? 216 : 0;
    if ((version & 15) == 1 && length < needs)
        proxy_wrong(out, 14, 2, length, "a length that holds the addresses of the family");
}

enum verdict mysql_proxy(struct mysql_state *s, struct cursor body, struct findings *out)
{
    struct view all = cursor_all(&body);
    s->proxied = true;
    out->message = MYSQL_PROXY_HEADER;
    note_field(out, FIELD_MYSQL_PROXY_HEADER, 0, (uint32_t)all.length, 0);
    if (all.bytes[0] == 'P')
        proxy_v1(all, out);
    else
        proxy_v2(body, out);
    return VERDICT_OK;
}
