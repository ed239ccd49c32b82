/* Asking the store: see query.h. */
#include "app/query.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/render.h"
#include "app/suggest.h"
#include "base/text.h"
#include "model/anomaly.h"
#include "model/protocol.h"
#include "store/store.h"

static void add_number(struct query *q, const char *sql, int64_t number)
{
    q->conditions[q->used].sql = sql;
    q->conditions[q->used].is_text = false;
    q->conditions[q->used++].number = number;
}

static void add_text(struct query *q, const char *sql, const char *text)
{
    q->conditions[q->used].sql = sql;
    q->conditions[q->used].is_text = true;
    snprintf(q->conditions[q->used++].text, sizeof q->conditions[0].text, "%s", text);
}

static bool refuse(const char *option, const char *value, const char *what, struct error *why)
{
    TEXT_ON_STACK(shown, 96);
    text_add_escaped(&shown, view_text(value));
    return error_set(why, EXIT_USAGE, "--%s: '%s' is %s", option, shown.chars, what);
}

/* Reads digits up to `most` of them; -1 when there is none. */
static int digits(const char **at, int most)
{
    int value = 0, read = 0;
    for (; read < most && **at >= '0' && **at <= '9'; read++, (*at)++)
        value = value * 10 + (**at - '0');
    return read ? value : -1;
}

static bool calendar_time(const char *text, int64_t *time_ns)
{
    struct tm when = {0};
    int64_t fraction = 0;
    const char *at = text;
    int year = digits(&at, 4), month = *at == '-' ? (at++, digits(&at, 2)) : -1, day = *at == '-' ? (at++, digits(&at, 2)) : -1;
    if (at - text != 10 || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    if (*at == 'T' || *at == ' ') {
        at++;
        when.tm_hour = digits(&at, 2);
        when.tm_min = *at == ':' ? (at++, digits(&at, 2)) : -1;
        when.tm_sec = *at == ':' ? (at++, digits(&at, 2)) : 0;
        if (when.tm_hour < 0 || when.tm_hour > 23 || when.tm_min < 0 || when.tm_min > 59 || when.tm_sec < 0 || when.tm_sec > 60)
            return false;
        if (*at == '.') {
            const char *begins = ++at;
            fraction = digits(&at, 9);
            if (fraction < 0)
                return false;
            for (long i = at - begins; i < 9; i++)
                fraction *= 10;
        }
        if (strcmp(at, "Z") == 0 || strcmp(at, "+0000") == 0 || strcmp(at, "+00:00") == 0)
            at = "";
    }
    when.tm_year = year - 1900;
    when.tm_mon = month - 1;
    when.tm_mday = day;
    *time_ns = (int64_t)timegm(&when) * 1000000000 + fraction;
    return *at == 0 && when.tm_mday == day;
}

bool query_time(const char *text, int64_t now_ns, int64_t *time_ns)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char *end = NULL;
    if (calendar_time(text, time_ns))
        return true;
    if (*text < '0' || *text > '9' || strlen(text) > 11)
        return false;
    long long value = strtoll(text, &end, 10);
    if (*end == 0) {
        *time_ns = value * 1000000000;
        return value <= 9000000000;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (*end == units[i].unit && end[1] == 0 && value <= 9000000000 / units[i].seconds) {
            *time_ns = now_ns - value * units[i].seconds * 1000000000;
            return true;
        }
    }
    return false;
}

static bool add_time(struct query *q, const struct options *o, enum option_id option, const char *name, const char *sql,
                     struct error *why)
{
    const char *text = options_text(o, option);
    struct timespec now;
    int64_t time_ns = 0;
    if (!text)
        return true;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!query_time(text, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &time_ns))
        return refuse(name, text, "no time; write 2026-11-24T05:51:59, 2026-11-24 or 2h", why);
    add_number(q, sql, time_ns);
    return true;
}

