/* Cassandra: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are found
 * again after a gap. */
#include "cql_dialogues.h"

/* The body is shorter than its message needs, and the header says so: no prefix of a request is read beyond its end. */
static void each_shorter_body(const struct talk *before, const struct dialogue *d, size_t k, struct view bytes)
{
    for (size_t length = 9; length < bytes.length; length++) {
        uint8_t *exact = malloc(length);
        memcpy(exact, bytes.bytes, length);
        memcpy(exact + 5, (uint8_t[]){0, 0, (uint8_t)((length - 9) >> 8), (uint8_t)(length - 9)}, 4);
        talk_close(say_damaged(NULL, before, d, k, view_of(exact, length)));
        free(exact);
    }
}

static void every_shorter_body(void **state)
{
    (void)state;
    dialogues_each(&spoken, each_shorter_body);
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct boundary rows[] = {
        {"a request at once", FROM_CLIENT, "04000001 05 00000000", 0},
        {"a request that goes on", FROM_CLIENT, "04000001 07 00000090 00000080 'select'", 0},
        {"the end of a value, then two requests", FROM_CLIENT, "aabbcc 04000001 05 00000000 04000002 05 00000000", 3},
        {"the end of a value, then one that fills", FROM_CLIENT, "aabbcc 04000001 05 00000000", 3},
        {"a response, for the client", FROM_CLIENT, "84000001 02 00000000", -1},
        {"a response", FROM_SERVER, "84000001 02 00000000", 0},
        {"the end of a row, then responses", FROM_SERVER, "0000 00000001 05 84000001 02 00000000 84000003 08 00000004 00000001", 7},
        {"an opcode that is none", FROM_SERVER, "84000001 11 00000000", -1},
        {"another version in the middle", FROM_SERVER, "84000001 02 00000000 85000001 02 00000000 'xx'", 0},
        {"text", FROM_CLIENT, "'hello world, this is text'", -1},
        {"a segment", FROM_CLIENT, "090002a4c8c1 05000001 05 00000000", 0},
        {"a segment whose header is wrong", FROM_CLIENT, "090002a4c8ff 15000001 05 00000000", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    talk_expect_boundaries(&cql_decoder, rows, sizeof rows / sizeof rows[0]);
}

/* A result of 100,000 bytes costs its head; what is beyond the head is not missing, what is beyond the body is. */
static void long_bodies_cost_their_heads(void **state)
{
    (void)state;
    static uint8_t bytes[100009] = {0x84, 0, 0, 1, 8, 0, 1, 0x86, 0xa0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 'k', 0, 1, 't', 0, 1, 'c', 0, 3,
                                    0, 0, 0, 2, 0, 0, 0xc0, 0};
    struct frame frame = {0};
    for (int wrong = 0; wrong < 2; wrong++) {
        bytes[37] = wrong ? 2 : 0;
        struct talk *t = talk_open(&cql_decoder);
        assert_int_equal(cql_decoder.frame(t->state, FROM_SERVER, cursor_over(view_of(bytes, sizeof bytes)), &frame), FRAME_READY);
        assert_int_equal(frame.total, sizeof bytes);
        assert_int_equal(frame.wanted, MESSAGE_BYTES_MAX);
        say(t, dialogue_named(&spoken, "session"), 4);
        talk_hex(t, FROM_CLIENT, "04000001 07 0000000d 00000006 'select' 0001 00");
        talk(t, FROM_SERVER, view_of(bytes, sizeof bytes));
        if (wrong)
            assert_non_null(talk_find(t, ANOMALY_CQL_OVERRUN_SERVER));
        else
            talk_expect_silence(t);
        assert_int_equal(t->facts.seen[FACT_REPLY], 3);
        talk_close(t);
    }
}

/* Facts: who logs in, with what, what the server is, how it ended. */
static void facts_are_told(void **state)
{
    (void)state;
    struct talk *t = talk_open(&cql_decoder);
    say(t, dialogue_named(&spoken, "login"), 10);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 3);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->session.user_length, 3);
    assert_memory_equal(t->session.user, "ann", 3);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named(&spoken, "session"), 99);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 13);
    assert_int_equal(t->facts.seen[FACT_REPLY], 13);
    assert_memory_equal(t->session.database, "shop", 4);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named(&spoken, "errors"), 99);
    assert_int_equal(t->facts.seen[FACT_ERROR], 18);
    talk_close(t);
}

/* The password has a place of its own, which is masked; a token that is something else is masked as a whole. */
static void passwords_are_masked(void **state)
{
    (void)state;
    struct talk *t = talk_open(&cql_decoder);
    say(t, dialogue_named(&spoken, "login"), 2);
    talk_hex(t, FROM_CLIENT, "04000001 0f 0000000f 0000000b 00 'ann' 00 'secret'");
    assert_true(t->findings.secret);
    bool masked = false;
    for (unsigned i = 0; i < t->findings.fields_used; i++)
        masked |= t->findings.fields[i].field == FIELD_CQL_PASSWORD && t->findings.fields[i].offset == 18 && t->findings.fields[i].length == 6;
    assert_true(masked);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named(&spoken, "login"), 2);
    talk_hex(t, FROM_CLIENT, "04000001 0f 0000000a 00000006 'secret'");
    assert_non_null(talk_find(t, ANOMALY_CQL_PLAIN_TOKEN));
    assert_true(t->findings.secret);
    talk_close(t);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&cql_decoder, 9000, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test(every_shorter_body), cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(long_bodies_cost_their_heads), cmocka_unit_test(facts_are_told), cmocka_unit_test(passwords_are_masked),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("cql bytes", tests, NULL, NULL);
}
