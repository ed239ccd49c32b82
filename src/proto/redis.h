/*
 * What the files of the Redis decoder share: the state of a connection, lines and numbers, requests, values, and who waits
 * for what. Private to src/proto/redis*.c.
 *
 * RESP has no outer length. A frame is a run of pieces (the header of an array, or a string with its bytes): a whole request
 * or reply when that is small, else as far as RUN_PIECES, RUN_BYTES or the first long string; the state carries what is open.
 * Where a frame ends depends on the bytes alone, not on how they are cut into segments.
 */
#ifndef DBHOUND_SRC_PROTO_REDIS_H
#define DBHOUND_SRC_PROTO_REDIS_H

#include "proto/decoder.h"

enum {
    RUN_PIECES = 32,
    RUN_BYTES = 8192,
    CLIENT_SEEN = 1024,           /* of an argument; a longer one ends the frame */
    SEEN_UP_TO = 1 << 20,         /* of a longer one only the length is waited for */
    SERVER_SEEN = 256,            /* the same of a string in a reply */
    LINE_CHUNK = 4096,            /* a longer line is read in pieces */
    NUMBER_LINE = 32,             /* no number is written with more characters (LONG_STR_SIZE is 21) */
    REDIS_INLINE_MAX = 65536,     /* PROTO_INLINE_MAX_SIZE */
    REDIS_OLD_COUNT_MAX = 1 << 20, /* arguments, before 7.0 */
    REDIS_UNAUTHENTICATED_COUNT = 10,
    REDIS_UNAUTHENTICATED_BULK = 16384,
    REDIS_EOF_MARK = 40,          /* RUN_ID_SIZE */
    REDIS_RDB_HEAD = 9,           /* "REDIS" and four digits */
    REDIS_DEPTH = 32,
    REDIS_CLIENT_DEPTH = 16,      /* of what servers send by themselves, COMMAND DOCS is the deepest */
    REDIS_AWAITED = 8,
    REDIS_VERSION_TEXT = 24,
    REDIS_UNREAD_REPLIES = 4096,
    REDIS_DOUBT = 4,              /* messages after a gap before a defect is believed */
};

static const int64_t REDIS_BULK_MAX = INT64_C(512) << 20; /* proto-max-bulk-len */

/* Where a direction that carries requests stands. */
enum request_stage {
    REQUEST_BETWEEN,
    REQUEST_ARGUMENTS,
    REQUEST_TAIL,    /* the two bytes behind a long argument */
    REQUEST_INLINE,  /* in a long line */
};

/* The quotes of an inline command, as far as it was read (sdssplitargs). */
enum quote { QUOTE_NONE, QUOTE_DOUBLE, QUOTE_DOUBLE_ESCAPE, QUOTE_SINGLE, QUOTE_SINGLE_ESCAPE, QUOTE_CLOSED, QUOTE_WRONG };

struct redis_requests {
    uint32_t left;      /* arguments to come */
    uint32_t argument;  /* index of the next */
    uint32_t line;      /* bytes of the long line so far */
    uint8_t stage, quote;
    uint8_t command, detail; /* see redis_command.c */
    bool words;         /* the long line is not blank */
    bool login;         /* HELLO ... AUTH */
};

enum reply_stage {
    REPLY_VALUES,
    REPLY_TAIL,        /* the two bytes behind a long string */
    REPLY_LINE,        /* in a long line */
    REPLY_RDB_BYTES,   /* $<length>: comes next, as one piece */
    REPLY_RDB_STREAM,  /* $EOF:<mark>: comes until the mark */
    REPLY_COMMANDS,    /* a master sends commands to its replica */
};

/* Requests whose replies mean more than "done". */
enum awaited {
    AWAITED_NOTHING,
    AWAITED_AUTH,
    AWAITED_HELLO,
    AWAITED_AUTH_HELLO,
    AWAITED_CLIENT_ID,
    AWAITED_QUIT,
    AWAITED_SYNC,
    AWAITED_PSYNC,
};

struct redis_awaited {
    uint32_t number; /* of the request */
    uint8_t what;
};

enum reply_mode { REPLIES_ON, REPLIES_OFF, REPLIES_SKIP };

