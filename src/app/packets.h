/* The packets of a sample: a walk over the pcapng that dbhound wrote. */
#ifndef DBHOUND_APP_PACKETS_H
#define DBHOUND_APP_PACKETS_H

#include "base/cursor.h"
#include "net/packet.h"

struct packets {
    struct cursor left;
    uint16_t link_types[8];
    unsigned interfaces;
    uint64_t number; /* of the packet that packets_next gave: as Wireshark numbers the sample */
};

struct packets packets_in(struct view pcapng);
/* False at the end, or where the file is damaged. The bytes lie in the pcapng. */
bool packets_next(struct packets *p, struct raw_packet *packet);
/* "PSH ACK" */
const char *packets_flags(uint8_t flags, char memory[32]);

#endif
