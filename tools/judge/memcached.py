"""Memcached, text and binary: messages with field maps, how the server sees the stream, what a reply means."""
import re
import struct

from message import Field, Message, shifted

NAME, PORT = "memcached", 11211
ERRORS_CLOSE = True    # whether an ordinary error may end the connection
TYPES = list(range(0x26)) + [0x30, 0x80, 0x81, 0xff] + [ord(c) for c in "gsadmcirt G0\r\n"]
BIG_LENGTHS = (250, 251, 1024, 16384, 65535, 1 << 20, (1 << 20) + 1, 1 << 24, 1 << 30, (1 << 30) + 1, 0x7ffffffd, 0x7ffffffe, 0x7fffffff,
               0x80000000, 0xfffffff0, 0xffffffff)
OPCODES = {n: i for i, n in enumerate(
    "get set add replace delete increment decrement quit flush getq noop version getk getkq append prepend stat setq addq replaceq deleteq"
    " incrementq decrementq quitq flushq appendq prependq verbosity touch gat gatq".split())}
OPCODES.update(sasl_list=0x20, sasl_auth=0x21, sasl_step=0x22, gatk=0x23, gatkq=0x24)
SASL = (0x20, 0x21, 0x22)
HEADER = 24


class Digits(Field):
    """a number written in digits; as wide as a 32-bit one for those that ask"""

    def __init__(self, name, off, digits, kind):
        super().__init__(name, off, 4, kind, "big")
        self.digits = digits

    def get(self, data):
        return int(data[self.off:self.off + self.digits])

    def put(self, data, value):
        return data[:self.off] + b"%d" % value + data[self.off + self.digits:]


class Binary(Message):
    """a message whose body length stands at offset 8"""

    def head(self):
        return HEADER

    def repair(self, data):
        return data if len(data) < HEADER else data[:8] + struct.pack(">I", len(data) - HEADER) + data[12:]


def line(kind, *words, data=None):
    """a command line; words are text, numbers or (name, kind, number); and a data block"""
    out, fields = bytearray(), []
    for i, w in enumerate(words):
        if i:
            out += b" "
        name, kind_of = "word%d" % i, "int"
        if isinstance(w, tuple):
            name, kind_of, w = w
        text = w if isinstance(w, bytes) else str(w).encode()
        number = re.fullmatch(rb"-?\d+", text) and i
        fields.append(Digits(name, len(out), len(text), kind_of) if number else
                      Field(name, len(out), len(text), "type" if not i else "text", "big"))
        out += text
    _end(out, fields, "line")
    if data is not None:
        if data:
            fields.append(Field("data", len(out), len(data), "bin", "big"))
        out += data
        _end(out, fields, "data")
    return Message(kind, out, fields, "raw")


def _end(out, fields, name):
    fields.append(Field(name + ".cr", len(out), 1, "nul", "big"))
    fields.append(Field(name + ".lf", len(out) + 1, 1, "nul", "big"))
    out += b"\r\n"


def store(command, key, value, flags=0, exptime=0, *more):
    return line(command, command, key, ("flags", "int", flags), ("exptime", "int", exptime), ("bytes", "len", len(value)), *more, data=value)


def meta_store(key, value, *flags):
    return line("ms", "ms", key, ("bytes", "len", len(value)), *flags, data=value)


def request(name, key=b"", extras=(), value=b"", cas=0, opaque=0x64626800):
    """a binary request; extras are (name, bytes, number)"""
    body, fields = bytearray(), []
    for n, size, v in extras:
        fields.append(Field(n, len(body), size, "int", "big"))
        body += v.to_bytes(size, "big")
    length = len(body)
    for n, data, kind in (("key", key, "text"), ("value", value, "bin")):
        if data:
            fields.append(Field(n, len(body), len(data), kind, "big"))
        body += data
    head = struct.pack(">BBHBBHIIQ", 0x80, OPCODES[name], len(key), length, 0, 0, len(body), opaque, cas)
    of = [("magic", 0, 1, "int"), ("opcode", 1, 1, "type"), ("keylen", 2, 2, "count"), ("extlen", 4, 1, "count"), ("datatype", 5, 1, "int"),
          ("vbucket", 6, 2, "int"), ("bodylen", 8, 4, "len"), ("opaque", 12, 4, "int"), ("cas", 16, 8, "int")]
    return Binary("bin " + name, head + body, [Field(*f, "big") for f in of] + shifted(fields, HEADER), "raw")


