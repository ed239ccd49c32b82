/*
 * DRDA, the protocol of DB2 and Derby (DRDA version 5, volume 1; DDM, volume 3; DDMReader.java and DRDAConnThread.java of
 * Derby 10.14): framing, dispatch, and what is to be expected after a gap. The reading is in the files beside this one, see
 * drda.h.
 */
#include "proto/drda.h"

enum { FRAME_KNOWN = DSS_HEADER + OBJECT_HEADER, BULK_SEEN = 64, TLS_HEADER = 5, TLS_HANDSHAKE = 0x16, DERBY_COMMAND = 4 };

_Static_assert(sizeof(struct drda_state) <= DECODER_STATE_MAX, "the state fits its slot");

static bool begins(struct view bytes, const char *start)
{
    size_t length = strlen(start);
    return bytes.length >= length && memcmp(bytes.bytes, start, length) == 0;
}

static bool is_tls(struct view bytes)
{
    return bytes.length >= 2 && bytes.bytes[0] == TLS_HANDSHAKE && bytes.bytes[1] == 3;
}

/* Printable characters of CCSID 500 from 0x40 on; the rest is a dot. */
static const char ebcdic[] = " .........[.<(+!&.........]$*);^-/.........,%_>?.........`:#@'=\".abcdefghi.......jklmnopqr.......~s"
                             "tuvwxyz.................|....{ABCDEFGHI......}JKLMNOPQR......\\.STUVWXYZ......0123456789";

static char ascii_of(uint8_t byte)
{
    if (byte < 0x40 || (size_t)(byte - 0x40) >= sizeof ebcdic - 1)
        return '.';
    return ebcdic[byte - 0x40];
}

/* Which of the two it is shows in the letters: ASCII has none above 0x7f, EBCDIC none below 0x81. */
uint8_t drda_text(const struct drda_state *s, struct view bytes, char *into, size_t most)
{
    bool wide = false;
    for (size_t i = 0; i < bytes.length && !wide; i++)
        wide = bytes.bytes[i] >= 0x80;
    size_t length = bytes.length < most ? bytes.length : most;
    for (size_t i = 0; i < length; i++)
        into[i] = s->utf8 || !wide ? (char)bytes.bytes[i] : ascii_of(bytes.bytes[i]);
    char blank = ' ';
    while (length && (into[length - 1] == blank || (!s->utf8 && !wide && into[length - 1] == 0x40)))
        length--;
    return (uint8_t)length;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view bytes = cursor_ahead(&head);
    if (from == FROM_CLIENT && is_tls(bytes))
        return MATCH_MAYBE;
    if (bytes.length > 2 && bytes.bytes[2] != DSS_MAGIC)
        return MATCH_NO;
    uint32_t length = take_u16be(&head);
    take_skip(&head, 1);
    uint8_t type = take_u8(&head) & DSS_TYPE_MASK;
    take_skip(&head, 2);
    uint32_t object = take_u16be(&head);
    uint16_t first = take_u16be(&head);
    if (head.failed)
        return MATCH_MAYBE;
    if (length < FRAME_KNOWN || object + DSS_HEADER > length)
        return MATCH_NO;
    if (from == FROM_CLIENT)
        return type == DRDA_RQSDSS && first == DRDA_EXCSAT ? MATCH_YES : MATCH_MAYBE;
    return first == DRDA_EXCSATRD ? MATCH_YES : MATCH_MAYBE;
}

static void length_is(struct frame *out, uint64_t total, uint64_t wanted)
{
    out->total = total;
    out->wanted = (uint32_t)(wanted < total ? wanted : total);
    if (out->wanted > MESSAGE_BYTES_MAX)
        out->wanted = MESSAGE_BYTES_MAX;
    out->length_bytes = 2;
}

