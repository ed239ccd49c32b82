/* Overlaps end as the tables of Novak and Sturges say, for each system, and as their own series of packets does (which
 * Snort's and Suricata's tests play, too); the packets of an honest sender make the same stream whatever the system. */
#include "net/reassembly.h"
#include "streams.h"

static void hosts_are(struct host_rules *r, const char *text)
{
    struct error why;
    r->count = 0;
    assert_true(host_rules_add(r, text, &why));
}

static void opened(struct world *w, const struct host_rules *hosts)
{
    world_open_hosts(w, 16, 4 << 20, hosts);
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100});
    world_say(w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101});
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501});
}

static void say(struct world *w, uint32_t at, char with, uint32_t length)
{
    static uint8_t bytes[20000];
    memset(bytes, with, length);
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101 + at, .ack = 501, .payload = bytes, .length = length});
}

static void expect(struct world *w, const char *policy, const char *name, const char *expected)
{
    const struct recorded *r = &w->side[FROM_CLIENT];
    if (r->length != strlen(expected) || memcmp(r->bytes, expected, r->length) != 0)
        print_error("%s, %s: %.*s, not %s\n", policy, name, (int)r->length, (const char *)r->bytes, expected);
    assert_int_equal(r->length, strlen(expected));
    assert_memory_equal(r->bytes, expected, r->length);
    world_finish(w);
    assert_int_equal(r->gap_count, 0);
    world_close(w);
}

/* ---- pairs */

enum { COLUMNS = 6 };
static const char *const columns[COLUMNS] = {"windows", "vista", "bsd", "solaris", "first", "last"};

/* A came first, both behind a hole that is filled last. */
static const struct relation {
    const char *name;
    unsigned a0, a1, b0, b1;
    const char *queued[COLUMNS];
    const char *in_order; /* A is handed on before B comes: the same for every system */
} relations[] = {
    {"equal", 2, 6, 2, 6, {"AAAA", "AAAA", "AAAA", "BBBB", "AAAA", "BBBB"}, "AAAA"},
    {"A starts B", 2, 4, 2, 6, {"AABB", "AABB", "AABB", "BBBB", "AABB", "BBBB"}, "AABB"},
    {"A started-by B", 2, 6, 2, 4, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "BBAA"}, "AAAA"},
    {"A finishes B", 4, 6, 2, 6, {"BBBB", "BBAA", "BBBB", "BBBB", "BBAA", "BBBB"}, "..AA"},
    {"A finished-by B", 2, 6, 4, 6, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "AABB"}, "AAAA"},
    {"A during B", 3, 5, 2, 6, {"BBBB", "BAAB", "BBBB", "BBBB", "BAAB", "BBBB"}, ".AAB"},
    {"A contains B", 2, 6, 3, 5, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "ABBA"}, "AAAA"},
    {"A overlaps B", 2, 5, 3, 6, {"AAAB", "AAAB", "AAAB", "ABBB", "AAAB", "ABBB"}, "AAAB"},
    {"A overlapped-by B", 3, 6, 2, 5, {"BBBA", "BAAA", "BBBA", "BAAA", "BAAA", "BBBA"}, ".AAA"},
    {"A meets B", 2, 4, 4, 6, {"AABB", "AABB", "AABB", "AABB", "AABB", "AABB"}, "AABB"},
    {"A met-by B", 4, 6, 2, 4, {"BBAA", "BBAA", "BBAA", "BBAA", "BBAA", "BBAA"}, "..AA"},
    {"A before B", 2, 3, 5, 6, {"A..B", "A..B", "A..B", "A..B", "A..B", "A..B"}, "A..B"},
    {"A after B", 5, 6, 2, 3, {"B..A", "B..A", "B..A", "B..A", "B..A", "B..A"}, "...A"},
};
enum { RELATIONS = sizeof relations / sizeof relations[0] };

