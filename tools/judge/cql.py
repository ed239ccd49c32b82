"""Cassandra's native protocol, versions 3 to 5: messages with field maps, how the server sees the stream, what a reply means."""
import re
import struct
import zlib

from message import Build, Field, Message, shifted

NAME, PORT = "cql", 9042
ERRORS_CLOSE = True     # a login that fails may end the connection
OPCODES = {"ERROR": 0, "STARTUP": 1, "READY": 2, "AUTHENTICATE": 3, "OPTIONS": 5, "SUPPORTED": 6, "QUERY": 7, "RESULT": 8, "PREPARE": 9, "EXECUTE": 10,
           "REGISTER": 11, "EVENT": 12, "BATCH": 13, "AUTH_CHALLENGE": 14, "AUTH_RESPONSE": 15, "AUTH_SUCCESS": 16}
ANSWERS = (0, 2, 3, 6, 8, 12, 14, 16)
NAMES = {v: k for k, v in OPCODES.items()}
TYPES = list(range(0x12)) + [0x40, 0x80, 0xff, 3, 4, 5, 6, 0x83, 0x84, 0x85]
BIG_LENGTHS = (16384, 131072, 131073, 1 << 20, (16 << 20) + 1, 1 << 24, (256 << 20) - 1, (256 << 20) + 1, 0x7fffffff, 0x80000000, 0xffffffff)
HEADER = 9
# What the reader of a message throws when its bytes run out, said as a server error.
SHORT = re.compile(r"IndexOutOfBounds|BufferUnderflow|NegativeArraySize|IllegalArgument|readerIndex|ArrayIndex|OutOfMemory")


class Envelope(Message):
    """a message with the header of 9 bytes"""

    def head(self):
        return HEADER

    def repair(self, data):
        return data if len(data) < HEADER else data[:5] + struct.pack(">I", len(data) - HEADER) + data[HEADER:]


# ---- segments of version 5

def crc24(data):
    crc = 0x875060
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1974f0b if crc & 0x800000 else 0)
    return crc & 0xffffff


def crc24_of(data):
    """of the bytes of a header, the lowest first"""
    return crc24(data).to_bytes(3, "little")


def crc32_of(data):
    return zlib.crc32(data, zlib.crc32(b"\xfa\x2d\x55\xca")).to_bytes(4, "little")


