"""Damage to DRDA traffic, after DDM volume 3; what the server says is what Derby 10.14 says. Offsets count from the first byte of
the DSS."""
import struct

from row import Row, chop, put

PORT = 50000
SERVER_ENDS, CLIENT_ENDS = ("S.", None), ("C.", None)
RQS, RPY, OBJ = 1, 2, 3
CHAINED, SAME = 0x40, 0x10


def dss(kind, correlator, *objects):
    body = b"".join(objects)
    return struct.pack(">HBBH", len(body) + 6, 0xD0, kind, correlator) + body


def ddm(code_point, *parts):
    body = b"".join(parts)
    return struct.pack(">HH", len(body) + 4, code_point) + body


def text(words):
    return words.encode("cp500")


def C(*parts):
    return "C", b"".join(parts)


def S(*parts):
    return "S", b"".join(parts)


RDBNAM = ddm(0x2110, text("SAMPLE".ljust(18)))
SECMEC = ddm(0x11A2, b"\0\3")
PKG = ddm(0x2113, text("SAMPLE".ljust(18) + "NULLID".ljust(18) + "SYSSH200".ljust(18)) + b"SYSLVL01\0\1")
TYPDEFNAM = ddm(0x002F, text("QTDSQLASC"))
TYPDEFOVR = ddm(0x0035, ddm(0x119C, b"\4\xb8"))
EXCSAT = ddm(0x1041, ddm(0x115E, text("client")), ddm(0x1404, struct.pack(">4H", 0x1403, 7, 0x2407, 7)), ddm(0x115A, text("R1")))
EXCSATRD = ddm(0x1443, ddm(0x115E, text("server")), ddm(0x1404, struct.pack(">4H", 0x1403, 7, 0x2407, 7)), ddm(0x115A, text("SQL11055")))
ACCSEC = ddm(0x106D, SECMEC, RDBNAM)
ACCSECRD = ddm(0x14AC, SECMEC)
USER = ddm(0x11A0, text("ann"))
SECCHK = ddm(0x106E, SECMEC, RDBNAM, USER, ddm(0x11A1, text("secret")))
SECCHKRM = ddm(0x1219, ddm(0x1149, b"\0\0"), ddm(0x11A4, b"\0"))
CRRTKN = ddm(0x2135, text("C0A86A01.K001.041956"))
ACCRDB_PARTS = [RDBNAM, ddm(0x210F, b"\x24\7"), ddm(0x112E, text("JCC04000")), TYPDEFNAM, CRRTKN, TYPDEFOVR]
ACCRDB = ddm(0x2001, *ACCRDB_PARTS)
ACCRDBRM = ddm(0x2201, ddm(0x1149, b"\0\0"), ddm(0x112E, text("SQL11055")), TYPDEFNAM, TYPDEFOVR)
SQLCARD = ddm(0x2408, b"\xff")
STATEMENT = b"select 1 from t"
SQLSTT = ddm(0x2414, b"\0" + struct.pack(">I", len(STATEMENT)) + STATEMENT + b"\xff")
PRPSQLSTT = ddm(0x200D, PKG)
OPNQRY = ddm(0x200C, PKG, ddm(0x2114, struct.pack(">I", 32767)))
RDBCMM = ddm(0x200E)


def rqs(correlator, *objects):
    return dss(RQS, correlator, *objects)


def syntax(error):
    """The server says what is wrong with it and closes."""
    return [S(dss(RPY, 1, ddm(0x124C, ddm(0x1149, b"\0\x08"), ddm(0x114A, bytes([error])), ddm(0x000C, b"\0\0")))), SERVER_ENDS]


def conversation():
    return [S(dss(RPY, 1, ddm(0x1245, ddm(0x1149, b"\0\x80"), ddm(0x113F, b"\x06")))), SERVER_ENDS]


REJECTED = "; S: drda.rejected-by-server drda.code_point 8"
HELLO = [C(rqs(1, EXCSAT)), S(dss(RPY, 1, EXCSATRD))]
ASKED = HELLO + [C(rqs(1, ACCSEC)), S(dss(RPY, 1, ACCSECRD))]
LOGIN = [C(dss(RQS | CHAINED, 1, SECCHK), rqs(2, ACCRDB)),
         S(dss(RPY | CHAINED, 1, SECCHKRM), dss(RPY, 2, ACCRDBRM))]
