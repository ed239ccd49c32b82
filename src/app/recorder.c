/* The recorder: see recorder.h. */
#include "app/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "app/memo_book.h"
#include "app/seconds.h"

/* Powers of two: alerts and samples are numbered in order, so their low bits are their place. */
enum { KEPT_KEYS = 65536, KEPT_SAMPLES = 4096, SERVERS_MAX = 1024, VERSION_MAX = 64 };

/* The latest stored alerts, by key: for verdicts and samples that come a little later. */
struct kept_alert {
    uint64_t key;
    int64_t alert_id;
};

struct seen_server {
    struct endpoint endpoint;
    enum protocol protocol;
    char version[VERSION_MAX];
    bool tls;
    int64_t first_ns, last_ns;
};

struct recorder {
    const struct rule_set *rules;
    struct store *store;
    struct counters *counters;
    struct limiter *limiter;
    struct alert_sums sums;
    uint64_t *rule_counts;
    void (*told)(void *context, const struct alert *alert, const struct rule_facts *rule);
    void *told_context;
    void (*followed)(void *context, const struct alert *alert, const struct rule_facts *rule);
    void *followed_context;
    int64_t worst_alert;
    uint8_t worst_severity; /* 0: none yet */
    struct ward *ward;
    struct seconds *seconds;     /* NULL: no rule asks about seconds */
    uint64_t seconds_alerts;
    const struct habits *known;  /* --habits, or NULL */
    struct habits *learned;
    struct memo_book *memos;     /* NULL: none are kept */
    struct kept_alert kept[KEPT_KEYS];
    struct kept_alert folded[KEPT_KEYS]; /* into which row an alert went */
    uint64_t samples[KEPT_SAMPLES]; /* wanted: a stored alert names them */
    struct seen_server servers[SERVERS_MAX];
    size_t servers_used;
    bool live; /* somebody looks: what is new is committed at once */
    uint64_t incidents; /* number of the latest that is stored */
    bool broken;
    struct error why;
};

static bool note_failure(struct recorder *r, bool worked, const struct error *why)
{
    if (!worked && !r->broken) {
        r->broken = true;
        r->why = *why;
    }
    return worked;
}

static const struct kept_alert *kept_find(const struct recorder *r, uint64_t key)
{
    const struct kept_alert *kept = &r->kept[key % KEPT_KEYS];
    return kept->key == key ? kept : NULL;
}

/* ---- health: alerts are named by key until they have a row */

static int64_t alert_row_of(const struct recorder *r, uint64_t key)
{
    const struct kept_alert *row = key ? kept_find(r, key) : NULL;
    const struct kept_alert *folded = &r->folded[key % KEPT_KEYS];
    return row ? row->alert_id : key && folded->key == key ? folded->alert_id : 0;
}

static void store_incident(void *context, const struct incident *incident)
{
    struct recorder *r = context;
    struct error why;
    struct incident named = *incident;
    for (unsigned i = 0; i < named.suspects_used; i++)
        named.suspects[i].word.alert = (uint64_t)alert_row_of(r, named.suspects[i].word.alert);
    for (unsigned i = 0; i < named.words_used; i++)
        for (unsigned n = 0; n < named.words[i].words_used; n++)
            named.words[i].words[n].alert = (uint64_t)alert_row_of(r, named.words[i].words[n].alert);
    if (r->store)
        note_failure(r, store_set_incident(r->store, &named, &why), &why);
    if (r->store && r->live && named.number > r->incidents)
        note_failure(r, store_commit(r->store, &why), &why);
    r->incidents = named.number > r->incidents ? named.number : r->incidents;
}

static void store_vitals(void *context, const struct vitals *vitals)
{
    struct recorder *r = context;
    struct error why;
    if (r->store)
        note_failure(r, store_add_vitals(r->store, vitals, &why), &why);
}

/* Keys of its own: no worker counts so far. */
static void raise_second(void *context, const struct alert *alert, const struct message *message)
{
    struct recorder *r = context;
    struct alert timed = *alert;
    timed.time_ns = message->first->time_ns;
    recorder_alert(r, &timed, UINT64_C(1) << 63 | ++r->seconds_alerts);
}

static void store_now(void *context, const struct vitals *vitals, int64_t time_ns)
{
    struct recorder *r = context;
    struct error why;
    if (r->store)
        note_failure(r, store_set_now(r->store, vitals, time_ns, &why), &why);
}

static void store_visitor(void *context, const struct visitor *visitor)
{
    struct recorder *r = context;
    struct error why;
    if (r->store)
        note_failure(r, store_set_visitor(r->store, visitor, &why), &why);
}

void recorder_go_live(struct recorder *r)
{
    r->live = true;
    ward_go_live(r->ward);
}

void recorder_sign(struct recorder *r, const struct sign *sign)
{
    ward_take(r->ward, sign);
    if (r->seconds)
        seconds_sign(r->seconds, sign, raise_second, r);
}

