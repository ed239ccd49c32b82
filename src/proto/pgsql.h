/*
 * What the files of the PostgreSQL decoder share: the state of a connection, the queue of answers that the server owes,
 * and reading with reports. Private to src/proto/pgsql*.c.
 *
 * What is an anomaly follows the server's own checks, in its own order: a part of a message that the server does not
 * come to read is at most `pgsql.defect-not-read`.
 */
#ifndef DBHOUND_SRC_PROTO_PGSQL_H
#define DBHOUND_SRC_PROTO_PGSQL_H

#include "proto/decoder.h"

enum {
    PGSQL_HEADER = 5,                   /* type byte and length */
    PGSQL_STARTUP_BODY_MAX = 10000,     /* MAX_STARTUP_PACKET_LENGTH, length word not counted */
    PGSQL_SMALL_MESSAGE_MAX = 10000,    /* PQ_SMALL_MESSAGE_LIMIT */
    PGSQL_LARGE_MESSAGE_MAX = 0x3ffffffe, /* PQ_LARGE_MESSAGE_LIMIT = MaxAllocSize - 1 */
    PGSQL_AUTH_TOKEN_MAX = 65535,       /* PG_MAX_AUTH_TOKEN_LENGTH */
    PGSQL_SASL_MESSAGE_MAX = 1024,      /* PG_MAX_SASL_MESSAGE_LENGTH */
    PGSQL_SERVER_SHORT_MAX = 30000,     /* libpq believes more only for a few types */
    PGSQL_SERVER_LONG_MAX = 0x3fffffff, /* MaxAllocSize */
    PGSQL_CANCEL_KEY_MAX = 256,
    PGSQL_QUEUE = 24,                   /* open requests that are followed one by one */
    PGSQL_VERSION_TEXT = 32,
    PGSQL_MECHANISMS = 64,
};

static const uint32_t PGSQL_NULL = UINT32_C(0xffffffff);

enum pgsql_stage {
    STAGE_STARTUP,        /* packets without a type byte */
    STAGE_AUTHENTICATION, /* startup packet sent, AuthenticationOk not seen */
    STAGE_SESSION,
    STAGE_CANCELLED,      /* a CancelRequest was sent: nothing may follow */
    STAGE_TERMINATED,
};

/* What the server waits for: decides what a message of type p is. */
enum pgsql_awaited { AWAIT_NOTHING, AWAIT_PASSWORD, AWAIT_TOKEN, AWAIT_SASL_INITIAL, AWAIT_SASL };

enum pgsql_mechanism { MECHANISM_OTHER, MECHANISM_SCRAM, MECHANISM_SCRAM_PLUS };

enum pgsql_copy { COPY_NONE, COPY_IN, COPY_OUT, COPY_BOTH };

/* A request that the server will answer, in the order of sending. */
struct pgsql_request {
    uint8_t kind;    /* type byte of the client's message */
    uint8_t target;  /* Describe: S or P */
    uint32_t name;   /* hash of the statement (Parse, Describe) or portal (Bind, Describe, Execute), or the function */
};

struct pgsql_state {
    uint8_t stage, awaited, copy;
    uint8_t negotiation;   /* 'S' or 'G': asked and not answered */
    uint8_t transaction;   /* of the last ReadyForQuery, 0 unknown */
    uint8_t mechanism, scram_step, scram_flag;
    uint8_t queue_first, queue_used;
    uint8_t version_length, mechanisms_length;
    bool ssl_asked, gss_asked;
    bool old_errors;       /* the server answers in the form of protocol 2 */
    bool joined;           /* the start was not seen, or bytes were lost */
    bool untracked;        /* more requests are open than the queue holds: it is empty until all are answered */
    bool skipping;         /* the server discards messages until Sync */
    bool replication;
    bool reported;         /* an anomaly of the client since the last ReadyForQuery */
    bool client_ended, farewell; /* the client closed first; the server said why it goes */
    bool copy_aborted;     /* the server ended a COPY with an error: the client's data may still be under way */
    bool copy_asked;       /* a COPY was sent and its answer was not seen */
    bool answered;         /* the open simple query was answered already (CopyInResponse) */
    bool started;          /* the first ReadyForQuery came, or was not seen */
    bool early_broken;     /* framing was lost in bytes that the server may never read */
    bool hello_told, early_told, unrequested_told, stray_told;
    bool utf8;             /* client_encoding is UTF8 */
    bool sql_prepare;      /* statements may exist that no Parse made */
    bool columns_known, portal_columns_known;
    uint16_t columns, portal_columns;
    uint16_t statements;   /* named statements parsed */
    uint32_t described_portal;
    uint32_t boundaries;   /* Query, Sync, FunctionCall without their ReadyForQuery */
    uint32_t backend_pid;
    uint32_t read_asked;   /* the last FunctionCall was loread for so many bytes, + 1; 0: it was another */
    uint64_t rows;
    uint64_t nonce;        /* hash of the nonce that the final SCRAM message must repeat */
    char version[PGSQL_VERSION_TEXT];
    char mechanisms[PGSQL_MECHANISMS]; /* as offered: names with their terminators */
    struct pgsql_request queue[PGSQL_QUEUE];
};

/* What is known of a prepared statement. */
struct pgsql_statement {
    uint16_t parameters, columns;
    bool parameters_known, columns_known;
    uint16_t types_known;
    uint32_t types[56];
};

/* One message being read. */
struct pgsql_reading {
    struct pgsql_state *state;
    struct findings *out;
    struct cursor c;
    enum side from;
    uint8_t strings_read;
    struct view strings[3]; /* of the client, converted by the server before it reads on */
    bool bad;    /* a defect was reported: what follows in the message means nothing */
    bool unread; /* the server does not come to read what is read now */
};

