/*
 * where:"..." becomes steps: precedence climbing with a stack of operators instead of calls, so that nesting is a number
 * with a bound. A stack of types beside it says at every operator what stands left and right of it; what does not fit is
 * refused at its place.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/where_parser.h"

static const struct {
    const char *name;
    uint8_t kind;
} functions[] = {
    {"len", WHERE_LENGTH}, {"lower", WHERE_LOWER}, {"exists", WHERE_EXISTS}, {"cidr", WHERE_IN_ADDRESSES},
    {"min", WHERE_MIN},    {"max", WHERE_MAX},     {"abs", WHERE_ABSOLUTE},
};

static const struct {
    const char *sign;
    uint8_t kind, precedence;
} operators[] = {
    {"or", WHERE_OR, 1},          {"||", WHERE_OR, 1},         {"and", WHERE_AND, 2},        {"&&", WHERE_AND, 2},
    {"==", WHERE_EQUAL, 4},       {"!=", WHERE_DIFFERS, 4},    {"<=", WHERE_AT_MOST, 4},     {">=", WHERE_AT_LEAST, 4},
    {"<", WHERE_LESS, 4},         {">", WHERE_GREATER, 4},     {"contains", WHERE_CONTAINS, 4}, {"startswith", WHERE_STARTS, 4},
    {"endswith", WHERE_ENDS, 4},  {"in", WHERE_IN_NUMBERS, 4}, {"+", WHERE_ADD, 5},          {"-", WHERE_SUBTRACT, 5},
    {"*", WHERE_MULTIPLY, 6},     {"/", WHERE_DIVIDE, 6},      {"%", WHERE_REMAINDER, 6},    {"&", WHERE_BIT_AND, 6},
};


enum { PRECEDENCE_NOT = 3, PRECEDENCE_MINUS = 7 };

static bool hold(struct parser *p, struct pending pending)
{
    if (p->pending_used == WHERE_DEPTH_MAX)
        return where_refuse(p, pending.at, "the condition is nested too deep");
    p->pending[p->pending_used++] = pending;
    return true;
}

/* Applies the operators that bind at least so; stops at a parenthesis. */
static bool reduce(struct parser *p, unsigned precedence)
{
    while (p->pending_used && p->pending[p->pending_used - 1].precedence >= precedence) {
        const struct pending o = p->pending[--p->pending_used];
        if (!where_operator(p, &o))
            return false;
    }
    return true;
}

static bool close_parenthesis(struct parser *p)
{
    if (!reduce(p, 1))
        return false;
    if (p->pending_used == 0)
        return where_refuse(p, p->at, ") without (");
    struct pending open = p->pending[--p->pending_used];
    open.arguments++;
    return (!open.call || where_call(p, &open)) && where_token(p);
}

static bool take_comma(struct parser *p)
{
    if (!reduce(p, 1))
        return false;
    if (p->pending_used == 0 || !p->pending[p->pending_used - 1].call)
        return where_refuse(p, p->at, ", does not stand here");
    p->pending[p->pending_used - 1].arguments++;
    p->operand = true;
    return where_token(p);
}

static int function_named(const struct parser *p)
{
    size_t next = p->next;
    while (next < p->length && is_space(p->text[next]))
        next++;
    if (p->token != TOKEN_WORD || next == p->length || p->text[next] != '(')
        return -1;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (view_equal(p->word, view_text(functions[i].name)))
            return (int)i;
    return -1;
}

