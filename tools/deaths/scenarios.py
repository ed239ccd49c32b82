"""What can happen to a server, and what only looks like it. A scenario's name is its label."""
import os
import signal
import threading
import time

import killers
import net
import servers
import trigger

KILL, SEGV = int(signal.SIGKILL), int(signal.SIGSEGV)


class Scenario:
    def __init__(self, proto, name, weight=1):
        self.proto, self.short, self.name, self.weight = proto, name, "%s-%s" % (proto, name), weight

    def prepare(self, run):
        """before the server starts"""

    def wants_backup(self, run):
        return False

    def plan(self, run):
        """before the clients start"""

    def play(self, run):
        raise NotImplementedError


def begin_again(run, server, low=0.3, high=2.2):
    """restarts a dead server after a while"""
    server.wait()
    run.pause(low, high)
    for attempt in range(3):
        try:
            server.start()
            break
        except servers.Failed:
            if attempt == 2:
                raise
            time.sleep(0.3)
    return time.time_ns()


class Death(Scenario):
    """kill9, segv, ...; by a killer's message or from outside; afterwards a restart, nothing, a backup"""

    def __init__(self, proto, how, variant, weight=1):
        super().__init__(proto, "%s-%s" % (how, variant), weight)
        self.how, self.variant = how, variant
        self.killer = variant not in ("innocent", "innocent-failover")
        self.partial = how.startswith("backend")
        self.number = SEGV if how.endswith("segv") else KILL

    def wants_backup(self, run):
        return "failover" in self.variant or self.variant == "follow"

    def prepare(self, run):
        r = run.rng
        run.after = "none" if self.partial else "failover" if self.wants_backup(run) else "restart" if self.variant == "again" else \
            r.choice(["restart", "restart", "gone"])
        if run.after == "gone" and self.how != "backend":
            run.rest += 0.6

    def plan(self, run):
        t = run.truth
        t.update(death="partial" if self.partial else "yes", expected="server-crash", after=run.after)
        if not self.killer and (self.proto == "memcached" or self.name.startswith("redis-kill9")):
            t["allowed"] = "unknown"    # a stop looks the same when no request is open
        if not self.killer:
            t["how"] = "outside"
            return
        kind = killers.pick(self.proto, run.rng)
        arrive = self.proto != "pgsql" and self.how == "kill9" and self.variant == "killer" and run.rng.random() < 0.15
        if arrive:
            run.sniffer = "wanted"
        whom = {"kill9": trigger.PROCESS, "segv": trigger.THREAD, "backend-kill9": trigger.THREAD, "backend-segv": trigger.THREAD,
                "postmaster-kill9": trigger.GROUP, "all-kill9": trigger.GROUP}[self.how]
        shot = {"at": run.before, "kind": kind.name, "signal": self.number, "whom": whom, "how": "arrive" if arrive else "read",
                "new": run.rng.random() < 0.4}
        t["how"] = shot["how"]
        shots = [shot]
        if self.variant == "again" or self.variant == "follow":
            shots.append(dict(shot, at=run.before + (99 if self.variant == "again" else run.rng.uniform(0.5, 1.2)), new=True))
        run.plan["killer"] = {"client": run.rng.randrange(8), "seed": run.seed, "shots": shots[:1] if self.variant == "again" else shots}
        run.killer_plan = dict(run.plan["killer"])
        if self.variant == "follow":
            run.plan["clients"][run.plan["killer"]["client"]]["turn_after"] = 1

    def strike(self, run, server):
        """one death; returns when it was"""
        if not self.killer:
            run.until(run.before)
            return self.from_outside(run, server)
        run.until(run.before - 0.01)
        return self.by_message(run, server, len(run.deaths))

    def by_message(self, run, server, earlier):
        late, seen = None, time.time() + 5
        pids = server.crowd() if self.proto == "pgsql" else []
        while True:
            fired = run.trigger.fired_ns()
            if fired:
                break
            if late is None and len([e for e in run.shots() if e["armed"]]) > earlier:
                late = time.time() + 0.5
            if late is not None and time.time() > late:
                run.trigger.disarm()
                if run.trigger.fired_ns():
                    continue
                raise servers.Failed("the message was not read")
            if time.time() > seen:
                raise servers.Failed("the killer does not strike")
            if self.proto == "pgsql" and late is None:
                pids = server.crowd()
            time.sleep(0.002)
        if self.how == "all-kill9":
            server.kill_pids(pids[1:])
        return fired

    def from_outside(self, run, server):
        if self.partial:
            backends = server.backends()
            if not backends:
                raise servers.Failed("no backend to end")
            pid, ip, port, doing = run.rng.choice(backends)
            run.notes.append("backend of %s:%d, %s" % (ip, port, doing))
            at = time.time_ns()
            os.kill(pid, self.number)
            return at
        if self.how == "all-kill9":
            at = time.time_ns()
            server.kill_all()
            return at
        return server.signal(self.number)

    def play(self, run):
        run.deaths.append((self.strike(run, run.server), net.SERVER_IP))
        if self.partial:
            run.pause(run.rest)
            return
        if run.after == "restart":
            self.wait_for_all(run)
            run.truth["back_ns"] = begin_again(run, run.server)
            if self.variant == "again":
                self.once_more(run)
            else:
                run.pause(run.rest - 1)
        elif self.variant == "follow":
            run.trigger = trigger.Trigger(run.place.trigger, create=False)
            run.trigger.fire(0)
            run.deaths.append((self.by_message(run, run.backup, 1), net.BACKUP_IP))
            run.pause(run.rest - 0.8)
        else:
            run.pause(run.rest)

    def wait_for_all(self, run):
        """a postmaster's children hold its shared memory until they are gone"""
        run.server.wait()
        if self.proto == "pgsql":
            time.sleep(0.15)

    def once_more(self, run):
        """the killer comes back and the restart was in vain; afterwards all is well"""
        run.pause(0.3, 0.8)
        run.trigger.fire(0)
        # A second, small crowd: the killer's process has no further shots.
        killer = run.killer_plan
        shot = dict(killer["shots"][0], at=run.at() + 0.25, new=True)
        plan = dict(run.plan, killer={"client": 0, "seed": killer["seed"], "shots": [shot]},
                    clients=[dict(run.plan["clients"][killer["client"]], style="quiet")], seed=run.seed + 7)
        run.crowd(plan)
        run.deaths.append((self.by_message(run, run.server, 1), net.SERVER_IP))
        self.wait_for_all(run)
        begin_again(run, run.server, 0.2, 0.8)
        run.pause(1.5)


