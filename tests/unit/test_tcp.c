/* One connection, segment by segment: what the sink hears, in which order, and how connections end. */
#include "streams.h"

#define C FROM_CLIENT
#define S FROM_SERVER
enum { A = TCP_ACK, SYN = TCP_SYN, FIN = TCP_FIN, RST = TCP_RST };

struct row {
    const char *name;
    const char *expected;
    int end;         /* -1: still open before the end of the capture */
    struct say say[16];
};

#define AT(side, bits, number, acknowledged) .from = side, .flags = bits, .seq = number, .ack = acknowledged
#define TEXT(text) .payload = (text), .length = sizeof(text) - 1
#define HANDSHAKE {AT(C, SYN, 100, 0)}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501)}

/* Client's first byte 101, server's 501. */
static const struct row rows[] = {
    {"question and answer", "C:abc S:defg", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(S, A, 501, 104), TEXT("defg")}, {AT(C, A, 104, 505)}}},
    {"SYN-ACK is enough", "C:abc", -1, {{AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("abc")}}},
    {"retransmission is trimmed", "C:abc C:de", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(C, A, 101, 501), TEXT("abc")}, {AT(C, A, 102, 501), TEXT("bcde")}}},
    {"out of order", "C:abc C:def", -1, {HANDSHAKE, {AT(C, A, 104, 501), TEXT("def")}, {AT(C, A, 101, 501), TEXT("abc")}}},
    {"answer before its question", "C:abc S:de", -1,
     {HANDSHAKE, {AT(S, A, 501, 104), TEXT("de")}, {AT(C, A, 101, 501), TEXT("abc")}}},
    {"keep-alives", "C:abc S:d", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(C, A, 103, 501)}, {AT(C, A, 103, 501), TEXT("\0")}, {AT(S, A, 501, 104), TEXT("d")}}},
    {"FIN from both sides", "C:abc C. S:de S.", END_FIN,
     {HANDSHAKE, {AT(C, A | FIN, 101, 501), TEXT("abc")}, {AT(S, A | FIN, 501, 105), TEXT("de")}, {AT(C, A, 105, 504)}}},
    {"FIN before the bytes", "C:abc C.", -1, {HANDSHAKE, {AT(C, A | FIN, 104, 501)}, {AT(C, A, 101, 501), TEXT("abc")}}},
    {"data after FIN is dropped", "C:real C.", -1,
     {HANDSHAKE, {AT(C, A | FIN, 101, 501), TEXT("real")}, {AT(C, A, 106, 501), TEXT("LATE")}}},
    {"FIN far outside", "C:real", -1, {HANDSHAKE, {AT(C, A | FIN, 200101, 501)}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"reset, exact", "C:abc", END_RESET, {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(S, RST, 501, 0)}}},
    {"reset, one too far", "C:abc C:d", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(C, RST, 105, 0)}, {AT(C, A, 104, 501), TEXT("d")}}},
    {"nothing after a reset", "C:abc", END_RESET,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abc")}, {AT(C, RST, 104, 0)}, {AT(C, A, 104, 501), TEXT("d")}}},
    {"reset delivers what is held", "C:a C-2 C:d", END_RESET,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("a")}, {AT(C, A, 104, 501), TEXT("d")}, {AT(S, RST, 501, 0)}}},
    {"SYN data without an answer", "C:real", -1,
     {{AT(C, SYN, 100, 0), TEXT("EVIL")}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"SYN data that is accepted", "C:EVIL C:real", -1,
     {{AT(C, SYN, 100, 0), TEXT("EVIL")}, {AT(S, SYN | A, 500, 105)}, {AT(C, A, 105, 501), TEXT("real")}}},
    {"no ACK flag", "C:real", -1, {HANDSHAKE, {AT(C, TCP_PSH, 101, 501), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"no flags", "C:real", -1, {HANDSHAKE, {AT(C, 0, 101, 501), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"ACK of what was never sent", "C:real", -1,
     {HANDSHAKE, {AT(C, A, 101, 0x11111111), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"ACK from long ago", "C:real", -1,
     {HANDSHAKE, {AT(C, A, 101, 0x91111111), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"SYN in an open connection", "C:a C:real", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("a")}, {AT(C, SYN, 102, 0), TEXT("EVIL")}, {AT(C, A, 102, 501), TEXT("real")}}},
    {"SYN and FIN with data", "C:real", -1,
     {HANDSHAKE, {AT(C, A | SYN | FIN, 101, 501), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"far outside the window", "C:real", -1,
     {HANDSHAKE, {AT(C, A, 200101, 501), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"second SYN, first one answered", "C:real", -1,
     {{AT(C, SYN, 100, 0)}, {AT(C, SYN, 7000, 0)}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"cut packet", "C:ab C-3 C:fg", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("abcde"), .cut = 3}, {AT(C, A, 106, 501), TEXT("fg")}}},
    {"cut packet, held", "C:- C:ab C-3 C:fg", -1,
     {HANDSHAKE, {AT(C, A, 102, 501), TEXT("abcde"), .cut = 3}, {AT(C, A, 107, 501), TEXT("fg")}, {AT(C, A, 101, 501), TEXT("-")}}},
    {"mid-stream, client is the higher port", "C:abc S:d", -1,
     {{AT(C, A, 101, 501), TEXT("abc")}, {AT(S, A, 501, 104), TEXT("d")}}},
    {"mid-stream, from the answer", "S:d C:abc", -1, {{AT(S, A, 501, 104), TEXT("d")}, {AT(C, A, 104, 502), TEXT("abc")}}},
    {"mid-stream keep-alive", "S:d C:abc", -1,
     {{AT(S, A, 501, 104), TEXT("d")}, {AT(C, A, 103, 502), TEXT("\0")}, {AT(C, A, 104, 502), TEXT("abc")}}},
    {"wrong MD5 option", "C:real", -1,
     {HANDSHAKE,
      {AT(C, A, 101, 501), TEXT("EVIL"), .options = {(const uint8_t *)"\x13\x12xxxxxxxxxxxxxxxx\1\1", 20}},
      {AT(C, A, 101, 501), TEXT("real")}}},
    {"reset instead of an answer", "", -1, {{AT(C, SYN, 100, 0)}, {AT(S, RST | A, 0, 101)}}},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        for (const struct say *s = rows[i].say; s->seq || s->flags; s++)
            world_say(&w, *s);
        if (strcmp(w.log, rows[i].expected) != 0)
            print_error("%s: %s\n", rows[i].name, w.log);
        assert_string_equal(w.log, rows[i].expected);
        assert_int_equal(w.closed, rows[i].end >= 0);
        if (rows[i].end >= 0)
            assert_int_equal(w.end, rows[i].end);
        world_finish(&w);
        if (rows[i].end < 0 && w.closed)
            assert_int_equal(w.end, END_CAPTURE);
        assert_string_equal(w.log, rows[i].expected);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
