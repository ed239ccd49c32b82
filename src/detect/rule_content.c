/* content and its family: bytes to find in a buffer, and where. Modifiers change the content before them; Snort 3 writes
 * them behind the content, after commas. */
#include <ctype.h>
#include <string.h>

#include "detect/draft.h"

enum { DISTANCE_MAX = 1 << 20 };

/* ---- steps */

/* A step at the end of the buffer that is open; opens the message when none is, or a new test after other options. */
struct step *draft_add_step(struct draft *d, enum step_kind kind, const struct option *o)
{
    if (d->open_test < 0 && !draft_add_test(d, TEST_BUFFER, (enum field)d->buffer, o->name.bytes))
        return NULL;
    if (d->steps_used == DRAFT_STEPS_MAX) {
        draft_refuse(d, o->name.bytes, "more than %d contents in one rule", DRAFT_STEPS_MAX);
        return NULL;
    }
    d->tests[d->open_test].parts.count++;
    d->content_at[d->steps_used] = (size_t)(o->name.bytes - d->source->text.bytes);
    struct step *s = &d->steps[d->steps_used++];
    *s = (struct step){.kind = (uint8_t)kind, .offset = STEP_UNSET, .depth = STEP_UNSET, .distance = STEP_UNSET,
                       .within = STEP_UNSET};
    return s;
}

static struct step *last_content(struct draft *d, const struct option *o)
{
    if (d->last_content < 0) {
        draft_refuse(d, o->name.bytes, "%.*s needs a content before it", (int)o->name.length, (const char *)o->name.bytes);
        return NULL;
    }
    return &d->steps[d->last_content];
}

/* ---- the pattern */

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool add_byte(struct draft *d, const uint8_t *at, uint8_t byte)
{
    if (d->bytes_used == DRAFT_BYTES_MAX)
        return draft_refuse(d, at, "more than %d bytes of content in one rule", DRAFT_BYTES_MAX);
    d->bytes[d->bytes_used++] = byte;
    return true;
}

/* |00 ff|: from after the first bar; *i is left at the second. */
static bool read_hex(struct draft *d, struct view text, size_t *i)
{
    const uint8_t *open = text.bytes + *i;
    for (++*i; *i < text.length && text.bytes[*i] != '|'; ++*i) {
        if (is_space(text.bytes[*i]))
            continue;
        int high = hex_value(text.bytes[*i]), low = *i + 1 < text.length ? hex_value(text.bytes[*i + 1]) : -1;
        if (high < 0 || low < 0)
            return draft_refuse(d, text.bytes + *i, "between bars stand pairs of hex digits");
        if (!add_byte(d, open, (uint8_t)(high << 4 | low)))
            return false;
        ++*i;
    }
    return *i < text.length ? true : draft_refuse(d, open, "this bar is not closed");
}

static bool read_pattern(struct draft *d, struct view text, struct step *s)
{
    s->pattern.first = (uint16_t)d->bytes_used;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.bytes[i];
        if (c == '|') {
            if (!read_hex(d, text, &i))
                return false;
            continue;
        }
        if (c == '"')
            return draft_refuse(d, text.bytes + i, "a quote inside content is written \\\" or |22|");
        if (c == '\\') {
            c = i + 1 < text.length ? text.bytes[++i] : 0;
            if (c == '\r' && i + 1 < text.length && text.bytes[i + 1] == '\n')
                c = text.bytes[++i];
            if (c == '\n')
                continue;
            if (c <= ' ' || c > '~' || isalnum(c)) /* \n may be meant for a line's end, which nobody reads so */
                return draft_refuse(d, text.bytes + i, "in content, \\ stands before signs like \" ; : \\ or | only: bytes are written |0a|");
        }
        if (!add_byte(d, text.bytes + i, c))
            return false;
    }
    s->pattern.count = (uint16_t)(d->bytes_used - s->pattern.first);
    return s->pattern.count ? true : draft_refuse(d, text.bytes, "the content is empty");
}

