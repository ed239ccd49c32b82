/* Hash table with a use order: see limit_table.h. Keyed with a random seed, so that a client cannot choose addresses that
 * collide; the seed changes no result. */
#include "detect/limit_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"

bool limit_table_open(struct limit_table *t, uint32_t size)
{
    *t = (struct limit_table){.size = size};
    t->entries = calloc(size, sizeof *t->entries);
    t->heads = calloc(size, sizeof *t->heads);
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != (ssize_t)sizeof t->seed)
        t->seed = UINT64_C(0x9e3779b97f4a7c15);
    if (t->entries && t->heads)
        return true;
    limit_table_close(t);
    return false;
}

void limit_table_close(struct limit_table *t)
{
    free(t->entries);
    free(t->heads);
    *t = (struct limit_table){0};
}

static uint32_t hash(const struct limit_table *t, const struct limit_key *key)
{
    uint64_t h = t->seed;
    for (unsigned i = 0; i < LIMIT_KEY_WORDS; i++)
        h = hash_mix(h + key->words[i]);
    return (uint32_t)h & (t->size - 1);
}

static void unlink_use(struct limit_table *t, const struct limit_entry *e)
{
    if (e->newer)
        t->entries[e->newer - 1].older = e->older;
    else
        t->newest = e->older;
    if (e->older)
        t->entries[e->older - 1].newer = e->newer;
    else
        t->oldest = e->newer;
}

static void link_newest(struct limit_table *t, uint32_t at)
{
    struct limit_entry *e = &t->entries[at - 1];
    e->newer = 0;
    e->older = t->newest;
    if (t->newest)
        t->entries[t->newest - 1].newer = at;
    else
        t->oldest = at;
    t->newest = at;
}

static uint32_t evict_oldest(struct limit_table *t)
{
    uint32_t at = t->oldest;
    struct limit_entry *e = &t->entries[at - 1];
    uint32_t *link = &t->heads[hash(t, &e->key)];
    while (*link != at)
        link = &t->entries[*link - 1].chain;
    *link = e->chain;
    unlink_use(t, e);
    return at;
}

const struct limit_entry *limit_table_find(const struct limit_table *t, const struct limit_key *key)
{
    for (uint32_t at = t->size ? t->heads[hash(t, key)] : 0; at; at = t->entries[at - 1].chain)
        if (memcmp(&t->entries[at - 1].key, key, sizeof *key) == 0)
            return &t->entries[at - 1];
    return NULL;
}

struct limit_entry *limit_table_get(struct limit_table *t, const struct limit_key *key, bool *fresh)
{
    uint32_t slot = hash(t, key);
    for (uint32_t at = t->heads[slot]; at; at = t->entries[at - 1].chain) {
        struct limit_entry *e = &t->entries[at - 1];
        if (memcmp(&e->key, key, sizeof *key) == 0) {
            unlink_use(t, e);
            link_newest(t, at);
            *fresh = false;
            return e;
        }
    }
    uint32_t at = t->used < t->size ? ++t->used : evict_oldest(t);
    struct limit_entry *e = &t->entries[at - 1];
    *e = (struct limit_entry){.key = *key, .chain = t->heads[slot]};
    t->heads[slot] = at;
    link_newest(t, at);
    *fresh = true;
    return e;
}
