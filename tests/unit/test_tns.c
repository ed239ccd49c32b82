/* Oracle TNS: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; facts; boundaries are
 * found again after a gap; bounds on both sides. The rows of damage are in tools/damage/tns.py. */
#include "tns_dialogues.h"

/* Packets whose declared length is the length of what is left of them, so that each field can be missing. */
static void each_length(const struct talk *before, const struct dialogue *d, size_t k, struct view line)
{
    for (size_t length = 8; length < line.length; length++) {
        uint8_t *cut = malloc(length);
        memcpy(cut, line.bytes, length);
        bool large = cut[0] == 0 && cut[1] == 0;
        cut[large ? 2 : 0] = (uint8_t)(length >> 8);
        cut[large ? 3 : 1] = (uint8_t)length;
        talk_close(say_damaged(NULL, before, d, k, view_of(cut, length)));
        free(cut);
    }
}

static void every_length_of_every_packet(void **state)
{
    (void)state;
    dialogues_each(&spoken, each_length);
}

/* A mirror that shows one side only. */
static void one_side_alone(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++) {
        drive_start(&d, spoken.port, false);
        for (size_t k = 0; k < dialogues[i].count; k++)
            if (dialogues[i].lines[k].from == FROM_CLIENT)
                drive_line(&d, &dialogues[i].lines[k], 0);
        drive_end(&d, END_FIN, FROM_CLIENT);
        if (d.lines_used)
            fail_msg("%s: %s", dialogues[i].name, d.lines[0]);
    }
    drive_close(&d);
}

static void facts_are_observed(void **state)
{
    (void)state;
    struct talk *t = talk_open(&tns_decoder);
    say(t, &dialogues[SESSION], dialogues[SESSION].count);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->facts.seen[FACT_LIMIT], 1);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 6);
    assert_int_equal(t->facts.seen[FACT_REPLY], 6);
    assert_int_equal(t->facts.seen[FACT_ERROR], 0);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    assert_int_equal(t->session.user_length, 5);
    assert_memory_equal(t->session.user, "scott", 5);
    assert_int_equal(t->session.database_length, 6);
    assert_memory_equal(t->session.database, "orders", 6);
    talk_close(t);
    static const struct {
        const char *name;
        size_t dialogue;
        enum fact_kind kind;
        unsigned seen;
    } rows[] = {
        {"two errors", ERRORS, FACT_ERROR, 2},       {"a login that failed", DENIED, FACT_LOGIN_FAILED, 1},
        {"no login", DENIED, FACT_LOGIN_OK, 0},      {"the error of a refusal", REFUSED, FACT_ERROR, 1},
        {"the version in it", REFUSED, FACT_SERVER_HELLO, 1}, {"requests that are sealed", SEALED, FACT_REQUEST, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        t = talk_open(&tns_decoder);
        say(t, &dialogues[rows[i].dialogue], dialogues[rows[i].dialogue].count);
        if (t->facts.seen[rows[i].kind] != rows[i].seen)
            fail_msg("%s: %u", rows[i].name, t->facts.seen[rows[i].kind]);
        talk_close(t);
    }
}

static bool is_masked(const struct talk *t, uint32_t offset)
{
    for (unsigned i = 0; i < t->findings.fields_used; i++) {
        const struct field_value *f = &t->findings.fields[i];
        if (f->field == FIELD_TNS_SECRET && offset >= f->offset && offset - f->offset < f->length)
            return true;
    }
    return false;
}

