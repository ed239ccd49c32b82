/* Compressed captures: recognised by content, any number of members, and every way to end too early. */
#include "capture_files.h"

#define FILE_A "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000 01000000 02000000 03000000 03000000 aabbcc "
#define RECORD "02000000 00000000 01000000 05000000 dd "
#define TOLD_A "1 1000002000 3/3 1.0 aa bb cc; "

typedef struct view (*packer)(struct view bytes);
static const packer packers[] = {gzipped, zstd_packed};

static void recognises(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head;
        enum packing packing;
    } rows[] = {
        {"gzip", "1f8b0800", PACKING_GZIP},
        {"gzip, two bytes", "1f8b", PACKING_GZIP},
        {"zstd", "28b52ffd", PACKING_ZSTD},
        {"zstd, three bytes", "28b52f", PACKING_NONE},
        {"first skippable frame", "502a4d18", PACKING_ZSTD},
        {"last skippable frame", "5f2a4d18", PACKING_ZSTD},
        {"no skippable frame", "602a4d18", PACKING_NONE},
        {"pcap", "d4c3b2a1", PACKING_NONE},
        {"nothing", "", PACKING_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view head = hex(rows[i].head);
        assert_int_equal(unpack_recognise(head), rows[i].packing);
        hex_free(head);
    }
}

static void reads_one_member_and_several(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
        struct view a = hex(FILE_A), b = hex(RECORD);
        struct view one = packers[i](a), two = packers[i](b), both = joined(one, two), again = joined(one, one);
        assert_told("one", one, TOLD_A);
        assert_told("split into two", both, TOLD_A "2 2000000000 1/5 1.0 dd; ");
        assert_told("two whole captures", again, TOLD_A "2 1000002000 3/3 1.0 aa bb cc; ");
        hex_free(a);
        hex_free(b);
        hex_free(one);
        hex_free(two);
        hex_free(both);
        hex_free(again);
    }
}

static void tells_what_follows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *after;
        size_t packer;
        const char *told;
    } rows[] = {
        {"zeros that fill up", "0000000000", 0, TOLD_A},
        {"text after gzip", "'text'", 0, TOLD_A "@43 bytes that are not gzip after the compressed data; "},
        {"a member after zeros", "00 1f8b", 0, TOLD_A "@43 bytes that are not gzip after the compressed data; "},
        {"half a member", "1f8b08", 0, TOLD_A "@43 the compressed data ends early; "},
        {"a broken member", "1f8b07 00000000", 0, TOLD_A "@43 damaged gzip data; "},
        {"text after zstd", "'text'", 1, TOLD_A "@43 damaged or unsupported zstd data; "},
        {"half a frame", "28b5", 1, TOLD_A "@43 the compressed data ends early; "},
        {"a skippable frame", "502a4d18 03000000 010203", 1, TOLD_A},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view a = hex(FILE_A), after = hex(rows[i].after), packed = packers[rows[i].packer](a);
        struct view file = joined(packed, after);
        assert_told(rows[i].name, file, rows[i].told);
        hex_free(a);
        hex_free(after);
        hex_free(packed);
        hex_free(file);
    }
}

static void reads_what_is_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
        static const struct {
            const char *inside, *told;
        } rows[] = {
            {"'no capture'", "@0 not a capture file; "},
            {"", "@0 empty file; "},
            {FILE_A "00", TOLD_A "@43 the file ends inside a packet; "},
        };
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            struct view inside = hex(rows[j].inside), file = packers[i](inside);
            assert_told(rows[j].inside, file, rows[j].told);
            hex_free(inside);
            hex_free(file);
        }
    }
}

/* A frame of two blocks that are not compressed: the first whole, the second of the reserved type. */
static void delivers_what_came_before_the_damage(void **state)
{
    (void)state;
    struct view file = hex("28b52ffd 00 00 580100 " FILE_A "060000");
    assert_told("zstd", file, TOLD_A "@43 damaged or unsupported zstd data; ");
    hex_free(file);
}

static void survives_every_prefix_and_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
        struct view a = hex(FILE_A RECORD), packed = packers[i](a), twice = joined(packed, packed);
        assert_prefixes_deliver_prefixes(twice, TOLD_A "2 2000000000 1/5 1.0 dd; 3 1000002000 3/3 1.0 aa bb cc; "
                                                       "4 2000000000 1/5 1.0 dd; ");
        assert_changes_are_harmless(packed);
        hex_free(a);
        hex_free(packed);
        hex_free(twice);
    }
}

/* Much more comes out than fits the buffer; nothing is lost where the output stops inside the library. */
static void reads_more_than_the_buffer(void **state)
{
    (void)state;
    enum { PACKETS = 300000, RECORD_BYTES = 116 };
    struct view head = hex("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000");
    uint8_t *records = calloc(PACKETS, RECORD_BYTES);
    for (size_t i = 0; i < PACKETS; i++) {
        records[i * RECORD_BYTES + 8] = records[i * RECORD_BYTES + 12] = 100;
        memcpy(records + i * RECORD_BYTES + 16, &i, sizeof i);
    }
    struct view plain = joined(head, view_of(records, PACKETS * RECORD_BYTES));
    for (size_t way = 0; way < sizeof packers / sizeof packers[0]; way++) {
        struct view file = packers[way](plain);
        struct error why;
        struct raw_packet batch[64];
        struct source *s = source_open_memory(&file, 1, READ_IN_PLACE, &(struct source_options){0}, &why);
        size_t seen = 0;
        for (size_t got; (got = source_read(s, batch, 64));) {
            assert_false(source_is_stable(s));
            for (size_t i = 0; i < got; i++, seen++)
                assert_memory_equal(batch[i].bytes, &seen, sizeof seen);
        }
        assert_int_equal(seen, PACKETS);
        struct source_damage damage;
        assert_false(source_damage(s, 0, &damage));
        source_close(s);
        hex_free(file);
    }
    free(records);
    hex_free(head);
    hex_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognises),
        cmocka_unit_test(reads_one_member_and_several),
        cmocka_unit_test(tells_what_follows),
        cmocka_unit_test(reads_what_is_inside),
        cmocka_unit_test(delivers_what_came_before_the_damage),
        cmocka_unit_test(survives_every_prefix_and_change),
        cmocka_unit_test(reads_more_than_the_buffer),
    };
    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
