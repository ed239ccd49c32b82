"""Plans a set of trials, runs them side by side, writes pcap and trials.tsv."""
import collections
import importlib
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import mutate
import pcap
import servers
import trial as t

COLUMNS = ("trial", "client", "label", "must_flag", "session", "message", "class", "how", "field", "offset", "stream_offset",
           "when", "answer", "close", "step", "note")
PER_FILE = 4000
TWINS = 0.05


class Env:
    """what the mutations draw from"""

    def __init__(self, proto, twins, skip):
        self.types, self.big_lengths = proto.TYPES, proto.BIG_LENGTHS
        self.client_bank, self.server_bank = [], []
        seen = collections.Counter()
        for r in twins:
            for _, _, m in r.messages:
                seen[m.kind] += 1
                if seen[m.kind] <= 12 and m.kind not in skip:
                    self.client_bank.append((m.kind, m.data))
            for data in r.replies:
                key = proto.server_kind(data)
                seen[key] += 1
                if seen[key] <= 8:
                    self.server_bank.append(data)


def attempt(proto, server, plan, env, twin):
    """one trial; tried again when the machine, not the server, failed it"""
    for k in range(4):
        try:
            return t.Trial(proto, server, plan, env, twin).run()
        except OSError as e:
            if k == 3:
                raise
            print("judge: trial %d: %s, once more" % (plan.trial, e), file=sys.stderr)
            time.sleep(1)


def plan_trials(a, rng, twins, skip):
    targets = collections.defaultdict(list)
    for r in twins:
        for step, i, m in r.messages:
            if m.kind not in skip:
                targets[m.kind].append((r.plan.session, step, i, m))
    kinds = sorted(targets)
    fitting = [c for c in mutate.CLASSES if c == "swap" or
               any(mutate.TABLE[c](x[3], random.Random(k), a.env) for ts in targets.values() for k, x in enumerate(ts))]
    plans, classes = [], []
    for k in range(a.n):
        if k < a.n * TWINS:
            plans.append(t.Plan(k, twins[k % len(twins)].plan.session, rng.getrandbits(48)))
            continue
        if not classes:
            classes = list(fitting)
            rng.shuffle(classes)
        cls = classes.pop()
        for _ in range(200):
            session, step, i, m = rng.choice(targets[rng.choice(kinds)])
            # a class must fit the message; oversize belongs before the login more often than not
            if cls == "oversize" and rng.random() < 0.6 and not step.startswith(("login", "auth", "startup", "ssl")):
                continue
            if cls == "swap" or mutate.TABLE[cls](m, rng, a.env):
                break
        plans.append(t.Plan(k, session, rng.getrandbits(48), step, i, m.kind, cls))
    rng.shuffle(plans)
    for k, p in enumerate(plans):
        p.trial = k
    return plans


def run(a):
    proto, book = importlib.import_module(a.proto), importlib.import_module(a.proto + "_sessions")
    rng = random.Random(a.seed)
    os.makedirs(a.out, exist_ok=True)
    server = servers.OF[a.proto]()
    try:
        everything = [s for s in book.sessions(a.seed) if not a.only or a.only in s.name]
        twins = []
        for k, s in enumerate(everything):
            r = attempt(proto, server, t.Plan(-1, s, k), None, None)
            if any(proto.is_protocol_error(*e) for o in r.steps.values() for e in o.errors) or r.label in (t.PROTO, t.HANG):
                print("judge: twin %s is not valid: %s %s" % (s.name, r.label, r.answer), file=sys.stderr)
                continue
            twins.append(r)
        a.env = Env(proto, twins, book.NOT_MUTATED)
        expected = {r.plan.session.name: r.steps for r in twins}
        plans = plan_trials(a, rng, twins, book.NOT_MUTATED)
        def work(plan):
            return attempt(proto, server, plan, a.env, expected[plan.session.name])
        start = time.time()
        with ThreadPoolExecutor(a.jobs) as pool:
            results = list(pool.map(work, plans))
        for k, r in enumerate(results):
            if r.strayed or r.plan.step and r.mutation is None:
                print("judge: trial %d left its twin before the mutation: %s" % (r.plan.trial, r.strayed), file=sys.stderr)
                results[k] = r = work(r.plan)
            if r.label == t.HANG and r.answer == t.DEAF:    # or it had much to do: once more, alone
                results[k] = r = work(r.plan)
            if r.disturbed:     # the server died meanwhile: once more, alone, to see who did it
                again = work(r.plan)
                if again.disturbed:
                    again.label, again.when, again.answer = t.CRASH, "mutated", "the server died"
                results[k] = again
        read_log(proto, server, results)
        print("%d trials in %.0f s" % (len(results), time.time() - start), file=sys.stderr)
        save(a, proto, server, results)
    finally:
        server.stop()
    return 0


def read_log(proto, server, results):
    """some refusals are only written to the log, before a silent close"""
    lines = collections.defaultdict(list)
    for at, port, code, text in server.remarks():
        if proto.is_protocol_error(code, text):
            lines[port].append((at, code, text))
    for r in results:
        silent = r.label == t.PROTO and r.answer.startswith("closed")
        if r.mutation is None or not r.events or not silent and r.label not in (t.OK, t.SEM):
            continue
        for at, code, text in lines[r.port]:
            if r.events[0][0] - 0.01 < at < r.events[-1][0] + 0.01:
                if silent:
                    r.answer += ", log: %s %s" % (code, text)
                else:
                    r.label, r.when, r.answer, r.grey = t.PROTO, "log", "%s %s" % (code, text), ""
                break


def must_flag(r):
    if r.label in (t.CRASH, t.PROTO, t.HANG):
        return "1"
    return "-" if r.grey else "0"   # "-": not counted, the note says why


def clean(x):
    return "".join(c if c.isprintable() else "." for c in str(x))[:160]


def save(a, proto, server, results):
    for k in range(0, len(results), PER_FILE):
        frames = []
        for r in results[k:k + PER_FILE]:
            frames += pcap.packets(r.plan.trial, proto.PORT, r.events)
        pcap.write(os.path.join(a.out, "%s-%d.pcap" % (proto.NAME, k // PER_FILE)), frames)
    with open(os.path.join(a.out, "trials.tsv"), "w") as f:
        f.write("\t".join(COLUMNS) + "\n")
        for r in results:
            p, m = r.plan, r.mutation
            label = "OK" if m is None else r.label
            flag = "0" if m is None else must_flag(r)
            row = (p.trial, "%s:%d" % pcap.client_address(p.trial), label, flag, p.session.name, p.kind or "-",
                   m.cls if m else "none", m.how if m else "", m.field if m else "", m.offset if m else "", r.stream_offset,
                   r.when, r.answer, r.close, p.step or "-", r.grey)
            f.write("\t".join(clean(x) for x in row) + "\n")
    with open(os.path.join(a.out, "about.txt"), "w") as f:
        f.write("%s\nseed %d, %d trials\n" % (server.version(), a.seed, len(results)))
    labels = collections.Counter("OK" if r.mutation is None else r.label for r in results)
    for name, n in labels.most_common():
        print("%-6s %6d" % (name, n))
