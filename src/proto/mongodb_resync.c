/* Where does a message surely begin? Its header must be sound, and what stands behind it must fit its opcode. */
#include "proto/mongodb.h"

static bool document_fits(const struct mongodb_reading *r, uint32_t at, uint32_t end)
{
    uint32_t length = mongodb_u32(r, at);
    return at < end && mongodb_here(r, at, 5) && length >= MONGODB_BSON_LEAST && length <= end - at &&
           (!mongodb_here(r, at + length - 1, 1) || mongodb_byte(r, at + length - 1) == 0);
}

static bool msg_fits(const struct mongodb_reading *r)
{
    uint32_t flags = mongodb_u32(r, 16);
    uint8_t kind = mongodb_byte(r, 20);
    if (!mongodb_here(r, 16, 9) || (flags & MSG_REQUIRED) > 3 || flags >> 17)
        return false;
    if (kind == SECTION_BODY)
        return document_fits(r, 21, r->end);
    return kind == SECTION_SEQUENCE && mongodb_u32(r, 21) >= 5 && mongodb_u32(r, 21) <= r->end - 21;
}

/* flags or 0, then a name of printable bytes with a point in it. */
static bool name_fits(const struct mongodb_reading *r)
{
    bool point = false;
    uint32_t at = 20;
    if (!mongodb_here(r, 16, 5) || mongodb_u32(r, 16) > 0xff)
        return false;
    for (; mongodb_here(r, at, 1) && at < r->end && mongodb_byte(r, at); at++) {
        if (mongodb_byte(r, at) < 0x20 || mongodb_byte(r, at) == 0x7f)
            return false;
        point |= mongodb_byte(r, at) == '.';
    }
    return point && at < r->end;
}

static bool reply_fits(const struct mongodb_reading *r)
{
    if (!mongodb_here(r, 16, 20) || mongodb_u32(r, 16) > 0xf)
        return false;
    return mongodb_u32(r, 32) == 0 ? r->end == 36 : document_fits(r, 36, r->end);
}

static bool compressed_fits(const struct mongodb_reading *r)
{
    uint32_t opcode = mongodb_u32(r, 16);
    return mongodb_here(r, 16, 9) && mongodb_is_opcode(opcode) && opcode != OP_COMPRESSED && mongodb_u32(r, 20) <= MONGODB_MESSAGE_MAX &&
           mongodb_byte(r, 24) <= COMPRESSOR_ZSTD;
}

bool mongodb_plausible(struct view bytes, enum side from)
{
    struct mongodb_reading r = {.bytes = bytes};
    if (bytes.length < MONGODB_HEADER)
        return false;
    r.end = mongodb_u32(&r, 0);
    uint32_t opcode = mongodb_u32(&r, 12);
    if (r.end < MONGODB_HEADER + 5 || r.end > MONGODB_MESSAGE_MAX || (from == FROM_SERVER && mongodb_u32(&r, 8) == 0))
        return false;
    switch (opcode) {
    case OP_MSG:
        return msg_fits(&r);
    case OP_COMPRESSED:
        return compressed_fits(&r);
    case OP_REPLY:
        return from == FROM_SERVER && reply_fits(&r);
    case OP_QUERY: case OP_INSERT: case OP_UPDATE: case OP_DELETE: case OP_GET_MORE:
        return from == FROM_CLIENT && name_fits(&r);
    case OP_KILL_CURSORS:
        return from == FROM_CLIENT && mongodb_here(&r, 16, 8) && mongodb_u32(&r, 16) == 0 && (r.end - 24) / 8 == mongodb_u32(&r, 20);
    default:
        return false;
    }
}

bool mongodb_may_begin(struct view bytes)
{
    enum { ENOUGH = 40 };
    struct mongodb_reading r = {.bytes = bytes};
    uint32_t length = mongodb_u32(&r, 0);
    if (bytes.length >= 4 && (length < MONGODB_HEADER + 5 || length > MONGODB_MESSAGE_MAX))
        return false;
    return bytes.length < ENOUGH && (bytes.length < MONGODB_HEADER || mongodb_is_opcode(mongodb_u32(&r, 12)));
}

bool mongodb_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct mongodb_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    *offset = 0;
    if (s->tls_asked)
        return bytes.length >= 5 && bytes.bytes[0] >= 0x14 && bytes.bytes[0] <= 0x17 && bytes.bytes[1] == 3;
    /* The high byte of an opcode's second half is zero: most places are passed over by it. */
    for (size_t at = 0; at + MONGODB_HEADER + 5 <= bytes.length; at++) {
        if (bytes.bytes[at + 15] || bytes.bytes[at + 14] || bytes.bytes[at + 3] > 2)
            continue;
        if (mongodb_plausible(view_from(bytes, at), from)) {
            *offset = at;
            return true;
        }
    }
    return false;
}
