/* dbhound watch: decodes a live interface until it is stopped; alerts appear as lines while it runs, the sum at the end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/places.h"
#include "app/reload.h"
#include "app/spread.h"
#include "base/log.h"
#include "serve/fast.h"

enum { QUIET_SECONDS = 10, SETTLE_SECONDS = 600, FILTER_BYTES = 4096 };

struct watch {
    struct run run;
    const char *interface;
    uint64_t seconds;           /* 0: until stopped */
    double started, heard, settled;
    uint64_t heard_packets, ticked_packets;
    uint64_t passed_by;         /* packets the interface had received when the last one was heard */
    bool quiet_told, failure_told, lines;
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

/* What the interface received in all, matching or not; 0 when the system does not say. */
static uint64_t interface_packets(const char *interface)
{
    char path[128];
    unsigned long long packets = 0;
    snprintf(path, sizeof path, "/sys/class/net/%.64s/statistics/rx_packets", interface);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &packets) != 1)
        packets = 0;
    fclose(file);
    return packets;
}

static void read_rules_again(int signal_number)
{
    (void)signal_number;
    reload_ask();
}

static bool is_filtered(const struct watch *w)
{
    return options_text(w->run.options, OPTION_FILTER) || w->run.options->operand_count;
}

static const char *silence(const struct watch *w)
{
    if (source_is_down(w->run.source))
        return "the link is down";
    if (is_filtered(w) && interface_packets(w->interface) > w->passed_by)
        return "there are some, but none matches the filter (behind VLAN tags it must begin with: vlan and)";
    return "the mirror port sends nothing";
}

static void say_silence(struct watch *w, double now)
{
    uint64_t received = w->run.counters.value[COUNT_PACKETS_RECEIVED];
    if (received != w->heard_packets || w->heard <= w->started) {
        w->heard_packets = received;
        w->heard = now;
        w->quiet_told = false;
        w->passed_by = is_filtered(w) ? interface_packets(w->interface) : 0;
    }
    if (w->quiet_told || now - w->heard < QUIET_SECONDS || source_is_away(w->run.source))
        return;
    w->quiet_told = true;
    log_notice("no packet on %s for %d seconds: %s", w->interface, QUIET_SECONDS, silence(w));
}

/* The store's failure is said once, and again when it comes back after a success. */
static void commit(struct watch *w)
{
    struct error why;
    bool stored = store_commit(w->run.store, &why);
    if (!stored && !w->failure_told)
        log_error("%s", why.text);
    w->failure_told = !stored;
}

/* At least once a second, between two reads. */
static void look_around(void *context)
{
    struct watch *w = context;
    double now = run_seconds_now();
    source_count_drops(w->run.source);
    commit(w);
    say_silence(w, now);
    if (w->seconds && now - w->started >= (double)w->seconds)
        run_stopped = true;
}

/* Time is the packets' own, and passes by the clock only when none wait to be read. */
static void let_time_pass(struct watch *w)
{
    uint64_t received = w->run.counters.value[COUNT_PACKETS_RECEIVED];
    if (received == w->ticked_packets)
        pipeline_tick(w->run.pipeline, wall_ns());
    w->ticked_packets = received;
}

/* What was learned in the last minutes is known from now on, and outlives this process. */
static void settle_habits(struct watch *w)
{
    struct error why;
    const double now = run_seconds_now();
    if (now - w->settled < SETTLE_SECONDS)
        return;
    w->settled = now;
    if (!run_settle_habits(&w->run, &why))
        log_error("%s", why.text);
}

static void watch_until_stopped(struct watch *w)
{
    static const volatile bool never = false;
    w->started = w->heard = w->settled = run_seconds_now();
    while (!run_stopped && !source_is_over(w->run.source)) {
        pipeline_run(w->run.pipeline, w->run.source, &run_stopped, look_around, w);
        let_time_pass(w);
        look_around(w);
        reload_look(w->run.reload, &w->run);
        settle_habits(w);
        places_look(w->run.places, w->run.pipeline);
    }
    /* What the kernel still holds was on the wire before we were told to stop. */
    run_stopped = true;
    source_stop(w->run.source);
    while (!source_is_over(w->run.source))
        pipeline_run(w->run.pipeline, w->run.source, &never, NULL, NULL);
    source_count_drops(w->run.source);
}

static bool open_interface(struct watch *w, char *filter, struct error *why)
{
    const struct options *o = w->run.options;
    uint64_t ring = 0, most = 0, workers = 0;
    struct text words = text_in(filter, FILTER_BYTES);
    w->interface = options_text(o, OPTION_INTERFACE);
    if (!w->interface)
        return error_set(why, EXIT_USAGE, "name the interface with -i (see --list-interfaces)");
    if (!options_size(o, OPTION_RING, 64 << 10, 1 << 30, &ring, why) ||
        !options_number(o, OPTION_SECONDS, 1, UINT32_MAX, &w->seconds, why) ||
        !options_number(o, OPTION_COUNT, 1, INT64_MAX, &most, why) || !options_number(o, OPTION_WORKERS, 0, WORKERS_MAX, &workers, why))
        return false;
    if (options_text(o, OPTION_FILTER))
        text_add(&words, "%s", options_text(o, OPTION_FILTER));
    for (size_t i = 0; i < o->operand_count; i++)
        text_add(&words, "%s%s", words.length ? " " : "", o->operands[i]);
    if (words.cut)
        return error_set(why, EXIT_USAGE, "the filter is too long");
    struct live_options live = {
        .interface = w->interface,
        .filter = filter,
        .ring_bytes = (size_t)ring,
        .packets_most = most,
        .rings = (size_t)workers,
        .stamps = options_text(o, OPTION_STAMPS),
        .counters = &w->run.counters,
    };
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
    w.run.live = true;
    w.run.user = options_text(o, OPTION_USER);
    w.lines = !options_have(o, OPTION_QUIET) && !options_have(o, OPTION_JSON);
    if (open_interface(&w, filter, &why) && run_open(&w.run, "watch", w.interface, &why)) {
        run_catch_signals();
        signal(SIGHUP, read_rules_again); /* a terminal that goes away does not end the watch */
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
    .exits = "0 stopped by SIGINT, SIGTERM, --seconds or --count; 1 --fail-on matched; 64 usage; 66 no such interface; 69 no capture; "
             "73 and 74 the store cannot be written; 77 no permission",
    .takes = TAKES(INTERFACE) | TAKES(RING) | TAKES(STAMPS) | TAKES(SECONDS) | TAKES(COUNT) | TAKES(USER) | TAKES(LIST_INTERFACES) | RUN_OPTIONS,
    .run = watch_run,
};
