/* PostgreSQL messages of the server after the startup packet. What clients rely on: structure, counts, order. */
#include "model/name.h"
#include "proto/pgsql.h"

#define SHORT {PGSQL_SERVER_SHORT_MAX, MESSAGE_BYTES_MAX}
#define LONG {PGSQL_SERVER_LONG_MAX, MESSAGE_BYTES_MAX}

const struct pgsql_kind pgsql_backend_kinds[256] = {
    ['1'] = SHORT, ['2'] = SHORT, ['3'] = SHORT, ['A'] = LONG, ['C'] = SHORT, ['D'] = LONG, ['E'] = LONG,
    ['G'] = SHORT, ['H'] = SHORT, ['I'] = SHORT, ['K'] = SHORT, ['N'] = LONG,
    ['R'] = {PGSQL_AUTH_TOKEN_MAX, MESSAGE_BYTES_MAX}, ['S'] = SHORT, ['T'] = LONG, ['V'] = {PGSQL_SERVER_LONG_MAX, 9},
    ['W'] = SHORT, ['Z'] = SHORT, ['c'] = SHORT, ['d'] = {PGSQL_SERVER_LONG_MAX, PGSQL_HEADER}, ['n'] = SHORT,
    ['s'] = SHORT, ['t'] = {4 + 2 + 4 * UINT16_MAX, MESSAGE_BYTES_MAX}, ['v'] = SHORT,
};

static void value_length(struct pgsql_reading *r, uint32_t at, uint32_t length, uint64_t left)
{
    note_field(r->out, FIELD_PGSQL_VALUE_LENGTH, at, 4, length);
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_VALUE_LENGTH, .field = FIELD_PGSQL_VALUE_LENGTH,
                                    .relation = MUST_NOT_EXCEED, .offset = at, .length = 4, .got = length,
                                    .expected = left, .note = "the bytes that are left"});
}

static void data_row(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint64_t whole = r->out->message_length;
    uint32_t count = pgsql_u16(r, FIELD_PGSQL_COLUMN_COUNT);
    s->rows++;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = cursor_offset(&r->c);
        uint32_t length = take_u32be(&r->c);
        if (r->c.failed) {
            if (!pgsql_cut(r))
                pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_MESSAGE_TOO_SHORT, .field = FIELD_PGSQL_VALUE_LENGTH,
                                                .relation = MUST_REACH, .offset = at, .length = (uint32_t)whole - at,
                                                .got = whole - at, .expected = 4, .note = "bytes left for the field"});
            break;
        }
        if (length == PGSQL_NULL)
            continue;
        if (length > whole - at - 4) {
            value_length(r, at, length, whole - at - 4);
            break;
        }
        take_skip(&r->c, length);
    }
    pgsql_end(r);
    if (s->columns_known && count != s->columns && !r->bad)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_ROW_COLUMNS, .field = FIELD_PGSQL_COLUMN_COUNT,
                                        .relation = MUST_EQUAL, .offset = PGSQL_HEADER, .length = 2, .got = count,
                                        .expected = s->columns, .note = "the columns of the RowDescription"});
    if (!s->queue_used || s->untracked)
        pgsql_answer(r, 'D');
}

/* A list that announces `count` entries must hold them and nothing else. */
static void check_count(struct pgsql_reading *r, enum field field, uint32_t count_at, uint32_t width, uint32_t count)
{
    bool more = !r->bad && !r->c.failed && cursor_offset(&r->c) < r->out->message_length;
    bool less = !r->bad && r->c.failed && !pgsql_cut(r);
    if (more || less)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_TYPE_COUNT, .field = (uint16_t)field, .relation = MUST_BE,
                                        .offset = count_at, .length = width, .got = count,
                                        .note = more ? "the number of entries: there is more"
                                                     : "the number of entries: there are fewer"});
}

static void row_description(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint32_t count = pgsql_u16(r, FIELD_PGSQL_COLUMN_COUNT);
    if (pgsql_stop(r))
        return;
    for (uint32_t i = 0; i < count && !r->c.failed; i++) {
        uint32_t at = cursor_offset(&r->c);
        struct view name = take_until(&r->c, 0);
        take_skip(&r->c, 6); /* table and column number */
        uint32_t type_at = cursor_offset(&r->c);
        uint32_t type = take_u32be(&r->c);
        take_skip(&r->c, 8); /* size, modifier, format */
        if (r->c.failed)
            break;
        note_field(r->out, FIELD_PGSQL_COLUMN_NAME, at, (uint32_t)name.length, 0);
        r->out->depth = 1;
        note_field(r->out, FIELD_PGSQL_COLUMN_TYPE, type_at, 4, type);
        r->out->depth = 0;
    }
    check_count(r, FIELD_PGSQL_COLUMN_COUNT, PGSQL_HEADER, 2, count);
    if (r->bad)
        count = 0;
    const struct pgsql_request *oldest = s->untracked ? NULL : pgsql_oldest(s);
    if (oldest && oldest->kind == 'D' && oldest->target == PGSQL_TARGET_PORTAL) {
        s->described_portal = oldest->name;
        s->portal_columns = (uint16_t)count;
        s->portal_columns_known = !r->bad;
    } else if (oldest && oldest->kind == 'D') {
        struct pgsql_statement *p = pgsql_statement_find(r->out, oldest->name);
        if (p) {
            p->columns = (uint16_t)count;
            p->columns_known = !r->bad;
        }
    }
    bool simple = oldest && oldest->kind == 'Q';
    pgsql_answer(r, 'T');
    if (simple) {
        s->columns = (uint16_t)count;
        s->columns_known = !r->bad;
    }
}

