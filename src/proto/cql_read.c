/* Reads the body of a message: the notations of section 3. What is beyond the head that was captured is not missing; what
 * is beyond the message is. */
#include "model/name.h"
#include "proto/cql.h"

void cql_report(struct cql_reading *r, struct report found)
{
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, found);
}

void cql_defect(struct cql_reading *r, struct report found)
{
    cql_report(r, found);
    r->stopped = r->wrong = true;
}

uint64_t cql_left(const struct cql_reading *r)
{
    uint64_t at = cursor_offset(&r->c);
    return r->total > at ? r->total - at : 0;
}

/* Are `length` bytes of a field here? If they are not in the message, that is a defect. */
static bool fits(struct cql_reading *r, enum field field, uint64_t length)
{
    if (r->stopped)
        return false;
    if (length <= cursor_left(&r->c))
        return true;
    if (length <= cql_left(r)) {
        r->stopped = true;
        return false;
    }
    bool client = r->from == FROM_CLIENT;
    cql_defect(r, (struct report){.anomaly = client ? ANOMALY_CQL_MISSING : ANOMALY_CQL_MISSING_SERVER, .field = (uint16_t)field,
                                  .relation = MUST_REACH, .offset = cursor_offset(&r->c), .got = cql_left(r), .expected = length,
                                  .note = "bytes of this field"});
    return false;
}

/* A length, just read from `width` bytes, reaches beyond the message. */
static bool reaches(struct cql_reading *r, enum field field, uint64_t declared, unsigned width)
{
    if (r->stopped)
        return false;
    if (declared <= cql_left(r))
        return true;
    bool client = r->from == FROM_CLIENT;
    cql_defect(r, (struct report){.anomaly = client ? ANOMALY_CQL_OVERRUN : ANOMALY_CQL_OVERRUN_SERVER, .field = (uint16_t)field,
                                  .relation = MUST_NOT_EXCEED, .offset = cursor_offset(&r->c) - width, .length = width,
                                  .got = declared, .expected = cql_left(r), .note = "what is left of the body"});
    return false;
}

static void note(struct cql_reading *r, enum field field, unsigned width, uint64_t value)
{
    note_field(r->out, field, cursor_offset(&r->c) - width, width, value);
}

uint8_t cql_u8(struct cql_reading *r, enum field field)
{
    if (!fits(r, field, 1))
        return 0;
    uint8_t value = take_u8(&r->c);
    note(r, field, 1, value);
    return value;
}

uint16_t cql_u16(struct cql_reading *r, enum field field)
{
    if (!fits(r, field, 2))
        return 0;
    uint16_t value = take_u16be(&r->c);
    note(r, field, 2, value);
    return value;
}

uint32_t cql_u32(struct cql_reading *r, enum field field)
{
    if (!fits(r, field, 4))
        return 0;
    uint32_t value = take_u32be(&r->c);
    note(r, field, 4, value);
    return value;
}

uint64_t cql_u64(struct cql_reading *r, enum field field)
{
    if (!fits(r, field, 8))
        return 0;
    uint64_t value = take_u64be(&r->c);
    note(r, field, 8, value);
    return value;
}

/* As many of `length` bytes, which are in the message, as are here. */
static struct view take_here(struct cql_reading *r, enum field field, uint32_t length)
{
    uint32_t offset = cursor_offset(&r->c);
    struct view here = view_head(cursor_ahead(&r->c), length);
    take_skip(&r->c, here.length);
    note_field(r->out, field, offset, length, 0);
    if (here.length < length)
        r->stopped = true;
    return here;
}

/* Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. The length of what is sound; a sequence that the
 * end cuts is not when `whole`. */
static size_t utf8_sound(struct view text, bool whole)
{
    const uint8_t *b = text.bytes;
    size_t at = 0;
    while (at < text.length) {
        uint64_t eight;
        if (text.length - at >= 8 && (memcpy(&eight, b + at, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) {
            at += 8;
            continue;
        }
        uint8_t first = b[at];
        unsigned more = first < 0x80 ? 0 : first >= 0xc2 && first <= 0xdf ? 1 : (first & 0xf0) == 0xe0 ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 4;
        if (more == 4)
            return at;
        for (unsigned i = 1; i <= more; i++) {
            if (at + i == text.length)
                return whole ? at : text.length;
            uint8_t next = b[at + i], low = 0x80, high = 0xbf;
            if (i == 1) {
                low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
                high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
            }
            if (next < low || next > high)
                return at;
        }
        at += 1 + more;
    }
    return at;
}

/* Servers decode strings strictly; what they send is not looked at. */
static void check_text(struct cql_reading *r, enum field field, struct view here, uint32_t length)
{
    if (r->from == FROM_SERVER || here.length == 0)
        return;
    size_t sound = utf8_sound(here, here.length == length);
    if (sound == here.length)
        return;
    uint32_t start = cursor_offset(&r->c) - (uint32_t)here.length;
    cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_UTF8, .field = (uint16_t)field, .relation = MUST_BE, .offset = start + (uint32_t)sound,
                                  .length = 1, .got = here.bytes[sound], .note = "UTF-8"});
}

