/* Terms one by one: see detect/explain.h. */
#include "detect/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "detect/explainer.h"
#include "detect/tuning.h"

enum { SHOWN_VALUES = 6, SHOWN_BYTES = 40, SEARCH_BYTES = 2 << 20 };

struct explainer *explainer_open(const struct rule_set *set)
{
    struct error why;
    struct explainer *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->set = set;
    if (!arena_open(&e->arena, SEARCH_BYTES, &why) || !search_open(&e->asker.search, &e->arena, set->regexes.used > 0)) {
        explainer_close(e);
        return NULL;
    }
    return e;
}

void explainer_close(struct explainer *e)
{
    if (e && e->arena.memory)
        arena_close(&e->arena);
    free(e);
}

static bool tell_term(struct explainer *e, struct term *term)
{
    if (e->tell)
        e->tell(e->context, term);
    return term->truth != TERM_FALSE;
}

/* ---- values */

static void add_bytes(struct text *t, struct view bytes, bool secret)
{
    if (secret) {
        text_add(t, "(masked)");
        return;
    }
    text_add(t, "'");
    text_add_escaped(t, view_head(bytes, SHOWN_BYTES));
    text_add(t, "%s", bytes.length > SHOWN_BYTES ? "'..." : "'");
}

static void add_number(struct text *t, enum field field, enum protocol protocol, uint64_t value)
{
    const enum name_set set = field == FIELD_DB_MESSAGE ? rule_message_names(protocol) : field_names(field);
    const char *name = set != NAMES_NONE ? name_of(set, value) : NULL;
    if (field_kind(field) == KIND_BOOL && value <= 1)
        text_add(t, "%s", value ? "yes" : "no");
    else
        text_add(t, name ? "%s (%" PRIu64 ")" : "%s%" PRIu64, name ? name : "", value);
}

/* Everything that the message has of a field. */
static void add_field(struct text *t, const struct asked *a, enum field field)
{
    uint64_t value;
    bool derived;
    unsigned shown = 0;
    struct wide address;
    if (ask_address(a, field, &address)) {
        const struct flow *flow = a->message->flow;
        text_add_address(t, field == FIELD_NET_CLIENT ? flow->client.address : flow->server.address);
        return;
    }
    if (ask_derived(a, field, &value, &derived)) {
        add_number(t, field, a->protocol, value);
        return;
    }
    struct view login = ask_session_text(a, field);
    if (login.length) {
        add_bytes(t, login, false);
        return;
    }
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        if (f->field != (uint16_t)field)
            continue;
        if (shown++ == SHOWN_VALUES) {
            text_add(t, ", ...");
            return;
        }
        text_add(t, "%s", shown > 1 ? ", " : "");
        if (field_kind(field) == KIND_BYTES)
            add_bytes(t, view_head(view_from(a->head, f->offset), f->length), field_is_secret(field));
        else if (field_is_secret(field))
            text_add(t, "(masked)");
        else
            add_number(t, field, a->protocol, f->value);
    }
}

/* The store keeps what the message said, not what the connection was. */
static bool of_connection(enum field field)
{
    return field == FIELD_DB_PHASE || field == FIELD_DB_TLS || field == FIELD_DB_DECRYPTED || field == FIELD_DB_COMPRESSION || field == FIELD_FLOW_MIDSTREAM ||
           field == FIELD_DB_ERROR_CODE || field == FIELD_DB_ROWS;
}

/* ---- the header */

static bool explain_header(struct explainer *e, const struct asked *a)
{
    const struct rule *r = e->rule;
    struct term term = {.text = "protocol"};
    struct text value = text_in(term.value, sizeof term.value);
    bool all;
    term.truth = (r->protocols >> a->protocol & 1) != 0;
    text_add(&value, "%s", protocol_name(a->protocol));
    all = tell_term(e, &term);
    if (r->event != EVENT_MESSAGE || a->message->event != EVENT_MESSAGE) {
        TEXT_ON_STACK(on, 32);
        text_add(&on, "on:%s", event_name((enum event)r->event));
        term = (struct term){.text = on.chars, .truth = r->event == a->message->event};
        value = text_in(term.value, sizeof term.value);
        text_add(&value, "%s", event_name((enum event)a->message->event));
        all &= tell_term(e, &term);
    }
    term = (struct term){.text = "direction", .truth = (r->sides >> a->message->from & 1) != 0};
    value = text_in(term.value, sizeof term.value);
    text_add(&value, "%s", a->message->from == FROM_CLIENT ? "to_server" : "to_client");
    all &= tell_term(e, &term);
    term = (struct term){.text = "addresses and ports", .truth = ask_header(a, r)};
    value = text_in(term.value, sizeof term.value);
    if (a->message->flow) {
        const struct flow *flow = a->message->flow;
        const struct endpoint *from = a->message->from == FROM_CLIENT ? &flow->client : &flow->server;
        const struct endpoint *to = a->message->from == FROM_CLIENT ? &flow->server : &flow->client;
        text_add_address(&value, from->address);
        text_add(&value, " %u -> ", from->port);
        text_add_address(&value, to->address);
        text_add(&value, " %u", to->port);
    }
    return tell_term(e, &term) && all;
}

/* ---- tests */

