/*
 * A rule as it runs: scalars, and pools of tests that live in one block of memory made when the rule is accepted. The
 * matcher only reads it. Every pool is reached by a span, so that a draft (fixed arrays) and a rule look the same.
 */
#ifndef DBHOUND_DETECT_RULE_H
#define DBHOUND_DETECT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "detect/rules.h"
#include "model/anomaly.h"
#include "model/field.h"
#include "model/protocol.h"

enum rule_action { ACTION_ALERT, ACTION_PASS, ACTION_LOG };
enum rule_end { RULE_SOURCE, RULE_TARGET };

struct span {
    uint16_t first, count;
};

/* 128 bits in host order: an address; a port in `low`. Ordered, so that a list is sorted ranges without overlap. */
struct wide {
    uint64_t high, low;
};

struct wide_range {
    struct wide low, high;
};

/* How a number was written: for printing it again. */
enum item_form { ITEM_IS, ITEM_GREATER, ITEM_LESS, ITEM_AT_LEAST, ITEM_AT_MOST, ITEM_BETWEEN };

/* One item of a comma list: a range of values, both ends included. */
struct item {
    uint64_t low, high;
    uint8_t form;     /* enum item_form */
    uint8_t protocol; /* db.message: whose name it is; PROTOCOL_NONE: of any */
    bool negated;
};

enum step_kind {
    STEP_CONTENT,
    STEP_DATA_AT, /* isdataat */
    STEP_SIZE     /* bsize */
};

enum step_fast { FAST_NO, FAST_YES, FAST_ONLY, FAST_PART };
enum { STEP_UNSET = INT32_MIN };

/* One condition on the bytes of a buffer, in the order of the rule. STEP_UNSET: not given. */
struct step {
    uint8_t kind;
    bool negated, nocase, relative, starts, ends;
    bool chained;         /* a later step is relative to this one: every occurrence counts */
    uint8_t fast;         /* enum step_fast: kept for printing and for a search of many patterns at once */
    int32_t offset, depth, distance, within;
    uint16_t fast_offset, fast_length;
    uint32_t at;          /* isdataat */
    struct span pattern;  /* bytes; in lower case when nocase */
    struct span items;    /* bsize */
};

enum test_kind {
    TEST_ANOMALY, /* the message has a report with one of the names */
    TEST_NUMBER,  /* some occurrence of the field has a value of the list */
    TEST_BUFFER   /* some occurrence of the field passes every step */
};

struct test {
    uint8_t kind;
    bool nocase;          /* some step is */
    uint16_t field;       /* TEST_BUFFER: FIELD_NONE is the message itself */
    struct span parts;    /* names, items or steps */
};

enum threshold_type { THRESHOLD_NONE, THRESHOLD_LIMIT, THRESHOLD_EVERY, THRESHOLD_BOTH, THRESHOLD_AFTER };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_FLOW, TRACK_CLIENT, TRACK_SERVER };

struct threshold {
    uint8_t type;  /* enum threshold_type; THRESHOLD_AFTER is detection_filter */
    uint8_t track; /* enum threshold_track */
    uint32_t count, seconds;
};

enum flow_word {
    FLOW_TO_SERVER = 1,
    FLOW_TO_CLIENT = 2,
    FLOW_ESTABLISHED = 4,
    FLOW_NOT_ESTABLISHED = 8,
    FLOW_STATELESS = 16
};

struct rule {
    uint32_t gid, sid, rev;
    uint32_t protocols;      /* bit per enum protocol; 0: never matches in this build */
    uint8_t action;          /* enum rule_action */
    uint8_t sides;           /* bit per enum side: who may have sent the message */
    uint8_t severity, class; /* an anomaly rule without `priority` takes both from the report's row */
    uint8_t flow;            /* enum flow_word, as written */
    uint8_t priority;        /* as written; 0 none */
    uint8_t target;          /* 0 none, 1 src_ip, 2 dest_ip */
    uint8_t evidence;        /* the test that says why, when no anomaly does */
    bool both_ways;          /* <> */
    bool never;              /* loads, and can never match */
    struct threshold threshold;
    struct span addresses[2], ports[2]; /* by enum rule_end; count 0: any */
    struct span tests;
    const struct wide_range *ranges;
    const struct test *all_tests;
    const struct item *items;
    const struct step *steps;
    const uint8_t *bytes;    /* of patterns */
    const uint16_t *names;   /* anomalies */
    const char *proto, *msg, *classtype, *references, *metadata, *text;
    void *block;             /* the memory behind all of it */
};

/* Where a kind of rule is found: see rule_index.c. */
struct index_list {
    uint32_t first, count;
};

enum { INDEX_MESSAGES = 512, INDEX_SLOTS = FIELDS + INDEX_MESSAGES, INDEX_LANES = PROTOCOLS * 2 };

/* Everything that one protocol and side may say. Slot 0 (FIELD_NONE): rules that look at every message; then one slot for
 * each field, then one for each kind of message. */
struct index_lane {
    uint32_t rules;
    bool fields, messages;
    struct index_list slots[INDEX_SLOTS];
};

struct rule_index {
    uint32_t rules;
    uint32_t *list;
    struct index_list by_anomaly[ANOMALIES];
    struct index_lane lanes[INDEX_LANES];
};

struct rule_note {
    char *file, *text;
    unsigned line, column;
};

struct note_list {
    struct rule_note *notes;
    size_t used, room;
};

struct variable {
    char *name, *value;
};

struct rule_set {
    struct rule *rules;
    size_t rules_used, rules_room;
    uint32_t *ids; /* open addressing by (gid, sid): rule + 1 */
    size_t ids_room;
    struct note_list problems, warnings;
    struct variable *variables;
    size_t variables_used;
    struct rule_index *passes, *alerts;
    bool out_of_memory;
};

/* Copies of strings that may fail: NULL and set->out_of_memory. */
char *rule_copy_text(struct rule_set *set, const char *text, size_t length);
void rule_note(struct rule_set *set, struct note_list *list, const char *file, unsigned line, unsigned column,
               const char *text);
/* NULL when the set has no such variable. */
const char *rule_variable(const struct rule_set *set, const char *name, size_t length);
/* The rule with these numbers, or NULL. */
const struct rule *rule_find(const struct rule_set *set, uint32_t gid, uint32_t sid);
/* Takes over the rule; false: no memory, or the numbers are taken. */
bool rule_keep(struct rule_set *set, const struct rule *rule);

/* A rule in canonical form: parsing the print gives the same rule. */
void rule_print(const struct rule *rule, struct text *out);
/* `space` follows > and <: "" in a rule, " " for a person. */
void rule_print_items(const struct rule *rule, struct span items, enum field field, const char *space, struct text *out);
void rule_print_step(const struct rule *rule, const struct step *step, struct text *out);

bool index_build(struct rule_set *set);

bool wide_in(const struct wide_range *ranges, size_t count, struct wide value);
struct wide wide_of_address(const uint8_t address[16]);
bool items_contain(const struct item *items, size_t count, uint64_t value, enum protocol protocol);

/* The message names of a protocol (db.message). */
enum name_set rule_message_names(enum protocol protocol);
/* A field that the connection answers, not one message: cannot be an index key. */
bool rule_field_is_derived(enum field field);

#endif
