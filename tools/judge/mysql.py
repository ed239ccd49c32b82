"""MySQL/MariaDB: messages with field maps, the state of a connection, what a reply means."""
import hashlib
import struct
import zlib

import ed25519
from message import Build, Field, Message, shifted

NAME, PORT = "mysql", 3306
ERRORS_CLOSE = True    # whether an ordinary error may end the connection

LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB = 1, 2, 4, 8
COMPRESS, LOCAL_FILES, PROTOCOL_41, INTERACTIVE, SSL = 0x20, 0x80, 0x200, 0x400, 0x800
TRANSACTIONS, SECURE, MULTI_STATEMENTS, MULTI_RESULTS = 0x2000, 0x8000, 1 << 16, 1 << 17
PS_MULTI, PLUGIN_AUTH, CONNECT_ATTRS, LENENC_AUTH = 1 << 18, 1 << 19, 1 << 20, 1 << 21
SESSION_TRACK, DEPRECATE_EOF = 1 << 23, 1 << 24
EXT_BULK = 4
BASE = LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE | MULTI_RESULTS | PS_MULTI | PLUGIN_AUTH

COMMANDS = {"QUIT": 1, "INIT_DB": 2, "QUERY": 3, "FIELD_LIST": 4, "STATISTICS": 9, "PROCESS_INFO": 10, "PING": 14,
            "CHANGE_USER": 17, "BINLOG_DUMP": 18, "REGISTER_SLAVE": 21, "STMT_PREPARE": 22, "STMT_EXECUTE": 23,
            "STMT_SEND_LONG_DATA": 24, "STMT_CLOSE": 25, "STMT_RESET": 26, "SET_OPTION": 27, "STMT_FETCH": 28,
            "RESET_CONNECTION": 31, "STMT_BULK_EXECUTE": 0xfa}
TYPES = list(COMMANDS.values()) + [0, 5, 6, 7, 11, 12, 13, 15, 16, 19, 20, 29, 30, 32, 0xfe, 0xff]
BIG_LENGTHS = (1 << 20, (1 << 20) + 1, 0x7fffff, 0x800000, 0xfffffe, 0xffffff, 0xfffff0)

# Errors by which the server says "this is not the protocol". All others judge the content.
PROTOCOL_ERRORS = {1043, 1047, 1153, 1156, 1157, 1158, 1159, 1160, 1161, 1835}


def is_protocol_error(code, text):
    if code == 1210:        # raised when the body of an execute cannot be taken apart
        return "mysqld_stmt" in text and "long_data" not in text
    if code == 1105:        # its strings are short: only a length that lies is "too long"
        return "register slave" in text or "register_slave" in text
    return code in PROTOCOL_ERRORS or code == "tls-alert"


def is_grey(code, text):
    """refused for a reason that is neither clearly the form nor clearly the content"""
    return code in (1251, 1130) or code == 1210 and "long_data" in text


def native(password, nonce):
    if not password:
        return b""
    a = hashlib.sha1(password.encode()).digest()
    b = hashlib.sha1(nonce[:20] + hashlib.sha1(a).digest()).digest()
    return bytes(x ^ y for x, y in zip(a, b))


def prove(plugin, password, nonce):
    if plugin == "client_ed25519":
        return ed25519.sign(password.encode(), nonce[:32].ljust(32, b"\0"))
    if plugin == "mysql_clear_password":
        return password.encode() + b"\0"
    return native(password, nonce)


def packet(kind, seq, build, wrap=None):
    """the message with its header, and the field map moved behind it"""
    body = bytes(build.data)
    head = len(body).to_bytes(3, "little") + bytes([seq & 255])
    fields = [Field("length", 0, 3, "len", "little"), Field("sequence", 3, 1, "seq", "little")]
    return Message(kind, head + body, fields + shifted(build.fields, 4), "mysql", wrap)


def compressed(data, level=True):
    if level and len(data) >= 50:
        z = zlib.compress(data)
        return len(z).to_bytes(3, "little") + b"\0" + len(data).to_bytes(3, "little") + z
    return len(data).to_bytes(3, "little") + b"\0" + b"\0\0\0" + data


def outside(msg):
    """the compressed packet itself as the message to mutate"""
    data = msg.wire()
    fields = [Field("compressed.length", 0, 3, "len", "little"), Field("compressed.sequence", 3, 1, "seq", "little"),
              Field("compressed.inflated", 4, 3, "ilen", "little"), Field("compressed.payload", 7, len(data) - 7, "bin", "little")]
    return Message("Compressed", data, fields, "compressed")


