/* When rules are asked: about a message, or about something that happens to a connection or a server. */
#ifndef DBHOUND_MODEL_EVENT_H
#define DBHOUND_MODEL_EVENT_H

enum event {
    EVENT_MESSAGE,
    EVENT_FLOW_START, /* a connection's first bytes told which database it speaks */
    EVENT_FLOW_END,   /* it is over */
    EVENT_SECOND,     /* what a server did in a second of packet time, once that is over */
    EVENTS
};

const char *event_name(enum event event);         /* "flow_end", as `on` writes it */
enum event event_by_name(const char *name);       /* EVENTS when unknown */

#endif
