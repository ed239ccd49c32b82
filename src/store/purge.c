/*
 * What is old goes: alerts with their evidence and the samples that only they had, facts, incidents and vital signs. In steps of a few
 * hundred rows, so that no transaction is long. Alerts that somebody judged stay, whatever their age.
 */
#include <string.h>

#include "store/connection.h"
#include "store/schema.h"

/* ?1 before this time, ?2 of this sid, ?3 all but the newest so many; each may be NULL. */
#define DOOMED                                                                                                                              \
    "CREATE TEMP TABLE doomed AS SELECT a.alert_id, a.run_id, a.sample_key FROM alerts a JOIN rules r ON r.rule_id = a.rule_id"              \
    " WHERE a.state = 'new' AND (?1 IS NULL OR a.last_time_ns < ?1) AND (?2 IS NULL OR r.sid = ?2) AND (?3 IS NULL OR a.alert_id NOT IN"     \
    " (SELECT b.alert_id FROM alerts b JOIN rules q ON q.rule_id = b.rule_id WHERE ?2 IS NULL OR q.sid = ?2"                               \
    " ORDER BY b.time_ns DESC, b.alert_id DESC LIMIT ?3))"

#define ORPHANS                                                                                                                             \
    "SELECT s.sample_id FROM samples s WHERE EXISTS (SELECT 1 FROM doomed d WHERE d.run_id = s.run_id AND d.sample_key = s.key)"           \
    " AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.run_id = s.run_id AND a.sample_key = s.key AND a.alert_id NOT IN"                       \
    " (SELECT alert_id FROM doomed))"

static bool bind_and_run(struct store *s, const char *sql, const struct purge *p, uint64_t *number, struct error *why)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return schema_error(s->db, why, "cannot purge");
    const int wanted = sqlite3_bind_parameter_count(statement);
    if (wanted >= 1 && p->has_before)
        sqlite3_bind_int64(statement, 1, p->before_ns);
    if (wanted >= 2 && p->sid)
        sqlite3_bind_int64(statement, 2, p->sid);
    if (wanted >= 3 && p->has_keep)
        sqlite3_bind_int64(statement, 3, p->keep);
    const int result = sqlite3_step(statement);
    if (result == SQLITE_ROW && number)
        *number = (uint64_t)sqlite3_column_int64(statement, 0);
    const bool done = result == SQLITE_ROW || result == SQLITE_DONE || schema_error(s->db, why, "cannot purge");
    sqlite3_finalize(statement);
    return done;
}

/* Runs a DELETE of at most 500 rows until it finds no more. */
static bool in_steps(struct store *s, const char *sql, const struct purge *p, struct error *why)
{
    do {
        if (!bind_and_run(s, sql, p, NULL, why))
            return false;
    } while (sqlite3_changes(s->db) > 0);
    return true;
}

static bool purge_count(struct store *s, const struct purge *p, struct purged *out, struct error *why)
{
    const bool old = p->has_before && !p->sid;
    return bind_and_run(s, "SELECT count(*) FROM doomed", p, &out->alerts, why) &&
           bind_and_run(s, "SELECT count(*) FROM (" ORPHANS ")", p, &out->samples, why) &&
           (!old || (bind_and_run(s, "SELECT count(*) FROM facts WHERE time_ns < ?1", p, &out->facts, why) &&
                     bind_and_run(s, "SELECT count(*) FROM incidents WHERE ifnull(ended_ns, began_ns) < ?1", p, &out->incidents, why) &&
                     bind_and_run(s, "SELECT count(*) FROM vitals WHERE minute_ns < ?1", p, &out->minutes, why)));
}

static bool purge_alerts(struct store *s, const struct purge *p, struct error *why)
{
    return bind_and_run(s, "UPDATE suspects SET alert_id = NULL WHERE alert_id IN (SELECT alert_id FROM doomed)", p, NULL, why) &&
           bind_and_run(s, "UPDATE words SET alert_id = NULL WHERE alert_id IN (SELECT alert_id FROM doomed)", p, NULL, why) &&
           in_steps(s, "DELETE FROM samples WHERE sample_id IN (" ORPHANS " LIMIT 500)", p, why) &&
           in_steps(s, "DELETE FROM alerts WHERE alert_id IN (SELECT a.alert_id FROM alerts a JOIN doomed d ON d.alert_id = a.alert_id LIMIT 500)",
                    p, why);
}

/* What is of a time and not of a rule. */
static bool purge_old(struct store *s, const struct purge *p, struct error *why)
{
    return in_steps(s, "DELETE FROM facts WHERE fact_id IN (SELECT fact_id FROM facts WHERE time_ns < ?1 LIMIT 500)", p, why) &&
           bind_and_run(s, "DELETE FROM suspects WHERE (run_id, number) IN (SELECT run_id, number FROM incidents WHERE ifnull(ended_ns, began_ns) < ?1)",
                        p, NULL, why) &&
           bind_and_run(s, "DELETE FROM words WHERE (run_id, number) IN (SELECT run_id, number FROM incidents WHERE ifnull(ended_ns, began_ns) < ?1)",
                        p, NULL, why) &&
           in_steps(s, "DELETE FROM incidents WHERE incident_id IN (SELECT incident_id FROM incidents WHERE ifnull(ended_ns, began_ns) < ?1 LIMIT 500)",
                    p, why) &&
           bind_and_run(s, "DELETE FROM visitors WHERE last_ns < ?1", p, NULL, why) &&
           bind_and_run(s, "DELETE FROM vitals WHERE minute_ns < ?1", p, NULL, why);
}

bool store_purge(struct store *s, const struct purge *p, bool only_count, struct purged *out, struct error *why)
{
    *out = (struct purged){0};
    if (!store_commit(s, why) || !bind_and_run(s, "DROP TABLE IF EXISTS temp.doomed", p, NULL, why) || !bind_and_run(s, DOOMED, p, NULL, why) ||
        !bind_and_run(s, "CREATE INDEX temp.doomed_by_alert ON doomed(alert_id)", p, NULL, why) ||
        !bind_and_run(s, "CREATE INDEX temp.doomed_by_sample ON doomed(run_id, sample_key)", p, NULL, why))
        return false;
    if (!purge_count(s, p, out, why) || only_count)
        return only_count ? bind_and_run(s, "DROP TABLE temp.doomed", p, NULL, why) : false;
    const bool done = purge_alerts(s, p, why) && (!p->has_before || p->sid || purge_old(s, p, why));
    return done && bind_and_run(s, "DROP TABLE temp.doomed", p, NULL, why);
}

bool store_vacuum(struct store *s, struct error *why)
{
    const struct purge none = {0};
    if (!store_commit(s, why) || !bind_and_run(s, "VACUUM", &none, NULL, why))
        return false;
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return true;
}
