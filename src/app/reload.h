/*
 * Rules that change while a watch runs. A thread of its own reads and builds the new set, so that packets go on; the watch puts it
 * in place between two reads, when every worker has passed. Any error keeps the set that runs.
 *
 * A file beside the store (STORE.watch) is locked by the watch and says what the running set is: `dbhound rules reload` finds the
 * process by the lock, sends it SIGHUP, and reads there what came of it.
 */
#ifndef DBHOUND_SRC_APP_RELOAD_H
#define DBHOUND_SRC_APP_RELOAD_H

#include "app/run.h"

struct reload;

/* The file beside the store, opened and locked, where the store is opened: later there may be no right to. -1: *why says what
 * (another watch uses this store). */
int reload_claim(const char *store, struct error *why) MUST_CHECK;
/* Before system calls are confined, since it starts a thread. Takes over r->claimed. */
struct reload *reload_open(const struct run *r, struct error *why) MUST_CHECK;
/* From a signal handler: read the files again. */
void reload_ask(void);
/* Between two reads: starts what was asked for, and puts in place what is ready. */
void reload_look(struct reload *l, struct run *r);
void reload_close(struct reload *l);

/* What a watch says of itself. */
struct reload_status {
    unsigned long long times;   /* the set was put in place, the start included, or refused */
    unsigned long long rules;
    char hash[32], error[512];  /* of the last: "" put in place */
    double pause_ms;            /* what it took between two reads */
};
/* The watch of the store, and what it says. False: EXIT_NO_INPUT, there is none. */
bool reload_status_read(const char *store, long *process, struct reload_status *out, struct error *why) MUST_CHECK;

#endif
