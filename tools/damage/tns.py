"""Damage to Oracle traffic. What is sound is what Oracle's thin drivers write and read. Offsets count from the first byte of the
packet."""
import struct

from row import Row, chop, put

PORT = 1521
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)
CONNECT, ACCEPT, REFUSE, REDIRECT, DATA, RESEND, MARKER, CONTROL = 1, 2, 4, 5, 6, 11, 12, 14
DESCRIPTOR = b"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=orders)(CID=(PROGRAM=app)(HOST=web1)(USER=ann))))"


def small(kind, body, flags=0, length=None):
    return struct.pack(">HHBBH", len(body) + 8 if length is None else length, 0, kind, flags, 0) + body


def packet(kind, body, flags=0):
    return struct.pack(">IBBH", len(body) + 8, kind, flags, 0) + body


def C(data):
    return "C", data


def S(data):
    return "S", data


def connect(text=DESCRIPTOR, version=319, compatible=300, sdu=8192, tdu=65535, length=None, offset=74, large=8192, inline=True):
    body = struct.pack(">8HHH", version, compatible, 0x0C01, sdu, tdu, 0x4F98, 0, 1, len(text) if length is None else length, offset)
    body += struct.pack(">IBB24xIIII", 0, 0x84, 0x84, large, large, 0, 0)
    return small(CONNECT, body + (text if inline else b""))


def accept(version=319, sdu=8192, compression=0, options=1):
    body = struct.pack(">7HBB8x", version, options, min(sdu, 65535), 32767, 1, 0, 45 if version >= 315 else 32, 8, 8)
    return small(ACCEPT, body + (struct.pack(">IIBI", sdu, 2097152, compression, 0) if version >= 315 else b""))


def data(body, flags=0):
    return packet(DATA, struct.pack(">H", flags) + body)


def small_data(body, flags=0):
    return small(DATA, struct.pack(">H", flags) + body)


def ub(value):
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def text(value):
    return bytes([len(value)]) + value if len(value) < 253 else b"\xfe" + ub(len(value)) + value + b"\0"


def pair(key, value, flags=0):
    return ub(len(key)) + text(key) + ub(len(value)) + (text(value) if value else b"") + ub(flags)


def refuse(code, more=b""):
    words = b"(DESCRIPTION=(TMP=)(VSNNUM=203424000)(ERR=%d)(ERROR_STACK=(ERROR=(CODE=%d)(EMFI=4))))" % (code, code) + more
    return small(REFUSE, b"\x22\0" + struct.pack(">H", len(words)) + words)


def error(number, words):
    """An error of the server, in the form of 12.2."""
    body = b"\x04\0\1\1\0" + ub(number) + bytes(30) + ub(number) + b"\0" + text(words)
    return data(body)


# negotiation of native encryption: services of fields
def item(kind, value):
    return struct.pack(">HH", len(value), kind) + value


def service(number, *fields):
    return struct.pack(">HHI", number, len(fields), 0) + b"".join(fields)


def negotiation(*services):
    body = b"".join(services)
    return struct.pack(">IHIHB", 0xDEADBEEF, len(body) + 13, 0x0B200200, len(services), 0) + body


VERSION = item(5, struct.pack(">I", 0x0B200200))
ASKS = negotiation(service(4, VERSION, item(1, b"12345678"), item(1, struct.pack(">IHI4H", 0xDEADBEEF, 3, 4, 4, 1, 2, 3))),
                   service(1, VERSION, item(3, b"\xe0\xe1"), item(6, b"\xfc\xff")),
                   service(2, VERSION, item(1, b"\0\x11\x06\x0c")), service(3, VERSION, item(1, b"\0\1\3")))
CHOOSES = negotiation(service(4, VERSION, item(6, b"\0\x1f"), item(1, struct.pack(">IHI4H", 0xDEADBEEF, 3, 4, 4, 1, 2, 3))),
                      service(1, VERSION, item(6, b"\xfb\xff")), service(2, VERSION, item(2, b"\x11")), service(3, VERSION, item(2, b"\3")))

