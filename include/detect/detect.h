/*
 * Messages become alerts. Two halves: the matcher runs where the message was decoded (one per worker, shares nothing but
 * the read-only rule set); the limiter runs in the recorder, in packet order, and owns what spans connections:
 * thresholds and folding.
 */
#ifndef DBHOUND_DETECT_DETECT_H
#define DBHOUND_DETECT_DETECT_H

#include "base/pool.h"
#include "detect/rules.h"
#include "model/counter.h"
#include "proto/conversation.h"

/* ---- matcher */

struct detector;

struct detector *detector_open(const struct rule_set *rules, struct arena *from);
/* Runs the rules on one message; calls `raise` for each match with an alert that is valid during the call. The sample
 * and head (masked) are filled; nothing is allocated. Returns how many matched. Costs a few instructions when the
 * message has no report and no rule asks about it. */
typedef void (*alert_sink)(void *context, const struct alert *alert, const struct message *message);
unsigned detector_message(struct detector *d, const struct message *message, alert_sink raise, void *context);

/* Whether a rule is asked about such events (not EVENT_MESSAGE). */
bool detector_asks(const struct detector *d, enum event event);
/* The same as detector_message for an event as a message: see detect/event.h. */
unsigned detector_event(struct detector *d, const struct message *event, alert_sink raise, void *context);

/* Where clients are, or NULL. Asked once for a connection that alerts or that a rule asks about. */
struct geo;
void detector_set_geo(struct detector *d, const struct geo *geo);

/* Alerts that a pass rule suppressed: they were never raised. */
uint64_t detector_passed(const struct detector *d);
/* Searches (pcre and what follows a byte_extract) that gave up at their bound and so did not match. */
uint64_t detector_limits_met(const struct detector *d);
/* How often a rule was asked about a message, was true, and was suppressed by a pass rule although true; what asking it
 * took, estimated from one time in 256. */
struct rule_stats {
    uint64_t evaluated, matched, suppressed, cost_ns;
};
void detector_rule_stats(const struct detector *d, uint32_t rule, struct rule_stats *out);

/* Whether a rule asks about messages of this protocol and direction that have no report. */
bool detector_wants(const struct detector *d, enum protocol protocol, enum side from);

/* ---- limiter */

struct limiter;

enum limited {
    LIMIT_STORE,    /* a row of its own */
    LIMIT_FOLD,     /* counts into an earlier row: *earlier is its key */
    LIMIT_THRESHOLD,/* the rule's threshold holds it back */
    LIMIT_XBITS,    /* its xbits do not hold, or changing xbits is all it does */
    LIMIT_RATE,     /* the rule's rate is not reached */
    LIMIT_SUPPRESSED, /* a line of threshold.config holds it back */
    LIMIT_EXCEPTED  /* an exception of threshold.config is true of it */
};

struct limiter *limiter_open(const struct rule_set *rules);
void limiter_close(struct limiter *l);
/* Other rules from now on. What is remembered of a rule goes on under its gid and sid, and what a line of threshold.config has
 * hidden under its text. False: no memory; the rules are the same as before. */
bool limiter_change(struct limiter *l, const struct rule_set *rules) MUST_CHECK;
/* Alerts in packet order. `key` is the number under which the caller stores this alert, if it does. The first
 * ALERTS_PER_CONNECTION of a rule on a connection are stored and later ones fold into the last of these, so that every connection keeps a
 * row of its own; after ALERTS_IN_FULL rows of a rule for one client address and server, new connections fold too. */
enum { ALERTS_PER_CONNECTION = 32, ALERTS_IN_FULL = 4096 };
enum limited limiter_alert(struct limiter *l, const struct alert *alert, uint64_t key, uint64_t *earlier);
/* How many alerts a line of threshold.config (see rules_tuning) has hidden. */
uint64_t limiter_hidden(const struct limiter *l, size_t tuning);
/* For who sees only some of the alerts: whether the limiter that sees all may store this one. Never says no of one that is
 * stored. A limiter answers either this or limiter_alert. */
bool limiter_may_store(struct limiter *l, const struct alert *alert);

#endif
