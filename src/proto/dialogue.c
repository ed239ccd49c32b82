/* Connections as a whole: who claims them, what transport they speak, when they end. See proto/conversation.h. */
#include "proto/tls_session.h"

enum { ODD_BYTES = 128 }; /* of each variant */

struct conversation not_a_database;

static const struct decoder *const decoders[] = {
    NULL,
#define DECODER(name, SYMBOL, title) &name##_decoder,
#include "model/decoders.def"
#undef DECODER
};

const struct decoder *decoder_of(enum protocol protocol)
{
    return protocol < PROTOCOLS ? decoders[protocol] : NULL;
}

const struct decoder *dialogue_decoder(const struct flow *flow)
{
    const struct conversation *c = conversation_of(flow);
    return c ? c->decoder : NULL;
}

const struct session *dialogue_session(const struct flow *flow)
{
    const struct conversation *c = conversation_of(flow);
    return c ? &c->session : NULL;
}

bool dialogue_is_read(const struct flow *flow)
{
    const struct conversation *c = conversation_of(flow);
    return c && (c->transport == TRANSPORT_CLEAR || c->transport == TRANSPORT_WRAPPED) && c->sides[FROM_CLIENT].reading != STOPPED &&
           c->sides[FROM_SERVER].reading != STOPPED;
}

bool dialogue_unfinished(const struct flow *flow, enum side from, struct unfinished *out)
{
    const struct conversation *c = conversation_of(flow);
    if (!c || !direction_is_open(&c->sides[from]))
        return false;
    const struct direction *side = &c->sides[from];
    *out = (struct unfinished){.arrived = side->arrived, .declared = side->declared, .first = side->first};
    if (side->held)
        out->head = view_of(side->held->bytes, side->held->length);
    return true;
}

size_t dialogue_secrets(const struct flow *flow, struct secret_range *out, size_t most)
{
    const struct conversation *c = conversation_of(flow);
    size_t used = c ? c->secrets_used : 0;
    if (used > most)
        used = most;
    if (used)
        memcpy(out, c->secrets, used * sizeof *out);
    return used;
}

uint64_t dialogue_flows(const struct dialogue *d, enum protocol protocol)
{
    return d->flows[protocol];
}

uint64_t dialogue_spoken(const struct dialogue *d, uint16_t spoken)
{
    return d->spoken[spoken];
}

uint64_t dialogue_messages(const struct dialogue *d, enum protocol protocol)
{
    return d->messages[protocol];
}

/* message_buffers come with several small ones each, note_blocks with a table for every few. */
enum { SMALL_PER_LARGE = 8, NOTES_PER_TABLE = 4 };

struct dialogue_costs dialogue_costs(void)
{
    return (struct dialogue_costs){
        .conversation = sizeof(struct conversation) + DECODER_STATE_MAX + 16 + unwrap_inflater_size() + 16,
        .message_buffer = (sizeof(struct held) + SMALL_BUFFER + 16) * SMALL_PER_LARGE + sizeof(struct held) + MESSAGE_BYTES_MAX + 16,
        .note_block = sizeof(struct note) + 16 + sizeof(struct note_table) / NOTES_PER_TABLE + 16,
        .inflater = unwrap_codec_size() + 16,
        .tls_session = tls_session_size() + 16,
        .tls_record = sizeof(struct tls_record) + 16,
    };
}

void dialogue_ask_wants(struct dialogue *d)
{
    for (unsigned p = PROTOCOL_NONE; p < PROTOCOLS && d->sink.wants; p++)
        for (unsigned side = 0; side < 2; side++)
            d->wants[p][side] = d->sink.wants(d->sink.context, (enum protocol)p, (enum side)side);
}

