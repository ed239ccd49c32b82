/*
 * The token stream of responses ([MS-TDS] 2.2.7): what comes next, and how to get past it. Rows by the description of their
 * columns, other tokens by their length or their layout; what the texts among them say is in tds_token_text.c.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { KEY_HEAD = 4, DONE_BYTES = 12, DONE_OLD_BYTES = 8 };

/* Steps of RETURNVALUE. */
enum { RETURN_ORDINAL, RETURN_NAME, RETURN_STATUS, RETURN_TYPE, RETURN_VALUE };
/* Steps of FEATUREEXTACK, and of tokens with a length. */
enum { FEATURE_ID, FEATURE_LENGTH, FEATURE_DATA };
enum { TEXT_LENGTH, TEXT_BODY };

static bool is_wide(const struct tds_reading *r)
{
    return r->state->level >= LEVEL_72 || r->state->level == LEVEL_UNKNOWN;
}

/* Bytes of the length of a token that has one; 0: it has none. */
static uint32_t length_bytes(uint8_t token)
{
    switch (token) {
    case TOKEN_TABNAME: case TOKEN_COLINFO: case TOKEN_ORDER: case TOKEN_ERROR: case TOKEN_INFO: case TOKEN_LOGINACK: case TOKEN_ENVCHANGE:
    case TOKEN_SSPI: case TOKEN_EED: case TOKEN_CAPABILITY:
        return 2;
    case TOKEN_SESSIONSTATE: case TOKEN_FEDAUTHINFO:
        return 4;
    default:
        return 0;
    }
}

static uint8_t *head_note(struct tds_reading *r, bool fresh)
{
    uint64_t key = (uint64_t)KEY_HEAD << 56 | (uint64_t)r->from << 48 | (uint64_t)r->stream->keys << 16;
    return fresh ? note_keep(r->out, key, TDS_HEAD) : note_find(r->out, key);
}

/* Gathers the head of a token that packets cut. True: it is whole. */
static bool gather(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    size_t left = cursor_left(&r->c);
    struct view here = take_view(&r->c, left < stream->left ? left : stream->left);
    uint8_t *head = head_note(r, stream->head_used == 0);
    size_t room = TDS_HEAD - stream->head_used;
    if (head && here.length) {
        size_t kept = here.length < room ? here.length : room;
        memcpy(head + stream->head_used, here.bytes, kept);
        stream->head_used = (uint8_t)(stream->head_used + kept);
    }
    stream->left -= (uint32_t)here.length;
    return stream->left == 0;
}

/* A token with a length, in place when this packet has it whole. */
static bool text_token(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (stream->step == TEXT_LENGTH) {
        uint32_t bytes = length_bytes(stream->token);
        if (!tds_take(r, bytes, &element))
            return false;
        uint32_t length = bytes == 2 ? take_u16le(&element) : take_u32le(&element);
        tds_note(r, FIELD_TDS_TOKEN_LENGTH, 0, bytes, length);
        stream->declared = stream->left = length;
        stream->head_used = 0;
        stream->step = TEXT_BODY;
        if (cursor_left(&r->c) >= length) {
            r->at = r->base + cursor_offset(&r->c);
            tds_token_text(r, cursor_over(take_view(&r->c, length)), length);
            return !r->bad;
        }
        if (r->last)
            return false; /* its message ends: said there */
    }
    if (!gather(r))
        return false;
    const uint8_t *head = head_note(r, false);
    uint8_t copy[TDS_HEAD]; /* what is told of it makes notes, which may cost it its own */
    r->at = r->base;
    if (!head)
        return true;
    memcpy(copy, head, stream->head_used);
    tds_token_text(r, cursor_over(view_of(copy, stream->head_used)), (uint32_t)stream->declared);
    return !r->bad;
}

static void take_feature(struct tds_reading *r, uint8_t feature)
{
    tds_note(r, FIELD_TDS_FEATURE, 0, 1, feature);
    r->state->encrypted_columns |= feature == FEATURE_COLUMNENCRYPTION;
}

static bool features(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    for (;;) {
        if (!tds_pass(r))
            return false;
        if (stream->step == FEATURE_LENGTH) {
            if (!tds_take(r, 4, &element))
                return false;
            stream->skip = take_u32le(&element);
            tds_note(r, FIELD_TDS_FEATURE_LENGTH, 0, 4, stream->skip);
            stream->step = FEATURE_ID;
            continue;
        }
        if (!tds_take(r, 1, &element))
            return false;
        uint8_t feature = take_u8(&element);
        take_feature(r, feature);
        if (feature == FEATURE_TERMINATOR)
            return true;
        stream->step = FEATURE_LENGTH;
    }
}

