/*
 * dbhound rules suggest SID: what the stored alerts of a rule have in common, and at most one threshold and one exception that
 * would have hidden most of them. Each is run over the stored alerts first; one that would hide an alert that somebody marked true
 * is shown as refused.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "app/preview.h"
#include "app/query.h"
#include "app/rules_verbs.h"
#include "app/ruleset.h"
#include "store/store.h"

enum { KEYS_MOST = 64, CUTS = 5, SHARE_OF_ALL = 90, WORTH_PERCENT = 50 };

struct subject {
    const struct options *options;
    struct sqlite3 *db;
    uint32_t sid;
    uint64_t alerts;
    double days;
    char rule[16384], field[64];
    json_t *said; /* the whole answer */
};

static bool read_subject(struct subject *s, struct error *why)
{
    sqlite3_stmt *row = query_number(s->db, "SELECT coalesce(sum(count), 0), min(time_ns), max(last_time_ns), json_extract(why, '$.rule'),"
                                     " coalesce(field, ''), max(alert_id), max(msg) FROM v_alerts WHERE sid = ?1", s->sid, why);
    int result = row ? sqlite3_step(row) : SQLITE_ERROR;
    if (result == SQLITE_ROW) {
        s->alerts = (uint64_t)sqlite3_column_int64(row, 0);
        s->days = (double)(sqlite3_column_int64(row, 2) - sqlite3_column_int64(row, 1)) / 86400e9;
        s->days = s->days < 1 ? 1 : s->days;
        snprintf(s->rule, sizeof s->rule, "%s", query_text(row, 3));
        snprintf(s->field, sizeof s->field, "%s", query_text(row, 4));
        s->said = json_pack("{s:I, s:o, s:I, s:f}", "sid", (json_int_t)s->sid, "msg", query_json_text(query_text(row, 6)), "alerts", (json_int_t)s->alerts,
                            "per_day", (double)s->alerts / s->days);
        result = sqlite3_step(row);
    }
    if (!row || !query_done(row, result, why))
        return false;
    return s->alerts || error_set(why, EXIT_NO_INPUT, "%s has no alert of rule %u", options_store(s->options), s->sid);
}

/* ---- quantiles of the field that the alerts are about */

static bool add_cuts(struct subject *s, struct error *why)
{
    static const unsigned percents[CUTS] = {50, 90, 95, 99, 100};
    sqlite3_stmt *row = query_number(s->db, "SELECT json_extract(t.value, '$.value') AS v, a.count FROM v_alerts a, json_each(a.why, '$.tree') t WHERE a.sid = ?1"
                                     " AND json_extract(t.value, '$.field') = a.field AND typeof(json_extract(t.value, '$.value')) = 'integer' ORDER BY v", s->sid, why);
    json_t *cuts = json_array();
    uint64_t seen = 0, all = 0, next = 0;
    int result;
    if (!row)
        return false;
    while ((result = sqlite3_step(row)) == SQLITE_ROW)
        all += (uint64_t)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    while (result == SQLITE_DONE && next < CUTS && sqlite3_step(row) == SQLITE_ROW) {
        seen += (uint64_t)sqlite3_column_int64(row, 1);
        for (; next < CUTS && seen * 100 >= all * percents[next]; next++)
            json_array_append_new(cuts, json_pack("{s:i, s:I, s:f}", "percent", (int)percents[next], "value", (json_int_t)sqlite3_column_int64(row, 0),
                                                  "per_day_above", (double)(all - seen) / s->days));
    }
    json_object_set_new(s->said, "field", query_json_text(s->field));
    json_object_set_new(s->said, "cuts", cuts);
    return query_done(row, result, why);
}

/* ---- keys behind most alerts */

static bool add_keys(struct subject *s, const char *name, const char *sql, char top[128], double *share, struct error *why)
{
    sqlite3_stmt *row = query_number(s->db, sql, s->sid, why);
    json_t *keys = json_array();
    uint64_t seen = 0;
    int result = SQLITE_DONE;
    top[0] = 0;
    *share = 0;
    if (!row)
        return false;
    while (json_array_size(keys) < KEYS_MOST && seen * 100 < s->alerts * SHARE_OF_ALL && (result = sqlite3_step(row)) == SQLITE_ROW) {
        const uint64_t count = (uint64_t)sqlite3_column_int64(row, 1);
        if (seen == 0) {
            snprintf(top, 128, "%s", query_text(row, 0));
            *share = (double)count * 100 / (double)s->alerts;
        }
        seen += count;
        json_array_append_new(keys, json_pack("{s:o, s:I}", "key", query_json_text(query_text(row, 0)), "alerts", (json_int_t)count));
    }
    json_object_set_new(s->said, name, keys);
    if (result == SQLITE_ROW)
        result = SQLITE_DONE;
    return query_done(row, result, why);
}

/* ---- proposals */

static bool try_line(struct subject *s, const char *line, struct preview *out, struct error *why)
{
    struct rule_set *set = rules_open();
    bool good = set != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    if (good) {
        rules_add_text(set, "store", view_text(s->rule));
        rules_add_tuning_text(set, "proposal", view_text(line));
        good = rules_loaded(set) == 1 || error_set(why, EXIT_DATA, "this build does not read the rule of these alerts any more");
        good = good && rules_ready(set, why) && preview_count(set, s->db, s->sid, out, why);
    }
    if (set)
        rules_close(set);
    return good;
}

