/*
 * The limiter: see detect/detect.h. A rule's threshold first, then folding. Time is the packets'; a packet from before
 * the window counts into it, since captures go backwards now and then. Every alert gets exactly one answer.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/detect.h"
#include "detect/limit_rate.h"
#include "detect/limit_xbits.h"
#include "detect/tuning.h"
#include "detect/rule.h"

enum { KINDS_MAX = 65536 };

struct limiter {
    const struct rule_set *rules;
    struct limit_table thresholds, connections, kinds;
    struct rate_table rates;
    struct limit_table xbits;    /* opened when the rules have some */
    struct limit_table filters;  /* rate_filter: opened when the rules have one */
    uint64_t *hidden;            /* by line of threshold.config */
};

static bool open_filters(struct limiter *l, const struct rule_set *rules)
{
    for (size_t i = 0; i < rules->tunings_used && !l->filters.size; i++)
        if (rules->tunings[i].kind == TUNING_RATE_FILTER)
            return limit_table_open(&l->filters, KINDS_MAX);
    return true;
}

struct limiter *limiter_open(const struct rule_set *rules)
{
    struct limiter *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->rules = rules;
    if (!limit_table_open(&l->thresholds, KINDS_MAX) || !limit_table_open(&l->connections, KINDS_MAX) ||
        !limit_table_open(&l->kinds, KINDS_MAX) || !rate_table_open(&l->rates, rules) ||
        !xbits_open(&l->xbits, rules) ||
        !(l->hidden = calloc(rules->tunings_used + 1, sizeof *l->hidden)) || !open_filters(l, rules)) {
        limiter_close(l);
        return NULL;
    }
    return l;
}

static uint64_t hidden_by(const struct limiter *l, const char *text)
{
    for (size_t i = 0; i < l->rules->tunings_used; i++)
        if (strcmp(l->rules->tunings[i].text, text) == 0)
            return l->hidden[i];
    return 0;
}

bool limiter_change(struct limiter *l, const struct rule_set *rules)
{
    uint64_t *hidden = calloc(rules->tunings_used + 1, sizeof *hidden);
    if (!hidden || !open_filters(l, rules) || !rate_table_open(&l->rates, rules) || !xbits_open(&l->xbits, rules)) {
        free(hidden);
        return false;
    }
    for (size_t i = 0; i < rules->tunings_used; i++)
        hidden[i] = hidden_by(l, rules->tunings[i].text);
    free(l->hidden);
    l->hidden = hidden;
    l->rules = rules;
    return true;
}

void limiter_close(struct limiter *l)
{
    if (!l)
        return;
    limit_table_close(&l->thresholds);
    limit_table_close(&l->connections);
    limit_table_close(&l->kinds);
    rate_table_close(&l->rates);
    limit_table_close(&l->xbits);
    if (l->filters.size)
        limit_table_close(&l->filters);
    free(l->hidden);
    free(l);
}

static void key_address(struct limit_key *key, unsigned at, const struct endpoint *e)
{
    memcpy(&key->words[at], e->address, sizeof e->address);
}

/* What names a rule in keys, whatever set it is in; the lower 24 bits are free. */
static uint64_t rule_word(const struct limiter *l, const struct alert *alert)
{
    if (alert->rule >= l->rules->rules_used)
        return (uint64_t)alert->rule << 24 | UINT64_C(1) << 63;
    const struct rule *rule = &l->rules->rules[alert->rule];
    return (uint64_t)rule->sid << 24 ^ (uint64_t)rule->gid << 56;
}

static struct limit_key threshold_key(const struct limiter *l, const struct alert *alert, enum threshold_track track)
{
    struct limit_key key = {{rule_word(l, alert) | track}};
    const struct endpoint *source = alert->from == FROM_CLIENT ? &alert->client : &alert->server;
    const struct endpoint *target = alert->from == FROM_CLIENT ? &alert->server : &alert->client;
    switch (track) {
    case TRACK_SRC:
        key_address(&key, 1, source);
        break;
    case TRACK_DST:
        key_address(&key, 1, target);
        break;
    case TRACK_CLIENT:
        key_address(&key, 1, &alert->client);
        break;
    case TRACK_SERVER:
        key_address(&key, 1, &alert->server);
        key.words[3] = alert->server.port;
        break;
    case TRACK_BOTH:
        key_address(&key, 1, &alert->client);
        key_address(&key, 3, &alert->server);
        break;
    case TRACK_FLOW:
        key.words[1] = alert->flow_id;
        break;
    case TRACK_USER:
        memcpy(&key.words[1], alert->user, sizeof key.words - sizeof key.words[0]);
        break;
    case TRACK_RULE:
    case TRACKS:
        break;
    }
    return key;
}

