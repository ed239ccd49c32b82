/*
 * TDS, the protocol of SQL Server ([MS-TDS], versions 7.0 to 8.0; the login of 4.2 and 5.0): framing, TLS in its three places,
 * dispatch, and what is to be expected after a gap. The reading is in the files beside this one, see tds.h.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { X224_CONNECT = 0xe0 };

_Static_assert(sizeof(struct tds_state) <= DECODER_STATE_MAX, "the state fits its slot");

static enum match probe_client(struct view head)
{
    bool tls = head.length && head.bytes[0] == TLS_HANDSHAKE && (head.length < 2 || head.bytes[1] == 3);
    if (tls)
        return MATCH_MAYBE;
    if (head.length < TDS_HEADER)
        return head.length && (head.bytes[0] == TDS_PRELOGIN || head.bytes[0] == TDS_LOGIN7 || head.bytes[0] == TDS_OLD_LOGIN) ? MATCH_MAYBE
                                                                                                                          : MATCH_NO;
    bool desktop = head.bytes[0] == TDS_RPC && head.bytes[5] == X224_CONNECT; /* RDP begins much like a packet */
    if (head.bytes[0] == 0 || desktop)
        return MATCH_NO;
    uint32_t length = (uint32_t)head.bytes[2] << 8 | head.bytes[3];
    bool plain = head.bytes[1] <= 1 && length > TDS_HEADER && length <= TDS_PACKET_FIRST && head.bytes[7] == 0;
    if (!plain)
        return head.bytes[0] <= TDS_PRELOGIN && head.bytes[1] <= 1 ? MATCH_MAYBE : MATCH_NO;
    if (head.bytes[0] == TDS_PRELOGIN && head.length > TDS_HEADER + 5)
        return head.bytes[TDS_HEADER] == PL_VERSION && head.bytes[TDS_HEADER + 3] == 0 && head.bytes[TDS_HEADER + 4] == 6 ? MATCH_YES : MATCH_MAYBE;
    if (head.bytes[0] == TDS_LOGIN7 && head.length > TDS_HEADER + 4)
        return head.bytes[TDS_HEADER + 2] == 0 && head.bytes[TDS_HEADER + 3] == 0 ? MATCH_YES : MATCH_MAYBE;
    return MATCH_MAYBE;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view bytes = cursor_ahead(&head);
    if (from == FROM_CLIENT)
        return probe_client(bytes);
    return bytes.length && (bytes.bytes[0] == TDS_RESPONSE || tds_is_tls(bytes)) ? MATCH_MAYBE : MATCH_NO;
}

/* May a TLS record stand here, outside of a packet? */
static bool may_be_record(const struct tds_state *s)
{
    return s->stage == STAGE_START || s->tls_first || s->joined || s->handshake[FROM_CLIENT] || s->handshake[FROM_SERVER];
}

static bool is_record(const struct tds_state *s, enum side from, struct view ahead)
{
    if (s->streams[from].packet_left || s->smp_left[from] || !may_be_record(s))
        return false;
    if (s->stage == STAGE_START && !s->tls_first && !s->joined && from == FROM_CLIENT && ahead.length && ahead.bytes[0] != TLS_HANDSHAKE)
        return false;
    return tds_is_tls(ahead);
}

static bool is_session_header(const struct tds_state *s, enum side from, uint8_t first)
{
    return s->smp_left[from] || (!s->streams[from].packet_left && first == SMP_ID && (s->smp || s->joined));
}

/* Where everything from here on is left alone the head of the record is enough. */
static enum framing record_frame(const struct tds_state *s, struct view ahead, struct frame *out)
{
    if (ahead.length < TLS_HEADER)
        return FRAME_NEEDS_MORE;
    out->total = out->wanted = TLS_HEADER;
    if (s->joined && tds_agreed(s) != AGREED_LOGIN_ONLY)
        return FRAME_READY;
    out->total = TLS_HEADER + ((uint64_t)ahead.bytes[3] << 8 | ahead.bytes[4]);
    out->length_at = 3;
    out->length_bytes = 2;
    out->length_excludes = TLS_HEADER;
    return FRAME_READY;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct tds_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    if (!bytes.length)
        return FRAME_NEEDS_MORE;
    bool open = s->streams[from].packet_left || s->smp_left[from];
    if (!open && bytes.length < 3 && bytes.bytes[0] >= TLS_FIRST && bytes.bytes[0] <= TLS_LAST && may_be_record(s))
        return FRAME_NEEDS_MORE;
    if (is_record(s, from, bytes))
        return record_frame(s, bytes, out);
    if (is_session_header(s, from, bytes.bytes[0]))
        return tds_smp_frame(s, from, ahead, out);
    return tds_packet_frame(s, from, ahead, out);
}

/* ---- TLS */

