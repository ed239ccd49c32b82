/* Datagrams of Memcached and of SQL Browser through the dialogue: every start of them and every value of every byte, in blocks of exactly their size,
 * and a header's bounds on both sides. Whole captures are in tests/cli/datagrams. */
#include "check.h"
#include "proto/conversation.h"

struct heard {
    unsigned messages, reports;
    enum anomaly last;
};

static void take_message(void *context, const struct message *message)
{
    struct heard *h = context;
    h->messages++;
    h->reports += message->findings->reports_used;
    for (unsigned i = 0; i < message->findings->reports_used; i++)
        h->last = (enum anomaly)message->findings->reports[i].anomaly;
    assert_true(message->datagram);
    for (unsigned i = 0; i < message->findings->fields_used; i++) {
        const struct field_value *f = &message->findings->fields[i];
        assert_true(f->offset <= message->head.length && f->length <= message->head.length - f->offset);
    }
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    (void)context, (void)flow, (void)end, (void)by, (void)where;
}

static struct dialogue *open_dialogue(struct arena *arena, struct heard *heard, struct counters *counters)
{
    struct error why;
    const struct message_sink sink = {.context = heard, .message = take_message, .closed = take_closed};
    const struct dialogue_options options = {.conversations = 4, .message_buffers = 4, .note_blocks = 4, .inflaters = 1, .servers = 16};
    assert_true(arena_open(arena, 8 << 20, &why));
    struct dialogue *d = dialogue_open(arena, &options, &sink, counters);
    assert_non_null(d);
    return d;
}

static void say_to(struct dialogue *d, uint16_t port, enum side from, const uint8_t *bytes, size_t captured, size_t length)
{
    uint8_t *exact = malloc(captured ? captured : 1);
    memcpy(exact, bytes, captured);
    struct flow flow = {.client = {{[15] = 1}, 40000}, .server = {{[15] = 2}, port}, .id = 1};
    const struct segment where = {.ticket = 1, .packet_number = 1};
    dialogue_datagram(d, &flow, from, view_of(exact, captured), length, &where);
    free(exact);
}

static void say(struct dialogue *d, enum side from, const uint8_t *bytes, size_t captured, size_t length)
{
    say_to(d, 11211, from, bytes, captured, length);
}

static const char *const seeds[] = {
    "0001 0000 0001 0000 'get a b' 0d0a",
    "0001 0000 0001 0000 'set a 0 0 2' 0d0a 'ab' 0d0a",
    "0001 0000 0001 0000 80 00 0001 00 00 0000 00000001 00000000 0000000000000000 'a'",
    "0001 0000 0001 0000 80 21 0005 00 00 0000 0000000a 00000000 0000000000000000 'PLAIN' 00 'u' 00 'p' 'w'",
    "04 'SHOP' 00",
    "0f 01 'SHOP' 00",
    "05 0b00 'ServerName;'",
    "05 0600 01 9905",
};

static void damage_is_borne(void **state)
{
    (void)state;
    struct arena arena;
    struct heard heard = {0};
    struct counters counters = {{0}};
    struct dialogue *d = open_dialogue(&arena, &heard, &counters);
    for (size_t s = 0; s < sizeof seeds / sizeof seeds[0]; s++)
        for (unsigned from = FROM_CLIENT; from <= FROM_SERVER; from++) {
            struct view seed = hex(seeds[s]);
            for (size_t length = 0; length <= seed.length; length++) {
                for (unsigned port = 0; port < 2; port++) {
                    say_to(d, port ? 1434 : 11211, (enum side)from, seed.bytes, length, length);
                    say_to(d, port ? 1434 : 11211, (enum side)from, seed.bytes, length, seed.length); /* the capture cut it */
                }
            }
            uint8_t *bytes = (uint8_t *)(uintptr_t)seed.bytes;
            for (size_t at = 0; at < seed.length; at++)
                for (unsigned value = 1; value < 256; value++) {
                    bytes[at] ^= (uint8_t)value;
                    say_to(d, s < 4 ? 11211 : 1434, (enum side)from, bytes, seed.length, seed.length);
                    bytes[at] ^= (uint8_t)value;
                }
            hex_free(seed);
        }
    assert_true(heard.reports > 100);
    arena_close(&arena);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        enum side from;
        const char *bytes;
        enum anomaly anomaly;
    } rows[] = {
        {FROM_CLIENT, "0001 0000 0001 00", ANOMALY_MEMCACHED_UDP_HEADER},
        {FROM_CLIENT, "0001 0000 0001 0000", ANOMALY_NONE},
        {FROM_CLIENT, "0001 0000 0001 ffff 'get a' 0d0a", ANOMALY_NONE},
        {FROM_CLIENT, "0001 0001 0001 0000 'get a' 0d0a", ANOMALY_NONE},
        {FROM_CLIENT, "0001 0000 0000 0000 'get a' 0d0a", ANOMALY_MEMCACHED_UDP_HEADER},
        {FROM_CLIENT, "0001 0000 0002 0000 'get a' 0d0a", ANOMALY_MEMCACHED_UDP_HEADER},
        {FROM_SERVER, "0001 0000 0001 0000 'END' 0d0a", ANOMALY_NONE},
        {FROM_SERVER, "0001 0001 0002 0000 'END' 0d0a", ANOMALY_NONE},
        {FROM_SERVER, "0001 0002 0002 0000 'END' 0d0a", ANOMALY_MEMCACHED_UDP_HEADER},
        {FROM_SERVER, "0001 0000 0000 0000 'END' 0d0a", ANOMALY_MEMCACHED_UDP_HEADER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct heard heard = {0};
        struct counters counters = {{0}};
        struct dialogue *d = open_dialogue(&arena, &heard, &counters);
        struct view bytes = hex(rows[i].bytes);
        say(d, rows[i].from, bytes.bytes, bytes.length, bytes.length);
        assert_int_equal(heard.last, rows[i].anomaly);
        hex_free(bytes);
        arena_close(&arena);
    }
}

