/* From a match to an alert: see evidence.h. */
#include "detect/evidence.h"

#include "detect/where.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN_BYTES = 96, SHOWN_HEX = 16 };

void evidence_mask(uint8_t *copy, uint32_t base, size_t length, const struct field_value *fields, size_t count,
                   bool (*is_secret)(enum field field))
{
    const uint64_t end = (uint64_t)base + length;
    for (size_t i = 0; i < count; i++) {
        uint64_t from = fields[i].offset, to = from + fields[i].length;
        if (from < base)
            from = base;
        if (to > end)
            to = end;
        if (from < to && is_secret((enum field)fields[i].field))
            memset(copy + (from - base), '*', (size_t)(to - from));
    }
}

/* ---- values as text */

static const char *value_name(enum field field, enum protocol protocol, uint64_t value)
{
    if (field == FIELD_DB_MESSAGE)
        return name_of(rule_message_names(protocol), value);
    return field == FIELD_NONE || field_names(field) == NAMES_NONE ? NULL : name_of(field_names(field), value);
}

/* A number with a unit counts something: it is not one of the field's own values. */
static bool is_count(const struct report *r)
{
    return r->relation < MUST_BE && r->note;
}

/* "bytes of the value": what both numbers count, as the note's first word. 0: the note says something else. */
static int unit_length(const struct report *r)
{
    static const char *const units[] = {"bytes", "columns", "types", "iterations"};
    const char *space = is_count(r) ? strchrnul(r->note, ' ') : NULL;
    for (size_t i = 0; space && i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i]) == (size_t)(space - r->note) && strncmp(units[i], r->note, strlen(units[i])) == 0)
            return (int)(space - r->note);
    return 0;
}

/* One byte on the wire, and numbers that look like -1 or a mask, are easier to know in hex. */
static void add_value(struct text *t, enum field field, enum protocol protocol, uint64_t value, uint32_t length)
{
    const char *name = value_name(field, protocol, value);
    const bool hex = (length == 1 && value > 9) || value > INT32_MAX;
    if (field != FIELD_NONE && field_kind(field) == KIND_BOOL && value <= 1) {
        text_add(t, "%s", value ? "yes" : "no");
        return;
    }
    if (name && field_names(field) == NAMES_spoken) { /* its number is nobody's */
        text_add(t, "%s", name);
        return;
    }
    if (name)
        text_add(t, "%s (", name);
    text_add(t, "%" PRIu64, value);
    if (hex)
        text_add(t, "%s0x%02" PRIx64, name ? ", " : " (", value);
    if (name || hex)
        text_add(t, ")");
}

static void add_bytes(struct text *t, const struct message *message, struct view bytes, uint32_t offset, bool text)
{
    uint8_t copy[SHOWN_BYTES];
    struct view shown = view_head(bytes, sizeof copy);
    if (shown.length)
        memcpy(copy, shown.bytes, shown.length);
    evidence_mask(copy, offset, shown.length, message->findings->fields, message->findings->fields_used, field_is_secret);
    if (!text) {
        text_add_hex(t, view_of(copy, shown.length), SHOWN_HEX);
        return;
    }
    text_add(t, "\"");
    text_add_escaped(t, view_of(copy, shown.length));
    text_add(t, bytes.length > shown.length ? "..." : "\"");
}

static struct view message_bytes(const struct message *message, uint32_t offset, uint32_t length)
{
    return view_head(view_from(message->head, offset), length);
}

/* ---- got and expected */

static bool is_text(struct view bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        if ((bytes.bytes[i] < ' ' || bytes.bytes[i] > '~') && bytes.bytes[i] != '\r' && bytes.bytes[i] != '\n')
            return false;
    return bytes.length > 1;
}

static void report_got(struct text *t, const struct message *message, const struct report *r, enum protocol protocol)
{
    const enum field field = (enum field)r->field;
    const bool number = r->relation != MUST_BE || (field != FIELD_NONE && field_kind(field) != KIND_BYTES);
    const bool of_bytes = field != FIELD_NONE && field_kind(field) == KIND_BYTES; /* their length, or what they mean */
    if (number && field_is_secret(field) && !of_bytes) {
        text_add(t, "(secret)");
    } else if (number) {
        add_value(t, is_count(r) ? FIELD_NONE : field, protocol, r->got, r->length);
        if (unit_length(r))
            text_add(t, " %.*s", unit_length(r), r->note);
    } else if (r->length == 0) {
        text_add(t, "nothing");
    } else {
        struct view bytes = message_bytes(message, r->offset, r->length);
        add_bytes(t, message, bytes, r->offset, field != FIELD_NONE || is_text(bytes));
    }
}

static void report_expected(struct text *t, const struct report *r, enum protocol protocol)
{
    static const char *const words[] = {"exactly ", "at most ", "at least "};
    if (r->relation < MUST_BE) {
        text_add(t, "%s", words[r->relation]);
        add_value(t, is_count(r) ? FIELD_NONE : (enum field)r->field, protocol, r->expected, r->length);
        if (r->note)
            text_add(t, unit_length(r) ? " %s" : ", %s", r->note);
    } else if (r->note) {
        text_add(t, "%s", r->note);
    }
}