/* Reports a defect of the message; after it nothing in the message is trusted. */
void pgsql_defect(struct pgsql_reading *r, struct report found);
/* Reports what is worth a look and leaves the message readable. */
void pgsql_remark(struct pgsql_reading *r, struct report found);

static inline bool pgsql_cut(const struct pgsql_reading *r)
{
    return r->out->message_length > cursor_all(&r->c).length;
}

static inline bool pgsql_stop(const struct pgsql_reading *r)
{
    return r->bad || r->c.failed;
}

/* Readers: note the field when it is not FIELD_NONE, report what is missing. After a defect or past the wanted head they
 * return zero or nothing and pgsql_stop() is true. */
struct view pgsql_string(struct pgsql_reading *r, enum field field);
void pgsql_too_short(struct pgsql_reading *r, enum field field, unsigned bytes);

/* In the header because the field is a constant where they are called: what it means costs nothing there. */
#define PGSQL_READER(name, bytes, type, take)                                                                          \
    static inline type name(struct pgsql_reading *r, enum field field)                                                 \
    {                                                                                                                  \
        if (cursor_left(&r->c) < (bytes) || r->bad) {                                                                  \
            pgsql_too_short(r, field, bytes);                                                                          \
            return 0;                                                                                                  \
        }                                                                                                              \
        type value = take(&r->c);                                                                                      \
        if (field != FIELD_NONE)                                                                                       \
            note_field(r->out, field, cursor_offset(&r->c) - (bytes), bytes, value);                                   \
        return value;                                                                                                  \
    }
PGSQL_READER(pgsql_u8, 1, uint32_t, take_u8)
PGSQL_READER(pgsql_u16, 2, uint32_t, take_u16be)
PGSQL_READER(pgsql_u32, 4, uint32_t, take_u32be)
PGSQL_READER(pgsql_u64, 8, uint64_t, take_u64be)
#undef PGSQL_READER
/* Nothing may be left. */
void pgsql_end(struct pgsql_reading *r);

uint32_t pgsql_hash(struct view name);

/* pgsql_startup.c: packets without a type byte. */
enum framing pgsql_startup_frame(const struct pgsql_state *s, struct cursor ahead, struct frame *out);
enum verdict pgsql_startup(struct pgsql_reading *r);
enum verdict pgsql_negotiation_answer(struct pgsql_reading *r);

/* pgsql_auth.c, pgsql_scram.c */
enum verdict pgsql_authentication(struct pgsql_reading *r);
void pgsql_password(struct pgsql_reading *r);
uint32_t pgsql_password_limit(const struct pgsql_state *s);
void pgsql_scram_client(struct pgsql_reading *r, struct view data);
void pgsql_scram_server(struct pgsql_reading *r, struct view data);

/* pgsql_frontend.c, pgsql_backend.c: messages with a type byte, header not yet taken. */
enum verdict pgsql_frontend(struct pgsql_reading *r);
enum verdict pgsql_backend(struct pgsql_reading *r);
/* The largest legal length and how much of the message to look at; limit 0: no such type. */
struct pgsql_kind {
    uint32_t limit;
    uint32_t wanted;
};
extern const struct pgsql_kind pgsql_frontend_kinds[256], pgsql_backend_kinds[256];

/* pgsql_bulk.c: a row or COPY data with nothing to say about it; false: not read. */
bool pgsql_bulk(struct pgsql_state *s, enum side from, struct cursor c, struct findings *out);

/* pgsql_bind.c */
void pgsql_bind(struct pgsql_reading *r, uint32_t *portal);
void pgsql_function_call(struct pgsql_reading *r, uint32_t *function);

/* pgsql_statement.c: what is remembered of statements, and whether the server would take a value. */
void pgsql_statement_parsed(struct pgsql_reading *r, struct view name, struct view query, struct cursor types, uint32_t count);
struct pgsql_statement *pgsql_statement_find(struct findings *out, uint32_t name);
void pgsql_statement_drop(struct findings *out, uint32_t name);
/* A function that the server called before on this connection. */
void pgsql_function_called(struct findings *out, uint32_t function);
bool pgsql_function_known(struct findings *out, uint32_t function);
/* Surely not there: every Parse of this connection was seen and none made it. */
bool pgsql_statement_missing(struct pgsql_reading *r, uint32_t name);
/* Bytes of a binary value of this type, 0 when it varies or is not known. */
uint32_t pgsql_type_size(uint32_t type);
bool pgsql_is_utf8(struct view text);
/* The server refuses this value with an ordinary error and reads no further. */
bool pgsql_value_refused(struct view value, uint32_t format, uint32_t type, bool utf8);

/* pgsql_requests.c: who waits for which answer. */
void pgsql_request(struct pgsql_reading *r, uint8_t kind, uint8_t target, uint32_t name);
/* The oldest open request, NULL when none is or it is not known. */
struct pgsql_request *pgsql_oldest(struct pgsql_state *s);
/* The server sent an answer of this type; keeps the queue true. */
void pgsql_answer(struct pgsql_reading *r, uint8_t type);
void pgsql_answer_error(struct pgsql_reading *r);
void pgsql_answer_copy(struct pgsql_reading *r, enum pgsql_copy copy);

/* pgsql_error.c */
void pgsql_error(struct pgsql_reading *r, bool notice);
void pgsql_old_error(struct pgsql_reading *r);

/* pgsql_copy.c */
void pgsql_copy_response(struct pgsql_reading *r, enum pgsql_copy copy);
void pgsql_standby_data(struct pgsql_reading *r);
void pgsql_replication_data(struct pgsql_reading *r);

/* pgsql_resync.c */
bool pgsql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);

#endif
