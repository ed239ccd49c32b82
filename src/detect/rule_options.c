/* The options that name, grade, direct and limit a rule; content has its own file. */
#include <stdio.h>
#include <string.h>

#include "detect/draft.h"

/* A number from `least` to `most` as the whole value. */
bool option_number(struct draft *d, const struct option *o, uint64_t least, uint64_t most, uint64_t *out)
{
    if (view_number(o->value, out) && *out >= least && *out <= most)
        return true;
    return draft_refuse(d, o->value.bytes, "%.*s is a number from %llu to %llu", (int)o->name.length,
                        (const char *)o->name.bytes, (unsigned long long)least, (unsigned long long)most);
}

static bool option_once(struct draft *d, const struct option *o, bool *seen)
{
    if (*seen)
        return draft_refuse(d, o->name.bytes, "%.*s stands twice", (int)o->name.length, (const char *)o->name.bytes);
    return *seen = true;
}

bool keyword_msg(struct draft *d, const struct option *o)
{
    return option_once(d, o, &d->has_msg) && draft_quoted(d, o->value, d->msg, sizeof d->msg);
}

bool keyword_sid(struct draft *d, const struct option *o)
{
    uint64_t value;
    if (!option_once(d, o, &d->has_sid) || !option_number(d, o, 1, UINT32_MAX, &value))
        return false;
    d->rule.sid = (uint32_t)value;
    return true;
}

bool keyword_gid(struct draft *d, const struct option *o)
{
    uint64_t value;
    if (!option_once(d, o, &d->has_gid) || !option_number(d, o, 1, UINT32_MAX, &value))
        return false;
    d->rule.gid = (uint32_t)value;
    return true;
}

bool keyword_rev(struct draft *d, const struct option *o)
{
    uint64_t value;
    if (!option_once(d, o, &d->has_rev) || !option_number(d, o, 0, UINT32_MAX, &value))
        return false;
    d->rule.rev = (uint32_t)value;
    return true;
}

bool keyword_priority(struct draft *d, const struct option *o)
{
    uint64_t value;
    bool seen = d->rule.priority != 0;
    if (!option_once(d, o, &seen) || !option_number(d, o, 1, 255, &value))
        return false;
    d->rule.priority = (uint8_t)value;
    return true;
}

/* A value that is kept as it is written: on one line, so line ends and tabs become spaces, and other controls refuse it. */
bool draft_plain(struct draft *d, struct view from, char *to)
{
    for (size_t i = 0; i < from.length; i++) {
        uint8_t c = from.bytes[i];
        if ((c < 0x20 || c == 0x7f) && !is_space(c))
            return draft_refuse(d, from.bytes + i, "a control character (0x%02x) in a value", c);
        to[i] = is_space(c) ? ' ' : (char)c;
    }
    to[from.length] = 0;
    return true;
}

bool keyword_classtype(struct draft *d, const struct option *o)
{
    bool seen = d->classtype[0] != 0;
    if (!option_once(d, o, &seen))
        return false;
    if (o->value.length >= sizeof d->classtype)
        return draft_refuse(d, o->value.bytes, "longer than %zu bytes", sizeof d->classtype - 1);
    if (!draft_plain(d, o->value, d->classtype))
        return false;
    if (classtype_find(d->classtype))
        return true;
    struct nearest near = {.wanted = o->value};
    char hint[96];
#define CLASSTYPE(name, priority) nearest_offer(&near, name);
#include "detect/classtypes.def"
#undef CLASSTYPE
    draft_warn(d, o->value.bytes, "unknown classtype %s, priority 3 is used%s", d->classtype,
               nearest_hint(&near, hint, sizeof hint));
    return true;
}

/* Several of them are joined. */
static bool option_join(struct draft *d, const struct option *o, char *to, size_t size, const char *between)
{
    size_t used = strlen(to), gap = used ? strlen(between) : 0;
    if (o->value.length + gap >= size - used)
        return draft_refuse(d, o->value.bytes, "more than %zu bytes together", size - 1);
    memcpy(to + used, between, gap);
    return draft_plain(d, o->value, to + used + gap);
}

