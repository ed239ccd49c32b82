/* Whole dialogues as real clients and servers have them: nothing is reported, every request is answered once, and no
 * prefix and no changed byte of any of their messages does harm. */
#include "mysql_dialogue.h"

/* clang-format off */
static const struct step change_user[] = {
    {'C', 0, "11 'admin' 00 14" RESPONSE_20 "'stock' 00 2d00" NATIVE},
    {'S', 1, "fe" NATIVE "'ABCDEFGHIJKLMNOPQRST' 00"}, {'C', 2, RESPONSE_20}, {'S', 3, OK},
    {'C', 0, "0e"}, {'S', 1, OK}, {0, 0, NULL}};
static const struct step text_result[] = {
    {'C', 0, "03 'select a, b from t'"}, {'S', 1, "02"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT}, {'S', 4, EOF_PACKET},
    {'S', 5, "01 '7' 03 'abc'"}, {'S', 6, "fb fc 0300 'xyz'"}, {'S', 7, "00 fb"}, {'S', 8, EOF_PACKET},
    {'C', 0, "03 'nonsense'"}, {'S', 1, ERROR_SYNTAX},
    {'C', 0, "03 'call p()'"}, {'S', 1, "01"}, {'S', 2, COLUMN_LONG}, {'S', 3, EOF_MORE}, {'S', 4, "01 '1'"}, {'S', 5, EOF_MORE},
    {'S', 6, OK}, {0, 0, NULL}};
static const struct step text_result_without_eof[] = {
    {'C', 0, "03 'select a, b from t'"}, {'S', 1, "02"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT},
    {'S', 4, "01 '7' 03 'abc'"}, {'S', 5, "fe 00 00 0200 0000"},
    {'C', 0, "03 'use stock'"}, {'S', 1, "00 00 00 0240 0000 00 08 01 06 05 'stock'"},
    {'C', 0, "03 'update t set a = 1'"}, {'S', 1, "00 03 00 0200 0100 28 'Rows matched: 3  Changed: 3  Warnings: 1'"}, {0, 0, NULL}};
static const struct step commands[] = {
    {'C', 0, "0e"}, {'S', 1, OK}, {'C', 0, "09"}, {'S', 1, "'Uptime: 51  Threads: 2'"},
    {'C', 0, "02 'stock'"}, {'S', 1, OK}, {'C', 0, "1b 0000"}, {'S', 1, EOF_PACKET}, {'C', 0, "0d"}, {'S', 1, EOF_PACKET},
    {'C', 0, "04 't' 00 '%'"}, {'S', 1, COLUMN_LONG "01 '0'"}, {'S', 2, COLUMN_TEXT "fb"}, {'S', 3, EOF_PACKET},
    {'C', 0, "0c 07000000"}, {'S', 1, "ff 4604 '#HY000Unknown thread id: 7'"}, {'C', 0, "07 01"}, {'S', 1, OK}, {'C', 0, "1f"}, {'S', 1, OK},
    {'C', 0, "0a"}, {'S', 1, "01"}, {'S', 2, COLUMN_LONG}, {'S', 3, EOF_PACKET}, {'S', 4, "01 '9'"}, {'S', 5, EOF_PACKET},
    {'C', 0, "01"}, {0, 0, NULL}};
static const struct step executes[] = {
    {'C', 0, EXECUTE("01000000") "00 01 0300 fd00 07000000 03 'abc'"}, {'S', 1, OK},
    {'C', 0, EXECUTE("01000000") "02 00 08000000"}, {'S', 1, OK},
    {'C', 0, "18 01000000 0100 'long '"}, {'C', 0, "18 01000000 0100 'data'"},
    {'C', 0, EXECUTE("01000000") "00 01 0300 fc00 07000000"}, {'S', 1, OK},
    {'C', 0, "1a 01000000"}, {'S', 1, OK}, {'C', 0, "19 01000000"}, {'C', 0, "0e"}, {'S', 1, OK}, {0, 0, NULL}};
static const struct step binary_result[] = {
    {'C', 0, EXECUTE("02000000") "00 01 0300 05000000"}, {'S', 1, "03"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT},
    {'S', 4, COLUMN_DATETIME}, {'S', 5, EOF_PACKET}, {'S', 6, "00 00 07000000 03 'abc' 07 e607 0c 1f 17 3b 3b"},
    {'S', 7, "00 1c"}, {'S', 8, "00 04 00 00"}, {'S', 9, EOF_PACKET}, {0, 0, NULL}};
