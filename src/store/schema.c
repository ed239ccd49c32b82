/*
 * The schema as numbered migrations: the i-th takes a file from version i to i + 1, all in one transaction, so that a
 * kill leaves the old version whole. Tables are private and may change; the views are the contract (column names and
 * meaning stay, columns are added at the end). Times are integer nanoseconds since 1970.
 */
#include "store/schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Floor division, because packets may claim times before 1970. Written as text_add_time writes it. */
#define TIME_TEXT(column)                                                                                              \
    "strftime('%Y-%m-%dT%H:%M:%S', (" column " - (" column " % 1000000000 + 1000000000) % 1000000000) / 1000000000, "  \
    "'unixepoch') || printf('.%06d+0000', (" column " % 1000000000 + 1000000000) % 1000000000 / 1000)"

static const char first_tables[] =
    "CREATE TABLE runs("
    " run_id INTEGER PRIMARY KEY AUTOINCREMENT, began_ns INTEGER NOT NULL, ended_ns INTEGER, program TEXT NOT NULL,"
    " command TEXT NOT NULL, sources TEXT NOT NULL, rules_hash TEXT NOT NULL, result INTEGER) STRICT;"

    "CREATE TABLE run_counters("
    " run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, name)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE rule_stats("
    " run_id INTEGER NOT NULL REFERENCES runs, sid INTEGER NOT NULL, evaluated INTEGER, matched INTEGER,"
    " suppressed INTEGER, cost_ns INTEGER, PRIMARY KEY(run_id, sid)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE rules("
    " rule_id INTEGER PRIMARY KEY, gid INTEGER NOT NULL, sid INTEGER NOT NULL, rev INTEGER NOT NULL, msg TEXT NOT NULL,"
    " classtype TEXT NOT NULL, refs TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE INDEX rules_by_sid ON rules(sid, gid, rev);"

    "CREATE TABLE samples("
    " sample_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL REFERENCES runs, key INTEGER NOT NULL,"
    " packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, redacted INTEGER NOT NULL,"
    " pcapng BLOB NOT NULL, UNIQUE(run_id, key)) STRICT;"

    "CREATE TABLE alerts("
    " alert_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL REFERENCES runs,"
    " rule_id INTEGER NOT NULL REFERENCES rules, time_ns INTEGER NOT NULL, last_time_ns INTEGER NOT NULL,"
    " count INTEGER NOT NULL DEFAULT 1, class TEXT NOT NULL, severity INTEGER NOT NULL, confidence INTEGER NOT NULL,"
    " proto TEXT NOT NULL, anomaly TEXT, direction TEXT NOT NULL, client_ip TEXT NOT NULL, client_port INTEGER NOT NULL,"
    " server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, user_name TEXT, database_name TEXT, flow_id INTEGER NOT NULL,"
    " community_id TEXT NOT NULL, message_type TEXT, field TEXT, got TEXT, expected TEXT, stream_offset INTEGER NOT NULL,"
    " message_offset INTEGER NOT NULL, packet_number INTEGER NOT NULL, server_verdict TEXT,"
    " state TEXT NOT NULL DEFAULT 'new', sample_key INTEGER) STRICT;"
    "CREATE INDEX alerts_by_time ON alerts(time_ns);"
    "CREATE INDEX alerts_by_rule ON alerts(rule_id, time_ns);"
    "CREATE INDEX alerts_by_state ON alerts(state, time_ns);"
    "CREATE INDEX alerts_by_client ON alerts(client_ip, time_ns);"
    "CREATE INDEX alerts_by_server ON alerts(server_ip, server_port, time_ns);"
    "CREATE INDEX alerts_by_community ON alerts(community_id);"
    "CREATE INDEX alerts_by_run ON alerts(run_id, sample_key);"

    /* Apart from the alerts, so that a list does not page through what only `show` reads. */
    "CREATE TABLE evidence("
    " alert_id INTEGER PRIMARY KEY REFERENCES alerts ON DELETE CASCADE, why TEXT NOT NULL, head BLOB NOT NULL) STRICT;"

    "CREATE TABLE servers("
    " server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, version TEXT, version_source TEXT,"
    " tls INTEGER, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,"
    " PRIMARY KEY(server_ip, server_port, proto)) STRICT, WITHOUT ROWID;";

