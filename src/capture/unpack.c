/* Decompression in steps: see capture/unpack.h. The libraries bound their own memory: 32 KiB of history for gzip, at most
 * 128 MiB for zstd (its default limit; frames that want more are refused). */
#include "capture/unpack.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    GZIP_MAGIC_0 = 0x1f,
    GZIP_MAGIC_1 = 0x8b,
    GZIP_ONLY = 15 + 16, /* inflateInit2: the largest window, and a gzip header is required */
};

static uint32_t little_endian(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

enum packing unpack_recognise(struct view head)
{
    if (head.length >= 2 && head.bytes[0] == GZIP_MAGIC_0 && head.bytes[1] == GZIP_MAGIC_1)
        return PACKING_GZIP;
    if (head.length < PACKING_MAGIC_BYTES)
        return PACKING_NONE;
    uint32_t magic = little_endian(head.bytes);
    bool skippable = (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
    return magic == ZSTD_MAGICNUMBER || skippable ? PACKING_ZSTD : PACKING_NONE;
}

bool unpack_open(struct unpacker *u, enum packing packing)
{
    *u = (struct unpacker){.packing = packing, .inside = true};
    if (packing == PACKING_GZIP) {
        u->gzip = calloc(1, sizeof *u->gzip);
        if (u->gzip && inflateInit2(u->gzip, GZIP_ONLY) != Z_OK) {
            free(u->gzip);
            u->gzip = NULL;
        }
        return u->gzip != NULL;
    }
    u->zstd = ZSTD_createDCtx();
    return u->zstd != NULL;
}

/* Between members: another one, or the zeros with which tapes and some tools fill up. */
static const char *gzip_between(struct unpacker *u, struct view *packed)
{
    while (packed->length && packed->bytes[0] == 0) {
        u->padded = true;
        *packed = view_from(*packed, 1);
    }
    if (!packed->length)
        return NULL;
    if (u->padded || packed->bytes[0] != GZIP_MAGIC_0)
        return "bytes that are not gzip after the compressed data";
    inflateReset(u->gzip);
    u->inside = true;
    return NULL;
}

/* Both are called once even without input: what did not fit last time is still inside the library. */
static const char *gzip_some(struct unpacker *u, struct view *packed, uint8_t *to, size_t room, size_t *written)
{
    z_stream *z = u->gzip;
    do {
        if (!u->inside) {
            const char *wrong = gzip_between(u, packed);
            if (wrong || !u->inside)
                return wrong;
        }
        uInt in = packed->length < UINT32_MAX ? (uInt)packed->length : UINT32_MAX;
        uInt out = room - *written < UINT32_MAX ? (uInt)(room - *written) : UINT32_MAX;
        z->next_in = (Bytef *)(uintptr_t)packed->bytes;
        z->avail_in = in;
        z->next_out = to + *written;
        z->avail_out = out;
        int said = inflate(z, Z_NO_FLUSH);
        *packed = view_from(*packed, in - z->avail_in);
        *written += out - z->avail_out;
        if (said == Z_STREAM_END)
            u->inside = false;
        else if (said == Z_MEM_ERROR)
            return "no memory to decompress";
        else if (said != Z_OK && said != Z_BUF_ERROR)
            return "damaged gzip data";
    } while (packed->length && *written < room);
    return NULL;
}

/* A call that fails gives nothing of what it decompressed before it failed. So a call gets no more than the block that
 * is due: the library's hint without the header of the next block, which the hint includes. */
static size_t zstd_portion(const struct unpacker *u, size_t left)
{
    enum { FRAME_START = 5, BLOCK_HEADER = 3 };
    size_t due = u->due > BLOCK_HEADER ? u->due - BLOCK_HEADER : u->due ? u->due : FRAME_START;
    return left < due ? left : due;
}

static const char *zstd_some(struct unpacker *u, struct view *packed, uint8_t *to, size_t room, size_t *written)
{
    ZSTD_outBuffer out = {to, room, 0};
    do {
        size_t written_before = out.pos;
        ZSTD_inBuffer in = {packed->bytes, zstd_portion(u, packed->length), 0};
        size_t due = ZSTD_decompressStream(u->zstd, &out, &in);
        if (ZSTD_isError(due))
            return "damaged or unsupported zstd data";
        if (in.pos == 0 && out.pos == written_before)
            break;
        u->due = due;
        u->inside = due != 0;
        *packed = view_from(*packed, in.pos);
        *written = out.pos;
    } while (packed->length && out.pos < out.size);
    return NULL;
}

const char *unpack_some(struct unpacker *u, struct view *packed, uint8_t *to, size_t room, size_t *written)
{
    *written = 0;
    return u->packing == PACKING_GZIP ? gzip_some(u, packed, to, room, written)
                                      : zstd_some(u, packed, to, room, written);
}

const char *unpack_end(const struct unpacker *u)
{
    return u->inside ? "the compressed data ends early" : NULL;
}

void unpack_close(struct unpacker *u)
{
    if (u->gzip) {
        inflateEnd(u->gzip);
        free(u->gzip);
    }
    ZSTD_freeDCtx(u->zstd);
    *u = (struct unpacker){0};
}
