"""PostgreSQL: messages with field maps, the state of a connection, what a reply means."""
import base64
import hashlib
import hmac
import struct

from message import Build, Field, Message, shifted

NAME, PORT = "pgsql", 5432
ERRORS_CLOSE = True    # whether an ordinary error may end the connection
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
TYPES = [ord(c) for c in "BCDEFHPQSXcdfpARTZKGWIn123tvVNs"] + [0, 1, 0x16, 0x80, 0xff]
BIG_LENGTHS = (9999, 10001, 10004, 10005, 20000, 65535, 65540, 1 << 20, 0x3ffffffe, 0x3fffffff, 0x40000000, 0x7fffffff,
               0x80000000, 0xfffffff0, 0xffffffff)


def is_protocol_error(code, text):
    return code == "08P01" or code == "0A000" and "frontend protocol" in text


def is_grey(code, text):
    """refused for a reason that is neither clearly the form nor clearly the content"""
    return code == "22P03" or code == "22023" and "format code" in text or code == "28000" and "no PostgreSQL user name" in text


def typed(kind, letter, build):
    body = bytes(build.data)
    fields = [Field("type", 0, 1, "type", "big"), Field("length", 1, 4, "len", "big")] + shifted(build.fields, 5)
    return Message(kind, letter.encode() + struct.pack(">I", len(body) + 4) + body, fields, "typed")


def untyped(kind, build):
    body = bytes(build.data)
    fields = [Field("length", 0, 4, "len", "big")] + shifted(build.fields, 4)
    return Message(kind, struct.pack(">I", len(body) + 4) + body, fields, "startup")


def startup(params, version=0x30000):
    b = Build("big").num("version", version, 4)
    for k, v in params:
        b.cstr("parameter", k).cstr(k, v)
    return untyped("StartupMessage", b.put("end", b"\0", "nul"))


def request(kind, code, *numbers):
    b = Build("big").num("code", code, 4)
    for name, v in numbers:
        b.num(name, v, 4)
    return untyped(kind, b)


def empty(kind, letter):
    return typed(kind, letter, Build("big"))


def query(sql):
    return typed("Query", "Q", Build("big").cstr("sql", sql))


def parse(name, sql, oids=()):
    b = Build("big").cstr("statement", name).cstr("sql", sql).num("types", len(oids), 2, "count")
    for i, oid in enumerate(oids):
        b.num("type%d" % i, oid, 4)
    return typed("Parse", "P", b)


def _values(b, what, values):
    b.num(what + "s", len(values), 2, "count")
    for i, v in enumerate(values):
        b.num("%s%d.len" % (what, i), -1 if v is None else len(v), 4, "ilen")
        if v is not None:
            b.bin("%s%d" % (what, i), v)


def _formats(b, what, formats):
    b.num(what + "s", len(formats), 2, "count")
    for i, f in enumerate(formats):
        b.num("%s%d" % (what, i), f, 2)


def bind(portal, statement, values=(), formats=(), results=()):
    b = Build("big").cstr("portal", portal).cstr("statement", statement)
    _formats(b, "format", formats)
    _values(b, "value", values)
    _formats(b, "result", results)
    return typed("Bind", "B", b)


def describe(what, name):
    return typed("Describe", "D", Build("big").num("what", ord(what), 1).cstr("name", name))


def close(what, name):
    return typed("Close", "C", Build("big").num("what", ord(what), 1).cstr("name", name))


def execute(portal="", rows=0):
    return typed("Execute", "E", Build("big").cstr("portal", portal).num("rows", rows, 4))


def function_call(oid, formats, values, result):
    b = Build("big").num("function", oid, 4)
    _formats(b, "format", formats)
    _values(b, "argument", values)
    return typed("FunctionCall", "F", b.num("result", result, 2))


def copy_data(data):
    return typed("CopyData", "d", Build("big").bin("data", data))


def copy_fail(why):
    return typed("CopyFail", "f", Build("big").cstr("reason", why))


def sync():
    return empty("Sync", "S")