/* The joins on unique keys cost nothing in a query that names none of their columns. */
static const char first_views[] =
    "CREATE VIEW v_alerts AS SELECT a.alert_id, a.run_id, a.time_ns, " TIME_TEXT("a.time_ns") " AS time, a.last_time_ns,"
    " a.count, r.gid, r.sid, r.rev, r.msg, a.class, a.severity, a.confidence, a.proto, a.anomaly, a.direction,"
    " a.client_ip, a.client_port, a.server_ip, a.server_port, a.user_name, a.database_name, a.flow_id, a.community_id,"
    " a.message_type, a.field, a.got, a.expected, a.stream_offset, a.message_offset, a.packet_number, e.why,"
    " a.server_verdict, a.state, s.sample_id, CAST(NULL AS TEXT) AS client_country, CAST(NULL AS INTEGER) AS client_asn"
    " FROM alerts a LEFT JOIN rules r ON r.rule_id = a.rule_id LEFT JOIN evidence e ON e.alert_id = a.alert_id"
    " LEFT JOIN samples s ON s.run_id = a.run_id AND s.key = a.sample_key;"

    "CREATE VIEW v_samples AS SELECT sample_id, packets, bytes, pcapng, sha256, redacted FROM samples;"
    "CREATE VIEW v_servers AS SELECT server_ip, server_port, proto, version, version_source, tls, first_seen_ns,"
    " last_seen_ns, '[]' AS advisories FROM servers;"
    "CREATE VIEW v_runs AS SELECT run_id, began_ns, ended_ns, program, command, sources, rules_hash, result FROM runs;"
    "CREATE VIEW v_run_counters AS SELECT run_id, name, value FROM run_counters;"
    "CREATE VIEW v_rule_stats AS SELECT run_id, sid, evaluated, matched, suppressed, cost_ns FROM rule_stats;"

    /* Columns are promised before their tables are built: these have no rows yet. */
    "CREATE VIEW v_incidents AS SELECT NULL AS incident_id, NULL AS server_ip, NULL AS server_port, NULL AS proto,"
    " NULL AS kind, NULL AS began_ns, NULL AS ended_ns, NULL AS clients, NULL AS clients_affected, NULL AS verdict,"
    " NULL AS confidence, NULL AS suspect_alert_id, NULL AS backup_ip, NULL AS backup_port, NULL AS summary WHERE 0;"
    "CREATE VIEW v_suspects AS SELECT NULL AS incident_id, NULL AS rank, NULL AS client_ip, NULL AS client_port,"
    " NULL AS time_ns, NULL AS message_type, NULL AS shape, NULL AS score, NULL AS reasons, NULL AS alert_id,"
    " NULL AS sample_id WHERE 0;"
    "CREATE VIEW v_health AS SELECT NULL AS server_ip, NULL AS server_port, NULL AS minute_ns, NULL AS requests,"
    " NULL AS replies, NULL AS errors, NULL AS unanswered, NULL AS p50_us, NULL AS p95_us, NULL AS p99_us,"
    " NULL AS retransmissions, NULL AS resets, NULL AS refused WHERE 0;";

/* Where clients are; what servers are used to. */
static const char context_tables[] =
    "ALTER TABLE alerts ADD COLUMN client_country TEXT;"
    "ALTER TABLE alerts ADD COLUMN client_asn INTEGER;"
    "CREATE TABLE baselines("
    " server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, state BLOB NOT NULL, updated_ns INTEGER NOT NULL,"
    " PRIMARY KEY(server_ip, server_port, proto)) STRICT;";

