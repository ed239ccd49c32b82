"""Valid MySQL sessions, varied, so that every client message occurs."""
import random
import ssl

import mysql as m
from message import Build, Message
from trial import Step

ATTRS = {"_client_name": "judge", "_os": "Linux", "_pid": "4711", "program_name": "nightly report"}
PASSWORDS = {"nat": "natpw", "ed": "edpw", "nopw": "", "repl": "replpw"}


class Session:
    local = False

    def __init__(self, name, seed, script):
        self.name, self.seed, self.script = name, seed, script

    def steps(self, ctx):
        return self.script(ctx)


def raw(kind, data):
    return Message(kind, data, [], "raw")


def login(c, user="nat", password=None, **kw):
    password = PASSWORDS.get(user, "x") if password is None else password
    caps = kw.pop("caps", m.BASE)
    r = c.rng
    for bit in (m.DEPRECATE_EOF, m.SESSION_TRACK, m.FOUND_ROWS, m.INTERACTIVE, m.LENENC_AUTH):
        caps |= bit if r.random() < 0.4 else 0
    kw.setdefault("db", r.choice([None, "judge", "judge"]))
    kw.setdefault("attrs", r.choice([None, ATTRS, {}]))
    kw.setdefault("charset", r.choice([8, 33, 45, 224]))
    yield Step("login", m.handshake_response(c, user, password, caps, **kw))
    for _ in range(3):
        if c.switch is None or c.logged_in:
            break
        yield Step("auth", m.auth_response(c))


def ask(c, *queries):
    for i, sql in enumerate(queries):
        yield Step("query%d %s" % (i, sql[:20]), m.query(c, sql))


def quit(c):
    yield Step("quit", m.command(c, "QUIT"), silent=True)


QUERIES = ("SELECT 1", "SELECT a, b, c FROM judge.t WHERE a < 3", "SHOW VARIABLES LIKE 'version%'", "SET @x = 5", "DO 1",
           "SELECT @@version_comment LIMIT 1", "SELECT REPEAT('x', 3000)", "SHOW WARNINGS", "SELECT NULL, 'a', 2.5, NOW()",
           "/* app */ SELECT COUNT(*) FROM judge.t", "BEGIN", "ROLLBACK", "SELECT 'it''s', \"q\"", "SET NAMES utf8mb4",
           "SELECT '" + "long " * 900 + "'", "SELECT 'gr\u00fc\u00dfe'", "SELECT * FROM judge.t LIMIT 0")
WRONG = ("SELEC 1", "SELECT * FROM nothere", "SELECT nocol FROM judge.t", "INSERT INTO judge.t VALUES (1)", "", "USE nodb",
         "SELECT 1 FROM", "CREATE DATABASE forbidden", "SELECT 'open")


def s_queries(c):
    yield from login(c, c.rng.choice(["nat", "ed", "nopw"]))
    yield from ask(c, *c.rng.sample(QUERIES, 3))
    yield from quit(c)


def s_errors(c):
    yield from login(c, "nat")
    yield from ask(c, *c.rng.sample(WRONG, 2), "SELECT 1")


def s_multi(c):
    yield from login(c, "nat", caps=m.BASE | m.MULTI_STATEMENTS)
    yield from ask(c, "SELECT 1; SELECT 2", "SET @a=1; SELECT @a; DO 2")
    yield Step("option", m.command(c, "SET_OPTION", lambda b: b.num("option", 1, 2)))
    yield from quit(c)


def s_switch(c):
    user = c.rng.choice(["nat", "ed"])
    other = {"nat": "client_ed25519", "ed": "mysql_native_password"}[user]
    yield from login(c, user, plugin=c.rng.choice([other, "mysql_clear_password"]))
    yield from ask(c, "SELECT USER()")


def s_denied(c):
    yield from login(c, c.rng.choice(["nat", "ed", "ghost"]), password="wrong")


def s_nodb(c):
    yield from login(c, "nat", db=c.rng.choice(["nodb", "mysql", ""]))


def s_plain(c):
    """the oldest client that is still let in: no plugin, no attributes"""
    yield from login(c, "nat", caps=m.BASE & ~m.PLUGIN_AUTH, attrs=None)
    yield from ask(c, "SELECT 1")
    yield Step("db", m.command(c, "INIT_DB", lambda b: b.text("database", "judge")))


