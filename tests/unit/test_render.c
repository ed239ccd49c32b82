/* Rendering: hex with marks, tables, wrapping, sizes. */
#include "check.h"

#include "app/hex.h"
#include "app/tree.h"

static char *text;
static size_t text_length;

static struct screen to_memory(bool colour, unsigned width)
{
    free(text);
    text = NULL;
    return (struct screen){.out = open_memstream(&text, &text_length), .colour = colour, .width = width};
}

static const char *written(struct screen *s)
{
    fclose(s->out);
    return text;
}

static void marks_stand_under_the_bytes(void **state)
{
    static const struct {
        const char *name, *bytes;
        uint32_t offset, length;
        const char *expected;
    } rows[] = {
        {"first byte", "'ab'", 0, 1,
         "  0000  61 62                                             |ab|\n"
         "        ^^\n"},
        {"two of the second half", "000102030405060708090a", 8, 2,
         "  0000  00 01 02 03 04 05 06 07  08 09 0a                 |...........|\n"
         "                                 ^^^^^\n"},
        {"over the middle", "000102030405060708090a", 7, 2,
         "  0000  00 01 02 03 04 05 06 07  08 09 0a                 |...........|\n"
         "                             ^^^^^^\n"},
        {"over two lines", "00010203040506070809 'abcdefgh'", 15, 2,
         "  0000  00 01 02 03 04 05 06 07  08 09 61 62 63 64 65 66  |..........abcdef|\n"
         "                                                      ^^\n"
         "  0010  67 68                                             |gh|\n"
         "        ^^\n"},
        {"missing at the end", "'ab'", 2, 0,
         "  0000  61 62                                             |ab|\n"
         "              ^ missing from here\n"},
        {"missing after a full line", "'0123456789abcdef'", 16, 0,
         "  0000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
         "  0010                                                    ||\n"
         "        ^ missing from here\n"},
        {"missing in the middle", "'ab'", 1, 0,
         "  0000  61 62                                             |ab|\n"
         "           ^ missing from here\n"},
        {"mark behind what was kept", "'ab'", 300, 4, "  0000  61 62                                             |ab|\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct screen s = to_memory(false, 0);
        struct view bytes = hex(rows[i].bytes);
        hex_print(&s, bytes, rows[i].offset, rows[i].length);
        if (strcmp(written(&s), rows[i].expected) != 0)
            fail_msg("%s:\n%s", rows[i].name, text);
        hex_free(bytes);
    }
}

static void any_mark_in_any_message(void **state)
{
    static const uint32_t numbers[] = {0, 1, 15, 16, 17, 400, 1023, 1024, 1025, 70000, UINT32_MAX};
    enum { MANY = sizeof numbers / sizeof numbers[0] };
    (void)state;
    for (size_t size = 0; size <= 1024; size += size < 40 ? 1 : 41) {
        uint8_t *bytes = calloc(1, size ? size : 1);
        for (size_t i = 0; i < MANY * MANY * 2; i++) {
            struct screen s = to_memory(i & 1, 0);
            hex_print(&s, view_of(bytes, size), numbers[i / 2 % MANY], numbers[i / 2 / MANY]);
            assert_true(strlen(written(&s)) < 12000);
        }
        free(bytes);
    }
}

static void colour_paints_bytes_and_characters(void **state)
{
    (void)state;
    struct screen s = to_memory(true, 0);
    hex_print(&s, view_text("ab"), 1, 1);
    assert_non_null(strstr(written(&s), "61 \x1b[7;31m62\x1b[0m "));
    assert_non_null(strstr(text, "|a\x1b[7;31mb\x1b[0m|"));
}

static void columns_are_aligned(void **state)
{
    static const char *const titles[] = {">N", "NAME", "WHAT", NULL};
    struct listing t;
    (void)state;
    listing_open(&t, titles);
    listing_add(&t, "1", PAINT_NONE);
    listing_add(&t, "caf\xc3\xa9", PAINT_NONE);
    listing_add(&t, "x\ny\x1b[31m", PAINT_NONE);
    listing_add(&t, "100", PAINT_NONE);
    listing_add(&t, "a", PAINT_NONE);
    listing_add(&t, "", PAINT_NONE);
    struct screen s = to_memory(false, 0);
    listing_print(&t, &s);
    assert_string_equal(written(&s), "  N  NAME  WHAT\n"
                                     "  1  caf\xc3\xa9  x\\x0ay\\x1b[31m\n"
                                     "100  a\n");
}

static void the_last_column_is_cut_to_the_screen(void **state)
{
    static const char *const titles[] = {"A", "WHAT", NULL};
    (void)state;
    for (unsigned width = 1; width < 60; width++) {
        struct listing t;
        listing_open(&t, titles);
        listing_add(&t, "1", PAINT_NONE);
        listing_add(&t, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 a long text that does not fit", PAINT_NONE);
        struct screen s = to_memory(false, width);
        listing_print(&t, &s);
        const char *last = strchr(written(&s), '\n') + 1;
        unsigned columns = 0;
        for (const char *c = last; *c != '\n'; c++)
            columns += ((unsigned char)*c & 0xc0) != 0x80;
        /* Too narrow a screen gets the whole line rather than three letters of it. */
        assert_int_equal(columns, width >= 27 && width < 37 ? width : 37);
        assert_int_equal(strstr(last, "...") != NULL, width >= 27 && width < 37);
    }
}

static void words_are_wrapped(void **state)
{
    (void)state;
    struct screen s = to_memory(false, 0);
    print_wrapped(s.out, "one two  three four", 2, 30);
    print_wrapped(s.out, "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd", 2, 30);
    print_wrapped(s.out, "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd", 2, 0);
    print_wrapped(s.out, "a_word_that_is_longer_than_any_line_of_this_screen b", 0, 1);
    print_wrapped(s.out, "", 0, 0);
    assert_string_equal(written(&s), "one two  three four\n"
                                     "aaaaaaaaaa bbbbbbbbbb\n  cccccccccc dddddddddd\n"
                                     "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd\n"
                                     "a_word_that_is_longer_than_any_line_of_this_screen\nb\n"
                                     "\n");
}

static void sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 bytes"}, {999, "999 bytes"}, {1000, "1.0 kB"}, {1250, "1.2 kB"}, {999999, "999.9 kB"}, {1000000, "1.0 MB"},
        {UINT64_MAX, "18.4 EB"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TEXT_ON_STACK(t, 32);
        text_add_size(&t, rows[i].bytes);
        assert_string_equal(t.chars, rows[i].text);
    }
}

static void the_tree_marks_one_field(void **state)
{
    (void)state;
    json_t *nodes = json_loads("[{\"field\":\"a.n\",\"value\":3,\"text\":\"three\",\"offset\":0,\"length\":1,\"depth\":0},"
                               "{\"field\":\"a.n\",\"value\":4,\"offset\":4,\"length\":2,\"depth\":1},"
                               "{\"field\":\"a.secret\",\"secret\":true,\"text\":\"(masked)\",\"offset\":6,\"length\":9,\"depth\":0},"
                               "{\"field\":\"a.yes\",\"value\":true,\"offset\":0,\"length\":0,\"depth\":0}, 7, {}]", 0, NULL);
    struct screen s = to_memory(false, 0);
    tree_print(&s, nodes, true, &(struct tree_mark){"a.n", 4, 2, "7", "at most 3"});
    assert_string_equal(written(&s), "  OFFSET  BYTES  FIELD     VALUE\n"
                                     "       0      1  a.n       3 (three)\n"
                                     " >     4      2    a.n     4   <-- expected at most 3\n"
                                     "       6      9  a.secret  (masked)\n"
                                     "       -      -  a.yes     yes\n"
                                     "       -      -            ''\n"
                                     "       -      -            ''\n"
                                     "  more fields than are kept follow\n");
    s = to_memory(false, 0);
    tree_print(&s, nodes, false, &(struct tree_mark){"", 0, 0, "", "x"});
    assert_null(strchr(written(&s), '>'));
    s = to_memory(false, 0);
    tree_print(&s, nodes, false, &(struct tree_mark){"a.n", 9, 1, "", "x"}); /* two of that name, neither there */
    assert_null(strchr(written(&s), '>'));
    s = to_memory(false, 0);
    tree_print(&s, nodes, false, &(struct tree_mark){"a.yes", 9, 1, "", "no"}); /* the only one of that name */
    assert_non_null(strstr(written(&s), " >     -      -  a.yes     yes   <-- expected no\n"));
    s = to_memory(false, 0);
    tree_print(&s, nodes, false, &(struct tree_mark){"a.n", 15, 0, "", "a third"});
    assert_non_null(strstr(written(&s), " >    15      0  a.n       (missing)   <-- expected a third\n"));
    json_decref(nodes);
    free(text);
    text = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_stand_under_the_bytes),
        cmocka_unit_test(any_mark_in_any_message),
        cmocka_unit_test(colour_paints_bytes_and_characters),
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(the_last_column_is_cut_to_the_screen),
        cmocka_unit_test(words_are_wrapped),
        cmocka_unit_test(sizes),
        cmocka_unit_test(the_tree_marks_one_field),
    };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
