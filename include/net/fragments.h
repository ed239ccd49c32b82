/*
 * IP fragments become datagrams again, as Linux does it: an overlap drops what was held, a duplicate is ignored (RFC 5722,
 * RFC 8200 section 4.5; for IPv4 the same since 2018), a datagram has 30 s, with IPv6 60 s, of packet time.
 *
 * One for all workers: which connection a fragment belongs to is only known when the first one is there. What it does
 * depends on the packets and their places alone. No memory is allocated after fragments_open; when it runs out the oldest
 * datagram is given up and counted.
 */
#ifndef DBHOUND_NET_FRAGMENTS_H
#define DBHOUND_NET_FRAGMENTS_H

#include "base/pool.h"
#include "net/stream.h"

enum {
    DATAGRAM_BYTES_MAX = 2048 + 65535, /* of datagram_write: what is around it, and itself */
    DATAGRAM_KEEPS = 8192,             /* packets for which a datagram that was returned stays readable */
};

struct fragments;
struct datagram;

struct fragments *fragments_open(struct arena *from, size_t bytes, struct counters *counters);
/* Whose receivers take overlaps otherwise than Linux, as Snort and Suricata do it, IPv6 included. Kept, not copied. */
void fragments_know_hosts(struct fragments *f, const struct host_rules *hosts);
/* A packet of which net_decode says COUNT_SKIPPED_FRAGMENT; `place` counts the packets of the run that were delivered, `now_ns`
 * is packet time. Not NULL: a datagram that this one completes (datagram_is_whole), or one that it contradicts, given up now,
 * of which the first fragment is known. It stays as it is until `place` has grown by DATAGRAM_KEEPS. */
const struct datagram *fragments_take(struct fragments *f, const struct raw_packet *raw, uint64_t place, int64_t now_ns);

bool datagram_is_whole(const struct datagram *d);
/* Writes it as one frame, with the link and tunnel headers of its first fragment, as far as it is known from its start on.
 * `last` gives its number and time. `buffer` holds DATAGRAM_BYTES_MAX. */
void datagram_write(const struct datagram *d, const struct raw_packet *last, uint8_t *buffer, struct raw_packet *out);
/* Whether two fragments said different things of the same bytes; both variants, as long as the datagram stays. */
bool datagram_oddity(const struct datagram *d, struct oddity *out);

#endif
