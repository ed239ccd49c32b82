/* One server's vital signs as a page, and those of all servers again each second. */
#ifndef DBHOUND_APP_SERVER_PAGE_H
#define DBHOUND_APP_SERVER_PAGE_H

#include "app/query.h"
#include "app/render.h"

/* The minutes, what was asked, who came. `many`: servers that match. */
bool server_page_print(struct sqlite3 *db, const struct query *q, const struct screen *s, uint64_t *many, struct error *why) MUST_CHECK;
/* The same as one array of objects. */
bool server_page_print_json(struct sqlite3 *db, const struct query *q, struct error *why) MUST_CHECK;
/* Until it is interrupted, or for so many seconds (0: no end): on a terminal in its place, else one block after the other;
 * `json`: one object a line. */
bool server_page_live(struct sqlite3 *db, const struct query *q, const struct screen *s, bool json, uint64_t seconds, struct error *why) MUST_CHECK;

#endif
