/* where at work: see where.h. Postfix steps over a small stack of values. */
#include "detect/where.h"

#include <string.h>

#include "detect/ask.h"

enum truth { NEITHER = -1, FALSE, TRUE };

struct run {
    const struct asked *a;
    const struct rule *rule;
    where_told told;
    void *context;
    unsigned used;
    struct value stack[WHERE_DEPTH_MAX];
};

static const struct value absent = {.kind = VALUE_ABSENT};

static struct value number_value(where_number number)
{
    return (struct value){.kind = VALUE_NUMBER, .number = number};
}

static struct value truth_value(int truth)
{
    return truth < 0 ? absent : (struct value){.kind = VALUE_TRUTH, .truth = truth};
}

/* ---- fields */

static struct value bytes_of_field(const struct asked *a, enum field field, const struct field_value *f)
{
    struct view login = ask_session_text(a, field);
    if (login.length)
        return (struct value){.kind = VALUE_BYTES, .bytes = login, .size = login.length};
    if (!f)
        return absent;
    return (struct value){.kind = VALUE_BYTES, .of_head = true, .bytes = view_head(view_from(a->head, f->offset), f->length), .size = f->length};
}

static const struct field_value *next_value(const struct asked *a, enum field field, unsigned *i)
{
    while (*i < a->findings->fields_used) {
        const struct field_value *f = &a->findings->fields[(*i)++];
        if (f->field == (uint16_t)field)
            return f;
    }
    return NULL;
}

/* The first in the message, when it has several. */
static struct value value_of_field(const struct asked *a, enum field field)
{
    unsigned i = 0;
    uint64_t number;
    bool derived;
    struct value out = {.kind = VALUE_ADDRESS};
    if (field_kind(field) == KIND_ADDRESS)
        return ask_address(a, field, &out.address) ? out : absent;
    if (field_kind(field) == KIND_BYTES)
        return bytes_of_field(a, field, next_value(a, field, &i));
    if (ask_derived(a, field, &number, &derived))
        return number_value(number);
    const struct field_value *f = derived ? NULL : next_value(a, field, &i);
    return f ? number_value(f->value) : absent;
}

static struct value extreme_of_field(const struct asked *a, enum field field, bool most)
{
    struct value out = value_of_field(a, field);
    unsigned i = 0;
    const struct field_value *f;
    while (out.kind == VALUE_NUMBER && (f = next_value(a, field, &i)) != NULL)
        if (most ? f->value > out.number : f->value < out.number)
            out.number = f->value;
    return out;
}

/* ---- numbers: a result that needs more than 127 bits is none */

static struct value arithmetic(const struct run *r, const struct where_step *s, const struct value *left, const struct value *right)
{
    where_number out = 0;
    bool none = false;
    if (left->kind != VALUE_NUMBER || right->kind != VALUE_NUMBER)
        return absent;
    const where_number a = left->number, b = right->number;
    switch ((enum where_kind)s->kind) {
    case WHERE_ADD:
        none = __builtin_add_overflow(a, b, &out);
        break;
    case WHERE_SUBTRACT:
        none = __builtin_sub_overflow(a, b, &out);
        break;
    case WHERE_MULTIPLY:
        none = __builtin_mul_overflow(a, b, &out);
        break;
    case WHERE_DIVIDE: /* -2^127 / -1 does not fit */
        none = b == 0 || (b == -1 && __builtin_sub_overflow((where_number)0, a, &out));
        out = none || b == -1 ? out : a / b;
        break;
    case WHERE_REMAINDER:
        none = b == 0;
        out = none || b == -1 ? 0 : a % b;
        break;
    case WHERE_BIT_AND:
        out = a & b;
        break;
    case WHERE_MIN:
        out = a < b ? a : b;
        break;
    default:
        out = a > b ? a : b;
        break;
    }
    if (none)
        r->a->asker->divided_by_zero++;
    return none ? absent : number_value(out);
}

/* ---- comparisons */

