/*
 * Oracle TNS: framing, dispatch, and what is to be expected after a gap (node-oracledb lib/thin/sqlnet, python-oracledb
 * impl/thin/packet.pyx and transport.pyx). The reading is in the files beside this one, see tns.h.
 */
#include "proto/tns.h"

enum { TLS_HEADER = 5, TLS_HANDSHAKE = 0x16, BULK_SEEN = 64, BULK_FROM = 1024, RESERVED_FLAGS = 0xC0 };

_Static_assert(sizeof(struct tns_state) <= DECODER_STATE_MAX, "the state fits its slot");

static bool is_tls(struct view bytes)
{
    return bytes.length >= 3 && bytes.bytes[0] == TLS_HANDSHAKE && bytes.bytes[1] == 3 && bytes.bytes[2] >= 1 && bytes.bytes[2] <= 4;
}

/* Eight bytes of a header: is its length one of four bytes? One of two bytes has a checksum behind it, which is 0. */
static bool looks_large(struct view bytes)
{
    struct cursor c = cursor_over(bytes);
    uint32_t high = take_u16be(&c), low = take_u16be(&c);
    uint8_t type = take_u8(&c);
    take_skip(&c, 1);
    uint16_t checksum = take_u16be(&c);
    if (c.failed || type == 0 || type > TNS_TYPE_HIGHEST || checksum)
        return false;
    return high == 0 ? low >= TNS_HEADER : high <= TNS_SDU_MOST >> 16 && low != 0;
}

/* A client that goes on with long lengths has an ACCEPT that was not seen. */
static bool is_large(const struct tns_state *s, enum side from, struct view bytes)
{
    if (!s->width_known && (s->started || s->joined))
        return looks_large(bytes);
    if (s->stage == TNS_CONNECT_SENT && from == FROM_CLIENT && !s->sides[FROM_SERVER].heard)
        return bytes.length > 1 && bytes.bytes[0] == 0 && bytes.bytes[1] == 0 && looks_large(bytes);
    return s->large;
}

static enum match probe(enum side from, struct cursor head)
{
    if (from == FROM_CLIENT && is_tls(cursor_ahead(&head)))
        return MATCH_MAYBE;
    uint32_t length = take_u16be(&head);
    uint16_t checksum = take_u16be(&head);
    uint8_t type = take_u8(&head), flags = take_u8(&head);
    uint16_t header_checksum = take_u16be(&head);
    uint16_t version = take_u16be(&head);
    if (head.failed)
        return MATCH_MAYBE;
    if (checksum || header_checksum || flags & RESERVED_FLAGS || length < TNS_HEADER)
        return MATCH_NO;
    if (from == FROM_CLIENT)
        return type == TNS_CONNECT && version >= 300 && version < 400 ? MATCH_YES : MATCH_NO;
    if (type == TNS_ACCEPT)
        return version >= 300 && version < 400 ? MATCH_YES : MATCH_NO;
    return type == TNS_REFUSE || type == TNS_REDIRECT || type == TNS_RESEND ? MATCH_MAYBE : MATCH_NO;
}

static void length_is(struct frame *out, uint64_t total, uint64_t wanted)
{
    out->total = total;
    out->wanted = (uint32_t)(wanted < total ? wanted : total);
    if (out->wanted > MESSAGE_BYTES_MAX)
        out->wanted = MESSAGE_BYTES_MAX;
}

static enum framing frame_tls(struct view bytes, struct frame *out)
{
    if (bytes.length < TLS_HEADER)
        return FRAME_NEEDS_MORE;
    length_is(out, TLS_HEADER + (uint64_t)(bytes.bytes[3] << 8 | bytes.bytes[4]), TLS_HEADER);
    out->length_at = 3;
    out->length_bytes = 2;
    out->length_excludes = TLS_HEADER;
    return FRAME_READY;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct tns_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    if ((!s->started || s->joined) && from == FROM_CLIENT && is_tls(bytes))
        return frame_tls(bytes, out);
    if (bytes.length < TNS_HEADER)
        return FRAME_NEEDS_MORE;
    bool large = is_large(s, from, bytes);
    uint64_t total = large ? take_u32be(&ahead) : take_u16be(&ahead);
    bool bulk = from == FROM_SERVER && s->login == TNS_LOGIN_DONE && total >= BULK_FROM && bytes.bytes[4] == TNS_DATA;
    bool broken = total < TNS_HEADER || bytes.bytes[4] == 0 || bytes.bytes[4] > TNS_TYPE_HIGHEST;
    length_is(out, broken ? TNS_HEADER : total, bulk ? BULK_SEEN : MESSAGE_BYTES_MAX);
    out->length_bytes = large ? 4 : 2;
    return FRAME_READY;
}

void tns_defect(struct tns_reading *r, struct report found)
{
    if (r->side->doubt)
        return;
    if (r->from == FROM_CLIENT)
        r->s->reported = true;
    report(r->out, found);
}

