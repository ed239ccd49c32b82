/*
 * How far each of several threads has come along one order of events, so that another can know that nothing earlier will
 * follow, or wait for that. Everything a thread wrote before turns_pass is visible to who sees it passed.
 */
#ifndef DBHOUND_BASE_TURNS_H
#define DBHOUND_BASE_TURNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"

struct turn {
    _Alignas(64) _Atomic uint64_t passed;
};

struct turns {
    struct turn *turn;
    unsigned count;
};

/* From the arena; every thread has passed 0. */
bool turns_open(struct turns *t, struct arena *from, unsigned count) MUST_CHECK;

/* This thread is done with everything up to and including `when`. */
static inline void turns_pass(struct turns *t, unsigned self, uint64_t when)
{
    atomic_store_explicit(&t->turn[self].passed, when, memory_order_release);
}

static inline uint64_t turns_passed(const struct turns *t, unsigned who)
{
    return atomic_load_explicit(&t->turn[who].passed, memory_order_acquire);
}

/* Waits until every other thread has passed `when`. */
void turns_wait(struct turns *t, unsigned self, uint64_t when);

/* One step of waiting for another thread, the `round`-th in a row: first busily, then letting others run, then asleep. */
void wait_a_little(unsigned round);

#endif
