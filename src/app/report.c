/* The postmortem: loading an episode, the summary, the cause. See report.h. */
#include "app/report.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "app/incident.h"

/* Deaths of one server less than this apart are one outage: people restart, and it dies again. */
static const int64_t EPISODE_GAP_NS = INT64_C(15) * 60 * 1000000000;
enum { SURE = 60 };

void report_time(char *out, size_t size, int64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm local;
    char date[32];
    localtime_r(&seconds, &local);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(out, size, "%s.%03d", date, (int)(time_ns / 1000000 % 1000));
}

void report_span(char *out, size_t size, int64_t ns)
{
    int64_t seconds = ns / 1000000000;
    if (seconds < 60)
        snprintf(out, size, "%.1f s", (double)ns / 1e9);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    else
        snprintf(out, size, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds / 60 % 60);
}

void report_code(FILE *out, const char *text)
{
    fputc('`', out);
    for (; *text; text++)
        fputc(*text == '`' ? '\'' : *text == '|' ? '/' : *text, out);
    fputc('`', out);
}

const struct report_incident *episode_first(const struct episode *e)
{
    return &e->incidents[0];
}

const struct report_incident *episode_last(const struct episode *e)
{
    return &e->incidents[e->used - 1];
}

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text);
}

static void read_incident(sqlite3_stmt *row, struct report_incident *i)
{
    int64_t *const numbers[] = {&i->id, &i->began_ns, &i->ended_ns, &i->clients, &i->affected, &i->connections_lost, &i->requests_lost,
                                &i->refused, &i->without_ns, &i->confidence, &i->moved, &i->packet, &i->users, &i->users_affected, &i->suspect_alert};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    for (int k = 0; k < NUMBERS; k++)
        *numbers[k] = sqlite3_column_int64(row, k);
    copy(i->verdict, sizeof i->verdict, query_text(row, NUMBERS));
    copy(i->kind, sizeof i->kind, query_text(row, NUMBERS + 1));
    copy(i->shape, sizeof i->shape, query_text(row, NUMBERS + 2));
    copy(i->summary, sizeof i->summary, query_text(row, NUMBERS + 3));
    *i->backup = 0;
    if (*query_text(row, NUMBERS + 4)) {
        struct text backup = text_in(i->backup, sizeof i->backup);
        rows_end(&backup, query_text(row, NUMBERS + 4), sqlite3_column_int(row, NUMBERS + 5));
    }
}

static bool find_server(struct sqlite3 *db, int64_t id, struct episode *e, struct error *why)
{
    sqlite3_stmt *row = query_number(db,
                                     "SELECT i.server_ip, i.server_port, i.proto, ifnull(s.version, ''), r.command = 'drill' FROM v_incidents i"
                                     " JOIN v_runs r USING (run_id) LEFT JOIN v_servers s"
                                     " ON s.server_ip = i.server_ip AND s.server_port = i.server_port WHERE incident_id = ?1",
                                     id, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW) {
        copy(e->server_ip, sizeof e->server_ip, query_text(row, 0));
        e->port = sqlite3_column_int64(row, 1);
        copy(e->proto, sizeof e->proto, query_text(row, 2));
        copy(e->version, sizeof e->version, query_text(row, 3));
        e->drill = sqlite3_column_int(row, 4) != 0;
        struct text server = text_in(e->server, sizeof e->server);
        rows_end(&server, e->server_ip, (int)e->port);
    }
    if (!query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why))
        return false;
    return result == SQLITE_ROW || error_set(why, EXIT_NO_INPUT, "there is no incident %" PRId64 " (see 'dbhound incidents')", id);
}

static int64_t over(const struct report_incident *i)
{
    return i->ended_ns ? i->ended_ns : i->began_ns;
}

/* Keeps those that hang together with the chosen one; all are in order of their beginning. */
static void take_incident(struct episode *e, const struct report_incident *next, int64_t chosen, bool *complete)
{
    bool follows = e->used && next->began_ns - over(episode_last(e)) < EPISODE_GAP_NS;
    bool have = false;
    for (unsigned i = 0; i < e->used; i++)
        have |= e->incidents[i].id == chosen;
    if (!follows && have)
        *complete = true;
    if (*complete)
        return;
    if (!follows)
        e->used = 0;
    if (e->used == EPISODE_MAX) { /* the first and the newest tell the story */
        memmove(&e->incidents[1], &e->incidents[2], (EPISODE_MAX - 2) * sizeof e->incidents[0]);
        e->used--;
    }
    if (next->id == chosen)
        e->chosen = e->used;
    e->incidents[e->used++] = *next;
}