/* "10.0.0.5", "10.0.0.5:3306", "2001:db8::5", "[2001:db8::5]:3306": the address as the store writes it, the port or -1. */
static bool read_address(const char *written, bool with_port, char address[INET6_ADDRSTRLEN], long *port)
{
    char host[64];
    unsigned char octets[16];
    bool bracket = written[0] == '[';
    const char *first = strchr(written, ':'), *last = strrchr(written, ':');
    const char *host_end = bracket ? strchr(written, ']') : first && first == last ? first : written + strlen(written);
    const char *rest = host_end ? host_end + bracket : NULL;
    size_t length = host_end ? (size_t)(host_end - written) - bracket : sizeof host;
    if (length >= sizeof host || (*rest && (*rest != ':' || !with_port)))
        return false;
    memcpy(host, written + bracket, length);
    host[length] = 0;
    *port = -1;
    if (*rest) {
        char *end = NULL;
        *port = strtol(rest + 1, &end, 10);
        if (rest[1] < '0' || rest[1] > '9' || *end || *port > 65535)
            return false;
    }
    int family = strchr(host, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, host, octets) == 1 && inet_ntop(family, octets, address, INET6_ADDRSTRLEN);
}

bool query_server_named(struct query *q, const char *server, struct error *why)
{
    char address[INET6_ADDRSTRLEN];
    long port = -1;
    if (!read_address(server, true, address, &port))
        return refuse("server", server, "no address or ADDRESS:PORT", why);
    add_text(q, "server_ip = ?", address);
    if (port >= 0)
        add_number(q, "server_port = ?", port);
    return true;
}

static bool add_addresses(struct query *q, const struct options *o, struct error *why)
{
    const char *server = options_text(o, OPTION_SERVER), *client = options_text(o, OPTION_CLIENT);
    char address[INET6_ADDRSTRLEN];
    long port = -1;
    if (server && !query_server_named(q, server, why))
        return false;
    if (client) {
        if (!read_address(client, false, address, &port))
            return refuse("client", client, "no address", why);
        add_text(q, "client_ip = ?", address);
    }
    return true;
}

bool query_server(struct query *q, const struct options *o, struct error *why)
{
    return add_addresses(q, o, why);
}

bool query_times(struct query *q, const struct options *o, const char *since, const char *until, struct error *why)
{
    return add_time(q, o, OPTION_SINCE, "since", since, why) && add_time(q, o, OPTION_UNTIL, "until", until, why);
}

static bool add_names(struct query *q, const struct options *o, struct error *why)
{
    const char *class = options_text(o, OPTION_CLASS), *anomaly = options_text(o, OPTION_ANOMALY),
               *proto = options_text(o, OPTION_PROTO), *state = options_text(o, OPTION_STATE);
    struct suggestion nearest;
    if (class && anomaly_class_by_name(class) == ANOMALY_CLASSES)
        return refuse("class", class, "none of malformed, violation, unusual and undecoded", why);
    if (class)
        add_text(q, "class = ?", class);
    if (anomaly && anomaly_by_name(anomaly) == ANOMALY_NONE) {
        nearest = suggest_for(anomaly);
        for (unsigned i = 1; i < ANOMALIES; i++)
            suggest_offer(&nearest, anomaly_row((enum anomaly)i)->name);
        refuse("anomaly", anomaly, "no anomaly (see 'dbhound explain')", why);
        return suggest_add(&nearest, "", why);
    }
    if (anomaly)
        add_text(q, "anomaly = ?", anomaly);
    if (proto && protocol_by_name(proto) == PROTOCOLS) {
        nearest = suggest_for(proto);
        for (unsigned i = 0; i < PROTOCOLS; i++)
            suggest_offer(&nearest, protocol_name((enum protocol)i));
        refuse("proto", proto, "no protocol that is decoded", why);
        return suggest_add(&nearest, "", why);
    }
    if (proto)
        add_text(q, "proto = ?", proto);
    if (state)
        add_text(q, "state = ?", state);
    return true;
}

bool query_from_options(struct query *q, const struct options *o, struct error *why)
{
    uint64_t sid = 0, severity = 0;
    *q = (struct query){0};
    if (!add_time(q, o, OPTION_SINCE, "since", "time_ns >= ?", why) ||
        !add_time(q, o, OPTION_UNTIL, "until", "time_ns < ?", why) || !add_addresses(q, o, why) || !add_names(q, o, why) ||
        !options_number(o, OPTION_SID, 0, UINT32_MAX, &sid, why) ||
        !options_severity(o, OPTION_SEVERITY, &severity, why))
        return false;
    if (options_have(o, OPTION_SID))
        add_number(q, "sid = ?", (int64_t)sid);
    if (severity)
        add_number(q, "severity <= ?", (int64_t)severity);
    return true;
}

