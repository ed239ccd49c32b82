/*
 * What a rule set said, alert by alert, so that two sets can be compared: each alert is known by its rule and by the message it
 * is about, whatever run it comes from.
 */
#ifndef DBHOUND_SRC_APP_SAID_H
#define DBHOUND_SRC_APP_SAID_H

#include <stddef.h>

#include "model/alert.h"

enum { SAID_MOST = 4000000, SAID_MSG_MAX = 96 };

struct said_alert {
    uint32_t gid, sid;
    uint64_t message; /* hash of when, who to whom, and which message */
    int64_t time_ns;
    struct endpoint client, server;
    bool to_client;
};

struct said {
    struct said_alert *alerts;
    size_t used, room;
    bool full; /* the rest was left out */
};

/* `place` tells messages of one packet apart, and the same packet in several inputs. */
void said_add(struct said *s, const struct said_alert *alert, uint64_t place);
/* Sorts; the same alert of the same message counts once. */
void said_settle(struct said *s);
void said_free(struct said *s);
/* Negative: a before b. */
int said_compare(const struct said_alert *a, const struct said_alert *b);

#endif
