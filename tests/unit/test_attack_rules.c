/* rules/attacks.rules: each rule is true of what it is about, and not of its legal neighbour. Run from the project's directory. */
#include "detect/draft.h"
#include "rules_bench.h"

static void load(struct bench *b)
{
    struct error why;
    assert_true(rules_add_file(b->set, "rules/attacks.rules", &why));
    bench_expect_clean(b);
    assert_true(rules_loaded(b->set) > 25);
    bench_ready(b);
}

static bool raised(const struct bench *b, uint32_t sid)
{
    for (unsigned i = 0; i < b->raised; i++)
        if (b->sids[i] == sid)
            return true;
    return false;
}

static void begin(struct bench *b, enum protocol protocol, enum side from)
{
    static uint8_t bytes[1024];
    b->session = (struct session){.phase = PHASE_PRE_AUTH};
    bench_message(b, protocol, from, "00");
    b->message.head = view_of(bytes, sizeof bytes);
    b->findings.message_length = sizeof bytes;
}

static void every_rule_has_what_a_responder_needs(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    load(b);
    for (size_t i = 0; i < rules_loaded(b->set); i++) {
        const struct rule *r = &b->set->rules[i];
        assert_in_range(r->sid, 9000001, 9000999);
        assert_true(*r->msg && *r->classtype && *r->references);
        assert_non_null(classtype_find(r->classtype));
        assert_non_null(strstr(r->metadata, "mitre_technique_id T"));
        assert_non_null(strstr(r->metadata, "affected_product "));
        assert_false(r->never);
    }
    bench_close(b);
}

/* Other conditions are asked by the captures of rules/tests. */
static bool asks_only_reports(const struct rule *r)
{
    for (unsigned t = 0; t < r->tests.count; t++)
        if (r->all_tests[t].kind != TEST_ANOMALY && !(r->all_tests[t].kind == TEST_NUMBER && r->all_tests[t].field == FIELD_DB_PHASE))
            return false;
    return strcmp(r->proto, "udp") != 0;
}

static void reports_raise_their_rules(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    load(b);
    unsigned asked = 0;
    for (size_t i = 0; i < rules_loaded(b->set); i++) {
        const struct rule *r = &b->set->rules[i];
        const enum protocol protocol = (enum protocol)__builtin_ctz(r->protocols);
        const enum side from = r->sides & 1u << FROM_CLIENT ? FROM_CLIENT : FROM_SERVER;
        const bool both = r->sides == (1u << FROM_CLIENT | 1u << FROM_SERVER);
        for (unsigned t = 0; t < r->tests.count && asks_only_reports(r); t++) {
            for (unsigned n = 0; r->all_tests[t].kind == TEST_ANOMALY && n < r->all_tests[t].parts.count; n++) {
                begin(b, protocol, from);
                (void)bench_ask(b);
                assert_false(raised(b, r->sid));
                report(&b->findings, (struct report){.anomaly = r->names[r->all_tests[t].parts.first + n]});
                (void)bench_ask(b);
                if (!raised(b, r->sid)) {
                    print_error("%s\n", r->text);
                    fail();
                }
                begin(b, protocol, other_side(from)); /* the other side may not */
                report(&b->findings, (struct report){.anomaly = r->names[r->all_tests[t].parts.first + n]});
                (void)bench_ask(b);
                assert_true(raised(b, r->sid) == both);
                asked++;
            }
        }
    }
    assert_true(asked > 30);
    bench_close(b);
}

struct bounds {
    uint32_t sid;
    enum protocol protocol;
    enum side from;
    enum field field;
    uint32_t legal, wrong; /* lengths of bytes, or values */
    uint64_t command;
};

static void bounds_on_both_sides(void **state)
{
    (void)state;
    static const struct bounds rows[] = {
        {9000104, PROTOCOL_MYSQL, FROM_CLIENT, FIELD_MYSQL_TABLE, 511, 512, COM_FIELD_LIST},
        {9000105, PROTOCOL_MYSQL, FROM_CLIENT, FIELD_MYSQL_AUTH_RESPONSE, 20, 1, COM_CHANGE_USER},
        {9000105, PROTOCOL_MYSQL, FROM_CLIENT, FIELD_MYSQL_AUTH_RESPONSE, 0, 1, COM_CHANGE_USER},
        {9000105, PROTOCOL_MYSQL, FROM_CLIENT, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, 20, 1, COM_CHANGE_USER},
        {9000109, PROTOCOL_MYSQL, FROM_SERVER, FIELD_MYSQL_SERVER_VERSION, 459, 460, 0},
        {9000215, PROTOCOL_PGSQL, FROM_CLIENT, FIELD_PGSQL_LENGTH, 0x7fffffff, 0x80000000, 0},
    };
    struct bench *b = bench_open();
    load(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned wrong = 0; wrong < 2; wrong++) {
            const uint32_t value = wrong ? rows[i].wrong : rows[i].legal;
            begin(b, rows[i].protocol, rows[i].from);
            if (rows[i].command)
                note_field(&b->findings, FIELD_MYSQL_COMMAND, 4, 1, rows[i].command);
            note_field(&b->findings, rows[i].field, 5, field_kind(rows[i].field) == KIND_BYTES ? value : 4, value);
            (void)bench_ask(b);
            if (raised(b, rows[i].sid) != (wrong == 1)) {
                print_error("row %zu, %u\n", i, value);
                fail();
            }
        }
    }
    bench_close(b);
}

static void statements_of_cassandra(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool wrong;
    } rows[] = {
        {"create function f (a int) returns null on null input returns int language javascript as 'a'", true},
        {"CREATE OR REPLACE FUNCTION k.f (a int) CALLED ON NULL INPUT RETURNS int\nLANGUAGE java AS $$return a;$$", true},
        {"create function f (a int) returns int language lua as 'a'", false},
        {"select language from function where create = 1", false},
        {"insert into t (a) values ('create function in any language javascript')", false},
    };
    struct bench *b = bench_open();
    load(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(b, PROTOCOL_CQL, FROM_CLIENT);
        b->message.head = view_text(rows[i].text);
        note_field(&b->findings, FIELD_CQL_QUERY, 0, (uint32_t)strlen(rows[i].text), 0);
        (void)bench_ask(b);
        if (raised(b, 9000807) != rows[i].wrong) {
            print_error("%s\n", rows[i].text);
            fail();
        }
    }
    bench_close(b);
}

static void startup_options(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool wrong;
    } rows[] = {
        {"-c=5", true}, {"-c geqo=off -c =1", true}, {"-c search_path=a", false}, {"-c geqo=off", false}, {"--x-c=5", false}, {"", false},
    };
    struct bench *b = bench_open();
    load(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(b, PROTOCOL_PGSQL, FROM_CLIENT);
        b->message.head = view_text(rows[i].options);
        note_field(&b->findings, FIELD_PGSQL_OPTIONS, 0, (uint32_t)strlen(rows[i].options), 0);
        (void)bench_ask(b);
        if (raised(b, 9000216) != rows[i].wrong) {
            print_error("%s\n", rows[i].options);
            fail();
        }
    }
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_what_a_responder_needs),
        cmocka_unit_test(reports_raise_their_rules),
        cmocka_unit_test(bounds_on_both_sides),
        cmocka_unit_test(startup_options), cmocka_unit_test(statements_of_cassandra),
    };
    return cmocka_run_group_tests_name("attack rules", tests, NULL, NULL);
}
