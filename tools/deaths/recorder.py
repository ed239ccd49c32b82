"""One run: servers, clients and tcpdump are started, the scenario plays, the recording gets its label."""
import json
import os
import random
import shutil
import subprocess
import tempfile
import time

import net
import packets
import scenarios
import servers
import trigger

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = "/usr/bin/python3"     # the one that Debian's client libraries belong to
COLUMNS = ("file", "protocol", "scenario", "seed", "death", "expected", "allowed", "server", "death_ns", "more_deaths", "killer", "killer_ns",
           "kind", "wrong", "how", "after", "back_ns", "backup", "clients", "clients_affected", "packets", "bytes", "note")


class Place:
    """a scratch directory in memory: templates of data directories, the preloaded library, the runs"""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="dbhdeath-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        os.chmod(self.root, 0o755)
        self.templates, self.runs = os.path.join(self.root, "templates"), os.path.join(self.root, "runs")
        os.mkdir(self.templates)
        os.mkdir(self.runs)
        os.chmod(self.runs, 0o777)
        self.library, self.trigger = os.path.join(self.root, "preload.so"), os.path.join(self.root, "trigger")
        subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", self.library, os.path.join(HERE, "preload.c"), "-ldl"], check=True)

    def fill(self, protocols):
        for p in protocols:
            servers.OF[p].prepare(self)

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Run:
    def __init__(self, place, network, scenario, seed, out, small=False):
        self.small = small
        self.place, self.net, self.scenario, self.seed, self.out = place, network, scenario, seed, out
        self.proto = scenario.proto
        self.rng = random.Random("%d-%s" % (seed, scenario.name))
        self.truth = {c: "" for c in COLUMNS}
        self.truth.update(protocol=self.proto, scenario=scenario.name, seed=seed, death="no", expected="none",
                          server="%s:%d" % (net.SERVER_IP, servers.OF[self.proto].port))
        self.name = "%05d-%s" % (seed, scenario.name)
        self.pcap = os.path.join(place.root, "now.pcap")
        self.events_path = os.path.join(place.root, "events")
        self.settings, self.backup, self.sniffer, self.tcpdump, self.crowds, self.helpers = {}, None, None, None, [], []
        self.capture_late = self.rng.random() < 0.15
        self.before = self.rng.uniform(1.2, 2.4)        # work before it happens
        self.rest = self.rng.uniform(2.6, 3.6)          # and after it
        if small:
            self.capture_late, self.before, self.rest = False, 1.3, 1.8
        self.zero, self.thinned, self.cut = 0.0, 0.0, 0
        self.deaths = []                                # (time, server ip)
        self.notes = []
        self.trigger = None
        self.plan = None

    # time

    def at(self):
        return time.time() - self.zero

    def until(self, at):
        time.sleep(max(0, at - self.at()))

    def pause(self, low, high=None):
        time.sleep(low if high is None else self.rng.uniform(low, high))

    # clients

    def make_plan(self):
        styles = ["reader", "reader", "writer", "shop", "shop", "report", "eager", "quiet"]
        self.rng.shuffle(styles)
        clients = []
        for ip, style in zip(net.CLIENTS, styles):
            clients.append({"ip": ip, "style": style, "pool": self.rng.choice([1, 1, 2, 2, 3]), "any": self.rng.random() < 0.4,
                            "short": self.rng.random() < 0.08, "patience": self.rng.choice([1.0, 1.5, 2.5]), "purge": self.rng.random() < 0.8,
                            "turn_after": self.rng.randint(1, 4)})
        targets = [net.SERVER_IP] + ([net.BACKUP_IP] if self.backup else [])
        self.plan = {"proto": self.proto, "seed": self.seed, "targets": targets, "clients": clients, "events": self.events_path,
                     "trigger": self.place.trigger, "slowness": 5 if self.small else 1}

    def crowd(self, plan=None):
        plan = dict(plan or self.plan, zero=self.zero)
        path = os.path.join(self.place.root, "plan-%d.json" % len(self.crowds))
        with open(path, "w", encoding="ascii") as f:
            json.dump(plan, f)
        env = dict(os.environ, LD_PRELOAD=self.place.library)
        env.pop("DEATHS_TRIGGER", None)
        p = subprocess.Popen(self.net.in_client(PYTHON, os.path.join(HERE, "crowd.py"), path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        p.client_pids = json.loads(p.stdout.readline())
        self.crowds.append(p)
        return p

    def end_crowd(self, p):
        p.stdin.close()
        p.wait(10)

    def events(self):
        try:
            with open(self.events_path, encoding="ascii") as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def shots(self):
        return [e for e in self.events() if e["what"] == "shot"]

    # capture

    def start_capture(self):
        port = servers.OF[self.proto].port
        log = open(os.path.join(self.place.root, "tcpdump.log"), "w+b")
        self.tcpdump = subprocess.Popen(self.net.in_server("tcpdump", "-Z", "root", "-ni", "srv", "-s", "0", "-B", "16384", "-U", "--immediate-mode",
                                                           "-w", self.pcap, "tcp port %d" % port), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.tcpdump.log = log
        for _ in range(500):
            log.seek(0)
            if b"listening on" in log.read():
                return
            time.sleep(0.01)
        raise servers.Failed("tcpdump does not listen")

    def stop_capture(self):
        time.sleep(0.15)
        self.tcpdump.send_signal(2)
        self.tcpdump.wait(10)
        self.tcpdump.log.seek(0)
        text = self.tcpdump.log.read().decode()
        self.tcpdump.log.close()
        self.tcpdump = None
        lost = [line for line in text.splitlines() if "dropped by kernel" in line]
        if not lost or not lost[0].startswith("0 "):
            raise servers.Failed("tcpdump lost packets: " + text)

    # the whole

    def play(self):
        with open(self.events_path, "wb"):
            pass
        if os.path.exists(self.place.trigger):
            os.unlink(self.place.trigger)
        self.trigger = trigger.Trigger(self.place.trigger, create=True)
        os.chmod(self.place.trigger, 0o666)
        try:
            self.scenario.prepare(self)
            kind = servers.OF[self.proto]
            self.server = kind(self.place, self.net, net.SERVER_IP, "a", self.settings)
            self.server.start()
            if self.scenario.wants_backup(self):
                self.backup = kind(self.place, self.net, net.BACKUP_IP, "b", {})
                self.backup.start()
            self.make_plan()
            self.scenario.plan(self)
            if self.sniffer == "wanted":
                self.start_sniffer()
            self.zero = time.time() + (0.9 if self.capture_late else 0.1)
            if self.capture_late:
                self.crowd()
                self.until(0)
                self.start_capture()
            else:
                self.start_capture()
                self.crowd()
            self.scenario.play(self)
            self.stop_capture()
        finally:
            self.tidy()
        return self.keep()

    def start_sniffer(self):
        self.write_pids()
        self.sniffer = subprocess.Popen(self.net.in_server(PYTHON, os.path.join(HERE, "sniffer.py"), "srv", self.place.trigger,
                                                           os.path.join(self.place.root, "pids")), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sniffer.stdout.readline()

    def write_pids(self, server=None):
        with open(os.path.join(self.place.root, "pids"), "w", encoding="ascii") as f:
            f.write("%d\n" % (server or self.server).process.pid)

    def tidy(self):
        if self.tcpdump:
            self.tcpdump.kill()
            self.tcpdump.wait()
        for p in self.helpers:
            if p.poll() is None:
                p.kill()
            p.wait()
        for p in self.crowds:
            if p.poll() is None:
                self.end_crowd(p)
        if isinstance(self.sniffer, subprocess.Popen):
            self.sniffer.stdin.close()
            self.sniffer.wait()
        self.net.plain()
        for s in (getattr(self, "server", None), self.backup):
            if s is not None:
                s.end()

    def keep(self):
        """finishes the label and writes the file"""
        data = packets.load(self.pcap)
        t = self.truth
        shot = self.shots()
        if self.thinned:
            whole, data = data, packets.thin(data, self.thinned, self.seed)
            t["note"] = "mirror lost %g %%" % (100 * self.thinned)
        else:
            whole = data
        if self.cut:
            data = data[:-self.cut]
        if shot:
            e = shot[0]
            t.update(kind=e["kind"], wrong="yes" if e["wrong"] else "no")
            if t["death"] != "no":
                t["killer"] = "%s:%d" % (e["ip"], e["port"])
            t["killer_ns"] = packets.message_time(whole, e["ip"], e["port"], e["at_ns"]) or ""
            if not t["killer_ns"]:
                raise servers.Failed("the killer's message is not in the recording")
        if self.deaths:
            self.deaths.sort()
            t["death_ns"] = self.deaths[0][0]
            t["more_deaths"] = ",".join("%d@%s" % d for d in self.deaths[1:])
            t["clients_affected"] = len(packets.connected(whole, net.SERVER_IP, self.deaths[0][0]))
            silent_end(t, whole)
        if self.backup:
            t["backup"] = "%s:%d" % (net.BACKUP_IP, self.backup.port)
        if self.notes:
            t["note"] = "; ".join(([t["note"]] if t["note"] else []) + self.notes)
        seen = {src for _, src, _, dst, _, _, _ in packets.segments(data) if dst == net.SERVER_IP}
        t.update(clients=len(seen), packets=sum(1 for _ in packets.records(data)), bytes=len(data), file=self.name + ".pcap.zst")
        target = os.path.join(self.out, t["file"])
        subprocess.run(["zstd", "-q", "-12", "-f", "-o", target, "-"], input=data, check=True)
        return t


def silent_end(t, data):
    """a MariaDB that is killed while no request is open looks like one that is stopped"""
    if t["scenario"].startswith("mysql-kill9-innocent") and packets.left_open(data, net.SERVER_IP, int(t["death_ns"])) == 0:
        t["allowed"] = "unknown"


def write_truth(out, row):
    path = os.path.join(out, "TRUTH.tsv")
    rows = read_truth(out) if os.path.exists(path) else []
    rows = [r for r in rows if r["file"] != row["file"]] + [row]
    rows.sort(key=lambda r: r["file"])
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("\t".join(COLUMNS) + "\n")
        for r in rows:
            f.write("\t".join(str(r.get(c, "")) for c in COLUMNS) + "\n")
    os.replace(path + ".new", path)


def read_truth(directory):
    with open(os.path.join(directory, "TRUTH.tsv"), encoding="utf-8") as f:
        names = f.readline().rstrip("\n").split("\t")
        return [dict(zip(names, line.rstrip("\n").split("\t"))) for line in f]


def run(chosen, seed, count, out, small):
    """plays `count` runs, the scenarios in turn; returns how many could not be recorded"""
    if os.geteuid() != 0:
        raise SystemExit("deaths: recording needs root (network namespaces, tcpdump)")
    os.makedirs(out, exist_ok=True)
    failed, place, network = 0, Place(), None
    try:
        place.fill(sorted({s.proto for s in chosen}))
        network = net.Net()
        for i in range(count):
            scenario = chosen[(seed + i - 1) % len(chosen)]
            started = time.time()
            for attempt in (1, 2):
                r = Run(place, network, scenario, seed + i + (attempt - 1) * 100000, out, small)
                try:
                    row = r.play()
                    write_truth(out, row)
                    print("%-52s %-7s %-17s %6s packets %7d bytes %4.1f s" % (
                        row["file"], row["death"], row["expected"], row["packets"], os.path.getsize(os.path.join(out, row["file"])),
                        time.time() - started), flush=True)
                    break
                except (servers.Failed, subprocess.SubprocessError, OSError) as e:
                    print("%s: attempt %d: %s" % (r.name, attempt, e), flush=True)
                    failed += attempt == 2
    finally:
        if network:
            network.close()
        place.close()
    return failed
