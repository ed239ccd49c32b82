/*
 * Messages that are not whole yet: their bytes so far, who waits for the rest, and those whose rest never comes. In order of
 * their last progress: who has to wait no longer depends on itself alone, not on who else waits.
 */
#include "proto/dialogue.h"

void waiting_leave(struct dialogue *d, struct direction *side)
{
    if (!side->waiting)
        return;
    *(side->waiting_before ? &side->waiting_before->waiting_next : &d->waiting_first) = side->waiting_next;
    *(side->waiting_next ? &side->waiting_next->waiting_before : &d->waiting_last) = side->waiting_before;
    side->waiting = false;
}

void waiting_join(struct dialogue *d, struct direction *side, int64_t now_ns)
{
    side->since_ns = (uint64_t)(now_ns > d->now_ns ? now_ns : d->now_ns) + d->behind_ns;
    if (side == d->waiting_last)
        return;
    waiting_leave(d, side);
    side->waiting_next = NULL;
    side->waiting_before = d->waiting_last;
    *(d->waiting_last ? &d->waiting_last->waiting_next : &d->waiting_first) = side;
    d->waiting_last = side;
    side->waiting = true;
}

void held_give(struct direction *side)
{
    if (side->held)
        pool_give(side->held->home, side->held);
    side->held = NULL;
}

static struct held *held_take(struct pool *home)
{
    struct held *held = pool_take_dirty(home);
    if (held) {
        held->length = held->marks_used = 0;
        held->home = home;
        held->size = (uint32_t)(home->slot_size - sizeof *held);
    }
    return held;
}

bool held_add(struct dialogue *d, struct direction *side, struct view bytes, const struct segment *where)
{
    struct held *held = side->held;
    if (!held)
        held = side->held = held_take(bytes.length <= SMALL_BUFFER ? &d->small : &d->large);
    if (!held)
        return false;
    if (bytes.length > held->size - held->length) {
        struct held *larger = held->home == &d->large ? NULL : held_take(&d->large);
        if (!larger || bytes.length > larger->size - held->length)
            return false;
        memcpy(larger->bytes, held->bytes, held->length);
        memcpy(larger->marks, held->marks, sizeof held->marks);
        larger->length = held->length;
        larger->marks_used = held->marks_used;
        held_give(side);
        side->held = held = larger;
    }
    if (held->marks_used < MARKS_MAX)
        held->marks[held->marks_used++] = (struct segment_mark){held->length, *where};
    memcpy(held->bytes + held->length, bytes.bytes, bytes.length);
    held->length += (uint32_t)bytes.length;
    return true;
}

void conversation_incomplete(struct conversation *c, enum side from, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    if (!direction_is_open(side) || side->incomplete_told || side->reading != READING || side->unsure)
        return;
    if (c->transport != TRANSPORT_CLEAR && c->transport != TRANSPORT_WRAPPED) /* it was left alone in the middle of one */
        return;
    side->incomplete_told = true;
    struct segment first = side->first;
    struct view head = side->held ? view_of(side->held->bytes, side->held->length) : view_of(NULL, 0);
    uint64_t declared = side->declared, arrived = side->arrived;
    struct field_value length = {.field = (uint16_t)c->decoder->length_field, .offset = side->length_at, .length = side->length_bytes};
    uint64_t excludes = side->length_excludes;
    bool framed = side->inflater && unwrap_is_open(side->inflater);
    if (framed)
        unwrap_progress(side->inflater, &first, &head, &length, &declared, &arrived, &excludes);
    if (from == FROM_CLIENT && first.stream_offset == 0 && !c->flow->midstream && head.length) {
        uint16_t spoken = c->stranger || c->tentative ? SPOKEN_UNKNOWN : stranger_on(c->decoder, from, head);
        if (spoken)
            (void)identify_stranger(c, from, spoken, head, &first);
        if (c->stranger)
            return;
    }
    struct findings *f = findings_begin(c, declared);
    note_field(f, FIELD_DB_MESSAGE_BYTES, 0, 0, arrived);
    if (declared)
        report(f, (struct report){
                      .anomaly = (uint16_t)c->decoder->incomplete,
                      .field = length.field,
                      .relation = MUST_NOT_EXCEED,
                      .offset = length.offset,
                      .length = length.length,
                      .got = declared - excludes,
                      .expected = arrived > excludes ? arrived - excludes : 0,
                      .note = "the bytes that arrived",
                  });
    else
        report(f, (struct report){
                      .anomaly = (uint16_t)c->decoder->incomplete,
                      .field = FIELD_DB_MESSAGE_BYTES,
                      .relation = MUST_BE,
                      .got = arrived,
                      .note = "a whole message header",
                  });
    hide_undecoded(from, c->session.phase, f, excludes);
    conversation_tell(c, from, head, &first, 0, where, framed ? NULL : side->held);
}
