/*
 * The one page for the person who was woken up: what is wrong in one sentence, then why, then the bytes, then the
 * connection, then what to do next. See show.h.
 */
#include "app/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/hex.h"
#include "app/query.h"
#include "app/rows.h"
#include "app/tree.h"
#include "model/anomaly.h"
#include "model/field.h"
#include "store/store.h"

enum { LABEL_COLUMNS = 19, ANOMALY_SIDS = 9000000 };

const char *shown_text(const struct shown *a, const char *column)
{
    const char *text = json_string_value(json_object_get(a->alert, column));
    return text ? text : "";
}

int64_t shown_number(const struct shown *a, const char *column)
{
    return json_integer_value(json_object_get(a->alert, column));
}

static const json_t *why_of(const struct shown *a, const char *key)
{
    return json_object_get(json_object_get(a->alert, "why"), key);
}

static const char *why_text_of(const struct shown *a, const char *key)
{
    const char *text = json_string_value(why_of(a, key));
    return text ? text : "";
}

static bool read_sample(struct shown *a, struct sqlite3 *db, struct error *why)
{
    sqlite3_stmt *row = query_number(db, "SELECT sample_id, packets, bytes, sha256, redacted, pcapng FROM v_samples WHERE sample_id = ?1",
                                     shown_number(a, "sample_id"), why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(row, 5);
        a->pcapng_length = (size_t)sqlite3_column_bytes(row, 5);
        a->pcapng = malloc(a->pcapng_length + 1);
        if (a->pcapng && bytes)
            memcpy(a->pcapng, bytes, a->pcapng_length);
        else
            a->pcapng_length = 0;
        a->sample = query_row(row);
        result = sqlite3_step(row);
    }
    return query_done(row, result, why);
}

bool shown_read(struct shown *a, struct sqlite3 *db, int64_t alert_id, struct error *why)
{
    *a = (struct shown){0};
    sqlite3_stmt *row = query_number(db, "SELECT * FROM v_alerts WHERE alert_id = ?1", alert_id, why);
    if (!row)
        return false;
    int result = sqlite3_step(row);
    if (result == SQLITE_ROW) {
        a->alert = query_row(row);
        result = sqlite3_step(row);
    }
    if (!query_done(row, result, why))
        return false;
    if (!a->alert)
        return error_set(why, EXIT_NO_INPUT, "there is no alert %" PRId64 " (see 'dbhound alerts')", alert_id);
    return store_read_head(db, alert_id, a->head, sizeof a->head, &a->head_length, why) &&
           (shown_number(a, "sample_id") == 0 || read_sample(a, db, why));
}

void shown_free(struct shown *a)
{
    json_decref(a->alert);
    json_decref(a->sample);
    free(a->pcapng);
    *a = (struct shown){0};
}

/* "mysql.auth_response_length" -> "auth response length" */
static void add_plain_field(struct text *t, const char *field)
{
    const char *dot = strchr(field, '.');
    for (const char *c = dot ? dot + 1 : field; *c; c++)
        text_add(t, "%c", *c == '_' ? ' ' : *c);
}

static void add_end(struct text *t, const struct shown *a, bool server)
{
    const char *address = shown_text(a, server ? "server_ip" : "client_ip");
    int64_t port = shown_number(a, server ? "server_port" : "client_port");
    rows_end(t, address, port);
}

static bool sent_by_server(const struct shown *a)
{
    return strcmp(shown_text(a, "direction"), "to_client") == 0;
}

/* A title inside a sentence: its article is written small. */
static void add_title(struct text *t, const char *title)
{
    static const char *const articles[] = {"A ", "An ", "The ", "Another "};
    for (size_t i = 0; i < sizeof articles / sizeof articles[0]; i++) {
        if (strncmp(title, articles[i], strlen(articles[i])) == 0) {
            text_add(t, "%c", articles[i][0] - 'A' + 'a');
            title++;
            break;
        }
    }
    text_add_safe(t, title);
}

static enum event event_of(const struct shown *a)
{
    const enum event event = event_by_name(shown_text(a, "message_type"));
    return event < EVENTS ? event : EVENT_MESSAGE;
}

