"""Damage to Memcached traffic, text and binary, after doc/protocol.txt and doc/protocol-binary.xml. Offsets count from the
line's or the header's first byte; a data block is a message of its own."""
from row import Row, chop, put
from wire import octets

PORT = 11211


def C(*lines):
    return "C", b"".join(x.encode("latin-1") + b"\r\n" for x in lines)


def S(*lines):
    return "S", C(*lines)[1]


def binary(side, opcode, key=b"", extras=b"", value=b"", status=0):
    head = bytes([0x80 if side == "C" else 0x81, opcode]) + len(key).to_bytes(2, "big") + bytes([len(extras), 0]) + status.to_bytes(2, "big")
    return side, head + (len(key) + len(extras) + len(value)).to_bytes(4, "big") + b"\0\0\0\7" + bytes(8) + extras + key + value


def instead(*lines):
    return lambda b: C(*lines)[1]


def length(value):
    return put(8, "%08x" % (value & 0xFFFFFFFF))


GREETING = [C("version"), S("VERSION 1.6.18")]
GET, SET = C("get a"), C("set a 0 0 5", "hello")
QUIT, SERVER_ENDS, CLIENT_ENDS = C("quit"), ("S.", None), ("C.", None)
ASKED = GREETING + [GET]
NOOP, BGET = binary("C", 0x0A), binary("C", 0x00, b"key")
BSET = binary("C", 0x01, b"key", bytes(8), b"value")
APPEND, INCREMENT, TOUCH = binary("C", 0x0E, b"key", value=b"more"), binary("C", 0x05, b"key", bytes(20)), binary("C", 0x1C, b"key", bytes(4))
SASL = binary("C", 0x21, b"PLAIN", value=b"\0app\0app-word")
OPEN = [NOOP, binary("S", 0x0A)]
BASKED = OPEN + [BGET]
LONG = "k" * 251


def says(text):
    """The server says why; the client takes leave."""
    return [S(text), QUIT, CLIENT_ENDS]


BAD = says("CLIENT_ERROR bad command line format")
ERROR = says("ERROR")


def closes(status, opcode=0):
    """The server answers with a status and closes."""
    return [binary("S", opcode, status=status), SERVER_ENDS]


HUNG_UP = [SERVER_ENDS]


def line(name, edit, expect, then=BAD, valid=GET, before=GREETING):
    return Row(name, before, valid, edit, expect, then)