static int compare_numbers(enum where_kind kind, where_number a, where_number b)
{
    switch (kind) {
    case WHERE_EQUAL:
        return a == b;
    case WHERE_DIFFERS:
        return a != b;
    case WHERE_LESS:
        return a < b;
    case WHERE_AT_MOST:
        return a <= b;
    case WHERE_GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

/* Bytes of which only the beginning was captured can differ for certain; they cannot be equal for certain. */
static int texts_equal(const struct value *a, const struct value *b)
{
    const size_t both = a->bytes.length < b->bytes.length ? a->bytes.length : b->bytes.length;
    if (a->size != b->size || (both && memcmp(a->bytes.bytes, b->bytes.bytes, both) != 0))
        return FALSE;
    return a->bytes.length == a->size && b->bytes.length == b->size ? TRUE : NEITHER;
}

static int text_has(enum where_kind kind, const struct value *a, const struct value *b)
{
    const bool cut = a->bytes.length < a->size;
    const struct view in = a->bytes, what = b->bytes;
    if (b->bytes.length < b->size)
        return NEITHER;
    if (what.length > a->size)
        return FALSE;
    if (kind == WHERE_CONTAINS)
        return what.length == 0 || memmem(in.bytes, in.length, what.bytes, what.length) ? TRUE : cut ? NEITHER : FALSE;
    if (kind == WHERE_STARTS)
        return what.length > in.length ? NEITHER : what.length == 0 || memcmp(in.bytes, what.bytes, what.length) == 0;
    return cut ? NEITHER : what.length == 0 || memcmp(in.bytes + in.length - what.length, what.bytes, what.length) == 0;
}

static int order_texts(enum where_kind kind, const struct value *a, const struct value *b)
{
    const int equal = texts_equal(a, b);
    if (kind == WHERE_EQUAL || kind == WHERE_DIFFERS)
        return equal < 0 ? NEITHER : kind == WHERE_EQUAL ? equal : !equal;
    return text_has(kind, a, b);
}

static int compare(const struct where_step *s, const struct value *a, const struct value *b)
{
    const enum where_kind kind = (enum where_kind)s->kind;
    if (a->kind == VALUE_ABSENT || b->kind == VALUE_ABSENT)
        return NEITHER;
    if (a->kind == VALUE_NUMBER)
        return compare_numbers(kind, a->number, b->number);
    if (a->kind == VALUE_BYTES)
        return order_texts(kind, a, b);
    const bool equal = a->address.high == b->address.high && a->address.low == b->address.low;
    return equal == (kind == WHERE_EQUAL);
}

static int in_texts(const struct rule *rule, const struct where_step *s, const struct value *a)
{
    const uint8_t *at = rule->bytes + s->list.first, *end = at + s->list.count;
    int found = FALSE;
    while (at < end) {
        struct value item = {.kind = VALUE_BYTES, .size = (uint64_t)at[0] << 8 | at[1]};
        item.bytes = view_of(at + 2, (size_t)item.size);
        const int equal = texts_equal(a, &item);
        if (equal == TRUE)
            return TRUE;
        found = equal == NEITHER ? NEITHER : found;
        at += 2 + item.size;
    }
    return found;
}

static int in_list(const struct run *r, const struct where_step *s, const struct value *a)
{
    if (a->kind == VALUE_ABSENT)
        return NEITHER;
    if (s->kind == WHERE_IN_TEXTS)
        return in_texts(r->rule, s, a);
    if (s->kind == WHERE_IN_ADDRESSES)
        return wide_in(r->rule->ranges + s->list.first, s->list.count, a->address);
    return a->number >= 0 && a->number <= UINT64_MAX &&
           items_contain(r->rule->items + s->list.first, s->list.count, (uint64_t)a->number, PROTOCOL_NONE);
}

/* ---- steps */

static struct value lower_value(const struct run *r, struct value v)
{
    if (v.kind != VALUE_BYTES || v.bytes.length == 0)
        return v;
    if (v.of_head) {
        v.bytes.bytes = ask_lower(r->a) + (v.bytes.bytes - r->a->head.bytes);
        return v;
    }
    /* The login's text: short, and the same memory for user and database would be shared, so each has its half. */
    uint8_t *to = r->a->asker->lower_login[r->used % 2];
    for (size_t i = 0; i < v.bytes.length && i < SESSION_TEXT_MAX; i++)
        to[i] = (uint8_t)(v.bytes.bytes[i] + (v.bytes.bytes[i] >= 'A' && v.bytes.bytes[i] <= 'Z' ? 0x20 : 0));
    v.bytes.bytes = to;
    return v;
}

static struct value leaf(const struct run *r, const struct where_step *s)
{
    switch ((enum where_kind)s->kind) {
    case WHERE_NUMBER:
        return number_value(s->value == -1 && s->large ? (where_number)s->large : s->value);
    case WHERE_TEXT:
        return (struct value){.kind = VALUE_BYTES, .bytes = view_of(r->rule->bytes + s->list.first, s->list.count), .size = s->list.count};
    case WHERE_ADDRESS:
        return (struct value){.kind = VALUE_ADDRESS, .address = r->rule->ranges[s->list.first].low};
    case WHERE_EXISTS:
        return truth_value(value_of_field(r->a, (enum field)s->field).kind != VALUE_ABSENT);
    case WHERE_LEAST:
    case WHERE_MOST:
        return extreme_of_field(r->a, (enum field)s->field, s->kind == WHERE_MOST);
    default:
        return value_of_field(r->a, (enum field)s->field);
    }
}

static struct value unary(const struct run *r, const struct where_step *s, const struct value *v)
{
    struct value out = *v;
    if (v->kind == VALUE_ABSENT)
        return absent;
    switch ((enum where_kind)s->kind) {
    case WHERE_LENGTH:
        return number_value(v->size);
    case WHERE_LOWER:
        return lower_value(r, *v);
    case WHERE_ABSOLUTE:
        if (v->number >= 0)
            return out;
        return __builtin_sub_overflow((where_number)0, v->number, &out.number) ? absent : out;
    case WHERE_MINUS:
        return __builtin_sub_overflow((where_number)0, v->number, &out.number) ? absent : out;
    default: /* a field that is yes or no is a number */
        return truth_value(!(v->kind == VALUE_NUMBER ? v->number != 0 : v->truth));
    }
}

static int truth_of(const struct value *v)
{
    return v->kind == VALUE_ABSENT ? NEITHER : v->kind == VALUE_NUMBER ? v->number != 0 : v->truth;
}

static int logic(enum where_kind kind, int a, int b)
{
    const int strong = kind == WHERE_OR;
    if (a == strong || b == strong)
        return strong;
    return a == NEITHER || b == NEITHER ? NEITHER : !strong;
}

static void run_step(struct run *r, const struct where_step *s)
{
    const enum where_kind kind = (enum where_kind)s->kind;
    struct value *top = &r->stack[r->used ? r->used - 1 : 0];
    int truth;
    if (kind <= WHERE_MOST) {
        r->stack[r->used++] = leaf(r, s);
        return;
    }
    if (kind == WHERE_LENGTH || kind == WHERE_LOWER || kind == WHERE_ABSOLUTE || kind == WHERE_MINUS || kind == WHERE_NOT) {
        *top = unary(r, s, top);
        return;
    }
    if (kind >= WHERE_IN_NUMBERS && kind <= WHERE_IN_ADDRESSES) {
        truth = in_list(r, s, top);
        if (r->told)
            r->told(r->context, s, top, NULL, truth);
        *top = truth_value(truth);
        return;
    }
    struct value *left = &r->stack[--r->used - 1];
    if (kind >= WHERE_MIN && kind <= WHERE_BIT_AND) {
        *left = arithmetic(r, s, left, top);
    } else if (kind >= WHERE_AND) {
        *left = truth_value(logic(kind, truth_of(left), truth_of(top)));
    } else {
        truth = compare(s, left, top);
        if (r->told)
            r->told(r->context, s, left, top, truth);
        *left = truth_value(truth);
    }
}

bool where_true(const struct asked *a, const struct rule *rule, struct span steps, where_told told, void *context)
{
    struct run r;
    r.a = a;
    r.rule = rule;
    r.told = told;
    r.context = context;
    r.used = 0;
    for (unsigned i = 0; i < steps.count; i++)
        run_step(&r, &rule->where[steps.first + i]);
    return truth_of(&r.stack[0]) == TRUE;
}