void shown_sentence(const struct shown *a, struct text *out)
{
    const char *message = shown_text(a, "message_type"), *field = shown_text(a, "field"), *got = shown_text(a, "got"),
               *expected = shown_text(a, "expected");
    text_add(out, "%s ", shown_text(a, "proto"));
    text_add_safe(out, *message ? message : "message");
    if (event_of(a) == EVENT_SECOND) {
        text_add(out, " of ");
        add_end(out, a, true);
    } else {
        text_add(out, " from ");
        add_end(out, a, sent_by_server(a));
        text_add(out, " to ");
        add_end(out, a, !sent_by_server(a));
    }
    text_add(out, ": ");
    add_title(out, shown_text(a, "msg"));
    if (!*got && !*expected)
        return;
    text_add(out, "; ");
    if (*field)
        add_plain_field(out, field);
    if (*got) {
        text_add(out, *field ? " is " : "read ");
        text_add_safe(out, got);
    }
    if (*expected) {
        text_add(out, *got || *field ? ", expected " : "expected ");
        text_add_safe(out, expected);
    }
}

static void print_row(const struct screen *s, const char *label, const char *words)
{
    TEXT_ON_STACK(safe, 2048);
    if (!*words)
        return;
    text_add_safe(&safe, words);
    fprintf(s->out, "  %s%-*s%s", paint(s, PAINT_DIM), LABEL_COLUMNS - 2, label, paint(s, PAINT_NONE));
    print_wrapped(s->out, safe.chars, LABEL_COLUMNS, s->width);
}

static void print_title(const struct screen *s, const char *title)
{
    fprintf(s->out, "\n%s%s%s\n", paint(s, PAINT_BOLD), title, paint(s, PAINT_NONE));
}

static void print_words(const struct screen *s, const char *title, const char *words)
{
    TEXT_ON_STACK(safe, 4096);
    if (!*words)
        return;
    text_add_safe(&safe, words);
    print_title(s, title);
    fputs("  ", s->out);
    print_wrapped(s->out, safe.chars, 2, paragraph_width(s));
}

static void add_readable_time(struct text *t, int64_t time_ns)
{
    TEXT_ON_STACK(time, 48);
    text_add_time(&time, time_ns);
    if (time.length > 26)
        text_add(t, "%.10s %.15s UTC", time.chars, time.chars + 11);
    else
        text_add(t, "%s", time.chars);
}

static void print_facts(const struct shown *a, const struct screen *s)
{
    TEXT_ON_STACK(alert, 256);
    TEXT_ON_STACK(when, 256);
    TEXT_ON_STACK(seen, 128);
    TEXT_ON_STACK(who, 256);
    TEXT_ON_STACK(field, 512);
    TEXT_ON_STACK(place, 256);
    const char *user = shown_text(a, "user_name"), *database = shown_text(a, "database_name"), *name = shown_text(a, "field");
    long long length = json_integer_value(why_of(a, "length")), all = json_integer_value(why_of(a, "message_length"));
    text_add(&alert, "%" PRId64 ", %s, %s%s%s, confidence %" PRId64 " of 100", shown_number(a, "alert_id"), severity_word(shown_number(a, "severity")),
             shown_text(a, "class"), *shown_text(a, "anomaly") ? ", " : "", shown_text(a, "anomaly"),
             shown_number(a, "confidence"));
    add_readable_time(&when, shown_number(a, "time_ns"));
    if (event_of(a) != EVENT_SECOND)
        text_add(&when, ", packet %" PRId64, shown_number(a, "packet_number"));
    if (shown_number(a, "count") > 1) {
        text_add_number(&seen, (uint64_t)shown_number(a, "count"));
        text_add(&seen, " times, last ");
        add_readable_time(&seen, shown_number(a, "last_time_ns"));
    }
    if (*user || *database)
        text_add(&who, "user %s%s%s%s%s", *user ? "'" : "unknown", user, *user ? "'" : "", *database ? ", database '" : "", database);
    if (*database)
        text_add(&who, "'");
    if (*name)
        text_add(&field, "%s: %s", name, field_help(field_by_name(name)));
    if (event_of(a) == EVENT_MESSAGE)
        text_add(&place, "byte %" PRId64 " of the message, %lld byte%s", shown_number(a, "message_offset"), length,
             length == 1 ? "" : "s");
    if (length == 0 && event_of(a) == EVENT_MESSAGE)
        text_add(&place, " (something is missing there)");
    if (all)
        text_add(&place, "; the message has %lld", all);
    print_row(s, "alert", alert.chars);
    print_row(s, "when", when.chars);
    print_row(s, "seen", seen.chars);
    print_row(s, "login", who.chars);
    print_row(s, "field", field.chars);
    print_row(s, "read", shown_text(a, "got"));
    print_row(s, "expected", shown_text(a, "expected"));
    print_row(s, "offset", place.chars);
    if (json_is_true(why_of(a, "decrypted")))
        print_row(s, "decrypted", "the message came inside TLS and was read with the secrets of a key log; the packets of the sample are as captured");
    print_row(s, "specification", why_text_of(a, "spec"));
    print_row(s, "server said", *shown_text(a, "server_verdict") ? shown_text(a, "server_verdict") : "nothing that was seen");
}