TEXT_ROWS = [
    line("line: no command", instead("gett a"), "memcached.unknown-command memcached.command 0", ERROR),
    line("line: empty", instead(""), "memcached.empty-line memcached.command 0", ERROR),
    line("line: HTTP", instead("POST /a HTTP/1.1", "Host: a", ""), "memcached.http-request memcached.line 8", HUNG_UP),
    line("line: 3000 bytes without an end", lambda b: b"set " + b"a" * 2996, "memcached.line-too-long memcached.line 0", HUNG_UP),
    line("line: a get behind 101 spaces", lambda b: b" " * 101 + b"get " + b"a" * 3000, "memcached.line-too-long memcached.line 0", HUNG_UP),
    line("line: a binary request", lambda b: b"\x80\x0b" + bytes(22), "memcached.protocol-change memcached.magic 0", [CLIENT_ENDS]),
    line("line: never ends", chop(5), "memcached.incomplete-message db.message_bytes 0", [CLIENT_ENDS]),
    line("line: ends with a line feed alone", lambda b: b.replace(b"\r", b""), "memcached.bare-line-feed memcached.line 5", [S("END"), QUIT, CLIENT_ENDS]),
    line("line: 21 spaces before the key (CVE-2023-46852)", instead("get" + " " * 21 + "a"), "memcached.many-spaces memcached.key 24", [S("END"), QUIT, CLIENT_ENDS]),
    line("line: a control character (CVE-2013-0179)", instead("get a\x01"), "memcached.control-character memcached.line 0", [S("END"), QUIT, CLIENT_ENDS]),
    line("get: without a key", instead("get"), "memcached.argument-count memcached.arguments 3", ERROR),
    line("get: a key of 251", instead("get " + LONG), "memcached.key-too-long memcached.key 4"),
    line("get: one key 60,001 times (CVE-2018-1000127)", instead("get" + " a" * 60001), "memcached.key-repeated memcached.key 1221", [S("END"), QUIT, CLIENT_ENDS]),
    line("set: without its length", instead("set a 0 0"), "memcached.argument-count memcached.arguments 9", ERROR, SET),
    line("set: a key of two words", instead("set a b 0 0 5 noreply"), "memcached.argument-count memcached.arguments 14", ERROR, SET),
    line("set: a length that is a word", instead("set a 0 0 five"), "memcached.number memcached.value_length 10", BAD, SET),
    line("set: flags below zero", instead("set a -1 0 5"), "memcached.number memcached.client_flags 6", BAD, SET),
    line("set: a time that is a word", instead("set a 0 never 5"), "memcached.number memcached.exptime 8", BAD, SET),
    line("set: a length below zero", instead("set a 0 0 -5"), "memcached.value-length memcached.value_length 10", BAD, SET),
    line("set: a length of 1 GB and a byte", instead("set a 0 0 1073741825"),
         "memcached.item-too-large memcached.value_length 10; memcached.incomplete-message memcached.value_length 0", [S("SERVER_ERROR out of memory storing object"), CLIENT_ENDS], SET),
    line("set: a value longer than it says", instead("set a 0 0 3", "hello"), "memcached.data-end memcached.data_end 3; memcached.empty-line memcached.command 0",
         [S("CLIENT_ERROR bad data chunk", "ERROR"), QUIT, CLIENT_ENDS], SET),
    line("set: a value of 3000 bytes that is longer than it says", instead("set a 0 0 3000", "v" * 3002), "memcached.data-end memcached.data_end 0; memcached.empty-line memcached.command 0",
         [S("CLIENT_ERROR bad data chunk", "ERROR"), QUIT, CLIENT_ENDS], SET),
    line("set: a value shorter than it says", lambda b: b.replace(b"0 5", b"0 500"), "memcached.incomplete-message memcached.body_length 0",
         [CLIENT_ENDS], SET),
    line("set: no value", chop(13), "memcached.incomplete-message memcached.value_length 0", [CLIENT_ENDS], SET),
    line("cas: without its number", instead("cas a 0 0 5"), "memcached.argument-count memcached.arguments 11", ERROR, C("cas a 0 0 5 9", "hello")),
    line("incr: by a word", instead("incr a one"), "memcached.number memcached.delta 7", says("CLIENT_ERROR invalid numeric delta argument"), C("incr a 1")),
    line("delete: with a time", instead("delete a 5"), "memcached.argument-count memcached.argument 9", BAD, C("delete a")),
    line("touch: a time that is a word", instead("touch a soon"), "memcached.number memcached.exptime 8", says("CLIENT_ERROR invalid exptime argument"), C("touch a 5")),
    line("lru: mode alone (CVE-2019-11596)", instead("lru mode"), "memcached.argument-count memcached.arguments 8", ERROR, C("lru mode flat")),
    line("slabs: automove 3", instead("slabs automove 3"), "memcached.subcommand memcached.argument 15", ERROR, C("slabs automove 1")),
    line("mg: without a key (CVE-2020-22570)", instead("mg"), "memcached.argument-count memcached.key 2", ERROR, C("mg a v")),
    line("mg: a flag twice", instead("mg a v v"), "memcached.meta-flag memcached.meta_flag 7", says("CLIENT_ERROR duplicate flag"), C("mg a v")),
    line("mg: an unknown flag", instead("mg a w"), "memcached.meta-flag memcached.meta_flag 5", says("CLIENT_ERROR invalid flag"), C("mg a v")),
    line("mg: 20 words", instead("mg a" + " v" * 18), "memcached.meta-flag-count memcached.meta_flags 39", says("CLIENT_ERROR options flags are too long"), C("mg a v")),
    line("mg: an opaque of 32 bytes", instead("mg a O" + "1" * 32), "memcached.opaque-too-long memcached.opaque 5", says("CLIENT_ERROR opaque token too long"), C("mg a O1")),
    line("mg: a key that is no base64", instead("mg Zm9 b"), "memcached.meta-key memcached.key 3", says("CLIENT_ERROR error decoding key"), C("mg Zm9v b")),
    line("ms: a time that is a word", instead("ms a 5 Tx", "hello"), "memcached.meta-token memcached.meta_flag 7", says("CLIENT_ERROR bad token in command line format"), C("ms a 5 T5", "hello")),
    line("set: a length of 2^32 and 5", instead("set a 0 0 4294967301", "hello"), "memcached.number-truncated memcached.value_length 10", [S("STORED"), QUIT, CLIENT_ENDS], SET),
    line("set: noreply misspelt", instead("set a 0 0 5 norply", "hello"), "memcached.ignored-argument memcached.argument 12", [S("STORED"), QUIT, CLIENT_ENDS], SET),
    line("after quit", lambda b: b, "memcached.after-quit db.message 0", [CLIENT_ENDS], GET, GREETING + [QUIT]),
    line("after watch", lambda b: b, "memcached.after-watch db.message 0", [CLIENT_ENDS], GET, [C("watch"), S("OK")]),
]
# These are right without what was said before.
for row in TEXT_ROWS[-2:]:
    row.twin = row.twin[:-1]

