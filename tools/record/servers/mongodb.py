#!/usr/bin/env python3
"""A small server after the specifications of MongoDB's drivers (OP_MSG, OP_COMPRESSED, handshake, SCRAM-SHA-256 left out): for what
FerretDB lacks. It answers a message as it came: compressed, with a checksum, or as OP_QUERY. Documents are kept in memory.

usage: mongodb.py PORT
"""
import socket
import socketserver
import struct
import sys
import threading
import time
import zlib

import bson
import snappy
import zstandard

OPEN = {0: bytes, 1: snappy.decompress, 2: zlib.decompress, 3: lambda b: zstandard.ZstdDecompressor().decompress(b)}
CLOSE = {0: bytes, 1: snappy.compress, 2: zlib.compress, 3: lambda b: zstandard.ZstdCompressor(level=6).compress(b)}
NAMES = ["noop", "snappy", "zlib", "zstd"]
PROCESS = bson.ObjectId()
STORE, CURSORS, LOCK = {}, {}, threading.Lock()
NEVER_COMPRESSED = {"hello", "ismaster", "isMaster", "saslStart", "saslContinue", "getnonce", "authenticate"}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def failure(code, name, text):
    return {"ok": 0.0, "errmsg": text, "code": code, "codeName": name}


def hello(command, connection):
    made = {"helloOk": True, "isWritablePrimary": True, "ismaster": True,
            "topologyVersion": {"processId": PROCESS, "counter": bson.Int64(0)}, "maxBsonObjectSize": 16777216,
            "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "localTime": bson.datetime.datetime.now(),
            "logicalSessionTimeoutMinutes": 30, "connectionId": connection, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": False}
    common = [n for n in command.get("compression", []) if n in NAMES]
    if common:
        made["compression"] = common
    return {**made, "ok": 1.0}


def batch(name, space, documents, size):
    first, rest = documents[:size], documents[size:]
    cursor = 0
    if rest:
        cursor = int(time.time() * 1e6)
        CURSORS[cursor] = (space, rest)
    return {"cursor": {name: first, "id": bson.Int64(cursor), "ns": space}, "ok": 1.0}


def matches(document, wanted):
    return all(document.get(k) == v for k, v in wanted.items() if not k.startswith("$") and not isinstance(v, dict))


def run(command, connection):
    """The reply to a command."""
    name = next(iter(command))
    space = "%s.%s" % (command.get("$db", "admin"), command[name])
    documents = STORE.setdefault(space, [])
    if name in ("hello", "ismaster", "isMaster"):
        return hello(command, connection)
    if name in ("ping", "endSessions", "drop", "killCursors", "update", "delete"):
        return {"ok": 1.0}
    if name == "buildInfo":
        return {"version": "7.0.0", "versionArray": [7, 0, 0, 0], "maxBsonObjectSize": 16777216, "ok": 1.0}
    if name == "insert":
        documents += command.get("documents", [])
        return {"n": len(command.get("documents", [])), "ok": 1.0}
    if name == "aggregate":
        return batch("firstBatch", space, [{"_id": 1, "n": len(documents)}], 101)
    if name == "count":
        return {"n": len(documents), "ok": 1.0}
    if name == "find":
        return batch("firstBatch", space, [d for d in documents if matches(d, command.get("filter", {}))], command.get("batchSize", 101))
    if name == "getMore":
        space, rest = CURSORS.pop(command["getMore"], (None, None))
        if rest is None:
            return failure(43, "CursorNotFound", "cursor id %d not found" % command["getMore"])
        return batch("nextBatch", space, rest, command.get("batchSize", 101))
    return failure(59, "CommandNotFound", "no such command: '%s'" % name)


class Connection(socketserver.BaseRequestHandler):
    number = 0
    next_id = 1000

    def exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.request.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def send(self, request, opcode, body, compressor):
        with LOCK:
            Connection.next_id += 1
            number = Connection.next_id
        if compressor is not None:
            body = struct.pack("<iiB", opcode, len(body), compressor) + CLOSE[compressor](body)
            opcode = 2012
        self.request.sendall(struct.pack("<iiii", len(body) + 16, number, request, opcode) + body)
        return number

    def msg(self, request, document, compressor=None, checksum=False, more=False):
        flags = (1 if checksum else 0) | (2 if more else 0)
        body = struct.pack("<I", flags) + b"\0" + bson.encode(document)
        if checksum:
            head = struct.pack("<iiii", len(body) + 20, Connection.next_id + 1, request, 2013)
            body += struct.pack("<I", crc32c(head + body))
        return self.send(request, 2013, body, compressor)

    def read_msg(self, body):
        flags, at = struct.unpack_from("<I", body)[0], 4
        end = len(body) - (4 if flags & 1 else 0)
        command = {}
        while at < end:
            kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
            section = body[at + 1:at + 1 + size]
            if kind == 0:
                command = {**bson.decode(section), **command}
            else:
                name, rest = section[4:].split(b"\0", 1)
                command[name.decode()] = bson.decode_all(rest)
            at += 1 + size
        # The command's name is the first field.
        order = [k for k in command if k not in ("documents", "updates", "deletes")]
        return flags, {**{k: command[k] for k in order}, **command}

    def reply_old(self, request, documents, cursor, compressor):
        body = struct.pack("<iqii", 8, cursor, 0, len(documents)) + b"".join(bson.encode(d) for d in documents)
        self.send(request, 1, body, compressor)

    def query(self, request, body, compressor):
        name, rest = body[4:].split(b"\0", 1)
        length = struct.unpack_from("<i", rest, 8)[0]
        document = bson.decode(rest[8:8 + length])
        if name.endswith(b".$cmd"):
            document["$db"] = name[:-5].decode()
            self.reply_old(request, [run(document, self.number)], 0, compressor)
            return
        found = [d for d in STORE.get(name.decode(), []) if matches(d, document)]
        cursor = 0
        if len(found) > 2:
            cursor = int(time.time() * 1e6)
            CURSORS[cursor] = (name.decode(), found[2:])
        self.reply_old(request, found[:2], cursor, compressor)

    def answer(self, opcode, request, body, compressor):
        if opcode == 2004:
            self.query(request, body, compressor)
        elif opcode == 2002:
            name, rest = body[4:].split(b"\0", 1)
            STORE.setdefault(name.decode(), []).extend(bson.decode_all(rest))
        elif opcode == 2005:
            cursor = struct.unpack("<q", body[-8:])[0]
            self.reply_old(request, CURSORS.pop(cursor, (None, []))[1], 0, compressor)
        elif opcode == 2013:
            flags, command = self.read_msg(body)
            if "maxAwaitTimeMS" in command:
                self.stream(request, command, flags)
                return
            made = run(command, self.number)
            if not flags & 2:
                name = next(iter(command))
                self.msg(request, made, None if name in NEVER_COMPRESSED else compressor, bool(flags & 1))

    def stream(self, request, command, flags):
        """Nothing changes here: each answer comes when the time that the client gives is over."""
        while True:
            time.sleep(min(command["maxAwaitTimeMS"], 500) / 1000)
            more = bool(flags & 1 << 16)
            request = self.msg(request, hello(command, self.number), more=more)
            if not more:
                return

    def handle(self):
        with LOCK:
            Connection.number += 1
        self.number = Connection.number
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                length, request, _, opcode = struct.unpack("<iiii", self.exactly(16))
                body, compressor = self.exactly(length - 16), None
                if opcode == 2012:
                    opcode, _, compressor = struct.unpack_from("<iiB", body)
                    body = OPEN[compressor](body[9:])
                self.answer(opcode, request, body, compressor)
        except (EOFError, OSError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if len(sys.argv) != 2:
    sys.exit(__doc__)
Server(("0.0.0.0", int(sys.argv[1])), Connection).serve_forever()