static void pairs_queued(void **state)
{
    (void)state;
    for (unsigned column = 0; column < COLUMNS; column++)
        for (unsigned i = 0; i < RELATIONS; i++) {
            const struct relation *r = &relations[i];
            struct host_rules hosts;
            struct world w;
            char expected[7] = "..";
            hosts_are(&hosts, columns[column]);
            opened(&w, &hosts);
            say(&w, r->a0, 'A', r->a1 - r->a0);
            say(&w, r->b0, 'B', r->b1 - r->b0);
            for (unsigned at = 1; at < 6; at++)
                if (!(at >= r->a0 && at < r->a1) && !(at >= r->b0 && at < r->b1))
                    say(&w, at, '.', 1);
            assert_int_equal(w.side[FROM_CLIENT].length, 0);
            say(&w, 0, '.', 1);
            assert_int_equal(w.counters.value[COUNT_TCP_OVERLAP_DIFFERS], r->a0 < r->b1 && r->b0 < r->a1);
            expect(&w, columns[column], r->name, strcat(expected, r->queued[column]));
        }
}

static void pairs_in_order(void **state)
{
    (void)state;
    for (unsigned column = 0; column < COLUMNS; column++)
        for (unsigned i = 0; i < RELATIONS; i++) {
            const struct relation *r = &relations[i];
            struct host_rules hosts;
            struct world w;
            char expected[7] = "..";
            hosts_are(&hosts, columns[column]);
            opened(&w, &hosts);
            for (unsigned at = 0; at < r->a0; at++)
                say(&w, at, '.', 1);
            say(&w, r->a0, 'A', r->a1 - r->a0);
            say(&w, r->b0, 'B', r->b1 - r->b0);
            for (unsigned at = r->a1; at < r->b0; at++)
                say(&w, at, '.', 1);
            expect(&w, columns[column], r->name, strcat(expected, r->in_order));
        }
}

/* A waits behind a hole, and B, whose turn has come, fills it and goes on into A, as far as the relation allows. */
static void the_one_that_fills_the_hole(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned a0, a1, b1;
        const char *whole[COLUMNS];
    } rows[] = {
        {"into A", 2, 6, 4, {"BBBBAA", "BBAAAA", "BBBBAA", "BBAAAA", "BBAAAA", "BBBBAA"}},
        {"to the end of A", 2, 6, 6, {"BBBBBB", "BBAAAA", "BBBBBB", "BBBBBB", "BBAAAA", "BBBBBB"}},
        {"beyond A", 2, 4, 6, {"BBBBBB", "BBAABB", "BBBBBB", "BBBBBB", "BBAABB", "BBBBBB"}},
        {"up to A", 2, 4, 2, {"BBAA", "BBAA", "BBAA", "BBAA", "BBAA", "BBAA"}},
    };
    for (unsigned column = 0; column < COLUMNS; column++)
        for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct host_rules hosts;
            struct world w;
            hosts_are(&hosts, columns[column]);
            opened(&w, &hosts);
            say(&w, rows[i].a0, 'A', rows[i].a1 - rows[i].a0);
            say(&w, 0, 'B', rows[i].b1);
            expect(&w, columns[column], rows[i].name, rows[i].whole[column]);
        }
}

/* Novak and Sturges: seventeen segments behind a hole of one byte. */
static void their_series(void **state)
{
    (void)state;
    static const struct {
        unsigned at, length;
    } segments[] = {{1, 3}, {5, 2}, {7, 3}, {11, 1}, {14, 2}, {16, 3}, {19, 2}, {21, 2}, {23, 1}, {2, 4}, {7, 3}, {10, 3}, {13, 3}, {17, 1}, {20, 1}, {21, 1}, {23, 2}};
    static const char *const expected[COLUMNS] = {
        "0AAAJJBCCCLLLMMMFFFGGHHIQ", "0AAAJBBCCCLDLMEEFFFGGHHIQ", "0AAAJJBCCCLLLMMMFFFGGHHIQ",
        "0AJJJBBKKKLLLMMMFFFGGHHQQ", "0AAAJBBCCCLDLMEEFFFGGHHIQ", "0AJJJJBKKKLLLMMMFNFGOPHQQ",
    };
    for (unsigned column = 0; column < COLUMNS; column++) {
        struct host_rules hosts;
        struct world w;
        hosts_are(&hosts, columns[column]);
        opened(&w, &hosts);
        for (unsigned i = 0; i < sizeof segments / sizeof segments[0]; i++)
            say(&w, segments[i].at, (char)('A' + i), segments[i].length);
        say(&w, 0, '0', 1);
        expect(&w, columns[column], "the series", expected[column]);
    }
}

/* ---- any number of segments, against a plain model: an array of who has which byte */

static uint32_t rolled(uint64_t *random, uint32_t limit)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % limit;
}

