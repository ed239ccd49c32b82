/* The vital signs of servers, for people and as JSON: see server_page.h. */
#include "app/server_page.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "app/incident.h"
#include "app/rows.h"
#include "app/run.h"

enum { MINUTES_SHOWN = 20, VISITORS_SHOWN = 20 };

#define OF_SERVER "server_ip = ?2 AND server_port = ?3"

static sqlite3_stmt *of_server(struct sqlite3 *db, const char *sql, int64_t number, const char *ip, int64_t port, struct error *why)
{
    sqlite3_stmt *rows = query_number(db, sql, number, why);
    if (!rows)
        return NULL;
    sqlite3_bind_text(rows, 2, ip, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(rows, 3, port);
    return rows;
}

static void add_number(struct listing *t, sqlite3_stmt *rows, int column, enum paint paint)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, (int64_t)sqlite3_column_int64(rows, column));
    listing_add(t, text, sqlite3_column_int64(rows, column) ? paint : PAINT_NONE);
}

/* Three quantiles in milliseconds. */
static void add_times(struct listing *t, sqlite3_stmt *rows, int column)
{
    char text[64];
    snprintf(text, sizeof text, "%.1f/%.1f/%.1f", (double)sqlite3_column_int64(rows, column) / 1e3, (double)sqlite3_column_int64(rows, column + 1) / 1e3,
             (double)sqlite3_column_int64(rows, column + 2) / 1e3);
    listing_add(t, text, PAINT_NONE);
}

static void heading(const struct screen *s, const char *words)
{
    fprintf(s->out, "\n%s%s%s\n", paint(s, PAINT_BOLD), words, paint(s, PAINT_NONE));
}

/* ---- minutes */

static const char *const speed_titles[] = {"MINUTE (UTC)", ">REQUESTS", ">REPLIES", ">ERRORS", ">UNANSWERED", ">WHOLE", ">REQUEST", ">SERVER", ">REPLY", ">SLOWEST", NULL};
static const char speed_columns[] = "SELECT minute_ns, requests, replies, errors, unanswered, p50_us, p95_us, p99_us, request_p50_us, request_p95_us, request_p99_us,"
                                    " server_p50_us, server_p95_us, server_p99_us, reply_p50_us, reply_p95_us, reply_p99_us, slowest_us FROM v_health"
                                    " WHERE " OF_SERVER " ORDER BY minute_ns DESC LIMIT ?1";

static void add_speed(struct listing *t, sqlite3_stmt *rows)
{
    char text[32];
    incident_time(text, sizeof text, sqlite3_column_int64(rows, 0));
    text[sizeof "2026-11-24 12:26" - 1] = 0;
    listing_add(t, text, PAINT_NONE);
    for (int i = 1; i < 5; i++)
        add_number(t, rows, i, i > 2 ? PAINT_MEDIUM : PAINT_NONE);
    for (int i = 5; i < 17; i += 3)
        add_times(t, rows, i);
    snprintf(text, sizeof text, "%.1f", (double)sqlite3_column_int64(rows, 17) / 1e3);
    listing_add(t, text, PAINT_NONE);
}

static const char *const wire_titles[] = {"MINUTE (UTC)", ">OPEN", ">WAITING", ">NEW", ">CHECKS", ">REFUSED", ">LOGINS", ">FAILED", ">RESETS c/s", ">AGAIN c/s", ">ZERO WINDOWS c/s",
                                          ">BYTES c/s", NULL};
static const char wire_columns[] = "SELECT minute_ns, connections_most, waiting_most, connections_opened, checks, refused, logins, logins_failed,"
                                   " resets - resets_by_server, resets_by_server, retransmissions - retransmissions_by_server, retransmissions_by_server,"
                                   " zero_windows_by_client, zero_windows_by_server, bytes_to_server, bytes_to_client FROM v_health"
                                   " WHERE " OF_SERVER " ORDER BY minute_ns DESC LIMIT ?1";

static void add_wire(struct listing *t, sqlite3_stmt *rows)
{
    char text[64];
    incident_time(text, sizeof text, sqlite3_column_int64(rows, 0));
    text[sizeof "2026-11-24 12:26" - 1] = 0;
    listing_add(t, text, PAINT_NONE);
    for (int i = 1; i < 8; i++)
        add_number(t, rows, i, i == 5 || i == 7 ? PAINT_MEDIUM : PAINT_NONE);
    for (int i = 8; i < 16; i += 2) {
        snprintf(text, sizeof text, "%" PRId64 "/%" PRId64, (int64_t)sqlite3_column_int64(rows, i), (int64_t)sqlite3_column_int64(rows, i + 1));
        listing_add(t, text, PAINT_NONE);
    }
}

