"""DRDA as Derby speaks it: messages with field maps, how the server sees the stream, what a reply means."""
import struct

from message import Field, Message

NAME, PORT = "drda", 1527
ERRORS_CLOSE = True     # a refusal of the protocol, or of a login, ends the connection
NAMES = {0x1041: "EXCSAT", 0x106d: "ACCSEC", 0x106e: "SECCHK", 0x2001: "ACCRDB", 0x200a: "EXCSQLIMM", 0x200b: "EXCSQLSTT", 0x200c: "OPNQRY", 0x2005: "CLSQRY",
         0x2006: "CNTQRY", 0x200d: "PRPSQLSTT", 0x200e: "RDBCMM", 0x200f: "RDBRLLBCK", 0x2008: "DSCSQLSTT", 0x2014: "EXCSQLSET", 0x2412: "SQLDTA",
         0x2414: "SQLSTT", 0x2450: "SQLATTR", 0x146c: "EXTDTA", 0x2415: "OUTOVR"}
TYPES = sorted(NAMES) + [0x2002, 0x2004, 0x2007, 0x1254, 0x124c, 0x1443, 0x2201, 0, 0xffff, 0xd0, 0xd3, 1, 2, 3, 4, 5, 0x41, 0x43, 0x51, 0x53]
BIG_LENGTHS = (5, 6, 9, 10, 4096, 32766, 32767, 32768, 32769, 40000, 65535)
# Reply messages that say the request is not the protocol: syntax, conversation, object, a permanent agent error, not accessed,
# accessed already, data that does not match its description.
REFUSALS = {0x124c: "SYNTAXRM", 0x1245: "PRCCNVRM", 0x1253: "OBJNSPRM", 0x1218: "MGRDEPRM", 0x1232: "AGNPRMRM", 0x2204: "RDBNACRM", 0x2207: "RDBACCRM",
            0x220e: "DTAMCHRM"}
# And those that another level of the protocol, or another state of a query, explains: commands, parameters and values that are not supported.
BETWEEN = {0x1250: "CMDNSPRM", 0x1251: "PRMNSPRM", 0x1252: "VALNSPRM", 0x1210: "MGRLVLRM", 0x2202: "QRYNOPRM", 0x220f: "QRYPOPRM", 0x1254: "CMDCHKRM", 0x1233: "RSCLMTRM"}
CONTENT = {0x1219: "SECCHKRM", 0x2211: "RDBNFNRM", 0x2212: "OPNQFLRM", 0x2213: "SQLERRRM", 0x2203: "RDBATHRM", 0x221a: "RDBAFLRM"}
DSS = 6
COMMAND = 1


class Structure(Message):
    """a DSS with one object; the lengths of both are repaired together where they agreed"""

    def head(self):
        return DSS

    def repair(self, data):
        n = len(data)
        if n < DSS:
            return data
        agreed = len(self.data) >= DSS + 4 and struct.unpack(">H", self.data[6:8])[0] + DSS == len(self.data)
        data = struct.pack(">H", min(n, 0x7fff)) + data[2:]
        if agreed and n >= DSS + 4:
            data = data[:6] + struct.pack(">H", min(n - DSS, 0x7fff)) + data[8:]
        return data


def structure(data):
    """the field map of a recorded DSS"""
    def field(name, off, size, kind):
        return Field(name, off, size, kind, "big")
    fields = [field("dss.length", 0, 2, "len"), field("dss.magic", 2, 1, "int"), field("dss.format", 3, 1, "int"), field("dss.correlator", 4, 2, "int")]
    kind = "data"
    if len(data) >= DSS + 4:
        length, code = struct.unpack(">HH", data[6:10])
        kind = NAMES.get(code, "%04x" % code)
        fields += [field("object.length", 6, 2, "ilen"), field("object.code", 8, 2, "type")]
        p = 10
        if data[3] & 15 == COMMAND and length + DSS == len(data):
            while p + 4 <= len(data):
                n, code = struct.unpack(">HH", data[p:p + 4])
                if n < 4 or p + n > len(data):
                    break
                name = "%04x" % code
                fields += [field(name + ".length", p, 2, "ilen"), field(name + ".code", p + 2, 2, "type")]
                if n > 4:
                    fields.append(field(name, p + 4, n - 4, "bin"))
                p += n
        elif len(data) > p:
            fields.append(field("content", p, len(data) - p, "bin"))
    return Structure(kind, data, fields, "raw")


def structures(data):
    """[(offset, end)] of the whole DSS, and whether bytes or a chain are left open"""
    p, out, chained = 0, [], False
    while p + DSS <= len(data):
        n = struct.unpack(">H", data[p:p + 2])[0]
        end = p + (n & 0x7fff)
        chained = bool(data[p + 3] & 0x40)
        while n & 0x8000:       # continued: two bytes of length before each further part
            if end + 2 > len(data):
                return out, True
            n = struct.unpack(">H", data[end:end + 2])[0]
            end += n & 0x7fff
            if n & 0x7fff < 3:
                return out, False
        if end > len(data):
            return out, True
        if end < p + DSS:
            return out, False
        out.append((p, end))
        p = end
    return out, p < len(data) or chained


def is_protocol_error(code, text):
    return code in REFUSALS.values()


def is_grey(code, text):
    return code in BETWEEN.values()


def server_kind(data):
    return "server", data[8:10], min(len(data), 60)


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.pos, self.all_replies, self.sealed = 0, [], False

    def greet(self):
        pass

    def busy(self):
        return False

    def whole(self):
        return not structures(self.wire.got[self.pos:])[1]

    def digest(self):
        found, errors, base = structures(self.wire.got[self.pos:])[0], [], self.pos
        for at, end in found:
            data = self.wire.got[base + at:base + end]
            self.all_replies.append(data)
            if len(data) >= 10 and data[3] & 15 == 2:
                code = struct.unpack(">H", data[8:10])[0]
                for table in REFUSALS, BETWEEN, CONTENT:
                    if code in table:
                        errors.append((table[code], data[10:40].hex()))
            elif len(data) >= 15 and data[8:10] == b"\x24\x08" and data[10] != 0xff:
                number = struct.unpack("<i", data[11:15])[0]
                if number < 0 or number > 20000:
                    errors.append(("SQL%d" % number, data[15:20].decode("latin-1")))
            self.pos = base + end
        return bool(found), errors

    def probes(self):
        yield [bytes.fromhex("000ad00100010004200f")], lambda out: out.answered

    def farewell(self):
        return []


def unfinished(trial):
    return structures(trial.wire.sent)[1]


def orderly_end(trial):
    return False


def behind(trial, offset):
    return False


def streaming(trial):
    return False


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    if trial.result.mutation.field == "dss.length":
        return "the length of a DSS, where this server goes by the length of the object in it"
    if trial.result.mutation.field == "dss.format":
        return "bits of the format of a DSS that this server does not look at"
    return ""


def outside(target):
    return target
