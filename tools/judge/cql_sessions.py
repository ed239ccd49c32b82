"""Valid sessions of Cassandra's native protocol, varied, so that every form of request occurs."""
import random
import struct
import time

import cql as p
from trial import Step, Wire

NOT_MUTATED = set()


class Session:
    local = False

    def __init__(self, name, seed, script):
        self.name, self.seed, self.script = name, seed, script

    def steps(self, ctx):
        ctx.prefix = self.name
        return self.script(ctx)


def number(n):
    return struct.pack(">i", n)


def startup(c):
    c.version = c.rng.choice([3, 4, 4, 5, 5])
    words = {"CQL_VERSION": "3.0.0"}
    if c.rng.random() < 0.3:
        words["COMPRESSION"], c.codec = "lz4", True
    if c.rng.random() < 0.5:
        words.update(DRIVER_NAME="judge", DRIVER_VERSION="1.0")
    b = p.Body().num("options.count", len(words), 2, "count")
    for i, (k, v) in enumerate(words.items()):
        b.string("option%d" % i, k).string("setting%d" % i, v)
    return p.envelope(c, "STARTUP", b)


def login(c, password="judgepw"):
    if c.rng.random() < 0.3:
        c.version = 4
        yield Step("options", p.envelope(c, "OPTIONS"))
    yield Step("startup", startup(c))
    yield Step("auth", p.envelope(c, "AUTH_RESPONSE", p.Body().bytes("token", b"\0judge\0" + password.encode())))


def query(c, text, **more):
    b = p.Body().long_string("query", text)
    p.Parameters(**more).write(b, c.version)
    payload = {"trace": b"1"} if c.version >= 4 and c.rng.random() < 0.1 else None
    return p.envelope(c, "QUERY", b, flags=4 if payload else 0, payload=payload)


def prepare(c, text, keyspace=None):
    b = p.Body().long_string("query", text)
    if c.version >= 5:
        b.num("flags", int(bool(keyspace)), 4)
        if keyspace:
            b.string("keyspace", keyspace)
    return p.envelope(c, "PREPARE", b)


def short(data, at):
    n = struct.unpack(">H", data[at:at + 2])[0]
    return data[at + 2:at + 2 + n], at + 2 + n


def prepared(c):
    """(statement id, result metadata id) that the server has just said"""
    body = c.body(c.last[-1]) if c.last else b""
    if body[:4] != number(4):
        return bytes(16), bytes(16)
    name, at = short(body, 4)
    return name, short(body, at)[0] if c.version >= 5 else b""


def execute(c, ids, **more):
    b = p.Body().short_bytes("id", ids[0])
    if c.version >= 5:
        b.short_bytes("result id", ids[1])
    p.Parameters(**more).write(b, c.version)
    return p.envelope(c, "EXECUTE", b)


def batch(c, statements, kind=0, **more):
    b = p.Body().num("type", kind, 1).num("statements", len(statements), 2, "count")
    for i, (what, values) in enumerate(statements):
        b.num("kind%d" % i, int(isinstance(what, bytes)), 1)
        if isinstance(what, bytes):
            b.short_bytes("id%d" % i, what)
        else:
            b.long_string("query%d" % i, what)
        b.num("values%d" % i, len(values), 2, "count")
        for v in values:
            b.bytes("value", v)
    b.num("consistency", 1, 2)
    p.Parameters(**more).write(b, c.version, batch=True)
    return p.envelope(c, "BATCH", b)


def queries(c):
    r, text = c.rng, "".join(chr(c.rng.randrange(97, 123)) for _ in range(c.rng.choice([0, 3, 40, 700])))
    key = r.randrange(50)
    return [
        query(c, "select * from judge.t"), query(c, "select b, c from judge.t where a = %d" % key),
        query(c, "select b from judge.t where a = ?", values=[number(key)]),
        query(c, "insert into judge.t (a, b, d) values (?, ?, ?)", values=[number(key), text.encode(), r.randbytes(r.randrange(50))]),
        query(c, "insert into judge.t (a, b) values (?, ?)", values=[number(key), None]),
        query(c, "insert into judge.t (a, b) values (:x, :y)", values=[number(key), b"named"], names=["x", "y"]),
        query(c, "select a from judge.t", page=r.randrange(1, 5)), query(c, "select a from judge.t", skip=True),
        query(c, "update judge.t set b = 'x' where a = %d" % key, timestamp=r.randrange(1 << 40)),
        query(c, "insert into judge.t (a) values (%d) if not exists" % key, serial=9, consistency=4),
        query(c, "select * from t where a = 1", keyspace="judge") if c.version >= 5 else query(c, "select now() from system.local"),
        query(c, "delete from judge.t where a = %d" % key, now=1700000000 if c.version >= 5 else None),
        query(c, "use judge"), query(c, "select release_version from system.local"), query(c, "insert into judge.t (a, b) values (%d, '%s')" % (key, text)),
        p.envelope(c, "OPTIONS"),
    ]


def wrong(c):
    return [query(c, "selec"), query(c, ""), query(c, "select * from judge.nosuch"), query(c, "select * from judge.t where a = ?", values=[b"four5"]),
            query(c, "select * from judge.t where a = ?", values=[]), query(c, "insert into judge.t (a) values ('x')"), prepare(c, "select ? from"),
            execute(c, (bytes(16), bytes(16)), values=[]), query(c, "select a from judge.t", consistency=3)]


