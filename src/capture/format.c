/* Which capture format a file has, by its first bytes: see capture/format.h. */
#include "capture/format.h"

#include "capture/octets.h"

enum {
    MAGIC_BYTES = 4,
    SECTION_MAGIC_BYTES = 12, /* type, length, byte-order magic */
};

static bool is_pcap_magic(uint32_t magic)
{
    return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_MODIFIED;
}

void format_begin(struct format *f)
{
    *f = (struct format){.number = f->number, .section.interfaces = f->section.interfaces, .secrets = f->secrets};
}

static enum outcome format_recognise(struct format *f, const struct span *s)
{
    size_t left = s->length - s->at;
    const uint8_t *start = s->bytes + s->at;
    if (left < MAGIC_BYTES)
        return OUTCOME_MORE;
    uint32_t magic = octets_32(start, false);
    uint32_t swapped = octets_32(start, true);
    if (is_pcap_magic(magic) || is_pcap_magic(swapped)) {
        f->kind = FORMAT_PCAP;
        f->swapped = !is_pcap_magic(magic);
        return OUTCOME_FULL;
    }
    if (magic != MAGIC_SECTION)
        return format_damaged(f, "not a capture file");
    if (left < SECTION_MAGIC_BYTES)
        return OUTCOME_MORE;
    if (octets_32(start + 8, false) != MAGIC_BYTE_ORDER && octets_32(start + 8, true) != MAGIC_BYTE_ORDER)
        return format_damaged(f, "not a capture file");
    f->kind = FORMAT_PCAPNG;
    return OUTCOME_FULL;
}

enum outcome format_read(struct format *f, struct span *s, struct batch *out)
{
    if (f->kind == FORMAT_NOT_SEEN) {
        enum outcome seen = format_recognise(f, s);
        if (seen != OUTCOME_FULL)
            return seen;
    }
    return f->kind == FORMAT_PCAP ? pcap_read(f, s, out) : pcapng_read(f, s, out);
}

const char *format_end(const struct format *f, const struct span *s)
{
    if (s->at < s->length) {
        switch (f->kind) {
        case FORMAT_PCAP:
            return f->pcap.magic ? "the file ends inside a packet" : "the file ends inside its header";
        case FORMAT_PCAPNG:
            return "the file ends inside a block";
        case FORMAT_NOT_SEEN:
            return "not a capture file";
        }
    }
    return f->kind == FORMAT_NOT_SEEN ? "empty file" : NULL;
}