HELLO = [C(connect())]
READY = HELLO + [S(accept())]
OLD = [C(connect(version=314, large=8192)), S(accept(314))]
PROTOCOL = [C(data(b"\1\6\0driver\0")), S(data(b"\1\6\0x86_64/Linux 2.4.xx\0\x69\3\1\0\0\0\0\0\0"))]
PHASE_ONE = data(b"\3\x76\1\1" + ub(5) + ub(1) + b"\1" + ub(2) + b"\1\1" + text(b"scott") + pair(b"AUTH_TERMINAL", b"pts/1") +
                 pair(b"AUTH_PROGRAM_NM", b"app"))
CHALLENGE = data(b"\x08" + ub(2) + pair(b"AUTH_SESSKEY", b"A" * 64) + pair(b"AUTH_VFR_DATA", b"B" * 32, 0x4815) + b"\x09\0\1\1")


def phase_two(key):
    return data(b"\3\x73\2\1" + ub(5) + ub(1) + b"\1" + ub(2) + b"\1\1" + text(b"scott") + pair(b"AUTH_SESSKEY", key, 1) +
                pair(b"AUTH_PASSWORD", b"C" * 64))


IN = data(b"\x08" + ub(2) + pair(b"AUTH_VERSION_NO", b"203424000") + pair(b"AUTH_SVR_RESPONSE", b"D" * 64) + b"\x09\0\1\1")
ASKED = READY + PROTOCOL + [C(PHASE_ONE), S(CHALLENGE)]
WORKING = ASKED + [C(phase_two(b"A" * 64)), S(IN)]
PING = C(data(b"\3\x93\5"))
STATUS = S(data(b"\x09\0\1\1"))
PINGED = WORKING + [PING]
BREAK = C(packet(MARKER, b"\1\0\1"))
LONG = b"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=" + b"o" * 300 + b")))"
ANNOUNCED = [C(connect(LONG, inline=False))]
FOLLOWS = C(small_data(LONG))
UNDERSTOOD = "; S: tns.rejected-by-server tns.error 54"


def instead(made):
    return lambda valid: made


def told(code):
    return [S(refuse(code)), SERVER_ENDS]


def descriptor(words):
    return instead(connect(words))


