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
#define STAMP(of) .options = {(const uint8_t *)"\1\1\10\12\0\0\0" of "\0\0\0\1", 12}
#define FORGED {AT(C, SYN, 100, 0), .sum = SUM_WRONG}
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
    {"what waits at a reset was never read", "C:a", END_RESET,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("a")}, {AT(C, A, 104, 501), TEXT("d")}, {AT(S, RST, 501, 0)}}},
    {"reset, and the hole was acknowledged", "C:a C-2 C:d", END_RESET,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("a")}, {AT(C, A, 104, 501), TEXT("d")}, {AT(S, A, 501, 105)}, {AT(S, RST, 501, 0)}}},
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
    {"options that cannot be read", "C:real", -1,
     {HANDSHAKE,
      {AT(C, A, 101, 501), TEXT("EVIL"), .options = {(const uint8_t *)"\x05\0\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 20}},
      {AT(C, A, 101, 501), TEXT("real")}}},
    {"too few options for a signature", "C:EVIL", -1,
     {HANDSHAKE,
      {AT(C, A, 101, 501), TEXT("EVIL"), .options = {(const uint8_t *)"\x05\0\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16}},
      {AT(C, A, 101, 501), TEXT("real")}}},
    {"reset with an MD5 option", "C:real", -1,
     {HANDSHAKE, {AT(C, RST, 101, 0), .options = {(const uint8_t *)"\x13\x12xxxxxxxxxxxxxxxx\1\1", 20}}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"SYN-ACK of the client", "C:real", -1, {HANDSHAKE, {AT(C, SYN | A, 101, 501), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"ACK one too far", "C:real", -1, {HANDSHAKE, {AT(C, A, 101, 502), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"ACK one too far, and the server goes on", "C:real S:x", -1,
     {HANDSHAKE, {AT(C, A, 101, 502), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}, {AT(S, A, 501, 105), TEXT("x")}}},
    {"ACK of what the capture shows later", "S:x C:real", -1,
     {HANDSHAKE, {AT(C, A, 101, 502), TEXT("real")}, {AT(S, A, 501, 101), TEXT("x")}, {AT(S, A, 502, 105)}}},
    {"ACK of what the capture lost", "S-2 C:real", -1, {HANDSHAKE, {AT(C, A, 101, 503), TEXT("real")}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)},
     {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}, {AT(S, A, 503, 105)}}},
    {"ACK older than what can be", "C:real", -1, {HANDSHAKE, {AT(C, A, 101, 500), TEXT("EVIL")}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"ACK older than what can be, but received", "C:EVIL", -1,
     {HANDSHAKE, {AT(C, A, 101, 500), TEXT("EVIL")}, {AT(S, A, 501, 105)}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"over the edge", "C:real", -1,
     {{AT(C, SYN, 100, 0)}, {AT(S, SYN | A, 500, 101), .window = 4}, {AT(C, A, 101, 501)}, {AT(C, A, 101, 501), TEXT("EVIL!")},
      {AT(C, A, 101, 501), TEXT("real")}}},
    {"over the edge, but received", "C:EVIL!", -1,
     {{AT(C, SYN, 100, 0)}, {AT(S, SYN | A, 500, 101), .window = 4}, {AT(C, A, 101, 501)}, {AT(C, A, 101, 501), TEXT("EVIL!")},
      {AT(S, A, 501, 106)}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"FIN over the edge", "C:real C.", -1,
     {{AT(C, SYN, 100, 0)}, {AT(S, SYN | A, 500, 101), .window = 4}, {AT(C, A, 101, 501)}, {AT(C, A | FIN, 101, 501), TEXT("real")}}},
    {"selectively acknowledged", "C:real C:!", -1,
     {{AT(C, SYN, 100, 0)}, {AT(S, SYN | A, 500, 101), .window = 4}, {AT(C, A, 101, 501)}, {AT(C, A, 105, 501), TEXT("!")},
      {AT(S, A, 501, 101), .window = 4, .options = {(const uint8_t *)"\1\1\5\12\0\0\0\x69\0\0\0\x6a", 12}}, {AT(C, A, 101, 501), TEXT("real")}}},
    {"wrong checksum", "C:real", -1,
     {{AT(C, SYN, 100, 0), .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("EVIL"), .sum = SUM_WRONG},
      {AT(C, A, 101, 501), TEXT("real"), .sum = SUM_RIGHT}}},
    {"wrong checksum, but received", "C:EVIL", -1,
     {{AT(C, SYN, 100, 0), .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("EVIL"), .sum = SUM_WRONG},
      {AT(S, A, 501, 105)}, {AT(C, A, 101, 501), TEXT("real"), .sum = SUM_RIGHT}}},
    {"all checksums wrong", "C:abc C:d", END_RESET,
     {{AT(C, SYN, 100, 0), .sum = SUM_WRONG}, {AT(S, SYN | A, 500, 101)}, {AT(C, A, 101, 501), TEXT("abc"), .sum = SUM_WRONG},
      {AT(C, A, 104, 501), TEXT("d"), .sum = SUM_WRONG}, {AT(C, RST, 105, 501), .sum = SUM_WRONG}}},
    {"wrong checksums of SYNs before the real one", "C:real", -1,
     {FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, {AT(C, SYN, 100, 0), .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)},
      {AT(C, A, 101, 501), TEXT("EVIL"), .sum = SUM_WRONG}, {AT(C, A, 101, 501), TEXT("real"), .sum = SUM_RIGHT}}},
    {"wrong checksum of a reset", "C:real", -1,
     {{AT(C, SYN, 100, 0), .sum = SUM_RIGHT}, {AT(S, SYN | A, 500, 101)}, {AT(C, RST, 101, 501), .sum = SUM_WRONG},
      {AT(C, A, 101, 501), TEXT("real"), .sum = SUM_RIGHT}}},
    {"urgent byte", "C:re C:al", -1, {HANDSHAKE, {AT(C, A | TCP_URG, 101, 501), TEXT("reXal"), .urgent = 3}}},
    {"urgent byte to come", "C:re C:a C:l", -1,
     {HANDSHAKE, {AT(C, A | TCP_URG, 101, 501), TEXT("re"), .urgent = 4}, {AT(C, A, 103, 501), TEXT("aXl")}}},
    {"urgent byte that was read", "C:real C:more", -1,
     {HANDSHAKE, {AT(C, A, 101, 501), TEXT("real")}, {AT(C, A | TCP_URG, 105, 501), .urgent = 0}, {AT(C, A | TCP_URG, 101, 501), TEXT("real"), .urgent = 4},
      {AT(C, A, 105, 501), TEXT("Xmore")}}},
    {"data behind a FIN that waits", "C:re C:al C:LATE C.", -1,
     {HANDSHAKE, {AT(C, A | FIN, 103, 501), TEXT("al")}, {AT(C, A, 106, 501), TEXT("LATE")}, {AT(C, A, 101, 501), TEXT("re")}}},
    {"reset behind all that waits, selectively acknowledged", "", -1,
     {{AT(C, SYN, 100, 0), .options = {(const uint8_t *)"\1\1\4\2", 4}}, {AT(S, SYN | A, 500, 101), .options = {(const uint8_t *)"\1\1\4\2", 4}},
      {AT(C, A, 101, 501)}, {AT(C, A, 103, 501), TEXT("al")}, {AT(C, RST, 105, 0)}, {AT(C, A, 101, 501), TEXT("re")}}},
    {"reset behind all that waits", "C:re C:al", -1,
     {HANDSHAKE, {AT(C, A, 103, 501), TEXT("al")}, {AT(C, RST, 105, 0)}, {AT(C, A, 101, 501), TEXT("re")}}},
    {"reset among what waits", "C:re C:al", -1,
     {HANDSHAKE, {AT(C, A, 103, 501), TEXT("al")}, {AT(C, RST, 104, 0)}, {AT(C, A, 101, 501), TEXT("re")}}},
    {"old timestamp", "C:re C:al", -1,
     {{AT(C, SYN, 100, 0), STAMP("\1")}, {AT(S, SYN | A, 500, 101), STAMP("\1")}, {AT(C, A, 101, 501), STAMP("\1")},
      {AT(C, A, 101, 501), TEXT("re"), STAMP("\11")}, {AT(S, A, 501, 103), STAMP("\1")}, {AT(C, A, 103, 501), STAMP("\11")},
      {AT(C, A, 103, 501), TEXT("EVIL"), STAMP("\5")}, {AT(C, A, 103, 501), TEXT("al"), STAMP("\11")}}},
    {"old timestamp, but received before", "C:re C:al", -1,
     {{AT(C, SYN, 100, 0), STAMP("\1")}, {AT(S, SYN | A, 500, 101), STAMP("\1")}, {AT(C, A, 101, 501), STAMP("\1")},
      {AT(S, A, 501, 103), STAMP("\1")}, {AT(C, A, 103, 501), TEXT("al"), STAMP("\11")}, {AT(C, A, 101, 501), TEXT("re"), STAMP("\5")}}},
    {"SYN and FIN begin nothing", "", -1, {{AT(C, SYN | FIN, 100, 0)}, {AT(C, A, 101, 501), TEXT("EVIL")}}},
    {"merged segments cover more", "C:- C:aa C:cc", -1,
     {HANDSHAKE, {AT(C, A, 102, 501), TEXT("aa")}, {AT(C, A, 103, 501), TEXT("bb")}, {AT(C, A, 104, 501), TEXT("cc")}, {AT(C, A, 101, 501), TEXT("-")}}},
    {"reset instead of an answer", "", -1, {{AT(C, SYN, 100, 0)}, {AT(S, RST | A, 0, 101)}}},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        w.urgent = strncmp(rows[i].name, "urgent", 6) == 0;
        w.step_ns = 1000000;
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

/* Behind a segment that the capture swapped with what it acknowledges: believed when nothing follows. */
static void reset_behind_a_doubt(void **state)
{
    (void)state;
    for (unsigned goes_on = 0; goes_on < 2; goes_on++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        const struct say says[] = {HANDSHAKE, {AT(C, A, 101, 502), TEXT("real")}, {AT(S, A, 501, 101), TEXT("x")}, {AT(C, RST, 105, 0)},
                                   {AT(C, A, 101, 502), TEXT("more")}};
        for (unsigned i = 0; i < 6 + goes_on; i++)
            world_say(&w, says[i]);
        assert_int_equal(w.closed, 0);
        world_finish(&w);
        assert_string_equal(w.log, goes_on ? "S:x C:more" : "S:x C:real");
        assert_int_equal(w.end, goes_on ? END_CAPTURE : END_RESET);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(reset_behind_a_doubt),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
