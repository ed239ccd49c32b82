/* The index and the order in which terms are asked change nothing: random rules and random messages, each rule's answer against
 * that of all its terms asked one by one (explainer_rule): over a million pairs of a rule and a message, or AGREE_EVENTS messages. */
#include "detect/explain.h"
#include "rules_bench.h"

static uint32_t random_state = 20261124;

static uint32_t next_random(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static const char *const texts[] = {"select", "Union", "drop table", "ab", "a", "from users", "|00 01|", "xyzxyzxyz", "sel", "0x", "table users"};
static const char *const fields[] = {"mysql.length", "mysql.sequence", "db.length", "mysql.charset", "db.message", "mysql.command", "db.phase"};
static const char *const items[] = {"5", ">3", "<4", "2-6", "!5", "1,3,5", ">=2", "!2,!3", "0<>9"};
static const char *const conditions[] = {"mysql.length > #",
                                         "mysql.length + # == db.length",
                                         "not mysql.sequence == #",
                                         "mysql.query contains 'select' and mysql.length < #",
                                         "lower(mysql.query) contains 'union' or db.length == #",
                                         "max(mysql.length) >= #",
                                         "min(mysql.length) <= # and exists(mysql.charset)",
                                         "mysql.length in {1, 3..#}",
                                         "# < mysql.length and db.phase != closed",
                                         "len(mysql.query) * 2 > #",
                                         "mysql.query startswith 'drop' or not exists(mysql.query) and db.length > #"};

#define PICK(table) table[next_random(sizeof table / sizeof table[0])]

/* # stands for a number. */
static void add_condition(struct text *t, const char *condition)
{
    text_add(t, " where:\"");
    for (; *condition; condition++)
        if (*condition == '#')
            text_add(t, "%u", next_random(12));
        else
            text_add(t, "%c", *condition);
    text_add(t, "\";");
}

static void add_bytes(struct text *t)
{
    static const char *const forms[] = {"byte_test:1,>,#,#;",
                                        "byte_test:2,!&,#,#,little;",
                                        "content:\"e\"; byte_test:1,<,#,0,relative;",
                                        "byte_extract:1,#,n; isdataat:n;",
                                        "byte_math:bytes 1,offset #,oper -,rvalue 95,result n; byte_test:1,>=,n,#;",
                                        "byte_jump:1,#; content:\"a\"; distance:0;",
                                        "content:\"l\"; isdataat:!#,relative;",
                                        "isdataat:#;",
                                        "dsize:>#;",
                                        "content:\"a\"; endswith;",
                                        "mysql.query; bsize:>#;",
                                        "content:\"a\"; pcre:\"/^[bc]/R\";",
                                        "stream_size:client,>,#;",
                                        "mysql.query; absent;"};
    text_add(t, " pkt_data; ");
    for (const char *form = PICK(forms); *form; form++)
        if (*form == '#')
            text_add(t, "%u", next_random(12));
        else
            text_add(t, "%c", *form);
    text_add(t, " pkt_data;");
}

static void add_part(struct text *t)
{
    switch (next_random(9)) {
    case 0:
    case 1:
        text_add(t, " %s:%s;", PICK(fields), PICK(items));
        return;
    case 2:
        text_add(t, " content:%s\"%s\";%s", next_random(4) ? "" : "!", PICK(texts), next_random(2) ? " nocase;" : "");
        return;
    case 3:
        text_add(t, " mysql.query; content:\"%s\";%s", PICK(texts), next_random(2) ? " nocase;" : " fast_pattern;");
        return;
    case 4:
        text_add(t, " content:\"%s\"; content:\"%s\"; distance:%u; pkt_data;", PICK(texts), PICK(texts), next_random(4));
        return;
    case 5:
        add_condition(t, PICK(conditions));
        return;
    case 6:
        add_bytes(t);
        return;
    case 7:
        text_add(t, " pcre:\"/%s/i\";", next_random(2) ? "sel\\w+" : "[ab]+c?\\s");
        return;
    default:
        text_add(t, " %s", next_random(2) ? "flow:to_server;" : "anomaly:mysql.incomplete-message,mysql.sequence;");
        return;
    }
}

static void random_rules(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count;) {
        char text[1024];
        struct text t = text_in(text, sizeof text);
        text_add(&t, "alert %s any %s -> any any (", next_random(3) ? "mysql" : next_random(2) ? "tcp" : "db", next_random(5) ? "any" : "1:30000");
        for (unsigned parts = 1 + next_random(3); parts; parts--)
            add_part(&t);
        text_add(&t, " sid:%u;)", i + 1);
        const size_t before = rules_loaded(b->set);
        rules_add_text(b->set, "t", view_text(text));
        i += rules_loaded(b->set) > before;
    }
}