static void print_meaning(const struct shown *a, const struct screen *s)
{
    print_row(s, "what it means", why_text_of(a, "meaning"));
    print_row(s, "what is legal", why_text_of(a, "legal"));
    if (strncmp(why_text_of(a, "benign"), "None known", 10) != 0)
        print_row(s, "harmless causes", why_text_of(a, "benign"));
}

/* The rule of an anomaly says no more than the anomaly; a rule that somebody wrote is shown. */
static void print_rule(const struct shown *a, const struct screen *s)
{
    enum anomaly anomaly = anomaly_by_name(shown_text(a, "anomaly"));
    if (anomaly != ANOMALY_NONE && shown_number(a, "sid") == ANOMALY_SIDS + (int64_t)anomaly_row(anomaly)->number) {
        TEXT_ON_STACK(rule, 64);
        text_add(&rule, "%" PRId64 ":%" PRId64 ":%" PRId64, shown_number(a, "gid"), shown_number(a, "sid"), shown_number(a, "rev"));
        print_row(s, "rule", rule.chars);
        return;
    }
    TEXT_ON_STACK(title, 512);
    text_add(&title, "Rule %" PRId64 ":%" PRId64 ":%" PRId64 "  ", shown_number(a, "gid"), shown_number(a, "sid"), shown_number(a, "rev"));
    text_add_safe(&title, shown_text(a, "msg"));
    print_words(s, title.chars, *why_text_of(a, "rule") ? why_text_of(a, "rule") : "(built in)");
    print_row(s, "references", why_text_of(a, "references"));
}

static void print_message(const struct shown *a, const struct screen *s)
{
    const json_t *nodes = why_of(a, "tree");
    TEXT_ON_STACK(got, 256);
    TEXT_ON_STACK(expected, 256);
    TEXT_ON_STACK(title, 128);
    text_add_safe(&got, shown_text(a, "got"));
    text_add_safe(&expected, shown_text(a, "expected"));
    if (json_array_size(nodes)) {
        print_title(s, json_is_true(why_of(a, "decrypted")) ? "Message, decrypted and decoded" : "Message, decoded");
        const struct tree_mark mark = {shown_text(a, "field"), shown_number(a, "message_offset"),
                                       json_integer_value(why_of(a, "length")), got.chars, expected.chars};
        tree_print(s, nodes, json_is_true(why_of(a, "tree_cut")), &mark);
    }
    if (a->head_length == 0)
        return;
    long long all = json_integer_value(why_of(a, "message_length"));
    text_add(&title, "Message, %s%zu bytes", all > (long long)a->head_length ? "first " : "", a->head_length);
    if (all > (long long)a->head_length) {
        text_add(&title, " of ");
        text_add_number(&title, (uint64_t)all);
    }
    print_title(s, title.chars);
    hex_print(s, view_of(a->head, a->head_length), (uint32_t)shown_number(a, "message_offset"),
              (uint32_t)json_integer_value(why_of(a, "length")));
}

