/* byte_test, byte_jump, byte_extract, byte_math at work: numbers read from the buffer, binary or in digits. */
#include "detect/content.h"

/* Digits after spaces, as strtoull reads them; false when there are none or too many. */
static bool read_digits(const uint8_t *bytes, size_t count, unsigned base, uint64_t *out)
{
    size_t i = 0, first;
    uint64_t value = 0;
    while (i < count && (bytes[i] == ' ' || (bytes[i] >= 9 && bytes[i] <= 13)))
        i++;
    if (base == 16 && i + 2 < count && bytes[i] == '0' && (bytes[i + 1] | 0x20) == 'x')
        i += 2;
    for (first = i; i < count; i++) {
        const uint8_t c = bytes[i], low = c | 0x20;
        const unsigned digit = c >= '0' && c <= '9' ? c - 48u : low >= 'a' && low <= 'f' ? low - 'a' + 10u : 99;
        if (digit >= base)
            break;
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return i > first;
}

/* The number at the reading's place, seen from `from`. *end: the place after it. */
static bool read_number(const struct search *search, const struct reading *r, const struct buffer *b, bool relative, uint16_t from,
                        uint64_t *value, uint32_t *end)
{
    const uint64_t count = r->count_of ? search->values[r->count_of - 1] : r->count;
    const uint64_t named = r->offset_of ? search->values[r->offset_of - 1] : 0;
    const int64_t start = (relative ? from : 0) + (r->offset_of ? (int64_t)(named > INT32_MAX ? INT32_MAX : named) : r->offset);
    if (start < 0 || count > (r->base ? 23u : 8u) || (uint64_t)start + count > b->seen.length)
        return false;
    const uint8_t *bytes = b->seen.bytes + start;
    *end = (uint32_t)((uint64_t)start + count);
    *value = 0;
    if (r->base ? !read_digits(bytes, (size_t)count, r->base, value) : false)
        return false;
    for (size_t i = 0; !r->base && i < count; i++)
        *value |= (uint64_t)bytes[i] << 8 * (r->little ? i : count - 1 - i);
    return true;
}

static uint64_t masked(const struct reading *r, uint64_t value)
{
    return r->mask ? (value & r->mask) >> __builtin_ctzll(r->mask) : value;
}

/* The number at the reading's place, as the rule wants it. */
static bool read_masked(const struct search *search, const struct reading *r, const struct buffer *b, bool relative, uint16_t from,
                        uint64_t *value, uint32_t *end)
{
    if (!read_number(search, r, b, relative, from, value, end))
        return false;
    *value = masked(r, *value);
    return true;
}

static bool compares(const struct reading *r, uint64_t value, uint64_t to)
{
    bool is = false;
    switch ((enum reading_operator)r->operator) {
    case READ_EQUAL:
        is = value == to;
        break;
    case READ_GREATER:
        is = value > to;
        break;
    case READ_LESS:
        is = value < to;
        break;
    case READ_AT_LEAST:
        is = value >= to;
        break;
    case READ_AT_MOST:
        is = value <= to;
        break;
    case READ_AND:
        is = (value & to) != 0;
        break;
    case READ_OR:
        is = (value ^ to) != 0;
        break;
    }
    return is != r->negated;
}

struct ends match_byte_test(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s,
                            struct ends in, uint16_t *room)
{
    const uint64_t to = r->value_of ? search->values[r->value_of - 1] : r->value;
    struct ends out = {room, 0};
    uint64_t value;
    uint32_t end;
    if (!s->relative)
        return read_masked(search, r, b, false, 0, &value, &end) && compares(r, value, to) ? in : out;
    for (size_t i = 0; i < in.count; i++)
        if (read_masked(search, r, b, true, in.at[i], &value, &end) && compares(r, value, to))
            room[out.count++] = in.at[i];
    return out;
}

/* A jump that would leave what was seen leads nowhere. */
struct ends match_byte_jump(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s,
                            struct ends in, uint16_t *room)
{
    const size_t tries = s->relative ? in.count : in.count > 0;
    for (size_t i = 0; i < tries; i++) {
        uint64_t value, product;
        uint32_t end;
        if (!read_masked(search, r, b, s->relative, in.at[i], &value, &end) ||
            __builtin_mul_overflow(value, (uint64_t)r->multiplier, &product) || product > MESSAGE_BYTES_MAX)
            continue;
        if (r->align)
            product = (product + r->align - 1) / r->align * r->align;
        const int64_t base = r->from_beginning ? 0 : r->from_end ? (int64_t)b->seen.length : end;
        const int64_t to = base + (int64_t)product + r->post;
        if (to >= 0 && (uint64_t)to <= b->seen.length && (!r->from_end || b->size == b->seen.length))
            mark_end(search, (size_t)to);
    }
    return ends_of_marks(search, room);
}

/* byte_math: 64 bits that wrap, as in Suricata; the mask comes last. A division by zero and a shift past the number have no
 * result. */
static bool calculate(const struct search *search, const struct reading *r, uint64_t *value)
{
    const uint64_t by = r->value_of ? search->values[r->value_of - 1] : r->value;
    const enum reading_math operator = (enum reading_math)r->operator;
    if ((operator == MATH_DIVIDED && by == 0) || ((operator == MATH_LEFT || operator == MATH_RIGHT) && by > 63))
        return false;
    *value = operator == MATH_PLUS      ? *value + by
             : operator == MATH_MINUS   ? *value - by
             : operator == MATH_TIMES   ? *value * by
             : operator == MATH_DIVIDED ? *value / by
             : operator == MATH_LEFT    ? *value << by
                                        : *value >> by;
    *value = masked(r, *value);
    return true;
}

bool extract_value(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s, uint16_t from,
                   uint16_t *end)
{
    uint64_t value;
    uint32_t after;
    if (s->kind == STEP_BYTE_MATH) {
        if (!read_number(search, r, b, s->relative, from, &value, &after) || !calculate(search, r, &value))
            return false;
        search->values[r->result] = value;
        *end = (uint16_t)after;
        return true;
    }
    if (!read_masked(search, r, b, s->relative, from, &value, &after) ||
        __builtin_mul_overflow(value, (uint64_t)r->multiplier, &value))
        return false;
    if (r->align && value <= UINT64_MAX - r->align)
        value = (value + r->align - 1) / r->align * r->align;
    search->values[r->result] = value;
    *end = (uint16_t)after;
    return true;
}
