/*
 * Memcached: the text protocol with its meta commands, and the binary protocol with SASL (memcached 1.6: doc/protocol.txt,
 * doc/protocol-binary.xml). The first byte of a connection chooses the protocol for good. Framing and dispatch; the reading
 * is in the files beside this one, see memcached.h. Datagrams (UDP) do not come this way.
 */
#include "model/name.h"
#include "proto/memcached.h"

_Static_assert(sizeof(struct memcached_state) <= DECODER_STATE_MAX, "the state fits its slot");

void memcached_defect(struct memcached_reading *r, struct report found)
{
    r->bad = true;
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, found);
}

void memcached_remark(struct memcached_reading *r, struct report found)
{
    report(r->out, found);
}

static bool is_tls(struct view ahead)
{
    return ahead.length >= 1 && ahead.bytes[0] == 0x16 && (ahead.length < 2 || ahead.bytes[1] == 3);
}

static struct view line_of(struct view text, bool *bare)
{
    size_t length = text.length;
    if (length && text.bytes[length - 1] == '\n')
        length--;
    *bare = !(length && text.bytes[length - 1] == '\r');
    return view_head(text, *bare ? length : length - 1);
}

static const uint8_t *find_end(struct view ahead, size_t most)
{
    struct view head = view_head(ahead, most);
    return head.length ? memchr(head.bytes, '\n', head.length) : NULL;
}

static enum match probe_text(struct view ahead)
{
    const uint8_t *end = find_end(ahead, MEMCACHED_LINE_MAX);
    bool bare;
    int64_t block;
    if (end)
        return memcached_is_command(line_of(view_head(ahead, (size_t)(end - ahead.bytes) + 1), &bare), &block) ? MATCH_YES : MATCH_NO;
    for (size_t i = 0; i < ahead.length; i++)
        if (ahead.bytes[i] < ' ' || ahead.bytes[i] > '~')
            return i == ahead.length - 1 && ahead.bytes[i] == '\r' ? MATCH_MAYBE : MATCH_NO;
    return MATCH_MAYBE;
}

static enum match probe(enum side from, struct cursor head)
{
    struct view ahead = cursor_ahead(&head);
    uint8_t first = peek_u8(&head);
    if (from == FROM_SERVER || !ahead.length)
        return MATCH_MAYBE;
    if (is_tls(ahead))
        return MATCH_MAYBE;
    if (first != PROTOCOL_BINARY_REQ)
        return probe_text(ahead);
    struct memcached_header h = memcached_header_take(&head);
    if (ahead.length < MEMCACHED_HEADER)
        return MATCH_MAYBE;
    return memcached_binary_sound(&h) && h.data_type == 0 ? MATCH_YES : MATCH_NO;
}

static enum framing whole(uint64_t length, struct frame *out)
{
    out->total = length;
    out->wanted = (uint32_t)length;
    return FRAME_READY;
}

/* A line of more than 2048 bytes: a get is read in pieces of that size, of all others only so much is looked at. */
static bool is_long_get(struct view ahead)
{
    size_t spaces = 0;
    while (spaces < ahead.length && ahead.bytes[spaces] == ' ')
        spaces++;
    struct view word = view_from(ahead, spaces);
    return spaces <= MEMCACHED_SPACES_MAX && (memcached_begins(word, "get ") || memcached_begins(word, "gets "));
}

static enum framing line_frame(const struct memcached_state *s, struct view ahead, struct frame *out)
{
    if (!s->long_get && ahead.length && ahead.bytes[0] == PROTOCOL_BINARY_REQ) {
        const uint8_t *end = find_end(ahead, MEMCACHED_HEADER);
        if (end)
            return whole((uint64_t)(end - ahead.bytes) + 1, out);
        return ahead.length < MEMCACHED_HEADER ? FRAME_NEEDS_MORE : whole(MEMCACHED_HEADER, out);
    }
    const uint8_t *end = find_end(ahead, MEMCACHED_LINE_MAX);
    if (end)
        return whole((uint64_t)(end - ahead.bytes) + 1, out);
    return ahead.length <= MEMCACHED_LINE_MAX ? FRAME_NEEDS_MORE : whole(MEMCACHED_LINE_MAX, out);
}

