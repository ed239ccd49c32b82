/* After a gap: where does a message surely begin? A request has an unmistakable beginning; a reply is believed when it and
 * those behind it fill the segment. */
#include "model/name.h"
#include "proto/redis.h"

enum { REQUESTS_SURE = 2, NAME_MAX = 32, CANDIDATES_MAX = 64 };

static bool is_command_name(struct view name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!((name.bytes[i] | 32) >= 'a' && (name.bytes[i] | 32) <= 'z') && !memchr(".:-_", name.bytes[i], 4))
            return false;
    return name.length > 0;
}

/* "*2\r\n$3\r\nGET\r\n": a count, then a short word. */
static bool request_begins(struct view bytes)
{
    if (redis_byte(bytes, 0) != '*')
        return false;
    struct redis_line count = redis_number_line(bytes, 0);
    if (count.is != LINE_NUMBER || count.number < 1 || count.number > REDIS_OLD_COUNT_MAX || redis_byte(bytes, count.length) != '$')
        return false;
    struct redis_line length = redis_number_line(bytes, count.length);
    size_t at = count.length + (size_t)length.length;
    if (length.is != LINE_NUMBER || length.number < 1 || length.number > NAME_MAX || bytes.length < at + (size_t)length.number + 2)
        return false;
    struct view end = view_head(view_from(bytes, at + (size_t)length.number), 2);
    return is_command_name(view_head(view_from(bytes, at), (size_t)length.number)) && view_equal(end, view_text("\r\n"));
}

/* Whole frames from here on fill the bytes, or the next one is unfinished after enough of them. */
static bool replies_fill(struct view bytes)
{
    static const struct redis_state fresh = {.joined = true, .resp3 = true, .reply_stage = REPLY_VALUES};
    for (unsigned whole = 0; whole < 8; whole++) {
        struct frame frame = {0};
        uint8_t type = redis_byte(bytes, 0);
        bool typed = memchr("+-:$*_#,(!=%~>|", type, 15) != NULL;
        if (!typed || redis_reply_frame(&fresh, bytes, &frame) == FRAME_NEEDS_MORE || frame.total > bytes.length)
            return whole >= REQUESTS_SURE;
        struct view end = view_head(view_from(bytes, (size_t)frame.total - 2), 2);
        if (frame.total < 3 || !view_equal(end, view_text("\r\n")))
            return false;
        bytes = view_from(bytes, (size_t)frame.total);
        if (bytes.length == 0)
            return true;
    }
    return true;
}

bool redis_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct redis_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    bool requests = from == FROM_CLIENT || s->reply_stage >= REPLY_RDB_BYTES;
    size_t at = 0;
    *offset = 0;
    if (bytes.length >= 4 && memcmp(bytes.bytes, "RCmb", 4) == 0)
        return true;
    if (s->tls_asked)
        return bytes.length >= 5 && bytes.bytes[0] >= 0x14 && bytes.bytes[0] <= 0x17 && bytes.bytes[1] == 3;
    if (s->bus)
        return false;
    for (unsigned tried = 0; tried < CANDIDATES_MAX && at < bytes.length; tried++) {
        struct view here = view_from(bytes, at);
        if (requests ? request_begins(here) : replies_fill(here)) {
            *offset = at;
            return true;
        }
        const uint8_t *feed = memchr(here.bytes, '\n', here.length);
        if (!feed)
            return false;
        at += (size_t)(feed - here.bytes) + 1;
    }
    return false;
}
