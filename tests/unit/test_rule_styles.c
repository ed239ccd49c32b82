/* Rules in the styles of public sets: all of tests/rules/styles.rules load, print and read back; all of refused.rules are
 * refused with a reason; those of matches.rules match what stands behind them. Run from the project's directory. */
#include <time.h>

#include "rules_bench.h"
#include "rules_hold.h"

static char *read_text(const char *path, size_t *length)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *text = malloc(1 << 20);
    *length = fread(text, 1, 1 << 20, in);
    fclose(in);
    return text;
}

static size_t rules_written(const char *text)
{
    size_t count = 0;
    static const char *const actions[] = {"\nalert ", "\npass ", "\nlog ", "\ndrop ", "\nreject ", "\nblock "};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        for (const char *at = text; (at = strstr(at, actions[i])) != NULL; at++)
            count++;
    return count;
}

static void styles_load(void **state)
{
    (void)state;
    size_t length;
    char *text = read_text("tests/rules/styles.rules", &length);
    text[length] = 0;
    struct bench *b = bench_open();
    struct rule_problem problem;
    rules_add_text(b->set, "styles.rules", view_of(text, length));
    for (size_t i = 0; rules_problem(b->set, i, &problem); i++)
        print_error("%s:%u:%u: %s\n", problem.file, problem.line, problem.column, problem.text);
    assert_int_equal(rules_failed(b->set), 0);
    assert_int_equal(rules_loaded(b->set), rules_written(text) - 1); /* one stands between #begin and #end */
    for (size_t i = 0; i < rules_loaded(b->set); i++)
        rules_hold_reprint(&b->set->rules[i]);
    bench_close(b);
    free(text);
}

/* A reason names what is wrong: the keyword, the protocol or the value that the rule has. */
static void names_its_reason(const struct rule_problem *problem)
{
    assert_true(strlen(problem->text) > 10);
    assert_true(problem->line > 1 && problem->column > 1);
    assert_null(strstr(problem->text, "unknown keyword"));
}

static void refusals_say_why(void **state)
{
    (void)state;
    size_t length;
    char *text = read_text("tests/rules/refused.rules", &length);
    text[length] = 0;
    struct bench *b = bench_open();
    rules_add_text(b->set, "refused.rules", view_of(text, length));
    for (size_t i = 0; i < rules_loaded(b->set); i++)
        print_error("loaded: %s\n", b->set->rules[i].text);
    assert_int_equal(rules_loaded(b->set), 0);
    assert_int_equal(rules_failed(b->set), rules_written(text));
    struct rule_problem problem;
    for (size_t i = 0; rules_problem(b->set, i, &problem); i++)
        names_its_reason(&problem);
    assert_int_equal(b->set->regexes.used, 0);
    assert_int_equal(b->set->bits_used, 0);
    bench_close(b);
    free(text);
}

static unsigned wrong_answers;

/* "#+ protocol side port bytes": what the rule before it says of this message. */
static void ask_line(const char *rule, const char *line)
{
    char protocol[16], side[16], bytes[512];
    unsigned port = 0;
    assert_int_equal(sscanf(line + 2, " %15s %15s %u %511[^\n]", protocol, side, &port, bytes), 4);
    struct bench *b = bench_open();
    bench_rules(b, rule);
    b->flow.server.port = (uint16_t)port;
    bench_message(b, strcmp(protocol, "none") ? protocol_by_name(protocol) : PROTOCOL_NONE, strcmp(side, "client") ? FROM_SERVER : FROM_CLIENT, bytes);
    if (bench_ask(b) != (line[1] == '+')) {
        print_error("%s\n%s\n", rule, line);
        wrong_answers++;
    }
    bench_close(b);
}

static void styles_match(void **state)
{
    (void)state;
    size_t length;
    char *text = read_text("tests/rules/matches.rules", &length), rule[4096] = "";
    unsigned asked[2] = {0, 0}, seen[2] = {1, 1};
    text[length] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (line[0] == '#' && (line[1] == '+' || line[1] == '-')) {
            ask_line(rule, line);
            asked[line[1] == '+']++;
            seen[line[1] == '+']++;
        } else if (line[0] != '#') {
            assert_true(seen[0] && seen[1]); /* the rule before was asked both ways */
            seen[0] = seen[1] = 0;
            snprintf(rule, sizeof rule, "%s", line);
        }
    }
    assert_int_equal(wrong_answers, 0);
    assert_true(asked[0] > 40 && asked[1] > 24);
    free(text);
}

static void shipped_rules_read_back(void **state)
{
    (void)state;
    static const char *const files[] = {"rules/anomalies.rules", "rules/attacks.rules", "rules/behaviour.rules", "rules/sql.rules"};
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        struct bench *b = bench_open();
        struct error why;
        assert_true(rules_add_file(b->set, files[f], &why));
        bench_expect_clean(b);
        for (size_t i = 0; i < rules_loaded(b->set); i++)
            rules_hold_reprint(&b->set->rules[i]);
        bench_close(b);
    }
}

/* Loading takes time in proportion to the rules; SHOW_TIMES says how long. */
static void ten_thousand_rules_load(void **state)
{
    (void)state;
    enum { RULES = 10000, LINE = 200 };
    char *text = malloc((size_t)RULES * LINE);
    struct text t = text_in(text, (size_t)RULES * LINE);
    for (unsigned i = 0; i < RULES; i++)
        text_add(&t, "alert tcp any any -> $SQL_SERVERS [3306,5432] (msg:\"%u\"; flow:to_server; content:\"word %u\"; nocase; %s sid:%u;)\n", i, i,
                 i % 3 == 0 ? "pcre:\"/word\\s+\\d+;/i\";" : i % 3 == 1 ? "byte_test:4,>,100,0;" : "where:\"db.length > 9\";", i + 1);
    assert_false(t.cut);
    struct bench *b = bench_open();
    struct error why;
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    rules_add_text(b->set, "many.rules", view_of(text, t.length));
    assert_true(rules_ready(b->set, &why));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    const double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    if (getenv("SHOW_TIMES"))
        print_message("%d rules in %.3f s\n", RULES, seconds);
    assert_int_equal(rules_loaded(b->set), RULES);
    assert_true(seconds < 20); /* without optimisation, with a sanitizer */
    bench_close(b);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_load),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(styles_match),
        cmocka_unit_test(shipped_rules_read_back),
        cmocka_unit_test(ten_thousand_rules_load),
    };
    return cmocka_run_group_tests_name("rule styles", tests, NULL, NULL);
}
