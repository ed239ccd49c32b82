/* One condition of a rule and one message: see ask.h. */
#include "detect/ask.h"

#include <string.h>

struct asked ask_begin(struct asker *asker, const struct message *message)
{
    asker->lowered = false;
    return (struct asked){asker, message, message->findings,
                          message->decoder ? message->decoder->protocol : PROTOCOL_NONE,
                          view_head(message->head, MESSAGE_BYTES_MAX)};
}

/* ---- header */

static bool endpoint_matches(const struct rule *r, enum rule_end end, const struct endpoint *e)
{
    const struct span *ports = &r->ports[end], *addresses = &r->addresses[end];
    if (ports->count && !wide_in(r->ranges + ports->first, ports->count, (struct wide){0, e->port}))
        return false;
    return !addresses->count || wide_in(r->ranges + addresses->first, addresses->count, wide_of_address(e->address));
}

bool ask_header(const struct asked *a, const struct rule *r)
{
    const struct message *message = a->message;
    const struct flow *flow = message->flow;
    if (!r->addresses[0].count && !r->addresses[1].count && !r->ports[0].count && !r->ports[1].count)
        return true;
    if (!flow)
        return false;
    const struct endpoint *source = message->from == FROM_CLIENT ? &flow->client : &flow->server;
    const struct endpoint *target = message->from == FROM_CLIENT ? &flow->server : &flow->client;
    if (endpoint_matches(r, RULE_SOURCE, source) && endpoint_matches(r, RULE_TARGET, target))
        return true;
    return r->both_ways && endpoint_matches(r, RULE_SOURCE, target) && endpoint_matches(r, RULE_TARGET, source);
}

/* ---- tests */

bool rule_names(const struct rule *r, const struct test *t, uint16_t anomaly)
{
    for (unsigned i = 0; i < t->parts.count; i++)
        if (r->names[t->parts.first + i] == anomaly)
            return true;
    return false;
}

static const struct report *anomaly_match(const struct asked *a, const struct rule *r, const struct test *t)
{
    for (unsigned i = 0; i < a->findings->reports_used; i++)
        if (rule_names(r, t, a->findings->reports[i].anomaly))
            return &a->findings->reports[i];
    return NULL;
}

static bool fact_number(const struct asked *a, uint32_t kinds, uint64_t *value)
{
    for (unsigned i = 0; i < a->findings->facts_used; i++) {
        if (kinds >> a->findings->facts[i].kind & 1) {
            *value = a->findings->facts[i].number;
            return true;
        }
    }
    return false;
}

static bool session_number(const struct session *session, enum field field, uint64_t *value)
{
    if (!session)
        return false;
    switch (field) {
    case FIELD_DB_PHASE:
        *value = session->phase;
        return true;
    case FIELD_DB_TLS:
        *value = session->tls;
        return true;
    case FIELD_DB_COMPRESSION:
        *value = session->compression;
        return true;
    default:
        *value = session->midstream;
        return true;
    }
}

struct geo_place ask_place(const struct asked *a)
{
    struct session *session = a->findings->session;
    const struct flow *flow = a->message->flow;
    struct geo_place place = {0};
    if (session && session->placed) {
        memcpy(place.country, session->country, sizeof place.country);
        place.asn = session->asn;
        return place;
    }
    if (!a->asker->geo || !flow)
        return place;
    place = geo_find(a->asker->geo, flow->client.address);
    if (session) {
        session->placed = true;
        memcpy(session->country, place.country, sizeof session->country);
        session->asn = place.asn;
    }
    return place;
}

