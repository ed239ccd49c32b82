/* MongoDB: clean dialogues stay silent however they are cut; no byte value and no prefix is too much; boundaries are found
 * again after a gap; long messages cost their heads. */
#include "mongodb_dialogues.h"

/* A message that is cut and says so: each length is one that the message might have. */
static void each_prefix_with_its_length(const struct talk *before, const struct dialogue *d, size_t k, struct view line)
{
    for (size_t length = 16; length < line.length; length++) {
        uint8_t *exact = malloc(length);
        memcpy(exact, line.bytes, length);
        for (unsigned b = 0; b < 4; b++)
            exact[b] = (uint8_t)(length >> 8 * b);
        struct talk *t = talk_again(NULL, before, d, k);
        talk(t, d->lines[k].from, view_of(exact, length));
        /* Without its last document or sequence it may still be a message. */
        uint32_t opcode = line.bytes[12] | (uint32_t)line.bytes[13] << 8;
        bool whole = opcode == OP_INSERT || (opcode == OP_MSG && length == 21u + (line.bytes[21] | (uint32_t)line.bytes[22] << 8));
        if (!t->reports_used && !whole)
            fail_msg("%s line %zu cut to %zu bytes is silent", d->name, k, length);
        talk_close(t);
        free(exact);
    }
}

static void every_prefix_with_its_length(void **state)
{
    (void)state;
    dialogues_each(&spoken, each_prefix_with_its_length);
}

/* A gap in the middle of any line: the message after the next is read again. */
static void gaps_are_survived(void **state)
{
    (void)state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t lost = 0; lost < dialogues[i].count; lost++) {
            drive_start(&d, 27017, false);
            for (size_t k = 0; k < dialogues[i].count; k++) {
                struct view bytes = line_take(&dialogues[i].lines[k]);
                if (k == lost) {
                    drive_bytes(&d, dialogues[i].lines[k].from, view_head(bytes, bytes.length / 3));
                    drive_gap(&d, dialogues[i].lines[k].from, bytes.length / 3);
                    bytes = view_from(bytes, bytes.length / 3 * 2);
                }
                drive_bytes(&d, dialogues[i].lines[k].from, bytes);
            }
            drive_end(&d, END_FIN, FROM_SERVER);
            if (d.lines_used)
                fail_msg("%s without line %zu: %s", dialogues[i].name, lost, d.lines[0]);
        }
    drive_close(&d);
}

static void finds_the_next_boundary(void **state)
{
    (void)state;
    struct talk *t = talk_open(&mongodb_decoder);
    for (size_t i = 0; i < DIALOGUES; i++)
        for (size_t k = 0; k < dialogues[i].count; k++) {
            struct view line = line_take(&dialogues[i].lines[k]);
            uint32_t opcode = line.bytes[12] | (uint32_t)line.bytes[13] << 8;
            size_t junk = 37;
            if (opcode == OP_COMMAND || opcode == OP_COMMANDREPLY) /* too little in them to be sure of */
                continue;
            uint8_t *exact = malloc(line.length + junk);
            memset(exact, 0x41, junk);
            memcpy(exact + junk, line.bytes, line.length);
            size_t offset = 0;
            if (!mongodb_decoder.resync(t->state, dialogues[i].lines[k].from, cursor_over(view_of(exact, junk + line.length)), &offset) || offset != junk)
                fail_msg("%s line %zu: %zu", dialogues[i].name, k, offset);
            memset(exact, 0x41, junk + line.length);
            assert_false(mongodb_decoder.resync(t->state, dialogues[i].lines[k].from, cursor_over(view_of(exact, junk + line.length)), &offset));
            memset(exact, 0, junk + line.length);
            assert_false(mongodb_decoder.resync(t->state, dialogues[i].lines[k].from, cursor_over(view_of(exact, junk + line.length)), &offset));
            free(exact);
        }
    talk_close(t);
}

/* A message of a megabyte is not kept, and the next is where it belongs. */
static void long_messages_cost_their_heads(void **state)
{
    (void)state;
    static char text[1 << 20];
    memset(text, 'x', sizeof text);
    memcpy(text, "{insert: 'big', documents: [{a: '", 33);
    memcpy(text + sizeof text - 20, "'}], $db: 'shop'}\0\0\0", 20);
    struct view message = build_msg_from(9, 0, 0, text);
    struct frame frame = {0};
    struct talk *t = talk_open(&mongodb_decoder);
    assert_int_equal(mongodb_decoder.frame(t->state, FROM_CLIENT, cursor_over(message), &frame), FRAME_READY);
    assert_int_equal(frame.total, message.length);
    assert_int_equal(frame.wanted, MESSAGE_BYTES_MAX);
    talk(t, FROM_CLIENT, message);
    assert_int_equal(t->facts.seen[FACT_REQUEST], 1);
    talk_expect_silence(t);
    talk(t, FROM_SERVER, build_msg_from(100, 9, 0, "{n: 1, ok: 1.0}"));
    assert_int_equal(t->facts.seen[FACT_REPLY], 1);
    for (unsigned c = COMPRESSOR_NOOP; c <= COMPRESSOR_ZSTD; c++) {
        talk(t, FROM_CLIENT, build_compressed(message, c, 0));
        talk(t, FROM_SERVER, build_msg_from(101, 9, 0, "{n: 1, ok: 1.0}"));
        talk_expect_silence(t);
    }
    assert_int_equal(t->facts.seen[FACT_REPLY], 5);
    talk_close(t);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    talk_expect_catalogue(&mongodb_decoder, 6000, 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIALOGUE_TESTS(&spoken),
        cmocka_unit_test(every_prefix_with_its_length), cmocka_unit_test(gaps_are_survived),
        cmocka_unit_test(finds_the_next_boundary), cmocka_unit_test(long_messages_cost_their_heads),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests_name("mongodb bytes", tests, make_dialogues, NULL);
}
