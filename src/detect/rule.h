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
#include "base/view.h"
#include "detect/intervals.h"
#include "detect/literals.h"
#include "detect/rules.h"
#include "model/anomaly.h"
#include "model/event.h"
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
    STEP_SIZE,    /* bsize */
    STEP_REGEX,   /* pcre */
    STEP_BYTE_TEST,
    STEP_BYTE_JUMP,
    STEP_BYTE_EXTRACT,
    STEP_BYTE_MATH
};

enum step_fast { FAST_NO, FAST_YES, FAST_ONLY, FAST_PART };
enum { STEP_UNSET = INT32_MIN };

/* What of a step may be the name of a value that byte_extract read. */
enum step_place { PLACE_OFFSET, PLACE_DEPTH, PLACE_DISTANCE, PLACE_WITHIN, PLACE_AT, STEP_PLACES };

/* i s m x A E G as PCRE knows them, R: after the match before. */
enum regex_flag {
    REGEX_CASELESS = 1,
    REGEX_DOTALL = 2,
    REGEX_MULTILINE = 4,
    REGEX_EXTENDED = 8,
    REGEX_ANCHORED = 16,
    REGEX_DOLLAR_END = 32,
    REGEX_UNGREEDY = 64,
    REGEX_RELATIVE = 128,
    REGEX_AT_START = 256 /* found when compiled: it can only match where the search begins */
};

enum { VARIABLES_MAX = 4, VARIABLE_NAME_MAX = 32, FLOWBITS_MAX = 64 };

/* The name of a value that byte_extract keeps. */
struct value_name {
    char name[VARIABLE_NAME_MAX];
};

enum reading_operator { READ_EQUAL, READ_GREATER, READ_LESS, READ_AT_LEAST, READ_AT_MOST, READ_AND, READ_OR };
enum reading_math { MATH_PLUS, MATH_MINUS, MATH_TIMES, MATH_DIVIDED, MATH_LEFT, MATH_RIGHT };

/* What byte_test, byte_jump, byte_extract and byte_math do with a number in the buffer. The *_of fields: variable + 1. */
struct reading {
    uint8_t count;        /* bytes, 0 to 23 */
    uint8_t base;         /* 0: binary; 8, 10, 16: digits */
    uint8_t operator;     /* enum reading_operator; of byte_math: enum reading_math */
    uint8_t align;        /* round up to 2 or 4 */
    uint8_t result;       /* variable that takes the value */
    uint8_t count_of, offset_of, value_of;
    bool little, negated, from_beginning, from_end;
    int32_t offset, post;
    uint32_t multiplier;
    uint64_t mask;        /* bitmask; 0: all bits */
    uint64_t value;
};

/* One condition on the bytes of a buffer, in the order of the rule. STEP_UNSET: not given. */
struct step {
    uint8_t kind;
    bool negated, nocase, relative, starts, ends;
    bool chained;         /* a later step is relative to this one: every occurrence counts */
    uint8_t fast;         /* enum step_fast: kept for printing and for a search of many patterns at once */
    int32_t offset, depth, distance, within;
    uint16_t fast_offset, fast_length;
    uint32_t at;          /* isdataat; STEP_BYTE_*: which of the rule's readings */
    uint8_t named[STEP_PLACES]; /* by enum step_place: the variable + 1 that holds it; 0: the number itself */
    bool has_named;
    uint16_t flags;       /* pcre: enum regex_flag */
    struct span pattern;  /* bytes; in lower case when nocase; of pcre: the text between the slashes */
    struct span items;    /* bsize */
    struct pcre2_real_code_8 *regex; /* of the set */
};

enum test_kind {
    TEST_ANOMALY, /* the message has a report with one of the names */
    TEST_NUMBER,  /* some occurrence of the field has a value of the list */
    TEST_ADDRESS, /* the field is in the ranges */
    TEST_FACTS,   /* on: the message says one of these facts */
    TEST_STREAM,  /* a side's bytes so far are in the list */
    TEST_BITS,    /* flowbits of the connection */
    TEST_WHERE,   /* from here on, what is asked after the header */
    TEST_BUFFER   /* some occurrence of the field passes every step */
};

enum absence { ABSENT_NO, ABSENT_MUST, ABSENT_MAY };
enum bits_wanted { BITS_ALL, BITS_ANY, BITS_NONE };
enum stream_sides { STREAM_CLIENT, STREAM_SERVER, STREAM_BOTH, STREAM_EITHER };

struct test {
    uint8_t kind;
    bool nocase;          /* some step is */
    uint8_t regexes;      /* how many steps are */
    uint8_t absent;       /* enum absence of the buffer */
    uint8_t wanted;       /* TEST_BITS: enum bits_wanted; TEST_STREAM: enum stream_sides */
    uint16_t field;       /* TEST_BUFFER: FIELD_NONE is the message itself */
    struct span parts;    /* names, items or steps */
    uint64_t bits;        /* TEST_BITS; TEST_FACTS: 1 << enum fact_kind */
};