READY = ASKED + LOGIN
COMMIT = ("C", rqs(1, RDBCMM))
PREPARE = ("C", dss(RQS | CHAINED | SAME, 1, PRPSQLSTT) + dss(OBJ, 1, SQLSTT))
OPEN = ("C", rqs(1, OPNQRY))
PREPARED = READY + [C(dss(RQS | CHAINED | SAME, 1, PRPSQLSTT))]
OBJECT = ("C", dss(OBJ, 1, SQLSTT))
LONG = b"x" * 32767
REPLY = ("S", dss(RPY, 1, ddm(0x220C, ddm(0x1149, b"\0\4"))))
COMMITTED = READY + [COMMIT]


def instead(data):
    return lambda valid: data


FRAME_ROWS = [
    Row("length: none", READY, COMMIT, put(0, "00 00"), "drda.dss-length drda.length 0" + REJECTED, syntax(1)),
    Row("length: a header alone", READY, COMMIT, instead(bytes.fromhex("0006d0010001")), "drda.dss-length drda.length 0" + REJECTED, syntax(1)),
    Row("length: half an object", READY, COMMIT, instead(bytes.fromhex("0008d00100010004")), "drda.dss-length drda.length 0" + REJECTED, syntax(2)),
    Row("length: more than comes", READY, COMMIT, put(0, "00 20"), "drda.incomplete-message drda.length 0", [CLIENT_ENDS]),
    Row("length: less than the object", READY, OPEN, put(0, "00 20"),
        "drda.object-overrun drda.object_length 6" + REJECTED, syntax(2)),
    Row("third byte", READY, COMMIT, put(2, "d1"), "drda.dss-magic drda.magic 2" + REJECTED, syntax(3)),
    Row("another protocol", READY, COMMIT, instead(b"GET / HTTP/1.1\r\n\r\n"), "drda.dss-magic drda.magic 2" + REJECTED, syntax(3)),
    Row("type 0", READY, COMMIT, put(3, "00"), "drda.dss-format drda.format 3" + REJECTED, syntax(4)),
    Row("type 6", READY, COMMIT, put(3, "06"), "drda.dss-format drda.format 3" + REJECTED, syntax(4)),
    Row("the reserved bit", READY, COMMIT, put(3, "81"), "drda.dss-format drda.format 3" + REJECTED, syntax(4)),
    Row("a reply from the client", READY, COMMIT, put(3, "02"), "drda.wrong-direction drda.format 3" + REJECTED, syntax(4)),
    Row("the end of a chain with the same correlator", READY, COMMIT, put(3, "11"), "drda.chaining drda.format 3" + REJECTED, syntax(0x18)),
    Row("the end of a chain that goes on after errors", READY, COMMIT, put(3, "21"), "drda.chaining drda.format 3" + REJECTED, syntax(0x1A)),
    Row("another correlator for the data", PREPARED, OBJECT, put(4, "00 02"), "drda.correlator drda.correlator 4" + REJECTED, syntax(0x13)),
    Row("object of 3 bytes", READY, COMMIT, put(6, "00 03"), "drda.object-length drda.object_length 6" + REJECTED, syntax(7)),
    Row("object of 0 bytes", READY, COMMIT, put(6, "00 00"), "drda.object-length drda.object_length 6" + REJECTED, syntax(7)),
    Row("object longer than the DSS", READY, COMMIT, put(6, "00 05"), "drda.object-overrun drda.object_length 6", [CLIENT_ENDS]),
    Row("object shorter than the DSS", READY, OPEN, put(6, "00 48"), "drda.trailing-bytes drda.object_length 6; drda.missing-parameter drda.parameter 78"
        + REJECTED, syntax(2)),
    Row("bytes behind the object", READY, COMMIT, instead(bytes.fromhex("000cd00100010004200e0000")), "drda.trailing-bytes drda.object_length 6"
        + REJECTED, syntax(2)),
    Row("extended length of 2 bytes", READY, COMMIT, instead(bytes.fromhex("0010d00100018006200e000000000000")),
        "drda.extended-length drda.object_length 6" + REJECTED, syntax(0x0C)),
    Row("extended length of none", READY, COMMIT, instead(bytes.fromhex("0010d00100018004200e000000000000")),
        "drda.extended-length drda.object_length 6" + REJECTED, syntax(0x0C)),
    Row("extended length of 10 bytes", READY, COMMIT, instead(bytes.fromhex("0018d0010001800e200e0000000000000000000000000000")),
        "drda.extended-length drda.object_length 6" + REJECTED, syntax(0x0C)),
    Row("extended length beyond the DSS", PREPARED, OBJECT, instead(bytes.fromhex("0010d003000180082414000100000000")),
        "drda.object-overrun drda.object_length 6", [CLIENT_ENDS]),
    Row("an empty segment", PREPARED, OBJECT,
        instead(struct.pack(">HBBHHHI", 0xFFFF, 0xD0, OBJ, 1, 0x8008, 0x146C, 40000) + LONG[:32767 - 14] + b"\0\2"),
        "drda.continuation-length drda.length 0" + REJECTED, syntax(0x16)),
    Row("a segment that ends too early", PREPARED, OBJECT,
        instead(struct.pack(">HBBHHHI", 0xFFFF, 0xD0, OBJ, 1, 0x8008, 0x146C, 40000) + LONG[:32767 - 14] + b"\0\x0a" + LONG[:8]),
        "drda.object-overrun drda.object_length 0", [CLIENT_ENDS]),
]

