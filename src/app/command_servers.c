/* dbhound servers: what was seen on the wire, and what is known of such versions. */
#include <inttypes.h>
#include <string.h>

#include "app/command.h"
#include "app/incident.h"
#include "app/server_page.h"
#include "base/log.h"

static const char *tls_word(sqlite3_stmt *rows, int column)
{
    if (sqlite3_column_type(rows, column) == SQLITE_NULL)
        return "not seen";
    return sqlite3_column_int(rows, column) ? "yes" : "no";
}

/* What nobody looked at, in bytes of streams, and for how long. */
static void add_unread(struct text *t, sqlite3_stmt *rows)
{
    static const char *const kinds[] = {"encrypted", "unsupported", "passed over", "lost"};
    for (int i = 0; i < 4; i++)
        if (sqlite3_column_int64(rows, 10 + i))
            text_add(t, "%s%s %s", t->length ? ", " : "", kinds[i], query_text(rows, 10 + i));
    if (sqlite3_column_int64(rows, 14))
        text_add(t, "%sblind %.1f s", t->length ? ", " : "", (double)sqlite3_column_int64(rows, 14) / 1e9);
}

static void add_cells(struct listing *t, sqlite3_stmt *rows)
{
    char text[64];
    TEXT_ON_STACK(end, 80);
    rows_end(&end, query_text(rows, 0), sqlite3_column_int(rows, 1));
    listing_add(t, end.chars, PAINT_BOLD);
    listing_add(t, query_text(rows, 2), PAINT_NONE);
    listing_add(t, query_text(rows, 3), PAINT_NONE);
    listing_add(t, tls_word(rows, 4), PAINT_NONE);
    snprintf(text, sizeof text, "%d", sqlite3_column_int(rows, 5));
    listing_add(t, text, PAINT_NONE);
    snprintf(text, sizeof text, "%d", sqlite3_column_int(rows, 6));
    listing_add(t, text, sqlite3_column_int(rows, 6) ? PAINT_MEDIUM : PAINT_NONE);
    for (int i = 7; i < 9; i++) {
        incident_time(text, sizeof text, sqlite3_column_int64(rows, i));
        listing_add(t, text, PAINT_NONE);
    }
    listing_add(t, query_text(rows, 9), PAINT_NONE);
    TEXT_ON_STACK(unread, 200);
    add_unread(&unread, rows);
    listing_add(t, unread.chars, PAINT_MEDIUM);
    listing_add(t, query_text(rows, 15), PAINT_MEDIUM);
}

static const char *const titles[] = {"SERVER", "PROTO", "VERSION", "TLS", ">CLIENTS", ">INCIDENTS", "FIRST SEEN (UTC)", "LAST SEEN",
                                     ">BYTES READ", "NOT READ", "ADVISORIES", NULL};

static bool list(struct sqlite3 *db, const struct query *q, const struct options *o, const struct screen *screen, struct error *why)
{
    /* The most clients of a minute: who came at all is not kept. */
    static const char few[] =
        "SELECT server_ip, server_port, proto, ifnull(version, ''), tls,"
        " ifnull((SELECT max(clients) FROM v_health h WHERE h.server_ip = s.server_ip AND h.server_port = s.server_port), 0),"
        " (SELECT count(*) FROM v_incidents i WHERE i.server_ip = s.server_ip AND i.server_port = s.server_port), first_seen_ns, last_seen_ns,"
        " ifnull(decoded_bytes, 0), encrypted_bytes, unsupported_bytes, blind_bytes, lost_bytes, blind_ns,"
        " (SELECT group_concat(j.value ->> 'id', ' ') FROM json_each(advisories) j) FROM v_servers s";
    uint64_t many = 1;
    bool json = options_have(o, OPTION_JSON);
    sqlite3_stmt *rows = query_prepare(db, q, json ? "SELECT * FROM v_servers" : few, "ORDER BY server_ip, server_port", why);
    if (!rows || !(json ? rows_print_json(rows, why) : rows_print_table(rows, titles, add_cells, screen, &many, why)))
        return false;
    if (!json && many == 0)
        log_notice("no server in %s%s", options_store(o), q->used ? " matches" : "");
    return true;
}

static bool page(struct sqlite3 *db, const struct query *q, const struct options *o, const struct screen *screen, struct error *why)
{
    uint64_t many = 0;
    if (options_have(o, OPTION_JSON))
        return server_page_print_json(db, q, why);
    if (!server_page_print(db, q, screen, &many, why))
        return false;
    if (many == 0)
        log_notice("no server in %s matches", options_store(o));
    return true;
}

static int run(const struct options *o)
{
    struct error why;
    struct screen screen;
    struct query q = {0};
    uint64_t seconds = 0;
    if (o->operand_count > 1)
        return command_usage(&servers_command, "one server: ADDRESS or ADDRESS:PORT");
    if (!screen_open(&screen, stdout, o, &why) || !(o->operand_count ? query_server_named(&q, o->operands[0], &why) : query_server(&q, o, &why)) ||
        !options_number(o, OPTION_SECONDS, 1, UINT32_MAX, &seconds, &why))
        return command_fail(&servers_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db || !query_current(db, &why)) {
        sqlite3_close(db);
        return command_fail(&servers_command, &why);
    }
    bool done = options_have(o, OPTION_LIVE) ? server_page_live(db, &q, &screen, options_have(o, OPTION_JSON), seconds, &why)
                : o->operand_count           ? page(db, &q, o, &screen, &why)
                                             : list(db, &q, o, &screen, &why);
    sqlite3_close(db);
    return done ? EXIT_DONE : command_fail(&servers_command, &why);
}

const struct command servers_command = {
    .name = "servers",
    .usage = "[-d FILE] [ADDRESS[:PORT]] [--live [--seconds N]] [--json]",
    .summary = "list the servers that were seen, their versions and what is known of these; the vital signs of one, or of all as they work",
    .examples = "dbhound servers\n"
                "dbhound servers 10.0.0.5:3306                minutes, parts of latency, requests, users, monitors\n"
                "dbhound servers --live                       each second, while 'dbhound watch' writes the store\n"
                "dbhound servers --json | jq -r '.[] | select(.tls != 1) | .server_ip'       without TLS\n"
                "dbhound servers --json | jq '.[].advisories[] | {id, fixed}'\n",
    .exits = "0 done, also when there is none; 64 wrong usage; 65 not a dbhound store; 66 no such store; 74 read error",
    .takes = TAKES(DB) | TAKES(SERVER) | TAKES(LIVE) | TAKES(SECONDS) | TAKES(JSON),
    .run = run,
};
