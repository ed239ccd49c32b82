/* What a message must have for a rule to be true of it: the one condition under which the index keeps the rule. */
#ifndef DBHOUND_DETECT_RULE_KEY_H
#define DBHOUND_DETECT_RULE_KEY_H

#include "detect/rule.h"

enum key_kind {
    KEY_EVERY,   /* nothing that the index knows */
    KEY_FIELD,   /* a field */
    KEY_FACTS,   /* something that the message says: facts */
    KEY_KINDS,   /* a kind of message: items */
    KEY_NUMBER,  /* a field with a number: items, or low to high */
    KEY_TEXT,    /* a literal in a field, or in the message */
    KEY_ANOMALY  /* a report: names */
};

struct rule_key {
    enum key_kind kind;
    uint16_t field;
    uint32_t facts;      /* bits 1 << enum fact_kind */
    uint64_t low, high;  /* when there are no items */
    struct span items;   /* none of them negated */
    struct view literal; /* in any case */
};

struct rule_key rule_key_choose(const struct rule *r);
/* The kinds of messages that the rule names, when that is all it allows; count 0: any. */
struct span rule_key_kinds(const struct rule *r);

#endif
