/*
 * where:"...": a condition over fields. Typed when it is loaded and compiled to postfix steps that run once each: no loops,
 * no jumps, no memory. Three truths: a comparison with a field that the message does not have is neither true nor false,
 * and so is its negation.
 */
#ifndef DBHOUND_DETECT_WHERE_H
#define DBHOUND_DETECT_WHERE_H

#include "base/view.h"
#include "detect/rule.h"

enum { WHERE_STEPS_MAX = 192, WHERE_DEPTH_MAX = 32, WHERE_TEXT_MAX = 4096 };

/* Wider than any field, so that sums and products of fields are what they are in mathematics. */
__extension__ typedef __int128 where_number;

enum where_kind {
    WHERE_NUMBER, /* value */
    WHERE_TEXT,   /* bytes */
    WHERE_ADDRESS,/* value of the item list `list`: one range */
    WHERE_FIELD,
    WHERE_EXISTS, /* of the field */
    WHERE_LEAST,  /* of all values of the field in the message */
    WHERE_MOST,
    WHERE_LENGTH,
    WHERE_LOWER,
    WHERE_ABSOLUTE,
    WHERE_MINUS,
    WHERE_MIN,
    WHERE_MAX,
    WHERE_ADD,
    WHERE_SUBTRACT,
    WHERE_MULTIPLY,
    WHERE_DIVIDE,
    WHERE_REMAINDER,
    WHERE_BIT_AND,
    WHERE_EQUAL,
    WHERE_DIFFERS,
    WHERE_LESS,
    WHERE_AT_MOST,
    WHERE_GREATER,
    WHERE_AT_LEAST,
    WHERE_CONTAINS,
    WHERE_STARTS,
    WHERE_ENDS,
    WHERE_IN_NUMBERS,
    WHERE_IN_TEXTS,
    WHERE_IN_ADDRESSES,
    WHERE_NOT,
    WHERE_AND,
    WHERE_OR
};

struct where_step {
    uint8_t kind;      /* enum where_kind */
    uint8_t protocol;  /* of names in lists of db.message */
    uint16_t field;
    struct span list;  /* of the rule's bytes, items or ranges; texts: length (two bytes) and bytes, one after the other */
    uint16_t at, to;   /* the part of the text that this step is the end of: for telling what was asked */
    int64_t value;     /* of a number below 2^63 */
    uint64_t large;    /* and of one above, when value is -1 */
};

/* What is compared. */
enum value_kind { VALUE_ABSENT, VALUE_NUMBER, VALUE_BYTES, VALUE_ADDRESS, VALUE_TRUTH };

struct value {
    uint8_t kind;      /* enum value_kind */
    bool truth;
    bool of_head;      /* bytes: they lie in the message */
    where_number number;
    struct view bytes;
    uint64_t size;     /* of the bytes on the wire */
    struct wide address;
};

struct asked;

/* Told what each comparison came to; for explaining. `truth`: 1 true, 0 false, -1 neither. */
typedef void (*where_told)(void *context, const struct where_step *step, const struct value *left, const struct value *right, int truth);

/* Whether it is true, and nothing else. `told` may be NULL. */
bool where_true(const struct asked *a, const struct rule *rule, struct span steps, where_told told, void *context);

#endif
