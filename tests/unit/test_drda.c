/* DRDA: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; facts; boundaries are found
 * again after a gap; long values cost their heads. The rows of damage are in tools/damage/drda.py. */
#include "drda_dialogues.h"

/* Derby ends its token with the bytes of a time, which may be colons. */
static void a_token_may_end_in_any_bytes(void **state)
{
    (void)state;
    static const char time_text[] = "f0f4f1f9f5f6", colons[] = "3a3a7a7a3a3a";
    const struct dialogue *d = &dialogues[0];
    char line[512];
    snprintf(line, sizeof line, "%s", d->lines[4].text);
    char *at = strstr(line, time_text);
    assert_non_null(at);
    memcpy(at, colons, sizeof colons - 1);
    struct talk *t = talk_open(&drda_decoder);
    say(t, d, 4);
    talk_hex(t, d->lines[4].from, line);
    talk_expect_silence(t);
    talk_close(t);
}

static void facts_are_observed(void **state)
{
    (void)state;
    struct talk *t = talk_open(&drda_decoder);
    say(t, &dialogues[0], dialogues[0].count);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 8);
    assert_int_equal(t->facts.seen[FACT_REPLY], 8);
    assert_int_equal(t->facts.seen[FACT_ERROR], 0);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    assert_int_equal(t->session.user_length, 3);
    assert_memory_equal(t->session.user, "ann", 3);
    assert_memory_equal(t->session.database, "SAMPLE", t->session.database_length);
    talk_close(t);
    t = talk_open(&drda_decoder);
    say(t, &dialogues[1], dialogues[1].count);
    assert_int_equal(t->facts.seen[FACT_ERROR], 1);
    talk_close(t);
    t = talk_open(&drda_decoder);
    say(t, &dialogues[2], dialogues[2].count);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 1);
    talk_close(t);
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct boundary rows[] = {
        {"a command at once", FROM_CLIENT, "000ad00100010004200e", 0},
        {"the end of another, then a command", FROM_CLIENT, "d0010203000ad00100010004200e", 4},
        {"two commands", FROM_CLIENT, "00000ad04100010004200e000ad00100010004200f", 1},
        {"a command, then something else", FROM_CLIENT, "000ad04100010004200e4142434445464748494a", -1},
        {"a reply of the client", FROM_CLIENT, "000ad00200010004220c", -1},
        {"a reply", FROM_SERVER, "000ad00200010004220c", 0},
        {"an object longer than its DSS", FROM_SERVER, "000ad00200010005220c", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    talk_expect_boundaries(&drda_decoder, rows, sizeof rows / sizeof rows[0]);
}

/* A row block of 100,000 bytes in four segments: only its head is wanted at first, and its end is known. */
static void long_values_are_followed(void **state)
{
    (void)state;
    enum { DATA = 100000, FIRST = 32767, MORE = 32765 };
    static uint8_t wire[DATA + 100];
    const uint8_t head[] = {0xff, 0xff, 0xd0, 0x03, 0, 1, 0x80, 0x08, 0x24, 0x1b, 0, DATA >> 16, (DATA >> 8) & 255, DATA & 255};
    memcpy(wire, head, sizeof head);
    size_t left = DATA - (FIRST - sizeof head), at = FIRST;
    while (left) {
        size_t here = left < MORE ? left : MORE;
        wire[at] = left > MORE ? 0xff : (uint8_t)((here + 2) >> 8);
        wire[at + 1] = left > MORE ? 0xff : (uint8_t)(here + 2);
        at += here + 2;
        left -= here;
    }
    struct talk *t = talk_open(&drda_decoder);
    struct frame frame = {0};
    say(t, &dialogues[0], 7);
    assert_int_equal(drda_decoder.frame(t->state, FROM_SERVER, cursor_over(view_of(wire, at)), &frame), FRAME_READY);
    assert_true(frame.total == FIRST && frame.wanted < 100);
    talk(t, FROM_SERVER, view_of(wire, at));
    assert_int_equal(t->unread, 0);
    talk_expect_silence(t);
    wire[13]++; /* the object now wants one byte more than there is */
    talk(t, FROM_SERVER, view_of(wire, at));
    assert_non_null(talk_find(t, ANOMALY_DRDA_OBJECT_OVERRUN));
    talk_close(t);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&drda_decoder, 10000, 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken), cmocka_unit_test(a_token_may_end_in_any_bytes),
        cmocka_unit_test(facts_are_observed), cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(long_values_are_followed), cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("drda", tests, NULL, NULL);
}
