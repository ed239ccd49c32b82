/*
 * PRELOGIN ([MS-TDS] 2.2.6.5): a table of options and their values, from the client and, in a packet of type 4, from the
 * server. Both are one packet.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { OPTION_BYTES = 5, OPTIONS_FOLLOWED = 16 };

struct option {
    uint8_t token;
    uint16_t offset, length;
    uint32_t at; /* of the option in the engine's message */
};

static void wrong(struct tds_reading *r, enum anomaly anomaly, enum field field, enum relation relation, uint32_t at, uint32_t length,
                  uint64_t got, uint64_t expected, const char *note)
{
    tds_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = (uint8_t)relation, .offset = at,
                                  .length = length, .got = got, .expected = expected, .note = note});
}

/* Lengths that a value may have besides none, which the server uses for what it leaves empty; 0: any. */
static uint16_t fixed_length(uint8_t token)
{
    switch (token) {
    case PL_VERSION:
        return 6;
    case PL_ENCRYPTION:
    case PL_MARS:
    case PL_FEDAUTHREQUIRED:
        return 1;
    case PL_THREADID:
        return 4;
    case PL_TRACEID:
        return 36;
    case PL_NONCEOPT:
        return 32;
    default:
        return 0;
    }
}

static void take_encryption(struct tds_reading *r, uint8_t value, uint32_t at)
{
    struct tds_state *s = r->state;
    bool client = r->from == FROM_CLIENT;
    note_field(r->out, FIELD_TDS_ENCRYPTION, at, 1, value);
    if ((value & 0x7f) > ENCRYPT_REQ || value == (0x80 | ENCRYPT_NOT_SUP)) {
        wrong(r, ANOMALY_TDS_PRELOGIN_ENCRYPTION, FIELD_TDS_ENCRYPTION, MUST_BE, at, 1, value, 0, "0 to 3, or 80, 81, 83");
        return;
    }
    *(client ? &s->asked_encryption : &s->answered_encryption) = (uint8_t)((value & 3) + 1);
    if (!client && !s->joined && !r->out->session->inside)
        observe(r->out, (struct fact){.kind = FACT_TLS_OFFER, .number = value != ENCRYPT_NOT_SUP});
    bool on = s->asked_encryption - 1 == ENCRYPT_ON || s->asked_encryption - 1 == ENCRYPT_REQ;
    if (!client && s->asked_encryption && on && value == ENCRYPT_OFF)
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_DOWNGRADE, .field = FIELD_TDS_ENCRYPTION, .relation = MUST_BE, .offset = at,
                                      .length = 1, .got = value, .note = "on (1), required (3) or not supported (2)"});
}

static void take_instance(struct tds_reading *r, struct view value, uint32_t at)
{
    note_field(r->out, FIELD_TDS_INSTANCE, at, (uint32_t)value.length, 0);
    bool ends = value.length && memchr(value.bytes, 0, value.length);
    if (r->from == FROM_CLIENT && value.length && !ends)
        wrong(r, ANOMALY_TDS_PRELOGIN_INSTANCE, FIELD_TDS_INSTANCE, MUST_BE, at, (uint32_t)value.length, value.length, 0,
              "a name that ends with a NUL");
}

static void take_value(struct tds_reading *r, const struct option *o, struct view body)
{
    struct view value = view_head(view_from(body, o->offset), o->length);
    uint32_t at = r->base + o->offset;
    bool client = r->from == FROM_CLIENT;
    switch (o->token) {
    case PL_VERSION:
        note_field(r->out, FIELD_TDS_PRELOGIN_VERSION, at, (uint32_t)value.length, 0);
        break;
    case PL_ENCRYPTION:
        take_encryption(r, value.bytes[0], at);
        break;
    case PL_INSTOPT:
        take_instance(r, value, at);
        break;
    case PL_MARS:
        note_field(r->out, FIELD_TDS_MARS, at, 1, value.bytes[0]);
        *(client ? &r->state->asked_mars : &r->state->granted_mars) = value.bytes[0] == 1;
        break;
    default:
        break;
    }
}

