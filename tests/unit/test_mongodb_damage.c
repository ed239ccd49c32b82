/* MongoDB: bounds on both sides, requests and replies, logins, what servers and clients say of themselves, secrets, compression.
 * The tables of single defects are in tools/damage/mongodb.py. */
#include "mongodb_dialogues.h"

/* After these bytes of one side: this anomaly, or none. */
static void expect(const char *name, struct talk *t, enum side from, struct view bytes, enum anomaly anomaly)
{
    talk_forget(t);
    talk(t, from, bytes);
    if (anomaly == ANOMALY_NONE && t->reports_used)
        fail_msg("%s: %s", name, anomaly_row((enum anomaly)t->reports[0].anomaly)->name);
    if (anomaly != ANOMALY_NONE && (t->reports_used != 1 || t->reports[0].anomaly != anomaly))
        fail_msg("%s: %s", name, t->reports_used ? anomaly_row((enum anomaly)t->reports[0].anomaly)->name : "silent");
}

static void expect_once(const char *name, const char *dialogue, size_t lines, enum side from, struct view bytes, enum anomaly anomaly)
{
    struct talk *t = talk_after(&spoken, dialogue, lines);
    expect(name, t, from, bytes, anomaly);
    talk_close(t);
}

/* A message with this length in its header and these bytes of it. */
static struct view headed(uint32_t length, uint32_t opcode, uint32_t document)
{
    size_t at = build_begin(9, 0, opcode);
    build_number(0, 4);
    build_byte(0);
    build_number(document, 4);
    build_byte(BSON_BINARY);
    build_bytes("a", 2);
    build_number(document - 13, 4);
    build_byte(0);
    while (build_used - at < MESSAGE_BYTES_MAX)
        build_byte('x');
    build_put(at, length);
    return view_of(build_memory + at, build_used - at);
}

static struct view nested(unsigned levels)
{
    size_t at = build_begin(9, 0, OP_MSG);
    build_number(0, 4);
    build_byte(0);
    for (unsigned i = 0; i <= levels; i++) {
        build_number((levels - i) * 8 + 5, 4);
        if (i < levels)
            build_bytes("\x03" "a", 3);
    }
    for (unsigned i = 0; i <= levels; i++)
        build_byte(0);
    return build_end(at);
}

static struct view sequences(unsigned count)
{
    static const char *const names[] = {"a", "b", "c"};
    size_t at = build_begin(9, 0, OP_MSG);
    build_number(0, 4);
    build_byte(0);
    build_document("{bulkWrite: 1, $db: 'admin'}");
    for (unsigned i = 0; i < count; i++)
        build_sequence(names[i], "{x: 1}{x: 2}");
    return build_end(at);
}

static struct view described(size_t application, size_t platform)
{
    static char text[4096];
    snprintf(text, sizeof text, "{hello: 1, client: {application: {name: '%.*s'}, platform: '%.*s'}, $db: 'admin'}", (int)application,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             0, "");
    if (platform) {
        char *end = strstr(text, "platform: '") + 11;
        memset(end, 'p', platform);
        strcpy(end + platform, "'}, $db: 'admin'}");
    }
    return build_msg_from(9, 0, 0, text);
}

/* Its document "client" is this long: 5 around, 19 + name of the application, 14 of the platform. */
static struct view described_in(uint32_t length)
{
    struct view made = described(1, 10);
    uint32_t is = 0;
    for (size_t i = 0; i + 12 < made.length; i++)
        if (memcmp(made.bytes + i, "\x03" "client", 8) == 0)
            memcpy(&is, made.bytes + i + 8, 4);
    return described(1, 10 + length - is);
}

