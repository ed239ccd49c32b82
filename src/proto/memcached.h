/*
 * What the files of the Memcached decoder share: the state of a connection, lines cut into words, and the queue of answers
 * that the server owes. Private to src/proto/memcached*.c.
 *
 * What is an anomaly follows the server's own checks, in its own order (memcached 1.6: proto_text.c, proto_bin.c): what the
 * server takes is at most of severity 4, and what a later version may take is left to the server's answer.
 *
 * Text: a line is a message; a data block is one with its line end when it is small, else the block and the line end apart,
 * so that the end is seen whatever the size. The lines of a get that is longer than the server's limit are read in pieces.
 */
#ifndef DBHOUND_SRC_PROTO_MEMCACHED_H
#define DBHOUND_SRC_PROTO_MEMCACHED_H

#include "proto/decoder.h"

enum {
    MEMCACHED_HEADER = 24,
    MEMCACHED_KEY_MAX = 250,            /* KEY_MAX_LENGTH */
    MEMCACHED_LINE_MAX = 2048,          /* without a line end */
    MEMCACHED_SPACES_MAX = 100,         /* before a long get */
    MEMCACHED_WORDS = 24,               /* MAX_TOKENS, its last one is the end */
    MEMCACHED_META_WORDS_MAX = 19,      /* MFLAG_MAX_OPT_LENGTH, less the end */
    MEMCACHED_OPAQUE_MAX = 32,          /* MFLAG_MAX_OPAQUE_LENGTH, the O included */
    MEMCACHED_EXTRAS_MAX = 20,          /* BIN_MAX_EXTLEN */
    MEMCACHED_CREDENTIALS_MAX = 16384,  /* the read buffer, READ_BUFFER_SIZE */
    MEMCACHED_ITEM_MAX = 1 << 30,       /* -I 1024m */
    MEMCACHED_REPEATS_MAX = 60000,
    MEMCACHED_PROXY_SPACES = 20,
    MEMCACHED_REPLY_MAX = 8192,         /* no line of a server is longer: LOGGER_PARSE_SCRATCH is 4096 */
    MEMCACHED_SMALL_BLOCK = 2048,       /* a data block is seen whole up to here, else so much of it */
    MEMCACHED_HEAD = 512,               /* of a binary response */
    MEMCACHED_QUEUE = 48,
    MEMCACHED_TLS_HEADER = 5,
};

enum memcached_speech { SPEECH_UNKNOWN, SPEECH_TEXT, SPEECH_BINARY };

/* What a request is, to tell whose answer a line is. In the binary protocol the opcode says it. */
enum memcached_ask { ASK_LINE, ASK_META, ASK_BARRIER, ASK_WATCH, ASK_LOGIN };

/* What a line of the server is, to find the request that it answers. */
enum memcached_answer { ANSWER_PLAIN, ANSWER_META, ANSWER_BARRIER, ANSWER_ERROR };

enum memcached_request_flags {
    REQUEST_QUIET = 1,    /* may stay without an answer */
    REQUEST_REPORTED = 2, /* an anomaly of it was reported */
    REQUEST_NONE = 4,     /* memcached_answered: there was none */
    REQUEST_LOST = 8,     /* memcached_answered: not known */
};

/* Requests of one kind in a row that wait for their answers. */
struct memcached_request {
    uint16_t count;
    uint8_t kind, flags;
};

/* A data block that is due in one direction. */
struct memcached_block {
    uint32_t length;
    bool due;      /* of `length` bytes, if there are any, and its end */
    bool end_due;  /* the end alone */
    bool secret;
};

struct memcached_state {
    /* What the framing of a side depends on is that side's alone: the other one may speak while a message is unfinished. */
    uint8_t speech[2];
    bool lost[2];         /* the side's start was not seen, or bytes of it were lost */
    bool tls[2];          /* the side began with a TLS record */
    bool joined;          /* something was lost on any side */
    bool begun;           /* the client sent a message */
    bool answered;        /* the server sent a message */
    bool untracked;       /* more requests are open than the queue holds */
    bool loose;           /* the queue may hold requests that were answered */
    bool reported;        /* an anomaly of the client since the last good answer */
    bool client_ended, quit, shutdown, watching, tls_refused;
    bool farewell;        /* the server said why it goes */
    bool login_wanted;    /* the server said that it wants credentials */
    bool sasl_begun, sasl_failed;
    bool long_get;        /* in the middle of a long get */
    bool key_too_long;    /* said of this long get */
    bool line_feed_told, control_told, unrequested_told, repeated_told, ignored_told, stray_told, data_type_told;
    uint8_t queue_first, queue_used;
    uint8_t block_kind, block_noreply, block_reported; /* the request that the client's data block belongs to */
    bool block_answered;  /* the server refused it before it was whole */
    uint16_t block_message;
    uint16_t key_run;     /* bytes of the key that a long get was cut in */
    uint32_t key_sum, key_before, repeats;
    uint64_t signature;   /* of the key of the last quiet get */
    uint64_t open;        /* untracked: requests that wait for an answer */
    uint64_t rows;
    uint8_t user_length;
    char user[SESSION_TEXT_MAX]; /* of a login that waits for its answer */
    struct memcached_block blocks[2];
    struct memcached_request queue[MEMCACHED_QUEUE];
};

