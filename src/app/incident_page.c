/* The page of `dbhound why`: verdict, evidence for and against, suspects, last words; or the vital signs when all was well. */
#include <inttypes.h>
#include <string.h>

#include "app/incident.h"
#include "base/text.h"

enum { LABEL = 10 };

static void heading(const struct screen *s, const char *words)
{
    fprintf(s->out, "\n%s%s%s\n", paint(s, PAINT_BOLD), words, paint(s, PAINT_NONE));
}

static void sentence(const struct screen *s, unsigned indent, const char *mark, const char *words)
{
    TEXT_ON_STACK(safe, 1024);
    text_add_safe(&safe, words);
    fprintf(s->out, "%*s%s", (int)indent, "", mark);
    print_wrapped(s->out, safe.chars, indent + (unsigned)strlen(mark), paragraph_width(s));
}

static void label(const struct screen *s, const char *name, const char *words)
{
    fprintf(s->out, "%s%-*s%s", paint(s, PAINT_DIM), LABEL, name, paint(s, PAINT_NONE));
    print_wrapped(s->out, words, LABEL, paragraph_width(s));
}

static const char *sureness(int confidence)
{
    return confidence >= 90 ? "very likely" : confidence >= 75 ? "likely" : confidence >= 60 ? "rather likely" : "not enough evidence to be sure";
}

enum columns { SERVER_IP, SERVER_PORT, PROTO, KIND, VERDICT, CONFIDENCE, BEGAN, ENDED, CLIENTS, AFFECTED, CONNECTIONS, LOST, UNANSWERED, REFUSED,
               LAST_REPLY, EVIDENCE, BACKUP_IP, BACKUP_PORT, WITHOUT, MOVED, FOLLOWED, SUMMARY, USERS, USERS_AFFECTED, BEFORE };

static void print_times(sqlite3_stmt *row, const struct screen *s)
{
    char began[32], other[32];
    TEXT_ON_STACK(words, 300);
    int64_t began_ns = sqlite3_column_int64(row, BEGAN), last_ns = sqlite3_column_int64(row, LAST_REPLY);
    incident_time(began, sizeof began, began_ns);
    text_add(&words, "%s UTC", began);
    if (last_ns && last_ns <= began_ns)
        text_add(&words, "; last answer %.1f ms before", (double)(began_ns - last_ns) / 1e6);
    label(s, "Began", words.chars);
    words = text_in(words.chars, words.size);
    if (sqlite3_column_type(row, ENDED) == SQLITE_NULL) {
        label(s, "Ended", "not yet when the capture ended");
        return;
    }
    incident_time(other, sizeof other, sqlite3_column_int64(row, ENDED));
    text_add(&words, "%s UTC, after %.1f s", other, (double)(sqlite3_column_int64(row, ENDED) - began_ns) / 1e9);
    label(s, "Ended", words.chars);
}

static void print_impact(sqlite3_stmt *row, const struct screen *s)
{
    TEXT_ON_STACK(words, 400);
    text_add(&words, "%d of %d clients; %d of %d connections ended; %d requests never answered", sqlite3_column_int(row, AFFECTED),
             sqlite3_column_int(row, CLIENTS), sqlite3_column_int(row, LOST), sqlite3_column_int(row, CONNECTIONS), sqlite3_column_int(row, UNANSWERED));
    if (sqlite3_column_int(row, REFUSED))
        text_add(&words, "; %d new connections refused", sqlite3_column_int(row, REFUSED));
    label(s, "Affected", words.chars);
    words = text_in(words.chars, words.size);
    if (sqlite3_column_int(row, USERS)) {
        text_add(&words, "%d of %d that logged in by a name that the protocol shows", sqlite3_column_int(row, USERS_AFFECTED), sqlite3_column_int(row, USERS));
        label(s, "Users", words.chars);
        words = text_in(words.chars, words.size);
    }
    double all = (double)sqlite3_column_int64(row, BEFORE);
    if (all > 0) {
        text_add(&words, "%.1f %% of the %.0f requests in its minute and the one before had no answer", 100.0 * (double)sqlite3_column_int64(row, UNANSWERED) / all, all);
        label(s, "Share", words.chars);
        words = text_in(words.chars, words.size);
    }
    if (sqlite3_column_type(row, BACKUP_IP) == SQLITE_NULL) {
        label(s, "Backup", "no other server was seen to take over");
        return;
    }
    rows_end(&words, query_text(row, BACKUP_IP), sqlite3_column_int(row, BACKUP_PORT));
    text_add(&words, " took over for %d clients, which were without a server for %.1f s", sqlite3_column_int(row, MOVED),
             (double)sqlite3_column_int64(row, WITHOUT) / 1e9);
    if (sqlite3_column_int(row, FOLLOWED))
        text_add(&words, ". THE SUSPECT'S MESSAGE FOLLOWED THEM THERE: the backup is in danger");
    label(s, "Backup", words.chars);
}