/* Where bytes were lost, what looks like a record may be inside of a packet: what follows is left alone, and not judged. */
static enum verdict encrypted(struct tds_reading *r)
{
    r->state->strict = r->state->tls_first;
    r->state->tls_first = false;
    r->state->handshake[FROM_CLIENT] = r->state->handshake[FROM_SERVER] = false; /* no record comes inside of others */
    r->out->session->tls = true;
    observe(r->out, (struct fact){.kind = FACT_TLS});
    return r->state->joined ? VERDICT_OPAQUE : VERDICT_TLS;
}

/* A record outside of packets: TDS 8 begins so; else it is the login, or everything from here on, as it was agreed. */
static enum verdict record(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    r->out->message = TDS_TLS_RECORD;
    if (s->joined && tds_agreed(s) != AGREED_LOGIN_ONLY)
        return encrypted(r);
    bool wrapped = s->handshake[FROM_CLIENT] || s->handshake[FROM_SERVER];
    if (!wrapped) {
        if (r->from == FROM_SERVER)
            return encrypted(r);
        s->tls_first = true;
        return VERDICT_TLS_OFFERED;
    }
    enum tds_agreement agreed = tds_agreed(s);
    if (agreed == AGREED_ALL || (agreed != AGREED_LOGIN_ONLY && r->from == FROM_SERVER))
        return encrypted(r);
    r->out->carried_at = 0;
    if (r->from == FROM_SERVER || s->login_hidden || r->out->session->opens)
        return VERDICT_TLS_CARRIED;
    s->login_hidden = s->login_sent = true;
    s->stage = STAGE_LOGIN;
    s->turn.asked = 1;
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = view_of("", 0), .more = view_of("", 0)});
    return VERDICT_TLS_CARRIED;
}

static void unanswered(struct tds_state *s, struct findings *out)
{
    bool seen = !s->joined;
    s->tls_first = false;
    s->reported = true;
    if (seen)
        report(out, (struct report){.anomaly = ANOMALY_TDS_TLS_UNANSWERED, .field = FIELD_TDS_TYPE, .relation = MUST_BE,
                                    .note = "a TLS record of the server"});
}

/* ---- state */

/* What was negotiated and what is open is not known any more. */
static void expect_less(struct tds_state *s, enum side from)
{
    s->joined = true;
    s->turn.untracked = true;
    s->turn.asked = 0;
    if (s->stage != STAGE_LOGIN || from == FROM_SERVER)
        s->stage = STAGE_SESSION;
    uint32_t keys = s->streams[from].keys;
    s->streams[from] = (struct tds_stream){.keys = keys, .blind = true, .type = TDS_IN_THE_MIDDLE};
    s->smp_left[from] = 0;
    s->losses++;
    if (!s->level_sure && !s->level)
        s->level = LEVEL_74;
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct tds_state *s = state;
    struct tds_reading r = {.state = s, .stream = &s->streams[from], .turn = &s->turn, .out = out, .c = body, .from = from};
    struct view head = cursor_ahead(&body);
    enum verdict verdict;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    if (is_record(s, from, head)) {
        verdict = record(&r);
    } else {
        if (s->tls_first)
            unanswered(s, out);
        verdict = is_session_header(s, from, peek_u8(&body)) ? tds_smp(&r) : tds_packet(&r);
    }
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    return verdict;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

/* A message whose last packet never came. */
static void unfinished(struct tds_state *s, struct findings *out)
{
    const struct tds_stream *stream = &s->streams[FROM_CLIENT];
    if (!stream->type || stream->type == TDS_IN_THE_MIDDLE || stream->packet_left || s->joined || s->reported || s->turn.untracked)
        return;
    report(out, (struct report){.anomaly = ANOMALY_TDS_INCOMPLETE, .field = FIELD_TDS_STATUS, .relation = MUST_BE, .got = stream->status,
                                .note = "a packet that is marked as the last"});
}

/* The server leaves without a word while it owes a response, or the rest of one. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct tds_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        if (s->tls_first)
            unanswered(s, out);
        else
            unfinished(s, out);
        return;
    }
    if (s->client_ended)
        return;
    if (s->tls_first) {
        unanswered(s, out);
        return;
    }
    bool told = s->streams[FROM_SERVER].packet_left; /* a packet that is not whole is said by itself */
    if (s->joined || s->turn.untracked || s->farewell || s->reported || s->smp || told || !s->turn.asked)
        return;
    report(out, (struct report){.anomaly = ANOMALY_TDS_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "a response before the end"});
}

static const uint16_t ports[] = {1433, 0}, browser_ports[] = {1434, 0};

const struct decoder tds_decoder = {
    .protocol = PROTOCOL_TDS,
    .name = "tds",
    .spoken = SPOKEN_MSSQL_TDS,
    .ports = ports,
    .state_size = sizeof(struct tds_state),
    .messages = NAMES_tds_message,
    .incomplete = ANOMALY_TDS_INCOMPLETE,
    .length_field = FIELD_TDS_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = tds_resync,
    .end = end,
    .datagram_ports = browser_ports,
    .datagram = tds_datagram,
};
