/*
 * What the files of the TDS decoder share: the state of a connection and of its streams, elements that may be cut by packets,
 * reading with reports. Private to src/proto/tds*.c.
 *
 * What the engine calls a message is a TDS packet (a larger one in pieces). A message of TDS runs over many packets, and its
 * parts are cut anywhere: the readers take one small element after the other (tds_take), pass over values (tds_pass), and go
 * on in the next packet at the step where they stopped. Content that cannot be followed makes a stream blind until the next
 * message; the packets are still framed.
 */
#ifndef DBHOUND_SRC_PROTO_TDS_H
#define DBHOUND_SRC_PROTO_TDS_H

#include "proto/decoder.h"

enum {
    TDS_HEADER = 8,
    SMP_HEADER = 16,
    SMP_ID = 0x53,
    SMP_FOLLOWED = 128,             /* whether sessions of higher numbers are open is not known */
    TLS_HEADER = 5,
    TDS_PIECE = MESSAGE_BYTES_MAX,  /* a larger packet is read in pieces */
    TDS_PACKET_MAX = 32767,
    TDS_PACKET_LEAST = 512,
    TDS_PACKET_FIRST = 4096,        /* until another size is granted */
    TDS_CARRY = 16,                 /* no element is larger */
    TDS_HEAD = 232,                 /* of a token that packets cut */
    TDS_COLUMNS = 1024,             /* more are not followed */
    TDS_COLUMNS_PER_NOTE = 58,
    TDS_TEXT = 224,                 /* of a text that was made readable */
    TDS_NAME_MAX = 128,
    TDS_LOGIN7_FIXED = 94,
    TDS_LOGIN7_OLD_FIXED = 86,      /* before TDS 7.2 */
    TDS_LOGIN7_MAX = 128 * 1024 - 1,
    TDS_OLD_LOGIN_BYTES = 568,
    TDS_IN_THE_MIDDLE = 0xff,       /* as a type: bytes were lost, and a message may be open */
    TDS_SURE = 2,                   /* sound messages before a version that was guessed is believed */
};

enum { TLS_FIRST = 0x14, TLS_HANDSHAKE = 0x16, TLS_LAST = 0x17 };
enum { STATUS_EOM = 1, STATUS_IGNORE = 2, STATUS_RESET = 8, STATUS_RESET_KEEP = 16, STATUS_KNOWN = 27 };
enum { DONE_MORE = 1, DONE_ERROR = 2, DONE_COUNT = 16, DONE_ATTENTION = 32 };

/* In order, so that they compare. */
enum tds_level { LEVEL_UNKNOWN, LEVEL_42, LEVEL_50, LEVEL_70, LEVEL_71, LEVEL_72, LEVEL_73, LEVEL_74, LEVEL_80 };

enum tds_stage {
    STAGE_START,
    STAGE_PRELOGIN,  /* PRELOGIN sent or answered; a TLS handshake may follow in packets */
    STAGE_LOGIN,     /* a login was sent */
    STAGE_SESSION,
};

enum tds_agreement { AGREED_UNKNOWN, AGREED_NONE, AGREED_LOGIN_ONLY, AGREED_ALL };

/* How the value of a type stands on the wire ([MS-TDS] 2.2.5.2). */
enum tds_form {
    FORM_FIXED,
    FORM_BYTE,    /* a length byte; 0 is NULL */
    FORM_SHORT,   /* two; ffff is NULL */
    FORM_LONG,    /* four; ffffffff is NULL */
    FORM_POINTER, /* in rows: a text pointer and a timestamp before FORM_LONG */
    FORM_PLP,
    FORM_TABLE,   /* a table as a parameter, read by itself */
};

struct tds_column {
    uint16_t most; /* bytes of a value; 0: not known */
    uint8_t form, type;
};

enum tds_value_step { VALUE_BEGIN, VALUE_LONG, VALUE_BYTES, VALUE_CHUNK, VALUE_CHUNK_BYTES };
enum tds_type_step { TYPE_BEGIN, TYPE_DETAIL, TYPE_NAMES };

/* One direction of one session. Small enough for a note. */
struct tds_stream {
    uint32_t packet_left;   /* bytes of the open packet that are still to come */
    uint32_t bytes;         /* of the open message so far, headers not counted */
    uint64_t skip;          /* bytes of a value that nobody looks at */
    uint64_t declared, seen;/* of a long value in chunks */
    uint64_t rows;
    uint32_t left;          /* of what is being taken: a token, all headers */
    uint8_t type;           /* of the open message; 0: none is open */
    uint8_t status;         /* of the open packet */
    uint8_t step, value_step, type_step;
    uint8_t token;
    uint8_t byte_names, short_names; /* names still to be passed over: with a length of one byte, of two */
    uint8_t carried;
    uint8_t head_used;      /* bytes of the token in its note */
    bool blind;             /* the content is not followed */
    bool ended;             /* the last token was a final DONE */
    bool errors;            /* an ERROR in this response */
    bool acknowledged;      /* LOGINACK in this response */
    bool loose;             /* the response consists of what is not ended by DONE */
    bool columns_known, null_row, sql_next, field_open;
    uint16_t column, columns;
    uint16_t parameter;     /* number of the parameter in its call */
    uint16_t procedure;     /* its number; 0: by name */
    uint32_t keys;          /* of this session's notes */
    uint8_t losses;         /* of the connection, as this stream knows them */
    uint32_t error_number;
    struct tds_column current; /* the type that was described last */
    uint8_t carry[TDS_CARRY];
};

/* What the two sides of one session owe each other. */
struct tds_turn {
    uint8_t asked;       /* requests without their response */
    uint8_t attention;   /* 1: sent and not acknowledged */
    bool untracked;
};

