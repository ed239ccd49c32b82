/* One run of the pipeline: see run.h. */
#include "app/run.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/places.h"
#include "app/privileges.h"
#include "app/reload.h"
#include "app/ruleset.h"
#include "app/spread.h"
#include "base/log.h"
#include "detect/habits.h"
#include "proto/keylog.h"

volatile bool run_stopped;

/* The first Ctrl-C stops reading and keeps what was found; the second aborts. */
static void interrupt(int signal_number)
{
    if (run_stopped)
        _exit(128 + signal_number);
    run_stopped = true;
}

void run_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

double run_seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool open_pipeline(struct run *r, struct error *why)
{
    struct pipeline_options options = {
        .memory_bytes = (size_t)1 << 30,
        .evidence = {.before = 16, .after = 8},
        .classify = true,
    };
    uint64_t memory = options.memory_bytes, workers = 0;
    const char *checksums = options_text(r->options, OPTION_CHECKSUMS);
    if (!options_size(r->options, OPTION_MEMORY, 64 << 20, UINT64_C(1) << 40, &memory, why) ||
        !options_number(r->options, OPTION_WORKERS, 0, WORKERS_MAX, &workers, why))
        return false;
    const char *hosts;
    for (size_t i = 0; (hosts = options_nth(r->options, OPTION_OS_POLICY, i)); i++)
        if (!host_rules_add(&options.hosts, hosts, why))
            return false;
    r->places = places_open(r->options);
    options.keylog = r->keylog;
    options.geo = places_geo(r->places);
    options.known = r->known;
    options.memos = options_have(r->options, OPTION_FACTS);
    options.workers = (unsigned)workers;
    options.memory_bytes = (size_t)memory;
    if (checksums && strcmp(checksums, "all") != 0 && strcmp(checksums, "none") != 0 && strcmp(checksums, "auto") != 0)
        return error_set(why, EXIT_USAGE, "-k takes all, auto or none, not %s", checksums);
    options.check_checksums = checksums && strcmp(checksums, "all") == 0;
    options.ignore_checksums = checksums && strcmp(checksums, "none") == 0;
    r->pipeline = pipeline_open(&options, r->rules, r->recorder, &r->counters, why);
    return r->pipeline != NULL;
}

/* Who becomes a user makes the store as that user. Who stays root opens it first: in a directory of somebody else's, root
 * without its overriding capability may not. */
static bool open_store(struct run *r, const char *command, const char *sources, struct error *why)
{
    TEXT_ON_STACK(hash, 32);
    if (r->user && !privileges_drop(r->live, r->user, why))
        return false;
    if (!(r->store = store_open(r->summary.store_path, why)) || (r->live && (r->claimed = reload_claim(r->summary.store_path, why)) < 0))
        return false;
    ruleset_hash(r->rules, &hash);
    r->summary.run_id = store_begin_run(r->store, command, sources, hash.chars, why);
    return r->summary.run_id && (r->user || privileges_drop(r->live, NULL, why));
}

static void take_habits(void *context, const char *address, uint16_t port, const char *protocol, struct view bytes)
{
    struct endpoint server = {.port = port};
    const enum protocol spoken = protocol_by_name(protocol ? protocol : "");
    bool good = address && spoken < PROTOCOLS;
    if (good && inet_pton(AF_INET, address, server.address + 12) == 1)
        server.address[10] = server.address[11] = 0xff;
    else
        good = good && inet_pton(AF_INET6, address, server.address) == 1;
    if (!good || !habits_load(context, &server, spoken, bytes))
        log_warning("what %s port %u is used to cannot be read, and is learned anew", address ? address : "a server", port);
}

static void take_secrets(void *context, struct view text, uint64_t packets)
{
    keylog_add(context, text, packets);
}

static bool open_habits(struct run *r, struct error *why)
{
    if (!options_have(r->options, OPTION_HABITS))
        return true;
    if (!(r->known = habits_open()))
        return error_set(why, EXIT_INTERNAL, "out of memory");
    if (!recorder_learn(r->recorder, r->known))
        return error_set(why, EXIT_INTERNAL, "out of memory");
    return store_read_habits(r->store, take_habits, r->known, why);
}

