/* What stands left and right of an operator, and the step that it becomes: see where_parse.c. */
#include <string.h>

#include "detect/where_parser.h"

static int shown(struct view text)
{
    return (int)(text.length > 60 ? 60 : text.length);
}

static struct where_step *emit(struct parser *p, enum where_kind kind, size_t from, size_t to)
{
    struct draft *d = p->d;
    if (d->where_used == WHERE_STEPS_MAX) {
        where_refuse(p, from, "the condition is too long");
        return NULL;
    }
    struct where_step *s = &d->where[d->where_used++];
    *s = (struct where_step){.kind = (uint8_t)kind, .at = (uint16_t)from, .to = (uint16_t)to};
    return s;
}

static bool push(struct parser *p, struct typed typed)
{
    if (p->types_used == WHERE_DEPTH_MAX)
        return where_refuse(p, typed.at, "the condition is nested too deep");
    p->types[p->types_used++] = typed;
    return true;
}

/* ---- names */

static bool refuse_name(struct parser *p, struct view word, size_t at)
{
    static const char *const later[] = {"db.latency", "db.in_flight", "db.error.class", "server.version", "client.identity", "net.country",
                                        "net.asn", "flow.gap", "capture.loss", "ndpi.protocol", "ndpi.risk"};
    struct nearest near = {.wanted = word};
    char hint[96];
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (view_equal(word, view_text(later[i])))
            return draft_refuse(p->d, p->place[at], "%s cannot be asked about in this build", later[i]);
    for (unsigned i = 1; i < FIELDS; i++)
        nearest_offer(&near, field_name((enum field)i));
    return draft_refuse(p->d, p->place[at], "unknown field \"%.*s\"%s", shown(word), (const char *)word.bytes,
                        nearest_hint(&near, hint, sizeof hint));
}

/* The number that a field calls by this word. */
static bool name_of_value(struct parser *p, struct view word, size_t at, enum field field, uint64_t *value)
{
    struct nearest near = {.wanted = word};
    char hint[96];
    enum name_set set = field_names(field);
    if (field_kind(field) == KIND_BOOL) {
        *value = view_is(word, "yes") || view_is(word, "true");
        if (*value || view_is(word, "no") || view_is(word, "false"))
            return true;
    }
    if (field == FIELD_DB_MESSAGE) {
        const uint32_t protocols = p->d->rule.protocols & ~UINT32_C(1);
        if (!protocols || protocols & (protocols - 1))
            return draft_refuse(p->d, p->place[at], "names of db.message are a protocol's: the rule's header must name one");
        set = rule_message_names((enum protocol)__builtin_ctz(protocols));
    }
    if (set != NAMES_NONE) {
        const char *name;
        for (unsigned i = 0; (name = name_at(set, i, value)) != NULL; i++) {
            if (view_is_name(word, name))
                return true;
            nearest_offer(&near, name);
        }
    } else if (field_kind(field) != KIND_BOOL) {
        return refuse_name(p, word, at);
    }
    return draft_refuse(p->d, p->place[at], "%s has no value \"%.*s\"%s", field_name(field), shown(word), (const char *)word.bytes,
                        nearest_hint(&near, hint, sizeof hint));
}

static bool load_field(struct parser *p, enum field field, size_t at)
{
    static const uint8_t types[] = {[KIND_UINT] = TYPE_NUMBER, [KIND_ENUM] = TYPE_NUMBER, [KIND_BYTES] = TYPE_TEXT,
                                    [KIND_BOOL] = TYPE_NUMBER, [KIND_ADDRESS] = TYPE_ADDRESS};
    const enum protocol owner = field_protocol(field);
    if (owner != PROTOCOL_NONE && !(p->d->rule.protocols & UINT32_C(1) << owner) && !p->d->proto_later)
        return draft_refuse(p->d, p->place[at], "%s does not exist in %s", field_name(field), p->d->proto);
    struct where_step *s = emit(p, WHERE_FIELD, at, p->next);
    if (!s)
        return false;
    s->field = (uint16_t)field;
    return push(p, (struct typed){.type = types[field_kind(field)], .field = (uint16_t)field, .step = (uint16_t)(p->d->where_used - 1),
                                  .at = (uint16_t)at, .leaf = true});
}

