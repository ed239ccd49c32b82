/*
 * What a MySQL or MariaDB server answers: the queue of open requests, OK, ERR and EOF, and which packet may come next.
 * Specification: page_protocol_basic_response_packets, page_protocol_command_phase; MariaDB "Result set packets".
 */
#include "proto/mysql.h"

struct mysql_request *mysql_request_open(struct mysql_state *s)
{
    return s->used ? &s->requests[s->first] : NULL;
}

/* The newest open prepare, or NULL. */
struct mysql_request *mysql_request_preparing(struct mysql_state *s)
{
    for (unsigned i = s->used; i-- > 0;) {
        struct mysql_request *r = &s->requests[(s->first + i) % MYSQL_REQUESTS_MAX];
        if (r->command == COM_STMT_PREPARE)
            return r;
    }
    return NULL;
}

/* What is known of a statement that the server still has. */
struct mysql_statement *mysql_statement_find(struct packet *p, uint32_t id)
{
    struct mysql_statement *found = note_find(p->out, id);
    return found && found->generation == p->s->generation ? found : NULL;
}

/* The oldest open request is about to be answered. */
static void answer_begins(struct mysql_state *s)
{
    struct mysql_request *r = mysql_request_open(s);
    s->reply = REPLY_FIRST;
    s->rows = 0;
    if (!r)
        return;
    s->reply_sequence = (uint8_t)(r->sequence + 1);
    if (r->command == COM_CHANGE_USER) {
        s->phase = PHASE_AUTH;
        s->sequence = r->sequence;
        s->servers_turn = true;
    }
}

void mysql_request_push(struct packet *p, uint8_t command, uint8_t flags, uint32_t statement)
{
    struct mysql_state *s = p->s;
    bool split = p->payload == MYSQL_SPLIT;
    flags |= p->flags;
    if (!split)
        observe(p->out, (struct fact){.kind = FACT_REQUEST, .number = p->out->message});
    if (s->lost)
        s->used = 0; /* whatever was open is not known; a new answer may begin with this one */
    if (!s->aligned)
        s->steps = s->used ? 0 : s->steps < STEPS_SURE ? (uint8_t)(s->steps + 1) : s->steps;
    if (s->used) {
        struct mysql_request *last = &s->requests[(s->first + s->used - 1) % MYSQL_REQUESTS_MAX];
        if (!split && !last->spare && last->command == command && last->sequence == p->sequence && last->flags == flags &&
            last->statement == statement && command != COM_CHANGE_USER) {
            last->count++;
            return;
        }
    }
    if (s->used == MYSQL_REQUESTS_MAX) {
        s->lost = true;
        s->midstream = true;
        s->aligned = false;
        s->used = 0;
        return;
    }
    s->requests[(s->first + s->used++) % MYSQL_REQUESTS_MAX] = (struct mysql_request){
        .command = command, .sequence = p->sequence, .flags = flags, .spare = split, .count = 1, .statement = statement};
    if (s->used == 1 && (s->phase == PHASE_COMMAND))
        answer_begins(s);
}

void mysql_reply_end(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct mysql_request *r = mysql_request_open(s);
    if (r) {
        observe(p->out, (struct fact){.kind = FACT_REPLY, .number = s->rows});
        if (--r->count == 0) {
            s->first = (uint8_t)((s->first + 1) % MYSQL_REQUESTS_MAX);
            s->used--;
        }
        s->aligned |= s->used == 0 && s->steps >= STEPS_SURE;
    }
    s->blamed = false;
    s->binary = false;
    answer_begins(s);
}

void mysql_eof(struct packet *p, uint16_t *status)
{
    p->out->message = MYSQL_EOF;
    take_skip(&p->c, 1);
    *status = 0;
    if (p->payload == 1) /* before 4.1, and what the query cache of 4.1 and 5.0 kept */
        return;
    if (p->payload != 5) {
        mysql_blame(p, ANOMALY_MYSQL_EOF_LENGTH, FIELD_MYSQL_LENGTH, 0, 3, must_equal(p->payload, 5));
        return;
    }
    mysql_number(p, FIELD_MYSQL_WARNINGS, take_u16le(&p->c), 2);
    *status = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_STATUS, *status, 2);
}

