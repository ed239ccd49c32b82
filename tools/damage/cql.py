"""Damage to Cassandra's native protocol, after the specification; what the server says is what Cassandra 5.0 says. Offsets count
from the first byte of the message; of a segment, from its header."""
import struct
import zlib

from row import Row

PORT = 9042
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)
ERROR, STARTUP, READY, AUTHENTICATE, OPTIONS, SUPPORTED, QUERY, RESULT, PREPARE, EXECUTE, REGISTER, EVENT, BATCH = 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13
AUTH_CHALLENGE, AUTH_RESPONSE, AUTH_SUCCESS = 14, 15, 16
RESPONSES = {ERROR, READY, AUTHENTICATE, SUPPORTED, RESULT, EVENT, AUTH_CHALLENGE, AUTH_SUCCESS}


def H(n):
    return struct.pack(">H", n & 0xFFFF)


def I(n):
    return struct.pack(">I", n & 0xFFFFFFFF)


def short(text):
    text = text.encode() if isinstance(text, str) else text
    return H(len(text)) + text


def long(text):
    text = text.encode() if isinstance(text, str) else text
    return I(len(text)) + text


def strings(*words):
    return H(len(words)) + b"".join(map(short, words))


def envelope(opcode, body=b"", stream=1, version=4, flags=0, length=None):
    return struct.pack(">BB", version | (0x80 if opcode in RESPONSES else 0), flags) + H(stream) + bytes([opcode]) + I(len(body) if length is None else length) + body


def startup(version=4, **options):
    options = {"CQL_VERSION": "3.0.0", **options}
    return envelope(STARTUP, H(len(options)) + b"".join(short(k) + short(v) for k, v in options.items()), 0, version)


def query(tail=b"", flags=0, version=4, text="select", stream=1, consistency=1, header=0):
    return envelope(QUERY, long(text) + H(consistency) + (I(flags) if version >= 5 else bytes([flags])) + tail, stream, version, header)


def C(data):
    return "C", data


def S(data):
    return "S", data


def error(text, code=0x000A, stream=1, version=4):
    return S(envelope(ERROR, I(code) + short(text), stream, version))


def crc24(data):
    crc = 0x875060
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1974F0B if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


def segment(payload, contained=True, inflated=None, header_sum=0, sum_=0):
    """`inflated`: of a segment in a compressed connection, what it says it opens to (0: it is not compressed)."""
    bits, width = len(payload) | contained << 17, 3
    if inflated is not None:
        bits, width = len(payload) | inflated << 17 | contained << 34, 5
    head = bits.to_bytes(width, "little")
    head += (crc24(head) ^ header_sum).to_bytes(3, "little")
    return head + payload + (zlib.crc32(payload, zlib.crc32(b"\xfa\x2d\x55\xca")) ^ sum_).to_bytes(4, "little")


