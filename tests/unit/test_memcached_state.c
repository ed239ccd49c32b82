/* Memcached: what is said of a connection as a whole: facts, secrets, who waits for which answer, and how it ends. */
#include "memcached_dialogues.h"

static bool fields_hold(const struct talk *t, enum field field)
{
    for (unsigned i = 0; i < t->findings.fields_used; i++)
        if (t->findings.fields[i].field == field)
            return true;
    return false;
}

static void every_request_has_its_reply(void **state)
{
    (void)state;
    static const struct {
        const char *dialogue;
        unsigned requests;
    } rows[] = {{"store", 8}, {"get", 9}, {"admin", 20}, {"binary", 12}, {"quiet", 1}, {"sasl", 3}, {"meta", 10}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct dialogue *d = dialogue_named(&spoken, rows[i].dialogue);
        struct talk *t = talk_open(&memcached_decoder);
        say(t, d, d->count);
        if (t->facts.seen[FACT_REQUEST] != rows[i].requests || t->facts.seen[FACT_REPLY] != rows[i].requests)
            fail_msg("%s: %u requests, %u replies", rows[i].dialogue, t->facts.seen[FACT_REQUEST], t->facts.seen[FACT_REPLY]);
        talk_close(t);
    }
}

static void what_the_server_says_of_itself(void **state)
{
    (void)state;
    struct talk *t = talk_open(&memcached_decoder);
    say(t, dialogue_named(&spoken, "admin"), 4);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 2);
    assert_int_equal(t->facts.seen[FACT_LIMIT], 1);
    talk_close(t);
}

/* The first set of a connection may be a login: what looks like one is masked. */
static void credentials_are_secret(void **state)
{
    (void)state;
    static const struct {
        const char *first, *then;
        bool secret;
    } rows[] = {
        {"", "'set auth 0 0 12' 0d0a 'app app-word' 0d0a", true},
        {"", "'set a 0 0 5' 0d0a 'hello' 0d0a", false},
        {"", "'add a 0 0 12' 0d0a 'app app-word' 0d0a", false},
        {"'get a' 0d0a", "'set a 0 0 12' 0d0a 'app app-word' 0d0a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&memcached_decoder);
        talk_hex(t, FROM_CLIENT, rows[i].first);
        talk_hex(t, FROM_CLIENT, rows[i].then);
        assert_int_equal(fields_hold(t, FIELD_MEMCACHED_CREDENTIALS), rows[i].secret);
        assert_int_equal(fields_hold(t, FIELD_MEMCACHED_VALUE), !rows[i].secret);
        assert_int_equal(t->findings.secret, rows[i].secret);
        assert_int_equal(t->facts.seen[FACT_LOGIN], 0);
        talk_close(t);
    }
    struct talk *t = talk_open(&memcached_decoder);
    say(t, dialogue_named(&spoken, "auth"), 6);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 2);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 2);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_memory_equal(t->session.user, "app", 3);
    talk_close(t);
}

/* One complaint about one message: what was reported from the client's bytes is not reported again from the answer. */
static void the_verdict_is_told_once(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "get", 2);
    talk_hex(t, FROM_CLIENT, "'incr a x' 0d0a 'stats nothing' 0d0a 'get a' 0d0a");
    assert_int_equal(t->reports_used, 1);
    talk_hex(t, FROM_SERVER, "'CLIENT_ERROR invalid numeric delta argument' 0d0a");
    assert_int_equal(t->reports_used, 1);
    talk_hex(t, FROM_SERVER, "'ERROR' 0d0a");
    assert_int_equal(t->reports_used, 2);
    assert_non_null(talk_find(t, ANOMALY_MEMCACHED_REJECTED));
    talk_hex(t, FROM_SERVER, "'END' 0d0a");
    assert_int_equal(t->reports_used, 2);
    assert_int_equal(t->facts.seen[FACT_VERDICT], 2);
    talk_close(t);
}

