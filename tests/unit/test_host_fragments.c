/* Overlapping IP fragments end as the tables of Novak and Sturges say, for each system, in IPv4 and IPv6. */
#include "frames.h"
#include "net/fragments.h"
#include "net/host_policy.h"

enum { UNIT = 8, PROTOCOL = 253 /* for experiments (RFC 3692) */, NO_NEXT = 59 };

struct bench {
    struct arena arena;
    struct fragments *fragments;
    struct host_rules hosts;
    struct counters counters;
    uint64_t place;
    uint8_t buffer[DATAGRAM_BYTES_MAX];
    struct raw_packet whole;
    const struct datagram *done;
};

static struct bench *bench_open(const char *policy)
{
    static struct bench b;
    struct error why;
    memset(&b, 0, sizeof b);
    assert_true(arena_open(&b.arena, 3 << 20, &why));
    assert_non_null(b.fragments = fragments_open(&b.arena, 2 << 20, &b.counters));
    assert_true(host_rules_add(&b.hosts, policy, &why));
    fragments_know_hosts(b.fragments, &b.hosts);
    return &b;
}

static void seal_ipv4(uint8_t *ip)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
}

/* Units of a letter; `cut` bytes of them were not captured. */
static void send_cut(struct bench *b, unsigned version, unsigned at, unsigned units, bool more, char with, unsigned cut)
{
    static struct frame f;
    f.length = 0;
    if (version == 4) {
        frame_ipv4(&f, 1, 2, PROTOCOL, 0, units * UNIT);
        f.bytes[6] = (uint8_t)((more ? 0x20 : 0) | at >> 8);
        f.bytes[7] = (uint8_t)at;
        seal_ipv4(f.bytes);
    } else {
        frame_ipv6(&f, 1, 2, 44, units * UNIT + 8);
        frame_u8(&f, NO_NEXT), frame_u8(&f, 0), frame_u16(&f, at << 3 | more), frame_u32(&f, 77);
    }
    for (unsigned i = 0; i < units * UNIT; i++)
        frame_u8(&f, (uint8_t)with);
    struct raw_packet raw = frame_raw(&f, f.length - cut, version == 4 ? 228 : 229);
    raw.number = ++b->place;
    b->done = fragments_take(b->fragments, &raw, b->place, 1000000000);
    if (b->done)
        datagram_write(b->done, &raw, b->buffer, &b->whole);
    raw_free(&raw);
}

static void send(struct bench *b, unsigned version, unsigned at, unsigned units, bool more, char with)
{
    send_cut(b, version, at, units, more, with, 0);
}

static void expect(struct bench *b, unsigned version, const char *policy, const char *name, const char *expected)
{
    const uint32_t header = version == 4 ? 20 : 40;
    char found[64] = "";
    assert_non_null(b->done);
    assert_true(datagram_is_whole(b->done));
    for (uint32_t i = header; i < b->whole.captured; i += UNIT)
        found[(i - header) / UNIT] = (char)b->buffer[i];
    if (strcmp(found, expected) != 0)
        print_error("IPv%u, %s, %s: %s, not %s\n", version, policy, name, found, expected);
    assert_string_equal(found, expected);
    for (uint32_t i = header; i < b->whole.captured; i++)
        assert_int_equal(b->buffer[i], expected[(i - header) / UNIT]);
    assert_int_equal(b->whole.length, header + strlen(expected) * UNIT);
    arena_close(&b->arena);
}

enum { COLUMNS = 6 };
static const char *const columns[COLUMNS] = {"windows", "vista", "bsd", "solaris", "first", "last"};

static void pairs(void **state)
{
    (void)state;
    static const struct relation {
        const char *name;
        unsigned a0, a1, b0, b1;
        const char *expected[COLUMNS];
    } relations[] = {
        {"equal", 2, 6, 2, 6, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "BBBB"}},
        {"A starts B", 2, 4, 2, 6, {"AABB", "AABB", "AABB", "AABB", "AABB", "BBBB"}},
        {"A started-by B", 2, 6, 2, 4, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "BBAA"}},
        {"A finishes B", 4, 6, 2, 6, {"BBAA", "BBAA", "BBBB", "BBBB", "BBAA", "BBBB"}},
        {"A finished-by B", 2, 6, 4, 6, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "AABB"}},
        {"A during B", 3, 5, 2, 6, {"BBBB", "BBBB", "BBBB", "BBBB", "BAAB", "BBBB"}},
        {"A contains B", 2, 6, 3, 5, {"AAAA", "AAAA", "AAAA", "AAAA", "AAAA", "ABBA"}},
        {"A overlaps B", 2, 5, 3, 6, {"AAAB", "AAAB", "AAAB", "AAAB", "AAAB", "ABBB"}},
        {"A overlapped-by B", 3, 6, 2, 5, {"BAAA", "BAAA", "BBBA", "BAAA", "BAAA", "BBBA"}},
        {"A meets B", 2, 4, 4, 6, {"AABB", "AABB", "AABB", "AABB", "AABB", "AABB"}},
        {"A met-by B", 4, 6, 2, 4, {"BBAA", "BBAA", "BBAA", "BBAA", "BBAA", "BBAA"}},
        {"A before B", 2, 3, 5, 6, {"A..B", "A..B", "A..B", "A..B", "A..B", "A..B"}},
        {"A after B", 5, 6, 2, 3, {"B..A", "B..A", "B..A", "B..A", "B..A", "B..A"}},
    };
    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned column = 0; column < COLUMNS; column++)
            for (unsigned i = 0; i < sizeof relations / sizeof relations[0]; i++) {
                const struct relation *r = &relations[i];
                struct bench *b = bench_open(columns[column]);
                struct oddity oddity;
                char expected[8] = "..";
                send(b, version, r->a0, r->a1 - r->a0, true, 'A');
                send(b, version, r->b0, r->b1 - r->b0, true, 'B');
                for (unsigned at = 1; at < 6; at++)
                    if (!(at >= r->a0 && at < r->a1) && !(at >= r->b0 && at < r->b1))
                        send(b, version, at, 1, true, '.');
                send(b, version, 6, 1, false, '!');
                assert_null(b->done);
                send(b, version, 0, 1, true, '.');
                assert_int_equal(datagram_oddity(b->done, &oddity), r->a0 < r->b1 && r->b0 < r->a1);
                strcat(expected, r->expected[column]);
                expect(b, version, columns[column], r->name, strcat(expected, "!"));
            }
}

