/*
 * MongoDB (MongoDB Wire Protocol; specifications, source/message/OP_MSG.md; src/mongo/rpc and src/mongo/transport of the
 * server): framing, dispatch, TLS and HTTP on the port, and what is to be expected after a gap. The reading is in the files
 * beside this one, see mongodb.h.
 */
#include "proto/mongodb.h"

#include "model/name.h"

enum { TLS_HEADER = 5, TLS_FIRST = 0x14, TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16, TLS_LAST = 0x17, TLS_SIGN = 6 };

_Static_assert(sizeof(struct mongodb_state) <= DECODER_STATE_MAX, "the state fits its slot");

/* ---- other speakers on the port */

/* The first bytes of a client's stream are a ClientHello: a record of version 3.x with a handshake message of type 1. Read as a
 * message they would be one of 66 KB or more with a strange opcode. */
static bool is_client_hello(struct view b)
{
    return b.length >= TLS_SIGN && b.bytes[0] == TLS_HANDSHAKE && b.bytes[1] == 3 && b.bytes[2] <= 4 && b.bytes[5] == 1 &&
           !mongodb_plausible(b, FROM_CLIENT);
}

static bool is_tls(const struct mongodb_state *s, enum side from, struct view ahead)
{
    uint8_t first = ahead.bytes[0];
    if (from == FROM_CLIENT && !s->started && is_client_hello(ahead))
        return true;
    if (s->joined)
        return s->tls_asked && first >= TLS_FIRST && first <= TLS_LAST;
    if (from == FROM_SERVER)
        return s->tls_asked && (first == TLS_HANDSHAKE || first == TLS_ALERT) && (ahead.length < 2 || ahead.bytes[1] == 3);
    return s->tls_asked;
}

static enum framing tls_frame(struct view ahead, struct frame *out)
{
    if (ahead.length < TLS_SIGN)
        return FRAME_NEEDS_MORE;
    out->total = TLS_HEADER + (uint64_t)(ahead.bytes[3] << 8 | ahead.bytes[4]);
    out->wanted = out->total < TLS_SIGN ? TLS_HEADER : TLS_SIGN;
    out->length_at = 3;
    out->length_bytes = 2;
    out->length_excludes = TLS_HEADER;
    return FRAME_READY;
}

static bool is_http(struct view bytes)
{
    static const char methods[][5] = {"GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE", "CONN", "PRI "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (bytes.length >= 4 && memcmp(bytes.bytes, methods[i], 4) == 0)
            return true;
    return false;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view bytes = cursor_ahead(&head);
    if (from == FROM_CLIENT && (is_client_hello(bytes) || (bytes.length < TLS_SIGN && bytes.length && bytes.bytes[0] == TLS_HANDSHAKE)))
        return MATCH_MAYBE;
    if (mongodb_plausible(bytes, from))
        return MATCH_YES;
    return mongodb_may_begin(bytes) ? MATCH_MAYBE : MATCH_NO;
}

/* ---- framing */

static uint32_t longest(const struct mongodb_state *s)
{
    return s->message_max > MONGODB_MESSAGE_MAX ? s->message_max : MONGODB_MESSAGE_MAX;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct mongodb_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    if (bytes.length == 0)
        return FRAME_NEEDS_MORE;
    if (s->tls_asked || (!s->started && from == FROM_CLIENT && bytes.bytes[0] == TLS_HANDSHAKE)) {
        if (!s->tls_asked && bytes.length < MONGODB_HEADER)
            return FRAME_NEEDS_MORE;
        if (is_tls(s, from, bytes))
            return tls_frame(bytes, out);
    }
    if (bytes.length < MONGODB_HEADER)
        return FRAME_NEEDS_MORE;
    const struct mongodb_reading r = {.bytes = bytes};
    uint32_t length = mongodb_u32(&r, 0);
    if (length < MONGODB_HEADER || length > longest(s))
        length = MONGODB_HEADER;
    out->total = length;
    out->wanted = length < MESSAGE_BYTES_MAX ? length : MESSAGE_BYTES_MAX;
    out->length_bytes = 4;
    return FRAME_READY;
}

/* ---- what all messages share */

void mongodb_defect(struct mongodb_reading *r, struct report found)
{
    r->broken = true;
    if (r->state->doubt[r->from])
        return;
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, found);
}

