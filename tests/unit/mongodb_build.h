/*
 * MongoDB messages written as text: BSON from a small notation, headers, sections, compression. Everything is made in one
 * buffer that lives as long as the test.
 *
 *   {find: 'orders', limit: 5, skip: 7L, ratio: 1.5, all: true, none: null, list: [1, 2], id: o, raw: x05'00ff'}
 *   int32, int64 (L), double, a date (D) and a timestamp (T) as numbers; o: an ObjectId; xNN'...': a binary of subtype NN
 */
#ifndef DBHOUND_TESTS_MONGODB_BUILD_H
#define DBHOUND_TESTS_MONGODB_BUILD_H

#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "check.h"
#include "model/name.h"

enum { BUILD_BYTES = 4 << 20, BUILD_DEPTH = 250 };

static uint8_t build_memory[BUILD_BYTES];
static size_t build_used;

static inline void build_byte(uint8_t byte)
{
    assert_true(build_used < BUILD_BYTES);
    build_memory[build_used++] = byte;
}

static inline void build_bytes(const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        build_byte(((const uint8_t *)bytes)[i]);
}

static inline void build_number(uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        build_byte((uint8_t)(value >> 8 * i));
}

static inline void build_put(size_t at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        build_memory[at + i] = (uint8_t)(value >> 8 * i);
}

static inline const char *build_blank(const char *c)
{
    while (*c == ' ' || *c == ',')
        c++;
    return c;
}

/* A value at `c`; its type goes to `type_at`. Returns what follows; documents are opened by the caller. */
static inline const char *build_scalar(const char *c, size_t type_at)
{
    char *end;
    if (*c == '\'') {
        const char *last = strchr(c + 1, '\'');
        build_memory[type_at] = BSON_STRING;
        build_number((uint64_t)(last - c), 4);
        build_bytes(c + 1, (size_t)(last - c - 1));
        build_byte(0);
        return last + 1;
    }
    if (*c == 'x') {
        struct view bytes;
        const char *last = strchr(c + 4, '\'');
        char digits[512];
        assert_true((size_t)(last - c - 4) < sizeof digits);
        memcpy(digits, c + 4, (size_t)(last - c - 4));
        digits[last - c - 4] = 0;
        bytes = hex(digits);
        build_memory[type_at] = BSON_BINARY;
        build_number(bytes.length, 4);
        build_byte((uint8_t)(hex_digit(c[1]) << 4 | hex_digit(c[2])));
        build_bytes(bytes.bytes, bytes.length);
        hex_free(bytes);
        return last + 1;
    }
    if (strncmp(c, "true", 4) == 0 || strncmp(c, "false", 5) == 0) {
        build_memory[type_at] = BSON_BOOLEAN;
        build_byte(*c == 't');
        return c + (*c == 't' ? 4 : 5);
    }
    if (strncmp(c, "null", 4) == 0) {
        build_memory[type_at] = BSON_NULL;
        return c + 4;
    }
    if (*c == 'o') {
        build_memory[type_at] = BSON_OBJECT_ID;
        build_bytes("\x65\x00\x00\x00\x01\x02\x03\x04\x05\x00\x00\x01", 12);
        return c + 1;
    }
    double real = strtod(c, &end);
    bool whole = memchr(c, '.', (size_t)(end - c)) == NULL;
    if (!whole) {
        build_memory[type_at] = BSON_DOUBLE;
        build_bytes(&real, 8);
        return end;
    }
    long long value = strtoll(c, &end, 10);
    bool wide = *end == 'L' || *end == 'D' || *end == 'T';
    build_memory[type_at] = (uint8_t)(*end == 'L' ? BSON_INT64 : *end == 'D' ? BSON_DATE : *end == 'T' ? BSON_TIMESTAMP : BSON_INT32);
    build_number((uint64_t)value, wide ? 8 : 4);
    return end + wide;
}

/* Appends a document. */
static inline void build_document(const char *c)
{
    struct {
        size_t at;
        unsigned index;
        char close;
    } open[BUILD_DEPTH];
    unsigned depth = 0;
    c = build_blank(c);
    assert_true(*c == '{');
    open[0].at = build_used;
    open[0].index = 0;
    open[0].close = '}';
    build_number(0, 4);
    for (c = build_blank(c + 1);; c = build_blank(c)) {
        assert_true(*c);
        if (*c == open[depth].close) {
            build_byte(0);
            build_put(open[depth].at, (uint32_t)(build_used - open[depth].at));
            c++;
            if (depth-- == 0)
                return;
            continue;
        }
        size_t type_at = build_used;
        build_byte(0);
        if (open[depth].close == ']') {
            char index[12];
            snprintf(index, sizeof index, "%u", open[depth].index++);
            build_bytes(index, strlen(index) + 1);
        } else {
            const char *colon = strchr(c, ':');
            build_bytes(c, (size_t)(colon - c));
            build_byte(0);
            c = build_blank(colon + 1);
        }
        if (*c != '{' && *c != '[') {
            c = build_scalar(c, type_at);
            continue;
        }
        assert_true(++depth < BUILD_DEPTH);
        build_memory[type_at] = *c == '{' ? BSON_DOCUMENT : BSON_ARRAY;
        open[depth].at = build_used;
        open[depth].index = 0;
        open[depth].close = *c == '{' ? '}' : ']';
        build_number(0, 4);
        c++;
    }
}

