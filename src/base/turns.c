/* Waiting for other threads: see base/turns.h. */
#include "base/turns.h"

#include <sched.h>
#include <time.h>

/* A nap is longer, up to 32 times, the longer the wait lasts already: live, it lasts until somebody sends something. */
enum { BUSY_ROUNDS = 256, POLITE_ROUNDS = 512, NAP_NS = 50000, NAPS_ALIKE_SHIFT = 6, NAP_DOUBLINGS = 5 };

bool turns_open(struct turns *t, struct arena *from, unsigned count)
{
    t->turn = arena_take(from, count * sizeof *t->turn);
    t->count = count;
    return t->turn != NULL;
}

void turns_wait(struct turns *t, unsigned self, uint64_t when)
{
    for (unsigned who = 0; who < t->count; who++)
        for (unsigned round = 0; who != self && turns_passed(t, who) < when; round++)
            wait_a_little(round);
}

static void pause_processor(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void wait_a_little(unsigned round)
{
    if (round < BUSY_ROUNDS)
        pause_processor();
    else if (round < POLITE_ROUNDS)
        sched_yield();
    else {
        unsigned doublings = (round - POLITE_ROUNDS) >> NAPS_ALIKE_SHIFT;
        nanosleep(&(struct timespec){.tv_nsec = (long)NAP_NS << (doublings < NAP_DOUBLINGS ? doublings : NAP_DOUBLINGS)}, NULL);
    }
}
