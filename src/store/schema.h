/* The shape of a store: who owns the file, which version it has, its tables and views. Private to the room. */
#ifndef DBHOUND_STORE_SCHEMA_H
#define DBHOUND_STORE_SCHEMA_H

#include <stdbool.h>

#include "base/error.h"
#include "store/store.h"

struct sqlite3;

enum { STORE_APPLICATION_ID = 0x64626864 }; /* "dbhd" in the file's header */

/* Fills `why` from the connection's last error: EXIT_IO (full, unreadable, locked), EXIT_DATA (damaged, no database),
 * EXIT_CANNOT_CREATE. Returns false. */
bool schema_error(struct sqlite3 *db, struct error *why, const char *what);
/* What every connection needs, reading or writing. Changes nothing in the file. */
bool schema_settle(struct sqlite3 *db, struct error *why) MUST_CHECK;
/* Is it a store, and of a version this program knows? Sets *version; 0 for a file without any table. Changes nothing. */
bool schema_check(struct sqlite3 *db, const char *path, int *version, struct error *why) MUST_CHECK;
/* Brings a file of `version` to STORE_SCHEMA_VERSION in one transaction. */
bool schema_migrate(struct sqlite3 *db, int version, struct error *why) MUST_CHECK;

#endif
