/*
 * Streams become messages: see proto/conversation.h. This file cuts one direction's bytes into messages, in place when
 * they lie in one segment, and tells what the decoder found. Connections as a whole are in dialogue.c.
 */
#include "proto/dialogue.h"

struct findings *findings_begin(struct conversation *c, uint64_t length)
{
    struct findings *f = findings_clear(c->dialogue, length);
    f->session = &c->session;
    f->notes = &c->notes;
    return f;
}

struct findings *findings_clear(struct dialogue *d, uint64_t length)
{
    struct findings *f = &d->findings;
    f->message_length = length;
    f->message = 0;
    f->reports_used = f->fields_used = f->facts_used = f->depth = f->shape_field = 0;
    f->facts_seen = 0;
    f->secret = f->fields_cut = false;
    f->opened = view_of(NULL, 0);
    f->unpacker = d->unpacker;
    return f;
}

const struct segment *message_segment(const struct message *message, uint32_t offset)
{
    const struct segment *found = message->first;
    for (unsigned i = 0; i < message->marks_used && message->marks[i].offset <= offset; i++)
        found = &message->marks[i].where;
    return found;
}

static uint8_t confidence_now(const struct conversation *c)
{
    uint8_t confidence = c->confidence;
    if (c->session.midstream && confidence > 70)
        confidence = 70;
    if (c->flow->one_sided && confidence > 60)
        confidence = 60;
    return confidence;
}

void secret_keep(struct conversation *c, enum side from, uint64_t stream_offset, uint64_t length)
{
    if (c->session.inside) /* on the wire it is encrypted */
        return;
    uint8_t newest = (uint8_t)((c->secrets_next + SECRETS_MAX - 1) % SECRETS_MAX);
    struct secret_range *last = &c->secrets[newest];
    if (c->secrets_used && last->from == from && last->stream_offset + last->length == stream_offset &&
        length <= UINT32_MAX - last->length) {
        last->length += (uint32_t)length;
        return;
    }
    c->secrets[c->secrets_next] = (struct secret_range){from, stream_offset, (uint32_t)length};
    c->secrets_next = (uint8_t)((c->secrets_next + 1) % SECRETS_MAX);
    if (c->secrets_used < SECRETS_MAX)
        c->secrets_used++;
}

/* Inside a wrapper a secret has no place of its own in the stream: the whole frame that carries it is covered. */
static void secrets_note(struct conversation *c, enum side from, uint64_t stream_offset, const struct segment *last)
{
    const struct findings *f = &c->dialogue->findings;
    if (c->transport == TRANSPORT_WRAPPED) {
        secret_keep(c, from, stream_offset, last->stream_offset - stream_offset + 65536);
        return;
    }
    for (unsigned i = 0; i < f->fields_used; i++)
        if (field_flags_of[f->fields[i].field] & FIELD_SECRET)
            secret_keep(c, from, stream_offset + f->fields[i].offset, f->fields[i].length);
}

/* A login that is wrong may hold a password where it is not looked for: what follows the wrong bytes and was not decoded is
 * masked, and so is everything of a client whose messages can no longer be told apart before the login. */
void hide_undecoded(enum side from, uint8_t phase, struct findings *f, uint64_t known)
{
    if (from != FROM_CLIENT || phase != PHASE_PRE_AUTH || !f->reports_used)
        return;
    for (unsigned i = 0; i < f->fields_used; i++) {
        uint64_t end = (uint64_t)f->fields[i].offset + f->fields[i].length;
        known = end > known ? end : known;
    }
    for (unsigned i = 0; i < f->reports_used; i++) {
        uint64_t end = (uint64_t)f->reports[i].offset + f->reports[i].length;
        known = end > known ? end : known;
    }
    if (known >= f->message_length || known > UINT32_MAX)
        return;
    uint64_t hidden = f->message_length - known;
    if (f->fields_used == FINDING_FIELDS_MAX)
        f->fields_used--;
    note_field(f, FIELD_DB_UNDECODED, (uint32_t)known, hidden > UINT32_MAX ? UINT32_MAX : (uint32_t)hidden, 0);
}

