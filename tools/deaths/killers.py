"""The killer's last message: per protocol, wrong in one named way, or well formed and never seen before.

Each kind is a Kind: build(rng) returns the bytes; `fresh` kinds go over a new connection instead of a login
(after the greeting where the server speaks first); `need` is how much of it the server reads before it dies (0: all).
"""
import struct


class Kind:
    def __init__(self, name, build, wrong=True, fresh=False, need=0):
        self.name, self.build, self.wrong, self.fresh, self.need = name, build, wrong, fresh, need


def noise(rng, n):
    return bytes(rng.randrange(1, 256) for _ in range(n))


def word(rng, n=None):
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(n or rng.randint(4, 12))).encode()


# MySQL: 3 bytes of length, a sequence number, a command.

def my(payload, seq=0, length=None):
    return struct.pack("<I", len(payload) if length is None else length)[:3] + bytes([seq]) + payload


def my_login(rng, body=None, charset=45, capabilities=0x000fa28d):
    head = struct.pack("<IIB", capabilities, 1 << 24, charset) + bytes(23)
    return my(head + (body if body is not None else b"app\0\x14" + noise(rng, 20) + b"shop\0mysql_native_password\0"), 1)


def my_execute_nulls(rng):
    return my(b"\x17" + struct.pack("<IBI", rng.randint(1, 9), 0, 1) + b"\xff\xff" + noise(rng, rng.randint(1, 4)))


MYSQL = [
    Kind("unknown-command", lambda r: my(bytes([r.choice([0x21, 0x3f, 0x7f, 0x99, 0xf0])]) + noise(r, r.randint(0, 30)))),
    Kind("length-beyond-data", lambda r: my(b"\x03SELECT name FROM item WHERE id = 5", length=r.randint(200, 60000))),
    Kind("length-below-data", lambda r: my(b"\x03SELECT name FROM item WHERE id = 5", length=r.randint(2, 12)), need=6),
    Kind("empty-command", lambda r: my(b"")),
    Kind("sequence-wrong", lambda r: my(b"\x03SELECT 1", seq=r.randint(2, 250)), need=4),
    Kind("execute-short", lambda r: my(b"\x17" + struct.pack("<I", r.randint(1, 9)) + b"\0" * r.randint(0, 4))),
    Kind("execute-no-such-statement", my_execute_nulls),
    Kind("long-data-short", lambda r: my(b"\x18" + noise(r, r.randint(1, 5)))),
    Kind("fetch-short", lambda r: my(b"\x1c" + noise(r, r.randint(1, 7)))),
    Kind("close-short", lambda r: my(b"\x19" + noise(r, r.randint(0, 3)))),
    Kind("kill-short", lambda r: my(b"\x0c" + noise(r, r.randint(0, 3)))),
    Kind("change-user-truncated", lambda r: my(b"\x11" + word(r) + b"\0\x14" + noise(r, 7))),
    Kind("change-user-unterminated", lambda r: my(b"\x11" + word(r, 200))),
    Kind("database-name-oversized", lambda r: my(b"\x02" + word(r, r.randint(3000, 20000)))),
    Kind("field-list-unterminated", lambda r: my(b"\x04" + word(r, r.randint(30, 300)))),
    Kind("binlog-dump-short", lambda r: my(b"\x12" + noise(r, r.randint(1, 8)))),
    Kind("register-slave-short", lambda r: my(b"\x15" + noise(r, 5))),
    Kind("set-option-short", lambda r: my(b"\x1b" + noise(r, 1))),
    Kind("login-truncated", lambda r: my(my_login(r)[4:4 + r.randint(5, 33)], 1), fresh=True),
    Kind("login-unterminated-user", lambda r: my_login(r, word(r, r.randint(40, 90))), fresh=True),
    Kind("login-token-length-lies", lambda r: my_login(r, b"app\0\xfa" + noise(r, 20)), fresh=True),
    Kind("login-user-oversized", lambda r: my_login(r, word(r, r.randint(2000, 12000)) + b"\0\x14" + noise(r, 20) + b"shop\0"), fresh=True),
    Kind("login-garbage", lambda r: noise(r, r.randint(20, 200)), fresh=True, need=4),
    Kind("rare-statistics", lambda r: my(b"\x09"), wrong=False),
    Kind("rare-debug", lambda r: my(b"\x0d"), wrong=False),
    Kind("rare-reset-connection", lambda r: my(b"\x1f"), wrong=False),
    Kind("rare-refresh", lambda r: my(b"\x07\x04"), wrong=False),
    Kind("rare-process-list", lambda r: my(b"\x0a"), wrong=False),
    Kind("rare-prepare", lambda r: my(b"\x16SELECT * FROM item WHERE MATCH(note) AGAINST (? IN BOOLEAN MODE) OR price = ?"), wrong=False),
    Kind("rare-query", lambda r: my(b"\x03" + r.choice([
        b"SELECT ST_AsText(ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'))", b"HANDLER item OPEN",
        b"SELECT JSON_TABLE FROM (SELECT 1) x", b"WITH RECURSIVE t AS (SELECT 1 n UNION SELECT n+1 FROM t WHERE n<9) SELECT * FROM t",
        b"SELECT ExtractValue('<a><b>1</b></a>', '//b')", b"XA START 'x1'"])), wrong=False),
    Kind("rare-huge-query", lambda r: my(b"\x03SELECT id FROM item WHERE id IN (" + b",".join(b"%d" % r.randint(1, 10**6) for _ in range(r.randint(800, 3000)))
                                         + b")"), wrong=False),
]


