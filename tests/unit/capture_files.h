/* What the tests of the capture room share: capture files written as hex, and everything that a source says about them
 * as one line of text. */
#ifndef DBHOUND_TESTS_CAPTURE_FILES_H
#define DBHOUND_TESTS_CAPTURE_FILES_H

#include <inttypes.h>
#include <zlib.h>
#include <zstd.h>

#include "check.h"

#include "base/text.h"
#include "capture/source_memory.h"
#include "capture/unpack.h"

enum { TELL_BYTES = 1 << 16, READ_IN_PLACE = 0 };

static inline void tell_packets(struct text *t, struct source *s, size_t batch)
{
    struct raw_packet packets[16];
    assert_true(batch <= 16);
    for (size_t got; (got = source_read(s, packets, batch));) {
        assert_true(got <= batch);
        for (size_t i = 0; i < got; i++) {
            const struct raw_packet *p = &packets[i];
            assert_true(p->captured <= p->length);
            text_add(t, "%" PRIu64 " %" PRId64 " %u/%u %u.%u ", p->number, p->time_ns, p->captured, p->length, p->link_type,
                     p->interface);
            text_add_hex(t, view_of(p->bytes, p->captured), SIZE_MAX);
            text_add(t, "; ");
        }
    }
}

static inline void tell_damage(struct text *t, const struct source *s)
{
    struct source_damage damage;
    for (size_t i = 0; source_damage(s, i, &damage); i++)
        text_add(t, "@%" PRIu64 " %s; ", damage.offset, damage.reason);
}

static inline void tell_secrets(void *context, struct view text, uint64_t packets)
{
    text_add(context, "@after %" PRIu64 " ", packets);
    text_add_hex(context, text, SIZE_MAX);
    text_add(context, "; ");
}

/* "number time captured/length link.interface bytes; ... @after packets secrets; ... @offset reason; ..." */
static inline void tell(struct text *t, const struct view *files, size_t count, size_t read_most, size_t batch)
{
    struct error why;
    struct source *s = source_open_memory(files, count, read_most, &(struct source_options){0}, &why);
    static char memory[TELL_BYTES];
    struct text secrets = text_in(memory, sizeof memory);
    assert_non_null(s);
    source_on_secrets(s, tell_secrets, &secrets);
    tell_packets(t, s, batch);
    text_add(t, "%s", secrets.chars);
    tell_damage(t, s);
    source_close(s);
}

#define TELLING(name)                                                                                                  \
    static char name##_memory[TELL_BYTES];                                                                             \
    struct text name = text_in(name##_memory, sizeof name##_memory)

/* The same words however the bytes arrive. */
static inline void assert_told(const char *row, struct view file, const char *expected)
{
    static const struct {
        size_t read_most, batch;
    } ways[] = {{READ_IN_PLACE, 16}, {READ_IN_PLACE, 1}, {1, 16}, {7, 2}, {1 << 20, 3}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        TELLING(told);
        tell(&told, &file, 1, ways[i].read_most, ways[i].batch);
        if (strcmp(told.chars, expected) != 0)
            print_error("row \"%s\", way %zu\n", row, i);
        assert_string_equal(told.chars, expected);
    }
}

static inline struct view exact_copy(struct view bytes)
{
    uint8_t *copy = malloc(bytes.length ? bytes.length : 1);
    assert_non_null(copy);
    if (bytes.length)
        memcpy(copy, bytes.bytes, bytes.length);
    return view_of(copy, bytes.length);
}

/* Every shorter file delivers a beginning of the packets of the whole one, in place and as a stream alike. */
static inline void assert_prefixes_deliver_prefixes(struct view file, const char *packets)
{
    for (size_t length = 0; length < file.length; length++) {
        struct view prefix = exact_copy(view_head(file, length));
        TELLING(in_place);
        TELLING(streamed);
        tell(&in_place, &prefix, 1, READ_IN_PLACE, 16);
        tell(&streamed, &prefix, 1, 5, 2);
        assert_string_equal(in_place.chars, streamed.chars);
        char *damage = strchr(in_place.chars, '@');
        size_t delivered = damage ? (size_t)(damage - in_place.chars) : in_place.length;
        assert_true(strncmp(packets, in_place.chars, delivered) == 0);
        hex_free(prefix);
    }
}

/* Any change of one byte is read without harm, and in the same way in place and as a stream. */
static inline void assert_changes_are_harmless(struct view file)
{
    for (size_t at = 0; at < file.length; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct view changed = exact_copy(file);
            ((uint8_t *)(uintptr_t)changed.bytes)[at] = (uint8_t)value;
            TELLING(in_place);
            TELLING(streamed);
            tell(&in_place, &changed, 1, READ_IN_PLACE, 16);
            tell(&streamed, &changed, 1, 64, 16);
            assert_string_equal(in_place.chars, streamed.chars);
            hex_free(changed);
        }
    }
}

static inline struct view gzipped(struct view bytes)
{
    size_t room = bytes.length + 256;
    uint8_t *packed = malloc(room);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes.bytes;
    z.avail_in = (uInt)bytes.length;
    z.next_out = packed;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    struct view exact = exact_copy(view_of(packed, room - z.avail_out));
    deflateEnd(&z);
    free(packed);
    return exact;
}

static inline struct view zstd_packed(struct view bytes)
{
    size_t room = ZSTD_compressBound(bytes.length);
    uint8_t *packed = malloc(room);
    size_t length = ZSTD_compress(packed, room, bytes.bytes, bytes.length, 3);
    assert_false(ZSTD_isError(length));
    struct view exact = exact_copy(view_of(packed, length));
    free(packed);
    return exact;
}

static inline struct view joined(struct view a, struct view b)
{
    uint8_t *both = malloc(a.length + b.length + 1);
    if (a.length)
        memcpy(both, a.bytes, a.length);
    if (b.length)
        memcpy(both + a.length, b.bytes, b.length);
    return view_of(both, a.length + b.length);
}

#endif
