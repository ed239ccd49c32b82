/*
 * What lines of threshold.config would have hidden: the alerts that the store has, in the order of their time, asked again
 * whether they would be kept. Conditions see the message as the store kept it.
 */
#ifndef DBHOUND_SRC_APP_PREVIEW_H
#define DBHOUND_SRC_APP_PREVIEW_H

#include "detect/detect.h"

struct sqlite3;

struct preview {
    uint64_t alerts;              /* of the rules that are asked about, folded ones counted */
    uint64_t hidden, hidden_true; /* of these; and of those that somebody marked true, confirmed or escalated, how many rows */
};

/* Alerts of one sid, or of all (0). `set` is ready. */
bool preview_count(const struct rule_set *set, struct sqlite3 *db, uint32_t sid, struct preview *out, struct error *why) MUST_CHECK;

#endif
