/*
 * The wiring of the rooms: packets from a source, through the flight recorder, net, proto and detect, to the recorder.
 */
#ifndef DBHOUND_SRC_APP_PIPELINE_H
#define DBHOUND_SRC_APP_PIPELINE_H

#include "capture/source.h"
#include "app/evidence.h"
#include "app/recorder.h"

struct pipeline_options {
    size_t memory_bytes;    /* --memory: everything on the packet path comes from it */
    bool check_checksums;   /* -k all */
    struct evidence_options evidence;
};

struct pipeline;

struct pipeline *pipeline_open(const struct pipeline_options *options, const struct rule_set *rules, struct recorder *recorder,
                               struct counters *counters, struct error *why) MUST_CHECK;
/* Reads the source to its end, or until *stop becomes true. `progress` (may be NULL) is called now and then. */
void pipeline_run(struct pipeline *p, struct source *source, const volatile bool *stop, void (*progress)(void *), void *context);
/* Delivers what is held and closes every connection. */
void pipeline_finish(struct pipeline *p);
uint64_t pipeline_flows(const struct pipeline *p, enum protocol protocol);
uint64_t pipeline_messages(const struct pipeline *p, enum protocol protocol);
void pipeline_close(struct pipeline *p);

#endif
