/*
 * Wrapped connections: frames whose payloads, opened, are the stream of messages (MySQL's compressed protocol, the segments
 * and compressed bodies of CQL).
 *
 * What zlib and zstd packed is opened as it arrives, into one scratch buffer, never kept, bounded by what the frame declares:
 * a bomb costs no more than an honest frame of that size. Blocks of LZ4 and Snappy are opened when they are whole; of larger
 * ones than fit only the beginning, so that no block costs more than CODEC_MEMORY (unwrap_block.c). A frame that opens to
 * another size is an anomaly. A codec's memory is taken from a pool for the time of one frame.
 */
#include <zstd_errors.h>

#include "proto/unwrap.h"

static void unwrap_search(struct conversation *c, enum side from, struct inflater *i);

/* zstd wants its window (256 KiB here, what most servers use for frames of a network buffer) and two blocks; larger
 * windows are passed over and counted. */
enum { ZSTD_WINDOW_LOG_MAX = 18 };

bool unwrap_is_open(const struct inflater *i)
{
    return i->in_payload || i->header_have > 0;
}

void unwrap_progress(const struct inflater *i, struct segment *first, struct view *header, struct field_value *length,
                     uint64_t *declared, uint64_t *arrived, uint64_t *excludes)
{
    *length = i->length;
    *excludes = i->wrap.header;
    *first = i->first;
    *header = view_of(i->header, i->in_payload ? i->wrap.header : i->header_have);
    *declared = i->in_payload ? (uint64_t)i->wrap.header + i->wrap.payload : 0;
    *arrived = i->in_payload ? (uint64_t)i->wrap.header + i->wrap.payload - i->payload_left : i->header_have;
}

size_t unwrap_inflater_size(void)
{
    return sizeof(struct inflater);
}

size_t unwrap_codec_size(void)
{
    return sizeof(struct codec_memory);
}

bool unwrap_pool(struct dialogue *d, struct arena *from, size_t inflaters, size_t codecs)
{
    return pool_open(&d->inflaters, from, sizeof(struct inflater), inflaters) &&
           pool_open(&d->codecs, from, sizeof(struct codec_memory), codecs);
}

static void memory_give(struct conversation *c, struct inflater *i)
{
    if (i->codec)
        pool_give(&c->dialogue->codecs, i->codec);
    i->codec = NULL;
}

/* Only the head of the slot needs to be clean; what the codecs use does not. */
static bool memory_take(struct conversation *c, struct inflater *i)
{
    if (!i->codec && (i->codec = pool_take_dirty(&c->dialogue->codecs)))
        memset(i->codec, 0, offsetof(struct codec_memory, bytes));
    return i->codec;
}

/* zlib takes its memory from the slot and gives it back all at once, at the frame's end. */
static voidpf codec_take(voidpf slot, uInt items, uInt size)
{
    struct codec_memory *m = slot;
    size_t wanted = ((size_t)items * size + 15) & ~(size_t)15;
    if (wanted > sizeof m->bytes - m->used)
        return NULL;
    void *taken = m->bytes + m->used;
    m->used += wanted;
    return taken;
}

static void codec_give(voidpf slot, voidpf memory)
{
    (void)slot;
    (void)memory;
}

