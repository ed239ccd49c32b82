/* dbhound report: the draft of a postmortem. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/incident.h"
#include "app/report.h"
#include "base/log.h"

/* A report names users and addresses: the file is its owner's alone. */
static FILE *open_file(const char *path, struct error *why)
{
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *out = to < 0 ? NULL : fdopen(to, "w");
    if (!out) {
        error_set(why, EXIT_CANNOT_CREATE, "cannot create %s: %s", path, strerror(errno));
        if (to >= 0)
            close(to);
    }
    return out;
}

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
    if (!incident_store(db, why) || (!id && !newest(db, &id, why)) || !episode_load(db, id, &episode, why))
        return false;
    FILE *out = to_file ? open_file(path, why) : stdout;
    if (!out)
        return false;
    bool done = report_write(db, &episode, options_store(o), out, why);
    if (fflush(out) != 0 && errno != EPIPE && done)
        done = error_set(why, EXIT_IO, "cannot write the report: %s", strerror(errno));
    if (to_file && fclose(out) != 0 && done)
        done = error_set(why, EXIT_IO, "cannot write %s: %s", path, strerror(errno));
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
    if (o->operand_count == 1 && !command_alert_id(&report_command, o, &id, &why))
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
