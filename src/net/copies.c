/*
 * Packets that a mirror delivers more than once: from two ports of the same switch, before and after a router (TTL and MAC
 * address change, and the IP header's checksum), with and without its VLAN tag. What follows the IP header is the same, as is the
 * identification of IPv4, which a retransmission does not share. One whose sender leaves that 0, or of IPv6, may be taken for a copy
 * when it follows within milliseconds and has no newer timestamp: no stream depends on it, its bytes are there.
 *
 * Eight marks of 8 bits, of the connection's newest packets, say where to look; what is found is compared byte for byte.
 */
#include "net/connection.h"

enum { MARKS = 8 };
static const int64_t COPY_NS = INT64_C(10000000); /* of TCP's own repetitions hardly any is as quick */

static bool copies_equal(const struct net_packet *a, const struct net_packet *b)
{
    int64_t apart = a->raw->time_ns - b->raw->time_ns;
    return apart <= COPY_NS && apart >= -COPY_NS && a->id == b->id && a->seq == b->seq && a->ack == b->ack && a->flags == b->flags &&
           a->window == b->window && a->urgent == b->urgent && a->payload_length == b->payload_length &&
           a->source.port == b->source.port && memcmp(a->source.address, b->source.address, sizeof a->source.address) == 0 &&
           memcmp(a->options.bytes - CHECKSUM_BEFORE_OPTIONS, b->options.bytes - CHECKSUM_BEFORE_OPTIONS, 2) == 0 &&
           view_equal(a->options, b->options) && view_equal(a->payload, b->payload);
}

bool copies_find(const struct net *n, const struct connection *c, const struct net_packet *p, uint64_t maybe)
{
    uint64_t ticket = c->flow.ticket;
    struct raw_packet raw;
    for (unsigned i = 0; i < MARKS && flight_get(n->options.flight, ticket, &raw, &ticket); i++) {
        struct net_packet earlier;
        enum counter skipped;
        if (maybe >> (8 * i) & 0x80 && net_decode(&raw, &earlier, &skipped) && copies_equal(p, &earlier))
            return true;
    }
    return false;
}