/* ---- addresses */

/* Written addresses or a variable as ranges; complaints are about the place in the rule. */
static bool ranges_of(struct parser *p, struct view text, size_t at, bool ports, struct span *out)
{
    struct draft *d = p->d;
    d->stand_in = p->place[at];
    bool good = draft_range_list(d, text, ports, out);
    d->stand_in = NULL;
    if (good && out->count == 0) {
        if (d->ranges_used == DRAFT_RANGES_MAX)
            return where_refuse(p, at, "more addresses than a rule can have");
        d->ranges[d->ranges_used] = (struct wide_range){{0, 0}, {ports ? 0 : UINT64_MAX, ports ? 65535 : UINT64_MAX}};
        *out = (struct span){(uint16_t)d->ranges_used++, 1};
    }
    return good;
}

static bool is_single(const struct draft *d, struct span list)
{
    const struct wide_range *range = &d->ranges[list.first];
    return list.count == 1 && range->low.high == range->high.high && range->low.low == range->high.low;
}

/* ---- operands */

bool where_operand(struct parser *p)
{
    struct typed t = {.at = (uint16_t)p->at, .leaf = true, .word = p->word};
    char name[64];
    struct where_step *s;
    if (p->token == TOKEN_WORD) {
        if (p->word.length < sizeof name) {
            memcpy(name, p->word.bytes, p->word.length);
            name[p->word.length] = 0;
            enum field field = field_by_name(name);
            if (field == FIELD_NONE && view_is(p->word, "db.declared"))
                field = FIELD_DB_LENGTH;
            if (field != FIELD_NONE)
                return load_field(p, field, p->at);
        }
        t.type = TYPE_WORD;
    } else {
        t.type = p->token == TOKEN_NUMBER ? TYPE_NUMBER : p->token == TOKEN_TEXT ? TYPE_TEXT : TYPE_ADDRESS;
    }
    t.step = (uint16_t)p->d->where_used;
    s = emit(p, t.type == TYPE_TEXT ? WHERE_TEXT : t.type == TYPE_ADDRESS ? WHERE_ADDRESS : WHERE_NUMBER, p->at, p->next);
    if (!s)
        return false;
    s->value = p->number > INT64_MAX ? -1 : (int64_t)p->number;
    s->large = p->number > INT64_MAX ? p->number : 0;
    if (t.type == TYPE_TEXT) {
        if (p->word.length > DRAFT_BYTES_MAX - p->d->bytes_used)
            return where_refuse(p, p->at, "too many bytes of text in one rule");
        s->list = (struct span){(uint16_t)p->d->bytes_used, (uint16_t)p->word.length};
        memcpy(p->d->bytes + p->d->bytes_used, p->word.bytes, p->word.length);
        p->d->bytes_used += p->word.length;
    }
    if (t.type == TYPE_ADDRESS && !ranges_of(p, p->word, p->at, false, &s->list))
        return false;
    return push(p, t);
}

/* ---- types that only their neighbour can tell */

/* A name beside a field is one of its values; text beside an address is one. */
static bool settle(struct parser *p, struct typed *t, const struct typed *other)
{
    struct where_step *s = &p->d->where[t->step];
    uint64_t value;
    if (t->type == TYPE_WORD) {
        if (other->field == FIELD_NONE || other->type != TYPE_NUMBER)
            return refuse_name(p, t->word, t->at);
        if (!name_of_value(p, t->word, t->at, (enum field)other->field, &value))
            return false;
        s->value = (int64_t)value;
        s->large = 0;
        t->type = TYPE_NUMBER;
    } else if (t->type == TYPE_TEXT && t->leaf && t->field == FIELD_NONE && other->type == TYPE_ADDRESS) {
        s->kind = WHERE_ADDRESS;
        t->type = TYPE_ADDRESS;
        return ranges_of(p, t->word, t->at, false, &s->list);
    }
    return true;
}

