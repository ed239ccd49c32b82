/* Whoever asks a rule's conditions one by one, outside of the matcher. Private. */
#ifndef DBHOUND_DETECT_EXPLAINER_H
#define DBHOUND_DETECT_EXPLAINER_H

#include <string.h>

#include "detect/ask.h"
#include "detect/explain.h"

enum { TERM_TEXT = 4096 };

struct explainer {
    const struct rule_set *set;
    struct arena arena;
    struct asker asker;
    char text[TERM_TEXT];
    /* of the rule that is asked */
    const struct rule *rule;
    bool stored;
    term_sink tell;
    void *context;
};

#endif
