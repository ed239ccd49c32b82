/* The queue of early segments: see net/reassembly.h. */
#include "net/reassembly.h"

#include <string.h>

bool held_open(struct held_store *s, struct arena *from, size_t bytes, uint64_t random)
{
    /* Tiny segments cost a slot each, large ones blocks: a quarter of the memory for slots keeps both usable. */
    size_t slots = bytes / 4 / HELD_SLOT, blocks = bytes / 4 * 3 / sizeof(struct held_block);
    s->random = random | 1;
    return pool_open(&s->segments, from, HELD_SLOT, slots) && pool_open(&s->blocks, from, sizeof(struct held_block), blocks);
}

static size_t held_blocks_for(size_t bytes)
{
    return bytes <= HELD_FEW ? 0 : (bytes + HELD_BLOCK_BYTES - 1) / HELD_BLOCK_BYTES;
}

bool held_fits(const struct held_store *s, size_t bytes)
{
    return s->segments.in_use < s->segments.slots && held_blocks_for(bytes) <= s->blocks.slots - s->blocks.in_use;
}

/* xorshift64*: its seed is secret, its numbers never leave the process. */
static uint32_t held_random(struct held_store *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (uint32_t)(s->random * UINT64_C(2685821657736338717) >> 32);
}

struct held *held_make(struct held_store *s, int64_t start, uint64_t length, bool fin, struct view captured)
{
    if (!held_fits(s, captured.length))
        return NULL;
    struct held *h = pool_take(&s->segments);
    h->start = h->begin = start;
    h->end = start + (int64_t)length + fin;
    h->fin = fin;
    h->captured = (uint32_t)captured.length;
    h->priority = held_random(s);
    if (captured.length <= HELD_FEW) {
        if (captured.length)
            memcpy(h->few, captured.bytes, captured.length);
        return h;
    }
    struct held_block **tail = &h->blocks;
    for (struct view rest = captured; rest.length; rest = view_from(rest, HELD_BLOCK_BYTES)) {
        struct view piece = view_head(rest, HELD_BLOCK_BYTES);
        *tail = pool_take(&s->blocks);
        memcpy((*tail)->bytes, piece.bytes, piece.length);
        tail = &(*tail)->next;
    }
    return h;
}

void held_free(struct held_store *s, struct held *h)
{
    for (struct held_block *b = h->blocks, *next; b; b = next) {
        next = b->next;
        pool_give(&s->blocks, b);
    }
    pool_give(&s->segments, h);
}

/* The last segment that starts at or before `start`. */
static struct held *held_before(const struct held_queue *q, int64_t start)
{
    if (q->last && q->last->start <= start)
        return q->last;
    struct held *found = NULL;
    for (struct held *h = q->root; h;) {
        if (h->start <= start) {
            found = h;
            h = h->right;
        } else {
            h = h->left;
        }
    }
    return found;
}

const struct held *held_covering(const struct held_queue *q, int64_t start, int64_t end)
{
    const struct held *before = held_before(q, start);
    return before && before->end >= end ? before : NULL;
}

static struct held **held_link(struct held_queue *q, const struct held *h)
{
    if (!h->parent)
        return &q->root;
    return h->parent->left == h ? &h->parent->left : &h->parent->right;
}

/* A child takes its parent's place; the order stays. */
static void held_rotate(struct held_queue *q, struct held *child)
{
    struct held *parent = child->parent;
    *held_link(q, parent) = child;
    child->parent = parent->parent;
    struct held *moved;
    if (parent->left == child) {
        moved = child->right;
        parent->left = moved;
        child->right = parent;
    } else {
        moved = child->left;
        parent->right = moved;
        child->left = parent;
    }
    if (moved)
        moved->parent = parent;
    parent->parent = child;
}

static void held_remove(struct held_queue *q, struct held *h)
{
    while (h->left && h->right)
        held_rotate(q, h->left->priority > h->right->priority ? h->left : h->right);
    struct held *child = h->left ? h->left : h->right;
    *held_link(q, h) = child;
    if (child)
        child->parent = h->parent;
    if (h->previous)
        h->previous->next = h->next;
    else
        q->first = h->next;
    if (h->next)
        h->next->previous = h->previous;
    else
        q->last = h->previous;
    h->left = h->right = h->parent = h->next = h->previous = NULL;
}

static void held_add(struct held_queue *q, struct held *h, struct held *before)
{
    struct held *after = before ? before->next : q->first;
    h->previous = before;
    h->next = after;
    if (before)
        before->next = h;
    else
        q->first = h;
    if (after)
        after->previous = h;
    else
        q->last = h;
    /* One of the two neighbours has a free place on the side that faces the other. */
    if (before && !before->right) {
        before->right = h;
        h->parent = before;
    } else if (after) {
        after->left = h;
        h->parent = after;
    } else {
        q->root = h;
    }
    while (h->parent && h->priority > h->parent->priority)
        held_rotate(q, h);
}

static size_t held_discard(struct held_store *s, struct held_queue *q, struct held *h)
{
    size_t cost = held_cost(h);
    held_remove(q, h);
    held_free(s, h);
    return cost;
}

size_t held_insert(struct held_store *s, struct held_queue *q, struct held *h)
{
    size_t freed = 0;
    struct held *before = held_before(q, h->start);
    if (before && before->start == h->start) {
        struct held *covered = before;
        before = before->previous;
        freed += held_discard(s, q, covered);
    }
    for (struct held *after = before ? before->next : q->first; after && after->end <= h->end;) {
        struct held *covered = after;
        after = after->next;
        freed += held_discard(s, q, covered);
    }
    held_add(q, h, before);
    return freed;
}

struct held *held_take_first(struct held_queue *q)
{
    struct held *first = q->first;
    if (first)
        held_remove(q, first);
    return first;
}

struct view held_bytes(const struct held *h, int64_t position, const struct held_block **block, int64_t *block_start)
{
    int64_t captured_end = h->start + h->captured;
    if (position >= captured_end)
        return view_of(h->few, 0);
    if (!h->blocks)
        return view_of(h->few + (position - h->start), (size_t)(captured_end - position));
    while (position - *block_start >= HELD_BLOCK_BYTES) {
        *block = (*block)->next;
        *block_start += HELD_BLOCK_BYTES;
    }
    int64_t skip = position - *block_start, left = captured_end - position, room = HELD_BLOCK_BYTES - skip;
    return view_of((*block)->bytes + skip, (size_t)(left < room ? left : room));
}

static bool held_pair_differs(const struct held *h, int64_t start, struct view captured)
{
    int64_t end = start + (int64_t)captured.length, at = start > h->start ? start : h->start;
    const struct held_block *block = h->blocks;
    int64_t block_start = h->start;
    while (at < end) {
        struct view old = held_bytes(h, at, &block, &block_start);
        struct view new = view_head(view_from(captured, (size_t)(at - start)), old.length);
        if (new.length == 0)
            return false;
        if (memcmp(old.bytes, new.bytes, new.length) != 0)
            return true;
        at += (int64_t)new.length;
    }
    return false;
}

const struct held *held_near(const struct held_queue *q, int64_t start)
{
    const struct held *before = held_before(q, start);
    return before ? before : q->first;
}

bool held_differs(const struct held *list, int64_t start, struct view captured)
{
    enum { LOOKED_AT = 4 };
    int64_t end = start + (int64_t)captured.length;
    unsigned i = 0;
    for (const struct held *h = list; h && h->start < end && i < LOOKED_AT; h = h->next, i++)
        if (held_pair_differs(h, start, captured))
            return true;
    return false;
}
