/* The packets that make a connection: CONNECT and its answers, and the text that follows some of them (node-oracledb
 * sqlnet/packet.js and networkSession.js; python-oracledb messages/connect.pyx). */
#include "proto/tns.h"

enum {
    CONNECT_LEAST = 28,      /* up to the offset of the text */
    CONNECT_FLAGS = 34,      /* up to the flags about encryption */
    CONNECT_LARGE = 66,      /* up to the large data units */
    ACCEPT_LEAST = 24,
    ACCEPT_LARGE = 41,
    ACCEPT_FLAGS = 45,
    REFUSE_LEAST = 12,
    REDIRECT_LEAST = 10,
    FLAG_SESSION = 0x01,     /* of a header: an identifier of the session ends the packet */
    FLAG_REDIRECTED = 0x04,
    SESSION_BYTES = 16,
    OPTION_CHECKSUMS = 0x0018,
    COMPRESSION_ON = 0x80,
};

/* Errors that say that a packet or its text has the wrong form (TNS-, Oracle Database Error Messages). */
static bool is_about_form(uint32_t error)
{
    static const uint16_t known[] = {1153, 12533, 12566, 12569, 12585, 12592, 12618};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == error)
            return true;
    return false;
}

static void text_here(struct tns_reading *r, uint32_t offset, uint64_t end)
{
    struct view text = view_head(cursor_all(&r->c), end < SIZE_MAX ? (size_t)end : SIZE_MAX);
    text = offset < text.length ? view_from(text, offset) : view_of(text.bytes, 0);
    note_field(r->out, FIELD_TNS_DESCRIPTOR, offset, (uint32_t)text.length, 0);
    tns_descriptor_begin(r);
    tns_descriptor_piece(r, text, offset);
    if (text.length == end - offset)
        tns_descriptor_end(r, (uint32_t)end);
}

static void text_comes(struct tns_reading *r, uint32_t length)
{
    r->side->text_follows = true;
    r->side->text_left = length;
    tns_descriptor_begin(r);
}

/* Where the text has to end: what is behind it is not of it. */
static uint64_t text_end(const struct tns_reading *r, uint32_t least)
{
    bool session = cursor_all(&r->c).bytes[5] & FLAG_SESSION;
    return session && r->total >= least + (uint64_t)SESSION_BYTES ? r->total - SESSION_BYTES : r->total;
}

/* Where the text of CONNECT is: to the end of the packet, or behind it. */
static void connect_text(struct tns_reading *r, uint32_t length, uint32_t offset)
{
    uint64_t end = text_end(r, CONNECT_LEAST);
    if (length == 0 || (offset == end && offset >= CONNECT_LEAST)) {
        if (length)
            text_comes(r, length);
        return;
    }
    if (offset < CONNECT_LEAST || offset > end) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_DATA_OFFSET, .field = FIELD_TNS_DATA_OFFSET,
                                      .relation = offset < CONNECT_LEAST ? MUST_REACH : MUST_NOT_EXCEED, .offset = 26, .length = 2,
                                      .got = offset, .expected = offset < CONNECT_LEAST ? CONNECT_LEAST : end,
                                      .note = offset < CONNECT_LEAST ? "the fixed fields" : "the packet"});
        return;
    }
    if (length != end - offset)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_DATA_LENGTH, .field = FIELD_TNS_DATA_LENGTH, .relation = MUST_EQUAL, .offset = 24,
                                      .length = 2, .got = length, .expected = end - offset, .note = "to the end of the packet"});
    text_here(r, offset, end);
}

/* Units of more than 65,535 do not fit in two bytes, and some clients cut them: the large fields count, where they are. */
static void connect_units(struct tns_reading *r, uint16_t sdu, uint16_t tdu, bool large)
{
    if (large)
        return;
    if (!sdu || !tdu)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_UNITS_ZERO, .field = sdu ? FIELD_TNS_TDU : FIELD_TNS_SDU, .relation = MUST_REACH,
                                      .offset = sdu ? 16 : 14, .length = 2, .got = 0, .expected = sdu ? 255 : TNS_SDU_LEAST});
    else if (sdu < TNS_SDU_LEAST)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_SDU_SMALL, .field = FIELD_TNS_SDU, .relation = MUST_REACH, .offset = 14, .length = 2,
                                      .got = sdu, .expected = TNS_SDU_LEAST});
}

