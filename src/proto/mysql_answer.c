/*
 * Which packet of an answer may come next: result sets, prepared statements, lists, files. Every packet of a server in
 * the command phase passes here. Specification: page_protocol_com_query_response, page_protocol_com_stmt_prepare; MariaDB
 * "Result set packets".
 */
#include "proto/mysql.h"

static void unsolicited(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_UNKNOWN;
    if (!s->midstream && s->login_sent) /* else the client's side is not captured */
        mysql_blame(p, ANOMALY_MYSQL_UNSOLICITED, FIELD_MYSQL_SEQUENCE, 0, MYSQL_HEADER,
                     must_be(p->sequence, "silence: no request is open"));
    s->phase = PHASE_COMMAND;
    s->lost = true;
    s->midstream = true;
    s->aligned = false;
}

/* The first byte does not belong to any answer of this command. */
static enum verdict wrong_answer(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_UNKNOWN;
    if (!s->midstream || s->aligned)
        mysql_blame(p, ANOMALY_MYSQL_WRONG_ANSWER, FIELD_MYSQL_ANSWER, MYSQL_HEADER, p->payload ? 1 : 0,
                     must_be(peek_u8(&p->c), "an answer of the kind that the command has"));
    s->lost = true;
    s->midstream = true;
    s->aligned = false;
    return VERDICT_OK;
}

/* The end of one result: of the answer, or more follow. */
static void result_ends(struct packet *p, uint16_t status)
{
    struct mysql_state *s = p->s;
    s->binary = false;
    if (status & SERVER_MORE_RESULTS_EXISTS)
        s->reply = REPLY_FIRST;
    else
        mysql_reply_end(p);
}

/* OK or EOF as the end of a list of rows or definitions. */
static bool is_end(const struct packet *p)
{
    if (peek_u8(&p->c) != 0xfe)
        return false;
    return mysql_agreed(p->s, CLIENT_DEPRECATE_EOF) || p->s->no_eof ? p->payload < MYSQL_SPLIT : p->payload < 9;
}

static void end_of_list(struct packet *p, uint16_t *status)
{
    if (p->payload == 5) { /* too short for an OK: what some servers send all the same */
        mysql_eof(p, status);
        return;
    }
    if (mysql_agreed(p->s, CLIENT_DEPRECATE_EOF) || (!p->s->known && p->payload >= 7))
        mysql_ok(p, true, status);
    else
        mysql_eof(p, status);
}

static enum verdict local_infile(struct packet *p, const struct mysql_request *r)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_LOCAL_INFILE;
    take_skip(&p->c, 1);
    struct view name = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_FILENAME, name, &p->c);
    if (s->known && !mysql_has(s, CLIENT_LOCAL_FILES))
        mysql_blame(p, ANOMALY_MYSQL_INFILE_NOT_ALLOWED, FIELD_MYSQL_FILENAME, MYSQL_HEADER, p->payload,
                     must_be(0, "no request for a file: the client did not set CLIENT_LOCAL_FILES"));
    else if (!(r->flags & REQUEST_LOAD_DATA))
        mysql_blame(p, ANOMALY_MYSQL_INFILE_ROGUE, FIELD_MYSQL_FILENAME, MYSQL_HEADER, p->payload,
                     must_be(0, "no request for a file: the statement is no LOAD DATA LOCAL"));
    s->file = true;
    s->sequence = p->sequence;
    return VERDICT_OK;
}

static void columns_follow(struct packet *p, const struct mysql_request *r, uint64_t count)
{
    struct mysql_state *s = p->s;
    s->columns = (uint32_t)count;
    s->left = (uint32_t)count;
    s->statement = r->statement;
    s->binary = r->command == COM_STMT_EXECUTE || r->command == COM_STMT_BULK_EXECUTE || r->command == COM_STMT_FETCH;
    s->types_known = count <= MYSQL_COLUMNS_KNOWN;
    s->no_eof = false;
    s->reply = REPLY_COLUMNS;
}

/* The number of columns, and whether their definitions follow. */
static enum verdict column_count(struct packet *p, const struct mysql_request *r)
{
    struct mysql_state *s = p->s;
    uint64_t count;
    uint32_t at = packet_at(p);
    p->out->message = MYSQL_COLUMN_COUNT;
    if (mysql_lenenc(p, FIELD_MYSQL_COLUMN_COUNT, &count) != LENENC_VALUE)
        return wrong_answer(p);
    note_field(p->out, FIELD_MYSQL_COLUMN_COUNT, at, packet_at(p) - at, count);
    if (count == 0 || count > 65535) {
        mysql_blame(p, ANOMALY_MYSQL_COLUMN_COUNT, FIELD_MYSQL_COLUMN_COUNT, at, packet_at(p) - at,
                     at_most(count, 65535));
        s->lost = s->midstream = true;
        s->aligned = false;
        return VERDICT_OK;
    }
    columns_follow(p, r, count);
    bool optional = mysql_has(s, CLIENT_OPTIONAL_RESULTSET_METADATA | MARIADB_CLIENT_CACHE_METADATA);
    if (packet_left(p) == 1 && (optional || !s->known)) {
        uint8_t follow = take_u8(&p->c);
        mysql_number(p, FIELD_MYSQL_METADATA_FOLLOWS, follow, 1);
        if (follow == 0) {
            s->types_known = mysql_columns_recall(p, r->statement);
            s->left = 0;
            s->reply = mysql_agreed(s, CLIENT_DEPRECATE_EOF) ? REPLY_ROWS : REPLY_COLUMNS_END;
        }
    } else {
        mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
    }
    return VERDICT_OK;
}