static void bounds_on_both_sides(void **state)
{
    (void)state;
    struct frame frame = {0};
    struct talk *t = talk_after(&spoken, "commands", 2);
    static const struct {
        uint32_t length;
        bool good;
    } lengths[] = {{0, false}, {15, false}, {16, true}, {17, true}, {48000000, true}, {48000001, false}, {UINT32_MAX, false}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct view bytes = headed(lengths[i].length, OP_MSG, 100);
        assert_int_equal(mongodb_decoder.frame(t->state, FROM_CLIENT, cursor_over(bytes), &frame), FRAME_READY);
        assert_int_equal(frame.total, lengths[i].good ? lengths[i].length : 16);
        talk_close(t);
        t = talk_after(&spoken, "commands", 2);
        talk(t, FROM_CLIENT, view_head(bytes, (size_t)frame.wanted));
        if ((talk_find(t, ANOMALY_MONGODB_LENGTH) == NULL) != lengths[i].good)
            fail_msg("length %u", lengths[i].length);
    }
    talk_close(t);
    expect_once("16 MiB and 16 KiB", "commands", 2, FROM_CLIENT, headed(16793600 + 21, OP_MSG, 16793600), ANOMALY_NONE);
    expect_once("a byte more", "commands", 2, FROM_CLIENT, headed(16793601 + 21, OP_MSG, 16793601), ANOMALY_MONGODB_BSON_LARGE);
    expect_once("200 levels", "commands", 2, FROM_CLIENT, nested(200), ANOMALY_NONE);
    expect_once("201 levels", "commands", 2, FROM_CLIENT, nested(201), ANOMALY_MONGODB_BSON_DEPTH);
    expect_once("two sequences", "commands", 2, FROM_CLIENT, sequences(2), ANOMALY_NONE);
    expect_once("three sequences", "commands", 2, FROM_CLIENT, sequences(3), ANOMALY_MONGODB_SEQUENCES_MANY);
    expect_once("an application of 128 bytes", "commands", 0, FROM_CLIENT, described(128, 0), ANOMALY_NONE);
    expect_once("an application of 129 bytes", "commands", 0, FROM_CLIENT, described(129, 0), ANOMALY_MONGODB_CLIENT_METADATA);
    expect_once("a description of 1,024 bytes", "commands", 0, FROM_CLIENT, described_in(1024), ANOMALY_NONE);
    expect_once("a description of 1,025 bytes", "commands", 0, FROM_CLIENT, described_in(1025), ANOMALY_MONGODB_CLIENT_METADATA);
    expect_once("a checksum", "commands", 2, FROM_CLIENT, build_checksum(build_msg_from(9, 0, 1, "{ping: 1}"), 0), ANOMALY_NONE);
    expect_once("a checksum that is wrong", "commands", 2, FROM_CLIENT, build_checksum(build_msg_from(9, 0, 1, "{ping: 1}"), 1), ANOMALY_MONGODB_CHECKSUM);
    for (unsigned bit = 0; bit < 32; bit++) {
        bool good = bit == 1 || bit >= 16;
        if (bit != 0)
            expect_once("a flag", "commands", 2, FROM_CLIENT, build_msg_from(9, 0, UINT32_C(1) << bit, "{ping: 1}"), good ? ANOMALY_NONE : ANOMALY_MONGODB_FLAGS);
    }
}

/* A server that announces less: the bound is its own. */
static void announced_limits(void **state)
{
    (void)state;
    static char text[3000];
    for (unsigned more = 0; more < 2; more++) {
        struct talk *t = talk_open(&mongodb_decoder);
        talk(t, FROM_CLIENT, build_msg_from(1, 0, 0, "{hello: 1}"));
        talk(t, FROM_SERVER, build_msg_from(100, 1, 0, "{maxMessageSizeBytes: 2000, maxBsonObjectSize: 1000, ok: 1.0}"));
        memset(text, 'x', sizeof text);
        memcpy(text, "{insert: 'a', b: '", 18);
        strcpy(text + 18 + 1952 + more, "'}");
        struct view message = build_msg_from(2, 0, 0, text);
        assert_int_equal(message.length, 2000 + more);
        expect("announced", t, FROM_CLIENT, message, more ? ANOMALY_MONGODB_MESSAGE_LARGE : ANOMALY_NONE);
        talk_close(t);
    }
}

