/*
 * The worker's side of health: counts what each server does and remembers the last words of each client. Takes no memory
 * after pulse_open; a connection costs PULSE bytes, a server some KiB, both bounded: what finds no room is counted.
 */
#ifndef DBHOUND_HEALTH_PULSE_H
#define DBHOUND_HEALTH_PULSE_H

#include "health/sign.h"
#include "proto/conversation.h"

struct pulse;

struct pulse_options {
    size_t connections;
    size_t servers;
    unsigned worker;       /* the first one tells the time */
    void *context;
    void (*tell)(void *context, const struct sign *sign, size_t length);
};

/* Bytes that a connection takes. */
size_t pulse_connection_cost(void);
/* The kinds of facts it must hear of. */
uint32_t pulse_facts(void);
struct pulse *pulse_open(struct arena *from, const struct pulse_options *options, struct counters *counters);
void pulse_message(struct pulse *p, const struct utterance *message);
/* An alert was raised on the message that was given last; `key` is the alert's. */
void pulse_alert(struct pulse *p, const struct message *message, uint64_t key, uint8_t severity);
/* Bytes of a side were lost: who waits for what is no longer known. */
void pulse_gap(struct pulse *p, struct flow *flow, enum side from, const struct segment *where);
void pulse_finished(struct pulse *p, struct flow *flow, enum side from, const struct segment *where);
void pulse_closed(struct pulse *p, struct flow *flow, enum flow_end end, enum side by, const struct segment *where);
/* What net says of single segments. */
void pulse_segment(struct pulse *p, struct flow *flow, enum side from, enum segment_sign sign, const struct segment *where);
/* A beat out of turn. */
void pulse_beat_now(struct pulse *p, int64_t now_ns);
/* Packet time has come to this. Cheap; tells beats when they are due. `last`: the run is over. */
void pulse_time(struct pulse *p, int64_t now_ns, bool last);

#endif
