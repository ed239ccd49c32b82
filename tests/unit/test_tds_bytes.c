/* TDS: clean dialogues stay silent however they are cut into segments or packets; no byte value and no prefix is too much;
 * boundaries are found again after a gap; facts are told. */
#include "tds_dialogues.h"

/* The packets of one line, cut again so that each carries `room` bytes. */
static void talk_in_packets(struct talk *t, enum side from, struct view line, size_t room)
{
    uint8_t packet[1024];
    while (line.length) {
        size_t length = (size_t)line.bytes[2] << 8 | line.bytes[3];
        struct view body = view_head(view_from(line, 8), length - 8);
        for (bool first = true; first || body.length; first = false) {
            struct view part = view_head(body, room);
            body = view_from(body, part.length);
            memcpy(packet, line.bytes, 8);
            packet[1] = (uint8_t)(body.length ? line.bytes[1] & ~1 : line.bytes[1]);
            packet[2] = (uint8_t)((part.length + 8) >> 8);
            packet[3] = (uint8_t)(part.length + 8);
            if (part.length)
                memcpy(packet + 8, part.bytes, part.length);
            talk(t, from, view_of(packet, part.length + 8));
            assert_int_equal(t->unread, 0);
        }
        line = view_from(line, length);
    }
}

static bool is_request(uint8_t type)
{
    return type == 1 || type == 3 || type == 4 || type == 7 || type == 14;
}

/* Elements are cut by packets anywhere: every size of packets says the same. */
static void packets_do_not_matter(void **state)
{
    (void)state;
    static const char *const names[] = {"batches", "types", "calls", "other", "old"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct dialogue *d = dialogue_named(&spoken, names[i]);
        unsigned facts[2] = {0, 0};
        for (size_t room = 0; room < 48; room++) {
            struct talk *t = talk_open(&tds_decoder);
            for (size_t k = 0; k < d->count; k++) {
                struct view line = line_take(&d->lines[k]);
                bool cut = room && is_request(line.bytes[0]) && k >= 2;
                talk_in_packets(t, d->lines[k].from, line, cut ? room : 2000);
                hex_free(line);
            }
            for (unsigned r = 0; r < t->reports_used; r++)
                if (t->reports[r].anomaly != ANOMALY_TDS_PACKET_SHORT) /* from TDS 7.3 on the client fills its packets */
                    fail_msg("%s in packets of %zu: %s", names[i], room, anomaly_row((enum anomaly)t->reports[r].anomaly)->name);
            unsigned told[2] = {t->facts.seen[FACT_REPLY], t->facts.seen[FACT_ERROR]};
            if (!room)
                memcpy(facts, told, sizeof facts);
            assert_memory_equal(facts, told, sizeof facts);
            talk_close(t);
        }
    }
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct boundary rows[] = {
        {"an attention at once", FROM_CLIENT, "06010008 00000100", 0},
        {"the end of a text, then a packet", FROM_CLIENT, "7300 06010008 00000100", 2},
        {"a packet that goes on behind the segment", FROM_SERVER, "04000200 00340100 8101", 0},
        {"bytes, then a packet that goes on behind the segment", FROM_SERVER, "ff 04000200 00340100 8101", -1},
        {"two packets, the second unfinished", FROM_SERVER, "ff 0400000a 00340100 ffff 04000200 00340100 8101", 1},
        {"another window", FROM_SERVER, "0401000a 00340101 ffff", -1},
        {"a request from the server", FROM_SERVER, "0101000a 00340100 ffff", -1},
        {"a session header", FROM_SERVER, "53020000 10000000 01000000 05000000", 0},
        {"a session header with other flags", FROM_SERVER, "53030000 10000000 01000000 05000000", -1},
        {"a TLS record", FROM_CLIENT, "1703030003 aabbcc", 0},
        {"a TLS record of no length", FROM_CLIENT, "1703030000 aabbcc", -1},
        {"text", FROM_CLIENT, "'select 1 from a where b = 2'", -1},
        {"nothing", FROM_SERVER, "", -1},
    };
    talk_expect_boundaries(&tds_decoder, rows, sizeof rows / sizeof rows[0]);
}

/* A driver that gives up a request and does not wait for the end of it: what it asks meanwhile is answered afterwards. */
static void requests_beside_an_attention_are_answered(void **state)
{
    (void)state;
    static const char attention[] = "06010008 00000100", acknowledged[] = "04010015 00340100 fd2000c1 00000000 00000000 00";
    const struct dialogue *d = dialogue_named(&spoken, "calls");
    struct talk *t = talk_open(&tds_decoder);
    say(t, d, 5);
    talk_hex(t, FROM_CLIENT, attention);
    say_line(t, &d->lines[6]);
    say_line(t, &d->lines[5]);
    talk_hex(t, FROM_SERVER, acknowledged);
    say_line(t, &d->lines[7]);
    talk_expect_silence(t);
    talk_close(t);
}

static const struct fact *fact_of(const struct talk *t, enum fact_kind kind)
{
    for (unsigned i = 0; i < t->findings.facts_used; i++)
        if (t->findings.facts[i].kind == kind)
            return &t->findings.facts[i];
    fail_msg("no fact %d", kind);
    return NULL;
}

