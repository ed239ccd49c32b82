/*
 * One packet socket of an interface and its ring, through libpcap (TPACKET_V3 on Linux), and the packets that were taken out of
 * it and not handed on. A live source has one ring, or several that share the interface. Private to the room.
 *
 * Every packet that the kernel counted for a ring is delivered, or counted as dropped when the ring goes.
 */
#ifndef DBHOUND_SRC_CAPTURE_LIVE_RING_H
#define DBHOUND_SRC_CAPTURE_LIVE_RING_H

#include <pcap/pcap.h>

#include "capture/source.h"

enum {
    RING_SNAPLEN = 262144, /* as tcpdump: more than any frame, offloaded ones included */
    RING_QUEUE = 256,
    RING_BUFFER = 4 * 1024 * 1024,
    /* A block that is not full is handed over by a timer that looks at it twice, so long apart. */
    RING_BLOCK_MS = 25,
};

struct ring_lost {
    uint64_t kernel, interface;
};

struct live_ring {
    pcap_t *handle; /* NULL: closed */
    bool nanoseconds, loopback, attached_before;
    uint16_t link_type;
    struct pcap_stat stat;       /* as last read */
    uint64_t offered, delivered; /* put into the ring, taken out of it */
    /* Taken out, and not handed on. */
    struct raw_packet queue[RING_QUEUE]; /* without numbers */
    uint32_t at, used, bytes_used;
    bool drained;       /* the last fill found all there was */
    int64_t latest_ns;  /* packet time: of the last one taken out */
    int64_t filled_wall_ns, filled_ns; /* when the last fill began: of the day, and monotonic */
    uint8_t buffer[RING_BUFFER];
};

/* `shut`: nothing comes in until ring_let_in. */
bool ring_attach(struct live_ring *r, const struct live_options *options, size_t bytes, bool shut, struct error *why) MUST_CHECK;
/* After all rings of an interface have joined: what slipped in before is thrown away. */
void ring_discard(struct live_ring *r);
/* Begins: packets come in, those that the filter passes. */
bool ring_let_in(struct live_ring *r, const struct live_options *options, struct error *why) MUST_CHECK;
/* The queue must be empty. Takes out at most `most`, does not wait. False: the interface is in trouble (pcap_geterr). */
bool ring_fill(struct live_ring *r, size_t most);
/* Adds what the kernel and the interface dropped since the last call. */
void ring_read_drops(struct live_ring *r, struct ring_lost *lost);
void ring_close(struct live_ring *r);

static inline bool ring_is_empty(const struct live_ring *r)
{
    return r->at == r->used;
}

#endif
