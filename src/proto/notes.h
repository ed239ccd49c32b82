/* What decoders remember of a connection beyond their state: small blobs by key, from one pool of blocks. Private to proto. */
#ifndef DBHOUND_SRC_PROTO_NOTES_H
#define DBHOUND_SRC_PROTO_NOTES_H

#include "base/pool.h"
#include "proto/decoder.h"

enum { NOTES_PER_CONNECTION = 256, NOTE_BUCKETS = 16 };

struct note {
    struct note *next;
    uint64_t key;
    uint32_t size;
    uint32_t age; /* value of notes.clock when it was made */
    uint8_t bytes[NOTE_BYTES_MAX];
};

struct note_table {
    struct note *buckets[NOTE_BUCKETS];
};

/* One per connection, inside its conversation. A connection without notes owns no memory. */
struct notes {
    struct pool *blocks; /* of struct note */
    struct pool *tables; /* of struct note_table */
    struct note_table *table;
    uint32_t used;
    uint32_t clock;
};

void notes_clear(struct notes *n);

#endif
