/*
 * What the net room knows of one connection, and the net itself. Private to the room.
 *
 * Positions are 64-bit stream offsets (SYN is -1, FIN takes one), so that sequence numbers wrap in one place only.
 * `received` is where a receiver that saw the same packets would be; `delivered` is how far the sink is. They differ
 * only while segments wait, ready, for bytes of the other side that they acknowledge.
 */
#ifndef DBHOUND_NET_CONNECTION_H
#define DBHOUND_NET_CONNECTION_H

#include "net/hash.h"
#include "net/host_policy.h"
#include "net/reassembly.h"
#include "net/stream.h"
#include "net/wire.h"

/* Whether wrong checksums of a side say anything: where it is captured before its network card filled them in, all are. */
enum sums { SUMS_UNKNOWN, SUMS_TELL, SUMS_LEFT_TO_THE_CARD };

/* What was told of a connection already; and resets that were not believed, by side. */
enum odd { ODD_OVERLAP, ODD_TTL, ODD_URGENT, ODD_INJECTED, ODD_LATE, ODD_SUSPECT, ODD_FRAGMENTS = ODD_SUSPECT + 2 };
enum { ODD_SUSPECTS = 1 << ODD_SUSPECT | 1 << (ODD_SUSPECT + 1), TTL_TOLERANCE = 2 };

struct half {
    uint32_t next;             /* sequence number at `received` */
    uint32_t window_most;      /* largest window that was granted to this side */
    int64_t received, delivered;
    int64_t acked;             /* the furthest that the other side acknowledged */
    int64_t edge;              /* the furthest that it allowed to send */
    struct held *ready_first, *ready_last;
    struct held_queue early;
    struct held *syn_data;     /* of a SYN, until an answer says whether it counts */
    int64_t excused;           /* acknowledged, never seen, and taken for a lost FIN */
    uint32_t held_bytes;
    uint32_t gap_packets;      /* packets of this side when its last acknowledged gap was given up */
    int64_t grace_ns;          /* since when `grace_acked` bytes are acknowledged and missing */
    uint64_t grace_packets;
    int64_t grace_acked;
    int64_t hole_ns;           /* since when something is early */
    uint32_t acked_first, acked_seq; /* first and newest acknowledgement before the side was captured */
    uint32_t stamp;            /* newest timestamp in order (RFC 7323 TS.Recent) */
    uint32_t stray_start, stray_end; /* newest run of segments far outside the window */
    uint32_t rewind_seq;       /* where a gap began that only an acknowledgement spoke for */
    uint8_t strays;
    uint8_t scale;             /* of the windows that this side announces */
    uint8_t scale_offered;
    uint8_t ttl;               /* of its newest data */
    uint8_t sums;              /* enum sums */
    uint8_t sums_wrong;        /* how many in a row, while not known */
    bool seen : 1;             /* a packet of this side was captured */
    bool started : 1, acked_known : 1, grace : 1, gapped : 1, rewindable : 1;
    bool syn : 1, scaled : 1, stamped : 1, signed_md5 : 1, sack : 1; /* what its SYN said */
    bool fin_received : 1, finished : 1;
    uint8_t policy : 3;        /* enum host_policy of who receives what this side sends */
};
_Static_assert(HOST_POLICIES <= 8, "it fits in its bits");

/* What few connections need: a slot of the memory for early segments, while there is something in it. */
struct rare {
    struct rare_half {
        int64_t sent;          /* the furthest that this side sent, received or not */
        int64_t acked_unseen;  /* what the client acknowledged beyond that, */
        uint64_t unseen_packets; /* and after how many packets of this side */
        int64_t urgent;        /* the byte that its reader does not find in the stream */
        struct held *doubt_first, *doubt_last; /* by arrival; see doubt.c */
        bool urgent_known;
    } half[2];
};
_Static_assert(sizeof(struct rare) <= HELD_SLOT, "it lies in a segment's slot");

/* In the order in which they are dropped when memory is short. */
enum standing { STANDING_CLOSED, STANDING_EMBRYONIC, STANDING_ESTABLISHED, STANDINGS };

