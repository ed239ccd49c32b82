#!/usr/bin/env python3
"""Much work of many kinds for Cassandra, with the Python driver: what the seed says, so many rounds, a new connection now and then.

usage: load_cql.py HOST ROUNDS SEED VERSION [COMPRESSION]
"""
import datetime
import decimal
import random
import sys
import uuid

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, SimpleStatement, dict_factory
from cassandra.util import Duration

HOST, ROUNDS, SEED, VERSION = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
COMPRESSION = sys.argv[5] if len(sys.argv) > 5 else False
R = random.Random(SEED)
TABLE = "load%d" % SEED
COLUMNS = ("a ascii", "b bigint", "c boolean", "d date", "e double", "f float", "g inet", "h frozen<list<frozen<map<text, frozen<set<int>>>>>>",
           "i smallint", "j time", "k timestamp", "l timeuuid", "m tinyint", "n varint", "p frozen<tuple<int, text, uuid>>", "r uuid", "t text",
           "u decimal", "v blob", "w list<text>", "x map<int, text>", "y set<bigint>", "z frozen<load_place>") + \
    (("q vector<float, 3>", "s duration") if VERSION >= 5 else ())
NAMES = [c.split()[0] for c in COLUMNS]


def text(most=40):
    return "".join(R.choice("abc é世😀x0 '") for _ in range(R.randrange(most)))


def place():
    return (text(20), R.randrange(99999))


MAKE = {
    "a": lambda: "ascii %d" % R.randrange(10 ** 6), "b": lambda: R.randrange(-2 ** 63, 2 ** 63), "c": lambda: R.random() < .5,
    "d": lambda: datetime.date(1970, 1, 1) + datetime.timedelta(R.randrange(-9999, 29999)), "e": lambda: R.choice((0.0, 1.5, float("inf"), -1e300)),
    "f": lambda: R.choice((0.5, float("nan"))), "g": lambda: R.choice(("10.0.0.1", "::1", "fe80::1")),
    "h": lambda: [{text(5): {R.randrange(9) for _ in range(R.randrange(4))}} for _ in range(R.randrange(3))],
    "i": lambda: R.randrange(-32768, 32768), "j": lambda: datetime.time(R.randrange(24), R.randrange(60)),
    "k": lambda: datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=R.randrange(10 ** 7)), "l": lambda: uuid.uuid1(), "m": lambda: R.randrange(-128, 128),
    "n": lambda: R.choice((0, -1, 255, 10 ** 40, -10 ** 30)), "p": lambda: (R.randrange(5), text(5), uuid.uuid4()), "r": lambda: uuid.uuid4(),
    "t": lambda: text(R.choice((1, 20, 300))), "u": lambda: decimal.Decimal(R.randrange(10 ** 9)) / 100,
    "v": lambda: R.randbytes(R.choice((0, 1, 30, 2000, 20000))), "w": lambda: [text(9) for _ in range(R.randrange(5))],
    "x": lambda: {R.randrange(99): text(9) for _ in range(R.randrange(5))}, "y": lambda: {R.randrange(99) for _ in range(R.randrange(5))},
    "z": place, "q": lambda: [1.0, 2.0, R.random()], "s": lambda: Duration(R.randrange(9), R.randrange(9), R.randrange(10 ** 9)),
}


def value(name):
    chance = R.random()
    if chance < .12:
        return None
    if chance < .18 and VERSION >= 4:
        return UNSET_VALUE
    return MAKE[name]()


