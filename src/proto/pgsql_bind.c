/*
 * PostgreSQL messages that carry parameter values: Bind and FunctionCall. As exec_bind_message in
 * src/backend/tcop/postgres.c and HandleFunctionRequest in fastpath.c: each value is converted before the next length is
 * read, so a value that is refused with an ordinary error hides what is wrong behind it.
 */
#include "model/name.h"
#include "proto/pgsql.h"

enum { PARAMETERS_NOTED = 16 };

/* The values of a message, walked as the server walks them. */
struct values {
    uint32_t format_count, count;
    struct cursor formats;          /* over the format codes */
    struct cursor start;            /* before the first value */
    const struct pgsql_statement *statement; /* NULL: types are not known */
    struct view last; /* value */
};

static uint32_t next_format(const struct values *v, struct cursor *formats, uint32_t *last)
{
    if (v->format_count > 1)
        return take_u16be(formats);
    if (v->format_count == 1 && cursor_left(formats))
        *last = take_u16be(formats);
    return *last;
}

static uint32_t type_of(const struct values *v, uint32_t i)
{
    return v->statement && i < v->statement->types_known ? v->statement->types[i] : 0;
}

/* Would the server have given up at one of the values before number `wrong`? */
static bool hidden(const struct pgsql_reading *r, const struct values *v, uint32_t wrong)
{
    struct cursor c = v->start, formats = v->formats;
    uint32_t last = 0;
    for (uint32_t i = 0; i < wrong && !c.failed; i++) {
        uint32_t length = take_u32be(&c);
        uint32_t format = next_format(v, &formats, &last);
        if (length == PGSQL_NULL)
            continue;
        struct view value = take_view(&c, length);
        if (!c.failed && pgsql_value_refused(value, format, type_of(v, i), r->state->utf8))
            return true;
    }
    return false;
}

static void wrong_length(struct pgsql_reading *r, const struct values *v, uint32_t i, uint32_t at, uint32_t length)
{
    uint64_t left = r->out->message_length - at - 4;
    r->unread |= hidden(r, v, i);
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_PARAMETER_LENGTH, .field = FIELD_PGSQL_PARAMETER_LENGTH,
                                    .relation = MUST_NOT_EXCEED, .offset = at, .length = 4, .got = length,
                                    .expected = left, .note = "the bytes that are left"});
}

static void take_values(struct pgsql_reading *r, struct values *v)
{
    struct cursor formats = v->formats;
    uint32_t last = 0;
    v->start = r->c;
    for (uint32_t i = 0; i < v->count && !pgsql_stop(r); i++) {
        uint32_t at = cursor_offset(&r->c);
        if (cursor_left(&r->c) < 4) {
            r->unread |= hidden(r, v, i);
            (void)pgsql_u32(r, FIELD_PGSQL_PARAMETER_LENGTH);
            return;
        }
        uint32_t length = take_u32be(&r->c);
        uint32_t format = next_format(v, &formats, &last);
        if (length == PGSQL_NULL)
            continue;
        if (length > r->out->message_length - at - 4) {
            note_field(r->out, FIELD_PGSQL_PARAMETER_LENGTH, at, 4, length);
            wrong_length(r, v, i, at, length);
            return;
        }
        struct view value = take_view(&r->c, length);
        if (r->c.failed)
            return; /* the rest of the message was not wanted */
        v->last = value;
        if (i < PARAMETERS_NOTED)
            note_bytes(r->out, FIELD_PGSQL_PARAMETER, value, &r->c);
        uint32_t size = format == 1 ? pgsql_type_size(type_of(v, i)) : 0;
        if (length < size) {
            r->unread |= hidden(r, v, i);
            pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_PARAMETER_SIZE, .field = FIELD_PGSQL_PARAMETER,
                                            .relation = MUST_REACH, .offset = at + 4, .length = length, .got = length,
                                            .expected = size, .note = "bytes of the parameter's data type"});
        }
    }
}

/* Format codes; a code that is neither text nor binary is an ordinary error. */
static uint32_t take_formats(struct pgsql_reading *r, enum field field, struct cursor *codes)
{
    uint32_t count = pgsql_u16(r, field);
    uint32_t at = cursor_offset(&r->c);
    bool told = false;
    *codes = cursor_over(view_head(cursor_ahead(&r->c), 2 * (size_t)count));
    for (uint32_t i = 0; i < count && !pgsql_stop(r); i++) {
        if (cursor_left(&r->c) < 2) {
            (void)pgsql_u16(r, FIELD_PGSQL_FORMAT);
            return count;
        }
        uint32_t code = take_u16be(&r->c);
        if (code > 1 && !told)
            pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_FORMAT_CODE, .field = FIELD_PGSQL_FORMAT,
                                            .relation = MUST_NOT_EXCEED, .offset = at + 2 * i, .length = 2, .got = code,
                                            .expected = 1});
        told |= code > 1;
    }
    return count;
}

