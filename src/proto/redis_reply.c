/* Values of RESP2 and RESP3 as a server sends them (redis-specifications, protocol/RESP3.md), judged as clients read them
 * (hiredis, read.c). No recursion: the open levels are counted. The walk is that of redis_reply_frame. */
#include "model/name.h"
#include "proto/redis.h"

enum { KEY_NONE, KEY_VERSION, KEY_ID };

static bool is_streamed(const struct redis_state *s)
{
    return s->depth && s->streamed >> (s->depth - 1) & 1;
}

/* Values that are still due, for the frame: those of the deepest level, and of each above it one less, as that one is open. */
static uint64_t values_due(const struct redis_state *s)
{
    uint64_t due = s->depth ? 0 : s->reply_stage != REPLY_VALUES;
    if (s->streamed)
        return 1;
    for (unsigned d = 0; d < s->depth; d++) {
        bool open_counts = d + 1u < s->depth && s->kind[d + 1] != '|';
        due += s->left[d] - open_counts;
    }
    return due + (s->depth && s->kind[0] == '|');
}

/* A value is complete, and with it perhaps the ones that it ends. */
static void complete(struct redis_reading *r, uint8_t type, struct view line, uint32_t offset)
{
    struct redis_state *s = r->state;
    while (s->depth) {
        unsigned d = s->depth - 1;
        if (is_streamed(s) || --s->left[d])
            return;
        type = s->kind[d];
        s->depth--;
        if (type == '|')
            return;
    }
    r->out->message = REDIS_SERVER + type;
    redis_answered(r, type, line, offset);
}

static bool wrong(struct redis_reading *r, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length, uint64_t got,
                  const char *expected)
{
    redis_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = offset,
                                    .length = length, .got = got, .note = expected});
    return false;
}

static void check_resp3(struct redis_reading *r, uint8_t type)
{
    struct redis_state *s = r->state;
    if (s->resp3 || s->joined || s->resp3_told || s->untracked)
        return;
    s->resp3_told = true;
    redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_RESP3_TYPE, .field = FIELD_REDIS_TYPE, .relation = MUST_BE, .offset = r->at,
                                    .length = 1, .got = type, .note = "one of + - : $ *, as the client did not say HELLO 3"});
}

/* What stands in the line of a simple value. */
static void check_simple(struct redis_reading *r, uint8_t type, struct view text)
{
    bool good = true;
    const char *expected = NULL;
    switch (type) {
    case ':':
        good = redis_is_integer(text), expected = "an integer of 64 bits";
        break;
    case '(':
        for (size_t i = redis_byte(text, 0) == '-' || redis_byte(text, 0) == '+'; i < text.length; i++)
            good &= (uint8_t)(text.bytes[i] - '0') <= 9;
        good &= text.length > 0, expected = "digits";
        break;
    case ',':
        good = redis_is_double(text), expected = "a number, inf or nan";
        break;
    case '#':
        good = text.length == 1 && (text.bytes[0] == 't' || text.bytes[0] == 'f'), expected = "t or f";
        break;
    case '_':
        good = text.length == 0, expected = "nothing";
        break;
    default:
        if (text.length && memchr(text.bytes, 0, text.length))
            wrong(r, ANOMALY_REDIS_REPLY_LINE, FIELD_REDIS_LINE, r->at + 1, (uint32_t)text.length, 0, "text without NUL");
        return;
    }
    if (!good)
        wrong(r, ANOMALY_REDIS_REPLY_NUMBER, FIELD_REDIS_LINE, r->at + 1, (uint32_t)text.length, 0, expected);
}

