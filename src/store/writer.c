/*
 * Runs, alerts, verdicts and servers become rows. An alert and its evidence are written together or not at all; an id
 * that was returned is durable after the next commit (500 rows, 50 ms, or store_commit).
 */
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/version.h"
#include "store/advisories.h"
#include "store/community_id.h"
#include "store/connection.h"
#include "store/why.h"

static int64_t wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* SQLite's integers have 63 bits and a sign; a length that a message merely claims may have more. */
static int64_t integer(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void bind_address(sqlite3_stmt *statement, int column, const struct endpoint *end)
{
    TEXT_ON_STACK(address, 64);
    text_add_address(&address, end->address);
    sqlite3_bind_text(statement, column, address.chars, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, column + 1, end->port);
}

int64_t store_begin_run(struct store *s, const char *command, const char *sources, const char *rules_hash,
                        struct error *why)
{
    sqlite3_stmt *add = store_ready(s, DO_BEGIN_RUN, why);
    if (!add)
        return 0;
    sqlite3_bind_int64(add, 1, wall_clock_ns());
    sqlite3_bind_text(add, 2, DBHOUND_VERSION, -1, SQLITE_STATIC);
    store_bind_text(add, 3, command, false);
    store_bind_text(add, 4, sources, false);
    store_bind_text(add, 5, rules_hash, false);
    if (!store_run(s, add, why))
        return 0;
    int64_t run_id = sqlite3_last_insert_rowid(s->db);
    if (!store_row_done(s, why) || !store_commit(s, why))
        return 0;
    return s->run_id = run_id;
}

/* The row of a rule, made when its text is new: an alert keeps the rule as it was when it fired. */
static int64_t rule_row(struct store *s, const struct rule_facts *rule, struct error *why)
{
    int64_t rule_id = 0;
    for (enum statement which = DO_FIND_RULE; rule_id == 0; which = DO_ADD_RULE) {
        sqlite3_stmt *statement = store_ready(s, which, why);
        if (!statement)
            return 0;
        sqlite3_bind_int64(statement, 1, rule->gid);
        sqlite3_bind_int64(statement, 2, rule->sid);
        sqlite3_bind_int64(statement, 3, rule->rev);
        store_bind_text(statement, 4, rule->msg, false);
        store_bind_text(statement, 7, rule->text, false);
        if (which == DO_ADD_RULE) {
            store_bind_text(statement, 5, rule->classtype, false);
            store_bind_text(statement, 6, rule->references, false);
        }
        int result = store_step(s, statement, why);
        if (result == SQLITE_ROW)
            rule_id = sqlite3_column_int64(statement, 0);
        else if (result == SQLITE_DONE && which == DO_ADD_RULE)
            rule_id = sqlite3_last_insert_rowid(s->db);
        sqlite3_reset(statement);
        if (result == 0)
            return 0;
    }
    return rule_id;
}

static int64_t alert_row(struct store *s, const struct alert *alert, int64_t rule_id, struct error *why)
{
    char community[COMMUNITY_ID_SIZE];
    sqlite3_stmt *add = store_ready(s, DO_ADD_ALERT, why);
    if (!add)
        return 0;
    community_id(community, &alert->client, &alert->server, alert->datagram ? 17 : 6);
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, rule_id);
    sqlite3_bind_int64(add, 3, alert->time_ns);
    store_bind_text(add, 4, anomaly_class_name((enum anomaly_class)alert->class), false);
    sqlite3_bind_int(add, 5, alert->severity);
    sqlite3_bind_int(add, 6, alert->confidence);
    store_bind_text(add, 7, protocol_name((enum protocol)alert->protocol), false);
    store_bind_text(add, 8, alert->anomaly ? anomaly_row((enum anomaly)alert->anomaly)->name : NULL, true);
    store_bind_text(add, 9, alert->from == FROM_CLIENT ? "to_server" : "to_client", false);
    bind_address(add, 10, &alert->client);
    bind_address(add, 12, &alert->server);
    store_bind_text(add, 14, alert->user, true);
    store_bind_text(add, 15, alert->database, true);
    sqlite3_bind_int64(add, 16, integer(alert->flow_id));
    sqlite3_bind_text(add, 17, community, -1, SQLITE_TRANSIENT);
    store_bind_text(add, 18, why_message_name(alert), true);
    store_bind_text(add, 19, alert->field ? field_name((enum field)alert->field) : NULL, true);
    store_bind_text(add, 20, alert->got, true);
    store_bind_text(add, 21, alert->expected, true);
    sqlite3_bind_int64(add, 22, integer(alert->stream_offset));
    sqlite3_bind_int64(add, 23, alert->message_offset);
    sqlite3_bind_int64(add, 24, integer(alert->packet_number));
    if (alert->sample)
        sqlite3_bind_int64(add, 25, (int64_t)alert->sample);
    sqlite3_bind_int64(add, 26, ++s->last_alert_id);
    store_bind_text(add, 27, alert->country, true);
    if (alert->asn)
        sqlite3_bind_int64(add, 28, alert->asn);
    return store_run(s, add, why) ? s->last_alert_id : 0;
}

