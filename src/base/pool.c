/* Arena and pools: see base/pool.h. */
#include "base/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

bool arena_open(struct arena *a, size_t bytes, struct error *why)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return error_set(why, EXIT_INTERNAL, "cannot reserve %zu bytes of memory: %s", bytes, strerror(errno));
    *a = (struct arena){(uint8_t *)memory, bytes, 0};
    return true;
}

void arena_close(struct arena *a)
{
    if (a->memory)
        munmap(a->memory, a->size);
    *a = (struct arena){0};
}

void *arena_take(struct arena *a, size_t bytes)
{
    size_t rounded = (bytes + 63) & ~(size_t)63;
    if (rounded < bytes || rounded > a->size - a->used)
        return NULL;
    void *taken = a->memory + a->used;
    a->used += rounded;
    return taken;
}

bool pool_open(struct pool *p, struct arena *from, size_t slot_size, size_t slots)
{
    size_t rounded = (slot_size + 15) & ~(size_t)15;
    *p = (struct pool){.slot_size = rounded, .slots = slots};
    if (slots && rounded > SIZE_MAX / slots)
        return false;
    p->memory = arena_take(from, rounded * slots);
    return p->memory != NULL;
}

void *pool_take_dirty(struct pool *p)
{
    void *slot = p->free;
    if (slot) {
        memcpy(&p->free, slot, sizeof p->free);
    } else if (p->fresh < p->slots) {
        slot = p->memory + p->fresh++ * p->slot_size;
    } else {
        p->refused++;
        return NULL;
    }
    p->in_use++;
    return slot;
}

void *pool_take(struct pool *p)
{
    bool used_before = p->free != NULL;
    void *slot = pool_take_dirty(p);
    if (slot && used_before)
        memset(slot, 0, p->slot_size);
    return slot;
}

void pool_give(struct pool *p, void *slot)
{
    memcpy(slot, &p->free, sizeof p->free);
    p->free = slot;
    p->in_use--;
}
