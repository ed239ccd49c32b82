/* The protocols this build decodes: one line each in model/decoders.def. */
#ifndef DBHOUND_MODEL_PROTOCOL_H
#define DBHOUND_MODEL_PROTOCOL_H

#include <stdint.h>

enum protocol {
    PROTOCOL_NONE, /* not a database, or not known yet */
#define DECODER(name, SYMBOL, title) PROTOCOL_##SYMBOL,
#include "model/decoders.def"
#undef DECODER
    PROTOCOLS
};

const char *protocol_name(enum protocol protocol);  /* "mysql"; "none" */
const char *protocol_title(enum protocol protocol); /* "MySQL/MariaDB" */
/* PROTOCOLS when no protocol has that name. */
enum protocol protocol_by_name(const char *name);

/* Who sent it. The client is the side that opened the connection. */
enum side { FROM_CLIENT, FROM_SERVER };

static inline enum side other_side(enum side from)
{
    return from == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT;
}

#endif
