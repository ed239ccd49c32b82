/*
 * Finds a message boundary of PostgreSQL inside a segment after lost bytes: two messages in a row that look right, or
 * one that ends exactly where the segment ends. Work is bounded: two headers per offset.
 */
#include "proto/pgsql.h"

/* Shortest and longest body by type; ends: 'z' with a NUL, 'x' length is exact, 0 free. */
struct shape {
    uint32_t least, most;
    char ends;
};

static const struct shape client_shapes[256] = {
    ['Q'] = {5, PGSQL_LARGE_MESSAGE_MAX, 'z'}, ['P'] = {8, PGSQL_LARGE_MESSAGE_MAX, 0}, ['B'] = {12, PGSQL_LARGE_MESSAGE_MAX, 0},
    ['E'] = {9, PGSQL_SMALL_MESSAGE_MAX, 0}, ['D'] = {6, PGSQL_SMALL_MESSAGE_MAX, 'z'}, ['C'] = {6, PGSQL_SMALL_MESSAGE_MAX, 'z'},
    ['F'] = {14, PGSQL_LARGE_MESSAGE_MAX, 0}, ['H'] = {4, 4, 'x'}, ['S'] = {4, 4, 'x'}, ['X'] = {4, 4, 'x'},
    ['c'] = {4, 4, 'x'}, ['f'] = {5, PGSQL_SMALL_MESSAGE_MAX, 'z'}, ['d'] = {4, PGSQL_LARGE_MESSAGE_MAX, 0},
    ['p'] = {5, PGSQL_AUTH_TOKEN_MAX, 0},
};

static const struct shape server_shapes[256] = {
    ['1'] = {4, 4, 'x'}, ['2'] = {4, 4, 'x'}, ['3'] = {4, 4, 'x'}, ['n'] = {4, 4, 'x'}, ['s'] = {4, 4, 'x'}, ['I'] = {4, 4, 'x'},
    ['c'] = {4, 4, 'x'}, ['Z'] = {5, 5, 'x'}, ['A'] = {10, PGSQL_SERVER_LONG_MAX, 'z'}, ['C'] = {5, PGSQL_SERVER_SHORT_MAX, 'z'},
    ['D'] = {6, PGSQL_SERVER_LONG_MAX, 0}, ['E'] = {5, PGSQL_SERVER_SHORT_MAX, 'z'}, ['N'] = {5, PGSQL_SERVER_SHORT_MAX, 'z'},
    ['G'] = {7, PGSQL_SERVER_SHORT_MAX, 0}, ['H'] = {7, PGSQL_SERVER_SHORT_MAX, 0}, ['W'] = {7, PGSQL_SERVER_SHORT_MAX, 0},
    ['K'] = {12, 8 + PGSQL_CANCEL_KEY_MAX, 0}, ['R'] = {8, PGSQL_AUTH_TOKEN_MAX, 0}, ['S'] = {6, PGSQL_SERVER_SHORT_MAX, 'z'},
    ['T'] = {6, PGSQL_SERVER_LONG_MAX, 0}, ['V'] = {8, PGSQL_SERVER_LONG_MAX, 0}, ['d'] = {4, PGSQL_SERVER_LONG_MAX, 0},
    ['t'] = {6, 6 + 4 * UINT16_MAX, 0}, ['v'] = {12, PGSQL_SERVER_SHORT_MAX, 0},
};

/* What the body must begin with, as far as it is here. */
static bool body_plausible(enum side from, uint8_t type, uint32_t length, struct view body)
{
    struct cursor c = cursor_over(body);
    if (from == FROM_CLIENT)
        return (type != 'D' && type != 'C') || !body.length || body.bytes[0] == 'S' || body.bytes[0] == 'P';
    if (!body.length)
        return true;
    if (type == 'Z')
        return body.bytes[0] == 'I' || body.bytes[0] == 'T' || body.bytes[0] == 'E';
    if (type == 'G' || type == 'H' || type == 'W')
        return body.bytes[0] <= 1;
    if (type == 'D' && body.length >= 2)
        return (uint64_t)take_u16be(&c) * 4 + 6 <= length;
    if (type == 'T' && body.length >= 2)
        return (uint64_t)take_u16be(&c) * 19 + 6 <= length;
    return true;
}

/* Bytes of the message that begins here, 0 when none does. With fewer than five bytes: 1 when the type is one. */
static uint64_t plausible(enum side from, struct view ahead)
{
    struct cursor c = cursor_over(ahead);
    uint8_t type = take_u8(&c);
    const struct shape *shape = from == FROM_CLIENT ? &client_shapes[type] : &server_shapes[type];
    if (!shape->most)
        return 0;
    if (ahead.length < PGSQL_HEADER)
        return 1;
    uint32_t length = take_u32be(&c);
    if (length < shape->least || length > shape->most)
        return 0;
    struct view body = view_head(cursor_ahead(&c), length - 4);
    bool complete = body.length == length - 4;
    if (complete && shape->ends == 'z' && body.bytes[body.length - 1] != 0)
        return 0;
    return body_plausible(from, type, length, body) ? (uint64_t)length + 1 : 0;
}

bool pgsql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    struct view all = cursor_ahead(&ahead);
    (void)state;
    for (size_t at = 0; at + PGSQL_HEADER <= all.length; at++) {
        uint64_t length = plausible(from, view_from(all, at));
        if (!length || length > all.length - at)
            continue;
        struct view next = view_from(all, at + (size_t)length);
        if (next.length && (next.length < PGSQL_HEADER || !plausible(from, next)))
            continue;
        *offset = at;
        return true;
    }
    return false;
}
