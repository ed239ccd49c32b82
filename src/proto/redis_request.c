/* Requests, as src/networking.c of Redis reads them (processInputBuffer, processMultibulkBuffer): from a client, and from a
 * master to its replica. The walk is that of redis_request_frame. */
#include <limits.h>

#include "model/name.h"
#include "proto/redis.h"

/* The line of a count or a length is no number that the server takes. */
static enum verdict wrong_number(struct redis_reading *r, const struct redis_line *line, enum anomaly anomaly, const char *expected)
{
    uint32_t written = line->length > 3 ? line->length - 3 : 0;
    if (line->is == LINE_NUL)
        anomaly = ANOMALY_REDIS_NUL_IN_LINE;
    note_field(r->out, FIELD_REDIS_NUMBER, r->at + 1, written, 0);
    redis_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_REDIS_NUMBER, .relation = MUST_BE, .offset = r->at + 1,
                                    .length = written, .note = expected});
    return VERDICT_BROKEN;
}

/* Servers look for the carriage return and take any byte behind it. */
static void check_line_end(struct redis_reading *r, const struct redis_line *line)
{
    if (line->is == LINE_END_WRONG)
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_LINE_END, .field = FIELD_REDIS_LINE_END, .relation = MUST_BE,
                                        .offset = r->at + line->length - 1, .length = 1,
                                        .got = redis_byte(r->bytes, r->at + line->length - 1), .note = "a line feed (0a)"});
}

/* Nor do they look at the two bytes behind a string. */
static void check_string_end(struct redis_reading *r, uint32_t at)
{
    uint8_t first = redis_byte(r->bytes, at), second = redis_byte(r->bytes, at + 1);
    if (first != '\r' || second != '\n')
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_STRING_END, .field = FIELD_REDIS_LINE_END, .relation = MUST_BE,
                                        .offset = at, .length = 2, .got = (uint64_t)first << 8 | second,
                                        .note = "a carriage return and a line feed (0d 0a)"});
}

/* Valkey 9.0 crashes when an empty request is followed by one of the other form (CVE-2026-27623). How redis-cli --pipe ends
 * its input is no attack: an empty line, then ECHO with 20 random bytes. */
static void check_form(struct redis_reading *r, bool is_inline)
{
    struct redis_state *s = r->state;
    static const char pipe_end[] = "*2\r\n$4\r\nECHO\r\n$20\r\n";
    struct view head = view_head(r->bytes, sizeof pipe_end - 1);
    if (s->empty_request && s->empty_inline != is_inline && r->from == FROM_CLIENT && !view_equal(head, view_text(pipe_end)))
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_EMPTY_THEN_OTHER, .field = FIELD_REDIS_COUNT, .relation = MUST_BE,
                                        .offset = 0, .length = 1, .got = redis_byte(r->bytes, 0),
                                        .note = "a request of the same form as the empty one before it"});
    s->empty_request = false;
}

static void note_empty(struct redis_reading *r, bool is_inline)
{
    r->out->message = REDIS_EMPTY;
    r->state->empty_request = true;
    r->state->empty_inline = is_inline;
}

static void check_unauthenticated(struct redis_reading *r, enum anomaly anomaly, enum field field, const struct redis_line *line,
                                  uint32_t most)
{
    if (r->state->unauthenticated && r->from == FROM_CLIENT && line->number > most)
        redis_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_NOT_EXCEED,
                                        .offset = r->at + 1, .length = line->length - 3, .got = (uint64_t)line->number,
                                        .expected = most, .note = "of a client that has not logged in"});
}

