/*
 * Whose connection is this? The endpoint first: a server is known by what it said on other connections, or by its port.
 * The first bytes second: they find databases on unknown ports, and name other protocols on database ports. A malformed
 * first packet to a known server is decoded and flagged, never waved through as "something else".
 */
#include "proto/dialogue.h"

#include <stdio.h>
#include <string.h>

static const struct decoder *decoder_at_port(uint16_t port)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        for (const uint16_t *at = decoder_of((enum protocol)p)->ports; *at; at++)
            if (*at == port)
                return decoder_of((enum protocol)p);
    return NULL;
}

/* No room for it now. Should there be some later, its first messages are gone: it stays undecoded. */
static void shed(struct dialogue *d, struct flow *flow, const struct decoder *decoder, enum side from, const struct segment *where)
{
    count(d->counters, COUNT_FLOWS_SHED);
    flow->user = &not_a_database;
    sight_shed(d, flow, decoder, from, where);
}

/* ---- somebody else's first bytes */

enum { KEPT_BYTES = 160 };
static const uint64_t KEPT_KEY = UINT64_MAX;

struct kept_bytes {
    struct segment where;
    uint8_t length;
    uint8_t bytes[KEPT_BYTES];
};
_Static_assert(sizeof(struct kept_bytes) <= NOTE_BYTES_MAX, "a note holds it");

void identify_report(struct conversation *c, uint16_t spoken, struct view bytes)
{
    struct findings *f = findings_begin(c, bytes.length);
    size_t shown = stranger_shown(spoken, bytes);
    note_field(f, FIELD_DB_SPOKEN, 0, 0, spoken);
    if (shown < bytes.length)
        note_field(f, FIELD_DB_UNDECODED, (uint32_t)shown, (uint32_t)(bytes.length - shown), 0);
    report(f, (struct report){
                  .anomaly = ANOMALY_DB_WRONG_PROTOCOL,
                  .field = FIELD_DB_SPOKEN,
                  .relation = MUST_BE,
                  .length = (uint32_t)(shown < 16 ? shown : 16),
                  .got = spoken,
                  .note = protocol_title(c->decoder->protocol),
              });
}

bool identify_stranger(struct conversation *c, enum side from, uint16_t spoken, struct view bytes, const struct segment *where)
{
    c->judged = JUDGED_BOTH;
    c->tentative = false;
    c->stranger = spoken;
    c->stranger_from = (uint8_t)from;
    identify_report(c, spoken, view_head(bytes, MESSAGE_BYTES_MAX));
    conversation_tell(c, from, view_head(bytes, MESSAGE_BYTES_MAX), where, 0, where, NULL);
    if (c->decoder->reads_on && from == FROM_CLIENT && spoken != SPOKEN_TLS)
        return false;
    if (from == FROM_CLIENT && stranger_database(spoken)) /* a password may come */
        secret_keep(c, from, where->stream_offset + stranger_shown(spoken, bytes), UINT32_MAX);
    c->transport = TRANSPORT_OPAQUE;
    return true;
}

/* What was kept goes on as it came, piece by piece. */
static void opening_release(struct conversation *c)
{
    struct held *held = c->opening;
    c->opening = NULL;
    for (unsigned i = 0; held && i < held->marks_used; i++) {
        uint32_t from = held->marks[i].offset, to = i + 1 < held->marks_used ? held->marks[i + 1].offset : held->length;
        dialogue_route(c, (enum side)c->opening_from, view_of(held->bytes + from, to - from), &held->marks[i].where);
    }
    if (held)
        pool_give(held->home, held);
}

static void opening_drop(struct conversation *c)
{
    count_many(c->dialogue->counters, COUNT_BYTES_OTHER, c->opening->length);
    pool_give(c->opening->home, c->opening);
    c->opening = NULL;
}

/* True: it is somebody else, and the connection is left alone. */
static bool opening_judge(struct conversation *c, enum side from, struct view first, struct view shown, const struct segment *where)
{
    struct segment begin = *where;
    uint16_t spoken = unclaimed_stranger(c->dialogue, c->decoder, c->flow, from, view_head(first, OPENING_BYTES), &begin);
    return spoken && identify_stranger(c, from, spoken, shown, &begin);
}

void identify_settle(struct conversation *c)
{
    if (!c->opening)
        return;
    struct held *held = c->opening;
    struct view all = view_of(held->bytes, held->length);
    c->judged |= (uint8_t)(1u << c->opening_from);
    if (c->transport == TRANSPORT_CLEAR && opening_judge(c, (enum side)c->opening_from, all, all, &held->marks[0].where))
        opening_drop(c);
    else
        opening_release(c);
}

