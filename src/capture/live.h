/*
 * A live interface through libpcap (TPACKET_V3 on Linux): packets into a buffer of ours, drops accounted, and an interface
 * that goes down, up, away and comes back survived. Private to the room; the source of live packets is made of it.
 */
#ifndef DBHOUND_SRC_CAPTURE_LIVE_H
#define DBHOUND_SRC_CAPTURE_LIVE_H

#include <stdbool.h>

#include "base/error.h"
#include "capture/packet.h"
#include "capture/source.h"
#include "model/counter.h"

struct live;

struct live *live_open(const struct live_options *options, struct error *why) MUST_CHECK;
/* Waits up to a tenth of a second. The bytes stay until the next call. 0: nothing came, or it is time for the caller to look
 * around (every second, whatever comes), or the interface is away, or it is over. */
size_t live_read(struct live *l, struct raw_packet *batch, size_t most, uint64_t *number);
/* Nothing more comes in; what the kernel holds is still to be read. */
void live_stop(struct live *l);
bool live_is_over(const struct live *l);
/* Adds what the kernel and the interface dropped since the last call. */
void live_count_drops(struct live *l, struct counters *counters);
bool live_is_away(const struct live *l);
bool live_is_down(const struct live *l);
void live_close(struct live *l);

#endif
