/* A frame decoded down to TCP: link layers, VLAN tags, IPv4, IPv6 with extension headers, the TCP header. Views only. */
#ifndef DBHOUND_NET_PACKET_H
#define DBHOUND_NET_PACKET_H

#include <stdbool.h>

#include "base/view.h"
#include "capture/packet.h"
#include "model/counter.h"
#include "model/flow_key.h"

enum tcp_flags { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

struct net_packet {
    const struct raw_packet *raw;
    struct endpoint source, target;
    uint32_t seq, ack;
    uint16_t window;
    uint16_t urgent;
    uint16_t vlan;          /* outermost VLAN identifier, 0 none */
    uint32_t tenant;        /* network identifier of the innermost tunnel that has one (VXLAN, Geneve, GRE key), 0 none */
    uint8_t flags;          /* enum tcp_flags */
    uint8_t ttl;            /* or hop limit */
    uint16_t id;            /* identification of IPv4; 0 with IPv6 */
    struct view payload;    /* what was captured of it */
    uint32_t payload_length;/* what was on the wire (from the IP length), >= payload.length */
    struct view options;    /* of TCP */
    uint32_t payload_offset;/* of the payload in the frame */
    bool udp;               /* no segment: a datagram, of which only addresses, ports and payload are known */
};

/* True: `out` holds a TCP segment. False: `*skipped` is the counter that says why not; with COUNT_SKIPPED_NOT_TCP `out` may be
 * a datagram (udp). Reads nothing outside the frame. */
bool net_decode(const struct raw_packet *raw, struct net_packet *out, enum counter *skipped);
/* RFC 9293 3.1 checksum over the pseudo header, for -k all. True also when the packet was cut or the segment is larger
 * than any wire carries (checksum left to the card). */
bool net_checksum_good(const struct net_packet *packet);

#endif
