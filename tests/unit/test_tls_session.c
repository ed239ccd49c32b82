/*
 * TLS sessions of a key log through the proto room: a PostgreSQL conversation inside, told by peers that seal their records themselves.
 * Every suite, any segmentation, lost and changed bytes, late secrets, keys that change.
 */
#include "check.h"
#include "tls_peer.h"

static const char STARTUP[] = "00000012 00030000 'user' 00 'joe' 00 00";
static const char WELCOME[] = "'R' 00000008 00000000 'Z' 00000005 'I'";
static const char QUERY[] = "'Q' 0000000d 'SELECT 1' 00";
static const char ROW[] = "'T' 0000001a 0001 'n' 00 00000000 0000 00000017 0004 ffffffff 0000 'D' 0000000b 0001 00000001 '1'"
                          "'C' 0000000d 'SELECT 1' 00 'Z' 00000005 'I'";
/* A query whose text has no end. */
static const char WRONG[] = "'Q' 0000000c 'SELECT 1'";

/* All that two peers say, in pieces as they send it. */
struct script {
    unsigned used;
    struct {
        enum side from;
        size_t at, length;
        bool data; /* a record of the conversation inside */
    } parts[64];
    size_t length;
    uint8_t bytes[131072];
};

static struct drive drive;
static struct script script;
static bool resumed; /* a session that goes on: the server finishes first, also in TLS 1.2 (RFC 5246 7.3) */

static void say(enum side from, struct view bytes, bool data)
{
    script.parts[script.used].from = from;
    script.parts[script.used].at = script.length;
    script.parts[script.used].length = bytes.length;
    script.parts[script.used++].data = data;
    memcpy(script.bytes + script.length, bytes.bytes, bytes.length);
    script.length += bytes.length;
}

static void say_inside(struct peer *p, enum side from, const char *written)
{
    struct view plain = hex(written);
    say(from, peer_seal(p, from, CONTENT_APPLICATION_DATA, plain.bytes, plain.length, p->old ? 0 : script.used % 3), true);
    hex_free(plain);
}

static void finish(struct peer *p, enum side from, unsigned certificates)
{
    uint8_t message[1 + 3 + 700] = {20, 0, 0, 12};
    static const uint8_t change[] = {1};
    if (p->old) {
        say(from, peer_record(p, CONTENT_CHANGE_CIPHER_SPEC, change, 1), false);
        say(from, peer_seal(p, from, CONTENT_HANDSHAKE, message, 16, 0), false);
        return;
    }
    peer_key(p, from, p->handshake[from]);
    for (unsigned i = 0; i < certificates; i++) { /* the middle of one is in the next record */
        uint8_t certificate[700] = {11, 0, 2, 0xb4};
        say(from, peer_seal(p, from, CONTENT_HANDSHAKE, certificate, 300, 0), false);
        say(from, peer_seal(p, from, CONTENT_HANDSHAKE, certificate + 300, sizeof certificate - 300 - 4, 5), false);
    }
    message[3] = (uint8_t)peer_hash(p);
    say(from, peer_seal(p, from, CONTENT_HANDSHAKE, message, 4 + peer_hash(p), 0), false);
    peer_key(p, from, p->traffic[from]);
}

static void update(struct peer *p, enum side from)
{
    static const uint8_t message[] = {24, 0, 0, 1, 0};
    uint8_t next[48];
    say(from, peer_seal(p, from, CONTENT_HANDSHAKE, message, sizeof message, 0), false);
    peer_expand(p, p->sides[from].secret, "traffic upd", next, peer_hash(p));
    peer_key(p, from, next);
}

