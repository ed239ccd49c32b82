/* Samples are pcapng to the bit, whole blocks whatever the memory, and our own reader gives back what was written. */
#include "capture_files.h"

#include "capture/pcapng.h"

static const struct raw_packet ethernet = {.bytes = (const uint8_t *)"\xaa\xbb\xcc",
                                           .captured = 3,
                                           .length = 1500,
                                           .time_ns = INT64_C(0x0102030405060708),
                                           .link_type = 1};
static const struct raw_packet raw_ip = {
    .bytes = (const uint8_t *)"\x45\x00\x00\x00", .captured = 4, .length = 2, .time_ns = -5, .link_type = 101};

static void writes_to_the_bit(void **state)
{
    (void)state;
    uint8_t memory[512];
    struct pcapng_writer w;
    pcapng_begin(&w, memory, sizeof memory, "dbhound", "a sample");
    assert_true(pcapng_add(&w, &ethernet, 0, NULL));
    assert_true(pcapng_add(&w, &ethernet, 2, "why"));
    assert_true(pcapng_add(&w, &raw_ip, 1, ""));
    assert_false(w.full);
    struct view expected =
        hex("0a0d0d0a 38000000 4d3c2b1a 0100 0000 ffffffff ffffffff 0100 0800 'a sample' 0400 0700 'dbhound' 00 "
            "0000 0000 38000000 "
            "01000000 20000000 0100 0000 00000000 0900 0100 09 000000 0000 0000 20000000 "
            "06000000 24000000 00000000 04030201 08070605 03000000 dc050000 aabbcc 00 24000000 "
            "06000000 38000000 00000000 04030201 08070605 03000000 dc050000 aabbcc 00 0200 0400 02000000 "
            "0100 0300 'why' 00 0000 0000 38000000 "
            "01000000 20000000 6500 0000 00000000 0900 0100 09 000000 0000 0000 20000000 "
            "06000000 34000000 01000000 00000000 00000000 04000000 04000000 45000000 0200 0400 01000000 "
            "0100 0000 0000 0000 34000000");
    assert_int_equal(w.length, expected.length);
    assert_memory_equal(memory, expected.bytes, expected.length);
    hex_free(expected);
}

static void reads_back(void **state)
{
    (void)state;
    uint8_t memory[512];
    struct pcapng_writer w;
    pcapng_begin(&w, memory, sizeof memory, NULL, NULL);
    assert_int_equal(w.length, 28);
    assert_true(pcapng_add(&w, &ethernet, 0, "commented"));
    assert_true(pcapng_add(&w, &raw_ip, 0, NULL));
    assert_told("own file", view_of(memory, w.length),
                "1 72623859790382856 3/1500 1.0 aa bb cc; 2 0 4/4 101.1 45 00 00 00; ");
}

/* For every size of memory: blocks are whole, nothing is written behind it, and `full` says whether all are there. */
static void stays_whole_in_any_memory(void **state)
{
    (void)state;
    uint8_t whole[512];
    struct pcapng_writer all;
    pcapng_begin(&all, whole, sizeof whole, "dbhound", NULL);
    assert_true(pcapng_add(&all, &ethernet, 1, "one"));
    assert_true(pcapng_add(&all, &raw_ip, 0, "two"));
    for (size_t size = 0; size <= all.length; size++) {
        uint8_t *memory = malloc(size ? size : 1);
        struct pcapng_writer w;
        pcapng_begin(&w, memory, size, "dbhound", NULL);
        bool one = pcapng_add(&w, &ethernet, 1, "one");
        bool two = pcapng_add(&w, &raw_ip, 0, "two");
        assert_true(w.length <= size);
        assert_int_equal(w.full, size < all.length);
        assert_int_equal(one && two, !w.full);
        if (one)
            assert_memory_equal(memory, whole, w.length < all.length ? w.length : all.length);
        if (w.length == 0) {
            assert_false(one || two);
        } else {
            struct view file = view_of(memory, w.length);
            TELLING(told);
            tell(&told, &file, 1, READ_IN_PLACE, 16);
            assert_null(strchr(told.chars, '@'));
            assert_int_equal(strstr(told.chars, "aa bb cc") != NULL, one);
            assert_int_equal(strstr(told.chars, "45 00 00 00") != NULL, two);
        }
        free(memory);
    }
}

static void has_eight_interfaces(void **state)
{
    (void)state;
    uint8_t memory[1024];
    struct pcapng_writer w;
    struct raw_packet packet = ethernet;
    pcapng_begin(&w, memory, sizeof memory, NULL, NULL);
    for (packet.link_type = 0; packet.link_type < 8; packet.link_type++)
        assert_true(pcapng_add(&w, &packet, 0, NULL));
    size_t length = w.length;
    assert_false(pcapng_add(&w, &packet, 0, NULL));
    assert_true(w.full);
    assert_int_equal(w.length, length);
    packet.link_type = 7;
    assert_true(pcapng_add(&w, &packet, 0, NULL));
}

static void cuts_long_comments(void **state)
{
    (void)state;
    enum { MOST = 65535 };
    static char comment[MOST + 8];
    static uint8_t memory[1 << 18];
    static const struct {
        const char *name;
        size_t length, kept;
        const char *at_the_end;
    } rows[] = {
        {"the most", MOST, MOST, "a"},
        {"one more", MOST + 1, MOST, "a"},
        {"a sequence that would be cut", MOST + 1, MOST - 1, "\xc3\xa9"},
        {"a sequence that just fits", MOST, MOST, "\xc3\xa9"},
        {"a longer one that would be cut", MOST + 2, MOST - 1, "\xe2\x82\xac"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(comment, 'a', rows[i].length);
        comment[rows[i].length] = 0;
        size_t end = strlen(rows[i].at_the_end);
        memcpy(comment + rows[i].length - end, rows[i].at_the_end, end);
        struct pcapng_writer w;
        pcapng_begin(&w, memory, sizeof memory, NULL, NULL);
        assert_true(pcapng_add(&w, &ethernet, 0, comment));
        /* The option's length: behind the section, the interface, and the packet's 28 bytes of fields and 4 of data. */
        const uint8_t *option = memory + 28 + 32 + 32;
        assert_int_equal(option[0] | option[1] << 8, 1);
        assert_int_equal(option[2] | option[3] << 8, rows[i].kept);
        assert_told(rows[i].name, view_of(memory, w.length), "1 72623859790382856 3/1500 1.0 aa bb cc; ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_to_the_bit),
        cmocka_unit_test(reads_back),
        cmocka_unit_test(stays_whole_in_any_memory),
        cmocka_unit_test(has_eight_interfaces),
        cmocka_unit_test(cuts_long_comments),
    };
    return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
