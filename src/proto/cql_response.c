/* Responses and events (section 4.2): do they fit what was asked, what do they say, and what do they change. */
#include "model/name.h"
#include "proto/cql.h"

static void check_stream(struct cql_reading *r, enum cql_waits *waited)
{
    struct cql_state *s = r->state;
    bool event = r->opcode == (CQL_EVENT & 255), own = r->stream == UINT16_MAX;
    struct report found = {.field = FIELD_CQL_STREAM, .relation = MUST_BE, .offset = 2, .length = cql_is_old(r->version) ? 1 : 2, .got = r->stream};
    if (event || own) {
        if (event != own && !s->foreign && !s->untracked) {
            found.anomaly = ANOMALY_CQL_STREAM_EVENT;
            found.note = event ? "-1, as all events have" : "a stream that a request has";
            cql_report(r, found);
        }
        return;
    }
    *waited = cql_stream_answers(r);
    bool error = r->opcode == (CQL_ERROR & 255);
    if (*waited == CQL_WAITS_NOTHING && !error && !s->untracked && !s->joined && !s->foreign) {
        found.anomaly = ANOMALY_CQL_STREAM_UNKNOWN;
        found.note = "a stream with an open request";
        cql_report(r, found);
    }
}

static bool answers(enum cql_waits waited, uint8_t opcode)
{
    switch (waited) {
    case CQL_WAITS_STARTUP: return opcode == (CQL_READY & 255) || opcode == (CQL_AUTHENTICATE & 255);
    case CQL_WAITS_SUPPORTED: return opcode == (CQL_SUPPORTED & 255);
    case CQL_WAITS_RESULT: return opcode == (CQL_RESULT & 255);
    case CQL_WAITS_READY: return opcode == (CQL_READY & 255);
    case CQL_WAITS_AUTH: return opcode == (CQL_AUTH_CHALLENGE & 255) || opcode == (CQL_AUTH_SUCCESS & 255);
    default: return true;
    }
}

static void check_kind(struct cql_reading *r, enum cql_waits waited)
{
    /* After a gap a stream may wait for another request than the last that was seen on it. */
    if (r->state->joined || r->state->untracked || r->opcode == (CQL_ERROR & 255) || answers(waited, r->opcode))
        return;
    cql_report(r, (struct report){.anomaly = ANOMALY_CQL_RESPONSE_KIND, .field = FIELD_CQL_OPCODE, .relation = MUST_BE,
                                  .offset = cql_is_old(r->version) ? 3 : 4, .length = 1, .got = r->opcode, .note = "an answer to the request on this stream"});
}

/* The connection is agreed on; true: from here on it travels in segments. */
static bool started(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    s->version = r->version;
    s->version_asked = false;
    if (r->version < 5 || cql_is_dse(r->version) || s->segments)
        return false;
    s->segments = true;
    return true;
}

static enum verdict take_ready(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    r->out->session->phase = PHASE_AUTHENTICATED;
    if (s->phase != CQL_PHASE_STARTING)
        return VERDICT_OK;
    s->phase = CQL_PHASE_READY;
    return started(r) ? VERDICT_COMPRESSED : VERDICT_OK;
}

static bool ends_with(struct view text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && memcmp(text.bytes + text.length - length, end, length) == 0;
}

static enum verdict take_authenticate(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    struct view name = cql_string(r, FIELD_CQL_AUTHENTICATOR);
    s->plain = ends_with(name, ".PasswordAuthenticator");
    if (s->phase != CQL_PHASE_STARTING)
        return VERDICT_OK;
    s->phase = CQL_PHASE_AUTHENTICATING;
    return started(r) ? VERDICT_COMPRESSED : VERDICT_OK;
}

static void take_auth_success(struct cql_reading *r)
{
    (void)cql_bytes(r, FIELD_CQL_TOKEN);
    if (r->state->phase == CQL_PHASE_AUTHENTICATING)
        r->state->phase = CQL_PHASE_READY;
    r->out->session->phase = PHASE_AUTHENTICATED;
    observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
}

static void take_supported(struct cql_reading *r)
{
    uint16_t count = cql_count(r, 4);
    for (uint16_t i = 0; i < count && !r->stopped; i++) {
        (void)cql_string(r, FIELD_CQL_OPTION_NAME);
        cql_string_list(r, FIELD_CQL_OPTION_VALUE);
    }
    r->state->version_asked = false;
}