static void parameter_description(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint32_t count = pgsql_u16(r, FIELD_PGSQL_PARAMETER_COUNT);
    const struct pgsql_request *oldest = s->untracked ? NULL : pgsql_oldest(s);
    bool asked = oldest && oldest->kind == 'D' && oldest->target == PGSQL_TARGET_STATEMENT;
    struct pgsql_statement *p = asked ? pgsql_statement_find(r->out, oldest->name) : NULL;
    unsigned kept = p ? sizeof p->types / sizeof p->types[0] : 0;
    for (uint32_t i = 0; i < count && !r->c.failed; i++) {
        uint32_t type = take_u32be(&r->c);
        if (i < kept && !r->c.failed)
            p->types[i] = type;
    }
    check_count(r, FIELD_PGSQL_PARAMETER_COUNT, PGSQL_HEADER, 2, count);
    if (p) {
        p->parameters = (uint16_t)count;
        p->parameters_known = !r->bad;
        p->types_known = (uint16_t)(r->bad || r->c.failed ? 0 : count < kept ? count : kept);
    }
    pgsql_answer(r, 't');
}

static void tell_hello(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    if (s->hello_told || !s->version_length)
        return;
    s->hello_told = true;
    observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = s->backend_pid,
                                  .text = view_of(s->version, s->version_length)});
}

static void backend_key(struct pgsql_reading *r)
{
    uint64_t key = r->out->message_length - PGSQL_HEADER;
    if (key < 8 || key > 4 + PGSQL_CANCEL_KEY_MAX) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_BACKEND_KEY, .field = FIELD_PGSQL_LENGTH,
                                        .relation = key < 8 ? MUST_REACH : MUST_NOT_EXCEED, .offset = 1, .length = 4,
                                        .got = key + 4, .expected = key < 8 ? 12 : 8 + PGSQL_CANCEL_KEY_MAX});
        return;
    }
    r->state->backend_pid = pgsql_u32(r, FIELD_PGSQL_BACKEND_PID);
    note_bytes(r->out, FIELD_PGSQL_CANCEL_KEY, take_rest(&r->c), &r->c);
    tell_hello(r);
}

static void parameter_status(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    struct view name = pgsql_string(r, FIELD_PGSQL_PARAMETER_NAME);
    struct view value = pgsql_string(r, FIELD_PGSQL_PARAMETER_VALUE);
    pgsql_end(r);
    if (pgsql_stop(r))
        return;
    if (view_equal(name, view_text("server_version"))) {
        struct view head = view_head(value, PGSQL_VERSION_TEXT);
        memcpy(s->version, head.bytes, head.length);
        s->version_length = (uint8_t)head.length;
    } else if (view_equal(name, view_text("client_encoding"))) {
        s->utf8 = view_equal(value, view_text("UTF8"));
    } else if (view_equal(name, view_text("application_name")) && value.length && s->started) {
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = value});
    }
}

static void ready_for_query(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint32_t status = pgsql_u8(r, FIELD_PGSQL_TRANSACTION);
    pgsql_end(r);
    if (!pgsql_stop(r) && status != PGSQL_TRANSACTION_IDLE && status != PGSQL_TRANSACTION_OPEN &&
        status != PGSQL_TRANSACTION_FAILED)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_TRANSACTION_STATUS, .field = FIELD_PGSQL_TRANSACTION,
                                        .relation = MUST_BE, .offset = PGSQL_HEADER, .length = 1, .got = status,
                                        .note = "one of I, T, E"});
    s->transaction = (uint8_t)status;
    s->stage = s->stage == STAGE_TERMINATED ? STAGE_TERMINATED : STAGE_SESSION;
    if (s->stage == STAGE_SESSION)
        r->out->session->phase = PHASE_AUTHENTICATED;
    tell_hello(r);
    pgsql_answer(r, 'Z');
}

