/*
 * Opens the store for writing and groups rows into commits. Exactly one connection writes and checkpoints: SQLite
 * before 3.51.3 can damage a WAL database when two do (https://sqlite.org/wal.html#walresetbug), so a second writer is
 * refused by a lock of our own. What a failed transaction rolls back is counted, never forgotten.
 */
#include "store/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/printable.h"
#include "store/schema.h"

enum { GROUP_ROWS = 500, GROUP_MILLISECONDS = 50 };

static const char *const statement_texts[] = {
#define STATEMENT(SYMBOL, sql) sql,
#include "store/statements.def"
#undef STATEMENT
};

/* Monotonic: how long rows wait is about the disk, not about the time of packets. */
static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The file is created here and not by SQLite, so that it is 0600 whatever the umask says; -wal and -shm follow its mode.
 * The lock is flock, which does not mix with SQLite's own locks. */
static bool open_file(struct store *s, const char *path, struct error *why)
{
    struct stat file;
    char magic[16] = {0};
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0)
        return error_set(why, EXIT_CANNOT_CREATE, "cannot create or open the store %s: %s", path, strerror(errno));
    if (fstat(s->lock, &file) || !S_ISREG(file.st_mode))
        return error_set(why, EXIT_CANNOT_CREATE, "cannot use %s as a store: not a regular file", path);
    ssize_t got = pread(s->lock, magic, sizeof magic, 0);
    if (got < 0)
        return error_set(why, EXIT_IO, "cannot read the store %s: %s", path, strerror(errno));
    if (got != 0 && memcmp(magic, "SQLite format 3", sizeof magic) != 0)
        return error_set(why, EXIT_DATA, "%s is not a database; it was left as it is", path);
    if (flock(s->lock, LOCK_EX | LOCK_NB))
        return error_set(why, EXIT_IO, "the store %s is in use: another dbhound writes to it", path);
    return true;
}

static bool prepare_all(struct store *s, struct error *why)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) !=
            SQLITE_OK)
            return schema_error(s->db, why, "cannot prepare to write");
    return true;
}

/* Alert ids are counted here: an id whose row was rolled back is never used for another alert. */
static bool find_last_alert(struct store *s, struct error *why)
{
    int result = store_step(s, s->statements[DO_LAST_ALERT], why);
    if (result == SQLITE_ROW)
        s->last_alert_id = sqlite3_column_int64(s->statements[DO_LAST_ALERT], 0);
    sqlite3_reset(s->statements[DO_LAST_ALERT]);
    return result != 0;
}

static bool open_connection(struct store *s, const char *path, struct error *why)
{
    int version = 0;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return schema_error(s->db, why, path);
    if (!schema_settle(s->db, why) || !schema_check(s->db, path, &version, why))
        return false;
    /* auto_vacuum only takes before the first table, synchronous only outside a transaction. The default
     * wal_autocheckpoint stays: it is a passive checkpoint every 1,000 pages, by the one writer. */
    if (sqlite3_exec(s->db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL,
                     NULL) != SQLITE_OK)
        return schema_error(s->db, why, path);
    if (!schema_migrate(s->db, version, why) || !prepare_all(s, why) || !find_last_alert(s, why))
        return error_add(why, "%s", path);
    return true;
}

struct store *store_open(const char *path, struct error *why)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    mode_t before = umask(077);
    bool opened = open_file(s, path, why) && open_connection(s, path, why);
    umask(before);
    if (opened)
        return s;
    store_close(s);
    return NULL;
}

void store_close(struct store *s)
{
    struct error why;
    if (!s)
        return;
    if (!store_commit(s, &why))
        log_error("the last rows were not stored: %s", why.text);
    for (unsigned i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

/* After a failure: SQLite may have rolled the transaction back, with every row that waited in it. */
static void note_rollback(struct store *s)
{
    if (s->group_rows == 0 || !sqlite3_get_autocommit(s->db))
        return;
    s->lost.alerts += s->group.alerts;
    s->lost.folds += s->group.folds;
    s->lost.samples += s->group.samples;
    s->group = (struct store_losses){0};
    s->group_rows = 0;
}

int store_step(struct store *s, sqlite3_stmt *statement, struct error *why)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return result;
    schema_error(s->db, why, "cannot write to the store");
    sqlite3_reset(statement);
    note_rollback(s);
    return 0;
}

bool store_run(struct store *s, sqlite3_stmt *statement, struct error *why)
{
    int result = store_step(s, statement, why);
    sqlite3_reset(statement);
    return result != 0;
}

sqlite3_stmt *store_ready(struct store *s, enum statement which, struct error *why)
{
    if (s->group_rows == 0) {
        if (!store_run(s, s->statements[DO_BEGIN], why))
            return NULL;
        s->group_rows = 1;
        s->group_began_ms = now_ms();
    }
    sqlite3_clear_bindings(s->statements[which]);
    return s->statements[which];
}

bool store_commit(struct store *s, struct error *why)
{
    if (s->group_rows == 0)
        return true;
    if (!store_run(s, s->statements[DO_COMMIT], why)) {
        /* Busy or full with the transaction still open: give up its rows here, so that the next one can begin. */
        if (!sqlite3_get_autocommit(s->db))
            sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        note_rollback(s);
        return false;
    }
    s->group_rows = 0;
    s->group = (struct store_losses){0};
    return true;
}

bool store_row_done(struct store *s, struct error *why)
{
    s->group_rows++;
    if (s->group_rows > GROUP_ROWS || now_ms() - s->group_began_ms >= GROUP_MILLISECONDS)
        return store_commit(s, why);
    return true;
}

void store_count_losses(struct store *s, struct counters *counters)
{
    uint64_t *value = counters->value;
    struct store_losses lost = s->lost;
    lost.alerts = lost.alerts < value[COUNT_ALERTS_STORED] ? lost.alerts : value[COUNT_ALERTS_STORED];
    lost.folds = lost.folds < value[COUNT_ALERTS_FOLDED] ? lost.folds : value[COUNT_ALERTS_FOLDED];
    lost.samples = lost.samples < value[COUNT_SAMPLES_STORED] ? lost.samples : value[COUNT_SAMPLES_STORED];
    value[COUNT_ALERTS_STORED] -= lost.alerts;
    value[COUNT_ALERTS_FOLDED] -= lost.folds;
    value[COUNT_ALERTS_WRITE_FAILED] += lost.alerts + lost.folds;
    value[COUNT_SAMPLES_STORED] -= lost.samples;
    value[COUNT_SAMPLES_SHED] += lost.samples;
    s->lost = (struct store_losses){0};
}

void store_bind_text(sqlite3_stmt *statement, int column, const char *text, bool empty_is_null)
{
    if (!text || (empty_is_null && !*text)) {
        if (empty_is_null)
            sqlite3_bind_null(statement, column);
        else
            sqlite3_bind_text(statement, column, "", 0, SQLITE_STATIC);
    } else if (printable_is(text)) {
        sqlite3_bind_text(statement, column, text, -1, SQLITE_TRANSIENT);
    } else {
        char *copy = printable_copy(text);
        sqlite3_bind_text(statement, column, copy ? copy : "", -1, SQLITE_TRANSIENT);
        free(copy);
    }
}