/* Whether anybody wants to know of this message. Asked for every message, so that most cost nothing more. */
static inline bool is_heard(const struct conversation *c, enum side from, const struct findings *f)
{
    const struct dialogue *d = c->dialogue;
    return f->reports_used || f->secret || (f->facts_seen & d->sink.facts) || c->flow->sample || d->wants[c->decoder->protocol][from];
}

/* Asked for every message, so that most cost nothing more. */
static inline bool has_pulse(const struct dialogue *d)
{
    return d->findings.reports_used || (d->findings.facts_seen & d->sink.pulse_facts);
}

/* Replies in a pipeline are many and alike. Clients reply, too (a replica to its master): that is told whole. */
static inline bool is_mere_reply(enum side from, const struct findings *f, const struct segment *first, const struct segment *last)
{
    return from == FROM_SERVER && f->facts_seen == 1u << FACT_REPLY && f->facts_used == 1 && !f->reports_used && first == last;
}

static void tell_replies(struct dialogue *d)
{
    const struct utterance said = d->replies;
    d->replies.replies = 0;
    if (d->sink.pulse)
        d->sink.pulse(d->sink.context, &said);
}

static inline void add_reply(const struct conversation *c, const struct segment *where)
{
    struct utterance *replies = &c->dialogue->replies;
    if (replies->replies++)
        return;
    replies->flow = c->flow;
    replies->decoder = c->decoder;
    replies->first = replies->last = where;
    replies->from = FROM_SERVER;
}

__attribute__((noinline)) static void tell_pulse(const struct conversation *c, enum side from, struct view head, const struct segment *first,
                                                 const struct segment *last)
{
    struct dialogue *d = c->dialogue;
    if (d->replies.replies)
        tell_replies(d);
    const struct utterance said = {c->flow, c->decoder, &d->findings, first, last, head, from, 0};
    if (c->tentative)
        d->findings.reports_used = 0;
    if (d->sink.pulse)
        d->sink.pulse(d->sink.context, &said);
}

/* Not inline: most messages are told nobody, and the frame of this is large. */
__attribute__((noinline)) static void tell_sink(struct conversation *c, enum side from, struct view head, const struct segment *first, size_t offset,
                       const struct segment *last, const struct held *held)
{
    struct dialogue *d = c->dialogue;
    struct findings *f = &d->findings;
    if (d->replies.replies)
        tell_replies(d);
    if (f->secret)
        secrets_note(c, from, first->stream_offset + offset, last);
    struct message message = {
        .flow = c->flow,
        .decoder = c->decoder,
        .from = from,
        .findings = f,
        .head = head,
        .stream_offset = first->stream_offset + offset,
        .first = first,
        .last = last,
        .marks = held ? held->marks : NULL,
        .marks_used = held ? held->marks_used : 0,
        .confidence = confidence_now(c),
        .decrypted = c->session.inside,
    };
    d->sink.message(d->sink.context, &message);
}

void conversation_tell(struct conversation *c, enum side from, struct view head, const struct segment *first, size_t offset,
                       const struct segment *last, const struct held *held)
{
    if (has_pulse(c->dialogue))
        tell_pulse(c, from, head, first, last);
    tell_sink(c, from, head, first, offset, last, held);
}

static struct segment segment_at(const struct segment *where, size_t offset)
{
    struct segment here = *where;
    here.stream_offset += offset;
    return here;
}

/* ---- messages */

/* The current message of a direction can no longer be told from what follows it. */
static void lose_track(struct conversation *c, enum side from)
{
    struct direction *side = &c->sides[from];
    held_give(side);
    side->skip = side->declared = side->arrived = 0;
    side->unsure = UNSURE_MESSAGES;
    side->passed = 0;
    side->blind_ns = 0;
    side->reading = c->decoder->resync ? SEARCHING : STOPPED;
}