static enum framing frame_continuation(struct cursor ahead, struct frame *out)
{
    uint32_t length = take_u16be(&ahead);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    uint32_t total = length & DSS_CONTINUED ? DSS_LENGTH_MAX : length;
    length_is(out, total < DSS_CONTINUATION_HEADER ? DSS_CONTINUATION_HEADER : total, MESSAGE_BYTES_MAX);
    return FRAME_READY;
}

/* Before the first DSS, or after a gap: TLS, or what Derby's own control program says. */
static bool frame_other(struct view bytes, struct frame *out, enum framing *framing)
{
    *framing = FRAME_READY;
    if (is_tls(bytes)) {
        if (bytes.length < TLS_HEADER)
            *framing = FRAME_NEEDS_MORE;
        else
            length_is(out, TLS_HEADER + (uint64_t)(bytes.bytes[3] << 8 | bytes.bytes[4]), TLS_HEADER);
        out->length_at = 3;
        out->length_excludes = TLS_HEADER;
        return true;
    }
    if (begins(bytes, "CMD:")) {
        length_is(out, bytes.length, bytes.length);
        return true;
    }
    return false;
}

/* Rows and large values are known by their headers, where they fill the DSS. */
static uint64_t head_of(uint32_t declared, uint64_t total, uint32_t object, uint16_t first)
{
    bool bulk = first == DRDA_QRYDTA || first == DRDA_EXTDTA;
    bool fills = declared & DSS_CONTINUED || object + DSS_HEADER == total;
    return bulk && fills ? BULK_SEEN : total;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct drda_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    enum framing framing;
    if (bytes.length == 0)
        return FRAME_NEEDS_MORE;
    if (s->sides[from].continued)
        return frame_continuation(ahead, out);
    if ((!s->started || s->joined) && from == FROM_CLIENT && frame_other(bytes, out, &framing))
        return framing;
    uint32_t length = take_u16be(&ahead);
    uint8_t magic = take_u8(&ahead);
    take_skip(&ahead, 3);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    uint64_t total = length & DSS_CONTINUED ? DSS_LENGTH_MAX : length;
    if (magic != DSS_MAGIC || total < FRAME_KNOWN) {
        length_is(out, magic != DSS_MAGIC || total < DSS_HEADER ? DSS_HEADER : total, MESSAGE_BYTES_MAX);
        return FRAME_READY;
    }
    uint32_t object = take_u16be(&ahead);
    uint16_t first = take_u16be(&ahead);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    length_is(out, total, head_of(length, total, object, first));
    return FRAME_READY;
}

void drda_defect(struct drda_reading *r, struct report found)
{
    if (r->side->doubt)
        return;
    if (r->from == FROM_CLIENT)
        r->s->reported = true;
    report(r->out, found);
}

static enum verdict broken_header(struct drda_reading *r, struct report found)
{
    r->out->message = DRDA_UNREADABLE;
    drda_defect(r, found);
    return VERDICT_BROKEN;
}

/* A chain: each DSS says whether another follows, and whether that has the same correlator (DDM volume 3, DSS). */
static void chain(struct drda_reading *r, uint8_t format)
{
    struct drda_direction *side = r->side;
    bool follows = format & DSS_CHAINED;
    if (!follows && format & (DSS_SAME_CORRELATOR | DSS_ON_ERROR_CONTINUE))
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_CHAINING, .field = FIELD_DRDA_FORMAT, .relation = MUST_BE, .offset = 3,
                                       .length = 1, .got = format, .note = "chained, where the next is to have the same correlator"});
    if (side->chained_same && r->correlator != side->correlator)
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_CORRELATOR, .field = FIELD_DRDA_CORRELATOR, .relation = MUST_EQUAL,
                                       .offset = 4, .length = 2, .got = r->correlator, .expected = side->correlator,
                                       .note = "of the DSS before it"});
}

static bool type_is_of(enum side from, uint8_t type)
{
    if (from == FROM_CLIENT)
        return type == DRDA_RQSDSS || type == DRDA_OBJDSS || type == DRDA_NRPDSS || type == DRDA_CMNDSS;
    return type == DRDA_RPYDSS || type == DRDA_OBJDSS || type == DRDA_CMNDSS;
}

