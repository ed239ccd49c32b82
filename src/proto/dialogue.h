/*
 * The inside of the proto room: connections that a decoder claimed, and what they share. Private.
 */
#ifndef DBHOUND_SRC_PROTO_DIALOGUE_H
#define DBHOUND_SRC_PROTO_DIALOGUE_H

#include "proto/notes.h"
#include "proto/conversation.h"
#include "proto/classify.h"
#include "proto/stranger.h"
#include "proto/tls.h"

struct inflater;
struct keylog;
struct tls_session;

enum { SMALL_BUFFER = 2048, MARKS_MAX = 12, SECRETS_MAX = 8, WRAP_HEADER_MAX = 16, OPENING_BYTES = 64, JUDGED_BOTH = 3 };

/* A message that is split over segments: its bytes so far, as many as its decoder wants. */
struct held {
    struct pool *home;
    uint32_t size;    /* of bytes */
    uint32_t length;
    unsigned marks_used;
    struct segment_mark marks[MARKS_MAX];
    uint8_t bytes[];
};

enum reading {
    READING,      /* messages follow each other */
    SEARCHING,    /* bytes were lost: looking for a boundary */
    STOPPED,      /* this direction is no longer decoded */
};

/* Where a direction stands in its stream of messages (inside the wrapper, if there is one). */
struct direction {
    struct held *held;
    uint64_t skip;           /* bytes of the current message that nobody wants to see */
    uint64_t declared;       /* length of the current, unfinished message; 0: none known */
    uint64_t arrived;        /* bytes of it that came */
    struct segment first;    /* its first byte */
    uint64_t since_ns;       /* when it last made progress, on the clock that never goes back */
    struct direction *waiting_next, *waiting_before;
    struct conversation *of;
    struct inflater *inflater;
    uint8_t reading;
    uint8_t length_at, length_bytes, length_excludes; /* of the current message, see struct frame */
    bool waiting, incomplete_told;
    bool skip_is_tls;        /* `skip` counts bytes of a TLS record that are read, but not by the decoder */
    struct held *hello;      /* a TLS handshake message that is split */
    struct tls_reading tls;
    uint64_t passed;         /* bytes, since its messages were lost */
    int64_t blind_ns;        /* when the last of them were; 0: none */
    uint8_t tls_seen;        /* bytes after the agreement on TLS that were judged */
    uint8_t unsure;          /* sound messages that must come before a found boundary is believed altogether */
};

enum { TLS_BYTES_JUDGED = 2, UNSURE_MESSAGES = 8, UNSURE_OF_CONTENT = 6 };

/* Of what the decoder gets: inside TLS, once that is opened. TRANSPORT_TLS: it is not, or not yet. */
enum transport { TRANSPORT_CLEAR, TRANSPORT_WRAPPED, TRANSPORT_TLS, TRANSPORT_OPAQUE };

struct conversation {
    const struct decoder *decoder;
    struct classified *guest; /* without a decoder: libndpi is asked what it is */
    struct flow *flow;
    struct dialogue *dialogue;
    struct session session;
    struct notes notes;
    struct direction sides[2];
    struct held *opening; /* the first bytes of a side, while they are too few to tell whose they are */
    uint8_t opening_from; /* enum side */
    struct secret_range secrets[SECRETS_MAX];
    uint8_t secrets_used, secrets_next;
    uint8_t transport;
    uint8_t confidence;
    bool blind_told;
    bool torn;           /* TRANSPORT_OPAQUE because bytes were lost, or memory for it */
    struct sight sight;
    bool sealed;         /* both sides agreed on TLS: the stream is its records, from some place on */
    struct tls_session *tls; /* its secrets may be known; or NULL */
    bool confirmed;      /* the endpoint is known to speak this protocol */
    uint8_t stranger_from; /* of `stranger`: enum side */
    uint8_t judged;      /* bits 1 << enum side: its first bytes were looked at, as many as are needed, or need not be */
    uint8_t instead;     /* enum protocol: whose port it is, while tentative; else NONE */
    uint16_t stranger;   /* names: spoken; what it was told to be */
    uint16_t kept;       /* names: spoken; what it is told to be if the server does not answer in kind */
    bool tentative;      /* claimed by its first bytes alone, on no known port: silent until the peer answers in kind */
    _Alignas(16) uint8_t state[];
};

