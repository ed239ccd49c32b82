/* dbhound drill: practise; a scenario through the whole pipeline, scored. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/drill_rules.h"
#include "app/drill_run.h"
#include "app/output.h"
#include "app/rows.h"
#include "app/run.h"
#include "base/log.h"

/* Ten logins take about this long. */
static const int64_t GUESSED_NS = INT64_C(30) * 1000000000;
/* A death is dated by its first end, slowness and silence by what came before or after it. */
static const int64_t BEFORE_NS = INT64_C(1000000000), AFTER_NS = INT64_C(10) * 1000000000;
/* From the death to the row: some patience with a machine that has other things to do. */
static const int64_t LATE_NS = INT64_C(5) * 1000000000;

static void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(1));
    fputc('\n', stdout);
    json_decref(value);
}

static int list(const struct options *o)
{
    static const char *const titles[] = {"DRILL", "WHAT HAPPENS", NULL};
    struct error why;
    struct screen screen;
    struct listing t;
    if (!screen_open(&screen, stdout, o, &why))
        return command_fail(&drill_command, &why);
    if (options_have(o, OPTION_JSON)) {
        json_t *all = json_array();
        for (unsigned i = 0; drill_scenario_at(i); i++)
            json_array_append_new(all, json_pack("{s:s,s:s}", "drill", drill_scenario_at(i)->name, "text", drill_scenario_at(i)->text));
        print_json(all);
        return EXIT_DONE;
    }
    listing_open(&t, titles);
    for (unsigned i = 0; drill_scenario_at(i); i++) {
        listing_add(&t, drill_scenario_at(i)->name, PAINT_BOLD);
        listing_add(&t, drill_scenario_at(i)->text, PAINT_NONE);
    }
    listing_print(&t, &screen);
    return EXIT_DONE;
}

/* The capture: where -w says, else a file that is gone when the drill is over. */
static bool write_capture(const struct drill_scenario *s, const struct options *o, char *path, size_t size, struct error *why)
{
    const char *given = options_text(o, OPTION_WRITE), *folder = getenv("TMPDIR");
    uint64_t seed = 1;
    FILE *out;
    if (!options_number(o, OPTION_SEED, 0, UINT32_MAX, &seed, why))
        return false;
    if (given) {
        snprintf(path, size, "%s", given);
        out = output_create(path, why);
    } else {
        snprintf(path, size, "%s/dbhound-drill.XXXXXX", folder && *folder ? folder : "/tmp");
        int to = mkstemp(path);
        if (!(out = to < 0 ? NULL : fdopen(to, "w")))
            error_set(why, EXIT_CANNOT_CREATE, "cannot create %s: %s", path, strerror(errno));
    }
    bool done = out && output_finish(out, path, drill_play(s, seed, out, why), why);
    if (out && !done && !given)
        unlink(path);
    return done;
}

static int replay(const char *path, const char *name, const struct options *o, int64_t *run_id)
{
    struct error why;
    struct run r = {.options = o, .silent = options_have(o, OPTION_JSON)};
    struct source_options options = {NULL, &r.counters};
    const char *const paths[] = {path};
    TEXT_ON_STACK(sources, 128);
    int result;
    text_add(&sources, "%s", name);
    if ((r.source = source_open_files(paths, 1, &options, &why)) && run_open(&r, "drill", sources.chars, &why)) {
        *run_id = r.summary.run_id;
        pipeline_run(r.pipeline, r.source, &run_stopped, NULL, NULL);
        result = run_end(&r, &drill_command);
    } else {
        result = run_refuse(&drill_command, &why);
    }
    run_close(&r);
    return result;
}

struct score {
    const struct screen *screen;
    json_t *checks; /* NULL: for people */
    bool good;
};

static void check(struct score *s, bool good, const char *what, const char *seen)
{
    s->good &= good;
    if (s->checks)
        json_array_append_new(s->checks, json_pack("{s:s,s:b,s:s}", "what", what, "good", good, "seen", seen));
    else
        fprintf(s->screen->out, "%s%s%s  %s: %s\n", paint(s->screen, good ? PAINT_LOW : PAINT_HIGH), good ? "ok    " : "MISSED",
                paint(s->screen, PAINT_NONE), what, seen);
}

/* The first incident of a server in the run. */
struct said {
    bool found;
    int64_t began_ns;
    char verdict[32], backup[64], killer[64];
};

