/* The ward: suspects of a hang, parts of latency, kinds of requests, users and monitors, slow network and slow server. */
#include "ward_stage.h"

/* ---- who hung it */

static void wait_for(struct stage *s, unsigned client, int64_t since_ns, uint32_t shape, uint8_t flags)
{
    struct sign sign = sign_of(s, SIGN_WAITS, client);
    sign.ending.open = 1;
    sign.ending.open_since_ns = since_ns;
    sign.ending.words_used = 1;
    sign.ending.words[0] = (struct word){.time_ns = since_ns, .packet = s->packet, .shape = shape, .length = 30, .type = 103, .flags = (uint8_t)(WORD_REQUEST | WORD_OPEN | flags)};
    ward_take(s->ward, &sign);
}

static const struct hang {
    const char *name;
    int64_t waits_ms[3];    /* since so long after the last reply; of three clients, in order */
    int anomaly;            /* whose message is malformed; -1 nobody's */
    int first;              /* suspect; -1: there is none */
    unsigned suspects;
} hangs[] = {
    {"who was first after the last reply", {3, 20, 90}, -1, 0, 3},
    {"who waited before it goes before that", {3, -1, 90}, -1, 1, 3},
    {"a malformed message goes before both", {-1, 3, 90}, 2, 2, 3},
    {"at the bound", {500, 501, 900}, -1, 0, 1},
    {"who came later found it silent", {501, 800, 1200}, -1, -1, 0},
};

static void hang_has_suspects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hangs / sizeof hangs[0]; i++) {
        const struct hang *h = &hangs[i];
        struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
        int64_t last_ns = s.now_ns - MS(1);
        for (unsigned n = 0; n < 12; n++) {
            for (unsigned k = 0; n == 3 && k < 3; k++)
                wait_for(&s, k, last_ns + MS(h->waits_ms[k]), 70 + k, (int)k == h->anomaly ? WORD_ANOMALY : 0);
            beat(&s, &(struct beat){.connections = 10, .waiting = 8, .waiting_long = n > 2 ? 8 : 0, .last_request_ns = last_ns});
        }
        finish(&s);
        if (told_used != 1 || told[0].verdict != CAUSE_SERVER_HANG)
            fail_msg("%s: %u incidents", h->name, told_used);
        if (told[0].suspects_used != h->suspects)
            fail_msg("%s: %u suspects", h->name, told[0].suspects_used);
        if (h->first >= 0 && told[0].suspects[0].word.shape != 70 + (unsigned)h->first)
            fail_msg("%s: the first is %u (%s)", h->name, told[0].suspects[0].word.shape - 70, told[0].suspects[0].reasons[0]);
    }
}

/* Who was told to wait before the last reply may have been answered by it. */
static void answered_is_no_suspect(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
    wait_for(&s, 1, s.now_ns - MS(700), 71, 0);
    work(&s, 2);
    for (unsigned n = 0; n < 12; n++)
        beat(&s, &(struct beat){.connections = 10, .waiting = 8, .waiting_long = n > 2 ? 8 : 0, .last_request_ns = s.now_ns});
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].suspects_used, 0);
}

/* ---- minutes and visitors */

static void spread_sign(struct stage *s, enum minute_times which, unsigned bucket, unsigned count)
{
    struct sign sign = sign_of(s, SIGN_MINUTE, 0);
    sign.manner = (uint8_t)which;
    sign.minute.spread[bucket] = count;
    ward_take(s->ward, &sign);
}

static void parts_of_latency(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    spread_sign(&s, TIMES_SINGLE, 5, 98); /* 5 us, in one segment */
    spread_sign(&s, TIMES_WHOLE, 7, 2);   /* 7 us: */
    spread_sign(&s, TIMES_SERVER, 3, 2);  /* 3 us of the server, */
    spread_sign(&s, TIMES_REPLY, 4, 2);   /* 4 us of the reply; */
    spread_sign(&s, TIMES_REQUEST, 6, 1); /* and one request took 6 us to come */
    finish(&s);
    assert_int_equal(minute.split, 100);
    assert_int_equal(minute.p50_us, 5);
    assert_int_equal(minute.p99_us, 7);
    assert_int_equal(minute.server_time.p50_us, 5);
    assert_int_equal(minute.reply_spread.p95_us, 0);
    assert_int_equal(minute.reply_spread.p99_us, 4);
    assert_int_equal(minute.request_spread.p99_us, 0);
}

