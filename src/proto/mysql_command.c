/*
 * What clients ask for: every command and its body. What is refused follows dispatch_command of both servers
 * (sql/sql_parse.cc); MariaDB takes many bodies that are too short or too long, so those are told apart from what no
 * server takes. Specification: page_protocol_command_phase.
 */
#include "proto/mysql.h"

enum {
    NAME_BYTES = 192,               /* 64 characters of three bytes */
    MARIADB_TABLE_NAME_BYTES = 201, /* with the prefix of old names */
    BINLOG_NAME_MAX = 511,
    REPLICA_PASSWORD_MAX = 96,
};

enum answers { ANSWER_YES, ANSWER_NO, ANSWER_NONE_SUCH };

struct command {
    uint16_t message;
    uint8_t answers;
    uint8_t needs; /* bytes of body that MySQL reads without asking whether they are there */
};

static const struct command commands[] = {
    [COM_SLEEP] = {MYSQL_COM_SLEEP, ANSWER_NONE_SUCH, 0},
    [COM_QUIT] = {MYSQL_COM_QUIT, ANSWER_NO, 0},
    [COM_INIT_DB] = {MYSQL_COM_INIT_DB, ANSWER_YES, 0},
    [COM_QUERY] = {MYSQL_COM_QUERY, ANSWER_YES, 0},
    [COM_FIELD_LIST] = {MYSQL_COM_FIELD_LIST, ANSWER_YES, 0},
    [COM_CREATE_DB] = {MYSQL_COM_CREATE_DB, ANSWER_YES, 0},
    [COM_DROP_DB] = {MYSQL_COM_DROP_DB, ANSWER_YES, 0},
    [COM_REFRESH] = {MYSQL_COM_REFRESH, ANSWER_YES, 1},
    [COM_SHUTDOWN] = {MYSQL_COM_SHUTDOWN, ANSWER_YES, 0},
    [COM_STATISTICS] = {MYSQL_COM_STATISTICS, ANSWER_YES, 0},
    [COM_PROCESS_INFO] = {MYSQL_COM_PROCESS_INFO, ANSWER_YES, 0},
    [COM_CONNECT] = {MYSQL_COM_CONNECT, ANSWER_NONE_SUCH, 0},
    [COM_PROCESS_KILL] = {MYSQL_COM_PROCESS_KILL, ANSWER_YES, 4},
    [COM_DEBUG] = {MYSQL_COM_DEBUG, ANSWER_YES, 0},
    [COM_PING] = {MYSQL_COM_PING, ANSWER_YES, 0},
    [COM_TIME] = {MYSQL_COM_TIME, ANSWER_NONE_SUCH, 0},
    [COM_DELAYED_INSERT] = {MYSQL_COM_DELAYED_INSERT, ANSWER_NONE_SUCH, 0},
    [COM_CHANGE_USER] = {MYSQL_COM_CHANGE_USER, ANSWER_YES, 0},
    [COM_BINLOG_DUMP] = {MYSQL_COM_BINLOG_DUMP, ANSWER_YES, 10},
    [COM_TABLE_DUMP] = {MYSQL_COM_TABLE_DUMP, ANSWER_NONE_SUCH, 0},
    [COM_CONNECT_OUT] = {MYSQL_COM_CONNECT_OUT, ANSWER_NONE_SUCH, 0},
    [COM_REGISTER_SLAVE] = {MYSQL_COM_REGISTER_SLAVE, ANSWER_YES, 0},
    [COM_STMT_PREPARE] = {MYSQL_COM_STMT_PREPARE, ANSWER_YES, 0},
    [COM_STMT_EXECUTE] = {MYSQL_COM_STMT_EXECUTE, ANSWER_YES, 0},
    [COM_STMT_SEND_LONG_DATA] = {MYSQL_COM_STMT_SEND_LONG_DATA, ANSWER_NO, 6},
    [COM_STMT_CLOSE] = {MYSQL_COM_STMT_CLOSE, ANSWER_NO, 4},
    [COM_STMT_RESET] = {MYSQL_COM_STMT_RESET, ANSWER_YES, 4},
    [COM_SET_OPTION] = {MYSQL_COM_SET_OPTION, ANSWER_YES, 2},
    [COM_STMT_FETCH] = {MYSQL_COM_STMT_FETCH, ANSWER_YES, 8},
    [COM_DAEMON] = {MYSQL_COM_DAEMON, ANSWER_NONE_SUCH, 0},
    [COM_BINLOG_DUMP_GTID] = {MYSQL_COM_BINLOG_DUMP_GTID, ANSWER_YES, 0},
    [COM_RESET_CONNECTION] = {MYSQL_COM_RESET_CONNECTION, ANSWER_YES, 0},
    [COM_CLONE] = {MYSQL_COM_CLONE, ANSWER_YES, 0},
    [COM_SUBSCRIBE_GROUP_REPLICATION_STREAM] = {MYSQL_COM_SUBSCRIBE_GROUP_REPLICATION_STREAM, ANSWER_YES, 0},
};

