/*
 * One worker: the rooms from the flight recorder to detection, for the connections that are its own. It shares nothing but
 * what it is given: the rules (read only), the directory of servers, and its outlet.
 */
#ifndef DBHOUND_SRC_APP_WORKER_H
#define DBHOUND_SRC_APP_WORKER_H

#include "app/evidence.h"
#include "app/feed.h"
#include "app/outlet.h"
#include "health/pulse.h"
#include "proto/conversation.h"

struct worker_options {
    size_t memory_bytes;
    size_t flight_packets;  /* how far back samples may look, in packets of the run */
    bool check_checksums, ignore_checksums;
    struct evidence_options evidence;
    const struct rule_set *rules;
    struct directory *directory;
    unsigned index;
    struct turns *turns;    /* NULL with a worker alone */
    const struct spread *spread;
};

struct worker;

/* NULL: *why says what. `counters` are this worker's own. */
struct worker *worker_open(const struct worker_options *options, const struct outlet *outlet, struct counters *counters,
                           struct error *why) MUST_CHECK;
/* Decodes what is its own of a lot, and looks at the time where the lot says so. */
void worker_take(struct worker *w, const struct lot *lot);
/* Packet time has come to this without a packet. */
void worker_tick(struct worker *w, int64_t now_ns);
/* Delivers what is held and closes every connection; `latest` is the number of the run's last packet. */
void worker_finish(struct worker *w, uint64_t latest);
uint64_t worker_flows(const struct worker *w, enum protocol protocol);
uint64_t worker_messages(const struct worker *w, enum protocol protocol);
void worker_close(struct worker *w);

#endif