static bool read_simple(struct redis_reading *r, uint8_t type)
{
    struct redis_state *s = r->state;
    struct view ahead = view_head(view_from(r->bytes, r->at), LINE_CHUNK);
    const uint8_t *end = memchr(ahead.bytes, '\r', ahead.length);
    if (type != '+' && type != '-' && type != ':')
        check_resp3(r, type);
    uint32_t length = (uint32_t)(end ? end - ahead.bytes : (ptrdiff_t)ahead.length);
    struct view text = view_from(view_head(ahead, length), 1);
    note_field(r->out, type == '-' ? FIELD_REDIS_ERROR : FIELD_REDIS_LINE, r->at + 1, (uint32_t)text.length, 0);
    if (!end) {
        s->reply_stage = REPLY_LINE;
        s->reply_type = type;
        r->at += length;
        return true;
    }
    if (redis_byte(r->bytes, r->at + length + 1) != '\n')
        return wrong(r, ANOMALY_REDIS_REPLY_LINE, FIELD_REDIS_LINE_END, r->at + length + 1, 1,
                     redis_byte(r->bytes, r->at + length + 1), "a line feed (0a)");
    const uint8_t *feed = text.length ? memchr(text.bytes, '\n', text.length) : NULL;
    if (feed)
        return wrong(r, ANOMALY_REDIS_REPLY_LINE, FIELD_REDIS_LINE, r->at + 1 + (uint32_t)(feed - text.bytes), 1, '\n',
                     "no line feed inside a line");
    check_simple(r, type, text);
    uint32_t offset = r->at;
    if (type == ':' && s->depth <= 1 && (s->key == KEY_ID || redis_awaits(s) == AWAITED_CLIENT_ID)) {
        s->connection_id = (uint32_t)redis_number_line(r->bytes, r->at).number;
        s->key = KEY_NONE;
    }
    r->at += length + 2;
    s->mask_next = false;
    complete(r, type, text, offset);
    return true;
}

/* Of the reply to HELLO: names and what they say. */
static void hello_value(struct redis_state *s, struct view text)
{
    if (s->key == KEY_VERSION) {
        s->version_length = (uint8_t)(text.length < REDIS_VERSION_TEXT ? text.length : REDIS_VERSION_TEXT);
        memcpy(s->version, text.bytes, s->version_length);
        s->key = KEY_NONE;
        return;
    }
    s->key = view_equal(text, view_text("version")) ? KEY_VERSION : view_equal(text, view_text("id")) ? KEY_ID : KEY_NONE;
}

static bool names_a_password(struct view text)
{
    return view_equal(text, view_text("requirepass")) || view_equal(text, view_text("masterauth")) ||
           view_equal(text, view_text("tls-key-file-pass"));
}

/* RESP2 has no type of its own for what a subscriber is sent. */
static bool is_pushed(const struct redis_state *s, struct view text)
{
    bool first = s->untracked && s->depth == 1 && s->kind[0] == '*' && (s->left[0] == 3 || s->left[0] == 4);
    return first && (view_equal(text, view_text("message")) || view_equal(text, view_text("pmessage")) ||
                     view_equal(text, view_text("smessage")));
}

static void look_at_string(struct redis_reading *r, uint8_t type, struct view text, uint32_t length)
{
    struct redis_state *s = r->state;
    enum awaited what = s->depth == 1 || (type != '$' && !s->depth) ? redis_awaits(s) : AWAITED_NOTHING;
    enum field field = s->mask_next ? FIELD_REDIS_PASSWORD : type == '!' ? FIELD_REDIS_ERROR : FIELD_REDIS_VALUE;
    note_field(r->out, field, r->at, length, 0);
    s->mask_next = s->depth && text.length < 20 && text.length > 9 && names_a_password(text);
    if (what == AWAITED_HELLO || what == AWAITED_AUTH_HELLO)
        hello_value(s, text);
    s->pushed |= is_pushed(s, text);
    if (!s->depth && text.length > 30 && redis_byte(text, type == '=' ? 4 : 0) == '#')
        redis_info(r, text);
    if (type == '=' && (length < 4 || (text.length > 3 && text.bytes[3] != ':')))
        wrong(r, ANOMALY_REDIS_VERBATIM, FIELD_REDIS_VALUE, r->at, length < 4 ? length : 4, length, "three letters and a colon");
}

static bool check_end(struct redis_reading *r, uint32_t at)
{
    uint8_t first = redis_byte(r->bytes, at), second = redis_byte(r->bytes, at + 1);
    if (first == '\r' && second == '\n')
        return true;
    return wrong(r, ANOMALY_REDIS_REPLY_STRING_END, FIELD_REDIS_LINE_END, at, 2, (uint64_t)first << 8 | second,
                 "a carriage return and a line feed (0d 0a)");
}

/* A string, or a chunk of one, is there up to its end. */
static void string_ends(struct redis_reading *r, uint8_t type, struct view text, uint32_t offset)
{
    if (type != ';')
        complete(r, type, text, offset);
}