/* ---- messages: begun with a header, ended by build_end, which says how long they are */

static inline size_t build_begin(uint32_t id, uint32_t to, uint32_t opcode)
{
    size_t at = build_used;
    build_number(0, 4);
    build_number(id, 4);
    build_number(to, 4);
    build_number(opcode, 4);
    return at;
}

static inline struct view build_end(size_t at)
{
    build_put(at, (uint32_t)(build_used - at));
    return view_of(build_memory + at, build_used - at);
}

static inline struct view build_msg_from(uint32_t id, uint32_t to, uint32_t flags, const char *body)
{
    size_t at = build_begin(id, to, OP_MSG);
    build_number(flags, 4);
    build_byte(SECTION_BODY);
    build_document(body);
    return build_end(at);
}

/* A sequence of documents, each {...}, behind each other in `documents`. */
static inline void build_sequence(const char *name, const char *documents)
{
    build_byte(SECTION_SEQUENCE);
    size_t at = build_used;
    build_number(0, 4);
    build_bytes(name, strlen(name) + 1);
    for (const char *c = documents; *c; c++) {
        int depth = 0;
        const char *start = c;
        do
            depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
        while (c++, depth);
        build_document(start);
        c--;
    }
    build_put(at, (uint32_t)(build_used - at));
}

static inline struct view build_query(uint32_t id, uint32_t flags, const char *name, const char *query)
{
    size_t at = build_begin(id, 0, OP_QUERY);
    build_number(flags, 4);
    build_bytes(name, strlen(name) + 1);
    build_number(0, 4);
    build_number(UINT32_MAX, 4);
    build_document(query);
    return build_end(at);
}

static inline struct view build_reply(uint32_t id, uint32_t to, uint64_t cursor, unsigned count, const char *document)
{
    size_t at = build_begin(id, to, OP_REPLY);
    build_number(8, 4);
    build_number(cursor, 8);
    build_number(0, 4);
    build_number(count, 4);
    for (unsigned i = 0; i < count; i++)
        build_document(document);
    return build_end(at);
}

/* The same message, compressed; `declared`: what it says it opens to, 0: the truth. */
static inline struct view build_compressed(struct view plain, unsigned compressor, uint32_t declared)
{
    static uint8_t room[1 << 21];
    struct view body = view_from(plain, 16);
    size_t length = sizeof room;
    uLongf zlib_length = sizeof room;
    switch (compressor) {
    case COMPRESSOR_SNAPPY:
        assert_int_equal(snappy_compress((const char *)body.bytes, body.length, (char *)room, &length), SNAPPY_OK);
        break;
    case COMPRESSOR_ZLIB:
        assert_int_equal(compress2(room, &zlib_length, body.bytes, body.length, 6), Z_OK);
        length = zlib_length;
        break;
    case COMPRESSOR_ZSTD:
        length = ZSTD_compress(room, sizeof room, body.bytes, body.length, 6);
        break;
    default:
        assert_true(body.length <= sizeof room);
        memcpy(room, body.bytes, body.length);
        length = body.length;
    }
    uint32_t id, to, opcode;
    memcpy(&id, plain.bytes + 4, 4);
    memcpy(&to, plain.bytes + 8, 4);
    memcpy(&opcode, plain.bytes + 12, 4);
    size_t at = build_begin(id, to, OP_COMPRESSED);
    build_number(opcode, 4);
    build_number(declared ? declared : body.length, 4);
    build_byte((uint8_t)compressor);
    build_bytes(room, length);
    return build_end(at);
}

/* CRC-32C, bit by bit. */
static inline uint32_t build_crc(struct view bytes)
{
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < bytes.length; i++) {
        crc ^= bytes.bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* Puts a checksum behind a message that was just made; `change`: how it is wrong. */
static inline struct view build_checksum(struct view message, uint32_t change)
{
    size_t at = (size_t)(message.bytes - build_memory);
    build_put(at, (uint32_t)message.length + 4);
    build_number(build_crc(message) ^ change, 4);
    return view_of(build_memory + at, message.length + 4);
}

#endif