void conversation_gap(struct conversation *c, enum side from, uint64_t lost)
{
    struct direction *side = &c->sides[from];
    if (side->reading == STOPPED)
        return;
    c->confidence = c->confidence > 40 ? (uint8_t)(c->confidence - 20) : 20;
    /* A hole inside bytes that nobody wanted to see loses nothing. */
    if (lost && !side->held && side->skip >= lost) {
        side->skip -= lost;
        return;
    }
    if (side->held || side->skip)
        count(c->dialogue->counters, COUNT_MESSAGES_LOST);
    lose_track(c, from);
    /* Before a login what a server says is understood only as the answer to what the client said. */
    if (from == FROM_CLIENT && !c->decoder->server_first && c->session.phase == PHASE_PRE_AUTH)
        lose_track(c, FROM_SERVER);
    c->session.midstream = true;
    c->decoder->gap(c->state, from, lost);
}

void conversation_restart(struct conversation *c, enum side from)
{
    struct direction *side = &c->sides[from];
    if (side->reading == STOPPED)
        return;
    held_give(side);
    side->skip = side->declared = side->arrived = 0;
    side->reading = READING;
}

static void verdict_apply(struct conversation *c, enum side from, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OK:
        return;
    case VERDICT_TLS:
        if (c->sealed || c->session.inside) { /* TLS inside TLS */
            c->transport = TRANSPORT_OPAQUE;
            return;
        }
        c->transport = TRANSPORT_TLS;
        c->sealed = c->session.tls = true;
        c->sides[from].skip = c->sides[from].declared = 0;
        return;
    case VERDICT_TLS_OFFERED:
    case VERDICT_TLS_CARRIED:
        return;
    case VERDICT_COMPRESSED:
        c->transport = c->decoder->wrapper ? TRANSPORT_WRAPPED : TRANSPORT_OPAQUE;
        /* Found in the middle: where the frames of either side begin must be found, too. */
        if (c->session.midstream && c->transport == TRANSPORT_WRAPPED && c->decoder->wrapper->resync)
            for (int side = FROM_CLIENT; side <= FROM_SERVER; side++)
                lose_track(c, (enum side)side);
        return;
    case VERDICT_OPAQUE:
        c->transport = TRANSPORT_OPAQUE;
        return;
    case VERDICT_BROKEN:
        lose_track(c, from);
        c->session.midstream = true;
        c->decoder->gap(c->state, from, 0);
        return;
    }
}

/* What the verdict means for the bytes of the message that are here. One that is TLS itself, or carries some, is read as such. */
static void verdict_take(struct conversation *c, enum side from, enum verdict verdict, struct view message, const struct segment *where)
{
    uint32_t carried = verdict == VERDICT_TLS_CARRIED ? c->dialogue->findings.carried_at : 0;
    bool nested = c->sealed || c->session.inside;
    verdict_apply(c, from, verdict);
    bool tls = verdict == VERDICT_TLS || verdict == VERDICT_TLS_OFFERED ? tls_is_record(message) : verdict == VERDICT_TLS_CARRIED;
    if (!tls || nested)
        return;
    struct segment here = segment_at(where, carried);
    c->sides[from].tls_seen = TLS_BYTES_JUDGED;
    if (from == FROM_CLIENT && verdict == VERDICT_TLS && where->stream_offset == 0 && !c->flow->midstream)
        identify_keep(c, SPOKEN_TLS, message, where);
    c->sides[from].skip_is_tls = true;
    tls_read(c, from, view_from(message, carried), &here);
}

/* The rest of a record that the server has not answered yet. */
static void offered_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where, size_t offset)
{
    struct segment here = segment_at(where, offset);
    tls_read(c, from, bytes, &here);
}

