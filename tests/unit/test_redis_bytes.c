/* Redis: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are found
 * again after a gap; long values and lines cost their heads. */
#include "redis_dialogues.h"

/* Damage is the same in segments of any size, too. */
static void damage_in_segments(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "*x\r\n", "*1\r\n$y\r\nPING\r\n", "*1\r\n$-5\r\n", "*123456789012345678901234567890123456789\r\n",
        "SET \"open\r\n", "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", "*1\rX$4\rYPING\r\n", "*1\r\n$4\r\nPOST\r\n", "*9\r\n$1\r\na\r\n",
    };
    static struct drive d;
    char expected[8][DRIVE_LINE];
    assert_true(drive_open(&d));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned lines = 0;
        for (size_t size = 0; size < 8; size++) {
            drive_start(&d, 6379, false);
            drive_bytes(&d, FROM_CLIENT, view_text(PING));
            for (struct view left = view_text(bad[i]); left.length;) {
                struct view part = view_head(left, size ? size : left.length);
                drive_bytes(&d, FROM_CLIENT, part);
                left = view_from(left, part.length);
            }
            drive_end(&d, END_FIN, FROM_CLIENT);
            assert_true(d.lines_used > 0 && d.lines_used <= 8);
            if (!size)
                memcpy(expected, d.lines, sizeof expected), lines = d.lines_used;
            assert_int_equal(d.lines_used, lines);
            for (unsigned k = 0; k < lines; k++)
                assert_string_equal(d.lines[k], expected[k]);
        }
    }
    drive_close(&d);
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side from;
        const char *bytes;
        int offset; /* -1: none */
    } rows[] = {
        {"a request at once", FROM_CLIENT, PING, 0},
        {"the end of a value, then a request", FROM_CLIENT, "lue\r\n" PING, 5},
        {"a value that looks like one", FROM_CLIENT, "*3\r\n$5\r\nab", -1},
        {"a name that is none", FROM_CLIENT, "*1\r\n$3\r\n\x01\x02\x03\r\n", -1},
        {"text", FROM_CLIENT, "hello\r\nworld\r\n", -1},
        {"a reply at once", FROM_SERVER, "+OK\r\n", 0},
        {"the end of a value, then replies", FROM_SERVER, "lue\r\n$3\r\nabc\r\n:1\r\n", 5},
        {"text that fills no value", FROM_SERVER, "-x\n+y\r\nhello", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        size_t offset = 999, length = strlen(rows[i].bytes);
        uint8_t *exact = malloc(length ? length : 1);
        memcpy(exact, rows[i].bytes, length);
        bool found = redis_decoder.resync(t->state, rows[i].from, cursor_over(view_of(exact, length)), &offset);
        if (found != (rows[i].offset >= 0) || (found && offset != (size_t)rows[i].offset))
            fail_msg("%s: %d at %zu", rows[i].name, found, offset);
        free(exact);
        talk_close(t);
    }
}

/* A value of 100,000 bytes is not kept, its end is looked at, and the next request is where it belongs. */
static void long_values_cost_their_heads(void **state)
{
    (void)state;
    static char request[100200], reply[100200];
    size_t long_one = 100000;
    int head = snprintf(request, sizeof request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", long_one);
    memset(request + head, '*', long_one);
    memcpy(request + (size_t)head + long_one, "\r\n" PING, 2 + sizeof PING - 1);
    struct frame frame = {0};
    struct talk *t = talk_open(&redis_decoder);
    struct view all = view_of(request, (size_t)head + long_one + 2 + sizeof PING - 1);
    assert_int_equal(redis_decoder.frame(t->state, FROM_CLIENT, cursor_over(all), &frame), FRAME_READY);
    assert_int_equal(frame.total, (size_t)head + long_one);
    assert_true(frame.wanted < 2000);
    talk(t, FROM_CLIENT, all);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 2);
    head = snprintf(reply, sizeof reply, "*2\r\n$%zu\r\n", long_one);
    memset(reply + head, '+', long_one);
    memcpy(reply + (size_t)head + long_one, "\r\n:1\r\n+PONG\r\n", 13);
    talk(t, FROM_SERVER, view_of(reply, (size_t)head + long_one + 13));
    assert_int_equal(t->facts.seen[FACT_REPLY], 2);
    assert_int_equal(t->unread, 0);
    talk_expect_silence(t);
    request[all.length - (sizeof PING - 1) - 1] = 'x';
    talk(t, FROM_CLIENT, all);
    assert_non_null(talk_find(t, ANOMALY_REDIS_STRING_END));
    talk_close(t);
}

/* Lines of any length: an inline command up to 64 KiB, an error, and what MONITOR says. */
static void long_lines(void **state)
{
    (void)state;
    static char line[80000];
    static const struct {
        size_t length;
        bool good;
    } rows[] = {{4095, true}, {4096, true}, {4097, true}, {8192, true}, {65536, true}, {65537, false}, {79000, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        memset(line, 'a', sizeof line);
        memcpy(line + rows[i].length - 2, "\r\n", 2);
        talk(t, FROM_CLIENT, view_of(line, rows[i].length));
        assert_int_equal(talk_find(t, ANOMALY_REDIS_INLINE_LONG) == NULL, rows[i].good);
        talk_close(t);
        t = talk_open(&redis_decoder);
        line[0] = '+';
        talk(t, FROM_CLIENT, view_text("*1\r\n$7\r\nMONITOR\r\n"));
        talk(t, FROM_SERVER, view_text("+OK\r\n"));
        talk(t, FROM_SERVER, view_of(line, rows[i].length));
        talk(t, FROM_SERVER, view_text("+next\r\n"));
        assert_int_equal(t->facts.seen[FACT_REPLY], 3);
        talk_expect_silence(t);
        talk_close(t);
    }
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&redis_decoder, 4000, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test(damage_in_segments), cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(long_values_cost_their_heads), cmocka_unit_test(long_lines),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("redis bytes", tests, NULL, NULL);
}
