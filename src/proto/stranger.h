/*
 * What first bytes are when they are not what the server speaks: other protocols by their signs, other databases by their
 * probes. Answers are words of the set `spoken` (model/names/spoken.def); 0 is nobody known. Private.
 */
#ifndef DBHOUND_SRC_PROTO_STRANGER_H
#define DBHOUND_SRC_PROTO_STRANGER_H

#include "proto/decoder.h"

/* By their signs alone. *sure: so many bytes fit that they are nothing else. */
uint16_t stranger_sign(struct view bytes, bool *sure);
/* Who speaks on a port of `expected`, when these are the first bytes of a side and certainly not its own. */
uint16_t stranger_on(const struct decoder *expected, enum side from, struct view bytes);
/* The database whose word it is; PROTOCOL_NONE. */
enum protocol stranger_database(uint16_t spoken);
/* The one decoder that is sure of these bytes; NULL. */
const struct decoder *stranger_probe(enum side from, struct view bytes);
/* How many of the first bytes may be written anywhere; behind them there may be a password. */
size_t stranger_shown(uint16_t spoken, struct view bytes);

#endif
