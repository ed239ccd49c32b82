/* What the net room tells of odd segments, and what it does not: repetitions, keep-alives and broken ones are none. */
#include "streams.h"

#define C FROM_CLIENT
#define S FROM_SERVER
enum { A = TCP_ACK, SYN = TCP_SYN, RST = TCP_RST };

#define AT(side, bits, number, acknowledged) .from = side, .flags = bits, .seq = number, .ack = acknowledged
#define TEXT(text) .payload = (text), .length = sizeof(text) - 1
#define HANDSHAKE {AT(C, SYN, 100, 0), .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), .sum = SUM_RIGHT}
#define SAYS(number, text) {AT(C, A, number, 501), TEXT(text), .sum = SUM_RIGHT}

static const struct row {
    const char *name, *expected;
    struct say say[14];
} rows[] = {
    {"repeated", "", {HANDSHAKE, SAYS(101, "abc"), SAYS(101, "abc"), SAYS(102, "bcdef"), SAYS(101, "abcdef")}},
    {"repeated with another byte", " C overlap-differs@1", {HANDSHAKE, SAYS(101, "abc"), SAYS(101, "aXc")}},
    {"... once", " C overlap-differs@1", {HANDSHAKE, SAYS(101, "abc"), SAYS(101, "aXc"), SAYS(101, "XXX")}},
    {"repeated among new bytes", " C overlap-differs@2", {HANDSHAKE, SAYS(101, "abc"), SAYS(102, "bXdef")}},
    {"... and further back", " C overlap-differs@0",
     {HANDSHAKE, SAYS(101, "abc"), SAYS(104, "def"), {AT(S, A, 501, 107), TEXT("xyz")}, SAYS(107, "ghi"), SAYS(101, "XbcdefghiJ")}},
    {"queued twice", " C overlap-differs@3", {HANDSHAKE, SAYS(103, "cde"), SAYS(103, "cXe")}},
    {"queued twice, the same", "", {HANDSHAKE, SAYS(103, "cde"), SAYS(103, "cde"), SAYS(102, "bcdefg")}},
    {"over what is merged", " C overlap-differs@6", {HANDSHAKE, SAYS(103, "cde"), SAYS(106, "fgh"), SAYS(103, "cdefXh")}},
    {"over a doubt", " C overlap-differs@0", {HANDSHAKE, {AT(C, A, 101, 600), TEXT("EVIL"), .sum = SUM_RIGHT}, SAYS(101, "real")}},
    {"over a broken one", "", {HANDSHAKE, {AT(C, A, 101, 501), TEXT("EVIL"), .sum = SUM_WRONG}, SAYS(101, "real"), SAYS(101, "real")}},
    {"keep-alive", "", {HANDSHAKE, SAYS(101, "abc"), SAYS(103, "\0"), SAYS(103, "X")}},
    {"one byte elsewhere", " C overlap-differs@1", {HANDSHAKE, SAYS(101, "abc"), SAYS(102, "X")}},
    {"the server's", " S overlap-differs@0", {HANDSHAKE, {AT(S, A, 501, 101), TEXT("abc")}, {AT(S, A, 501, 101), TEXT("Xbc")}}},
    {"two hops", "", {HANDSHAKE, SAYS(101, "a"), {AT(C, A, 102, 501), TEXT("b"), .ttl = 62, .sum = SUM_RIGHT}, {AT(C, A, 103, 501), TEXT("c"), .ttl = 64, .sum = SUM_RIGHT}}},
    {"three hops", " C ttl-jump@1", {HANDSHAKE, SAYS(101, "a"), {AT(C, A, 102, 501), TEXT("b"), .ttl = 61, .sum = SUM_RIGHT}, SAYS(103, "c")}},
    {"three hops more", " C ttl-jump@1", {HANDSHAKE, SAYS(101, "a"), {AT(C, A, 102, 501), TEXT("b"), .ttl = 67, .sum = SUM_RIGHT}}},
    {"another distance of what carries no data", "",
     {HANDSHAKE, SAYS(101, "a"), {AT(C, A, 102, 501), .ttl = 1, .sum = SUM_RIGHT}, {AT(C, RST, 150, 501), .ttl = 1, .sum = SUM_RIGHT}}},
    {"another distance of the SYN", "", {{AT(C, SYN, 100, 0), .ttl = 255, .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)}, SAYS(101, "a"), SAYS(102, "b")}},
    {"reset in the window", "", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 105, 0), .sum = SUM_RIGHT}}},
    {"reset in the window, and the side goes on", " C reset-injected@3", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 105, 0), .sum = SUM_RIGHT}, SAYS(104, "def")}},
    {"reset in the window, and the side repeats", "", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 105, 0), .sum = SUM_RIGHT}, SAYS(101, "abc")}},
    {"reset outside the window", "", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 200000, 0), .sum = SUM_RIGHT}, SAYS(104, "def")}},
    {"reset where bytes are missing", "", {HANDSHAKE, SAYS(101, "abc"), {AT(S, A, 501, 108)}, {AT(C, RST, 105, 0), .sum = SUM_RIGHT}, SAYS(104, "def")}},
    {"data after a reset", " C data-after-reset@3", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 104, 0), .sum = SUM_RIGHT}, SAYS(104, "def")}},
    {"old data after a reset", "", {HANDSHAKE, SAYS(101, "abc"), {AT(C, RST, 104, 0), .sum = SUM_RIGHT}, SAYS(101, "abc")}},
    {"data after the other side's reset", "", {HANDSHAKE, SAYS(101, "abc"), {AT(S, RST, 501, 0)}, SAYS(104, "def")}},
    {"urgent", " C urgent@0", {HANDSHAKE, {AT(C, A | TCP_URG, 101, 501), TEXT("abc"), .urgent = 9, .sum = SUM_RIGHT}, SAYS(104, "def")}},
    {"an urgent pointer without the flag", "", {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc"), .urgent = 2, .sum = SUM_RIGHT}}},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open_recording(&w, 16, 1 << 20);
        for (const struct say *s = rows[i].say; s->seq || s->flags; s++)
            world_say(&w, *s);
        if (strcmp(w.odd, rows[i].expected) != 0)
            print_error("%s:%s\n", rows[i].name, w.odd);
        assert_string_equal(w.odd, rows[i].expected);
        world_finish(&w);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
    };
    return cmocka_run_group_tests_name("odd", tests, NULL, NULL);
}
