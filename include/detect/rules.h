/*
 * Rules: text to a running set. The language is Suricata's envelope with dbhound's fields as keywords.
 *
 * Loading may allocate; matching does not. A rule with an error is refused with file, line, column and reason and the
 * others load.
 */
#ifndef DBHOUND_DETECT_RULES_H
#define DBHOUND_DETECT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "base/view.h"
#include "model/alert.h"

struct rule_set;

struct rule_problem {
    const char *file;
    unsigned line, column;  /* from 1 */
    const char *text;       /* the reason */
    const char *excerpt;    /* of that line, escaped, with the place in it; "" when there is none */
    unsigned caret;         /* bytes of the excerpt before the place */
};

/* An empty set. */
struct rule_set *rules_open(void);
void rules_close(struct rule_set *set);
/* Before the first rule: flowbits get the numbers that they have in a set that this one will take the place of, so that
 * connections keep theirs. */
void rules_inherit(struct rule_set *set, const struct rule_set *from);
/* Sets a variable for the rules added after this; without it $NAME has its default (most are `any`). False: no memory. */
bool rules_set_variable(struct rule_set *set, const char *name, const char *value) MUST_CHECK;
/* Adds the rules of a text; `file` names it in problems and is copied. */
void rules_add_text(struct rule_set *set, const char *file, struct view text);
bool rules_add_file(struct rule_set *set, const char *path, struct error *why) MUST_CHECK;
/* Adds rules/anomalies.rules as printed from the catalogue: what runs when no file is named. */
void rules_add_anomalies(struct rule_set *set);
/* Prints that file. */
void rules_print_anomalies(struct text *out);
/* Adds lines of threshold.config, after the rules that they are about; refusals are among the problems. */
void rules_add_tuning_text(struct rule_set *set, const char *file, struct view text);
bool rules_add_tuning_file(struct rule_set *set, const char *path, struct error *why) MUST_CHECK;
/* Those lines: which hide alerts, and why somebody wanted it. */
struct tuning_facts {
    const char *file;
    unsigned line;
    const char *text, *reason, *author; /* "" not said */
    int64_t until_ns; /* INT64_MAX: for ever */
    bool hides;
};
size_t rules_tunings(const struct rule_set *set);
void rules_tuning(const struct rule_set *set, size_t i, struct tuning_facts *out);
/* Builds the index; call once, after the last add. */
bool rules_ready(struct rule_set *set, struct error *why) MUST_CHECK;

size_t rules_loaded(const struct rule_set *set);
size_t rules_failed(const struct rule_set *set);
/* The i-th refusal (there are rules_failed); false past the end. */
bool rules_problem(const struct rule_set *set, size_t i, struct rule_problem *out);
/* The i-th thing to know of a rule that did load (acts as alert, can never match, ...); false past the end. */
bool rules_warning(const struct rule_set *set, size_t i, struct rule_problem *out);

/* What somebody should look at in rules that did load: they can never match, match too much, or cost too much. Told in the
 * order of the rules; sid 0: a line of threshold.config. `now_ns`: for exceptions that have ended. Returns how many. */
struct lint {
    const char *file, *text;
    unsigned line, sid;
    bool error; /* it cannot mean what it says */
};
typedef void (*lint_sink)(void *context, const struct lint *lint);
size_t rules_lint(const struct rule_set *set, int64_t now_ns, lint_sink tell, void *context);
/* The rule with these numbers; false: there is none. */
bool rules_find(const struct rule_set *set, uint32_t gid, uint32_t sid, uint32_t *rule);

/* What alerts and the store need of a rule; the text lives as long as the set. */
struct rule_facts {
    uint32_t gid, sid, rev;
    const char *msg, *classtype, *text;
    const char *references; /* comma-separated "type,value" as written */
    uint8_t severity;
    bool quiet;             /* noalert: it raises nothing */
};
void rules_facts(const struct rule_set *set, uint32_t rule, struct rule_facts *out);

#endif
