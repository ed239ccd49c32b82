/* Inline commands: a line of words, as src/sds.c of Redis splits it (sdssplitargs). A long line comes in pieces. */
#include "model/name.h"
#include "proto/redis.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The state of the quotes behind one more byte. */
static uint8_t quote_step(uint8_t quote, uint8_t c)
{
    switch (quote) {
    case QUOTE_DOUBLE:
        return c == '\\' ? QUOTE_DOUBLE_ESCAPE : c == '"' ? QUOTE_CLOSED : QUOTE_DOUBLE;
    case QUOTE_DOUBLE_ESCAPE:
        return QUOTE_DOUBLE;
    case QUOTE_SINGLE_ESCAPE:
        if (c == '\'')
            return QUOTE_SINGLE;
        /* fall through */
    case QUOTE_SINGLE:
        return c == '\\' ? QUOTE_SINGLE_ESCAPE : c == '\'' ? QUOTE_CLOSED : QUOTE_SINGLE;
    case QUOTE_CLOSED:
        return is_blank(c) ? QUOTE_NONE : QUOTE_WRONG;
    case QUOTE_NONE:
        return c == '"' ? QUOTE_DOUBLE : c == '\'' ? QUOTE_SINGLE : QUOTE_NONE;
    default:
        return QUOTE_WRONG;
    }
}

/* Words without quotes become arguments; a word with them is noted as it is written. */
static void read_words(struct redis_reading *r, struct redis_requests *q, struct view line, uint32_t from)
{
    size_t at = 0;
    q->argument = 0;
    q->command = q->detail = 0;
    while (line.length && is_blank(line.bytes[line.length - 1]))
        line.length--;
    while (at < line.length) {
        while (at < line.length && is_blank(line.bytes[at]))
            at++;
        size_t begin = at;
        uint8_t quote = QUOTE_NONE;
        while (at < line.length && (quote != QUOTE_NONE || !is_blank(line.bytes[at])) && quote != QUOTE_WRONG)
            quote = quote_step(quote, line.bytes[at++]);
        if (at == begin)
            break;
        while (at > begin && is_blank(line.bytes[at - 1]))
            at--;
        struct view word = view_of(line.bytes + begin, at - begin);
        uint32_t stripped = word.length >= 2 && (word.bytes[0] == '"' || word.bytes[0] == '\'');
        word = view_of(word.bytes + stripped, word.length - 2 * stripped);
        q->left = 1 + (at < line.length);
        redis_argument(r, q, word, from + (uint32_t)begin + stripped, (uint32_t)word.length);
        q->argument++;
        at += at == begin;
    }
    q->left = 0;
}

/* An HTTP client got here: its lines are commands that do not exist. */
static void check_http(struct redis_reading *r, struct view line)
{
    static const char version[] = " HTTP/1.";
    size_t length = sizeof version - 1;
    if (r->state->http_told || line.length < length + 1)
        return;
    const uint8_t *end = line.bytes + line.length - length - 1;
    if (memcmp(end, version, length) != 0 || memchr(line.bytes, ' ', line.length) == end)
        return;
    r->state->http_told = true;
    redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_HTTP, .field = FIELD_REDIS_INLINE, .relation = MUST_BE, .offset = 0,
                                    .length = (uint32_t)line.length, .note = "a Redis command, not an HTTP request"});
}

/* A line that may hold a password in a place where it is not looked for is hidden as a whole. */
static void note_line(struct redis_reading *r, struct view line)
{
    struct view word = view_head(line, 5);
    bool login = redis_word(view_head(word, 4), "AUTH") || redis_word(word, "HELLO");
    if (!r->out->secret || login)
        note_field(r->out, login ? FIELD_REDIS_PASSWORD : FIELD_REDIS_INLINE, 0, (uint32_t)line.length, 0);
}

static enum verdict inline_end(struct redis_reading *r, struct redis_requests *q, struct view line)
{
    bool whole = q->stage == REQUEST_BETWEEN;
    q->stage = REQUEST_BETWEEN;
    if (q->quote != QUOTE_NONE && q->quote != QUOTE_CLOSED) {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_QUOTES, .field = FIELD_REDIS_INLINE, .relation = MUST_BE, .offset = 0,
                                        .length = (uint32_t)line.length, .note = "quotes that are closed, and a blank behind them"});
        return VERDICT_BROKEN;
    }
    if (!q->words) {
        r->out->message = REDIS_EMPTY;
        return VERDICT_OK;
    }
    if (r->from == FROM_SERVER) {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_MASTER_INLINE, .field = FIELD_REDIS_INLINE, .relation = MUST_BE,
                                        .offset = 0, .length = (uint32_t)line.length, .note = "a request that begins with *"});
        return VERDICT_BROKEN;
    }
    if (!whole)
        q->command = q->detail = 0;
    redis_command_done(r, q);
    return VERDICT_OK;
}

enum verdict redis_inline(struct redis_reading *r)
{
    struct redis_requests *q = &r->state->requests[r->from];
    uint8_t last = redis_byte(r->bytes, r->bytes.length - 1);
    r->out->message = REDIS_INLINE;
    if (q->stage == REQUEST_BETWEEN) {
        q->line = 0;
        q->quote = QUOTE_NONE;
        q->words = false;
    }
    struct view line = view_head(r->bytes, r->bytes.length - (last == '\n'));
    if (last == '\n' && redis_byte(line, line.length - 1) == '\r')
        line.length--;
    for (size_t i = 0; i < line.length; i++) {
        q->words |= !is_blank(line.bytes[i]);
        q->quote = quote_step(q->quote, line.bytes[i]);
    }
    if (last == 0) {
        note_line(r, line);
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_NUL_IN_LINE, .field = FIELD_REDIS_INLINE, .relation = MUST_BE,
                                        .offset = (uint32_t)line.length - 1, .length = 1, .got = 0,
                                        .note = "a line without NUL: the server never finds its end"});
        return VERDICT_BROKEN;
    }
    q->line += (uint32_t)r->bytes.length;
    if (q->stage == REQUEST_BETWEEN && last == '\n' && q->words) {
        check_http(r, line);
        read_words(r, q, line, 0);
    }
    note_line(r, line);
    if (q->line > REDIS_INLINE_MAX) {
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_INLINE_LONG, .field = FIELD_REDIS_INLINE, .relation = MUST_NOT_EXCEED,
                                        .offset = 0, .length = (uint32_t)line.length, .got = q->line, .expected = REDIS_INLINE_MAX,
                                        .note = "PROTO_INLINE_MAX_SIZE"});
        return VERDICT_BROKEN;
    }
    if (last == '\n')
        return inline_end(r, q, line);
    q->stage = REQUEST_INLINE;
    return VERDICT_OK;
}