static enum framing tls_frame(struct cursor ahead, struct frame *out)
{
    size_t have = cursor_left(&ahead);
    take_skip(&ahead, 3);
    uint32_t length = take_u16be(&ahead);
    if (have < MEMCACHED_TLS_HEADER)
        return FRAME_NEEDS_MORE;
    out->total = (uint64_t)MEMCACHED_TLS_HEADER + length;
    out->wanted = MEMCACHED_TLS_HEADER;
    return FRAME_READY;
}

/* Does this side begin with TLS? */
static bool begins_tls(const struct memcached_state *s, enum side from, struct view ahead)
{
    bool first = from == FROM_CLIENT ? !s->begun : !s->answered;
    return s->tls[from] || (first && !s->lost[from] && is_tls(ahead));
}

static enum framing client_frame(const struct memcached_state *s, struct cursor ahead, struct frame *out)
{
    struct view all = cursor_ahead(&ahead);
    if (begins_tls(s, FROM_CLIENT, all))
        return tls_frame(ahead, out);
    if (s->speech[FROM_CLIENT] == SPEECH_BINARY || (s->speech[FROM_CLIENT] == SPEECH_UNKNOWN && all.bytes[0] == PROTOCOL_BINARY_REQ))
        return memcached_binary_frame(ahead, out);
    return line_frame(s, all, out);
}

static bool server_is_binary(const struct memcached_state *s, uint8_t first)
{
    uint8_t speech = s->speech[FROM_SERVER];
    return speech == SPEECH_BINARY || (speech == SPEECH_UNKNOWN && first == PROTOCOL_BINARY_RES);
}

static enum framing server_frame(const struct memcached_state *s, struct cursor ahead, struct frame *out)
{
    struct view all = cursor_ahead(&ahead);
    if (begins_tls(s, FROM_SERVER, all))
        return tls_frame(ahead, out);
    if (server_is_binary(s, all.bytes[0]))
        return memcached_response_frame(ahead, out);
    const uint8_t *end = find_end(all, MEMCACHED_REPLY_MAX);
    if (end)
        return whole((uint64_t)(end - all.bytes) + 1, out);
    return all.length < MEMCACHED_REPLY_MAX ? FRAME_NEEDS_MORE : whole(MEMCACHED_REPLY_MAX, out);
}

static enum framing frame(const void *state, enum side from, struct cursor ahead, struct frame *out)
{
    const struct memcached_state *s = state;
    if (!cursor_left(&ahead))
        return FRAME_NEEDS_MORE;
    if (s->blocks[from].due || s->blocks[from].end_due)
        return memcached_block_frame(s, from, ahead, out);
    return from == FROM_CLIENT ? client_frame(s, ahead, out) : server_frame(s, ahead, out);
}

/* What was open is not known any more; what this side says next may be anything. */
static void expect_less(struct memcached_state *s, enum side from)
{
    memcached_forget(s);
    s->joined = s->loose = s->lost[from] = true;
    s->blocks[from] = (struct memcached_block){0};
    s->shutdown = false;
    s->rows = 0;
    if (from == FROM_SERVER)
        return;
    s->long_get = s->key_too_long = false;
    s->key_run = 0;
    s->key_sum = s->repeats = 0;
}

static enum verdict stray(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view line = cursor_ahead(&r->c);
    bool again = memcached_begins(line, "quit") || (line.length >= 2 && line.bytes[0] == PROTOCOL_BINARY_REQ && line.bytes[1] == PROTOCOL_BINARY_CMD_QUIT);
    r->out->message = MEMCACHED_AFTER_QUIT;
    if (!s->stray_told && !(s->quit && again))
        memcached_defect(r, (struct report){.anomaly = s->quit ? ANOMALY_MEMCACHED_AFTER_QUIT : ANOMALY_MEMCACHED_AFTER_WATCH,
                                            .field = FIELD_DB_MESSAGE, .relation = MUST_BE, .offset = 0,
                                            .length = (uint32_t)line.length, .note = s->quit ? "nothing after quit" : "nothing after watch"});
    s->stray_told |= !again;
    return VERDICT_OK;
}

