"""The mutations. Each takes a message apart from its twin in one named way."""

CLASSES = ("outer-length", "inner-length", "count", "terminator", "trailing", "trailing-raw", "truncate",
           "truncate-raw", "type", "sequence", "flip", "insert-delete", "number", "duplicate", "drop", "swap",
           "wrong-state", "oversize", "garbage", "reverse")


class Mutation:
    """what was done: class, how, field, offset in the message, and the byte strings to send instead"""

    def __init__(self, cls, how, field, offset, parts):
        self.cls, self.how, self.field, self.offset, self.parts = cls, how, field, offset, parts


def _of(msg, *kinds):
    return [f for f in msg.fields if f.kind in kinds]


def _one(fields, rng):
    return fields[0] if len(fields) == 1 else rng.choice(fields)


def _numbers(rng, old, size):
    """(how, value) around an old value"""
    top = 1 << 8 * size
    return rng.choice([("+1", old + 1), ("-1", old - 1), ("+small", old + rng.randint(2, 64)),
                       ("-small", old - rng.randint(2, 9)), ("0", 0), ("max", top - 1), ("top bit", old | top >> 1),
                       ("huge", top // 2 - 1 - rng.randint(0, 9)), ("random", rng.randrange(top))])


def outer_length(msg, rng, env):
    fields = _of(msg, "len")
    if not fields:
        return None
    f = _one(fields, rng)
    old, top = f.get(msg.data), 1 << 8 * f.size
    how, new = rng.choice([("+1", old + 1), ("-1", old - 1), ("+small", old + rng.randint(2, 64)),
                           ("-small", old - rng.randint(2, 16)), ("+4k", old + 4096),
                           ("huge", rng.choice([1 << 20, 0x7fffff, top // 2 - 1, top // 4])),
                           ("0", 0), ("wrapped", top - rng.randint(1, 8)), ("top bit", old | top >> 1)])
    if new & top - 1 == old:
        return None
    return Mutation("outer-length", how, f.name, f.off, [f.put(msg.data, new)])


def inner_length(msg, rng, env):
    fields = _of(msg, "ilen", "lenenc")
    if not fields:
        return None
    f = rng.choice(fields)
    if f.kind == "ilen":
        how, new = _numbers(rng, f.get(msg.data), f.size)
        data = f.put(msg.data, new)
    else:
        first = msg.data[f.off]
        choice = rng.choice(["+1", "-1", "+small", "FA", "FB", "FC", "FD", "FE", "FF", "FC wide", "FE wide", "0"])
        how = choice
        small = {"+1": first + 1, "-1": first - 1, "+small": first + rng.randint(2, 40), "FA": 0xfa, "FB": 0xfb,
                 "FC": 0xfc, "FD": 0xfd, "FE": 0xfe, "FF": 0xff, "0": 0}
        if choice in small:
            data = msg.data[:f.off] + bytes([small[choice] & 255]) + msg.data[f.off + 1:]
        else:   # a longer encoding of a wrong number; the message grows
            enc = b"\xfc" + rng.randrange(1 << 16).to_bytes(2, "little") if choice == "FC wide" else \
                b"\xfe" + rng.choice([1 << 63, (1 << 64) - 1, 1 << 32, 1 << 31, 1 << 24]).to_bytes(8, "little")
            data = msg.repair(msg.data[:f.off] + enc + msg.data[f.off + f.size:])
    if data == msg.data:
        return None
    return Mutation("inner-length", how, f.name, f.off, [data])


def count(msg, rng, env):
    fields = _of(msg, "count")
    if not fields:
        return None
    f = rng.choice(fields)
    how, new = _numbers(rng, f.get(msg.data), f.size)
    data = f.put(msg.data, new)
    return None if data == msg.data else Mutation("count", how, f.name, f.off, [data])


def number(msg, rng, env):
    fields = _of(msg, "int")
    if not fields:
        return None
    f = rng.choice(fields)
    if rng.random() < 0.5:
        how, new = "bit", f.get(msg.data) ^ 1 << rng.randrange(8 * f.size)
    else:
        how, new = _numbers(rng, f.get(msg.data), f.size)
    data = f.put(msg.data, new)
    return None if data == msg.data else Mutation("number", how, f.name, f.off, [data])


def terminator(msg, rng, env):
    fields = _of(msg, "nul")
    if not fields:
        return None
    f = rng.choice(fields)
    how = rng.choice(["removed", "removed", "overwritten"])
    new = b"" if how == "removed" else bytes([rng.randint(1, 255)])
    data = msg.repair(msg.data[:f.off] + new + msg.data[f.off + 1:])
    return Mutation("terminator", how, f.name, f.off, [data])


def _extra(rng):
    n = rng.choice([1, 1, 2, 4, 5, 8, 16])
    return rng.choice([bytes(n), bytes([rng.randrange(256)]) * n, rng.randbytes(n)])


def trailing(msg, rng, env):
    if not _of(msg, "len"):
        return None
    x = _extra(rng)
    return Mutation("trailing", "+%d bytes" % len(x), "end", len(msg.data), [msg.repair(msg.data + x)])


def trailing_raw(msg, rng, env):
    x = _extra(rng)
    return Mutation("trailing-raw", "+%d bytes" % len(x), "end", len(msg.data), [msg.data + x])


def truncate(msg, rng, env):
    body = len(msg.data) - msg.head()
    if body < 1 or not _of(msg, "len"):
        return None
    cut = msg.head() + (rng.randrange(body) if rng.random() < 0.6 else max(0, body - rng.randint(1, 4)))
    return Mutation("truncate", "to %d" % cut, "body", cut, [msg.repair(msg.data[:cut])])


def truncate_raw(msg, rng, env):
    if len(msg.data) < 2:
        return None
    cut = rng.randrange(1, len(msg.data))
    return Mutation("truncate-raw", "to %d" % cut, "body", cut, [msg.data[:cut]])


def type_byte(msg, rng, env):
    fields = _of(msg, "type")
    if not fields:
        return None
    f = _one(fields, rng)
    how, new = ("other", rng.choice(env.types)) if rng.random() < 0.6 else ("random", rng.randrange(256))
    if new == msg.data[f.off]:
        return None
    return Mutation("type", "%s %02x" % (how, new), f.name, f.off, [f.put(msg.data, new)])


def sequence(msg, rng, env):
    fields = _of(msg, "seq")
    if not fields:
        return None
    f = fields[0]
    how, new = rng.choice([("+1", msg.data[f.off] + 1), ("-1", msg.data[f.off] - 1), ("random", rng.randrange(256)),
                           ("255", 255), ("0", 0)])
    data = f.put(msg.data, new)
    return None if data == msg.data else Mutation("sequence", how, f.name, f.off, [data])


def _name_at(msg, off):
    for f in msg.fields:
        if f.off <= off < f.off + f.size:
            return f.name
    return "body"


def flip(msg, rng, env):
    first = msg.head() if len(msg.data) > msg.head() and rng.random() < 0.9 else 0
    off = rng.randrange(first, len(msg.data))
    new = msg.data[off] ^ (1 << rng.randrange(8) if rng.random() < 0.5 else rng.randint(1, 255))
    return Mutation("flip", "%02x>%02x" % (msg.data[off], new), _name_at(msg, off), off,
                    [msg.data[:off] + bytes([new]) + msg.data[off + 1:]])


def insert_delete(msg, rng, env):
    if len(msg.data) <= msg.head():
        return None
    off = rng.randrange(msg.head(), len(msg.data))
    if rng.random() < 0.5:
        data, how = msg.data[:off] + rng.randbytes(1) + msg.data[off:], "insert"
    else:
        data, how = msg.data[:off] + msg.data[off + 1:], "delete"
    return Mutation("insert-delete", how, _name_at(msg, off), off, [msg.repair(data)])


def duplicate(msg, rng, env):
    return Mutation("duplicate", "twice", "message", 0, [msg.data, msg.data])


def drop(msg, rng, env):
    return Mutation("drop", "not sent", "message", 0, [])


def wrong_state(msg, rng, env):
    kind, data = rng.choice(env.client_bank)
    if kind == msg.kind:
        return None
    if rng.random() < 0.5:
        return Mutation("wrong-state", "%s before" % kind, "message", 0, [data, msg.data])
    return Mutation("wrong-state", "%s instead" % kind, "message", 0, [data])


def oversize(msg, rng, env):
    fields = _of(msg, "len")
    if not fields:
        return None
    f = _one(fields, rng)
    top = 1 << 8 * f.size
    new = rng.choice(env.big_lengths)
    if new >= top:
        new = top - 1
    how, data = "declared %#x" % new, f.put(msg.data, new)
    more = rng.choice([0, 0, 3000, 20000])
    if more:
        how += " +%d bytes" % more
        data += bytes([rng.randint(32, 126)]) * more
    return Mutation("oversize", how, f.name, f.off, [data])


FOREIGN = (b"GET / HTTP/1.1\r\nHost: db\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n", b"*1\r\n$4\r\nPING\r\n",
           bytes.fromhex("16030100a5010000a10303") + bytes(range(154)), b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
           b"\0" * 64, b"\xff" * 64, b"A" * 300, b"\r\n\r\n")


def garbage(msg, rng, env):
    if rng.random() < 0.5:
        data, how = rng.choice(FOREIGN), "foreign"
    else:
        data, how = rng.randbytes(rng.choice([1, 3, 7, 30, 200, 2000])), "random"
    return Mutation("garbage", how, "message", 0, [data])


def reverse(msg, rng, env):
    return Mutation("reverse", "server message instead", "message", 0, [rng.choice(env.server_bank)])


TABLE = {"outer-length": outer_length, "inner-length": inner_length, "count": count, "terminator": terminator,
         "trailing": trailing, "trailing-raw": trailing_raw, "truncate": truncate, "truncate-raw": truncate_raw,
         "type": type_byte, "sequence": sequence, "flip": flip, "insert-delete": insert_delete, "number": number,
         "duplicate": duplicate, "drop": drop, "wrong-state": wrong_state, "oversize": oversize,
         "garbage": garbage, "reverse": reverse}
# "swap" needs two messages: the trial does it.