enum threshold_type { THRESHOLD_NONE, THRESHOLD_LIMIT, THRESHOLD_EVERY, THRESHOLD_BOTH, THRESHOLD_BACKOFF, THRESHOLD_AFTER };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_FLOW, TRACK_CLIENT, TRACK_SERVER, TRACK_USER,
                       TRACKS };

extern const char *const threshold_tracks[TRACKS];

struct threshold {
    uint8_t type;  /* enum threshold_type; THRESHOLD_AFTER is detection_filter */
    uint8_t track; /* enum threshold_track */
    uint32_t count, seconds; /* seconds 0: backoff, which has no window */
    uint32_t multiplier;     /* backoff: each alert is so many times the matches of the one before */
};

enum rate_kind { RATE_NONE, RATE_COUNT, RATE_SUM, RATE_DISTINCT };
enum { RATE_DISTINCT_MAX = 256, RATE_SECONDS_MAX = 86400 };

/* A rule with a rate alerts when its matches, a sum or the different values of a field reach so much in so long. */
struct rate {
    uint8_t kind;     /* enum rate_kind */
    uint8_t track;    /* enum threshold_track */
    uint16_t field;
    uint32_t seconds;
    uint64_t least;
};

enum flow_word {
    FLOW_TO_SERVER = 1,
    FLOW_TO_CLIENT = 2,
    FLOW_ESTABLISHED = 4,
    FLOW_NOT_ESTABLISHED = 8,
    FLOW_STATELESS = 16,
    FLOW_ONLY_STREAM = 32,
    FLOW_NO_STREAM = 64
};

/* What a match asks of the bits of hosts, and does to them. Verbs from XBIT_IS_SET on ask. */
enum xbit_verb { XBIT_SET, XBIT_UNSET, XBIT_TOGGLE, XBIT_IS_SET, XBIT_IS_NOT_SET, XBIT_VERBS };
enum xbit_track { XBIT_SRC, XBIT_DST, XBIT_PAIR, XBIT_TRACKS };
enum { XBITS_MAX = 256, XBITS_PER_RULE = 4, XBIT_EXPIRE_DEFAULT = 30 };

struct xbit {
    uint8_t verb, track;
    uint16_t name;   /* of the set's xbits */
    uint32_t expire; /* seconds */
};

/* What a match does to the flowbits of its connection. */
struct bit_changes {
    uint64_t set, unset, toggle;
};

struct rule {
    uint32_t gid, sid, rev;
    uint32_t protocols;      /* bit per enum protocol; 0: never matches in this build */
    uint8_t action;          /* enum rule_action */
    uint8_t sides;           /* bit per enum side: who may have sent the message */
    bool only_tcp, only_udp;
    uint8_t severity, class; /* an anomaly rule without `priority` takes both from the report's row */
    uint8_t flow;            /* enum flow_word, as written */
    uint8_t priority;        /* as written; 0 none */
    uint8_t target;          /* 0 none, 1 src_ip, 2 dest_ip */
    uint8_t evidence;        /* the test that says why, when no anomaly does */
    bool both_ways;          /* <> */
    uint8_t event;           /* enum event: when it is asked */
    bool never;              /* loads, and can never match */
    bool quiet;              /* noalert: only the flowbits change */
    bool gap_ok, raw;        /* as written */
    struct bit_changes bits;
    struct xbit xbits[XBITS_PER_RULE];
    uint8_t xbits_used;
    uint16_t items_used;
    struct span tunings;     /* of the set's tuning_list: lines that hide alerts of this rule */
    void *tuned;             /* memory of items that a line of threshold.config changed */
    const struct rule_set *set;
    struct threshold threshold;
    struct rate rate;
    struct span addresses[2], ports[2]; /* by enum rule_end; count 0: any */
    struct span tests;
    const struct wide_range *ranges;
    const struct test *all_tests;
    const struct item *items;
    const struct step *steps;
    const uint8_t *bytes;    /* of patterns */
    const uint16_t *names;   /* anomalies */
    const struct reading *readings;
    const struct value_name *variables;
    const struct where_step *where;
    const char *where_text;  /* as written, on one line */
    const char *packet;      /* packet keywords, as written: the rule never matches */
    unsigned line;           /* where it begins */
    const char *file, *proto, *msg, *classtype, *references, *metadata, *text;
    void *block;             /* the memory behind all of it */
};

/* Where a kind of rule is found: see rule_index.c. */
struct index_list {
    uint32_t first, count;
};

enum { INDEX_MESSAGES = 512, INDEX_FACTS = 32, INDEX_FACT_AT = FIELDS + INDEX_MESSAGES, INDEX_SLOTS = INDEX_FACT_AT + INDEX_FACTS, INDEX_LANES = PROTOCOLS * 2 };