struct connection {
    struct flow flow;          /* first: the sink's flow is the connection */
    enum standing standing;
    bool plain;                /* established, nothing waits, nobody said FIN: the short way is right */
    bool told;                 /* the sink heard of it */
    bool waiting;              /* in net.waiting */
    bool spoke;                /* the client said more than SYN */
    bool reset_waits;          /* the client's last word is a reset behind a doubt */
    bool syn_pending;          /* a SYN on an open connection: the server's answer decides */
    uint8_t end, end_by;       /* how it ended; enum flow_end, enum side */
    uint8_t odd;               /* bits: 1 << enum odd */
    uint16_t vlan_other;       /* flow.vlan, or a second VLAN on which its packets come */
    uint32_t hash;
    uint32_t syn_pending_seq;
    uint64_t copies;           /* marks of its newest packets, the last one lowest: see copies.c */
    uint64_t last_number;      /* of its newest packet */
    struct half half[2];
    struct rare *rare;         /* NULL: nothing of it */
    struct connection *older, *newer;           /* queue of its standing */
    int64_t queued_ns;
    struct connection *wait_older, *wait_newer; /* queue of those that wait */
    int64_t wait_ns;
};

struct connection_queue {
    struct connection *oldest, *newest;
    size_t count;
};

struct flow_index {
    uint64_t *entries;         /* hash << 32 | slot + 1; 0 empty; linear probing, at most half full */
    uint32_t mask;
};

/* Connections that only one side spoke for have an index of their own: a flood of them touches no more memory than that. */
struct flow_table {
    uint64_t key[HASH_KEYS];
    struct flow_index known, embryonic;
    struct pool connections;
    struct connection_queue queues[STANDINGS];
    size_t embryonic_most;
    uint64_t recent[8];        /* hashes of coming packets, for the second stage of net_prefetch */
    uint32_t recent_at;
};

struct net {
    struct net_options options;
    struct stream_sink sink;
    struct counters *counters;
    int64_t now_ns;            /* newest packet time */
    struct connection_queue waiting;
    struct flow_table table;
    struct held_store held;
    size_t held_per_half;
};

static inline struct connection *connection_of(struct flow *flow)
{
    return (struct connection *)flow;
}

static inline int64_t half_position(const struct half *h, uint32_t seq)
{
    return h->received + (int32_t)(seq - h->next);
}

/* An acknowledgement of more is of bytes that were never sent, or that we did not see. */
static inline int64_t connection_sent(const struct connection *c, enum side from)
{
    int64_t received = c->half[from].received;
    return c->rare && c->rare->half[from].sent > received ? c->rare->half[from].sent : received;
}

static inline struct held *connection_doubts(const struct connection *c, enum side from)
{
    return c->rare ? c->rare->half[from].doubt_first : NULL;
}

/* Nothing that `ack` covers is still to come. A side that was never captured is not waited for. */
static inline bool half_has_reached(const struct half *h, int64_t ack)
{
    return !h->started || !h->seen || ack <= h->delivered || ack <= h->excused;
}

/* flow_table.c */
bool table_open(struct flow_table *t, struct arena *from, size_t connections) MUST_CHECK;
uint64_t table_hash(const struct flow_table *t, const struct net_packet *p);
struct connection *table_find(const struct flow_table *t, uint64_t hash, const struct net_packet *p);
/* One of the same endpoints whose numbers the packet continues, on another VLAN: the packet's is its second one from now on. */
struct connection *table_find_on_other_vlan(const struct flow_table *t, uint64_t hash, const struct net_packet *p);
/* Of at least `most` connections with this hash, the one that is silent for longest; NULL when there are fewer. */
struct connection *table_stalest_alike(const struct flow_table *t, uint64_t hash, unsigned most);
void table_prefetch(struct flow_table *t, uint64_t hash);
/* A new, embryonic one; NULL when every slot is taken, or all that such ones may have. */
struct connection *table_add(struct flow_table *t, uint64_t hash, int64_t now_ns);
void table_remove(struct flow_table *t, struct connection *c);
void table_set_standing(struct flow_table *t, struct connection *c, enum standing standing, int64_t now_ns);
/* The least valuable connection, or NULL. Bounded work. */
struct connection *table_victim(struct flow_table *t, int64_t now_ns);
/* One that had no packet for `idle_ns` among those of a standing, or NULL. Bounded work. */
struct connection *table_idle(struct flow_table *t, enum standing standing, int64_t idle_ns, int64_t now_ns);
/* Oldest first by id: for the end of a capture. */
void queue_sort(struct connection_queue *q);

