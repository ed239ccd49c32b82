/* Which connection: addresses as 16 bytes (IPv4 mapped into IPv6), ports in host order, innermost VLAN. */
#ifndef DBHOUND_MODEL_FLOW_KEY_H
#define DBHOUND_MODEL_FLOW_KEY_H

#include <stdint.h>

struct endpoint {
    uint8_t address[16];
    uint16_t port;
};

#endif
