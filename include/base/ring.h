/*
 * A ring of records from one thread to one other. Records are of any length and lie in one piece; nothing blocks: a full
 * ring refuses and the writer decides (files wait, live drops and counts), an empty one gives nothing.
 */
#ifndef DBHOUND_BASE_RING_H
#define DBHOUND_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

struct ring {
    uint8_t *bytes;
    size_t size; /* a power of two */
    _Alignas(64) _Atomic uint64_t written; /* by the writer */
    uint64_t reserved;                     /* the writer's: where the reserved record begins */
    uint64_t read_seen;                    /* the writer's copy of `read` */
    _Alignas(64) _Atomic uint64_t read;    /* by the reader */
};

/* `size` is rounded up to a power of two. */
bool ring_open(struct ring *r, struct arena *from, size_t size) MUST_CHECK;
/* Writer: room for a record of `length` bytes (16-aligned), or NULL when there is none now. A record larger than half the ring is
 * always refused. ring_commit makes it visible; a record that is not committed never was. */
void *ring_reserve(struct ring *r, size_t length);
void ring_commit(struct ring *r, size_t length);
/* Reader: the oldest record, or NULL. ring_release gives its place back. */
const void *ring_peek(struct ring *r, size_t *length);
void ring_release(struct ring *r);
bool ring_is_empty(struct ring *r);

#endif
