"""Damage to SQL Server traffic, after [MS-TDS] and [MC-SMP]; no SQL Server was asked: what it does is what the specification and its
documented errors say. Offsets count from the first byte of the packet's header (or of the session header before it)."""
import struct

from row import Row, both, chop, put

PORT = 1433
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)
HUNG_UP, LEAVES = [SERVER_ENDS], [CLIENT_ENDS]
BATCH, OLD_LOGIN, RPC, RESPONSE, ATTENTION, BULK, TRANSACTION, LOGIN7, SSPI, PRELOGIN = 1, 2, 3, 4, 6, 7, 14, 16, 17, 18
COLLATION = bytes.fromhex("0904d00034")


def u(text):
    return text.encode("utf-16-le")


def b_text(text):
    return bytes([len(text)]) + u(text)


def us_text(text):
    return struct.pack("<H", len(text)) + u(text)


def packet(kind, body, status=1, number=1, spid=0):
    return struct.pack(">BBHHBB", kind, status, len(body) + 8, spid, number, 0) + body


def C(kind, body=b"", **more):
    return "C", packet(kind, body, **more)


def S(body, kind=RESPONSE, **more):
    return "S", packet(kind, body, spid=52, **more)


def prelogin_body(encryption=2, mars=0, instance=b"\0"):
    values = [(0, bytes([16, 0, 4, 85, 0, 0])), (1, bytes([encryption])), (2, instance), (3, bytes(4)), (4, bytes([mars]))]
    table, data = b"", b""
    for option, value in values:
        table += struct.pack(">BHH", option, 26 + len(data), len(value))
        data += value
    return table + b"\xff" + data