/* Every field of the condition with what it was; secrets are not told. */
static void where_got(struct text *t, const struct message *message, const struct rule *rule, const struct evidence *why,
                      enum protocol protocol)
{
    const struct findings *f = message->findings;
    bool any = false;
    for (unsigned i = 0; i < why->test->parts.count; i++) {
        const struct where_step *s = &rule->where[why->test->parts.first + i];
        const struct field_value *found = NULL;
        for (unsigned k = 0; s->kind == WHERE_FIELD && k < f->fields_used && !found; k++)
            found = f->fields[k].field == s->field ? &f->fields[k] : NULL;
        if (!found)
            continue;
        text_add(t, "%s%s ", any ? ", " : "", field_name((enum field)s->field));
        any = true;
        if (field_is_secret((enum field)s->field))
            text_add(t, "(secret)");
        else if (field_kind((enum field)s->field) == KIND_BYTES)
            add_bytes(t, message, message_bytes(message, found->offset, found->length), found->offset, true);
        else
            add_value(t, (enum field)s->field, protocol, found->value, found->length);
    }
}

static void test_got(struct text *t, const struct message *message, const struct evidence *why, enum protocol protocol)
{
    if (field_is_secret(why->field))
        text_add(t, "(secret)");
    else if (why->test->kind == TEST_NUMBER)
        add_value(t, why->field, protocol, why->value, why->length);
    else if (why->size_only)
        text_add(t, "%" PRIu64 " bytes", why->size);
    else
        add_bytes(t, message, why->bytes, why->of_session ? UINT32_MAX : why->offset, true);
}

static void test_expected(struct text *t, const struct rule *rule, const struct evidence *why)
{
    if (why->test->kind == TEST_NUMBER) {
        rule_print_items(rule, why->test->parts, why->field, " ", t);
        return;
    }
    for (unsigned i = 0; i < why->test->parts.count; i++) {
        text_add(t, "%s", i ? " " : "");
        rule_print_step(rule, &rule->steps[why->test->parts.first + i], t);
    }
}

/* ---- the alert */

/* The packet with the first offending byte: by the marks of a message in several segments; without them there is the first
 * and the last segment to choose from. */
static void fill_place(struct alert *alert, const struct message *message)
{
    const struct segment *first = message->first, *last = message->last, *here = first;
    const uint64_t at = message->stream_offset + alert->message_offset;
    if (message->marks_used)
        here = message_segment(message, alert->message_offset);
    else if (last->packet_number > first->packet_number && last->stream_offset > first->stream_offset && at >= last->stream_offset)
        here = last;
    alert->first_packet = first->packet_number;
    alert->packet_number = here->packet_number;
    alert->time_ns = here->time_ns;
    alert->stream_offset = message->stream_offset;
}

static void fill_session(struct alert *alert, const struct session *session)
{
    if (!session)
        return;
    struct text user = text_in(alert->user, sizeof alert->user);
    struct text database = text_in(alert->database, sizeof alert->database);
    text_add_escaped(&user, view_head(view_of(session->user, sizeof session->user), session->user_length));
    text_add_escaped(&database, view_head(view_of(session->database, sizeof session->database), session->database_length));
}

static void fill_message(struct alert *alert, const struct message *message)
{
    const struct findings *f = message->findings;
    struct view head = view_head(message->head, ALERT_HEAD_MAX);
    alert->message = f->message;
    alert->message_length = f->message_length;
    alert->head_length = (uint16_t)head.length;
    if (head.length)
        memcpy(alert->head, head.bytes, head.length);
    evidence_mask(alert->head, 0, head.length, f->fields, f->fields_used, field_is_secret);
    alert->fields_used = f->fields_used < ALERT_FIELDS_MAX ? f->fields_used : ALERT_FIELDS_MAX;
    alert->fields_cut = f->fields_cut || f->fields_used > ALERT_FIELDS_MAX;
    for (unsigned i = 0; i < alert->fields_used; i++) {
        alert->fields[i] = f->fields[i];
        if (field_is_secret((enum field)f->fields[i].field))
            alert->fields[i].value = 0;
    }
}

void alert_fill(struct alert *alert, const struct rule_set *set, uint32_t rule, const struct message *message,
                const struct evidence *why)
{
    const struct rule *r = &set->rules[rule];
    const enum protocol protocol = message->decoder ? message->decoder->protocol : PROTOCOL_NONE;
    memset(alert, 0, sizeof *alert);
    struct text got = text_in(alert->got, sizeof alert->got), expected = text_in(alert->expected, sizeof alert->expected);
    alert->gid = r->gid;
    alert->sid = r->sid;
    alert->rev = r->rev;
    alert->rule = rule;
    alert->class = r->class;
    alert->severity = r->severity;
    alert->confidence = message->confidence;
    alert->from = (uint8_t)message->from;
    alert->protocol = (uint8_t)protocol;
    alert->datagram = message->datagram;
    alert->event = message->event;
    alert->quiet = r->quiet;
    alert->decrypted = message->decrypted;
    if (message->flow) {
        alert->flow_id = message->flow->id;
        alert->client = message->flow->client;
        alert->server = message->flow->server;
    }
    if (why->report) {
        const struct anomaly_row *row = anomaly_row((enum anomaly)why->report->anomaly);
        alert->anomaly = why->report->anomaly;
        alert->class = (uint8_t)row->class;
        if (!r->priority && r->action != ACTION_LOG)
            alert->severity = row->severity;
        alert->field = why->report->field;
        alert->message_offset = why->report->offset;
        alert->field_length = why->report->length;
        report_got(&got, message, why->report, protocol);
        report_expected(&expected, why->report, protocol);
    } else if (why->test && why->test->kind == TEST_WHERE) {
        where_got(&got, message, r, why, protocol);
        text_add(&expected, "%s", r->where_text);
    } else if (why->test && why->test->kind != TEST_ADDRESS) {
        alert->field = (uint16_t)why->field;
        alert->message_offset = why->offset;
        alert->field_length = why->length;
        test_got(&got, message, why, protocol);
        test_expected(&expected, r, why);
    }
    fill_place(alert, message);
    fill_session(alert, message->findings->session);
    fill_message(alert, message);
}
