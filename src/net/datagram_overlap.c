/*
 * Fragments that overlap, for receivers other than Linux (host_policy.h). What one fragment has of the datagram is a run of
 * units; where a newer one is believed it takes them, and what is left of the older one on either side is a run of its own.
 * A fragment costs at most one look at each unit of the datagram.
 */
#include "net/datagram.h"

struct run {
    uint32_t from, to;
    bool there;
};

static bool bit_at(const uint64_t *bits, uint32_t unit)
{
    return bits[unit / 64] >> unit % 64 & 1;
}

static void bit_put(uint64_t *bits, uint32_t unit, bool value)
{
    uint64_t mask = UINT64_C(1) << unit % 64;
    bits[unit / 64] = value ? bits[unit / 64] | mask : bits[unit / 64] & ~mask;
}

/* The run, or the hole up to `end`, in which a unit lies. A hole is seen from `unit` on only. */
static struct run run_at(const struct datagram *d, uint32_t unit, uint32_t end)
{
    struct run r = {unit, unit + 1, bit_at(d->there, unit)};
    while (!r.there && r.to < end && !bit_at(d->there, r.to))
        r.to++;
    while (r.there && !bit_at(d->begins, r.from))
        r.from--;
    while (r.there && r.to < FRAGMENT_UNITS && bit_at(d->there, r.to) && !bit_at(d->begins, r.to))
        r.to++;
    return r;
}

static bool units_take(struct datagram *d, const struct fragment *f, uint32_t from, uint32_t to, const struct block_source *blocks)
{
    uint32_t at = from * FRAGMENT_UNIT, skip = at - f->offset, end = f->offset + f->length;
    if (end > to * FRAGMENT_UNIT)
        end = to * FRAGMENT_UNIT;
    for (uint32_t unit = from; unit < to; unit++) {
        if (!bit_at(d->there, unit))
            d->come += (unit + 1) * FRAGMENT_UNIT < end ? FRAGMENT_UNIT : end - unit * FRAGMENT_UNIT;
        bit_put(d->there, unit, true);
        bit_put(d->begins, unit, false);
    }
    struct view bytes = skip < f->data.length ? view_head(view_from(f->data, skip), end - at) : view_of(NULL, 0);
    if (bytes.length < end - at && at + bytes.length < d->cut_at)
        d->cut_at = at + (uint32_t)bytes.length;
    return datagram_keep(d, at, bytes, blocks);
}

bool datagram_lay(struct datagram *d, const struct fragment *f, const struct block_source *blocks, bool *took, bool *took_start)
{
    const uint32_t start = f->offset / FRAGMENT_UNIT, end = (f->offset + f->length + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;
    const uint16_t cases = host_fragments((enum host_policy)d->policy);
    uint32_t taken_to = UINT32_MAX;
    *took = *took_start = false;
    for (uint32_t unit = start; unit < end;) {
        struct run run = run_at(d, unit, end);
        uint32_t to = run.to < end ? run.to : end;
        if (!run.there || host_believes_newer(cases, start, end, run.from, run.to)) {
            if (run.to > to)
                bit_put(d->begins, to, true);
            if (!units_take(d, f, unit, to, blocks))
                return false;
            bit_put(d->begins, unit, unit != taken_to);
            *took = true;
            *took_start |= unit == 0;
            taken_to = to;
        }
        unit = to;
    }
    return true;
}