def bin_store(name, key, value, flags=0, exptime=0, cas=0):
    return request(name, key, (("flags", 4, flags), ("exptime", 4, exptime)), value, cas)


def bin_count(name, key, delta=1, initial=0, exptime=0):
    return request(name, key, (("delta", 8, delta), ("initial", 8, initial), ("exptime", 4, exptime)))


def bin_touch(name, key, exptime=60):
    return request(name, key, (("exptime", 4, exptime),))


# What a refusal is about: how the server is set up, or what it keeps, and not the form of the request.
ORDINARY = ("cannot increment", "not allowed", "disabled", "unauthenticated", "authentication failure", "Illegal slab id", "sleep must be")


def is_protocol_error(code, text):
    if code.startswith("bin "):
        opcode, status = (int(x, 16) for x in code.split()[1:])
        return status == 0x04 or status == 0x81 and opcode not in SASL
    if code.startswith("CLIENT_ERROR"):
        return not any(x in code for x in ORDINARY)
    return code == "ERROR" or code.startswith("ERROR cannot pipeline")


def is_grey(code, text):
    return False


PARTS = (b"VALUE ", b"STAT ", b"ITEM ", b"PREFIX ", b"key=", b"ts=", b"mg ")


def reply_end(data, p, binary):
    """the end of the reply or part of one at p, or None; and whether more must follow"""
    if binary and data[p:p + 1] == b"\x81":
        if len(data) - p < HEADER:
            return None, True
        n = struct.unpack(">I", data[p + 8:p + 12])[0]
        end = p + HEADER + n
        more = data[p + 1] == OPCODES["stat"] and data[p + 2:p + 4] != b"\0\0" and data[p + 6:p + 8] == b"\0\0"
        return (end, more) if end <= len(data) else (None, True)
    end = data.find(b"\n", p) + 1
    if not end:
        return None, True
    text = data[p:end].rstrip(b"\r\n")
    m = re.match(rb"VALUE \S+ \d+ (\d+)|VA (\d+)", text)
    if m:
        end += int(m[1] or m[2]) + 2
        if end > len(data):
            return None, True
    return end, text.startswith(PARTS)


class Context:
    """the client's view of its connection"""

    def __init__(self, wire, rng, server):
        self.wire, self.rng, self.server = wire, rng, server
        self.pos, self.replies, self.all_replies = 0, [], []
        self.sealed, self.setup, self.speech = False, "", ""
        self.key = b"k%08x" % rng.getrandbits(32)

    def greet(self):
        pass

    def busy(self):
        return False

    def binary(self):
        return self.speech == "binary"

    def whole(self):
        p, more = self.pos, False
        while p < len(self.wire.got):
            p, more = reply_end(self.wire.got, p, self.binary())
            if p is None:
                return False
        return not more

    def digest(self):
        self.replies, errors, answered = [], [], False
        while self.pos < len(self.wire.got):
            end, more = reply_end(self.wire.got, self.pos, self.binary())
            if end is None:
                break
            data = self.wire.got[self.pos:end]
            self.pos = end
            self.replies.append(data)
            self.all_replies.append(data)
            answered = answered or not more
            if data[:1] == b"\x81" and self.binary():
                status = int.from_bytes(data[6:8], "big")
                if status not in (0, 1, 2, 5, 6, 0x21):
                    errors.append(("bin %02x %04x" % (data[1], status), data[HEADER:].decode("latin-1")))
            elif re.match(rb"(CLIENT_|SERVER_)?ERROR", data):
                errors.append((data.split(b"\n")[0].decode("latin-1").strip(), ""))
        return answered, errors

    def cas(self):
        """the number that the last answer named"""
        for data in self.replies:
            m = re.match(rb"VALUE \S+ \d+ \d+ (\d+)", data)
            if m:
                return int(m[1])
            if data[:1] == b"\x81":
                return int.from_bytes(data[16:24], "big")
        return 1

    def probes(self):
        if self.binary():
            yield [request("noop").wire()], lambda out: any(x[:2] == b"\x81\x0a" for x in self.replies)
        elif self.setup != "auth" or any(x == b"STORED\r\n" for x in self.all_replies):
            yield [b"version\r\n"], lambda out: any(x.startswith(b"VERSION") for x in self.replies)
        else:
            yield [b"version\r\n"], lambda out: bool(self.replies)

    def farewell(self):
        return [request("quit").wire() if self.binary() else b"quit\r\n"]