PARAMETER_ROWS = [
    Row("parameter longer than its command", HELLO, C(rqs(1, ACCSEC)), put(10, "00 40"), "drda.parameter-length drda.object_length 10" + REJECTED,
        syntax(9)),
    Row("parameter of 2 bytes", HELLO, C(rqs(1, ACCSEC)), put(10, "00 02"), "drda.object-length drda.object_length 10" + REJECTED, syntax(7)),
    Row("bytes behind the last parameter", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, ddm(0x106D, SECMEC, RDBNAM, b"\0\0"))),
        "drda.parameter-length drda.object_length 38" + REJECTED, syntax(7)),
    Row("ACCSEC without a mechanism", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, ddm(0x106D, RDBNAM))), "drda.missing-parameter drda.parameter 32"
        + REJECTED, syntax(0x0E)),
    Row("mechanism of 3 bytes", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, ddm(0x106D, ddm(0x11A2, b"\0\3\0"), RDBNAM))),
        "drda.parameter-size drda.object_length 10; drda.missing-parameter drda.parameter 39" + REJECTED, syntax(0x0B)),
    Row("two mechanisms", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, ddm(0x106D, SECMEC, SECMEC, RDBNAM))), "drda.duplicate-parameter drda.parameter 18"
        + REJECTED, syntax(0x12)),
    Row("database of 2,000 bytes", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, ddm(0x106D, SECMEC, ddm(0x2110, text("A") * 2000)))),
        "drda.parameter-size drda.object_length 16" + REJECTED, syntax(9)),
    Row("product of 9 bytes", ASKED, C(dss(RQS | CHAINED, 1, SECCHK), rqs(2, ACCRDB)),
        instead(dss(RQS | CHAINED, 1, SECCHK) + rqs(2, ddm(0x2001, *[ddm(0x112E, text("JCC040001")) if i == 2 else p
                                                                      for i, p in enumerate(ACCRDB_PARTS)]))),
        "drda.parameter-size drda.object_length 38; drda.missing-parameter drda.parameter 98" + REJECTED, syntax(9)),
    Row("ACCRDB without types", ASKED, C(dss(RQS | CHAINED, 1, SECCHK), rqs(2, ACCRDB)),
        instead(dss(RQS | CHAINED, 1, SECCHK) + rqs(2, ddm(0x2001, *ACCRDB_PARTS[:3], *ACCRDB_PARTS[4:]))),
        "drda.missing-parameter drda.parameter 84" + REJECTED, syntax(0x0E)),
    Row("managers of half an entry", [], C(rqs(1, EXCSAT)), instead(rqs(1, ddm(0x1041, ddm(0x1404, b"\x14\3\0\7\x24\7")))),
        "drda.parameter-size drda.object_length 10" + REJECTED, syntax(0x0B)),
    Row("query block size of 2 bytes", READY, OPEN, instead(rqs(1, ddm(0x200C, PKG, ddm(0x2114, b"\x7f\xff")))),
        "drda.parameter-size drda.object_length 78; drda.missing-parameter drda.parameter 84" + REJECTED, syntax(0x0B)),
    Row("no query block size", READY, OPEN, instead(rqs(1, ddm(0x200C, PKG))), "drda.missing-parameter drda.parameter 78" + REJECTED, syntax(0x0E)),
    Row("no package", READY, PREPARE, instead(dss(RQS | CHAINED | SAME, 1, ddm(0x200D)) + dss(OBJ, 1, SQLSTT)),
        "drda.missing-parameter drda.parameter 10" + REJECTED, syntax(0x0E)),
    Row("statement longer than its object", PREPARED, OBJECT, put(11, "00 00 01 00"), "drda.sql-length drda.sql_length 11" + REJECTED, syntax(9)),
    Row("bytes behind the statement", PREPARED, OBJECT, lambda b: struct.pack(">H", len(b) + 2) + b[2:6] + struct.pack(">H", len(b) - 4) + b[8:] + b"\0\0",
        "drda.sql-length drda.sql_length 31" + REJECTED, syntax(9)),
    Row("statement of 4 GB", PREPARED, OBJECT, put(11, "ff ff ff ff"), "drda.sql-length drda.sql_length 11" + REJECTED, syntax(9)),
]

