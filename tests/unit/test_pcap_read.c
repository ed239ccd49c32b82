/* The pcap format in all its byte orders, resolutions and versions; damage ends the file at the record it is in. */
#include "capture_files.h"

/* Header fields: magic, version, two unused words, snapshot length, link type. */
#define LITTLE "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000 "
#define BIG "a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001 "
#define NANO_LITTLE "4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000 "
#define NANO_BIG "a1b23c4d 0002 0004 00000000 00000000 00040000 00000001 "
#define ONE "01000000 02000000 03000000 03000000 aabbcc "
#define ONE_BIG "00000001 00000002 00000003 00000003 aabbcc "
#define TWO "02000000 00000000 01000000 05000000 dd "
#define TOLD_ONE "1 1000002000 3/3 1.0 aa bb cc; "

static const struct {
    const char *name, *file, *told;
} rows[] = {
    {"no packets", LITTLE, ""},
    {"microseconds, little endian", LITTLE ONE TWO, TOLD_ONE "2 2000000000 1/5 1.0 dd; "},
    {"microseconds, big endian", BIG ONE_BIG, TOLD_ONE},
    {"nanoseconds, little endian", NANO_LITTLE ONE, "1 1000000002 3/3 1.0 aa bb cc; "},
    {"nanoseconds, big endian", NANO_BIG ONE_BIG, "1 1000000002 3/3 1.0 aa bb cc; "},
    {"modified records, little endian",
     "34cdb2a1 0200 0400 00000000 00000000 00000400 01000000 "
     "01000000 02000000 03000000 03000000 07000000 0800 00 00 aabbcc",
     TOLD_ONE},
    {"modified records, big endian",
     "a1b2cd34 0002 0004 00000000 00000000 00040000 00000001 "
     "00000001 00000002 00000003 00000003 00000007 0008 00 00 aabbcc",
     TOLD_ONE},
    {"raw IP keeps its number", "d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000 " ONE,
     "1 1000002000 3/3 101.0 aa bb cc; "},
    {"frame check sequence in the upper half", "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000024 " ONE, TOLD_ONE},
    {"the last second there is", LITTLE "ffffffff ffffffff 00000000 01000000 ", "1 4294971589967295000 0/1 1.0 ; "},
    {"version 2.2: wire length first",
     "d4c3b2a1 0200 0200 00000000 00000000 00000400 01000000 02000000 00000000 05000000 01000000 dd",
     "1 2000000000 1/5 1.0 dd; "},
    {"version 2.3: the smaller is captured",
     "d4c3b2a1 0200 0300 00000000 00000000 00000400 01000000 02000000 00000000 05000000 01000000 dd "
     "02000000 00000000 01000000 05000000 dd",
     "1 2000000000 1/5 1.0 dd; 2 2000000000 1/5 1.0 dd; "},
    {"version 543.0: wire length first",
     "d4c3b2a1 1f02 0000 00000000 00000000 00000400 01000000 02000000 00000000 05000000 01000000 dd",
     "1 2000000000 1/5 1.0 dd; "},
    {"version 2.5", "d4c3b2a1 0200 0500 00000000 00000000 00000400 01000000 " ONE,
     "@0 a version of pcap that is not known; "},
    {"version 3.4", "d4c3b2a1 0300 0400 00000000 00000000 00000400 01000000 " ONE,
     "@0 a version of pcap that is not known; "},
    {"captured more than there was", LITTLE "01000000 02000000 03000000 02000000 aabbcc " TWO,
     "1 1000002000 2/2 1.0 aa bb; 2 2000000000 1/5 1.0 dd; "},
    {"captured something of nothing", LITTLE "01000000 02000000 03000000 00000000 aabbcc " TWO,
     TOLD_ONE "2 2000000000 1/5 1.0 dd; "},
    {"an empty packet", LITTLE "01000000 02000000 00000000 00000000 " ONE,
     "1 1000002000 0/0 1.0 ; 2 1000002000 3/3 1.0 aa bb cc; "},
    {"two files in one, of two link types",
     LITTLE ONE "d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000 " ONE,
     TOLD_ONE "2 1000002000 3/3 101.0 aa bb cc; "},
    {"a file ends inside the header of the next", LITTLE ONE "d4c3b2a1 0200 0400 00000000 00000000 000004",
     TOLD_ONE "@43 the file ends inside its header; "},
    {"ends inside its header", "d4c3b2a1 0200 0400 00000000 00000000 00000400 010000",
     "@0 the file ends inside its header; "},
    {"ends inside a packet's header", LITTLE ONE "020000", TOLD_ONE "@43 the file ends inside a packet; "},
    {"ends inside a packet", LITTLE ONE "02000000 00000000 02000000 05000000 dd ",
     TOLD_ONE "@43 the file ends inside a packet; "},
    {"a packet of 4 GiB", LITTLE ONE "02000000 00000000 ffffffff ffffffff dd ",
     TOLD_ONE "@43 a packet longer than any can be; "},
    {"one byte more than the usual most", LITTLE "02000000 00000000 01000400 01000400 dd ",
     "@24 a packet longer than any can be; "},
    {"the usual most", LITTLE "02000000 00000000 00000400 00000400 dd ", "@24 the file ends inside a packet; "},
    {"one byte more than a larger snapshot",
     "d4c3b2a1 0200 0400 00000000 00000000 00000500 01000000 02000000 00000000 01000500 01000500 dd ",
     "@24 a packet longer than any can be; "},
    {"a larger snapshot",
     "d4c3b2a1 0200 0400 00000000 00000000 00000500 01000000 02000000 00000000 00000500 00000500 dd ",
     "@24 the file ends inside a packet; "},
    {"no snapshot is larger than 16 MiB",
     "d4c3b2a1 0200 0400 00000000 00000000 ffffffff 01000000 02000000 00000000 01000001 01000001 dd ",
     "@24 a packet longer than any can be; "},
    {"a snapshot of 16 MiB",
     "d4c3b2a1 0200 0400 00000000 00000000 ffffffff 01000000 02000000 00000000 00000001 00000001 dd ",
     "@24 the file ends inside a packet; "},
    {"empty", "", "@0 empty file; "},
    {"three bytes", "d4c3b2", "@0 not a capture file; "},
    {"text", "'SELECT 1; -- no capture'", "@0 not a capture file; "},
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

static void reads_the_largest_packet(void **state)
{
    (void)state;
    struct view head = hex("d4c3b2a1 0200 0400 00000000 00000000 ffffffff 01000000 02000000 00000000 00000001 00000001");
    uint8_t *body = calloc(1, 1 << 24);
    struct view packet = view_of(body, 1 << 24), file = joined(head, packet);
    static const size_t ways[] = {READ_IN_PLACE, 1 << 20};
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        struct error why;
        struct raw_packet got;
        struct source *s = source_open_memory(&file, 1, ways[way], &(struct source_options){0}, &why);
        assert_non_null(s);
        assert_int_equal(source_read(s, &got, 1), 1);
        assert_int_equal(got.captured, 1 << 24);
        assert_memory_equal(got.bytes, body, 1 << 24);
        assert_int_equal(source_read(s, &got, 1), 0);
        struct source_damage damage;
        assert_false(source_damage(s, 0, &damage));
        source_close(s);
    }
    free(body);
    hex_free(head);
    hex_free(file);
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
    struct view file = hex(LITTLE ONE TWO);
    assert_changes_are_harmless(file);
    hex_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files),
        cmocka_unit_test(reads_the_largest_packet),
        cmocka_unit_test(survives_every_prefix),
        cmocka_unit_test(survives_every_change),
    };
    return cmocka_run_group_tests_name("pcap_read", tests, NULL, NULL);
}