BINARY_ROWS = [
    Row("magic: text", OPEN, NOOP, lambda b: b"get a\r\n", "memcached.magic memcached.magic 0", HUNG_UP),
    Row("magic: a response", OPEN, NOOP, put(0, "81"), "memcached.magic memcached.magic 0", HUNG_UP),
    Row("opcode: 1b", OPEN, NOOP, put(1, "1b"), "memcached.opcode memcached.opcode 1", [binary("S", 0x1B, status=0x81), CLIENT_ENDS]),
    Row("body: append shorter than its key (CVE-2016-8704)", OPEN, APPEND, length(2), "memcached.body-overrun memcached.body_length 8", closes(0x81, 0x0E)),
    Row("body: set shorter than key and extras (CVE-2016-8705)", OPEN, BSET, length(10), "memcached.body-overrun memcached.body_length 8", closes(0x81, 1)),
    Row("body: SASL shorter than its mechanism (CVE-2016-8706)", OPEN, SASL, length(4), "memcached.body-overrun memcached.body_length 8", closes(0x81, 0x21)),
    Row("body: of 2 GB (CVE-2011-4971)", OPEN, BSET, length(0x80000010),
        "memcached.item-too-large memcached.body_length 8", [CLIENT_ENDS]),
    Row("body: longer than what comes", OPEN, BSET, length(200), "memcached.incomplete-message memcached.body_length 8", [CLIENT_ENDS]),
    Row("key: of 251", OPEN, binary("C", 0, b"k" * 250), lambda b: binary("C", 0, b"k" * 251)[1], "memcached.key-too-long memcached.key_length 2", closes(4)),
    Row("extras: of 21 (CVE-2020-10931)", OPEN, INCREMENT, lambda b: binary("C", 5, b"key", bytes(21))[1], "memcached.extras-overflow memcached.extras_length 4", closes(4, 5)),
    Row("extras: none in a set", OPEN, BSET, lambda b: binary("C", 1, b"key", b"", b"value")[1], "memcached.extras-length memcached.extras_length 4", closes(4, 1)),
    Row("extras: none in a touch", OPEN, TOUCH, lambda b: binary("C", 0x1C, b"key")[1], "memcached.extras-length memcached.extras_length 4", closes(4, 0x1C)),
    Row("key: none in a get", OPEN, BGET, lambda b: binary("C", 0)[1], "memcached.key-missing memcached.key_length 2", closes(4)),
    Row("key: in a noop", OPEN, NOOP, lambda b: binary("C", 0x0A, b"key")[1], "memcached.key-unexpected memcached.key_length 2", closes(4, 0x0A)),
    Row("value: in a get", OPEN, BGET, lambda b: binary("C", 0, b"key", b"", b"v")[1], "memcached.value-unexpected memcached.body_length 8", closes(4)),
    Row("value: in a touch", OPEN, TOUCH, length(9), "memcached.body-ignored memcached.body_length 8", [binary("S", 0x1C, status=1), CLIENT_ENDS]),
    Row("data type: 1", OPEN, NOOP, put(5, "01"), "memcached.data-type memcached.data_type 5", [binary("S", 0x0A), CLIENT_ENDS]),
    Row("SASL: a step first", OPEN, SASL, put(1, "22"), "memcached.sasl-step memcached.opcode 1", [binary("S", 0x22, status=0x20), CLIENT_ENDS]),
    Row("SASL: a second login that succeeds (CVE-2013-7239)", OPEN + [SASL, binary("S", 0x21, status=0x20), SASL], binary("S", 0x21, status=0x20), put(6, "0000"),
        "memcached.sasl-retry memcached.status 6", [CLIENT_ENDS]),
]