def flush():
    return empty("Flush", "H")


def copy_done():
    return empty("CopyDone", "c")


def terminate():
    return empty("Terminate", "X")


def password(text):
    return typed("PasswordMessage", "p", Build("big").cstr("password", text))


def md5(user, secret, salt):
    inner = hashlib.md5((secret + user).encode()).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()


def sasl_initial(mechanism, data):
    return typed("SASLInitialResponse", "p", Build("big").cstr("mechanism", mechanism).num("data.len", len(data), 4, "ilen").bin("data", data))


def sasl_response(data):
    return typed("SASLResponse", "p", Build("big").bin("data", data))


class Scram:
    def __init__(self, secret, nonce):
        self.secret, self.bare = secret, "n=,r=" + nonce

    def first(self):
        return ("n,," + self.bare).encode()

    def final(self, server_first):
        try:
            parts = dict(x.split("=", 1) for x in server_first.decode().split(","))
            salt, rounds, nonce = base64.b64decode(parts["s"]), int(parts["i"]), parts["r"]
        except (ValueError, KeyError):
            salt, rounds, nonce, server_first = b"salt", 4096, "none", b""
        key = hashlib.pbkdf2_hmac("sha256", self.secret.encode(), salt, rounds)
        client = hmac.digest(key, b"Client Key", "sha256")
        without = "c=biws,r=" + nonce
        signed = self.bare.encode() + b"," + server_first + b"," + without.encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")
        return (without + ",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(client, signature))).decode()).encode()


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.pos, self.typed, self.ready, self.copy = 0, False, False, None
        self.replies, self.all_replies, self.auth, self.salt, self.sasl = [], [], None, bytes(4), b""
        self.failed = False     # has there been any error
        self.sealed = False     # encrypted from here on: nothing more to say

    def greet(self):
        pass

    def busy(self):
        return not self.ready or self.copy is not None

    def _next(self, p):
        """the end of the server message at p, or None"""
        got = self.wire.got
        if p >= len(got):
            return None
        if not self.typed and got[p:p + 1] in (b"N", b"S", b"G"):
            return p + 1
        if len(got) - p < 5:
            return None
        end = p + 1 + struct.unpack(">I", got[p + 1:p + 5])[0]
        return end if end <= len(got) else None

    def whole(self):
        p, typed = self.pos, self.typed
        try:
            while True:
                end = self._next(p)
                if end is None:
                    return p == len(self.wire.got)
                self.typed = self.typed or end > p + 1
                p = end
        finally:
            self.typed = typed

    def digest(self):
        self.replies, errors, answered = [], [], False
        while True:
            end = self._next(self.pos)
            if end is None:
                return answered, errors
            data = self.wire.got[self.pos:end]
            self.pos = end
            self.all_replies.append(data)
            if len(data) == 1:
                self.replies.append((data.decode(), b""))
                self.sealed = data == b"G"
                answered = True
                continue
            self.typed = True
            letter, body = data[:1].decode("latin-1"), data[5:]
            self.replies.append((letter, body))
            answered = answered or letter not in "NSA"
            self.take(letter, body, errors)

    def take(self, letter, body, errors):
        if letter == "R":
            self.auth = struct.unpack(">I", body[:4])[0]
            if self.auth == 5:
                self.salt = body[4:8]
            elif self.auth in (11, 12):
                self.sasl = body[4:]
        elif letter == "Z":
            self.ready, self.copy = True, None
        elif letter == "G":
            self.copy = "in"
        elif letter == "W":
            self.copy = "both"
        elif letter in "CE":
            self.copy = None
        if letter == "E":
            f = {x[:1]: x[1:].decode("utf-8", "replace") for x in body.split(b"\0") if x}
            errors.append((f.get(b"C", "?"), f.get(b"M", "")))
            self.failed = True

    def probes(self):
        if self.sealed:
            return
        if not self.typed:
            yield [startup([("user", "app"), ("database", "judge")]).wire()], lambda out: out.answered
        if self.copy is not None:
            yield [copy_done().wire(), sync().wire()], lambda out: out.answered
        yield [sync().wire()], lambda out: any(letter == "Z" for letter, _ in self.replies)

    def farewell(self):
        return [terminate().wire()] if self.ready else []


def _received(trial):
    """how the server sees the stream: (typed messages, cancel request?, unfinished)"""
    sent, p = trial.wire.sent, 0
    while True:
        if len(sent) - p < 8:
            return [], False, p < len(sent) or p == 0 and not sent
        n, code = struct.unpack(">II", sent[p:p + 8])
        if not 8 <= n <= 10004:
            return [], False, False
        if len(sent) - p < n:
            return [], False, True
        p += n
        if code == CANCEL_REQUEST:
            return [], True, p < len(sent)
        if code not in (SSL_REQUEST, GSS_REQUEST):
            break
    out = []
    while len(sent) - p >= 5:
        n = struct.unpack(">I", sent[p + 1:p + 5])[0]
        if n < 4:
            return out, False, False
        if len(sent) - p < 1 + n:
            return out, False, True
        out.append(sent[p:p + 1 + n])
        p += 1 + n
    return out, False, p < len(sent)


def unfinished(trial):
    _, cancel, more = _received(trial)
    return bool(trial.wire.sent) and more and not cancel


def orderly_end(trial):
    """the server saw Terminate, or a cancel request, whoever meant it"""
    messages, cancel, _ = _received(trial)
    return cancel or trial.ctx.ready and any(x[:1] == b"X" for x in messages)


def behind(trial, offset):
    """whether bytes were sent behind the message at this place of the stream"""
    sent = trial.wire.sent
    at = offset + (1 if trial.ctx.typed and offset else 0)
    return len(sent) > at + int.from_bytes(sent[at:at + 4], "big")


def streaming(trial):
    return False


class Body:
    """reads a message to see whether its parts fill it exactly"""

    def __init__(self, data):
        self.data, self.at, self.good = data, 5, True

    def take(self, n):
        if n < 0 or self.at + n > len(self.data):
            self.good, n = False, 0
        self.at += n
        return int.from_bytes(self.data[self.at - n:self.at], "big")

    def text(self):
        end = self.data.find(b"\0", self.at)
        self.good, self.at = self.good and end >= 0, end + 1 if end >= 0 else self.at

    def list(self, size):
        n = self.take(2)
        if size:
            self.take(n * size)
        return n

    def values(self):
        for _ in range(self.list(0)):
            n = self.take(4)
            if n >= 1 << 31 and n != 0xffffffff:
                self.good = False
            self.take(0 if n == 0xffffffff else n)
            if not self.good:
                return


def well_formed(data):
    b, letter = Body(data), data[:1]
    if letter == b"P":
        b.text(), b.text(), b.list(4)
    elif letter == b"B":
        b.text(), b.text(), b.list(2), b.values(), b.list(2)
    elif letter == b"F":
        b.take(4), b.list(2), b.values(), b.take(2)
    elif letter == b"E":
        b.text(), b.take(4)
    elif letter in (b"D", b"C"):
        b.take(1), b.text()
    elif letter != b"H":
        return True
    return b.good and b.at == len(data)


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    messages, cancel, more = _received(trial)
    if cancel and more:
        return "bytes behind CancelRequest, which nobody reads"
    for i, x in enumerate(messages):
        if x[:1] == b"X" and trial.ctx.ready and (i + 1 < len(messages) or not trial.wire.sent.endswith(x)):
            return "bytes behind Terminate, which nobody reads"
    if trial.ctx.sealed and behind(trial, trial.result.stream_offset):
        return "bytes behind a request for encryption that was granted"
    if any(x[:1] in (b"X", b"H", b"S") and len(x) > 5 for x in messages):
        return "a body on a message that is acted on unread"
    if trial.ctx.failed and not all(map(well_formed, messages)):
        return "form broken, but the server stopped at an error of content before it saw that"
    return ""


def server_kind(data):
    return "server", data[:1], min(len(data), 40)
