/*
 * What could not be read: how much, for how long, and said where an engineer should know of it. Never a word about the
 * traffic itself: engine.blind (bytes were lost, and no message begins where one can be found), engine.unsupported,
 * engine.shed. Each is said once for a connection here; rules bound how often for a server.
 */
#include "proto/dialogue.h"

enum { PASSED_MOST = 65536 }; /* without a beginning: more than most messages have */

const struct sight *dialogue_sight(const struct flow *flow)
{
    const struct conversation *c = conversation_of(flow);
    return c ? &c->sight : NULL;
}

static void tell_blind(struct conversation *c, enum side from, uint64_t passed, const char *why, const struct segment *where)
{
    c->blind_told = true;
    if (c->tentative)
        return;
    struct findings *f = findings_begin(c, 0);
    note_field(f, FIELD_DB_PASSED, 0, 0, passed);
    report(f, (struct report){.anomaly = ANOMALY_ENGINE_BLIND, .field = FIELD_DB_PASSED, .relation = MUST_BE, .got = passed, .note = why});
    conversation_tell(c, from, view_of(NULL, 0), where, 0, where, NULL);
}

void sight_passed(struct conversation *c, enum side from, uint64_t bytes, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    const bool for_good = side->reading == STOPPED || c->transport == TRANSPORT_OPAQUE;
    c->sight.passed += bytes;
    side->passed += bytes;
    count_many(c->dialogue->counters, COUNT_BYTES_BLIND, bytes);
    if (side->blind_ns && where->time_ns > side->blind_ns)
        c->sight.blind_ns += where->time_ns - side->blind_ns;
    side->blind_ns = where->time_ns;
    if (side->reading == READING && !for_good) {
        side->blind_ns = 0;
        side->passed = 0;
    } else if (!c->blind_told && (c->sight.lost || c->flow->midstream) && (for_good || side->passed > PASSED_MOST)) {
        tell_blind(c, from, side->passed, for_good ? "what follows lost bytes cannot be read any more" : "a message that begins after the lost bytes", where);
    }
}

void sight_lost(struct conversation *c, enum side from, uint64_t lost, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    c->sight.lost += lost;
    if (side->reading == READING && c->transport != TRANSPORT_OPAQUE)
        return;
    if (side->blind_ns && where->time_ns > side->blind_ns)
        c->sight.blind_ns += where->time_ns - side->blind_ns;
    side->blind_ns = where->time_ns;
}

void sight_one_sided(struct conversation *c, enum side seen, const struct segment *where)
{
    tell_blind(c, seen, 0, seen == FROM_CLIENT ? "a mirror that shows the server's packets, too" : "a mirror that shows the client's packets, too", where);
}

void sight_shed(struct dialogue *d, struct flow *flow, const struct decoder *decoder, enum side from, const struct segment *where)
{
    struct conversation *c = conversation_of(flow);
    struct session none = {.phase = PHASE_UNKNOWN, .midstream = flow->midstream};
    struct findings *f = findings_clear(d, 0);
    f->session = c ? &c->session : &none;
    f->notes = c ? &c->notes : NULL;
    report(f, (struct report){.anomaly = ANOMALY_ENGINE_SHED, .relation = MUST_BE, .note = "memory for one more connection (--memory)"});
    const struct message message = {.flow = flow, .decoder = decoder, .from = from, .findings = f, .first = where, .last = where,
                                    .stream_offset = where->stream_offset, .confidence = 100, .bare = true};
    d->sink.message(d->sink.context, &message);
}
