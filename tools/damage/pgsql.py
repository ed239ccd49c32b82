"""Damage to PostgreSQL traffic. The exchange of a login with SCRAM is a recorded one, the messages after it follow the
specification. Offsets count from the type byte on (startup packets have none: from their length on)."""
from row import Row, both, chop, put
from wire import octets

PORT = 5432


def message(side, kind, body=""):
    body = octets(body)
    return side, kind.encode() + (len(body) + 4).to_bytes(4, "big") + body


def C(kind, body=""):
    return message("C", kind, body)


def S(kind, body=""):
    return message("S", kind, body)


def startup(body):
    body = octets(body)
    return "C", (len(body) + 4).to_bytes(4, "big") + body


# ---- edits

def fixed(b):
    """The length again right; the first byte of a startup packet is zero."""
    at = 1 if b[0] else 0
    return b[:at] + (len(b) - at).to_bytes(4, "big") + b[at + 4:]


def cut(at):
    return lambda b: fixed(b[:at])


def add(at, written):
    return lambda b: fixed(b[:at] + octets(written) + b[at:])


def drop(at, count):
    return lambda b: fixed(b[:at] + b[at + count:])


def end(written):
    return lambda b: fixed(b + octets(written))


def length(value):
    return lambda b: b[:1] + (value & 0xFFFFFFFF).to_bytes(4, "big") + b[5:] if b[0] else (value & 0xFFFFFFFF).to_bytes(4, "big") + b[4:]


def longer(change):
    return lambda b: length(int.from_bytes(b[1:5] if b[0] else b[:4], "big") + change)(b)


def instead(body):
    return lambda b: fixed(b[:5] + octets(body))


def together(*messages):
    return b"".join(data for _, data in messages)


# ---- messages

SSL_REQUEST, CANCEL = startup("04d2162f"), startup("04d2162e 00001267 deadbeef")
STARTUP = startup("00030000 'user' 00 'app' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 00")
NONCE = "TNkSDavi28+/E898jbCq2bQe"
AGREED = NONCE + "KOgCmWTp7siNOM8jjgY77NTo"
ASK_SASL = S("R", "0000000a 'SCRAM-SHA-256' 0000")
SASL_FIRST = C("p", "'SCRAM-SHA-256' 00 00000020 'n,,n=,r=" + NONCE + "'")
SASL_GOES_ON = S("R", "0000000b 'r=" + AGREED + ",s=hV65AbHCoIWut1UYPtnZ5w==,i=4096'")
SASL_LAST = C("p", "'c=biws,r=" + AGREED + ",p=4SWl7wQHCN87nZLCDqJvamINHvgK4XLN2LcDrTcQGQ4='")
READY = S("Z", "'I'")
OPENED = ("S", together(S("R", "0000000c 'v=LshgNoi374S0DrbYvrLN6yM0sj/CK8OXkSy0yIVCOoc='"), S("R", "00000000"),
                        S("S", "'server_version' 00 '15.18 (Debian 15.18-0+deb12u1)' 00"), S("S", "'client_encoding' 00 'UTF8' 00"),
                        S("K", "00001267 deadbeef"), READY))
LOGIN = [STARTUP, ASK_SASL, SASL_FIRST, SASL_GOES_ON, SASL_LAST, OPENED]
CLEAR_ASKED = [STARTUP, S("R", "00000003")]
PASSWORD = C("p", "'app-word' 00")

