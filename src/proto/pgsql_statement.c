/* What the PostgreSQL decoder remembers of prepared statements, and which parameter values a server refuses. */
#include "proto/pgsql.h"

enum {
    STATEMENTS_KEPT = 200, /* fewer than the notes of a connection: none of ours was pushed out */
    TYPES_KEPT = sizeof((struct pgsql_statement *)0)->types / sizeof(uint32_t),
};

_Static_assert(sizeof(struct pgsql_statement) <= NOTE_BYTES_MAX, "a statement fits one note");

static uint64_t key_of(uint32_t name)
{
    return UINT64_C(0x7067) << 32 | name;
}

struct pgsql_statement *pgsql_statement_find(struct findings *out, uint32_t name)
{
    return note_find(out, key_of(name));
}

void pgsql_statement_drop(struct findings *out, uint32_t name)
{
    note_drop(out, key_of(name));
}

static uint64_t function_key(uint32_t function)
{
    return UINT64_C(0x666e) << 32 | function;
}

void pgsql_function_called(struct findings *out, uint32_t function)
{
    if (!pgsql_function_known(out, function))
        (void)note_keep(out, function_key(function), 1);
}

bool pgsql_function_known(struct findings *out, uint32_t function)
{
    return note_find(out, function_key(function)) != NULL;
}

bool pgsql_statement_missing(struct pgsql_reading *r, uint32_t name)
{
    const struct pgsql_state *s = r->state;
    bool certain = !s->joined && !s->sql_prepare && s->statements < STATEMENTS_KEPT;
    return certain && !pgsql_statement_find(r->out, name);
}

/* Where quoted text or a comment that begins at `at` ends; `at` itself when nothing of that kind begins there. */
static size_t skip_quoted(struct view text, size_t at)
{
    uint8_t c = text.bytes[at];
    uint8_t next = at + 1 < text.length ? text.bytes[at + 1] : 0;
    if (c == '\'' || c == '"') {
        for (at++; at < text.length && text.bytes[at] != c; at++)
            ;
        return at + 1;
    }
    if (c == '-' && next == '-') {
        while (at < text.length && text.bytes[at] != '\n')
            at++;
        return at;
    }
    return at;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$' || c >= 0x80;
}

/* Whether a text has what could hide or explain a dollar sign: quotes, comments, backslashes. */
static bool has_telling(struct view text)
{
    static const char telling[] = {'\'', '"', '-', '\\', '/'};
    for (size_t i = 0; i < sizeof telling; i++)
        if (memchr(text.bytes, telling[i], text.length))
            return true;
    return false;
}

/* The highest $n of a query text. False when the text has something that this simple reader cannot judge: block
 * comments, dollar quotes, backslashes. */
static bool highest_parameter(struct view text, uint32_t *highest)
{
    const bool plain = !has_telling(text); /* most are: then only the dollar signs are looked at */
    *highest = 0;
    for (size_t at = 0; at < text.length;) {
        if (plain) {
            const uint8_t *dollar = memchr(text.bytes + at, '$', text.length - at);
            if (!dollar)
                break;
            at = (size_t)(dollar - text.bytes);
        }
        size_t after = skip_quoted(text, at);
        if (after != at) {
            at = after;
            continue;
        }
        uint8_t c = text.bytes[at];
        uint8_t next = at + 1 < text.length ? text.bytes[at + 1] : 0;
        if (c == '\\' || (c == '/' && next == '*'))
            return false;
        if (c != '$') {
            at++;
            continue;
        }
        if (!is_digit(next) || (at && is_word(text.bytes[at - 1])))
            return false;
        uint32_t number = 0;
        for (at++; at < text.length && is_digit(text.bytes[at]) && number < 100000; at++)
            number = number * 10 + (uint32_t)(text.bytes[at] - '0');
        if (number > *highest)
            *highest = number;
    }
    return *highest <= UINT16_MAX && !memchr(text.bytes, '\\', text.length);
}