static enum verdict long_line(struct memcached_reading *r)
{
    r->out->message = MEMCACHED_LONG_LINE;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_LINE_TOO_LONG, .field = FIELD_MEMCACHED_LINE,
                                        .relation = MUST_NOT_EXCEED, .offset = 0, .length = MEMCACHED_LINE_MAX,
                                        .got = MEMCACHED_LINE_MAX + 1, .expected = MEMCACHED_LINE_MAX, .note = "bytes without a line end"});
    return VERDICT_BROKEN;
}

static enum verdict binary_in_text(struct memcached_reading *r)
{
    r->out->message = MEMCACHED_FOREIGN;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_PROTOCOL_CHANGE, .field = FIELD_MEMCACHED_MAGIC,
                                        .relation = MUST_BE, .offset = 0, .length = 1, .got = PROTOCOL_BINARY_REQ,
                                        .note = "a command in text"});
    return VERDICT_BROKEN;
}

static enum verdict text_from_client(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view all = cursor_ahead(&r->c);
    bool ended = all.bytes[all.length - 1] == '\n';
    s->speech[FROM_CLIENT] = SPEECH_TEXT;
    if (s->quit || s->watching)
        return stray(r);
    if (s->long_get || (!ended && is_long_get(all))) {
        memcached_get_piece(r);
        return VERDICT_OK;
    }
    if (!ended)
        return all.length == MEMCACHED_HEADER ? binary_in_text(r) : long_line(r);
    struct view line = line_of(all, &r->line.bare);
    memcached_cut(&r->line, line);
    memcached_command(r);
    return VERDICT_OK;
}

static enum verdict tls_record(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    r->out->message = MEMCACHED_FOREIGN;
    s->tls[r->from] = true;
    if (r->from == FROM_SERVER && !s->tls[FROM_CLIENT] && !s->joined)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_REPLY_BYTES, .field = FIELD_DB_TLS, .relation = MUST_BE,
                                            .offset = 0, .length = 1, .got = 0x16, .note = "an answer in clear text"});
    if (r->from == FROM_CLIENT)
        return VERDICT_TLS_OFFERED;
    if (!s->tls[FROM_CLIENT])
        return VERDICT_OK;
    s->tls[FROM_CLIENT] = s->tls[FROM_SERVER] = false; /* the last record that is seen */
    return VERDICT_TLS;
}

static enum verdict from_client(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view all = cursor_ahead(&r->c);
    uint8_t speech = s->speech[FROM_CLIENT];
    if (begins_tls(s, FROM_CLIENT, all))
        return tls_record(r);
    if (speech == SPEECH_TEXT || (speech == SPEECH_UNKNOWN && all.bytes[0] != PROTOCOL_BINARY_REQ))
        return text_from_client(r);
    s->speech[FROM_CLIENT] = SPEECH_BINARY;
    return s->quit ? stray(r) : memcached_binary(r);
}

static void refuse_tls(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    s->tls_refused = s->reported = s->loose = true;
    if (!s->joined)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_TLS_UNEXPECTED, .field = FIELD_DB_TLS, .relation = MUST_BE,
                                            .offset = 0, .length = 0, .note = "a TLS record of the server"});
}

/* The client speaks binary: only a server that is full says so in text. */
static enum verdict text_from_server(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view all = cursor_ahead(&r->c);
    bool full = memcached_begins(all, "ERROR Too many open connections");
    if (s->speech[FROM_CLIENT] == SPEECH_BINARY && !full && !s->joined)
        return memcached_response(r);
    if (!full)
        s->speech[FROM_SERVER] = SPEECH_TEXT;
    bool bare;
    r->line.text = line_of(all, &bare);
    r->line.used = 0;
    memcached_reply(r);
    return VERDICT_OK;
}

static enum verdict from_server(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view all = cursor_ahead(&r->c);
    if (begins_tls(s, FROM_SERVER, all))
        return tls_record(r);
    if (s->tls[FROM_CLIENT] && !s->tls_refused)
        refuse_tls(r);
    if (!server_is_binary(s, all.bytes[0]))
        return text_from_server(r);
    s->speech[FROM_SERVER] = SPEECH_BINARY;
    return memcached_response(r);
}

