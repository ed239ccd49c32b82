/*
 * Reads the pcapng format: draft-ietf-opsawg-pcapng, sections 4.1 to 4.4, 4.7 (secrets) and the obsolete Packet Block of appendix A.
 *
 * Every block says its length at both ends. While the two agree, a block whose contents make no sense is passed over
 * and reported once; when they do not, the file ends there.
 */
#include "capture/format.h"

#include "base/cursor.h"
#include "capture/octets.h"

enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OBSOLETE = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET_ENHANCED = 6,
    BLOCK_SECRETS = 10,
};

/* Bytes of a block up to its first variable part, and its trailer. */
enum {
    BLOCK_HEAD = 8,
    BLOCK_TAIL = 4,
    SECTION_HEAD = 24,
    INTERFACE_HEAD = 16,
    SIMPLE_HEAD = 12,
    PACKET_HEAD = 28, /* enhanced and obsolete */
    SECRETS_HEAD = 16,
};

#define SECRETS_TLS_KEY_LOG UINT32_C(0x544c534b)

enum option_code { OPT_ENDOFOPT = 0, IF_TSRESOL = 9, IF_TSOFFSET = 14 };
enum { VERSION_MAJOR = 1, RESOLUTION_IS_BINARY = 0x80, RESOLUTION_USUAL = 6 };

__extension__ typedef unsigned __int128 wide;

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent--)
        power *= 10;
    return power;
}

static void interface_set_resolution(struct interface *i, uint8_t resolution)
{
    unsigned exponent = resolution & 0x7f;
    if (resolution & RESOLUTION_IS_BINARY) {
        i->resolution = RESOLUTION_BINARY;
        i->factor = exponent;
    } else if (exponent <= 9) {
        i->resolution = RESOLUTION_MULTIPLY;
        i->factor = power_of_ten(9 - exponent);
    } else {
        /* From 10 to the 28th on, 64 bits of units are less than a nanosecond. */
        i->resolution = RESOLUTION_DIVIDE;
        i->factor = exponent - 9 <= 19 ? power_of_ten(exponent - 9) : UINT64_MAX;
    }
}

/* Times beyond what 64 bits of nanoseconds hold become the last one they hold. */
static int64_t interface_time(const struct interface *i, uint64_t units)
{
    wide ns = 0;
    int64_t time;
    if (i->resolution == RESOLUTION_MULTIPLY)
        ns = (wide)units * i->factor;
    else if (i->resolution == RESOLUTION_DIVIDE)
        ns = units / i->factor;
    else
        ns = ((wide)units * 1000000000) >> i->factor;
    time = ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
    if (__builtin_add_overflow(time, i->offset_ns, &time))
        return i->offset_ns < 0 ? INT64_MIN : INT64_MAX;
    return time;
}

static void interface_set_offset(struct interface *i, int64_t seconds)
{
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &i->offset_ns))
        i->offset_ns = seconds < 0 ? INT64_MIN : INT64_MAX;
}

/* False when the list of options breaks off. Options of a wrong length are ignored, as section 3.5 allows. */
static bool interface_read_options(struct interface *i, struct cursor options, bool swapped)
{
    while (cursor_left(&options)) {
        struct view head = take_view(&options, 4);
        if (options.failed)
            return false;
        uint16_t code = octets_16(head.bytes, swapped);
        uint16_t length = octets_16(head.bytes + 2, swapped);
        if (code == OPT_ENDOFOPT)
            return true;
        struct view value = take_view(&options, length);
        take_skip(&options, (4 - length % 4u) % 4u);
        if (options.failed)
            return false;
        if (code == IF_TSRESOL && length == 1)
            interface_set_resolution(i, value.bytes[0]);
        else if (code == IF_TSOFFSET && length == 8)
            interface_set_offset(i, (int64_t)octets_64(value.bytes, swapped));
    }
    return true;
}

static void read_interface(struct format *f, const struct span *s, const uint8_t *block, uint32_t total)
{
    struct pcapng_section *section = &f->section;
    if (section->count == INTERFACES_MOST) {
        format_odd(f, s, "more than 65536 interfaces");
        return;
    }
    /* One that cannot be read still has its number. */
    struct interface *i = &section->interfaces[section->count++];
    *i = (struct interface){0};
    interface_set_resolution(i, RESOLUTION_USUAL);
    if (total < INTERFACE_HEAD + BLOCK_TAIL) {
        format_odd(f, s, "an interface block too short for its fields");
        return;
    }
    i->usable = true;
    i->link_type = octets_16(block + 8, f->swapped);
    i->snap_length = octets_32(block + 12, f->swapped);
    struct view options = view_of(block + INTERFACE_HEAD, total - INTERFACE_HEAD - BLOCK_TAIL);
    if (!interface_read_options(i, cursor_over(options), f->swapped))
        format_odd(f, s, "the options of an interface overrun its block");
}

/* A section may have another byte order than the one before: everything after the type is read anew. */
static enum outcome read_section(struct format *f, const struct span *s, uint32_t *total)
{
    size_t left = s->length - s->at;
    const uint8_t *block = s->bytes + s->at;
    if (left < BLOCK_HEAD + 4)
        return OUTCOME_MORE;
    bool native = octets_32(block + 8, false) == MAGIC_BYTE_ORDER;
    if (!native && octets_32(block + 8, true) != MAGIC_BYTE_ORDER)
        return format_damaged(f, "a section without a byte order");
    f->swapped = !native;
    *total = octets_32(block + 4, f->swapped);
    if (*total < SECTION_HEAD + BLOCK_TAIL)
        return format_damaged(f, "a section header too short for its fields");
    return OUTCOME_FULL;
}

