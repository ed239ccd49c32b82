/* Memcached: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are
 * found again after a gap. */
#include "memcached_dialogues.h"

static void clean_dialogues_are_silent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct talk *t = talk_open(&memcached_decoder);
        say(t, &dialogues[i], dialogues[i].count);
        if (t->reports_used)
            print_error("dialogue %s\n", dialogues[i].name);
        talk_expect_silence(t);
        assert_false(t->session.midstream);
        talk_close(t);
    }
}

/* frame() asks for more bytes until it has enough, and then says the same as with all bytes at once. */
static void framing_does_not_depend_on_the_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct talk *t = talk_open(&memcached_decoder);
        for (size_t k = 0; k < dialogues[i].count; k++) {
            enum side from = dialogues[i].lines[k].from;
            struct view line = hex(dialogues[i].lines[k].bytes);
            for (struct view left = line; left.length;) {
                struct frame whole = {0}, part;
                assert_int_equal(memcached_decoder.frame(t->state, from, cursor_over(left), &whole), FRAME_READY);
                for (size_t have = 0; have < left.length && have < whole.total; have++) {
                    uint8_t *exact = malloc(have ? have : 1);
                    memcpy(exact, left.bytes, have);
                    if (memcached_decoder.frame(t->state, from, cursor_over(view_of(exact, have)), &part) == FRAME_READY) {
                        assert_int_equal(part.total, whole.total);
                        assert_int_equal(part.wanted, whole.wanted);
                    }
                    free(exact);
                }
                talk(t, from, view_head(left, (size_t)whole.total));
                left = view_from(left, (size_t)whole.total);
            }
            hex_free(line);
        }
        talk_expect_silence(t);
        talk_close(t);
    }
}

/* The rest of the dialogue follows on whatever state the damage left. */
static void say_damaged(const struct dialogue *d, size_t damaged, struct view bytes)
{
    struct talk *t = talk_open(&memcached_decoder);
    say(t, d, damaged);
    talk(t, d->lines[damaged].from, bytes);
    for (size_t i = damaged + 1; i < d->count; i++)
        talk_hex(t, d->lines[i].from, d->lines[i].bytes);
    talk_clear_findings(t, 0);
    memcached_decoder.end(t->state, FROM_SERVER, true, &t->findings);
    talk_close(t);
}

static void every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = hex(dialogues[i].lines[k].bytes);
            for (size_t length = 0; length < line.length; length++) {
                uint8_t *exact = malloc(length ? length : 1);
                memcpy(exact, line.bytes, length);
                say_damaged(&dialogues[i], k, view_of(exact, length));
                free(exact);
            }
            hex_free(line);
        }
    }
}

static void every_change_of_a_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = hex(dialogues[i].lines[k].bytes);
            for (size_t at = 0; at < line.length; at++) {
                uint8_t *changed = malloc(line.length);
                memcpy(changed, line.bytes, line.length);
                for (unsigned value = 1; value < 256; value++) {
                    changed[at] = (uint8_t)(line.bytes[at] ^ value);
                    struct talk *t = talk_open(&memcached_decoder);
                    say(t, &dialogues[i], k);
                    talk(t, dialogues[i].lines[k].from, view_of(changed, line.length));
                    talk_close(t);
                }
                changed[at] = (uint8_t)~line.bytes[at];
                say_damaged(&dialogues[i], k, view_of(changed, line.length));
                free(changed);
            }
            hex_free(line);
        }
    }
}

