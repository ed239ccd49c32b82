/*
 * The wiring of the rooms: packets from a source, through the workers, to the recorder.
 *
 * With no workers of their own threads everything runs in the caller's. With N, each connection belongs to one of them, and
 * the caller's thread is the recorder. Either way the same alerts are recorded in the same order, except where memory runs
 * out: what is shed then depends on how it is shared.
 */
#ifndef DBHOUND_SRC_APP_PIPELINE_H
#define DBHOUND_SRC_APP_PIPELINE_H

#include "capture/source.h"
#include "app/evidence.h"
#include "app/recorder.h"
#include "app/others.h"
#include "app/sides.h"
#include "net/host_policy.h"

struct pipeline_options {
    size_t memory_bytes;    /* --memory: everything on the packet path comes from it */
    unsigned workers;       /* threads that decode; 0: none */
    bool check_checksums;   /* -k all */
    bool ignore_checksums;  /* -k none */
    struct host_rules hosts; /* --os-policy */
    struct evidence_options evidence;
    const struct habits *known; /* --habits, or NULL */
    bool memos;             /* --facts */
    const struct geo *geo;  /* where clients are, or NULL */
    struct keylog *keylog;  /* secrets of TLS sessions, or NULL */
    bool classify;          /* ask libndpi, which asks the heap for memory, what no decoder claims */
};

struct pipeline;

/* `counters` are complete after pipeline_finish. Threads are started here. */
struct pipeline *pipeline_open(const struct pipeline_options *options, const struct rule_set *rules, struct recorder *recorder,
                               struct counters *counters, struct error *why) MUST_CHECK;
/* Reads the source to its end, or until *stop becomes true. `progress` (may be NULL) is called now and then. */
void pipeline_run(struct pipeline *p, struct source *source, const volatile bool *stop, void (*progress)(void *), void *context);
/* Packet time has come to this although no packet came. Between runs. */
void pipeline_tick(struct pipeline *p, int64_t now_ns);
/* Delivers what is held and closes every connection. */
void pipeline_finish(struct pipeline *p);
/* Complete after pipeline_finish, too. */
const struct sides *pipeline_sides(const struct pipeline *p);
const struct others *pipeline_others(const struct pipeline *p);
/* Connections that no decoder claims, by names: spoken. */
uint64_t pipeline_spoken(const struct pipeline *p, uint16_t spoken);
uint64_t pipeline_flows(const struct pipeline *p, enum protocol protocol);
uint64_t pipeline_messages(const struct pipeline *p, enum protocol protocol);
/* Other rules, between runs, when every worker has passed. False: nothing has changed. The old set is nobody's then. */
bool pipeline_change_rules(struct pipeline *p, const struct rule_set *rules, struct error *why) MUST_CHECK;
/* Between runs: what the workers have learned is known from now on. */
void pipeline_settle_habits(struct pipeline *p, struct habits *known);
/* Between runs. */
void pipeline_set_geo(struct pipeline *p, const struct geo *geo);
/* What all workers came to with a rule of the set. Between runs. */
void pipeline_rule_stats(const struct pipeline *p, uint32_t rule, struct rule_stats *out);
void pipeline_close(struct pipeline *p);

#endif
