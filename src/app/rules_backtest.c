/*
 * dbhound rules backtest: what would these rules have said? Of captures (-r), of the facts in the store (--facts), or of its samples; compared, sid by
 * sid, with other rules (--against), or with the rules that made the stored alerts, or, for captures, with the same rules
 * without --tuning. Both are asked about the same bytes: a sample is masked and holds only what was around an alert, so that
 * neither may say what was said of the whole connection. How many alerts are stored stands beside it.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include "app/facts_ask.h"
#include "app/query.h"
#include "app/render.h"
#include "app/rules_verbs.h"
#include "app/ruleset.h"
#include "app/said.h"
#include "app/trial.h"
#include "store/store.h"

enum { EXAMPLES_MOST = 20 };

struct voice {
    struct rule_set *rules; /* NULL: nobody is asked */
    struct said said;
    struct trial trial;
    uint64_t input; /* which one is being asked about */
    struct facts_asker *facts;
};

struct backtest {
    const struct options *options;
    struct voice before, after;
    enum { OF_CAPTURES, OF_SAMPLES, OF_FACTS } of;
    uint64_t inputs, masked, stored, without_sample;
};

/* ---- asking */

static void take_alert(struct voice *voice, const struct alert *a, uint64_t place)
{
    const struct said_alert said = {.gid = a->gid, .sid = a->sid, .time_ns = a->time_ns, .client = a->client, .server = a->server,
                                    .to_client = a->from == FROM_SERVER};
    said_add(&voice->said, &said, place);
}

/* In a sample the stream begins somewhere: the message is known by its packet's time alone. */
static void of_sample(void *context, const struct alert *alert, const struct rule_facts *rule)
{
    (void)rule;
    take_alert(context, alert, 0);
}

static void of_capture(void *context, const struct alert *alert, const struct rule_facts *rule)
{
    (void)rule;
    struct voice *voice = context;
    take_alert(voice, alert, alert->stream_offset * 31 + voice->input);
}

static void ready(struct voice *voice, bool samples, const struct options *o)
{
    voice->trial = (struct trial){.rules = voice->rules, .filter = options_text(o, OPTION_FILTER),
                                   .keylog = options_text(o, OPTION_KEYLOG), .told = samples ? of_sample : of_capture, .context = voice};
}

static bool ask_captures(struct backtest *b, struct error *why)
{
    const char *path;
    for (size_t i = 0; (path = options_nth(b->options, OPTION_READ, i)); i++) {
        b->inputs = b->after.input = b->before.input = i + 1;
        if (!trial_files(&b->after.trial, &path, 1, why) || (b->before.rules && !trial_files(&b->before.trial, &path, 1, why)))
            return false;
    }
    return true;
}

static bool ask_samples(struct backtest *b, struct sqlite3 *db, int64_t since_ns, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT pcapng, redacted FROM v_samples WHERE sample_id IN (SELECT sample_id FROM v_alerts WHERE time_ns >= ?1)"
                                     " ORDER BY sample_id", since_ns, why);
    int result = SQLITE_DONE;
    if (!row)
        return false;
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        const struct view sample = view_of(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
        b->inputs++;
        b->masked += sqlite3_column_int(row, 1) != 0;
        if (!trial_bytes(&b->after.trial, sample, why) || (b->before.rules && !trial_bytes(&b->before.trial, sample, why))) {
            sqlite3_finalize(row);
            return false;
        }
    }
    return query_done(row, result, why);
}

/* ---- facts: one message after the other, both rule sets about the same ones */

static void of_facts(void *context, const struct alert *alert, uint64_t place)
{
    take_alert(context, alert, place);
}

static bool ask_facts(struct backtest *b, struct sqlite3 *db, int64_t since_ns, struct error *why)
{
    struct kept_message *kept = malloc(sizeof *kept);
    bool good = kept != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    good = good && (b->after.facts = facts_asker_open(b->after.rules, why)) && (!b->before.rules || (b->before.facts = facts_asker_open(b->before.rules, why)));
    sqlite3_stmt *row = good ? query_number(db, "SELECT " FACTS_COLUMNS " FROM v_facts WHERE time_ns >= ?1 ORDER BY fact_id", since_ns, why) : NULL;
    int result = SQLITE_DONE;
    while (row && (result = sqlite3_step(row)) == SQLITE_ROW) {
        const uint64_t place = (uint64_t)sqlite3_column_int64(row, 11); /* of the message in its stream, as a capture has it */
        b->inputs++;
        facts_rebuild(kept, row);
        facts_ask(b->after.facts, kept, of_facts, &b->after, place);
        if (b->before.facts)
            facts_ask(b->before.facts, kept, of_facts, &b->before, place);
    }
    free(kept);
    return row && query_done(row, result, why);
}