static void take_event(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    struct view type = cql_string(r, FIELD_CQL_EVENT_TYPE);
    if (!s->registered && !s->joined && !s->untracked && !s->foreign)
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_EVENT_UNASKED, .field = FIELD_CQL_OPCODE, .relation = MUST_BE, .offset = 4, .length = 1,
                                      .got = r->opcode, .note = "REGISTER before the first event"});
    if (view_equal(type, view_text("SCHEMA_CHANGE"))) {
        cql_schema_change(r);
    } else if (view_equal(type, view_text("TOPOLOGY_CHANGE")) || view_equal(type, view_text("STATUS_CHANGE"))) {
        (void)cql_string(r, FIELD_CQL_CHANGE);
        cql_inet(r);
    }
}

/* ---- ERROR (section 9) */

static bool begins(struct view text, const char *start)
{
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

/* The nodes that failed: a number before version 5, then a map of addresses. */
static void take_failures(struct cql_reading *r)
{
    uint32_t count = cql_u32(r, FIELD_CQL_ERROR_DETAIL);
    if (r->version < 5 || count > INT32_MAX)
        return;
    for (uint32_t i = 0; i < count && !r->stopped; i++) {
        cql_skip(r, FIELD_CQL_ADDRESS, cql_u8(r, FIELD_CQL_ADDRESS_LENGTH));
        (void)cql_u16(r, FIELD_CQL_ERROR_DETAIL);
    }
}

static void take_nodes(struct cql_reading *r)
{
    (void)cql_consistency(r, FIELD_CQL_CONSISTENCY);
    (void)cql_u32(r, FIELD_CQL_ERROR_DETAIL);
    (void)cql_u32(r, FIELD_CQL_ERROR_DETAIL);
}

static void take_error_tail(struct cql_reading *r, uint32_t code)
{
    switch (code) {
    case CQL_CODE_UNAVAILABLE:
    case CQL_CODE_CAS_WRITE_UNKNOWN:
        take_nodes(r);
        return;
    case CQL_CODE_WRITE_TIMEOUT:
        take_nodes(r);
        if (view_equal(cql_string(r, FIELD_CQL_NAME), view_text("CAS")) && r->version >= 5)
            (void)cql_u16(r, FIELD_CQL_ERROR_DETAIL);
        return;
    case CQL_CODE_READ_TIMEOUT:
        take_nodes(r);
        (void)cql_u8(r, FIELD_CQL_ERROR_DETAIL);
        return;
    case CQL_CODE_READ_FAILURE:
        take_nodes(r);
        take_failures(r);
        (void)cql_u8(r, FIELD_CQL_ERROR_DETAIL);
        return;
    case CQL_CODE_WRITE_FAILURE:
        take_nodes(r);
        take_failures(r);
        (void)cql_string(r, FIELD_CQL_NAME);
        return;
    case CQL_CODE_FUNCTION_FAILURE:
        (void)cql_string(r, FIELD_CQL_KEYSPACE);
        (void)cql_string(r, FIELD_CQL_NAME);
        cql_string_list(r, FIELD_CQL_NAME);
        return;
    case CQL_CODE_ALREADY_EXISTS:
        (void)cql_string(r, FIELD_CQL_KEYSPACE);
        (void)cql_string(r, FIELD_CQL_NAME);
        return;
    case CQL_CODE_UNPREPARED:
        (void)cql_short_bytes(r, FIELD_CQL_STATEMENT_ID);
        return;
    default:
        return;
    }
}

static bool code_is_known(uint32_t code)
{
    switch (code) {
#define NAME_SET(set)
#define NAME(set, SYMBOL, value, text) IS_##set(value)
#define IS_cql_error(value) case (value):
#define IS_cql_message(value)
#define IS_cql_opcode(value)
#define IS_cql_consistency(value)
#define IS_cql_result(value)
#include "model/names/cql.def"
#undef NAME_SET
#undef NAME
        return true;
    default:
        return false;
    }
}

/* What cannot be read often ends in an exception that nobody named: the words of Java, Netty and the LZ4 library. */
static bool is_reading_failure(struct view words)
{
    return begins(words, "java.lang.IndexOutOfBoundsException") || begins(words, "java.lang.IllegalArgumentException") ||
           begins(words, "java.lang.NegativeArraySizeException") || begins(words, "io.netty.handler.codec.") || begins(words, "net.jpountz.lz4.");
}

/* A server that is asked for a version it does not have says so; drivers then ask for another one. */
static bool is_negotiation(const struct cql_reading *r, struct view words)
{
    const struct cql_state *s = r->state;
    return s->version_asked && cql_is_known(s->asked) &&
           (r->version != s->asked || begins(words, "Invalid or unsupported protocol version") || begins(words, "Beta version of the protocol"));
}

static void take_error(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    uint32_t code = cql_u32(r, FIELD_CQL_ERROR_CODE);
    struct view words = cql_string(r, FIELD_CQL_ERROR_MESSAGE);
    uint32_t words_at = cursor_offset(&r->c) - (uint32_t)words.length;
    bool login = s->phase == CQL_PHASE_AUTHENTICATING;
    if (r->wrong)
        return;
    if ((code == CQL_CODE_PROTOCOL_ERROR || (code == CQL_CODE_SERVER_ERROR && is_reading_failure(words))) && !is_negotiation(r, words)) {
        s->reported = true; /* it may close now */
        observe(r->out, (struct fact){.kind = FACT_VERDICT, .number = code, .text = words});
        report(r->out, (struct report){.anomaly = ANOMALY_CQL_REJECTED, .field = FIELD_CQL_ERROR_MESSAGE, .relation = MUST_BE, .offset = words_at,
                                       .length = (uint32_t)words.length, .got = code, .note = "no complaint about a message"});
    }
    if (code == CQL_CODE_BAD_CREDENTIALS || (login && code == CQL_CODE_SERVER_ERROR))
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .number = code, .text = words});
    else
        observe(r->out, (struct fact){.kind = FACT_ERROR, .number = code, .text = words});
    if (!code_is_known(code)) {
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_ERROR_UNKNOWN, .field = FIELD_CQL_ERROR_CODE, .relation = MUST_BE,
                                      .offset = words_at > 6 ? words_at - 6 : 0, .length = 4, .got = code, .note = "a code of section 9"});
        return;
    }
    take_error_tail(r, code);
    if (s->phase == CQL_PHASE_STARTING)
        s->phase = CQL_PHASE_NEW;
    s->version_asked = false;
}