QUERY = C("Q", "'select id, name from customer' 00")
ROWS = S("T", "0002 'id' 00 00004007 0001 00000017 0004 ffffffff 0000 'name' 00 00004007 0002 00000019 ffff ffffffff 0000")
ROW = S("D", "0002 00000001 '1' 0000000a 'Customer 1'")
DONE = S("C", "'SELECT 1' 00")
ASKED = LOGIN + [QUERY]
ROWS_DUE = ASKED + [ROWS]
PARSE = C("P", "'s1' 00 'select id from customer where id = $1 and name = $2' 00 0002 00000017 00000019")
SYNC = C("S")
DESCRIBED = S("t", "0002 00000017 00000019")
ONE_COLUMN = S("T", "0001 'id' 00 00004007 0001 00000017 0004 ffffffff 0000")
PREPARED = LOGIN + [("C", together(PARSE, C("D", "'S' 's1' 00"), SYNC)), ("S", together(S("1"), DESCRIBED, ONE_COLUMN, READY))]
BIND = C("B", "00 's1' 00 0002 0001 0000 0002 00000004 00000007 00000003 'Ann' 0001 0000")
EXECUTE = C("E", "00 00000000")
COPYING = LOGIN + [C("Q", "'copy incoming from stdin' 00"), S("G", "00 0003 0000 0000 0000")]
COPY_ROW = C("d", "'1' 09 'one' 09 '1.5' 0a")
REPLICA = [startup("00030000 'user' 00 'app' 00 'replication' 00 'true' 00 00"), ("S", together(S("R", "00000000"), READY))]
STREAMING = REPLICA + [C("Q", "'START_REPLICATION 0/1000000 TIMELINE 1' 00"), S("W", "00 0000")]
STATUS = C("d", "'r' " + "00" * 24 + " 0000000000000001 00")
FUNCTION = C("F", "000003b8 0001 0001 0002 00000004 00010000 00000004 00020001 0001")
LOREAD = C("F", "000003ba 0001 0001 0002 00000004 00000000 00000004 00000004 0001")
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)


def error(severity, state, text):
    return S("E", b"S%s\0V%s\0C%s\0M%s\0Fpostgres.c\0L100\0Rexec\0\0" % tuple(
        x.encode() for x in (severity, severity, state, text)))


def fatal(text, state="08P01"):
    """The server says why and closes."""
    return [error("FATAL", state, text), SERVER_ENDS]


def goes_on(text, state="08P01"):
    """The server says why; the client takes leave."""
    return [("S", together(error("ERROR", state, text), READY)), C("X"), CLIENT_ENDS]


def takes_it(*answers):
    """The server lets it pass."""
    return ([("S", together(*answers))] if answers else []) + [C("X"), CLIENT_ENDS]


HUNG_UP = [SERVER_ENDS]  # without a word: it logs why