bool keyword_reference(struct draft *d, const struct option *o)
{
    const uint8_t *comma = memchr(o->value.bytes, ',', o->value.length);
    if (!comma || comma == o->value.bytes || comma == o->value.bytes + o->value.length - 1)
        return draft_refuse(d, o->value.bytes, "a reference is type,value");
    return option_join(d, o, d->references, sizeof d->references, ",");
}

bool keyword_metadata(struct draft *d, const struct option *o)
{
    static const char key[] = "dbhound_class";
    struct view rest = o->value, part;
    while (view_split(&rest, ',', &part)) {
        if (part.length < sizeof key || memcmp(part.bytes, key, sizeof key - 1) != 0 || !is_space(part.bytes[sizeof key - 1]))
            continue;
        struct view word = view_trim(view_from(part, sizeof key));
        for (unsigned i = 0; i < ANOMALY_CLASSES; i++)
            if (view_is(word, anomaly_class_name((enum anomaly_class)i)))
                d->class_word = anomaly_class_name((enum anomaly_class)i);
        if (!d->class_word || !view_is(word, d->class_word))
            return draft_refuse(d, word.bytes, "dbhound_class is malformed, violation, unusual or undecoded");
    }
    return option_join(d, o, d->metadata, sizeof d->metadata, ", ");
}

bool keyword_target(struct draft *d, const struct option *o)
{
    d->rule.target = view_is(o->value, "src_ip") ? 1 : view_is(o->value, "dest_ip") ? 2 : 0;
    return d->rule.target ? true : draft_refuse(d, o->value.bytes, "target is src_ip or dest_ip");
}

bool keyword_flow(struct draft *d, const struct option *o)
{
    static const struct {
        const char *name;
        uint8_t word;
    } words[] = {
        {"to_server", FLOW_TO_SERVER},     {"from_client", FLOW_TO_SERVER},
        {"to_client", FLOW_TO_CLIENT},     {"from_server", FLOW_TO_CLIENT},
        {"established", FLOW_ESTABLISHED}, {"not_established", FLOW_NOT_ESTABLISHED},
        {"stateless", FLOW_STATELESS},     {"only_stream", FLOW_ONLY_STREAM},
        {"no_stream", FLOW_NO_STREAM},     {"no_frag", 0},
        {"only_frag", 0},
    };
    struct view rest = o->value, part;
    const size_t count = sizeof words / sizeof words[0];
    while (view_split(&rest, ',', &part)) {
        struct nearest near = {.wanted = part};
        char hint[96];
        size_t i = 0;
        while (i < count && !view_is(part, words[i].name))
            nearest_offer(&near, words[i++].name);
        if (i == count)
            return draft_refuse(d, part.bytes, "flow has no \"%.*s\"%s", (int)(part.length > 60 ? 60 : part.length),
                                (const char *)part.bytes, nearest_hint(&near, hint, sizeof hint));
        d->rule.flow |= words[i].word;
    }
    const unsigned both = FLOW_TO_SERVER | FLOW_TO_CLIENT, state = FLOW_ESTABLISHED | FLOW_NOT_ESTABLISHED;
    if ((d->rule.flow & both) == both)
        return draft_refuse(d, o->value.bytes, "flow cannot be to_server and to_client at once");
    if ((d->rule.flow & state) == state)
        return draft_refuse(d, o->value.bytes, "flow cannot be established and not_established at once");
    return true;
}

/* Suggestions are costly, so they are made only for a name that is wrong. */
static bool refuse_anomaly(struct draft *d, struct view name)
{
    struct nearest near = {.wanted = name};
    char hint[96];
    for (unsigned i = 1; i < ANOMALIES; i++)
        nearest_offer(&near, anomaly_row((enum anomaly)i)->name);
    return draft_refuse(d, name.bytes, "unknown anomaly \"%.*s\"%s", (int)(name.length > 60 ? 60 : name.length),
                        (const char *)name.bytes, nearest_hint(&near, hint, sizeof hint));
}

