"""Valid Memcached sessions, varied, so that every client message occurs."""
import base64
import random

import memcached as m
from trial import Step

NOT_MUTATED = set()


class Session:
    def __init__(self, name, seed, script):
        self.name, self.seed, self.script = name, seed, script
        self.local = {s_login: "auth", s_login_wrong: "auth", s_sasl: "sasl", s_sasl_wrong: "sasl", s_sasl_none: "sasl"}.get(script, False)

    def steps(self, ctx):
        ctx.setup = self.local or ""
        ctx.speech = "binary" if self.local == "sasl" or self.script in BINARY else "text"
        return self.script(ctx)


def value(c, most=60):
    n = c.rng.choice([0, 1, 5, 30, most])
    kind = c.rng.randrange(4)
    if kind == 0:
        return bytes(c.rng.randrange(256) for _ in range(n))
    if kind == 1:
        return (b"line\r\nget a\r\n" * (n // 12 + 1))[:n]
    return (b"The quick brown fox 0123456789 " * (n // 20 + 1))[:n]


def flags(c):
    return c.rng.choice([0, 1, 42, 65535, 4294967295])


def time(c):
    return c.rng.choice([0, 60, 3600, 2592000, -1, 1900000000])


def quit(c):
    yield Step("quit", m.line("quit", "quit"), silent=True)


def s_store(c):
    k = c.key
    yield Step("set", m.store("set", k, value(c), flags(c), 0))
    yield Step("get", m.line("get", "get", k))
    yield Step("add", m.store("add", k + b"x", value(c), flags(c), time(c)))
    yield Step("replace", m.store("replace", k, value(c), flags(c), 0))
    yield Step("append", m.store("append", k, value(c)))
    yield Step("prepend", m.store("prepend", k, value(c)))
    yield Step("gets", m.line("gets", "gets", k, k + b"x", k + b"none"))
    yield Step("delete", m.line("delete", "delete", k))
    yield from quit(c)


def s_cas(c):
    k = c.key
    yield Step("set", m.store("set", k, b"one"))
    yield Step("gets", m.line("gets", "gets", k))
    yield Step("cas", m.store("cas", k, value(c), 0, 0, ("cas", "int", c.cas())))
    yield Step("cas again", m.store("cas", k, value(c), 0, 0, ("cas", "int", 1)))
    yield Step("get", m.line("get", "get", k))


def s_large(c):
    k = c.key
    yield Step("set", m.store("set", k, value(c, c.rng.choice([3000, 20000, 200000]))))
    yield Step("get", m.line("get", "get", k))
    yield Step("keys", m.line("get", "get", *[b"%s%d" % (k, i) for i in range(c.rng.choice([30, 60, 400]))]))
    yield Step("long key", m.line("get", "get", b"k" * c.rng.choice([249, 250])))


def s_count(c):
    k = c.key
    yield Step("set", m.store("set", k, b"10"))
    yield Step("incr", m.line("incr", "incr", k, ("delta", "int", c.rng.choice([1, 5, 1 << 40]))))
    yield Step("decr", m.line("decr", "decr", k, ("delta", "int", c.rng.choice([1, 5, 1 << 63]))))
    yield Step("incr none", m.line("incr", "incr", k + b"none", 1))
    yield Step("text", m.store("set", k, b"abc"))
    yield Step("incr text", m.line("incr", "incr", k, 1))


def s_touch(c):
    k = c.key
    yield Step("set", m.store("set", k, b"x"))
    yield Step("touch", m.line("touch", "touch", k, ("exptime", "int", time(c))))
    yield Step("gat", m.line("gat", "gat", ("exptime", "int", 100), k))
    yield Step("gats", m.line("gats", "gats", ("exptime", "int", 100), k, k + b"none"))
    yield Step("touch none", m.line("touch", "touch", k + b"none", 10))


def s_noreply(c):
    k = c.key
    yield Step("set", m.store("set", k, value(c), 0, 0, "noreply"), silent=True)
    yield Step("delete", m.line("delete noreply", "delete", k, "noreply"), silent=True)
    yield Step("more", m.store("set", k, b"5", 0, 0, "noreply"), m.line("incr noreply", "incr", k, 1, "noreply"),
               m.line("touch noreply", "touch", k, 10, "noreply"), m.line("get", "get", k))
    yield Step("flush", m.line("flush_all", "flush_all", "noreply"), silent=True)
    yield Step("version", m.line("version", "version"))


def s_pipeline(c):
    k = c.key
    many = []
    for i in range(c.rng.randint(2, 6)):
        many += [m.store("set", b"%s%d" % (k, i), value(c)), m.line("get", "get", b"%s%d" % (k, i))]
    yield Step("many", *many)
    yield Step("mixed", m.line("delete", "delete", k + b"0"), m.line("incr", "incr", k + b"9", 1), m.line("version", "version"),
               m.line("get", "get", k + b"1"))


STATS = ("", "items", "slabs", "settings", "conns", "sizes", "reset", "detail on", "detail off", "detail dump", "cachedump 1 10")


def s_stats(c):
    for what in c.rng.sample(STATS, 4):
        yield Step("stats " + what, m.line("stats", "stats", *what.split()))
    yield Step("version", m.line("version", "version"))
    yield from quit(c)


ADMIN = ("verbosity 0", "flush_all", "flush_all 100", "flush_all 0 noreply", "cache_memlimit 64", "slabs automove 1", "slabs automove 0", "slabs reassign 1 2",
         "slabs automove ratio 0.8", "lru mode flat", "lru mode segmented", "lru temp_ttl 60", "lru temp_ttl -1", "lru tune 20 40 0.2 2.0", "lru_crawler enable",
         "lru_crawler sleep 100", "lru_crawler tocrawl 0", "lru_crawler crawl 1,2", "lru_crawler metadump all", "shutdown", "mn", "stats")


def s_admin(c):
    for what in c.rng.sample(ADMIN, 5):
        words = what.split()
        yield Step(what, m.line(words[0], *words), silent=words[-1] == "noreply")
    yield Step("version", m.line("version", "version"))


def s_watch(c):
    yield Step("watch", m.line("watch", "watch", *c.rng.sample(["fetchers", "mutations", "evictions", "connevents"], c.rng.randint(0, 3))))
    c.sealed = True


def s_meta(c):
    k = c.key
    yield Step("ms", m.meta_store(k, value(c), *c.rng.sample(["T60", "F5", "c", "k", "Oabc", "MS", "I"], c.rng.randint(0, 4))))
    yield Step("mg", m.line("mg", "mg", k, *c.rng.sample(["v", "t", "f", "c", "s", "k", "h", "l", "O77", "T30", "u"], c.rng.randint(0, 7))))
    yield Step("mg none", m.line("mg", "mg", k + b"none", "v", "N30", "t"))
    yield Step("ma", m.line("ma", "ma", k + b"n", "N0", "J10", "D5", "v"))
    yield Step("ma more", m.line("ma", "ma", k + b"n", "MD", "D2", "v", "t", "c"))
    yield Step("me", m.line("me", "me", k))
    yield Step("md", m.line("md", "md", k, *c.rng.sample(["q", "Ox", "k", "I", "T30"], c.rng.randint(0, 3))), m.line("mn", "mn"))
    yield Step("mn", m.line("mn", "mn"))


def s_meta_quiet(c):
    k = c.key
    yield Step("store", *[m.meta_store(b"%s%d" % (k, i), value(c), "q") for i in range(3)], m.line("mn", "mn"))
    yield Step("fetch", *[m.line("mg", "mg", b"%s%d" % (k, i), "v", "q", "O%d" % i) for i in range(5)], m.line("mn", "mn"))
    yield Step("append", m.meta_store(k + b"0", value(c), "MA"), m.meta_store(k + b"z", value(c), "ME", "T5"))


def s_meta_binary_key(c):
    k = base64.b64encode(bytes(c.rng.randrange(256) for _ in range(c.rng.choice([3, 8, 20]))))
    yield Step("ms", m.meta_store(k, value(c), "b", "k", "c"))
    yield Step("mg", m.line("mg", "mg", k, "b", "v", "k"))
    yield Step("me", m.line("me", "me", k, "b"))
    yield Step("md", m.line("md", "md", k, "b"))


def s_errors(c):
    k = c.key
    yield Step("replace", m.store("replace", k, b"x"))
    yield Step("append", m.store("append", k, b"x"))
    yield Step("delete", m.line("delete", "delete", k))
    yield Step("too large", m.store("set", k, b"x" * ((1 << 20) + 100)))
    yield Step("get", m.line("get", "get", k))


def s_login(c):
    yield Step("login", m.store("set", c.rng.choice([b"auth", c.key]), b"judge judgepw"))
    yield Step("set", m.store("set", c.key, value(c)))
    yield Step("get", m.line("get", "get", c.key))


def s_login_wrong(c):
    yield Step("get", m.line("get", "get", c.key))
    yield Step("wrong", m.store("set", b"auth", b"judge wrong"))
    yield Step("login", m.store("set", b"auth", b"judge judgepw"))
    yield Step("version", m.line("version", "version"))


def s_bin_store(c):
    k = c.key
    yield Step("set", m.bin_store("set", k, value(c), flags(c), 0))
    yield Step("get", m.request("get", k))
    yield Step("getk", m.request("getk", k))
    yield Step("add", m.bin_store("add", k + b"x", value(c), flags(c), 100))
    yield Step("replace", m.bin_store("replace", k, value(c)))
    yield Step("append", m.request("append", k, value=value(c)))
    yield Step("prepend", m.request("prepend", k, value=value(c)))
    yield Step("cas", m.bin_store("set", k, value(c), cas=c.cas()))
    yield Step("delete", m.request("delete", k))
    yield Step("quit", m.request("quit"))


def s_bin_quiet(c):
    k = c.key
    yield Step("store", *[m.bin_store("setq", b"%s%d" % (k, i), value(c)) for i in range(3)], m.request("noop"))
    yield Step("fetch", *[m.request(c.rng.choice(["getq", "getkq"]), b"%s%d" % (k, i)) for i in range(5)], m.request("noop"))
    yield Step("others", m.bin_store("addq", k + b"0", b"x"), m.bin_store("replaceq", k + b"1", b"x"), m.request("appendq", k + b"1", value=b"y"),
               m.request("prependq", k + b"1", value=b"z"), m.bin_count("incrementq", k + b"n", 1, 5), m.bin_count("decrementq", k + b"n"),
               m.request("deleteq", k + b"2"), m.request("version"))
    yield Step("quitq", m.request("quitq"), silent=True)


def s_bin_count(c):
    k = c.key
    yield Step("incr", m.bin_count("increment", k, 1, 10, 0))
    yield Step("decr", m.bin_count("decrement", k, 3, 10, 0))
    yield Step("none", m.bin_count("increment", k + b"none", 1, 0, 0xffffffff))
    yield Step("set", m.bin_store("set", k, b"abc"))
    yield Step("text", m.bin_count("increment", k))


def s_bin_touch(c):
    k = c.key
    yield Step("set", m.bin_store("set", k, value(c)))
    yield Step("touch", m.bin_touch("touch", k))
    yield Step("gat", m.bin_touch("gat", k), m.bin_touch("gatk", k))
    yield Step("quiet", m.bin_touch("gatq", k), m.bin_touch("gatkq", k + b"none"), m.request("noop"))


def s_bin_admin(c):
    yield Step("version", m.request("version"))
    yield Step("noop", m.request("noop"))
    yield Step("stat", m.request("stat", c.rng.choice([b"", b"items", b"slabs", b"settings", b"reset"])))
    yield Step("stat none", m.request("stat", b"nothing"))
    yield Step("flush", m.request("flush", extras=c.rng.choice([(), (("exptime", 4, 100),)])))
    yield Step("flushq", m.request("flushq"), m.request("noop"))
    yield Step("mechanisms", m.request("sasl_list"))


def s_bin_large(c):
    yield Step("set", m.bin_store("set", c.key, value(c, c.rng.choice([3000, 100000]))))
    yield Step("get", m.request("get", c.key))
    yield Step("too large", m.bin_store("set", c.key, b"x" * ((1 << 20) + 100)))
    yield Step("long key", m.request("get", b"k" * 250))


def s_sasl(c):
    if c.rng.random() < 0.5:
        yield Step("mechanisms", m.request("sasl_list"))
    yield Step("login", m.request("sasl_auth", b"PLAIN", value=b"\0judge@judge\0judgepw"))
    yield Step("set", m.bin_store("set", c.key, value(c)))
    yield Step("get", m.request("get", c.key))


def s_sasl_wrong(c):
    yield Step("version", m.request("version"))
    yield Step("wrong", m.request("sasl_auth", b"PLAIN", value=b"\0judge@judge\0nothing"))
    yield Step("login", m.request("sasl_auth", b"PLAIN", value=b"\0judge@judge\0judgepw"))
    yield Step("noop", m.request("noop"))


def s_sasl_none(c):
    yield Step("get", m.request("get", c.key))


BINARY = (s_bin_store, s_bin_quiet, s_bin_count, s_bin_touch, s_bin_admin, s_bin_large)
SCRIPTS = ((s_store, 8), (s_cas, 4), (s_large, 4), (s_count, 4), (s_touch, 4), (s_noreply, 4), (s_pipeline, 5), (s_stats, 5), (s_admin, 8), (s_watch, 3),
           (s_meta, 8), (s_meta_quiet, 4), (s_meta_binary_key, 4), (s_errors, 2), (s_login, 3), (s_login_wrong, 2), (s_bin_store, 6), (s_bin_quiet, 6),
           (s_bin_count, 4), (s_bin_touch, 4), (s_bin_admin, 5), (s_bin_large, 2), (s_sasl, 3), (s_sasl_wrong, 2), (s_sasl_none, 1))


def sessions(seed):
    rng = random.Random(seed)
    return [Session("%s-%d" % (f.__name__[2:], k), rng.getrandbits(32), f) for f, n in SCRIPTS for k in range(n)]
