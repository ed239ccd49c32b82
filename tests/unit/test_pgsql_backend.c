/* PostgreSQL: messages of the server, as damaged as they can be, its verdicts, and how it leaves. */
#include "pgsql_dialogues.h"

static const struct damage backend_damage[] = {
    {"answer Q to SSLRequest", "negotiation", 3, FROM_SERVER, ANOMALY_PGSQL_NEGOTIATION_ANSWER, FIELD_PGSQL_ANSWER, 0,
     "'Q'",
     "'N'"},
    {"answer G to SSLRequest", "negotiation", 3, FROM_SERVER, ANOMALY_PGSQL_NEGOTIATION_ANSWER, FIELD_PGSQL_ANSWER, 0,
     "'G'",
     "'S'"},
    {"error to SSLRequest", "negotiation", 3, FROM_SERVER, ANOMALY_PGSQL_ERROR_BEFORE_TLS, FIELD_PGSQL_TYPE, 0,
     "'E' 0000003b 'SFATAL' 00 'VFATAL' 00 'C53300' 00 'Mtoo many' 00 'Fpostgres.c' 00 'L100' 00 'Rexec' 0000",
     "'N'"},
    {"authentication 13", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_AUTHENTICATION_TYPE, FIELD_PGSQL_AUTHENTICATION_TYPE, 5,
     "'R' 00000008 0000000d",
     "'R' 00000008 00000000"},
    {"md5 without salt", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_AUTHENTICATION_BODY, FIELD_PGSQL_LENGTH, 1,
     "'R' 00000008 00000005",
     "'R' 0000000c 00000005 'salt'"},
    {"ok with a body", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_AUTHENTICATION_BODY, FIELD_PGSQL_LENGTH, 1,
     "'R' 00000009 00000000 78",
     "'R' 00000008 00000003"},
    {"server SCRAM without salt", "scram", 3, FROM_SERVER, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, FIELD_PGSQL_SASL_DATA, 15,
     "'R' 00000014 0000000b 'r=abc,i=4096'",
     "'R' 0000001b 0000000b 'r=abc,s=YWJj,i=4096'"},
    {"server SCRAM iterations x", "scram", 3, FROM_SERVER, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, FIELD_PGSQL_SASL_DATA, 24,
     "'R' 0000001b 0000000b 'r=abc,s=YWJj,i=4o96'",
     "'R' 00000018 0000000b 'r=abc,s=YWJj,i=1'"},
    {"server SCRAM iterations", "scram", 3, FROM_SERVER, ANOMALY_PGSQL_SCRAM_ITERATIONS, FIELD_PGSQL_SASL_DATA, 24,
     "'R' 0000001f 0000000b 'r=abc,s=YWJj,i=10000001'",
     "'R' 0000001f 0000000b 'r=abc,s=YWJj,i=10000000'"},
    {"server type y", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_SERVER_TYPE, FIELD_PGSQL_TYPE, 0,
     "'y' 00000004",
     "'I' 00000004 "
     "'Z' 00000005 'I'"},
    {"server length 3", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_SERVER_LENGTH, FIELD_PGSQL_LENGTH, 1,
     "'Z' 00000003",
     "'I' 00000004"},
    {"tag of 30001", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_SERVER_LENGTH, FIELD_PGSQL_LENGTH, 1,
     "'C' 00007531",
     NULL},
    {"row of 1 GB", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_SERVER_LENGTH, FIELD_PGSQL_LENGTH, 1,
     "'D' 40000000",
     "'T' 0000001a 00016100 00000000 00000000 00170004 ffffffff 0000"},
    {"status X", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_TRANSACTION_STATUS, FIELD_PGSQL_TRANSACTION, 5,
     "'Z' 00000005 'X'",
     "'Z' 00000005 'E'"},
    {"row of three for two", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_ROW_COLUMNS, FIELD_PGSQL_COLUMN_COUNT, 5,
     "'T' 0000002e 00026100 00000000 00000000 00170004 ffffffff 00006200 00000000 00000000 00170004 ffffffff "
     "0000 "
     "'D' 00000015 00030000 00013100 00000132 00000001 33",
     "'T' 0000002e 00026100 00000000 00000000 00170004 ffffffff 00006200 00000000 00000000 00170004 ffffffff "
     "0000 "
     "'D' 00000010 00020000 00013100 00000132"},
    {"row value beyond the row", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_VALUE_LENGTH, FIELD_PGSQL_VALUE_LENGTH, 7,
     "'D' 0000000c 00010000 0005 'ab'",
     "'D' 0000000c 00010000 0002 'ab'"},
    {"row value -2", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_VALUE_LENGTH, FIELD_PGSQL_VALUE_LENGTH, 7,
     "'D' 0000000a 0001ffff fffe",
     "'D' 0000000a 0001ffff ffff"},
    {"row longer than its values", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_TRAILING_BYTES, FIELD_PGSQL_LENGTH, 12,
     "'D' 0000000c 00010000 0001 'ab'",
     "'D' 0000000c 00010000 0002 'ab'"},
    {"row without its second value", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_MESSAGE_TOO_SHORT, FIELD_PGSQL_VALUE_LENGTH, 12,
     "'D' 0000000d 00020000 00016100 00",
     "'D' 0000000f 00020000 00016100 000000"},
    {"function result longer than asked", "function", 3, FROM_SERVER, ANOMALY_PGSQL_VALUE_LENGTH, FIELD_PGSQL_VALUE_LENGTH, 5,
     "'V' 0000000c 00000009 '1234'",
     "'V' 0000000c 00000004 '1234'"},
    {"large object longer than asked", "loread", 3, FROM_SERVER, ANOMALY_PGSQL_FUNCTION_RESULT, FIELD_PGSQL_VALUE_LENGTH, 5,
     "'V' 0000000d 00000005 '12345'",
     "'V' 0000000c 00000004 '1234'"},
    {"copy format 2", "copy_in", 3, FROM_SERVER, ANOMALY_PGSQL_COPY_RESPONSE, FIELD_PGSQL_COPY_FORMAT, 5,
     "'G' 00000007 020000",
     "'G' 00000007 010000"},
    {"binary column in a text COPY", "copy_in", 3, FROM_SERVER, ANOMALY_PGSQL_COPY_RESPONSE, FIELD_PGSQL_FORMAT, 8,
     "'G' 00000009 00000100 01",
     "'G' 00000009 01000100 01"},
    {"error without C", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_ERROR_FIELDS, FIELD_PGSQL_SQLSTATE, 5,
     "'E' 0000000f 'SERROR' 00 'Mx' 0000",
     "'E' 00000016 'SERROR' 00 'C42601' 00 'Mx' 0000"},
    {"error without end", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_ERROR_FIELDS, FIELD_PGSQL_ERROR_CODE, 22,
     "'E' 00000015 'SERROR' 00 'C42601' 00 'Mx' 00",
     "'E' 00000016 'SERROR' 00 'C42601' 00 'Mx' 0000"},
    {"SQLSTATE of four", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_SQLSTATE_FORM, FIELD_PGSQL_SQLSTATE, 13,
     "'E' 00000015 'SERROR' 00 'C4260' 00 'Mx' 0000",
     "'N' 00000015 'SINFO' 00 'C00000' 00 'Mx' 0000"},
    {"cancel key of three", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_BACKEND_KEY, FIELD_PGSQL_LENGTH, 1,
     "'K' 0000000b 00000001 'abc'",
     "'K' 0000000c 00000001 'abcd'"},
    {"cancel key of 257", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_BACKEND_KEY, FIELD_PGSQL_LENGTH, 1,
     "'K' 00000109 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00",
     "'K' 00000108 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"},
    {"answer without a question", "trust", 2, FROM_SERVER, ANOMALY_PGSQL_UNREQUESTED_ANSWER, FIELD_PGSQL_TYPE, 0,
     "'C' 0000000d 'SELECT 1' 00",
     "'S' 00000008 'a' 006200"},
    {"bind complete for a query", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_UNREQUESTED_ANSWER, FIELD_PGSQL_TYPE, 0,
     "'2' 00000004",
     "'T' 0000001a 00016100 00000000 00000000 00170004 ffffffff 0000"},
    {"row before the login", "trust", 1, FROM_SERVER, ANOMALY_PGSQL_BEFORE_AUTHENTICATION, FIELD_PGSQL_TYPE, 0,
     "'D' 0000000b 00010000 000131",
     "'R' 00000008 00000003"},
    {"empty replication data", "replication", 4, FROM_SERVER, ANOMALY_PGSQL_SERVER_REPLICATION, FIELD_PGSQL_REPLICATION_KIND, 5,
     "'d' 00000004",
     "'d' 00000016 'k' 00000000 00000000 00000000 00000000 00"},
    {"short keepalive", "replication", 4, FROM_SERVER, ANOMALY_PGSQL_SERVER_REPLICATION, FIELD_PGSQL_LENGTH, 1,
     "'d' 00000015 'k' 00000000 00000000 00000000 00000000",
     "'d' 0000001d 'w' 00000000 00000000 00000000 00000000 00000000 00000000"},
    {"types missing", "extended", 3, FROM_SERVER, ANOMALY_PGSQL_TYPE_COUNT, FIELD_PGSQL_PARAMETER_COUNT, 5,
     "'1' 00000004 "
     "'t' 0000000a 00020000 0000",
     "'1' 00000004 "
     "'t' 0000000e 00020000 00170000 0019"},
    {"columns missing", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_TYPE_COUNT, FIELD_PGSQL_COLUMN_COUNT, 5,
     "'T' 0000001a 00026100 00000000 00000000 00170004 ffffffff 0000",
     "'T' 0000001a 00016100 00000000 00000000 00170004 ffffffff 0000"},
    {"more columns than announced", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_TYPE_COUNT, FIELD_PGSQL_COLUMN_COUNT, 5,
     "'T' 0000002e 00016100 00000000 00000000 00170004 ffffffff 00006200 00000000 00000000 00170004 ffffffff "
     "0000",
     "'T' 0000002e 00026100 00000000 00000000 00170004 ffffffff 00006200 00000000 00000000 00170004 ffffffff "
     "0000"},
    {"options missing", "negotiation", 5, FROM_SERVER, ANOMALY_PGSQL_TYPE_COUNT, FIELD_PGSQL_OPTION_COUNT, 9,
     "'v' 0000000e 00030002 00000002 6100",
     "'v' 0000000c 00030002 00000000"},
    {"rejected", "trust", 3, FROM_SERVER, ANOMALY_PGSQL_REJECTED, FIELD_PGSQL_SQLSTATE, 20,
     "'E' 00000049 'SERROR' 00 'VERROR' 00 'C08P01' 00 'Minvalid message format' 00 'Fpostgres.c' 00 'L100' 00 "
     "'Rexec' 0000",
     "'E' 0000003f 'SERROR' 00 'VERROR' 00 'C42601' 00 'Msyntax error' 00 'Fpostgres.c' 00 'L100' 00 'Rexec' "
     "0000"},
    {"rejected by a pooler", "pooler", 3, FROM_SERVER, ANOMALY_PGSQL_REJECTED, FIELD_PGSQL_SQLSTATE, 13,
     "'E' 00000026 'SFATAL' 00 'C08P01' 00 'Mbad packet header' 0000",
     "'E' 00000028 'SFATAL' 00 'C08P01' 00 'Mno such database: x' 0000"},
};
static void every_damage_is_flagged(void **state)
{
    (void)state;
    run_damage(&spoken, backend_damage, sizeof backend_damage / sizeof backend_damage[0]);
}

