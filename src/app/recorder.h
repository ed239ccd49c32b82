/*
 * The recorder: the one writer of the store. Takes alerts, samples, verdicts and servers in packet order, folds what
 * repeats, and keeps the second sum exact: alerts raised = stored + folded + dropped (by reason).
 */
#ifndef DBHOUND_SRC_APP_RECORDER_H
#define DBHOUND_SRC_APP_RECORDER_H

#include "detect/detect.h"
#include "detect/habits.h"
#include "health/ward.h"
#include "store/store.h"

struct recorder;

/* Alerts by what the summary shows; rows by sid are kept for the rules of the set. */
struct alert_sums {
    uint64_t by_class[ANOMALY_CLASSES];
    uint64_t by_severity[5]; /* 1 to 4 */
};

/* `store` NULL: counts only. The counters are the recorder's own. */
struct recorder *recorder_open(const struct rule_set *rules, struct store *store, struct counters *counters);
/* Other rules from now on; see limiter_change. Between runs of the workers. */
bool recorder_change(struct recorder *r, const struct rule_set *rules) MUST_CHECK;
void recorder_close(struct recorder *r);
/* Every alert that gets a row of its own is also told here. */
void recorder_listen(struct recorder *r, void (*told)(void *, const struct alert *, const struct rule_facts *), void *context);
/* Every alert that is kept, as a row or counted into one, is also told here. */
void recorder_follow(struct recorder *r, void (*kept)(void *, const struct alert *, const struct rule_facts *), void *context);
/* `key` is unique in the run and never 0: verdicts and samples name the alert by it. Alerts of one sample share
 * alert->sample. */
void recorder_alert(struct recorder *r, const struct alert *alert, uint64_t key);
void recorder_verdict(struct recorder *r, uint64_t key, const char *verdict);
/* Whether a stored alert names this sample: alerts that were folded need none. */
bool recorder_wants_sample(const struct recorder *r, uint64_t sample);
void recorder_sample(struct recorder *r, uint64_t sample, struct view pcapng, uint32_t packets, bool redacted);
void recorder_server(struct recorder *r, const struct endpoint *server, enum protocol protocol, const char *version,
                     bool tls, int64_t time_ns);
/* From now on it is learned how busy servers are in a second, and judged by what is known. */
bool recorder_learn(struct recorder *r, const struct habits *known) MUST_CHECK;
/* Adds what was learned, and forgets it. */
void recorder_settle_habits(struct recorder *r, struct habits *known);
/* From now on memos of messages are kept; without it there must be none. Only with a store. */
bool recorder_keep_memos(struct recorder *r) MUST_CHECK;
void recorder_memo(struct recorder *r, const struct memo *memo);
/* Somebody waits and looks: how servers are is stored each second, and an incident is committed as soon as it is written. */
void recorder_go_live(struct recorder *r);
/* What a worker tells of the health of servers. */
void recorder_sign(struct recorder *r, const struct sign *sign);
/* Adds what came of a rule that is asked here. */
void recorder_rule_stats(const struct recorder *r, uint32_t rule, struct rule_stats *sum);
/* Writes what is still in memory (servers, memos). */
void recorder_finish(struct recorder *r);
const struct alert_sums *recorder_sums(const struct recorder *r);
/* alert_id of the most severe alert that was stored, the first of these; 0: none. */
int64_t recorder_worst(const struct recorder *r);
/* Times the rule matched. */
/* How many alerts a line of threshold.config has hidden. */
uint64_t recorder_hidden(const struct recorder *r, size_t tuning);
uint64_t recorder_rule_count(const struct recorder *r, uint32_t rule);
/* False after the store refused something: *why says what. */
bool recorder_healthy(const struct recorder *r, struct error *why);

#endif