static enum verdict message(void *state, enum side from, struct cursor body, struct findings *out)
{
    struct memcached_state *s = state;
    struct memcached_reading r;
    r.state = s;
    r.out = out;
    r.c = body;
    r.from = from;
    r.bad = r.noreply = false;
    if (s->joined)
        out->session->midstream = true;
    else if (out->session->midstream)
        s->joined = s->loose = true;
    if (from == FROM_CLIENT && out->session->phase == PHASE_PRE_AUTH)
        out->session->phase = PHASE_AUTHENTICATED; /* a server that wants a login says so */
    enum verdict verdict = VERDICT_OK;
    if (s->blocks[from].due || s->blocks[from].end_due)
        memcached_block(&r);
    else
        verdict = from == FROM_CLIENT ? from_client(&r) : from_server(&r);
    *(from == FROM_CLIENT ? &s->begun : &s->answered) = true;
    if (verdict == VERDICT_BROKEN)
        expect_less(s, from);
    return verdict;
}

static void gap(void *state, enum side from, uint64_t lost)
{
    (void)lost;
    expect_less(state, from);
}

/* A data block that was announced and of which nothing came, not even its end. */
static void block_missing(struct memcached_state *s, struct findings *out)
{
    const struct memcached_block *b = &s->blocks[FROM_CLIENT];
    uint64_t wanted = (b->due ? (uint64_t)b->length : 0) + 2;
    out->message = s->block_message;
    report(out, (struct report){.anomaly = ANOMALY_MEMCACHED_INCOMPLETE_MESSAGE, .field = FIELD_MEMCACHED_VALUE_LENGTH,
                                .relation = MUST_NOT_EXCEED, .got = wanted, .expected = 0,
                                .note = "the bytes of the data block that arrived, its end included"});
}

static void server_ended(struct memcached_state *s, struct findings *out)
{
    if (s->shutdown && !s->joined) {
        observe(out, (struct fact){.kind = FACT_SHUTDOWN, .text = view_text("shutdown")});
        return;
    }
    if (s->client_ended || s->quit || s->farewell || s->joined || s->reported || out->session->midstream || s->untracked)
        return;
    bool tls = s->tls[FROM_CLIENT] && !s->answered;
    if (!tls && !memcached_is_waiting(s))
        return;
    report(out, (struct report){.anomaly = tls ? ANOMALY_MEMCACHED_TLS_UNEXPECTED : ANOMALY_MEMCACHED_CLOSED,
                                .field = FIELD_DB_PHASE, .relation = MUST_BE, .note = "an answer before the end"});
    s->reported = true;
}

static void end(void *state, enum side from, bool reset, struct findings *out)
{
    struct memcached_state *s = state;
    (void)reset;
    if (from == FROM_SERVER) {
        server_ended(s, out);
        return;
    }
    bool due = s->blocks[FROM_CLIENT].due || s->blocks[FROM_CLIENT].end_due;
    if (due && !s->joined && !out->session->midstream && !s->client_ended)
        block_missing(s, out);
    else if (s->tls[FROM_CLIENT] && !s->answered && !s->client_ended && !s->reported && !s->joined)
        report(out, (struct report){.anomaly = ANOMALY_MEMCACHED_TLS_UNEXPECTED, .field = FIELD_DB_TLS, .relation = MUST_BE,
                                    .note = "a TLS record of the server"});
    s->client_ended = true;
}

static const uint16_t ports[] = {11211, 11212, 0};

const struct decoder memcached_decoder = {
    .protocol = PROTOCOL_MEMCACHED,
    .name = "memcached",
    .spoken = SPOKEN_MEMCACHED,
    .reads_on = true,
    .ports = ports,
    .state_size = sizeof(struct memcached_state),
    .messages = NAMES_memcached_message,
    .incomplete = ANOMALY_MEMCACHED_INCOMPLETE_MESSAGE,
    .length_field = FIELD_MEMCACHED_BODY_LENGTH,
    .probe = probe,
    .frame = frame,
    .message = message,
    .gap = gap,
    .resync = memcached_resync,
    .end = end,
    .datagram_ports = ports,
    .datagram = memcached_datagram,
};
