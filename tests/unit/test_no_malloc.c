/* From the first packet to the end nothing on the packet path asks the system for memory: malloc and its kin are counted here,
 * in every thread, while captures are replayed. The store is left out: SQLite allocates, in the recorder alone. */
#include <glob.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"

#include "app/pipeline.h"
#include "detect/rules.h"

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && defined __GLIBC__
#define COUNTS 1
#else
#define COUNTS 0
#endif

static atomic_bool counting;
static atomic_uint asked;

#if COUNTS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *old);

static void note_call(void)
{
    if (atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_add(&asked, 1);
}

void *malloc(size_t size)
{
    note_call();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note_call();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    note_call();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    note_call();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note_call();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    note_call();
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : 12;
}

void free(void *old)
{
    if (old)
        note_call();
    __libc_free(old);
}
#endif

/* Whether the counting works at all. */
static void counting_counts(void **state)
{
    (void)state;
    atomic_store(&asked, 0);
    atomic_store(&counting, true);
    void *volatile something = malloc(100);
    free(something);
    atomic_store(&counting, false);
    assert_int_equal(atomic_load(&asked), COUNTS ? 2 : 0);
}

/* Also an expression that is interpreted, where PCRE wants memory. */
static const char every_kind[] =
    "alert mysql any any -> any any (content:\"select\"; nocase; pcre:\"/sel(e|x)ct.*from/i\"; sid:1;)\n"
    "alert tcp any any -> any any (content:\"e\"; pcre:\"/(*NO_JIT)(\\w+\\s?)+,[xyz]{3}$/\"; sid:2;)\n"
    "alert mysql any any -> any any (where:\"mysql.length > 5 and lower(mysql.query) contains 'from'\"; sid:3;)\n"
    "alert tcp any any -> any any (byte_extract:1,0,n; byte_test:1,>,n,1; rate:count >= 5, seconds 60, track by_src; sid:4;)\n"
    "alert tcp any any -> any any (db.length:>20; flowbits:set,a; rate:distinct db.length >= 3, seconds 60, track by_rule; sid:5;)\n"
    "alert tcp any any -> any any (flowbits:isset,a; threshold:type backoff, track by_user, count 1, multiplier 10; sid:6;)\n";

static void replay_all(unsigned workers, size_t least_messages)
{
    static const volatile bool never = false;
    static struct counters counters;
    struct pipeline_options options = {.memory_bytes = (size_t)256 << 20, .workers = workers, .evidence = {.before = 16, .after = 8}};
    struct error why = {EXIT_DONE, ""};
    glob_t found;
    assert_int_equal(glob("pcaps/*/*.pcap", 0, NULL, &found), 0);
    memset(&counters, 0, sizeof counters);
    struct rule_set *rules = rules_open();
    rules_add_anomalies(rules);
    rules_add_text(rules, "all", view_text(every_kind));
    rules_add_tuning_text(rules, "tuning", view_text("except sig_id 3, where \"db.user == 'nobody'\", until 2999-01-01, reason \"x\""));
    assert_int_equal(rules_failed(rules), 0);
    assert_true(rules_ready(rules, &why));
    struct recorder *recorder = recorder_open(rules, NULL, &counters);
    struct source_options source_options = {NULL, &counters};
    struct source *source = source_open_files((const char *const *)found.gl_pathv, found.gl_pathc, &source_options, &why);
    assert_non_null(source);
    struct pipeline *pipeline = pipeline_open(&options, rules, recorder, &counters, &why);
    assert_non_null(pipeline);

    atomic_store(&asked, 0);
    atomic_store(&counting, true);
    pipeline_run(pipeline, source, &never, NULL, NULL);
    pipeline_finish(pipeline);
    atomic_store(&counting, false);
    assert_int_equal(atomic_load(&asked), 0);

    assert_true(counters.value[COUNT_MESSAGES] > least_messages);
    pipeline_close(pipeline);
    source_close(source);
    recorder_close(recorder);
    rules_close(rules);
    globfree(&found);
}

static void in_line(void **state)
{
    (void)state;
    replay_all(0, 1000);
}

static void with_one_worker(void **state)
{
    (void)state;
    replay_all(1, 1000);
}

static void with_three_workers(void **state)
{
    (void)state;
    replay_all(3, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_counts),
        cmocka_unit_test(in_line),
        cmocka_unit_test(with_one_worker),
        cmocka_unit_test(with_three_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
