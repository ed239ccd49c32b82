"""Valid PostgreSQL sessions, varied, so that every client message occurs."""
import random
import struct
import uuid

import pgsql as p
from trial import Step

PASSWORDS = {"pw": "pwpw", "md5u": "md5pw", "scramu": "scrampw"}
EXTRA = (("application_name", "nightly report"), ("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY"), ("extra_float_digits", "2"),
         ("TimeZone", "Europe/Berlin"), ("options", "-c geqo=off -c statement_timeout=5000"), ("search_path", "public"))
NOT_MUTATED = set()


class Session:
    def __init__(self, name, seed, script):
        self.name, self.seed, self.script = name, seed, script
        self.local = script is s_gss_refused     # only over a Unix socket the server refuses GSS with N

    def steps(self, ctx):
        return self.script(ctx)


def login(c, user="app", password=None, database="judge", extra=None, version=0x30000):
    password = PASSWORDS.get(user, "") if password is None else password
    r = c.rng
    params = [("user", user)] + ([("database", database)] if database else [])
    params += r.sample(EXTRA, r.randint(0, 4)) if extra is None else extra
    if r.random() < 0.2:
        r.shuffle(params)
    nonce = "".join(chr(r.randrange(97, 123)) for _ in range(24))
    yield Step("startup", p.startup(params, version))
    if c.ready:
        return
    if c.auth == 3:
        yield Step("auth password", p.password(password))
    elif c.auth == 5:
        yield Step("auth password", p.password(p.md5(user, password, c.salt)))
    elif c.auth == 10:
        scram = p.Scram(password, nonce)
        yield Step("auth sasl", p.sasl_initial("SCRAM-SHA-256", scram.first()))
        if c.auth == 11:
            yield Step("auth sasl final", p.sasl_response(scram.final(c.sasl)))


def ask(c, *queries):
    for i, sql in enumerate(queries):
        yield Step("query%d %s" % (i, sql[:20]), p.query(sql))


def quit(c):
    yield Step("quit", p.terminate(), silent=True)


QUERIES = ("SELECT 1", "SELECT a, b, c FROM t WHERE a < 3", "SHOW server_version", "SET work_mem = '2MB'", "", "SELECT 1; SELECT 2; SELECT 3",
           "SELECT repeat('x', 5000)", "SELECT NULL, 'a', 2.5, now()", "/* app */ SELECT count(*) FROM t", "BEGIN; SELECT 1; COMMIT",
           "SELECT '" + "long " * 900 + "'", "SELECT 'gr\u00fc\u00dfe'", "DO $$ BEGIN RAISE NOTICE 'hello'; END $$", "LISTEN jobs; NOTIFY jobs, 'x'",
           "SELECT * FROM generate_series(1, 200)", "CREATE TEMP TABLE x (a int)", "COPY t (a, b) TO STDOUT", "SELECT * FROM t LIMIT 0")
WRONG = ("SELEC 1", "SELECT * FROM nothere", "SELECT nocol FROM t", "SELECT 1/0", "INSERT INTO t VALUES (1)", "SELECT 'a'::int",
         "SELECT 1; SELEC 2; SELECT 3", "CREATE ROLE forbidden", "SELECT 'open", "COPY c FROM '/etc/passwd'", "SELECT $1")


def s_queries(c):
    yield from login(c, c.rng.choice(["app", "pw", "md5u", "scramu"]))
    yield from ask(c, *c.rng.sample(QUERIES, 3))
    yield from quit(c)


def s_errors(c):
    yield from login(c)
    yield from ask(c, *c.rng.sample(WRONG, 2), "BEGIN", "SELECT bad", "SELECT 1", "ROLLBACK")


def s_scram(c):
    yield from login(c, "scramu")
    yield from ask(c, "SELECT 1")


def s_md5(c):
    yield from login(c, "md5u")
    yield from ask(c, "SELECT 1")


def s_cleartext(c):
    yield from login(c, "pw")
    yield from ask(c, "SELECT 1")


def s_denied(c):
    kind = c.rng.randrange(3)
    if kind == 0:
        yield from login(c, c.rng.choice(["pw", "md5u", "scramu"]), password="wrong")
    elif kind == 1:
        yield from login(c, "app", database="nodb")
    else:
        yield from login(c, "ghost")


def s_encryption(c):
    yield Step("ssl", p.request("SSLRequest", p.SSL_REQUEST))
    yield from login(c, c.rng.choice(["app", "pw", "scramu"]))
    yield from ask(c, "SELECT 1")


def s_gss_refused(c):
    for what in c.rng.choice([("gss",), ("gss", "ssl"), ("ssl", "gss")]):
        code, kind = (p.SSL_REQUEST, "SSLRequest") if what == "ssl" else (p.GSS_REQUEST, "GSSENCRequest")
        yield Step(what, p.request(kind, code))
    yield from login(c, "app")
    yield from ask(c, "SELECT 1")


