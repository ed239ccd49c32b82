/*
 * Packets of TDS ([MS-TDS] 2.2.3): header, sizes, how packets make a message, and which reader gets the content.
 */
#include "model/name.h"
#include "proto/tds.h"

/* Types that a client of Sybase sends besides (freetds.org, TDS Protocol Documentation). */
static bool is_sybase_type(uint8_t type)
{
    return type == 5 || (type >= 8 && type <= 17) || type == 24;
}

static bool is_old(const struct tds_state *s)
{
    return s->level == LEVEL_42 || s->level == LEVEL_50;
}

static bool is_known_type(const struct tds_state *s, uint8_t type)
{
    switch (type) {
    case TDS_SQL_BATCH: case TDS_OLD_LOGIN: case TDS_RPC: case TDS_RESPONSE: case TDS_ATTENTION: case TDS_BULK_LOAD:
    case TDS_FEDAUTH_TOKEN: case TDS_TRANSACTION_MANAGER: case TDS_LOGIN7: case TDS_SSPI: case TDS_PRELOGIN:
        return true;
    case TDS_SYBASE_TOKENS:
        return s->joined || is_old(s);
    default:
        return is_old(s) && is_sybase_type(type);
    }
}

static uint32_t length_limit(const struct tds_state *s)
{
    return is_old(s) ? UINT16_MAX : TDS_PACKET_MAX;
}

enum framing tds_packet_frame(const struct tds_state *s, enum side from, struct cursor ahead, struct frame *out)
{
    const struct tds_stream *stream = &s->streams[from];
    if (stream->packet_left) {
        if (cursor_left(&ahead) == 0)
            return FRAME_NEEDS_MORE;
        out->total = stream->packet_left < TDS_PIECE ? stream->packet_left : TDS_PIECE;
        out->wanted = (uint32_t)out->total;
        return FRAME_READY;
    }
    uint8_t type = take_u8(&ahead);
    take_skip(&ahead, 1);
    uint32_t length = take_u16be(&ahead);
    take_skip(&ahead, 4);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    out->total = out->wanted = TDS_HEADER;
    if (!is_known_type(s, type) || length < TDS_HEADER || length > length_limit(s))
        return FRAME_READY;
    out->total = out->wanted = length < TDS_PIECE ? length : TDS_PIECE;
    out->length_at = 2;
    out->length_bytes = 2;
    return FRAME_READY;
}

/* ---- what was agreed upon */

void tds_level_set(struct tds_state *s, uint32_t version)
{
    uint8_t major = (uint8_t)(version >> 24);
    s->level_sure = true;
    switch (major) {
    case 0x04: s->level = LEVEL_42; break;
    case 0x05: s->level = LEVEL_50; break;
    case 0x07: s->level = version >> 16 == 0x0700 ? LEVEL_70 : LEVEL_71; break;
    case 0x70: s->level = LEVEL_70; break;
    case 0x71: s->level = LEVEL_71; break;
    case 0x72: s->level = LEVEL_72; break;
    case 0x73: s->level = LEVEL_73; break;
    case 0x74: s->level = LEVEL_74; break;
    case 0x08: s->level = LEVEL_80; break;
    default: s->level_sure = false; break;
    }
}

enum tds_agreement tds_agreed(const struct tds_state *s)
{
    uint8_t asked = (uint8_t)((s->asked_encryption - 1) & 3), answered = (uint8_t)((s->answered_encryption - 1) & 3);
    if (!s->asked_encryption || !s->answered_encryption)
        return AGREED_UNKNOWN;
    if (answered == ENCRYPT_NOT_SUP)
        return AGREED_NONE;
    if (asked == ENCRYPT_NOT_SUP)
        return AGREED_UNKNOWN; /* the server wants it and the client cannot: one of them leaves */
    return asked == ENCRYPT_OFF && answered == ENCRYPT_OFF ? AGREED_LOGIN_ONLY : AGREED_ALL;
}

void tds_stream_clear(struct tds_stream *stream)
{
    *stream = (struct tds_stream){.keys = stream->keys, .packet_left = stream->packet_left, .losses = stream->losses};
}

/* ---- headers */

struct header {
    uint8_t type, status;
    uint32_t length, spid;
    uint8_t number;
};

static struct header take_header(struct tds_reading *r)
{
    struct header h;
    h.type = take_u8(&r->c);
    h.status = take_u8(&r->c);
    h.length = take_u16be(&r->c);
    h.spid = take_u16be(&r->c);
    h.number = take_u8(&r->c);
    take_skip(&r->c, 1);
    uint32_t at = r->base;
    note_field(r->out, FIELD_TDS_TYPE, at, 1, h.type);
    note_field(r->out, FIELD_TDS_STATUS, at + 1, 1, h.status);
    note_field(r->out, FIELD_TDS_LENGTH, at + 2, 2, h.length);
    note_field(r->out, FIELD_TDS_SPID, at + 4, 2, h.spid);
    note_field(r->out, FIELD_TDS_PACKET_ID, at + 6, 1, h.number);
    return h;
}

