/* xbits at work: see limit_xbits.h. An entry's `count` is 1 while the bit is set, `since_ns` when it ends. */
#include "detect/limit_xbits.h"

#include <string.h>

enum { XBIT_KEYS = 65536 };

bool xbits_open(struct limit_table *t, const struct rule_set *rules)
{
    bool any = false;
    for (size_t i = 0; i < rules->rules_used && !t->size; i++)
        any |= rules->rules[i].xbits_used > 0;
    return !any || limit_table_open(t, XBIT_KEYS);
}

/* By its name, so that it goes on in another set of rules. */
static struct limit_key key_of(const struct rule *rule, const struct xbit *bit, const struct alert *alert)
{
    const struct endpoint *source = alert->from == FROM_CLIENT ? &alert->client : &alert->server;
    const struct endpoint *target = alert->from == FROM_CLIENT ? &alert->server : &alert->client;
    struct limit_key key = {{UINT64_C(0xcbf29ce484222325)}};
    for (const char *c = rule->set->xbits[bit->name]; *c; c++)
        key.words[0] = (key.words[0] ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    key.words[5] = bit->track;
    if (bit->track == XBIT_PAIR) { /* the same pair whoever sends */
        const bool swapped = memcmp(source->address, target->address, sizeof source->address) > 0;
        memcpy(&key.words[1], (swapped ? target : source)->address, sizeof source->address);
        memcpy(&key.words[3], (swapped ? source : target)->address, sizeof source->address);
    } else {
        /* What was set for a host as the source is found for the host as the target, as in Suricata. */
        key.words[5] = XBIT_SRC;
        memcpy(&key.words[1], (bit->track == XBIT_SRC ? source : target)->address, sizeof source->address);
    }
    return key;
}

static bool is_set(struct limit_table *t, const struct limit_key *key, int64_t now_ns)
{
    const struct limit_entry *e = limit_table_find(t, key);
    return e && e->count && now_ns < e->since_ns;
}

static void change(struct limit_table *t, const struct limit_key *key, const struct xbit *bit, int64_t now_ns)
{
    bool fresh;
    const bool was = is_set(t, key, now_ns);
    if (bit->verb == XBIT_UNSET && !was)
        return;
    struct limit_entry *e = limit_table_get(t, key, &fresh);
    e->count = bit->verb == XBIT_SET || (bit->verb == XBIT_TOGGLE && !was);
    if (__builtin_add_overflow(now_ns, (int64_t)bit->expire * 1000000000, &e->since_ns))
        e->since_ns = INT64_MAX;
}

bool xbits_match(struct limit_table *t, const struct rule *rule, const struct alert *alert)
{
    for (unsigned i = 0; i < rule->xbits_used; i++) {
        const struct xbit *bit = &rule->xbits[i];
        const struct limit_key key = key_of(rule, bit, alert);
        if (bit->verb >= XBIT_IS_SET && is_set(t, &key, alert->time_ns) != (bit->verb == XBIT_IS_SET))
            return false;
    }
    for (unsigned i = 0; i < rule->xbits_used; i++) {
        const struct xbit *bit = &rule->xbits[i];
        const struct limit_key key = key_of(rule, bit, alert);
        if (bit->verb < XBIT_IS_SET)
            change(t, &key, bit, alert->time_ns);
    }
    return true;
}