static const char context_views[] =
    "DROP VIEW v_alerts;"
    "CREATE VIEW v_alerts AS SELECT a.alert_id, a.run_id, a.time_ns, " TIME_TEXT("a.time_ns") " AS time, a.last_time_ns,"
    " a.count, r.gid, r.sid, r.rev, r.msg, a.class, a.severity, a.confidence, a.proto, a.anomaly, a.direction,"
    " a.client_ip, a.client_port, a.server_ip, a.server_port, a.user_name, a.database_name, a.flow_id, a.community_id,"
    " a.message_type, a.field, a.got, a.expected, a.stream_offset, a.message_offset, a.packet_number, e.why,"
    " a.server_verdict, a.state, s.sample_id, a.client_country, a.client_asn"
    " FROM alerts a LEFT JOIN rules r ON r.rule_id = a.rule_id LEFT JOIN evidence e ON e.alert_id = a.alert_id"
    " LEFT JOIN samples s ON s.run_id = a.run_id AND s.key = a.sample_key;";

static const char advisory_views[] =
    "DROP VIEW v_servers;"
    "CREATE VIEW v_servers AS SELECT server_ip, server_port, proto, version, version_source, tls, first_seen_ns, last_seen_ns, advisories"
    " FROM servers;";

/* Incidents and vital signs. */
static const char health_tables[] =
    "CREATE TABLE incidents("
    " incident_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL REFERENCES runs, number INTEGER NOT NULL,"
    " server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, kind TEXT NOT NULL, began_ns INTEGER NOT NULL,"
    " ended_ns INTEGER, clients INTEGER NOT NULL, clients_affected INTEGER NOT NULL, verdict TEXT NOT NULL,"
    " confidence INTEGER NOT NULL, backup_ip TEXT, backup_port INTEGER, summary TEXT NOT NULL, connections INTEGER NOT NULL,"
    " connections_lost INTEGER NOT NULL, requests_lost INTEGER NOT NULL, refused INTEGER NOT NULL, last_reply_ns INTEGER,"
    " evidence TEXT NOT NULL, packet_number INTEGER NOT NULL, without_ns INTEGER, clients_moved INTEGER, suspect_followed INTEGER,"
    " UNIQUE(run_id, number)) STRICT;"
    "CREATE INDEX incidents_by_server ON incidents(server_ip, server_port, began_ns);"
    "CREATE INDEX incidents_by_time ON incidents(began_ns);"

    "CREATE TABLE suspects("
    " run_id INTEGER NOT NULL, number INTEGER NOT NULL, rank INTEGER NOT NULL, client_ip TEXT NOT NULL, client_port INTEGER NOT NULL,"
    " time_ns INTEGER NOT NULL, message_type TEXT, shape TEXT NOT NULL, score INTEGER NOT NULL, reasons TEXT NOT NULL, alert_id INTEGER,"
    " user_name TEXT, length INTEGER NOT NULL, packet_number INTEGER NOT NULL, flow_id INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, number, rank)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX suspects_by_shape ON suspects(shape);"

    "CREATE TABLE words("
    " run_id INTEGER NOT NULL, number INTEGER NOT NULL, client_ip TEXT NOT NULL, client_port INTEGER NOT NULL, user_name TEXT,"
    " back INTEGER NOT NULL, time_ns INTEGER NOT NULL, message_type TEXT, shape TEXT NOT NULL, length INTEGER NOT NULL,"
    " packet_number INTEGER NOT NULL, answered INTEGER NOT NULL, ending TEXT NOT NULL, ended_ns INTEGER NOT NULL, alert_id INTEGER) STRICT;"
    "CREATE INDEX words_by_incident ON words(run_id, number);"

    "CREATE TABLE vitals("
    " run_id INTEGER NOT NULL REFERENCES runs, server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, "
    "minute_ns INTEGER NOT NULL, requests INTEGER NOT NULL, replies INTEGER NOT NULL, errors INTEGER NOT NULL, "
    "unanswered INTEGER NOT NULL, p50_us INTEGER NOT NULL, p95_us INTEGER NOT NULL, p99_us INTEGER NOT NULL, "
    "retransmissions INTEGER NOT NULL, resets INTEGER NOT NULL, refused INTEGER NOT NULL, errors_limit INTEGER "
    "NOT NULL, errors_stopping INTEGER NOT NULL, errors_starting INTEGER NOT NULL, errors_verdict INTEGER NOT "
    "NULL, logins INTEGER NOT NULL, logins_failed INTEGER NOT NULL, connections_opened INTEGER NOT NULL, syns "
    "INTEGER NOT NULL, accepted INTEGER NOT NULL, checks INTEGER NOT NULL, clients INTEGER NOT NULL, "
    "connections_most INTEGER NOT NULL, waiting_most INTEGER NOT NULL, resets_by_server INTEGER NOT NULL, "
    "retransmissions_by_server INTEGER NOT NULL, zero_windows_by_client INTEGER NOT NULL, zero_windows_by_server "
    "INTEGER NOT NULL, bytes_to_server INTEGER NOT NULL, bytes_to_client INTEGER NOT NULL, slowest_us INTEGER NOT "
    "NULL,"
    " PRIMARY KEY(server_ip, server_port, minute_ns, run_id)) STRICT, WITHOUT ROWID;";

