/*
 * What scanners and lost clients say, to each of the nine databases: every row of the two tables is tried on every other's
 * port, on a server that is known and on one that is not, in one piece and in two. Each is told once, by name.
 */
#include "check.h"
#include "drive.h"
#include "proto/dialogue.h"

#define HELLO_BODY "010000 2d 0303 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00 0006 1301 1302 002f 01 00"
#define EXCSAT "0022 d041 0001 001c 1041 0008 115e 'test' 0010 1404 1403 0007 2407 0007 240f 0007"
#define MONGODB_HELLO "34000000 01000000 00000000 dd070000 00000000 00 1f000000 10 'hello' 00 01000000 02 '$db' 00 06000000 'admin' 00 00"
#define GREETING "4a000000 0a '8.0.36' 00 08000000 0102030405060708 00 ffff ff 0200 ffdf 15 00000000000000000000" \
                 "0102030405060708090a0b0c 00 'caching_sha2_password' 00"

/* Somebody who is no database. */
static const struct {
    const char *name, *bytes;
} probes[] = {
    {"HTTP", "'GET / HTTP/1.1' 0d0a 'Host: db' 0d0a0d0a"},
    {"HTTP", "'POST /a HTTP/1.0' 0d0a 'Authorization: Basic c2VjcmV0' 0d0a0d0a"},
    {"HTTP", "'OPTIONS * HTTP/1.1' 0d0a0d0a"},
    {"HTTP", "'PRI * HTTP/2.0' 0d0a0d0a 'SM' 0d0a0d0a"},
    {"RTSP", "'OPTIONS * RTSP/1.0' 0d0a0d0a"},
    {"SIP", "'OPTIONS sip:nm SIP/2.0' 0d0a0d0a"},
    {"TLS", "16 0301 0031" HELLO_BODY},
    {"SSH", "'SSH-2.0-OpenSSH_9.2p1' 0d0a"},
    {"SMBv1", "00000031 ff 'SMB' 72 00000000 18 0128 000000000000000000000000 0000 0001 0000 0000 00 0e00 02 'NT LM 0.12' 00"},
    {"SMBv23", "00000044 fe 'SMB' 4000 0000 00000000 0000 0000 00000000 00000000 0000000000000000 00000000 00000000 0000000000000000"
               "00000000000000000000000000000000 2400 0100 0000 0000"},
    {"RDP", "0300 0013 0e e0 0000 0000 00 01 00 0800 03000000"},
    {"VNC", "'RFB 003.008' 0a"},
    {"AMQP", "'AMQP' 00 00 09 01"},
};

/* What each database's client says first, and how its server answers what it does not understand: with bytes or with the end. */
static const struct database {
    enum protocol protocol;
    uint16_t port;
    const char *spoken, *greeting, *first, *refuses;
} databases[] = {
    {PROTOCOL_MYSQL, 3306, "MySQL", GREETING,
     "47000001 0fa23a00 00000001 2d 0000000000000000000000000000000000000000000000 'root' 00 14 0102030405060708090a0b0c0d0e0f1011121314"
     "'mysql_native' 00", NULL},
    {PROTOCOL_PGSQL, 5432, "PostgreSQL", NULL, "00000012 00030000 'user' 00 'joe' 00 00", NULL},
    {PROTOCOL_REDIS, 6379, "Redis", NULL, "'*1' 0d0a '$4' 0d0a 'PING' 0d0a", "'-ERR unknown command' 0d0a"},
    {PROTOCOL_MEMCACHED, 11211, "Memcached", NULL, "80 0b 0000 00 00 0000 00000000 00000000 0000000000000000", "'ERROR' 0d0a"},
    {PROTOCOL_CQL, 9042, "Cassandra", NULL, "04 00 0000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'", NULL},
    {PROTOCOL_DRDA, 50000, "DRDA", NULL, EXCSAT, NULL},
    {PROTOCOL_TDS, 1433, "MsSQL-TDS", NULL, "12 01 002f 0000 01 00 00 001a 0006 01 0020 0001 02 0021 0001 03 0022 0004 04 0026 0001 ff 110000000000 00 00 00000000 00", NULL},
    {PROTOCOL_TNS, 1521, "Oracle", NULL,
     "003e 0000 01 00 0000 0139 012c 0c41 2000 ffff 7f08 0000 0100 0000 003e 00000000 4141 0000000000000000 0000000000000000 00000000 0000 0000 0000 0000", NULL},
    {PROTOCOL_MONGODB, 27017, "MongoDB", NULL, MONGODB_HELLO, NULL},
};
enum { DATABASES = sizeof databases / sizeof databases[0], STRANGERS = sizeof probes / sizeof probes[0] };

static struct drive drive;
static char spoken[64];

static void open_it(void)
{
    assert_true(drive_open(&drive));
    spoken[0] = 0;
}

