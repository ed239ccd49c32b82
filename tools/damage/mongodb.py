"""Damage to MongoDB traffic, after the specifications and the server's source. Offsets count from the first byte of the message;
those of what a compressed message opened to from the header that it gets then."""
import struct
import zlib

from row import Row, chop, put

PORT = 27017
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)
HUNG_UP, LEAVES = [SERVER_ENDS], [CLIENT_ENDS]  # without a word


class Double(float):
    pass


class Int64(int):
    pass


class Binary(bytes):
    subtype = 0


def binary(subtype, data):
    made = Binary(data)
    made.subtype = subtype
    return made


class Raw:
    """A value whose type and bytes are given."""

    def __init__(self, kind, data):
        self.kind, self.data = kind, data


def value(v):
    if isinstance(v, Raw):
        return v.kind, v.data
    if isinstance(v, bool):
        return 8, bytes([v])
    if isinstance(v, Int64):
        return 18, struct.pack("<q", v)
    if isinstance(v, int):
        return 16, struct.pack("<i", v)
    if isinstance(v, float):
        return 1, struct.pack("<d", v)
    if isinstance(v, str):
        return 2, struct.pack("<i", len(v.encode()) + 1) + v.encode() + b"\0"
    if isinstance(v, Binary):
        return 5, struct.pack("<iB", len(v), v.subtype) + v
    if isinstance(v, dict):
        return 3, bson(v)
    return 4, bson({str(i): x for i, x in enumerate(v)})


def bson(document):
    out = b""
    for name, v in document.items():
        kind, data = value(v)
        out += bytes([kind]) + name.encode() + b"\0" + data
    return struct.pack("<i", len(out) + 5) + out + b"\0"


def message(request, response, opcode, body):
    return struct.pack("<iiii", len(body) + 16, request, response, opcode) + body


def msg(request, response, *sections, flags=0):
    return message(request, response, 2013, struct.pack("<I", flags) + b"".join(sections))


def body(**fields):
    return b"\0" + bson({k.replace("_db", "$db"): v for k, v in fields.items()})


def sequence(name, *documents):
    inner = name.encode() + b"\0" + b"".join(bson(d) for d in documents)
    return b"\1" + struct.pack("<i", len(inner) + 4) + inner


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def checked(made):
    """With the flag and the checksum."""
    made = struct.pack("<i", len(made) + 4) + made[4:16] + struct.pack("<I", struct.unpack_from("<I", made, 16)[0] | 1) + made[20:]
    return made + struct.pack("<I", crc32c(made))


def query(request, name, document, more=b""):
    return message(request, 0, 2004, struct.pack("<i", 0) + name.encode() + b"\0" + struct.pack("<ii", 0, -1) + bson(document) + more)


def reply(request, response, *documents, count=None):
    return message(request, response, 1, struct.pack("<iqii", 8, 0, 0, len(documents) if count is None else count) + b"".join(bson(d) for d in documents))


def compressed(plain, declared=None, compressor=2, payload=None, opcode=2013):
    payload = zlib.compress(plain[16:]) if payload is None else payload
    size = len(plain) - 16 if declared is None else declared
    request, response = struct.unpack_from("<ii", plain, 4)
    return message(request, response, 2012, struct.pack("<iiB", opcode, size, compressor) + payload)


def C(data):
    return "C", data


def S(data):
    return "S", data


def instead(data):
    return lambda valid: data


def sized(edit):
    """The damage, and a length in the header that fits it."""
    def made(b):
        b = edit(b)
        return struct.pack("<i", len(b)) + b[4:]
    return made


def insert(at, data):
    return lambda b: b[:at] + data + b[at:]


def drop(at, length):
    return lambda b: b[:at] + b[at + length:]


LIMITS = dict(maxBsonObjectSize=16777216, maxMessageSizeBytes=48000000, maxWriteBatchSize=100000, maxWireVersion=21)
HELLO = [C(query(1, "admin.$cmd", {"hello": 1, "compression": ["zlib"]})),
         S(reply(100, 1, {"isWritablePrimary": True, "connectionId": 7, **LIMITS, "compression": ["zlib"], "ok": 1.0}))]