static struct command command_row(uint8_t command)
{
    if (command < sizeof commands / sizeof commands[0])
        return commands[command];
    if (command == COM_STMT_BULK_EXECUTE)
        return (struct command){MYSQL_COM_STMT_BULK_EXECUTE, ANSWER_YES, 0};
    return (struct command){command == COM_MULTI ? MYSQL_COM_MULTI : MYSQL_COM_UNKNOWN, ANSWER_NONE_SUCH, 0};
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Whether `word` (lower case) occurs in the text, in any case. */
bool mysql_text_is(struct view text, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= text.length; i++) {
        size_t j = 0;
        while (j < length && lower(text.bytes[i + j]) == (uint8_t)word[j])
            j++;
        if (j == length)
            return true;
    }
    return false;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct view without_blanks(struct view text)
{
    while (text.length && is_blank(text.bytes[0]))
        text = view_from(text, 1);
    return text;
}

static bool begins_with(struct view text, const char *word)
{
    return text.length >= strlen(word) && mysql_text_is(view_head(text, strlen(word)), word);
}

/* May this text make a server ask for a file? Only texts that can begin such a statement are searched, so that an
 * ordinary query costs one look at its first letter. */
static bool may_load_data(const struct packet *p, struct view text)
{
    if (p->cut)
        return true;
    text = without_blanks(text);
    if (!text.length)
        return false;
    bool first = memchr("lLeEcCbBdD/-#(", text.bytes[0], 14) != NULL;
    return (first || memchr(text.bytes, ';', text.length)) && mysql_text_is(text, "infile");
}

static bool is_dml(struct view text)
{
    text = without_blanks(text);
    return text.length && (text.bytes[0] == '/' || text.bytes[0] == '-' || begins_with(text, "insert") ||
                           begins_with(text, "replace") || begins_with(text, "update") || begins_with(text, "delete"));
}

static void command_unknown(struct packet *p, uint8_t command)
{
    if (p->s->midstream && !p->s->aligned)
        return;
    mysql_blame(p, ANOMALY_MYSQL_UNKNOWN_COMMAND, FIELD_MYSQL_COMMAND, MYSQL_HEADER, 1,
                 must_be(command, "a command that this server has"));
}

/* MySQL refuses a body that ends too early; MariaDB goes on with whatever lies in its buffer. */
static bool body_reaches(struct packet *p, uint8_t needs)
{
    if (packet_left(p) >= needs)
        return true;
    mysql_misses(p, p->s->mariadb ? ANOMALY_MYSQL_BODY_SHORT_TOLERATED : ANOMALY_MYSQL_BODY_SHORT,
                  FIELD_MYSQL_COMMAND_BODY, needs);
    return false;
}

static void query(struct packet *p)
{
    if (mysql_has(p->s, CLIENT_QUERY_ATTRIBUTES) && p->s->known)
        mysql_query_attributes(p);
    struct view text = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_QUERY, text, &p->c);
    if (may_load_data(p, text))
        p->flags |= REQUEST_LOAD_DATA;
}

static void prepare(struct packet *p)
{
    struct view text = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_QUERY, text, &p->c);
    if (is_dml(text))
        p->flags |= REQUEST_DML;
}

static void init_db(struct packet *p)
{
    struct view name = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_DATABASE, name, &p->c);
}

