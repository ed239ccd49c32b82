/* byte_test, byte_jump, byte_extract and byte_math: numbers in the bytes, and the names under which later options use them. */
#include <string.h>

#include "detect/draft.h"

enum { BINARY_MAX = 8, DIGITS_MAX = 23, PLACE_MAX = 1 << 20, MULTIPLIER_MAX = 65535 };

enum read_kind { READ_TEST, READ_JUMP, READ_EXTRACT };

unsigned draft_variable(const struct draft *d, struct view name)
{
    for (unsigned i = 0; i < d->variables_used; i++)
        if (view_equal(name, view_text(d->variables[i].name)))
            return i + 1;
    return 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool add_variable(struct draft *d, struct view name, uint8_t *out)
{
    unsigned known = draft_variable(d, name);
    if (known) {
        *out = (uint8_t)(known - 1);
        return true;
    }
    bool good = name.length > 0 && name.length < VARIABLE_NAME_MAX && is_letter(name.bytes[0]);
    for (size_t i = 1; good && i < name.length; i++)
        good = is_letter(name.bytes[i]) || (name.bytes[i] >= '0' && name.bytes[i] <= '9') || name.bytes[i] == '.' || name.bytes[i] == '-';
    if (!good)
        return draft_refuse(d, name.bytes, "a name begins with a letter and has at most %d letters, digits and _", VARIABLE_NAME_MAX - 1);
    if (d->variables_used == VARIABLES_MAX)
        return draft_refuse(d, name.bytes, "more than %d names of byte_extract in one rule", VARIABLES_MAX);
    memcpy(d->variables[d->variables_used].name, name.bytes, name.length);
    d->variables[d->variables_used].name[name.length] = 0;
    *out = (uint8_t)d->variables_used++;
    return true;
}

/* A number with a sign, or the name of a value that was extracted before. */
static bool place_or_name(struct draft *d, struct view text, int32_t *place, uint8_t *of)
{
    const bool negative = text.length && text.bytes[0] == '-';
    const size_t sign = negative || (text.length && text.bytes[0] == '+');
    uint64_t value;
    if (text.length && is_letter(text.bytes[0])) {
        *of = (uint8_t)draft_variable(d, text);
        return *of ? true : draft_refuse(d, text.bytes, "no byte_extract before this names \"%.*s\"", (int)(text.length > 60 ? 60 : text.length),
                                         (const char *)text.bytes);
    }
    if (!view_number(view_from(text, sign), &value) || value > PLACE_MAX)
        return draft_refuse(d, text.bytes, "expected a number from -%d to %d", PLACE_MAX, PLACE_MAX);
    *place = negative ? -(int32_t)value : (int32_t)value;
    return true;
}

static bool value_or_name(struct draft *d, struct view text, uint64_t *value, uint8_t *of)
{
    if (text.length && is_letter(text.bytes[0])) {
        *of = (uint8_t)draft_variable(d, text);
        return *of ? true : draft_refuse(d, text.bytes, "no byte_extract before this names \"%.*s\"", (int)(text.length > 60 ? 60 : text.length),
                                         (const char *)text.bytes);
    }
    return view_number(text, value) ? true : draft_refuse(d, text.bytes, "expected a number, or a name of byte_extract");
}

static bool read_operator(struct draft *d, struct view text, struct reading *r)
{
    static const struct {
        const char *sign;
        uint8_t operator;
    } signs[] = {{"=", READ_EQUAL},     {">", READ_GREATER}, {"<", READ_LESS}, {">=", READ_AT_LEAST},
                 {"<=", READ_AT_MOST}, {"&", READ_AND},     {"^", READ_OR},   {"==", READ_EQUAL}};
    struct view rest = text;
    if (rest.length && rest.bytes[0] == '!') {
        r->negated = true;
        rest = view_trim(view_from(rest, 1));
        if (rest.length == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (view_is(rest, signs[i].sign)) {
            r->operator = signs[i].operator;
            return true;
        }
    }
    return draft_refuse(d, text.bytes, "the operator is [!] and one of < > = <= >= & ^");
}

static bool number_word(struct draft *d, struct view value, uint64_t least, uint64_t most, uint64_t *out)
{
    if (view_number(value, out) && *out >= least && *out <= most)
        return true;
    return draft_refuse(d, value.bytes, "expected a number from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
}

/* relative, little, string, multiplier 4, ...: what may follow, in any order. */
static bool read_word(struct draft *d, struct view word, enum read_kind kind, struct reading *r, bool *relative)
{
    struct view value = word, key;
    uint64_t number = 4;
    int32_t place = 0;
    uint8_t unused = 0;
    (void)view_split(&value, ' ', &key);
    const bool has_value = value.bytes != NULL;
    value = view_trim(value);
    if (view_is(word, "relative"))
        *relative = true;
    else if (view_is(word, "little") || view_is(word, "big"))
        r->little = view_is(word, "little");
    else if (view_is(word, "string"))
        r->base = r->base ? r->base : 10;
    else if (view_is(word, "hex") || view_is(word, "dec") || view_is(word, "oct"))
        r->base = view_is(word, "hex") ? 16 : view_is(word, "dec") ? 10 : 8;
    else if (view_is(word, "endian big") || view_is(word, "endian little"))
        r->little = view_is(word, "endian little");
    else if (view_is(key, "bitmask") && has_value && number_word(d, value, 1, UINT64_MAX, &number))
        r->mask = number;
    else if (kind != READ_TEST && view_is(key, "multiplier") && has_value && number_word(d, value, 1, MULTIPLIER_MAX, &number))
        r->multiplier = (uint32_t)number;
    else if (kind != READ_TEST && view_is(key, "align") && (!has_value || number_word(d, value, 2, 4, &number)))
        r->align = number == 3 ? 0 : (uint8_t)number;
    else if (kind == READ_JUMP && view_is(word, "from_beginning"))
        r->from_beginning = true;
    else if (kind == READ_JUMP && view_is(word, "from_end"))
        r->from_end = true;
    else if (kind == READ_JUMP && view_is(key, "post_offset") && has_value && place_or_name(d, value, &place, &unused)) {
        if (unused)
            return draft_refuse(d, value.bytes, "post_offset is a number");
        r->post = place;
    } else
        return draft_refuse(d, word.bytes, "\"%.*s\" does not stand here", (int)(word.length > 60 ? 60 : word.length), (const char *)word.bytes);
    return true;
}

static bool count_good(struct draft *d, const void *at, enum read_kind kind, const struct reading *r)
{
    if (r->count_of)
        return true;
    if (r->count == 0 && kind != READ_JUMP)
        return draft_refuse(d, at, "0 bytes hold no number");
    if (r->count > (r->base ? DIGITS_MAX : BINARY_MAX))
        return draft_refuse(d, at, "a binary number has at most %d bytes, one in digits (string) %d", BINARY_MAX, DIGITS_MAX);
    return r->align == 0 || r->align == 2 || r->align == 4 ? true : draft_refuse(d, at, "align is 2 or 4");
}

/* The parts that stand first, by kind: test: count, operator, value, offset; jump: count, offset; extract: count, offset,
 * name. */
static bool read_first(struct draft *d, enum read_kind kind, const struct option *o, struct view *rest, struct reading *r, struct view *name)
{
    static const unsigned many[] = {4, 2, 3};
    struct view parts[4];
    int32_t count = 0;
    for (unsigned i = 0; i < many[kind]; i++)
        if (!view_split(rest, ',', &parts[i]))
            return draft_refuse(d, o->value.bytes, "%s", kind == READ_TEST   ? "byte_test is count,operator,value,offset and more"
                                                         : kind == READ_JUMP ? "byte_jump is count,offset and more"
                                                                             : "byte_extract is count,offset,name and more");
    if (!place_or_name(d, parts[0], &count, &r->count_of))
        return false;
    if (count < 0 || count > DIGITS_MAX)
        return draft_refuse(d, parts[0].bytes, "a number has at most %d bytes", DIGITS_MAX);
    r->count = (uint8_t)count;
    if (kind == READ_TEST && (!read_operator(d, parts[1], r) || !value_or_name(d, parts[2], &r->value, &r->value_of)))
        return false;
    if (kind == READ_EXTRACT)
        *name = parts[2];
    return place_or_name(d, parts[kind == READ_TEST ? 3 : 1], &r->offset, &r->offset_of);
}

/* The step that reads; `name`, if it has one, takes the value. */
static bool add_reading(struct draft *d, const struct option *o, enum step_kind step, struct reading *r, bool relative, const struct view *name)
{
    if (d->readings_used == DRAFT_READINGS_MAX)
        return draft_refuse(d, o->name.bytes, "more than %d of these in one rule", DRAFT_READINGS_MAX);
    struct step *s = draft_add_step(d, step, o);
    if (!s)
        return false;
    /* After the step, so that a value cannot depend on itself. */
    if (name && !add_variable(d, *name, &r->result))
        return false;
    s->relative = relative;
    s->at = (uint32_t)d->readings_used;
    s->has_named = r->count_of || r->offset_of || r->value_of || name;
    d->readings[d->readings_used++] = *r;
    return true;
}

static bool read_bytes(struct draft *d, const struct option *o, enum read_kind kind, enum step_kind step)
{
    struct view rest = o->value, word, name = {0};
    struct reading r = {.multiplier = 1};
    bool relative = false;
    if (!read_first(d, kind, o, &rest, &r, &name))
        return false;
    while (view_split(&rest, ',', &word))
        if (!read_word(d, word, kind, &r, &relative))
            return false;
    return count_good(d, o->value.bytes, kind, &r) && add_reading(d, o, step, &r, relative, kind == READ_EXTRACT ? &name : NULL);
}

bool keyword_byte_test(struct draft *d, const struct option *o)
{
    return read_bytes(d, o, READ_TEST, STEP_BYTE_TEST);
}

bool keyword_byte_jump(struct draft *d, const struct option *o)
{
    return read_bytes(d, o, READ_JUMP, STEP_BYTE_JUMP);
}

bool keyword_byte_extract(struct draft *d, const struct option *o)
{
    return read_bytes(d, o, READ_EXTRACT, STEP_BYTE_EXTRACT);
}

/* ---- byte_math: bytes N, offset N, oper +, rvalue N, result NAME, and more, each with its key, in any order */

enum math_part { PART_BYTES = 1, PART_OFFSET = 2, PART_OPER = 4, PART_RVALUE = 8, PART_RESULT = 16, PARTS_NEEDED = 31 };

static bool math_operator(struct draft *d, struct view value, struct reading *r)
{
    static const char *const signs[] = {"+", "-", "*", "/", "<<", ">>"};
    for (uint8_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (view_is(value, signs[i])) {
            r->operator = i;
            return true;
        }
    }
    return draft_refuse(d, value.bytes, "oper is one of + - * / << >>");
}

static bool math_flag(struct draft *d, struct view key, struct view value, struct view word, struct reading *r, bool *relative)
{
    uint64_t number;
    if (view_is(word, "relative"))
        *relative = true;
    else if (view_is(key, "endian") && (view_is(value, "big") || view_is(value, "little")))
        r->little = view_is(value, "little");
    else if (view_is(key, "string") && (view_is(value, "hex") || view_is(value, "dec") || view_is(value, "oct")))
        r->base = view_is(value, "hex") ? 16 : view_is(value, "dec") ? 10 : 8;
    else if (view_is(key, "bitmask") && number_word(d, value, 1, UINT32_MAX, &number))
        r->mask = number;
    else
        return draft_refuse(d, word.bytes, "\"%.*s\" does not stand here", (int)(word.length > 60 ? 60 : word.length), (const char *)word.bytes);
    return true;
}

static bool math_word(struct draft *d, struct view word, struct reading *r, bool *relative, unsigned *seen, struct view *name)
{
    static const char *const keys[] = {"bytes", "offset", "oper", "rvalue", "result"};
    struct view value = word, key;
    int32_t count = 0;
    unsigned part = 0;
    (void)view_split(&value, ' ', &key);
    value = view_trim(value);
    for (unsigned i = 0; i < 5; i++)
        part |= view_is(key, keys[i]) ? 1u << i : 0;
    if (!part)
        return math_flag(d, key, value, word, r, relative);
    if (*seen & part || value.length == 0)
        return draft_refuse(d, key.bytes, value.length ? "%s stands twice" : "%s needs a value", keys[__builtin_ctz(part)]);
    *seen |= part;
    switch ((enum math_part)part) {
    case PART_BYTES:
        if (!place_or_name(d, value, &count, &r->count_of) || count < 0 || count > DIGITS_MAX)
            return draft_refuse(d, value.bytes, "a number has at most %d bytes", DIGITS_MAX);
        r->count = (uint8_t)count;
        return true;
    case PART_OFFSET:
        return place_or_name(d, value, &r->offset, &r->offset_of);
    case PART_OPER:
        return math_operator(d, value, r);
    case PART_RVALUE:
        return value_or_name(d, value, &r->value, &r->value_of);
    case PART_RESULT:
        *name = value;
        return true;
    case PARTS_NEEDED:
        break;
    }
    return false;
}

bool keyword_byte_math(struct draft *d, const struct option *o)
{
    struct view rest = o->value, word, name = {0};
    struct reading r = {.multiplier = 1};
    bool relative = false;
    unsigned seen = 0;
    while (view_split(&rest, ',', &word))
        if (!math_word(d, word, &r, &relative, &seen, &name))
            return false;
    if (seen != PARTS_NEEDED)
        return draft_refuse(d, o->value.bytes, "byte_math is bytes N, offset N, oper SIGN, rvalue N, result NAME and more");
    if (!r.value_of && r.operator == MATH_DIVIDED && r.value == 0)
        return draft_refuse(d, o->value.bytes, "a division by zero has no result");
    return count_good(d, o->value.bytes, READ_EXTRACT, &r) && add_reading(d, o, STEP_BYTE_MATH, &r, relative, &name);
}
