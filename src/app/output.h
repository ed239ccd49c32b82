/* Files that a command writes where its user says: what was on the wire is in them, so they are their owner's alone. */
#ifndef DBHOUND_APP_OUTPUT_H
#define DBHOUND_APP_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* NULL with `why`. */
FILE *output_create(const char *path, struct error *why) MUST_CHECK;
/* Closes it, also when what was written to it is not `good`; false with `why` when something is missing in it. */
bool output_finish(FILE *out, const char *path, bool good, struct error *why) MUST_CHECK;

#endif