/* Whether the row's gid and sid are among the rules that are asked about: others are no loss. */
static bool is_asked(const struct backtest *b, sqlite3_stmt *row)
{
    uint32_t rule;
    return rules_find(b->after.rules, (uint32_t)sqlite3_column_int64(row, 0), (uint32_t)sqlite3_column_int64(row, 1), &rule);
}

/* The rules that made the stored alerts, as the store has them; a later revision stands for the earlier ones. */
static bool open_stored(struct backtest *b, struct sqlite3 *db, int64_t since_ns, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT gid, sid, json_extract(why, '$.rule'), max(rev * 1000000000 + alert_id) FROM v_alerts WHERE time_ns >= ?1"
                                     " GROUP BY gid, sid ORDER BY gid, sid", since_ns, why);
    int result = SQLITE_DONE;
    if (!row || !(b->before.rules = rules_open()))
        return row ? error_set(why, EXIT_INTERNAL, "out of memory") : false;
    while ((result = sqlite3_step(row)) == SQLITE_ROW)
        if (is_asked(b, row))
            rules_add_text(b->before.rules, "store", view_text(query_text(row, 2)));
    if (!query_done(row, result, why) || !rules_ready(b->before.rules, why))
        return false;
    b->before.trial.rules = b->before.rules;
    return true;
}

/* How many alerts the store has of each rule, and how many of them no sample shows. */
static bool count_stored(struct backtest *b, struct sqlite3 *db, int64_t since_ns, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT gid, sid, count(*), count(*) - count(sample_id) FROM v_alerts WHERE time_ns >= ?1 GROUP BY gid, sid",
                                     since_ns, why);
    int result = SQLITE_DONE;
    if (!row)
        return false;
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        if (!is_asked(b, row))
            continue;
        b->stored += (uint64_t)sqlite3_column_int64(row, 2);
        b->without_sample += (uint64_t)sqlite3_column_int64(row, 3);
    }
    return query_done(row, result, why);
}

static bool ask_store(struct backtest *b, struct error *why)
{
    struct timespec now;
    int64_t since_ns = INT64_MIN;
    const char *since = options_text(b->options, OPTION_SINCE);
    clock_gettime(CLOCK_REALTIME, &now);
    if (since && !query_time(since, (int64_t)now.tv_sec * 1000000000, &since_ns))
        return error_set(why, EXIT_USAGE, "--since: this is no time");
    struct sqlite3 *db = command_store(b->options, why);
    if (!db)
        return false;
    const bool done = (b->before.rules || open_stored(b, db, since_ns, why)) && (b->of == OF_FACTS ? ask_facts : ask_samples)(b, db, since_ns, why) &&
                      count_stored(b, db, since_ns, why);
    sqlite3_close(db);
    return done;
}

/* ---- telling */

/* One rule: [at, end) of either side. */
struct compared {
    uint32_t gid, sid;
    size_t before, after, new, lost;
    json_t *new_list, *lost_list;
};

static void tell(json_t *list, const struct said_alert *a)
{
    TEXT_ON_STACK(time, 64);
    TEXT_ON_STACK(client, 80);
    TEXT_ON_STACK(server, 80);
    if (!list || json_array_size(list) >= EXAMPLES_MOST)
        return;
    text_add_time(&time, a->time_ns);
    text_add_address(&client, a->client.address);
    text_add_address(&server, a->server.address);
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:i, s:s}", "time", time.chars, "client_ip", client.chars, "client_port", a->client.port,
                                          "server_ip", server.chars, "server_port", a->server.port, "direction", a->to_client ? "to_client" : "to_server"));
}