STATE_ROWS = [
    Row("a statement first", [], C(rqs(1, EXCSAT)), instead(rqs(1, OPNQRY)), "drda.out-of-order drda.code_point 8" + REJECTED, conversation()),
    Row("ACCSEC first", [], C(rqs(1, EXCSAT)), instead(rqs(1, ACCSEC)), "drda.out-of-order drda.code_point 8" + REJECTED, conversation()),
    Row("commit before the login", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, RDBCMM)), "drda.out-of-order drda.code_point 8" + REJECTED,
        conversation()),
    Row("ACCRDB without a check", ASKED, C(rqs(1, SECCHK)), instead(rqs(1, ACCRDB)), "drda.out-of-order drda.code_point 8" + REJECTED,
        conversation()),
    Row("ACCRDB twice", READY, COMMIT, instead(rqs(1, ACCRDB)), "drda.out-of-order drda.code_point 8" + REJECTED, conversation()),
    Row("a chain that does not go on", READY, COMMIT, put(3, "41"), "drda.incomplete-message drda.format 3", [CLIENT_ENDS]),
    Row("SECCHK straight after EXCSAT", HELLO, C(rqs(1, ACCSEC)), instead(rqs(1, SECCHK)), "drda.secchk-without-accsec drda.code_point 8",
        [SERVER_ENDS]),
    Row("ACCSEC again, now with a database", HELLO + [C(rqs(1, ddm(0x106D, SECMEC))), S(dss(RPY, 1, ACCSECRD))], C(rqs(1, SECCHK)),
        instead(rqs(1, ACCSEC)), "drda.accsec-again drda.code_point 8", [SERVER_ENDS]),
    Row("SQLSTT in a request", PREPARED, OBJECT, put(3, "01"), "drda.object-as-command drda.code_point 8", [SERVER_ENDS]),
    Row("a command in an object", READY, COMMIT, put(3, "03"), "drda.command-as-object drda.code_point 8", [SERVER_ENDS]),
    Row("SQLSTT without a command", READY, COMMIT, instead(dss(OBJ, 1, SQLSTT)), "drda.object-unexpected drda.code_point 8" + REJECTED, syntax(0x0E)),
    Row("SQLSTT behind a commit", READY, COMMIT, instead(dss(RQS | CHAINED | SAME, 1, RDBCMM) + dss(OBJ, 1, SQLSTT)),
        "drda.object-unexpected drda.code_point 8" + REJECTED, syntax(0x0E)),
    Row("an IPv6 address as the token", ASKED, C(dss(RQS | CHAINED, 1, SECCHK), rqs(2, ACCRDB)),
        instead(dss(RQS | CHAINED, 1, SECCHK) + rqs(2, ddm(0x2001, *[ddm(0x2135, text("2001:db8::1.K001.0419")) if i == 4 else p
                                                                      for i, p in enumerate(ACCRDB_PARTS)]))),
        "drda.token-address drda.token 67", [S(dss(RPY | CHAINED, 1, SECCHKRM), dss(RPY, 2, ACCRDBRM)), CLIENT_ENDS]),
    Row("a command that is none", READY, COMMIT, put(8, "20 99"), "drda.unknown-command drda.code_point 8; S: drda.not-supported drda.code_point 8",
        [S(dss(RPY, 1, ddm(0x1250, ddm(0x1149, b"\0\x08"), ddm(0x000C, b"\x20\x99")))), CLIENT_ENDS]),
    Row("no answer", READY, COMMIT, lambda b: b, "S: drda.closed-without-answer db.phase 0", [SERVER_ENDS]),
    Row("a reply that nobody asked for", READY, ("S", dss(RPY, 7, ddm(0x220C, ddm(0x1149, b"\0\4")))), lambda b: b,
        "drda.unrequested-reply drda.correlator 4", [CLIENT_ENDS], twin=READY),
    Row("a request from the server", COMMITTED, REPLY, put(3, "01"), "drda.wrong-direction drda.format 3", [CLIENT_ENDS]),
    Row("a reply with another third byte", COMMITTED, REPLY, put(2, "00"), "drda.dss-magic drda.magic 2", [CLIENT_ENDS]),
    Row("a reply whose object is too long", COMMITTED, REPLY, put(6, "00 4a"), "drda.object-overrun drda.object_length 6", [CLIENT_ENDS]),
    Row("half a reply", COMMITTED, REPLY, chop(12), "drda.incomplete-message drda.length 0; drda.closed-without-answer db.phase 0",
        [SERVER_ENDS]),
]

GROUPS = {"framing": FRAME_ROWS, "parameter": PARAMETER_ROWS, "state": STATE_ROWS}
