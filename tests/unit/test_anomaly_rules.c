/* The rules printed from the catalogue: each row gives one rule, parsing them gives the same rules, and each is true of a
 * report of its anomaly and of nothing else. */
#include "rules_bench.h"

#include "detect/rule.h"

static char *printed(size_t *length)
{
    const size_t size = (size_t)ANOMALIES * 1024 + 4096;
    char *memory = malloc(size);
    struct text text = text_in(memory, size);
    rules_print_anomalies(&text);
    assert_false(text.cut);
    *length = text.length;
    return memory;
}

static void each_row_is_one_rule(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    rules_add_anomalies(b->set);
    bench_expect_clean(b);
    assert_int_equal(rules_loaded(b->set), ANOMALIES - 1);
    for (unsigned i = 1; i < ANOMALIES; i++) {
        const struct anomaly_row *row = anomaly_row((enum anomaly)i);
        const struct rule *r = rule_find(b->set, 1, 9000000 + row->number);
        assert_non_null(r);
        assert_string_equal(r->msg, row->title);
        assert_int_equal(r->class, row->class);
        assert_int_equal(r->severity, row->severity);
        assert_int_equal(r->priority, row->severity);
        assert_int_equal(r->threshold.type, row->class == CLASS_UNDECODED || strncmp(row->name, "habits.", 7) == 0 ? THRESHOLD_LIMIT : THRESHOLD_NONE);
        assert_false(r->never);
    }
    bench_close(b);
}

static void printing_again_changes_nothing(void **state)
{
    (void)state;
    size_t length, again_length;
    char *first = printed(&length), *second = printed(&again_length);
    assert_int_equal(length, again_length);
    assert_memory_equal(first, second, length);
    struct bench *a = bench_open(), *b = bench_open();
    rules_add_text(a->set, "a", view_of(first, length));
    rules_add_anomalies(b->set);
    assert_int_equal(rules_loaded(a->set), rules_loaded(b->set));
    for (size_t i = 0; i < rules_loaded(a->set); i++)
        bench_same_rule(&a->set->rules[i], &b->set->rules[i]);
    bench_close(a);
    bench_close(b);
    free(first);
    free(second);
}

static void a_report_raises_its_rule(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    rules_add_anomalies(b->set);
    bench_ready(b);
    for (unsigned i = 1; i < ANOMALIES; i++) {
        const struct anomaly_row *row = anomaly_row((enum anomaly)i);
        bench_message(b, row->protocol, FROM_CLIENT, "'abc'");
        report(&b->findings, (struct report){.anomaly = (uint16_t)i, .relation = MUST_BE, .note = "something else"});
        assert_int_equal(bench_ask(b), 1);
        assert_int_equal(b->alert.sid, 9000000 + row->number);
        assert_int_equal(b->alert.anomaly, i);
        assert_int_equal(b->alert.class, row->class);
        assert_int_equal(b->alert.severity, row->severity);
        assert_string_equal(b->alert.got, "nothing");
        assert_string_equal(b->alert.expected, "something else");
    }
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'abc'");
    assert_int_equal(bench_ask(b), 0);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_one_rule),
        cmocka_unit_test(printing_again_changes_nothing),
        cmocka_unit_test(a_report_raises_its_rule),
    };
    return cmocka_run_group_tests_name("anomaly rules", tests, NULL, NULL);
}
