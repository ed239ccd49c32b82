/* The clear part of TLS handshakes: hellos by hand with both sides of each bound, fingerprints, certificates, alerts, records. */
#include "driven.h"

#include "proto/tls.h"

static const char RANDOM[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

enum { MESSAGE_MAX = 70000 };

/* "01" and a body as hex make a handshake message in an exact block. */
static struct view message_of(uint8_t type, const char *body)
{
    struct view bytes = hex(body);
    uint8_t *message = malloc(bytes.length + 4);
    message[0] = type;
    message[1] = (uint8_t)(bytes.length >> 16);
    message[2] = (uint8_t)(bytes.length >> 8);
    message[3] = (uint8_t)bytes.length;
    memcpy(message + 4, bytes.bytes, bytes.length);
    size_t length = bytes.length + 4;
    hex_free(bytes);
    return view_of(message, length);
}

static struct view hello_of(uint8_t type, const char *before, const char *after)
{
    char body[MESSAGE_MAX];
    snprintf(body, sizeof body, "%s %s %s", before, RANDOM, after);
    return message_of(type, body);
}

struct read {
    struct findings f;
    char print[TLS_PRINT_SIZE];
};

/* Reads one message in place; whatever it notes must lie inside. */
static void read_message(struct read *r, struct view message, bool whole, int64_t now_s)
{
    memset(r, 0, sizeof *r);
    if (message.bytes[0] == HANDSHAKE_CLIENT_HELLO)
        tls_client_hello(message, whole, r->print, &r->f);
    else if (message.bytes[0] == HANDSHAKE_SERVER_HELLO)
        tls_server_hello(message, whole, r->print, &r->f);
    else
        tls_certificate(message, now_s, &r->f);
    for (unsigned i = 0; i < r->f.fields_used; i++)
        assert_true(r->f.fields[i].offset <= message.length && r->f.fields[i].length <= message.length - r->f.fields[i].offset);
    for (unsigned i = 0; i < r->f.reports_used; i++)
        assert_true(r->f.reports[i].offset <= message.length && r->f.reports[i].length <= message.length - r->f.reports[i].offset);
}

static const struct field_value *field_of(const struct read *r, enum field field, unsigned which)
{
    for (unsigned i = 0; i < r->f.fields_used; i++)
        if (r->f.fields[i].field == field && which-- == 0)
            return &r->f.fields[i];
    return NULL;
}

static void expect_text(const struct read *r, struct view message, enum field field, unsigned which, const char *text)
{
    const struct field_value *found = field_of(r, field, which);
    if (!text) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(found->length, strlen(text));
    assert_memory_equal(message.bytes + found->offset, text, strlen(text));
}

/* The example of FoxIO's specification, with GREASE, and its order shuffled. */
static const char EXAMPLE[] =
    "00 0020 1a1a 1301 1303 1302 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035 01 00 "
    "0093 2a2a0000 00000010000e00000b 'example.org' 00170000 ff01000100 000a0004 0002001d 000b00020100 00230000 "
    "0010000e000c02 'h2' 08 'http/1.1' 00050000 000d0014 0012 0403 0804 0401 0503 0805 0501 0806 0601 1a1a 00120000 0033 0000 002d00020101 "
    "002b0007 06 4a4a 0304 0303 001b0000 44690000 0015000d00000000000000000000000000";

static void fingerprint_of_the_specification(void **state)
{
    (void)state;
    struct view message = hello_of(1, "0303", EXAMPLE);
    struct read r;
    read_message(&r, message, true, 0);
    for (unsigned i = 0; i < r.f.reports_used; i++)
        print_error("at %u got %u expected %u %s\n", r.f.reports[i].offset, (unsigned)r.f.reports[i].got, (unsigned)r.f.reports[i].expected, r.f.reports[i].note);
    assert_int_equal(r.f.reports_used, 0);
    assert_string_equal(r.print, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    expect_text(&r, message, FIELD_TLS_SNI, 0, "example.org");
    expect_text(&r, message, FIELD_TLS_ALPN, 0, "h2");
    expect_text(&r, message, FIELD_TLS_ALPN, 1, "http/1.1");
    assert_int_equal(field_of(&r, FIELD_TLS_VERSION, 0)->value, TLS_1_3);
    read_message(&r, message, false, 0);
    assert_string_equal(r.print, "");
    hex_free(message);
}

static void fingerprint_of_a_server(void **state)
{
    (void)state;
    struct view message = hello_of(2, "0303", "00 c030 00 0011 00050000 00170000 ff01000100 00000000");
    struct read r;
    read_message(&r, message, true, 0);
    assert_int_equal(r.f.reports_used, 0);
    assert_string_equal(r.print, "t120400_c030_4e8089b08790");
    assert_int_equal(field_of(&r, FIELD_TLS_CIPHER, 0)->value, 0xc030);
    hex_free(message);
}

static void fingerprints_of_little(void **state)
{
    (void)state;
    static const struct {
        const char *name, *after, *print;
    } rows[] = {
        {"no extensions", "00 0002 1301 01 00", "t12i010000_0f2cb44170f4_000000000000"},
        {"no extension in the list", "00 0002 1301 01 00 0000", "t12i010000_0f2cb44170f4_000000000000"},
        {"GREASE alone", "00 0002 0a0a 01 00", "t12i000000_000000000000_000000000000"},
        {"a protocol of one letter", "00 0002 1301 01 00 0008 0010 0004 0002 01 'x'", "t12i0101xx_0f2cb44170f4_000000000000"},
        {"a protocol that is no word", "00 0002 1301 01 00 0009 0010 0005 0003 02 ab 'd'", "t12i0101a4_0f2cb44170f4_000000000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view message = hello_of(1, "0303", rows[i].after);
        struct read r;
        read_message(&r, message, true, 0);
        if (strcmp(r.print, rows[i].print))
            print_error("%s\n", rows[i].name);
        assert_string_equal(r.print, rows[i].print);
        hex_free(message);
    }
}

static const char SESSION_32[] = "20 0000000000000000000000000000000000000000000000000000000000000000";
static const char SESSION_33[] = "21 000000000000000000000000000000000000000000000000000000000000000000";

static void bounds_of_hellos(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t type;
        const char *session, *after;
        int at; /* of the length that is wrong; -1: none is */
        unsigned got, expected;
    } rows[] = {
        {"session id of 32", 1, SESSION_32, "0002 1301 01 00", -1, 0, 0},
        {"session id of 33", 1, SESSION_33, "0002 1301 01 00", 38, 33, 32},
        {"session id beyond the message", 1, "08", "0002 1301 01 00", 38, 8, 6},
        {"session id that fills the message", 1, "06", "0002 1301 01 00", 45, 0, 2},
        {"no cipher suite", 1, "00", "0000 01 00", 39, 0, 2},
        {"an odd list of cipher suites", 1, "00", "0003 130113 01 00", 39, 3, 2},
        {"cipher suites beyond the message", 1, "00", "0006 1301 01 00", 39, 6, 4},
        {"no compression method", 1, "00", "0002 1301 00", 43, 0, 1},
        {"compression methods beyond the message", 1, "00", "0002 1301 02 00", 43, 2, 1},
        {"no compression methods at all", 1, "00", "0002 1301", 43, 0, 1},
        {"extensions fill the message", 1, "00", "0002 1301 01 00 0004 00170000", -1, 0, 0},
        {"extensions end before the message", 1, "00", "0002 1301 01 00 0004 00170000 00", 45, 4, 5},
        {"extensions beyond the message", 1, "00", "0002 1301 01 00 0005 00170000", 45, 5, 4},
        {"half a length of extensions", 1, "00", "0002 1301 01 00 00", 45, 1, 2},
        {"an extension beyond its list", 1, "00", "0002 1301 01 00 0004 00170001", 49, 1, 0},
        {"one byte of an extension", 1, "00", "0002 1301 01 00 0005 00170000 00", 51, 1, 4},
        {"a type without a length", 1, "00", "0002 1301 01 00 0006 00170000 0017", 53, 0, 2},
        {"a name that fills its list", 1, "00", "0002 1301 01 00 000a 00000006 0004 00 0001 'a'", -1, 0, 0},
        {"a name beyond its list", 1, "00", "0002 1301 01 00 000a 00000006 0004 00 0002 'a'", 54, 2, 1},
        {"a list of names beyond its extension", 1, "00", "0002 1301 01 00 000a 00000006 0005 00 0001 'a'", 51, 5, 4},
        {"a list of names that does not fill its extension", 1, "00", "0002 1301 01 00 000a 00000006 0003 00 0001 'a'", 51, 3, 4},
        {"an empty name", 1, "00", "0002 1301 01 00 0009 00000005 0003 00 0000", 54, 0, 1},
        {"an empty list of names", 1, "00", "0002 1301 01 00 0006 00000002 0000", 51, 0, 1},
        {"a name of another type", 1, "00", "0002 1301 01 00 000a 00000006 0004 07 ffff 'a'", -1, 0, 0},
        {"a protocol beyond its list", 1, "00", "0002 1301 01 00 0008 00100004 0002 02 'a'", 53, 2, 1},
        {"an empty protocol", 1, "00", "0002 1301 01 00 0009 00100005 0003 01 'a' 00", 55, 0, 1},
        {"versions", 1, "00", "0002 1301 01 00 0007 002b0003 02 0304", -1, 0, 0},
        {"an odd list of versions", 1, "00", "0002 1301 01 00 0008 002b0004 03 030403", 51, 3, 2},
        {"no version", 1, "00", "0002 1301 01 00 0005 002b0001 00", 51, 0, 2},
        {"an odd list of signature algorithms", 1, "00", "0002 1301 01 00 0009 000d0005 0003 040304", 51, 3, 2},
        {"no signature algorithm", 1, "00", "0002 1301 01 00 0006 000d0002 0000", 51, 0, 2},
        {"a server's hello without extensions", 2, "00", "c030 00", -1, 0, 0},
        {"a server's session id of 32", 2, SESSION_32, "c030 00", -1, 0, 0},
        {"a server's session id of 33", 2, SESSION_33, "c030 00", 38, 33, 32},
        {"a server's hello without compression", 2, "00", "c030", 1, 37, 38},
        {"a server's version", 2, "00", "1301 00 0006 002b0002 0304", -1, 0, 0},
        {"two versions of a server", 2, "00", "1301 00 0008 002b0004 0304 0303", 46, 4, 2},
        {"a server's empty name", 2, "00", "c030 00 0004 00000000", -1, 0, 0},
        {"a server's extensions beyond the message", 2, "00", "c030 00 0005 00000000", 42, 5, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char after[512];
        snprintf(after, sizeof after, "%s %s", rows[i].session, rows[i].after);
        struct view message = hello_of(rows[i].type, "0303", after);
        struct read r;
        read_message(&r, message, true, 0);
        const struct report *found = r.f.reports_used ? &r.f.reports[0] : NULL;
        if (r.f.reports_used != (rows[i].at >= 0) ||
            (found && ((int)found->offset != rows[i].at || found->got != rows[i].got || found->expected != rows[i].expected)))
            print_error("%s: %u reports, at %d got %d expected %d\n", rows[i].name, r.f.reports_used, found ? (int)found->offset : -1,
                        found ? (int)found->got : -1, found ? (int)found->expected : -1);
        assert_int_equal(r.f.reports_used, rows[i].at >= 0);
        assert_int_equal(r.print[0] != 0, rows[i].at < 0);
        if (found) {
            assert_int_equal(found->anomaly, ANOMALY_TLS_HANDSHAKE_MALFORMED);
            assert_int_equal(found->offset, rows[i].at);
            assert_int_equal(found->got, rows[i].got);
            assert_int_equal(found->expected, rows[i].expected);
        }
        read_message(&r, message, false, 0);
        assert_int_equal(r.f.reports_used, 0);
        hex_free(message);
    }
}

static void too_short_for_a_version(void **state)
{
    (void)state;
    for (uint8_t type = 1; type <= 2; type++) {
        struct view message = message_of(type, "0303 00");
        struct read r;
        read_message(&r, message, true, 0);
        assert_int_equal(r.f.reports_used, 1);
        assert_int_equal(r.f.reports[0].got, 3);
        assert_int_equal(r.f.reports[0].expected, 34);
        hex_free(message);
    }
}

static void old_versions(void **state)
{
    (void)state;
    static const struct {
        const char *version, *after;
        bool old;
    } rows[] = {
        {"0303", "00 c030 00", false}, {"0302", "00 c014 00", true}, {"0300", "00 0005 00", true},
        {"0303", "00 1301 00 0006 002b0002 0304", false}, {"0303", "00 1301 00 0006 002b0002 0302", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view message = hello_of(2, rows[i].version, rows[i].after);
        struct read r;
        read_message(&r, message, true, 0);
        assert_int_equal(r.f.reports_used, rows[i].old);
        if (rows[i].old)
            assert_int_equal(r.f.reports[0].anomaly, ANOMALY_TLS_OLD_VERSION);
        hex_free(message);
    }
}

/* A list of more than is sorted: no fingerprint, no complaint. */
static void long_lists(void **state)
{
    (void)state;
    for (unsigned count = 256; count <= 257; count++) {
        static char after[8192];
        size_t at = (size_t)snprintf(after, sizeof after, "00 %04x", 2 * count);
        for (unsigned i = 0; i < count; i++)
            at += (size_t)snprintf(after + at, sizeof after - at, " 50%02x", 255 - (i & 0xff));
        snprintf(after + at, sizeof after - at, " 01 00");
        struct view message = hello_of(1, "0303", after);
        struct read r;
        read_message(&r, message, true, 0);
        assert_int_equal(r.f.reports_used, 0);
        assert_int_equal(r.print[0] != 0, count == 256);
        if (count == 256)
            assert_memory_equal(r.print, "t12i990000_", 11);
        hex_free(message);
    }
}

/* ---- certificates: openssl req -x509, common name and organisation as below, cut down to what is read */

#define DER_CERTIFICATE(not_after)                                                                                                  \
    "30 81 9b 30 81 98 a003020102 020101 300d06092a864886f70d01010b0500 "                                                             \
    "30 1a 310b 3009 0603550406 1302 'DE' 310b 3009 0603550403 0c02 'CA' "                                                          \
    "30 1e 170d '250102030405Z' " not_after " "                                                                                      \
    "30 12 3110 300e 0603550403 0c07 'db.test' "                                                                                    \
    "3003 300100 "                                                                                                                   \
    "a3 2a 3028 3026 0603551d11 0101ff 041c 301a 8207 'db.test' 8702 7f00 820b 'www.db.test'"

static struct view certificate_of(const char *der)
{
    struct view bytes = hex(der);
    size_t list = bytes.length + 3;
    uint8_t *message = malloc(list + 7);
    const uint8_t head[10] = {11, 0, (uint8_t)((list + 3) >> 8), (uint8_t)(list + 3), 0, (uint8_t)(list >> 8), (uint8_t)list,
                              0, (uint8_t)(bytes.length >> 8), (uint8_t)bytes.length};
    memcpy(message, head, sizeof head);
    memcpy(message + 10, bytes.bytes, bytes.length);
    hex_free(bytes);
    return view_of(message, list + 7);
}

static void certificate_is_read(void **state)
{
    (void)state;
    struct view message = certificate_of(DER_CERTIFICATE("170d '260102030405Z'"));
    struct read r;
    enum { NOT_AFTER = 1767323045 };
    read_message(&r, message, true, NOT_AFTER);
    assert_int_equal(r.f.reports_used, 0);
    expect_text(&r, message, FIELD_TLS_CERTIFICATE_SUBJECT, 0, "db.test");
    expect_text(&r, message, FIELD_TLS_CERTIFICATE_ISSUER, 0, "CA");
    expect_text(&r, message, FIELD_TLS_CERTIFICATE_NAMES, 0, "db.test");
    expect_text(&r, message, FIELD_TLS_CERTIFICATE_NAMES, 1, "www.db.test");
    expect_text(&r, message, FIELD_TLS_CERTIFICATE_NAMES, 2, NULL);
    expect_text(&r, message, FIELD_TLS_NOT_AFTER, 0, "260102030405Z");
    assert_int_equal(field_of(&r, FIELD_TLS_NOT_BEFORE, 0)->value, 1735787045);
    assert_int_equal(field_of(&r, FIELD_TLS_NOT_AFTER, 0)->value, NOT_AFTER);
    read_message(&r, message, true, NOT_AFTER + 1);
    assert_int_equal(r.f.reports_used, 1);
    assert_int_equal(r.f.reports[0].anomaly, ANOMALY_TLS_CERTIFICATE_EXPIRED);
    assert_int_equal(r.f.reports[0].got, NOT_AFTER);
    assert_int_equal(r.f.reports[0].expected, NOT_AFTER + 1);
    hex_free(message);
}

static void times_of_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *not_after;
        int64_t seconds; /* -1: it is no time */
    } rows[] = {
        {"170d '491231235959Z'", 2524607999}, {"170d '500101000000Z'", 0},          {"170d '000229000000Z'", 951782400},
        {"170d '261301000000Z'", -1},         {"170d '261232000000Z'", -1},         {"170d '2612010000x0Z'", -1},
        {"170d '261201000000+'", -1},         {"170d '261200000000Z'", -1},         {"170d '261201240000Z'", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char der[1024];
        snprintf(der, sizeof der, "%s%s%s", "30 81 9b 30 81 98 a003020102 020101 300d06092a864886f70d01010b0500 30 1a 310b 3009 0603550406 1302 'DE' "
                 "310b 3009 0603550403 0c02 'CA' 30 1e 170d '250102030405Z' ", rows[i].not_after,
                 " 30 12 3110 300e 0603550403 0c07 'db.test' 3003 300100 a3 2a 3028 3026 0603551d11 0101ff 041c 301a 8207 'db.test' 8702 7f00 820b 'www.db.test'");
        struct view message = certificate_of(der);
        struct read r;
        read_message(&r, message, true, 1);
        const struct field_value *found = field_of(&r, FIELD_TLS_NOT_AFTER, 0);
        assert_int_equal(found != NULL, rows[i].seconds >= 0);
        if (found)
            assert_int_equal(found->value, rows[i].seconds);
        assert_non_null(field_of(&r, FIELD_TLS_CERTIFICATE_NAMES, 1));
        hex_free(message);
    }
}

/* ---- every prefix and every changed byte */

static void prefixes_and_changes(void **state)
{
    (void)state;
    struct view seeds[] = {
        hello_of(1, "0303", EXAMPLE),
        hello_of(2, "0303", "00 1301 00 0017 002b0002 0304 00100005 0003 02 'h2' 00330000 00000000"),
        certificate_of(DER_CERTIFICATE("170d '260102030405Z'")),
    };
    for (size_t s = 0; s < sizeof seeds / sizeof seeds[0]; s++) {
        struct read r;
        for (size_t length = 4; length <= seeds[s].length; length++) {
            uint8_t *exact = malloc(length);
            memcpy(exact, seeds[s].bytes, length);
            read_message(&r, view_of(exact, length), true, 1);
            read_message(&r, view_of(exact, length), false, 1);
            free(exact);
        }
        uint8_t *exact = malloc(seeds[s].length);
        for (size_t at = 4; at < seeds[s].length; at++) {
            for (unsigned value = 0; value < 256; value++) {
                memcpy(exact, seeds[s].bytes, seeds[s].length);
                exact[at] = (uint8_t)value;
                read_message(&r, view_of(exact, seeds[s].length), true, 1);
            }
        }
        free(exact);
        hex_free(seeds[s]);
    }
}

/* ---- through the room */

static void agree(void)
{
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "00000008 04d2162f");
    say(FROM_SERVER, "'S'");
    assert_int_equal(drive.lines_used, 0);
}

static void expect(const char *line)
{
    for (unsigned i = 0; i < drive.lines_used; i++)
        if (!line || drive.lines_used > 1 || strcmp(drive.lines[i], line))
            print_error("line: %s\n", drive.lines[i]);
    assert_int_equal(drive.lines_used, line != NULL);
    if (line)
        assert_string_equal(drive.lines[0], line);
}

/* A message in records of at most `piece` bytes. */
static size_t records_of(struct view message, size_t piece, uint8_t *out)
{
    size_t length = 0;
    for (size_t at = 0; at < message.length; at += piece) {
        struct view part = view_head(view_from(message, at), piece);
        const uint8_t header[5] = {22, 3, 1, (uint8_t)(part.length >> 8), (uint8_t)part.length};
        memcpy(out + length, header, sizeof header);
        memcpy(out + length + 5, part.bytes, part.length);
        length += 5 + part.length;
    }
    return length;
}

static void hellos_in_any_pieces(void **state)
{
    (void)state;
    static uint8_t stream[MESSAGE_MAX];
    struct view hello = hello_of(1, "0303", EXAMPLE);
    for (size_t record = 1; record <= hello.length; record += record < 8 ? 1 : 97) {
        size_t length = records_of(hello, record, stream);
        for (size_t segment = 1; segment <= length; segment += segment < 8 ? 1 : 61) {
            agree();
            unsigned before = drive.messages;
            for (size_t at = 0; at < length; at += segment)
                drive_bytes(&drive, FROM_CLIENT, view_head(view_from(view_of(stream, length), at), segment));
            assert_int_equal(drive.messages, before + 1);
            say(FROM_CLIENT, "14 0303 0001 01 16 0303 ffff 00");
            drive_end(&drive, END_FIN, FROM_CLIENT);
            expect(NULL);
        }
    }
    hex_free(hello);
}

/* Redis and Memcached speak TLS from the first byte, and the server must answer in kind. */
static void tls_from_the_first_byte(void **state)
{
    (void)state;
    static const uint16_t ports[] = {5432, 6379, 11211};
    static uint8_t stream[MESSAGE_MAX];
    struct view hello = hello_of(1, "0303", "00 0003 130113 01 00"); /* odd, so that it is seen that it was read */
    size_t length = records_of(hello, 1000, stream);
    agree(); /* PostgreSQL 17: from then on its server is known */
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    for (size_t p = 0; p < sizeof ports / sizeof ports[0]; p++) {
        for (size_t segment = 5; segment <= length; segment += 13) {
            drive_start(&drive, ports[p], false);
            for (size_t at = 0; at < length; at += segment)
                drive_bytes(&drive, FROM_CLIENT, view_head(view_from(view_of(stream, length), at), segment));
            say(FROM_SERVER, "15 0303 0002 01 00");
            if (drive.lines_used != 1)
                print_error("port %u, pieces of %zu\n", ports[p], segment);
            expect("tls.handshake-malformed client 5+39 tls.length");
            drive_end(&drive, END_FIN, FROM_CLIENT);
        }
    }
    hex_free(hello);
}

static void records_and_alerts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes, *line;
    } rows[] = {
        {"a fatal alert", "15 0303 0002 02 28", "tls.handshake-failed server 6+1 tls.alert"},
        {"a warning", "15 0303 0002 01 70", NULL},
        {"an encrypted alert", "15 0303 001a 02 28", NULL},
        {"the longest record in clear", "16 0303 4000 0e 000000", NULL},
        {"a longer one", "16 0303 4001 0e 000000", "tls.record-length server 1+3 tls.length"},
        {"an empty one", "16 0303 0000", "tls.record-length server 1+3 tls.length"},
        {"an empty alert", "15 0303 0000", "tls.record-length server 1+3 tls.length"},
        {"the longest encrypted record", "17 0303 4800 00", NULL},
        {"a longer one", "17 0303 4801 00", "tls.record-length server 1+3 tls.length"},
        {"an empty encrypted one", "17 0303 0000", NULL},
        {"nothing is looked at behind ChangeCipherSpec", "14 0303 0001 01 16 0303 0000", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t piece = 1; piece <= 20; piece++) {
            agree();
            struct view bytes = hex(rows[i].bytes);
            for (size_t at = 0; at < bytes.length; at += piece)
                drive_bytes(&drive, FROM_SERVER, view_head(view_from(bytes, at), piece));
            hex_free(bytes);
            drive_end(&drive, END_FIN, FROM_SERVER);
            if (drive.lines_used != (rows[i].line != NULL))
                print_error("%s in pieces of %zu\n", rows[i].name, piece);
            expect(rows[i].line);
        }
    }
}