void recorder_rule_stats(const struct recorder *r, uint32_t rule, struct rule_stats *sum)
{
    seconds_rule_stats(r->seconds, rule, sum);
}

struct recorder *recorder_open(const struct rule_set *rules, struct store *store, struct counters *counters)
{
    struct recorder *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->rules = rules;
    r->store = store;
    r->counters = counters;
    r->limiter = limiter_open(rules);
    r->ward = ward_open(&(struct ward_sink){r, store_incident, store_vitals, store_now, store_visitor});
    r->rule_counts = calloc(rules_loaded(rules) + 1, sizeof *r->rule_counts);
    if (!r->limiter || !r->rule_counts || !r->ward || !seconds_open(&r->seconds, rules, NULL, NULL)) {
        recorder_close(r);
        return NULL;
    }
    return r;
}

void recorder_listen(struct recorder *r, void (*told)(void *, const struct alert *, const struct rule_facts *), void *context)
{
    r->told = told;
    r->told_context = context;
}

bool recorder_change(struct recorder *r, const struct rule_set *rules)
{
    uint64_t *counts = calloc(rules_loaded(rules) + 1, sizeof *counts);
    struct seconds *seconds = NULL;
    if (!counts || !seconds_open(&seconds, rules, r->known, r->learned) || !limiter_change(r->limiter, rules)) {
        seconds_close(seconds);
        free(counts);
        return false;
    }
    seconds_close(r->seconds);
    r->seconds = seconds;
    for (uint32_t i = 0; i < rules_loaded(r->rules); i++) {
        struct rule_facts rule;
        uint32_t now;
        rules_facts(r->rules, i, &rule);
        if (rules_find(rules, rule.gid, rule.sid, &now))
            counts[now] = r->rule_counts[i];
    }
    free(r->rule_counts);
    r->rule_counts = counts;
    r->rules = rules;
    return true;
}

void recorder_follow(struct recorder *r, void (*kept)(void *, const struct alert *, const struct rule_facts *), void *context)
{
    r->followed = kept;
    r->followed_context = context;
}

void recorder_close(struct recorder *r)
{
    if (!r)
        return;
    if (r->limiter)
        limiter_close(r->limiter);
    ward_close(r->ward);
    seconds_close(r->seconds);
    memo_book_close(r->memos);
    habits_close(r->learned);
    free(r->rule_counts);
    free(r);
}

static void kept_set(struct recorder *r, uint64_t key, int64_t alert_id)
{
    r->kept[key % KEPT_KEYS] = (struct kept_alert){key, alert_id};
}

static void store_row(struct recorder *r, const struct alert *alert, uint64_t key, uint64_t earlier)
{
    struct rule_facts rule;
    struct error why;
    int64_t alert_id = 0;
    rules_facts(r->rules, alert->rule, &rule);
    if (r->store) {
        alert_id = store_add_alert(r->store, alert, &rule, &why);
        if (!note_failure(r, alert_id != 0, &why)) {
            count(r->counters, COUNT_ALERTS_WRITE_FAILED);
            return;
        }
    }
    count(r->counters, COUNT_ALERTS_STORED);
    if (r->told)
        r->told(r->told_context, alert, &rule);
    if (!r->worst_severity || alert->severity < r->worst_severity) {
        r->worst_severity = alert->severity;
        r->worst_alert = alert_id;
    }
    kept_set(r, key, alert_id);
    if (earlier)
        kept_set(r, earlier, alert_id);
    if (alert->sample)
        r->samples[alert->sample % KEPT_SAMPLES] = alert->sample;
}

static void tell_follower(const struct recorder *r, const struct alert *alert)
{
    struct rule_facts rule;
    if (!r->followed)
        return;
    rules_facts(r->rules, alert->rule, &rule);
    r->followed(r->followed_context, alert, &rule);
}

static void fold_row(struct recorder *r, const struct alert *alert, uint64_t key, uint64_t earlier)
{
    struct error why;
    const struct kept_alert *row = kept_find(r, earlier);
    if (!row) { /* pushed out by 65,536 newer ones: the kind begins a new row */
        store_row(r, alert, key, earlier);
        return;
    }
    r->folded[key % KEPT_KEYS] = (struct kept_alert){key, row->alert_id};
    if (r->store && !note_failure(r, store_fold_alert(r->store, row->alert_id, alert->time_ns, &why), &why))
        count(r->counters, COUNT_ALERTS_WRITE_FAILED);
    else
        count(r->counters, COUNT_ALERTS_FOLDED);
}

