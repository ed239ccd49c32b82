/* BPF filters, for every link type that packets come with. */
#include "check.h"

#include "capture/filter.h"

#define IP "4500 0028 0000 0000 40 06 0000 0a000001 0a000002 9c40 0cea 00000000 00000000 5010 0000 0000 0000"
#define ETHERNET "020000000001 020000000002 0800 " IP

static void asks_by_link_type(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expression, *packet;
        uint16_t link_type;
        enum filter_answer answer;
    } rows[] = {
        {"no filter", NULL, ETHERNET, 1, FILTER_PASSES},
        {"port matches", "tcp port 3306", ETHERNET, 1, FILTER_PASSES},
        {"port differs", "tcp port 5432", ETHERNET, 1, FILTER_EXCLUDES},
        {"raw IP", "tcp port 3306", IP, 101, FILTER_PASSES},
        {"raw IP as its DLT_", "tcp port 3306", IP, 12, FILTER_PASSES},
        {"raw IP of OpenBSD", "tcp port 3306", IP, 14, FILTER_PASSES},
        {"raw IP, other port", "tcp port 5432", IP, 101, FILTER_EXCLUDES},
        {"loopback", "tcp port 3306", "02000000 " IP, 0, FILTER_PASSES},
        {"cooked", "tcp port 3306", "0000 0001 0006 0200000000010000 0800 " IP, 113, FILTER_PASSES},
        {"cooked, version 2", "tcp port 3306", "0800 0000 00000001 0001 00 06 0200000000010000 " IP, 276, FILTER_PASSES},
        {"a primitive that raw IP has not", "ether host 02:00:00:00:00:01", IP, 101, FILTER_CANNOT_TELL},
        {"only for radio, but valid", "wlan type mgt", ETHERNET, 1, FILTER_CANNOT_TELL},
        {"a link type nobody knows", "tcp port 3306", IP, 9999, FILTER_CANNOT_TELL},
        {"cut inside its header", "tcp port 3306", "020000000001 020000000002 0800 4500", 1, FILTER_EXCLUDES},
        {"empty packet", "tcp port 3306", "", 1, FILTER_EXCLUDES},
        {"length on the wire", "greater 100", "020000000001", 1, FILTER_PASSES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct filter f;
        struct error why;
        struct view bytes = hex(rows[i].packet);
        struct raw_packet packet = {
            .bytes = bytes.bytes, .captured = (uint32_t)bytes.length, .length = 100, .link_type = rows[i].link_type};
        assert_true(filter_open(&f, rows[i].expression, &why));
        for (unsigned again = 0; again < 2; again++)
            if (filter_ask(&f, &packet) != rows[i].answer)
                fail_msg("row \"%s\"", rows[i].name);
        filter_close(&f);
        hex_free(bytes);
    }
}

static void refuses_what_does_not_compile(void **state)
{
    (void)state;
    struct filter f;
    struct error why;
    assert_false(filter_open(&f, "tcp prot 3306", &why));
    assert_int_equal(why.code, EXIT_USAGE);
    assert_non_null(strstr(why.text, "the filter \"tcp prot 3306\" is not valid: "));
    assert_non_null(strstr(why.text, "syntax error"));
    filter_close(&f);
}

static void bounds_the_link_types(void **state)
{
    (void)state;
    struct filter f;
    struct error why;
    struct view bytes = hex(IP);
    struct raw_packet packet = {.bytes = bytes.bytes, .captured = (uint32_t)bytes.length, .length = 100};
    assert_true(filter_open(&f, "tcp port 3306", &why));
    for (packet.link_type = 9000; packet.link_type < 9100; packet.link_type++)
        assert_int_equal(filter_ask(&f, &packet), FILTER_CANNOT_TELL);
    packet.link_type = 101;
    assert_int_equal(filter_ask(&f, &packet), FILTER_CANNOT_TELL);
    filter_close(&f);
    hex_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_by_link_type),
        cmocka_unit_test(refuses_what_does_not_compile),
        cmocka_unit_test(bounds_the_link_types),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