/* Rules with a literal in the message, or in one field of it; and the kinds of messages that any of them allows. */
struct index_texts {
    struct literals literals;
    bool every_kind;
    uint64_t kinds[INDEX_MESSAGES / 64];
};

/* Everything that one protocol and side may say. Slot 0 (FIELD_NONE): rules that look at every message; then one slot for
 * each field, then one for each kind of message, then one for each kind of fact. */
struct index_lane {
    uint32_t rules;
    bool fields, messages, facts, texts_of_fields;
    struct index_list slots[INDEX_SLOTS];
    struct index_texts *texts[FIELDS];   /* FIELD_NONE: of the message; NULL: no rules */
    struct intervals *numbers[FIELDS];   /* rules with a number in a field */
    uint16_t derived[FIELDS];            /* those of them that are not in the message, but its own or the connection's */
    unsigned derived_used;
};

struct rule_index {
    uint32_t rules;
    uint32_t *list;
    struct index_list by_anomaly[ANOMALIES];
    struct index_lane lanes[INDEX_LANES];
};

struct rule_note {
    char *file, *text, *excerpt;
    unsigned line, column, caret;
};

struct note_list {
    struct rule_note *notes;
    size_t used, room;
};

struct variable {
    char *name, *value;
};

/* Compiled expressions, in the order of the rules that brought them. */
struct regex_list {
    struct pcre2_real_code_8 **codes;
    size_t used, room;
};

struct rule_set {
    struct rule *rules;
    size_t rules_used, rules_room;
    uint32_t *ids; /* open addressing by (gid, sid): rule + 1 */
    size_t ids_room;
    struct note_list problems, warnings;
    struct variable *variables;
    size_t variables_used;
    uint32_t *event_list;        /* rules that are asked about events, passes first, readers last */
    struct index_list events[EVENTS];
    struct rule_index *passes, *alerts, *readers; /* readers: alerts that ask about flowbits, asked last */
    struct regex_list regexes;
    char bits[FLOWBITS_MAX][VARIABLE_NAME_MAX * 2]; /* names of flowbits */
    unsigned bits_used;
    char xbits[XBITS_MAX][VARIABLE_NAME_MAX * 2]; /* names of xbits */
    unsigned xbits_used;
    struct tuning *tunings;      /* lines of threshold.config */
    size_t tunings_used;
    uint16_t *tuning_list;
    struct rule_set *conditions; /* of exceptions, each a rule with a where */
    bool out_of_memory;
};

/* Copies of strings that may fail: NULL and set->out_of_memory. */
char *rule_copy_text(struct rule_set *set, const char *text, size_t length);
void rule_note(struct rule_set *set, struct note_list *list, const struct rule_problem *problem);
/* NULL when the set has no such variable. */
const char *rule_variable(const struct rule_set *set, const char *name, size_t length);
/* The rule with these numbers, or NULL. */
const struct rule *rule_find(const struct rule_set *set, uint32_t gid, uint32_t sid);
/* Takes over the rule, in the place of an older revision of it; false: no memory, or the numbers are taken. */
bool rule_keep(struct rule_set *set, const struct rule *rule);

/* A rule in canonical form: parsing the print gives the same rule. */
void rule_print(const struct rule *rule, struct text *out);
/* `space` follows > and <: "" in a rule, " " for a person. */
void rule_print_items(const struct rule *rule, struct span items, enum field field, const char *space, struct text *out);
void rule_print_step(const struct rule *rule, const struct step *step, struct text *out);

void rule_print_test(const struct rule *rule, const struct test *test, struct text *out);
/* What `on` calls these facts (bits 1 << enum fact_kind). */
const char *rule_when_name(uint64_t facts);
void rule_print_bits(const struct rule *rule, const char *verb, uint64_t bits, bool any, struct text *out);
void rule_print_xbit(const struct rule *rule, const struct xbit *bit, struct text *out);
bool rule_asks_xbits(const struct rule *rule);
void rule_print_ranges(const struct rule *rule, struct span ranges, struct text *out);
void rule_print_quoted(const char *text, struct text *out);
void rule_print_regex_flags(uint16_t written, struct text *out);
void regexes_free(struct regex_list *list);

/* Whether an anomaly test has the name. */
bool rule_names(const struct rule *rule, const struct test *test, uint16_t anomaly);

bool index_build(struct rule_set *set);
void index_free(struct rule_index *index);

bool wide_in(const struct wide_range *ranges, size_t count, struct wide value);
struct wide wide_of_address(const uint8_t address[16]);
bool items_contain(const struct item *items, size_t count, uint64_t value, enum protocol protocol);

/* The message names of a protocol (db.message). */
enum name_set rule_message_names(enum protocol protocol);
/* At which events a field has a value: bits 1 << enum event. */
unsigned rule_field_events(enum field field);
/* A field that the connection answers, not one message: cannot be an index key. */
bool rule_field_is_derived(enum field field);

#endif
