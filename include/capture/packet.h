/* One captured frame, as the source delivered it. The bytes belong to the source; see source.h for how long. */
#ifndef DBHOUND_CAPTURE_PACKET_H
#define DBHOUND_CAPTURE_PACKET_H

#include <stdint.h>

struct raw_packet {
    const uint8_t *bytes;
    uint32_t captured;  /* bytes here */
    uint32_t length;    /* bytes on the wire; more than captured when the capture cut it */
    int64_t time_ns;    /* since 1970; captures go backwards now and then: never assume order */
    uint64_t number;    /* counts the run's packets from 1, as Wireshark numbers frames (per run, over all files) */
    uint16_t link_type; /* LINKTYPE_ value of the pcap registry (= DLT_ for the ones we decode) */
    uint16_t interface; /* index of the interface in its file */
};

#endif