def s_gss(c):
    """a client that gets the encryption it asked for; what follows is not PostgreSQL any more"""
    yield Step("gss", p.request("GSSENCRequest", p.GSS_REQUEST))


def s_cancel(c):
    if c.rng.random() < 0.3:
        yield Step("ssl", p.request("SSLRequest", p.SSL_REQUEST))
    yield Step("cancel", p.request("CancelRequest", p.CANCEL_REQUEST, ("pid", 4000000 + c.rng.randrange(1000)), ("key", c.rng.getrandbits(32))),
               silent=True)


def s_minor(c):
    """a newer client: the server offers 3.0 instead"""
    yield from login(c, version=c.rng.choice([0x30002, 0x3270f]), extra=[("_pq_.command_tag", "1")])
    yield from ask(c, "SELECT 1")


def text(*values):
    return [None if v is None else str(v).encode() for v in values]


BINARY = ((21, "int2", struct.pack(">h", -5)), (23, "int4", struct.pack(">i", 70000)), (20, "int8", struct.pack(">q", 1 << 40)),
          (701, "float8", struct.pack(">d", 1.5)), (700, "float4", struct.pack(">f", 0.25)), (25, "text", b"hello"),
          (17, "bytea", bytes(range(40))), (16, "bool", b"\1"), (1114, "timestamp", struct.pack(">q", 7 * 10**14)),
          (1082, "date", struct.pack(">i", 9000)), (2950, "uuid", uuid.UUID(int=7 << 90).bytes),
          (1700, "numeric", struct.pack(">HhHHHH", 2, 0, 0, 2, 12, 3400)), (23, "int4", None),
          (1007, "int4[]", struct.pack(">iiIii", 1, 0, 23, 2, 1) + struct.pack(">iiii", 4, 10, 4, 20)), (114, "json", b'{"a": 1}'))


def s_extended(c):
    yield from login(c)
    n = c.rng.choice([0, 1, 2, 5])
    params = [c.rng.choice(BINARY) for _ in range(n)]
    sql = "SELECT " + (", ".join("$%d::%s" % (i + 1, t[1]) for i, t in enumerate(params)) or "1")
    oids = [t[0] for t in params] if c.rng.random() < 0.6 else []
    name = c.rng.choice(["", "s1", "get_by_id"])
    formats = c.rng.choice([(1,), tuple([1] * n)]) if n else ()
    results = c.rng.choice([(), (0,), (1,)])
    b = p.bind("", name, [t[2] for t in params], formats, results)
    if c.rng.random() < 0.5:
        yield Step("parse", p.parse(name, sql, oids), p.describe("S", name), p.sync())
        yield Step("bind", b, p.describe("P", ""), p.execute(), p.sync())
    else:
        yield Step("all", p.parse(name, sql, oids), b, p.describe("P", ""), p.execute(), p.sync())
    if name:
        yield Step("again", p.bind("", name, [t[2] for t in params], formats, results), p.execute(), p.sync())
        yield Step("close", p.close("S", name), p.sync())
    yield from quit(c)


def s_text_params(c):
    yield from login(c, c.rng.choice(["app", "scramu"]))
    yield Step("one", p.parse("", "SELECT a, b FROM t WHERE a > $1 AND b = $2", c.rng.choice([(), (23, 25), (0, 0)])),
               p.bind("", "", text(0, c.rng.choice(["one", None, "x" * 2000])), c.rng.choice([(), (0,), (0, 0)]), ()), p.describe("P", ""), p.execute(),
               p.sync())
    yield Step("two", p.parse("", "SELECT $1::text || $2"), p.bind("", "", text("a", "b")), p.execute(), p.sync())


def s_portal(c):
    """rows in portions, with Flush instead of Sync"""
    yield from login(c)
    yield from ask(c, "BEGIN")
    yield Step("open", p.parse("g", "SELECT * FROM generate_series(1, $1)"), p.bind("cur", "g", text(10)), p.execute("cur", 3), p.flush())
    yield Step("more", p.execute("cur", 3), p.flush())
    yield Step("rest", p.execute("cur", 0), p.close("P", "cur"), p.sync())
    yield from ask(c, "COMMIT")


def s_pipeline(c):
    yield from login(c)
    many = []
    for i in range(c.rng.randint(2, 5)):
        many += [p.parse("", "SELECT $1::int + %d" % i), p.bind("", "", text(i)), p.execute()]
    yield Step("pipeline", *many, p.sync())
    yield Step("two syncs", p.parse("", "SELECT 1"), p.bind("", ""), p.execute(), p.sync(), p.parse("", "SELECT 2"), p.bind("", ""), p.execute(), p.sync())
    yield Step("failing", p.parse("", "SELECT 1/$1::int"), p.bind("", "", text(0)), p.execute(), p.bind("", "", text(1)), p.execute(), p.sync())


