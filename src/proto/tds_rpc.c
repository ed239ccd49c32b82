/*
 * Calls of procedures ([MS-TDS] 2.2.6.6): name or number, options, then parameters with their types and values, tables among
 * them (2.2.5.5.5). Several calls may follow each other in one message.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { KEY_TABLE = 5, BY_NUMBER = 0xffff, PROCEDURE_LAST = 15, BATCH_OLD = 0x80, BATCH_NEXT = 0xff, BATCH_NO_EXECUTE = 0xfe, NO_COLUMNS = 0xffff,
       STATUS_ENCRYPTED = 8,
       FLAG_DEFAULT = 0x200 };

/* STEP_DATA of tds_request.c is 3. */
enum {
    RPC_NAME = 3, RPC_NUMBER, RPC_NAME_TEXT, RPC_OPTIONS, RPC_PARAMETER, RPC_PARAMETER_NAME, RPC_PARAMETER_STATUS, RPC_TYPE, RPC_VALUE,
    TABLE_COUNT, TABLE_COLUMN, TABLE_TYPE, TABLE_NAME, TABLE_META, TABLE_ORDER, TABLE_ROWS, TABLE_VALUE,
};

enum { TABLE_END = 0, TABLE_ROW = 1, TABLE_ORDER_UNIQUE = 0x10, TABLE_COLUMN_ORDERING = 0x11, ORDER_BYTES = 3, ORDERING_BYTES = 2 };

struct block {
    struct tds_column columns[TDS_COLUMNS_PER_NOTE];
};

static uint64_t key_of(const struct tds_reading *r, uint32_t column)
{
    return (uint64_t)KEY_TABLE << 56 | (uint64_t)r->stream->keys << 16 | column / TDS_COLUMNS_PER_NOTE;
}

/* Which parameter of these procedures is the SQL text. */
static bool is_sql(uint16_t procedure, uint16_t parameter)
{
    switch (procedure) {
    case SP_EXECUTESQL:
        return parameter == 0;
    case SP_CURSOROPEN:
        return parameter == 1;
    case SP_PREPARE: case SP_PREPEXEC: case SP_CURSORPREPARE:
        return parameter == 2;
    case SP_CURSORPREPEXEC:
        return parameter == 3;
    default:
        return false;
    }
}

static void blind(struct tds_reading *r)
{
    r->stream->blind = r->bad = true;
    r->stream->field_open = false;
}

/* ---- the call */

static bool take_name(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    uint16_t characters = take_u16le(&element);
    stream->parameter = stream->procedure = 0;
    stream->field_open = true;
    if (characters == BY_NUMBER) {
        stream->step = RPC_NUMBER;
        return true;
    }
    tds_skip(r, FIELD_TDS_PROCEDURE, 2 * (uint64_t)characters);
    stream->step = RPC_NAME_TEXT;
    return true;
}

static bool take_number(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    stream->procedure = take_u16le(&element);
    tds_note(r, FIELD_TDS_PROCEDURE_ID, 0, 2, stream->procedure);
    if (stream->procedure > PROCEDURE_LAST || stream->procedure == 0) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_PROCEDURE_ID, .field = FIELD_TDS_PROCEDURE_ID, .relation = MUST_BE, .offset = r->at,
                                      .length = 2, .got = stream->procedure, .note = "1 to 15"});
        return false;
    }
    stream->step = RPC_OPTIONS;
    return true;
}

static bool take_options(struct tds_reading *r)
{
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    tds_note(r, FIELD_TDS_OPTIONS, 0, 2, take_u16le(&element));
    r->stream->step = RPC_PARAMETER;
    r->stream->field_open = false;
    if (r->state->encrypted_columns)
        blind(r); /* what comes first may be for an enclave: not decoded */
    return !r->bad;
}

/* The length of a parameter's name, or the mark between two calls. A mark of TDS 7.1 could be a name of 128 characters, which
 * is cut there: what follows tells by itself. */
static bool take_parameter(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 1, &element))
        return false;
    uint8_t length = take_u8(&element);
    bool old = r->state->level == LEVEL_70 || r->state->level == LEVEL_71;
    bool mark = old ? length == BATCH_OLD : length == BATCH_NEXT || length == BATCH_NO_EXECUTE;
    if (mark) {
        stream->step = RPC_NAME;
        return true;
    }
    stream->field_open = true;
    tds_skip(r, FIELD_TDS_PARAMETER_NAME, 2 * (uint64_t)length);
    stream->step = RPC_PARAMETER_STATUS;
    return true;
}

static bool take_parameter_status(struct tds_reading *r)
{
    struct cursor element;
    if (!tds_take(r, 1, &element))
        return false;
    uint8_t status = take_u8(&element);
    tds_note(r, FIELD_TDS_PARAMETER_STATUS, 0, 1, status);
    if (status & STATUS_ENCRYPTED) {
        blind(r); /* what follows its value depends on an agreement that is not decoded */
        return false;
    }
    r->stream->step = RPC_TYPE;
    return true;
}

static bool take_type(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    if (!tds_type(r, true))
        return false;
    bool table = stream->current.form == FORM_TABLE;
    stream->sql_next = is_sql(stream->procedure, stream->parameter);
    stream->step = table ? TABLE_COUNT : RPC_VALUE;
    return true;
}

