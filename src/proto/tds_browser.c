/*
 * SQL Server Browser, UDP port 1434 ([MC-SQLR] 2.2): a client asks which instances there are and on which port one listens; the
 * server answers with a text. Nothing is kept but what was asked last, because one answer counts its size in another way.
 */
#include "proto/tds.h"

enum browser_type {
    CLNT_BCAST_EX = 0x02,
    CLNT_UCAST_EX = 0x03,
    CLNT_UCAST_INST = 0x04,
    SVR_RESP = 0x05,
    CLNT_UCAST_DAC = 0x0f
};

enum {
    INSTANCENAME_MOST = 32,  /* 2.2.3, without the zero byte */
    RESP_HEADER = 3,
    RESP_INSTANCE_MOST = 1024, /* 2.2.5: the answer about one instance */
    RESP_DAC_SIZE = 6,       /* 2.2.6: this one counts its header, too */
    SEPARATOR_WITHIN = 512   /* the buffer into which clients before MS04-003 copied the first word */
};

struct browser_exchange {
    uint8_t asked;
};

_Static_assert(sizeof(struct browser_exchange) <= DATAGRAM_STATE_MAX, "it is kept by the dialogue");

/* The name up to its zero byte; drivers exist that send none. */
static void instance(struct cursor *c, uint32_t at, struct findings *out)
{
    struct view rest = cursor_ahead(c);
    if (c->failed || out->message_length < at)
        return; /* what is before it is not here */
    const uint8_t *end = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
    /* The bytes that were cut off are part of a name that has no end before them. */
    const uint64_t length = end ? (uint64_t)(end - rest.bytes) : out->message_length - at;
    note_field(out, FIELD_TDS_BROWSER_INSTANCE, at, (uint32_t)(length < rest.length ? length : rest.length), length);
    if (length > INSTANCENAME_MOST)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_NAME, .field = FIELD_TDS_BROWSER_INSTANCE, .relation = MUST_NOT_EXCEED,
                                    .offset = at, .length = (uint32_t)length, .got = length, .expected = INSTANCENAME_MOST,
                                    .note = "bytes of the name of an instance"});
}

static void request(struct browser_exchange *x, uint8_t type, struct cursor *c, struct findings *out)
{
    out->message = TDS_BROWSER_REQUEST;
    x->asked = type;
    switch ((enum browser_type)type) {
    case CLNT_BCAST_EX:
    case CLNT_UCAST_EX:
        if (out->message_length > 1)
            report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_LONG, .field = FIELD_DB_LENGTH, .relation = MUST_EQUAL, .offset = 1,
                                        .length = (uint32_t)(out->message_length - 1), .got = out->message_length, .expected = 1,
                                        .note = "bytes of this request"});
        return;
    case CLNT_UCAST_INST:
        instance(c, 1, out);
        return;
    case CLNT_UCAST_DAC:
        take_skip(c, 1); /* the protocol's version */
        instance(c, 2, out);
        return;
    case SVR_RESP:
        break;
    }
    report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_REQUEST, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_BE, .length = 1, .got = type,
                                .note = "2, 3, 4 or 15"});
}

/* The first word of the text has an end: clients copied it without looking. */
static void separator(struct view text, struct findings *out)
{
    if (text.length < SEPARATOR_WITHIN || memchr(text.bytes, ';', SEPARATOR_WITHIN))
        return;
    report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_TEXT, .field = FIELD_TDS_BROWSER_TEXT, .relation = MUST_BE, .offset = RESP_HEADER,
                                .length = SEPARATOR_WITHIN, .got = SEPARATOR_WITHIN, .note = "words with ; between them"});
}

static void response(const struct browser_exchange *x, uint8_t type, struct cursor *c, struct findings *out)
{
    out->message = TDS_BROWSER_RESPONSE;
    if (type != SVR_RESP) {
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_RESPONSE, .field = FIELD_TDS_BROWSER_TYPE, .relation = MUST_EQUAL, .length = 1,
                                    .got = type, .expected = SVR_RESP});
        return;
    }
    const uint64_t length = out->message_length;
    const uint32_t size = take_u16le(c);
    if (c->failed && length < RESP_HEADER)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_RESPONSE, .field = FIELD_DB_LENGTH, .relation = MUST_REACH, .offset = 1,
                                    .got = length, .expected = RESP_HEADER, .note = "bytes of the header"});
    if (c->failed)
        return; /* or not captured */
    note_field(out, FIELD_TDS_BROWSER_SIZE, 1, 2, size);
    const bool port = size == RESP_DAC_SIZE && length == RESP_DAC_SIZE;
    if (!port && size + (uint64_t)RESP_HEADER != length)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_RESPONSE, .field = FIELD_TDS_BROWSER_SIZE, .relation = MUST_EQUAL, .offset = 1,
                                    .length = 2, .got = size, .expected = length - RESP_HEADER});
    else if (x->asked == CLNT_UCAST_INST && size > RESP_INSTANCE_MOST)
        report(out, (struct report){.anomaly = ANOMALY_TDS_BROWSER_RESPONSE, .field = FIELD_TDS_BROWSER_SIZE, .relation = MUST_NOT_EXCEED, .offset = 1,
                                    .length = 2, .got = size, .expected = RESP_INSTANCE_MOST, .note = "bytes about one instance"});
    struct view text = cursor_ahead(c);
    if (text.length && !port)
        note_field(out, FIELD_TDS_BROWSER_TEXT, RESP_HEADER, (uint32_t)text.length, 0);
    if (size > SEPARATOR_WITHIN)
        separator(text, out);
}

uint32_t tds_datagram(void *state, enum side from, struct cursor c, struct findings *out)
{
    struct browser_exchange *x = state;
    const uint8_t type = take_u8(&c);
    out->message = from == FROM_CLIENT ? TDS_BROWSER_REQUEST : TDS_BROWSER_RESPONSE;
    if (c.failed)
        return 0; /* an empty datagram asks nothing */
    note_field(out, FIELD_TDS_BROWSER_TYPE, 0, 1, type);
    /* A server that asks another is a client on the server's port; one that answers there is none. */
    if (from == FROM_CLIENT && type != SVR_RESP)
        request(x, type, &c, out);
    else
        response(x, type, &c, out);
    return 0;
}
