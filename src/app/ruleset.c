/* The running rule set: see ruleset.h. */
#include "app/ruleset.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"

void ruleset_print_problems(const struct rule_set *set)
{
    struct rule_problem problem;
    for (size_t i = 0; rules_problem(set, i, &problem); i++)
        log_error("%s:%u:%u: %s", problem.file, problem.line, problem.column, problem.text);
}

static struct rule_set *open_plain(const struct options *o, const struct rule_set *running, struct error *why)
{
    struct rule_set *set = rules_open();
    const char *only = options_text(o, OPTION_ONLY_RULES);
    if (!set) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    bool good = true;
    if (running)
        rules_inherit(set, running);
    if (only)
        good = rules_add_file(set, only, why);
    else
        rules_add_anomalies(set);
    for (size_t i = 0; good && options_nth(o, OPTION_RULES, i); i++)
        good = rules_add_file(set, options_nth(o, OPTION_RULES, i), why);
    if (good)
        return set;
    rules_close(set);
    return NULL;
}

struct rule_set *ruleset_open_plain(const struct options *o, struct error *why)
{
    return open_plain(o, NULL, why);
}

struct rule_set *ruleset_read_again(const struct options *o, const struct rule_set *running, struct error *why)
{
    struct rule_set *set = open_plain(o, running, why);
    if (!set)
        return NULL;
    bool good = true;
    for (size_t i = 0; good && options_nth(o, OPTION_TUNING, i); i++)
        good = rules_add_tuning_file(set, options_nth(o, OPTION_TUNING, i), why);
    if (good && rules_ready(set, why))
        return set;
    rules_close(set);
    return NULL;
}

struct rule_set *ruleset_open(const struct options *o, struct error *why)
{
    struct rule_set *set = ruleset_read_again(o, NULL, why);
    const char *only = options_text(o, OPTION_ONLY_RULES);
    if (!set)
        return NULL;
    ruleset_print_problems(set);
    if (only && rules_loaded(set) == 0) {
        error_set(why, EXIT_DATA, "%s: no rule of it could be loaded", only);
        rules_close(set);
        return NULL;
    }
    return set;
}

/* FNV-1a, 64 bit: a name for people to compare, not a proof against forgery. */
static void hash_text(uint64_t *hash, const char *text)
{
    for (const char *c = text; *c; c++)
        *hash = (*hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
}

void ruleset_hash(const struct rule_set *set, struct text *out)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < rules_loaded(set); i++) {
        struct rule_facts rule;
        rules_facts(set, i, &rule);
        hash_text(&hash, rule.text);
    }
    for (size_t i = 0; i < rules_tunings(set); i++) {
        struct tuning_facts line;
        rules_tuning(set, i, &line);
        hash_text(&hash, line.text);
    }
    text_add(out, "%016" PRIx64, hash);
}
