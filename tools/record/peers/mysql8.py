#!/usr/bin/env python3
"""A small server with the habits of MySQL 8 that MariaDB lacks, written after MySQL's description of its protocol: caching_sha2_password
(full with the server's public key, then fast), query attributes, OK instead of EOF, session tracking, several statements, zlib and zstd,
cursors, COM_RESET_CONNECTION, results without metadata. It knows no SQL: real drivers get answers that fit what they ask.

usage: mysql8.py ADDRESS PORT
"""
import hashlib
import os
import re
import socket
import socketserver
import struct
import sys
import zlib

import zstandard
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

USER, PASSWORD = "app", b"app-word"
CONNECT_WITH_DB, COMPRESS, PROTOCOL_41, MULTI, ATTRIBUTES, LENENC_AUTH, TRACK, NO_EOF, OPTIONAL, ZSTD, QUERY_ATTRIBUTES = (
    1 << n for n in (3, 5, 9, 16, 20, 21, 23, 24, 25, 26, 27))
OFFER = 0x0000FFFF & ~(1 << 11) & ~(1 << 4) | 0x07 << 16 | 1 << 19 | ATTRIBUTES | LENENC_AUTH | 1 << 22 | TRACK | NO_EOF | OPTIONAL | ZSTD | QUERY_ATTRIBUTES
AUTOCOMMIT, MORE, CURSOR, LAST, STATE = 2, 8, 0x40, 0x80, 0x4000
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
KNOWN = set()       # who has logged in the long way: the cache that the plugin is named for
VARIABLES = {"auto_increment_increment": "1", "character_set_client": "utf8mb4", "character_set_connection": "utf8mb4", "character_set_results": "utf8mb4",
             "character_set_server": "utf8mb4", "collation_server": "utf8mb4_0900_ai_ci", "collation_connection": "utf8mb4_0900_ai_ci", "init_connect": "",
             "interactive_timeout": "28800", "license": "GPL", "lower_case_table_names": "0", "max_allowed_packet": "67108864", "net_write_timeout": "60",
             "performance_schema": "1", "sql_mode": "STRICT_TRANS_TABLES", "system_time_zone": "UTC", "time_zone": "SYSTEM",
             "transaction_isolation": "REPEATABLE-READ", "transaction_read_only": "0", "wait_timeout": "28800", "version_comment": "small server", "version": "8.0.36"}
TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG, DATE, TIME, DATETIME, YEAR, JSON, DECIMAL, BLOB, VAR_STRING = 1, 2, 3, 4, 5, 8, 10, 11, 12, 13, 245, 246, 252, 253
ALL = ((TINY, "7"), (SHORT, "-300"), (LONG, "70000"), (FLOAT, "1.5"), (DOUBLE, "2.25"), (LONGLONG, "-9000000000"), (DATE, "2024-02-29"), (TIME, "-12:30:15"),
       (DATETIME, "2024-02-29 01:02:03"), (YEAR, "1999"), (JSON, '{"a": 1}'), (DECIMAL, "3.14"), (BLOB, "bytes"), (VAR_STRING, "Möwe"))


class Left(Exception):
    pass


def lenenc(n):
    return bytes([n]) if n < 251 else b"\xfc" + struct.pack("<H", n) if n < 65536 else b"\xfd" + struct.pack("<I", n)[:3]


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return lenenc(len(value)) + value


def number_at(data, p):
    first = data[p]
    size = {0xfc: 2, 0xfd: 3, 0xfe: 8}.get(first)
    return (first, p + 1) if size is None else (int.from_bytes(data[p + 1:p + 1 + size], "little"), p + 1 + size)


def binary(kind, value):
    if kind in (TINY, SHORT, LONG, LONGLONG, YEAR):
        return struct.pack({TINY: "<b", SHORT: "<h", LONG: "<i", LONGLONG: "<q", YEAR: "<h"}[kind], int(value))
    if kind in (FLOAT, DOUBLE):
        return struct.pack("<f" if kind == FLOAT else "<d", float(value))
    if kind in (DATE, DATETIME):
        parts = [int(x) for x in re.split("[- :]", value)]
        return bytes([4 if kind == DATE else 7]) + struct.pack("<H", parts[0]) + bytes(parts[1:])
    if kind == TIME:
        parts = [int(x) for x in value.strip("-").split(":")]
        return b"\x08" + bytes([value[0] == "-"]) + bytes(4) + bytes(parts)
    return text(value)


