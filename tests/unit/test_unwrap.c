/* Compressed MySQL connections: what opens, what lies, and that a bomb costs no more than it declares. */
#include "driven.h"

#include <zlib.h>
#include <zstd.h>

enum { FRAME_MAX = 1 << 20 };

/* A MySQL packet around a payload written as hex. */
static void packet(enum side from, uint8_t sequence, const char *payload)
{
    struct view body = hex(payload);
    uint8_t bytes[512] = {(uint8_t)body.length, (uint8_t)(body.length >> 8), 0, sequence};
    memcpy(bytes + 4, body.bytes, body.length);
    drive_bytes(&drive, from, view_of(bytes, body.length + 4));
    hex_free(body);
}

static void log_in(bool zstd)
{
    drive_start(&drive, 3306, false);
    packet(FROM_SERVER, 0, zstd ? "0a '8.0.30' 00 01000000 'abcdefgh' 00 01a2 21 0200 0804 15 00000000000000000000 'abcdefghijkl' 00 'mysql_native_password' 00"
                                : "0a '8.0.30' 00 01000000 'abcdefgh' 00 21a2 21 0200 0800 15 00000000000000000000 'abcdefghijkl' 00 'mysql_native_password' 00");
    packet(FROM_CLIENT, 1, zstd ? "01a20804 00000001 21 0000000000000000000000000000000000000000000000 'joe' 00 00 'mysql_native_password' 00 03"
                                : "21a20800 00000001 21 0000000000000000000000000000000000000000000000 'joe' 00 00 'mysql_native_password' 00");
    packet(FROM_SERVER, 2, "00 00 00 0200 0000");
    assert_int_equal(drive.lines_used, 0);
}

struct built {
    uint8_t bytes[FRAME_MAX];
    size_t length;
};

/* A frame around `plain`, with what it declares changed by `lie`. */
static void frame(struct built *out, uint8_t sequence, struct view plain, bool zstd, int lie)
{
    uLongf size = FRAME_MAX - 7;
    if (zstd)
        size = ZSTD_compress(out->bytes + 7, size, plain.bytes, plain.length, 3);
    else
        assert_int_equal(compress2(out->bytes + 7, &size, plain.bytes, (uLong)plain.length, 9), Z_OK);
    size_t declared = plain.length + (size_t)lie;
    uint8_t head[7] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), sequence,
                       (uint8_t)declared, (uint8_t)(declared >> 8), (uint8_t)(declared >> 16)};
    memcpy(out->bytes, head, 7);
    out->length = size + 7;
}

/* COM_QUERY of `length` bytes of text. */
static struct view query(uint8_t *memory, size_t length)
{
    memory[0] = (uint8_t)(length + 1);
    memory[1] = (uint8_t)((length + 1) >> 8);
    memory[2] = (uint8_t)((length + 1) >> 16);
    memory[3] = 0;
    memory[4] = 3;
    memset(memory + 5, 'x', length);
    return view_of(memory, length + 5);
}

static bool reported(const char *name)
{
    for (unsigned i = 0; i < drive.lines_used; i++)
        if (strncmp(drive.lines[i], name, strlen(name)) == 0)
            return true;
    for (unsigned i = 0; i < drive.lines_used; i++)
        print_error("line: %s\n", drive.lines[i]);
    return false;
}

static void opens_in_any_segmentation(void **state)
{
    (void)state;
    static uint8_t plain[4096];
    static struct built built;
    for (int zstd = 0; zstd <= 1; zstd++) {
        for (size_t piece = 1; piece < 80; piece += piece < 10 ? 1 : 13) {
            log_in(zstd);
            unsigned before = drive.messages;
            frame(&built, 0, query(plain, 3000), zstd, 0);
            for (size_t at = 0; at < built.length; at += piece)
                drive_bytes(&drive, FROM_CLIENT, view_head(view_from(view_of(built.bytes, built.length), at), piece));
            assert_int_equal(drive.messages, before + 1);
            drive_end(&drive, END_CAPTURE, FROM_CLIENT);
            assert_int_equal(drive.lines_used, 0);
        }
    }
}

static void stored_frames_open_too(void **state)
{
    (void)state;
    log_in(false);
    unsigned before = drive.messages;
    struct view bytes = hex("0d0000 00 000000 09000000 03 'SELECT 1'");
    drive_bytes(&drive, FROM_CLIENT, bytes);
    hex_free(bytes);
    assert_int_equal(drive.messages, before + 1);
    assert_int_equal(drive.lines_used, 0);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

static void declared_size_must_be_the_real_one(void **state)
{
    (void)state;
    static uint8_t plain[4096];
    static struct built built;
    static const int lies[] = {-1, 1, -2000, 100000};
    for (int zstd = 0; zstd <= 1; zstd++) {
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            log_in(zstd);
            frame(&built, 0, query(plain, 3000), zstd, lies[i]);
            drive_bytes(&drive, FROM_CLIENT, view_of(built.bytes, built.length));
            drive_end(&drive, END_CAPTURE, FROM_CLIENT);
            enum anomaly what = lies[i] < 0 ? mysql_decoder.wrapper->cannot_open : mysql_decoder.wrapper->size_differs;
            assert_true(reported(anomaly_row(what)->name));
        }
    }
}

static void bytes_that_do_not_open(void **state)
{
    (void)state;
    log_in(false);
    struct view bytes = hex("0a0000 00 400000 deadbeefdeadbeefdead");
    drive_bytes(&drive, FROM_CLIENT, bytes);
    hex_free(bytes);
    assert_true(reported(anomaly_row(mysql_decoder.wrapper->cannot_open)->name));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

static void frame_that_never_completes(void **state)
{
    (void)state;
    static uint8_t plain[4096];
    static struct built built;
    for (size_t kept = 1; kept < 12; kept++) {
        log_in(false);
        frame(&built, 0, query(plain, 3000), false, 0);
        drive_bytes(&drive, FROM_CLIENT, view_of(built.bytes, kept));
        assert_int_equal(drive.lines_used, 0);
        drive_end(&drive, END_FIN, FROM_CLIENT);
        assert_true(reported("mysql.incomplete-message"));
    }
}

/* 16 MiB of zeros in 16 KiB: opened through one scratch buffer, within what the frame declares, and said once. */
static void bomb_costs_what_it_declares(void **state)
{
    (void)state;
    size_t size = (16 << 20) - 1;
    uint8_t *zeros = calloc(size, 1);
    static struct built built;
    log_in(false);
    memcpy(zeros, (uint8_t[5]){0xf0, 0xff, 0xff, 0, 3}, 5); /* one query that holds all of it */
    frame(&built, 0, view_of(zeros, size), false, 65536 - (int)size);
    uint64_t decoded = drive.counters.value[COUNT_BYTES_DECODED];
    drive_bytes(&drive, FROM_CLIENT, view_of(built.bytes, built.length));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    assert_true(reported(anomaly_row(mysql_decoder.wrapper->cannot_open)->name));
    assert_true(drive.counters.value[COUNT_BYTES_DECODED] - decoded <= 65536);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_in_any_segmentation),
        cmocka_unit_test(stored_frames_open_too),
        cmocka_unit_test(declared_size_must_be_the_real_one),
        cmocka_unit_test(bytes_that_do_not_open),
        cmocka_unit_test(frame_that_never_completes),
        cmocka_unit_test(bomb_costs_what_it_declares),
    };
    return cmocka_run_group_tests_name("unwrap", tests, open_drive, close_drive);
}
