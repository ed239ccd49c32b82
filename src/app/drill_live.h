/*
 * Drills that are played live: a server on this machine's loopback that speaks enough of its protocol for the drill and really
 * dies of the packet of death, clients that work with it, and the capture that watches them.
 *
 * The play has processes of its own, without capabilities and without the capture: a stage, which is all clients and starts
 * the servers, and the servers. When the drill ends, in whatever way, all of them end.
 */
#ifndef DBHOUND_APP_DRILL_LIVE_H
#define DBHOUND_APP_DRILL_LIVE_H

#include "app/drill.h"

/* ---- drill_stage.c */

enum stage_told {
    STAGE_TOLD_STRUCK, /* the message that kills is sent */
    STAGE_TOLD_DIED,   /* the process that read it is gone */
    STAGE_TOLD_MUTE,   /* the backup is stopped, and lives */
    STAGE_TOLD_OVER,   /* the play is over */
    STAGE_TOLD_FAILED, /* it cannot be played: `number` is an errno */
    STAGE_TOLD_NOTHING,
};

/* One write to a pipe. */
struct stage_news {
    uint32_t told; /* enum stage_told */
    int32_t number; /* of the signal that ended the process, or an errno */
    int64_t process;
    int64_t time_ns; /* of the day */
};

struct stage {
    int news, lead; /* pipes: from it and to it */
};

/* Makes the process, which waits. Before there are threads, sockets and the store. */
bool stage_open(struct stage *s, const struct drill_scenario *scenario, uint64_t seed, struct error *why) MUST_CHECK;
/* Curtain up. */
void stage_begin(struct stage *s);
/* What it told since, or STAGE_TOLD_NOTHING: does not wait. */
struct stage_news stage_read(struct stage *s);
/* Returns when no process of the play is left. */
void stage_close(struct stage *s);

/* The address of a client or a server, as the packets of a drill have it, but on the loopback. */
uint32_t stage_client_address(unsigned last);
uint32_t stage_server_address(unsigned last);

/* ---- drill_standin.c */

/* Serves what connects to `listening` until it dies. `first_number`: of its connections. News of a process's death goes to
 * `news` where whoever made this one cannot see it. */
_Noreturn void standin_serve(enum protocol protocol, int listening, uint32_t first_number, int news);
/* Ends with whoever made it. */
void standin_follow(int parent);
/* Writes one piece of news. */
void standin_tell(int news, enum stage_told told, long process, int number);
/* Bytes of the first whole message of `used`, 0 when it is not whole yet. `startup`: PostgreSQL's first message has no type. */
size_t standin_message(enum protocol protocol, bool startup, const uint8_t *bytes, size_t used);
/* A socket at 127.9.1.x, at the given port or any when it is taken; -1 with errno. *port becomes the port. */
int standin_listen(unsigned last, uint16_t *port);

#endif