struct model {
    unsigned run[1024];   /* which stretch has the byte, 0 none */
    uint8_t byte[1024];
    unsigned runs;
};

static void model_lay(struct model *m, uint16_t cases, unsigned start, unsigned end, uint8_t with)
{
    const unsigned mine = ++m->runs;
    struct model old = *m;
    for (unsigned at = start; at < end; at++) {
        unsigned from = at, to = at;
        while (old.run[at] && from > 0 && old.run[from - 1] == old.run[at])
            from--;
        while (old.run[at] && to < 1024 && old.run[to] == old.run[at])
            to++;
        if (old.run[at] && !host_believes_newer(cases, start, end, from, to))
            continue;
        m->run[at] = mine;
        m->byte[at] = with;
    }
    /* What was cut in two, on either side of others, is two from now on. */
    for (unsigned at = 1; at < 1024; at++)
        if (m->run[at] && m->run[at] != m->run[at - 1])
            for (unsigned before = 0; before < at; before++)
                if (m->run[before] == m->run[at]) {
                    const unsigned again = ++m->runs, was = m->run[at];
                    for (unsigned rest = at; rest < 1024 && m->run[rest] == was; rest++)
                        m->run[rest] = again;
                    break;
                }
}

static void many_are_as_in_the_model(void **state)
{
    (void)state;
    struct arena arena;
    struct error why;
    uint64_t random = 11;
    assert_true(arena_open(&arena, 1 << 23, &why));
    struct held_store store;
    assert_true(held_open(&store, &arena, 1 << 22));
    for (unsigned policy = HOST_WINDOWS; policy < HOST_POLICIES; policy++)
        for (unsigned round = 0; round < 24; round++) {
            static struct model m;
            const uint16_t cases = host_segments((enum host_policy)policy);
            struct held_queue q = {0};
            int64_t cost = 0;
            memset(&m, 0, sizeof m);
            for (unsigned i = 1; i <= 40; i++) {
                unsigned start = rolled(&random, 600), end = start + 1 + rolled(&random, round % 3 ? 400 : 12);
                uint8_t bytes[512];
                bool taken;
                memset(bytes, (int)i, sizeof bytes);
                model_lay(&m, cases, start, end, (uint8_t)i);
                struct held *h = held_make(&store, start, end - start, false, view_of(bytes, end - start));
                cost += (int64_t)held_cost(h);
                cost += held_lay(&store, &q, h, cases, &taken);
                bool has = false;
                for (unsigned at = start; at < end; at++)
                    has |= m.byte[at] == i;
                assert_int_equal(taken, has);
            }
            unsigned at = 0;
            for (struct held *h; (h = held_take_first(&q)); cost -= (int64_t)held_cost(h), held_free(&store, h)) {
                for (; at < h->start; at++)
                    assert_int_equal(m.byte[at], 0);
                const struct held_block *block = h->blocks;
                int64_t block_start = held_first(h);
                for (; at < h->end; at++) {
                    struct view there = held_bytes(h, at, &block, &block_start);
                    assert_true(there.length > 0 && there.length <= (size_t)(h->end - at));
                    if (there.bytes[0] != m.byte[at])
                        print_error("%s, round %u, byte %u\n", host_policy_name((enum host_policy)policy), round, at);
                    assert_int_equal(there.bytes[0], m.byte[at]);
                }
            }
            assert_int_equal(cost, 0);
            assert_int_equal(store.segments.in_use, 0);
            assert_int_equal(store.blocks.in_use, 0);
        }
    arena_close(&arena);
}

/* Parts of segments in several blocks, with bytes that tell their place. */
static void parts_keep_their_bytes(void **state)
{
    (void)state;
    struct arena arena;
    struct error why;
    assert_true(arena_open(&arena, 1 << 21, &why));
    struct held_store store;
    assert_true(held_open(&store, &arena, 1 << 20));
    static uint8_t bytes[9000];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    static const int64_t edges[] = {0, 1, HELD_FEW, HELD_FEW + 1, HELD_BLOCK_BYTES - 1, HELD_BLOCK_BYTES, HELD_BLOCK_BYTES + 1, 5000, 8999, 9000, 9001};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    for (unsigned a = 0; a < EDGES; a++)
        for (unsigned b = a + 1; b < EDGES; b++) {
            struct held *h = held_make(&store, 100, 9000, true, view_of(bytes, sizeof bytes));
            struct held *part = held_part(&store, h, 100 + edges[a], 100 + edges[b]);
            assert_int_equal(part->fin, edges[b] == 9001);
            assert_int_equal(part->end, 100 + edges[b]);
            const struct held_block *block = part->blocks;
            int64_t at = part->start, block_start = held_first(part);
            for (struct view piece; (piece = held_bytes(part, at, &block, &block_start)).length; at += (int64_t)piece.length)
                assert_memory_equal(piece.bytes, bytes + (at - 100), piece.length);
            assert_int_equal(at, part->end - part->fin);
            held_free(&store, part);
            held_free(&store, h);
        }
    assert_int_equal(store.blocks.in_use, 0);
    arena_close(&arena);
}

