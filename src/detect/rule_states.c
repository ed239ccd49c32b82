/* The options that ask about the connection and its protocol: flowbits, service, stream_size; and those that are about
 * packets, which load and never match. */
#include <string.h>

#include "detect/draft.h"

/* ---- flowbits */

static int bit_number(struct draft *d, struct view name)
{
    struct rule_set *set = d->set;
    for (unsigned i = 0; i < set->bits_used; i++)
        if (view_equal(name, view_text(set->bits[i])))
            return (int)i;
    if (name.length == 0 || name.length >= sizeof set->bits[0])
        return draft_refuse(d, name.bytes, "the name of a flowbit has 1 to %zu bytes", sizeof set->bits[0] - 1) - 1;
    for (size_t i = 0; i < name.length; i++)
        if (name.bytes[i] <= ' ' || name.bytes[i] == 0x7f || strchr("\"\\;,|&:()", name.bytes[i]))
            return draft_refuse(d, name.bytes + i, "the name of a flowbit has letters, digits and . _ - only") - 1;
    if (set->bits_used == FLOWBITS_MAX)
        return draft_refuse(d, name.bytes, "all rules together have more than %d flowbits", FLOWBITS_MAX) - 1;
    memcpy(set->bits[set->bits_used], name.bytes, name.length);
    set->bits[set->bits_used][name.length] = 0;
    return (int)set->bits_used++;
}

/* a|b|c or a&b&c. */
static bool bit_names(struct draft *d, struct view names, uint64_t *bits, bool *any)
{
    struct view part;
    *any = names.length && memchr(names.bytes, '|', names.length);
    const char separator = *any ? '|' : '&';
    *bits = 0;
    while (view_split(&names, separator, &part)) {
        int bit = bit_number(d, part);
        if (bit < 0)
            return false;
        *bits |= UINT64_C(1) << bit;
    }
    return true;
}

bool keyword_noalert(struct draft *d, const struct option *o)
{
    (void)o;
    return d->rule.quiet = true;
}

/* A third word is Snort's group, which changes only set and reset; it is read and means nothing here. */
bool keyword_flowbits(struct draft *d, const struct option *o)
{
    static const char *const verbs[] = {"set", "unset", "toggle", "isset", "isnotset"};
    enum { SET, UNSET, TOGGLE, IS_SET, IS_NOT_SET, VERBS };
    struct view rest = o->value, verb, names;
    struct nearest near;
    char hint[96];
    uint64_t bits;
    bool any;
    unsigned which = 0;
    (void)view_split(&rest, ',', &verb);
    if (view_is(verb, "noalert") && !rest.bytes)
        return d->rule.quiet = true;
    near.wanted = verb;
    near.best = NULL;
    while (which < VERBS && !view_is(verb, verbs[which]))
        nearest_offer(&near, verbs[which++]);
    if (which == VERBS)
        return draft_refuse(d, verb.bytes, "flowbits has no \"%.*s\"%s", (int)(verb.length > 60 ? 60 : verb.length),
                            (const char *)verb.bytes, nearest_hint(&near, hint, sizeof hint));
    if (!view_split(&rest, ',', &names))
        return draft_refuse(d, o->value.bytes, "flowbits:%s needs a name", verbs[which]);
    if (!bit_names(d, names, &bits, &any))
        return false;
    if (which == SET)
        d->rule.bits.set |= bits;
    else if (which == UNSET)
        d->rule.bits.unset |= bits;
    else if (which == TOGGLE)
        d->rule.bits.toggle |= bits;
    if (which <= TOGGLE)
        return true;
    struct test *t = draft_add_test(d, TEST_BITS, FIELD_NONE, o->name.bytes);
    if (!t)
        return false;
    t->bits = bits;
    t->wanted = which == IS_NOT_SET ? BITS_NONE : any ? BITS_ANY : BITS_ALL;
    return true;
}

/* ---- which protocol */

bool protocols_named(struct view name, uint32_t *bits)
{
    static const struct {
        const char *service, *protocol;
    } services[] = {
        {"postgresql", "pgsql"}, {"postgres", "pgsql"}, {"mariadb", "mysql"},   {"oracle", "tns"},    {"mssql", "tds"},
        {"ms-sql", "tds"},       {"ms-sql-s", "tds"},   {"sqlserver", "tds"},   {"mongo", "mongodb"}, {"memcache", "memcached"},
        {"cassandra", "cql"},    {"db2", "drda"},       {"mongodb-wire", "mongodb"},
    };
    char word[32];
    if (name.length == 0 || name.length >= sizeof word)
        return false;
    memcpy(word, name.bytes, name.length);
    word[name.length] = 0;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (view_is(name, services[i].service))
            strcpy(word, services[i].protocol);
    enum protocol found = protocol_by_name(word);
    if (found == PROTOCOL_NONE || found == PROTOCOLS)
        return false;
    *bits |= UINT32_C(1) << found;
    return true;
}

static bool narrow(struct draft *d, uint32_t to, const struct option *o)
{
    const bool could = d->rule.protocols != 0;
    d->rule.protocols &= to;
    if (could && !d->rule.protocols) {
        d->rule.never = true;
        draft_warn(d, o->name.bytes, "never matches: this build does not decode that protocol, or the header names another");
    }
    return true;
}

