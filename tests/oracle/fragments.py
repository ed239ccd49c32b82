"""Cases in IP fragments: every relation of two and three, in several orders, and what is known to fool observers. After each the
whole segment comes again, unfragmented and with other bytes: what the server had from the fragments stays, the rest it takes
from there."""
import random

import cases
from play import Case, Pieces, Say, Syn, Answered

HEADER = 4  # units of 8 bytes: a TCP header with timestamps
TEXT = bytes(range(33, 33 + 94)) * 800


def case(name, pieces, length, version, *more, **settings):
    steps = [Pieces(0, TEXT[:length], p) for p in ([pieces] if isinstance(pieces[0], tuple) else pieces)]
    again = [Say(at, b"R" * min(1400, length - at)) for at in range(0, length, 1400)]
    return Case(f"fragments: {name} ipv{version}", steps + list(more) + again + [Say(length, b"more")], version=version, stamps=True,
                **settings)


def related(parts, mode):
    """`ends`: the parts that reach furthest are last fragments."""
    most = max(end for _, end in parts)
    says = [(HEADER + a, HEADER + b, mode != "ends" or b < most, 1 + i) for i, (a, b) in enumerate(parts)]
    covered = {unit for a, b in parts for unit in range(a, b)}
    rest = [(HEADER + unit, HEADER + unit + 1, True, 0) for unit in range(most) if unit not in covered]
    header, last = (0, HEADER, True, 0), (HEADER + most, HEADER + most + 1, False, 0)
    if mode == "forwards":
        return [header] + says + rest + [last]
    if mode == "backwards":
        return [last] + says + rest + [header]
    if mode == "late":
        return says[:1] + [last] + rest + says[1:] + [header]
    return says + rest + [header]


def relations(kinds, kind, modes):
    for parts in kinds:
        for mode in modes:
            for version in (4, 6):
                most = max(end for _, end in parts) + (mode != "ends")
                yield case(f"{kind} {cases.named(parts)} {mode}", related(parts, mode), most * 8, version)


def all_pairs():
    return relations(cases.pairs(), "pair", ("forwards", "backwards", "late", "ends"))


def all_triples():
    return relations(cases.triples(), "triple", ("forwards", "backwards", "late", "ends"))


H = (0, HEADER, True, 0)


