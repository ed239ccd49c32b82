/* Overlaps end as they do on Linux 6.18 (measured on a real stack); any order of arrival costs O(log n). */

#include "net/reassembly.h"
#include "streams.h"

/* Segment A was sent first, then B; positions in the stream. `queued`: behind a hole that is filled last; byte by byte
 * what neither covers. `in_order`: after the bytes before A. What a real server's application received. */
static const struct relation {
    const char *name;
    unsigned a0, a1, b0, b1;
    const char *queued, *in_order;
} relations[] = {
    {"equal", 2, 6, 2, 6, "..AAAA", "..AAAA"},
    {"A starts B", 2, 4, 2, 6, "..BBBB", "..AABB"},
    {"A started-by B", 2, 6, 2, 4, "..AAAA", "..AAAA"},
    {"A finishes B", 4, 6, 2, 6, "..BBBB", "....AA"},
    {"A finished-by B", 2, 6, 4, 6, "..AAAA", "..AAAA"},
    {"A during B", 3, 5, 2, 6, "..BBBB", "...AAB"},
    {"A contains B", 2, 6, 3, 5, "..AAAA", "..AAAA"},
    {"A overlaps B", 2, 5, 3, 6, "..AAAB", "..AAAB"},
    {"A overlapped-by B", 3, 6, 2, 5, "..BBBA", "...AAA"},
    {"A meets B", 2, 4, 4, 6, "..AABB", "..AABB"},
    {"A met-by B", 4, 6, 2, 4, "..BBAA", "....AA"},
    {"A before B", 2, 3, 5, 6, "..A..B", "..A..B"},
    {"A after B", 5, 6, 2, 3, "..B..A", ".....A"},
};

static void say_client(struct world *w, uint32_t at, uint8_t with, uint32_t length)
{
    uint8_t bytes[8];
    memset(bytes, with, sizeof bytes);
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101 + at, .ack = 501, .payload = bytes, .length = length});
}

static void opened(struct world *w)
{
    world_open(w, 16, 1 << 20);
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100});
    world_say(w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101});
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501});
}

static void expect_client(struct world *w, const char *name, const char *expected)
{
    const struct recorded *r = &w->side[FROM_CLIENT];
    if (r->length != strlen(expected) || memcmp(r->bytes, expected, r->length) != 0)
        print_error("%s: %.*s, not %s\n", name, (int)r->length, (const char *)r->bytes, expected);
    assert_int_equal(r->length, strlen(expected));
    assert_memory_equal(r->bytes, expected, r->length);
    world_finish(w);
    assert_int_equal(r->length, strlen(expected));
    assert_int_equal(r->gap_count, 0);
    world_close(w);
}

static void overlaps_queued(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        const struct relation *r = &relations[i];
        struct world w;
        opened(&w);
        say_client(&w, r->a0, 'A', r->a1 - r->a0);
        say_client(&w, r->b0, 'B', r->b1 - r->b0);
        for (unsigned at = 1; at < 6; at++)
            if (!(at >= r->a0 && at < r->a1) && !(at >= r->b0 && at < r->b1))
                say_client(&w, at, '.', 1);
        assert_int_equal(w.side[FROM_CLIENT].length, 0);
        say_client(&w, 0, '.', 1);
        bool both = r->a0 < r->b1 && r->b0 < r->a1;
        assert_int_equal(w.counters.value[COUNT_TCP_OVERLAP_DIFFERS], both);
        expect_client(&w, r->name, r->queued);
    }
}

static void overlaps_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        const struct relation *r = &relations[i];
        struct world w;
        opened(&w);
        for (unsigned at = 0; at < r->a0; at++)
            say_client(&w, at, '.', 1);
        say_client(&w, r->a0, 'A', r->a1 - r->a0);
        say_client(&w, r->b0, 'B', r->b1 - r->b0);
        for (unsigned at = r->a1; at < r->b0; at++)
            say_client(&w, at, '.', 1);
        expect_client(&w, r->name, r->in_order);
    }
}

