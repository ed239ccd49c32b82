/* The matcher: which rules are true of one message. See detect/detect.h; what may be true is found in rule_index.c. */
#include <assert.h>
#include <string.h>
#include <time.h>

#include "detect/detect.h"
#include "detect/ask.h"
#include "detect/evidence.h"
#include "detect/tuning.h"

enum { COST_SAMPLED = 256 };

struct detector {
    const struct rule_set *rules;
    struct rule_stats *stats; /* by rule */
    uint64_t passed;
    uint32_t serial;          /* of the round, so that nothing has to be cleared */
    uint32_t *asked;          /* by rule: the last round in which it was asked */
    struct alert alert;
    struct asker asker;
};

struct detector *detector_open(const struct rule_set *rules, struct arena *from)
{
    assert(rules->alerts && rules->passes && rules->readers);
    struct detector *d = arena_take(from, sizeof *d);
    struct rule_stats *stats = arena_take(from, (rules->rules_used + 1) * sizeof *stats);
    uint32_t *asked = arena_take(from, (rules->rules_used + 1) * sizeof *asked);
    if (!d || !stats || !asked || !search_open(&d->asker.search, from, rules->regexes.used > 0))
        return NULL;
    d->rules = rules;
    d->stats = stats;
    d->asked = asked;
    return d;
}

void detector_set_geo(struct detector *d, const struct geo *geo)
{
    d->asker.geo = geo;
}

uint64_t detector_passed(const struct detector *d)
{
    return d->passed;
}

uint64_t detector_limits_met(const struct detector *d)
{
    return d->asker.search.limits_met;
}

void detector_rule_stats(const struct detector *d, uint32_t rule, struct rule_stats *out)
{
    *out = rule < d->rules->rules_used ? d->stats[rule] : (struct rule_stats){0};
    const uint64_t timed = (out->evaluated + COST_SAMPLED - 1) / COST_SAMPLED;
    out->cost_ns = timed ? (uint64_t)((double)out->cost_ns / (double)timed * (double)out->evaluated) : 0;
}

/* What costs least is asked first: reports and numbers, addresses, bytes. */
static bool rule_matches(struct detector *d, const struct asked *a, uint32_t number, struct evidence *why)
{
    const struct rule *r = &d->rules->rules[number];
    struct evidence now, chosen = {0};
    d->stats[number].evaluated++;
    const bool reported = a->message->event != EVENT_MESSAGE && r->event == EVENT_MESSAGE && a->findings->reports_used;
    if ((r->event != a->message->event && !reported) || !(r->protocols & UINT32_C(1) << a->protocol) || !(r->sides & 1u << a->message->from) ||
        (a->message->datagram ? r->only_tcp : r->only_udp))
        return false;
    const struct report *report = NULL;
    memset(a->asker->search.values, 0, sizeof a->asker->search.values);
    for (unsigned round = 0; round < 2; round++) {
        if (round == 1 && !ask_header(a, r))
            return false;
        for (unsigned i = 0; i < r->tests.count; i++) {
            const struct test *t = &r->all_tests[i];
            if ((t->kind >= TEST_WHERE) != (round == 1))
                continue;
            now.test = NULL;
            if (!ask_test(a, r, t, &report, &now))
                return false;
            if (i == r->evidence && now.test)
                chosen = now;
        }
    }
    *why = chosen;
    why->report = report;
    d->stats[number].matched++;
    return true;
}

static void change_bits(const struct rule *r, struct session *session)
{
    if (session)
        session->flowbits = ((session->flowbits | r->bits.set) & ~r->bits.unset) ^ r->bits.toggle;
}

/* ---- the rounds over an index */

/* What happens with a match: a pass rule only counts; an alert is raised, or counted as suppressed. */
enum outcome { OUTCOME_COUNT, OUTCOME_RAISE, OUTCOME_SUPPRESS };

