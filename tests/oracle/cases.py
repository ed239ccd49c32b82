"""The cases that are written down: every relation of two and of three intervals, and the known evasions."""
import itertools

from kernel import ACK, FIN, PSH, RST, SYN, URG
from play import MD5_OPTION, Answered, Case, CloseServer, Reading, Say, Serve, Syn, Wait

PLACES = 6  # three intervals have six ends


def relation_of(a, b):
    """Allen's relation, as the order of the ends."""
    return tuple((x > y) - (x < y) for x in a for y in b)


def intervals():
    return [(i, j) for i in range(PLACES) for j in range(i + 1, PLACES)]


def pairs():
    """One example of each of the 13 relations."""
    found = {}
    for a, b in itertools.product(intervals(), repeat=2):
        found.setdefault(relation_of(a, b), (a, b))
    return sorted(found.values())


def triples():
    """One example of each consistent combination of relations among three: 409. The order of sending is A, B, C: all orders
    of any three intervals are among them."""
    found = {}
    for a, b, c in itertools.product(intervals(), repeat=3):
        found.setdefault((relation_of(a, b), relation_of(b, c), relation_of(a, c)), (a, b, c))
    return sorted(found.values())


def filling(parts, scale, only=None):
    """Single segments for the places that none of the parts covers."""
    covered = set()
    for start, end in parts:
        covered |= set(range(start, end))
    most = max(end for _, end in parts)
    return [Say(1 + i * scale, b"." * scale) for i in range(most) if i not in covered and (only is None or i < only)]


def overlapping(name, parts, mode, version, scale=1):
    """The parts' bytes say whose they are. queued: a hole before all of them until the end; in order: no hole, everything
    before the first part is there; half: the hole is filled before the last part."""
    says = [Say(1 + a * scale, bytes([65 + i]) * ((b - a) * scale)) for i, (a, b) in enumerate(parts)]
    hole = Say(0, b"-")
    rest = filling(parts, scale)
    if mode == "queued":
        steps = says + rest + [hole]
    elif mode == "half":
        steps = says[:-1] + [hole, says[-1]] + rest
    else:
        steps = [hole] + filling(parts, scale, only=parts[0][0]) + says + rest
    return Case(f"{name} {mode} ipv{version}", steps, version=version, stamps=mode == "half")


def named(parts):
    return " ".join(f"{chr(65 + i)}[{a},{b})" for i, (a, b) in enumerate(parts))


def all_pairs():
    for parts in pairs():
        for mode in ("queued", "in-order"):
            for version in (4, 6):
                yield overlapping("pair " + named(parts), parts, mode, version)


def all_triples():
    for parts in triples():
        for mode in ("queued", "in-order", "half"):
            for version in (4, 6):
                yield overlapping("triple " + named(parts), parts, mode, version)


def large_pairs():
    """Segments as large as they come: a kernel keeps those in another way."""
    for parts in pairs():
        for mode in ("queued", "in-order"):
            yield overlapping("large pair " + named(parts), parts, mode, 4, scale=400)


REAL = Say(0, b"real")


def before_real(name, *steps, **options):
    return Case(name, list(steps) + [Say(0, b"real"), Say(4, b"more")], **options)


