/* The inside of unwrap*.c: one direction of a wrapped connection, and the memory that a codec takes for one frame. */
#ifndef DBHOUND_SRC_PROTO_UNWRAP_H
#define DBHOUND_SRC_PROTO_UNWRAP_H

#define ZSTD_STATIC_LINKING_ONLY
#include <zlib.h>
#include <zstd.h>

#include "proto/dialogue.h"

enum {
    CODEC_MEMORY = 768 * 1024,
    BLOCK_IN_MAX = 256 * 1024, /* of an LZ4 or Snappy block that is opened, and what it opens to: */
    BLOCK_OUT_MAX = CODEC_MEMORY - BLOCK_IN_MAX - WRAP_HEADER_MAX,
};

struct codec_memory {
    z_stream zlib;
    ZSTD_DStream *zstd;
    size_t used;
    _Alignas(16) uint8_t bytes[CODEC_MEMORY];
};

struct inflater {
    uint8_t header[WRAP_HEADER_MAX];
    uint32_t header_have;
    bool searching;        /* for the beginning of a frame */
    bool in_payload;       /* or in the trailer */
    bool lost;             /* this frame's content cannot be given on: passed over */
    bool torn;             /* bytes of it were lost on the way */
    uint8_t trailer_have;
    uint8_t trailer[4];
    uint32_t sum;          /* of the payload so far */
    struct wrap wrap;
    uint32_t payload_left;
    uint32_t produced;
    struct field_value length, declared; /* where the header says how long the payload is, and what it opens to */
    struct segment first;  /* of the frame's header */
    struct codec_memory *codec;
};

static inline bool codec_is_block(enum codec codec)
{
    return codec == CODEC_SNAPPY || codec == CODEC_LZ4;
}

/* It opens to another size than it declares, or not at all. */
void unwrap_report(struct conversation *c, enum side from, struct inflater *i, enum anomaly anomaly, const struct segment *where);
/* The content of a frame cannot be followed: to the messages inside it is a gap. */
void unwrap_lose(struct conversation *c, enum side from, struct inflater *i);
/* unwrap_block.c: keeps bytes of a block; opens it when it is whole. */
void unwrap_gather(struct inflater *i, struct view payload);
void unwrap_block(struct conversation *c, enum side from, struct inflater *i, const struct segment *where);

#endif
