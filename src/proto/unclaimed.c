/*
 * Connections that no decoder claims: their first segments go to libndpi, then they are left alone. What it says is told once, to
 * rules (ndpi.protocol, ndpi.risk) and to whoever counts.
 */
#include "proto/dialogue.h"

void unclaimed_begin(struct dialogue *d, struct flow *flow)
{
    struct classified *guest = d->classifier ? classified_begin(d->classifier) : NULL;
    struct conversation *c = guest ? pool_take(&d->conversations) : NULL;
    flow->user = &not_a_database;
    if (guest && !c)
        (void)classified_end(d->classifier, guest, NULL);
    if (!c && d->classifier) { /* too many at once */
        d->spoken[SPOKEN_UNKNOWN]++;
        if (d->sink.unclaimed)
            d->sink.unclaimed(d->sink.context, flow, SPOKEN_UNKNOWN);
    }
    if (!c)
        return;
    c->guest = guest;
    c->flow = flow;
    c->dialogue = d;
    c->session.midstream = flow->midstream;
    flow->user = c;
}

static void tell(struct dialogue *d, struct flow *flow, struct conversation *c, enum side from, struct view bytes, const struct segment *where,
                 uint16_t spoken, uint64_t risks)
{
    struct findings *f = findings_clear(d, bytes.length);
    f->session = &c->session;
    f->notes = NULL;
    note_field(f, FIELD_NDPI_PROTOCOL, 0, 0, spoken);
    for (unsigned risk = 1; risks >> risk && risk < 63; risk++)
        if (risks >> risk & 1 && name_of(NAMES_ndpi_risk, risk))
            note_field(f, FIELD_NDPI_RISK, 0, 0, risk);
    const struct message message = {.flow = flow, .from = from, .findings = f, .head = view_head(bytes, MESSAGE_BYTES_MAX),
                                    .stream_offset = where->stream_offset, .first = where, .last = where, .confidence = 100};
    d->sink.message(d->sink.context, &message);
}

static void found_out(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct conversation *c = flow->user;
    uint64_t risks = 0;
    uint16_t spoken = classified_end(d->classifier, c->guest, &risks);
    d->spoken[spoken]++;
    if (d->sink.unclaimed)
        d->sink.unclaimed(d->sink.context, flow, spoken);
    if (d->wants[PROTOCOL_NONE][from]) /* without its bytes: these are told as such */
        tell(d, flow, c, from, view_head(bytes, 0), where, spoken, risks);
    flow->user = &not_a_database;
    pool_give(&d->conversations, c);
}

void unclaimed_bytes(struct dialogue *d, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    struct conversation *c = flow->user;
    if (bytes.length && classified_bytes(d->classifier, c->guest, flow, from, bytes, where))
        found_out(d, flow, from, bytes, where);
}

void unclaimed_end(struct dialogue *d, struct flow *flow, enum side from, const struct segment *where)
{
    found_out(d, flow, from, view_of(NULL, 0), where);
}

uint16_t unclaimed_stranger(struct dialogue *d, const struct decoder *expected, const struct flow *flow, enum side from, struct view bytes,
                            const struct segment *where)
{
    enum { ENOUGH = 8 };
    uint16_t spoken = stranger_on(expected, from, bytes);
    if (spoken || !d->classifier || from != FROM_CLIENT || bytes.length < ENOUGH || expected->probe(from, cursor_over(bytes)) != MATCH_NO)
        return spoken;
    spoken = classify_once(d->classifier, flow, from, bytes, where);
    return classify_is_distinct(spoken) ? spoken : SPOKEN_UNKNOWN;
}
