/* The ring hands over every record once, in order, in one piece, between two threads. */
#include "check.h"

#include <pthread.h>
#include <sched.h>

#include "base/ring.h"

static void full_refuses_and_wraps(void **state)
{
    (void)state;
    struct error why;
    struct arena arena;
    struct ring ring;
    assert_true(arena_open(&arena, 1 << 20, &why));
    assert_true(ring_open(&ring, &arena, 4096));
    assert_null(ring_reserve(&ring, 4096));
    size_t length;
    assert_null(ring_peek(&ring, &length));
    uint64_t put = 0, got = 0;
    for (unsigned round = 0; round < 2000; round++) {
        size_t wanted = 8 + (round * 37) % 900;
        uint64_t *place;
        while ((place = ring_reserve(&ring, wanted))) {
            assert_int_equal((uintptr_t)place % 16, 0);
            *place = put++;
            ring_commit(&ring, wanted);
        }
        for (unsigned i = 0; i < 3; i++) {
            const uint64_t *record = ring_peek(&ring, &length);
            if (!record)
                break;
            assert_int_equal(*record, got);
            got++;
            ring_release(&ring);
        }
    }
    while (ring_peek(&ring, &length)) {
        got++;
        ring_release(&ring);
    }
    assert_int_equal(put, got);
    assert_true(put > 2000);
    assert_true(ring_is_empty(&ring));
    arena_close(&arena);
}

enum { RECORDS = 200000 };

static void *write_all(void *context)
{
    struct ring *ring = context;
    for (uint32_t i = 0; i < RECORDS; i++) {
        size_t length = 4 * (1 + i % 60);
        uint32_t *place;
        while (!(place = ring_reserve(ring, length)))
            sched_yield();
        for (size_t k = 0; k < length / 4; k++)
            place[k] = i;
        ring_commit(ring, length);
    }
    return NULL;
}

static void two_threads(void **state)
{
    (void)state;
    struct error why;
    struct arena arena;
    struct ring ring;
    pthread_t writer;
    assert_true(arena_open(&arena, 1 << 20, &why));
    assert_true(ring_open(&ring, &arena, 16384));
    assert_int_equal(pthread_create(&writer, NULL, write_all, &ring), 0);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const uint32_t *record;
        size_t length;
        while (!(record = ring_peek(&ring, &length)))
            sched_yield();
        assert_int_equal(length, 4 * (1 + i % 60));
        assert_int_equal(record[0], i);
        assert_int_equal(record[length / 4 - 1], i);
        ring_release(&ring);
    }
    pthread_join(writer, NULL);
    assert_true(ring_is_empty(&ring));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_refuses_and_wraps),
        cmocka_unit_test(two_threads),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
