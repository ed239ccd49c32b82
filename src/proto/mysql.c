/*
 * MySQL and MariaDB: framing, sequence numbers, dispatch, loss and the end of a connection.
 *
 * A message here is one packet: 3 bytes length, 1 byte sequence, payload. A payload of 0xffffff goes on in the next
 * packet. Specification: MySQL "Client/Server Protocol" (page_protocol_basic_packets); the judge is sql/net_serv.cc of
 * both servers.
 */
#include "proto/mysql.h"

static bool sequence_of_client(const struct mysql_state *s, uint8_t *expected)
{
    switch (s->phase) {
    case PHASE_GREETING:
    case PHASE_LOGIN:
        *expected = (uint8_t)(s->phase == PHASE_LOGIN ? s->sequence + 1 : 1);
        return true;
    case PHASE_AUTH:
        *expected = (uint8_t)(s->servers_turn ? 0 : s->sequence + 1);
        return true;
    default:
        *expected = (uint8_t)(s->file ? s->sequence + 1 : 0);
        return true;
    }
}

static bool sequence_of_server(const struct mysql_state *s, uint8_t *expected)
{
    switch (s->phase) {
    case PHASE_GREETING:
        *expected = 0;
        return true;
    case PHASE_LOGIN:
        return false;
    case PHASE_AUTH:
        *expected = (uint8_t)(s->sequence + 1);
        return true;
    default:
        *expected = s->reply_sequence;
        return s->used > 0;
    }
}

/* The number that the next packet of a side must carry; false when nobody can say. Inside compressed frames servers do
 * not look at it: the frames have their own. */
static bool sequence_expected(const struct mysql_state *s, enum side from, uint8_t *expected)
{
    if (s->lost || s->compressed || s->phase >= PHASE_STREAM)
        return false;
    if (s->message_bytes[from]) {
        *expected = from == FROM_CLIENT ? s->client_sequence : s->reply_sequence;
        return true;
    }
    return from == FROM_CLIENT ? sequence_of_client(s, expected) : sequence_of_server(s, expected);
}

static bool login_is_oversize(const struct mysql_state *s, enum side from, uint32_t length)
{
    return from == FROM_CLIENT && s->phase < PHASE_COMMAND && !s->lost && s->used == 0 && length > MYSQL_LOGIN_BYTES_MAX;
}

static uint32_t wanted_of(const struct mysql_state *s, enum side from, uint32_t length, uint8_t sequence)
{
    uint8_t expected;
    uint32_t total = MYSQL_HEADER + length;
    if (s->message_bytes[from] || (from == FROM_CLIENT && s->file))
        return MYSQL_HEADER;
    if (from == FROM_CLIENT && sequence_expected(s, from, &expected) && sequence != expected)
        return MYSQL_HEADER;
    if (login_is_oversize(s, from, length))
        return MYSQL_HEADER;
    if (total <= MESSAGE_BYTES_MAX)
        return total;
    return from == FROM_SERVER ? MYSQL_ROW_HEAD : MESSAGE_BYTES_MAX;
}

enum { FOREIGN_HEAD = 1024 };

static enum framing mysql_frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct mysql_state *s = state;
    if (mysql_proxy_possible(s, from)) {
        if (mysql_proxy_frame(ahead, out) == FRAME_NEEDS_MORE)
            return FRAME_NEEDS_MORE;
        if (out->total)
            return FRAME_READY;
    }
    if (cursor_left(&ahead) < MYSQL_HEADER)
        return FRAME_NEEDS_MORE;
    if (mysql_is_foreign(s, from, ahead)) { /* enough of it for message() to say the same */
        out->wanted = cursor_left(&ahead) < FOREIGN_HEAD ? (uint32_t)cursor_left(&ahead) : FOREIGN_HEAD;
        out->total = out->wanted;
        return FRAME_READY;
    }
    uint32_t length = take_u24le(&ahead);
    uint8_t sequence = take_u8(&ahead);
    out->total = MYSQL_HEADER + (uint64_t)length;
    out->wanted = wanted_of(s, from, length, sequence);
    out->length_bytes = 3;
    out->length_excludes = MYSQL_HEADER;
    return FRAME_READY;
}

