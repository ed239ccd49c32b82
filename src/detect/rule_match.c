/* The matcher: which rules are true of one message. See detect/detect.h; what may be true is found in rule_index.c. */
#include <assert.h>
#include <string.h>

#include "detect/detect.h"
#include "detect/evidence.h"

struct detector {
    const struct rule_set *rules;
    struct rule_stats *stats; /* by rule */
    uint64_t passed;
    uint32_t serial;          /* of the round, so that nothing has to be cleared */
    uint32_t seen[FIELDS];    /* the round in which rules of this field were asked */
    bool lowered;             /* `lower` holds this message */
    struct alert alert;
    uint8_t lower[MESSAGE_BYTES_MAX], lower_session[SESSION_TEXT_MAX];
    struct search search;
};

/* One message, as the tests see it. */
struct asked {
    struct detector *d;
    const struct message *message;
    const struct findings *findings;
    enum protocol protocol;
    struct view head;
};

struct detector *detector_open(const struct rule_set *rules, struct arena *from)
{
    assert(rules->alerts && rules->passes && rules->readers);
    struct detector *d = arena_take(from, sizeof *d);
    struct rule_stats *stats = arena_take(from, (rules->rules_used + 1) * sizeof *stats);
    if (!d || !stats || !search_open(&d->search, from, rules->regexes.used > 0))
        return NULL;
    d->rules = rules;
    d->stats = stats;
    return d;
}

uint64_t detector_passed(const struct detector *d)
{
    return d->passed;
}

uint64_t detector_limits_met(const struct detector *d)
{
    return d->search.limits_met;
}

void detector_rule_stats(const struct detector *d, uint32_t rule, struct rule_stats *out)
{
    *out = rule < d->rules->rules_used ? d->stats[rule] : (struct rule_stats){0};
}

/* ---- header */

static bool endpoint_matches(const struct rule *r, enum rule_end end, const struct endpoint *e)
{
    const struct span *ports = &r->ports[end], *addresses = &r->addresses[end];
    if (ports->count && !wide_in(r->ranges + ports->first, ports->count, (struct wide){0, e->port}))
        return false;
    return !addresses->count || wide_in(r->ranges + addresses->first, addresses->count, wide_of_address(e->address));
}

static bool header_matches(const struct rule *r, const struct message *message)
{
    const struct flow *flow = message->flow;
    if (!r->addresses[0].count && !r->addresses[1].count && !r->ports[0].count && !r->ports[1].count)
        return true;
    if (!flow)
        return false;
    const struct endpoint *source = message->from == FROM_CLIENT ? &flow->client : &flow->server;
    const struct endpoint *target = message->from == FROM_CLIENT ? &flow->server : &flow->client;
    if (endpoint_matches(r, RULE_SOURCE, source) && endpoint_matches(r, RULE_TARGET, target))
        return true;
    return r->both_ways && endpoint_matches(r, RULE_SOURCE, target) && endpoint_matches(r, RULE_TARGET, source);
}

/* ---- tests */

static bool names_contain(const struct rule *r, const struct test *t, uint16_t anomaly)
{
    for (unsigned i = 0; i < t->parts.count; i++)
        if (r->names[t->parts.first + i] == anomaly)
            return true;
    return false;
}

static const struct report *anomaly_match(const struct asked *a, const struct rule *r, const struct test *t)
{
    for (unsigned i = 0; i < a->findings->reports_used; i++)
        if (names_contain(r, t, a->findings->reports[i].anomaly))
            return &a->findings->reports[i];
    return NULL;
}

/* What the connection or the message as a whole says about a field; false: ask the fields that were read. */
static bool derived_number(const struct asked *a, enum field field, uint64_t *value)
{
    const struct session *session = a->findings->session;
    switch (field) {
    case FIELD_DB_MESSAGE:
        *value = a->findings->message;
        return true;
    case FIELD_DB_LENGTH:
        *value = a->findings->message_length;
        return true;
    case FIELD_DB_PHASE:
        *value = session ? session->phase : 0;
        return session != NULL;
    case FIELD_DB_TLS:
        *value = session && session->tls;
        return session != NULL;
    case FIELD_DB_COMPRESSION:
        *value = session ? session->compression : 0;
        return session != NULL;
    default:
        return false;
    }
}

static bool number_match(const struct asked *a, const struct rule *r, const struct test *t, struct evidence *why)
{
    const struct item *items = r->items + t->parts.first;
    const enum field field = (enum field)t->field;
    *why = (struct evidence){.test = t, .field = field};
    if (derived_number(a, field, &why->value))
        return items_contain(items, t->parts.count, why->value, a->protocol);
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        if (f->field == t->field && items_contain(items, t->parts.count, f->value, a->protocol)) {
            why->value = f->value;
            why->offset = f->offset;
            why->length = f->length;
            return true;
        }
    }
    return false;
}

