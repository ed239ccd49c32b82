#!/usr/bin/env python3
"""Scenes of a Memcached client: memcached.py HOST PORT SCENE. Fails when the server does not answer as the scene says."""
import base64
import random
import re
import socket
import struct
import sys
import threading
import time

HOST, PORT, SCENE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
OPS = {n: i for i, n in enumerate(
    "get set add replace delete increment decrement quit flush getq noop version getk getkq append prepend stat setq addq replaceq deleteq"
    " incrementq decrementq quitq flushq appendq prependq verbosity touch gat gatq".split())}
OPS.update(sasl_list=0x20, sasl_auth=0x21, gatk=0x23, gatkq=0x24)


class Link:
    def __init__(self):
        self.sock = socket.create_connection((HOST, PORT), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.got)
        self.got += data

    def until(self, ends):
        """everything up to and with the line that matches"""
        at = 0
        while True:
            end = self.got.find(b"\n", at)
            if end < 0:
                self.more()
                continue
            line = self.got[at:end].rstrip(b"\r")
            m = re.match(rb"VALUE \S+ \d+ (\d+)|VA (\d+)", line)
            at = end + 1
            if m:
                at += int(m[1] or m[2]) + 2
                while len(self.got) < at:
                    self.more()
            if re.match(ends, line):
                out, self.got = self.got[:at], self.got[at:]
                return out

    def ask(self, line, ends, data=None):
        line = line if isinstance(line, bytes) else line.encode()
        self.send(line + b"\r\n" + (b"" if data is None else data + b"\r\n"))
        return self.until(ends.encode())

    def store(self, command, key, data, flags=0, exptime=0, more="", ends="STORED"):
        return self.ask("%s %s %d %d %d%s" % (command, key, flags, exptime, len(data), more), ends, data)

    def response(self):
        while len(self.got) < 24 or len(self.got) < 24 + struct.unpack(">I", self.got[8:12])[0]:
            self.more()
        n = 24 + struct.unpack(">I", self.got[8:12])[0]
        out, self.got = self.got[:n], self.got[n:]
        return out

    def call(self, name, *args, status=0, **kw):
        self.send(request(name, *args, **kw))
        out = self.response()
        assert out[1] == OPS[name] and int.from_bytes(out[6:8], "big") == status, (name, out)
        return out

    def till_noop(self):
        while self.response()[1] != OPS["noop"]:
            pass


def request(name, key="", extras=b"", value=b"", cas=0, opaque=7):
    key = key.encode() if isinstance(key, str) else key
    return struct.pack(">BBHBBHIIQ", 0x80, OPS[name], len(key), len(extras), 0, 0, len(extras) + len(key) + len(value), opaque, cas) + \
        extras + key + value


def bstore(flags=0, exptime=0):
    return struct.pack(">II", flags, exptime)


def bcount(delta, initial, exptime):
    return struct.pack(">QQI", delta, initial, exptime)


def store(c):
    for command, ends in (("set", "STORED"), ("add", "NOT_STORED"), ("replace", "STORED"), ("append", "STORED"), ("prepend", "STORED")):
        c.store(command, "store", b"some bytes", 42, 600, ends=ends)
    c.store("add", "store-new-%d" % time.time_ns(), b"", 0, 60)
    c.store("replace", "store-none", b"x", ends="NOT_STORED")
    c.store("append", "store-none", b"x", ends="NOT_STORED")
    cas = int(c.ask("gets store", "END").split()[4])
    c.store("cas", "store", b"changed", 0, 0, " %d" % cas)
    c.store("cas", "store", b"changed", 0, 0, " %d" % cas, ends="EXISTS")
    c.store("cas", "store-none", b"changed", 0, 0, " %d" % cas, ends="NOT_FOUND")
    c.send("set store 0 0 3 noreply\r\nabc\r\nadd store 0 0 3 noreply\r\nabc\r\nappend store 1 0 2 noreply\r\nde\r\n")
    assert b"abcde" in c.ask("get store", "END")
    c.store("set", "s" * 250, b"the longest key", 4294967295, -1)
    c.store("set", "umlaut-\u00e4\u00f6".encode().decode("latin-1"), b"\xff\x00\r\n", 0, 2592000)
    c.send("quit\r\n")


