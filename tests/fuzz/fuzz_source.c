/* Any bytes as a capture file. Read in place and as a stream of small pieces, they give the same packets and the same
 * damage, and every byte of every packet can be touched. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/source_memory.h"
#include "capture/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BATCH = 32, PACKETS_MOST = 100000 };

struct reading {
    struct source *source;
    struct raw_packet batch[BATCH];
    size_t got, at;
};

static volatile uint8_t touched;

static void touch(void *context, struct view text, uint64_t packets)
{
    (void)context;
    (void)packets;
    for (size_t i = 0; i < text.length; i++)
        touched ^= text.bytes[i];
}

static struct reading begin(const struct view *file, size_t read_most, const char *filter)
{
    struct error why;
    struct reading r = {0};
    r.source = source_open_memory(file, 1, read_most, &(struct source_options){.filter = filter}, &why);
    if (!r.source)
        abort();
    source_on_secrets(r.source, touch, NULL);
    return r;
}

static const struct raw_packet *next(struct reading *r, size_t most)
{
    if (r->at == r->got) {
        r->got = source_read(r->source, r->batch, most);
        r->at = 0;
    }
    return r->got ? &r->batch[r->at++] : NULL;
}

static void must_be_same(const struct raw_packet *a, const struct raw_packet *b)
{
    if (!a || !b || a->captured != b->captured || a->length != b->length || a->captured > a->length ||
        a->time_ns != b->time_ns || a->number != b->number || a->link_type != b->link_type ||
        a->interface != b->interface || (a->captured && memcmp(a->bytes, b->bytes, a->captured) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A block of exactly the size, so that a read behind it is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        return 0;
    if (size)
        memcpy(exact, data, size);
    struct view file = view_of(exact, size);
    size_t pieces = size ? 1 + data[size - 1] % 64u : 1;
    struct reading a = begin(&file, 0, NULL), b = begin(&file, pieces, NULL), c = begin(&file, 0, "tcp port 3306");
    for (size_t i = 0; i < PACKETS_MOST; i++) {
        const struct raw_packet *one = next(&a, BATCH), *two = next(&b, 1 + i % BATCH);
        if (!one && !two)
            break;
        must_be_same(one, two);
    }
    for (size_t i = 0; i < PACKETS_MOST && next(&c, BATCH); i++) {
    }
    if (!a.got && !b.got) {
        /* What a damaged packing opens to may be wrong before the damage is reached: both reasons are true then. */
        const bool plain = unpack_recognise(file) == PACKING_NONE;
        struct source_damage one, two;
        for (size_t i = 0; source_damage(a.source, i, &one); i++)
            if (!source_damage(b.source, i, &two) || one.offset != two.offset || (plain && strcmp(one.reason, two.reason) != 0))
                abort();
    }
    source_close(a.source);
    source_close(b.source);
    source_close(c.source);
    free(exact);
    return 0;
}
