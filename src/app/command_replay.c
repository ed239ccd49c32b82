/* dbhound replay: decodes captures, stores alerts and samples, prints what it came to. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/command.h"
#include "app/pipeline.h"
#include "app/ruleset.h"
#include "app/spread.h"
#include "app/summary.h"
#include "base/log.h"

enum { DAMAGES_MAX = 64 };

struct replay {
    const struct options *options;
    struct rule_set *rules;
    struct store *store;
    struct source *source;
    struct recorder *recorder;
    struct pipeline *pipeline;
    struct counters counters;
    struct source_damage damages[DAMAGES_MAX];
    struct summary summary;
    uint64_t fail_on; /* 0: never */
    bool progress;
};

static volatile bool stop_reading;

/* The first Ctrl-C stops reading and keeps what was found; the second aborts. */
static void interrupt(int signal_number)
{
    if (stop_reading)
        _exit(128 + signal_number);
    stop_reading = true;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show_progress(void *context)
{
    struct replay *r = context;
    uint64_t done, all;
    const char *path;
    source_progress(r->source, &done, &all, &path);
    if (all)
        fprintf(stderr, "\r%3llu %%  %s\033[K", (unsigned long long)(done * 100 / all), path ? path : "");
}

static bool open_pipeline(struct replay *r, struct error *why)
{
    struct pipeline_options options = {
        .memory_bytes = (size_t)1 << 30,
        .evidence = {.before = 16, .after = 8},
    };
    uint64_t memory = options.memory_bytes, workers = 0;
    const char *checksums = options_text(r->options, OPTION_CHECKSUMS);
    if (!options_size(r->options, OPTION_MEMORY, 64 << 20, UINT64_C(1) << 40, &memory, why) ||
        !options_number(r->options, OPTION_WORKERS, 0, WORKERS_MAX, &workers, why))
        return false;
    options.workers = (unsigned)workers;
    options.memory_bytes = (size_t)memory;
    if (checksums && strcmp(checksums, "all") != 0 && strcmp(checksums, "none") != 0)
        return error_set(why, EXIT_USAGE, "-k takes all or none, not %s", checksums);
    options.check_checksums = checksums && strcmp(checksums, "all") == 0;
    r->pipeline = pipeline_open(&options, r->rules, r->recorder, &r->counters, why);
    return r->pipeline != NULL;
}

static bool open_source(struct replay *r, struct error *why)
{
    const struct options *o = r->options;
    const char *paths[256];
    size_t used = 0;
    for (size_t i = 0; options_nth(o, OPTION_READ, i) && used < 256; i++)
        paths[used++] = options_nth(o, OPTION_READ, i);
    for (size_t i = 0; i < o->operand_count && used < 256; i++)
        paths[used++] = o->operands[i];
    if (used == 0)
        return error_set(why, EXIT_USAGE, "name a capture file, a directory, or - for standard input");
    if (used == 256)
        return error_set(why, EXIT_USAGE, "more than 255 files; name their directory instead");
    struct source_options options = {options_text(o, OPTION_FILTER), &r->counters};
    r->source = source_open_files(paths, used, &options, why);
    return r->source != NULL;
}

static bool begin_run(struct replay *r, struct error *why)
{
    TEXT_ON_STACK(sources, 4096);
    TEXT_ON_STACK(hash, 32);
    for (size_t i = 0; i < r->options->operand_count; i++)
        text_add(&sources, "%s%s", i ? "\n" : "", r->options->operands[i]);
    ruleset_hash(r->rules, &hash);
    r->summary.run_id = store_begin_run(r->store, "replay", sources.chars, hash.chars, why);
    return r->summary.run_id != 0;
}

static bool replay_open(struct replay *r, struct error *why)
{
    const struct options *o = r->options;
    if (!options_severity(o, OPTION_FAIL_ON, &r->fail_on, why) || !open_source(r, why) || !(r->rules = ruleset_open(o, why)))
        return false;
    r->summary.store_path = options_store(o);
    if (!(r->store = store_open(r->summary.store_path, why)) || !begin_run(r, why))
        return false;
    if (!(r->recorder = recorder_open(r->rules, r->store, &r->counters)))
        return error_set(why, EXIT_INTERNAL, "out of memory");
    return open_pipeline(r, why);
}

static void replay_read(struct replay *r)
{
    double began = seconds_now();
    r->progress = isatty(STDERR_FILENO) && !options_have(r->options, OPTION_QUIET);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    pipeline_run(r->pipeline, r->source, &stop_reading, r->progress ? show_progress : NULL, r);
    pipeline_finish(r->pipeline);
    recorder_finish(r->recorder);
    if (r->progress)
        fprintf(stderr, "\r\033[K");
    r->summary.seconds = seconds_now() - began;
}

static int replay_result(struct replay *r)
{
    const struct alert_sums *sums = recorder_sums(r->recorder);
    if (r->summary.damages_used)
        return EXIT_PARTIAL;
    for (uint64_t severity = 1; severity <= r->fail_on; severity++)
        if (sums->by_severity[severity])
            return EXIT_MATCHED;
    return EXIT_DONE;
}

static int replay_end(struct replay *r, struct error *why)
{
    while (r->summary.damages_used < DAMAGES_MAX &&
           source_damage(r->source, r->summary.damages_used, &r->damages[r->summary.damages_used]))
        r->summary.damages_used++;
    r->summary.damages = r->damages;
    r->summary.counters = &r->counters;
    r->summary.rules = r->rules;
    r->summary.recorder = r->recorder;
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        r->summary.flows[p] = pipeline_flows(r->pipeline, (enum protocol)p);
        r->summary.messages[p] = pipeline_messages(r->pipeline, (enum protocol)p);
    }
    int result = replay_result(r);
    struct error end;
    bool stored = recorder_healthy(r->recorder, why);
    if (!store_commit(r->store, stored ? why : &end))
        stored = false;
    store_count_losses(r->store, &r->counters);
    if (!store_end_run(r->store, &r->counters, stored ? result : EXIT_IO, stored ? why : &end))
        stored = false;
    if (options_have(r->options, OPTION_JSON))
        summary_print_json(stdout, &r->summary);
    else if (!options_have(r->options, OPTION_QUIET))
        summary_print(stdout, &r->summary);
    for (size_t i = 0; i < r->summary.damages_used; i++)
        log_error("%s: %s at byte %llu", r->damages[i].path, r->damages[i].reason, (unsigned long long)r->damages[i].offset);
    return stored ? result : (int)why->code;
}

