/*
 * PostgreSQL messages of the client after the startup packet. The order of checks is the server's: type (SocketBackend,
 * and what COPY, replication and authentication allow), length, then the body.
 */
#include "model/name.h"
#include "proto/pgsql.h"

#define SMALL {PGSQL_SMALL_MESSAGE_MAX, MESSAGE_BYTES_MAX}
#define LARGE {PGSQL_LARGE_MESSAGE_MAX, MESSAGE_BYTES_MAX}

const struct pgsql_kind pgsql_frontend_kinds[256] = {
    [PGSQL_QUERY] = LARGE, [PGSQL_PARSE] = LARGE, [PGSQL_BIND] = LARGE, [PGSQL_FUNCTION_CALL] = LARGE,
    [PGSQL_COPY_DATA] = {PGSQL_LARGE_MESSAGE_MAX, PGSQL_HEADER}, [PGSQL_EXECUTE] = SMALL, [PGSQL_DESCRIBE] = SMALL,
    [PGSQL_CLOSE] = SMALL, [PGSQL_FLUSH] = SMALL, [PGSQL_SYNC] = SMALL, [PGSQL_TERMINATE] = SMALL,
    [PGSQL_COPY_DONE] = SMALL, [PGSQL_COPY_FAIL] = SMALL, [PGSQL_PASSWORD] = {PGSQL_AUTH_TOKEN_MAX, MESSAGE_BYTES_MAX},
};

static bool is_extended(uint8_t type)
{
    return type == 'P' || type == 'B' || type == 'E' || type == 'D' || type == 'C' || type == 'F';
}

static void wrong_type(struct pgsql_reading *r, enum anomaly anomaly, uint32_t type, const char *note)
{
    pgsql_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_PGSQL_TYPE, .relation = MUST_BE,
                                    .offset = 0, .length = 1, .got = type, .note = note});
}

/* A startup packet read as a message: type 0, and a length whose last byte begins the version 3 or a request code. */
static bool looks_like_startup(uint8_t type, uint32_t length)
{
    uint32_t startup_length = length >> 8, version = length & 0xff;
    if (version == PGSQL_NEGOTIATE_SSL_CODE >> 24)
        return type == 0 && startup_length == 8;
    return type == 0 && version == 0 && startup_length >= 8 && startup_length <= 4 + PGSQL_STARTUP_BODY_MAX;
}

/* Sent before the server has decided about the login: it comes to read it only when it lets the client in. */
static bool is_early(const struct pgsql_state *s)
{
    return s->stage == STAGE_AUTHENTICATION && s->awaited == AWAIT_NOTHING;
}

static enum verdict unknown_type(struct pgsql_reading *r, uint8_t type, uint32_t length)
{
    r->unread |= is_early(r->state) && !looks_like_startup(type, length);
    r->out->message = PGSQL_UNKNOWN_MESSAGE;
    if (looks_like_startup(type, length))
        wrong_type(r, ANOMALY_PGSQL_STARTUP_REPEATED, type, "a message with a type byte");
    else
        wrong_type(r, ANOMALY_PGSQL_UNKNOWN_TYPE, type, "one of Q P B E D C F H S X d c f");
    return VERDICT_BROKEN;
}

/* Is a message of this type legal now? Reports when it is not. */
static bool legal_now(struct pgsql_reading *r, uint8_t type)
{
    struct pgsql_state *s = r->state;
    if (s->stage == STAGE_AUTHENTICATION) {
        if (s->awaited != AWAIT_NOTHING && type != 'p') {
            wrong_type(r, ANOMALY_PGSQL_AUTHENTICATION_EXPECTED, type, "p, which answers the authentication request");
            return false;
        }
        r->unread |= is_early(s);
        if (is_early(s) && !s->early_told) {
            s->early_told = true;
            pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_EARLY_MESSAGE, .field = FIELD_PGSQL_TYPE,
                                            .relation = MUST_BE, .offset = 0, .length = 1, .got = type,
                                            .note = "nothing before the server's answer"});
        }
        return true;
    }
    if (type == 'p' && !s->joined) {
        if (r->out->message_length > PGSQL_HEADER)
            note_field(r->out, FIELD_PGSQL_PASSWORD_DATA, PGSQL_HEADER, (uint32_t)(r->out->message_length - PGSQL_HEADER), 0);
        wrong_type(r, ANOMALY_PGSQL_PASSWORD_UNEXPECTED, type, "p only while the server asks for it");
        return false;
    }
    if (s->copy == COPY_IN && !(type == 'd' || type == 'c' || type == 'f' || type == 'H' || type == 'S')) {
        wrong_type(r, ANOMALY_PGSQL_COPY_MESSAGE, type, "one of d, c, f, H, S");
        return false;
    }
    if (s->copy == COPY_BOTH && !(type == 'd' || type == 'c' || type == 'X')) {
        wrong_type(r, ANOMALY_PGSQL_STANDBY_MESSAGE, type, "one of d, c, X");
        return false;
    }
    return true;
}

