/* Each row: one damaged message after a clean beginning, what must be said of it and where, and a legal neighbour of the
 * message that must stay silent. */
#include "mysql_dialogue.h"

struct row {
    const char *name;
    const struct step *before, *then; /* clean */
    struct step damaged;
    enum anomaly anomaly;
    enum field field;
    uint32_t offset;
    struct step legal; /* from = 0: none */
};

/* clang-format off */
#define NONE {0, 0, NULL}
#define LOGIN_TLS LOGIN("05aa0e00", NO_EXTENDED)
#define LOGIN_LENENC LOGIN("05a22e00", NO_EXTENDED) "'shop' 00 "
#define LOGIN_DATABASE LOGIN("0da20e00", NO_EXTENDED) "'shop' 00 14" RESPONSE_20
#define LOGIN_ATTRS LOGIN("05a21e00", NO_EXTENDED) "'shop' 00 00" NATIVE

static const struct step greeted[] = {{'S', 0, GREETING_MARIADB}, NONE};
static const struct step greeted8[] = {{'S', 0, GREETING_MYSQL8}, NONE};
static const struct step login_sent[] = {{'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN_CLASSIC}, NONE};
static const struct step no_plugins[] = {{'S', 0, GREETING_MARIADB}, {'C', 1, LOGIN("05a20600", NO_EXTENDED) "'shop' 00 14" RESPONSE_20}, NONE};
static const struct step asked_native[] = {{'S', 2, "fe" NATIVE "'ABCDEFGHIJKLMNOPQRST' 00"}, NONE};
static const struct step query[] = {{'C', 0, "03 'select a, b from t'"}, NONE};
static const struct step ping[] = {{'C', 0, "0e"}, NONE};
static const struct step column_due[] = {{'C', 0, "03 'select a from t'"}, {'S', 1, "01"}, NONE};
static const struct step two_columns[] = {{'C', 0, "03 'select a, b from t'"}, {'S', 1, "02"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT}, NONE};
static const struct step rows_due[] = {{'C', 0, "03 'select a, b from t'"}, {'S', 1, "02"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT}, {'S', 4, EOF_PACKET}, NONE};
static const struct step binary_due[] = {
    {'C', 0, "16 'select a, b, d from t where a > ?'"}, {'S', 1, "00 02000000 0300 0100 00 0000"}, {'S', 2, COLUMN_PARAMETER},
    {'S', 3, EOF_PACKET}, {'S', 4, COLUMN_LONG}, {'S', 5, COLUMN_TEXT}, {'S', 6, COLUMN_DATETIME}, {'S', 7, EOF_PACKET},
    {'C', 0, EXECUTE("02000000") "00 01 0300 05000000"}, {'S', 1, "03"}, {'S', 2, COLUMN_LONG}, {'S', 3, COLUMN_TEXT},
    {'S', 4, COLUMN_DATETIME}, {'S', 5, EOF_PACKET}, NONE};
static const struct step prepared_and_reset[] = {
    {'C', 0, "16 'insert into t values (?, ?)'"}, {'S', 1, "00 01000000 0000 0200 00 0000"}, {'S', 2, COLUMN_PARAMETER},
    {'S', 3, COLUMN_PARAMETER}, {'S', 4, EOF_PACKET}, {'C', 0, "1f"}, {'S', 1, OK}, NONE};
static const struct step load_asked[] = {{'C', 0, "03 'load data local infile ''"}, NONE};
static const struct step dump_asked[] = {{'C', 0, "12 04000000 0000 07000000 'bin.000001'"}, NONE};
static const struct step tracked[] = {{'S', 0, GREETING_MYSQL8}, {'C', 1, LOGIN_NO_EOF}, {'S', 2, OK}, {'C', 0, "03 'use stock'"}, NONE};

#define S_(sequence, payload) {'S', sequence, payload}
#define C_(sequence, payload) {'C', sequence, payload}
#define SAYS(anomaly, field, offset) ANOMALY_MYSQL_##anomaly, FIELD_MYSQL_##field, offset

static const struct row rows[] = {
    /* the server's first packet */
    {"greeting version", NULL, NULL, S_(0, "0b '9.9' 00"), SAYS(GREETING_VERSION, PROTOCOL_VERSION, 4), S_(0, GREETING_MYSQL8)},
    {"version without end", NULL, NULL, S_(0, "0a '5.5.5-10.11'"), SAYS(STRING_UNTERMINATED, SERVER_VERSION, 5), NONE},
    {"version too long", NULL, NULL, S_(0, "0a '5.5.5-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
        "00 2a000000 'ABCDEFGH' 00"), SAYS(GREETING_VERSION_LONG, SERVER_VERSION, 5), NONE},
    {"greeting without scramble", NULL, NULL, S_(0, "0a '5.7.1' 00 2a000000 'ABC'"), SAYS(FIELD_MISSING, AUTH_DATA, 18), S_(0, "0a '5.7.1' 00 2a000000 'ABCDEFGH' 00")},
    {"greeting out of order", NULL, NULL, S_(3, GREETING_MARIADB), SAYS(SEQUENCE, SEQUENCE, 3), S_(0, GREETING_MARIADB)},
    /* login */
    {"login out of order", greeted, NULL, C_(2, LOGIN_CLASSIC), SAYS(SEQUENCE, SEQUENCE, 3), C_(1, LOGIN_CLASSIC)},
    {"login of one byte", greeted, NULL, C_(1, "05"), SAYS(LOGIN_SHORT, LENGTH, 0), NONE},
    {"fixed part cut", greeted, NULL, C_(1, "05a20e00 00000001 2d"), SAYS(LOGIN_SHORT, LENGTH, 0), NONE},
    {"user without end", greeted, NULL, C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop'"), SAYS(USER_UNTERMINATED, USER, 36), NONE},
    {"no response", greeted, NULL, C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00"), SAYS(FIELD_MISSING, AUTH_RESPONSE_LENGTH, 41), C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 00")},
    {"response overruns", greeted, NULL, C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 ff" RESPONSE_20 NATIVE), SAYS(AUTH_RESPONSE_OVERRUN, AUTH_RESPONSE_LENGTH, 41), C_(1, LOGIN_CLASSIC)},
    {"response overruns by one", greeted, NULL, C_(1, LOGIN("05a20600", NO_EXTENDED) "'shop' 00 15" RESPONSE_20), SAYS(AUTH_RESPONSE_OVERRUN, AUTH_RESPONSE_LENGTH, 41), C_(1, LOGIN("05a20600", NO_EXTENDED) "'shop' 00 14" RESPONSE_20)},
    {"length of the response cut", greeted, NULL, C_(1, LOGIN_LENENC "fe 0102"), SAYS(LENENC_CUT, AUTH_RESPONSE_LENGTH, 41), C_(1, LOGIN_LENENC "fe 0000000000000000" NATIVE)},
    {"length of the response reserved", greeted, NULL, C_(1, LOGIN_LENENC "ff" RESPONSE_20 NATIVE), SAYS(LENENC_RESERVED, AUTH_RESPONSE_LENGTH, 41), C_(1, LOGIN_LENENC "14" RESPONSE_20 NATIVE)},
    {"length of the response is NULL", greeted, NULL, C_(1, LOGIN_LENENC "fb" RESPONSE_20 NATIVE), SAYS(LENENC_RESERVED, AUTH_RESPONSE_LENGTH, 41), NONE},
    {"length of the response huge", greeted, NULL, C_(1, LOGIN_LENENC "fe ffffffffffffffff" NATIVE), SAYS(AUTH_RESPONSE_OVERRUN, AUTH_RESPONSE_LENGTH, 41), NONE},
    {"scramble of 19 bytes", greeted, NULL, C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 13 0102030405060708090a0b0c0d0e0f10111213" NATIVE), SAYS(SCRAMBLE_LENGTH, AUTH_RESPONSE, 42), C_(1, LOGIN_CLASSIC)},
    {"scramble of 80 bytes", greeted, NULL, C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 50" RESPONSE_20 RESPONSE_20 RESPONSE_20 RESPONSE_20 NATIVE), SAYS(SCRAMBLE_OVERSIZE, AUTH_RESPONSE, 42),
        C_(1, LOGIN("05a20e00", NO_EXTENDED) "'shop' 00 50" RESPONSE_20 RESPONSE_20 RESPONSE_20 RESPONSE_20 "'sha256_password' 00")},
    {"database missing", greeted, NULL, C_(1, LOGIN_DATABASE), SAYS(FIELD_MISSING, DATABASE, 62), C_(1, LOGIN_DATABASE "00" NATIVE)},
    {"attributes missing", greeted, NULL, C_(1, LOGIN_ATTRS), SAYS(FIELD_MISSING, ATTRIBUTES_LENGTH, 64), C_(1, LOGIN_ATTRS "00")},
    {"attributes overrun", greeted, NULL, C_(1, LOGIN_ATTRS "05 01 'a' 01 'b'"), SAYS(ATTRIBUTES_OVERRUN, ATTRIBUTES_LENGTH, 64), C_(1, LOGIN_ATTRS "04 01 'a' 01 'b'")},
    {"attributes NULL", greeted, NULL, C_(1, LOGIN_ATTRS "fb"), SAYS(LENENC_RESERVED, ATTRIBUTES_LENGTH, 64), NONE},
    {"attribute pairs", greeted, NULL, C_(1, LOGIN_ATTRS "04 01 'a' 07 'b'"), SAYS(ATTRIBUTE_PAIRS, ATTRIBUTE_VALUE, 67), NONE},
    {"attribute names", greeted, NULL, C_(1, LOGIN_ATTRS "03 07 'ab'"), SAYS(ATTRIBUTE_PAIRS, ATTRIBUTE_NAME, 65), NONE},
    {"TLS not offered", greeted, NULL, C_(1, LOGIN_TLS), SAYS(SSL_NOT_OFFERED, CAPABILITIES, 4), NONE},
    {"TLS request too long", greeted8, NULL, C_(1, LOGIN_TLS "'shop' 00"), SAYS(SSL_REQUEST_LENGTH, LENGTH, 0), C_(1, LOGIN_TLS)},
    {"zstd level", greeted8, NULL, C_(1, LOGIN("05a20e04", NO_EXTENDED) "'shop' 00 00" NATIVE "17"), SAYS(ZSTD_LEVEL, ZSTD_LEVEL, 64), C_(1, LOGIN("05a20e04", NO_EXTENDED) "'shop' 00 00" NATIVE "16")},
    {"login trails", greeted, NULL, C_(1, LOGIN_CLASSIC "'junk'"), SAYS(TRAILING, TRAILING, 84), C_(1, LOGIN_CLASSIC)},
    {"old login without end", greeted, NULL, C_(1, "0d20 000000 'root' 00 'abcdefgh'"), SAYS(STRING_UNTERMINATED, AUTH_RESPONSE, 14), C_(1, "0d20 000000 'root' 00 'abcdefgh' 00 'test'")},
    /* authentication */
    {"switch without plugins", no_plugins, NULL, S_(2, "fe" NATIVE "'ABC' 00"), SAYS(AUTH_SWITCH_UNASKED, AUTH_PLUGIN, 4), S_(2, "fe")},
    {"switch without end", login_sent, NULL, S_(2, "fe 'mysql'"), SAYS(STRING_UNTERMINATED, AUTH_PLUGIN, 5), NONE},
    {"native response of 19", login_sent, asked_native, C_(3, "0102030405060708090a0b0c0d0e0f10111213"), SAYS(AUTH_RESPONSE_LENGTH, AUTH_RESPONSE, 4), C_(3, RESPONSE_20)},
    {"native response of 21", login_sent, asked_native, C_(3, RESPONSE_20 "00"), SAYS(AUTH_RESPONSE_LENGTH, AUTH_RESPONSE, 4), C_(3, "")},
    {"response out of order", login_sent, asked_native, C_(4, RESPONSE_20), SAYS(SEQUENCE, SEQUENCE, 3), C_(3, RESPONSE_20)},
    {"login twice", login_sent, NULL, C_(1, LOGIN_CLASSIC), SAYS(OUT_OF_TURN, SEQUENCE, 3), C_(0, "0e")},
    {"OK out of order", login_sent, NULL, S_(3, OK), SAYS(SEQUENCE, SEQUENCE, 3), S_(2, OK)},
    /* commands */
    {"command out of order", classic, NULL, C_(1, "0e"), SAYS(SEQUENCE, SEQUENCE, 3), C_(0, "0e")},
    {"empty command", classic, NULL, C_(0, ""), SAYS(EMPTY_COMMAND, LENGTH, 0), NONE},
    {"unknown command", classic, NULL, C_(0, "42"), SAYS(UNKNOWN_COMMAND, COMMAND, 4), NONE},
    {"internal command", classic, NULL, C_(0, "0f"), SAYS(UNKNOWN_COMMAND, COMMAND, 4), NONE},
    {"removed command", classic, NULL, C_(0, "05 'stock'"), SAYS(UNKNOWN_COMMAND, COMMAND, 4), C_(0, "02 'stock'")},
    {"GTID dump at MariaDB", classic, NULL, C_(0, "1e 0000 07000000 00000000"), SAYS(UNKNOWN_COMMAND, COMMAND, 4), NONE},
    {"table dump", classic, NULL, C_(0, "13 85 'db' 01 't'"), SAYS(TABLE_DUMP, DATABASE, 5), NONE},
    {"ping trails", classic, NULL, C_(0, "0e 00"), SAYS(TRAILING, TRAILING, 5), C_(0, "0e")},
    {"table name", mysql8, NULL, C_(0, "04 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 00"), SAYS(FIELD_LIST_NAME, TABLE, 5), C_(0, "04 't' 00")},
    {"pattern of columns", classic, NULL, C_(0, "04 't' 00 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"), SAYS(FIELD_LIST_NAME, WILDCARD, 7), C_(0, "04 't' 00 'a%'")},
    {"option", classic, NULL, C_(0, "1b 0200"), SAYS(SET_OPTION, OPTION, 5), C_(0, "1b 0100")},
    {"option, MySQL", mysql8, NULL, C_(0, "1b 00"), SAYS(BODY_SHORT, COMMAND_BODY, 5), C_(0, "1b 0000")},
    {"option, MariaDB", classic, NULL, C_(0, "1b 01"), SAYS(BODY_SHORT_TOLERATED, OPTION, 6), C_(0, "1b 0000")},
    {"kill without a number", mysql8, NULL, C_(0, "0c 0100"), SAYS(BODY_SHORT, COMMAND_BODY, 5), C_(0, "0c 01000000")},
    {"kill without a number, MariaDB", classic, NULL, C_(0, "0c 0100"), SAYS(BODY_SHORT_TOLERATED, COMMAND_BODY, 5), NONE},
    {"replica's host", classic, NULL, C_(0, "15 07000000 20 'r1' 00 00 ea0c 0000000000000000"), SAYS(REGISTER_SLAVE, REPLICA_HOST, 9), C_(0, "15 07000000 02 'r1' 00 00 ea0c 0000000000000000")},
    {"replica's port", classic, NULL, C_(0, "15 07000000 02 'r1' 00 00 ea0c 00000000000000"), SAYS(REGISTER_SLAVE, REPLICA_PORT, 14), NONE},
    {"replica's number", classic, NULL, C_(0, "15 0700"), SAYS(REGISTER_SLAVE, SERVER_ID, 5), NONE},
    {"GTID dump, name", mysql8, NULL, C_(0, "1e 0000 07000000 ff000000 00000000"), SAYS(BINLOG_DUMP, BINLOG_FILENAME, 11), NONE},
    {"GTID dump, set", mysql8, NULL, C_(0, "1e 0000 07000000 00000000 0400000000000000 30000000 00"), SAYS(BINLOG_DUMP, GTID_SET, 23), NONE},
    {"change user without database", classic, NULL, C_(0, "11 'admin' 00 00"), SAYS(CHANGE_USER, DATABASE, 12), C_(0, "11 'admin' 00 00 00 2d00" NATIVE)},
    {"change user, user alone", classic, NULL, C_(0, "11 'admin'"), SAYS(CHANGE_USER, USER, 5), NONE},
    {"change user, empty", classic, NULL, C_(0, "11"), SAYS(CHANGE_USER, USER, 5), NONE},
    {"change user, response", classic, NULL, C_(0, "11 'admin' 00 40 00 00"), SAYS(AUTH_RESPONSE_OVERRUN, AUTH_RESPONSE_LENGTH, 11), NONE},
    {"change user without plugin", classic, NULL, C_(0, "11 'admin' 00 00 00 2d00"), SAYS(CHANGE_USER, AUTH_PLUGIN, 15), NONE},
    /* values */
    {"execute cut", classic, prepared, C_(0, "17 01000000 00 010000"), SAYS(EXECUTE_SHORT, STATEMENT_ID, 5), C_(0, EXECUTE("01000000") "03 00")},
    {"execute of nothing", classic, NULL, C_(0, EXECUTE("09000000")), SAYS(STATEMENT_UNKNOWN, STATEMENT_ID, 5), NONE},
    {"fetch of nothing", classic, NULL, C_(0, "1c 09000000 01000000"), SAYS(STATEMENT_UNKNOWN, STATEMENT_ID, 5), C_(0, "19 09000000")},
    {"execute after a reset", classic, prepared_and_reset, C_(0, EXECUTE("01000000") "03 00"), SAYS(STATEMENT_UNKNOWN, STATEMENT_ID, 5), NONE},
    {"iterations", classic, prepared, C_(0, "17 01000000 00 02000000 03 00"), SAYS(ITERATIONS, ITERATIONS, 10), C_(0, EXECUTE("01000000") "03 00")},
    {"no NULLs", classic, prepared, C_(0, EXECUTE("01000000")), SAYS(PARAMETER_VALUES, NULL_BITMAP, 14), NONE},
    {"no types at first", classic, prepared, C_(0, EXECUTE("01000000") "00 00 07000000 01 'a'"), SAYS(TYPES_MISSING, TYPES_BOUND, 15), C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000 01 'a'")},
    {"flag of types", classic, prepared, C_(0, EXECUTE("01000000") "00 02 0300 fd00 07000000 01 'a'"), SAYS(TYPES_FLAG, TYPES_BOUND, 15), NONE},
    {"types cut", classic, prepared, C_(0, EXECUTE("01000000") "03 01 0300 fd"), SAYS(TYPES_SHORT, PARAMETER_TYPE, 18), C_(0, EXECUTE("01000000") "03 01 0300 fd00")},
    {"type that does not exist", classic, prepared, C_(0, EXECUTE("01000000") "03 01 0300 6400"), SAYS(PARAMETER_TYPE, PARAMETER_TYPE, 18), NONE},
    {"type with odd bits", classic, prepared, C_(0, EXECUTE("01000000") "03 01 0340 fd00"), SAYS(PARAMETER_TYPE, PARAMETER_TYPE, 16), C_(0, EXECUTE("01000000") "03 01 0380 fd00")},
    {"number cut", classic, prepared, C_(0, EXECUTE("01000000") "02 01 0300 fd00 0700"), SAYS(PARAMETER_VALUES, PARAMETER, 20), C_(0, EXECUTE("01000000") "02 01 0300 fd00 07000000")},
    {"last value missing", classic, prepared, C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000"), SAYS(PARAMETER_VALUES, PARAMETER, 24), NONE},
    {"string overruns, MariaDB", classic, prepared, C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000 09 'abc'"), SAYS(VALUE_CLIPPED, PARAMETER, 24), C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000 03 'abc'")},
    {"string overruns, MySQL", mysql8, prepared, C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000 09 'abc'"), SAYS(VALUE_OVERRUN, PARAMETER, 24), C_(0, EXECUTE("01000000") "00 01 0300 fd00 07000000 03 'abc'")},
    {"string length reserved, MySQL", mysql8, prepared, C_(0, EXECUTE("01000000") "01 01 0300 fd00 ff 0102030405060708"), SAYS(PARAMETER_VALUES, PARAMETER, 20), NONE},
    {"long data index", classic, prepared, C_(0, "18 01000000 0200 'x'"), SAYS(LONG_DATA_INDEX, PARAMETER_INDEX, 9), C_(0, "18 01000000 0100 'x'")},
    {"long data cut", mysql8, prepared, C_(0, "18 01000000 01"), SAYS(BODY_SHORT, COMMAND_BODY, 5), NONE},
    {"bulk indicator", mariadb_bulk, prepared, C_(0, "fa 01000000 8000 0300 fd00 00 01000000 07 01 'a'"), SAYS(BULK_INDICATOR, INDICATOR, 20), C_(0, "fa 01000000 8000 0300 fd00 00 01000000 03")},
    {"bulk, second row", mariadb_bulk, prepared, C_(0, "fa 01000000 8000 0300 fd00 01 01 00 02000000 07"), SAYS(BULK_LATER_ROW, INDICATOR, 22), C_(0, "fa 01000000 8000 0300 fd00 01 01 00 02000000 01")},
    {"bulk without rows", mariadb_bulk, prepared, C_(0, "fa 01000000 8000 0300 fd00"), SAYS(PARAMETER_VALUES, PARAMETER, 15), NONE},
    {"bulk without types", mariadb_bulk, prepared, C_(0, "fa 01000000 0000 01 01"), SAYS(TYPES_MISSING, BULK_FLAGS, 9), NONE},
    {"bulk row cut", mariadb_bulk, prepared, C_(0, "fa 01000000 8000 0300 fd00 00 01000000 01 00"), SAYS(BULK_LATER_ROW, PARAMETER, 22), NONE},
    {"bulk value cut", mariadb_bulk, prepared, C_(0, "fa 01000000 8000 0300 fd00 00 0100"), SAYS(PARAMETER_VALUES, PARAMETER, 16), NONE},
    {"query attributes, sets", with_attributes, NULL, C_(0, "03 01 02 00 01 0300 00 07000000 'select 1'"), SAYS(QUERY_ATTRIBUTES, PARAMETER_SETS, 6), C_(0, "03 00 01 'select 1'")},
    {"query attributes, name", with_attributes, NULL, C_(0, "03 01 01 00 01 0300 60 'n'"), SAYS(QUERY_ATTRIBUTES, QUERY_ATTRIBUTE, 11), C_(0, "03 01 01 00 01 0300 01 'n' 07000000 'select 1'")},
    {"query attributes, count", with_attributes, NULL, C_(0, "03 fc 00"), SAYS(LENENC_CUT, PARAMETER_COUNT, 5), NONE},
    /* answers */
    {"answer to nothing", classic, NULL, S_(1, OK), SAYS(UNSOLICITED, SEQUENCE, 0), S_(0, "ff 8707 '#70100Connection was killed'")},
    {"answer out of order", classic, ping, S_(2, OK), SAYS(SEQUENCE, SEQUENCE, 3), S_(1, OK)},
    {"result for a ping", classic, ping, S_(1, "02"), SAYS(WRONG_ANSWER, ANSWER, 4), S_(1, OK)},
    {"file asked of a select", local_files, query, S_(1, "fb '/etc/passwd'"), SAYS(INFILE_ROGUE, FILENAME, 4), S_(1, OK)},
    {"file asked though forbidden", classic, load_asked, S_(1, "fb '/etc/passwd'"), SAYS(INFILE_NOT_ALLOWED, FILENAME, 4), S_(1, OK)},
    {"no columns", classic, query, S_(1, "fd 000001"), SAYS(COLUMN_COUNT, COLUMN_COUNT, 4), S_(1, "fc 0010")},
    {"count trails", classic, query, S_(1, "02 02 02"), SAYS(SERVER_TRAILING, TRAILING, 5), S_(1, "02")},
    {"name overruns", classic, query, S_(1, "ff 2804 '#420'"), SAYS(FIELD_MISSING, SQL_STATE, 11), S_(1, ERROR_SYNTAX)},
    {"error of two bytes", classic, query, S_(1, "ff 28"), SAYS(FIELD_MISSING, ERROR_CODE, 4), NONE},
    {"EOF length", classic, two_columns, S_(4, "fe 0000 02"), SAYS(EOF_LENGTH, LENGTH, 0), S_(4, EOF_PACKET)},
    {"row overruns", classic, rows_due, S_(5, "01 '7' 09 'abc'"), SAYS(ROW_OVERRUN, ROW, 6), S_(5, "01 '7' 03 'abc'")},
    {"row length cut", classic, rows_due, S_(5, "01 '7' fc 01"), SAYS(LENENC_CUT, ROW, 6), S_(5, "01 '7' fc 0100 'a'")},
    {"row length reserved", classic, rows_due, S_(5, "01 '7' ff"), SAYS(LENENC_RESERVED, ROW, 6), S_(5, "01 '7' fb")},
    {"row short", classic, rows_due, S_(5, "01 '7'"), SAYS(ROW_SHORT, ROW, 6), S_(5, "01 '7' 00")},
    {"row long", classic, rows_due, S_(5, "01 '7' 00 00"), SAYS(ROW_LONG, ROW, 7), NONE},
    {"binary row header", classic, binary_due, S_(6, "01 00 07000000 00 00"), SAYS(BINARY_ROW_HEADER, ROW, 4), S_(6, "00 00 07000000 00 00")},
    {"binary row without bitmap", classic, binary_due, S_(6, "00"), SAYS(ROW_SHORT, ROW, 5), NONE},
    {"binary string overruns", classic, binary_due, S_(6, "00 10 07000000 20 'abc'"), SAYS(ROW_OVERRUN, ROW, 10), S_(6, "00 10 07000000 03 'abc'")},
    {"binary date", classic, binary_due, S_(6, "00 08 07000000 05 e6070c1f00"), SAYS(TEMPORAL_LENGTH, ROW, 10), S_(6, "00 08 07000000 04 e6070c1f")},
    {"binary row long", classic, binary_due, S_(6, "00 1c 00"), SAYS(ROW_LONG, ROW, 6), S_(6, "00 1c")},
    {"text of OK overruns", classic, query, S_(1, "00 00 00 0200 0000 10 'abc'"), SAYS(OK_OVERRUN, INFO, 11), S_(1, "00 00 00 0200 0000 03 'abc'")},
    {"text of OK by the specification", classic, query, S_(1, "00 00 00 0200 0000 fc 3000 'abc'"), SAYS(OK_OVERRUN, INFO, 11), S_(1, "00 00 00 0200 0000 'Rows matched: 3'")},
    {"OK trails", classic, query, S_(1, "00 00 00 0200 0000 03 'abc' 00"), SAYS(SERVER_TRAILING, TRAILING, 15), NONE},
    {"OK cut", classic, query, S_(1, "00 00 00 02"), SAYS(FIELD_MISSING, STATUS, 7), NONE},
    {"session state overruns", tracked, NULL, S_(1, "00 00 00 0240 0000 00 30 01 06 05 'stock'"), SAYS(OK_OVERRUN, SESSION_STATE, 13), S_(1, "00 00 00 0240 0000 00 08 01 06 05 'stock'")},
    {"session state pairs", tracked, NULL, S_(1, "00 00 00 0240 0000 00 08 01 26 05 'stock'"), SAYS(SESSION_STATE, SESSION_STATE, 13), NONE},
    {"progress unasked", classic, query, S_(1, "ff ffff 01 01 02 102700 00"), SAYS(PROGRESS, ERROR_CODE, 5), NONE},
    {"rejected", classic, ping, S_(1, ERROR_UNKNOWN_COMMAND), SAYS(REJECTED, ERROR_CODE, 5), S_(1, ERROR_SYNTAX)},
    {"rejected login", login_sent, NULL, S_(2, "ff 1304 '#08S01Bad handshake'"), SAYS(REJECTED, ERROR_CODE, 5), S_(2, "ff 1504 '#28000Access denied'")},
    {"column name overruns", classic, column_due, S_(2, "03 'def' 04 'shop' 60 't'"), SAYS(LENENC_OVERRUN, TABLE, 13), S_(2, COLUMN_LONG)},
    {"column definition of 11", classic, column_due, S_(2, "03 'def' 00 00 00 01 'a' 00 0b 3f00 0b000000 03 0000 00 00"), SAYS(COLUMN_DEFINITION, COLUMN_DEFINITION, 14), NONE},
    {"column definition cut", classic, column_due, S_(2, "03 'def' 00 00 00 01 'a' 00 0c 3f00 0b"), SAYS(COLUMN_DEFINITION, COLUMN_DEFINITION, 15), NONE},
    {"definitions missing", classic, column_due, S_(2, EOF_PACKET), SAYS(DEFINITIONS_MISSING, COLUMN_COUNT, 4), NONE},
    {"event header", classic, dump_asked, S_(1, "00 0000"), SAYS(EVENT_HEADER, EVENT_LENGTH, 5), NONE},
    {"event length", classic, dump_asked, S_(1, "00 00000000 04 01000000 33000000 00000000 2000"), SAYS(EVENT_LENGTH, EVENT_LENGTH, 14), S_(1, "00 00000000 04 01000000 13000000 00000000 2000")},
};
/* clang-format on */

static bool is_said(struct talk *t, const struct row *row)
{
    const struct report *found = talk_find(t, row->anomaly);
    bool right = found && found->field == row->field && found->offset == row->offset &&
                 t->reports_used == 1 + (row->anomaly == ANOMALY_MYSQL_TABLE_DUMP);
    if (!right)
        print_error("\"%s\": expected %s, %s at %u\n", row->name, anomaly_row(row->anomaly)->name, field_name(row->field),
                    row->offset);
    for (unsigned i = 0; i < t->reports_used && !right; i++)
        print_error("  said %s, %s at %u\n", anomaly_row((enum anomaly)t->reports[i].anomaly)->name,
                    field_name((enum field)t->reports[i].field), t->reports[i].offset);
    return right;
}

static void damage(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct talk *t = talk_after(row->before, row->then);
        play_one(t, &row->damaged);
        wrong += !is_said(t, row);
        talk_close(t);
        if (!row->legal.from)
            continue;
        t = talk_after(row->before, row->then);
        play_one(t, &row->legal);
        if (t->reports_used || t->unread)
            print_error("the legal neighbour of \"%s\"\n", row->name);
        talk_expect_silence(t);
        assert_int_equal(t->unread, 0);
        talk_close(t);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests_name("mysql damage", tests, NULL, NULL);
}
