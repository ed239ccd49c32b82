/* What could not be read is counted exactly, and said once, only where bytes were lost and nothing begins behind them. */
#include "driven.h"

static const char STARTUP[] = "00000012 00030000 'user' 00 'joe' 00 00";
static const char ANSWER[] = "'R' 00000008 00000000 'Z' 00000005 'I'";
static const char QUERY[] = "'Q' 0000000d 'SELECT 1' 00";

static void log_in(void)
{
    drive_start(&drive, 5432, false);
    say(FROM_CLIENT, STARTUP);
    say(FROM_SERVER, ANSWER);
}

static void noise(enum side from, size_t length)
{
    static uint8_t bytes[1024];
    for (; length; length -= length < sizeof bytes ? length : sizeof bytes)
        drive_bytes(&drive, from, view_of(bytes, length < sizeof bytes ? length : sizeof bytes));
}

static void expect_lines(unsigned count, const char *first)
{
    if (drive.lines_used != count)
        for (unsigned i = 0; i < drive.lines_used; i++)
            print_error("line: %s\n", drive.lines[i]);
    assert_int_equal(drive.lines_used, count);
    if (count)
        assert_int_equal(strncmp(drive.lines[0], first, strlen(first)), 0);
}

static void what_is_read_is_counted(void **state)
{
    (void)state;
    log_in();
    say(FROM_CLIENT, QUERY);
    const struct sight *s = dialogue_sight(&drive.flow);
    assert_int_equal(s->decoded, 18 + 15 + 14);
    assert_int_equal(s->passed + s->lost + s->unsupported + s->encrypted, 0);
    assert_int_equal(s->blind_ns, 0);
    drive_end(&drive, END_FIN, FROM_CLIENT);
    expect_lines(0, NULL);
    assert_null(dialogue_sight(&drive.flow));
}

/* A gap behind which the next message begins is nobody's business. */
static void a_gap_alone_is_not_said(void **state)
{
    (void)state;
    log_in();
    drive_gap(&drive, FROM_CLIENT, 500);
    say(FROM_CLIENT, QUERY);
    const struct sight *s = dialogue_sight(&drive.flow);
    assert_int_equal(s->lost, 500);
    assert_int_equal(s->passed, 0);
    assert_int_equal(s->blind_ns, 0);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    expect_lines(0, NULL);
}

/* One segment too few, and one more: the bound on both sides. */
static void bytes_without_a_beginning_are_said_once(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        log_in();
        drive_gap(&drive, FROM_SERVER, 7);
        noise(FROM_SERVER, 65536);
        expect_lines(0, NULL);
        if (more) {
            noise(FROM_SERVER, 1);
            expect_lines(1, "engine.blind server");
            noise(FROM_SERVER, 200000);
        }
        const struct sight *s = dialogue_sight(&drive.flow);
        assert_int_equal(s->passed, more ? 265537 : 65536);
        assert_int_equal(s->lost, 7);
        assert_true(s->blind_ns > 0);
        int64_t blind_ns = s->blind_ns;
        say(FROM_SERVER, "'Z' 00000005 'I'");
        say(FROM_SERVER, "'Z' 00000005 'I'");
        assert_int_equal(s->passed, more ? 265537 : 65536);
        assert_true(s->blind_ns - blind_ns < 5000);
        drive_end(&drive, END_CAPTURE, FROM_CLIENT);
        expect_lines(more, "engine.blind server");
    }
}

/* What looks wrong without any loss is the sender's doing: it has its own anomaly. */
static void nothing_lost_is_nothing_blind(void **state)
{
    (void)state;
    log_in();
    noise(FROM_CLIENT, 200000);
    for (unsigned i = 0; i < drive.lines_used; i++)
        assert_null(strstr(drive.lines[i], "engine."));
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
}

static void one_sided_mirrors_are_said_once(void **state)
{
    (void)state;
    log_in();
    drive.flow.one_sided = true;
    say(FROM_CLIENT, QUERY);
    say(FROM_CLIENT, QUERY);
    drive_end(&drive, END_CAPTURE, FROM_CLIENT);
    expect_lines(1, "engine.blind client");
}

static void an_evicted_connection_is_said(void **state)
{
    (void)state;
    log_in();
    drive_end(&drive, END_EVICTED, FROM_CLIENT);
    expect_lines(1, "engine.shed");
    /* Five connections where four have room. */
    static struct flow flows[5];
    log_in();
    drive_end(&drive, END_FIN, FROM_CLIENT);
    drive.lines_used = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct view bytes = hex(STARTUP);
        struct segment where = drive_where(&drive, FROM_CLIENT);
        flows[i] = drive.flow;
        flows[i].user = NULL;
        flows[i].client.port = (uint16_t)(50000 + i);
        where.stream_offset = 0;
        drive.sink.bytes(drive.sink.context, &flows[i], FROM_CLIENT, bytes, &where);
        expect_lines(i == 4, "engine.shed client");
        hex_free(bytes);
    }
    assert_int_equal(drive.counters.value[COUNT_FLOWS_SHED], 1);
    for (unsigned i = 0; i < 5; i++) {
        struct segment where = drive_where(&drive, FROM_CLIENT);
        drive.sink.closed(drive.sink.context, &flows[i], END_CAPTURE, FROM_CLIENT, &where);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_counted),
        cmocka_unit_test(a_gap_alone_is_not_said),
        cmocka_unit_test(bytes_without_a_beginning_are_said_once),
        cmocka_unit_test(nothing_lost_is_nothing_blind),
        cmocka_unit_test(one_sided_mirrors_are_said_once),
        cmocka_unit_test(an_evicted_connection_is_said),
    };
    return cmocka_run_group_tests_name("sight", tests, open_drive, close_drive);
}
