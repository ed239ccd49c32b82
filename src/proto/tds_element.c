/*
 * The elements of a message: taken whole wherever packets cut them, passed over by their length. And what is wrong with them is
 * told, as far as this packet shows it.
 */
#include "proto/tds.h"

bool tds_take(struct tds_reading *r, uint32_t n, struct cursor *element)
{
    struct tds_stream *stream = r->stream;
    if (r->bad)
        return false;
    if (!stream->carried && cursor_left(&r->c) >= n) {
        r->at = r->base + cursor_offset(&r->c);
        r->carried = false;
        *element = cursor_over(take_view(&r->c, n));
        return true;
    }
    size_t lacks = n - stream->carried, left = cursor_left(&r->c);
    r->at = r->base + cursor_offset(&r->c);
    struct view more = take_view(&r->c, left < lacks ? left : lacks);
    if (more.length)
        memcpy(stream->carry + stream->carried, more.bytes, more.length);
    stream->carried = (uint8_t)(stream->carried + more.length);
    if (stream->carried < n)
        return false;
    stream->carried = 0;
    r->carried = true;
    *element = cursor_over(view_of(stream->carry, n));
    return true;
}

bool tds_pass(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    if (!stream->skip)
        return true;
    uint64_t left = cursor_left(&r->c);
    uint64_t passed = stream->skip < left ? stream->skip : left;
    take_skip(&r->c, passed);
    stream->skip -= passed;
    return stream->skip == 0;
}

void tds_skip(struct tds_reading *r, enum field field, uint64_t bytes)
{
    uint64_t left = cursor_left(&r->c), here = bytes < left ? bytes : left;
    if (field != FIELD_NONE && here)
        note_field(r->out, field, r->base + cursor_offset(&r->c), (uint32_t)here, 0);
    r->stream->skip = bytes;
}

bool tds_names(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor length;
    for (;;) {
        if (!tds_pass(r))
            return false;
        if (stream->byte_names) {
            if (!tds_take(r, 1, &length))
                return false;
            stream->byte_names--;
            stream->skip = 2 * (uint64_t)take_u8(&length);
        } else if (stream->short_names) {
            if (!tds_take(r, 2, &length))
                return false;
            stream->short_names--;
            stream->skip = 2 * (uint64_t)take_u16le(&length);
        } else {
            return true;
        }
    }
}

/* What began in an earlier packet is shown as far as it is in this one. */
static struct report inside(const struct tds_reading *r, struct report found)
{
    uint32_t end = r->base + (uint32_t)cursor_all(&r->c).length;
    if (found.offset > end)
        found.offset = end;
    if (found.length > end - found.offset)
        found.length = end - found.offset;
    return found;
}

void tds_defect(struct tds_reading *r, struct report found)
{
    r->bad = true;
    r->stream->blind = true;
    if (!r->state->level_sure && r->state->joined) {
        /* The guess was wrong, perhaps: the next message is read the other way. */
        r->state->level = r->state->level == LEVEL_74 ? LEVEL_71 : LEVEL_74;
        r->state->sound = 0;
        return;
    }
    r->state->reported |= r->from == FROM_CLIENT;
    report(r->out, inside(r, found));
}

void tds_remark(struct tds_reading *r, struct report found)
{
    report(r->out, inside(r, found));
}
