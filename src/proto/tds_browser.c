/*
 * SQL Server Browser ([MC-SQLR], UDP 1434): one datagram asks which instances there are, one answers. The bound of an instance's name is
 * the one that the worm of 2003 broke.
 */
#include "proto/tds.h"

enum { NAME_MOST = 32, INSTANCE_RESPONSE_MOST = 1024, DAC_RESPONSE = 6, RESPONSE_HEADER = 3, DAC_VERSION = 1 };

struct exchange {
    uint8_t asked; /* the last request's type; 0: none is known */
    uint8_t open;  /* requests that are not answered */
};
_Static_assert(sizeof(struct exchange) <= DATAGRAM_STATE_MAX, "it is kept by the dialogue");

/* Behind what was asked there is nothing. */
static void nothing_more(struct cursor *c, struct findings *out)
{
    uint64_t read = cursor_offset(c);
    if (out->message_length > read)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_LENGTH, .field = FIELD_DB_LENGTH, .relation = MUST_EQUAL, .offset = (uint32_t)read,
                                    .length = (uint32_t)cursor_left(c), .got = out->message_length, .expected = read});
}

static void instance_name(struct cursor *c, struct findings *out)
{
    struct view ahead = cursor_ahead(c);
    const uint8_t *end = ahead.length ? memchr(ahead.bytes, 0, ahead.length) : NULL;
    struct view name = take_view(c, end ? (size_t)(end - ahead.bytes) : ahead.length);
    uint32_t at = cursor_offset(c) - (uint32_t)name.length;
    note_bytes(out, FIELD_TDS_BROWSER_INSTANCE, name, c);
    if (name.length > NAME_MOST)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_NAME, .field = FIELD_TDS_BROWSER_INSTANCE, .relation = MUST_NOT_EXCEED, .offset = at,
                                    .length = (uint32_t)name.length, .got = name.length, .expected = NAME_MOST, .note = "bytes of an instance's name"});
    else if (!end && out->message_length == cursor_offset(c))
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_TERMINATOR, .field = FIELD_TDS_BROWSER_INSTANCE, .relation = MUST_BE,
                                    .offset = cursor_offset(c), .note = "a NUL behind the instance's name"});
    if (!end)
        return;
    take_skip(c, 1);
    if (name.length <= NAME_MOST)
        nothing_more(c, out);
}

static void request(struct exchange *x, struct cursor c, struct findings *out)
{
    uint8_t type = take_u8(&c);
    if (c.failed)
        return;
    note_field(out, FIELD_TDS_BROWSER_TYPE, 0, 1, type);
    x->asked = type;
    x->open = (uint8_t)(x->open + (x->open < UINT8_MAX));
    switch (type) {
    case CLNT_BCAST_EX:
    case CLNT_UCAST_EX:
        nothing_more(&c, out);
        return;
    case CLNT_UCAST_DAC: {
        uint8_t version = take_u8(&c);
        if (c.failed && out->message_length > 1)
            return;
        if (!c.failed && version != DAC_VERSION)
            report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_REQUEST, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_EQUAL, .offset = 1,
                                        .length = 1, .got = version, .expected = DAC_VERSION, .note = "the version of the protocol"});
        instance_name(&c, out);
        return;
    }
    case CLNT_UCAST_INST:
        instance_name(&c, out);
        return;
    default:
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_REQUEST, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_BE, .length = 1, .got = type,
                                    .note = "2, 3, 4 or 15"});
    }
}

/* "...;tcp;1433;..." teaches where an instance listens. */
static void learn_ports(struct view data, struct findings *out)
{
    static const char key[] = ";tcp;";
    enum { KEY = sizeof key - 1 };
    for (size_t at = 0; at + KEY < data.length;) {
        const uint8_t *found = memmem(data.bytes + at, data.length - at, key, KEY);
        if (!found)
            return;
        at = (size_t)(found - data.bytes) + KEY;
        uint32_t port = 0;
        while (at < data.length && data.bytes[at] >= '0' && data.bytes[at] <= '9' && port <= UINT16_MAX)
            port = port * 10 + (data.bytes[at++] - '0');
        if (port && port <= UINT16_MAX && at < data.length && data.bytes[at] == ';' && out->announced_used < ANNOUNCED_MAX)
            out->announced[out->announced_used++] = (uint16_t)port;
    }
}

static void response(struct exchange *x, struct cursor c, struct findings *out)
{
    uint8_t type = take_u8(&c);
    if (c.failed)
        return;
    note_field(out, FIELD_TDS_BROWSER_TYPE, 0, 1, type);
    if (type != SVR_RESP) {
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_RESPONSE, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_EQUAL, .length = 1, .got = type,
                                    .expected = SVR_RESP});
        return;
    }
    uint32_t size = take_u16le(&c);
    uint64_t rest = out->message_length > RESPONSE_HEADER ? out->message_length - RESPONSE_HEADER : 0;
    bool dac = out->message_length == DAC_RESPONSE && size == DAC_RESPONSE && x->asked != CLNT_UCAST_INST;
    if (!c.failed)
        note_field(out, FIELD_TDS_BROWSER_SIZE, 1, 2, size);
    if (c.failed ? out->message_length < RESPONSE_HEADER : !dac && size != rest)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_SIZE, .field = FIELD_TDS_BROWSER_SIZE, .relation = MUST_EQUAL, .offset = 1, .length = 2,
                                    .got = size, .expected = rest, .note = "bytes behind it"});
    else if (x->asked == CLNT_UCAST_INST && size > INSTANCE_RESPONSE_MOST)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_SIZE, .field = FIELD_TDS_BROWSER_SIZE, .relation = MUST_NOT_EXCEED, .offset = 1, .length = 2,
                                    .got = size, .expected = INSTANCE_RESPONSE_MOST, .note = "bytes in answer to a question about one instance"});
    struct view data = cursor_ahead(&c);
    if (!dac && data.length) {
        (void)take_view(&c, data.length);
        note_bytes(out, FIELD_TDS_BROWSER_DATA, data, &c);
    }
    if (x->asked && !x->open)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_UNASKED, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_BE, .length = 1, .got = type,
                                    .note = "one answer to each request"});
    else if (x->open && !out->reports_used && !dac)
        learn_ports(data, out);
    if (x->open)
        x->open--;
}

uint32_t tds_browser(void *state, enum side from, struct cursor body, struct findings *out)
{
    out->message = from == FROM_CLIENT ? TDS_BROWSER_REQUEST : TDS_BROWSER_RESPONSE;
    if (out->message_length == 0 && from == FROM_CLIENT)
        return 0; /* a probe whether the port is open */
    (from == FROM_CLIENT ? request : response)(state, body, out);
    return 0;
}
