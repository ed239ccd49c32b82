/* Vital signs become rows: of a minute, of the last second, and who came. */
#include <jansson.h>

#include "base/text.h"
#include "store/connection.h"

static json_t *kinds_json(const struct vitals *v)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < v->kinds_used; i++)
        json_object_set_new(all, v->kinds[i].name, json_integer(v->kinds[i].count));
    if (v->other_requests)
        json_object_set_new(all, "others", json_integer(v->other_requests));
    return all;
}

static uint64_t errors_of(const struct beat *b)
{
    uint64_t errors = 0;
    for (unsigned i = 0; i < ERROR_CLASSES; i++)
        errors += b->errors[i];
    return errors;
}

static int both(const uint32_t by_side[2])
{
    return (int)(by_side[FROM_CLIENT] + by_side[FROM_SERVER]);
}

static bool bind_all(sqlite3_stmt *add, int column, const int64_t *values, size_t count, const struct vitals *v)
{
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(add, column++, values[i]);
    const struct quantiles *const parts[] = {&v->request_spread, &v->server_time, &v->reply_spread};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sqlite3_bind_int64(add, column++, parts[i]->p50_us);
        sqlite3_bind_int64(add, column++, parts[i]->p95_us);
        sqlite3_bind_int64(add, column++, parts[i]->p99_us);
    }
    return store_bind_json(add, column, kinds_json(v));
}

bool store_add_vitals(struct store *s, const struct vitals *v, struct error *why)
{
    const struct beat *b = &v->sum;
    sqlite3_stmt *add = store_ready(s, DO_ADD_VITALS, why);
    if (!add)
        return false;
    const int64_t values[] = {
        v->minute_ns, b->requests, b->replies, (int64_t)errors_of(b), b->unanswered, v->p50_us, v->p95_us, v->p99_us, both(b->repeated), both(b->resets),
        v->refused, b->errors[ERRORS_LIMIT], b->errors[ERRORS_STOPPING], b->errors[ERRORS_STARTING], b->errors[ERRORS_VERDICT], b->logins, b->logins_failed,
        b->opened, v->asked, v->accepted, b->checks, v->clients, v->connections_most, v->waiting_most, b->resets[FROM_SERVER],
        b->repeated[FROM_SERVER], b->zero_windows[FROM_CLIENT], b->zero_windows[FROM_SERVER], (int64_t)b->bytes[FROM_CLIENT],
        (int64_t)b->bytes[FROM_SERVER], v->slowest_us, v->users, (int64_t)v->split,
    };
    sqlite3_bind_int64(add, 1, s->run_id);
    store_bind_end(add, 2, &v->server);
    store_bind_text(add, 4, protocol_name(v->protocol), false);
    if (!bind_all(add, 5, values, sizeof values / sizeof values[0], v))
        return error_set(why, EXIT_INTERNAL, "no memory to describe a minute");
    return store_run(s, add, why) && store_row_done(s, why);
}

bool store_set_now(struct store *s, const struct vitals *v, int64_t time_ns, struct error *why)
{
    const struct beat *b = &v->sum;
    sqlite3_stmt *add = store_ready(s, DO_SET_NOW, why);
    if (!add)
        return false;
    const int64_t values[] = {
        time_ns, b->requests, b->replies, (int64_t)errors_of(b), v->waiting_most, v->connections_most, v->slowest_us, b->logins_failed, both(b->repeated),
        both(b->resets), both(b->zero_windows), b->checks, (int64_t)b->bytes[FROM_CLIENT], (int64_t)b->bytes[FROM_SERVER], v->refused, v->p50_us,
        v->p95_us, v->p99_us, v->clients, v->users,
    };
    sqlite3_bind_int64(add, 1, s->run_id);
    store_bind_end(add, 2, &v->server);
    store_bind_text(add, 4, protocol_name(v->protocol), false);
    if (!bind_all(add, 5, values, sizeof values / sizeof values[0], v))
        return error_set(why, EXIT_INTERNAL, "no memory to describe a second");
    return store_run(s, add, why) && store_row_done(s, why);
}

bool store_set_visitor(struct store *s, const struct visitor *visitor, struct error *why)
{
    sqlite3_stmt *set = store_ready(s, DO_SET_VISITOR, why);
    if (!set)
        return false;
    sqlite3_bind_int64(set, 1, s->run_id);
    store_bind_end(set, 2, &visitor->server);
    store_bind_text(set, 4, protocol_name(visitor->protocol), false);
    store_bind_text(set, 5, visitor->is_monitor ? "monitor" : "user", false);
    store_bind_text(set, 6, visitor->name, false);
    sqlite3_bind_int64(set, 7, (int64_t)visitor->connections);
    sqlite3_bind_int64(set, 8, (int64_t)visitor->refused);
    sqlite3_bind_int64(set, 9, visitor->first_ns);
    sqlite3_bind_int64(set, 10, visitor->last_ns);
    return store_run(s, set, why) && store_row_done(s, why);
}