static enum verdict broken(struct tds_reading *r, struct report found)
{
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, found);
    return VERDICT_BROKEN;
}

static enum verdict check_frame(struct tds_reading *r, const struct header *h)
{
    struct tds_state *s = r->state;
    if (!is_known_type(s, h->type))
        return broken(r, (struct report){.anomaly = ANOMALY_TDS_PACKET_TYPE, .field = FIELD_TDS_TYPE, .relation = MUST_BE, .offset = r->base,
                                         .length = 1, .got = h->type, .note = "a type of packet: 01 to 04, 06 to 08, 0e, 10 to 12"});
    if (h->length < TDS_HEADER || h->length > length_limit(s))
        return broken(r, (struct report){.anomaly = ANOMALY_TDS_PACKET_LENGTH, .field = FIELD_TDS_LENGTH,
                                         .relation = h->length < TDS_HEADER ? MUST_REACH : MUST_NOT_EXCEED, .offset = r->base + 2, .length = 2,
                                         .got = h->length, .expected = h->length < TDS_HEADER ? TDS_HEADER : length_limit(s)});
    return VERDICT_OK;
}

/* The sizes that were agreed upon. Before the login is over the server may answer in the size that was wished for. */
static void check_size(struct tds_reading *r, const struct header *h)
{
    struct tds_state *s = r->state;
    if (s->joined || is_old(s) || (!s->level_sure && s->level))
        return;
    uint32_t granted = s->packet_size ? s->packet_size : TDS_PACKET_FIRST;
    uint32_t limit = granted;
    if (r->from == FROM_SERVER && s->wished_size > limit)
        limit = s->wished_size;
    if (s->login_hidden && !s->packet_size)
        limit = TDS_PACKET_MAX; /* the wish was not seen */
    if (h->length > limit) {
        s->reported |= r->from == FROM_CLIENT;
        report(r->out, (struct report){.anomaly = s->packet_size ? ANOMALY_TDS_PACKET_LARGE : ANOMALY_TDS_PACKET_EARLY_LARGE,
                                       .field = FIELD_TDS_LENGTH, .relation = MUST_NOT_EXCEED, .offset = r->base + 2, .length = 2,
                                       .got = h->length, .expected = limit});
        return;
    }
    bool requests = r->from == FROM_CLIENT && s->stage == STAGE_SESSION && s->level >= LEVEL_73 && s->packet_size;
    if (requests && !(h->status & STATUS_EOM) && h->length < s->packet_size) {
        s->reported = true;
        report(r->out, (struct report){.anomaly = ANOMALY_TDS_PACKET_SHORT, .field = FIELD_TDS_LENGTH, .relation = MUST_EQUAL,
                                       .offset = r->base + 2, .length = 2, .got = h->length, .expected = s->packet_size,
                                       .note = "in all packets of a request but the last"});
    }
}

static void check_status(struct tds_reading *r, const struct header *h)
{
    uint8_t known = r->from == FROM_CLIENT ? STATUS_KNOWN : STATUS_EOM;
    if ((h->status & ~known) == 0 || r->state->status_told || r->state->joined || is_old(r->state))
        return;
    r->state->status_told = true;
    tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_STATUS, .field = FIELD_TDS_STATUS, .relation = MUST_BE, .offset = r->base + 1,
                                  .length = 1, .got = h->status, .note = r->from == FROM_CLIENT ? "bits 1, 2, 8 and 16" : "0 or 1"});
}

static void violation(struct tds_reading *r, enum anomaly anomaly, uint8_t type, const char *note)
{
    r->state->reported |= r->from == FROM_CLIENT;
    r->stream->blind = true;
    report(r->out, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_TDS_TYPE, .relation = MUST_BE, .offset = r->base, .length = 1,
                                   .got = type, .note = note});
}

/* ---- messages */

static bool is_login_type(uint8_t type)
{
    return type == TDS_PRELOGIN || type == TDS_LOGIN7 || type == TDS_OLD_LOGIN || type == TDS_SSPI || type == TDS_FEDAUTH_TOKEN;
}

