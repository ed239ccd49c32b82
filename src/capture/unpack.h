/* Compressed captures: gzip (RFC 1952) and Zstandard (RFC 8878), any number of members or frames one behind the other.
 * Recognised by their first bytes, whatever the file is called. */
#ifndef DBHOUND_CAPTURE_UNPACK_H
#define DBHOUND_CAPTURE_UNPACK_H

#include <stdbool.h>

#include "base/view.h"

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };
enum { PACKING_MAGIC_BYTES = 4 };

struct z_stream_s;
struct ZSTD_DCtx_s;

struct unpacker {
    enum packing packing;
    struct z_stream_s *gzip;
    struct ZSTD_DCtx_s *zstd;
    bool inside;   /* of a member or frame */
    bool padded;   /* only zeros may follow */
    size_t due;    /* bytes that zstd asked for next */
};

/* From the first PACKING_MAGIC_BYTES, or as many as the file has. */
enum packing unpack_recognise(struct view head);
/* False when there is no memory. */
bool unpack_open(struct unpacker *u, enum packing packing);
/* Takes bytes off the front of `packed` and puts what they say to `to`, at most `room` (not 0) bytes. Stops when
 * either is used up. Returns NULL, or why the bytes at the front of `packed` cannot be read. */
const char *unpack_some(struct unpacker *u, struct view *packed, uint8_t *to, size_t room, size_t *written);
/* Why input that ends here is damaged; NULL when it ends well. */
const char *unpack_end(const struct unpacker *u);
void unpack_close(struct unpacker *u);

#endif
