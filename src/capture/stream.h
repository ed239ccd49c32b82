/* A capture that is read from its beginning to its end through one buffer: pipes, standard input, compressed files, and
 * whatever cannot be mapped. */
#ifndef DBHOUND_CAPTURE_STREAM_H
#define DBHOUND_CAPTURE_STREAM_H

#include "capture/unpack.h"

enum {
    STREAM_WINDOW_BYTES = 17 * 1024 * 1024, /* holds the largest record and its header */
    STREAM_READ_BYTES = 256 * 1024,
};

/* Memory for one stream at a time, reserved once; pages are used only as far as records reach. */
struct stream_buffers {
    uint8_t *window;
    uint8_t *packed;
};

struct stream {
    struct stream_buffers buffers;
    int descriptor;       /* -1: reads from `memory` */
    struct view memory;   /* what is left of it */
    size_t read_most;     /* bytes asked for at a time */
    uint64_t taken;       /* bytes read from the file itself, compressed or not */
    struct view packed;   /* bytes that were read and not yet decompressed */
    struct unpacker unpacker;
    bool begun;           /* the packing is known */
    bool held_back;       /* the last decompression filled its room */
    bool over;            /* nothing more comes */
    const char *damage;   /* why nothing more comes, unless the file just ended */
    size_t length;        /* of what lies in the window */
    uint64_t offset;      /* of the window's first byte in the uncompressed file */
};

bool stream_reserve(struct stream_buffers *b);
void stream_release(struct stream_buffers *b);
/* Begins to read a descriptor, or memory when it is -1. */
void stream_open(struct stream *s, struct stream_buffers buffers, int descriptor, struct view memory);
/* Moves the window on to `at` (bytes before are gone) and reads more behind it. False when nothing more comes. May wait
 * for a pipe. */
bool stream_advance(struct stream *s, size_t at);
void stream_close(struct stream *s);

#endif