/* ---- what every system agrees about */

static void honest_streams_are_equal(void **state)
{
    (void)state;
    enum { SEGMENTS = 60 };
    uint64_t random = 5;
    for (unsigned round = 0; round < 60; round++) {
        uint32_t lengths[SEGMENTS], places[SEGMENTS], order[SEGMENTS], total = 0;
        for (unsigned i = 0; i < SEGMENTS; i++) {
            lengths[i] = 1 + rolled(&random, round % 2 ? 1400 : 9);
            places[i] = total;
            total += lengths[i];
            order[i] = i;
        }
        for (unsigned i = 0; i + 1 < SEGMENTS && round % 3; i++) {
            unsigned with = i + rolled(&random, SEGMENTS - i), was = order[i];
            order[i] = order[with];
            order[with] = was;
        }
        for (unsigned policy = HOST_LINUX; policy < HOST_POLICIES; policy++) {
            struct host_rules hosts;
            struct world w;
            hosts_are(&hosts, host_policy_name((enum host_policy)policy));
            opened(&w, &hosts);
            for (unsigned i = 0; i < SEGMENTS; i++)
                say(&w, places[order[i]], (char)('!' + order[i]), lengths[order[i]]);
            const struct recorded *r = &w.side[FROM_CLIENT];
            assert_int_equal(r->length, total);
            for (unsigned i = 0; i < SEGMENTS; i++)
                for (uint32_t k = 0; k < lengths[i]; k++)
                    assert_int_equal(r->bytes[places[i] + k], '!' + i);
            assert_int_equal(w.counters.value[COUNT_TCP_OVERLAP_DIFFERS], 0);
            world_finish(&w);
            world_close(&w);
        }
    }
}

/* A large segment over many early ones of a byte, again and again: the work is bounded by the bytes, and so is the memory. */
static void many_small_ones_and_a_large_one(void **state)
{
    (void)state;
    for (unsigned policy = HOST_WINDOWS; policy < HOST_POLICIES; policy++) {
        struct host_rules hosts;
        struct world w;
        hosts_are(&hosts, host_policy_name((enum host_policy)policy));
        opened(&w, &hosts);
        for (unsigned i = 0; i < 2000; i++)
            say(&w, 1 + 2 * i, 'a', 1);
        for (unsigned i = 0; i < 50; i++)
            say(&w, 1, 'b', 4000);
        say(&w, 0, 'c', 1);
        assert_int_equal(w.side[FROM_CLIENT].length, 4001);
        world_finish(&w);
        world_close(&w);
    }
}

/* ---- who is which */