def kinds_of(words):
    """one driver cannot read a binary YEAR"""
    return [k for k in ALL if k[0] != YEAR or "rows" in words]


class Session(socketserver.BaseRequestHandler):
    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sequence, self.packed, self.packed_sequence, self.ahead, self.nonce = 0, None, 0, b"", b""
        self.statements, self.cursors, self.out, self.database, self.metadata = {}, {}, [], "", True

    # ---- packets

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise Left
            data += more
        return data

    def inner(self, count):
        if not self.packed:
            return self.exactly(count)
        while len(self.ahead) < count:
            head = self.exactly(7)
            self.packed_sequence = head[3] + 1
            data, size = self.exactly(int.from_bytes(head[:3], "little")), int.from_bytes(head[4:], "little")
            self.ahead += data if not size else zlib.decompress(data) if self.packed == "zlib" else zstandard.ZstdDecompressor().decompress(data)
        data, self.ahead = self.ahead[:count], self.ahead[count:]
        return data

    def hear(self):
        whole = b""
        while True:
            head = self.inner(4)
            size, self.sequence = int.from_bytes(head[:3], "little"), head[3] + 1
            whole += self.inner(size)
            if size < 0xffffff:
                return whole

    def say(self, body):
        self.out.append(struct.pack("<I", len(body))[:3] + bytes([self.sequence & 255]) + body)
        self.sequence += 1

    def flush(self):
        data, self.out = b"".join(self.out), []
        if not self.packed:
            self.request.sendall(data)
            return
        for at in range(0, len(data), 1 << 20):
            part = data[at:at + (1 << 20)]
            small = part if len(part) < 50 else zlib.compress(part) if self.packed == "zlib" else zstandard.ZstdCompressor(level=3).compress(part)
            self.request.sendall(struct.pack("<I", len(small))[:3] + bytes([self.packed_sequence & 255]) + struct.pack("<I", 0 if len(part) < 50 else len(part))[:3] + small)
            self.packed_sequence += 1

    def ok(self, status=AUTOCOMMIT, rows=0, track=None, header=0, info=""):
        body = bytes([header]) + lenenc(rows) + b"\0"
        if self.can(TRACK):
            changes = b"".join(bytes([kind]) + text(data) for kind, data in track or [])
            body += struct.pack("<HH", status | (STATE if changes else 0), 0) + (text(info) if info or changes else b"") + (text(changes) if changes else b"")
        else:
            body += struct.pack("<HH", status, 0) + (text(info) if info else b"")
        self.say(body)

    def end_of_rows(self, status):
        if self.can(NO_EOF):
            self.ok(status, header=0xfe)
        else:
            self.say(struct.pack("<BHH", 0xfe, 0, status))

    def error(self, code, state, words):
        self.say(struct.pack("<BH", 0xff, code) + b"#" + state.encode() + words.encode())

    def can(self, flag):
        return self.flags & flag

    # ---- the login

    def greet(self):
        self.nonce = bytes(x % 94 + 33 for x in os.urandom(20))
        self.say(b"\x0a8.0.36\0" + struct.pack("<I", 11) + self.nonce[:8] + b"\0" + struct.pack("<H", OFFER & 0xffff) + b"\xff" + struct.pack("<H", AUTOCOMMIT) +
                 struct.pack("<H", OFFER >> 16) + b"\x15" + bytes(10) + self.nonce[8:] + b"\0" + b"caching_sha2_password\0")
        self.flush()
        data = self.hear()
        self.flags = struct.unpack("<I", data[:4])[0] & OFFER
        end = data.index(b"\0", 32)
        user, p = data[32:end].decode(), end + 1
        size, p = number_at(data, p) if self.can(LENENC_AUTH) else (data[p], p + 1)
        proof, p = data[p:p + size], p + size
        if self.can(CONNECT_WITH_DB):
            end = data.index(b"\0", p)
            self.database, p = data[p:end].decode(), end + 1
        plugin = data[p:].split(b"\0")[0].decode()
        if not self.check(user, proof, plugin):
            raise Left
        if self.can(COMPRESS):
            self.packed = "zlib"
        elif self.can(ZSTD):
            self.packed = "zstd"

    def check(self, user, proof, plugin):
        if plugin != "caching_sha2_password":
            self.say(b"\xfecaching_sha2_password\0" + self.nonce + b"\0")
            self.flush()
            proof = self.hear()
        once = hashlib.sha256(PASSWORD).digest()
        wanted = bytes(a ^ b for a, b in zip(once, hashlib.sha256(hashlib.sha256(once).digest() + self.nonce).digest()))
        good = False
        if user in KNOWN and proof:
            good = proof == wanted
            if good:
                self.say(b"\x01\x03")
        elif proof:
            self.say(b"\x01\x04")
            self.flush()
            data = self.hear()
            if data == b"\x02":
                self.say(b"\x01" + PEM)
                self.flush()
                data = self.hear()
            try:
                plain = KEY.decrypt(data, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
                plain = bytes(c ^ self.nonce[i % 20] for i, c in enumerate(plain))
            except ValueError:
                plain = b""
            good = user == USER and plain == PASSWORD + b"\0"
        if not good:
            self.error(1045, "28000", "Access denied for user '%s'@'client' (using password: %s)" % (user, "YES" if proof else "NO"))
            self.flush()
            return False
        KNOWN.add(user)
        self.ok(track=[(1, text(self.database))] if self.database else None)
        self.flush()
        return True

    # ---- results

    def column(self, name, kind):
        return b"".join(map(text, ("def", "shop", "t", "t", name, name))) + b"\x0c" + struct.pack("<HIBHBH", 63 if kind not in (VAR_STRING, JSON) else 255, 255, kind, 0, 31 if kind in (FLOAT, DOUBLE) else 0, 0)

    def columns(self, columns):
        self.say((b"\1" if self.can(OPTIONAL) else b"") + lenenc(len(columns)))
        for name, kind in columns:
            self.say(self.column(name, kind))

    def row(self, columns, values, as_binary):
        if not as_binary:
            return b"".join(b"\xfb" if v is None else text(v) for v in values)
        nulls = bytearray((len(values) + 9) // 8)
        for i, v in enumerate(values):
            if v is None:
                nulls[(i + 2) // 8] |= 1 << (i + 2) % 8
        return b"\0" + bytes(nulls) + b"".join(binary(k, v) for (_, k), v in zip(columns, values) if v is not None)

    def result(self, columns, rows, status=AUTOCOMMIT, as_binary=False, cursor=None):
        self.columns(columns)
        if cursor is not None:
            self.cursors[cursor] = (columns, rows)
            self.end_of_rows(status | CURSOR) if not self.can(NO_EOF) else self.ok(status | CURSOR, header=0xfe)
            return
        if not self.can(NO_EOF):
            self.end_of_rows(status)
        for values in rows:
            self.say(self.row(columns, values, as_binary))
        self.end_of_rows(status)

    def answer(self, sql, status=AUTOCOMMIT, as_binary=False, cursor=None):
        words = re.sub(r"/\*.*?\*/", "", sql, flags=re.S).strip().lower()
        asked = re.findall(r"@@(?:session\.|global\.)?(\w+)(?:\s+as\s+(\w+))?", words)
        many = re.search(r"(rows|some) (\d+)", words)
        if words.startswith("select") and asked:
            self.result([(b or a, VAR_STRING) for a, b in asked], [[VARIABLES.get(a, "0") for a, _ in asked]], status, as_binary)
        elif many:
            kinds = kinds_of(words)
            columns = [("c%d" % i, kind) for i, (kind, _) in enumerate(kinds)]
            rows = [[None if (row + i) % 6 == 5 else value for i, (_, value) in enumerate(kinds)] for row in range(int(many.group(2)))]
            self.result(columns, rows, status, as_binary, cursor)
        elif words.startswith("select wide"):
            self.result([("wide", BLOB)], [["x" * 100000]], status, as_binary)
        elif "nosuch" in words or words.startswith("selec "):
            self.error(1146, "42S02", "Table 'shop.nosuch' doesn't exist")
            return False
        elif words.startswith(("show warnings", "show")):
            self.result([("Level", VAR_STRING), ("Code", LONG), ("Message", VAR_STRING)], [], status, as_binary)
        elif words.startswith("use "):
            self.database = words[4:].strip("` ;")
            self.ok(status, track=[(1, text(self.database))])
        elif words.startswith("set "):
            self.ok(status, track=[(0, text("autocommit") + text("ON")), (0, text("time_zone") + text("SYSTEM"))])
        elif words.startswith(("begin", "start", "commit", "rollback")):
            self.ok(status, track=[(5, text("T_______")), (4, text("START TRANSACTION;"))])
        elif words.startswith(("select", "(select", "values")):
            self.result([("1", LONGLONG)], [["1"]], status, as_binary)
        else:
            self.ok(status, rows=1, info="Rows matched: 1")
        return True

    def query(self, data):
        if self.can(QUERY_ATTRIBUTES):
            count, p = number_at(data, 0)
            _, p = number_at(data, p)
            if count:
                p += (count + 7) // 8 + 1
                kinds = []
                for _ in range(count):
                    kinds.append(data[p])
                    size, p = number_at(data, p + 2)
                    p += size
                for kind in kinds:      # what the small stories bind: numbers and texts
                    if kind == LONGLONG:
                        p += 8
                    elif kind in (LONG, SHORT, TINY):
                        p += {LONG: 4, SHORT: 2, TINY: 1}[kind]
                    elif kind == DOUBLE:
                        p += 8
                    elif kind != 6:
                        size, p = number_at(data, p)
                        p += size
            data = data[p:]
        parts = [x for x in data.decode("utf-8", "replace").split(";") if x.strip()] or [""]
        for i, sql in enumerate(parts):
            if not self.answer(sql, AUTOCOMMIT | (MORE if i < len(parts) - 1 else 0)):
                return

    # ---- statements

    def prepare(self, sql):
        if "nosuch" in sql:
            self.error(1146, "42S02", "Table 'shop.nosuch' doesn't exist")
            return
        number, places = len(self.statements) + 1, sql.count("?")
        many = re.search(r"(rows|some) \d", sql.lower())
        columns = [("c%d" % i, kind) for i, (kind, _) in enumerate(kinds_of(sql.lower()))] if many else [("1", LONGLONG)] if sql.lower().startswith("select") else []
        self.statements[number] = sql
        self.say(struct.pack("<BIHHBH", 0, number, len(columns), places, 0, 0) + (b"\1" if self.can(OPTIONAL) else b""))
        for part in [("?", VAR_STRING)] * places, columns:
            for name, kind in part:
                self.say(self.column(name, kind))
            if part and not self.can(NO_EOF):
                self.end_of_rows(AUTOCOMMIT)

    def execute(self, data):
        number, flags = struct.unpack("<IB", data[:5])
        if number not in self.statements:
            self.error(1243, "HY000", "Unknown prepared statement handler (%d) given to mysqld_stmt_execute" % number)
            return
        self.answer(self.statements[number], as_binary=True, cursor=number if flags & 1 and "rows" in self.statements[number].lower() else None)

    def fetch(self, data):
        number, count = struct.unpack("<II", data[:8])
        columns, rows = self.cursors.get(number, ([], []))
        for values in rows[:count]:
            self.say(self.row(columns, values, True))
        self.cursors[number] = (columns, rows[count:])
        self.end_of_rows(AUTOCOMMIT | CURSOR | (0 if rows[count:] else LAST))

    def command(self, code, data):
        if code == 3:
            self.query(data)
        elif code == 22:
            self.prepare(data.decode())
        elif code == 23:
            self.execute(data)
        elif code == 28:
            self.fetch(data)
        elif code in (24, 25):      # long data, close: no answer
            return
        elif code == 17:            # change user
            end = data.index(b"\0")
            size = data[end + 1]
            self.statements, user = {}, data[:end].decode()
            self.nonce = bytes(x % 94 + 33 for x in os.urandom(20))
            if not self.check(user, data[end + 2:end + 2 + size], "again"):
                raise Left
            return
        elif code == 9:
            self.say(b"Uptime: 77  Threads: 1  Questions: 5")
        elif code == 27:
            self.end_of_rows(AUTOCOMMIT)
        elif code == 2:
            self.database = data.decode()
            self.ok(track=[(1, text(self.database))])
        elif code == 31:
            self.statements, self.cursors = {}, {}
            self.ok(track=[(2, b"1")])
        elif code in (14, 26):
            self.ok()
        else:
            self.error(1047, "08S01", "Unknown command")
        self.flush()

    def handle(self):
        try:
            self.greet()
            while True:
                self.sequence = 0
                data = self.hear()
                if not data or data[0] == 1:
                    return
                self.command(data[0], data[1:])
        except (Left, ConnectionError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Session).serve_forever()