static void print_evidence(const char *json, const struct screen *s)
{
    static const struct {
        const char *about, *question;
    } parts[] = {{"server", "Was it the server?"}, {"stop", "Was it told to stop?"}, {"network", "Was it the network?"}, {"workload", "Was it the workload?"}};
    json_t *all = json_loads(json, 0, NULL), *one;
    size_t i;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        bool told = false;
        json_array_foreach(all, i, one) {
            const char *about = json_string_value(json_object_get(one, "about")), *weighs = json_string_value(json_object_get(one, "weighs"));
            if (!about || !weighs || strcmp(about, parts[p].about) != 0)
                continue;
            if (!told)
                heading(s, parts[p].question);
            told = true;
            sentence(s, 2, strcmp(weighs, "for") == 0 ? "+ " : "- ", json_string_value(json_object_get(one, "text")));
        }
    }
    json_decref(all);
}

static void print_suspect(sqlite3_stmt *row, int64_t began_ns, const char *store, bool silence, const struct screen *s)
{
    TEXT_ON_STACK(words, 300);
    const char *type = query_text(row, 5), *user = query_text(row, 9);
    double before_ms = (double)(began_ns - sqlite3_column_int64(row, 4)) / 1e6;
    text_add(&words, "%d. ", sqlite3_column_int(row, 0));
    rows_end(&words, query_text(row, 1), sqlite3_column_int(row, 2));
    if (*user)
        text_add(&words, " (%s)", user);
    text_add(&words, ": %s, %lld bytes, %.1f ms %s, packet %lld, shape %s, %d points", *type ? type : "a message",
             (long long)sqlite3_column_int64(row, 10), before_ms < 0 ? -before_ms : before_ms, before_ms >= 0 ? "before" : silence ? "after the last answer" : "after the first end",
             (long long)sqlite3_column_int64(row, 11), query_text(row, 6), sqlite3_column_int(row, 3));
    sentence(s, 2, "", words.chars);
    json_t *reasons = json_loads(query_text(row, 7), 0, NULL), *reason;
    size_t i;
    json_array_foreach(reasons, i, reason)
        sentence(s, 5, "- ", json_string_value(reason));
    json_decref(reasons);
    if (sqlite3_column_type(row, 8) == SQLITE_NULL)
        return;
    long long alert = (long long)sqlite3_column_int64(row, 8);
    fprintf(s->out, "     next: dbhound show %lld%s%s; dbhound sample %lld%s%s -w suspect.pcapng\n", alert, store ? " -d " : "", store ? store : "", alert,
            store ? " -d " : "", store ? store : "");
}

static bool print_suspects(struct sqlite3 *db, int64_t id, int64_t began_ns, const char *store, bool silence, const struct screen *s, struct error *why)
{
    sqlite3_stmt *rows = query_number(db, "SELECT rank, client_ip, client_port, score, time_ns, message_type, shape, reasons, alert_id, user_name, length,"
                                          " packet_number FROM v_suspects WHERE incident_id = ?1 ORDER BY rank", id, why);
    int result;
    bool told = false;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!told)
            heading(s, silence ? "Suspects: what was not answered since before it, worst first" : "Suspects: the last messages before it, worst first");
        told = true;
        print_suspect(rows, began_ns, store, silence, s);
    }
    return query_done(rows, result, why);
}

static bool print_words(struct sqlite3 *db, int64_t id, int64_t began_ns, const struct screen *s, struct error *why)
{
    static const char *const titles[] = {"CLIENT", "USER", ">SAID (ms)", "MESSAGE", ">BYTES", "ANSWERED", "END", "SHAPE", NULL};
    sqlite3_stmt *rows = query_number(db, "SELECT client_ip, client_port, user_name, time_ns, message_type, length, answered, ending, shape FROM v_last_words"
                                          " WHERE incident_id = ?1 AND back = 1 ORDER BY time_ns DESC, client_ip, client_port", id, why);
    struct listing t;
    int result;
    size_t used = 0;
    if (!rows)
        return false;
    listing_open(&t, titles);
    for (; (result = sqlite3_step(rows)) == SQLITE_ROW; used++) {
        char text[32];
        TEXT_ON_STACK(client, 80);
        rows_end(&client, query_text(rows, 0), sqlite3_column_int(rows, 1));
        listing_add(&t, client.chars, PAINT_NONE);
        listing_add(&t, query_text(rows, 2), PAINT_NONE);
        snprintf(text, sizeof text, "%.1f", (double)(sqlite3_column_int64(rows, 3) - began_ns) / 1e6);
        listing_add(&t, text, PAINT_NONE);
        listing_add(&t, query_text(rows, 4), PAINT_NONE);
        listing_add(&t, query_text(rows, 5), PAINT_NONE);
        listing_add(&t, sqlite3_column_int(rows, 6) ? "yes" : "no", sqlite3_column_int(rows, 6) ? PAINT_NONE : PAINT_HIGH);
        listing_add(&t, query_text(rows, 7), PAINT_NONE);
        listing_add(&t, query_text(rows, 8), PAINT_DIM);
    }
    if (used) {
        heading(s, "Last words of each client");
        listing_print(&t, s);
    } else {
        listing_free(&t);
    }
    return query_done(rows, result, why);
}

