/* Thresholds and folding: which of a row of alerts are stored, and that every one is accounted for. */
#include "rules_bench.h"

#include "detect/limit_table.h"

static struct alert an_alert(const struct bench *b, uint32_t rule, int64_t second)
{
    return (struct alert){.rule = rule, .client = b->flow.client, .server = b->flow.server, .flow_id = 1, .time_ns = second * 1000000000};
}

/* One letter for each alert, one a second: S stored, F folded, - held back. */
static void run(struct bench *b, struct limiter *l, const int *seconds, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        struct alert alert = an_alert(b, 0, seconds[i]);
        alert.flow_id = i;
        uint64_t earlier;
        enum limited limited = limiter_alert(l, &alert, i + 1, &earlier);
        out[i] = limited == LIMIT_STORE ? 'S' : limited == LIMIT_FOLD ? 'F' : '-';
    }
    out[count] = 0;
}

static void thresholds(void **state)
{
    (void)state;
    static const struct {
        const char *threshold;
        int seconds[12];
        const char *outcome;
    } rows[] = {
        {"", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "SSSSSSSSSSSS"},
        {"threshold:type limit, track by_src, count 1, seconds 5;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "S----S----S-"},
        {"threshold:type limit, track by_src, count 2, seconds 5;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "SS---SS---SS"},
        {"threshold:type limit, track by_src, count 2, seconds 100;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99, 100}, "SS---------S"},
        {"threshold:type threshold, track by_src, count 3, seconds 100;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "--S--S--S--S"},
        {"threshold:type threshold, track by_src, count 1, seconds 1;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "SSSSSSSSSSSS"},
        {"threshold:type threshold, track by_src, count 3, seconds 2;", {0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6}, "--------S--S"},
        {"threshold:type both, track by_src, count 3, seconds 100;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "--S---------"},
        {"threshold:type both, track by_src, count 2, seconds 4;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "-S---S---S--"},
        {"detection_filter:track by_src, count 3, seconds 100;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "---SSSSSSSSS"},
        {"detection_filter:track by_src, count 1, seconds 2;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "-S-S-S-S-S-S"},
        {"threshold:type limit, track by_src, count 1, seconds 5;", {9, 8, 7, 0, 9, 13, 14, 13, 1, 18, 19, 99}, "S-----S---SS"},
        {"threshold:type limit, track by_rule, count 1, seconds 5;", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "S----S----S-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256], out[16];
        struct bench *b = bench_open();
        snprintf(text, sizeof text, "alert mysql any any -> any any (%s%ssid:1;)", rows[i].threshold, *rows[i].threshold ? " " : "");
        bench_rules(b, text);
        struct limiter *l = limiter_open(b->set);
        run(b, l, rows[i].seconds, 12, out);
        if (strcmp(out, rows[i].outcome) != 0) {
            print_error("%s: %s instead of %s\n", text, out, rows[i].outcome);
            fail();
        }
        limiter_close(l);
        bench_close(b);
    }
}

/* What the alerts of a row differ in, and which trackers count them together. */
static void trackers(void **state)
{
    (void)state;
    enum { CLIENT_ADDRESS, CLIENT_PORT, SERVER_ADDRESS, SERVER_PORT, FLOW, SIDE, NOTHING, WAYS };
    static const struct {
        const char *track;
        const char *together; /* by the ways above: y when both alerts have one count */
    } rows[] = {
        {"by_src", "nyyyyny"},    {"by_dst", "yynyyny"},    {"by_rule", "yyyyyyy"}, {"by_both", "nynyyyy"},
        {"by_flow", "yyyynyy"},   {"by_client", "nyyyyyy"}, {"by_server", "yynnyyy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned way = 0; way < WAYS; way++) {
            char text[256];
            uint64_t earlier;
            struct bench *b = bench_open();
            snprintf(text, sizeof text, "alert mysql any any -> any any (threshold:type limit, track %s, count 1, seconds 60; sid:1;)",
                     rows[i].track);
            bench_rules(b, text);
            struct limiter *l = limiter_open(b->set);
            struct alert alert = an_alert(b, 0, 1);
            assert_int_equal(limiter_alert(l, &alert, 1, &earlier), LIMIT_STORE);
            alert.client.address[15] ^= way == CLIENT_ADDRESS;
            alert.client.port ^= way == CLIENT_PORT;
            alert.server.address[0] ^= way == SERVER_ADDRESS;
            alert.server.port ^= way == SERVER_PORT;
            alert.flow_id ^= way == FLOW;
            alert.from = way == SIDE ? FROM_SERVER : FROM_CLIENT;
            bool together = limiter_alert(l, &alert, 2, &earlier) == LIMIT_THRESHOLD;
            if (together != (rows[i].together[way] == 'y')) {
                print_error("%s, way %u\n", rows[i].track, way);
                fail();
            }
            limiter_close(l);
            bench_close(b);
        }
    }
}

static void rules_have_their_own_counts(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    uint64_t earlier;
    bench_rules(b, "alert mysql any any -> any any (threshold:type limit, track by_rule, count 1, seconds 60; sid:1;)\n"
                   "alert mysql any any -> any any (threshold:type limit, track by_rule, count 1, seconds 60; sid:2;)\n");
    struct limiter *l = limiter_open(b->set);
    for (uint32_t rule = 0; rule < 2; rule++) {
        struct alert alert = an_alert(b, rule, 1);
        assert_int_equal(limiter_alert(l, &alert, 1, &earlier), LIMIT_STORE);
        assert_int_equal(limiter_alert(l, &alert, 2, &earlier), LIMIT_THRESHOLD);
    }
    struct alert stranger = an_alert(b, 99, 1);
    assert_int_equal(limiter_alert(l, &stranger, 3, &earlier), LIMIT_STORE);
    limiter_close(l);
    bench_close(b);
}

static void a_connection_folds_after_its_first(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    uint64_t earlier = 0, key = 0;
    bench_rules(b, "alert mysql any any -> any any (sid:1;)\nalert mysql any any -> any any (sid:2;)\n");
    struct limiter *l = limiter_open(b->set);
    struct alert alert = an_alert(b, 0, 1);
    for (unsigned connection = 1; connection <= 3; connection++) {
        alert.flow_id = connection;
        for (unsigned i = 0; i < ALERTS_PER_CONNECTION; i++)
            assert_int_equal(limiter_alert(l, &alert, ++key, &earlier), LIMIT_STORE);
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(limiter_alert(l, &alert, 900, &earlier), LIMIT_FOLD);
            assert_int_equal(earlier, key);
        }
    }
    alert.flow_id = 1;
    assert_int_equal(limiter_alert(l, &alert, 900, &earlier), LIMIT_FOLD);
    assert_int_equal(earlier, ALERTS_PER_CONNECTION);
    alert.rule = 1;
    assert_int_equal(limiter_alert(l, &alert, 901, &earlier), LIMIT_STORE);
    limiter_close(l);
    bench_close(b);
}

static void a_kind_folds_when_it_has_its_rows(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    uint64_t earlier = 0;
    bench_rules(b, "alert mysql any any -> any any (sid:1;)\nalert mysql any any -> any any (sid:2;)\n");
    struct limiter *l = limiter_open(b->set);
    struct alert alert = an_alert(b, 0, 1);
    for (unsigned i = 1; i <= ALERTS_IN_FULL; i++) {
        alert.client.port = (uint16_t)i;
        alert.flow_id = i;
        assert_int_equal(limiter_alert(l, &alert, 1000 + i, &earlier), LIMIT_STORE);
    }
    for (unsigned i = 0; i < 50; i++) {
        earlier = 0;
        alert.flow_id = 100000 + i;
        assert_int_equal(limiter_alert(l, &alert, 90000 + i, &earlier), LIMIT_FOLD);
        assert_int_equal(earlier, 1000 + ALERTS_IN_FULL);
    }
    for (unsigned way = 0; way < 4; way++) {
        struct alert other = alert;
        other.flow_id = 200000 + way;
        other.rule = way == 0;
        other.client.address[15] ^= way == 1;
        other.server.port ^= way == 2;
        other.server.address[15] ^= way == 3;
        assert_int_equal(limiter_alert(l, &other, 1, &earlier), LIMIT_STORE);
    }
    limiter_close(l);
    bench_close(b);
}

/* 300,000 alerts of more kinds than the table holds: every call has an answer, and a fold names a key that was stored. */
static void sums_hold_when_the_table_is_full(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    unsigned count[3] = {0};
    uint64_t random = 1;
    const unsigned alerts = 300000;
    bench_rules(b, "alert mysql any any -> any any (threshold:type limit, track by_src, count 5000, seconds 3600; sid:1;)\n");
    struct limiter *l = limiter_open(b->set);
    uint8_t *stored = calloc(alerts + 1, 1);
    for (unsigned i = 1; i <= alerts; i++) {
        uint64_t earlier = 0;
        struct alert alert = an_alert(b, 0, 1);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t client = i % 2 ? (uint32_t)(random >> 33) % 100000 + 8 : 7;
        memcpy(alert.client.address + 12, &client, 4);
        alert.flow_id = i;
        enum limited limited = limiter_alert(l, &alert, i, &earlier);
        assert_true(limited <= LIMIT_THRESHOLD);
        count[limited]++;
        if (limited == LIMIT_STORE)
            stored[i] = 1;
        if (limited == LIMIT_FOLD)
            assert_true(earlier > 0 && earlier < i && stored[earlier]);
    }
    assert_int_equal(count[LIMIT_STORE] + count[LIMIT_FOLD] + count[LIMIT_THRESHOLD], alerts);
    assert_int_equal(count[LIMIT_FOLD], 5000 - ALERTS_IN_FULL);
    assert_int_equal(count[LIMIT_THRESHOLD], alerts / 2 - 5000);
    free(stored);
    limiter_close(l);
    bench_close(b);
}

static void the_least_recent_key_makes_room(void **state)
{
    (void)state;
    struct limit_table t;
    bool fresh;
    assert_true(limit_table_open(&t, 4));
    for (uint64_t i = 0; i < 4; i++) {
        struct limit_key key = {{i}};
        limit_table_get(&t, &key, &fresh)->count = i + 10;
        assert_true(fresh);
    }
    static const struct {
        uint64_t key;
        bool fresh;
    } steps[] = {{0, false}, {4, true}, {1, true}, {0, false}, {3, false}, {4, false}, {2, true}, {1, true}, {0, true}, {4, false}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct limit_key key = {{steps[i].key}};
        struct limit_entry *e = limit_table_get(&t, &key, &fresh);
        assert_int_equal(fresh, steps[i].fresh);
        assert_int_equal(e->key.words[0], steps[i].key);
        if (fresh)
            assert_int_equal(e->count, 0);
        e->count = 5;
        assert_true(t.used <= 4);
    }
    limit_table_close(&t);
}

/* Bits of hosts and of pairs of hosts: what is set, for whom, and until when. */
static void xbits(void **state)
{
    (void)state;
    static const char rules[] = "alert mysql any any -> any any (xbits:set,a,track ip_src,expire 10; sid:1;)\n"
                                "alert mysql any any -> any any (xbits:isset,a,track ip_src; sid:2;)\n"
                                "alert mysql any any -> any any (xbits:isset,a,track ip_dst; sid:3;)\n"
                                "alert mysql any any -> any any (xbits:unset,a,track ip_src; sid:4;)\n"
                                "alert mysql any any -> any any (xbits:toggle,a,track ip_src,expire 10; sid:5;)\n"
                                "alert mysql any any -> any any (xbits:isnotset,a,track ip_src; sid:6;)\n"
                                "alert mysql any any -> any any (xbits:set,p,track ip_pair,expire 5; sid:7;)\n"
                                "alert mysql any any -> any any (xbits:isset,p,track ip_pair; sid:8;)\n";
    enum { SET, IS, IS_TARGET, UNSET, TOGGLE, IS_NOT, SET_PAIR, IS_PAIR };
    static const struct {
        const char *name;
        uint32_t rule;
        int64_t second;
        enum side from;
        bool stored;
    } steps[] = {
        {"not set at first", IS, 0, FROM_CLIENT, false},      {"and that is asked for", IS_NOT, 0, FROM_CLIENT, true},
        {"set", SET, 0, FROM_CLIENT, true},                   {"of the client", IS, 1, FROM_CLIENT, true},
        {"no longer not set", IS_NOT, 1, FROM_CLIENT, false}, {"the server's is another", IS, 1, FROM_SERVER, false},
        {"as the target it is the same", IS_TARGET, 1, FROM_SERVER, true},
        {"just before the end", IS, 9, FROM_CLIENT, true},    {"at its end", IS, 10, FROM_CLIENT, false},
        {"set again", SET, 20, FROM_CLIENT, true},            {"and unset", UNSET, 21, FROM_CLIENT, true},
        {"is gone", IS, 21, FROM_CLIENT, false},              {"toggled on", TOGGLE, 22, FROM_CLIENT, true},
        {"is there", IS, 22, FROM_CLIENT, true},              {"toggled off", TOGGLE, 23, FROM_CLIENT, true},
        {"is gone again", IS, 23, FROM_CLIENT, false},        {"a pair", SET_PAIR, 30, FROM_CLIENT, true},
        {"whoever sends", IS_PAIR, 34, FROM_SERVER, true},    {"until its end", IS_PAIR, 35, FROM_SERVER, false},
    };
    struct bench *b = bench_open();
    bench_rules(b, rules);
    struct limiter *l = limiter_open(b->set);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct alert alert = an_alert(b, steps[i].rule, steps[i].second);
        uint64_t earlier;
        alert.from = (uint8_t)steps[i].from;
        alert.flow_id = i;
        if ((limiter_alert(l, &alert, i + 1, &earlier) == LIMIT_STORE) != steps[i].stored)
            fail_msg("%s", steps[i].name);
    }
    limiter_close(l);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xbits),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(trackers),
        cmocka_unit_test(rules_have_their_own_counts),
        cmocka_unit_test(a_connection_folds_after_its_first),
        cmocka_unit_test(a_kind_folds_when_it_has_its_rows),
        cmocka_unit_test(sums_hold_when_the_table_is_full),
        cmocka_unit_test(the_least_recent_key_makes_room),
    };
    return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
