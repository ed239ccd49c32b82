/* What an alert says: got and expected, the place, the packet, the masked bytes. */
#include "rules_bench.h"

#include "detect/evidence.h"

static struct bench *bench_with(const char *rules)
{
    struct bench *b = bench_open();
    bench_rules(b, rules);
    return b;
}

#define INCOMPLETE "alert mysql any any -> any any (anomaly:mysql.incomplete-message; sid:1; rev:7; gid:3;)"

static void reports_become_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct report report;
        const char *got, *expected;
    } rows[] = {
        {"exact", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_EQUAL, .length = 3, .got = 9, .expected = 7}, "9", "exactly 7"},
        {"one byte", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_EQUAL, .length = 1, .got = 255, .expected = 10},
         "255 (0xff)", "exactly 10 (0x0a)"},
        {"small byte", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_EQUAL, .length = 1, .got = 9, .expected = 3}, "9", "exactly 3"},
        {"most", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_NOT_EXCEED, .length = 4, .got = UINT32_MAX, .expected = 16777215,
                  .note = "the packet limit"},
         "4294967295 (0xffffffff)", "at most 16777215, the packet limit"},
        {"least", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_REACH, .got = 2, .expected = 4}, "2", "at least 4"},
        {"length of bytes", {.field = FIELD_DB_USER, .relation = MUST_NOT_EXCEED, .offset = 4, .length = 2, .got = 300, .expected = 32},
         "300", "at most 32"},
        {"text", {.field = FIELD_DB_USER, .relation = MUST_BE, .offset = 5, .length = 4, .note = "a name"}, "\"SEL\\x00\"", "a name"},
        {"missing", {.field = FIELD_DB_USER, .relation = MUST_BE, .offset = 9, .note = "a NUL terminator"}, "nothing", "a NUL terminator"},
        {"no field", {.relation = MUST_BE, .offset = 5, .length = 4, .note = "the end of the message"}, "53 45 4c 00",
         "the end of the message"},
        {"beyond what was seen", {.relation = MUST_BE, .offset = 5000, .length = 4, .note = "x"}, "", "x"},
        {"a number that must be something", {.field = FIELD_MYSQL_LENGTH, .relation = MUST_BE, .length = 1, .got = 0x54, .note = "one of"},
         "84 (0x54)", "one of"},
        {"named", {.field = FIELD_DB_PHASE, .relation = MUST_EQUAL, .got = PHASE_PRE_AUTH, .expected = PHASE_CLOSED}, "pre_auth (1)",
         "exactly closed (3)"},
        {"message", {.field = FIELD_DB_MESSAGE, .relation = MUST_BE, .got = MYSQL_GREETING, .note = "a reply"}, "greeting (1)", "a reply"},
        {"name unknown", {.field = FIELD_DB_PHASE, .relation = MUST_EQUAL, .length = 1, .got = 77, .expected = 0}, "77 (0x4d)",
         "exactly unknown (0)"},
        {"truth", {.field = FIELD_DB_TLS, .relation = MUST_EQUAL, .got = 1, .expected = 0}, "yes", "exactly no"},
        {"secret bytes", {.field = FIELD_PGSQL_PASSWORD_DATA, .relation = MUST_BE, .offset = 0, .length = 5, .note = "text"},
         "\"*****\"", "text"},
    };
    struct bench *b = bench_with(INCOMPLETE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "09 00 00 00 03 'SEL' 00");
        note_field(&b->findings, FIELD_PGSQL_PASSWORD_DATA, 0, 5, 0);
        struct report r = rows[i].report;
        r.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE;
        report(&b->findings, r);
        assert_int_equal(bench_ask(b), 1);
        if (strcmp(b->alert.got, rows[i].got) != 0 || strcmp(b->alert.expected, rows[i].expected) != 0) {
            print_error("%s: got %s, expected %s\n", rows[i].name, b->alert.got, b->alert.expected);
            fail();
        }
        assert_int_equal(b->alert.field, r.field);
        assert_int_equal(b->alert.message_offset, r.offset);
        assert_int_equal(b->alert.field_length, r.length);
    }
    bench_close(b);
}