bool episode_load(struct sqlite3 *db, int64_t id, struct episode *e, struct error *why)
{
    memset(e, 0, sizeof *e);
    if (!find_server(db, id, e, why))
        return false;
    sqlite3_stmt *rows = query_number(db,
                                      "SELECT i.incident_id, i.began_ns, i.ended_ns, i.clients, i.clients_affected, i.connections_lost, i.requests_lost,"
                                      " i.refused, i.without_ns, i.confidence, i.clients_moved, i.packet_number, i.users, i.users_affected, i.suspect_alert_id, i.verdict, i.kind,"
                                      " ifnull(i.suspect_shape, ''), i.summary, i.backup_ip, i.backup_port FROM v_incidents i, v_incidents c"
                                      " WHERE c.incident_id = ?1 AND i.server_ip = c.server_ip AND i.server_port = c.server_port"
                                      " ORDER BY i.began_ns, i.incident_id",
                                      id, why);
    int result;
    bool complete = false;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        struct report_incident next;
        read_incident(rows, &next);
        take_incident(e, &next, id, &complete);
    }
    return query_done(rows, result, why);
}

/* ---- summary */

static const char *verdict_words(const char *verdict)
{
    static const char *const words[][2] = {
        {"server-crash", "the server died"},
        {"server-hang", "the server stopped answering"},
        {"orderly-shutdown", "the server was stopped in order"},
        {"network", "the network between clients and server failed"},
        {"workload", "the server was overwhelmed by its work"},
        {"limit-reached", "the server had no room for more connections"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i][0], verdict) == 0)
            return words[i][1];
    return "something happened that the traffic does not explain";
}

static bool summary(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    const struct report_incident *first = episode_first(e), *last = episode_last(e), *chosen = &e->incidents[e->chosen];
    int64_t affected = 0, clients = 0, lost = 0, refused = 0, down = 0;
    char began[40], ended[40] = "to fill in: it was not seen to end", span[32] = "to fill in", downs[32];
    for (unsigned i = 0; i < e->used; i++) {
        const struct report_incident *k = &e->incidents[i];
        affected = k->affected > affected ? k->affected : affected;
        clients = k->clients > clients ? k->clients : clients;
        lost += k->requests_lost;
        refused += k->refused;
        down += over(k) - k->began_ns;
    }
    report_time(began, sizeof began, first->began_ns);
    if (last->ended_ns) {
        report_time(ended, sizeof ended, last->ended_ns);
        report_span(span, sizeof span, last->ended_ns - first->began_ns);
    }
    report_span(downs, sizeof downs, down);
    fprintf(out, "## Summary\n\n| | |\n|---|---|\n| Server | %s (%s", e->server, e->proto);
    if (*e->version) {
        fputs(", ", out);
        report_code(out, e->version);
    }
    fprintf(out, ") |\n| Began | %s |\n| Ended | %s |\n| Duration | %s |\n", began, ended, span);
    if (e->used > 1)
        fprintf(out, "| Outages | %u in this time, together %s without service |\n", e->used, downs);
    fprintf(out, "| What happened | %s (%" PRId64 " %% sure) |\n", verdict_words(chosen->verdict), chosen->confidence);
    fprintf(out, "| Clients affected | %" PRId64 " of %" PRId64, affected, clients);
    if (clients)
        fprintf(out, " (%" PRId64 " %%)", (affected * 100 + clients / 2) / clients);
    fprintf(out, " |\n| Requests never answered | %" PRId64 " |\n| Connections refused meanwhile | %" PRId64 " |\n", lost, refused);
    return report_impact(db, e, out, why);
}

/* ---- cause */

static bool evidence_lines(struct sqlite3 *db, int64_t id, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = query_number(db,
                                      "SELECT j.value ->> 'about', j.value ->> 'weighs', j.value ->> 'text' FROM v_incidents i, json_each(i.evidence) j"
                                      " WHERE i.incident_id = ?1",
                                      id, why);
    int result;
    if (!rows)
        return false;
    fprintf(out, "What speaks for and against:\n\n");
    while ((result = sqlite3_step(rows)) == SQLITE_ROW)
        fprintf(out, "- %s **%s**: %s\n", strcmp(query_text(rows, 1), "for") == 0 ? "for" : "against", query_text(rows, 0), query_text(rows, 2));
    fputc('\n', out);
    return query_done(rows, result, why);
}

/* How many of the episode's incidents have the same shape as their first suspect. */
static unsigned same_shape(const struct episode *e)
{
    unsigned same = 0;
    for (unsigned i = 0; i < e->used; i++)
        same += *e->incidents[e->chosen].shape && strcmp(e->incidents[i].shape, e->incidents[e->chosen].shape) == 0;
    return same;
}

