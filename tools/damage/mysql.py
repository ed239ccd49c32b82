"""Damage to MySQL and MariaDB traffic. Greeting and logins are those of real servers and clients; the messages after
them follow the specification. Offsets count from the packet's header on."""
import zlib

from row import Row, both, chop, put
from wire import octets

PORT = 3306


def packet(side, sequence, payload):
    payload = octets(payload)
    return side, len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def C(sequence, payload):
    return packet("C", sequence, payload)


def S(sequence, payload):
    return packet("S", sequence, payload)


# ---- edits

def fixed(b):
    return (len(b) - 4).to_bytes(3, "little") + b[3:]


def cut(at):
    """The packet ends here, and its header says so."""
    return lambda b: fixed(b[:at])


def add(at, written):
    return lambda b: fixed(b[:at] + octets(written) + b[at:])


def drop(at, count):
    return lambda b: fixed(b[:at] + b[at + count:])


def end(written):
    return lambda b: fixed(b + octets(written))


def length(change):
    return lambda b: ((int.from_bytes(b[:3], "little") + change) & 0xFFFFFF).to_bytes(3, "little") + b[3:]


def sequence(number):
    return lambda b: b[:3] + bytes([number]) + b[4:]


def instead(payload):
    return lambda b: fixed(b[:4] + octets(payload))


# ---- messages

SCRAMBLE = "'5bQ$Z|R$' 00"
NATIVE = "'mysql_native_password' 00"
GREETING = "0a '5.5.5-10.11.19-MariaDB-0+deb12u1-log' 00 07000000 " + SCRAMBLE + \
    " fef7 08 0200 ff81 15 000000000000 1d000000 '8.}NMt#ODgD4' 00 " + NATIVE
GREETING_TLS = GREETING.replace("fef7", "feff")
GREETING_8 = "0a '8.0.36' 00 2b000000 " + SCRAMBLE + " ffff ff 0200 ffdf 15 " + "00" * 10 + " '8.}NMt#ODgD4' 00 " + \
    "'caching_sha2_password' 00"
RESPONSE = "dc41e763bc85cf3eaa28a299051e350c7e2840c9"
ATTRIBUTES = "31 0c '_client_name' 0c 'Node-MySQL-2' 0f '_client_version' 06 '3.24.6'"


def login(capabilities, rest, extended="00000000"):
    return capabilities + " 00000001 e0 " + "00" * 19 + extended + " 'app' 00 " + rest


# As mysql2 sends it. The user is at 36, the response's length at 40, the database at 61, the attributes' length at 88.
LOGIN = C(1, login("cef3ba00", "14" + RESPONSE + " 'shop' 00 " + NATIVE + ATTRIBUTES))
LOGIN_NO_FILES = C(1, login("4ef3ba00", "14" + RESPONSE + " 'shop' 00 " + NATIVE + ATTRIBUTES))
OK = "00 00 00 0200 0000"
EOF = "fe 0000 0200"
TRACKED_OK = "00 00 00 0240 0000 00 07 01 05 04 'shop'"


def error(code, state, text):
    return "ff " + code.to_bytes(2, "little").hex() + " '#" + state + text + "'"


BAD_HANDSHAKE = error(1043, "08S01", "Bad handshake")
UNKNOWN_COMMAND = error(1047, "08S01", "Unknown command")
OUT_OF_ORDER = error(1156, "08S01", "Got packets out of order")
MALFORMED = error(1835, "HY000", "Malformed communication packet")
WRONG_ARGUMENTS = error(1210, "HY000", "Incorrect arguments to mysqld_stmt_execute")
UNKNOWN_STATEMENT = error(1243, "HY000", "Unknown prepared statement handler")
SYNTAX = error(1064, "42000", "You have an error in your SQL syntax")
CANNOT_OPEN = error(1157, "08S01", "Could not uncompress communication packet")
DENIED = error(1045, "28000", "Access denied for user app")

GREETED = [S(0, GREETING)]
GREETED_TLS = [S(0, GREETING_TLS)]
GREETED_8 = [S(0, GREETING_8)]
MARIADB = GREETED + [LOGIN, S(2, TRACKED_OK)]
MARIADB_NO_FILES = GREETED + [LOGIN_NO_FILES, S(2, TRACKED_OK)]
PLAIN_8 = C(1, login("0da20e00", "14" + RESPONSE + " 'shop' 00 " + NATIVE))
MYSQL_8 = GREETED_8 + [PLAIN_8, S(2, "fe " + NATIVE + "'5bQ$Z|R$8.}NMt#ODgD4' 00"), C(3, RESPONSE), S(4, OK)]
ATTRIBUTED = GREETED_8 + [C(1, login("0da28e08", "14" + RESPONSE + " 'shop' 00 " + NATIVE)),
                          S(2, "fe " + NATIVE + "'5bQ$Z|R$8.}NMt#ODgD4' 00"), C(3, RESPONSE), S(4, OK)]
