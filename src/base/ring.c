/* Records between two threads: see base/ring.h. Each record has a 16-byte head with its length; SKIP fills the end of the
 * ring when a record would not lie in one piece there. */
#include "base/ring.h"

#include <string.h>

enum { HEAD = 16 };
static const uint64_t SKIP = UINT64_MAX;

static size_t record_size(size_t length)
{
    return HEAD + ((length + 15) & ~(size_t)15);
}

bool ring_open(struct ring *r, struct arena *from, size_t size)
{
    size_t rounded = 4096;
    while (rounded < size)
        rounded *= 2;
    memset(r, 0, sizeof *r);
    r->size = rounded;
    r->bytes = arena_take(from, rounded);
    return r->bytes != NULL;
}

static bool has_room(struct ring *r, uint64_t written, size_t wanted)
{
    if (r->size - (written - r->read_seen) >= wanted)
        return true;
    r->read_seen = atomic_load_explicit(&r->read, memory_order_acquire);
    return r->size - (written - r->read_seen) >= wanted;
}

void *ring_reserve(struct ring *r, size_t length)
{
    size_t wanted = record_size(length);
    if (wanted > r->size / 2 || wanted < length)
        return NULL;
    uint64_t written = atomic_load_explicit(&r->written, memory_order_relaxed);
    size_t at = (size_t)(written & (r->size - 1));
    size_t to_end = r->size - at;
    if (to_end < wanted) {
        if (!has_room(r, written, to_end + wanted))
            return NULL;
        memcpy(r->bytes + at, &SKIP, sizeof SKIP);
        written += to_end;
        at = 0;
    } else if (!has_room(r, written, wanted)) {
        return NULL;
    }
    r->reserved = written;
    return r->bytes + at + HEAD;
}

void ring_commit(struct ring *r, size_t length)
{
    uint64_t head = length;
    memcpy(r->bytes + (r->reserved & (r->size - 1)), &head, sizeof head);
    atomic_store_explicit(&r->written, r->reserved + record_size(length), memory_order_release);
}

const void *ring_peek(struct ring *r, size_t *length)
{
    uint64_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
    uint64_t written = atomic_load_explicit(&r->written, memory_order_acquire);
    if (read == written)
        return NULL;
    size_t at = (size_t)(read & (r->size - 1));
    uint64_t head;
    memcpy(&head, r->bytes + at, sizeof head);
    if (head == SKIP) {
        read += r->size - at;
        atomic_store_explicit(&r->read, read, memory_order_release);
        memcpy(&head, r->bytes, sizeof head);
        at = 0;
    }
    *length = (size_t)head;
    return r->bytes + at + HEAD;
}

void ring_release(struct ring *r)
{
    uint64_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
    uint64_t head;
    memcpy(&head, r->bytes + (read & (r->size - 1)), sizeof head);
    atomic_store_explicit(&r->read, read + record_size((size_t)head), memory_order_release);
}

bool ring_is_empty(struct ring *r)
{
    return atomic_load_explicit(&r->read, memory_order_acquire) == atomic_load_explicit(&r->written, memory_order_acquire);
}
