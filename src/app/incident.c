/* What the listing and the page of incidents share, and the JSON object: see incident.h. */
#include "app/incident.h"

#include <string.h>

#include "base/text.h"

void incident_time(char *out, size_t size, int64_t time_ns)
{
    TEXT_ON_STACK(time, 48);
    text_add_time(&time, time_ns);
    snprintf(out, size, "%.10s %.12s", time.chars, time.length > 11 ? time.chars + 11 : "");
}

enum paint incident_paint(const char *verdict)
{
    if (strcmp(verdict, "server-crash") == 0 || strcmp(verdict, "server-hang") == 0)
        return PAINT_HIGH;
    return strcmp(verdict, "orderly-shutdown") == 0 ? PAINT_LOW : PAINT_MEDIUM;
}

/* Rows of one incident as an array. */
static json_t *rows_of(struct sqlite3 *db, const char *sql, int64_t id, struct error *why)
{
    return query_rows(query_number(db, sql, id, why), why);
}

bool incident_print_json(struct sqlite3 *db, int64_t id, FILE *out, struct error *why)
{
    json_t *incidents = rows_of(db, "SELECT * FROM v_incidents WHERE incident_id = ?1", id, why);
    json_t *suspects = incidents ? rows_of(db, "SELECT * FROM v_suspects WHERE incident_id = ?1 ORDER BY rank", id, why) : NULL;
    json_t *words = suspects ? rows_of(db, "SELECT * FROM v_last_words WHERE incident_id = ?1 ORDER BY ended_ns, client_ip, client_port, back", id, why) : NULL;
    if (words) {
        json_t *incident = json_array_get(incidents, 0);
        json_object_set(incident, "suspects", suspects);
        json_object_set(incident, "last_words", words);
        json_dumpf(incident, out, JSON_INDENT(1));
        fputc('\n', out);
    }
    bool done = words != NULL;
    json_decref(incidents);
    json_decref(suspects);
    json_decref(words);
    return done;
}

bool incident_print_shape(struct sqlite3 *db, const char *shape, bool json, const struct screen *s, uint64_t *many, struct error *why)
{
    static const char *const titles[] = {">INCIDENT", "BEGAN (UTC)", "SERVER", "VERDICT", "CLIENT", "MESSAGE", ">BYTES", ">SUSPECT", NULL};
    /* The text is eight hexadecimal digits. */
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT i.incident_id, i.began_ns, i.server_ip, i.server_port, i.verdict, w.client_ip, w.client_port, w.message_type, w.length, s.rank"
             " FROM v_last_words w JOIN v_incidents i USING (incident_id) LEFT JOIN v_suspects s ON s.incident_id = i.incident_id AND"
             " s.packet_number = w.packet_number AND s.client_port = w.client_port WHERE w.shape = '%s' ORDER BY i.began_ns, i.incident_id, w.time_ns", shape);
    sqlite3_stmt *rows = query_number(db, sql, 0, why);
    struct listing t;
    int result;
    json_t *all = json_array();
    listing_open(&t, titles);
    for (*many = 0; rows && (result = sqlite3_step(rows)) == SQLITE_ROW; (*many)++) {
        char text[64];
        TEXT_ON_STACK(server, 80);
        TEXT_ON_STACK(client, 80);
        if (json) {
            json_array_append_new(all, query_row(rows));
            continue;
        }
        listing_add(&t, query_text(rows, 0), PAINT_BOLD);
        incident_time(text, sizeof text, sqlite3_column_int64(rows, 1));
        listing_add(&t, text, PAINT_NONE);
        rows_end(&server, query_text(rows, 2), sqlite3_column_int(rows, 3));
        listing_add(&t, server.chars, PAINT_NONE);
        listing_add(&t, query_text(rows, 4), incident_paint(query_text(rows, 4)));
        rows_end(&client, query_text(rows, 5), sqlite3_column_int(rows, 6));
        listing_add(&t, client.chars, PAINT_NONE);
        listing_add(&t, query_text(rows, 7), PAINT_NONE);
        listing_add(&t, query_text(rows, 8), PAINT_NONE);
        listing_add(&t, sqlite3_column_type(rows, 9) == SQLITE_NULL ? "-" : query_text(rows, 9), PAINT_NONE);
    }
    bool done = rows && query_done(rows, result, why);
    if (json && done) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
    }
    if (!json && done && *many)
        listing_print(&t, s);
    else
        listing_free(&t);
    json_decref(all);
    return done;
}
