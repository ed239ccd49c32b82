/* How long holes are waited for, what happens when memory ends, and lies about what was received. */
#include "streams.h"

#define MILLISECONDS INT64_C(1000000)

static void say(struct world *w, enum side from, uint32_t seq, uint32_t ack, const char *text)
{
    world_say(w, (struct say){.from = from, .flags = TCP_ACK, .seq = seq, .ack = ack, .payload = text, .length = strlen(text)});
}

/* Client's first byte 101, server's 501. */
static void opened(struct world *w, size_t held_bytes)
{
    world_open(w, 64, held_bytes);
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100});
    world_say(w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101});
    say(w, FROM_CLIENT, 101, 501, "");
    w->step_ns = 0;
}

/* A packet of another connection moves time. */
static void elsewhere(struct world *w, int64_t later_ns)
{
    w->time_ns += later_ns;
    world_say(w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 1, .host = 77});
}

static void grace_by_packets(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_SERVER, 501, 104, "answer");
    for (unsigned i = 0; i < 63; i++) {
        assert_string_equal(w.log, "");
        say(&w, FROM_SERVER, 507, 104, "");
    }
    assert_string_equal(w.log, "");
    say(&w, FROM_SERVER, 507, 104, "");
    assert_string_equal(w.log, "C-3 S:answer");
    world_finish(&w);
    world_close(&w);
}

static void grace_by_time(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_SERVER, 501, 104, "answer");
    elsewhere(&w, 100 * MILLISECONDS - 1);
    assert_string_equal(w.log, "");
    elsewhere(&w, 1);
    assert_string_equal(w.log, "C-3 S:answer");
    world_finish(&w);
    world_close(&w);
}

static void grace_by_both(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_SERVER, 501, 104, "answer");
    for (unsigned i = 0; i < 7; i++)
        say(&w, FROM_SERVER, 507, 104, "");
    w.time_ns += MILLISECONDS - 1;
    say(&w, FROM_SERVER, 507, 104, "");
    assert_string_equal(w.log, "");
    w.time_ns += 1;
    say(&w, FROM_SERVER, 507, 104, "");
    assert_string_equal(w.log, "C-3 S:answer");
    world_finish(&w);
    world_close(&w);
}

static void grace_by_too_few_packets(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_SERVER, 501, 104, "answer");
    w.time_ns += 2 * MILLISECONDS;
    for (unsigned i = 0; i < 7; i++)
        say(&w, FROM_SERVER, 507, 104, "");
    assert_string_equal(w.log, "");
    say(&w, FROM_SERVER, 507, 104, "");
    assert_string_equal(w.log, "C-3 S:answer");
    world_finish(&w);
    world_close(&w);
}

/* Only the acknowledgement of a FIN is seen: nothing is missing but the FIN. */
static void a_lost_fin_is_no_gap(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 101, 501, "abc");
    say(&w, FROM_SERVER, 501, 105, "de");
    assert_string_equal(w.log, "C:abc");
    elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C:abc S:de");
    say(&w, FROM_SERVER, 503, 105, "f");
    assert_string_equal(w.log, "C:abc S:de S:f");
    world_finish(&w);
    assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 0);
    world_close(&w);
}

/* ... but when the side goes on behind it, it was a byte. */
static void a_lost_byte_is_a_gap(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 101, 501, "abc");
    say(&w, FROM_SERVER, 501, 105, "de");
    elsewhere(&w, 100 * MILLISECONDS);
    say(&w, FROM_CLIENT, 105, 503, "f");
    elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C:abc S:de C-1 C:f");
    world_finish(&w);
    world_close(&w);
}

/* The SYN-ACK and the first bytes of the server are missing; the client's first acknowledgement says from where. */
static void a_lost_syn_ack_hides_no_gap(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64, 1 << 20);
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100});
    say(&w, FROM_CLIENT, 101, 501, "");
    say(&w, FROM_SERVER, 504, 101, "de");
    say(&w, FROM_CLIENT, 101, 506, "");
    elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "S-3 S:de");
    world_finish(&w);
    world_close(&w);
}

/* A side was not mirrored for gigabytes, then it is. */
static void a_side_appears_late(void **state)
{
    (void)state;
    for (uint32_t gigabytes = 0; gigabytes < 4; gigabytes++) {
        struct world w;
        world_open(&w, 64, 1 << 20);
        w.keep = false;
        world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101});
        for (uint32_t i = 0; i <= gigabytes; i++)
            say(&w, FROM_SERVER, 501 + i, 101 + (i << 30), "s");
        uint32_t at = 101 + (gigabytes << 30);
        say(&w, FROM_CLIENT, at, 502 + gigabytes, "q");
        say(&w, FROM_SERVER, 502 + gigabytes, at + 1, "a");
        elsewhere(&w, 200 * MILLISECONDS);
        /* Up to half the circle the missing bytes are counted, farther it is a new beginning. */
        assert_int_equal(w.counters.value[COUNT_TCP_LOST_BYTES], gigabytes < 2 ? (uint64_t)gigabytes << 30 : 0);
        assert_int_equal(w.heard[FROM_CLIENT], 1);
        assert_int_equal(w.heard[FROM_SERVER], gigabytes + 2);
        world_finish(&w);
        world_close(&w);
    }
}