static bool must_be(struct parser *p, const struct typed *t, enum type type)
{
    static const char *const names[] = {"a number", "text", "an address", "a condition", "a name"};
    const bool yes_or_no = type == TYPE_TRUTH && t->type == TYPE_NUMBER && t->leaf && t->field != FIELD_NONE &&
                           field_kind((enum field)t->field) == KIND_BOOL;
    if (t->type == TYPE_WORD)
        return refuse_name(p, t->word, t->at);
    if (t->type == type || yes_or_no)
        return true;
    return draft_refuse(p->d, p->place[t->at], "%s is expected, and this is %s", names[type], names[t->type]);
}

static bool address_single(struct parser *p, const struct typed *t)
{
    const struct where_step *s = &p->d->where[t->step];
    if (t->type != TYPE_ADDRESS || t->field != FIELD_NONE || is_single(p->d, s->list))
        return true;
    return where_refuse(p, t->at, "this is more than one address: write in {...}, in $VAR or cidr(...)");
}

static bool compared(struct parser *p, enum where_kind kind, struct typed *left, struct typed *right)
{
    if (kind == WHERE_CONTAINS || kind == WHERE_STARTS || kind == WHERE_ENDS)
        return must_be(p, left, TYPE_TEXT) && must_be(p, right, TYPE_TEXT);
    if (!settle(p, left, right) || !settle(p, right, left))
        return false;
    if (kind != WHERE_EQUAL && kind != WHERE_DIFFERS)
        return must_be(p, left, TYPE_NUMBER) && must_be(p, right, TYPE_NUMBER);
    if (left->type == TYPE_TRUTH)
        return where_refuse(p, left->at, "a condition is not compared: write it, or not and it");
    return must_be(p, right, (enum type)left->type) && address_single(p, left) && address_single(p, right);
}

/* ---- operators */

bool where_operator(struct parser *p, const struct pending *o)
{
    const enum where_kind kind = (enum where_kind)o->kind;
    const bool prefix = kind == WHERE_NOT || kind == WHERE_MINUS;
    if (p->types_used < (prefix ? 1u : 2u))
        return where_refuse(p, o->at, "something is missing beside this");
    struct typed right = p->types[--p->types_used], left = right;
    struct typed result = {.type = kind >= WHERE_EQUAL ? TYPE_TRUTH : TYPE_NUMBER};
    bool good;
    if (!prefix)
        left = p->types[--p->types_used];
    if (kind == WHERE_NOT)
        good = must_be(p, &right, TYPE_TRUTH);
    else if (kind == WHERE_MINUS)
        good = must_be(p, &right, TYPE_NUMBER);
    else if (kind == WHERE_AND || kind == WHERE_OR)
        good = must_be(p, &left, TYPE_TRUTH) && must_be(p, &right, TYPE_TRUTH);
    else if (kind >= WHERE_EQUAL)
        good = compared(p, kind, &left, &right);
    else
        good = must_be(p, &left, TYPE_NUMBER) && must_be(p, &right, TYPE_NUMBER);
    result.at = prefix ? o->at : left.at;
    return good && emit(p, kind, result.at, p->at) && push(p, result);
}

/* exists(F), and min(F), max(F) of all values of one field, replace the step that reads the field. */
static bool call_of_field(struct parser *p, const struct pending *call, struct typed *t, enum where_kind kind)
{
    struct where_step *s = &p->d->where[t->step];
    if (!t->leaf || t->field == FIELD_NONE || t->step != p->d->where_used - 1u)
        return where_refuse(p, t->at, "the name of a field is expected here");
    if (kind != WHERE_EXISTS && t->type != TYPE_NUMBER)
        return must_be(p, t, TYPE_NUMBER);
    s->kind = (uint8_t)kind;
    s->at = call->at;
    return push(p, (struct typed){.type = kind == WHERE_EXISTS ? TYPE_TRUTH : TYPE_NUMBER, .at = call->at});
}