BULK = GREETED + [C(1, login("8ca2bf00", "14" + RESPONSE + " 'shop' 00 " + NATIVE + ATTRIBUTES, "04000000")), S(2, TRACKED_OK)]
ZLIB = GREETED + [C(1, login("2ca20e00", "14" + RESPONSE + " 'shop' 00 " + NATIVE)), S(2, OK)]


def column(name, kind, width):
    return "03 'def' 04 'shop' 08 'customer' 08 'customer' %02x '%s' %02x '%s' 0c 3f00 %s %s 0342 00 0000" % (
        len(name), name, len(name), name, width, kind)


ID, NAME, SINCE = column("id", "03", "0b000000"), column("name", "fd", "f0000000"), column("since", "0c", "13000000")
PARAMETER = "03 'def' 00 00 00 01 '?' 00 0c 3f00 00000000 06 8000 00 0000"
QUERY = C(0, "03 'select id, name from customer'")
ASKED = [QUERY]
COLUMNS_DUE = ASKED + [S(1, "02")]
ROWS_DUE = COLUMNS_DUE + [S(2, ID), S(3, NAME), S(4, EOF)]
ROW = S(5, "01 '1' 0a 'Customer 1'")
PING = [C(0, "0e")]
CHANGE_USER = C(0, "11 'other' 00 00 00 2d00 " + NATIVE + "00")
PREPARED = [C(0, "16 'insert into incoming values (?, ?)'"), S(1, "00 01000000 0000 0200 00 0000"), S(2, PARAMETER),
            S(3, PARAMETER), S(4, EOF)]
EXECUTE = C(0, "17 01000000 00 01000000 00 01 0300 fd00 07000000 03 'one'")
BINARY_DUE = [C(0, "16 'select id, name, since from customer where id > ?'"), S(1, "00 02000000 0300 0100 00 0000"),
              S(2, PARAMETER), S(3, EOF), S(4, ID), S(5, NAME), S(6, SINCE), S(7, EOF),
              C(0, "17 02000000 00 01000000 00 01 0300 05000000"), S(1, "03"), S(2, ID), S(3, NAME), S(4, SINCE), S(5, EOF)]
BINARY_ROW = S(6, "00 00 07000000 03 'Ann' 04 e6070c1f")
DUMP = [C(0, "12 04000000 0000 07000000 'binlog.000001'")]
EVENT = S(1, "00 00000000 04 01000000 13000000 00000000 2000")
LOAD = "03 'load data local infile ' 22 'rows.tsv' 22 ' into table incoming'"
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)


def refused(sequence, text):
    """The server says why and closes."""
    return [S(sequence, text), SERVER_ENDS]


def goes_on(sequence, text):
    """The server says why; the client takes leave."""
    return [S(sequence, text), C(0, "01"), CLIENT_ENDS]


def takes_it(*answers):
    """The server lets it pass."""
    return list(answers) + [C(0, "01"), CLIENT_ENDS]


