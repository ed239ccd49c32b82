/*
 * Cassandra's native protocol, version 3 to 5 (native_protocol_v3.spec, v4.spec, v5.spec; src/java/org/apache/cassandra/
 * transport of Cassandra 5.0); versions 1, 2 and those of DSE are recognised. Headers, dispatch, and what is to be expected
 * after a gap. The reading is in the files beside this one, see cql.h.
 */
#include "model/name.h"
#include "proto/cql.h"

enum { DIRECTION = 0x80, TLS_HEADER = 5, TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16, OPCODE_LAST = 0x10, OPCODE_REVISE = 0xff };

_Static_assert(sizeof(struct cql_state) <= DECODER_STATE_MAX, "the state fits its slot");

static uint8_t byte_at(struct view bytes, size_t at)
{
    return at < bytes.length ? bytes.bytes[at] : 0;
}

static bool contains(struct view bytes, const char *word)
{
    size_t length = strlen(word);
    return bytes.length >= length && memmem(bytes.bytes, bytes.length, word, length) != NULL;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view bytes = cursor_ahead(&head);
    uint8_t version = byte_at(bytes, 0) & 0x7f;
    bool response = byte_at(bytes, 0) & DIRECTION;
    if (byte_at(bytes, 0) == TLS_HANDSHAKE && from == FROM_CLIENT)
        return MATCH_MAYBE;
    if (!cql_is_known(version) || response != (from == FROM_SERVER))
        return MATCH_NO;
    if (bytes.length < CQL_HEADER || version < 3)
        return MATCH_MAYBE;
    if (!cql_header_is_sane(bytes, from, version))
        return MATCH_NO;
    uint8_t opcode = bytes.bytes[4];
    struct view body = view_from(bytes, CQL_HEADER);
    if (from == FROM_CLIENT && opcode == CQL_OPTIONS && bytes.length == CQL_HEADER && byte_at(bytes, 8) == 0)
        return MATCH_YES;
    if (from == FROM_CLIENT && opcode == CQL_STARTUP && contains(body, "CQL_VERSION"))
        return MATCH_YES;
    return MATCH_MAYBE;
}

static bool is_tls(const struct cql_state *s, enum side from, struct view ahead)
{
    uint8_t first = byte_at(ahead, 0);
    if (from == FROM_SERVER)
        return s->tls_asked && (first == TLS_HANDSHAKE || first == TLS_ALERT) && (ahead.length < 2 || ahead.bytes[1] == 3);
    return s->tls_asked || (!s->started && !s->joined && first == TLS_HANDSHAKE && (ahead.length < 2 || ahead.bytes[1] == 3));
}

static enum framing tls_frame(struct view ahead, struct frame *out)
{
    if (ahead.length < TLS_HEADER)
        return FRAME_NEEDS_MORE;
    *out = (struct frame){.total = TLS_HEADER + (uint64_t)(ahead.bytes[3] << 8 | ahead.bytes[4]), .wanted = TLS_HEADER, .length_at = 3,
                          .length_bytes = 2, .length_excludes = TLS_HEADER};
    return FRAME_READY;
}

/* Joined in the middle, a segment of version 5 may be what comes next. */
static bool is_segment(const struct cql_state *s, struct view ahead, unsigned *header)
{
    return s->joined && !s->segments && !s->bodies && (s->version == 0 || s->version >= 5) && cql_segment_begins(ahead, header);
}