static bool call_cidr(struct parser *p, const struct pending *call)
{
    struct typed list = p->types[--p->types_used], address = p->types[--p->types_used];
    if (!settle(p, &list, &address) || !must_be(p, &address, TYPE_ADDRESS) || !must_be(p, &list, TYPE_ADDRESS))
        return false;
    if (list.field != FIELD_NONE || list.step != p->d->where_used - 1u)
        return where_refuse(p, list.at, "an address with a prefix is expected here, such as 10.0.0.0/8");
    struct where_step *s = &p->d->where[list.step];
    s->kind = WHERE_IN_ADDRESSES;
    s->at = call->at;
    return push(p, (struct typed){.type = TYPE_TRUTH, .at = call->at});
}

bool where_call(struct parser *p, const struct pending *call)
{
    const enum where_kind kind = (enum where_kind)call->kind;
    const unsigned wanted = kind == WHERE_IN_ADDRESSES ? 2 : (kind == WHERE_MIN || kind == WHERE_MAX) && call->arguments == 2 ? 2 : 1;
    if (call->arguments != wanted || p->types_used < wanted)
        return where_refuse(p, call->at, "this function takes another number of values");
    if (kind == WHERE_IN_ADDRESSES)
        return call_cidr(p, call);
    struct typed last = p->types[--p->types_used];
    struct typed result = {.type = TYPE_NUMBER, .at = call->at};
    if (kind == WHERE_EXISTS || (wanted == 1 && (kind == WHERE_MIN || kind == WHERE_MAX)))
        return call_of_field(p, call, &last, kind == WHERE_EXISTS ? kind : kind == WHERE_MIN ? WHERE_LEAST : WHERE_MOST);
    if (wanted == 2) {
        struct typed first = p->types[--p->types_used];
        return must_be(p, &first, TYPE_NUMBER) && must_be(p, &last, TYPE_NUMBER) && emit(p, kind, call->at, p->next) && push(p, result);
    }
    result.type = kind == WHERE_LOWER ? TYPE_TEXT : TYPE_NUMBER;
    return must_be(p, &last, kind == WHERE_ABSOLUTE ? TYPE_NUMBER : TYPE_TEXT) && emit(p, kind, call->at, p->next) && push(p, result);
}

/* ---- in {...}, in $VAR */

static bool add_item(struct parser *p, uint64_t low, uint64_t high)
{
    if (p->d->items_used == DRAFT_ITEMS_MAX)
        return where_refuse(p, p->at, "more values than a rule can have");
    p->d->items[p->d->items_used++] = (struct item){low, high, ITEM_IS, PROTOCOL_NONE, false};
    return true;
}

static bool list_number(struct parser *p, const struct typed *left)
{
    uint64_t low = p->number;
    if (p->token == TOKEN_WORD) {
        if (left->field == FIELD_NONE)
            return refuse_name(p, p->word, p->at);
        return name_of_value(p, p->word, p->at, (enum field)left->field, &low) && add_item(p, low, low) && where_token(p);
    }
    if (p->token != TOKEN_NUMBER)
        return where_refuse(p, p->at, "a number is expected here");
    if (!where_token(p))
        return false;
    if (!where_is_sign(p, ".."))
        return add_item(p, low, low);
    if (!where_token(p))
        return false;
    if (p->token != TOKEN_NUMBER || p->number < low)
        return where_refuse(p, p->at, "a range is LOW..HIGH, both included");
    return add_item(p, low, p->number) && where_token(p);
}

static bool list_text(struct parser *p)
{
    struct draft *d = p->d;
    if (p->token != TOKEN_TEXT)
        return where_refuse(p, p->at, "text in quotes is expected here");
    if (p->word.length + 2 > DRAFT_BYTES_MAX - d->bytes_used)
        return where_refuse(p, p->at, "too many bytes of text in one rule");
    d->bytes[d->bytes_used++] = (uint8_t)(p->word.length >> 8);
    d->bytes[d->bytes_used++] = (uint8_t)p->word.length;
    memcpy(d->bytes + d->bytes_used, p->word.bytes, p->word.length);
    d->bytes_used += p->word.length;
    return where_token(p);
}

