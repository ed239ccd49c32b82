/* DATA, MARKER and CONTROL packets (node-oracledb sqlnet/packet.js and constants.js; python-oracledb packet.pyx). */
#include "proto/tns.h"

enum {
    FLAG_EOF = 0x0040,
    FLAG_COMPRESSED = 0x0400,
    FLAGS_KNOWN = 0x3FEF,
    MARKER_LEAST = 10,
    MARKER_DATA = 11,
    MARKER_TYPE_MAX = 2,
    CONTROL_LEAST = 10,
    CONTROL_ERROR = 8,
    CONTROL_ERROR_LEAST = 22,
    MAGIC_BYTES = 4,
};

static bool is_negotiation(struct view bytes)
{
    static const uint8_t magic[MAGIC_BYTES] = {0xDE, 0xAD, 0xBE, 0xEF};
    return bytes.length >= MAGIC_BYTES && memcmp(bytes.bytes, magic, MAGIC_BYTES) == 0;
}

static void data_flags(struct tns_reading *r, uint16_t flags)
{
    note_field(r->out, FIELD_TNS_DATA_FLAGS, TNS_HEADER, 2, flags);
    if (flags & ~(unsigned)FLAGS_KNOWN)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_DATA_FLAGS, .field = FIELD_TNS_DATA_FLAGS, .relation = MUST_BE, .offset = TNS_HEADER,
                                      .length = 2, .got = flags, .note = "flags that are known"});
    if (flags & FLAG_COMPRESSED && !r->s->compression && !r->s->joined)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_COMPRESSED, .field = FIELD_TNS_DATA_FLAGS, .relation = MUST_BE,
                                      .offset = TNS_HEADER, .length = 2, .got = flags, .note = "not compressed: ACCEPT did not agree to it"});
}

static void client_data(struct tns_reading *r, bool opaque)
{
    struct tns_state *s = r->s;
    bool goes_on = s->client_spoke_last;
    s->client_spoke_last = true;
    s->owed = true;
    if (opaque)
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    else if (!goes_on)
        tns_request(r);
    else if (s->asking_login)
        tns_login_more(r);
}

static void server_data(struct tns_reading *r, bool opaque)
{
    struct tns_state *s = r->s;
    bool first = s->client_spoke_last;
    s->client_spoke_last = s->owed = false;
    if (first)
        observe(r->out, (struct fact){.kind = FACT_REPLY});
    if (!opaque)
        tns_answer(r, first);
}

void tns_data(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    if (!tns_has_room(r, TNS_DATA_AT))
        return;
    uint16_t flags = take_u16be(&r->c);
    data_flags(r, flags);
    if (r->side->text_follows) {
        tns_text_packet(r);
        return;
    }
    if (flags & FLAG_EOF)
        r->side->farewell = true;
    struct view bytes = cursor_ahead(&r->c);
    if (bytes.length == 0) {
        r->out->message = flags & FLAG_EOF ? TNS_EOF : TNS_DATA;
        return;
    }
    if (is_negotiation(bytes)) {
        tns_negotiation(r);
        return;
    }
    if (s->encryption_chosen && !s->sealed)
        report(r->out, (struct report){.anomaly = ANOMALY_ENGINE_UNSUPPORTED, .relation = MUST_BE, .offset = TNS_DATA_AT,
                                       .length = (uint32_t)bytes.length, .note = "no native network encryption: it was agreed on, and what it hides is not decoded"});
    s->sealed |= s->encryption_chosen;
    bool opaque = s->sealed || flags & FLAG_COMPRESSED;
    if (opaque) {
        r->out->message = TNS_SEALED;
        note_field(r->out, FIELD_DB_UNDECODED, TNS_DATA_AT, (uint32_t)bytes.length, 0);
    }
    if (r->from == FROM_CLIENT)
        client_data(r, opaque);
    else
        server_data(r, opaque);
}

void tns_marker(struct tns_reading *r)
{
    if (!tns_has_room(r, MARKER_LEAST))
        return;
    uint8_t type = take_u8(&r->c);
    take_skip(&r->c, 1);
    note_field(r->out, FIELD_TNS_MARKER_TYPE, TNS_HEADER, 1, type);
    if (type > MARKER_TYPE_MAX) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_MARKER, .field = FIELD_TNS_MARKER_TYPE, .relation = MUST_NOT_EXCEED,
                                      .offset = TNS_HEADER, .length = 1, .got = type, .expected = MARKER_TYPE_MAX});
        return;
    }
    if (type == 1 && tns_has_room(r, MARKER_DATA))
        note_field(r->out, FIELD_TNS_MARKER, 10, 1, take_u8(&r->c));
    if (r->from == FROM_SERVER)
        r->s->owed = false;
}

/* The server speaks in between: an error, or that urgent data does not get through. */
void tns_control(struct tns_reading *r)
{
    struct cursor *c = &r->c;
    if (!tns_has_room(r, CONTROL_LEAST))
        return;
    uint16_t command = take_u16be(c);
    note_field(r->out, FIELD_TNS_CONTROL, TNS_HEADER, 2, command);
    if (command != CONTROL_ERROR || !tns_has_room(r, CONTROL_ERROR_LEAST))
        return;
    take_skip(c, 4);
    uint32_t error = take_u32be(c);
    note_field(r->out, FIELD_TNS_ERROR, 14, 4, error);
    if (r->from == FROM_SERVER)
        observe(r->out, (struct fact){.kind = FACT_ERROR, .number = error});
}