static void conditions_become_words(void **state)
{
    (void)state;
    static const struct {
        const char *options, *got, *expected;
        enum field field;
        uint32_t offset, length;
    } rows[] = {
        {"mysql.length:>3KiB;", "9000", "> 3072", FIELD_MYSQL_LENGTH, 0, 3},
        {"mysql.length:>=5,!7,1<>20000;", "9000", ">= 5, !7, 1<>20000", FIELD_MYSQL_LENGTH, 0, 3},
        {"db.phase:authenticated; mysql.length:>3;", "9000", "> 3", FIELD_MYSQL_LENGTH, 0, 3},
        {"db.phase:authenticated;", "authenticated (2)", "authenticated", FIELD_DB_PHASE, 0, 0},
        {"db.tls:no;", "no", "no", FIELD_DB_TLS, 0, 0},
        {"db.message:greeting;", "greeting (1)", "greeting", FIELD_DB_MESSAGE, 0, 0},
        {"content:\"se\"; nocase; content:\"|03|\";", "\"\\x03\"", "content:\"se\"; nocase; content:\"|03|\";", FIELD_NONE, 4, 1},
        {"content:\"SEL\";", "\"SEL\"", "content:\"SEL\";", FIELD_NONE, 5, 3},
        {"content:!\"xyz\";", "\"\\x09\\x00\\x00\\x00\\x03SEL\\x1b\"", "content:!\"xyz\";", FIELD_NONE, 0, 9},
        {"isdataat:5;", "9 bytes", "isdataat:5;", FIELD_NONE, 0, 9},
        {"bsize:>5;", "9 bytes", "bsize:>5;", FIELD_NONE, 0, 9},
        {"db.user; content:\"oo\";", "\"oo\"", "content:\"oo\";", FIELD_DB_USER, 0, 0},
        {"db.tls:no; content:\"SEL\";", "\"SEL\"", "content:\"SEL\";", FIELD_NONE, 5, 3},
        {"", "", "", FIELD_NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "alert mysql any any -> any any (%s sid:1;)", rows[i].options);
        struct bench *b = bench_with(text);
        bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "09 00 00 00 03 'SEL' 1b");
        b->session = (struct session){.phase = PHASE_AUTHENTICATED, .user_length = 4, .user = "root"};
        b->findings.message = MYSQL_GREETING;
        note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 9000);
        assert_int_equal(bench_ask(b), 1);
        if (strcmp(b->alert.got, rows[i].got) != 0 || strcmp(b->alert.expected, rows[i].expected) != 0) {
            print_error("%s: got %s, expected %s\n", text, b->alert.got, b->alert.expected);
            fail();
        }
        assert_int_equal(b->alert.field, rows[i].field);
        assert_int_equal(b->alert.message_offset, rows[i].offset);
        assert_int_equal(b->alert.field_length, rows[i].length);
        assert_int_equal(b->alert.anomaly, ANOMALY_NONE);
        assert_int_equal(b->alert.class, CLASS_UNUSUAL);
        bench_close(b);
    }
}

