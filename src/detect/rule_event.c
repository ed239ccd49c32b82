/* Rules about events: which fields they may ask about, and the events themselves as messages that nobody sent. */
#include "detect/event.h"

#include <string.h>

#include "detect/draft.h"

enum { AT_MESSAGE = 1 << EVENT_MESSAGE, AT_START = 1 << EVENT_FLOW_START, AT_END = 1 << EVENT_FLOW_END, AT_SECOND = 1 << EVENT_SECOND };

unsigned rule_field_events(enum field field)
{
    switch (field) {
    case FIELD_FLOW_DURATION:
    case FIELD_FLOW_END:
    case FIELD_FLOW_BYTES_TO_SERVER:
    case FIELD_FLOW_BYTES_TO_CLIENT:
    case FIELD_FLOW_PACKETS_TO_SERVER:
    case FIELD_FLOW_PACKETS_TO_CLIENT:
    case FIELD_FLOW_MESSAGES_TO_SERVER:
    case FIELD_FLOW_MESSAGES_TO_CLIENT:
        return AT_END;
    case FIELD_SERVER_REQUESTS:
    case FIELD_SERVER_REPLIES:
    case FIELD_SERVER_ERRORS:
    case FIELD_SERVER_LOGINS:
    case FIELD_SERVER_LOGINS_FAILED:
    case FIELD_SERVER_OPENED:
    case FIELD_SERVER_REFUSED:
    case FIELD_SERVER_RESETS:
    case FIELD_SERVER_REPEATED:
        return AT_SECOND;
    case FIELD_NET_SERVER:
    case FIELD_NET_SERVER_PORT:
        return AT_MESSAGE | AT_START | AT_END | AT_SECOND;
    case FIELD_DB_PHASE:
    case FIELD_DB_TLS:
    case FIELD_DB_COMPRESSION:
    case FIELD_DB_USER:
    case FIELD_DB_NAME:
    case FIELD_NET_CLIENT:
    case FIELD_NET_CLIENT_PORT:
    case FIELD_NET_COUNTRY:
    case FIELD_NET_ASN:
    case FIELD_FLOW_MIDSTREAM:
        return AT_MESSAGE | AT_START | AT_END;
    default:
        return AT_MESSAGE;
    }
}

/* ---- is it a rule that can be asked then? */

static bool field_good(struct draft *d, enum field field, const void *at)
{
    const unsigned has = rule_field_events(field);
    if (has >> d->rule.event & 1)
        return true;
    if (has == AT_END || has == AT_SECOND)
        return draft_refuse(d, at, "%s is known at on:%s only", field_name(field), has == AT_END ? "flow_end" : "second");
    return draft_refuse(d, at, "%s is not known at on:%s", field_name(field), event_name((enum event)d->rule.event));
}

static bool where_good(struct draft *d, struct span steps, const void *at)
{
    for (unsigned i = 0; i < steps.count; i++) {
        const struct where_step *s = &d->where[steps.first + i];
        if (s->kind >= WHERE_FIELD && s->kind <= WHERE_MOST && !field_good(d, (enum field)s->field, at))
            return false;
    }
    return true;
}

static bool test_good(struct draft *d, const struct test *t, const void *at)
{
    const bool message = d->rule.event == EVENT_MESSAGE, second = d->rule.event == EVENT_SECOND;
    switch ((enum test_kind)t->kind) {
    case TEST_ANOMALY:
        return message || draft_refuse(d, at, "anomalies are of messages, and on:%s has none", event_name((enum event)d->rule.event));
    case TEST_BUFFER:
        if (t->field == FIELD_NONE)
            return message || draft_refuse(d, at, "content is of messages, and on:%s has none", event_name((enum event)d->rule.event));
        return field_good(d, (enum field)t->field, at);
    case TEST_NUMBER:
    case TEST_ADDRESS:
        return field_good(d, (enum field)t->field, at);
    case TEST_WHERE:
        return where_good(d, t->parts, at);
    case TEST_STREAM:
    case TEST_BITS:
        return !second || draft_refuse(d, at, "this is of a connection, and on:second is about a server");
    case TEST_FACTS:
        return true;
    }
    return true;
}