/* Secret fields are masked once more on their way to the file; the room that filled the head has done it already. */
static void masked_head(const struct alert *alert, uint8_t head[ALERT_HEAD_MAX], size_t *length)
{
    *length = alert->head_length < ALERT_HEAD_MAX ? alert->head_length : ALERT_HEAD_MAX;
    memcpy(head, alert->head, *length);
    for (unsigned i = 0; i < alert->fields_used && i < ALERT_FIELDS_MAX; i++) {
        const struct field_value *value = &alert->fields[i];
        if (!field_is_secret((enum field)value->field) || value->offset >= *length)
            continue;
        size_t left = *length - value->offset;
        memset(head + value->offset, '*', value->length < left ? value->length : left);
    }
}

static bool evidence_row(struct store *s, const struct alert *alert, const struct rule_facts *rule, int64_t alert_id,
                         struct error *why)
{
    uint8_t head[ALERT_HEAD_MAX];
    size_t length = 0;
    sqlite3_stmt *add = store_ready(s, DO_ADD_EVIDENCE, why);
    if (!add)
        return false;
    char *text = why_text(alert, rule);
    if (!text)
        return error_set(why, EXIT_INTERNAL, "no memory to describe an alert");
    masked_head(alert, head, &length);
    sqlite3_bind_int64(add, 1, alert_id);
    sqlite3_bind_text(add, 2, text, -1, free);
    sqlite3_bind_blob(add, 3, head, (int)length, SQLITE_STATIC);
    bool added = store_run(s, add, why);
    sqlite3_clear_bindings(add);
    return added;
}

int64_t store_add_alert(struct store *s, const struct alert *alert, const struct rule_facts *rule, struct error *why)
{
    sqlite3_stmt *savepoint = store_ready(s, DO_SAVEPOINT, why);
    if (!savepoint || !store_run(s, savepoint, why))
        return 0;
    int64_t rule_id = rule_row(s, rule, why);
    int64_t alert_id = rule_id ? alert_row(s, alert, rule_id, why) : 0;
    bool whole = alert_id && evidence_row(s, alert, rule, alert_id, why);
    if (!whole) {
        if (!sqlite3_get_autocommit(s->db)) {
            sqlite3_exec(s->db, "ROLLBACK TO one_alert; RELEASE one_alert", NULL, NULL, NULL);
        }
        return 0;
    }
    if (!store_run(s, s->statements[DO_RELEASE], why))
        return 0;
    s->group.alerts++;
    if (store_row_done(s, why))
        return alert_id;
    /* Rolled back with its group: the caller hears of this one now and of the others through store_count_losses. */
    if (s->lost.alerts)
        s->lost.alerts--;
    return 0;
}

bool store_fold_alert(struct store *s, int64_t alert_id, int64_t time_ns, struct error *why)
{
    sqlite3_stmt *fold = store_ready(s, DO_FOLD_ALERT, why);
    if (!fold)
        return false;
    sqlite3_bind_int64(fold, 1, alert_id);
    sqlite3_bind_int64(fold, 2, time_ns);
    if (!store_run(s, fold, why))
        return false;
    if (sqlite3_changes(s->db) == 0)
        return error_set(why, EXIT_IO, "alert %lld was lost and cannot count another", (long long)alert_id);
    s->group.folds++;
    if (store_row_done(s, why))
        return true;
    if (s->lost.folds)
        s->lost.folds--;
    return false;
}

bool store_set_verdict(struct store *s, int64_t alert_id, const char *verdict, struct error *why)
{
    sqlite3_stmt *set = store_ready(s, DO_SET_VERDICT, why);
    if (!set)
        return false;
    sqlite3_bind_int64(set, 1, alert_id);
    store_bind_text(set, 2, verdict, true);
    return store_run(s, set, why) && store_row_done(s, why);
}

bool store_see_server(struct store *s, const struct endpoint *server, enum protocol protocol, const char *version,
                      const char *version_source, int tls, int64_t time_ns, struct error *why)
{
    sqlite3_stmt *see = store_ready(s, DO_SEE_SERVER, why);
    if (!see)
        return false;
    bind_address(see, 1, server);
    store_bind_text(see, 3, protocol_name(protocol), false);
    store_bind_text(see, 4, version, true);
    store_bind_text(see, 5, version_source, true);
    if (tls >= 0)
        sqlite3_bind_int(see, 6, tls != 0);
    sqlite3_bind_int64(see, 7, time_ns);
    char memory[ADVISORIES_MAX];
    struct text advisories = text_in(memory, sizeof memory);
    advisories_of(protocol, version, &advisories);
    sqlite3_bind_text(see, 8, advisories.chars, (int)advisories.length, SQLITE_TRANSIENT);
    return store_run(s, see, why) && store_row_done(s, why);
}