def evasions():
    yield before_real("SYN with data", Syn(data=b"EVIL"), Answered())
    yield before_real("bad checksum", Say(0, b"EVIL", bad_checksum=True))
    yield before_real("bad checksum, queued", Say(4, b"EVIL", bad_checksum=True))
    yield before_real("bad checksum of a reset", Say(0, flags=RST, bad_checksum=True))
    yield before_real("bad checksum of a FIN", Say(0, flags=FIN | ACK, bad_checksum=True))
    yield before_real("no ACK flag", Say(0, b"EVIL", flags=PSH))
    yield before_real("no flags", Say(0, b"EVIL", flags=0))
    yield before_real("FIN without ACK", Say(0, b"EVIL", flags=FIN))
    yield before_real("URG without ACK", Say(0, b"EVIL", flags=URG, urgent=2))
    yield before_real("all flags", Say(0, b"EVIL", flags=0x3F, urgent=1))
    yield before_real("SYN and FIN", Say(0, b"EVIL", flags=SYN | FIN | ACK))
    yield before_real("SYN and data", Say(0, b"EVIL", flags=SYN))
    yield before_real("SYN, ACK and data", Say(0, b"EVIL", flags=SYN | ACK))
    yield before_real("SYN in an open connection", Say(0, flags=SYN))
    yield before_real("SYN far away in an open connection", Say(1 << 30, flags=SYN))
    yield before_real("SYN at the old place", Say(-1, flags=SYN))
    yield before_real("SYN-ACK from the client", Say(-1, flags=SYN | ACK))
    for ack in (1, 2, 100, 1000, 65536, 1 << 20, 1 << 30, (1 << 31) - 1, -(1 << 31), -1, -2, -100, -65535, -65536, -70000, -(1 << 20)):
        for greeting in (b"", b"hello there"):
            yield before_real(f"ACK off by {ack}, {len(greeting)} bytes sent", Say(0, b"EVIL", ack=ack), greeting=greeting)
    yield before_real("ACK beyond, queued", Say(4, b"EVIL", ack=1))
    yield before_real("ACK beyond, then the missing bytes", Say(0, b"a", ack=5), Serve(b"12345"), greeting=b"x")
    yield before_real("ACK far too old, queued", Say(4, b"EVIL", ack=-100000))
    for at in (-1, 0, 1, 4, 1000, 60000, 64000, 70000, 200000, 1 << 30, -(1 << 30)):
        yield before_real(f"reset at {at}", Say(at, flags=RST))
        yield before_real(f"reset with ACK at {at}", Say(at, flags=RST | ACK))
        yield Case(f"reset at {at} after data", [Say(0, b"real"), Say(4 + at, flags=RST), Say(4, b"more")])
    yield before_real("reset with data, exact", Say(0, b"EVIL", flags=RST))
    yield before_real("reset with a wrong ACK", Say(0, flags=RST | ACK, ack=10000))
    yield before_real("reset with MD5", Say(0, flags=RST, options=MD5_OPTION))
    yield before_real("reset with an old timestamp", Say(0, flags=RST, stamp=-500), stamps=True)
    yield before_real("reset with SYN", Say(0, flags=RST | SYN))
    yield before_real("reset with FIN", Say(0, flags=RST | FIN))
    for sack in (True, False):
        tail = f", {'with' if sack else 'without'} SACK"
        yield before_real("reset behind queued bytes" + tail, Say(4, b"more"), Say(8, flags=RST), sack=sack)
        yield before_real("reset behind the last of three" + tail, Say(4, b"mo"), Say(20, b"x"), Say(10, b"y"), Say(21, flags=RST), sack=sack)
        yield before_real("reset behind the first of two" + tail, Say(4, b"mo"), Say(20, b"x"), Say(6, flags=RST), sack=sack)
        yield before_real("reset among queued bytes" + tail, Say(4, b"more"), Say(6, flags=RST), sack=sack)
        yield before_real("reset behind bytes that were queued" + tail, Say(4, b"more"), Say(0, b"real"), Say(9, flags=RST), sack=sack)
        yield before_real("reset of queued bytes" + tail, Say(4, b"more"), Say(0, flags=RST), sack=sack)
    yield Case("reset after FIN", [Say(0, b"real", flags=FIN | ACK), Say(5, flags=RST)])
    yield Case("reset after FIN, one less", [Say(0, b"real", flags=FIN | ACK), Say(4, flags=RST)])
    yield Case("reset after FIN, two less", [Say(0, b"real", flags=FIN | ACK), Say(3, flags=RST)])
    yield Case("data after FIN", [Say(0, b"real", flags=FIN | ACK), Say(5, b"LATE")])
    yield Case("data at FIN", [Say(0, b"real", flags=FIN | ACK), Say(4, b"LATE")])
    yield Case("data after a queued FIN", [Say(2, b"al", flags=FIN | ACK), Say(5, b"LATE"), Say(0, b"re")])
    yield Case("data at a queued FIN", [Say(2, b"al", flags=FIN | ACK), Say(4, b"LATE"), Say(0, b"re")])
    yield Case("data over a queued FIN", [Say(2, b"al", flags=FIN | ACK), Say(1, b"xxxLATE"), Say(0, b"re")])
    yield Case("FIN over queued data", [Say(4, b"more"), Say(2, b"al", flags=FIN | ACK), Say(0, b"re")])
    yield Case("bare FIN inside queued data", [Say(2, b"al"), Say(4, flags=FIN | ACK), Say(4, b"LATE"), Say(0, b"re")])
    yield Case("bare FIN, queued, then data", [Say(4, flags=FIN | ACK), Say(2, b"al"), Say(5, b"LATE"), Say(0, b"re")])
    yield Case("two queued FINs", [Say(4, flags=FIN | ACK), Say(8, flags=FIN | ACK), Say(0, b"real"), Say(4, b"more")])
    yield Case("FIN twice", [Say(0, b"real", flags=FIN | ACK), Say(0, b"real", flags=FIN | ACK), Say(4, flags=FIN | ACK)])
    yield Case("old FIN", [Say(0, b"real"), Say(2, flags=FIN | ACK), Say(3, flags=FIN | ACK), Say(4, b"more")])
    for at in (-1, 1, 4, 60000, 64239, 64240, 65534, 65535, 65536, 100000):
        yield before_real(f"FIN at {at}", Say(at, flags=FIN | ACK))
    yield from urgent()
    yield from stamps()
    for options, what in ((MD5_OPTION, "MD5"), (b"\x1d\x10" + b"y" * 14, "TCP-AO"), (b"\x1d\x04\1\1", "short TCP-AO"),
                          (b"\x13\x10" + b"x" * 14, "short MD5"),
                          (b"\x01\x00" + MD5_OPTION[:18], "MD5 behind the end of options"), (b"\x05\x00\1\1" + MD5_OPTION, "MD5 behind a bad length"),
                          (b"\x63\x28\1\1", "an option that is too long"), (b"\1" * 40, "forty NOPs"), (b"\xfd\x04\x12\x34", "an experiment"),
                          (b"\x02\x04\x00\x01", "MSS"), (b"\x03\x03\x0e\1", "window scale"), (b"\x08\x0a" + bytes(8) + b"\1\1", "zero timestamps")):
        yield before_real(f"option: {what}", Say(0, b"EVIL", options=options))
    for at in (1, 63000, 64236, 64240, 65534, 65535, 65536, 200000, 1 << 30, (1 << 31) - 1, -(1 << 31), -(1 << 30), -70000, -4, -3):
        yield before_real(f"data at {at}", Say(at, b"EVIL"))
        yield Case(f"data at {at} after some", [Say(0, b"some"), Say(4 + at, b"EVIL"), Say(4, b"real")])
    yield before_real("TTL of one", Say(0, b"same", ttl=3))
    yield Case("keep-alive, empty", [Say(0, b"real"), Say(3, flags=ACK), Say(4, b"more")])
    yield Case("keep-alive, one byte", [Say(0, b"real"), Say(3, b"\0", flags=ACK), Say(4, b"more")])
    yield Case("keep-alive, another byte, then its place", [Say(0, b"real"), Say(3, b"X", flags=ACK), Say(3, b"lmore")])
    for isn in (0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFB, 0xFFFFFFF0, 0x7FFFFFFF, 0x7FFFFFFD, 0):
        yield Case(f"sequence numbers wrap at {isn:#x}", [Say(6, b"queu"), Say(3, b"XXX"), Say(0, b"real"), Say(4, b"two"),
                                                          Say(10, b"end", flags=FIN | ACK)], isn=isn)
    yield from windows()
    yield from openings()
    yield from ends()


