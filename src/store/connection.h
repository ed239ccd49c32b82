/* The one read-write connection: prepared statements, the open transaction and what a failed one costs. Private. */
#ifndef DBHOUND_STORE_CONNECTION_H
#define DBHOUND_STORE_CONNECTION_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

enum statement {
#define STATEMENT(SYMBOL, sql) DO_##SYMBOL,
#include "store/statements.def"
#undef STATEMENT
    STATEMENTS
};

struct store {
    struct sqlite3 *db;
    int lock; /* file descriptor that holds the writers' lock; opened before the connection, closed after it */
    sqlite3_stmt *statements[STATEMENTS];
    int64_t run_id;
    int64_t last_alert_id;
    int64_t group_began_ms;
    unsigned group_rows;                /* in the open transaction; 0: none is open */
    struct store_losses group, lost;    /* in the open transaction; rolled back and not reported yet */
};

/* The statement, ready to be bound, inside the open transaction; NULL (and `why`) when none can be opened. */
sqlite3_stmt *store_ready(struct store *s, enum statement which, struct error *why);
/* Runs it. SQLITE_ROW or SQLITE_DONE; 0 with `why` on failure. The caller calls sqlite3_reset after reading a row. */
int store_step(struct store *s, sqlite3_stmt *statement, struct error *why);
/* Runs a statement that returns no row. */
bool store_run(struct store *s, sqlite3_stmt *statement, struct error *why);
/* A row is written: commits when the group is full or old. */
bool store_row_done(struct store *s, struct error *why);
/* Binds text, made printable when it is not: "" becomes NULL where `empty_is_null`. */
void store_bind_text(sqlite3_stmt *statement, int column, const char *text, bool empty_is_null);

struct endpoint;
/* Address and port, into this column and the next. */
void store_bind_end(sqlite3_stmt *statement, int column, const struct endpoint *end);
/* Takes the value; false when it is none. */
bool store_bind_json(sqlite3_stmt *statement, int column, json_t *value);

#endif
