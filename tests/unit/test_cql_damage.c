/* Cassandra: tables of damage. Each row continues a clean dialogue, must be flagged with its field and offset and nothing else
 * of weight, and has a legal neighbour that stays silent. */
#include "cql_dialogues.h"

#define D(name) ANOMALY_CQL_##name
#define F(name) FIELD_CQL_##name
#define C FROM_CLIENT
#define S FROM_SERVER
#define ASK "04000001 07 0000000d 00000006 'select' 0001 00"

static const struct damage rows[] = {
    {"version 0", "session", 4, C, D(VERSION), F(VERSION), 0, "00000001 07 0000000d 00000006 'select' 0001 00", ASK},
    {"version 7", "session", 4, C, D(VERSION), F(VERSION), 0, "07000001 07 0000000d 00000006 'select' 0001 00", ASK},
    {"version of a response", "session", 4, C, D(DIRECTION_WRONG), F(DIRECTION), 0, "84000001 07 0000000d 00000006 'select' 0001 00", ASK},
    {"version of a request", "session", 3, S, D(DIRECTION_WRONG), F(DIRECTION), 0, "04000000 02 00000000", "84000000 02 00000000"},
    {"version 3 after 4", "session", 4, C, D(VERSION_CHANGED), F(VERSION), 0, "03000001 07 0000000d 00000006 'select' 0001 00", ASK},
    {"version 3 from the server", "session", 5, S, D(VERSION_CHANGED), F(VERSION), 0, "83000001 02 00000000", "84000001 02 00000000"},
    {"version 1", "session", 0, C, D(VERSION_OLD), F(VERSION), 0, "010000 05 00000000", "04000000 05 00000000"},
    {"opcode 4", "session", 4, C, D(OPCODE_UNKNOWN), F(OPCODE), 4, "04000001 04 00000000", "04000001 05 00000000"},
    {"opcode 17", "session", 4, C, D(OPCODE_UNKNOWN), F(OPCODE), 4, "04000001 11 00000000", "04000001 05 00000000"},
    {"a response of the client", "session", 4, C, D(OPCODE_SIDE), F(OPCODE), 4, "04000001 08 00000004 00000001", ASK},
    {"a request of the server", "session", 5, S, D(OPCODE_SIDE), F(OPCODE), 4, "84000001 05 00000000", "84000001 02 00000000"},
    {"256 MB and one", "session", 4, C, D(LENGTH_LIMIT), F(LENGTH), 5, "04000001 07 10000001", NULL},
    {"negative length", "session", 4, C, D(LENGTH_LIMIT), F(LENGTH), 5, "04000001 07 ffffffff", NULL},
    {"flag 0x20", "session", 4, C, D(FLAGS_UNKNOWN), F(FLAGS), 1, "04200001 05 00000000", "04100001 05 00000000"},
    {"a negative stream", "session", 4, C, D(STREAM_NEGATIVE), F(STREAM), 2, "04008000 05 00000000", "04007fff 05 00000000"},
    {"a stream in use", "session", 5, C, D(STREAM_REUSED), F(STREAM), 2, "04000001 05 00000000", "04000002 05 00000000"},
    {"a far stream in use", "session", 4, C, D(STREAM_REUSED), F(STREAM), 2, "04001234 05 00000000 04001234 05 00000000",
     "04001234 05 00000000 04001235 05 00000000"},
    {"a response too many", "session", 6, S, D(STREAM_UNKNOWN), F(STREAM), 2, "84000001 02 00000000", NULL},
    {"a response on another stream", "session", 5, S, D(STREAM_UNKNOWN), F(STREAM), 2, "84000002 02 00000000", "84000001 02 00000000"},
    {"an event with a stream", "session", 6, S, D(STREAM_EVENT), F(STREAM), 2, "84000000 0c 00000025 000d 'SCHEMA_CHANGE' 0007 'CREATED' 0008 'KEYSPACE' 0001 'x'",
     "8400ffff 0c 00000025 000d 'SCHEMA_CHANGE' 0007 'CREATED' 0008 'KEYSPACE' 0001 'x'"},
    {"a response of stream -1", "session", 6, S, D(STREAM_EVENT), F(STREAM), 2, "8400ffff 02 00000000", NULL},
    {"an event unasked", "session", 4, S, D(EVENT_UNASKED), F(OPCODE), 4, "8400ffff 0c 00000025 000d 'SCHEMA_CHANGE' 0007 'CREATED' 0008 'KEYSPACE' 0001 'x'", NULL},
    {"READY to a query", "session", 7, S, D(RESPONSE_KIND), F(OPCODE), 4, "84000002 02 00000000", "84000002 08 00000004 00000001"},
    {"RESULT to OPTIONS", "session", 1, S, D(RESPONSE_KIND), F(OPCODE), 4, "84000000 08 00000004 00000001", "84000000 06 00000002 0000"},

    {"a query longer than its body", "session", 4, C, D(OVERRUN), F(QUERY_LENGTH), 9, "04000001 07 0000000d 0000000a 'select' 0001 00", ASK},
    {"a query of negative length", "session", 4, C, D(NEGATIVE_LENGTH), F(QUERY_LENGTH), 9, "04000001 07 0000000d ffffffff 'select' 0001 00", ASK},
    {"a query without its flags", "session", 4, C, D(MISSING), F(QUERY_FLAGS), 21, "04000001 07 0000000c 00000006 'select' 0001", ASK},
    {"a query without parameters", "session", 4, C, D(MISSING), F(CONSISTENCY), 19, "04000001 07 0000000a 00000006 'select'", ASK},
    {"a query that is not UTF-8", "session", 4, C, D(UTF8), F(QUERY), 14, "04000001 07 0000000d 00000006 's' ff 'lect' 0001 00", ASK},
    {"an overlong form", "session", 4, C, D(UTF8), F(QUERY), 13, "04000001 07 0000000d 00000006 c0af 'lect' 0001 00",
     "04000001 07 0000000d 00000006 c2af 'lect' 0001 00"},
    {"a surrogate", "session", 4, C, D(UTF8), F(QUERY), 13, "04000001 07 0000000d 00000006 eda080 'ect' 0001 00",
     "04000001 07 0000000d 00000006 ed9f80 'ect' 0001 00"},
    {"above U+10FFFF", "session", 4, C, D(UTF8), F(QUERY), 13, "04000001 07 0000000d 00000006 f4908080 'ct' 0001 00",
     "04000001 07 0000000d 00000006 f48f8080 'ct' 0001 00"},
    {"a sequence that the end cuts", "session", 4, C, D(UTF8), F(QUERY), 18, "04000001 07 0000000d 00000006 'selec' c2 0001 00", ASK},
    {"consistency 12", "session", 4, C, D(CONSISTENCY_UNKNOWN), F(CONSISTENCY), 19, "04000001 07 0000000d 00000006 'select' 000c 00",
     "04000001 07 0000000d 00000006 'select' 000b 00"},
    {"value of length -3", "session", 4, C, D(VALUE_INVALID), F(VALUE_LENGTH), 24, "04000001 07 00000013 00000006 'select' 0001 01 0001 fffffffd",
     "04000001 07 00000013 00000006 'select' 0001 01 0001 fffffffe"},
    {"value longer than its body", "session", 4, C, D(OVERRUN), F(VALUE_LENGTH), 24, "04000001 07 00000014 00000006 'select' 0001 01 0001 00000002 'x'",
     "04000001 07 00000014 00000006 'select' 0001 01 0001 00000001 'x'"},
    {"more values than there are", "session", 4, C, D(OVERRUN), F(COUNT), 22, "04000001 07 00000014 00000006 'select' 0001 01 0009 00000001 'x'",
     "04000001 07 00000014 00000006 'select' 0001 01 0001 00000001 'x'"},
    {"a paging state longer than its body", "session", 4, C, D(OVERRUN), F(STRING_LENGTH), 22, "04000001 07 00000012 00000006 'select' 0001 08 00000002 'x'",
     "04000001 07 00000012 00000006 'select' 0001 08 00000001 'x'"},
    {"serial consistency ONE", "session", 4, C, D(SERIAL_WRONG), F(SERIAL_CONSISTENCY), 22, "04000001 07 0000000f 00000006 'select' 0001 10 0001",
     "04000001 07 0000000f 00000006 'select' 0001 10 0009"},
    {"timestamp -2^63", "session", 4, C, D(TIMESTAMP_INVALID), F(TIMESTAMP), 22, "04000001 07 00000015 00000006 'select' 0001 20 8000000000000000",
     "04000001 07 00000015 00000006 'select' 0001 20 8000000000000001"},
    {"flag 0x80 before version 5", "session", 4, C, D(QUERY_FLAGS_UNKNOWN), F(QUERY_FLAGS), 21, "04000001 07 0000000d 00000006 'select' 0001 80", ASK},
    {"bytes behind a query", "session", 4, C, D(TRAILING), F(TRAILING), 22, "04000001 07 0000000e 00000006 'select' 0001 00 00", ASK},
    {"batch of type 3", "session", 4, C, D(BATCH_TYPE_UNKNOWN), F(BATCH_TYPE), 9, "04000001 0d 00000006 03 0000 0001 00", "04000001 0d 00000006 02 0000 0001 00"},
    {"batch of kind 2", "session", 4, C, D(BATCH_KIND_UNKNOWN), F(BATCH_KIND), 12, "04000001 0d 0000000d 00 0001 02 00000000 0000 0001 00",
     "04000001 0d 0000000d 00 0001 00 00000000 0000 0001 00"},
    {"batch with paging", "session", 4, C, D(BATCH_FLAGS), F(QUERY_FLAGS), 14, "04000001 0d 0000000a 00 0000 0001 04 00000005", "04000001 0d 00000006 00 0000 0001 00"},
    {"batch of five queries with one", "session", 4, C, D(OVERRUN), F(COUNT), 10, "04000001 0d 0000000d 00 0005 00 00000000 0000 0001 00", NULL},
    {"execute with an id longer than its body", "session", 4, C, D(OVERRUN), F(STRING_LENGTH), 9, "04000001 0a 00000007 0020 'ab' 0001 00",
     "04000001 0a 00000007 0002 'ab' 0001 00"},
    {"register for nothing known", "session", 4, C, D(EVENT_TYPE_UNKNOWN), F(EVENT_TYPE), 13, "04000001 0b 00000008 0001 0004 'NONE'",
     "04000001 0b 00000011 0001 000d 'schema_CHANGE'"},
    {"register for more than there are", "session", 4, C, D(OVERRUN), F(COUNT), 9, "04000001 0b 00000011 0010 000d 'SCHEMA_CHANGE'",
     "04000001 0b 00000011 0001 000d 'SCHEMA_CHANGE'"},
    {"custom payload in version 3", "version3", 4, C, D(PAYLOAD_EARLY), F(FLAGS), 1, "03040001 07 0000000f 0000 00000006 'select' 0001 00",
     "03000001 07 0000000d 00000006 'select' 0001 00"},
    {"custom payload longer than its body", "session", 4, C, D(OVERRUN), F(COUNT), 9, "04040001 07 0000000f 00ff 00000006 'select' 0001 00",
     "04040001 07 0000000f 0000 00000006 'select' 0001 00"},
    {"compression that was not agreed on", "session", 4, C, D(COMPRESSED_UNAGREED), F(FLAGS), 1, "04010001 07 0000000d 00000006 'select' 0001 00", ASK},
    {"compressed STARTUP", "session", 2, C, D(STARTUP_COMPRESSED), F(FLAGS), 1, "04010000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'",
     "04000000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'"},

    {"a query first", "session", 0, C, D(BEFORE_STARTUP), F(OPCODE), 4, ASK, "04000000 05 00000000"},
    {"a query after OPTIONS", "session", 2, C, D(BEFORE_STARTUP), F(OPCODE), 4, ASK, "04000000 05 00000000"},
    {"STARTUP again", "session", 4, C, D(STARTUP_AGAIN), F(OPCODE), 4, "04000000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'", ASK},
    {"a query before the login", "login", 2, C, D(BEFORE_LOGIN), F(OPCODE), 4, ASK, "04000001 0f 0000000b 00000007 00 'ann' 00 'xy'"},
    {"OPTIONS before the login", "login", 2, C, D(BEFORE_LOGIN), F(OPCODE), 4, "04000000 05 00000000", NULL},
    {"STARTUP without the language", "session", 2, C, D(CQL_VERSION), F(COUNT), 9, "04000000 01 00000008 0001 0001 'X' 0001 '1'",
     "04000000 01 00000016 0001 000b 'cql_version' 0005 '3.0.0'"},
    {"STARTUP with an unknown compression", "session", 2, C, D(COMPRESSION_UNKNOWN), F(OPTION_VALUE), 46,
     "04000000 01 00000028 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0003 'zip'",
     "04000000 01 00000028 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0003 'LZ4'"},
    {"STARTUP with Snappy in version 5", "session", 0, C, D(COMPRESSION_UNKNOWN), F(OPTION_VALUE), 46,
     "05000000 01 0000002b 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0006 'snappy'",
     "05000000 01 00000028 0002 000b 'CQL_VERSION' 0005 '3.0.0' 000b 'COMPRESSION' 0003 'lz4'"},
    {"STARTUP with more options than there are", "session", 2, C, D(OVERRUN), F(COUNT), 9, "04000000 01 00000016 0020 000b 'CQL_VERSION' 0005 '3.0.0'", NULL},
    {"a token that is no user and password", "login", 2, C, D(PLAIN_TOKEN), F(TOKEN), 13, "04000001 0f 00000009 00000005 'hello'",
     "04000001 0f 0000000b 00000007 00 'ann' 00 'xy'"},
    {"a token longer than its body", "login", 2, C, D(OVERRUN), F(STRING_LENGTH), 9, "04000001 0f 0000000b 00000009 00 'ann' 00 'xy'",
     "04000001 0f 0000000b 00000007 00 'ann' 00 'xy'"},

    {"the server rejects", "session", 7, S, D(REJECTED), F(ERROR_MESSAGE), 15, "84000002 00 0000000c 0000000a 0006 'broken'",
     "84000002 00 0000000c 00002200 0006 'broken'"},
    {"the server trips over it", "session", 7, S, D(REJECTED), F(ERROR_MESSAGE), 15,
     "84000002 00 0000002b 00000000 0025 'java.lang.IndexOutOfBoundsException: 1'", "84000002 00 0000000c 00000000 0006 'broken'"},
    {"an unknown error", "session", 7, S, D(ERROR_UNKNOWN), F(ERROR_CODE), 9, "84000002 00 0000000c 00007777 0006 'broken'",
     "84000002 00 0000000c 00001001 0006 'broken'"},
    {"words longer than their message", "session", 7, S, D(OVERRUN_SERVER), F(STRING_LENGTH), 13, "84000002 00 0000000c 00002200 0007 'broken'",
     "84000002 00 0000000c 00002200 0006 'broken'"},
    {"a timeout without its tail", "session", 7, S, D(MISSING_SERVER), F(ERROR_DETAIL), 17, "84000002 00 00000008 00001200 0000 0001", "84000002 00 00000011 00001200 0000 0001 00000000 00000001 00"},
    {"a result of kind 6", "session", 7, S, D(RESULT_UNKNOWN), F(RESULT_KIND), 9, "84000002 08 00000004 00000006", "84000002 08 00000004 00000001"},
    {"a result without its kind", "session", 7, S, D(MISSING_SERVER), F(RESULT_KIND), 9, "84000002 08 00000002 0000", "84000002 08 00000004 00000001"},
    {"negative columns", "session", 7, S, D(COUNT_NEGATIVE), F(COLUMNS), 17, "84000002 08 00000010 00000002 00000004 80000000 00000000",
     "84000002 08 00000010 00000002 00000004 00000000 00000000"},
    {"negative rows", "session", 7, S, D(COUNT_NEGATIVE), F(ROWS), 21, "84000002 08 00000010 00000002 00000004 00000001 ffffffff",
     "84000002 08 00000014 00000002 00000004 00000001 00000001 ffffffff"},
    {"more rows than bytes", "session", 7, S, D(OVERRUN_SERVER), F(ROWS), 21, "84000002 08 00000014 00000002 00000004 00000001 00000002 ffffffff",
     "84000002 08 00000014 00000002 00000004 00000001 00000001 ffffffff"},
    {"more columns than bytes", "session", 7, S, D(OVERRUN_SERVER), F(COLUMNS), 17, "84000002 08 00000010 00000002 00000001 00ffffff 00000000", NULL},
    {"a cell longer than its body", "session", 7, S, D(OVERRUN_SERVER), F(VALUE_LENGTH), 25, "84000002 08 00000015 00000002 00000004 00000001 00000001 00000002 'x'",
     "84000002 08 00000015 00000002 00000004 00000001 00000001 00000001 'x'"},
    {"a type that does not exist", "session", 7, S, D(TYPE_UNKNOWN), F(TYPE), 30,
     "84000002 08 0000001b 00000002 00000001 00000001 0001 'k' 0001 't' 0001 'c' 0016 00000000",
     "84000002 08 0000001b 00000002 00000001 00000001 0001 'k' 0001 't' 0001 'c' 0015 00000000"},
    {"33 levels of types", "session", 7, S, D(TYPE_NESTING), F(TYPE), 92,
     "84000002 08 00000059 00000002 00000001 00000001 0001 'k' 0001 't' 0001 'c' 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020"
     "0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 00000000",
     "84000002 08 00000059 00000002 00000001 00000001 0001 'k' 0001 't' 0001 'c' 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020"
     "0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0020 0009 00000000"},
    {"an address of 5 bytes", "session", 6, S, D(ADDRESS_LENGTH_WRONG), F(ADDRESS_LENGTH), 28, "8400ffff 0c 0000001d 000d 'STATUS_CHANGE' 0002 'UP' 05 7f00000100 00002352",
     "8400ffff 0c 0000001c 000d 'STATUS_CHANGE' 0002 'UP' 04 7f000001 00002352"},
    {"an option longer than its body", "session", 1, S, D(OVERRUN_SERVER), F(STRING_LENGTH), 11, "84000000 06 00000006 0001 0009 'ab'", "84000000 06 00000002 0000"},
};

