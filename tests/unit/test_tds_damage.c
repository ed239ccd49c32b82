/* TDS: every row of damage is flagged with its field and offset and nothing else, and its legal neighbour stays silent; the same
 * in segments; nothing of it is too much for what follows. */
#include "tds_damage.h"

static struct talk *talk_before(const struct packet_damage *row)
{
    struct talk *t = talk_open(&tds_decoder);
    for (size_t i = 0; i < row->before_count; i++)
        say_line(t, &row->before[i]);
    talk_expect_silence(t);
    talk_forget(t);
    return t;
}

static void damage_is_found(void **state)
{
    (void)state;
    assert_true(DAMAGES >= 60);
    for (size_t i = 0; i < DAMAGES; i++) {
        struct talk *t = talk_before(&damage[i]);
        talk_hex(t, damage[i].from, damage[i].bad);
        if (t->reports_used != 1 || t->reports[0].anomaly != damage[i].anomaly)
            fail_msg("%s: %u reports, %s", damage[i].name, t->reports_used,
                     t->reports_used ? anomaly_row((enum anomaly)t->reports[0].anomaly)->name : "none");
        if (t->reports[0].field != damage[i].field || t->reports[0].offset != damage[i].offset)
            fail_msg("%s: %s at %u", damage[i].name, field_name((enum field)t->reports[0].field), t->reports[0].offset);
        talk_close(t);
    }
}

static void its_neighbour_is_silent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DAMAGES; i++) {
        struct talk *t = talk_before(&damage[i]);
        talk_hex(t, damage[i].from, damage[i].good);
        if (t->reports_used)
            print_error("legal neighbour of: %s\n", damage[i].name);
        talk_expect_silence(t);
        talk_close(t);
    }
}

static void damage_in_segments(void **state)
{
    (void)state;
    static struct drive d;
    char expected[8][DRIVE_LINE];
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DAMAGES; i++) {
        unsigned lines = 0;
        struct view bad = hex(damage[i].bad);
        for (size_t size = 0; size < 8; size++) {
            drive_start(&d, 1433, false);
            for (size_t k = 0; k < damage[i].before_count; k++)
                drive_line(&d, &damage[i].before[k], 0);
            drive_pieces(&d, damage[i].from, bad, size);
            drive_end(&d, END_FIN, FROM_CLIENT);
            assert_true(d.lines_used <= 8);
            if (!d.lines_used)
                fail_msg("%s in segments of %zu: nothing", damage[i].name, size);
            if (!size)
                memcpy(expected, d.lines, sizeof expected), lines = d.lines_used;
            if (d.lines_used != lines)
                fail_msg("%s in segments of %zu: %u, %u", damage[i].name, size, d.lines_used, lines);
            for (unsigned k = 0; k < lines; k++)
                assert_string_equal(d.lines[k], expected[k]);
        }
        hex_free(bad);
    }
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(its_neighbour_is_silent),
        cmocka_unit_test(damage_in_segments),
    };
    return cmocka_run_group_tests_name("tds damage", tests, NULL, NULL);
}
