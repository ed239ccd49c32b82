"""Answers of the small TDS server that a number makes: results of any types, NULLs, long values in chunks, several results, messages,
errors, order, procedures' values. The same number always makes the same answer; layouts after [MS-TDS] 2.2.5 and 2.2.7."""
import random
import struct

DOUBLE_DAYS = 3652058


def u(text):
    return text.encode("utf-16-le")


class Mix:
    def __init__(self, session, seed):
        self.s, self.r, self.level = session, random.Random(seed), session.level
        self.collation = session.collation()
        self.rich = self.r.random() < .15        # long values too

    # ---- types: (TYPE_INFO, what makes a value)

    def null(self, chance=.2):
        return self.r.random() < chance

    def fixed(self, kind, size):
        return bytes([kind]), lambda: self.r.randbytes(size)

    def counted(self, info, make, none=b"\0"):
        def value():
            if self.null():
                return none
            data = make()
            return bytes([len(data)]) + data
        return info, value

    def integer(self):
        size = self.r.choice((1, 2, 4, 8))
        return self.counted(bytes([0x26, size]), lambda: self.r.randbytes(size))

    def floating(self):
        size = self.r.choice((4, 8))
        return self.counted(bytes([0x6d, size]), lambda: struct.pack("<f" if size == 4 else "<d", self.r.random() * 1000))

    def money(self):
        size = self.r.choice((4, 8))
        return self.counted(bytes([0x6e, size]), lambda: struct.pack("<i", self.r.randrange(10 ** 6)) if size == 4 else struct.pack("<iI", 0, self.r.randrange(10 ** 6)))

    def moment(self):
        size = self.r.choice((4, 8))
        return self.counted(bytes([0x6f, size]), lambda: struct.pack("<HH", self.r.randrange(60000), self.r.randrange(1440)) if size == 4 else
                            struct.pack("<iI", self.r.randrange(60000), self.r.randrange(25920000)))

    def decimal(self):
        precision = self.r.choice((1, 9, 10, 19, 20, 28, 29, 38))
        size = 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17
        scale = self.r.randrange(precision + 1)
        return self.counted(bytes([self.r.choice((0x6a, 0x6c)), size, precision, scale]),
                            lambda: bytes([self.r.randrange(2)]) + self.r.randrange(10 ** min(precision, 8)).to_bytes(size - 1, "little"))

    def guid(self):
        return self.counted(b"\x24\x10", lambda: self.r.randbytes(16))

    def bit(self):
        return self.counted(b"\x68\x01", lambda: bytes([self.r.randrange(2)]))

    def day(self):
        return self.r.randrange(700000, 760000).to_bytes(3, "little")

    def clock(self, scale):
        size = 3 if scale <= 2 else 4 if scale <= 4 else 5
        return self.r.randrange(86400 * 10 ** scale).to_bytes(size, "little")

    def date(self):
        return self.counted(b"\x28", self.day)

    def time(self):
        scale = self.r.randrange(8)
        return self.counted(bytes([0x29, scale]), lambda: self.clock(scale))

    def datetime2(self):
        scale = self.r.randrange(8)
        return self.counted(bytes([0x2a, scale]), lambda: self.clock(scale) + self.day())

    def offset(self):
        scale = self.r.randrange(8)
        return self.counted(bytes([0x2b, scale]), lambda: self.clock(scale) + self.day() + struct.pack("<h", self.r.randrange(-840, 841)))

    def words(self, most):
        return "".join(self.r.choice("abc éß世 0'\"") for _ in range(self.r.randrange(most + 1)))

    def short(self, info, make):
        def value():
            if self.null():
                return b"\xff\xff"
            data = make()
            return struct.pack("<H", len(data)) + data
        return info, value

    def nvarchar(self):
        most = self.r.choice((1, 50, 4000))
        return self.short(b"\xe7" + struct.pack("<H", 2 * most) + self.collation, lambda: u(self.words(min(most, 60))))

    def varchar(self):
        most = self.r.choice((1, 30, 8000))
        return self.short(b"\xa7" + struct.pack("<H", most) + self.collation, lambda: bytes(self.r.choice(b"abc 0") for _ in range(self.r.randrange(min(most, 90) + 1))))

    def char(self):
        most = self.r.choice((1, 10, 200))
        return self.short(b"\xaf" + struct.pack("<H", most) + self.collation, lambda: b"c" * most)

    def nchar(self):
        most = self.r.choice((1, 10, 100))
        return self.short(b"\xef" + struct.pack("<H", 2 * most) + self.collation, lambda: u("n" * most))

    def varbinary(self):
        most = self.r.choice((1, 20, 8000))
        return self.short(b"\xa5" + struct.pack("<H", most), lambda: self.r.randbytes(self.r.randrange(min(most, 300) + 1)))

    def binary(self):
        most = self.r.choice((1, 16, 100))
        return self.short(b"\xad" + struct.pack("<H", most), lambda: self.r.randbytes(most))

    def plp(self, info, make):
        def value():
            if self.null():
                return b"\xff" * 8
            data = make()
            known = self.r.random() < .5
            out, at = struct.pack("<Q", len(data) if known else 2 ** 64 - 2), 0
            while at < len(data):
                size = 2 * self.r.choice((1, 50, 2000, 4000))
                out += struct.pack("<I", len(data[at:at + size])) + data[at:at + size]
                at += size
            return out + bytes(4)
        return info, value

    def long(self):
        return self.r.choice((0, 1, 10, 300)) if not self.rich else self.r.choice((0, 4000, 8001, 30000))

    def varchar_max(self):
        return self.plp(b"\xa7\xff\xff" + self.collation, lambda: b"x" * self.long())

    def nvarchar_max(self):
        return self.plp(b"\xe7\xff\xff" + self.collation, lambda: u("y" * self.long()))

    def varbinary_max(self):
        return self.plp(b"\xa5\xff\xff", lambda: self.r.randbytes(self.long()))

    def xml(self):
        if self.r.random() < .7:
            return self.plp(b"\xf1\0", lambda: u("<a>%s</a>" % ("t" * self.long())))
        schema = b"\xf1\1" + b"".join(bytes([len(w)]) + u(w) for w in ("shop", "dbo")) + struct.pack("<H", 3) + u("col")
        return self.plp(schema, lambda: u("<b/>"))

    def user_type(self):
        info = b"\xf0" + struct.pack("<H", 0xffff)
        for word in "shop", "sys", "hierarchyid":
            info += bytes([len(word)]) + u(word)
        assembly = "Microsoft.SqlServer.Types.SqlHierarchyId, Microsoft.SqlServer.Types"
        return self.plp(info + struct.pack("<H", len(assembly)) + u(assembly), lambda: b"\x58")

    def pointed(self, info, wide):
        def value():
            if self.null():
                return b"\0"
            data = u("w" * self.long()) if wide else b"t" * self.long()
            return b"\x10" + bytes(range(16)) + bytes(8) + struct.pack("<I", len(data)) + data
        return info, value

    def text(self):
        return self.pointed(b"\x23\xff\xff\xff\x7f" + self.collation, False)

    def ntext(self):
        return self.pointed(b"\x63\xfe\xff\xff\x7f" + self.collation, True)

    def image(self):
        return self.pointed(b"\x22\xff\xff\xff\x7f", False)

    def variant(self):
        def value():
            if self.null():
                return bytes(4)
            data = self.r.choice((b"\x38\0" + self.r.randbytes(4), b"\x3e\0" + struct.pack("<d", 2.5), b"\x24\0" + self.r.randbytes(16), b"\x32\0\1",
                                  b"\xa7\x07" + self.collation + struct.pack("<H", 8000) + b"text", b"\xe7\x07" + self.collation + struct.pack("<H", 8000) + u("tex"),
                                  b"\xa5\x02" + struct.pack("<H", 20) + b"bytes", b"\x6c\x02\x0a\x02\x01" + self.r.randrange(10 ** 8).to_bytes(4, "little")))
            return struct.pack("<I", len(data)) + data
        return b"\x62\x49\x1f\0\0", value

    def kinds(self):
        kinds = [lambda: self.fixed(0x30, 1), lambda: self.fixed(0x34, 2), lambda: self.fixed(0x38, 4), lambda: self.fixed(0x3b, 4), lambda: self.fixed(0x3e, 8),
                 lambda: self.fixed(0x3c, 8), lambda: self.fixed(0x7a, 4), lambda: (b"\x32", lambda: bytes([self.r.randrange(2)])),
                 lambda: (b"\x3d", lambda: struct.pack("<iI", 40000, self.r.randrange(25920000))), lambda: (b"\x3a", lambda: struct.pack("<HH", 40000, self.r.randrange(1440))),
                 self.integer, self.integer, self.floating, self.money, self.moment, self.decimal, self.guid, self.bit, self.nvarchar, self.varchar, self.char,
                 self.nchar, self.varbinary, self.binary, self.text, self.ntext, self.image]
        if self.level >= 71:
            kinds.append(lambda: self.fixed(0x7f, 8))
        if self.level >= 72:
            kinds += [self.varchar_max, self.nvarchar_max, self.varbinary_max, self.xml, self.variant]
        if self.level >= 73:
            kinds += [self.date, self.time, self.datetime2, self.offset]
            kinds += [self.user_type] if self.s.allow_user_types else []
        return kinds

    # ---- results

    def result(self, done):
        count = self.r.choice((1, 1, 2, 3, 5, 9, 40))
        columns = [self.r.choice(self.kinds())() for _ in range(count)]
        out = self.s.columns([("col%d" % i if self.r.random() < .9 else "", info) for i, (info, _) in enumerate(columns)], self.r)
        if self.r.random() < .1:
            out += b"\xa9" + struct.pack("<HH", 2, 1)                       # ORDER by the first column
        rows = self.r.choice((0, 1, 1, 2, 5, 20)) if not self.rich else 3
        for _ in range(rows):
            values = [make() for _, make in columns]
            if self.level >= 73 and self.r.random() < .4:
                bits = [self.none(info, value) for (info, _), value in zip(columns, values)]
                out += b"\xd2" + bytes(sum(1 << k for k in range(8) if i + k < count and bits[i + k]) for i in range(0, count, 8))
                out += b"".join(v for v, bit in zip(values, bits) if not bit)
            else:
                out += b"\xd1" + b"".join(values)
        return out, rows

    @staticmethod
    def none(info, value):
        """Is this the NULL of its type?"""
        if info[0] in (0xe7, 0xa7, 0xaf, 0xef, 0xa5, 0xad, 0xf1, 0xf0):
            return value in (b"\xff\xff", b"\xff" * 8)
        if info[0] == 0x62:
            return value == bytes(4)
        return value == b"\0" and info[0] not in (0x30, 0x32)

    def answer(self, inside=False):
        done, out, parts = 0xff if inside else 0xfd, b"", self.r.choice((1, 1, 1, 2, 4))
        for part in range(parts):
            more = part < parts - 1
            chance = self.r.random()
            if chance < .65:
                tokens, rows = self.result(done)
                out += tokens + self.s.done(0x10 | more, rows, done)
            elif chance < .75:
                out += self.s.info(self.r.randrange(50000), 1, self.words(200)) + self.s.done(int(more), 0, done)
            elif chance < .85:
                out += self.s.error(self.r.randrange(9000, 18000), 1, self.r.choice((11, 16)), self.words(200)) + self.s.done(2 | more, 0, done)
            else:
                out += self.s.done(0x10 | more, self.r.randrange(1000), done, self.r.choice((0xc3, 0xc4, 0xc5, 0xc6, 0x117)))
        return out
