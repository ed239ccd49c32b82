/*
 * Streams become messages: the only place that buffers. One conversation per database connection, made by
 * identify (endpoint first, first bytes second), fed by the net room through dialogue_sink.
 *
 * Bounded: at most MESSAGE_BYTES_MAX buffered per direction and only while a message is split over segments; whatever a
 * message declares, the rest of it is counted and not kept.
 */
#ifndef DBHOUND_PROTO_CONVERSATION_H
#define DBHOUND_PROTO_CONVERSATION_H

#include "net/stream.h"
#include "proto/directory.h"
#include "proto/decoder.h"
#include "proto/keylog.h"

/* One decoded message, as the rooms to the right see it. Valid during the call. */
struct message {
    struct flow *flow;
    const struct decoder *decoder; /* NULL: what libndpi says of a connection that no decoder claims */
    enum side from;
    const struct findings *findings;
    struct view head;          /* the bytes that were decoded; may be less than the whole */
    uint64_t stream_offset;    /* of the message's first byte (inside a wrapper: of the frame with that byte) */
    const struct segment *first; /* the segment with the message's first byte */
    const struct segment *last;  /* the segment with the last byte that was needed */
    const struct segment_mark *marks; /* of a message in several segments: where each begins in it */
    unsigned marks_used;
    uint8_t confidence;        /* 0 to 100: lower after gaps, mid-stream, one-sided */
    bool datagram;             /* it came by UDP: `flow` is of this message alone */
    bool bare;                 /* about no packet, and `flow` may have no user data: no sample is gathered */
    uint8_t event;             /* enum event: what happened is no message, and `findings` say what is known of it */
    bool decrypted;            /* it came inside TLS and was opened */
};

/* The little that health needs of a message: requests and replies are many. */
struct utterance {
    struct flow *flow;
    const struct decoder *decoder;
    const struct findings *findings; /* NULL: of several messages of one segment that are replies and nothing else, */
    const struct segment *first, *last;
    struct view head;
    enum side from;
    uint32_t replies;                /* so many; they are told together, before anything else is told */
};

/* From this offset of the message on, its bytes came from this segment. */
struct segment_mark {
    uint32_t offset;
    struct segment where;
};

/* The segment that holds the byte at `offset` of the message (the last one known, for bytes beyond the head). */
const struct segment *message_segment(const struct message *message, uint32_t offset);

struct message_sink {
    void *context;
    /* The kinds of facts that the sink wants to hear of (bits 1 << FACT_...). */
    uint32_t facts;
    /* Whether it wants every message of a protocol and direction; may be NULL. Asked at dialogue_open, and by dialogue_ask_wants. */
    bool (*wants)(void *context, enum protocol protocol, enum side from);
    /* A message with a report, with a fact that is wanted, of a kind that is wanted, or on a connection of which a sample is
     * gathered. */
    void (*message)(void *context, const struct message *message);
    /* Of every message with a report or with one of these facts, before `message`. May be NULL. */
    uint32_t pulse_facts;
    void (*pulse)(void *context, const struct utterance *heard);
    /* A side said FIN behind its last message; bytes of a side were lost. Of database connections; may be NULL. */
    void (*finished)(void *context, struct flow *flow, enum side from, const struct segment *where);
    void (*gap)(void *context, struct flow *flow, enum side from, const struct segment *where);
    /* What a connection is that no decoder claims, once (names: spoken). May be NULL. */
    void (*unclaimed)(void *context, struct flow *flow, uint16_t spoken);
    /* The first bytes of a connection told which database it speaks; before its first message. May be NULL. */
    void (*opened)(void *context, struct flow *flow, const struct segment *where);
    /* The connection is over: last call for its user data. */
    void (*closed)(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where);
};

