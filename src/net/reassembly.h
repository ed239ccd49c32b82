/*
 * Segments that cannot be handed on yet: copies in pool memory, and the order among them.
 *
 * A queue holds what arrived before its turn, sorted by start in a red-black tree, so that any order of arrival costs
 * O(log n) per segment. Positions are 64-bit offsets in the stream; a FIN takes one.
 * Overlaps are decided as Linux does (tcp_data_queue_ofo): a segment inside another is dropped whatever its age, of the
 * rest the one that starts first provides the bytes. One that begins where another ends becomes part of it, and then it
 * is the sum that others are compared with. Or, for hosts that are said to be others, by the table of host_policy.h.
 */
#ifndef DBHOUND_NET_REASSEMBLY_H
#define DBHOUND_NET_REASSEMBLY_H

#include <stdbool.h>

#include "base/pool.h"
#include "net/stream.h"

enum { HELD_SLOT = 256, HELD_BLOCK_BYTES = 2048 - sizeof(void *) };

struct held_block {
    struct held_block *next;
    uint8_t bytes[HELD_BLOCK_BYTES];
};

/* Why a segment is kept apart: see doubt.c. */
enum doubt {
    DOUBT_ACK,   /* it acknowledges what we did not see sent */
    DOUBT_PLACE, /* its place or its acknowledgement is one that a receiver drops, or takes only with memory at hand */
    DOUBT_SUM,   /* wrong checksum */
};

struct held {
    struct held *next, *previous;          /* by position; in other lists only `next` */
    union {
        struct {
            struct held *child[2], *parent;
        };
        uint64_t heard;                    /* a doubt: packets of the other side before it */
    };
    struct held *merged, *merged_last;     /* segments that continue this one, in order */
    int64_t start, end;                    /* as it was on the wire, FIN included */
    union {
        int64_t reach;                     /* end of the last one that is merged */
        int64_t begin;                     /* once ready: the first position that this segment provides */
    };
    int64_t ack;                           /* the other stream must be handed on to here first */
    uint32_t captured;                     /* bytes kept, from `start` - `skip` */
    uint8_t parts;                         /* that are merged, this one included */
    uint8_t fin;                           /* positions at the end that FINs take */
    bool gap, red;
    uint8_t doubt;                         /* enum doubt */
    uint32_t skip;                         /* bytes kept that lie before `start`: others took their place */
    struct segment where;
    struct held_block *blocks;             /* NULL: the bytes are in `few` */
    uint8_t few[];
};

enum { HELD_FEW = HELD_SLOT - sizeof(struct held) };

/* Memory that a segment takes, near enough to bound a side's share. */
static inline size_t held_cost(const struct held *h)
{
    return HELD_SLOT + h->captured;
}

struct held_queue {
    struct held *root, *first, *last;
    int64_t furthest;                      /* end of any segment that is or was in it since it was empty */
};

struct held_store {
    struct pool segments, blocks;
};

bool held_open(struct held_store *s, struct arena *from, size_t bytes) MUST_CHECK;
/* A segment of stream positions from `start` with a copy of its captured bytes; NULL when memory ran out. */
struct held *held_make(struct held_store *s, int64_t start, uint64_t length, bool fin, struct view captured);
void held_free(struct held_store *s, struct held *h);
/* Memory that held_make would take for so many bytes is there. */
bool held_fits(const struct held_store *s, size_t bytes);

/* Whether a queued segment contains [start, end), as far as Linux looks: the new one is then dropped. */
bool held_covers(const struct held_queue *q, int64_t start, int64_t end);
/* Takes a segment that nothing covers; frees those that it covers and returns what they cost. Linux merges: a FIN in the
 * middle then moves to the end, and what was sent behind it is data. */
size_t held_insert(struct held_store *s, struct held_queue *q, struct held *h);
/* The same by a table of cases in which the newer one is believed (host_policy.h); what is queued does not overlap then. Takes
 * the segment, and returns how much more memory the queue has. *taken: something of it has a place. held_overlap.c */
int64_t held_lay(struct held_store *s, struct held_queue *q, struct held *h, uint16_t newer_cases, bool *taken);
/* From here on it provides bytes; those before are another's. */
void held_trim_front(struct held *h, int64_t to);
/* A copy of what it has of [from, to), with its FIN if that lies within; NULL when memory ran out. */
struct held *held_part(struct held_store *s, const struct held *h, int64_t from, int64_t to);
/* The last that starts at or before `start`, or NULL. */
struct held *held_before(const struct held_queue *q, int64_t start);
/* held_tree.c. `side` of the parent, 1 the later one; the queue's only one has none. */
void held_tree_add(struct held_queue *q, struct held *h, struct held *parent, unsigned side);
void held_tree_replace(struct held_queue *q, struct held *h, struct held *by);
void held_tree_remove(struct held_queue *q, struct held *h);
struct held *held_take_first(struct held_queue *q);
/* The queued segment from which to look for others that overlap one that starts at `start`. */
const struct held *held_near(const struct held_queue *q, int64_t start);
/* What a segment has from the first byte on that differs from captured ones at the same positions, which begin at `start`,
 * up to the end of its block; empty when none differs. */
struct view held_difference(const struct held *h, int64_t start, struct view captured, int64_t *where);
/* Captured bytes at `position` up to the end of their block; empty behind the last. `*block` starts as h->blocks and
 * keeps the place between calls with growing positions; `*block_start` starts as held_first(h). */
static inline int64_t held_first(const struct held *h)
{
    return h->start - h->skip;
}

struct view held_bytes(const struct held *h, int64_t position, const struct held_block **block, int64_t *block_start);

#endif