def command(c, name, fill=None):
    b = Build("little").num("command", COMMANDS[name], 1, "type")
    if fill:
        fill(b)
    return packet("COM_" + name, 0, b, c.wrap())


def handshake_response(c, user, password, caps, db=None, plugin=None, attrs=None, ext=0, charset=45, kind="HandshakeResponse41"):
    b = Build("little")
    caps |= (CONNECT_WITH_DB if db is not None else 0) | (CONNECT_ATTRS if attrs is not None else 0)
    b.num("capabilities", caps, 4).num("max_packet", 1 << 24, 4).num("charset", charset, 1)
    b.bin("filler", bytes(19)).num("extended_capabilities", ext, 4).cstr("user", user)
    proof = prove(plugin or "mysql_native_password", password, c.nonce)
    b.num("auth.len", len(proof), 1, "lenenc" if caps & LENENC_AUTH else "ilen").bin("auth", proof)
    if db is not None:
        b.cstr("database", db)
    if caps & PLUGIN_AUTH:
        b.cstr("plugin", plugin or "mysql_native_password")
    if attrs is not None:
        attributes(b, attrs)
    c.caps, c.password = caps, password
    return packet(kind, c.seq, b)


def attributes(b, attrs):
    inner = Build("little")
    for k, v in attrs.items():
        inner.lstr("attr." + k, k).lstr("attr.%s.value" % k, v)
    b.lenenc("attrs.len", len(inner.data))
    b.fields += shifted(inner.fields, len(b.data))
    b.data += inner.data


def query(c, sql):
    return command(c, "QUERY", lambda b: b.text("sql", sql))


def prepare(c, sql):
    return command(c, "STMT_PREPARE", lambda b: b.text("sql", sql))


def stmt(c, name, stmt_id, *numbers):
    def fill(b):
        b.num("statement", stmt_id, 4)
        for field, value, size in numbers:
            b.num(field, value, size, "count" if field == "rows" else "int")
    return command(c, name, fill)


def value(b, name, kind, v):
    """a parameter in the binary protocol"""
    ints = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8}
    if kind in ints:
        b.num(name, v, ints[kind])
    elif kind == 4:
        b.bin(name, struct.pack("<f", v))
    elif kind == 5:
        b.bin(name, struct.pack("<d", v))
    elif kind in (7, 10, 12):
        data = encode_date(v)
        b.num(name + ".len", len(data), 1, "ilen").bin(name, data)
    elif kind == 11:
        data = struct.pack("<BIBBBI", *v) if v else b""
        data = data[:8] if v and not v[5] else data
        b.num(name + ".len", len(data), 1, "ilen").bin(name, data)
    elif kind != 6:
        b.lstr(name, v)


def date(y, m, d, hh=0, mi=0, ss=0, us=0):
    """the seven numbers and how many of them are sent (3, 6 or 7)"""
    n = 7 if us else 6 if hh or mi or ss else 3
    return (y, m, d, hh, mi, ss, us, n)


def encode_date(v):
    y, m, d, hh, mi, ss, us, n = v
    return struct.pack("<HBBBBBI", y, m, d, hh, mi, ss, us)[:{3: 4, 6: 7, 7: 11}[n]]


