"""Valid Redis sessions, varied, so that every form of request occurs."""
import random

import redis as p
from trial import Step

PASSWORD = "judgepw"
# What may wait for long, or ends everything, when a byte of it changes.
NOT_MUTATED = {"BLPOP", "BRPOP", "WAIT", "XREAD"}


class Session:
    local = False

    def __init__(self, name, seed, script):
        self.name, self.seed, self.script = name, seed, script

    def steps(self, ctx):
        ctx.prefix = self.name
        return self.script(ctx)


def login(c):
    kind = c.rng.randrange(5)
    if kind == 0:
        yield Step("login", p.request("AUTH", PASSWORD))
    elif kind == 1:
        yield Step("login", p.request("AUTH", "default", PASSWORD))
    elif kind == 2:
        yield Step("login", p.request("HELLO", c.rng.choice([2, 3]), "AUTH", "default", PASSWORD, "SETNAME", "app-%d" % c.rng.randrange(9)))
    elif kind == 3:
        yield Step("login", p.inline("AUTH " + PASSWORD))
    else:
        yield Step("login", p.request("auth", "app", "apppw"))
        yield Step("login name", p.request("CLIENT", "SETNAME", "worker"))


def ask(c, *requests):
    for i, r in enumerate(requests):
        yield Step("ask%d %s" % (i, r.kind), r)


def quit(c):
    yield Step("quit", p.request("QUIT"))


def commands(c):
    k, r = c.prefix + ":", c.rng
    text = "".join(chr(r.randrange(32, 127)) for _ in range(r.choice([0, 1, 5, 30, 200])))
    binary = r.randbytes(r.choice([1, 8, 64, 700]))
    return [
        p.request("PING"), p.request("PING", text), p.request("ECHO", binary), p.request("SET", k + "a", text), p.request("GET", k + "a"),
        p.request("SET", k + "b", binary, "EX", 100), p.request("GET", k + "nothing"), p.request("DEL", k + "a", k + "b"),
        p.request("MSET", *[x for i in range(r.randint(1, 25)) for x in (k + "m%d" % i, text or "x")]),
        p.request("MGET", *[k + "m%d" % i for i in range(r.randint(1, 40))]), p.request("INCR", k + "n"), p.request("INCRBYFLOAT", k + "f", "1.5"),
        p.request("HSET", k + "h", "f1", text, "f2", "2"), p.request("HGETALL", k + "h"), p.request("HGET", k + "h", "f1"),
        p.request("LPUSH", k + "l", "1", "2", text), p.request("LRANGE", k + "l", 0, -1), p.request("RPOP", k + "l"),
        p.request("SADD", k + "s", "x", "y", "z"), p.request("SMEMBERS", k + "s"), p.request("ZADD", k + "z", 1, "one", 2.5, "two"),
        p.request("ZRANGE", k + "z", 0, -1, "WITHSCORES"), p.request("ZSCORE", k + "z", "two"), p.request("XADD", k + "x", "*", "field", text or "v"),
        p.request("XRANGE", k + "x", "-", "+", "COUNT", 2), p.request("EXPIRE", k + "a", 60), p.request("TTL", k + "a"), p.request("TYPE", k + "h"),
        p.request("EVAL", "return {1, 'two', false, {3, KEYS[1]}}", 1, k + "a"), p.request("EVAL", "return redis.call('get', KEYS[1])", 1, k + "a"),
        p.request("SCAN", 0, "MATCH", k + "*", "COUNT", 10), p.request("OBJECT", "ENCODING", k + "h"), p.request("SELECT", 0),
        p.request("CLIENT", "ID"), p.request("CLIENT", "GETNAME"), p.request("CLIENT", "SETNAME", "again"), p.request("CONFIG", "GET", "maxmemory"),
        p.request("INFO", "server"), p.request("COMMAND", "COUNT"), p.request("DBSIZE"), p.request("TIME"), p.request("BITCOUNT", k + "b"),
        p.request("GETRANGE", k + "a", 0, 3), p.request("SETRANGE", k + "r", 5, "text"), p.request("PFADD", k + "p", "a", "b"),
        p.request("PFCOUNT", k + "p"), p.request("GEOADD", k + "g", 13.36, 38.11, "Palermo"), p.request("COPY", k + "a", k + "c"),
        p.request("PUBLISH", k + "ch", text), p.request("SORT", k + "l", "ALPHA"), p.request("MEMORY", "USAGE", k + "h"), p.request("ROLE"),
        p.request("ACL", "WHOAMI"), p.request("SET", k + "", ""), p.request("LASTSAVE"), p.request("LATENCY", "RESET"),
    ]


