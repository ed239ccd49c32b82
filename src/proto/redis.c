/*
 * Redis and Valkey: RESP2, RESP3, inline commands, replication, the cluster bus (redis-specifications, protocol/RESP3.md;
 * src/networking.c of Redis 7.0): framing, dispatch, and what is to be expected after a gap. The reading is in the files
 * beside this one, see redis.h.
 */
#include "model/name.h"
#include "proto/redis.h"

enum { TLS_HEADER = 5, TLS_FIRST = 0x14, TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16, TLS_LAST = 0x17 };

_Static_assert(sizeof(struct redis_state) <= DECODER_STATE_MAX, "the state fits its slot");

static bool begins(struct view bytes, const char *start)
{
    size_t length = strlen(start);
    return bytes.length >= length && memcmp(bytes.bytes, start, length) == 0;
}

static enum match probe_client(struct view head)
{
    if (begins(head, "RCmb"))
        return MATCH_YES;
    if (begins(head, "SSH-"))
        return MATCH_NO;
    if (redis_byte(head, 0) != '*')
        return MATCH_MAYBE;
    struct redis_line count = redis_number_line(head, 0);
    if (count.is == LINE_MORE)
        return MATCH_MAYBE;
    if (count.is != LINE_NUMBER || count.number < 1 || count.number > REDIS_OLD_COUNT_MAX)
        return MATCH_NO;
    if (head.length == count.length)
        return MATCH_MAYBE;
    if (head.bytes[count.length] != '$')
        return MATCH_NO;
    struct redis_line length = redis_number_line(head, count.length);
    return length.is == LINE_NUMBER && length.number > 0 ? MATCH_YES : length.is == LINE_MORE ? MATCH_MAYBE : MATCH_NO;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view bytes = cursor_ahead(&head);
    if (from == FROM_CLIENT)
        return probe_client(bytes);
    if (begins(bytes, "-DENIED Redis") || begins(bytes, "-NOAUTH "))
        return MATCH_YES;
    return memchr("+-:$*_#,(!=%~>|", redis_byte(bytes, 0), 15) ? MATCH_MAYBE : MATCH_NO;
}

/* Where a request may begin, and no request begins like the bus or like TLS: of a connection whose beginning is not known, too. */
static bool may_begin(const struct redis_state *s)
{
    return !s->started || (s->joined && s->requests[FROM_CLIENT].stage == REQUEST_BETWEEN && !s->pending);
}

static bool is_tls(const struct redis_state *s, enum side from, struct view ahead)
{
    uint8_t first = redis_byte(ahead, 0);
    if (s->tls_asked && s->joined)
        return first >= TLS_FIRST && first <= TLS_LAST;
    if (from == FROM_SERVER)
        return s->tls_asked && (first == TLS_HANDSHAKE || first == TLS_ALERT) && (ahead.length < 2 || ahead.bytes[1] == 3);
    return s->tls_asked || (may_begin(s) && first == TLS_HANDSHAKE && (ahead.length < 2 || ahead.bytes[1] == 3));
}

static enum framing tls_frame(struct view ahead, struct frame *out)
{
    if (ahead.length < TLS_HEADER)
        return FRAME_NEEDS_MORE;
    out->total = TLS_HEADER + (uint64_t)(ahead.bytes[3] << 8 | ahead.bytes[4]);
    out->wanted = TLS_HEADER;
    out->length_at = 3;
    out->length_bytes = 2;
    out->length_excludes = TLS_HEADER;
    return FRAME_READY;
}

static bool is_bus(const struct redis_state *s, struct view ahead)
{
    return s->bus || (may_begin(s) && begins(ahead, "RCmb"));
}

static enum framing unread_frame(struct view ahead, struct frame *out)
{
    out->total = out->wanted = (uint32_t)(ahead.length < MESSAGE_BYTES_MAX ? ahead.length : MESSAGE_BYTES_MAX);
    return FRAME_READY;
}

/* The server closes when it reads QUIT: what stands behind is not looked at, and may hold anything. */
static enum verdict after_quit(struct redis_reading *r)
{
    uint32_t length = (uint32_t)r->bytes.length;
    r->out->message = REDIS_AFTER_QUIT;
    note_field(r->out, FIELD_DB_UNDECODED, 0, length, 0);
    if (!r->state->quit_told)
        report(r->out, (struct report){.anomaly = ANOMALY_REDIS_AFTER_QUIT, .field = FIELD_DB_LENGTH, .relation = MUST_BE, .length = length,
                                       .got = length, .note = "nothing after QUIT"});
    r->state->quit_told = true;
    return VERDICT_OK;
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct redis_state *s = state;
    struct view bytes = cursor_ahead(&ahead);
    if (bytes.length == 0)
        return FRAME_NEEDS_MORE;
    if (s->tls_asked || !s->started || s->bus || s->joined) {
        if (is_tls(s, from, bytes))
            return tls_frame(bytes, out);
        if (may_begin(s) && bytes.length < 4 && bytes.bytes[0] == 'R' && memcmp("RCmb", bytes.bytes, bytes.length) == 0)
            return FRAME_NEEDS_MORE;
        if (is_bus(s, bytes))
            return redis_bus_frame(bytes, out);
    }
    if (from == FROM_CLIENT) {
        if (s->quit)
            return unread_frame(bytes, out);
        return redis_request_frame(&s->requests[FROM_CLIENT], bytes, out);
    }
    return redis_reply_frame(s, bytes, out);
}