static const char health_views[] =
    "DROP VIEW v_incidents; DROP VIEW v_suspects; DROP VIEW v_health;"
    "CREATE VIEW v_incidents AS SELECT i.incident_id, i.server_ip, i.server_port, i.proto, i.kind, i.began_ns, i.ended_ns, i.clients,"
    " i.clients_affected, i.verdict, i.confidence, s.alert_id AS suspect_alert_id, i.backup_ip, i.backup_port, i.summary, i.run_id,"
    " " TIME_TEXT("i.began_ns") " AS began, i.connections, i.connections_lost, i.requests_lost, i.refused, i.last_reply_ns,"
    " i.evidence, i.packet_number, i.without_ns, i.clients_moved, i.suspect_followed, s.shape AS suspect_shape"
    " FROM incidents i LEFT JOIN suspects s ON s.run_id = i.run_id AND s.number = i.number AND s.rank = 1;"

    "CREATE VIEW v_suspects AS SELECT i.incident_id, s.rank, s.client_ip, s.client_port, s.time_ns, s.message_type, s.shape, s.score,"
    " s.reasons, s.alert_id, p.sample_id, s.user_name, s.length, s.packet_number, s.flow_id"
    " FROM suspects s JOIN incidents i ON i.run_id = s.run_id AND i.number = s.number"
    " LEFT JOIN alerts a ON a.alert_id = s.alert_id LEFT JOIN samples p ON p.run_id = a.run_id AND p.key = a.sample_key;"

    "CREATE VIEW v_last_words AS SELECT i.incident_id, w.client_ip, w.client_port, w.user_name, w.back, w.time_ns, w.message_type,"
    " w.shape, w.length, w.packet_number, w.answered, w.ending, w.ended_ns, w.alert_id"
    " FROM words w JOIN incidents i ON i.run_id = w.run_id AND i.number = w.number;"

    "CREATE VIEW v_health AS SELECT server_ip, server_port, minute_ns, requests, replies, errors, unanswered, p50_us, p95_us, p99_us, retransmissions, resets, refused, run_id, proto,"
    " errors_limit, errors_stopping, errors_starting, errors_verdict, logins, logins_failed, connections_opened, syns, accepted, checks,"
    " clients, connections_most, waiting_most, resets_by_server, retransmissions_by_server, zero_windows_by_client, zero_windows_by_server, bytes_to_server, bytes_to_client, slowest_us FROM vitals;";