/* What changed in the session: pairs of a type and a length-encoded body. */
static void session_state(struct packet *p)
{
    uint64_t length;
    if (mysql_lenenc(p, FIELD_MYSQL_SESSION_STATE, &length) != LENENC_VALUE)
        return;
    uint32_t start = packet_at(p);
    if (length != packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_OK_OVERRUN, FIELD_MYSQL_SESSION_STATE, start, (uint32_t)packet_left(p),
                     must_equal(length, packet_left(p)));
        return;
    }
    note_field(p->out, FIELD_MYSQL_SESSION_STATE, start, (uint32_t)length, 0);
    while (packet_left(p) > 0 && !p->c.failed) {
        uint32_t at = packet_at(p);
        uint64_t body;
        take_skip(&p->c, 1);
        if (mysql_lenenc(p, FIELD_MYSQL_SESSION_STATE, &body) != LENENC_VALUE)
            return;
        if (body > packet_left(p)) {
            mysql_blame(p, ANOMALY_MYSQL_SESSION_STATE, FIELD_MYSQL_SESSION_STATE, at, (uint32_t)(packet_at(p) - at),
                         at_most(body, packet_left(p)));
            return;
        }
        take_skip(&p->c, body);
    }
}

/* The text of an OK packet has a length in front; other servers follow the specification, where it has none. */
static bool is_plain_text(struct view text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < 0x20 || text.bytes[i] > 0x7e)
            return false;
    return true;
}

void mysql_ok(struct packet *p, bool instead_of_eof, uint16_t *status)
{
    struct mysql_state *s = p->s;
    uint64_t value;
    *status = 0;
    p->out->message = instead_of_eof ? MYSQL_EOF : MYSQL_OK;
    take_skip(&p->c, 1);
    if (mysql_lenenc(p, FIELD_MYSQL_AFFECTED_ROWS, &value) != LENENC_VALUE)
        return;
    if (value)
        mysql_number(p, FIELD_MYSQL_AFFECTED_ROWS, value, 1);
    if (mysql_lenenc(p, FIELD_MYSQL_LAST_INSERT_ID, &value) != LENENC_VALUE)
        return;
    if (value)
        mysql_number(p, FIELD_MYSQL_LAST_INSERT_ID, value, 1);
    if (s->known && !mysql_has(s, CLIENT_PROTOCOL_41)) {
        if (packet_left(p) >= 2)
            *status = take_u16le(&p->c);
        return;
    }
    if (packet_left(p) < 4) {
        if (s->known)
            mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_STATUS, 4);
        return;
    }
    *status = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_STATUS, *status, 2);
    value = take_u16le(&p->c);
    if (value)
        mysql_number(p, FIELD_MYSQL_WARNINGS, value, 2);
    if (packet_left(p) == 0 || !s->known)
        return;
    struct view info;
    if (!mysql_has(s, CLIENT_SESSION_TRACK) && is_plain_text(cursor_ahead(&p->c))) {
        note_bytes(p->out, FIELD_MYSQL_INFO, take_rest(&p->c), &p->c);
        return;
    }
    if (!mysql_text(p, FIELD_MYSQL_INFO, ANOMALY_MYSQL_OK_OVERRUN, &info))
        return;
    if (mysql_has(s, CLIENT_SESSION_TRACK) && (*status & SERVER_SESSION_STATE_CHANGED))
        session_state(p);
    else
        mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
}

/* Errors that say "this was not the protocol". 1158 to 1161 are also what a silent client gets. */
static bool is_verdict(uint16_t code, struct view text, const struct mysql_request *request, bool client_spoke)
{
    switch (code) {
    case ER_HANDSHAKE_ERROR:
    case ER_UNKNOWN_COM_ERROR:
    case ER_NET_PACKET_TOO_LARGE:
    case ER_NET_PACKETS_OUT_OF_ORDER:
    case ER_NET_UNCOMPRESS_ERROR:
    case ER_MALFORMED_PACKET:
        return true;
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
        return client_spoke;
    case ER_WRONG_ARGUMENTS:
        return mysql_text_is(text, "stmt") && !mysql_text_is(text, "long_data");
    case ER_UNKNOWN_ERROR:
        return request && request->command == COM_REGISTER_SLAVE;
    default:
        return false;
    }
}

static bool ends_connection(uint16_t code)
{
    return code == ER_SERVER_SHUTDOWN || code == ER_CONNECTION_KILLED || code == ER_CLIENT_INTERACTION_TIMEOUT ||
           (code >= ER_NET_PACKETS_OUT_OF_ORDER && code <= ER_NET_WRITE_INTERRUPTED);
}

