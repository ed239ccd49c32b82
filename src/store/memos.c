/*
 * Memos of messages (--facts) become rows. Bounded per server by rows and bytes: what goes first is the oldest of what there is most
 * of, so that rare kinds and shapes stay longer; rows near an alert go last of their kind. Bounded in all by rows.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/anomaly.h"
#include "model/name.h"
#include "proto/decoder.h"
#include "store/connection.h"
#include "store/redact.h"
#include "store/schema.h"

static void bind_end(sqlite3_stmt *statement, int column, const struct endpoint *end)
{
    TEXT_ON_STACK(address, 64);
    text_add_address(&address, end->address);
    sqlite3_bind_text(statement, column, address.chars, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, column + 1, end->port);
}

static int64_t integer(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* As in the `why` of an alert, without what the head has. */
static char *fields_json(const struct memo *m)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < m->fields_used; i++) {
        const struct field_value *value = &m->fields[i];
        const enum field field = (enum field)value->field;
        json_t *node = json_pack("{s:s, s:I, s:I}", "field", field_name(field), "offset", (json_int_t)value->offset, "length", (json_int_t)value->length);
        if (field_is_secret(field))
            json_object_set_new(node, "secret", json_true());
        else if (field_kind(field) == KIND_BOOL)
            json_object_set_new(node, "value", json_boolean(value->value));
        else if (field_kind(field) != KIND_BYTES)
            json_object_set_new(node, "value", json_integer(integer(value->value)));
        json_array_append_new(all, node);
    }
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static char *anomalies_json(const struct memo *m)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < m->reports_used; i++)
        json_array_append_new(all, json_string(anomaly_row((enum anomaly)m->reports[i])->name));
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static void bind_name(sqlite3_stmt *statement, int column, const char *bytes, size_t length)
{
    TEXT_ON_STACK(name, 4 * MEMO_NAME_MAX + 8);
    text_add_escaped(&name, view_of(bytes, length));
    store_bind_text(statement, column, name.chars, true);
}

static void bind_message(sqlite3_stmt *add, const struct memo *m)
{
    const struct decoder *decoder = decoder_of((enum protocol)m->protocol);
    const char *phase = name_of(NAMES_phase, m->phase), *compression = name_of(NAMES_compression, m->compression);
    store_bind_text(add, 9, decoder ? name_of(decoder->messages, m->message) : NULL, true);
    sqlite3_bind_int64(add, 10, integer(m->message_length));
    sqlite3_bind_int64(add, 11, integer(m->stream_offset));
    sqlite3_bind_int64(add, 12, integer(m->packet_number));
    sqlite3_bind_int64(add, 13, m->shape);
    sqlite3_bind_int(add, 15, m->confidence);
    store_bind_text(add, 16, phase, true);
    store_bind_text(add, 17, compression, true);
    sqlite3_bind_int(add, 18, m->tls);
    sqlite3_bind_int(add, 19, m->midstream);
    bind_name(add, 20, m->user, m->user_length);
    bind_name(add, 21, m->database, m->database_length);
    bind_name(add, 22, m->country, m->country[0] ? sizeof m->country : 0);
    if (m->asn)
        sqlite3_bind_int64(add, 23, m->asn);
    sqlite3_bind_int64(add, 24, m->facts);
    sqlite3_bind_int64(add, 25, integer(m->error_code));
    sqlite3_bind_int64(add, 26, integer(m->rows));
    sqlite3_bind_int(add, 29, m->fields_cut);
}

