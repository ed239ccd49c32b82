/* The rows of a query for people and programs: a table, or a JSON array of objects. */
#ifndef DBHOUND_APP_ROWS_H
#define DBHOUND_APP_ROWS_H

#include "app/query.h"
#include "app/render.h"

/* Steps through the rows and prints what `add_cells` makes of each; *many is how many there were. Titles as in listing_open. */
bool rows_print_table(sqlite3_stmt *rows, const char *const *titles, void (*add_cells)(struct listing *t, sqlite3_stmt *row),
                      const struct screen *screen, uint64_t *many, struct error *why) MUST_CHECK;
/* The same as an array on standard output, every column of the view. */
bool rows_print_json(sqlite3_stmt *rows, struct error *why) MUST_CHECK;
/* "10.0.0.5:3306", "[::1]:3306" */
void rows_end(struct text *t, const char *address, int64_t port);

#endif