LOGIN_ROWS = [
    Row("greeting: a version that does not exist", [], S(0, GREETING), put(4, "0b"),
        "mysql.greeting-version mysql.protocol_version 4", [CLIENT_ENDS]),
    Row("greeting: version string without its end", [], S(0, GREETING), cut(20),
        "mysql.string-unterminated mysql.server_version 5", [CLIENT_ENDS]),
    Row("greeting: version string of 300 bytes", [], S(0, GREETING), add(6, b"9" * 300),
        "mysql.server-version-long mysql.server_version 5", [CLIENT_ENDS]),
    Row("greeting: ends inside the scramble", [], S(0, GREETING), cut(50),
        "mysql.field-missing mysql.auth_data 50", [CLIENT_ENDS]),
    Row("greeting: wrong sequence number", [], S(0, GREETING), sequence(1), "mysql.sequence mysql.sequence 3", [CLIENT_ENDS]),
    Row("greeting: never completed", [], S(0, GREETING), chop(60), "mysql.incomplete-message mysql.length 0", [SERVER_ENDS]),
    Row("login: wrong sequence number", GREETED, LOGIN, sequence(0), "mysql.sequence mysql.sequence 3", refused(2, OUT_OF_ORDER)),
    Row("login: length up by ten, the rest never comes", GREETED, LOGIN, length(10),
        "mysql.incomplete-message mysql.length 0", [("wait", 5), SERVER_ENDS]),
    Row("login: length up by one, the server answers all the same", GREETED, LOGIN, length(1),
        "mysql.incomplete-message mysql.length 0; S: mysql.rejected-by-server mysql.error_code 5",
        refused(2, BAD_HANDSHAKE)),
    Row("login: length down by seven", GREETED, LOGIN, length(-7),
        "mysql.attributes-overrun mysql.attributes_length 88; mysql.out-of-turn mysql.sequence 3", refused(2, BAD_HANDSHAKE)),
    Row("login: length of zero", GREETED, LOGIN, length(-(len(LOGIN[1]) - 4)),
        "mysql.login-short mysql.length 0; mysql.login-oversize mysql.length 0; mysql.incomplete-message mysql.length 0",
        refused(2, BAD_HANDSHAKE)),
    Row("login: length wrapped to almost 16 MiB", GREETED, LOGIN, put(0, "ffffff"),
        "mysql.login-oversize mysql.length 0; mysql.incomplete-message mysql.length 0", [SERVER_ENDS]),
    Row("login: one byte larger than any login", GREETED, LOGIN, put(0, "011001"),
        "mysql.login-oversize mysql.length 0; mysql.incomplete-message mysql.length 0", [SERVER_ENDS]),
    Row("login: fixed part cut", GREETED, LOGIN, cut(30), "mysql.login-short mysql.length 0", refused(2, BAD_HANDSHAKE)),
    Row("login: user name without its NUL", GREETED, LOGIN, cut(39), "mysql.user-unterminated mysql.user 36",
        refused(2, BAD_HANDSHAKE)),
    Row("login: ends before the response", GREETED, LOGIN, cut(40), "mysql.field-missing mysql.auth_response_length 40",
        refused(2, BAD_HANDSHAKE)),
    Row("login: length of the response ends in its middle (CVE-2017-3599)", GREETED, LOGIN,
        both(cut(40), end("fe ffffffff")), "mysql.lenenc-cut mysql.auth_response_length 40", refused(2, BAD_HANDSHAKE)),
    Row("login: length of the response wrapped", GREETED, LOGIN, both(drop(40, 1), add(40, "fe ffffffffffffffff")),
        "mysql.auth-response-overrun mysql.auth_response_length 40", refused(2, BAD_HANDSHAKE)),
    Row("login: response of 250 bytes in a packet of less", GREETED, LOGIN, put(40, "fa"),
        "mysql.auth-response-overrun mysql.auth_response_length 40", refused(2, BAD_HANDSHAKE)),
    Row("login: length of the response is NULL", GREETED, LOGIN, put(40, "fb"),
        "mysql.lenenc-reserved mysql.auth_response_length 40", refused(2, BAD_HANDSHAKE)),
    Row("login: length of the response begins with 0xff", GREETED, LOGIN, put(40, "ff"),
        "mysql.lenenc-reserved mysql.auth_response_length 40", refused(2, BAD_HANDSHAKE)),
    Row("login: native response of 19 bytes", GREETED, LOGIN, both(put(40, "13"), drop(41, 1)),
        "mysql.login-scramble-length mysql.auth_response 41; S: mysql.rejected-by-server mysql.error_code 5", refused(2, BAD_HANDSHAKE)),
    Row("login: native response of 100 bytes (CVE-2004-0628)", GREETED, LOGIN, both(put(40, "64"), add(41, b"\x31" * 80)),
        "mysql.login-scramble-oversize mysql.auth_response 41", refused(2, BAD_HANDSHAKE)),
    Row("login: ends inside the database", GREETED, LOGIN, cut(63), "mysql.field-missing mysql.attributes_length 63",
        refused(2, BAD_HANDSHAKE)),
    Row("login: attributes longer than the packet", GREETED, LOGIN, put(88, "f0"),
        "mysql.attributes-overrun mysql.attributes_length 88", refused(2, BAD_HANDSHAKE)),
    Row("login: a pair of attributes that does not add up", GREETED, LOGIN, put(102, "70"),
        "mysql.attribute-pairs mysql.attribute_value 102", takes_it(S(2, TRACKED_OK))),
    Row("login: bytes after the last field", GREETED, LOGIN, end("'trailing'"), "mysql.trailing-bytes mysql.trailing 138",
        takes_it(S(2, TRACKED_OK))),
    Row("login: TLS that was not offered", GREETED, LOGIN, both(cut(36), put(4, "cefb")),
        "mysql.ssl-not-offered mysql.capabilities 4", refused(2, BAD_HANDSHAKE)),
    Row("login: request for TLS with a whole login in it", GREETED_TLS, LOGIN, put(4, "cefb"),
        "mysql.ssl-request-length mysql.length 0", [("C", octets("16 0301 002d 01000029 0303" + "00" * 33 + "0002 1301 0100")), CLIENT_ENDS]),
    Row("login: a query injected after the request for TLS", GREETED_TLS, C(1, "cefbba00 00000001 e0 " + "00" * 23),
        lambda b: [("C", b), ("C", C(2, "03 'drop table customer'")[1])], "db.clear-after-tls - 0", [SERVER_ENDS]),
    Row("login: level of zstd that does not exist", GREETED_8, C(1, login("05a20e04", "00" + NATIVE + "03")),
        put(64 - 1, "64"), "mysql.zstd-level mysql.zstd_level 63", refused(2, error(3923, "HY000", "Invalid level"))),
    Row("login: sent twice", GREETED, LOGIN, lambda b: [("C", b), ("C", b)], "mysql.out-of-turn mysql.sequence 3; S: mysql.rejected-by-server mysql.error_code 5",
        refused(2, OUT_OF_ORDER)),
    Row("login: of before 4.1, without its last NUL", GREETED, C(1, "0d20 000000 'app' 00 'abcdefgh' 00 'shop'"), cut(21),
        "mysql.string-unterminated mysql.auth_response 13", refused(2, BAD_HANDSHAKE)),
    Row("login: the server closes without a word", GREETED, None, [LOGIN],
        "S: mysql.closed-without-answer db.phase 0", [SERVER_ENDS], twin=GREETED),
    Row("login: refused, nobody knows why", GREETED, None, [LOGIN], "S: mysql.rejected-by-server mysql.error_code 5",
        refused(2, BAD_HANDSHAKE), twin=GREETED),
    Row("switch: a plugin for a client that knows none", GREETED + [C(1, login("05a20600", "14" + RESPONSE))],
        S(2, OK), instead("fe " + NATIVE + "'5bQ$Z|R$8.}NMt#ODgD4' 00"), "mysql.auth-switch-unasked mysql.auth_plugin 4",
        [CLIENT_ENDS]),
    Row("switch: name of the plugin without its end", GREETED + [LOGIN], S(2, "fe " + NATIVE + "'5bQ$Z|R$8.}NMt#ODgD4' 00"),
        cut(20), "mysql.string-unterminated mysql.auth_plugin 5", [CLIENT_ENDS]),
    Row("switch: native response of 19 bytes", MYSQL_8[:3], MYSQL_8[3], cut(23), "mysql.auth-response-length mysql.auth_response 4",
        refused(4, BAD_HANDSHAKE)),
    Row("switch: wrong sequence number", MYSQL_8[:3], MYSQL_8[3], sequence(5), "mysql.sequence mysql.sequence 3",
        refused(4, OUT_OF_ORDER)),
    Row("switch: password of 4 KiB in clear (CVE-2026-35549)", GREETED + [LOGIN, S(2, "fe 'mysql_clear_password' 00")],
        C(3, "'app-word' 00"), instead(b"A" * 4096), "mysql.auth-response-oversize mysql.auth_response 4", refused(4, DENIED)),
    Row("proxy: v1 without its ports", [], None,
        [("C", b"PROXY TCP4 192.0.2.1 192.0.2.2\r\n")], "mysql.proxy-header mysql.proxy_header 6", [SERVER_ENDS]),
    Row("proxy: v1 UNKNOWN and an address (CVE-2026-48772)", [], None, [("C", b"PROXY UNKNOWN 10.0.0.1 10.0.0.2 1 2\r\n")],
        "mysql.proxy-unknown-address mysql.proxy_header 13", MARIADB + [C(0, "01"), CLIENT_ENDS]),
    Row("proxy: v2 with addresses cut", [], None, [("C", octets("0d0a0d0a000d0a515549540a 21 11 0004 c0000201"))],
        "mysql.proxy-header mysql.proxy_header 14", [SERVER_ENDS]),
    Row("another protocol: HTTP", [], None, [("C", b"GET / HTTP/1.1\r\nHost: db\r\n\r\n")],
        "db.wrong-protocol db.spoken 0", [SERVER_ENDS]),
]

