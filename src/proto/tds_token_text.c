/*
 * What tokens of known length say: ERROR and INFO ([MS-TDS] 2.2.7.10, 2.2.7.13), ENVCHANGE (2.2.7.9), LOGINACK (2.2.7.14). The
 * server is the judge: when it calls a request malformed, that is reported unless something was seen wrong in it before.
 *
 * `body` may be the head of the token alone; what lies behind it is not judged.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { CLASS_ERROR = 11, CLASS_FATAL = 20, SLOT_ERROR = 1, SLOT_SERVER = 2, VERSION_TEXT = 64, ROUTING_BYTES = 5 };
enum { ERROR_LOGIN_FIRST = 18400, ERROR_LOGIN_LAST = 18499, ERROR_SHUTDOWN = 6005, ERROR_SHUT_DOWN = 6006 };

struct text_token {
    struct cursor c;
    uint32_t length; /* as declared */
    uint32_t at;     /* of the body in the engine's message */
    bool cut;        /* packets cut it: the fields stand in no message as a whole */
};

static void note(struct tds_reading *r, const struct text_token *t, enum field field, uint32_t from, uint64_t value)
{
    uint32_t length = cursor_offset(&t->c) - from;
    if (!t->cut)
        note_field(r->out, field, t->at + from, length, value);
}

/* A part leaves its token. */
static void leaves(struct tds_reading *r, const struct text_token *t, uint32_t got)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TOKEN_LENGTH, .field = FIELD_TDS_TOKEN_LENGTH, .relation = MUST_REACH,
                                  .offset = t->cut ? t->at : t->at - 2, .length = t->cut ? 0 : 2, .got = t->length, .expected = got,
                                  .note = "what is in it"});
}

/* So many bytes more; false: they are not in the token, which is reported, or not in its head. */
static bool has(struct tds_reading *r, struct text_token *t, uint64_t bytes)
{
    uint64_t needs = cursor_offset(&t->c) + bytes;
    if (needs > t->length) {
        leaves(r, t, needs > UINT32_MAX ? UINT32_MAX : (uint32_t)needs);
        return false;
    }
    return bytes <= cursor_left(&t->c);
}

/* A text with a length of one or two bytes, in characters. */
static bool take_text(struct tds_reading *r, struct text_token *t, unsigned width, enum field field, struct view *text)
{
    *text = view_of("", 0);
    if (!has(r, t, width))
        return false;
    uint32_t characters = width == 1 ? take_u8(&t->c) : take_u16le(&t->c);
    uint32_t from = cursor_offset(&t->c);
    if (!has(r, t, 2 * (uint64_t)characters)) {
        if (!r->bad)
            *text = take_rest(&t->c);
        return false;
    }
    *text = take_view(&t->c, 2 * (uint64_t)characters);
    if (field != FIELD_NONE && text->length)
        note(r, t, field, from, 0);
    return true;
}

/* ---- errors */

static bool is_protocol_error(uint32_t number)
{
    return number == 4002 || number == 4012 || number == 4014 || number == 4022 || number == 8002 || (number >= 8004 && number <= 8007) ||
           (number >= 8009 && number <= 8064) || (number >= 17828 && number <= 17836);
}

static void judge(struct tds_reading *r, const struct text_token *t, uint32_t number, struct view text)
{
    struct tds_state *s = r->state;
    if (!is_protocol_error(number))
        return;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .number = number, .text = text});
    if (s->reported)
        return;
    s->reported = true;
    report(r->out, (struct report){.anomaly = ANOMALY_TDS_REJECTED, .field = FIELD_TDS_ERROR_NUMBER, .relation = MUST_BE,
                                   .offset = t->at, .length = t->cut ? 0 : 4, .got = number, .note = "an answer that is no protocol error"});
}