/* Keys and passwords are covered, whether the pairs are understood or not; the second packet of a login is covered whole. */
static void secrets_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        uint32_t secret_at;
    } rows[] = {
        {"as thin drivers write it", "00000039060000000000" "0373020101050101010101010573636f7474" "010d0d415554485f50415353574f5244" "010404" "41424344" "00",
         47},
        {"numbers of four bytes", "0000003d060000000000" "0373020101050101010101010573636f7474" "0d0000000d415554485f50415353574f5244" "0400000004" "41424344" "0000",
         51},
        {"no form that is known", "00000036060000000000" "0373020101050101010101010573636f7474" "415554485f50415353574f5244" "ff04" "41424344" "00000000" "000000",
         43},
        {"cut off", "00000034060000000000" "0373020101050101010101010573636f7474" "010d0d415554485f50415353574f5244" "014040" "41424344" "4142434400",
         47},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&tns_decoder);
        say(t, &dialogues[SESSION], 6);
        struct view line = hex(rows[i].hex);
        uint8_t *bytes = malloc(line.length);
        memcpy(bytes, line.bytes, line.length);
        bytes[3] = (uint8_t)line.length;
        talk(t, FROM_CLIENT, view_of(bytes, line.length));
        for (uint32_t k = 0; k < 4; k++)
            if (!is_masked(t, rows[i].secret_at + k))
                fail_msg("%s: byte %u is not masked", rows[i].name, rows[i].secret_at + k);
        talk_hex(t, FROM_CLIENT, "0000000e06000000000041424344");
        assert_true(is_masked(t, 10) && is_masked(t, 13));
        free(bytes);
        hex_free(line);
        talk_close(t);
    }
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side from;
        bool large; /* behind an ACCEPT of version 319 */
        const char *hex;
        int offset; /* -1: none */
    } rows[] = {
        {"a packet at once", FROM_CLIENT, true, "0000000d060000000000039305", 0},
        {"the end of another, then a packet", FROM_CLIENT, true, "4142430000000d060000000000039305", 3},
        {"two packets", FROM_CLIENT, true, "410000000d0600000000000393050000000d060000000000039305", 1},
        {"a packet, then something else", FROM_CLIENT, true, "410000000d0600000000000393054142434445464748494a", -1},
        {"ACCEPT of the client", FROM_CLIENT, true, "0000000d020000000000039305", -1},
        {"a length of two bytes", FROM_SERVER, true, "000d0000060000000000039305", -1},
        {"longer than the data unit", FROM_SERVER, true, "00004000060000000000039305", -1},
        {"a length of two bytes, not known", FROM_SERVER, false, "000d0000060000000000039305", 0},
        {"a length of four bytes, not known", FROM_SERVER, false, "0000000d060000000000039305", 0},
        {"nothing", FROM_SERVER, true, "", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&tns_decoder);
        if (rows[i].large)
            say(t, &dialogues[SESSION], 2);
        tns_decoder.gap(t->state, rows[i].from, 1);
        struct view bytes = hex(rows[i].hex);
        size_t offset = 999;
        bool found = tns_decoder.resync(t->state, rows[i].from, cursor_over(bytes), &offset);
        if (found != (rows[i].offset >= 0) || (found && offset != (size_t)rows[i].offset))
            fail_msg("%s: %d at %zu", rows[i].name, found, offset);
        hex_free(bytes);
        talk_close(t);
    }
}

/* The first packets tell the protocol on any port. */
static void probes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side from;
        const char *hex;
        enum match match;
    } rows[] = {
        {"CONNECT", FROM_CLIENT, "00400000010000000139012c", MATCH_YES},
        {"ACCEPT", FROM_SERVER, "002d000002000000013f0001", MATCH_YES},
        {"REFUSE", FROM_SERVER, "00400000040000002200003448", MATCH_MAYBE},
        {"too short to tell", FROM_CLIENT, "0040000001", MATCH_MAYBE},
        {"a checksum", FROM_CLIENT, "00401234010000000139012c", MATCH_NO},
        {"a version that is none", FROM_CLIENT, "00400000010000000001012c", MATCH_NO},
        {"DATA first", FROM_CLIENT, "0040000006000000000001", MATCH_NO},
        {"HTTP", FROM_CLIENT, "474554202f20485454502f312e31", MATCH_NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view bytes = hex(rows[i].hex);
        if (tns_decoder.probe(rows[i].from, cursor_over(bytes)) != rows[i].match)
            fail_msg("%s", rows[i].name);
        hex_free(bytes);
    }
}

/* CONNECT with one text, as a driver writes it. */
static void say_connect(struct talk *t, const char *text)
{
    static uint8_t wire[512];
    size_t length = strlen(text), total = 74 + length;
    const uint8_t head[] = {(uint8_t)(total >> 8), (uint8_t)total, 0, 0, 1, 0, 0, 0, 1, 63, 1, 44, 0, 1, 32, 0, 255, 255, 79, 152, 0, 0, 0, 1,
                            (uint8_t)(length >> 8), (uint8_t)length, 0, 74};
    assert_true(total <= sizeof wire);
    memset(wire, 0, sizeof wire);
    memcpy(wire, head, sizeof head);
    wire[60] = wire[64] = 32;
    memcpy(wire + 74, text, length);
    talk(t, FROM_CLIENT, view_of(wire, total));
}