static void progress(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_PROGRESS;
    bool agreed = mysql_has(s, CLIENT_PROGRESS_OBSOLETE | MARIADB_CLIENT_PROGRESS);
    if (s->known && !agreed)
        mysql_blame(p, ANOMALY_MYSQL_PROGRESS, FIELD_MYSQL_ERROR_CODE, 5, 2,
                     must_be(0xffff, "no progress report: the client did not ask"));
    if (packet_left(p) < 6) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_PROGRESS, 6);
        return;
    }
    take_skip(&p->c, 1);
    mysql_number(p, FIELD_MYSQL_PROGRESS_STAGE, take_u8(&p->c), 1);
    mysql_number(p, FIELD_MYSQL_PROGRESS_STAGES, take_u8(&p->c), 1);
    mysql_number(p, FIELD_MYSQL_PROGRESS, take_u24le(&p->c), 3);
    struct view text;
    mysql_text(p, FIELD_MYSQL_INFO, ANOMALY_MYSQL_LENENC_OVERRUN, &text);
}

/* The text of an ERR packet after its code, taken apart and noted. */
static void error_text(struct packet *p, struct view *state, struct view *text)
{
    *state = view_of("", 0);
    if (peek_u8(&p->c) == '#') {
        take_skip(&p->c, 1);
        *state = take_view(&p->c, 5);
        if (p->c.failed) {
            if (!p->cut)
                mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_SQL_STATE, 5);
            return;
        }
        note_bytes(p->out, FIELD_MYSQL_SQL_STATE, *state, &p->c);
    }
    *text = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_ERROR_MESSAGE, *text, &p->c);
}

static void judge_error(struct packet *p, uint16_t code, struct view state, struct view text)
{
    struct mysql_state *s = p->s;
    struct mysql_request *r = s->lost ? NULL : mysql_request_open(s);
    if (r && s->phase != PHASE_COMMAND && r->command != COM_CHANGE_USER) /* sent ahead of the login's answer */
        r = NULL;
    bool spoke = r || (s->phase == PHASE_AUTH && s->servers_turn) || s->message_bytes[FROM_CLIENT];
    if (code == ER_SERVER_SHUTDOWN)
        observe(p->out, (struct fact){.kind = FACT_SHUTDOWN, .number = code, .text = text});
    if (!is_verdict(code, text, r, spoke))
        return;
    observe(p->out, (struct fact){.kind = FACT_VERDICT, .number = code, .text = text, .more = state});
    if (s->blamed || (r && (r->flags & REQUEST_BLAMED)))
        return;
    mysql_blame(p, ANOMALY_MYSQL_REJECTED, FIELD_MYSQL_ERROR_CODE, 5, 2,
                 must_be(code, "an answer to a well-formed message"));
}

/* An ERR packet: ends the answer, the login, or the connection. */
enum verdict mysql_error(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_ERR;
    if (p->payload < 3) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_ERROR_CODE, 3);
        if (s->phase == PHASE_COMMAND)
            mysql_reply_end(p);
        return VERDICT_OK;
    }
    take_skip(&p->c, 1);
    uint16_t code = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_ERROR_CODE, code, 2);
    if (code == 0xffff) {
        progress(p);
        return VERDICT_OK;
    }
    struct view state, text = view_of("", 0);
    error_text(p, &state, &text);
    bool login = s->phase <= PHASE_AUTH && s->used == 0;
    observe(p->out, (struct fact){.kind = login || s->phase == PHASE_AUTH ? FACT_LOGIN_FAILED : FACT_ERROR,
                                  .number = code,
                                  .text = text,
                                  .more = state});
    judge_error(p, code, state, text);
    if (login || ends_connection(code)) {
        if (s->used)
            mysql_reply_end(p);
        s->phase = PHASE_CLOSING;
        p->out->session->phase = PHASE_CLOSED;
        return VERDICT_OK;
    }
    if (s->phase == PHASE_STREAM)
        s->phase = PHASE_CLOSING;
    if (s->phase == PHASE_AUTH) /* COM_CHANGE_USER: the old user stays, or the server closes */
        s->phase = PHASE_COMMAND;
    if (!s->lost)
        mysql_reply_end(p);
    return VERDICT_OK;
}
