/*
 * Which rules may say something about a message: each rule stands under one thing that the message must have (rule_key.h). By
 * anomaly for rules on anomalies; else by protocol and side, and there under a literal, a number, the kinds of message, a field,
 * or every message. A rule may stand under several numbers, kinds or anomalies; whoever asks asks it once.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/rule_key.h"

/* Called for each place of a rule in the lists: once to count, once to fill. What is not a list is filled the second time. */
struct placing {
    struct rule_index *index;
    bool fill, failed;
};

static void place(struct placing *p, struct index_list *list, uint32_t rule)
{
    if (p->fill)
        p->index->list[list->first + list->count] = rule;
    list->count++;
}

static void place_kinds(struct placing *p, struct index_lane *lane, const struct rule *r, struct span kinds, enum protocol protocol,
                        uint32_t rule)
{
    for (unsigned j = 0; j < kinds.count; j++) {
        const struct item *item = &r->items[kinds.first + j];
        if (item->protocol == PROTOCOL_NONE || item->protocol == (uint8_t)protocol)
            place(p, &lane->slots[FIELDS + item->low], rule);
    }
    lane->messages = true;
}

static void place_text(struct placing *p, struct index_lane *lane, const struct rule *r, const struct rule_key *key, uint32_t rule)
{
    struct index_texts *texts = lane->texts[key->field];
    const struct span kinds = rule_key_kinds(r);
    if (!texts)
        texts = lane->texts[key->field] = calloc(1, sizeof *texts);
    if (!texts || !literals_add(&texts->literals, key->literal, rule)) {
        p->failed = true;
        return;
    }
    texts->every_kind |= kinds.count == 0;
    for (unsigned i = 0; i < kinds.count; i++) {
        const uint64_t kind = r->items[kinds.first + i].low;
        texts->kinds[kind / 64] |= UINT64_C(1) << kind % 64;
    }
    lane->texts_of_fields |= key->field != FIELD_NONE;
}

static void place_number(struct placing *p, struct index_lane *lane, const struct rule *r, const struct rule_key *key, uint32_t rule)
{
    struct intervals *numbers = lane->numbers[key->field];
    if (!numbers) {
        numbers = lane->numbers[key->field] = calloc(1, sizeof *numbers);
        if (rule_field_is_derived((enum field)key->field))
            lane->derived[lane->derived_used++] = key->field;
        else
            lane->fields = true;
    }
    bool good = numbers != NULL;
    if (good && key->items.count == 0)
        good = intervals_add(numbers, key->low, key->high, rule);
    for (unsigned i = 0; good && i < key->items.count; i++)
        good = intervals_add(numbers, r->items[key->items.first + i].low, r->items[key->items.first + i].high, rule);
    p->failed |= !good;
}

static void place_in_lane(struct placing *p, unsigned lane_number, const struct rule *r, const struct rule_key *key, uint32_t rule)
{
    struct index_lane *lane = &p->index->lanes[lane_number];
    lane->rules += !p->fill;
    switch (key->kind) {
    case KEY_TEXT:
        if (p->fill)
            place_text(p, lane, r, key, rule);
        return;
    case KEY_NUMBER:
        if (p->fill)
            place_number(p, lane, r, key, rule);
        return;
    case KEY_KINDS:
        place_kinds(p, lane, r, key->items, (enum protocol)(lane_number / 2), rule);
        return;
    case KEY_FACTS:
        for (unsigned fact = 0; fact < INDEX_FACTS; fact++)
            if (key->facts >> fact & 1)
                place(p, &lane->slots[INDEX_FACT_AT + fact], rule);
        lane->facts = true;
        return;
    case KEY_FIELD:
        place(p, &lane->slots[key->field], rule);
        lane->fields = true;
        return;
    case KEY_EVERY:
    case KEY_ANOMALY:
        place(p, &lane->slots[0], rule);
        return;
    }
}

