/*
 * Dialogues with a MySQL or MariaDB server as payloads; the headers are made here. Written from the specification.
 */
#ifndef DBHOUND_TESTS_MYSQL_DIALOGUE_H
#define DBHOUND_TESTS_MYSQL_DIALOGUE_H

#include "talk.h"

/* One packet: who sends it, its sequence number, its payload. A list ends at from = 0. */
struct step {
    char from; /* 'C' or 'S' */
    uint8_t sequence;
    const char *payload;
};

enum { STEPS_MAX = 40 };

/* The packet of a step as bytes; free with hex_free. */
static inline struct view step_bytes(const struct step *step)
{
    struct view payload = hex(step->payload);
    uint8_t *bytes = malloc(payload.length + 4);
    bytes[0] = (uint8_t)payload.length;
    bytes[1] = (uint8_t)(payload.length >> 8);
    bytes[2] = (uint8_t)(payload.length >> 16);
    bytes[3] = step->sequence;
    memcpy(bytes + 4, payload.bytes, payload.length);
    hex_free(payload);
    return view_of(bytes, ((size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16) + 4);
}

static inline enum side step_side(const struct step *step)
{
    return step->from == 'C' ? FROM_CLIENT : FROM_SERVER;
}

static inline void play_one(struct talk *t, const struct step *step)
{
    struct view bytes = step_bytes(step);
    talk(t, step_side(step), bytes);
    hex_free(bytes);
}

static inline void play(struct talk *t, const struct step *steps)
{
    for (; steps->from; steps++)
        play_one(t, steps);
}

/* Opens a talk and plays the given lists of steps one after another. */
static inline struct talk *talk_after(const struct step *first, const struct step *second)
{
    struct talk *t = talk_open(&mysql_decoder);
    if (first)
        play(t, first);
    if (second)
        play(t, second);
    talk_expect_silence(t);
    talk_forget(t);
    return t;
}

/* clang-format off */
#define ZEROS_10 "00000000000000000000"
#define ZEROS_19 ZEROS_10 "000000000000000000"
#define RESPONSE_20 "0102030405060708090a0b0c0d0e0f1011121314"
#define NATIVE "'mysql_native_password' 00"
#define OK "00 00 00 0200 0000"
#define OK_MORE "00 00 00 0a00 0000"
#define EOF_PACKET "fe 0000 0200"
#define EOF_MORE "fe 0000 0a00"
#define ERROR_SYNTAX "ff 2804 '#42000You have an error in your SQL syntax'"
#define ERROR_UNKNOWN_COMMAND "ff 1704 '#08S01Unknown command'"

/* MariaDB 10.11: no bit 0, extended capabilities 0x1d, no TLS. */
#define GREETING_MARIADB "0a '5.5.5-10.11.6-MariaDB' 00 2a000000 'ABCDEFGH' 00 fef7 2d 0200 ff81 15 000000000000 1d000000 " \
                         "'IJKLMNOPQRST' 00 " NATIVE
/* MySQL 8: everything, TLS, zstd, query attributes, optional metadata. */
#define GREETING_MYSQL8 "0a '8.0.36' 00 2b000000 'ABCDEFGH' 00 ffff ff 0200 ffdf 15 " ZEROS_10 "'IJKLMNOPQRST' 00 " \
                        "'caching_sha2_password' 00"
/* The fixed part of a login: four bytes of capabilities in front, four of extended ones behind. */
#define LOGIN(capabilities, extended) capabilities "00000001 2d" ZEROS_19 extended
#define NO_EXTENDED "00000000"

#define LOGIN_CLASSIC LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 NATIVE
#define LOGIN_NO_EOF LOGIN("05a28e01", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 NATIVE
#define LOGIN_LOCAL_FILES LOGIN("85a20e00", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 NATIVE
#define LOGIN_MARIADB LOGIN("04a20e00", "1d000000") "'shop' 00 14" RESPONSE_20 NATIVE
#define LOGIN_ATTRIBUTES LOGIN("0da23e00", NO_EXTENDED) "'shop' 00 14" RESPONSE_20 "'stock' 00" NATIVE \
                         "19 0c '_client_name' 08 'libmysql' 01 'k' 00"
#define LOGIN_QUERY_ATTRIBUTES LOGIN("05a28e09", NO_EXTENDED) "'shop' 00 20" RESPONSE_20 "0102030405060708090a0b0c" \
                               "'caching_sha2_password' 00"

static const struct step classic[] = { /* MariaDB, with EOF packets */
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step without_eof[] = {
    {'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN_NO_EOF}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step mysql8[] = { /* with EOF packets */
    {'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN_CLASSIC}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step with_attributes[] = { /* MySQL 8 with query attributes, fast path of caching_sha2 */
    {'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN_QUERY_ATTRIBUTES}, {'S', 2, "0103"}, {'S', 3, OK}, {0, 0, NULL}};
static const struct step mariadb_extended[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_MARIADB}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step mariadb_bulk[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN("04a20e00", "04000000") "'shop' 00 14" RESPONSE_20 NATIVE}, {'S', 2, OK}, {0, 0, NULL}};
static const struct step local_files[] = {
    {'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_LOCAL_FILES}, {'S', 2, OK}, {0, 0, NULL}};

/* Column definitions: long a, var_string b, datetime d. */
#define COLUMN_LONG "03 'def' 04 'shop' 01 't' 01 't' 01 'a' 01 'a' 0c 3f00 0b000000 03 0000 00 0000"
#define COLUMN_TEXT "03 'def' 04 'shop' 01 't' 01 't' 01 'b' 01 'b' 0c 2d00 50000000 fd 0000 00 0000"
#define COLUMN_DATETIME "03 'def' 04 'shop' 01 't' 01 't' 01 'd' 01 'd' 0c 3f00 13000000 0c 8000 00 0000"
#define COLUMN_PARAMETER "03 'def' 00 00 00 01 '?' 00 0c 3f00 00000000 fd 8000 00 0000"

static const struct step prepared[] = { /* statement 1, parameters ?, ?; no columns */
    {'C', 0, "16 'insert into t values (?, ?)'"},
    {'S', 1, "00 01000000 0000 0200 00 0000"},
    {'S', 2, COLUMN_PARAMETER}, {'S', 3, COLUMN_PARAMETER}, {'S', 4, EOF_PACKET}, {0, 0, NULL}};
static const struct step prepared_select[] = { /* statement 2, one parameter, columns a, b, d */
    {'C', 0, "16 'select a, b, d from t where a > ?'"},
    {'S', 1, "00 02000000 0300 0100 00 0000"},
    {'S', 2, COLUMN_PARAMETER}, {'S', 3, EOF_PACKET},
    {'S', 4, COLUMN_LONG}, {'S', 5, COLUMN_TEXT}, {'S', 6, COLUMN_DATETIME}, {'S', 7, EOF_PACKET}, {0, 0, NULL}};
#define EXECUTE(statement) "17 " statement " 00 01000000 "
/* clang-format on */

#endif