static const struct step cursor[] = {
    {'C', 0, "17 02000000 01 01000000 00 01 0300 05000000"}, {'S', 1, "03"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT},
    {'S', 4, COLUMN_DATETIME}, {'S', 5, "fe 0000 4200"}, {'C', 0, "1c 02000000 02000000"},
    {'S', 1, "00 00 07000000 03 'abc' 04 e607 0c 1f"}, {'S', 2, "00 08 07000000 00"}, {'S', 3, "fe 0000 4200"},
    {'C', 0, "1c 02000000 02000000"}, {'S', 1, "fe 0000 8200"}, {0, 0, NULL}};
static const struct step bulk[] = {
    {'C', 0, "fa 01000000 8000 0300 fd00 00 01000000 00 01 'a' 00 02000000 01"}, {'S', 1, "00 02 00 0200 0000"}, {0, 0, NULL}};
static const struct step load_data[] = {
    {'C', 0, "03 'LOAD DATA LOCAL INFILE ''"}, {'S', 1, "fb '/tmp/a.csv'"}, {'C', 2, "'1,2' 0a"}, {'C', 3, "'3,4' 0a"}, {'C', 4, ""},
    {'S', 5, "00 02 00 0200 0000"}, {'C', 0, "0e"}, {'S', 1, OK}, {0, 0, NULL}};
static const struct step query_attributes[] = {
    {'C', 0, "03 00 01 'select 1'"}, {'S', 1, OK},
    {'C', 0, "03 02 01 02 01 0300 01 'n' fe00 05 'trace' 07000000 'select 1'"}, {'S', 1, OK}, {0, 0, NULL}};
static const struct step pipeline[] = {
    {'C', 0, "0e"}, {'C', 0, "0e"}, {'C', 0, "03 'select a from t'"}, {'C', 0, "09"},
    {'S', 1, OK}, {'S', 1, OK}, {'S', 1, "01"}, {'S', 2, COLUMN_LONG}, {'S', 3, EOF_PACKET}, {'S', 4, "01 '1'"}, {'S', 5, EOF_PACKET},
    {'S', 1, "'Uptime'"}, {'C', 0, "16 'delete from t where a = ?'"}, {'C', 0, EXECUTE("ffffffff") "01 01 0600"},
    {'S', 1, "00 05000000 0000 0100 00 0000"}, {'S', 2, COLUMN_PARAMETER}, {'S', 3, EOF_PACKET}, {'S', 1, OK},
    {'C', 0, EXECUTE("05000000") "00 00 07000000"}, {'S', 1, OK}, {0, 0, NULL}};
#define COLUMN_EXTENDED "03 'def' 04 'shop' 01 't' 01 't' 01 'a' 01 'a' 06 00 04 'json' 0c 3f00 0b000000 03 0000 00 0000"
static const struct step mariadb_only[] = {
    {'C', 0, "03 'alter table t add c int'"}, {'S', 1, "ff ffff 01 01 02 102700 0a 'copying to'"}, {'S', 2, OK},
    {'C', 0, "16 'select a from t'"}, {'S', 1, "00 03000000 0100 0000 00 0000"}, {'S', 2, COLUMN_EXTENDED}, {'S', 3, EOF_PACKET},
    {'C', 0, EXECUTE("03000000")}, {'S', 1, "01 00"}, {'S', 2, EOF_PACKET}, {'S', 3, "00 00 07000000"}, {'S', 4, EOF_PACKET}, {0, 0, NULL}};
static const struct step replication[] = {
    {'C', 0, "15 07000000 02 'r1' 04 'repl' 00 ea0c 00000000 00000000"}, {'S', 1, OK},
    {'C', 0, "12 04000000 0000 07000000 'bin.000001'"},
    {'S', 1, "00 00000000 04 01000000 26000000 00000000 2000 0400000000000000 'bin.000001' 00"},
    {'S', 2, "00 ef01 00000000 1b 01000000 13000000 00000000 0000"}, {'C', 0, "ef 0401000000000000 'bin.000001'"},
    {'S', 3, EOF_PACKET}, {0, 0, NULL}};
