"""Damage to Redis traffic, after the specification; what the server says is what Redis 7.0 says. Offsets count from the first
byte of the request or reply."""
from row import Row

PORT = 6379
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)


def request(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def C(data):
    return "C", data if isinstance(data, bytes) else data.encode()


def S(data):
    return "S", data if isinstance(data, bytes) else data.encode()


def instead(data):
    data = data if isinstance(data, bytes) else data.encode()
    return lambda valid: data


PING = request("PING")
SET = request("SET", "key", "value")
GET = request("GET", "key")
BEGUN = [C(SET), S("+OK\r\n")]
ASKED = BEGUN + [C(GET)]
HELLO = [C(request("HELLO", 3)), S("%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n")]
ASKED3 = HELLO + [C(GET)]
LOCKED = [C(GET), S("-NOAUTH Authentication required.\r\n")]
PSYNC = [C(request("PSYNC", "?", -1))]
RESYNC = "+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n"
MARK = "0123456789abcdef0123456789abcdef01234567"
COPYING = PSYNC + [S(RESYNC + "$EOF:" + MARK + "\r\n")]
FOLLOWING = PSYNC + [S(RESYNC + "$9\r\nREDIS0010")]
TLS_HELLO = b"\x16\x03\x01\x00\x10" + bytes(range(16))
HUNG_UP = [SERVER_ENDS]     # without a word
LEAVES = [CLIENT_ENDS]
REJECTED = "; S: redis.rejected-by-server redis.error 1"


def refused(text):
    """The server says why and closes."""
    return [S("-ERR Protocol error: %s\r\n" % text), SERVER_ENDS]


def goes_on(*answers):
    return [S("".join(answers)), CLIENT_ENDS]


UNKNOWN = "-ERR unknown command\r\n"
FRAMING_ROWS = [
    Row("count: no digits", BEGUN, C(GET), instead("*\r\n"), "redis.multibulk-count redis.number 1" + REJECTED, refused("invalid multibulk length")),
    Row("count: a letter", BEGUN, C(GET), instead("*2x\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), "redis.multibulk-count redis.number 1" + REJECTED,
        refused("invalid multibulk length")),
    Row("count: a leading zero", BEGUN, C(GET), instead("*02\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), "redis.multibulk-count redis.number 1" + REJECTED,
        refused("invalid multibulk length")),
    Row("count: a plus", BEGUN, C(GET), instead("*+2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), "redis.multibulk-count redis.number 1" + REJECTED,
        refused("invalid multibulk length")),
    Row("count: 2^31", BEGUN, C(GET), instead("*2147483648\r\n"), "redis.multibulk-count redis.number 1" + REJECTED, refused("invalid multibulk length")),
    Row("count: 34 digits", BEGUN, C(GET), instead("*" + "9" * 34 + "\r\n"), "redis.multibulk-count redis.number 1" + REJECTED,
        refused("invalid multibulk length")),
    Row("count: no carriage return", BEGUN, C(GET), instead("*2\n$3\n"), "redis.incomplete-message redis.length 0", LEAVES),
    Row("count: 1,048,577", BEGUN, C(GET), instead("*1048577\r\n" + "$1\r\nx\r\n" * 32), "redis.multibulk-count-large redis.count 1; "
        "redis.incomplete-message redis.count 0", LEAVES),
    Row("count: one too many", BEGUN, C(GET), instead("*3\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), "redis.incomplete-message redis.length 0",
        [("wait", 61), SERVER_ENDS]),
    Row("count: one too many, then the next request", BEGUN, C(GET), instead(b"*3\r\n$3\r\nGET\r\n$3\r\nkey\r\n" + PING),
        "redis.string-expected redis.type 22" + REJECTED, refused("expected '$', got '*'")),
    Row("length: none", BEGUN, C(GET), instead("*2\r\nGET\r\nkey\r\n"), "redis.string-expected redis.type 4" + REJECTED,
        refused("expected '$', got 'G'")),
    Row("length: one too small", BEGUN, C(GET), instead("*2\r\n$2\r\nGET\r\n$3\r\nkey\r\n"), "redis.string-end redis.line_end 10; "
        "redis.string-expected redis.type 12" + REJECTED, refused("expected '$', got '\n'".replace("\n", "."))),
    Row("length: one too large", BEGUN, C(GET), instead("*2\r\n$3\r\nGET\r\n$4\r\nkey\r\n"), "redis.incomplete-message redis.length 0", LEAVES),
    Row("length: negative", BEGUN, C(GET), instead("*2\r\n$3\r\nGET\r\n$-1\r\n"), "redis.bulk-length redis.number 14" + REJECTED,
        refused("invalid bulk length")),
    Row("length: a leading zero", BEGUN, C(GET), instead("*2\r\n$03\r\nGET\r\n$3\r\nkey\r\n"), "redis.bulk-length redis.number 5" + REJECTED,
        refused("invalid bulk length")),
    Row("length: 512 MB and one", BEGUN, C(SET), instead("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870913\r\n"), "redis.bulk-length-large redis.length 23"
        + REJECTED, refused("invalid bulk length")),
    Row("length: 2^63 - 1", BEGUN, C(SET), instead("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$9223372036854775807\r\n"),
        "redis.bulk-length-large redis.length 23" + REJECTED, refused("invalid bulk length")),
    Row("length: 500 MB that never come", BEGUN, C(SET), instead("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$500000000\r\n" + "x" * 2000),
        "redis.incomplete-message redis.length 23", LEAVES),
    Row("line end: no line feed behind a count", BEGUN, C(GET), instead("*2\rx$3\r\nGET\r\n$3\r\nkey\r\n"), "redis.line-end redis.line_end 3",
        goes_on("$5\r\nvalue\r\n")),
    Row("line end: other bytes behind an argument", BEGUN, C(GET), instead("*2\r\n$3\r\nGETxx$3\r\nkey\r\n"), "redis.string-end redis.line_end 11",
        goes_on("$5\r\nvalue\r\n")),
    Row("inline: quotes open", BEGUN, C("get \"key\"\r\n"), instead("get \"key\r\n"), "redis.inline-quotes redis.inline 0" + REJECTED,
        refused("unbalanced quotes in request")),
    Row("inline: single quotes open", BEGUN, C("get 'key'\r\n"), instead("get 'key\\'\r\n"), "redis.inline-quotes redis.inline 0" + REJECTED,
        refused("unbalanced quotes in request")),
    Row("inline: letters behind quotes", BEGUN, C("get 'key'\r\n"), instead("get 'key'x\r\n"), "redis.inline-quotes redis.inline 0" + REJECTED,
        refused("unbalanced quotes in request")),
    Row("inline: a NUL", BEGUN, C("get key\r\n"), instead(b"get k\0y\r\n"), "redis.nul-in-line redis.inline 5", LEAVES),
    Row("inline: RDP", BEGUN, C("get key\r\n"), instead(b"\x03\x00\x00\x13\x0e\xe0\x00\x00"), "redis.nul-in-line redis.inline 1", LEAVES),
    Row("inline: 70,000 bytes", BEGUN, C("get key\r\n"), instead("get " + "x" * 70000), "redis.inline-too-long redis.inline 0" + REJECTED,
        refused("too big inline request")),
    Row("length: a NUL", BEGUN, C(GET), instead(b"*2\r\n$3\0\r\nGET\r\n"), "redis.nul-in-line redis.number 5", LEAVES),
]

STATE_ROWS = [
    Row("HTTP: a POST", [], C(PING), instead("POST / HTTP/1.1\r\nHost: db\r\nContent-Length: 0\r\n\r\n"),
        "db.wrong-protocol db.spoken 0; redis.cross-protocol redis.command 0", HUNG_UP),
    Row("HTTP: a GET", [], C(PING), instead("GET / HTTP/1.1\r\nHost: db\r\n\r\n"), "db.wrong-protocol db.spoken 0; redis.cross-protocol redis.command 0",
        [S("-ERR wrong number of arguments for 'get' command\r\n"), SERVER_ENDS]),
    Row("HTTP: a POST behind a command", BEGUN, C(PING), instead("POST / HTTP/1.1\r\nHost: db\r\nContent-Length: 0\r\n\r\n"),
        "redis.http-request redis.inline 0; redis.cross-protocol redis.command 0", HUNG_UP),
    Row("HTTP: Host: as an argument of RESP", BEGUN, C(PING), instead(request("Host:", "db")), "redis.cross-protocol redis.command 8", HUNG_UP),
    Row("TLS to a server without", [], C(PING), instead(TLS_HELLO), "redis.tls-unanswered redis.type 0", LEAVES),
    Row("empty, then the other form (CVE-2026-27623)", BEGUN, C(b"*0\r\n" + PING), instead("*0\r\nPING\r\n"),
        "redis.empty-then-other-form redis.count 0", goes_on("+PONG\r\n")),
    Row("QUIT is not the end", BEGUN + [C(request("QUIT"))], S("+OK\r\n"), lambda valid: [C(PING), S(valid)], "C: redis.after-quit db.length 0", HUNG_UP),
    Row("locked: 11 arguments (CVE-2021-32675)", LOCKED, C(request("MGET", *"abcdefghi")), instead(request("MGET", *"abcdefghij")),
        "redis.unauthenticated-count redis.count 1" + REJECTED, refused("unauthenticated multibulk length")),
    Row("locked: 16,385 bytes (CVE-2021-32675)", LOCKED, C(request("ECHO", "a")), instead(request("ECHO", "a" * 16385)),
        "redis.unauthenticated-length redis.length 15" + REJECTED, refused("unauthenticated bulk length")),
    Row("locked: 4,097 requests without reading (CVE-2025-21605)", LOCKED, C(PING), instead(PING * 4097), "redis.unread-replies redis.command 0", LEAVES),
    Row("the master, the file, the library", BEGUN, C(request("MODULE", "LIST")),
        lambda valid: [C(request("SLAVEOF", "192.0.2.9", 6379)), S("+OK\r\n"), C(request("CONFIG", "SET", "dbfilename", "exp.so")), S("+OK\r\n"),
                       C(request("MODULE", "LOAD", "./exp.so"))], "redis.replication-abuse redis.command 0", goes_on("+OK\r\n")),
    Row("a pattern of 33 stars (CVE-2022-36021)", BEGUN, C(request("KEYS", "a*")), instead(request("KEYS", "a*" * 33)),
        "redis.long-pattern redis.argument 19", goes_on("*0\r\n")),
    Row("a pattern of 1,001 bytes (CVE-2024-31228)", BEGUN, C(request("KEYS", "a*")), instead(request("KEYS", "a" * 1001)),
        "redis.long-pattern redis.argument 21", goes_on("*0\r\n")),
    Row("a HyperLogLog by hand (CVE-2025-32023)", BEGUN, C(request("PFCOUNT", "key")),
        lambda valid: [C(request("SET", "key", b"HYLL\x01\0\0\0\xff\xff")), S("+OK\r\n"), C(valid)], "redis.hyperloglog-by-hand redis.argument 21",
        goes_on("-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n")),
    Row("no reply, the connection ends", BEGUN, C(PING), instead(PING), "S: redis.closed-without-answer db.phase 0", HUNG_UP, twin=BEGUN),
]

REPLY_ROWS = [
    Row("type: none", ASKED, S("$5\r\nvalue\r\n"), instead("value\r\n"), "redis.reply-type redis.type 0", LEAVES),
    Row("type: in a list", ASKED, S("*2\r\n:1\r\n:2\r\n"), instead("*2\r\n:1\r\n2\r\n"), "redis.reply-type redis.type 8", LEAVES),
    Row("length: -2", ASKED, S("$5\r\nvalue\r\n"), instead("$-2\r\n"), "redis.reply-length redis.number 1", LEAVES),
    Row("length: a letter", ASKED, S("$5\r\nvalue\r\n"), instead("$5x\r\nvalue\r\n"), "redis.reply-length redis.number 1", LEAVES),
    Row("length: one too small", ASKED, S("$5\r\nvalue\r\n"), instead("$4\r\nvalue\r\n"),
        "redis.reply-string-end redis.line_end 8; S: redis.reply-type redis.type 0", LEAVES),
    Row("length: two too large", ASKED, S("$5\r\nvalue\r\n"), instead("$7\r\nvalue\r\n"), "redis.incomplete-message redis.length 0; redis.closed-without-answer db.phase 0", [SERVER_ENDS]),
    Row("length: 3 GB", ASKED, S("$5\r\nvalue\r\n"), instead("$3221225472\r\n" + "x" * 2000),
        "redis.reply-large redis.length 1; redis.incomplete-message redis.length 1", [SERVER_ENDS]),
    Row("count: 2^32 (CVE-2021-32762)", ASKED, S("*0\r\n"), instead("*4294967296\r\n"), "redis.reply-count redis.number 1", LEAVES),
    Row("count: 2^60 (CVE-2021-32765)", ASKED, S("*0\r\n"), instead("*1152921504606846976\r\n"), "redis.reply-count redis.number 1", LEAVES),
    Row("count: -3", ASKED, S("*0\r\n"), instead("*-3\r\n"), "redis.reply-count redis.number 1", LEAVES),
    Row("line: a carriage return alone", ASKED, S("+value\r\n"), instead("+val\rue\r\n"), "redis.reply-line redis.line_end 5", LEAVES),
    Row("line: a line feed alone", ASKED, S("+value\r\n"), instead("+val\nue\r\n"), "redis.reply-line redis.line 4", LEAVES),
    Row("line: a NUL (CVE-2025-67733)", ASKED, S("-ERR value\r\n"), instead(b"-ERR v\0lue\r\n"), "redis.reply-line redis.line 1", LEAVES),
    Row("line: split into two replies (CVE-2025-67733)", ASKED, S("-ERR value\r\n"), instead("-ERR value\r\n+OK\r\n"),
        "redis.unrequested-reply redis.type 0", LEAVES),
    Row("integer: letters", ASKED, S(":12\r\n"), instead(":1a\r\n"), "redis.reply-number redis.line 1", LEAVES),
    Row("integer: nothing", ASKED, S(":12\r\n"), instead(":\r\n"), "redis.reply-number redis.line 1", LEAVES),
    Row("RESP3 without HELLO", ASKED, S("$-1\r\n"), instead("_\r\n"), "redis.resp3-type redis.type 0", LEAVES),
    Row("RESP3: boolean", ASKED3, S("#t\r\n"), instead("#x\r\n"), "redis.reply-number redis.line 1", LEAVES),
    Row("RESP3: double", ASKED3, S(",1.5\r\n"), instead(",1.5.5\r\n"), "redis.reply-number redis.line 1", LEAVES),
    Row("RESP3: null", ASKED3, S("_\r\n"), instead("_1\r\n"), "redis.reply-number redis.line 1", LEAVES),
    Row("RESP3: verbatim", ASKED3, S("=9\r\ntxt:value\r\n"), instead("=9\r\ntxt value\r\n"), "redis.verbatim-format redis.value 4", LEAVES),
    Row("RESP3: chunk of nothing", ASKED3, S("$?\r\n;5\r\nvalue\r\n;0\r\n"), instead(";5\r\nvalue\r\n;0\r\n"), "redis.streamed-value redis.type 0", LEAVES),
    Row("RESP3: a value among chunks", ASKED3, S("$?\r\n;5\r\nvalue\r\n;0\r\n"), instead("$?\r\n+value\r\n"), "redis.streamed-value redis.type 0", LEAVES),
    Row("RESP3: the end of nothing", ASKED3, S("*?\r\n.\r\n"), instead(".\r\n"), "redis.streamed-value redis.type 0", LEAVES),
    Row("nesting: 17 levels", ASKED, S("*1\r\n" * 16 + ":1\r\n"), instead("*1\r\n" * 17 + ":1\r\n"), "redis.nesting redis.count 64", LEAVES),
    Row("nesting: 33 levels", ASKED, S("*1\r\n" * 16 + ":1\r\n"), instead("*1\r\n" * 33 + ":1\r\n"),
        "redis.nesting redis.count 64; redis.nesting-limit redis.count 0", LEAVES),
    Row("copy: a library", COPYING, S("REDIS0010" + MARK), instead(b"\x7fELF\x02\x01\x01\0\0\0" + MARK.encode()), "redis.rdb-content redis.rdb 0", LEAVES),
    Row("copy: a mark of 4 bytes", PSYNC + [S(RESYNC)], S("$EOF:" + MARK + "\r\n"), instead("$EOF:0123\r\n"), "redis.rdb-header redis.length 1", LEAVES),
    Row("copy: a length with letters", PSYNC + [S(RESYNC)], S("$9\r\nREDIS0010"), instead("$9x\r\nREDIS0010"), "redis.rdb-header redis.length 1", LEAVES),
    Row("replica: inline", FOLLOWING, S(PING), instead("PING\r\n"), "redis.master-inline redis.inline 0", LEAVES),
    Row("replica: an argument without its length", FOLLOWING, S(SET), instead("*3\r\n$3\r\nSET\r\nkey\r\n"), "redis.string-expected redis.type 13", LEAVES),
]


def bus(kind, total, count=0, version=1, signature=b"RCmb"):
    head = signature + total.to_bytes(4, "big") + version.to_bytes(2, "big") + (6379).to_bytes(2, "big") + kind.to_bytes(2, "big")
    return (head + count.to_bytes(2, "big")).ljust(total, b"\0")


BUS = C(bus(0, 2256 + 104, 1))
BUS_ROWS = [
    Row("bus: signature", [BUS], BUS, instead(bus(0, 2256, signature=b"RCmc")), "redis.bus-signature redis.bus_signature 0", LEAVES, port=16379),
    Row("bus: version 2", [BUS], BUS, instead(bus(0, 2256, version=2)), "redis.bus-version redis.bus_version 8", LEAVES, port=16379),
    Row("bus: type 11", [BUS], BUS, instead(bus(11, 2256)), "redis.bus-type redis.bus_type 12", LEAVES, port=16379),
    Row("bus: more entries than bytes (CVE-2026-21863)", [BUS], BUS, instead(bus(0, 2256 + 104, 200)), "redis.bus-length redis.bus_length 4", LEAVES,
        port=16379),
    Row("bus: more bytes than entries", [BUS], BUS, instead(bus(0, 2256 + 208, 1)), "redis.bus-length redis.bus_length 4", LEAVES, port=16379),
    Row("bus: 10 bytes", [BUS], BUS, instead(bus(0, 10)), "redis.bus-length redis.bus_length 4", LEAVES, port=16379),
]

GROUPS = {"framing": FRAMING_ROWS, "state": STATE_ROWS, "reply": REPLY_ROWS, "bus": BUS_ROWS}
