/*
 * Where a client is: the country and the autonomous system of its address, from MaxMind databases (.mmdb). Read only: any number of
 * threads may ask.
 */
#ifndef DBHOUND_DETECT_GEO_H
#define DBHOUND_DETECT_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { GEO_FILES_MAX = 8 };

struct geo;

struct geo_place {
    char country[2]; /* ISO 3166, zeros: unknown */
    uint32_t asn;    /* 0: unknown */
};

/* Opens what can be opened; what cannot is told, one `tell` each. NULL: none, or no memory. */
struct geo *geo_open(const char *const *paths, size_t count, void (*tell)(const char *path, const char *reason));
void geo_close(struct geo *g);
/* The first database that knows the country says it, and so for the autonomous system. `g` may be NULL. */
struct geo_place geo_find(const struct geo *g, const uint8_t address[16]);

#endif
