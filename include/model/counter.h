/* Every counter has one row in model/counters.def. A worker counts in its own array; the sums are taken at the end. */
#ifndef DBHOUND_MODEL_COUNTER_H
#define DBHOUND_MODEL_COUNTER_H

#include <stdint.h>

enum counter {
#define COUNTER(SYMBOL, name, help) COUNT_##SYMBOL,
#include "model/counters.def"
#undef COUNTER
    COUNTERS
};

struct counters {
    uint64_t value[COUNTERS];
};

const char *counter_name(enum counter counter); /* "packets.received" */
const char *counter_help(enum counter counter);
enum counter counter_by_name(const char *name); /* COUNTERS when unknown */

static inline void count(struct counters *all, enum counter which)
{
    all->value[which]++;
}

static inline void count_many(struct counters *all, enum counter which, uint64_t many)
{
    all->value[which] += many;
}

#endif