class Work:
    def __init__(self):
        profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60, row_factory=R.choice((dict_factory, tuple_rows)))
        self.cluster = Cluster([HOST], protocol_version=VERSION, compression=COMPRESSION, schema_metadata_enabled=R.random() < .3,
                               execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        self.s = s = self.cluster.connect("shop" if R.random() < .5 else None)
        s.execute("use shop")
        s.execute("create type if not exists load_place (street text, zip int)")
        s.execute("create table if not exists %s (id int, part int, %s, primary key (id, part))" % (TABLE, ", ".join(COLUMNS)))
        s.execute("create table if not exists %s_n (id int primary key, n counter)" % TABLE)
        self.insert = s.prepare("insert into %s (id, part, %s) values (?, ?, %s)" % (TABLE, ", ".join(NAMES), ", ".join("?" * len(NAMES))))
        self.one = s.prepare("select * from %s where id = ? and part = ?" % TABLE)
        self.many = s.prepare("select * from %s where id = ?" % TABLE)
        self.few = s.prepare("select id, part, t, w from %s where id in ? limit ?" % TABLE)
        self.count = s.prepare("update %s_n set n = n + ? where id = ?" % TABLE)
        self.drop = s.prepare("delete from %s where id = ?" % TABLE)
        self.once = s.prepare("insert into %s (id, part, t) values (?, ?, ?) if not exists using ttl ?" % TABLE)
        self.none = s.prepare("truncate %s_n" % TABLE)

    def key(self):
        return R.randrange(40), R.randrange(30)

    def inserts(self):
        for f in [self.s.execute_async(self.insert, [*self.key(), *[value(n) for n in NAMES]]) for _ in range(R.randrange(1, 30))]:
            f.result()

    def lookups(self):
        for f in [self.s.execute_async(self.one, self.key()) for _ in range(R.randrange(1, 120))]:
            f.result()

    def texts(self):
        for f in [self.s.execute_async("select %s from %s where id = %d" % (", ".join(R.sample(NAMES, R.randrange(1, 5))), TABLE, R.randrange(60)))
                  for _ in range(R.randrange(1, 30))]:
            f.result()

    def pages(self):
        self.many.fetch_size = R.randrange(3, 50)
        len(list(self.s.execute(self.many, (R.randrange(40),))))
        len(list(self.s.execute(SimpleStatement("select id, part, v from %s limit 200" % TABLE, fetch_size=R.randrange(20, 90)))))
        self.s.execute(self.few, ([1, 2, 3], 20)).all()

    def batches(self):
        b = BatchStatement(batch_type=R.choice((BatchType.LOGGED, BatchType.UNLOGGED)), consistency_level=ConsistencyLevel.ONE)
        for _ in range(R.randrange(1, 12)):
            if R.random() < .5:
                b.add(self.once if False else self.drop, (R.randrange(60),))
            else:
                b.add("insert into %s (id, part, t) values (%d, 1, 'é')" % (TABLE, R.randrange(60)))
        self.s.execute(b)
        b = BatchStatement(batch_type=BatchType.COUNTER)
        for _ in range(R.randrange(1, 4)):
            b.add(self.count, (R.randrange(9), R.randrange(9)))
        self.s.execute(b)

    def refused(self):
        for words in R.sample(["select", "select nothing from %s" % TABLE, "insert into %s (id) values ('x')" % TABLE, "use nothing", "drop table nothing",
                               "select * from %s where t = 'x'" % TABLE, "truncate nothing", "create table %s (id int primary key)" % TABLE,
                               "begin batch apply batch", "", "select * from %s where id = 1 and part = 99999999999" % TABLE], 3):
            try:
                self.s.execute(words)
            except Exception:
                pass
        for level in ConsistencyLevel.THREE, ConsistencyLevel.SERIAL:
            try:
                self.s.execute(SimpleStatement("insert into %s (id, part) values (1, 1)" % TABLE, consistency_level=level))
            except Exception:
                pass

    def options(self):
        once = SimpleStatement("insert into %s (id, part) values (1, 99) if not exists" % TABLE, serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL)
        self.s.execute(once)
        self.s.execute(self.once, (2, R.randrange(50), text(), R.randrange(1, 10 ** 6)))
        self.s.execute_async("select t from %s where id = 1 limit 1" % TABLE, custom_payload={"trace": b"1", "empty": b""} if VERSION >= 4 else None).result()
        if R.random() < .1:
            self.s.execute("select t from %s where id = 1 limit 1" % TABLE, trace=True).get_query_trace()
        self.s.execute("select count(*), max(b), writetime(t), ttl(t) from %s where id = 1 group by id" % TABLE)
        self.s.execute("select token(id), json t, cast(b as text) from %s limit 3" % TABLE) if False else None
        self.s.execute("select json * from %s limit 3" % TABLE)

    def changes(self):
        if R.random() < .05:
            name = "gone%d_%d" % (SEED, R.randrange(99))
            self.s.execute("create table if not exists %s (id int primary key, t text)" % name)
            st = self.s.prepare("select * from %s" % name)
            self.s.execute(st)
            self.s.execute("alter table %s add extra text" % name)
            self.s.execute(st)
            self.s.execute(st)
            self.s.execute("drop table %s" % name)
        self.s.execute(self.drop, (R.randrange(40),))

    def large(self):
        if R.random() < .2:
            size = R.choice((60000, 131000, 131071, 140000, 300000))
            self.s.execute("insert into %s (id, part, v) values (77, 1, 0x%s)" % (TABLE, "ab" * (size // 4)))
            row = [77, 2] + [None] * len(NAMES)
            row[2 + NAMES.index("v")] = R.randbytes(size) if R.random() < .5 else b"ab" * (size // 2)
            self.s.execute(self.insert, row)
            self.s.execute(self.one, (77, 2)).one()
        else:
            self.s.execute(self.drop, (77,))

    def new(self):
        if R.random() < .08:
            self.cluster.shutdown()
            self.__init__()


def tuple_rows(names, rows):
    return rows


work = Work()
for _ in range(ROUNDS):
    getattr(work, R.choices(("inserts", "lookups", "texts", "pages", "batches", "refused", "options", "changes", "large", "new"),
                            (6, 20, 8, 3, 5, 3, 4, 1, 1, 1))[0])()
work.cluster.shutdown()