static void field_list(struct packet *p)
{
    struct view table, wildcard;
    uint32_t at = packet_at(p);
    uint32_t most = p->s->mariadb ? MARIADB_TABLE_NAME_BYTES : NAME_BYTES;
    mysql_string(p, FIELD_MYSQL_TABLE, true, ANOMALY_NONE, &table);
    if (table.length > most) {
        mysql_blame(p, ANOMALY_MYSQL_FIELD_LIST_NAME, FIELD_MYSQL_TABLE, at, (uint32_t)table.length,
                     at_most(table.length, most));
        return;
    }
    at = packet_at(p);
    wildcard = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_WILDCARD, wildcard, &p->c);
    if (wildcard.length > NAME_BYTES)
        mysql_blame(p, ANOMALY_MYSQL_FIELD_LIST_NAME, FIELD_MYSQL_WILDCARD, at, (uint32_t)wildcard.length,
                     at_most(wildcard.length, NAME_BYTES));
}

static void set_option(struct packet *p)
{
    uint32_t at = packet_at(p);
    uint64_t left = packet_left(p);
    if (left == 0 || (left == 1 && !p->s->mariadb)) {
        body_reaches(p, 2);
        return;
    }
    uint16_t option = left == 1 ? take_u8(&p->c) : take_u16le(&p->c);
    note_field(p->out, FIELD_MYSQL_OPTION, at, packet_at(p) - at, option);
    if (option > 1)
        mysql_blame(p, ANOMALY_MYSQL_SET_OPTION, FIELD_MYSQL_OPTION, at, packet_at(p) - at, must_be(option, "0 or 1"));
    else if (left == 1)
        mysql_misses(p, ANOMALY_MYSQL_BODY_SHORT_TOLERATED, FIELD_MYSQL_OPTION, 2);
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
}

/* One of the three short strings of COM_REGISTER_SLAVE. */
static bool replica_text(struct packet *p, enum field field, uint64_t most)
{
    uint32_t at = packet_at(p);
    if (packet_left(p) == 0) {
        mysql_misses(p, ANOMALY_MYSQL_REGISTER_SLAVE, field, 1);
        return false;
    }
    uint8_t length = take_u8(&p->c);
    uint64_t fits = packet_left(p) < most ? packet_left(p) : most;
    if (length > fits) {
        mysql_blame(p, ANOMALY_MYSQL_REGISTER_SLAVE, field, at, 1, at_most(length, fits));
        return false;
    }
    struct view text = take_view(&p->c, length);
    note_bytes(p->out, field, text, &p->c);
    return true;
}

static void register_slave(struct packet *p)
{
    if (packet_left(p) < 4) {
        mysql_misses(p, ANOMALY_MYSQL_REGISTER_SLAVE, FIELD_MYSQL_SERVER_ID, 4);
        return;
    }
    mysql_number(p, FIELD_MYSQL_SERVER_ID, take_u32le(&p->c), 4);
    if (!replica_text(p, FIELD_MYSQL_REPLICA_HOST, 255) || !replica_text(p, FIELD_MYSQL_REPLICA_USER, 255) ||
        !replica_text(p, FIELD_MYSQL_REPLICA_PASSWORD, REPLICA_PASSWORD_MAX))
        return;
    if (packet_left(p) < 10) {
        mysql_misses(p, ANOMALY_MYSQL_REGISTER_SLAVE, FIELD_MYSQL_REPLICA_PORT, 10);
        return;
    }
    mysql_number(p, FIELD_MYSQL_REPLICA_PORT, take_u16le(&p->c), 2);
    take_skip(&p->c, 8);
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
}

static void binlog_dump(struct packet *p)
{
    if (!body_reaches(p, 10))
        return;
    mysql_number(p, FIELD_MYSQL_BINLOG_POSITION, take_u32le(&p->c), 4);
    mysql_number(p, FIELD_MYSQL_BINLOG_FLAGS, take_u16le(&p->c), 2);
    mysql_number(p, FIELD_MYSQL_SERVER_ID, take_u32le(&p->c), 4);
    uint32_t at = packet_at(p);
    struct view name;
    mysql_string(p, FIELD_MYSQL_BINLOG_FILENAME, true, ANOMALY_NONE, &name);
    if (name.length > BINLOG_NAME_MAX)
        mysql_blame(p, ANOMALY_MYSQL_BINLOG_FILENAME, FIELD_MYSQL_BINLOG_FILENAME, at, (uint32_t)name.length,
                     at_most(name.length, BINLOG_NAME_MAX));
}

