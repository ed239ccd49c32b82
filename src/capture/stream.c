/* Streams: see capture/stream.h. */
#include "capture/stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

bool stream_reserve(struct stream_buffers *b)
{
    b->window = reserve(STREAM_WINDOW_BYTES);
    b->packed = reserve(STREAM_READ_BYTES);
    return b->window && b->packed;
}

void stream_release(struct stream_buffers *b)
{
    if (b->window)
        munmap(b->window, STREAM_WINDOW_BYTES);
    if (b->packed)
        munmap(b->packed, STREAM_READ_BYTES);
    *b = (struct stream_buffers){0};
}

void stream_open(struct stream *s, struct stream_buffers buffers, int descriptor, struct view memory)
{
    *s = (struct stream){
        .buffers = buffers, .descriptor = descriptor, .memory = memory, .read_most = STREAM_READ_BYTES};
}

static bool stream_fail(struct stream *s, const char *damage)
{
    s->over = true;
    s->damage = damage;
    return false;
}

/* Bytes of the file as they are; 0 at its end or when it cannot be read on. */
static size_t stream_take(struct stream *s, uint8_t *to, size_t room)
{
    size_t most = room < s->read_most ? room : s->read_most;
    size_t got = 0;
    if (s->descriptor < 0) {
        got = most < s->memory.length ? most : s->memory.length;
        if (got)
            memcpy(to, s->memory.bytes, got);
        s->memory = view_from(s->memory, got);
    } else {
        ssize_t read_bytes;
        do {
            read_bytes = read(s->descriptor, to, most);
        } while (read_bytes < 0 && errno == EINTR);
        if (read_bytes < 0)
            stream_fail(s, "the file cannot be read on");
        else
            got = (size_t)read_bytes;
    }
    s->taken += got;
    if (got == 0)
        s->over = true;
    return got;
}

/* The first bytes say whether the rest is compressed. They are read to the window, where plain files want them. */
static bool stream_begin(struct stream *s)
{
    uint8_t *window = s->buffers.window;
    while (s->length < PACKING_MAGIC_BYTES) {
        size_t got = stream_take(s, window + s->length, STREAM_READ_BYTES - s->length);
        if (got == 0)
            break;
        s->length += got;
    }
    s->begun = true;
    enum packing packing = unpack_recognise(view_of(window, s->length));
    if (packing == PACKING_NONE)
        return s->length > 0;
    memcpy(s->buffers.packed, window, s->length);
    s->packed = view_of(s->buffers.packed, s->length);
    s->length = 0;
    if (!unpack_open(&s->unpacker, packing))
        return stream_fail(s, "no memory to decompress");
    s->over = false;
    return true;
}

static bool stream_unpack(struct stream *s, uint8_t *to, size_t room)
{
    size_t written = 0;
    do {
        if (!s->packed.length && !s->held_back) {
            size_t got = stream_take(s, s->buffers.packed, STREAM_READ_BYTES);
            if (got == 0) {
                s->damage = s->damage ? s->damage : unpack_end(&s->unpacker);
                return false;
            }
            s->packed = view_of(s->buffers.packed, got);
        }
        const char *wrong = unpack_some(&s->unpacker, &s->packed, to, room, &written);
        s->held_back = written == room;
        if (wrong)
            stream_fail(s, wrong);
    } while (written == 0 && !s->over);
    s->length += written;
    return written > 0;
}

bool stream_advance(struct stream *s, size_t at)
{
    assert(at <= s->length);
    uint8_t *window = s->buffers.window;
    if (at) {
        memmove(window, window + at, s->length - at);
        s->length -= at;
        s->offset += at;
    }
    if (!s->begun) {
        if (!stream_begin(s))
            return false;
        if (s->unpacker.packing == PACKING_NONE)
            return true;
    }
    if (s->over)
        return false;
    size_t room = STREAM_WINDOW_BYTES - s->length;
    assert(room > 0);
    room = room < STREAM_READ_BYTES ? room : STREAM_READ_BYTES;
    if (s->unpacker.packing != PACKING_NONE)
        return stream_unpack(s, window + s->length, room);
    size_t got = stream_take(s, window + s->length, room);
    s->length += got;
    return got > 0;
}

void stream_close(struct stream *s)
{
    unpack_close(&s->unpacker);
    *s = (struct stream){.descriptor = -1};
}
