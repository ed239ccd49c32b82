/*
 * The lines of threshold.config become struct tuning. A line that cannot be read is refused with its place, like a rule, and
 * the others count. Values of rules (numbers, addresses, conditions) are read by the rules' own readers.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "detect/draft.h"
#include "detect/tuning.h"

enum { TUNINGS_MAX = 4096 };

/* One line, cut at its commas. */
struct line {
    struct draft *d;
    struct tuning t;
    struct view rest;
    struct view where, values;
    struct view field;   /* set: the name before the values */
    bool has_sid;
};

/* Commas inside quotes and brackets do not cut. */
static bool next_part(struct line *l, struct view *part)
{
    unsigned depth = 0;
    bool quoted = false;
    size_t i = 0;
    if (!l->rest.bytes)
        return false;
    for (; i < l->rest.length; i++) {
        const uint8_t c = l->rest.bytes[i];
        if (c == '\\' && i + 1 < l->rest.length)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '[')
            depth++;
        else if (!quoted && c == ']' && depth)
            depth--;
        else if (!quoted && !depth && c == ',')
            break;
    }
    *part = view_trim(view_head(l->rest, i < l->rest.length ? i : l->rest.length));
    l->rest = i < l->rest.length ? view_from(l->rest, i + 1) : (struct view){0};
    return true;
}

static bool copy(struct line *l, struct view text, char **out)
{
    char quoted[512];
    free(*out);
    *out = NULL;
    if (text.length && text.bytes[0] == '"') {
        if (!draft_quoted(l->d, text, quoted, sizeof quoted))
            return false;
        text = view_text(quoted);
    }
    *out = rule_copy_text(l->d->set, (const char *)text.bytes, text.length);
    return *out != NULL;
}

/* A date is its whole day; it ends when the next one begins, in UTC. */
static bool read_until(struct line *l, struct view value)
{
    char written[32];
    struct tm day = {0};
    if (value.length >= sizeof written)
        return draft_refuse(l->d, value.bytes, "until is a date: 2027-03-31");
    memcpy(written, value.bytes, value.length);
    written[value.length] = 0;
    const char *end = strptime(written, "%Y-%m-%d", &day);
    if (!end || *end || day.tm_year < 70)
        return draft_refuse(l->d, value.bytes, "until is a date: 2027-03-31");
    /* Nanoseconds since 1970 end in 2262. */
    l->t.until_ns = day.tm_year > 360 ? INT64_MAX : ((int64_t)timegm(&day) + 86400) * 1000000000 - 1;
    return l->t.has_until = true;
}

static bool read_ip(struct line *l, struct view value)
{
    struct draft *d = l->d;
    struct span span;
    d->ranges_used = 0;
    if (!draft_range_list(d, value, false, &span))
        return false;
    if (span.count == 0) { /* any */
        l->t.end = TUNING_ANY;
        return true;
    }
    free(l->t.ranges);
    l->t.ranges = malloc(span.count * sizeof *l->t.ranges);
    if (!l->t.ranges)
        return draft_refuse(d, value.bytes, "out of memory");
    memcpy(l->t.ranges, d->ranges + span.first, span.count * sizeof *l->t.ranges);
    l->t.ranges_used = span.count;
    return true;
}

static bool read_count(struct line *l, struct view value, uint32_t least, uint32_t *out)
{
    uint64_t number;
    if (!view_number(value, &number) || number < least || number > UINT32_MAX)
        return draft_refuse(l->d, value.bytes, "expected a number from %u to %u", least, UINT32_MAX);
    *out = (uint32_t)number;
    return true;
}

static bool read_track(struct line *l, struct view value)
{
    if (l->t.kind != TUNING_SUPPRESS)
        return draft_track(l->d, value, &l->t.threshold.track);
    l->t.end = view_is(value, "by_src") ? TUNING_SRC : view_is(value, "by_dst") ? TUNING_DST : view_is(value, "by_either") ? TUNING_EITHER : TUNING_ANY;
    return l->t.end ? true : draft_refuse(l->d, value.bytes, "suppress tracks by_src, by_dst or by_either");
}