static void say(enum side from, const char *written)
{
    struct view bytes = hex(written);
    drive_bytes(&drive, from, bytes);
    drive.flow.bytes[from] += bytes.length;
    hex_free(bytes);
}

static void say_in_two(const char *written, size_t cut)
{
    struct view bytes = hex(written);
    drive_bytes(&drive, FROM_CLIENT, view_head(bytes, cut));
    drive_bytes(&drive, FROM_CLIENT, view_from(bytes, cut));
    hex_free(bytes);
}

/* One connection of a stranger; lines of reports stay in `drive`. */
static void visit(const struct database *on, bool known, const char *bytes, size_t cut)
{
    drive_start(&drive, on->port, false);
    if (known)
        directory_learn(drive.dialogue->directory, &drive.flow.server, on->protocol, 1);
    if (on->greeting)
        say(FROM_SERVER, on->greeting);
    if (cut)
        say_in_two(bytes, cut);
    else
        say(FROM_CLIENT, bytes);
    if (on->refuses)
        say(FROM_SERVER, on->refuses);
    drive_end(&drive, END_FIN, FROM_SERVER);
}

/* How a server says that it does not know TLS has names of its own where it can begin with it. */
static bool is_refused_tls(const char *line)
{
    return strstr(line, ".tls-unanswered ") || strstr(line, ".tls-unexpected ");
}

static unsigned told(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < drive.lines_used; i++)
        count += strncmp(drive.lines[i], "db.wrong-protocol client 0+0 db.spoken", 38) == 0 || is_refused_tls(drive.lines[i]);
    return count;
}

static void show_failed(const struct database *on, bool known, const char *name, const char *bytes, size_t cut)
{
    print_error("%s on %s, %s, cut at %zu:\n", name, protocol_name(on->protocol), known ? "known" : "unknown", cut);
    print_error("  %.60s\n", bytes);
    for (unsigned i = 0; i < drive.lines_used; i++)
        print_error("  %s\n", drive.lines[i]);
    fail();
}

static void check_visit(const struct database *on, bool known, const char *name, const char *bytes, size_t cut)
{
    open_it();
    visit(on, known, bytes, cut);
    bool others = drive.lines_used > 1 && on->protocol != PROTOCOL_REDIS && on->protocol != PROTOCOL_MEMCACHED;
    if (told() != 1 || others)
        show_failed(on, known, name, bytes, cut);
    if (drive.dialogue->conversations.in_use || drive.dialogue->small.in_use || drive.dialogue->note_blocks.in_use)
        show_failed(on, known, "what it held", bytes, cut);
    drive_close(&drive);
}

static void every_stranger_on_every_port(void **state)
{
    (void)state;
    for (size_t d = 0; d < DATABASES; d++)
        for (size_t s = 0; s < STRANGERS; s++)
            for (int known = 0; known < 2; known++)
                check_visit(&databases[d], known, probes[s].name, probes[s].bytes, 0);
}

static void every_database_on_every_other_port(void **state)
{
    (void)state;
    for (size_t d = 0; d < DATABASES; d++)
        for (size_t other = 0; other < DATABASES; other++)
            for (int known = 0; known < 2; known++)
                if (other != d)
                    check_visit(&databases[d], known, databases[other].spoken, databases[other].first, 0);
}

/* The first segment may be too short to tell: then both together are named. What holds a whole header is flagged as what it is to the
 * server; to Redis a NUL is enough. */
static void in_two_segments(void **state)
{
    (void)state;
    enum { SHORTEST_HEADER = 4, MOST = 12 };
    for (size_t d = 0; d < DATABASES; d++)
        for (size_t s = 0; s < STRANGERS; s++)
            for (size_t cut = 1; cut < MOST; cut++) {
                check_visit(&databases[d], true, probes[s].name, probes[s].bytes, cut < SHORTEST_HEADER && databases[d].protocol != PROTOCOL_REDIS ? cut : 0);
                open_it();
                visit(&databases[d], false, probes[s].bytes, cut);
                if (drive.lines_used == 0)
                    show_failed(&databases[d], false, probes[s].name, probes[s].bytes, cut);
                drive_close(&drive);
            }
}

static void its_own_is_no_stranger(void **state)
{
    (void)state;
    for (size_t d = 0; d < DATABASES; d++) {
        struct view first = hex(databases[d].first);
        if (stranger_on(decoder_of(databases[d].protocol), FROM_CLIENT, first))
            fail_msg("%s on its own port", databases[d].spoken);
        for (size_t cut = 0; cut < first.length; cut++) /* as far as its beginning says */
            if (stranger_on(decoder_of(databases[d].protocol), FROM_CLIENT, view_head(first, cut)))
                fail_msg("%zu bytes of %s on its own port", cut, databases[d].spoken);
        hex_free(first);
    }
}

