/*
 * Reads the pcap format: draft-ietf-opsawg-pcap, and the older versions that libpcap reads (captured and wire length
 * in the other order before version 2.3) and the modified record of A. Kuznetzov's patch.
 *
 * A record has nothing by which a lost boundary could be found again, so the first impossible one ends the file. Files
 * put one behind the other (also as members of one gzip file) are read on: the header between them is recognised.
 */
#include "capture/format.h"
#include "capture/octets.h"

enum {
    HEADER_BYTES = 24,
    RECORD_HEADER_BYTES = 16,
    RECORD_HEADER_BYTES_MODIFIED = 24,
    VERSION_MAJOR = 2,
    VERSION_MINOR_MOST = 4,
    VERSION_MAJOR_DG_UX = 543, /* tcpdump of DG/UX wrote 543.0 for what is 2.2 */
};

static const char *pcap_order(uint16_t major, uint16_t minor, enum lengths_order *order)
{
    if (major == VERSION_MAJOR_DG_UX && minor == 0)
        *order = LENGTHS_CAPTURED_LAST;
    else if (major != VERSION_MAJOR || minor > VERSION_MINOR_MOST)
        return "a version of pcap that is not known";
    else
        *order = minor < 3    ? LENGTHS_CAPTURED_LAST
                 : minor == 3 ? LENGTHS_SMALLER_IS_CAPTURED
                              : LENGTHS_CAPTURED_FIRST;
    return NULL;
}

static enum outcome pcap_read_header(struct format *f, struct span *s)
{
    if (s->length - s->at < HEADER_BYTES)
        return OUTCOME_MORE;
    const uint8_t *header = s->bytes + s->at;
    struct pcap_header *h = &f->pcap;
    const char *wrong = pcap_order(octets_16(header + 4, f->swapped), octets_16(header + 6, f->swapped), &h->order);
    if (wrong)
        return format_damaged(f, wrong);
    uint32_t magic = octets_32(header, f->swapped);
    uint32_t snap_length = octets_32(header + 16, f->swapped);
    h->magic = magic;
    h->record_size = magic == MAGIC_MODIFIED ? RECORD_HEADER_BYTES_MODIFIED : RECORD_HEADER_BYTES;
    h->fraction_ns = magic == MAGIC_NANOSECONDS ? 1 : 1000;
    h->captured_most = snap_length < PACKET_BYTES_USUAL  ? PACKET_BYTES_USUAL
                       : snap_length > RECORD_BYTES_MOST ? RECORD_BYTES_MOST
                                                         : snap_length;
    /* The upper half tells of frame check sequences and is otherwise reserved. */
    h->link_type = (uint16_t)octets_32(header + 20, f->swapped);
    s->at += HEADER_BYTES;
    return OUTCOME_FULL;
}

/* Which of the two length fields is which, and what to make of files that contradict themselves. Returns the bytes
 * that lie in the file. */
static uint32_t pcap_settle_lengths(const struct pcap_header *h, struct raw_packet *packet)
{
    uint32_t first = packet->captured, second = packet->length;
    bool swap = h->order == LENGTHS_CAPTURED_LAST || (h->order == LENGTHS_SMALLER_IS_CAPTURED && first > second);
    uint32_t stored = swap ? second : first;
    packet->length = swap ? first : second;
    if (packet->length == 0)
        packet->length = stored;
    packet->captured = stored < packet->length ? stored : packet->length;
    return stored;
}

/* A record of no bytes is either an empty packet or the first part of another file's header. */
static bool pcap_is_header_again(const struct pcap_header *h, const uint8_t *record, bool swapped)
{
    enum lengths_order order;
    return octets_32(record, swapped) == h->magic && octets_32(record + 12, swapped) == 0 &&
           !pcap_order(octets_16(record + 4, swapped), octets_16(record + 6, swapped), &order);
}

__attribute__((always_inline)) static inline enum outcome pcap_records(struct format *f, struct span *s,
                                                                       struct batch *out, bool swapped)
{
    const struct pcap_header h = f->pcap;
    while (out->count < out->most) {
        size_t left = s->length - s->at;
        if (left < h.record_size)
            return OUTCOME_MORE;
        const uint8_t *record = s->bytes + s->at;
        struct raw_packet *packet = &out->packets[out->count];
        uint32_t stored = octets_32(record + 8, swapped);
        packet->captured = stored;
        packet->length = octets_32(record + 12, swapped);
        if (stored > packet->length || packet->length == 0 || h.order != LENGTHS_CAPTURED_FIRST) {
            if (stored == 0 && pcap_is_header_again(&h, record, swapped)) {
                f->pcap.magic = 0;
                return OUTCOME_MORE;
            }
            stored = pcap_settle_lengths(&h, packet);
        }
        if (stored > h.captured_most)
            return format_damaged(f, "a packet longer than any can be");
        if (stored > left - h.record_size)
            return OUTCOME_MORE;
        octets_expect(s->bytes, s->length, s->at, h.record_size + stored);
        packet->bytes = record + h.record_size;
        packet->time_ns = (int64_t)octets_32(record, swapped) * 1000000000 +
                          (int64_t)octets_32(record + 4, swapped) * h.fraction_ns;
        packet->number = ++f->number;
        packet->link_type = h.link_type;
        packet->interface = 0;
        out->count++;
        s->at += h.record_size + stored;
    }
    return OUTCOME_FULL;
}

enum outcome pcap_read(struct format *f, struct span *s, struct batch *out)
{
    for (;;) {
        if (!f->pcap.magic) {
            enum outcome header = pcap_read_header(f, s);
            if (header != OUTCOME_FULL)
                return header;
        }
        enum outcome read = f->swapped ? pcap_records(f, s, out, true) : pcap_records(f, s, out, false);
        if (f->pcap.magic)
            return read;
    }
}
