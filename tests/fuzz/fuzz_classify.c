/*
 * Any bytes to libndpi, as connections that no decoder claims give them to it: chunks of one byte that says the side and two of
 * length. What it allocates for a connection must be given back at its end, whenever that comes.
 */
#include <stdlib.h>

#include "base/cursor.h"
#include "proto/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static struct classifier *classifier;
    struct error why;
    if (!classifier && (!arena_open(&arena, 2 << 20, &why) || !(classifier = classifier_open(&arena))))
        abort();
    struct cursor c = cursor_over(view_of(data, size));
    struct flow flow = {.client.port = 40000};
    struct segment where = {.time_ns = 1700000000000000000};
    uint64_t offset[2] = {0}, risks;
    flow.server.port = take_u16be(&c);
    struct classified *of = classified_begin(classifier);
    if (!of)
        abort();
    bool done = false;
    while (!done && cursor_left(&c) >= 3) {
        enum side from = take_u8(&c) & 1 ? FROM_SERVER : FROM_CLIENT;
        uint16_t length = take_u16le(&c);
        struct view bytes = take_view(&c, length < cursor_left(&c) ? length : cursor_left(&c));
        uint8_t *exact = malloc(bytes.length ? bytes.length : 1);
        if (!exact)
            abort();
        memcpy(exact, bytes.bytes, bytes.length);
        where.stream_offset = offset[from];
        offset[from] += bytes.length;
        if (bytes.length)
            done = classified_bytes(classifier, of, &flow, from, view_of(exact, bytes.length), &where);
        if (bytes.length && offset[from] == bytes.length)
            (void)classify_once(classifier, &flow, from, view_of(exact, bytes.length), &where);
        free(exact);
    }
    (void)classified_end(classifier, of, &risks);
    return 0;
}