OLD = [C(query(1, "admin.$cmd", {"ismaster": 1})), S(reply(100, 1, {"ismaster": True, "maxWireVersion": 6, "ok": 1.0}))]
FIND = msg(2, 0, body(find="orders", limit=5, _db="shop"))
INSERT = msg(2, 0, body(insert="orders", _db="shop"), sequence("documents", {"_id": 1, "name": "pen"}, {"_id": 2}))
FOUND = msg(101, 2, body(cursor={"firstBatch": [{"_id": 1}], "id": Int64(0), "ns": "shop.orders"}, ok=1.0))
DONE = msg(101, 2, body(n=2, ok=1.0))
ASKED = HELLO + [C(FIND)]
REJECTED = "; S: mongodb.rejected-by-server mongodb.error_code %d"


def refused(code, text, response=2):
    """The server says why and goes on."""
    return [S(msg(101, response, body(ok=0.0, errmsg=text, code=code))), CLIENT_ENDS]


def rejected(code, text):
    """What is due after a message that the server calls malformed, and where its code stands."""
    answer = msg(101, 2, body(ok=0.0, errmsg=text, code=code))
    return REJECTED % (answer.index(b"\x10code\0") + 6), refused(code, text)


# The document of FIND begins at 21: find 25, limit 43 (value 50), $db 54.
FIND_AT, LIMIT_VALUE = FIND.index(b"\x02find\0"), FIND.index(b"\x10limit\0") + 7
INVALID, INVALID_THEN = rejected(22, "Client Error: bad object in message")
SECTION_AT = INSERT.index(b"\x01", 21 + struct.unpack_from("<i", INSERT, 21)[0])

