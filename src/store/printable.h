/* The store's door: text that goes in is one printable line, whatever it was. Private. */
#ifndef DBHOUND_STORE_PRINTABLE_H
#define DBHOUND_STORE_PRINTABLE_H

#include <stdbool.h>

/* Printable ASCII only: nothing to do. */
bool printable_is(const char *text);
/* A copy (free it; NULL: no memory) with everything else escaped as text_add_escaped does. Backslashes are left alone, so
 * that what was escaped before stays as it is. */
char *printable_copy(const char *text);

#endif
