/*
 * Samples: the packets of a connection before, at and after an alert, as one pcapng with the reason as packet comment.
 *
 * A sample begins at the alert with what the flight recorder still has, gathers the next packets as they come, and is
 * finished when it has enough, when the connection ends, or when its place is needed. Secrets are masked then, while
 * the connection still knows where they are. Bounded: so many samples at once, so many bytes each.
 */
#ifndef DBHOUND_SRC_APP_EVIDENCE_H
#define DBHOUND_SRC_APP_EVIDENCE_H

#include "base/pool.h"
#include "capture/flight.h"
#include "model/alert.h"
#include "net/stream.h"
#include "app/outlet.h"

struct evidence;

struct evidence_options {
    unsigned before, after; /* packets; defaults 16 and 8 */
    size_t samples;         /* gathered at once */
    uint64_t reach;         /* packets of the run that a sample may look back */
};

/* Bytes that one of the samples gathered at once takes. */
size_t evidence_sample_cost(void);
struct evidence *evidence_open(struct arena *from, const struct evidence_options *options, const struct flight *flight,
                               struct outlet *outlet, struct counters *counters);
/* An alert on this connection: begins a sample or joins the one being gathered; returns its key, 0 when there is no room.
 * `key` is the alert's, `ticket` the packet that the comment belongs to. A sample is kept when one of its alerts `may` be
 * stored. */
uint64_t evidence_alert(struct evidence *e, struct flow *flow, uint64_t key, uint64_t ticket, const char *comment, bool may);
/* A packet of a connection with flow->sample set. */
void evidence_packet(struct evidence *e, struct flow *flow, const struct raw_packet *packet, uint64_t ticket);
/* What the server said: goes to every alert of the sample that has no verdict yet. */
void evidence_verdict(struct evidence *e, struct flow *flow, const char *verdict);
/* The connection is over; `ticket` is the packet that ended it. */
void evidence_close(struct evidence *e, struct flow *flow, uint64_t ticket);

#endif