static struct view short_string(struct cql_reading *r, enum field field, bool text)
{
    if (!fits(r, FIELD_CQL_STRING_LENGTH, 2))
        return view_of(NULL, 0);
    uint16_t length = take_u16be(&r->c);
    if (!reaches(r, FIELD_CQL_STRING_LENGTH, length, 2))
        return view_of(NULL, 0);
    struct view here = take_here(r, field, length);
    if (text)
        check_text(r, field, here, length);
    return here;
}

struct view cql_string(struct cql_reading *r, enum field field)
{
    return short_string(r, field, true);
}

struct view cql_short_bytes(struct cql_reading *r, enum field field)
{
    return short_string(r, field, false);
}

struct view cql_long_string(struct cql_reading *r, enum field field)
{
    uint32_t length = cql_u32(r, FIELD_CQL_QUERY_LENGTH);
    if (r->stopped)
        return view_of(NULL, 0);
    if (length > INT32_MAX) {
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_NEGATIVE_LENGTH, .field = FIELD_CQL_QUERY_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 4, .length = 4, .got = length, .expected = cql_left(r),
                                      .note = "what is left of the body; the sign bit is set"});
        return view_of(NULL, 0);
    }
    if (!reaches(r, FIELD_CQL_QUERY_LENGTH, length, 4))
        return view_of(NULL, 0);
    struct view here = take_here(r, field, length);
    check_text(r, field, here, length);
    return here;
}

struct view cql_bytes(struct cql_reading *r, enum field field)
{
    if (!fits(r, FIELD_CQL_STRING_LENGTH, 4))
        return view_of(NULL, 0);
    uint32_t length = take_u32be(&r->c);
    if (length > INT32_MAX || !reaches(r, FIELD_CQL_STRING_LENGTH, length, 4))
        return view_of(NULL, 0);
    return take_here(r, field, length);
}

/* Before version 4 every negative length is null. */
void cql_value(struct cql_reading *r)
{
    if (!fits(r, FIELD_CQL_VALUE_LENGTH, 4))
        return;
    uint32_t length = take_u32be(&r->c);
    if (length > INT32_MAX) {
        if (length < UINT32_MAX - 1 && r->version >= 4)
            cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_VALUE_INVALID, .field = FIELD_CQL_VALUE_LENGTH, .relation = MUST_BE,
                                          .offset = cursor_offset(&r->c) - 4, .length = 4, .got = length, .note = "a length, -1 (null) or -2 (not set)"});
        return;
    }
    if (reaches(r, FIELD_CQL_VALUE_LENGTH, length, 4))
        (void)take_here(r, FIELD_CQL_VALUE, length);
}

void cql_skip(struct cql_reading *r, enum field field, uint32_t length)
{
    if (fits(r, field, length))
        (void)take_here(r, field, length);
}

uint16_t cql_consistency(struct cql_reading *r, enum field field)
{
    uint16_t level = cql_u16(r, field);
    if (!r->stopped && level > CQL_CONSISTENCY_NODE_LOCAL && r->from == FROM_CLIENT && !cql_is_dse(r->version))
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_CONSISTENCY_UNKNOWN, .field = (uint16_t)field, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 2, .length = 2, .got = level, .expected = CQL_CONSISTENCY_NODE_LOCAL,
                                      .note = "the last level there is, NODE_LOCAL"});
    return level;
}

uint16_t cql_count(struct cql_reading *r, uint32_t entry)
{
    uint16_t count = cql_u16(r, FIELD_CQL_COUNT);
    if (r->stopped || !reaches(r, FIELD_CQL_COUNT, (uint64_t)count * entry, 2))
        return 0;
    return count;
}

void cql_string_list(struct cql_reading *r, enum field field)
{
    uint16_t count = cql_count(r, 2);
    for (uint16_t i = 0; i < count && !r->stopped; i++)
        (void)cql_string(r, field);
}

void cql_bytes_map(struct cql_reading *r)
{
    uint16_t count = cql_count(r, 6);
    for (uint16_t i = 0; i < count && !r->stopped; i++) {
        (void)cql_string(r, FIELD_CQL_PAYLOAD_NAME);
        (void)cql_bytes(r, FIELD_CQL_PAYLOAD_VALUE);
    }
}

void cql_inet(struct cql_reading *r)
{
    uint8_t length = cql_u8(r, FIELD_CQL_ADDRESS_LENGTH);
    if (!r->stopped && length != 4 && length != 16) {
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_ADDRESS_LENGTH_WRONG, .field = FIELD_CQL_ADDRESS_LENGTH, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - 1, .length = 1, .got = length, .note = "4 or 16"});
        return;
    }
    cql_skip(r, FIELD_CQL_ADDRESS, length);
    (void)cql_u32(r, FIELD_CQL_PORT);
}
