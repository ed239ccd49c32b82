/*
 * What each server did in the last second, for rules with on:second. Beside the recorder, because a server's connections are spread
 * over the workers: their beats are summed up here, and when a second of packet time is over, the rules are asked about each server
 * that did something, in the order of their addresses.
 */
#ifndef DBHOUND_SRC_APP_SECONDS_H
#define DBHOUND_SRC_APP_SECONDS_H

#include "detect/detect.h"
#include "detect/habits.h"
#include "health/sign.h"

struct seconds;

/* `learned` gets how busy servers are in a second, judged by what is `known`; NULL: nothing is learned. True with *out NULL: no rule
 * asks either. False: no memory. */
bool seconds_open(struct seconds **out, const struct rule_set *rules, const struct habits *known, struct habits *learned) MUST_CHECK;
void seconds_close(struct seconds *s);
/* A sign in the order of the run. */
void seconds_sign(struct seconds *s, const struct sign *sign, alert_sink raise, void *context);
/* Adds what came of a rule. `s` may be NULL. */
void seconds_rule_stats(const struct seconds *s, uint32_t rule, struct rule_stats *sum);

#endif