void mongodb_remark(struct mongodb_reading *r, struct report found)
{
    enum { TOLERATED = 4 };
    if (r->state->doubt[r->from])
        return;
    r->state->reported |= r->from == FROM_CLIENT && anomaly_row((enum anomaly)found.anomaly)->severity < TOLERATED;
    report(r->out, found);
}

bool mongodb_holds(struct mongodb_reading *r, uint32_t at, uint32_t length, enum field field)
{
    uint32_t left = at < r->end ? r->end - at : 0;
    if (length <= left)
        return true;
    mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SHORT, .field = (uint16_t)field, .relation = MUST_REACH, .offset = at < r->end ? at : r->end,
                                      .length = left, .got = left, .expected = length, .note = "bytes that this field needs"});
    return false;
}

/* What was negotiated and what is open is not known any more. */
static void expect_less(struct mongodb_state *s, enum side from)
{
    s->joined = s->untracked = true;
    s->started |= from == FROM_CLIENT; /* with the server unseen, the client's first bytes may still be its first */
    s->open_used = 0;
    s->inside = false;
    s->doubt[from] = MONGODB_DOUBT;
}

static enum verdict tls_message(struct mongodb_reading *r)
{
    r->out->message = MONGODB_TLS_RECORD;
    r->state->tls_asked = r->from == FROM_CLIENT; /* the answer is the last record that is seen */
    if (r->from == FROM_CLIENT)
        return VERDICT_TLS_OFFERED;
    observe(r->out, (struct fact){.kind = FACT_TLS});
    return VERDICT_TLS;
}

static void tls_refused(struct mongodb_state *s, struct findings *out)
{
    s->tls_asked = false;
    if (!s->joined)
        report(out, (struct report){.anomaly = ANOMALY_MONGODB_TLS_UNANSWERED, .field = FIELD_DB_MESSAGE, .relation = MUST_BE,
                                    .note = "a TLS record of the server"});
}

/* The length is wrong: what follows cannot be told apart. */
static enum verdict wrong_length(struct mongodb_reading *r, uint32_t length)
{
    bool http = is_http(r->bytes) && r->from == FROM_CLIENT;
    struct report found = {.anomaly = ANOMALY_MONGODB_LENGTH, .field = FIELD_MONGODB_LENGTH, .relation = MUST_NOT_EXCEED, .length = 4, .got = length,
                           .expected = longest(r->state), .note = "MaxMessageSizeBytes"};
    r->out->message = http ? MONGODB_HTTP : MONGODB_UNKNOWN;
    if (http)
        found = (struct report){.anomaly = ANOMALY_MONGODB_HTTP, .field = FIELD_MONGODB_LENGTH, .relation = MUST_BE, .length = 4, .got = length,
                                .note = "the length of a message"};
    else if (length < MONGODB_HEADER)
        found = (struct report){.anomaly = ANOMALY_MONGODB_LENGTH, .field = FIELD_MONGODB_LENGTH, .relation = MUST_REACH, .length = 4, .got = length,
                                .expected = MONGODB_HEADER, .note = "the header"};
    mongodb_defect(r, found);
    return http && !r->state->doubt[r->from] ? VERDICT_OPAQUE : VERDICT_BROKEN;
}

static void read_header(struct mongodb_reading *r)
{
    struct findings *out = r->out;
    r->request_id = mongodb_u32(r, 4);
    r->response_to = mongodb_u32(r, 8);
    r->opcode = (int32_t)mongodb_u32(r, 12);
    note_field(out, FIELD_MONGODB_LENGTH, 0, 4, mongodb_u32(r, 0));
    note_field(out, FIELD_MONGODB_REQUEST_ID, 4, 4, r->request_id);
    note_field(out, FIELD_MONGODB_RESPONSE_TO, 8, 4, r->response_to);
    note_field(out, FIELD_MONGODB_OPCODE, 12, 4, (uint32_t)r->opcode);
    bool known = mongodb_is_opcode((uint32_t)r->opcode);
    out->message = known ? (uint16_t)r->opcode : MONGODB_UNKNOWN;
    if (!known)
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_OPCODE, .field = FIELD_MONGODB_OPCODE, .relation = MUST_BE, .offset = 12,
                                          .length = 4, .got = (uint32_t)r->opcode, .note = "a known opcode: 1, 2001 to 2007, 2010 to 2013"});
}