def literal_block(data):
    """an LZ4 block that only says the bytes themselves"""
    n, out = len(data), b""
    if n >= 15:
        n -= 15
        out = b"\xff" * (n // 255) + bytes([n % 255])
    return bytes([min(len(data), 15) << 4]) + out + data


def segment(data, codec, last=True):
    if codec:
        block = literal_block(data) if len(data) % 2 else data
        size = len(data) if len(data) % 2 else 0
        head = (len(block) | size << 17 | int(last) << 34).to_bytes(5, "little")
    else:
        block, head = data, (len(data) | int(last) << 17).to_bytes(3, "little")
    return head + crc24_of(head) + block + crc32_of(block)


def open_block(data, size):
    """an LZ4 block"""
    out, p = bytearray(), 0
    while p < len(data):
        token = data[p]
        p += 1
        n = token >> 4
        if n == 15:
            while data[p] == 255:
                n, p = n + 255, p + 1
            n, p = n + data[p], p + 1
        out += data[p:p + n]
        p += n
        if p >= len(data):
            break
        back = data[p] | data[p + 1] << 8
        p, n = p + 2, token & 15
        if n == 15:
            while data[p] == 255:
                n, p = n + 255, p + 1
            n, p = n + data[p], p + 1
        for _ in range(n + 4):
            out.append(out[-back])
    if len(out) != size:
        raise ValueError
    return bytes(out)


def segment_at(data, p, codec):
    """(payload, end) of the segment at p, or None"""
    head = 5 if codec else 3
    if p + head + 3 > len(data):
        return None
    word = int.from_bytes(data[p:p + head], "little")
    at, length = p + head + 3, word & 0x1ffff
    if at + length + 4 > len(data):
        return None
    payload, size = data[at:at + length], word >> 17 & 0x1ffff if codec else 0
    return (open_block(payload, size) if size else payload), at + length + 4


# ---- messages

class Body(Build):
    def __init__(self):
        super().__init__("big")

    def string(self, name, value):
        value = value.encode() if isinstance(value, str) else value
        return self.num(name + ".len", len(value), 2, "ilen").text(name, value)

    def long_string(self, name, value):
        value = value.encode() if isinstance(value, str) else value
        return self.num(name + ".len", len(value), 4, "ilen").text(name, value)

    def short_bytes(self, name, value):
        return self.num(name + ".len", len(value), 2, "ilen").bin(name, value)

    def bytes(self, name, value):
        if value is None or value == "unset":
            return self.num(name + ".len", -1 if value is None else -2, 4, "ilen")
        return self.num(name + ".len", len(value), 4, "ilen").bin(name, value)

    def strings(self, name, values):
        self.num(name + ".count", len(values), 2, "count")
        for i, v in enumerate(values):
            self.string("%s%d" % (name, i), v)
        return self


class Parameters:
    """<query_parameters> of QUERY and EXECUTE, and the end of BATCH"""

    def __init__(self, consistency=1, values=None, names=None, skip=False, page=None, state=None, serial=None, timestamp=None, keyspace=None, now=None):
        self.__dict__.update(locals())

    def write(self, b, version, batch=False):
        flags = 0
        for bit, on in ((0, self.values is not None), (1, self.skip), (2, self.page is not None), (3, self.state is not None), (4, self.serial is not None),
                        (5, self.timestamp is not None), (6, self.names), (7, self.keyspace and version >= 5), (8, self.now is not None and version >= 5)):
            flags |= int(bool(on)) << bit
        if not batch:
            b.num("consistency", self.consistency, 2)
        b.num("flags", flags, 4 if version >= 5 else 1)
        if self.values is not None:
            b.num("values.count", len(self.values), 2, "count")
            for i, v in enumerate(self.values):
                if self.names:
                    b.string("name%d" % i, self.names[i])
                b.bytes("value%d" % i, v)
        if self.page is not None:
            b.num("page size", self.page, 4)
        if self.state is not None:
            b.bytes("paging state", self.state)
        if self.serial is not None:
            b.num("serial consistency", self.serial, 2)
        if self.timestamp is not None:
            b.num("timestamp", self.timestamp, 8)
        if self.keyspace and version >= 5:
            b.string("keyspace", self.keyspace)
        if self.now is not None and version >= 5:
            b.num("now", self.now, 4)


def envelope(c, kind, body=None, flags=0, payload=None):
    """a message of the client whose connection is c"""
    b = Body()
    if flags & 4:
        b.num("payload.count", len(payload), 2, "count")
        for k, v in payload.items():
            b.string("key", k).bytes("value", v)
    if body:
        fields = shifted(body.fields, len(b.data))
        b.data += body.data
        b.fields += fields
    c.stream = (c.stream + 1) % 30000
    whole = Body().num("version", c.version, 1, "type").num("flags", flags, 1).num("stream", c.stream, 2).num("opcode", OPCODES[kind], 1, "type")
    data = bytes(b.data)
    if c.codec and c.version < 5 and kind != "STARTUP" and len(data) % 2:
        block = struct.pack(">I", len(data)) + literal_block(data)
        whole = Body().num("version", c.version, 1, "type").num("flags", flags | 1, 1).num("stream", c.stream, 2).num("opcode", OPCODES[kind], 1, "type")
        whole.num("length", len(block), 4, "len").num("size", len(data), 4, "ilen").bin("block", block[4:])
        return Envelope(kind, whole.data, whole.fields, "typed")
    whole.num("length", len(data), 4, "len")
    fields = whole.fields + shifted(b.fields, HEADER)
    codec = c.codec
    return Envelope(kind, bytes(whole.data) + data, fields, "typed", wrap=(lambda x: segments(x, codec)) if c.modern else None)


def segments(data, codec):
    if len(data) <= 0x1ffff:
        return segment(data, codec)
    return b"".join(segment(data[i:i + 0x1ffff], codec, last=False) for i in range(0, len(data), 0x1ffff))


def outside(target):
    """the segment around a message, its checks true or not"""
    whole = target.wire()
    codec = 5 if int.from_bytes(whole[:3], "little") & 0x1ffff != len(whole) - 10 else 3
    fields = [Field("segment", 0, codec, "len", "little"), Field("header check", codec, 3, "int", "little"),
              Field("payload", codec + 3, len(whole) - codec - 7, "bin", "little"), Field("payload check", len(whole) - 4, 4, "int", "little")]
    true = zlib.crc32(target.data) & 1

    def checked(data):
        return data[:codec] + crc24_of(data[:codec]) + data[codec + 3:] if len(data) > codec + 3 else data
    return Message(target.kind, whole, fields, "raw", wrap=checked if true else None)


# ---- answers

# How a client asks for a version that this server does not have: it comes again with another one.
VERSIONS = re.compile(r"Beta version|unsupported protocol version \((1|2|6|65|66)\)")


def is_protocol_error(code, text):
    return code == "0x000a" and not VERSIONS.search(text) or code == "0x0000" and SHORT.search(text) is not None


def is_grey(code, text):
    return code == "0x0000" and not SHORT.search(text) or VERSIONS.search(text) is not None


def server_kind(data):
    return "server", data[4], min(len(data), 60)


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.version, self.codec, self.stream = 4, False, rng.randrange(20)
        self.modern, self.sealed, self.phase = False, False, "new"
        self.at, self.inner, self.pos, self.replies, self.all_replies = 0, b"", 0, [], []

    def greet(self):
        pass

    def busy(self):
        return self.phase == "authenticating"

    def take(self):
        """moves what has come into inner, out of its segments"""
        while True:
            if not self.modern:
                self.inner += self.wire.got[self.at:]
                self.at = len(self.wire.got)
                return
            try:
                found = segment_at(self.wire.got, self.at, self.codec)
            except (ValueError, IndexError):
                return
            if not found:
                return
            self.inner += found[0]
            self.at = found[1]

    def next_reply(self):
        self.take()
        data = self.inner[self.pos:]
        if len(data) < HEADER or len(data) < HEADER + struct.unpack(">I", data[5:9])[0]:
            return None
        end = HEADER + struct.unpack(">I", data[5:9])[0]
        self.pos += end
        if data[4] in (OPCODES["READY"], OPCODES["AUTHENTICATE"]) and data[0] == 0x85 and not self.modern:
            self.modern = True      # what is behind it comes in segments
            rest = len(self.inner) - self.pos
            self.inner, self.at = self.inner[:self.pos], self.at - rest
        return data[:end]

    def whole(self):
        self.replies += self.fresh()
        return len(self.inner) == self.pos and (not self.modern or self.at == len(self.wire.got))

    def fresh(self):
        out = []
        while (reply := self.next_reply()) is not None:
            out.append(reply)
            self.follow(reply)
        return out

    def follow(self, reply):
        kind = NAMES.get(reply[4])
        if kind == "AUTHENTICATE":
            self.phase = "authenticating"
        elif kind in ("READY", "AUTH_SUCCESS"):
            self.phase = "ready"

    def digest(self):
        self.replies += self.fresh()
        replies, self.replies = self.replies, []
        self.last, errors = replies, []
        self.all_replies += replies
        for data in replies:
            if data[4] == 0:
                body = self.body(data)
                n = struct.unpack(">H", body[4:6])[0]
                errors.append(("0x%04x" % struct.unpack(">I", body[:4])[0], body[6:6 + n].decode("utf-8", "replace")))
        return bool(replies), errors

    def body(self, data):
        """without compression, tracing, warnings and payload"""
        flags, body = data[1], data[HEADER:]
        if flags & 1 and not self.modern:
            body = open_block(body[4:], struct.unpack(">I", body[:4])[0])
        if flags & 2:
            body = body[16:]
        if flags & 8:
            n, p = struct.unpack(">H", body[:2])[0], 2
            for _ in range(n):
                p += 2 + struct.unpack(">H", body[p:p + 2])[0]
            body = body[p:]
        return body

    def probes(self):
        if self.phase == "authenticating":
            yield [envelope(self, "AUTH_RESPONSE", Body().bytes("token", b"\0judge\0judgepw")).wire()], lambda out: out.answered
        yield [envelope(self, "OPTIONS").wire()], lambda out: out.answered

    def farewell(self):
        return []


def unfinished(trial):
    """does the server still wait for the rest of a message?"""
    sent, got, p, inner, modern = trial.wire.sent, trial.ctx, 0, b"", False
    while p < len(sent):
        if modern:
            head = 5 if got.codec else 3
            if p + head + 3 > len(sent):
                return True
            if crc24_of(sent[p:p + head]) != sent[p + head:p + head + 3]:
                return False
            end = p + head + 7 + (int.from_bytes(sent[p:p + head], "little") & 0x1ffff)
            if end > len(sent):
                return True
            try:
                inner += segment_at(sent, p, got.codec)[0]
            except (ValueError, IndexError):
                return False
            p = end
            while len(inner) >= HEADER and len(inner) >= HEADER + struct.unpack(">I", inner[5:9])[0]:
                inner = inner[HEADER + struct.unpack(">I", inner[5:9])[0]:]
            continue
        if p + HEADER > len(sent):
            return True
        end = p + HEADER + struct.unpack(">I", sent[p + 5:p + 9])[0]
        if end > len(sent):
            return True
        if sent[p + 4] == OPCODES["STARTUP"] and sent[p] == 5 and got.modern:
            modern = True
        p = end
    return bool(inner)


def orderly_end(trial):
    return False


def behind(trial, offset):
    return False


def streaming(trial):
    return False


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    plan, mutation = trial.plan, trial.result.mutation
    at = trial.result.stream_offset
    if plan.cls == "reverse" or mutation.field == "opcode" and trial.wire.sent[at + 4:at + 5] and trial.wire.sent[at + 4] in ANSWERS:
        return "an answer that the client sends: the server drops it without a word, and whoever waits for a reply waits forever"
    if plan.kind == "STARTUP" and mutation.cls in ("trailing-raw", "outer-length", "oversize"):
        return "bytes behind STARTUP, which are lost when the server builds its pipeline"
    if plan.step == "options":
        return "OPTIONS before STARTUP, of which the server does not read the body"
    if plan.step == "auth" and plan.cls in ("swap", "wrong-state"):
        return "a login and a request at once: the server works on both, and which comes first is chance"
    return ""
