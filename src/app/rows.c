/* Rows as tables and arrays: see rows.h. */
#include "app/rows.h"

#include <inttypes.h>
#include <string.h>

void rows_end(struct text *t, const char *address, int64_t port)
{
    text_add(t, strchr(address, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, address, port);
}

bool rows_print_table(sqlite3_stmt *rows, const char *const *titles, void (*add_cells)(struct listing *t, sqlite3_stmt *row),
                      const struct screen *screen, uint64_t *many, struct error *why)
{
    struct listing t;
    int result;
    listing_open(&t, titles);
    for (*many = 0; (result = sqlite3_step(rows)) == SQLITE_ROW; (*many)++)
        add_cells(&t, rows);
    if (*many)
        listing_print(&t, screen);
    else
        listing_free(&t);
    return query_done(rows, result, why);
}

bool rows_print_json(sqlite3_stmt *rows, struct error *why)
{
    int result;
    const char *before = "[";
    while ((result = sqlite3_step(rows)) == SQLITE_ROW && !ferror(stdout)) {
        json_t *row = query_row(rows);
        fprintf(stdout, "%s\n ", before);
        json_dumpf(row, stdout, JSON_COMPACT);
        json_decref(row);
        before = ",";
    }
    fputs(*before == '[' ? "[]\n" : "\n]\n", stdout);
    return query_done(rows, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}