struct round {
    struct detector *detector;
    struct asked asked;
    const struct rule_index *index;
    enum outcome outcome;
    alert_sink raise;
    void *context;
    unsigned matched;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ask_rule(struct round *round, uint32_t rule)
{
    struct detector *d = round->detector;
    struct evidence why;
    const bool timed = d->stats[rule].evaluated % COST_SAMPLED == 0;
    const uint64_t began_ns = timed ? now_ns() : 0;
    const bool matches = rule_matches(d, &round->asked, rule, &why);
    if (timed)
        d->stats[rule].cost_ns += now_ns() - began_ns;
    if (!matches)
        return;
    const struct rule *r = &d->rules->rules[rule];
    change_bits(r, round->asked.findings->session);
    if (r->quiet && !r->xbits_used)
        return;
    round->matched++;
    if (round->outcome == OUTCOME_SUPPRESS) {
        d->stats[rule].suppressed++;
        d->passed++;
    } else if (round->outcome == OUTCOME_RAISE) {
        alert_fill(&d->alert, d->rules, rule, round->asked.message, &why);
        const struct geo_place place = ask_place(&round->asked);
        memcpy(d->alert.country, place.country, sizeof place.country);
        d->alert.asn = place.asn;
        if (r->tunings.count)
            d->alert.exception = tuning_excepts(d->rules, r, &round->asked, d->alert.time_ns);
        round->raise(round->context, &d->alert, round->asked.message);
    }
}

/* However many of its literals, numbers and names are in the message. */
static void ask_once(void *context, uint32_t rule)
{
    struct round *round = context;
    uint32_t *asked = &round->detector->asked[rule];
    if (*asked == round->detector->serial)
        return;
    *asked = round->detector->serial;
    ask_rule(round, rule);
}

static void ask_list(struct round *round, const struct index_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        ask_once(round, round->index->list[list->first + i]);
}

static void ask_anomalies(struct round *round)
{
    const struct findings *f = round->asked.findings;
    for (unsigned i = 0; i < f->reports_used; i++)
        if (f->reports[i].anomaly < ANOMALIES)
            ask_list(round, &round->index->by_anomaly[f->reports[i].anomaly]);
}

static void ask_texts(struct round *round, const struct index_texts *texts, size_t offset, size_t length)
{
    const struct asked *a = &round->asked;
    const uint16_t kind = a->findings->message;
    if (!texts->every_kind && (kind >= INDEX_MESSAGES || !(texts->kinds[kind / 64] >> kind % 64 & 1)))
        return;
    const struct view in = view_head(view_from(a->head, offset), length);
    if (in.length)
        literals_find(&texts->literals, view_of(ask_lower(a) + (in.bytes - a->head.bytes), in.length), ask_once, round);
}

static void ask_fields(struct round *round, const struct index_lane *lane)
{
    const struct findings *f = round->asked.findings;
    for (unsigned i = 0; i < f->fields_used; i++) {
        const struct field_value *value = &f->fields[i];
        if (value->field >= FIELDS)
            continue;
        ask_list(round, &lane->slots[value->field]);
        if (lane->numbers[value->field])
            intervals_find(lane->numbers[value->field], value->value, ask_once, round);
        if (lane->texts[value->field])
            ask_texts(round, lane->texts[value->field], value->offset, value->length);
    }
}

static void ask_lane(struct round *round, const struct index_lane *lane)
{
    const struct findings *f = round->asked.findings;
    uint64_t value;
    bool derived;
    ask_list(round, &lane->slots[FIELD_NONE]);
    if (lane->messages && f->message < INDEX_MESSAGES)
        ask_list(round, &lane->slots[FIELDS + f->message]);
    for (uint32_t facts = lane->facts ? f->facts_seen : 0; facts; facts &= facts - 1)
        ask_list(round, &lane->slots[INDEX_FACT_AT + (unsigned)__builtin_ctz(facts)]);
    for (unsigned i = 0; i < lane->derived_used; i++)
        if (ask_derived(&round->asked, (enum field)lane->derived[i], &value, &derived))
            intervals_find(lane->numbers[lane->derived[i]], value, ask_once, round);
    if (lane->fields || lane->texts_of_fields)
        ask_fields(round, lane);
    if (lane->texts[FIELD_NONE])
        ask_texts(round, lane->texts[FIELD_NONE], 0, SIZE_MAX);
}

static unsigned ask_index(struct round *round, const struct rule_index *index, unsigned lane)
{
    struct detector *d = round->detector;
    round->index = index;
    round->matched = 0;
    if (++d->serial == 0) {
        memset(d->asked, 0, (d->rules->rules_used + 1) * sizeof *d->asked);
        d->serial = 1;
    }
    if (round->asked.findings->reports_used)
        ask_anomalies(round);
    if (index->lanes[lane].rules)
        ask_lane(round, &index->lanes[lane]);
    return round->matched;
}

bool detector_wants(const struct detector *d, enum protocol protocol, enum side from)
{
    const unsigned lane = (unsigned)protocol * 2 + (unsigned)from;
    return d->rules->alerts->lanes[lane].rules + d->rules->readers->lanes[lane].rules > 0;
}

/* Not inline: the message that nobody asks about must not pay for the frame of this. */
__attribute__((noinline)) static unsigned ask_all(struct detector *d, const struct message *message, unsigned lane,
                                                  alert_sink raise, void *context)
{
    const struct rule_index *passes = d->rules->passes;
    struct round round = {.detector = d,
                          .asked = ask_begin(&d->asker, message),
                          .outcome = OUTCOME_COUNT,
                          .raise = raise,
                          .context = context};
    const bool passed = passes->rules && ask_index(&round, passes, lane);
    round.outcome = passed ? OUTCOME_SUPPRESS : OUTCOME_RAISE;
    unsigned matched = ask_index(&round, d->rules->alerts, lane);
    if (d->rules->readers->rules)
        matched += ask_index(&round, d->rules->readers, lane);
    return passed ? 0 : matched;
}

bool detector_asks(const struct detector *d, enum event event)
{
    return d->rules->events[event].count > 0;
}

unsigned detector_event(struct detector *d, const struct message *event, alert_sink raise, void *context)
{
    const struct index_list *list = &d->rules->events[event->event];
    struct round round = {.detector = d, .asked = ask_begin(&d->asker, event), .raise = raise, .context = context};
    bool passed = false;
    for (uint32_t i = 0; i < list->count; i++) {
        const uint32_t rule = d->rules->event_list[list->first + i];
        const unsigned before = round.matched;
        const bool passes = d->rules->rules[rule].action == ACTION_PASS;
        round.outcome = passes ? OUTCOME_COUNT : passed ? OUTCOME_SUPPRESS : OUTCOME_RAISE;
        ask_rule(&round, rule);
        passed |= passes && round.matched > before;
    }
    /* What was reported of it is told by the rules about anomalies. */
    round.outcome = passed ? OUTCOME_SUPPRESS : OUTCOME_RAISE;
    for (unsigned i = 0; i < event->findings->reports_used; i++) {
        const struct index_list *about = &d->rules->alerts->by_anomaly[event->findings->reports[i].anomaly % ANOMALIES];
        for (uint32_t k = 0; k < about->count; k++)
            ask_rule(&round, d->rules->alerts->list[about->first + k]);
    }
    return passed ? 0 : round.matched;
}

unsigned detector_message(struct detector *d, const struct message *message, alert_sink raise, void *context)
{
    const enum protocol protocol = message->decoder ? message->decoder->protocol : PROTOCOL_NONE;
    const unsigned lane = (unsigned)protocol * 2 + (unsigned)message->from;
    if (message->findings->reports_used == 0 && !d->rules->alerts->lanes[lane].rules && !d->rules->readers->lanes[lane].rules)
        return 0;
    return ask_all(d, message, lane, raise, context);
}
