/* What the limiter remembers: a fixed number of keys with a little value each; when it is full, the key that was used
 * longest ago makes room. */
#ifndef DBHOUND_DETECT_LIMIT_TABLE_H
#define DBHOUND_DETECT_LIMIT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIMIT_KEY_WORDS = 6 };

struct limit_key {
    uint64_t words[LIMIT_KEY_WORDS];
};

struct limit_entry {
    struct limit_key key;
    uint64_t count;
    int64_t since_ns;      /* thresholds: start of the window */
    uint64_t stored;       /* folding: key of the last stored alert */
    uint32_t chain;        /* next with the same hash, as index + 1 */
    uint32_t newer, older; /* by use, as index + 1 */
};

struct limit_table {
    struct limit_entry *entries;
    uint32_t *heads;
    uint32_t used, size, newest, oldest;
    uint64_t seed;
};

bool limit_table_open(struct limit_table *t, uint32_t size); /* a power of two */
void limit_table_close(struct limit_table *t);
/* The entry of a key, or NULL; it does not count as a use. */
const struct limit_entry *limit_table_find(const struct limit_table *t, const struct limit_key *key);
/* The entry of a key; *fresh when it was made just now (zeroed but for the key). */
struct limit_entry *limit_table_get(struct limit_table *t, const struct limit_key *key, bool *fresh);

#endif
