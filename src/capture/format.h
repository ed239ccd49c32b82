/*
 * The two capture file formats, read from bytes that are already in memory.
 *
 * A reader is handed a span and delivers whole packets out of it; it never reads past the span's end and never keeps a
 * pointer into it. The same reader serves mapped files, streams and memory, so all three report the same damage.
 */
#ifndef DBHOUND_CAPTURE_FORMAT_H
#define DBHOUND_CAPTURE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "capture/packet.h"

enum {
    PACKET_BYTES_USUAL = 256 * 1024,      /* the most a packet may have when the file names no larger snapshot length */
    RECORD_BYTES_MOST = 16 * 1024 * 1024, /* larger packets and blocks are damage */
    INTERFACES_MOST = 65536,              /* per section: struct raw_packet has 16 bits for them */
};

/* The first four bytes of a file, in its own byte order: draft-ietf-opsawg-pcap section 4, the modified format of
 * A. Kuznetzov's patched libpcap, and draft-ietf-opsawg-pcapng section 4.1. */
#define MAGIC_MICROSECONDS UINT32_C(0xa1b2c3d4)
#define MAGIC_NANOSECONDS UINT32_C(0xa1b23c4d)
#define MAGIC_MODIFIED UINT32_C(0xa1b2cd34)
#define MAGIC_SECTION UINT32_C(0x0a0d0d0a)
#define MAGIC_BYTE_ORDER UINT32_C(0x1a2b3c4d)

enum outcome {
    OUTCOME_FULL,    /* the batch is full */
    OUTCOME_MORE,    /* what is left of the span is no whole record */
    OUTCOME_DAMAGED, /* nothing after span.at can be read; format.reason says why */
};

/* Bytes of a file: what lies before `at` was read. */
struct span {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    uint64_t offset; /* of bytes[0] in the file */
};

/* Where the packets go. */
struct batch {
    struct raw_packet *packets;
    size_t count;
    size_t most;
};

enum lengths_order {
    LENGTHS_CAPTURED_FIRST,
    LENGTHS_SMALLER_IS_CAPTURED, /* version 2.3: writers disagree */
    LENGTHS_CAPTURED_LAST,       /* before version 2.3 */
};

struct pcap_header {
    uint32_t magic;          /* 0: the header was not read yet */
    uint32_t record_size;    /* of the header of a packet */
    uint32_t fraction_ns;    /* nanoseconds of one unit of the second time field */
    uint32_t captured_most;
    enum lengths_order order;
    uint16_t link_type;
};

enum resolution { RESOLUTION_MULTIPLY, RESOLUTION_DIVIDE, RESOLUTION_BINARY };

struct interface {
    int64_t offset_ns;
    uint64_t factor; /* nanoseconds per unit, units per nanosecond, or bits of the fraction: see resolution */
    uint32_t snap_length;
    uint16_t link_type;
    uint8_t resolution;
    bool usable; /* false when its description could not be read */
};

struct pcapng_section {
    struct interface *interfaces; /* memory of INTERFACES_MOST, the caller's */
    uint32_t count;
    bool readable; /* of a version we know */
};

enum format_kind { FORMAT_NOT_SEEN, FORMAT_PCAP, FORMAT_PCAPNG };

/* Who is given the key logs that stand in a file: the text, valid during the call, and the number of the packet before it. */
struct secrets_sink {
    void (*take)(void *context, struct view text, uint64_t packets); /* NULL: nobody */
    void *context;
};

struct format {
    enum format_kind kind;
    bool swapped;          /* against this machine's byte order */
    const char *reason;    /* of OUTCOME_DAMAGED */
    const char *odd;       /* why the first record that was passed over could not be read; NULL when none was */
    uint64_t odd_offset;
    uint64_t number;       /* of the last packet; goes on from file to file */
    struct pcap_header pcap;
    struct pcapng_section section;
    struct secrets_sink secrets; /* the caller's */
};

/* A new file begins: forgets all but the packet number, the memory for interfaces and who takes secrets. */
void format_begin(struct format *f);
/* Reads packets from the span into the batch. */
enum outcome format_read(struct format *f, struct span *s, struct batch *out);
/* Why a file that ends at `s->at` with OUTCOME_MORE is damaged; NULL when it ends well. */
const char *format_end(const struct format *f, const struct span *s);

/* For format_read: after the magic was recognised. */
enum outcome pcap_read(struct format *f, struct span *s, struct batch *out);
enum outcome pcapng_read(struct format *f, struct span *s, struct batch *out);

static inline enum outcome format_damaged(struct format *f, const char *reason)
{
    f->reason = reason;
    return OUTCOME_DAMAGED;
}

/* A record whose end is known but whose contents are not usable: the first one is reported, all are passed over. */
static inline void format_odd(struct format *f, const struct span *s, const char *reason)
{
    if (!f->odd) {
        f->odd = reason;
        f->odd_offset = s->offset + s->at;
    }
}

#endif