/* ---- modifiers, by their own option or behind a comma */

/* A number, or the name of a value that byte_extract read. */
static bool set_place(struct draft *d, const struct option *o, struct step *s, enum step_place which, int32_t *place, int64_t least)
{
    struct view text = o->value;
    bool negative = text.length && text.bytes[0] == '-';
    uint64_t value;
    if (*place != STEP_UNSET)
        return draft_refuse(d, o->name.bytes, "%.*s stands twice for this content", (int)o->name.length,
                            (const char *)o->name.bytes);
    s->named[which] = (uint8_t)draft_variable(d, text);
    if (s->named[which]) {
        *place = 0;
        return s->has_named = true;
    }
    bool good = view_number(negative ? view_from(text, 1) : text, &value) && value <= DISTANCE_MAX;
    if (!good || (negative ? -(int64_t)value : (int64_t)value) < least)
        return draft_refuse(d, o->value.bytes, "%.*s is a number from %lld to %d", (int)o->name.length,
                            (const char *)o->name.bytes, (long long)least, DISTANCE_MAX);
    *place = negative ? -(int32_t)value : (int32_t)value;
    return true;
}

bool keyword_offset(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    return s && set_place(d, o, s, PLACE_OFFSET, &s->offset, 0);
}

bool keyword_depth(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    return s && set_place(d, o, s, PLACE_DEPTH, &s->depth, 1);
}

bool keyword_distance(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    if (!s || !set_place(d, o, s, PLACE_DISTANCE, &s->distance, -DISTANCE_MAX))
        return false;
    return s->relative = true;
}

bool keyword_within(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    if (!s || !set_place(d, o, s, PLACE_WITHIN, &s->within, 1))
        return false;
    return s->relative = true;
}

bool keyword_nocase(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    if (!s)
        return false;
    for (unsigned i = 0; i < s->pattern.count; i++) {
        uint8_t *byte = &d->bytes[s->pattern.first + i];
        *byte = (uint8_t)(*byte >= 'A' && *byte <= 'Z' ? *byte | 0x20 : *byte);
    }
    return s->nocase = true;
}

bool keyword_startswith(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    return s && (s->starts = true);
}

bool keyword_endswith(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    return s && (s->ends = true);
}

bool keyword_rawbytes(struct draft *d, const struct option *o)
{
    return last_content(d, o) != NULL;
}

/* fast_pattern; fast_pattern:only; fast_pattern:offset,length; */
bool keyword_fast_pattern(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    struct view rest = o->value, first;
    uint64_t offset, length;
    if (!s)
        return false;
    s->fast = FAST_YES;
    if (!o->has_value)
        return true;
    if (view_is(o->value, "only")) {
        s->fast = FAST_ONLY;
        return true;
    }
    bool good = view_split(&rest, ',', &first) && view_number(first, &offset) && rest.bytes &&
                view_number(view_trim(rest), &length) && offset <= s->pattern.count && length > 0 &&
                length <= s->pattern.count - offset;
    if (!good)
        return draft_refuse(d, o->value.bytes, "fast_pattern takes only, or offset,length inside the content");
    s->fast = FAST_PART;
    s->fast_offset = (uint16_t)offset;
    s->fast_length = (uint16_t)length;
    return true;
}

bool keyword_fast_part(struct draft *d, const struct option *o)
{
    struct step *s = last_content(d, o);
    uint64_t value;
    if (!s)
        return false;
    return view_number(o->value, &value) && value <= s->pattern.count
               ? true
               : draft_refuse(d, o->value.bytes, "expected a number inside the content");
}

