/* dbhound rules reload: tells the watch that writes to a store to read its rules again, and says what came of it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "app/query.h"
#include "app/reload.h"
#include "app/rules_verbs.h"

enum { WAIT_MS = 30000, STEP_MS = 20 };

static bool wait_for(const char *store, unsigned long long before, struct reload_status *status, struct error *why)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    long process;
    for (unsigned waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        if (!reload_status_read(store, &process, status, why))
            return error_set(why, EXIT_NO_INPUT, "the watch ended before it had read its rules again");
        if (status->times != before)
            return true;
        nanosleep(&step, NULL);
    }
    return error_set(why, EXIT_IO, "the watch has not answered for %d seconds", WAIT_MS / 1000);
}

int rules_reload_run(const struct options *o)
{
    const char *store = options_store(o);
    struct reload_status before, after;
    struct error why;
    long process;
    if (!reload_status_read(store, &process, &before, &why))
        return command_fail(&rules_command, &why);
    if (kill((pid_t)process, SIGHUP) != 0) {
        error_set(&why, errno == EPERM ? EXIT_NO_PERMISSION : EXIT_NO_INPUT, "the watch (process %ld) cannot be told: %s", process, strerror(errno));
        return command_fail(&rules_command, &why);
    }
    if (!wait_for(store, before.times, &after, &why))
        return command_fail(&rules_command, &why);
    if (options_have(o, OPTION_JSON)) {
        json_t *all = json_pack("{s:b, s:I, s:s, s:s, s:f, s:o}", "loaded", !*after.error, "rules", (json_int_t)after.rules, "hash", after.hash, "hash_before",
                                before.hash, "pause_ms", after.pause_ms, "error", *after.error ? query_json_text(after.error) : json_null());
        json_dumpf(all, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(all);
    } else if (!*after.error) {
        printf("%llu rules run: set %s%s%s (%.1f ms between two reads)\n", after.rules, after.hash, strcmp(before.hash, after.hash) ? ", before " : ", as before",
               strcmp(before.hash, after.hash) ? before.hash : "", after.pause_ms);
    }
    if (!*after.error)
        return EXIT_DONE;
    error_set(&why, EXIT_DATA, "nothing was changed: %.400s", after.error);
    return options_have(o, OPTION_JSON) ? EXIT_DATA : command_fail(&rules_command, &why);
}