static void carries_who_and_where(void **state)
{
    (void)state;
    struct bench *b = bench_with(INCOMPLETE);
    bench_message(b, PROTOCOL_MYSQL, FROM_SERVER, "'0123456789'");
    b->session = (struct session){.user_length = 3, .user = "a\x1b" "b", .database_length = 255};
    memset(b->session.database, 'd', sizeof b->session.database);
    b->findings.message = 5;
    b->findings.message_length = 70000;
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 2, 3, 44);
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE, .offset = 6, .length = 2});
    assert_int_equal(bench_ask(b), 1);
    const struct alert *a = &b->alert;
    assert_int_equal(a->gid, 3);
    assert_int_equal(a->sid, 1);
    assert_int_equal(a->rev, 7);
    assert_int_equal(a->flow_id, 77);
    assert_memory_equal(&a->client, &b->flow.client, sizeof a->client);
    assert_memory_equal(&a->server, &b->flow.server, sizeof a->server);
    assert_int_equal(a->from, FROM_SERVER);
    assert_int_equal(a->protocol, PROTOCOL_MYSQL);
    assert_int_equal(a->confidence, 90);
    assert_int_equal(a->message, 5);
    assert_int_equal(a->message_length, 70000);
    assert_int_equal(a->stream_offset, 500);
    assert_int_equal(a->first_packet, 10);
    assert_int_equal(a->time_ns, 1000);
    assert_string_equal(a->user, "a\\x1bb");
    assert_int_equal(strlen(a->database), ALERT_NAME_MAX - 1);
    assert_string_equal(a->database + ALERT_NAME_MAX - 4, "...");
    assert_int_equal(a->head_length, 10);
    assert_memory_equal(a->head, "0123456789", 10);
    assert_int_equal(a->fields_used, 1);
    assert_int_equal(a->fields[0].value, 44);
    assert_false(a->fields_cut);
    bench_close(b);
}

static void names_the_packet_with_the_first_wrong_byte(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset;
        struct segment last;
        uint64_t packet;
    } rows[] = {
        {0, {.packet_number = 10, .time_ns = 1000, .stream_offset = 500}, 10},
        {9, {.packet_number = 10, .time_ns = 1000, .stream_offset = 500}, 10},
        {19, {.packet_number = 12, .time_ns = 3000, .stream_offset = 520}, 10},
        {20, {.packet_number = 12, .time_ns = 3000, .stream_offset = 520}, 12},
        {21, {.packet_number = 12, .time_ns = 3000, .stream_offset = 520}, 12},
        {20, {.packet_number = 12, .time_ns = 3000, .stream_offset = 400}, 10},
    };
    struct bench *b = bench_with(INCOMPLETE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'0123456789'");
        b->last = rows[i].last;
        report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE, .offset = rows[i].offset});
        assert_int_equal(bench_ask(b), 1);
        assert_int_equal(b->alert.packet_number, rows[i].packet);
        assert_int_equal(b->alert.first_packet, 10);
        assert_int_equal(b->alert.time_ns, rows[i].packet == 10 ? 1000 : 3000);
    }
    static const struct {
        uint32_t offset;
        uint64_t packet;
    } marked[] = {{0, 10}, {3, 10}, {4, 11}, {6, 11}, {7, 14}, {9, 14}, {5000, 14}};
    const struct segment_mark marks[] = {{0, {.packet_number = 10}}, {4, {.packet_number = 11}}, {7, {.packet_number = 14}}};
    for (size_t i = 0; i < sizeof marked / sizeof marked[0]; i++) {
        bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'0123456789'");
        b->message.marks = marks;
        b->message.marks_used = 3;
        b->last.packet_number = 14;
        report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE, .offset = marked[i].offset});
        assert_int_equal(bench_ask(b), 1);
        assert_int_equal(b->alert.packet_number, marked[i].packet);
    }
    bench_close(b);
}