static void shake(struct peer *p)
{
    static const uint8_t change[] = {1};
    struct view request = hex("00000008 04d2162f"), agreed = hex("'S'");
    say(FROM_CLIENT, request, false);
    say(FROM_SERVER, agreed, false);
    hex_free(request);
    hex_free(agreed);
    say(FROM_CLIENT, peer_client_hello(p), false);
    say(FROM_SERVER, peer_server_hello(p), false);
    if (!p->old) /* for the sake of old boxes in between (RFC 8446 D.4) */
        say(FROM_SERVER, peer_record(p, CONTENT_CHANGE_CIPHER_SPEC, change, 1), false);
    if (p->old && !resumed)
        finish(p, FROM_CLIENT, 0);
    finish(p, FROM_SERVER, resumed ? 0 : 1);
    if (!p->old || resumed)
        finish(p, FROM_CLIENT, 0);
}

/* The request for TLS, a login, queries; with a wrong one among them when `wrong`. */
static struct peer *write_script(uint16_t suite, bool wrong)
{
    struct peer *p = peer_open(suite);
    script.used = 0;
    script.length = 0;
    shake(p);
    say_inside(p, FROM_CLIENT, STARTUP);
    say_inside(p, FROM_SERVER, WELCOME);
    for (unsigned i = 0; i < 4; i++) {
        say_inside(p, FROM_CLIENT, wrong && i == 2 ? WRONG : QUERY);
        say_inside(p, FROM_SERVER, ROW);
        if (!p->old)
            update(p, i % 2 ? FROM_SERVER : FROM_CLIENT);
    }
    say_inside(p, FROM_CLIENT, "'X' 00000004");
    return p;
}

static struct keylog *log_of(const struct peer *p, bool handshake)
{
    struct error why;
    TEXT_ON_STACK(lines, 2048);
    struct keylog *k = keylog_open(&why);
    assert_non_null(k);
    peer_log(p, &lines, handshake);
    keylog_add(k, view_text(lines.chars), 0);
    return k;
}

static void play(size_t piece)
{
    drive_start(&drive, 5432, false);
    for (unsigned i = 0; i < script.used; i++) {
        struct view bytes = view_of(script.bytes + script.parts[i].at, script.parts[i].length);
        for (size_t at = 0; at < bytes.length; at += piece ? piece : bytes.length)
            drive_bytes(&drive, script.parts[i].from, view_head(view_from(bytes, at), piece ? piece : bytes.length));
    }
    drive_end(&drive, END_FIN, FROM_CLIENT);
}

static void expect(const char *line)
{
    for (unsigned i = 0; i < drive.lines_used && (!line || drive.lines_used > 1); i++)
        print_error("line: %s\n", drive.lines[i]);
    assert_int_equal(drive.lines_used, line != NULL);
    if (line)
        assert_string_equal(drive.lines[0], line);
}

static void open_with(const struct peer *p, struct keylog **keylog, bool handshake)
{
    *keylog = log_of(p, handshake);
    assert_true(drive_open_keyed(&drive, *keylog));
}

static void close_with(struct peer *p, struct keylog *keylog)
{
    drive_close(&drive);
    keylog_close(keylog);
    free(p);
}

static const uint16_t suites[] = {
#define SUITE(number, cipher, key_bytes, tag_bytes, hash) number,
#include "proto/tls_suites.def"
#undef SUITE
};

enum { INSIDE = 1 + 2 + 4 * 5 + 1 }; /* messages of the conversation */

static void every_suite_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        for (unsigned handshake = 0; handshake < 2; handshake++) {
            struct keylog *k;
            struct peer *p = write_script(suites[i], false);
            open_with(p, &k, handshake);
            play(0);
            expect(NULL);
            if (drive.decrypted != INSIDE)
                fail_msg("%04x: %u messages", suites[i], drive.decrypted);
            assert_int_equal(drive.counters.value[COUNT_TLS_DECRYPTED], 1);
            close_with(p, k);
        }
}

static void sessions_that_go_on(void **state)
{
    static const uint16_t numbers[] = {0x1301, 0xc02f, 0xcca8};
    (void)state;
    resumed = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct keylog *k;
        struct peer *p = write_script(numbers[i], false);
        open_with(p, &k, true);
        play(11);
        expect(NULL);
        assert_int_equal(drive.decrypted, INSIDE);
        close_with(p, k);
    }
    resumed = false;
}

