#!/usr/bin/env python3
"""A small server of TDS 7.0 to 7.4, 8.0 and, for the login alone, 5.0, written after [MS-TDS]: real clients talk to it when a story
is recorded. It answers a few texts (see `answer`) as SQL Server would lay out the answers, and knows no SQL.

usage: tds.py PORT MODE [CERTIFICATE KEY]

MODE: plain (no encryption), login (only the login is encrypted unless the client wants more), all (required), strict (TLS first)
"""
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

from tds_mix import Mix

BATCH, OLD_LOGIN, RPC, RESPONSE, ATTENTION, BULK, TRANSACTION, LOGIN7, PRELOGIN = 1, 2, 3, 4, 6, 7, 14, 16, 18
OFF, ON, NOT_SUP, REQUIRED = 0, 1, 2, 3
COLLATION = bytes.fromhex("0904d00034")
PASSWORDS = {"sa": "sa-word", "app": "app-word"}


def u(text):
    return text.encode("utf-16-le")


def b_text(text):
    return bytes([len(text)]) + u(text)


def us_text(text):
    return struct.pack("<H", len(text)) + u(text)


class Closed(Exception):
    pass


class Wire:
    """Bytes of a socket, or of TLS inside PRELOGIN packets, or of raw TLS."""

    def __init__(self, sock):
        self.sock, self.tls, self.wrapped, self.incoming, self.outgoing = sock, None, False, None, None
        self.clear_after_login = False

    def read_exact(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise Closed
            data += part
        return data

    def read(self, n):
        if not self.tls:
            return self.read_exact(n)
        data = b""
        while len(data) < n:
            try:
                data += self.tls.read(n - len(data))
            except ssl.SSLWantReadError:
                part = self.sock.recv(65536)
                if not part:
                    raise Closed
                self.incoming.write(part)
        return data

    def write(self, data):
        if self.tls:
            self.tls.write(data)
            data = self.outgoing.read()
        self.sock.sendall(data)

    def start(self, context):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return context.wrap_bio(self.incoming, self.outgoing, server_side=True)


class Session:
    def __init__(self, sock, mode, context, number):
        self.wire, self.mode, self.context, self.spid = Wire(sock), mode, context, number
        self.size, self.level, self.version = 4096, 74, bytes([7, 4, 0, 4])
        self.handles, self.transaction, self.prepared = 0, 0, ""
        self.mars, self.sessions, self.current = False, {}, None
        self.allow_user_types = True

    # ---- packets

    def receive(self):
        body, kind = b"", None
        while True:
            kind, status, length, _, _, _ = struct.unpack(">BBHHBB", self.wire.read(8))
            body += self.wire.read(length - 8)
            if status & 1:
                return kind, status, body

    def send(self, body, kind=RESPONSE):
        room = self.size - 8
        parts = [body[i:i + room] for i in range(0, len(body), room)] or [b""]
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            packet = struct.pack(">BBHHBB", kind, int(last), len(part) + 8, self.spid if kind == RESPONSE else 0, (i + 1) & 255, 0) + part
            self.wire.write(self.in_session(packet))

    # ---- sessions that share the connection ([MC-SMP])

    def in_session(self, packet):
        if self.current is None:
            return packet
        session = self.sessions[self.current]
        while session["sent"] == session["window"]:
            self.take_session_packet(queue=True)
        session["sent"] += 1
        return self.session_header(8, self.current, 16 + len(packet)) + packet

    def session_header(self, flags, number, length=16):
        session = self.sessions[number]
        return struct.pack("<BBHIII", 0x53, flags, number, length, session["sent"], session["received"] + 4)

    def take_session_packet(self, queue=False):
        _, flags, number, length, sequence, window = struct.unpack("<BBHIII", self.wire.read(16))
        data = self.wire.read(length - 16)
        if flags == 1:
            self.sessions[number] = {"sent": 0, "received": 0, "window": window, "body": b"", "due": []}
            return
        session = self.sessions[number]
        session["window"] = window
        if flags == 4:
            self.wire.write(self.session_header(4, number))
        if flags == 8:
            session["received"] = sequence
            session["body"] += data[8:]
            if data[1] & 1:
                session["due"].append((data[0], session["body"]))
                session["body"] = b""
        if not queue:
            for number in list(self.sessions):
                while self.sessions[number]["due"]:
                    self.current = number
                    self.request(*self.sessions[number]["due"].pop(0))
                    self.current = None

    # ---- login

    def run(self):
        if self.mode == "strict":
            tls = self.wire.start(self.context)
            self.handshake(tls, raw=True)
            self.wire.tls = tls
        kind, _, body = self.receive()
        if kind == PRELOGIN:
            self.prelogin(body)
            kind, _, body = self.receive()
        if kind == OLD_LOGIN:
            self.old_login(body)
            return
        if self.wire.clear_after_login:
            self.wire.tls = None
        if kind != LOGIN7 or not self.login(body):
            return
        while self.mars:
            self.take_session_packet()
        while True:
            kind, status, body = self.receive()
            if status & 2 == 0:
                self.request(kind, body)

    def prelogin(self, body):
        asked, at = OFF, 0
        while body[at] != 255:
            option, offset, length = struct.unpack_from(">BHH", body, at)
            if option == 1:
                asked = body[offset] & 0x7f
            if option == 4 and length:
                self.mars = body[offset] == 1
            at += 5
        if self.mode in ("plain", "strict"):
            answer = NOT_SUP
        elif self.mode == "all":
            answer = ON if asked in (ON, REQUIRED) else REQUIRED
        else:
            answer = asked if asked in (OFF, ON) else NOT_SUP
        values = [(0, bytes([16, 0, 4, 85, 0, 0])), (1, bytes([answer])), (2, b"\0"), (3, b""), (4, bytes([self.mars]))]
        offset, table, data = 5 * len(values) + 1, b"", b""
        for option, value in values:
            table += struct.pack(">BHH", option, offset + len(data), len(value))
            data += value
        self.send(table + b"\xff" + data)
        if answer != NOT_SUP:
            tls = self.wire.start(self.context)
            self.handshake(tls)
            self.wire.tls = tls
            self.wire.clear_after_login = answer == OFF

    def handshake(self, tls, raw=False):
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            else:
                self.flush(raw)
                return
            self.flush(raw)
            if raw:
                part = self.wire.sock.recv(65536)
                if not part:
                    raise Closed
                self.wire.incoming.write(part)
            else:
                self.wire.incoming.write(self.receive()[2])

    def flush(self, raw):
        data = self.wire.outgoing.read()
        if data and raw:
            self.wire.sock.sendall(data)
        elif data:
            self.send(data, PRELOGIN)

    def old_login(self, body):
        user = body[31:31 + body[61]].decode("latin-1")
        ack = b"\x05\x05\0\0\0\x03sql" + bytes([15, 0, 0, 0])
        if PASSWORDS.get(user) is None:
            ack = b"\x06" + ack[1:]
        self.send(b"\xad" + struct.pack("<H", len(ack)) + ack + b"\xfd" + struct.pack("<HHI", 0, 0, 0))
        while True:
            self.receive()
            self.send(b"\xfd" + struct.pack("<HHI", 0, 0, 0))

    def login(self, body):
        version, wish = struct.unpack_from("<II", body, 4)

        def text(at):
            start, count = struct.unpack_from("<HH", body, at)
            return body[start:start + 2 * count]
        user, database = text(40).decode("utf-16-le"), text(68).decode("utf-16-le") or "master"
        password = bytes(((x ^ 0xa5) >> 4 | (x ^ 0xa5) << 4) & 255 for x in text(44)).decode("utf-16-le")
        self.level = {0x70: 70, 0x71: 71, 0x72: 72, 0x73: 73, 0x74: 74, 0x08: 80}.get(version >> 24, 74)
        self.version = {70: b"\x07\0\0\0", 71: b"\x71\0\0\1", 72: b"\x72\x09\0\2", 73: b"\x73\x0b\0\3", 74: b"\x74\0\0\4", 80: b"\x08\0\0\0"}[self.level]
        if PASSWORDS.get(user) != password:
            self.send(self.error(18456, 1, 14, "Login failed for user '%s'." % user) + self.done(2))
            return False
        size = wish if 512 <= wish <= 32767 else 4096
        reply = self.env(1, database, "master") + self.info(5701, 2, "Changed database context to '%s'." % database)
        reply += b"\xe3" + struct.pack("<HBB", 8, 7, 5) + COLLATION + b"\0"
        reply += self.env(2, "us_english", "") + self.info(5703, 1, "Changed language setting to us_english.")
        ack = b"\x01" + self.version + b_text("Microsoft SQL Server") + bytes([16, 0, 4, 85])
        reply += b"\xad" + struct.pack("<H", len(ack)) + ack + self.env(4, str(size), "4096")
        if self.level >= 74 and body[27] & 0x10:
            reply += self.features(body)
        self.send(reply + self.done(0))
        self.size = size
        return True

    def features(self, body):
        at = struct.unpack_from("<I", body, struct.unpack_from("<H", body, 56)[0])[0]
        acks = b""
        while body[at] != 255:
            feature, length = struct.unpack_from("<BI", body, at)
            if feature == 10:
                acks += struct.pack("<BIB", 10, 1, 1)
            at += 5 + length
        return b"\xae" + acks + b"\xff" if acks else b""

    # ---- tokens

    def done(self, status, rows=0, token=0xfd, command=0xc1):
        return struct.pack("<BHHQ" if self.level >= 72 else "<BHHI", token, status, command, rows)

    def message(self, token, number, state, kind, text):
        line = struct.pack("<I" if self.level >= 72 else "<H", 1)
        body = struct.pack("<IBB", number, state, kind) + us_text(text) + b_text("SHOP") + b_text("") + line
        return struct.pack("<BH", token, len(body)) + body

    def error(self, number, state, kind, text):
        return self.message(0xaa, number, state, kind, text)

    def info(self, number, state, text):
        return self.message(0xab, number, state, 0, text)

    def env(self, kind, new, old):
        body = bytes([kind]) + b_text(new) + b_text(old)
        return struct.pack("<BH", 0xe3, len(body)) + body

    def columns(self, columns, chance=None):
        out = struct.pack("<BH", 0x81, len(columns))
        for name, info in columns:
            flags = 9 if not chance else chance.choice((0, 1, 8, 9, 0x11))
            out += struct.pack("<IH" if self.level >= 72 else "<HH", 0, flags) + info
            if info[0] in (0x22, 0x23, 0x63):
                parts = ["pages"] if not chance or self.level < 72 else ["shop", "dbo", "pages"][-chance.randrange(1, 4):]
                out += (bytes([len(parts)]) if self.level >= 72 else b"") + b"".join(us_text(part) for part in parts)
            out += b_text(name)
        return out

    def collation(self):
        return b"" if self.level == 70 else COLLATION

    def nvarchar(self, n):
        return b"\xe7" + struct.pack("<H", n) + self.collation()

    def wide(self, text):
        return b"\xff\xff" if text is None else struct.pack("<H", 2 * len(text)) + u(text)

    def plp(self, data):
        if data is None:
            return b"\xff" * 8
        chunks = b"".join(struct.pack("<I", len(data[i:i + 4000])) + data[i:i + 4000] for i in range(0, len(data), 4000))
        return struct.pack("<Q", len(data)) + chunks + b"\0\0\0\0"

    def text(self, data):
        return b"\0" if data is None else b"\x10" + bytes(range(16)) + bytes(8) + struct.pack("<I", len(data)) + data

    # ---- what it answers

    def rows_of(self, count):
        out = self.columns([("id", b"\x38"), ("name", self.nvarchar(100)), ("amount", b"\x6a\x09\x12\x02")])
        for i in range(count):
            amount = b"\0" if i % 7 == 3 else b"\x09\x01" + struct.pack("<Q", i * 1999)
            out += b"\xd1" + struct.pack("<i", i) + self.wide(None if i % 5 == 4 else "customer %d" % i) + amount
        return out

    def types(self):
        """One column of each kind that this level has."""
        c = self.collation()
        columns = [("bit", b"\x32", b"\1"), ("tinyint", b"\x30", b"\7"), ("smallint", b"\x34", b"\1\2"), ("int", b"\x26\x04", b"\x04\1\0\0\0"),
                   ("float", b"\x6d\x08", b"\x08" + struct.pack("<d", 1.5)), ("money", b"\x3c", bytes(8)), ("datetime", b"\x6f\x08", b"\0"),
                   ("guid", b"\x24\x10", b"\x10" + bytes(range(16))), ("varchar", b"\xa7\x1e\0" + c, b"\x05\0hello"),
                   ("varbinary", b"\xa5\x08\0", b"\xff\xff"), ("nchar", b"\xef\x04\0" + c, b"\x04\0" + u("ab")),
                   ("text", b"\x23\xff\xff\xff\x7f" + c, self.text(b"a text")), ("image", b"\x22\xff\xff\xff\x7f", self.text(None))]
        if self.level >= 72:
            columns += [("varchar(max)", b"\xa7\xff\xff" + c, self.plp(b"x" * 9000)), ("xml", b"\xf1\0", self.plp(u("<a/>"))),
                        ("nvarchar(max)", b"\xe7\xff\xff" + c, self.plp(None)),
                        ("sql_variant", b"\x62\x49\x1f\0\0", struct.pack("<I", 6) + b"\x38\0" + struct.pack("<i", 5))]
        if self.level >= 73:
            columns += [("date", b"\x28", b"\3\1\2\3"), ("time", b"\x29\7", b"\5\1\2\3\4\5"), ("datetime2", b"\x2a\3", b"\7\1\2\3\4\5\6\7"),
                        ("datetimeoffset", b"\x2b\0", b"\0")]
        out = self.columns([(name, info) for name, info, _ in columns])
        return out + b"\xd1" + b"".join(value for _, _, value in columns)

    def sparse(self):
        """NBCROW: columns that are NULL are in a bitmap alone."""
        out = self.columns([("c%d" % i, b"\x26\x04") for i in range(20)])
        for row in range(30):
            bits = [(i + row) % 3 != 0 for i in range(20)]
            bitmap = bytes(sum(1 << k for k in range(8) if i * 8 + k < 20 and bits[i * 8 + k]) for i in range(3))
            out += b"\xd2" + bitmap + b"".join(b"\x04" + struct.pack("<i", row) for i in range(20) if not bits[i])
        return out

    def answer(self, text, inside=False):
        """The tokens for a SQL text."""
        done = 0xff if inside else 0xfd
        mix = re.search(r"mix (\d+)", text)
        if mix:
            return Mix(self, int(mix.group(1))).answer(inside)
        few = re.search(r"rows (\d+)", text)
        if few:
            n = int(few.group(1))
            return self.rows_of(n) + self.done(0x10, n, done)
        if "types" in text:
            return self.types() + self.done(0x10, 1, done)
        if "sparse" in text and self.level >= 73:
            return self.sparse() + self.done(0x10, 30, done)
        if "nosuch" in text:
            return self.error(208, 1, 16, "Invalid object name 'nosuch'.") + self.done(2, 0, done)
        if "print" in text.lower():
            return self.info(0, 1, "printed") + self.done(0, 0, done)
        if "two results" in text:
            return self.rows_of(2) + self.done(0x11, 2, done) + self.rows_of(3) + self.done(0x10, 3, done)
        if "use other" in text:
            return self.env(1, "other", "master") + self.info(5701, 1, "Changed database context to 'other'.") + self.done(0, 0, done)
        if "fmtonly on" in text.lower():
            return self.done(1, 0, done) + self.rows_of(0) + self.done(0x11, 0, done) + self.done(0, 0, done)
        if re.search(r"select @@identity|select 1|select \* from", text, re.I):
            return self.rows_of(1) + self.done(0x10, 1, done)
        if re.match(r"\s*(insert|update|delete)", text, re.I) and "bulk" not in text.lower():
            return self.done(0x10, 3, done, 0xc3)
        return self.done(0, 0, done, 0xfd)

    def request(self, kind, body):
        if kind == ATTENTION:
            self.send(self.done(0x20))
        elif kind == BATCH:
            head = struct.unpack_from("<I", body)[0] if self.level >= 72 else 0
            self.batch(body[head:].decode("utf-16-le", "replace"))
        elif kind == RPC:
            self.call(body)
        elif kind == BULK:
            self.send(self.done(0x10, max(1, body.count(b"\xd1")), command=0xf0))
        elif kind == TRANSACTION:
            self.manage(body)

    def batch(self, text):
        if "waitfor" in text.lower():
            self.wait_for_attention()
        else:
            self.send(self.answer(text))

    def wait_for_attention(self):
        """Rows under way, an attention, and the end that acknowledges it."""
        room = self.size - 8
        count = max(300, room // 20)
        whole = self.rows_of(count)
        self.wire.write(struct.pack(">BBHHBB", RESPONSE, 0, room + 8, self.spid, 1, 0) + whole[:room])
        kind, _, _ = self.receive()
        assert kind == ATTENTION
        # the row that is cut is finished before the stream ends
        end = self.rows_of(0)
        at = len(end)
        for i in range(count):
            amount = 1 if i % 7 == 3 else 10
            at += 5 + (2 if i % 5 == 4 else 2 + 2 * len("customer %d" % i)) + amount
            if at >= room:
                break
        rest = whole[room:at] + self.done(0x20)
        self.wire.write(struct.pack(">BBHHBB", RESPONSE, 1, len(rest) + 8, self.spid, 2, 0) + rest)

    def call(self, body):
        at = struct.unpack_from("<I", body)[0] if self.level >= 72 else 0
        count = struct.unpack_from("<H", body, at)[0]
        if count == 0xffff:
            procedure = struct.unpack_from("<H", body, at + 2)[0]
        else:
            name = body[at + 2:at + 2 + 2 * count].decode("utf-16-le").lower()
            procedure = {"sp_executesql": 10, "sp_prepare": 11, "sp_execute": 12, "sp_prepexec": 13, "sp_unprepare": 15}.get(name, 0)
        text = body.decode("utf-16-le", "replace") + body[1:].decode("utf-16-le", "replace")
        if procedure in (11, 13):
            self.prepared = text
        out = b"" if procedure in (11, 15) else self.answer(self.prepared if procedure == 12 else text, inside=True)
        out += b"\x79" + struct.pack("<i", 0)
        if procedure in (5, 11, 13):
            self.handles += 1
            wide = struct.pack("<I", 0) if self.level >= 72 else struct.pack("<H", 0)
            out += b"\xac" + struct.pack("<H", 0) + b_text("@handle") + b"\x01" + wide + struct.pack("<H", 0) + b"\x26\x04\x04" + \
                struct.pack("<i", self.handles)
        self.send(out + self.done(0, 0, 0xfe, 0xe0))

    def manage(self, body):
        kind = struct.unpack_from("<H", body, struct.unpack_from("<I", body)[0])[0]
        self.transaction += 1
        number = struct.pack("<Q", self.transaction)
        if kind == 5:
            env = b"\x08\x08" + number + b"\0"
        else:
            env = bytes([9 if kind == 7 else 10]) + b"\0\x08" + number
        self.send(b"\xe3" + struct.pack("<H", len(env)) + env + self.done(0))


def serve(sock, mode, context, number):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Session(sock, mode, context, number).run()
    except (Closed, ConnectionError, ssl.SSLError) as why:
        print("session %d: %r" % (number, why), flush=True)
    finally:
        try:
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(1)
            while sock.recv(4096):
                pass
        except OSError:
            pass
        sock.close()


def main():
    port, mode = int(sys.argv[1]), sys.argv[2]
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        if os.environ.get("SSLKEYLOGFILE"):
            context.keylog_filename = os.environ["SSLKEYLOGFILE"]
        if mode == "strict":
            context.set_alpn_protocols(["tds/8.0"])
        else:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    number = 50
    while True:
        sock, _ = listener.accept()
        number += 1
        threading.Thread(target=serve, args=(sock, mode, context, number), daemon=True).start()


if __name__ == "__main__":
    main()
