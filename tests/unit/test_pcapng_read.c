/* The pcapng format: sections in both byte orders, interfaces and their clocks, all three kinds of packets; a block that
 * makes no sense is passed over, one whose lengths make no sense ends the file. */
#include "capture_files.h"

#define SECTION "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000 "
#define SECTION_BIG "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c "
#define ETHERNET "01000000 14000000 0100 0000 00000400 14000000 "
#define ETHERNET_BIG "00000001 00000014 0001 0000 00040000 00000014 "
#define RAW "01000000 14000000 6500 0000 00000000 14000000 "
/* One packet at 0x10 units of time on interface 0, three bytes of three. */
#define ENHANCED "06000000 24000000 00000000 00000000 10000000 03000000 03000000 aabbcc00 24000000 "
#define ENHANCED_ON_1 "06000000 24000000 01000000 00000000 10000000 03000000 03000000 aabbcc00 24000000 "
#define ENHANCED_BIG "00000006 00000024 00000000 00000000 00000010 00000003 00000003 aabbcc00 00000024 "
#define TOLD "1 16000 3/3 1.0 aa bb cc; "
/* An interface with one option before the end of options. */
#define INTERFACE(option) "01000000 20000000 0100 0000 00000000 " option " 00000000 20000000 "
#define RESOLUTION(hex) INTERFACE("0900 0100 " hex "000000")
#define OFFSET(hex) "01000000 24000000 0100 0000 00000000 0e00 0800 " hex " 00000000 24000000 "
#define AT(high, low) "06000000 20000000 00000000 " high " " low " 00000000 01000000 20000000 "