static void check_format_count(struct pgsql_reading *r, const struct values *v, uint32_t at)
{
    if (!pgsql_stop(r) && v->format_count > 1 && v->format_count != v->count)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_FORMAT_COUNT, .field = FIELD_PGSQL_FORMAT_COUNT,
                                        .relation = MUST_EQUAL, .offset = at, .length = 2, .got = v->format_count,
                                        .expected = v->count, .note = "the number of parameters (or 0, or 1)"});
}

static void take_result_formats(struct pgsql_reading *r, const struct values *v)
{
    struct cursor ignored;
    uint32_t at = cursor_offset(&r->c);
    /* What is wrong from here on is hidden by any refused value. */
    if (!pgsql_stop(r) && !pgsql_cut(r)) {
        struct cursor ahead = r->c;
        uint32_t count = take_u16be(&ahead);
        if (ahead.failed || cursor_left(&ahead) != 2 * (size_t)count)
            r->unread |= hidden(r, v, v->count);
    }
    uint32_t count = take_formats(r, FIELD_PGSQL_RESULT_FORMAT_COUNT, &ignored);
    pgsql_end(r);
    if (pgsql_stop(r) || count < 2 || !v->statement || !v->statement->columns_known || v->statement->columns == 0 ||
        count == v->statement->columns)
        return;
    r->unread |= hidden(r, v, v->count);
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_RESULT_FORMAT_COUNT, .field = FIELD_PGSQL_RESULT_FORMAT_COUNT,
                                    .relation = MUST_EQUAL, .offset = at, .length = 2, .got = count,
                                    .expected = v->statement->columns, .note = "the columns of the statement (or 0, or 1)"});
}

void pgsql_bind(struct pgsql_reading *r, uint32_t *portal)
{
    struct pgsql_state *s = r->state;
    struct values v = {0};
    *portal = pgsql_hash(pgsql_string(r, FIELD_PGSQL_PORTAL));
    struct view name = pgsql_string(r, FIELD_PGSQL_STATEMENT);
    if (pgsql_stop(r))
        return;
    uint32_t hash = pgsql_hash(name);
    v.statement = s->joined ? NULL : pgsql_statement_find(r->out, hash);
    r->unread |= pgsql_statement_missing(r, hash);
    uint32_t formats_at = cursor_offset(&r->c);
    v.format_count = take_formats(r, FIELD_PGSQL_FORMAT_COUNT, &v.formats);
    uint32_t count_at = cursor_offset(&r->c);
    v.count = pgsql_u16(r, FIELD_PGSQL_PARAMETER_COUNT);
    check_format_count(r, &v, formats_at);
    if (pgsql_stop(r))
        return;
    if (v.statement && v.statement->parameters_known && v.count != v.statement->parameters) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_PARAMETER_COUNT, .field = FIELD_PGSQL_PARAMETER_COUNT,
                                        .relation = MUST_EQUAL, .offset = count_at, .length = 2, .got = v.count,
                                        .expected = v.statement->parameters, .note = "the parameters of the statement"});
        return;
    }
    /* In a failed transaction the server refuses a Bind before it looks at the values. */
    r->unread |= s->transaction == PGSQL_TRANSACTION_FAILED && s->queue_used == 0 && !s->untracked;
    take_values(r, &v);
    take_result_formats(r, &v);
}

/* Object numbers of built-in functions (FirstGenbkiObjectId): most of them exist. */
static bool is_built_in(uint32_t function)
{
    return function > 0 && function < 10000;
}

/* loread(descriptor, bytes): what a client has room for. */
static uint32_t asked_bytes(uint32_t function, const struct values *v)
{
    enum { F_LOREAD = 954, INT4 = 4 };
    struct cursor c = cursor_over(v->last);
    uint32_t bytes = v->last.length == INT4 ? take_u32be(&c) : UINT32_MAX;
    return function == F_LOREAD && v->count == 2 && v->format_count > 0 && bytes <= INT32_MAX ? bytes + 1 : 0;
}

void pgsql_function_call(struct pgsql_reading *r, uint32_t *function)
{
    struct pgsql_state *s = r->state;
    struct values v = {0};
    s->read_asked = 0;
    r->unread |= s->transaction == PGSQL_TRANSACTION_FAILED && s->queue_used == 0 && !s->untracked;
    *function = pgsql_u32(r, FIELD_PGSQL_FUNCTION);
    /* An unknown function is an ordinary error, raised before the arguments are read. */
    r->unread |= !is_built_in(*function) && !pgsql_function_known(r->out, *function);
    uint32_t formats_at = cursor_offset(&r->c);
    v.format_count = take_formats(r, FIELD_PGSQL_FORMAT_COUNT, &v.formats);
    v.count = pgsql_u16(r, FIELD_PGSQL_PARAMETER_COUNT);
    check_format_count(r, &v, formats_at);
    if (pgsql_stop(r))
        return;
    take_values(r, &v);
    if (pgsql_stop(r))
        return;
    if (!pgsql_cut(r) && cursor_left(&r->c) != 2)
        r->unread |= hidden(r, &v, v.count);
    s->read_asked = asked_bytes(*function, &v);
    (void)pgsql_u16(r, FIELD_PGSQL_FORMAT);
    pgsql_end(r);
}