bool incident_print(struct sqlite3 *db, int64_t id, const char *store, const struct screen *s, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT server_ip, server_port, proto, kind, verdict, confidence, began_ns, ended_ns, clients, clients_affected,"
                                         " connections, connections_lost, requests_lost, refused, last_reply_ns, evidence, backup_ip, backup_port,"
                                         " without_ns, clients_moved, suspect_followed, summary, users, users_affected, requests_before FROM v_incidents WHERE incident_id = ?1", id, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result != SQLITE_ROW)
        return query_done(row, result, why);
    TEXT_ON_STACK(server, 80);
    int64_t began_ns = sqlite3_column_int64(row, BEGAN);
    const char *verdict = query_text(row, VERDICT);
    int confidence = sqlite3_column_int(row, CONFIDENCE);
    rows_end(&server, query_text(row, SERVER_IP), sqlite3_column_int(row, SERVER_PORT));
    fprintf(s->out, "%sIncident %" PRId64 ": %s (%s): %s%s%s, %s (%d %%)\n", paint(s, PAINT_BOLD), id, server.chars, query_text(row, PROTO),
            paint(s, incident_paint(verdict)), verdict, paint(s, PAINT_NONE), sureness(confidence), confidence);
    sentence(s, 0, "", query_text(row, SUMMARY));
    fputc('\n', s->out);
    print_times(row, s);
    print_impact(row, s);
    print_evidence(query_text(row, EVIDENCE), s);
    bool done = print_suspects(db, id, began_ns, store, strcmp(query_text(row, KIND), "silence") == 0, s, why) && print_words(db, id, began_ns, s, why);
    return query_done(row, SQLITE_DONE, why) && done;
}

/* ---- no incident */

static bool print_server(sqlite3_stmt *rows, const struct screen *s)
{
    TEXT_ON_STACK(server, 80);
    TEXT_ON_STACK(words, 400);
    rows_end(&server, query_text(rows, 0), sqlite3_column_int(rows, 1));
    heading(s, server.chars);
    text_add(&words, "%lld requests, %lld replies, %lld errors, %lld never answered", (long long)sqlite3_column_int64(rows, 3),
             (long long)sqlite3_column_int64(rows, 4), (long long)sqlite3_column_int64(rows, 5), (long long)sqlite3_column_int64(rows, 6));
    label(s, "Work", words.chars);
    words = text_in(words.chars, words.size);
    text_add(&words, "95 of 100 replies within %.1f ms in the best minute, %.1f ms in the worst; the slowest took %.1f ms",
             (double)sqlite3_column_int64(rows, 7) / 1e3, (double)sqlite3_column_int64(rows, 8) / 1e3, (double)sqlite3_column_int64(rows, 9) / 1e3);
    label(s, "Speed", words.chars);
    words = text_in(words.chars, words.size);
    text_add(&words, "%lld segments sent again, %lld resets by the server, %lld connections refused", (long long)sqlite3_column_int64(rows, 10),
             (long long)sqlite3_column_int64(rows, 11), (long long)sqlite3_column_int64(rows, 12));
    label(s, "Network", words.chars);
    return true;
}

bool incident_print_vitals(struct sqlite3 *db, const struct query *q, bool json, const struct screen *s, struct error *why)
{
    sqlite3_stmt *rows = query_prepare(db, q, "SELECT server_ip, server_port, proto, sum(requests) AS requests, sum(replies) AS replies, sum(errors) AS errors,"
                                              " sum(unanswered) AS unanswered, min(p95_us) AS p95_us_best, max(p95_us) AS p95_us_worst,"
                                              " max(slowest_us) AS slowest_us, sum(retransmissions) AS retransmissions,"
                                              " sum(resets_by_server) AS resets_by_server, sum(refused) AS refused, count(*) AS minutes FROM v_health",
                                       "GROUP BY server_ip, server_port, proto ORDER BY requests DESC", why);
    int result;
    uint64_t many = 0;
    if (!rows)
        return false;
    json_t *all = json_array();
    if (!json)
        fprintf(s->out, "No incident: no server died, hung, stopped, refused its clients or was cut off.\n");
    for (; (result = sqlite3_step(rows)) == SQLITE_ROW; many++) {
        if (json)
            json_array_append_new(all, query_row(rows));
        else
            print_server(rows, s);
    }
    if (!json && !many)
        fprintf(s->out, "No database server was seen at work, either.\n");
    json_t *object = json_pack("{s:n, s:o}", "incident_id", "health", all);
    if (json) {
        json_dumpf(object, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
    }
    json_decref(object);
    return query_done(rows, result, why);
}
