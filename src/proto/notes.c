/* Notes of decoders: see proto/decoder.h (note_keep) and notes.h. */
#include "proto/notes.h"

static struct note **bucket_of(struct note_table *table, uint64_t key)
{
    return &table->buckets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 60];
}

_Static_assert(NOTE_BUCKETS == 16, "bucket_of keeps four bits");

void note_drop(struct findings *out, uint64_t key)
{
    struct notes *n = out->notes;
    if (!n->table)
        return;
    for (struct note **at = bucket_of(n->table, key); *at; at = &(*at)->next) {
        if ((*at)->key == key) {
            struct note *gone = *at;
            *at = gone->next;
            pool_give(n->blocks, gone);
            n->used--;
            return;
        }
    }
}

void *note_find(struct findings *out, uint64_t key)
{
    struct notes *n = out->notes;
    if (!n->table)
        return NULL;
    for (struct note *note = *bucket_of(n->table, key); note; note = note->next)
        if (note->key == key)
            return note->bytes;
    return NULL;
}

/* A client that prepares without end forgets its oldest statements first, as a bounded server cache would. */
static void drop_oldest(struct notes *n)
{
    struct note **oldest = NULL;
    for (unsigned i = 0; i < NOTE_BUCKETS; i++)
        for (struct note **at = &n->table->buckets[i]; *at; at = &(*at)->next)
            if (!oldest || n->clock - (*at)->age > n->clock - (*oldest)->age)
                oldest = at;
    struct note *gone = *oldest;
    *oldest = gone->next;
    pool_give(n->blocks, gone);
    n->used--;
}

void *note_keep(struct findings *out, uint64_t key, size_t size)
{
    struct notes *n = out->notes;
    if (size > NOTE_BYTES_MAX)
        return NULL;
    note_drop(out, key);
    if (!n->table && !(n->table = pool_take(n->tables)))
        return NULL;
    if (n->used == NOTES_PER_CONNECTION)
        drop_oldest(n);
    struct note *note = pool_take(n->blocks);
    if (!note)
        return NULL;
    struct note **bucket = bucket_of(n->table, key);
    note->next = *bucket;
    note->key = key;
    note->size = (uint32_t)size;
    note->age = n->clock++;
    *bucket = note;
    n->used++;
    return note->bytes;
}

void notes_clear(struct notes *n)
{
    if (!n->table)
        return;
    for (unsigned i = 0; i < NOTE_BUCKETS; i++) {
        while (n->table->buckets[i]) {
            struct note *gone = n->table->buckets[i];
            n->table->buckets[i] = gone->next;
            pool_give(n->blocks, gone);
        }
    }
    pool_give(n->tables, n->table);
    n->table = NULL;
    n->used = 0;
}
