#!/usr/bin/env python3
"""What Python drivers do with a server like MySQL 8: mysql8.py pymysql|connector"""
import datetime
import os
import sys

HOST = os.environ["HOST"]


def refused(call, kind):
    try:
        call()
    except kind as why:
        print(why)
        return
    raise SystemExit("should have been refused")


def work(c, error):
    cursor = c.cursor()
    cursor.execute("select rows 5")
    print(len(cursor.fetchall()))
    cursor.execute("insert into t values (%s, %s)", (1, "Möwe"))
    cursor.execute("use other")
    cursor.execute("set time_zone = 'SYSTEM'")
    refused(lambda: cursor.execute("select * from nosuch"), error)
    c.commit()
    c.ping()
    cursor.execute("select wide")
    print(len(cursor.fetchall()[0][0]))
    return cursor


def pymysql_():
    import pymysql
    from pymysql.constants import CLIENT
    for _ in range(2):      # the long login, and the fast one
        c = pymysql.connect(host=HOST, port=3310, user="app", password="app-word", database="shop", client_flag=CLIENT.MULTI_STATEMENTS)
        cursor = work(c, pymysql.Error)
        cursor.execute("select 1; select rows 2; insert into t")
        while cursor.nextset():
            pass
        c.close()
    refused(lambda: pymysql.connect(host=HOST, port=3310, user="app", password="wrong"), pymysql.Error)


def connector():
    import mysql.connector as my
    pymysql_()      # without TLS this driver knows the fast login alone
    for pack in False, True:
        c = my.connect(host=HOST, port=3310, user="app", password="app-word", database="shop", ssl_disabled=True, use_pure=True, compress=pack)
        cursor = work(c, my.Error)
        cursor.close()
        cursor = c.cursor()
        cursor.add_attribute("trace", "abc")
        cursor.add_attribute("number", 7)
        cursor.execute("select rows 3")
        cursor.fetchall()
        cursor.close()
        with c.cursor(prepared=True) as prepared:
            for i in range(3):
                prepared.execute("select some 2 where a = ? and b = ? and c = ?", (i, "text" * i, datetime.datetime(2024, 1, 2, 3, 4, 5)))
                print(len(prepared.fetchall()))
            prepared.execute("insert into t values (?, ?)", (None, b"x" * 300))
        if not pack:    # the driver refuses
            c.cmd_change_user("app", "app-word", "shop")
        c.reset_session()
        print(c.cmd_statistics())
        c.close()
    refused(lambda: my.connect(host=HOST, port=3310, user="app", password="wrong", ssl_disabled=True, use_pure=True), my.Error)


{"pymysql": pymysql_, "connector": connector}[sys.argv[1]]()