bool ask_derived(const struct asked *a, enum field field, uint64_t *value, bool *derived)
{
    const struct flow *flow = a->message->flow;
    *derived = true;
    switch (field) {
    case FIELD_DB_MESSAGE:
        *value = a->findings->message;
        return true;
    case FIELD_DB_LENGTH:
        *value = a->findings->message_length;
        return true;
    case FIELD_DB_DECRYPTED:
        *value = a->message->decrypted;
        return true;
    case FIELD_DB_PHASE:
    case FIELD_DB_TLS:
    case FIELD_DB_COMPRESSION:
    case FIELD_FLOW_MIDSTREAM:
        return session_number(a->findings->session, field, value);
    case FIELD_DB_ERROR_CODE:
        return fact_number(a, 1u << FACT_ERROR | 1u << FACT_LOGIN_FAILED | 1u << FACT_VERDICT, value);
    case FIELD_DB_ROWS:
        return fact_number(a, 1u << FACT_REPLY, value);
    case FIELD_NET_ASN:
        *value = ask_place(a).asn;
        return *value != 0;
    case FIELD_NET_DIRECTION:
        *value = a->message->from == FROM_SERVER;
        return true;
    case FIELD_NET_CLIENT_PORT:
        *value = flow ? flow->client.port : 0;
        return flow != NULL;
    case FIELD_NET_SERVER_PORT:
        *value = flow ? flow->server.port : 0;
        return flow != NULL;
    default:
        *derived = false;
        return false;
    }
}

bool ask_address(const struct asked *a, enum field field, struct wide *out)
{
    const struct flow *flow = a->message->flow;
    if (!flow || (field != FIELD_NET_CLIENT && field != FIELD_NET_SERVER))
        return false;
    *out = wide_of_address(field == FIELD_NET_CLIENT ? flow->client.address : flow->server.address);
    return true;
}

static bool number_match(const struct asked *a, const struct rule *r, const struct test *t, struct evidence *why)
{
    const struct item *items = r->items + t->parts.first;
    const enum field field = (enum field)t->field;
    *why = (struct evidence){.test = t, .field = field};
    bool derived;
    if (ask_derived(a, field, &why->value, &derived))
        return items_contain(items, t->parts.count, why->value, a->protocol);
    if (derived)
        return false;
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        if (f->field == t->field && items_contain(items, t->parts.count, f->value, a->protocol)) {
            why->value = f->value;
            why->offset = f->offset;
            why->length = f->length;
            return true;
        }
    }
    return false;
}

static void lower_copy(uint8_t *to, struct view from)
{
    for (size_t i = 0; i < from.length; i++) {
        uint8_t c = from.bytes[i];
        to[i] = (uint8_t)(c + (c >= 'A' && c <= 'Z' ? 0x20 : 0));
    }
}

struct view ask_session_text(const struct asked *a, enum field field)
{
    const struct session *s = a->findings->session;
    if (s && field == FIELD_DB_USER)
        return view_head(view_of(s->user, sizeof s->user), s->user_length);
    if (s && field == FIELD_DB_NAME)
        return view_head(view_of(s->database, sizeof s->database), s->database_length);
    if (s && field == FIELD_NET_COUNTRY && ask_place(a).country[0])
        return view_of(s->country, sizeof s->country);
    return view_of("", 0);
}

static bool buffer_test(const struct asked *a, const struct rule *r, const struct test *t, struct buffer b, uint32_t offset,
                        struct evidence *why)
{
    struct place place;
    if (!content_match(&a->asker->search, r, t, &b, &place))
        return false;
    why->size = b.size;
    why->size_only = r->steps[t->parts.first].kind == STEP_SIZE || r->steps[t->parts.first].kind == STEP_DATA_AT;
    why->offset = offset + place.offset;
    why->length = place.whole ? (uint32_t)(b.size < UINT32_MAX ? b.size : UINT32_MAX) : place.length;
    why->bytes = view_head(view_from(b.seen, place.offset), why->length);
    return true;
}

const uint8_t *ask_lower(const struct asked *a)
{
    if (!a->asker->lowered)
        lower_copy(a->asker->lower, a->head);
    a->asker->lowered = true;
    return a->asker->lower;
}

