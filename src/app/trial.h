/*
 * A rule set asked about captures, without a store: what it would say. Tests, backtests and previews of tuning are made of
 * trials. Each trial is a run of its own: nothing is remembered from one to the next.
 */
#ifndef DBHOUND_SRC_APP_TRIAL_H
#define DBHOUND_SRC_APP_TRIAL_H

#include "base/view.h"
#include "detect/detect.h"

struct trial {
    const struct rule_set *rules;
    const char *filter;    /* BPF, or NULL */
    const char *keylog;    /* of TLS sessions, or NULL */
    bool check_checksums, ignore_checksums;
    /* Every alert that a run would keep. */
    void (*told)(void *context, const struct alert *alert, const struct rule_facts *rule);
    void *context;
    /* What the trials so far came to. */
    uint64_t packets, damages;
};

/* Captures and directories, one after the other, as replay reads them. */
bool trial_files(struct trial *t, const char *const *paths, size_t count, struct error *why) MUST_CHECK;
/* One capture in memory. */
bool trial_bytes(struct trial *t, struct view capture, struct error *why) MUST_CHECK;

#endif