static void frame_of(struct frame *out, uint64_t total, uint64_t wanted)
{
    out->total = total;
    out->wanted = (uint32_t)(wanted < MESSAGE_BYTES_MAX ? wanted : MESSAGE_BYTES_MAX);
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct cql_state *s = state;
    const struct cql_segments *in = &s->in[from];
    struct view bytes = cursor_ahead(&ahead);
    bool contained = s->segments && in->contained;
    bool excess = s->segments && !in->contained && in->left;
    unsigned segment = 0;
    *out = (struct frame){0};
    if (bytes.length == 0)
        return FRAME_NEEDS_MORE;
    if (is_tls(s, from, bytes))
        return tls_frame(bytes, out);
    uint8_t version = bytes.bytes[0] & 0x7f;
    uint32_t header = cql_is_old(version) ? CQL_HEADER_OLD : CQL_HEADER;
    if (excess || (contained && in->left < header)) {
        frame_of(out, in->left ? in->left : 1, excess || !in->left ? 1 : in->left);
        return FRAME_READY;
    }
    if (bytes.length < CQL_HEADER_OLD)
        return FRAME_NEEDS_MORE;
    if (is_segment(s, bytes, &segment)) {
        frame_of(out, segment, segment);
        return FRAME_READY;
    }
    if (!cql_is_known(version)) {
        frame_of(out, contained ? in->left : CQL_HEADER_OLD, CQL_HEADER_OLD);
        return FRAME_READY;
    }
    if (bytes.length < header)
        return FRAME_NEEDS_MORE;
    take_skip(&ahead, header - 4);
    uint32_t length = take_u32be(&ahead);
    bool opened = s->bodies && s->is_opened[from] && bytes.bytes[1] & CQL_FLAG_COMPRESSED;
    out->length_at = (uint8_t)(header - 4);
    out->length_bytes = 4;
    out->length_excludes = (uint8_t)header;
    if (length > CQL_BODY_MAX && !opened) {
        frame_of(out, header, header);
        return FRAME_READY;
    }
    uint64_t total = header + (uint64_t)(opened ? s->opened[from] : length);
    if (contained && total > in->left)
        total = in->left;
    frame_of(out, total, total);
    return FRAME_READY;
}

/* What was agreed on and what is open is not known any more. */
static void expect_less(struct cql_state *s, enum side from)
{
    s->joined = s->started = s->untracked = true;
    s->version_asked = false;
    s->phase = CQL_PHASE_UNKNOWN;
    s->in[from] = (struct cql_segments){.unsure = true};
    s->is_opened[from] = false;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

static enum verdict tls_message(struct cql_state *s, enum side from, struct findings *out)
{
    out->message = CQL_TLS_RECORD;
    s->tls_asked = from == FROM_CLIENT; /* the answer is the last record that is seen */
    if (from == FROM_CLIENT)
        return VERDICT_TLS_OFFERED;
    observe(out, (struct fact){.kind = FACT_TLS});
    return VERDICT_TLS;
}

static void tls_refused(struct cql_state *s, struct findings *out)
{
    bool seen = !s->joined;
    s->tls_asked = false;
    if (seen)
        report(out, (struct report){.anomaly = ANOMALY_CQL_TLS_UNANSWERED, .field = FIELD_CQL_VERSION, .relation = MUST_BE,
                                    .note = "a TLS record of the server"});
}

/* ---- the header */

static void header_wrong(struct cql_reading *r, enum anomaly anomaly, enum field field, uint32_t offset, uint64_t got, const char *expected)
{
    cql_report(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = offset, .length = 1,
                                  .got = got, .note = expected});
}

/* Opcodes by side; false: no server or client knows it. */
static bool check_opcode(struct cql_reading *r, uint32_t offset)
{
    bool client = r->from == FROM_CLIENT, old = r->version == 1, dse = cql_is_dse(r->version);
    bool exists = r->opcode <= OPCODE_LAST && (r->opcode != (CQL_CREDENTIALS & 255) || old);
    if (dse && r->opcode == OPCODE_REVISE && client)
        return true;
    if (!exists) {
        header_wrong(r, ANOMALY_CQL_OPCODE_UNKNOWN, FIELD_CQL_OPCODE, offset, r->opcode, "00 to 03 or 05 to 10");
        return false;
    }
    bool request = cql_is_request(r->opcode);
    if (request == client)
        return true;
    header_wrong(r, ANOMALY_CQL_OPCODE_SIDE, FIELD_CQL_OPCODE, offset, r->opcode, client ? "a request" : "a response");
    return false;
}