static bool inline_modifier(struct draft *d, struct view part)
{
    static const struct {
        const char *name;
        bool (*read)(struct draft *d, const struct option *o);
        bool value;
    } modifiers[] = {
        {"nocase", keyword_nocase, false},
        {"offset", keyword_offset, true},
        {"depth", keyword_depth, true},
        {"distance", keyword_distance, true},
        {"within", keyword_within, true},
        {"startswith", keyword_startswith, false},
        {"endswith", keyword_endswith, false},
        {"rawbytes", keyword_rawbytes, false},
        {"fast_pattern", keyword_fast_pattern, false},
        {"fast_pattern_offset", keyword_fast_part, true},
        {"fast_pattern_length", keyword_fast_part, true},
    };
    struct view rest = part;
    struct option o = {0};
    char hint[96];
    (void)view_split(&rest, ' ', &o.name);
    o.has_value = rest.bytes != NULL;
    o.value = view_trim(rest);
    struct nearest near = {.wanted = o.name};
    for (size_t i = 0; i < sizeof modifiers / sizeof modifiers[0]; i++) {
        nearest_offer(&near, modifiers[i].name);
        if (!view_equal(o.name, view_text(modifiers[i].name)))
            continue;
        if (modifiers[i].value != o.has_value)
            return draft_refuse(d, o.name.bytes, "%s %s", modifiers[i].name, o.has_value ? "takes no value" : "needs a value");
        return modifiers[i].read(d, &o);
    }
    return draft_refuse(d, part.bytes, "content has no modifier \"%.*s\"%s", (int)(o.name.length > 60 ? 60 : o.name.length),
                        (const char *)o.name.bytes, nearest_hint(&near, hint, sizeof hint));
}

bool keyword_content(struct draft *d, const struct option *o)
{
    struct view text = o->value;
    struct step *s = draft_add_step(d, STEP_CONTENT, o);
    if (!s)
        return false;
    if (text.bytes[0] == '!') {
        s->negated = true;
        text = view_trim(view_from(text, 1));
    }
    if (text.length == 0 || text.bytes[0] != '"')
        return draft_refuse(d, text.bytes, "content is written in quotes");
    size_t end = 1;
    while (end < text.length && text.bytes[end] != '"')
        end += text.bytes[end] == '\\' ? 2 : 1;
    if (end >= text.length)
        return draft_refuse(d, text.bytes, "this quote is not closed");
    struct view after = view_trim(view_from(text, end + 1)), part;
    if (!read_pattern(d, view_of(text.bytes + 1, end - 1), s))
        return false;
    d->last_content = (int)d->steps_used - 1;
    if (after.length == 0)
        return true;
    if (after.bytes[0] != ',')
        return draft_refuse(d, after.bytes, "text after the closing quote (a quote inside content is written \\\" or |22|)");
    after = view_from(after, 1);
    while (view_split(&after, ',', &part))
        if (!inline_modifier(d, part))
            return false;
    return true;
}

bool keyword_pkt_data(struct draft *d, const struct option *o)
{
    (void)o;
    d->buffer = FIELD_NONE;
    d->open_test = d->last_content = -1;
    return true;
}

bool keyword_isdataat(struct draft *d, const struct option *o)
{
    struct view rest = o->value, part;
    uint64_t value;
    struct step *s = draft_add_step(d, STEP_DATA_AT, o);
    if (!s || !view_split(&rest, ',', &part))
        return false;
    if (part.length && part.bytes[0] == '!') {
        s->negated = true;
        part = view_trim(view_from(part, 1));
    }
    s->named[PLACE_AT] = (uint8_t)draft_variable(d, part);
    s->has_named = s->named[PLACE_AT];
    value = 0;
    if (!s->has_named && (!view_number(part, &value) || value > DISTANCE_MAX))
        return draft_refuse(d, o->value.bytes, "isdataat is [!]N[,relative][,rawbytes], N at most %d", DISTANCE_MAX);
    s->at = (uint32_t)value;
    while (view_split(&rest, ',', &part)) {
        if (!view_is(part, "relative") && !view_is(part, "rawbytes"))
            return draft_refuse(d, part.bytes, "isdataat is [!]N[,relative][,rawbytes]");
        s->relative |= view_is(part, "relative");
    }
    return true;
}