def login_body(user="app", program="shop", password="app-word", version=0x74000004, size=4096, sspi=b"", features=b""):
    veiled = bytes((x >> 4 | (x << 4) & 0xf0) ^ 0xa5 for x in u(password))
    values = [u("web1"), u(user), veiled, u(program), u("db1"), b"", u("driver"), b"", u("shop")]
    offset, table, data = 94, b"", b""
    for i, value in enumerate(values):
        if i == 5 and features:
            table += struct.pack("<HH", offset, 4)
            value = struct.pack("<I", 0)    # set below
        else:
            table += struct.pack("<HH", offset, len(value) // 2)
        at = offset
        offset += len(value)
        data += value
        if i == 5:
            extension = at - 94
    table += bytes(6) + struct.pack("<HH", offset, len(sspi))
    data += sspi
    offset += len(sspi)
    table += struct.pack("<HHHHI", offset, 0, offset, 0, 0)
    if features:
        data = data[:extension] + struct.pack("<I", offset) + data[extension + 4:] + features
    flags = bytes([0xe0, 3, 0, 0x10 if features else 0])
    head = struct.pack("<IIIII", version, size, 0x07000000, 4242, 0) + flags + struct.pack("<iI", 0, 0x409)
    return struct.pack("<I", 4 + len(head) + len(table) + len(data)) + head + table + data


def done(status=0, rows=0, token=0xfd):
    return struct.pack("<BHHQ", token, status, 0xc1, rows)


def error(number, state=1, kind=16, text="wrong", token=0xaa):
    body = struct.pack("<IBB", number, state, kind) + us_text(text) + b_text("DB1") + b_text("") + struct.pack("<I", 1)
    return struct.pack("<BH", token, len(body)) + body


def environment(kind, new, old=""):
    body = bytes([kind]) + b_text(new) + b_text(old)
    return struct.pack("<BH", 0xe3, len(body)) + body


def acknowledgement(version=b"\x74\0\0\4", program="Microsoft SQL Server"):
    body = b"\x01" + version + b_text(program) + bytes([16, 0, 4, 85])
    return struct.pack("<BH", 0xad, len(body)) + body


def columns(*infos):
    return struct.pack("<BH", 0x81, len(infos)) + b"".join(struct.pack("<IH", 0, 9) + i + b_text("c") for i in infos)


HEADERS = bytes.fromhex("16000000 12000000 0200 0000000000000000 01000000")
NVARCHAR = b"\xe7\x64\0" + COLLATION
LONG_NVARCHAR = b"\xe7\xff\xff" + COLLATION


def batch(text="select 1"):
    return C(BATCH, HEADERS + u(text))


def call(*parameters, procedure=10):
    """Parameters are TYPE_INFO and value."""
    return C(RPC, HEADERS + struct.pack("<HHH", 0xffff, procedure, 0) + b"".join(b"\0\0" + p for p in parameters))


def smp(side, flags, data=b"", sid=0, sequence=0, window=4, length=None):
    return side, struct.pack("<BBHIII", 0x53, flags, sid, 16 + len(data) if length is None else length, sequence, window) + data


def instead(*messages):
    """Whole messages in the place of the valid one."""
    return lambda valid: [m if isinstance(m, tuple) else ("C", m) for m in messages]


def other(message):
    """Another packet of the same side."""
    return lambda valid: message[1]


def n2(value):
    return struct.pack("<H", value)


def n4(value):
    return struct.pack("<I", value)


HELLO = [C(PRELOGIN, prelogin_body()), S(prelogin_body())]
LOGIN = C(LOGIN7, login_body())
WELCOME = S(environment(1, "shop", "master") + acknowledgement() + environment(4, "4096", "4096") + done())
LOGGED_IN = HELLO + [LOGIN, WELCOME]
SIMPLE = batch()
ONE_ROW = S(columns(b"\x38", NVARCHAR) + b"\xd1" + n4(7) + us_text("")[:0] + n2(4) + u("ab") + done(0x10, 1))
ASKED = LOGGED_IN + [SIMPLE]
MARS_HELLO = [C(PRELOGIN, prelogin_body(mars=1)), S(prelogin_body(mars=1))]
MARS = MARS_HELLO + [LOGIN, WELCOME, smp("C", 1), smp("C", 8, SIMPLE[1], sequence=1), smp("S", 8, ONE_ROW[1], sequence=1, window=5)]
NEXT = smp("C", 8, SIMPLE[1], sequence=2, window=5)
CALL = call(NVARCHAR + n2(4) + u("ab"))
# Where the parts of CALL stand: name and options behind the headers, then the parameter's name length and status.
CALL_AT = 8 + len(HEADERS)
TYPE_AT = CALL_AT + 6 + 2


def old_login(lengths=()):
    body = bytearray(568)
    for at, text in ((0, b"web1"), (31, b"app"), (62, b"app-word"), (140, b"shop"), (171, b"DB1"), (462, b"CT-Lib"), (557, b"512")):
        size = {462: 10, 557: 6}.get(at, 30)
        body[at:at + len(text)] = text
        body[at + size] = len(text)
    body[458:462] = b"\x05\0\0\0"
    for at, value in lengths:
        body[at] = value
    body = bytes(body)
    return [C(OLD_LOGIN, body[:504], status=0), C(OLD_LOGIN, body[504:], number=2)]


# TLS 1.2, no session, one suite, no compression, no extensions (RFC 5246 7.4.1.2).
CLIENT_HELLO = bytes.fromhex("160301 002d 01 000029 0303" + "5a" * 32 + "00 0002 c02f 01 00")

PRELOGIN_ROWS = [
    Row("table: no end", [], HELLO[0], put(33, "06"), "tds.prelogin-table tds.prelogin_option 43", HUNG_UP),
    Row("version: offset behind the packet", [], HELLO[0], put(9, "0100"), "tds.prelogin-offset tds.prelogin_offset 9", HUNG_UP),
    Row("version: offset in the table", [], HELLO[0], put(9, "0005"), "tds.prelogin-offset tds.prelogin_offset 9", HUNG_UP),
    Row("instance: longer than the packet", [], HELLO[0], put(21, "0100"), "tds.prelogin-offset tds.prelogin_offset 19", HUNG_UP),
    Row("mars: the byte of encryption", [], HELLO[0], put(29, "0020"), "tds.prelogin-overlap tds.prelogin_offset 29", [HELLO[1], CLIENT_ENDS]),
    Row("encryption: twice", [], HELLO[0], put(28, "01"), "tds.prelogin-overlap tds.prelogin_option 28", [HELLO[1], CLIENT_ENDS]),
    Row("version: not the first", [], HELLO[0], put(8, "01"), "tds.prelogin-version-first tds.prelogin_option 8", HUNG_UP),
    Row("encryption: two bytes", [], HELLO[0], put(16, "0002"), "tds.prelogin-length tds.prelogin_length 16", HUNG_UP),
    Row("encryption: 4", [], HELLO[0], put(40, "04"), "tds.prelogin-encryption tds.encryption 40", HUNG_UP),
    Row("instance: 600 bytes without an end (CVE-2002-1123)", [], HELLO[0], other(C(PRELOGIN, prelogin_body(instance=b"A" * 600))),
        "tds.prelogin-instance tds.instance 41", HUNG_UP),
    Row("answer: off to a client that wants encryption", [C(PRELOGIN, prelogin_body(1))], S(prelogin_body(1)), put(40, "00"),
        "tds.encryption-downgrade tds.encryption 40", LEAVES),
    Row("answer: version of 4 bytes", HELLO[:1], HELLO[1], put(11, "0004"), "tds.prelogin-length tds.prelogin_length 11", LEAVES),
    Row("login in clear, though encryption was agreed upon", [C(PRELOGIN, prelogin_body(1)), S(prelogin_body(1))],
        C(PRELOGIN, bytes.fromhex("160301 0005 1000000100")), other(LOGIN), "tds.login-in-clear tds.type 0", HUNG_UP),
    Row("handshake that is no TLS", [C(PRELOGIN, prelogin_body(1)), S(prelogin_body(1))], C(PRELOGIN, CLIENT_HELLO),
        put(8, "474554"), "tds.tls-handshake tds.tls_record 8", HUNG_UP),
    Row("TLS first, to a server that does not know it", [], HELLO[0], other(("C", bytes.fromhex("160301 0005 1000000100"))),
        "tds.tls-unanswered tds.type 0", LEAVES),
]

LOGIN_AT = 94 + 8
USER_AT = 8 + 40
FEATURES = login_body(features=bytes.fromhex("0a 01000000 01 ff"))
LOGIN_ROWS = [
    Row("length: one too large", HELLO, LOGIN, put(8, n4(len(LOGIN[1]) - 7)), "tds.login-length tds.login_length 8", HUNG_UP),
    Row("length: one too small", HELLO, LOGIN, put(8, n4(len(LOGIN[1]) - 9)), "tds.login-length tds.login_length 8", HUNG_UP),
    Row("length: 128 KB", HELLO, LOGIN, both(put(8, n4(131072)), put(1, "00")), "tds.login-too-large tds.login_length 8", HUNG_UP),
    Row("length: more than the packets bring", HELLO, LOGIN,
        lambda b: [("C", packet(LOGIN7, n4(700) + b[12:], status=0)), C(LOGIN7, bytes(90), number=2)], "tds.login-length tds.login_length 8", HUNG_UP),
    Row("user: offset behind the end", HELLO, LOGIN, put(USER_AT, n2(0x7000)), "tds.login-offset tds.login_offset %d" % USER_AT, HUNG_UP),
    Row("user: offset in the fixed part", HELLO, LOGIN, put(USER_AT, n2(10)), "tds.login-offset tds.login_offset %d" % USER_AT, HUNG_UP),
    Row("user: longer than LOGIN7", HELLO, LOGIN, put(USER_AT + 2, n2(120)), "tds.login-offset tds.login_offset %d" % USER_AT, HUNG_UP),
    Row("user: 129 characters", HELLO, C(LOGIN7, login_body(user="a" * 128)), other(C(LOGIN7, login_body(user="a" * 129))),
        "tds.login-name-long tds.login_count %d" % (USER_AT + 2), HUNG_UP),
    Row("database: the password's bytes", HELLO, LOGIN, put(8 + 68, n2(94 + 8 + 6)), "tds.login-overlap tds.login_offset %d" % (8 + 94 + 8 + 6),
        [WELCOME, CLIENT_ENDS]),
    Row("version: 7.5", HELLO, LOGIN, put(12, n4(0x75000000)), "tds.login-version tds.version 12", [WELCOME, CLIENT_ENDS]),
    Row("packet size: 100", HELLO, LOGIN, put(16, n4(100)), "tds.login-packet-size tds.packet_size 16", [WELCOME, CLIENT_ENDS]),
    Row("fixed part: 50 bytes of it", HELLO, LOGIN, lambda b: packet(LOGIN7, n4(50) + b[12:58]), "tds.login-short tds.length 2", HUNG_UP),
    Row("feature: longer than LOGIN7", HELLO, C(LOGIN7, FEATURES), put(8 + len(FEATURES) - 6, n4(0x10000)),
        "tds.login-feature tds.feature_length %d" % (8 + len(FEATURES) - 6), HUNG_UP),
    Row("feature: no end of the list", HELLO, C(LOGIN7, FEATURES), lambda b: packet(LOGIN7, n4(len(FEATURES) - 1) + FEATURES[4:-1]),
        "tds.login-feature tds.feature %d" % (8 + len(FEATURES) - 1), HUNG_UP),
    Row("packet: 5,000 bytes before a size is granted", HELLO, C(LOGIN7, login_body(sspi=bytes(3000))), other(C(LOGIN7, login_body(sspi=bytes(5000)))),
        "tds.packet-large-before-login tds.length 2", HUNG_UP),
    Row("packet: length 0 behind the header of a login (CVE-2004-1560)", HELLO, LOGIN, put(2, "0000"), "tds.packet-length tds.length 2", HUNG_UP),
    Row("request before the login", HELLO, LOGIN, other(SIMPLE), "tds.request-before-login tds.type 0", HUNG_UP),
    Row("request instead of the first packet", [], HELLO[0], other(SIMPLE), "tds.request-before-login tds.type 0", HUNG_UP),
    Row("Sybase: length of the packet size (7 of 6)", [], old_login()[0], instead(*old_login([(563, 7)])),
        "tds.old-login-length tds.old_length %d" % (8 + 563 - 504), HUNG_UP),
    Row("Sybase: length of the user (200 of 30)", [], old_login()[0], instead(old_login([(61, 200)])[0]), "tds.old-login-length tds.old_length 69", HUNG_UP),
    Row("Sybase: 100 bytes", [], old_login()[0], other(C(OLD_LOGIN, bytes(100))), "tds.login-short tds.length 2", HUNG_UP),
]

LONG_BATCH = HEADERS + u("select 1 " + "-" * 4000)
PACKET_ROWS = [
    Row("type: 05", LOGGED_IN, SIMPLE, put(0, "05"), "tds.packet-type tds.type 0", HUNG_UP),
    Row("type: 19", LOGGED_IN, SIMPLE, put(0, "19"), "tds.packet-type tds.type 0", HUNG_UP),
    Row("type: 04 from the client", LOGGED_IN, SIMPLE, put(0, "04"), "tds.wrong-direction tds.type 0", HUNG_UP),
    Row("type: 01 from the server", ASKED, ONE_ROW, put(0, "01"), "tds.wrong-direction tds.type 0", LEAVES),
    Row("length: 7", LOGGED_IN, SIMPLE, put(2, "0007"), "tds.packet-length tds.length 2", HUNG_UP),
    Row("length: 32,768", LOGGED_IN, SIMPLE, put(2, "8000"), "tds.packet-length tds.length 2", HUNG_UP),
    Row("length: more than comes", LOGGED_IN, SIMPLE, put(2, "0100"), "tds.incomplete-message tds.length 2", LEAVES),
    Row("length: more than was agreed upon", LOGGED_IN, SIMPLE, other(C(BATCH, LONG_BATCH)), "tds.packet-larger-than-agreed tds.length 2", HUNG_UP),
    Row("length: less than was agreed upon, and not the last", LOGGED_IN, SIMPLE,
        instead(C(BATCH, LONG_BATCH[:1000], status=0), C(BATCH, LONG_BATCH[1000:4000], number=2)), "tds.packet-not-full tds.length 2", HUNG_UP),
    Row("status: 41", LOGGED_IN, SIMPLE, put(1, "41"), "tds.packet-status tds.status 1", [ONE_ROW, CLIENT_ENDS]),
    Row("status: never the last", LOGGED_IN, SIMPLE, other(C(BATCH, LONG_BATCH[:4088], status=0)), "tds.incomplete-message tds.status 0", LEAVES),
    Row("another type inside a message", LOGGED_IN, SIMPLE, instead(C(BATCH, LONG_BATCH[:4088], status=0), CALL),
        "tds.message-interrupted tds.type 0", HUNG_UP),
    Row("a login after the login", LOGGED_IN, SIMPLE, other(LOGIN), "tds.login-repeated tds.type 0", HUNG_UP),
    Row("a PRELOGIN after the login", LOGGED_IN, SIMPLE, other(HELLO[0]), "tds.login-repeated tds.type 0", HUNG_UP),
    Row("an attention with data", ASKED, C(ATTENTION), other(C(ATTENTION, b"now")), "tds.attention-data tds.length 2", [S(done(0x20)), CLIENT_ENDS]),
    Row("half an answer, the connection ends", ASKED, None, [S(ONE_ROW[1][8:40], status=0)], "S: tds.closed-without-answer db.phase 0", HUNG_UP,
        twin=ASKED),
    Row("no answer, the connection ends", LOGGED_IN, SIMPLE, lambda b: b, "S: tds.closed-without-answer db.phase 0", HUNG_UP, twin=LOGGED_IN),
]

REJECTED = [S(error(4002, text="The incoming tabular data stream (TDS) protocol stream is incorrect.", kind=21) + done(2)), SERVER_ENDS]
INT = b"\x26\x04"
TABLE = b"\xf3" + b_text("") + b_text("dbo") + b_text("list") + n2(1) + struct.pack("<IH", 0, 0) + INT + b"\0" + b"\0\x01\x04" + n4(7) + b"\0"
BULK_COLUMNS = columns(INT)
BEGIN = C(TRANSACTION, HEADERS + n2(5) + b"\0\0")
PLP_AT = TYPE_AT + len(LONG_NVARCHAR)


def plp(declared, *chunks):
    return struct.pack("<Q", declared) + b"".join(n4(len(c)) + c for c in chunks) + n4(0)


REQUEST_ROWS = [
    Row("headers: 3 bytes", LOGGED_IN, SIMPLE, put(8, n4(3)), "tds.headers-length tds.headers_length 8", REJECTED),
    Row("headers: more than the request", LOGGED_IN, SIMPLE, put(8, n4(5000)), "tds.headers-length tds.headers_length 8", REJECTED),
    Row("header: more than all headers", LOGGED_IN, SIMPLE, put(12, n4(30)), "tds.headers-length tds.header_length 12", REJECTED),
    Row("header: a transaction of 17 bytes", LOGGED_IN, SIMPLE, put(12, n4(17)), "tds.header-length tds.header_length 12", REJECTED),
    Row("header: type 9", LOGGED_IN, SIMPLE, put(16, n2(9)), "tds.header-type tds.header_type 16", [ONE_ROW, CLIENT_ENDS]),
    Row("headers: the request ends in them", LOGGED_IN, SIMPLE, lambda b: packet(BATCH, b[8:10]), "tds.request-cut db.length 10", REJECTED),
    Row("procedure: number 99", LOGGED_IN, CALL, put(CALL_AT + 2, n2(99)), "tds.procedure-id tds.procedure_id %d" % (CALL_AT + 2), REJECTED),
    Row("procedure: name longer than the request", LOGGED_IN, CALL, put(CALL_AT, n2(400)), "tds.request-cut db.length %d" % len(CALL[1]), REJECTED),
    Row("parameter: type that does not exist (8009)", LOGGED_IN, CALL, put(TYPE_AT, "99"), "tds.data-type tds.data_type %d" % TYPE_AT, REJECTED),
    Row("parameter: nvarchar of 9,000 bytes", LOGGED_IN, CALL, put(TYPE_AT + 1, n2(9000)), "tds.type-size tds.type_size %d" % (TYPE_AT + 1), REJECTED),
    Row("parameter: nvarchar of an odd size", LOGGED_IN, CALL, put(TYPE_AT + 1, n2(101)), "tds.type-size tds.type_size %d" % (TYPE_AT + 1), REJECTED),
    Row("parameter: value longer than its type (8016)", LOGGED_IN, CALL, put(TYPE_AT + 8, n2(102)),
        "tds.value-length tds.value_length %d" % (TYPE_AT + 8), REJECTED),
    Row("parameter: int of 3 bytes", LOGGED_IN, call(INT + b"\4" + n4(1)), put(TYPE_AT + 1, "03"), "tds.type-size tds.type_size %d" % (TYPE_AT + 1), REJECTED),
    Row("parameter: value of an int of 3 bytes", LOGGED_IN, call(INT + b"\4" + n4(1)), put(TYPE_AT + 2, "03"),
        "tds.value-length tds.value_length %d" % (TYPE_AT + 2), REJECTED),
    Row("parameter: precision 39 (8017)", LOGGED_IN, call(b"\x6a\x11\x26\x02\0"), put(TYPE_AT + 2, "27"),
        "tds.type-size tds.precision %d" % (TYPE_AT + 2), REJECTED),
    Row("parameter: time with scale 8", LOGGED_IN, call(b"\x29\x07\0"), put(TYPE_AT + 1, "08"), "tds.type-size tds.precision %d" % (TYPE_AT + 1), REJECTED),
    Row("parameter: value cut", LOGGED_IN, CALL, lambda b: packet(RPC, b[8:-2]), "tds.request-cut db.length %d" % (len(CALL[1]) - 2), REJECTED),
    Row("parameter: chunks longer than the value (8007)", LOGGED_IN, call(LONG_NVARCHAR + plp(4, u("ab"))), put(PLP_AT, struct.pack("<Q", 2)),
        "tds.plp-length tds.chunk_length %d" % (PLP_AT + 8), REJECTED),
    Row("parameter: chunks shorter than the value", LOGGED_IN, call(LONG_NVARCHAR + plp(4, u("ab"))), put(PLP_AT, struct.pack("<Q", 8)),
        "tds.plp-length tds.chunk_length %d" % (PLP_AT + 16), REJECTED),
    Row("parameter: a table with an unknown part", LOGGED_IN, call(TABLE), put(TYPE_AT + len(TABLE) - 1, "07"),
        "tds.table-value tds.token %d" % (TYPE_AT + len(TABLE) - 1), REJECTED),
    Row("parameter: a table without its end", LOGGED_IN, call(TABLE), lambda b: packet(RPC, b[8:-1]),
        "tds.request-cut db.length %d" % (TYPE_AT + len(TABLE) - 1), REJECTED),
    Row("transaction: request 3", LOGGED_IN, BEGIN, put(30, n2(3)), "tds.transaction-request tds.transaction 30", REJECTED),
    Row("bulk: an unknown token", LOGGED_IN, C(BULK, BULK_COLUMNS + b"\xd1\x04" + n4(1) + done()), put(8 + len(BULK_COLUMNS), "d5"),
        "tds.bulk-token tds.token %d" % (8 + len(BULK_COLUMNS)), REJECTED),
    Row("bulk: a row that is cut", LOGGED_IN, C(BULK, BULK_COLUMNS + b"\xd1\x04" + n4(1) + done()), other(C(BULK, BULK_COLUMNS + b"\xd1\x04")),
        "tds.request-cut db.length %d" % (8 + len(BULK_COLUMNS) + 2), REJECTED),
    Row("a batch that the server calls wrong", LOGGED_IN, SIMPLE, lambda b: b, "S: tds.rejected-by-server tds.error_number 11", REJECTED,
        twin=LOGGED_IN),
]

ROW_AT = 8 + len(columns(b"\x38", NVARCHAR))
WRONG = error(208)
RESPONSE_ROWS = [
    Row("token: 99", ASKED, ONE_ROW, put(ROW_AT, "99"), "tds.token-unknown tds.token %d" % ROW_AT, LEAVES),
    Row("token: a row first", ASKED, ONE_ROW, other(S(b"\xd1" + n4(7) + done(0x10, 1))), "tds.row-without-columns tds.token 8", LEAVES),
    Row("columns: type that does not exist", ASKED, ONE_ROW, put(17, "99"), "tds.data-type tds.data_type 17", LEAVES),
    Row("columns: nvarchar of 9,000 bytes", ASKED, ONE_ROW, put(28, n2(9000)), "tds.type-size tds.type_size 28", LEAVES),
    Row("row: value longer than its type", ASKED, ONE_ROW, put(ROW_AT + 5, n2(200)), "tds.value-length tds.value_length %d" % (ROW_AT + 5), LEAVES),
    Row("row: cut", ASKED, ONE_ROW, other(S(ONE_ROW[1][8:ROW_AT + 3])), "tds.response-cut tds.token %d" % (ROW_AT + 3), LEAVES),
    Row("no DONE", ASKED, ONE_ROW, other(S(ONE_ROW[1][8:-13])), "tds.response-without-done tds.token %d" % (len(ONE_ROW[1]) - 13), LEAVES),
    Row("DONE that announces more", ASKED, ONE_ROW, other(S(ONE_ROW[1][8:-13] + done(0x11, 1))),
        "tds.response-without-done tds.token %d" % len(ONE_ROW[1]), LEAVES),
    Row("error: text longer than it", ASKED, S(WRONG + done(2)), put(17, n2(500)), "tds.token-length tds.token_length 9", LEAVES),
    Row("error: shorter than its text", ASKED, S(WRONG + done(2)), lambda b: packet(4, b"\xaa" + n2(8) + b[11:19] + done(2), spid=52),
        "tds.token-length tds.token_length 9", LEAVES),
    Row("error: longer than the message", ASKED, S(WRONG + done(2)), put(9, n2(5000)), "tds.response-cut tds.token 11", LEAVES),
    Row("packet size of 100", HELLO + [LOGIN], S(acknowledgement() + environment(4, "512") + done()), put(8 + len(acknowledgement()) + 5, u("100")),
        "tds.granted-packet-size tds.environment_value %d" % (8 + len(acknowledgement()) + 5), LEAVES),
    Row("environment: value longer than it", ASKED, S(environment(1, "other", "shop") + done()), put(12, "40"),
        "tds.token-length tds.token_length 9", LEAVES),
    Row("routing: name of the server longer than it", HELLO + [LOGIN], S(acknowledgement() + b"\xe3" + n2(14) + b"\x14" + n2(9) + b"\0" + n2(1433) +
        us_text("db") + n2(0) + done()), put(8 + len(acknowledgement()) + 9, n2(80)), "tds.token-length tds.token_length %d" % (8 + len(acknowledgement()) + 1),
        LEAVES),
    Row("LOGINACK: program longer than it", HELLO + [LOGIN], S(acknowledgement() + done()), put(16, "80"), "tds.token-length tds.token_length 9", LEAVES),
    Row("a response that nobody asked for", ASKED + [ONE_ROW], None, [ONE_ROW], "S: tds.unrequested-response tds.type 0", LEAVES, twin=ASKED + [ONE_ROW]),
    Row("a packet larger than was agreed upon", ASKED, ONE_ROW, other(S(columns(b"\xa7\x40\x1f" + COLLATION) + b"\xd1" + n2(8000) + bytes(8000) + done(0x10, 1))),
        "tds.packet-larger-than-agreed tds.length 2", LEAVES),
]

SESSION_ROWS = [
    Row("flags: 3", MARS, NEXT, put(1, "03"), "tds.session-header tds.smp_flags 1", HUNG_UP),
    Row("length: 15", MARS, NEXT, put(4, n4(15)), "tds.session-header tds.smp_length 4", HUNG_UP),
    Row("length: SYN with data", MARS, NEXT, put(1, "01"), "tds.session-header tds.smp_length 4", HUNG_UP),
    Row("session: not opened", MARS, NEXT, put(2, n2(7)), "tds.session-unknown tds.smp_session 2", HUNG_UP),
    Row("session: opened twice", MARS, smp("C", 1, sid=1), put(2, n2(0)), "tds.session-unknown tds.smp_session 2", HUNG_UP),
    Row("session: data after FIN", MARS + [smp("C", 4, sequence=1, window=5)], None, [NEXT], "tds.session-unknown tds.smp_session 2", HUNG_UP,
        twin=MARS + [smp("C", 4, sequence=1, window=5)]),
    Row("sequence: left out", MARS, NEXT, put(8, n4(4)), "tds.session-window tds.smp_sequence 8", HUNG_UP),
    Row("sequence: outside the window", MARS[:-1] + [smp("C", 8, SIMPLE[1], sequence=n) for n in (2, 3, 4)], None,
        [smp("C", 8, SIMPLE[1], sequence=5)], "C: tds.session-window tds.smp_sequence 8", HUNG_UP,
        twin=MARS[:-1] + [smp("C", 8, SIMPLE[1], sequence=n) for n in (2, 3, 4)]),
    Row("a header in a header", MARS, NEXT, other(smp("C", 8, smp("C", 8, SIMPLE[1], sequence=1)[1], sequence=2, window=5)),
        "tds.session-header tds.smp_length 16", HUNG_UP),
    Row("inside: headers that do not add up", MARS, NEXT, put(16 + 8, n4(3)), "tds.headers-length tds.headers_length 24", HUNG_UP),
]

GROUPS = {"prelogin": PRELOGIN_ROWS, "login": LOGIN_ROWS, "packet": PACKET_ROWS, "request": REQUEST_ROWS, "response": RESPONSE_ROWS,
          "session": SESSION_ROWS}
