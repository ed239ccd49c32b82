/* The proto room without packets: who claims a connection, what never completes, TLS, gaps, segmentation. */
#include "driven.h"

/* PostgreSQL, the shortest of sessions. */
static const char STARTUP[] = "00000012 00030000 'user' 00 'joe' 00 00";
static const char AUTHENTICATION_OK[] = "'R' 00000008 00000000";
static const char READY[] = "'Z' 00000005 'I'";
static const char QUERY[] = "'Q' 0000000d 'SELECT 1' 00";
static const char ROW[] = "'T' 0000001a 0001 'n' 00 00000000 0000 00000017 0004 ffffffff 0000"
                          "'D' 0000000b 0001 00000001 '1'"
                          "'C' 0000000d 'SELECT 1' 00";

static void log_in(void)
{
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, STARTUP);
    say(FROM_SERVER, AUTHENTICATION_OK);
    say(FROM_SERVER, READY);
}

static void expect(const char *line)
{
    if (line && drive.lines_used != 1)
        for (unsigned i = 0; i < drive.lines_used; i++)
            print_error("line: %s\n", drive.lines[i]);
    if (!line) {
        if (drive.lines_used)
            print_error("line: %s\n", drive.lines[0]);
        assert_int_equal(drive.lines_used, 0);
        return;
    }
    assert_int_equal(drive.lines_used, 1);
    assert_string_equal(drive.lines[0], line);
}

static void clean_session_is_silent(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, QUERY);
    say(FROM_SERVER, ROW);
    say(FROM_SERVER, READY);
    say(FROM_CLIENT, "'X' 00000004");
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect(NULL);
    assert_int_equal(drive.messages, 9);
}

static void unfinished_message_at_the_close(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, "'Q' 0000000e 'SELECT 1' 00");
    expect(NULL);
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect("pgsql.incomplete-message client 18+1 pgsql.length");
}

static void unfinished_message_at_the_end_of_the_capture_is_nothing(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, "'Q' 0000000e 'SELECT 1' 00");
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    expect(NULL);
}

static void unfinished_message_after_the_time_limit(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, "'Q' 0000000e 'SELECT 1' 00");
    int64_t now = drive.now_ns;
    dialogue_tick(drive.dialogue, now + INT64_C(29999999999));
    expect(NULL);
    dialogue_tick(drive.dialogue, now + INT64_C(30000000001));
    expect("pgsql.incomplete-message client 18+1 pgsql.length");
    dialogue_tick(drive.dialogue, now + INT64_C(90000000000));
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect("pgsql.incomplete-message client 18+1 pgsql.length"); /* said once */
    drive.now_ns = now + INT64_C(90000000000);
}

static void progress_moves_the_time_limit(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, "'Q' 0000000d 'SEL'");
    int64_t now = drive.now_ns += INT64_C(20000000000);
    say(FROM_CLIENT, "'ECT'");
    dialogue_tick(drive.dialogue, now + INT64_C(29000000000));
    expect(NULL);
    say(FROM_CLIENT, "' 1' 00");
    dialogue_tick(drive.dialogue, now + INT64_C(99000000000));
    drive.now_ns = now + INT64_C(99000000000);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    expect(NULL);
}

static void unfinished_login_that_the_server_answers(void **state)
{
    (void)state;
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "00000032 00030000 'user' 00 'joe' 00 00");
    expect(NULL);
    say(FROM_SERVER, AUTHENTICATION_OK);
    assert_true(drive.lines_used >= 1);
    assert_string_equal(drive.lines[0], "pgsql.incomplete-message client 0+0 pgsql.length");
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

static void segmentation_does_not_matter(void **state)
{
    (void)state;
    struct view startup = hex(STARTUP), query = hex("'Q' 0000000c 'SELECT 1' 'Q' 0000000d 'SELECT 1' 00"), row = hex(ROW);
    char whole[DRIVE_LINE];
    for (size_t piece = 0; piece < 40; piece++) {
        drive_start(&drive, 5432, false);
        struct {
            enum side from;
            struct view bytes;
        } parts[] = {{FROM_CLIENT, startup}, {FROM_SERVER, hex(AUTHENTICATION_OK)}, {FROM_SERVER, hex(READY)},
                     {FROM_CLIENT, query},   {FROM_SERVER, row}};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            for (size_t at = 0; at < parts[i].bytes.length; at += piece ? piece : parts[i].bytes.length)
                drive_bytes(&drive, parts[i].from, view_head(view_from(parts[i].bytes, at), piece ? piece : parts[i].bytes.length));
        hex_free(parts[1].bytes);
        hex_free(parts[2].bytes);
        drive_end(&drive, END_CAPTURE, FROM_CLIENT);
        assert_true(drive.lines_used >= 1);
        if (piece == 0)
            memcpy(whole, drive.lines[0], sizeof whole);
        assert_string_equal(drive.lines[0], whole);
    }
    hex_free(startup);
    hex_free(query);
    hex_free(row);
}

