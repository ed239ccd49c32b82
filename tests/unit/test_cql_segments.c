/* Cassandra: the layers around messages. Segments of version 5 and compressed bodies of version 3 and 4: clean ones in any pieces,
 * every changed byte, bombs, bodies larger than what is opened, losses, and connections joined in the middle. */
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>

#include "driven.h"

enum { MOST = 2 << 20 };

static uint8_t scratch[20 << 20], plain[16 << 20];

struct built {
    uint8_t bytes[MOST];
    size_t length;
};

/* Bit by bit, after the specification; the decoder's goes by nibbles. */
static uint32_t crc24_of(const uint8_t *bytes, unsigned length)
{
    uint32_t crc = 0x875060;
    for (unsigned i = 0; i < length; i++) {
        crc ^= (uint32_t)bytes[i] << 16;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc <<= 1;
            if (crc & 0x1000000)
                crc ^= 0x1974f0b;
        }
    }
    return crc;
}

/* A segment; `inflated` < 0 on a connection without compression. */
static void segment(struct built *out, struct view payload, bool contained, int inflated)
{
    unsigned width = inflated < 0 ? 3 : 5;
    uint64_t bits = (uint64_t)payload.length | (inflated < 0 ? (uint64_t)contained << 17 : (uint64_t)inflated << 17 | (uint64_t)contained << 34);
    uint8_t *b = out->bytes;
    for (unsigned i = 0; i < width; i++)
        *b++ = (uint8_t)(bits >> 8 * i);
    uint32_t sum = crc24_of(out->bytes, width);
    for (unsigned i = 0; i < 3; i++)
        *b++ = (uint8_t)(sum >> 8 * i);
    uint32_t crc = (uint32_t)crc32(0, (const uint8_t *)"\xfa\x2d\x55\xca", 4);
    if (payload.length) {
        memcpy(b, payload.bytes, payload.length);
        crc = (uint32_t)crc32(crc, payload.bytes, (uInt)payload.length);
        b += payload.length;
    }
    for (unsigned i = 0; i < 4; i++)
        *b++ = (uint8_t)(crc >> 8 * i);
    out->length = (size_t)(b - out->bytes);
}

static void packed_segment(struct built *out, struct view payload)
{
    int length = LZ4_compress_default((const char *)payload.bytes, (char *)scratch, (int)payload.length, (int)sizeof scratch);
    segment(out, view_of(scratch, (size_t)length), true, (int)payload.length);
}

static void say_hex(enum side from, const char *text, size_t piece)
{
    struct view whole = hex(text), left = whole;
    while (left.length) {
        struct view part = view_head(left, piece ? piece : left.length);
        drive_bytes(&drive, from, part);
        left = view_from(left, part.length);
    }
    hex_free(whole);
}

static void say_built(enum side from, const struct built *b, size_t piece)
{
    for (struct view left = view_of(b->bytes, b->length); left.length;) {
        struct view part = view_head(left, piece ? piece : left.length);
        drive_bytes(&drive, from, part);
        left = view_from(left, part.length);
    }
}

static void begin(bool lz4, size_t piece)
{
    drive_start(&drive, 9042, false);
    say_hex(FROM_CLIENT, lz4 ? "05000000 01 00000028 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0003 'lz4'"
                             : "05000000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'", piece);
    say_hex(FROM_SERVER, "85000000 02 00000000", piece);
}

static struct view hex_here(uint8_t *out, const char *text)
{
    struct view bytes = hex(text);
    memcpy(out, bytes.bytes, bytes.length);
    size_t length = bytes.length;
    hex_free(bytes);
    return view_of(out, length);
}

#define ASK "05000001 07 00000010 00000006 'select' 0001 00000000"
#define VOID "85000001 08 00000004 00000001"

static void expect_silence(const char *what)
{
    if (drive.lines_used)
        fail_msg("%s: %s", what, drive.lines[0]);
}