/* flags 2, server id 4, name length 4, name, position 8, length 4, GTID set */
static void binlog_dump_gtid(struct packet *p)
{
    if (p->s->mariadb) {
        command_unknown(p, COM_BINLOG_DUMP_GTID);
        return;
    }
    if (!body_reaches(p, 10))
        return;
    mysql_number(p, FIELD_MYSQL_BINLOG_FLAGS, take_u16le(&p->c), 2);
    mysql_number(p, FIELD_MYSQL_SERVER_ID, take_u32le(&p->c), 4);
    uint32_t at = packet_at(p);
    uint32_t length = take_u32le(&p->c);
    if (length > packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_BINLOG_DUMP, FIELD_MYSQL_BINLOG_FILENAME, at, 4, at_most(length, packet_left(p)));
        return;
    }
    struct view name = take_view(&p->c, length);
    note_bytes(p->out, FIELD_MYSQL_BINLOG_FILENAME, name, &p->c);
    if (!body_reaches(p, 12))
        return;
    mysql_number(p, FIELD_MYSQL_BINLOG_POSITION, take_u64le(&p->c), 8);
    at = packet_at(p);
    length = take_u32le(&p->c);
    if (length > packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_BINLOG_DUMP, FIELD_MYSQL_GTID_SET, at, 4, at_most(length, packet_left(p)));
        return;
    }
    struct view set = take_view(&p->c, length);
    note_bytes(p->out, FIELD_MYSQL_GTID_SET, set, &p->c);
}

/* A removed command with two short strings; old servers copied them without looking. */
static void table_dump(struct packet *p)
{
    static const enum field names[] = {FIELD_MYSQL_DATABASE, FIELD_MYSQL_TABLE};
    for (size_t i = 0; i < 2; i++) {
        uint32_t at = packet_at(p);
        uint8_t length = take_u8(&p->c);
        if (p->c.failed || length > packet_left(p)) {
            mysql_blame(p, ANOMALY_MYSQL_TABLE_DUMP, names[i], at, p->c.failed ? 0 : 1, at_most(length, packet_left(p)));
            return;
        }
        struct view name = take_view(&p->c, length);
        note_bytes(p->out, names[i], name, &p->c);
    }
}

static uint32_t statement_id(struct packet *p)
{
    uint32_t id = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_STATEMENT_ID, id, 4);
    return id;
}

/* Statement commands name a statement; one that the server does not know is its error, not the protocol's. Closing one is
 * no error at all. */
static uint32_t known_statement(struct packet *p, bool closes)
{
    struct mysql_state *s = p->s;
    uint32_t id = statement_id(p);
    if (id == LAST_STATEMENT && s->mariadb)
        return s->last_statement;
    if (!closes && !mysql_statement_find(p, id) && !s->midstream && !mysql_request_preparing(s))
        mysql_blame(p, ANOMALY_MYSQL_STATEMENT_UNKNOWN, FIELD_MYSQL_STATEMENT_ID, packet_at(p) - 4, 4,
                     must_be(id, "a statement that was prepared and not closed"));
    return id;
}

static uint32_t statement_command(struct packet *p, uint8_t command)
{
    uint8_t needs = command_row(command).needs;
    if (!body_reaches(p, needs == 8 && packet_left(p) < 4 ? 4 : needs)) {
        if (packet_left(p) < 4)
            return 0;
    }
    uint32_t id = known_statement(p, command == COM_STMT_CLOSE);
    struct mysql_statement *statement = mysql_statement_find(p, id);
    if (command == COM_STMT_FETCH && packet_left(p) >= 4)
        mysql_number(p, FIELD_MYSQL_FETCH_ROWS, take_u32le(&p->c), 4);
    if (command == COM_STMT_RESET && statement)
        memset(statement->long_data, 0, sizeof statement->long_data);
    if (command == COM_STMT_CLOSE) {
        note_drop(p->out, id);
        note_drop(p->out, COLUMNS_KEY(id));
    }
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
    return id;
}