def ask(c, makers):
    for i, m in enumerate(makers):
        yield Step("ask%d" % i, m)


def s_queries(c):
    yield from login(c)
    yield from ask(c, c.rng.sample(queries(c), 5))


def s_errors(c):
    yield from login(c)
    yield from ask(c, c.rng.sample(wrong(c), 3))
    yield Step("good", c.rng.choice(queries(c)))


def s_prepared(c):
    yield from login(c)
    yield Step("prepare", prepare(c, c.rng.choice(["insert into judge.t (a, b, c) values (?, ?, ?)"] if c.rng.random() < .5 else
                                                  ["insert into judge.t (a, b, c) values (:a, :b, :c) using ttl 100"])))
    ids = prepared(c)
    for i in range(2):
        yield Step("execute%d" % i, execute(c, ids, values=[number(i), b"text" * c.rng.randrange(30), None if c.version < 4 or c.rng.random() < .5 else "unset"],
                                            timestamp=c.rng.choice([None, 5]), serial=c.rng.choice([None, 8])))
    yield Step("prepare2", prepare(c, "select * from t", "judge") if c.version >= 5 else prepare(c, "select * from judge.t"))
    ids = prepared(c)
    yield Step("page", execute(c, ids, page=2, skip=c.rng.random() < .5))


def s_paging(c):
    yield from login(c)
    yield Step("first", query(c, "select a, b from judge.t", page=2))
    body, state = c.body(c.last[-1]) if c.last else b"", b""
    if body[:4] == number(2) and struct.unpack(">I", body[4:8])[0] & 2:
        n = struct.unpack(">i", body[12:16])[0]
        state = body[16:16 + max(0, n)]
    yield Step("second", query(c, "select a, b from judge.t", page=2, state=state))


def s_batch(c):
    yield from login(c)
    yield Step("prepare", prepare(c, "insert into judge.t (a, b) values (?, ?)"))
    ids = prepared(c)
    many = [(ids[0], [number(i), b"x" * i]) if c.rng.random() < .5 else ("insert into judge.t (a) values (?)", [number(i)]) for i in range(c.rng.randrange(1, 6))]
    yield Step("batch", batch(c, many, c.rng.randrange(2), timestamp=c.rng.choice([None, 9]), serial=c.rng.choice([None, 8])))
    yield Step("plain", batch(c, [("delete from judge.t where a = 77", [])], c.rng.randrange(2), keyspace=c.rng.choice([None, "judge"])))
    yield Step("empty", batch(c, []))


def s_events(c):
    yield from login(c)
    yield Step("register", p.envelope(c, "REGISTER", p.Body().strings("event", c.rng.sample(["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"], 2))))
    yield Step("after", c.rng.choice(queries(c)))


def s_pipeline(c):
    yield from login(c)
    many = c.rng.sample(queries(c), c.rng.randrange(2, 6))
    yield Step("pipeline", *many)
    yield Step("after", p.envelope(c, "OPTIONS"))


def s_denied(c):
    yield from login(c, "wrong")


def s_large(c):
    yield from login(c)
    size = c.rng.choice([5000, 100001])
    yield Step("large", query(c, "insert into judge.t (a, d) values (?, ?)", values=[number(900), b"ab" * size]))
    yield Step("read", query(c, "select a from judge.t where a = 900"))


def furnish(server):
    """Makes what the sessions work with, once the server lets its first user in."""
    end = time.time() + 60
    while True:
        wire = Wire(server)
        c = p.Context(wire, random.Random(1), server)
        steps = [p.envelope(c, "STARTUP", p.Body().num("n", 1, 2).string("k", "CQL_VERSION").string("v", "3.0.0")),
                 p.envelope(c, "AUTH_RESPONSE", p.Body().bytes("token", b"\0cassandra\0cassandra"))]
        steps += [query(c, text) for text in (
            "create role if not exists judge with password = 'judgepw' and login = true and superuser = true",
            "create keyspace if not exists judge with replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "create table if not exists judge.t (a int primary key, b text, c text, d blob)",
            *("insert into judge.t (a, b) values (%d, 'row')" % i for i in range(12)))]
        errors = []
        for m in steps:
            wire.send(m.wire())
            wire.read(30, c.whole, 0.2)
            errors = c.digest()[1]
            if errors:
                break
        wire.shut()
        if not errors:
            return
        if time.time() > end:
            raise SystemExit("judge: Cassandra refuses: %s" % errors)
        time.sleep(1)


SCRIPTS = (s_queries, s_errors, s_prepared, s_paging, s_batch, s_events, s_pipeline, s_denied, s_large)
MANY = {s_queries: 24, s_prepared: 16, s_batch: 14, s_errors: 10, s_pipeline: 10}


def sessions(seed):
    rng, out = random.Random(seed), []
    for script in SCRIPTS:
        for i in range(MANY.get(script, 6)):
            out.append(Session("%s-%d" % (script.__name__[2:], i), rng.getrandbits(48), script))
    return out