/* flow->user of a connection that no decoder claims. */
extern struct conversation not_a_database;

/* The connection's, if a decoder has claimed it. */
static inline struct conversation *conversation_of(const struct flow *flow)
{
    struct conversation *c = flow->user;
    return c && c->decoder ? c : NULL;
}

/* Its first bytes were too few to tell: they are kept in a conversation without a decoder. */
static inline bool is_undecided(const struct flow *flow)
{
    const struct conversation *c = flow->user;
    return c && !c->decoder && !c->guest && c != &not_a_database;
}

/* No decoder claims it, and what it is is being found out. */
static inline bool is_guest(const struct flow *flow)
{
    const struct conversation *c = flow->user;
    return c && c->guest;
}

struct dialogue {
    struct message_sink sink;
    struct utterance replies;    /* of the segment that is read, not told yet */
    struct counters *counters;
    struct pool conversations, small, large, note_blocks, note_tables, inflaters, codecs, tls_sessions, tls_records;
    struct keylog *keylog; /* or NULL */
    uint8_t *plain; /* scratch for one opened record; with a key log */
    struct directory *directory;
    unsigned worker;
    uint64_t when;           /* as in proto/directory.h */
    struct direction *waiting_first, *waiting_last;
    int64_t incomplete_ns, now_ns;
    uint64_t behind_ns;      /* all steps back of the clock: packet time plus this never goes back */
    uint64_t flows[PROTOCOLS], messages[PROTOCOLS];
    struct classifier *classifier; /* NULL: libndpi is not asked */
    uint64_t spoken[SPOKEN_WORDS]; /* connections that no decoder claims, by names: spoken */
    struct peers *peers; /* of datagrams */
    uint8_t *opened; /* scratch for decompressed bytes */
    struct unpacker *unpacker;
    bool wants[PROTOCOLS][2];
    struct findings findings;
};

enum { OPENED_BYTES = 65536, PEERS = 4096 };

/* identify.c: whose connection is this? Returns the conversation, or NULL when it is no database's (flow->user is then set
 * so that it is not asked again), or when more bytes must decide. */
struct conversation *identify(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where);
/* The same, when the first bytes are kept already. */
struct conversation *identify_more(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where);
/* Whoever it was: the kept bytes are nobody's. */
void identify_give_up(struct dialogue *d, struct flow *flow);
/* The first bytes of a side are somebody else's (names: spoken): told once, and unless the server reads on the connection is left
 * alone. True: it is now. */
bool identify_stranger(struct conversation *c, enum side from, uint16_t spoken, struct view bytes, const struct segment *where);
/* The first bytes of who speaks first, and of the client, on a connection that is claimed. True: nothing more is to be done with them: they are somebody else's, or kept
 * until there are more. However they are cut into segments, they are judged the same. */