STARTUP_ROWS = [
    Row("startup: length of 7", [], STARTUP, both(cut(7)), "pgsql.startup-length pgsql.length 0", HUNG_UP),
    Row("startup: length of 10005", [], STARTUP, length(10005), "pgsql.startup-length pgsql.length 0", HUNG_UP),
    Row("startup: length wrapped", [], STARTUP, length(-16), "pgsql.startup-length pgsql.length 0", HUNG_UP),
    Row("startup: length of zero", [], STARTUP, length(0), "pgsql.startup-length pgsql.length 0", HUNG_UP),
    Row("startup: length up by 20, the rest never comes", [], STARTUP, longer(20), "pgsql.incomplete-message pgsql.length 0",
        [("wait", 61), SERVER_ENDS]),
    Row("startup: length down by one", [], STARTUP, lambda b: length(len(b) - 1)(b),
        "pgsql.startup-layout pgsql.parameter_name 53; pgsql.incomplete-message db.message_bytes 0", fatal("invalid startup packet layout")),
    Row("startup: a name without its value", [], STARTUP, both(cut(45), end("00")),
        "pgsql.startup-layout pgsql.parameter_name 46", fatal("invalid startup packet layout")),
    Row("startup: without its last NUL", [], STARTUP, lambda b: fixed(b[:-1]), "pgsql.startup-layout pgsql.parameter_name 53",
        fatal("invalid startup packet layout")),
    Row("startup: no user", [], STARTUP, drop(8, 9), "pgsql.startup-no-user pgsql.user 44",
        fatal("no PostgreSQL user name specified in startup packet", "28000")),
    Row("startup: protocol 4.0", [], STARTUP, put(4, "00040000"), "pgsql.unsupported-protocol pgsql.protocol_version 4",
        fatal("unsupported frontend protocol 4.0", "0A000")),
    Row("startup: protocol 2.0", [], STARTUP, put(4, "00020000"), "pgsql.protocol-2 pgsql.protocol_version 4",
        [("S", b"EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.0\n\0"), SERVER_ENDS]),
    Row("startup: database -r/tmp/x (CVE-2013-1899)", [], STARTUP, both(drop(26, 4), add(26, "'-r/tmp/x'")),
        "pgsql.database-dash pgsql.database 26", fatal("database does not exist", "3D000")),
    Row("startup: sent twice", [STARTUP, ASK_SASL], SASL_FIRST, lambda b: STARTUP[1], "pgsql.startup-repeated pgsql.type 0",
        fatal("expected SASL response, got message type 0")),
    Row("startup: another protocol: HTTP", [], None, [("C", b"GET / HTTP/1.1\r\nHost: db\r\n\r\n")],
        "db.wrong-protocol db.spoken 0", HUNG_UP),
    Row("startup: SSH spoken to a server that nobody heard of", [], None,
        [("C", b"SSH-2.0-OpenSSH_9.2\r\n")], "db.wrong-protocol db.spoken 0", HUNG_UP, port=5433),
    Row("startup: a query before its answer", [STARTUP], None, [QUERY], "pgsql.early-message pgsql.type 0",
        [("S", together(S("R", "00000000"), READY)), ("S", together(ROWS, ROW, DONE, READY)), C("X"), CLIENT_ENDS], twin=[STARTUP]),
    Row("TLS: asked twice", [SSL_REQUEST, ("S", b"N")], STARTUP, lambda b: SSL_REQUEST[1],
        "pgsql.negotiation-repeated pgsql.protocol_version 4", fatal("unsupported frontend protocol 1234.5679", "0A000")),
    Row("TLS: request with a body", [], SSL_REQUEST, end("'body'"), "pgsql.negotiation-length pgsql.length 0",
        [("S", b"N"), CLIENT_ENDS]),
    Row("TLS: a startup packet injected before the answer (CVE-2021-23214)", [], SSL_REQUEST, lambda b: b + STARTUP[1],
        "pgsql.data-before-negotiation-answer db.length 0", [("S", b"S"), CLIENT_ENDS]),
    Row("TLS: a query injected after the answer", [SSL_REQUEST, ("S", b"S")], None, [QUERY], "db.clear-after-tls - 0", HUNG_UP,
        twin=[SSL_REQUEST, ("S", b"S")]),
    Row("TLS: answered with a row", [SSL_REQUEST], ("S", b"N"), lambda b: b"T", "pgsql.negotiation-answer pgsql.negotiation_answer 0",
        [CLIENT_ENDS]),
    Row("TLS: answered with an error in clear (CVE-2024-10977)", [SSL_REQUEST], ("S", b"N"),
        lambda b: error("FATAL", "53300", "sorry, too many clients already")[1], "pgsql.error-before-tls pgsql.type 0", HUNG_UP),
    Row("cancel: cut", [], CANCEL, cut(15), "pgsql.cancel-length pgsql.length 0", HUNG_UP),
    Row("cancel: key of five bytes", [], CANCEL, end("00"), "pgsql.cancel-key-length pgsql.cancel_key 12", HUNG_UP),
    Row("cancel: bytes after it", [], CANCEL, lambda b: b + QUERY[1], "pgsql.data-after-cancel db.length 0", HUNG_UP),
    Row("password: a query instead", CLEAR_ASKED, PASSWORD, lambda b: QUERY[1], "pgsql.authentication-expected pgsql.type 0",
        fatal("expected password response, got message type 81")),
    Row("password: of 65,536 bytes", CLEAR_ASKED, PASSWORD, length(65536), "pgsql.password-length pgsql.length 1", HUNG_UP),
    Row("password: without its NUL", CLEAR_ASKED, PASSWORD, lambda b: fixed(b[:-1]), "pgsql.password-format pgsql.password 5",
        fatal("invalid password packet size")),
    Row("password: empty (CVE-2017-7546)", CLEAR_ASKED, PASSWORD, instead("00"), "pgsql.password-empty pgsql.password 5",
        fatal("empty password returned by client", "28P01")),
    Row("password: in a session", LOGIN, None, [PASSWORD], "pgsql.password-unexpected pgsql.type 0",
        fatal("invalid frontend message type 112"), twin=LOGIN),
    Row("SASL: mechanism that was not offered", LOGIN[:2], SASL_FIRST, put(5, "'SCRAM-SHA-999'"), "pgsql.sasl-mechanism pgsql.mechanism 5",
        fatal("client selected an invalid SASL authentication mechanism")),
    Row("SASL: length beyond the message (CVE-2026-6663)", LOGIN[:2], SASL_FIRST, put(19, "00000040"), "pgsql.sasl-length pgsql.sasl_length 19",
        fatal("insufficient data left in message")),
    Row("SASL: length of -2", LOGIN[:2], SASL_FIRST, put(19, "fffffffe"), "pgsql.sasl-length pgsql.sasl_length 19",
        fatal("insufficient data left in message")),
    Row("SCRAM: flag x", LOGIN[:2], SASL_FIRST, put(23, "'x'"), "pgsql.scram-syntax pgsql.sasl_data 23", fatal("malformed SCRAM message")),
    Row("SCRAM: channel binding without PLUS", LOGIN[:2], SASL_FIRST, both(drop(23, 1), add(23, "'p=tls-unique'")),
        "pgsql.sasl-length pgsql.sasl_length 19", fatal("malformed SCRAM message")),
    Row("SCRAM: channel binding that was not agreed", LOGIN[:4], SASL_LAST, put(7, "'eSws'"), "pgsql.scram-channel-binding pgsql.sasl_data 7",
        fatal("unexpected SCRAM channel-binding attribute in client-final-message")),
    Row("SCRAM: somebody else's identity", LOGIN[:2], SASL_FIRST, both(put(19, "00000026"), add(25, "'a=root'")),
        "pgsql.scram-unsupported pgsql.sasl_data 25", fatal("client uses authorization identity, but it is not supported", "0A000")),
    Row("SCRAM: no proof (CVE-2026-19888)", LOGIN[:4], SASL_LAST, cut(62), "pgsql.scram-syntax pgsql.sasl_data 62",
        fatal("malformed SCRAM message")),
    Row("SCRAM: proof of 30 bytes", LOGIN[:4], SASL_LAST, lambda b: fixed(b[:-4]), "pgsql.scram-proof pgsql.sasl_data 65",
        fatal("malformed SCRAM message")),
    Row("SCRAM: another nonce", LOGIN[:4], SASL_LAST, put(40, "'X'"), "pgsql.scram-nonce pgsql.sasl_data 14", fatal("invalid SCRAM response")),
    Row("SCRAM: server's salt is missing (CVE-2026-6665)", LOGIN[:3], SASL_GOES_ON, lambda b: fixed(b[:59] + b[86:]),
        "pgsql.scram-server-syntax pgsql.sasl_data 60", [CLIENT_ENDS]),
    Row("SCRAM: 4,096,000,000 rounds (CVE-2026-6669)", LOGIN[:3], SASL_GOES_ON, end("'000000'"),
        "pgsql.scram-iterations pgsql.sasl_data 89", [CLIENT_ENDS]),
    Row("authentication: a kind that does not exist", [STARTUP], S("R", "00000000"), put(5, "00000063"),
        "pgsql.authentication-type pgsql.authentication 5", [CLIENT_ENDS]),
    Row("authentication: MD5 without a salt", [STARTUP], S("R", "00000005 9f29000a"), cut(9), "pgsql.authentication-body pgsql.length 1",
        [CLIENT_ENDS]),
    Row("authentication: a result before it", [STARTUP], S("R", "00000000"), lambda b: ROW[1], "pgsql.before-authentication pgsql.type 0",
        [CLIENT_ENDS]),
    Row("authentication: cancel key of three bytes", [STARTUP, S("R", "00000000")], S("K", "00001267 deadbeef"), cut(12),
        "pgsql.backend-key pgsql.length 1", [CLIENT_ENDS]),
    Row("authentication: the server hangs up", [STARTUP], None, [("S.", None)], "pgsql.closed-without-answer db.phase 0", twin=[STARTUP]),
]

