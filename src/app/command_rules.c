/* dbhound rules VERB: see rules_verbs.h. */
#include <stdlib.h>
#include <string.h>

#include "app/rules_verbs.h"

enum { PRINT_BYTES = 1 << 20 };

static int print_anomalies(const struct options *o)
{
    (void)o;
    char *memory = malloc(PRINT_BYTES);
    if (!memory)
        return EXIT_INTERNAL;
    struct text out = text_in(memory, PRINT_BYTES);
    rules_print_anomalies(&out);
    fputs(out.chars, stdout);
    int result = out.cut ? EXIT_INTERNAL : EXIT_DONE;
    free(memory);
    return result;
}

struct rule_set *rules_of_operands(const struct options *o, int *result)
{
    struct error why;
    struct rule_set *set = rules_open();
    *result = EXIT_INTERNAL;
    if (!set)
        return NULL;
    bool good = true;
    for (size_t i = 1; good && i < o->operand_count; i++)
        good = rules_add_file(set, o->operands[i], &why);
    for (size_t i = 0; good && options_nth(o, OPTION_TUNING, i); i++)
        good = rules_add_tuning_file(set, options_nth(o, OPTION_TUNING, i), &why);
    if (good && rules_ready(set, &why))
        return set;
    rules_close(set);
    *result = command_fail(&rules_command, &why);
    return NULL;
}

static int rules_run(const struct options *o)
{
    static const struct {
        const char *name;
        size_t least, most; /* operands, the verb included */
        int (*run)(const struct options *o);
    } verbs[] = {
        {"check", 2, SIZE_MAX, rules_check_run}, {"lint", 2, SIZE_MAX, rules_lint_run}, {"list", 1, SIZE_MAX, rules_list_run},
        {"explain", 2, 2, rules_explain_run},    {"print", 1, 1, print_anomalies},
        {"test", 2, SIZE_MAX, rules_test_run}, {"backtest", 1, SIZE_MAX, rules_backtest_run},
        {"stats", 1, 1, rules_stats_run}, {"reload", 1, 1, rules_reload_run}, {"suggest", 2, 2, rules_suggest_run}, {"from-alert", 2, 2, rules_from_alert_run},
    };
    const char *verb = o->operand_count ? o->operands[0] : "";
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i].name) == 0 && o->operand_count >= verbs[i].least && o->operand_count <= verbs[i].most)
            return verbs[i].run(o);
    return command_usage(&rules_command, "say `rules check FILE...`, `rules lint FILE...`, `rules list [FILE...]`, `rules explain ALERT`, `rules test DIR...`, `rules backtest [FILE...]`, `rules from-alert ALERT`, `rules stats`, `rules reload`, `rules suggest SID` or `rules print`");
}

const struct command rules_command = {
    .name = "rules",
    .usage = "check FILE... | lint FILE... | list [FILE...] | explain ALERT | test DIR... | backtest [FILE...] | from-alert ALERT | stats | reload | suggest SID | print",
    .summary = "check, lint and list rules; say term by term why one matched; print the built-in ones",
    .examples = "dbhound rules check my.rules\n"
                "dbhound rules check --json my.rules | jq .problems\n"
                "dbhound rules lint --tuning threshold.config my.rules\n"
                "dbhound rules list rules/attacks.rules\n"
                "dbhound rules explain 1\n"
                "dbhound rules test rules/tests\n"
                "dbhound rules backtest my.rules -d dbhound.db --since 7d\n"
                "dbhound rules backtest new.rules --against old.rules -r /var/captures\n"
                "dbhound rules backtest my.rules --facts -d dbhound.db --since 7d\n"
                "dbhound rules from-alert 1 > my.rules\n"
                "dbhound rules reload -d /var/lib/dbhound/today.db\n"
                "dbhound rules print > anomalies.rules\n",
    .exits = "0 all rules load; 1 lint found something, or a test failed; 64 usage; 65 a rule is refused; 66 no such file or alert",
    .takes = TAKES(JSON) | TAKES(TUNING) | TAKES(DB) | TAKES(READ) | TAKES(AGAINST) | TAKES(FACTS) | TAKES(SINCE) | TAKES(FILTER) | TAKES(KEYLOG),
    .run = rules_run,
};
