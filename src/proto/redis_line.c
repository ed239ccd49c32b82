/* Lines and numbers of RESP as a Redis server reads them (src/util.c, string2ll; src/networking.c), and reports. */
#include "proto/redis.h"

enum { DIGITS_MAX = 19 };

/* The digits of a number in the form that string2ll takes: no sign but a minus, no leading zero. */
static bool digits(struct view text, int64_t *number)
{
    bool negative = redis_byte(text, 0) == '-';
    size_t at = negative;
    uint64_t value = 0;
    if (text.length == at || text.length - at > DIGITS_MAX)
        return false;
    if (redis_byte(text, at) == '0') {
        *number = 0;
        return text.length == 1;
    }
    for (; at < text.length; at++) {
        uint8_t digit = (uint8_t)(text.bytes[at] - '0');
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool redis_is_integer(struct view text)
{
    int64_t ignored;
    if (redis_byte(text, 0) == '+' && redis_byte(text, 1) != '-')
        text = view_from(text, 1);
    return digits(text, &ignored);
}

/* [+-] digits [. digits] [e [+-] digits], inf, -inf, nan. */
bool redis_is_double(struct view text)
{
    if (redis_byte(text, 0) == '-' || redis_byte(text, 0) == '+')
        text = view_from(text, 1);
    if (view_equal(text, view_text("inf")) || view_equal(text, view_text("nan")))
        return true;
    bool digit = false, point = false;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.bytes[i];
        if (c >= '0' && c <= '9')
            digit = true;
        else if (c == '.' && !point)
            point = true;
        else if ((c == 'e' || c == 'E') && digit)
            return redis_is_integer(view_from(text, i + 1)) || redis_byte(text, i + 2) == '0' || redis_byte(text, i + 1) == '0';
        else
            return false;
    }
    return digit;
}

/* What no fast way took: why is it no number, and where does it end? */
static struct redis_line odd_line(struct view bytes, size_t at)
{
    struct view line = view_head(view_from(bytes, at + 1), NUMBER_LINE);
    size_t end = 0;
    while (end < line.length && line.bytes[end] && line.bytes[end] != '\r')
        end++;
    if (end == line.length)
        return (struct redis_line){.is = end < NUMBER_LINE ? LINE_MORE : LINE_WRONG, .length = (uint32_t)end + 1};
    if (line.bytes[end] == 0)
        return (struct redis_line){.is = LINE_NUL, .length = (uint32_t)end + 2};
    if (bytes.length - at < end + 3)
        return (struct redis_line){.is = LINE_MORE};
    struct redis_line found = {.is = LINE_WRONG, .length = (uint32_t)end + 3};
    if (end == 1 && line.bytes[0] == '?')
        found.is = LINE_STREAMED;
    else if (digits(view_head(line, end), &found.number))
        found.is = bytes.bytes[at + end + 2] == '\n' ? LINE_NUMBER : LINE_END_WRONG;
    return found;
}

struct redis_line redis_number_line(struct view bytes, size_t at)
{
    enum { SHORT = 9 };
    size_t here = at + 1, most = bytes.length;
    int64_t number = 0;
    if (most - at > SHORT + 2)
        most = at + SHORT + 1;
    while (here < most && (uint8_t)(bytes.bytes[here] - '0') <= 9)
        number = number * 10 + (bytes.bytes[here++] - '0');
    size_t written = here - at - 1;
    bool plain = written > 0 && (bytes.bytes[at + 1] != '0' || written == 1);
    if (plain && bytes.length - here >= 2 && bytes.bytes[here] == '\r' && bytes.bytes[here + 1] == '\n')
        return (struct redis_line){.number = number, .length = (uint32_t)written + 3, .is = LINE_NUMBER};
    return odd_line(bytes, at);
}

/* A boundary that was guessed in the middle of data is no reason to accuse anybody. */
static bool is_believed(const struct redis_reading *r)
{
    return !r->state->doubt[r->from];
}

void redis_defect(struct redis_reading *r, struct report found)
{
    struct redis_state *s = r->state;
    if (!is_believed(r))
        return;
    s->reported |= r->from == FROM_CLIENT;
    report(r->out, found);
}

void redis_remark(struct redis_reading *r, struct report found)
{
    if (is_believed(r))
        report(r->out, found);
}

uint32_t redis_hash(struct view bytes)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ bytes.bytes[i]) * UINT32_C(16777619);
    return hash | 1;
}