def wrong(c):
    k = c.prefix + ":"
    return [p.request("NOSUCH", "a"), p.request("GET"), p.request("GET", "a", "b"), p.request("LPUSH", k + "str", "x"), p.request("INCR", k + "str"),
            p.request("SET", k + "a", "b", "NOSUCHOPTION"), p.request("EVAL", "return {", 0), p.request("EVALSHA", "0" * 40, 0), p.request("SELECT", 99),
            p.request("CONFIG", "SET", "nosuch", "1"), p.request("EXEC"), p.request("ZADD", k + "z", "x", "y"), p.request("RESTORE", k + "y", 0, "bad"),
            p.request(""), p.request("AUTH", "wrong"), p.request("EVAL", "return redis.error_reply('MY own error')", 0)]


def s_commands(c):
    yield from login(c)
    yield from ask(c, *c.rng.sample(commands(c), 4))
    yield from quit(c)


def s_errors(c):
    yield from login(c)
    yield from ask(c, p.request("SET", c.prefix + ":str", "text"), *c.rng.sample(wrong(c), 3))
    yield from ask(c, p.request("PING"))


def s_pipeline(c):
    yield from login(c)
    some = [c.rng.choice(commands(c)) for _ in range(c.rng.choice([2, 5, 20, 60]))]
    yield Step("pipeline", *some)
    yield Step("after", p.request("PING"))


def s_transaction(c):
    yield from login(c)
    yield Step("watch", p.request("WATCH", c.prefix + ":a"))
    yield Step("multi", p.request("MULTI"), *c.rng.sample(commands(c)[:20], 3), p.request("EXEC"))
    yield Step("multi2", p.request("MULTI"))
    yield from ask(c, p.request("SET", c.prefix + ":t", "1"), p.request("DISCARD"))


def s_inline(c):
    yield from login(c)
    k = c.prefix + ":"
    lines = ["PING", "SET %sa hello" % k, "GET %sa" % k, 'SET %sb "hello world\\n\\x41"' % k, "SET %sc 'it\\'s'" % k, "  PING  ", "", "LRANGE %sl 0 -1" % k,
             "EXISTS a b c d", 'ECHO ""', "MGET a  b\tc", "ECHO a\"b c\"", "INFO server"]
    for i, text in enumerate(c.rng.sample(lines, 4)):
        yield Step("line%d" % i, p.inline(text), silent=text == "")
    yield from ask(c, p.request("PING"))
    yield Step("last", p.inline("QUIT"))


def s_big(c):
    yield from login(c)
    n = c.rng.choice([1000, 1025, 5000, 20000, 70000])
    yield Step("set", p.request("SET", c.prefix + ":big", c.rng.randbytes(n)))
    yield Step("get", p.request("GET", c.prefix + ":big"))
    many = [c.rng.choice(["a", "bb", "", "c" * 40]) for _ in range(c.rng.choice([31, 32, 33, 100, 700]))]
    yield Step("push", p.request("RPUSH", c.prefix + ":list", *many))
    yield Step("range", p.request("LRANGE", c.prefix + ":list", 0, 300))
    yield Step("delete", p.request("DEL", c.prefix + ":list", c.prefix + ":big"))


def s_resp3(c):
    yield Step("hello", p.request("HELLO", 3, "AUTH", "default", PASSWORD))
    some = c.rng.sample(commands(c), 3)
    yield from ask(c, p.request("HSET", c.prefix + ":h", "a", "1"), p.request("HGETALL", c.prefix + ":h"), *some)
    yield Step("types", p.request("EVAL", "redis.setresp(3); return redis.call('hgetall', KEYS[1])", 1, c.prefix + ":h"),
               p.request("DEBUG", "PROTOCOL", c.rng.choice(["attrib", "push", "verbatim", "bignum", "null", "double", "true", "map", "set"])))
    yield Step("back", p.request("HELLO", 2))
    yield from ask(c, p.request("HGETALL", c.prefix + ":h"))


