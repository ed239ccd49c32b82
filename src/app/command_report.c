/* dbhound report: the draft of a postmortem. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "app/command.h"
#include "app/incident.h"
#include "app/output.h"
#include "app/report.h"
#include "base/log.h"

static bool newest(struct sqlite3 *db, int64_t *id, struct error *why)
{
    sqlite3_stmt *row = query_number(db,
                                     "SELECT incident_id FROM v_incidents ORDER BY kind IN ('death', 'process-death', 'silence') DESC, began_ns DESC LIMIT 1",
                                     0, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    *id = result == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    if (!query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why))
        return false;
    return *id || error_set(why, EXIT_NO_INPUT, "there is no incident in this store");
}

static bool write_report(struct sqlite3 *db, const struct options *o, int64_t id, struct error *why)
{
    static struct episode episode;
    const char *path = options_text(o, OPTION_WRITE);
    bool to_file = path && strcmp(path, "-") != 0;
    if (!query_current(db, why) || (!id && !newest(db, &id, why)) || !episode_load(db, id, &episode, why))
        return false;
    FILE *out = to_file ? output_create(path, why) : stdout;
    if (!out)
        return false;
    bool done = report_write(db, &episode, options_store(o), out, why);
    if (to_file)
        done = output_finish(out, path, done, why);
    else if (fflush(out) != 0 && errno != EPIPE && done)
        done = error_set(why, EXIT_IO, "cannot write the report: %s", strerror(errno));
    if (to_file && done)
        log_notice("wrote %s", path);
    return done;
}

static int run(const struct options *o)
{
    struct error why;
    int64_t id = 0;
    if (o->operand_count > 1)
        return command_usage(&report_command, "takes one incident, or none for the newest");
    if (o->operand_count == 1 && !command_number(&report_command, o, "incident", &id, &why))
        return command_fail(&report_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&report_command, &why);
    bool done = write_report(db, o, id, &why);
    sqlite3_close(db);
    return done ? EXIT_DONE : command_fail(&report_command, &why);
}

const struct command report_command = {
    .name = "report",
    .usage = "[INCIDENT] [-d FILE] [-w FILE.md]",
    .summary = "write the draft of a postmortem in Markdown: summary, root cause, timeline, measures, evidence",
    .examples = "dbhound report\n"
                "dbhound report 3 -w postmortem.md\n"
                "TZ=Europe/Berlin dbhound report 3            times in that zone\n",
    .exits = "0 done; 64 wrong usage; 65 not a dbhound store, or one of before incidents; 66 no such store or incident; 73 cannot create; 74 "
             "read or write error",
    .takes = TAKES(DB) | TAKES(WRITE),
    .run = run,
};
