/*
 * The layers around CQL messages: the segments of version 5 (native_protocol_v5.spec, section 2) and the compressed bodies of
 * version 3 and 4 (native_protocol_v4.spec, section 5), whose clear header goes on as the beginning of what was opened.
 */
#include "model/name.h"
#include "proto/cql.h"

enum { CRC24_START = 0x875060, LENGTH_BITS = 17, LENGTH_MASK = (1 << LENGTH_BITS) - 1, CONTAINED_BIT = 17, CONTAINED_BIT_LZ4 = 34 };

/* src/java/org/apache/cassandra/net/Crc.java: polynomial 0x1974f0b, most significant bit first; a nibble at a time. */
uint32_t cql_crc24(const uint8_t *bytes, unsigned length)
{
    static const uint32_t nibbles[16] = {
        0x000000, 0x974f0b, 0xb9d11d, 0x2e9e16, 0xe4ed31, 0x73a23a, 0x5d3c2c, 0xca7327,
        0x5e9569, 0xc9da62, 0xe74474, 0x700b7f, 0xba7858, 0x2d3753, 0x03a945, 0x94e64e,
    };
    uint32_t crc = CRC24_START;
    for (unsigned i = 0; i < length; i++) {
        crc ^= (uint32_t)bytes[i] << 16;
        crc = (crc << 4 & 0xffffff) ^ nibbles[crc >> 20 & 15];
        crc = (crc << 4 & 0xffffff) ^ nibbles[crc >> 20 & 15];
    }
    return crc;
}

static uint32_t header_of(const void *state, enum side from)
{
    const struct cql_state *s = state;
    (void)from;
    if (!s->segments)
        return CQL_HEADER;
    return s->codec == CODEC_LZ4 ? CQL_SEGMENT_HEADER_LZ4 : CQL_SEGMENT_HEADER_BYTES;
}

static struct report about(enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length)
{
    return (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = offset, .length = length};
}

static void order_wrong(struct cql_state *s, enum side from, const struct cql_segments *in, struct findings *findings)
{
    struct report found = about(ANOMALY_CQL_SEGMENT_ORDER, FIELD_CQL_SEGMENT_CONTAINED, 0, CQL_SEGMENT_HEADER_BYTES / 2);
    found.got = in->contained;
    found.note = "the rest of the large message before it";
    report(findings, found);
    s->reported |= from == FROM_CLIENT;
}

/* Large messages are cut into segments of their own; whole ones share segments. True: a message begins here. */
static bool follow(struct cql_state *s, enum side from, uint32_t bytes, struct findings *findings)
{
    struct cql_segments *in = &s->in[from];
    bool open = in->large;
    in->left = 0;
    if (in->contained) {
        if (open)
            order_wrong(s, from, in, findings);
        in->large = in->large_known = in->unsure = false;
        in->left = bytes;
        return true;
    }
    if (in->unsure)
        return false;
    if (!open) {
        in->large = true;
        in->large_known = false;
        in->large_have = 0;
    }
    in->large_have += bytes;
    if (in->large_known && in->large_have >= in->large_total) {
        in->large = false;
        in->left = (uint32_t)(in->large_have - in->large_total);
        if (in->left)
            order_wrong(s, from, in, findings);
    }
    return !open;
}

static enum verdict segment_head(struct cql_state *s, enum side from, struct cursor head, struct wrap *out, struct findings *findings)
{
    struct view bytes = cursor_ahead(&head);
    bool lz4 = s->codec == CODEC_LZ4;
    unsigned width = lz4 ? 5 : 3;
    uint64_t bits = 0;
    uint32_t said = 0;
    for (unsigned i = 0; i < width; i++)
        bits |= (uint64_t)take_u8(&head) << (8 * i);
    said = take_u24le(&head);
    uint32_t right = cql_crc24(bytes.bytes, width);
    uint32_t inflated = lz4 ? (uint32_t)(bits >> LENGTH_BITS & LENGTH_MASK) : 0;
    struct cql_segments *in = &s->in[from];
    findings->message = CQL_SEGMENT;
    note_field(findings, FIELD_CQL_SEGMENT_LENGTH, 0, width, bits & LENGTH_MASK);
    note_field(findings, FIELD_CQL_SEGMENT_INFLATED, lz4 ? 2 : 0, lz4 ? 3 : 0, inflated);
    note_field(findings, FIELD_CQL_SEGMENT_HEADER_SUM, width, 3, said);
    if (said != right) {
        struct report found = about(ANOMALY_CQL_SEGMENT_HEADER, FIELD_CQL_SEGMENT_HEADER_SUM, width, 3);
        found.relation = MUST_EQUAL;
        found.got = said;
        found.expected = right;
        found.note = "the CRC-24 of the header";
        report(findings, found);
        s->reported |= from == FROM_CLIENT;
        return VERDICT_BROKEN;
    }
    in->contained = bits >> (lz4 ? CONTAINED_BIT_LZ4 : CONTAINED_BIT) & 1;
    note_field(findings, FIELD_CQL_SEGMENT_CONTAINED, 0, width, in->contained);
    out->payload = (uint32_t)(bits & LENGTH_MASK);
    out->codec = inflated ? CODEC_LZ4 : CODEC_STORED;
    out->declared = inflated ? inflated : out->payload;
    out->trailer = CQL_SEGMENT_TRAILER;
    out->starts = follow(s, from, out->declared, findings);
    return VERDICT_OK;
}

