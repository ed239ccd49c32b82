/* The rarest thing that a rule needs: see rule_key.h. */
#include "detect/rule_key.h"

#include "detect/where.h"

/* Weights: how seldom a message has what is asked for. */
enum { WEIGHT_EVERY, WEIGHT_FIELD = 10, WEIGHT_SHORT_TEXT = 12, WEIGHT_DERIVED = 15, WEIGHT_KINDS = 20, WEIGHT_FACTS = 22, WEIGHT_NUMBER = 30, WEIGHT_TEXT = 40 };
enum { TEXT_LONG_ENOUGH = 3 };

struct choice {
    struct rule_key key;
    unsigned weight;
};

static void offer(struct choice *c, struct rule_key key, unsigned weight)
{
    if (weight > c->weight)
        *c = (struct choice){key, weight};
}

/* ---- keywords */

static bool all_positive(const struct rule *r, struct span items)
{
    for (unsigned i = 0; i < items.count; i++)
        if (r->items[items.first + i].negated)
            return false;
    return items.count > 0;
}

struct span rule_key_kinds(const struct rule *r)
{
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        bool plain = t->kind == TEST_NUMBER && t->field == FIELD_DB_MESSAGE && all_positive(r, t->parts);
        for (unsigned j = 0; plain && j < t->parts.count; j++) {
            const struct item *item = &r->items[t->parts.first + j];
            plain = item->low == item->high && item->low < INDEX_MESSAGES;
        }
        if (plain)
            return t->parts;
    }
    return (struct span){0, 0};
}

/* A literal that must be in the message's bytes. The rule's own choice first, then the longest. */
static void offer_texts(struct choice *c, const struct rule *r, const struct test *t)
{
    const struct step *best = NULL;
    if (t->field != FIELD_NONE && rule_field_is_derived((enum field)t->field))
        return;
    for (unsigned i = 0; i < t->parts.count; i++) {
        const struct step *s = &r->steps[t->parts.first + i];
        if (s->kind != STEP_CONTENT || s->negated)
            continue;
        const bool chosen = s->fast != FAST_NO && s->pattern.count >= TEXT_LONG_ENOUGH;
        const bool better = !best || (best->fast == FAST_NO && s->pattern.count > best->pattern.count);
        if (chosen || better)
            best = s;
    }
    if (!best)
        return;
    const struct rule_key key = {.kind = KEY_TEXT, .field = t->field, .literal = view_of(r->bytes + best->pattern.first, best->pattern.count)};
    const bool fast = best->fast != FAST_NO;
    offer(c, key, best->pattern.count < 2 ? 0 : best->pattern.count < TEXT_LONG_ENOUGH ? WEIGHT_SHORT_TEXT : WEIGHT_TEXT + fast +
                  (best->pattern.count < 50 ? best->pattern.count : 50u) * (fast ? 4 : 1));
}

static void offer_number(struct choice *c, const struct rule *r, const struct test *t)
{
    if (!all_positive(r, t->parts) || t->field == FIELD_DB_MESSAGE)
        return;
    const struct rule_key key = {.kind = KEY_NUMBER, .field = t->field, .items = t->parts};
    offer(c, key, rule_field_is_derived((enum field)t->field) ? WEIGHT_DERIVED : WEIGHT_NUMBER);
}

/* ---- where: what each of the conditions that are joined by `and` needs */

static unsigned arity(enum where_kind kind)
{
    return kind <= WHERE_MOST                                                                                      ? 0
           : kind <= WHERE_MINUS || (kind >= WHERE_IN_NUMBERS && kind <= WHERE_IN_ADDRESSES) || kind == WHERE_NOT ? 1
                                                                                                                   : 2;
}

/* Steps of the part that ends with `last`. */
static unsigned size_of(const struct rule *r, unsigned last)
{
    unsigned size = 0;
    for (unsigned wanted = 1; wanted; size++)
        wanted += arity((enum where_kind)r->where[last - size].kind) - 1;
    return size;
}

static bool in_message(const struct where_step *s)
{
    return s->kind == WHERE_FIELD && !rule_field_is_derived((enum field)s->field);
}

static void offer_compared(struct choice *c, const struct where_step *field, enum where_kind kind, const struct where_step *number)
{
    const uint64_t value = number->large ? number->large : (uint64_t)number->value;
    struct rule_key key = {.kind = KEY_NUMBER, .field = field->field, .low = value, .high = value};
    const bool least = field->kind == WHERE_LEAST, most = field->kind == WHERE_MOST;
    if (number->value < 0 && !number->large)
        return;
    if (kind == WHERE_GREATER || kind == WHERE_AT_LEAST) {
        if (least || (kind == WHERE_GREATER && value == UINT64_MAX))
            return;
        key.low = value + (kind == WHERE_GREATER);
        key.high = UINT64_MAX;
    } else if (kind == WHERE_LESS || kind == WHERE_AT_MOST) {
        if (most || (kind == WHERE_LESS && value == 0))
            return;
        key.low = 0;
        key.high = value - (kind == WHERE_LESS);
    } else if (kind != WHERE_EQUAL || least || most) {
        return;
    }
    if (field->field != FIELD_DB_MESSAGE)
        offer(c, key, rule_field_is_derived((enum field)field->field) ? WEIGHT_DERIVED : WEIGHT_NUMBER);
}