/* What was negotiated and what is open is not known any more. */
static void expect_less(struct redis_state *s, enum side from)
{
    bool replica = s->reply_stage >= REPLY_RDB_BYTES;
    s->joined = s->started = s->untracked = s->resp3 = true;
    s->rdb_next = s->mask_next = s->empty_request = false;
    s->awaited_used = s->key = 0;
    s->doubt[from] = REDIS_DOUBT;
    s->mode = REPLIES_ON;
    s->requests[from] = (struct redis_requests){0};
    if (from == FROM_CLIENT)
        return;
    s->reply_stage = replica ? REPLY_COMMANDS : REPLY_VALUES;
    s->pending = s->rdb_left = s->streamed = 0;
    s->depth = 0;
}

static enum verdict tls_message(struct redis_reading *r)
{
    r->out->message = REDIS_TLS_RECORD;
    r->state->tls_asked = r->from == FROM_CLIENT; /* the answer is the last record that is seen */
    if (r->from == FROM_CLIENT)
        return VERDICT_TLS_OFFERED;
    observe(r->out, (struct fact){.kind = FACT_TLS});
    return VERDICT_TLS;
}

static void tls_refused(struct redis_state *s, struct findings *out)
{
    bool seen = !s->joined;
    s->tls_asked = false;
    if (seen)
        report(out, (struct report){.anomaly = ANOMALY_REDIS_TLS_UNANSWERED, .field = FIELD_REDIS_TYPE, .relation = MUST_BE,
                                    .note = "a TLS record of the server"});
}

/* Before the usual: TLS, or the bus of a cluster. False: neither. */
static bool special(struct redis_reading *r, enum verdict *verdict)
{
    struct redis_state *s = r->state;
    if (is_tls(s, r->from, r->bytes)) {
        *verdict = tls_message(r);
        return true;
    }
    if (is_bus(s, r->bytes)) {
        s->bus = true;
        *verdict = redis_bus(r);
        return true;
    }
    if (s->tls_asked)
        tls_refused(s, r->out);
    return false;
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct redis_state *s = state;
    struct redis_reading r = {.state = s, .out = out, .bytes = cursor_ahead(&body), .from = from};
    enum verdict verdict = VERDICT_OK;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        expect_less(s, from);
    bool done = (s->tls_asked || !s->started || s->bus || s->joined) && special(&r, &verdict);
    s->started = true;
    if (!done && from == FROM_CLIENT && s->quit)
        verdict = after_quit(&r);
    else if (!done)
        verdict = from == FROM_CLIENT ? redis_request(&r) : redis_reply(&r);
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    else if (s->doubt[from])
        s->doubt[from]--;
    return verdict;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

/* The client leaves in the middle of a request, where no frame is open: between two arguments. */
static void client_ends(struct redis_state *s, struct findings *out)
{
    const struct redis_requests *q = &s->requests[FROM_CLIENT];
    bool open = q->stage == REQUEST_ARGUMENTS && !s->doubt[FROM_CLIENT];
    s->client_ended = true;
    if (s->tls_asked)
        tls_refused(s, out);
    else if (open)
        report(out, (struct report){.anomaly = ANOMALY_REDIS_INCOMPLETE, .field = FIELD_REDIS_COUNT, .relation = MUST_BE, .got = q->left,
                                    .note = "no argument left to come"});
}

/* The server leaves without a word while it owes a reply. */
static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct redis_state *s = state;
    (void)reset;
    if (from == FROM_CLIENT) {
        client_ends(s, out);
        return;
    }
    if (s->shutdown)
        observe(out, (struct fact){.kind = FACT_SHUTDOWN, .text = view_text("SHUTDOWN")});
    if (s->client_ended)
        return;
    if (s->tls_asked) {
        tls_refused(s, out);
        return;
    }
    bool waits = s->blocking && (int32_t)(s->blocking - s->answered) > 0;
    bool replying = s->reply_stage != REPLY_VALUES || s->pending;
    bool explained = s->farewell || s->reported || s->quit || s->shutdown;
    if (s->joined || s->untracked || s->bus || replying || explained || waits || s->sent == s->answered)
        return;
    report(out, (struct report){.anomaly = ANOMALY_REDIS_CLOSED, .field = FIELD_DB_PHASE, .relation = MUST_BE, .got = out->session->phase,
                                .note = "a reply before the end"});
}

static const uint16_t ports[] = {6379, 6380, 26379, 16379, 0};

const struct decoder redis_decoder = {
    .protocol = PROTOCOL_REDIS,
    .name = "redis",
    .spoken = SPOKEN_REDIS,
    .reads_on = true,
    .ports = ports,
    .state_size = sizeof(struct redis_state),
    .messages = NAMES_redis_message,
    .pipelined = true,
    .incomplete = ANOMALY_REDIS_INCOMPLETE,
    .length_field = FIELD_REDIS_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = redis_resync,
    .end = end,
};