SESSION_ROWS = [
    Row("query: length of 3", LOGIN, QUERY, length(3), "pgsql.length-too-small pgsql.length 1", HUNG_UP),
    Row("query: length of zero", LOGIN, QUERY, length(0), "pgsql.length-too-small pgsql.length 1", HUNG_UP),
    Row("query: length wrapped (CVE-2026-107349)", LOGIN, QUERY, length(-5), "pgsql.length-too-large pgsql.length 1", HUNG_UP),
    Row("query: length of 1 GB", LOGIN, QUERY, length(0x3FFFFFFF), "pgsql.length-too-large pgsql.length 1", HUNG_UP),
    Row("query: length up by nine, the client waits", LOGIN, QUERY, longer(9), "pgsql.incomplete-message pgsql.length 1",
        [("wait", 40), CLIENT_ENDS]),
    Row("query: length down by nine", LOGIN, QUERY, longer(-9),
        "pgsql.unterminated-string pgsql.query 5; pgsql.length-too-large pgsql.length 1", fatal("invalid string in message")),
    Row("query: half of it, then a reset", LOGIN, QUERY, chop(12), "pgsql.incomplete-message pgsql.length 1", [("C!", None)]),
    Row("query: a type and nothing more", LOGIN, QUERY, chop(1), "pgsql.incomplete-message db.message_bytes 0", [CLIENT_ENDS]),
    Row("query: without its NUL", LOGIN, QUERY, lambda b: fixed(b[:-1]), "pgsql.unterminated-string pgsql.query 5",
        goes_on("invalid string in message")),
    Row("query: a NUL inside", LOGIN, QUERY, put(11, "00"), "pgsql.trailing-bytes pgsql.length 12", goes_on("invalid message format")),
    Row("query: a type that does not exist", LOGIN, QUERY, put(0, "'z'"), "pgsql.unknown-type pgsql.type 0",
        fatal("invalid frontend message type 122")),
    Row("query: an answer sent by the client", LOGIN, None, [("C", S("Z", "'I'")[1])],
        "pgsql.unknown-type pgsql.type 0", fatal("invalid frontend message type 90"), twin=LOGIN),
    Row("describe: of 10,001 bytes", LOGIN, C("D", "'S' 's1' 00"), length(10001), "pgsql.length-too-large pgsql.length 1", HUNG_UP),
    Row("describe: neither statement nor portal", PREPARED, C("D", "'S' 's1' 00"), put(5, "'X'"), "pgsql.target pgsql.target 5",
        [SYNC] + goes_on("invalid DESCRIBE message subtype 88")),
    Row("sync: with a body", LOGIN, SYNC, end("'more'"), "pgsql.body-not-empty pgsql.length 1", goes_on("invalid message format")),
    Row("terminate: with a text", LOGIN, C("X"), end("'good bye'"), "pgsql.ignored-bytes pgsql.length 1", HUNG_UP),
    Row("terminate: a query after it", LOGIN, C("X"), lambda b: [("C", b), QUERY], "pgsql.after-terminate pgsql.type 0", HUNG_UP),
    Row("parse: types cut", LOGIN, PARSE, cut(67), "pgsql.message-too-short pgsql.parameter_type 66",
        [SYNC] + goes_on("insufficient data left in message")),
    Row("bind: three formats for two parameters", PREPARED, BIND, both(put(9, "0003"), add(11, "0000")),
        "pgsql.format-count pgsql.format_count 9", [SYNC] + goes_on("bind message has 3 parameter formats but 2 parameters")),
    Row("bind: a format that does not exist", PREPARED, BIND, put(11, "0007"), "pgsql.format-code pgsql.format 11",
        [SYNC] + goes_on("unsupported format code: 7", "22023")),
    Row("bind: one parameter of two", PREPARED, BIND, both(put(15, "0001"), drop(25, 7)),
        "pgsql.format-count pgsql.format_count 9", [SYNC] + goes_on("bind message has 2 parameter formats but 1 parameters")),
    Row("bind: one parameter of two, one format for all", PREPARED, C("B", "00 's1' 00 0001 0000 0002 00000001 '7' 00000003 'Ann' 0000"),
        both(put(13, "0001"), drop(20, 7)), "pgsql.parameter-count pgsql.parameter_count 13",
        [SYNC] + goes_on("bind message supplies 1 parameters, but prepared statement requires 2")),
    Row("bind: value longer than the message", PREPARED, BIND, put(25, "000000ff"), "pgsql.parameter-length pgsql.parameter_length 25",
        [SYNC] + goes_on("insufficient data left in message")),
    Row("bind: value of length -2 (CVE-2024-27304)", PREPARED, BIND, put(25, "fffffffe"), "pgsql.parameter-length pgsql.parameter_length 25",
        [SYNC] + goes_on("insufficient data left in message")),
    Row("bind: binary int4 of three bytes", PREPARED, BIND, both(put(17, "00000003"), drop(21, 1)), "pgsql.parameter-size pgsql.parameter 21",
        [SYNC] + goes_on("insufficient data left in message")),
    Row("bind: three result formats for one column", PREPARED, BIND, both(put(32, "0003"), end("00000000")),
        "pgsql.result-format-count pgsql.result_format_count 32", [SYNC] + goes_on("bind message has 3 result formats but query has 1 columns")),
    Row("bind: to a statement that does not exist, and a wrong length", PREPARED, BIND, both(put(7, "'9'"), put(25, "000000ff")),
        "pgsql.defect-not-read pgsql.parameter_length 25", [SYNC] + goes_on("prepared statement s9 does not exist", "26000")),
    Row("execute: without its limit", PREPARED, ("C", together(BIND, EXECUTE)), lambda b: BIND[1] + cut(6)(EXECUTE[1]),
        "pgsql.message-too-short pgsql.max_rows 6", [SYNC, ("S", together(S("2"), error("ERROR", "08P01", "insufficient data left in message"), READY)),
                                                     C("X"), CLIENT_ENDS]),
    Row("execute: bytes after its limit", PREPARED, ("C", together(BIND, EXECUTE)), lambda b: BIND[1] + end("'junk'")(EXECUTE[1]),
        "pgsql.trailing-bytes pgsql.length 10", [SYNC, ("S", together(S("2"), error("ERROR", "08P01", "invalid message format"), READY)),
                                                 C("X"), CLIENT_ENDS]),
    Row("copy: a query in its middle", COPYING, COPY_ROW, lambda b: QUERY[1], "pgsql.copy-message pgsql.type 0",
        [error("ERROR", "08P01", "unexpected message type 0x51 during COPY from stdin")]
        + fatal("terminating connection because protocol synchronization was lost")),
    Row("copy: rows without a COPY", LOGIN, None, [COPY_ROW], "pgsql.copy-outside pgsql.type 0", takes_it(), twin=LOGIN),
    Row("copy: reason of a failure without its NUL", COPYING, C("f", "'no more' 00"), lambda b: fixed(b[:-1]),
        "pgsql.unterminated-string pgsql.copy_reason 5", goes_on("invalid string in message")),
    Row("replication: extended query", REPLICA, QUERY, lambda b: PARSE[1], "pgsql.replication-extended-query pgsql.type 0",
        [SYNC] + goes_on("extended query protocol not supported in a replication connection")),
    Row("replication: a query while it streams", STREAMING, STATUS, lambda b: QUERY[1], "pgsql.standby-message pgsql.type 0",
        fatal("invalid standby message type Q")),
    Row("replication: status cut", STREAMING, STATUS, cut(30), "pgsql.standby-body pgsql.length 1", fatal("insufficient data left in message")),
    Row("function call: an argument is cut", LOGIN, FUNCTION, cut(21), "pgsql.parameter-length pgsql.parameter_length 15",
        goes_on("insufficient data left in message")),
    Row("query: the server calls it a violation, nobody knows why", ASKED, None,
        [error("ERROR", "08P01", "invalid message format")], "pgsql.rejected-by-server pgsql.sqlstate 20", [READY, C("X"), CLIENT_ENDS],
        twin=LOGIN),
    Row("query: the server hangs up", ASKED, None, [("S.", None)], "pgsql.closed-without-answer db.phase 0", twin=LOGIN),
]

