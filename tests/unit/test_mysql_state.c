/* What the decoder knows of a connection over time: sizes, splits, loss, TLS, compression, PROXY, the end, and the values
 * that it reads. */
#include "mysql_dialogue.h"

#include "model/field.h"

/* One packet with a declared length and whatever payload is at hand. */
static void send_header(struct talk *t, enum side from, uint32_t length, uint8_t sequence, size_t at_hand)
{
    uint8_t *bytes = calloc(1, 4 + at_hand);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    bytes[2] = (uint8_t)(length >> 16);
    bytes[3] = sequence;
    if (at_hand)
        bytes[4] = 0x03;
    talk(t, from, view_of(bytes, 4 + at_hand));
    free(bytes);
}

static const struct field_value *field_of(const struct talk *t, enum field field)
{
    for (unsigned i = 0; i < t->findings.fields_used; i++)
        if (t->findings.fields[i].field == field)
            return &t->findings.fields[i];
    return NULL;
}

static void expect_report(const struct talk *t, enum anomaly anomaly, uint64_t got, uint64_t expected)
{
    const struct report *found = talk_find(t, anomaly);
    assert_non_null(found);
    assert_int_equal(found->got, got);
    assert_int_equal(found->expected, expected);
}

/* From the header alone: nothing else of the message has arrived. */
static void oversize_before_the_bytes(void **state)
{
    (void)state;
    static const struct step greeted[] = {{'S', 0, GREETING_MARIADB}, {0, 0, NULL}};
    for (uint32_t length = 69631; length <= 69634; length++) {
        struct talk *t = talk_after(greeted, NULL);
        send_header(t, FROM_CLIENT, length, 1, 0);
        if (length > 69632)
            expect_report(t, ANOMALY_MYSQL_LOGIN_OVERSIZE, length, 69632);
        else
            talk_expect_silence(t);
        talk_close(t);
    }
    struct talk *t = talk_after(greeted, NULL);
    talk_hex(t, FROM_CLIENT, "'GET / HTTP/1.1' 0d0a0d0a");
    expect_report(t, ANOMALY_MYSQL_LOGIN_OVERSIZE, 0x544547, 69632);
    expect_report(t, ANOMALY_MYSQL_SEQUENCE, ' ', 1);
    assert_int_equal(t->verdict, VERDICT_BROKEN);
    talk_close(t);
}

static void attributes_and_passwords_oversize(void **state)
{
    (void)state;
    static const struct step greeted[] = {{'S', 0, GREETING_MARIADB}, {0, 0, NULL}};
    static const struct step clear[] = {{'C', 1, LOGIN_CLASSIC}, {'S', 2, "fe 'mysql_clear_password' 00"}, {0, 0, NULL}};
    struct view head = hex("30000101" LOGIN("05a21600", NO_EXTENDED) "'shop' 00 00 fd 000001");
    uint8_t *login = calloc(1, 4 + 0x10030);
    memcpy(login, head.bytes, head.length);
    struct talk *t = talk_after(greeted, NULL);
    talk(t, FROM_CLIENT, view_of(login, 4 + 0x10030));
    expect_report(t, ANOMALY_MYSQL_ATTRIBUTES_OVERSIZE, 0x10000, 65535);
    talk_close(t);
    hex_free(head);
    free(login);
    for (uint32_t length = 1023; length <= 1026; length++) {
        t = talk_after(greeted, clear);
        send_header(t, FROM_CLIENT, length, 3, length);
        if (length > 1024)
            expect_report(t, ANOMALY_MYSQL_AUTH_OVERSIZE, length, 1024);
        else
            talk_expect_silence(t);
        talk_close(t);
    }
    t = talk_after(classic, NULL);
    struct view dump = hex("0b020000 12 04000000 0000 07000000");
    uint8_t *named = malloc(4 + 0x20b);
    memset(named, 'b', 4 + 0x20b);
    memcpy(named, dump.bytes, dump.length);
    talk(t, FROM_CLIENT, view_of(named, 4 + 0x20b));
    expect_report(t, ANOMALY_MYSQL_BINLOG_FILENAME, 512, 511);
    talk_close(t);
    hex_free(dump);
    free(named);
}