HEADER_ROWS = [
    Row("length: none", WORKING, PING, put(0, "00 00 00 00"), "tns.packet-length tns.length 0", [SERVER_ENDS]),
    Row("length: half a header", WORKING, PING, put(0, "00 00 00 04"), "tns.packet-length tns.length 0", [SERVER_ENDS]),
    Row("length: none in the first packet", [], C(connect()), put(0, "00 00"), "tns.packet-length tns.length 0", [SERVER_ENDS]),
    Row("length: more than comes", WORKING, PING, put(0, "00 00 00 20"), "tns.incomplete-message tns.length 0", [CLIENT_ENDS]),
    Row("length: more than the data unit", WORKING, PING, put(0, "00 10 00 00"), "tns.incomplete-message tns.length 0", [CLIENT_ENDS]),
    Row("a packet of more than the data unit", WORKING, PING, instead(data(b"\3\x5e\5" + bytes(9000))), "tns.sdu-exceeded tns.length 0",
        [STATUS, CLIENT_ENDS]),
    Row("type 0", WORKING, PING, put(4, "00"), "tns.packet-type tns.type 4", [SERVER_ENDS]),
    Row("type 20", WORKING, PING, put(4, "14"), "tns.packet-type tns.type 4", [SERVER_ENDS]),
    Row("type 255 in the first packet", [], C(connect()), put(4, "ff"), "tns.packet-type tns.type 4", [SERVER_ENDS]),
    Row("a single NUL", [], C(connect()), instead(b"\0"), "tns.incomplete-message db.message_bytes 0", [CLIENT_ENDS]),
    Row("a checksum", [], C(connect()), put(2, "12 34"), "tns.checksum tns.checksum 2" + UNDERSTOOD, told(12569)),
    Row("a checksum of the header", [], C(connect()), put(6, "12 34"), "tns.checksum tns.header_checksum 6" + UNDERSTOOD, told(12569)),
    Row("ACCEPT from the client", WORKING, PING, put(4, "02"), "tns.wrong-direction tns.type 4", [SERVER_ENDS]),
    Row("CONNECT from the server", PINGED, STATUS, put(4, "01"), "tns.wrong-direction tns.type 4", [CLIENT_ENDS]),
    Row("CONNECT without its fields", [], C(connect()), instead(small(CONNECT, bytes(10))), "tns.packet-short tns.length 0" + UNDERSTOOD, told(12592)),
    Row("DATA without flags", WORKING, PING, instead(packet(DATA, b"\0")), "tns.packet-short tns.length 0", [SERVER_ENDS]),
    Row("MARKER without its byte", WORKING, BREAK, instead(packet(MARKER, b"\1\0")), "tns.packet-short tns.length 0", [SERVER_ENDS]),
    Row("MARKER of type 3", WORKING, BREAK, put(8, "03"), "tns.marker-type tns.marker_type 8", [SERVER_ENDS]),
    Row("CONTROL without its error", PINGED, STATUS, instead(packet(CONTROL, b"\0\x08\0\0")), "tns.packet-short tns.length 0", [CLIENT_ENDS]),
    Row("flags that are not known", WORKING, PING, put(8, "80 00"), "tns.data-flags tns.data_flags 8", [STATUS, CLIENT_ENDS]),
    Row("compressed without asking", WORKING, PING, put(8, "04 00"), "tns.compressed-unagreed tns.data_flags 8", [STATUS, CLIENT_ENDS]),
    Row("lengths of two bytes: none", OLD, C(small_data(b"\1\6\0driver\0")), put(0, "00 00"), "tns.packet-length tns.length 0", [SERVER_ENDS]),
    Row("lengths of two bytes: type 0", OLD, C(small_data(b"\1\6\0driver\0")), put(4, "00"), "tns.packet-type tns.type 4", [SERVER_ENDS]),
]

