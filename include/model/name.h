/*
 * Wire constants that have a name: message types, commands, error codes. One table (model/names/PROTOCOL.def) gives
 * the enum that decoders use, the text that people read and the word that rules accept.
 */
#ifndef DBHOUND_MODEL_NAME_H
#define DBHOUND_MODEL_NAME_H

#include <stdbool.h>
#include <stdint.h>

enum name_set {
    NAMES_NONE, /* plain numbers */
#define NAME_SET(set) NAMES_##set,
#define NAME(set, SYMBOL, value, text)
#include "model/names.def"
#undef NAME_SET
#undef NAME
    NAME_SETS
};

enum {
#define NAME_SET(set)
#define NAME(set, SYMBOL, value, text) SYMBOL = (value),
#include "model/names.def"
#undef NAME_SET
#undef NAME
};

/* NULL when the set has no name for the value. */
const char *name_of(enum name_set set, uint64_t value);
bool name_value(enum name_set set, const char *text, uint64_t *value);
/* Walks a set: the i-th name, NULL past the end. */
const char *name_at(enum name_set set, unsigned i, uint64_t *value);

#endif