static void facts_are_told(void **state)
{
    (void)state;
    const struct dialogue *d = dialogue_named(&spoken, "batches");
    struct talk *t = talk_open(&tds_decoder);
    say(t, d, 3);
    const struct fact *login = fact_of(t, FACT_LOGIN);
    assert_true(view_equal(login->text, view_text("u")) && view_equal(login->more, view_text("shop")));
    assert_true(view_equal(fact_of(t, FACT_CLIENT)->text, view_text("p")));
    assert_true(t->findings.secret);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    say_line(t, &d->lines[3]);
    assert_true(view_equal(fact_of(t, FACT_SERVER_HELLO)->text, view_text("S 16.0.1109")));
    assert_int_equal(fact_of(t, FACT_SERVER_HELLO)->number, 52);
    assert_int_equal(fact_of(t, FACT_LIMIT)->number, 4096);
    (void)fact_of(t, FACT_LOGIN_OK);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    assert_int_equal(t->session.database_length, 1);
    say_line(t, &d->lines[4]);
    assert_int_equal(fact_of(t, FACT_REQUEST)->number, TDS_SQL_BATCH);
    say_line(t, &d->lines[5]);
    assert_int_equal(fact_of(t, FACT_REPLY)->number, 2);
    assert_int_equal(fact_of(t, FACT_ERROR)->number, 208);
    assert_true(view_equal(fact_of(t, FACT_ERROR)->text, view_text("e")));
    talk_close(t);
    t = talk_open(&tds_decoder);
    say(t, dialogue_named(&spoken, "refused"), 4);
    assert_int_equal(fact_of(t, FACT_LOGIN_FAILED)->number, 18456);
    talk_close(t);
}

static bool is_masked(const struct talk *t, uint32_t offset)
{
    for (unsigned i = 0; i < t->findings.fields_used; i++) {
        const struct field_value *f = &t->findings.fields[i];
        if (field_is_secret((enum field)f->field) && offset >= f->offset && offset - f->offset < f->length)
            return true;
    }
    return false;
}

/* The password of LOGIN7, in one packet and where packets cut it; SSPI; the password of TDS 5.0. */
static void secrets_are_masked(void **state)
{
    (void)state;
    const struct dialogue *d = dialogue_named(&spoken, "batches");
    struct view login = line_take(&d->lines[2]);
    uint32_t at = 8u + login.bytes[8 + 44] + 256u * login.bytes[8 + 45], end = at + 2u * login.bytes[8 + 46];
    assert_true(end > at);
    for (uint32_t cut = 8 + 94; cut <= login.length; cut++) {
        struct talk *t = talk_open(&tds_decoder);
        say(t, d, 2);
        uint8_t *first = malloc(cut), second[512];
        memcpy(first, login.bytes, cut);
        first[1] = cut == login.length;
        first[2] = (uint8_t)(cut >> 8);
        first[3] = (uint8_t)cut;
        talk(t, FROM_CLIENT, view_of(first, cut));
        for (uint32_t i = at; i < end && i < cut; i++)
            assert_true(is_masked(t, i));
        size_t rest = login.length - cut;
        memcpy(second, login.bytes, 8);
        second[2] = (uint8_t)((rest + 8) >> 8);
        second[3] = (uint8_t)(rest + 8);
        memcpy(second + 8, login.bytes + cut, rest);
        if (rest)
            talk(t, FROM_CLIENT, view_of(second, rest + 8));
        for (uint32_t i = 0; i < rest; i++)
            assert_true(is_masked(t, 8 + i));
        talk_expect_silence(t);
        free(first);
        talk_close(t);
    }
    hex_free(login);
    struct talk *t = talk_open(&tds_decoder);
    say(t, dialogue_named(&spoken, "sspi"), 5);
    assert_true(is_masked(t, 8) && is_masked(t, 13));
    talk_close(t);
    t = talk_open(&tds_decoder);
    say(t, dialogue_named(&spoken, "sybase"), 1);
    assert_true(is_masked(t, 8 + 62) && is_masked(t, 8 + 91) && is_masked(t, 8 + 202) && !is_masked(t, 8 + 31));
    talk_close(t);
}

/* A packet of 32,767 bytes is read in pieces, and what stands in the second is seen. */
static void large_packets_are_read_in_pieces(void **state)
{
    (void)state;
    static uint8_t packet[32767];
    struct talk *t = talk_open(&tds_decoder);
    say(t, dialogue_named(&spoken, "batches"), 5);
    struct view head = hex("04017fff 00340100 8101 00000000 000900a7 401f0904 d0003401 6300");
    memcpy(packet, head.bytes, head.length);
    size_t at = head.length;
    hex_free(head);
    while (at + 8003 < sizeof packet - 16) {
        memcpy(packet + at, "\xd1\x40\x1f", 3);
        at += 8003;
    }
    size_t rest = sizeof packet - 13 - at - 3;
    memcpy(packet + at, (uint8_t[]){0xd1, (uint8_t)rest, (uint8_t)(rest >> 8)}, 3);
    memcpy(packet + sizeof packet - 13, "\xfd\x10\0\xc1\0\x05\0\0\0\0\0\0\0", 13);
    talk(t, FROM_SERVER, view_of(packet, sizeof packet));
    assert_int_equal(t->unread, 0);
    assert_non_null(talk_find(t, ANOMALY_TDS_PACKET_LARGE)); /* 4,096 were agreed upon */
    assert_int_equal(t->reports_used, 1);
    assert_int_equal(fact_of(t, FACT_REPLY)->number, 5);
    talk_close(t);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&tds_decoder, 7000, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test(packets_do_not_matter), cmocka_unit_test(finds_the_next_boundary), cmocka_unit_test(requests_beside_an_attention_are_answered), cmocka_unit_test(facts_are_told),
        cmocka_unit_test(secrets_are_masked), cmocka_unit_test(large_packets_are_read_in_pieces),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("tds bytes", tests, NULL, NULL);
}