static bool read_type(struct line *l, struct view value)
{
    static const char *const types[] = {"limit", "threshold", "both", "backoff"};
    for (uint8_t i = 0; i < 4; i++)
        if (view_is(value, types[i]))
            l->t.threshold.type = (uint8_t)(THRESHOLD_LIMIT + i);
    return l->t.threshold.type ? true : draft_refuse(l->d, value.bytes, "type is limit, threshold, both or backoff");
}

static bool read_action(struct line *l, struct view value)
{
    static const char *const others[] = {"alert", "drop", "reject", "log", "sdrop"};
    l->t.silences = view_is(value, "pass");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (view_is(value, others[i])) {
            draft_warn(l->d, value.bytes, "new_action %s changes nothing here: nothing is blocked", others[i]);
            return true;
        }
    return l->t.silences ? true : draft_refuse(l->d, value.bytes, "new_action is alert, drop, reject, log or pass");
}

static bool read_part(struct line *l, struct view part)
{
    struct view value = part, key;
    (void)view_split(&value, ' ', &key);
    value = view_trim(value);
    const enum tuning_kind kind = (enum tuning_kind)l->t.kind;
    const bool excepts = kind == TUNING_EXCEPT || kind == TUNING_SET;
    const bool counts = kind == TUNING_THRESHOLD || kind == TUNING_RATE_FILTER;
    if (value.length == 0)
        return draft_refuse(l->d, part.bytes, "expected: key value, key value");
    if (view_is(key, "gen_id"))
        return read_count(l, value, 0, &l->t.gid);
    if (view_is(key, "sig_id")) {
        l->has_sid = true;
        return read_count(l, value, 0, &l->t.sid);
    }
    if (view_is(key, "tag") && kind == TUNING_EXCEPT)
        return copy(l, value, &l->t.tag);
    if (view_is(key, "track") && (counts || kind == TUNING_SUPPRESS))
        return read_track(l, value);
    if (view_is(key, "ip") && kind == TUNING_SUPPRESS)
        return read_ip(l, value);
    if (view_is(key, "type") && kind == TUNING_THRESHOLD)
        return read_type(l, value);
    if (view_is(key, "count") && counts)
        return read_count(l, value, 1, &l->t.threshold.count);
    if (view_is(key, "seconds") && counts)
        return read_count(l, value, 1, &l->t.threshold.seconds);
    if (view_is(key, "multiplier") && kind == TUNING_THRESHOLD)
        return read_count(l, value, 2, &l->t.threshold.multiplier);
    if (view_is(key, "timeout") && kind == TUNING_RATE_FILTER)
        return read_count(l, value, 1, &l->t.timeout);
    if (view_is(key, "new_action") && kind == TUNING_RATE_FILTER)
        return read_action(l, value);
    if (view_is(key, "until") && excepts)
        return read_until(l, value);
    if (view_is(key, "reason"))
        return copy(l, value, &l->t.reason);
    if (view_is(key, "author"))
        return copy(l, value, &l->t.author);
    if (view_is(key, "where") && kind == TUNING_EXCEPT) {
        l->where = value;
        return true;
    }
    if (kind == TUNING_SET && !l->field.bytes) {
        l->field = key;
        l->values = value;
        return true;
    }
    return draft_refuse(l->d, key.bytes, "\"%.*s\" does not stand in such a line", (int)(key.length > 60 ? 60 : key.length), (const char *)key.bytes);
}

/* "#: until DATE, reason TEXT, author TEXT": of the next line. Other words are the writer's own. */
static bool read_note(struct line *l, struct view note)
{
    struct view part;
    l->rest = note;
    while (next_part(l, &part)) {
        struct view value = part, key;
        (void)view_split(&value, ' ', &key);
        value = view_trim(value);
        if (value.length && view_is(key, "until") && !read_until(l, value))
            return false;
        if (value.length && view_is(key, "reason") && !copy(l, value, &l->t.reason))
            return false;
        if (value.length && view_is(key, "author") && !copy(l, value, &l->t.author))
            return false;
    }
    return true;
}

