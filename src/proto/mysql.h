/*
 * MySQL/MariaDB: the state of a connection and what the parts of the decoder share. Private to proto.
 *
 * mysql.c frames, checks sequence numbers and dispatches; mysql_login.c is the connection phase, mysql_command.c and
 * mysql_parameters.c read what clients send, mysql_reply.c and mysql_result.c what servers answer, mysql_wrap.c the layers
 * around it (compression, PROXY).
 */
#ifndef DBHOUND_SRC_PROTO_MYSQL_H
#define DBHOUND_SRC_PROTO_MYSQL_H

#include "proto/decoder.h"

enum {
    MYSQL_HEADER = 4,
    STEPS_SURE = 2,
    MYSQL_SPLIT = 0xffffff,          /* a payload of this length goes on in the next packet */
    MYSQL_REQUESTS_MAX = 16,         /* different open requests that are told apart */
    MYSQL_COLUMNS_KNOWN = 200,       /* columns whose type is remembered */
    MYSQL_PARAMETERS_KNOWN = 180,
    MYSQL_LOGIN_BYTES_MAX = 69632,   /* 64 KiB of attributes and the rest of a login */
    MYSQL_ROW_HEAD = 4096,           /* what is looked at of a row that is too large to be seen whole */
};

/* MariaDB: the statement that was prepared last, whatever its number. */
#define LAST_STATEMENT 0xffffffffu

/* The hard limit of max_allowed_packet. */
#define MYSQL_MESSAGE_MAX UINT64_C(1073741824)

/* Capabilities: bits 0 to 31 of both dialects, from 32 the extended ones of MariaDB. */
#define CLIENT_MYSQL (UINT64_C(1) << 0) /* MySQL calls it CLIENT_LONG_PASSWORD */
#define CLIENT_CONNECT_WITH_DB (UINT64_C(1) << 3)
#define CLIENT_COMPRESS (UINT64_C(1) << 5)
#define CLIENT_LOCAL_FILES (UINT64_C(1) << 7)
#define CLIENT_PROTOCOL_41 (UINT64_C(1) << 9)
#define CLIENT_SSL (UINT64_C(1) << 11)
#define CLIENT_TRANSACTIONS (UINT64_C(1) << 13)
#define CLIENT_SECURE_CONNECTION (UINT64_C(1) << 15)
#define CLIENT_PLUGIN_AUTH (UINT64_C(1) << 19)
#define CLIENT_CONNECT_ATTRS (UINT64_C(1) << 20)
#define CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA (UINT64_C(1) << 21)
#define CLIENT_SESSION_TRACK (UINT64_C(1) << 23)
#define CLIENT_DEPRECATE_EOF (UINT64_C(1) << 24)
#define CLIENT_OPTIONAL_RESULTSET_METADATA (UINT64_C(1) << 25)
#define CLIENT_ZSTD_COMPRESSION_ALGORITHM (UINT64_C(1) << 26)
#define CLIENT_QUERY_ATTRIBUTES (UINT64_C(1) << 27)
#define CLIENT_PROGRESS_OBSOLETE (UINT64_C(1) << 29)
#define MARIADB_CLIENT_PROGRESS (UINT64_C(1) << 32)
#define MARIADB_CLIENT_EXTENDED_METADATA (UINT64_C(1) << 35)
#define MARIADB_CLIENT_CACHE_METADATA (UINT64_C(1) << 36)

enum {
    SERVER_MORE_RESULTS_EXISTS = 0x0008,
    SERVER_STATUS_CURSOR_EXISTS = 0x0040,
    SERVER_SESSION_STATE_CHANGED = 0x4000,
};

enum mysql_phase {
    PHASE_GREETING, /* the server's first packet is due */
    PHASE_LOGIN,    /* the client's first packet is due */
    PHASE_AUTH,     /* an exchange that ends with OK or ERR */
    PHASE_COMMAND,
    PHASE_STREAM,   /* binlog events until the connection ends */
    PHASE_CLOSING,  /* somebody said goodbye: what still comes is not judged */
};

enum mysql_reply {
    REPLY_FIRST, /* the first packet of an answer, or of the next result */
    REPLY_COLUMNS,
    REPLY_COLUMNS_END,
    REPLY_ROWS,
    REPLY_PARAMETERS,
    REPLY_PARAMETERS_END,
    REPLY_STATEMENT_COLUMNS,
    REPLY_STATEMENT_COLUMNS_END,
    REPLY_FIELD_LIST,
};

enum request_flags {
    REQUEST_LOAD_DATA = 1,  /* the text may be a LOAD DATA LOCAL INFILE */
    REQUEST_DML = 2,        /* a prepared INSERT, REPLACE, UPDATE or DELETE: may be executed in bulk */
    REQUEST_BLAMED = 4,     /* something of severity 1 to 3 was reported about it */
    REQUEST_ODD = 8,        /* something that servers tolerate was reported about it */
    REQUEST_EXECUTED = 16,  /* a prepare whose statement was executed before the answer came */
};

/* One kind of open request; `count` equal ones in a row. */
struct mysql_request {
    uint8_t command;
    uint8_t sequence; /* of its last packet */
    uint8_t flags;
    uint8_t spare;
    uint32_t count;
    uint32_t statement;
};