void tns_out_of_order(struct tns_reading *r, enum anomaly anomaly, const char *note)
{
    if (!r->s->joined)
        tns_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_TNS_TYPE, .relation = MUST_BE, .offset = 4, .length = 1,
                                      .got = r->type, .note = note});
}

bool tns_has_room(struct tns_reading *r, uint32_t least)
{
    if (r->total >= least)
        return true;
    tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_SHORT, .field = FIELD_TNS_LENGTH, .relation = MUST_REACH, .offset = 0,
                                  .length = r->s->large ? 4 : 2, .got = r->total, .expected = least, .note = "for the fields of its type"});
    return false;
}

/* What was negotiated is not known any more, unless the connection was made before. */
static void expect_less(struct tns_state *s, enum side from)
{
    if (s->stage != TNS_ACCEPTED) {
        s->width_known = false;
        s->sdu = 0;
        s->compression = s->checksums = true;
    }
    s->joined = s->started = true;
    s->stage = TNS_ACCEPTED;
    s->owed = false;
    s->abandoned = true;
    s->sides[FROM_CLIENT].text_follows = s->sides[FROM_SERVER].text_follows = false;
    s->sides[from].doubt = TNS_DOUBT;
}

static void header_checksums(struct tns_reading *r, uint16_t checksum, uint16_t header_checksum)
{
    if (r->s->checksums || (!checksum && !header_checksum))
        return;
    tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_CHECKSUM, .field = checksum ? FIELD_TNS_CHECKSUM : FIELD_TNS_HEADER_CHECKSUM,
                                  .relation = MUST_EQUAL, .offset = checksum ? 2 : 6, .length = 2,
                                  .got = checksum ? checksum : header_checksum, .expected = 0, .note = "none was agreed to"});
}

static enum verdict broken(struct tns_reading *r, struct report found)
{
    r->out->message = TNS_UNREADABLE;
    tns_defect(r, found);
    return VERDICT_BROKEN;
}

static bool is_of(enum side from, uint8_t type)
{
    bool answer = type == TNS_ACCEPT || type == TNS_REFUSE || type == TNS_REDIRECT || type == TNS_RESEND;
    return from == FROM_CLIENT ? !answer : type != TNS_CONNECT;
}

/* Packets of a connection that is made, before it is. */
static void in_order(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    if (r->type == TNS_CONNECT || s->stage == TNS_ACCEPTED || s->joined || r->from == FROM_SERVER || r->side->text_follows)
        return;
    if (s->stage == TNS_CONNECT_SENT && !s->sides[FROM_SERVER].heard) {
        expect_less(s, FROM_CLIENT); /* the answer may have gone another way */
        s->sides[FROM_CLIENT].doubt = 0;
        return;
    }
    tns_out_of_order(r, ANOMALY_TNS_ORDER, s->stage == TNS_IDLE ? "CONNECT first" : "CONNECT, then ACCEPT before it");
}

static void dispatch(struct tns_reading *r)
{
    in_order(r);
    switch (r->type) {
    case TNS_CONNECT: tns_connect(r); return;
    case TNS_ACCEPT: tns_accept(r); return;
    case TNS_REFUSE: tns_refuse(r); return;
    case TNS_REDIRECT: tns_redirect(r); return;
    case TNS_RESEND: tns_resend(r); return;
    case TNS_DATA: tns_data(r); return;
    case TNS_MARKER: tns_marker(r); return;
    case TNS_CONTROL: tns_control(r); return;
    default: return;
    }
}

static enum verdict packet(struct tns_reading *r, bool large)
{
    struct tns_state *s = r->s;
    uint32_t width = large ? 4 : 2;
    uint64_t length = large ? take_u32be(&r->c) : take_u16be(&r->c);
    uint16_t checksum = large ? 0 : take_u16be(&r->c);
    r->type = take_u8(&r->c);
    uint8_t flags = take_u8(&r->c);
    uint16_t header_checksum = take_u16be(&r->c);
    note_field(r->out, FIELD_TNS_LENGTH, 0, width, length);
    if (length < TNS_HEADER)
        return broken(r, (struct report){.anomaly = ANOMALY_TNS_LENGTH, .field = FIELD_TNS_LENGTH, .relation = MUST_REACH, .length = width,
                                         .got = length, .expected = TNS_HEADER, .note = "the header"});
    note_field(r->out, FIELD_TNS_TYPE, 4, 1, r->type);
    note_field(r->out, FIELD_TNS_FLAGS, 5, 1, flags);
    if (r->type == 0 || r->type > TNS_TYPE_HIGHEST)
        return broken(r, (struct report){.anomaly = ANOMALY_TNS_TYPE, .field = FIELD_TNS_TYPE, .relation = MUST_BE, .offset = 4, .length = 1,
                                         .got = r->type, .note = "1 to 19"});
    r->out->message = r->type;
    header_checksums(r, checksum, header_checksum);
    if (s->stage == TNS_ACCEPTED && s->sdu && length > s->sdu)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_SDU, .field = FIELD_TNS_LENGTH, .relation = MUST_NOT_EXCEED, .length = width,
                                      .got = length, .expected = s->sdu, .note = "the SDU that ACCEPT names"});
    if (!is_of(r->from, r->type)) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_DIRECTION, .field = FIELD_TNS_TYPE, .relation = MUST_BE, .offset = 4, .length = 1,
                                      .got = r->type, .note = r->from == FROM_CLIENT ? "a client's packet" : "a server's packet"});
        return VERDICT_OK;
    }
    dispatch(r);
    return VERDICT_OK;
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct tns_state *s = state;
    struct tns_reading r = {.s = s, .side = &s->sides[from], .out = out, .c = body, .from = from, .total = out->message_length};
    struct view bytes = cursor_all(&body);
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    if ((!s->started || s->joined) && from == FROM_CLIENT && is_tls(bytes)) {
        out->message = TNS_TLS_RECORD;
        out->session->tls = true;
        observe(out, (struct fact){.kind = FACT_TLS});
        return VERDICT_TLS;
    }
    bool large = is_large(s, from, bytes);
    s->started = true;
    if (large && !s->large && s->stage == TNS_CONNECT_SENT) {
        expect_less(s, from);
        r.side->doubt = 0;
    }
    enum verdict verdict = packet(&r, large);
    r.side->heard = true;
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    else if (r.side->doubt)
        r.side->doubt--;
    return verdict;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

