/* dbhound why: one page on what happened to a server. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "app/command.h"
#include "app/incident.h"
#include "base/log.h"

/* The incident at a time, or the nearest to it; without a time the newest, of which deaths and hangs go first. 0: none. */
static bool find(struct sqlite3 *db, const struct query *q, const struct options *o, int64_t *id, struct error *why)
{
    const char *at = options_text(o, OPTION_AT);
    char tail[256] = "ORDER BY kind IN ('death', 'process-death', 'silence') DESC, began_ns DESC LIMIT 1";
    int64_t at_ns = 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at && !query_time(at, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &at_ns))
        return error_set(why, EXIT_USAGE, "--at: no time; write 2026-11-24T05:51:59, 2026-11-24 or 2h");
    if (at)
        snprintf(tail, sizeof tail, "ORDER BY max(began_ns - %" PRId64 ", %" PRId64 " - ifnull(ended_ns, %" PRId64 "), 0), abs(began_ns - %" PRId64 ") LIMIT 1",
                 at_ns, at_ns, at_ns, at_ns);
    sqlite3_stmt *rows = query_prepare(db, q, "SELECT incident_id FROM v_incidents", tail, why);
    if (!rows)
        return false;
    int result = sqlite3_step(rows);
    *id = result == SQLITE_ROW ? sqlite3_column_int64(rows, 0) : 0;
    return query_done(rows, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

static bool shape_is_sane(const char *shape)
{
    return strlen(shape) == 8 && strspn(shape, "0123456789abcdef") == 8;
}

static bool print_shape(struct sqlite3 *db, const struct options *o, const struct screen *s, struct error *why)
{
    const char *shape = options_text(o, OPTION_SHAPE);
    uint64_t many = 0;
    bool json = options_have(o, OPTION_JSON);
    if (!shape_is_sane(shape))
        return error_set(why, EXIT_USAGE, "--shape: a shape is eight hexadecimal digits, as 'dbhound why' prints them");
    if (!incident_print_shape(db, shape, json, s, &many, why))
        return false;
    if (!json && !many)
        log_notice("no message of shape %s came before an incident in %s", shape, options_store(o));
    return true;
}

static bool print(struct sqlite3 *db, const struct query *q, const struct options *o, const struct screen *s, struct error *why)
{
    bool json = options_have(o, OPTION_JSON);
    int64_t id = 0;
    if (!query_current(db, why))
        return false;
    if (options_have(o, OPTION_SHAPE))
        return print_shape(db, o, s, why);
    if (!find(db, q, o, &id, why))
        return false;
    if (!id)
        return incident_print_vitals(db, q, json, s, why);
    return json ? incident_print_json(db, id, stdout, why) : incident_print(db, id, options_text(o, OPTION_DB), s, why);
}

static int run(const struct options *o)
{
    struct error why;
    struct screen screen;
    struct query q = {0};
    if (o->operand_count)
        return command_usage(&why_command, "takes no arguments; --at TIME and --server ADDRESS choose an incident");
    if (!screen_open(&screen, stdout, o, &why) || !query_server(&q, o, &why))
        return command_fail(&why_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&why_command, &why);
    bool done = print(db, &q, o, &screen, &why);
    sqlite3_close(db);
    return done ? EXIT_DONE : command_fail(&why_command, &why);
}

const struct command why_command = {
    .name = "why",
    .usage = "[-d FILE] [--server ADDRESS[:PORT]] [--at TIME] [--shape HASH] [--json]",
    .summary = "say what happened to a server: the network, the workload or the server itself; when, and by which message",
    .examples = "dbhound why\n"
                "dbhound why --server 10.0.0.5:3306 --at 2026-11-24T15:00\n"
                "dbhound why --shape 5d41402a               where else a message of this shape came before an incident\n"
                "dbhound why --json | jq '.suspects[0]'\n",
    .exits = "0 done, also when there was no incident; 64 wrong usage; 65 not a dbhound store, or one of before incidents; 66 no such store; "
             "74 read error",
    .takes = TAKES(DB) | TAKES(SERVER) | TAKES(AT) | TAKES(SHAPE) | TAKES(JSON),
    .run = run,
};