/* The client's next message is not where it should be: a server closes now, a proxy may go on. */
static enum verdict client_out_of_order(struct packet *p, uint8_t expected)
{
    struct mysql_state *s = p->s;
    bool early = s->phase == PHASE_AUTH && s->servers_turn;
    p->out->message = MYSQL_UNKNOWN;
    if (!s->midstream || s->aligned) /* else a question of the server may be lost that this answers */
        mysql_blame(p, early ? ANOMALY_MYSQL_OUT_OF_TURN : ANOMALY_MYSQL_SEQUENCE, FIELD_MYSQL_SEQUENCE, 3, 1,
                 must_equal(p->sequence, expected));
    if (!early)
        s->blamed = true;
    s->lost = true;
    s->file = false;
    s->used = 0;
    s->message_bytes[FROM_CLIENT] = 0;
    return VERDICT_BROKEN;
}

/* Errors about the connection itself are sent with whatever number the server was at. */
static bool error_has_any_number(struct cursor c)
{
    if (take_u8(&c) != 0xff)
        return false;
    switch (take_u16le(&c)) {
    case ER_SERVER_SHUTDOWN:
    case ER_NET_PACKET_TOO_LARGE:
    case ER_NET_PACKETS_OUT_OF_ORDER:
    case ER_NET_UNCOMPRESS_ERROR:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case ER_CONNECTION_KILLED:
    case ER_CLIENT_INTERACTION_TIMEOUT:
        return true;
    default:
        return false;
    }
}

static void server_out_of_order(struct packet *p, uint8_t expected)
{
    if (p->s->midstream && !p->s->aligned)
        return;
    mysql_blame(p, ANOMALY_MYSQL_SEQUENCE, FIELD_MYSQL_SEQUENCE, 3, 1, must_equal(p->sequence, expected));
}

/* Sums the parts of a split message; true: this packet only continues one. */
static bool is_continuation(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint64_t before = s->message_bytes[p->from];
    uint64_t now = before + p->payload;
    if (before <= MYSQL_MESSAGE_MAX && now > MYSQL_MESSAGE_MAX)
        mysql_blame(p, ANOMALY_MYSQL_MESSAGE_OVERSIZE, FIELD_MYSQL_LENGTH, 0, 3,
                     noted(at_most(now, MYSQL_MESSAGE_MAX), "the hard maximum of max_allowed_packet"));
    s->message_bytes[p->from] = p->payload == MYSQL_SPLIT ? now : 0;
    return before > 0;
}

static void continuation(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_CONTINUATION;
    if (p->from == FROM_CLIENT && s->used && !s->file && p->payload < MYSQL_SPLIT) {
        struct mysql_request *last = &s->requests[(s->first + s->used - 1) % MYSQL_REQUESTS_MAX];
        last->sequence = p->sequence;
        if (s->used == 1 && s->reply == REPLY_FIRST)
            s->reply_sequence = (uint8_t)(p->sequence + 1);
        observe(p->out, (struct fact){.kind = FACT_REQUEST, .number = last->command});
    }
}

static enum verdict file_data(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_FILE_DATA;
    s->sequence = p->sequence;
    s->reply_sequence = (uint8_t)(p->sequence + 1);
    if (p->payload == 0)
        s->file = false;
    else
        note_field(p->out, FIELD_MYSQL_FILE_DATA, MYSQL_HEADER, p->payload, 0);
    return VERDICT_OK;
}

static void blame_oversize(struct packet *p)
{
    p->out->message = p->s->phase == PHASE_AUTH ? MYSQL_AUTH_RESPONSE : MYSQL_LOGIN;
    mysql_blame(p, ANOMALY_MYSQL_LOGIN_OVERSIZE, FIELD_MYSQL_LENGTH, 0, 3, at_most(p->payload, MYSQL_LOGIN_BYTES_MAX));
}