static enum verdict prepare_ok(struct packet *p, const struct mysql_request *r)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_PREPARE_OK;
    if (p->payload < 9) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_STATEMENT_ID, 9);
        mysql_reply_end(p);
        return VERDICT_OK;
    }
    take_skip(&p->c, 1);
    s->statement = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_STATEMENT_ID, s->statement, 4);
    s->statement_columns = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_COLUMN_COUNT, s->statement_columns, 2);
    uint16_t parameters = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_PARAMETER_COUNT, parameters, 2);
    s->last_statement = s->statement;
    struct mysql_statement *known = note_keep(p->out, s->statement, sizeof *known);
    if (known) {
        known->parameters = parameters;
        known->columns = s->statement_columns;
        known->dml = (r->flags & REQUEST_DML) != 0;
        known->generation = s->generation;
        /* executed before its number was known: with which types, nobody has seen */
        known->epoch = (uint8_t)(s->epoch - ((r->flags & REQUEST_EXECUTED) != 0));
    }
    bool follow = true;
    if (packet_left(p) >= 3) {
        take_skip(&p->c, 3);
        if (packet_left(p) == 1 && mysql_agreed(s, CLIENT_OPTIONAL_RESULTSET_METADATA))
            follow = take_u8(&p->c) != 0;
        else if (s->known && mysql_has(s, CLIENT_PROTOCOL_41))
            mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
    }
    s->columns = s->statement_columns;
    s->types_known = s->columns <= MYSQL_COLUMNS_KNOWN;
    if (follow && parameters) {
        s->left = parameters;
        s->reply = REPLY_PARAMETERS;
    } else if (follow && s->statement_columns) {
        s->left = s->statement_columns;
        s->reply = REPLY_STATEMENT_COLUMNS;
    } else {
        mysql_reply_end(p);
    }
    return VERDICT_OK;
}

static enum verdict plain_ok(struct packet *p)
{
    uint16_t status;
    mysql_ok(p, false, &status);
    result_ends(p, status);
    return VERDICT_OK;
}

static enum verdict first_of_result(struct packet *p, const struct mysql_request *r, uint8_t first)
{
    if (first == 0x00)
        return plain_ok(p);
    if (first == 0xfb && r->command == COM_QUERY)
        return local_infile(p, r);
    if (first == 0xfe &&
        p->payload < 9) { /* what very old servers and CALL under some proxies end an empty result with */
        uint16_t status;
        mysql_eof(p, &status);
        result_ends(p, status);
        return VERDICT_OK;
    }
    return column_count(p, r);
}

static enum verdict first_packet(struct packet *p, const struct mysql_request *r)
{
    struct mysql_state *s = p->s;
    uint8_t first = peek_u8(&p->c);
    uint16_t status;
    switch (r->command) {
    case COM_QUERY:
    case COM_STMT_EXECUTE:
    case COM_STMT_BULK_EXECUTE:
    case COM_PROCESS_INFO:
        return first_of_result(p, r, first);
    case COM_STMT_PREPARE:
        return first == 0 ? prepare_ok(p, r) : wrong_answer(p);
    case COM_STATISTICS:
        p->out->message = MYSQL_STATISTICS;
        note_bytes(p->out, FIELD_MYSQL_INFO, take_rest(&p->c), &p->c);
        mysql_reply_end(p);
        return VERDICT_OK;
    case COM_BINLOG_DUMP:
    case COM_BINLOG_DUMP_GTID:
        if (first == 0)
            s->phase = PHASE_STREAM;
        return first == 0 || first == 0xfe ? mysql_binlog_event(p) : wrong_answer(p);
    default:
        break;
    }
    if (first == 0x00)
        return plain_ok(p);
    if (first == 0xfe) {
        end_of_list(p, &status);
        result_ends(p, status);
        return VERDICT_OK;
    }
    return wrong_answer(p);
}

/* After the parameters of a statement: its columns, if it has any. */
static void parameters_are_described(struct packet *p)
{
    struct mysql_state *s = p->s;
    s->left = s->statement_columns;
    s->reply = REPLY_STATEMENT_COLUMNS;
    if (s->left == 0)
        mysql_reply_end(p);
}

/* The last definition of a list was read: an EOF follows, or the next thing. */
static void list_is_described(struct packet *p)
{
    struct mysql_state *s = p->s;
    bool eof = !mysql_agreed(s, CLIENT_DEPRECATE_EOF);
    if (s->reply == REPLY_COLUMNS) {
        s->reply = eof ? REPLY_COLUMNS_END : REPLY_ROWS;
    } else if (s->reply == REPLY_PARAMETERS) {
        if (eof)
            s->reply = REPLY_PARAMETERS_END;
        else
            parameters_are_described(p);
    } else {
        mysql_columns_keep(p);
        if (eof)
            s->reply = REPLY_STATEMENT_COLUMNS_END;
        else
            mysql_reply_end(p);
    }
}

