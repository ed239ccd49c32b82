/*
 * One compressed message opened at once, see unpack_message in proto/decoder.h: for protocols that compress each message by
 * itself. What it may cost is bounded, memory is taken at the start, and the codecs are zlib's, zstd's and snappy's own.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/dialogue.h"

enum { FRONT_MAX = 16, ZLIB_MEMORY = 64 * 1024, ZSTD_MEMORY = 256 * 1024 };

struct unpacker {
    ZSTD_DCtx *zstd;
    size_t zlib_used;
    _Alignas(16) uint8_t zlib_memory[ZLIB_MEMORY];
    _Alignas(16) uint8_t zstd_memory[ZSTD_MEMORY];
    uint8_t bytes[FRONT_MAX + UNPACK_BYTES_MAX];
};

struct unpacker *unpacker_open(struct arena *from)
{
    struct unpacker *u = arena_take(from, sizeof *u);
    if (u)
        u->zstd = ZSTD_initStaticDCtx(u->zstd_memory, sizeof u->zstd_memory);
    return u;
}

/* zlib takes its memory from here and gives it back all at once, at the next message. */
static voidpf zlib_take(voidpf from, uInt items, uInt size)
{
    struct unpacker *u = from;
    size_t wanted = ((size_t)items * size + 15) & ~(size_t)15;
    if (wanted > sizeof u->zlib_memory - u->zlib_used)
        return NULL;
    void *taken = u->zlib_memory + u->zlib_used;
    u->zlib_used += wanted;
    return taken;
}

static void zlib_give(voidpf from, voidpf memory)
{
    (void)from;
    (void)memory;
}

/* `room` for what comes out. Bytes behind the end of the compressed stream are passed over, as uncompress() does. */
static void open_zlib(struct unpacker *u, struct view in, bool whole, uint8_t *room, struct unpacked *out)
{
    z_stream zlib = {.zalloc = zlib_take, .zfree = zlib_give, .opaque = u};
    u->zlib_used = 0;
    if (inflateInit(&zlib) != Z_OK)
        return;
    zlib.next_in = (z_const Bytef *)(uintptr_t)in.bytes;
    zlib.avail_in = (uInt)in.length;
    zlib.next_out = room;
    zlib.avail_out = UNPACK_BYTES_MAX;
    int result = inflate(&zlib, whole ? Z_FINISH : Z_SYNC_FLUSH);
    bool full = zlib.avail_out == 0;
    out->size = UNPACK_BYTES_MAX - zlib.avail_out;
    out->size_known = result == Z_STREAM_END;
    if (result == Z_STREAM_END)
        out->how = UNPACKED_WHOLE;
    else if ((result == Z_OK || result == Z_BUF_ERROR) && (full || !whole))
        out->how = UNPACKED_HEAD;
    else
        out->how = UNPACKED_WRONG;
}

static void open_zstd(struct unpacker *u, struct view in, bool whole, uint8_t *room, struct unpacked *out)
{
    unsigned long long says = ZSTD_getFrameContentSize(in.bytes, in.length);
    if (says == ZSTD_CONTENTSIZE_ERROR) {
        out->how = whole || in.length >= ZSTD_FRAMEHEADERSIZE_MAX ? UNPACKED_WRONG : UNPACKED_NOT;
        return;
    }
    out->size_known = says != ZSTD_CONTENTSIZE_UNKNOWN;
    out->size = out->size_known ? says : 0;
    if (!u->zstd || !whole || (out->size_known && says > UNPACK_BYTES_MAX))
        return;
    size_t opened = ZSTD_decompressDCtx(u->zstd, room, UNPACK_BYTES_MAX, in.bytes, in.length);
    if (ZSTD_isError(opened)) {
        out->how = UNPACKED_WRONG;
        out->size_known = false;
        return;
    }
    out->how = UNPACKED_WHOLE;
    out->size = opened;
    out->size_known = true;
}

/* Snappy says its size first, and can only be opened as a whole. */
static void open_snappy(struct view in, bool whole, uint8_t *room, struct unpacked *out)
{
    const char *bytes = (const char *)in.bytes;
    size_t size = 0;
    if (snappy_uncompressed_length(bytes, in.length, &size) != SNAPPY_OK) {
        out->how = UNPACKED_WRONG;
        return;
    }
    out->size = size;
    out->size_known = true;
    if (!whole)
        return;
    if (size > UNPACK_BYTES_MAX) {
        /* Without an output this costs what the input is long. */
        out->how = snappy_validate_compressed_buffer(bytes, in.length) == SNAPPY_OK ? UNPACKED_NOT : UNPACKED_WRONG;
        return;
    }
    size_t capacity = UNPACK_BYTES_MAX;
    out->how = snappy_uncompress(bytes, in.length, (char *)room, &capacity) == SNAPPY_OK ? UNPACKED_WHOLE : UNPACKED_WRONG;
}

static void open_stored(struct view in, bool whole, uint8_t *room, struct unpacked *out)
{
    struct view kept = view_head(in, UNPACK_BYTES_MAX);
    if (kept.length)
        memcpy(room, kept.bytes, kept.length);
    out->size = in.length;
    out->size_known = whole;
    out->how = whole && kept.length == in.length ? UNPACKED_WHOLE : UNPACKED_HEAD;
}

struct unpacked unpack_message(struct findings *out, enum codec codec, struct view payload, bool whole, struct view front)
{
    struct unpacker *u = out->unpacker;
    struct unpacked opened = {.how = UNPACKED_NOT};
    if (!u || front.length > FRONT_MAX)
        return opened;
    memcpy(u->bytes, front.bytes, front.length);
    uint8_t *room = u->bytes + front.length;
    switch (codec) {
    case CODEC_STORED:
        open_stored(payload, whole, room, &opened);
        break;
    case CODEC_ZLIB:
        open_zlib(u, payload, whole, room, &opened);
        break;
    case CODEC_ZSTD:
        open_zstd(u, payload, whole, room, &opened);
        break;
    case CODEC_SNAPPY:
        open_snappy(payload, whole, room, &opened);
        break;
    case CODEC_LZ4: /* no protocol has messages of it so far */
        break;
    }
    if (opened.how == UNPACKED_WHOLE || opened.how == UNPACKED_HEAD)
        opened.bytes = view_of(u->bytes, front.length + (size_t)(opened.size < UNPACK_BYTES_MAX ? opened.size : UNPACK_BYTES_MAX));
    return opened;
}