static const struct {
    const char *name, *file, *told;
} rows[] = {
    {"a section and nothing else", SECTION, ""},
    {"little endian", SECTION ETHERNET ENHANCED, TOLD},
    {"big endian", SECTION_BIG ETHERNET_BIG ENHANCED_BIG, TOLD},
    {"sections of both byte orders", SECTION ETHERNET ENHANCED SECTION_BIG ETHERNET_BIG ENHANCED_BIG,
     TOLD "2 16000 3/3 1.0 aa bb cc; "},
    {"a new section forgets the interfaces", SECTION ETHERNET RAW ENHANCED_ON_1 SECTION ETHERNET ENHANCED_ON_1 ENHANCED,
     "1 16000 3/3 101.1 aa bb cc; 2 16000 3/3 1.0 aa bb cc; @152 a packet of an interface that is not described; "},
    {"version 1.2 is 1.0", "0a0d0d0a 1c000000 4d3c2b1a 0100 0200 ffffffffffffffff 1c000000 " ETHERNET ENHANCED, TOLD},
    {"an unknown version is passed over",
     SECTION ETHERNET ENHANCED "0a0d0d0a 1c000000 4d3c2b1a 0200 0000 ffffffffffffffff 1c000000 " ETHERNET ENHANCED
         SECTION ETHERNET ENHANCED,
     TOLD "2 16000 3/3 1.0 aa bb cc; @84 a section of a version that is not known; "},
    {"a wrong section length does not matter",
     "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 0400000000000000 1c000000 " ETHERNET ENHANCED, TOLD},
    {"options of a section",
     "0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff 0400 0200 'me' 0000 00000000 28000000 " ETHERNET ENHANCED,
     TOLD},
    {"two interfaces", SECTION ETHERNET RAW ENHANCED ENHANCED_ON_1, TOLD "2 16000 3/3 101.1 aa bb cc; "},
    {"interfaces may come late", SECTION ETHERNET ENHANCED RAW ENHANCED_ON_1, TOLD "2 16000 3/3 101.1 aa bb cc; "},
    {"other blocks are passed over",
     SECTION "04000000 10000000 00000000 10000000 " ETHERNET "05000000 0c000000 0c000000 ad0b0000 10000000 "
             "78563412 10000000 " ENHANCED "0b000000 0c000000 0c000000 ",
     TOLD},
    {"secrets of TLS", SECTION ETHERNET "0a000000 1c000000 4b534c54 05000000 'hello' 000000 1c000000 " ENHANCED, TOLD "@after 0 68 65 6c 6c 6f; "},
    {"secrets behind a packet", SECTION ETHERNET ENHANCED "0a000000 18000000 4b534c54 01000000 'x' 000000 18000000 ", TOLD "@after 1 78; "},
    {"secrets, big endian", SECTION_BIG ETHERNET_BIG "0000000a 00000018 544c534b 00000002 'xy' 0000 00000018 " ENHANCED_BIG, TOLD "@after 0 78 79; "},
    {"secrets that are empty", SECTION ETHERNET "0a000000 14000000 4b534c54 00000000 14000000 " ENHANCED, TOLD "@after 0 ; "},
    {"secrets of others", SECTION ETHERNET "0a000000 18000000 57475541 01000000 'x' 000000 18000000 " ENHANCED, TOLD},
    {"secrets that fill their block", SECTION ETHERNET "0a000000 18000000 4b534c54 04000000 'abcd' 18000000 " ENHANCED, TOLD "@after 0 61 62 63 64; "},
    {"secrets longer than their block", SECTION ETHERNET "0a000000 18000000 4b534c54 05000000 'abcd' 18000000 " ENHANCED,
     TOLD "@48 secrets longer than their block; "},
    {"secrets of 4 GiB", SECTION ETHERNET "0a000000 18000000 4b534c54 ffffffff 'abcd' 18000000 " ENHANCED, TOLD "@48 secrets longer than their block; "},
    {"a block of secrets too short", SECTION ETHERNET "0a000000 10000000 4b534c54 10000000 " ENHANCED, TOLD "@48 secrets longer than their block; "},
    {"options of a packet",
     SECTION ETHERNET "06000000 34000000 00000000 00000000 10000000 03000000 03000000 aabbcc00 0100 0500 'hello' 000000 "
                      "00000000 34000000 ",
     TOLD},
    {"no packet bytes", SECTION ETHERNET AT("00000000", "10000000"), "1 16000 0/1 1.0 ; "},
    {"cut by the snapshot length",
     SECTION ETHERNET "06000000 24000000 00000000 00000000 10000000 03000000 dc050000 aabbcc00 24000000 ",
     "1 16000 3/1500 1.0 aa bb cc; "},
    {"captured more than there was",
     SECTION ETHERNET "06000000 24000000 00000000 00000000 10000000 03000000 02000000 aabbcc00 24000000 ",
     "1 16000 2/2 1.0 aa bb; "},
    {"captured something of nothing",
     SECTION ETHERNET "06000000 24000000 00000000 00000000 10000000 03000000 00000000 aabbcc00 24000000 ", TOLD},
    {"simple packet", SECTION ETHERNET "03000000 14000000 03000000 aabbcc00 14000000 ", "1 0 3/3 1.0 aa bb cc; "},
    {"simple packet, big endian", SECTION_BIG ETHERNET_BIG "00000003 00000014 00000003 aabbcc00 00000014 ",
     "1 0 3/3 1.0 aa bb cc; "},
    {"simple packet, cut by the snapshot length",
     SECTION "01000000 14000000 0100 0000 02000000 14000000 03000000 14000000 09000000 aabb0000 14000000 ",
     "1 0 2/9 1.0 aa bb; "},
    {"simple packet, no limit of the snapshot length",
     SECTION RAW "03000000 14000000 03000000 aabbcc00 14000000 ", "1 0 3/3 101.0 aa bb cc; "},
    {"obsolete packet",
     SECTION ETHERNET RAW "02000000 24000000 0100 ffff 00000000 10000000 03000000 03000000 aabbcc00 24000000 ",
     "1 16000 3/3 101.1 aa bb cc; "},
    {"obsolete packet, big endian",
     SECTION_BIG ETHERNET_BIG "00000002 00000024 0000 0007 00000000 00000010 00000003 00000003 aabbcc00 00000024 ", TOLD},

    {"resolution of 1 s", SECTION RESOLUTION("00") AT("00000000", "02000000"), "1 2000000000 0/1 1.0 ; "},
    {"resolution of 1 ms", SECTION RESOLUTION("03") AT("00000000", "02000000"), "1 2000000 0/1 1.0 ; "},
    {"resolution of 1 ns", SECTION RESOLUTION("09") AT("01000000", "02000000"), "1 4294967298 0/1 1.0 ; "},
    {"resolution of 100 ps", SECTION RESOLUTION("0a") AT("00000000", "15000000"), "1 2 0/1 1.0 ; "},
    {"resolution of 10^-28 s", SECTION RESOLUTION("1c") AT("ffffffff", "ffffffff"), "1 1 0/1 1.0 ; "},
    {"resolution of 10^-127 s", SECTION RESOLUTION("7f") AT("ffffffff", "fffffffe"), "1 0 0/1 1.0 ; "},
    {"resolution of 2^0 s", SECTION RESOLUTION("80") AT("00000000", "02000000"), "1 2000000000 0/1 1.0 ; "},
    {"resolution of 2^-10 s", SECTION RESOLUTION("8a") AT("00000000", "01060000"), "1 1500976562 0/1 1.0 ; "},
    {"resolution of 2^-32 s", SECTION RESOLUTION("a0") AT("01000000", "00000080"), "1 1500000000 0/1 1.0 ; "},
    {"resolution of 2^-63 s", SECTION RESOLUTION("bf") AT("000000c0", "00000000"), "1 1500000000 0/1 1.0 ; "},
    {"resolution of 2^-127 s", SECTION RESOLUTION("ff") AT("ffffffff", "ffffffff"), "1 0 0/1 1.0 ; "},
    {"a time that 64 bits do not hold", SECTION RESOLUTION("00") AT("ffffffff", "ffffffff"),
     "1 9223372036854775807 0/1 1.0 ; "},
    {"the last time they hold", SECTION RESOLUTION("09") AT("ffffff7f", "ffffffff"), "1 9223372036854775807 0/1 1.0 ; "},
    {"resolution of a wrong length is ignored",
     SECTION INTERFACE("0900 0200 03000000") AT("00000000", "02000000"), "1 2000 0/1 1.0 ; "},
    {"offset", SECTION OFFSET("0300000000000000") AT("00000000", "02000000"), "1 3000002000 0/1 1.0 ; "},
    {"offset into the past", SECTION OFFSET("ffffffffffffffff") AT("00000000", "02000000"), "1 -999998000 0/1 1.0 ; "},
    {"offset beyond what fits", SECTION OFFSET("ffffffffffffff7f") AT("00000000", "02000000"),
     "1 9223372036854775807 0/1 1.0 ; "},
    {"offset before what fits", SECTION OFFSET("0000000000000080") AT("00000000", "02000000"),
     "1 -9223372036854773808 0/1 1.0 ; "},
    {"nothing counts after the end of options",
     SECTION "01000000 24000000 0100 0000 00000000 00000000 0900 0100 03000000 00000000 24000000 "
             AT("00000000", "02000000"),
     "1 2000 0/1 1.0 ; "},

    {"options without an end", SECTION "01000000 1c000000 0100 0000 00000000 0900 0100 03000000 1c000000 "
                                   AT("00000000", "02000000"), "1 2000000 0/1 1.0 ; "},
    {"options that overrun their block", SECTION INTERFACE("0900 ff00 03000000") AT("00000000", "02000000"),
     "1 2000 0/1 1.0 ; @28 the options of an interface overrun its block; "},
    {"an interface too short keeps its number",
     SECTION "01000000 10000000 0100 0000 10000000 " RAW ENHANCED ENHANCED_ON_1,
     "1 16000 3/3 101.1 aa bb cc; @28 an interface block too short for its fields; "},
    {"a packet before its interface", SECTION ENHANCED ETHERNET ENHANCED,
     TOLD "@28 a packet of an interface that is not described; "},
    {"a simple packet before its interface", SECTION "03000000 14000000 03000000 aabbcc00 14000000 ",
     "@28 a packet of an interface that is not described; "},
    {"a packet block too short", SECTION ETHERNET "06000000 1c000000 00000000 00000000 10000000 00000000 1c000000 " ENHANCED,
     TOLD "@48 a packet block too short for its fields; "},
    {"a packet longer than its block",
     SECTION ETHERNET "06000000 24000000 00000000 00000000 10000000 05000000 05000000 aabbcc00 24000000 " ENHANCED,
     TOLD "@48 a packet longer than its block; "},
    {"a packet of 4 GiB in its block",
     SECTION ETHERNET "06000000 24000000 00000000 00000000 10000000 ffffffff ffffffff aabbcc00 24000000 " ENHANCED,
     TOLD "@48 a packet longer than its block; "},
    {"a simple packet longer than its block", SECTION RAW "03000000 14000000 05000000 aabbcc00 14000000 ",
     "@48 a packet longer than its block; "},

    {"lengths that differ", SECTION ETHERNET ENHANCED "06000000 0c000000 10000000 ",
     TOLD "@84 a block whose two lengths differ; "},
    {"a length below that of any block", SECTION ETHERNET ENHANCED "06000000 08000000 ",
     TOLD "@84 a block of an impossible length; "},
    {"a length of no whole words", SECTION ETHERNET ENHANCED "06000000 0d000000 00 0d000000",
     TOLD "@84 a block of an impossible length; "},
    {"more than 16 MiB", SECTION ETHERNET ENHANCED "0b000000 04000001 ", TOLD "@84 a block longer than 16 MiB; "},
    {"16 MiB", SECTION ETHERNET ENHANCED "0b000000 00000001 ", TOLD "@84 the file ends inside a block; "},
    {"ends inside a block's head", SECTION ETHERNET ENHANCED "060000", TOLD "@84 the file ends inside a block; "},
    {"ends inside a block", SECTION ETHERNET ENHANCED "06000000 20000000 00", TOLD "@84 the file ends inside a block; "},
    {"a later section without a byte order",
     SECTION ETHERNET ENHANCED "0a0d0d0a 1c000000 00000000 0100 0000 ffffffffffffffff 1c000000 ",
     TOLD "@84 a section without a byte order; "},
    {"a section too short", SECTION ETHERNET ENHANCED "0a0d0d0a 18000000 4d3c2b1a 0100 0000 ffffffff 18000000 ",
     TOLD "@84 a section header too short for its fields; "},
    {"a first section without a byte order", "0a0d0d0a 1c000000 00000000 0100 0000 ffffffffffffffff 1c000000 ",
     "@0 not a capture file; "},
};