def s_commands(c):
    yield from login(c, c.rng.choice(["nat", "nopw"]))
    def num(name, v, n):
        return lambda b: b.num(name, v, n)
    every = [Step("ping", m.command(c, "PING")),
             Step("stat", m.command(c, "STATISTICS")),
             Step("process", m.command(c, "PROCESS_INFO")),
             Step("db", m.command(c, "INIT_DB", lambda b: b.text("database", "judge"))),
             Step("fields", m.command(c, "FIELD_LIST", lambda b: (b.cstr("table", "t"), b.text("wild", c.rng.choice(["", "a%"]))))),
             Step("option", m.command(c, "SET_OPTION", num("option", c.rng.randrange(2), 2))),
             Step("reset", m.command(c, "RESET_CONNECTION"))]
    yield Step("db0", m.command(c, "INIT_DB", lambda b: b.text("database", "judge")))
    yield from c.rng.sample(every, 5)
    yield from quit(c)


def s_change_user(c):
    yield from login(c, "nat", attrs=c.rng.choice([ATTRS, None]))
    user = c.rng.choice(["nopw", "nat", "ed", "nat"])
    yield Step("change", m.change_user(c, user, PASSWORDS[user], attrs=ATTRS))
    if c.switch is not None:
        yield Step("change auth", m.auth_response(c))
    yield from ask(c, "SELECT CURRENT_USER()")


PARAMS = ((1, 5), (1, None), (2, -300), (13, 2024), (3, 70000), (9, 5), (8, 1 << 40), (4, 1.5), (5, -2.25), (6, None),
          (253, "text"), (254, "x" * 10), (15, "var"), (252, "blob\0data"), (246, "12.50"), (10, m.date(2024, 2, 29)),
          (12, m.date(2024, 2, 29, 12, 30, 1)), (7, m.date(2023, 1, 1, 1, 2, 3, 400)), (11, (0, 1, 2, 3, 4, 0)),
          (11, (1, 0, 2, 3, 4, 5000)), (253, "y" * 300), (12, None), (249, "tiny"), (251, "long"), (16, "\1"))


def s_prepared(c):
    yield from login(c, c.rng.choice(["nat", "ed"]))
    n = c.rng.choice([0, 1, 3, 4, 9])
    params = [c.rng.choice(PARAMS) for _ in range(n)]
    sql = "SELECT " + (", ".join("?" * n) if n else "42")
    yield Step("prepare", m.prepare(c, sql))
    i = c.take_stmt()
    yield Step("execute", m.execute(c, i, params))
    if n:
        yield Step("again", m.execute(c, i, params, types=False))
        yield Step("new types", m.execute(c, i, [c.rng.choice(PARAMS) for _ in range(n)]))
    if c.rng.random() < 0.5:
        yield Step("stmt reset", m.stmt(c, "STMT_RESET", i))
    yield Step("close", m.stmt(c, "STMT_CLOSE", i), silent=True)
    yield from ask(c, "SELECT 1")


def s_insert(c):
    yield from login(c, "nat", db="judge")
    yield from ask(c, "CREATE TEMPORARY TABLE p (i INT, s VARCHAR(200), d DATETIME, f DOUBLE, n DECIMAL(8,2))")
    yield Step("prepare", m.prepare(c, "INSERT INTO p VALUES (?, ?, ?, ?, ?)"))
    i = c.take_stmt()
    for k in range(2):
        yield Step("insert%d" % k, m.execute(c, i, [(3, k), (253, "row %d" % k), (12, m.date(2024, 5, 6, 7, 8, 9)),
                                                    (5, 0.5), (246, "3.25")], types=k == 0))
    yield Step("close and query", m.stmt(c, "STMT_CLOSE", i), m.query(c, "SELECT COUNT(*) FROM p"))


def s_cursor(c):
    yield from login(c, "nat", db="judge")
    yield Step("prepare", m.prepare(c, "SELECT a, b FROM t WHERE a > ?"))
    i = c.take_stmt()
    yield Step("open", m.execute(c, i, [(3, 0)], cursor=1))
    yield Step("fetch", m.stmt(c, "STMT_FETCH", i, ("rows", 2, 4)))
    yield Step("fetch more", m.stmt(c, "STMT_FETCH", i, ("rows", 100, 4)))
    yield Step("stmt reset", m.stmt(c, "STMT_RESET", i))
    yield Step("close", m.stmt(c, "STMT_CLOSE", i), silent=True)


def long_data(c, i, param, data):
    return m.command(c, "STMT_SEND_LONG_DATA", lambda b: b.num("statement", i, 4).num("param", param, 2).bin("data", data))


def s_long_data(c):
    yield from login(c, "nat")
    yield Step("prepare", m.prepare(c, "SELECT LENGTH(?), ?"))
    i = c.take_stmt()
    yield Step("long", long_data(c, i, 0, b"first part " * c.rng.randint(1, 300)), silent=True)
    yield Step("long and execute", long_data(c, i, 0, b"second"), m.execute(c, i, [(252, ...), (3, 7)]))
    yield Step("stmt reset", m.stmt(c, "STMT_RESET", i))