static void gap_is_never_malformed(void **state)
{
    (void)state;
    for (uint64_t lost = 1; lost < 40; lost++) {
        log_in();
        say(FROM_CLIENT, "'Q' 0000000d 'SEL'");
        drive_gap(&drive, FROM_CLIENT, lost);
        say(FROM_CLIENT, "'xyz'");
        say(FROM_SERVER, ROW);
        say(FROM_SERVER, READY);
        say(FROM_CLIENT, QUERY);
        say(FROM_SERVER, ROW);
        say(FROM_SERVER, READY);
        drive_end(&drive, END_FIN, FROM_CLIENT);
        expect(NULL);
    }
}

static void after_a_gap_the_next_message_is_found(void **state)
{
    (void)state;
    log_in();
    drive_gap(&drive, FROM_CLIENT, 100);
    say(FROM_CLIENT, "'select 1' 00"); /* the rest of a message */
    say(FROM_CLIENT, QUERY);
    say(FROM_CLIENT, QUERY);
    say(FROM_CLIENT, "'Q' 00000003 00");
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    assert_int_equal(drive.lines_used, 1);
    assert_non_null(strstr(drive.lines[0], "pgsql.length"));
}

/* A server that has answered S answers N: once it has, and not before; each server by itself. */
static void tls_refused_after_it_was_offered(void **state)
{
    (void)state;
    static const struct {
        const char *name, *answer;
        uint16_t port;
        bool told;
    } rows[] = {
        {"refused by who never offered", "'N'", 5432, false}, {"offered", "'S'", 5432, false},        {"refused then", "'N'", 5432, true},
        {"by another server", "'N'", 5433, false},            {"offered again", "'S'", 5432, false}, {"and refused", "'N'", 5432, true},
        {"an answer of another kind", "'E'", 5432, false},
    };
    struct drive fresh = drive;
    assert_true(drive_open(&drive));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        drive_start(&drive, rows[i].port, false);
        say(FROM_CLIENT, "00000008 04d2162f");
        say(FROM_SERVER, rows[i].answer);
        bool told = drive.lines_used && strcmp(drive.lines[0], "db.tls-refused-after-offered server 0+0 db.tls") == 0;
        if (told != rows[i].told)
            fail_msg("%s: %s", rows[i].name, drive.lines_used ? drive.lines[0] : "nothing");
        drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    }
    drive_close(&drive);
    drive = fresh;
}

static void other_protocol_on_a_database_port(void **state)
{
    (void)state;
    struct drive fresh;
    assert_true(drive_open(&fresh));
    drive_start(&fresh, 5432, false);
    struct view http = hex("'GET / HTTP/1.1' 0d0a0d0a");
    drive_bytes(&fresh, FROM_CLIENT, http);
    drive_end(&fresh, END_FIN, FROM_CLIENT);
    assert_int_equal(fresh.lines_used, 1);
    assert_string_equal(fresh.lines[0], "db.wrong-protocol client 0+0 db.spoken");
    /* The same to a server that is known to be PostgreSQL; what only looks a little like it is damage there. */
    log_in();
    drive_end(&drive, END_FIN, FROM_CLIENT);
    drive_start(&drive, 5432, false);
    drive_bytes(&drive, FROM_CLIENT, http);
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect("db.wrong-protocol client 0+0 db.spoken");
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, "00 01 'ET / HTTP/1.1' 0d0a0d0a");
    drive_end(&drive, END_FIN, FROM_CLIENT);
    assert_true(drive.lines_used >= 1);
    assert_memory_equal(drive.lines[0], "pgsql.", 6);
    hex_free(http);
    drive_close(&fresh);
}

