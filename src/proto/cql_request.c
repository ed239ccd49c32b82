/* Requests (section 4.1): their order, and the bodies of all but the queries (cql_query.c). */
#include "model/name.h"
#include "proto/cql.h"

static bool same_word(struct view text, const char *upper)
{
    size_t length = strlen(upper);
    if (text.length != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint8_t letter = text.bytes[i];
        if (letter >= 'a' && letter <= 'z')
            letter = (uint8_t)(letter - 32);
        if (letter != (uint8_t)upper[i])
            return false;
    }
    return true;
}

static void remark(struct cql_reading *r, enum anomaly anomaly, const char *expected)
{
    cql_report(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_CQL_OPCODE, .relation = MUST_BE,
                                  .offset = cql_is_old(r->version) ? 3 : 4, .length = 1, .got = r->opcode, .note = expected});
}

/* As ServerConnection.validateNewMessage. */
static void check_order(struct cql_reading *r)
{
    bool startup = r->opcode == CQL_STARTUP;
    switch (r->state->phase) {
    case CQL_PHASE_NEW:
        if (!startup && r->opcode != CQL_OPTIONS)
            remark(r, ANOMALY_CQL_BEFORE_STARTUP, "STARTUP or OPTIONS");
        return;
    case CQL_PHASE_AUTHENTICATING:
        if (r->opcode != CQL_AUTH_RESPONSE && r->opcode != CQL_CREDENTIALS)
            remark(r, ANOMALY_CQL_BEFORE_LOGIN, "AUTH_RESPONSE");
        return;
    case CQL_PHASE_READY:
        if (startup)
            remark(r, ANOMALY_CQL_STARTUP_AGAIN, "any request but STARTUP");
        return;
    default:
        return;
    }
}

static void check_size(struct cql_reading *r)
{
    uint64_t body = r->total > CQL_HEADER ? r->total - CQL_HEADER : 0;
    uint32_t offset = cql_is_old(r->version) ? 4 : 5;
    struct report found = {.field = FIELD_CQL_LENGTH, .relation = MUST_NOT_EXCEED, .offset = offset, .length = 4, .got = body};
    if (r->state->phase < CQL_PHASE_READY && body > CQL_PRE_AUTH_MAX) {
        found.anomaly = ANOMALY_CQL_LARGE_BEFORE_LOGIN;
        found.expected = CQL_PRE_AUTH_MAX;
        found.note = "native_transport_max_auth_message_size as shipped";
        cql_report(r, found);
    } else if (body > CQL_REQUEST_MAX && r->version < 5) {
        found.anomaly = ANOMALY_CQL_REQUEST_LARGE;
        found.expected = CQL_REQUEST_MAX;
        found.note = "native_transport_max_frame_size as shipped";
        cql_report(r, found);
    }
}

static void take_compression(struct cql_reading *r, struct view value, uint32_t length)
{
    struct cql_state *s = r->state;
    bool lz4 = same_word(value, "LZ4"), snappy = same_word(value, "SNAPPY");
    if (lz4)
        s->codec = CODEC_LZ4;
    else if (snappy && r->version < 5)
        s->codec = CODEC_SNAPPY;
    else if (!cql_is_dse(r->version))
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_COMPRESSION_UNKNOWN, .field = FIELD_CQL_OPTION_VALUE, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - length, .length = length, .note = r->version < 5 ? "lz4 or snappy" : "lz4"});
    r->out->session->compression = s->codec == CODEC_LZ4 ? COMPRESSION_LZ4 : s->codec == CODEC_SNAPPY ? COMPRESSION_SNAPPY : COMPRESSION_NONE;
}

static void take_startup(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    struct view driver = {0}, driver_version = {0};
    bool cql_version = false;
    s->codec = CODEC_STORED;
    r->out->session->compression = COMPRESSION_NONE;
    uint32_t map = cursor_offset(&r->c);
    uint16_t count = cql_count(r, 4);
    for (uint16_t i = 0; i < count && !r->stopped; i++) {
        struct view name = cql_string(r, FIELD_CQL_OPTION_NAME);
        struct view value = cql_string(r, FIELD_CQL_OPTION_VALUE);
        if (r->stopped)
            break;
        if (same_word(name, "CQL_VERSION"))
            cql_version = true;
        else if (same_word(name, "COMPRESSION"))
            take_compression(r, value, (uint32_t)value.length);
        else if (same_word(name, "DRIVER_NAME"))
            driver = value;
        else if (same_word(name, "DRIVER_VERSION"))
            driver_version = value;
        else if (name.length > 7 && same_word(view_head(name, 7), "SCYLLA_"))
            s->extended = true;
    }
    if (driver.length)
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = driver, .more = driver_version});
    if (!r->stopped && !cql_version)
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_CQL_VERSION, .field = FIELD_CQL_COUNT, .relation = MUST_BE, .offset = map, .length = 2,
                                      .got = count, .note = "a map with CQL_VERSION"});
}