struct dialogue_options {
    size_t conversations;      /* database connections at once */
    size_t message_buffers;    /* messages of more than 2 KiB that are split over segments, at once */
    size_t note_blocks;
    size_t inflaters;          /* compressed frames being opened at once */
    struct keylog *keylog;     /* secrets of TLS sessions, shared by workers; NULL: TLS is not opened, and these are 0 */
    size_t tls_sessions;       /* that are followed at once, and records of theirs that are split over segments: */
    size_t tls_records;
    size_t servers;            /* endpoints remembered, when there is no directory */
    struct directory *directory; /* shared by workers; NULL: one of its own */
    unsigned worker;
    bool classify;             /* ask libndpi about connections that no decoder claims */
    int64_t incomplete_ns;     /* packet time after which a message that stands still is incomplete */
};

/* Bytes that one of each takes. */
struct dialogue_costs {
    size_t conversation, message_buffer, note_block, inflater, tls_session, tls_record;
};

struct dialogue_costs dialogue_costs(void);

struct dialogue;

struct dialogue *dialogue_open(struct arena *from, const struct dialogue_options *options, const struct message_sink *sink,
                               struct counters *counters);
/* Gives back what is not of the arena. */
void dialogue_close(struct dialogue *d);
/* What the sink wants has changed. */
void dialogue_ask_wants(struct dialogue *d);
/* What net_open needs. */
struct stream_sink dialogue_sink(struct dialogue *d);
/* Where the run has come to: `when` as in proto/directory.h, and packet time. Optional, before each packet and tick; without
 * it everything that was learned is known. */
void dialogue_at(struct dialogue *d, uint64_t when, int64_t now_ns);
/* Who decodes datagrams to a server's port, or NULL. */
const struct decoder *dialogue_datagram_decoder(uint16_t port);
/* One UDP datagram between the flow's endpoints, of a server whose port has such a decoder; `length` as on the wire. */
void dialogue_datagram(struct dialogue *d, struct flow *flow, enum side from, struct view payload, uint64_t length, const struct segment *where);
/* Packet time has come to this: raises what timed out. */
void dialogue_tick(struct dialogue *d, int64_t now_ns);
/* The decoder of a flow, or NULL. The session of a flow, or NULL. */
const struct decoder *dialogue_decoder(const struct flow *flow);
const struct session *dialogue_session(const struct flow *flow);
/* The message of a side that began and is not whole: its bytes so far that are kept, how many came and how many it says it has
 * (0: not known yet), and where it began. False: there is none. */
struct unfinished {
    struct view head;
    uint64_t arrived, declared;
    struct segment first;
};
/* Whether the messages of both sides can be read: not behind TLS, or of a feature that is not decoded. */
bool dialogue_is_read(const struct flow *flow);
bool dialogue_unfinished(const struct flow *flow, enum side from, struct unfinished *out);
/* How much of a database connection could be read, in bytes of its streams. */
struct sight {
    uint64_t decoded, encrypted;
    uint64_t unsupported; /* of features that are not decoded */
    uint64_t passed;      /* seen, and passed over while looking for a message's beginning */
    uint64_t lost;        /* never seen: gaps, and what was acknowledged to a side that was not captured */
    int64_t blind_ns;     /* from bytes that could not be read to the next ones, until a beginning was found */
};
/* Of a claimed connection, up to now; else NULL. */
const struct sight *dialogue_sight(const struct flow *flow);
/* Stretches of the streams that hold secrets: fills up to `most`, returns how many. */
struct secret_range {
    enum side from;
    uint64_t stream_offset;
    uint32_t length;
};
size_t dialogue_secrets(const struct flow *flow, struct secret_range *out, size_t most);
/* Per-protocol sums for the summary. */
uint64_t dialogue_flows(const struct dialogue *d, enum protocol protocol);
uint64_t dialogue_messages(const struct dialogue *d, enum protocol protocol);
/* Connections that no decoder claims, by what libndpi says they are (names: spoken, below SPOKEN_WORDS; 0: it does not know). */
enum { SPOKEN_WORDS = 384 };
uint64_t dialogue_spoken(const struct dialogue *d, uint16_t spoken);

#endif