/* Is this message in its place? */
static void check_order(struct tds_reading *r, uint8_t type)
{
    struct tds_state *s = r->state;
    if (r->from == FROM_SERVER) {
        bool handshake = type == TDS_PRELOGIN && s->stage <= STAGE_PRELOGIN;
        if (type != TDS_RESPONSE && !handshake && !is_old(s) && !(s->joined && type == TDS_PRELOGIN))
            violation(r, ANOMALY_TDS_WRONG_DIRECTION, type, "04, a response");
        return;
    }
    if (type == TDS_RESPONSE && !is_old(s)) {
        violation(r, ANOMALY_TDS_WRONG_DIRECTION, type, "a type that clients send");
        return;
    }
    if (s->joined || is_old(s))
        return;
    if (s->stage < STAGE_LOGIN && !is_login_type(type))
        violation(r, ANOMALY_TDS_BEFORE_LOGIN, type, "12 (PRELOGIN) or 10 (LOGIN7)");
    else if (s->stage == STAGE_LOGIN && !is_login_type(type) && type != TDS_ATTENTION && !s->login_hidden)
        violation(r, ANOMALY_TDS_BEFORE_LOGIN, type, "the server's answer to the login first");
    else if (s->stage == STAGE_SESSION && (type == TDS_PRELOGIN || type == TDS_LOGIN7 || type == TDS_OLD_LOGIN))
        violation(r, ANOMALY_TDS_LOGIN_REPEATED, type, "no login on a connection that has one");
}

static void begin_message(struct tds_reading *r, uint8_t type)
{
    struct tds_stream *stream = r->stream;
    tds_stream_clear(stream);
    stream->type = type;
    check_order(r, type);
    if (stream->blind)
        return;
    bool answered = r->from == FROM_SERVER && type == TDS_RESPONSE;
    struct tds_turn *turn = r->turn;
    if (answered && !turn->asked && !turn->attention && !turn->untracked && !r->state->joined && !r->state->unrequested_told) {
        r->state->unrequested_told = true;
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_UNREQUESTED, .field = FIELD_TDS_TYPE, .relation = MUST_BE, .offset = r->base,
                                      .length = 1, .got = type, .note = "a request before it"});
    }
}

static bool is_handshake(const struct tds_reading *r)
{
    const struct tds_state *s = r->state;
    return r->stream->type == TDS_PRELOGIN &&
           (r->from == FROM_SERVER || s->handshake[FROM_CLIENT] || s->answered_encryption || tds_is_tls(cursor_ahead(&r->c)));
}

/* TLS in PRELOGIN packets: what it says is not looked at; it has to begin as a record does. */
static void handshake(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    r->out->message = TDS_TLS_HANDSHAKE;
    struct view head = cursor_ahead(&r->c);
    bool first = !s->handshake[r->from] && r->stream->bytes == 0 && !s->joined;
    r->carries = cursor_left(&r->c) > 0 && !s->joined;
    r->out->carried_at = r->base + cursor_offset(&r->c);
    s->handshake[r->from] = true;
    note_field(r->out, FIELD_TDS_TLS_RECORD, r->base + cursor_offset(&r->c), (uint32_t)(head.length < TLS_HEADER ? head.length : TLS_HEADER), 0);
    if (!first || tds_is_tls(head) || tds_agreed(s) == AGREED_NONE)
        return;
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TLS_HANDSHAKE, .field = FIELD_TDS_TLS_RECORD, .relation = MUST_BE,
                                  .offset = r->base + cursor_offset(&r->c), .length = (uint32_t)(head.length < 3 ? head.length : 3),
                                  .note = "a TLS record: 15 or 16, then version 03 00 to 03 04"});
}

static void mask_rest(struct tds_reading *r, enum field field)
{
    struct view rest = take_rest(&r->c);
    note_field(r->out, field, r->base + cursor_offset(&r->c) - (uint32_t)rest.length, (uint32_t)rest.length, 0);
}

static void from_client(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    r->out->message = stream->type;
    switch (stream->type) {
    case TDS_PRELOGIN:
        if (is_handshake(r))
            handshake(r);
        else
            tds_prelogin(r);
        return;
    case TDS_LOGIN7:
        tds_login7(r);
        return;
    case TDS_OLD_LOGIN:
        tds_old_login(r);
        return;
    case TDS_SSPI:
    case TDS_FEDAUTH_TOKEN:
        mask_rest(r, FIELD_TDS_AUTH_DATA);
        return;
    case TDS_ATTENTION:
        if (cursor_left(&r->c) && !stream->blind)
            tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_ATTENTION_DATA, .field = FIELD_TDS_LENGTH, .relation = MUST_EQUAL,
                                          .offset = r->base - TDS_HEADER + 2, .length = 2, .got = TDS_HEADER + cursor_left(&r->c),
                                          .expected = TDS_HEADER});
        return;
    default:
        if (is_old(r->state)) {
            if (stream->type != TDS_SQL_BATCH && stream->type != TDS_RPC && stream->type != TDS_BULK_LOAD && stream->type != TDS_SYBASE_TOKENS)
                r->out->message = TDS_SYBASE_OTHER;
            else if (stream->type == TDS_SQL_BATCH)
                note_field(r->out, FIELD_TDS_SQL, r->base + cursor_offset(&r->c), (uint32_t)cursor_left(&r->c), 0);
            return;
        }
        if (!stream->blind)
            tds_request(r);
    }
}

