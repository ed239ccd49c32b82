#!/usr/bin/python3
"""Eight clients at work: one process each, real client libraries, a small pool, reconnects with backoff.

usage: crowd.py PLAN.json   (run in the clients' namespace, with preload.so; ends when its standard input closes)
Writes one JSON object a line to the plan's "events": connections made and lost, and the killer's message.
"""
import json
import os
import random
import select
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import killers
import trigger

PATIENCE = 2.5


class Gone(Exception):
    """the connection is of no use any more"""


class Mysql:
    port = 3306

    def __init__(self, ip, patience):
        import pymysql
        self.errors = (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError, OSError, AttributeError, IndexError)
        self.c = pymysql.connect(host=ip, port=3306, user="app", password="app-word", database="shop", connect_timeout=2, read_timeout=patience,
                                 write_timeout=patience, autocommit=True)

    def sock(self):
        return self.c._sock

    def query(self, text):
        with self.c.cursor() as k:
            k.execute(text)
            return k.fetchall()

    def ping(self):
        self.c.ping(reconnect=False)

    def point(self, r):
        self.query("SELECT name, price FROM item WHERE id = %d" % r.randint(1, 600))

    def scan(self, r):
        self.query("SELECT * FROM item WHERE id BETWEEN %d AND 600 LIMIT %d" % (r.randint(1, 300), r.randint(20, 150)))

    def write(self, r):
        self.query("INSERT INTO sale (item, count) VALUES (%d, %d)" % (r.randint(1, 600), r.randint(1, 9)))

    def transaction(self, r):
        i = r.randint(1, 600)
        self.query("BEGIN")
        self.query("SELECT stock FROM item WHERE id = %d FOR UPDATE" % i)
        self.query("UPDATE item SET stock = stock - 1 WHERE id = %d" % i)
        self.query("INSERT INTO sale (item, count) VALUES (%d, 1)" % i)
        self.query("COMMIT")

    def aggregate(self, r):
        self.query("SELECT item, SUM(count) FROM sale GROUP BY item ORDER BY 2 DESC LIMIT %d" % r.randint(3, 20))

    def slow(self, r):
        self.query("SELECT SLEEP(%.2f), COUNT(*) FROM item" % r.uniform(0.5, 2))

    def work(self, r):
        self.query("SELECT BENCHMARK(%d, SHA2('x', 512))" % r.randint(300000, 900000))

    def close(self):
        self.c.close()


class Pgsql(Mysql):
    port = 5432

    def __init__(self, ip, patience):
        import psycopg2
        import psycopg2.extensions
        import psycopg2.extras
        psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)  # else no signal gets through
        self.errors = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.DatabaseError, OSError)
        self.c = psycopg2.connect(host=ip, port=5432, user="app", password="app-word", dbname="shop", connect_timeout=2, sslmode="disable",
                                  gssencmode="disable")
        self.c.autocommit = True
        self.patience = patience

    def sock(self):
        return socket.socket(fileno=os.dup(self.c.fileno()))

    def query(self, text):
        # libpq waits for ever; a server that hangs is noticed by a watchdog, as applications have one.
        signal.setitimer(signal.ITIMER_REAL, self.patience)
        try:
            with self.c.cursor() as k:
                k.execute(text)
                return k.fetchall() if k.description else None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def ping(self):
        self.query("SELECT 1")

    def slow(self, r):
        self.query("SELECT pg_sleep(%.2f)" % r.uniform(0.5, 2))

    def work(self, r):
        self.query("SELECT count(md5(i::text)) FROM generate_series(1, %d) i" % r.randint(200000, 600000))

    def close(self):
        self.c.close()