/* Only these are analysed for parameters; a utility statement has none whatever its text says. */
static bool is_plannable(struct view text)
{
    static const char *const verbs[] = {"select", "insert", "update", "delete", "with", "values"};
    size_t at = 0;
    while (at < text.length && (text.bytes[at] == ' ' || text.bytes[at] == '\n' || text.bytes[at] == '\t'))
        at++;
    text = view_from(text, at);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t length = strlen(verbs[i]), k = 0;
        while (k < length && k < text.length && (text.bytes[k] | 0x20) == (uint8_t)verbs[i][k])
            k++;
        if (k == length && k < text.length && !is_word(text.bytes[k]))
            return true;
    }
    return false;
}

void pgsql_statement_parsed(struct pgsql_reading *r, struct view name, struct view query, struct cursor types, uint32_t count)
{
    uint32_t hash = pgsql_hash(name), highest = 0;
    if (name.length && r->state->statements < UINT16_MAX)
        r->state->statements++;
    struct pgsql_statement *p = pgsql_statement_find(r->out, hash);
    if (!p)
        p = note_keep(r->out, key_of(hash), sizeof *p);
    if (!p) {
        r->state->sql_prepare = true; /* no memory: nothing is certain any more */
        return;
    }
    p->columns_known = false;
    p->parameters_known = is_plannable(query) && highest_parameter(query, &highest);
    p->parameters = (uint16_t)(highest > count ? highest : count);
    p->types_known = (uint16_t)(count < TYPES_KEPT ? count : TYPES_KEPT);
    for (unsigned i = 0; i < p->types_known; i++)
        p->types[i] = take_u32be(&types);
}

uint32_t pgsql_type_size(uint32_t type)
{
    switch (type) {
    case 16: /* bool */
    case 18: /* char */
        return 1;
    case 21: /* int2 */
        return 2;
    case 23:   /* int4 */
    case 26:   /* oid */
    case 700:  /* float4 */
    case 1082: /* date */
        return 4;
    case 20:   /* int8 */
    case 701:  /* float8 */
    case 790:  /* money */
    case 1083: /* time */
    case 1114: /* timestamp */
    case 1184: /* timestamptz */
        return 8;
    case 1186: /* interval */
    case 2950: /* uuid */
        return 16;
    default:
        return 0;
    }
}

/* As pg_utf8_islegal and its caller: no overlong forms, no surrogates, nothing above 10FFFF. */
bool pgsql_is_utf8(struct view text)
{
    for (size_t i = 0; i < text.length;) {
        uint8_t c = text.bytes[i];
        unsigned more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 9;
        if (more > text.length - i - 1)
            return false;
        for (unsigned k = 1; k <= more; k++)
            if ((text.bytes[i + k] & 0xc0) != 0x80)
                return false;
        uint8_t second = more ? text.bytes[i + 1] : 0;
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
            (c == 0xf4 && second > 0x8f))
            return false;
        i += more + 1;
    }
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_integer(struct view text)
{
    size_t at = 0, end = text.length;
    while (at < end && is_space(text.bytes[at]))
        at++;
    while (end > at && is_space(text.bytes[end - 1]))
        end--;
    if (at < end && (text.bytes[at] == '-' || text.bytes[at] == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++)
        if (!is_digit(text.bytes[at]))
            return false;
    return true;
}

static bool is_integer_type(uint32_t type)
{
    return type == 20 || type == 21 || type == 23 || type == 26;
}

static bool is_text_type(uint32_t type)
{
    return type == 25 || type == 1043 || type == 1042 || type == 705 || type == 114;
}

bool pgsql_value_refused(struct view value, uint32_t format, uint32_t type, bool utf8)
{
    bool text = format == 0 || is_text_type(type);
    if (format > 1)
        return true;
    if (text && value.length && memchr(value.bytes, 0, value.length))
        return true;
    if (text && utf8 && !pgsql_is_utf8(value))
        return true;
    if (format == 0)
        return is_integer_type(type) && !is_integer(value);
    uint32_t size = pgsql_type_size(type);
    return size && value.length > size;
}