static enum verdict from_client(struct packet *p)
{
    struct mysql_state *s = p->s;
    if (login_is_oversize(s, p->from, p->payload)) {
        blame_oversize(p);
        s->blamed = true;
        if (!s->servers_turn) /* else the answer that is due has its number */
            s->sequence = p->sequence;
        s->servers_turn = true;
        s->login_sent = true;
        s->phase = PHASE_AUTH;
        return VERDICT_OK;
    }
    switch (s->phase) {
    case PHASE_GREETING:
    case PHASE_LOGIN:
        return mysql_login(p);
    case PHASE_AUTH:
        return s->servers_turn && p->sequence == 0 ? mysql_command(p) : mysql_auth_client(p);
    case PHASE_COMMAND:
        if (s->file)
            return file_data(p);
        if (s->lost && p->sequence != 0)
            break;
        return mysql_command(p);
    case PHASE_STREAM:
        return mysql_semisync_ack(p);
    default:
        break;
    }
    p->out->message = MYSQL_UNKNOWN;
    return VERDICT_OK;
}

static enum verdict from_server(struct packet *p)
{
    struct mysql_state *s = p->s;
    switch (s->phase) {
    case PHASE_GREETING:
        return mysql_greeting(p);
    case PHASE_AUTH:
        return mysql_auth_server(p);
    case PHASE_COMMAND:
    case PHASE_LOGIN:
        return mysql_reply(p);
    case PHASE_STREAM:
        return mysql_binlog_event(p);
    default:
        break;
    }
    if (peek_u8(&p->c) == 0xff)
        return mysql_error(p);
    p->out->message = MYSQL_UNKNOWN;
    return VERDICT_OK;
}

static enum verdict mysql_message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct mysql_state *s = state;
    if (mysql_proxy_possible(s, from) && mysql_proxy_begins(body))
        return mysql_proxy(s, body, out);
    if (mysql_is_foreign(s, from, body))
        return VERDICT_OPAQUE;
    struct packet p = {.s = s, .out = out, .c = body, .from = from};
    p.payload = take_u24le(&p.c);
    p.sequence = take_u8(&p.c);
    p.cut = cursor_left(&p.c) < p.payload;
    if (!mysql_row_is_due(s, from))
        packet_header(&p);
    if (s->midstream)
        out->session->midstream = true;
    if (s->compressed)
        s->wrapped_bytes[from] -=
            s->wrapped_bytes[from] < out->message_length ? s->wrapped_bytes[from] : out->message_length;

    uint8_t expected;
    if (sequence_expected(s, from, &expected) && p.sequence != expected) {
        if (from == FROM_CLIENT) {
            if (login_is_oversize(s, from, p.payload) && !s->servers_turn)
                blame_oversize(&p);
            return client_out_of_order(&p, expected);
        }
        if (!error_has_any_number(p.c))
            server_out_of_order(&p, expected);
    }
    if (from == FROM_CLIENT)
        s->client_sequence = (uint8_t)(p.sequence + 1);
    bool continues = is_continuation(&p);
    if (from == FROM_SERVER && !s->lost)
        s->reply_sequence = (uint8_t)(p.sequence + 1);
    if (continues) {
        if (from == FROM_CLIENT && s->file) {
            s->sequence = p.sequence;
            s->reply_sequence = (uint8_t)(p.sequence + 1);
        }
        continuation(&p);
        return VERDICT_OK;
    }
    return from == FROM_CLIENT ? from_client(&p) : from_server(&p);
}

static void mysql_gap(void *state, enum side from, uint64_t lost)
{
    struct mysql_state *s = state;
    s->midstream = true;
    s->aligned = false;
    s->steps = 0;
    s->lost = true;
    s->used = 0;
    s->file = false;
    s->reply = REPLY_FIRST;
    s->epoch++;
    s->message_bytes[FROM_CLIENT] = s->message_bytes[FROM_SERVER] = 0;
    s->wrapped_bytes[from] = 0;
    if (lost == 0 && s->phase == PHASE_GREETING)
        s->known = false;
    if (s->phase == PHASE_AUTH && s->login_sent)
        s->phase = PHASE_COMMAND; /* what was agreed is known; that it was accepted is likely */
    else if (s->phase < PHASE_COMMAND) {
        s->phase = PHASE_COMMAND;
        s->known = false;
    }
}

/* A server that ends a connection without a word has refused what it read last. Not so when a well-formed query is open:
 * then the server died or was stopped, and that is not the message's fault. */
