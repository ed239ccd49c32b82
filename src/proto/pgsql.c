/*
 * PostgreSQL, protocol 3.0 and 3.2 (PostgreSQL documentation, "Frontend/Backend Protocol"): framing, dispatch, and what
 * is to be expected after a gap. Messages are judged as PostgreSQL 14 to 18 judge them; the reading is in the files
 * beside this one, see pgsql.h.
 */
#include "model/name.h"
#include "proto/pgsql.h"

enum { STANDBY_WANTED = PGSQL_HEADER + 1 + 33 };

_Static_assert(sizeof(struct pgsql_state) <= DECODER_STATE_MAX, "the state fits its slot");

static enum match probe_client(struct cursor head)
{
    size_t have = cursor_left(&head);
    struct view begin = cursor_ahead(&head);
    if (have >= 3 && begin.bytes[0] == 0x16 && begin.bytes[1] == 3 && begin.bytes[2] <= 4)
        return MATCH_MAYBE; /* TLS from the first byte, since 17 */
    uint32_t length = take_u32be(&head), version = take_u32be(&head);
    if (have >= 8) {
        bool known = version >> 16 == 3 || version >> 16 == 2 ||
                     (version >= PGSQL_CANCEL_REQUEST_CODE && version <= PGSQL_NEGOTIATE_GSS_CODE);
        return known && length >= 8 && length <= 4 + PGSQL_STARTUP_BODY_MAX ? MATCH_YES : MATCH_NO;
    }
    struct view few = cursor_all(&head);
    return have && few.bytes[0] == 0 && (have < 2 || few.bytes[1] == 0) ? MATCH_MAYBE : MATCH_NO;
}

static enum match probe_server(struct cursor head)
{
    size_t have = cursor_left(&head);
    uint8_t type = take_u8(&head);
    if (have == 1)
        return type == 'S' || type == 'N' || type == 'G' || type == 'E' || type == 'R' ? MATCH_MAYBE : MATCH_NO;
    uint32_t length = take_u32be(&head);
    bool plausible = (type == 'R' && length >= 8 && length <= 2000) ||
                     ((type == 'E' || type == 'N') && length >= 8 && length <= 30000) ||
                     (type == 'v' && length >= 12 && length <= 2000);
    return have >= PGSQL_HEADER && plausible ? MATCH_MAYBE : MATCH_NO;
}

static enum match probe(enum side from, struct cursor head)
{
    return from == FROM_CLIENT ? probe_client(head) : probe_server(head);
}

/* The old form of an error has no length: it ends with its NUL. */
static enum framing old_error_frame(struct cursor ahead, struct frame *out)
{
    size_t have = cursor_left(&ahead);
    (void)take_until(&ahead, 0);
    if (ahead.failed && have < MESSAGE_BYTES_MAX)
        return FRAME_NEEDS_MORE;
    uint32_t length = ahead.failed ? MESSAGE_BYTES_MAX : cursor_offset(&ahead);
    out->wanted = length < MESSAGE_BYTES_MAX ? length : MESSAGE_BYTES_MAX;
    out->total = out->wanted;
    return FRAME_READY;
}

static enum framing whole(size_t length, struct frame *out)
{
    out->total = out->wanted = (uint32_t)(length < MESSAGE_BYTES_MAX ? length : MESSAGE_BYTES_MAX);
    return length ? FRAME_READY : FRAME_NEEDS_MORE;
}

static enum framing typed_frame(const struct pgsql_state *s, enum side from, struct cursor ahead, struct frame *out)
{
    uint8_t type = take_u8(&ahead);
    uint32_t length = take_u32be(&ahead);
    const struct pgsql_kind *kind = from == FROM_CLIENT ? &pgsql_frontend_kinds[type] : &pgsql_backend_kinds[type];
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    out->total = out->wanted = PGSQL_HEADER;
    if (length < 4 || !kind->limit)
        return FRAME_READY;
    out->total = (uint64_t)length + 1;
    out->length_at = 1;
    out->length_bytes = 4;
    out->length_excludes = 1;
    uint32_t limit = from == FROM_CLIENT && type == 'p' ? pgsql_password_limit(s) : kind->limit;
    uint32_t wanted = type == 'd' && s->copy == COPY_BOTH ? STANDBY_WANTED : kind->wanted;
    if (length <= limit)
        out->wanted = out->total < wanted ? (uint32_t)out->total : wanted;
    return FRAME_READY;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct pgsql_state *s = state;
    if (from == FROM_CLIENT) {
        if (s->stage == STAGE_STARTUP)
            return pgsql_startup_frame(s, ahead, out);
        if (s->stage == STAGE_CANCELLED)
            return whole(cursor_left(&ahead), out);
    } else if (s->negotiation || s->old_errors) {
        uint8_t type = peek_u8(&ahead);
        if (cursor_left(&ahead) && s->negotiation && type != 'E')
            return whole(1, out);
        if (s->old_errors && type == 'E')
            return old_error_frame(ahead, out);
    }
    return typed_frame(s, from, ahead, out);
}

