/* Which option is it: the table of keywords, then the registry of fields. What is neither is refused with the nearest
 * word of both. */
#include <string.h>

#include "detect/draft.h"

enum needs { NO_VALUE, A_VALUE, MAYBE_VALUE };

static const struct keyword {
    const char *name;
    bool (*read)(struct draft *d, const struct option *o); /* NULL: of a later build */
    enum needs needs;
} keywords[] = {
#define KEYWORD(name, function, needs, help) {name, keyword_##function, needs},
#define KEYWORD_LATER(name) {name, NULL, MAYBE_VALUE},
#include "detect/keywords.def"
#undef KEYWORD
#undef KEYWORD_LATER
};

static const struct classtype classtypes[] = {
#define CLASSTYPE(name, priority) {name, priority},
#include "detect/classtypes.def"
#undef CLASSTYPE
};

const struct classtype *classtype_find(const char *name)
{
    for (size_t i = 0; i < sizeof classtypes / sizeof classtypes[0]; i++)
        if (strcmp(classtypes[i].name, name) == 0)
            return &classtypes[i];
    return NULL;
}

static bool value_fits(struct draft *d, const struct option *o, enum needs needs)
{
    const int length = (int)(o->name.length > 60 ? 60 : o->name.length);
    if (needs == A_VALUE && o->value.length == 0)
        return draft_refuse(d, o->name.bytes, "%.*s needs a value", length, (const char *)o->name.bytes);
    if (needs == NO_VALUE && o->has_value)
        return draft_refuse(d, o->value.bytes, "%.*s takes no value", length, (const char *)o->name.bytes);
    return true;
}

/* A field exists in its protocol only: a rule for another can never match, one for all is narrowed. */
static bool field_fits(struct draft *d, const struct option *o, enum field field)
{
    enum protocol owner = field_protocol(field);
    if (owner == PROTOCOL_NONE || d->proto_later)
        return true;
    if (!(d->rule.protocols & UINT32_C(1) << owner))
        return draft_refuse(d, o->name.bytes, "%s does not exist in %s", field_name(field), d->proto);
    d->rule.protocols &= UINT32_C(1) << owner;
    return true;
}

static bool read_field(struct draft *d, const struct option *o, enum field field)
{
    if (!field_fits(d, o, field))
        return false;
    switch (field_kind(field)) {
    case KIND_BYTES:
        if (o->has_value)
            return draft_refuse(d, o->value.bytes, "%s is a buffer: write %s; content:\"...\";", field_name(field),
                                field_name(field));
        d->buffer = (uint16_t)field;
        d->last_content = -1;
        return draft_add_test(d, TEST_BUFFER, field, o->name.bytes) != NULL;
    case KIND_ADDRESS:
        return draft_refuse(d, o->name.bytes, "fields that are addresses are not supported yet");
    case KIND_UINT:
    case KIND_ENUM:
    case KIND_BOOL:
        break;
    }
    if (!value_fits(d, o, A_VALUE))
        return false;
    struct test *t = draft_add_test(d, TEST_NUMBER, field, o->name.bytes);
    return t && draft_items(d, o->value, field, &t->parts);
}

static bool refuse_unknown(struct draft *d, const struct option *o)
{
    struct nearest near = {.wanted = o->name};
    char hint[96];
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        nearest_offer(&near, keywords[i].name);
    for (unsigned i = 1; i < FIELDS; i++)
        nearest_offer(&near, field_name((enum field)i));
    return draft_refuse(d, o->name.bytes, "unknown keyword \"%.*s\"%s", (int)(o->name.length > 60 ? 60 : o->name.length),
                        (const char *)o->name.bytes, nearest_hint(&near, hint, sizeof hint));
}

bool draft_option(struct draft *d, const struct option *o)
{
    char name[64];
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        const struct keyword *k = &keywords[i];
        if (!view_equal(o->name, view_text(k->name)))
            continue;
        if (!k->read)
            return draft_refuse(d, o->name.bytes, "%s is not supported by this build", k->name);
        return value_fits(d, o, k->needs) && k->read(d, o);
    }
    if (o->name.length < sizeof name) {
        memcpy(name, o->name.bytes, o->name.length);
        name[o->name.length] = 0;
        enum field field = field_by_name(name);
        if (field != FIELD_NONE)
            return read_field(d, o, field);
    }
    return refuse_unknown(d, o);
}

struct test *draft_add_test(struct draft *d, enum test_kind kind, enum field field, const void *at)
{
    if (d->rule.tests.count == DRAFT_TESTS_MAX) {
        draft_refuse(d, at, "more than %d conditions in one rule", DRAFT_TESTS_MAX);
        return NULL;
    }
    if (kind == TEST_BUFFER)
        d->open_test = d->rule.tests.count;
    d->buffer_at[d->rule.tests.count] = (size_t)((const uint8_t *)at - d->source->text.bytes);
    struct test *t = &d->tests[d->rule.tests.count++];
    *t = (struct test){.kind = (uint8_t)kind, .field = (uint16_t)field, .parts = {(uint16_t)d->steps_used, 0}};
    return t;
}

/* ---- suggestions */

enum { NEAREST_MAX = 40 };

/* Letters to insert, delete, replace or swap with their neighbour. */
static unsigned edit_distance(struct view a, struct view b)
{
    unsigned rows[3][NEAREST_MAX + 1];
    for (unsigned j = 0; j <= b.length; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.length; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.length; j++) {
            unsigned best = before[j - 1] + (a.bytes[i - 1] != b.bytes[j - 1]);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.bytes[i - 1] == b.bytes[j - 2] && a.bytes[i - 2] == b.bytes[j - 1])
                best = earlier[j - 2] + 1 < best ? earlier[j - 2] + 1 : best;
            now[j] = best;
        }
    }
    return rows[a.length % 3][b.length];
}

void nearest_offer(struct nearest *n, const char *word)
{
    struct view offered = view_text(word);
    if (n->wanted.length == 0 || n->wanted.length > NEAREST_MAX || offered.length > NEAREST_MAX)
        return;
    unsigned distance = edit_distance(n->wanted, offered);
    if (distance > 1 + n->wanted.length / 4 || distance >= offered.length)
        return;
    if (!n->best || distance < n->distance) {
        n->best = word;
        n->distance = distance;
    }
}

const char *nearest_hint(const struct nearest *n, char *out, size_t size)
{
    struct text t = text_in(out, size);
    if (n->best)
        text_add(&t, "; did you mean %s?", n->best);
    return out;
}
