/*
 * The decoder wall. A protocol is one constant `struct decoder` and knows nothing of packets, segments or rules.
 *
 * The conversation asks frame() how long the next message is, waits until the wanted leading bytes are there (in place
 * when they lie in one segment), and calls message(). Three things are kept apart: bytes that are not here yet
 * (FRAME_NEEDS_MORE), a field that is missing inside a complete message (a report), bytes lost on the way (gap).
 *
 * A decoder: no recursion, no allocation, no loop that is not bounded by the bytes it was given, no access to bytes but
 * through the cursor. It may ask any number of times; it must answer the same way for the same state and bytes.
 */
#ifndef DBHOUND_PROTO_DECODER_H
#define DBHOUND_PROTO_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "model/fact.h"
#include "model/field.h"
#include "model/report.h"

enum {
    MESSAGE_BYTES_MAX = 16384, /* the most a decoder may want of one message */
    FINDING_REPORTS_MAX = 8,
    FINDING_FIELDS_MAX = 64,
    FINDING_FACTS_MAX = 8,
    DECODER_STATE_MAX = 512,
    DATAGRAM_STATE_MAX = 32,
    SESSION_TEXT_MAX = 48,
    NOTE_BYTES_MAX = 240,
};

/* What a connection is to every protocol. The decoder keeps it true; rules, alerts and health read it. */
struct session {
    uint8_t phase;       /* names: phase */
    uint8_t compression; /* names: compression */
    bool tls;
    bool opens;          /* what is inside TLS is read: its secrets are known */
    bool inside;         /* the message came from there */
    bool midstream;      /* joined without its start, or after a gap: what was negotiated is not known */
    uint32_t messages[2]; /* decoded so far, by enum side; counted by the conversation */
    uint64_t flowbits;   /* of the rules; no decoder knows them */
    bool placed;         /* of the rules, too: country and asn were looked up */
    char country[2];     /* zeros: unknown */
    uint32_t asn;
    uint8_t user_length, database_length;
    char user[SESSION_TEXT_MAX], database[SESSION_TEXT_MAX]; /* cut when longer; bytes as on the wire */
};

struct notes; /* small things a decoder remembers per connection, see note_keep */
struct unpacker; /* memory for compressed messages, see unpack_message */

/* What one call of message() says. Belongs to the conversation, cleared before each call. */
struct findings {
    struct session *session;
    struct notes *notes;
    struct unpacker *unpacker; /* NULL: no memory for it */
    struct view opened;      /* set by message(): what its compressed message opened to, to be decoded next (see unpack_message) */
    uint64_t opened_length;  /* the whole of it, as far as it says */
    uint64_t message_length; /* the whole message on the wire; the cursor holds its wanted head */
    uint16_t message;        /* db.message: a value of the protocol's message names. From here to `secret` are the eight bytes that */
    uint8_t reports_used, fields_used, facts_used; /* health compares at once. */
    uint8_t depth;           /* of the fields that are noted now */
    uint8_t shape_field;     /* the last FIELD_SHAPE that was noted: its place in `fields` + 1; 0 none */
    bool secret;             /* a FIELD_SECRET was noted */
    uint32_t facts_seen;     /* bits 1 << enum fact_kind */
    uint32_t carried_at;     /* with VERDICT_TLS_CARRIED */
    bool fields_cut;         /* there were more than FINDING_FIELDS_MAX */
    struct report reports[FINDING_REPORTS_MAX];
    struct field_value fields[FINDING_FIELDS_MAX];
    struct fact facts[FINDING_FACTS_MAX];
};

/* Notes a value read from the message: a node of the tree, a value for rules. */
static inline void note_field(struct findings *out, enum field field, uint32_t offset, uint32_t length, uint64_t value)
{
    if (out->fields_used == FINDING_FIELDS_MAX) {
        out->fields_cut = true;
        return;
    }
    if (field_flags_of[field] & FIELD_SECRET)
        out->secret = true;
    if (field_flags_of[field] & FIELD_SHAPE)
        out->shape_field = (uint8_t)(out->fields_used + 1);
    out->fields[out->fields_used++] =
        (struct field_value){.value = value, .offset = offset, .length = length, .field = (uint16_t)field, .depth = out->depth};
}