ANSWER_ROWS = [
    Row("answer: none, and the end", ASKED, None, [SERVER_ENDS], "memcached.closed-without-answer db.phase 0", twin=ASKED),
    Row("answer: none, and the end, binary", BASKED, None, [SERVER_ENDS], "memcached.closed-without-answer db.phase 0", twin=BASKED),
    Row("answer: to nothing", GREETING, None, [S("STORED")], "memcached.unrequested-answer db.message 0", [CLIENT_ENDS], twin=GREETING),
    Row("answer: an ERROR to what looked right", ASKED, S("END"), instead("ERROR"), "memcached.rejected-by-server memcached.error 0", [CLIENT_ENDS]),
    Row("answer: status 0x81 to what looked right", BASKED, binary("S", 0, status=1), put(6, "0081"), "memcached.rejected-by-server memcached.status 6", [CLIENT_ENDS]),
    Row("answer: the value is too large", GREETING + [SET], S("STORED"), instead("SERVER_ERROR object too large for cache"), "memcached.item-refused memcached.error 0", [CLIENT_ENDS]),
    Row("answer: a word that is none", ASKED, S("END"), instead("HELLO"), "memcached.reply-unknown memcached.line 0", [CLIENT_ENDS]),
    Row("answer: bytes", ASKED, S("END"), lambda b: b"\xff\x01\n", "memcached.reply-bytes memcached.line 0", [CLIENT_ENDS]),
    Row("value: without its length", ASKED, S("VALUE a 0 5", "hello", "END"), instead("VALUE a 0", "END"), "memcached.reply-value memcached.line 0", [CLIENT_ENDS]),
    Row("value: of 4294967293 bytes", ASKED, S("VALUE a 0 5", "hello", "END"), instead("VALUE a 0 4294967293", "END"), "memcached.reply-length memcached.value_length 10", [CLIENT_ENDS]),
    Row("value: longer than it says", ASKED, S("VALUE a 0 5", "hello", "END"), instead("VALUE a 0 3", "helloEND"), "memcached.reply-data-end memcached.data_end 3", [CLIENT_ENDS]),
    Row("response: begins with 0x80", BASKED, binary("S", 0, status=1), put(0, "82"), "memcached.response-magic memcached.magic 0", [CLIENT_ENDS]),
    Row("response: a key longer than the body", BASKED, binary("S", 0, status=1), put(2, "0005"), "memcached.response-length memcached.body_length 8", [CLIENT_ENDS]),
    Row("TLS: to a server without it", [], C("version"), lambda b: octets("16 0301 0005 0100000100"), "S: memcached.tls-unexpected db.tls 0", [S("ERROR"), CLIENT_ENDS]),
]

GROUPS = {"text": TEXT_ROWS, "binary": BINARY_ROWS, "answer": ANSWER_ROWS}