def get(c):
    for i in range(40):
        c.store("set", "get%d" % i, b"value %d" % i)
    c.ask("get get1", "END")
    c.ask("get nothing", "END")
    c.ask("gets get1 nothing get2", "END")
    c.ask("gat 100 get1", "END")
    c.ask("gats 100 get1 get2 nothing", "END")
    c.ask("get " + " ".join("get%d" % i for i in range(60)), "END")
    assert c.ask("get " + " ".join("get%d" % (i % 40) for i in range(1500)), "END").count(b"VALUE") == 1500
    c.ask("gets " + " ".join("nothing-%d" % i for i in range(700)), "END")


def count(c):
    c.store("set", "count", b"10")
    for line, ends in (("incr count 5", "15$"), ("decr count 2", "13"), ("decr count 100", "0"), ("incr count 18446744073709551615", r"\d"),
                       ("incr nothing 1", "NOT_FOUND"), ("touch count 100", "TOUCHED"), ("touch nothing 100", "NOT_FOUND")):
        c.ask(line, ends)
    c.store("set", "count", b"text")
    c.ask("incr count 1", "CLIENT_ERROR cannot")
    c.send("incr count 1 noreply\r\ntouch count 5 noreply\r\n")
    for line, ends in (("delete count", "DELETED"), ("delete count", "NOT_FOUND"), ("delete count 0", "NOT_FOUND")):
        c.ask(line, ends)
    c.send("delete count noreply\r\n")
    c.ask("version", "VERSION")


def pipelined(c):
    c.send(b"".join(b"set p%d 0 0 5\r\nhello\r\nget p%d\r\nincr p%d 1\r\ndelete q%d\r\n" % (i, i, i, i) for i in range(60)) + b"version\r\n")
    c.until(b"VERSION")
    text = b"set p 0 0 30\r\n" + b"v" * 30 + b"\r\nget p\r\ngat 5 p\r\nms p 5 T30\r\nhello\r\nmg p v\r\nmn\r\n"
    for size in (1, 7, 40):
        for i in range(0, len(text), size):
            c.send(text[i:i + size])
            if i < 300:
                time.sleep(0.002)
        c.until(b"MN")
    c.send("get p\r\n" * 300 + "mn\r\n")
    c.until(b"MN")