static bool return_value(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (stream->step == RETURN_ORDINAL) {
        if (!tds_take(r, 2, &element))
            return false;
        stream->byte_names = 1;
        stream->step = RETURN_NAME;
    }
    if (stream->step == RETURN_NAME) {
        if (!tds_names(r))
            return false;
        stream->step = RETURN_STATUS;
    }
    if (stream->step == RETURN_STATUS) {
        if (!tds_take(r, is_wide(r) ? 7 : 5, &element))
            return false;
        take_skip(&element, is_wide(r) ? 5 : 3);
        if (take_u16le(&element) & 0x800 && r->state->encrypted_columns) {
            stream->blind = r->bad = true;
            return false;
        }
        stream->step = RETURN_TYPE;
    }
    if (stream->step == RETURN_TYPE) {
        if (!tds_type(r, false))
            return false;
        if (stream->current.form == FORM_POINTER)
            stream->current.form = FORM_LONG;
        stream->step = RETURN_VALUE;
    }
    return tds_value(r, &stream->current);
}

/* DONE, DONEPROC, DONEINPROC: 12 bytes from TDS 7.2 on, 8 before. Where the level is only guessed the end of the message
 * tells. */
static bool done(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct tds_state *s = r->state;
    struct cursor element;
    size_t left = cursor_left(&r->c);
    if (!s->level_sure && r->last && !stream->carried && (left == DONE_BYTES || left == DONE_OLD_BYTES))
        s->level = left == DONE_BYTES ? (s->level >= LEVEL_72 ? s->level : LEVEL_74) : LEVEL_71;
    bool wide = is_wide(r);
    if (!tds_take(r, wide ? DONE_BYTES : DONE_OLD_BYTES, &element))
        return false;
    uint16_t status = take_u16le(&element);
    take_skip(&element, 2);
    uint64_t rows = wide ? take_u64le(&element) : take_u32le(&element);
    tds_note(r, FIELD_TDS_DONE_STATUS, 0, 2, status);
    if (status & DONE_COUNT) {
        tds_note(r, FIELD_TDS_ROWS, 4, wide ? 8 : 4, rows);
        stream->rows += rows;
    }
    stream->ended = !(status & DONE_MORE);
    if (status & DONE_ATTENTION) {
        r->turn->attention = 0;
        r->turn->asked = r->turn->asked != 0; /* whatever was under way is over with this response */
        stream->ended = true;
    }
    return true;
}

static bool simple(struct tds_reading *r, uint32_t bytes)
{
    struct cursor element;
    if (!tds_take(r, bytes, &element))
        return false;
    if (r->stream->token == TOKEN_RETURNSTATUS)
        tds_note(r, FIELD_TDS_RETURN_STATUS, 0, 4, take_u32le(&element));
    return true;
}

static void unknown_token(struct tds_reading *r, uint8_t token)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TOKEN, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = r->at, .length = 1,
                                  .got = token, .note = "a token"});
}

static bool is_known_token(uint8_t token)
{
    switch (token) {
    case TOKEN_COLMETADATA: case TOKEN_ROW: case TOKEN_NBCROW: case TOKEN_DONE: case TOKEN_DONEPROC: case TOKEN_DONEINPROC:
    case TOKEN_RETURNSTATUS: case TOKEN_RETURNVALUE: case TOKEN_FEATUREEXTACK: case TOKEN_OFFSET: case TOKEN_ALTMETADATA: case TOKEN_ALTROW:
    case TOKEN_DATACLASSIFICATION:
        return true;
    default:
        return length_bytes(token) != 0;
    }
}

static void row_begins(struct tds_reading *r, bool with_nulls)
{
    struct tds_stream *stream = r->stream;
    if (!stream->columns_known) {
        if (stream->columns) { /* the client asked for rows without their description */
            stream->blind = r->bad = true;
            return;
        }
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_ROW_WITHOUT_COLUMNS, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = r->at,
                                      .length = 1, .got = stream->token, .note = "COLMETADATA before the first row"});
        return;
    }
    stream->column = 0;
    stream->null_row = with_nulls;
    stream->left = with_nulls ? (stream->columns + 7u) / 8 : 0;
}