static void add_value(struct text *t, const struct value *v)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_ABSENT:
        text_add(t, "(absent)");
        return;
    case VALUE_NUMBER:
        if (v->number > INT64_MAX || v->number < INT64_MIN)
            text_add(t, "%s2^63", v->number < 0 ? "less than -" : "more than ");
        else
            text_add(t, "%" PRId64, (int64_t)v->number);
        return;
    case VALUE_BYTES:
        add_bytes(t, v->bytes, false);
        return;
    case VALUE_ADDRESS:
        text_add(t, "an address");
        return;
    case VALUE_TRUTH:
        text_add(t, "%s", v->truth ? "true" : "false");
        return;
    }
}

static void told_comparison(void *context, const struct where_step *s, const struct value *left, const struct value *right, int truth)
{
    struct explainer *e = context;
    char part[256];
    struct text t = text_in(part, sizeof part);
    struct term term = {.text = part, .depth = 1, .truth = truth < 0 ? TERM_UNKNOWN : (enum term_truth)truth};
    struct text value = text_in(term.value, sizeof term.value);
    const size_t length = strlen(e->rule->where_text);
    if (s->at <= s->to && s->to <= length)
        text_add(&t, "%.*s", (int)(s->to - s->at), e->rule->where_text + s->at);
    add_value(&value, left);
    if (right) {
        text_add(&value, ", ");
        add_value(&value, right);
    }
    (void)tell_term(e, &term);
}

static bool where_unknown(const struct rule *r, const struct test *t)
{
    for (unsigned i = 0; i < t->parts.count; i++)
        if (r->where[t->parts.first + i].kind == WHERE_FIELD && of_connection((enum field)r->where[t->parts.first + i].field))
            return true;
    return false;
}

static bool unknown_when_stored(const struct rule *r, const struct test *t)
{
    switch ((enum test_kind)t->kind) {
    case TEST_FACTS:
    case TEST_STREAM:
    case TEST_BITS:
        return true;
    case TEST_NUMBER:
        return of_connection((enum field)t->field);
    case TEST_WHERE:
        return where_unknown(r, t);
    default:
        return false;
    }
}

/* The rest of a long message is not stored: what was not found there may have been there. */
static bool explain_test(struct explainer *e, const struct asked *a, const struct test *t, bool cut)
{
    const struct report *report = NULL;
    struct evidence why = {0};
    struct term term = {.text = e->text};
    struct text text = text_in(e->text, sizeof e->text), value = text_in(term.value, sizeof term.value);
    rule_print_test(e->rule, t, &text);
    term.text += e->text[0] == ' ';
    term.truth = ask_test(a, e->rule, t, &report, &why);
    if (e->stored && (unknown_when_stored(e->rule, t) || (term.truth == TERM_FALSE && cut && t->kind >= TEST_WHERE)))
        term.truth = TERM_UNKNOWN;
    if (report)
        text_add(&value, "%s", anomaly_row((enum anomaly)report->anomaly)->name);
    else if (t->kind == TEST_NUMBER || t->kind == TEST_ADDRESS || (t->kind == TEST_BUFFER && t->field != FIELD_NONE))
        add_field(&value, a, (enum field)t->field);
    if (term.truth == TERM_TRUE && why.test && !why.of_session) {
        term.offset = why.offset;
        term.length = why.length;
    }
    if (term.truth == TERM_UNKNOWN && e->stored && unknown_when_stored(e->rule, t)) {
        value = text_in(term.value, sizeof term.value);
        text_add(&value, "(not kept with the alert)");
    }
    const bool good = tell_term(e, &term);
    if (t->kind == TEST_WHERE && e->tell)
        (void)where_true(a, e->rule, t->parts, told_comparison, e);
    return good;
}

bool explainer_rule(struct explainer *e, uint32_t rule, const struct message *message, bool stored, term_sink tell, void *context)
{
    struct asked a = ask_begin(&e->asker, message);
    e->rule = &e->set->rules[rule];
    e->stored = stored;
    e->tell = tell;
    e->context = context;
    memset(e->asker.search.values, 0, sizeof e->asker.search.values);
    bool all = explain_header(e, &a) && !e->rule->never;
    const bool cut = message->findings->message_length > message->head.length || message->findings->fields_cut;
    for (unsigned i = 0; i < e->rule->tests.count; i++)
        all &= explain_test(e, &a, &e->rule->all_tests[i], cut);
    for (unsigned i = 0; i < e->rule->xbits_used; i++) {
        struct text text = text_in(e->text, sizeof e->text);
        struct term term = {.text = e->text, .truth = e->rule->xbits[i].verb >= XBIT_IS_SET ? TERM_UNKNOWN : TERM_TRUE};
        struct text value = text_in(term.value, sizeof term.value);
        rule_print_xbit(e->rule, &e->rule->xbits[i], &text);
        if (term.truth == TERM_UNKNOWN)
            text_add(&value, "(of the hosts, not of the message)");
        (void)tell_term(e, &term);
    }
    return all;
}

uint16_t explainer_exception(struct explainer *e, uint32_t rule, const struct message *message, int64_t time_ns)
{
    struct asked a = ask_begin(&e->asker, message);
    return tuning_excepts(e->set, &e->set->rules[rule], &a, time_ns);
}
