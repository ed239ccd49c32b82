/*
 * Compressed connections: frames whose payloads, opened, are the stream of messages (MySQL's compressed protocol).
 *
 * Payloads are opened as they arrive, into one scratch buffer, never kept. Output is bounded by what the frame declares,
 * so a bomb costs no more than an honest frame of that size; a frame that opens to another size is an anomaly.
 * Decompression is zlib's and zstd's; their memory comes from the inflater's own slot.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/dialogue.h"

/* zstd wants its window (256 KiB here, what most servers use for frames of a network buffer) and two blocks; larger
 * windows are passed over and counted. */
enum { CODEC_MEMORY = 768 * 1024, ZSTD_WINDOW_LOG_MAX = 18 };

struct inflater {
    uint8_t header[WRAP_HEADER_MAX];
    uint32_t header_have;
    bool in_payload;
    bool lost;             /* this frame's content cannot be given on: passed over */
    struct wrap wrap;
    uint32_t payload_left;
    uint32_t produced;
    struct field_value length, declared; /* where the header says how long the payload is, and what it opens to */
    struct segment first;  /* of the frame's header */
    z_stream zlib;
    ZSTD_DStream *zstd;
    size_t memory_used;
    _Alignas(16) uint8_t memory[CODEC_MEMORY];
};

/* Only the head of the slot needs to be clean; the codecs' memory does not. */
static struct inflater *inflater_take(struct dialogue *d)
{
    struct inflater *i = pool_take_dirty(&d->inflaters);
    if (i)
        memset(i, 0, offsetof(struct inflater, memory));
    return i;
}

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

bool unwrap_pool(struct dialogue *d, struct arena *from, size_t inflaters)
{
    return pool_open(&d->inflaters, from, sizeof(struct inflater), inflaters);
}

/* zlib takes its memory from the slot and gives it back all at once, at the next frame. */
static voidpf codec_take(voidpf slot, uInt items, uInt size)
{
    struct inflater *i = slot;
    size_t wanted = ((size_t)items * size + 15) & ~(size_t)15;
    if (wanted > sizeof i->memory - i->memory_used)
        return NULL;
    void *taken = i->memory + i->memory_used;
    i->memory_used += wanted;
    return taken;
}

static void codec_give(voidpf slot, voidpf memory)
{
    (void)slot;
    (void)memory;
}

static bool codec_begin(struct inflater *i)
{
    i->memory_used = 0;
    if (i->wrap.codec == CODEC_ZLIB) {
        i->zlib = (z_stream){.zalloc = codec_take, .zfree = codec_give, .opaque = i};
        return inflateInit(&i->zlib) == Z_OK;
    }
    if (i->wrap.codec == CODEC_ZSTD) {
        i->zstd = ZSTD_initStaticDStream(i->memory, sizeof i->memory);
        return i->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
    }
    return true;
}

enum opened { OPENED_MORE, OPENED_END, OPENED_TOO_LARGE, OPENED_BAD };

/* Opens some of `in` into the scratch buffer: how many bytes were read, how many came out. */
static enum opened codec_step(struct inflater *i, uint8_t *scratch, struct view in, size_t *read, size_t *out)
{
    if (i->wrap.codec == CODEC_ZLIB) {
        i->zlib.next_in = (z_const Bytef *)(uintptr_t)in.bytes;
        i->zlib.avail_in = (uInt)in.length;
        i->zlib.next_out = scratch;
        i->zlib.avail_out = OPENED_BYTES;
        int result = inflate(&i->zlib, Z_NO_FLUSH);
        *read = in.length - i->zlib.avail_in;
        *out = OPENED_BYTES - i->zlib.avail_out;
        return result == Z_STREAM_END ? OPENED_END : result == Z_OK || result == Z_BUF_ERROR ? OPENED_MORE : OPENED_BAD;
    }
    ZSTD_inBuffer from = {in.bytes, in.length, 0};
    ZSTD_outBuffer to = {scratch, OPENED_BYTES, 0};
    size_t result = ZSTD_decompressStream(i->zstd, &to, &from);
    *read = from.pos;
    *out = to.pos;
    if (ZSTD_isError(result)) {
        ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
        return code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation ? OPENED_TOO_LARGE : OPENED_BAD;
    }
    return result == 0 ? OPENED_END : OPENED_MORE;
}