/* Memos of messages. `says` has the bits of enum fact_kind of the program that wrote it. */
static const char memo_tables[] =
    "CREATE TABLE facts("
    " fact_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL REFERENCES runs, time_ns INTEGER NOT NULL, flow_id INTEGER NOT NULL,"
    " client_ip TEXT NOT NULL, client_port INTEGER NOT NULL, server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL,"
    " direction TEXT NOT NULL, message_type TEXT, length INTEGER NOT NULL, stream_offset INTEGER NOT NULL, packet_number INTEGER NOT NULL,"
    " shape INTEGER NOT NULL, near_alert INTEGER NOT NULL, confidence INTEGER NOT NULL, phase TEXT, compression TEXT, tls INTEGER NOT NULL,"
    " midstream INTEGER NOT NULL, user_name TEXT, database_name TEXT, client_country TEXT, client_asn INTEGER, says INTEGER NOT NULL,"
    " error_code INTEGER NOT NULL, rows INTEGER NOT NULL, anomalies TEXT NOT NULL, fields TEXT NOT NULL, fields_cut INTEGER NOT NULL,"
    " head BLOB NOT NULL, bytes INTEGER NOT NULL) STRICT;"
    "CREATE INDEX facts_by_server ON facts(server_ip, server_port, proto, bytes);"
    "CREATE INDEX facts_by_time ON facts(time_ns);";

static const char memo_views[] =
    "CREATE VIEW v_facts AS SELECT fact_id, run_id, time_ns, " TIME_TEXT("time_ns") " AS time, flow_id, client_ip, client_port, server_ip,"
    " server_port, proto, direction, message_type, length, stream_offset, packet_number, near_alert, phase, tls, compression, midstream,"
    " user_name, database_name, error_code, rows, anomalies, fields, fields_cut, head, client_country, client_asn, says, bytes FROM facts;";

static const char split_tables[] =
    "ALTER TABLE incidents ADD COLUMN users INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incidents ADD COLUMN users_affected INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incidents ADD COLUMN requests_before INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN users INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN split INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN request_p50_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN request_p95_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN request_p99_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN server_p50_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN server_p95_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN server_p99_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN reply_p50_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN reply_p95_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN reply_p99_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vitals ADD COLUMN kinds TEXT NOT NULL DEFAULT '{}';"

    "CREATE TABLE vitals_now("
    " run_id INTEGER NOT NULL REFERENCES runs, server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, time_ns INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, replies INTEGER NOT NULL, errors INTEGER NOT NULL, waiting INTEGER NOT NULL, connections INTEGER NOT NULL,"
    " slowest_us INTEGER NOT NULL, logins_failed INTEGER NOT NULL, retransmissions INTEGER NOT NULL, resets INTEGER NOT NULL,"
    " zero_windows INTEGER NOT NULL, checks INTEGER NOT NULL, bytes_to_server INTEGER NOT NULL, bytes_to_client INTEGER NOT NULL, refused INTEGER NOT NULL,"
    " p50_us INTEGER NOT NULL, p95_us INTEGER NOT NULL, p99_us INTEGER NOT NULL, clients INTEGER NOT NULL, users INTEGER NOT NULL,"
    " request_p50_us INTEGER NOT NULL, request_p95_us INTEGER NOT NULL, request_p99_us INTEGER NOT NULL, server_p50_us INTEGER NOT NULL,"
    " server_p95_us INTEGER NOT NULL, server_p99_us INTEGER NOT NULL, reply_p50_us INTEGER NOT NULL, reply_p95_us INTEGER NOT NULL,"
    " reply_p99_us INTEGER NOT NULL, kinds TEXT NOT NULL,"
    " PRIMARY KEY(server_ip, server_port)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE visitors("
    " run_id INTEGER NOT NULL REFERENCES runs, server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL, kind TEXT NOT NULL,"
    " name TEXT NOT NULL, connections INTEGER NOT NULL, refused INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,"
    " PRIMARY KEY(server_ip, server_port, kind, name, run_id)) STRICT, WITHOUT ROWID;";

