/*
 * What was not seen of each server. Which of them a mirror shows one side of only: requests without answers, or answers
 * without requests, say less than both, and where a switch copies one direction of a port nobody else will say so. And how
 * much of their connections could be read.
 */
#ifndef DBHOUND_SRC_APP_SIDES_H
#define DBHOUND_SRC_APP_SIDES_H

#include "base/pool.h"
#include "model/protocol.h"
#include "net/stream.h"
#include "proto/conversation.h"

enum { SIDED_SERVERS_MAX = 1024 };

struct sided_server {
    struct endpoint endpoint;
    enum protocol protocol;
    uint64_t connections;
    uint64_t only[2]; /* by enum side: those of which nothing else was captured */
    int64_t first_ns, last_ns;
    struct sight sight;
};

/* Sorted by endpoint. Servers beyond SIDED_SERVERS_MAX are left out. */
struct sides {
    struct sided_server *servers;
    size_t used;
};

bool sides_open(struct sides *s, struct arena *from) MUST_CHECK;
/* A database connection that is over. */
void sides_note(struct sides *s, const struct flow *flow, enum protocol protocol, const struct sight *sight);
void sides_add(struct sides *to, const struct sides *from);
/* Whether nearly all of the server's connections were captured of one side only: of this one. */
bool sides_is_one_sided(const struct sided_server *server, enum side *seen);

#endif