/* The first messages behind a boundary that was found, not known: what is wrong with them is more likely the boundary. */
static enum verdict believe(struct conversation *c, enum side from, enum verdict verdict, struct findings *f)
{
    bool wrong = verdict == VERDICT_BROKEN;
    for (unsigned i = 0; i < f->reports_used; i++) {
        uint8_t class = (uint8_t)anomaly_row((enum anomaly)f->reports[i].anomaly)->class;
        wrong |= class == CLASS_MALFORMED || class == CLASS_VIOLATION;
    }
    if (!wrong || c->sides[from].unsure <= UNSURE_OF_CONTENT) {
        c->sides[from].unsure--;
        return verdict;
    }
    f->reports_used = 0;
    return verdict == VERDICT_OK ? VERDICT_BROKEN : verdict;
}

/* A compressed message opened to another one: a message of its own, at the place of the one that carried it. */
static enum verdict decode_opened(struct conversation *c, enum side from, uint64_t carrier, const struct segment *first, size_t offset,
                                  const struct segment *last)
{
    struct view head = c->dialogue->findings.opened;
    struct findings *f = findings_begin(c, c->dialogue->findings.opened_length);
    enum verdict verdict = c->decoder->message(c->state, from, cursor_over(head), f);
    if (c->sides[from].unsure)
        verdict = believe(c, from, verdict, f);
    if (has_pulse(c->dialogue))
        tell_pulse(c, from, head, first, last);
    if (!is_heard(c, from, f))
        return verdict;
    /* Its secrets have no place of their own in the stream. */
    if (f->secret)
        secret_keep(c, from, first->stream_offset + offset, carrier);
    f->secret = false;
    tell_sink(c, from, head, first, offset, last, NULL);
    return verdict;
}

/* A server that offered TLS before and now does not: it was changed, or somebody in between takes the offer out. */
__attribute__((noinline)) static void judge_offer(struct conversation *c, struct findings *f)
{
    struct dialogue *d = c->dialogue;
    bool offered = false;
    for (unsigned i = 0; i < f->facts_used; i++)
        offered |= f->facts[i].kind == FACT_TLS_OFFER && f->facts[i].number;
    if (offered)
        directory_learn_tls(d->directory, &c->flow->server, d->when);
    else if (directory_ask_tls(d->directory, d->worker, &c->flow->server, d->when))
        report(f, (struct report){.anomaly = ANOMALY_DB_TLS_REFUSED, .field = FIELD_DB_TLS, .relation = MUST_BE, .note = "an offer of TLS, as this server made before"});
}

/* A connection's first message is wrong: if it is somebody else's, that is what is said, once. */
static enum verdict look_again(struct conversation *c, enum side from, struct view head, enum verdict verdict)
{
    bool sure;
    if (c->stranger && c->stranger_from == from) {
        c->dialogue->findings.reports_used = 0;
        return verdict;
    }
    if (from != FROM_CLIENT || c->tentative || c->stranger)
        return verdict;
    uint16_t spoken = stranger_on(c->decoder, from, head);
    if (!spoken && verdict == VERDICT_BROKEN && !c->confirmed)
        spoken = stranger_sign(head, &sure);
    if (!spoken)
        return verdict;
    c->stranger = spoken;
    c->stranger_from = (uint8_t)from;
    identify_report(c, spoken, head);
    return c->decoder->reads_on ? verdict : VERDICT_OPAQUE;
}