/* The verdict of the server is a fact each time and an anomaly only when nothing was seen wrong before. */
static void the_server_is_the_judge(void **state)
{
    (void)state;
    static const char rejected[] = "'E' 00000026 'SERROR' 00 'C08P01' 00 'Minvalid format' 00 'R' 'x' 00 00";
    struct talk *t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'Q' 00000006 'x' 00");
    talk_hex(t, FROM_SERVER, rejected);
    assert_non_null(talk_find(t, ANOMALY_PGSQL_REJECTED));
    assert_int_equal(t->facts.seen[FACT_VERDICT], 1);
    talk_close(t);

    t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'Q' 00000007 'x' 00 00");
    talk_forget(t);
    talk_hex(t, FROM_SERVER, rejected);
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_VERDICT], 1);
    talk_close(t);
}

static void codes_become_facts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dialogue;
        size_t lines;
        const char *error;
        enum fact_kind fact;
    } rows[] = {
        {"syntax", "trust", 3, "'E' 00000018 'SERROR' 00 'C42601' 00 'Mbad' 00 00", FACT_ERROR},
        {"password", "cleartext", 3, "'E' 00000018 'SFATAL' 00 'C28P01' 00 'Mbad' 00 00", FACT_LOGIN_FAILED},
        {"hba", "trust", 1, "'E' 00000018 'SFATAL' 00 'C28000' 00 'Mbad' 00 00", FACT_LOGIN_FAILED},
        {"too many clients", "trust", 1, "'E' 00000018 'SFATAL' 00 'C53300' 00 'Mbad' 00 00", FACT_ERROR},
        {"shutdown", "trust", 2, "'E' 00000018 'SFATAL' 00 'C57P01' 00 'Mbad' 00 00", FACT_SHUTDOWN},
        {"crash of another", "trust", 2, "'N' 0000001a 'SWARNING' 00 'C57P02' 00 'Mbad' 00 00", FACT_SHUTDOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, rows[i].dialogue, rows[i].lines);
        talk_hex(t, FROM_SERVER, rows[i].error);
        assert_int_equal(t->unread, 0);
        if (t->facts.seen[rows[i].fact] != 1)
            fail_msg("%s", rows[i].name);
        talk_expect_silence(t);
        talk_close(t);
    }
}

