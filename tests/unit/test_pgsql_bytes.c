/* PostgreSQL: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are
 * found again after a gap. */
#include "pgsql_dialogues.h"

static void clean_dialogues_are_silent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct talk *t = talk_open(&pgsql_decoder);
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
        struct talk *t = talk_open(&pgsql_decoder);
        for (size_t k = 0; k < dialogues[i].count; k++) {
            enum side from = dialogues[i].lines[k].from;
            struct view line = hex(dialogues[i].lines[k].bytes);
            for (struct view left = line; left.length;) {
                struct frame whole = {0}, part;
                assert_int_equal(pgsql_decoder.frame(t->state, from, cursor_over(left), &whole), FRAME_READY);
                for (size_t have = 0; have < left.length && have < whole.total; have++) {
                    uint8_t *exact = malloc(have ? have : 1);
                    memcpy(exact, left.bytes, have);
                    if (pgsql_decoder.frame(t->state, from, cursor_over(view_of(exact, have)), &part) == FRAME_READY) {
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
    struct talk *t = talk_open(&pgsql_decoder);
    say(t, d, damaged);
    talk(t, d->lines[damaged].from, bytes);
    for (size_t i = damaged + 1; i < d->count; i++)
        talk_hex(t, d->lines[i].from, d->lines[i].bytes);
    talk_clear_findings(t, 0);
    pgsql_decoder.end(t->state, FROM_SERVER, true, &t->findings);
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
                    struct talk *t = talk_open(&pgsql_decoder);
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
            struct talk *t = talk_open(&pgsql_decoder);
            pgsql_decoder.gap(t->state, FROM_CLIENT, 0);
            bool typed = true;
            for (size_t k = from; k < dialogues[i].count && typed; k++) {
                struct view line = hex(dialogues[i].lines[k].bytes);
                typed = line.bytes[0] >= 0x30 && line.length > 1; /* a startup packet is no place to join */
                if (typed)
                    talk(t, dialogues[i].lines[k].from, line);
                hex_free(line);
            }
            for (unsigned k = 0; k < t->reports_used; k++)
                if (t->reports[k].anomaly == ANOMALY_PGSQL_REJECTED || t->reports[k].anomaly == ANOMALY_PGSQL_CLOSED)
                    fail_msg("%s", dialogues[i].name);
            if (t->reports_used)
                print_error("dialogue %s from line %zu\n", dialogues[i].name, from);
            talk_expect_silence(t);
            assert_true(!t->messages || t->session.midstream);
            talk_close(t);
        }
    }
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct boundary rows[] = {
        {"at once", FROM_CLIENT, "'Q' 00000006 'x' 00 'S' 00000004", 0},
        {"one that ends the segment", FROM_CLIENT, "'...' 'Q' 00000006 'x' 00", 3},
        {"two, the second cut", FROM_CLIENT, "'..' 'S' 00000004 'Q' 00000040 'sele'", 2},
        {"one and half a header", FROM_CLIENT, "'S' 00000004 'Q' 0000", -1},
        {"one that runs out", FROM_CLIENT, "'Q' 00000009 'x' 00", -1},
        {"text only", FROM_CLIENT, "'select * from t where a = 1'", -1},
        {"server types from the client", FROM_CLIENT, "'Z' 00000005 'I'", -1},
        {"rows", FROM_SERVER, "000001 'D' 0000000b 0001 00000001 31 'D' 0000000b 0001 00000001 32", 3},
        {"ready", FROM_SERVER, "ffff 'C' 0000000d 'SELECT 1' 00 'Z' 00000005 'I'", 2},
        {"ready with a wrong status", FROM_SERVER, "'Z' 00000005 'Q'", -1},
        {"a tag without its end", FROM_SERVER, "'C' 0000000d 'SELECT 1' 01", -1},
        {"a row with more columns than bytes", FROM_SERVER, "'D' 0000000b 0009 00000001 31", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    talk_expect_boundaries(&pgsql_decoder, rows, sizeof rows / sizeof rows[0]);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&pgsql_decoder, 3000, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_dialogues_are_silent), cmocka_unit_test(framing_does_not_depend_on_the_cut),
        cmocka_unit_test(every_prefix),               cmocka_unit_test(every_change_of_a_byte),
        cmocka_unit_test(joined_in_the_middle),       cmocka_unit_test(finds_the_next_boundary),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("pgsql bytes", tests, NULL, NULL);
}