/* The header of an envelope whose body may be compressed. What is wrong with it is said by the message; only a length that
 * cannot be followed ends the frames here. */
static enum verdict body_head(struct cql_state *s, enum side from, struct cursor head, struct wrap *out, struct findings *findings)
{
    uint8_t version = take_u8(&head), flags = take_u8(&head);
    take_skip(&head, 3);
    uint32_t length = take_u32be(&head);
    s->is_opened[from] = false;
    out->header_is_content = out->starts = true;
    if (!cql_is_known(version & 0x7f) || cql_is_old(version & 0x7f) || length > CQL_BODY_MAX) {
        out->codec = CODEC_STORED;
        return VERDICT_OK;
    }
    if (flags & CQL_FLAG_COMPRESSED && length == 0 && from == FROM_CLIENT) {
        struct report found = about(ANOMALY_CQL_CANNOT_OPEN, FIELD_CQL_LENGTH, CQL_HEADER - 4, 4);
        found.note = "a compressed body, which is never empty";
        note_field(findings, FIELD_CQL_LENGTH, CQL_HEADER - 4, 4, 0);
        report(findings, found);
        s->reported = true;
    }
    out->payload = length;
    out->declared = length;
    out->codec = flags & CQL_FLAG_COMPRESSED && length ? (enum codec)s->codec : CODEC_STORED;
    out->prefix = out->codec == CODEC_LZ4 ? 4 : 0;
    return VERDICT_OK;
}

static enum verdict wrap_head(void *state, enum side from, struct cursor head, struct wrap *out, struct findings *findings)
{
    struct cql_state *s = state;
    return s->segments ? segment_head(s, from, head, out, findings) : body_head(s, from, head, out, findings);
}

static enum verdict opens_to(void *state, enum side from, uint64_t declared, struct findings *findings)
{
    struct cql_state *s = state;
    if (s->segments)
        return VERDICT_OK;
    bool lz4 = s->codec == CODEC_LZ4;
    note_field(findings, FIELD_CQL_SEGMENT_INFLATED, CQL_HEADER, lz4 ? 4 : 1, declared);
    if (declared > CQL_BODY_MAX) {
        struct report found = about(ANOMALY_CQL_INFLATED_LIMIT, FIELD_CQL_SEGMENT_INFLATED, CQL_HEADER, lz4 ? 4 : 1);
        found.relation = MUST_NOT_EXCEED;
        found.got = declared;
        found.expected = CQL_BODY_MAX;
        report(findings, found);
        s->reported |= from == FROM_CLIENT;
        return VERDICT_BROKEN;
    }
    s->opened[from] = (uint32_t)declared;
    s->is_opened[from] = true;
    return VERDICT_OK;
}

static bool wrap_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    return cql_frame_resync(state, from, ahead, offset);
}

const struct wrapper cql_wrapper = {
    .header = CQL_HEADER,
    .header_of = header_of,
    .head = wrap_head,
    .resync = wrap_resync,
    .opens_to = opens_to,
    .crc_start = {0xfa, 0x2d, 0x55, 0xca},
    .size_differs = ANOMALY_CQL_SIZE_DIFFERS,
    .cannot_open = ANOMALY_CQL_CANNOT_OPEN,
    .wrong_sum = ANOMALY_CQL_SEGMENT_PAYLOAD,
    .sum = FIELD_CQL_SEGMENT_SUM,
    .declared = FIELD_CQL_SEGMENT_INFLATED,
    .actual = FIELD_CQL_INFLATED_ACTUAL,
    .length = FIELD_CQL_SEGMENT_LENGTH,
};
