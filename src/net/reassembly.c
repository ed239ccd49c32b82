/* The queue of early segments: see net/reassembly.h. */
#include "net/reassembly.h"

#include <string.h>

bool held_open(struct held_store *s, struct arena *from, size_t bytes)
{
    /* Tiny segments cost a slot each, large ones blocks: a quarter of the memory for slots keeps both usable. */
    size_t slots = bytes / 4 / HELD_SLOT, blocks = bytes / 4 * 3 / sizeof(struct held_block);
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

static struct held *held_empty(struct held_store *s, int64_t start, uint64_t length, bool fin, size_t captured)
{
    if (!held_fits(s, captured))
        return NULL;
    struct held *h = pool_take(&s->segments);
    h->start = start;
    h->end = h->reach = start + (int64_t)length + fin;
    h->fin = fin;
    h->parts = 1;
    h->captured = (uint32_t)captured;
    return h;
}

struct held *held_make(struct held_store *s, int64_t start, uint64_t length, bool fin, struct view captured)
{
    struct held *h = held_empty(s, start, length, fin, captured.length);
    if (!h || captured.length <= HELD_FEW) {
        if (h && captured.length)
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

/* Bytes of one into the room of another, block by block. */
static void held_copy(struct held_store *s, struct held *to, const struct held *from, int64_t at)
{
    const struct held_block *block = from->blocks;
    int64_t block_start = held_first(from);
    struct held_block **tail = &to->blocks;
    for (size_t left = to->captured; left;) {
        uint8_t *room = to->few;
        size_t fill = left;
        if (to->captured > HELD_FEW) {
            *tail = pool_take(&s->blocks);
            room = (*tail)->bytes;
            tail = &(*tail)->next;
            fill = left < HELD_BLOCK_BYTES ? left : HELD_BLOCK_BYTES;
        }
        for (left -= fill; fill;) {
            struct view piece = view_head(held_bytes(from, at, &block, &block_start), fill);
            memcpy(room, piece.bytes, piece.length);
            room += piece.length;
            at += (int64_t)piece.length;
            fill -= piece.length;
        }
    }
}

struct held *held_part(struct held_store *s, const struct held *h, int64_t from, int64_t to)
{
    int64_t data_end = h->end - h->fin < to ? h->end - h->fin : to;
    int64_t known = held_first(h) + h->captured < data_end ? held_first(h) + h->captured : data_end;
    struct held *part = held_empty(s, from, (uint64_t)(data_end - from), to > data_end, known > from ? (size_t)(known - from) : 0);
    if (!part)
        return NULL;
    part->where = h->where;
    part->ack = h->ack;
    held_copy(s, part, h, from);
    return part;
}

void held_free(struct held_store *s, struct held *h)
{
    for (struct held_block *b = h->blocks, *next; b; b = next) {
        next = b->next;
        pool_give(&s->blocks, b);
    }
    pool_give(&s->segments, h);
}

struct held *held_before(const struct held_queue *q, int64_t start)
{
    if (q->last && q->last->start <= start)
        return q->last;
    struct held *found = NULL;
    for (struct held *h = q->root; h;) {
        if (h->start <= start) {
            found = h;
            h = h->child[1];
        } else {
            h = h->child[0];
        }
    }
    return found;
}

enum { PARTS_MOST = 17 }; /* MAX_SKB_FRAGS: each segment is a page fragment of the first one */

/* Where a segment would go: covered by what is there, appended to one, in the place of one, or beside `parent`. */
struct held_place {
    bool covered;
    struct held *merge, *replace, *parent;
    unsigned side;
};

static bool held_continues(const struct held *h, int64_t start)
{
    return h->reach == start && h->parts < PARTS_MOST;
}

/* tcp_data_queue_ofo, step by step: the last one first, then from the root down. */
static struct held_place held_place(const struct held_queue *q, int64_t start, int64_t end)
{
    struct held_place place = {0};
    if (q->last && held_continues(q->last, start)) {
        place.merge = q->last;
        return place;
    }
    if (q->last && start >= q->last->reach) {
        place.parent = q->last;
        place.side = 1;
        return place;
    }
    for (struct held *h = q->root; h; h = h->child[place.side]) {
        place.parent = h;
        place.side = start >= h->start;
        if (!place.side)
            continue;
        if (start < h->reach && end <= h->reach) {
            place.covered = true;
            return place;
        }
        if (start < h->reach && start == h->start) {
            place.replace = h;
            return place;
        }
        if (held_continues(h, start)) {
            place.merge = h;
            return place;
        }
    }
    return place;
}

bool held_covers(const struct held_queue *q, int64_t start, int64_t end)
{
    return held_place(q, start, end).covered;
}

static size_t held_discard(struct held_store *s, struct held *h)
{
    size_t cost = 0;
    for (struct held *next; h; h = next) {
        next = h->merged;
        cost += held_cost(h);
        held_free(s, h);
    }
    return cost;
}

static struct held *held_tail(struct held *h)
{
    return h->merged_last ? h->merged_last : h;
}

static void held_merge(struct held *into, struct held *h)
{
    struct held *tail = held_tail(into);
    h->start -= tail->fin;
    h->fin = (uint8_t)(h->fin + tail->fin);
    tail->end -= tail->fin;
    tail->fin = 0;
    tail->merged = into->merged_last = h;
    into->reach = h->end;
    into->parts++;
}

size_t held_insert(struct held_store *s, struct held_queue *q, struct held *h)
{
    size_t freed = 0;
    struct held_place place = held_place(q, h->start, h->end);
    if (!q->root || h->end > q->furthest)
        q->furthest = h->end;
    if (place.merge) {
        held_merge(place.merge, h);
        return 0;
    }
    if (place.replace) {
        held_tree_replace(q, place.replace, h);
        freed += held_discard(s, place.replace);
    } else {
        held_tree_add(q, h, place.parent, place.side);
    }
    for (struct held *after = h->next; after && h->end >= after->reach;) {
        struct held *covered = after;
        after = after->next;
        held_tree_remove(q, covered);
        freed += held_discard(s, covered);
    }
    return freed;
}

struct held *held_take_first(struct held_queue *q)
{
    struct held *first = q->first;
    if (first)
        held_tree_remove(q, first);
    return first;
}

struct view held_bytes(const struct held *h, int64_t position, const struct held_block **block, int64_t *block_start)
{
    int64_t first = held_first(h), captured_end = first + h->captured;
    if (captured_end > h->end - h->fin)
        captured_end = h->end - h->fin;
    if (position >= captured_end)
        return view_of(h->few, 0);
    if (!h->blocks)
        return view_of(h->few + (position - first), (size_t)(captured_end - position));
    while (position - *block_start >= HELD_BLOCK_BYTES) {
        *block = (*block)->next;
        *block_start += HELD_BLOCK_BYTES;
    }
    int64_t skip = position - *block_start, left = captured_end - position, room = HELD_BLOCK_BYTES - skip;
    return view_of((*block)->bytes + skip, (size_t)(left < room ? left : room));
}

struct view held_difference(const struct held *h, int64_t start, struct view captured, int64_t *where)
{
    int64_t end = start + (int64_t)captured.length, at = start > h->start ? start : h->start;
    const struct held_block *block = h->blocks;
    int64_t block_start = held_first(h);
    while (at < end) {
        struct view old = held_bytes(h, at, &block, &block_start);
        struct view new = view_head(view_from(captured, (size_t)(at - start)), old.length);
        if (new.length == 0)
            break;
        for (size_t i = 0; memcmp(old.bytes, new.bytes, new.length) != 0 && i < new.length; i++)
            if (old.bytes[i] != new.bytes[i]) {
                *where = at + (int64_t)i;
                return view_from(old, i);
            }
        at += (int64_t)new.length;
    }
    return view_of(NULL, 0);
}

const struct held *held_near(const struct held_queue *q, int64_t start)
{
    const struct held *before = held_before(q, start);
    return before ? before : q->first;
}