struct dialogue *dialogue_open(struct arena *from, const struct dialogue_options *options, const struct message_sink *sink,
                               struct counters *counters)
{
    struct dialogue *d = arena_take(from, sizeof *d);
    if (!d)
        return NULL;
    d->sink = *sink;
    d->counters = counters;
    d->incomplete_ns = options->incomplete_ns;
    dialogue_ask_wants(d);
    d->worker = options->worker;
    d->directory = options->directory ? options->directory : directory_open(from, options->servers, NULL);
    d->opened = arena_take(from, OPENED_BYTES);
    bool fits = d->directory && d->opened &&
                pool_open(&d->conversations, from, sizeof(struct conversation) + DECODER_STATE_MAX, options->conversations) &&
                pool_open(&d->small, from, sizeof(struct held) + SMALL_BUFFER, options->message_buffers * SMALL_PER_LARGE) &&
                pool_open(&d->large, from, sizeof(struct held) + MESSAGE_BYTES_MAX, options->message_buffers) &&
                pool_open(&d->note_blocks, from, sizeof(struct note), options->note_blocks) &&
                pool_open(&d->note_tables, from, sizeof(struct note_table), options->note_blocks / NOTES_PER_TABLE) &&
                unwrap_pool(d, from, options->conversations, options->inflaters) && datagrams_open(d, from);
    if (fits && options->keylog) {
        d->keylog = options->keylog;
        d->plain = arena_take(from, TLS_CIPHERTEXT_MAX);
        fits = d->plain && tls_keys_ready() && pool_open(&d->tls_sessions, from, sizeof(struct tls_session), options->tls_sessions) &&
               pool_open(&d->tls_records, from, sizeof(struct tls_record), options->tls_records);
    }
    d->unpacker = fits ? unpacker_open(from) : NULL;
    if (fits && options->classify)
        fits = (d->classifier = classifier_open(from)) != NULL;
    return fits ? d : NULL;
}

void dialogue_close(struct dialogue *d)
{
    if (d)
        classifier_close(d->classifier);
}

static void conversation_search(struct conversation *c, enum side from)
{
    c->sides[from].reading = SEARCHING;
    c->sides[from].unsure = UNSURE_MESSAGES;
}

/* Not one packet of a side was captured, not even of the handshake: what it says is not known, and what only makes sense with
 * it is not looked for. */
static void conversation_alone(struct conversation *c, enum side unseen)
{
    c->session.midstream = true;
    conversation_search(c, unseen);
    if (unseen == FROM_CLIENT && !c->decoder->server_first)
        conversation_search(c, FROM_SERVER);
    c->decoder->gap(c->state, unseen, 0);
}

struct conversation *conversation_open(struct dialogue *d, struct flow *flow, const struct decoder *decoder, const struct segment *where)
{
    struct conversation *c = pool_take(&d->conversations);
    if (!c)
        return NULL;
    c->decoder = decoder;
    c->flow = flow;
    c->dialogue = d;
    c->notes = (struct notes){.blocks = &d->note_blocks, .tables = &d->note_tables};
    c->sides[FROM_CLIENT].of = c->sides[FROM_SERVER].of = c;
    c->confidence = 100;
    c->session.phase = PHASE_PRE_AUTH;
    if (flow->midstream) {
        c->session.phase = PHASE_UNKNOWN;
        c->session.midstream = true;
        conversation_search(c, FROM_CLIENT);
        conversation_search(c, FROM_SERVER);
        decoder->gap(c->state, FROM_CLIENT, 0);
        decoder->gap(c->state, FROM_SERVER, 0);
    } else if (flow->packets[FROM_CLIENT] == 0 || flow->packets[FROM_SERVER] == 0) {
        conversation_alone(c, flow->packets[FROM_CLIENT] == 0 ? FROM_CLIENT : FROM_SERVER);
    }
    flow->user = c;
    count(d->counters, COUNT_FLOWS_DATABASE);
    d->flows[decoder->protocol]++;
    if (d->sink.opened)
        d->sink.opened(d->sink.context, flow, where);
    return c;
}

/* The first bytes of each direction after both sides agreed on TLS must be a record of it (RFC 8446 5.1), however they
 * are cut into segments. */
static void tls_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    enum { VERSION_MAJOR = 3 };
    struct direction *side = &c->sides[from];
    count_many(c->dialogue->counters, COUNT_BYTES_ENCRYPTED, bytes.length);
    if (!c->tls) /* else what is opened counts as decoded */
        c->sight.encrypted += bytes.length;
    size_t at = 0;
    for (; side->tls_seen < TLS_BYTES_JUDGED && at < bytes.length; side->tls_seen++, at++) {
        uint8_t byte = bytes.bytes[at];
        if (side->tls_seen == 0 ? byte < CONTENT_CHANGE_CIPHER_SPEC || byte > CONTENT_APPLICATION_DATA : byte != VERSION_MAJOR)
            break;
    }
    if (side->tls_seen == TLS_BYTES_JUDGED || at == bytes.length) {
        tls_read(c, from, bytes, where);
        return;
    }
    side->tls_seen = TLS_BYTES_JUDGED;
    tls_stop(c, from);
    if (c->flow->midstream)
        return;
    if (from == FROM_SERVER && c->kept) {
        identify_refused(c);
        return;
    }
    struct findings *f = findings_begin(c, bytes.length - at);
    report(f, (struct report){
                  .anomaly = ANOMALY_DB_CLEAR_AFTER_TLS,
                  .relation = MUST_BE,
                  .length = 1,
                  .note = "the beginning of a TLS record: 0x14 to 0x17, then version 3",
              });
    conversation_tell(c, from, view_head(view_from(bytes, at), MESSAGE_BYTES_MAX), where, at, where, NULL);
}

