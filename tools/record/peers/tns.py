"""A small Oracle server, true enough for the thin drivers (python-oracledb, node-oracledb): a listener with its answers, the
login with a 12c verifier, a few statements, breaks. It stores nothing. What it sends is written after what those drivers read.

    tns.py ADDRESS PORT      user scott, password tiger-77

The service that a client asks for says what happens: orders (accepted), again (asked for
CONNECT once more), moved (sent to orders elsewhere), late (the same with the address in a DATA packet);
any other is refused."""
import hashlib
import os
import re
import socket
import socketserver
import struct
import sys
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CONNECT, ACCEPT, REFUSE, REDIRECT, DATA, RESEND, MARKER = 1, 2, 4, 5, 6, 11, 12
REDIRECTED = 4
USER, PASSWORD = b"SCOTT", b"tiger-77"
VERSION_NUMBER = 0x0C200100  # 12.2.0.1.0
FIELD_VERSION = 8            # of 12.2
SDU = 8192
ROW = b"x" * 250


def cbc(key, data, decrypt=False):
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16)))
    turn = cipher.decryptor() if decrypt else cipher.encryptor()
    return turn.update(data) + turn.finalize()


def ub(value):
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def text(value):
    """A value behind its length; longer ones in pieces."""
    if len(value) <= 252:
        return bytes([len(value)]) + value
    pieces = b"".join(ub(len(value[i:i + 32767])) + value[i:i + 32767] for i in range(0, len(value), 32767))
    return b"\xfe" + pieces + b"\0"


def counted(value):
    return ub(len(value)) + (text(value) if value else b"")


def pairs(items):
    return b"\x08" + ub(len(items)) + b"".join(counted(k.encode()) + counted(v) + ub(flags) for k, v, flags in items)


def error(number=0, words=b"", cursor=0, rows=0):
    body = ub(0) + ub(1) + ub(rows) + ub(number) + ub(0) + ub(0) + ub(cursor) + ub(0) + bytes(6)
    body += ub(0) + ub(0) + b"\0" + ub(0) + ub(0)               # a row's address
    body += ub(0) + b"\0\0" + ub(0) + ub(0) + ub(0)
    body += ub(0) + ub(0) + ub(0) + ub(number) + ub(rows)
    return b"\x04" + body + (text(words + b"\n") if number else b"")


STATUS = b"\x09" + ub(0) + ub(1)
NO_DATA = 1403, b"ORA-01403: no data found"
PARAMETERS = b"\x08" + ub(0) + ub(0) + ub(0) + ub(0)


def number(value):
    """Oracle's decimal form of a natural number."""
    if value == 0:
        return b"\x80"
    digits = []
    while value:
        digits.insert(0, value % 100)
        value //= 100
    exponent = 0xC0 + len(digits)
    while digits[-1] == 0:
        digits.pop()
    return bytes([exponent] + [d + 1 for d in digits])


def column(name, kind, size, form):
    body = bytes([kind, 0, 0, 0]) + ub(size) + ub(0) + ub(0) + ub(0) + ub(0) + ub(873 if form else 0) + bytes([form]) + ub(size)
    body += ub(0) + b"\1" + bytes([len(name)]) + counted(name) + ub(0) + ub(0) + ub(1) + ub(0)
    return body


def describe(columns):
    body = b"\x10\0" + ub(300) + ub(len(columns)) + b"\0" + b"".join(column(*c) for c in columns)
    return body + ub(0) + ub(0) * 4 + ub(0)


ROW_HEADER = b"\x06\0" + ub(0) + ub(0) + ub(1) + ub(0) + ub(0) + ub(0)
COLUMNS = [(b"ID", 2, 22, 0), (b"NAME", 1, 400, 1)]


def rows(first, count):
    return b"".join(b"\x07" + text(number(i + 1)) + text(b"row %d " % (i + 1) + ROW) for i in range(first, first + count))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("short")
        self.at += count
        return self.data[self.at - count:self.at]

    def u8(self):
        return self.take(1)[0]

    def ub(self):
        return int.from_bytes(self.take(self.u8() & 0x7F), "big")

    def text(self):
        length = self.u8()
        if length != 0xFE:
            return self.take(length)
        whole = b""
        while True:
            piece = self.ub()
            if not piece:
                return whole
            whole += self.take(piece)

    def pairs(self, count):
        found = {}
        for _ in range(count):
            key = self.text() if self.ub() else b""
            value = self.text() if self.ub() else b""
            self.ub()
            found[key.decode().rstrip("\0")] = value
        return found


class Left(Exception):
    pass