static void check_flags(struct cql_reading *r)
{
    struct cql_state *s = r->state;
    bool startup = r->from == FROM_CLIENT && r->opcode == CQL_STARTUP;
    bool compressed = r->flags & CQL_FLAG_COMPRESSED && r->total > CQL_HEADER;
    if (r->flags & ~CQL_FLAGS_KNOWN)
        header_wrong(r, ANOMALY_CQL_FLAGS_UNKNOWN, FIELD_CQL_FLAGS, 1, r->flags, "0x01 to 0x1f");
    if (!compressed || s->segments || r->version >= 5)
        return;
    bool known = s->bodies && s->is_opened[r->from];
    if (startup && !known)
        header_wrong(r, ANOMALY_CQL_STARTUP_COMPRESSED, FIELD_CQL_FLAGS, 1, r->flags, "no compression of STARTUP");
    else if (!known && s->joined)
        r->stopped = true;
    else if (!known && !cql_is_old(r->version))
        header_wrong(r, ANOMALY_CQL_COMPRESSED_UNAGREED, FIELD_CQL_FLAGS, 1, r->flags, "compression only when STARTUP asked for it");
    r->stopped |= !known && r->from == FROM_SERVER; /* servers read the bytes as they are, clients do not */
}

/* The version, the direction and the length; false: nothing after them can be trusted. */
static bool check_first(struct cql_reading *r, uint8_t first, uint32_t length, uint32_t length_at)
{
    struct cql_state *s = r->state;
    bool response = first & DIRECTION;
    if (response != (r->from == FROM_SERVER)) {
        header_wrong(r, ANOMALY_CQL_DIRECTION_WRONG, FIELD_CQL_DIRECTION, 0, response, r->from == FROM_SERVER ? "1, a response" : "0, a request");
        r->wrong = true;
    }
    if (length > CQL_BODY_MAX) {
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_LENGTH_LIMIT, .field = FIELD_CQL_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = length_at, .length = 4, .got = length, .expected = CQL_BODY_MAX, .note = "256 MB"});
        return false;
    }
    bool error = r->from == FROM_SERVER && r->opcode == 0;
    if (s->version && r->version != s->version && !error)
        header_wrong(r, ANOMALY_CQL_VERSION_CHANGED, FIELD_CQL_VERSION, 0, r->version, "the version of STARTUP");
    else if (cql_is_old(r->version) && r->from == FROM_CLIENT && !s->foreign)
        header_wrong(r, ANOMALY_CQL_VERSION_OLD, FIELD_CQL_VERSION, 0, r->version, "3 or more");
    return true;
}

/* A message must not go on behind the end of a self-contained segment. */
static bool check_segment(struct cql_reading *r, uint32_t header, uint64_t declared, uint64_t here)
{
    struct cql_segments *in = &r->state->in[r->from];
    if (!r->state->segments)
        return true;
    if (in->contained) {
        in->left = here < in->left ? in->left - (uint32_t)here : 0;
        if (declared <= here)
            return true;
        bool cut = here < header;
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_SEGMENT_OVERRUN, .field = cut ? FIELD_CQL_SEGMENT_LENGTH : FIELD_CQL_LENGTH,
                                      .relation = MUST_NOT_EXCEED, .offset = cut ? 0 : header - 4, .length = cut ? 0 : 4,
                                      .got = declared - (cut ? 0 : header), .expected = here - (cut ? 0 : header),
                                      .note = "what is left of the segment"});
        return false;
    }
    if (in->unsure)
        return true;
    in->large_known = true;
    in->large_total = declared;
    if (in->large_have < declared)
        return true;
    in->large = false;
    in->left = (uint32_t)(in->large_have - declared);
    if (in->left)
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_SEGMENT_ORDER, .field = FIELD_CQL_LENGTH, .relation = MUST_BE, .offset = header - 4,
                                      .length = 4, .got = declared - header, .note = "no more bytes in the segments than the message has"});
    return true;
}