/* The next file of a replay begins an hour earlier. */
static void time_starts_anew(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    w.time_ns -= 3600000 * MILLISECONDS;
    say(&w, FROM_SERVER, 501, 104, "answer");
    elsewhere(&w, 99 * MILLISECONDS);
    assert_string_equal(w.log, "");
    elsewhere(&w, 1 * MILLISECONDS);
    assert_string_equal(w.log, "C-3 S:answer");
    world_finish(&w);
    world_close(&w);
}

/* A side whose packets no longer reach us is waited for once. */
static void a_vanished_side_is_waited_for_once(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 101, 501, "q");
    say(&w, FROM_SERVER, 501, 102, "a");
    say(&w, FROM_SERVER, 502, 105, "b");
    elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C:q S:a C-3 S:b");
    say(&w, FROM_SERVER, 503, 109, "c");
    assert_string_equal(w.log, "C:q S:a C-3 S:b C-4 S:c");
    /* It is back: waited for again. */
    say(&w, FROM_CLIENT, 109, 504, "r");
    say(&w, FROM_SERVER, 504, 112, "d");
    assert_string_equal(w.log, "C:q S:a C-3 S:b C-4 S:c C:r");
    say(&w, FROM_CLIENT, 110, 504, "st");
    assert_string_equal(w.log, "C:q S:a C-3 S:b C-4 S:c C:r C:st S:d");
    world_finish(&w);
    world_close(&w);
}

static void unacknowledged_holes_wait_long(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 104, 501, "late");
    for (unsigned i = 0; i < 299; i++) {
        elsewhere(&w, 100 * MILLISECONDS);
        assert_string_equal(w.log, "");
    }
    for (unsigned i = 0; i < 2; i++)
        elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C-3 C:late");
    world_finish(&w);
    world_close(&w);
}

static void one_sided_holes_wait_a_second(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64, 1 << 20);
    w.step_ns = 0;
    say(&w, FROM_CLIENT, 101, 501, "a");
    say(&w, FROM_CLIENT, 104, 501, "d");
    for (unsigned i = 0; i < 9; i++)
        elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C:a");
    for (unsigned i = 0; i < 2; i++)
        elsewhere(&w, 100 * MILLISECONDS);
    assert_string_equal(w.log, "C:a C-2 C:d");
    world_finish(&w);
    world_close(&w);
}

/* A hole that never closes, and far more behind it than memory holds: the rest arrives, in order, at a bounded price. */
static void memory_ends_in_one_connection(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 512, 4096, 1 << 16, 1 << 18};
    static uint8_t payload[1400];
    memset(payload, 'x', sizeof payload);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct world w;
        opened(&w, sizes[i]);
        uint32_t at = 0;
        for (unsigned round = 0; round < 5; round++) {
            at += 10;
            for (unsigned j = 0; j < 40; j++) {
                uint32_t length = j % 2 ? (uint32_t)sizeof payload : 1;
                world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101 + at, .ack = 501, .payload = payload,
                                           .length = length});
                at += length;
            }
            say(&w, FROM_SERVER, 501, 101 + (at - 10 - 20 * 1401), ""); /* all before this round's hole */
        }
        world_finish(&w);
        assert_int_equal(w.side[FROM_CLIENT].length, at);
        assert_int_equal(w.side[FROM_CLIENT].lost, 50);
        assert_int_equal(w.side[FROM_CLIENT].gap_count, 5);
        assert_int_equal(w.refused, 0);
        world_close(&w);
    }
}

/* Many connections with holes share the memory: the one that waited longest gives way. */
static void memory_ends_among_many(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 2000, 1 << 16);
    w.keep = false;
    for (uint32_t i = 0; i < 1000; i++) {
        const struct say lines[] = {
            {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100, .host = 100 + i},
            {.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101, .host = 100 + i},
            {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 105, .ack = 501, .payload = "late", .length = 4, .host = 100 + i},
        };
        for (size_t j = 0; j < 3; j++)
            world_say(&w, lines[j]);
    }
    /* 64 slots of 256 bytes hold the newest; every other one was given up. */
    assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 1000 - 64);
    for (uint32_t i = 999; i > 999 - 64; i--)
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501, .payload = "soon", .length = 4, .host = 100 + i});
    assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 1000 - 64);
    world_finish(&w);
    assert_int_equal(w.opened, 1000);
    world_close(&w);
}

/* The client claims to have received what the server never sent: the server does not listen to that. */
static void a_false_acknowledgement_does_not_blind(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_SERVER, 501, 101, "ab");
    say(&w, FROM_CLIENT, 101, 503 + 1000, "q");
    elsewhere(&w, 100 * MILLISECONDS);
    say(&w, FROM_SERVER, 503, 101, "cd");
    say(&w, FROM_SERVER, 505, 101, "ef");
    assert_string_equal(w.log, "S:ab S:cd S:ef");
    say(&w, FROM_CLIENT, 101, 507, "r");
    assert_string_equal(w.log, "S:ab S:cd S:ef C:r");
    uint32_t origin;
    assert_true(net_stream_origin(w.flow, FROM_SERVER, &origin));
    assert_int_equal(origin, 501);
    world_finish(&w);
    world_close(&w);
}