/* The server refuses a value for its size before the value is there, and swallows it. */
static void refused_before_it_is_whole(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "get", 2);
    talk_hex(t, FROM_CLIENT, "'set a 0 0 2000000' 0d0a 'half'");
    talk_hex(t, FROM_SERVER, "'SERVER_ERROR object too large for cache' 0d0a");
    assert_int_equal(t->reports_used, 1);
    assert_non_null(talk_find(t, ANOMALY_MEMCACHED_ITEM_REFUSED));
    talk_end(t, FROM_SERVER, false);
    assert_int_equal(t->reports_used, 1);
    talk_close(t);
}

static void more_requests_than_are_followed(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "get", 2);
    for (unsigned i = 0; i < 500; i++)
        talk_hex(t, FROM_CLIENT, "'get a' 0d0a 'mn' 0d0a 'md a q' 0d0a");
    for (unsigned i = 0; i < 500; i++)
        talk_hex(t, FROM_SERVER, "'END' 0d0a 'MN' 0d0a");
    talk_end(t, FROM_SERVER, false);
    talk_expect_silence(t);
    talk_close(t);
    t = talk_after(&spoken, "get", 2);
    for (unsigned i = 0; i < 100000; i++)
        talk_hex(t, FROM_CLIENT, "'get a' 0d0a");
    for (unsigned i = 0; i < 100000; i++)
        talk_hex(t, FROM_SERVER, "'END' 0d0a");
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_REPLY], 100000);
    talk_close(t);
}

static void how_it_ends(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dialogue;
        size_t lines;
        const char *client, *server;
        enum side first;
        enum anomaly anomaly; /* ANOMALY_NONE: silence */
    } rows[] = {
        {"at rest", "get", 2, "", "", FROM_SERVER, ANOMALY_NONE},
        {"a request is open", "get", 2, "'get a' 0d0a", "", FROM_SERVER, ANOMALY_MEMCACHED_CLOSED},
        {"a request is open, the client leaves", "get", 2, "'get a' 0d0a", "", FROM_CLIENT, ANOMALY_NONE},
        {"half of an answer", "get", 2, "'get a' 0d0a", "'VALUE a 0 1' 0d0a", FROM_SERVER, ANOMALY_MEMCACHED_CLOSED},
        {"after quit", "store", 13, "", "", FROM_SERVER, ANOMALY_NONE},
        {"after noreply", "get", 2, "'set a 0 0 1 noreply' 0d0a 'x' 0d0a", "", FROM_SERVER, ANOMALY_NONE},
        {"after a quiet request", "meta", 2, "'mg a q' 0d0a", "", FROM_SERVER, ANOMALY_NONE},
        {"a data block that never came", "get", 2, "'set a 0 0 5' 0d0a", "", FROM_CLIENT, ANOMALY_MEMCACHED_INCOMPLETE_MESSAGE},
        {"an end that never came", "get", 2, "'set a 0 0 3000' 0d0a", "", FROM_CLIENT, ANOMALY_MEMCACHED_INCOMPLETE_MESSAGE},
        {"shutdown", "get", 2, "'shutdown' 0d0a", "", FROM_SERVER, ANOMALY_NONE},
        {"full", "full", 1, "", "", FROM_SERVER, ANOMALY_NONE},
        {"binary, open", "binary", 2, "80 0a 0000 00 00 0000 00000000 00000007 0000000000000000", "", FROM_SERVER, ANOMALY_MEMCACHED_CLOSED},
        {"binary, quiet", "binary", 2, "80 09 0001 00 00 0000 00000001 00000007 0000000000000000 'a'", "", FROM_SERVER, ANOMALY_NONE},
        {"not logged in", "binary", 2, "80 0a 0000 00 00 0000 00000000 00000007 0000000000000000 80 0a 0000 00 00 0000 00000000 00000007 0000000000000000",
         "81 0a 0000 00 00 0020 00000000 00000007 0000000000000000", FROM_SERVER, ANOMALY_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, rows[i].dialogue, rows[i].lines);
        talk_hex(t, FROM_CLIENT, rows[i].client);
        talk_hex(t, FROM_SERVER, rows[i].server);
        talk_expect_silence(t);
        talk_end(t, rows[i].first, false);
        talk_end(t, rows[i].first == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT, false);
        bool right = rows[i].anomaly ? t->reports_used == 1 && talk_find(t, rows[i].anomaly) : t->reports_used == 0;
        if (!right)
            fail_msg("%s: %u reports", rows[i].name, t->reports_used);
        talk_close(t);
    }
    struct talk *t = talk_after(&spoken, "get", 2);
    talk_hex(t, FROM_CLIENT, "'shutdown' 0d0a");
    talk_end(t, FROM_SERVER, false);
    assert_int_equal(t->facts.seen[FACT_SHUTDOWN], 1);
    talk_close(t);
}