static void a_gap_ends_the_reading(void **state)
{
    (void)state;
    agree();
    say(FROM_SERVER, "16 0303 0100 02 0000f0 0303");
    drive_gap(&drive, FROM_SERVER, 10);
    say(FROM_SERVER, "16 0303 0000");
    expect(NULL);
    say(FROM_CLIENT, "16 0303 0000");
    expect("tls.record-length client 8+3 tls.length");
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

/* Buffers come back: more connections than there are buffers, each with a message that never ends, or is longer than a buffer. */
static void buffers_come_back(void **state)
{
    (void)state;
    static uint8_t filling[16384];
    for (unsigned i = 0; i < 100; i++) {
        agree();
        unsigned before = drive.messages;
        say(FROM_SERVER, "16 0303 4000 0b 007000 006ffd 000010");
        drive_bytes(&drive, FROM_SERVER, view_of(filling, 16384 - 10));
        assert_int_equal(drive.messages, before + 1);
        if (i & 1)
            say(FROM_SERVER, "16 0303 4000 00");
        say(FROM_CLIENT, "16 0303 0100 01 0000fc");
        drive_end(&drive, END_CAPTURE, FROM_CLIENT);
        expect(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprint_of_the_specification),
        cmocka_unit_test(fingerprint_of_a_server),
        cmocka_unit_test(fingerprints_of_little),
        cmocka_unit_test(bounds_of_hellos),
        cmocka_unit_test(too_short_for_a_version),
        cmocka_unit_test(old_versions),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(certificate_is_read),
        cmocka_unit_test(times_of_certificates),
        cmocka_unit_test(prefixes_and_changes),
        cmocka_unit_test(hellos_in_any_pieces),
        cmocka_unit_test(tls_from_the_first_byte),
        cmocka_unit_test(records_and_alerts),
        cmocka_unit_test(a_gap_ends_the_reading),
        cmocka_unit_test(buffers_come_back),
    };
    return cmocka_run_group_tests_name("tls", tests, open_drive, close_drive);
}