/* A message of 64 full packets is 1 GiB less 64 bytes; the next packet may not be full. */
static void a_message_beyond_the_hard_maximum(void **state)
{
    (void)state;
    struct talk *t = talk_after(classic, NULL);
    send_header(t, FROM_CLIENT, 0xffffff, 0, MESSAGE_BYTES_MAX - 4);
    for (unsigned i = 1; i < 64; i++)
        send_header(t, FROM_CLIENT, 0xffffff, (uint8_t)i, 0);
    talk_expect_silence(t);
    send_header(t, FROM_CLIENT, 65, 64, 0);
    expect_report(t, ANOMALY_MYSQL_MESSAGE_OVERSIZE, (UINT64_C(1) << 30) + 1, UINT64_C(1) << 30);
    talk_close(t);
}

static void splits_count_on_and_end_empty(void **state)
{
    (void)state;
    struct talk *t = talk_after(classic, NULL);
    send_header(t, FROM_CLIENT, 0xffffff, 0, MESSAGE_BYTES_MAX - 4);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 0);
    send_header(t, FROM_CLIENT, 0, 1, 0);
    assert_int_equal(t->findings.message, MYSQL_CONTINUATION);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 1);
    static const struct step answer[] = {{'S', 2, "01"}, {'S', 3, COLUMN_TEXT}, {'S', 4, EOF_PACKET}, {0, 0, NULL}};
    play(t, answer);
    for (unsigned i = 0; i < 300; i++) /* a row of 300 packets: the numbers wrap */
        send_header(t, FROM_SERVER, 0xffffff, (uint8_t)(5 + i), i ? 0 : 4092);
    send_header(t, FROM_SERVER, 7, (uint8_t)(5 + 300), 0);
    static const struct step end[] = {{'S', (uint8_t)(5 + 301), EOF_PACKET}, {0, 0, NULL}};
    const struct report *oversize = talk_find(t, ANOMALY_MYSQL_MESSAGE_OVERSIZE);
    assert_non_null(oversize);
    talk_forget(t);
    play(t, end);
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_REPLY], 1);
    talk_close(t);
}

/* Values that go on in the next packet are not cut values; a clone is another protocol. */
static void what_is_not_seen_is_not_judged(void **state)
{
    (void)state;
    struct talk *t = talk_after(mysql8, prepared);
    struct view execute = hex("ffffff 00" EXECUTE("01000000") "01 01 0300 fc00 fe 0000000200000000");
    uint8_t *bytes = calloc(1, MESSAGE_BYTES_MAX);
    memcpy(bytes, execute.bytes, execute.length);
    talk(t, FROM_CLIENT, view_of(bytes, MESSAGE_BYTES_MAX));
    talk_expect_silence(t);
    assert_int_equal(t->messages, 1);
    talk_close(t);
    hex_free(execute);
    free(bytes);
    t = talk_after(mysql8, NULL);
    talk_hex(t, FROM_CLIENT, "010000 00 20");
    assert_int_equal(t->verdict, VERDICT_OPAQUE);
    expect_report(t, ANOMALY_ENGINE_UNSUPPORTED, 0x20, 0);
    assert_int_equal(talk_find(t, ANOMALY_ENGINE_UNSUPPORTED)->offset, 4);
    talk_close(t);
    t = talk_after(mysql8, NULL);
    talk_hex(t, FROM_CLIENT, "010000 00 0e");
    assert_int_equal(t->verdict, VERDICT_OK);
    assert_null(talk_find(t, ANOMALY_ENGINE_UNSUPPORTED));
    talk_close(t);
}

/* What the engine must hold of a large message is small. */
static void large_messages_cost_their_head(void **state)
{
    (void)state;
    static const struct step rows_due[] = {
        {'C', 0, "03 'select b from t'"}, {'S', 1, "01"}, {'S', 2, COLUMN_TEXT}, {'S', 3, EOF_PACKET}, {0, 0, NULL}};
    struct talk *t = talk_after(classic, rows_due);
    struct view head = hex("fcff00 04 fdf8ff00");
    struct frame frame;
    assert_int_equal(t->decoder->frame(t->state, FROM_SERVER, cursor_over(head), &frame), FRAME_READY);
    assert_int_equal(frame.total, 0xfffc + 4);
    assert_true(frame.wanted <= 4096);
    hex_free(head);
    talk_close(t);
}