static void clean_segments_in_any_pieces(void **state)
{
    (void)state;
    static struct built b;
    uint8_t memory[256];
    for (int lz4 = 0; lz4 < 2; lz4++) {
        unsigned whole = 0;
        for (size_t piece = 0; piece < 14; piece++) {
            begin(lz4, piece);
            struct view two = hex_here(memory, ASK " 05000002 05 00000000");
            segment(&b, two, true, lz4 ? 0 : -1);
            say_built(FROM_CLIENT, &b, piece);
            struct view answers = hex_here(memory, VOID " 85000002 06 00000002 0000");
            if (lz4)
                packed_segment(&b, answers);
            else
                segment(&b, answers, true, -1);
            say_built(FROM_SERVER, &b, piece);
            segment(&b, view_of(NULL, 0), true, lz4 ? 0 : -1);
            say_built(FROM_CLIENT, &b, piece);
            unsigned messages = drive.messages;
            drive_end(&drive, END_FIN, FROM_CLIENT);
            expect_silence("clean");
            if (!piece)
                whole = messages;
            assert_int_equal(messages, whole);
            assert_true(whole >= 6);
        }
    }
}

/* A query of 300,000 bytes in three segments. */
static void large_messages(void **state)
{
    (void)state;
    static struct built b;
    uint32_t text = 300000, body = text + 4 + 2 + 4, length = body + 9;
    memset(plain, 'x', length);
    memcpy(plain, (uint8_t[]){5, 0, 0, 1, 7, (uint8_t)(body >> 24), (uint8_t)(body >> 16), (uint8_t)(body >> 8), (uint8_t)body, 0,
                              (uint8_t)(text >> 16), (uint8_t)(text >> 8), (uint8_t)text}, 13);
    memcpy(plain + length - 6, "\0\1\0\0\0\0", 6);
    for (size_t piece = 0; piece < 3000; piece += 1448) {
        begin(false, 0);
        for (struct view left = view_of(plain, length); left.length;) {
            struct view part = view_head(left, 131071);
            segment(&b, part, false, -1);
            say_built(FROM_CLIENT, &b, piece);
            left = view_from(left, part.length);
        }
        uint8_t memory[64];
        segment(&b, hex_here(memory, VOID), true, -1);
        say_built(FROM_SERVER, &b, piece);
        segment(&b, hex_here(memory, ASK), true, -1);
        say_built(FROM_CLIENT, &b, piece);
        assert_int_equal(drive.messages, 5);
        drive_end(&drive, END_FIN, FROM_CLIENT);
        expect_silence("large");
    }
}

/* No change of a byte of a segment goes unseen; what follows is decoded again. */
static void every_change_of_a_byte(void **state)
{
    (void)state;
    static struct built good, b;
    uint8_t memory[64];
    for (int lz4 = 0; lz4 < 2; lz4++) {
        if (lz4)
            packed_segment(&good, hex_here(memory, ASK));
        else
            segment(&good, hex_here(memory, ASK), true, -1);
        for (size_t at = 0; at < good.length; at++)
            for (unsigned value = 1; value < 256; value = value * 2 + (value & 1 ? 0 : 1)) {
                begin(lz4, 0);
                b = good;
                b.bytes[at] ^= (uint8_t)value;
                say_built(FROM_CLIENT, &b, 0);
                bool seen = false;
                for (unsigned i = 0; i < drive.lines_used; i++)
                    seen |= strncmp(drive.lines[i], "cql.segment-header", 18) == 0 || strncmp(drive.lines[i], "cql.segment-payload", 19) == 0;
                if (!seen)
                    fail_msg("byte %zu ^ %u: %u lines", at, value, drive.lines_used);
                unsigned before = drive.messages;
                say_built(FROM_CLIENT, &good, 0);
                assert_true(drive.messages > before);
                drive_end(&drive, END_FIN, FROM_CLIENT);
            }
    }
}

