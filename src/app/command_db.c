/* dbhound db info|verify|purge|vacuum: the store itself. */
#include <inttypes.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/command.h"
#include "app/query.h"
#include "app/render.h"
#include "app/suggest.h"
#include "store/store.h"

static uint64_t file_size(const char *path, const char *end)
{
    char name[4096];
    struct stat file;
    snprintf(name, sizeof name, "%s%s", path, end);
    return stat(name, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static bool ask(struct sqlite3 *db, const char *key, const char *sql, json_t *into, struct error *why)
{
    sqlite3_stmt *row = query_number(db, sql, 0, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    json_t *value = NULL;
    if (result == SQLITE_ROW) {
        if (sqlite3_column_type(row, 0) == SQLITE_INTEGER)
            value = json_integer(sqlite3_column_int64(row, 0));
        else if (sqlite3_column_type(row, 0) == SQLITE_TEXT)
            value = query_json_text(query_text(row, 0));
        result = SQLITE_DONE;
    }
    json_object_set_new(into, key, value ? value : json_null());
    return query_done(row, result, why);
}

static bool read_info(struct sqlite3 *db, const char *path, json_t *info, struct error *why)
{
    json_object_set_new(info, "path", query_json_text(path));
    json_object_set_new(info, "bytes", json_integer((json_int_t)file_size(path, "")));
    json_object_set_new(info, "wal_bytes", json_integer((json_int_t)file_size(path, "-wal")));
    return ask(db, "schema", "PRAGMA user_version", info, why) && ask(db, "runs", "SELECT count(*) FROM v_runs", info, why) &&
           ask(db, "alerts", "SELECT count(*) FROM v_alerts", info, why) &&
           ask(db, "alerts_raised", "SELECT ifnull(sum(count), 0) FROM v_alerts", info, why) &&
           ask(db, "samples", "SELECT count(*) FROM v_samples", info, why) &&
           ask(db, "sample_bytes", "SELECT ifnull(sum(bytes), 0) FROM v_samples", info, why) &&
           ask(db, "facts", "SELECT count(*) FROM v_facts", info, why) &&
           ask(db, "fact_bytes", "SELECT ifnull(sum(bytes), 0) FROM v_facts", info, why) &&
           ask(db, "servers", "SELECT count(*) FROM v_servers", info, why) &&
           ask(db, "first_time_ns", "SELECT min(time_ns) FROM v_alerts", info, why) &&
           ask(db, "last_time_ns", "SELECT max(last_time_ns) FROM v_alerts", info, why) &&
           ask(db, "integrity", "PRAGMA quick_check(1)", info, why);
}

static uint64_t number_of(const json_t *info, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(info, key));
}

static const char *text_of(const json_t *info, const char *key)
{
    const char *text = json_string_value(json_object_get(info, key));
    return text ? text : "unknown";
}

static void print_info(const json_t *info)
{
    TEXT_ON_STACK(path, 512);
    TEXT_ON_STACK(size, 96);
    TEXT_ON_STACK(alerts, 128);
    TEXT_ON_STACK(samples, 96);
    TEXT_ON_STACK(facts, 96);
    TEXT_ON_STACK(span, 128);
    TEXT_ON_STACK(integrity, 1024);
    text_add_safe(&path, text_of(info, "path"));
    text_add_safe(&integrity, text_of(info, "integrity"));
    text_add_size(&size, number_of(info, "bytes"));
    if (number_of(info, "wal_bytes")) {
        text_add(&size, " and ");
        text_add_size(&size, number_of(info, "wal_bytes"));
        text_add(&size, " of log");
    }
    text_add_number(&alerts, number_of(info, "alerts"));
    text_add(&alerts, ", raised ");
    text_add_number(&alerts, number_of(info, "alerts_raised"));
    text_add(&alerts, " times");
    text_add_number(&samples, number_of(info, "samples"));
    text_add(&samples, ", ");
    text_add_size(&samples, number_of(info, "sample_bytes"));
    text_add_number(&facts, number_of(info, "facts"));
    text_add(&facts, ", ");
    text_add_size(&facts, number_of(info, "fact_bytes"));
    if (json_is_integer(json_object_get(info, "first_time_ns"))) {
        text_add_time(&span, json_integer_value(json_object_get(info, "first_time_ns")));
        text_add(&span, " to ");
        text_add_time(&span, json_integer_value(json_object_get(info, "last_time_ns")));
    } else {
        text_add(&span, "no alerts");
    }
    printf("store      %s\nsize       %s\nschema     %" PRIu64 "\nruns       %" PRIu64 "\nalerts     %s\nsamples    %s\nfacts      %s\nservers    %" PRIu64
           "\ntime       %s\nintegrity  %s\n",
           path.chars, size.chars, number_of(info, "schema"), number_of(info, "runs"), alerts.chars, samples.chars, facts.chars,
           number_of(info, "servers"), span.chars, integrity.chars);
}

static void add_problem(json_t *problems, const char *what, const char *words)
{
    TEXT_ON_STACK(problem, 1024);
    text_add(&problem, "%s: ", what);
    text_add_safe(&problem, words);
    json_array_append_new(problems, json_string(problem.chars));
}

static bool add_problems(struct sqlite3 *db, const char *sql, const char *what, json_t *problems, struct error *why)
{
    sqlite3_stmt *rows = query_number(db, sql, 0, why);
    int result;
    if (!rows)
        return false;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW)
        if (strcmp(query_text(rows, 0), "ok") != 0)
            add_problem(problems, what, query_text(rows, 0));
    return query_done(rows, result, why);
}

static bool check_samples(struct sqlite3 *db, json_t *problems, uint64_t *samples, struct error *why)
{
    sqlite3_stmt *rows = query_number(db, "SELECT sample_id, sha256, pcapng FROM v_samples ORDER BY sample_id", 0, why);
    int result;
    if (!rows)
        return false;
    for (; (result = sqlite3_step(rows)) == SQLITE_ROW; (*samples)++) {
        char digest[STORE_DIGEST_SIZE];
        struct view bytes = view_of(sqlite3_column_blob(rows, 2), (size_t)sqlite3_column_bytes(rows, 2));
        if (!store_digest(bytes, digest) || strcmp(digest, query_text(rows, 1)) != 0)
            add_problem(problems, "its bytes do not fit its SHA-256: sample", query_text(rows, 0));
    }
    return query_done(rows, result, why);
}

static int verify(struct sqlite3 *db, const struct options *o)
{
    struct error why;
    uint64_t samples = 0;
    json_t *problems = json_array();
    bool read = add_problems(db, "PRAGMA integrity_check(20)", "integrity", problems, &why) &&
                add_problems(db, "SELECT \"table\" || ' row ' || ifnull(rowid, '?') || ' points to no row of ' || parent"
                                 " FROM pragma_foreign_key_check LIMIT 20", "reference", problems, &why) &&
                check_samples(db, problems, &samples, &why);
    int result = read && json_array_size(problems) == 0 ? EXIT_DONE : EXIT_DATA;
    if (!read) {
        result = command_fail(&db_command, &why);
    } else if (options_have(o, OPTION_JSON)) {
        json_t *all = json_pack("{s:o, s:b, s:I, s:O}", "path", query_json_text(options_store(o)), "whole", result == EXIT_DONE, "samples_checked",
                                (json_int_t)samples, "problems", problems);
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
        json_decref(all);
    } else {
        for (size_t i = 0; i < json_array_size(problems); i++)
            printf("%s\n", json_string_value(json_array_get(problems, i)));
        if (result == EXIT_DONE)
            printf("whole: the database and its references, and the SHA-256 of %" PRIu64 " sample%s\n", samples,
                   samples == 1 ? "" : "s");
    }
    json_decref(problems);
    return result;
}

static int info(struct sqlite3 *db, const struct options *o)
{
    struct error why;
    json_t *all = json_object();
    bool read = read_info(db, options_store(o), all, &why);
    if (read && options_have(o, OPTION_JSON)) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
    } else if (read) {
        print_info(all);
    }
    bool whole = read && strcmp(text_of(all, "integrity"), "ok") == 0;
    json_decref(all);
    return !read ? command_fail(&db_command, &why) : whole ? EXIT_DONE : EXIT_DATA;
}

