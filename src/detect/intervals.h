/* Ranges of numbers, each of a rule: which of them hold a value, without asking the others. Sorted by their low ends; every
 * range also knows the greatest high end below it in the tree that halving the array makes. */
#ifndef DBHOUND_DETECT_INTERVALS_H
#define DBHOUND_DETECT_INTERVALS_H

#include <stdbool.h>
#include <stdint.h>

struct interval {
    uint64_t low, high, most;
    uint32_t rule;
};

struct intervals {
    struct interval *all;
    uint32_t used, room;
};

bool intervals_add(struct intervals *set, uint64_t low, uint64_t high, uint32_t rule);
void intervals_ready(struct intervals *set);
void intervals_free(struct intervals *set);
/* For one rule maybe several times. */
void intervals_find(const struct intervals *set, uint64_t value, void (*found)(void *context, uint32_t rule), void *context);

#endif