struct mysql_state {
    uint64_t offered;      /* capabilities of the server */
    uint64_t capabilities; /* that both sides have */
    uint64_t message_bytes[2]; /* payload so far of a message that is split over packets */
    uint64_t wrapped_bytes[2]; /* opened bytes not decoded yet */
    uint64_t rows;
    uint32_t columns;      /* of the result or statement that is sent now */
    uint32_t left;         /* definitions still to come */
    uint32_t statement;    /* that is being described */
    uint32_t last_statement;
    uint16_t statement_columns;
    uint8_t phase;         /* enum mysql_phase */
    uint8_t reply;         /* enum mysql_reply */
    uint8_t sequence;      /* of the last packet in a login or file exchange */
    uint8_t reply_sequence;/* expected of the server's next packet */
    uint8_t client_sequence; /* expected of the rest of a split message */
    uint8_t plugin;        /* enum auth_plugin that the client answers with */
    uint8_t epoch;         /* changes when bytes were lost: older notes are only half true */
    uint8_t generation;    /* of statements: a reset forgets them all */
    uint8_t first, used;   /* of requests */
    uint8_t zlib_sequence; /* of the last compressed frame */
    bool frame_was_empty;  /* it brought nothing: the next one counts on */
    bool known;            /* capabilities were seen being negotiated */
    bool midstream;        /* joined late, or bytes were lost */
    bool mariadb, mysql8;  /* which family the server says it is */
    bool servers_turn;     /* in a login */
    bool login_sent;       /* the client has sent its login */
    bool lost;             /* which request the server answers is not known */
    bool aligned;          /* questions and answers were in step since the last loss */
    uint8_t steps;         /* questions since then, each asked when all before it were answered */
    bool file;             /* the client is sending a file */
    bool compressed;
    bool binary;           /* rows of this result */
    bool types_known;      /* of the columns */
    bool blamed;           /* the login exchange, or bytes that are no request: reported already */
    bool client_ended, client_quit;
    bool proxied;          /* a PROXY header was read */
    bool no_eof;           /* mid-stream: results come without the EOF after the columns */
    struct mysql_request requests[MYSQL_REQUESTS_MAX];
    uint8_t types[MYSQL_COLUMNS_KNOWN];
};

enum auth_plugin {
    AUTH_UNKNOWN, AUTH_NATIVE, AUTH_OLD, AUTH_CLEAR, AUTH_SHA256, AUTH_CACHING_SHA2, AUTH_ED25519, AUTH_OTHER,
};

/* What is remembered of a prepared statement, under its id. */
struct mysql_statement {
    uint16_t parameters, columns;
    uint8_t types_bound; /* the types below were sent */
    uint8_t dml;
    uint8_t epoch;
    uint8_t generation;
    uint8_t long_data[(MYSQL_PARAMETERS_KNOWN + 7) / 8];
    uint8_t types[MYSQL_PARAMETERS_KNOWN];
};
_Static_assert(sizeof(struct mysql_statement) <= NOTE_BYTES_MAX, "a statement fits one note");

/* The column types of a statement: for cursors, and when definitions are left out because the client has them. */
struct mysql_columns {
    uint16_t count;
    uint8_t types[MYSQL_COLUMNS_KNOWN];
};
#define COLUMNS_KEY(statement) (UINT64_C(1) << 32 | (statement))

/* One packet being read. */
struct packet {
    struct mysql_state *s;
    struct findings *out;
    struct cursor c;
    uint32_t payload;
    uint8_t sequence;
    enum side from;
    bool cut;      /* the cursor ends before the payload does */
    uint8_t flags; /* enum request_flags that this message earned */
};

static inline uint32_t packet_at(const struct packet *p)
{
    return cursor_offset(&p->c);
}

/* Payload bytes after the position, here or not. A full packet goes on in the next one: nobody knows how far. */
static inline uint64_t packet_left(const struct packet *p)
{
    if (p->payload == MYSQL_SPLIT)
        return MYSQL_MESSAGE_MAX;
    return (uint64_t)p->payload + MYSQL_HEADER - cursor_offset(&p->c);
}

/* Rows come by the million: their headers are noted only when something is wrong with them. */
static inline bool mysql_row_is_due(const struct mysql_state *s, enum side from)
{
    return from == FROM_SERVER && s->reply == REPLY_ROWS && s->phase == PHASE_COMMAND && !s->lost;
}

static inline bool mysql_has(const struct mysql_state *s, uint64_t capability)
{
    return (s->capabilities & capability) != 0;
}

/* Both sides agreed on it, and that was seen. */
static inline bool mysql_agreed(const struct mysql_state *s, uint64_t capability)
{
    return s->known && (s->capabilities & capability) != 0;
}

/* What was read and what it should have been, see enum relation. */
struct claim {
    enum relation relation;
    uint64_t got, expected;
    const char *note;
};

static inline struct claim must_equal(uint64_t got, uint64_t expected)
{
    return (struct claim){MUST_EQUAL, got, expected, NULL};
}

