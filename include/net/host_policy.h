/*
 * Which of two that say different things about the same bytes a host believes: TCP segments that wait behind a hole, and IP
 * fragments. Systems differ (Novak and Sturges, Target-Based TCP Stream Reassembly, 2007, and Target-Based Fragmentation
 * Reassembly, 2005; Snort's stream5 and frag3, Suricata's host-os-policy). What was handed to the application is never
 * replaced, whatever the system. HOST_LINUX is not in the table: it is done as Linux does it, measured on a real stack.
 */
#ifndef DBHOUND_NET_HOST_POLICY_H
#define DBHOUND_NET_HOST_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum host_policy {
    HOST_LINUX,
    HOST_WINDOWS, /* to 2003 and XP */
    HOST_VISTA,   /* and Server 2008, and later */
    HOST_BSD,
    HOST_SOLARIS,
    HOST_FIRST,   /* what came first */
    HOST_LAST,
    HOST_POLICIES
};

enum { HOST_RULES_MAX = 64 };

struct host_rules {
    struct host_rule {
        uint8_t network[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t bits;
        uint8_t policy;
    } rule[HOST_RULES_MAX];
    unsigned count;
};

/* "POLICY" for every host, or "POLICY=ADDRESS[/BITS],...". False: nothing was added, and why (EXIT_USAGE). */
bool host_rules_add(struct host_rules *r, const char *text, struct error *why) MUST_CHECK;
/* Of the longest prefix, and of the later of two that are equal; HOST_LINUX without one. `r` may be NULL. */
enum host_policy host_rules_find(const struct host_rules *r, const uint8_t address[16]);
const char *host_policy_name(enum host_policy policy);

/* Where the newer one begins and ends, seen from the older one: one bit for each case in which the newer one is believed. */
enum host_relation { NEWER_BEFORE, NEWER_SAME, NEWER_AFTER, NEWER_RELATIONS };
uint16_t host_segments(enum host_policy policy);
uint16_t host_fragments(enum host_policy policy);
static inline bool host_believes_newer(uint16_t cases, int64_t newer_start, int64_t newer_end, int64_t older_start, int64_t older_end)
{
    int start = (newer_start > older_start) - (newer_start < older_start) + NEWER_SAME;
    int end = (newer_end > older_end) - (newer_end < older_end) + NEWER_SAME;
    return cases >> (start * NEWER_RELATIONS + end) & 1;
}

#endif