def urgent():
    for pointer in (0, 1, 2, 3, 4, 5, 6, 8, 100):
        yield Case(f"urgent pointer {pointer}", [Say(0, b"abcd", flags=ACK | URG, urgent=pointer), Say(4, b"efgh"), Say(8, b"ijkl")])
    yield Case("two urgent bytes", [Say(0, b"abcd", flags=ACK | URG, urgent=2), Say(4, b"efgh", flags=ACK | URG, urgent=2)])
    yield Case("two urgent bytes in one", [Say(0, b"abcd", flags=ACK | URG, urgent=6), Say(4, b"efgh", flags=ACK | URG, urgent=4)])
    yield Case("urgent pointer goes back", [Say(0, b"ab", flags=ACK | URG, urgent=6), Say(2, b"cd", flags=ACK | URG, urgent=2), Say(4, b"efgh")])
    yield Case("urgent without data", [Say(0, flags=ACK | URG, urgent=3), Say(0, b"abcdefgh")])
    yield Case("urgent in a queued segment", [Say(2, b"cdef", flags=ACK | URG, urgent=2), Say(0, b"ab")])
    yield Case("urgent in a retransmission", [Say(0, b"abcd"), Say(0, b"abcd", flags=ACK | URG, urgent=6), Say(4, b"efgh")])
    yield Case("urgent in an old retransmission", [Say(0, b"abcd"), Say(0, b"abcd", flags=ACK | URG, urgent=2), Say(4, b"efgh")])
    yield Case("urgent in a covered queued segment", [Say(2, b"cdefgh"), Say(3, b"XX", flags=ACK | URG, urgent=3), Say(0, b"ab")])
    yield Case("urgent at the FIN", [Say(0, b"abcd", flags=ACK | URG | FIN, urgent=4)])
    yield Case("urgent behind the FIN", [Say(0, b"abcd", flags=ACK | URG | FIN, urgent=5)])
    yield Case("urgent byte sent twice", [Say(0, b"abcd", flags=ACK | URG, urgent=2), Say(1, b"bcdefgh", flags=ACK | URG, urgent=1)])
    yield Case("urgent with a bad ACK", [Say(0, flags=ACK | URG, urgent=3, ack=1000), Say(0, b"abcdefgh")])
    yield Case("urgent from outside the window", [Say(200000, b"x", flags=ACK | URG, urgent=3), Say(0, b"abcdefgh")])
    yield Case("urgent in a reset", [Say(1, flags=RST | URG, urgent=3), Say(0, b"abcdefgh")])


