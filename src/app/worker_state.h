/* What a worker is made of. worker.c opens it and feeds it packets; worker_hear.c takes what its rooms say. */
#ifndef DBHOUND_APP_WORKER_STATE_H
#define DBHOUND_APP_WORKER_STATE_H

#include "app/worker.h"
#include "detect/event.h"
#include "detect/habits.h"

enum { BATCH = 32, BY_TIME_SHIFT = 56 };

/* A packet is counted and nothing else, a TCP segment, a fragment of a datagram that comes to something now, or a UDP datagram
 * for a decoder. */
enum what { WHAT_SKIPPED, WHAT_SEGMENT, WHAT_FRAGMENT, WHAT_UDP };

struct worker {
    struct arena arena;
    struct generation {
        struct arena arena; /* of the detector */
        struct detector *detector;
        const struct rule_set *rules;
    } now, next;
    struct counters *counters;
    struct flight *flight;
    struct net *net;
    struct dialogue *dialogue;
    struct evidence *evidence;
    struct pulse *pulse;
    const struct geo *geo;
    struct habits *habits; /* learned; NULL: nothing is */
    const struct habits *known;
    struct memos *memos;   /* NULL: none are made */
    const struct spread *spread;
    struct turns *turns;
    struct outlet outlet;
    struct sides sides;
    struct others others;
    struct event_room event;
    unsigned index;
    int64_t now_ns;
    int64_t clock_ns; /* of the last lot, for everybody the same */
    uint64_t by_time; /* 0: because of a packet; else the room whose time has come */
    uint64_t alerts;  /* the last alert's key */
    struct net_packet packets[BATCH];
    uint32_t own[BATCH];
    uint8_t what[BATCH];                     /* enum what */
    const struct datagram *datagrams[BATCH]; /* WHAT_FRAGMENT */
    struct fragments *fragments;             /* NULL: the feed has them */
    uint8_t *datagram;
};

enum { BY_TIME_NET = 1, BY_TIME_DIALOGUE = 2, BY_TIME_PULSE = 3, BY_TIME_TOLD = 4 /* after every worker's pulse */ };

/* worker_hear.c: where the rooms of this worker say what they have; `facts` and `pulse_facts` are set. */
struct message_sink worker_ears(struct worker *w);
void worker_hears_segment(void *worker, struct flow *flow, enum side from, enum segment_sign sign, const struct segment *where);
void worker_hears_sign(void *worker, const struct sign *sign, size_t length);
void worker_hears_memo(void *worker, const struct memo *memo);

#endif
