/* How much of something there was in the last seconds, for each key of a rate: eight slices of the window, so that it slides
 * in eighths. Bounded: a key that does not fit pushes out the one that was used longest ago. */
#ifndef DBHOUND_DETECT_LIMIT_RATE_H
#define DBHOUND_DETECT_LIMIT_RATE_H

#include "detect/limit_table.h"
#include "detect/rule.h"

enum { RATE_SLICES = 8 };

struct rate_sum {
    int64_t slice; /* the newest */
    uint64_t sums[RATE_SLICES];
};

/* Values by hash, each with the slice that saw it last. */
struct rate_values {
    uint32_t used;
    uint32_t hashes[RATE_DISTINCT_MAX];
    int64_t slices[RATE_DISTINCT_MAX];
};

struct rate_table {
    struct limit_table sums_by_key, values_by_key;
    struct rate_sum *sums;
    struct rate_values *values;
};

/* Takes memory only for the kinds of rates that the rules have; on a table that is open, for those that it has none for yet. The
 * first time, *t is zeroed. */
bool rate_table_open(struct rate_table *t, const struct rule_set *rules);
void rate_table_close(struct rate_table *t);
/* Takes one more match into account and answers whether the rate is reached. */
bool rate_reached(struct rate_table *t, const struct rate *rate, const struct limit_key *key, const struct alert *alert);

#endif
