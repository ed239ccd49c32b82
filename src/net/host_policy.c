/* Whom a host believes: see net/host_policy.h. */
#include "net/host_policy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define CASE(start, end) (1u << (NEWER_##start * NEWER_RELATIONS + NEWER_##end))
#define BEGINS(start) (CASE(start, BEFORE) | CASE(start, SAME) | CASE(start, AFTER))

enum {
    NEVER = 0,
    ALWAYS = BEGINS(BEFORE) | BEGINS(SAME) | BEGINS(AFTER),
    IF_IT_BEGINS_BEFORE = BEGINS(BEFORE),
    IF_IT_HAS_MORE_ON_BOTH_SIDES = CASE(BEFORE, AFTER),
    IF_IT_BEGINS_BEFORE_AND_COVERS = CASE(BEFORE, SAME) | CASE(BEFORE, AFTER),
    IF_IT_COVERS_OR_GOES_ON = IF_IT_BEGINS_BEFORE_AND_COVERS | CASE(SAME, SAME) | CASE(SAME, AFTER) | CASE(AFTER, AFTER),
};

static const struct {
    const char *name;
    uint16_t segments, fragments;
} policies[HOST_POLICIES] = {
    [HOST_LINUX] = {"linux", NEVER, NEVER}, /* not by this table */
    [HOST_WINDOWS] = {"windows", IF_IT_BEGINS_BEFORE, IF_IT_HAS_MORE_ON_BOTH_SIDES},
    [HOST_VISTA] = {"vista", NEVER, IF_IT_HAS_MORE_ON_BOTH_SIDES},
    [HOST_BSD] = {"bsd", IF_IT_BEGINS_BEFORE, IF_IT_BEGINS_BEFORE},
    [HOST_SOLARIS] = {"solaris", IF_IT_COVERS_OR_GOES_ON, IF_IT_BEGINS_BEFORE_AND_COVERS},
    [HOST_FIRST] = {"first", NEVER, NEVER},
    [HOST_LAST] = {"last", ALWAYS, ALWAYS},
};

uint16_t host_segments(enum host_policy policy)
{
    return policies[policy].segments;
}

uint16_t host_fragments(enum host_policy policy)
{
    return policies[policy].fragments;
}

const char *host_policy_name(enum host_policy policy)
{
    return policies[policy].name;
}

static bool matches(const struct host_rule *rule, const uint8_t address[16])
{
    unsigned whole = rule->bits / 8, rest = rule->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(rule->network, address, whole) == 0 && (!rest || ((rule->network[whole] ^ address[whole]) & mask) == 0);
}

enum host_policy host_rules_find(const struct host_rules *r, const uint8_t address[16])
{
    const struct host_rule *best = NULL;
    for (unsigned i = 0; r && i < r->count; i++)
        if (matches(&r->rule[i], address) && (!best || r->rule[i].bits >= best->bits))
            best = &r->rule[i];
    return best ? (enum host_policy)best->policy : HOST_LINUX;
}

/* ---- reading */

static enum host_policy policy_by_name(const char *name, size_t length)
{
    unsigned policy = 0;
    while (policy < HOST_POLICIES && (strlen(policies[policy].name) != length || strncmp(policies[policy].name, name, length) != 0))
        policy++;
    return (enum host_policy)policy;
}

/* One ADDRESS[/BITS]. */
static bool network_read(const char *text, size_t length, struct host_rule *rule)
{
    enum { MAPPED = 96, ALL = 128 };
    char word[64];
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, text, length);
    word[length] = 0;
    char *slash = strchr(word, '/'), *end = NULL;
    if (slash)
        *slash = 0;
    unsigned long most = ALL, before = 0;
    if (inet_pton(AF_INET6, word, rule->network) != 1) {
        memset(rule->network, 0, 10);
        memset(rule->network + 10, 0xff, 2);
        if (inet_pton(AF_INET, word, rule->network + 12) != 1)
            return false;
        most = ALL - MAPPED;
        before = MAPPED;
    }
    unsigned long bits = most;
    if (slash && (slash[1] < '0' || slash[1] > '9' || (bits = strtoul(slash + 1, &end, 10)) > most || *end))
        return false;
    rule->bits = (uint8_t)(before + bits);
    return true;
}

bool host_rules_add(struct host_rules *r, const char *text, struct error *why)
{
    size_t length = strcspn(text, "=");
    const enum host_policy policy = policy_by_name(text, length);
    if (policy == HOST_POLICIES)
        return error_set(why, EXIT_USAGE, "no such system: %.*s; there are linux, windows, vista, bsd, solaris, first and last", (int)length, text);
    unsigned count = r->count;
    const char *at = text + length;
    do {
        if (count == HOST_RULES_MAX)
            return error_set(why, EXIT_USAGE, "more than %d networks with a policy of their own", HOST_RULES_MAX);
        struct host_rule *rule = &r->rule[count++];
        *rule = (struct host_rule){.policy = (uint8_t)policy};
        if (!*at)
            break;
        size_t word = strcspn(++at, ",");
        if (!network_read(at, word, rule))
            return error_set(why, EXIT_USAGE, "%.*s is no ADDRESS or ADDRESS/BITS", (int)word, at);
        at += word;
    } while (*at);
    r->count = count;
    return true;
}
