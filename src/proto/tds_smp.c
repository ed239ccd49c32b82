/*
 * Sessions that share a connection (MARS): a header of 16 bytes before each packet ([MC-SMP] 2.2.1), streams of their own for
 * each session, kept in notes.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { KEY_SESSION = 6, SMP_SYN = 1, SMP_ACK = 2, SMP_FIN = 4, SMP_DATA = 8, SMP_MOST = 65535 + SMP_HEADER };

struct smp_header {
    uint8_t flags;
    uint16_t session;
    uint32_t length, sequence, window;
};

/* What is known of a session besides its streams. */
struct smp_session {
    struct tds_turn turn;
    uint8_t closed;         /* bit by side: FIN was sent */
    bool loose;             /* its beginning is not known */
    uint32_t sent[2];       /* sequence number of the last data of a side */
    uint32_t window[2];     /* how far the side may count */
};

enum { FIRST_WINDOW = 4 };

_Static_assert(sizeof(struct tds_stream) <= NOTE_BYTES_MAX, "a stream fits a note");

static uint64_t key_of(uint16_t session, unsigned part)
{
    return (uint64_t)KEY_SESSION << 56 | (uint64_t)session << 16 | part;
}

static struct smp_header take_header(struct cursor *c)
{
    struct smp_header h;
    take_skip(c, 1);
    h.flags = take_u8(c);
    h.session = take_u16le(c);
    h.length = take_u32le(c);
    h.sequence = take_u32le(c);
    h.window = take_u32le(c);
    return h;
}

static bool is_sound(const struct smp_header *h)
{
    if (h->flags == SMP_DATA)
        return h->length > SMP_HEADER && h->length <= SMP_MOST;
    return (h->flags == SMP_SYN || h->flags == SMP_ACK || h->flags == SMP_FIN) && h->length == SMP_HEADER;
}

enum framing tds_smp_frame(const struct tds_state *s, enum side from, struct cursor ahead, struct frame *out)
{
    if (s->smp_left[from]) {
        if (cursor_left(&ahead) == 0)
            return FRAME_NEEDS_MORE;
        out->total = s->smp_left[from] < TDS_PIECE ? s->smp_left[from] : TDS_PIECE;
        out->wanted = (uint32_t)out->total;
        return FRAME_READY;
    }
    struct smp_header h = take_header(&ahead);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    out->total = out->wanted = SMP_HEADER;
    if (!is_sound(&h))
        return FRAME_READY;
    out->total = out->wanted = h.length < TDS_PIECE ? h.length : TDS_PIECE;
    out->length_at = 4;
    out->length_bytes = 4;
    return FRAME_READY;
}

static void note_header(struct tds_reading *r, const struct smp_header *h)
{
    note_field(r->out, FIELD_TDS_SMP_FLAGS, 1, 1, h->flags);
    note_field(r->out, FIELD_TDS_SMP_SESSION, 2, 2, h->session);
    note_field(r->out, FIELD_TDS_SMP_LENGTH, 4, 4, h->length);
    note_field(r->out, FIELD_TDS_SMP_SEQUENCE, 8, 4, h->sequence);
    note_field(r->out, FIELD_TDS_SMP_WINDOW, 12, 4, h->window);
}

static enum verdict wrong_header(struct tds_reading *r, const struct smp_header *h)
{
    bool flags = h->flags != SMP_SYN && h->flags != SMP_ACK && h->flags != SMP_FIN && h->flags != SMP_DATA;
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, (struct report){.anomaly = ANOMALY_TDS_SMP_HEADER, .field = flags ? FIELD_TDS_SMP_FLAGS : FIELD_TDS_SMP_LENGTH, .relation = MUST_BE,
                                   .offset = flags ? 1 : 4, .length = flags ? 1 : 4, .got = flags ? h->flags : h->length,
                                   .note = flags ? "1, 2, 4 or 8" : "16, with data 17 to 65551"});
    return VERDICT_BROKEN;
}

static void wrong(struct tds_reading *r, enum anomaly anomaly, enum field field, uint32_t at, uint32_t length, uint64_t got, const char *note)
{
    if (r->state->joined)
        return;
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = at, .length = length,
                                   .got = got, .note = note});
}

static bool is_open(const struct tds_state *s, uint16_t number)
{
    return number >= SMP_FOLLOWED || s->smp_open[number / 8] >> (number % 8) & 1;
}

static void set_open(struct tds_state *s, uint16_t number, bool open)
{
    uint8_t bit = (uint8_t)(1u << (number % 8));
    if (number < SMP_FOLLOWED)
        s->smp_open[number / 8] = (uint8_t)(open ? s->smp_open[number / 8] | bit : s->smp_open[number / 8] & ~bit);
}

static struct smp_session *open_session(struct tds_reading *r, uint16_t number, bool loose)
{
    struct smp_session *session = note_keep(r->out, key_of(number, 0), sizeof *session);
    set_open(r->state, number, true);
    if (!session)
        return NULL;
    session->loose = session->turn.untracked = loose;
    session->window[FROM_CLIENT] = session->window[FROM_SERVER] = FIRST_WINDOW;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        struct tds_stream *stream = note_keep(r->out, key_of(number, 1 + side), sizeof *stream);
        if (!stream)
            return NULL;
        stream->keys = number + 1u;
        stream->type = loose ? TDS_IN_THE_MIDDLE : 0;
        stream->blind = loose;
        stream->losses = r->state->losses;
    }
    return session;
}

