/* What lines of threshold.config would have hidden: see preview.h. */
#include "app/preview.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "app/kept.h"
#include "app/query.h"
#include "detect/explain.h"
#include "store/store.h"

enum { REPEATS_MOST = 100000 };

struct previewing {
    const struct rule_set *set;
    struct explainer *explainer;
    struct limiter *limiter;
    struct kept_message *kept;
    struct alert *alert;
    struct preview *out;
};

static void fill(struct alert *a, const struct shown *s, const struct kept_message *k, uint32_t rule)
{
    memset(a, 0, offsetof(struct alert, fields));
    a->rule = rule;
    a->gid = (uint32_t)shown_number(s, "gid");
    a->sid = (uint32_t)shown_number(s, "sid");
    a->client = k->flow.client;
    a->server = k->flow.server;
    a->from = (uint8_t)k->message.from;
    a->flow_id = (uint64_t)shown_number(s, "run_id") << 40 ^ (uint64_t)shown_number(s, "flow_id");
    snprintf(a->user, sizeof a->user, "%s", shown_text(s, "user_name"));
    snprintf(a->database, sizeof a->database, "%s", shown_text(s, "database_name"));
}

/* A row stands for `count` alerts between two times. */
static void ask(struct previewing *p, const struct shown *s)
{
    uint32_t rule;
    uint64_t earlier;
    const int64_t first = shown_number(s, "time_ns"), last = shown_number(s, "last_time_ns");
    int64_t count = shown_number(s, "count"), step = 0;
    const char *state = shown_text(s, "state");
    if (!rules_find(p->set, (uint32_t)shown_number(s, "gid"), (uint32_t)shown_number(s, "sid"), &rule))
        return;
    count = count < 1 ? 1 : count > REPEATS_MOST ? REPEATS_MOST : count;
    if (count > 1 && last > first)
        step = (last - first) / (count - 1);
    kept_rebuild(p->kept, s);
    fill(p->alert, s, p->kept, rule);
    const uint64_t before = p->out->hidden;
    for (int64_t i = 0; i < count; i++) {
        p->alert->time_ns = first + i * step;
        p->alert->exception = explainer_exception(p->explainer, rule, &p->kept->message, p->alert->time_ns);
        const enum limited limited = limiter_alert(p->limiter, p->alert, 1, &earlier);
        p->out->hidden += limited == LIMIT_EXCEPTED || limited == LIMIT_SUPPRESSED || limited == LIMIT_THRESHOLD;
    }
    p->out->alerts += (uint64_t)count;
    if (p->out->hidden - before == (uint64_t)count)
        p->out->hidden_true += strcmp(state, "true") == 0 || strcmp(state, "confirmed") == 0 || strcmp(state, "escalated") == 0;
}

static bool ask_all(struct previewing *p, struct sqlite3 *db, uint32_t sid, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT * FROM v_alerts WHERE sid = ?1 OR ?1 = 0 ORDER BY time_ns, alert_id", sid, why);
    int result = SQLITE_DONE;
    if (!row)
        return false;
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        struct shown s = {.alert = query_row(row)};
        bool read = store_read_head(db, shown_number(&s, "alert_id"), s.head, sizeof s.head, &s.head_length, why);
        if (read)
            ask(p, &s);
        json_decref(s.alert);
        if (!read) {
            sqlite3_finalize(row);
            return false;
        }
    }
    return query_done(row, result, why);
}

bool preview_count(const struct rule_set *set, struct sqlite3 *db, uint32_t sid, struct preview *out, struct error *why)
{
    struct previewing p = {.set = set, .explainer = explainer_open(set), .limiter = limiter_open(set), .kept = calloc(1, sizeof *p.kept),
                           .alert = calloc(1, sizeof *p.alert), .out = out};
    *out = (struct preview){0};
    const bool open = p.explainer && p.limiter && p.kept && p.alert;
    const bool good = open ? ask_all(&p, db, sid, why) : error_set(why, EXIT_INTERNAL, "out of memory");
    explainer_close(p.explainer);
    if (p.limiter)
        limiter_close(p.limiter);
    free(p.kept);
    free(p.alert);
    return good;
}