bool identify_opening(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
/* Nothing more is waited for: what is kept is judged, and goes its way. */
void identify_settle(struct conversation *c);
/* Findings that say nothing but that these first bytes are somebody else's. */
void identify_report(struct conversation *c, uint16_t spoken, struct view bytes);
/* What the server is asked is not known to be wrong before it answers, or does not: the first bytes are kept for then. */
void identify_keep(struct conversation *c, uint16_t spoken, struct view bytes, const struct segment *where);
/* The server's first bytes after that. True: they are no answer in kind, which is told, and the connection is left alone. */
bool identify_answer(struct conversation *c, struct view bytes);
/* The connection is over, and the server did not answer although it was there. */
bool identify_unanswered(const struct conversation *c, enum flow_end end);
/* It did not answer in kind: the kept bytes are told as somebody else's. */
void identify_refused(struct conversation *c);

/* unclaimed.c: the connection is no database's; what it is may be asked. */
void unclaimed_begin(struct dialogue *d, struct flow *flow);
void unclaimed_bytes(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where);
/* It is over, whether it was found out or not. */
void unclaimed_end(struct dialogue *d, struct flow *flow, enum side from, const struct segment *where);
/* As stranger_on, and who libndpi is sure of. */
uint16_t unclaimed_stranger(struct dialogue *d, const struct decoder *expected, const struct flow *flow, enum side from, struct view bytes,
                            const struct segment *where);
/* dialogue.c: bytes of a connection that is no database's, or of nobody yet. */
void other_bytes(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where);

/* unfinished.c */
/* Adds bytes to the unfinished message, moving it to a large buffer when it outgrows the small one. */
bool held_add(struct dialogue *d, struct direction *side, struct view bytes, const struct segment *where) MUST_CHECK;
void held_give(struct direction *side);

/* conversation.c */
/* A login that is wrong: what follows the `known` bytes of it and was not decoded is masked. */
void hide_undecoded(enum side from, uint8_t phase, struct findings *f, uint64_t known);
struct conversation *conversation_open(struct dialogue *d, struct flow *flow, const struct decoder *decoder, const struct segment *where);
/* Bytes of messages of one direction, after any unwrapping. */
void conversation_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
void conversation_gap(struct conversation *c, enum side from, uint64_t lost);
/* The next byte of a direction surely begins a message, whatever came before. */
void conversation_restart(struct conversation *c, enum side from);
/* Bytes of the stream that are masked wherever they are written. */
void secret_keep(struct conversation *c, enum side from, uint64_t stream_offset, uint64_t length);
struct findings *findings_clear(struct dialogue *d, uint64_t length);
/* Clears the findings for a message of this length. */
struct findings *findings_begin(struct conversation *c, uint64_t length);
/* Gives the findings of a message to the sink, if it wants them. The message begins `offset` bytes into its first segment. */
void conversation_tell(struct conversation *c, enum side from, struct view head, const struct segment *first, size_t offset,
                       const struct segment *last, const struct held *held);

/* sight.c: bytes that were read past, of a side whose messages cannot be told apart; says so when they are many. */
void sight_passed(struct conversation *c, enum side from, uint64_t bytes, const struct segment *where);
void sight_lost(struct conversation *c, enum side from, uint64_t lost, const struct segment *where);
/* Nothing but one side was captured. */
void sight_one_sided(struct conversation *c, enum side seen, const struct segment *where);
/* A connection that is no longer decoded, or not at all, because memory is short. `c` may be NULL. */
void sight_shed(struct dialogue *d, struct flow *flow, const struct decoder *decoder, enum side from, const struct segment *where);

/* A wrapping frame began and is not whole. */
bool unwrap_is_open(const struct inflater *i);
/* Its first segment, its header so far, where that says how long the payload is, how many bytes the frame has by this (0:
 * not known yet), how many came, and how many of both are the header. */
void unwrap_progress(const struct inflater *i, struct segment *first, struct view *header, struct field_value *length,
                     uint64_t *declared, uint64_t *arrived, uint64_t *excludes);
/* The direction's message is unfinished and nothing more will come: says so once. */
void conversation_incomplete(struct conversation *c, enum side from, const struct segment *where);
static inline bool direction_is_open(const struct direction *side)
{
    return side->held || side->skip || (side->inflater && unwrap_is_open(side->inflater));
}
void waiting_join(struct dialogue *d, struct direction *side, int64_t now_ns); /* it made progress and is not whole */
void waiting_leave(struct dialogue *d, struct direction *side);
/* Nothing of this direction is decoded any more. */
void conversation_stop(struct conversation *c, enum side from);
/* dialogue.c: bytes of a claimed connection: to TLS, or to where its transport says. The same for what was inside TLS. */
void dialogue_route(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
void dialogue_inside(struct conversation *c, enum side from, struct view bytes, const struct segment *where);

/* unpack.c: NULL when memory is short. */
struct unpacker *unpacker_open(struct arena *from);

/* datagrams.c */
bool datagrams_open(struct dialogue *d, struct arena *from);

/* unwrap.c: bytes of one direction of a wrapped connection. */
void unwrap_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
void unwrap_gap(struct conversation *c, enum side from, uint64_t lost);
void unwrap_close(struct conversation *c);
size_t unwrap_inflater_size(void);
size_t unwrap_codec_size(void);
bool unwrap_pool(struct dialogue *d, struct arena *from, size_t inflaters, size_t codecs);

#endif