/* ---- what was asked, and who came */

static const char *const kind_titles[] = {"REQUEST", ">COUNT", NULL};
static const char kind_columns[] = "SELECT key, sum(value) AS many FROM v_health, json_each(kinds) WHERE " OF_SERVER " GROUP BY key ORDER BY many DESC, key LIMIT ?1";

static void add_kind(struct listing *t, sqlite3_stmt *rows)
{
    listing_add(t, query_text(rows, 0), PAINT_NONE);
    add_number(t, rows, 1, PAINT_NONE);
}

static const char *const visitor_titles[] = {"WHO", "NAME", ">LOGINS OR CHECKS", ">REFUSED", "FIRST SEEN (UTC)", "LAST SEEN", NULL};
static const char visitor_columns[] = "SELECT kind, name, connections, refused, first_seen_ns, last_seen_ns FROM v_visitors WHERE " OF_SERVER
                                      " ORDER BY kind DESC, connections DESC, name LIMIT ?1";

static void add_visitor(struct listing *t, sqlite3_stmt *rows)
{
    char text[32];
    listing_add(t, query_text(rows, 0), PAINT_NONE);
    listing_add(t, query_text(rows, 1), PAINT_NONE);
    add_number(t, rows, 2, PAINT_NONE);
    add_number(t, rows, 3, PAINT_MEDIUM);
    for (int i = 4; i < 6; i++) {
        incident_time(text, sizeof text, sqlite3_column_int64(rows, i));
        listing_add(t, text, PAINT_NONE);
    }
}

static const struct part {
    const char *heading, *sql, *const *titles;
    void (*add)(struct listing *t, sqlite3_stmt *rows);
    int64_t most;
} parts[] = {
    {"Speed: half of the replies, 95 and 99 of 100 within so many milliseconds, and the parts of that", speed_columns, speed_titles, add_speed, MINUTES_SHOWN},
    {"Connections; c/s: by clients and by the server", wire_columns, wire_titles, add_wire, MINUTES_SHOWN},
    {"What was asked", kind_columns, kind_titles, add_kind, VISITORS_SHOWN},
    {"Who came", visitor_columns, visitor_titles, add_visitor, VISITORS_SHOWN},
};

static bool print_server(struct sqlite3 *db, const char *ip, int64_t port, const struct screen *s, struct error *why)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const struct part *p = &parts[i];
        sqlite3_stmt *rows = of_server(db, p->sql, p->most, ip, port, why);
        struct listing t;
        int result;
        bool any = false;
        if (!rows)
            return false;
        for (; (result = sqlite3_step(rows)) == SQLITE_ROW; any = true) {
            if (!any)
                listing_open(&t, p->titles);
            p->add(&t, rows);
        }
        if (any) {
            heading(s, p->heading);
            listing_print(&t, s);
        }
        if (!query_done(rows, result, why))
            return false;
    }
    return true;
}

/* Some protocols never name a version: a server of these is known by its work alone. */
static const char all_servers[] =
    "SELECT * FROM (SELECT server_ip, server_port, proto, version, tls, version_source, first_seen_ns, last_seen_ns, advisories FROM v_servers"
    " UNION ALL SELECT server_ip, server_port, proto, NULL, NULL, NULL, min(minute_ns), max(minute_ns), '[]' FROM v_health"
    " WHERE (server_ip, server_port) NOT IN (SELECT server_ip, server_port FROM v_servers) GROUP BY server_ip, server_port, proto)";

bool server_page_print(struct sqlite3 *db, const struct query *q, const struct screen *s, uint64_t *many, struct error *why)
{
    sqlite3_stmt *rows = query_prepare(db, q, all_servers, "ORDER BY server_ip, server_port", why);
    int result;
    bool done = true;
    *many = 0;
    if (!rows)
        return false;
    for (; done && (result = sqlite3_step(rows)) == SQLITE_ROW; ++*many) {
        TEXT_ON_STACK(end, 80);
        rows_end(&end, query_text(rows, 0), sqlite3_column_int(rows, 1));
        TEXT_ON_STACK(version, 200);
        text_add_safe(&version, query_text(rows, 3));
        fprintf(s->out, "%s%s%s%s (%s)%s%s%s\n", *many ? "\n" : "", paint(s, PAINT_BOLD), end.chars, paint(s, PAINT_NONE), query_text(rows, 2),
                version.length ? " " : "", version.chars, sqlite3_column_int(rows, 4) ? ", with TLS" : "");
        done = print_server(db, query_text(rows, 0), sqlite3_column_int(rows, 1), s, why);
    }
    return query_done(rows, SQLITE_DONE, why) && done;
}

