/*
 * The xbits of hosts and pairs of hosts: here and not in the matcher, because matches of all connections come here in one order,
 * whatever the number of workers. Bounded: a bit that does not fit pushes out the one that was used longest ago.
 */
#ifndef DBHOUND_DETECT_LIMIT_XBITS_H
#define DBHOUND_DETECT_LIMIT_XBITS_H

#include "detect/limit_table.h"
#include "detect/rule.h"

/* Takes memory when a rule has xbits and none was taken before. The first time, *t is zeroed. */
bool xbits_open(struct limit_table *t, const struct rule_set *rules);
/* Whether all that the rule asks for is so; then what it sets, unsets and toggles is done. */
bool xbits_match(struct limit_table *t, const struct rule *rule, const struct alert *alert);

#endif
