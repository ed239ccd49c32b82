#!/usr/bin/env python3
"""Scenes of PyMongo.

usage: mongodb.py HOST PORT SCENE
"""
import datetime
import decimal
import re
import sys
import time
import uuid

import bson
import pymongo
from bson import binary, codec_options, decimal128
from pymongo import errors

HOST, PORT, SCENE = sys.argv[1:] if len(sys.argv) == 4 else sys.exit(__doc__)
HOST = "[%s]" % HOST if ":" in HOST else HOST


def client(login="app:app-word@", options="", **more):
    more.setdefault("serverSelectionTimeoutMS", 10000)
    uri = "mongodb://%s%s:%s/?appname=shop%s" % (login, HOST, PORT, options)
    if login:
        uri += "&authMechanism=SCRAM-SHA-256"
    return pymongo.MongoClient(uri, uuidRepresentation="standard", directConnection=True, **more)


def fails(kind, call):
    try:
        call()
    except kind as e:
        print("as it should:", str(e)[:120])
        return
    raise SystemExit("should have failed")


def crud():
    with client() as c:
        orders = c.shop.orders
        orders.drop()
        orders.insert_many([{"_id": i, "n": i, "name": "thing %d" % i} for i in range(40)])
        print(orders.count_documents({"n": {"$gt": 10}}), orders.find_one({"n": 7}))
        print(orders.update_many({"n": {"$lt": 5}}, {"$set": {"cheap": True}}).modified_count)
        print(orders.replace_one({"_id": 3}, {"n": 33}).modified_count, orders.find_one_and_update({"_id": 4}, {"$inc": {"n": 1}}))
        print(list(orders.aggregate([{"$match": {"n": {"$gt": 30}}}, {"$sort": {"n": -1}}, {"$limit": 3}])))
        print(orders.distinct("cheap"), orders.delete_many({"n": {"$gt": 20}}).deleted_count)
        orders.create_index([("n", 1)])
        print(list(orders.list_indexes()), c.list_database_names(), c.shop.list_collection_names())
        print(c.admin.command("buildInfo")["version"], c.admin.command("ping"))


def types():
    with client() as c:
        kinds = c.get_database("shop", codec_options=codec_options.CodecOptions(tz_aware=False)).types
        kinds.drop()
        documents = [
            {"_id": "numbers", "int": 1, "long": bson.Int64(2), "double": 1.5},
            {"_id": "texts", "text": "Grüße, 世界, \U0001f600", "empty": "", "long": "x" * 3000, "nul": "a\0b"},
            {"_id": "binaries", "bytes": b"\0\1\2", "none": b"", "user": binary.Binary(b"abc", 128)},
            {"_id": "times", "date": datetime.datetime(2020, 2, 29, 12, 30), "old": datetime.datetime(1901, 1, 1)},
            {"_id": "others", "null": None, "true": True, "oid": bson.ObjectId(), "regex": re.compile("^a.*b$", re.I | re.M),
             "stamp": bson.Timestamp(1, 2)},
            {"_id": "nested", "deep": {"a": {"b": {"c": {"d": [1, {"e": {}}]}}}}, "list": list(range(30))},
        ]
        for d in documents:
            kinds.insert_one(d)
        print(list(kinds.find()))


def small_types():
    """To the small server, which keeps whatever it gets."""
    with client(login="") as c:
        kinds = c.shop.types
        deep = {}
        for _ in range(90):
            deep = {"d": deep}
        kinds.insert_many([
            {"uuid": uuid.uuid4(), "old": binary.Binary(b"0123456789abcdef", 3), "md5": binary.Binary(b"0123456789abcdef", 5),
             "sub2": binary.Binary(b"abc", 2), "decimal": decimal128.Decimal128(decimal.Decimal("1.10"))},
            {"code": bson.Code("function() {}"), "scoped": bson.Code("f()", {"x": 1}), "min": bson.MinKey(), "max": bson.MaxKey(),
             "ref": bson.DBRef("c", 1)}, deep])
        print(list(kinds.find()))


