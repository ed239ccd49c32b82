/* Bytes as people read them: sixteen a line, offset, hex, characters, the offending ones marked. */
#ifndef DBHOUND_APP_HEX_H
#define DBHOUND_APP_HEX_H

#include "app/render.h"

/* Marks `length` bytes from `offset`; 0 bytes: the place between two bytes where something is missing. On a screen with
 * colour the bytes are painted, otherwise a line of ^ stands under them. Far from the mark only the first lines show. */
void hex_print(const struct screen *s, struct view bytes, uint32_t offset, uint32_t length);

#endif
