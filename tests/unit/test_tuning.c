/* threshold.config: what each kind of line does, what is counted for it, and what is refused. */
#include "rules_bench.h"

#define RULES                                                                                                                          \
    "alert mysql any any -> any any (mysql.length:>5; metadata:tag flood, x y; sid:1;)\n"                                                \
    "alert mysql any any -> any any (content:\"x\"; threshold:type limit, track by_src, count 1, seconds 60; sid:2;)\n"                  \
    "alert mysql any any -> any any (anomaly:mysql.incomplete-message; sid:3;)\n"

struct outcome {
    unsigned raised;
    enum limited limited[4]; /* of the alerts in order */
};

/* A message of root from 10.0.0.5 that makes rules 1 to 3 true, at so many seconds. */
static struct outcome ask(struct bench *b, struct limiter *l, unsigned seconds)
{
    struct outcome out = {0};
    uint64_t earlier;
    b->session = (struct session){.user_length = 4, .user = "root"};
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'xyz'");
    b->first.time_ns = b->last.time_ns = (int64_t)seconds * 1000000000;
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 9);
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE});
    (void)bench_ask(b);
    out.raised = b->raised;
    for (unsigned i = 0; i < b->raised && i < 4; i++)
        out.limited[b->sids[i]] = limiter_alert(l, &b->alerts[i], 1, &earlier);
    return out;
}

static void expect(const char *lines, unsigned sid, enum limited first, enum limited second)
{
    struct bench *b = bench_open();
    rules_add_text(b->set, "r", view_text(RULES));
    rules_add_tuning_text(b->set, "threshold.config", view_text(lines));
    bench_expect_clean(b);
    bench_ready(b);
    struct limiter *l = limiter_open(b->set);
    struct outcome now = ask(b, l, 100), then = ask(b, l, 101);
    if (now.limited[sid] != first || then.limited[sid] != second) {
        print_error("%s: %d then %d\n", lines, (int)now.limited[sid], (int)then.limited[sid]);
        fail();
    }
    const uint64_t hidden = limiter_hidden(l, 0), expected = (uint64_t)(first >= LIMIT_SUPPRESSED) + (second >= LIMIT_SUPPRESSED);
    if (!strstr(lines, "sig_id 0")) /* which hides other rules' alerts, too */
        assert_int_equal(hidden, expected);
    limiter_close(l);
    bench_close(b);
}

