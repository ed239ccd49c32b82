/* How long is the next run of pieces? Only lines and lengths are looked at; what is wrong with them is said by the readers,
 * which walk the same way. A frame only grows with the bytes that are known, and ends behind the first wrong line. */
#include <limits.h>

#include "proto/redis.h"

enum { LEAST_ARGUMENT = 6, LEAST_VALUE = 3 }; /* "$0\r\n\r\n", "_\r\n" */

static enum framing whole(struct frame *out, uint64_t length)
{
    out->total = length;
    out->wanted = (uint32_t)length;
    return FRAME_READY;
}

/* More is needed: at least so much, so that bytes are asked for in few steps. */
static enum framing more(struct frame *out, size_t have, size_t at, uint64_t pieces, unsigned least)
{
    uint64_t length = at + pieces * least;
    if (pieces && length > RUN_BYTES)
        length = at + least > RUN_BYTES ? at + least : RUN_BYTES;
    return whole(out, length > have ? length : have + 1);
}

static enum framing long_string(struct frame *out, size_t at, const struct redis_line *line, uint32_t seen)
{
    out->total = at + line->length + (uint64_t)line->number;
    out->wanted = (uint32_t)at + line->length + (line->number > SEEN_UP_TO ? 0 : seen);
    out->length_at = at < UINT8_MAX ? (uint8_t)(at + 1) : 0;
    out->length_bytes = out->length_at ? (uint8_t)(line->length - 3) : 0;
    out->length_excludes = at + line->length < UINT8_MAX ? (uint8_t)(at + line->length) : 0;
    return FRAME_READY;
}

/* Up to the line feed, or the NUL that keeps the server from finding it. */
static enum framing inline_frame(struct view ahead, struct frame *out)
{
    struct view line = view_head(ahead, LINE_CHUNK);
    const uint8_t *end = line.length ? memchr(line.bytes, '\n', line.length) : NULL;
    struct view before = view_head(line, end ? (size_t)(end - line.bytes) : line.length);
    const uint8_t *nul = before.length ? memchr(before.bytes, 0, before.length) : NULL;
    if (nul)
        return whole(out, (uint64_t)(nul - line.bytes) + 1);
    if (end)
        return whole(out, (uint64_t)(end - line.bytes) + 1);
    return line.length < LINE_CHUNK ? FRAME_NEEDS_MORE : whole(out, LINE_CHUNK);
}

static bool is_number(const struct redis_line *line)
{
    return line->is == LINE_NUMBER || line->is == LINE_END_WRONG;
}

enum framing redis_request_frame(const struct redis_requests *q, struct view ahead, struct frame *out)
{
    size_t have = ahead.length, at = q->stage == REQUEST_TAIL ? 2 : 0;
    uint32_t left = q->left, pieces = 0;
    if (q->stage == REQUEST_INLINE || (q->stage == REQUEST_BETWEEN && have && ahead.bytes[0] != '*'))
        return inline_frame(ahead, out);
    if (q->stage == REQUEST_BETWEEN) {
        struct redis_line count = redis_number_line(ahead, 0);
        if (count.is == LINE_MORE)
            return more(out, have, 4, 0, 0);
        if (!is_number(&count) || count.number > INT_MAX || count.number <= 0)
            return whole(out, count.length);
        left = (uint32_t)count.number;
        at = count.length;
    }
    for (; left && pieces < RUN_PIECES && at < RUN_BYTES && at < have; pieces++, left--) {
        if (ahead.bytes[at] != '$')
            return whole(out, at + 1);
        struct redis_line length = redis_number_line(ahead, at);
        if (length.is == LINE_MORE)
            break;
        if (!is_number(&length) || length.number < 0 || length.number > REDIS_BULK_MAX)
            return whole(out, at + length.length);
        if (length.number > CLIENT_SEEN)
            return long_string(out, at, &length, CLIENT_SEEN);
        at += length.length + (size_t)length.number + 2;
    }
    bool ended = !left || pieces == RUN_PIECES || at >= RUN_BYTES;
    if (ended && at <= have)
        return whole(out, at);
    uint32_t due = left < RUN_PIECES - pieces ? left : RUN_PIECES - pieces;
    return more(out, have, at, ended ? 0 : due, LEAST_ARGUMENT);
}

/* The offset behind a line's end; 0: not here; a line of more than LINE_CHUNK ends there for now. */
static size_t line_end(struct view ahead, size_t at)
{
    struct view line = view_head(view_from(ahead, at), LINE_CHUNK);
    const uint8_t *end = line.length ? memchr(line.bytes, '\r', line.length) : NULL;
    if (!end)
        return line.length < LINE_CHUNK ? 0 : at + LINE_CHUNK;
    size_t behind = at + (size_t)(end - line.bytes) + 2;
    return behind <= ahead.length ? behind : 0;
}

enum walk { WALK_ON, WALK_MORE, WALK_ENDED };

