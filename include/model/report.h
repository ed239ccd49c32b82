/* One anomaly found in one message, with its evidence. No pointers but `note`, which is a constant of the program. */
#ifndef DBHOUND_MODEL_REPORT_H
#define DBHOUND_MODEL_REPORT_H

#include <stdint.h>

#include "model/anomaly.h"
#include "model/field.h"

/* How `got` should have related to `expected`. */
enum relation {
    MUST_EQUAL,     /* "exactly N" */
    MUST_NOT_EXCEED,/* "at most N" */
    MUST_REACH,     /* "at least N" */
    MUST_BE,        /* what `note` says: "a NUL terminator", "one of T, C, D" */
};

struct report {
    uint16_t anomaly;
    uint16_t field;    /* the field that is wrong */
    uint8_t relation;
    uint32_t offset;   /* of the field's bytes in the message */
    uint32_t length;   /* 0 when the bytes are what is missing */
    uint64_t got, expected;
    const char *note;  /* NULL, or a constant: with MUST_BE what was expected, else what the limit is */
};

#endif