/* Without its secret nothing is said; with it the wrong query has its place in the stream. */
static void a_wrong_message_inside(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0x1301, 0x1303, 0xc02f, 0xcca8};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char line[DRIVE_LINE];
        struct keylog *k;
        struct peer *p = write_script(numbers[i], true);
        size_t offset = 0;
        for (unsigned part = 0, queries = 0; part < script.used && queries < 4; part++) {
            if (script.parts[part].from != FROM_CLIENT)
                continue;
            queries += script.parts[part].data;
            if (queries < 4)
                offset += script.parts[part].length;
        }
        assert_true(drive_open(&drive));
        play(0);
        expect(NULL);
        assert_int_equal(drive.decrypted, 0);
        drive_close(&drive);
        open_with(p, &k, true);
        for (size_t piece = 0; piece < 60; piece++) {
            play(piece);
            size_t front = numbers[i] == 0xc02f ? 8 : 0;
            snprintf(line, sizeof line, "pgsql.unterminated-string client %zu+5 pgsql.query", offset + 5 + front);
            expect(line);
            assert_int_equal(drive.decrypted, INSIDE);
        }
        close_with(p, k);
    }
}

/* Loses the n-th part, or a piece of it. */
static void play_without(unsigned lost, size_t from, size_t length)
{
    drive_start(&drive, 5432, false);
    for (unsigned i = 0; i < script.used; i++) {
        struct view bytes = view_of(script.bytes + script.parts[i].at, script.parts[i].length);
        if (i != lost) {
            drive_bytes(&drive, script.parts[i].from, bytes);
            continue;
        }
        drive_bytes(&drive, script.parts[i].from, view_head(bytes, from));
        drive_gap(&drive, script.parts[i].from, length);
        drive_bytes(&drive, script.parts[i].from, view_from(bytes, from + length));
    }
    drive_end(&drive, END_FIN, FROM_CLIENT);
}

/* Whatever is lost, nothing is called wrong; what is lost among the data costs little of it. */
static void lost_bytes_are_not_wrong(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0x1301, 0xc030, 0xcca8};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct keylog *k;
        struct peer *p = write_script(numbers[i], false);
        open_with(p, &k, true);
        for (unsigned lost = 0; lost < script.used; lost++) {
            size_t all = script.parts[lost].length;
            for (unsigned cut = 0; cut < 6; cut++) {
                static const size_t from[] = {0, 1, 5, 12, 0, 3}, length[] = {0, 2, 9, 1, 5, 7};
                size_t begins = from[cut] < all ? from[cut] : 0;
                size_t gone = length[cut] && length[cut] < all - begins ? length[cut] : all - begins;
                play_without(lost, begins, gone);
                expect(NULL);
                if (lost > 10 && drive.decrypted + 8 < INSIDE)
                    fail_msg("%04x: part %u from %zu, %zu bytes: %u messages of %d", numbers[i], lost, begins, gone, drive.decrypted, INSIDE);
            }
        }
        close_with(p, k);
    }
}

static void several_records_lost(void **state)
{
    (void)state;
    struct keylog *k;
    struct peer *p = peer_open(0xc02f);
    script.used = 0;
    script.length = 0;
    shake(p);
    say_inside(p, FROM_CLIENT, STARTUP);
    say_inside(p, FROM_SERVER, WELCOME);
    unsigned first = script.used;
    for (unsigned i = 0; i < 20; i++)
        say_inside(p, FROM_CLIENT, QUERY);
    open_with(p, &k, true);
    drive_start(&drive, 5432, false);
    for (unsigned i = 0; i < script.used; i++) {
        struct view bytes = view_of(script.bytes + script.parts[i].at, script.parts[i].length);
        if (i < first + 2 || i >= first + 14)
            drive_bytes(&drive, script.parts[i].from, bytes);
        else if (i == first + 2)
            drive_gap(&drive, FROM_CLIENT, 12 * bytes.length);
    }
    assert_int_equal(drive.decrypted, 1 + 2 + 2 + 6);
    assert_int_equal(drive.counters.value[COUNT_TLS_FAILED], 0);
    expect(NULL);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    close_with(p, k);
}