struct redis_state {
    struct redis_requests requests[2]; /* of the client; of a master to its replica */
    uint64_t pending;            /* values that the open reply still needs, as long as none of it is streamed */
    uint64_t rdb_left;           /* REPLY_RDB_BYTES */
    uint32_t sent, answered;     /* requests that are to be answered; replies */
    uint32_t blocking;           /* number of the last request that may wait for something to happen */
    uint32_t left[REDIS_DEPTH];  /* values to come, by level */
    uint8_t kind[REDIS_DEPTH];   /* type byte of the level */
    uint32_t streamed;           /* bit by level: ends with '.', or holds chunks */
    uint8_t depth;
    uint8_t reply_stage, reply_type, mode;
    uint8_t awaited_used;
    uint8_t doubt[2];            /* messages after a gap that must be sound before a defect is believed */
    uint8_t abuse;               /* steps of an attack through replication */
    uint8_t key;                 /* of the map in the reply to HELLO: what the next value is */
    uint8_t version_length;
    bool started, joined, tls_asked, bus;
    bool untracked;              /* replies cannot be counted */
    bool resp3;                  /* HELLO was sent, or may have been */
    bool unauthenticated;        /* the server said so */
    bool admitted;               /* a command that needs the login was obeyed */
    bool quit, shutdown;         /* sent by the client */
    bool reported;               /* an anomaly of the client */
    bool client_ended, farewell;
    bool empty_request;          /* the last request was empty; its form: */
    bool empty_inline;
    bool pushed;                 /* the open array is a message to a subscriber */
    bool mask_next;              /* the next value of the reply is a password */
    bool rdb_next, rdb_begun, version_told;
    bool nesting_told, resp3_told, unrequested_told, unread_told, quit_told, http_told, count_told;
    uint32_t connection_id;
    uint32_t key_hash, hyll;     /* of the key of this SET; of one that was set to a value made to look like a HyperLogLog */
    struct redis_awaited awaited[REDIS_AWAITED];
    char version[REDIS_VERSION_TEXT];
    uint8_t mark[REDIS_EOF_MARK], last[REDIS_EOF_MARK];
};

/* One message being read. */
struct redis_reading {
    struct redis_state *state;
    struct findings *out;
    struct view bytes;
    uint32_t at;
    enum side from;
};

static inline uint8_t redis_byte(struct view bytes, size_t at)
{
    return at < bytes.length ? bytes.bytes[at] : 0;
}

/* redis_line.c: a line "<type><number>\r<any>". */
enum line { LINE_MORE, LINE_NUMBER, LINE_WRONG, LINE_NUL, LINE_STREAMED, LINE_END_WRONG };
struct redis_line {
    int64_t number;
    uint32_t length;   /* with its end; of a wrong one: as far as it is looked at */
    enum line is;
    bool digits_only;  /* LINE_WRONG: a number, but one that no server takes */
};
struct redis_line redis_number_line(struct view bytes, size_t at);
bool redis_is_integer(struct view text);
bool redis_is_double(struct view text);

/* Reports a defect: nothing after it is trusted. Kept silent where bytes were lost a moment ago. */
void redis_defect(struct redis_reading *r, struct report found);
void redis_remark(struct redis_reading *r, struct report found);

/* redis_frame.c */
enum framing redis_request_frame(const struct redis_requests *q, struct view ahead, struct frame *out);
enum framing redis_reply_frame(const struct redis_state *s, struct view ahead, struct frame *out);

/* redis_request.c, redis_inline.c */
enum verdict redis_request(struct redis_reading *r);
enum verdict redis_inline(struct redis_reading *r);


/* redis_command.c: what arguments mean. `text` is what is here of the `length` bytes at `offset`. */
void redis_argument(struct redis_reading *r, struct redis_requests *q, struct view text, uint32_t offset, uint32_t length);
/* The request is whole: its command, its consequences. */
void redis_command_done(struct redis_reading *r, struct redis_requests *q);
bool redis_word(struct view text, const char *upper);
uint32_t redis_hash(struct view bytes);

/* redis_reply.c, redis_replication.c */
enum verdict redis_reply(struct redis_reading *r);
bool redis_rdb_is_next(const struct redis_state *s);
enum verdict redis_rdb_header(struct redis_reading *r);
enum verdict redis_rdb_bytes(struct redis_reading *r);
enum verdict redis_rdb_stream(struct redis_reading *r);
size_t redis_mark_end(const struct redis_state *s, struct view bytes); /* bytes up to the end of the mark; 0: not here */

/* redis_answer.c: requests and replies in pairs. */
void redis_sent(struct redis_reading *r, enum awaited what);
enum awaited redis_awaits(const struct redis_state *s);
/* A top-level value is complete (`line`: of a simple one, what it says). */
void redis_answered(struct redis_reading *r, uint8_t type, struct view line, uint32_t offset);
void redis_info(struct redis_reading *r, struct view text);

/* redis_bus.c: the binary protocol between the nodes of a cluster. */
enum framing redis_bus_frame(struct view ahead, struct frame *out);
enum verdict redis_bus(struct redis_reading *r);

/* redis_resync.c */
bool redis_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);

#endif
