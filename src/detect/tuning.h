/*
 * threshold.config: what a site knows better than the rules. Lines of Suricata (suppress, threshold or event_filter,
 * rate_filter) and of dbhound (except, set, anomaly NAME = policy). They change nothing of the rules' text; what they hide is
 * counted for each line.
 *
 * A comment that begins with #: and stands right above a line says more of it than Suricata's syntax can (until, reason,
 * author), so that other tools read the file as before.
 */
#ifndef DBHOUND_DETECT_TUNING_H
#define DBHOUND_DETECT_TUNING_H

#include "detect/ask.h"
#include "detect/rule.h"

enum tuning_kind { TUNING_SUPPRESS, TUNING_THRESHOLD, TUNING_RATE_FILTER, TUNING_EXCEPT, TUNING_SET, TUNING_ANOMALY };
enum tuning_end { TUNING_ANY, TUNING_SRC, TUNING_DST, TUNING_EITHER };

struct tuning {
    uint8_t kind;            /* enum tuning_kind */
    uint8_t end;             /* suppress: enum tuning_end of the addresses */
    bool everything;         /* sig_id 0 */
    bool silences;           /* rate_filter: new_action pass */
    uint16_t anomaly;
    uint32_t gid, sid;       /* gid 0: of any group */
    uint32_t condition;      /* except: the rule of set->conditions that holds `where`, + 1; 0: always */
    struct threshold threshold; /* rate_filter: track, count, seconds */
    uint32_t timeout;
    bool has_until;
    int64_t until_ns;
    struct wide_range *ranges; /* suppress */
    size_t ranges_used;
    char *file, *text, *reason, *author, *tag;
    unsigned line;
};

/* Whether the line hides this alert; only suppress and except do by themselves. */
bool tuning_suppresses(const struct tuning *t, const struct alert *alert);
/* The first except of the rule that is true of the message, + 1; 0: none. */
uint16_t tuning_excepts(const struct rule_set *set, const struct rule *rule, const struct asked *a, int64_t time_ns);
/* Applies what changes rules, and gives each rule the lines that hide its alerts. */
bool tuning_apply(struct rule_set *set);
void tuning_free(struct rule_set *set);

#endif