static bool connect_large(struct tns_reading *r)
{
    struct cursor c = cursor_over(cursor_all(&r->c));
    take_skip(&c, 58);
    uint32_t sdu = take_u32be(&c), tdu = take_u32be(&c);
    if (sdu)
        note_field(r->out, FIELD_TNS_SDU, 58, 4, sdu);
    if (sdu && sdu < TNS_SDU_LEAST)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_SDU_SMALL, .field = FIELD_TNS_SDU, .relation = MUST_REACH, .offset = 58, .length = 4,
                                      .got = sdu, .expected = TNS_SDU_LEAST});
    return sdu && tdu;
}

static void connect_stage(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    bool unheard = s->stage == TNS_CONNECT_SENT && !s->sides[FROM_SERVER].heard; /* the request for it may have gone another way */
    if (s->stage != TNS_IDLE && s->stage != TNS_RESEND_ASKED && !unheard)
        tns_out_of_order(r, ANOMALY_TNS_CONNECT_AGAIN, "one CONNECT, unless the server asks for it again");
    if (!s->joined)
        s->stage = TNS_CONNECT_SENT;
    s->owed = true;
    s->error = 0;
    r->side->text_follows = false;
}

void tns_connect(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    struct cursor *c = &r->c;
    connect_stage(r);
    s->redirected = cursor_all(c).bytes[5] & FLAG_REDIRECTED;
    if (!tns_has_room(r, CONNECT_LEAST))
        return;
    uint16_t version = take_u16be(c), compatible = take_u16be(c), options = take_u16be(c);
    uint16_t sdu = take_u16be(c), tdu = take_u16be(c);
    take_skip(c, 6); /* of the transport, turnaround, byte order */
    uint16_t length = take_u16be(c), offset = take_u16be(c);
    note_field(r->out, FIELD_TNS_VERSION, 8, 2, version);
    note_field(r->out, FIELD_TNS_COMPATIBLE, 10, 2, compatible);
    note_field(r->out, FIELD_TNS_OPTIONS, 12, 2, options);
    note_field(r->out, FIELD_TNS_SDU, 14, 2, sdu);
    note_field(r->out, FIELD_TNS_TDU, 16, 2, tdu);
    note_field(r->out, FIELD_TNS_DATA_LENGTH, 24, 2, length);
    note_field(r->out, FIELD_TNS_DATA_OFFSET, 26, 2, offset);
    if (offset >= CONNECT_FLAGS && r->total >= CONNECT_FLAGS) {
        note_field(r->out, FIELD_TNS_DATA_MAX, 28, 4, take_u32be(c));
        note_field(r->out, FIELD_TNS_CONNECT_FLAGS, 32, 2, take_u16be(c));
    }
    bool large = version >= TNS_VERSION_LARGE && offset >= CONNECT_LARGE && r->total >= CONNECT_LARGE && connect_large(r);
    s->client_version = version;
    s->client_compatible = compatible;
    if (compatible > version)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_VERSION, .field = FIELD_TNS_COMPATIBLE, .relation = MUST_NOT_EXCEED, .offset = 10,
                                      .length = 2, .got = compatible, .expected = version, .note = "the client's own"});
    connect_units(r, sdu, tdu, large);
    connect_text(r, length, offset);
}

/* Answers need a CONNECT that is open. */
static void answers(struct tns_reading *r, enum tns_stage stage)
{
    struct tns_state *s = r->s;
    if (s->stage != TNS_CONNECT_SENT && !s->joined)
        tns_out_of_order(r, ANOMALY_TNS_UNREQUESTED, "an answer to CONNECT");
    if (!s->joined || stage == TNS_ACCEPTED)
        s->stage = (uint8_t)stage;
    s->owed = false;
    s->sides[FROM_CLIENT].text_follows = false;
    s->client_spoke_last = false;
}