/* A segment that acknowledges what was not sent: the receiver dropped it, and takes the next one for its place. */
static void what_is_doubted_is_replaced(void **state)
{
    (void)state;
    struct world w;
    opened(&w);
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 504, .payload = "real", .length = 4});
    assert_int_equal(w.side[FROM_CLIENT].length, 0);
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501, .payload = "EVIL!", .length = 5});
    world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_ACK, .seq = 501, .ack = 101, .payload = "abc", .length = 3});
    assert_string_equal(w.log, "C:EVIL! S:abc");
    world_finish(&w);
    world_close(&w);
}

static uint32_t rolled(uint64_t *state, uint32_t limit)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % limit;
}

/* Black nodes on each way down from `h`, itself included. */
static unsigned blacks_below(const struct held *h)
{
    unsigned blacks[2];
    if (!h)
        return 1;
    for (unsigned side = 0; side < 2; side++) {
        const struct held *child = h->child[side];
        assert_true(!child || child->parent == h);
        assert_false(h->red && child && child->red);
        blacks[side] = blacks_below(child);
    }
    assert_int_equal(blacks[0], blacks[1]);
    return blacks[0] + !h->red;
}

static unsigned parts_of(const struct held_queue *q)
{
    unsigned parts = 0;
    assert_true(!q->root || (!q->root->red && !q->root->parent));
    blacks_below(q->root);
    for (const struct held *h = q->first; h; h = h->next) {
        if (h->next)
            assert_true(h->start < h->next->start && h->next->previous == h);
        int64_t at = h->start;
        for (const struct held *part = h; part; part = part->merged, parts++) {
            assert_int_equal(part->start, at);
            at = part->end;
        }
        assert_int_equal(h->reach, at);
    }
    return parts;
}

/* Whatever is put in and taken out: the tree is red-black, the list sorted, merged parts meet, and every byte is one that a
 * segment which covers its place carried. */
static void queue_keeps_its_order(void **state)
{
    (void)state;
    struct arena arena;
    struct error why;
    assert_true(arena_open(&arena, 1 << 22, &why));
    struct held_store store;
    assert_true(held_open(&store, &arena, 1 << 20));
    uint64_t random = 7;
    for (unsigned round = 0; round < 3000; round++) {
        struct held_queue q = {0};
        int64_t starts[41], ends[41];
        bool filled[128] = {false};
        for (unsigned i = 1; i <= 40; i++) {
            int64_t start = rolled(&random, 60), end = start + 1 + rolled(&random, round % 2 ? 20 : 3);
            uint8_t bytes[32];
            memset(bytes, (int)i, sizeof bytes);
            starts[i] = start;
            ends[i] = end;
            for (int64_t at = start; at < end; at++)
                filled[at] = true;
            if (!held_covers(&q, start, end))
                held_insert(&store, &q, held_make(&store, start, (uint64_t)(end - start), false, view_of(bytes, (size_t)(end - start))));
            assert_int_equal(parts_of(&q), store.segments.in_use);
        }
        int64_t at = 0;
        for (struct held *h; (h = held_take_first(&q));) {
            parts_of(&q);
            for (struct held *part = h, *next; part; part = next) {
                for (at = part->start > at ? part->start : at; at < part->end; at++) {
                    const struct held_block *block = part->blocks;
                    int64_t block_start = part->start;
                    uint8_t from = held_bytes(part, at, &block, &block_start).bytes[0];
                    assert_true(starts[from] <= at && at < ends[from]);
                    filled[at] = false;
                }
                next = part->merged;
                held_free(&store, part);
            }
        }
        for (unsigned i = 0; i < 128; i++)
            assert_false(filled[i]);
        assert_null(q.root);
        assert_null(q.last);
    }
    assert_int_equal(store.segments.in_use, 0);
    assert_int_equal(store.blocks.in_use, 0);
    arena_close(&arena);
}