/* ---- what only makes sense with a rule */

/* The condition is a rule of its own in a set beside, whose header is that of the rule it is about. */
static bool compile_condition(struct line *l)
{
    struct rule_set *set = l->d->set;
    const struct rule *about = l->has_sid ? rule_find(set, l->t.gid ? l->t.gid : 1, l->t.sid) : NULL;
    char head[128];
    struct text t = text_in(head, sizeof head);
    struct rule_problem problem;
    if (!set->conditions && !(set->conditions = rules_open()))
        return draft_refuse(l->d, l->where.bytes, "out of memory");
    for (size_t i = set->conditions->variables_used; i < set->variables_used; i++)
        if (!rules_set_variable(set->conditions, set->variables[i].name, set->variables[i].value))
            return draft_refuse(l->d, l->where.bytes, "out of memory");
    text_add(&t, "alert %s any any -> any any (sid:%zu; where:", about && !about->never ? about->proto : "tcp", set->conditions->rules_used + 1);
    char *text = malloc(t.length + l->where.length + 3);
    if (!text)
        return draft_refuse(l->d, l->where.bytes, "out of memory");
    memcpy(text, head, t.length);
    memcpy(text + t.length, l->where.bytes, l->where.length);
    memcpy(text + t.length + l->where.length, ";)", 3);
    const size_t failed = rules_failed(set->conditions);
    rules_add_text(set->conditions, "", view_of(text, t.length + l->where.length + 2));
    free(text);
    if (rules_problem(set->conditions, failed, &problem)) {
        const size_t at = problem.column > t.length ? problem.column - 1 - t.length : 0;
        return draft_refuse(l->d, l->where.bytes + (at < l->where.length ? at : 0), "%s", problem.text);
    }
    l->t.condition = (uint32_t)set->conditions->rules_used;
    return true;
}

/* set: the values of a field's condition are replaced; the rule's other parts stay. */
static bool change_values(struct line *l)
{
    struct draft *d = l->d;
    char name[64];
    struct rule *r = (struct rule *)(uintptr_t)rule_find(d->set, l->t.gid ? l->t.gid : 1, l->t.sid);
    if (!r)
        return draft_refuse(d, l->rest.bytes ? l->rest.bytes : l->field.bytes, "there is no rule with sid %u before this line", l->t.sid);
    if (l->field.length >= sizeof name)
        return draft_refuse(d, l->field.bytes, "unknown field");
    memcpy(name, l->field.bytes, l->field.length);
    name[l->field.length] = 0;
    enum field field = strcmp(name, "dsize") == 0 ? FIELD_DB_LENGTH : field_by_name(name);
    struct view values = l->values;
    if (values.length >= 2 && values.bytes[0] == '"' && values.bytes[values.length - 1] == '"')
        values = view_of(values.bytes + 1, values.length - 2);
    for (unsigned i = 0; field != FIELD_NONE && i < r->tests.count; i++) {
        struct test *t = (struct test *)(uintptr_t)&r->all_tests[i];
        struct span span;
        if (t->kind != TEST_NUMBER || t->field != (uint16_t)field)
            continue;
        d->items_used = 0;
        d->rule.protocols = r->protocols;
        if (!draft_items(d, values, field, &span))
            return false;
        if (r->items_used + span.count > UINT16_MAX)
            return draft_refuse(d, values.bytes, "too many values");
        struct item *items = malloc((r->items_used + span.count) * sizeof *items);
        if (!items)
            return draft_refuse(d, values.bytes, "out of memory");
        memcpy(items, r->items, r->items_used * sizeof *items);
        memcpy(items + r->items_used, d->items + span.first, span.count * sizeof *items);
        t->parts = (struct span){(uint16_t)r->items_used, span.count};
        r->items_used = (uint16_t)(r->items_used + span.count);
        free(r->tuned);
        r->items = r->tuned = items;
        return true;
    }
    return draft_refuse(d, l->field.bytes, "rule %u has no condition on %s", l->t.sid, name);
}