static void requests_and_replies(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "commands", 2);
    struct view find = build_msg_from(50, 0, 0, "{find: 'a', $db: 'b'}"), other = build_msg_from(51, 0, 0, "{count: 'a', $db: 'b'}");
    talk(t, FROM_CLIENT, find);
    talk(t, FROM_CLIENT, other);
    expect("the first", t, FROM_SERVER, build_msg_from(200, 50, 0, "{ok: 1.0}"), ANOMALY_NONE);
    expect("the second", t, FROM_SERVER, build_msg_from(201, 51, 0, "{ok: 1.0}"), ANOMALY_NONE);
    expect("one too many", t, FROM_SERVER, build_msg_from(202, 51, 0, "{ok: 1.0}"), ANOMALY_MONGODB_RESPONSE_UNKNOWN);
    expect("said once", t, FROM_SERVER, build_msg_from(203, 51, 0, "{ok: 1.0}"), ANOMALY_NONE);
    talk_close(t);
    t = talk_after(&spoken, "commands", 2);
    talk(t, FROM_CLIENT, build_msg_from(50, 0, 2, "{insert: 'a', $db: 'b'}"));
    expect("unwanted", t, FROM_SERVER, build_msg_from(200, 50, 0, "{ok: 1.0}"), ANOMALY_MONGODB_RESPONSE_UNWANTED);
    talk_close(t);
    t = talk_after(&spoken, "commands", 2);
    talk(t, FROM_CLIENT, find);
    expect("of another kind", t, FROM_SERVER, build_reply(200, 50, 0, 1, "{ok: 1.0}"), ANOMALY_MONGODB_RESPONSE_OPCODE);
    talk(t, FROM_CLIENT, other);
    expect("more to come", t, FROM_SERVER, build_msg_from(201, 51, 2, "{ok: 1.0}"), ANOMALY_MONGODB_MORE_UNASKED);
    talk_close(t);
    /* More requests than are tracked: nothing is said of their replies until one fits. */
    t = talk_after(&spoken, "commands", 2);
    for (uint32_t i = 0; i < 40; i++)
        talk(t, FROM_CLIENT, build_msg_from(1000 + i, 0, 0, "{ping: 1}"));
    for (uint32_t i = 0; i < 40; i++)
        expect("of many", t, FROM_SERVER, build_msg_from(2000 + i, 1000 + i, 0, "{ok: 1.0}"), ANOMALY_NONE);
    talk_close(t);
}

static void the_end_of_a_connection(void **state)
{
    (void)state;
    static const struct {
        const char *name, *request, *reply;
        uint32_t flags;
        bool bad;
    } ends[] = {
        {"a reply is owed", "{find: 'a', $db: 'b'}", NULL, 0, true},
        {"none is", "{find: 'a', $db: 'b'}", "{ok: 1.0}", 0, false},
        {"none is wanted", "{insert: 'a', $db: 'b'}", NULL, 2, false},
        {"after shutdown", "{shutdown: 1, $db: 'admin'}", NULL, 0, false},
        {"it waits for news", "{hello: 1, maxAwaitTimeMS: 10000, $db: 'admin'}", NULL, 0, false},
        {"many replies may come", "{hello: 1, $db: 'admin'}", NULL, 1 << 16, false},
        {"it waits for documents", "{getMore: 5L, collection: 'a', maxTimeMS: 1000, $db: 'b'}", NULL, 0, false},
        {"a cursor that does not wait", "{getMore: 5L, collection: 'a', $db: 'b'}", NULL, 0, true},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct talk *t = talk_after(&spoken, "commands", 2);
        talk(t, FROM_CLIENT, build_msg_from(9, 0, ends[i].flags, ends[i].request));
        if (ends[i].reply)
            talk(t, FROM_SERVER, build_msg_from(109, 9, 0, ends[i].reply));
        talk_clear_findings(t, 0);
        mongodb_decoder.end(t->state, FROM_SERVER, false, &t->findings);
        if ((t->findings.reports_used == 1) != ends[i].bad)
            fail_msg("%s", ends[i].name);
        talk_close(t);
    }
}