/* The secret comes when so many parts have gone by: the rest is read, and nothing of it is called wrong. */
static void late_secrets(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0x1301, 0x1302, 0xc02f, 0xcca8};
    struct error why;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (unsigned handshake = 0; handshake < 2; handshake++) {
            struct peer *p = write_script(numbers[i], false);
            for (unsigned late = 4; late < script.used; late++) {
                TEXT_ON_STACK(lines, 2048);
                struct keylog *k = keylog_open(&why);
                peer_log(p, &lines, handshake);
                keylog_add(k, view_text("CLIENT_RANDOM 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
                                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), 0);
                assert_true(drive_open_keyed(&drive, k));
                drive_start(&drive, 5432, false);
                for (unsigned part = 0; part < script.used; part++) {
                    if (part == late)
                        keylog_add(k, view_text(lines.chars), 0);
                    drive_bytes(&drive, script.parts[part].from, view_of(script.bytes + script.parts[part].at, script.parts[part].length));
                }
                drive_end(&drive, END_FIN, FROM_CLIENT);
                expect(NULL);
                bool login = script.parts[late].data || late + 1 == script.used;
                if (!login && late < 11 && drive.decrypted + (p->old ? 0 : 0) < 1)
                    fail_msg("%04x: nothing is read with a secret at part %u", numbers[i], late);
                drive_close(&drive);
                keylog_close(k);
            }
            free(p);
        }
}

/* A session of this random with another secret: said once, and counted from there on. */
static void another_secret(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0x1301, 0xc02f};
    struct error why;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct peer *p = write_script(numbers[i], true), *other = peer_open(numbers[i]);
        TEXT_ON_STACK(lines, 2048);
        for (unsigned k = 0; k < 48; k++) {
            other->master[k] ^= 1;
            other->traffic[0][k] ^= 1;
            other->traffic[1][k] ^= 1;
        }
        struct keylog *k = keylog_open(&why);
        peer_log(other, &lines, true);
        keylog_add(k, view_text(lines.chars), 0);
        assert_true(drive_open_keyed(&drive, k));
        play(0);
        assert_int_equal(drive.lines_used, 1);
        assert_non_null(strstr(drive.lines[0], "tls.not-decrypted"));
        assert_int_equal(drive.decrypted, 0);
        assert_int_equal(drive.counters.value[COUNT_TLS_FAILED], 1);
        free(other);
        close_with(p, k);
    }
}

/* A record that was changed on the way: the session is given up, said so, and nothing else. */
static void every_byte_changed(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0x1303, 0xc02f};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct keylog *k;
        struct peer *p = write_script(numbers[i], false);
        open_with(p, &k, true);
        for (size_t at = 0; at < script.length; at++) {
            script.bytes[at] ^= 0x41;
            bool header = false; /* where records end is then another place */
            for (unsigned part = 0; part < script.used; part++)
                header |= at >= script.parts[part].at && at < script.parts[part].at + TLS_RECORD_HEADER_BYTES;
            play(at % 7);
            for (unsigned line = 0; line < drive.lines_used; line++)
                if (!header && at >= script.parts[4].at && !strstr(drive.lines[line], "tls."))
                    fail_msg("%04x: byte %zu: %s", numbers[i], at, drive.lines[line]);
            script.bytes[at] ^= 0x41;
        }
        play(0);
        expect(NULL);
        assert_int_equal(drive.decrypted, INSIDE);
        close_with(p, k);
    }
}

