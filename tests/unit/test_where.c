/* where: what is true of one message, what is refused and where, and that nothing overflows. */
#include "rules_bench.h"

/* mysql.length 9 and 700; query "SELect" of the message; user Root; phase authenticated; client 10.0.0.5, server .20:3306. */
static void the_message(struct bench *b)
{
    b->session = (struct session){.phase = PHASE_AUTHENTICATED, .tls = true, .user_length = 4, .user = "Root"};
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "09 00 00 00 03 'SELect;1'");
    b->findings.message = MYSQL_GREETING;
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 9);
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 700);
    note_field(&b->findings, FIELD_MYSQL_SEQUENCE, 3, 1, UINT64_MAX);
    note_field(&b->findings, FIELD_MYSQL_QUERY, 5, 6, 0);
    note_field(&b->findings, FIELD_MYSQL_INFO, 11, 100, 0); /* cut: 2 of 100 bytes are here */
    note_field(&b->findings, FIELD_MYSQL_COMMAND, 4, 1, 3);
    observe(&b->findings, (struct fact){.kind = FACT_ERROR, .number = 1045});
}

struct row {
    const char *condition;
    unsigned matches;
};

static unsigned ask(const char *options, const char *header)
{
    char text[2048];
    struct bench *b = bench_open();
    snprintf(text, sizeof text, "%s (%s sid:1;)", header, options);
    assert_true(rules_set_variable(b->set, "ETL", "10.0.0.0/24"));
    rules_add_text(b->set, "t.rules", view_text(text));
    if (rules_failed(b->set))
        print_error("%s\n", text);
    bench_expect_clean(b);
    bench_ready(b);
    the_message(b);
    unsigned matched = bench_ask(b);
    bench_close(b);
    return matched;
}

