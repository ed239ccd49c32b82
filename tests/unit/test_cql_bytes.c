/* Cassandra: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are found
 * again after a gap. */
#include "cql_dialogues.h"
#include "drive.h"

static void clean_dialogues_are_silent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct talk *t = talk_open(&cql_decoder);
        for (size_t k = 0; k < dialogues[i].count; k++) {
            talk_hex(t, dialogues[i].lines[k].from, dialogues[i].lines[k].text);
            assert_int_equal(t->unread, 0);
        }
        if (t->reports_used)
            print_error("dialogue %s\n", dialogues[i].name);
        talk_expect_silence(t);
        assert_false(t->session.midstream);
        talk_close(t);
    }
}

static void drive_hex(struct drive *d, enum side from, const char *text, size_t size)
{
    struct view whole = hex(text), left = whole;
    while (left.length) {
        struct view part = view_head(left, size ? size : left.length);
        drive_bytes(d, from, part);
        left = view_from(left, part.length);
    }
    hex_free(whole);
}

/* Through the room that buffers: whole, and in segments of every size up to 12 bytes. */
static void segments_do_not_matter(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++) {
        unsigned whole = 0;
        for (size_t size = 0; size < 13; size++) {
            drive_start(&d, 9042, false);
            for (size_t k = 0; k < dialogues[i].count; k++)
                drive_hex(&d, dialogues[i].lines[k].from, dialogues[i].lines[k].text, size);
            unsigned messages = d.messages;
            drive_end(&d, END_FIN, FROM_CLIENT);
            if (d.lines_used)
                fail_msg("%s in segments of %zu: %s", dialogues[i].name, size, d.lines[0]);
            if (!size)
                whole = messages;
            assert_int_equal(messages, whole);
        }
    }
    drive_close(&d);
}

static void say_damaged(const struct dialogue *d, size_t damaged, struct view bytes)
{
    struct talk *t = talk_open(&cql_decoder);
    say(t, d, damaged);
    talk(t, d->lines[damaged].from, bytes);
    for (size_t i = damaged + 1; i < d->count && i < damaged + 4; i++)
        talk_hex(t, d->lines[i].from, d->lines[i].text);
    talk_clear_findings(t, 0);
    cql_decoder.end(t->state, FROM_SERVER, true, &t->findings);
    talk_clear_findings(t, 0);
    cql_decoder.end(t->state, FROM_CLIENT, false, &t->findings);
    talk_close(t);
}

static void every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = hex(dialogues[i].lines[k].text);
            for (size_t length = 0; length < line.length; length++) {
                uint8_t *exact = malloc(length ? length : 1);
                memcpy(exact, line.bytes, length);
                say_damaged(&dialogues[i], k, view_of(exact, length));
                free(exact);
            }
            hex_free(line);
        }
}

/* The body is shorter than its message needs, and the header says so: no prefix of a request is read beyond its end. */
static void every_shorter_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = hex(dialogues[i].lines[k].text);
            for (size_t length = 9; length < line.length; length++) {
                uint8_t *exact = malloc(length);
                memcpy(exact, line.bytes, length);
                memcpy(exact + 5, (uint8_t[]){0, 0, (uint8_t)((length - 9) >> 8), (uint8_t)(length - 9)}, 4);
                say_damaged(&dialogues[i], k, view_of(exact, length));
                free(exact);
            }
            hex_free(line);
        }
}

static void every_change_of_a_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = hex(dialogues[i].lines[k].text);
            uint8_t *changed = malloc(line.length);
            memcpy(changed, line.bytes, line.length);
            struct talk *before = talk_open(&cql_decoder);
            say(before, &dialogues[i], k);
            for (size_t at = 0; at < line.length; at++) {
                for (unsigned value = 1; value < 256; value++) {
                    changed[at] = (uint8_t)(line.bytes[at] ^ value);
                    struct talk *t = talk_open(&cql_decoder);
                    memcpy(t->state, before->state, sizeof t->state);
                    t->session = before->session;
                    talk(t, dialogues[i].lines[k].from, view_of(changed, line.length));
                    talk_close(t);
                }
                changed[at] = (uint8_t)~line.bytes[at];
                say_damaged(&dialogues[i], k, view_of(changed, line.length));
                changed[at] = line.bytes[at];
            }
            talk_close(before);
            free(changed);
            hex_free(line);
        }
}

/* Losing all that was said before any line leaves nothing to complain about. */
static void joined_in_the_middle(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t from = 1; from < dialogues[i].count; from++) {
            drive_start(&d, 9042, true);
            for (size_t k = from; k < dialogues[i].count; k++)
                drive_hex(&d, dialogues[i].lines[k].from, dialogues[i].lines[k].text, 0);
            drive_end(&d, END_FIN, FROM_SERVER);
            if (d.lines_used && strncmp(d.lines[0], "cql.rejected", 12) != 0)
                fail_msg("%s from line %zu: %s", dialogues[i].name, from, d.lines[0]);
        }
    drive_close(&d);
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
        say(t, dialogue_named("session"), 4);
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
    say(t, dialogue_named("login"), 10);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 3);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->session.user_length, 3);
    assert_memory_equal(t->session.user, "ann", 3);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named("session"), 99);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 13);
    assert_int_equal(t->facts.seen[FACT_REPLY], 13);
    assert_memory_equal(t->session.database, "shop", 4);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named("errors"), 99);
    assert_int_equal(t->facts.seen[FACT_ERROR], 18);
    talk_close(t);
}

/* The password has a place of its own, which is masked; a token that is something else is masked as a whole. */
static void passwords_are_masked(void **state)
{
    (void)state;
    struct talk *t = talk_open(&cql_decoder);
    say(t, dialogue_named("login"), 2);
    talk_hex(t, FROM_CLIENT, "04000001 0f 0000000f 0000000b 00 'ann' 00 'secret'");
    assert_true(t->findings.secret);
    bool masked = false;
    for (unsigned i = 0; i < t->findings.fields_used; i++)
        masked |= t->findings.fields[i].field == FIELD_CQL_PASSWORD && t->findings.fields[i].offset == 18 && t->findings.fields[i].length == 6;
    assert_true(masked);
    talk_close(t);
    t = talk_open(&cql_decoder);
    say(t, dialogue_named("login"), 2);
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
        cmocka_unit_test(clean_dialogues_are_silent), cmocka_unit_test(segments_do_not_matter),
        cmocka_unit_test(every_prefix),               cmocka_unit_test(every_shorter_body),
        cmocka_unit_test(every_change_of_a_byte),     cmocka_unit_test(joined_in_the_middle),
        cmocka_unit_test(finds_the_next_boundary),    cmocka_unit_test(long_bodies_cost_their_heads),
        cmocka_unit_test(facts_are_told),             cmocka_unit_test(passwords_are_masked),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("cql bytes", tests, NULL, NULL);
}
