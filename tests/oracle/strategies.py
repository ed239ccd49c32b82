"""Random strategies: a text is cut into segments, and then segments are repeated, moved, made to overlap with the same or with
other bytes, and copies of them tampered with in one way or another. The same seed gives the same cases."""
import random

from kernel import ACK, FIN, PSH, RST, SYN, URG
from play import MD5_OPTION, Case, Say, Serve

NEAR = (1, 2, 3, 5, 10, 100)
FAR = (1000, 30000, 64000, 65536, 70000, 1 << 20, 1 << 30, (1 << 31) - 1, 1 << 31)


class Strategy:
    def __init__(self, seed, number):
        self.random = random.Random(seed * 1000003 + number)
        r = self.random
        self.length = r.choice((8, 20, 60, 200, 3000))
        self.text = bytes(97 + i % 26 for i in range(self.length))
        self.stamps = r.random() < 0.4
        self.greeting = bytes(r.choice((0, 0, 1, 40, 300)))
        self.says = self.split()
        self.other = 0x41

    def split(self):
        """At most 17 segments: how many more a kernel merges depends on the memory that its network card gave it."""
        r, most = self.random, max(1, self.length // self.random.choice((2, 4, 8)))
        says, at = [], 0
        while at < self.length:
            n = r.randint(1, most) if len(says) < 16 else self.length - at
            says.append(Say(at, self.text[at:at + n]))
            at += n
        return says

    def evil(self, n):
        self.other = 0x41 + (self.other - 0x40) % 26
        return bytes([self.other]) * n

    def any(self):
        return self.random.randrange(len(self.says))

    def copy(self, say):
        return Say(say.at, say.data, flags=say.flags, window=say.window)

    def put(self, say, near=None):
        """Somewhere, or close to the segment that it is about."""
        r = self.random
        at = r.randint(0, len(self.says)) if near is None else max(0, min(len(self.says), near + r.choice((0, 0, 0, 1, 1, -1, 2))))
        self.says.insert(at, say)

    # ---- what may be done
    def duplicate(self):
        i = self.any()
        self.put(self.copy(self.says[i]), near=i)

    def swap(self):
        i = self.any()
        j = max(0, min(len(self.says) - 1, i + self.random.randint(-4, 4)))
        self.says[i], self.says[j] = self.says[j], self.says[i]

    def shuffle(self):
        i = self.any()
        part = self.says[i:i + self.random.randint(2, 8)]
        self.random.shuffle(part)
        self.says[i:i + len(part)] = part

    def first_last(self):
        i = self.any() // 2
        self.says.append(self.says.pop(i))

    def overlap(self, evil):
        r = self.random
        start = r.randint(0, self.length - 1)
        end = r.randint(start + 1, min(self.length, start + r.choice((2, 8, 40, 1400))))
        data = self.evil(end - start) if evil else self.text[start:end]
        near = [i for i, s in enumerate(self.says) if s.at <= start < s.at + len(s.data)]
        self.put(Say(start, data), near=r.choice(near) if near and r.random() < 0.7 else None)

    def overlap_same(self):
        self.overlap(False)

    def overlap_other(self):
        self.overlap(True)

    def tamper(self):
        r, i = self.random, self.any()
        say = self.copy(self.says[i])
        say.data = self.evil(len(say.data)) if r.random() < 0.8 else say.data
        r.choice((self.tamper_flags, self.tamper_seq, self.tamper_ack, self.tamper_ack, self.tamper_checksum, self.tamper_stamp,
                  self.tamper_urgent, self.tamper_option, self.tamper_reset, self.tamper_fin, self.tamper_syn, self.tamper_ttl))(say)
        self.put(say, near=i)

    def tamper_flags(self, say):
        say.flags = self.random.randrange(64)
        say.urgent = self.random.choice((0, 0, 1, 2, 5))

    def tamper_seq(self, say):
        say.at += self.random.choice((1, -1)) * self.random.choice(NEAR + FAR)

    def tamper_ack(self, say):
        say.ack = self.random.choice((1, -1)) * self.random.choice(NEAR + FAR)

    def tamper_checksum(self, say):
        say.bad_checksum = True

    def tamper_stamp(self, say):
        say.stamp = self.random.choice((False, -1, -2, -3, -10, -900, 5, 100, -(1 << 31), (1 << 31) - 1))

    def tamper_urgent(self, say):
        say.flags |= URG
        say.urgent = self.random.choice((0, 1, 2, len(say.data), len(say.data) + 1, 100))

    def tamper_option(self, say):
        say.options = self.random.choice((MD5_OPTION, b"\1\1\1\0", b"\xfd\x04\0\0", b"\x05\x0a" + bytes(8) + b"\1\1"))
        if self.stamps and len(say.options) > 20:
            say.stamp = False

    def tamper_reset(self, say):
        say.flags = self.random.choice((RST, RST | ACK))
        say.at += self.random.choice((0, 0, len(say.data), 1, -1, 1000, 70000))
        say.data = b"" if self.random.random() < 0.8 else say.data

    def tamper_fin(self, say):
        say.flags |= FIN
        if self.random.random() < 0.5:
            say.at += len(say.data)
            say.data = b""

    def tamper_syn(self, say):
        say.flags = self.random.choice((SYN, SYN | ACK, SYN | FIN, SYN | RST))

    def tamper_ttl(self, say):
        say.ttl = self.random.choice((1, 2, 60, 200))

    def serve(self):
        self.put(Serve(bytes(self.random.choice((1, 20, 500)))))

    def case(self, number):
        r = self.random
        moves = (self.duplicate, self.swap, self.shuffle, self.first_last, self.overlap_same, self.overlap_other, self.overlap_other,
                 self.tamper, self.tamper, self.tamper)
        for _ in range(r.randint(1, 8)):
            r.choice(moves)()
        if r.random() < 0.2:
            self.serve()
        if r.random() < 0.3:
            self.says.append(Say(self.length, flags=FIN | ACK))
        return Case(f"random {number}", self.says, version=r.choice((4, 4, 6)), stamps=self.stamps, sack=r.random() < 0.8,
                    greeting=self.greeting, scale=r.choice((None, 0, 7)), tick=r.choice((0, 1, 1, 10)),
                    isn=(1 << 32) - r.randrange(300) if r.random() < 0.3 else r.randrange(1 << 32))


def random_cases(seed, count):
    for number in range(count):
        yield Strategy(seed, number).case(number)
