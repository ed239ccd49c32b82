/*
 * Readers: a connection of their own that can change nothing. It never checkpoints, so that the writer stays the only
 * one that does.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"
#include "store/store.h"

/* A store on a disk that cannot be written (an evidence copy) has no room for the shared index of the log; without a
 * log there is nothing to share, and SQLite may take the file as unchangeable. */
static struct sqlite3 *open_unchangeable(const char *path)
{
    char log[4096], uri[3 * 4096 + 32];
    struct sqlite3 *db = NULL;
    if (snprintf(log, sizeof log, "%s-wal", path) >= (int)sizeof log || access(log, F_OK) == 0)
        return NULL;
    size_t at = (size_t)snprintf(uri, sizeof uri, "file:");
    for (const char *c = path; *c; c++)
        at += (size_t)snprintf(uri + at, sizeof uri - at, strchr("%?#", *c) ? "%%%02x" : "%c", (unsigned char)*c);
    snprintf(uri + at, sizeof uri - at, "?immutable=1");
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

static bool check(struct sqlite3 *db, const char *path, struct error *why)
{
    int version = 0;
    if (!schema_settle(db, why) || !schema_check(db, path, &version, why))
        return false;
    if (version == 0)
        return error_set(why, EXIT_DATA, "%s is empty or not a database: not a dbhound store", path);
    return sqlite3_exec(db, "PRAGMA query_only=ON", NULL, NULL, NULL) == SQLITE_OK || schema_error(db, why, path);
}

struct sqlite3 *store_read(const char *path, struct error *why)
{
    struct sqlite3 *db = NULL;
    struct stat file;
    /* By name only: closing a descriptor of the file would drop the locks that SQLite holds on it in this process. */
    if (stat(path, &file)) {
        error_set(why, EXIT_NO_INPUT, "no store %s: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(file.st_mode)) {
        error_set(why, EXIT_DATA, "%s is not a database: not a regular file", path);
        return NULL;
    }
    if (access(path, R_OK)) {
        error_set(why, EXIT_NO_PERMISSION, "cannot read the store %s: %s", path, strerror(errno));
        return NULL;
    }
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        schema_error(db, why, path);
        sqlite3_close(db);
        return NULL;
    }
    if (check(db, path, why))
        return db;
    sqlite3_close(db);
    db = why->code == EXIT_CANNOT_CREATE || why->code == EXIT_IO ? open_unchangeable(path) : NULL;
    if (db && check(db, path, why))
        return db;
    sqlite3_close(db);
    return NULL;
}

bool store_read_head(struct sqlite3 *db, int64_t alert_id, void *bytes, size_t size, size_t *length, struct error *why)
{
    sqlite3_stmt *statement = NULL;
    *length = 0;
    if (sqlite3_prepare_v2(db, "SELECT head FROM evidence WHERE alert_id = ?1", -1, &statement, NULL) != SQLITE_OK)
        return schema_error(db, why, "cannot read the message of an alert");
    sqlite3_bind_int64(statement, 1, alert_id);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const void *head = sqlite3_column_blob(statement, 0);
        size_t there = (size_t)sqlite3_column_bytes(statement, 0);
        *length = there < size ? there : size;
        if (head)
            memcpy(bytes, head, *length);
    } else if (result != SQLITE_DONE) {
        schema_error(db, why, "cannot read the message of an alert");
    }
    sqlite3_finalize(statement);
    return result == SQLITE_ROW || result == SQLITE_DONE;
}