static bool open_level(struct redis_reading *r, uint8_t type, uint32_t left, bool streamed)
{
    struct redis_state *s = r->state;
    if (s->depth == REDIS_DEPTH)
        return wrong(r, ANOMALY_REDIS_NESTING_LIMIT, FIELD_REDIS_COUNT, r->at, 1, s->depth, "at most 32 levels");
    s->left[s->depth] = left;
    s->kind[s->depth] = type;
    s->streamed = (s->streamed & ~(UINT32_C(1) << s->depth)) | (uint32_t)streamed << s->depth;
    s->depth++;
    if (s->depth > REDIS_CLIENT_DEPTH && !s->nesting_told) {
        s->nesting_told = true;
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_NESTING, .field = FIELD_REDIS_COUNT, .relation = MUST_NOT_EXCEED,
                                        .offset = r->at, .length = 1, .got = s->depth, .expected = REDIS_CLIENT_DEPTH,
                                        .note = "levels"});
    }
    return true;
}

static bool read_string(struct redis_reading *r, uint8_t type, const struct redis_line *line)
{
    struct redis_state *s = r->state;
    uint32_t offset = r->at;
    bool null = type == '$' && line->number == -1;
    if (type != '$')
        check_resp3(r, type);
    if (line->is != LINE_NUMBER || (line->number < 0 && !null))
        return wrong(r, ANOMALY_REDIS_REPLY_LENGTH, FIELD_REDIS_NUMBER, r->at + 1, line->length > 3 ? line->length - 3 : 0, 0,
                     type == '$' ? "a length, or -1" : "a length");
    bool chunk = is_streamed(s) && s->kind[s->depth - 1] == '$';
    if ((type == ';') != chunk)
        return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, 1, type,
                     chunk ? "; the next chunk of a string" : "a value, as no string comes in chunks");
    note_field(r->out, FIELD_REDIS_LENGTH, r->at + 1, line->length - 3, (uint64_t)line->number);
    if (line->number > REDIS_BULK_MAX)
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_REPLY_LARGE, .field = FIELD_REDIS_LENGTH, .relation = MUST_NOT_EXCEED,
                                        .offset = r->at + 1, .length = line->length - 3, .got = (uint64_t)line->number,
                                        .expected = (uint64_t)REDIS_BULK_MAX, .note = "proto-max-bulk-len as shipped"});
    r->at += line->length;
    if (null) {
        s->mask_next = false;
        complete(r, type, view_of(r->bytes.bytes, 0), offset);
        return true;
    }
    if (type == ';' && line->number == 0) {
        s->depth--;
        s->streamed &= ~(UINT32_C(1) << s->depth);
        complete(r, '$', view_of(r->bytes.bytes, 0), offset);
        return true;
    }
    uint64_t length = (uint64_t)line->number;
    uint32_t counted = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    struct view text = view_head(view_from(r->bytes, r->at), (size_t)length);
    look_at_string(r, type, text, counted);
    if (length > SERVER_SEEN) {
        s->reply_stage = REPLY_TAIL;
        s->reply_type = type;
        r->at = (uint32_t)r->bytes.length;
        return true;
    }
    r->at += (uint32_t)length;
    (void)check_end(r, r->at);
    r->at += 2;
    string_ends(r, type, text, offset);
    return true;
}

static bool read_aggregate(struct redis_reading *r, uint8_t type, const struct redis_line *line)
{
    uint32_t offset = r->at;
    unsigned pairs = type == '%' || type == '|';
    bool null = type == '*' && line->number == -1;
    if (type != '*')
        check_resp3(r, type);
    if (line->is != LINE_NUMBER || (line->number < 0 && !null) || line->number > UINT32_MAX >> pairs)
        return wrong(r, ANOMALY_REDIS_REPLY_COUNT, FIELD_REDIS_NUMBER, r->at + 1, line->length > 3 ? line->length - 3 : 0, 0,
                     "a count of at most 4294967295 values");
    note_field(r->out, FIELD_REDIS_COUNT, r->at + 1, line->length - 3, (uint64_t)line->number);
    if (line->number > 0 && !open_level(r, type, (uint32_t)line->number << pairs, false))
        return false;
    r->at += line->length;
    if (line->number <= 0 && type != '|')
        complete(r, type, view_of(r->bytes.bytes, 0), offset);
    return true;
}