static void parameter_done(struct tds_stream *stream)
{
    stream->parameter++;
    stream->sql_next = stream->field_open = false;
    stream->step = RPC_PARAMETER;
}

/* A long value that packets cut: its text goes on here. */
static void note_rest(struct tds_reading *r)
{
    if (r->stream->sql_next && r->stream->skip && r->stream->bytes && cursor_offset(&r->c) == 0)
        tds_skip(r, FIELD_TDS_SQL, r->stream->skip);
}

/* ---- tables */

static bool table_count(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    stream->columns = take_u16le(&element);
    tds_note(r, FIELD_TDS_COLUMN_COUNT, 0, 2, stream->columns);
    stream->column = 0;
    if (stream->columns == NO_COLUMNS)
        stream->columns = 0;
    if (stream->columns > TDS_COLUMNS) {
        blind(r);
        return false;
    }
    stream->step = stream->columns ? TABLE_COLUMN : TABLE_META;
    return true;
}

static bool table_keep(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    uint64_t key = key_of(r, stream->column);
    bool first = stream->column % TDS_COLUMNS_PER_NOTE == 0;
    struct block *block = first ? note_keep(r->out, key, sizeof *block) : note_find(r->out, key);
    if (!block) {
        blind(r);
        return false;
    }
    const struct tds_column nothing = {.form = FORM_FIXED};
    block->columns[stream->column % TDS_COLUMNS_PER_NOTE] = stream->null_row ? nothing : stream->current;
    return true;
}

static bool table_column(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    switch (stream->step) {
    case TABLE_COLUMN:
        if (!tds_take(r, 6, &element))
            return false;
        take_skip(&element, 4);
        stream->null_row = take_u16le(&element) & FLAG_DEFAULT; /* its rows have no value for it */
        stream->step = TABLE_TYPE;
        return true;
    case TABLE_TYPE:
        if (!tds_type(r, true) || !table_keep(r))
            return false;
        stream->byte_names = 1;
        stream->step = TABLE_NAME;
        return true;
    default:
        if (!tds_names(r))
            return false;
        stream->column++;
        stream->step = stream->column == stream->columns ? TABLE_META : TABLE_COLUMN;
        return true;
    }
}

static void wrong_part(struct tds_reading *r, uint8_t part, const char *note)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TABLE_VALUE, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = r->at, .length = 1,
                                  .got = part, .note = note});
}

/* What is said of the columns, then 00; rows, then 00. */
static bool table_part(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 1, &element))
        return false;
    uint8_t part = take_u8(&element);
    if (stream->step == TABLE_META && (part == TABLE_ORDER_UNIQUE || part == TABLE_COLUMN_ORDERING)) {
        stream->token = part;
        stream->step = TABLE_ORDER;
    } else if (part == TABLE_END && stream->step == TABLE_META) {
        stream->step = TABLE_ROWS;
    } else if (part == TABLE_END) {
        parameter_done(stream);
    } else if (part == TABLE_ROW && stream->step == TABLE_ROWS && stream->columns) {
        stream->column = 0;
        stream->step = TABLE_VALUE;
    } else {
        wrong_part(r, part, stream->step == TABLE_META ? "10, 11 or 00" : "01 or 00");
        return false;
    }
    return true;
}

static bool table_order(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    stream->skip = (uint64_t)take_u16le(&element) * (stream->token == TABLE_ORDER_UNIQUE ? ORDER_BYTES : ORDERING_BYTES);
    stream->step = TABLE_META;
    return true;
}

static bool table_value(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    for (; stream->column < stream->columns; stream->column++) {
        const struct block *block = note_find(r->out, key_of(r, stream->column));
        if (!block) {
            blind(r);
            return false;
        }
        if (!tds_value(r, &block->columns[stream->column % TDS_COLUMNS_PER_NOTE]))
            return false;
    }
    stream->step = TABLE_ROWS;
    return true;
}

/* One step. False: more comes, or r->bad. */
static bool step(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    switch (stream->step) {
    case RPC_NAME:
        return take_name(r);
    case RPC_NUMBER:
        return take_number(r);
    case RPC_NAME_TEXT:
    case RPC_OPTIONS:
        return take_options(r);
    case RPC_PARAMETER:
        return take_parameter(r);
    case RPC_PARAMETER_STATUS:
        return take_parameter_status(r);
    case RPC_TYPE:
        return take_type(r);
    case RPC_VALUE:
        if (!tds_value(r, &stream->current))
            return false;
        parameter_done(stream);
        return true;
    case TABLE_COUNT:
        return table_count(r);
    case TABLE_COLUMN:
    case TABLE_TYPE:
    case TABLE_NAME:
        return table_column(r);
    case TABLE_ORDER:
        return table_order(r);
    case TABLE_VALUE:
        return table_value(r);
    default:
        return table_part(r);
    }
}

void tds_rpc(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    note_rest(r);
    while (!r->bad) {
        if (!tds_pass(r))
            return;
        bool between = stream->step == RPC_PARAMETER || (stream->step == RPC_NAME && stream->bytes + cursor_offset(&r->c));
        if (between && !cursor_left(&r->c))
            return;
        if (!step(r))
            return;
    }
}