static void print_connection(const struct shown *a, const struct screen *s)
{
    TEXT_ON_STACK(title, 256);
    if (!a->sample)
        return;
    text_add(&title, "Connection, sample %lld: ", (long long)json_integer_value(json_object_get(a->sample, "sample_id")));
    text_add_number(&title, (uint64_t)json_integer_value(json_object_get(a->sample, "packets")));
    text_add(&title, " packets, ");
    text_add_size(&title, (uint64_t)json_integer_value(json_object_get(a->sample, "bytes")));
    if (json_integer_value(json_object_get(a->sample, "redacted")))
        text_add(&title, ", secrets are masked");
    print_title(s, title.chars);
    shown_print_packets(a, s);
}

/* A command that can be typed as it stands. */
static void print_hint(const struct shown *a, const struct screen *s, const char *command, const char *what)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:";
    TEXT_ON_STACK(line, 512);
    text_add_safe(&line, command);
    if (a->store) {
        const char *quote = strspn(a->store, plain) == strlen(a->store) ? "" : "'";
        text_add(&line, " -d %s", quote);
        text_add_safe(&line, a->store);
        text_add(&line, "%s", quote);
    }
    fprintf(s->out, "  %-52s  %s%s%s\n", line.chars, paint(s, PAINT_DIM), what, paint(s, PAINT_NONE));
}

static void print_next(const struct shown *a, const struct screen *s)
{
    TEXT_ON_STACK(sample, 96);
    TEXT_ON_STACK(client, 96);
    TEXT_ON_STACK(server, 128);
    TEXT_ON_STACK(explain, 96);
    print_title(s, "Next");
    text_add(&sample, "dbhound sample %" PRId64 " -w .", shown_number(a, "alert_id"));
    if (a->sample)
        print_hint(a, s, sample.chars, "the packets as a file for Wireshark");
    text_add(&client, "dbhound alerts --client %s", shown_text(a, "client_ip"));
    print_hint(a, s, client.chars, "what else this client did");
    text_add(&server, "dbhound alerts --server ");
    add_end(&server, a, true);
    print_hint(a, s, server.chars, "what else this server got");
    text_add(&explain, "dbhound explain ");
    text_add_safe(&explain, shown_text(a, "anomaly"));
    if (*shown_text(a, "anomaly"))
        fprintf(s->out, "  %-52s  %smore about this anomaly%s\n", explain.chars, paint(s, PAINT_DIM), paint(s, PAINT_NONE));
}

void shown_print(const struct shown *a, const struct screen *s)
{
    TEXT_ON_STACK(sentence, 1024);
    TEXT_ON_STACK(safe, 1024);
    shown_sentence(a, &sentence);
    text_add_safe(&safe, sentence.chars);
    fputs(paint(s, severity_paint(shown_number(a, "severity"))), s->out);
    print_wrapped(s->out, safe.chars, 0, s->width);
    fprintf(s->out, "%s\n", paint(s, PAINT_NONE));
    print_facts(a, s);
    print_meaning(a, s);
    print_rule(a, s);
    print_message(a, s);
    print_connection(a, s);
    print_next(a, s);
}

void shown_print_json(const struct shown *a, FILE *out)
{
    char *octets = calloc(1, 2 * sizeof a->head + 1);
    TEXT_ON_STACK(sentence, 1024);
    shown_sentence(a, &sentence);
    for (size_t i = 0; octets && i < a->head_length; i++)
        snprintf(octets + 2 * i, 3, "%02x", a->head[i]);
    json_object_set_new(a->alert, "sentence", query_json_text(sentence.chars));
    json_object_set_new(a->alert, "message_head", json_string(octets ? octets : ""));
    json_object_set_new(a->alert, "packets", shown_packets(a));
    json_object_set(a->alert, "sample", a->sample ? a->sample : json_null());
    json_dumpf(a->alert, out, JSON_INDENT(1));
    fputc('\n', out);
    free(octets);
}