/* SYN, ACK, FIN, or the header of data: does it fit the session? NULL: it is not followed. */
static struct smp_session *session_of(struct tds_reading *r, const struct smp_header *h)
{
    struct smp_session *session = note_find(r->out, key_of(h->session, 0));
    if (h->flags == SMP_SYN) {
        if (session)
            wrong(r, ANOMALY_TDS_SMP_SESSION, FIELD_TDS_SMP_SESSION, 2, 2, h->session, "a session that is not open yet");
        else if (r->from == FROM_SERVER)
            wrong(r, ANOMALY_TDS_SMP_SESSION, FIELD_TDS_SMP_FLAGS, 1, 1, h->flags, "SYN from the client");
        return open_session(r, h->session, r->state->joined);
    }
    if (!is_open(r->state, h->session))
        wrong(r, ANOMALY_TDS_SMP_SESSION, FIELD_TDS_SMP_SESSION, 2, 2, h->session, "a session that SYN opened");
    return session ? session : open_session(r, h->session, true);
}

static void check_sequence(struct tds_reading *r, const struct smp_header *h, struct smp_session *session)
{
    enum side from = r->from, other = from == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT;
    uint32_t expected = session->sent[from] + (h->flags == SMP_DATA);
    if (h->flags == SMP_FIN)
        session->closed |= (uint8_t)(1 << from);
    else if (session->closed >> from & 1)
        wrong(r, ANOMALY_TDS_SMP_SESSION, FIELD_TDS_SMP_SESSION, 2, 2, h->session, "nothing after FIN");
    if (h->flags == SMP_DATA) {
        bool order = h->sequence == expected;
        if (!session->loose && (!order || (int32_t)(h->sequence - session->window[from]) > 0))
            wrong(r, ANOMALY_TDS_SMP_WINDOW, FIELD_TDS_SMP_SEQUENCE, 8, 4, h->sequence,
                  order ? "at most the window that the other side gave" : "one more than the packet before");
        session->sent[from] = h->sequence;
    }
    session->window[other] = h->window;
    if (session->closed == 3) {
        set_open(r->state, h->session, false);
        note_drop(r->out, key_of(h->session, 1));
        note_drop(r->out, key_of(h->session, 2));
        note_drop(r->out, key_of(h->session, 0));
    }
}

/* TDS packets in the data of one session, whose stream is at hand. */
static void session_packets(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor all = r->c;
    while (cursor_left(&all)) {
        size_t left = cursor_left(&all);
        if (!stream->packet_left && left < TDS_HEADER)
            return; /* a header that is cut: no driver does that; the rest cannot be followed */
        r->base = cursor_offset(&all);
        r->bad = false;
        r->c = cursor_over(cursor_ahead(&all));
        if (!stream->packet_left && peek_u8(&r->c) == SMP_ID) {
            wrong(r, ANOMALY_TDS_SMP_HEADER, FIELD_TDS_SMP_LENGTH, r->base, 1, SMP_ID, "a TDS packet, not another session header");
            return;
        }
        struct cursor header = r->c;
        take_skip(&header, 2);
        uint32_t packet = stream->packet_left ? stream->packet_left : take_u16be(&header);
        if (tds_packet(r) == VERDICT_BROKEN) {
            tds_stream_clear(stream); /* the sessions are still framed */
            return;
        }
        take_skip(&all, packet < left ? packet : left);
    }
}

/* While the packets are read notes are made, which may cost the session its own: it is read from copies. */
static void session_data(struct tds_reading *r, uint16_t number)
{
    struct smp_session *session = note_find(r->out, key_of(number, 0));
    struct tds_stream *kept = note_find(r->out, key_of(number, 1u + r->from));
    if (!session || !kept)
        return;
    struct tds_stream stream = *kept;
    struct tds_turn turn = session->turn;
    if (stream.losses != r->state->losses) {
        stream = (struct tds_stream){.keys = stream.keys, .blind = true, .type = TDS_IN_THE_MIDDLE, .losses = r->state->losses};
        session->loose = turn.untracked = true;
    }
    r->stream = &stream;
    r->turn = &turn;
    session_packets(r);
    session = note_find(r->out, key_of(number, 0));
    kept = note_find(r->out, key_of(number, 1u + r->from));
    if (session)
        session->turn = turn;
    if (kept)
        *kept = stream;
}

enum verdict tds_smp(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    r->out->message = TDS_SMP_CONTROL;
    if (s->smp_left[r->from]) {
        uint32_t here = (uint32_t)cursor_left(&r->c);
        s->smp_left[r->from] -= here < s->smp_left[r->from] ? here : s->smp_left[r->from];
        session_data(r, s->smp_session[r->from]);
        return VERDICT_OK;
    }
    struct smp_header h = take_header(&r->c);
    note_header(r, &h);
    if (!is_sound(&h))
        return wrong_header(r, &h);
    s->smp = true;
    struct smp_session *session = session_of(r, &h);
    if (session)
        check_sequence(r, &h, session);
    if (h.flags != SMP_DATA)
        return VERDICT_OK;
    s->smp_session[r->from] = h.session;
    s->smp_left[r->from] = h.length - SMP_HEADER - (uint32_t)cursor_left(&r->c);
    session_data(r, h.session);
    return VERDICT_OK;
}
