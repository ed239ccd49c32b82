/* A condition being read: tokens, the stack of operators that wait, and the stack of types. See where_parse.c. */
#ifndef DBHOUND_DETECT_WHERE_PARSER_H
#define DBHOUND_DETECT_WHERE_PARSER_H

#include "detect/draft.h"
#include "detect/where.h"

/* What stands on the stack of types: a value's kind, and what it is when only its neighbour can tell. */
enum type { TYPE_NUMBER, TYPE_TEXT, TYPE_ADDRESS, TYPE_TRUTH, TYPE_WORD };

struct typed {
    uint8_t type;
    uint16_t field;   /* a field as it is; FIELD_NONE: anything else */
    uint16_t step;    /* the step that gives it, when it is a leaf */
    uint16_t at;      /* where it begins in the text */
    bool leaf;
    struct view word; /* TYPE_WORD: the name of a value; TYPE_TEXT of a literal: what is in the quotes */
};

enum token { TOKEN_END, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_ADDRESS, TOKEN_WORD, TOKEN_VARIABLE, TOKEN_SIGN };

struct pending {
    uint8_t kind;       /* enum where_kind: of an operator, or of the function that a parenthesis calls */
    uint8_t precedence; /* 0: a parenthesis */
    uint8_t arguments;
    bool call;
    uint16_t at;
};

struct parser {
    struct draft *d;
    const uint8_t *place[WHERE_TEXT_MAX + 1]; /* of each byte in the source */
    uint8_t text[WHERE_TEXT_MAX + 1];
    size_t length, next;
    enum token token;
    size_t at;          /* of the token */
    struct view word;   /* its text, without quotes */
    uint64_t number;
    bool operand;       /* an operand is expected */
    struct pending pending[WHERE_DEPTH_MAX];
    unsigned pending_used;
    struct typed types[WHERE_DEPTH_MAX];
    unsigned types_used;
};

/* where_lex.c. False: refused. */
bool where_token(struct parser *p);
bool where_is_sign(const struct parser *p, const char *sign);
bool where_refuse(struct parser *p, size_t at, const char *reason);

/* where_types.c: each emits steps and leaves one type. */
bool where_operand(struct parser *p);
bool where_operator(struct parser *p, const struct pending *operator);
bool where_call(struct parser *p, const struct pending *call);
/* After `in`: the list, to its end. */
bool where_list(struct parser *p, size_t at);
/* What is left is a condition. */
bool where_condition(struct parser *p);

#endif
