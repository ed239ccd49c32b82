/*
 * One source feeds several workers. Whoever runs out of packets reads the next lot for all of them, says whose each packet
 * is, and goes on with its own: reading is done once, and needs no thread of its own.
 *
 * A lot also says when time passes: after which packets timers are looked at. That depends on the packets alone, so all
 * workers see it alike, however many they are.
 */
#ifndef DBHOUND_SRC_APP_FEED_H
#define DBHOUND_SRC_APP_FEED_H

#include <stdatomic.h>

#include "capture/source.h"
#include "net/fragments.h"
#include "app/spread.h"

enum { LOT_PACKETS = 256, LOTS = 32, LOT_TICK = 0x80, LOT_DATAGRAM = 0x40 };
_Static_assert(LOT_PACKETS * LOTS <= DATAGRAM_KEEPS, "a datagram stays until its lot is taken");

struct lot {
    uint32_t count;
    uint64_t first;                /* packets before it */
    bool stable;                   /* the bytes stay until the source is closed, else until the lot is taken */
    uint8_t mark[LOT_PACKETS];     /* the worker, LOT_TICK: time is looked at after this packet, LOT_DATAGRAM: see below */
    int64_t clock_ns[LOT_PACKETS]; /* packet time when this packet comes: goes back only when the capture does, by a step */
    struct raw_packet packets[LOT_PACKETS];
    const struct datagram *datagrams[LOT_PACKETS]; /* what fragments_take said of a fragment */
    uint8_t *bytes;                /* copies, when they do not stay */
};

struct feed;

/* `workers` at least 1. One alone puts fragments together itself; for several that is done here, within `fragment_bytes`, for receivers of `hosts`.
 * NULL: the arena is too small. */
struct feed *feed_open(struct arena *from, unsigned workers, size_t fragment_bytes, const struct host_rules *hosts, struct counters *counters);
/* Before the workers begin. */
void feed_begin(struct feed *f, struct source *source);
/* Ends after the lots that are already read. */
void feed_stop(struct feed *f);
/* The worker's next lot, NULL at the end. Its last one is given back by this. */
const struct lot *feed_next(struct feed *f, unsigned worker);
/* Number of the last packet; after the end. */
uint64_t feed_latest(const struct feed *f);
const struct spread *feed_spread(const struct feed *f);
/* Keeps the workers from reading, for a look at the source; false when one is reading. */
bool feed_hold(struct feed *f);
void feed_release(struct feed *f);

#endif
