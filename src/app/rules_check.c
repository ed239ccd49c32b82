/* dbhound rules check, lint and list. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "app/query.h"
#include "app/rules_verbs.h"
#include "app/ruleset.h"
#include "model/anomaly.h"

static void print_check_json(const struct rule_set *set)
{
    struct rule_problem problem;
    json_t *problems = json_array();
    for (size_t i = 0; rules_problem(set, i, &problem); i++)
        json_array_append_new(problems, json_pack("{s:o, s:i, s:i, s:o}", "file", query_json_text(problem.file), "line", (int)problem.line,
                                                  "column", (int)problem.column, "reason", query_json_text(problem.text)));
    json_t *all = json_pack("{s:I, s:I, s:o}", "loaded", (json_int_t)rules_loaded(set), "failed", (json_int_t)rules_failed(set),
                            "problems", problems);
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

int rules_check_run(const struct options *o)
{
    int result;
    struct rule_set *set = rules_of_operands(o, &result);
    struct rule_problem problem;
    if (!set)
        return result;
    if (options_have(o, OPTION_JSON)) {
        print_check_json(set);
    } else {
        for (size_t i = 0; rules_problem(set, i, &problem); i++)
            printf("%s:%u:%u: %s\n    %s\n    %*s^\n", problem.file, problem.line, problem.column, problem.text, problem.excerpt,
                   (int)problem.caret, "");
        for (size_t i = 0; options_have(o, OPTION_VERBOSE) && rules_warning(set, i, &problem); i++)
            printf("%s:%u:%u: warning: %s\n", problem.file, problem.line, problem.column, problem.text);
        printf("%zu rules loaded, %zu refused\n", rules_loaded(set), rules_failed(set));
    }
    result = rules_failed(set) ? EXIT_DATA : EXIT_DONE;
    rules_close(set);
    return result;
}

/* ---- lint */

static void print_lint(void *context, const struct lint *lint)
{
    json_t *all = context;
    if (all)
        json_array_append_new(all, json_pack("{s:o, s:i, s:i, s:b, s:s}", "file", query_json_text(lint->file), "line", (int)lint->line, "sid",
                                             (int)lint->sid, "error", lint->error, "text", lint->text));
    else if (lint->sid)
        printf("%s:%u: sid %u: %s%s\n", lint->file, lint->line, lint->sid, lint->error ? "error: " : "", lint->text);
    else
        printf("%s:%u: %s%s\n", lint->file, lint->line, lint->error ? "error: " : "", lint->text);
}

int rules_lint_run(const struct options *o)
{
    int result;
    struct timespec now;
    struct rule_set *set = rules_of_operands(o, &result);
    struct rule_problem problem;
    if (!set)
        return result;
    json_t *all = options_have(o, OPTION_JSON) ? json_array() : NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; !all && rules_problem(set, i, &problem); i++)
        printf("%s:%u:%u: refused: %s\n", problem.file, problem.line, problem.column, problem.text);
    for (size_t i = 0; rules_warning(set, i, &problem); i++)
        print_lint(all, &(struct lint){.file = problem.file, .line = problem.line, .text = problem.text});
    const size_t found = rules_lint(set, (int64_t)now.tv_sec * 1000000000, print_lint, all);
    if (all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(all);
    }
    result = rules_failed(set) ? EXIT_DATA : found || rules_warning(set, 0, &problem) ? 1 : EXIT_DONE;
    rules_close(set);
    return result;
}

/* ---- list */

static void print_rule(json_t *all, const struct rule_facts *r)
{
    TEXT_ON_STACK(msg, 400);
    text_add_escaped(&msg, view_head(view_text(r->msg), 90));
    if (all)
        json_array_append_new(all, json_pack("{s:i, s:I, s:i, s:i, s:o, s:o, s:o, s:o}", "gid", (int)r->gid, "sid", (json_int_t)r->sid, "rev",
                                             (int)r->rev, "severity", r->severity, "msg", query_json_text(r->msg), "classtype",
                                             query_json_text(r->classtype), "references", query_json_text(r->references), "rule",
                                             query_json_text(r->text)));
    else
        printf("%4u %9u %4u  %u  %s\n", r->gid, r->sid, r->rev, r->severity, msg.chars);
}

int rules_list_run(const struct options *o)
{
    int result = EXIT_DONE;
    struct error why;
    struct rule_set *set = o->operand_count > 1 ? rules_of_operands(o, &result) : rules_open();
    if (!set)
        return result;
    if (o->operand_count == 1) {
        rules_add_anomalies(set);
        if (!rules_ready(set, &why)) {
            rules_close(set);
            return command_fail(&rules_command, &why);
        }
    }
    json_t *all = options_have(o, OPTION_JSON) ? json_array() : NULL;
    if (!all)
        printf(" GID       SID  REV  S  MSG\n");
    for (uint32_t i = 0; i < rules_loaded(set); i++) {
        struct rule_facts rule;
        rules_facts(set, i, &rule);
        print_rule(all, &rule);
    }
    if (all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(all);
    }
    result = rules_failed(set) ? EXIT_DATA : EXIT_DONE;
    rules_close(set);
    return result;
}