def s_load(c):
    yield from login(c, "nat", db="judge", caps=m.BASE | m.LOCAL_FILES)
    yield from ask(c, "CREATE TEMPORARY TABLE l (a INT, b VARCHAR(100))")
    yield Step("load", m.query(c, "LOAD DATA LOCAL INFILE 'rows.tsv' INTO TABLE l"))
    if c.infile:
        parts, seq = [], c.seq
        for k in range(c.rng.randint(1, 4)):
            data = b"".join(b"%d\tline %d\n" % (j, j) for j in range(c.rng.choice([1, 20, 200])))
            parts.append(m.packet("InfileData", seq, Build("little").text("data", data), c.wrap()))
            seq += 1
        if c.rng.random() < 0.3:
            for p in parts:
                yield Step("data", p, silent=True)
            parts = []
        yield Step("data and end", *parts, m.packet("InfileEnd", seq, Build("little"), c.wrap()))
    yield from ask(c, "SELECT COUNT(*) FROM l")


def s_replica(c):
    yield from login(c, "repl")
    sid = random.randrange(1000, 1 << 31)
    yield from ask(c, "SET @master_binlog_checksum='CRC32'", "SELECT UNIX_TIMESTAMP()")
    def register(b):
        b.num("server_id", sid, 4)
        for name, text in (("host", "replica7"), ("user", "repl"), ("password", "")):
            b.num(name + ".len", len(text), 1, "ilen").text(name, text)
        b.num("port", 3306, 2).num("rank", 0, 4).num("master_id", 0, 4)
    yield Step("register", m.command(c, "REGISTER_SLAVE", register))
    yield Step("dump", m.command(c, "BINLOG_DUMP", lambda b: b.num("position", 4, 4).num("flags", 1, 2).num(
        "server_id", sid, 4).text("file", "judge-bin.000001")))


def s_compressed(c):
    yield from login(c, c.rng.choice(["nat", "ed"]), caps=m.BASE | m.COMPRESS | m.LOCAL_FILES)
    yield from ask(c, *c.rng.sample(QUERIES, 2))
    yield Step("prepare", m.prepare(c, "SELECT ?, 'some text that is long enough to be compressed', ?"))
    i = c.take_stmt()
    yield Step("execute", m.execute(c, i, [(253, "abc" * 40), (3, 9)]))
    yield Step("close and ping", m.stmt(c, "STMT_CLOSE", i), m.command(c, "PING"))
    yield from quit(c)


def s_bulk(c):
    caps = m.BASE & ~m.LONG_PASSWORD
    yield from login(c, "nat", db="judge", caps=caps, ext=m.EXT_BULK)
    yield from ask(c, "CREATE TEMPORARY TABLE u (i INT, s VARCHAR(60))")
    yield Step("prepare", m.prepare(c, "INSERT INTO u VALUES (?, ?)"))
    i = c.take_stmt()
    rows = [(k, None if k % 3 == 2 else "name %d" % k) for k in range(c.rng.randint(1, 6))]
    yield Step("bulk", m.bulk_execute(c, i, (3, 253), rows))
    yield Step("bulk again", m.bulk_execute(c, i, (3, 253), rows[:2], send_types=False))
    yield Step("close and query", m.stmt(c, "STMT_CLOSE", i), m.query(c, "SELECT COUNT(*) FROM u"))


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(incoming, outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def s_tls(c):
    b = Build("little").num("capabilities", m.BASE | m.SSL, 4).num("max_packet", 1 << 24, 4).num("charset", 45, 1)
    b.bin("filler", bytes(23))
    c.caps = 0
    yield Step("ssl request", m.packet("SSLRequest", c.seq, b), silent=True)
    yield Step("hello", raw("ClientHello", client_hello()))


SCRIPTS = ((s_queries, 8), (s_errors, 3), (s_multi, 2), (s_switch, 5), (s_denied, 3), (s_nodb, 2), (s_plain, 2), (s_commands, 8),
           (s_change_user, 6), (s_prepared, 14), (s_insert, 3), (s_cursor, 4), (s_long_data, 4), (s_load, 6), (s_replica, 4),
           (s_compressed, 6), (s_bulk, 4), (s_tls, 2))
NOT_MUTATED = {"ClientHello"}


def sessions(seed):
    rng = random.Random(seed)
    return [Session("%s-%d" % (f.__name__[2:], k), rng.getrandbits(32), f) for f, n in SCRIPTS for k in range(n)]
