"""Compares what a tool flagged with what the server did."""
import collections
import csv
import glob
import math
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile


def trials(directory):
    with open(os.path.join(directory, "trials.tsv"), newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def captures(directory):
    return sorted(glob.glob(os.path.join(directory, "*.pcap")))


def by_dbhound(directory, program, db):
    """{client: [what it said]} of the alerts that count as an alarm; those about the client's bytes begin with '>'"""
    with tempfile.TemporaryDirectory() as scratch:
        if db is None:
            db = os.path.join(scratch, "score.db")
            r = subprocess.run([program, "replay", "-q", "-d", db] + captures(directory), stdout=subprocess.DEVNULL)
            if r.returncode not in (0, 1, 2):
                sys.exit("judge: %s ended with %d" % (program, r.returncode))
        flagged = collections.defaultdict(list)
        con = sqlite3.connect("file:%s?mode=ro" % db, uri=True)
        rows = con.execute("SELECT client_ip, client_port, anomaly, direction, field, message_offset, msg FROM v_alerts"
                           " WHERE class IN ('malformed', 'violation') AND severity BETWEEN 1 AND 3")
        for ip, port, anomaly, direction, field, off, msg in rows:
            flagged["%s:%s" % (ip, port)].append("%s%s %s@%s" % (">" if direction == "to_server" else "<", anomaly or msg, field or "", off))
        con.close()
        return flagged


def by_tshark(directory, port):
    flagged = collections.defaultdict(list)
    name = {"3306": "mysql", "5432": "pgsql"}.get(port, "resp")
    for path in captures(directory):
        out = subprocess.run(
            ["tshark", "-n", "-r", path, "-d", "tcp.port==%s,%s" % (port, name), "-Y", "_ws.malformed || _ws.expert.severity == 8388608",
             "-T", "fields", "-e", "ip.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e", "tcp.dstport", "-e", "_ws.expert.message"],
            stdout=subprocess.PIPE, check=True).stdout.decode("utf-8", "replace")
        for line in out.splitlines():
            src, sport, dst, dport, text = (line.split("\t") + [""] * 5)[:5]
            flagged["%s:%s" % ((dst, dport) if sport == port else (src, sport))].append(text)
    return flagged


def wilson(k, n):
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    mid, half = (p + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return mid - half, mid + half


def table(title, rows, flagged, key):
    print("\n%-24s %7s %9s %7s   %7s %7s" % (title, "must", "flagged", "recall", "benign", "false"))
    groups = collections.defaultdict(lambda: [0, 0, 0, 0])
    for r in rows:
        g, hit = groups[r[key]], r["client"] in flagged
        if r["must_flag"] == "1":
            g[0] += 1
            g[1] += hit
        elif r["must_flag"] == "0":
            g[2] += 1
            g[3] += hit
    for name, (must, hit, benign, false) in sorted(groups.items()):
        print("%-24s %7d %9d %7s   %7d %7d" % (name, must, hit, "%.1f%%" % (100 * hit / must) if must else "-", benign, false))


def describe(r):
    return "#%s %s %s: %s %s [%s @%s] %s" % (r["trial"], r["label"], r["message"], r["class"], r["how"], r["field"], r["offset"],
                                            ("%s: %s" % (r["when"], r["answer"])) if r["answer"] else "")


def score(a):
    rows = trials(a.dir)
    pcaps = captures(a.dir)
    if not pcaps:
        sys.exit("judge: no pcap in " + a.dir)
    if a.tshark:
        flagged = by_tshark(a.dir, {"m": "3306", "p": "5432"}.get(os.path.basename(pcaps[0])[0], "6379"))
    elif a.dbhound or a.db:
        flagged = by_dbhound(a.dir, a.dbhound, a.db)
    else:
        sys.exit("judge: say --dbhound PATH, --db FILE or --tshark")
    flagged = {k: v for k, v in flagged.items() if v}
    must = [r for r in rows if r["must_flag"] == "1"]
    benign = [r for r in rows if r["must_flag"] == "0"]
    missed = [r for r in must if r["client"] not in flagged]
    false = [r for r in benign if r["client"] in flagged]
    recall = 1 - len(missed) / len(must) if must else 1.0
    low, high = wilson(len(must) - len(missed), len(must))
    print("%d trials: %d must be flagged, %d must not, %d not counted" % (len(rows), len(must), len(benign), len(rows) - len(must) - len(benign)))
    print("recall       %6.2f%%  (%d of %d, 95%% interval %.2f to %.2f)" % (100 * recall, len(must) - len(missed), len(must), 100 * low, 100 * high))
    if not a.tshark:
        own = sum(1 for r in must if any(x[0] == ">" for x in flagged.get(r["client"], ())))
        print("  by the client's bytes alone, without the server's answer: %.2f%% (%d)" % (100 * own / len(must) if must else 100, own))
    print("false alarms %6.2f%%  (%d of %d)" % (100 * len(false) / len(benign) if benign else 0, len(false), len(benign)))
    table("label", rows, flagged, "label")
    table("mutation", rows, flagged, "class")
    table("message", rows, flagged, "message")
    if a.misses:
        print("\nmissed:")
        for r in missed[:a.misses]:
            print(" ", describe(r))
        print("\nfalse alarms:")
        for r in false[:a.misses]:
            print("  %s   <- %s" % (describe(r), "; ".join(sorted(set(flagged[r["client"]])))[:200]))
    return 1 if recall < a.min_recall or a.max_false is not None and len(false) > a.max_false else 0


def dump(data, mark=None, most=512):
    for i in range(0, min(len(data), most), 16):
        part = data[i:i + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        here = "  <-- mutated message begins at +%d" % (mark - i) if mark is not None and i <= mark < i + 16 else ""
        print("    %04x  %-48s %s%s" % (i, " ".join("%02x" % b for b in part), text, here))
    if len(data) > most:
        print("    ... %d bytes in all" % len(data))


def show(a):
    want = {r["client"]: r for r in trials(a.dir) if int(r["trial"]) in a.trial}
    talk = collections.defaultdict(list)
    for path in captures(a.dir):
        with open(path, "rb") as f:
            data = f.read()
        p = 24
        while p < len(data):
            sec, ns, n, _ = struct.unpack("<IIII", data[p:p + 16])
            f = data[p + 16:p + 16 + n]
            p += 16 + n
            src = "%s:%d" % (".".join(map(str, f[26:30])), int.from_bytes(f[34:36], "big"))
            dst = "%s:%d" % (".".join(map(str, f[30:34])), int.from_bytes(f[36:38], "big"))
            if src in want or dst in want:
                who = "client" if src in want else "server"
                talk[src if src in want else dst].append((sec + ns / 1e9, who, f[47], f[34 + (f[46] >> 4) * 4:]))
    for client, r in sorted(want.items(), key=lambda x: int(x[1]["trial"])):
        print(describe(r), "session", r["session"], "step", r["step"])
        start, sent = None, 0
        at = int(r["stream_offset"])
        for t, who, flags, payload in talk[client]:
            start = start or t
            name = "".join(n for bit, n in ((2, "SYN "), (1, "FIN "), (4, "RST ")) if flags & bit)
            if not payload and not name:
                continue
            print("  %8.3f %s %s%d bytes" % (t - start, who, name, len(payload)))
            mark = at - sent if who == "client" and at >= 0 and sent <= at < sent + len(payload) else None
            dump(payload, mark)
            sent += len(payload) if who == "client" else 0
    return 0