/* Known types only: the length itself. */
static bool legal_length(struct pgsql_reading *r, uint8_t type, uint32_t length)
{
    struct pgsql_state *s = r->state;
    uint32_t limit = type == 'p' ? pgsql_password_limit(s) : pgsql_frontend_kinds[type].limit;
    if (length >= 4 && length <= limit)
        return true;
    bool small = length < 4 || length > INT32_MAX;
    enum anomaly anomaly = length < 4     ? ANOMALY_PGSQL_LENGTH_TOO_SMALL
                           : type == 'p'  ? ANOMALY_PGSQL_PASSWORD_LENGTH
                                          : ANOMALY_PGSQL_LENGTH_TOO_LARGE;
    if (type == 'p' && length > 4)
        note_field(r->out, FIELD_PGSQL_PASSWORD_DATA, PGSQL_HEADER, length - 4, 0);
    r->unread = is_early(s); /* a length is read whatever the server makes of the message */
    pgsql_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_PGSQL_LENGTH,
                                    .relation = length < 4 ? MUST_REACH : MUST_NOT_EXCEED, .offset = 1, .length = 4,
                                    .got = length, .expected = length < 4 ? 4 : limit,
                                    .note = small ? "the length counts itself and is signed" : "for this type of message"});
    return false;
}

static bool begins(struct view query, const char *word)
{
    size_t at = 0, length = strlen(word);
    while (at < query.length && query.bytes[at] <= ' ')
        at++;
    query = view_from(query, at);
    for (size_t i = 0; i < length; i++)
        if (i >= query.length || (query.bytes[i] | 0x20) != (uint8_t)word[i])
            return false;
    return true;
}

/* A Query that makes statements of its own: what Parse did not make may exist. */
static bool begins_prepare(struct view query)
{
    return begins(query, "prepare");
}

/* Until CopyInResponse comes, Flush and Sync behind it may be read as part of the COPY, and then they are not looked at. */
static bool begins_copy(struct view query)
{
    return begins(query, "copy");
}

static void query(struct pgsql_reading *r)
{
    struct view text = pgsql_string(r, FIELD_PGSQL_QUERY_TEXT);
    pgsql_end(r);
    r->state->sql_prepare |= begins_prepare(text);
    r->state->copy_asked = begins_copy(text);
    if (!r->state->skipping) /* a simple query does away with the unnamed statement */
        pgsql_statement_drop(r->out, pgsql_hash(view_of("", 0)));
    pgsql_request(r, 'Q', 0, 0);
}

static void parse(struct pgsql_reading *r)
{
    struct view name = pgsql_string(r, FIELD_PGSQL_STATEMENT);
    struct view text = pgsql_string(r, FIELD_PGSQL_QUERY_TEXT);
    r->state->copy_asked = begins_copy(text);
    uint32_t count = pgsql_u16(r, FIELD_PGSQL_PARAMETER_COUNT);
    struct cursor types = r->c;
    for (uint32_t i = 0; i < count && !pgsql_stop(r); i++) {
        if (cursor_left(&r->c) < 4)
            (void)pgsql_u32(r, FIELD_PGSQL_PARAMETER_TYPE);
        else
            take_skip(&r->c, 4);
    }
    pgsql_end(r);
    if (!pgsql_stop(r) && !r->unread && !r->state->joined)
        pgsql_statement_parsed(r, name, text, types, count);
    pgsql_request(r, 'P', 0, pgsql_hash(name));
}

static void execute(struct pgsql_reading *r)
{
    struct view portal = pgsql_string(r, FIELD_PGSQL_PORTAL);
    (void)pgsql_u32(r, FIELD_PGSQL_MAX_ROWS);
    pgsql_end(r);
    pgsql_request(r, 'E', 0, pgsql_hash(portal));
}

/* Describe and Close: the server reads to the end before it looks at the kind of target. */
static void target(struct pgsql_reading *r, uint8_t type)
{
    uint32_t kind = pgsql_u8(r, FIELD_PGSQL_TARGET);
    struct view name = pgsql_string(r, kind == 'P' ? FIELD_PGSQL_PORTAL : FIELD_PGSQL_STATEMENT);
    pgsql_end(r);
    if (!pgsql_stop(r) && kind != 'S' && kind != 'P')
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_TARGET, .field = FIELD_PGSQL_TARGET, .relation = MUST_BE,
                                        .offset = PGSQL_HEADER, .length = 1, .got = kind, .note = "S or P"});
    uint32_t hash = pgsql_hash(name);
    if (type == 'C' && kind == 'S' && !pgsql_stop(r) && !r->unread)
        pgsql_statement_drop(r->out, hash);
    pgsql_request(r, type, (uint8_t)kind, hash);
}

static void empty_body(struct pgsql_reading *r)
{
    uint64_t extra = r->out->message_length - PGSQL_HEADER;
    if (extra)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_BODY_NOT_EMPTY, .field = FIELD_PGSQL_LENGTH,
                                        .relation = MUST_EQUAL, .offset = 1, .length = 4, .got = extra + 4, .expected = 4});
}

static void sync(struct pgsql_reading *r)
{
    if (r->state->copy == COPY_IN) /* read and ignored */
        return;
    r->unread = r->state->copy_asked;
    empty_body(r);
    r->state->skipping = false;
    pgsql_request(r, 'S', 0, 0);
}

