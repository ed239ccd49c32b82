/* Memcached's binary protocol: the shape of every opcode, damaged requests and responses, SASL. */
#include "memcached_dialogues.h"

#define TAIL "00000007 0000000000000000"

static const struct damage binary_damage[] = {
    {"text", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_MAGIC, FIELD_MEMCACHED_MAGIC, 0, "'get a' 0d0a", "80 0a 0000 00 00 0000 00000000 " TAIL},
    {"a response", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_MAGIC, FIELD_MEMCACHED_MAGIC, 0, "81 0a 0000 00 00 0000 00000000 " TAIL, NULL},
    {"opcode 1b", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_OPCODE, FIELD_MEMCACHED_OPCODE, 1, "80 1b 0000 00 00 0000 00000000 " TAIL, "80 0b 0000 00 00 0000 00000000 " TAIL},
    {"opcode 25", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_OPCODE, FIELD_MEMCACHED_OPCODE, 1, "80 25 0000 00 00 0000 00000000 " TAIL, NULL},
    {"key beyond the body", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_BODY_OVERRUN, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 00 0004 00 00 0000 00000003 " TAIL " 'key'", "80 00 0003 00 00 0000 00000003 " TAIL " 'key'"},
    {"append: body below the key", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_BODY_OVERRUN, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 0e 00fa 00 00 0000 00000000 " TAIL, "80 0e 0001 00 00 0000 00000001 " TAIL " 'a'"},
    {"set: body below key and extras", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_BODY_OVERRUN, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 01 0003 08 00 0000 0000000a " TAIL, "80 01 0003 08 00 0000 0000000b " TAIL " 00000000 00000000 'key'"},
    {"a key of 251", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY_LENGTH, 2, "80 00 00fb 00 00 0000 000000fb " TAIL, NULL},
    {"extras of 21", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_EXTRAS_OVERFLOW, FIELD_MEMCACHED_EXTRAS_LENGTH, 4, "80 05 0001 15 00 0000 00000016 " TAIL " 0000000000000000 0000000000000000 00000000 00 'a'", "80 05 0001 14 00 0000 00000015 " TAIL " 0000000000000000 0000000000000000 00000000 'a'"},
    {"set without extras", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_EXTRAS_LENGTH, FIELD_MEMCACHED_EXTRAS_LENGTH, 4, "80 01 0003 00 00 0000 00000003 " TAIL " 'key'", NULL},
    {"flush with extras of 2", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_EXTRAS_LENGTH, FIELD_MEMCACHED_EXTRAS_LENGTH, 4, "80 08 0000 02 00 0000 00000002 " TAIL " 0000", "80 08 0000 00 00 0000 00000000 " TAIL},
    {"touch without extras", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_EXTRAS_LENGTH, FIELD_MEMCACHED_EXTRAS_LENGTH, 4, "80 1c 0003 00 00 0000 00000003 " TAIL " 'key'", "80 1c 0003 04 00 0000 00000007 " TAIL " 00000000 'key'"},
    {"get without a key", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_MISSING, FIELD_MEMCACHED_KEY_LENGTH, 2, "80 00 0000 00 00 0000 00000000 " TAIL, "80 10 0000 00 00 0000 00000000 " TAIL},
    {"noop with a key", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_UNEXPECTED, FIELD_MEMCACHED_KEY_LENGTH, 2, "80 0a 0001 00 00 0000 00000001 " TAIL " 'a'", NULL},
    {"quit with a key", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_UNEXPECTED, FIELD_MEMCACHED_KEY_LENGTH, 2, "80 07 0001 00 00 0000 00000001 " TAIL " 'a'", "80 07 0000 00 00 0000 00000000 " TAIL},
    {"get with a value", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_UNEXPECTED, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 00 0003 00 00 0000 00000004 " TAIL " 'key' 'v'", "80 0e 0003 00 00 0000 00000004 " TAIL " 'key' 'v'"},
    {"noop with a body", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_UNEXPECTED, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 0a 0000 00 00 0000 00000001 " TAIL " 00", NULL},
    {"increment with a value", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_UNEXPECTED, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 05 0001 14 00 0000 00000016 " TAIL " 0000000000000000 0000000000000000 00000000 'ab'", NULL},
    {"a body of 1 GB and a byte", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 01 0003 08 00 0000 40000001 " TAIL " 00000000 00000000 'key'", "80 01 0003 08 00 0000 40000000 " TAIL " 00000000 00000000 'key'"},
    {"a body with the high bit", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 19 0003 00 00 0000 fffffff0 " TAIL " 'key'", NULL},
    {"touch with a value", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_BODY_IGNORED, FIELD_MEMCACHED_BODY_LENGTH, 8, "80 1c 0003 04 00 0000 00000009 " TAIL " 00000000 'key'", "80 1c 0003 04 00 0000 00000007 " TAIL " 00000000 'key'"},
    {"a data type", "binary", 2, FROM_CLIENT, ANOMALY_MEMCACHED_DATA_TYPE, FIELD_MEMCACHED_DATA_TYPE, 5, "80 0a 0000 00 01 0000 00000000 " TAIL, "80 0a 0000 00 00 0001 00000000 " TAIL},
    {"a SASL step first", "sasl", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SASL_STEP, FIELD_MEMCACHED_OPCODE, 1, "80 22 0005 00 00 0000 00000005 " TAIL " 'PLAIN'", "80 21 0005 00 00 0000 00000005 " TAIL " 'PLAIN'"},
    {"after quit", "binary", 14, FROM_CLIENT, ANOMALY_MEMCACHED_AFTER_QUIT, FIELD_DB_MESSAGE, 0, "80 0a 0000 00 00 0000 00000000 " TAIL, "80 07 0000 00 00 0000 00000000 " TAIL},
    {"a response of text", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_RESPONSE_MAGIC, FIELD_MEMCACHED_MAGIC, 0, "'END' 0d0a", "81 00 0000 00 00 0001 00000000 " TAIL},
    {"a response whose key is too long", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_RESPONSE_LENGTH, FIELD_MEMCACHED_BODY_LENGTH, 8, "81 00 0004 04 00 0000 00000007 " TAIL, "81 00 0004 04 00 0000 00000008 " TAIL " 00000000 00000000"},
    {"a response of 1 GB", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_RESPONSE_LENGTH, FIELD_MEMCACHED_BODY_LENGTH, 8, "81 00 0000 04 00 0000 80000000 " TAIL, NULL},
    {"a response to nothing", "binary", 2, FROM_SERVER, ANOMALY_MEMCACHED_UNREQUESTED_ANSWER, FIELD_DB_MESSAGE, 0, "81 00 0000 00 00 0001 00000000 " TAIL, NULL},
    {"the server does not know the opcode", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_REJECTED, FIELD_MEMCACHED_STATUS, 6, "81 00 0000 00 00 0081 00000000 " TAIL, "81 00 0000 00 00 0082 00000000 " TAIL},
    {"the server refuses the form", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_REJECTED, FIELD_MEMCACHED_STATUS, 6, "81 00 0000 00 00 0004 00000000 " TAIL, "81 00 0000 00 00 0020 00000000 " TAIL},
    {"the server refuses a value", "binary", 3, FROM_SERVER, ANOMALY_MEMCACHED_ITEM_REFUSED, FIELD_MEMCACHED_STATUS, 6, "81 00 0000 00 00 0003 00000000 " TAIL, NULL},
};

static void requests_and_responses_are_judged(void **state)
{
    (void)state;
    run_damage(&spoken, binary_damage, sizeof binary_damage / sizeof binary_damage[0]);
}

/* Legal extras (two ways), key (n: none, k: needed, f: free) and value (n: none, f: free, i: not looked at). */
static const struct shape {
    uint8_t opcode, extras, extras_too;
    char key, value;
} shapes[] = {
    {0x00, 0, 0, 'k', 'n'}, {0x01, 8, 8, 'k', 'f'}, {0x02, 8, 8, 'k', 'f'}, {0x03, 8, 8, 'k', 'f'}, {0x04, 0, 0, 'k', 'n'}, {0x05, 20, 20, 'k', 'n'},
    {0x06, 20, 20, 'k', 'n'}, {0x07, 0, 0, 'n', 'n'}, {0x08, 0, 4, 'n', 'n'}, {0x09, 0, 0, 'k', 'n'}, {0x0a, 0, 0, 'n', 'n'}, {0x0b, 0, 0, 'n', 'n'},
    {0x0c, 0, 0, 'k', 'n'}, {0x0d, 0, 0, 'k', 'n'}, {0x0e, 0, 0, 'k', 'f'}, {0x0f, 0, 0, 'k', 'f'}, {0x10, 0, 0, 'f', 'i'}, {0x11, 8, 8, 'k', 'f'},
    {0x12, 8, 8, 'k', 'f'}, {0x13, 8, 8, 'k', 'f'}, {0x14, 0, 0, 'k', 'n'}, {0x15, 20, 20, 'k', 'n'}, {0x16, 20, 20, 'k', 'n'}, {0x17, 0, 0, 'n', 'n'},
    {0x18, 0, 4, 'n', 'n'}, {0x19, 0, 0, 'k', 'f'}, {0x1a, 0, 0, 'k', 'f'}, {0x1c, 4, 4, 'k', 'i'}, {0x1d, 4, 4, 'k', 'i'}, {0x1e, 4, 4, 'k', 'i'},
    {0x20, 0, 0, 'n', 'n'}, {0x21, 0, 0, 'k', 'f'}, {0x22, 0, 0, 'k', 'f'}, {0x23, 4, 4, 'k', 'i'}, {0x24, 4, 4, 'k', 'i'},
};

static bool is_legal(unsigned opcode, unsigned extras, unsigned key, unsigned value)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *s = &shapes[i];
        if (s->opcode != opcode)
            continue;
        bool key_fits = s->key == 'f' || (s->key == 'k') == (key > 0);
        return (extras == s->extras || extras == s->extras_too) && key_fits && key <= 250 && (!value || s->value != 'n');
    }
    return false;
}

/* Every opcode with every kind of body: flagged when and only when the server refuses it. */
static void the_shape_of_every_opcode(void **state)
{
    (void)state;
    static const unsigned keys[] = {0, 1, 250, 251}, values[] = {0, 1, 300}, extras[] = {0, 2, 4, 8, 19, 20, 21};
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned i = 0; i < 4 * 3 * 7; i++) {
            unsigned key = keys[i % 4], value = values[i / 4 % 3], extra = extras[i / 12];
            uint8_t request[24 + 21 + 251 + 300] = {0x80, (uint8_t)opcode, 0, (uint8_t)key, (uint8_t)extra};
            unsigned body = key + value + extra;
            request[10] = (uint8_t)(body >> 8);
            request[11] = (uint8_t)body;
            struct talk *t = talk_open(&memcached_decoder);
            memcached_decoder.message(t->state, FROM_CLIENT, cursor_over(view_of("\x80\x21\0\5\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0PLAIN", 29)),
                                      (talk_clear_findings(t, 29), &t->findings));
            talk(t, FROM_CLIENT, view_of(request, 24 + body));
            bool flagged = false;
            for (unsigned k = 0; k < t->reports_used; k++)
                flagged |= anomaly_row((enum anomaly)t->reports[k].anomaly)->severity < 4;
            bool ignored = value && is_legal(opcode, extra, key, value) && t->messages > 1; /* the value is the next request, and none */
            if (flagged == is_legal(opcode, extra, key, value) && !ignored)
                fail_msg("opcode %02x extras %u key %u value %u: %s", opcode, extra, key, value, flagged ? "flagged" : "silent");
            talk_close(t);
        }
    }
}

static void quiet_gets_of_one_key(void **state)
{
    (void)state;
    static const uint8_t getq[] = "\x80\x09\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0key";
    for (unsigned times = 60000; times <= 60001; times++) {
        struct talk *t = talk_open(&memcached_decoder);
        for (unsigned i = 0; i < times; i++) {
            talk_clear_findings(t, 27);
            memcached_decoder.message(t->state, FROM_CLIENT, cursor_over(view_of(getq, 27)), &t->findings);
            talk_keep(t);
        }
        assert_int_equal(talk_find(t, ANOMALY_MEMCACHED_KEY_REPEATED) != NULL, times > 60000);
        talk_close(t);
    }
}

static void a_login_by_sasl(void **state)
{
    (void)state;
    struct talk *t = talk_open(&memcached_decoder);
    say(t, dialogue_named(&spoken, "sasl"), 3);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_true(t->findings.secret);
    say(t, &(struct dialogue){"rest", sasl_lines + 3, 1, false, 0}, 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_memory_equal(t->session.user, "app", 3);
    assert_int_equal(t->session.user_length, 3);
    talk_expect_silence(t);
    talk_close(t);

    t = talk_after(&spoken, "sasl", 3);
    talk_hex(t, FROM_SERVER, "81 21 0000 00 00 0020 00000000 " TAIL);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 1);
    talk_expect_silence(t);
    talk_hex(t, FROM_CLIENT, "80 21 0005 00 00 0000 00000005 " TAIL " 'PLAIN'");
    talk_hex(t, FROM_SERVER, "81 21 0000 00 00 0000 00000000 " TAIL);
    assert_non_null(talk_find(t, ANOMALY_MEMCACHED_SASL_RETRY));
    talk_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_responses_are_judged), cmocka_unit_test(the_shape_of_every_opcode),
        cmocka_unit_test(quiet_gets_of_one_key),             cmocka_unit_test(a_login_by_sasl),
    };
    return cmocka_run_group_tests_name("memcached binary", tests, NULL, NULL);
}
