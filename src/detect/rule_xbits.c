/* xbits: what one match leaves behind for the matches of other connections between the same hosts, as Suricata has them. The bits
 * themselves are kept where alerts come in order: see limit_xbits.h. */
#include <string.h>

#include "detect/draft.h"

static const char *const verbs[] = {"set", "unset", "toggle", "isset", "isnotset"};
static const char *const tracks[] = {"ip_src", "ip_dst", "ip_pair"};

static int name_number(struct draft *d, struct view name)
{
    struct rule_set *set = d->set;
    for (unsigned i = 0; i < set->xbits_used; i++)
        if (view_equal(name, view_text(set->xbits[i])))
            return (int)i;
    if (name.length == 0 || name.length >= sizeof set->xbits[0])
        return draft_refuse(d, name.bytes, "the name of an xbit has 1 to %zu bytes", sizeof set->xbits[0] - 1) - 1;
    for (size_t i = 0; i < name.length; i++)
        if (name.bytes[i] <= ' ' || name.bytes[i] == 0x7f || strchr("\"\\;,|&:()", name.bytes[i]))
            return draft_refuse(d, name.bytes + i, "the name of an xbit has letters, digits and . _ - only") - 1;
    if (set->xbits_used == XBITS_MAX)
        return draft_refuse(d, name.bytes, "all rules together have more than %d xbits", XBITS_MAX) - 1;
    memcpy(set->xbits[set->xbits_used], name.bytes, name.length);
    set->xbits[set->xbits_used][name.length] = 0;
    return (int)set->xbits_used++;
}

static bool read_rest(struct draft *d, struct view rest, struct xbit *bit, const void *at)
{
    struct view part;
    bool tracked = false, expires = false;
    while (view_split(&rest, ',', &part)) {
        struct view value = part, key;
        uint64_t seconds;
        (void)view_split(&value, ' ', &key);
        value = view_trim(value);
        if (view_is(key, "track") && !tracked) {
            while (bit->track < XBIT_TRACKS && !view_is(value, tracks[bit->track]))
                bit->track++;
            if (bit->track == XBIT_TRACKS)
                return draft_refuse(d, part.bytes, "an xbit is tracked by ip_src, ip_dst or ip_pair");
            tracked = true;
        } else if (view_is(key, "expire") && !expires && bit->verb <= XBIT_TOGGLE && view_number(value, &seconds) && seconds > 0 && seconds <= UINT32_MAX) {
            bit->expire = (uint32_t)seconds;
            expires = true;
        } else {
            return draft_refuse(d, part.bytes, "expected: track ip_src|ip_dst|ip_pair, and expire SECONDS of what sets");
        }
    }
    return tracked || draft_refuse(d, at, "xbits needs track ip_src, ip_dst or ip_pair");
}

bool keyword_xbits(struct draft *d, const struct option *o)
{
    struct view rest = o->value, verb, name;
    struct xbit bit = {.expire = XBIT_EXPIRE_DEFAULT};
    struct nearest near;
    char hint[96];
    (void)view_split(&rest, ',', &verb);
    if (view_is(verb, "noalert") && !rest.bytes)
        return d->rule.quiet = true;
    near = (struct nearest){.wanted = verb};
    while (bit.verb < XBIT_VERBS && !view_is(verb, verbs[bit.verb]))
        nearest_offer(&near, verbs[bit.verb++]);
    if (bit.verb == XBIT_VERBS)
        return draft_refuse(d, verb.bytes, "xbits has no \"%.*s\"%s", (int)(verb.length > 60 ? 60 : verb.length), (const char *)verb.bytes,
                            nearest_hint(&near, hint, sizeof hint));
    if (!view_split(&rest, ',', &name))
        return draft_refuse(d, o->value.bytes, "xbits:%s needs a name", verbs[bit.verb]);
    if (d->rule.action == ACTION_PASS)
        return draft_refuse(d, o->name.bytes, "a pass rule silences its message at once: it cannot ask for xbits, nor set them");
    if (d->rule.xbits_used == XBITS_PER_RULE)
        return draft_refuse(d, o->name.bytes, "more than %d xbits in one rule", XBITS_PER_RULE);
    const int number = name_number(d, name);
    if (number < 0 || !read_rest(d, rest, &bit, o->value.bytes))
        return false;
    bit.name = (uint16_t)number;
    d->rule.xbits[d->rule.xbits_used++] = bit;
    return true;
}

void rule_print_xbit(const struct rule *r, const struct xbit *bit, struct text *out)
{
    text_add(out, "xbits:%s,%s,track %s", verbs[bit->verb], r->set->xbits[bit->name], tracks[bit->track]);
    if (bit->verb == XBIT_SET || bit->verb == XBIT_TOGGLE)
        text_add(out, ",expire %u", (unsigned)bit->expire);
    text_add(out, ";");
}

bool rule_asks_xbits(const struct rule *r)
{
    bool any = false;
    for (unsigned i = 0; i < r->xbits_used; i++)
        any |= r->xbits[i].verb >= XBIT_IS_SET;
    return any;
}