FRAMING_ROWS = [
    Row("length: 15", HELLO, C(FIND), put(0, "0f 00 00 00"), "mongodb.message-length mongodb.length 0", HUNG_UP),
    Row("length: 0", HELLO, C(FIND), put(0, "00 00 00 00"), "mongodb.message-length mongodb.length 0", HUNG_UP),
    Row("length: 48,000,001", HELLO, C(FIND), put(0, "01 6c dc 02"), "mongodb.message-length mongodb.length 0", HUNG_UP),
    Row("length: negative", HELLO, C(FIND), put(0, "ff ff ff ff"), "mongodb.message-length mongodb.length 0", HUNG_UP),
    Row("length: 8 too large", HELLO, C(FIND), lambda b: struct.pack("<i", len(b) + 8) + b[4:], "mongodb.incomplete-message mongodb.length 0", LEAVES),
    Row("the end of the message is missing", HELLO, C(FIND), chop(30), "mongodb.incomplete-message mongodb.length 0", LEAVES),
    Row("length above what the server announced", HELLO[:1] + [S(reply(100, 1, {"maxMessageSizeBytes": 2000, "ok": 1.0}))], C(FIND),
        instead(msg(2, 0, body(insert="orders", documents=[{"text": "x" * 2000}], _db="shop"))), "mongodb.message-large mongodb.length 0", HUNG_UP),
    Row("opcode: 2269", HELLO, C(FIND), put(12, "dd 08 00 00"), "mongodb.opcode mongodb.opcode 12", HUNG_UP),
    Row("opcode: 1000, from before 2.6", HELLO, C(FIND), put(12, "e8 03 00 00"), "mongodb.opcode mongodb.opcode 12", HUNG_UP),
    Row("opcode: a reply from the client", HELLO, C(FIND), instead(reply(2, 0, {"ok": 1.0})), "mongodb.opcode-direction mongodb.opcode 12", HUNG_UP),
    Row("opcode: a query from the server", ASKED, S(FOUND), instead(query(101, "shop.orders", {})), "mongodb.opcode-direction mongodb.opcode 12", LEAVES),
    Row("opcode: OP_QUERY for a find to 7.0", HELLO, C(FIND), instead(query(2, "shop.orders", {"n": 1})), "mongodb.opcode-removed mongodb.opcode 12",
        [S(reply(101, 2, {"$err": "OP_QUERY is no longer supported", "code": 5739101, "ok": 0.0})), CLIENT_ENDS]),
    Row("opcode: OP_INSERT to 7.0", HELLO, C(FIND), instead(message(2, 0, 2002, bytes(4) + b"shop.orders\0" + bson({"n": 1}))),
        "mongodb.opcode-removed mongodb.opcode 12", HUNG_UP),
    Row("flags: missing", HELLO, C(FIND), instead(message(2, 0, 2013, b"")), "mongodb.message-short mongodb.flags 16", HUNG_UP),
    Row("flags: bit 2", HELLO, C(FIND), put(16, "04"), "mongodb.flags mongodb.flags 16", HUNG_UP),
    Row("flags: bit 15", HELLO, C(FIND), put(16, "00 80"), "mongodb.flags mongodb.flags 16", HUNG_UP),
    Row("section: kind 9", HELLO, C(FIND), put(20, "09"), "mongodb.section-kind mongodb.section 20" + rejected(40432, "Unknown section kind 9")[0],
        rejected(40432, "Unknown section kind 9")[1]),
    Row("section: none", HELLO, C(FIND), instead(msg(2, 0)), "mongodb.body-missing mongodb.section 20" + rejected(40587, "OP_MSG messages must have a body")[0],
        rejected(40587, "OP_MSG messages must have a body")[1]),
    Row("section: a sequence alone", HELLO, C(FIND), instead(msg(2, 0, sequence("documents", {"n": 1}))), "mongodb.body-missing mongodb.section 47", LEAVES),
    Row("section: two bodies", HELLO, C(FIND), instead(msg(2, 0, body(ping=1, _db="admin"), body(ping=1, _db="admin"))),
        "mongodb.body-repeated mongodb.section 51" + rejected(40430, "Multiple body sections in message")[0], rejected(40430, "Multiple body sections in message")[1]),
    Row("sequence: size 4", HELLO, C(INSERT), put(SECTION_AT + 1, "04 00 00 00"), "mongodb.section-size mongodb.section_size %d" % (SECTION_AT + 1), HUNG_UP),
    Row("sequence: larger than the message", HELLO, C(INSERT), put(SECTION_AT + 1, "00 10 00 00"),
        "mongodb.section-size mongodb.section_size %d" % (SECTION_AT + 1), HUNG_UP),
    Row("sequence: negative", HELLO, C(INSERT), put(SECTION_AT + 1, "fc ff ff ff"), "mongodb.section-size mongodb.section_size %d" % (SECTION_AT + 1), HUNG_UP),
    Row("sequence: a name without an end", HELLO, C(INSERT), instead(msg(2, 0, body(insert="orders", _db="shop"), b"\1\x0d\0\0\0documents")),
        "mongodb.sequence-name mongodb.sequence %d" % (SECTION_AT + 5), HUNG_UP),
    Row("sequence: twice", HELLO, C(INSERT), instead(msg(2, 0, body(insert="orders", _db="shop"), sequence("documents", {}), sequence("documents", {}))),
        "mongodb.sequence-repeated mongodb.sequence %d" % (SECTION_AT + 25) + rejected(40431, "Duplicate document sequence: documents")[0],
        rejected(40431, "Duplicate document sequence: documents")[1]),
    Row("sequence: three of them", HELLO, C(INSERT), instead(msg(2, 0, body(insert="orders", _db="shop"), *(sequence(n, {}) for n in "abc"))),
        "mongodb.sequences-many mongodb.sequence %d" % (SECTION_AT + 29), HUNG_UP),
    Row("sequence: and a field of its name", HELLO, C(INSERT), instead(msg(2, 0, body(insert="orders", documents=[], _db="shop"), sequence("documents", {}))),
        "mongodb.sequence-and-field mongodb.sequence %d" % (SECTION_AT + 21) + rejected(40433, "Duplicate field between body and document sequence documents")[0],
        rejected(40433, "Duplicate field between body and document sequence documents")[1]),
    Row("checksum: wrong", HELLO, C(checked(FIND)), put(len(FIND), "00 00 00 00"), "mongodb.checksum mongodb.checksum %d" % len(FIND), HUNG_UP),
    Row("checksum: of a message that was changed", HELLO, C(checked(FIND)), put(LIMIT_VALUE, "06"), "mongodb.checksum mongodb.checksum %d" % len(FIND), HUNG_UP),
    Row("checksum: no room for it", HELLO, C(FIND), instead(message(2, 0, 2013, b"\1\0\0\0\0\0\0")), "mongodb.message-short mongodb.checksum 20", HUNG_UP),
    Row("HTTP", HELLO, C(FIND), instead(b"GET /shop HTTP/1.1\r\nHost: db\r\n\r\n"), "mongodb.http-request mongodb.length 0", HUNG_UP),
    Row("TLS to a server without", [], C(HELLO[0][1]), instead(b"\x16\x03\x01\x00\x10\x01" + bytes(range(15))), "mongodb.tls-unanswered db.message 0", LEAVES),
]