#define TIMES_COLUMNS                                                                                                                    \
    " request_p50_us, request_p95_us, request_p99_us, server_p50_us, server_p95_us, server_p99_us, reply_p50_us, reply_p95_us,"          \
    " reply_p99_us, kinds"

static const char split_views[] =
    "DROP VIEW v_incidents; DROP VIEW v_health;"
    "CREATE VIEW v_incidents AS SELECT i.incident_id, i.server_ip, i.server_port, i.proto, i.kind, i.began_ns, i.ended_ns, i.clients,"
    " i.clients_affected, i.verdict, i.confidence, s.alert_id AS suspect_alert_id, i.backup_ip, i.backup_port, i.summary, i.run_id,"
    " " TIME_TEXT("i.began_ns") " AS began, i.connections, i.connections_lost, i.requests_lost, i.refused, i.last_reply_ns,"
    " i.evidence, i.packet_number, i.without_ns, i.clients_moved, i.suspect_followed, s.shape AS suspect_shape, i.users, i.users_affected,"
    " i.requests_before"
    " FROM incidents i LEFT JOIN suspects s ON s.run_id = i.run_id AND s.number = i.number AND s.rank = 1;"

    "CREATE VIEW v_health AS SELECT server_ip, server_port, minute_ns, requests, replies, errors, unanswered, p50_us, p95_us, p99_us, retransmissions, resets, refused, run_id, proto,"
    " errors_limit, errors_stopping, errors_starting, errors_verdict, logins, logins_failed, connections_opened, syns, accepted, checks,"
    " clients, connections_most, waiting_most, resets_by_server, retransmissions_by_server, zero_windows_by_client, zero_windows_by_server,"
    " bytes_to_server, bytes_to_client, slowest_us, users, split," TIMES_COLUMNS " FROM vitals;"

    "CREATE VIEW v_health_now AS SELECT server_ip, server_port, proto, time_ns, " TIME_TEXT("time_ns") " AS time, run_id, requests, replies, errors, waiting,"
    " connections, slowest_us, logins_failed, retransmissions, resets, zero_windows, checks, bytes_to_server, bytes_to_client, refused, p50_us,"
    " p95_us, p99_us, clients, users," TIMES_COLUMNS " FROM vitals_now;"

    "CREATE VIEW v_visitors AS SELECT server_ip, server_port, proto, kind, name, sum(connections) AS connections, sum(refused) AS refused,"
    " min(first_ns) AS first_seen_ns, max(last_ns) AS last_seen_ns FROM visitors GROUP BY server_ip, server_port, kind, name;";

/* How much of each server's connections could be read, by run. Seconds are of connections: two at once count twice. */
static const char sight_tables[] =
    "CREATE TABLE sight("
    " run_id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, server_ip TEXT NOT NULL, server_port INTEGER NOT NULL, proto TEXT NOT NULL,"
    " connections INTEGER NOT NULL, decoded_bytes INTEGER NOT NULL, encrypted_bytes INTEGER NOT NULL, unsupported_bytes INTEGER NOT NULL,"
    " blind_bytes INTEGER NOT NULL, lost_bytes INTEGER NOT NULL, blind_ns INTEGER NOT NULL,"
    " PRIMARY KEY(server_ip, server_port, proto, run_id)) STRICT, WITHOUT ROWID;"
    "DROP VIEW v_servers;";

static const char sight_views[] =
    "CREATE VIEW v_sight AS SELECT run_id, server_ip, server_port, proto, connections, decoded_bytes, encrypted_bytes, unsupported_bytes,"
    " blind_bytes, lost_bytes, blind_ns FROM sight;"
    "CREATE VIEW v_servers AS SELECT s.server_ip, s.server_port, s.proto, version, version_source, tls, first_seen_ns, last_seen_ns, advisories,"
    " sum(connections) AS connections, sum(decoded_bytes) AS decoded_bytes, sum(encrypted_bytes) AS encrypted_bytes,"
    " sum(unsupported_bytes) AS unsupported_bytes, sum(blind_bytes) AS blind_bytes, sum(lost_bytes) AS lost_bytes, sum(blind_ns) AS blind_ns"
    " FROM servers s LEFT JOIN sight g ON g.server_ip = s.server_ip AND g.server_port = s.server_port AND g.proto = s.proto"
    " GROUP BY s.server_ip, s.server_port, s.proto;";

