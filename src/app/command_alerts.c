/* dbhound alerts: the list. */
#include <inttypes.h>
#include <string.h>

#include "app/command.h"
#include "app/rows.h"
#include "base/log.h"
#include "store/store.h"

/* Oldest first, as a log; --limit keeps the newest. */
#define ORDER "ORDER BY time_ns, alert_id"
#define NEWEST "ORDER BY time_ns DESC, alert_id DESC LIMIT "

/* "2026-11-24T05:51:59.123456+0000" as people read it. */
static void add_time(struct listing *t, const char *time)
{
    char shown[24];
    snprintf(shown, sizeof shown, "%.23s", time);
    if (strlen(shown) > 10)
        shown[10] = ' ';
    listing_add(t, shown, PAINT_NONE);
}

static void add_end(struct listing *t, const char *address, int port)
{
    TEXT_ON_STACK(end, 80);
    rows_end(&end, address, port);
    listing_add(t, end.chars, PAINT_NONE);
}

static void add_cells(struct listing *t, sqlite3_stmt *row)
{
    char number[24];
    TEXT_ON_STACK(count, 32);
    int64_t severity = sqlite3_column_int64(row, 2);
    snprintf(number, sizeof number, "%" PRId64, (int64_t)sqlite3_column_int64(row, 0));
    listing_add(t, number, PAINT_BOLD);
    add_time(t, query_text(row, 1));
    listing_add(t, severity_word(severity), severity_paint(severity));
    listing_add(t, query_text(row, 3), PAINT_NONE);
    listing_add(t, query_text(row, 4), PAINT_NONE);
    add_end(t, query_text(row, 5), sqlite3_column_int(row, 6));
    listing_add(t, strcmp(query_text(row, 9), "to_client") == 0 ? "<" : ">", PAINT_DIM);
    add_end(t, query_text(row, 7), sqlite3_column_int(row, 8));
    text_add_number(&count, (uint64_t)sqlite3_column_int64(row, 10));
    listing_add(t, count.chars, PAINT_NONE);
    listing_add(t, query_text(row, 11), PAINT_NONE);
}

static const char *const titles[] = {">ALERT", "TIME (UTC)", "SEVERITY", "CLASS", "PROTO", "CLIENT", "", "SERVER", ">COUNT", "WHAT", NULL};

static sqlite3_stmt *ask(struct sqlite3 *db, const struct query *q, bool json, uint64_t limit, struct error *why)
{
    static const char few[] = "alert_id, time, severity, class, proto, client_ip, client_port, server_ip, server_port,"
                              " direction, count, msg";
    char head[512], tail[128];
    const char *columns = json ? "*" : few;
    if (limit == 0) {
        snprintf(head, sizeof head, "SELECT %s FROM v_alerts", columns);
        return query_prepare(db, q, head, ORDER, why);
    }
    snprintf(head, sizeof head, "SELECT %s FROM v_alerts WHERE alert_id IN (SELECT alert_id FROM v_alerts", columns);
    snprintf(tail, sizeof tail, NEWEST "%" PRIu64 ") " ORDER, limit);
    return query_prepare(db, q, head, tail, why);
}

static int run(const struct options *o)
{
    struct error why;
    struct screen screen;
    struct query q;
    uint64_t limit = 0, many = 1;
    if (o->operand_count)
        return command_usage(&alerts_command, "takes no arguments; 'dbhound show %s' shows one alert", "N");
    if (!screen_open(&screen, stdout, o, &why) || !query_from_options(&q, o, &why) ||
        !options_number(o, OPTION_LIMIT, 1, INT64_MAX, &limit, &why))
        return command_fail(&alerts_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&alerts_command, &why);
    bool json = options_have(o, OPTION_JSON);
    sqlite3_stmt *rows = ask(db, &q, json, limit, &why);
    bool done = rows && (json ? rows_print_json(rows, &why) : rows_print_table(rows, titles, add_cells, &screen, &many, &why));
    sqlite3_close(db);
    if (!done)
        return command_fail(&alerts_command, &why);
    if (!json && many == 0)
        log_notice("no alert in %s%s", options_store(o), q.used ? " matches" : "");
    else if (!json && screen.terminal)
        log_notice("%" PRIu64 " alert%s; 'dbhound show N' says why one fired", many, many == 1 ? "" : "s");
    return EXIT_DONE;
}

const struct command alerts_command = {
    .name = "alerts",
    .usage = "[-d FILE] [options]",
    .summary = "list the alerts of a store, oldest first",
    .examples = "dbhound alerts --severity 1                  only the serious ones\n"
                "dbhound alerts --server 10.0.0.5:3306 --since 2h\n"
                "dbhound alerts --json | jq -r '.[] | [.time, .client_ip, .anomaly] | @tsv'\n",
    .exits = "0 done, also when nothing matches; 64 wrong usage; 65 not a dbhound store; 66 no such store; 74 read error",
    .takes = TAKES(DB) | TAKES(SINCE) | TAKES(UNTIL) | TAKES(CLASS) | TAKES(SID) | TAKES(ANOMALY) | TAKES(PROTO) |
             TAKES(SERVER) | TAKES(CLIENT) | TAKES(SEVERITY) | TAKES(STATE) | TAKES(LIMIT) | TAKES(JSON),
    .run = run,
};