static void place_rule(struct placing *p, const struct rule *r, uint32_t rule)
{
    const struct rule_key key = rule_key_choose(r);
    if (key.kind == KEY_ANOMALY) {
        for (unsigned i = 0; i < key.items.count; i++)
            place(p, &p->index->by_anomaly[r->names[key.items.first + i]], rule);
        return;
    }
    for (unsigned lane = 0; lane < INDEX_LANES; lane++)
        if (r->protocols & UINT32_C(1) << lane / 2 && r->sides & 1u << lane % 2)
            place_in_lane(p, lane, r, &key, rule);
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
    if (rule_asks_xbits(r))
        return PART_READERS;
    return PART_ALERTS;
}

void index_free(struct rule_index *index)
{
    for (unsigned i = 0; index && i < INDEX_LANES * FIELDS; i++) {
        struct index_lane *lane = &index->lanes[i / FIELDS];
        if (lane->texts[i % FIELDS])
            literals_free(&lane->texts[i % FIELDS]->literals);
        if (lane->numbers[i % FIELDS])
            intervals_free(lane->numbers[i % FIELDS]);
        free(lane->texts[i % FIELDS]);
        free(lane->numbers[i % FIELDS]);
    }
    if (index)
        free(index->list);
    free(index);
}

static bool make_ready(struct rule_index *index)
{
    bool good = true;
    for (unsigned i = 0; i < INDEX_LANES * FIELDS; i++) {
        struct index_lane *lane = &index->lanes[i / FIELDS];
        if (lane->texts[i % FIELDS])
            good &= literals_ready(&lane->texts[i % FIELDS]->literals);
        if (lane->numbers[i % FIELDS])
            intervals_ready(lane->numbers[i % FIELDS]);
    }
    return good;
}

static bool place_all(struct placing *p, const struct rule_set *set, enum part part)
{
    for (size_t i = 0; i < set->rules_used; i++) {
        if (set->rules[i].never || set->rules[i].event != EVENT_MESSAGE || part_of(&set->rules[i]) != part)
            continue;
        place_rule(p, &set->rules[i], (uint32_t)i);
        p->index->rules += !p->fill;
    }
    return !p->failed;
}

static struct rule_index *build(const struct rule_set *set, enum part part)
{
    struct rule_index *index = calloc(1, sizeof *index);
    struct placing p = {.index = index};
    uint32_t used = 0;
    if (!index)
        return NULL;
    (void)place_all(&p, set, part);
    for (unsigned i = 0; i < ANOMALIES; i++)
        used = give_room(&index->by_anomaly[i], used);
    for (unsigned i = 0; i < INDEX_LANES * INDEX_SLOTS; i++)
        used = give_room(&index->lanes[i / INDEX_SLOTS].slots[i % INDEX_SLOTS], used);
    index->list = calloc(used ? used : 1, sizeof *index->list);
    p.fill = true;
    if (index->list && place_all(&p, set, part) && make_ready(index))
        return index;
    index_free(index);
    return NULL;
}

/* Events are few, and so are the rules about them: a list of each kind is enough. */
static bool build_events(struct rule_set *set)
{
    uint32_t used = 0;
    set->event_list = calloc(set->rules_used + 1, sizeof *set->event_list);
    for (unsigned event = EVENT_MESSAGE + 1; set->event_list && event < EVENTS; event++) {
        set->events[event].first = used;
        for (enum part part = PART_PASSES; part <= PART_READERS; part++)
            for (size_t i = 0; i < set->rules_used; i++)
                if (set->rules[i].event == event && !set->rules[i].never && part_of(&set->rules[i]) == part)
                    set->event_list[used++] = (uint32_t)i;
        set->events[event].count = used - set->events[event].first;
    }
    return set->event_list != NULL;
}

bool index_build(struct rule_set *set)
{
    set->passes = build(set, PART_PASSES);
    set->alerts = build(set, PART_ALERTS);
    set->readers = build(set, PART_READERS);
    return set->passes && set->alerts && set->readers && build_events(set);
}
