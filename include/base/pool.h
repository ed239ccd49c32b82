/*
 * Memory for the packet path: one arena reserved before the first packet, carved into pools of equal slots.
 *
 * The arena is address space (mmap, not populated): pages cost memory only once used, so a generous budget on a quiet
 * wire is cheap. Nothing is ever given back to the system; a pool that is empty returns NULL, counts it, and the
 * caller sheds. No function here calls malloc.
 */
#ifndef DBHOUND_BASE_POOL_H
#define DBHOUND_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena {
    uint8_t *memory;
    size_t size;
    size_t used;
};

bool arena_open(struct arena *a, size_t bytes, struct error *why) MUST_CHECK;
void arena_close(struct arena *a);
/* 64-byte aligned, zeroed; NULL when the arena is too small. Start-up only. */
void *arena_take(struct arena *a, size_t bytes);

struct pool {
    uint8_t *memory;
    size_t slot_size;  /* rounded up to a multiple of 16 */
    size_t slots;
    size_t fresh;      /* slots handed out at least once; the rest was never touched */
    size_t in_use;
    uint64_t refused;  /* takes that found the pool empty */
    void *free;        /* chain through the first word of each given-back slot */
};

/* Slots from the arena; false when it does not hold them. */
bool pool_open(struct pool *p, struct arena *from, size_t slot_size, size_t slots) MUST_CHECK;
/* A zeroed slot, or NULL (counted in refused). */
void *pool_take(struct pool *p);
/* The same without zeroing: for buffers whose taker sets what it reads. */
void *pool_take_dirty(struct pool *p);
void pool_give(struct pool *p, void *slot);

#endif