/* The text of an answer is in the packet, or none of it. */
static void answer_text(struct tns_reading *r, uint32_t length, uint32_t offset, uint32_t field_at)
{
    if (length == 0)
        return;
    if (offset == text_end(r, offset)) {
        text_comes(r, length);
        return;
    }
    if (offset > r->total || length > r->total - offset) {
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ANSWER_LENGTH, .field = FIELD_TNS_DATA_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = field_at, .length = 2, .got = length, .expected = offset > r->total ? 0 : r->total - offset,
                                      .note = "left in the packet"});
        return;
    }
    text_here(r, offset, offset + (uint64_t)length);
}

static void accept_version(struct tns_reading *r, uint16_t version)
{
    const struct tns_state *s = r->s;
    if (s->joined || !s->client_version || s->client_compatible > s->client_version)
        return;
    if (version > s->client_version || version < s->client_compatible)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ACCEPT_VERSION, .field = FIELD_TNS_VERSION,
                                      .relation = version > s->client_version ? MUST_NOT_EXCEED : MUST_REACH, .offset = 8, .length = 2,
                                      .got = version, .expected = version > s->client_version ? s->client_version : s->client_compatible,
                                      .note = "of CONNECT"});
}

/* What is behind the first 32 bytes, from version 315 on. */
static uint32_t accept_large(struct tns_reading *r, uint16_t version)
{
    struct cursor *c = &r->c;
    take_skip(c, 8);
    uint32_t sdu = take_u32be(c), tdu = take_u32be(c);
    uint8_t compression = take_u8(c);
    note_field(r->out, FIELD_TNS_SDU, 32, 4, sdu);
    note_field(r->out, FIELD_TNS_TDU, 36, 4, tdu);
    note_field(r->out, FIELD_TNS_COMPRESSION, 40, 1, compression);
    r->s->compression = compression & COMPRESSION_ON;
    if (version >= TNS_VERSION_FLAGS)
        note_field(r->out, FIELD_TNS_ACCEPT_FLAGS, 41, 4, take_u32be(c));
    return sdu;
}

void tns_accept(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    struct cursor *c = &r->c;
    answers(r, TNS_ACCEPTED);
    if (!tns_has_room(r, ACCEPT_LEAST))
        return;
    uint16_t version = take_u16be(c), options = take_u16be(c);
    uint32_t sdu = take_u16be(c);
    uint16_t tdu = take_u16be(c);
    take_skip(c, 2);
    uint16_t length = take_u16be(c), offset = take_u16be(c), flags = take_u16be(c);
    bool large = version >= TNS_VERSION_LARGE;
    note_field(r->out, FIELD_TNS_VERSION, 8, 2, version);
    note_field(r->out, FIELD_TNS_OPTIONS, 10, 2, options);
    note_field(r->out, FIELD_TNS_DATA_LENGTH, 18, 2, length);
    note_field(r->out, FIELD_TNS_DATA_OFFSET, 20, 2, offset);
    note_field(r->out, FIELD_TNS_CONNECT_FLAGS, 22, 2, flags);
    accept_version(r, version);
    if (large && !tns_has_room(r, version >= TNS_VERSION_FLAGS ? ACCEPT_FLAGS : ACCEPT_LARGE))
        return;
    if (large) {
        sdu = accept_large(r, version);
    } else {
        note_field(r->out, FIELD_TNS_SDU, 12, 2, sdu);
        note_field(r->out, FIELD_TNS_TDU, 14, 2, tdu);
    }
    uint32_t most = large ? TNS_SDU_MOST : TNS_SDU_MOST_SMALL;
    bool fits = sdu >= TNS_SDU_LEAST && sdu <= most;
    if (!fits)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_ACCEPT_SDU, .field = FIELD_TNS_SDU,
                                      .relation = sdu > most ? MUST_NOT_EXCEED : MUST_REACH, .offset = large ? 32 : 12,
                                      .length = large ? 4 : 2, .got = sdu, .expected = sdu > most ? most : TNS_SDU_LEAST});
    else
        observe(r->out, (struct fact){.kind = FACT_LIMIT, .number = sdu});
    if (length)
        answer_text(r, length, offset, 18);
    r->side->text_follows = false;
    s->large = large;
    s->width_known = true;
    s->sdu = fits ? sdu : 0;
    s->checksums = options & OPTION_CHECKSUMS;
}