struct memcached_word {
    uint32_t offset, length; /* in the line */
};

/* A line cut as the server cuts it: at spaces, up to a NUL, the first 23 words. */
struct memcached_line {
    struct view text;     /* without its end */
    bool bare;            /* ended by a line feed alone */
    bool control;         /* holds control characters */
    uint32_t used;
    uint32_t rest;        /* where the words end that were not cut; 0: all were */
    uint32_t spaces;      /* the longest run of them */
    struct memcached_word words[MEMCACHED_WORDS];
};

/* One message being read. */
struct memcached_reading {
    struct memcached_state *state;
    struct findings *out;
    struct cursor c;
    enum side from;
    bool bad;      /* an anomaly of severity 1 to 3 was reported */
    bool noreply;
    struct memcached_line line;
};

/* Reports what the server refuses. */
void memcached_defect(struct memcached_reading *r, struct report found);
/* Reports what is worth a look, and is taken. */
void memcached_remark(struct memcached_reading *r, struct report found);
/* The same about a word of the line; a word past the last one: about the line's end. */
void memcached_word_defect(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t word, const char *note);
void memcached_word_remark(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t word, const char *note);

/* memcached_line.c */
void memcached_cut(struct memcached_line *line, struct view text);
struct view memcached_word(const struct memcached_line *line, uint32_t word);
bool memcached_is(const struct memcached_line *line, uint32_t word, const char *text);
bool memcached_begins(struct view text, const char *start);

/* A number as the server's safe_strto* functions see it. */
struct memcached_number {
    uint64_t value;    /* as the server keeps it, 64 bits */
    bool good;         /* it takes it */
    bool truncated;    /* does not fit 32 bits (strtol, strtoul) */
};
struct memcached_number memcached_strtol(struct view word);   /* value: 32 bits with a sign, extended */
struct memcached_number memcached_strtoul(struct view word);
struct memcached_number memcached_strtoull(struct view word);
bool memcached_strtod(struct view word);
/* Decoded length of a base64 key, 0 when the server cannot decode it. */
size_t memcached_base64(struct view word);

/* memcached_text.c: a line of the client. */
void memcached_command(struct memcached_reading *r);
void memcached_get_piece(struct memcached_reading *r);
/* Is it surely a command line? The length of the data block that follows goes to `block`, -1: none does. */
bool memcached_is_command(struct view line, int64_t *block);
/* memcached_store.c: storage commands, and data blocks of both sides. */
void memcached_store(struct memcached_reading *r, bool cas);
void memcached_block_expect(struct memcached_reading *r, uint32_t length, uint8_t kind);
enum framing memcached_block_frame(const struct memcached_state *s, enum side from, struct cursor ahead, struct frame *out);
void memcached_block(struct memcached_reading *r);
/* memcached_meta.c */
void memcached_meta(struct memcached_reading *r, uint8_t letter);
/* memcached_admin.c */
void memcached_stats(struct memcached_reading *r);
void memcached_slabs(struct memcached_reading *r);
void memcached_lru(struct memcached_reading *r);
void memcached_lru_crawler(struct memcached_reading *r);

/* memcached_reply.c: a line of the server. */
void memcached_reply(struct memcached_reading *r);
bool memcached_is_reply(struct view line, int64_t *block);
/* A refusal that is about the form of the request. */
bool memcached_is_complaint(struct view line);

/* memcached_binary.c, memcached_response.c */
struct memcached_header {
    uint8_t magic, opcode, extras, data_type;
    uint16_t key, status; /* status: of a request the virtual bucket */
    uint32_t body, opaque;
    uint64_t cas;
};
struct memcached_header memcached_header_take(struct cursor *c);
enum framing memcached_binary_frame(struct cursor ahead, struct frame *out);
enum verdict memcached_binary(struct memcached_reading *r);
bool memcached_binary_sound(const struct memcached_header *h);
enum framing memcached_response_frame(struct cursor ahead, struct frame *out);
enum verdict memcached_response(struct memcached_reading *r);
bool memcached_response_sound(const struct memcached_header *h);

/* memcached_requests.c: who waits for which answer. */
void memcached_request(struct memcached_reading *r, uint8_t kind, bool quiet);
/* The last line of a text answer came; the flags of the request that it answers. */
unsigned memcached_answered(struct memcached_reading *r, enum memcached_answer answer);
unsigned memcached_answered_binary(struct memcached_reading *r, uint8_t opcode, bool last);
bool memcached_is_waiting(const struct memcached_state *s);
uint8_t memcached_oldest(const struct memcached_state *s); /* enum memcached_ask, ASK_LINE when nothing is known */
void memcached_forget(struct memcached_state *s);
/* The server refused or took the login that is under way. */
void memcached_login_ended(struct memcached_reading *r, bool taken, uint64_t code, struct view words);

/* memcached_resync.c */
bool memcached_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);

/* memcached_udp.c */
uint32_t memcached_datagram(void *state, enum side from, struct cursor c, struct findings *out);

#endif