CONNECT_ROWS = [
    Row("compatible above the version", [], C(connect()), instead(connect(compatible=320)), "tns.version-range tns.compatible 10" + UNDERSTOOD,
        told(12618)),
    Row("SDU of 0", [], C(connect(version=313, large=0)), instead(connect(version=313, sdu=0, large=0)), "tns.data-unit-zero tns.sdu 14", [SERVER_ENDS]),
    Row("TDU of 0", [], C(connect(version=313, large=0)), instead(connect(version=313, tdu=0, large=0)), "tns.data-unit-zero tns.tdu 16", [SERVER_ENDS]),
    Row("SDU of 511", [], C(connect(version=313, large=0)), instead(connect(version=313, sdu=511, large=0)), "tns.sdu-small tns.sdu 14",
        [S(accept(313, 512)), CLIENT_ENDS]),
    Row("large SDU of 100", [], C(connect()), instead(connect(large=100)), "tns.sdu-small tns.sdu 58", [S(accept(sdu=512)), CLIENT_ENDS]),
    Row("text that begins in the header", [], C(connect()), instead(connect(offset=4)), "tns.connect-data-offset tns.data_offset 26", [SERVER_ENDS]),
    Row("text that begins among the fields", [], C(connect()), instead(connect(offset=27)), "tns.connect-data-offset tns.data_offset 26", [SERVER_ENDS]),
    Row("text that begins behind the packet", [], C(connect()), instead(connect(offset=0xFFFF)), "tns.connect-data-offset tns.data_offset 26",
        [SERVER_ENDS]),
    Row("text that is longer than the packet", [], C(connect()), instead(connect(length=5000)), "tns.connect-data-length tns.data_length 24",
        [SERVER_ENDS]),
    Row("text that is shorter than the packet", [], C(connect()), instead(connect(length=10)), "tns.connect-data-length tns.data_length 24" + UNDERSTOOD,
        told(12585)),
    Row("text that never follows", [], C(connect(LONG, inline=False)), lambda b: b, "tns.connect-data-missing tns.data_length 0", [CLIENT_ENDS],
        twin=ANNOUNCED + [FOLLOWS, S(accept())]),
    Row("half of the text follows", ANNOUNCED, FOLLOWS, instead(small_data(LONG[:100])), "tns.connect-data-missing tns.data_length 0", [CLIENT_ENDS]),
    Row("more text follows", ANNOUNCED, FOLLOWS, instead(small_data(LONG + b"(A=B)")), "tns.connect-data-excess tns.length 0" + UNDERSTOOD, told(12585)),
    Row("a parenthesis too few", [], C(connect()), descriptor(DESCRIPTOR[:-1]), "tns.descriptor-unbalanced tns.descriptor 163" + UNDERSTOOD, told(1153)),
    Row("a parenthesis too many", [], C(connect()), descriptor(DESCRIPTOR + b")"), "tns.descriptor-unbalanced tns.descriptor 165" + UNDERSTOOD,
        told(1153)),
    Row("60 deep", [], C(connect()), descriptor(b"(A=" * 60 + b"B" + b")" * 60), "tns.descriptor-depth tns.descriptor 170", [SERVER_ENDS]),
    Row("33 deep", [], C(connect()), descriptor(b"(A=" * 33 + b"B" + b")" * 33), "tns.descriptor-depth tns.descriptor 170", [SERVER_ENDS]),
    Row("a NUL in the text", [], C(connect()), descriptor(DESCRIPTOR.replace(b"orders", b"ord\0rs")), "tns.descriptor-control-byte tns.descriptor 119"
        + UNDERSTOOD, told(1153)),
    Row("an escape in the text", [], C(connect()), descriptor(DESCRIPTOR.replace(b"orders", b"ord\x1brs")),
        "tns.descriptor-control-byte tns.descriptor 118" + UNDERSTOOD, told(1153)),
    Row("text that is no descriptor", [], C(connect()), descriptor(b"orders"), "tns.descriptor-form tns.descriptor 74" + UNDERSTOOD, told(1153)),
    Row("no keyword", [], C(connect()), descriptor(b"(=(CONNECT_DATA=(SID=x)))"), "tns.descriptor-form tns.descriptor 75" + UNDERSTOOD, told(1153)),
    Row("ACCEPT of a version that was not offered", HELLO, S(accept()), put(8, "01 41"), "tns.accept-version tns.version 8", [CLIENT_ENDS]),
    Row("ACCEPT of a version that is too old", HELLO, S(accept()), put(8, "01 2b"), "tns.accept-version tns.version 8", [CLIENT_ENDS]),
    Row("ACCEPT with an SDU of 4 GB", HELLO, S(accept()), put(32, "ff ff ff ff"), "tns.accept-sdu tns.sdu 32", [CLIENT_ENDS]),
    Row("ACCEPT with an SDU of 256", HELLO, S(accept()), put(32, "00 00 01 00"), "tns.accept-sdu tns.sdu 32", [CLIENT_ENDS]),
    Row("ACCEPT without its large fields", HELLO, S(accept()), instead(small(ACCEPT, accept()[8:32])), "tns.packet-short tns.length 0", [CLIENT_ENDS]),
    Row("ACCEPT with text behind the packet", HELLO, S(accept()), put(18, "00 40 00 28"), "tns.answer-data-length tns.data_length 18",
        [CLIENT_ENDS]),
    Row("REFUSE with text behind the packet", HELLO, S(refuse(12514)), put(10, "ff ff"), "tns.answer-data-length tns.data_length 10", [CLIENT_ENDS]),
    Row("REDIRECT with text behind the packet", HELLO, S(small(REDIRECT, b"\0\x10(ADDRESS=(A=B))\0")), put(8, "40 00"),
        "tns.answer-data-length tns.data_length 8", [CLIENT_ENDS]),
]

