/* dbhound incidents: the list. */
#include <inttypes.h>
#include <string.h>

#include "app/command.h"
#include "app/incident.h"
#include "base/log.h"

static void add_cells(struct listing *t, sqlite3_stmt *rows)
{
    char text[64];
    TEXT_ON_STACK(end, 80);
    snprintf(text, sizeof text, "%" PRId64, (int64_t)sqlite3_column_int64(rows, 0));
    listing_add(t, text, PAINT_BOLD);
    incident_time(text, sizeof text, sqlite3_column_int64(rows, 1));
    listing_add(t, text, PAINT_NONE);
    rows_end(&end, query_text(rows, 2), sqlite3_column_int(rows, 3));
    listing_add(t, end.chars, PAINT_NONE);
    listing_add(t, query_text(rows, 4), PAINT_NONE);
    listing_add(t, query_text(rows, 5), incident_paint(query_text(rows, 5)));
    snprintf(text, sizeof text, "%d", sqlite3_column_int(rows, 6));
    listing_add(t, text, PAINT_NONE);
    if (sqlite3_column_type(rows, 7) == SQLITE_NULL)
        snprintf(text, sizeof text, "open");
    else
        snprintf(text, sizeof text, "%.1f s", (double)(sqlite3_column_int64(rows, 7) - sqlite3_column_int64(rows, 1)) / 1e9);
    listing_add(t, text, PAINT_NONE);
    snprintf(text, sizeof text, "%d of %d", sqlite3_column_int(rows, 8), sqlite3_column_int(rows, 9));
    listing_add(t, text, PAINT_NONE);
    listing_add(t, query_text(rows, 10), PAINT_NONE);
}

static const char *const titles[] = {">INCIDENT", "BEGAN (UTC)", "SERVER", "PROTO", "VERDICT", ">SURE", ">LASTED", ">CLIENTS", "WHAT", NULL};

static int run(const struct options *o)
{
    static const char few[] = "SELECT incident_id, began_ns, server_ip, server_port, proto, verdict, confidence, ended_ns, clients_affected, clients,"
                              " summary FROM v_incidents";
    struct error why;
    struct screen screen;
    struct query q = {0};
    uint64_t many = 1;
    if (o->operand_count)
        return command_usage(&incidents_command, "takes no arguments; 'dbhound why --at TIME' explains one incident");
    if (!screen_open(&screen, stdout, o, &why) || !query_server(&q, o, &why) || !query_times(&q, o, "began_ns >= ?", "began_ns < ?", &why))
        return command_fail(&incidents_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db || !query_current(db, &why)) {
        sqlite3_close(db);
        return command_fail(&incidents_command, &why);
    }
    bool json = options_have(o, OPTION_JSON);
    sqlite3_stmt *rows = query_prepare(db, &q, json ? "SELECT * FROM v_incidents" : few, "ORDER BY began_ns, incident_id", &why);
    bool done = rows && (json ? rows_print_json(rows, &why) : rows_print_table(rows, titles, add_cells, &screen, &many, &why));
    sqlite3_close(db);
    if (!done)
        return command_fail(&incidents_command, &why);
    if (!json && many == 0)
        log_notice("no incident in %s%s; 'dbhound why' shows how the servers were", options_store(o), q.used ? " matches" : "");
    else if (!json && screen.terminal)
        log_notice("%" PRIu64 " incident%s; 'dbhound why' explains the newest", many, many == 1 ? "" : "s");
    return EXIT_DONE;
}

const struct command incidents_command = {
    .name = "incidents",
    .usage = "[-d FILE] [options]",
    .summary = "list what happened to the servers: deaths, hangs, stops, outages, oldest first",
    .examples = "dbhound incidents\n"
                "dbhound incidents --server 10.0.0.5:3306 --since 2h\n"
                "dbhound incidents --json | jq -r '.[] | [.began, .server_ip, .verdict] | @tsv'\n",
    .exits = "0 done, also when there is none; 64 wrong usage; 65 not a dbhound store; 66 no such store; 74 read error",
    .takes = TAKES(DB) | TAKES(SINCE) | TAKES(UNTIL) | TAKES(SERVER) | TAKES(JSON),
    .run = run,
};