static void frame_report(struct conversation *c, enum side from, struct inflater *i, enum anomaly anomaly, const struct segment *where)
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
static void frame_lose(struct conversation *c, enum side from, struct inflater *i)
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
            frame_lose(c, from, i);
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
            frame_report(c, from, i, w->cannot_open, where);
            frame_lose(c, from, i);
        } else if (over) { /* a reader that reserves what was declared cannot open it */
            frame_report(c, from, i, w->cannot_open, where);
            frame_lose(c, from, i);
        } else if (opened == OPENED_END) {
            if (i->produced != i->wrap.declared)
                frame_report(c, from, i, w->size_differs, where);
            i->lost = done < payload.length || i->payload_left > 0; /* bytes after the end: readers pass over them */
            return;
        } else if (stuck) {
            return;
        }
    }
}

static void payload_bytes(struct conversation *c, enum side from, struct inflater *i, struct view payload, const struct segment *where)
{
    struct segment inside = *where;
    inside.stream_offset = i->first.stream_offset;
    i->payload_left -= (uint32_t)payload.length;
    if (i->wrap.codec == CODEC_STORED)
        conversation_bytes(c, from, payload, &inside);
    else if (!i->lost)
        frame_open(c, from, i, payload, &inside);
    if (i->payload_left == 0)
        i->in_payload = false;
}

/* Gathers the header; true when the payload follows. */
static size_t header_bytes(struct conversation *c, enum side from, struct inflater *i, struct view bytes, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    if (i->header_have == 0) {
        i->first = *where;
        c->sides[from].incomplete_told = false;
    }
    struct view more = view_head(bytes, w->header - i->header_have);
    memcpy(i->header + i->header_have, more.bytes, more.length);
    i->header_have += (uint32_t)more.length;
    if (i->header_have < w->header)
        return more.length;
    i->header_have = 0;
    i->wrap = (struct wrap){0};
    struct findings *f = findings_begin(c, w->header);
    enum verdict verdict = w->head(c->state, from, cursor_over(view_of(i->header, w->header)), &i->wrap, f);
    for (unsigned k = 0; k < f->fields_used; k++)
        if (f->fields[k].field == w->declared)
            i->declared = f->fields[k];
        else if (f->fields[k].field == w->length)
            i->length = f->fields[k];
    if (f->reports_used)
        conversation_tell(c, from, view_of(i->header, w->header), &i->first, 0, where, NULL);
    if (verdict != VERDICT_OK) {
        c->transport = TRANSPORT_OPAQUE;
        return more.length;
    }
    i->payload_left = i->wrap.payload;
    i->produced = 0;
    i->in_payload = i->payload_left > 0;
    i->lost = i->in_payload && !codec_begin(i);
    return more.length;
}

void unwrap_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    if (!side->inflater)
        side->inflater = inflater_take(c->dialogue);
    struct inflater *i = side->inflater;
    if (!i) {
        c->transport = TRANSPORT_OPAQUE;
        count_many(c->dialogue->counters, COUNT_BYTES_UNSUPPORTED, bytes.length);
        return;
    }
    size_t done = 0;
    while (done < bytes.length && c->transport == TRANSPORT_WRAPPED) {
        struct segment here = *where;
        here.stream_offset += done;
        struct view rest = view_from(bytes, done);
        if (i->in_payload) {
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
        dialogue_route(c, from, view_from(bytes, done), where);
}

/* A hole in the frames: where the next header is cannot be known, so the rest is only counted. */
void unwrap_gap(struct conversation *c, enum side from, uint64_t lost)
{
    struct inflater *i = c->sides[from].inflater;
    if (i && i->in_payload && lost <= i->payload_left) {
        i->payload_left -= (uint32_t)lost;
        i->in_payload = i->payload_left > 0;
        if (!i->lost)
            frame_lose(c, from, i);
        return;
    }
    c->transport = TRANSPORT_OPAQUE;
}

void unwrap_close(struct conversation *c)
{
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++)
        if (c->sides[from].inflater)
            pool_give(&c->dialogue->inflaters, c->sides[from].inflater);
}