STATE_ROWS = [
    Row("DATA first", [], C(connect()), instead(small_data(b"\1\6\0driver\0")), "tns.out-of-order tns.type 4", [SERVER_ENDS]),
    Row("MARKER first", [], C(connect()), instead(small(MARKER, b"\1\0\1")), "tns.out-of-order tns.type 4", [SERVER_ENDS]),
    Row("DATA instead of CONNECT again", HELLO + [S(small(RESEND, b""))], C(connect()), instead(small_data(b"\1\6\0driver\0")),
        "tns.out-of-order tns.type 4", [SERVER_ENDS]),
    Row("CONNECT behind REFUSE", HELLO + [S(refuse(12514))], C(connect()), lambda b: b, "tns.connect-again tns.type 4", [SERVER_ENDS],
        twin=HELLO + [S(accept())]),
    Row("a third CONNECT", HELLO + [S(small(RESEND, b""))] + HELLO, C(connect()), lambda b: b, "tns.connect-again tns.type 4" + UNDERSTOOD, told(12566),
        twin=HELLO + [S(accept())]),
    Row("CONNECT behind ACCEPT", READY, C(data(b"\1\6\0driver\0")), instead(packet(CONNECT, connect()[8:])), "tns.connect-again tns.type 4",
        [SERVER_ENDS]),
    Row("ACCEPT again", READY, S(data(b"")), instead(packet(ACCEPT, accept()[8:])), "tns.unrequested-answer tns.type 4", [CLIENT_ENDS], twin=READY),
    Row("no answer to CONNECT", [], C(connect()), lambda b: b, "S: tns.closed-without-answer db.phase 0", [SERVER_ENDS], twin=HELLO),
    Row("no answer to a call", WORKING, PING, lambda b: b, "S: tns.closed-without-answer db.phase 0", [SERVER_ENDS], twin=PINGED),
    Row("gone with the key", ASKED, C(phase_two(b"A" * 64)), instead([]), "tns.login-abandoned db.phase 0", [CLIENT_ENDS]),
    Row("a session key of 97 characters", ASKED, C(phase_two(b"A" * 64)), instead(phase_two(b"A" * 97)),
        "tns.session-key-length tns.session_key_length 44", [SERVER_ENDS]),
    Row("a session key of 600 characters", ASKED, C(phase_two(b"A" * 64)), instead(phase_two(b"A" * 600)),
        "tns.session-key-length tns.session_key_length 44", [SERVER_ENDS]),
    Row("a call that the server cannot read", WORKING, PING, lambda b: b, "S: tns.rejected-by-server tns.error 57",
        [S(error(3137, b"ORA-03137: malformed TTC packet from client rejected: [12333]\n")), SERVER_ENDS], twin=PINGED),
]

ASKING = READY + [C(data(ASKS))]
NEGOTIATION_ROWS = [
    Row("longer than its packet", READY, C(data(ASKS)), put(14, "ff ff"), "tns.ano-length tns.ano_length 14", [SERVER_ENDS]),
    Row("shorter than its header", READY, C(data(ASKS)), put(14, "00 04"), "tns.ano-length tns.ano_length 14", [SERVER_ENDS]),
    Row("without its header", READY, C(data(ASKS)), instead(data(ASKS[:8])), "tns.packet-short tns.length 0", [SERVER_ENDS]),
    Row("five services of four", READY, C(data(ASKS)), put(20, "00 05"), "tns.ano-overrun tns.ano_services 20", [SERVER_ENDS]),
    Row("a field too many", READY, C(data(ASKS)), put(len(data(ASKS)) - 21, "00 03"), "tns.ano-overrun tns.ano_service 127", [SERVER_ENDS]),
    Row("a field of 60,000 bytes", READY, C(data(ASKS)), put(39, "ea 60"), "tns.ano-overrun tns.ano_field_length 39", [SERVER_ENDS]),
    Row("a version of 3 bytes", READY, C(data(ASKS)), put(31, "00 03"), "tns.ano-field-length tns.ano_field_length 31", [SERVER_ENDS]),
    Row("a field of the server behind the packet", ASKING, S(data(CHOOSES)), put(31, "40 00"), "tns.ano-overrun tns.ano_field_length 31",
        [CLIENT_ENDS]),
]

GROUPS = {"header": HEADER_ROWS, "connect": CONNECT_ROWS, "state": STATE_ROWS, "negotiation": NEGOTIATION_ROWS}