static void lines_do_what_they_say(void **state)
{
    (void)state;
    expect("# nothing\n", 1, LIMIT_STORE, LIMIT_STORE);
    expect("suppress gen_id 1, sig_id 1", 1, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 2, sig_id 1", 1, LIMIT_STORE, LIMIT_STORE);
    expect("suppress gen_id 0, sig_id 0", 2, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.0/8", 1, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 1, sig_id 1, track by_src, ip [11.0.0.0/8,10.0.0.5]", 1, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 1, sig_id 1, track by_src, ip 192.168.1.20", 1, LIMIT_STORE, LIMIT_STORE);
    expect("suppress gen_id 1, sig_id 1, track by_dst, ip 192.168.1.20", 1, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 1, sig_id 1, track by_either, ip 192.168.1.20", 1, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("suppress gen_id 1, sig_id 1, track by_either, ip 192.168.1.21", 1, LIMIT_STORE, LIMIT_STORE);
    expect("threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60", 1, LIMIT_STORE, LIMIT_THRESHOLD);
    expect("event_filter gen_id 1, sig_id 1, type threshold, track by_src, count 2, seconds 60", 1, LIMIT_THRESHOLD, LIMIT_STORE);
    expect("threshold gen_id 0, sig_id 0, type both, track by_src, count 2, seconds 60", 1, LIMIT_THRESHOLD, LIMIT_STORE);
    expect("threshold gen_id 0, sig_id 0, type both, track by_src, count 2, seconds 60", 2, LIMIT_STORE, LIMIT_THRESHOLD); /* its own */
    expect("rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 60, new_action pass, timeout 5", 1, LIMIT_STORE, LIMIT_SUPPRESSED);
    expect("rate_filter gen_id 1, sig_id 1, track by_src, count 9, seconds 60, new_action pass, timeout 5", 1, LIMIT_STORE, LIMIT_STORE);
    expect("rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 60, new_action drop, timeout 5", 1, LIMIT_STORE, LIMIT_STORE);
    expect("except sig_id 1, where \"db.user == 'root' and net.client in {10.0.0.0/8}\", until 2999-01-01, reason \"x, y\"", 1, LIMIT_EXCEPTED,
           LIMIT_EXCEPTED);
    expect("except sig_id 1, where \"db.user == 'etl'\", until 2999-01-01, reason \"x\"", 1, LIMIT_STORE, LIMIT_STORE);
    expect("except sig_id 1, where \"mysql.length == 9\", until 1970-01-01, reason \"x\"", 1, LIMIT_EXCEPTED, LIMIT_EXCEPTED);
    expect("except tag flood, where \"mysql.length == 9\", until 2999-01-01, reason \"x\"", 1, LIMIT_EXCEPTED, LIMIT_EXCEPTED);
    expect("except tag floo, where \"mysql.length == 9\", until 2999-01-01, reason \"x\"", 1, LIMIT_STORE, LIMIT_STORE);
    expect("except sig_id 1, reason \"all of it\", until 2999-01-01", 1, LIMIT_EXCEPTED, LIMIT_EXCEPTED);
    expect("anomaly mysql.incomplete-message = ignore", 3, LIMIT_SUPPRESSED, LIMIT_SUPPRESSED);
    expect("anomaly mysql.incomplete-message = log_once", 3, LIMIT_STORE, LIMIT_THRESHOLD);
    expect("anomaly mysql.incomplete-message = per_client", 3, LIMIT_STORE, LIMIT_THRESHOLD);
    expect("anomaly mysql.incomplete-message = alert", 3, LIMIT_STORE, LIMIT_STORE);
}

static void exceptions_expire(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    rules_add_text(b->set, "r", view_text(RULES));
    rules_add_tuning_text(b->set, "t", view_text("except sig_id 1, until 1970-01-02, reason \"x\""));
    bench_expect_clean(b);
    bench_ready(b);
    struct limiter *l = limiter_open(b->set);
    assert_int_equal(ask(b, l, 2 * 86400 - 1).limited[1], LIMIT_EXCEPTED);
    assert_int_equal(ask(b, l, 2 * 86400).limited[1], LIMIT_STORE);
    limiter_close(l);
    bench_close(b);
}

static void values_are_set(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    char printed[1024];
    struct text out = text_in(printed, sizeof printed);
    rules_add_text(b->set, "r", view_text(RULES));
    rules_add_tuning_text(b->set, "t", view_text("set sig_id 1, mysql.length \">9,!20\", reason \"x\"\nset sig_id 1, mysql.length \">=10\"\n"));
    bench_expect_clean(b);
    rule_print(&b->set->rules[0], &out);
    assert_non_null(strstr(printed, "mysql.length:>=10;"));
    bench_ready(b);
    struct limiter *l = limiter_open(b->set);
    assert_int_equal(ask(b, l, 1).raised, 2);
    limiter_close(l);
    bench_close(b);
}

static void log_policies_lower_the_severity(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    rules_add_text(b->set, "r", view_text(RULES));
    rules_add_tuning_text(b->set, "t", view_text("anomaly mysql.incomplete-message = log"));
    bench_expect_clean(b);
    bench_ready(b);
    struct limiter *l = limiter_open(b->set);
    (void)ask(b, l, 1);
    for (unsigned i = 0; i < b->raised; i++)
        if (b->sids[i] == 3)
            assert_int_equal(b->alerts[i].severity, 4);
    limiter_close(l);
    bench_close(b);
}

/* A ` marks the place. */
static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reason;
    } rows[] = {
        {"`supress sig_id 1", "\"supress\" begins no line of this file; did you mean suppress?"},
        {"`suppress gen_id 1", "sig_id is missing"},
        {"suppress sig_id `x", "expected a number"},
        {"`suppress sig_id 1, track by_src", "suppress needs track and ip, or neither"},
        {"suppress sig_id 1, track `by_rule, ip 1.1.1.1", "suppress tracks by_src"},
        {"suppress sig_id 1, track by_src, ip `1.1.1.300", "\"1.1.1.300\" is not an address"},
        {"suppress sig_id 1, `count 5", "\"count\" does not stand in such a line"},
        {"`threshold sig_id 1, type limit, track by_src, count 1", "threshold needs"},
        {"threshold sig_id 1, type `lim, track by_src, count 1, seconds 1", "type is limit"},
        {"except sig_id 1, where \"`mysql.lenght > 5\"", "unknown field \"mysql.lenght\"; did you mean mysql.length?"},
        {"except sig_id 1, until `tomorrow", "until is a date"},
        {"set sig_id 1, `db.length \">5\"", "rule 1 has no condition on db.length"},
        {"set sig_id 1, mysql.length \"`x\"", "\"x\" is not N"},
        {"set sig_id 99, `mysql.length \">5\"", "there is no rule with sid 99"},
        {"anomaly `mysql.nothing = log", "unknown anomaly"},
        {"anomaly mysql.incomplete-message = `quiet", "a policy is"},
        {"rate_filter sig_id 1, track by_src, count 1, seconds 1, new_action `explode, timeout 1", "new_action is"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        size_t used = 0, column = 0;
        struct bench *b = bench_open();
        struct rule_problem problem = {.text = "nothing"};
        for (const char *c = rows[i].line; *c; c++) {
            if (*c == '`')
                column = used + 1;
            else
                text[used++] = *c;
        }
        rules_add_text(b->set, "r", view_text(RULES));
        rules_add_tuning_text(b->set, "t", view_of(text, used));
        (void)rules_problem(b->set, 0, &problem);
        if (strncmp(problem.text, rows[i].reason, strlen(rows[i].reason)) != 0 || problem.column != column) {
            print_error("%s: %u: %s\n", rows[i].line, problem.column, problem.text);
            fail();
        }
        assert_int_equal(rules_tunings(b->set), 0);
        bench_close(b);
    }
}

static void lines_that_need_a_look_warn(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"except sig_id 1", "an exception needs a reason and until"},
        {"suppress sig_id 77", "no rule is meant by this line"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct bench *b = bench_open();
        struct rule_problem warning = {.text = "none"};
        rules_add_text(b->set, "r", view_text(RULES));
        rules_add_tuning_text(b->set, "t", view_text(rows[i][0]));
        bench_ready(b);
        (void)rules_warning(b->set, 0, &warning);
        assert_true(strncmp(warning.text, rows[i][1], strlen(rows[i][1])) == 0);
        bench_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_do_what_they_say),
        cmocka_unit_test(exceptions_expire),
        cmocka_unit_test(values_are_set),
        cmocka_unit_test(log_policies_lower_the_severity),
        cmocka_unit_test(refused),
        cmocka_unit_test(lines_that_need_a_look_warn),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
