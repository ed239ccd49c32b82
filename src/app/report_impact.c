/* The postmortem: who was affected, how many requests failed, how long it was slow before and after. See report.h. */
#include <inttypes.h>

#include "app/incident.h"
#include "app/report.h"

enum { MINUTES_LEAST = 5, SLOW_TIMES_MEDIAN = 4 };
static const int64_t MINUTE_NS = INT64_C(60) * 1000000000, REACH_NS = INT64_C(3600) * 1000000000;

static sqlite3_stmt *of_server(struct sqlite3 *db, const char *sql, const struct episode *e, struct error *why)
{
    sqlite3_stmt *rows = query_number(db, sql, e->port, why);
    const struct report_incident *last = episode_last(e);
    if (!rows)
        return NULL;
    sqlite3_bind_text(rows, 2, e->server_ip, -1, SQLITE_STATIC);
    sqlite3_bind_int64(rows, 3, episode_first(e)->began_ns);
    sqlite3_bind_int64(rows, 4, last->ended_ns ? last->ended_ns : INT64_MAX - MINUTE_NS);
    return rows;
}

static void users(const struct episode *e, FILE *out)
{
    int64_t all = 0, affected = 0;
    for (unsigned i = 0; i < e->used; i++) {
        all = e->incidents[i].users > all ? e->incidents[i].users : all;
        affected = e->incidents[i].users_affected > affected ? e->incidents[i].users_affected : affected;
    }
    if (all)
        fprintf(out, "| Database users affected | %" PRId64 " of %" PRId64 " whose names were seen |\n", affected, all);
    else
        fprintf(out, "| Database users affected | to fill in: no name was seen |\n");
}

/* In the minutes that the outage touches. */
static bool share(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *row = of_server(db, "SELECT ifnull(sum(requests), 0) FROM v_health WHERE server_port = ?1 AND server_ip = ?2 AND minute_ns > ?3 - 60000000000"
                                      " AND minute_ns <= ?4", e, why);
    int64_t lost = 0, all = 0;
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW)
        all = sqlite3_column_int64(row, 0);
    for (unsigned i = 0; i < e->used; i++)
        lost += e->incidents[i].requests_lost;
    if (all)
        fprintf(out, "| Share of requests that failed | %.2f %% of %" PRId64 " in the minutes of it |\n", 100.0 * (double)lost / (double)all, all);
    return query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

/* A minute is slow when 95 of 100 replies take four times what they take in the median minute; in the hour before and after. */
static bool slow_minutes(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *row = of_server(db,
                                  "WITH h AS (SELECT minute_ns, p95_us FROM v_health WHERE server_port = ?1 AND server_ip = ?2 AND replies > 0),"
                                  " m AS (SELECT p95_us AS usual FROM h ORDER BY p95_us LIMIT 1 OFFSET (SELECT count(*) / 2 FROM h)),"
                                  " s AS (SELECT minute_ns FROM h, m WHERE p95_us > ?5 * usual)"
                                  " SELECT (SELECT count(*) FROM h), (SELECT count(*) FROM s WHERE minute_ns + ?6 <= ?3 AND minute_ns >= ?3 - ?7),"
                                  " (SELECT count(*) FROM s WHERE minute_ns > ?4 AND minute_ns - ?7 <= ?4), (SELECT usual FROM m)",
                                  e, why);
    if (!row)
        return false;
    sqlite3_bind_int(row, 5, SLOW_TIMES_MEDIAN);
    sqlite3_bind_int64(row, 6, MINUTE_NS);
    sqlite3_bind_int64(row, 7, REACH_NS);
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW && sqlite3_column_int(row, 0) < MINUTES_LEAST)
        fprintf(out, "| Slow minutes before and after | to fill in: too few minutes were seen |\n");
    else if (result == SQLITE_ROW)
        fprintf(out, "| Slow minutes before and after | %d and %d within an hour (95 of 100 replies usually take %.1f ms) |\n", sqlite3_column_int(row, 1),
                sqlite3_column_int(row, 2), (double)sqlite3_column_int64(row, 3) / 1e3);
    return query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

bool report_impact(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    users(e, out);
    if (!share(db, e, out, why) || !slow_minutes(db, e, out, why))
        return false;
    fprintf(out, "| Business affected | to fill in |\n\n");
    return true;
}