static bool end_is_flagged(struct talk *t, enum side first)
{
    talk_clear_findings(t, 0);
    pgsql_decoder.end(t->state, first, false, &t->findings);
    if (first == FROM_CLIENT)
        pgsql_decoder.end(t->state, FROM_SERVER, false, &t->findings);
    bool flagged = t->findings.reports_used == 1 && t->findings.reports[0].anomaly == ANOMALY_PGSQL_CLOSED;
    assert_int_equal(t->findings.reports_used, flagged);
    return flagged;
}

/* The server's end without a word, after each line of each kind of dialogue. */
static void the_server_leaves(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dialogue;
        size_t lines;
        const char *server;
        enum side first;
        bool flagged;
    } rows[] = {
        {"nothing was said", "trust", 0, "", FROM_SERVER, false},
        {"startup open", "trust", 1, "", FROM_SERVER, true},
        {"startup open, the client goes first", "trust", 1, "", FROM_CLIENT, false},
        {"SSLRequest open", "negotiation", 3, "", FROM_SERVER, true},
        {"SSLRequest refused", "negotiation", 4, "", FROM_SERVER, false},
        {"password asked, none came", "cleartext", 2, "", FROM_SERVER, false},
        {"password came", "cleartext", 3, "", FROM_SERVER, true},
        {"password refused", "md5", 4, "", FROM_SERVER, false},
        {"idle", "trust", 2, "", FROM_SERVER, false},
        {"query open", "trust", 3, "", FROM_SERVER, true},
        {"query answered by half", "trust", 3, "'I' 00000004", FROM_SERVER, true},
        {"query open, error", "trust", 3, "'E' 00000018 'SERROR' 00 'C42601' 00 'Mbad' 00 00", FROM_SERVER, true},
        {"query open, fatal", "trust", 3, "'E' 00000018 'SFATAL' 00 'C57P01' 00 'Mbad' 00 00", FROM_SERVER, false},
        {"query open, another crashed", "trust", 3, "'N' 0000001a 'SWARNING' 00 'C57P02' 00 'Mbad' 00 00", FROM_SERVER, false},
        {"query answered", "trust", 4, "", FROM_SERVER, false},
        {"terminate", "trust", 7, "", FROM_SERVER, false},
        {"cancel", "cancel", 1, "", FROM_SERVER, false},
        {"batch open", "extended", 3, "", FROM_SERVER, true},
        {"in the middle of a COPY", "copy_in", 4, "", FROM_SERVER, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, rows[i].dialogue, rows[i].lines);
        talk_hex(t, FROM_SERVER, rows[i].server);
        if (end_is_flagged(t, rows[i].first) != rows[i].flagged)
            fail_msg("%s", rows[i].name);
        talk_close(t);
    }
    /* Not when bytes were lost, and not when the client's message was flagged. */
    struct talk *t = talk_after(&spoken, "trust", 3);
    pgsql_decoder.gap(t->state, FROM_SERVER, 100);
    assert_false(end_is_flagged(t, FROM_SERVER));
    talk_close(t);
    t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'Q' 00000007 'x' 00 00");
    assert_false(end_is_flagged(t, FROM_SERVER));
    talk_close(t);
}