static inline struct claim at_most(uint64_t got, uint64_t most)
{
    return (struct claim){MUST_NOT_EXCEED, got, most, NULL};
}

static inline struct claim at_least(uint64_t got, uint64_t least)
{
    return (struct claim){MUST_REACH, got, least, NULL};
}

static inline struct claim must_be(uint64_t got, const char *note)
{
    return (struct claim){MUST_BE, got, 0, note};
}

static inline struct claim noted(struct claim claim, const char *note)
{
    claim.note = note;
    return claim;
}

/* The two fields of every header. */
static inline void packet_header(struct packet *p)
{
    note_field(p->out, FIELD_MYSQL_LENGTH, 0, 3, p->payload);
    note_field(p->out, FIELD_MYSQL_SEQUENCE, 3, 1, p->sequence);
}

void mysql_report(struct findings *out, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                  struct claim claim);
/* The same, and who sent this packet is to blame for it. */
void mysql_blame(struct packet *p, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                  struct claim claim);
/* A required field is not there: the packet ends. Nothing is said of a packet whose end was not seen. */
void mysql_misses(struct packet *p, enum anomaly anomaly, enum field field, uint64_t needs);
/* What follows the last field, from the position. */
void mysql_trailing(struct packet *p, enum anomaly anomaly);

enum lenenc { LENENC_VALUE, LENENC_NULL, LENENC_BAD };
/* A length-encoded integer; reports one that is reserved or not there, as `field`. */
enum lenenc mysql_lenenc(struct packet *p, enum field field, uint64_t *value);
/* A length-encoded string, noted as `field`. False: it does not fit, and that was reported (`overrun`). */
bool mysql_text(struct packet *p, enum field field, enum anomaly overrun, struct view *text);
/* A string up to a NUL; at the end of the packet it may be unterminated when `open_end`. */
bool mysql_string(struct packet *p, enum field field, bool open_end, enum anomaly unterminated, struct view *text);
void mysql_number(struct packet *p, enum field field, uint64_t value, uint32_t length);

/* mysql_login.c */
enum verdict mysql_greeting(struct packet *p);
enum verdict mysql_login(struct packet *p);
enum verdict mysql_auth_client(struct packet *p);
enum verdict mysql_auth_server(struct packet *p);
/* COM_CHANGE_USER after its command byte */
void mysql_change_user(struct packet *p);
void mysql_attributes(struct packet *p, enum anomaly missing);
enum auth_plugin mysql_plugin_named(struct view name);
void mysql_remember(char *where, uint8_t *length, struct view text);

/* mysql_command.c */
enum verdict mysql_command(struct packet *p);
bool mysql_text_is(struct view text, const char *word);

/* mysql_parameters.c */
uint32_t mysql_execute(struct packet *p); /* the statement */
uint32_t mysql_bulk_execute(struct packet *p);
void mysql_query_attributes(struct packet *p);
void mysql_long_data(struct packet *p);

/* mysql_stream.c */
enum verdict mysql_binlog_event(struct packet *p);
enum verdict mysql_semisync_ack(struct packet *p);

/* mysql_answer.c */
enum verdict mysql_reply(struct packet *p);

/* mysql_reply.c */
struct mysql_request *mysql_request_open(struct mysql_state *s); /* the oldest, or NULL */
struct mysql_request *mysql_request_preparing(struct mysql_state *s);
struct mysql_statement *mysql_statement_find(struct packet *p, uint32_t id);
void mysql_request_push(struct packet *p, uint8_t command, uint8_t flags, uint32_t statement);
void mysql_reply_end(struct packet *p);
void mysql_ok(struct packet *p, bool instead_of_eof, uint16_t *status);
enum verdict mysql_error(struct packet *p);
void mysql_eof(struct packet *p, uint16_t *status);

/* mysql_result.c */
void mysql_column(struct packet *p, bool field_list);
void mysql_text_row(struct packet *p);
void mysql_binary_row(struct packet *p);
void mysql_columns_keep(struct packet *p);
bool mysql_columns_recall(struct packet *p, uint32_t statement);
/* Bytes of a value in the binary protocol: 0..8 fixed, VALUE_LENENC, or VALUE_NONE for a type nobody sends. */
enum { VALUE_LENENC = 100, VALUE_NONE = 101 };
unsigned mysql_value_size(uint8_t type);

/* mysql_wrap.c */
extern const struct wrapper mysql_wrapper;
static inline bool mysql_proxy_possible(const struct mysql_state *s, enum side from)
{
    return from == FROM_CLIENT && s->phase <= PHASE_LOGIN && !s->proxied && !s->lost;
}
/* FRAME_READY with total when the bytes begin a PROXY header; total 0: they do not. */
enum framing mysql_proxy_frame(struct cursor ahead, struct frame *out);
bool mysql_proxy_begins(struct cursor ahead);
enum verdict mysql_proxy(struct mysql_state *s, struct cursor body, struct findings *out);

/* mysql_resync.c */
bool mysql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);
/* TLS, or frames of the compressed protocol, on a connection whose login or its answer was not seen. */
bool mysql_is_foreign(const struct mysql_state *s, enum side from, struct cursor ahead);

#endif
