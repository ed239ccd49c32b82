/*
 * PostgreSQL packets without a type byte: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest, direct TLS, and the
 * server's one-byte answers. As ProcessStartupPacket in src/backend/tcop/backend_startup.c (postmaster.c before 17).
 */
#include "model/name.h"
#include "proto/pgsql.h"

enum { CANCEL_KEY_3_0 = 4, CANCEL_KEY_3_2 = 32 }; /* as PostgreSQL makes them; 3.2 allows 4 to 256 */
enum { TLS_HANDSHAKE = 0x16, TLS_RECORD_HEADER = 5, TLS_RECORD_MAX = 16384 + 2048 };

/* A TLS record begins with its type and version 3.0 to 3.4; as a startup length that would be 369 MB. */
static bool is_tls(struct view head)
{
    return head.length >= 3 && head.bytes[0] == TLS_HANDSHAKE && head.bytes[1] == 3 && head.bytes[2] <= 4;
}

enum framing pgsql_startup_frame(const struct pgsql_state *s, struct cursor ahead, struct frame *out)
{
    struct view head = cursor_ahead(&ahead);
    (void)s;
    if (head.length < 4)
        return FRAME_NEEDS_MORE;
    if (is_tls(head)) {
        if (head.length < TLS_RECORD_HEADER)
            return FRAME_NEEDS_MORE;
        take_skip(&ahead, 3);
        out->total = (uint64_t)TLS_RECORD_HEADER + take_u16be(&ahead);
        out->wanted = TLS_RECORD_HEADER;
        return FRAME_READY;
    }
    uint32_t length = take_u32be(&ahead);
    out->total = length < 8 ? 4 : length;
    out->length_bytes = 4;
    out->wanted = length < 8 || length > 4 + PGSQL_STARTUP_BODY_MAX ? 4 : length;
    return FRAME_READY;
}

static void keep_text(char *to, uint8_t *length, struct view from, size_t most)
{
    from = view_head(from, most);
    memcpy(to, from.bytes, from.length);
    *length = (uint8_t)from.length;
}

static bool equal_text(struct view a, const char *b)
{
    return view_equal(a, view_text(b));
}

/* A prefix of a word of parse_bool (src/backend/utils/adt/bool.c); on and off need two letters. */
static bool is_word(struct view value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct view word = view_text(words[i]);
        size_t least = word.bytes[0] == 'o' ? 2 : 1;
        bool same = value.length >= least && value.length <= word.length;
        for (size_t k = 0; same && k < value.length; k++)
            same = (value.bytes[k] | 0x20) == (word.bytes[k] | 0x20);
        if (same)
            return true;
    }
    return false;
}

static bool asks_replication(struct view value)
{
    static const char *const words[] = {"true", "yes", "on", "1"};
    return equal_text(value, "database") || is_word(value, words, sizeof words / sizeof words[0]);
}

static bool is_off(struct view value)
{
    static const char *const words[] = {"false", "no", "off", "0"};
    return is_word(value, words, sizeof words / sizeof words[0]);
}

struct startup_login {
    struct view user, database, program;
    uint32_t database_at;
};

static enum field parameter_field(struct view name)
{
    static const struct {
        const char *name;
        enum field field;
    } known[] = {
        {"user", FIELD_PGSQL_USER},
        {"database", FIELD_PGSQL_DATABASE},
        {"application_name", FIELD_PGSQL_APPLICATION_NAME},
        {"options", FIELD_PGSQL_OPTIONS},
        {"replication", FIELD_PGSQL_REPLICATION_MODE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (equal_text(name, known[i].name))
            return known[i].field;
    return FIELD_PGSQL_PARAMETER_VALUE;
}

static void take_parameter(struct pgsql_reading *r, struct view name, struct view value, uint32_t at,
                           struct startup_login *login)
{
    enum field field = parameter_field(name);
    r->out->depth = 1;
    note_field(r->out, field, at, (uint32_t)value.length, 0);
    r->out->depth = 0;
    if (field == FIELD_PGSQL_USER)
        login->user = value;
    if (field == FIELD_PGSQL_DATABASE) {
        login->database = value;
        login->database_at = at;
    }
    if (field == FIELD_PGSQL_APPLICATION_NAME)
        login->program = value;
    if (field == FIELD_PGSQL_REPLICATION_MODE) {
        r->state->replication = asks_replication(value);
        /* Another value is an ordinary error, raised before the layout is looked at. */
        r->unread |= !r->state->replication && !is_off(value);
    }
}

/* Name and value pairs up to an empty name, which must be the last byte. A string that lacks its NUL ends with the
 * packet: the server reads it so, and then misses the terminator. */
static void take_parameters(struct pgsql_reading *r, struct startup_login *login)
{
    uint32_t name_at;
    for (;;) {
        name_at = cursor_offset(&r->c);
        struct view name = take_until(&r->c, 0);
        if (r->c.failed || name.length == 0)
            break;
        note_field(r->out, FIELD_PGSQL_PARAMETER_NAME, name_at, (uint32_t)name.length, 0);
        uint32_t value_at = cursor_offset(&r->c);
        struct view rest = cursor_ahead(&r->c);
        struct view value = take_until(&r->c, 0);
        if (r->c.failed) {
            if (rest.length)
                take_parameter(r, name, rest, value_at, login);
            break;
        }
        take_parameter(r, name, value, value_at, login);
    }
    uint32_t at = cursor_offset(&r->c);
    size_t left = cursor_left(&r->c);
    if (!r->c.failed && left == 0)
        return;
    if (r->c.failed && name_at == r->out->message_length - 1) {
        /* A single byte where the terminator should be: the server takes it for a name without a value and is content. */
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_IGNORED_BYTES, .field = FIELD_PGSQL_PARAMETER_NAME,
                                        .relation = MUST_BE, .offset = name_at, .length = 1,
                                        .note = "a NUL as the last byte"});
        return;
    }
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_STARTUP_LAYOUT, .field = FIELD_PGSQL_PARAMETER_NAME,
                                    .relation = MUST_BE, .offset = at, .length = (uint32_t)left, .got = left,
                                    .note = "name and value pairs, then one NUL as the last byte"});
}

