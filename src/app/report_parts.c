/* The postmortem: timeline, corrective measures, evidence. See report.h. */
#include "app/report.h"

#include <inttypes.h>
#include <string.h>

#include "app/incident.h"

static const int64_t BEFORE_NS = INT64_C(10) * 60 * 1000000000, AFTER_NS = INT64_C(5) * 60 * 1000000000;
enum { BYTES_MATCHED = 16, LIKELY = 40 };

/* A statement about the server and the time of the episode: ?1 address, ?2 port, ?3 from, ?4 to, ?5 the chosen incident. */
static sqlite3_stmt *ask(struct sqlite3 *db, const char *sql, const struct episode *e, struct error *why)
{
    sqlite3_stmt *s = query_number(db, sql, 0, why);
    const struct report_incident *last = episode_last(e);
    if (!s)
        return NULL;
    sqlite3_bind_text(s, 1, e->server_ip, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, e->port);
    sqlite3_bind_int64(s, 3, episode_first(e)->began_ns - BEFORE_NS);
    sqlite3_bind_int64(s, 4, (last->ended_ns ? last->ended_ns : last->began_ns) + AFTER_NS);
    sqlite3_bind_int64(s, 5, e->incidents[e->chosen].id);
    return s;
}

/* One query in order of time, so that nothing has to be sorted here. Alerts of a kind from one client stand once. */
static const char events[] =
    "SELECT time_ns, what FROM ("
    " SELECT min(time_ns) AS time_ns, 'alert ' || min(alert_id) || ', ' || CASE severity WHEN 1 THEN 'high' WHEN 2 THEN 'medium' ELSE 'low' END"
    "  || ': ' || msg || ', ' || iif(direction = 'to_server', 'from', 'to') || ' ' || client_ip"
    "  || iif(sum(count) > 1, ' (' || sum(count) || ' times)', '') AS what, 0 AS turn"
    "  FROM v_alerts WHERE server_ip = ?1 AND server_port = ?2 AND time_ns BETWEEN ?3 AND ?4 AND severity <= 3"
    "  GROUP BY sid, client_ip, time_ns / 60000000000"
    " UNION ALL SELECT s.time_ns, '**suspect**: ' || ifnull(s.message_type, 'message') || ', ' || s.length || ' bytes, from ' || s.client_ip"
    "  || ', shape ' || s.shape, 1 FROM v_suspects s JOIN v_incidents i USING (incident_id)"
    "  WHERE i.server_ip = ?1 AND i.server_port = ?2 AND i.began_ns BETWEEN ?3 AND ?4 AND s.rank = 1 AND s.score >= 40"
    " UNION ALL SELECT began_ns, '**incident ' || incident_id || '**: ' || verdict || ', ' || connections_lost || ' connections lost, '"
    "  || requests_lost || ' requests without an answer', 2 FROM v_incidents"
    "  WHERE server_ip = ?1 AND server_port = ?2 AND began_ns BETWEEN ?3 AND ?4"
    " UNION ALL SELECT ended_ns, 'the server answered again (incident ' || incident_id || ', after ' || round((ended_ns - began_ns) / 1e9, 1) || ' s)', 3"
    "  FROM v_incidents WHERE server_ip = ?1 AND server_port = ?2 AND ended_ns BETWEEN ?3 AND ?4"
    ") ORDER BY time_ns, turn";

bool report_timeline(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = ask(db, events, e, why);
    int result;
    if (!rows)
        return false;
    fprintf(out, "## Timeline\n\n| time | what |\n|---|---|\n");
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        char time[40];
        report_time(time, sizeof time, sqlite3_column_int64(rows, 0));
        fprintf(out, "| %s | ", time);
        for (const char *at = query_text(rows, 1); *at; at++)
            fputc(*at == '|' ? '/' : *at, out);
        fprintf(out, " |\n");
    }
    fprintf(out, "| to fill in | who noticed, who was called, what was tried |\n\n");
    return query_done(rows, result, why);
}

/* ---- measures */

static bool other_servers(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = ask(db,
                             "SELECT o.server_ip, o.server_port, o.version, o.tls FROM v_servers o, v_servers s WHERE s.server_ip = ?1 AND"
                             " s.server_port = ?2 AND o.proto = s.proto AND o.version = s.version AND o.version <> '' AND"
                             " (o.server_ip, o.server_port) <> (?1, ?2) ORDER BY 1, 2 LIMIT 20",
                             e, why);
    int result;
    unsigned many = 0;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        TEXT_ON_STACK(server, 80);
        rows_end(&server, query_text(rows, 0), sqlite3_column_int(rows, 1));
        if (!many++)
            fprintf(out, "- Exposed to the same, with the same version:\n");
        fprintf(out, "  - %s\n", server.chars);
    }
    if (!many)
        fprintf(out, "- No other server of the same version was seen. Servers that dbhound does not watch: to fill in.\n");
    return query_done(rows, result, why);
}

static bool clear_servers(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = ask(db, "SELECT server_ip, server_port, proto FROM v_servers WHERE ifnull(tls, -1) <> 1 ORDER BY 1, 2 LIMIT 20", e, why);
    int result;
    unsigned many = 0;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        TEXT_ON_STACK(server, 80);
        rows_end(&server, query_text(rows, 0), sqlite3_column_int(rows, 1));
        fprintf(out, "%s%s (%s)", many++ ? ", " : "- Servers with which no client was seen to use TLS: ", server.chars, query_text(rows, 2));
    }
    if (many)
        fputs(".\n", out);
    return query_done(rows, result, why);
}