static void verdicts_of_the_server(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
        bool rejected;
    } rows[] = {
        {22, "x", true}, {15, "BSONObj exceeds maximum nested object depth: 200", true}, {15, "date overflow", false}, {17, "x", false}, {10334, "x", false},
        {40429, "x", true}, {40433, "x", true}, {40434, "x", false}, {40428, "x", false}, {40587, "x", true}, {223, "x", true}, {233, "x", true},
        {288, "x", true}, {18633, "x", true}, {59, "x", false}, {13, "x", false}, {11000, "x", false}, {2, "x", false}, {9, "x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        struct talk *t = talk_after(&spoken, "commands", 2);
        talk(t, FROM_CLIENT, build_msg_from(9, 0, 0, "{find: 'a', $db: 'b'}"));
        talk_forget(t);
        snprintf(text, sizeof text, "{ok: 0.0, errmsg: '%s', code: %d}", rows[i].text, rows[i].code);
        talk(t, FROM_SERVER, build_msg_from(109, 9, 0, text));
        assert_int_equal(t->facts.seen[FACT_ERROR], 1);
        if ((t->facts.seen[FACT_VERDICT] == 1) != rows[i].rejected || (talk_find(t, ANOMALY_MONGODB_REJECTED) != NULL) != rows[i].rejected)
            fail_msg("code %d", rows[i].code);
        talk_close(t);
    }
}

static bool is_hidden(const struct talk *t, const char *text, struct view message)
{
    size_t length = strlen(text);
    for (size_t at = 0; at + length <= message.length; at++) {
        if (memcmp(message.bytes + at, text, length) != 0)
            continue;
        for (unsigned i = 0; i < t->findings.fields_used; i++) {
            const struct field_value *f = &t->findings.fields[i];
            if (field_is_secret((enum field)f->field) && f->offset <= at && f->offset + f->length >= at + length)
                return true;
        }
        return false;
    }
    return true;
}

static void logins(void **state)
{
    (void)state;
    struct talk *t = talk_after(&spoken, "login", 2);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    const struct dialogue *login = dialogue_named(&spoken, "login");
    say_line(t, &login->lines[2]);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_true(view_equal(view_of(t->session.user, t->session.user_length), view_text("ann")));
    assert_true(view_equal(view_of(t->session.database, t->session.database_length), view_text("admin")));
    assert_true(is_hidden(t, "r=abcdef", line_take(&login->lines[2])));
    say_line(t, &login->lines[3]);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    say_line(t, &login->lines[4]);
    say_line(t, &login->lines[5]);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    talk_close(t);
    static const struct {
        const char *command, *user, *secret;
    } rows[] = {
        {"{saslStart: 1, mechanism: 'PLAIN', payload: x00'00616e6e00776f7264', $db: '$external'}", "ann", "word"},
        {"{saslStart: 1, mechanism: 'SCRAM-SHA-1', payload: x00'6e2c2c6e3d626f622c723d78797a', $db: 'admin'}", "bob", "xyz"},
        {"{authenticate: 1, mechanism: 'MONGODB-X509', user: 'CN=eve', $db: '$external'}", "CN=eve", "nothing"},
        {"{authenticate: 1, user: 'old', nonce: 'a1b2', key: 'c3d4', $db: 'admin'}", "old", "c3d4"},
        {"{hello: 1, speculativeAuthenticate: {saslStart: 1, mechanism: 'SCRAM-SHA-256', payload: x00'6e2c2c6e3d616d792c723d78797a', db: 'admin'}}", "amy", "xyz"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        t = talk_open(&mongodb_decoder);
        struct view message = build_msg_from(1, 0, 0, rows[i].command);
        talk(t, FROM_CLIENT, message);
        assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
        if (!view_equal(view_of(t->session.user, t->session.user_length), view_text(rows[i].user)) || !is_hidden(t, rows[i].secret, message))
            fail_msg("%s", rows[i].command);
        talk(t, FROM_SERVER, build_msg_from(2, 1, 0, "{ok: 0.0, errmsg: 'Authentication failed.', code: 18, codeName: 'AuthenticationFailed'}"));
        assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], strncmp(rows[i].command, "{hello", 6) != 0);
        assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 0);
        talk_close(t);
    }
    t = talk_open(&mongodb_decoder);
    struct view create = build_msg_from(1, 0, 0, "{createUser: 'bob', pwd: 'secret', $db: 'admin'}");
    talk(t, FROM_CLIENT, create);
    assert_true(is_hidden(t, "secret", create));
    talk_close(t);
}