/* anomaly NAME = POLICY */
static bool read_policy(struct line *l, struct view text)
{
    static const struct {
        const char *name;
        bool log, ignore;
        uint8_t type, track;
        uint32_t seconds;
    } policies[] = {
        {"ignore", false, true, THRESHOLD_NONE, 0, 0},
        {"log", true, false, THRESHOLD_NONE, 0, 0},
        {"log_once", true, false, THRESHOLD_LIMIT, TRACK_RULE, UINT32_MAX},
        {"log_per_connection", true, false, THRESHOLD_LIMIT, TRACK_FLOW, UINT32_MAX},
        {"log_per_client", true, false, THRESHOLD_LIMIT, TRACK_CLIENT, 3600},
        {"per_connection", false, false, THRESHOLD_LIMIT, TRACK_FLOW, UINT32_MAX},
        {"per_client", false, false, THRESHOLD_LIMIT, TRACK_CLIENT, 3600},
        {"alert", false, false, THRESHOLD_NONE, 0, 0},
    };
    struct view policy = text, name;
    if (!view_split(&policy, '=', &name) || !policy.bytes)
        return draft_refuse(l->d, text.bytes, "expected: anomaly NAME = POLICY");
    policy = view_trim(policy);
    unsigned found = 1;
    while (found < ANOMALIES && !view_equal(name, view_text(anomaly_row((enum anomaly)found)->name)))
        found++;
    if (found == ANOMALIES)
        return draft_refuse(l->d, name.bytes, "unknown anomaly \"%.*s\"", (int)(name.length > 60 ? 60 : name.length), (const char *)name.bytes);
    l->t.anomaly = (uint16_t)found;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (!view_is(policy, policies[i].name))
            continue;
        l->t.kind = policies[i].ignore ? TUNING_SUPPRESS : TUNING_ANOMALY;
        l->t.silences = policies[i].log;
        l->t.threshold = (struct threshold){.type = policies[i].type, .track = policies[i].track, .count = 1, .seconds = policies[i].seconds};
        return true;
    }
    return draft_refuse(l->d, policy.bytes, "a policy is ignore, log, log_once, log_per_client, per_connection, per_client or alert");
}

static bool check(struct line *l, const void *at)
{
    struct tuning *t = &l->t;
    if (t->has_until && t->kind != TUNING_EXCEPT && t->kind != TUNING_SET && t->kind != TUNING_SUPPRESS)
        return draft_refuse(l->d, at, "only suppress and except can end: until does not stand here");
    if (!l->has_sid && !t->tag)
        return draft_refuse(l->d, at, "sig_id is missing");
    t->everything = l->has_sid && t->sid == 0;
    if (t->kind == TUNING_SUPPRESS && (t->end != TUNING_ANY) != (t->ranges_used > 0))
        return draft_refuse(l->d, at, "suppress needs track and ip, or neither");
    if (t->kind == TUNING_THRESHOLD && (!t->threshold.type || !t->threshold.count ||
                                        (t->threshold.type == THRESHOLD_BACKOFF ? !t->threshold.multiplier : !t->threshold.seconds)))
        return draft_refuse(l->d, at, "threshold needs type, track, count and seconds");
    if (t->kind == TUNING_RATE_FILTER && (!t->threshold.count || !t->threshold.seconds || !t->timeout))
        return draft_refuse(l->d, at, "rate_filter needs track, count, seconds, new_action and timeout");
    if (t->kind == TUNING_EXCEPT && (!t->reason || !t->has_until))
        draft_warn(l->d, at, "an exception needs a reason and until, so that it does not hide things for ever");
    if (t->kind == TUNING_EXCEPT && l->where.bytes)
        return compile_condition(l);
    return t->kind != TUNING_SET || change_values(l);
}

