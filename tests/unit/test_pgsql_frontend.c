/* PostgreSQL: messages of the client after the login, as damaged as they can be. */
#include "pgsql_dialogues.h"

static const struct damage frontend_damage[] = {
    {"query of length 3", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_LENGTH_TOO_SMALL, FIELD_PGSQL_LENGTH, 1,
     "'Q' 00000003",
     "'Q' 00000006 'x' 00"},
    {"sync of length 0", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_LENGTH_TOO_SMALL, FIELD_PGSQL_LENGTH, 1,
     "'S' 00000000",
     "'S' 00000004"},
    {"query of negative length", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_LENGTH_TOO_LARGE, FIELD_PGSQL_LENGTH, 1,
     "'Q' ffffffff",
     "'Q' 00000006 'x' 00"},
    {"query of 1 GB", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_LENGTH_TOO_LARGE, FIELD_PGSQL_LENGTH, 1,
     "'Q' 3fffffff",
     "'Q' 00000006 'y' 00"},
    {"describe of 10001", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_LENGTH_TOO_LARGE, FIELD_PGSQL_LENGTH, 1,
     "'D' 00002711",
     NULL},
    {"type z", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_UNKNOWN_TYPE, FIELD_PGSQL_TYPE, 0,
     "'z' 00000004",
     "'H' 00000004"},
    {"server type to the server", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_UNKNOWN_TYPE, FIELD_PGSQL_TYPE, 0,
     "'T' 00000006 0000",
     "'H' 00000004"},
    {"execute without its limit", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_MESSAGE_TOO_SHORT, FIELD_PGSQL_MAX_ROWS, 6,
     "'E' 00000008 00000000",
     "'E' 00000009 00000000 00"},
    {"parse types cut", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_MESSAGE_TOO_SHORT, FIELD_PGSQL_PARAMETER_TYPE, 21,
     "'P' 00000016 00 'select 1' 00000200 00000000 00",
     "'P' 00000018 00 'select 1' 00000200 00000000 000000"},
    {"empty describe", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_MESSAGE_TOO_SHORT, FIELD_PGSQL_TARGET, 5,
     "'D' 00000004",
     "'D' 00000006 'S' 00"},
    {"NUL inside a query", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_TRAILING_BYTES, FIELD_PGSQL_LENGTH, 9,
     "'Q' 0000000e 'sel' 00 'ect 1' 00",
     "'Q' 0000000d 'select 1' 00"},
    {"byte after parse", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_TRAILING_BYTES, FIELD_PGSQL_LENGTH, 17,
     "'P' 00000011 00 'select 1' 00000000",
     "'P' 00000010 00 'select 1' 000000"},
    {"byte after execute", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_TRAILING_BYTES, FIELD_PGSQL_LENGTH, 10,
     "'E' 0000000a 00000000 0000",
     "'E' 00000009 00000000 00"},
    {"query without NUL", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_UNTERMINATED_STRING, FIELD_PGSQL_QUERY_TEXT, 5,
     "'Q' 0000000c 'select 1'",
     "'Q' 0000000d 'select 1' 00"},
    {"empty query body", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_UNTERMINATED_STRING, FIELD_PGSQL_QUERY_TEXT, 5,
     "'Q' 00000004",
     "'Q' 00000005 00"},
    {"close without NUL", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_UNTERMINATED_STRING, FIELD_PGSQL_STATEMENT, 6,
     "'C' 00000008 'Sabc'",
     "'C' 00000009 'Sabc' 00"},
    {"copy fail without NUL", "copy_in", 4, FROM_CLIENT, ANOMALY_PGSQL_UNTERMINATED_STRING, FIELD_PGSQL_COPY_REASON, 5,
     "'f' 00000008 'oops'",
     "'f' 00000009 'oops' 00"},
    {"sync with a body", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_BODY_NOT_EMPTY, FIELD_PGSQL_LENGTH, 1,
     "'S' 00000005 00",
     "'S' 00000004"},
    {"flush with a body", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_BODY_NOT_EMPTY, FIELD_PGSQL_LENGTH, 1,
     "'H' 00000005 00",
     "'H' 00000004"},
    {"terminate with a text", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_IGNORED_BYTES, FIELD_PGSQL_LENGTH, 1,
     "'X' 0000000d 'select 1' 00",
     "'X' 00000004"},
    {"flush with a body behind a COPY", "copy_fail", 2, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_LENGTH, 1,
     "'P' 00000019 00 'copy t from stdin' 00 0000 "
     "'B' 0000000c 0000 0000 0000 0000 "
     "'E' 00000009 00 00000000 "
     "'H' 00000005 00",
     "'P' 00000019 00 'copy t from stdin' 00 0000 "
     "'B' 0000000c 0000 0000 0000 0000 "
     "'E' 00000009 00 00000000 "
     "'H' 00000004"},
    {"terminate with padding", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_IGNORED_BYTES, FIELD_PGSQL_LENGTH, 1,
     "'X' 00000005 00",
     "'X' 00000004"},
    {"copy done with a body", "copy_in", 4, FROM_CLIENT, ANOMALY_PGSQL_IGNORED_BYTES, FIELD_PGSQL_LENGTH, 1,
     "'c' 00000005 'x'",
     "'c' 00000004"},
    {"bind to nothing with a wrong count", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_PARAMETER_LENGTH, 15,
     "'B' 00000010 00 'none' 00000000 010000",
     "'B' 00000010 00 'none' 00000000 000000"},
    {"parameter with a NUL hides the rest", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_PARAMETER_LENGTH, 20,
     "'B' 00000017 00 's1' 00000000 02000000 03310078 00000384",
     "'B' 00000018 00 's1' 00000000 02000000 01310000 00017800 00"},
    {"badly encoded name hides the rest", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_PARAMETER_COUNT, 14,
     "'P' 0000000e ff00 'select' 0000",
     "'P' 0000000f 'n' 00 'select' 000000"},
    {"second startup", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_REPEATED, FIELD_PGSQL_TYPE, 0,
     "0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000",
     "'Q' 00000006 'x' 00"},
    {"password in a session", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_UNEXPECTED, FIELD_PGSQL_TYPE, 0,
     "'p' 00000006 'x' 00",
     "'Q' 00000006 'x' 00"},
    {"two formats, one parameter", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_FORMAT_COUNT, FIELD_PGSQL_FORMAT_COUNT, 9,
     "'B' 00000017 00 's1' 00000200 00000000 01000000 01310000",
     "'B' 0000001c 00 's1' 00000200 00000000 02000000 01310000 00017800 00"},
    {"one parameter of two", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_PARAMETER_COUNT, FIELD_PGSQL_PARAMETER_COUNT, 11,
     "'B' 00000013 00 's1' 00000000 01000000 01310000",
     "'B' 00000018 00 's1' 00000000 02000000 01310000 00017800 00"},
    {"length of a value beyond the message", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_PARAMETER_LENGTH, FIELD_PGSQL_PARAMETER_LENGTH, 17,
     "'B' 00000018 00 's1' 00000000 02ffffff ff000000 05 '12' 0000",
     "'B' 00000018 00 's1' 00000000 02ffffff ff000000 02 '12' 0000"},
    {"length -2", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_PARAMETER_LENGTH, FIELD_PGSQL_PARAMETER_LENGTH, 17,
     "'B' 00000016 00 's1' 00000000 02ffffff ffffffff fe0000",
     "'B' 00000016 00 's1' 00000000 02ffffff ffffffff ff0000"},
    {"int4 of three bytes", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_PARAMETER_SIZE, FIELD_PGSQL_PARAMETER, 19,
     "'B' 0000001c 00 's1' 00000100 01000200 000003 'abc' 00000001 780000",
     "'B' 0000001d 00 's1' 00000100 01000200 000004 'abcd' 00000001 780000"},
    {"one format for both, and a byte too many", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_TRAILING_BYTES, FIELD_PGSQL_LENGTH, 30,
     "'B' 0000001e 00 's1' 00 0001 0001 0002 00000004 00000007 00000001 'x' 0000 00",
     "'B' 0000001d 00 's1' 00 0001 0001 0002 00000004 00000007 00000001 'x' 0000"},
    {"function call of a function that may not exist", "function", 4, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_LENGTH, 15,
     "'F' 0000000f 00004000 0000 0000 0000 00",
     "'F' 0000000e 00004000 0000 0000 0000"},
    {"describe X", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_TARGET, FIELD_PGSQL_TARGET, 5,
     "'D' 00000007 'Xa' 00",
     "'D' 00000007 'Pa' 00"},
    {"close s", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_TARGET, FIELD_PGSQL_TARGET, 5,
     "'C' 00000007 'sa' 00",
     "'C' 00000007 'Sa' 00"},
    {"format 2", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_FORMAT_CODE, FIELD_PGSQL_FORMAT, 11,
     "'B' 0000001a 00 's1' 00000100 02000200 00000131 00000001 780000",
     "'B' 0000001a 00 's1' 00000100 00000200 00000131 00000001 780000"},
    {"two result formats, one column", "extended", 4, FROM_CLIENT, ANOMALY_PGSQL_RESULT_FORMAT_COUNT, FIELD_PGSQL_RESULT_FORMAT_COUNT, 23,
     "'B' 0000001c 00 's1' 00000000 02000000 01310000 00017800 02000000 01",
     "'B' 0000001a 00 's1' 00000000 02000000 01310000 00017800 010001"},
    {"parse on a replication connection", "replication", 2, FROM_CLIENT, ANOMALY_PGSQL_REPLICATION_EXTENDED, FIELD_PGSQL_TYPE, 0,
     "'P' 00000010 00 'select 1' 000000",
     "'Q' 00000014 'IDENTIFY_SYSTEM' 00"},
    {"query during COPY", "copy_in", 4, FROM_CLIENT, ANOMALY_PGSQL_COPY_MESSAGE, FIELD_PGSQL_TYPE, 0,
     "'Q' 0000000d 'select 1' 00",
     "'S' 00000004"},
    {"terminate during COPY", "copy_in", 4, FROM_CLIENT, ANOMALY_PGSQL_COPY_MESSAGE, FIELD_PGSQL_TYPE, 0,
     "'X' 00000004",
     "'H' 00000004"},
    {"query during streaming", "replication", 4, FROM_CLIENT, ANOMALY_PGSQL_STANDBY_MESSAGE, FIELD_PGSQL_TYPE, 0,
     "'Q' 00000006 'x' 00",
     "'X' 00000004"},
    {"sync during streaming", "replication", 4, FROM_CLIENT, ANOMALY_PGSQL_STANDBY_MESSAGE, FIELD_PGSQL_TYPE, 0,
     "'S' 00000004",
     "'c' 00000004"},
    {"empty standby message", "replication", 4, FROM_CLIENT, ANOMALY_PGSQL_STANDBY_BODY, FIELD_PGSQL_REPLICATION_KIND, 5,
     "'d' 00000004",
     "'d' 00000026 'r' 00000000 00000001 00000000 00000002 00000000 00000003 00000000 00000004 00"},
    {"standby message x", "replication", 4, FROM_CLIENT, ANOMALY_PGSQL_STANDBY_BODY, FIELD_PGSQL_REPLICATION_KIND, 5,
     "'d' 00000026 'x' 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00",
     "'d' 00000026 'r' 00000000 00000001 00000000 00000002 00000000 00000003 00000000 00000004 00"},
    {"short standby status", "replication", 4, FROM_CLIENT, ANOMALY_PGSQL_STANDBY_BODY, FIELD_PGSQL_LENGTH, 1,
     "'d' 00000025 'r' 00000000 00000001 00000000 00000002 00000000 00000003 00000000 00000004",
     "'d' 00000026 'r' 00000000 00000001 00000000 00000002 00000000 00000003 00000000 00000004 00"},
    {"copy data outside", "trust", 2, FROM_CLIENT, ANOMALY_PGSQL_COPY_OUTSIDE, FIELD_PGSQL_TYPE, 0,
     "'d' 00000005 'x'",
     "'Q' 00000006 'x' 00"},
    {"query after terminate", "trust", 7, FROM_CLIENT, ANOMALY_PGSQL_AFTER_TERMINATE, FIELD_PGSQL_TYPE, 0,
     "'Q' 00000006 'x' 00",
     "'X' 00000004"},
    {"function call cut", "function", 4, FROM_CLIENT, ANOMALY_PGSQL_PARAMETER_LENGTH, FIELD_PGSQL_PARAMETER_LENGTH, 13,
     "'F' 00000012 000003b8 00000001 00000009 '12'",
     "'F' 00000014 000003b8 00000001 00000002 '12' 0000"},
    {"function call without its result format", "function", 4, FROM_CLIENT, ANOMALY_PGSQL_MESSAGE_TOO_SHORT, FIELD_PGSQL_FORMAT, 17,
     "'F' 00000010 000003b8 00000001 ffffffff",
     "'F' 00000012 000003b8 00000001 ffffffff 0000"},
    {"function formats", "function", 4, FROM_CLIENT, ANOMALY_PGSQL_FORMAT_COUNT, FIELD_PGSQL_FORMAT_COUNT, 9,
     "'F' 00000016 000003b8 00020000 00000001 ffffffff 0000",
     "'F' 0000001a 000003b8 00020000 00000002 ffffffff ffffffff 0000"},
};
static void every_damage_is_flagged(void **state)
{
    (void)state;
    run_damage(&spoken, frontend_damage, sizeof frontend_damage / sizeof frontend_damage[0]);
}