static json_t *array_of(struct sqlite3 *db, const char *sql, const char *ip, int64_t port, struct error *why)
{
    return query_rows(of_server(db, sql, 0, ip, port, why), why);
}

bool server_page_print_json(struct sqlite3 *db, const struct query *q, struct error *why)
{
    sqlite3_stmt *rows = query_prepare(db, q, all_servers, "ORDER BY server_ip, server_port", why);
    int result = SQLITE_DONE;
    bool done = true;
    if (!rows)
        return false;
    json_t *all = json_array();
    while (done && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        json_t *server = query_row(rows);
        const char *ip = json_string_value(json_object_get(server, "server_ip"));
        int64_t port = json_integer_value(json_object_get(server, "server_port"));
        json_t *minutes = array_of(db, "SELECT * FROM v_health WHERE ?1 = 0 AND " OF_SERVER " ORDER BY minute_ns", ip, port, why);
        json_t *visitors = minutes ? array_of(db, "SELECT * FROM v_visitors WHERE ?1 = 0 AND " OF_SERVER " ORDER BY kind, name", ip, port, why) : NULL;
        done = visitors != NULL;
        json_object_set_new(server, "minutes", minutes);
        json_object_set_new(server, "visitors", visitors);
        json_array_append_new(all, server);
    }
    json_dumpf(all, stdout, JSON_INDENT(1));
    fputc('\n', stdout);
    json_decref(all);
    return query_done(rows, SQLITE_DONE, why) && done;
}

/* ---- live */

static const char *const now_titles[] = {"SERVER", "PROTO", ">REQUESTS/s", ">REPLIES/s", ">ERRORS", ">WAITING", ">OPEN", ">p95 ms", ">SERVER ms", ">SLOWEST ms", ">AGAIN", "AT (UTC)", NULL};
static const char now_columns[] = "SELECT server_ip, server_port, proto, requests, replies, errors, waiting, connections, p95_us, server_p95_us, slowest_us,"
                                  " retransmissions, time_ns FROM v_health_now";

static void add_now(struct listing *t, sqlite3_stmt *rows)
{
    char text[64];
    TEXT_ON_STACK(end, 80);
    rows_end(&end, query_text(rows, 0), sqlite3_column_int(rows, 1));
    listing_add(t, end.chars, PAINT_BOLD);
    listing_add(t, query_text(rows, 2), PAINT_NONE);
    for (int i = 3; i < 8; i++)
        add_number(t, rows, i, i == 5 || i == 6 ? PAINT_MEDIUM : PAINT_NONE);
    for (int i = 8; i < 11; i++) {
        snprintf(text, sizeof text, "%.1f", (double)sqlite3_column_int64(rows, i) / 1e3);
        listing_add(t, text, PAINT_NONE);
    }
    add_number(t, rows, 11, PAINT_MEDIUM);
    incident_time(text, sizeof text, sqlite3_column_int64(rows, 12));
    listing_add(t, text + sizeof "2026-11-24", PAINT_DIM);
}

static bool print_now(struct sqlite3 *db, const struct query *q, const struct screen *s, bool json, struct error *why)
{
    uint64_t many;
    sqlite3_stmt *rows = query_prepare(db, q, json ? "SELECT * FROM v_health_now" : now_columns, "ORDER BY server_ip, server_port", why);
    if (!rows)
        return false;
    if (!json) {
        fputs(s->terminal ? "\033[H\033[2J" : "", s->out);
        bool printed = rows_print_table(rows, now_titles, add_now, s, &many, why);
        fputs(many ? s->terminal ? "" : "\n" : "nothing yet: 'dbhound watch' writes this store each second\n", s->out);
        return printed;
    }
    int result;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        json_t *row = query_row(rows);
        json_dumpf(row, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(row);
    }
    return query_done(rows, result, why);
}

bool server_page_live(struct sqlite3 *db, const struct query *q, const struct screen *s, bool json, uint64_t seconds, struct error *why)
{
    const struct timespec second = {.tv_sec = 1};
    run_catch_signals();
    for (uint64_t i = 0; !run_stopped && (!seconds || i < seconds); i++) {
        if (!print_now(db, q, s, json, why))
            return false;
        if (fflush(stdout) || ferror(stdout)) /* nobody reads any more */
            return true;
        if (!seconds || i + 1 < seconds)
            nanosleep(&second, NULL);
    }
    return true;
}