class Redis:
    port = 6379

    def __init__(self, ip, patience):
        import redis
        self.errors = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.RedisError, OSError)
        self.c = redis.Redis(host=ip, port=6379, socket_timeout=patience, socket_connect_timeout=2, single_connection_client=True)
        self.c.ping()

    def sock(self):
        return self.c.connection._sock

    def check(self):
        # The library would connect again in silence; the pool here does that itself.
        if self.c.connection is None or self.c.connection._sock is None:
            raise Gone()

    def ping(self):
        self.c.ping()

    def point(self, r):
        self.c.get("item:%d" % r.randint(1, 600))

    def scan(self, r):
        self.c.lrange("log", 0, r.randint(20, 300))

    def write(self, r):
        self.c.set("item:%d" % r.randint(1, 600), "x" * r.randint(5, 300), ex=r.randint(10, 900))
        self.c.lpush("log", "entry %d" % r.randint(1, 10**6))

    def transaction(self, r):
        p = self.c.pipeline(transaction=r.random() < 0.5)
        for _ in range(r.randint(2, 6)):
            p.incr("counter:%d" % r.randint(1, 9))
            p.hset("user:%d" % r.randint(1, 50), "seen", r.randint(1, 10**6))
        p.execute()

    def aggregate(self, r):
        self.c.mget(["item:%d" % r.randint(1, 600) for _ in range(r.randint(5, 40))])

    def slow(self, r):
        self.c.blpop("nothing:%d" % r.randint(1, 9), timeout=1)

    def work(self, r):
        self.c.eval("local s = 0 for i = 1, tonumber(ARGV[1]) do s = s + i % 7 end return s", 0, r.randint(500000, 4000000))

    def close(self):
        self.c.close()


class Memcached:
    port = 11211

    def __init__(self, ip, patience):
        import pymemcache
        from pymemcache.exceptions import MemcacheError
        self.errors = (MemcacheError, OSError)
        self.c = pymemcache.Client((ip, 11211), connect_timeout=2, timeout=patience, no_delay=True)
        self.c.version()

    def sock(self):
        return self.c.sock

    def check(self):
        if self.c.sock is None:
            raise Gone()

    def ping(self):
        self.c.version()

    def point(self, r):
        self.c.get("item:%d" % r.randint(1, 600))

    def scan(self, r):
        self.c.get_many(["item:%d" % r.randint(1, 600) for _ in range(r.randint(5, 30))])

    def write(self, r):
        self.c.set("item:%d" % r.randint(1, 600), "x" * r.randint(5, 600), expire=r.randint(0, 900), noreply=r.random() < 0.3)

    def transaction(self, r):
        value, cas = self.c.gets("item:%d" % r.randint(1, 600))
        if cas is not None:
            self.c.cas("item:%d" % r.randint(1, 600), value, cas)
        self.c.add("counter:%d" % r.randint(1, 9), "1", noreply=False)
        self.c.incr("counter:%d" % r.randint(1, 9), 1, noreply=False)

    def aggregate(self, r):
        self.c.set_many({"item:%d" % r.randint(1, 600): "y" * r.randint(5, 90) for _ in range(r.randint(2, 8))}, noreply=r.random() < 0.5)

    def slow(self, r):
        self.c.delete("item:%d" % r.randint(1, 600), noreply=False)

    work = slow

    def close(self):
        self.c.close()


OF = {"mysql": Mysql, "pgsql": Pgsql, "redis": Redis, "memcached": Memcached}
MIX = {  # weights of point, scan, write, transaction, aggregate; think time in seconds
    "reader": ((80, 5, 5, 0, 10), 0.030),
    "writer": ((20, 0, 60, 20, 0), 0.040),
    "shop": ((50, 10, 15, 20, 5), 0.045),
    "report": ((5, 60, 0, 0, 35), 0.150),
    "eager": ((70, 5, 15, 5, 5), 0.006),
    "quiet": ((60, 0, 40, 0, 0), 0.700),
}
VERBS = ("point", "scan", "write", "transaction", "aggregate")


