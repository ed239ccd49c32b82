/* Writes a pcapng section into memory: what a sample is. draft-ietf-opsawg-pcapng: SHB 4.1, IDB 4.2, EPB 4.3,
 * opt_comment 3.5. Every interface has nanosecond resolution (if_tsresol 9). */
#ifndef DBHOUND_CAPTURE_PCAPNG_H
#define DBHOUND_CAPTURE_PCAPNG_H

#include <stdbool.h>

#include "base/view.h"
#include "capture/packet.h"

struct pcapng_writer {
    uint8_t *bytes;  /* caller's memory */
    size_t size;
    size_t length;
    bool full;       /* something did not fit; what is there is still whole blocks */
    uint16_t link_types[8];
    unsigned interfaces;
};

/* Begins the section. `comment` says what the file is; `application` goes to shb_userappl. */
void pcapng_begin(struct pcapng_writer *w, void *memory, size_t size, const char *application, const char *comment);
/* Adds a packet (and its interface when its link type is new); `comment` may be NULL. `direction` 0 unknown, 1 in, 2 out. */
bool pcapng_add(struct pcapng_writer *w, const struct raw_packet *packet, unsigned direction, const char *comment);

#endif