void dialogue_route(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    (c->sealed ? tls_bytes : dialogue_inside)(c, from, bytes, where);
}

void dialogue_inside(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    /* A login is lockstep: a server that answers has read the message, and what it declares beyond never comes. */
    if (from == FROM_SERVER && !c->decoder->pipelined && c->session.phase == PHASE_PRE_AUTH && direction_is_open(&c->sides[FROM_CLIENT]))
        conversation_incomplete(c, FROM_CLIENT, where);
    switch (c->transport) {
    case TRANSPORT_CLEAR:
        conversation_bytes(c, from, bytes, where);
        return;
    case TRANSPORT_WRAPPED:
        unwrap_bytes(c, from, bytes, where);
        return;
    default:
        if (c->torn) {
            sight_passed(c, from, bytes.length, where);
            return;
        }
        count_many(c->dialogue->counters, COUNT_BYTES_UNSUPPORTED, bytes.length);
        c->sight.unsupported += bytes.length;
        return;
    }
}

/* What no decoder claims is told as it comes, a segment at a time, to rules that ask about any connection. */
void other_bytes(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    count_many(d->counters, COUNT_BYTES_OTHER, bytes.length);
    if (!d->wants[PROTOCOL_NONE][from])
        return;
    struct session session = {.phase = PHASE_UNKNOWN};
    struct findings *f = findings_clear(d, bytes.length);
    f->session = &session;
    f->notes = NULL;
    const struct message message = {.flow = flow, .from = from, .findings = f, .head = view_head(bytes, MESSAGE_BYTES_MAX),
                                    .stream_offset = where->stream_offset, .first = where, .last = where, .confidence = 100};
    d->sink.message(d->sink.context, &message);
}

static void take_bytes(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct dialogue *d = context;
    struct conversation *c = flow->user;
    if (!c)
        (void)identify(d, flow, from, bytes, where);
    else if (is_undecided(flow))
        (void)identify_more(d, flow, from, bytes, where);
    if (is_undecided(flow) && !conversation_of(flow))
        return;
    if (is_guest(flow))
        unclaimed_bytes(d, flow, from, bytes, where);
    c = conversation_of(flow);
    if (!c) {
        other_bytes(d, flow, from, bytes, where);
        return;
    }
    if (c->opening && from != c->opening_from)
        identify_settle(c);
    if (!(c->judged >> from & 1) && identify_opening(c, from, bytes, where))
        return;
    if (from == FROM_SERVER && c->kept && identify_answer(c, bytes)) {
        count_many(d->counters, COUNT_BYTES_OTHER, bytes.length);
        return;
    }
    /* The other side goes on after what may have been an answer of one byte. No record of TLS is so short. */
    if (c->sealed) {
        flow->excused[other_side(from)] = false;
    } else if (flow->excused[other_side(from)] && c->transport == TRANSPORT_CLEAR) {
        flow->excused[other_side(from)] = false;
        conversation_gap(c, other_side(from), 0);
    } else if (flow->excused[other_side(from)] && c->transport == TRANSPORT_WRAPPED) {
        c->transport = TRANSPORT_OPAQUE; /* frames that miss a byte fit together no more */
        c->torn = true;
    }
    if (flow->one_sided && !c->blind_told)
        sight_one_sided(c, from, where);
    dialogue_route(c, from, bytes, where);
}