static void tell_login(struct pgsql_reading *r, const struct startup_login *login)
{
    struct session *session = r->out->session;
    struct view database = login->database.length ? login->database : login->user;
    keep_text(session->user, &session->user_length, login->user, SESSION_TEXT_MAX);
    keep_text(session->database, &session->database_length, database, SESSION_TEXT_MAX);
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = login->user, .more = database});
    if (login->program.length)
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = login->program});
}

static enum verdict startup_message(struct pgsql_reading *r, uint32_t version)
{
    struct startup_login login = {view_of("", 0), view_of("", 0), view_of("", 0), 0};
    r->out->message = PGSQL_STARTUP;
    r->state->stage = STAGE_AUTHENTICATION;
    if (version >> 16 != 3) {
        bool old = version >> 16 == 2;
        r->state->old_errors = version >> 16 < 3;
        pgsql_defect(r, (struct report){.anomaly = old ? ANOMALY_PGSQL_PROTOCOL_2 : ANOMALY_PGSQL_UNSUPPORTED_PROTOCOL,
                                        .field = FIELD_PGSQL_VERSION, .relation = MUST_BE, .offset = 4, .length = 4,
                                        .got = version, .expected = PGSQL_PROTOCOL_3_0, .note = "major version 3"});
        return VERDICT_OK;
    }
    take_parameters(r, &login);
    if (!r->bad && login.user.length == 0)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_STARTUP_NO_USER, .field = FIELD_PGSQL_USER,
                                        .relation = MUST_BE, .offset = cursor_offset(&r->c) - 1, .length = 0,
                                        .note = "the parameter user with a name"});
    if (login.database.length && login.database.bytes[0] == '-')
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_DATABASE_DASH, .field = FIELD_PGSQL_DATABASE,
                                        .relation = MUST_BE, .offset = login.database_at,
                                        .length = (uint32_t)login.database.length, .note = "a name without a dash before it"});
    if (!r->bad)
        tell_login(r, &login);
    return VERDICT_OK;
}

static enum verdict cancel_request(struct pgsql_reading *r)
{
    uint64_t length = r->out->message_length;
    r->out->message = PGSQL_CANCEL_REQUEST;
    r->state->stage = STAGE_CANCELLED;
    if (length < 16 || length > 12 + PGSQL_CANCEL_KEY_MAX) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_CANCEL_LENGTH, .field = FIELD_PGSQL_LENGTH,
                                        .relation = length < 16 ? MUST_REACH : MUST_NOT_EXCEED, .offset = 0, .length = 4,
                                        .got = length, .expected = length < 16 ? 16 : 12 + PGSQL_CANCEL_KEY_MAX,
                                        .note = "a process number and a key"});
        return VERDICT_OK;
    }
    (void)pgsql_u32(r, FIELD_PGSQL_BACKEND_PID);
    struct view key = take_rest(&r->c);
    note_bytes(r->out, FIELD_PGSQL_CANCEL_KEY, key, &r->c);
    if (key.length != CANCEL_KEY_3_0 && key.length != CANCEL_KEY_3_2)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_CANCEL_KEY_LENGTH, .field = FIELD_PGSQL_CANCEL_KEY,
                                        .relation = MUST_EQUAL, .offset = 12, .length = (uint32_t)key.length,
                                        .got = key.length, .expected = CANCEL_KEY_3_0, .note = "in protocol 3.0, and 32 in 3.2"});
    return VERDICT_OK;
}