def strtol(word):
    m = re.match(rb"[\t\v\f\r]*([+-]?\d+)(?:[\s\0]|$)", word)
    if not m or not -(1 << 63) <= int(m[1]) < 1 << 63:
        return None
    return (int(m[1]) + (1 << 31)) % (1 << 32) - (1 << 31)


def strtoul(word):
    m = re.match(rb"[\t\v\f\r]*([+-]?\d+)(?:[\s\0]|$)", word)
    if not m or abs(int(m[1])) >= 1 << 64:
        return None
    value = int(m[1]) % (1 << 64)
    return None if value >> 63 and b"-" in word else value


STORES = {b"set": 5, b"add": 5, b"replace": 5, b"append": 5, b"prepend": 5, b"cas": 6}


class Command:
    """a command of the client as the server cuts it out of the stream"""

    def __init__(self, offset, words, binary=None):
        self.offset, self.words, self.end, self.complete, self.binary, self.kept_back = offset, words, 0, True, binary, ""


def text_block(words):
    """bytes of the data block that the server reads behind this line, or None; and what is wrong that noreply keeps back"""
    name = words[0] if words else b""
    if name == b"ms" and 3 <= len(words) <= 19 and len(words[1]) <= 250:
        n = strtol(words[2])
        return (None, "") if n is None or not 0 <= n <= 0x7ffffffd else (n, "")
    count = STORES.get(name)
    if not count or not count <= len(words) <= count + 1:
        return None, ""
    quiet = words[-1] == b"noreply"
    n = strtol(words[4])
    good = len(words[1]) <= 250 and strtoul(words[2]) is not None and strtol(words[3]) is not None and n is not None and 0 <= n <= 0x7ffffffd
    good = good and (count == 5 or strtoul(words[5]) is not None)
    return (n, "") if good else (None, "line" if quiet else "")


def kept_back(words):
    """an error that the client asked not to hear"""
    if not words or words[-1] != b"noreply":
        return ""
    name = words[0]
    bad = len(words) > 1 and len(words[1]) > 250
    if name in (b"incr", b"decr"):
        bad = len(words) in (3, 4) and (bad or strtoul(words[2]) is None)
    elif name == b"touch":
        bad = len(words) in (3, 4) and (bad or strtol(words[2]) is None)
    elif name == b"delete":
        bad = 2 <= len(words) <= 4 and (bad or not (len(words) == 2 or words[2:] in ([b"0"], [b"noreply"], [b"0", b"noreply"])))
    elif name == b"flush_all":
        bad = len(words) == 3 and strtol(words[1]) is None
    elif name in (b"verbosity", b"cache_memlimit"):
        bad = len(words) in (2, 3) and strtoul(words[1]) is None
    elif name in (b"watch", b"slabs", b"lru"):
        bad = True
    else:
        bad = False
    return "line" if bad else ""