/* The number of parameters as Parse's text tells it, and Binds with one, two and three. */
static void parameters_of_a_statement(void **state)
{
    (void)state;
    static const struct {
        const char *parse; /* after name, up to the end */
        int parameters;    /* -1: not known */
    } rows[] = {
        {"'select $1, $2' 00 0000", 2},
        {"'select $2' 00 0000", 2},
        {"'select $1' 00 0002 00000017 00000017", 2},
        {"'SELECT $1, ' 27 '$9' 27 ', $2' 00 0000", 2},
        {"'select $1, $2 -- $3' 00 0000", 2},
        {"'select $1, $2 /* $3 */' 00 0000", -1},
        {"'select $1, $x$ $2 $x$' 00 0000", -1},
        {"'select a$9, $1' 00 0000", -1},
        {"'create table a (b int default $1)' 00 0000", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned supplied = 1; supplied <= 3; supplied++) {
            struct talk *t = talk_after(&spoken, "trust", 2);
            struct view text = hex(rows[i].parse);
            uint8_t parse[128] = {'P', 0, 0, 0, (uint8_t)(text.length + 5), 0};
            memcpy(parse + 6, text.bytes, text.length);
            talk(t, FROM_CLIENT, view_of(parse, text.length + 6));
            hex_free(text);
            uint8_t bind[32] = {'B', 0, 0, 0, (uint8_t)(12 + 4 * supplied), 0, 0, 0, 0, 0, (uint8_t)supplied};
            memset(bind + 11, 0xff, 4 * (size_t)supplied);
            talk(t, FROM_CLIENT, view_of(bind, 13 + 4 * (size_t)supplied));
            bool differs = rows[i].parameters >= 0 && (int)supplied != rows[i].parameters;
            if ((talk_find(t, ANOMALY_PGSQL_PARAMETER_COUNT) != NULL) != differs)
                fail_msg("%s: %u parameters", rows[i].parse, supplied);
            assert_int_equal(t->reports_used, differs);
            talk_close(t);
        }
    }
}

