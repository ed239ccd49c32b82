#!/usr/bin/env python3
"""Small sessions of the Python driver, and of a client without a driver.

usage: cql.py HOST STORY VERSION [COMPRESSION]
"""
import decimal
import socket
import struct
import sys
import time

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import RoundRobinPolicy
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, SimpleStatement

HOST, STORY, VERSION = sys.argv[1], sys.argv[2], int(sys.argv[3])
COMPRESSION = sys.argv[4] if len(sys.argv) > 4 else False
WORDS = PlainTextAuthProvider("app", "app-word")


def cluster(version=VERSION, auth=None, **more):
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=30)
    return Cluster([HOST], protocol_version=version, compression=COMPRESSION, auth_provider=auth, schema_metadata_enabled=False,
                   token_metadata_enabled=False, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, **more)


def refused(call, *arguments):
    try:
        call(*arguments)
    except Exception as e:  # every refusal is one of the driver's exceptions
        print(type(e).__name__)
        return
    raise SystemExit("should have been refused")


def prepare():
    with cluster(auth=PlainTextAuthProvider("cassandra", "cassandra")) as c:
        s = c.connect()
        s.execute("create keyspace if not exists shop with replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        s.execute("create table if not exists shop.page (id int primary key, title text, words list<text>, price decimal, body blob)")
        s.execute("create table if not exists shop.visits (id int primary key, n counter)")
        s.execute("create type if not exists shop.address (street text, zip int)")
        s.execute("create table if not exists shop.types (id int primary key, a ascii, b bigint, c boolean, d date, e double, f float, g inet,"
                  " h frozen<list<frozen<map<text, frozen<set<int>>>>>>, i smallint, j time, k timestamp, l timeuuid, m tinyint, n varint,"
                  " o frozen<address>, p frozen<tuple<int, text, uuid>>, q vector<float, 3>, r uuid, s duration)")
        for i in range(60):
            s.execute("insert into shop.page (id, title) values (%s, %s)", (i, "page number %d" % i))
        try:
            s.execute("create role if not exists app with password = 'app-word' and login = true")
        except Exception:
            pass  # without logins there are no roles


def session(s):
    """A little of everything."""
    s.set_keyspace("shop")
    insert = s.prepare("insert into page (id, title, words, price, body) values (?, ?, ?, ?, ?)")
    for i in range(100, 108):
        s.execute(insert, (i, "title %d" % i, ["one", "two"], decimal.Decimal("12.50"), b"\0" * i))
    s.execute("insert into page (id, title) values (%s, %s)", (200, "Möwe"))
    print(len(s.execute("select id, title from page").all()))
    refused(s.execute, "selec")
    refused(s.execute, "select * from nothing")
    s.execute("update visits set n = n + 1 where id = 1")


def simple():
    with cluster() as c:
        session(c.connect())


def types():
    with cluster() as c:
        s = c.connect("shop")
        s.execute("insert into types (id, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s) values (1, 'a', 2, true, '2024-02-29', 1.5, 2.5,"
                  " '::1', [{'x': {1, 2}}], 3, '12:00:00', '2024-01-01', now(), 4, 5, {street: 'High Street', zip: 7},"
                  " (1, 'two', 3e0ee2b4-0b0e-4c4d-8b0c-7a1c1b1a1d1e), [1.0, 2.0, 3.0], uuid(), 1mo2d3h)")
        s.execute("insert into types (id) values (2)")
        print(len(s.execute("select * from types").all()))
        statement = s.prepare("select * from types where id = ?")
        s.execute(statement, (1,))
        s.execute(statement, (2,))
        s.execute("alter table page add extra text")
        s.execute("alter table page drop extra")


def paging():
    with cluster() as c:
        s = c.connect("shop")
        print(len(list(s.execute(SimpleStatement("select id, title from page", fetch_size=11)))))
        statement = s.prepare("select id from page")
        statement.fetch_size = 25
        print(len(list(s.execute(statement))))


def batch():
    with cluster() as c:
        s = c.connect("shop")
        insert = s.prepare("insert into page (id, title) values (?, ?)")
        for kind in BatchType.LOGGED, BatchType.UNLOGGED:
            b = BatchStatement(batch_type=kind, consistency_level=ConsistencyLevel.ONE)
            b.add(insert, (300, "three hundred"))
            b.add("insert into page (id) values (301)")
            b.add(SimpleStatement("delete from page where id = %s"), (302,))
            s.execute(b)
        b = BatchStatement(batch_type=BatchType.COUNTER)
        b.add("update visits set n = n + 5 where id = 2")
        s.execute(b)
        refused(s.execute, b.add("insert into page (id) values (303)"))


def parameters():
    with cluster() as c:
        s = c.connect("shop")
        insert = s.prepare("insert into page (id, title, words) values (?, ?, ?)")
        s.execute(insert, (400, UNSET_VALUE if VERSION >= 4 else None, None))
        s.execute("select title from page where id = %(id)s", {"id": 400})
        once = SimpleStatement("insert into page (id) values (401) if not exists", serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL)
        s.execute(once)
        s.execute(once)
        s.execute_async("select title from page where id = 1", custom_payload={"trace": b"1"} if VERSION >= 4 else None).result()
        print(s.execute("select title from page where id = 1", trace=True).get_query_trace().duration)
        s.execute("select count(*) from page", timeout=20)


def errors():
    with cluster() as c:
        s = c.connect("shop")
        for text in ("select", "select nothing from page", "insert into page (id) values ('x')", "use nothing",
                     "create table page (id int primary key)", "create keyspace shop with replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
                     "drop table nothing", "truncate nothing"):
            refused(s.execute, text)
        refused(s.execute, SimpleStatement("select id from page", consistency_level=ConsistencyLevel.THREE))
        refused(s.prepare, "select ? from")


def streams():
    with cluster() as c:
        s = c.connect("shop")
        for answer in [s.execute_async("select title from page where id = %d" % i) for i in range(400)]:
            answer.result()


def large():
    with cluster() as c:
        s = c.connect("shop")
        s.execute(s.prepare("insert into page (id, body) values (?, ?)"), (500, b"0123456789abcdef" * 10000))
        print(len(s.execute("select body from page where id = 500").one().body))


def events():
    with cluster() as c:
        s = c.connect("shop")
        s.execute("create table if not exists gone (id int primary key)")
        s.execute("alter type address add country text")
        s.execute("drop table gone")
        s.execute("create keyspace if not exists other with replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        s.execute("drop keyspace other")
        time.sleep(1.5)


def login():
    with cluster(auth=WORDS) as c:
        s = c.connect("shop")
        print(s.execute("select title from page where id = 1").one())
    for auth in PlainTextAuthProvider("app", "not-the-word"), PlainTextAuthProvider("nobody", "word"), None:
        try:
            with cluster(auth=auth) as c:
                c.connect()
            raise SystemExit("should have been refused")
        except NoHostAvailable as e:
            print("refused")


def work():
    """At work for two seconds."""
    with cluster() as c:
        s = c.connect("shop")
        statement = s.prepare("select id, title, body from page where id = ?")
        end = time.time() + 2.5
        while time.time() < end:
            for i in range(8):
                s.execute(statement, (i,))
                s.execute("update page set title = %s where id = %s", ("title %d" % i, i))
            time.sleep(0.1)


def statements():
    """What attackers with a login send: code for the server, and passwords that cost it time (CVE-2021-44521, CVE-2026-32588)."""
    with cluster(auth=PlainTextAuthProvider("cassandra", "cassandra")) as c:
        s = c.connect("shop")
        refused(s.execute, "create function run (a int) returns null on null input returns int language javascript as 'a + 1'")
        for i in range(24):
            s.execute("alter role app with password = 'word-%d'" % i)
        s.execute("alter role app with password = 'app-word'")


# ---- without a driver

def strings(*words):
    return struct.pack(">H", len(words)) + b"".join(struct.pack(">H", len(w)) + w for w in words)


def envelope(opcode, body=b"", stream=0, flags=0, version=VERSION):
    return struct.pack(">BBHBI", version, flags, stream, opcode, len(body)) + body


def talk(*messages):
    with socket.create_connection((HOST, 9042)) as s:
        s.settimeout(2)
        for message in messages:
            s.sendall(message)
            print(len(s.recv(65536)))


STARTUP = struct.pack(">H", 1) + struct.pack(">H", 11) + b"CQL_VERSION" + struct.pack(">H", 5) + b"3.0.0"


def versions():
    """Which versions are there? As scanners and drivers ask."""
    for version in 6, 66, 5, 4, 3:
        talk(envelope(5, version=version))
    talk(envelope(1, STARTUP, version=6), envelope(1, STARTUP, version=5))
    talk(envelope(5, version=4), envelope(1, STARTUP, version=3))


def health():
    """Health checks: connect and close, connect and reset, OPTIONS."""
    socket.create_connection((HOST, 9042)).close()
    s = socket.create_connection((HOST, 9042))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    talk(envelope(5, version=4))
    talk(envelope(5, version=4), envelope(1, STARTUP, version=4), envelope(5, version=4, stream=7))


STORIES = {f.__name__: f for f in (prepare, simple, types, paging, batch, parameters, errors, streams, large, events, login, statements, work, versions, health)}
STORIES[STORY]()