static void values_are_read(void **state)
{
    (void)state;
    static const struct step greeted[] = {{'S', 0, GREETING_MARIADB}, {0, 0, NULL}};
    static const struct step login[] = {{'C', 1, LOGIN_ATTRIBUTES}, {0, 0, NULL}};
    struct talk *t = talk_after(greeted, NULL);
    play(t, login);
    const struct field_value *user = field_of(t, FIELD_MYSQL_USER), *response = field_of(t, FIELD_MYSQL_AUTH_RESPONSE);
    assert_int_equal(user->offset, 36);
    assert_int_equal(user->length, 4);
    assert_true(field_is_secret((enum field)response->field));
    assert_int_equal(response->length, 20);
    assert_int_equal(field_of(t, FIELD_MYSQL_CAPABILITIES)->value, 0x3ea20d);
    assert_int_equal(field_of(t, FIELD_MYSQL_ATTRIBUTE_NAME)->depth, 1);
    assert_int_equal(t->session.user_length, 4);
    assert_memory_equal(t->session.user, "shop", 4);
    assert_memory_equal(t->session.database, "stock", 5);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    static const struct step ok[] = {{'S', 2, OK}, {'C', 0, "03 'select 1'"}, {0, 0, NULL}};
    play(t, ok);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(field_of(t, FIELD_MYSQL_QUERY)->offset, 5);
    assert_int_equal(field_of(t, FIELD_MYSQL_QUERY)->length, 8);
    assert_int_equal(field_of(t, FIELD_MYSQL_COMMAND)->value, COM_QUERY);
    static const struct step error[] = {{'S', 1, ERROR_SYNTAX}, {0, 0, NULL}};
    play(t, error);
    assert_int_equal(field_of(t, FIELD_MYSQL_ERROR_CODE)->value, 1064);
    assert_int_equal(field_of(t, FIELD_MYSQL_SQL_STATE)->length, 5);
    assert_int_equal(t->facts.seen[FACT_ERROR], 1);
    assert_int_equal(t->facts.seen[FACT_VERDICT], 0);
    talk_close(t);
}

static void tls_begins_after_its_request(void **state)
{
    (void)state;
    struct talk *t = talk_open(&mysql_decoder);
    play_one(t, &(struct step){'S', 0, GREETING_MYSQL8});
    play_one(t, &(struct step){'C', 1, LOGIN("05aa0e00", NO_EXTENDED)});
    assert_int_equal(t->verdict, VERDICT_TLS);
    assert_true(t->session.tls);
    assert_int_equal(t->facts.seen[FACT_TLS], 1);
    assert_int_equal(t->findings.message, MYSQL_SSL_REQUEST);
    talk_expect_silence(t);
    talk_close(t);
}

static void frame_head(struct talk *t, enum side from, const char *head, struct wrap *wrap)
{
    struct view bytes = hex(head);
    talk_clear_findings(t, bytes.length);
    t->decoder->wrapper->head(t->state, from, cursor_over(bytes), wrap, &t->findings);
    talk_keep(t);
    hex_free(bytes);
}