/* Decodes one message whose wanted head is here. */
static enum verdict decode(struct conversation *c, enum side from, struct view head, uint64_t total,
                           const struct segment *first, size_t offset, const struct segment *last, const struct held *held)
{
    struct dialogue *d = c->dialogue;
    struct findings *f = findings_begin(c, total);
    uint8_t phase = c->session.phase;
    enum verdict verdict = c->decoder->message(c->state, from, cursor_over(head), f);
    if (first->stream_offset + offset == 0 && !c->flow->midstream && (f->reports_used || verdict == VERDICT_BROKEN))
        verdict = look_again(c, from, head, verdict);
    if (f->facts_seen & UINT32_C(1) << FACT_TLS_OFFER)
        judge_offer(c, f);
    hide_undecoded(from, phase, f, 0);
    if (c->sides[from].unsure)
        verdict = believe(c, from, verdict, f);
    count(d->counters, COUNT_MESSAGES);
    c->session.messages[from]++;
    d->messages[c->decoder->protocol]++;
    if (from == FROM_SERVER && !c->confirmed && f->reports_used == 0 && !c->session.midstream) {
        c->confirmed = true;
        c->tentative = false;
        directory_learn(d->directory, &c->flow->server, c->decoder->protocol, d->when);
    }
    if (is_mere_reply(from, f, first, last))
        add_reply(c, first);
    else if (has_pulse(d))
        tell_pulse(c, from, head, first, last);
    if (is_heard(c, from, f))
        tell_sink(c, from, head, first, offset, last, held);
    if (verdict == VERDICT_OK && f->opened.length)
        verdict = decode_opened(c, from, total, first, offset, last);
    return verdict;
}

/* A decoder that breaks its contract loses the direction, not the program. */
static bool frame_is_sane(const struct frame *frame)
{
    return frame->wanted > 0 && frame->wanted <= frame->total && frame->wanted <= MESSAGE_BYTES_MAX;
}

static void declare(struct direction *side, const struct frame *frame)
{
    side->declared = frame->total;
    side->length_at = frame->length_at;
    side->length_bytes = frame->length_bytes;
    side->length_excludes = frame->length_excludes;
}

void conversation_stop(struct conversation *c, enum side from)
{
    lose_track(c, from);
    c->sides[from].reading = STOPPED;
}

/* How many of these bytes complete the head of the message that is held, given what frame() says now. */
static size_t head_needs(const struct conversation *c, enum side from, const struct held *held, struct frame *frame)
{
    enum { STEP = 64 }; /* enough for any header; what is too much is given back */
    struct view so_far = view_of(held->bytes, held->length);
    *frame = (struct frame){0};
    if (c->decoder->frame(c->state, from, cursor_over(so_far), frame) == FRAME_NEEDS_MORE)
        return STEP;
    return frame->wanted > held->length ? frame->wanted - held->length : 0;
}

/* Continues a held message with the next bytes; returns how many of them belong to it. */
static size_t continue_held(struct conversation *c, enum side from, struct view bytes, const struct segment *where, size_t offset)
{
    struct direction *side = &c->sides[from];
    size_t taken = 0;
    struct frame frame;
    size_t needs;
    while ((needs = head_needs(c, from, side->held, &frame)) > 0) {
        if (frame.total)
            declare(side, &frame);
        struct view more = view_head(view_from(bytes, taken), needs);
        struct segment here = segment_at(where, offset + taken);
        if (more.length == 0) {
            side->arrived = side->held->length;
            return taken;
        }
        if (!held_add(c->dialogue, side, more, &here)) {
            count(c->dialogue->counters, COUNT_MESSAGES_LOST);
            conversation_gap(c, from, 1);
            return bytes.length;
        }
        taken += more.length;
    }
    if (!frame_is_sane(&frame)) {
        conversation_stop(c, from);
        return bytes.length;
    }
    struct held *held = side->held;
    if (held->length > frame.total) {
        size_t excess = (size_t)(held->length - frame.total);
        if (excess > taken) { /* the decoder thinks better of what was given to it long ago */
            conversation_stop(c, from);
            return bytes.length;
        }
        taken -= excess;
        held->length -= (uint32_t)excess;
    }
    side->held = NULL;
    side->skip = frame.total - held->length;
    declare(side, &frame);
    if (!side->skip)
        side->declared = 0;
    side->arrived = held->length;
    struct segment first = side->first;
    enum verdict verdict = decode(c, from, view_of(held->bytes, frame.wanted), frame.total, &first, 0, where, held);
    if (verdict != VERDICT_OK) {
        verdict_take(c, from, verdict, view_of(held->bytes, held->length), &first);
    }
    if (verdict == VERDICT_BROKEN)
        taken -= held->length - frame.wanted;
    pool_give(held->home, held);
    return taken;
}

