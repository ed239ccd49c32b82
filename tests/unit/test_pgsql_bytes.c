/* PostgreSQL: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are
 * found again after a gap. */
#include "pgsql_dialogues.h"

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
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test_prestate(framing_does_not_depend_on_the_cut, &spoken),
        cmocka_unit_test(finds_the_next_boundary), cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("pgsql bytes", tests, NULL, NULL);
}
