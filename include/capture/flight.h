/*
 * The flight recorder: the recent packets of every connection, so that evidence begins before the alert.
 *
 * One ring of entries written in order, the packets of a connection chained backwards by number. Bytes of a stable
 * source are only pointed to; others are copied into one ring of bytes. Old entries are overwritten: asking for one
 * that is gone ends the chain. Costs no allocation and touches memory in order.
 */
#ifndef DBHOUND_CAPTURE_FLIGHT_H
#define DBHOUND_CAPTURE_FLIGHT_H

#include <stdbool.h>

#include "base/pool.h"
#include "capture/packet.h"

struct flight;

/* entries: how many recent packets, rounded down to a power of two, 48 bytes each; bytes: of the ring for copies (unused
 * with stable sources; a packet larger than it keeps only its head). From the arena; NULL when that is too small. */
struct flight *flight_open(struct arena *from, size_t entries, size_t bytes);
/* Notes a packet and returns its ticket (never 0). `previous` is the ticket of the connection's packet before, or 0. */
uint64_t flight_note(struct flight *f, const struct raw_packet *packet, uint64_t previous, bool stable);
/* The packet of a ticket, and the ticket before it on its connection (0: none). False when it is no longer kept. */
bool flight_get(const struct flight *f, uint64_t ticket, struct raw_packet *packet, uint64_t *previous);

#endif
