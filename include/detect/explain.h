/*
 * Why a rule is true of a message, or is not: every term with what it saw, none left out because an earlier one failed. The
 * terms are asked by the code that matches.
 */
#ifndef DBHOUND_DETECT_EXPLAIN_H
#define DBHOUND_DETECT_EXPLAIN_H

#include "detect/rules.h"
#include "proto/conversation.h"

enum term_truth { TERM_FALSE, TERM_TRUE, TERM_UNKNOWN };

struct term {
    const char *text;        /* as the rule writes it */
    enum term_truth truth;
    char value[160];         /* what the message has, escaped; "" nothing */
    uint32_t offset, length; /* of the bytes in the message; length 0: none */
    unsigned depth;          /* 1: a part of the term before it */
};

typedef void (*term_sink)(void *context, const struct term *term);

struct explainer;

/* For messages that are asked about one after the other. NULL: no memory. */
struct explainer *explainer_open(const struct rule_set *set);
void explainer_close(struct explainer *e);
/* Tells every term and answers whether the rule is true of the message, as the detector would (pass rules and
 * threshold.config aside). `stored`: the message comes from the store, which keeps nothing of the connection's state; such
 * terms are unknown and count as true. */
bool explainer_rule(struct explainer *e, uint32_t rule, const struct message *message, bool stored, term_sink tell, void *context);
/* The rule's truth about a message of which some bytes or fields may not be here (its head is shorter than its length, fields_cut):
 * unknown when they would decide. */
enum term_truth explainer_truth(struct explainer *e, uint32_t rule, const struct message *message);
/* What a rule asks for. */
struct rule_needs {
    bool pass;        /* it is a pass rule */
    bool never;       /* it never matches */
    bool bytes;       /* it may look at bytes of the message */
    const char *more; /* NULL, or why one message on its own cannot answer it */
};
void rules_needs(const struct rule_set *set, uint32_t rule, struct rule_needs *out);
/* The exception of threshold.config that is true of the message at this time, + 1 (as in struct alert); 0: none. */
uint16_t explainer_exception(struct explainer *e, uint32_t rule, const struct message *message, int64_t time_ns);

#endif
