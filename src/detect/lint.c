/* What is wrong with rules that load: see detect/rules.h. */
#include <string.h>

#include "detect/rule_key.h"
#include "detect/tuning.h"

struct linter {
    lint_sink tell;
    void *context;
    size_t found;
};

static void say(struct linter *l, const struct rule *r, bool error, const char *text)
{
    const struct lint lint = {.file = r->file, .line = r->line, .sid = r->sid, .text = text, .error = error};
    l->found++;
    l->tell(l->context, &lint);
}

/* ---- the header */

static bool has_port(const struct rule *r, enum rule_end end, uint16_t port)
{
    return r->ports[end].count && wide_in(r->ranges + r->ports[end].first, r->ports[end].count, (struct wide){0, port});
}

static bool is_server_port(uint16_t port)
{
    static const uint16_t known[] = {3306, 33060, 5432, 6432, 6379, 11211, 27017, 1433, 1521, 9042, 50000};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == port)
            return true;
    return false;
}

/* The server's port stands where the sender is, and the flow says that the client sends: such a rule waits for ever. */
static void lint_header(struct linter *l, const struct rule *r)
{
    static const uint16_t ports[] = {3306, 5432};
    const bool to_server = r->flow & FLOW_TO_SERVER, to_client = r->flow & FLOW_TO_CLIENT;
    if (r->both_ways)
        return;
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        const bool source = has_port(r, RULE_SOURCE, ports[i]) && r->ports[RULE_SOURCE].count == 1 && is_server_port(ports[i]);
        const bool target = has_port(r, RULE_TARGET, ports[i]) && r->ports[RULE_TARGET].count == 1 && is_server_port(ports[i]);
        if (to_server && source && !target && !r->ports[RULE_TARGET].count)
            say(l, r, true, "never matches: flow is to_server, and the server's port stands before the arrow");
        if (to_client && target && !source && !r->ports[RULE_SOURCE].count)
            say(l, r, true, "never matches: flow is to_client, and the server's port stands behind the arrow");
    }
}

static void lint_track(struct linter *l, const struct rule *r, uint8_t track, const char *text)
{
    if (r->flow & FLOW_TO_CLIENT && track == TRACK_SRC)
        say(l, r, false, text);
}

/* ---- conditions */

static bool numbers_never(const struct rule *r, const struct test *t)
{
    uint64_t tried = 0;
    bool positive = false;
    /* A list that holds no end of any of its ranges, nor the value behind it, holds nothing. */
    for (unsigned i = 0; i < t->parts.count; i++) {
        const struct item *item = &r->items[t->parts.first + i];
        const uint64_t ends[] = {item->low, item->high, item->low ? item->low - 1 : 0, item->high < UINT64_MAX ? item->high + 1 : item->high};
        positive |= !item->negated;
        for (unsigned k = 0; k < 4; k++, tried++)
            if (items_contain(r->items + t->parts.first, t->parts.count, ends[k], (enum protocol)item->protocol))
                return false;
    }
    return positive && tried;
}

static bool contradicts(const struct rule *r)
{
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *a = &r->all_tests[i];
        if (a->kind != TEST_NUMBER || !rule_field_is_derived((enum field)a->field))
            continue;
        for (unsigned k = 0; k < i; k++) {
            const struct test *b = &r->all_tests[k];
            const struct item *x = &r->items[a->parts.first], *y = &r->items[b->parts.first];
            if (b->kind == TEST_NUMBER && b->field == a->field && a->parts.count == 1 && b->parts.count == 1 && !x->negated && !y->negated &&
                (x->high < y->low || y->high < x->low))
                return true;
        }
    }
    return false;
}

static bool regex_alone(const struct rule *r, const struct test *t)
{
    bool literal = false;
    for (unsigned i = 0; i < t->parts.count; i++) {
        const struct step *s = &r->steps[t->parts.first + i];
        literal |= s->kind == STEP_CONTENT && !s->negated && s->pattern.count >= 3;
    }
    return t->regexes && !literal;
}

static void lint_tests(struct linter *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        if (t->kind == TEST_NUMBER && numbers_never(r, t))
            say(l, r, true, "never matches: no number is in one of its lists");
        if (t->kind == TEST_BUFFER && t->field == FIELD_NONE && regex_alone(r, t))
            say(l, r, false, "slow: a pcre without a content of three bytes or more is tried on every message");
    }
    if (contradicts(r))
        say(l, r, true, "never matches: two conditions on one field exclude each other");
}

static void lint_breadth(struct linter *l, const struct rule *r)
{
    const bool any = !r->addresses[0].count && !r->addresses[1].count && !r->ports[0].count && !r->ports[1].count;
    if (r->event != EVENT_MESSAGE)
        return;
    if (r->tests.count == 0 && r->action != ACTION_PASS)
        say(l, r, false, any ? "too broad: it is true of every message" : "broad: it is true of every message of these addresses");
    else if (rule_key_choose(r).kind == KEY_EVERY && r->action != ACTION_PASS)
        say(l, r, false, "slow: nothing in it can be looked up, so it is asked about every message");
}

static void lint_rule(struct linter *l, const struct rule *r)
{
    if (r->never) {
        say(l, r, true, "never matches: see the warning of rules check");
        return;
    }
    lint_header(l, r);
    lint_tests(l, r);
    lint_breadth(l, r);
    if (r->threshold.type != THRESHOLD_NONE)
        lint_track(l, r, r->threshold.track, "its threshold counts servers: track by_src, and the server sends");
    if (r->rate.kind != RATE_NONE)
        lint_track(l, r, r->rate.track, "its rate counts servers: track by_src, and the server sends");
    if (!*r->msg)
        say(l, r, false, "it has no msg: its alerts say nothing");
}

static void lint_line(struct linter *l, const struct tuning *t, int64_t now_ns)
{
    struct lint lint = {.file = t->file, .line = t->line};
    if (t->kind != TUNING_EXCEPT && t->kind != TUNING_SUPPRESS)
        return;
    if (t->kind == TUNING_EXCEPT && (!t->reason || !t->has_until)) {
        lint.error = true;
        lint.text = "an exception needs a reason and until, so that it does not hide things for ever";
        l->found++;
        l->tell(l->context, &lint);
    } else if (t->until_ns < now_ns) {
        lint.text = t->kind == TUNING_EXCEPT ? "the exception has ended" : "the line has ended";
        l->found++;
        l->tell(l->context, &lint);
    }
}

size_t rules_lint(const struct rule_set *set, int64_t now_ns, lint_sink tell, void *context)
{
    struct linter l = {tell, context, 0};
    for (size_t i = 0; i < set->rules_used; i++)
        lint_rule(&l, &set->rules[i]);
    for (size_t i = 0; i < set->tunings_used; i++)
        lint_line(&l, &set->tunings[i], now_ns);
    return l.found;
}