static void simple_number(struct packet *p, enum field field, uint8_t size)
{
    if (!body_reaches(p, size))
        return;
    mysql_number(p, field, size == 1 ? take_u8(&p->c) : take_u32le(&p->c), size);
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
}

/* The body of a command, and the statement it is about. */
static uint32_t command_body(struct packet *p, uint8_t command)
{
    switch (command) {
    case COM_QUERY:
        query(p);
        break;
    case COM_STMT_PREPARE:
        prepare(p);
        break;
    case COM_STMT_EXECUTE:
        return mysql_execute(p);
    case COM_STMT_BULK_EXECUTE:
        return mysql_bulk_execute(p);
    case COM_STMT_SEND_LONG_DATA:
        mysql_long_data(p);
        break;
    case COM_STMT_FETCH:
    case COM_STMT_RESET:
    case COM_STMT_CLOSE:
        return statement_command(p, command);
    case COM_INIT_DB:
        init_db(p);
        break;
    case COM_CREATE_DB:
    case COM_DROP_DB:
        init_db(p);
        if (p->s->mariadb || p->s->mysql8)
            command_unknown(p, command);
        break;
    case COM_FIELD_LIST:
        field_list(p);
        break;
    case COM_RESET_CONNECTION:
        p->s->generation++; /* the server forgets all statements */
        mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
        break;
    case COM_CHANGE_USER:
        p->s->generation++;
        mysql_change_user(p);
        break;
    case COM_SET_OPTION:
        set_option(p);
        break;
    case COM_REGISTER_SLAVE:
        register_slave(p);
        break;
    case COM_BINLOG_DUMP:
        binlog_dump(p);
        break;
    case COM_BINLOG_DUMP_GTID:
        binlog_dump_gtid(p);
        break;
    case COM_PROCESS_KILL:
        simple_number(p, FIELD_MYSQL_PROCESS_ID, 4);
        break;
    case COM_REFRESH:
        simple_number(p, FIELD_MYSQL_REFRESH_FLAGS, 1);
        break;
    case COM_SHUTDOWN:
        if (packet_left(p) > 0)
            simple_number(p, FIELD_MYSQL_SHUTDOWN_LEVEL, 1);
        break;
    case COM_CLONE:
    case COM_SUBSCRIBE_GROUP_REPLICATION_STREAM:
        if (p->s->mariadb)
            command_unknown(p, command);
        break;
    case COM_TABLE_DUMP:
        table_dump(p);
        break;
    default:
        if (command_row(command).answers != ANSWER_NONE_SUCH)
            mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
        break;
    }
    return 0;
}

enum verdict mysql_command(struct packet *p)
{
    struct mysql_state *s = p->s;
    if (p->payload == 0) {
        p->out->message = MYSQL_COM_UNKNOWN;
        mysql_blame(p, ANOMALY_MYSQL_EMPTY_COMMAND, FIELD_MYSQL_LENGTH, 0, 3, at_least(0, 1));
        mysql_request_push(p, COM_SLEEP, 0, 0);
        return VERDICT_OK;
    }
    uint8_t command = take_u8(&p->c);
    struct command row = command_row(command);
    p->out->message = row.message;
    mysql_number(p, FIELD_MYSQL_COMMAND, command, 1);
    if (row.answers == ANSWER_NONE_SUCH)
        command_unknown(p, command);
    uint32_t statement = command_body(p, command);
    if (command == COM_QUIT) {
        observe(p->out, (struct fact){.kind = FACT_QUIT});
        s->client_quit = true;
        if (s->used == 0 && s->phase == PHASE_COMMAND)
            s->phase = PHASE_CLOSING;
        return VERDICT_OK;
    }
    if (row.answers != ANSWER_NO)
        mysql_request_push(p, command, 0, statement);
    bool own_protocol = command == COM_CLONE || command == COM_SUBSCRIBE_GROUP_REPLICATION_STREAM;
    if (!own_protocol || s->mariadb)
        return VERDICT_OK;
    report(p->out, (struct report){.anomaly = ANOMALY_ENGINE_UNSUPPORTED, .field = FIELD_MYSQL_COMMAND, .relation = MUST_BE, .offset = MYSQL_HEADER, .length = 1,
                                   .got = command, .note = "a command of the client protocol: what follows is between servers, and not decoded"});
    return VERDICT_OPAQUE;
}
