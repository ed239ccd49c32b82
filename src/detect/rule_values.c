/* Numbers, sizes, names and quoted text as rules write them. Comparisons are strict, and ranges leave out both ends, as
 * in Suricata's integer keywords. */
#include <string.h>
#include <strings.h>

#include "detect/draft.h"

bool view_number(struct view text, uint64_t *out)
{
    uint64_t value = 0;
    unsigned base = 10;
    size_t i = 0;
    if (text.length > 2 && text.bytes[0] == '0' && (text.bytes[1] | 0x20) == 'x') {
        base = 16;
        i = 2;
    }
    if (i == text.length)
        return false;
    for (; i < text.length; i++) {
        uint8_t c = text.bytes[i], low = c | 0x20;
        unsigned digit = c >= '0' && c <= '9' ? c - 48u : low >= 'a' && low <= 'f' ? low - 'a' + 10u : 99;
        if (digit >= base || value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

bool view_size(struct view text, uint64_t *out)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {{"kib", 10}, {"mib", 20}, {"gib", 30}, {"kb", 10}, {"mb", 20}, {"gb", 30}};
    unsigned shift = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && !shift; i++) {
        size_t length = strlen(units[i].unit);
        if (text.length > length &&
            strncasecmp((const char *)text.bytes + text.length - length, units[i].unit, length) == 0) {
            shift = units[i].shift;
            text = view_trim(view_head(text, text.length - length));
        }
    }
    if (!view_number(text, out) || *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

/* The same with ms and s, which are nanoseconds as where has them. */
static bool view_amount(struct view text, uint64_t *out)
{
    uint64_t scale = 1;
    text = view_trim(text);
    if (text.length > 2 && view_is(view_from(text, text.length - 2), "ms"))
        scale = 1000000;
    else if (text.length > 1 && view_is(view_from(text, text.length - 1), "s"))
        scale = 1000000000;
    if (scale == 1)
        return view_size(text, out);
    return view_number(view_trim(view_head(text, text.length - (scale == 1000000 ? 2 : 1))), out) && !__builtin_mul_overflow(*out, scale, out);
}

bool draft_quoted(struct draft *d, struct view value, char *out, size_t size)
{
    size_t used = 0;
    if (value.length < 2 || value.bytes[0] != '"' || value.bytes[value.length - 1] != '"')
        return draft_refuse(d, value.bytes, "expected \"text in quotes\"");
    for (size_t i = 1; i + 1 < value.length; i++) {
        uint8_t c = value.bytes[i];
        if (c == '"')
            return draft_refuse(d, value.bytes + i, "a quote inside quotes is written \\\" (or a ; is missing before this)");
        if (c == '\\' && i + 2 < value.length) {
            c = value.bytes[++i];
            if (c == '\r' && i + 2 < value.length && value.bytes[i + 1] == '\n')
                i++;
            if (c == '\r' || c == '\n')
                continue;
        }
        if (used + 1 >= size)
            return draft_refuse(d, value.bytes, "longer than %zu bytes", size - 1);
        out[used++] = c >= 0x20 && c != 0x7f ? (char)c : ' ';
    }
    out[used] = 0;
    return used ? true : draft_refuse(d, value.bytes, "the text is empty");
}

/* ---- names */

enum name_set rule_message_names(enum protocol protocol)
{
    static const uint16_t sets[] = {
        NAMES_NONE,
#define DECODER(name, SYMBOL, title) NAMES_##name##_message,
#include "model/decoders.def"
#undef DECODER
    };
    return protocol < PROTOCOLS ? (enum name_set)sets[protocol] : NAMES_NONE;
}

/* COM_QUERY is a command's whole name, query what is left when all of them begin so. */
bool view_is_name(struct view word, const char *name)
{
    static const char prefix[] = "com_";
    if (view_is(word, name))
        return true;
    return word.length >= sizeof prefix && view_is(view_head(word, sizeof prefix - 1), prefix) &&
           view_is(view_from(word, sizeof prefix - 1), name);
}

static bool add_item(struct draft *d, const void *at, struct item item)
{
    if (d->items_used == DRAFT_ITEMS_MAX)
        return draft_refuse(d, at, "more than %d values in one rule", DRAFT_ITEMS_MAX);
    d->items[d->items_used++] = item;
    return true;
}

/* Adds the values that a set calls by this name, in any case; several protocols may know it. */
static unsigned add_names(struct draft *d, struct view word, bool negated, enum name_set set, enum protocol protocol,
                          struct nearest *near)
{
    unsigned found = 0;
    uint64_t value;
    const char *name;
    for (unsigned i = 0; (name = name_at(set, i, &value)) != NULL; i++) {
        nearest_offer(near, name);
        if (view_is_name(word, name) && add_item(d, word.bytes, (struct item){value, value, ITEM_IS, (uint8_t)protocol, negated}))
            found++;
    }
    return found;
}

static unsigned add_named(struct draft *d, struct view word, bool negated, enum field field, struct nearest *near)
{
    static const char *const yes[] = {"yes", "true", "no", "false"};
    unsigned found = 0;
    if (field_kind(field) == KIND_BOOL) {
        for (unsigned i = 0; i < 4; i++)
            if (view_is(word, yes[i]) && add_item(d, word.bytes, (struct item){i < 2, i < 2, ITEM_IS, 0, negated}))
                found++;
    } else if (field == FIELD_DB_MESSAGE) {
        for (unsigned p = PROTOCOL_NONE + 1; p < PROTOCOLS; p++)
            if (d->rule.protocols & UINT32_C(1) << p)
                found += add_names(d, word, negated, rule_message_names((enum protocol)p), (enum protocol)p, near);
    } else if (field != FIELD_NONE && field_names(field) != NAMES_NONE) {
        found = add_names(d, word, negated, field_names(field), PROTOCOL_NONE, near);
    }
    return found;
}

/* ---- numbers */

static bool add_range(struct draft *d, struct view text, struct view low, struct view high, bool negated)
{
    uint64_t from, to;
    if (!view_amount(low, &from) || !view_amount(high, &to))
        return draft_refuse(d, text.bytes, "a range is N-M or N<>M");
    if (to < 2 || from > to - 2)
        return draft_refuse(d, text.bytes, "nothing lies between %.*s: ranges leave out both ends",
                            (int)(text.length > 60 ? 60 : text.length), (const char *)text.bytes);
    return add_item(d, text.bytes, (struct item){from + 1, to - 1, ITEM_BETWEEN, PROTOCOL_NONE, negated});
}

/* A number behind "", "=", ">", "<", ">=" or "<=". */
static bool add_operator(struct draft *d, struct view text, struct view number, const char *operator, bool negated)
{
    struct item item = {.form = ITEM_IS, .negated = negated};
    const bool equal = operator[0] && operator[1] == '=';
    const char first = operator[0];
    uint64_t value;
    if (!view_amount(number, &value))
        return draft_refuse(d, text.bytes, "\"%.*s\" is not N, >N, <N, >=N, <=N, !N, N-M or N<>M (units KiB MiB GiB ms s)",
                            (int)(text.length > 60 ? 60 : text.length), (const char *)text.bytes);
    item.low = item.high = value;
    if (first == '>') {
        if (!equal && value == UINT64_MAX)
            return draft_refuse(d, text.bytes, "nothing is greater");
        item.form = equal ? ITEM_AT_LEAST : ITEM_GREATER;
        item.low = value + !equal;
        item.high = UINT64_MAX;
    } else if (first == '<') {
        if (!equal && value == 0)
            return draft_refuse(d, text.bytes, "nothing is less");
        item.form = equal ? ITEM_AT_MOST : ITEM_LESS;
        item.low = 0;
        item.high = value - !equal;
    }
    return add_item(d, text.bytes, item);
}

static bool add_compared(struct draft *d, struct view text, bool negated)
{
    static const char *const operators[] = {">=", "<=", ">", "<", "="};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t length = strlen(operators[i]);
        if (text.length >= length && memcmp(text.bytes, operators[i], length) == 0)
            return add_operator(d, text, view_from(text, length), operators[i], negated);
    }
    return add_operator(d, text, text, "", negated);
}

bool draft_compared(struct draft *d, struct view number, const char *operator, bool negated, struct span *out)
{
    *out = (struct span){(uint16_t)d->items_used, 1};
    return add_operator(d, number, number, operator, negated);
}

/* The place of the operator of a range, not counting the first character. */
static size_t range_operator(struct view text, size_t *length)
{
    for (size_t i = 1; i < text.length; i++) {
        *length = text.bytes[i] == '<' && i + 1 < text.length && text.bytes[i + 1] == '>' ? 2 : text.bytes[i] == '-';
        if (*length)
            return i;
    }
    return 0;
}

static bool add_value(struct draft *d, struct view text, enum field field)
{
    struct nearest near;
    char hint[96];
    bool negated = text.length && text.bytes[0] == '!';
    size_t length = 0;
    if (negated)
        text = view_trim(view_from(text, text.length > 1 && text.bytes[1] == '=' ? 2 : 1));
    near = (struct nearest){.wanted = text};
    if (text.length == 0)
        return draft_refuse(d, text.bytes, "a value is missing");
    if (add_named(d, text, negated, field, &near) || d->refused)
        return !d->refused;
    size_t at = range_operator(text, &length);
    uint8_t first = text.bytes[0];
    bool numeric = (first >= '0' && first <= '9') || first == '<' || first == '>' || first == '=';
    if (!numeric && (field_kind(field) != KIND_UINT || field == FIELD_DB_MESSAGE))
        return draft_refuse(d, text.bytes, "%s has no value \"%.*s\"%s", field_name(field),
                            (int)(text.length > 60 ? 60 : text.length), (const char *)text.bytes,
                            nearest_hint(&near, hint, sizeof hint));
    if (at && first >= '0' && first <= '9')
        return add_range(d, text, view_head(text, at), view_from(text, at + length), negated);
    return add_compared(d, text, negated);
}

bool draft_items(struct draft *d, struct view text, enum field field, struct span *out)
{
    struct view rest = text, part;
    out->first = (uint16_t)d->items_used;
    while (view_split(&rest, ',', &part))
        if (!add_value(d, part, field))
            return false;
    out->count = (uint16_t)(d->items_used - out->first);
    return true;
}

bool items_contain(const struct item *items, size_t count, uint64_t value, enum protocol protocol)
{
    bool positive = false, found = false;
    for (size_t i = 0; i < count; i++) {
        const struct item *item = &items[i];
        bool inside = value >= item->low && value <= item->high &&
                      (item->protocol == PROTOCOL_NONE || item->protocol == (uint8_t)protocol);
        if (item->negated && inside)
            return false;
        positive |= !item->negated;
        found |= inside;
    }
    return found || !positive;
}

bool rule_field_is_derived(enum field field)
{
    switch (field) {
    case FIELD_DB_MESSAGE:
    case FIELD_DB_LENGTH:
    case FIELD_DB_PHASE:
    case FIELD_DB_TLS:
    case FIELD_DB_DECRYPTED:
    case FIELD_DB_COMPRESSION:
    case FIELD_DB_USER:
    case FIELD_DB_NAME:
    case FIELD_DB_ERROR_CODE:
    case FIELD_DB_ROWS:
    case FIELD_NET_COUNTRY:
    case FIELD_NET_ASN:
    case FIELD_NET_CLIENT:
    case FIELD_NET_CLIENT_PORT:
    case FIELD_NET_SERVER:
    case FIELD_NET_SERVER_PORT:
    case FIELD_NET_DIRECTION:
    case FIELD_FLOW_MIDSTREAM:
        return true;
    default:
        return false;
    }
}