/* After an error the server reads no bodies until Sync, but it reads types and lengths. */
static void messages_that_are_skipped(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'P' 0000000d 00 'selec' 00 0000");
    talk_hex(t, FROM_SERVER, "'E' 00000018 'SERROR' 00 'C42601' 00 'Mbad' 00 00");
    talk_hex(t, FROM_CLIENT, "'E' 00000005 00");
    assert_int_equal(t->reports_used, 1);
    assert_int_equal(t->reports[0].anomaly, ANOMALY_PGSQL_DEFECT_NOT_READ);
    talk_hex(t, FROM_CLIENT, "'Q' 00000003");
    assert_non_null(talk_find(t, ANOMALY_PGSQL_LENGTH_TOO_SMALL));
    talk_close(t);

    t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'P' 0000000d 00 'selec' 00 0000");
    talk_hex(t, FROM_SERVER, "'E' 00000018 'SERROR' 00 'C42601' 00 'Mbad' 00 00");
    talk_hex(t, FROM_CLIENT, "'S' 00000004 'E' 00000005 00");
    assert_non_null(talk_find(t, ANOMALY_PGSQL_MESSAGE_TOO_SHORT));
    talk_close(t);
}

/* A message is wanted whole, or its head when it is large: what the head shows is judged, the rest is not guessed. */
static void large_messages(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    static const struct {
        const char *name;
        size_t nul; /* position of the terminator in the message, 0: none */
        bool flagged;
    } rows[] = {{"ends with the message", LENGTH, false}, {"no end in the head", 0, false}, {"ends in the head", 900, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, "trust", 2);
        uint8_t *query = malloc(LENGTH + 1);
        memset(query, 'x', LENGTH + 1);
        query[0] = 'Q';
        query[1] = 0;
        query[2] = LENGTH >> 16;
        query[3] = (LENGTH >> 8) & 0xff;
        query[4] = LENGTH & 0xff;
        if (rows[i].nul)
            query[rows[i].nul] = 0;
        talk(t, FROM_CLIENT, view_of(query, LENGTH + 1));
        if ((talk_find(t, ANOMALY_PGSQL_TRAILING_BYTES) != NULL) != rows[i].flagged)
            fail_msg("%s", rows[i].name);
        assert_int_equal(t->unread, 0);
        free(query);
        talk_close(t);
    }
}