/* "*3\r\n". False: `verdict` is the end of it. */
static bool read_count(struct redis_reading *r, struct redis_requests *q, enum verdict *verdict)
{
    struct redis_line line = redis_number_line(r->bytes, 0);
    bool number = line.is == LINE_NUMBER || line.is == LINE_END_WRONG;
    check_form(r, false);
    if (!number || line.number > INT_MAX) {
        *verdict = wrong_number(r, &line, ANOMALY_REDIS_COUNT, "a number of at most 2147483647");
        return false;
    }
    note_field(r->out, FIELD_REDIS_COUNT, 1, line.length - 3, (uint64_t)line.number);
    check_line_end(r, &line);
    if (line.number <= 0) {
        note_empty(r, false);
        *verdict = VERDICT_OK;
        return false;
    }
    check_unauthenticated(r, ANOMALY_REDIS_UNAUTHENTICATED_COUNT, FIELD_REDIS_COUNT, &line, REDIS_UNAUTHENTICATED_COUNT);
    if (line.number > REDIS_OLD_COUNT_MAX && !r->state->count_told) {
        r->state->count_told = true;
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_COUNT_LARGE, .field = FIELD_REDIS_COUNT, .relation = MUST_NOT_EXCEED,
                                        .offset = 1, .length = line.length - 3, .got = (uint64_t)line.number,
                                        .expected = REDIS_OLD_COUNT_MAX, .note = "what servers before 7.0 take"});
    }
    r->at = line.length;
    q->left = (uint32_t)line.number;
    q->argument = 0;
    q->command = q->detail = 0;
    q->stage = REQUEST_ARGUMENTS;
    return true;
}

/* One argument; false: what follows cannot be trusted. */
static bool read_argument(struct redis_reading *r, struct redis_requests *q)
{
    uint8_t type = redis_byte(r->bytes, r->at);
    if (type != '$') {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_STRING_EXPECTED, .field = FIELD_REDIS_TYPE, .relation = MUST_BE,
                                        .offset = r->at, .length = 1, .got = type, .note = "$, the length of the next argument"});
        return false;
    }
    struct redis_line line = redis_number_line(r->bytes, r->at);
    bool number = line.is == LINE_NUMBER || line.is == LINE_END_WRONG;
    if (!number || line.number < 0) {
        wrong_number(r, &line, ANOMALY_REDIS_LENGTH, "a number from 0 to 536870912");
        return false;
    }
    note_field(r->out, FIELD_REDIS_LENGTH, r->at + 1, line.length - 3, (uint64_t)line.number);
    if (line.number > REDIS_BULK_MAX) {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_LENGTH_LARGE, .field = FIELD_REDIS_LENGTH, .relation = MUST_NOT_EXCEED,
                                        .offset = r->at + 1, .length = line.length - 3, .got = (uint64_t)line.number,
                                        .expected = (uint64_t)REDIS_BULK_MAX, .note = "proto-max-bulk-len as shipped"});
        return false;
    }
    check_line_end(r, &line);
    check_unauthenticated(r, ANOMALY_REDIS_UNAUTHENTICATED_LENGTH, FIELD_REDIS_LENGTH, &line, REDIS_UNAUTHENTICATED_BULK);
    r->at += line.length;
    uint32_t length = (uint32_t)line.number;
    redis_argument(r, q, view_head(view_from(r->bytes, r->at), length), r->at, length);
    q->argument++;
    q->left--;
    r->at += length;
    if (length > CLIENT_SEEN) {
        q->stage = REQUEST_TAIL;
        return true;
    }
    check_string_end(r, r->at);
    r->at += 2;
    return true;
}

enum verdict redis_request(struct redis_reading *r)
{
    struct redis_requests *q = &r->state->requests[r->from];
    enum verdict verdict;
    r->out->message = REDIS_REQUEST;
    if (q->stage == REQUEST_INLINE || (q->stage == REQUEST_BETWEEN && redis_byte(r->bytes, 0) != '*')) {
        if (q->stage == REQUEST_BETWEEN)
            check_form(r, true);
        verdict = redis_inline(r);
        if (r->out->message == REDIS_EMPTY)
            note_empty(r, true);
        return verdict;
    }
    if (q->stage == REQUEST_BETWEEN) {
        if (!read_count(r, q, &verdict))
            return verdict;
    } else {
        r->out->message = REDIS_REQUEST_PART;
        if (q->stage == REQUEST_TAIL) {
            check_string_end(r, 0);
            r->at = 2;
        }
        q->stage = REQUEST_ARGUMENTS;
    }
    while (q->left && q->stage == REQUEST_ARGUMENTS && r->at < r->bytes.length)
        if (!read_argument(r, q))
            return VERDICT_BROKEN;
    if (q->left == 0 && q->stage == REQUEST_ARGUMENTS) {
        q->stage = REQUEST_BETWEEN;
        redis_command_done(r, q);
    }
    return VERDICT_OK;
}