/* The words are kept for printing: protocols that a later build decodes must not be lost. */
bool draft_keep_words(struct draft *d, const struct option *o, const char *keyword)
{
    size_t used = strlen(d->packet);
    char plain[256];
    if (o->value.length >= sizeof plain)
        return draft_refuse(d, o->value.bytes, "longer than %zu bytes", sizeof plain - 1);
    if (!draft_plain(d, o->value, plain))
        return false;
    struct text t = text_in(d->packet + used, sizeof d->packet - used);
    text_add(&t, o->has_value ? " %s:%s;" : " %s;", keyword, plain);
    return t.cut ? draft_refuse(d, o->name.bytes, "more than %zu bytes of such options", sizeof d->packet - 1) : true;
}

bool keyword_service(struct draft *d, const struct option *o)
{
    struct view rest = o->value, part;
    uint32_t bits = 0;
    while (view_split(&rest, ',', &part)) {
        if (part.length == 0)
            return draft_refuse(d, part.bytes, "the name of a service is missing");
        (void)protocols_named(part, &bits);
    }
    return draft_keep_words(d, o, "service") && narrow(d, bits, o);
}

bool keyword_app_layer_protocol(struct draft *d, const struct option *o)
{
    const bool negated = o->value.bytes[0] == '!';
    struct view rest = negated ? view_trim(view_from(o->value, 1)) : o->value, name;
    uint32_t bits = 0;
    (void)view_split(&rest, ',', &name); /* which side said it does not matter here */
    if (name.length == 0)
        return draft_refuse(d, o->value.bytes, "the name of a protocol is missing");
    if (view_is(name, "failed") || view_is(name, "unknown"))
        bits = UINT32_C(1) << PROTOCOL_NONE;
    else
        (void)protocols_named(name, &bits);
    return draft_keep_words(d, o, "app-layer-protocol") && narrow(d, negated ? ~bits : bits, o);
}

bool keyword_ip_proto(struct draft *d, const struct option *o)
{
    const bool negated = o->value.bytes[0] == '!';
    struct view name = negated ? view_trim(view_from(o->value, 1)) : o->value;
    const bool tcp = view_is(name, "tcp") || view_is(name, "6");
    return draft_keep_words(d, o, "ip_proto") && (tcp != negated || narrow(d, 0, o));
}

/* ---- the stream */

bool keyword_stream_size(struct draft *d, const struct option *o)
{
    static const char *const sides[] = {"client", "server", "both", "either"};
    static const char *const operators[] = {">", "<", ">=", "<=", "=", "!=", "!"};
    struct view rest = o->value, side, operator, number;
    if (!view_split(&rest, ',', &side) || !view_split(&rest, ',', &operator) || !view_split(&rest, ',', &number) || rest.bytes)
        return draft_refuse(d, o->value.bytes, "stream_size is client|server|both|either,OPERATOR,N");
    unsigned s = 0, op = 0;
    while (s < 4 && !view_is(side, sides[s]))
        s++;
    while (op < 7 && !view_is(operator, operators[op]))
        op++;
    if (s == 4)
        return draft_refuse(d, side.bytes, "the side is client, server, both or either");
    if (op == 7)
        return draft_refuse(d, operator.bytes, "the operator is > < >= <= = !=");
    struct test *t = draft_add_test(d, TEST_STREAM, FIELD_NONE, o->name.bytes);
    if (!t)
        return false;
    t->wanted = (uint8_t)s;
    return draft_compared(d, number, op < 4 ? operators[op] : "", op >= 5, &t->parts);
}

/* ---- packets, and what changes nothing */

/* flags:A+, PA: what every segment with a message has, so nothing is asked. */
bool keyword_tcp_flags(struct draft *d, const struct option *o)
{
    struct view rest = o->value, wanted = {0};
    bool ack = false, others = false;
    (void)view_split(&rest, ',', &wanted);
    for (size_t i = 0; i < wanted.length; i++) {
        const uint8_t c = wanted.bytes[i] | 0x20;
        ack |= c == 'a';
        others |= c != 'a' && c != 'p' && wanted.bytes[i] != '+';
    }
    return ack && !others ? draft_keep_words(d, o, "flags") : keyword_packet(d, o);
}

bool keyword_packet(struct draft *d, const struct option *o)
{
    char name[32];
    struct text t = text_in(name, sizeof name);
    text_add(&t, "%.*s", (int)(o->name.length > 30 ? 30 : o->name.length), (const char *)o->name.bytes);
    if (!d->rule.never)
        draft_warn(d, o->name.bytes, "never matches: %s is about packets, and rules here are asked about messages", name);
    d->rule.never = true;
    return draft_keep_words(d, o, name);
}

bool keyword_raw(struct draft *d, const struct option *o)
{
    draft_warn(d, o->name.bytes, "raw looks at the message: the stream around it is not kept");
    return d->rule.raw = true;
}

bool keyword_gap(struct draft *d, const struct option *o)
{
    if (!view_is(o->value, "ok"))
        return draft_refuse(d, o->value.bytes, "gap takes ok");
    return d->rule.gap_ok = true;
}

bool keyword_requires(struct draft *d, const struct option *o)
{
    struct view rest = o->value, part;
    while (view_split(&rest, ',', &part)) {
        struct view words = part, first;
        (void)view_split(&words, ' ', &first);
        if (!view_is(first, "version"))
            return draft_refuse(d, part.bytes, "requires asks for something of Suricata that is not known here");
    }
    return draft_keep_words(d, o, "requires");
}

bool keyword_remark(struct draft *d, const struct option *o)
{
    (void)d;
    (void)o;
    return true;
}

bool keyword_tag(struct draft *d, const struct option *o)
{
    draft_warn(d, o->name.bytes, "tag is ignored: every alert keeps packets before and after it");
    return true;
}

void rules_inherit(struct rule_set *set, const struct rule_set *from)
{
    memcpy(set->bits, from->bits, sizeof set->bits);
    set->bits_used = from->bits_used;
}