static bool codec_begin(struct conversation *c, struct inflater *i)
{
    if (i->wrap.codec == CODEC_STORED)
        return true;
    if (!memory_take(c, i)) {
        count_many(c->dialogue->counters, COUNT_BYTES_UNSUPPORTED, i->wrap.payload);
        return false;
    }
    struct codec_memory *m = i->codec;
    m->used = 0;
    if (i->wrap.codec == CODEC_ZLIB) {
        m->zlib = (z_stream){.zalloc = codec_take, .zfree = codec_give, .opaque = m};
        return inflateInit(&m->zlib) == Z_OK;
    }
    if (i->wrap.codec == CODEC_ZSTD) {
        m->zstd = ZSTD_initStaticDStream(m->bytes, sizeof m->bytes);
        return m->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(m->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
    }
    return true;
}

enum opened { OPENED_MORE, OPENED_END, OPENED_TOO_LARGE, OPENED_BAD };

/* Opens some of `in` into the scratch buffer: how many bytes were read, how many came out. */
static enum opened codec_step(struct inflater *i, uint8_t *scratch, struct view in, size_t *read, size_t *out)
{
    struct codec_memory *z = i->codec;
    if (i->wrap.codec == CODEC_ZLIB) {
        z->zlib.next_in = (z_const Bytef *)(uintptr_t)in.bytes;
        z->zlib.avail_in = (uInt)in.length;
        z->zlib.next_out = scratch;
        z->zlib.avail_out = OPENED_BYTES;
        int result = inflate(&z->zlib, Z_NO_FLUSH);
        *read = in.length - z->zlib.avail_in;
        *out = OPENED_BYTES - z->zlib.avail_out;
        return result == Z_STREAM_END ? OPENED_END : result == Z_OK || result == Z_BUF_ERROR ? OPENED_MORE : OPENED_BAD;
    }
    ZSTD_inBuffer from = {in.bytes, in.length, 0};
    ZSTD_outBuffer to = {scratch, OPENED_BYTES, 0};
    size_t result = ZSTD_decompressStream(z->zstd, &to, &from);
    *read = from.pos;
    *out = to.pos;
    if (ZSTD_isError(result)) {
        ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
        return code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation ? OPENED_TOO_LARGE : OPENED_BAD;
    }
    return result == 0 ? OPENED_END : OPENED_MORE;
}

void unwrap_report(struct conversation *c, enum side from, struct inflater *i, enum anomaly anomaly, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    struct findings *f = findings_begin(c, (uint64_t)i->wrap.header + i->wrap.payload);
    note_field(f, w->declared, i->declared.offset, i->declared.length, i->wrap.declared);
    note_field(f, w->actual, 0, 0, i->produced);
    report(f, (struct report){
                  .anomaly = (uint16_t)anomaly,
                  .field = (uint16_t)w->declared,
                  .relation = MUST_EQUAL,
                  .offset = i->declared.offset,
                  .length = i->declared.length,
                  .got = i->wrap.declared,
                  .expected = i->produced,
                  .note = "the bytes that the payload opens to",
              });
    conversation_tell(c, from, view_of(i->header, i->wrap.header), &i->first, 0, where, NULL);
}

/* The content of a frame cannot be followed: to the messages inside it is a gap. */
void unwrap_lose(struct conversation *c, enum side from, struct inflater *i)
{
    i->lost = true;
    conversation_gap(c, from, i->wrap.declared > i->produced ? i->wrap.declared - i->produced : 1);
}

static void frame_open(struct conversation *c, enum side from, struct inflater *i, struct view payload, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    uint8_t *scratch = c->dialogue->opened;
    size_t done = 0;
    while (!i->lost && c->transport == TRANSPORT_WRAPPED) {
        size_t read = 0, out = 0;
        enum opened opened = codec_step(i, scratch, view_from(payload, done), &read, &out);
        done += read;
        if (opened == OPENED_TOO_LARGE) {
            count_many(c->dialogue->counters, COUNT_BYTES_UNSUPPORTED, payload.length);
            unwrap_lose(c, from, i);
            return;
        }
        bool over = out > i->wrap.declared - i->produced;
        size_t given = over ? i->wrap.declared - i->produced : out;
        i->produced += (uint32_t)out;
        if (given)
            conversation_bytes(c, from, view_of(scratch, given), where);
        bool last_bytes = done == payload.length && i->payload_left == 0;
        bool stuck = read == 0 && out == 0;
        if (opened == OPENED_BAD || (last_bytes && stuck && opened == OPENED_MORE)) {
            unwrap_report(c, from, i, w->cannot_open, where);
            unwrap_lose(c, from, i);
        } else if (over) { /* a reader that reserves what was declared cannot open it */
            unwrap_report(c, from, i, w->cannot_open, where);
            unwrap_lose(c, from, i);
        } else if (opened == OPENED_END) {
            if (i->produced != i->wrap.declared)
                unwrap_report(c, from, i, w->size_differs, where);
            i->lost = done < payload.length || i->payload_left > 0; /* bytes after the end: readers pass over them */
            return;
        } else if (stuck) {
            return;
        }
    }
}

/* The CRC-32 behind a payload, least byte first. */
static bool sum_is_right(struct conversation *c, enum side from, struct inflater *i, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    uint32_t said = (uint32_t)i->trailer[0] | (uint32_t)i->trailer[1] << 8 | (uint32_t)i->trailer[2] << 16 | (uint32_t)i->trailer[3] << 24;
    if (said == i->sum)
        return true;
    struct findings *f = findings_begin(c, (uint64_t)i->wrap.header + i->wrap.payload + i->wrap.trailer);
    note_field(f, w->length, i->length.offset, i->length.length, i->length.value);
    report(f, (struct report){
                  .anomaly = (uint16_t)w->wrong_sum,
                  .field = (uint16_t)w->sum,
                  .relation = MUST_EQUAL,
                  .offset = i->wrap.header + i->wrap.payload,
                  .length = i->wrap.trailer,
                  .got = said,
                  .expected = i->sum,
                  .note = "the CRC-32 of the payload",
              });
    conversation_tell(c, from, view_of(i->header, i->wrap.header), &i->first, 0, where, NULL);
    return false;
}

/* All of the frame went by. */
static void frame_end(struct conversation *c, enum side from, struct inflater *i, const struct segment *where)
{
    bool sound = !i->wrap.trailer || i->torn || sum_is_right(c, from, i, where);
    i->in_payload = false;
    if (codec_is_block(i->wrap.codec) && !i->lost) {
        if (sound && !i->torn)
            unwrap_block(c, from, i, where);
        else
            unwrap_lose(c, from, i);
    }
    memory_give(c, i);
}

static void payload_bytes(struct conversation *c, enum side from, struct inflater *i, struct view payload, const struct segment *where)
{
    struct segment inside = *where;
    inside.stream_offset = i->first.stream_offset;
    i->payload_left -= (uint32_t)payload.length;
    if (i->wrap.trailer && !i->torn)
        i->sum = (uint32_t)crc32(i->sum, payload.bytes, (uInt)payload.length);
    if (i->wrap.codec == CODEC_STORED)
        conversation_bytes(c, from, payload, &inside);
    else if (codec_is_block(i->wrap.codec))
        unwrap_gather(i, payload);
    else if (!i->lost)
        frame_open(c, from, i, payload, &inside);
    if (i->payload_left == 0 && !i->wrap.trailer)
        frame_end(c, from, i, &inside);
}

static size_t trailer_bytes(struct conversation *c, enum side from, struct inflater *i, struct view bytes, const struct segment *where)
{
    struct view more = view_head(bytes, i->wrap.trailer - i->trailer_have);
    memcpy(i->trailer + i->trailer_have, more.bytes, more.length);
    i->trailer_have = (uint8_t)(i->trailer_have + more.length);
    if (i->trailer_have == i->wrap.trailer) {
        struct segment inside = *where;
        inside.stream_offset = i->first.stream_offset;
        frame_end(c, from, i, &inside);
    }
    return more.length;
}

/* The header is read: what follows it? */
static void frame_begin(struct conversation *c, enum side from, struct inflater *i, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    i->payload_left = i->wrap.payload;
    i->produced = 0;
    i->trailer_have = 0;
    i->torn = i->lost = false;
    if (i->wrap.trailer)
        i->sum = (uint32_t)crc32(0, w->crc_start, sizeof w->crc_start);
    i->in_payload = i->payload_left + i->wrap.trailer > 0;
    if (i->wrap.starts)
        conversation_restart(c, from);
    if (i->in_payload && i->payload_left && !codec_begin(c, i))
        unwrap_lose(c, from, i);
    if (i->wrap.header_is_content && i->wrap.codec == CODEC_STORED) {
        struct segment inside = *where;
        inside.stream_offset = i->first.stream_offset;
        conversation_bytes(c, from, view_of(i->header, i->wrap.header), &inside);
        if (c->sides[from].reading == SEARCHING && w->resync) /* no header, so nothing that follows it is what it says */
            unwrap_search(c, from, i);
    }
}

/* Gathers the header. */
static size_t header_bytes(struct conversation *c, enum side from, struct inflater *i, struct view bytes, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    uint32_t length = w->header_of ? w->header_of(c->state, from) : w->header;
    if (i->header_have == 0) {
        i->first = *where;
        c->sides[from].incomplete_told = false;
    }
    struct view more = view_head(bytes, length - i->header_have);
    memcpy(i->header + i->header_have, more.bytes, more.length);
    i->header_have += (uint32_t)more.length;
    if (i->header_have < length)
        return more.length;
    i->header_have = 0;
    i->wrap = (struct wrap){.header = length};
    struct findings *f = findings_begin(c, length);
    enum verdict verdict = w->head(c->state, from, cursor_over(view_of(i->header, length)), &i->wrap, f);
    for (unsigned k = 0; k < f->fields_used; k++)
        if (f->fields[k].field == w->declared)
            i->declared = f->fields[k];
        else if (f->fields[k].field == w->length)
            i->length = f->fields[k];
    if (f->reports_used)
        conversation_tell(c, from, view_of(i->header, length), &i->first, 0, where, NULL);
    if (verdict == VERDICT_BROKEN && w->resync)
        unwrap_search(c, from, i);
    else if (verdict != VERDICT_OK)
        c->transport = TRANSPORT_OPAQUE;
    else
        frame_begin(c, from, i, where);
    return more.length;
}

/* Where frames begin is not known any more. */
static void unwrap_search(struct conversation *c, enum side from, struct inflater *i)
{
    memory_give(c, i);
    i->in_payload = false;
    i->header_have = 0;
    i->searching = true;
    conversation_gap(c, from, 0); /* how much of the content is gone is not known */
}

/* The bytes before the next frame; all of them when none begins here. */
static size_t search_frame(struct conversation *c, enum side from, struct inflater *i, struct view bytes, const struct segment *where)
{
    size_t offset = 0;
    if (c->decoder->wrapper->resync(c->state, from, cursor_over(bytes), &offset) && offset < bytes.length)
        i->searching = false;
    else
        offset = bytes.length;
    if (offset)
        sight_passed(c, from, offset, where);
    if (from == FROM_CLIENT && c->session.phase == PHASE_PRE_AUTH && offset)
        secret_keep(c, from, where->stream_offset, offset);
    return offset;
}

void unwrap_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    if (!side->inflater && (side->inflater = pool_take(&c->dialogue->inflaters)))
        side->inflater->searching = c->decoder->wrapper->resync && side->reading != READING;
    struct inflater *i = side->inflater;
    if (!i) {
        c->transport = TRANSPORT_OPAQUE;
        c->torn = c->blind_told = true;
        sight_shed(c->dialogue, c->flow, c->decoder, from, where);
        sight_passed(c, from, bytes.length, where);
        return;
    }
    size_t done = 0;
    while (done < bytes.length && c->transport == TRANSPORT_WRAPPED) {
        struct segment here = *where;
        here.stream_offset += done;
        struct view rest = view_from(bytes, done);
        if (i->searching) {
            done += search_frame(c, from, i, rest, &here);
        } else if (i->in_payload && i->payload_left == 0) {
            done += trailer_bytes(c, from, i, rest, &here);
        } else if (i->in_payload) {
            struct view payload = view_head(rest, i->payload_left);
            payload_bytes(c, from, i, payload, &here);
            done += payload.length;
        } else {
            done += header_bytes(c, from, i, rest, &here);
        }
    }
    if (unwrap_is_open(i))
        waiting_join(c->dialogue, side, where->time_ns);
    if (done < bytes.length)
        (c->sealed ? dialogue_inside : dialogue_route)(c, from, view_from(bytes, done), where);
}

