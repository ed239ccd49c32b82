/*
 * dbhound rules test DIR...: each case of every test.yaml below, and which rules no case triggers. A rule that nothing
 * triggers is untested, whatever passes.
 */
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "app/query.h"
#include "app/render.h"
#include "app/rule_case.h"
#include "app/rules_verbs.h"
#include "app/ruleset.h"
#include "app/trial.h"

enum { SETS_MAX = 64 };

/* A rule set of some cases, and which of its rules were triggered by them. */
struct tested_set {
    char *names;
    struct rule_set *set;
    bool *triggered;
};

struct testing {
    struct tested_set sets[SETS_MAX];
    size_t sets_used;
    const char *path;
    struct tested_set *set; /* of the case */
    struct rule_case *now;
    size_t passed, failed;
    json_t *cases; /* NULL: lines */
};

static void conclude(struct testing *t, const char *reason)
{
    TEXT_ON_STACK(name, 600);
    text_add_safe(&name, t->now->name);
    *(reason ? &t->failed : &t->passed) += 1;
    if (t->cases)
        json_array_append_new(t->cases, json_pack("{s:o, s:o, s:b, s:o}", "file", query_json_text(t->path), "name", query_json_text(t->now->name),
                                                  "passed", !reason, "reason", reason ? query_json_text(reason) : json_null()));
    else if (reason)
        printf("not ok - %s: %s\n", name.chars, reason);
    else
        printf("ok - %s\n", name.chars);
}

static bool load(const struct rule_case *c, struct tested_set *out, struct error *why)
{
    struct rule_set *set = rules_open();
    struct rule_problem problem;
    bool good = set != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    for (unsigned i = 0; good && i < c->rules_used; i++)
        good = rules_add_file(set, c->rules[i], why);
    good = good && (!*c->tuning || rules_add_tuning_file(set, c->tuning, why)) && rules_ready(set, why);
    if (good && rules_problem(set, 0, &problem))
        good = error_set(why, EXIT_DATA, "%s:%u:%u: %s", problem.file, problem.line, problem.column, problem.text);
    if (good && !(out->triggered = calloc(rules_loaded(set) + 1, sizeof *out->triggered)))
        good = error_set(why, EXIT_INTERNAL, "out of memory");
    if (!good && set)
        rules_close(set);
    out->set = good ? set : NULL;
    return good;
}

/* The set of the case, loaded once for all cases that name the same files. */
static struct tested_set *set_of(struct testing *t, const struct rule_case *c, struct error *why)
{
    char names[CASE_FILES_MAX * CASE_PATH_MAX + CASE_PATH_MAX + 16];
    struct text all = text_in(names, sizeof names);
    for (unsigned i = 0; i < c->rules_used; i++)
        text_add(&all, "%s\n", c->rules[i]);
    text_add(&all, "%s", c->tuning);
    for (size_t i = 0; i < t->sets_used; i++)
        if (strcmp(t->sets[i].names, names) == 0)
            return &t->sets[i];
    if (t->sets_used == SETS_MAX) {
        error_set(why, EXIT_DATA, "more than %d rule sets", SETS_MAX);
        return NULL;
    }
    struct tested_set *new = &t->sets[t->sets_used];
    if (!load(c, new, why))
        return NULL;
    new->names = strdup(names);
    t->sets_used += new->names != NULL;
    return new->names ? new : NULL;
}

static void take_alert(void *context, const struct alert *alert, const struct rule_facts *rule)
{
    struct testing *t = context;
    t->set->triggered[alert->rule] = true;
    rule_case_alert(t->now, alert, rule);
}