bool store_set_sight(struct store *s, const struct endpoint *server, enum protocol protocol, const struct store_sight *sight, struct error *why)
{
    sqlite3_stmt *add = store_ready(s, DO_ADD_SIGHT, why);
    if (!add)
        return false;
    const uint64_t values[] = {sight->connections, sight->decoded, sight->encrypted, sight->unsupported, sight->blind, sight->lost, sight->blind_ns};
    sqlite3_bind_int64(add, 1, s->run_id);
    bind_address(add, 2, server);
    store_bind_text(add, 4, protocol_name(protocol), false);
    for (int i = 0; i < (int)(sizeof values / sizeof values[0]); i++)
        sqlite3_bind_int64(add, 5 + i, (int64_t)values[i]);
    return store_run(s, add, why) && store_row_done(s, why);
}

static bool write_counters(struct store *s, const struct counters *counters, struct error *why)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        sqlite3_stmt *add = store_ready(s, DO_COUNTER, why);
        if (!add)
            return false;
        sqlite3_bind_int64(add, 1, s->run_id);
        sqlite3_bind_text(add, 2, counter_name((enum counter)i), -1, SQLITE_STATIC);
        sqlite3_bind_int64(add, 3, integer(counters->value[i]));
        if (!store_run(s, add, why))
            return false;
    }
    return true;
}

bool store_put_habits(struct store *s, const struct endpoint *server, enum protocol protocol, struct view bytes, struct error *why)
{
    sqlite3_stmt *put = store_ready(s, DO_PUT_HABITS, why);
    if (!put)
        return false;
    bind_address(put, 1, server);
    store_bind_text(put, 3, protocol_name(protocol), false);
    sqlite3_bind_blob64(put, 4, bytes.bytes, bytes.length, SQLITE_STATIC);
    sqlite3_bind_int64(put, 5, wall_clock_ns());
    const bool done = store_run(s, put, why);
    sqlite3_clear_bindings(put);
    return done && store_row_done(s, why);
}

bool store_read_habits(struct store *s, void (*tell)(void *context, const char *address, uint16_t port, const char *protocol, struct view bytes),
                       void *context, struct error *why)
{
    sqlite3_stmt *rows = NULL;
    int result = sqlite3_prepare_v2(s->db, "SELECT server_ip, server_port, proto, state FROM baselines ORDER BY server_ip, server_port, proto", -1, &rows, NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        if ((result = sqlite3_step(rows)) != SQLITE_ROW)
            break;
        const void *bytes = sqlite3_column_blob(rows, 3);
        tell(context, (const char *)sqlite3_column_text(rows, 0), (uint16_t)sqlite3_column_int(rows, 1), (const char *)sqlite3_column_text(rows, 2),
             view_of(bytes ? bytes : "", (size_t)sqlite3_column_bytes(rows, 3)));
    }
    sqlite3_finalize(rows);
    return result == SQLITE_DONE || error_set(why, EXIT_IO, "what servers are used to cannot be read");
}

bool store_add_rule_stats(struct store *s, uint32_t sid, const uint64_t sums[4], struct error *why)
{
    sqlite3_stmt *add = store_ready(s, DO_ADD_RULE_STATS, why);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, sid);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_int64(add, 3 + i, integer(sums[i]));
    return store_run(s, add, why);
}

bool store_end_run(struct store *s, const struct counters *counters, int result, struct error *why)
{
    struct counters settled = *counters;
    /* What waits is committed first, so that the counters know of everything that was lost. */
    bool committed = store_commit(s, why);
    struct store_losses unreported = s->lost;
    store_count_losses(s, &settled);
    s->lost = unreported;
    if (!write_counters(s, &settled, why))
        return false;
    sqlite3_stmt *stats = store_ready(s, DO_RULE_STATS, why);
    if (!stats)
        return false;
    sqlite3_bind_int64(stats, 1, s->run_id);
    if (!store_run(s, stats, why))
        return false;
    sqlite3_stmt *end = store_ready(s, DO_END_RUN, why);
    if (!end)
        return false;
    sqlite3_bind_int64(end, 1, s->run_id);
    sqlite3_bind_int64(end, 2, wall_clock_ns());
    sqlite3_bind_int(end, 3, result);
    if (!store_run(s, end, why) || !store_commit(s, why))
        return false;
    /* A reader may hold the log open: then it is truncated by the next run. */
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return committed;
}