static void compression_begins_after_the_login(void **state)
{
    (void)state;
    static const struct step login[] = {{'S', 0, GREETING_MARIADB},
                                        {'C', 1, LOGIN("25a20e00", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 NATIVE},
                                        {'S', 2, OK},
                                        {0, 0, NULL}};
    static const struct step ping[] = {{'C', 9, "0e"}, {'S', 7, OK}, {0, 0, NULL}};
    struct talk *t = talk_open(&mysql_decoder);
    struct wrap wrap;
    play(t, login);
    assert_int_equal(t->verdict, VERDICT_COMPRESSED);
    assert_int_equal(t->session.compression, COMPRESSION_ZLIB);
    frame_head(t, FROM_CLIENT, "050000 00 000000", &wrap);
    assert_int_equal(wrap.codec, CODEC_STORED);
    assert_int_equal(wrap.declared, 5);
    play_one(t, &ping[0]);
    frame_head(t, FROM_SERVER, "0b0000 01 100000", &wrap);
    assert_int_equal(wrap.codec, CODEC_ZLIB);
    assert_int_equal(wrap.payload, 11);
    assert_int_equal(wrap.declared, 16);
    play_one(t, &ping[1]); /* numbers inside frames are not looked at */
    talk_expect_silence(t);
    frame_head(t, FROM_CLIENT, "050000 02 000000", &wrap);
    expect_report(t, ANOMALY_MYSQL_FRAME_SEQUENCE, 2, 0);
    talk_forget(t);
    frame_head(t, FROM_SERVER, "050000 09 000000", &wrap);
    assert_non_null(talk_find(t, ANOMALY_MYSQL_FRAME_SEQUENCE_SERVER));
    talk_forget(t);
    frame_head(t, FROM_CLIENT, "000000 00 000000", &wrap);
    assert_non_null(talk_find(t, ANOMALY_MYSQL_FRAME_EMPTY));
    talk_forget(t);
    frame_head(t, FROM_CLIENT, "000000 00 000500", &wrap);
    expect_report(t, ANOMALY_MYSQL_FRAME_CANNOT_OPEN, 0x500, 0);
    talk_close(t);
}

static void a_proxy_speaks_first(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header;
        enum anomaly anomaly;
    } rows[] = {
        {"v1", "'PROXY TCP4 192.0.2.1 192.0.2.2 40000 3306' 0d0a", ANOMALY_NONE},
        {"v1 unknown", "'PROXY UNKNOWN' 0d0a", ANOMALY_NONE},
        {"v1 unknown with more", "'PROXY UNKNOWN 1.2.3.4' 0d0a", ANOMALY_MYSQL_PROXY_UNKNOWN},
        {"v1 without ports", "'PROXY TCP4 192.0.2.1 192.0.2.2' 0d0a", ANOMALY_MYSQL_PROXY_HEADER},
        {"v1 without CR", "'PROXY TCP4 192.0.2.1 192.0.2.2 40000 3306' 0a", ANOMALY_MYSQL_PROXY_HEADER},
        {"v2", "0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 9c40 0cea", ANOMALY_NONE},
        {"v2 local", "0d0a0d0a000d0a515549540a 20 00 0000", ANOMALY_NONE},
        {"v2 addresses cut", "0d0a0d0a000d0a515549540a 21 11 0004 c0000201", ANOMALY_MYSQL_PROXY_HEADER},
        {"v2 version", "0d0a0d0a000d0a515549540a 31 11 000c c0000201 c0000202 9c40 0cea", ANOMALY_MYSQL_PROXY_HEADER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&mysql_decoder);
        talk_hex(t, FROM_CLIENT, rows[i].header);
        assert_int_equal(t->findings.message, MYSQL_PROXY_HEADER);
        assert_int_equal(t->reports_used, rows[i].anomaly != ANOMALY_NONE);
        if (rows[i].anomaly)
            assert_non_null(talk_find(t, rows[i].anomaly));
        talk_forget(t);
        play(t, classic);
        talk_expect_silence(t);
        talk_close(t);
    }
}

static void end_by(struct talk *t, enum side side)
{
    talk_clear_findings(t, 0);
    t->decoder->end(t->state, side, false, &t->findings);
    talk_keep(t);
}

