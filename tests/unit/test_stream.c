/* The stream's window: moves on, reads in any pieces, tells the end from damage. */
#include "check.h"

#include "capture/stream.h"

static struct stream_buffers buffers;

static int reserve(void **state)
{
    (void)state;
    return stream_reserve(&buffers) ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    stream_release(&buffers);
    stream_release(&buffers);
    return 0;
}

static void moves_on(void **state)
{
    (void)state;
    struct view file = hex("'abcdefghij'");
    for (size_t piece = 1; piece <= 11; piece++) {
        for (size_t step = 1; step <= 10; step++) {
            struct stream s;
            size_t at = 0, seen = 0;
            stream_open(&s, buffers, -1, file);
            s.read_most = piece;
            while (stream_advance(&s, at)) {
                at = s.length < step ? s.length : step;
                assert_int_equal(s.offset, seen);
                assert_true(s.offset + s.length <= file.length);
                assert_memory_equal(buffers.window, file.bytes + seen, s.length);
                seen += at;
            }
            assert_int_equal(s.offset + s.length, file.length);
            assert_int_equal(s.taken, file.length);
            assert_null(s.damage);
            assert_false(stream_advance(&s, s.length));
            assert_int_equal(s.offset, file.length);
            stream_close(&s);
        }
    }
    hex_free(file);
}

static void ends_at_once(void **state)
{
    (void)state;
    struct stream s;
    stream_open(&s, buffers, -1, view_of(NULL, 0));
    assert_false(stream_advance(&s, 0));
    assert_false(stream_advance(&s, 0));
    assert_null(s.damage);
    stream_close(&s);
}

static void says_that_it_cannot_read(void **state)
{
    (void)state;
    struct stream s;
    stream_open(&s, buffers, 1 << 20, view_of(NULL, 0)); /* no such descriptor */
    assert_false(stream_advance(&s, 0));
    assert_string_equal(s.damage, "the file cannot be read on");
    stream_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moves_on, reserve, release),
        cmocka_unit_test_setup_teardown(ends_at_once, reserve, release),
        cmocka_unit_test_setup_teardown(says_that_it_cannot_read, reserve, release),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