/* The words of a refusal are whole. */
static void refused(struct tns_reading *r)
{
    struct tns_state *s = r->s;
    if (!s->error)
        return;
    bool form = is_about_form(s->error);
    observe(r->out, (struct fact){.kind = form ? FACT_VERDICT : FACT_ERROR, .number = s->error});
    if (form)
        report(r->out, (struct report){.anomaly = ANOMALY_TNS_REJECTED, .field = FIELD_TNS_ERROR, .relation = MUST_BE, .offset = s->error_at,
                                       .length = s->error_length, .got = s->error, .note = "ACCEPT, or a refusal that is not about the form"});
}

void tns_refuse(struct tns_reading *r)
{
    struct cursor *c = &r->c;
    answers(r, TNS_REFUSED);
    r->side->farewell = true;
    if (!tns_has_room(r, REFUSE_LEAST))
        return;
    note_field(r->out, FIELD_TNS_REASON, 8, 2, take_u16be(c));
    uint16_t length = take_u16be(c);
    note_field(r->out, FIELD_TNS_DATA_LENGTH, 10, 2, length);
    answer_text(r, length, REFUSE_LEAST, 10);
    if (!r->side->text_follows)
        refused(r);
}

void tns_redirect(struct tns_reading *r)
{
    answers(r, TNS_REDIRECTED);
    r->side->farewell = true;
    if (!tns_has_room(r, REDIRECT_LEAST))
        return;
    uint16_t length = take_u16be(&r->c);
    note_field(r->out, FIELD_TNS_DATA_LENGTH, 8, 2, length);
    answer_text(r, length, REDIRECT_LEAST, 8);
}

void tns_resend(struct tns_reading *r)
{
    answers(r, TNS_RESEND_ASKED);
}

void tns_text_packet(struct tns_reading *r)
{
    uint64_t length = r->total - TNS_DATA_AT;
    struct view text = take_rest(&r->c);
    r->out->message = r->from == FROM_CLIENT ? TNS_CONNECT_DATA : TNS_REPLY_DATA;
    if (length > r->side->text_left && r->from == FROM_CLIENT)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_DATA_EXCESS, .field = FIELD_TNS_LENGTH, .relation = MUST_NOT_EXCEED, .offset = 0,
                                      .length = 2, .got = r->total, .expected = r->side->text_left + (uint64_t)TNS_DATA_AT,
                                      .note = "what is left of the text that CONNECT announced"});
    note_field(r->out, FIELD_TNS_DESCRIPTOR, TNS_DATA_AT, (uint32_t)text.length, 0);
    tns_descriptor_piece(r, text, TNS_DATA_AT);
    r->side->text_left = length < r->side->text_left ? (uint32_t)(r->side->text_left - length) : 0;
    if (r->side->text_left)
        return;
    r->side->text_follows = false;
    if (text.length == length)
        tns_descriptor_end(r, (uint32_t)r->total);
    if (r->from == FROM_SERVER && r->s->stage == TNS_REFUSED)
        refused(r);
}

static unsigned digits_of(uint32_t number, char *into)
{
    char turned[10];
    unsigned used = 0, length = 0;
    do
        turned[used++] = (char)('0' + number % 10);
    while (number /= 10);
    while (used)
        into[length++] = turned[--used];
    return length;
}

/* A byte of the release, then the parts; from release 18 on the second part has a byte too (messages/auth.pyx). */
void tns_server_version(struct tns_reading *r, uint64_t version, uint32_t offset, uint32_t length)
{
    struct tns_state *s = r->s;
    uint32_t v = (uint32_t)version, release = v >> 24;
    if (!release || version > UINT32_MAX || v == s->server_version)
        return;
    const uint32_t parts[] = {release, release >= 18 ? v >> 16 & 255 : v >> 20 & 15, v >> 12 & 15, release >= 18 ? v >> 4 & 255 : v >> 8 & 15,
                              v & 15};
    s->server_version = v;
    s->text_length = 0;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (i)
            s->text[s->text_length++] = '.';
        s->text_length = (uint8_t)(s->text_length + digits_of(parts[i], s->text + s->text_length));
    }
    note_field(r->out, FIELD_TNS_SERVER_VERSION, offset, length, v);
    observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = view_of(s->text, s->text_length)});
}
