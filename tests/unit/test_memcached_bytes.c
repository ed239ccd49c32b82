/* Memcached: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are
 * found again after a gap. */
#include "memcached_dialogues.h"

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
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test_prestate(framing_does_not_depend_on_the_cut, &spoken),
        cmocka_unit_test(finds_the_next_boundary), cmocka_unit_test(recognises_its_own),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("memcached bytes", tests, NULL, NULL);
}
