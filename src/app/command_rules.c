/* dbhound rules: check files of rules, print the catalogue's. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "app/command.h"
#include "app/ruleset.h"

enum { PRINT_BYTES = 1 << 20 };

static int print_anomalies(void)
{
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

static void print_check_json(const struct rule_set *set)
{
    struct rule_problem problem;
    json_t *problems = json_array();
    for (size_t i = 0; rules_problem(set, i, &problem); i++)
        json_array_append_new(problems, json_pack("{s:s, s:i, s:i, s:s}", "file", problem.file, "line", (int)problem.line,
                                                  "column", (int)problem.column, "reason", problem.text));
    json_t *all = json_pack("{s:I, s:I, s:o}", "loaded", (json_int_t)rules_loaded(set), "failed", (json_int_t)rules_failed(set),
                            "problems", problems);
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

static int check_files(const struct options *o)
{
    struct error why;
    struct rule_set *set = rules_open();
    if (!set)
        return EXIT_INTERNAL;
    bool good = true;
    for (size_t i = 1; good && i < o->operand_count; i++)
        good = rules_add_file(set, o->operands[i], &why);
    if (!good || !rules_ready(set, &why)) {
        rules_close(set);
        return command_fail(&rules_command, &why);
    }
    struct rule_problem problem;
    if (options_have(o, OPTION_JSON)) {
        print_check_json(set);
    } else {
        for (size_t i = 0; rules_problem(set, i, &problem); i++)
            printf("%s:%u:%u: %s\n    %s\n    %*s^\n", problem.file, problem.line, problem.column, problem.text, problem.excerpt,
                   (int)problem.caret, "");
        printf("%zu rules loaded, %zu refused\n", rules_loaded(set), rules_failed(set));
    }
    int result = rules_failed(set) ? EXIT_DATA : EXIT_DONE;
    rules_close(set);
    return result;
}

static int rules_run(const struct options *o)
{
    const char *verb = o->operand_count ? o->operands[0] : "";
    if (strcmp(verb, "print") == 0 && o->operand_count == 1)
        return print_anomalies();
    if (strcmp(verb, "check") == 0 && o->operand_count > 1)
        return check_files(o);
    return command_usage(&rules_command, "say `rules check FILE...` or `rules print`");
}

const struct command rules_command = {
    .name = "rules",
    .usage = "check FILE... | print",
    .summary = "check files of rules, or print the built-in ones",
    .examples = "dbhound rules check my.rules\n"
                "dbhound rules check --json my.rules | jq .problems\n"
                "dbhound rules print > anomalies.rules\n",
    .exits = "0 all rules load; 64 usage; 65 a rule is refused; 66 no such file",
    .takes = TAKES(JSON),
    .run = rules_run,
};
