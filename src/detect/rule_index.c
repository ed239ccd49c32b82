/*
 * Which rules may say something about a message. By anomaly for rules on anomalies; else by protocol and side, and there
 * by the kinds of message that the rule names, or by the first field that must be in the message, or for every message. A
 * rule stands once in each lane, except that it stands under each kind that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/rule.h"

/* Called for each place of a rule in the index: once to count, once to fill. */
struct placing {
    struct rule_index *index;
    bool fill;
};

static void place(struct placing *p, struct index_list *list, uint32_t rule)
{
    if (p->fill)
        p->index->list[list->first + list->count] = rule;
    list->count++;
}

static const struct test *find_test(const struct rule *r, enum test_kind kind, bool in_message)
{
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        if (t->kind != kind)
            continue;
        if (t->absent)
            continue;
        if (!in_message || (t->field != FIELD_NONE && !rule_field_is_derived((enum field)t->field)))
            return t;
    }
    return NULL;
}

/* The message kinds that a rule names, when that is all it allows. */
static const struct test *kinds_of(const struct rule *r)
{
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        bool plain = t->kind == TEST_NUMBER && t->field == FIELD_DB_MESSAGE;
        for (unsigned j = 0; plain && j < t->parts.count; j++) {
            const struct item *item = &r->items[t->parts.first + j];
            plain = !item->negated && item->low == item->high && item->low < INDEX_MESSAGES;
        }
        if (plain)
            return t;
    }
    return NULL;
}

static void place_kinds(struct placing *p, struct index_lane *lane, const struct rule *r, const struct test *t,
                        enum protocol protocol, uint32_t rule)
{
    for (unsigned j = 0; j < t->parts.count; j++) {
        const struct item *item = &r->items[t->parts.first + j];
        struct index_list *list = &lane->slots[FIELDS + item->low];
        bool twice = false;
        if (item->protocol != PROTOCOL_NONE && item->protocol != (uint8_t)protocol)
            continue;
        for (unsigned k = 0; k < j; k++) {
            const struct item *earlier = &r->items[t->parts.first + k];
            twice |= earlier->low == item->low &&
                     (earlier->protocol == PROTOCOL_NONE || earlier->protocol == (uint8_t)protocol);
        }
        if (!twice)
            place(p, list, rule);
    }
    lane->messages = true;
}

static void place_rule(struct placing *p, const struct rule *r, uint32_t rule)
{
    const struct test *anomaly = find_test(r, TEST_ANOMALY, false);
    if (anomaly) {
        for (unsigned i = 0; i < anomaly->parts.count; i++) {
            bool twice = false;
            for (unsigned k = 0; k < i; k++)
                twice |= r->names[anomaly->parts.first + k] == r->names[anomaly->parts.first + i];
            if (!twice)
                place(p, &p->index->by_anomaly[r->names[anomaly->parts.first + i]], rule);
        }
        return;
    }
    const struct test *number = find_test(r, TEST_NUMBER, true), *buffer = find_test(r, TEST_BUFFER, true);
    const struct test *key = number ? number : buffer, *kinds = kinds_of(r);
    for (unsigned lane_number = 0; lane_number < INDEX_LANES; lane_number++) {
        enum protocol protocol = (enum protocol)(lane_number / 2);
        struct index_lane *lane = &p->index->lanes[lane_number];
        if (!(r->protocols & UINT32_C(1) << protocol) || !(r->sides & 1u << lane_number % 2))
            continue;
        lane->rules += !p->fill;
        if (kinds) {
            place_kinds(p, lane, r, kinds, protocol, rule);
        } else if (key) {
            place(p, &lane->slots[key->field], rule);
            lane->fields = true;
        } else {
            place(p, &lane->slots[0], rule);
        }
    }
}

static uint32_t give_room(struct index_list *list, uint32_t used)
{
    uint32_t count = list->count;
    *list = (struct index_list){used, 0};
    return used + count;
}

enum part { PART_PASSES, PART_ALERTS, PART_READERS };

static enum part part_of(const struct rule *r)
{
    if (r->action == ACTION_PASS)
        return PART_PASSES;
    for (unsigned i = 0; i < r->tests.count; i++)
        if (r->all_tests[i].kind == TEST_BITS)
            return PART_READERS;
    return PART_ALERTS;
}

static struct rule_index *build(const struct rule_set *set, enum part part)
{
    struct rule_index *index = calloc(1, sizeof *index);
    struct placing p = {index, false};
    uint32_t used = 0;
    if (!index)
        return NULL;
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < set->rules_used; i++) {
            if (set->rules[i].never || part_of(&set->rules[i]) != part)
                continue;
            place_rule(&p, &set->rules[i], (uint32_t)i);
            index->rules += !p.fill;
        }
        if (p.fill)
            break;
        for (unsigned i = 0; i < ANOMALIES; i++)
            used = give_room(&index->by_anomaly[i], used);
        for (unsigned i = 0; i < INDEX_LANES * INDEX_SLOTS; i++)
            used = give_room(&index->lanes[i / INDEX_SLOTS].slots[i % INDEX_SLOTS], used);
        index->list = calloc(used ? used : 1, sizeof *index->list);
        if (!index->list) {
            free(index);
            return NULL;
        }
        p.fill = true;
    }
    return index;
}

bool index_build(struct rule_set *set)
{
    set->passes = build(set, PART_PASSES);
    set->alerts = build(set, PART_ALERTS);
    set->readers = build(set, PART_READERS);
    return set->passes && set->alerts && set->readers;
}