/* A header that could be one of this side; `length` is what it says. */
static bool header_begins(const struct tns_state *s, enum side from, struct view bytes, uint64_t *length)
{
    struct cursor c = cursor_over(bytes);
    bool large = s->width_known ? s->large : looks_large(bytes);
    *length = large ? take_u32be(&c) : take_u16be(&c);
    uint16_t checksum = large ? 0 : take_u16be(&c);
    uint8_t type = take_u8(&c), flags = take_u8(&c);
    uint16_t header_checksum = take_u16be(&c);
    uint64_t most = s->sdu ? s->sdu : large ? TNS_SDU_MOST : TNS_SDU_MOST_SMALL;
    if (c.failed || checksum || header_checksum || flags & RESERVED_FLAGS || *length > most)
        return false;
    bool known = type == TNS_DATA || type == TNS_MARKER || type == TNS_CONTROL || type <= TNS_REDIRECT || type == TNS_RESEND;
    return known && type != 0 && is_of(from, type) && *length >= (type == TNS_DATA ? (uint32_t)TNS_DATA_AT : (uint32_t)TNS_HEADER);
}

static bool resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct tns_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    *offset = 0;
    if (from == FROM_CLIENT && is_tls(bytes))
        return true;
    for (size_t at = 0; at + TNS_HEADER <= bytes.length; at++) {
        uint64_t length = 0, next = 0;
        if (!header_begins(s, from, view_from(bytes, at), &length))
            continue;
        size_t left = bytes.length - at;
        bool ends = length == left || (length < left && left - length >= TNS_HEADER &&
                                       header_begins(s, from, view_from(bytes, at + (size_t)length), &next));
        bool opens = at == 0 && length > left; /* a packet that goes on behind this segment */
        if (ends || opens) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* A side leaves: the client before it sent what it announced, or the server while it owes an answer. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct tns_state *s = state;
    if (s->joined)
        return;
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        if (s->sides[FROM_CLIENT].text_follows && s->sides[FROM_CLIENT].text_left && !s->reported && !s->sides[FROM_SERVER].farewell)
            report(out, (struct report){.anomaly = ANOMALY_TNS_DATA_MISSING, .field = FIELD_TNS_DATA_LENGTH, .relation = MUST_BE,
                                        .got = s->sides[FROM_CLIENT].text_left, .note = "the rest of the text, in bytes"});
        else if (s->login == TNS_LOGIN_CHALLENGED && !s->abandoned && !reset && !s->owed)
            report(out, (struct report){.anomaly = ANOMALY_TNS_LOGIN_ABANDONED, .field = FIELD_DB_PHASE, .relation = MUST_BE,
                                        .got = out->session->phase, .note = "auth_phase_two before the end"});
        return;
    }
    if (s->client_ended || s->reported || s->sides[FROM_SERVER].farewell || s->sides[FROM_CLIENT].farewell || !s->owed)
        return;
    report(out, (struct report){.anomaly = ANOMALY_TNS_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "an answer before the end"});
}

static const uint16_t ports[] = {1521, 1522, 1526, 2484, 0};

const struct decoder tns_decoder = {
    .protocol = PROTOCOL_TNS,
    .name = "tns",
    .spoken = SPOKEN_ORACLE,
    .ports = ports,
    .state_size = sizeof(struct tns_state),
    .messages = NAMES_tns_message,
    .incomplete = ANOMALY_TNS_INCOMPLETE,
    .length_field = FIELD_TNS_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = resync,
    .end = end,
};