static enum verdict read_header(struct cql_reading *r)
{
    struct view head = cursor_all(&r->c);
    uint8_t first = byte_at(head, 0);
    uint32_t header = cql_is_old(first & 0x7f) ? CQL_HEADER_OLD : CQL_HEADER;
    struct cql_segments *in = &r->state->in[r->from];
    r->version = first & 0x7f;
    if (r->state->segments && (in->contained ? in->left < header : in->left > 0)) {
        r->out->message = CQL_OTHER_BYTES;
        if (in->contained)
            (void)check_segment(r, header, header, head.length);
        in->left = 0;
        return VERDICT_OK;
    }
    (void)take_u8(&r->c);
    note_field(r->out, FIELD_CQL_VERSION, 0, 1, r->version);
    if (!cql_is_known(r->version)) {
        r->out->message = r->from == FROM_CLIENT ? CQL_UNKNOWN_REQUEST : CQL_UNKNOWN_RESPONSE;
        header_wrong(r, ANOMALY_CQL_VERSION, FIELD_CQL_VERSION, 0, r->version, "3 to 5");
        bool bounded = r->state->segments && in->contained;
        in->left = 0;
        return bounded ? VERDICT_OK : VERDICT_BROKEN;
    }
    r->flags = take_u8(&r->c);
    r->stream = header == CQL_HEADER_OLD ? (uint16_t)(int8_t)take_u8(&r->c) : take_u16be(&r->c);
    r->opcode = take_u8(&r->c);
    uint32_t length = take_u32be(&r->c);
    note_field(r->out, FIELD_CQL_DIRECTION, 0, 1, first >> 7);
    note_field(r->out, FIELD_CQL_FLAGS, 1, 1, r->flags);
    note_field(r->out, FIELD_CQL_STREAM, 2, header - 7, r->stream);
    note_field(r->out, FIELD_CQL_OPCODE, header - 5, 1, r->opcode);
    note_field(r->out, FIELD_CQL_LENGTH, header - 4, 4, length);
    r->out->message = r->from == FROM_CLIENT ? CQL_UNKNOWN_REQUEST : CQL_UNKNOWN_RESPONSE;
    if (!check_first(r, first, length, header - 4))
        return VERDICT_BROKEN;
    if (!check_segment(r, header, header + (uint64_t)length, r->total))
        r->stopped = true;
    check_flags(r);
    if (r->wrong || !check_opcode(r, header - 5))
        return VERDICT_OK;
    return r->from == FROM_CLIENT ? cql_request(r) : cql_response(r);
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct cql_state *s = state;
    struct cql_reading r = {.state = s, .out = out, .c = body, .total = out->message_length, .from = from};
    unsigned segment = 0;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    if (is_tls(s, from, cursor_all(&body)))
        return tls_message(s, from, out);
    if (s->tls_asked)
        tls_refused(s, out);
    s->started = true;
    if (is_segment(s, cursor_all(&body), &segment)) {
        s->segments = true;
        s->codec = segment == CQL_SEGMENT_HEADER_LZ4 ? CODEC_LZ4 : CODEC_STORED;
        out->message = CQL_SEGMENT;
        return VERDICT_COMPRESSED;
    }
    enum verdict verdict = read_header(&r);
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    return verdict;
}

/* The server leaves without a word while a request is open. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct cql_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        if (s->tls_asked)
            tls_refused(s, out);
        return;
    }
    if (s->client_ended)
        return;
    if (s->tls_asked) {
        tls_refused(s, out);
        return;
    }
    if (s->joined || s->untracked || s->foreign || s->reported || s->in_flight == 0)
        return;
    report(out, (struct report){.anomaly = ANOMALY_CQL_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "an answer to each request before the end"});
}

static const uint16_t ports[] = {9042, 9142, 19042, 0};

const struct decoder cql_decoder = {
    .protocol = PROTOCOL_CQL,
    .name = "cql",
    .spoken = SPOKEN_CASSANDRA,
    .ports = ports,
    .state_size = sizeof(struct cql_state),
    .messages = NAMES_cql_message,
    .pipelined = true,
    .incomplete = ANOMALY_CQL_INCOMPLETE,
    .length_field = FIELD_CQL_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = cql_resync,
    .end = end,
    .wrapper = &cql_wrapper,
};
