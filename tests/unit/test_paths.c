/* What the user names becomes a list of files in a stable order, or an error that says which and why. */
#include "temporary_files.h"

#include "capture/paths.h"

static void knows_captures_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_capture;
    } rows[] = {
        {"a.pcap", true},     {"a.pcapng", true},  {"a.cap", true},     {"a.dmp", true},    {"a.PCAP", true},
        {"a.pcap.gz", true},  {"a.cap.zst", true}, {"a.pcap7", true},   {"a.pcap12.gz", true}, {"a.b.pcap", true},
        {"a.pcap.bz2", false}, {"a.gz", false},    {"a.pcap.txt", false}, {".a.pcap", false}, {".pcap", false},
        {"pcap", false},      {"a.pcapx", false},  {"", false},         {"7", false},       {"a.pcap.gz.gz", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (paths_is_capture_name(rows[i].name) != rows[i].is_capture)
            fail_msg("row \"%s\"", rows[i].name);
}

static void lists_a_directory_in_order(void **state)
{
    (void)state;
    assert_int_equal(mkdir(temporary_path("d"), 0755), 0);
    assert_int_equal(mkdir(temporary_path("d/sub.pcap"), 0755), 0);
    static const char *const written[] = {"d/x.pcap10", "d/x.pcap9", "d/b.pcapng", "d/notes.txt", "d/a.pcap.gz", "d/x.pcap"};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
        temporary_write_hex(written[i], "00");
    static const char *const expected[] = {"/d/a.pcap.gz", "/d/b.pcapng", "/d/x.pcap", "/d/x.pcap9", "/d/x.pcap10"};
    struct path_list list;
    struct error why;
    assert_true(paths_expand(&list, (const char *[]){temporary_path("d")}, 1, &why));
    assert_int_equal(list.count, 5);
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.paths[i].path + strlen(temporary), expected[i]);
    assert_true(list.sizes_known);
    assert_int_equal(list.paths[0].size, 1);
    paths_free(&list);
}

static void keeps_the_order_given(void **state)
{
    (void)state;
    temporary_write_hex("2.pcap", "0000");
    temporary_write_hex("1.any", "000000");
    struct path_list list;
    struct error why;
    assert_true(paths_expand(&list, (const char *[]){temporary_path("2.pcap"), temporary_path("1.any")}, 2, &why));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.paths[0].size, 2);
    assert_int_equal(list.paths[1].size, 3);
    paths_free(&list);
    assert_true(paths_expand(&list, NULL, 0, &why));
    assert_int_equal(list.count, 0);
    paths_free(&list);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(mkdir(temporary_path("empty"), 0755), 0);
    temporary_write_hex("here.pcap", "00");
    temporary_write_hex("secret.pcap", "00");
    assert_int_equal(chmod(temporary_path("secret.pcap"), 0), 0);
    static const struct {
        const char *name;
        enum exit_code code;
        const char *text;
    } rows[] = {
        {"missing", EXIT_NO_INPUT, "/missing: No such file or directory"},
        {"here.pcap/below", EXIT_NO_INPUT, "/here.pcap/below: Not a directory"},
        {"empty", EXIT_NO_INPUT, "/empty: no capture files in this directory"},
        {"secret.pcap", EXIT_NO_PERMISSION, "/secret.pcap: Permission denied"},
    };
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct path_list list;
        struct error why;
        const char *named[] = {temporary_path("here.pcap"), temporary_path(rows[i].name)};
        assert_false(paths_expand(&list, named, 2, &why));
        assert_int_equal(why.code, rows[i].code);
        assert_string_equal(why.text + strlen(temporary), rows[i].text);
    }
    if (is_root)
        assert_int_equal(seteuid(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_captures_by_name),
        cmocka_unit_test(lists_a_directory_in_order),
        cmocka_unit_test(keeps_the_order_given),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("paths", tests, temporary_make, temporary_remove);
}