def rows(c, n):
    return b"".join(b"%d\tline %d\n" % (i, i) for i in range(n))


def s_copy(c):
    yield from login(c)
    yield from ask(c, "BEGIN")
    yield Step("copy", p.query("COPY c FROM STDIN"))
    if c.copy == "in":
        parts = [p.copy_data(rows(c, c.rng.choice([1, 10, 200]))) for _ in range(c.rng.randint(1, 3))]
        if c.rng.random() < 0.5:
            for x in parts:
                yield Step("data", x, silent=True)
            parts = []
        yield Step("end", *parts, p.copy_fail("changed my mind") if c.rng.random() < 0.35 else p.copy_done())
    yield from ask(c, "ROLLBACK", "SELECT 1")


def s_copy_binary(c):
    yield from login(c)
    yield from ask(c, "BEGIN")
    yield Step("copy", p.query("COPY c FROM STDIN (FORMAT binary)"))
    if c.copy == "in":
        row = struct.pack(">hiii", 2, 4, 7, 5) + b"seven"
        yield Step("end", p.copy_data(b"PGCOPY\n\xff\r\n\0" + bytes(8)), p.copy_data(row * 3), p.copy_data(b"\xff\xff"), p.copy_done())
    yield from ask(c, "ROLLBACK")


def s_copy_extended(c):
    yield from login(c)
    yield from ask(c, "BEGIN")
    yield Step("copy", p.parse("", "COPY c FROM STDIN"), p.bind("", ""), p.execute(), p.flush())
    if c.copy == "in":
        yield Step("end", p.copy_data(rows(c, 5)), p.copy_done(), p.sync())
    yield from ask(c, "ROLLBACK")


def s_function(c):
    yield from login(c)
    every = [p.function_call(177, (1,), [struct.pack(">i", 2), struct.pack(">i", 3)], 1),
             p.function_call(1258, (0,), [b"one ", b"two"], 0),
             p.function_call(177, (1, 0), [struct.pack(">i", 2), b"40"], 0),
             p.function_call(1317, (), [b"length of this"], 1),
             p.function_call(1374, (), [None], 0)]
    for i, m in enumerate(c.rng.sample(every, 3)):
        yield Step("call%d" % i, m)


def column(row, number):
    """one column of a DataRow, as text"""
    at = 2
    for _ in range(number):
        at += 4 + max(0, struct.unpack(">i", row[at:at + 4])[0])
    return row[at + 4:at + 4 + struct.unpack(">i", row[at:at + 4])[0]].decode()


def s_replication(c):
    mode = c.rng.choice(["true", "database"])
    yield from login(c, "repl", database="judge" if mode == "database" else None, extra=[("replication", mode)])
    yield from ask(c, "IDENTIFY_SYSTEM")
    at = next((column(body, 2) for letter, body in c.replies if letter == "D"), "0/1000000")
    yield from ask(c, "SHOW wal_level")
    if c.rng.random() < 0.3:
        return
    yield Step("start", p.query("START_REPLICATION PHYSICAL %s" % at))
    if c.copy == "both":
        now = 7 * 10**14
        lsn = 0x1000000
        yield Step("status", p.copy_data(b"r" + struct.pack(">QQQqB", lsn, lsn, lsn, now, 1)))
        yield Step("feedback", p.copy_data(b"h" + struct.pack(">qIIII", now, 0, 0, 0, 0)), silent=True)
        yield Step("done", p.copy_done())
    yield from quit(c)


def s_prepared_errors(c):
    yield from login(c)
    yield Step("unknown", p.bind("", "nothere"), p.execute(), p.sync())
    yield Step("syntax", p.parse("", "SELEC 1"), p.bind("", ""), p.execute(), p.sync())
    yield Step("value", p.parse("", "SELECT $1::int"), p.bind("", "", text("abc")), p.execute(), p.sync())
    yield Step("fine", p.parse("", "SELECT $1::int"), p.bind("", "", text("5")), p.execute(), p.sync())


SCRIPTS = ((s_queries, 8), (s_errors, 4), (s_scram, 4), (s_md5, 3), (s_cleartext, 3), (s_denied, 5), (s_encryption, 4), (s_gss_refused, 4), (s_gss, 1), (s_cancel, 4), (s_minor, 2),
           (s_extended, 14), (s_text_params, 5), (s_portal, 3), (s_pipeline, 4), (s_copy, 8), (s_copy_binary, 3), (s_copy_extended, 3),
           (s_function, 5), (s_replication, 5), (s_prepared_errors, 3))


def sessions(seed):
    rng = random.Random(seed)
    return [Session("%s-%d" % (f.__name__[2:], k), rng.getrandbits(32), f) for f, n in SCRIPTS for k in range(n)]