static void compare_rule(const struct backtest *b, size_t *i, size_t *k, struct compared *c)
{
    const struct said *before = &b->before.said, *after = &b->after.said;
    const bool has_before = *i < before->used, has_after = *k < after->used;
    const struct said_alert *first = !has_after ? &before->alerts[*i] : !has_before ? &after->alerts[*k] :
        said_compare(&before->alerts[*i], &after->alerts[*k]) <= 0 ? &before->alerts[*i] : &after->alerts[*k];
    c->gid = first->gid;
    c->sid = first->sid;
    for (;;) {
        const struct said_alert *x = *i < before->used && before->alerts[*i].sid == c->sid && before->alerts[*i].gid == c->gid ? &before->alerts[*i] : NULL;
        const struct said_alert *y = *k < after->used && after->alerts[*k].sid == c->sid && after->alerts[*k].gid == c->gid ? &after->alerts[*k] : NULL;
        if (!x && !y)
            return;
        const int order = !x ? 1 : !y ? -1 : said_compare(x, y);
        c->before += order <= 0;
        c->after += order >= 0;
        c->lost += order < 0;
        c->new += order > 0;
        if (order < 0)
            tell(c->lost_list, x);
        if (order > 0)
            tell(c->new_list, y);
        *i += order <= 0;
        *k += order >= 0;
    }
}

static const char *title_of(const struct backtest *b, const struct compared *c)
{
    struct rule_facts facts;
    uint32_t rule;
    const struct rule_set *sets[] = {b->after.rules, b->before.rules};
    for (size_t i = 0; i < 2; i++) {
        if (!sets[i] || !rules_find(sets[i], c->gid, c->sid, &rule))
            continue;
        rules_facts(sets[i], rule, &facts);
        return facts.msg;
    }
    return "";
}

static void add_row(struct listing *table, const struct backtest *b, const struct compared *c)
{
    const size_t numbers[] = {c->sid, c->before, c->after, c->new, c->lost};
    for (size_t i = 0; i < 5; i++) {
        TEXT_ON_STACK(cell, 32);
        if (i == 0)
            text_add(&cell, "%zu", numbers[i]);
        else
            text_add_number(&cell, numbers[i]);
        listing_add(table, cell.chars, i >= 3 && numbers[i] ? PAINT_MARK : PAINT_NONE);
    }
    listing_add(table, title_of(b, c), PAINT_NONE);
}

static void print_sum(const struct backtest *b, size_t new, size_t lost)
{
    static const char *const words[] = {"capture", "sample", "message"};
    TEXT_ON_STACK(line, 256);
    text_add_number(&line, b->inputs);
    text_add(&line, " %s%s", words[b->of], b->inputs == 1 ? "" : "s");
    if (b->masked)
        text_add(&line, " (%llu masked)", (unsigned long long)b->masked);
    if (b->of != OF_FACTS) {
        text_add(&line, ", ");
        text_add_number(&line, b->after.trial.packets);
        text_add(&line, " packets");
    }
    text_add(&line, ", %zu rules: %zu new alerts, %zu lost", rules_loaded(b->after.rules), new, lost);
    if (b->without_sample && b->of == OF_SAMPLES)
        text_add(&line, "; %llu of %llu stored alerts have no sample and are not asked", (unsigned long long)b->without_sample,
                 (unsigned long long)b->stored);
    if (b->after.said.full || b->before.said.full)
        text_add(&line, "; more than %d alerts: the rest was left out", SAID_MOST / 2);
    printf("%s\n", line.chars);
}

/* The rules that facts cannot judge: named, never counted as if they had not matched. */
static void tell_limits(const struct backtest *b, json_t *list)
{
    for (uint32_t i = 0; b->after.facts && i < rules_loaded(b->after.rules); i++) {
        struct rule_facts facts;
        uint64_t unknown;
        const char *limit = facts_asker_limit(b->after.facts, i, &unknown);
        if (!limit && !unknown)
            continue;
        rules_facts(b->after.rules, i, &facts);
        TEXT_ON_STACK(reason, 160);
        if (limit)
            text_add(&reason, "%s", limit);
        else
            text_add(&reason, "%llu message%s of which the bytes it looks at were not kept", (unsigned long long)unknown, unknown == 1 ? "" : "s");
        if (list)
            json_array_append_new(list, json_pack("{s:I, s:I, s:s, s:I}", "gid", (json_int_t)facts.gid, "sid", (json_int_t)facts.sid, "reason", reason.chars,
                                                  "messages", (json_int_t)unknown));
        else
            printf("%u cannot be judged on facts: %s\n", facts.sid, reason.chars);
    }
}