static void the_end_is_judged_once(void **state)
{
    (void)state;
    static const struct step sent[] = {{'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {0, 0, NULL}};
    static const struct step open_query[] = {{'C', 0, "03 'select sleep(9)'"}, {0, 0, NULL}};
    static const struct step quit[] = {{'C', 0, "01"}, {0, 0, NULL}};
    static const struct {
        const char *name;
        const struct step *before, *then;
        bool client_first, closed;
    } rows[] = {
        {"login unanswered", sent, NULL, false, true},
        {"the client goes first", sent, NULL, true, false},
        {"idle", classic, NULL, false, false},
        {"a query is open: the server died", classic, open_query, false, false},
        {"goodbye", classic, quit, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].then);
        if (rows[i].client_first)
            end_by(t, FROM_CLIENT);
        end_by(t, FROM_SERVER);
        assert_int_equal(talk_find(t, ANOMALY_MYSQL_CLOSED_WITHOUT_ANSWER) != NULL, rows[i].closed);
        talk_close(t);
    }
    struct talk *t = talk_after(classic, NULL); /* an odd message, and no answer */
    talk_hex(t, FROM_CLIENT, "020000 00 0e00");
    talk_forget(t);
    end_by(t, FROM_SERVER);
    assert_non_null(talk_find(t, ANOMALY_MYSQL_CLOSED_WITHOUT_ANSWER));
    talk_close(t);
}

/* Joined in the middle: nothing is judged that depends on what was not seen, and the next answer is understood. */
static void midstream(void **state)
{
    (void)state;
    static const struct step tail[] = {{'S', 9, "01 '1'"}, {'S', 10, EOF_PACKET}, {0, 0, NULL}};
    static const struct step eof[] = {{'C', 0, "03 'select a from t'"},
                                      {'S', 1, "01"},
                                      {'S', 2, COLUMN_LONG},
                                      {'S', 3, EOF_PACKET},
                                      {'S', 4, "01 '1'"},
                                      {'S', 5, EOF_PACKET},
                                      {'C', 0, EXECUTE("07000000") "00 00"},
                                      {'S', 1, OK},
                                      {0, 0, NULL}};
    static const struct step no_eof[] = {{'C', 0, "03 00 01 'select a from t'"},
                                         {'S', 1, "01"},
                                         {'S', 2, COLUMN_LONG},
                                         {'S', 3, "01 '1'"},
                                         {'S', 4, "fe 00 00 0200 0000"},
                                         {'C', 0, "03 'select a from t'"},
                                         {'S', 1, "01"},
                                         {'S', 2, COLUMN_LONG},
                                         {'S', 3, "fe 00 00 0200 0000"},
                                         {0, 0, NULL}};
    static const struct step *const rows[] = {eof, no_eof};
    for (size_t i = 0; i < 2; i++) {
        struct talk *t = talk_open(&mysql_decoder);
        t->decoder->gap(t->state, FROM_SERVER, 0);
        play(t, tail);
        assert_int_equal(t->facts.seen[FACT_REPLY], 0);
        play(t, rows[i]);
        talk_expect_silence(t);
        assert_true(t->session.midstream);
        assert_int_equal(t->facts.seen[FACT_REPLY], 2);
        talk_close(t);
    }
}

static void after_a_gap(void **state)
{
    (void)state;
    static const struct step rows_due[] = {{'C', 0, "03 'select a from t'"},
                                           {'S', 1, "01"},
                                           {'S', 2, COLUMN_LONG},
                                           {'S', 3, EOF_PACKET},
                                           {'S', 4, "01 '1'"},
                                           {0, 0, NULL}};
    static const struct step more[] = {{'S', 90, "01 '1'"}, {'S', 91, EOF_PACKET}, {'C', 0, "0e"}, {'S', 1, OK},
                                       {'C', 0, "0e"},      {'S', 1, OK},          {0, 0, NULL}};
    struct talk *t = talk_after(classic, rows_due);
    t->decoder->gap(t->state, FROM_SERVER, 5000);
    struct view segment = hex("'rest of a row' 02 0000 5a 01 '1' 05 0000 5b" EOF_PACKET);
    size_t offset = 0;
    assert_true(t->decoder->resync(t->state, FROM_SERVER, cursor_over(segment), &offset));
    assert_int_equal(offset, 13);
    hex_free(segment);
    play(t, more);
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_REPLY], 2);
    static const struct step wrong[] = {{'C', 0, "0e"}, {'S', 2, OK}, {0, 0, NULL}};
    play(t, wrong); /* trusted again */
    assert_non_null(talk_find(t, ANOMALY_MYSQL_SEQUENCE));
    talk_close(t);
    segment = hex("0102030405060708090a");
    t = talk_open(&mysql_decoder);
    assert_false(t->decoder->resync(t->state, FROM_CLIENT, cursor_over(segment), &offset));
    talk_close(t);
    hex_free(segment);
}

/* A mirror that shows one side only: half the truth, no alarm. */
static void one_side_alone(void **state)
{
    (void)state;
    static const struct step server[] = {
        {'S', 0, GREETING_MARIADB}, {'S', 2, OK}, {'S', 1, "01"}, {'S', 2, COLUMN_LONG}, {'S', 3, EOF_PACKET},
        {'S', 4, "01 '1'"}, {'S', 5, EOF_PACKET}, {'S', 1, OK}, {0, 0, NULL}};
    static const struct step client[] = {
        {'C', 1, LOGIN_CLASSIC}, {'C', 0, "03 'select a from t'"}, {'C', 0, "0e"}, {'C', 0, "16 'select ?'"},
        {'C', 0, EXECUTE("01000000") "00 01 0300 07000000"}, {'C', 0, "01"}, {0, 0, NULL}};
    struct talk *t = talk_after(server, NULL);
    talk_close(t);
    t = talk_after(client, NULL);
    end_by(t, FROM_CLIENT);
    end_by(t, FROM_SERVER);
    talk_expect_silence(t);
    talk_close(t);
}

