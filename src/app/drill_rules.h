/* Some drills are judged by the behaviour rules, which are shipped but not built in. */
#ifndef DBHOUND_APP_DRILL_RULES_H
#define DBHOUND_APP_DRILL_RULES_H

#include "app/options.h"

struct drill_rules {
    struct options options; /* those given, and the rules */
    char path[4096];
};

/* What `given` says, with the shipped behaviour rules when it names no rules itself: beside the program, as installed, or in the
 * working directory. EXIT_NO_INPUT when they are not found. */
bool drill_rules_add(const struct options *given, struct drill_rules *out, struct error *why) MUST_CHECK;
void drill_rules_close(struct drill_rules *r, const struct options *given);

#endif