static void tell_error(struct tds_reading *r, const struct text_token *t, uint32_t number, uint32_t class, struct view utf16)
{
    struct tds_state *s = r->state;
    struct tds_stream *stream = r->stream;
    if (class < CLASS_ERROR && stream->token == TOKEN_INFO)
        return;
    struct view text = tds_readable(r, SLOT_ERROR + r->out->facts_used, utf16);
    bool refused = s->stage == STAGE_LOGIN && number >= ERROR_LOGIN_FIRST && number <= ERROR_LOGIN_LAST && !s->failed_told;
    stream->errors = true;
    stream->error_number = number;
    s->farewell |= class >= CLASS_FATAL || s->stage == STAGE_LOGIN;
    s->failed_told |= refused;
    if (number == ERROR_SHUTDOWN || number == ERROR_SHUT_DOWN) {
        s->farewell = true;
        observe(r->out, (struct fact){.kind = FACT_SHUTDOWN, .text = text});
    }
    observe(r->out, (struct fact){.kind = refused ? FACT_LOGIN_FAILED : FACT_ERROR, .number = number, .text = text});
    judge(r, t, number, text);
}

static void take_error(struct tds_reading *r, struct text_token *t)
{
    struct view text, server, procedure;
    if (!has(r, t, 6))
        return;
    uint32_t number = take_u32le(&t->c);
    note(r, t, FIELD_TDS_ERROR_NUMBER, 0, number);
    uint32_t state = take_u8(&t->c);
    note(r, t, FIELD_TDS_ERROR_STATE, 4, state);
    uint32_t class = take_u8(&t->c);
    note(r, t, FIELD_TDS_ERROR_CLASS, 5, class);
    bool whole = take_text(r, t, 2, FIELD_TDS_ERROR_TEXT, &text) && take_text(r, t, 1, FIELD_TDS_ERROR_SERVER, &server) &&
                 take_text(r, t, 1, FIELD_NONE, &procedure);
    if (whole && !has(r, t, 2) && !r->bad) /* the line: two bytes before TDS 7.2, four since */
        whole = false;
    if (!r->bad)
        tell_error(r, t, number, class, text);
}

/* ---- ENVCHANGE */

static void granted_size(struct tds_reading *r, const struct text_token *t, struct view utf16, uint32_t at)
{
    uint32_t size = 0;
    bool digits = utf16.length > 0;
    for (size_t i = 0; digits && i + 1 < utf16.length; i += 2) {
        digits = utf16.bytes[i] >= '0' && utf16.bytes[i] <= '9' && !utf16.bytes[i + 1] && size < 100000;
        size = size * 10 + (utf16.bytes[i] - '0');
    }
    if (!digits || size < TDS_PACKET_LEAST || size > TDS_PACKET_MAX) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_GRANTED_SIZE, .field = FIELD_TDS_ENVIRONMENT_VALUE, .relation = MUST_BE,
                                      .offset = t->at + at, .length = t->cut ? 0 : (uint32_t)utf16.length, .got = digits ? size : 0,
                                      .note = "a number from 512 to 32767"});
        return;
    }
    r->state->packet_size = (uint16_t)size;
    note_field(r->out, FIELD_TDS_PACKET_SIZE, 0, 0, size);
    observe(r->out, (struct fact){.kind = FACT_LIMIT, .number = size});
}

static bool is_textual(uint8_t kind)
{
    return (kind >= ENV_DATABASE && kind <= ENV_COMPARISON) || kind == ENV_LOGSHIPPARTNER || kind == ENV_USERINSTANCE;
}

/* Where the client is to go instead: a length, the protocol, the port, the server's name. */
static void take_routing(struct tds_reading *r, struct text_token *t)
{
    struct view server;
    if (!has(r, t, ROUTING_BYTES))
        return;
    take_skip(&t->c, ROUTING_BYTES);
    (void)take_text(r, t, 2, FIELD_TDS_ENVIRONMENT_VALUE, &server);
}