static void rounds_of_requests_and_replies(void **state)
{
    (void)state;
    static const struct {
        const char *dialogue;
        unsigned requests, replies;
    } rows[] = {{"trust", 2, 2}, {"extended", 3, 3}, {"skip", 2, 2}, {"copy_in", 4, 4}, {"copy_out", 1, 1}, {"function", 2, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct dialogue *d = dialogue_named(&spoken, rows[i].dialogue);
        struct talk *t = talk_open(&pgsql_decoder);
        say(t, d, d->count);
        if (t->facts.seen[FACT_REQUEST] != rows[i].requests || t->facts.seen[FACT_REPLY] != rows[i].replies)
            fail_msg("%s: %u requests, %u replies", d->name, t->facts.seen[FACT_REQUEST], t->facts.seen[FACT_REPLY]);
        talk_close(t);
    }
}

/* More open requests than are followed: nothing is said, and when all are answered they are followed again. */
static void a_deep_pipeline(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "trust", 2);
    for (unsigned i = 0; i < 500; i++)
        talk_hex(t, FROM_CLIENT, "'P' 00000010 00 'select 1' 00 0000 'B' 0000000c 0000 0000 0000 0000 'E' 00000009 00 00000000 'S' 00000004");
    for (unsigned i = 0; i < 500; i++)
        talk_hex(t, FROM_SERVER, "'1' 00000004 '2' 00000004 'D' 0000000b 0001 00000001 31 'C' 0000000d 'SELECT 1' 00 'Z' 00000005 'I'");
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 500);
    assert_int_equal(t->facts.seen[FACT_REPLY], 500);
    talk_hex(t, FROM_CLIENT, "'Q' 00000006 'x' 00");
    talk_hex(t, FROM_SERVER, "'2' 00000004");
    assert_non_null(talk_find(t, ANOMALY_PGSQL_UNREQUESTED_ANSWER));
    talk_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_flagged),   cmocka_unit_test(parameters_of_a_statement),
        cmocka_unit_test(messages_that_are_skipped), cmocka_unit_test(large_messages),
        cmocka_unit_test(rounds_of_requests_and_replies), cmocka_unit_test(a_deep_pipeline),
    };
    return cmocka_run_group_tests_name("pgsql frontend", tests, NULL, NULL);
}
