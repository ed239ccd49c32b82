/* on and rate: when a rule is asked, and how often it must be true to alert. */
#include <string.h>

#include "detect/draft.h"
#include "model/fact.h"

static const struct {
    const char *name;
    uint32_t facts; /* 0: every message */
    uint8_t event;  /* enum event */
} whens[] = {
    {"message", 0, EVENT_MESSAGE},
    {"reply", 1u << FACT_REPLY | 1u << FACT_ERROR | 1u << FACT_LOGIN_OK | 1u << FACT_LOGIN_FAILED, EVENT_MESSAGE},
    {"error", 1u << FACT_ERROR | 1u << FACT_VERDICT, EVENT_MESSAGE},
    {"login", 1u << FACT_LOGIN, EVENT_MESSAGE},
    {"login_ok", 1u << FACT_LOGIN_OK, EVENT_MESSAGE},
    {"login_failed", 1u << FACT_LOGIN_FAILED, EVENT_MESSAGE},
    {"flow_start", 0, EVENT_FLOW_START},
    {"flow_end", 0, EVENT_FLOW_END},
    {"second", 0, EVENT_SECOND},
};

const char *rule_when_name(uint64_t facts)
{
    size_t i = 0;
    while (i + 1 < sizeof whens / sizeof whens[0] && whens[i].facts != facts)
        i++;
    return whens[i].name;
}

bool keyword_on(struct draft *d, const struct option *o)
{
    struct nearest near = {.wanted = o->value};
    char hint[96];
    if (d->has_on)
        return draft_refuse(d, o->name.bytes, "on stands twice");
    d->has_on = true;
    d->on_at = (size_t)(o->name.bytes - d->source->text.bytes);
    for (size_t i = 0; i < sizeof whens / sizeof whens[0]; i++) {
        nearest_offer(&near, whens[i].name);
        if (!view_is(o->value, whens[i].name))
            continue;
        d->rule.event = whens[i].event;
        struct test *t = whens[i].facts ? draft_add_test(d, TEST_FACTS, FIELD_NONE, o->name.bytes) : NULL;
        if (t)
            t->bits = whens[i].facts;
        return !d->refused;
    }
    return draft_refuse(d, o->value.bytes, "on is message, reply, error, login, login_ok, login_failed, flow_start, flow_end or second%s", nearest_hint(&near, hint, sizeof hint));
}

/* What can be summed or told apart when the message is gone: what an alert carries. */
static bool rate_field(struct draft *d, struct view word, struct rate *rate)
{
    char name[64];
    enum field field = FIELD_NONE;
    if (word.length < sizeof name) {
        memcpy(name, word.bytes, word.length);
        name[word.length] = 0;
        field = field_by_name(name);
    }
    struct nearest near = {.wanted = word};
    char hint[96];
    for (unsigned i = 1; field == FIELD_NONE && i < FIELDS; i++)
        nearest_offer(&near, field_name((enum field)i));
    if (field == FIELD_NONE)
        return draft_refuse(d, word.bytes, "unknown field \"%.*s\"%s", (int)(word.length > 60 ? 60 : word.length), (const char *)word.bytes,
                            nearest_hint(&near, hint, sizeof hint));
    const enum protocol owner = field_protocol(field);
    if (owner != PROTOCOL_NONE && !(d->rule.protocols & UINT32_C(1) << owner) && !d->proto_later)
        return draft_refuse(d, word.bytes, "%s does not exist in %s", name, d->proto);
    const bool carried = !rule_field_is_derived(field) || field == FIELD_DB_LENGTH || field == FIELD_DB_MESSAGE || field == FIELD_DB_USER ||
                         field == FIELD_DB_NAME || field_kind(field) == KIND_ADDRESS || field == FIELD_NET_CLIENT_PORT ||
                         field == FIELD_NET_SERVER_PORT;
    if (!carried)
        return draft_refuse(d, word.bytes, "rate cannot ask about %s: it belongs to the connection as it is now", name);
    if (rate->kind == RATE_SUM && field_kind(field) != KIND_UINT)
        return draft_refuse(d, word.bytes, "sum needs a number, and %s is not one", name);
    if (field_is_secret(field))
        return draft_refuse(d, word.bytes, "%s is a secret", name);
    rate->field = (uint16_t)field;
    return true;
}

/* "count >= 20", "sum F > N", "distinct F >= N". */
static bool rate_condition(struct draft *d, struct view part, struct rate *rate)
{
    static const char *const kinds[] = {"count", "sum", "distinct"};
    size_t at = 0;
    while (at < part.length && part.bytes[at] != '>' && part.bytes[at] != '<' && part.bytes[at] != '=')
        at++;
    struct view words = view_trim(view_head(part, at)), kind, number = view_from(part, at + 1);
    if (at == part.length || part.bytes[at] != '>')
        return draft_refuse(d, part.bytes, "a rate is (count|sum FIELD|distinct FIELD) > N or >= N");
    const bool equal = number.length && number.bytes[0] == '=';
    number = view_trim(equal ? view_from(number, 1) : number);
    if (!view_size(number, &rate->least) || (!equal && rate->least == UINT64_MAX))
        return draft_refuse(d, number.bytes, "expected a number (units KiB MiB GiB)");
    rate->least += !equal;
    (void)view_split(&words, ' ', &kind);
    for (uint8_t i = 0; i < 3; i++)
        if (view_is(kind, kinds[i]))
            rate->kind = (uint8_t)(RATE_COUNT + i);
    if (rate->kind == RATE_NONE)
        return draft_refuse(d, part.bytes, "a rate is (count|sum FIELD|distinct FIELD) > N or >= N");
    if (rate->kind == RATE_DISTINCT && rate->least > RATE_DISTINCT_MAX)
        return draft_refuse(d, number.bytes, "distinct counts to %d at most", RATE_DISTINCT_MAX);
    if (rate->kind == RATE_COUNT)
        return words.bytes && view_trim(words).length ? draft_refuse(d, part.bytes, "count takes no field") : true;
    return rate_field(d, view_trim(words), rate);
}

bool keyword_rate(struct draft *d, const struct option *o)
{
    struct view rest = o->value, part;
    struct rate *rate = &d->rule.rate;
    bool tracked = false;
    if (rate->kind)
        return draft_refuse(d, o->name.bytes, "rate stands twice");
    if (!view_split(&rest, ',', &part) || !rate_condition(d, part, rate))
        return false;
    while (view_split(&rest, ',', &part)) {
        struct view value = part, key;
        uint64_t seconds;
        (void)view_split(&value, ' ', &key);
        value = view_trim(value);
        if (view_is(key, "seconds") && !rate->seconds && view_number(value, &seconds) && seconds > 0 && seconds <= RATE_SECONDS_MAX)
            rate->seconds = (uint32_t)seconds;
        else if (view_is(key, "track") && !tracked && value.length) {
            if (!draft_track(d, value, &rate->track))
                return false;
            tracked = true;
        } else
            return draft_refuse(d, part.bytes, "expected: seconds 1 to %d, track by_client", RATE_SECONDS_MAX);
    }
    return rate->seconds && tracked ? true : draft_refuse(d, o->value.bytes, "rate needs seconds and track");
}
