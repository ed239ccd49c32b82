/* Frames for tests: headers written layer by layer into one buffer, lengths and checksums filled in at the end. */
#ifndef DBHOUND_TESTS_FRAMES_H
#define DBHOUND_TESTS_FRAMES_H

#include "check.h"
#include "net/packet.h"

enum { FRAME_MOST = 70000 };

struct frame {
    uint8_t bytes[FRAME_MOST];
    uint32_t length;
};

static inline void frame_u8(struct frame *f, unsigned value)
{
    f->bytes[f->length++] = (uint8_t)value;
}

static inline void frame_u16(struct frame *f, unsigned value)
{
    frame_u8(f, value >> 8);
    frame_u8(f, value & 0xff);
}

static inline void frame_u32(struct frame *f, uint32_t value)
{
    frame_u16(f, value >> 16);
    frame_u16(f, value & 0xffff);
}

static inline void frame_add(struct frame *f, const void *bytes, size_t length)
{
    if (length)
        memcpy(f->bytes + f->length, bytes, length);
    f->length += (uint32_t)length;
}

static inline void frame_zeros(struct frame *f, size_t length)
{
    memset(f->bytes + f->length, 0, length);
    f->length += (uint32_t)length;
}

static inline void frame_ethernet(struct frame *f, unsigned type)
{
    frame_zeros(f, 12);
    frame_u16(f, type);
}

static inline void frame_vlan(struct frame *f, unsigned id, unsigned type)
{
    frame_u16(f, id);
    frame_u16(f, type);
}

/* 10.0.0.`host`; payload_length counts everything behind the header. */
static inline void frame_ipv4(struct frame *f, unsigned from, unsigned to, unsigned protocol, unsigned option_words,
                              unsigned payload_length)
{
    frame_u8(f, 0x45 + option_words);
    frame_u8(f, 0);
    frame_u16(f, 20 + option_words * 4 + payload_length);
    frame_u32(f, 0x12340000);
    frame_u8(f, 64);
    frame_u8(f, protocol);
    frame_u16(f, 0);
    frame_u32(f, 0x0a000000 + from);
    frame_u32(f, 0x0a000000 + to);
    for (unsigned i = 0; i < option_words; i++)
        frame_u32(f, 0x01010101);
}

/* fd00::`host` */
static inline void frame_ipv6(struct frame *f, unsigned from, unsigned to, unsigned next, unsigned payload_length)
{
    frame_u32(f, 0x60000000);
    frame_u16(f, payload_length);
    frame_u8(f, next);
    frame_u8(f, 63);
    const unsigned hosts[] = {from, to};
    for (unsigned i = 0; i < 2; i++) {
        frame_u16(f, 0xfd00);
        frame_zeros(f, 10);
        frame_u32(f, hosts[i]);
    }
}

struct tcp_fields {
    uint16_t source, target;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    struct view options;
};

static inline void frame_tcp(struct frame *f, const struct tcp_fields *t, const void *payload, size_t length)
{
    frame_u16(f, t->source);
    frame_u16(f, t->target);
    frame_u32(f, t->seq);
    frame_u32(f, t->ack);
    frame_u8(f, (unsigned)(20 + t->options.length) / 4 << 4);
    frame_u8(f, t->flags);
    frame_u16(f, t->window);
    frame_u32(f, 0);
    frame_add(f, t->options.bytes, t->options.length);
    frame_add(f, payload, length);
}

/* The frame in a heap block of exactly its size; free with free((void *)raw.bytes). */
static inline struct raw_packet frame_raw(const struct frame *f, uint32_t captured, uint16_t link_type)
{
    uint8_t *exact = malloc(captured ? captured : 1);
    memcpy(exact, f->bytes, captured);
    return (struct raw_packet){.bytes = exact, .captured = captured, .length = f->length, .link_type = link_type};
}

static inline void raw_free(struct raw_packet *raw)
{
    free((void *)(uintptr_t)raw->bytes);
}

#endif