static void what_they_say_of_themselves(void **state)
{
    (void)state;
    struct talk *t = talk_open(&mongodb_decoder);
    const struct dialogue *d = dialogue_named(&spoken, "commands");
    say_line(t, &d->lines[0]);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 1);
    say_line(t, &d->lines[1]);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->facts.seen[FACT_LIMIT], 1);
    assert_int_equal(t->findings.facts[t->findings.facts_used - 1].number, 42);
    assert_int_equal(t->session.compression, COMPRESSION_ZLIB);
    say_line(t, &d->lines[2]);
    say_line(t, &d->lines[3]);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 2);
    for (size_t i = 4; i < d->count; i++) {
        say_line(t, &d->lines[i]);
        for (unsigned k = 0; i == 7 && k < t->findings.facts_used; k++)
            if (t->findings.facts[k].kind == FACT_REPLY)
                assert_int_equal(t->findings.facts[k].number, 2); /* rows of find */
    }
    assert_int_equal(t->facts.seen[FACT_ERROR], 2);
    assert_int_equal(t->facts.seen[FACT_REQUEST], t->facts.seen[FACT_REPLY]);
    talk_close(t);
}

static void compression(void **state)
{
    (void)state;
    static char text[1 << 20];
    memset(text, 'a', sizeof text);
    memcpy(text, "{find: 'x', text: '", 19);
    strcpy(text + 50000, "', $db: 'y'}");
    struct view plain = build_msg_from(50, 0, 0, text);
    uint32_t body = (uint32_t)plain.length - 16;
    for (unsigned c = COMPRESSOR_NOOP; c <= COMPRESSOR_ZSTD; c++) {
        expect_once("the truth", "compressed", 2, FROM_CLIENT, build_compressed(plain, c, 0), ANOMALY_NONE);
        expect_once("one more", "compressed", 2, FROM_CLIENT, build_compressed(plain, c, body + 1), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
        expect_once("one less", "compressed", 2, FROM_CLIENT, build_compressed(plain, c, body - 1), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
        expect_once("the most", "compressed", 2, FROM_CLIENT, build_compressed(plain, c, 47999984), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
        expect_once("more than the most", "compressed", 2, FROM_CLIENT, build_compressed(plain, c, 47999985), ANOMALY_MONGODB_COMPRESSED_SIZE);
    }
    /* Bombs: what the bound does not reach is not opened, and said of once at most. */
    memset(text + 50000, 'a', sizeof text - 50000);
    memcpy(text + sizeof text - 14, "', $db: 'y'}\0", 14);
    struct view bomb = build_msg_from(51, 0, 0, text);
    expect_once("a bomb that says so", "compressed", 2, FROM_CLIENT, build_compressed(bomb, COMPRESSOR_ZLIB, 0), ANOMALY_NONE);
    expect_once("a bomb that lies", "compressed", 2, FROM_CLIENT, build_compressed(bomb, COMPRESSOR_ZLIB, 1000), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
    expect_once("a bomb that lies", "compressed", 2, FROM_CLIENT, build_compressed(bomb, COMPRESSOR_ZSTD, 1000), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
    expect_once("a bomb that lies", "compressed", 2, FROM_CLIENT, build_compressed(bomb, COMPRESSOR_SNAPPY, 1000), ANOMALY_MONGODB_COMPRESSED_DIFFERS);
    /* What it opens to is read as if it had come so. */
    expect_once("a defect inside", "compressed", 2, FROM_CLIENT, build_compressed(build_msg_from(52, 0, 4, "{ping: 1}"), COMPRESSOR_ZLIB, 0), ANOMALY_MONGODB_FLAGS);
    expect_once("a login inside", "compressed", 2, FROM_CLIENT, build_compressed(build_msg_from(53, 0, 0, "{saslStart: 1}"), COMPRESSOR_ZLIB, 0),
                ANOMALY_MONGODB_COMPRESSED_COMMAND);
    expect_once("a checksum inside", "compressed", 2, FROM_CLIENT, build_compressed(build_checksum(build_msg_from(54, 0, 1, "{ping: 1}"), 0), COMPRESSOR_ZLIB, 0),
                ANOMALY_NONE);
    expect_once("not agreed", "commands", 2, FROM_CLIENT, build_compressed(plain, COMPRESSOR_NOOP, 0), ANOMALY_MONGODB_COMPRESSOR_NOT_AGREED);
}

/* Every change of a byte in what a message opens to: as bad as in the open, and no worse. */
static void every_change_inside(void **state)
{
    (void)state;
    struct view plain = build_msg_from(50, 0, 0, "{find: 'x', a: {b: [1, 2L, {c: 'd'}]}, $db: 'y'}");
    uint8_t *changed = malloc(plain.length);
    struct talk *t = talk_after(&spoken, "compressed", 2), *before = talk_after(&spoken, "compressed", 2);
    memcpy(changed, plain.bytes, plain.length);
    for (size_t at = 16; at < plain.length; at++) {
        for (unsigned value = 1; value < 256; value++) {
            unsigned found[2];
            changed[at] = (uint8_t)(plain.bytes[at] ^ value);
            for (unsigned inside = 0; inside < 2; inside++) {
                size_t mark = build_used;
                struct view message = view_of(changed, plain.length);
                memcpy(t->state, before->state, sizeof t->state);
                t->session = before->session;
                talk_forget(t);
                talk(t, FROM_CLIENT, inside ? build_compressed(message, COMPRESSOR_SNAPPY, 0) : message);
                found[inside] = t->reports_used ? t->reports[0].anomaly : ANOMALY_NONE;
                build_used = mark;
            }
            assert_true(found[0] == found[1] || found[1] == ANOMALY_MONGODB_COMPRESSED_COMMAND);
        }
        changed[at] = plain.bytes[at];
    }
    free(changed);
    talk_close(before);
    talk_close(t);
}

static void tls_and_http(void **state)
{
    (void)state;
    struct talk *t = talk_open(&mongodb_decoder);
    struct view hello = hex("16 03 01 00 0c 01 00 00 08 03 03 00 00 00 00 00 00"), answer = hex("16 03 03 00 02 02 00"), query = hex("16 03 00 00 01000000 00000000 dd070000");
    assert_int_equal(mongodb_decoder.probe(FROM_CLIENT, cursor_over(hello)), MATCH_MAYBE);
    talk(t, FROM_CLIENT, hello);
    talk(t, FROM_SERVER, answer);
    assert_int_equal(t->verdict, VERDICT_TLS);
    assert_int_equal(t->facts.seen[FACT_TLS], 1);
    talk_expect_silence(t);
    talk_close(t);
    t = talk_open(&mongodb_decoder);
    struct frame frame = {0};
    assert_int_equal(mongodb_decoder.frame(t->state, FROM_CLIENT, cursor_over(query), &frame), FRAME_READY);
    assert_int_equal(frame.total, 790);
    talk_close(t);
    t = talk_after(&spoken, "commands", 2);
    expect("GET", t, FROM_CLIENT, view_text("GET / HTTP/1.1\r\nHost: db\r\n\r\n"), ANOMALY_MONGODB_HTTP);
    assert_int_equal(t->verdict, VERDICT_OPAQUE);
    talk_close(t);
    hex_free(hello);
    hex_free(answer);
    hex_free(query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_on_both_sides), cmocka_unit_test(announced_limits),      cmocka_unit_test(requests_and_replies),
        cmocka_unit_test(the_end_of_a_connection), cmocka_unit_test(verdicts_of_the_server), cmocka_unit_test(logins),
        cmocka_unit_test(what_they_say_of_themselves), cmocka_unit_test(compression),    cmocka_unit_test(every_change_inside),
        cmocka_unit_test(tls_and_http),
    };
    return cmocka_run_group_tests_name("mongodb damage", tests, make_dialogues, NULL);
}
