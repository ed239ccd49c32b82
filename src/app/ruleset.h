/* The running rule set of a command: the catalogue's rules, files added with -s, or only those of -S. */
#ifndef DBHOUND_SRC_APP_RULESET_H
#define DBHOUND_SRC_APP_RULESET_H

#include "app/options.h"
#include "detect/rules.h"

/* Problems are said on standard error; the rules that are right load. NULL only when a file cannot be read. */
struct rule_set *ruleset_open(const struct options *o, struct error *why) MUST_CHECK;
/* The same again for a run that goes on: takes the place of `running`. Problems are not said. */
struct rule_set *ruleset_read_again(const struct options *o, const struct rule_set *running, struct error *why) MUST_CHECK;
/* The same without --tuning, and not ready: more may be added. Problems are not said. */
struct rule_set *ruleset_open_plain(const struct options *o, struct error *why) MUST_CHECK;
/* What names the running set: a hash of its rules' texts. */
void ruleset_hash(const struct rule_set *set, struct text *out);
void ruleset_print_problems(const struct rule_set *set);

#endif
