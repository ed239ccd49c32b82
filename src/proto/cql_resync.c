/* After a gap: where does a message, or a segment, surely begin? A segment has a sum over its header; an envelope is believed
 * when others follow it, or when it begins or fills the packet. */
#include "model/name.h"
#include "proto/cql.h"

enum { DIRECTION = 0x80 };

static bool is_response(uint8_t opcode)
{
    return opcode == 0 || opcode == 2 || opcode == 3 || opcode == 6 || opcode == 8 || opcode == 12 || opcode == 14 || opcode == 16;
}

bool cql_is_request(uint8_t opcode)
{
    return opcode == 1 || opcode == 4 || opcode == 5 || opcode == 7 || (opcode >= 9 && opcode <= 11) || opcode == 13 || opcode == 15;
}

bool cql_header_is_sane(struct view head, enum side from, uint8_t version)
{
    struct cursor c = cursor_over(head);
    uint8_t first = take_u8(&c), flags = take_u8(&c);
    uint16_t stream = take_u16be(&c);
    uint8_t opcode = take_u8(&c);
    uint32_t length = take_u32be(&c);
    uint8_t spoken = first & 0x7f;
    if (c.failed || (first & DIRECTION) != (from == FROM_SERVER ? DIRECTION : 0))
        return false;
    if (version ? spoken != version : spoken < 3 || (spoken > 5 && !cql_is_dse(spoken)))
        return false;
    bool known = from == FROM_SERVER ? is_response(opcode) : cql_is_request(opcode);
    return known && flags <= CQL_FLAGS_KNOWN && length <= CQL_BODY_MAX && (from == FROM_SERVER || stream <= INT16_MAX);
}

static uint32_t u24le(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

bool cql_segment_begins(struct view here, unsigned *header)
{
    *header = CQL_SEGMENT_HEADER_BYTES;
    if (here.length >= CQL_SEGMENT_HEADER_BYTES && cql_crc24(here.bytes, 3) == u24le(here.bytes + 3))
        return true;
    *header = CQL_SEGMENT_HEADER_LZ4;
    return here.length >= CQL_SEGMENT_HEADER_LZ4 && cql_crc24(here.bytes, 5) == u24le(here.bytes + 5);
}

static bool find_segment(const struct cql_state *s, struct view bytes, size_t *offset)
{
    unsigned wanted = s->codec == CODEC_LZ4 ? CQL_SEGMENT_HEADER_LZ4 : CQL_SEGMENT_HEADER_BYTES;
    for (size_t at = 0; at + CQL_SEGMENT_HEADER_BYTES <= bytes.length; at++) {
        unsigned header = 0;
        if (cql_segment_begins(view_from(bytes, at), &header) && (!s->segments || header == wanted)) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* Is there an envelope here, and what it says of itself agrees with what follows? */
static bool envelope_begins(struct view here, enum side from, uint8_t version, bool first)
{
    for (unsigned whole = 0; whole < 3; whole++) {
        if (here.length == 0)
            return true;
        if (!cql_header_is_sane(here, from, version))
            return false;
        struct cursor c = cursor_over(here);
        take_skip(&c, CQL_HEADER - 4);
        uint64_t total = CQL_HEADER + (uint64_t)take_u32be(&c);
        if (total > here.length)
            return first || whole > 0;
        here = view_from(here, (size_t)total);
        if (here.length > 0 && here.length < CQL_HEADER)
            return first || whole > 0;
    }
    return true;
}

static bool find_envelope(const struct cql_state *s, enum side from, struct view bytes, size_t *offset)
{
    for (size_t at = 0; at + CQL_HEADER <= bytes.length; at++) {
        uint8_t version = bytes.bytes[at] & 0x7f;
        if (version >= 3 && (version <= 5 || cql_is_dse(version)) && envelope_begins(view_from(bytes, at), from, s->version, at == 0)) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* Of the layer below the messages. */
bool cql_frame_resync(const struct cql_state *s, enum side from, struct cursor ahead, size_t *offset)
{
    struct view bytes = cursor_ahead(&ahead);
    return s->segments ? find_segment(s, bytes, offset) : find_envelope(s, from, bytes, offset);
}

bool cql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct cql_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    if (s->segments || s->bodies) /* the frames say where messages begin */
        return false;
    if ((s->version == 0 || s->version >= 5) && find_segment(s, bytes, offset))
        return true;
    return find_envelope(s, from, bytes, offset);
}