/* [MC-SQLR]: every bound on both sides. `asked` comes before an answer. */
static void browser(void **state)
{
    (void)state;
#define NAME_32 "'abcdefghijklmnopqrstuvwxyz012345'"
    static const struct {
        enum side from;
        uint8_t asked;
        const char *bytes;
        unsigned fill;      /* x behind the bytes */
        enum anomaly anomaly;
    } rows[] = {
        {FROM_CLIENT, 0, "02", 0, ANOMALY_NONE},
        {FROM_CLIENT, 0, "03", 0, ANOMALY_NONE},
        {FROM_CLIENT, 0, "03 00", 0, ANOMALY_TDS_BROWSER_LONG},
        {FROM_CLIENT, 0, "04" NAME_32 "00", 0, ANOMALY_NONE},
        {FROM_CLIENT, 0, "04" NAME_32, 0, ANOMALY_NONE},
        {FROM_CLIENT, 0, "04" NAME_32, 1, ANOMALY_TDS_BROWSER_NAME},
        {FROM_CLIENT, 0, "04 'a' 00", 100, ANOMALY_NONE},
        {FROM_CLIENT, 0, "04", 375, ANOMALY_TDS_BROWSER_NAME},
        {FROM_CLIENT, 0, "0f 01" NAME_32 "00", 0, ANOMALY_NONE},
        {FROM_CLIENT, 0, "0f 01" NAME_32, 1, ANOMALY_TDS_BROWSER_NAME},
        {FROM_CLIENT, 0, "08", 0, ANOMALY_TDS_BROWSER_REQUEST},
        {FROM_CLIENT, 0, "0a", 0, ANOMALY_TDS_BROWSER_REQUEST},
        {FROM_CLIENT, 0, "01", 0, ANOMALY_TDS_BROWSER_REQUEST},
        {FROM_CLIENT, 0, "05 0300", 3, ANOMALY_NONE}, /* the answer to a server that asked from its own port */
        {FROM_SERVER, 2, "05 0300", 3, ANOMALY_NONE},
        {FROM_SERVER, 2, "05 0300", 2, ANOMALY_TDS_BROWSER_RESPONSE},
        {FROM_SERVER, 2, "05 0300", 4, ANOMALY_TDS_BROWSER_RESPONSE},
        {FROM_SERVER, 2, "05 03", 0, ANOMALY_TDS_BROWSER_RESPONSE},
        {FROM_SERVER, 2, "04 0300", 3, ANOMALY_TDS_BROWSER_RESPONSE},
        {FROM_SERVER, 15, "05 0600 01 9905", 0, ANOMALY_NONE},
        {FROM_SERVER, 4, "05 0004 ';'", 1023, ANOMALY_NONE},
        {FROM_SERVER, 4, "05 0104 ';'", 1024, ANOMALY_TDS_BROWSER_RESPONSE},
        {FROM_SERVER, 2, "05 0104 ';'", 1024, ANOMALY_NONE},
        {FROM_SERVER, 2, "05 0002", 512, ANOMALY_NONE},
        {FROM_SERVER, 2, "05 0102", 513, ANOMALY_TDS_BROWSER_TEXT},
    };
#undef NAME_32
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct heard heard = {0};
        struct counters counters = {{0}};
        struct dialogue *d = open_dialogue(&arena, &heard, &counters);
        struct view bytes = hex(rows[i].bytes);
        uint8_t filled[2048];
        memset(filled, 'x', sizeof filled);
        memcpy(filled, bytes.bytes, bytes.length);
        if (rows[i].asked == 4)
            say_to(d, 1434, FROM_CLIENT, (const uint8_t *)"\4A", 3, 3);
        else if (rows[i].asked)
            say_to(d, 1434, FROM_CLIENT, &rows[i].asked, 1, 1);
        say_to(d, 1434, rows[i].from, filled, bytes.length + rows[i].fill, bytes.length + rows[i].fill);
        if (heard.last != rows[i].anomaly)
            print_error("%s and %u: %u, not %u\n", rows[i].bytes, rows[i].fill, heard.last, rows[i].anomaly);
        assert_int_equal(heard.last, rows[i].anomaly);
        hex_free(bytes);
        arena_close(&arena);
    }
}

/* A hundred times what was asked, and 64 KiB at least; once for each request. */
static void amplification(void **state)
{
    (void)state;
    enum { ASKED = 15, PER_DATAGRAM = 1400 };
    static const struct {
        unsigned asked, answers, told;
    } rows[] = {{ASKED, 46, 0}, {ASKED, 47, 1}, {ASKED, 200, 1}, {1000, 71, 0}, {1000, 72, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct heard heard = {0};
        struct counters counters = {{0}};
        struct dialogue *d = open_dialogue(&arena, &heard, &counters);
        uint8_t bytes[PER_DATAGRAM] = {0, 1, 0, 0, 0, 1, 0, 0, 's', 't', 'a', 't', 's', '\r', '\n'};
        say(d, FROM_CLIENT, bytes, ASKED, rows[i].asked);
        bytes[5] = 255;
        for (unsigned k = 0; k < rows[i].answers; k++)
            say(d, FROM_SERVER, bytes, PER_DATAGRAM, PER_DATAGRAM);
        assert_int_equal(heard.reports, rows[i].told);
        if (rows[i].told)
            assert_int_equal(heard.last, ANOMALY_MEMCACHED_UDP_AMPLIFICATION);
        arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(damage_is_borne), cmocka_unit_test(headers), cmocka_unit_test(amplification),
                                       cmocka_unit_test(browser)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