class Stop(Scenario):
    """an orderly stop, mostly with a restart"""

    def __init__(self, proto, how, weight=1):
        super().__init__(proto, "stop-" + how, weight)
        self.how = how

    def plan(self, run):
        allowed = {"memcached": "unknown", "redis": "unknown", "pgsql": "", "mysql": ""}[self.proto]
        if self.how == "smart":
            allowed = "none|unknown"    # sessions go on to their end, only new ones are refused
        if self.how == "graceful":
            allowed = "none|unknown"
        run.truth.update(expected="orderly-shutdown", allowed=allowed)

    def play(self, run):
        run.until(run.before)
        run.truth["note"] = "stopped at %d" % run.server.stop(self.how)
        if self.how in ("smart", "graceful"):
            run.pause(0.8, 1.5)
            run.server.stop("fast" if self.proto == "pgsql" else "term")
        back = run.rng.random() < 0.75
        run.truth["after"] = "restart" if back else "gone"
        run.server.wait()
        if back:
            run.truth["back_ns"] = begin_again(run, run.server)
            run.pause(run.rest - 1)
        else:
            run.pause(run.rest)


class Hang(Scenario):
    def __init__(self, proto, weight=1):
        super().__init__(proto, "hang", weight)

    def plan(self, run):
        run.truth.update(expected="server-hang")

    def play(self, run):
        run.until(run.before)
        at = run.server.signal_all(signal.SIGSTOP) if self.proto == "pgsql" else run.server.signal(signal.SIGSTOP)
        run.notes.append("stopped at %d" % at)
        run.pause(5.5, 7.5)