static const struct step replication_gtid[] = {
    {'C', 0, "1e 0400 07000000 00000000 0400000000000000 08000000 0000000000000000"},
    {'S', 1, "00 00000000 04 01000000 13000000 00000000 2000"}, {0, 0, NULL}};
/* Logins that differ from the first of their kind. */
static const struct step attributes[] = {{'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_ATTRIBUTES}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step auth_switch[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {'S', 2, "fe 'client_ed25519' 00" RESPONSE_20 RESPONSE_20},
    {'C', 3, RESPONSE_20 RESPONSE_20 RESPONSE_20 "01020304"}, {'S', 4, OK}, {0, 0, NULL}};
static const struct step full_authentication[] = {
    {'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN_QUERY_ATTRIBUTES}, {'S', 2, "0104"}, {'C', 3, "02"},
    {'S', 4, "01 '-----BEGIN PUBLIC KEY-----'"}, {'C', 5, RESPONSE_20 RESPONSE_20}, {'S', 6, "02 'fido' 00 'x'"}, {'C', 7, ""}, {'S', 8, OK},
    {0, 0, NULL}};
static const struct step refused[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {'S', 2, "ff 1504 '#28000Access denied for user'"}, {0, 0, NULL}};
static const struct step blocked[] = {{'S', 0, "ff 6904 'Host is blocked because of many connection errors'"}, {0, 0, NULL}};
static const struct step old_server[] = {
    {'S', 0, "0a '3.23.54' 00 02000000 'ABCDEFGH' 00 2c00 08 0200 00000000000000000000000000"},
    {'C', 1, "0524 000000 'dan' 00 'JN[F_PPW'"}, {'S', 2, "00 00 00"}, {'C', 0, "03 'select 1'"}, {'S', 1, "01"},
    {'S', 2, "00 01 '1' 03 010000 01 08 03 010000"}, {'S', 3, "fe"}, {'S', 4, "01 '1'"}, {'S', 5, "fe"}, {'C', 0, "01"}, {0, 0, NULL}};
static const struct step protocol_9[] = {{'S', 0, "09 '3.20.1' 00 02000000 'ABCDEFGH' 00"}, {0, 0, NULL}};
static const struct step old_password[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {'S', 2, "fe"}, {'C', 3, "'abcdefgh' 00"}, {'S', 4, OK}, {0, 0, NULL}};
static const struct step killed[] = {{'S', 0, "ff 8707 '#70100Connection was killed'"}, {0, 0, NULL}};
static const struct step zstd[] = {
    {'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN("05a20e04", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 NATIVE "03"}, {'S', 2, OK}, {0, 0, NULL}};

static const struct {
    const char *name;
    const struct step *before, *prepare, *steps;
    unsigned requests;
} rows[] = {
    {"change user", classic, NULL, change_user, 2}, {"text result", classic, NULL, text_result, 3},
    {"no EOF", without_eof, NULL, text_result_without_eof, 3}, {"commands", classic, NULL, commands, 10},
    {"executes", classic, prepared, executes, 5}, {"executes, MySQL", mysql8, prepared, executes, 5},
    {"binary result", classic, prepared_select, binary_result, 1}, {"cursor", classic, prepared_select, cursor, 3},
    {"bulk", mariadb_bulk, prepared, bulk, 1}, {"load data", local_files, NULL, load_data, 2},
    {"query attributes", with_attributes, NULL, query_attributes, 2}, {"pipeline", classic, NULL, pipeline, 7},
    {"MariaDB only", mariadb_extended, NULL, mariadb_only, 3}, {"replication", classic, NULL, replication, 2},
    {"replication by GTID", mysql8, NULL, replication_gtid, 1}, {"attributes", NULL, NULL, attributes, 0},
    {"auth switch", NULL, NULL, auth_switch, 0}, {"full authentication", NULL, NULL, full_authentication, 0},
    {"refused", NULL, NULL, refused, 0}, {"blocked", NULL, NULL, blocked, 0}, {"old server", NULL, NULL, old_server, 1},
    {"protocol 9", NULL, NULL, protocol_9, 0}, {"old password", NULL, NULL, old_password, 0}, {"killed", classic, NULL, killed, 0},
    {"zstd", NULL, NULL, zstd, 0},
};
/* clang-format on */

static void silence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].prepare);
        play(t, rows[i].steps);
        if (t->reports_used || t->facts.seen[FACT_REQUEST] != rows[i].requests || t->unread)
            print_error("in \"%s\": %u requests, %u replies, %zu bytes unread\n", rows[i].name,
                        t->facts.seen[FACT_REQUEST], t->facts.seen[FACT_REPLY], t->unread);
        talk_expect_silence(t);
        assert_int_equal(t->facts.seen[FACT_REQUEST], rows[i].requests);
        bool streams = rows[i].steps == replication_gtid;
        assert_int_equal(t->facts.seen[FACT_REPLY] + streams, rows[i].requests);
        assert_int_equal(t->unread, 0);
        talk_close(t);
    }
}