/* Both sides of a fast transfer were lost for longer than a window. */
static void a_long_loss_is_found_out(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 101, 501, "ab");
    say(&w, FROM_SERVER, 501, 103, "");
    uint32_t far = 103 + 500000;
    say(&w, FROM_CLIENT, far, 501, "lost");
    assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_WINDOW], 1);
    say(&w, FROM_SERVER, 501, far + 4, "");
    say(&w, FROM_CLIENT, far + 4, 501, "cd");
    assert_string_equal(w.log, "C:ab C-500004 C:cd");
    assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_WINDOW], 1);
    world_finish(&w);
    world_close(&w);
}

/* An acknowledgement alone, or strays alone, are not believed while the other side is there to answer. */
static void strays_need_a_witness(void **state)
{
    (void)state;
    struct world w;
    opened(&w, 1 << 20);
    say(&w, FROM_CLIENT, 101, 501, "ab");
    for (uint32_t i = 0; i < 10; i++)
        say(&w, FROM_CLIENT, 103 + 500000 + i, 501, "E");
    say(&w, FROM_SERVER, 501, 103 + 900000, "");
    say(&w, FROM_CLIENT, 103, 501, "cd");
    assert_string_equal(w.log, "C:ab C:cd");
    assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_WINDOW], 11);
    world_finish(&w);
    world_close(&w);
}

static void put_stamp(uint8_t options[12], uint32_t stamp)
{
    const uint8_t head[4] = {1, 1, 8, 10};
    memcpy(options, head, 4);
    for (unsigned i = 0; i < 4; i++)
        options[4 + i] = (uint8_t)(stamp >> (24 - 8 * i));
    memset(options + 8, 0, 4);
}

static void old_timestamps(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool offered[2];
        uint32_t first, second;
        bool stamped;
        const char *expected;
    } rows[] = {
        {"older", {true, true}, 1001, 1, true, "C:a C:real"},
        {"two ticks older", {true, true}, 1001, 999, true, "C:a C:real"},
        {"one tick older may be the capture", {true, true}, 1001, 1000, true, "C:a C:EVIL"},
        {"the same", {true, true}, 1001, 1001, true, "C:a C:EVIL"},
        {"newer", {true, true}, 1001, 5000, true, "C:a C:EVIL"},
        {"newer around the end", {true, true}, UINT32_MAX, 3, true, "C:a C:EVIL"},
        {"half a circle older", {true, true}, 5, 5u - 0x7fffffffu, true, "C:a C:real"},
        {"none though agreed: Linux takes it", {true, true}, 1001, 0, false, "C:a C:EVIL"},
        {"not offered by the client", {false, true}, 1001, 1, true, "C:a C:EVIL"},
        {"not offered by the server", {true, false}, 1001, 1, true, "C:a C:EVIL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        uint8_t options[12];
        put_stamp(options, rows[i].first - 1);
        struct view stamp = view_of(options, 12), none = view_of(options, 0);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 100, .options = rows[i].offered[0] ? stamp : none});
        world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101,
                                   .options = rows[i].offered[1] ? stamp : none});
        put_stamp(options, rows[i].first);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501, .payload = "a", .length = 1, .options = stamp});
        put_stamp(options, rows[i].second);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 102, .ack = 501, .payload = "EVIL", .length = 4,
                                   .options = rows[i].stamped ? stamp : none});
        put_stamp(options, rows[i].first + 1);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 102, .ack = 501, .payload = "real", .length = 4, .options = stamp});
        if (strcmp(w.log, rows[i].expected) != 0)
            print_error("%s: %s\n", rows[i].name, w.log);
        assert_string_equal(w.log, rows[i].expected);
        world_finish(&w);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grace_by_packets),
        cmocka_unit_test(grace_by_time),
        cmocka_unit_test(grace_by_both),
        cmocka_unit_test(grace_by_too_few_packets),
        cmocka_unit_test(a_lost_fin_is_no_gap),
        cmocka_unit_test(a_lost_byte_is_a_gap),
        cmocka_unit_test(a_lost_syn_ack_hides_no_gap),
        cmocka_unit_test(a_side_appears_late),
        cmocka_unit_test(time_starts_anew),
        cmocka_unit_test(a_vanished_side_is_waited_for_once),
        cmocka_unit_test(unacknowledged_holes_wait_long),
        cmocka_unit_test(one_sided_holes_wait_a_second),
        cmocka_unit_test(memory_ends_in_one_connection),
        cmocka_unit_test(memory_ends_among_many),
        cmocka_unit_test(a_false_acknowledgement_does_not_blind),
        cmocka_unit_test(a_long_loss_is_found_out),
        cmocka_unit_test(strays_need_a_witness),
        cmocka_unit_test(old_timestamps),
    };
    return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
