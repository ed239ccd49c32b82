/* Redis: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are found
 * again after a gap; long values and lines cost their heads. */
#include "drive.h"
#include "redis_dialogues.h"

static void clean_dialogues_are_silent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct talk *t = talk_open(&redis_decoder);
        for (size_t k = 0; k < dialogues[i].count; k++) {
            talk(t, dialogues[i].lines[k].from, line_bytes(&dialogues[i].lines[k]));
            assert_int_equal(t->unread, 0);
        }
        if (t->reports_used)
            print_error("dialogue %s\n", dialogues[i].name);
        talk_expect_silence(t);
        assert_false(t->session.midstream);
        talk_close(t);
    }
}

/* Through the room that buffers: whole, and in segments of every size up to 9 bytes. */
static void segments_do_not_matter(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++) {
        unsigned whole = 0;
        for (size_t size = 0; size < 10; size++) {
            drive_start(&d, 6379, false);
            for (size_t k = 0; k < dialogues[i].count; k++) {
                struct view left = line_bytes(&dialogues[i].lines[k]);
                while (left.length) {
                    struct view part = view_head(left, size ? size : left.length);
                    drive_bytes(&d, dialogues[i].lines[k].from, part);
                    left = view_from(left, part.length);
                }
            }
            unsigned messages = d.messages;
            drive_end(&d, END_FIN, FROM_CLIENT);
            if (d.lines_used)
                fail_msg("%s in segments of %zu: %s", dialogues[i].name, size, d.lines[0]);
            if (!size)
                whole = messages;
            /* The pieces of a copy without a length are as many as the segments. */
            if (strcmp(dialogues[i].name, "diskless") != 0)
                assert_int_equal(messages, whole);
        }
    }
    drive_close(&d);
}

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

static void say_damaged(const struct dialogue *d, size_t damaged, struct view bytes)
{
    struct talk *t = talk_open(&redis_decoder);
    say(t, d, damaged);
    talk(t, d->lines[damaged].from, bytes);
    for (size_t i = damaged + 1; i < d->count; i++)
        talk(t, d->lines[i].from, line_bytes(&d->lines[i]));
    talk_clear_findings(t, 0);
    redis_decoder.end(t->state, FROM_SERVER, true, &t->findings);
    talk_clear_findings(t, 0);
    redis_decoder.end(t->state, FROM_CLIENT, false, &t->findings);
    talk_close(t);
}

static void every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++)
            for (size_t length = 0; length < dialogues[i].lines[k].length; length++) {
                uint8_t *exact = malloc(length ? length : 1);
                memcpy(exact, dialogues[i].lines[k].text, length);
                say_damaged(&dialogues[i], k, view_of(exact, length));
                free(exact);
            }
}

static void every_change_of_a_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = line_bytes(&dialogues[i].lines[k]);
            uint8_t *changed = malloc(line.length);
            memcpy(changed, line.bytes, line.length);
            for (size_t at = 0; at < line.length; at++) {
                for (unsigned value = 1; value < 256; value++) {
                    changed[at] = (uint8_t)(line.bytes[at] ^ value);
                    struct talk *t = talk_open(&redis_decoder);
                    say(t, &dialogues[i], k);
                    talk(t, dialogues[i].lines[k].from, view_of(changed, line.length));
                    talk_close(t);
                }
                changed[at] = (uint8_t)~line.bytes[at];
                say_damaged(&dialogues[i], k, view_of(changed, line.length));
                changed[at] = line.bytes[at];
            }
            free(changed);
        }
}

/* Losing all that was said before any line leaves nothing to complain about. */
static void joined_in_the_middle(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++) {
        if (strcmp(dialogues[i].name, "diskless") == 0)
            continue;
        for (size_t from = 1; from < dialogues[i].count; from++) {
            drive_start(&d, 6379, true);
            for (size_t k = from; k < dialogues[i].count; k++)
                drive_bytes(&d, dialogues[i].lines[k].from, line_bytes(&dialogues[i].lines[k]));
            drive_end(&d, END_FIN, FROM_SERVER);
            if (d.lines_used)
                fail_msg("%s from line %zu: %s", dialogues[i].name, from, d.lines[0]);
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
        cmocka_unit_test(clean_dialogues_are_silent), cmocka_unit_test(segments_do_not_matter),
        cmocka_unit_test(damage_in_segments),         cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_change_of_a_byte),     cmocka_unit_test(joined_in_the_middle),
        cmocka_unit_test(finds_the_next_boundary),    cmocka_unit_test(long_values_cost_their_heads),
        cmocka_unit_test(long_lines),                 cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("redis bytes", tests, NULL, NULL);
}