static const struct {
    const char *tables, *views;
} migrations[] = {
    {first_tables, first_views},
    {context_tables, context_views},
    {health_tables, health_views},
    {"ALTER TABLE servers ADD COLUMN advisories TEXT NOT NULL DEFAULT '[]';", advisory_views},
    {memo_tables, memo_views},
    {split_tables, split_views},
    {sight_tables, sight_views},
};

_Static_assert(sizeof migrations / sizeof migrations[0] == STORE_SCHEMA_VERSION, "one migration for each version");

bool schema_error(struct sqlite3 *db, struct error *why, const char *what)
{
    enum exit_code code = EXIT_INTERNAL;
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
        code = EXIT_DATA;
        break;
    case SQLITE_CANTOPEN:
        code = EXIT_CANNOT_CREATE;
        break;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        code = EXIT_IO;
        break;
    default:
        break;
    }
    /* The words may quote names from a damaged file. */
    TEXT_ON_STACK(words, 384);
    text_add_escaped(&words, view_text(sqlite3_errmsg(db)));
    return error_set(why, code, "%s: %s", what, words.chars);
}

static bool run_text(struct sqlite3 *db, const char *sql, struct error *why, const char *what)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || schema_error(db, why, what);
}

bool schema_settle(struct sqlite3 *db, struct error *why)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return run_text(db, "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON;",
                    why, "settings");
}

static bool read_number(struct sqlite3 *db, const char *sql, int *number, struct error *why)
{
    sqlite3_stmt *statement = NULL;
    bool read = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    if (read)
        *number = sqlite3_column_int(statement, 0);
    else
        schema_error(db, why, "cannot be read");
    sqlite3_finalize(statement);
    return read;
}

bool schema_check(struct sqlite3 *db, const char *path, int *version, struct error *why)
{
    int application = 0, objects = 0;
    if (!read_number(db, "PRAGMA application_id", &application, why) ||
        !read_number(db, "PRAGMA user_version", version, why) ||
        !read_number(db, "SELECT count(*) FROM sqlite_schema", &objects, why)) {
        if (why->code == EXIT_DATA)
            return error_set(why, EXIT_DATA, "%s is not a database, or it is damaged", path);
        return error_add(why, "%s", path);
    }
    if (application == 0 && *version == 0 && objects == 0)
        return true;
    if (application != STORE_APPLICATION_ID)
        return error_set(why, EXIT_DATA, "%s is a database of another application, not a dbhound store", path);
    if (*version > STORE_SCHEMA_VERSION)
        return error_set(why, EXIT_DATA, "%s was written by a newer dbhound (schema %d; this program knows %d)", path,
                         *version, STORE_SCHEMA_VERSION);
    if (*version < 1)
        return error_set(why, EXIT_DATA, "%s says it is a dbhound store but has no schema version", path);
    return true;
}

bool schema_migrate(struct sqlite3 *db, int version, struct error *why)
{
    char mark[96];
    if (version == STORE_SCHEMA_VERSION)
        return true;
    if (!run_text(db, "BEGIN IMMEDIATE", why, "cannot lock the store"))
        return false;
    bool done = true;
    for (int i = version; done && i < STORE_SCHEMA_VERSION; i++)
        done = run_text(db, migrations[i].tables, why, "cannot make the tables") &&
               run_text(db, migrations[i].views, why, "cannot make the views");
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", STORE_APPLICATION_ID,
             STORE_SCHEMA_VERSION);
    done = done && run_text(db, mark, why, "cannot write the schema");
    if (!done)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return done;
}