static void every_prefix(void **state)
{
    (void)state;
    static struct built good, b;
    uint8_t memory[64];
    for (int lz4 = 0; lz4 < 2; lz4++) {
        if (lz4)
            packed_segment(&good, hex_here(memory, ASK));
        else
            segment(&good, hex_here(memory, ASK), true, -1);
        for (size_t length = 1; length < good.length; length++) {
            begin(lz4, 0);
            b = good;
            b.length = length;
            say_built(FROM_CLIENT, &b, 0);
            drive_end(&drive, END_FIN, FROM_CLIENT);
            assert_true(drive.lines_used > 0);
            assert_true(strncmp(drive.lines[0], "cql.incomplete-message", 22) == 0);
        }
    }
}

static void begin_4(const char *codec)
{
    drive_start(&drive, 9042, false);
    say_hex(FROM_CLIENT, strcmp(codec, "lz4") == 0 ? "04000000 01 00000028 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0003 'lz4'"
                                                   : "04000000 01 0000002b 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0006 'snappy'", 0);
    say_hex(FROM_SERVER, "84000000 02 00000000", 0);
    assert_int_equal(drive.messages, 2);
}

/* An envelope of version 4 whose body is `packed`; `declared` < 0: Snappy, which says it itself. */
static void packed_body(struct built *out, uint8_t opcode, struct view packed, int64_t declared)
{
    uint32_t length = (uint32_t)packed.length + (declared < 0 ? 0 : 4);
    uint8_t *b = out->bytes;
    memcpy(b, (uint8_t[]){opcode == 8 ? 0x84 : 4, 1, 0, 1, opcode, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length}, 9);
    b += 9;
    if (declared >= 0)
        for (int shift = 24; shift >= 0; shift -= 8)
            *b++ = (uint8_t)(declared >> shift);
    memcpy(b, packed.bytes, packed.length);
    out->length = (size_t)(b - out->bytes) + packed.length;
}

/* A query whose body has `size` bytes, in plain[]. */
static struct view query_body(uint32_t size)
{
    uint32_t text = size - 7;
    memset(plain, 'x', size);
    memcpy(plain, (uint8_t[]){(uint8_t)(text >> 24), (uint8_t)(text >> 16), (uint8_t)(text >> 8), (uint8_t)text}, 4);
    memcpy(plain + size - 3, "\0\1\0", 3);
    return view_of(plain, size);
}

static struct view pack(const char *codec, struct view body)
{
    if (strcmp(codec, "lz4") == 0)
        return view_of(scratch, (size_t)LZ4_compress_default((const char *)body.bytes, (char *)scratch, (int)body.length, (int)sizeof scratch));
    size_t length = sizeof scratch;
    assert_int_equal(snappy_compress((const char *)body.bytes, body.length, (char *)scratch, &length), SNAPPY_OK);
    return view_of(scratch, length);
}

/* Bodies of any size: whole, by their beginning, or not at all; the message behind them is where it belongs. */
static void bodies_of_every_size(void **state)
{
    (void)state;
    static struct built b;
    static const uint32_t sizes[] = {13, 100, 5000, 16384, 100000, 400000, 600000, 3000000, 12000000};
    static const char *const codecs[] = {"lz4", "snappy"};
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (size_t piece = 0; piece < 3000; piece += 1448) {
                begin_4(codecs[c]);
                struct view body = query_body(sizes[i]);
                packed_body(&b, 7, pack(codecs[c], body), c == 0 ? (int64_t)body.length : -1);
                say_built(FROM_CLIENT, &b, piece);
                unsigned before = drive.messages;
                say_hex(FROM_CLIENT, "04000002 05 00000000", piece);
                assert_int_equal(drive.messages, before + 1);
                drive_end(&drive, END_FIN, FROM_CLIENT);
                expect_silence(codecs[c]);
            }
}

