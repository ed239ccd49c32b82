/* dbhound sample ALERT: the packets as a pcapng file. */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/output.h"
#include "app/query.h"
#include "base/log.h"
#include "store/store.h"

/* A directory gets the file's usual name: SID-ALERT.pcapng. */
static bool name_file(const char *given, int64_t sid, int64_t id, char *path, size_t size, struct error *why)
{
    struct stat there;
    int length = stat(given, &there) == 0 && S_ISDIR(there.st_mode)
                     ? snprintf(path, size, "%s/%" PRId64 "-%" PRId64 ".pcapng", given, sid, id)
                     : snprintf(path, size, "%s", given);
    return (size_t)length < size || error_set(why, EXIT_CANNOT_CREATE, "the name of the file is too long");
}

static bool write_all(int to, struct view bytes)
{
    while (bytes.length) {
        ssize_t written = write(to, bytes.bytes, bytes.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes = view_from(bytes, (size_t)written);
    }
    return true;
}

static bool write_file(const char *path, struct view bytes, struct error *why)
{
    FILE *out = output_create(path, why);
    if (!out)
        return false;
    bool good = fwrite(bytes.bytes, 1, bytes.length, out) == bytes.length;
    return output_finish(out, path, true, why) && good;
}

static bool put(const struct options *o, int64_t id, int64_t sid, struct view bytes, struct error *why)
{
    const char *given = options_text(o, OPTION_WRITE);
    char path[4096];
    if (!given || strcmp(given, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return error_set(why, EXIT_USAGE, "will not write a binary file to the terminal; use -w FILE or -w DIRECTORY");
        return write_all(STDOUT_FILENO, bytes) || errno == EPIPE ||
               error_set(why, EXIT_IO, "cannot write to standard output: %s", strerror(errno));
    }
    if (!name_file(given, sid, id, path, sizeof path, why) || !write_file(path, bytes, why))
        return false;
    log_notice("wrote %s", path);
    return true;
}

static bool find(struct sqlite3 *db, const struct options *o, int64_t id, struct error *why)
{
    sqlite3_stmt *row = query_number(db,
                                     "SELECT a.sid, s.pcapng FROM v_alerts a LEFT JOIN v_samples s ON s.sample_id = a.sample_id"
                                     " WHERE a.alert_id = ?1",
                                     id, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result != SQLITE_ROW) {
        if (!query_done(row, result, why))
            return false;
        return error_set(why, EXIT_NO_INPUT, "there is no alert %" PRId64 " (see 'dbhound alerts')", id);
    }
    bool done;
    if (sqlite3_column_type(row, 1) == SQLITE_NULL)
        done = error_set(why, EXIT_NO_INPUT, "no packets were kept for alert %" PRId64, id);
    else
        done = put(o, id, sqlite3_column_int64(row, 0), view_of(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1)), why);
    sqlite3_finalize(row);
    return done;
}

static int run(const struct options *o)
{
    struct error why;
    int64_t id = 0;
    if (!command_number(&sample_command, o, "alert", &id, &why))
        return command_fail(&sample_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    bool done = db && find(db, o, id, &why);
    sqlite3_close(db);
    return done ? EXIT_DONE : command_fail(&sample_command, &why);
}

const struct command sample_command = {
    .name = "sample",
    .usage = "ALERT [-w FILE|DIRECTORY] [-d FILE]",
    .summary = "write the packets before, at and after an alert as pcapng",
    .examples = "dbhound sample 1 -w .                        writes SID-1.pcapng here\n"
                "dbhound sample 1 | tshark -r - -V\n"
                "dbhound sample 1 -w evidence.pcapng && wireshark evidence.pcapng\n",
    .exits = "0 done; 64 wrong usage, or a terminal; 65 not a dbhound store; 66 no such store, alert or sample; 73 cannot create;\n"
             "74 write error",
    .takes = TAKES(DB) | TAKES(WRITE),
    .run = run,
};
