/* Rules in the styles of public sets: all of tests/rules/styles.rules load, print and read back; all of refused.rules are
 * refused with a reason. Run from the project's directory. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_load),
        cmocka_unit_test(refusals_say_why),
    };
    return cmocka_run_group_tests_name("rule styles", tests, NULL, NULL);
}
