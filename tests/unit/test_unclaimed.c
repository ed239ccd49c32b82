/* Connections that no decoder claims, and what libndpi says of them: once each, on any port, and nothing is kept. */
#include "driven.h"
#include "proto/dialogue.h"

static int open_it(void **state)
{
    (void)state;
    return drive_open_with(&drive, true) ? 0 : -1;
}

static void named_once(void **state)
{
    (void)state;
    static const struct {
        uint16_t spoken;
        const char *client, *server;
    } rows[] = {
        {SPOKEN_HTTP, "'GET /a HTTP/1.1' 0d0a 'Host: example' 0d0a0d0a", "'HTTP/1.1 200 OK' 0d0a 'Content-Length: 0' 0d0a0d0a"},
        {SPOKEN_SSH, "'SSH-2.0-OpenSSH_9.2' 0d0a", "'SSH-2.0-OpenSSH_9.2' 0d0a"},
        {SPOKEN_UNKNOWN, "f1f2f3f4f5f6f7f8f9", "e1e2e3e4e5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = dialogue_spoken(drive.dialogue, rows[i].spoken);
        drive_start(&drive, (uint16_t)(31000 + i), false);
        for (int again = 0; again < 10; again++) {
            say(FROM_CLIENT, rows[i].client);
            say(FROM_SERVER, rows[i].server);
        }
        drive_end(&drive, END_FIN, FROM_CLIENT);
        assert_int_equal(dialogue_spoken(drive.dialogue, rows[i].spoken), before + 1);
        assert_int_equal(drive.messages, 20 + 1); /* each segment is for rules of tcp, too; what it is comes once */
        assert_int_equal(drive.lines_used, 0);
        assert_int_equal(drive.dialogue->conversations.in_use, 0);
    }
}

/* Not one of these has an end: more of them than there are places. */
static void more_than_there_is_room_for(void **state)
{
    (void)state;
    static struct flow flows[4 + 8];
    struct segment where = {.ticket = 1, .packet_number = 1, .time_ns = 1};
    static const uint8_t bytes[] = {0xf1, 0xf2, 0xf3, 0xf4};
    uint64_t unknown = dialogue_spoken(drive.dialogue, SPOKEN_UNKNOWN);
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        flows[i].server.port = 32000;
        flows[i].packets[0] = flows[i].packets[1] = 1;
        drive.sink.bytes(drive.sink.context, &flows[i], FROM_CLIENT, view_of(bytes, sizeof bytes), &where);
    }
    assert_true(drive.dialogue->conversations.in_use <= 4);
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++)
        drive.sink.closed(drive.sink.context, &flows[i], END_FIN, FROM_CLIENT, &where);
    assert_int_equal(drive.dialogue->conversations.in_use, 0);
    assert_true(dialogue_spoken(drive.dialogue, SPOKEN_UNKNOWN) > unknown);
}

/* On a database's port libndpi is believed of what is distinct: a bind of LDAP. */
static void named_on_a_port_of_a_database(void **state)
{
    (void)state;
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "30 0c 02 01 01 60 07 02 01 03 04 00 80 00");
    drive_end(&drive, END_FIN, FROM_SERVER);
    assert_int_equal(drive.lines_used, 1);
    assert_string_equal(drive.lines[0], "db.wrong-protocol client 0+0 db.spoken");
}

/* Nothing is asked that a decoder claims. */
static void claimed_connections_are_not_asked(void **state)
{
    (void)state;
    uint64_t before = 0, after = 0;
    for (uint16_t i = 0; i < SPOKEN_WORDS; i++)
        before += dialogue_spoken(drive.dialogue, i);
    drive_start(&drive, 33000, false);
    say(FROM_CLIENT, "00000012 00030000 'user' 00 'joe' 00 00");
    say(FROM_SERVER, "'R' 00000008 00000000");
    drive_end(&drive, END_FIN, FROM_CLIENT);
    for (uint16_t i = 0; i < SPOKEN_WORDS; i++)
        after += dialogue_spoken(drive.dialogue, i);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_once),
        cmocka_unit_test(more_than_there_is_room_for),
        cmocka_unit_test(named_on_a_port_of_a_database),
        cmocka_unit_test(claimed_connections_are_not_asked),
    };
    return cmocka_run_group_tests_name("unclaimed", tests, open_it, close_drive);
}