static void function_result(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint32_t length = pgsql_u32(r, FIELD_PGSQL_VALUE_LENGTH);
    const uint32_t asked = s->boundaries == 1 && !s->joined ? s->read_asked : 0; /* of this call, and of no other that is open */
    s->read_asked = 0;
    uint64_t left = r->out->message_length - PGSQL_HEADER - 4;
    if (!pgsql_stop(r) && length != (length == PGSQL_NULL && left == 0 ? PGSQL_NULL : left))
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_VALUE_LENGTH, .field = FIELD_PGSQL_VALUE_LENGTH,
                                        .relation = MUST_EQUAL, .offset = PGSQL_HEADER, .length = 4, .got = length,
                                        .expected = left, .note = "the bytes that are left"});
    else if (asked && !r->c.failed && length != PGSQL_NULL && length > asked - 1)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_FUNCTION_RESULT, .field = FIELD_PGSQL_VALUE_LENGTH, .relation = MUST_NOT_EXCEED,
                                        .offset = PGSQL_HEADER, .length = 4, .got = length, .expected = asked - 1,
                                        .note = "bytes that were asked for"});
    pgsql_answer(r, 'V');
}

static void negotiate_version(struct pgsql_reading *r)
{
    (void)pgsql_u32(r, FIELD_PGSQL_NEWEST_VERSION);
    uint32_t at = cursor_offset(&r->c);
    uint32_t count = pgsql_u32(r, FIELD_PGSQL_OPTION_COUNT);
    if (pgsql_stop(r))
        return;
    for (uint32_t i = 0; i < count && !r->c.failed; i++) {
        struct view name = take_until(&r->c, 0);
        if (!r->c.failed)
            note_field(r->out, FIELD_PGSQL_OPTION_NAME, cursor_offset(&r->c) - (uint32_t)name.length - 1,
                       (uint32_t)name.length, 0);
    }
    check_count(r, FIELD_PGSQL_OPTION_COUNT, at, 4, count);
}

static void notification(struct pgsql_reading *r)
{
    (void)pgsql_u32(r, FIELD_PGSQL_BACKEND_PID);
    (void)pgsql_string(r, FIELD_PGSQL_CHANNEL);
    (void)pgsql_string(r, FIELD_PGSQL_PAYLOAD);
    pgsql_end(r);
}

static void body(struct pgsql_reading *r, uint8_t type)
{
    switch (type) {
    case 'D':
        data_row(r);
        break;
    case 'd':
        r->state->rows++;
        if (r->state->copy == COPY_BOTH)
            pgsql_replication_data(r);
        break;
    case 'T':
        row_description(r);
        break;
    case 't':
        parameter_description(r);
        break;
    case 'C':
        (void)pgsql_string(r, FIELD_PGSQL_TAG);
        pgsql_end(r);
        pgsql_answer(r, type);
        break;
    case 'Z':
        ready_for_query(r);
        break;
    case 'E':
    case 'N':
        pgsql_error(r, type == 'N');
        break;
    case 'S':
        parameter_status(r);
        break;
    case 'K':
        backend_key(r);
        break;
    case 'A':
        notification(r);
        break;
    case 'V':
        function_result(r);
        break;
    case 'v':
        negotiate_version(r);
        break;
    case 'G':
        pgsql_copy_response(r, COPY_IN);
        break;
    case 'H':
        pgsql_copy_response(r, COPY_OUT);
        break;
    case 'W':
        pgsql_copy_response(r, COPY_BOTH);
        break;
    default: /* 1 2 3 I n s c */
        pgsql_end(r);
        if (type != 'c')
            pgsql_answer(r, type);
        break;
    }
}

static bool legal_before_login(uint8_t type)
{
    return type == 'R' || type == 'E' || type == 'N' || type == 'v' || type == 'S' || type == 'K';
}

enum verdict pgsql_backend(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint8_t type = take_u8(&r->c);
    uint32_t length = take_u32be(&r->c);
    uint32_t limit = pgsql_backend_kinds[type].limit;
    note_field(r->out, FIELD_PGSQL_TYPE, 0, 1, type);
    note_field(r->out, FIELD_PGSQL_LENGTH, 1, 4, length);
    r->out->message = (uint16_t)(256 + type);
    if (!limit) {
        r->out->message = PGSQL_UNKNOWN_MESSAGE;
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_SERVER_TYPE, .field = FIELD_PGSQL_TYPE, .relation = MUST_BE,
                                        .offset = 0, .length = 1, .got = type, .note = "a type that servers send"});
        return VERDICT_BROKEN;
    }
    if (length < 4 || length > limit) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_SERVER_LENGTH, .field = FIELD_PGSQL_LENGTH,
                                        .relation = length < 4 ? MUST_REACH : MUST_NOT_EXCEED, .offset = 1, .length = 4,
                                        .got = length, .expected = length < 4 ? 4 : limit});
        return VERDICT_BROKEN;
    }
    if (s->stage <= STAGE_AUTHENTICATION && !s->joined && !legal_before_login(type))
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_BEFORE_AUTHENTICATION, .field = FIELD_PGSQL_TYPE,
                                        .relation = MUST_BE, .offset = 0, .length = 1, .got = type,
                                        .note = "one of R, E, N, v before the login is accepted"});
    if (type == 'R')
        return pgsql_authentication(r);
    if (!r->bad)
        body(r, type);
    return VERDICT_OK;
}