static void bytes_survive_any_size(void **state)
{
    (void)state;
    struct arena arena;
    struct error why;
    assert_true(arena_open(&arena, 1 << 20, &why));
    struct held_store store;
    assert_true(held_open(&store, &arena, 1 << 19));
    static const size_t sizes[] = {0, 1, HELD_FEW - 1, HELD_FEW, HELD_FEW + 1, HELD_BLOCK_BYTES - 1, HELD_BLOCK_BYTES,
                                   HELD_BLOCK_BYTES + 1, 2 * HELD_BLOCK_BYTES, 65495};
    static uint8_t bytes[65495];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct held *h = held_make(&store, 1000, sizes[i] + 10, true, view_of(bytes, sizes[i]));
        assert_int_equal(h->end, 1000 + (int64_t)sizes[i] + 11);
        for (int64_t from = 0; from <= (int64_t)sizes[i]; from += 1 + from / 3) {
            const struct held_block *block = h->blocks;
            int64_t block_start = h->start, at = 1000 + from;
            for (struct view piece; (piece = held_bytes(h, at, &block, &block_start)).length; at += (int64_t)piece.length)
                assert_memory_equal(piece.bytes, bytes + (at - 1000), piece.length);
            assert_int_equal(at, 1000 + (int64_t)sizes[i]);
        }
        held_free(&store, h);
    }
    assert_int_equal(store.blocks.in_use, 0);
    while (held_fits(&store, 1))
        assert_non_null(held_make(&store, 0, 1, false, view_of(bytes, 1)));
    assert_null(held_make(&store, 0, 1, false, view_of(bytes, 1)));
    arena_close(&arena);
}

static uint32_t reversed(uint32_t value, unsigned bits)
{
    uint32_t out = 0;
    for (unsigned i = 0; i < bits; i++)
        out |= (value >> i & 1) << (bits - 1 - i);
    return out;
}

static unsigned depth_most(const struct held_queue *q)
{
    unsigned most = 0;
    for (const struct held *h = q->first; h; h = h->next) {
        unsigned depth = 0;
        for (const struct held *up = h; up; up = up->parent)
            depth++;
        most = depth > most ? depth : most;
    }
    return most;
}

/* Ascending, descending, bit-reversed, inside-out: the tree stays low whatever the sender chooses. */
static void any_order_stays_balanced(void **state)
{
    (void)state;
    enum { BITS = 14, COUNT = 1 << BITS };
    struct arena arena;
    struct error why;
    assert_true(arena_open(&arena, 1 << 26, &why));
    for (unsigned order = 0; order < 4; order++) {
        arena.used = 0;
        struct held_store store;
        assert_true(held_open(&store, &arena, 1 << 25));
        struct held_queue q = {0};
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t at = order == 0   ? i
                          : order == 1 ? COUNT - 1 - i
                          : order == 2 ? reversed(i, BITS)
                                       : i & 1 ? COUNT / 2 + i / 2 : COUNT / 2 - 1 - i / 2;
            held_insert(&store, &q, held_make(&store, at * 2, 1, false, view_of("x", 1)));
        }
        assert_in_range(depth_most(&q), BITS, 2 * (BITS + 1));
        for (int64_t at = 0; at < COUNT; at++) {
            struct held *h = held_take_first(&q);
            assert_int_equal(h->start, at * 2);
            held_free(&store, h);
        }
        assert_null(q.root);
        arena.used = 0;
        memset(arena.memory, 0, arena.size);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_queued),
        cmocka_unit_test(overlaps_in_order),
        cmocka_unit_test(what_is_doubted_is_replaced),
        cmocka_unit_test(queue_keeps_its_order),
        cmocka_unit_test(bytes_survive_any_size),
        cmocka_unit_test(any_order_stays_balanced),
    };
    return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