ANSWER_ROWS = [
    Row("answer: a type that does not exist", ASKED, ROWS, put(0, "'y'"), "pgsql.server-type pgsql.type 0", [CLIENT_ENDS]),
    Row("answer: length of 3", ASKED, ROWS, length(3), "pgsql.server-length pgsql.length 1", [CLIENT_ENDS]),
    Row("answer: row of 1 GB (CVE-2025-12818)", ROWS_DUE, ROW, length(0x40000000), "pgsql.server-length pgsql.length 1", [CLIENT_ENDS]),
    Row("answer: never completed", ROWS_DUE, ROW, longer(30), "pgsql.incomplete-message pgsql.length 1; pgsql.closed-without-answer db.phase 0", [SERVER_ENDS]),
    Row("answer: to nothing", LOGIN, None, [ROW], "pgsql.unrequested-answer pgsql.type 0", [CLIENT_ENDS], twin=LOGIN),
    Row("answer: BindComplete for a query", ASKED, ROWS, lambda b: S("2")[1], "pgsql.unrequested-answer pgsql.type 0", [CLIENT_ENDS]),
    Row("answer: a query, sent by the server", LOGIN, None, [("S", QUERY[1])], "pgsql.server-type pgsql.type 0", [CLIENT_ENDS], twin=LOGIN),
    Row("columns: more than are described", ASKED, ROWS, put(5, "0009"), "pgsql.type-count pgsql.column_count 5", [CLIENT_ENDS]),
    Row("columns: fewer than are described", ASKED, ROWS, put(5, "0001"), "pgsql.type-count pgsql.column_count 5", [CLIENT_ENDS]),
    Row("row: three values for two columns", ROWS_DUE, ROW, both(put(5, "0003"), end("ffffffff")), "pgsql.row-columns pgsql.column_count 5",
        [CLIENT_ENDS]),
    Row("row: value longer than it", ROWS_DUE, ROW, put(12, "000000f0"), "pgsql.value-length pgsql.value_length 12", [CLIENT_ENDS]),
    Row("row: value of length -2", ROWS_DUE, ROW, put(7, "fffffffe"), "pgsql.value-length pgsql.value_length 7", [CLIENT_ENDS]),
    Row("row: second value is missing", ROWS_DUE, ROW, cut(12), "pgsql.message-too-short pgsql.value_length 12", [CLIENT_ENDS]),
    Row("row: bytes after the last value", ROWS_DUE, ROW, end("'more'"), "pgsql.trailing-bytes pgsql.length 26", [CLIENT_ENDS]),
    Row("ready: a status that does not exist", LOGIN[:5] + [("S", OPENED[1][:-6])], READY, put(5, "'X'"),
        "pgsql.transaction-status pgsql.transaction 5", [CLIENT_ENDS]),
    Row("error: without its code (CVE-2026-6666)", ASKED, error("ERROR", "42601", "syntax error"), drop(19, 7),
        "pgsql.error-fields pgsql.sqlstate 5", [CLIENT_ENDS]),
    Row("error: code of four letters", ASKED, error("ERROR", "42601", "syntax error"), drop(20, 1), "pgsql.sqlstate pgsql.sqlstate 20",
        [CLIENT_ENDS]),
    Row("copy: a format that does not exist", LOGIN + [C("Q", "'copy incoming from stdin' 00")], S("G", "00 0003 0000 0000 0000"), put(5, "02"),
        "pgsql.copy-response pgsql.copy_format 5", [CLIENT_ENDS]),
    Row("function call: result longer than it (CVE-2026-6477)", LOGIN + [FUNCTION], S("V", "00000004 00000005"), put(5, "00000400"),
        "pgsql.value-length pgsql.value_length 5", [CLIENT_ENDS]),
    Row("function call: more of a large object than was asked for (CVE-2026-6477)", LOGIN + [LOREAD], S("V", "00000004 'data'"),
        instead("00000005 'data!'"), "pgsql.function-result-long pgsql.value_length 5", [CLIENT_ENDS]),
    Row("replication: keepalive cut", STREAMING, S("d", "'k' " + "00" * 16 + " 01"), cut(15), "pgsql.server-replication pgsql.length 1", [CLIENT_ENDS]),
]

EXTENDED = [row for row in SESSION_ROWS if row.name.split(":")[0] in ("parse", "bind", "describe", "execute")]
GROUPS = {"startup": STARTUP_ROWS, "session": [row for row in SESSION_ROWS if row not in EXTENDED], "extended": EXTENDED,
          "answer": ANSWER_ROWS}