static bool read_line(struct line *l, struct view text)
{
    static const struct {
        const char *name;
        enum tuning_kind kind;
    } kinds[] = {
        {"suppress", TUNING_SUPPRESS}, {"threshold", TUNING_THRESHOLD}, {"event_filter", TUNING_THRESHOLD}, {"rate_filter", TUNING_RATE_FILTER},
        {"except", TUNING_EXCEPT},     {"set", TUNING_SET},             {"anomaly", TUNING_ANOMALY},
    };
    struct view rest = text, word, part;
    struct nearest near;
    char hint[96];
    size_t i = 0;
    (void)view_split(&rest, ' ', &word);
    near = (struct nearest){.wanted = word};
    while (i < sizeof kinds / sizeof kinds[0] && !view_is(word, kinds[i].name))
        nearest_offer(&near, kinds[i++].name);
    if (i == sizeof kinds / sizeof kinds[0])
        return draft_refuse(l->d, word.bytes, "\"%.*s\" begins no line of this file%s", (int)(word.length > 60 ? 60 : word.length),
                            (const char *)word.bytes, nearest_hint(&near, hint, sizeof hint));
    l->t.kind = (uint8_t)kinds[i].kind;
    if (l->t.kind == TUNING_ANOMALY)
        return read_policy(l, view_trim(rest));
    l->rest = rest;
    while (next_part(l, &part))
        if (!read_part(l, part))
            return false;
    return check(l, text.bytes);
}

static bool keep(struct rule_set *set, const struct tuning *t)
{
    struct tuning *grown = set->tunings_used < TUNINGS_MAX ? realloc(set->tunings, (set->tunings_used + 1) * sizeof *grown) : NULL;
    if (!grown)
        return false;
    set->tunings = grown;
    set->tunings[set->tunings_used++] = *t;
    return true;
}

static void take_line(struct draft *d, struct view text, struct view note)
{
    struct line l = {.d = d, .t = {.until_ns = INT64_MAX}};
    unsigned line, column;
    d->refused = false;
    d->ranges_used = d->items_used = 0;
    source_place(d->source, (size_t)(text.bytes - d->source->text.bytes), &line, &column);
    bool good = (!note.length || read_note(&l, note)) && read_line(&l, text);
    l.t.line = line;
    l.t.file = good ? rule_copy_text(d->set, d->source->file, strlen(d->source->file)) : NULL;
    l.t.text = good ? rule_copy_text(d->set, (const char *)text.bytes, text.length) : NULL;
    if (good && l.t.file && l.t.text && keep(d->set, &l.t))
        return;
    if (good)
        (void)draft_refuse(d, text.bytes, "out of memory, or more than %d lines", TUNINGS_MAX);
    draft_note(d);
    free(l.t.ranges);
    free(l.t.reason);
    free(l.t.author);
    free(l.t.tag);
    free(l.t.file);
    free(l.t.text);
}

void rules_add_tuning_text(struct rule_set *set, const char *file, struct view text)
{
    struct source source = {.file = file, .text = text, .anchor_line = 1};
    struct draft *d = calloc(1, sizeof *d);
    if (!d) {
        set->out_of_memory = true;
        return;
    }
    struct view note = {0};
    d->set = set;
    d->source = &source;
    for (size_t at = 0; at < text.length;) {
        const uint8_t *end = memchr(text.bytes + at, '\n', text.length - at);
        const size_t next = end ? (size_t)(end - text.bytes) + 1 : text.length;
        struct view line = view_trim(view_of(text.bytes + at, next - at));
        if (line.length && line.bytes[0] != '#')
            take_line(d, line, note);
        note = line.length > 2 && line.bytes[0] == '#' && line.bytes[1] == ':' ? view_trim(view_from(line, 2)) : (struct view){0};
        at = next;
    }
    free(d);
}