def s_reply_modes(c):
    yield from login(c)
    k = c.prefix + ":"
    yield Step("skip", p.request("CLIENT", "REPLY", "SKIP"), p.request("SET", k + "a", "1"), p.request("GET", k + "a"))
    yield Step("off", p.request("CLIENT", "REPLY", "OFF"), p.request("SET", k + "b", "2"), p.request("INCR", k + "b"), silent=True)
    yield Step("silent", p.request("INCR", k + "b"), silent=True)
    yield Step("on", p.request("CLIENT", "REPLY", "ON"), p.request("GET", k + "b"))


def s_pubsub(c):
    yield from login(c)
    k = c.prefix + ":"
    yield Step("subscribe", p.request("SUBSCRIBE", k + "one", k + "two"))
    yield Step("psubscribe", p.request("PSUBSCRIBE", k + "p*"))
    yield Step("ping", p.request("PING", "x"))
    yield Step("unsubscribe", p.request("UNSUBSCRIBE"), p.request("PUNSUBSCRIBE", k + "p*"))
    yield Step("after", p.request("PING"))


def s_denied(c):
    kind = c.rng.randrange(3)
    if kind == 0:
        yield from ask(c, p.request("GET", "a"), p.request("SET", "a", "b"), p.request("HELLO", 3))
    elif kind == 1:
        yield from ask(c, p.request("AUTH", "bad"), p.request("AUTH", "nobody", "bad"), p.request("PING"))
    else:
        yield Step("pipeline", p.request("AUTH", "bad"), p.request("GET", "a"), p.request("MGET", *"abcdefgh"))
        yield Step("late", p.request("AUTH", PASSWORD))
        yield from ask(c, *c.rng.sample(commands(c), 2))


def s_blocking(c):
    yield from login(c)
    k = c.prefix + ":"
    yield Step("block", p.request("BLPOP", k + "none", "0.1"))
    yield Step("push", p.request("RPUSH", k + "q", "job"))
    yield Step("pop", p.request("BRPOP", k + "q", "0.1"))
    yield Step("read", p.request("XREAD", "COUNT", 1, "BLOCK", 50, "STREAMS", k + "nostream", "$"))
    yield Step("wait", p.request("WAIT", 0, 10))


def s_replica(c):
    yield from login(c)
    yield Step("ping", p.request("PING"))
    yield Step("port", p.request("REPLCONF", "listening-port", 7777))
    yield Step("capa", p.request("REPLCONF", "capa", "eof", "capa", "psync2"))


def s_administration(c):
    yield from login(c)
    some = [p.request("CONFIG", "SET", "slowlog-max-len", 100), p.request("CONFIG", "GET", "*max*"), p.request("ACL", "LIST"), p.request("ACL", "CAT"),
            p.request("SLOWLOG", "GET", 2), p.request("CLIENT", "INFO"), p.request("MEMORY", "STATS"), p.request("COMMAND", "INFO", "get"),
            p.request("COMMAND", "DOCS", "set"), p.request("SCRIPT", "LOAD", "return 1"), p.request("FUNCTION", "LIST"), p.request("MODULE", "LIST"),
            p.request("ACL", "SETUSER", c.prefix, "on", ">secret", "~*", "+@read"), p.request("CLIENT", "NO-EVICT", "off"), p.request("RESET")]
    yield from ask(c, *c.rng.sample(some, 4))


SCRIPTS = (s_commands, s_errors, s_pipeline, s_transaction, s_inline, s_big, s_resp3, s_reply_modes, s_pubsub, s_denied, s_blocking, s_replica,
           s_administration)
MANY = {s_commands: 30, s_pipeline: 8, s_errors: 8, s_inline: 8, s_big: 8, s_resp3: 8, s_administration: 6, s_denied: 6}


def sessions(seed):
    rng, out = random.Random(seed), []
    for script in SCRIPTS:
        for i in range(MANY.get(script, 4)):
            out.append(Session("%s-%d" % (script.__name__[2:], i), rng.getrandbits(48), script))
    return out
