/* What the lines of threshold.config do: see tuning.h. Their text is read in tuning_parse.c. */
#include "detect/tuning.h"

#include <stdlib.h>
#include <string.h>

static bool in_ranges(const struct tuning *t, const struct endpoint *e)
{
    return wide_in(t->ranges, t->ranges_used, wide_of_address(e->address));
}

bool tuning_suppresses(const struct tuning *t, const struct alert *alert)
{
    const struct endpoint *source = alert->from == FROM_CLIENT ? &alert->client : &alert->server;
    const struct endpoint *target = alert->from == FROM_CLIENT ? &alert->server : &alert->client;
    if (t->kind != TUNING_SUPPRESS || alert->time_ns > t->until_ns)
        return false;
    switch ((enum tuning_end)t->end) {
    case TUNING_SRC:
        return in_ranges(t, source);
    case TUNING_DST:
        return in_ranges(t, target);
    case TUNING_EITHER:
        return in_ranges(t, source) || in_ranges(t, target);
    case TUNING_ANY:
        break;
    }
    return true;
}

uint16_t tuning_excepts(const struct rule_set *set, const struct rule *rule, const struct asked *a, int64_t time_ns)
{
    for (unsigned i = 0; i < rule->tunings.count; i++) {
        const uint16_t number = set->tuning_list[rule->tunings.first + i];
        const struct tuning *t = &set->tunings[number];
        if (t->kind != TUNING_EXCEPT || time_ns > t->until_ns)
            continue;
        const struct rule *condition = t->condition ? &set->conditions->rules[t->condition - 1] : NULL;
        if (!condition || where_true(a, condition, condition->all_tests[0].parts, NULL, NULL))
            return (uint16_t)(number + 1);
    }
    return 0;
}

/* ---- applying */

static bool has_tag(const struct rule *r, const char *tag)
{
    const size_t length = strlen(tag);
    for (const char *at = r->metadata; (at = strstr(at, "tag ")) != NULL; at += 4) {
        const char *word = at + 4 + strspn(at + 4, " ");
        const bool begins = at == r->metadata || at[-1] == ' ' || at[-1] == ',';
        if (begins && strncmp(word, tag, length) == 0 && (word[length] == 0 || word[length] == ',' || word[length] == ' '))
            return true;
    }
    return false;
}

static bool only_anomaly(const struct rule *r, uint16_t anomaly)
{
    for (unsigned i = 0; i < r->tests.count; i++)
        if (r->all_tests[i].kind == TEST_ANOMALY)
            return r->all_tests[i].parts.count == 1 && r->names[r->all_tests[i].parts.first] == anomaly;
    return false;
}

static bool is_about(const struct tuning *t, const struct rule *r)
{
    if (t->anomaly)
        return only_anomaly(r, t->anomaly);
    if (t->tag)
        return has_tag(r, t->tag);
    return (t->everything || t->sid == r->sid) && (t->gid == 0 || t->gid == r->gid);
}

static void apply(const struct tuning *t, struct rule *r)
{
    if (t->kind == TUNING_THRESHOLD && (!t->everything || r->threshold.type == THRESHOLD_NONE))
        r->threshold = t->threshold;
    if (t->kind != TUNING_ANOMALY)
        return;
    r->threshold = t->threshold;
    if (t->silences) { /* log: least severity, whatever the catalogue says */
        r->priority = 4;
        r->severity = 4;
    }
}

static bool hides(const struct tuning *t)
{
    return t->kind == TUNING_SUPPRESS || t->kind == TUNING_EXCEPT || (t->kind == TUNING_RATE_FILTER && t->silences);
}

static void say_idle(struct rule_set *set, const struct tuning *t)
{
    const struct rule_problem problem = {.file = t->file, .line = t->line, .column = 1, .text = "no rule is meant by this line", .excerpt = ""};
    rule_note(set, &set->warnings, &problem);
}

bool tuning_apply(struct rule_set *set)
{
    size_t used = 0;
    for (size_t round = 0; round < 2; round++) {
        used = 0;
        for (size_t i = 0; i < set->rules_used; i++) {
            struct rule *r = &set->rules[i];
            r->tunings = (struct span){(uint16_t)used, 0};
            for (size_t k = 0; k < set->tunings_used; k++) {
                const struct tuning *t = &set->tunings[k];
                if (!hides(t) || !is_about(t, r) || used == UINT16_MAX)
                    continue;
                if (round == 1)
                    set->tuning_list[used] = (uint16_t)k;
                r->tunings.count++;
                used++;
            }
        }
        if (round == 0 && !(set->tuning_list = calloc(used + 1, sizeof *set->tuning_list)))
            return false;
    }
    for (size_t k = 0; k < set->tunings_used; k++) {
        bool any = set->tunings[k].everything;
        for (size_t i = 0; i < set->rules_used; i++) {
            if (!is_about(&set->tunings[k], &set->rules[i]))
                continue;
            apply(&set->tunings[k], &set->rules[i]);
            any = true;
        }
        if (!any)
            say_idle(set, &set->tunings[k]);
    }
    return true;
}

void tuning_free(struct rule_set *set)
{
    for (size_t i = 0; i < set->tunings_used; i++) {
        struct tuning *t = &set->tunings[i];
        free(t->ranges);
        free(t->file);
        free(t->text);
        free(t->reason);
        free(t->author);
        free(t->tag);
    }
    free(set->tunings);
    free(set->tuning_list);
    if (set->conditions)
        rules_close(set->conditions);
}

size_t rules_tunings(const struct rule_set *set)
{
    return set->tunings_used;
}

void rules_tuning(const struct rule_set *set, size_t i, struct tuning_facts *out)
{
    const struct tuning *t = &set->tunings[i];
    *out = (struct tuning_facts){t->file, t->line, t->text, t->reason ? t->reason : "", t->author ? t->author : "", t->until_ns, hides(t)};
}