def lz4(data):
    """A block of one literal."""
    n = len(data)
    if n < 15:
        return bytes([n << 4]) + data
    more = n - 15
    return b"\xf0" + b"\xff" * (more // 255) + bytes([more % 255]) + data


def snappy(data):
    """A block of one literal."""
    n = len(data)
    return bytes([n, 60 << 2, n - 1]) + data if n > 60 else bytes([n, (n - 1) << 2]) + data


def instead(*messages):
    """The damaged message, as bytes, or several of them."""
    return lambda valid: messages[0] if len(messages) == 1 else [C(m) for m in messages]


VOID = envelope(RESULT, I(1))
READY_4, READY_5 = S(envelope(READY, b"", 0)), S(envelope(READY, b"", 0, 5))
BEGUN = [C(envelope(OPTIONS, b"", 0)), S(envelope(SUPPORTED, H(1) + short("CQL_VERSION") + strings("3.4.7"), 0)), C(startup()), READY_4]
BEGUN_3 = [C(startup(3)), S(envelope(READY, b"", 0, 3))]
BEGUN_5 = [C(startup(5)), READY_5, C(segment(envelope(OPTIONS, b"", 1, 5))), S(segment(envelope(SUPPORTED, H(0), 1, 5)))]
BEGUN_5Z = [C(startup(5, COMPRESSION="lz4")), READY_5, C(segment(envelope(OPTIONS, b"", 1, 5), True, 0)), S(segment(envelope(SUPPORTED, H(0), 1, 5), True, 0))]
PASSWORD = [C(startup()), S(envelope(AUTHENTICATE, short("org.apache.cassandra.auth.PasswordAuthenticator"), 0))]
ASKED = BEGUN + [C(query())]
REGISTERED = BEGUN + [C(envelope(REGISTER, strings("SCHEMA_CHANGE"))), S(envelope(READY))]
REJECTED = "; S: cql.rejected-by-server cql.error_message 15"
LEAVES = [CLIENT_ENDS]


def refused(text, code=0x000A, stream=1, version=4):
    """The server says why; the client leaves."""
    return [error(text, code, stream, version), CLIENT_ENDS]


def refused_5(text, code=0x000A, stream=1, inflated=None):
    return [S(segment(envelope(ERROR, I(code) + short(text), stream, 5), True, inflated)), CLIENT_ENDS]


OVERFLOW = "java.lang.IndexOutOfBoundsException: readerIndex exceeds writerIndex"
SHORT_TEXT = "Not enough bytes to read an UTF8 serialized string preceded by its 4 bytes length"
GOOD = C(query())
HEADER_ROWS = [
    Row("version: 0", BEGUN, GOOD, instead(query(version=0)), "cql.version cql.version 0" + REJECTED, refused("Invalid or unsupported protocol version (0)", stream=0)),
    Row("version: 127", [], C(startup()), instead(startup(127)), "cql.version cql.version 0" + REJECTED, refused("Invalid or unsupported protocol version (127)", stream=0)),
    Row("version: another one than STARTUP's", BEGUN, GOOD, instead(query(version=3)), "cql.version-changed cql.version 0" + REJECTED,
        refused("Invalid message version. Got 3/v3 but previous messages on this connection had version 4/v4")),
    Row("version: 1", [], C(envelope(OPTIONS, b"", 0)), instead(bytes([1, 0, 0, 5, 0, 0, 0, 0])), "cql.old-version cql.version 0",
        [S(bytes([0x81, 0, 0, 0]) + long(I(10) + short("Invalid or unsupported protocol version (1)"))), CLIENT_ENDS]),
    Row("direction: a response of the client", BEGUN, GOOD, lambda b: bytes([b[0] | 0x80]) + b[1:], "cql.direction cql.direction 0" + REJECTED,
        refused("Wrong protocol direction (expected REQUEST, got RESPONSE) for opcode 7 (QUERY)")),
    Row("direction: a request of the server", ASKED, S(VOID), lambda b: bytes([b[0] & 0x7F]) + b[1:], "cql.direction cql.direction 0", LEAVES),
    Row("opcode: 0x55", BEGUN, GOOD, instead(envelope(0x55)), "cql.opcode cql.opcode 4" + REJECTED, refused("Unknown opcode 85")),
    Row("opcode: CREDENTIALS, of version 1", BEGUN, GOOD, instead(envelope(4, H(0))), "cql.opcode cql.opcode 4" + REJECTED, refused("Unsupported message")),
    Row("opcode: RESULT of the client", BEGUN, GOOD, instead(b"\x04" + VOID[1:]), "cql.opcode-direction cql.opcode 4" + REJECTED,
        refused("Wrong protocol direction (expected RESPONSE, got REQUEST) for opcode 8 (RESULT)")),
    Row("opcode: QUERY of the server", ASKED, S(VOID), instead(b"\x84" + query()[1:]), "cql.opcode-direction cql.opcode 4", LEAVES),
    Row("length: negative", BEGUN, GOOD, instead(envelope(QUERY, b"x" * 20, length=-1)), "cql.length-limit cql.length 5", LEAVES),
    Row("length: 256 MB and one", BEGUN, GOOD, instead(envelope(QUERY, b"x" * 20, length=(256 << 20) + 1)), "cql.length-limit cql.length 5", LEAVES),
    Row("length: 17 MB that never come", BEGUN, GOOD, instead(envelope(QUERY, long("x" * 40), length=17 << 20)), "cql.incomplete-message cql.length 5", LEAVES),
    Row("length: 17 MB, the text first", BEGUN, GOOD, instead(envelope(QUERY, I(17 << 20) + b"x" * 20000, length=(17 << 20) + 7)),
        "cql.large-request cql.length 5; cql.incomplete-message cql.length 5", LEAVES),
    Row("length: one too large", BEGUN, GOOD, instead(envelope(QUERY, query()[9:], length=14)), "cql.incomplete-message cql.length 5", LEAVES),
    Row("flags: 0x20", BEGUN, GOOD, instead(query(header=0x20)), "cql.unknown-flags cql.flags 1", [S(VOID), CLIENT_ENDS]),
    Row("flags: custom payload in version 3", BEGUN_3, C(query(version=3)), instead(envelope(QUERY, H(0) + query()[9:], 1, 3, 4)),
        "cql.custom-payload-version cql.flags 1" + REJECTED, refused("Received frame with CUSTOM_PAYLOAD flag for native protocol version < 4", version=3)),
    Row("stream: negative", BEGUN, GOOD, instead(query(stream=-5)), "cql.negative-stream cql.stream 2", [S(envelope(RESULT, I(1), -5)), CLIENT_ENDS]),
    Row("stream: twice", BEGUN, GOOD, lambda b: [C(b), C(b)], "cql.stream-reused cql.stream 2", [S(VOID), S(VOID), CLIENT_ENDS]),
    Row("stream: an answer too many", ASKED + [S(VOID), C(query())], S(VOID), lambda b: [S(b), S(b)], "cql.unrequested-response cql.stream 2", LEAVES),
    Row("stream: the answer of another", ASKED, S(VOID), instead(envelope(RESULT, I(1), 2)), "cql.unrequested-response cql.stream 2", LEAVES),
    Row("stream: an event with one", REGISTERED, S(envelope(EVENT, short("SCHEMA_CHANGE") + short("CREATED") + short("KEYSPACE") + short("x"), -1)),
        instead(envelope(EVENT, short("SCHEMA_CHANGE") + short("CREATED") + short("KEYSPACE") + short("x"), 5)), "cql.event-stream cql.stream 2", LEAVES),
]

STATE_ROWS = [
    Row("a query first", [], C(startup()), instead(query()), "cql.before-startup cql.opcode 4" + REJECTED,
        refused("Unexpected message QUERY, expecting STARTUP or OPTIONS", stream=0)),
    Row("AUTH_RESPONSE first", [], C(startup()), instead(envelope(AUTH_RESPONSE, long(b"\0ann\0secret"))), "cql.before-startup cql.opcode 4" + REJECTED,
        refused("Unexpected message AUTH_RESPONSE, expecting STARTUP or OPTIONS", stream=0)),
    Row("STARTUP twice", BEGUN, GOOD, instead(startup()), "cql.startup-again cql.opcode 4" + REJECTED,
        refused("Unexpected message STARTUP, the connection is already initialized", stream=0)),
    Row("a query before the login", PASSWORD, C(envelope(AUTH_RESPONSE, long(b"\0ann\0secret"))), instead(query()), "cql.before-login cql.opcode 4" + REJECTED,
        refused("Unexpected message QUERY, expecting SASL_RESPONSE")),
    Row("a compressed STARTUP", [], C(startup()), lambda b: b[:1] + b"\1" + b[2:], "cql.compressed-startup cql.flags 1", [READY_4, CLIENT_ENDS]),
    Row("compression that was not agreed on", BEGUN, GOOD, instead(envelope(QUERY, b"\x0d" + lz4(query()[9:]), 1, 4, 1)),
        "cql.compression-not-agreed cql.flags 1; cql.overrun cql.query_length 9" + REJECTED, refused(SHORT_TEXT)),
    Row("a compressed answer that was not agreed on", ASKED, S(VOID), instead(envelope(RESULT, I(4) + lz4(I(1)), 1, 4, 1)), "cql.compression-not-agreed cql.flags 1", LEAVES),
    Row("STARTUP without CQL_VERSION", [], C(startup()), instead(envelope(STARTUP, H(1) + short("X") + short("1"), 0)), "cql.cql-version cql.count 9" + REJECTED,
        refused("Missing value CQL_VERSION in STARTUP message", stream=0)),
    Row("STARTUP: compression zip", [], C(startup()), instead(startup(COMPRESSION="zip")), "cql.compression cql.option_value 46" + REJECTED,
        refused("Unknown compression algorithm: zip", stream=0)),
    Row("STARTUP: Snappy in version 5", [], C(startup(5)), instead(startup(5, COMPRESSION="snappy")), "cql.compression cql.option_value 46" + REJECTED,
        refused("Snappy compression is not supported in protocol V5", stream=0, version=5)),
    Row("a token of 200,000 bytes (CASSANDRA-20052)", PASSWORD, C(envelope(AUTH_RESPONSE, long(b"\0ann\0secret"))), instead(envelope(AUTH_RESPONSE, long(b"\0ann\0" + b"x" * 200000))),
        "cql.large-before-login cql.length 5", refused("Provided username ann and/or password are incorrect", 0x100)),
    Row("an option of 200,000 bytes", [], C(startup()), instead(startup(A="x" * 65000, B="x" * 65000, C="x" * 65000)), "cql.large-before-login cql.length 5", [READY_4, CLIENT_ENDS]),
    Row("a token without user and password", PASSWORD, C(envelope(AUTH_RESPONSE, long(b"\0ann\0secret"))), instead(envelope(AUTH_RESPONSE, long("secret"))),
        "cql.plain-token cql.token 13", refused("Authentication ID must not be null", 0x100)),
    Row("TLS to a server without", [], C(startup()), instead(b"\x16\x03\x01\x00\x10" + bytes(range(16))), "S: cql.tls-unanswered cql.version 0" + REJECTED,
        refused("Invalid or unsupported protocol version (22)", stream=0)),
    Row("no answer, the connection ends", BEGUN, GOOD, instead(query()), "S: cql.closed-without-answer db.phase 0", [SERVER_ENDS], twin=BEGUN),
    Row("READY to a query", ASKED, S(VOID), instead(envelope(READY)), "cql.response-kind cql.opcode 4", LEAVES),
    Row("an event that nobody asked for", BEGUN, S(envelope(EVENT, short("STATUS_CHANGE") + short("UP") + b"\4\x7f\0\0\1" + I(9042), -1)),
        lambda b: [S(b)], "cql.unrequested-event cql.opcode 4", LEAVES, twin=BEGUN),
]

REQUEST_ROWS = [
    Row("query: longer than its body", BEGUN, GOOD, instead(envelope(QUERY, I(900) + b"select" + H(1) + b"\0")), "cql.overrun cql.query_length 9" + REJECTED, refused(SHORT_TEXT)),
    Row("query: negative", BEGUN, GOOD, instead(envelope(QUERY, I(-1) + b"select" + H(1) + b"\0")), "cql.negative-length cql.query_length 9" + REJECTED, refused(SHORT_TEXT)),
    Row("query: not UTF-8", BEGUN, GOOD, instead(query(text=b"sel\xffct")), "cql.utf8 cql.query 16" + REJECTED, refused("Cannot decode string as UTF8: '73656cff6374'")),
    Row("query: without parameters", BEGUN, GOOD, instead(envelope(QUERY, long("select"))), "cql.missing-field cql.consistency 19" + REJECTED, refused(OVERFLOW, 0)),
    Row("query: flags of one byte in version 5", BEGUN_5, C(segment(query(version=5))), instead(segment(envelope(QUERY, long("select") + H(1) + b"\0", 1, 5))),
        "cql.missing-field cql.query_flags 21" + REJECTED, refused_5(OVERFLOW, 0)),
    Row("query: consistency 100", BEGUN, GOOD, instead(query(consistency=100)), "cql.consistency cql.consistency 19" + REJECTED, refused("Unknown code 100 for a consistency level")),
    Row("query: serial consistency ONE", BEGUN, GOOD, instead(query(H(1), 0x10)), "cql.serial-consistency cql.serial_consistency 22", [S(VOID), CLIENT_ENDS]),
    Row("query: value of length -3", BEGUN, GOOD, instead(query(H(1) + I(-3), 1)), "cql.value-length cql.value_length 24" + REJECTED, refused("Invalid ByteBuf length -3")),
    Row("query: value longer than its body", BEGUN, GOOD, instead(query(H(1) + I(300) + b"value", 1)), "cql.overrun cql.value_length 24" + REJECTED, refused(OVERFLOW, 0)),
    Row("query: 9 values, one there", BEGUN, GOOD, instead(query(H(9) + long("value"), 1)), "cql.overrun cql.count 22" + REJECTED, refused(OVERFLOW, 0)),
    Row("query: name of a value longer than its body", BEGUN, GOOD, instead(query(H(1) + H(99) + b"name" + I(-1), 0x41)), "cql.overrun cql.string_length 24" + REJECTED,
        refused("Not enough bytes to read an UTF8 serialized string preceded by its 2 bytes length")),
    Row("query: paging state longer than its body", BEGUN, GOOD, instead(query(I(99) + b"state", 8)), "cql.overrun cql.string_length 22" + REJECTED, refused(OVERFLOW, 0)),
    Row("query: timestamp -2^63", BEGUN, GOOD, instead(query(I(1 << 31) + I(0), 0x20)), "cql.timestamp cql.timestamp 22" + REJECTED, refused("Out of bound timestamp")),
    Row("query: flag 0x80 in version 4", BEGUN, GOOD, instead(query(b"", 0x80)), "cql.unknown-query-flags cql.query_flags 21" + REJECTED, refused(SHORT_TEXT)),
    Row("query: bytes behind it", BEGUN, GOOD, instead(query(b"tail")), "cql.trailing-bytes cql.trailing 22", [S(VOID), CLIENT_ENDS]),
    Row("query: custom payload longer than its body", BEGUN, GOOD, instead(envelope(QUERY, H(99) + short("k") + long("v") + query()[9:], 1, 4, 4)),
        "cql.overrun cql.count 9" + REJECTED, refused(OVERFLOW, 0)),
    Row("prepare: without flags in version 5", BEGUN_5, C(segment(envelope(PREPARE, long("select") + I(0), 1, 5))), instead(segment(envelope(PREPARE, long("select"), 1, 5))),
        "cql.missing-field cql.query_flags 19" + REJECTED, refused_5(OVERFLOW, 0)),
    Row("execute: id longer than its body", BEGUN, C(envelope(EXECUTE, short("0123456789abcdef") + H(1) + b"\0")), instead(envelope(EXECUTE, H(99) + b"0123456789abcdef" + H(1) + b"\0")),
        "cql.overrun cql.string_length 9" + REJECTED, refused("Not enough bytes to read a byte array preceded by its 2 bytes length")),
    Row("batch: type 3", BEGUN, C(envelope(BATCH, b"\0" + H(0) + H(1) + b"\0")), instead(envelope(BATCH, b"\3" + H(0) + H(1) + b"\0")), "cql.batch-type cql.batch_type 9" + REJECTED,
        refused("Invalid BATCH message type 3")),
    Row("batch: kind 2", BEGUN, C(envelope(BATCH, b"\0" + H(0) + H(1) + b"\0")), instead(envelope(BATCH, b"\0" + H(1) + b"\2" + long("x") + H(0) + H(1) + b"\0")),
        "cql.batch-kind cql.batch_kind 12" + REJECTED, refused("Invalid query kind in BATCH messages. Must be 0 or 1 but got 2")),
    Row("batch: five queries, one there", BEGUN, C(envelope(BATCH, b"\0" + H(0) + H(1) + b"\0")), instead(envelope(BATCH, b"\0" + H(5) + b"\0" + long("x") + H(0) + H(1) + b"\0")),
        "cql.overrun cql.count 10" + REJECTED, refused(OVERFLOW, 0)),
    Row("batch: with a page size", BEGUN, C(envelope(BATCH, b"\0" + H(0) + H(1) + b"\0")), instead(envelope(BATCH, b"\0" + H(0) + H(1) + b"\4" + I(5))),
        "cql.batch-flags cql.query_flags 14", [S(VOID), CLIENT_ENDS]),
    Row("register: nothing that exists", BEGUN, C(envelope(REGISTER, strings("SCHEMA_CHANGE"))), instead(envelope(REGISTER, strings("NOTHING"))),
        "cql.event-type cql.event_type 13" + REJECTED, refused("Invalid value 'NOTHING' for Type")),
    Row("register: nine types, one there", BEGUN, C(envelope(REGISTER, strings("SCHEMA_CHANGE"))), instead(envelope(REGISTER, H(9) + short("SCHEMA_CHANGE"))),
        "cql.overrun cql.count 9" + REJECTED, refused("Not enough bytes to read an UTF8 serialized string preceded by its 2 bytes length")),
]

META = I(1) + I(1) + short("k") + short("t") + short("c")
ROWS = S(envelope(RESULT, I(2) + META + H(9) + I(1) + long(I(5))))
ANSWER_ROWS = [
    Row("error: unknown code", ASKED, S(VOID), instead(envelope(ERROR, I(0x7777) + short("what"))), "cql.error-code cql.error_code 9", LEAVES),
    Row("error: words longer than the body", ASKED, S(VOID), instead(envelope(ERROR, I(0x2200) + H(99) + b"what")), "cql.overrun-server cql.string_length 13", LEAVES),
    Row("error: a timeout without its tail", ASKED, S(VOID), instead(envelope(ERROR, I(0x1200) + short("") + H(1))), "cql.missing-field-server cql.error_detail 17", LEAVES),
    Row("result: kind 6", ASKED, S(VOID), instead(envelope(RESULT, I(6))), "cql.result-kind cql.result_kind 9", LEAVES),
    Row("result: nothing in it", ASKED, S(VOID), instead(envelope(RESULT)), "cql.missing-field-server cql.result_kind 9", LEAVES),
    Row("rows: 2^31 columns", ASKED, ROWS, instead(envelope(RESULT, I(2) + I(1) + I(1 << 31))), "cql.result-count cql.columns 17", LEAVES),
    Row("rows: 100,000 columns", ASKED, ROWS, instead(envelope(RESULT, I(2) + I(1) + I(100000) + META[8:])), "cql.overrun-server cql.columns 17", LEAVES),
    Row("rows: -1 rows", ASKED, ROWS, instead(envelope(RESULT, I(2) + META + H(9) + I(-1))), "cql.result-count cql.rows 32", LEAVES),
    Row("rows: two, one there", ASKED, ROWS, instead(envelope(RESULT, I(2) + META + H(9) + I(2) + I(-1))), "cql.overrun-server cql.rows 32", LEAVES),
    Row("rows: a cell longer than the body", ASKED, ROWS, instead(envelope(RESULT, I(2) + META + H(9) + I(1) + I(400) + b"1234")), "cql.overrun-server cql.value_length 36", LEAVES),
    Row("rows: type 0x16", ASKED, ROWS, instead(envelope(RESULT, I(2) + META + H(0x16) + I(1) + long(I(5)))), "cql.column-type cql.type 30", LEAVES),
    Row("rows: a list of lists of lists ...", ASKED, ROWS, instead(envelope(RESULT, I(2) + META + H(0x20) * 5000 + H(9) + I(0))), "cql.type-nesting cql.type 92", LEAVES),
    Row("event: an address of 5 bytes", BEGUN + [C(envelope(REGISTER, strings("STATUS_CHANGE"))), S(envelope(READY))],
        S(envelope(EVENT, short("STATUS_CHANGE") + short("UP") + b"\4\x7f\0\0\1" + I(9042), -1)),
        instead(envelope(EVENT, short("STATUS_CHANGE") + short("UP") + b"\5\x7f\0\0\1\0" + I(9042), -1)), "cql.address-length cql.address_length 28", LEAVES),
    Row("an answer that never completes", ASKED, ROWS, lambda b: b[:20], "cql.incomplete-message cql.length 5; cql.closed-without-answer db.phase 0", [SERVER_ENDS]),
]

BODY = query()[9:]
LZ4 = [C(startup(COMPRESSION="lz4")), READY_4]
SNAPPY = [C(startup(COMPRESSION="snappy")), READY_4]
GOOD_LZ4 = C(envelope(QUERY, I(len(BODY)) + lz4(BODY), 1, 4, 1))
GOOD_SNAPPY = C(envelope(QUERY, snappy(BODY), 1, 4, 1))
CODEC_ERROR = "io.netty.handler.codec.DecoderException: net.jpountz.lz4.LZ4Exception"
FORMAT_ERROR = "io.netty.handler.codec.DecoderException: Provided frame does not appear to be Snappy compressed"
GOOD_5 = C(segment(query(version=5)))
GOOD_5Z = C(segment(lz4(query(version=5)), True, len(query(version=5))))
LARGE = query(version=5, text="select" + " " * 150000)
FIRST, REST = LARGE[:131071], LARGE[131071:]
BROKEN_SUM = "invalid, unrecoverable CRC mismatch detected in frame header"
WRAPPED_ROWS = [
    Row("LZ4: declares more", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(len(BODY) + 10) + lz4(BODY), 1, 4, 1)), "cql.compressed-size-differs cql.segment_inflated 9" + REJECTED,
        refused(CODEC_ERROR, 0, 0)),
    Row("LZ4: declares less", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(len(BODY) - 1) + lz4(BODY), 1, 4, 1)), "cql.compressed-cannot-open cql.segment_inflated 9" + REJECTED,
        refused(CODEC_ERROR, 0, 0)),
    Row("LZ4: no block", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(50) + b"\xff" * 20, 1, 4, 1)), "cql.compressed-cannot-open cql.segment_inflated 9" + REJECTED, refused(CODEC_ERROR, 0, 0)),
    Row("LZ4: 300 MB of 20 bytes", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(300 << 20) + lz4(BODY), 1, 4, 1)), "cql.compressed-length-limit cql.segment_inflated 9", LEAVES),
    Row("LZ4: negative", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(-1) + lz4(BODY), 1, 4, 1)), "cql.compressed-length-limit cql.segment_inflated 9" + REJECTED,
        refused("java.lang.IllegalArgumentException: initialCapacity : -1", 0, 0)),
    Row("LZ4: three bytes", LZ4, GOOD_LZ4, instead(envelope(QUERY, b"abc", 1, 4, 1)), "cql.compressed-cannot-open cql.segment_inflated 9", LEAVES),
    Row("LZ4: empty", LZ4, GOOD_LZ4, instead(envelope(OPTIONS, b"", 1, 4, 1)), "cql.compressed-cannot-open cql.length 5", LEAVES),
    Row("LZ4: what is inside is wrong", LZ4, GOOD_LZ4, instead(envelope(QUERY, I(6) + lz4(I(900) + b"se"), 1, 4, 1)), "cql.overrun cql.query_length 9" + REJECTED, refused(SHORT_TEXT)),
    Row("LZ4: another version inside the connection", LZ4, GOOD_LZ4, instead(query(version=0x70)), "cql.version cql.version 0" + REJECTED,
        refused("Invalid or unsupported protocol version (112)", 10, 0)),
    Row("Snappy: no block", SNAPPY, GOOD_SNAPPY, instead(envelope(QUERY, b"\x10\xff\xff\xff\xff", 1, 4, 1)), "cql.compressed-cannot-open cql.segment_inflated 9" + REJECTED,
        refused(FORMAT_ERROR, 0, 0)),
    Row("Snappy: declares more", SNAPPY, GOOD_SNAPPY, instead(envelope(QUERY, bytes([len(BODY) + 5]) + snappy(BODY)[1:], 1, 4, 1)), "cql.compressed-cannot-open cql.segment_inflated 9" + REJECTED,
        refused(FORMAT_ERROR, 0, 0)),
    Row("Snappy: 4 GB of 20 bytes", SNAPPY, GOOD_SNAPPY, instead(envelope(QUERY, b"\xff\xff\xff\xff\x0f" + snappy(BODY)[1:], 1, 4, 1)), "cql.compressed-length-limit cql.segment_inflated 9", LEAVES),
    Row("segment: CRC-24", BEGUN_5, GOOD_5, instead(segment(query(version=5), header_sum=1)), "cql.segment-header cql.segment_header_sum 3" + REJECTED,
        refused_5(BROKEN_SUM, stream=0)),
    Row("segment: none", BEGUN_5, GOOD_5, instead(query(version=5)), "cql.segment-header cql.segment_header_sum 3" + REJECTED, refused_5(BROKEN_SUM, stream=0)),
    Row("segment: CRC-32", BEGUN_5, GOOD_5, instead(segment(query(version=5), sum_=1)), "cql.segment-payload cql.segment_sum 31" + REJECTED,
        refused_5("invalid, unrecoverable CRC mismatch detected in frame body", stream=0)),
    Row("segment: a message reaches beyond it", BEGUN_5, GOOD_5, instead(segment(query(version=5)[:-4])), "cql.segment-overrun cql.length 5" + REJECTED,
        refused_5("java.lang.IllegalArgumentException: newPosition > limit", 0, 0)),
    Row("segment: half a header behind a message", BEGUN_5, GOOD_5, instead(segment(query(version=5) + b"\5\0\0\2\7")), "cql.segment-overrun cql.segment_length 0" + REJECTED,
        refused_5("java.lang.IllegalArgumentException: Undersized buffer supplied", 0, 0)),
    Row("segment: version 4 inside", BEGUN_5, GOOD_5, instead(segment(query())), "cql.version-changed cql.version 0" + REJECTED,
        refused_5("Invalid message version. Got 4/v4 but previousmessages on this connection had version 5/v5")),
    Row("segment: version 9 inside", BEGUN_5, GOOD_5, instead(segment(query(version=9))), "cql.version cql.version 0" + REJECTED, refused_5("Invalid or unsupported protocol version (9)")),
    Row("segment: another one in a large message", BEGUN_5, C(segment(FIRST, False)), lambda b: [C(b), C(segment(query(version=5, stream=2)))],
        "cql.segment-order cql.segment_contained 0", [S(segment(envelope(RESULT, I(1), 2, 5))), CLIENT_ENDS], twin=BEGUN_5),
    Row("segment: more than the large message has", BEGUN_5, C(segment(FIRST, False)), lambda b: [C(b), C(segment(REST + b"zz", False))],
        "cql.segment-order cql.segment_contained 0", LEAVES, twin=BEGUN_5),
    Row("segment, LZ4: declares more", BEGUN_5Z, GOOD_5Z, instead(segment(lz4(query(version=5)), True, 40)), "cql.compressed-size-differs cql.segment_inflated 2" + REJECTED,
        refused_5("Invalid or unsupported protocol version (0)", inflated=0)),
    Row("segment, LZ4: declares less", BEGUN_5Z, GOOD_5Z, instead(segment(lz4(query(version=5)), True, 10)), "cql.compressed-cannot-open cql.segment_inflated 2" + REJECTED,
        refused_5("net.jpountz.lz4.LZ4Exception: Error decoding", 0, 0, 0)),
    Row("segment, LZ4: no block", BEGUN_5Z, GOOD_5Z, instead(segment(b"\xff" * 30, True, 40)), "cql.compressed-cannot-open cql.segment_inflated 2" + REJECTED,
        refused_5("net.jpountz.lz4.LZ4Exception: Error decoding", 0, 0, 0)),
    Row("segment, LZ4: CRC-32", BEGUN_5Z, GOOD_5Z, lambda b: b[:-1] + bytes([b[-1] ^ 1]), "cql.segment-payload cql.segment_sum 35" + REJECTED,
        refused_5("invalid, unrecoverable CRC mismatch detected in frame body", 10, 0, 0)),
    Row("segment that never completes", BEGUN_5, GOOD_5, lambda b: b[:12], "cql.incomplete-message cql.segment_length 0", LEAVES),
]

GROUPS = {"header": HEADER_ROWS, "state": STATE_ROWS, "request": REQUEST_ROWS, "answer": ANSWER_ROWS, "wrapped": WRAPPED_ROWS}