static void descriptors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum anomaly anomaly; /* ANOMALY_NONE: silent */
    } rows[] = {
        {"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=x)))", ANOMALY_NONE},
        {" ( DESCRIPTION = ( CONNECT_DATA = ( SID = x ) ) ) ", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)\r\n\t(CID=(PROGRAM=)(HOST=__jdbc__)(USER=)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(PROGRAM=C:\\Program Files (x86)\\app.exe)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(PROGRAM=C:\\apps\\)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(PROGRAM=a\\)b)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(PROGRAM=\"a)b\")))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(PROGRAM=o\"brien)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)(CID=(USER=m\xc3\xbcller)))", ANOMALY_NONE},
        {"(CONNECT_DATA=(COMMAND=ping))", ANOMALY_NONE},
        {"(CONNECT_DATA=(SID=x)", ANOMALY_TNS_UNBALANCED},
        {"(CONNECT_DATA=(SID=x))) ", ANOMALY_TNS_UNBALANCED},
        {"CONNECT_DATA", ANOMALY_TNS_FORM},
        {"(CONNECT_DATA=(=x))", ANOMALY_TNS_FORM},
        {"(CONNECT_DATA=())", ANOMALY_TNS_FORM},
        {"(CONNECT_DATA=(SID=\x01))", ANOMALY_TNS_CONTROL_BYTE},
        {"(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=b))))))))))))))))))))))))))))))))", ANOMALY_NONE},
        {"(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=(A=b)))))))))))))))))))))))))))))))))",
         ANOMALY_TNS_DEPTH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&tns_decoder);
        say_connect(t, rows[i].text);
        enum anomaly said = t->reports_used ? (enum anomaly)t->reports[0].anomaly : ANOMALY_NONE;
        if (said != rows[i].anomaly || t->reports_used > 1)
            fail_msg("%s: %s", rows[i].text, said ? anomaly_row(said)->name : "silent");
        talk_close(t);
    }
}

/* Units of more than 65,535 bytes: what two bytes hold of them is not what counts. */
static void large_units_count(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t small[2], large[4];
        bool silent;
    } rows[] = {
        {"64 KiB, cut to nothing", {0, 0}, {0, 1, 0, 0}, true},
        {"64 KiB and 100, cut to 100", {0, 100}, {0, 1, 0, 100}, true},
        {"512", {2, 0}, {0, 0, 2, 0}, true},
        {"511", {1, 255}, {0, 0, 1, 255}, false},
        {"none at all", {0, 0}, {0, 0, 0, 0}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&tns_decoder);
        struct view line = line_take(&dialogues[SESSION].lines[0]);
        uint8_t *bytes = malloc(line.length);
        memcpy(bytes, line.bytes, line.length);
        memcpy(bytes + 14, rows[i].small, 2);
        memcpy(bytes + 58, rows[i].large, 4);
        talk(t, FROM_CLIENT, view_of(bytes, line.length));
        if ((t->reports_used == 0) != rows[i].silent)
            fail_msg("%s", rows[i].name);
        free(bytes);
        hex_free(line);
        talk_close(t);
    }
}

/* A packet may be as long as the data unit that ACCEPT names, and one byte longer is too long. */
static void the_data_unit_bounds_packets(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct talk *t = talk_open(&tns_decoder);
        say(t, &dialogues[SESSION], 2);
        static uint8_t wire[8193];
        const uint8_t head[] = {0, 0, 32, (uint8_t)more, 6, 0, 0, 0, 0, 0, 3, 94, 1};
        memcpy(wire, head, sizeof head);
        talk(t, FROM_CLIENT, view_of(wire, 8192 + more));
        assert_int_equal(t->reports_used, more);
        if (more)
            assert_non_null(talk_find(t, ANOMALY_TNS_SDU));
        talk_close(t);
    }
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&tns_decoder, 8000, 34);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test(every_length_of_every_packet), cmocka_unit_test(one_side_alone), cmocka_unit_test(facts_are_observed),
        cmocka_unit_test(secrets_are_masked), cmocka_unit_test(finds_the_next_boundary), cmocka_unit_test(probes),
        cmocka_unit_test(descriptors), cmocka_unit_test(large_units_count), cmocka_unit_test(the_data_unit_bounds_packets),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("tns", tests, NULL, NULL);
}