/* net.c */
struct segment connection_where(const struct net *n, const struct connection *c);
/* Delivers what is held, tells the sink; the connection stays known as closed. */
void connection_close(struct net *n, struct connection *c, enum flow_end end, enum side by);

/* deliver.c */
/* As stream_bytes, where an urgent byte may have to be left out. */
void stream_bytes_but_urgent(struct net *n, struct connection *c, enum side from, struct view bytes, int64_t position,
                             struct segment *where);
static inline void stream_bytes(struct net *n, struct connection *c, enum side from, struct view bytes, int64_t position,
                                struct segment *where)
{
    c->told = true;
    c->half[from].delivered = position + (int64_t)bytes.length;
    where->stream_offset = (uint64_t)position;
    n->sink.bytes(n->sink.context, &c->flow, from, bytes, where);
}

void stream_lost(struct net *n, struct connection *c, enum side from, int64_t position, int64_t lost,
                 const struct segment *where);
void stream_finished(struct net *n, struct connection *c, enum side from, const struct segment *where);
/* Puts a segment whose turn has come behind what waits already. */
void stream_ready(struct net *n, struct connection *c, enum side from, struct held *h);
/* Puts an early segment in its place, or one of which another host may not believe all. False: nothing of it has one. */
bool stream_queue(struct net *n, struct half *side, struct held *h);
/* Whether a segment whose turn has come, up to `end`, is compared with early ones first. */
static inline bool stream_compares(const struct half *h, int64_t end)
{
    return h->policy != HOST_LINUX && h->early.first && h->early.first->start < end;
}
/* Moves early segments whose turn has come to the ready ones. */
void stream_absorb(struct net *n, struct connection *c, enum side from);
/* Everything of a side before `to` that was not seen is lost. */
void stream_give_up(struct net *n, struct connection *c, enum side from, int64_t to);
/* The side is at `seq` now, however far that is; what lies between is lost. */
void stream_jump(struct net *n, struct connection *c, enum side from, uint32_t seq);
/* Hands on what is ready, in causal order. */
void stream_pump(struct net *n, struct connection *c);
/* Gives up every hole and hands everything on. */
void stream_drain(struct net *n, struct connection *c);
void stream_drop_early(struct net *n, struct half *h);
/* After a reset: what waits behind a hole never reached the reader, unless the hole is only ours. */
void stream_forget_unacknowledged(struct net *n, struct connection *c, enum side from);

/* patience.c: how long holes are waited for */
void patience_review(struct net *n, struct connection *c);
void patience_tick(struct net *n);
/* Makes room for a copy of so many bytes; false when there is none even so. May move any connection on. */
bool patience_make_room(struct net *n, struct connection *c, size_t bytes);
void patience_forget(struct net *n, struct connection *c);

/* handshake.c */
void handshake_syn(struct net *n, struct connection *c, enum side from, const struct net_packet *p);
void handshake_start(struct half *h, uint32_t seq);
/* The first packet of a side was captured. */
void handshake_first_sight(struct half *h);
/* What is acknowledged to a side that was not captured yet, or did not start. */
static inline void handshake_note_ack(struct half *h, uint32_t ack)
{
    if (!h->acked_known)
        h->acked_first = ack;
    else if (!h->started)
        h->acked += (int32_t)(ack - h->acked_seq);
    h->acked_known = true;
    h->acked_seq = ack;
}
/* Starts a side whose SYN was not seen; false when this segment is older than what is known of it. */
bool handshake_midstream(struct connection *c, enum side from, const struct net_packet *p);
/* Whether this packet starts another connection between the same endpoints. */
bool handshake_begins_anew(const struct connection *c, const struct net_packet *p, int64_t now_ns);
enum side handshake_side(const struct net *n, const struct net_packet *p);
void handshake_drop_syn_data(struct net *n, struct half *h);
void handshake_accept_syn_data(struct net *n, struct connection *c, enum side from);

