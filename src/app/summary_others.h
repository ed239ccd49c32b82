/* What was not a database: counted by what libndpi says it is, and the ports that may be one after all. Private to the summary. */
#ifndef DBHOUND_SRC_APP_SUMMARY_OTHERS_H
#define DBHOUND_SRC_APP_SUMMARY_OTHERS_H

#include <jansson.h>
#include <stdio.h>

#include "app/summary.h"

void summary_print_others(FILE *out, const struct summary *s);
json_t *summary_others_json(const struct summary *s);

#endif
