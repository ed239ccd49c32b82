/* What a live drill came to, apart from what is in the store. */
#ifndef DBHOUND_APP_DRILL_RUN_H
#define DBHOUND_APP_DRILL_RUN_H

#include "app/command.h"
#include "app/drill.h"

/* Times of the day; 0: it did not happen. */
struct drill_seen {
    int64_t run_id;
    int64_t struck_ns, died_ns, mute_ns;
    int64_t stored_ns[DRILL_SERVERS]; /* a reader of the store sees an incident of that server: noticed up to 0.1 s late */
    int64_t process;
    int signal;        /* it ended by this */
    bool interrupted;
};

extern const char *const drill_live_servers[DRILL_SERVERS];

/* Plays the drill on the loopback and watches it. Returns an exit code, EXIT_DONE or EXIT_MATCHED when there is something to
 * score; else has said why not. */
int drill_live(const struct drill_scenario *d, uint64_t seed, const struct options *o, struct drill_seen *seen);

#endif
