/* A mapped file that loses its end yields zeros and says from where; other faults are not ours. */
#include "temporary_files.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "capture/mapping.h"

enum { PAGE = 4096 };

static struct mapping map_file(size_t size)
{
    uint8_t *bytes = malloc(size);
    memset(bytes, 0xaa, size);
    temporary_write("mapped", view_of(bytes, size));
    free(bytes);
    int descriptor = open(temporary_path("mapped"), O_RDONLY);
    struct mapping m;
    assert_true(mapping_open(&m, descriptor, size));
    return m;
}

static void gives_the_bytes(void **state)
{
    (void)state;
    struct mapping m = map_file(3 * PAGE + 5);
    mapping_advance(&m, 0);
    for (size_t i = 0; i < m.size; i++)
        assert_int_equal(m.bytes[i], 0xaa);
    assert_true(mapping_lost(&m, 0, m.size) == SIZE_MAX);
    mapping_close(&m);
    mapping_close(&m);
}

/* Everything is still there behind a reader that has gone far ahead. */
static void lets_go_and_has_still(void **state)
{
    (void)state;
    size_t size = (size_t)24 << 20;
    struct mapping m = map_file(size);
    for (size_t at = 0; at < size; at += 300000)
        mapping_advance(&m, at);
    assert_true(m.released > 0);
    for (size_t at = 0; at < size; at += PAGE)
        assert_int_equal(m.bytes[at], 0xaa);
    mapping_close(&m);
}

static void survives_a_file_cut_short(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t left;
        bool touched_before;
    } rows[] = {
        {"inside a page", 2 * PAGE + 7, true}, {"at a page", 2 * PAGE, true},        {"to nothing", 0, true},
        {"inside the last page", 7 * PAGE + 9, true}, {"before it was touched", PAGE, false},
        {"inside a page before it was touched", PAGE + 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mapping m = map_file(8 * PAGE);
        if (rows[i].touched_before)
            mapping_advance(&m, 0);
        assert_int_equal(truncate(temporary_path("mapped"), (off_t)rows[i].left), 0);
        mapping_advance(&m, 0);
        for (size_t at = m.size; at-- > 0;)
            assert_int_equal(*(const volatile uint8_t *)(m.bytes + at), at < rows[i].left ? 0xaa : 0);
        assert_int_equal(mapping_finish(&m), rows[i].left);
        mapping_close(&m);
    }
}

static void finds_the_loss_before_the_bytes_are_used(void **state)
{
    (void)state;
    struct mapping m = map_file(8 * PAGE);
    assert_int_equal(truncate(temporary_path("mapped"), 5 * PAGE), 0);
    assert_int_equal(mapping_lost(&m, 4 * PAGE, 5 * PAGE), SIZE_MAX);
    assert_int_equal(mapping_lost(&m, 5 * PAGE - 1, 5 * PAGE + 1), 5 * PAGE);
    mapping_close(&m);
}

static void tells_mappings_apart(void **state)
{
    (void)state;
    struct mapping whole = map_file(4 * PAGE);
    assert_int_equal(rename(temporary_path("mapped"), temporary_path("other")), 0);
    struct mapping cut = map_file(4 * PAGE);
    assert_int_equal(truncate(temporary_path("mapped"), PAGE), 0);
    mapping_advance(&cut, 0);
    mapping_advance(&whole, 0);
    assert_int_equal(mapping_lost(&cut, 0, 1), PAGE);
    assert_true(mapping_lost(&whole, 0, 4 * PAGE) == SIZE_MAX);
    mapping_close(&whole);
    mapping_close(&cut);
    struct mapping reused = map_file(4 * PAGE);
    assert_true(mapping_lost(&reused, 0, 4 * PAGE) == SIZE_MAX);
    mapping_close(&reused);
}

static int child_status(void (*act)(void))
{
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        signal(SIGBUS, SIG_DFL);
        act();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void fault_elsewhere(void)
{
    struct mapping m = map_file(PAGE);
    int other = open(temporary_path("mapped"), O_RDWR);
    volatile uint8_t *foreign = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, other, 0);
    if (ftruncate(other, 0) == 0)
        (void)foreign[0];
    mapping_close(&m);
}

static void send_a_bus_error(void)
{
    struct mapping m = map_file(PAGE);
    raise(SIGBUS);
    mapping_close(&m);
}

/* In children that have not mapped anything before: there the default handling is what a foreign fault gets. */
static void leaves_other_faults_alone(void **state)
{
    (void)state;
    int fault = child_status(fault_elsewhere), sent = child_status(send_a_bus_error);
    assert_true(WIFSIGNALED(fault) && WTERMSIG(fault) == SIGBUS);
    assert_true(WIFSIGNALED(sent) && WTERMSIG(sent) == SIGBUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_other_faults_alone),
        cmocka_unit_test(gives_the_bytes),
        cmocka_unit_test(lets_go_and_has_still),
        cmocka_unit_test(survives_a_file_cut_short),
        cmocka_unit_test(finds_the_loss_before_the_bytes_are_used),
        cmocka_unit_test(tells_mappings_apart),
    };
    return cmocka_run_group_tests_name("mapping", tests, temporary_make, temporary_remove);
}