/* Half a message waits for the rest, and says nothing. */
static void every_prefix_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].prepare);
        for (const struct step *step = rows[i].steps; step->from; step++) {
            struct view bytes = step_bytes(step);
            bool only_header =
                bytes.length == 4 || (step->from == 'C' && step->sequence > 1 && rows[i].steps == load_data);
            for (size_t length = 0; length < bytes.length && !only_header; length++) {
                uint8_t *exact = malloc(length ? length : 1);
                memcpy(exact, bytes.bytes, length);
                talk_forget(t);
                talk(t, step_side(step), view_of(exact, length));
                assert_int_equal(t->messages, 0);
                free(exact);
            }
            hex_free(bytes);
            talk_forget(t);
            play_one(t, step);
            assert_int_equal(t->messages, 1);
        }
        talk_close(t);
    }
}

/* Every byte of every message with every value, then the rest of the dialogue's next message: no harm under sanitizers.
 */
static void every_changed_byte_is_harmless(void **state)
{
    (void)state;
    uint8_t kept[DECODER_STATE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].prepare);
        for (const struct step *step = rows[i].steps; step->from; step++) {
            struct view bytes = step_bytes(step);
            memcpy(kept, t->state, sizeof kept);
            for (size_t at = 0; at < bytes.length; at++) {
                for (unsigned value = 0; value < 256; value++) {
                    uint8_t *changed = malloc(bytes.length);
                    memcpy(changed, bytes.bytes, bytes.length);
                    changed[at] = (uint8_t)value;
                    talk_forget(t);
                    talk(t, step_side(step), view_of(changed, bytes.length));
                    free(changed);
                    if (step[1].from)
                        play_one(t, step + 1);
                    memcpy(t->state, kept, sizeof kept);
                }
            }
            hex_free(bytes);
            play_one(t, step);
        }
        talk_close(t);
    }
}

/* A message cut off with a header that says so: the parsers meet the end in every field. */
static void every_short_message_is_harmless(void **state)
{
    (void)state;
    uint8_t kept[DECODER_STATE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].prepare);
        for (const struct step *step = rows[i].steps; step->from; step++) {
            struct view bytes = step_bytes(step);
            memcpy(kept, t->state, sizeof kept);
            for (size_t length = 4; length < bytes.length; length++) {
                uint8_t *cut = malloc(length);
                memcpy(cut, bytes.bytes, length);
                cut[0] = (uint8_t)(length - 4);
                cut[1] = cut[2] = 0;
                talk_forget(t);
                talk(t, step_side(step), view_of(cut, length));
                free(cut);
                memcpy(t->state, kept, sizeof kept);
            }
            hex_free(bytes);
            play_one(t, step);
        }
        talk_close(t);
    }
}

/* Bytes of the dialogue at the wrong time: in every state, every message of every other dialogue. */
static void every_message_in_every_state_is_harmless(void **state)
{
    (void)state;
    uint8_t kept[DECODER_STATE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(rows[i].before, rows[i].prepare);
        for (const struct step *step = rows[i].steps; step->from; step++) {
            memcpy(kept, t->state, sizeof kept);
            for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
                for (const struct step *other = rows[j].steps; other->from; other++) {
                    talk_forget(t);
                    play_one(t, other);
                    play_one(t, step);
                    memcpy(t->state, kept, sizeof kept);
                }
            }
            play_one(t, step);
        }
        talk_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence),
        cmocka_unit_test(every_prefix_waits),
        cmocka_unit_test(every_changed_byte_is_harmless),
        cmocka_unit_test(every_short_message_is_harmless),
        cmocka_unit_test(every_message_in_every_state_is_harmless),
    };
    return cmocka_run_group_tests_name("mysql clean", tests, NULL, NULL);
}