/* From its client, because that is who opened it: a rule for the other direction waits for ever. */
bool draft_event_good(struct draft *d)
{
    const struct rule *r = &d->rule;
    const uint8_t *text = d->source->text.bytes;
    for (unsigned i = 0; i < r->tests.count; i++)
        if (!test_good(d, &d->tests[i], text + d->buffer_at[i]))
            return false;
    if (r->event == EVENT_MESSAGE)
        return true;
    const void *at = text + d->on_at;
    if (r->flow & FLOW_TO_CLIENT)
        return draft_refuse(d, at, "on:%s goes from the client to the server: flow cannot be to_client", event_name((enum event)r->event));
    if (r->event == EVENT_SECOND && (r->addresses[RULE_SOURCE].count || r->ports[RULE_SOURCE].count))
        return draft_refuse(d, at, "on:second is about a server, which stands behind the arrow: before it there must be any any");
    if (r->event == EVENT_SECOND && (r->bits.set | r->bits.unset | r->bits.toggle))
        return draft_refuse(d, at, "flowbits are of a connection, and on:second is about a server");
    if (r->rate.field != FIELD_NONE && !field_good(d, (enum field)r->rate.field, at))
        return false;
    return true;
}

/* ---- events as messages */

_Static_assert(ENDED_FIN == (int)END_FIN && ENDED_RESET == (int)END_RESET && ENDED_CAPTURE == (int)END_CAPTURE, "flow.end has the names of how connections end");

static struct message *begin(struct event_room *room, enum event event, const struct segment *where)
{
    struct findings *f = &room->findings;
    f->session = NULL;
    f->reports_used = f->fields_used = f->facts_used = 0;
    f->facts_seen = 0;
    f->message = 0;
    f->message_length = 0;
    f->secret = f->fields_cut = false;
    f->depth = 0;
    room->where = *where;
    room->message = (struct message){.findings = f, .from = FROM_CLIENT, .event = (uint8_t)event, .first = &room->where, .last = &room->where,
                                     .stream_offset = where->stream_offset, .confidence = 100, .head = view_of("", 0)};
    return &room->message;
}

static const struct message *of_flow(struct event_room *room, struct message *m, struct flow *flow)
{
    m->flow = flow;
    m->decoder = dialogue_decoder(flow);
    room->findings.session = (struct session *)(uintptr_t)dialogue_session(flow) /* its flowbits are the rules' own */;
    if (flow->one_sided || flow->midstream)
        m->confidence = 50;
    return m;
}

const struct message *event_flow_start(struct event_room *room, struct flow *flow, const struct segment *where)
{
    return of_flow(room, begin(room, EVENT_FLOW_START, where), flow);
}

const struct message *event_flow_end(struct event_room *room, struct flow *flow, enum flow_end end, const struct segment *where)
{
    struct message *m = begin(room, EVENT_FLOW_END, where);
    struct findings *f = &room->findings;
    of_flow(room, m, flow);
    /* It does not end with the capture: what is told is how it was when it was last heard. */
    if (end == END_CAPTURE)
        room->where.time_ns = flow->last_ns;
    const int64_t lasted_ns = flow->last_ns > flow->first_ns ? flow->last_ns - flow->first_ns : 0;
    note_field(f, FIELD_FLOW_DURATION, 0, 0, (uint64_t)lasted_ns);
    note_field(f, FIELD_FLOW_END, 0, 0, (uint64_t)end);
    note_field(f, FIELD_FLOW_BYTES_TO_SERVER, 0, 0, flow->bytes[FROM_CLIENT]);
    note_field(f, FIELD_FLOW_BYTES_TO_CLIENT, 0, 0, flow->bytes[FROM_SERVER]);
    note_field(f, FIELD_FLOW_PACKETS_TO_SERVER, 0, 0, flow->packets[FROM_CLIENT]);
    note_field(f, FIELD_FLOW_PACKETS_TO_CLIENT, 0, 0, flow->packets[FROM_SERVER]);
    if (f->session) {
        note_field(f, FIELD_FLOW_MESSAGES_TO_SERVER, 0, 0, f->session->messages[FROM_CLIENT]);
        note_field(f, FIELD_FLOW_MESSAGES_TO_CLIENT, 0, 0, f->session->messages[FROM_SERVER]);
    }
    return m;
}

const struct message *event_second(struct event_room *room, const struct decoder *decoder, const struct endpoint *server, int64_t time_ns,
                                   const struct field_value *values, unsigned used)
{
    struct message *m = begin(room, EVENT_SECOND, &(struct segment){.time_ns = time_ns});
    uint64_t name = UINT64_C(0xcbf29ce484222325);
    room->flow = (struct flow){.server = *server, .first_ns = time_ns, .last_ns = time_ns};
    for (unsigned i = 0; i < sizeof server->address; i++)
        name = (name ^ server->address[i]) * UINT64_C(0x100000001b3);
    room->flow.id = (name ^ server->port) >> 11; /* so that alerts about different servers do not fold into one */
    m->flow = &room->flow;
    m->decoder = decoder;
    for (unsigned i = 0; i < used; i++)
        note_field(&room->findings, (enum field)values[i].field, 0, 0, values[i].value);
    return m;
}