static bool suspect_lines(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    sqlite3_stmt *rows = query_number(db,
                                      "SELECT s.rank, s.client_ip, s.client_port, s.time_ns, ifnull(s.message_type, 'a message'), s.length, s.shape, s.score,"
                                      " s.packet_number, a.msg, a.field, a.got, a.expected, a.message_offset, a.alert_id, ifnull(s.user_name, ''),"
                                      " (SELECT group_concat(j.value, '; ') FROM json_each(s.reasons) j)"
                                      " FROM v_suspects s LEFT JOIN v_alerts a ON a.alert_id = s.alert_id WHERE s.incident_id = ?1 AND s.rank = 1",
                                      e->incidents[e->chosen].id, why);
    if (!rows)
        return false;
    int result = sqlite3_step(rows);
    if (result == SQLITE_ROW) {
        char when[40];
        bool sure = sqlite3_column_int(rows, 7) >= SURE;
        TEXT_ON_STACK(client, 80);
        rows_end(&client, query_text(rows, 1), sqlite3_column_int(rows, 2));
        report_time(when, sizeof when, sqlite3_column_int64(rows, 3));
        fprintf(out, "%s: %s of %d bytes from **%s**", sure ? "The prime suspect" : "No message stands out. The likeliest",
                query_text(rows, 4), sqlite3_column_int(rows, 5), client.chars);
        if (*query_text(rows, 15)) {
            fputs(", user ", out);
            report_code(out, query_text(rows, 15));
        }
        fprintf(out, ", at %s (packet %" PRId64 ", shape `%s`, %d of 100 points).\n", when, (int64_t)sqlite3_column_int64(rows, 8),
                query_text(rows, 6), sqlite3_column_int(rows, 7));
        if (sqlite3_column_type(rows, 14) != SQLITE_NULL) {
            fprintf(out, "%s. Field `%s` at offset %d: read ", query_text(rows, 9), query_text(rows, 10), sqlite3_column_int(rows, 13));
            report_code(out, query_text(rows, 11));
            fputs(", expected ", out);
            report_code(out, query_text(rows, 12));
            fprintf(out, " (alert %d).\n", sqlite3_column_int(rows, 14));
        }
        fprintf(out, "Why it is suspected: %s.\n", query_text(rows, 16));
        if (same_shape(e) > 1)
            fprintf(out, "**The same shape came before %u of the %u outages: this message kills the server.**\n", same_shape(e), e->used);
        fputc('\n', out);
    }
    return query_done(rows, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

static bool cause(struct sqlite3 *db, const struct episode *e, FILE *out, struct error *why)
{
    const struct report_incident *chosen = &e->incidents[e->chosen];
    fprintf(out, "## Root cause\n\n%s.\n\n", chosen->summary);
    if (!suspect_lines(db, e, out, why) || !evidence_lines(db, chosen->id, out, why))
        return false;
    fprintf(out, "The defect in the server, and who sent the message and why: to fill in.\n\n");
    return true;
}

static void resolution(const struct episode *e, FILE *out)
{
    const struct report_incident *last = episode_last(e), *chosen = &e->incidents[e->chosen];
    char ended[40], span[32];
    fprintf(out, "## Resolution\n\n");
    if (e->used > 1)
        fprintf(out, "The server answered again %u times and went down again; what came before each is in the timeline.\n",
                last->ended_ns ? e->used - 1 : e->used);
    if (last->ended_ns) {
        report_time(ended, sizeof ended, last->ended_ns);
        fprintf(out, "It has answered since %s.\n", ended);
    } else {
        fprintf(out, "It was not seen to answer again.\n");
    }
    if (*chosen->backup) {
        report_span(span, sizeof span, chosen->without_ns);
        fprintf(out, "%" PRId64 " clients went to %s, after %s without a server (median).\n", chosen->moved, chosen->backup, span);
    } else {
        fprintf(out, "No other server was seen to take over.\n");
    }
    fprintf(out, "What was done to bring it back: to fill in.\n\n");
}

bool report_write(struct sqlite3 *db, const struct episode *e, const char *store, FILE *out, struct error *why)
{
    char zone[16], began[40];
    time_t seconds = (time_t)(episode_first(e)->began_ns / 1000000000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(zone, sizeof zone, "%Z", &local);
    report_time(began, sizeof began, episode_first(e)->began_ns);
    fprintf(out, "# Incident: %s, %s %.16s\n\nDraft by dbhound, from what was seen on the wire. Times are %s. What it did not see is marked \"to fill in\".\n\n",
            e->server, verdict_words(e->incidents[e->chosen].verdict), began, zone);
    if (e->drill)
        fprintf(out, "**This is a drill: nobody was hurt.**\n\n");
    if (!summary(db, e, out, why) || !cause(db, e, out, why) || !report_timeline(db, e, out, why))
        return false;
    resolution(e, out);
    return report_measures(db, e, store, out, why) && report_evidence(db, e, store, out, why);
}