class Starved(Scenario):
    """the server gets the processor in short turns only"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "starved", weight)

    def plan(self, run):
        run.truth.update(expected="workload", allowed="none|unknown")

    def play(self, run):
        run.until(run.before)
        s = run.server
        send = s.signal_all if self.proto == "pgsql" else s.signal
        end = time.time() + run.rng.uniform(2.5, 4)
        while time.time() < end:
            send(signal.SIGSTOP)
            run.pause(0.15, 0.8)
            send(signal.SIGCONT)
            run.pause(0.005, 0.06)
        run.pause(1)


class Network(Scenario):
    """the way between clients and server is cut; the server is well"""
    RULES = {
        "drop-server": ("server", "tcp dport { 3306, 5432, 6379, 11211 } drop\n", ""),
        "drop-server-out": ("server", "", "tcp sport { 3306, 5432, 6379, 11211 } drop\n"),
        "drop-client": ("client", "tcp sport { 3306, 5432, 6379, 11211 } drop\n", "tcp dport { 3306, 5432, 6379, 11211 } drop\n"),
        "drop-replies": ("client", "tcp sport { 3306, 5432, 6379, 11211 } drop\n", ""),
    }

    def __init__(self, proto, how, weight=1):
        super().__init__(proto, "net-" + how, weight)
        self.how = how

    def plan(self, run):
        run.truth.update(expected="network", allowed="unknown|none" if self.how in ("cable", "drop-client", "drop-server-out") else "unknown")

    def play(self, run):
        run.until(run.before)
        back = run.rng.random() < 0.5
        if self.how == "cable":
            run.net.link(False)
        else:
            where, arriving, leaving = self.RULES[self.how]
            run.net.filter(where, (arriving, leaving))
        run.notes.append("cut at %d" % time.time_ns())
        run.pause(2, 3.5) if back else run.pause(4, 6)
        if back:
            run.net.plain()
            run.notes.append("whole again at %d" % time.time_ns())
            run.pause(2)
        run.truth["after"] = "back" if back else "gone"


class OneClientCut(Scenario):
    def __init__(self, proto, weight=1):
        super().__init__(proto, "one-client-cut", weight)

    def plan(self, run):
        run.truth.update(expected="none", allowed="network")

    def play(self, run):
        run.until(run.before)
        ip = run.rng.choice(net.CLIENTS)
        run.net.filter("client", ("ip daddr %s drop\n" % ip, "ip saddr %s drop\n" % ip))
        run.notes.append("client " + ip)
        run.pause(run.rest)


class Lock(Scenario):
    """one session holds what all need"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "lock", weight)

    def plan(self, run):
        run.truth.update(expected="workload", allowed="unknown|server-hang" if self.proto == "redis" else "unknown")

    def play(self, run):
        run.until(run.before)
        s, seconds = run.server, run.rng.uniform(2.5, 4)
        if self.proto == "redis":
            run.helpers.append(s.tell("debug", "sleep", "%.2f" % seconds))
        elif self.proto == "mysql":
            run.helpers.append(s.sql("LOCK TABLES shop.item WRITE, shop.sale WRITE; DO SLEEP(%.2f); UNLOCK TABLES" % seconds))
        else:
            run.helpers.append(s.sql("BEGIN; LOCK TABLE item, sale IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(%.2f); COMMIT" % seconds))
        run.pause(seconds + 1.2)


class Slow(Scenario):
    """slow queries pile up"""

    def __init__(self, proto, verb, weight=1):
        super().__init__(proto, "slow-queries" if verb == "slow" else "busy-queries", weight)
        self.verb = verb

    def plan(self, run):
        run.truth.update(expected="workload", allowed="none|unknown")
        for c in run.plan["clients"]:
            if run.rng.random() < 0.8:
                c.update(overload=self.verb, overload_from=[run.before, run.before + run.rng.uniform(2.5, 3.5)], patience=4)

    def play(self, run):
        run.until(run.before + run.rest + 1.5)


class Limit(Scenario):
    """connections leak until the server takes no more"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "limit", weight)

    def prepare(self, run):
        # Memcached counts what it holds for itself, too.
        run.settings["limit"] = run.rng.randint(60, 75) if self.proto == "memcached" else run.rng.randint(22, 30)

    def plan(self, run):
        run.truth.update(expected="limit-reached")
        run.plan["clients"][run.rng.randrange(8)]["hoard_from"] = run.before

    def play(self, run):
        run.until(run.before + run.rest + 1)


class Killed(Scenario):
    """the administrator ends one session"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "session-killed", weight)

    def play(self, run):
        run.until(run.before)
        s = run.server
        if self.proto == "mysql":
            ids = s.sql("SELECT id FROM information_schema.processlist WHERE user = 'app' ORDER BY RAND() LIMIT 1").communicate()[0].split()
            s.sql("KILL %d" % int(ids[0])).wait()
        elif self.proto == "pgsql":
            s.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' ORDER BY random() LIMIT 1").wait()
        else:
            lines = [x for x in s.tell("client", "list").communicate()[0].decode().splitlines() if "addr=10." in x]
            address = run.rng.choice(lines).split("addr=")[1].split(" ")[0]
            s.tell("client", "kill", address).wait()
        run.pause(run.rest - 0.5)


class ClientCrash(Scenario):
    def __init__(self, proto, weight=1):
        super().__init__(proto, "client-crash", weight)

    def play(self, run):
        run.until(run.before)
        os.kill(run.rng.choice(run.crowds[0].client_pids), signal.SIGKILL)
        run.pause(run.rest - 0.5)


class Deploy(Scenario):
    """all clients go at once and new ones come: theirs is the restart, not the server's"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "deploy", weight)

    def play(self, run):
        run.until(run.before)
        run.end_crowd(run.crowds[0])
        run.pause(0.2, 1.0)
        run.crowd(dict(run.plan, seed=run.seed + 13))
        run.pause(run.rest - 0.5)


class Survived(Scenario):
    """a malformed message and the server goes on"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "survived", weight)

    def plan(self, run):
        kind = killers.pick(self.proto, run.rng)
        run.plan["killer"] = {"client": run.rng.randrange(8), "seed": run.seed,
                              "shots": [{"at": run.before, "kind": kind.name, "arm": False, "signal": 0, "whom": 0, "how": "read", "patience": 0.6}]}

    def play(self, run):
        run.until(run.before + run.rest)