COMMAND_ROWS = [
    Row("command: wrong sequence number", MARIADB, QUERY, sequence(1), "mysql.sequence mysql.sequence 3", refused(1, OUT_OF_ORDER)),
    Row("command: length down by four", MARIADB, QUERY, length(-4), "mysql.sequence mysql.sequence 3", refused(1, OUT_OF_ORDER)),
    Row("command: length up by four, the client waits", MARIADB, QUERY, length(4), "mysql.incomplete-message mysql.length 0",
        [("wait", 40), SERVER_ENDS]),
    Row("command: never completed, the client goes", MARIADB, QUERY, chop(12), "mysql.incomplete-message mysql.length 0",
        [CLIENT_ENDS]),
    Row("command: half a header, then a reset", MARIADB, QUERY, chop(3), "mysql.incomplete-message db.message_bytes 0",
        [("C!", None)]),
    Row("command: empty", MARIADB, QUERY, cut(4), "mysql.empty-command mysql.length 0", goes_on(1, UNKNOWN_COMMAND)),
    Row("command: unknown", MARIADB, QUERY, put(4, "42"), "mysql.unknown-command mysql.command 4", goes_on(1, UNKNOWN_COMMAND)),
    Row("command: one that only servers use", MARIADB, C(0, "0e"), put(4, "0f"), "mysql.unknown-command mysql.command 4",
        goes_on(1, UNKNOWN_COMMAND)),
    Row("command: sent by the server", MARIADB, None, [("S", QUERY[1])], "mysql.unsolicited-packet mysql.sequence 0", [CLIENT_ENDS]),
    Row("command: an answer sent by the client", MARIADB, None, [C(1, OK)], "mysql.sequence mysql.sequence 3",
        refused(2, OUT_OF_ORDER)),
    Row("ping: bytes after it", MARIADB, C(0, "0e"), end("'ing'"), "mysql.trailing-bytes mysql.trailing 5",
        takes_it(S(1, OK))),
    Row("kill: number cut, MySQL", MYSQL_8, C(0, "0c 07000000"), cut(7), "mysql.body-short mysql.command_body 5",
        goes_on(1, MALFORMED)),
    Row("kill: number cut, MariaDB", MARIADB, C(0, "0c 07000000"), cut(7), "mysql.body-short-tolerated mysql.command_body 5",
        goes_on(1, error(1094, "HY000", "Unknown thread id"))),
    Row("field list: table name of 300 bytes (CVE-2010-1850)", MARIADB, C(0, "04 'customer' 00"), add(5, b"c" * 300),
        "mysql.field-list-name mysql.table 5", goes_on(1, UNKNOWN_COMMAND)),
    Row("set option: one that does not exist", MARIADB, C(0, "1b 0100"), put(5, "09"), "mysql.set-option mysql.option 5",
        goes_on(1, UNKNOWN_COMMAND)),
    Row("table dump: name longer than the packet (CVE-2006-1518)", MARIADB, C(0, "0e"), instead("13 f0 'shop' 08 'customer'"),
        "mysql.table-dump-layout mysql.database 5; mysql.unknown-command mysql.command 4", goes_on(1, UNKNOWN_COMMAND)),
    Row("change user: user without its NUL", MARIADB, CHANGE_USER, cut(10),
        "mysql.change-user-layout mysql.user 5", refused(1, UNKNOWN_COMMAND)),
    Row("change user: response longer than the packet", MARIADB, CHANGE_USER, put(11, "f0"),
        "mysql.auth-response-overrun mysql.auth_response_length 11", refused(1, UNKNOWN_COMMAND)),
    Row("register replica: host longer than the packet", MARIADB, C(0, "15 07000000 02 'r1' 00 00 ea0c 0000000000000000"),
        put(9, "f0"), "mysql.register-slave-layout mysql.replica_host 9; S: mysql.rejected-by-server mysql.error_code 5",
        goes_on(1, error(1105, "HY000", "Failed to register slave: too long report-host"))),
    Row("binlog dump: name of 600 bytes", MARIADB, DUMP[0], end(b"0" * 600), "mysql.binlog-filename mysql.binlog_filename 15",
        [S(1, EOF), SERVER_ENDS]),
    Row("binlog dump GTID: set longer than the packet", MYSQL_8, C(0, "1e 0000 07000000 00000000 0400000000000000 08000000 " + "00" * 8),
        put(23, "ff"), "mysql.binlog-dump-layout mysql.gtid_set 23", goes_on(1, MALFORMED)),
    Row("execute: fixed part cut", MARIADB + PREPARED, EXECUTE, cut(12), "mysql.execute-short mysql.statement_id 5",
        goes_on(1, MALFORMED)),
    Row("execute: a statement that does not exist", MARIADB + PREPARED, EXECUTE, put(5, "09"),
        "mysql.statement-unknown mysql.statement_id 5", goes_on(1, UNKNOWN_STATEMENT)),
    Row("execute: iteration count of 16", MARIADB + PREPARED, EXECUTE, put(10, "10"),
        "mysql.execute-iterations mysql.iterations 10", takes_it(S(1, OK))),
    Row("execute: no types at first", MARIADB + PREPARED, EXECUTE, both(put(15, "00"), drop(16, 4)),
        "mysql.types-missing mysql.types_bound 15", goes_on(1, WRONG_ARGUMENTS)),
    Row("execute: neither types nor none", MARIADB + PREPARED, EXECUTE, put(15, "02"),
        "mysql.types-flag mysql.types_bound 15", goes_on(1, MALFORMED)),
    Row("execute: types cut", MARIADB + PREPARED, EXECUTE, cut(19), "mysql.types-short mysql.parameter_type 18",
        goes_on(1, MALFORMED)),
    Row("execute: a type that does not exist", MARIADB + PREPARED, EXECUTE, put(18, "64"),
        "mysql.parameter-type mysql.parameter_type 18", goes_on(1, WRONG_ARGUMENTS)),
    Row("execute: number cut", MARIADB + PREPARED, EXECUTE, cut(22), "mysql.parameter-values mysql.parameter 20",
        goes_on(1, WRONG_ARGUMENTS)),
    Row("execute: string longer than the packet, MySQL", MYSQL_8 + PREPARED, EXECUTE, put(24, "70"),
        "mysql.value-overrun mysql.parameter 24", goes_on(1, MALFORMED)),
    Row("execute: string longer than the packet, MariaDB", MARIADB + PREPARED, EXECUTE, put(24, "70"),
        "mysql.value-clipped mysql.parameter 24", takes_it(S(1, OK))),
    Row("long data: for a parameter that does not exist", MARIADB + PREPARED, C(0, "18 01000000 0100 'part'"), put(9, "07"),
        "mysql.long-data-index mysql.parameter_index 9", [C(0, "01"), CLIENT_ENDS]),
    Row("bulk: an indicator that does not exist", BULK + PREPARED, C(0, "fa 01000000 8000 0300 fd00 00 01000000 00 03 'one'"),
        put(20, "09"), "mysql.bulk-indicator mysql.indicator 20", goes_on(1, WRONG_ARGUMENTS)),
    Row("bulk: the second row is cut", BULK + PREPARED,
        C(0, "fa 01000000 8000 0300 fd00 00 01000000 00 03 'one' 00 02000000 00 03 'two'"), cut(28),
        "mysql.bulk-later-row mysql.parameter 26; S: mysql.rejected-by-server mysql.error_code 5", goes_on(1, WRONG_ARGUMENTS)),
    Row("attributes of a query: two sets", ATTRIBUTED, C(0, "03 01 01 00 01 0300 01 'n' 07000000 'select 1'"), put(6, "02"),
        "mysql.query-attributes mysql.parameter_sets 6", goes_on(1, MALFORMED)),
    Row("attributes of a query: name longer than the packet", ATTRIBUTED,
        C(0, "03 01 01 00 01 0300 01 'n' 07000000 'select 1'"), put(11, "60"),
        "mysql.query-attributes mysql.query_attribute 11", goes_on(1, MALFORMED)),
    Row("attributes of a query: count ends in its middle", ATTRIBUTED, C(0, "03 00 01 'select 1'"), instead("03 fd 00"),
        "mysql.lenenc-cut mysql.parameter_count 5", goes_on(1, MALFORMED)),
    Row("command: refused as unknown, nobody knows why", MARIADB, None, PING, "S: mysql.rejected-by-server mysql.error_code 5",
        goes_on(1, UNKNOWN_COMMAND), twin=MARIADB),
]