bool store_add_memo(struct store *s, const struct memo *m, bool near_alert, struct error *why)
{
    uint8_t head[MEMO_HEAD_MAX];
    struct redact_text carry = {0};
    sqlite3_stmt *add = store_ready(s, DO_ADD_MEMO, why);
    if (!add)
        return false;
    char *fields = fields_json(m), *anomalies = anomalies_json(m);
    if (!fields || !anomalies) {
        free(fields);
        free(anomalies);
        return error_set(why, EXIT_INTERNAL, "no memory to describe a message");
    }
    /* Statements that set a password: as in the packets of samples. */
    memcpy(head, m->head, m->head_length);
    (void)redact_statement(&carry, head, m->head_length);
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, m->time_ns);
    sqlite3_bind_int64(add, 3, integer(m->flow_id));
    bind_end(add, 4, &m->client);
    bind_end(add, 6, &m->server);
    store_bind_text(add, 8, protocol_name((enum protocol)m->protocol), false);
    bind_message(add, m);
    sqlite3_bind_int(add, 14, near_alert);
    sqlite3_bind_int64(add, 31, (int64_t)(192 + strlen(fields) + m->head_length));
    sqlite3_bind_text(add, 27, anomalies, -1, free);
    sqlite3_bind_text(add, 28, fields, -1, free);
    sqlite3_bind_blob(add, 30, head, m->head_length, SQLITE_STATIC);
    sqlite3_bind_text(add, 32, m->from == FROM_CLIENT ? "to_server" : "to_client", -1, SQLITE_STATIC);
    const bool added = store_run(s, add, why);
    sqlite3_clear_bindings(add);
    return added && store_row_done(s, why);
}

/* ---- bounds */

struct over {
    char address[64], protocol[16];
    int port;
    int64_t rows, bytes;
};

enum { OVER_MOST = 64 };

static int find_over(struct store *s, struct over *over, struct error *why)
{
    int used = 0, result;
    sqlite3_stmt *find = store_ready(s, DO_MEMOS_OVER, why);
    if (!find)
        return -1;
    sqlite3_bind_int64(find, 1, MEMOS_PER_SERVER);
    sqlite3_bind_int64(find, 2, MEMO_BYTES_PER_SERVER);
    while ((result = store_step(s, find, why)) == SQLITE_ROW && used < OVER_MOST) {
        struct over *o = &over[used++];
        snprintf(o->address, sizeof o->address, "%s", (const char *)sqlite3_column_text(find, 0));
        o->port = sqlite3_column_int(find, 1);
        snprintf(o->protocol, sizeof o->protocol, "%s", (const char *)sqlite3_column_text(find, 2));
        o->rows = sqlite3_column_int64(find, 3);
        o->bytes = sqlite3_column_int64(find, 4);
    }
    sqlite3_reset(find);
    return result ? used : -1;
}

static bool trim(struct store *s, const struct over *o, struct error *why)
{
    sqlite3_stmt *drop = store_ready(s, DO_TRIM_MEMOS, why);
    int64_t keep = MEMOS_PER_SERVER;
    if (!drop)
        return false;
    if (o->bytes > MEMO_BYTES_PER_SERVER) { /* as if all rows were of one size; what is left is seen the next time */
        const int64_t fit = (int64_t)((double)o->rows * MEMO_BYTES_PER_SERVER / (double)o->bytes);
        keep = fit < keep ? fit : keep;
    }
    sqlite3_bind_text(drop, 1, o->address, -1, SQLITE_STATIC);
    sqlite3_bind_int(drop, 2, o->port);
    sqlite3_bind_text(drop, 3, o->protocol, -1, SQLITE_STATIC);
    sqlite3_bind_int64(drop, 4, o->rows - keep);
    const bool done = store_run(s, drop, why);
    sqlite3_clear_bindings(drop);
    return done;
}

bool store_trim_memos(struct store *s, struct error *why)
{
    enum { ROUNDS = 4 };
    struct over over[OVER_MOST];
    int used = 0;
    for (unsigned round = 0; round < ROUNDS && (used = find_over(s, over, why)) > 0; round++)
        for (int i = 0; i < used; i++)
            if (!trim(s, &over[i], why))
                return false;
    sqlite3_stmt *all = used < 0 ? NULL : store_ready(s, DO_TRIM_ALL_MEMOS, why);
    if (!all)
        return false;
    sqlite3_bind_int64(all, 1, MEMOS_IN_ALL);
    return store_run(s, all, why) && store_commit(s, why);
}
