"""Writes a Kerberos credential cache that no one will ever accept, enough for
libpq to ask for GSSAPI encryption.

usage: fake_ticket.py FILE
"""
import struct
import sys
import time


def data(b):
    return struct.pack("!I", len(b)) + b


def principal(*parts):
    return struct.pack("!II", 1, len(parts)) + data(b"TEST.INVALID") + b"".join(data(p) for p in parts)


now = int(time.time())
me = principal(b"app")
out = struct.pack("!HH", 0x0504, 0) + me
out += me + principal(b"krbtgt", b"TEST.INVALID")
out += struct.pack("!H", 18) + data(bytes(32))
out += struct.pack("!IIII", now, now, now + 36000, now + 36000)
out += struct.pack("!BI", 0, 0x40000000)
out += struct.pack("!II", 0, 0)
out += data(b"not a ticket") + data(b"")
with open(sys.argv[1], "wb") as f:
    f.write(out)
