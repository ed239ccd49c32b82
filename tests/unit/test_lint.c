/* What lint says of rules that load, and of which it says nothing. */
#include "rules_bench.h"

struct told {
    unsigned count;
    char text[1024];
};

static void note(void *context, const struct lint *lint)
{
    struct told *t = context;
    if (t->count++)
        return;
    struct text out = text_in(t->text, sizeof t->text);
    text_add(&out, "%u %u: %s%s", lint->line, lint->sid, lint->error ? "error: " : "", lint->text);
}

static void rules(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said; /* NULL: nothing */
    } rows[] = {
        {"alert mysql any any -> any 3306 (msg:\"x\"; flow:to_server; content:\"abc\"; sid:1;)", NULL},
        {"alert mysql any any -> any any (msg:\"x\"; mysql.length:>5; sid:1;)", NULL},
        {"alert mysql any any -> any any (msg:\"x\"; where:\"mysql.length > 5\"; sid:1;)", NULL},
        {"alert mysql any any -> any any (msg:\"x\"; content:\"abc\"; pcre:\"/abc\\d/\"; sid:1;)", NULL},
        {"pass mysql any any -> any any (msg:\"x\"; sid:1;)", NULL},
        {"\nalert mysql any 3306 -> any any (msg:\"x\"; flow:to_server; content:\"abc\"; sid:1;)", "2 1: error: never matches: flow is to_server"},
        {"alert mysql any any -> any 3306 (msg:\"x\"; flow:from_server; content:\"abc\"; sid:1;)", "1 1: error: never matches: flow is to_client"},
        {"alert tcp any any -> any any (msg:\"x\"; flags:S; sid:1;)", "1 1: error: never matches: see"},
        {"alert mysql any any -> any any (msg:\"x\"; mysql.length:5,!4-6; sid:1;)", "1 1: error: never matches: no number"},
        {"alert mysql any any -> any any (msg:\"x\"; content:\"abc\"; dsize:>10; dsize:<5; sid:1;)", "1 1: error: never matches: two conditions"},
        {"alert mysql any any -> any any (msg:\"x\"; pcre:\"/abc/\"; sid:1;)", "1 1: slow: a pcre without"},
        {"alert mysql any any -> any any (msg:\"x\"; sid:1;)", "1 1: too broad"},
        {"alert mysql 10.0.0.1 any -> any any (msg:\"x\"; sid:1;)", "1 1: broad"},
        {"alert mysql any any -> any any (msg:\"x\"; content:!\"abc\"; sid:1;)", "1 1: slow: nothing in it"},
        {"alert mysql any any -> any any (msg:\"x\"; flow:from_server; content:\"abc\"; threshold:type limit, track by_src, count 1, seconds 1; sid:1;)",
         "1 1: its threshold counts servers"},
        {"alert mysql any any -> any any (content:\"abc\"; sid:1;)", "1 1: it has no msg"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_open();
        struct told told = {0};
        bench_rules(b, rows[i].text);
        const size_t found = rules_lint(b->set, 0, note, &told);
        assert_int_equal(found, told.count);
        if (!rows[i].said != !told.count || (rows[i].said && strncmp(told.text, rows[i].said, strlen(rows[i].said)) != 0)) {
            print_error("%s: %s\n", rows[i].text, told.text);
            fail();
        }
        bench_close(b);
    }
}

static void exceptions(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } rows[] = {
        {"except sig_id 1, until 2999-01-01, reason \"x\"", NULL},
        {"except sig_id 1, until 1990-01-01, reason \"x\"", "1 0: the exception has ended"},
        {"except sig_id 1", "1 0: error: an exception needs"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct bench *b = bench_open();
        struct told told = {0};
        rules_add_text(b->set, "r", view_text("alert mysql any any -> any any (msg:\"x\"; content:\"abc\"; sid:1;)"));
        rules_add_tuning_text(b->set, "t", view_text(rows[i].line));
        bench_ready(b);
        (void)rules_lint(b->set, INT64_C(1800000000) * 1000000000, note, &told);
        if (!rows[i].said != !told.count || (rows[i].said && strncmp(told.text, rows[i].said, strlen(rows[i].said)) != 0)) {
            print_error("%s: %s\n", rows[i].line, told.text);
            fail();
        }
        bench_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(exceptions),
    };
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