ANSWER_ROWS = [
    Row("answer: to nothing", MARIADB, None, [S(1, OK)], "mysql.unsolicited-packet mysql.sequence 0", [CLIENT_ENDS], twin=MARIADB),
    Row("answer: wrong sequence number", MARIADB + PING, S(1, OK), sequence(3), "mysql.sequence mysql.sequence 3", [CLIENT_ENDS]),
    Row("answer: a result for a ping", MARIADB + PING, S(1, OK), instead("02"), "mysql.wrong-answer mysql.answer 4", [CLIENT_ENDS]),
    Row("answer: a file asked of a select, by a rogue server", MARIADB + ASKED, S(1, "02"), instead("fb '/etc/passwd'"),
        "mysql.infile-rogue mysql.filename 4", [C(2, ""), CLIENT_ENDS]),
    Row("answer: a file asked of a client that forbade it", MARIADB_NO_FILES + [C(0, LOAD)], S(1, SYNTAX),
        instead("fb '/etc/passwd'"), "mysql.infile-not-allowed mysql.filename 4", [C(2, ""), CLIENT_ENDS]),
    Row("answer: length up, the rest never comes", MARIADB + PING, S(1, OK), length(9),
        "mysql.incomplete-message mysql.length 0", [SERVER_ENDS]),
    Row("answer: OK cut", MARIADB + PING, S(1, OK), cut(8), "mysql.field-missing mysql.status 7", [CLIENT_ENDS]),
    Row("answer: text of an OK longer than the packet (CVE-2020-13249)", MARIADB + ASKED, S(1, TRACKED_OK), put(11, "70"),
        "mysql.ok-overrun mysql.info 11", [CLIENT_ENDS]),
    Row("answer: session state longer than the packet", MARIADB + ASKED, S(1, TRACKED_OK), put(12, "70"),
        "mysql.ok-overrun mysql.session_state 13", [CLIENT_ENDS]),
    Row("answer: session state that does not divide", MARIADB + ASKED, S(1, TRACKED_OK), put(14, "60"),
        "mysql.session-state mysql.session_state 13", [CLIENT_ENDS]),
    Row("answer: bytes after an OK", MYSQL_8 + PING, S(1, "00 00 00 0200 0000 00"), end("'more'"),
        "mysql.server-trailing-bytes mysql.trailing 12", [CLIENT_ENDS]),
    Row("answer: error without its code", MARIADB + ASKED, S(1, SYNTAX), cut(6), "mysql.field-missing mysql.error_code 4",
        [CLIENT_ENDS]),
    Row("answer: progress that nobody asked for", MARIADB + ASKED, S(1, SYNTAX), instead("ff ffff 01 01 02 102700 00"),
        "mysql.progress-unasked mysql.error_code 5", [CLIENT_ENDS]),
    Row("result: 65536 columns", MARIADB + ASKED, S(1, "02"), instead("fd 000001"), "mysql.column-count mysql.column_count 4",
        [CLIENT_ENDS]),
    Row("result: count with bytes after it", MARIADB + ASKED, S(1, "02"), instead("02 05 06"),
        "mysql.server-trailing-bytes mysql.trailing 5", [CLIENT_ENDS]),
    Row("result: table name longer than its packet", MARIADB + COLUMNS_DUE, S(2, ID), put(13, "f0"),
        "mysql.lenenc-overrun mysql.table 13", [CLIENT_ENDS]),
    Row("result: column definition of 11 bytes", MARIADB + COLUMNS_DUE, S(2, ID), put(37, "0b"),
        "mysql.column-definition mysql.column_definition 37", [CLIENT_ENDS]),
    Row("result: fewer columns than announced", MARIADB + COLUMNS_DUE + [S(2, ID)], S(3, NAME), instead(EOF),
        "mysql.definitions-missing mysql.column_count 4", [CLIENT_ENDS]),
    Row("result: EOF of four bytes", MARIADB + COLUMNS_DUE + [S(2, ID), S(3, NAME)], S(4, EOF), cut(8),
        "mysql.eof-length mysql.length 0", [CLIENT_ENDS]),
    Row("row: column longer than it (CVE-2002-1376)", MARIADB + ROWS_DUE, ROW, put(6, "f0"), "mysql.row-overrun mysql.row 6",
        [CLIENT_ENDS]),
    Row("row: length of a column ends in its middle", MARIADB + ROWS_DUE, ROW, both(cut(7), put(6, "fd")),
        "mysql.lenenc-cut mysql.row 6", [CLIENT_ENDS]),
    Row("row: length of a column begins with 0xff", MARIADB + ROWS_DUE, ROW, put(6, "ff"),
        "mysql.lenenc-reserved mysql.row 6", [CLIENT_ENDS]),
    Row("row: one column too few", MARIADB + ROWS_DUE, ROW, cut(6), "mysql.row-short mysql.row 6", [CLIENT_ENDS]),
    Row("row: bytes after the last column", MARIADB + ROWS_DUE, ROW, end("00"), "mysql.row-long mysql.row 17", [CLIENT_ENDS]),
    Row("row: wrong sequence number", MARIADB + ROWS_DUE, ROW, sequence(6), "mysql.sequence mysql.sequence 3", [CLIENT_ENDS]),
    Row("binary row: header is not 0", MARIADB + BINARY_DUE, BINARY_ROW, put(4, "02"), "mysql.binary-row-header mysql.row 4",
        [CLIENT_ENDS]),
    Row("binary row: string longer than it", MARIADB + BINARY_DUE, BINARY_ROW, put(10, "f0"), "mysql.row-overrun mysql.row 10",
        [CLIENT_ENDS]),
    Row("binary row: date of 5 bytes", MARIADB + BINARY_DUE, BINARY_ROW, both(put(14, "05"), end("00")),
        "mysql.temporal-length mysql.row 14", [CLIENT_ENDS]),
    Row("binlog: event without its header", MARIADB + DUMP, EVENT, cut(12), "mysql.binlog-event-header mysql.event_length 5",
        [CLIENT_ENDS]),
    Row("binlog: event of another length", MARIADB + DUMP, EVENT, put(14, "70"),
        "mysql.binlog-event-length mysql.event_length 14", [CLIENT_ENDS]),
]