/* Whether the rule's threshold lets this alert through. */
static bool threshold_lets(struct limiter *l, const struct threshold *t, const struct alert *alert)
{
    struct limit_key key = threshold_key(l, alert, (enum threshold_track)t->track);
    bool fresh;
    struct limit_entry *e = limit_table_get(&l->thresholds, &key, &fresh);
    const int64_t window_ns = (int64_t)t->seconds * 1000000000;
    /* Unsigned, so that no pair of times overflows. */
    const uint64_t passed_ns = (uint64_t)alert->time_ns - (uint64_t)e->since_ns;
    if (t->type == THRESHOLD_BACKOFF) {
        /* `stored` is the count of the next alert. */
        e->stored = fresh ? t->count : e->stored;
        if (++e->count < e->stored)
            return false;
        if (__builtin_mul_overflow(e->stored, (uint64_t)t->multiplier, &e->stored))
            e->stored = UINT64_MAX;
        return true;
    }
    if (fresh || (alert->time_ns > e->since_ns && passed_ns >= (uint64_t)window_ns)) {
        e->since_ns = alert->time_ns;
        e->count = 0;
    }
    e->count++;
    switch ((enum threshold_type)t->type) {
    case THRESHOLD_NONE:
    case THRESHOLD_BACKOFF:
        break;
    case THRESHOLD_LIMIT:
        return e->count <= t->count;
    case THRESHOLD_EVERY:
        if (e->count < t->count)
            return false;
        e->count = 0;
        return true;
    case THRESHOLD_BOTH:
        return e->count == t->count;
    case THRESHOLD_AFTER:
        return e->count > t->count;
    }
    return true;
}

/* rate_filter with new_action pass: silent for `timeout` seconds once there were `count` in `seconds`. */
static bool filter_silences(struct limiter *l, uint16_t number, const struct tuning *t, const struct alert *alert)
{
    struct limit_key key = threshold_key(l, alert, (enum threshold_track)t->threshold.track);
    bool fresh;
    key.words[0] = rule_word(l, alert) | (uint64_t)number << 8 | t->threshold.track;
    struct limit_entry *e = limit_table_get(&l->filters, &key, &fresh);
    const bool silent = e->stored != 0;
    const uint64_t lasts_ns = (uint64_t)(silent ? t->timeout : t->threshold.seconds) * 1000000000;
    if (fresh || (alert->time_ns > e->since_ns && (uint64_t)alert->time_ns - (uint64_t)e->since_ns >= lasts_ns)) {
        e->since_ns = alert->time_ns;
        e->count = e->stored = 0;
    } else if (silent) {
        return true;
    }
    if (++e->count < t->threshold.count)
        return false;
    e->since_ns = alert->time_ns;
    e->stored = 1;
    return false;
}

/* The line of threshold.config that hides the alert, + 1; 0: none. */
static size_t hiding_line(struct limiter *l, const struct rule *r, const struct alert *alert)
{
    for (unsigned i = 0; i < r->tunings.count; i++) {
        const uint16_t number = l->rules->tuning_list[r->tunings.first + i];
        const struct tuning *t = &l->rules->tunings[number];
        if (tuning_suppresses(t, alert) || (t->kind == TUNING_RATE_FILTER && filter_silences(l, number, t, alert)))
            return (size_t)number + 1;
    }
    return 0;
}

uint64_t limiter_hidden(const struct limiter *l, size_t tuning)
{
    return tuning < l->rules->tunings_used ? l->hidden[tuning] : 0;
}

enum limited limiter_alert(struct limiter *l, const struct alert *alert, uint64_t key, uint64_t *earlier)
{
    const struct rule *rule = alert->rule < l->rules->rules_used ? &l->rules->rules[alert->rule] : NULL;
    if (rule && rule->xbits_used && (!xbits_match(&l->xbits, rule, alert) || rule->quiet))
        return LIMIT_XBITS;
    if (alert->exception && alert->exception <= l->rules->tunings_used) {
        l->hidden[alert->exception - 1]++;
        return LIMIT_EXCEPTED;
    }
    const size_t line = rule && rule->tunings.count ? hiding_line(l, rule, alert) : 0;
    if (line) {
        l->hidden[line - 1]++;
        return LIMIT_SUPPRESSED;
    }
    if (rule && rule->rate.kind != RATE_NONE) {
        const struct limit_key by = threshold_key(l, alert, (enum threshold_track)rule->rate.track);
        if (!rate_reached(&l->rates, &rule->rate, &by, alert))
            return LIMIT_RATE;
    }
    if (rule && rule->threshold.type != THRESHOLD_NONE && !threshold_lets(l, &rule->threshold, alert))
        return LIMIT_THRESHOLD;
    struct limit_key connection = {{rule_word(l, alert), alert->flow_id}};
    struct limit_key kind = {{rule_word(l, alert) | alert->server.port}};
    bool fresh;
    key_address(&kind, 1, &alert->client);
    key_address(&kind, 3, &alert->server);
    struct limit_entry *here = limit_table_get(&l->connections, &connection, &fresh);
    struct limit_entry *all = limit_table_get(&l->kinds, &kind, &fresh);
    if (here->count < ALERTS_PER_CONNECTION && all->count < ALERTS_IN_FULL) {
        here->count++;
        all->count++;
        here->stored = all->stored = key;
        return LIMIT_STORE;
    }
    *earlier = here->count ? here->stored : all->stored;
    return LIMIT_FOLD;
}

bool limiter_may_store(struct limiter *l, const struct alert *alert)
{
    const struct rule *rule = alert->rule < l->rules->rules_used ? &l->rules->rules[alert->rule] : NULL;
    if (alert->exception)
        return false;
    if (rule && rule->xbits_used)
        return !rule->quiet; /* bits depend on all connections, too */
    if (rule && (rule->threshold.type != THRESHOLD_NONE || rule->rate.kind != RATE_NONE))
        return true; /* which ones it lets through depends on all connections */
    struct limit_key connection = {{rule_word(l, alert), alert->flow_id}};
    bool fresh;
    return limit_table_get(&l->connections, &connection, &fresh)->count++ < ALERTS_PER_CONNECTION;
}
