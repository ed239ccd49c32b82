/* Reading samples: draft-ietf-opsawg-pcapng, blocks 1 (interface) and 6 (packet), little endian, nanoseconds. */
#include "app/packets.h"

#include <stdio.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, BYTE_ORDER_MAGIC = 0x1a2b3c4d };

struct packets packets_in(struct view pcapng)
{
    return (struct packets){.left = cursor_over(pcapng)};
}

static bool take_packet(struct packets *p, struct cursor block, struct raw_packet *packet)
{
    uint32_t interface = take_u32le(&block);
    uint64_t high = take_u32le(&block), low = take_u32le(&block);
    uint32_t captured = take_u32le(&block), length = take_u32le(&block);
    struct view bytes = take_view(&block, captured);
    if (block.failed || interface >= p->interfaces)
        return false;
    *packet = (struct raw_packet){.bytes = bytes.bytes, .captured = captured, .length = length,
                                  .time_ns = (int64_t)(high << 32 | low), .number = ++p->number,
                                  .link_type = p->link_types[interface], .interface = (uint16_t)interface};
    return true;
}

bool packets_next(struct packets *p, struct raw_packet *packet)
{
    while (cursor_left(&p->left) >= 12) {
        uint32_t type = take_u32le(&p->left), total = take_u32le(&p->left);
        if (total < 12)
            return false;
        struct cursor block = cursor_over(take_view(&p->left, total - 12));
        take_skip(&p->left, 4);
        if (p->left.failed || (type == BLOCK_SECTION && take_u32le(&block) != BYTE_ORDER_MAGIC))
            return false;
        if (type == BLOCK_INTERFACE && p->interfaces < sizeof p->link_types / sizeof p->link_types[0])
            p->link_types[p->interfaces++] = take_u16le(&block);
        if (type == BLOCK_PACKET)
            return take_packet(p, block, packet);
    }
    return false;
}

const char *packets_flags(uint8_t flags, char memory[32])
{
    static const struct {
        uint8_t flag;
        const char *name;
    } names[] = {{TCP_SYN, "SYN"}, {TCP_FIN, "FIN"}, {TCP_RST, "RST"}, {TCP_PSH, "PSH"}, {TCP_URG, "URG"}, {TCP_ACK, "ACK"}};
    size_t at = 0;
    memory[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flags & names[i].flag)
            at += (size_t)snprintf(memory + at, 32 - at, "%s%s", at ? " " : "", names[i].name);
    return memory;
}
