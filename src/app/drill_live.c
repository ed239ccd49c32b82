/* A live drill's side that watches: see drill_live.h. It is a watch of the loopback that ends with the play. */
#include "app/drill_run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/drill_live.h"
#include "app/rows.h"
#include "app/run.h"
#include "base/log.h"
#include "store/store.h"

struct show {
    struct run run;
    struct stage stage;
    struct sqlite3 *db; /* for reading: what others would see */
    struct drill_seen *seen;
    uint64_t ticked_packets;
    bool over;
    struct error why; /* why it could not be played */
};

const char *const drill_live_servers[DRILL_SERVERS] = {"127.9.1.1", "127.9.1.2"};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void take_news(struct show *s)
{
    for (struct stage_news said = stage_read(&s->stage); said.told != STAGE_TOLD_NOTHING && !s->over; said = stage_read(&s->stage)) {
        switch ((enum stage_told)said.told) {
        case STAGE_TOLD_STRUCK:
            s->seen->struck_ns = said.time_ns;
            break;
        case STAGE_TOLD_DIED:
            if (s->seen->died_ns)
                break;
            s->seen->died_ns = said.time_ns;
            s->seen->process = said.process;
            s->seen->signal = said.number;
            log_notice("process %lld ended: %s", (long long)said.process, strsignal(said.number));
            break;
        case STAGE_TOLD_MUTE:
            s->seen->mute_ns = said.time_ns;
            break;
        case STAGE_TOLD_FAILED:
            error_set(&s->why, EXIT_NO_CAPTURE, "the drill cannot be played on the loopback: %s", strerror(said.number));
            s->over = true;
            break;
        case STAGE_TOLD_OVER:
        case STAGE_TOLD_NOTHING:
            s->over = true;
            break;
        }
    }
}

/* Whoever reads the store sees the incident now. */
static void look_for_incident(struct show *s, unsigned server)
{
    struct error why;
    struct drill_seen *seen = s->seen;
    if (!seen->struck_ns || seen->stored_ns[server] || (!s->db && !(s->db = command_store(s->run.options, &why))))
        return;
    sqlite3_stmt *row = query_number(s->db, "SELECT 1 FROM v_incidents WHERE run_id = ?1 AND server_ip = ?2", s->run.summary.run_id, &why);
    int result = row ? sqlite3_bind_text(row, 2, drill_live_servers[server], -1, SQLITE_STATIC) : SQLITE_ERROR;
    if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW) {
        seen->stored_ns[server] = wall_ns();
        log_notice("an incident of %s is in the store", drill_live_servers[server]);
        result = SQLITE_DONE;
    }
    if (!row || !query_done(row, result, &why))
        log_warning("%s", why.text);
}

static void look_around(void *context)
{
    struct show *s = context;
    struct error why;
    source_count_drops(s->run.source);
    if (!store_commit(s->run.store, &why))
        log_error("%s", why.text);
    take_news(s);
    for (unsigned i = 0; i < DRILL_SERVERS; i++)
        look_for_incident(s, i);
    if (s->over)
        run_stopped = true;
}

static void watch(struct show *s)
{
    static const volatile bool never = false;
    stage_begin(&s->stage);
    while (!run_stopped && !source_is_over(s->run.source)) {
        pipeline_run(s->run.pipeline, s->run.source, &run_stopped, look_around, s);
        if (s->run.counters.value[COUNT_PACKETS_RECEIVED] == s->ticked_packets)
            pipeline_tick(s->run.pipeline, wall_ns());
        s->ticked_packets = s->run.counters.value[COUNT_PACKETS_RECEIVED];
        look_around(s);
    }
    s->seen->interrupted = !s->over;
    run_stopped = true;
    source_stop(s->run.source);
    while (!source_is_over(s->run.source))
        pipeline_run(s->run.pipeline, s->run.source, &never, NULL, NULL);
    source_count_drops(s->run.source);
}

static bool open_show(struct show *s, const char *name, struct error *why)
{
    const struct live_options live = {.interface = "lo", .filter = "net 127.9.0.0/16 and tcp", .counters = &s->run.counters};
    if (!(s->run.source = source_open_live(&live, why)))
        return false;
    return !source_is_down(s->run.source) ? run_open(&s->run, "drill", name, why) : error_set(why, EXIT_NO_CAPTURE, "the loopback is down");
}

int drill_live(const struct drill_scenario *d, uint64_t seed, const struct options *o, struct drill_seen *seen)
{
    static struct show s; /* zeroed */
    struct error why;
    int result;
    *seen = (struct drill_seen){0};
    s = (struct show){.run = {.options = o, .live = true, .silent = options_have(o, OPTION_JSON)}, .seen = seen};
    if (!stage_open(&s.stage, d, seed, &why))
        return run_refuse(&drill_command, &why);
    TEXT_ON_STACK(name, 128);
    text_add(&name, "%s (live)", d->name);
    if (open_show(&s, name.chars, &why)) {
        run_catch_signals();
        seen->run_id = s.run.summary.run_id;
        log_notice("the drill %s is played on the loopback; Ctrl-C ends it", d->name);
        watch(&s);
        sqlite3_close(s.db);
        result = run_end(&s.run, &drill_command);
        if (s.why.code)
            result = command_fail(&drill_command, &s.why);
    } else {
        result = run_refuse(&drill_command, &why);
    }
    stage_close(&s.stage);
    run_close(&s.run);
    return result;
}