static void reads_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view file = hex(rows[i].file);
        assert_told(rows[i].name, file, rows[i].told);
        hex_free(file);
    }
}

static void survives_every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view file = hex(rows[i].file);
        assert_prefixes_deliver_prefixes(file, rows[i].told);
        hex_free(file);
    }
}

static void survives_every_change(void **state)
{
    (void)state;
    struct view file = hex(SECTION RESOLUTION("09") RAW ENHANCED "03000000 14000000 03000000 aabbcc00 14000000 ");
    assert_changes_are_harmless(file);
    hex_free(file);
    file = hex(SECTION ETHERNET "0a000000 1c000000 4b534c54 05000000 'hello' 000000 1c000000 " ENHANCED);
    assert_changes_are_harmless(file);
    hex_free(file);
    file = hex(SECTION_BIG ETHERNET_BIG ENHANCED_BIG);
    assert_changes_are_harmless(file);
    hex_free(file);
}

/* The last interface that has a number, and the first that has none. */
static void bounds_the_interfaces(void **state)
{
    (void)state;
    struct view section = hex(SECTION), one = hex(ETHERNET);
    struct view last = hex("06000000 24000000 ffff0000 00000000 10000000 03000000 03000000 aabbcc00 24000000 "
                           "06000000 24000000 00000100 00000000 10000000 03000000 03000000 aabbcc00 24000000 ");
    for (size_t interfaces = 65535; interfaces <= 65537; interfaces++) {
        uint8_t *many = malloc(interfaces * one.length);
        for (size_t i = 0; i < interfaces; i++)
            memcpy(many + i * one.length, one.bytes, one.length);
        struct view described = joined(section, view_of(many, interfaces * one.length)), file = joined(described, last);
        TELLING(told);
        tell(&told, &file, 1, READ_IN_PLACE, 16);
        assert_string_equal(told.chars,
                            interfaces == 65535   ? "@1310728 a packet of an interface that is not described; "
                            : interfaces == 65536 ? "1 16000 3/3 1.65535 aa bb cc; "
                                                    "@1310784 a packet of an interface that is not described; "
                                                  : "1 16000 3/3 1.65535 aa bb cc; @1310748 more than 65536 interfaces; ");
        free(many);
        hex_free(described);
        hex_free(file);
    }
    hex_free(section);
    hex_free(one);
    hex_free(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files),
        cmocka_unit_test(survives_every_prefix),
        cmocka_unit_test(survives_every_change),
        cmocka_unit_test(bounds_the_interfaces),
    };
    return cmocka_run_group_tests_name("pcapng_read", tests, NULL, NULL);
}