/* Losing all that was said before any line leaves nothing to complain about. */
static void joined_in_the_middle(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        for (size_t from = 1; from < dialogues[i].count; from++) {
            struct talk *t = talk_open(&memcached_decoder);
            memcached_decoder.gap(t->state, FROM_CLIENT, 0);
            for (size_t k = from; k < dialogues[i].count; k++)
                talk_hex(t, dialogues[i].lines[k].from, dialogues[i].lines[k].bytes);
            talk_end(t, FROM_SERVER);
            for (unsigned k = 0; k < t->reports_used; k++)
                if (anomaly_row((enum anomaly)t->reports[k].anomaly)->severity < 4)
                    fail_msg("%s from line %zu: %s", dialogues[i].name, from, anomaly_row((enum anomaly)t->reports[k].anomaly)->name);
            assert_true(!t->messages || t->session.midstream);
            talk_close(t);
        }
    }
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct boundary rows[] = {
        {"at once", FROM_CLIENT, "'get a' 0d0a", 0},
        {"behind the rest of a value", FROM_CLIENT, "'lue' 0d0a 'get a' 0d0a", 5},
        {"two, the second cut", FROM_CLIENT, "'x' 0d0a 'get a' 0d0a 'set b 0 0 500' 0d0a 'half'", 3},
        {"a large value begins", FROM_CLIENT, "'set b 0 0 5000' 0d0a 'half'", 0},
        {"a large value begins, behind something", FROM_CLIENT, "'...' 0d0a 'set b 0 0 5000' 0d0a 'half'", -1},
        {"a value whose end is wrong", FROM_CLIENT, "'set b 0 0 3' 0d0a 'hello' 0d0a", -1},
        {"a line without its end", FROM_CLIENT, "'get a'", -1},
        {"text of no command", FROM_CLIENT, "'hello' 0d0a 'world' 0d0a", -1},
        {"a reply from the client", FROM_CLIENT, "'STORED' 0d0a", -1},
        {"a binary request", FROM_CLIENT, "000000 80 0a 0000 00 00 0000 00000000 00000005 0000000000000000", 3},
        {"a binary request of an impossible shape", FROM_CLIENT, "80 0a 0001 00 00 0000 00000001 00000005 0000000000000000 00", -1},
        {"a large binary value begins", FROM_CLIENT, "80 01 0003 08 00 0000 00001010 00000007 0000000000000000 00000000 00000258 'key'", 0},
        {"replies", FROM_SERVER, "'rest' 0d0a 'END' 0d0a 'VALUE a 0 3' 0d0a 'abc' 0d0a 'END' 0d0a", 6},
        {"a value whose length is none", FROM_SERVER, "'VALUE a 0 x' 0d0a", -1},
        {"a line of a dump", FROM_SERVER, "'a=5' 0a 'key=a exp=5' 0a", 4},
        {"a binary response", FROM_SERVER, "ff 81 0a 0000 00 00 0000 00000000 00000005 0000000000000000", 1},
        {"a response with an unknown status", FROM_SERVER, "81 0a 0000 00 00 0077 00000000 00000005 0000000000000000", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    talk_expect_boundaries(&memcached_decoder, rows, sizeof rows / sizeof rows[0]);
}

static void recognises_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum match match;
    } rows[] = {
        {"'get a' 0d0a", MATCH_YES}, {"'set a 0 0 5' 0d0a 'hello'", MATCH_YES}, {"'stats' 0d0a", MATCH_YES}, {"'mn' 0d0a", MATCH_YES},
        {"'version' 0a", MATCH_YES}, {"'set a b' 0d0a", MATCH_NO}, {"'GET / HTTP/1.1' 0d0a", MATCH_NO}, {"'*1' 0d0a", MATCH_NO},
        {"'get a'", MATCH_MAYBE}, {"'get a' 0d", MATCH_MAYBE}, {"'ge' 00", MATCH_NO}, {"1603", MATCH_MAYBE}, {"1604", MATCH_NO},
        {"80 0a 0000 00 00 0000 00000000 00000005 0000000000000000", MATCH_YES}, {"80 0a", MATCH_MAYBE},
        {"80 0a 0000 00 00 0000 00000001 00000005 0000000000000000", MATCH_NO}, {"81 0a", MATCH_NO}, {"", MATCH_MAYBE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view bytes = hex(rows[i].bytes);
        enum match match = memcached_decoder.probe(FROM_CLIENT, cursor_over(bytes));
        if (match != rows[i].match)
            fail_msg("%s: %d", rows[i].bytes, match);
        hex_free(bytes);
    }
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&memcached_decoder, 5000, 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_dialogues_are_silent), cmocka_unit_test(framing_does_not_depend_on_the_cut),
        cmocka_unit_test(every_prefix),               cmocka_unit_test(every_change_of_a_byte),
        cmocka_unit_test(joined_in_the_middle),       cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(recognises_its_own),          cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("memcached bytes", tests, NULL, NULL);
}