static void conditions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"mysql.length == 9", 1},
        {"mysql.length == 700", 0}, /* the first of several */
        {"max(mysql.length) == 700", 1},
        {"min(mysql.length) == 9", 1},
        {"mysql.length != 9", 0},
        {"mysql.length < 10 and mysql.length > 8", 1},
        {"mysql.length < 9 or mysql.length > 9", 0},
        {"mysql.length <= 9 && mysql.length >= 9", 1},
        {"mysql.length < 9 || db.length == 13", 1},
        {"not mysql.length == 9", 0},
        {"! mysql.length == 8", 1},
        {"not not mysql.length == 9", 1},
        {"not (mysql.length == 8 or db.length == 12)", 1},
        {"mysql.length == 8 or db.length == 13 and mysql.command == 3", 1},
        {"(mysql.length == 8 or db.length == 13) and mysql.command == 4", 0},
        {"mysql.length + 4 == db.length", 1},
        {"db.length - 4 == mysql.length", 1},
        {"2 + 3 * 4 == 14", 1},
        {"(2 + 3) * 4 == 20", 1},
        {"20 - 5 - 5 == 10", 1},
        {"100 / 10 / 5 == 2", 1},
        {"17 % 5 == 2", 1},
        {"12 & 10 == 8", 1},
        {"-5 + 3 == -2", 1},
        {"abs(3 - 10) == 7", 1},
        {"min(3, 9) == 3 and max(3, 9) == 9", 1},
        {"mysql.length > 1KiB", 0},
        {"db.length * 1KiB == 13KiB", 1},
        {"1s == 1000ms", 1},
        {"0x10 == 16", 1},
        /* Beyond 64 bits: as in mathematics. */
        {"mysql.sequence == 18446744073709551615", 1},
        {"mysql.sequence + 1 > mysql.sequence", 1},
        {"mysql.sequence * 2 > mysql.sequence", 1},
        {"mysql.length - 10 < 0", 1},
        {"mysql.length - 10 == -1", 1},
        {"mysql.sequence * mysql.sequence > 0", 0}, /* more than 127 bits: no result */
        {"not mysql.sequence * mysql.sequence > 0", 0},
        {"mysql.length / 0 == 0", 0},
        {"not mysql.length / 0 == 0", 0},
        {"mysql.length % 0 == 0", 0},
        /* Absent fields. */
        {"mysql.charset == 5", 0},
        {"not mysql.charset == 5", 0},
        {"mysql.charset != 5", 0},
        {"mysql.charset == mysql.charset", 0},
        {"mysql.charset == 5 or db.length == 13", 1},
        {"mysql.charset == 5 and db.length == 12", 0},
        {"not (mysql.charset == 5 and db.length == 12)", 1}, /* false whatever the field is */
        {"not (mysql.charset == 5 or db.length == 12)", 0},
        {"exists(mysql.charset)", 0},
        {"not exists(mysql.charset)", 1},
        {"exists(mysql.length) and exists(db.user)", 1},
        {"exists(db.name)", 0},
        {"max(mysql.charset) > 0", 0},
        {"len(mysql.user) == 0", 0},
        /* Names. */
        {"db.phase == authenticated", 1},
        {"pre_auth == db.phase", 0},
        {"db.phase != pre_auth", 1},
        {"db.phase in {pre_auth, authenticated}", 1},
        {"db.phase in {pre_auth, closed}", 0},
        {"not db.phase in {pre_auth, closed}", 1},
        {"db.message == greeting", 1},
        {"db.message in {greeting}", 1},
        {"mysql.command == com_query", 1},
        {"mysql.command in {com_quit, com_ping}", 0},
        {"net.direction == to_server", 1},
        {"db.tls", 1},
        {"not db.tls", 0},
        {"db.tls == yes", 1},
        {"db.tls == no", 0},
        {"db.tls and mysql.length == 9", 1},
        {"flow.midstream", 0},
        {"db.error.code == 1045", 1},
        {"exists(db.rows)", 0},
        /* Text. */
        {"mysql.query == 'SELect'", 1},
        {"mysql.query == 'select'", 0},
        {"mysql.query != 'select'", 1},
        {"lower(mysql.query) == 'select'", 1},
        {"lower(mysql.query) contains 'elec'", 1},
        {"mysql.query contains 'elec'", 0},
        {"mysql.query contains ''", 1},
        {"mysql.query startswith 'SEL'", 1},
        {"mysql.query endswith 'ect'", 1},
        {"mysql.query endswith 'ec'", 0},
        {"mysql.query in {'x', 'SELect'}", 1},
        {"mysql.query in {'x', 'SELec'}", 0},
        {"len(mysql.query) == 6", 1},
        {"len(mysql.query) * 2 > len(db.user)", 1},
        {"db.user == 'Root'", 1},
        {"lower(db.user) == 'root'", 1},
        {"lower(db.user) == lower(mysql.query)", 0},
        {"db.user == mysql.query", 0},
        {"mysql.info startswith ';1'", 1},
        {"mysql.info startswith ';2'", 0},
        {"mysql.info startswith ';1x'", 0}, /* not known */
        {"not mysql.info startswith ';1x'", 0},
        {"mysql.info contains '1'", 1},
        {"mysql.info contains 'x'", 0},
        {"not mysql.info contains 'x'", 0},
        {"not mysql.info endswith '1'", 0},
        {"mysql.info == ';1'", 0},
        {"mysql.info != ';1'", 1}, /* it is longer */
        {"len(mysql.info) == 100", 1},
        {"mysql.query == 'it\\\\'s'", 0},
        /* Addresses. */
        {"net.client == 10.0.0.5", 1},
        {"net.client == '10.0.0.6'", 0},
        {"net.client != net.server", 1},
        {"net.client in {10.0.0.0/8, ::1}", 1},
        {"net.client in {!10.0.0.5, 10.0.0.0/8}", 0},
        {"net.client in $ETL", 1},
        {"not net.server in $ETL", 1},
        {"cidr(net.client, '10.0.0.0/8')", 1},
        {"cidr(net.client, 192.168.0.0/16)", 0},
        {"cidr(net.server, $HOME_NET)", 1},
        {"net.server_port == 3306 and net.client_port in {1024..65535}", 1},
        {"net.server_port in $MYSQL_PORTS", 1},
        {"net.client_port in {1, 2..3}", 0},
        {"db.user == 'etl' and net.client in $ETL or db.length == 13", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char options[1024];
        snprintf(options, sizeof options, "where:\"%s\";", rows[i].condition);
        const unsigned matched = ask(options, "alert mysql any any -> any any");
        if (matched != rows[i].matches) {
            print_error("%s: %u\n", rows[i].condition, matched);
            fail();
        }
    }
    assert_int_equal(ask("where:\"mysql.length == 9\"; mysql.length:700; net.client:10.0.0.0/8; net.server_port:3306;", "alert db any any -> any any"), 1);
    assert_int_equal(ask("net.client:[10.0.0.6,11.0.0.0/8];", "alert db any any -> any any"), 0);
    assert_int_equal(ask("on:reply;", "alert db any any -> any any"), 1);
    assert_int_equal(ask("on:login;", "alert db any any -> any any"), 0);
    assert_int_equal(ask("on:message;", "alert db any any -> any any"), 1);
    assert_int_equal(ask("flow.midstream:no; net.direction:to_server; db.error.code:1045;", "alert db any any -> any any"), 1);
}

