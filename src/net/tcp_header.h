/* TCP options that decide whether a segment counts. RFC 9293 section 3.2, RFC 7323, RFC 2385. */
#ifndef DBHOUND_NET_TCP_HEADER_H
#define DBHOUND_NET_TCP_HEADER_H

#include <stdbool.h>

#include "base/view.h"

struct net_packet;

/* Of the segment; unknown when it was cut, or is larger than any wire carries. */
enum checksum { CHECKSUM_UNKNOWN, CHECKSUM_RIGHT, CHECKSUM_WRONG };
enum checksum tcp_checksum(const struct net_packet *packet);

struct tcp_options {
    bool scaled, stamped, signed_md5, sack;
    uint8_t scale;
    uint32_t stamp;
};

/* Stops at the first option that is cut or shorter than its own header, as Linux does. */
/* As Linux looks for signatures: among options of at least a signature's length; options that cannot be read count too. */
bool tcp_options_signed(struct view options);
/* The blocks of a selective acknowledgement (RFC 2018), 8 bytes each; empty when there are none. */
enum { TCP_SACKS_MOST = 4 };
struct view tcp_options_sack(struct view options);
void tcp_options_read(struct view options, struct tcp_options *out);

#endif