static void take_gap(void *context, struct flow *flow, enum side from, uint64_t lost, const struct segment *where)
{
    struct dialogue *d = context;
    if (is_undecided(flow))
        identify_give_up(d, flow);
    struct conversation *c = conversation_of(flow);
    if (!flow->user)
        flow->midstream = true; /* what opens a connection was lost: as if its start was not seen */
    if (!c)
        return;
    identify_settle(c);
    c->kept = SPOKEN_UNKNOWN; /* the answer may be what was lost */
    if (c->dialogue->sink.gap)
        c->dialogue->sink.gap(c->dialogue->sink.context, flow, from, where);
    if (c->sealed)
        c->sides[from].tls_seen = TLS_BYTES_JUDGED;
    else if (c->transport == TRANSPORT_CLEAR)
        conversation_gap(c, from, lost);
    else if (c->transport == TRANSPORT_WRAPPED)
        unwrap_gap(c, from, lost);
    if (c->tls && c->sides[from].tls_seen)
        tls_session_gap(c, from, lost);
    else if (c->sides[from].tls_seen)
        tls_stop(c, from);
    sight_lost(c, from, lost, where);
}

static void side_ended(struct conversation *c, enum side from, bool reset, const struct segment *where)
{
    if (c->transport != TRANSPORT_CLEAR && c->transport != TRANSPORT_WRAPPED)
        return;
    conversation_incomplete(c, from, where);
    if (!c->decoder->end)
        return;
    struct findings *f = findings_begin(c, 0);
    c->decoder->end(c->state, from, reset, f);
    /* A decoder may know of an unfinished message of which nothing came; what is told above it need not repeat. */
    if (f->reports_used == 1 && f->reports[0].anomaly == c->decoder->incomplete && direction_is_open(&c->sides[from]))
        f->reports_used = 0;
    if (f->reports_used || f->facts_used)
        conversation_tell(c, from, view_of(NULL, 0), where, 0, where, NULL);
}

static void take_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    struct dialogue *d = context;
    struct conversation *c = conversation_of(flow);
    if (!c)
        return;
    identify_settle(c);
    if (d->sink.finished)
        d->sink.finished(d->sink.context, flow, from, where);
    side_ended(c, from, false, where);
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    struct dialogue *d = context;
    if (is_undecided(flow))
        identify_give_up(d, flow);
    if (is_guest(flow))
        unclaimed_end(d, flow, by, where);
    struct conversation *c = conversation_of(flow);
    if (!c && flow->sample)
        d->sink.closed(d->sink.context, flow, end, by, where);
    if (!c)
        return;
    identify_settle(c);
    if (end == END_RESET && flow->excused[by] && (c->transport == TRANSPORT_CLEAR || c->sealed))
        conversation_gap(c, by, 0);
    else if (end == END_RESET && flow->excused[by])
        c->transport = TRANSPORT_OPAQUE;
    if (end == END_RESET)
        side_ended(c, by, true, where);
    if (c->kept && identify_unanswered(c, end))
        identify_refused(c);
    if (end == END_EVICTED && !c->tentative)
        sight_shed(d, flow, c->decoder, by, where);
    c->sight.lost += flow->unseen;
    d->sink.closed(d->sink.context, flow, end, by, where);
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++) {
        waiting_leave(d, &c->sides[from]);
        if (c->sides[from].held)
            pool_give(c->sides[from].held->home, c->sides[from].held);
        tls_stop(c, (enum side)from);
    }
    if (c->tls && c->tls->version && !c->session.opens)
        count(d->counters, COUNT_TLS_WITHOUT_SECRET);
    tls_session_close(c);
    unwrap_close(c);
    notes_clear(&c->notes);
    pool_give(&d->conversations, c);
    flow->user = NULL;
}

static struct report odd_report(const struct oddity *oddity, size_t length)
{
    struct report r = {.anomaly = (uint16_t)oddity->what, .field = FIELD_TCP_BYTES, .relation = MUST_BE, .length = (uint32_t)length};
    switch (oddity->what) {
    case ANOMALY_IP_FRAGMENT_OVERLAP:
    case ANOMALY_TCP_OVERLAP_DIFFERS:
        r.note = "what was sent first for this place (tcp.bytes_before)";
        break;
    case ANOMALY_TCP_TTL_JUMP:
        r.field = FIELD_TCP_TTL;
        r.relation = MUST_EQUAL;
        r.got = oddity->got;
        r.expected = oddity->usual;
        r.note = "as the side's data before";
        break;
    case ANOMALY_TCP_URGENT:
        r.note = "no URG flag";
        break;
    default:
        r.note = "nothing after a reset";
    }
    return r;
}