static void kinds_of_requests(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    uint32_t all = 0;
    for (unsigned i = 0; i < 70; i++) { /* more than a chart keeps, and than a minute shows */
        struct sign sign = sign_of(&s, SIGN_KINDS, 0);
        sign.kinds.used = 1;
        sign.kinds.kinds[0].count = i == 9 ? 500 : 1;
        snprintf(sign.kinds.kinds[0].name, sizeof sign.kinds.kinds[0].name, "kind %02u", i);
        ward_take(s.ward, &sign);
    }
    finish(&s);
    assert_int_equal(minute.kinds_used, KINDS_SHOWN);
    assert_string_equal(minute.kinds[0].name, "kind 09");
    assert_string_equal(minute.kinds[1].name, "kind 00");
    for (unsigned i = 0; i < minute.kinds_used; i++)
        all += minute.kinds[i].count;
    assert_int_equal(all + minute.other_requests, 569);
}

static void log_in(struct stage *s, const char *user, bool refused)
{
    struct sign sign = sign_of(s, SIGN_USER, 1);
    sign.manner = refused;
    snprintf(sign.user.user, sizeof sign.user.user, "%s", user);
    ward_take(s->ward, &sign);
}

static const struct visitor *visitor_named(const char *name, bool monitor)
{
    for (unsigned i = 0; i < visitors_told; i++)
        if (visitors[i].is_monitor == monitor && strcmp(visitors[i].name, name) == 0)
            return &visitors[i];
    return NULL;
}

static void users_are_bounded(void **state)
{
    (void)state;
    char name[16];
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    log_in(&s, "shop", false);
    log_in(&s, "shop", true);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "sprayed%u", i);
        log_in(&s, name, true);
    }
    finish(&s);
    const struct visitor *shop = visitor_named("shop", false);
    assert_non_null(shop); /* who was let in is not pushed out */
    assert_int_equal(shop->connections, 2);
    assert_int_equal(shop->refused, 1);
    assert_int_equal(visitors_told, 64);
}

/* Health checks are kept apart: who comes for nothing else is no client of an incident. */
static void monitors_are_no_clients(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    for (unsigned client = 50; client < 53; client++) {
        for (unsigned i = 0; i < (client == 52 ? 2u : 3u); i++) { /* two checks are not enough */
            struct sign opened = sign_of(&s, SIGN_OPENED, client), closed = sign_of(&s, SIGN_CLOSED, client);
            ward_take(s.ward, &opened);
            closed.from = FROM_CLIENT;
            closed.ending.check = client != 51 || i > 0; /* one of 51's was work */
            ward_take(s.ward, &closed);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        end_one(&s, i, ENDING_FIN, true, FAREWELL_NONE, NULL);
    doors(&s, 5, 0, 5);
    pass(&s, 20);
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].clients, 6);
    assert_int_equal(told[0].clients_affected, 4);
    assert_non_null(visitor_named("10.0.0.150", true));
    assert_int_equal(visitors_told, 1);
}

static void a_live_ward_tells_each_second(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    assert_int_equal(seconds_told, 0);
    ward_go_live(s.ward);
    work(&s, 10);
    assert_int_equal(seconds_told, 2);
    finish(&s);
}

/* ---- slow network, slow server */

static const struct slow_row {
    const char *name;
    unsigned whole_ms, within_ms; /* of each reply; and of that within request and reply */
    unsigned bytes;               /* of a reply */
    enum incident_verdict verdict;
} slow_rows[] = {
    {"the server's own time", 400, 0, 100, CAUSE_WORKLOAD},
    {"half of it within", 400, 200, 100, CAUSE_WORKLOAD},
    {"nearly all of it within", 400, 390, 100, CAUSE_NETWORK},
    {"nearly all of it within replies that are large", 400, 390, 1000000, CAUSE_WORKLOAD},
};

static void network_or_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof slow_rows / sizeof slow_rows[0]; i++) {
        const struct slow_row *r = &slow_rows[i];
        struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
        for (unsigned n = 0; n < 8; n++) {
            struct beat b = {.requests = 10, .replies = 10, .connections = 10, .waiting = 2, .sum_us = r->whole_ms * UINT64_C(10000),
                             .reply_us = r->within_ms * UINT64_C(10000), .bytes = {0, r->bytes * UINT64_C(10)}, .last_reply_ns = s.now_ns + BEAT_NS - MS(1),
                             .last_request_ns = s.now_ns + BEAT_NS - MS(1)};
            beat(&s, &b);
        }
        finish(&s);
        if (told_used != 1 || told[0].verdict != r->verdict)
            fail_msg("%s: %u incidents, %s", r->name, told_used, told_used ? told[0].summary : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hang_has_suspects),
        cmocka_unit_test(answered_is_no_suspect),
        cmocka_unit_test(parts_of_latency),
        cmocka_unit_test(kinds_of_requests),
        cmocka_unit_test(users_are_bounded),
        cmocka_unit_test(monitors_are_no_clients),
        cmocka_unit_test(a_live_ward_tells_each_second),
        cmocka_unit_test(network_or_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
