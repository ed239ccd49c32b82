/*
 * Writes pcapng sections into memory: see capture/pcapng.h. Little endian on every machine, so that the same packets give
 * the same bytes; lengths are known before a block is begun, so that a block is either whole or not there.
 */
#include "capture/pcapng.h"

#include <string.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET_ENHANCED = 6 };
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d, VERSION_MAJOR = 1, VERSION_MINOR = 0 };
enum option_code { OPT_ENDOFOPT = 0, OPT_COMMENT = 1, SHB_USERAPPL = 4, IF_TSRESOL = 9, EPB_FLAGS = 2 };
enum { RESOLUTION_NANOSECONDS = 9, OPTION_HEAD = 4, OPTION_TEXT_MOST = 65535 };
/* Of each block what is not options: type, fields, both lengths. */
enum { SECTION_BYTES = 28, INTERFACE_BYTES = 20, PACKET_BYTES = 32 };
enum { INTERFACE_TOTAL = INTERFACE_BYTES + OPTION_HEAD + 4 + OPTION_HEAD };

static void put_16(struct pcapng_writer *w, uint32_t value)
{
    w->bytes[w->length++] = (uint8_t)value;
    w->bytes[w->length++] = (uint8_t)(value >> 8);
}

static void put_32(struct pcapng_writer *w, uint32_t value)
{
    put_16(w, value & 0xffff);
    put_16(w, value >> 16);
}

static size_t padded(size_t length)
{
    return (length + 3) & ~(size_t)3;
}

static void put_padded(struct pcapng_writer *w, const void *bytes, size_t length)
{
    if (length)
        memcpy(w->bytes + w->length, bytes, length);
    memset(w->bytes + w->length + length, 0, padded(length) - length);
    w->length += padded(length);
}

/* An option's length has 16 bits; a longer text is cut before a UTF-8 sequence that would not be whole. */
static size_t text_length(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length <= OPTION_TEXT_MOST)
        return length;
    length = OPTION_TEXT_MOST;
    while (length && ((uint8_t)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static size_t text_option_bytes(const char *text)
{
    return text ? OPTION_HEAD + padded(text_length(text)) : 0;
}

static void put_option(struct pcapng_writer *w, enum option_code code, const void *value, size_t length)
{
    put_16(w, code);
    put_16(w, (uint32_t)length);
    put_padded(w, value, length);
}

static void put_text_option(struct pcapng_writer *w, enum option_code code, const char *text)
{
    if (text)
        put_option(w, code, text, text_length(text));
}

static bool has_room(struct pcapng_writer *w, size_t bytes)
{
    if (bytes <= w->size - w->length)
        return true;
    w->full = true;
    return false;
}

void pcapng_begin(struct pcapng_writer *w, void *memory, size_t size, const char *application, const char *comment)
{
    *w = (struct pcapng_writer){.bytes = memory, .size = size};
    size_t options = text_option_bytes(comment) + text_option_bytes(application);
    size_t total = SECTION_BYTES + (options ? options + OPTION_HEAD : 0);
    if (!has_room(w, total))
        return;
    put_32(w, BLOCK_SECTION);
    put_32(w, (uint32_t)total);
    put_32(w, BYTE_ORDER_MAGIC);
    put_16(w, VERSION_MAJOR);
    put_16(w, VERSION_MINOR);
    put_32(w, UINT32_MAX); /* the section's length is not given */
    put_32(w, UINT32_MAX);
    put_text_option(w, OPT_COMMENT, comment);
    put_text_option(w, SHB_USERAPPL, application);
    if (options)
        put_option(w, OPT_ENDOFOPT, NULL, 0);
    put_32(w, (uint32_t)total);
}

static void put_interface(struct pcapng_writer *w, uint16_t link_type)
{
    const uint8_t resolution = RESOLUTION_NANOSECONDS;
    put_32(w, BLOCK_INTERFACE);
    put_32(w, INTERFACE_TOTAL);
    put_16(w, link_type);
    put_16(w, 0);
    put_32(w, 0); /* no limit of the captured length */
    put_option(w, IF_TSRESOL, &resolution, 1);
    put_option(w, OPT_ENDOFOPT, NULL, 0);
    put_32(w, INTERFACE_TOTAL);
    w->link_types[w->interfaces++] = link_type;
}

static void put_packet(struct pcapng_writer *w, const struct raw_packet *packet, unsigned interface,
                       unsigned direction, const char *comment, uint32_t total)
{
    /* Times before 1970 cannot be written. */
    uint64_t time_ns = packet->time_ns < 0 ? 0 : (uint64_t)packet->time_ns;
    put_32(w, BLOCK_PACKET_ENHANCED);
    put_32(w, total);
    put_32(w, interface);
    put_32(w, (uint32_t)(time_ns >> 32));
    put_32(w, (uint32_t)time_ns);
    put_32(w, packet->captured);
    put_32(w, packet->length < packet->captured ? packet->captured : packet->length);
    put_padded(w, packet->bytes, packet->captured);
    if (direction) {
        put_16(w, EPB_FLAGS);
        put_16(w, 4);
        put_32(w, direction & 3);
    }
    put_text_option(w, OPT_COMMENT, comment);
    if (direction || comment)
        put_option(w, OPT_ENDOFOPT, NULL, 0);
    put_32(w, total);
}

bool pcapng_add(struct pcapng_writer *w, const struct raw_packet *packet, unsigned direction, const char *comment)
{
    unsigned interface = 0;
    while (interface < w->interfaces && w->link_types[interface] != packet->link_type)
        interface++;
    bool is_new = interface == w->interfaces;
    if (w->length == 0 || (is_new && w->interfaces == sizeof w->link_types / sizeof w->link_types[0])) {
        w->full = true;
        return false;
    }
    size_t options = (direction ? OPTION_HEAD + 4 : 0) + text_option_bytes(comment);
    size_t total = PACKET_BYTES + padded(packet->captured) + (options ? options + OPTION_HEAD : 0);
    if (total > UINT32_MAX || !has_room(w, (is_new ? INTERFACE_TOTAL : 0) + total)) {
        w->full = true;
        return false;
    }
    if (is_new)
        put_interface(w, packet->link_type);
    put_packet(w, packet, interface, direction, comment, (uint32_t)total);
    return true;
}