/* The same for a stretch of bytes that was taken from `c` just now (it ends at the cursor's position). */
static inline void note_bytes(struct findings *out, enum field field, struct view bytes, const struct cursor *c)
{
    note_field(out, field, cursor_offset(c) - (uint32_t)bytes.length, (uint32_t)bytes.length, 0);
}

/* Reports an anomaly. More than FINDING_REPORTS_MAX in one message: the first ones stay. */
static inline void report(struct findings *out, struct report found)
{
    if (out->reports_used < FINDING_REPORTS_MAX)
        out->reports[out->reports_used++] = found;
}

static inline void observe(struct findings *out, struct fact fact)
{
    out->facts_seen |= UINT32_C(1) << fact.kind;
    if (out->facts_used < FINDING_FACTS_MAX)
        out->facts[out->facts_used++] = fact;
}

/* A zeroed place of `size` (<= NOTE_BYTES_MAX) bytes under `key`, replacing an older one; NULL when memory is short (the
 * decoder then knows less and says nothing). Kept until note_drop, the connection's end, or 256 newer notes. */
void *note_keep(struct findings *out, uint64_t key, size_t size);
void *note_find(struct findings *out, uint64_t key);
void note_drop(struct findings *out, uint64_t key);

/* How compressed bytes are to be opened: of a wrapping frame or of one message. */
enum codec { CODEC_STORED, CODEC_ZLIB, CODEC_ZSTD, CODEC_SNAPPY, CODEC_LZ4 };

enum { UNPACK_BYTES_MAX = 1 << 20 }; /* what one compressed message may cost */

enum unpacked_how {
    UNPACKED_WHOLE,  /* `bytes` is all of it */
    UNPACKED_HEAD,   /* `bytes` is its beginning: the rest is not here, or beyond the bound */
    UNPACKED_NOT,    /* the rest is not here, or it is beyond the bound, or memory is short: nothing was opened */
    UNPACKED_WRONG,  /* the codec refuses it */
};

struct unpacked {
    enum unpacked_how how;
    struct view bytes;  /* `front`, then what was opened; valid until the next call */
    uint64_t size;      /* bytes that it opens to, without the front: known, or (HEAD) at least so many */
    bool size_known;
};

/* Opens the payload of a compressed message behind a copy of `front` (at most 16 bytes). `whole`: all of the payload is here.
 * Bounded by UNPACK_BYTES_MAX whatever it would open to. A decoder that puts the result into findings.opened gets message()
 * called again with it: as a message of its own, told apart from the one that carried it. */
struct unpacked unpack_message(struct findings *out, enum codec codec, struct view payload, bool whole, struct view front);

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

enum framing { FRAME_READY, FRAME_NEEDS_MORE };

struct frame {
    uint64_t total;  /* bytes on the wire, header included, > 0 */
    uint32_t wanted; /* leading bytes message() must see: 0 < wanted <= total, wanted <= MESSAGE_BYTES_MAX */
    /* Where the message says how long it is and how many of its bytes that does not count, for one that never completes. */
    uint8_t length_at, length_bytes, length_excludes;
};

enum verdict {
    VERDICT_OK,
    VERDICT_TLS,         /* after this message, or from this TLS record on, both directions speak TLS */
    VERDICT_TLS_OFFERED, /* this message is a TLS record of the client, which the server may still refuse */
    VERDICT_TLS_CARRIED, /* the bytes of this message from findings.carried_at on are TLS, of which only these are; what they
                            hold when they are opened is a stream of messages in place of this one */
    VERDICT_COMPRESSED,  /* after this message both directions are wrapped (see struct wrapper) */
    VERDICT_OPAQUE,      /* both directions are encrypted or of a kind that is not decoded */
    VERDICT_BROKEN,      /* the message's framing is wrong: what follows cannot be trusted; find the next boundary */
};