void recorder_alert(struct recorder *r, const struct alert *alert, uint64_t key)
{
    uint64_t earlier = 0;
    count(r->counters, COUNT_ALERTS_RAISED);
    r->sums.by_class[alert->class % ANOMALY_CLASSES]++;
    r->sums.by_severity[alert->severity % 5]++;
    r->rule_counts[alert->rule]++;
    switch (limiter_alert(r->limiter, alert, key, &earlier)) {
    case LIMIT_THRESHOLD:
        count(r->counters, COUNT_ALERTS_THRESHOLD);
        return;
    case LIMIT_XBITS:
        count(r->counters, COUNT_ALERTS_XBITS);
        return;
    case LIMIT_RATE:
        count(r->counters, COUNT_ALERTS_RATE);
        return;
    case LIMIT_SUPPRESSED:
        count(r->counters, COUNT_ALERTS_SUPPRESSED);
        return;
    case LIMIT_EXCEPTED:
        count(r->counters, COUNT_ALERTS_EXCEPTED);
        return;
    case LIMIT_FOLD:
        tell_follower(r, alert);
        fold_row(r, alert, key, earlier);
        return;
    case LIMIT_STORE:
        tell_follower(r, alert);
        store_row(r, alert, key, 0);
        return;
    }
}

void recorder_verdict(struct recorder *r, uint64_t key, const char *verdict)
{
    struct error why;
    const struct kept_alert *row = kept_find(r, key);
    if (row && r->store)
        note_failure(r, store_set_verdict(r->store, row->alert_id, verdict, &why), &why);
}

bool recorder_wants_sample(const struct recorder *r, uint64_t sample)
{
    return r->samples[sample % KEPT_SAMPLES] == sample;
}

void recorder_sample(struct recorder *r, uint64_t sample, struct view pcapng, uint32_t packets, bool redacted)
{
    struct error why;
    if (!r->store || note_failure(r, store_add_sample(r->store, sample, pcapng, packets, redacted, &why), &why))
        count(r->counters, COUNT_SAMPLES_STORED);
}

void recorder_server(struct recorder *r, const struct endpoint *server, enum protocol protocol, const char *version,
                     bool tls, int64_t time_ns)
{
    struct seen_server *seen = NULL;
    for (size_t i = 0; i < r->servers_used && !seen; i++)
        if (r->servers[i].endpoint.port == server->port &&
            memcmp(r->servers[i].endpoint.address, server->address, sizeof server->address) == 0)
            seen = &r->servers[i];
    if (!seen) {
        if (r->servers_used == SERVERS_MAX)
            return;
        seen = &r->servers[r->servers_used++];
        *seen = (struct seen_server){.endpoint = *server, .protocol = protocol, .first_ns = time_ns, .last_ns = time_ns};
    }
    if (*version) {
        strncpy(seen->version, version, sizeof seen->version - 1);
        seen->version[sizeof seen->version - 1] = 0;
    }
    seen->tls |= tls;
    if (time_ns < seen->first_ns)
        seen->first_ns = time_ns;
    if (time_ns > seen->last_ns)
        seen->last_ns = time_ns;
}

bool recorder_learn(struct recorder *r, const struct habits *known)
{
    r->known = known;
    seconds_close(r->seconds);
    r->seconds = NULL;
    return (r->learned = habits_open()) && seconds_open(&r->seconds, r->rules, r->known, r->learned);
}

void recorder_settle_habits(struct recorder *r, struct habits *known)
{
    if (r->learned)
        habits_merge(known, r->learned);
}

bool recorder_keep_memos(struct recorder *r)
{
    return r->store && (r->memos = memo_book_open(r->store, r->counters));
}

void recorder_memo(struct recorder *r, const struct memo *memo)
{
    struct error why;
    if (r->memos)
        note_failure(r, memo_book_take(r->memos, memo, &why), &why);
}

void recorder_finish(struct recorder *r)
{
    struct error why;
    count_many(r->counters, COUNT_HEALTH_SHED, ward_shed(r->ward));
    if (r->memos && !note_failure(r, memo_book_settle(r->memos, &why), &why))
        return;
    for (size_t i = 0; r->store && i < r->servers_used; i++) {
        const struct seen_server *s = &r->servers[i];
        const char *source = *s->version ? "greeting" : "";
        bool worked = store_see_server(r->store, &s->endpoint, s->protocol, s->version, source, s->tls ? 1 : -1, s->first_ns, &why) &&
                      store_see_server(r->store, &s->endpoint, s->protocol, "", "", s->tls ? 1 : -1, s->last_ns, &why);
        if (!note_failure(r, worked, &why))
            return;
    }
}

const struct alert_sums *recorder_sums(const struct recorder *r)
{
    return &r->sums;
}

int64_t recorder_worst(const struct recorder *r)
{
    return r->worst_alert;
}

uint64_t recorder_hidden(const struct recorder *r, size_t tuning)
{
    return limiter_hidden(r->limiter, tuning);
}

uint64_t recorder_rule_count(const struct recorder *r, uint32_t rule)
{
    return r->rule_counts[rule];
}

bool recorder_healthy(const struct recorder *r, struct error *why)
{
    if (r->broken)
        *why = r->why;
    return !r->broken;
}
