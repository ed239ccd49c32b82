"""What a story of Oracle says, with python-oracledb in thin mode: tns.py HOST WHAT."""
import sys

import oracledb

host, what = sys.argv[1:3]


def connect(service="orders", **more):
    return oracledb.connect(user="scott", password=more.pop("password", "tiger-77"), dsn="%s:1521/%s" % (host, service), **more)


def refused(**how):
    try:
        connect(**how).close()
    except oracledb.Error as why:
        print(why)
        return
    sys.exit("was let in")


def statements(service="orders"):
    with connect(service) as connection:
        cursor = connection.cursor()
        print(cursor.execute("select id, name from customers where rownum <= 5").fetchall()[-1][0])
        cursor.execute("insert into customers (id, name) values (:1, :2)", [7, "Ada"])
        connection.commit()
        try:
            cursor.execute("select id from missing")
        except oracledb.Error as why:
            print(why)
        cursor.execute("update customers set name = 'Bob' where id = 7")
        connection.rollback()
        connection.ping()


if what == "statements":
    statements()
elif what == "rows":
    with connect() as connection:
        cursor = connection.cursor()
        cursor.arraysize = 200
        print(len(cursor.execute("select id, name from customers where rownum <= 900").fetchall()))
elif what == "long":
    long = ", ".join("'name of customer %d'" % i for i in range(1200))
    with connect() as connection:
        connection.cursor().execute("insert into customers select column_value from table(sys.odcivarchar2list(%s))" % long)
elif what == "break":
    with connect() as connection:
        connection.call_timeout = 300
        try:
            connection.cursor().execute("begin dbms_session.sleep(5); end;")
            sys.exit("was not broken off")
        except oracledb.Error as why:
            print(why)
        connection.call_timeout = 0
        connection.ping()
elif what == "password":
    refused(password="wrong-77")
elif what == "refused":
    refused(service="nowhere")
    try:
        oracledb.connect(user="scott", password="tiger-77", host=host, port=1521, sid="NOWHERE")
        sys.exit("was let in")
    except oracledb.Error as why:
        print(why)
elif what == "descriptor":
    words = "".join("(ADDRESS=(PROTOCOL=TCP)(HOST=%s)(PORT=1521))" % host for _ in range(6))
    dsn = "(DESCRIPTION=(ADDRESS_LIST=%s)(CONNECT_DATA=(SERVICE_NAME=orders)(SERVER=DEDICATED)))" % words
    oracledb.connect(user="scott", password="tiger-77", dsn=dsn).close()
elif what == "units":
    connect(sdu=512).close()
    connect(sdu=65536).close()
else:
    statements(what)
