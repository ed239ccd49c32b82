/* Requests and responses in pairs, by stream id (section 2.3): what each stream waits for. The first ids, which drivers use
 * most, are in the state; others in notes. */
#include "proto/cql.h"

/* The half byte of a stream, and where it is; NULL when nothing is known of it, or memory is short. */
static uint8_t *place_of(struct cql_reading *r, uint16_t stream, bool make, unsigned *shift)
{
    *shift = (stream & 1) * 4u;
    if (stream < CQL_NEAR_STREAMS)
        return &r->state->near[stream / 2];
    uint64_t page = (uint64_t)stream / CQL_PAGE_STREAMS;
    uint8_t *bytes = note_find(r->out, page);
    if (!bytes && make)
        bytes = note_keep(r->out, page, NOTE_BYTES_MAX);
    return bytes ? bytes + stream % CQL_PAGE_STREAMS / 2 : NULL;
}

void cql_stream_asks(struct cql_reading *r, enum cql_waits what)
{
    struct cql_state *s = r->state;
    unsigned shift;
    uint8_t *place = place_of(r, r->stream, true, &shift);
    if (!place) {
        s->untracked = true;
        return;
    }
    enum cql_waits before = (enum cql_waits)(*place >> shift & 15);
    if (before == CQL_WAITS_NOTHING) {
        s->in_flight++;
    } else {
        if (!s->untracked && !s->joined && !s->foreign)
            cql_report(r, (struct report){.anomaly = ANOMALY_CQL_STREAM_REUSED, .field = FIELD_CQL_STREAM, .relation = MUST_BE, .offset = 2,
                                          .length = cql_is_old(r->version) ? 1 : 2, .got = r->stream, .note = "a stream without an open request"});
        what = CQL_WAITS_ANYTHING;
    }
    *place = (uint8_t)((*place & ~(15u << shift)) | (unsigned)what << shift);
}

enum cql_waits cql_stream_answers(struct cql_reading *r)
{
    unsigned shift;
    uint8_t *place = place_of(r, r->stream, false, &shift);
    if (!place)
        return CQL_WAITS_NOTHING;
    enum cql_waits what = (enum cql_waits)(*place >> shift & 15);
    if (what == CQL_WAITS_ANYTHING) /* used twice: there may be a second answer */
        return what;
    if (what != CQL_WAITS_NOTHING && r->state->in_flight)
        r->state->in_flight--;
    *place = (uint8_t)(*place & ~(15u << shift));
    return what;
}
