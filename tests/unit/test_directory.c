/* From when on a server is known, and that who asks waits for who could still say something earlier. */
#include <pthread.h>
#include <time.h>

#include "check.h"

#include "proto/directory.h"

static const struct endpoint server = {{10, 0, 0, 1}, 4406}, other = {{10, 0, 0, 1}, 4407};

static struct directory *directory_new(struct arena *arena, struct turns *turns)
{
    struct error why;
    assert_true(arena_open(arena, 1 << 20, &why));
    if (turns)
        assert_true(turns_open(turns, arena, 2));
    struct directory *d = directory_open(arena, 64, turns);
    assert_non_null(d);
    return d;
}

static void known_from_when_on(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t learned, asked;
        bool known;
    } rows[] = {
        {"a packet before", 20, 18, false},
        {"what happens by time before", 20, 19, false},
        {"the packet itself", 20, 20, true},
        {"by time after it", 20, 21, true},
        {"the next packet", 20, 22, true},
        {"learned by time, asked by time at once", 21, 21, false},
        {"learned by time, the next packet", 21, 22, true},
        {"without order", 20, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct directory *d = directory_new(&arena, NULL);
        directory_learn(d, &server, PROTOCOL_MYSQL, rows[i].learned);
        enum protocol said = directory_ask(d, 0, &server, rows[i].asked);
        if (said != (rows[i].known ? PROTOCOL_MYSQL : PROTOCOL_NONE)) {
            print_error("%s\n", rows[i].name);
            fail();
        }
        assert_int_equal(directory_ask(d, 0, &other, rows[i].asked), PROTOCOL_NONE);
        arena_close(&arena);
    }
}

static void the_earliest_counts(void **state)
{
    (void)state;
    struct arena arena;
    struct directory *d = directory_new(&arena, NULL);
    directory_learn(d, &server, PROTOCOL_MYSQL, 40);
    directory_learn(d, &server, PROTOCOL_PGSQL, 60);
    assert_int_equal(directory_ask(d, 0, &server, 80), PROTOCOL_MYSQL);
    directory_learn(d, &server, PROTOCOL_PGSQL, 30);
    assert_int_equal(directory_ask(d, 0, &server, 80), PROTOCOL_PGSQL);
    assert_int_equal(directory_ask(d, 0, &server, 28), PROTOCOL_NONE);
    arena_close(&arena);
}

static void a_full_directory_forgets_nothing(void **state)
{
    (void)state;
    struct arena arena;
    struct directory *d = directory_new(&arena, NULL);
    struct endpoint e = server;
    unsigned known = 0;
    for (unsigned i = 0; i < 1000; i++) {
        e.port = (uint16_t)(i + 1);
        directory_learn(d, &e, PROTOCOL_MYSQL, 2);
    }
    for (unsigned i = 0; i < 1000; i++) {
        e.port = (uint16_t)(i + 1);
        known += directory_ask(d, 0, &e, 4) == PROTOCOL_MYSQL;
        assert_int_equal(known, i < 64 ? i + 1 : 64);
    }
    arena_close(&arena);
}

struct late {
    struct directory *directory;
    struct turns *turns;
};

static void *learn_late(void *context)
{
    struct late *late = context;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    directory_learn(late->directory, &server, PROTOCOL_PGSQL, 50);
    turns_pass(late->turns, 1, 99);
    return NULL;
}

static void the_other_worker_is_waited_for(void **state)
{
    (void)state;
    struct arena arena;
    struct turns turns;
    struct late late = {directory_new(&arena, &turns), &turns};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, learn_late, &late), 0);
    assert_int_equal(directory_ask(late.directory, 0, &server, 100), PROTOCOL_PGSQL);
    assert_int_equal(turns_passed(&turns, 0), 99);
    pthread_join(thread, NULL);
    /* Nobody needs to come further for what is settled. */
    assert_int_equal(directory_ask(late.directory, 0, &server, 100000), PROTOCOL_PGSQL);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_from_when_on),
        cmocka_unit_test(the_earliest_counts),
        cmocka_unit_test(a_full_directory_forgets_nothing),
        cmocka_unit_test(the_other_worker_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