static enum verdict dss(struct drda_reading *r)
{
    struct cursor *c = &r->c;
    uint32_t length = take_u16be(c);
    uint8_t magic = take_u8(c), format = take_u8(c);
    r->correlator = take_u16be(c);
    r->type = format & DSS_TYPE_MASK;
    note_field(r->out, FIELD_DRDA_LENGTH, 0, 2, length);
    if (magic != DSS_MAGIC)
        return broken_header(r, (struct report){.anomaly = ANOMALY_DRDA_MAGIC, .field = FIELD_DRDA_MAGIC, .relation = MUST_EQUAL,
                                                .offset = 2, .length = 1, .got = magic, .expected = DSS_MAGIC});
    if (!(length & DSS_CONTINUED) && length < DSS_HEADER + OBJECT_HEADER)
        return broken_header(r, (struct report){.anomaly = ANOMALY_DRDA_DSS_LENGTH, .field = FIELD_DRDA_LENGTH, .relation = MUST_REACH,
                                                .length = 2, .got = length, .expected = DSS_HEADER + OBJECT_HEADER,
                                                .note = "a header and one object"});
    note_field(r->out, FIELD_DRDA_TYPE, 3, 1, r->type);
    note_field(r->out, FIELD_DRDA_CORRELATOR, 4, 2, r->correlator);
    bool known = r->type >= DRDA_RQSDSS && r->type <= DRDA_NRPDSS && !(format & DSS_RESERVED);
    if (!known || !type_is_of(r->from, r->type))
        drda_defect(r, (struct report){.anomaly = known ? ANOMALY_DRDA_DIRECTION : ANOMALY_DRDA_FORMAT, .field = FIELD_DRDA_FORMAT,
                                       .relation = MUST_BE, .offset = 3, .length = 1, .got = format,
                                       .note = r->from == FROM_CLIENT ? "a request or an object" : "a reply or an object"});
    chain(r, format);
    r->side->continued = length & DSS_CONTINUED;
    r->side->object_left = 0;
    r->side->streamed = r->side->unsure = false;
    if (!known)
        return VERDICT_OK;
    if (r->from == FROM_SERVER)
        drda_reply_begins(r);
    enum verdict verdict = drda_objects(r);
    if (r->from == FROM_CLIENT)
        drda_requested(r);
    r->side->chained = format & DSS_CHAINED;
    r->side->chained_same = format & DSS_CHAINED && format & DSS_SAME_CORRELATOR;
    r->side->correlator = r->correlator;
    return verdict;
}

static enum verdict first_words(struct drda_reading *r, bool *done)
{
    struct view bytes = cursor_all(&r->c);
    *done = true;
    if (is_tls(bytes)) {
        r->out->message = DRDA_TLS_RECORD;
        r->out->session->tls = true;
        observe(r->out, (struct fact){.kind = FACT_TLS});
        return VERDICT_TLS;
    }
    if (begins(bytes, "CMD:")) {
        r->out->message = DRDA_DERBY_COMMAND;
        note_field(r->out, FIELD_DB_UNDECODED, DERBY_COMMAND, (uint32_t)(bytes.length - DERBY_COMMAND), 0); /* may hold a password */
        return VERDICT_OPAQUE;
    }
    *done = false;
    return VERDICT_OK;
}

