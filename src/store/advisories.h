/* Known defects of servers by the version that they name: rules/advisories.tsv, compiled in. */
#ifndef DBHOUND_SRC_STORE_ADVISORIES_H
#define DBHOUND_SRC_STORE_ADVISORIES_H

#include <stddef.h>

#include "base/text.h"
#include "model/protocol.h"

enum { ADVISORIES_MAX = 8192 };

/* A JSON array of {"id", "allows", "fixed", "wire"} for a version as the server says it; "[]" when nothing is known. What does not
 * fit is left out, newest rows first in the file stay. */
void advisories_of(enum protocol protocol, const char *version, struct text *out);

#endif