/* A ` marks the place of the complaint. */
static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *condition, *reason;
    } rows[] = {
        {"`mysql.lenght > 5", "unknown field \"mysql.lenght\"; did you mean mysql.length?"},
        {"`pgsql.length > 5", "pgsql.length does not exist in mysql"},
        {"`db.latency > 5ms", "db.latency cannot be asked about in this build"},
        {"mysql.length > `'x'", "a number is expected, and this is text"},
        {"mysql.length contains 'x'`", NULL},
        {"`mysql.length contains 'x'", "text is expected, and this is a number"},
        {"mysql.query == `5", "text is expected, and this is a number"},
        {"`mysql.query", "a condition is expected, and this is text"},
        {"`mysql.length", "a condition is expected, and this is a number"},
        {"`mysql.length and db.tls", "a condition is expected, and this is a number"},
        {"db.tls and `5", "a condition is expected, and this is a number"},
        {"`(mysql.length > 5", "( is not closed"},
        {"mysql.length > 5`)", ") without ("},
        {"mysql.length > `", "a value is missing here"},
        {"mysql.length > 5 `7", "an operator is expected here"},
        {"`> 5", "a value is missing here"},
        {"mysql.length `= 5", "\"=\" does not stand in a condition"},
        {"db.phase == `pre_aut", "db.phase has no value \"pre_aut\"; did you mean pre_auth?"},
        {"mysql.length == `pre_auth", "unknown field \"pre_auth\""},
        {"db.message == `nothing_such", "db.message has no value \"nothing_such\""},
        {"mysql.query == `'x", "this quote is not closed"},
        {"mysql.length == `99999999999999999999", "\"99999999999999999999\" is not a number"},
        {"mysql.length in `5", "in is followed by {value, value} or $VARIABLE"},
        {"mysql.length in {5 `7}", "expected , or } in a list"},
        {"mysql.length in {`}", "a number is expected here"},
        {"mysql.length in {9..`3}", "a range is LOW..HIGH"},
        {"mysql.query in {`5}", "text in quotes is expected here"},
        {"net.client in {`5.5}", "\"5.5\" is not a number"},
        {"net.client in `$NOWHERE", "unknown variable $NOWHERE"},
        {"net.client == `10.0.0.0/8", "this is more than one address"},
        {"net.client == `5", "an address is expected, and this is a number"},
        {"net.client in {`10.0.0.0/99}", "\"10.0.0.0/99\" is not an address"},
        {"exists(`5)", "the name of a field is expected here"},
        {"`exists()", NULL},
        {"`len(mysql.query, 5) > 0", "this function takes another number of values"},
        {"len(`5) > 0", "text is expected, and this is a number"},
        {"mysql.length > 5`, 6", ", does not stand here"},
        {"1 < 2 < 3", NULL},
        {"db.tls == `not db.tls", "put the condition after not in parentheses"},
        {"`@", "\"@\" does not stand in a condition"},
        {"((((((((((((((((((((((((((((((((`((1 == 1))))))))))))))))))))))))))))))))))", "the condition is nested too deep"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024] = "alert mysql any any -> any any (where:\"";
        size_t column = 0, used = strlen(text);
        struct rule_set *set = rules_open();
        struct rule_problem problem;
        for (const char *c = rows[i].condition; *c; c++) {
            if (*c == '`')
                column = used + 1;
            else
                text[used++] = *c;
        }
        text[used] = 0;
        strcat(text, "\"; sid:1;)");
        rules_add_text(set, "t", view_text(text));
        if (!rules_problem(set, 0, &problem)) {
            print_error("loaded: %s\n", text);
            fail();
        }
        if (rows[i].reason && (strncmp(problem.text, rows[i].reason, strlen(rows[i].reason)) != 0 || problem.column != column)) {
            print_error("%s: %u: %s (expected %zu: %s)\n", rows[i].condition, problem.column, problem.text, column, rows[i].reason);
            fail();
        }
        rules_close(set);
    }
}

