/*
 * One worker: the rooms from the flight recorder to detection, for the connections that are its own. It shares nothing but
 * what it is given: the rules (read only), the directory of servers, and its outlet.
 */
#ifndef DBHOUND_SRC_APP_WORKER_H
#define DBHOUND_SRC_APP_WORKER_H

#include "app/evidence.h"
#include "app/feed.h"
#include "app/memos.h"
#include "app/outlet.h"
#include "app/others.h"
#include "app/sides.h"
#include "health/pulse.h"
#include "proto/conversation.h"

struct worker_options {
    size_t memory_bytes;
    size_t flight_packets;  /* how far back samples may look, in packets of the run */
    bool check_checksums, ignore_checksums;
    const struct host_rules *hosts;
    struct evidence_options evidence;
    const struct rule_set *rules;
    const struct geo *geo; /* may be NULL */
    struct keylog *keylog; /* may be NULL */
    bool classify;
    const struct habits *known; /* what servers are used to; NULL: nothing is learned */
    bool memos; /* of messages are made */
    struct directory *directory;
    unsigned index;
    struct turns *turns;    /* NULL with a worker alone */
    const struct spread *spread;
    size_t fragment_bytes;  /* of memory for fragments; 0: the feed puts them together */
};

struct worker;

/* NULL: *why says what. `counters` are this worker's own. */
struct worker *worker_open(const struct worker_options *options, const struct outlet *outlet, struct counters *counters,
                           struct error *why) MUST_CHECK;
/* Decodes what is its own of a lot, and looks at the time where the lot says so. */
void worker_take(struct worker *w, const struct lot *lot);
/* Packet time has come to this without a packet; `latest` is the last one's number, whoever it belonged to: what happens now happens
 * to all workers at the same moment. */
void worker_tick(struct worker *w, uint64_t latest, int64_t now_ns);
/* Delivers what is held and closes every connection; `latest` is the number of the run's last packet. */
void worker_finish(struct worker *w, uint64_t latest);
uint64_t worker_flows(const struct worker *w, enum protocol protocol);
uint64_t worker_messages(const struct worker *w, enum protocol protocol);
/* Of its connections that are over. */
const struct sides *worker_sides(const struct worker *w);
const struct others *worker_others(const struct worker *w);
uint64_t worker_spoken(const struct worker *w, uint16_t spoken);
/* Other rules: first the new detector, then, when every worker has one, the change. Connections keep what is known of them. */
bool worker_prepare_rules(struct worker *w, const struct rule_set *rules, struct error *why) MUST_CHECK;
void worker_forget_rules(struct worker *w);
void worker_change_rules(struct worker *w);
/* Adds what was learned to what is known, and forgets it. */
void worker_settle_habits(struct worker *w, struct habits *known);
void worker_set_geo(struct worker *w, const struct geo *geo);
/* Adds what the worker came to with a rule of the set. */
void worker_rule_stats(const struct worker *w, uint32_t rule, struct rule_stats *sum);
void worker_close(struct worker *w);

#endif