static void keep_user(struct cql_reading *r, struct view user)
{
    struct session *session = r->out->session;
    size_t kept = user.length < SESSION_TEXT_MAX ? user.length : SESSION_TEXT_MAX;
    session->user_length = (uint8_t)kept;
    if (kept)
        memcpy(session->user, user.bytes, kept);
}

/* "<authorization> NUL <user> NUL <password>" (RFC 4616): what PasswordAuthenticator takes. */
static void take_plain(struct cql_reading *r, struct view token, uint32_t offset)
{
    const uint8_t *first = token.length ? memchr(token.bytes, 0, token.length) : NULL;
    struct view rest = first ? view_from(token, (size_t)(first - token.bytes) + 1) : view_of(NULL, 0);
    const uint8_t *second = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
    if (!second || second == rest.bytes) {
        if (r->state->plain)
            cql_report(r, (struct report){.anomaly = ANOMALY_CQL_PLAIN_TOKEN, .field = FIELD_CQL_TOKEN, .relation = MUST_BE, .offset = offset,
                                          .length = (uint32_t)token.length, .got = token.length, .note = "a NUL, the user, a NUL, the password"});
        note_field(r->out, FIELD_CQL_TOKEN, offset, (uint32_t)token.length, 0);
        return;
    }
    struct view user = view_head(rest, (size_t)(second - rest.bytes));
    uint32_t user_at = offset + (uint32_t)(rest.bytes - token.bytes);
    note_field(r->out, FIELD_CQL_USER, user_at, (uint32_t)user.length, 0);
    note_field(r->out, FIELD_CQL_PASSWORD, user_at + (uint32_t)user.length + 1, (uint32_t)(rest.length - user.length - 1), 0);
    keep_user(r, user);
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = user});
}

/* [bytes] whose content is a secret unless its parts are told apart. */
static void take_auth_response(struct cql_reading *r)
{
    uint32_t length = cql_u32(r, FIELD_CQL_STRING_LENGTH);
    if (r->stopped || length > INT32_MAX)
        return;
    if (length > cql_left(r)) {
        uint32_t here = (uint32_t)cursor_left(&r->c);
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_OVERRUN, .field = FIELD_CQL_STRING_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 4, .length = 4, .got = length, .expected = cql_left(r),
                                      .note = "what is left of the body"});
        note_field(r->out, FIELD_CQL_TOKEN, cursor_offset(&r->c), here, 0);
        return;
    }
    uint32_t offset = cursor_offset(&r->c);
    if (length > cursor_left(&r->c)) {
        note_field(r->out, FIELD_CQL_TOKEN, offset, length, 0);
        r->stopped = true;
        return;
    }
    take_plain(r, take_view(&r->c, length), offset);
}

/* Version 1: user and password as a map of strings. */
static void take_credentials(struct cql_reading *r)
{
    uint32_t offset = cursor_offset(&r->c);
    note_field(r->out, FIELD_CQL_PASSWORD, offset, (uint32_t)cql_left(r), 0);
    take_skip(&r->c, cursor_left(&r->c));
}

static bool is_event(struct view name)
{
    return same_word(name, "TOPOLOGY_CHANGE") || same_word(name, "STATUS_CHANGE") || same_word(name, "SCHEMA_CHANGE") ||
           same_word(name, "TRACE_COMPLETE") || same_word(name, "GRACEFUL_DISCONNECT");
}

static void take_register(struct cql_reading *r)
{
    uint16_t count = cql_count(r, 2);
    for (uint16_t i = 0; i < count && !r->stopped; i++) {
        struct view name = cql_string(r, FIELD_CQL_EVENT_TYPE);
        if (!r->stopped && !is_event(name))
            cql_report(r, (struct report){.anomaly = ANOMALY_CQL_EVENT_TYPE_UNKNOWN, .field = FIELD_CQL_EVENT_TYPE, .relation = MUST_BE,
                                          .offset = cursor_offset(&r->c) - (uint32_t)name.length, .length = (uint32_t)name.length,
                                          .note = "TOPOLOGY_CHANGE, STATUS_CHANGE or SCHEMA_CHANGE"});
    }
    r->state->registered = true;
}

