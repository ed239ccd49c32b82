/* The draft of a postmortem, in Markdown: what the store knows of an incident and of those that belong to it. Only facts; what was
 * not seen is marked "to fill in". */
#ifndef DBHOUND_APP_REPORT_H
#define DBHOUND_APP_REPORT_H

#include <sqlite3.h>
#include <stdio.h>

#include "app/query.h"

enum { EPISODE_MAX = 64 };

/* What the sections need of an incident. Texts are the store's: printable. */
struct report_incident {
    int64_t id, began_ns, ended_ns; /* ended_ns 0: it was not seen to end */
    int64_t clients, affected, connections_lost, requests_lost, refused, without_ns, confidence, moved, packet, users, users_affected;
    int64_t suspect_alert;          /* 0: none */
    char verdict[24], kind[24], backup[80], shape[16], summary[320];
};

/* The incidents of one server that follow each other closely: one outage to the people who live through it. */
struct episode {
    char server_ip[64], server[80], proto[16], version[80];
    int64_t port;
    bool drill;
    unsigned used, chosen;
    struct report_incident incidents[EPISODE_MAX];
};

/* False: no such incident, or the store cannot be read. */
bool episode_load(struct sqlite3 *db, int64_t incident_id, struct episode *e, struct error *why) MUST_CHECK;
bool report_write(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why) MUST_CHECK;

/* report_impact.c: rows of the summary: users, the share of requests that failed, slow minutes. */
bool report_impact(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why) MUST_CHECK;
/* report_parts.c: sections, in their order. */
bool report_timeline(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why) MUST_CHECK;
bool report_measures(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why) MUST_CHECK;
bool report_evidence(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why) MUST_CHECK;

/* "2026-11-24 15:00:00.123", in the local zone. */
void report_time(char *out, size_t size, int64_t time_ns);
/* "2 h 3 min", "1.2 s" */
void report_span(char *out, size_t size, int64_t ns);
/* Text of the wire as a code span that holds it, whatever it is. */
void report_code(FILE *out, const char *text);
const struct report_incident *episode_first(const struct episode *e);
const struct report_incident *episode_last(const struct episode *e);

#endif