static void damage_is_found(void **state)
{
    (void)state;
    run_damage(&spoken, rows, sizeof rows / sizeof rows[0]);
}

/* Sizes: 128 KiB before the login, 16 MiB after it. */
static void sizes_before_and_after_the_login(void **state)
{
    (void)state;
    static const struct {
        const char *dialogue;
        size_t lines;
        uint8_t opcode;
        uint32_t length;
        enum anomaly anomaly;
    } sizes[] = {
        {"login", 2, 15, 128 << 10, ANOMALY_NONE},        {"login", 2, 15, (128 << 10) + 1, D(LARGE_BEFORE_LOGIN)},
        {"login", 10, 7, (128 << 10) + 1, ANOMALY_NONE},  {"login", 10, 7, 16 << 20, ANOMALY_NONE},
        {"login", 10, 7, (16 << 20) + 1, D(REQUEST_LARGE)}, {"session", 0, 1, (128 << 10) + 1, D(LARGE_BEFORE_LOGIN)},
    };
    static uint8_t bytes[MESSAGE_BYTES_MAX];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct talk *t = talk_open(&cql_decoder);
        uint32_t length = sizes[i].length, text = length - 4;
        say(t, dialogue_named(&spoken, sizes[i].dialogue), sizes[i].lines);
        talk_forget(t);
        memset(bytes, 'x', sizeof bytes);
        uint8_t head[] = {4, 0, 0, 1, sizes[i].opcode, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
                          (uint8_t)(text >> 24), (uint8_t)(text >> 16), (uint8_t)(text >> 8), (uint8_t)text};
        memcpy(bytes, head, sizeof head);
        if (sizes[i].opcode == 1)
            memcpy(bytes + 9, "\0\1\0\13CQL_VERSION\377\377", 17);
        talk(t, FROM_CLIENT, view_of(bytes, sizeof bytes));
        assert_int_equal(t->reports_used, sizes[i].anomaly != ANOMALY_NONE);
        if (t->reports_used)
            assert_int_equal(t->reports[0].anomaly, sizes[i].anomaly);
        talk_close(t);
    }
}

