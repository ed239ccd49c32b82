/* dbhound watch: decodes a live interface until it is stopped; alerts appear as lines while it runs, the sum at the end. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/privileges.h"
#include "app/run.h"
#include "base/log.h"
#include "serve/fast.h"

enum { QUIET_SECONDS = 10, DRAIN_SECONDS = 1, FILTER_BYTES = 4096 };

struct watch {
    struct run run;
    const char *interface;
    uint64_t seconds;           /* 0: until stopped */
    double started, heard, drain_until;
    uint64_t heard_packets;
    bool quiet_told, lines;
    volatile bool drained;
};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void print_line(void *context, const struct alert *alert, const struct rule_facts *rule)
{
    (void)context;
    TEXT_ON_STACK(line, 1024);
    fast_line(&line, alert, rule);
    printf("%s\n", line.chars);
    fflush(stdout);
}

/* The interface's own word, "up" or "down". */
static bool link_is_down(const char *interface)
{
    char path[128], word[16] = "";
    snprintf(path, sizeof path, "/sys/class/net/%.64s/operstate", interface);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool down = fgets(word, sizeof word, file) && strncmp(word, "down", 4) == 0;
    fclose(file);
    return down;
}

static void say_silence(struct watch *w, double now)
{
    uint64_t received = w->run.counters.value[COUNT_PACKETS_RECEIVED];
    if (received != w->heard_packets) {
        w->heard_packets = received;
        w->heard = now;
        w->quiet_told = false;
    }
    if (w->quiet_told || now - w->heard < QUIET_SECONDS || source_is_away(w->run.source))
        return;
    w->quiet_told = true;
    log_notice("no packet on %s for %d seconds: %s", w->interface, QUIET_SECONDS,
               link_is_down(w->interface)                       ? "the link is down"
               : options_text(w->run.options, OPTION_FILTER) || w->run.options->operand_count
                   ? "none matches the filter, or the mirror port sends nothing"
                   : "the mirror port sends nothing");
}

static void look_at_clock(void *context)
{
    struct watch *w = context;
    double now = run_seconds_now();
    if (w->seconds && now - w->started >= (double)w->seconds)
        run_stopped = true;
    if (w->drain_until > 0 && now >= w->drain_until)
        w->drained = true;
}

/* Between two reads that found packets: time passes, rows are committed, drops are counted. */
static void idle(struct watch *w)
{
    struct error why;
    pipeline_tick(w->run.pipeline, wall_ns());
    source_count_drops(w->run.source);
    if (!store_commit(w->run.store, &why))
        log_error("%s", why.text);
    say_silence(w, run_seconds_now());
    look_at_clock(w);
}

static void watch_until_stopped(struct watch *w)
{
    w->started = w->heard = run_seconds_now();
    while (!run_stopped) {
        pipeline_run(w->run.pipeline, w->run.source, &run_stopped, look_at_clock, w);
        idle(w);
    }
    /* What the kernel still holds was on the wire before we were told to stop. */
    w->drain_until = run_seconds_now() + DRAIN_SECONDS;
    pipeline_run(w->run.pipeline, w->run.source, &w->drained, look_at_clock, w);
    source_count_drops(w->run.source);
}

static bool open_interface(struct watch *w, char *filter, struct error *why)
{
    const struct options *o = w->run.options;
    uint64_t ring = 0;
    struct text words = text_in(filter, FILTER_BYTES);
    w->interface = options_text(o, OPTION_INTERFACE);
    if (!w->interface)
        return error_set(why, EXIT_USAGE, "name the interface with -i (see --list-interfaces)");
    if (!options_size(o, OPTION_RING, 64 << 10, 1 << 30, &ring, why) ||
        !options_number(o, OPTION_SECONDS, 1, UINT32_MAX, &w->seconds, why))
        return false;
    if (options_text(o, OPTION_FILTER))
        text_add(&words, "%s", options_text(o, OPTION_FILTER));
    for (size_t i = 0; i < o->operand_count; i++)
        text_add(&words, "%s%s", words.length ? " " : "", o->operands[i]);
    if (words.cut)
        return error_set(why, EXIT_USAGE, "the filter is too long");
    struct live_options live = {w->interface, filter, (size_t)ring, &w->run.counters};
    w->run.source = source_open_live(&live, why);
    return w->run.source != NULL;
}

static int list_interfaces(void)
{
    struct error why;
    return source_print_interfaces(&why) ? EXIT_DONE : command_fail(&watch_command, &why);
}

static int watch_run(const struct options *o)
{
    static struct watch w; /* zeroed; signal handlers and callbacks outlive no stack frame */
    char filter[FILTER_BYTES];
    struct error why;
    int result;
    if (options_have(o, OPTION_LIST_INTERFACES))
        return list_interfaces();
    w.run.options = o;
    w.lines = !options_have(o, OPTION_QUIET) && !options_have(o, OPTION_JSON);
    if (open_interface(&w, filter, &why) && run_open(&w.run, "watch", w.interface, &why) && privileges_drop(true, &why)) {
        run_catch_signals();
        if (w.lines)
            recorder_listen(w.run.recorder, print_line, NULL);
        log_notice("watching %s; Ctrl-C ends it", w.interface);
        watch_until_stopped(&w);
        result = run_end(&w.run, &watch_command);
    } else {
        result = run_refuse(&watch_command, &why);
    }
    run_close(&w.run);
    return result;
}

const struct command watch_command = {
    .name = "watch",
    .usage = "-i INTERFACE [options] [FILTER...]",
    .summary = "decode a live interface until stopped: alerts as lines, stored with samples, the sum at the end",
    .examples = "dbhound watch -i eth1\n"
                "dbhound watch -i mirror0 -d /var/lib/dbhound/today.db tcp port 3306 or tcp port 5432\n"
                "dbhound watch --list-interfaces\n",
    .exits = "0 stopped by SIGINT, SIGTERM or --seconds; 1 --fail-on matched; 64 usage; 66 no such interface; 69 no capture; "
             "73 and 74 the store cannot be written; 77 no permission",
    .takes = TAKES(INTERFACE) | TAKES(RING) | TAKES(SECONDS) | TAKES(LIST_INTERFACES) | RUN_OPTIONS,
    .run = watch_run,
};