static bool propose(struct subject *s, json_t *list, const char *kind, const char *line, const char *command, struct error *why)
{
    struct preview preview;
    if (!try_line(s, line, &preview, why))
        return false;
    if (preview.hidden * 100 < preview.alerts * WORTH_PERCENT)
        return true;
    json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:I}", "kind", kind, "line", query_json_text(line), "command", query_json_text(command),
                                          "hides", (json_int_t)preview.hidden, "alerts", (json_int_t)preview.alerts, "refused", preview.hidden_true > 0,
                                          "hides_true", (json_int_t)preview.hidden_true));
    return true;
}

/* A text that stands in single quotes inside double ones, and on a command line. */
static bool is_simple(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-") == strlen(text);
}

static bool add_proposals(struct subject *s, const char *client, double client_share, const char *user, double user_share, struct error *why)
{
    json_t *list = json_array();
    TEXT_ON_STACK(line, 512);
    TEXT_ON_STACK(command, 640);
    json_object_set_new(s->said, "proposals", list);
    text_add(&line, "threshold gen_id 0, sig_id %u, type limit, track by_src, count 1, seconds 3600", s->sid);
    text_add(&command, "dbhound tune threshold %u 'type limit, track by_src, count 1, seconds 3600' --reason WHY", s->sid);
    if (!propose(s, list, "threshold", line.chars, command.chars, why))
        return false;
    line = text_in(line.chars, line.size);
    command = text_in(command.chars, command.size);
    TEXT_ON_STACK(where, 256);
    if (user_share >= WORTH_PERCENT && user_share >= client_share && is_simple(user))
        text_add(&where, "db.user == '%s'", user);
    else if (client_share >= WORTH_PERCENT && is_simple(client))
        text_add(&where, "net.client in {%s}", client);
    else
        return true;
    text_add(&line, "except sig_id %u, where \"%s\", until 2262-01-01, reason \"proposal\"", s->sid, where.chars);
    text_add(&command, "dbhound tune except %u \"%s\" --reason WHY", s->sid, where.chars);
    return propose(s, list, "exception", line.chars, command.chars, why);
}

/* ---- telling */

static void print_keys(const json_t *keys, const char *title)
{
    size_t i;
    const json_t *key;
    if (json_array_size(keys) == 0)
        return;
    printf("%s\n", title);
    json_array_foreach((json_t *)(uintptr_t)keys, i, key)
        printf("  %7lld  %s\n", (long long)json_integer_value(json_object_get(key, "alerts")), json_string_value(json_object_get(key, "key")));
}

static void print_all(const struct subject *s)
{
    size_t i;
    json_t *part;
    printf("%llu alerts of %u, %.1f a day: %s\n", (unsigned long long)s->alerts, s->sid, (double)s->alerts / s->days,
           json_string_value(json_object_get(s->said, "msg")));
    if (json_array_size(json_object_get(s->said, "cuts")))
        printf("%s\n", json_string_value(json_object_get(s->said, "field")));
    json_array_foreach(json_object_get(s->said, "cuts"), i, part)
        printf("  %3d %% up to %lld; %.1f a day above\n", (int)json_integer_value(json_object_get(part, "percent")),
               (long long)json_integer_value(json_object_get(part, "value")), json_real_value(json_object_get(part, "per_day_above")));
    print_keys(json_object_get(s->said, "clients"), "clients behind 90 % of them");
    print_keys(json_object_get(s->said, "servers"), "servers behind 90 % of them");
    print_keys(json_object_get(s->said, "users"), "users behind 90 % of them");
    json_array_foreach(json_object_get(s->said, "proposals"), i, part) {
        const long long lost = (long long)json_integer_value(json_object_get(part, "hides_true"));
        printf("%s: would have hidden %lld of %lld", json_string_value(json_object_get(part, "kind")), (long long)json_integer_value(json_object_get(part, "hides")),
               (long long)json_integer_value(json_object_get(part, "alerts")));
        if (lost)
            printf("; refused, because %lld of them are marked true\n", lost);
        else
            printf("\n  %s\n", json_string_value(json_object_get(part, "command")));
    }
    if (json_array_size(json_object_get(s->said, "proposals")) == 0)
        printf("No threshold and no exception would hide half of them.\n");
}

int rules_suggest_run(const struct options *o)
{
    struct subject *s = calloc(1, sizeof *s);
    struct error why;
    char *end = NULL, client[128], server[128], user[128];
    double client_share, server_share, user_share;
    const unsigned long sid = strtoul(o->operands[1], &end, 10);
    if (*end || sid == 0 || sid > UINT32_MAX || !s) {
        free(s);
        return command_usage(&rules_command, "rules suggest takes the sid of a rule");
    }
    s->options = o;
    s->sid = (uint32_t)sid;
    bool good = (s->db = command_store(o, &why)) && read_subject(s, &why) && add_cuts(s, &why) &&
                add_keys(s, "clients", "SELECT client_ip, sum(count) AS n FROM v_alerts WHERE sid = ?1 GROUP BY 1 ORDER BY n DESC, 1", client, &client_share, &why) &&
                add_keys(s, "servers", "SELECT server_ip || ':' || server_port, sum(count) AS n FROM v_alerts WHERE sid = ?1 GROUP BY 1 ORDER BY n DESC, 1", server,
                         &server_share, &why) &&
                add_keys(s, "users", "SELECT user_name, sum(count) AS n FROM v_alerts WHERE sid = ?1 AND user_name <> '' GROUP BY 1 ORDER BY n DESC, 1", user,
                         &user_share, &why) &&
                add_proposals(s, client, client_share, user, user_share, &why);
    if (good && options_have(o, OPTION_JSON)) {
        json_dumpf(s->said, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
    } else if (good) {
        print_all(s);
    }
    json_decref(s->said);
    sqlite3_close(s->db);
    free(s);
    return good ? EXIT_DONE : command_fail(&rules_command, &why);
}