static enum verdict stray_bytes(struct pgsql_reading *r)
{
    r->out->message = PGSQL_STRAY_BYTES;
    if (!r->state->stray_told)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_DATA_AFTER_CANCEL, .field = FIELD_DB_LENGTH,
                                        .relation = MUST_BE, .offset = 0, .length = (uint32_t)cursor_left(&r->c),
                                        .got = cursor_left(&r->c), .note = "nothing after a CancelRequest"});
    r->state->stray_told = true;
    return VERDICT_OK;
}

/* What was negotiated and what is open is not known any more. */
static void expect_less(struct pgsql_state *s)
{
    s->joined = s->started = s->untracked = true;
    s->negotiation = s->awaited = 0;
    s->copy = COPY_NONE;
    s->skipping = s->old_errors = s->replication = false;
    s->columns_known = s->portal_columns_known = false;
    s->queue_used = 0;
    s->transaction = 0;
    if (s->stage != STAGE_TERMINATED)
        s->stage = STAGE_SESSION;
}

static enum verdict from_client(struct pgsql_reading *r)
{
    switch (r->state->stage) {
    case STAGE_STARTUP: {
        enum verdict verdict = pgsql_startup(r);
        if (r->state->joined && r->state->stage == STAGE_AUTHENTICATION)
            expect_less(r->state);
        return verdict;
    }
    case STAGE_CANCELLED:
        return stray_bytes(r);
    default:
        return pgsql_frontend(r);
    }
}

static enum verdict from_server(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint8_t type = peek_u8(&r->c);
    if (s->negotiation) {
        if (type != 'E')
            return pgsql_negotiation_answer(r);
        s->negotiation = 0;
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_ERROR_BEFORE_TLS, .field = FIELD_PGSQL_TYPE,
                                        .relation = MUST_BE, .offset = 0, .length = 1, .got = type,
                                        .note = "one byte: S, G or N"});
    }
    if (s->old_errors && type == 'E') {
        pgsql_old_error(r);
        return VERDICT_OK;
    }
    return pgsql_backend(r);
}

/* Apart from message() so that the short way does not pay for what it does not use. */
__attribute__((noinline)) static enum verdict read_message(struct pgsql_state *s, enum side from, struct cursor body,
                                                           struct findings *out)
{
    struct pgsql_reading r = {.state = s, .out = out, .c = body, .from = from};
    enum verdict verdict = from == FROM_CLIENT ? from_client(&r) : from_server(&r);
    if (verdict == VERDICT_BROKEN) {
        s->early_broken |= from == FROM_CLIENT && r.unread && !s->joined;
        expect_less(s);
    }
    return verdict;
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct pgsql_state *s = state;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s);
    return pgsql_bulk(s, from, body, out) ? VERDICT_OK : read_message(s, from, body, out);
}

/* Before its startup packet a client needs the server only for one byte, the answer to a request for encryption: what the
 * client says next tells what it was. */
static void gap(void *state, enum side from, uint64_t lost)
{
    struct pgsql_state *s = state;
    (void)lost;
    if (from == FROM_SERVER && s->stage == STAGE_STARTUP) {
        s->joined = true;
        s->negotiation = 0;
        return;
    }
    expect_less(s);
}

/* The server leaves in the middle of an exchange without a word. Not when the ball is in the client's court, and not
 * when a message of the client explains it: that one was reported. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct pgsql_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        s->client_ended = true;
        return;
    }
    if (s->client_ended || s->farewell || s->reported)
        return;
    if ((s->joined || out->session->midstream) && !s->early_broken)
        return;
    bool starting = s->stage == STAGE_AUTHENTICATION && s->awaited == AWAIT_NOTHING;
    bool logging_in = s->stage == STAGE_SESSION && !s->started;
    bool working = s->stage == STAGE_SESSION && (s->queue_used || s->untracked);
    if (!s->early_broken && !s->negotiation && !starting && !logging_in && !working)
        return;
    report(out, (struct report){.anomaly = ANOMALY_PGSQL_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "an answer, or an ErrorResponse before the end"});
}

static const uint16_t ports[] = {5432, 5433, 6432, 0};

const struct decoder pgsql_decoder = {
    .protocol = PROTOCOL_PGSQL,
    .name = "pgsql",
    .spoken = SPOKEN_POSTGRESQL,
    .ports = ports,
    .state_size = sizeof(struct pgsql_state),
    .messages = NAMES_pgsql_message,
    .incomplete = ANOMALY_PGSQL_INCOMPLETE_MESSAGE,
    .length_field = FIELD_PGSQL_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = pgsql_resync,
    .end = end,
};
