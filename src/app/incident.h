/* An incident as the store has it, for people: one page, or one JSON object. */
#ifndef DBHOUND_APP_INCIDENT_H
#define DBHOUND_APP_INCIDENT_H

#include <sqlite3.h>

#include "app/rows.h"

/* "2026-11-24 05:51:59.123" */
void incident_time(char *out, size_t size, int64_t time_ns);
enum paint incident_paint(const char *verdict);

/* The page and the object. */
bool incident_print(struct sqlite3 *db, int64_t incident_id, const char *store, const struct screen *s, struct error *why) MUST_CHECK;
bool incident_print_json(struct sqlite3 *db, int64_t incident_id, FILE *out, struct error *why) MUST_CHECK;
/* Where a shape was seen: among suspects and last words. */
bool incident_print_shape(struct sqlite3 *db, const char *shape, bool json, const struct screen *s, uint64_t *many, struct error *why) MUST_CHECK;
/* No incident: the vital signs that say so. */
bool incident_print_vitals(struct sqlite3 *db, const struct query *q, bool json, const struct screen *s, struct error *why) MUST_CHECK;

#endif