static void lower_copy(uint8_t *to, struct view from)
{
    for (size_t i = 0; i < from.length; i++) {
        uint8_t c = from.bytes[i];
        to[i] = (uint8_t)(c + (c >= 'A' && c <= 'Z' ? 0x20 : 0));
    }
}

/* The login's text, kept in the session; empty: ask the fields that were read. */
static struct view session_text(const struct asked *a, enum field field)
{
    const struct session *s = a->findings->session;
    if (s && field == FIELD_DB_USER)
        return view_head(view_of(s->user, sizeof s->user), s->user_length);
    if (s && field == FIELD_DB_NAME)
        return view_head(view_of(s->database, sizeof s->database), s->database_length);
    return view_of("", 0);
}

static bool buffer_test(const struct asked *a, const struct rule *r, const struct test *t, struct buffer b, uint32_t offset,
                        struct evidence *why)
{
    struct place place;
    if (!content_match(&a->d->search, r, t, &b, &place))
        return false;
    why->size = b.size;
    why->size_only = r->steps[t->parts.first].kind == STEP_SIZE || r->steps[t->parts.first].kind == STEP_DATA_AT;
    why->offset = offset + place.offset;
    why->length = place.whole ? (uint32_t)(b.size < UINT32_MAX ? b.size : UINT32_MAX) : place.length;
    why->bytes = view_head(view_from(b.seen, place.offset), why->length);
    return true;
}

static bool message_part(const struct asked *a, const struct rule *r, const struct test *t, uint32_t offset, uint64_t size,
                         struct evidence *why)
{
    struct detector *d = a->d;
    struct buffer b = {.seen = view_head(view_from(a->head, offset), size < SIZE_MAX ? (size_t)size : SIZE_MAX), .size = size};
    if (t->nocase && !d->lowered) {
        lower_copy(d->lower, a->head);
        d->lowered = true;
    }
    if (t->nocase && b.seen.length)
        b.lower = d->lower + offset;
    return buffer_test(a, r, t, b, offset, why);
}

static bool buffer_match(const struct asked *a, const struct rule *r, const struct test *t, struct evidence *why)
{
    const enum field field = (enum field)t->field;
    *why = (struct evidence){.test = t, .field = field};
    if (field == FIELD_NONE)
        return message_part(a, r, t, 0, a->findings->message_length, why);
    struct view login = session_text(a, field);
    if (t->absent) {
        bool here = login.length > 0;
        for (unsigned i = 0; i < a->findings->fields_used && !here; i++)
            here = a->findings->fields[i].field == t->field;
        if (!here || t->absent == ABSENT_MUST)
            return !here;
    }
    if (login.length) {
        lower_copy(a->d->lower_session, login);
        why->of_session = true;
        bool matched = buffer_test(a, r, t, (struct buffer){login, a->d->lower_session, login.length}, 0, why);
        why->offset = why->length = 0;
        return matched;
    }
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        if (f->field == t->field && message_part(a, r, t, f->offset, f->length, why))
            return true;
    }
    return false;
}

static bool stream_match(const struct asked *a, const struct rule *r, const struct test *t)
{
    const struct flow *flow = a->message->flow;
    if (!flow)
        return false;
    const struct item *items = r->items + t->parts.first;
    const bool client = items_contain(items, t->parts.count, flow->bytes[FROM_CLIENT], PROTOCOL_NONE);
    const bool server = items_contain(items, t->parts.count, flow->bytes[FROM_SERVER], PROTOCOL_NONE);
    switch ((enum stream_sides)t->wanted) {
    case STREAM_CLIENT:
        return client;
    case STREAM_SERVER:
        return server;
    case STREAM_BOTH:
        return client && server;
    case STREAM_EITHER:
        return client || server;
    }
    return false;
}

static bool bits_match(const struct asked *a, const struct test *t)
{
    const struct session *session = a->findings->session;
    if (!session)
        return false;
    const uint64_t found = session->flowbits & t->bits;
    return t->wanted == BITS_ALL ? found == t->bits : t->wanted == BITS_ANY ? found != 0 : found == 0;
}

/* *report: the first that an anomaly test found; *why: what the test saw. */
static bool test_matches(const struct asked *a, const struct rule *r, const struct test *t, const struct report **report,
                         struct evidence *why)
{
    const struct report *found;
    switch ((enum test_kind)t->kind) {
    case TEST_ANOMALY:
        found = anomaly_match(a, r, t);
        *report = *report ? *report : found;
        return found != NULL;
    case TEST_NUMBER:
        return number_match(a, r, t, why);
    case TEST_STREAM:
        return stream_match(a, r, t);
    case TEST_BITS:
        return bits_match(a, t);
    case TEST_BUFFER:
        return buffer_match(a, r, t, why);
    }
    return false;
}