static void run_case(void *context, struct rule_case *c)
{
    struct testing *t = context;
    struct error why = {.code = EXIT_DONE};
    t->now = c;
    if (!(t->set = set_of(t, c, &why))) {
        conclude(t, why.text);
        return;
    }
    struct trial trial = {.rules = t->set->set, .filter = *c->filter ? c->filter : NULL, .check_checksums = c->check_checksums,
                          .ignore_checksums = c->ignore_checksums, .told = take_alert, .context = t};
    /* Each capture is a run of its own: their clocks and addresses have nothing to do with each other. */
    for (size_t i = 0; i < c->captures.gl_pathc; i++) {
        const char *const paths[] = {c->captures.gl_pathv[i]};
        if (!trial_files(&trial, paths, 1, &why)) {
            conclude(t, why.text);
            return;
        }
    }
    for (unsigned i = 0; i < c->checks_used; i++) {
        const struct case_check *check = &c->checks[i];
        if (case_check_holds(check))
            continue;
        error_set(&why, EXIT_MATCHED, "line %u: %llu alerts, not %s%llu", check->line, (unsigned long long)check->found,
                  check->comparison == '=' ? "" : check->comparison == '>' ? "> " : "< ", (unsigned long long)check->wanted);
        conclude(t, why.text);
        return;
    }
    conclude(t, NULL);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool run_below(struct testing *t, char *directory, struct error *why)
{
    char *const paths[] = {directory, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    const FTSENT *e;
    bool good = tree != NULL || error_set(why, EXIT_NO_INPUT, "%s cannot be read", directory), any = false;
    while (good && (e = fts_read(tree))) {
        if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
            good = error_set(why, EXIT_NO_INPUT, "%s: %s", e->fts_path, strerror(e->fts_errno));
        if (e->fts_info != FTS_F || (strcmp(e->fts_name, "test.yaml") != 0 && e->fts_level != FTS_ROOTLEVEL))
            continue;
        any = true;
        t->path = e->fts_path;
        good = rule_cases_read(e->fts_path, run_case, t, why);
    }
    if (tree)
        fts_close(tree);
    return good && (any || error_set(why, EXIT_NO_INPUT, "there is no test.yaml below %s", directory));
}

/* Rules that no case triggers, once each: the same file may be in several sets. */
static size_t tell_untriggered(const struct testing *t, json_t *list)
{
    size_t count = 0;
    for (size_t i = 0; i < t->sets_used; i++) {
        for (uint32_t k = 0; k < rules_loaded(t->sets[i].set); k++) {
            struct rule_facts rule;
            uint32_t there;
            bool triggered = t->sets[i].triggered[k];
            rules_facts(t->sets[i].set, k, &rule);
            for (size_t other = 0; !triggered && other < t->sets_used; other++)
                triggered = other != i && rules_find(t->sets[other].set, rule.gid, rule.sid, &there) && (other < i || t->sets[other].triggered[there]);
            if (triggered || rule.quiet)
                continue;
            count++;
            if (list)
                json_array_append_new(list, json_integer(rule.sid));
            else
                printf("no case triggers sid %u: %s\n", rule.sid, rule.msg);
        }
    }
    return count;
}

static void close_sets(struct testing *t)
{
    for (size_t i = 0; i < t->sets_used; i++) {
        rules_close(t->sets[i].set);
        free(t->sets[i].triggered);
        free(t->sets[i].names);
    }
}

int rules_test_run(const struct options *o)
{
    struct testing t = {.cases = options_have(o, OPTION_JSON) ? json_array() : NULL};
    struct error why;
    bool good = true;
    for (size_t i = 1; good && i < o->operand_count; i++)
        good = run_below(&t, o->operands[i], &why);
    json_t *list = t.cases ? json_array() : NULL;
    const size_t untriggered = tell_untriggered(&t, list);
    if (t.cases) {
        json_t *all = json_pack("{s:I, s:I, s:o, s:o}", "passed", (json_int_t)t.passed, "failed", (json_int_t)t.failed, "untriggered", list,
                                "cases", t.cases);
        json_dumpf(all, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(all);
    } else {
        printf("%zu passed, %zu failed; %zu rules without a capture\n", t.passed, t.failed, untriggered);
    }
    close_sets(&t);
    if (!good)
        return command_fail(&rules_command, &why);
    return t.failed ? EXIT_MATCHED : EXIT_DONE;
}