static void begin_section(struct format *f, const struct span *s, const uint8_t *block)
{
    f->section.count = 0;
    f->section.readable = octets_16(block + 12, f->swapped) == VERSION_MAJOR;
    if (!f->section.readable)
        format_odd(f, s, "a section of a version that is not known");
}

/* Whether the packet of a block can be used; its fields are then filled, all but the number. */
static bool read_packet(struct format *f, const struct span *s, const uint8_t *block, uint32_t type, uint32_t total,
                        struct raw_packet *packet)
{
    bool swapped = f->swapped, simple = type == BLOCK_PACKET_SIMPLE;
    uint32_t head = simple ? SIMPLE_HEAD : PACKET_HEAD, interface = 0;
    if (total < head + BLOCK_TAIL) {
        format_odd(f, s, "a packet block too short for its fields");
        return false;
    }
    if (!simple)
        interface = type == BLOCK_PACKET_ENHANCED ? octets_32(block + 8, swapped) : octets_16(block + 8, swapped);
    if (interface >= f->section.count || !f->section.interfaces[interface].usable) {
        format_odd(f, s, "a packet of an interface that is not described");
        return false;
    }
    const struct interface *i = &f->section.interfaces[interface];
    uint32_t room = total - head - BLOCK_TAIL;
    uint32_t length = octets_32(block + head - 4, swapped), captured;
    if (simple) {
        /* Section 4.4: the captured length is not written; it is the smaller of the two it follows from. */
        captured = i->snap_length && i->snap_length < length ? i->snap_length : length;
    } else {
        captured = octets_32(block + 20, swapped);
        if (length == 0)
            length = captured;
    }
    if (captured > room) {
        format_odd(f, s, "a packet longer than its block");
        return false;
    }
    packet->bytes = block + head;
    packet->captured = captured < length ? captured : length;
    packet->length = length;
    packet->time_ns =
        simple ? 0
               : interface_time(i, (uint64_t)octets_32(block + 12, swapped) << 32 | octets_32(block + 16, swapped));
    packet->link_type = i->link_type;
    packet->interface = (uint16_t)interface;
    return true;
}

/* Those of TLS are a key log; others are passed over. */
static void read_secrets(struct format *f, const struct span *s, const uint8_t *block, uint32_t total)
{
    if (total < SECRETS_HEAD + BLOCK_TAIL || octets_32(block + 12, f->swapped) > total - SECRETS_HEAD - BLOCK_TAIL) {
        format_odd(f, s, "secrets longer than their block");
        return;
    }
    if (f->secrets.take && octets_32(block + 8, f->swapped) == SECRETS_TLS_KEY_LOG)
        f->secrets.take(f->secrets.context, view_of(block + SECRETS_HEAD, octets_32(block + 12, f->swapped)), f->number);
}

/* The type and length of the block at the span's position, which is whole and whose two lengths agree. */
static enum outcome read_block_head(struct format *f, const struct span *s, uint32_t *type, uint32_t *total)
{
    size_t left = s->length - s->at;
    const uint8_t *block = s->bytes + s->at;
    if (left < BLOCK_HEAD)
        return OUTCOME_MORE;
    *type = octets_32(block, f->swapped);
    if (*type == MAGIC_SECTION) {
        enum outcome section = read_section(f, s, total);
        if (section != OUTCOME_FULL)
            return section;
    } else {
        *total = octets_32(block + 4, f->swapped);
    }
    if (*total < BLOCK_HEAD + BLOCK_TAIL || *total % 4)
        return format_damaged(f, "a block of an impossible length");
    if (*total > RECORD_BYTES_MOST)
        return format_damaged(f, "a block longer than 16 MiB");
    if (*total > left)
        return OUTCOME_MORE;
    if (octets_32(block + *total - BLOCK_TAIL, f->swapped) != *total)
        return format_damaged(f, "a block whose two lengths differ");
    return OUTCOME_FULL;
}

enum outcome pcapng_read(struct format *f, struct span *s, struct batch *out)
{
    while (out->count < out->most) {
        uint32_t type, total;
        enum outcome head = read_block_head(f, s, &type, &total);
        if (head != OUTCOME_FULL)
            return head;
        const uint8_t *block = s->bytes + s->at;
        if (type == MAGIC_SECTION) {
            begin_section(f, s, block);
        } else if (f->section.readable) {
            struct raw_packet *packet = &out->packets[out->count];
            switch (type) {
            case BLOCK_INTERFACE:
                read_interface(f, s, block, total);
                break;
            case BLOCK_SECRETS:
                read_secrets(f, s, block, total);
                break;
            case BLOCK_PACKET_ENHANCED:
            case BLOCK_PACKET_SIMPLE:
            case BLOCK_PACKET_OBSOLETE:
                octets_expect(s->bytes, s->length, s->at, total);
                if (read_packet(f, s, block, type, total, packet)) {
                    packet->number = ++f->number;
                    out->count++;
                }
                break;
            default:
                break;
            }
        }
        s->at += total;
    }
    return OUTCOME_FULL;
}