/* Keeps these, too. False: there are enough, or there is no room. */
static bool opening_add(struct conversation *c, struct view bytes, const struct segment *where)
{
    struct direction keeper = {.held = c->opening};
    bool kept = (c->opening ? c->opening->length : 0) + bytes.length < OPENING_BYTES && held_add(c->dialogue, &keeper, bytes, where);
    c->opening = keeper.held;
    return kept;
}

bool identify_opening(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    uint8_t first[OPENING_BYTES];
    size_t kept = c->opening ? c->opening->length : 0;
    bool answers = from == FROM_SERVER && c->judged & 1u << FROM_CLIENT; /* only who speaks first is judged by it */
    if (answers || c->flow->midstream || c->session.midstream || where->stream_offset != kept || c->transport != TRANSPORT_CLEAR || c->tentative) {
        c->judged |= (uint8_t)(1u << from);
        opening_release(c);
        return false;
    }
    struct view more = view_head(bytes, sizeof first - kept), begin = bytes;
    if (kept) {
        memcpy(first, c->opening->bytes, kept);
        memcpy(first + kept, more.bytes, more.length);
        begin = view_of(first, kept + more.length);
    }
    bool own = c->decoder->probe(from, cursor_over(view_head(begin, sizeof first))) == MATCH_YES;
    if (!own && opening_add(c, bytes, where)) {
        c->opening_from = (uint8_t)from;
        waiting_join(c->dialogue, &c->sides[from], where->time_ns);
        return true;
    }
    struct segment here = c->opening ? c->opening->marks[0].where : *where;
    c->judged |= (uint8_t)(1u << from);
    if (!own && opening_judge(c, from, begin, begin, &here)) {
        if (c->opening)
            opening_drop(c);
        count_many(c->dialogue->counters, COUNT_BYTES_OTHER, bytes.length);
        return true;
    }
    opening_release(c);
    return false;
}

void identify_keep(struct conversation *c, uint16_t spoken, struct view bytes, const struct segment *where)
{
    struct kept_bytes *kept = note_keep(findings_begin(c, bytes.length), KEPT_KEY, sizeof *kept);
    c->kept = kept ? spoken : SPOKEN_UNKNOWN;
    if (!kept)
        return;
    struct view head = view_head(bytes, sizeof kept->bytes);
    kept->where = *where;
    kept->length = (uint8_t)head.length;
    memcpy(kept->bytes, head.bytes, head.length);
}

void identify_refused(struct conversation *c)
{
    const struct kept_bytes *kept = note_find(findings_begin(c, 0), KEPT_KEY);
    uint16_t spoken = c->kept;
    c->kept = SPOKEN_UNKNOWN;
    if (!kept || c->stranger)
        return;
    if (c->instead) {
        c->dialogue->flows[c->decoder->protocol]--;
        c->dialogue->flows[c->instead]++;
        c->decoder = decoder_of((enum protocol)c->instead); /* its state means nothing: the connection is left alone */
        c->instead = PROTOCOL_NONE;
    }
    struct kept_bytes copy = *kept;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++)
        conversation_restart(c, (enum side)side);
    c->session.phase = PHASE_UNKNOWN;
    c->transport = TRANSPORT_CLEAR;
    (void)identify_stranger(c, FROM_CLIENT, spoken, view_of(copy.bytes, copy.length), &copy.where);
    c->transport = TRANSPORT_OPAQUE;
}

bool identify_answer(struct conversation *c, struct view bytes)
{
    if (!c->instead || c->flow->midstream || c->decoder->probe(FROM_SERVER, cursor_over(bytes)) != MATCH_NO)
        return false;
    identify_refused(c);
    return true;
}

bool identify_unanswered(const struct conversation *c, enum flow_end end)
{
    const uint64_t *packets = c->flow->packets, *bytes = c->flow->bytes;
    if (!packets[FROM_CLIENT] || !packets[FROM_SERVER])
        return false;
    if (c->kept == SPOKEN_TLS)
        return !bytes[FROM_SERVER] && (end == END_FIN || end == END_RESET);
    return c->tentative && (bytes[FROM_SERVER] || end == END_FIN || end == END_RESET || end == END_TIMEOUT);
}

/* Another protocol on a database's port: said once, then the connection is left alone, unless its server reads on. */
static struct conversation *not_ours(struct dialogue *d, struct flow *flow, const struct decoder *expected, enum side from,
                                     uint16_t spoken, struct view bytes, const struct segment *where)
{
    struct conversation *c = conversation_open(d, flow, expected, where);
    if (!c) {
        shed(d, flow, expected, from, where);
        return NULL;
    }
    (void)identify_stranger(c, from, spoken, bytes, where);
    return c;
}

/* ---- first bytes that are too few to tell, on no known port */

enum { UNDECIDED_MOST = 64 };

static bool may_be_ours(enum side from, struct view bytes)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->probe(from, cursor_over(bytes)) != MATCH_NO)
            return true;
    return false;
}