/* Begins a message at the start of `bytes`; returns how many of them belong to it (all, when it is not whole). */
static size_t begin_message(struct conversation *c, enum side from, struct view bytes, const struct segment *where, size_t offset)
{
    struct direction *side = &c->sides[from];
    struct frame frame = {0};
    enum framing framing = c->decoder->frame(c->state, from, cursor_over(bytes), &frame);
    if (framing == FRAME_READY) {
        if (!frame_is_sane(&frame)) {
            conversation_stop(c, from);
            return bytes.length;
        }
        if (frame.wanted <= bytes.length) {
            size_t here = frame.total < bytes.length ? (size_t)frame.total : bytes.length;
            side->skip = frame.total - here;
            if (side->skip) {
                side->first = segment_at(where, offset);
                declare(side, &frame);
                side->arrived = here;
                side->incomplete_told = side->skip_is_tls = false;
            }
            enum verdict verdict = decode(c, from, view_of(bytes.bytes, frame.wanted), frame.total, where, offset, where, NULL);
            if (verdict != VERDICT_OK) {
                struct segment begin = segment_at(where, offset);
                verdict_take(c, from, verdict, view_head(bytes, here), &begin);
            }
            /* What a broken message says of its length means nothing: the search begins behind its head. */
            return verdict == VERDICT_BROKEN ? frame.wanted : here;
        }
    }
    side->first = segment_at(where, offset);
    declare(side, &frame);
    side->arrived = bytes.length;
    side->incomplete_told = false;
    if (!held_add(c->dialogue, side, bytes, &side->first))
        conversation_gap(c, from, 1);
    return bytes.length;
}

/* The bytes before the next message boundary; all of them when there is none here. */
static size_t search_boundary(struct conversation *c, enum side from, struct view bytes)
{
    size_t offset = 0;
    if (!c->decoder->resync(c->state, from, cursor_over(bytes), &offset) || offset >= bytes.length)
        return bytes.length;
    c->sides[from].reading = READING;
    return offset;
}

void conversation_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct dialogue *d = c->dialogue;
    struct direction *side = &c->sides[from];
    uint8_t transport = c->transport;
    bool sealed = c->sealed;
    size_t done = 0, blind = 0;
    while (done < bytes.length && side->reading != STOPPED && c->transport == transport && c->sealed == sealed) {
        struct view rest = view_from(bytes, done);
        if (side->reading == SEARCHING) {
            size_t passed = search_boundary(c, from, rest);
            if (from == FROM_CLIENT && c->session.phase == PHASE_PRE_AUTH)
                secret_keep(c, from, where->stream_offset + done, passed);
            blind += passed;
            done += passed;
        } else if (side->skip) {
            size_t passed = side->skip < rest.length ? (size_t)side->skip : rest.length;
            side->skip -= passed;
            side->arrived += passed;
            if (side->skip_is_tls)
                offered_bytes(c, from, view_head(rest, passed), where, done);
            done += passed;
        } else {
            size_t place = transport == TRANSPORT_WRAPPED ? 0 : done; /* what is in a frame has the frame's place */
            done += side->held ? continue_held(c, from, rest, where, place) : begin_message(c, from, rest, where, place);
        }
    }
    if (side->reading == STOPPED) {
        blind += bytes.length - done;
        if (from == FROM_CLIENT && c->session.phase == PHASE_PRE_AUTH)
            secret_keep(c, from, where->stream_offset + done, bytes.length - done);
        done = bytes.length;
    }
    if (d->replies.replies)
        tell_replies(d);
    count_many(d->counters, COUNT_BYTES_DECODED, done - blind);
    c->sight.decoded += done - blind;
    if (blind)
        sight_passed(c, from, blind, where);
    if (direction_is_open(side))
        waiting_join(d, side, where->time_ns);
    if (done < bytes.length) {
        struct segment here = segment_at(where, done);
        (sealed ? dialogue_inside : dialogue_route)(c, from, view_from(bytes, done), &here);
    }
}
