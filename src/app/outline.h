/*
 * The part of YAML that test.yaml is written in: mappings and lists by indentation, plain or quoted scalars, comments, several
 * documents. Each scalar is told with its path: "checks[0].filter.match.alert.signature_id". What is not read (flow style,
 * blocks, anchors, tabs) is refused with its line.
 */
#ifndef DBHOUND_SRC_APP_OUTLINE_H
#define DBHOUND_SRC_APP_OUTLINE_H

#include <stdbool.h>

#include "base/error.h"

struct outline_value {
    unsigned document, line; /* from 1 */
    const char *path, *text; /* valid during the call */
};

/* Stops when `take` returns false, which then has filled its error. */
typedef bool (*outline_sink)(void *context, const struct outline_value *value, struct error *why);
bool outline_read(char *text, outline_sink take, void *context, struct error *why) MUST_CHECK;

#endif