static void mysql_end(void *state, enum side from, bool reset, struct findings *out)
{
    struct mysql_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        return;
    }
    bool login = s->phase == PHASE_AUTH && s->servers_turn && s->login_sent && !s->blamed;
    struct mysql_request *oldest = s->phase == PHASE_COMMAND ? mysql_request_open(s) : NULL;
    bool odd = oldest && (oldest->flags & REQUEST_ODD) && !(oldest->flags & REQUEST_BLAMED);
    if (s->client_ended || s->client_quit || s->midstream || s->lost || (!login && !odd))
        return;
    mysql_report(out, ANOMALY_MYSQL_CLOSED_WITHOUT_ANSWER, FIELD_DB_PHASE, 0, 0,
                 must_be(out->session->phase, "an answer to the client's last message"));
}

static bool plausible_version(struct cursor c)
{
    struct view version = take_until(&c, 0);
    if (c.failed || version.length == 0 || version.length > 128)
        return false;
    for (size_t i = 0; i < version.length; i++)
        if (version.bytes[i] < 0x20 || version.bytes[i] > 0x7e)
            return false;
    return true;
}

/* A login or a request for TLS of protocol 4.1: capabilities that say so, a packet limit, a character set, and zeros (MariaDB has
 * capabilities of its own in the last four of these). */
static bool begins_login(struct view bytes, uint32_t length)
{
    enum { CAPABILITIES = 4, PROTOCOL_41_AT = 5, PROTOCOL_41_BIT = 0x02, ZEROS = 13, ZEROS_LENGTH = 19, FIXED = 32 };
    static const uint8_t zeros[ZEROS_LENGTH];
    if (length < FIXED || length > MYSQL_LOGIN_BYTES_MAX || bytes.length < CAPABILITIES + FIXED)
        return false;
    return bytes.bytes[PROTOCOL_41_AT] & PROTOCOL_41_BIT && memcmp(bytes.bytes + ZEROS, zeros, ZEROS_LENGTH) == 0;
}

static enum match mysql_probe(enum side from, struct cursor head)
{
    if (from == FROM_CLIENT && mysql_proxy_begins(head))
        return MATCH_MAYBE;
    uint32_t length = take_u24le(&head);
    uint8_t sequence = take_u8(&head);
    uint8_t first = take_u8(&head);
    if (head.failed || length == 0)
        return MATCH_NO;
    if (from == FROM_SERVER) {
        if (sequence != 0)
            return sequence == 1 && length < 4096 ? MATCH_MAYBE : MATCH_NO;
        if (first == 0xff && length >= 9 && length < 1024)
            return MATCH_MAYBE;
        return (first == 9 || first == 10) && length >= 15 && length < 1024 && plausible_version(head) ? MATCH_YES
                                                                                                       : MATCH_NO;
    }
    if (sequence == 1 && begins_login(cursor_all(&head), length))
        return MATCH_YES;
    if (sequence == 1)
        return length >= 6 && length <= MYSQL_LOGIN_BYTES_MAX ? MATCH_MAYBE : MATCH_NO;
    return sequence == 0 && (first <= COM_SUBSCRIBE_GROUP_REPLICATION_STREAM || first >= COM_STMT_BULK_EXECUTE)
               ? MATCH_MAYBE
               : MATCH_NO;
}

static const uint16_t ports[] = {3306, 0};

const struct decoder mysql_decoder = {
    .protocol = PROTOCOL_MYSQL,
    .name = "mysql",
    .spoken = SPOKEN_MYSQL,
    .ports = ports,
    .state_size = sizeof(struct mysql_state),
    .messages = NAMES_mysql_message,
    .incomplete = ANOMALY_MYSQL_INCOMPLETE_MESSAGE,
    .length_field = FIELD_MYSQL_LENGTH,
    .server_first = true,
    .probe = mysql_probe,
    .frame = mysql_frame,
    .message = mysql_message,
    .gap = mysql_gap,
    .resync = mysql_resync,
    .end = mysql_end,
    .wrapper = &mysql_wrapper,
};

_Static_assert(sizeof(struct mysql_state) <= DECODER_STATE_MAX, "the state fits its slot");
