#!/usr/bin/env python3
"""Much work for MongoDB's protocol with PyMongo: load_mongodb.py HOST PORT ROUNDS SEED [COMPRESSORS]      27017 is FerretDB, 27019 the small server"""
import datetime
import random
import re
import sys
import uuid

import bson
import pymongo
from bson import binary, decimal128
from pymongo import errors

HOST, PORT, ROUNDS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
SMALL = PORT != 27017
R = random.Random(SEED)


def connect():
    options = "&compressors=%s&zlibCompressionLevel=%d" % (sys.argv[5], R.randrange(1, 9)) if len(sys.argv) > 5 else ""
    login = "" if SMALL else "app:app-word@"
    return pymongo.MongoClient("mongodb://%s%s:%d/?appname=load%s%s" % (login, HOST, PORT, options, "" if SMALL else "&authMechanism=SCRAM-SHA-256"),
                               directConnection=True, uuidRepresentation="standard", serverMonitoringMode=R.choice(("auto", "stream" if SMALL else "poll")),
                               heartbeatFrequencyMS=R.choice((500, 10000)), maxPoolSize=R.choice((1, 5)))


def text(most):
    return "".join(R.choice("abc é世😀x0 ") for _ in range(R.randrange(most)))


def value(depth=0):
    plain = [lambda: R.randrange(-2 ** 31, 2 ** 31), lambda: bson.Int64(R.randrange(-2 ** 63, 2 ** 63)), lambda: R.random(), lambda: text(40), lambda: None,
             lambda: R.random() < .5, lambda: bson.ObjectId(), lambda: datetime.datetime(2020, 1, 1) + datetime.timedelta(R.randrange(9999)),
             lambda: R.randbytes(R.choice((0, 3, 500))), lambda: re.compile("^a.*" + "b" * R.randrange(5), re.I), lambda: bson.Timestamp(R.randrange(9 ** 9), 1)]
    if SMALL:
        plain += [lambda: uuid.uuid4(), lambda: binary.Binary(R.randbytes(9), R.choice((0, 2, 5, 6, 128))), lambda: decimal128.Decimal128("1.%d" % R.randrange(999)),
                  lambda: bson.Code("f()"), lambda: bson.Code("f()", {"x": value(9)}), lambda: bson.MinKey(), lambda: bson.MaxKey(), lambda: bson.DBRef("c", 1)]
    if depth < 5:
        plain += [lambda: {text(5).replace("\0", "") or "k": value(depth + 1) for _ in range(R.randrange(4))}] * 2
        if not SMALL:
            plain += [lambda: [R.randrange(9) for _ in range(R.randrange(6))]]
        else:
            plain += [lambda: [value(depth + 1) for _ in range(R.randrange(5))]]
    return R.choice(plain)()


def document():
    return {"n": R.randrange(500), **{"f%d" % i: value() for i in range(R.randrange(8))}}


def one(c):
    name = "load%d" % SEED
    table = c.shop.get_collection(name, write_concern=pymongo.WriteConcern(w=0) if SMALL and R.random() < .1 else None)
    n = R.randrange(500)
    what = R.choices(("insert", "many", "find", "cursor", "update", "delete", "count", "aggregate", "wrong", "admin", "big", "drop", "again", "quiet"),
                     (8, 2, 40, 3, 8, 4, 4, 3, 3, 3, .3, .2, .4, 2))[0]
    if what == "insert":
        table.insert_one(document())
    elif what == "many":
        table.insert_many([document() for _ in range(R.randrange(1, 40))], ordered=R.random() < .5)
    elif what == "find":
        table.find_one({"n": n})
    elif what == "cursor":
        cursor = table.find({"n": {"$gt": n}}, batch_size=R.randrange(2, 30)).limit(90)
        for i, _ in enumerate(cursor):
            if i > 50:
                break
        cursor.close()
    elif what == "update":
        R.choice((table.update_one, table.update_many))({"n": n}, {"$set": {"seen": R.random(), "t": text(30)}}, upsert=R.random() < .3)
        if not SMALL:
            table.find_one_and_update({"n": n}, {"$inc": {"k": 1}})
            table.replace_one({"n": n}, {"n": n, "x": 1})
    elif what == "delete":
        R.choice((table.delete_one, table.delete_many))({"n": n})
    elif what == "count":
        table.count_documents({"n": n})
        if not SMALL:
            table.distinct("n", {"n": {"$lt": 20}})
    elif what == "aggregate":
        list(table.aggregate([{"$match": {"n": {"$gt": n}}}, {"$sort": {"n": 1}}, {"$limit": 5}]))
    elif what == "wrong":
        for call in (lambda: table.insert_many([{"_id": 1}, {"_id": 1}]), lambda: c.shop.command("nonsense"), lambda: list(table.find({"n": {"$wrong": 1}})),
                     lambda: c.shop.command({"getMore": bson.Int64(77), "collection": name}), lambda: c.shop.command({"find": 5})):
            try:
                call()
            except errors.PyMongoError:
                pass
    elif what == "admin":
        c.admin.command("ping")
        c.admin.command("buildInfo")
        if not SMALL:
            c.list_database_names(), c.shop.list_collection_names(), list(table.list_indexes()), table.create_index([("n", 1)])
            c.admin.command("hostInfo"), c.admin.command("connectionStatus"), c.shop.command("collStats", name) if R.random() < .2 else None
    elif what == "big":
        table.insert_one({"n": n, "pad": "abcdefghij" * R.choice((1000, 1600, 5000, 40000))})
        list(table.find({"n": n}))
    elif what == "drop":
        table.drop()
    elif what == "again":
        c.close()
        return connect()
    elif SMALL:
        c.shop.get_collection("quiet", write_concern=pymongo.WriteConcern(w=0)).insert_one(document())
    return c


client = connect()
for _ in range(ROUNDS):
    try:
        client = one(client)
    except errors.PyMongoError as why:
        print(type(why).__name__, str(why)[:100])
client.close()
