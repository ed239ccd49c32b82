/* Options: what is accepted, what is refused, and what is suggested instead. */
#include "check.h"

#include "app/options.h"
#include "app/suggest.h"

enum { MOST = 16 };

/* Splits a line at spaces and parses it. The arguments stay valid until the next call. */
static bool parse(struct options *o, uint64_t takes, const char *line, struct error *why)
{
    static char copy[256];
    static char *arguments[MOST + 1];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && count < MOST; word = strtok(NULL, " "))
        arguments[count++] = word;
    arguments[count] = NULL;
    return options_parse(o, takes, count, arguments, why);
}

static void refused_with_these_words(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"x --sevrity 3", "unknown option '--sevrity'; did you mean '--severity'?"},
        {"x --xyzzy", "unknown option '--xyzzy'"},
        {"x -d", "option '-d' needs a value"},
        {"x --db", "option '--db' needs a value"},
        {"x --json=1", "option '--json' takes no value"},
        {"x -Z", "unknown option '-Z' in '-Z'"},
        {"x -qZ", "unknown option '-Z' in '-qZ'"},
        {"x --workers 2", "unknown option '--workers'"}, /* an option of another command */
        {"x --s 2", "unknown option '--s'"},             /* severity, since, state or server? */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct options o;
        struct error why;
        assert_false(parse(&o, TAKES(DB) | TAKES(JSON) | TAKES(SEVERITY) | TAKES(SINCE), rows[i].line, &why));
        assert_int_equal(why.code, EXIT_USAGE);
        if (strncmp(why.text, rows[i].words, strlen(rows[i].words)) != 0)
            fail_msg("%s: %s", rows[i].line, why.text);
        options_close(&o);
    }
}

static void values_and_operands(void **state)
{
    struct options o;
    struct error why;
    uint64_t number = 7;
    (void)state;
    assert_true(parse(&o, TAKES(DB) | TAKES(LIMIT) | TAKES(RULES), "x a -s 1 --rules=2 b -d old -dnew -q", &why));
    assert_int_equal(o.operand_count, 2);
    assert_string_equal(o.operands[0], "a");
    assert_string_equal(o.operands[1], "b");
    assert_string_equal(options_store(&o), "new"); /* the last one */
    assert_string_equal(options_nth(&o, OPTION_RULES, 0), "1");
    assert_string_equal(options_nth(&o, OPTION_RULES, 1), "2");
    assert_null(options_nth(&o, OPTION_RULES, 2));
    assert_true(options_have(&o, OPTION_QUIET));
    assert_false(options_have(&o, OPTION_LIMIT));
    assert_true(options_number(&o, OPTION_LIMIT, 1, 9, &number, &why));
    assert_int_equal(number, 7);
    options_close(&o);
    assert_true(parse(&o, TAKES(DB), "x -- -d", &why));
    assert_string_equal(o.operands[0], "-d");
    assert_string_equal(options_store(&o), "dbhound.db");
    options_close(&o);
    assert_true(parse(&o, 0, "x -qqqqqqqqqqqqqqqqqqqq -v", &why)); /* more flags than arguments */
    options_close(&o);
}

static void numbers(void **state)
{
    static const struct {
        const char *line;
        bool good;
        uint64_t value;
    } rows[] = {
        {"x --limit 1", true, 1},   {"x --limit 9", true, 9},  {"x --limit 0", false, 0},
        {"x --limit 10", false, 0}, {"x --limit -1", false, 0}, {"x --limit +1", false, 0},
        {"x --limit 1x", false, 0}, {"x --limit=", false, 0},  {"x --limit 99999999999999999999", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct options o;
        struct error why;
        uint64_t number = 77;
        assert_true(parse(&o, TAKES(LIMIT), rows[i].line, &why));
        assert_int_equal(options_number(&o, OPTION_LIMIT, 1, 9, &number, &why), rows[i].good);
        assert_int_equal(number, rows[i].good ? rows[i].value : 77);
        options_close(&o);
    }
}

static void every_option_is_in_the_help_of_its_command(void **state)
{
    static const char *const names[] = {
#define OPTION(SYMBOL, short_name, long_name, argument, group, help) "--" long_name,
#include "app/options.def"
#undef OPTION
    };
    char *text = NULL;
    size_t length = 0;
    (void)state;
    FILE *out = open_memstream(&text, &length);
    options_print(out, ~UINT64_C(0));
    fclose(out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(strstr(text, names[i]));
    free(text);
}

static void suggestions(void **state)
{
    static const struct {
        const char *word, *best;
    } rows[] = {
        {"alers", "alerts"}, {"aelrts", "alerts"}, {"shw", "show"},     {"sho", "show"}, {"xyzzy", NULL},
        {"", NULL},          {"a", NULL},          {"alert", "alerts"}, {"replya", "replay"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct suggestion s = suggest_for(rows[i].word);
        suggest_offer(&s, "alerts");
        suggest_offer(&s, "show");
        suggest_offer(&s, "replay");
        if (rows[i].best)
            assert_string_equal(s.best, rows[i].best);
        else
            assert_null(s.best);
    }
    char word[300];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = 0;
    struct suggestion s = suggest_for(word);
    suggest_offer(&s, "alerts");
    assert_null(s.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_with_these_words),
        cmocka_unit_test(values_and_operands),
        cmocka_unit_test(numbers),
        cmocka_unit_test(every_option_is_in_the_help_of_its_command),
        cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
