/* What happens to connections and servers, as messages that nobody sent: rules with on:flow_start, flow_end and second are asked about
 * them (detector_event). They go from the client to the server, have no bytes, and are good until the room is used again. */
#ifndef DBHOUND_DETECT_EVENT_H
#define DBHOUND_DETECT_EVENT_H

#include "model/event.h"
#include "proto/conversation.h"

struct event_room {
    struct findings findings;
    struct message message;
    struct segment where;
    struct flow flow;
};

const struct message *event_flow_start(struct event_room *room, struct flow *flow, const struct segment *where);
const struct message *event_flow_end(struct event_room *room, struct flow *flow, enum flow_end end, const struct segment *where);
/* What a server did in the second before `time_ns`: `values` are its fields server.*; one that is left out is absent. */
const struct message *event_second(struct event_room *room, const struct decoder *decoder, const struct endpoint *server, int64_t time_ns,
                                   const struct field_value *values, unsigned used);

#endif
