/* Which memos of messages are drawn: of each kind those of the lowest ranks, whatever the order they come in; and how many kinds. */
#include "app/memos.h"
#include "check.h"

static struct memo_kinds kinds;

static void begin(void)
{
    memset(&kinds, 0, sizeof kinds);
    kinds.window = 1;
}

static struct memo a_memo(uint16_t message, uint32_t shape, uint64_t rank)
{
    return (struct memo){.window = 1, .message = message, .shape = shape, .rank = rank, .protocol = PROTOCOL_MYSQL};
}

static int draw(const struct memo *memo, uint64_t *shed)
{
    struct memo_kind *kind;
    return memo_draw(&kinds, memo, &kind, shed);
}

/* 1 to 200 in three orders: what is left are 1 to 32. */
static void the_lowest_ranks_stay(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 199, 77}; /* each goes once around 1 to 200 and 0 */
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        uint64_t ranks[MEMOS_OF_A_KIND] = {0}, shed = 0, sum = 0;
        begin();
        for (uint64_t i = 1; i <= 200; i++) {
            const struct memo memo = a_memo(3, 1, i * steps[s] % 201);
            const int at = draw(&memo, &shed);
            if (at >= 0)
                ranks[at] = memo.rank;
        }
        for (size_t i = 0; i < MEMOS_OF_A_KIND; i++) {
            assert_in_range(ranks[i], 1, MEMOS_OF_A_KIND);
            sum += ranks[i];
        }
        assert_int_equal(sum, MEMOS_OF_A_KIND * (MEMOS_OF_A_KIND + 1) / 2);
        assert_int_equal(shed, 0);
    }
}

static void the_same_is_drawn_once(void **state)
{
    (void)state;
    uint64_t shed = 0;
    begin();
    const struct memo memo = a_memo(3, 1, 5), other = a_memo(3, 2, 5), answer = {.window = 1, .message = 3, .shape = 1, .rank = 5, .from = FROM_SERVER,
                                                                                   .protocol = PROTOCOL_MYSQL};
    assert_int_equal(draw(&memo, &shed), 0);
    assert_int_equal(draw(&memo, &shed), -1);
    assert_int_equal(draw(&other, &shed), 0);  /* another shape */
    assert_int_equal(draw(&answer, &shed), 0); /* the other direction */
}

/* Shapes that come too late share the room of their message; messages that come too late have none, and are counted. */
static void kinds_are_bounded(void **state)
{
    (void)state;
    uint64_t shed = 0;
    begin();
    for (uint32_t i = 0; i < MEMO_KINDS_MAX; i++) {
        const struct memo memo = a_memo(1, i + 1, 1);
        assert_int_equal(draw(&memo, &shed), 0);
    }
    assert_int_equal(shed, 0);
    const struct memo late = a_memo(2, 9, 1);
    assert_int_equal(draw(&late, &shed), -1);
    assert_int_equal(shed, 1);
    assert_int_equal(kinds.used, MEMO_KINDS_MAX);
    kinds.window++; /* all are free again */
    kinds.used = 0;
    struct memo again = late;
    again.window = kinds.window;
    assert_int_equal(draw(&again, &shed), 0);
    assert_int_equal(shed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_ranks_stay),
        cmocka_unit_test(the_same_is_drawn_once),
        cmocka_unit_test(kinds_are_bounded),
    };
    return cmocka_run_group_tests_name("memos", tests, NULL, NULL);
}
