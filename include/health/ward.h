/*
 * The recorder's side of health: from the workers' signs it keeps one chart per server, sees deaths and what only looks like
 * them, ranks suspects, and tells incidents as they open, change and end. Packet time only; bounded; the same for any number
 * of workers.
 */
#ifndef DBHOUND_HEALTH_WARD_H
#define DBHOUND_HEALTH_WARD_H

#include "health/incident.h"

struct ward;

struct ward_sink {
    void *context;
    /* Told again whenever something of it changes. */
    void (*incident)(void *context, const struct incident *incident);
    void (*vitals)(void *context, const struct vitals *vitals);
    /* Of a ward that is live: the last second of a server; its times are those of the minute so far. */
    void (*now)(void *context, const struct vitals *vitals, int64_t time_ns);
    /* What is known of a visitor, again whenever a minute is over in which it came. */
    void (*visitor)(void *context, const struct visitor *visitor);
};

struct ward *ward_open(const struct ward_sink *sink);
void ward_close(struct ward *w);
/* From now on it tells each second. */
void ward_go_live(struct ward *w);
void ward_take(struct ward *w, const struct sign *sign);
/* Charts and incidents for which there was no room. */
uint64_t ward_shed(const struct ward *w);

#endif