static enum verdict negotiation_request(struct pgsql_reading *r, bool ssl)
{
    struct pgsql_state *s = r->state;
    bool *asked = ssl ? &s->ssl_asked : &s->gss_asked;
    r->out->message = ssl ? PGSQL_SSL_REQUEST : PGSQL_GSS_REQUEST;
    if (*asked) {
        s->stage = STAGE_AUTHENTICATION;
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_NEGOTIATION_REPEATED, .field = FIELD_PGSQL_VERSION,
                                        .relation = MUST_BE, .offset = 4, .length = 4,
                                        .got = ssl ? PGSQL_NEGOTIATE_SSL_CODE : PGSQL_NEGOTIATE_GSS_CODE,
                                        .note = "asked once, then a StartupMessage"});
        return VERDICT_OK;
    }
    *asked = true;
    if (!s->joined) /* else the answer may be among what is not seen */
        s->negotiation = ssl ? 'S' : 'G';
    if (r->out->message_length > 8)
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_NEGOTIATION_LENGTH, .field = FIELD_PGSQL_LENGTH,
                                        .relation = MUST_EQUAL, .offset = 0, .length = 4,
                                        .got = r->out->message_length, .expected = 8});
    return VERDICT_OK;
}

static void early_data(struct pgsql_reading *r)
{
    if (!r->state->negotiation || r->state->stray_told)
        return;
    r->state->stray_told = true;
    uint64_t length = r->out->message_length;
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_DATA_BEFORE_ANSWER, .field = FIELD_DB_LENGTH,
                                    .relation = MUST_BE, .offset = 0,
                                    .length = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX, .got = length,
                                    .note = "nothing before the server's one-byte answer"});
    r->bad = false;
}

static enum verdict tls_record(struct pgsql_reading *r)
{
    uint64_t length = r->out->message_length;
    r->out->message = PGSQL_TLS_RECORD;
    if (length <= TLS_RECORD_HEADER || length > TLS_RECORD_HEADER + TLS_RECORD_MAX) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_STARTUP_LENGTH, .field = FIELD_PGSQL_LENGTH,
                                        .relation = MUST_NOT_EXCEED, .offset = 3, .length = 2,
                                        .got = length - TLS_RECORD_HEADER, .expected = TLS_RECORD_MAX,
                                        .note = "of a TLS record"});
        return VERDICT_BROKEN;
    }
    r->out->session->tls = true;
    observe(r->out, (struct fact){.kind = FACT_TLS});
    return VERDICT_TLS;
}

enum verdict pgsql_startup(struct pgsql_reading *r)
{
    early_data(r);
    if (is_tls(cursor_all(&r->c)))
        return tls_record(r);
    uint32_t length = pgsql_u32(r, FIELD_PGSQL_LENGTH);
    bool gss = r->state->joined && r->state->gss_asked; /* it may have been granted: what follows is no packet */
    if (length < 8 || length > 4 + PGSQL_STARTUP_BODY_MAX) {
        r->out->message = PGSQL_STARTUP;
        if (gss)
            return VERDICT_OPAQUE;
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_STARTUP_LENGTH, .field = FIELD_PGSQL_LENGTH,
                                        .relation = length < 8 ? MUST_REACH : MUST_NOT_EXCEED, .offset = 0, .length = 4,
                                        .got = length, .expected = length < 8 ? 8 : 4 + PGSQL_STARTUP_BODY_MAX});
        return VERDICT_BROKEN;
    }
    uint32_t version = pgsql_u32(r, FIELD_PGSQL_VERSION);
    switch (version) {
    case PGSQL_CANCEL_REQUEST_CODE:
        return cancel_request(r);
    case PGSQL_NEGOTIATE_SSL_CODE:
    case PGSQL_NEGOTIATE_GSS_CODE:
        return negotiation_request(r, version == PGSQL_NEGOTIATE_SSL_CODE);
    default:
        return gss && version >> 16 != 3 ? VERDICT_OPAQUE : startup_message(r, version);
    }
}

enum verdict pgsql_negotiation_answer(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint8_t asked = s->negotiation;
    uint32_t answer = pgsql_u8(r, FIELD_PGSQL_ANSWER);
    r->out->message = PGSQL_NEGOTIATION_ANSWER;
    s->negotiation = 0;
    if (asked == 'S' && (answer == 'N' || answer == 'S'))
        observe(r->out, (struct fact){.kind = FACT_TLS_OFFER, .number = answer == 'S'});
    if (answer == 'N')
        return VERDICT_OK;
    if (answer == 'S' && asked == 'S') {
        r->out->session->tls = true;
        observe(r->out, (struct fact){.kind = FACT_TLS});
        return VERDICT_TLS;
    }
    if (answer == 'G' && asked == 'G')
        return VERDICT_OPAQUE;
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_NEGOTIATION_ANSWER, .field = FIELD_PGSQL_ANSWER,
                                    .relation = MUST_BE, .offset = 0, .length = 1, .got = answer, .expected = asked,
                                    .note = asked == 'S' ? "one of S, N, E" : "one of G, N, E"});
    return VERDICT_BROKEN;
}