def execute(c, stmt_id, params, cursor=0, types=True, name="STMT_EXECUTE"):
    """params: list of (type, value); value None is NULL, Ellipsis was sent as long data"""
    def fill(b):
        b.num("statement", stmt_id, 4).num("cursor", cursor, 1).num("iterations", 1, 4, "count")
        if not params:
            return
        nulls = bytearray((len(params) + 7) // 8)
        for i, (_, v) in enumerate(params):
            if v is None:
                nulls[i // 8] |= 1 << i % 8
        b.bin("nulls", bytes(nulls)).num("new_types", int(types), 1, "int")
        if types:
            for i, (t, _) in enumerate(params):
                b.num("type%d" % i, t, 1, "int").num("type%d.flag" % i, 0, 1, "int")
        for i, (t, v) in enumerate(params):
            if v is None or v is ...:
                continue
            value(b, "p%d" % i, t, v)
    return command(c, name, fill)


def bulk_execute(c, stmt_id, types, rows, send_types=True):
    def fill(b):
        b.num("statement", stmt_id, 4).num("bulk_flags", 128 if send_types else 0, 2)
        if send_types:
            for i, t in enumerate(types):
                b.num("type%d" % i, t, 1).num("type%d.flag" % i, 0, 1)
        for r, row in enumerate(rows):
            for i, v in enumerate(row):
                b.num("r%d.c%d.indicator" % (r, i), 1 if v is None else 0, 1)
                if v is not None:
                    value(b, "r%d.c%d" % (r, i), types[i], v)
    return command(c, "STMT_BULK_EXECUTE", fill)


def change_user(c, user, password, db="judge", attrs=None):
    c.password = password

    def fill(b):
        b.cstr("user", user)
        proof = native(password, c.nonce)
        b.num("auth.len", len(proof), 1, "ilen").bin("auth", proof).cstr("database", db).num("charset", 45, 2)
        if c.caps & PLUGIN_AUTH:
            b.cstr("plugin", "mysql_native_password")
        if c.caps & CONNECT_ATTRS:
            attributes(b, attrs or {"_client_name": "judge"})
    return command(c, "CHANGE_USER", fill)


def auth_response(c, kind="AuthSwitchResponse"):
    """what the server's request to log in another way asks for"""
    name, _, nonce = (c.switch or b"").partition(b"\0")
    return packet(kind, c.seq, Build("little").bin("auth", prove(name.decode("latin-1"), c.password, nonce)))


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.pos, self.seq, self.caps, self.nonce, self.plugin = 0, 0, 0, bytes(20), ""
        self.sealed = False
        self.switch, self.password = None, ""      # an open request to log in another way
        self.replies, self.all_replies, self.logged_in, self.squeezed, self.tls = [], [], False, False, False
        self.inner, self.infile, self.stmt_id, self.compress_from, self.failed = b"", False, 1, None, False

    def greet(self):
        self.wire.read(5, self.whole, 0.0)
        self.digest()
        if self.replies and self.replies[0][:1] == b"\x0a":
            g = self.replies[0]
            v = g.index(b"\0", 1) + 1
            self.nonce = (g[v + 4:v + 12] + g[v + 31:v + 43])
        self.replies = []

    def busy(self):
        """in the middle of something that the client would not leave"""
        return not self.logged_in or self.infile or self.switch is not None

    def wrap(self):
        return compressed if self.logged_in and self.caps & COMPRESS else None

    def whole(self):
        got, p = self.wire.got, self.pos
        if self.tls or got[p:p + 2] in (b"\x16\x03", b"\x15\x03"):
            return True
        head = 7 if self.squeezed else 4
        extra = 3 if self.squeezed else 0
        while len(got) - p >= head:
            p += 4 + extra + int.from_bytes(got[p:p + 3], "little")
        return p == len(got)

    def digest(self):
        """takes the new replies in; (answered, errors)"""
        got, self.replies, errors = self.wire.got, [], []
        if self.tls or (not self.logged_in and got[self.pos:self.pos + 2] in (b"\x16\x03", b"\x15\x03")):
            self.tls = True
            fresh = got[self.pos:]
            self.pos = len(got)
            return bool(fresh), [("tls-alert", "TLS alert")] if fresh[:1] == b"\x15" else []
        while True:
            if self.squeezed:
                if len(got) - self.pos < 7:
                    break
                n, u = int.from_bytes(got[self.pos:self.pos + 3], "little"), int.from_bytes(got[self.pos + 4:self.pos + 7], "little")
                if len(got) - self.pos < 7 + n:
                    break
                part = got[self.pos + 7:self.pos + 7 + n]
                try:
                    self.inner += zlib.decompress(part) if u else part
                except zlib.error:
                    self.inner += part
                self.pos += 7 + n
                while len(self.inner) >= 4 and len(self.inner) >= 4 + int.from_bytes(self.inner[:3], "little"):
                    k = 4 + int.from_bytes(self.inner[:3], "little")
                    self.take(self.inner[:k], errors)
                    self.inner = self.inner[k:]
            else:
                if len(got) - self.pos < 4:
                    break
                k = 4 + int.from_bytes(got[self.pos:self.pos + 3], "little")
                if len(got) - self.pos < k:
                    break
                self.pos += k
                self.take(got[self.pos - k:self.pos], errors)
        self.failed = bool(errors)
        return bool(self.replies), errors

    def take(self, data, errors):
        body, seq = data[4:], data[3]
        self.replies.append(body)
        self.all_replies.append(data)
        self.seq = seq + 1 & 255
        self.infile = body[:1] == b"\xfb" and seq == 1
        self.switch = body[1:] if body.startswith((b"\xfemysql_", b"\xfeclient_")) else None
        if body[:1] == b"\xff" and len(body) >= 3:
            code = int.from_bytes(body[1:3], "little")
            if code != 0xffff:
                text = body[9:] if body[3:4] == b"#" else body[3:]
                errors.append((code, text.decode("utf-8", "replace")))
        elif not self.logged_in and body[:1] == b"\0":
            self.logged_in = True
            caps = int.from_bytes(self.wire.sent[4:8], "little")
            if caps & COMPRESS:
                self.squeezed, self.compress_from = True, len(self.wire.sent)

    def take_stmt(self):
        """the id of the statement just prepared"""
        if self.replies and self.replies[0][:1] == b"\0" and len(self.replies[0]) >= 12:
            self.stmt_id = int.from_bytes(self.replies[0][1:5], "little")
        return self.stmt_id

    def probes(self):
        if self.tls:
            return
        if self.switch is not None:
            yield [auth_response(self).wire()], lambda out: out.answered
        if self.infile:
            packets = _split(self.wire.sent, 4)[0] if self.compress_from is None else []
            seq = packets[-1][0][3] + 1 if packets else self.seq
            yield [packet("InfileEnd", max(seq, self.seq), Build("little"), self.wrap()).wire()], lambda out: out.answered
        yield [command(self, "PING").wire()], lambda out: bool(self.replies) and self.replies[-1][:1] == b"\0"

    def farewell(self):
        return [] if self.tls else [command(self, "QUIT").wire()]


def _split(data, header):
    """(whole packets as (header, payload), are bytes left over)"""
    p, out = 0, []
    while len(data) - p >= header:
        n = int.from_bytes(data[p:p + 3], "little")
        if len(data) - p < header + n:
            break
        out.append((data[p:p + header], data[p + header:p + header + n]))
        p += header + n
    return out, p != len(data)


def _received(trial):
    """how the server sees the stream of the client: (packets, unfinished)"""
    ctx, sent = trial.ctx, trial.wire.sent
    if ctx.tls:
        return [], False
    if ctx.compress_from is None:
        return _split(sent, 4)
    before, _ = _split(sent[:ctx.compress_from], 4)
    outer, short = _split(sent[ctx.compress_from:], 7)
    inner = b""
    for head, body in outer:
        try:
            inner += zlib.decompress(body) if any(head[4:7]) else body
        except zlib.error:
            break
    packets, more = _split(inner, 4)
    return before + packets, short or more


def unfinished(trial):
    return _received(trial)[1]


def orderly_end(trial):
    """the server saw COM_QUIT, or a dump to its end, whoever meant it"""
    return trial.ctx.logged_in and any(body[:1] in (b"\x01", b"\x12") for head, body in _received(trial)[0][1:])


def behind(trial, offset):
    """whether bytes were sent behind the message at this place of the stream"""
    sent = trial.wire.sent
    head = 4 if trial.ctx.compress_from is None else 7
    return len(sent) > offset + head + int.from_bytes(sent[offset:offset + 3], "little")


def streaming(trial):
    """the connection has become a stream of events: it answers no command any more"""
    packets = _received(trial)[0]
    return trial.ctx.logged_in and packets and packets[-1][1][:1] == b"\x12" and not trial.ctx.failed


# what the command always carries, with its command byte; MariaDB reads on behind a shorter one
SHORTEST = {0x0c: 5, 0x12: 11, 0x17: 10, 0x18: 7, 0x19: 5, 0x1a: 5, 0x1b: 3, 0x1c: 9}


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    packets, more = _received(trial)
    if not trial.ctx.logged_in:
        return ""
    for i, (head, body) in enumerate(packets[1:]):
        command = body[:1]
        if command == b"\x01" and (more or i + 2 < len(packets)) and head[3] == 0:
            return "bytes behind COM_QUIT, which nobody reads"
        if command == b"\x12" and (more or i + 2 < len(packets)) and trial.wire.closed:
            return "bytes behind COM_BINLOG_DUMP, which nobody reads"
        if head[3] == 0 and command and len(body) < SHORTEST.get(command[0], 0):
            return "shorter than its fixed part, which this server does not check"
        if head[3] == 0 and (command == b"\x19" and len(body) > 5 or command == b"\x01" and len(body) > 1):
            return "trailing bytes on a command without a reply"
    return ""


def server_kind(data):
    """a rough kind of a server message, to keep a varied stock"""
    return "server", data[4:5], min(len(data), 64)