static void flush(struct pgsql_reading *r)
{
    r->unread |= r->state->copy_asked;
    if (r->state->copy != COPY_IN)
        empty_body(r);
}

static void ignored_bytes(struct pgsql_reading *r, uint32_t at)
{
    uint64_t length = r->out->message_length;
    if (length > at && !pgsql_stop(r))
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_IGNORED_BYTES, .field = FIELD_PGSQL_LENGTH,
                                        .relation = MUST_EQUAL, .offset = 1, .length = 4, .got = length - 1,
                                        .expected = at - 1});
}

/* The server leaves without a look at the body. */
static void terminate(struct pgsql_reading *r)
{
    ignored_bytes(r, PGSQL_HEADER);
    r->state->stage = STAGE_TERMINATED;
    r->out->session->phase = PHASE_CLOSED;
    observe(r->out, (struct fact){.kind = FACT_QUIT});
}

static void copy_message(struct pgsql_reading *r, uint8_t type)
{
    struct pgsql_state *s = r->state;
    bool open = s->copy == COPY_IN || s->copy == COPY_BOTH;
    if (type == 'f' && s->copy == COPY_IN)
        (void)pgsql_string(r, FIELD_PGSQL_COPY_REASON);
    else if (type == 'f')
        note_bytes(r->out, FIELD_PGSQL_COPY_REASON, take_until(&r->c, 0), &r->c);
    if (type == 'd' && s->copy == COPY_BOTH)
        pgsql_standby_data(r);
    if (type != 'd' && !pgsql_cut(r))
        ignored_bytes(r, type == 'c' ? PGSQL_HEADER : cursor_offset(&r->c));
    if (!open && !s->queue_used && !s->untracked && !s->joined && !s->skipping && !s->copy_aborted && !s->stray_told) {
        s->stray_told = true;
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_COPY_OUTSIDE, .field = FIELD_PGSQL_TYPE,
                                        .relation = MUST_BE, .offset = 0, .length = 1, .got = type,
                                        .note = "COPY data after CopyInResponse"});
    }
    if (type == 'd')
        return;
    if (!open) {
        if (s->queue_used)
            pgsql_request(r, 'c', 0, 0);
        return;
    }
    if (s->copy == COPY_IN) {
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
        s->answered = false;
    }
    s->copy = s->copy == COPY_BOTH ? COPY_OUT : COPY_NONE;
}

static void body(struct pgsql_reading *r, uint8_t type)
{
    uint32_t name = 0;
    switch (type) {
    case PGSQL_QUERY:
        query(r);
        break;
    case PGSQL_PARSE:
        parse(r);
        break;
    case PGSQL_BIND:
        pgsql_bind(r, &name);
        pgsql_request(r, 'B', 0, name);
        break;
    case PGSQL_EXECUTE:
        execute(r);
        break;
    case PGSQL_DESCRIBE:
    case PGSQL_CLOSE:
        target(r, type);
        break;
    case PGSQL_FUNCTION_CALL:
        pgsql_function_call(r, &name);
        pgsql_request(r, 'F', 0, name);
        break;
    case PGSQL_SYNC:
        sync(r);
        break;
    case PGSQL_FLUSH:
        flush(r);
        break;
    case PGSQL_TERMINATE:
        terminate(r);
        break;
    case PGSQL_PASSWORD:
        pgsql_password(r);
        break;
    default:
        copy_message(r, type);
        break;
    }
}

enum verdict pgsql_frontend(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint8_t type = take_u8(&r->c);
    uint32_t length = take_u32be(&r->c);
    note_field(r->out, FIELD_PGSQL_TYPE, 0, 1, type);
    note_field(r->out, FIELD_PGSQL_LENGTH, 1, 4, length);
    r->out->message = type;
    if (s->stage == STAGE_TERMINATED) {
        /* A client whose two processes share the connection says goodbye twice (pg_basebackup does). */
        if (type != PGSQL_TERMINATE && !s->stray_told)
            wrong_type(r, ANOMALY_PGSQL_AFTER_TERMINATE, type, "nothing after Terminate");
        s->stray_told |= type != PGSQL_TERMINATE;
        return length < 4 ? VERDICT_BROKEN : VERDICT_OK;
    }
    if (!pgsql_frontend_kinds[type].limit)
        return unknown_type(r, type, length);
    bool legal = legal_now(r, type);
    if (!legal_length(r, type, length))
        return VERDICT_BROKEN;
    if (!legal)
        return VERDICT_OK;
    if (s->replication && is_extended(type) && s->stage == STAGE_SESSION && !s->skipping)
        wrong_type(r, ANOMALY_PGSQL_REPLICATION_EXTENDED, type, "simple queries only");
    r->unread = r->unread || (s->skipping && type != 'S' && type != 'X');
    if (type != 'd' && type != 'c' && type != 'f')
        s->copy_aborted = false;
    if (!r->bad)
        body(r, type);
    else
        pgsql_request(r, type, 0, 0);
    return VERDICT_OK;
}
