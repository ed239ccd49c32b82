/* The flight recorder gives back exactly what was noted, until it is overwritten, and never something else. */
#include "check.h"

#include "capture/flight.h"

static struct arena arena;

static int reserve(void **state)
{
    (void)state;
    struct error why;
    return arena_open(&arena, 1 << 22, &why) ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static struct raw_packet packet_of(uint64_t number, const uint8_t *bytes, uint32_t captured)
{
    return (struct raw_packet){.bytes = bytes,
                               .captured = captured,
                               .length = captured + 7,
                               .time_ns = (int64_t)number * -3,
                               .number = number,
                               .link_type = (uint16_t)(number % 9),
                               .interface = (uint16_t)(number % 5)};
}

static void assert_same(struct raw_packet got, struct raw_packet noted)
{
    assert_int_equal(got.captured, noted.captured);
    assert_int_equal(got.length, noted.length);
    assert_int_equal(got.time_ns, noted.time_ns);
    assert_int_equal(got.number, noted.number);
    assert_int_equal(got.link_type, noted.link_type);
    assert_int_equal(got.interface, noted.interface);
    assert_memory_equal(got.bytes, noted.bytes, noted.captured);
}

static void knows_no_tickets_of_its_own(void **state)
{
    (void)state;
    struct flight *f = flight_open(&arena, 8, 64);
    struct raw_packet got;
    uint64_t previous;
    assert_false(flight_get(f, 0, &got, &previous));
    assert_false(flight_get(f, 1, &got, &previous));
    assert_false(flight_get(f, UINT64_MAX, &got, &previous));
    struct raw_packet one = packet_of(1, (const uint8_t *)"abc", 3);
    assert_int_equal(flight_note(f, &one, 0, false), 1);
    assert_true(flight_get(f, 1, &got, &previous));
    assert_int_equal(previous, 0);
    assert_false(flight_get(f, 0, &got, &previous));
    assert_false(flight_get(f, 2, &got, &previous));
    assert_false(flight_get(f, 9, &got, &previous));
}

static void keeps_as_many_as_it_has_entries(void **state)
{
    (void)state;
    static const struct {
        size_t asked, kept;
    } rows[] = {{0, 1}, {1, 1}, {2, 2}, {3, 2}, {4, 4}, {7, 4}, {8, 8}};
    static const uint8_t byte = 1;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct flight *f = flight_open(&arena, rows[row].asked, 0);
        for (uint64_t n = 1; n <= 40; n++) {
            struct raw_packet one = packet_of(n, &byte, 1), got;
            assert_int_equal(flight_note(f, &one, n - 1, true), n);
            for (uint64_t ticket = 1; ticket <= n; ticket++) {
                uint64_t previous = 99;
                bool kept = n - ticket < rows[row].kept;
                assert_int_equal(flight_get(f, ticket, &got, &previous), kept);
                if (kept) {
                    assert_int_equal(got.number, ticket);
                    assert_int_equal(previous, ticket - 1);
                    assert_ptr_equal(got.bytes, &byte);
                }
            }
        }
    }
}

/* Against a model that remembers everything: what is given back is right, and what the ring must still hold is there. */
static void copies_until_overwritten(void **state)
{
    (void)state;
    enum { PACKETS = 2000, RING = 256, LARGEST = 300 };
    static uint8_t bytes[PACKETS][LARGEST];
    static struct raw_packet noted[PACKETS + 1];
    struct flight *f = flight_open(&arena, 64, RING);
    uint32_t random = 12345;
    for (uint64_t n = 1; n <= PACKETS; n++) {
        random = random * 1664525 + 1013904223;
        uint32_t captured = (random >> 16) % 20 ? (random >> 16) % 60 : (random >> 8) % LARGEST;
        for (uint32_t i = 0; i < captured; i++)
            bytes[n - 1][i] = (uint8_t)(n * 7 + i);
        noted[n] = packet_of(n, bytes[n - 1], captured);
        assert_int_equal(flight_note(f, &noted[n], 0, false), n);
        uint64_t after = 0, largest = 0;
        for (uint64_t ticket = n; ticket && ticket + 70 > n; ticket--) {
            struct raw_packet got, expected = noted[ticket];
            uint64_t previous;
            expected.captured = expected.captured < RING ? expected.captured : RING;
            after += expected.captured;
            largest = expected.captured > largest ? expected.captured : largest;
            bool got_it = flight_get(f, ticket, &got, &previous);
            if (got_it)
                assert_same(got, expected);
            /* At most once between them a piece was left out at the ring's end, smaller than the packet after it. */
            if (n - ticket < 64 && after + largest <= RING)
                assert_true(got_it);
            if (n - ticket >= 64 || after > RING)
                assert_false(got_it);
        }
    }
}

static void fits_to_the_byte(void **state)
{
    (void)state;
    static const uint8_t bytes[32] = "0123456789abcdef0123456789abcde";
    struct raw_packet got, whole = packet_of(1, bytes, 16), larger = packet_of(2, bytes, 17), none = packet_of(3, bytes, 0);
    uint64_t previous;
    struct flight *f = flight_open(&arena, 8, 16);
    flight_note(f, &whole, 0, false);
    flight_note(f, &none, 0, false);
    assert_true(flight_get(f, 1, &got, &previous));
    assert_same(got, whole);
    assert_true(flight_get(f, 2, &got, &previous));
    assert_int_equal(got.captured, 0);
    flight_note(f, &larger, 0, false);
    assert_false(flight_get(f, 1, &got, &previous));
    assert_true(flight_get(f, 3, &got, &previous));
    assert_int_equal(got.captured, 16);
    assert_int_equal(got.length, 24);
    assert_memory_equal(got.bytes, bytes, 16);
    flight_note(f, &(struct raw_packet){.bytes = bytes, .captured = 1, .length = 1}, 0, false);
    assert_false(flight_get(f, 3, &got, &previous));
}

static void keeps_heads_only_without_a_ring(void **state)
{
    (void)state;
    struct raw_packet got, one = packet_of(1, (const uint8_t *)"abc", 3);
    uint64_t previous;
    struct flight *f = flight_open(&arena, 8, 0);
    flight_note(f, &one, 0, false);
    assert_true(flight_get(f, 1, &got, &previous));
    assert_int_equal(got.captured, 0);
    assert_int_equal(got.length, 10);
}

static void needs_room(void **state)
{
    (void)state;
    assert_null(flight_open(&arena, 1 << 30, 0));
    assert_null(flight_open(&arena, SIZE_MAX, 0));
    assert_null(flight_open(&arena, 8, 1 << 30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(knows_no_tickets_of_its_own, reserve, release),
        cmocka_unit_test_setup_teardown(keeps_as_many_as_it_has_entries, reserve, release),
        cmocka_unit_test_setup_teardown(copies_until_overwritten, reserve, release),
        cmocka_unit_test_setup_teardown(fits_to_the_byte, reserve, release),
        cmocka_unit_test_setup_teardown(keeps_heads_only_without_a_ring, reserve, release),
        cmocka_unit_test_setup_teardown(needs_room, reserve, release),
    };
    return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
