#!/usr/bin/env python3
"""Much work for the small TDS server with a Python driver: load_tds.py DRIVER ROUNDS SEED [VERSION]     DRIVER: pytds, pymssql"""
import datetime
import decimal
import importlib
import os
import random
import sys
import uuid

DRIVER, ROUNDS, SEED = importlib.import_module(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
VERSION = sys.argv[4] if len(sys.argv) > 4 else None
R = random.Random(SEED)
HOST = os.environ["HOST"]


def connect():
    if DRIVER.__name__ == "pymssql":
        return DRIVER.connect(server=HOST, port="1433", user="app", password="app-word", database="shop", tds_version=VERSION, encryption="off",
                              appname="load", login_timeout=10, autocommit=R.random() < .5)
    more = {"tds_version": int(VERSION, 16)} if VERSION else {}
    return DRIVER.connect(dsn=HOST, user="app", password="app-word", database="shop", use_mars=R.random() < .4, appname="load", bytes_to_unicode=True,
                          blocksize=R.choice((512, 4096, 8000, 16000)), autocommit=R.random() < .5, **more)


def parameter():
    return R.choice((None, 5, 2 ** 40, "short", "x" * 5000, "é世😀", "", 1.5, True, datetime.datetime(2020, 1, 1, 12), uuid.UUID(int=R.getrandbits(128)),
                     decimal.Decimal("1.25"), b"", b"bytes", bytes(9000)) +
                    ((datetime.date(2020, 1, 1), datetime.time(12, 30)) if VERSION not in ("7.0", "7.1", "7.2", "71000001", "72090002") else ()))


connection = connect()
for round_ in range(ROUNDS):
    try:
        cursor = connection.cursor()
        chance = R.random()
        if chance < .7:
            cursor.execute("select mix %d" % R.randrange(10 ** 6))
        else:
            cursor.execute("select mix %d /* %s */" % (R.randrange(10 ** 6), ", ".join(["%s"] * 4)), tuple(parameter() for _ in range(4)))
        while True:
            if cursor.description:
                cursor.fetchall()
            if not cursor.nextset():
                break
        if chance > .95:
            R.choice((connection.commit, connection.rollback))()
        cursor.close()
        if chance > .997:
            connection.close()
            connection = connect()
    except (DRIVER.Error, ValueError, OverflowError, RuntimeError, AssertionError, TypeError, AttributeError) as why:
        if os.environ.get("LOAD_DEBUG"):
            print(repr(why)[:300])
        try:
            connection.close()
        except Exception:  # it may be closed already
            pass
        connection = connect()