static enum cql_waits waits_for(const struct cql_reading *r)
{
    if (cql_is_old(r->version) || cql_is_dse(r->version))
        return CQL_WAITS_ANYTHING;
    switch (r->opcode) {
    case CQL_STARTUP: return CQL_WAITS_STARTUP;
    case CQL_OPTIONS: return CQL_WAITS_SUPPORTED;
    case CQL_REGISTER: return CQL_WAITS_READY;
    case CQL_AUTH_RESPONSE: return CQL_WAITS_AUTH;
    default: return CQL_WAITS_RESULT;
    }
}

/* The bodies of versions that are only recognised: what they have in common. */
static void take_foreign(struct cql_reading *r)
{
    if (r->opcode == CQL_QUERY || r->opcode == CQL_PREPARE)
        (void)cql_long_string(r, FIELD_CQL_QUERY);
    else if (r->opcode == CQL_AUTH_RESPONSE)
        take_auth_response(r);
    else if (r->opcode == CQL_CREDENTIALS)
        take_credentials(r);
    r->stopped = true;
}

static void take_body(struct cql_reading *r)
{
    if (r->opcode != CQL_STARTUP && (cql_is_old(r->version) || cql_is_dse(r->version))) {
        take_foreign(r);
        return;
    }
    if (r->flags & CQL_FLAG_PAYLOAD) {
        if (r->version < 4)
            cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_PAYLOAD_EARLY, .field = FIELD_CQL_FLAGS, .relation = MUST_BE, .offset = 1,
                                          .length = 1, .got = r->flags, .note = "no custom payload before version 4"});
        cql_bytes_map(r);
    }
    switch (r->opcode) {
    case CQL_STARTUP: take_startup(r); return;
    case CQL_QUERY: cql_query(r); return;
    case CQL_PREPARE: cql_prepare(r); return;
    case CQL_EXECUTE:
        if (r->state->extended)
            r->stopped = true;
        else
            cql_execute(r);
        return;
    case CQL_REGISTER: take_register(r); return;
    case CQL_BATCH: cql_batch(r); return;
    case CQL_AUTH_RESPONSE: take_auth_response(r); return;
    default: return;
    }
}

static void check_end(struct cql_reading *r)
{
    uint32_t left = (uint32_t)cursor_left(&r->c);
    bool reported = r->out->reports_used > 0;
    if (r->stopped || left == 0 || reported || cursor_left(&r->c) != cql_left(r))
        return;
    note_field(r->out, FIELD_CQL_TRAILING, cursor_offset(&r->c), left, 0);
    cql_report(r, (struct report){.anomaly = ANOMALY_CQL_TRAILING, .field = FIELD_CQL_TRAILING, .relation = MUST_EQUAL,
                                  .offset = cursor_offset(&r->c), .length = left, .got = left, .note = "bytes behind the last field"});
}

enum verdict cql_request(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    r->out->message = r->opcode;
    check_order(r);
    check_size(r);
    if (r->stream > INT16_MAX && !s->foreign) {
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_STREAM_NEGATIVE, .field = FIELD_CQL_STREAM, .relation = MUST_NOT_EXCEED, .offset = 2,
                                      .length = cql_is_old(r->version) ? 1 : 2, .got = r->stream, .expected = INT16_MAX});
        s->untracked = true;
    }
    cql_stream_asks(r, waits_for(r));
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    bool first = r->opcode == CQL_STARTUP && s->phase != CQL_PHASE_AUTHENTICATING && s->phase != CQL_PHASE_READY;
    if (first || r->opcode == CQL_OPTIONS) {
        s->asked = r->version;
        s->version_asked = true;
    }
    s->foreign |= cql_is_old(r->version) || cql_is_dse(r->version);
    take_body(r);
    check_end(r);
    if (!first)
        return VERDICT_OK;
    if (s->phase != CQL_PHASE_UNKNOWN)
        s->phase = CQL_PHASE_STARTING;
    bool bodies = s->codec != CODEC_STORED && (r->version == 3 || r->version == 4);
    bool begins = bodies && !s->bodies;
    s->bodies |= bodies;
    return begins ? VERDICT_COMPRESSED : VERDICT_OK;
}