static int tell_all(const struct backtest *b, struct error *why)
{
    static const char *const of[] = {"captures", "samples", "facts"};
    static const char *const titles[] = {">SID", ">BEFORE", ">AFTER", ">NEW", ">LOST", "MSG", NULL};
    struct screen screen;
    struct listing table;
    size_t new = 0, lost = 0;
    json_t *list = options_have(b->options, OPTION_JSON) ? json_array() : NULL;
    if (!screen_open(&screen, stdout, b->options, why)) {
        json_decref(list);
        return (int)why->code;
    }
    listing_open(&table, titles);
    for (size_t i = 0, k = 0; i < b->before.said.used || k < b->after.said.used;) {
        struct compared c = {.new_list = list ? json_array() : NULL, .lost_list = list ? json_array() : NULL};
        compare_rule(b, &i, &k, &c);
        new += c.new;
        lost += c.lost;
        if (list)
            json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "gid", (json_int_t)c.gid, "sid", (json_int_t)c.sid,
                                                  "msg", query_json_text(title_of(b, &c)), "before", (json_int_t)c.before, "after",
                                                  (json_int_t)c.after, "new", (json_int_t)c.new, "lost", (json_int_t)c.lost, "new_alerts",
                                                  c.new_list, "lost_alerts", c.lost_list));
        else
            add_row(&table, b, &c);
    }
    if (!list) {
        if (table.used)
            listing_print(&table, &screen);
        else
            listing_free(&table);
        tell_limits(b, NULL);
        print_sum(b, new, lost);
        return EXIT_DONE;
    }
    listing_free(&table);
    json_t *all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "of", of[b->of], "inputs", (json_int_t)b->inputs, "masked", (json_int_t)b->masked,
                            "packets", (json_int_t)b->after.trial.packets, "rules", (json_int_t)rules_loaded(b->after.rules), "new", (json_int_t)new,
                            "lost", (json_int_t)lost, "stored_alerts", (json_int_t)b->stored, "without_sample", (json_int_t)b->without_sample, "sids", list);
    if (b->of == OF_FACTS) {
        json_t *limits = json_array();
        tell_limits(b, limits);
        json_object_set_new(all, "not_judged", limits);
    }
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
    return EXIT_DONE;
}

/* ---- the command */

/* The rules that are asked: the named files, or the built-in ones; with --tuning, or as they are. */
static struct rule_set *open_rules(const struct options *o, bool against, bool tuned, struct error *why)
{
    struct rule_set *set = rules_open();
    bool good = set != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    if (good && !against && o->operand_count == 1)
        rules_add_anomalies(set);
    for (size_t i = 1; good && !against && i < o->operand_count; i++)
        good = rules_add_file(set, o->operands[i], why);
    for (size_t i = 0; good && against && options_nth(o, OPTION_AGAINST, i); i++)
        good = rules_add_file(set, options_nth(o, OPTION_AGAINST, i), why);
    for (size_t i = 0; good && tuned && options_nth(o, OPTION_TUNING, i); i++)
        good = rules_add_tuning_file(set, options_nth(o, OPTION_TUNING, i), why);
    if (good && rules_ready(set, why)) {
        ruleset_print_problems(set);
        if (rules_loaded(set))
            return set;
        error_set(why, EXIT_DATA, "no rule could be loaded");
    }
    if (set)
        rules_close(set);
    return NULL;
}

int rules_backtest_run(const struct options *o)
{
    struct backtest b = {.options = o, .of = options_text(o, OPTION_READ) ? OF_CAPTURES : options_have(o, OPTION_FACTS) ? OF_FACTS : OF_SAMPLES};
    struct error why;
    const bool against = options_text(o, OPTION_AGAINST), untuned = b.of != OF_SAMPLES && options_text(o, OPTION_TUNING);
    bool good = (b.after.rules = open_rules(o, false, true, &why));
    if (good && (against || untuned))
        good = (b.before.rules = open_rules(o, against, false, &why));
    if (good) {
        ready(&b.after, b.of == OF_SAMPLES, o);
        ready(&b.before, b.of == OF_SAMPLES, o);
        good = b.of == OF_CAPTURES ? ask_captures(&b, &why) : ask_store(&b, &why);
    }
    said_settle(&b.before.said);
    said_settle(&b.after.said);
    int result = good ? tell_all(&b, &why) : command_fail(&rules_command, &why);
    if (good && b.after.trial.damages)
        result = EXIT_PARTIAL;
    said_free(&b.before.said);
    said_free(&b.after.said);
    facts_asker_close(b.before.facts);
    facts_asker_close(b.after.facts);
    if (b.before.rules)
        rules_close(b.before.rules);
    if (b.after.rules)
        rules_close(b.after.rules);
    return result;
}