/* "$?", "*?", "%?" and their like; "." ends them. */
static bool read_streamed(struct redis_reading *r, uint8_t type, const struct redis_line *line)
{
    struct redis_state *s = r->state;
    uint32_t offset = r->at;
    check_resp3(r, type);
    if (type == '.') {
        if (!is_streamed(s) || s->kind[s->depth - 1] == '$')
            return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, 1, type, "a value: nothing is to be ended");
        struct view end = view_head(view_from(r->bytes, r->at), 3);
        if (!view_equal(end, view_text(".\r\n")))
            return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, (uint32_t)end.length, type, ". and the end of the line");
        s->depth--;
        s->streamed &= ~(UINT32_C(1) << s->depth);
        r->at += 3;
        type = s->kind[s->depth];
        if (type != '|')
            complete(r, type, view_of(r->bytes.bytes, 0), offset);
        return true;
    }
    bool chunk = is_streamed(s) && s->kind[s->depth - 1] == '$';
    if (type == ';' || type == '!' || type == '=' || chunk)
        return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, 1, type, "a length");
    if (!open_level(r, type, 0, true))
        return false;
    r->at += line->length;
    return true;
}

/* One piece; false: what follows cannot be trusted. */
static bool read_value(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    uint8_t type = redis_byte(r->bytes, r->at);
    bool chunk = is_streamed(s) && s->kind[s->depth - 1] == '$';
    struct redis_line line = {0};
    switch (type) {
    case '+': case '-': case ':': case '_': case '#': case ',': case '(':
        if (chunk)
            return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, 1, type, "; the next chunk of a string");
        return read_simple(r, type);
    case '.':
        return read_streamed(r, type, &line);
    case '$': case '!': case '=': case ';': case '*': case '~': case '>': case '%': case '|':
        line = redis_number_line(r->bytes, r->at);
        if (line.is == LINE_STREAMED)
            return read_streamed(r, type, &line);
        if (type == '$' || type == '!' || type == '=' || type == ';')
            return read_string(r, type, &line);
        if (chunk)
            return wrong(r, ANOMALY_REDIS_STREAMED, FIELD_REDIS_TYPE, r->at, 1, type, "; the next chunk of a string");
        return read_aggregate(r, type, &line);
    default:
        return wrong(r, ANOMALY_REDIS_REPLY_TYPE, FIELD_REDIS_TYPE, r->at, 1, type, "the type byte of a value");
    }
}

/* What was open when the frame before this one ended: a string's end, or the rest of a line. False: broken. */
static bool continue_value(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    struct view none = view_of(r->bytes.bytes, 0);
    if (s->reply_stage == REPLY_TAIL) {
        s->reply_stage = REPLY_VALUES;
        (void)check_end(r, 0);
        r->at = 2;
        string_ends(r, s->reply_type, none, 0);
        return true;
    }
    if (s->reply_stage != REPLY_LINE)
        return true;
    size_t length = r->bytes.length;
    const uint8_t *end = memchr(r->bytes.bytes, '\r', length);
    r->at = (uint32_t)length;
    if (!end)
        return true;
    if (redis_byte(r->bytes, length - 1) != '\n')
        return wrong(r, ANOMALY_REDIS_REPLY_LINE, FIELD_REDIS_LINE_END, (uint32_t)length - 1, 1, redis_byte(r->bytes, length - 1),
                     "a line feed (0a)");
    s->reply_stage = REPLY_VALUES;
    complete(r, s->reply_type, none, 0);
    return true;
}

static enum verdict values(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    r->out->message = REDIS_REPLY_PART;
    if (!s->pending && s->joined && redis_byte(r->bytes, 0) == '\n') {
        r->out->message = REDIS_KEEPALIVE;
        return VERDICT_OK;
    }
    if (!continue_value(r))
        return VERDICT_BROKEN;
    while (r->at < r->bytes.length && s->reply_stage == REPLY_VALUES)
        if (!read_value(r))
            return VERDICT_BROKEN;
    s->pending = s->depth || s->reply_stage != REPLY_VALUES ? values_due(s) : 0;
    return VERDICT_OK;
}

enum verdict redis_reply(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    uint8_t first = redis_byte(r->bytes, 0);
    switch (s->reply_stage) {
    case REPLY_RDB_BYTES:
        return redis_rdb_bytes(r);
    case REPLY_RDB_STREAM:
        return redis_rdb_stream(r);
    case REPLY_COMMANDS:
        if (s->requests[FROM_SERVER].stage != REQUEST_BETWEEN || first != '\n')
            return redis_request(r);
        r->out->message = REDIS_KEEPALIVE;
        return VERDICT_OK;
    default:
        if (redis_rdb_is_next(s) && (first == '$' || first == '\n'))
            return redis_rdb_header(r);
        return values(r);
    }
}
