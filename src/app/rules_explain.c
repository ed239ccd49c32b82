/*
 * dbhound rules explain ALERT: the alert's message as the store kept it, made into a message again, and the rule's terms asked
 * about it one by one. What the store does not keep (the state of the connection, bytes behind the first 1,024) is unknown.
 */
#include <arpa/inet.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "app/query.h"
#include "app/rules_verbs.h"
#include "app/show.h"
#include "detect/explain.h"
#include "store/store.h"

/* A message that belongs to nobody. */
struct kept_message {
    struct flow flow;
    struct decoder decoder;
    struct session session;
    struct findings findings;
    struct segment segment;
    struct message message;
};

static void read_address(const char *text, struct endpoint *out)
{
    memset(out->address, 0, sizeof out->address);
    if (inet_pton(AF_INET, text, out->address + 12) == 1)
        out->address[10] = out->address[11] = 0xff;
    else
        (void)inet_pton(AF_INET6, text, out->address);
}

static void read_fields(struct findings *f, const json_t *tree)
{
    size_t i;
    const json_t *node;
    json_array_foreach((json_t *)(uintptr_t)tree, i, node) {
        const char *name = json_string_value(json_object_get(node, "field"));
        const json_t *value = json_object_get(node, "value");
        const enum field field = name ? field_by_name(name) : FIELD_NONE;
        if (field == FIELD_NONE)
            continue;
        note_field(f, field, (uint32_t)json_integer_value(json_object_get(node, "offset")),
                   (uint32_t)json_integer_value(json_object_get(node, "length")),
                   json_is_boolean(value) ? json_is_true(value) : (uint64_t)json_integer_value(value));
    }
}

static void read_login(struct session *session, const struct shown *a)
{
    const char *user = shown_text(a, "user_name"), *database = shown_text(a, "database_name");
    session->user_length = (uint8_t)(strlen(user) < SESSION_TEXT_MAX ? strlen(user) : SESSION_TEXT_MAX);
    session->database_length = (uint8_t)(strlen(database) < SESSION_TEXT_MAX ? strlen(database) : SESSION_TEXT_MAX);
    memcpy(session->user, user, session->user_length);
    memcpy(session->database, database, session->database_length);
}

static enum name_set message_names(enum protocol protocol)
{
    const struct decoder *decoder = decoder_of(protocol);
    return decoder ? decoder->messages : NAMES_NONE;
}

static void rebuild(struct kept_message *k, const struct shown *a)
{
    const json_t *why = json_object_get(a->alert, "why");
    const enum protocol protocol = protocol_by_name(shown_text(a, "proto"));
    uint64_t kind = 0;
    *k = (struct kept_message){.segment = {.time_ns = shown_number(a, "time_ns")}};
    k->decoder.protocol = protocol < PROTOCOLS ? protocol : PROTOCOL_NONE;
    read_address(shown_text(a, "client_ip"), &k->flow.client);
    read_address(shown_text(a, "server_ip"), &k->flow.server);
    k->flow.client.port = (uint16_t)shown_number(a, "client_port");
    k->flow.server.port = (uint16_t)shown_number(a, "server_port");
    read_login(&k->session, a);
    k->findings.session = &k->session;
    k->findings.message_length = (uint64_t)json_integer_value(json_object_get(why, "message_length"));
    if (k->decoder.protocol != PROTOCOL_NONE && name_value(message_names(k->decoder.protocol), shown_text(a, "message_type"), &kind))
        k->findings.message = (uint16_t)kind;
    read_fields(&k->findings, json_object_get(why, "tree"));
    const enum anomaly anomaly = anomaly_by_name(shown_text(a, "anomaly"));
    if (anomaly != ANOMALY_NONE)
        report(&k->findings, (struct report){.anomaly = (uint16_t)anomaly});
    k->message = (struct message){.flow = &k->flow,
                                  .decoder = k->decoder.protocol == PROTOCOL_NONE ? NULL : &k->decoder,
                                  .from = strcmp(shown_text(a, "direction"), "to_client") == 0 ? FROM_SERVER : FROM_CLIENT,
                                  .findings = &k->findings,
                                  .head = view_of(a->head, a->head_length),
                                  .first = &k->segment,
                                  .last = &k->segment};
}

/* ---- telling */

static void print_term(void *context, const struct term *term)
{
    static const char *const truths[] = {"false", "true", "unknown"};
    json_t *all = context;
    TEXT_ON_STACK(text, 1200);
    TEXT_ON_STACK(value, 400);
    text_add_safe(&text, term->text);
    text_add_safe(&value, term->value);
    if (all) {
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i}", "term", text.chars, "truth", truths[term->truth], "value",
                                             value.chars, "offset", (int)term->offset, "length", (int)term->length, "depth", (int)term->depth));
        return;
    }
    printf("%-8s %*s%s", truths[term->truth], (int)(2 * term->depth), "", text.chars);
    if (*value.chars)
        printf("   <- %s", value.chars);
    if (term->length)
        printf("   at %u, %u bytes", term->offset, term->length);
    fputc('\n', stdout);
}

static int explain(const struct options *o, const struct shown *a, const char *text)
{
    struct error why;
    struct rule_set *set = rules_open();
    struct kept_message *k = malloc(sizeof *k);
    struct explainer *e = NULL;
    int result = EXIT_INTERNAL;
    if (set && k) {
        rules_add_text(set, "store", view_text(text));
        if (rules_loaded(set) == 1 && rules_ready(set, &why))
            e = explainer_open(set);
        else
            error_set(&why, EXIT_DATA, "this build does not read the rule of the alert any more");
    }
    if (e) {
        json_t *terms = options_have(o, OPTION_JSON) ? json_array() : NULL;
        rebuild(k, a);
        if (!terms)
            printf("%s\n\n", text);
        const bool all = explainer_rule(e, 0, &k->message, true, print_term, terms);
        if (terms) {
            json_t *out = json_pack("{s:o, s:o, s:b}", "rule", query_json_text(text), "terms", terms, "true", all);
            json_dumpf(out, stdout, JSON_INDENT(2));
            fputc('\n', stdout);
            json_decref(out);
        } else {
            printf("\n%s\n", all ? "The rule is true of the message, as far as the store knows it." : "The rule is not true of what the store kept.");
        }
        result = EXIT_DONE;
    } else if (set && k) {
        result = command_fail(&rules_command, &why);
    }
    explainer_close(e);
    free(k);
    rules_close(set);
    return result;
}

int rules_explain_run(const struct options *o)
{
    struct error why;
    struct shown alert;
    char *end = NULL;
    const long long id = strtoll(o->operands[1], &end, 10);
    if (*end || id <= 0)
        return command_usage(&rules_command, "rules explain takes the number of an alert");
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&rules_command, &why);
    const bool found = shown_read(&alert, db, id, &why);
    sqlite3_close(db);
    int result = EXIT_DONE;
    if (found) {
        const char *text = json_string_value(json_object_get(json_object_get(alert.alert, "why"), "rule"));
        result = explain(o, &alert, text ? text : "");
    }
    shown_free(&alert);
    return found ? result : command_fail(&rules_command, &why);
}