struct wrap {
    uint32_t header;     /* bytes of the wrapping header */
    uint32_t payload;    /* bytes after it */
    uint32_t declared;   /* bytes it says it opens to; CODEC_STORED: = payload; CODEC_SNAPPY: 0, the payload itself says it */
    enum codec codec;
    uint8_t trailer;     /* bytes behind the payload: a CRC-32 (see struct wrapper), or 0 */
    uint8_t prefix;      /* of the payload: a length of so many bytes, big-endian, that is `declared` */
    bool header_is_content; /* the header is the beginning of the content */
    bool starts;         /* a message begins where the content does: what is open before it is over */
};

/* A layer between stream and messages that begins at VERDICT_COMPRESSED: frames whose payloads, opened, are the stream. */
struct wrapper {
    uint32_t header; /* bytes that head() needs */
    uint32_t (*header_of)(const void *state, enum side from); /* NULL, or: the same, where it depends on what was agreed on */
    /* Reads the header at the start of `head` (at least `header` bytes), reports what is wrong with it. */
    enum verdict (*head)(void *state, enum side from, struct cursor head, struct wrap *out, struct findings *findings);
    /* NULL: after lost bytes the frames are lost for good. Or: where in `ahead` a frame of `from` surely begins. */
    bool (*resync)(const void *state, enum side from, struct cursor ahead, size_t *offset);
    /* NULL, or: the length in front of the payload (wrap.prefix, or what Snappy says) is this; reports what is wrong with it. */
    enum verdict (*opens_to)(void *state, enum side from, uint64_t declared, struct findings *findings);
    uint8_t crc_start[4];        /* what the CRC-32 behind a payload begins with, before the payload */
    enum anomaly wrong_sum;      /* it is another one */
    enum field sum;
    enum anomaly size_differs;   /* it opens to less than declared; what it opens to is used */
    enum anomaly cannot_open;    /* the codec refuses the payload, or it opens to more than declared */
    enum field declared, actual; /* their fields */
    enum field length;           /* of the payload, as head() notes it */
};

struct decoder {
    enum protocol protocol;
    const char *name;
    uint16_t spoken;        /* names: spoken; what this protocol is called on another server's port */
    bool reads_on;          /* behind what the server does not understand, it reads on: what follows may be its own again */
    const uint16_t *ports;  /* where a server is expected, 0-terminated */
    size_t state_size;      /* <= DECODER_STATE_MAX; zeroed before the first call */
    enum name_set messages; /* names of findings.message */
    enum anomaly incomplete;/* raised by the conversation: a message that never completes; its declared length: */
    enum field length_field;
    bool server_first;      /* the server's greeting opens the connection */
    bool pipelined;         /* requests may follow each other without waiting for replies, also before the login */

    /* Could these first bytes of one side's stream be this protocol? */
    enum match (*probe)(enum side from, struct cursor head);
    enum framing (*frame)(const void *state, enum side from, struct cursor ahead, struct frame *out);
    enum verdict (*message)(void *state, enum side from, struct cursor body, struct findings *out);
    /* Bytes of `from` were lost, or (lost = 0) the connection is joined without its start. The state must expect less. */
    void (*gap)(void *state, enum side from, uint64_t lost);
    /* After a gap: the offset in `ahead` (bytes of one segment) where a message of `from` surely begins. */
    bool (*resync)(const void *state, enum side from, struct cursor ahead, size_t *offset);
    /* NULL, or: one side ended its stream (FIN or RST). For messages that are wrong because they were never answered. */
    void (*end)(void *state, enum side from, bool reset, struct findings *out);
    const struct wrapper *wrapper; /* NULL: the protocol is never wrapped */
    const uint16_t *datagram_ports; /* UDP, ended by 0; NULL without `datagram` */
    /* NULL, or one UDP datagram to or from such a port: out->message_length is its length on the wire. `state`: zeroed
     * at first, kept for this client and server while there is room. Returns how many leading bytes the offsets of what it
     * notes do not count. */
    uint32_t (*datagram)(void *state, enum side from, struct cursor body, struct findings *out);
};

#define DECODER(name, SYMBOL, title) extern const struct decoder name##_decoder;
#include "model/decoders.def"
#undef DECODER

const struct decoder *decoder_of(enum protocol protocol); /* NULL for PROTOCOL_NONE */

#endif