/* Goes past one piece of a reply. WALK_ENDED: `out` is set. */
static enum walk pass_piece(struct view ahead, size_t *at, uint64_t *pending, struct frame *out)
{
    struct redis_line line;
    size_t end;
    uint8_t type = ahead.bytes[*at];
    switch (type) {
    case '+': case '-': case ':': case '_': case '#': case ',': case '(': case '.':
        end = line_end(ahead, *at);
        if (!end)
            return WALK_MORE;
        --*pending;
        *at = end;
        if (redis_byte(ahead, end - 2) == '\r' && redis_byte(ahead, end - 1) == '\n')
            return WALK_ON;
        whole(out, end);
        return WALK_ENDED;
    case '$': case '!': case '=': case ';': case '*': case '~': case '>': case '%': case '|':
        line = redis_number_line(ahead, *at);
        if (line.is == LINE_MORE)
            return WALK_MORE;
        break;
    default:
        whole(out, *at + 1);
        return WALK_ENDED;
    }
    bool string = type == '$' || type == '!' || type == '=' || type == ';';
    if (line.is != LINE_NUMBER || line.number < -1 || (!string && line.number > UINT32_MAX)) {
        whole(out, *at + line.length);
        return WALK_ENDED;
    }
    if (string && line.number > SERVER_SEEN) {
        long_string(out, *at, &line, SERVER_SEEN);
        return WALK_ENDED;
    }
    *at += line.length;
    *pending -= type != '|' || line.number < 0;
    if (line.number < 0 || (type == ';' && line.number == 0))
        return WALK_ON;
    if (string)
        *at += (size_t)line.number + 2;
    else
        *pending += (uint64_t)line.number << (type == '%' || type == '|');
    return WALK_ON;
}

static enum framing values_frame(const struct redis_state *s, struct view ahead, struct frame *out)
{
    size_t have = ahead.length, at = 0;
    uint64_t pending = s->pending ? s->pending : 1;
    uint32_t pieces = 0, most = s->streamed ? 1 : RUN_PIECES;
    if (s->reply_stage == REPLY_TAIL) {
        at = 2;
        pending--;
        most -= s->streamed != 0;
    } else if (!s->pending && s->joined && redis_byte(ahead, 0) == '\n') {
        return whole(out, 1);
    }
    for (; pending && pieces < most && at < RUN_BYTES && at < have; pieces++) {
        enum walk walk = pass_piece(ahead, &at, &pending, out);
        if (walk == WALK_ENDED)
            return FRAME_READY;
        if (walk == WALK_MORE)
            break;
    }
    bool ended = !pending || pieces == most || at >= RUN_BYTES;
    if (ended && at <= have)
        return whole(out, at);
    uint64_t due = pending < most - pieces ? pending : most - pieces;
    return more(out, have, at, ended ? 0 : due, LEAST_VALUE);
}

/* "$<length>\r\n" or "$EOF:<mark>\r\n", and line feeds while the master prepares it. */
static enum framing rdb_header_frame(struct view ahead, struct frame *out)
{
    enum { MOST = 64 };
    struct view line = view_head(ahead, MOST);
    if (redis_byte(ahead, 0) == '\n')
        return whole(out, 1);
    const uint8_t *end = line.length ? memchr(line.bytes, '\n', line.length) : NULL;
    if (end)
        return whole(out, (uint64_t)(end - line.bytes) + 1);
    return line.length < MOST ? FRAME_NEEDS_MORE : whole(out, MOST);
}

enum framing redis_reply_frame(const struct redis_state *s, struct view ahead, struct frame *out)
{
    uint8_t first = redis_byte(ahead, 0);
    size_t end;
    if (!ahead.length)
        return FRAME_NEEDS_MORE;
    switch (s->reply_stage) {
    case REPLY_RDB_BYTES:
        out->total = s->rdb_left;
        out->wanted = s->rdb_left < REDIS_RDB_HEAD ? (uint32_t)s->rdb_left : REDIS_RDB_HEAD;
        return FRAME_READY;
    case REPLY_RDB_STREAM:
        end = redis_mark_end(s, ahead);
        if (!end && !s->rdb_begun && ahead.length < REDIS_RDB_HEAD)
            return FRAME_NEEDS_MORE;
        end = end ? end : ahead.length;
        return whole(out, end < LINE_CHUNK ? end : LINE_CHUNK);
    case REPLY_COMMANDS:
        if (s->requests[FROM_SERVER].stage == REQUEST_BETWEEN && first == '\n')
            return whole(out, 1);
        return redis_request_frame(&s->requests[FROM_SERVER], ahead, out);
    case REPLY_LINE:
        end = line_end(ahead, 0);
        return end ? whole(out, end) : FRAME_NEEDS_MORE;
    default:
        if (redis_rdb_is_next(s) && (first == '$' || first == '\n'))
            return rdb_header_frame(ahead, out);
        return values_frame(s, ahead, out);
    }
}