/* Both variants, one behind the other. Bytes of a client before its login may hold a password. */
static struct view odd_message(struct findings *f, const struct oddity *oddity, bool masked, uint8_t both[2 * ODD_BYTES])
{
    struct view theirs = view_head(oddity->theirs, ODD_BYTES), mine = view_head(oddity->mine, ODD_BYTES);
    if (theirs.length)
        memcpy(both, theirs.bytes, theirs.length);
    if (mine.length)
        memcpy(both + theirs.length, mine.bytes, mine.length);
    struct view head = view_of(both, theirs.length + mine.length);
    if (masked && head.length)
        note_field(f, FIELD_DB_UNDECODED, 0, (uint32_t)head.length, 0);
    note_field(f, FIELD_TCP_BYTES, 0, (uint32_t)theirs.length, 0);
    if (mine.length)
        note_field(f, FIELD_TCP_BYTES_BEFORE, (uint32_t)theirs.length, (uint32_t)mine.length, 0);
    if (oddity->what == ANOMALY_TCP_TTL_JUMP)
        note_field(f, FIELD_TCP_TTL, 0, 0, oddity->got);
    if (oddity->what == ANOMALY_TCP_URGENT)
        note_field(f, FIELD_TCP_URGENT, 0, 0, oddity->got);
    report(f, odd_report(oddity, theirs.length));
    return head;
}

/* An odd segment becomes a message of its bytes. A connection that is over has no conversation any more, but a known server
 * has a decoder. */
static void take_odd(void *context, struct flow *flow, enum side from, const struct oddity *oddity, const struct segment *where)
{
    struct dialogue *d = context;
    struct conversation *c = conversation_of(flow);
    const struct decoder *decoder = c           ? c->decoder
                                    : flow->user ? NULL
                                                 : decoder_of(directory_ask(d->directory, d->worker, &flow->server, d->when));
    if (!decoder || (c && c->tentative))
        return;
    struct session over = {.phase = PHASE_CLOSED};
    struct findings *f = findings_clear(d, oddity->theirs.length);
    f->session = c ? &c->session : &over;
    f->notes = c ? &c->notes : NULL;
    uint8_t both[2 * ODD_BYTES];
    bool masked = from == FROM_CLIENT && (!c || c->session.phase != PHASE_AUTHENTICATED);
    struct view head = odd_message(f, oddity, masked, both);
    const struct message message = {.flow = flow, .decoder = decoder, .from = from, .findings = f, .head = head,
                                    .stream_offset = where->stream_offset, .first = where, .last = where, .confidence = 100};
    d->sink.message(d->sink.context, &message);
    if (!c)
        d->sink.closed(d->sink.context, flow, END_RESET, from, where);
}

static bool knows_server(void *context, const struct endpoint *endpoint)
{
    struct dialogue *d = context;
    return directory_ask(d->directory, d->worker, endpoint, d->when) != PROTOCOL_NONE;
}

struct stream_sink dialogue_sink(struct dialogue *d)
{
    return (struct stream_sink){.context = d, .bytes = take_bytes, .gap = take_gap, .finished = take_finished, .closed = take_closed,
                                .is_server = knows_server, .odd = take_odd};
}

void dialogue_at(struct dialogue *d, uint64_t when, int64_t now_ns)
{
    d->when = when;
    if (now_ns < d->now_ns)
        d->behind_ns += (uint64_t)d->now_ns - (uint64_t)now_ns;
    d->now_ns = now_ns;
}

/* In order of the connections' beginning, so that what comes out does not depend on how they share workers. */
static void incomplete_all(struct direction **due, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct direction *d = due[i];
        size_t at = i;
        for (; at > 0 && due[at - 1]->of->flow->id > d->of->flow->id; at--)
            due[at] = due[at - 1];
        due[at] = d;
    }
    for (size_t i = 0; i < count; i++) {
        struct conversation *c = due[i]->of;
        identify_settle(c);
        struct segment now = due[i]->first;
        conversation_incomplete(c, due[i] == &c->sides[FROM_CLIENT] ? FROM_CLIENT : FROM_SERVER, &now);
    }
}

void dialogue_tick(struct dialogue *d, int64_t now_ns)
{
    enum { DUE_MOST = 64 };
    struct direction *due[DUE_MOST];
    size_t count = 0;
    dialogue_at(d, d->when, now_ns);
    for (struct direction *side; (side = d->waiting_first) && count < DUE_MOST &&
                                 (int64_t)((uint64_t)now_ns + d->behind_ns - side->since_ns) >= d->incomplete_ns;) {
        waiting_leave(d, side);
        if (direction_is_open(side) || side->of->opening)
            due[count++] = side;
    }
    if (count)
        incomplete_all(due, count);
}
