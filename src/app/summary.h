/* What a run comes to: the table at the end of replay and watch, and the JSON object that scripts read. */
#ifndef DBHOUND_SRC_APP_SUMMARY_H
#define DBHOUND_SRC_APP_SUMMARY_H

#include <stdio.h>

#include "capture/source.h"
#include "model/counter.h"
#include "app/recorder.h"
#include "app/others.h"
#include "app/sides.h"
#include "proto/conversation.h"

struct summary {
    const struct counters *counters;
    const struct rule_set *rules;
    const struct recorder *recorder;
    const struct sides *sides;
    const struct others *others;
    const struct source_damage *damages;
    size_t damages_used;
    const char *store_path; /* NULL: nothing was stored */
    int64_t run_id;
    double seconds;
    uint64_t flows[PROTOCOLS], messages[PROTOCOLS];
    uint64_t spoken[SPOKEN_WORDS]; /* connections that no decoder claims, by names: spoken */
};

/* Both conservation sums: packets received = decoded + skipped; alerts raised = stored + folded + dropped. */
bool summary_packets_balance(const struct counters *c);
bool summary_alerts_balance(const struct counters *c);

void summary_print(FILE *out, const struct summary *s);
void summary_print_json(FILE *out, const struct summary *s);

#endif
