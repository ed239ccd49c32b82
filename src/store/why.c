/*
 * The JSON of `why`: field, read, expected, offset, length, what the specification says, what it means, the rule's text,
 * whether it was inside TLS, and the decoded message as a list of nodes with depth. Text from the wire is escaped, secrets are never in it.
 */
#include "store/why.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/text.h"
#include "model/name.h"
#include "store/printable.h"

enum { NODE_TEXT_BYTES = 256, NODE_HEX_BYTES = 64 };

/* By the house's convention the names of a protocol's messages are the set PROTOCOL_message. */
static const uint16_t message_names[PROTOCOLS] = {
#define DECODER(name, SYMBOL, title) [PROTOCOL_##SYMBOL] = NAMES_##name##_message,
#include "model/decoders.def"
#undef DECODER
};

const char *why_message_name(const struct alert *alert)
{
    if (alert->event != EVENT_MESSAGE)
        return event_name((enum event)alert->event);
    if (alert->protocol >= PROTOCOLS || alert->protocol == PROTOCOL_NONE)
        return NULL;
    return name_of((enum name_set)message_names[alert->protocol], alert->message);
}

static json_t *text_or_null(const char *text)
{
    if (!text || !*text)
        return json_null();
    if (printable_is(text))
        return json_string(text);
    char *copy = printable_copy(text);
    json_t *value = json_string(copy ? copy : "");
    free(copy);
    return value;
}

static bool mostly_printable(struct view bytes)
{
    size_t strange = 0;
    for (size_t i = 0; i < bytes.length; i++)
        strange += bytes.bytes[i] < 0x20 || bytes.bytes[i] == 0x7f;
    return strange * 4 <= bytes.length;
}

static void add_bytes(json_t *node, const struct alert *alert, const struct field_value *value)
{
    struct view head = view_of(alert->head, alert->head_length <= ALERT_HEAD_MAX ? alert->head_length : ALERT_HEAD_MAX);
    struct view bytes = view_head(view_from(head, value->offset), value->length);
    TEXT_ON_STACK(text, 4 * NODE_TEXT_BYTES + 8);
    if (field_is_secret((enum field)value->field)) {
        json_object_set_new(node, "secret", json_true());
        text_add(&text, "(masked)");
    } else if (field_kind((enum field)value->field) == KIND_ADDRESS && bytes.length == 16 && value->length == 16) {
        text_add_address(&text, bytes.bytes);
    } else if (field_kind((enum field)value->field) == KIND_ADDRESS && bytes.length == 4 && value->length == 4) {
        text_add(&text, "%u.%u.%u.%u", bytes.bytes[0], bytes.bytes[1], bytes.bytes[2], bytes.bytes[3]);
    } else if (mostly_printable(bytes)) {
        text_add_escaped(&text, view_head(bytes, NODE_TEXT_BYTES));
        if (value->length > NODE_TEXT_BYTES || bytes.length < value->length)
            text_add(&text, "...");
    } else {
        TEXT_ON_STACK(octets, 4 * NODE_HEX_BYTES);
        text_add_hex(&octets, bytes, NODE_HEX_BYTES);
        if (bytes.length < value->length && bytes.length <= NODE_HEX_BYTES)
            text_add(&octets, " ...");
        json_object_set_new(node, "hex", text_or_null(octets.chars));
        return;
    }
    json_object_set_new(node, "text", json_string(text.chars));
}

static json_t *tree_node(const struct alert *alert, const struct field_value *value)
{
    enum field field = (enum field)value->field;
    json_t *node = json_pack("{s:s, s:I, s:I, s:i}", "field", field_name(field), "offset", (json_int_t)value->offset,
                             "length", (json_int_t)value->length, "depth", value->depth);
    if (!node)
        return NULL;
    switch (field_kind(field)) {
    case KIND_BYTES:
    case KIND_ADDRESS:
        add_bytes(node, alert, value);
        break;
    case KIND_BOOL:
        json_object_set_new(node, "value", json_boolean(value->value));
        break;
    case KIND_ENUM:
        json_object_set_new(node, "text",
                            text_or_null(field == FIELD_DB_MESSAGE ? why_message_name(alert)
                                                                   : name_of(field_names(field), value->value)));
        /* fall through */
    case KIND_UINT:
        /* JSON readers agree on integers up to 63 bits only. */
        json_object_set_new(node, "value",
                            json_integer(value->value > INT64_MAX ? INT64_MAX : (json_int_t)value->value));
        break;
    }
    return node;
}

static json_t *tree(const struct alert *alert)
{
    json_t *nodes = json_array();
    for (unsigned i = 0; i < alert->fields_used && i < ALERT_FIELDS_MAX; i++)
        json_array_append_new(nodes, tree_node(alert, &alert->fields[i]));
    return nodes;
}

char *why_text(const struct alert *alert, const struct rule_facts *rule)
{
    const struct anomaly_row *row = anomaly_row((enum anomaly)alert->anomaly);
    json_t *why = json_object();
    json_object_set_new(why, "field", alert->field ? json_string(field_name((enum field)alert->field)) : json_null());
    json_object_set_new(why, "read", text_or_null(alert->got));
    json_object_set_new(why, "expected", text_or_null(alert->expected));
    json_object_set_new(why, "offset", json_integer((json_int_t)alert->message_offset));
    json_object_set_new(why, "length", json_integer((json_int_t)alert->field_length));
    json_object_set_new(why, "spec", text_or_null(row->spec));
    json_object_set_new(why, "meaning", text_or_null(row->meaning));
    json_object_set_new(why, "legal", text_or_null(row->legal));
    json_object_set_new(why, "benign", text_or_null(row->benign));
    json_object_set_new(why, "rule", text_or_null(rule->text));
    json_object_set_new(why, "references", text_or_null(rule->references));
    json_object_set_new(why, "first_packet", json_integer((json_int_t)alert->first_packet));
    json_object_set_new(why, "message_length",
                        json_integer(alert->message_length > INT64_MAX ? INT64_MAX : (json_int_t)alert->message_length));
    json_object_set_new(why, "decrypted", json_boolean(alert->decrypted));
    json_object_set_new(why, "tree_cut", json_boolean(alert->fields_cut));
    json_object_set_new(why, "tree", tree(alert));
    char *text = json_dumps(why, JSON_COMPACT);
    json_decref(why);
    return text;
}