/* Where a value must stand: prefixes, parentheses, functions, then the value. */
static bool take_operand(struct parser *p)
{
    const struct pending here = {.at = (uint16_t)p->at};
    struct pending o = here;
    const int function = function_named(p);
    if (function >= 0) {
        o.kind = functions[function].kind;
        o.call = true;
        return hold(p, o) && where_token(p) && where_token(p);
    }
    if (where_is_sign(p, "("))
        return hold(p, o) && where_token(p);
    if (where_is_sign(p, "!") || (p->token == TOKEN_WORD && view_equal(p->word, view_text("not")))) {
        o.kind = WHERE_NOT;
        o.precedence = PRECEDENCE_NOT;
        /* not stands before comparisons, not inside them. */
        if (p->pending_used && p->pending[p->pending_used - 1].precedence > PRECEDENCE_NOT)
            return where_refuse(p, p->at, "put the condition after not in parentheses");
        return hold(p, o) && where_token(p);
    }
    if (where_is_sign(p, "-")) {
        o.kind = WHERE_MINUS;
        o.precedence = PRECEDENCE_MINUS;
        return hold(p, o) && where_token(p);
    }
    if (p->token == TOKEN_SIGN || p->token == TOKEN_END)
        return where_refuse(p, p->at, "a value is missing here");
    if (!where_operand(p))
        return false;
    p->operand = false;
    return where_token(p);
}

static bool take_operator(struct parser *p)
{
    const struct pending here = {.at = (uint16_t)p->at};
    if (where_is_sign(p, ")"))
        return close_parenthesis(p);
    if (where_is_sign(p, ","))
        return take_comma(p);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if ((p->token != TOKEN_SIGN && p->token != TOKEN_WORD) || !view_equal(p->word, view_text(operators[i].sign)))
            continue;
        struct pending o = here;
        o.kind = operators[i].kind;
        o.precedence = operators[i].precedence;
        if (!reduce(p, o.precedence))
            return false;
        if (o.kind == WHERE_IN_NUMBERS)
            return where_token(p) && where_list(p, o.at);
        p->operand = true;
        return hold(p, o) && where_token(p);
    }
    return where_refuse(p, p->at, "an operator is expected here: and or == != < <= > >= in contains startswith endswith + - * / % &");
}

static bool parse(struct parser *p)
{
    p->operand = true;
    if (!where_token(p))
        return false;
    while (p->token != TOKEN_END || p->operand)
        if (!(p->operand ? take_operand(p) : take_operator(p)))
            return false;
    if (!reduce(p, 1))
        return false;
    if (p->pending_used)
        return where_refuse(p, p->pending[p->pending_used - 1].at, "( is not closed");
    return where_condition(p);
}

/* What is between the quotes of the rule, and where each byte of it stands in the source. */
static bool unquote(struct parser *p, struct view value)
{
    struct draft *d = p->d;
    if (value.length < 2 || value.bytes[0] != '"' || value.bytes[value.length - 1] != '"')
        return draft_refuse(d, value.bytes, "where is written \"condition\"");
    for (size_t i = 1; i + 1 < value.length; i++) {
        uint8_t c = value.bytes[i], next = value.bytes[i + 1];
        p->place[p->length] = value.bytes + i;
        if (c == '"')
            return draft_refuse(d, value.bytes + i, "inside where, text stands in single quotes");
        if (c == '\\' && i + 2 < value.length && (next == '"' || next == ';' || next == ':' || next == '\\')) {
            c = next;
            i++;
        } else if (c == '\\' && (next == '\n' || next == '\r')) {
            c = ' ';
        }
        if (p->length == WHERE_TEXT_MAX)
            return draft_refuse(d, value.bytes, "longer than %d bytes", WHERE_TEXT_MAX);
        p->text[p->length++] = c < 0x20 || c == 0x7f ? ' ' : c;
    }
    p->place[p->length] = value.bytes + value.length - 1;
    return true;
}

bool keyword_where(struct draft *d, const struct option *o)
{
    struct test *t;
    if (d->where_used)
        return draft_refuse(d, o->name.bytes, "where stands twice: join the conditions with and");
    struct parser *p = calloc(1, sizeof *p);
    if (!p)
        return draft_refuse(d, o->name.bytes, "out of memory");
    p->d = d;
    bool good = unquote(p, o->value);
    if (good) {
        memcpy(d->where_text, p->text, p->length);
        d->where_text[p->length] = 0;
        good = parse(p) && (t = draft_add_test(d, TEST_WHERE, FIELD_NONE, o->name.bytes)) != NULL;
    }
    if (good)
        t->parts = (struct span){0, (uint16_t)d->where_used};
    free(p);
    return good;
}