/* Bytes behind the password are read only when the server lets the client in: then it says so, or leaves. */
static void what_comes_behind_the_password(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "cleartext", 3);
    talk_hex(t, FROM_CLIENT, "0000000000");
    assert_int_equal(t->verdict, VERDICT_BROKEN);
    assert_int_equal(t->reports_used, 1);
    assert_int_equal(t->reports[0].anomaly, ANOMALY_PGSQL_DEFECT_NOT_READ);
    assert_true(end_is_flagged(t, FROM_SERVER));
    talk_close(t);

    t = talk_after(&spoken, "cleartext", 3);
    talk_hex(t, FROM_CLIENT, "0000000000");
    talk_hex(t, FROM_SERVER, "'E' 00000018 'SFATAL' 00 'C28P01' 00 'Mbad' 00 00");
    assert_false(end_is_flagged(t, FROM_SERVER));
    talk_close(t);
}

/* Rows are checked against the description of their own portal only. */
static void descriptions_and_rows(void **state)
{
    (void)state;
    static const char two_columns[] = "'T' 0000002e 0002 'a' 00 00000000 0000 00000017 0004 ffffffff 0000"
                                      " 'b' 00 00000000 0000 00000017 0004 ffffffff 0000";
    static const struct {
        const char *name, *client;
        bool flagged;
    } rows[] = {
        {"the same portal", "'D' 00000006 'P' 00 'E' 00000009 00 00000000 'S' 00000004", true},
        {"another portal", "'D' 00000007 'P' 'x' 00 'E' 00000009 00 00000000 'S' 00000004", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, "trust", 2);
        talk_hex(t, FROM_CLIENT, rows[i].client);
        talk_hex(t, FROM_SERVER, two_columns);
        talk_hex(t, FROM_SERVER, "'D' 0000000b 0001 00000001 31");
        if ((talk_find(t, ANOMALY_PGSQL_ROW_COLUMNS) != NULL) != rows[i].flagged)
            fail_msg("%s", rows[i].name);
        talk_close(t);
    }
    /* A portal that was bound anew is another portal. */
    struct talk *t = talk_after(&spoken, "trust", 2);
    talk_hex(t, FROM_CLIENT, "'D' 00000006 'P' 00 'S' 00000004");
    talk_hex(t, FROM_SERVER, two_columns);
    talk_hex(t, FROM_SERVER, "'Z' 00000005 'I'");
    talk_hex(t, FROM_CLIENT, "'P' 00000010 00 'select 1' 00 0000 'B' 0000000c 0000 0000 0000 0000 'E' 00000009 00 00000000 'S' 00000004");
    talk_hex(t, FROM_SERVER, "'1' 00000004 '2' 00000004 'D' 0000000b 0001 00000001 31");
    talk_expect_silence(t);
    talk_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_flagged), cmocka_unit_test(the_server_is_the_judge), cmocka_unit_test(codes_become_facts),
        cmocka_unit_test(the_server_leaves),       cmocka_unit_test(descriptions_and_rows),
        cmocka_unit_test(what_comes_behind_the_password),
    };
    return cmocka_run_group_tests_name("pgsql backend", tests, NULL, NULL);
}