DEEP = lambda n: b"".join(struct.pack("<i", 8 * (n - i) + 5) + b"\x03a\0" for i in range(n)) + bson({}) + b"\0" * n
BSON_ROWS = [
    Row("document: length 4", HELLO, C(FIND), put(21, "04 00 00 00"), "mongodb.bson-length mongodb.document 21" + INVALID, INVALID_THEN),
    Row("document: longer than the message", HELLO, C(FIND), put(21, "ff 00 00 00"), "mongodb.bson-length mongodb.document 21" + INVALID, INVALID_THEN),
    Row("document: negative", HELLO, C(FIND), put(21, "00 00 00 80"), "mongodb.bson-length mongodb.document 21" + INVALID, INVALID_THEN),
    Row("document: one too short", HELLO, C(FIND), lambda b: b[:21] + struct.pack("<i", len(b) - 22) + b[25:],
        "mongodb.bson-string mongodb.bson_length %d" % (len(FIND) - 10) + INVALID, INVALID_THEN),
    Row("document: its end is not 0", HELLO, C(FIND), put(len(FIND) - 1, "01"), "mongodb.bson-end mongodb.bson_type %d" % (len(FIND) - 1) + INVALID, INVALID_THEN),
    Row("document: an end in the middle", HELLO, C(FIND), put(FIND_AT, "00"), "mongodb.bson-end mongodb.bson_type %d" % FIND_AT + INVALID, INVALID_THEN),
    Row("type: 0x14", HELLO, C(FIND), put(FIND_AT, "14"), "mongodb.bson-type mongodb.bson_type %d" % FIND_AT + INVALID, INVALID_THEN),
    Row("type: 0x80", HELLO, C(FIND), put(LIMIT_VALUE - 7, "80"), "mongodb.bson-type mongodb.bson_type %d" % (LIMIT_VALUE - 7) + INVALID, INVALID_THEN),
    Row("name: no end", HELLO, C(FIND), instead(msg(2, 0, b"\0" + struct.pack("<i", 13) + b"\x0aabcdefg\0")), "mongodb.bson-end mongodb.bson_type 25" + INVALID,
        INVALID_THEN),
    Row("string: length 0", HELLO, C(FIND), put(FIND_AT + 6, "00 00 00 00"), "mongodb.bson-string mongodb.bson_length %d" % (FIND_AT + 6) + INVALID, INVALID_THEN),
    Row("string: larger than the document", HELLO, C(FIND), put(FIND_AT + 6, "00 01 00 00"), "mongodb.bson-string mongodb.bson_length %d" % (FIND_AT + 6) + INVALID,
        INVALID_THEN),
    Row("string: one too short", HELLO, C(FIND), put(FIND_AT + 6, "06 00 00 00"), "mongodb.bson-string mongodb.bson_length %d" % (FIND_AT + 6) + INVALID, INVALID_THEN),
    Row("number: cut by the end of the document", HELLO, C(FIND), instead(msg(2, 0, b"\0" + struct.pack("<i", 12) + b"\x10find\0\1\0")),
        "mongodb.bson-value mongodb.bson_value 31" + INVALID, INVALID_THEN),
    Row("boolean: 2", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", all=Raw(8, b"\2"), _db="shop"))), "mongodb.bson-boolean mongodb.bson_value 47" + INVALID,
        INVALID_THEN),
    Row("binary: larger than the document", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", raw=Raw(5, struct.pack("<iB", 999, 0)), _db="shop"))),
        "mongodb.bson-value mongodb.bson_length 47" + INVALID, INVALID_THEN),
    Row("binary: negative", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", raw=Raw(5, struct.pack("<iB", -1, 0)), _db="shop"))),
        "mongodb.bson-value mongodb.bson_length 47" + INVALID, INVALID_THEN),
    Row("binary: the second length of subtype 2", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", raw=binary(2, b"\x05\0\0\0ab"), _db="shop"))),
        "mongodb.bson-binary mongodb.bson_length 47", [S(FOUND), CLIENT_ENDS]),
    Row("binary: a UUID of 15 bytes", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", raw=binary(4, bytes(15)), _db="shop"))),
        "mongodb.bson-binary mongodb.bson_length 47", [S(FOUND), CLIENT_ENDS]),
    Row("nested: larger than the document around it", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", a=Raw(3, struct.pack("<i", 500) + b"\0"), _db="shop"))),
        "mongodb.bson-length mongodb.bson_length 45" + INVALID, INVALID_THEN),
    Row("nested: length 3", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", a=Raw(3, struct.pack("<i", 3) + b"\0"), _db="shop"))),
        "mongodb.bson-length mongodb.bson_length 45" + INVALID, INVALID_THEN),
    Row("nested: ends before its length", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", a=Raw(3, struct.pack("<i", 7) + b"\0"), _db="shop"))),
        "mongodb.bson-end mongodb.bson_type 49" + INVALID, INVALID_THEN),
    Row("nested: 201 levels", HELLO, C(FIND), instead(msg(2, 0, b"\0" + DEEP(201))), "mongodb.bson-depth mongodb.bson_depth 1428"
        + rejected(15, "BSONObj exceeds maximum nested object depth")[0], rejected(15, "BSONObj exceeds maximum nested object depth")[1]),
    Row("code with scope: its length", HELLO, C(FIND),
        instead(msg(2, 0, body(find="orders", a=Raw(15, struct.pack("<i", 19) + struct.pack("<i", 2) + b"f\0" + bson({"b": 1}) + b"\0"), _db="shop"))),
        "mongodb.bson-code-scope mongodb.bson_length 55" + INVALID, INVALID_THEN),
    Row("regular expression: no end", HELLO, C(FIND), instead(msg(2, 0, b"\0" + struct.pack("<i", 14) + b"\x0bfind\0abc\0")),
        "mongodb.bson-name mongodb.bson_value 35" + INVALID, INVALID_THEN),
    Row("text: Latin-1", HELLO, C(FIND), put(FIND_AT + 10, "e4"), "mongodb.bson-utf8 mongodb.bson_length %d" % (FIND_AT + 10), [S(FOUND), CLIENT_ENDS]),
    Row("array: names 0 and 2", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", a=Raw(4, bson({"0": 1, "2": 1})), _db="shop"))),
        "mongodb.bson-array-keys mongodb.bson_name 57", [S(FOUND), CLIENT_ENDS]),
    Row("column: no end", HELLO, C(FIND), instead(msg(2, 0, body(find="orders", raw=binary(7, b"\x10\0\1\0\0\0"), _db="shop"))),
        "mongodb.bson-column mongodb.bson_value 58", [S(FOUND), CLIENT_ENDS]),
    Row("column: in a column (CVE-2026-9740)", HELLO, C(FIND),
        instead(msg(2, 0, body(find="orders", raw=binary(7, b"\x05\0\1\0\0\0\7\0\0"), _db="shop"))),
        "mongodb.bson-column-nested mongodb.binary_subtype 58", HUNG_UP),
    Row("column: interleaved in interleaved (CVE-2026-9740)", HELLO, C(FIND),
        instead(msg(2, 0, body(find="orders", raw=binary(7, b"\xf1" + bson({"a": 1}) + b"\xf1" + bson({"a": 1}) + b"\0\0"), _db="shop"))),
        "mongodb.bson-column-nested mongodb.binary_subtype 65", HUNG_UP),
    Row("document: of 17 MiB", HELLO, C(FIND), instead(struct.pack("<iiii", 17825822, 2, 0, 2013) + b"\0\0\0\0\0" + struct.pack("<i", 17825801) + b"\x02find\0"
                                                       + struct.pack("<i", 17000000) + b"x" * 17000),
        "mongodb.bson-large mongodb.document 21; mongodb.incomplete-message mongodb.length 0", LEAVES),
]