static void take_environment(struct tds_reading *r, struct text_token *t)
{
    struct view fresh, old;
    if (!has(r, t, 1))
        return;
    uint8_t kind = take_u8(&t->c);
    note(r, t, FIELD_TDS_ENVIRONMENT, 0, kind);
    if (kind == ENV_ROUTING) {
        take_routing(r, t);
        return;
    }
    if (!is_textual(kind)) {
        if (kind != ENV_PROMOTETRAN && has(r, t, 1)) {
            uint32_t bytes = take_u8(&t->c);
            (void)has(r, t, bytes);
        }
        return;
    }
    bool whole = take_text(r, t, 1, FIELD_TDS_ENVIRONMENT_VALUE, &fresh);
    uint32_t at = cursor_offset(&t->c) - (uint32_t)fresh.length;
    if (!whole || !take_text(r, t, 1, FIELD_NONE, &old))
        return;
    struct session *session = r->out->session;
    if (kind == ENV_PACKETSIZE)
        granted_size(r, t, fresh, at);
    else if (kind == ENV_DATABASE && fresh.length)
        tds_session_text(session->database, &session->database_length, fresh);
}

/* ---- LOGINACK */

static uint32_t decimal(char *to, uint32_t value)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (uint32_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    return count;
}

/* "Microsoft SQL Server 15.0.2000" */
static struct view server_text(struct tds_reading *r, struct view program, const uint8_t *version)
{
    static const size_t key_room = TDS_TEXT - VERSION_TEXT;
    struct view name = tds_readable(r, SLOT_SERVER << 8, view_head(program, key_room / 3 * 2));
    char text[VERSION_TEXT];
    uint32_t used = 0;
    text[used++] = ' ';
    used += decimal(text + used, version[0]);
    text[used++] = '.';
    used += decimal(text + used, version[1]);
    text[used++] = '.';
    used += decimal(text + used, (uint32_t)version[2] << 8 | version[3]);
    char *kept = note_keep(r->out, (uint64_t)1 << 56 | (SLOT_SERVER << 8 | 1), TDS_TEXT);
    if (!kept || name.length + used > TDS_TEXT)
        return name;
    if (name.length)
        memcpy(kept, name.bytes, name.length);
    memcpy(kept + name.length, text, used);
    return view_of(kept, name.length + used);
}

static void take_loginack(struct tds_reading *r, struct text_token *t)
{
    struct tds_state *s = r->state;
    struct view program;
    if (!has(r, t, 5))
        return;
    take_skip(&t->c, 1);
    uint32_t version = take_u32be(&t->c);
    note(r, t, FIELD_TDS_VERSION, 1, version);
    bool whole = take_text(r, t, 1, FIELD_TDS_SERVER_PROGRAM, &program);
    if (r->bad)
        return;
    tds_level_set(s, version);
    if (whole && has(r, t, 4)) {
        uint32_t from = cursor_offset(&t->c);
        struct view number = take_view(&t->c, 4);
        note(r, t, FIELD_TDS_SERVER_VERSION, from, 0);
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = s->spid, .text = server_text(r, program, number.bytes)});
    }
    if (r->bad)
        return;
    r->stream->acknowledged = true;
    r->out->session->phase = PHASE_AUTHENTICATED;
    observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
}

void tds_token_text(struct tds_reading *r, struct cursor body, uint32_t length)
{
    struct text_token t = {.c = body, .length = length, .at = r->at, .cut = r->stream->head_used != 0};
    switch (r->stream->token) {
    case TOKEN_ERROR:
    case TOKEN_INFO:
        take_error(r, &t);
        return;
    case TOKEN_ENVCHANGE:
        take_environment(r, &t);
        return;
    case TOKEN_LOGINACK:
        take_loginack(r, &t);
        return;
    case TOKEN_SSPI:
    case TOKEN_FEDAUTHINFO:
        if (!t.cut && length)
            note_field(r->out, FIELD_TDS_AUTH_DATA, t.at, length, 0);
        return;
    default:
        return;
    }
}