static void add_anomaly(struct draft *d, unsigned anomaly)
{
    if (d->names_used < DRAFT_NAMES_MAX)
        d->names[d->names_used++] = (uint16_t)anomaly;
}

/* Suricata's events: what a parser of its own says of a protocol is, here, that messages are malformed; what it says of
 * protocols that change is that a database's port speaks another. */
static bool foreign_event(struct draft *d, struct view name, uint32_t *protocols)
{
    enum { EVENTS_OF_FORM = 5 };
    static const char *const words[] = {"malformed_request", "malformed_response", "malformed_data", "invalid_length", "parser_error",
                                        "too_many_transactions"};
    struct view word = name, owner;
    if (name.length > 9 && memcmp(name.bytes, "applayer_", 9) == 0) {
        add_anomaly(d, ANOMALY_DB_WRONG_PROTOCOL);
        *protocols = UINT32_MAX;
        return true;
    }
    uint32_t bits = 0;
    if (!view_split(&word, '.', &owner) || !word.bytes || !protocols_named(owner, &bits) || !(d->rule.protocols & bits))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!view_equal(word, view_text(words[i])))
            continue;
        for (unsigned a = 1; i < EVENTS_OF_FORM && a < ANOMALIES; a++)
            if (anomaly_row((enum anomaly)a)->class == CLASS_MALFORMED && bits & UINT32_C(1) << anomaly_row((enum anomaly)a)->protocol)
                add_anomaly(d, a);
        if (i >= EVENTS_OF_FORM) {
            d->rule.never = true;
            draft_warn(d, name.bytes, "never matches: requests that wait are not limited here, as they are in Suricata");
        }
        *protocols |= bits;
        return true;
    }
    return false;
}

bool keyword_anomaly(struct draft *d, const struct option *o)
{
    struct view rest = o->value, part;
    uint32_t protocols = 0;
    struct test *t = draft_add_test(d, TEST_ANOMALY, FIELD_NONE, o->name.bytes);
    if (!t)
        return false;
    t->parts = (struct span){(uint16_t)d->names_used, 0};
    while (view_split(&rest, ',', &part)) {
        unsigned found = 1;
        if (foreign_event(d, part, &protocols)) {
            t = &d->tests[d->rule.tests.count - 1];
            t->parts.count = (uint16_t)(d->names_used - t->parts.first);
            continue;
        }
        while (found < ANOMALIES && !view_equal(part, view_text(anomaly_row((enum anomaly)found)->name)))
            found++;
        if (found == ANOMALIES)
            return refuse_anomaly(d, part);
        enum protocol owner = anomaly_row((enum anomaly)found)->protocol;
        if (owner != PROTOCOL_NONE && !(d->rule.protocols & UINT32_C(1) << owner) && !d->proto_later)
            return draft_refuse(d, part.bytes, "%s does not exist in %s", anomaly_row((enum anomaly)found)->name, d->proto);
        protocols |= owner == PROTOCOL_NONE ? UINT32_MAX : UINT32_C(1) << owner;
        if (d->names_used == DRAFT_NAMES_MAX)
            return draft_refuse(d, part.bytes, "more than %d anomalies in one rule", DRAFT_NAMES_MAX);
        d->names[d->names_used++] = (uint16_t)found;
        t->parts.count++;
    }
    if (d->rule.never && t->parts.count == 0) { /* only events that nothing here says */
        d->rule.tests.count--;
        return draft_keep_words(d, o, "app-layer-event");
    }
    /* `db` is any decoded protocol; a report is made for a database connection even before its protocol is certain. */
    if (strcmp(d->proto, "db") == 0)
        d->rule.protocols |= UINT32_C(1) << PROTOCOL_NONE;
    d->rule.protocols &= protocols;
    return true;
}

bool keyword_dsize(struct draft *d, const struct option *o)
{
    struct test *t = draft_add_test(d, TEST_NUMBER, FIELD_DB_LENGTH, o->name.bytes);
    return t && draft_items(d, o->value, FIELD_DB_LENGTH, &t->parts);
}