static void check_direction(struct mongodb_reading *r)
{
    bool reply = r->opcode == OP_REPLY || r->opcode == OP_COMMANDREPLY;
    bool request = r->opcode != OP_MSG && r->opcode != OP_COMPRESSED && !reply;
    if (!(r->from == FROM_CLIENT ? reply : request) || r->state->joined)
        return;
    mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_OPCODE_DIRECTION, .field = FIELD_MONGODB_OPCODE, .relation = MUST_BE, .offset = 12,
                                      .length = 4, .got = (uint32_t)r->opcode, .note = reply ? "a request" : "a reply"});
}

static void check_size(struct mongodb_reading *r)
{
    uint32_t most = r->state->message_max, length = r->end;
    if (r->from == FROM_CLIENT && most && length > most && length <= longest(r->state))
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_MESSAGE_LARGE, .field = FIELD_MONGODB_LENGTH, .relation = MUST_NOT_EXCEED, .length = 4,
                                          .got = length, .expected = most, .note = "maxMessageSizeBytes of the server"});
}

static void dispatch(struct mongodb_reading *r)
{
    switch (r->opcode) {
    case OP_MSG:
        mongodb_msg(r);
        return;
    case OP_COMPRESSED:
        mongodb_compressed(r);
        return;
    case OP_REPLY:
        mongodb_reply_message(r);
        return;
    default:
        mongodb_legacy(r);
    }
}

/* The message is another than it says, or cannot be read: whether a reply will come is not known. */
static void read_message(struct mongodb_reading *r)
{
    read_header(r);
    if (!r->broken)
        check_direction(r);
    if (!r->broken) {
        check_size(r);
        dispatch(r);
    }
    if (r->broken && r->from == FROM_CLIENT)
        mongodb_sent(r, ASKED_UNKNOWN, false, false);
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct mongodb_state *s = state;
    struct mongodb_reading r = {.state = s, .out = out, .bytes = cursor_ahead(&body), .from = from, .inside = s->inside};
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    s->inside = false;
    if (!r.inside) {
        if ((s->tls_asked || !s->started) && r.bytes.length && is_tls(s, from, r.bytes)) {
            s->started = true;
            return tls_message(&r);
        }
        if (s->tls_asked)
            tls_refused(s, out);
    }
    s->started = true;
    uint32_t length = mongodb_u32(&r, 0);
    if (length < MONGODB_HEADER || length > longest(s)) {
        enum verdict verdict = wrong_length(&r, length);
        expect_less(s, from);
        return verdict;
    }
    r.end = length;
    read_message(&r);
    if (s->doubt[from] && !r.broken && !s->inside)
        s->doubt[from]--;
    return r.broken && s->doubt[from] ? VERDICT_BROKEN : VERDICT_OK;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

static bool may_leave(const struct mongodb_state *s)
{
    for (unsigned i = 0; i < s->open_used; i++)
        if (s->open[i].waits || s->open[i].exhaust || s->open[i].asked == ASKED_SHUTDOWN || s->open[i].asked == ASKED_UNKNOWN)
            return true;
    return s->joined || s->untracked || s->leaving || s->reported || s->shutdown;
}

/* The server leaves without a word while it owes a reply. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct mongodb_state *s = state;
    (void)reset;
    if (s->tls_asked && !s->client_ended)
        tls_refused(s, out);
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        return;
    }
    if (s->shutdown)
        observe(out, (struct fact){.kind = FACT_SHUTDOWN, .text = view_text("shutdown")});
    if (s->client_ended || s->open_used == 0 || may_leave(s))
        return;
    report(out, (struct report){.anomaly = ANOMALY_MONGODB_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "a reply before the end"});
}

static const uint16_t ports[] = {27017, 27018, 27019, 0};

const struct decoder mongodb_decoder = {
    .protocol = PROTOCOL_MONGODB,
    .name = "mongodb",
    .spoken = SPOKEN_MONGODB,
    .ports = ports,
    .state_size = sizeof(struct mongodb_state),
    .messages = NAMES_mongodb_message,
    .pipelined = true,
    .incomplete = ANOMALY_MONGODB_INCOMPLETE,
    .length_field = FIELD_MONGODB_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = mongodb_resync,
    .end = end,
};
