#!/usr/bin/env python3
"""What no ordinary client does for the asking, said byte by byte:  raw_redis.py WHAT"""
import os
import socket
import sys
import time


class Link:
    def __init__(self):
        self.socket = socket.create_connection((os.environ["HOST"], 6379), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, data, replies=1):
        """sends, and waits for so many replies of one line"""
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        got = b""
        while got.count(b"\r\n") < replies:
            more = self.socket.recv(65536)
            if not more:
                raise SystemExit("the server closed")
            got += more
        return got

    def end(self):
        self.socket.close()


def words(*w):
    return "*%d\r\n" % len(w) + "".join("$%d\r\n%s\r\n" % (len(x), x) for x in w)


def inline():
    link = Link()
    link.say("PING\r\n")
    link.say("PING\n")
    link.say("SET greeting \"hello\\x20world\\n\"\r\nGET greeting\r\n", 3)
    link.say("set 'a key' 'it\\'s'\r\n  get   'a key'  \r\n", 3)
    link.say("\r\n\r\nPING\r\n")
    link.say("MSET " + " ".join("k%d v%d" % (i, i) for i in range(4000)) + "\r\n")
    link.say("DEL " + " ".join("k%d" % i for i in range(4000)) + "\n")
    link.say("GET\r\nNOSUCH\r\n", 2)
    link.say("QUIT\r\n")
    link.end()


def empty():
    link = Link()
    link.say("*0\r\n*-1\r\n" + words("PING"))
    link.say("\r\nPING\r\n")
    link.say(words("SET", "empty", "") + words("GET", "empty"), 3)
    link.say("*1\r\n$0\r\n\r\n")
    link.end()


def modes():
    link = Link()
    link.say(words("CLIENT", "REPLY", "SKIP") + words("SET", "m", "1") + words("GET", "m"), 2)
    link.say(words("CLIENT", "REPLY", "OFF"), 0)
    for i in range(20):
        link.say(words("INCR", "m"), 0)
    link.say(words("CLIENT", "REPLY", "SKIP") + words("GET", "m"), 0)
    link.say(words("CLIENT", "REPLY", "ON"))
    link.say(words("GET", "m"), 2)
    link.end()


def pieces():
    """a request in as many segments as it has bytes, and many in one"""
    link = Link()
    for byte in words("SET", "pieces", "of\r\ntext"):
        link.say(byte, 0)
        time.sleep(0.001)
    link.say("", 1)
    link.say("".join(words("INCR", "count") for _ in range(1000)), 1000)
    link.say(words("MSET", *[x for i in range(200) for x in ("p%d" % i, "v" * (i % 50))]))
    link.say(words("SET", "large", "z" * 200000))
    link.end()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
