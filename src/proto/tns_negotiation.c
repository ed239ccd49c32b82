/* The negotiation of native encryption, checksums and authentication behind 0xdeadbeef (node-oracledb sqlnet/ANO.js): a
 * header, services, and fields of a length, a type and a value. */
#include "proto/tns.h"

enum {
    NEGOTIATION_HEADER = 13,
    SDU_NEARLY = 64, /* what a sender may leave free at the end of a packet that goes on in the next */
    FIELD_STRING = 0, FIELD_RAW = 1, FIELD_UB1 = 2, FIELD_UB2 = 3, FIELD_UB4 = 4, FIELD_VERSION = 5, FIELD_STATUS = 6,
};

/* The length that a value of this type has; 0: any. */
static uint16_t length_of(uint16_t type)
{
    switch (type) {
    case FIELD_UB1: return 1;
    case FIELD_UB2: case FIELD_STATUS: return 2;
    case FIELD_UB4: case FIELD_VERSION: return 4;
    default: return 0;
    }
}

static void overrun(struct tns_reading *r, enum field field, uint32_t at, uint64_t got, uint64_t left)
{
    tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ANO_OVERRUN, .field = (uint16_t)field, .relation = MUST_NOT_EXCEED, .offset = at, .length = 2,
                                  .got = got, .expected = left, .note = "left in the negotiation"});
}

/* The server's choice is the first byte-sized number of a service. */
static void chosen(struct tns_reading *r, uint16_t service, uint32_t at, uint8_t algorithm)
{
    if (r->from != FROM_SERVER || (service != ANO_ENCRYPTION && service != ANO_INTEGRITY))
        return;
    note_field(r->out, FIELD_TNS_ANO_ALGORITHM, at, 1, algorithm);
    r->s->encryption_chosen |= algorithm != 0;
}

/* One field; `end` is the end of the negotiation in the packet. */
static bool take_field(struct tns_reading *r, uint16_t service, uint32_t end)
{
    struct cursor *c = &r->c;
    uint32_t at = cursor_offset(c);
    uint16_t length = take_u16be(c), type = take_u16be(c), due = length_of(type);
    if (c->failed)
        return false;
    uint32_t left = end - cursor_offset(c);
    if (length > left) {
        overrun(r, FIELD_TNS_ANO_FIELD_LENGTH, at, length, left);
        return false;
    }
    if (due && due != length) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ANO_FIELD, .field = FIELD_TNS_ANO_FIELD_LENGTH, .relation = MUST_EQUAL, .offset = at,
                                      .length = 2, .got = length, .expected = due, .note = "for its type"});
        return false;
    }
    if (type == FIELD_UB1)
        chosen(r, service, cursor_offset(c), peek_u8(c));
    take_skip(c, length);
    return !c->failed;
}

static bool take_service(struct tns_reading *r, uint32_t end)
{
    struct cursor *c = &r->c;
    uint32_t at = cursor_offset(c);
    uint16_t service = take_u16be(c), fields = take_u16be(c);
    take_skip(c, 4); /* an error */
    if (c->failed)
        return false;
    note_field(r->out, FIELD_TNS_ANO_SERVICE, at, 2, service);
    for (uint32_t i = 0; i < fields; i++) {
        if (end - cursor_offset(c) < 4) {
            overrun(r, FIELD_TNS_ANO_SERVICE, at + 2, fields, i);
            return false;
        }
        if (!take_field(r, service, end))
            return false;
    }
    return true;
}

void tns_negotiation(struct tns_reading *r)
{
    struct cursor *c = &r->c;
    uint64_t left = r->total - TNS_DATA_AT;
    r->out->message = TNS_NEGOTIATION;
    r->s->client_spoke_last = false;
    r->s->owed = r->from == FROM_CLIENT;
    if (!tns_has_room(r, TNS_DATA_AT + NEGOTIATION_HEADER))
        return;
    take_skip(c, 4);
    uint16_t length = take_u16be(c);
    take_skip(c, 4); /* version */
    uint16_t services = take_u16be(c);
    take_skip(c, 1); /* error */
    note_field(r->out, FIELD_TNS_ANO_LENGTH, TNS_DATA_AT + 4, 2, length);
    note_field(r->out, FIELD_TNS_ANO_SERVICES, TNS_DATA_AT + 10, 2, services);
    bool goes_on = r->s->sdu && r->total + SDU_NEARLY >= r->s->sdu;
    if ((length > left && !goes_on) || length < NEGOTIATION_HEADER) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ANO_LENGTH, .field = FIELD_TNS_ANO_LENGTH,
                                      .relation = length > left ? MUST_NOT_EXCEED : MUST_REACH, .offset = TNS_DATA_AT + 4, .length = 2,
                                      .got = length, .expected = length > left ? left : NEGOTIATION_HEADER,
                                      .note = length > left ? "left in the packet" : "the header"});
        return;
    }
    if (length > left)
        return; /* goes on in the next packet */
    uint32_t end = TNS_DATA_AT + length;
    for (uint32_t i = 0; i < services; i++) {
        if (end - cursor_offset(c) < 8) {
            overrun(r, FIELD_TNS_ANO_SERVICES, TNS_DATA_AT + 10, services, i);
            return;
        }
        if (!take_service(r, end))
            return;
    }
}