def received(trial):
    """the commands that the server cut out of what was sent, and whether it waits for the rest of one"""
    sent, p, out = trial.wire.sent, 0, []
    binary = trial.ctx.setup == "sasl" or sent[:1] == b"\x80"
    while p < len(sent):
        if binary:
            if len(sent) - p < HEADER:
                return out, True
            magic, opcode, key, extras, _, _, body = struct.unpack(">BBHBBHI", sent[p:p + 12])
            c = Command(p, [], (opcode, key, extras, body))
            if magic != 0x80 or key + extras > body or key > 250:
                c.end = p + HEADER + key + extras
                return out + [c], magic == 0x80 and c.end > len(sent)
            ignored = opcode in (0x10, 0x1c, 0x1d, 0x1e, 0x23, 0x24)
            c.end = p + HEADER + (key + extras if ignored else body)
        else:
            end = sent.find(b"\n", p)
            if end < 0:
                return out, True
            text = sent[p:end - 1] if end > p + 1 and sent[end - 1:end] == b"\r" else sent[p:end]
            words = [w for w in text.split(b"\0")[0].split(b" ") if w]
            c = Command(p, words)
            n, c.kept_back = text_block(words)
            c.kept_back = c.kept_back or kept_back(words)
            c.end = end + 1
            if n is not None:
                c.end += n + 2
                if c.end <= len(sent) and sent[c.end - 2:c.end] != b"\r\n" and words[-1] == b"noreply":
                    c.kept_back = "data block"
        out.append(c)
        if c.end > len(sent):
            return out, True
        p = c.end
    return out, False


def is_quit(c):
    return c.binary[0] in (0x07, 0x17) and c.binary[1:] == (0, 0, 0) if c.binary else c.words[:1] == [b"quit"]


def unfinished(trial):
    return received(trial)[1]


def orderly_end(trial):
    return any(is_quit(c) for c in received(trial)[0])


def behind(trial, offset):
    return any(c.offset <= offset < c.end < len(trial.wire.sent) for c in received(trial)[0])


def streaming(trial):
    return any(c.words[:1] == [b"watch"] for c in received(trial)[0])


def unsure(trial):
    """why the server's silence or consent proves nothing, or ''"""
    commands, more = received(trial)
    sent = trial.wire.sent
    if trial.ctx.setup == "sasl" and not any(b"Authenticated" in x for x in trial.ctx.all_replies) or "unauthenticated" in trial.result.answer:
        return "not logged in, so that the server did not look at the form"
    if more:
        return "what was sent ends in the middle of a message"
    for i, c in enumerate(commands):
        if is_quit(c) and c.end < len(sent):
            return "bytes behind quit, which nobody reads"
        if c.words[:1] == [b"watch"] and c.end < len(sent):
            return "bytes behind watch, which nobody reads"
        if c.kept_back:
            return "a wrong %s, and the client asked not to be told" % c.kept_back
        if c.binary and sent[c.offset] != 0x80 and trial.plan.kind in ("bin quit", "bin quitq"):
            return "a wrong first byte in place of quit: the server closes either way"
        if c.binary and c.binary[0] == 0x22 and not any(d.binary[0] == 0x21 for d in commands[:i] if d.binary):
            return "a SASL step without a start, which this version only calls a failure"
        if c.binary and c.binary[3] > 1 << 30:
            return "more than 1 GB declared, which later versions refuse"
        if not c.binary and c.words[:1] != [b"get"] and c.words[:1] != [b"gets"] and len(b" ".join(c.words)) > 2048:
            return "a line of more than 2048 bytes, which the server takes when it comes at once"
    if trial.ctx.setup == "auth" and trial.plan.kind == "set" and len(trial.ctx.all_replies) <= 2:
        return "the words of a set that logs in, which are not all looked at"
    return ""


def server_kind(data):
    return "server", data[:1] if data[:1] == b"\x81" else data.split(b" ")[0][:16], min(len(data), 40)