/* What was negotiated and what is open is not known any more. */
static void expect_less(struct drda_state *s, enum side from)
{
    s->joined = s->started = s->untracked = true;
    s->open_used = 0;
    s->replying_known = false;
    s->stage = DRDA_ACCESSED;
    s->sides[from] = (struct drda_direction){.doubt = DRDA_DOUBT, .carries_objects = true};
    s->sides[other_side(from)].carries_objects = true;
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct drda_state *s = state;
    struct drda_reading r = {.s = s, .side = &s->sides[from], .out = out, .c = body, .from = from, .total = out->message_length};
    enum verdict verdict = VERDICT_OK;
    bool done = false;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    if ((!s->started || s->joined) && from == FROM_CLIENT && !r.side->continued)
        verdict = first_words(&r, &done);
    s->started = true;
    if (from == FROM_CLIENT)
        s->utf8 = s->utf8_agreed;
    if (!done)
        verdict = r.side->continued ? drda_continuation(&r) : dss(&r);
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    else if (r.side->doubt)
        r.side->doubt--;
    if (from == FROM_SERVER && !done && !r.side->continued)
        drda_replied(&r);
    return verdict;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

/* A DSS header whose first object has its place in it, with a code point of a family that a DSS may begin with. */
static bool dss_begins(struct view bytes, enum side from, size_t *length)
{
    struct cursor c = cursor_over(bytes);
    uint32_t declared = take_u16be(&c);
    uint8_t magic = take_u8(&c), format = take_u8(&c);
    take_skip(&c, 2);
    uint32_t object = take_u16be(&c);
    uint32_t family = take_u16be(&c) >> 8;
    *length = declared & DSS_CONTINUED ? DSS_LENGTH_MAX : declared;
    bool head = !c.failed && magic == DSS_MAGIC && !(format & DSS_RESERVED) && type_is_of(from, format & DSS_TYPE_MASK);
    bool fits = object & OBJECT_EXTENDED || (object >= OBJECT_HEADER && object + DSS_HEADER <= *length);
    bool named = family == 0x10 || family == 0x12 || family == 0x14 || family == 0x20 || family == 0x22 || family == 0x24 ||
                 family == 0xC0 || family == 0;
    return head && fits && named;
}

static bool resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    (void)state;
    struct view bytes = cursor_ahead(&ahead);
    size_t at = *offset = 0;
    if (from == FROM_CLIENT && (is_tls(bytes) || begins(bytes, "CMD:")))
        return true;
    while (at + FRAME_KNOWN <= bytes.length) {
        const uint8_t *magic = memchr(bytes.bytes + at + 2, DSS_MAGIC, bytes.length - at - 2);
        if (!magic)
            return false;
        at = (size_t)(magic - bytes.bytes) - 2;
        size_t length = 0;
        if (dss_begins(view_from(bytes, at), from, &length)) {
            size_t next = 0;
            bool whole = length <= bytes.length - at;
            if (!whole || length == bytes.length - at || dss_begins(view_from(bytes, at + length), from, &next)) {
                *offset = at;
                return true;
            }
        }
        at++;
    }
    return false;
}

/* The client leaves, and its last DSS said that another follows. */
static void client_ends(struct drda_state *s, struct findings *out)
{
    const struct drda_direction *side = &s->sides[FROM_CLIENT];
    s->client_ended = true;
    if (side->chained && !side->doubt && !s->joined && !s->reported)
        report(out, (struct report){.anomaly = ANOMALY_DRDA_INCOMPLETE, .field = FIELD_DRDA_FORMAT, .relation = MUST_BE, .offset = 3, .length = 1,
                                    .got = DSS_CHAINED, .note = "the DSS that the chain announced"});
}

/* The server leaves without a word while it owes a reply. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct drda_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        client_ends(s, out);
        return;
    }
    if (s->client_ended || s->joined || s->untracked || s->reported || s->farewell || !s->open_used)
        return;
    report(out, (struct report){.anomaly = ANOMALY_DRDA_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "a reply before the end"});
}

static const uint16_t ports[] = {50000, 1527, 446, 50001, 0};

const struct decoder drda_decoder = {
    .protocol = PROTOCOL_DRDA,
    .name = "drda",
    .spoken = SPOKEN_DRDA,
    .ports = ports,
    .state_size = sizeof(struct drda_state),
    .messages = NAMES_drda_message,
    .pipelined = true,
    .incomplete = ANOMALY_DRDA_INCOMPLETE,
    .length_field = FIELD_DRDA_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = resync,
    .end = end,
};