static bool message_part(const struct asked *a, const struct rule *r, const struct test *t, uint32_t offset, uint64_t size,
                         struct evidence *why)
{
    struct buffer b = {.seen = view_head(view_from(a->head, offset), size < SIZE_MAX ? (size_t)size : SIZE_MAX), .size = size};
    if (t->nocase && b.seen.length)
        b.lower = ask_lower(a) + offset;
    return buffer_test(a, r, t, b, offset, why);
}

static bool buffer_match(const struct asked *a, const struct rule *r, const struct test *t, struct evidence *why)
{
    const enum field field = (enum field)t->field;
    *why = (struct evidence){.test = t, .field = field};
    if (field == FIELD_NONE)
        return message_part(a, r, t, 0, a->findings->message_length, why);
    struct view login = ask_session_text(a, field);
    if (t->absent) {
        bool here = login.length > 0;
        for (unsigned i = 0; i < a->findings->fields_used && !here; i++)
            here = a->findings->fields[i].field == t->field;
        if (!here || t->absent == ABSENT_MUST)
            return !here;
    }
    if (login.length) {
        lower_copy(a->asker->lower_session, login);
        why->of_session = true;
        bool matched = buffer_test(a, r, t, (struct buffer){login, a->asker->lower_session, login.length}, 0, why);
        why->offset = why->length = 0;
        return matched;
    }
    for (unsigned i = 0; i < a->findings->fields_used; i++) {
        const struct field_value *f = &a->findings->fields[i];
        if (f->field == t->field && message_part(a, r, t, f->offset, f->length, why))
            return true;
    }
    return false;
}

static bool stream_match(const struct asked *a, const struct rule *r, const struct test *t)
{
    const struct flow *flow = a->message->flow;
    if (!flow)
        return false;
    const struct item *items = r->items + t->parts.first;
    const bool client = items_contain(items, t->parts.count, flow->bytes[FROM_CLIENT], PROTOCOL_NONE);
    const bool server = items_contain(items, t->parts.count, flow->bytes[FROM_SERVER], PROTOCOL_NONE);
    switch ((enum stream_sides)t->wanted) {
    case STREAM_CLIENT:
        return client;
    case STREAM_SERVER:
        return server;
    case STREAM_BOTH:
        return client && server;
    case STREAM_EITHER:
        return client || server;
    }
    return false;
}

static bool bits_match(const struct asked *a, const struct test *t)
{
    const struct session *session = a->findings->session;
    if (!session)
        return false;
    const uint64_t found = session->flowbits & t->bits;
    return t->wanted == BITS_ALL ? found == t->bits : t->wanted == BITS_ANY ? found != 0 : found == 0;
}

static bool address_match(const struct asked *a, const struct rule *r, const struct test *t, struct evidence *why)
{
    struct wide address;
    *why = (struct evidence){.test = t, .field = (enum field)t->field};
    return ask_address(a, (enum field)t->field, &address) && wide_in(r->ranges + t->parts.first, t->parts.count, address);
}

bool ask_test(const struct asked *a, const struct rule *r, const struct test *t, const struct report **report, struct evidence *why)
{
    const struct report *found;
    switch ((enum test_kind)t->kind) {
    case TEST_ANOMALY:
        found = anomaly_match(a, r, t);
        *report = *report ? *report : found;
        return found != NULL;
    case TEST_NUMBER:
        return number_match(a, r, t, why);
    case TEST_ADDRESS:
        return address_match(a, r, t, why);
    case TEST_FACTS:
        return (a->findings->facts_seen & t->bits) != 0;
    case TEST_STREAM:
        return stream_match(a, r, t);
    case TEST_BITS:
        return bits_match(a, t);
    case TEST_WHERE:
        *why = (struct evidence){.test = t};
        return where_true(a, r, t->parts, NULL, NULL);
    case TEST_BUFFER:
        return buffer_match(a, r, t, why);
    }
    return false;
}