/* ---- */

static void take_front(struct cql_reading *r)
{
    if (r->flags & CQL_FLAG_TRACING)
        cql_skip(r, FIELD_CQL_TRACING_ID, 16);
    if (r->flags & CQL_FLAG_WARNING && r->version >= 4)
        cql_string_list(r, FIELD_CQL_WARNING);
    if (r->flags & CQL_FLAG_PAYLOAD && r->version >= 4)
        cql_bytes_map(r);
}

static enum verdict take_body(struct cql_reading *r)
{
    bool foreign = cql_is_dse(r->version) || cql_is_old(r->version);
    take_front(r);
    switch (r->opcode + 256) {
    case CQL_ERROR: take_error(r); return VERDICT_OK;
    case CQL_READY: return take_ready(r);
    case CQL_AUTHENTICATE: return take_authenticate(r);
    case CQL_SUPPORTED: take_supported(r); return VERDICT_OK;
    case CQL_EVENT:
        if (!foreign)
            take_event(r);
        return VERDICT_OK;
    case CQL_RESULT:
        if (!foreign && !r->state->extended)
            cql_result(r);
        return VERDICT_OK;
    case CQL_AUTH_CHALLENGE: (void)cql_bytes(r, FIELD_CQL_TOKEN); return VERDICT_OK;
    case CQL_AUTH_SUCCESS: take_auth_success(r); return VERDICT_OK;
    default: return VERDICT_OK;
    }
}

static uint64_t rows_of(const struct findings *out)
{
    for (unsigned i = 0; i < out->fields_used; i++)
        if (out->fields[i].field == FIELD_CQL_ROWS)
            return out->fields[i].value;
    return 0;
}

enum verdict cql_response(struct cql_reading *r)
{
    enum cql_waits waited = CQL_WAITS_ANYTHING;
    r->out->message = (uint16_t)(256 + r->opcode);
    check_stream(r, &waited);
    if (waited != CQL_WAITS_NOTHING)
        check_kind(r, waited);
    enum verdict verdict = take_body(r);
    if (r->opcode != (CQL_EVENT & 255))
        observe(r->out, (struct fact){.kind = FACT_REPLY, .number = rows_of(r->out)});
    return verdict;
}
