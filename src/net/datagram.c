/* Putting a datagram together: see datagram.h. */
#include "net/datagram.h"

#include "base/network_order.h"
#include "net/decode.h"
#include "net/wire.h"

/* ---- stretches of bits; `from` < `to` */

static uint64_t word_mask(uint32_t word, uint32_t from, uint32_t to)
{
    uint64_t mask = UINT64_MAX;
    if (word == from / 64)
        mask &= UINT64_MAX << from % 64;
    if (word == (to - 1) / 64)
        mask &= UINT64_MAX >> (63 - (to - 1) % 64);
    return mask;
}

static bool bits_any(const uint64_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t word = from / 64; from < to && word <= (to - 1) / 64; word++)
        if (bits[word] & word_mask(word, from, to))
            return true;
    return false;
}

static bool bits_all(const uint64_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t word = from / 64; from < to && word <= (to - 1) / 64; word++)
        if (~bits[word] & word_mask(word, from, to))
            return false;
    return true;
}

static void bits_set(uint64_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t word = from / 64; from < to && word <= (to - 1) / 64; word++)
        bits[word] |= word_mask(word, from, to);
}

/* ---- bytes */

bool datagram_keep(struct datagram *d, uint32_t at, struct view bytes, const struct block_source *from)
{
    while (bytes.length && at < DATAGRAM_LENGTH_MAX) {
        uint8_t **block = &d->blocks[at / FRAGMENT_BLOCK];
        uint32_t inside = at % FRAGMENT_BLOCK;
        struct view part = view_head(bytes, FRAGMENT_BLOCK - inside);
        if (!*block && !(*block = from->block(from->context)))
            return false;
        memcpy(*block + inside, part.bytes, part.length);
        at += (uint32_t)part.length;
        bytes = view_from(bytes, part.length);
    }
    return true;
}

/* The byte at a place that has come; -1 when it is not kept. */
static int byte_kept(const struct datagram *d, uint32_t at)
{
    bool there = at < d->cut_at && at < d->tail && at < DATAGRAM_LENGTH_MAX &&
                 (d->there[at / FRAGMENT_UNIT / 64] >> at / FRAGMENT_UNIT % 64 & 1);
    const uint8_t *block = there ? d->blocks[at / FRAGMENT_BLOCK] : NULL;
    return block ? block[at % FRAGMENT_BLOCK] : -1;
}

/* Both variants from the first byte on that differs. */
static void datagram_compare(struct datagram *d, const struct fragment *f)
{
    for (size_t i = 0; i < f->data.length && i < f->length && !d->differs; i++) {
        uint32_t at = f->offset + (uint32_t)i;
        int kept = byte_kept(d, at);
        if (kept < 0 || kept == f->data.bytes[i])
            continue;
        d->differs = true;
        for (; d->mine_length < VARIANT_BYTES && (kept = byte_kept(d, at + d->mine_length)) >= 0; d->mine_length++)
            d->mine[d->mine_length] = (uint8_t)kept;
        struct view theirs = view_head(view_from(f->data, i), VARIANT_BYTES);
        memcpy(d->theirs, theirs.bytes, theirs.length);
        d->theirs_length = (uint8_t)theirs.length;
    }
}

/* The headers of the first fragment, as they are around the whole: without the fragment header and without lengths. */
static bool head_keep(struct datagram *d, const struct fragment *f, const struct raw_packet *raw, const struct block_source *from)
{
    if (!d->head && !(d->head = from->block(from->context)))
        return false;
    memcpy(d->head, f->head.bytes, f->head.length);
    for (unsigned i = 0; i < f->walk->enclosing; i++)
        network_put_16(d->head + (f->walk->lengths[i].at - f->head.bytes), f->walk->lengths[i].open);
    d->head_length = (uint16_t)f->head.length;
    d->ip_at = (uint16_t)f->ip_at;
    d->link_type = raw->link_type;
    d->interface = raw->interface;
    if (f->key.version == 4) {
        memset(d->head + d->ip_at + 6, 0, 2);
        return true;
    }
    d->head[f->next_at] = d->head[f->header_at];
    d->head_length = (uint16_t)f->header_at;
    return true;
}

/* ---- Linux's rules */

/* ip_frag_queue and ip6_frag_queue: where the datagram ends. */
static bool end_agrees(struct datagram *d, const struct fragment *f, uint32_t end)
{
    if (!f->more) {
        if (end < d->length || (d->last && end != d->length))
            return false;
        d->last = true;
        d->length = end;
    } else if (end > d->length) {
        if (d->last)
            return false;
        d->length = end;
    }
    return end != f->offset;
}

/* ip_frag_ecn_table: fragments of a sender that marks its packets and of one that does not do not belong together. */
static bool congestion_agrees(const struct datagram *d)
{
    return !(d->congestion & 1) || d->congestion == 1;
}

static bool datagram_fits(const struct datagram *d)
{
    uint32_t header = (uint32_t)d->head_length - d->ip_at;
    return d->length + header - (d->key.version == 4 ? 0 : IPV6_HEADER) <= DATAGRAM_LENGTH_MAX;
}