/* A hole in the frames. */
void unwrap_gap(struct conversation *c, enum side from, uint64_t lost)
{
    struct inflater *i = c->sides[from].inflater;
    if (i && i->in_payload && lost <= (uint64_t)i->payload_left + (i->wrap.trailer - i->trailer_have)) {
        uint32_t of_payload = lost < i->payload_left ? (uint32_t)lost : i->payload_left;
        i->payload_left -= of_payload;
        i->trailer_have = (uint8_t)(i->trailer_have + (lost - of_payload));
        i->torn = true;
        if (i->wrap.codec != CODEC_STORED && !i->lost)
            unwrap_lose(c, from, i);
        else if (i->wrap.codec == CODEC_STORED && of_payload)
            conversation_gap(c, from, of_payload);
        if (i->payload_left == 0 && i->trailer_have == i->wrap.trailer) {
            i->in_payload = false;
            memory_give(c, i);
        }
        return;
    }
    if (i && c->decoder->wrapper->resync)
        unwrap_search(c, from, i);
    else if (c->decoder->wrapper->resync)
        conversation_gap(c, from, lost);
    else {
        c->transport = TRANSPORT_OPAQUE;
        c->torn = true;
    }
}

void unwrap_close(struct conversation *c)
{
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++)
        if (c->sides[from].inflater) {
            memory_give(c, c->sides[from].inflater);
            pool_give(&c->dialogue->inflaters, c->sides[from].inflater);
        }
}