static enum verdict definition(struct packet *p)
{
    struct mysql_state *s = p->s;
    if (is_end(p) && p->payload == 5) { /* fewer definitions than were announced */
        mysql_blame(p, ANOMALY_MYSQL_DEFINITIONS_MISSING, FIELD_MYSQL_COLUMN_COUNT, MYSQL_HEADER, 1,
                     must_be(s->left, "as many definitions as were announced"));
        s->left = 0;
        list_is_described(p);
        return VERDICT_OK;
    }
    p->out->message = s->reply == REPLY_PARAMETERS ? MYSQL_PARAMETER : MYSQL_COLUMN;
    mysql_column(p, false);
    if (--s->left == 0)
        list_is_described(p);
    return VERDICT_OK;
}

/* The EOF after a list of definitions. */
static enum verdict definitions_end(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint16_t status;
    if (peek_u8(&p->c) != 0xfe)
        return wrong_answer(p);
    if (!s->known && p->payload >= 7) {
        end_of_list(p, &status);
        result_ends(p, status);
        return VERDICT_OK;
    }
    mysql_eof(p, &status);
    if (s->reply == REPLY_COLUMNS_END) {
        if (status & SERVER_STATUS_CURSOR_EXISTS) {
            mysql_columns_keep(p);
            mysql_reply_end(p);
        } else
            s->reply = REPLY_ROWS;
    } else if (s->reply == REPLY_PARAMETERS_END) {
        parameters_are_described(p);
    } else {
        mysql_reply_end(p);
    }
    return VERDICT_OK;
}

static enum verdict row(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint16_t status;
    if (is_end(p)) {
        packet_header(p);
        end_of_list(p, &status);
        if (s->binary && s->rows == 0 && (status & SERVER_STATUS_CURSOR_EXISTS))
            mysql_columns_keep(p); /* without the EOF after the columns this is how a cursor says that it is open */
        result_ends(p, status);
        return VERDICT_OK;
    }
    s->rows++;
    if (s->binary)
        mysql_binary_row(p);
    else
        mysql_text_row(p);
    if (p->out->reports_used)
        packet_header(p);
    return VERDICT_OK;
}

static enum verdict field_list(struct packet *p)
{
    uint16_t status;
    if (is_end(p)) {
        end_of_list(p, &status);
        mysql_reply_end(p);
        return VERDICT_OK;
    }
    p->out->message = MYSQL_COLUMN;
    mysql_column(p, true);
    return VERDICT_OK;
}

/* Which answer is being given is known again when the first packet of one follows the only open request. */
static bool is_found_again(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct mysql_request *r = mysql_request_open(s);
    if (!r || s->used != 1 || r->count != 1 || p->sequence != s->reply_sequence || s->reply != REPLY_FIRST)
        return false;
    s->lost = false;
    s->reply_sequence = (uint8_t)(p->sequence + 1);
    return true;
}

/* A list that begins without an announcement: fields of a table, rows of a cursor. */
static void begin_list(struct packet *p, const struct mysql_request *r)
{
    struct mysql_state *s = p->s;
    if (r->command == COM_FIELD_LIST) {
        s->reply = REPLY_FIELD_LIST;
    } else if (r->command == COM_STMT_FETCH) {
        columns_follow(p, r, 0);
        s->types_known = mysql_columns_recall(p, r->statement);
        s->reply = REPLY_ROWS;
    }
}

enum verdict mysql_reply(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint8_t first = peek_u8(&p->c);
    if (s->lost && !is_found_again(p)) {
        if (first == 0xff && p->payload < 1024)
            return mysql_error(p);
        p->out->message = MYSQL_UNKNOWN;
        return VERDICT_OK;
    }
    if (first == 0xff) {
        if (mysql_row_is_due(s, p->from))
            packet_header(p);
        return mysql_error(p);
    }
    struct mysql_request *r = mysql_request_open(s);
    if (!r || s->file) {
        unsolicited(p);
        return VERDICT_OK;
    }
    if (s->reply == REPLY_FIRST)
        begin_list(p, r);
    if (s->reply == REPLY_COLUMNS_END && !s->known && first != 0xfe) {
        s->no_eof = true; /* mid-stream: this connection leaves it out */
        s->reply = REPLY_ROWS;
    }
    switch (s->reply) {
    case REPLY_FIRST:
        return first_packet(p, r);
    case REPLY_COLUMNS:
    case REPLY_PARAMETERS:
    case REPLY_STATEMENT_COLUMNS:
        return definition(p);
    case REPLY_COLUMNS_END:
    case REPLY_PARAMETERS_END:
    case REPLY_STATEMENT_COLUMNS_END:
        return definitions_end(p);
    case REPLY_FIELD_LIST:
        return field_list(p);
    default:
        return row(p);
    }
}
