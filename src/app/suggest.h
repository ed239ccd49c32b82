/* "did you mean": the nearest of the words that would have been right. */
#ifndef DBHOUND_APP_SUGGEST_H
#define DBHOUND_APP_SUGGEST_H

#include "base/error.h"

struct suggestion {
    const char *word;
    const char *best; /* NULL: nothing is near */
    unsigned distance;
};

struct suggestion suggest_for(const char *word);
void suggest_offer(struct suggestion *s, const char *candidate);
/* Adds "; did you mean 'PREFIXbest'?" to the text of `why` when there is one. Returns false. */
_Bool suggest_add(const struct suggestion *s, const char *prefix, struct error *why);

#endif
