/*
 * The flight recorder: see capture/flight.h.
 *
 * A ticket is the packet's place in the order of all packets noted, from 1 on: its entry is the ticket modulo the ring,
 * and it is still there exactly when fewer packets than the ring holds came after it. Copied bytes have a place in the
 * order of all bytes written in the same way. 64 bits of each do not wrap.
 */
#include "capture/flight.h"

#include <string.h>

struct flight_entry {
    uint64_t previous;
    union {
        const uint8_t *stable;
        uint64_t copied; /* place of the first byte in the order of all bytes */
    } bytes;
    int64_t time_ns;
    uint64_t number;
    uint32_t captured; /* bytes kept */
    uint32_t length;
    uint16_t link_type;
    uint16_t interface;
    bool stable;
};

_Static_assert(sizeof(struct flight_entry) == 48, "capture/flight.h promises it");

struct flight {
    struct flight_entry *entries;
    uint8_t *bytes;
    uint64_t mask;          /* entries - 1 */
    uint64_t noted;         /* the newest ticket */
    uint64_t bytes_size;
    uint64_t bytes_written; /* with the bytes left out at the ring's end, so that a packet lies in one piece */
};

struct flight *flight_open(struct arena *from, size_t entries, size_t bytes)
{
    size_t rounded = 1;
    while (rounded <= entries / 2)
        rounded *= 2;
    if (rounded > SIZE_MAX / sizeof(struct flight_entry))
        return NULL;
    struct flight *f = arena_take(from, sizeof *f);
    struct flight_entry *ring = f ? arena_take(from, rounded * sizeof *ring) : NULL;
    uint8_t *copies = ring && bytes ? arena_take(from, bytes) : NULL;
    if (!ring || (bytes && !copies))
        return NULL;
    *f = (struct flight){.entries = ring, .bytes = copies, .mask = rounded - 1, .bytes_size = bytes};
    return f;
}

/* Copies into one piece of the ring; a packet larger than the ring keeps its head. */
static void flight_copy(struct flight *f, struct flight_entry *e, const uint8_t *bytes)
{
    if (e->captured > f->bytes_size)
        e->captured = (uint32_t)f->bytes_size;
    if (e->captured == 0) {
        e->bytes.copied = f->bytes_written;
        return;
    }
    uint64_t at = f->bytes_written % f->bytes_size;
    if (e->captured > f->bytes_size - at) {
        f->bytes_written += f->bytes_size - at;
        at = 0;
    }
    memcpy(f->bytes + at, bytes, e->captured);
    e->bytes.copied = f->bytes_written;
    f->bytes_written += e->captured;
}

uint64_t flight_note(struct flight *f, const struct raw_packet *packet, uint64_t previous, bool stable)
{
    uint64_t ticket = ++f->noted;
    struct flight_entry *e = &f->entries[ticket & f->mask];
    e->previous = previous;
    e->time_ns = packet->time_ns;
    e->number = packet->number;
    e->captured = packet->captured;
    e->length = packet->length;
    e->link_type = packet->link_type;
    e->interface = packet->interface;
    e->stable = stable;
    if (stable)
        e->bytes.stable = packet->bytes;
    else
        flight_copy(f, e, packet->bytes);
    return ticket;
}

bool flight_get(const struct flight *f, uint64_t ticket, struct raw_packet *packet, uint64_t *previous)
{
    if (ticket == 0 || ticket > f->noted || f->noted - ticket > f->mask)
        return false;
    const struct flight_entry *e = &f->entries[ticket & f->mask];
    if (!e->stable && f->bytes_written - e->bytes.copied > f->bytes_size)
        return false;
    *packet = (struct raw_packet){
        .bytes = e->stable ? e->bytes.stable : e->captured ? f->bytes + e->bytes.copied % f->bytes_size : NULL,
        .captured = e->captured,
        .length = e->length,
        .time_ns = e->time_ns,
        .number = e->number,
        .link_type = e->link_type,
        .interface = e->interface,
    };
    *previous = e->previous;
    return true;
}