bool keyword_bsize(struct draft *d, const struct option *o)
{
    struct step *s = draft_add_step(d, STEP_SIZE, o);
    return s && draft_items(d, o->value, FIELD_NONE, &s->items);
}

/* absent; absent:or_else; of the buffer that is open. */
bool keyword_absent(struct draft *d, const struct option *o)
{
    if (d->open_test < 0 || d->tests[d->open_test].field == FIELD_NONE)
        return draft_refuse(d, o->name.bytes, "absent needs a buffer before it, such as mysql.query");
    if (o->has_value && !view_is(o->value, "or_else"))
        return draft_refuse(d, o->value.bytes, "absent takes or_else, or nothing");
    d->tests[d->open_test].absent = o->has_value ? ABSENT_MAY : ABSENT_MUST;
    return true;
}

/* ---- all options are read */

static bool content_good(struct draft *d, const struct step *s, const uint8_t *at)
{
    const bool absolute = s->offset != STEP_UNSET || s->depth != STEP_UNSET;
    if (absolute && s->relative)
        return draft_refuse(d, at, "one content cannot have offset or depth and distance or within");
    if (s->starts && (absolute || s->relative))
        return draft_refuse(d, at, "startswith cannot stand with offset, depth, distance or within");
    if (s->depth != STEP_UNSET && !s->named[PLACE_DEPTH] && s->depth < s->pattern.count)
        return draft_refuse(d, at, "depth %d is less than the content's %u bytes", s->depth, s->pattern.count);
    if (s->within != STEP_UNSET && !s->named[PLACE_WITHIN] && s->within < s->pattern.count)
        return draft_refuse(d, at, "within %d is less than the content's %u bytes", s->within, s->pattern.count);
    return true;
}

/* What the matcher wants to know of a step or test at once. */
static void content_hints(struct draft *d, struct test *t)
{
    bool chained = false;
    for (unsigned j = t->parts.first + t->parts.count; j-- > t->parts.first;) {
        struct step *s = &d->steps[j];
        t->nocase |= s->nocase;
        t->regexes = (uint8_t)(t->regexes + (s->kind == STEP_REGEX));
        s->chained = chained;
        /* What moves on by itself needs no earlier place, whatever comes after it. */
        if (s->relative)
            chained = true;
        else if (!s->negated && (s->kind == STEP_CONTENT || s->kind == STEP_REGEX || s->kind == STEP_BYTE_JUMP))
            chained = false;
    }
}

bool draft_content_good(struct draft *d)
{
    const uint8_t *text = d->source->text.bytes;
    for (unsigned i = 0; i < d->rule.tests.count; i++) {
        struct test *t = &d->tests[i];
        if (t->kind != TEST_BUFFER)
            continue;
        content_hints(d, t);
        unsigned extracts = 0;
        for (unsigned j = 0; j < t->parts.count; j++)
            extracts += d->steps[t->parts.first + j].kind == STEP_BYTE_EXTRACT || d->steps[t->parts.first + j].kind == STEP_BYTE_MATH;
        if (extracts > VARIABLES_MAX * 2)
            return draft_refuse(d, text + d->buffer_at[i], "more than %d byte_extract for one buffer", VARIABLES_MAX * 2);
        if (t->absent == ABSENT_MUST ? t->parts.count > 0 : t->parts.count == 0 && t->absent)
            return draft_refuse(d, text + d->buffer_at[i], "%s", t->absent == ABSENT_MUST
                                ? "nothing can be asked about a buffer that must be absent (or write absent:or_else)"
                                : "absent:or_else needs a content, isdataat or bsize after it");
        if (t->parts.count == 0 && !t->absent)
            return draft_refuse(d, text + d->buffer_at[i], "nothing asks about %s: content, isdataat or bsize must follow",
                                field_name((enum field)t->field));
        for (unsigned j = t->parts.first; j < t->parts.first + t->parts.count; j++)
            if (d->steps[j].kind == STEP_CONTENT && !content_good(d, &d->steps[j], text + d->content_at[j]))
                return false;
    }
    return true;
}
