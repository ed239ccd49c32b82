/*
 * Servers that no decoder claims: on which ports they are, and what libndpi says they speak. Who runs dbhound for the first time
 * finds here the database on a port of its own that was joined in the middle, or that nobody knew of.
 */
#ifndef DBHOUND_SRC_APP_OTHERS_H
#define DBHOUND_SRC_APP_OTHERS_H

#include "base/pool.h"
#include "net/stream.h"

enum { OTHER_SERVERS_MAX = 1024 };

struct other_server {
    struct endpoint endpoint;
    uint64_t connections;
    uint16_t spoken; /* names: spoken; the first that was known, else 0 */
};

/* Sorted by endpoint. Servers beyond OTHER_SERVERS_MAX are left out. */
struct others {
    struct other_server *servers;
    size_t used;
};

bool others_open(struct others *o, struct arena *from) MUST_CHECK;
void others_note(struct others *o, const struct endpoint *server, uint16_t spoken, uint64_t connections);
void others_add(struct others *to, const struct others *from);
/* A database, or nobody knows what: worth a look. */
bool others_may_be_database(uint16_t spoken);

#endif