# PostgreSQL: a type, 4 bytes of length that count themselves.

def pg(kind, payload, length=None):
    return kind + struct.pack(">i", len(payload) + 4 if length is None else length) + payload


def pg_bind(rng, formats=None, values=b"\0\0", results=b"\0\0"):
    return pg(b"B", b"\0\0" + struct.pack(">h", rng.randint(5, 900) if formats is None else formats) + values + results)


def startup(payload, length=None):
    return struct.pack(">i", len(payload) + 4 if length is None else length) + payload


PARAMETERS = b"user\0app\0database\0shop\0\0"
PGSQL = [
    Kind("unknown-type", lambda r: pg(r.choice([b"z", b"\x07", b"Y", b"8", b"\xf3"]), noise(r, r.randint(0, 40)))),
    Kind("length-too-small", lambda r: pg(b"Q", b"SELECT 1\0", length=r.choice([0, 1, 2, 3]))),
    Kind("length-negative", lambda r: pg(b"Q", b"SELECT 1\0", length=-r.randint(1, 2**31 - 1))),
    Kind("length-huge", lambda r: pg(b"Q", b"SELECT 1\0", length=0x7fffffff - r.randint(0, 999))),
    Kind("length-beyond-data", lambda r: pg(b"Q", b"SELECT name FROM item\0", length=r.randint(100, 90000))),
    Kind("query-unterminated", lambda r: pg(b"Q", b"SELECT name FROM item WHERE id = 7")),
    Kind("query-bytes-behind", lambda r: pg(b"Q", b"SELECT 1\0" + noise(r, r.randint(3, 40)))),
    Kind("bind-count-lies", lambda r: pg_bind(r) + pg(b"S", b"")),
    Kind("bind-value-length-lies", lambda r: pg_bind(r, 0, b"\0\1" + struct.pack(">i", r.randint(50, 10**6)) + b"ab") + pg(b"S", b"")),
    Kind("parse-unterminated", lambda r: pg(b"P", word(r, r.randint(6, 70))) + pg(b"S", b"")),
    Kind("parse-types-lie", lambda r: pg(b"P", b"\0SELECT $1\0" + struct.pack(">h", r.randint(4, 5000)) + b"\0\0\0\x17") + pg(b"S", b"")),
    Kind("describe-kind-wrong", lambda r: pg(b"D", r.choice([b"X", b"q", b"\1"]) + b"\0") + pg(b"S", b"")),
    Kind("close-kind-wrong", lambda r: pg(b"C", b"Z" + word(r) + b"\0") + pg(b"S", b"")),
    Kind("execute-short", lambda r: pg(b"E", b"\0\0") + pg(b"S", b"")),
    Kind("sync-with-body", lambda r: pg(b"S", noise(r, r.randint(1, 20)))),
    Kind("function-call-truncated", lambda r: pg(b"F", struct.pack(">ih", 2000, r.randint(2, 90)) + noise(r, 5))),
    Kind("password-unasked", lambda r: pg(b"p", word(r) + b"\0")),
    Kind("query-oversized-unterminated", lambda r: pg(b"Q", b"SELECT '" + word(r, r.randint(6000, 20000)))),
    Kind("startup-version-wrong", lambda r: startup(struct.pack(">I", r.choice([0x00090000, 0x7fff0000, 0x00020001])) + PARAMETERS), fresh=True),
    Kind("startup-unterminated", lambda r: startup(b"\0\3\0\0user\0app\0database\0shop" + word(r)), fresh=True),
    Kind("startup-length-huge", lambda r: startup(b"\0\3\0\0" + PARAMETERS, length=r.randint(10001, 2**31 - 1)), fresh=True),
    Kind("startup-length-small", lambda r: startup(b"\0\3\0\0" + PARAMETERS, length=r.randint(0, 7)), fresh=True),
    Kind("cancel-short", lambda r: startup(struct.pack(">I", 80877102) + noise(r, 3)), fresh=True),
    Kind("rare-function-call", lambda r: pg(b"F", struct.pack(">ihhhi", 1242, 1, 1, 1, 1) + b"\1" + struct.pack(">h", 1)), wrong=False),
    Kind("rare-parse-describe", lambda r: pg(b"P", b"s1\0SELECT id, price FROM item WHERE price > $1\0\0\0") + pg(b"D", b"Ss1\0") + pg(b"S", b""),
         wrong=False),
    Kind("rare-flush", lambda r: pg(b"H", b"") + pg(b"S", b""), wrong=False),
    Kind("rare-copy-in", lambda r: pg(b"Q", b"COPY sale (item, count) FROM STDIN\0"), wrong=False),
    Kind("rare-query", lambda r: pg(b"Q", r.choice([
        b"SELECT xmlparse(document '<a/>')", b"SELECT jsonb_path_query('[1]', '$[*]')", b"SELECT * FROM pg_stat_get_activity(NULL)",
        b"DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM item", b"SELECT to_tsvector(note) FROM item LIMIT 1", b"LISTEN news"]) + b"\0"), wrong=False),
    Kind("rare-huge-query", lambda r: pg(b"Q", b"SELECT id FROM item WHERE id IN (" + b",".join(b"%d" % r.randint(1, 10**6)
                                                                                             for _ in range(r.randint(800, 3000))) + b")\0"), wrong=False),
]