static bool begin_token(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 1, &element))
        return false;
    uint8_t token = take_u8(&element);
    stream->token = token;
    stream->step = 0;
    stream->ended = false;
    if (token == TOKEN_ROW || token == TOKEN_NBCROW) {
        row_begins(r, token == TOKEN_NBCROW);
        return !r->bad;
    }
    if (!is_known_token(token)) {
        unknown_token(r, token);
        return false;
    }
    tds_note(r, FIELD_TDS_TOKEN, 0, 1, token);
    if (token == TOKEN_ALTMETADATA || token == TOKEN_ALTROW || token == TOKEN_DATACLASSIFICATION) {
        stream->blind = r->bad = true; /* not decoded */
        return false;
    }
    return true;
}

/* The rest of stream->token. True: the next one begins. */
static bool token_rest(struct tds_reading *r)
{
    switch (r->stream->token) {
    case TOKEN_ROW: case TOKEN_NBCROW:
        return tds_row(r);
    case TOKEN_COLMETADATA:
        return tds_columns(r);
    case TOKEN_DONE: case TOKEN_DONEPROC: case TOKEN_DONEINPROC:
        return done(r);
    case TOKEN_RETURNSTATUS: case TOKEN_OFFSET:
        return simple(r, 4);
    case TOKEN_RETURNVALUE:
        return return_value(r);
    case TOKEN_FEATUREEXTACK:
        return features(r);
    default:
        return text_token(r);
    }
}

void tds_tokens(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    for (;;) {
        if (!stream->token) {
            if (!cursor_left(&r->c) || !begin_token(r))
                return;
        }
        if (!token_rest(r))
            return;
        stream->loose |= stream->token == TOKEN_SSPI || stream->token == TOKEN_FEDAUTHINFO;
        stream->token = 0;
    }
}

/* The level was guessed, and this message fits it. */
static void believe_level(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    if (s->level_sure || !r->stream->ended)
        return;
    if (s->level == LEVEL_UNKNOWN)
        s->level = LEVEL_74;
    if (++s->sound >= TDS_SURE)
        s->level_sure = true;
}

static void login_over(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    const struct tds_stream *stream = r->stream;
    if (stream->acknowledged) {
        s->stage = STAGE_SESSION;
        s->smp = s->asked_mars && s->granted_mars;
        return;
    }
    if (stream->errors && !s->failed_told && s->stage == STAGE_LOGIN)
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .number = stream->error_number});
    s->failed_told |= stream->errors;
}

/* The message ends. */
void tds_tokens_end(struct tds_reading *r)
{
    const struct tds_stream *stream = r->stream;
    uint32_t end = r->base + cursor_offset(&r->c);
    if (stream->token || stream->carried) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TOKEN_CUT, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = end, .length = 0,
                                      .got = stream->token, .note = "the rest of the token"});
        return;
    }
    bool excused = stream->ended || stream->loose || r->turn->attention || r->turn->untracked || r->state->joined || r->state->farewell;
    if (!excused)
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_NO_DONE, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = end, .length = 0,
                                      .note = "DONE as the last token"});
    believe_level(r);
    if (r->state->stage != STAGE_SESSION)
        login_over(r);
}

/* What a server of TDS 4.2 and 5.0 says at the login: tokens with a length, then DONE. What comes later is not decoded. */
void tds_old_tokens(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    struct tds_stream *stream = r->stream;
    while (s->stage == STAGE_LOGIN && cursor_left(&r->c)) {
        uint8_t token = take_u8(&r->c);
        if (length_bytes(token) != 2 || cursor_left(&r->c) < 2)
            break;
        uint32_t at = r->base + cursor_offset(&r->c) - 1;
        uint32_t length = take_u16le(&r->c);
        if (length > cursor_left(&r->c))
            break;
        note_field(r->out, FIELD_TDS_TOKEN, at, 1, token);
        struct view body = take_view(&r->c, length);
        if (token == TOKEN_LOGINACK && length && body.bytes[0] != 6) { /* 6: it failed */
            stream->acknowledged = true;
            s->stage = STAGE_SESSION;
            r->out->session->phase = PHASE_AUTHENTICATED;
            observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
        }
    }
    stream->blind = true;
}
