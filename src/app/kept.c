/* A message as the store kept it with an alert: see kept.h. */
#include "app/kept.h"

#include <arpa/inet.h>
#include <string.h>

void kept_address(const char *text, struct endpoint *out)
{
    memset(out->address, 0, sizeof out->address);
    if (inet_pton(AF_INET, text, out->address + 12) == 1)
        out->address[10] = out->address[11] = 0xff;
    else
        (void)inet_pton(AF_INET6, text, out->address);
}

void kept_fields(struct findings *f, const json_t *tree)
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

void kept_rebuild(struct kept_message *k, const struct shown *a)
{
    const json_t *why = json_object_get(a->alert, "why");
    const enum protocol protocol = protocol_by_name(shown_text(a, "proto"));
    uint64_t kind = 0;
    *k = (struct kept_message){.segment = {.time_ns = shown_number(a, "time_ns")}};
    k->decoder.protocol = protocol < PROTOCOLS ? protocol : PROTOCOL_NONE;
    kept_address(shown_text(a, "client_ip"), &k->flow.client);
    kept_address(shown_text(a, "server_ip"), &k->flow.server);
    k->flow.client.port = (uint16_t)shown_number(a, "client_port");
    k->flow.server.port = (uint16_t)shown_number(a, "server_port");
    read_login(&k->session, a);
    k->session.placed = true;
    memcpy(k->session.country, strlen(shown_text(a, "client_country")) == 2 ? shown_text(a, "client_country") : "\0", 2);
    k->session.asn = (uint32_t)shown_number(a, "client_asn");
    k->findings.session = &k->session;
    k->findings.message_length = (uint64_t)json_integer_value(json_object_get(why, "message_length"));
    if (k->decoder.protocol != PROTOCOL_NONE && name_value(message_names(k->decoder.protocol), shown_text(a, "message_type"), &kind))
        k->findings.message = (uint16_t)kind;
    const enum event event = event_by_name(shown_text(a, "message_type"));
    kept_fields(&k->findings, json_object_get(why, "tree"));
    const enum anomaly anomaly = anomaly_by_name(shown_text(a, "anomaly"));
    if (anomaly != ANOMALY_NONE)
        report(&k->findings, (struct report){.anomaly = (uint16_t)anomaly});
    k->message = (struct message){.flow = &k->flow,
                                  .decoder = k->decoder.protocol == PROTOCOL_NONE ? NULL : &k->decoder,
                                  .from = strcmp(shown_text(a, "direction"), "to_client") == 0 ? FROM_SERVER : FROM_CLIENT,
                                  .findings = &k->findings,
                                  .head = view_of(a->head, a->head_length),
                                  .event = event < EVENTS ? (uint8_t)event : EVENT_MESSAGE,
                                  .first = &k->segment,
                                  .last = &k->segment};
}