/* A health check does not wait: login and goodbye in one go. */
static void login_and_quit_in_one_go(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {'C', 0, "01"}, {'S', 2, OK}, {0, 0, NULL}};
    struct talk *t = talk_open(&mysql_decoder);
    play(t, steps);
    end_by(t, FROM_SERVER);
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    talk_close(t);
}

/* More kinds of open requests than are told apart: nothing more is judged, and nothing is said. */
static void too_many_open_requests(void **state)
{
    (void)state;
    struct talk *t = talk_after(classic, NULL);
    for (unsigned i = 0; i < 40; i++)
        talk_hex(t, FROM_CLIENT, i % 2 ? "010000 00 0e" : "010000 00 09");
    for (unsigned i = 0; i < 40; i++)
        talk_hex(t, FROM_SERVER, i % 2 ? "070000 01" OK : "060000 01 'Uptime'");
    talk_expect_silence(t);
    talk_close(t);
    t = talk_after(classic, NULL);
    for (unsigned i = 0; i < 1000; i++) /* equal ones are one kind */
        talk_hex(t, FROM_CLIENT, "010000 00 0e");
    for (unsigned i = 0; i < 1000; i++)
        talk_hex(t, FROM_SERVER, "070000 01" OK);
    talk_expect_silence(t);
    assert_int_equal(t->facts.seen[FACT_REPLY], 1000);
    talk_close(t);
}

static void probes(void **state)
{
    (void)state;
    static const struct {
        enum side from;
        const char *head;
        enum match match;
    } rows[] = {
        {FROM_SERVER, "360000 00 0a '5.5.5-10.11.6-MariaDB' 00 2a000000", MATCH_YES},
        {FROM_SERVER, "360000 00 0a '5.5.5' 01 '-MariaDB' 00 2a000000", MATCH_NO},
        {FROM_SERVER, "360000 01 0a '5.5.5-10.11.6-MariaDB' 00", MATCH_MAYBE},
        {FROM_SERVER, "460000 00 ff 6a04 'Host is not allowed'", MATCH_MAYBE},
        {FROM_SERVER, "'SSH-2.0-OpenSSH' 0d0a", MATCH_NO},
        {FROM_SERVER, "'HTTP/1.1 400' 0d0a", MATCH_NO},
        {FROM_CLIENT, "3e0000 01 85a20e00", MATCH_MAYBE},
        {FROM_CLIENT, "010000 00 0e", MATCH_MAYBE},
        {FROM_CLIENT, "'PROXY TCP4 '", MATCH_MAYBE},
        {FROM_CLIENT, "'GET / HTTP/1.1' 0d0a", MATCH_NO},
        {FROM_CLIENT, "0000", MATCH_NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view head = hex(rows[i].head);
        assert_int_equal(mysql_decoder.probe(rows[i].from, cursor_over(head)), rows[i].match);
        hex_free(head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oversize_before_the_bytes),
        cmocka_unit_test(attributes_and_passwords_oversize),
        cmocka_unit_test(a_message_beyond_the_hard_maximum),
        cmocka_unit_test(splits_count_on_and_end_empty),
        cmocka_unit_test(what_is_not_seen_is_not_judged),
        cmocka_unit_test(large_messages_cost_their_head),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(tls_begins_after_its_request),
        cmocka_unit_test(compression_begins_after_the_login),
        cmocka_unit_test(a_proxy_speaks_first),
        cmocka_unit_test(the_end_is_judged_once),
        cmocka_unit_test(midstream),
        cmocka_unit_test(after_a_gap),
        cmocka_unit_test(one_side_alone),
        cmocka_unit_test(login_and_quit_in_one_go),
        cmocka_unit_test(too_many_open_requests),
        cmocka_unit_test(probes),
    };
    return cmocka_run_group_tests_name("mysql state", tests, NULL, NULL);
}