static struct bench *rate_bench(const char *options, struct limiter **limiter)
{
    struct bench *b = bench_open();
    char text[512];
    snprintf(text, sizeof text, "alert mysql any any -> any any (%s sid:1;)", options);
    bench_rules(b, text);
    *limiter = limiter_open(b->set);
    assert_non_null(*limiter);
    return b;
}

struct rated {
    double seconds;
    unsigned client;     /* last byte of its address */
    const char *user;
    uint64_t length;
    enum limited expected;
};

static void ask_events(const char *options, const struct rated *events, size_t count)
{
    struct limiter *limiter;
    struct bench *b = rate_bench(options, &limiter);
    for (size_t i = 0; i < count; i++) {
        uint64_t earlier;
        struct alert alert = {.time_ns = (int64_t)(events[i].seconds * 1e9), .flow_id = i, .message_length = events[i].length};
        alert.client.address[15] = (uint8_t)events[i].client;
        strcpy(alert.user, events[i].user);
        enum limited got = limiter_alert(limiter, &alert, i + 1, &earlier);
        if ((got == LIMIT_RATE) != (events[i].expected == LIMIT_RATE)) {
            print_error("%s: event %zu: %d\n", options, i, (int)got);
            fail();
        }
    }
    limiter_close(limiter);
    bench_close(b);
}

#define EVENTS(options, events) ask_events(options, events, sizeof events / sizeof events[0])

static void rates(void **state)
{
    (void)state;
    static const struct rated counted[] = {
        {0, 1, "a", 0, LIMIT_RATE},   {1, 1, "a", 0, LIMIT_RATE},  {1, 2, "a", 0, LIMIT_RATE},  {2, 1, "a", 0, LIMIT_STORE},
        {3, 1, "a", 0, LIMIT_STORE},  {3, 2, "a", 0, LIMIT_RATE},  {79, 1, "a", 0, LIMIT_STORE}, {200, 1, "a", 0, LIMIT_RATE},
        {201, 1, "a", 0, LIMIT_RATE}, {150, 1, "a", 0, LIMIT_STORE}, {-5, 1, "a", 0, LIMIT_STORE},
    };
    EVENTS("rate:count >= 3, seconds 80, track by_client;", counted);
    static const struct rated summed[] = {
        {0, 1, "a", 600, LIMIT_RATE}, {1, 1, "a", 424, LIMIT_RATE}, {2, 1, "a", 1, LIMIT_STORE}, {300, 1, "a", UINT64_MAX, LIMIT_STORE},
        {301, 1, "a", UINT64_MAX, LIMIT_STORE},
    };
    EVENTS("rate:sum db.length > 1KiB, seconds 60, track by_src;", summed);
    static const struct rated told_apart[] = {
        {0, 1, "a", 0, LIMIT_RATE}, {1, 1, "a", 0, LIMIT_RATE}, {2, 1, "b", 0, LIMIT_RATE}, {3, 1, "", 0, LIMIT_RATE},
        {4, 1, "c", 0, LIMIT_STORE}, {5, 1, "a", 0, LIMIT_STORE}, {90, 1, "d", 0, LIMIT_RATE},
    };
    EVENTS("rate:distinct db.user >= 3, seconds 60, track by_rule;", told_apart);
    static const struct rated users[] = {
        {0, 1, "a", 0, LIMIT_RATE}, {0, 2, "a", 0, LIMIT_STORE}, {0, 1, "b", 0, LIMIT_RATE},
    };
    EVENTS("rate:count >= 2, seconds 60, track by_user;", users);
    static const struct rated clients[] = {
        {0, 1, "a", 0, LIMIT_RATE}, {0, 1, "a", 0, LIMIT_RATE}, {0, 2, "a", 0, LIMIT_STORE},
    };
    EVENTS("rate:distinct net.client >= 2, seconds 60, track by_dst;", clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(refused),
        cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests_name("where", tests, NULL, NULL);
}
