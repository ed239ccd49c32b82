/* Text from the wire is safe to print, whatever the bytes; the writer never overflows. */
#include "check.h"

#include "base/text.h"

static void escapes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } rows[] = {
        {"plain", "'select 1'", "select 1"},
        {"newline and escape", "'a' 0a 1b '[31m'", "a\\x0a\\x1b[31m"},
        {"backslash", "5c", "\\x5c"},
        {"utf-8", "c3a9", "\xc3\xa9"},
        {"overlong", "c080", "\\xc0\\x80"},
        {"surrogate", "eda080", "\\xed\\xa0\\x80"},
        {"right-to-left override", "e280ae", "\\xe2\\x80\\xae"},
        {"cut sequence", "e282", "\\xe2\\x82"},
        {"c1 control", "c285", "\\xc2\\x85"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TEXT_ON_STACK(t, 128);
        struct view in = hex(rows[i].in);
        text_add_escaped(&t, in);
        assert_string_equal(t.chars, rows[i].out);
        hex_free(in);
    }
}

static void every_pair_of_bytes_is_one_safe_line(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t bytes[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        TEXT_ON_STACK(t, 32);
        text_add_escaped(&t, view_of(bytes, 2));
        for (size_t i = 0; i < t.length; i++) {
            uint8_t c = (uint8_t)t.chars[i];
            assert_true(c >= 0x20 && c != 0x7f);
        }
    }
}

static void cuts_and_says_so(void **state)
{
    (void)state;
    for (size_t size = 4; size < 20; size++) {
        char *memory = malloc(size);
        struct text t = text_in(memory, size);
        text_add(&t, "%s", "abcdefghijklmnopqrstuvwxyz");
        text_add(&t, "%s", "more");
        assert_true(t.cut);
        assert_int_equal(strlen(memory), size - 1);
        assert_string_equal(memory + size - 4, "...");
        free(memory);
    }
}

static void times_are_civil_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *written;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000+0000"},          {-1, "1969-12-31T23:59:59.000000+0000"},
        {951782399, "2000-02-28T23:59:59.000000+0000"},  {951782400, "2000-02-29T00:00:00.000000+0000"},
        {951868800, "2000-03-01T00:00:00.000000+0000"},  {4107456000, "2100-02-28T00:00:00.000000+0000"},
        {4107542400, "2100-03-01T00:00:00.000000+0000"}, {1709164800, "2024-02-29T00:00:00.000000+0000"},
        {-9223372036, "1677-09-21T00:12:44.000000+0000"}, {9223372036, "2262-04-11T23:47:16.000000+0000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TEXT_ON_STACK(t, 48);
        text_add_time(&t, rows[i].seconds * 1000000000);
        assert_string_equal(t.chars, rows[i].written);
    }
}

static void numbers_times_addresses(void **state)
{
    (void)state;
    TEXT_ON_STACK(t, 256);
    text_add_number(&t, 1234567);
    text_add(&t, " ");
    text_add_time(&t, INT64_C(1795499519123456789));
    text_add(&t, " ");
    uint8_t v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 5};
    text_add_address(&t, v4);
    assert_string_equal(t.chars, "1,234,567 2026-11-24T05:51:59.123456+0000 10.0.0.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_civil_dates),
        cmocka_unit_test(escapes),
        cmocka_unit_test(every_pair_of_bytes_is_one_safe_line),
        cmocka_unit_test(cuts_and_says_so),
        cmocka_unit_test(numbers_times_addresses),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
