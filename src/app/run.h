/*
 * One run of the pipeline, file or live: rules, store, recorder and workers opened from the options, and the sum at the end.
 */
#ifndef DBHOUND_SRC_APP_RUN_H
#define DBHOUND_SRC_APP_RUN_H

#include "app/command.h"
#include "app/pipeline.h"
#include "app/summary.h"

enum { RUN_DAMAGES_MAX = 64 };

/* What replay and watch share of the command line. */
#define RUN_OPTIONS                                                                                                    \
    (TAKES(FILTER) | TAKES(CHECKSUMS) | TAKES(OS_POLICY) | TAKES(MEMORY) | TAKES(WORKERS) | TAKES(KEYLOG) | TAKES(RULES) | TAKES(ONLY_RULES) | TAKES(TUNING) | TAKES(GEOIP) | TAKES(HABITS) | TAKES(FACTS) | TAKES(FAIL_ON) | TAKES(DB) | \
     TAKES(JSON))

struct run {
    const struct options *options;
    bool live;        /* keeps what capturing needs; see privileges.h */
    const char *user; /* live: to become, or NULL */
    bool silent;      /* no sum on standard output at the end */
    struct rule_set *rules;
    struct habits *known;  /* --habits: what was known before this run, or NULL */
    struct places *places; /* --geoip, or NULL */
    struct store *store;
    struct source *source; /* opened by the command, before run_open; closed by run_close */
    struct recorder *recorder;
    struct keylog *keylog;
    struct pipeline *pipeline;
    struct reload *reload; /* live: rules may change */
    int claimed;           /* live: the file beside the store, or 0 */
    struct counters counters;
    struct source_damage damages[RUN_DAMAGES_MAX];
    struct summary summary;
    uint64_t fail_on; /* 0: never */
    double began;
};

/* True after the first SIGINT or SIGTERM, once run_catch_signals was called; the second one ends the program. */
extern volatile bool run_stopped;
void run_catch_signals(void);

/* `command` and `sources` (one a line) name the run in the store. Privileges are given up on the way. */
bool run_open(struct run *r, const char *command, const char *sources, struct error *why) MUST_CHECK;
/* Other rules, between two runs of the pipeline: *r owns them, and the old ones are freed. False: nothing has changed. */
bool run_change_rules(struct run *r, struct rule_set *rules, struct error *why) MUST_CHECK;
/* Between two runs of the pipeline: what was learned is known from now on, and stored. */
bool run_settle_habits(struct run *r, struct error *why) MUST_CHECK;
/* Closes every connection, commits, prints the sum; returns the exit code. */
int run_end(struct run *r, const struct command *command);
/* For a run that could not be opened. */
int run_refuse(const struct command *command, const struct error *why);
void run_close(struct run *r);
/* Monotonic. */
double run_seconds_now(void);

#endif