/* The server closes: while it owes an answer that is worth a word, else it is not. */
static void ends(void **state)
{
    (void)state;
    for (size_t lines = 0; lines <= 8; lines++) {
        struct talk *t = talk_open(&cql_decoder);
        say(t, dialogue_named(&spoken, "session"), lines);
        talk_clear_findings(t, 0);
        cql_decoder.end(t->state, FROM_SERVER, true, &t->findings);
        assert_int_equal(t->findings.reports_used, lines % 2);
        if (lines % 2)
            assert_int_equal(t->findings.reports[0].anomaly, D(CLOSED));
        talk_close(t);
    }
}

/* TLS from the first byte: answered in TLS, or not. */
static void tls_from_the_first_byte(void **state)
{
    (void)state;
    static const char hello[] = "16 0301 0004 01000000";
    struct talk *t = talk_open(&cql_decoder);
    talk_hex(t, FROM_CLIENT, hello);
    talk_hex(t, FROM_SERVER, "16 0303 0004 02000000");
    assert_int_equal(t->verdict, VERDICT_TLS);
    talk_expect_silence(t);
    talk_close(t);
    t = talk_open(&cql_decoder);
    talk_hex(t, FROM_CLIENT, hello);
    talk_hex(t, FROM_SERVER, "85000000 00 00000010 0000000a 000a 'Invalid or'");
    assert_non_null(talk_find(t, D(TLS_UNANSWERED)));
    talk_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found), cmocka_unit_test(sizes_before_and_after_the_login),
        cmocka_unit_test(ends), cmocka_unit_test(tls_from_the_first_byte),
    };
    return cmocka_run_group_tests_name("cql damage", tests, NULL, NULL);
}