class Session(socketserver.BaseRequestHandler):
    large = False
    sdu = SDU

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cursors, self.verifier = {}, None

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise Left
            data += more
        return data

    def packet(self):
        head = self.exactly(8)
        length = struct.unpack(">I" if self.large else ">H", head[:4 if self.large else 2])[0]
        return head[4], head[5], self.exactly(length - 8)

    def send(self, kind, body, flags=0):
        length = struct.pack(">I", len(body) + 8) if self.large else struct.pack(">HH", len(body) + 8, 0)
        self.request.sendall(length + bytes([kind, flags, 0, 0]) + body)

    def say(self, body):
        room = self.sdu - 10
        for at in range(0, len(body), room):
            self.send(DATA, b"\0\0" + body[at:at + room])

    def hear(self):
        """One request: of several packets, unless the first is not full."""
        whole = b""
        while True:
            kind, _, body = self.packet()
            if kind == MARKER:
                return kind, body
            if struct.unpack(">H", body[:2])[0] & 0x40:
                raise Left
            whole += body[2:]
            if len(body) + 8 < self.sdu:
                return kind, whole

    # the listener

    def connect(self):
        kind, flags, body = self.packet()
        if kind != CONNECT:
            raise Left
        version = struct.unpack(">H", body[:2])[0]
        length, offset = struct.unpack(">HH", body[16:20])
        data = body[offset - 8:]
        if offset != len(body) + 8 and len(data) != length:
            raise Left
        while len(data) < length:
            data += self.packet()[2][2:]
        found = re.search(rb"\((?:SERVICE_NAME|SID)=([^)]*)\)", data, re.I)
        service = found.group(1).decode() if found else ""
        return version, data, "orders" if flags & REDIRECTED else service

    def listen(self):
        version, data, service = self.connect()
        if service == "again":
            self.send(RESEND, b"")
            version, data, service = self.connect()
            service = "orders"
        if service in ("moved", "late"):
            host, port = self.request.getsockname()[:2]
            address = b"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=%s)(PORT=%d)))" % (host.encode(), port)
            where = address + b"\0" + data.replace(service.encode(), b"orders")
            if service == "moved":
                self.send(REDIRECT, struct.pack(">H", len(where)) + where, 2)
            else:
                self.send(REDIRECT, struct.pack(">H", len(where)), 2)
                self.send(DATA, b"\0\0" + where)
            time.sleep(0.2)
            raise Left
        if service != "orders":
            code = 12508 if b"(COMMAND=" in data.upper() else 12505 if b"(SID=" in data.upper() else 12514
            words = b"(DESCRIPTION=(TMP=)(VSNNUM=%d)(ERR=%d)(ERROR_STACK=(ERROR=(CODE=%d)(EMFI=4))))" % (VERSION_NUMBER, code, code)
            self.send(REFUSE, b"\x22\0" + struct.pack(">H", len(words)) + words)
            raise Left
        self.accept(min(version, 319))

    def accept(self, version):
        body = struct.pack(">8H8x", version, 1, SDU, 32767, 1, 0, 45 if version >= 315 else 32, 0x0808)
        if version >= 315:
            body += struct.pack(">IIBI", SDU, 2097152, 0, 0)
        self.send(ACCEPT, body)
        self.large = version >= 315

    # the login

    def protocol(self):
        forms = bytes([0, 0, 0, 0, 0, 0, 0, 0, 0]) + struct.pack(">H", 2000)
        compile_time = bytearray(45)
        compile_time[4] = 0x20      # verifiers of 12c
        compile_time[7] = FIELD_VERSION
        run_time = bytearray(11)
        run_time[6] = 4
        self.say(b"\x01\x06\0x86_64/Linux 2.4.xx\0" + struct.pack("<HBH", 873, 1, 0) + struct.pack(">H", len(forms)) + forms +
                 text(bytes(compile_time)) + text(bytes(run_time)))

    def login(self, reader, code):
        has_user = reader.u8()
        reader.ub(), reader.ub(), reader.u8()
        count = reader.ub()
        reader.take(2)
        user = reader.text() if has_user else b""
        given = reader.pairs(count)
        if code == 118:
            self.challenge(user)
        else:
            self.prove(given)

    def challenge(self, user):
        salt, self.mixing, self.part = os.urandom(16), os.urandom(16), os.urandom(32)
        key = hashlib.pbkdf2_hmac("sha512", PASSWORD, salt + b"AUTH_PBKDF2_SPEEDY_KEY", 4096, 64)
        self.hash = hashlib.sha512(key + salt).digest()[:32]
        self.known = user.upper() == USER
        self.say(pairs([("AUTH_SESSKEY", cbc(self.hash, self.part).hex().upper().encode(), 0),
                        ("AUTH_VFR_DATA", salt.hex().upper().encode(), 0x4815),
                        ("AUTH_PBKDF2_CSK_SALT", self.mixing.hex().upper().encode(), 0), ("AUTH_PBKDF2_VGEN_COUNT", b"4096", 0),
                        ("AUTH_PBKDF2_SDER_COUNT", b"3", 0), ("AUTH_GLOBALLY_UNIQUE_DBID\0", os.urandom(16).hex().upper().encode(), 0)]) + error())

    def prove(self, given):
        theirs = cbc(self.hash, bytes.fromhex(given["AUTH_SESSKEY"].decode()), True)
        mixed = (theirs + self.part).hex().upper().encode()
        key = hashlib.pbkdf2_hmac("sha512", mixed, self.mixing, 3, 32)
        word = cbc(key, bytes.fromhex(given["AUTH_PASSWORD"].decode()), True)[16:]
        if not self.known or word[:-word[-1]] != PASSWORD:
            self.say(error(1017, b"ORA-01017: invalid username/password; logon denied"))
            raise Left
        answer = cbc(key, os.urandom(16) + b"SERVER_TO_CLIENT").hex().upper().encode()
        items = [("AUTH_VERSION_STRING", b"- 64bit Production", 0), ("AUTH_VERSION_SQL", b"25", 0), ("AUTH_XACTION_TRAITS", b"3", 0),
                 ("AUTH_VERSION_NO", b"%d" % VERSION_NUMBER, 0), ("AUTH_VERSION_STATUS", b"0", 0), ("AUTH_CAPABILITY_TABLE", b"", 0),
                 ("AUTH_DBNAME", b"ORDERS", 0), ("AUTH_SESSION_ID", b"61", 0), ("AUTH_SERIAL_NUM", b"41234", 0),
                 ("AUTH_INSTANCENAME", b"orders", 0), ("AUTH_SC_INSTANCE_NAME", b"orders", 0), ("AUTH_SC_SERVICE_NAME", b"orders", 0),
                 ("AUTH_SC_DBUNIQUE_NAME", b"orders", 0), ("AUTH_SC_DB_DOMAIN", b"", 0), ("AUTH_MAX_OPEN_CURSORS", b"300", 0),
                 ("AUTH_MAX_IDEN_LENGTH", b"128", 0), ("AUTH_SERVER_PID", b"2071", 0), ("AUTH_SVR_RESPONSE", answer, 0)]
        self.say(pairs(items) + error())

    # statements

    def execute(self, reader):
        reader.ub()
        cursor = reader.ub()
        fresh = reader.u8()
        length = reader.ub()
        sql = self.cursors.get(cursor, (b"", 0))[0]
        if fresh and length:
            for at in range(reader.at, len(reader.data)):
                look = Reader(reader.data[at:])
                try:
                    sql = look.text()
                except ValueError:
                    continue
                if len(sql) == length and sql[:1].isalpha():
                    break
            cursor = len(self.cursors) + 1
        words = sql.lower().split()
        if words[:1] == [b"select"]:
            self.query(sql, cursor)
        elif words[:1] == [b"begin"] and b"sleep" in sql:
            self.sleep()
        elif words[:1] and words[0] in (b"insert", b"update", b"delete", b"begin", b"create", b"alter"):
            self.say(PARAMETERS + error(cursor=cursor, rows=1))
        else:
            self.say(error(900, b"ORA-00900: invalid SQL statement"))

    def query(self, sql, cursor):
        if b"missing" in sql:
            self.say(error(942, b"ORA-00942: table or view does not exist"))
            return
        many = re.search(rb"rownum <= (\d+)", sql)
        count = int(many.group(1)) if many else 1
        sent = min(count, 2)
        self.cursors[cursor] = (sql, count - sent)
        end = NO_DATA if sent == count else (0, b"")
        self.say(describe(COLUMNS) + ROW_HEADER + rows(0, sent) + PARAMETERS + error(*end, cursor=cursor, rows=sent))

    def fetch(self, reader):
        cursor, wanted = reader.ub(), reader.ub()
        sql, left = self.cursors.get(cursor, (b"", 0))
        sent = min(left, wanted)
        self.cursors[cursor] = (sql, left - sent)
        end = NO_DATA if sent == left else (0, b"")
        self.say(ROW_HEADER + rows(2, sent) + error(*end, cursor=cursor, rows=sent))

    def sleep(self):
        """Until the client breaks off and resets."""
        kind = None
        while kind != 2:
            packet, body = self.hear()
            if packet != MARKER:
                raise Left
            kind = body[2]
            if kind != 2:
                self.send(MARKER, b"\1\0\1")
        self.send(MARKER, b"\1\0\2")
        self.say(error(1013, b"ORA-01013: user requested cancel of current operation"))

    def call(self, reader):
        code = reader.u8()
        reader.u8()
        if code in (115, 118):
            self.login(reader, code)
        elif code == 94:
            self.execute(reader)
        elif code in (4, 78):
            cursor = reader.ub()
            self.query(self.cursors[cursor][0], cursor) if cursor in self.cursors else self.say(error(rows=1))
        elif code == 5:
            self.fetch(reader)
        else:
            self.say(STATUS)

    def handle(self):
        try:
            self.listen()
            while True:
                kind, data = self.hear()
                if kind == MARKER:
                    self.send(MARKER, b"\1\0\2")
                    continue
                reader = Reader(data)
                first = reader.u8()
                while first == 17:  # something on the way: cursors to close
                    reader.take(2)
                    reader.u8()
                    for _ in range(reader.ub()):
                        reader.ub()
                    first = reader.u8()
                if first == 1:
                    self.protocol()
                elif first == 2:
                    self.say(b"\x02\0\0")
                else:
                    self.call(reader)
        except (Left, ConnectionError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Session).serve_forever()
