/*
 * Cases of `rules test`: what a test.yaml says. A file holds one case or several, as documents. The form is suricata-verify's:
 *
 *   pcap: FILE        (or several, or a pattern; without: the captures beside the file)
 *   args: - -k none   (-k, -f, -S FILE, -s FILE, --tuning FILE)
 *   checks: - filter: count: 1   match: event_type: alert   alert.signature_id: 9000001
 *
 * `name` and `rules` (a file; without: test.rules beside the file) are dbhound's own. A count may also be ">0" or "<9".
 */
#ifndef DBHOUND_SRC_APP_RULE_CASE_H
#define DBHOUND_SRC_APP_RULE_CASE_H

#include <glob.h>

#include "detect/rules.h"

enum { CASE_CHECKS_MAX = 64, CASE_MATCHES_MAX = 8, CASE_FILES_MAX = 8, CASE_PATH_MAX = 1024, CASE_TEXT_MAX = 128 };

enum case_key {
    CASE_SID,
    CASE_GID,
    CASE_REV,
    CASE_SEVERITY,
    CASE_SIGNATURE,
    CASE_CATEGORY,
    CASE_SRC_IP,
    CASE_SRC_PORT,
    CASE_DEST_IP,
    CASE_DEST_PORT,
    CASE_APP_PROTO,
    CASE_PACKET,
    CASE_ANOMALY,
    CASE_KEYS
};

struct case_match {
    enum case_key key;
    char value[CASE_TEXT_MAX];
};

struct case_check {
    unsigned line;
    char comparison; /* = > < */
    uint64_t wanted, found;
    struct case_match matches[CASE_MATCHES_MAX];
    unsigned matches_used;
};

struct rule_case {
    char name[CASE_TEXT_MAX * 2], directory[CASE_PATH_MAX];
    char rules[CASE_FILES_MAX][CASE_PATH_MAX], tuning[CASE_PATH_MAX];
    unsigned rules_used;
    char filter[CASE_PATH_MAX];
    bool check_checksums, ignore_checksums;
    glob_t captures;
    bool has_captures;
    struct case_check checks[CASE_CHECKS_MAX];
    unsigned checks_used;
};

/* Reads a file and tells each case of it, which is valid during the call. */
bool rule_cases_read(const char *path, void (*tell)(void *context, struct rule_case *c), void *context, struct error *why) MUST_CHECK;
/* Counts the alert where a check means it. */
void rule_case_alert(struct rule_case *c, const struct alert *alert, const struct rule_facts *rule);
bool case_check_holds(const struct case_check *check);

#endif
