/* The decoded message as a tree: offset, length, field, value; the wrong field marked. */
#ifndef DBHOUND_APP_TREE_H
#define DBHOUND_APP_TREE_H

#include <jansson.h>

#include "app/render.h"

/* `nodes` is $.tree of `why`; `wrong` the field of the alert, "" for none, at `offset`; `expected` what it should be. */
void tree_print(const struct screen *s, const json_t *nodes, bool is_cut, const char *wrong, int64_t offset,
                const char *expected);

#endif