struct tds_state {
    struct tds_stream streams[2];
    struct tds_turn turn;
    uint8_t stage;
    uint8_t level;
    uint8_t sound;            /* messages that fitted the guessed level */
    uint8_t asked_encryption, answered_encryption; /* plus one; 0: not seen */
    bool level_sure;
    bool joined;
    bool tls_first;           /* TDS 8: the client began with TLS */
    bool handshake[2];        /* TLS in PRELOGIN packets was seen */
    bool strict;              /* TDS 8: all of it is inside TLS */
    bool asked_mars, granted_mars, smp;
    bool encrypted_columns;
    bool login_sent, login_hidden, failed_told;
    bool client_ended, farewell, reported;
    bool unrequested_told, status_told;
    uint16_t packet_size;     /* granted; 0: none */
    uint16_t wished_size;
    uint8_t losses;           /* counts gaps: what was open in a session before is lost */
    uint32_t smp_left[2];     /* bytes of an open SMP packet that are still to come */
    uint16_t smp_session[2];
    uint32_t login_length;    /* as LOGIN7 says it */
    uint16_t spid;
    uint8_t smp_open[SMP_FOLLOWED / 8]; /* bit by session: SYN was seen, and not both FIN */
};

struct tds_reading {
    struct tds_state *state;
    struct tds_stream *stream;
    struct tds_turn *turn;
    struct findings *out;
    struct cursor c;    /* over the piece; where it ends the packet or the piece ends */
    enum side from;
    uint32_t at;        /* of the element that was taken last */
    uint32_t base;      /* where in the engine's message this packet's bytes begin */
    bool carried;       /* the element taken last began in an earlier packet */
    bool last;          /* the TDS message ends with these bytes */
    bool carries;       /* they are TLS */
    bool bad;
};

/* tds_element.c. Reports a defect of the content: the stream goes blind. Silent where what was agreed upon is only guessed. */
void tds_defect(struct tds_reading *r, struct report found);
void tds_remark(struct tds_reading *r, struct report found);

/* An element of n <= TDS_CARRY bytes, which packets may cut; false: the rest is not here yet. */
bool tds_take(struct tds_reading *r, uint32_t n, struct cursor *element);
/* What is to be skipped is behind; false: more of it comes. */
bool tds_pass(struct tds_reading *r);
/* Begins to skip `bytes`, noting those that are here as `field` unless it is FIELD_NONE. */
void tds_skip(struct tds_reading *r, enum field field, uint64_t bytes);
/* Passes over stream->byte_names and short_names. */
bool tds_names(struct tds_reading *r);
/* Where the element's byte `within` stands, as well as that is known. */
static inline uint32_t tds_at(const struct tds_reading *r, uint32_t within)
{
    return r->at + within;
}

/* Notes a part of the element that was taken last. */
static inline void tds_note(struct tds_reading *r, enum field field, uint32_t within, uint32_t length, uint64_t value)
{
    note_field(r->out, field, r->carried ? r->at : r->at + within, r->carried ? 0 : length, value);
}

/* tds_text.c: UTF-16 as UTF-8, cut to `most`; returns the bytes written. */
uint32_t tds_utf8(struct view utf16, char *to, uint32_t most);
/* The same in a note: kept until the `slot` is used again. */
struct view tds_readable(struct tds_reading *r, unsigned slot, struct view utf16);
void tds_session_text(char *to, uint8_t *length, struct view utf16);

/* tds_packet.c */
enum framing tds_packet_frame(const struct tds_state *s, enum side from, struct cursor ahead, struct frame *out);
enum verdict tds_packet(struct tds_reading *r);
void tds_level_set(struct tds_state *s, uint32_t version);
enum tds_agreement tds_agreed(const struct tds_state *s);
/* A message of the session is over or not to be followed any more. */
void tds_stream_clear(struct tds_stream *stream);

/* tds_prelogin.c, tds_login.c, tds_login_old.c: the bytes of one packet. */
void tds_prelogin(struct tds_reading *r);
void tds_login7(struct tds_reading *r);
void tds_login7_end(struct tds_reading *r);
void tds_old_login(struct tds_reading *r);

/* tds_request.c, tds_rpc.c, tds_bulk.c */
void tds_request(struct tds_reading *r);
bool tds_headers(struct tds_reading *r);
void tds_rpc(struct tds_reading *r);
void tds_bulk(struct tds_reading *r);
/* A request whose last element is not whole, as its message ends. */
void tds_request_end(struct tds_reading *r);

/* tds_type.c: TYPE_INFO and values. True: done; false: more comes, or r->bad. */
bool tds_type(struct tds_reading *r, bool parameter);
bool tds_value(struct tds_reading *r, const struct tds_column *type);
bool tds_type_is_text(uint8_t type);

/* tds_columns.c: COLMETADATA and rows. */
bool tds_columns(struct tds_reading *r);
bool tds_row(struct tds_reading *r);

/* tds_token.c, tds_token_text.c */
void tds_tokens(struct tds_reading *r);
void tds_tokens_end(struct tds_reading *r);
void tds_old_tokens(struct tds_reading *r);
/* A token of known length: `body` is its head, `length` what it declares. */
void tds_token_text(struct tds_reading *r, struct cursor body, uint32_t length);

/* tds_smp.c */
enum framing tds_smp_frame(const struct tds_state *s, enum side from, struct cursor ahead, struct frame *out);
enum verdict tds_smp(struct tds_reading *r);

/* tds_browser.c */
uint32_t tds_datagram(void *state, enum side from, struct cursor c, struct findings *out);

/* tds_resync.c */
bool tds_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);
bool tds_is_tls(struct view ahead);

#endif