/* What costs least is asked first: reports and numbers, addresses, bytes. */
static bool rule_matches(const struct asked *a, uint32_t number, struct evidence *why)
{
    const struct rule *r = &a->d->rules->rules[number];
    struct evidence now, chosen = {0};
    a->d->stats[number].evaluated++;
    if (!(r->protocols & UINT32_C(1) << a->protocol) || !(r->sides & 1u << a->message->from))
        return false;
    const struct report *report = NULL;
    memset(a->d->search.values, 0, sizeof a->d->search.values);
    for (unsigned round = 0; round < 2; round++) {
        if (round == 1 && !header_matches(r, a->message))
            return false;
        for (unsigned i = 0; i < r->tests.count; i++) {
            const struct test *t = &r->all_tests[i];
            if ((t->kind == TEST_BUFFER) != (round == 1))
                continue;
            if (!test_matches(a, r, t, &report, &now))
                return false;
            if (i == r->evidence && (t->kind == TEST_NUMBER || t->kind == TEST_BUFFER))
                chosen = now;
        }
    }
    *why = chosen;
    why->report = report;
    a->d->stats[number].matched++;
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
    struct asked asked;
    const struct rule_index *index;
    enum outcome outcome;
    alert_sink raise;
    void *context;
    unsigned matched;
};

static void ask_rule(struct round *round, uint32_t rule)
{
    struct detector *d = round->asked.d;
    struct evidence why;
    if (!rule_matches(&round->asked, rule, &why))
        return;
    const struct rule *r = &d->rules->rules[rule];
    change_bits(r, round->asked.findings->session);
    if (r->quiet)
        return;
    round->matched++;
    if (round->outcome == OUTCOME_SUPPRESS) {
        d->stats[rule].suppressed++;
        d->passed++;
    } else if (round->outcome == OUTCOME_RAISE) {
        alert_fill(&d->alert, d->rules, rule, round->asked.message, &why);
        round->raise(round->context, &d->alert, round->asked.message);
    }
}

static void ask_list(struct round *round, const struct index_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        ask_rule(round, round->index->list[list->first + i]);
}

/* One alert for a rule and a message: a rule that lists several anomalies is asked at the first of them. */
static bool asked_before(const struct round *round, uint32_t rule, unsigned report)
{
    const struct rule *r = &round->asked.d->rules->rules[rule];
    const struct test *t = r->all_tests;
    while (t->kind != TEST_ANOMALY)
        t++;
    for (unsigned i = 0; i < report; i++)
        if (names_contain(r, t, round->asked.findings->reports[i].anomaly))
            return true;
    return false;
}

static void ask_anomalies(struct round *round)
{
    const struct findings *f = round->asked.findings;
    for (unsigned i = 0; i < f->reports_used; i++) {
        if (f->reports[i].anomaly >= ANOMALIES)
            continue;
        const struct index_list *list = &round->index->by_anomaly[f->reports[i].anomaly];
        for (uint32_t j = 0; j < list->count; j++) {
            uint32_t rule = round->index->list[list->first + j];
            if (!asked_before(round, rule, i))
                ask_rule(round, rule);
        }
    }
}

static void ask_lane(struct round *round, const struct index_lane *lane)
{
    struct detector *d = round->asked.d;
    const struct findings *f = round->asked.findings;
    ask_list(round, &lane->slots[FIELD_NONE]);
    if (lane->messages && f->message < INDEX_MESSAGES)
        ask_list(round, &lane->slots[FIELDS + f->message]);
    d->serial++;
    for (unsigned i = 0; lane->fields && i < f->fields_used; i++) {
        const uint16_t field = f->fields[i].field;
        if (field >= FIELDS || !lane->slots[field].count || d->seen[field] == d->serial)
            continue;
        d->seen[field] = d->serial;
        ask_list(round, &lane->slots[field]);
    }
}

static unsigned ask_index(struct round *round, const struct rule_index *index, unsigned lane)
{
    round->index = index;
    round->matched = 0;
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
__attribute__((noinline)) static unsigned ask_all(struct detector *d, const struct message *message, enum protocol protocol,
                                                  unsigned lane, alert_sink raise, void *context)
{
    const struct rule_index *passes = d->rules->passes;
    struct round round = {.asked = {d, message, message->findings, protocol, view_head(message->head, MESSAGE_BYTES_MAX)},
                          .outcome = OUTCOME_COUNT,
                          .raise = raise,
                          .context = context};
    d->lowered = false;
    const bool passed = passes->rules && ask_index(&round, passes, lane);
    round.outcome = passed ? OUTCOME_SUPPRESS : OUTCOME_RAISE;
    unsigned matched = ask_index(&round, d->rules->alerts, lane);
    if (d->rules->readers->rules)
        matched += ask_index(&round, d->rules->readers, lane);
    return passed ? 0 : matched;
}

unsigned detector_message(struct detector *d, const struct message *message, alert_sink raise, void *context)
{
    const enum protocol protocol = message->decoder ? message->decoder->protocol : PROTOCOL_NONE;
    const unsigned lane = (unsigned)protocol * 2 + (unsigned)message->from;
    if (message->findings->reports_used == 0 && !d->rules->alerts->lanes[lane].rules && !d->rules->readers->lanes[lane].rules)
        return 0;
    return ask_all(d, message, protocol, lane, raise, context);
}