static void secrets_are_masked(void **state)
{
    (void)state;
    unsigned secrets = 0;
    struct bench *b = bench_with("alert tcp any any -> any any (content:\"345\"; sid:1;)\n"
                                 "alert tcp any any -> any any (anomaly:tcp.overlap-differs; sid:2;)");
    for (unsigned field = 1; field < FIELDS; field++) {
        bench_message(b, PROTOCOL_PGSQL, FROM_CLIENT, "'0123456789'");
        note_field(&b->findings, (enum field)field, 3, 4, 987);
        report(&b->findings, (struct report){.anomaly = ANOMALY_TCP_OVERLAP_DIFFERS, .relation = MUST_BE, .field = (uint16_t)field,
                                             .offset = 2, .length = 6, .got = 987});
        assert_int_equal(bench_ask(b), 2);
        const bool secret = field_is_secret((enum field)field);
        secrets += secret;
        assert_memory_equal(b->alert.head, secret ? "012****789" : "0123456789", 10);
        assert_int_equal(b->alert.fields[0].value, secret ? 0 : 987);
        if (secret) /* the content rule ran last */
            assert_string_equal(b->alert.got, "\"***\"");
        b->findings.fields_used = 0;
        note_field(&b->findings, (enum field)field, 3, UINT32_MAX - 3, 0);
        b->findings.reports_used = 1;
        (void)bench_ask(b);
        assert_memory_equal(b->alert.head, secret ? "012*******" : "0123456789", 10);
    }
    assert_true(secrets > 0);
    bench_close(b);
}

static bool always(enum field field)
{
    (void)field;
    return true;
}

static void masks_exactly_the_overlap(void **state)
{
    (void)state;
    static const struct {
        uint32_t base, offset, length;
        const char *out;
    } rows[] = {
        {0, 0, 0, "abcdef"},  {0, 0, 1, "*bcdef"},   {0, 5, 1, "abcde*"},   {0, 6, 1, "abcdef"},          {0, 2, 2, "ab**ef"},
        {0, 0, 99, "******"}, {10, 0, 10, "abcdef"}, {10, 0, 11, "*bcdef"}, {10, 15, 9, "abcde*"},        {10, 16, 9, "abcdef"},
        {10, 12, 2, "ab**ef"}, {UINT32_MAX, 0, UINT32_MAX, "abcdef"},       {1, UINT32_MAX, UINT32_MAX, "abcdef"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *copy = malloc(6);
        memcpy(copy, "abcdef", 6);
        struct field_value field = {.offset = rows[i].offset, .length = rows[i].length};
        evidence_mask(copy, rows[i].base, 6, &field, 1, always);
        assert_memory_equal(copy, rows[i].out, 6);
        free(copy);
    }
}

static void long_things_are_cut(void **state)
{
    (void)state;
    struct bench *b = bench_with("alert mysql any any -> any any (content:\"xxxx\"; sid:1;)");
    char written[4 * 2000 + 1];
    for (unsigned i = 0; i < 2000; i++)
        snprintf(written + 2 * i, 3, "78");
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, written);
    for (unsigned i = 0; i < 60; i++)
        note_field(&b->findings, FIELD_MYSQL_LENGTH, i, 1, i);
    assert_int_equal(bench_ask(b), 1);
    assert_int_equal(b->alert.head_length, ALERT_HEAD_MAX);
    assert_int_equal(b->alert.fields_used, ALERT_FIELDS_MAX);
    assert_true(b->alert.fields_cut);
    bench_close(b);
    b = bench_with("alert mysql any any -> any any (anomaly:mysql.incomplete-message; sid:1;)");
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, written);
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE, .relation = MUST_BE, .field = FIELD_DB_USER,
                                         .length = 2000, .note = "a long note, a long note, a long note, a long note, a long note, a long "
                                                                 "note, a long note, a long note, a long note, a long note, a long note"});
    assert_int_equal(bench_ask(b), 1);
    assert_int_equal(strlen(b->alert.expected), ALERT_TEXT_MAX - 1);
    assert_string_equal(b->alert.got + strlen(b->alert.got) - 4, "x...");
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_become_words),
        cmocka_unit_test(conditions_become_words),
        cmocka_unit_test(carries_who_and_where),
        cmocka_unit_test(names_the_packet_with_the_first_wrong_byte),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(masks_exactly_the_overlap),
        cmocka_unit_test(long_things_are_cut),
    };
    return cmocka_run_group_tests_name("alert evidence", tests, NULL, NULL);
}