LEGACY_ROWS = [
    Row("query: ends behind its name", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2004, bytes(4) + b"shop.orders\0\0\0")),
        "mongodb.message-short mongodb.skip 32", HUNG_UP),
    Row("query: a name without an end", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2004, bytes(4) + b"shop.orders")),
        "mongodb.namespace mongodb.namespace 20", HUNG_UP),
    Row("query: two bytes behind the document", OLD, C(query(2, "shop.orders", {})), instead(query(2, "shop.orders", {}, b"\0\0")),
        "mongodb.bson-length mongodb.document 45", HUNG_UP),
    Row("query: bytes behind the second document", OLD, C(query(2, "shop.orders", {})), instead(query(2, "shop.orders", {}, bson({}) + b"\0\0")),
        "mongodb.trailing-bytes mongodb.length 0", [S(reply(101, 2, {"_id": 1})), CLIENT_ENDS]),
    Row("insert: no document", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2002, bytes(4) + b"shop.orders\0")),
        "mongodb.insert-empty mongodb.document 32", LEAVES),
    Row("update: one document", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2001, bytes(4) + b"shop.orders\0" + bytes(4) + bson({}))),
        "mongodb.message-short mongodb.document 41", HUNG_UP),
    Row("delete: the reserved number", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2006, b"\1\0\0\0shop.orders\0" + bytes(4) + bson({}))),
        "mongodb.reserved mongodb.reserved 16", LEAVES),
    Row("get more: no cursor", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2005, bytes(4) + b"shop.orders\0" + bytes(4))),
        "mongodb.message-short mongodb.cursor_id 32", HUNG_UP),
    Row("kill cursors: a thousand that are not there", OLD, C(query(2, "shop.orders", {})), instead(message(2, 0, 2007, struct.pack("<iiq", 0, 1000, 77))),
        "mongodb.cursors mongodb.count 20", LEAVES),
    Row("reply: two documents, one there", OLD + [C(query(2, "shop.orders", {}))], S(reply(101, 2, {"_id": 1})), instead(reply(101, 2, {"_id": 1}, count=2)),
        "mongodb.reply-count mongodb.count 32", LEAVES),
    Row("reply: OP_MSG to OP_QUERY", OLD + [C(query(2, "shop.orders", {}))], S(reply(101, 2, {"_id": 1})), instead(FOUND),
        "mongodb.response-opcode mongodb.opcode 12", LEAVES),
]

