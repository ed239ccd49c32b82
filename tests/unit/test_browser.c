/* SQL Server Browser over UDP 1434: each question and answer with its neighbours, damage in blocks of exactly their size, what is learned. */
#include "check.h"
#include "proto/dialogue.h"

static struct report last;
static unsigned reports;

static void take_message(void *context, const struct message *message)
{
    const struct findings *f = message->findings;
    (void)context;
    assert_true(message->datagram);
    reports += f->reports_used;
    if (f->reports_used)
        last = f->reports[0];
    for (unsigned i = 0; i < f->fields_used; i++)
        assert_true(f->fields[i].offset <= message->head.length && f->fields[i].length <= message->head.length - f->fields[i].offset);
}

static bool wants(void *context, enum protocol protocol, enum side from)
{
    (void)context, (void)from;
    return protocol == PROTOCOL_TDS;
}

static struct arena arena;
static struct dialogue *dialogue;
static struct counters counters;

static int open_it(void **state)
{
    (void)state;
    struct error why;
    const struct message_sink sink = {.message = take_message, .wants = wants};
    const struct dialogue_options options = {.conversations = 4, .message_buffers = 4, .note_blocks = 4, .inflaters = 1, .servers = 16};
    return arena_open(&arena, 8 << 20, &why) && (dialogue = dialogue_open(&arena, &options, &sink, &counters)) ? 0 : -1;
}

static int close_it(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static uint16_t client_port;

static void say(enum side from, struct view bytes, size_t length)
{
    struct flow flow = {.client = {{[15] = 1}, client_port}, .server = {{[15] = 2}, 1434}, .id = 1};
    const struct segment where = {.ticket = 1, .packet_number = 1};
    uint8_t *exact = malloc(bytes.length ? bytes.length : 1);
    memcpy(exact, bytes.bytes, bytes.length);
    dialogue_datagram(dialogue, &flow, from, view_of(exact, bytes.length), length, &where);
    free(exact);
}

static const struct {
    const char *question, *answer; /* one of them is NULL; an answer follows a question about everything unless it says more */
    enum anomaly anomaly;
    enum field field;
    uint32_t offset;
} rows[] = {
    {"02", NULL, ANOMALY_NONE, FIELD_NONE, 0},
    {"03", NULL, ANOMALY_NONE, FIELD_NONE, 0},
    {"02 00", NULL, ANOMALY_TDS_BROWSER_LENGTH, FIELD_DB_LENGTH, 1},
    {"03 'x'", NULL, ANOMALY_TDS_BROWSER_LENGTH, FIELD_DB_LENGTH, 1},
    {"04 'MSSQL' 00", NULL, ANOMALY_NONE, FIELD_NONE, 0},
    {"04 'MSSQL'", NULL, ANOMALY_TDS_BROWSER_TERMINATOR, FIELD_TDS_BROWSER_INSTANCE, 6},
    {"04 'MSSQL' 00 'x'", NULL, ANOMALY_TDS_BROWSER_LENGTH, FIELD_DB_LENGTH, 7},
    {"04 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' 00", NULL, ANOMALY_NONE, FIELD_NONE, 0},
    {"04 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' 00", NULL, ANOMALY_TDS_BROWSER_NAME, FIELD_TDS_BROWSER_INSTANCE, 1},
    {"0f 01 'MSSQL' 00", NULL, ANOMALY_NONE, FIELD_NONE, 0},
    {"0f 02 'MSSQL' 00", NULL, ANOMALY_TDS_BROWSER_REQUEST, FIELD_TDS_BROWSER_TYPE, 1},
    {"0a", NULL, ANOMALY_TDS_BROWSER_REQUEST, FIELD_TDS_BROWSER_TYPE, 0},
    {"08 'AAAA:999999999999'", NULL, ANOMALY_TDS_BROWSER_REQUEST, FIELD_TDS_BROWSER_TYPE, 0},
    {NULL, "05 0c00 'a;tcp;1433;'  3b", ANOMALY_NONE, FIELD_NONE, 0},
    {NULL, "05 0a00 'a;tcp;1433;'  3b", ANOMALY_TDS_BROWSER_SIZE, FIELD_TDS_BROWSER_SIZE, 1},
    {NULL, "05 0b00 'a;tcp;1433;'  3b", ANOMALY_TDS_BROWSER_SIZE, FIELD_TDS_BROWSER_SIZE, 1},
    {NULL, "05 0600 01 9a05", ANOMALY_NONE, FIELD_NONE, 0},
    {NULL, "05", ANOMALY_TDS_BROWSER_SIZE, FIELD_TDS_BROWSER_SIZE, 1},
    {NULL, "06 0000", ANOMALY_TDS_BROWSER_RESPONSE, FIELD_TDS_BROWSER_TYPE, 0},
};

static void questions_and_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view bytes = hex(rows[i].question ? rows[i].question : rows[i].answer);
        client_port = (uint16_t)(40000 + i);
        reports = 0;
        if (rows[i].answer)
            say(FROM_CLIENT, view_of("\3", 1), 1);
        say(rows[i].answer ? FROM_SERVER : FROM_CLIENT, bytes, bytes.length);
        if (reports != (rows[i].anomaly != ANOMALY_NONE))
            fail_msg("row %zu: %u reports", i, reports);
        if (reports) {
            assert_int_equal(last.anomaly, rows[i].anomaly);
            assert_int_equal(last.field, rows[i].field);
            assert_int_equal(last.offset, rows[i].offset);
        }
        hex_free(bytes);
    }
}

