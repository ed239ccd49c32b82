/*
 * The field registry: every value that a decoder reads and a person may name. One row in model/fields/PROTOCOL.def is
 * the rule keyword, the `where` identifier, the JSON key, the node of the decoded tree and the help text.
 */
#ifndef DBHOUND_MODEL_FIELD_H
#define DBHOUND_MODEL_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "model/name.h"
#include "model/protocol.h"

enum field_kind {
    KIND_UINT,    /* a number */
    KIND_ENUM,    /* a number with names */
    KIND_BYTES,   /* a stretch of the message: text or binary */
    KIND_BOOL,
    KIND_ADDRESS,
};

enum field_flags {
    FIELD_PLAIN = 0,
    FIELD_SECRET = 1, /* masked, same length, before anything is written */
    FIELD_SHAPE = 2,  /* its words, without literals, tell one kind of message from another */
};

enum field {
    FIELD_NONE,
#define FIELD(SYMBOL, owner, kind, names, flags, name, help) FIELD_##SYMBOL,
#include "model/fields.def"
#undef FIELD
    FIELDS
};

/* The flags by field, visible to the compiler so that a constant field costs nothing to ask. */
static const uint8_t field_flags_of[FIELDS] = {
    FIELD_PLAIN,
#define FIELD(SYMBOL, owner, kind, names, flags, name, help) flags,
#include "model/fields.def"
#undef FIELD
};

const char *field_name(enum field field);     /* "mysql.length" */
const char *field_help(enum field field);
enum field_kind field_kind(enum field field);
enum name_set field_names(enum field field);
bool field_is_secret(enum field field);
enum protocol field_protocol(enum field field); /* PROTOCOL_NONE: of every protocol */
enum field field_by_name(const char *name);   /* FIELD_NONE when unknown */

/* One value read from one message: what rules match, what `show` draws, what the store keeps. No pointers: BYTES point
 * into the message by offset. */
struct field_value {
    uint64_t value;   /* UINT, ENUM, BOOL; for BYTES unused */
    uint32_t offset;  /* of the bytes in the message */
    uint32_t length;  /* of the bytes in the message; 0 for what was not read from it (derived) */
    uint16_t field;   /* enum field */
    uint8_t depth;    /* in the tree; 0 = top */
    uint8_t reserved;
};

#endif
