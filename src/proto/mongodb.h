/*
 * What the files of the MongoDB decoder share: the state of a connection, a message being read, BSON, and who waits for what.
 * Private to src/proto/mongodb*.c.
 *
 * A message says how long it is; of a long one the first MESSAGE_BYTES_MAX bytes are read. Each read has three outcomes: it is
 * here, it is beyond what is here (the rest is then passed over), or it is beyond the message or document (an anomaly).
 */
#ifndef DBHOUND_SRC_PROTO_MONGODB_H
#define DBHOUND_SRC_PROTO_MONGODB_H

#include "model/name.h"
#include "proto/decoder.h"

enum {
    MONGODB_HEADER = 16,
    MONGODB_MESSAGE_MAX = 48000000,      /* MaxMessageSizeBytes */
    MONGODB_BSON_LEAST = 5,
    MONGODB_BSON_USER_MAX = 16 << 20,    /* BSONObjMaxUserSize */
    MONGODB_BSON_MORE = 16 << 10,        /* what BSONObjMaxInternalSize allows on top */
    MONGODB_DEPTH_MAX = 200,             /* maxBSONDepth as shipped: documents inside the outermost */
    MONGODB_SEQUENCES_MAX = 2,
    MONGODB_METADATA_MAX = 1024,         /* kMaxMongoDMetadataDocumentByteLength */
    MONGODB_APPLICATION_MAX = 128,
    MONGODB_WIRE_OP_MSG_ONLY = 14,       /* 5.1: the legacy opcodes are gone */
    MONGODB_COMPRESSION_HEADER = 9,
    MONGODB_OPEN_MAX = 16,               /* requests whose replies are tracked */
    MONGODB_DOUBT = 4,                   /* messages after a gap before a defect is believed */
    MONGODB_VERSION_TEXT = 24,
};

/* Flags of OP_MSG. */
enum { MSG_CHECKSUM_PRESENT = 1, MSG_MORE_TO_COME = 2, MSG_EXHAUST_ALLOWED = 1 << 16, MSG_REQUIRED = 0xffff };
/* Flags of OP_QUERY and OP_REPLY. */
enum { QUERY_TAILABLE = 1 << 1, QUERY_AWAIT_DATA = 1 << 5, QUERY_EXHAUST = 1 << 6, REPLY_CURSOR_NOT_FOUND = 1, REPLY_QUERY_FAILURE = 2 };

/* What a reply will mean. */
enum asked {
    ASKED_COMMAND,      /* one that needs the login, where there is one */
    ASKED_ANYTIME,      /* one that does not */
    ASKED_HELLO,
    ASKED_LOGIN,        /* saslStart, saslContinue, authenticate */
    ASKED_BUILD_INFO,
    ASKED_SHUTDOWN,     /* or something else after which the server may leave */
    ASKED_UNKNOWN,      /* the request could not be read, it may not even want a reply */
};

struct mongodb_request {
    uint32_t id;
    uint16_t opcode;
    uint8_t asked;
    bool exhaust;       /* many replies may come */
    bool waits;         /* for something to happen; the server may leave first */
};

struct mongodb_state {
    struct mongodb_request open[MONGODB_OPEN_MAX];
    uint8_t open_used;
    uint8_t doubt[2];        /* messages after a gap that must be sound before a defect is believed */
    uint8_t offered, agreed; /* bits 1 << compressor */
    uint8_t version_length;
    uint16_t wire_version;   /* the newest that the server speaks; 0: not known */
    uint32_t message_max, bson_max, connection_id;
    bool started, joined, tls_asked;
    bool untracked;          /* replies cannot be counted until one fits */
    bool hello_answered;
    bool speculated;         /* a login came inside hello */
    bool x509;               /* a login without further steps */
    bool inside;             /* the next message is what the last one opened to */
    bool reported;           /* an anomaly of the client */
    uint32_t quiet_id;       /* of the last message that wants no answer, */
    bool quiet;              /* if there was one */
    bool leaving, client_ended, shutdown;
    bool removed_told, agreed_told, compressed_told, unknown_told, utf8_told, keys_told;
    char version[MONGODB_VERSION_TEXT];
};

/* One message being read. */
struct mongodb_reading {
    struct mongodb_state *state;
    struct findings *out;
    struct view bytes;   /* what is here of it */
    uint32_t end;        /* of the message, as it declares (of its sections, where a checksum follows) */
    uint32_t request_id, response_to;
    int32_t opcode;
    enum side from;
    bool inside;         /* came compressed */
    bool broken;         /* a defect was found: what follows in the message means nothing */
    uint8_t documents;   /* lengths of documents noted */
};

