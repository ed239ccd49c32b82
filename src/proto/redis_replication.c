/* What a master sends when a replica asks for a copy (Redis documentation, Replication; src/replication.c): the length or
 * the mark, the RDB file without an end of its own, then commands. */
#include "model/name.h"
#include "proto/redis.h"

bool redis_rdb_is_next(const struct redis_state *s)
{
    enum awaited what = redis_awaits(s);
    return s->rdb_next || (!s->pending && (what == AWAITED_SYNC || what == AWAITED_PSYNC));
}

enum verdict redis_rdb_header(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    static const char mark[] = "$EOF:";
    size_t named = sizeof mark - 1;
    r->out->message = REDIS_KEEPALIVE;
    if (redis_byte(r->bytes, 0) == '\n')
        return VERDICT_OK;
    r->out->message = REDIS_RDB_HEADER;
    struct redis_line line = redis_number_line(r->bytes, 0);
    bool streamed = r->bytes.length >= named && memcmp(r->bytes.bytes, mark, named) == 0;
    bool sized = !streamed && line.is == LINE_NUMBER && line.number >= 0 && line.length == r->bytes.length;
    if (!sized && (!streamed || r->bytes.length != named + REDIS_EOF_MARK + 2)) {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_RDB_HEADER, .field = FIELD_REDIS_LENGTH, .relation = MUST_BE, .offset = 1,
                                        .length = (uint32_t)r->bytes.length - 1, .got = (uint64_t)line.number,
                                        .note = "a length, or EOF: and a mark of 40 bytes"});
        return VERDICT_BROKEN;
    }
    s->rdb_next = s->rdb_begun = false;
    s->awaited_used = 0;
    s->untracked = true;
    s->reply_stage = streamed ? REPLY_RDB_STREAM : REPLY_RDB_BYTES;
    if (streamed) {
        memcpy(s->mark, r->bytes.bytes + named, REDIS_EOF_MARK);
        memset(s->last, 0, sizeof s->last);
        return VERDICT_OK;
    }
    note_field(r->out, FIELD_REDIS_LENGTH, 1, line.length - 3, (uint64_t)line.number);
    s->rdb_left = (uint64_t)line.number;
    if (!s->rdb_left)
        s->reply_stage = REPLY_COMMANDS;
    return VERDICT_OK;
}

/* A replica writes what comes to its disk before it reads it: a master of the attacker's sends a library instead. */
static void check_rdb(struct redis_reading *r)
{
    struct view head = view_head(r->bytes, REDIS_RDB_HEAD);
    bool good = head.length == REDIS_RDB_HEAD && memcmp(head.bytes, "REDIS", 5) == 0;
    for (size_t i = 5; i < head.length; i++)
        good &= (uint8_t)(head.bytes[i] - '0') <= 9;
    r->state->rdb_begun = true;
    note_field(r->out, FIELD_REDIS_RDB, 0, (uint32_t)head.length, 0);
    if (!good)
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_RDB_CONTENT, .field = FIELD_REDIS_RDB, .relation = MUST_BE, .offset = 0,
                                        .length = (uint32_t)head.length, .note = "REDIS and four digits"});
}

enum verdict redis_rdb_bytes(struct redis_reading *r)
{
    r->out->message = REDIS_RDB;
    check_rdb(r);
    r->state->rdb_left = 0;
    r->state->reply_stage = REPLY_COMMANDS;
    return VERDICT_OK;
}

size_t redis_mark_end(const struct redis_state *s, struct view bytes)
{
    for (size_t here = 1; here < REDIS_EOF_MARK && here <= bytes.length; here++) {
        size_t before = REDIS_EOF_MARK - here;
        if (memcmp(s->last + here, s->mark, before) == 0 && memcmp(bytes.bytes, s->mark + before, here) == 0)
            return here;
    }
    for (size_t at = 0; bytes.length - at >= REDIS_EOF_MARK;) {
        const uint8_t *found = memchr(bytes.bytes + at, s->mark[0], bytes.length - at - REDIS_EOF_MARK + 1);
        if (!found)
            return 0;
        if (memcmp(found, s->mark, REDIS_EOF_MARK) == 0)
            return (size_t)(found - bytes.bytes) + REDIS_EOF_MARK;
        at = (size_t)(found - bytes.bytes) + 1;
    }
    return 0;
}

enum verdict redis_rdb_stream(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    size_t length = r->bytes.length;
    r->out->message = REDIS_RDB;
    bool ends = redis_mark_end(s, r->bytes) == length;
    if (!s->rdb_begun)
        check_rdb(r);
    if (ends) {
        s->reply_stage = REPLY_COMMANDS;
        return VERDICT_OK;
    }
    size_t kept = length < REDIS_EOF_MARK ? length : REDIS_EOF_MARK;
    memmove(s->last, s->last + kept, REDIS_EOF_MARK - kept);
    memcpy(s->last + REDIS_EOF_MARK - kept, r->bytes.bytes + length - kept, kept);
    return VERDICT_OK;
}