static bool check_option(struct tds_reading *r, const struct option *o, uint32_t table_end, size_t whole)
{
    uint16_t fixed = fixed_length(o->token);
    bool may_be_empty = o->token != PL_VERSION && o->token != PL_ENCRYPTION;
    if (o->length && (o->offset < table_end || o->offset > whole || o->length > whole - o->offset)) {
        bool behind = o->offset >= table_end;
        wrong(r, ANOMALY_TDS_PRELOGIN_OFFSET, FIELD_TDS_PRELOGIN_OFFSET, behind ? MUST_NOT_EXCEED : MUST_REACH, o->at + 1, 2,
              behind ? (uint64_t)o->offset + o->length : o->offset, behind ? whole : table_end,
              behind ? "offset and length together: the end of the message" : "the end of the table of options");
        return false;
    }
    if (fixed && o->length != fixed && !(may_be_empty && o->length == 0)) {
        wrong(r, ANOMALY_TDS_PRELOGIN_LENGTH, FIELD_TDS_PRELOGIN_LENGTH, MUST_EQUAL, o->at + 3, 2, o->length, fixed, NULL);
        return false;
    }
    return true;
}

static void check_overlap(struct tds_reading *r, const struct option *options, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned k = 0; k < i; k++) {
            const struct option *a = &options[k], *b = &options[i];
            bool shared = a->length && b->length && a->offset < b->offset + b->length && b->offset < a->offset + a->length;
            if (!shared && a->token != b->token)
                continue;
            tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_PRELOGIN_OVERLAP,
                                          .field = shared ? FIELD_TDS_PRELOGIN_OFFSET : FIELD_TDS_PRELOGIN_OPTION, .relation = MUST_BE,
                                          .offset = shared ? b->at + 1 : b->at, .length = shared ? 2 : 1, .got = shared ? b->offset : b->token,
                                          .note = shared ? "bytes that no other option has" : "an option that did not come before"});
            return;
        }
}

/* The table; false: it has no end. */
static bool take_table(struct tds_reading *r, struct option *options, unsigned *count)
{
    for (unsigned seen = 0;; seen++) {
        uint32_t at = r->base + cursor_offset(&r->c);
        uint8_t token = take_u8(&r->c);
        if (!r->c.failed && token == PL_TERMINATOR)
            return true;
        struct option o = {.token = token, .offset = take_u16be(&r->c), .length = take_u16be(&r->c), .at = at};
        if (r->c.failed) {
            wrong(r, ANOMALY_TDS_PRELOGIN_TABLE, FIELD_TDS_PRELOGIN_OPTION, MUST_BE, at, 0, seen, 0, "options of 5 bytes, then ff");
            return false;
        }
        note_field(r->out, FIELD_TDS_PRELOGIN_OPTION, at, 1, token);
        note_field(r->out, FIELD_TDS_PRELOGIN_OFFSET, at + 1, 2, o.offset);
        note_field(r->out, FIELD_TDS_PRELOGIN_LENGTH, at + 3, 2, o.length);
        if (seen == 0 && token != PL_VERSION) {
            wrong(r, ANOMALY_TDS_PRELOGIN_FIRST, FIELD_TDS_PRELOGIN_OPTION, MUST_EQUAL, at, 1, token, PL_VERSION, "the first option: VERSION");
            return false;
        }
        if (*count < OPTIONS_FOLLOWED)
            options[(*count)++] = o;
    }
}

void tds_prelogin(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    struct option options[OPTIONS_FOLLOWED];
    unsigned count = 0;
    if (r->from == FROM_CLIENT)
        s->stage = STAGE_PRELOGIN;
    if (r->stream->blind || r->stream->bytes || !r->last) { /* in several packets: not looked into */
        r->stream->blind = true;
        return;
    }
    struct view body = cursor_ahead(&r->c);
    bool whole = take_table(r, options, &count);
    uint32_t table_end = cursor_offset(&r->c);
    for (unsigned i = 0; whole && i < count && !r->bad; i++)
        if (check_option(r, &options[i], table_end, body.length) && options[i].length)
            take_value(r, &options[i], body);
    if (whole && !r->bad)
        check_overlap(r, options, count);
}