static inline bool mongodb_is_opcode(uint32_t opcode)
{
    return opcode == OP_REPLY || opcode == OP_MSG || opcode == OP_COMPRESSED || opcode == OP_COMMAND || opcode == OP_COMMANDREPLY ||
           (opcode >= OP_UPDATE && opcode <= OP_KILL_CURSORS && opcode != 2003);
}

static inline bool mongodb_here(const struct mongodb_reading *r, uint32_t at, uint32_t length)
{
    return length <= r->bytes.length && at <= r->bytes.length - length;
}

/* Zero where it is not here. */
static inline uint8_t mongodb_byte(const struct mongodb_reading *r, uint32_t at)
{
    return mongodb_here(r, at, 1) ? r->bytes.bytes[at] : 0;
}

static inline uint32_t mongodb_u32(const struct mongodb_reading *r, uint32_t at)
{
    if (!mongodb_here(r, at, 4))
        return 0;
    const uint8_t *b = r->bytes.bytes + at;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t mongodb_u64(const struct mongodb_reading *r, uint32_t at)
{
    return mongodb_here(r, at, 8) ? mongodb_u32(r, at) | (uint64_t)mongodb_u32(r, at + 4) << 32 : 0;
}

static inline struct view mongodb_view(const struct mongodb_reading *r, uint32_t at, uint32_t length)
{
    return view_head(view_from(r->bytes, at), length);
}

/* mongodb.c. A defect: the message means nothing; kept silent where bytes were lost a moment ago. A remark: it is legal, or
 * servers take it. */
void mongodb_defect(struct mongodb_reading *r, struct report found);
void mongodb_remark(struct mongodb_reading *r, struct report found);
/* The fields from here to `length` bytes on are part of the message; else says so and fails. */
bool mongodb_holds(struct mongodb_reading *r, uint32_t at, uint32_t length, enum field field);

/* mongodb_bson.c: walks the document at `at`, which must end at `limit` or before. */
enum bson {
    BSON_SOUND,
    BSON_UNSEEN, /* sound as far as it is here; `end` is known */
    BSON_LOST,   /* not even its length is here */
    BSON_WRONG,
};
enum bson mongodb_bson(struct mongodb_reading *r, uint32_t at, uint32_t limit, uint32_t *end);

/* mongodb_column.c: a binary of subtype 7. */
void mongodb_column(struct mongodb_reading *r, uint32_t at, uint32_t end);

/* mongodb_element.c: the elements of a document that was walked. */
struct mongodb_element {
    struct view name;
    uint8_t type;
    uint32_t at, end;    /* of the value */
};
struct mongodb_walk {
    uint32_t at, end;
};
struct mongodb_walk mongodb_elements(const struct mongodb_reading *r, uint32_t at);
/* False at the end of the document, or of what is here. */
bool mongodb_next(const struct mongodb_reading *r, struct mongodb_walk *walk, struct mongodb_element *out);
bool mongodb_find(const struct mongodb_reading *r, uint32_t document, const char *name, struct mongodb_element *out);
bool mongodb_named(const struct mongodb_element *e, const char *name);
/* The text of a string, without its NUL, or the bytes of a binary; empty when it is neither, or not all here. */
struct view mongodb_text(const struct mongodb_reading *r, const struct mongodb_element *e, uint32_t *at);
/* An integer, a double or a boolean as a whole number; 0 when it is none. */
int64_t mongodb_number(const struct mongodb_reading *r, const struct mongodb_element *e);
/* Notes the text of an element as a field; returns it. */
struct view mongodb_note_text(struct mongodb_reading *r, enum field field, const struct mongodb_element *e);

/* mongodb_msg.c, mongodb_legacy.c, mongodb_compressed.c: what follows the header. */
void mongodb_msg(struct mongodb_reading *r);
void mongodb_legacy(struct mongodb_reading *r);
void mongodb_compressed(struct mongodb_reading *r);
void mongodb_reply_message(struct mongodb_reading *r);

/* mongodb_command.c: a command of a client: its document, in `database`. Returns what its reply will mean. */
enum asked mongodb_command(struct mongodb_reading *r, uint32_t document, struct view database, bool *waits);

/* mongodb_answer.c: requests and replies in pairs, and what the replies say. */
void mongodb_sent(struct mongodb_reading *r, enum asked asked, bool exhaust, bool waits);
void mongodb_sent_quietly(struct mongodb_reading *r, enum asked asked); /* it wants no answer */
/* A reply of this opcode; `more`: others will follow by themselves. Returns what was asked. */
enum asked mongodb_answered(struct mongodb_reading *r, bool more);
/* Its document. */
void mongodb_answer(struct mongodb_reading *r, uint32_t document, enum asked asked, uint64_t rows);

/* mongodb_resync.c */
bool mongodb_plausible(struct view bytes, enum side from);
bool mongodb_may_begin(struct view bytes); /* too few bytes to tell, and none of them speaks against it */
bool mongodb_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);

#endif