void datagram_clear(struct datagram *d)
{
    memset(d->there, 0, sizeof d->there);
    memset(d->begins, 0, sizeof d->begins);
    d->length = d->come = d->tail = d->fragments = 0;
    d->cut_at = UINT32_MAX;
    d->first = d->last = d->whole = d->differs = false;
    d->congestion = d->mine_length = d->theirs_length = 0;
}

static void count_in(struct datagram *d, const struct fragment *f)
{
    if (f->offset + f->length > d->tail)
        d->tail = f->offset + f->length;
    d->congestion |= f->congestion;
    d->fragments++;
}

static enum insertion as_far_as_it_is(struct datagram *d)
{
    if (!d->first || !d->last || d->come != d->length)
        return INSERTION_HELD;
    if (!congestion_agrees(d) || !datagram_fits(d))
        return INSERTION_CONTRADICTS;
    d->whole = true;
    return INSERTION_WHOLE;
}

/* For a receiver that is another system: an overlap ends nothing. */
static enum insertion insert_other(struct datagram *d, const struct fragment *f, const struct raw_packet *raw, const struct block_source *from)
{
    bool took, took_start;
    datagram_compare(d, f);
    if (!datagram_lay(d, f, from, &took, &took_start) || (took_start && !head_keep(d, f, raw, from)))
        return INSERTION_NO_MEMORY;
    if (!took)
        return INSERTION_DUPLICATE;
    count_in(d, f);
    d->first |= took_start;
    return as_far_as_it_is(d);
}

enum insertion datagram_insert(struct datagram *d, const struct fragment *given, const struct raw_packet *raw,
                               const struct block_source *from)
{
    struct fragment trimmed = *given, *f = &trimmed;
    if (f->more)
        f->length &= ~(FRAGMENT_UNIT - 1u);
    uint32_t end = f->offset + f->length;
    if (!end_agrees(d, f, end))
        return INSERTION_CONTRADICTS;
    f->data = view_head(f->data, f->length);
    if (d->policy != HOST_LINUX)
        return insert_other(d, f, raw, from);
    uint32_t first = f->offset / FRAGMENT_UNIT, behind = (end + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;
    if (bits_any(d->there, first, behind)) {
        bool inside = bits_all(d->there, first, behind) && !bits_any(d->begins, first + 1, behind);
        datagram_compare(d, f);
        return inside ? INSERTION_DUPLICATE : INSERTION_OVERLAP;
    }
    if (f->offset != d->tail || d->fragments == 0)
        bits_set(d->begins, first, first + 1);
    bits_set(d->there, first, behind);
    if (f->data.length < f->length && f->offset + f->data.length < d->cut_at)
        d->cut_at = f->offset + (uint32_t)f->data.length;
    d->come += f->length;
    count_in(d, f);
    if (!datagram_keep(d, f->offset, f->data, from) || (f->offset == 0 && !head_keep(d, f, raw, from)))
        return INSERTION_NO_MEMORY;
    d->first |= f->offset == 0;
    return as_far_as_it_is(d);
}

/* ---- the result */

bool datagram_is_whole(const struct datagram *d)
{
    return d->whole;
}

bool datagram_oddity(const struct datagram *d, struct oddity *out)
{
    *out = (struct oddity){.what = ANOMALY_IP_FRAGMENT_OVERLAP,
                           .mine = view_of(d->mine, d->mine_length),
                           .theirs = view_of(d->theirs, d->theirs_length)};
    return d->differs;
}

static void write_lengths(const struct datagram *d, uint8_t *ip)
{
    uint32_t header = (uint32_t)d->head_length - d->ip_at, sum = 0;
    if (d->key.version == 6) {
        network_put_16(ip + 4, header - IPV6_HEADER + d->length);
        return;
    }
    network_put_16(ip + 2, header + d->length);
    network_put_16(ip + 10, 0);
    for (uint32_t i = 0; i < header; i += 2)
        sum += wire_u16(ip + i);
    sum = (sum & 0xffff) + (sum >> 16);
    network_put_16(ip + 10, ~(sum + (sum >> 16)));
}

void datagram_write(const struct datagram *d, const struct raw_packet *last, uint8_t *buffer, struct raw_packet *out)
{
    uint32_t known = d->length < DATAGRAM_LENGTH_MAX ? d->length : DATAGRAM_LENGTH_MAX, at = 0;
    memcpy(buffer, d->head, d->head_length);
    if (datagram_fits(d))
        write_lengths(d, buffer + d->ip_at);
    if (known > d->cut_at)
        known = d->cut_at;
    while (at < known && (d->there[at / FRAGMENT_UNIT / 64] >> at / FRAGMENT_UNIT % 64 & 1)) {
        uint32_t most = known - at < FRAGMENT_UNIT ? known - at : FRAGMENT_UNIT;
        memcpy(buffer + d->head_length + at, d->blocks[at / FRAGMENT_BLOCK] + at % FRAGMENT_BLOCK, most);
        at += most;
    }
    *out = *last;
    out->bytes = buffer;
    out->captured = d->head_length + at;
    out->length = d->head_length + d->length;
    out->link_type = d->link_type;
    out->interface = d->interface;
}
