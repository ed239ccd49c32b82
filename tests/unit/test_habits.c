/* What servers are used to: lengths and rates are learned, saved, read back and judged with their least sample on both sides. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "detect/event.h"
#include "detect/habits.h"

static struct event_room room;
static struct findings findings;
static struct flow flow;

static const struct message *message_of(uint64_t length)
{
    static struct message m;
    memset(&findings, 0, sizeof findings);
    findings.message = 3;
    findings.message_length = length;
    flow.client.address[15] = 9;
    flow.server = (struct endpoint){.port = 3306};
    m = (struct message){.flow = &flow, .decoder = decoder_of(PROTOCOL_MYSQL), .from = FROM_CLIENT, .findings = &findings};
    return &m;
}

static const struct message *second_of(uint64_t requests)
{
    const struct endpoint server = {.port = 3306};
    const struct field_value values[] = {{.field = FIELD_SERVER_REQUESTS, .value = requests}, {.field = FIELD_SERVER_ERRORS, .value = 0}};
    return event_second(&room, decoder_of(PROTOCOL_MYSQL), &server, 0, values, 2);
}

/* Through the store, as from run to run. */
static struct habits *settled(struct habits *learned)
{
    struct habits *known = habits_open(), *read = habits_open();
    struct endpoint server;
    enum protocol protocol;
    void *bytes;
    size_t length;
    assert_non_null(known);
    assert_non_null(read);
    habits_merge(known, learned);
    for (size_t i = 0; habits_save(known, i, &server, &protocol, &bytes, &length); i++) {
        assert_true(habits_load(read, &server, protocol, view_of(bytes, length)));
        for (size_t cut = 0; cut < length; cut += 4) { /* a state that is cut is none */
            struct habits *broken = habits_open();
            assert_false(habits_load(broken, &server, protocol, view_of(bytes, cut)));
            habits_close(broken);
        }
        free(bytes);
    }
    habits_close(known);
    habits_close(learned);
    return read;
}

static void lengths_are_judged(void **state)
{
    static const struct {
        unsigned learned;
        uint64_t length;
        unsigned reports;
    } rows[] = {{HABITS_LEAST - 1, 100000, 0}, {HABITS_LEAST, 100000, 1}, {HABITS_LEAST, 40, 0}, {HABITS_LEAST, 80, 0}, {HABITS_LEAST, 96, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct habits *h = habits_open();
        for (unsigned n = 0; n < rows[i].learned; n++)
            habits_message(h, NULL, message_of(40));
        struct habits *known = settled(h), *now = habits_open();
        habits_message(now, known, message_of(rows[i].length));
        assert_int_equal(findings.reports_used, rows[i].reports);
        if (rows[i].reports) {
            assert_int_equal(findings.reports[0].anomaly, ANOMALY_HABITS_LENGTH);
            assert_int_equal(findings.reports[0].expected, 47); /* the end of the bucket of 40 */
            assert_string_equal(findings.reports[0].note, "as 99.9 % of 1,000 before; the longest had 40");
        }
        habits_close(now);
        habits_close(known);
    }
}

static void rates_are_judged(void **state)
{
    static const struct {
        unsigned learned;
        uint64_t usual, requests;
        unsigned reports;
    } rows[] = {
        {HABITS_LEAST_SECONDS - 1, 10, 1000, 0}, {HABITS_LEAST_SECONDS, 10, 1000, 1}, {HABITS_LEAST_SECONDS, 10, 22, 0}, {HABITS_LEAST_SECONDS, 10, 24, 1},
        {HABITS_LEAST_SECONDS, 1, 19, 0}, /* too few to speak of */
        {HABITS_LEAST_SECONDS, 1, 20, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct habits *h = habits_open();
        for (unsigned n = 0; n < rows[i].learned; n++)
            habits_second(h, NULL, second_of(rows[i].usual));
        struct habits *known = settled(h), *now = habits_open();
        const struct message *second = second_of(rows[i].requests);
        habits_second(now, known, second);
        assert_int_equal(second->findings->reports_used, rows[i].reports);
        if (rows[i].reports) {
            assert_int_equal(second->findings->reports[0].anomaly, ANOMALY_HABITS_RATE);
            assert_int_equal(second->findings->reports[0].field, FIELD_SERVER_REQUESTS);
        }
        habits_close(now);
        habits_close(known);
    }
}

/* Two workers that each saw half know together what one knows that saw all. */
static void merging_is_a_sum(void **state)
{
    (void)state;
    struct habits *all = habits_open(), *halves[] = {habits_open(), habits_open()}, *sum = habits_open();
    struct endpoint server;
    enum protocol protocol;
    void *bytes[2];
    size_t lengths[2];
    for (unsigned n = 0; n < 500; n++) {
        habits_message(all, NULL, message_of(n));
        habits_message(halves[n % 2], NULL, message_of(n));
        habits_second(all, NULL, second_of(n));
        habits_second(halves[n % 2], NULL, second_of(n));
    }
    habits_merge(sum, halves[1]);
    habits_merge(sum, halves[0]);
    assert_true(habits_save(all, 0, &server, &protocol, &bytes[0], &lengths[0]));
    assert_true(habits_save(sum, 0, &server, &protocol, &bytes[1], &lengths[1]));
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(bytes[0], bytes[1], lengths[0]);
    free(bytes[0]);
    free(bytes[1]);
    habits_close(all);
    habits_close(sum);
    habits_close(halves[0]);
    habits_close(halves[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_judged),
        cmocka_unit_test(rates_are_judged),
        cmocka_unit_test(merging_is_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
