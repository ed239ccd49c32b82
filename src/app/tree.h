/* The decoded message as a tree: offset, length, field, value; the wrong field marked. */
#ifndef DBHOUND_APP_TREE_H
#define DBHOUND_APP_TREE_H

#include <jansson.h>

#include "app/render.h"

/* What is wrong in the message. */
struct tree_mark {
    const char *field;      /* "": unknown */
    int64_t offset, length; /* of its bytes; length 0: it is missing there and gets a line of its own */
    const char *got, *expected;
};

/* `nodes` is $.tree of `why`. */
void tree_print(const struct screen *s, const json_t *nodes, bool is_cut, const struct tree_mark *mark);

#endif