static void forget_first(struct dialogue *d, struct flow *flow)
{
    struct conversation *c = flow->user;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++)
        if (c->sides[side].held)
            pool_give(c->sides[side].held->home, c->sides[side].held);
    pool_give(&d->conversations, c);
    flow->user = NULL;
}

/* False: there is no memory for it. */
static bool keep_first(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct conversation *c = pool_take(&d->conversations);
    if (!c)
        return false;
    flow->user = c;
    c->sides[from].first = *where;
    if (held_add(d, &c->sides[from], bytes, where))
        return true;
    forget_first(d, flow);
    return false;
}

void identify_give_up(struct dialogue *d, struct flow *flow)
{
    const struct conversation *c = flow->user;
    uint8_t first[UNDECIDED_MOST];
    struct segment where = {0};
    size_t length = 0;
    enum side from = FROM_CLIENT;
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        const struct held *held = c->sides[side].held;
        if (!held)
            continue;
        other_bytes(d, flow, (enum side)side, view_of(held->bytes, held->length), &c->sides[side].first);
        from = (enum side)side;
        where = c->sides[side].first;
        length = held->length < sizeof first ? held->length : sizeof first;
        memcpy(first, held->bytes, length);
    }
    forget_first(d, flow);
    unclaimed_begin(d, flow);
    if (is_guest(flow))
        unclaimed_bytes(d, flow, from, view_of(first, length), &where);
}

struct conversation *identify_more(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &((struct conversation *)flow->user)->sides[from];
    uint8_t first[2 * UNDECIDED_MOST];
    size_t kept = side->held ? side->held->length : 0;
    if (!kept) { /* the other side answers what nobody understood */
        identify_give_up(d, flow);
        return NULL;
    }
    struct view more = view_head(bytes, sizeof first - kept);
    memcpy(first, side->held->bytes, kept);
    memcpy(first + kept, more.bytes, more.length);
    struct view all = view_of(first, kept + more.length);
    const struct decoder *spoken = stranger_probe(from, all);
    if (!spoken) {
        if (all.length >= UNDECIDED_MOST || !may_be_ours(from, all) || !held_add(d, side, more, where))
            identify_give_up(d, flow);
        return NULL;
    }
    struct segment begin = side->first;
    forget_first(d, flow);
    struct conversation *c = conversation_open(d, flow, spoken, &begin);
    if (!c) {
        shed(d, flow, spoken, from, where);
        count_many(d->counters, COUNT_BYTES_OTHER, kept);
        return NULL;
    }
    c->tentative = from == FROM_CLIENT;
    dialogue_route(c, from, view_head(all, kept), &begin);
    return c;
}

/* First bytes of a connection on a server's port that are surely not of its protocol. NULL: they may be. */
static struct conversation *identify_other(struct dialogue *d, struct flow *flow, const struct decoder *expected, enum side from,
                                           struct view bytes, const struct segment *where)
{
    uint16_t spoken = unclaimed_stranger(d, expected, flow, from, bytes, where);
    if (!spoken)
        return NULL;
    enum protocol database = stranger_database(spoken);
    if (!database)
        return not_ours(d, flow, expected, from, spoken, bytes, where);
    /* By its port alone nobody knows the server: it may be the one that these bytes are meant for. */
    struct conversation *c = conversation_open(d, flow, decoder_of(database), where);
    if (!c || from == FROM_SERVER)
        return c;
    c->tentative = true;
    c->judged = JUDGED_BOTH;
    c->instead = (uint8_t)expected->protocol;
    identify_keep(c, spoken, bytes, where);
    return c;
}

struct conversation *identify(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    enum protocol known = directory_ask(d->directory, d->worker, &flow->server, d->when);
    const struct decoder *expected = known ? decoder_of(known) : decoder_at_port(flow->server.port);
    struct conversation *c = NULL;
    const struct decoder *spoken = expected || flow->midstream ? NULL : stranger_probe(from, bytes);
    bool sure;
    /* Of a server that is known, however they are cut: identify_opening. */
    if (expected && !flow->midstream && !known)
        c = identify_other(d, flow, expected, from, bytes, where);
    if (c)
        return c;
    if (spoken) {
        c = conversation_open(d, flow, spoken, where);
        if (c)
            c->tentative = from == FROM_CLIENT;
        else
            shed(d, flow, expected, from, where);
        return c;
    }
    if (!expected) {
        bool more = !flow->midstream && bytes.length < UNDECIDED_MOST && !stranger_sign(bytes, &sure) && may_be_ours(from, bytes);
        if (!more || !keep_first(d, flow, from, bytes, where))
            unclaimed_begin(d, flow);
        return NULL;
    }
    c = conversation_open(d, flow, expected, where);
    if (c) {
        c->confirmed = known != PROTOCOL_NONE;
    } else {
        shed(d, flow, expected, from, where);
    }
    return c;
}