/* ---- what changes the store: as its one writer, so not while a watch runs */

static bool read_purge(const struct options *o, struct purge *p, struct error *why)
{
    struct timespec now;
    uint64_t sid = 0, keep = 0;
    const char *until = options_text(o, OPTION_UNTIL);
    clock_gettime(CLOCK_REALTIME, &now);
    *p = (struct purge){.has_before = until != NULL, .has_keep = options_have(o, OPTION_KEEP)};
    if (!options_number(o, OPTION_SID, 1, UINT32_MAX, &sid, why) || !options_number(o, OPTION_KEEP, 0, INT64_MAX, &keep, why))
        return false;
    if (until && !query_time(until, (int64_t)now.tv_sec * 1000000000, &p->before_ns))
        return error_set(why, EXIT_USAGE, "--until: this is no time");
    if (!until && !sid && !p->has_keep)
        return error_set(why, EXIT_USAGE, "say what goes: --until TIME (older than), --sid N, --keep N (all but the newest)");
    p->sid = (uint32_t)sid;
    p->keep = (int64_t)keep;
    return true;
}

static void print_purged(const struct options *o, const struct purged *g, bool done)
{
    if (options_have(o, OPTION_JSON)) {
        json_t *all = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "deleted", done, "alerts", (json_int_t)g->alerts, "samples", (json_int_t)g->samples,
                                "facts", (json_int_t)g->facts, "incidents", (json_int_t)g->incidents, "minutes", (json_int_t)g->minutes);
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
        json_decref(all);
        return;
    }
    printf("%s %" PRIu64 " alerts, %" PRIu64 " samples, %" PRIu64 " facts, %" PRIu64 " incidents, %" PRIu64 " minutes of vital signs\n",
           done ? "deleted" : "would delete", g->alerts, g->samples, g->facts, g->incidents, g->minutes);
    if (!done)
        printf("nothing was deleted%s\n", options_have(o, OPTION_DRY_RUN) ? "" : ": --yes does it");
}

