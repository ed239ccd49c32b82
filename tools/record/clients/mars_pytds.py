#!/usr/bin/env python3
"""A session of the Python driver pytds (package python-tds): MARS, three cursors at once on one connection.

usage: mars_pytds.py      HOST is in the environment
"""
import datetime
import decimal
import os

import pytds


def main():
    with pytds.connect(dsn=os.environ["HOST"], user="app", password="app-word", database="shop", use_mars=True, appname="shop-mars",
                       autocommit=False) as connection:
        cursors = [connection.cursor() for _ in range(3)]
        for cursor in cursors:
            cursor.execute("select rows 200")
        for cursor in cursors:
            print(len(cursor.fetchall()))
        for cursor in cursors:
            cursor.execute("select types")
            print(len(cursor.fetchall()))
            try:
                cursor.execute("select nosuch")
            except pytds.Error as wrong:
                print(wrong)
            cursor.execute("select rows 3 where a = %s and b = %s and c = %s and d = %s and e = %s",
                           (5, "x" * 5000, None, decimal.Decimal("1.5"), datetime.datetime(2020, 1, 1)))
            print(len(cursor.fetchall()))
        connection.commit()


main()