static bool advisories(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = ask(db,
                             "SELECT j.value ->> 'id', j.value ->> 'allows', j.value ->> 'fixed' FROM v_servers s, json_each(s.advisories) j"
                             " WHERE s.server_ip = ?1 AND s.server_port = ?2",
                             e, why);
    int result;
    unsigned many = 0;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!many++)
            fprintf(out, "- Known defects of the version that the server names (a distribution may have patched it):\n");
        fprintf(out, "  - %s: %s; fixed in %s\n", query_text(rows, 0), query_text(rows, 1), query_text(rows, 2));
    }
    if (!many && *e->version)
        fprintf(out, "- No advisory that dbhound knows is about this version. The vendor's newest fixes: to fill in.\n");
    return query_done(rows, result, why);
}

/* A filter for the wire: the first bytes of the message, which say its type and what is wrong with it. */
static bool filters(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why)
{
    sqlite3_stmt *row = ask(db,
                            "SELECT s.client_ip, a.alert_id, a.sid, a.msg, e.why ->> 'rule', substr(e.head, 1, min(16, a.message_offset + max((e.why ->> 'length'), 1))), s.score FROM v_suspects s"
                            " LEFT JOIN v_alerts a ON a.alert_id = s.alert_id LEFT JOIN evidence e ON e.alert_id = a.alert_id"
                            " WHERE s.incident_id = ?5 AND s.rank = 1",
                            e, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW && sqlite3_column_int(row, 6) < LIKELY)
        fprintf(out, "- No message stands out enough to be blocked.\n");
    else if (result == SQLITE_ROW) {
        const char *family = strchr(query_text(row, 0), ':') ? "ip6" : "ip";
        fprintf(out, "- Keep the suspect's client away while its reason is looked for:\n\n  ```\n  nft add table inet incident\n"
                     "  nft add chain inet incident input '{ type filter hook input priority -10; }'\n"
                     "  nft add rule inet incident input %s saddr %s tcp dport %" PRId64 " counter drop\n  ```\n", family, query_text(row, 0), e->port);
        const uint8_t *head = sqlite3_column_blob(row, 5);
        int length = sqlite3_column_bytes(row, 5);
        if (length > 0) {
            fprintf(out, "- Drop the message itself where an inline Suricata stands (its first %d bytes):\n\n  ```\n  drop tcp any any -> %s %" PRId64
                         " (msg:\"message like alert %" PRId64 " of dbhound\"; flow:established,to_server; content:\"|",
                    length, e->server_ip, e->port, (int64_t)sqlite3_column_int64(row, 1));
            for (int i = 0; i < length && i < BYTES_MATCHED; i++)
                fprintf(out, "%s%02x", i ? " " : "", head[i]);
            fprintf(out, "|\"; depth:%d; classtype:attempted-dos; sid:1; rev:1;)\n  ```\n", length);
            fprintf(out, "- The rule that saw it: sid %" PRId64 ", %s. `dbhound rules from-alert %" PRId64 " -d %s` drafts a narrower one.\n",
                    (int64_t)sqlite3_column_int64(row, 2), query_text(row, 3), (int64_t)sqlite3_column_int64(row, 1), store);
        } else {
            fprintf(out, "- No rule spoke of the suspect. Look at its packets, and write one: rules/README.md has the language.\n");
        }
    }
    return query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

bool report_measures(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why)
{
    fprintf(out, "## Corrective measures\n\n");
    if (!filters(db, e, store, out, why) || !other_servers(db, e, out, why) || !advisories(db, e, out, why) || !clear_servers(db, e, out, why))
        return false;
    fprintf(out, "- Owner and date of each measure: to fill in.\n\n");
    return true;
}

/* ---- evidence */

bool report_evidence(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = ask(db,
                             "SELECT DISTINCT a.alert_id, p.sample_id, p.packets, p.sha256, p.redacted, a.msg, a.severity FROM v_alerts a JOIN v_samples p"
                             " ON p.sample_id = a.sample_id WHERE a.server_ip = ?1 AND a.server_port = ?2 AND a.time_ns BETWEEN ?3 AND ?4"
                             " ORDER BY a.severity, a.alert_id LIMIT 20",
                             e, why);
    int result;
    unsigned many = 0;
    if (!rows)
        return false;
    fprintf(out, "## Evidence\n\n");
    fprintf(out, "Incident %" PRId64 " of ", e->incidents[e->chosen].id);
    report_code(out, store);
    fprintf(out, ": `dbhound why -d %s --server %s`.\n\n", store, e->server);
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!many++)
            fprintf(out, "| alert | packets | SHA-256 of the sample (pcapng) | what |\n|--:|--:|---|---|\n");
        fprintf(out, "| %d | %d | `%s`%s | %s |\n", sqlite3_column_int(rows, 0), sqlite3_column_int(rows, 2), query_text(rows, 3),
                sqlite3_column_int(rows, 4) ? ", secrets masked" : "", query_text(rows, 5));
    }
    if (many)
        fprintf(out, "\n`dbhound sample ALERT -d %s -w FILE` writes one.\n", store);
    else
        fprintf(out, "No sample was kept.\n");
    if (!query_done(rows, result, why))
        return false;
    rows = ask(db,
               "SELECT DISTINCT r.run_id, r.command, r.sources FROM v_runs r JOIN v_incidents i ON i.run_id = r.run_id WHERE i.incident_id = ?5", e, why);
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        fprintf(out, "\nRun %d: `dbhound %s` of ", sqlite3_column_int(rows, 0), query_text(rows, 1));
        report_code(out, query_text(rows, 2));
        fputs(".\n", out);
    }
    return query_done(rows, result, why);
}
