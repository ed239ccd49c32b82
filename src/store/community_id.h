/* Community ID v1 of a connection: the same text that other tools compute for the same five-tuple. */
#ifndef DBHOUND_STORE_COMMUNITY_ID_H
#define DBHOUND_STORE_COMMUNITY_ID_H

#include "model/flow_key.h"

enum { COMMUNITY_ID_SIZE = 32 }; /* "1:", 28 characters of base64, NUL */

/* Does not matter which side is `a`. Seed 0. `protocol`: 6 TCP, 17 UDP. */
void community_id(char out[COMMUNITY_ID_SIZE], const struct endpoint *a, const struct endpoint *b, uint8_t protocol);

#endif