static void random_message(struct bench *b)
{
    static const char alphabet[] = "abc sel|\x01";
    char bytes[256];
    size_t used = 0;
    for (unsigned parts = next_random(5); parts; parts--) {
        const char *piece = PICK(texts);
        if (next_random(3) && piece[0] != '|') {
            memcpy(bytes + used, piece, strlen(piece));
            used += strlen(piece);
        }
        for (unsigned i = next_random(4); i; i--)
            bytes[used++] = next_random(9) ? alphabet[next_random(sizeof alphabet - 1)] : 0;
    }
    bench_message(b, next_random(5) ? PROTOCOL_MYSQL : PROTOCOL_PGSQL, next_random(3) ? FROM_CLIENT : FROM_SERVER, "");
    hex_free(b->bytes);
    uint8_t *exact = malloc(used + 1);
    memcpy(exact, bytes, used);
    b->bytes = b->message.head = view_of(exact, used);
    b->findings.message_length = used + next_random(2);
    b->findings.message = (uint16_t)next_random(8);
    b->session.phase = (uint8_t)next_random(4);
    static const enum field noted[] = {FIELD_MYSQL_LENGTH, FIELD_MYSQL_LENGTH, FIELD_MYSQL_SEQUENCE, FIELD_MYSQL_CHARSET, FIELD_MYSQL_COMMAND};
    for (unsigned i = next_random(6); i; i--)
        note_field(&b->findings, PICK(noted), 0, 1, next_random(10));
    for (unsigned i = next_random(3); i; i--) {
        uint32_t offset = next_random((uint32_t)used + 1);
        note_field(&b->findings, FIELD_MYSQL_QUERY, offset, (uint32_t)used - offset + next_random(2), 0);
    }
    if (next_random(4) == 0)
        report(&b->findings, (struct report){.anomaly = next_random(2) ? ANOMALY_MYSQL_INCOMPLETE_MESSAGE : ANOMALY_MYSQL_SEQUENCE});
}

static void rules_agree_with_their_terms(void **state)
{
    (void)state;
    enum { SETS = 40, RULES = 100 };
    const char *wanted = getenv("AGREE_EVENTS");
    const unsigned messages = wanted ? (unsigned)strtoul(wanted, NULL, 10) / SETS : 260;
    uint64_t matches = 0;
    for (unsigned s = 0; s < SETS; s++) {
        struct bench *b = bench_open();
        random_rules(b, RULES);
        bench_ready(b);
        struct explainer *e = explainer_open(b->set);
        assert_non_null(e);
        for (unsigned m = 0; m < messages; m++) {
            struct rule_stats before[RULES], after;
            random_message(b);
            for (uint32_t r = 0; r < RULES; r++)
                detector_rule_stats(b->detector, r, &before[r]);
            (void)bench_ask(b);
            for (uint32_t r = 0; r < RULES; r++) {
                detector_rule_stats(b->detector, r, &after);
                const bool matched = after.matched > before[r].matched;
                const bool expected = explainer_rule(e, r, &b->message, false, NULL, NULL);
                /* A rule on anomalies is only asked when there is a report; one without cannot be true. */
                if (matched != expected || after.matched > before[r].matched + 1) {
                    print_error("set %u message %u: %s: matcher %d, terms %d\n", s, m, b->set->rules[r].text, matched, expected);
                    fail();
                }
                matches += matched;
            }
        }
        explainer_close(e);
        bench_close(b);
    }
    assert_true(matches > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_agree_with_their_terms),
    };
    return cmocka_run_group_tests_name("rule agree", tests, NULL, NULL);
}