/* The writer makes what is not there: these look first. */
static struct store *open_store(const struct options *o, struct error *why)
{
    struct sqlite3 *db = command_store(o, why);
    if (!db)
        return NULL;
    sqlite3_close(db);
    return store_open(options_store(o), why);
}

static int purge(const struct options *o)
{
    struct error why;
    struct purge p;
    struct purged gone;
    const bool yes = options_have(o, OPTION_YES) && !options_have(o, OPTION_DRY_RUN);
    if (!read_purge(o, &p, &why))
        return command_usage(&db_command, "%s", why.text);
    struct store *store = open_store(o, &why);
    if (!store)
        return command_fail(&db_command, &why);
    const bool good = store_purge(store, &p, !yes, &gone, &why);
    store_close(store);
    if (!good)
        return command_fail(&db_command, &why);
    print_purged(o, &gone, yes);
    return yes || options_have(o, OPTION_DRY_RUN) ? EXIT_DONE : EXIT_USAGE;
}

static int vacuum(const struct options *o)
{
    struct error why;
    struct store *store = open_store(o, &why);
    const uint64_t before = file_size(options_store(o), "") + file_size(options_store(o), "-wal");
    const bool good = store && store_vacuum(store, &why);
    if (store)
        store_close(store);
    if (!good)
        return command_fail(&db_command, &why);
    const uint64_t after = file_size(options_store(o), "") + file_size(options_store(o), "-wal");
    if (options_have(o, OPTION_JSON)) {
        printf("{\"bytes_before\": %" PRIu64 ", \"bytes_after\": %" PRIu64 "}\n", before, after);
        return EXIT_DONE;
    }
    TEXT_ON_STACK(sizes, 96);
    text_add_size(&sizes, before);
    text_add(&sizes, " before, ");
    text_add_size(&sizes, after);
    text_add(&sizes, " after");
    printf("%s\n", sizes.chars);
    return EXIT_DONE;
}

static int read_job(const struct options *o, int (*job)(struct sqlite3 *db, const struct options *o))
{
    struct error why;
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&db_command, &why);
    const int result = job(db, o);
    sqlite3_close(db);
    return result;
}

static int run(const struct options *o)
{
    static const struct {
        const char *name;
        int (*read)(struct sqlite3 *db, const struct options *o);
        int (*change)(const struct options *o);
    } jobs[] = {{"info", info, NULL}, {"verify", verify, NULL}, {"purge", NULL, purge}, {"vacuum", NULL, vacuum}};
    enum { JOBS = sizeof jobs / sizeof jobs[0] };
    static const char names[] = "info, verify, purge, vacuum";
    struct error why;
    size_t job = 0;
    if (o->operand_count != 1)
        return command_usage(&db_command, "say one of %s", names);
    struct suggestion nearest = suggest_for(o->operands[0]);
    for (; job < JOBS && strcmp(jobs[job].name, o->operands[0]) != 0; job++)
        suggest_offer(&nearest, jobs[job].name);
    if (job == JOBS) {
        TEXT_ON_STACK(shown, 64);
        text_add_escaped(&shown, view_text(o->operands[0]));
        error_set(&why, EXIT_USAGE, "'%s' is none of %s", shown.chars, names);
        suggest_add(&nearest, "", &why);
        return command_fail(&db_command, &why);
    }
    return jobs[job].read ? read_job(o, jobs[job].read) : jobs[job].change(o);
}

const struct command db_command = {
    .name = "db",
    .usage = "info|verify|purge|vacuum [-d FILE] [--json]",
    .summary = "look after a store: what is in it, whether it is whole, what may go",
    .examples = "dbhound db info\n"
                "dbhound db verify -d /evidence/dbhound.db\n"
                "dbhound db purge --until 30d            # what would go: alerts, samples, facts and incidents older than that\n"
                "dbhound db purge --until 30d --yes && dbhound db vacuum\n"
                "dbhound db purge --sid 1000001 --keep 100 --yes\n"
                "dbhound db info --json | jq .alerts\n",
    .exits = "0 done; 64 wrong usage, or purge without --yes; 65 not a dbhound store, or it is damaged; 66 no such store; 74 read or write error, "
             "or a watch uses the store",
    .takes = TAKES(DB) | TAKES(JSON) | TAKES(UNTIL) | TAKES(SID) | TAKES(KEEP) | TAKES(YES) | TAKES(DRY_RUN),
    .run = run,
};