/* Bombs: one alert, and no more than the bound of work. The block of zeros would open to 250 MB. */
static void bombs(void **state)
{
    (void)state;
    static struct built b;
    static const struct {
        const char *name;
        int64_t declared;
        const char *said;
    } rows[] = {
        {"declares 250 MB", INT64_C(250) << 20, "cql.large-request"},
        {"declares 256 MB and one", (INT64_C(256) << 20) + 1, "cql.compressed-length-limit"},
        {"declares -1", UINT32_MAX, "cql.compressed-length-limit"},
        {"declares 20 bytes", 20, "cql.compressed-cannot-open"},
    };
    memset(plain, 0, sizeof plain);
    int length = LZ4_compress_default((const char *)plain, (char *)scratch, (int)sizeof plain, (int)sizeof scratch);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_4("lz4");
        packed_body(&b, 7, view_of(scratch, (size_t)length), rows[i].declared);
        uint64_t before = drive.counters.value[COUNT_BYTES_DECODED];
        say_built(FROM_CLIENT, &b, 1448);
        assert_in_range(drive.counters.value[COUNT_BYTES_DECODED] - before, 0, 1 << 20);
        if (drive.lines_used != 1 || strncmp(drive.lines[0], rows[i].said, strlen(rows[i].said)) != 0)
            fail_msg("%s: %u lines, %s", rows[i].name, drive.lines_used, drive.lines[0]);
        drive_end(&drive, END_FIN, FROM_CLIENT);
    }
}

/* Bytes lost anywhere: nothing is made up, and the next segment is decoded. */
static void losses(void **state)
{
    (void)state;
    static struct built good, next, last;
    uint8_t memory[64];
    for (int lz4 = 0; lz4 < 2; lz4++) {
        if (lz4)
            packed_segment(&good, hex_here(memory, ASK));
        else
            segment(&good, hex_here(memory, ASK), true, -1);
        segment(&next, hex_here(memory, "05000002 05 00000000"), true, lz4 ? 0 : -1);
        segment(&last, hex_here(memory, "05000003 05 00000000"), true, lz4 ? 0 : -1);
        for (size_t from = 0; from < good.length; from++)
            for (size_t lost = 1; lost <= good.length + 5; lost++) {
                begin(lz4, 0);
                drive_bytes(&drive, FROM_CLIENT, view_of(good.bytes, from));
                drive_gap(&drive, FROM_CLIENT, lost);
                if (from + lost < 2 * good.length) {
                    size_t at = from + lost;
                    if (at < good.length)
                        drive_bytes(&drive, FROM_CLIENT, view_of(good.bytes + at, good.length - at));
                    else
                        drive_bytes(&drive, FROM_CLIENT, view_of(next.bytes + (at - good.length) % next.length, next.length - (at - good.length) % next.length));
                }
                unsigned before = drive.messages;
                say_built(FROM_CLIENT, &last, 0);
                assert_true(drive.messages > before);
                drive_end(&drive, END_FIN, FROM_CLIENT);
                expect_silence("losses");
            }
    }
}

/* Without the start: the first segment of each side is only found, the second is decoded. */
static void joined_in_the_middle(void **state)
{
    (void)state;
    static struct built ask, answer;
    uint8_t memory[64];
    for (int lz4 = 0; lz4 < 2; lz4++) {
        drive_start(&drive, 9042, true);
        for (unsigned round = 0; round < 5; round++) {
            if (lz4) {
                packed_segment(&ask, hex_here(memory, ASK));
                packed_segment(&answer, hex_here(memory, VOID));
            } else {
                segment(&ask, hex_here(memory, ASK), true, -1);
                segment(&answer, hex_here(memory, VOID), true, -1);
            }
            say_built(FROM_CLIENT, &ask, 0);
            say_built(FROM_SERVER, &answer, 0);
        }
        assert_int_equal(drive.messages, 1 + 4 + 5);
        drive_end(&drive, END_FIN, FROM_SERVER);
        expect_silence("joined");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_segments_in_any_pieces), cmocka_unit_test(large_messages), cmocka_unit_test(every_change_of_a_byte),
        cmocka_unit_test(every_prefix), cmocka_unit_test(bodies_of_every_size), cmocka_unit_test(bombs), cmocka_unit_test(losses),
        cmocka_unit_test(joined_in_the_middle),
    };
    return cmocka_run_group_tests_name("cql segments", tests, open_drive, close_drive);
}