class Client:
    def __init__(self, plan, index):
        self.plan, self.index, self.me = plan, index, plan["clients"][index]
        self.rng = random.Random("%s-%d" % (plan["seed"], index))
        self.kind = OF[plan["proto"]]
        self.pool, self.targets, self.target = [], plan["targets"], 0
        self.failures, self.next_try = 0, 0.0
        self.events = os.open(plan["events"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.trigger = trigger.Trigger(plan["trigger"])
        self.shots = list(plan["killer"]["shots"]) if plan.get("killer") and plan["killer"]["client"] == index else []
        self.shot_seed = plan.get("killer", {}).get("seed", 0)
        self.overload_from = self.me.get("overload_from")
        self.hoard_from = self.me.get("hoard_from")
        self.hoarded = []
        self.scan_from, self.scans_left = self.me.get("scan_from"), self.me.get("scans", 0)

    def say(self, what, **more):
        os.write(self.events, (json.dumps(dict(more, what=what, client=self.me["ip"], at_ns=time.time_ns())) + "\n").encode())

    def at(self):
        return time.time() - self.plan["zero"]

    def run(self):
        os.environ["DEATHS_BIND"] = self.me["ip"]
        time.sleep(self.rng.uniform(0, 0.3))
        style, think = MIX[self.me["style"]]
        think *= self.plan["slowness"]
        while True:
            if self.shots and self.at() >= self.shots[0]["at"]:
                self.shoot(self.shots.pop(0))
            if self.hoard_from is not None and self.at() >= self.hoard_from:
                self.hoard()
            if self.scans_left and self.at() >= self.scan_from:
                self.scan()
                continue
            wait = min(self.rng.expovariate(1 / think), 2.0)
            if self.me["style"] == "quiet" and self.rng.random() < 0.3 and self.plan["slowness"] == 1:
                wait += 1
            if self.shots:
                wait = min(wait, max(0, self.shots[0]["at"] - self.at()))
            if self.scans_left:
                wait = min(wait, max(0, self.scan_from - self.at()))
            if self.hoard_from is not None:
                wait = min(wait, max(0.01, self.hoard_from - self.at()))
            time.sleep(wait)
            c = self.connection()
            if c is None:
                continue
            verb = self.rng.choices(VERBS, style)[0]
            if self.overload_from is not None and self.at() >= self.overload_from[0] and self.at() < self.overload_from[1]:
                verb = self.me["overload"]
            self.use(c, verb)

    def use(self, c, verb):
        try:
            getattr(c, verb)(self.rng)
            if hasattr(c, "check"):
                c.check()
            self.failures = 0
        except Exception as e:
            if self.plan["proto"] == "redis" and type(e).__name__ == "ResponseError":
                return
            self.lose(c, e)
            return
        if self.me.get("short") or self.rng.random() < 0.004:
            self.pool.remove(c)
            self.shut(c)

    def shut(self, c):
        try:
            c.close()
        except Exception:
            pass

    def lose(self, c, e):
        """what a pool does: throws the broken connection away, and those too that are found broken"""
        self.say("lost", error=repr(e)[:120])
        if c in self.pool:
            self.pool.remove(c)
        self.shut(c)
        if self.me.get("purge", True):
            for other in list(self.pool):
                if self.readable(other):
                    self.pool.remove(other)
                    self.shut(other)
        if not self.pool:
            self.failures += 1
            self.back_off()

    def readable(self, c):
        try:
            return bool(select.select([c.sock()], [], [], 0)[0])
        except Exception:
            return True

    def back_off(self):
        if self.failures > 1 or self.rng.random() < 0.3:
            self.next_try = time.time() + min(0.02 * 2 ** self.failures, 1.0) * self.rng.uniform(0.5, 1.5)
        if self.failures >= self.me.get("turn_after", 2) and len(self.targets) > 1:
            self.target = (self.target + 1) % len(self.targets) if self.plan.get("turn_back") else len(self.targets) - 1
            self.failures = min(self.failures, 2)

    def connection(self):
        if len(self.pool) < self.me["pool"] and time.time() >= self.next_try and (not self.pool or self.rng.random() < 0.5):
            self.connect()
        return self.rng.choice(self.pool) if self.pool and self.me.get("any") else self.pool[-1] if self.pool else None

    def connect(self):
        try:
            signal.setitimer(signal.ITIMER_REAL, 3)
            c = self.kind(self.targets[self.target], self.me.get("patience", PATIENCE))
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.pool.insert(0 if self.rng.random() < 0.5 else len(self.pool), c)
            self.say("connected", target=self.targets[self.target])
            self.failures = 0
        except Exception as e:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.failures += 1
            self.say("refused", error=repr(e)[:120])
            self.back_off()

    def hoard(self):
        """a leak: connections are opened and never used"""
        self.hoard_from += 0.02
        if len(self.hoarded) > 90:
            return
        try:
            self.hoarded.append(self.kind(self.targets[self.target], 1))
        except Exception as e:
            self.say("limit", error=repr(e)[:120])
            self.hoard_from += 0.2

    def scan(self):
        """a scanner or a fuzzer: one wrong message after the other, each over a connection of its own"""
        self.scans_left -= 1
        kind = self.rng.choice([k for k in killers.OF[self.plan["proto"]] if k.wrong])
        data, s, c = kind.build(self.rng), None, None
        try:
            if kind.fresh:
                s = socket.create_connection((self.targets[self.target], self.kind.port), timeout=1)
                if self.plan["proto"] == "mysql":
                    s.recv(4096)
            else:
                c = self.kind(self.targets[self.target], 1)
                s = c.sock()
            s.settimeout(self.rng.choice([0.02, 0.1, 0.3, 1.5]))
            s.sendall(data)
            s.recv(4096)
        except Exception:
            pass
        try:
            if c is not None:
                c.close()
            if s is not None:
                s.close()
        except Exception:
            pass
        time.sleep(self.rng.expovariate(1 / self.me["scan_think"]))

    def shoot(self, shot):
        """the message of death, over a connection of the pool or over a new one"""
        kind = killers.named(self.plan["proto"], shot["kind"])
        data = kind.build(random.Random(self.shot_seed))
        ip, port = self.targets[self.target], self.kind.port
        s = None
        try:
            if kind.fresh:
                s = socket.create_connection((ip, port), timeout=2)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.plan["proto"] == "mysql":
                    s.recv(4096)
            else:
                if not self.pool or shot.get("new"):
                    self.connect()
                if not self.pool:
                    shot["at"] += 0.15
                    self.shots.insert(0, shot)
                    return
                s = self.pool[-1].sock()
            mine = s.getsockname()
            if shot.get("arm", True):
                self.trigger.arm(mine[0], mine[1], kind.need or len(data), shot["signal"], shot["whom"], 2 if shot["how"] == "arrive" else 1)
            self.say("shot", ip=mine[0], port=mine[1], kind=kind.name, wrong=kind.wrong, bytes=len(data), target=ip, armed=shot.get("arm", True))
            s.settimeout(shot.get("patience", 1.0))
            s.sendall(data)
            s.recv(4096)
        except Exception as e:
            if s is None:
                shot["at"] += 0.15
                self.shots.insert(0, shot)
                return
            self.say("shot-ended", error=repr(e)[:80])
        finally:
            try:
                if kind.fresh and s is not None:
                    s.close()
                elif self.pool:
                    c = self.pool.pop()
                    self.shut(c)
            except Exception:
                pass


def bored(*_):
    raise TimeoutError("no patience left")


def main():
    with open(sys.argv[1], encoding="ascii") as f:
        plan = json.load(f)
    __import__({"mysql": "pymysql", "pgsql": "psycopg2", "redis": "redis", "memcached": "pymemcache"}[plan["proto"]])
    pids = []
    for i in range(len(plan["clients"])):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGALRM, bored)
            sys.stdin.close()
            try:
                Client(plan, i).run()
            except BaseException as e:
                with open(plan["events"] + ".err", "a", encoding="ascii", errors="replace") as f:
                    f.write("%d %r\n" % (i, e))
                    import traceback
                    traceback.print_exc(file=f)
            os._exit(1)
        pids.append(pid)
    print(json.dumps(pids), flush=True)
    sys.stdin.read()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


main()