class Scan(Scenario):
    """a scanner or fuzzer sends many malformed messages; the server refuses them and goes on"""

    def __init__(self, proto, alone, weight=1):
        super().__init__(proto, "scan-alone" if alone else "scan", weight)
        self.alone = alone

    def plan(self, run):
        if self.alone:      # nobody works; many processes, which wait for answers that do not come
            run.before = 0.3
            run.plan["clients"] = [dict(c) for c in run.plan["clients"] for _ in range(run.rng.randint(1, 3))]
        for i in range(len(run.plan["clients"])) if self.alone else run.rng.sample(range(8), run.rng.randint(1, 3)):
            run.plan["clients"][i].update(scan_from=run.before, scans=run.rng.randint(10, 60), scan_think=run.rng.choice([0.001, 0.02, 0.1]))

    def play(self, run):
        run.until(run.before + run.rest + 1)


class Ends(Scenario):
    """the recording ends in the middle of work, its last packet cut"""

    def __init__(self, proto, weight=1):
        super().__init__(proto, "capture-ends", weight)

    def plan(self, run):
        run.cut = run.rng.choice([0, 0, run.rng.randint(1, 40)])
        for c in run.plan["clients"]:
            c["style"] = run.rng.choice(["eager", "eager", "report", "shop"])

    def play(self, run):
        run.until(run.before + 1)


class Busy(Scenario):
    """ordinary work; perhaps the mirror loses packets"""

    def __init__(self, proto, loss, weight=1):
        super().__init__(proto, "work" + ("-loss%d" % loss if loss else ""), weight)
        self.loss = loss

    def plan(self, run):
        run.thinned = self.loss / 100

    def play(self, run):
        run.until(run.before + run.rest)


class LossyDeath(Death):
    """a death, and a mirror that loses packets"""

    def __init__(self, proto, how, variant, loss, weight=1):
        super().__init__(proto, how, variant, weight)
        self.loss = loss
        self.short += "-loss%d" % loss
        self.name += "-loss%d" % loss

    def plan(self, run):
        super().plan(run)
        run.thinned = self.loss / 100


def build():
    every = []
    for proto, hows in (("mysql", ("kill9", "segv")), ("pgsql", ("postmaster-kill9", "all-kill9", "backend-kill9", "backend-segv")),
                        ("redis", ("kill9", "segv")), ("memcached", ("kill9", "segv"))):
        for how in hows:
            every += [Death(proto, how, "killer", 4 if len(hows) == 2 else 2), Death(proto, how, "innocent", 2 if len(hows) == 2 else 1)]
            if not how.startswith("backend"):
                every += [Death(proto, how, "killer-failover"), Death(proto, how, "follow")]
        whole = "all-kill9" if proto == "pgsql" else "kill9"
        every += [Death(proto, whole, "innocent-failover"), Death(proto, whole, "again")]
        every += [LossyDeath(proto, "backend-segv" if proto == "pgsql" else "segv", "killer", 1), LossyDeath(proto, whole, "killer", 5)]
        stops = {"mysql": ("term", "admin", "client"), "pgsql": ("fast", "smart", "immediate"), "redis": ("term", "admin", "client"),
                 "memcached": ("term", "int", "graceful")}[proto]
        every += [Stop(proto, how) for how in stops]
        every += [Hang(proto), Starved(proto), OneClientCut(proto), ClientCrash(proto), Deploy(proto), Survived(proto, 2), Scan(proto, False), Scan(proto, True), Ends(proto, 2), Limit(proto)]
        every += [Network(proto, how) for how in ("drop-server", "drop-client", "drop-replies", "cable")]
        every += [Busy(proto, 0), Busy(proto, 1), Busy(proto, 5)]
        if proto != "memcached":
            every += [Lock(proto), Killed(proto), Slow(proto, "work")]
        if proto in ("mysql", "pgsql"):
            every += [Slow(proto, "slow")]
    return every


ALL = build()


def in_turn(scenarios):
    """each as often as its weight says, mixed so that any stretch has variety, always in the same order"""
    slots = []
    for s in scenarios:
        slots += [((k + 0.5) / s.weight + (hash_of(s.name) % 97) / 9700, s) for k in range(s.weight)]
    slots.sort(key=lambda x: (hash_of("%s/%.4f" % (x[1].name, x[0])), x[1].name))
    return [s for _, s in slots]


def hash_of(text):
    value = 2166136261
    for b in text.encode():
        value = (value ^ b) * 16777619 & 0xffffffff
    return value