static void endpoint_address(uint8_t out[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    memset(out, 0, 16);
    out[10] = out[11] = 0xff;
    out[12] = (uint8_t)a, out[13] = (uint8_t)b, out[14] = (uint8_t)c, out[15] = (uint8_t)d;
}

static void the_longest_prefix_counts(void **state)
{
    (void)state;
    struct host_rules r = {0};
    struct error why;
    uint8_t address[16];
    endpoint_address(address, 10, 1, 2, 3);
    assert_int_equal(host_rules_find(NULL, address), HOST_LINUX);
    assert_int_equal(host_rules_find(&r, address), HOST_LINUX);
    assert_true(host_rules_add(&r, "windows=10.1.2.0/24,2001:db8::/32", &why));
    assert_true(host_rules_add(&r, "bsd", &why));
    assert_true(host_rules_add(&r, "vista=10.1.2.3", &why));
    assert_true(host_rules_add(&r, "solaris=10.1.2.128/25", &why));
    assert_int_equal(host_rules_find(&r, address), HOST_VISTA);
    endpoint_address(address, 10, 1, 2, 127);
    assert_int_equal(host_rules_find(&r, address), HOST_WINDOWS);
    endpoint_address(address, 10, 1, 2, 128);
    assert_int_equal(host_rules_find(&r, address), HOST_SOLARIS);
    endpoint_address(address, 10, 1, 3, 3);
    assert_int_equal(host_rules_find(&r, address), HOST_BSD);
    memset(address, 0, 16);
    address[0] = 0x20, address[1] = 0x01, address[2] = 0x0d, address[3] = 0xb8;
    assert_int_equal(host_rules_find(&r, address), HOST_WINDOWS);
    address[3] = 0xb9;
    assert_int_equal(host_rules_find(&r, address), HOST_BSD);
    assert_true(host_rules_add(&r, "first=0.0.0.0/0", &why));
    assert_int_equal(host_rules_find(&r, address), HOST_BSD);
    endpoint_address(address, 9, 9, 9, 9);
    assert_int_equal(host_rules_find(&r, address), HOST_FIRST);
    /* Of two that are equal the later one. */
    assert_true(host_rules_add(&r, "last=0.0.0.0/0", &why));
    assert_int_equal(host_rules_find(&r, address), HOST_LAST);
}

static void what_is_no_policy(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "linus", "linux=", "windows=10.0.0.0/33", "bsd=10.0.0.1/", "bsd=10.0.0.1/-1", "bsd=10.0.0.1/ 8", "bsd=::1/129",
                                        "first=10.0.0.1,", "last=,10.0.0.1", "last=host.example", "windowsx", "window=10.0.0.1"};
    struct host_rules r = {0};
    struct error why;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(host_rules_add(&r, wrong[i], &why));
        assert_int_equal(why.code, EXIT_USAGE);
        assert_int_equal(r.count, 0);
    }
    assert_true(host_rules_add(&r, "bsd=10.0.0.0/32,::/128,::/0,0.0.0.0/0", &why));
    assert_int_equal(r.count, 4);
    while (r.count < HOST_RULES_MAX)
        assert_true(host_rules_add(&r, "linux", &why));
    assert_false(host_rules_add(&r, "linux", &why));
}

/* The server's system decides about what the client sends. */
static void each_side_by_its_receiver(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *client, *server;
    } rows[] = {{"last", "0BB", "0BB"}, {"first", "0AA", "0AA"}, {"last=10.0.0.2", "0BB", "0AA"}, {"last=10.0.0.1", "0AA", "0BB"}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host_rules hosts;
        struct world w;
        hosts_are(&hosts, rows[i].rules);
        opened(&w, &hosts);
        for (unsigned part = 0; part < 3; part++)
            for (unsigned from = FROM_CLIENT; from <= FROM_SERVER; from++)
                world_say(&w, (struct say){.from = (enum side)from, .flags = TCP_ACK, .seq = (from == FROM_CLIENT ? 101u : 501u) + (part < 2),
                                           .ack = from == FROM_CLIENT ? 501 : 101, .payload = part == 0 ? "AA" : part == 1 ? "BB" : "0", .length = part < 2 ? 2 : 1});
        assert_int_equal(w.side[FROM_CLIENT].length, 3);
        assert_int_equal(w.side[FROM_SERVER].length, 3);
        if (memcmp(w.side[FROM_CLIENT].bytes, rows[i].client, 3) != 0)
            print_error("%s\n", rows[i].rules);
        assert_memory_equal(w.side[FROM_CLIENT].bytes, rows[i].client, 3);
        assert_memory_equal(w.side[FROM_SERVER].bytes, rows[i].server, 3);
        world_finish(&w);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_queued),
        cmocka_unit_test(pairs_in_order),
        cmocka_unit_test(the_one_that_fills_the_hole),
        cmocka_unit_test(their_series),
        cmocka_unit_test(many_are_as_in_the_model),
        cmocka_unit_test(parts_keep_their_bytes),
        cmocka_unit_test(honest_streams_are_equal),
        cmocka_unit_test(many_small_ones_and_a_large_one),
        cmocka_unit_test(the_longest_prefix_counts),
        cmocka_unit_test(what_is_no_policy),
        cmocka_unit_test(each_side_by_its_receiver),
    };
    return cmocka_run_group_tests_name("host policy", tests, NULL, NULL);
}