static enum where_kind mirrored(enum where_kind kind)
{
    return kind == WHERE_LESS        ? WHERE_GREATER
           : kind == WHERE_GREATER   ? WHERE_LESS
           : kind == WHERE_AT_MOST   ? WHERE_AT_LEAST
           : kind == WHERE_AT_LEAST ? WHERE_AT_MOST
                                     : kind;
}

static void offer_comparison(struct choice *c, const struct rule *r, unsigned last)
{
    const struct where_step *root = &r->where[last], *right = &r->where[last - 1];
    const unsigned right_size = size_of(r, last - 1), left_last = last - 1 - right_size, left_size = size_of(r, left_last);
    const struct where_step *left = &r->where[left_last];
    const enum where_kind kind = (enum where_kind)root->kind;
    const bool left_field = left_size == 1 && (left->kind == WHERE_FIELD || left->kind == WHERE_LEAST || left->kind == WHERE_MOST);
    const bool right_field = right_size == 1 && (right->kind == WHERE_FIELD || right->kind == WHERE_LEAST || right->kind == WHERE_MOST);
    if (left_field && right->kind == WHERE_NUMBER && right_size == 1)
        offer_compared(c, left, kind, right);
    if (right_field && left->kind == WHERE_NUMBER && left_size == 1)
        offer_compared(c, right, mirrored(kind), left);
    const struct where_step *text = left->kind == WHERE_LOWER && left_size == 2 ? &r->where[left_last - 1] : left_size == 1 ? left : root;
    const bool finds = kind == WHERE_EQUAL || kind == WHERE_CONTAINS || kind == WHERE_STARTS || kind == WHERE_ENDS;
    if (finds && in_message(text) && right->kind == WHERE_TEXT && right_size == 1 && right->list.count >= TEXT_LONG_ENOUGH)
        offer(c, (struct rule_key){.kind = KEY_TEXT, .field = text->field, .literal = view_of(r->bytes + right->list.first, right->list.count)},
              WEIGHT_TEXT + (right->list.count < 50 ? right->list.count : 50u));
    /* Without the field there is no comparison. */
    for (unsigned i = last - right_size - left_size; i < last; i++)
        if (in_message(&r->where[i]))
            offer(c, (struct rule_key){.kind = KEY_FIELD, .field = r->where[i].field}, WEIGHT_FIELD);
}

static void offer_where(struct choice *c, const struct rule *r, struct span steps)
{
    unsigned waiting[WHERE_STEPS_MAX], used = 0;
    waiting[used++] = steps.first + steps.count - 1u;
    while (used) {
        const unsigned last = waiting[--used];
        const struct where_step *s = &r->where[last];
        if (s->kind == WHERE_AND) {
            waiting[used++] = last - 1;
            waiting[used++] = last - 1 - size_of(r, last - 1);
        } else if (s->kind >= WHERE_EQUAL && s->kind <= WHERE_ENDS) {
            offer_comparison(c, r, last);
        } else if (s->kind == WHERE_IN_NUMBERS && r->where[last - 1].kind == WHERE_FIELD && r->where[last - 1].field != FIELD_DB_MESSAGE) {
            offer(c, (struct rule_key){.kind = KEY_NUMBER, .field = r->where[last - 1].field, .items = s->list},
                  rule_field_is_derived((enum field)r->where[last - 1].field) ? WEIGHT_DERIVED : WEIGHT_NUMBER);
        } else if (s->kind == WHERE_EXISTS && !rule_field_is_derived((enum field)s->field)) {
            offer(c, (struct rule_key){.kind = KEY_FIELD, .field = s->field}, WEIGHT_FIELD);
        }
    }
}

struct rule_key rule_key_choose(const struct rule *r)
{
    struct choice c = {.key = {.kind = KEY_EVERY}};
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        if (t->kind == TEST_ANOMALY)
            return (struct rule_key){.kind = KEY_ANOMALY, .items = t->parts};
        if (t->kind == TEST_NUMBER)
            offer_number(&c, r, t);
        if (t->kind == TEST_FACTS)
            offer(&c, (struct rule_key){.kind = KEY_FACTS, .facts = (uint32_t)t->bits}, WEIGHT_FACTS);
        if (t->kind == TEST_WHERE)
            offer_where(&c, r, t->parts);
        if (t->kind == TEST_BUFFER && !t->absent)
            offer_texts(&c, r, t);
        const bool here = (t->kind == TEST_BUFFER || t->kind == TEST_NUMBER) && !t->absent && t->field != FIELD_NONE;
        if (here && !rule_field_is_derived((enum field)t->field))
            offer(&c, (struct rule_key){.kind = KEY_FIELD, .field = t->field}, WEIGHT_FIELD);
    }
    const struct span kinds = rule_key_kinds(r);
    if (kinds.count)
        offer(&c, (struct rule_key){.kind = KEY_KINDS, .items = kinds}, WEIGHT_KINDS);
    return c.key;
}