static void every_prefix(void **state)
{
    (void)state;
    struct keylog *k;
    struct peer *p = write_script(0x1302, false);
    open_with(p, &k, true);
    for (size_t length = 0; length <= script.length; length++) {
        drive_start(&drive, 5432, false);
        for (unsigned i = 0; i < script.used && script.parts[i].at < length; i++)
            drive_bytes(&drive, script.parts[i].from,
                        view_head(view_of(script.bytes + script.parts[i].at, script.parts[i].length), length - script.parts[i].at));
        drive_end(&drive, END_CAPTURE, FROM_CLIENT);
        expect(NULL);
    }
    close_with(p, k);
}

/* Records of the largest size, split over more segments than are remembered one by one. */
static void large_records(void **state)
{
    (void)state;
    static uint8_t query[TLS_PLAINTEXT_MAX];
    struct keylog *k;
    struct peer *p = peer_open(0x1301);
    script.used = 0;
    script.length = 0;
    shake(p);
    say_inside(p, FROM_CLIENT, STARTUP);
    say_inside(p, FROM_SERVER, WELCOME);
    memset(query, 'x', sizeof query);
    memcpy(query, "Q\0\0\x9f\xff", 5); /* 40,960 bytes with the type: two records and a half */
    say(FROM_CLIENT, peer_seal(p, FROM_CLIENT, 23, query, sizeof query, 0), true);
    memset(query, 'x', 5);
    say(FROM_CLIENT, peer_seal(p, FROM_CLIENT, 23, query, sizeof query, 0), true);
    query[40960 - 2 * TLS_PLAINTEXT_MAX - 1] = 0;
    say(FROM_CLIENT, peer_seal(p, FROM_CLIENT, 23, query, 40960 - 2 * TLS_PLAINTEXT_MAX, 0), true);
    say_inside(p, FROM_SERVER, ROW);
    say_inside(p, FROM_CLIENT, WRONG);
    open_with(p, &k, true);
    for (size_t piece = 500; piece < 3000; piece += 499) {
        play(piece);
        assert_int_equal(drive.lines_used, 1);
        assert_non_null(strstr(drive.lines[0], "pgsql.unterminated-string"));
        assert_int_equal(drive.decrypted, 1 + 2 + 1 + 4 + 1);
    }
    close_with(p, k);
}

/* Without memory for a session or a record TLS is what it was: counted. */
static void no_memory(void **state)
{
    (void)state;
    struct error why;
    struct peer *p = write_script(0xc02f, true);
    struct keylog *k = log_of(p, true);
    for (size_t sessions = 0; sessions < 2; sessions++) {
        struct message_sink sink = {.context = &drive, .facts = UINT32_MAX, .wants = drive_wants, .message = drive_message, .closed = drive_closed};
        struct dialogue_options options = {.conversations = 4, .message_buffers = 8, .note_blocks = 64, .inflaters = 1, .servers = 16,
                                           .incomplete_ns = INT64_C(30000000000), .keylog = k, .tls_sessions = sessions};
        memset(&drive, 0, sizeof drive);
        assert_true(arena_open(&drive.arena, 16 << 20, &why));
        drive.dialogue = dialogue_open(&drive.arena, &options, &sink, &drive.counters);
        drive.sink = dialogue_sink(drive.dialogue);
        play(7);
        expect(NULL);
        assert_int_equal(drive.decrypted, 0);
        drive_close(&drive);
    }
    keylog_close(k);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_is_read), cmocka_unit_test(sessions_that_go_on), cmocka_unit_test(a_wrong_message_inside), cmocka_unit_test(lost_bytes_are_not_wrong),
        cmocka_unit_test(several_records_lost), cmocka_unit_test(late_secrets),          cmocka_unit_test(another_secret),
        cmocka_unit_test(every_byte_changed),  cmocka_unit_test(every_prefix),           cmocka_unit_test(large_records),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