/* Live there are only the secrets of --keylog; a capture may bring its own. Opened before privileges are given up. */
static bool open_keylog(struct run *r, struct error *why)
{
    const char *path = options_text(r->options, OPTION_KEYLOG);
    if (r->live && !path)
        return true;
    if (!(r->keylog = keylog_open(why)) || (path && !keylog_read(r->keylog, path, r->live, why)))
        return false;
    if (path && keylog_sessions(r->keylog) == 0 && !r->live)
        log_warning("the key log %s has no secret of a TLS session", path);
    uint64_t strange = path ? keylog_strange_lines(r->keylog) : 0;
    if (strange)
        log_warning("the key log %s has %llu line%s that %s no secret", path, (unsigned long long)strange, strange == 1 ? "" : "s", strange == 1 ? "is" : "are");
    source_on_secrets(r->source, take_secrets, r->keylog);
    return true;
}

bool run_open(struct run *r, const char *command, const char *sources, struct error *why)
{
    r->summary.store_path = options_store(r->options);
    if (!options_severity(r->options, OPTION_FAIL_ON, &r->fail_on, why) || !(r->rules = ruleset_open(r->options, why)) ||
        !open_keylog(r, why) || !open_store(r, command, sources, why))
        return false;
    if (!(r->recorder = recorder_open(r->rules, r->store, &r->counters)))
        return error_set(why, EXIT_INTERNAL, "out of memory");
    if (r->live)
        recorder_go_live(r->recorder);
    if (options_have(r->options, OPTION_FACTS) && !recorder_keep_memos(r->recorder))
        return error_set(why, EXIT_INTERNAL, "out of memory");
    r->began = run_seconds_now();
    return open_habits(r, why) && open_pipeline(r, why) && (!r->live || (r->reload = reload_open(r, why))) &&
           privileges_confine(r->live, why);
}

static int run_result(const struct run *r)
{
    const struct alert_sums *sums = recorder_sums(r->recorder);
    if (r->summary.damages_used)
        return EXIT_PARTIAL;
    for (uint64_t severity = 1; severity <= r->fail_on; severity++)
        if (sums->by_severity[severity])
            return EXIT_MATCHED;
    return EXIT_DONE;
}

static void fill_summary(struct run *r)
{
    struct summary *s = &r->summary;
    while (s->damages_used < RUN_DAMAGES_MAX && source_damage(r->source, s->damages_used, &r->damages[s->damages_used]))
        s->damages_used++;
    s->damages = r->damages;
    s->counters = &r->counters;
    s->rules = r->rules;
    s->recorder = r->recorder;
    s->sides = pipeline_sides(r->pipeline);
    s->others = pipeline_others(r->pipeline);
    for (uint16_t i = 0; i < SPOKEN_WORDS; i++)
        s->spoken[i] = pipeline_spoken(r->pipeline, i);
    s->seconds = run_seconds_now() - r->began;
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        s->flows[p] = pipeline_flows(r->pipeline, (enum protocol)p);
        s->messages[p] = pipeline_messages(r->pipeline, (enum protocol)p);
    }
}

static struct rule_stats *collect_stats(const struct run *r)
{
    struct rule_stats *all = calloc(rules_loaded(r->rules) + 1, sizeof *all);
    for (uint32_t i = 0; all && i < rules_loaded(r->rules); i++) {
        pipeline_rule_stats(r->pipeline, i, &all[i]);
        recorder_rule_stats(r->recorder, i, &all[i]);
    }
    return all;
}

static bool store_stats(const struct run *r, const struct rule_stats *all, struct error *why)
{
    for (uint32_t i = 0; all && i < rules_loaded(r->rules); i++) {
        struct rule_facts rule;
        rules_facts(r->rules, i, &rule);
        const uint64_t sums[] = {all[i].evaluated, all[i].matched, all[i].suppressed, all[i].cost_ns};
        if (all[i].evaluated && !store_add_rule_stats(r->store, rule.sid, sums, why))
            return false;
    }
    return true;
}

