"""Much work for the small Oracle server with python-oracledb: load_tns.py HOST ROUNDS SEED"""
import datetime
import decimal
import random
import sys

import oracledb

HOST, ROUNDS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
R = random.Random(SEED)


def connect():
    return oracledb.connect(user="scott", password="tiger-77", dsn="%s:1521/%s" % (HOST, R.choice(("orders", "orders", "orders", "again", "late"))),
                            sdu=R.choice((512, 4096, 8192, 65536, 2097152)), disable_oob=R.random() < .5, stmtcachesize=R.choice((0, 5, 20)))


def value():
    return R.choice((None, 1, 2 ** 60, -1.5, "text", "é" * R.randrange(200), "x" * R.randrange(20000), b"raw" * R.randrange(600), datetime.datetime(2020, 1, 1, 12),
                     decimal.Decimal("1.25"), datetime.date(2020, 1, 1), True if False else 7))


c = connect()
for _ in range(ROUNDS):
    try:
        what = R.randrange(16)
        cursor = c.cursor()
        if what < 6:
            cursor.execute("select id, name from customers where rownum <= 1")
            cursor.fetchall()
        elif what < 8:
            cursor.arraysize = R.randrange(2, 200)
            cursor.prefetchrows = R.randrange(5)
            cursor.execute("select id, name from customers where rownum <= %d" % R.randrange(1, 300))
            cursor.fetchmany(R.randrange(1, 100))
        elif what == 8:
            cursor.execute("insert into customers (id, name) values (:1, :2)", [value(), value()])
        elif what == 9:
            cursor.executemany("insert into customers (id, name) values (:1, :2)", [(i, "n%d" % i) for i in range(R.randrange(1, 300))])
        elif what == 10:
            R.choice((c.commit, c.rollback, c.ping))()
        elif what == 11:
            cursor.execute(R.choice(("select id from missing", "nonsense", "begin null; end;", "update customers set name = 'x'", "/* %s */ delete from t" % ("y" * R.randrange(30000)))))
        elif what == 12 and R.random() < .02:
            c.call_timeout = 60
            cursor.execute("begin dbms_session.sleep(5); end;")
        elif what == 13 and R.random() < .05:
            c.close()
            c = connect()
        elif what == 14:
            c.module, c.action, c.client_identifier = "load", "step %d" % R.randrange(99), "me"
            c.ping()
        elif what == 15 and R.random() < .02:
            try:
                oracledb.connect(user="scott", password="wrong", dsn="%s:1521/orders" % HOST)
            except oracledb.Error:
                oracledb.defaults.fetch_lobs = False
        cursor.close()
    except oracledb.Error:
        c.call_timeout = 0
        try:
            c.ping()
        except oracledb.Error:
            c = connect()
c.close()
