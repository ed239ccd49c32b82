/* What a rule needs that a kept message may not have, and its truth when some of the bytes are missing: see detect/explain.h. */
#include "detect/explain.h"

#include "detect/explainer.h"

void rules_needs(const struct rule_set *set, uint32_t rule, struct rule_needs *out)
{
    const struct rule *r = &set->rules[rule];
    *out = (struct rule_needs){.pass = r->action == ACTION_PASS, .never = r->never};
    if (r->event != EVENT_MESSAGE)
        out->more = "it is about connections or servers, and facts are of messages";
    else if (r->rate.kind != RATE_NONE)
        out->more = "it counts, and facts are a sample";
    else if (r->threshold.type != THRESHOLD_NONE && r->threshold.type != THRESHOLD_LIMIT)
        out->more = "its threshold counts, and facts are a sample";
    if (r->xbits_used)
        out->more = "xbits remember other messages, and facts are a sample";
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &r->all_tests[i];
        out->bytes |= t->kind == TEST_BUFFER || t->kind == TEST_WHERE || (t->kind == TEST_NUMBER && field_is_secret((enum field)t->field));
        if (t->kind == TEST_NUMBER && t->field == FIELD_DB_DECRYPTED)
            out->more = "facts do not say whether a message was opened with a key log";
        if (t->kind == TEST_BITS)
            out->more = "flowbits remember earlier messages, and facts are a sample";
        else if (t->kind == TEST_STREAM)
            out->more = "stream_size is of the connection, which facts do not have";
    }
}

/* ---- bytes that are not here */

/* Masked bytes are as good as missing. */
static bool field_is_cut(const struct asked *a, enum field field)
{
    if (a->findings->fields_cut)
        return true;
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        const bool here = field_kind(field) != KIND_BYTES || (uint64_t)f->offset + f->length <= a->head.length;
        if (f->field == (uint16_t)field && (!here || field_is_secret(field)))
            return true;
    }
    return false;
}

static bool has_secret(const struct asked *a)
{
    bool any = false;
    for (unsigned i = 0; i < a->findings->fields_used; i++)
        any |= field_is_secret((enum field)a->findings->fields[i].field);
    return any;
}

/* Whether the step looks at nothing behind what is here. */
static bool step_is_within(const struct rule *r, const struct step *s, uint64_t here)
{
    const struct reading *reading;
    switch ((enum step_kind)s->kind) {
    case STEP_SIZE:
        return true;
    case STEP_DATA_AT:
        return !s->relative;
    case STEP_CONTENT: {
        const int64_t from = s->offset == STEP_UNSET ? 0 : s->offset;
        if (s->relative || s->ends || s->has_named || from < 0)
            return false;
        if (s->starts)
            return s->pattern.count <= here;
        return s->depth != STEP_UNSET && (uint64_t)(from + s->depth) <= here;
    }
    case STEP_BYTE_TEST:
        reading = &r->readings[s->at];
        return !s->relative && !s->has_named && !reading->count_of && !reading->offset_of && !reading->from_end && reading->offset >= 0 &&
               (uint64_t)reading->offset + reading->count <= here;
    default:
        return false;
    }
}

static bool buffer_is_cut(const struct asked *a, const struct rule *r, const struct test *t)
{
    bool within = true, sizes = true;
    for (unsigned i = 0; i < t->parts.count; i++) {
        const struct step *s = &r->steps[t->parts.first + i];
        within &= step_is_within(r, s, a->head.length);
        sizes &= s->kind == STEP_SIZE || (s->kind == STEP_DATA_AT && !s->relative);
    }
    if (sizes)
        return a->findings->fields_cut;
    if (t->field != FIELD_NONE)
        return !ask_session_text(a, (enum field)t->field).length && field_is_cut(a, (enum field)t->field);
    return (a->findings->message_length > a->head.length && !within) || has_secret(a);
}

static bool any_negated(const struct rule *r, const struct test *t)
{
    bool any = false;
    for (unsigned i = 0; i < t->parts.count; i++)
        any |= r->steps[t->parts.first + i].negated;
    return any;
}

static bool where_is_cut(const struct asked *a, const struct rule *r, const struct test *t)
{
    for (unsigned i = 0; i < t->parts.count; i++) {
        const struct where_step *s = &r->where[t->parts.first + i];
        const bool of_field = s->kind >= WHERE_FIELD && s->kind <= WHERE_MOST;
        if (of_field && !rule_field_is_derived((enum field)s->field) &&
            field_is_cut(a, (enum field)s->field))
            return true;
    }
    return false;
}

static enum term_truth test_truth(const struct asked *a, const struct rule *r, const struct test *t)
{
    const struct report *report = NULL;
    struct evidence why;
    if (t->kind == TEST_STREAM || t->kind == TEST_BITS)
        return TERM_UNKNOWN;
    const bool found = ask_test(a, r, t, &report, &why);
    bool cut = false;
    if (t->kind == TEST_NUMBER)
        cut = (!found || field_is_secret((enum field)t->field)) && !rule_field_is_derived((enum field)t->field) && field_is_cut(a, (enum field)t->field);
    else if (t->kind == TEST_WHERE)
        cut = !found && where_is_cut(a, r, t);
    else if (t->kind == TEST_BUFFER)
        cut = buffer_is_cut(a, r, t) && (!found || any_negated(r, t) || t->absent);
    return cut ? TERM_UNKNOWN : found ? TERM_TRUE : TERM_FALSE;
}

enum term_truth explainer_truth(struct explainer *e, uint32_t rule, const struct message *message)
{
    const struct rule *r = &e->set->rules[rule];
    const struct asked a = ask_begin(&e->asker, message);
    enum term_truth all = TERM_TRUE;
    if (r->never || r->event != message->event || !(r->protocols >> a.protocol & 1) || !(r->sides >> message->from & 1) ||
        (message->datagram ? r->only_tcp : r->only_udp) || !ask_header(&a, r))
        return TERM_FALSE;
    memset(e->asker.search.values, 0, sizeof e->asker.search.values);
    for (unsigned i = 0; i < r->tests.count; i++) {
        const enum term_truth truth = test_truth(&a, r, &r->all_tests[i]);
        if (truth == TERM_FALSE)
            return TERM_FALSE;
        all = truth == TERM_UNKNOWN ? TERM_UNKNOWN : all;
    }
    return all;
}