static void replay_close(struct replay *r)
{
    pipeline_close(r->pipeline);
    recorder_close(r->recorder);
    if (r->source)
        source_close(r->source);
    if (r->store)
        store_close(r->store);
    if (r->rules)
        rules_close(r->rules);
}

static int replay_run(const struct options *o)
{
    struct error why = {EXIT_DONE, ""};
    struct replay r = {.options = o};
    int result;
    if (replay_open(&r, &why)) {
        replay_read(&r);
        result = replay_end(&r, &why);
        if (why.code != EXIT_DONE)
            command_fail(&replay_command, &why);
    } else {
        result = why.code == EXIT_USAGE ? command_usage(&replay_command, "%s", why.text) : command_fail(&replay_command, &why);
    }
    replay_close(&r);
    return result;
}

const struct command replay_command = {
    .name = "replay",
    .usage = "[options] FILE|DIR|-...",
    .summary = "decode captures, store alerts and samples, print the sum",
    .examples = "dbhound replay incident.pcap\n"
                "dbhound replay -d case42.db -f 'host 10.0.0.5' /var/captures\n"
                "zcat mirror.pcap.gz | dbhound replay --json - | jq .alerts\n",
    .exits = "0 done; 1 --fail-on matched; 2 a capture is damaged, what could be read was used; 64 usage; 65 no rule of -S loads; "
             "66 no such capture; 73 and 74 the store cannot be written",
    .takes = TAKES(READ) | TAKES(FILTER) | TAKES(CHECKSUMS) | TAKES(MEMORY) | TAKES(WORKERS) | TAKES(RULES) | TAKES(ONLY_RULES) | TAKES(FAIL_ON) |
             TAKES(DB) | TAKES(JSON),
    .run = replay_run,
};
