/* The verbs of `dbhound rules`, a file each. */
#ifndef DBHOUND_APP_RULES_VERBS_H
#define DBHOUND_APP_RULES_VERBS_H

#include "app/command.h"
#include "detect/rules.h"

/* The files that the operands from the second on name, with --tuning, ready. NULL: said why, and *result is the exit code. */
struct rule_set *rules_of_operands(const struct options *o, int *result);

int rules_check_run(const struct options *o);
int rules_lint_run(const struct options *o);
int rules_list_run(const struct options *o);
int rules_backtest_run(const struct options *o);
int rules_suggest_run(const struct options *o);
int rules_stats_run(const struct options *o);
int rules_from_alert_run(const struct options *o);
int rules_reload_run(const struct options *o);
int rules_test_run(const struct options *o);
int rules_explain_run(const struct options *o);

#endif