def errors_():
    with client() as c:
        orders = c.shop.wrong
        orders.drop()
        orders.insert_one({"_id": 1})
        fails(errors.DuplicateKeyError, lambda: orders.insert_one({"_id": 1}))
        fails(errors.BulkWriteError, lambda: orders.insert_many([{"_id": 2}, {"_id": 2}, {"_id": 3}], ordered=False))
        fails(errors.OperationFailure, lambda: c.shop.command("nonsense"))
        fails(errors.OperationFailure, lambda: list(orders.find({"n": {"$wrong": 1}})))
        fails(errors.OperationFailure, lambda: orders.update_one({}, {"$wrong": {"n": 1}}))
        fails(errors.OperationFailure, lambda: c.shop.command({"getMore": bson.Int64(77), "collection": "wrong"}))
        print(c.shop.command("ping"))


def cursors():
    with client() as c:
        many = c.shop.many
        many.drop()
        many.insert_many([{"n": i} for i in range(350)])
        print(len(list(many.find(batch_size=50))), len(list(many.find().limit(7))))
        cursor = many.find(batch_size=10)
        print(next(cursor))
        cursor.close()


def logins():
    with client() as c:
        print(c.shop.command("ping"), c.shop.list_collection_names())
        fails(errors.OperationFailure, lambda: c.admin.command("createUser", "ann", pwd="ann-word", roles=[], mechanisms=["nothing"]))
        print(c.admin.command("createUser", "ann", pwd="ann-word", roles=[], mechanisms=["SCRAM-SHA-256"]))
    with client("ann:ann-word@") as c:
        print(c.shop.list_collection_names())
    with client("ann:wrong-word@") as c:
        fails(errors.OperationFailure, lambda: c.shop.list_collection_names())
    with client("nobody:word@") as c:
        fails(errors.OperationFailure, lambda: c.shop.list_collection_names())
    with client(login="") as c:
        fails(errors.OperationFailure, lambda: c.shop.list_collection_names())
    with client() as c:
        print(c.admin.command("dropUser", "ann"))


def unacknowledged():
    with client(login="") as c: # FerretDB answers what wants no answer
        quiet = c.shop.get_collection("quiet", write_concern=pymongo.WriteConcern(w=0))
        for i in range(10):
            quiet.insert_one({"n": i})
        quiet.update_many({}, {"$set": {"seen": True}})
        quiet.delete_many({"n": {"$gt": 5}})
        print(c.shop.quiet.count_documents({}))


def large():
    with client() as c:
        big = c.shop.big
        big.drop()
        for size in (10000, 16300, 17000, 100000, 1500000):
            big.insert_one({"size": size, "text": "abcdefghij" * (size // 10)})
        print([len(d["text"]) for d in big.find()])
        big.insert_many([{"n": i, "pad": "y" * 100} for i in range(3000)])
        print(len(list(big.find({"n": {"$exists": True}}))))


def compressed(name):
    with client(login="", options="&compressors=" + name) as c:
        orders = c.shop["packed_" + name]
        orders.insert_many([{"n": i, "text": "some text that repeats " * 3} for i in range(50)])
        print(len(list(orders.find({}, batch_size=20))))
        orders.insert_many([{"n": i, "text": "%032x" % (i * 7919 ** 9 % 2 ** 127)} for i in range(3000)])
        print(len(list(orders.find({}, batch_size=3000))))
        fails(errors.OperationFailure, lambda: c.shop.command("nonsense"))
        c.shop.get_collection("packed_quiet", write_concern=pymongo.WriteConcern(w=0)).insert_one({"n": 1})
        print(c.shop.command("ping"))


def monitored():
    """The driver's own monitor: hello that is streamed."""
    with client(login="", serverMonitoringMode="stream", heartbeatFrequencyMS=600) as c:
        print(c.shop.command("ping"))
        time.sleep(3)
        print(c.shop.command("ping"))


def many():
    """Several connections at once."""
    import threading
    with client() as c:
        threads = [threading.Thread(target=lambda: [c.shop.orders.find_one() for _ in range(20)]) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


def slow():
    """A session that goes on for a while."""
    with client() as c:
        for i in range(30):
            c.shop.slow.insert_one({"n": i, "pad": "z" * 200})
            c.shop.slow.find_one({"n": i})
            time.sleep(0.05)


def tls():
    with client(tls=True, tlsAllowInvalidCertificates=True) as c:
        print(c.shop.list_collection_names())


SCENES = {"crud": crud, "types": types, "small-types": small_types, "errors": errors_, "cursors": cursors, "logins": logins,
          "unacknowledged": unacknowledged, "large": large, "monitored": monitored, "many": many, "slow": slow, "tls": tls}
if SCENE.startswith("compressed-"):
    compressed(SCENE[11:])
else:
    SCENES[SCENE]()
