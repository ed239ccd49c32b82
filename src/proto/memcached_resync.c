/*
 * Finds a message boundary of Memcached inside a segment after lost bytes: a message at the segment's start or behind a
 * line end that is sound, and whose successor is, or that ends where the segment ends. Values may hold anything, so a
 * message alone proves little. Work is bounded: a few candidates, a few messages each.
 */
#include "model/name.h"
#include "proto/memcached.h"

enum { CANDIDATES = 64, CHAIN = 3 };

/* Bytes of the message at the start of `ahead`, a data block included; 0 when none is there, or it is not whole. */
static uint64_t text_length(enum side from, struct view ahead)
{
    struct view head = view_head(ahead, MEMCACHED_LINE_MAX);
    const uint8_t *end = head.length ? memchr(head.bytes, '\n', head.length) : NULL;
    int64_t block;
    if (!end)
        return 0;
    size_t length = (size_t)(end - head.bytes);
    bool full = length && head.bytes[length - 1] == '\r';
    struct view line = view_head(head, full ? length - 1 : length);
    bool log_line = from == FROM_SERVER && memcached_is_reply(line, &block) && block < 0;
    if (!full && !log_line)
        return 0;
    if (from == FROM_CLIENT ? !memcached_is_command(line, &block) : !memcached_is_reply(line, &block))
        return 0;
    uint64_t total = length + 1 + (block >= 0 ? (uint64_t)block + 2 : 0);
    if (block >= 0 && total <= ahead.length && (ahead.bytes[total - 2] != '\r' || ahead.bytes[total - 1] != '\n'))
        return 0;
    return total;
}

static uint64_t binary_length(enum side from, struct view ahead)
{
    struct cursor c = cursor_over(ahead);
    struct memcached_header h = memcached_header_take(&c);
    bool sound = !c.failed && (from == FROM_CLIENT ? memcached_binary_sound(&h) && h.data_type == 0 : memcached_response_sound(&h));
    return sound ? (uint64_t)MEMCACHED_HEADER + h.body : 0;
}

static bool chains(const struct memcached_state *s, enum side from, struct view ahead, bool at_start)
{
    for (unsigned i = 0; i < CHAIN; i++) {
        bool binary = ahead.bytes[0] >= 0x80;
        uint8_t speech = s->speech[from];
        uint64_t length = binary ? speech == SPEECH_TEXT ? 0 : binary_length(from, ahead)
                                 : speech == SPEECH_BINARY ? 0 : text_length(from, ahead);
        if (!length)
            return false;
        if (length == ahead.length)
            return true;
        if (length > ahead.length)
            return i > 0 || at_start;
        ahead = view_from(ahead, (size_t)length);
    }
    return true;
}

static size_t next_candidate(struct view all, size_t at, uint8_t magic)
{
    struct view rest = view_from(all, at);
    const uint8_t *line = memchr(rest.bytes, '\n', rest.length);
    const uint8_t *binary = memchr(rest.bytes, magic, rest.length);
    size_t behind_line = line ? at + (size_t)(line - rest.bytes) + 1 : all.length;
    size_t at_binary = binary ? at + (size_t)(binary - rest.bytes) : all.length;
    return behind_line < at_binary ? behind_line : at_binary;
}

bool memcached_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct memcached_state *s = state;
    struct view all = cursor_ahead(&ahead);
    uint8_t magic = from == FROM_CLIENT ? PROTOCOL_BINARY_REQ : PROTOCOL_BINARY_RES;
    size_t at = 0;
    for (unsigned i = 0; i < CANDIDATES && at < all.length; i++) {
        if (chains(s, from, view_from(all, at), at == 0)) {
            *offset = at;
            return true;
        }
        size_t from_here = all.bytes[at] == magic ? at + 1 : at;
        if (from_here >= all.length)
            return false;
        at = next_candidate(all, from_here, magic);
    }
    return false;
}
