"""Starts PostgreSQL sessions in ways that libpq 15 does not.

usage: raw_pg.py HOST gssenc-refused|newer-protocol
"""
import os
import socket
import struct
import sys

GSSENC_REQUEST = 80877104
SSL_REQUEST = 80877103


def connect():
    port = int(os.environ.get("RAW_PORT", "5432"))
    return socket.create_connection((sys.argv[1], port), timeout=5)


def startup(version, **settings):
    body = struct.pack("!I", version)
    for key, value in settings.items():
        body += key.encode() + b"\0" + value.encode() + b"\0"
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise SystemExit("the server closed the connection")
        data += more
    return data


def until_ready(s):
    kinds = b""
    while not kinds.endswith(b"Z"):
        kind = exactly(s, 1)
        body = exactly(s, struct.unpack("!I", exactly(s, 4))[0] - 4)
        kinds += kind
        if kind == b"E":
            raise SystemExit(body)
    return kinds


def ask(s, code):
    s.sendall(struct.pack("!II", 8, code))
    return exactly(s, 1)


def session(s, version, **more):
    s.sendall(startup(version, user="trusty", database="shop", **more))
    kinds = until_ready(s)
    s.sendall(message(b"Q", b"select id, name from customer limit 3\0"))
    until_ready(s)
    s.sendall(message(b"X"))
    s.close()
    return kinds


if sys.argv[2] == "gssenc-refused":
    s = connect()
    for code in (GSSENC_REQUEST, SSL_REQUEST):
        if ask(s, code) != b"N":
            raise SystemExit("not refused")
    session(s, 3 << 16)
else:
    if b"v" not in session(connect(), 3 << 16 | 2):
        raise SystemExit("the server did not negotiate")
    if b"v" not in session(connect(), 3 << 16, **{"_pq_.colour": "blue", "application_name": "newer"}):
        raise SystemExit("the server did not negotiate")
