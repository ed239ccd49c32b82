/*
 * Which worker a packet belongs to: all packets of a connection to one, both directions alike.
 *
 * A hash of addresses and ports names a bucket; a bucket goes to the worker with the least to do when its first packet
 * comes, and stays there. The hash has a key of its own per run: nobody can aim connections at one worker. What is found
 * does not depend on who finds it.
 */
#ifndef DBHOUND_SRC_APP_SPREAD_H
#define DBHOUND_SRC_APP_SPREAD_H

#include "base/pool.h"
#include "net/packet.h"

enum { WORKERS_MAX = 32, SPREAD_BUCKETS = 65536 };

struct spread {
    unsigned workers;
    uint64_t key[3];
    uint64_t load[WORKERS_MAX]; /* packets given out, halved now and then */
    uint32_t until_halving;
    uint8_t *owner;             /* by bucket: worker + 1, 0 nobody yet */
};

bool spread_open(struct spread *s, struct arena *from, unsigned workers) MUST_CHECK;
/* A packet that is not decoded belongs to worker 0, who counts it; *fragment becomes true when it is a fragment. */
unsigned spread_owner(struct spread *s, const struct raw_packet *raw, bool *fragment);
/* The same without giving a bucket away; for who has decoded the packet. */
bool spread_is_owner(const struct spread *s, const struct net_packet *packet, unsigned worker);

#endif