static bool fail(struct sqlite3 *db, struct error *why)
{
    int code = sqlite3_errcode(db) & 0xff;
    /* Also what a query names that is not there: the views of a damaged file. */
    return error_set(why, code == SQLITE_ERROR || code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? EXIT_DATA : EXIT_IO, "cannot read the store: %s",
                     sqlite3_errmsg(db));
}

sqlite3_stmt *query_prepare(struct sqlite3 *db, const struct query *q, const char *head, const char *tail, struct error *why)
{
    sqlite3_stmt *statement = NULL;
    TEXT_ON_STACK(sql, 4096);
    text_add(&sql, "%s", head);
    for (unsigned i = 0; i < q->used; i++)
        text_add(&sql, "%s%s", i ? " AND " : " WHERE ", q->conditions[i].sql);
    text_add(&sql, " %s", tail);
    if (sqlite3_prepare_v2(db, sql.chars, -1, &statement, NULL) != SQLITE_OK) {
        fail(db, why);
        return NULL;
    }
    for (unsigned i = 0; i < q->used; i++) {
        if (q->conditions[i].is_text)
            sqlite3_bind_text(statement, (int)i + 1, q->conditions[i].text, -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement, (int)i + 1, q->conditions[i].number);
    }
    return statement;
}

sqlite3_stmt *query_number(struct sqlite3 *db, const char *sql, int64_t number, struct error *why)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail(db, why);
        return NULL;
    }
    if (sqlite3_bind_parameter_count(statement))
        sqlite3_bind_int64(statement, 1, number);
    return statement;
}

const char *query_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

json_t *query_json_text(const char *text)
{
    bool plain = true;
    for (const char *c = text; *c && plain; c++)
        plain = *c >= 0x20 && *c < 0x7f;
    if (plain)
        return json_string(text);
    size_t size = 4 * strlen(text) + 8;
    char *memory = malloc(size);
    if (!memory)
        return NULL;
    struct text safe = text_in(memory, size);
    text_add_safe(&safe, text);
    json_t *value = json_string(safe.chars);
    free(memory);
    return value;
}

json_t *query_row(sqlite3_stmt *row)
{
    static const char *const holding_json[] = {"why", "reasons", "advisories", "kinds", "evidence"};
    json_t *object = json_object();
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const char *name = sqlite3_column_name(row, i);
        json_t *value = NULL;
        switch (sqlite3_column_type(row, i)) {
        case SQLITE_BLOB:
            continue;
        case SQLITE_INTEGER:
            value = json_integer(sqlite3_column_int64(row, i));
            break;
        case SQLITE_FLOAT:
            value = json_real(sqlite3_column_double(row, i));
            break;
        case SQLITE_TEXT:
            for (size_t j = 0; j < sizeof holding_json / sizeof holding_json[0]; j++)
                if (strcmp(name, holding_json[j]) == 0)
                    value = json_loads(query_text(row, i), JSON_DECODE_ANY, NULL);
            if (!value)
                value = query_json_text(query_text(row, i));
            break;
        default:
            break;
        }
        json_object_set_new(object, name, value ? value : json_null());
    }
    return object;
}

bool query_done(sqlite3_stmt *statement, int result, struct error *why)
{
    struct sqlite3 *db = sqlite3_db_handle(statement);
    bool done = result == SQLITE_DONE || fail(db, why);
    sqlite3_finalize(statement);
    return done;
}

json_t *query_rows(sqlite3_stmt *rows, struct error *why)
{
    int result;
    if (!rows)
        return NULL;
    json_t *all = json_array();
    while ((result = sqlite3_step(rows)) == SQLITE_ROW)
        json_array_append_new(all, query_row(rows));
    if (query_done(rows, result, why))
        return all;
    json_decref(all);
    return NULL;
}

bool query_current(struct sqlite3 *db, struct error *why)
{
    sqlite3_stmt *ask = query_number(db, "PRAGMA user_version", 0, why);
    if (!ask)
        return false;
    int result = sqlite3_step(ask), version = result == SQLITE_ROW ? sqlite3_column_int(ask, 0) : 0;
    if (!query_done(ask, result == SQLITE_ROW ? SQLITE_DONE : result, why))
        return false;
    return version == STORE_SCHEMA_VERSION ||
           error_set(why, EXIT_DATA, "this store was written by an older dbhound, which did not keep all of this; the next replay or watch into it adds it");
}