# Redis

def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


REDIS = [
    Kind("array-count-huge", lambda r: b"*%d\r\n$4\r\nPING\r\n" % r.randint(2 * 10**6, 10**10)),
    Kind("array-count-letters", lambda r: b"*" + word(r) + b"\r\n"),
    Kind("bulk-length-huge", lambda r: b"*2\r\n$3\r\nGET\r\n$%d\r\nx" % r.randint(6 * 10**8, 10**12)),
    Kind("bulk-length-negative", lambda r: b"*2\r\n$3\r\nGET\r\n$-%d\r\nkey\r\n" % r.randint(1, 999)),
    Kind("bulk-length-letters", lambda r: b"*2\r\n$3\r\nGET\r\n$" + word(r, 3) + b"\r\nkey\r\n"),
    Kind("bulk-mark-wrong", lambda r: b"*2\r\n$3\r\nGET\r\n" + r.choice([b"+key\r\n", b":12\r\n", b"%1\r\n", b"*1\r\n"])),
    Kind("bulk-shorter-than-data", lambda r: b"*3\r\n$3\r\nSET\r\n$3\r\nkeyword\r\n$2\r\nvalue\r\n"),
    Kind("bulk-beyond-data", lambda r: b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%d\r\nshort\r\n" % r.randint(100, 90000)),
    Kind("inline-oversized", lambda r: b"GET " + word(r, r.randint(66000, 70000)), need=65000),
    Kind("inline-quotes-unbalanced", lambda r: b'SET key "' + word(r) + b"\r\n"),
    Kind("binary-garbage", lambda r: b"*" + noise(r, r.randint(10, 90)).replace(b"\n", b"x") + b"\r\n"),
    Kind("array-line-oversized", lambda r: b"*" + b"1" * r.randint(66000, 68000), need=65000),
    Kind("unknown-command", lambda r: resp(word(r), noise(r, r.randint(3, 60))), wrong=False),
    Kind("arity-wrong", lambda r: resp(b"SET", word(r)), wrong=False),
    Kind("exec-without-multi", lambda r: resp(b"EXEC"), wrong=False),
    Kind("rare-lcs", lambda r: resp(b"LCS", b"item:1", b"item:2"), wrong=False),
    Kind("rare-bitfield", lambda r: resp(b"BITFIELD", b"bits", b"OVERFLOW", b"SAT", b"INCRBY", b"u2", b"%d" % r.randint(0, 2**31), b"1"), wrong=False),
    Kind("rare-eval", lambda r: resp(b"EVAL", b"return string.rep(cjson.encode({1,2}), tonumber(ARGV[1]))", b"0", b"%d" % r.randint(1, 99)), wrong=False),
    Kind("rare-geosearch", lambda r: resp(b"GEOSEARCH", b"places", b"FROMLONLAT", b"15", b"37", b"BYRADIUS", b"200", b"km"), wrong=False),
    Kind("rare-xautoclaim", lambda r: resp(b"XAUTOCLAIM", b"stream", b"group", b"consumer", b"0", b"0-0"), wrong=False),
    Kind("rare-memory-doctor", lambda r: resp(b"MEMORY", b"DOCTOR"), wrong=False),
    Kind("rare-restore", lambda r: resp(b"RESTORE", word(r), b"0", noise(r, r.randint(20, 200))), wrong=False),
    Kind("rare-setrange", lambda r: resp(b"SETRANGE", word(r), b"%d" % r.randint(10**5, 10**6), b"x"), wrong=False),
    Kind("rare-huge-set", lambda r: resp(b"SET", word(r), word(r, r.randint(20000, 60000))), wrong=False),
]


# Memcached: lines of text; a connection whose first byte is 0x80 speaks the binary protocol.

def binary(opcode, key=b"", extras=b"", value=b"", keylen=None, extlen=None, body=None, datatype=0, magic=0x80):
    return struct.pack(">BBHBBHIIQ", magic, opcode, len(key) if keylen is None else keylen, len(extras) if extlen is None else extlen, datatype, 0,
                       len(key) + len(extras) + len(value) if body is None else body, 7, 0) + extras + key + value


MEMCACHED = [
    Kind("key-too-long", lambda r: b"get " + word(r, r.randint(251, 900)) + b"\r\n"),
    Kind("set-length-negative", lambda r: b"set " + word(r) + b" 0 0 -%d\r\nabc\r\n" % r.randint(1, 99)),
    Kind("set-length-letters", lambda r: b"set " + word(r) + b" 0 0 " + word(r, 3) + b"\r\nabc\r\n"),
    Kind("set-length-huge", lambda r: b"set " + word(r) + b" 0 0 %d\r\nabc\r\n" % r.randint(2**31 - 9, 2**33)),
    Kind("set-data-too-long", lambda r: b"set " + word(r) + b" 0 0 4\r\nabcdefghij\r\n"),
    Kind("set-flags-letters", lambda r: b"set " + word(r) + b" red 0 3\r\nabc\r\n"),
    Kind("set-fields-missing", lambda r: b"set " + word(r) + b" 0\r\n"),
    Kind("cas-field-missing", lambda r: b"cas " + word(r) + b" 0 0 3\r\nabc\r\n"),
    Kind("line-oversized", lambda r: b"frob" + word(r, r.randint(2500, 9000)), need=2049),
    Kind("incr-letters", lambda r: b"incr counter:1 " + word(r, 4) + b"\r\n"),
    Kind("meta-flag-wrong", lambda r: b"mg " + word(r) + b" " + noise(r, 4).replace(b"\n", b"a").replace(b"\r", b"a") + b"\r\n"),
    Kind("meta-set-length-letters", lambda r: b"ms " + word(r) + b" S" + word(r, 2) + b"\r\nab\r\n"),
    Kind("unknown-command", lambda r: word(r) + b" " + word(r) + b"\r\n"),
    Kind("binary-opcode-unknown", lambda r: binary(r.choice([0x55, 0x99, 0xee]), word(r)), fresh=True),
    Kind("binary-key-beyond-body", lambda r: binary(0, b"abc", keylen=r.randint(20, 60000), body=3), fresh=True),
    Kind("binary-extras-wrong", lambda r: binary(1, word(r), noise(r, 3), b"value"), fresh=True),
    Kind("binary-body-huge", lambda r: binary(1, word(r), bytes(8), b"value", body=r.randint(2**30, 2**32 - 1)), fresh=True),
    Kind("binary-get-with-value", lambda r: binary(0, word(r), b"", noise(r, 20)), fresh=True),
    Kind("binary-key-missing", lambda r: binary(0), fresh=True),
    Kind("rare-crawler-dump", lambda r: b"lru_crawler metadump all\r\n", wrong=False),
    Kind("rare-stats-slabs", lambda r: b"stats slabs\r\n", wrong=False),
    Kind("rare-gat", lambda r: b"gat 100 item:5 item:6\r\n", wrong=False),
    Kind("rare-slabs-reassign", lambda r: b"slabs reassign 1 4\r\n", wrong=False),
    Kind("rare-cache-limit", lambda r: b"cache_memlimit 32\r\n", wrong=False),
    Kind("rare-meta-get", lambda r: b"mg item:9 s v t f h\r\n", wrong=False),
    Kind("rare-binary-stat", lambda r: binary(0x10), wrong=False, fresh=True),
    Kind("rare-huge-get", lambda r: b"get " + b" ".join(b"item:%d" % r.randint(1, 999) for _ in range(r.randint(150, 220))) + b"\r\n", wrong=False),
]

OF = {"mysql": MYSQL, "pgsql": PGSQL, "redis": REDIS, "memcached": MEMCACHED}


def pick(proto, rng):
    wrong = [k for k in OF[proto] if k.wrong]
    rare = [k for k in OF[proto] if not k.wrong]
    return rng.choice(wrong if rng.random() < 0.75 else rare)


def named(proto, name):
    return next(k for k in OF[proto] if k.name == name)
