/* From the first packet to the end nothing on the packet path asks the system for memory: malloc and its kin are counted here,
 * in every thread, while captures are replayed. The store is left out: SQLite allocates, in the recorder alone. */
#include <glob.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"

#include "app/pipeline.h"
#include "tls_peer.h"
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
    /* Without libndpi: it has its memory from the heap, and sees a few packets of what no decoder claims. */
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

/* TLS of a key log asks once for each session, when its secret is there; then it opens records, whole and in pieces, without. */
static void records_of_tls(void **state)
{
    (void)state;
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0x1304, 0xc02f, 0xc030, 0xcca8, 0xc0ac};
    static const uint8_t startup[] = "\0\0\0\x12\0\3\0\0user\0joe\0", request[] = {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}, change[] = {1};
    static struct drive d;
    struct error why;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        TEXT_ON_STACK(lines, 2048);
        struct peer *p = peer_open(suites[i]);
        struct keylog *k = keylog_open(&why);
        peer_log(p, &lines, true);
        keylog_add(k, view_text(lines.chars), 0);
        assert_true(drive_open_keyed(&d, k));
        drive_start(&d, 5432, false);
        drive_bytes(&d, FROM_CLIENT, view_of(request, sizeof request));
        drive_bytes(&d, FROM_SERVER, view_of("S", 1));
        drive_bytes(&d, FROM_CLIENT, peer_client_hello(p));
        drive_bytes(&d, FROM_SERVER, peer_server_hello(p));
        for (unsigned side = 0; side < 2; side++) {
            if (p->old)
                drive_bytes(&d, (enum side)side, peer_record(p, CONTENT_CHANGE_CIPHER_SPEC, change, 1));
            else
                peer_key(p, (enum side)side, p->traffic[side]);
            if (p->old)
                drive_bytes(&d, (enum side)side, peer_seal(p, (enum side)side, CONTENT_HANDSHAKE, "finished", 8, 0));
        }
        drive_bytes(&d, FROM_CLIENT, peer_seal(p, FROM_CLIENT, 23, startup, sizeof startup, 0));
        for (unsigned round = 0; round < 50; round++) {
            struct view record = peer_seal(p, FROM_CLIENT, 23, "Q\0\0\0\15SELECT 1", 14, 0);
            size_t cut = round % 2 ? record.length / 2 : record.length;
            struct segment where = drive_where(&d, FROM_CLIENT);
            atomic_store(&asked, 0);
            atomic_store(&counting, true);
            d.sink.bytes(d.sink.context, &d.flow, FROM_CLIENT, view_head(record, cut), &where);
            if (cut < record.length)
                d.sink.bytes(d.sink.context, &d.flow, FROM_CLIENT, view_from(record, cut), &where);
            atomic_store(&counting, false);
            if (atomic_load(&asked))
                fail_msg("%04x: record %u asks for memory %u times", suites[i], round, atomic_load(&asked));
        }
        assert_int_equal(d.decrypted, 51);
        drive_end(&d, END_CAPTURE, FROM_CLIENT);
        drive_close(&d);
        keylog_close(k);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_counts), cmocka_unit_test(records_of_tls),
        cmocka_unit_test(in_line),
        cmocka_unit_test(with_one_worker),
        cmocka_unit_test(with_three_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