/* odd.c: what the sink is told of odd segments */
/* The segment's bytes for places that are taken, against those that took them: queued, doubted or handed on. */
void odd_compare(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start);
void odd_data(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start);
void odd_reset_ignored(struct net *n, struct connection *c, enum side from, const struct net_packet *p);
void odd_after_reset(struct net *n, struct connection *c, enum side from, const struct net_packet *p);
static inline bool odd_ttl(const struct half *h, const struct net_packet *p)
{
    return (uint8_t)(p->ttl - h->ttl + TTL_TOLERANCE) > 2 * TTL_TOLERANCE;
}

/* copies.c: packets that the mirror delivers twice */
enum { CHECKSUM_BEFORE_OPTIONS = 4 };
static inline uint8_t copies_mark(const struct net_packet *p)
{
    uint32_t sum = wire_u16(p->options.bytes - CHECKSUM_BEFORE_OPTIONS);
    uint32_t mixed = (p->seq * 0x9e3779b1u + p->ack) ^ (sum << 16 | p->id);
    return (uint8_t)(mixed * 0x85ebca6bu >> 24);
}

/* Which of the newest packets have this mark: the high bit of each byte, the newest one's lowest. Only the first is sure. */
static inline uint64_t copies_marked(const struct connection *c, uint8_t mark)
{
    const uint64_t every = UINT64_C(0x0101010101010101);
    uint64_t other = c->copies ^ every * mark;
    return (other - every) & ~other & every << 7;
}

/* Whether it is one of those once more; with a flight recorder only. */
bool copies_find(const struct net *n, const struct connection *c, const struct net_packet *p, uint64_t marked);

/* rare.c: NULL when memory ran out */
struct rare_half *rare_take(struct net *n, struct connection *c, enum side from);
/* Gives it back when there is nothing in it. */
void rare_tidy(struct net *n, struct connection *c);
void rare_drop(struct net *n, struct connection *c);
void rare_note_sent(struct net *n, struct connection *c, enum side from, int64_t sent);
void rare_note_unseen(struct net *n, struct connection *c, enum side from, int64_t ack);
void rare_note_urgent(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start);

/* doubt.c: segments that the server may have dropped */
bool doubt_checksum(const struct net *n, struct half *h, const struct net_packet *p);
void doubt_hold(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start, int64_t ack,
                enum doubt doubt);
/* Takes or drops those about which more is known now, with a packet of the other side or NULL. True when one was taken. */
bool doubt_review(struct net *n, struct connection *c, enum side from, const struct net_packet *answer);
/* Drops all: memory is short. */
void doubt_shed(struct net *n, struct connection *c, enum side from);
/* Whether it follows a doubt that the capture only swapped, by all that we see: then it counts if nothing follows. */
bool doubt_precedes(const struct connection *c, enum side from, int64_t reset);
void doubt_end(struct net *n, struct connection *c, enum side from, enum flow_end end);

/* policy.c: what Linux discards */
/* *stamp: for policy_stamp once the segment is known to be good. */
bool policy_options(const struct connection *c, enum side from, const struct net_packet *p, uint32_t *stamp);
/* A signature that was not agreed, or options that cannot be read where one could be: discarded whatever its flags. */
bool policy_signature(const struct connection *c, enum side from, const struct net_packet *p);
/* Far outside what the other side allowed. */
bool policy_outside(const struct half *h, int64_t start, int64_t end);
/* An acknowledgement of bytes that cannot have been sent, or one that is older than the window. */
bool policy_bad_ack(const struct connection *c, enum side acked, int64_t ack);
/* More than the server allowed, as far as we saw. */
static inline bool policy_over_the_edge(const struct half *h, int64_t start, int64_t data_end)
{
    return h->edge && (data_end > h->edge || (start >= h->edge && start > h->received));
}

static inline void policy_stamp(struct half *h, const struct net_packet *p, uint32_t stamp)
{
    if ((int32_t)(h->stamp - stamp) < 0 && half_position(h, p->seq) <= h->acked)
        h->stamp = stamp;
}

static inline void policy_grant(struct half *h, int64_t ack, uint32_t window)
{
    if (ack > h->acked)
        h->acked = ack;
    if (window > h->window_most)
        h->window_most = window;
    if (ack + window > h->edge)
        h->edge = ack + window;
}

#endif