/* Novak and Sturges: seventeen fragments, the last of which ends the datagram. */
static void their_series(void **state)
{
    (void)state;
    static const struct {
        unsigned at, units;
    } pieces[] = {{0, 3}, {4, 2}, {6, 3}, {10, 1}, {13, 2}, {15, 3}, {18, 2}, {20, 2}, {22, 1}, {1, 4}, {6, 3}, {9, 3}, {12, 3}, {16, 1}, {19, 1}, {20, 1}, {22, 2}};
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    static const char *const expected[COLUMNS] = {
        "AAAJBBCCCLLLMEEFFFGGHHIQ", "AAAJBBCCCLLLMEEFFFGGHHIQ", "AAAJJBCCCLLLMMMFFFGGHHIQ",
        "AAAJBBCCCLLLMMMFFFGGHHIQ", "AAAJBBCCCLDLMEEFFFGGHHIQ", "AJJJJBKKKLLLMMMFNFGOPHQQ",
    };
    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned column = 0; column < COLUMNS; column++) {
            struct bench *b = bench_open(columns[column]);
            for (unsigned i = 0; i < PIECES; i++) {
                assert_null(b->done);
                send(b, version, pieces[i].at, pieces[i].units, i + 1 < PIECES, (char)('A' + i));
            }
            expect(b, version, columns[column], "the series", expected[column]);
        }
}

/* Other receivers keep Linux's way. */
static void only_for_its_receiver(void **state)
{
    (void)state;
    struct bench *b = bench_open("last=10.0.0.1");
    send(b, 4, 0, 2, true, 'A');
    send(b, 4, 1, 2, true, 'B');
    assert_int_equal(b->counters.value[COUNT_FRAGMENTS_DROPPED], 2);
    arena_close(&b->arena);
    b = bench_open("last=10.0.0.2");
    send(b, 4, 0, 2, true, 'A');
    send(b, 4, 1, 2, false, 'B');
    expect(b, 4, "last=10.0.0.2", "the receiver", "ABB");
}

/* What was cut by the capture stays unknown, whoever covers it: less is said, nothing wrong. */
static void what_was_cut_stays_unknown(void **state)
{
    (void)state;
    struct bench *b = bench_open("last");
    send(b, 4, 0, 2, true, 'A');
    send_cut(b, 4, 2, 2, false, 'B', 12);
    assert_non_null(b->done);
    assert_int_equal(b->whole.captured, 20 + 2 * UNIT + 4);
    assert_int_equal(b->whole.length, 20 + 4 * UNIT);
    arena_close(&b->arena);
}

/* Any fragments at all: bytes that some fragment had at that place, and never more than there are. */
static void any_fragments(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (unsigned round = 0; round < 400; round++) {
        struct bench *b = bench_open(columns[round % COLUMNS]);
        static bool carried[256][64];
        memset(carried, 0, sizeof carried);
        for (unsigned i = 1; i < 200 && !b->done; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned at = (unsigned)(random >> 33) % 30, units = 1 + (unsigned)(random >> 40) % 12, last = at + units >= 30;
            units = last ? 31 - at : units;
            for (unsigned k = at; k < at + units; k++)
                carried[i][k] = true;
            send(b, round % 2 ? 4 : 6, at, units, !last, (char)i);
        }
        assert_non_null(b->done);
        const uint32_t header = round % 2 ? 20 : 40;
        assert_int_equal(b->whole.captured, header + 31 * UNIT);
        for (uint32_t i = 0; i < 31 * UNIT; i++)
            assert_true(carried[b->buffer[header + i]][i / UNIT]);
        arena_close(&b->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(their_series),
        cmocka_unit_test(only_for_its_receiver),
        cmocka_unit_test(what_was_cut_stays_unknown),
        cmocka_unit_test(any_fragments),
    };
    return cmocka_run_group_tests_name("host fragments", tests, NULL, NULL);
}