static void names_of_signs(void **state)
{
    (void)state;
    for (size_t s = 0; s < STRANGERS; s++) {
        struct view bytes = hex(probes[s].bytes);
        bool sure;
        const char *name = name_of(NAMES_spoken, stranger_sign(bytes, &sure));
        assert_string_equal(name, probes[s].name);
        assert_true(sure);
        for (size_t cut = 0; cut <= bytes.length; cut++) { /* exact-size blocks: nothing is read beyond */
            uint8_t *exact = malloc(cut + 1);
            memcpy(exact, bytes.bytes, cut);
            exact = realloc(exact, cut ? cut : 1);
            stranger_sign(view_of(exact, cut), &sure);
            free(exact);
        }
        hex_free(bytes);
    }
    for (size_t d = 0; d < DATABASES; d++)
        assert_string_equal(name_of(NAMES_spoken, decoder_of(databases[d].protocol)->spoken), databases[d].spoken);
}

/* A server that nobody knows, on another's usual port, answers in kind: it is what it speaks. */
static void found_on_the_port_of_another(void **state)
{
    (void)state;
    open_it();
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "'*1' 0d0a '$4' 0d0a 'PING' 0d0a");
    say(FROM_SERVER, "'+PONG' 0d0a");
    assert_int_equal(dialogue_decoder(&drive.flow)->protocol, PROTOCOL_REDIS);
    drive_end(&drive, END_FIN, FROM_SERVER);
    assert_int_equal(drive.lines_used, 0);
    drive_close(&drive);
    /* The end of the capture says nothing of the answer; a mirror of one side neither. */
    open_it();
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "'*1' 0d0a '$4' 0d0a 'PING' 0d0a");
    drive_end(&drive, END_CAPTURE, FROM_SERVER);
    drive_start(&drive, 5432, false);
    drive.flow.packets[FROM_SERVER] = 0;
    say(FROM_CLIENT, "'*1' 0d0a '$4' 0d0a 'PING' 0d0a");
    drive_end(&drive, END_FIN, FROM_CLIENT);
    assert_int_equal(drive.lines_used, 0);
    drive_close(&drive);
}

/* Of servers that begin with TLS. */
static void tls_that_is_answered(void **state)
{
    (void)state;
    for (size_t d = 1; d < DATABASES; d++) {
        if (databases[d].protocol == PROTOCOL_PGSQL)
            continue;
        open_it();
        drive_start(&drive, databases[d].port, false);
        say(FROM_CLIENT, "16 0301 0031" HELLO_BODY);
        say(FROM_SERVER, "16 0303 002c 02000028 0303" "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" "00 1302 00 0000");
        drive_end(&drive, END_FIN, FROM_SERVER);
        if (drive.lines_used)
            show_failed(&databases[d], false, "TLS that is answered", "", 0);
        drive_close(&drive);
    }
}

/* Behind a request of HTTP a server of lines reads on, and so is read. */
static void lines_behind_http_are_read(void **state)
{
    (void)state;
    open_it();
    drive_start(&drive, 6379, false);
    say(FROM_CLIENT, "'GET / HTTP/1.1' 0d0a 'SLAVEOF 203.0.113.1 6379' 0d0a");
    unsigned messages = drive.messages;
    say(FROM_CLIENT, "'*x' 0d0a");
    assert_true(drive.messages > messages);
    drive_end(&drive, END_CAPTURE, FROM_SERVER);
    assert_int_equal(told(), 1);
    assert_true(drive.lines_used > 1);
    drive_close(&drive);
}

/* A password of another database is masked, and so is what follows. */
static void secrets_of_strangers(void **state)
{
    (void)state;
    struct secret_range ranges[8];
    open_it();
    drive_start(&drive, 5432, false);
    directory_learn(drive.dialogue->directory, &drive.flow.server, PROTOCOL_PGSQL, 1);
    say(FROM_CLIENT, "'*2' 0d0a '$4' 0d0a 'AUTH' 0d0a '$6' 0d0a 'hunter' 0d0a");
    say(FROM_SERVER, "'E' 00000008 00000000");
    assert_int_equal(told(), 1);
    size_t used = dialogue_secrets(&drive.flow, ranges, 8);
    assert_true(used >= 1);
    assert_int_equal(ranges[0].stream_offset, 8);
    assert_true(ranges[used - 1].length > 1000);
    drive_end(&drive, END_FIN, FROM_SERVER);
    drive_close(&drive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_signs),
        cmocka_unit_test(its_own_is_no_stranger),
        cmocka_unit_test(every_stranger_on_every_port),
        cmocka_unit_test(every_database_on_every_other_port),
        cmocka_unit_test(in_two_segments),
        cmocka_unit_test(found_on_the_port_of_another),
        cmocka_unit_test(tls_that_is_answered),
        cmocka_unit_test(lines_behind_http_are_read),
        cmocka_unit_test(secrets_of_strangers),
    };
    return cmocka_run_group_tests_name("stranger", tests, NULL, NULL);
}