bool run_change_rules(struct run *r, struct rule_set *rules, struct error *why)
{
    struct error later;
    struct rule_stats *stats = collect_stats(r);
    const bool changed = pipeline_change_rules(r->pipeline, rules, why);
    if (changed) {
        if (!store_stats(r, stats, &later))
            log_error("%s", later.text);
        rules_close(r->rules);
        r->rules = rules;
    }
    free(stats);
    return changed;
}

bool run_settle_habits(struct run *r, struct error *why)
{
    struct endpoint server;
    enum protocol protocol;
    void *bytes;
    size_t length;
    bool good = true;
    if (!r->known)
        return true;
    pipeline_settle_habits(r->pipeline, r->known);
    recorder_settle_habits(r->recorder, r->known);
    for (size_t i = 0; good && habits_save(r->known, i, &server, &protocol, &bytes, &length); i++) {
        good = bytes ? store_put_habits(r->store, &server, protocol, view_of(bytes, length), why) : error_set(why, EXIT_INTERNAL, "out of memory");
        free(bytes);
    }
    return good;
}

static bool store_sights(const struct run *r, struct error *why)
{
    const struct sides *sides = r->summary.sides;
    for (size_t i = 0; i < sides->used; i++) {
        const struct sided_server *server = &sides->servers[i];
        const struct sight *s = &server->sight;
        const struct store_sight seen = {server->connections, s->decoded, s->encrypted, s->unsupported, s->passed, s->lost, (uint64_t)s->blind_ns};
        if (!store_set_sight(r->store, &server->endpoint, server->protocol, &seen, why))
            return false;
    }
    return true;
}

static void print_sum(const struct run *r)
{
    if (options_have(r->options, OPTION_JSON))
        summary_print_json(stdout, &r->summary);
    else if (!options_have(r->options, OPTION_QUIET))
        summary_print(stdout, &r->summary);
}

int run_end(struct run *r, const struct command *command)
{
    struct error why, later;
    pipeline_finish(r->pipeline);
    recorder_finish(r->recorder);
    fill_summary(r);
    int result = run_result(r);
    bool stored = recorder_healthy(r->recorder, &why);
    if (!store_commit(r->store, stored ? &why : &later))
        stored = false;
    struct rule_stats *stats = collect_stats(r);
    if (!store_stats(r, stats, stored ? &why : &later))
        stored = false;
    free(stats);
    bool settled = run_settle_habits(r, stored ? &why : &later);
    if (r->known)
        count_many(&r->counters, COUNT_HABITS_SHED, habits_refused(r->known));
    if (!settled || !store_sights(r, stored ? &why : &later))
        stored = false;
    store_count_losses(r->store, &r->counters);
    if (!store_end_run(r->store, &r->counters, stored ? result : EXIT_IO, stored ? &why : &later))
        stored = false;
    if (!r->silent)
        print_sum(r);
    for (size_t i = 0; i < r->summary.damages_used; i++)
        log_error("%s: %s at byte %llu", r->damages[i].path, r->damages[i].reason, (unsigned long long)r->damages[i].offset);
    return stored ? result : command_fail(command, &why);
}

int run_refuse(const struct command *command, const struct error *why)
{
    return why->code == EXIT_USAGE ? command_usage(command, "%s", why->text) : command_fail(command, why);
}

void run_close(struct run *r)
{
    reload_close(r->reload);
    if (r->claimed > 0)
        close(r->claimed);
    pipeline_close(r->pipeline);
    places_close(r->places);
    habits_close(r->known);
    keylog_close(r->keylog);
    recorder_close(r->recorder);
    if (r->source)
        source_close(r->source);
    if (r->store)
        store_close(r->store);
    if (r->rules)
        rules_close(r->rules);
}