static bool find_incident(struct sqlite3 *db, int64_t run_id, const char *server, struct said *row, struct error *why)
{
    sqlite3_stmt *s = query_number(db,
                                   "SELECT i.began_ns, i.verdict, ifnull(i.backup_ip, ''), ifnull(s.client_ip, '') FROM v_incidents i"
                                   " LEFT JOIN v_suspects s ON s.incident_id = i.incident_id AND s.rank = 1 WHERE i.run_id = ?1 AND i.server_ip = ?2"
                                   " ORDER BY i.began_ns LIMIT 1",
                                   run_id, why);
    if (!s)
        return false;
    sqlite3_bind_text(s, 2, server, -1, SQLITE_STATIC);
    int result = sqlite3_step(s);
    *row = (struct said){.found = result == SQLITE_ROW};
    if (row->found) {
        row->began_ns = sqlite3_column_int64(s, 0);
        snprintf(row->verdict, sizeof row->verdict, "%s", query_text(s, 1));
        snprintf(row->backup, sizeof row->backup, "%s", query_text(s, 2));
        snprintf(row->killer, sizeof row->killer, "%s", query_text(s, 3));
    }
    return query_done(s, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

/* What really happened. */
struct truth {
    const char *server, *backup, *killer;
    int64_t strikes_ns, run_id;
};

static double seconds_between(int64_t from_ns, int64_t to_ns)
{
    return from_ns && to_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void score_row(int64_t happened_ns, int64_t stored_ns, const char *what, struct score *s)
{
    char text[96];
    snprintf(text, sizeof text, "%.2f s after that", seconds_between(happened_ns, stored_ns));
    check(s, happened_ns && stored_ns && stored_ns - happened_ns < LATE_NS, what, stored_ns ? text : "not while it was played");
}

/* What only a live drill can show. */
static void score_live(const struct drill_seen *seen, const struct drill_scenario *d, struct score *s)
{
    char text[96];
    snprintf(text, sizeof text, "process %" PRId64 ", %s", seen->process, strsignal(seen->signal));
    check(s, seen->died_ns && seen->signal, "the stand-in died", seen->died_ns ? text : "it lives");
    score_row(seen->died_ns, seen->stored_ns[0], "in the store", s);
    if (d->expected.backup_verdict)
        score_row(seen->mute_ns, seen->stored_ns[1], "the backup hung, and that is in the store", s);
}

/* A rule that must speak of the killer, soon, and of nobody else. */
static bool score_rule(struct sqlite3 *db, unsigned sid, const struct truth *truth, struct score *s, struct error *why)
{
    char text[96], what[48];
    sqlite3_stmt *row = query_number(db, "SELECT min(time_ns), min(client_ip), count(DISTINCT client_ip) FROM v_alerts WHERE run_id = ?1 AND sid = ?2 AND server_ip = ?3",
                                     truth->run_id, why);
    if (!row)
        return false;
    sqlite3_bind_int64(row, 2, sid);
    sqlite3_bind_text(row, 3, truth->server, -1, SQLITE_STATIC);
    int result = sqlite3_step(row);
    int64_t seen_ns = result == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    bool killer = result == SQLITE_ROW && sqlite3_column_int(row, 2) == 1 && strcmp(query_text(row, 1), truth->killer) == 0;
    snprintf(what, sizeof what, "rule %u", sid);
    snprintf(text, sizeof text, "%.2f s after it began, of %s", seconds_between(truth->strikes_ns, seen_ns), killer ? truth->killer : "somebody else");
    check(s, killer && seen_ns - truth->strikes_ns < GUESSED_NS, what, seen_ns ? text : "silent");
    return query_done(row, result == SQLITE_ROW ? SQLITE_DONE : result, why);
}

static bool score_run(struct sqlite3 *db, const struct drill_scenario *d, const struct truth *truth, struct score *s, struct error *why)
{
    struct said row, second;
    char text[96];
    if (!find_incident(db, truth->run_id, truth->server, &row, why) || !find_incident(db, truth->run_id, truth->backup, &second, why))
        return false;
    if (!d->expected.verdict) {
        check(s, !row.found, "verdict", row.found ? row.verdict : "no incident, and there was none");
        return score_rule(db, d->expected.sids[0], truth, s, why) && score_rule(db, d->expected.sids[1], truth, s, why);
    }
    int64_t off = row.began_ns - truth->strikes_ns;
    snprintf(text, sizeof text, "%.3f s after it struck", (double)off / 1e9);
    check(s, row.found && off > -BEFORE_NS && off < AFTER_NS, "dated", row.found ? text : "no incident");
    snprintf(text, sizeof text, "%s, and it was %s", row.found ? row.verdict : "none", d->expected.verdict);
    check(s, row.found && strcmp(row.verdict, d->expected.verdict) == 0, "verdict", text);
    if (d->expected.killer_first) {
        snprintf(text, sizeof text, "%s, and it was %s", *row.killer ? row.killer : "nobody", truth->killer);
        check(s, strcmp(row.killer, truth->killer) == 0, "prime suspect", text);
    }
    if (d->expected.backup)
        check(s, strcmp(row.backup, truth->backup) == 0, "backup", *row.backup ? row.backup : "not seen");
    if (d->expected.backup_verdict) {
        snprintf(text, sizeof text, "%s, and it was %s", second.found ? second.verdict : "none", d->expected.backup_verdict);
        check(s, second.found && strcmp(second.verdict, d->expected.backup_verdict) == 0, "verdict on the backup", text);
    }
    return true;
}

/* Prints what a drill that was played came to. */
static int score(const struct drill_scenario *d, const struct options *o, const struct screen *screen, const struct truth *truth, const struct drill_seen *seen)
{
    struct error why;
    struct score s = {.screen = screen, .checks = options_have(o, OPTION_JSON) ? json_array() : NULL, .good = true};
    struct sqlite3 *db = command_store(o, &why);
    if (db && seen)
        score_live(seen, d, &s);
    bool done = db && score_run(db, d, truth, &s, &why);
    sqlite3_close(db);
    if (!done)
        return command_fail(&drill_command, &why);
    if (s.checks) {
        json_t *all = json_pack("{s:s,s:b,s:I,s:o}", "drill", d->name, "good", s.good, "run_id", (json_int_t)truth->run_id, "checks", s.checks);
        if (seen)
            json_object_update_new(all, json_pack("{s:f,s:f}", "seconds_to_row", seconds_between(seen->died_ns, seen->stored_ns[0]),
                                                  "seconds_to_row_of_hang", seconds_between(seen->mute_ns, seen->stored_ns[1])));
        print_json(all);
    }
    return s.good ? EXIT_DONE : EXIT_MATCHED;
}

static int drill(const struct drill_scenario *d, const struct options *o)
{
    char path[4096];
    struct error why;
    struct screen screen;
    struct truth truth = {.server = "10.9.1.1", .backup = "10.9.1.2", .killer = drill_killer(), .strikes_ns = drill_strikes_ns(d)};
    if (!screen_open(&screen, stdout, o, &why) || !write_capture(d, o, path, sizeof path, &why))
        return run_refuse(&drill_command, &why);
    struct drill_rules rules = {.options = *o};
    bool ready = d->expected.verdict || drill_rules_add(o, &rules, &why);
    int result = ready ? replay(path, d->name, &rules.options, &truth.run_id) : run_refuse(&drill_command, &why);
    drill_rules_close(&rules, o);
    if (!options_have(o, OPTION_WRITE))
        unlink(path);
    return result == EXIT_DONE || result == EXIT_MATCHED ? score(d, o, &screen, &truth, NULL) : result;
}

static int play_live(const struct drill_scenario *d, const struct options *o)
{
    struct error why;
    struct screen screen;
    struct drill_seen seen;
    uint64_t seed = 1;
    if (options_have(o, OPTION_WRITE))
        return command_usage(&drill_command, "--live writes no capture (-w): its packets are real; record them with tcpdump -i lo net 127.9.0.0/16");
    if (!d->live)
        return command_usage(&drill_command, "'%s' cannot be played live: nobody dies in it, or it takes hours; these can: packet-of-death-mysql, "
                                             "packet-of-death-pgsql, failover, silent-backup", d->name);
    if (!options_number(o, OPTION_SEED, 0, UINT32_MAX, &seed, &why) || !screen_open(&screen, stdout, o, &why))
        return run_refuse(&drill_command, &why);
    int result = drill_live(d, seed, o, &seen);
    if (seen.interrupted)
        return result == EXIT_DONE ? EXIT_MATCHED : result;
    const struct truth truth = {.server = drill_live_servers[0], .backup = drill_live_servers[1], .killer = "127.9.0.66", .strikes_ns = seen.struck_ns, .run_id = seen.run_id};
    return result == EXIT_DONE || result == EXIT_MATCHED ? score(d, o, &screen, &truth, &seen) : result;
}

static int run(const struct options *o)
{
    char *const *name = o->operands;
    size_t count = o->operand_count;
    if (count && strcmp(*name, "run") == 0) {
        name++;
        if (--count == 0)
            return command_usage(&drill_command, "run which drill? 'dbhound drill list' lists them");
    }
    if (count == 0 || (count == 1 && strcmp(*name, "list") == 0))
        return list(o);
    const struct drill_scenario *d = drill_scenario_named(*name);
    if (count > 1 || !d) {
        TEXT_ON_STACK(shown, 64);
        text_add_escaped(&shown, view_text(*name));
        return command_usage(&drill_command, "there is no drill '%s'; 'dbhound drill list' lists them", shown.chars);
    }
    return options_have(o, OPTION_LIVE) ? play_live(d, o) : drill(d, o);
}

const struct command drill_command = {
    .name = "drill",
    .usage = "[list | [run] NAME] [-d FILE] [--live] [--seed N] [-w FILE] [--json]",
    .summary = "practise: a made-up disaster goes through the whole pipeline, and what dbhound says of it is compared with the truth",
    .examples = "dbhound drill\n"
                "dbhound drill packet-of-death-mysql -d drill.db && dbhound why -d drill.db\n"
                "dbhound drill afternoon -d drill.db -w afternoon.pcap && dbhound report -d drill.db\n"
                "dbhound drill run failover --live -d drill.db\n",
    .exits = "0 everything was found; 1 something was missed, or Ctrl-C; 64 wrong usage; 69 and 77 the loopback cannot be captured (--live); 73 and 74 the store or the capture cannot be written",
    .takes = TAKES(DB) | TAKES(LIVE) | TAKES(SEED) | TAKES(WRITE) | TAKES(RULES) | TAKES(ONLY_RULES) | TAKES(TUNING) | TAKES(WORKERS) | TAKES(MEMORY) | TAKES(QUIET) | TAKES(JSON),
    .run = run,
};