static void found_on_any_port_by_its_first_bytes(void **state)
{
    (void)state;
    drive_start(&drive, 12345, false);
    say(FROM_CLIENT, STARTUP);
    say(FROM_SERVER, AUTHENTICATION_OK);
    say(FROM_SERVER, READY);
    assert_non_null(dialogue_decoder(&drive.flow));
    say(FROM_CLIENT, "'Q' 00000003 00");
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    assert_true(drive.lines_used >= 1);
    /* Now the server is known, also to connections that are joined in the middle. */
    drive_start(&drive, 12345, true);
    say(FROM_CLIENT, QUERY);
    assert_non_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    drive_start(&drive, 23456, true);
    say(FROM_CLIENT, QUERY);
    assert_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

/* On ports that nobody knows; each on its own, since a server that was found is known. */
static void first_bytes_in_pieces(void **state)
{
    (void)state;
    struct view startup = hex(STARTUP);
    for (size_t cut = 1; cut < startup.length; cut++) {
        drive_start(&drive, (uint16_t)(34000 + cut), false);
        drive_bytes(&drive, FROM_CLIENT, view_head(startup, cut));
        drive_bytes(&drive, FROM_CLIENT, view_from(startup, cut));
        say(FROM_SERVER, AUTHENTICATION_OK);
        say(FROM_SERVER, READY);
        assert_non_null(dialogue_decoder(&drive.flow));
        say(FROM_CLIENT, "'Q' 0000000e 'SELECT 1' 00");
        drive_end(&drive, END_FIN, FROM_CLIENT);
        expect("pgsql.incomplete-message client 18+1 pgsql.length");
    }
    /* The server speaks meanwhile; a piece is lost; the connection ends; the bytes are something else. */
    drive_start(&drive, 34101, false);
    drive_bytes(&drive, FROM_CLIENT, view_head(startup, 3));
    say(FROM_SERVER, "'hello'");
    drive_bytes(&drive, FROM_CLIENT, view_from(startup, 3));
    assert_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_FIN, FROM_CLIENT);
    drive_start(&drive, 34102, false);
    drive_bytes(&drive, FROM_CLIENT, view_head(startup, 3));
    drive_gap(&drive, FROM_CLIENT, 3);
    drive_bytes(&drive, FROM_CLIENT, view_from(startup, 6));
    assert_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_FIN, FROM_CLIENT);
    drive_start(&drive, 34103, false);
    drive_bytes(&drive, FROM_CLIENT, view_head(startup, 3));
    assert_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    drive_start(&drive, 34104, false);
    drive_bytes(&drive, FROM_CLIENT, view_head(startup, 3));
    say(FROM_CLIENT, "ff ff ff ff ff ff ff ff");
    assert_null(dialogue_decoder(&drive.flow));
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect(NULL);
    hex_free(startup);
}

static void clear_bytes_where_tls_was_agreed(void **state)
{
    (void)state;
    static const struct {
        const char *client, *line;
    } rows[] = {
        {"16 03 01 00 30 01 00 00 2c 03", NULL},
        {"15 03 01 00 02 01 00", NULL},
        {"15 03 01 00 02 02 28", "tls.handshake-failed client 13+1 tls.alert"},
        {"'Q' 0000000d 'SELECT 1' 00", "db.clear-after-tls client 8+0 none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        drive_start(&drive, 5432, false);
        say(FROM_CLIENT, "00000008 04d2162f");
        say(FROM_SERVER, "'S'");
        say(FROM_CLIENT, rows[i].client);
        say(FROM_SERVER, "16 03 03 00 30 02 00 00 2c 03");
        drive_end(&drive, END_FIN, FROM_CLIENT);
        expect(rows[i].line);
    }
}

static void secrets_have_places(void **state)
{
    (void)state;
    struct secret_range ranges[8];
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, STARTUP);
    say(FROM_SERVER, "'R' 00000008 00000003");
    say(FROM_CLIENT, "'p' 0000000b 'hunter' 00");
    assert_int_equal(dialogue_secrets(&drive.flow, ranges, 8), 1);
    assert_int_equal(ranges[0].from, FROM_CLIENT);
    assert_int_equal(ranges[0].stream_offset, 18 + 5);
    assert_true(ranges[0].length >= 6 && ranges[0].length <= 7);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_session_is_silent),
        cmocka_unit_test(first_bytes_in_pieces),
        cmocka_unit_test(unfinished_message_at_the_close),
        cmocka_unit_test(unfinished_message_at_the_end_of_the_capture_is_nothing),
        cmocka_unit_test(unfinished_message_after_the_time_limit),
        cmocka_unit_test(progress_moves_the_time_limit),
        cmocka_unit_test(unfinished_login_that_the_server_answers),
        cmocka_unit_test(segmentation_does_not_matter),
        cmocka_unit_test(gap_is_never_malformed),
        cmocka_unit_test(after_a_gap_the_next_message_is_found),
        cmocka_unit_test(tls_refused_after_it_was_offered),
        cmocka_unit_test(other_protocol_on_a_database_port),
        cmocka_unit_test(found_on_any_port_by_its_first_bytes),
        cmocka_unit_test(clear_bytes_where_tls_was_agreed),
        cmocka_unit_test(secrets_have_places),
    };
    return cmocka_run_group_tests_name("dialogue", tests, open_drive, close_drive);
}