static void from_server(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    r->out->message = TDS_RESPONSE;
    if (r->stream->type == TDS_PRELOGIN) {
        handshake(r);
        return;
    }
    if (s->stage == STAGE_PRELOGIN && !s->answered_encryption) {
        r->out->message = TDS_PRELOGIN_RESPONSE;
        tds_prelogin(r);
        return;
    }
    if (s->stage == STAGE_LOGIN)
        r->out->message = TDS_LOGIN_RESPONSE;
    if (r->stream->blind)
        return;
    if (is_old(s))
        tds_old_tokens(r);
    else
        tds_tokens(r);
}

/* A whole message of the client: what it asks for. */
static void client_message_ends(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct tds_turn *turn = r->turn;
    if (stream->type == TDS_LOGIN7)
        tds_login7_end(r);
    else if (!stream->blind)
        tds_request_end(r);
    if (stream->status & STATUS_IGNORE) {
        turn->untracked = true; /* whether the server answers it depends on what it has done already */
        return;
    }
    if (stream->type == TDS_ATTENTION) {
        turn->untracked |= turn->asked > 1; /* which of several requests it ends is not told */
        turn->attention = 1;
        return;
    }
    if (stream->type == TDS_PRELOGIN && r->state->handshake[FROM_CLIENT])
        return;
    turn->untracked |= turn->attention; /* nor whether this one is over with it */
    if (turn->asked < UINT8_MAX)
        turn->asked++;
    if (!is_login_type(stream->type))
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = stream->type});
}

static void server_message_ends(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct tds_turn *turn = r->turn;
    bool session = r->state->stage == STAGE_SESSION && !stream->acknowledged && (turn->asked || turn->untracked);
    bool prelogin = r->out->message == TDS_PRELOGIN_RESPONSE;
    if (stream->type == TDS_PRELOGIN)
        return;
    if (!stream->blind && !prelogin)
        tds_tokens_end(r);
    if (prelogin && !r->state->answered_encryption)
        r->state->answered_encryption = 1 + ENCRYPT_NOT_SUP;
    if (turn->asked)
        turn->asked--;
    if (session)
        observe(r->out, (struct fact){.kind = FACT_REPLY, .number = stream->rows});
    r->state->reported &= prelogin;
}

static void message_ends(struct tds_reading *r)
{
    if (r->from == FROM_CLIENT)
        client_message_ends(r);
    else
        server_message_ends(r);
    r->stream->type = 0;
    r->stream->carried = 0;
    r->stream->skip = 0;
}

/* The packet's header, and whether its message begins here. */
static enum verdict open_packet(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct header h = take_header(r);
    r->out->message = h.type;
    enum verdict verdict = check_frame(r, &h);
    if (verdict != VERDICT_OK)
        return verdict;
    if (h.spid && r->from == FROM_SERVER)
        r->state->spid = (uint16_t)h.spid;
    check_size(r, &h);
    check_status(r, &h);
    bool open = stream->type && stream->type != TDS_IN_THE_MIDDLE;
    if (open && stream->type != h.type && h.type != TDS_ATTENTION && !r->state->joined) {
        violation(r, ANOMALY_TDS_TYPE_CHANGED, h.type, "the type of the message's first packet, until its last one came");
        stream->type = 0;
    }
    if (stream->type == TDS_IN_THE_MIDDLE && h.number != 1)
        stream->type = h.type; /* most likely not the first of its message: its content is not looked into */
    else if (!stream->type || stream->type != h.type)
        begin_message(r, h.type);
    stream->status = h.status;
    stream->packet_left = h.length - TDS_HEADER;
    return VERDICT_OK;
}

/* One packet or piece of one; r->c stands at its beginning. */
enum verdict tds_packet(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    if (!stream->packet_left) {
        enum verdict verdict = open_packet(r);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    size_t here = cursor_left(&r->c);
    uint32_t taken = here < stream->packet_left ? (uint32_t)here : stream->packet_left;
    r->base += cursor_offset(&r->c);
    r->c = cursor_over(view_head(cursor_ahead(&r->c), taken));
    stream->packet_left -= taken;
    r->last = (stream->status & STATUS_EOM) && stream->packet_left == 0;
    if (r->from == FROM_CLIENT)
        from_client(r);
    else
        from_server(r);
    stream->bytes = stream->bytes > UINT32_MAX - taken ? UINT32_MAX : stream->bytes + taken;
    if (r->last)
        message_ends(r);
    return r->carries ? VERDICT_TLS_CARRIED : VERDICT_OK;
}
