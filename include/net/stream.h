/*
 * Packets become streams: the flow table, TCP state and reassembly.
 *
 * For each connection the sink gets, in the order of each side's stream: bytes (without a copy when they arrive in
 * order), gaps, and the end. Across the two sides it gets them in causal order: bytes that acknowledge other bytes come
 * after these, even when the capture swapped the packets; bytes that were acknowledged and never seen become a gap.
 * No memory is allocated after net_open; memory that runs out is shed and counted.
 */
#ifndef DBHOUND_NET_STREAM_H
#define DBHOUND_NET_STREAM_H

#include "base/pool.h"
#include "capture/flight.h"
#include "model/anomaly.h"
#include "model/flow_key.h"
#include "model/protocol.h"
#include "net/host_policy.h"
#include "net/packet.h"

struct net;

/* What the rooms to the right may know of a connection. */
struct flow {
    struct endpoint client, server; /* the client opened it (SYN), or else has the less server-like port */
    uint32_t tenant;                /* as in struct net_packet */
    uint64_t id;                    /* stable for the same capture: below 2^53 */
    uint64_t ticket;                /* of its newest packet in the flight recorder */
    int64_t first_ns, last_ns;
    uint64_t packets[2], bytes[2];  /* by enum side; bytes of TCP payload on the wire */
    int64_t data_ns[2];             /* by enum side: its newest segment with data */
    int64_t turned_ns[2];           /* by enum side: its first one since the other side's last one */
    uint16_t vlan;                  /* of its first packet */
    bool midstream;                 /* its start was not seen */
    uint8_t last_data;              /* enum side: who sent the newest segment with data */
    bool one_sided;                 /* only one side was ever seen, after at least 16 packets */
    bool excused[2];                /* by enum side: its end may be missing: a FIN or a byte that was acknowledged and not seen, or what
                                       a reset threw away */
    uint64_t unseen;                /* once it is over: bytes of a side of which no packet was captured, as the other one acknowledged them */
    void *user;                     /* the sink's; NULL until it sets it */
    void *sample;                   /* the evidence room's: a sample of this connection is being gathered */
    void *health;                   /* the health room's */
};

enum flow_end { END_FIN, END_RESET, END_TIMEOUT, END_EVICTED, END_REUSED, END_CAPTURE };

/* Where bytes of a stream came from. */
struct segment {
    uint64_t ticket;        /* flight recorder */
    uint64_t packet_number;
    int64_t time_ns;
    uint64_t stream_offset; /* of the first byte; the byte after SYN is 0. Mid-stream: of the first byte seen */
};

struct oddity {
    enum anomaly what;
    struct view mine, theirs;
    uint32_t got, usual;
};

/* What one segment says of the path and the hosts. `from` is who sent it. */
enum segment_sign {
    SEGMENT_ASKS,        /* the first SYN of a connection; sent again it opens another */
    SEGMENT_ACCEPTS,     /* SYN-ACK */
    SEGMENT_REFUSES,     /* RST in answer to a SYN */
    SEGMENT_REPEATS,     /* all its bytes were seen before */
    SEGMENT_ZERO_WINDOW, /* its sender takes no more bytes for now */
};

struct stream_sink {
    void *context;
    void (*bytes)(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where);
    void (*gap)(void *context, struct flow *flow, enum side from, uint64_t lost, const struct segment *where);
    /* One side said FIN (its stream is complete). */
    void (*finished)(void *context, struct flow *flow, enum side from, const struct segment *where);
    /* The connection is over. `by` is who reset it (END_RESET) or who said FIN first. flow->user is given up here. */
    void (*closed)(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where);
    /* Whether a server is known at this address and port: decides the sides of a connection without a start. May be NULL. */
    bool (*is_server)(void *context, const struct endpoint *endpoint);
    /* A segment is odd (model/anomalies/tcp.def, ip.def), once per connection and kind. `where` is its place in the stream. `mine` is
     * what the stream has there and `theirs` what the segment says, both from the first byte that differs; of what is about
     * numbers, `got` and `usual`. flow->user may be NULL: also after the connection is over. May be NULL. */
    void (*odd)(void *context, struct flow *flow, enum side from, const struct oddity *oddity, const struct segment *where);
    /* Told to `watcher`, of every connection, also those without a byte. May be NULL. */
    void *watcher;
    void (*sign)(void *watcher, struct flow *flow, enum side from, enum segment_sign sign, const struct segment *where);
};

struct net_options {
    size_t flows;                 /* connections at once */
    size_t held_bytes;            /* for out-of-order segments, all connections together */
    bool check_checksums;         /* -k all */
    bool ignore_checksums;        /* -k none. Neither: a wrong one counts where the client's others are right */
    const struct flight *flight;  /* in which bytes that were handed on are found for comparison, and copies of packets; or NULL */
    uint64_t flight_reach;        /* packets of the run that it may look back */
    const struct host_rules *hosts; /* whom they believe where segments overlap; NULL: as Linux, all of them. Kept, not copied */
    int64_t idle_ns;              /* a connection without packets for so long is over; 0: never */
};

/* Bytes that one of `flows` takes, with its share of the index at its emptiest. */
size_t net_flow_cost(void);
/* From the arena; false when it does not fit. `counters` outlives the net. */
struct net *net_open(struct arena *from, const struct net_options *options, const struct stream_sink *sink,
                     struct counters *counters);
/* Optional, before net_packet of a coming packet: starts loading its connection into the cache. */
void net_prefetch(struct net *n, const struct net_packet *packet);
/* Packet time has come to this; optional, before net_flow, for who sees more packets than this net does. */
void net_at(struct net *n, int64_t now_ns);
/* Gives up what was waited for long enough and closes connections that are over. Cheap; call after each packet or few, always
 * after the same ones if the order of what comes out matters. */
void net_tick(struct net *n);
/* The connection of a packet (made when new), or NULL when there is no memory for it, its checksum is wrong and that
 * matters, or it is a copy that a mirror made of a packet just seen (all counted). Connections that are over, or that must make room, are closed here; the packet does nothing yet. */
struct flow *net_flow(struct net *n, const struct net_packet *packet);
/* Gives the packet to its connection: state, reassembly, the sink. `flow` from net_flow; its ticket is set by the caller. */
void net_segment(struct net *n, struct flow *flow, const struct net_packet *packet);
/* Something odd about the IP fragments of a packet: tells the sink, once per connection, if its connection is known. */
void net_odd_fragments(struct net *n, const struct net_packet *packet, const struct oddity *oddity);
/* Which side of the flow sent this packet. */
enum side net_side(const struct flow *flow, const struct net_packet *packet);
/* Sequence number of stream offset 0 of a side; false when not known. Used to find secrets in kept packets. */
bool net_stream_origin(const struct flow *flow, enum side from, uint32_t *seq);
/* Whether the other side's host has acknowledged all that we saw this side send. */
bool net_acknowledged(const struct flow *flow, enum side from);
/* The end of the capture: every connection gets closed(END_CAPTURE) after what is held is delivered, in order of their ids. */
void net_finish(struct net *n);

#endif