/* The addresses of a list together, as the header writes them. */
static bool list_addresses(struct parser *p, struct span *out)
{
    char written[WHERE_TEXT_MAX + 8];
    struct text t = text_in(written, sizeof written);
    const size_t at = p->at;
    text_add(&t, "[");
    for (;;) {
        const bool negated = where_is_sign(p, "!");
        if (negated && !where_token(p))
            return false;
        if (p->token != TOKEN_ADDRESS && p->token != TOKEN_TEXT && p->token != TOKEN_VARIABLE)
            return where_refuse(p, p->at, "an address is expected here, such as 10.0.0.0/8");
        text_add(&t, "%s%.*s", negated ? "!" : "", (int)p->word.length, (const char *)p->word.bytes);
        if (!where_token(p))
            return false;
        if (!where_is_sign(p, ","))
            break;
        text_add(&t, ",");
        if (!where_token(p))
            return false;
    }
    text_add(&t, "]");
    return ranges_of(p, view_of(t.chars, t.length), at, false, out);
}

static bool list_items(struct parser *p, const struct typed *left, struct where_step *s)
{
    if (left->type == TYPE_ADDRESS)
        return list_addresses(p, &s->list);
    const size_t before = left->type == TYPE_TEXT ? p->d->bytes_used : p->d->items_used;
    for (;;) {
        if (!(left->type == TYPE_TEXT ? list_text(p) : list_number(p, left)))
            return false;
        if (!where_is_sign(p, ","))
            break;
        if (!where_token(p))
            return false;
    }
    s->list = (struct span){(uint16_t)before, (uint16_t)((left->type == TYPE_TEXT ? p->d->bytes_used : p->d->items_used) - before)};
    return true;
}

/* A variable of addresses, or of ports beside a number. */
static bool list_variable(struct parser *p, const struct typed *left, struct where_step *s)
{
    struct span list;
    if (left->type == TYPE_TEXT)
        return where_refuse(p, p->at, "variables are addresses or ports");
    if (!ranges_of(p, p->word, p->at, left->type == TYPE_NUMBER, &list))
        return false;
    s->list = list;
    if (left->type == TYPE_NUMBER) {
        s->list = (struct span){(uint16_t)p->d->items_used, list.count};
        for (unsigned i = 0; i < list.count; i++)
            if (!add_item(p, p->d->ranges[list.first + i].low.low, p->d->ranges[list.first + i].high.low))
                return false;
    }
    return where_token(p);
}

bool where_list(struct parser *p, size_t at)
{
    if (p->types_used == 0)
        return where_refuse(p, at, "something is missing before in");
    const struct typed left = p->types[--p->types_used];
    if (left.type == TYPE_WORD || left.type == TYPE_TRUTH)
        return must_be(p, &left, TYPE_NUMBER);
    struct where_step *s = emit(p, left.type == TYPE_NUMBER    ? WHERE_IN_NUMBERS
                                   : left.type == TYPE_ADDRESS ? WHERE_IN_ADDRESSES
                                                               : WHERE_IN_TEXTS, left.at, p->next);
    if (!s)
        return false;
    if (p->token == TOKEN_VARIABLE) {
        if (!list_variable(p, &left, s))
            return false;
    } else {
        if (!where_is_sign(p, "{"))
            return where_refuse(p, p->at, "in is followed by {value, value} or $VARIABLE");
        if (!where_token(p) || !list_items(p, &left, s))
            return false;
        if (!where_is_sign(p, "}"))
            return where_refuse(p, p->at, "expected , or } in a list");
        if (!where_token(p))
            return false;
    }
    s->to = (uint16_t)p->at;
    return push(p, (struct typed){.type = TYPE_TRUTH, .at = left.at});
}

bool where_condition(struct parser *p)
{
    return p->types_used == 1 ? must_be(p, &p->types[0], TYPE_TRUTH) : where_refuse(p, p->at, "an operator is missing");
}