def evasions():
    for version in (4, 6):
        def one(name, pieces, *more, length=48, version=version, **settings):
            return case(name, pieces, length, version, *more, **settings)
        whole = [H, (4, 7, True, 0), (7, 10, False, 0)]
        yield one("in order", whole)
        yield one("backwards", whole[::-1])
        yield one("without the first", whole[1:])
        yield one("without the middle", [whole[0], whole[2]])
        yield one("without the last", whole[:2])
        yield one("a duplicate", [H, H, (4, 7, True, 0), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("a duplicate that differs", [H, (4, 7, True, 1), (4, 7, True, 2), (7, 10, False, 0)])
        yield one("a duplicate of the end that differs", [(7, 10, False, 1), (7, 10, False, 2), H, (4, 7, True, 0)])
        yield one("a duplicate of the start that differs", [H, (0, 4, True, 1), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("inside one run", [H, (4, 5, True, 0), (5, 7, True, 0), (4, 6, True, 1), (7, 10, False, 0)])
        yield one("over two runs", [H, (5, 7, True, 0), (4, 5, True, 0), (4, 6, True, 1), (7, 10, False, 0)])
        yield one("over two runs, backwards", [(7, 10, False, 0), (6, 7, True, 0), (5, 6, True, 0), (5, 7, True, 1), H, (4, 5, True, 0)])
        yield one("inside a run that was filled backwards", [(7, 10, False, 0), (5, 7, True, 0), (4, 5, True, 0), (4, 5, True, 1), H])
        yield one("overlap, then all again", [H, (4, 7, True, 0), (6, 8, True, 1)] + whole)
        yield one("overlap, then all again with another number", [[H, (4, 7, True, 0), (6, 8, True, 1)], whole])
        yield one("the last again, shorter", [H, (7, 10, False, 0), (7, 9, False, 1), (4, 7, True, 0)])
        yield one("the last again, longer", [H, (7, 9, False, 0), (7, 10, False, 1), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("two ends, side by side", [H, (4, 7, False, 0), (7, 10, False, 0)])
        yield one("an end inside", [H, (7, 10, True, 0), (4, 7, False, 0)])
        yield one("more behind the end", [H, (4, 7, False, 0), (7, 10, True, 0)])
        yield one("the end before more", [H, (4, 7, True, 0), (7, 10, False, 0), (10, 12, True, 0)])
        yield one("a last one of no bytes", [H, (4, 7, True, 0), (7, 7, False, 0)], length=24)
        yield one("no bytes in the middle", [H, (4, 4, True, 0), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("no bytes, then all again", [[H, (4, 7, True, 0), (7, 7, True, 0), H, (4, 7, True, 0), (7, 10, False, 0)]])
        for extra in range(1, 8):
            yield one(f"{extra} bytes more than units", [H, (4, 7, True, 0, {"pad": extra}), (7, 10, False, 0)])
            yield one(f"{extra} bytes at the end", [H, (4, 7, True, 0), (7, f"+{extra}", False, 0)], length=24 + extra)
            yield one(f"{extra} bytes at the end, again", [H, (7, f"+{extra}", False, 0), (7, f"+{extra}", False, 0), (4, 7, True, 0)], length=24 + extra)
            yield one(f"{extra} bytes less in the middle", [H, (4, f"+{24 - extra}", True, 0), (7, 10, False, 0)])
        yield one("don't fragment", [p[:4] + ({"dont": True},) for p in whole])
        for marks in ((0, 1, 1), (1, 1, 1), (0, 0, 3), (1, 2, 3), (2, 2, 3), (0, 2, 0), (3, 3, 3), (1, 0, 1)):
            yield one(f"congestion marks {marks}", [p[:4] + ({"congestion": m},) for p, m in zip(whole, marks)])
        for units in range(1, 5):
            yield one(f"a first fragment of {units} units", [(0, units, True, 0), (units, 7, True, 0), (7, 10, False, 0)])
        yield one("a first fragment of one unit, again larger", [(0, 1, True, 0), H, (4, 7, True, 0), (7, 10, False, 0)])
        yield one("other protocol", [H, (4, 7, True, 1, {"next_header": 17}), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("other protocol in the last", [H, (4, 7, True, 0), (7, 10, False, 1, {"next_header": 17}), (7, 10, False, 0)])
        yield one("a wrong header checksum", [H, (4, 7, True, 1, {"sum_off": 0x5555}), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("one whole", [(0, 10, False, 0)])
        yield one("one whole in the middle of others", [H, (4, 7, True, 1), (0, 10, False, 0), (4, 7, True, 0), (7, 10, False, 0)])
        yield one("the number again", whole + [H, (4, 7, True, 1), (7, 10, False, 2)])
        yield one("the number again, after a late duplicate", whole + whole[1:2] + whole)
        yield one("the number again, after a late duplicate that differs", whole + [(4, 7, True, 1)] + whole)
        many = [(i, i + 1, i < 203, 0) for i in range(204)]
        yield one("many of one unit", many, length=1600)
        yield one("many of one unit, backwards", many[::-1], length=1600)
        shuffled = many[:]
        random.Random(version).shuffle(shuffled)
        yield one("many of one unit, shuffled", shuffled, length=1600)
        yield one("many of one unit, twice each", [p for p in shuffled for _ in (0, 1)], length=1600)
        yield one("odd ones first, then even ones", many[1::2] + many[::2], length=1600)
        for others in (60, 62, 63, 64, 65, 66, 70):
            strangers = [(9, 10, True, 0, {"ident": 1 + i}) for i in range(others)]
            yield one(f"{others} others between", [H, (4, 7, True, 0)] + strangers + [(7, 10, False, 0)])
            yield one(f"{others} others between, then the rest again", [H, (4, 7, True, 0)] + strangers + whole[::-1])
        for at, size in ((8191, 8), (8191, 7), (8191, 1), (8190, 16), (8190, 8), (8189, 20), (8187, 8)):
            far = (at, f"+0", False, 0, {"pad": size})
            yield one(f"{size} bytes at unit {at}", [H, far, (4, 7, True, 0), (7, 10, False, 0)])
            yield one(f"{size} bytes at unit {at}, then all again", [H, far] + whole)
            yield one(f"{size} more bytes at unit {at}", [H, far[:2] + (True,) + far[3:], (4, 7, True, 0), (7, 10, False, 0)])
            yield one(f"{size} more bytes at unit {at}, twice, then all again", [H] + [far[:2] + (True,) + far[3:]] * 2 + whole)
        yield one("beyond the end twice, overlapping, then all again",
                  [H, (8190, "+0", True, 0, {"pad": 64}), (8191, "+0", True, 0, {"pad": 64})] + whole)
        large = [(i, min(i + 150, 8004), i + 150 < 8004, 0) for i in range(0, 8004, 150)]
        yield one("64,000 bytes", large, length=64000)
        yield one("64,000 bytes, backwards", large[::-1], length=64000)
        yield Case(f"fragments: a SYN after fragments of another ipv{version}",
                   [Syn(), Answered(), Pieces(0, TEXT[:48], [H, (4, 7, True, 0)]), Say(48, b"queued"), Pieces(0, TEXT[:48], [(7, 10, False, 0)]),
                    Say(0, b"R" * 48)], version=version, stamps=True)
    yield case("an atomic one", [(0, 10, False, 0)], 48, 6)
    yield case("an atomic one with the number of others", [H, (4, 7, True, 0), (0, 10, False, 0), (7, 10, False, 0)], 48, 6)


def shuffles(seed, count):
    """Random pieces of one segment: duplicates, overlaps, several ends, in any order."""
    for i in range(count):
        dice = random.Random(f"{seed} {i}")
        units = dice.randrange(HEADER + 1, 16)
        cuts = sorted({0, units} | {dice.randrange(1, units) for _ in range(dice.randrange(1, 6))})
        pieces = [(a, b, b < units, 0) for a, b in zip(cuts, cuts[1:])]
        for _ in range(dice.choice((0, 0, 1, 1, 2, 3))):
            a = dice.randrange(0, units)
            b = dice.randrange(a, min(a + 6, units + 2))
            pieces.append(dice.choice((dice.choice(pieces)[:3] + (dice.randrange(4),), (a, b, dice.random() < .8, dice.randrange(4)))))
        pieces = [p if p[0] >= HEADER else p[:3] + (0,) for p in pieces]  # the TCP header stays what it is
        if dice.random() < .5:
            dice.shuffle(pieces)
        if dice.random() < .2:
            pieces += [(a, b, b < units, 0) for a, b in zip(cuts, cuts[1:])]
        length = max(8 * (units - HEADER), 8)
        yield case(f"shuffle {seed} {i}", pieces, length, dice.choice((4, 6)))
