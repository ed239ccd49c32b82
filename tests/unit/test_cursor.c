/* The cursor never yields a byte outside its input, and fails for good at the first read past the end. */
#include "check.h"

#include "base/cursor.h"

static void reads_fields_in_order(void **state)
{
    (void)state;
    struct view bytes = hex("01 0203 040506 0708090a 'ab' 00 ff");
    struct cursor c = cursor_over(bytes);
    assert_int_equal(take_u8(&c), 1);
    assert_int_equal(take_u16be(&c), 0x0203);
    assert_int_equal(take_u24le(&c), 0x060504);
    assert_int_equal(take_u32be(&c), 0x0708090a);
    assert_int_equal(cursor_offset(&c), 10);
    struct view text = take_until(&c, 0);
    assert_int_equal(text.length, 2);
    assert_memory_equal(text.bytes, "ab", 2);
    assert_int_equal(peek_u8(&c), 0xff);
    assert_int_equal(take_u8(&c), 0xff);
    assert_int_equal(cursor_left(&c), 0);
    assert_false(c.failed);
    hex_free(bytes);
}

static void failure_stays(void **state)
{
    (void)state;
    struct view bytes = hex("01 02 03");
    struct cursor c = cursor_over(bytes);
    assert_int_equal(take_u32le(&c), 0);
    assert_true(c.failed);
    assert_int_equal(take_u8(&c), 0);
    assert_int_equal(cursor_left(&c), 0);
    hex_free(bytes);
}

static void huge_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct view bytes = hex("01 02 03");
    for (unsigned shift = 2; shift < 64; shift++) {
        struct cursor c = cursor_over(bytes);
        struct view taken = take_view(&c, (UINT64_C(1) << shift) | 1);
        assert_int_equal(taken.length, 0);
        assert_true(c.failed);
    }
    hex_free(bytes);
}

static void until_without_end_fails(void **state)
{
    (void)state;
    struct view bytes = hex("01 02 03");
    struct cursor c = cursor_over(bytes);
    assert_int_equal(take_until(&c, 9).length, 0);
    assert_true(c.failed);
    struct cursor none = cursor_over(view_of(bytes.bytes, 0));
    assert_int_equal(take_until(&none, 0).length, 0);
    assert_true(none.failed);
    hex_free(bytes);
}

/* Under the sanitizer, adding even nothing to NULL is a defect. */
static void nothing_at_all(void **state)
{
    (void)state;
    struct cursor c = cursor_over(view_of(NULL, 0));
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(take_rest(&c).length, 0);
    assert_int_equal(take_until(&c, 0).length, 0);
    assert_int_equal(take_u8(&c), 0);
    assert_true(c.failed);
    assert_int_equal(cursor_ahead(&c).length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_at_all), cmocka_unit_test(reads_fields_in_order),
        cmocka_unit_test(failure_stays),
        cmocka_unit_test(huge_lengths_do_not_wrap),
        cmocka_unit_test(until_without_end_fails),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
