/* Whose a packet is: the quick look and the whole decoder agree, both directions go to one worker, the work is spread. */
#include <glob.h>

#include "check.h"

#include "app/spread.h"
#include "capture/source.h"

enum { WORKERS = 5 };

static void shipped_captures(void **state)
{
    (void)state;
    struct arena arena;
    struct error why = {EXIT_DONE, ""};
    struct spread s;
    struct counters counters = {{0}};
    struct source_options options = {NULL, &counters};
    glob_t found;
    assert_int_equal(glob("pcaps/*/*.pcap*", 0, NULL, &found), 0);
    struct source *source = source_open_files((const char *const *)found.gl_pathv, found.gl_pathc, &options, &why);
    assert_non_null(source);
    assert_true(arena_open(&arena, 1 << 20, &why));
    assert_true(spread_open(&s, &arena, WORKERS));
    struct raw_packet raw[32];
    uint64_t decoded = 0, of[WORKERS] = {0};
    for (size_t got; (got = source_read(source, raw, 32)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            struct net_packet packet;
            enum counter skipped;
            bool fragment = false;
            unsigned owner = spread_owner(&s, &raw[i], &fragment);
            assert_true(owner < WORKERS);
            if (!net_decode(&raw[i], &packet, &skipped))
                continue;
            struct net_packet back = packet;
            back.source = packet.target;
            back.target = packet.source;
            assert_true(spread_is_owner(&s, &packet, owner));
            assert_true(spread_is_owner(&s, &back, owner));
            of[owner]++;
            decoded++;
        }
    }
    assert_true(decoded > 1000);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_true(of[i] > decoded / WORKERS / 4);
    source_close(source);
    arena_close(&arena);
    globfree(&found);
}

/* Every cut of a frame, in a block of exactly its size. */
static void cut_frames(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "02020202020202020202020208004500003c0000400040060000 0a000001 0a000002 9c40 0cea 00000001 00000002 5018ffff00000000"
        "0102030405060708090a0b0c0d0e0f10",
        "020202020202020202020202810000050800 4500003c0000400040060000 0a000001 0a000002 9c40 0cea 00000001 00000002 5018ffff00000000"
        "0102030405060708090a0b0c0d0e0f10",
        "02020202020202020202020286dd600000000024064020010db800000000000000000000000120010db8000000000000000000000002 9c40 0cea"
        "00000001 00000002 5018ffff00000000 0102030405060708090a0b0c0d0e0f10",
    };
    struct arena arena;
    struct error why = {EXIT_DONE, ""};
    struct spread s;
    assert_true(arena_open(&arena, 1 << 20, &why));
    assert_true(spread_open(&s, &arena, WORKERS));
    for (size_t row = 0; row < sizeof frames / sizeof frames[0]; row++) {
        struct view all = hex(frames[row]);
        for (uint32_t length = 0; length <= all.length; length++) {
            uint8_t *exact = malloc(length ? length : 1);
            memcpy(exact, all.bytes, length);
            struct raw_packet raw = {.bytes = exact, .captured = length, .length = (uint32_t)all.length, .link_type = 1};
            struct net_packet packet;
            enum counter skipped;
            bool fragment = false;
            unsigned owner = spread_owner(&s, &raw, &fragment);
            if (net_decode(&raw, &packet, &skipped))
                assert_true(spread_is_owner(&s, &packet, owner));
            else
                assert_int_equal(owner, 0);
            free(exact);
        }
        hex_free(all);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_captures),
        cmocka_unit_test(cut_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
