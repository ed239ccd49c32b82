/* Ranges of numbers: see intervals.h. */
#include "detect/intervals.h"

#include <stdlib.h>

enum { HALVINGS_MAX = 64 };

bool intervals_add(struct intervals *set, uint64_t low, uint64_t high, uint32_t rule)
{
    if (set->used == set->room) {
        const uint32_t room = set->room ? set->room * 2 : 16;
        struct interval *grown = realloc(set->all, room * sizeof *grown);
        if (!grown)
            return false;
        set->all = grown;
        set->room = room;
    }
    set->all[set->used++] = (struct interval){low, high, high, rule};
    return true;
}

static int by_low(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

/* The part [from, to) of the array is a tree whose root is its middle. */
struct part {
    uint32_t from, to;
};

void intervals_ready(struct intervals *set)
{
    if (set->used == 0)
        return;
    qsort(set->all, set->used, sizeof *set->all, by_low);
    /* Every range lifts the greatest high end of all roots above it. */
    for (uint32_t i = 0; i < set->used; i++) {
        struct part p = {0, set->used};
        for (;;) {
            const uint32_t middle = p.from + (p.to - p.from) / 2;
            if (set->all[middle].most < set->all[i].high)
                set->all[middle].most = set->all[i].high;
            if (middle == i)
                break;
            p = i < middle ? (struct part){p.from, middle} : (struct part){middle + 1, p.to};
        }
    }
}

void intervals_free(struct intervals *set)
{
    free(set->all);
    *set = (struct intervals){0};
}

void intervals_find(const struct intervals *set, uint64_t value, void (*found)(void *, uint32_t), void *context)
{
    struct part waiting[HALVINGS_MAX];
    unsigned used = 0;
    waiting[used++] = (struct part){0, set->used};
    while (used) {
        const struct part p = waiting[--used];
        if (p.from == p.to)
            continue;
        const uint32_t middle = p.from + (p.to - p.from) / 2;
        const struct interval *root = &set->all[middle];
        if (root->most < value)
            continue;
        if (root->low <= value) {
            if (root->high >= value)
                found(context, root->rule);
            waiting[used++] = (struct part){middle + 1, p.to};
        }
        waiting[used++] = (struct part){p.from, middle};
    }
}
