#!/usr/bin/env python3
"""A client of MARS, which none of the drivers at hand speaks: three sessions at once on one connection, after [MS-TDS] and [MC-SMP].

usage: raw_tds.py      HOST is in the environment
"""
import os
import socket
import struct

BATCH, LOGIN7, PRELOGIN = 1, 16, 18
HEADERS = bytes.fromhex("16000000 12000000 0200 0000000000000000 01000000")


def u(text):
    return text.encode("utf-16-le")


def packet(kind, body, status=1, number=1):
    return struct.pack(">BBHHBB", kind, status, len(body) + 8, 0, number, 0) + body


def prelogin():
    values = [(0, bytes([8, 0, 1, 85, 0, 0])), (1, b"\2"), (2, b"\0"), (3, bytes(4)), (4, b"\1")]
    table, data = b"", b""
    for option, value in values:
        table += struct.pack(">BHH", option, 5 * len(values) + 1 + len(data), len(value))
        data += value
    return table + b"\xff" + data


def login(size):
    veiled = bytes((x >> 4 | (x << 4) & 0xf0) ^ 0xa5 for x in u("app-word"))
    values = [u("web1"), u("app"), veiled, u("mars"), u("shop"), b"", u("raw"), b"", u("shop")]
    offset, table = 94, b""
    for value in values:
        table += struct.pack("<HH", offset, len(value) // 2)
        offset += len(value)
    table += bytes(6) + struct.pack("<HHHHHHI", offset, 0, offset, 0, offset, 0, 0)
    head = struct.pack("<IIIII", 0x72090002, size, 0x07000000, os.getpid(), 0) + bytes([0xe0, 3, 0, 0]) + struct.pack("<iI", 0, 0x409)
    body = head + table + b"".join(values)
    return struct.pack("<I", len(body) + 4) + body


class Connection:
    def __init__(self):
        self.sock = socket.create_connection((os.environ["HOST"], 1433))
        self.sent, self.received, self.open = {}, {}, {}

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            assert part, "the server left"
            data += part
        return data

    def answer(self):
        while True:
            head = self.read(8)
            self.read(struct.unpack(">H", head[2:4])[0] - 8)
            if head[1] & 1:
                return

    def say(self, flags, number, data=b""):
        self.sent[number] = self.sent.get(number, 0) + (flags == 8)
        window = self.received.setdefault(number, 0) + 4
        self.sock.sendall(struct.pack("<BBHIII", 0x53, flags, number, 16 + len(data), self.sent[number], window) + data)

    def batch(self, number, text):
        self.open[number] = True
        self.say(8, number, packet(BATCH, HEADERS + u(text)))

    def take(self):
        _, flags, number, length, sequence, _ = struct.unpack("<BBHIII", self.read(16))
        data = self.read(length - 16)
        if flags == 4:
            self.open[number] = False
        if flags != 8:
            return
        self.received[number] = sequence
        if sequence % 2 == 0:
            self.say(2, number)
        if data[1] & 1:
            self.open[number] = False


def main():
    c = Connection()
    c.sock.sendall(packet(PRELOGIN, prelogin()))
    c.answer()
    c.sock.sendall(packet(LOGIN7, login(512)))
    c.answer()
    for number in range(3):
        c.say(1, number)
    for text in ("select rows 60", "select types", "select nosuch", "select two results"):
        for number in range(3):
            c.batch(number, text)
        while any(c.open.values()):
            c.take()
    for number in range(3):
        c.open[number] = True
        c.say(4, number)
    while any(c.open.values()):
        c.take()
    c.sock.close()


main()