# ---- compressed frames: length, sequence, length when opened, payload

def frame(side, number, payload, squeeze=False):
    inside = zlib.compress(payload, 9) if squeeze else payload
    opened = len(payload) if squeeze else 0
    return side, len(inside).to_bytes(3, "little") + bytes([number]) + opened.to_bytes(3, "little") + inside


LONG_QUERY = C(0, "03 'select id, name, town, note from customer where town = name and name = town order by name'")[1]
SQUEEZED = frame("C", 0, LONG_QUERY, True)
STORED = frame("C", 0, PING[0][1])

FRAME_ROWS = [
    Row("frame: wrong sequence number", ZLIB, STORED, sequence(4), "mysql.frame-sequence mysql.frame.sequence 3",
        [frame("S", 1, S(1, OUT_OF_ORDER)[1]), SERVER_ENDS]),
    Row("frame: empty", ZLIB, STORED, lambda b: [("C", octets("000000 00 000000")), ("C", b[:3] + b"\1" + b[4:])],
        "mysql.frame-empty mysql.frame.length 0", [frame("S", 2, S(1, OK)[1]), CLIENT_ENDS]),
    Row("frame: opens to less than it declares", ZLIB, SQUEEZED, put(4, "ff"), "mysql.frame-size mysql.frame.inflated 4",
        [frame("S", 1, S(1, SYNTAX)[1]), CLIENT_ENDS]),
    Row("frame: opens to more than it declares (CVE-2026-102664)", ZLIB, SQUEEZED, put(4, "10"),
        "mysql.frame-corrupt mysql.frame.inflated 4; S: mysql.rejected-by-server mysql.error_code 5",
        [frame("S", 1, S(1, CANNOT_OPEN)[1]), SERVER_ENDS]),
    Row("frame: payload is no zlib", ZLIB, SQUEEZED, put(7, "00000000"),
        "mysql.frame-corrupt mysql.frame.inflated 4; S: mysql.rejected-by-server mysql.error_code 5",
        [frame("S", 1, S(1, CANNOT_OPEN)[1]), SERVER_ENDS]),
    Row("frame: plain payload that declares a size", ZLIB, STORED, put(4, "80"),
        "mysql.frame-corrupt mysql.frame.inflated 4; S: mysql.rejected-by-server mysql.error_code 5",
        [frame("S", 1, S(1, CANNOT_OPEN)[1]), SERVER_ENDS]),
    Row("frame: never completed", ZLIB, SQUEEZED, chop(30), "mysql.incomplete-message mysql.frame.length 0", [CLIENT_ENDS]),
    Row("frame: the message inside never completes", ZLIB, SQUEEZED, lambda b: frame("C", 0, LONG_QUERY[:40], True)[1],
        "mysql.incomplete-message mysql.length 0", [CLIENT_ENDS]),
    Row("frame: an unknown command inside", ZLIB, SQUEEZED, lambda b: frame("C", 0, put(4, "42")(LONG_QUERY), True)[1],
        "mysql.unknown-command mysql.command 4", [frame("S", 1, S(1, UNKNOWN_COMMAND)[1]), CLIENT_ENDS]),
    Row("frame: of the server, wrong sequence number", ZLIB + [STORED], frame("S", 1, S(1, OK)[1]), sequence(9),
        "mysql.frame-sequence-server mysql.frame.sequence 3", [CLIENT_ENDS]),
]

# Large messages: only the attributes of the first could be shorter, and then they would be legal.
LARGE_ROWS = [
    Row("login: attributes of 64 KiB and one byte", GREETED, LOGIN,
        lambda b: (len(b) + 0xFFE4).to_bytes(3, "little") + b[3:88] + octets("fd 000001") + b"\x61" * 16400,
        "mysql.attributes-oversize mysql.attributes_length 88; mysql.incomplete-message mysql.length 0", refused(2, BAD_HANDSHAKE)),
]

GROUPS = {"large": LARGE_ROWS, "login": LOGIN_ROWS, "command": COMMAND_ROWS, "answer": ANSWER_ROWS, "frame": FRAME_ROWS}