def stamps():
    on = {"stamps": True, "tick": 1}
    yield before_real("no timestamp", Say(0, b"EVIL", stamp=False), **on)
    for back in (1, 2, 3, 4, 500, 900, 1000, 1 << 31, (1 << 31) - 1, (1 << 31) + 1):
        yield before_real(f"timestamp {back} back", Say(0, b"EVIL", stamp=-back), **on)
        yield Case(f"timestamp {back} back, later", [Say(0, b"real"), Say(4, b"EVIL", stamp=-back), Say(4, b"more")], **on)
    for ahead in (1, 1000, 1 << 30, (1 << 31) - 1):
        yield before_real(f"timestamp {ahead} ahead, queued", Say(4, b"EVIL", stamp=ahead), **on)
        yield Case(f"timestamp {ahead} ahead", [Say(0, b"ev", stamp=ahead), Say(2, b"il"), Say(4, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead, unacknowledged before", [Say(0, b"r"), Say(1, b"ev", stamp=ahead), Say(3, b"il"), Say(5, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead without data", [Say(0, b"r"), Say(1, flags=ACK, stamp=ahead), Say(1, b"il"), Say(3, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead with an old ACK", [Say(0, b"r", ack=-5, stamp=ahead), Say(1, b"il"), Say(3, b"more")], greeting=b"greetings", **on)
        yield Case(f"timestamp {ahead} ahead with a bad ACK", [Say(0, b"r", ack=5, stamp=ahead), Say(0, b"il"), Say(2, b"more")], greeting=b"greetings", **on)
        yield Case(f"timestamp {ahead} ahead in an old segment", [Say(0, b"real"), Say(0, b"real", stamp=ahead), Say(4, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead in a SYN", [Say(0, b"real"), Say(4, flags=SYN, stamp=ahead), Say(4, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead in a wrong reset", [Say(0, b"real"), Say(5, flags=RST, stamp=ahead), Say(4, b"more")], **on)
        yield Case(f"timestamp {ahead} ahead outside", [Say(0, b"real"), Say(200000, b"x", stamp=ahead), Say(4, b"more")], **on)
    yield Case("timestamps stand still", [Say(0, b"ab"), Say(2, b"cd"), Say(6, b"gh"), Say(4, b"ef")], stamps=True, tick=0)
    yield Case("timestamps that were not agreed", [Say(0, b"EVIL", options=b"\1\1\x08\x0a\0\0\0\1\0\0\0\0"), Say(0, b"real")])
    yield Case("timestamp twice", [Say(0, b"ab"), Say(2, b"EVIL", options=b"\1\1\x08\x0a\0\0\0\1\0\0\0\0"), Say(2, b"real")], **on)


def windows():
    """The narrow listener: 2,304 bytes asked, and an application that does not read."""
    stopped = [Reading(False)]
    fill = [Say(i * 100, bytes([97 + i]) * 100) for i in range(26)]
    yield Case("window fills", stopped + fill + [Reading(True), Say(2600, b"more")], narrow=True)
    yield Case("window fills, then opens", stopped + fill + [Reading(True), Wait(5)] + fill[8:] + [Say(2600, b"more")], narrow=True)
    yield Case("window probes", stopped + fill + [Say(1152, b"X"), Say(1151, b"X"), Say(2304, b"Y"), Reading(True), Wait(5)] + fill, narrow=True)
    yield Case("FIN into a closed window", stopped + fill + [Say(1152, flags=FIN | ACK), Reading(True), Wait(5), Say(1152, b"more")], narrow=True)
    for start in (1100, 1151, 1152, 1153, 2303, 2304, 2305):
        for length in (1, 2, 10, 1400):
            yield Case(f"{length} bytes at {start} of a narrow window", [Say(start, b"Q" * length), Say(0, b"a" * 1100), Say(1100, b"b" * 1300)],
                       narrow=True)
            yield Case(f"{length} bytes at {start} of a narrow window, not read",
                       stopped + [Say(start, b"Q" * length), Say(0, b"a" * 1100), Say(1100, b"b" * 1300), Reading(True), Wait(2)], narrow=True)
    yield Case("one segment larger than the window", [Say(0, b"z" * 1400), Say(0, b"y" * 100)], narrow=True)
    yield Case("one segment larger than the window, not read", stopped + [Say(0, b"z" * 1400), Say(0, b"y" * 100), Reading(True), Wait(2)], narrow=True)
    yield Case("two segments larger than the window", stopped + [Say(0, b"z" * 1000), Say(1000, b"y" * 1000), Say(1000, b"x" * 100), Reading(True), Wait(2)], narrow=True)
    for at in (64236, 64239, 64240, 64241, 65530, 65534, 65535, 65536):
        yield Case(f"eight bytes over the edge at {at}", [Say(at, b"Q" * 8)] + [Say(i * 1400, bytes([97 + i % 26]) * 1400) for i in range(47)])


def openings():
    yield Case("two SYNs, the first counts", [Syn(), Syn(isn=7000, adopt=False), Answered(), Say(0, b"real")])
    yield Case("two SYNs with data", [Syn(data=b"one"), Syn(isn=7000, data=b"two", adopt=False), Answered(), Say(0, b"real")])
    yield Case("two SYNs, then the other's data", [Syn(), Syn(isn=7000, adopt=False), Answered(), Say(7000, b"EVIL"), Say(0, b"real")])
    yield Case("second SYN in the window", [Syn(), Syn(isn=100, adopt=False), Answered(), Say(0, b"real")])
    yield Case("same SYN twice", [Syn(), Syn(), Answered(), Say(0, b"real")])
    yield Case("SYN with FIN", [Syn(flags=SYN | FIN), Answered(), Say(0, b"real")])
    yield Case("SYN with PSH and URG", [Syn(flags=SYN | PSH | URG), Answered(), Say(0, b"real")])
    yield Case("SYN with RST", [Syn(flags=SYN | RST), Syn(), Answered(), Say(0, b"real")])
    yield Case("data without the third packet", [Syn(), Answered(done=False), Say(0, b"real"), Say(4, b"more")])
    yield Case("queued data without the third packet", [Syn(), Answered(done=False), Say(4, b"more"), Say(0, b"real")])
    yield Case("data before the answer", [Syn(), Say(0, b"EVIL", ack_absolute=1), Answered(), Say(0, b"real")])
    yield Case("FIN instead of the third packet", [Syn(), Answered(done=False), Say(0, b"real", flags=FIN | ACK)])
    yield Case("third packet with a wrong ACK", [Syn(), Answered(done=False), Say(0, b"EVIL", ack=1), Say(0, b"real")])
    yield Case("third packet out of the window", [Syn(), Answered(done=False), Say(100000, b"EVIL"), Say(0, b"real")])
    yield Case("third packet behind the SYN", [Syn(), Answered(done=False), Say(-5, b"EVIL"), Say(0, b"real")])
    yield Case("reset before the third packet", [Syn(), Answered(done=False), Say(0, flags=RST), Say(0, b"real")])
    yield Case("reset in the window before the third packet", [Syn(), Answered(done=False), Say(5, flags=RST), Say(0, b"real")])
    yield Case("reset outside before the third packet", [Syn(), Answered(done=False), Say(100000, flags=RST), Say(0, b"real")])
    yield Case("reset, then the same port", [Syn(), Answered(), Say(0, b"one"), Say(3, flags=RST), Syn(isn=1000), Answered(), Say(0, b"two")])
    yield Case("reset, then the same numbers", [Syn(), Answered(), Say(0, b"one"), Say(3, flags=RST), Syn(), Answered(), Say(0, b"two")])
    yield Case("reset, then a smaller number", [Syn(), Answered(), Say(0, b"one"), Say(3, flags=RST), Syn(isn=-100000), Answered(), Say(0, b"two")])
    yield Case("data after a reset", [Syn(), Answered(), Say(0, b"one"), Say(3, flags=RST), Say(3, b"LATE")])
    yield Case("queued bytes from before the answer", [Syn(), Say(4, b"EVIL", ack_absolute=1), Answered(), Say(0, b"real"), Say(4, b"more")])


def ends():
    closed = [Say(0, b"one"), CloseServer(), Say(3, flags=FIN | ACK)]  # the server waits: TIME_WAIT
    opening = [Syn(), Answered()]
    yield Case("server closes first", opening + [Say(0, b"one"), CloseServer(), Say(3, b"two"), Say(6, b"xyz", flags=FIN | ACK)])
    yield Case("server closes, client goes on", opening + [Say(0, b"one"), CloseServer(), Say(6, b"two"), Say(3, b"gap"), Say(9, b"end")])
    for stamps_on in (False, True):
        tail = ", timestamps" if stamps_on else ""
        yield Case("port used again after TIME_WAIT" + tail, opening + closed + [Wait(2), Syn(isn=100000), Answered(), Say(0, b"new")], stamps=stamps_on)
        yield Case("port used again in TIME_WAIT, old number" + tail, opening + closed + [Wait(2), Syn(isn=-100000), Answered(done=False), Say(0, b"new")], stamps=stamps_on)
        yield Case("data in TIME_WAIT" + tail, opening + closed + [Wait(2), Say(4, b"LATE")], stamps=stamps_on)
        yield Case("reset in TIME_WAIT" + tail, opening + closed + [Wait(2), Say(4, flags=RST), Syn(isn=100000), Answered(), Say(0, b"new")], stamps=stamps_on)
    yield Case("FIN waits for data", [Say(4, flags=FIN | ACK), Say(0, b"re"), Say(2, b"al")])