/* A server started for TLS answers in kind; one that was not is given away by what it says, or by its silence. */
static void tls_or_not(void **state)
{
    (void)state;
    static const char hello[] = "16 0301 0005 0100000100";
    struct talk *t = talk_open(&memcached_decoder);
    talk_hex(t, FROM_CLIENT, hello);
    talk_hex(t, FROM_SERVER, "16 0303 0005 0200000100");
    assert_int_equal(t->verdict, VERDICT_TLS);
    talk_expect_silence(t);
    talk_close(t);

    t = talk_open(&memcached_decoder);
    talk_hex(t, FROM_CLIENT, hello);
    talk_hex(t, FROM_SERVER, "'ERROR' 0d0a");
    assert_non_null(talk_find(t, ANOMALY_MEMCACHED_TLS_UNEXPECTED));
    talk_close(t);

    for (int side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        t = talk_open(&memcached_decoder);
        talk_hex(t, FROM_CLIENT, hello);
        talk_end(t, (enum side)side, false);
        assert_non_null(talk_find(t, ANOMALY_MEMCACHED_TLS_UNEXPECTED));
        assert_int_equal(t->reports_used, 1);
        talk_close(t);
    }
}

/* Numbers as C reads them, because the server does. */
static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool good;
    } times[] = {
        {"0", true}, {"-1", true}, {"+5", true}, {"007", true}, {"2147483648", true}, {"9223372036854775807", true}, {"-9223372036854775808", true},
        {"9223372036854775808", false}, {"-9223372036854775809", false}, {"-", false}, {"+", false}, {"5x", false}, {"x5", false}, {"0x10", false},
        {"1e3", false}, {"1.5", false}, {"--5", false}, {"99999999999999999999999999999999", false},
    }, flags[] = {
        {"0", true}, {"4294967295", true}, {"18446744073709551615", true}, {"18446744073709551616", false}, {"-0", true}, {"-1", false},
        {"-18446744073709551615", true}, {"+1", true},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char line[96];
        snprintf(line, sizeof line, "'touch a %s' 0d0a", times[i].word);
        struct talk *t = talk_after(&spoken, "get", 2);
        talk_hex(t, FROM_CLIENT, line);
        if ((talk_find(t, ANOMALY_MEMCACHED_NUMBER) == NULL) != times[i].good)
            fail_msg("time %s", times[i].word);
        talk_close(t);
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        char line[96];
        snprintf(line, sizeof line, "'set a %s 0 0' 0d0a", flags[i].word);
        struct talk *t = talk_after(&spoken, "get", 2);
        talk_hex(t, FROM_CLIENT, line);
        if ((talk_find(t, ANOMALY_MEMCACHED_NUMBER) == NULL) != flags[i].good)
            fail_msg("flags %s", flags[i].word);
        talk_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_its_reply), cmocka_unit_test(what_the_server_says_of_itself), cmocka_unit_test(credentials_are_secret),
        cmocka_unit_test(the_verdict_is_told_once),    cmocka_unit_test(more_requests_than_are_followed), cmocka_unit_test(how_it_ends),
        cmocka_unit_test(tls_or_not),                  cmocka_unit_test(numbers),
        cmocka_unit_test(refused_before_it_is_whole),
    };
    return cmocka_run_group_tests_name("memcached state", tests, NULL, NULL);
}