def noise(n):
    """bytes of every value that can be packed"""
    return (random.Random(n).randbytes(997) * (n // 997 + 1))[:n]


def values(c, sizes=(0, 1, 2046, 2047, 2048, 2049, 2050, 3000, 16384, 100000, 400000)):
    for tricky in (b"get a\r\nset a 0 0 3\r\n", b"\r\n", b"END\r\n", b"VALUE a 0 5\r\nhello\r\nEND", b"\x80\x01" + bytes(30), b"ERROR"):
        c.store("set", "tricky", tricky)
        assert tricky in c.ask("get tricky", "END")
    for n in sizes:
        data = noise(n)
        c.store("set", "value%d" % n, data)
        assert data in c.ask("get value%d" % n, "END")


def admin(c):
    for line, ends in (("stats", "END"), ("stats items", "END"), ("stats slabs", "END"), ("stats settings", "END"), ("stats conns", "END"),
                       ("stats sizes", "END"), ("stats detail on", "OK"), ("get user:1", "END"), ("stats detail dump", "END"),
                       ("stats detail off", "OK"), ("stats cachedump 1 5", "END"), ("stats reset", "RESET"), ("version", "VERSION"),
                       ("verbosity 0", "OK"), ("cache_memlimit 256", "OK"), ("slabs automove 1", "OK"), ("slabs automove ratio 0.9", "OK"),
                       ("slabs reassign 1 2", "OK|BUSY|NOSPARE|BADCLASS"), ("lru mode segmented", "OK"), ("lru temp_ttl 61", "OK"),
                       ("lru tune 20 40 0.2 2.0", "OK"), ("lru_crawler enable", "OK|ERROR failed to start"), ("lru_crawler sleep 100", "OK"),
                       ("lru_crawler tocrawl 100", "OK"), ("lru_crawler crawl all", "OK|BUSY|NOTSTARTED"), ("lru_crawler metadump all", "END|BUSY|NOTSTARTED"),
                       ("flush_all 3600", "OK"), ("flush_all", "OK"), ("mn", "MN")):
        c.ask(line, ends)
        time.sleep(0.01)
    c.send("flush_all noreply\r\nverbosity 0 noreply\r\nquit\r\n")


def watch(c):
    w, e = Link(), Link()
    w.ask("watch fetchers mutations", "OK")
    e.ask("watch connevents", "OK")
    for i in range(30):
        c.store("set", "watch%d" % i, b"x" * i)
        c.ask("get watch%d nothing" % i, "END")
    w.until(b"ts=.*type=item_store")
    Link().ask("version", "VERSION")
    e.until(b"ts=.*type=conn_new")


def meta(c):
    for line, ends, data in (("ms meta 5 T600 F7 c", "HD c", b"hello"), ("mg meta v t f c s k h l O123 q", "VA", None), ("mg meta", "HD", None),
                             ("mg nothing v k O5", "EN", None), ("ms meta 2 ME", "NS", b"no"), ("ms meta 3 MA", "HD", b" my"), ("ms meta 4 MP C1", "EX", b"dear"),
                             ("mg fresh N30 v t", "VA 0.*W", None), ("mg fresh v", "VA 0.*Z", None), ("ms fresh 3 T60", "HD", b"new"),
                             ("ma counted N0 J10 v", "VA", None), ("ma counted D5 v t c", "VA", None), ("ma counted MD D3", "HD", None),
                             ("ma nothing", "NF", None), ("md meta I T30", "HD", None), ("mg meta v", "VA.*W", None), ("me meta", "ME", None), ("me nothing", "EN", None),
                             ("md meta q", None, None), ("md nothing k Oabc", "NF", None), ("ma meta", "NF", None), ("mn", "MN", None)):
        if ends:
            c.ask(line, ends, data)
        else:
            c.send(line + "\r\n")


def meta_quiet(c):
    for n in (3, 30, 200):
        c.send("".join("ms mq%d 4 T90 q\r\ndata\r\n" % i for i in range(n)) + "mn\r\n")
        c.until(b"MN")
        c.send("".join("mg mq%d v q k O%d\r\n" % (i * 2, i) for i in range(n)) + "mn\r\n")
        c.until(b"MN")
        c.send("".join("md mq%d q\r\nma mn%d q N0\r\nmg mq%d\r\n" % (i, i, i) for i in range(n)) + "mn\r\n")
        c.until(b"MN")


def meta_binary_key(c):
    for i in range(20):
        key = base64.b64encode(random.Random(i).randbytes(i * 9 + 1)).decode()
        c.ask("ms %s 5 b k" % key, "HD", b"hello")
        c.ask("mg %s b v k O%d" % (key, i), "VA 5")
        c.ask("me %s b" % key, "ME")
        c.ask("md %s b k" % key, "HD")


def binary(c):
    c.call("version")
    c.call("set", "bin", bstore(42, 600), b"hello")
    cas = int.from_bytes(c.call("get", "bin")[16:24], "big")
    c.call("getk", "bin")
    c.call("get", "nothing", status=1)
    c.call("getk", "nothing", status=1)
    c.call("add", "bin", bstore(), b"x", status=2)
    c.call("replace", "bin", bstore(), b"again")
    c.call("set", "bin", bstore(), b"x", cas=cas, status=2)
    c.call("append", "bin", value=b" and more")
    c.call("prepend", "bin", value=b"less and ")
    c.call("append", "nothing", value=b"x", status=5)
    c.call("increment", "bin-count-%d" % time.time_ns(), bcount(1, 10, 600))
    c.call("decrement", "bin-none", bcount(1, 0, 0xffffffff), status=1)
    c.call("increment", "bin", bcount(1, 0, 0), status=6)
    c.call("touch", "bin", struct.pack(">I", 600))
    c.call("touch", "nothing", struct.pack(">I", 600), status=1)
    c.call("gat", "bin", struct.pack(">I", 600))
    c.call("gatk", "bin", struct.pack(">I", 600))
    c.call("sasl_list", status=0x81)
    c.call("sasl_auth", "PLAIN", value=b"\0app\0app-word", status=0x81)
    c.call("set", "wide", bstore(), b"w" * 5000)
    c.call("get", "wide")
    for what in ("", "items", "slabs", "settings", "reset"):
        c.send(request("stat", what))
        while c.response()[2:4] != b"\0\0":
            pass
    c.call("stat", "nothing", status=1)
    c.call("delete", "bin")
    c.call("delete", "bin", status=1)
    c.call("flush", extras=struct.pack(">I", 3600))
    c.call("flush")
    c.call("noop")
    c.call("quit")


def binary_values(c):
    for n in (0, 1, 460, 490, 3000, 100000, 900000):
        data = noise(n)
        c.call("set", "value%d" % n, bstore(), data)
        assert c.call("get", "value%d" % n).endswith(data)


def too_large(c):
    c.store("set", "too-large", bytes(1100000), ends="SERVER_ERROR")
    c.ask("get too-large", "END")
    Link().call("set", "too-large", bstore(), bytes(1100000), status=3)


def binary_quiet(c, sizes=(3, 60, 400)):
    for n in sizes:
        c.send(b"".join(request("setq", "bq%d" % i, bstore(0, 90), b"value %d" % i) for i in range(n)) + request("noop"))
        c.till_noop()
        c.send(b"".join(request("getkq" if i % 3 else "getq", "bq%d" % (i * 2)) for i in range(n)) + request("noop"))
        c.till_noop()
        c.send(b"".join(request("addq", "bq%d" % i, bstore(), b"x") + request("get", "bq%d" % i) + request("deleteq", "bq%d" % i) for i in range(n)) + request("noop"))
        c.till_noop()
    c.send(request("replaceq", "bq", bstore(), b"x") + request("appendq", "bq", value=b"x") + request("prependq", "bq", value=b"x") +
           request("incrementq", "bqn", bcount(1, 1, 60)) + request("decrementq", "bqn", bcount(1, 1, 60)) + request("gatq", "bqn", struct.pack(">I", 5)) +
           request("gatkq", "bqn", struct.pack(">I", 5)) + request("flushq") + request("noop"))
    c.till_noop()
    c.send(request("quitq"))


def sasl(c):
    c.call("sasl_list")
    c.call("sasl_auth", "PLAIN", value=b"\0app@shop\0not-the-word", status=0x20)
    c = Link()
    c.call("version")
    c.call("sasl_auth", "PLAIN", value=b"\0app@shop\0app-word")
    c.call("set", "sasl", bstore(), b"hello")
    c.call("get", "sasl")
    c.call("quit")
    c = Link()
    c.call("get", "sasl", status=0x20)
    c = Link()
    c.send(request("noop") + request("get", "sasl"))
    c.response()


def auth_file(c):
    c.ask("get auth", "CLIENT_ERROR unauthenticated")
    c.store("set", "auth", b"app not-the-word", ends="CLIENT_ERROR authentication failure")
    c.store("set", "auth", b"app app-word")
    c.store("set", "greeting", b"hello everybody")
    c.ask("get greeting", "END")
    c = Link()
    c.store("set", "auth", b"app app-word")
    c.ask("mn", "MN")
    c.send("quit\r\n")


def abrupt(c):
    c.ask("version", "VERSION")
    c.sock.close()
    c = Link()
    c.ask("version", "VERSION")
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.sock.close()
    Link().sock.close()
    c = Link()
    c.send("set abrupt 0 0 5 noreply\r\nhello\r\n")
    c.sock.close()
    c = Link()
    c.send(request("noop"))
    c.sock.shutdown(socket.SHUT_WR)
    c.response()


def midstream_text(c):
    for i in range(60):
        c.store("set", "mid%d" % i, b"value\r\n" * i)
        c.ask("get mid%d nothing" % i, "END")
        c.ask("mg mid%d v" % i, "VA")
        time.sleep(0.03)


def midstream_binary(c):
    for i in range(60):
        c.call("set", "midb%d" % i, bstore(), b"value %d" % i)
        c.call("get", "midb%d" % i)
        time.sleep(0.03)


def header(op, key, extras, body, magic=0x80):
    return struct.pack(">BBHBBHIIQ", magic, op, key, extras, 0, 0, body, 7, 0)


ATTACKS = (
    ("a body of 2 GB", header(OPS["set"], 3, 8, 0x80000008) + bstore() + b"key"),
    ("append: body shorter than the key", header(OPS["append"], 5, 0, 1) + b"apple"),
    ("prepend, quiet: body with the high bit", header(OPS["prependq"], 3, 0, 0xffffffd0) + b"key"),
    ("set: body shorter than key and extras", header(OPS["set"], 200, 8, 100) + bytes(208)),
    ("add, quiet: the same", header(OPS["addq"], 250, 8, 250) + bytes(258)),
    ("sasl_auth: body shorter than the mechanism", header(OPS["sasl_auth"], 5, 0, 1) + b"PLAIN"),
    ("extras of 32 bytes", header(OPS["get"], 1, 32, 33) + bytes(33)),
    ("increment with extras of 8 bytes", header(OPS["increment"], 3, 8, 11) + bytes(8) + b"key"),
    ("get without a key", header(OPS["get"], 0, 0, 0)),
    ("noop with a key", header(OPS["noop"], 3, 0, 3) + b"key"),
    ("get with a value", header(OPS["get"], 3, 0, 9) + b"keyvalue!"),
    ("a key of 251 bytes", header(OPS["get"], 251, 0, 251) + bytes(251)),
    ("an unknown opcode", header(0x77, 0, 0, 0)),
    ("a response to the server", header(OPS["noop"], 0, 0, 0) + header(OPS["noop"], 0, 0, 0, 0x81)),
    ("a SASL step first", header(0x22, 5, 0, 5) + b"PLAIN"),
    ("a meta command without a key", b"mg\r\n"),
    ("a meta command with a long key", b"mg " + b"k" * 251 + b" v\r\n"),
    ("30 spaces before the key", b"get" + b" " * 30 + b"a\r\n"),
    ("a control character in the key", b"get a\tb\x01\r\n"),
    ("a key 61,000 times", b"get" + b" a" * 61000 + b"\r\n"),
    ("a key 61,000 times in quiet requests", header(OPS["getq"], 1, 0, 1) + b"a"),
    ("lru mode without its argument", b"lru mode\r\n"),
    ("lru temp_ttl without its argument", b"lru temp_ttl\r\n"),
    ("empty lines", b"\r\n\r\n"),
    ("slabs reassign of a class that is none", b"slabs reassign 900 1\r\n"),
    ("slabs automove with a window of 1", b"slabs automove window 1\r\n"),
    ("3,000 bytes without a line end", b"set " + b"x" * 3000),
    ("a get behind 150 spaces", b" " * 150 + b"get " + b"x" * 3000),
    ("HTTP", b"POST /index.html HTTP/1.1\r\nHost: cache\r\n\r\n"),
    ("a value that is longer than it says", b"set a 0 0 3\r\nabcflush_all\r\n"),
    ("a length below zero", b"set a 0 0 -5\r\n"),
    ("a value of 1.5 GB", b"set a 0 0 1610612736\r\nabc"),
    ("a binary request behind text", b"version\r\n" + header(OPS["noop"], 0, 0, 0).replace(b"\n", b"\x0b")),
)


def attacks(c):
    for name, data in ATTACKS:
        c.ask("get attacks", "END")
        a = Link()
        a.sock.settimeout(0.3)
        try:
            a.send(data * (61000 if "quiet requests" in name else 1))
            while True:
                a.more()
        except OSError:
            pass
        except EOFError:
            pass
        a.sock.close()
    c.ask("version", "VERSION")


def attacks_auth_file(c):
    """short lines before the login, and credentials that do not fit the server's buffer"""
    c.send("\r\n")
    c.ask("x", "CLIENT_ERROR unauthenticated")
    c.sock.settimeout(0.5)
    try:
        c.store("set", "auth", b"app " + b"w" * 20000)
    except OSError:
        pass


def attacks_sasl(c):
    c.call("sasl_auth", "PLAIN", value=b"\0app@shop\0not-the-word", status=0x20)
    c.call("sasl_auth", "PLAIN", value=b"\0app@shop\0app-word")
    c.call("get", "nothing", status=1)


def many(work, clients):
    failed = []

    def run(seed):
        try:
            work(Link(), random.Random(seed))
        except Exception as e:      # told by the main thread
            failed.append(e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def load_text(c):
    def work(c, r):
        for turn in range(1200):
            batch, wait = [], r.choice([1, 5, 20, 100])
            for _ in range(wait):
                k, n = "load%d" % r.randrange(5000), r.choice([1, 10, 100, 1000])
                batch.append(r.choice(["get %s\r\n" % k, "get %s x%s y%s\r\n" % (k, k, k), "set %s 0 60 %d\r\n%s\r\n" % (k, n, "v" * n), "set %s 0 60 %d noreply\r\n%s\r\n" % (k, n, "v" * n),
                                       "incr %s 1\r\n" % k, "delete %s\r\n" % k, "touch %s 60\r\n" % k, "gets %s\r\n" % k,
                                       "add %s 7 60 %d\r\n%s\r\n" % (k, n, "w" * n), "gat 60 %s\r\n" % k, "mg %s v t\r\n" % k, "ms %s %d T60\r\n%s\r\n" % (k, n, "m" * n)]))
            c.send("".join(batch) + "mn\r\n")
            c.until(b"MN")
    many(work, 8)


def load_binary(c):
    def work(c, r):
        for turn in range(1200):
            batch, wait = [], r.choice([1, 5, 20, 100])
            for _ in range(wait):
                k, n = "loadb%d" % r.randrange(5000), r.choice([1, 10, 100, 1000])
                batch.append(r.choice([request("get", k), request("getk", k), request("getkq", k), request("getq", k), request("set", k, bstore(0, 60), b"v" * n),
                                       request("setq", k, bstore(0, 60), b"v" * n), request("increment", k, bcount(1, 1, 60)), request("deleteq", k),
                                       request("touch", k, struct.pack(">I", 60)), request("gat", k, struct.pack(">I", 60)), request("append", k, value=b"x")]))
            c.send(b"".join(batch) + request("noop"))
            c.till_noop()
    many(work, 8)
    quiet_meta(random.Random(5))


def quiet_meta(r):
    c = Link()
    for turn in range(400):
        c.send("".join(r.choice(["mg loadm%d v q\r\n", "mg loadm%d v q k\r\n", "md loadm%d q\r\n"]) % r.randrange(500) for _ in range(50)) +
               "".join("ms loadm%d 3 q\r\nabc\r\n" % r.randrange(500) for _ in range(50)) + "mn\r\n")
        c.until(b"MN")


SCENES = {"store": store, "get": get, "count": count, "pipelined": pipelined, "values": values, "values-small": lambda c: values(c, (0, 1, 2047, 2049, 9000)),
          "admin": admin, "watch": watch, "meta": meta, "meta-quiet": meta_quiet, "meta-binary-key": meta_binary_key, "binary": binary, "binary-values": binary_values,
          "binary-quiet": binary_quiet, "sasl": sasl, "auth-file": auth_file, "abrupt": abrupt, "midstream-text": midstream_text,
          "midstream-binary": midstream_binary, "too-large": too_large, "attacks": attacks, "attacks-auth-file": attacks_auth_file,
          "attacks-sasl": attacks_sasl, "load-text": load_text, "load-binary": load_binary}

if __name__ == "__main__":
    SCENES[SCENE](Link())
