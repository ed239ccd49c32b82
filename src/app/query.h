/* Asking the store: conditions made of constant fragments with bound values, rows as JSON. */
#ifndef DBHOUND_APP_QUERY_H
#define DBHOUND_APP_QUERY_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "app/options.h"

enum { QUERY_CONDITIONS_MAX = 12 };

/* `sql` of a condition is a constant with one '?'. */
struct query {
    unsigned used;
    struct {
        const char *sql;
        bool is_text;
        int64_t number;
        char text[64];
    } conditions[QUERY_CONDITIONS_MAX];
};

/* The conditions that the options of `alerts` say. EXIT_USAGE when a value is none. */
bool query_from_options(struct query *q, const struct options *o, struct error *why) MUST_CHECK;
/* --server alone, and --since and --until on a column of this command's. */
bool query_server(struct query *q, const struct options *o, struct error *why) MUST_CHECK;
bool query_server_named(struct query *q, const char *server, struct error *why) MUST_CHECK;
bool query_times(struct query *q, const struct options *o, const char *since, const char *until, struct error *why) MUST_CHECK;
/* "2026-11-24T05:51:59.5+0000", shorter, with a space or Z; seconds since 1970; or "15m", "2h", "3d" before `now_ns`. */
bool query_time(const char *text, int64_t now_ns, int64_t *time_ns);
/* `head` + WHERE ... + `tail`, ready to be stepped. NULL with `why`. */
sqlite3_stmt *query_prepare(struct sqlite3 *db, const struct query *q, const char *head, const char *tail, struct error *why);
/* A statement of constant text with at most one number, ?1. NULL with `why`. */
sqlite3_stmt *query_number(struct sqlite3 *db, const char *sql, int64_t number, struct error *why);
/* A JSON string, safe for a terminal as it stands. */
json_t *query_json_text(const char *text);
/* The row as an object: columns by name; JSON columns (why, reasons, advisories) as what they hold; no BLOBs. */
json_t *query_row(sqlite3_stmt *row);
/* All rows of a statement as an array of such objects, which is done then. NULL with `why`, or without when `rows` is NULL. */
json_t *query_rows(sqlite3_stmt *rows, struct error *why);
/* After the last row: false with `why` when reading failed. */
bool query_done(sqlite3_stmt *statement, int result, struct error *why) MUST_CHECK;
/* The store has all that this program keeps; an older one has not. EXIT_DATA. */
bool query_current(struct sqlite3 *db, struct error *why) MUST_CHECK;
/* A column's text, "" for NULL. */
const char *query_text(sqlite3_stmt *row, int column);

#endif