/* 376 bytes: the question about one instance, and what overwrote the stack. */
static void the_worm(void **state)
{
    (void)state;
    uint8_t worm[376];
    memset(worm, 1, sizeof worm);
    worm[0] = 4;
    client_port = 41000;
    reports = 0;
    say(FROM_CLIENT, view_of(worm, sizeof worm), sizeof worm);
    assert_int_equal(reports, 1);
    assert_int_equal(last.anomaly, ANOMALY_TDS_BROWSER_NAME);
    assert_int_equal(last.got, 375);
    assert_int_equal(last.expected, 32);
}

static void answers_about_one_instance_are_short(void **state)
{
    (void)state;
    static uint8_t answer[3 + 1025] = {5, 0x00, 0x04};
    client_port = 41001;
    reports = 0;
    say(FROM_CLIENT, view_of("\4A", 3), 3);
    say(FROM_SERVER, view_of(answer, 3 + 1024), 3 + 1024);
    assert_int_equal(reports, 0);
    say(FROM_CLIENT, view_of("\4A", 3), 3);
    answer[1] = 1;
    say(FROM_SERVER, view_of(answer, 3 + 1025), 3 + 1025);
    assert_int_equal(reports, 1);
    assert_int_equal(last.anomaly, ANOMALY_TDS_BROWSER_SIZE);
}

/* Who never asked may have asked everybody; who asked once is answered once. */
static void answers_that_nobody_asked_for(void **state)
{
    (void)state;
    struct view answer = hex("05 0200 'a;'");
    client_port = 41002;
    reports = 0;
    say(FROM_SERVER, answer, answer.length);
    say(FROM_CLIENT, view_of("\3", 1), 1);
    say(FROM_SERVER, answer, answer.length);
    assert_int_equal(reports, 0);
    say(FROM_SERVER, answer, answer.length);
    assert_int_equal(reports, 1);
    assert_int_equal(last.anomaly, ANOMALY_TDS_BROWSER_UNASKED);
    hex_free(answer);
}

static void instances_are_learned(void **state)
{
    (void)state;
    struct endpoint instance = {{[15] = 2}, 50123};
    struct view answer = hex("05 2600 'ServerName;A;InstanceName;B;tcp;50123;'");
    client_port = 41003;
    assert_int_equal(directory_ask(dialogue->directory, 0, &instance, 0), PROTOCOL_NONE);
    say(FROM_SERVER, answer, answer.length); /* nobody asked: not believed */
    assert_int_equal(directory_ask(dialogue->directory, 0, &instance, 0), PROTOCOL_NONE);
    say(FROM_CLIENT, view_of("\3", 1), 1);
    say(FROM_SERVER, answer, answer.length);
    assert_int_equal(directory_ask(dialogue->directory, 0, &instance, 0), PROTOCOL_TDS);
    hex_free(answer);
}

static void damage_is_borne(void **state)
{
    (void)state;
    client_port = 41004;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view seed = hex(rows[i].question ? rows[i].question : rows[i].answer);
        uint8_t *bytes = (uint8_t *)(uintptr_t)seed.bytes;
        for (unsigned from = FROM_CLIENT; from <= FROM_SERVER; from++) {
            for (size_t length = 0; length <= seed.length; length++) {
                say((enum side)from, view_head(seed, length), length);
                say((enum side)from, view_head(seed, length), seed.length); /* the capture cut it */
            }
            for (size_t at = 0; at < seed.length; at++)
                for (unsigned value = 1; value < 256; value++) {
                    bytes[at] ^= (uint8_t)value;
                    say((enum side)from, seed, seed.length);
                    bytes[at] ^= (uint8_t)value;
                }
        }
        hex_free(seed);
    }
}

/* A capture that cut a datagram says nothing wrong of what it did not see. */
static void cut_is_not_wrong(void **state)
{
    (void)state;
    client_port = 41005;
    reports = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view seed = hex(rows[i].question ? rows[i].question : rows[i].answer);
        for (size_t length = 0; rows[i].anomaly == ANOMALY_NONE && rows[i].question && length < seed.length; length++)
            say(FROM_CLIENT, view_head(seed, length), seed.length);
        hex_free(seed);
    }
    assert_int_equal(reports, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_and_answers), cmocka_unit_test(the_worm), cmocka_unit_test(answers_about_one_instance_are_short),
        cmocka_unit_test(answers_that_nobody_asked_for), cmocka_unit_test(instances_are_learned), cmocka_unit_test(damage_is_borne),
        cmocka_unit_test(cut_is_not_wrong),
    };
    return cmocka_run_group_tests_name("browser", tests, open_it, close_it);
}
