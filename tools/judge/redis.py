"""Redis: requests with field maps, the state of a connection, what a reply means."""
import re

from message import Field, Message

NAME, PORT = "redis", 6379
ERRORS_CLOSE = False    # whether an ordinary error may end the connection
TYPES = [ord(c) for c in "*$+-:_#,(!=%~>|;.\r\n\"' 0aZ"] + [0, 1, 0x16, 0x80, 0xff]
BIG_LENGTHS = (9, 11, 20, 512, 16384, 16385, 65536, 1 << 20, (1 << 20) + 1, 1 << 24, (512 << 20), (512 << 20) + 1, 0x7fffffff, 0x80000000,
               0xffffffff, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
INLINE_MAX = 65536


class Number(Field):
    """a number written in digits; as wide as a 64-bit one for those that ask"""

    def __init__(self, name, off, digits, kind):
        super().__init__(name, off, 8, kind, "big")
        self.digits = digits

    def get(self, data):
        return int(data[self.off:self.off + self.digits])

    def put(self, data, value):
        if value >= 1 << 63 and value >> 63 == 1 and value > (1 << 64) - 100:
            value -= 1 << 64    # what wraps becomes negative
        return data[:self.off] + b"%d" % value + data[self.off + self.digits:]


def request(*words):
    """*N, then $L and the bytes of each word"""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    data, fields = bytearray(), []

    def line(letter, name, number, kind):
        fields.append(Field(name + ".type", len(data), 1, "type", "big"))
        digits = b"%d" % number
        fields.append(Number(name, len(data) + 1, len(digits), kind))
        data.extend(letter + digits)
        end(name)

    def end(name):
        fields.append(Field(name + ".cr", len(data), 1, "nul", "big"))
        fields.append(Field(name + ".lf", len(data) + 1, 1, "nul", "big"))
        data.extend(b"\r\n")

    line(b"*", "count", len(words), "count")
    for i, w in enumerate(words):
        line(b"$", "length%d" % i, len(w), "ilen" if i % 2 else "len")
        if w:
            fields.append(Field("word%d" % i, len(data), len(w), "text", "big"))
        data.extend(w)
        end("word%d" % i)
    return Message(words[0].decode("latin-1").upper(), data, fields, "resp")


def inline(text):
    data = text.encode() if isinstance(text, str) else text
    fields = [Field("line", 0, len(data), "text", "big"), Field("cr", len(data), 1, "nul", "big"), Field("lf", len(data) + 1, 1, "nul", "big")]
    return Message("inline", data + b"\r\n", fields, "resp")


def is_protocol_error(code, text):
    return code == "PROTOCOL"


def is_grey(code, text):
    return False


def value_end(data, p):
    """the end of the reply at p, or None"""
    due = 1
    while due:
        end = data.find(b"\r\n", p)
        if end < 0:
            return None
        letter, rest = data[p:p + 1], data[p + 1:end]
        p, due = end + 2, due - 1
        if letter in (b"$", b"!", b"="):
            n = int(rest)
            if n >= 0:
                p += n + 2
        elif letter in (b"*", b"~", b">"):
            due += max(0, int(rest))
        elif letter == b"%":
            due += 2 * int(rest)
        elif letter == b"|":
            due += 2 * int(rest) + 1
        if p > len(data):
            return None
    return p


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.pos, self.replies, self.all_replies = 0, [], []
        self.sealed = False

    def greet(self):
        pass

    def busy(self):
        return False

    def linked(self):
        """a replica's connection: what comes is a copy, then commands"""
        return b"+FULLRESYNC" in self.wire.got[:4000]

    def whole(self):
        if self.linked():
            return True
        p = self.pos
        while p is not None and p < len(self.wire.got):
            p = value_end(self.wire.got, p)
        return p is not None

    def digest(self):
        self.replies, errors = [], []
        if self.linked():
            fresh, self.pos = self.wire.got[self.pos:], len(self.wire.got)
            return bool(fresh), []
        while self.pos < len(self.wire.got):
            end = value_end(self.wire.got, self.pos)
            if end is None:
                break
            data = self.wire.got[self.pos:end]
            self.pos = end
            self.replies.append(data)
            self.all_replies.append(data)
            if data[:1] == b"-":
                text = data[1:-2].decode("utf-8", "replace")
                errors.append(("PROTOCOL" if text.startswith("ERR Protocol error") else text.split(" ")[0], text))
        return bool(self.replies), errors

    def probes(self):
        if not self.linked():
            # Stray bytes before it must not swallow what switches the replies on.
            line = b"" if self.wire.sent.endswith(b"\n") else b"\r\n"
            yield [line + request("CLIENT", "REPLY", "ON").data], lambda out: out.answered
            yield [request("PING").data], lambda out: out.answered

    def farewell(self):
        return [request("QUIT").data]


def _received(sent):
    """how the server sees the stream: (commands as lists of words, unfinished)"""
    p, out = 0, []
    while p < len(sent):
        if sent[p:p + 1] != b"*":
            end = sent.find(b"\n", p)
            nul = sent.find(b"\0", p)
            if end < 0 or 0 <= nul < end:
                return out, True
            out.append(sent[p:end].split())
            p = end + 1
            continue
        m = re.compile(rb"\*(0|-?[1-9]\d{0,18})\r.", re.S).match(sent, p)
        if not m:
            return out, sent.find(b"\r", p) < 0
        words, p = [], m.end()
        for _ in range(max(0, int(m[1]))):
            m = re.compile(rb"\$(0|[1-9]\d{0,18})\r.", re.S).match(sent, p)
            if not m:
                return out, sent.find(b"\r", p) < 0
            p = m.end() + int(m[1]) + 2
            if p > len(sent):
                return out, True
            words.append(sent[m.end():p - 2])
        out.append(words)
    return out, False


def unfinished(trial):
    return _received(trial.wire.sent)[1]


def orderly_end(trial):
    return any(w and w[0].upper() == b"QUIT" for w in _received(trial.wire.sent)[0])


def behind(trial, offset):
    return False


def streaming(trial):
    return trial.ctx.linked()


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    words = _received(trial.wire.sent)[0]
    for i, w in enumerate(words):
        if w and w[0].upper() == b"QUIT" and i + 1 < len(words):
            return "bytes behind QUIT, which nobody reads"
    return ""


def outside(target):
    return target


def server_kind(data):
    return "server", data[:1], min(len(data), 40)