ZIP = compressed(FIND)
STATE_ROWS = [
    Row("compressed: declares 1,000 more (CVE-2025-14847)", HELLO, C(ZIP), instead(compressed(FIND, len(FIND) - 16 + 1000)),
        "mongodb.compressed-size-differs mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: declares 1 MB, opens to 50 bytes (CVE-2025-14847)", HELLO, C(ZIP), instead(compressed(FIND, 1000000)),
        "mongodb.compressed-size-differs mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: the same before hello (CVE-2025-14847)", [], C(HELLO[0][1]), instead(compressed(FIND, 9000)),
        "mongodb.compressed-size-differs mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: declares one less", HELLO, C(ZIP), instead(compressed(FIND, len(FIND) - 17)),
        "mongodb.compressed-size-differs mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: negative size (CVE-2019-20925)", HELLO, C(ZIP), instead(compressed(FIND, -1)), "mongodb.compressed-size mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: size above the limit (CVE-2026-25611)", HELLO, C(ZIP), instead(compressed(FIND, 48000000)),
        "mongodb.compressed-size mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: a bomb of 40 MB", HELLO, C(ZIP), instead(compressed(FIND, 1000, payload=zlib.compress(bytes(4000000)))),
        "mongodb.compressed-size-differs mongodb.uncompressed_size 20", HUNG_UP),
    Row("compressed: snappy says another size", HELLO[:1] + [S(reply(100, 1, {"compression": ["snappy"], "ok": 1.0}))],
        C(compressed(FIND, compressor=1, payload=bytes([len(FIND) - 16, (len(FIND) - 17) << 2 & 255]) + FIND[16:])),
        instead(compressed(FIND, compressor=1, payload=bytes([77, (len(FIND) - 17) << 2 & 255]) + FIND[16:])),
        "mongodb.compressed-corrupt mongodb.compressed 25", HUNG_UP),
    Row("compressed: not zlib", HELLO, C(ZIP), put(25, "00 00 00 00"), "mongodb.compressed-corrupt mongodb.compressed 25", HUNG_UP),
    Row("compressed: a byte changed", HELLO, C(ZIP), put(34, "ff ff"), "mongodb.compressed-corrupt mongodb.compressed 25", HUNG_UP),
    Row("compressed: the end is missing", HELLO, C(ZIP), sized(lambda b: b[:-8]), "mongodb.compressed-corrupt mongodb.compressed 25", HUNG_UP),
    Row("compressed: header cut", HELLO, C(ZIP), sized(lambda b: b[:22]), "mongodb.message-short mongodb.uncompressed_size 16", HUNG_UP),
    Row("compressed: compressor 4", HELLO, C(ZIP), put(24, "04"), "mongodb.compressor mongodb.compressor 24", HUNG_UP),
    Row("compressed: not agreed (CVE-2017-15535)", HELLO, C(ZIP), instead(compressed(FIND, compressor=0, payload=FIND[16:])),
        "mongodb.compressor-not-agreed mongodb.compressor 24", [S(FOUND), CLIENT_ENDS]),
    Row("compressed: in a compressed message", HELLO, C(ZIP), instead(compressed(ZIP, opcode=2012)), "mongodb.compressed-nested mongodb.original_opcode 16", HUNG_UP),
    Row("compressed: opcode 2269", HELLO, C(ZIP), instead(compressed(FIND, opcode=2269)), "mongodb.opcode mongodb.original_opcode 16", HUNG_UP),
    Row("compressed: a login", HELLO, C(ZIP), instead(compressed(msg(2, 0, body(saslStart=1, mechanism="PLAIN", payload=binary(0, b"\0ann\0word"), _db="$external")))),
        "mongodb.compressed-command mongodb.command 26", refused(18, "Authentication failed.")),
    Row("compressed: what it opens to is wrong", HELLO, C(ZIP), instead(compressed(put(21, "ff 00 00 00")(FIND))),
        "mongodb.bson-length mongodb.document 21", HUNG_UP),
    Row("compressed: a reply with another size", ASKED, S(FOUND), instead(compressed(FOUND, 9000)), "mongodb.compressed-size-differs mongodb.uncompressed_size 20", LEAVES),
    Row("reply: to a message that was not sent", ASKED, S(FOUND), instead(msg(101, 3, body(ok=1.0))), "mongodb.response-unknown mongodb.response_to 8", LEAVES),
    Row("reply: twice", ASKED, S(FOUND), instead(FOUND + FOUND), "mongodb.response-unknown mongodb.response_to 8", LEAVES),
    Row("reply: to a message that wants none", HELLO, C(msg(2, 0, body(insert="log", documents=[], _db="shop"), flags=2)),
        lambda valid: [C(valid), S(DONE)], "S: mongodb.response-unwanted mongodb.response_to 8", LEAVES),
    Row("reply: more to come, unasked", ASKED, S(FOUND), put(16, "02"), "mongodb.more-to-come-unasked mongodb.flags 16", LEAVES),
    Row("reply: its document", ASKED, S(FOUND), put(21, "ff 00 00 00"), "mongodb.bson-length mongodb.document 21", LEAVES),
    Row("the client describes itself in 1,100 bytes", [], C(HELLO[0][1]),
        instead(query(1, "admin.$cmd", {"hello": 1, "client": {"driver": {"name": "x", "version": "1"}, "platform": "x" * 1100}})),
        "mongodb.client-metadata mongodb.client_metadata 62; S: mongodb.rejected-by-server mongodb.error_code 80",
        [S(reply(100, 1, {"ok": 0.0, "errmsg": "too large", "code": 185})), CLIENT_ENDS]),
    Row("an application of 129 bytes", [], C(HELLO[0][1]),
        instead(query(1, "admin.$cmd", {"hello": 1, "client": {"application": {"name": "x" * 129}, "driver": {"name": "x", "version": "1"}}})),
        "mongodb.client-metadata mongodb.application 62; S: mongodb.rejected-by-server mongodb.error_code 79",
        [S(reply(100, 1, {"ok": 0.0, "errmsg": "too long", "code": 184})), CLIENT_ENDS]),
    Row("no reply, the connection ends", HELLO, C(FIND), instead(FIND), "S: mongodb.closed-without-answer db.phase 0", HUNG_UP, twin=HELLO),
]

GROUPS = {"framing": FRAMING_ROWS, "bson": BSON_ROWS, "legacy": LEGACY_ROWS, "state": STATE_ROWS}
