"""Runs dbhound over the recordings and compares its incidents and suspects with the labels."""
import collections
import fnmatch
import math
import os
import sqlite3
import subprocess
import sys
import tempfile

import recorder

GOALS = (("death found or rightly not found", 0.99), ("right verdict", 0.95), ("true killer first", 0.90), ("true killer among the first three", 0.98))
VERDICTS = ("server-crash", "server-hang", "orderly-shutdown", "network", "workload", "limit-reached", "unknown", "none")
BEFORE, AFTER = 1.0e9, 4.0e9    # an incident belongs to a death if it began so many ns before or after it
BAD = {"server-crash"}
# A suspect's time against that of the killer's first packet: no earlier request of that connection, but perhaps its last packet.
SUSPECT_BEFORE, SUSPECT_AFTER = 100e3, 500e6


class Missing(Exception):
    pass


def rows_of(con, query):
    con.row_factory = sqlite3.Row
    try:
        return [dict(r) for r in con.execute(query)]
    except sqlite3.Error as e:
        raise Missing(str(e)) from e


def look(dbhound, path):
    """(incidents, suspects, what went wrong) of one recording"""
    with tempfile.TemporaryDirectory(prefix="dbhdeath-score-") as tmp:
        db = os.path.join(tmp, "db")
        try:
            r = subprocess.run([dbhound, "replay", "-d", db, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            return [], [], "dbhound does not end"
        wrong = "" if r.returncode in (0, 1, 2) else "dbhound ended with %d: %s" % (r.returncode, r.stderr.decode("utf-8", "replace")[-200:])
        if not os.path.exists(db):
            return [], [], wrong or "no store"
        con = sqlite3.connect("file:%s?mode=ro" % db, uri=True)
        try:
            return (rows_of(con, "SELECT * FROM v_incidents ORDER BY began_ns"), rows_of(con, "SELECT * FROM v_suspects ORDER BY incident_id, rank"), wrong)
        finally:
            con.close()


def ours(incidents, server):
    return [i for i in incidents if "%s:%s" % (i["server_ip"], i["server_port"]) == server]


def judge(t, incidents, suspects):
    """what became of one recording: a dict of results"""
    server, result = t["server"], {"verdict": "none", "found": None, "late": None, "first": None, "third": None, "why": ""}
    mine = ours(incidents, server)
    died = t["death"] in ("yes", "partial")
    allowed = {t["expected"]} | set(filter(None, t["allowed"].split("|")))
    if died:
        at = int(t["death_ns"])
        near = [i for i in mine if at - BEFORE <= int(i["began_ns"]) <= at + AFTER]
        near.sort(key=lambda i: (i["verdict"] not in allowed, abs(int(i["began_ns"]) - at)))
        result["found"] = bool(near) and near[0]["verdict"] in allowed | {"server-crash", "unknown"}
        if near:
            best = near[0]
            result["verdict"] = best["verdict"]
            result["late"] = (int(best["began_ns"]) - at) / 1e9
        if t["killer"]:
            ranked = [s for s in suspects if near and s["incident_id"] == near[0]["incident_id"]]
            hit = [s["rank"] for s in ranked if "%s:%s" % (s["client_ip"], s["client_port"]) == t["killer"]
                   and -SUSPECT_BEFORE <= int(s["time_ns"]) - int(t["killer_ns"]) <= SUSPECT_AFTER]
            result["first"], result["third"] = bool(hit) and min(hit) == 1, bool(hit) and min(hit) <= 3
            result["why"] = "killer %s %s: %s" % (t["killer"], t["kind"], "rank %d" % min(hit) if hit else "not among %d suspects" % len(ranked))
            if not result["first"] and ranked:
                s = ranked[0]
                result["why"] += "; first is %s:%s %s %s" % (s["client_ip"], s["client_port"], s["message_type"], s["reasons"])
    else:
        crashed = [i for i in incidents if i["verdict"] in BAD and i["verdict"] not in allowed]
        result["found"] = not crashed
        # All incidents must be right; the worst one counts.
        wrong = [i for i in incidents if i["verdict"] not in allowed]
        if crashed or wrong:
            result["verdict"] = (crashed or wrong)[0]["verdict"]
        elif mine:
            best = [i for i in mine if i["verdict"] == t["expected"]] or mine
            result["verdict"] = best[0]["verdict"]
    result["right"] = result["verdict"] in allowed
    stray = [i for i in incidents if died and i["verdict"] in BAD and not near_any(t, i)]
    if stray:
        result["found"] = False
        result["why"] += "; and a death at %s of %s that was none" % (stray[0]["began_ns"], stray[0]["server_ip"])
    if mine and not result["right"]:
        result["why"] += "; " + str(mine[0].get("summary", ""))
    return result


def near_any(t, incident):
    deaths = [(int(t["death_ns"]), t["server"].rsplit(":", 1)[0])]
    for d in filter(None, t["more_deaths"].split(",")):
        at, ip = d.split("@")
        deaths.append((int(at), ip))
    return any(ip == incident["server_ip"] and at - BEFORE <= int(incident["began_ns"]) <= at + AFTER for at, ip in deaths)


def wilson(k, n):
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    mid, half = (p + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return mid - half, mid + half


def share(name, hits, goal):
    n, k = len(hits), sum(hits)
    low, high = wilson(k, n)
    ok = not n or k / n >= goal
    print("%-36s %s  (%d of %d, 95%% interval %.1f to %.1f)  goal %.0f %%%s" % (
        name, "%6.2f %%" % (100 * k / n) if n else "     -  ", k, n, 100 * low, 100 * high, 100 * goal, "" if ok else "  MISSED"))
    return ok


def matrix(results):
    seen = collections.Counter((t["expected"], r["verdict"]) for t, r in results)
    across = [v for v in VERDICTS if any(b == v for _, b in seen)] + sorted({b for _, b in seen} - set(VERDICTS))
    print("\n%-18s" % "truth \\ verdict" + "".join("%17s" % v for v in across))
    for v in VERDICTS:
        if any(a == v for a, _ in seen):
            print("%-18s" % v + "".join("%17s" % (seen[(v, b)] or ".") for b in across))


def by_scenario(results):
    groups = collections.OrderedDict()
    for t, r in sorted(results, key=lambda x: x[0]["scenario"]):
        groups.setdefault(t["scenario"], []).append((t, r))
    print("\n%-40s %5s %6s %8s %6s %6s" % ("scenario", "runs", "found", "verdict", "first", "three"))
    for name, g in groups.items():
        killers = [r for _, r in g if r["first"] is not None]
        print("%-40s %5d %6d %8d %6s %6s" % (name, len(g), sum(r["found"] for _, r in g), sum(r["right"] for _, r in g),
                                             "%d/%d" % (sum(r["first"] for r in killers), len(killers)) if killers else "-",
                                             "%d/%d" % (sum(r["third"] for r in killers), len(killers)) if killers else "-"))


def misses(title, found, limit):
    if not found or not limit:
        return
    print("\n%s: %d" % (title, len(found)))
    for t, r in found[:limit]:
        print("  %s  expected %s, got %s%s%s" % (t["file"], t["expected"], r["verdict"], "" if not t["how"] else " [%s, %s]" % (t["how"], t["after"]),
                                                 "; " + r["why"].strip("; ") if r["why"] else ""))


def failovers(results, backups):
    told = [b for b in backups if b is not None]
    if told:
        print("backup named in the incident         %6.2f %%  (%d of %d)" % (100 * sum(told) / len(told), sum(told), len(told)))


def score(a):
    truth = [t for t in recorder.read_truth(a.dir) if not a.only or any(fnmatch.fnmatch(t["scenario"], n) for n in a.only)]
    if not truth:
        sys.exit("deaths: no recordings in " + a.dir)
    results, backups, troubles, told = [], [], [], 0
    for t in truth:
        try:
            incidents, suspects, trouble = look(a.dbhound, os.path.join(a.dir, t["file"]))
        except Missing as e:
            sys.exit("deaths: %s has no incident views yet (%s): nothing can be scored" % (a.dbhound, e))
        if trouble:
            troubles.append("%s: %s" % (t["file"], trouble))
        told += len(incidents)
        r = judge(t, incidents, suspects)
        results.append((t, r))
        if t["backup"] and t["death"] == "yes":
            backups.append(any("%s:%s" % (i["backup_ip"], i["backup_port"]) == t["backup"] for i in ours(incidents, t["server"])))
    if not told and any(t["expected"] != "none" for t in truth):
        print("dbhound told of no incident in any recording: its views are there, its detector is not")
    killers = [r for _, r in results if r["first"] is not None]
    print("%d recordings: %d deaths, %d partial, %d look-alikes" % (len(truth), *(sum(t["death"] == d for t in truth) for d in ("yes", "partial", "no"))))
    lenient = sum(r["right"] and r["verdict"] != t["expected"] for t, r in results)
    ok = [share(GOALS[0][0], [r["found"] for _, r in results], GOALS[0][1]), share(GOALS[1][0], [r["right"] for _, r in results], GOALS[1][1]),
          share(GOALS[2][0], [r["first"] for r in killers], GOALS[2][1]), share(GOALS[3][0], [r["third"] for r in killers], GOALS[3][1])]
    print("  right by an allowed verdict that is not the expected one: %d" % lenient)
    for how in ("read", "arrive"):
        some = [r for t, r in results if r["first"] is not None and t["how"] == how]
        if some:
            print("  killer %-6s                       first %d, among three %d, of %d" % (how, sum(r["first"] for r in some),
                                                                                        sum(r["third"] for r in some), len(some)))
    failovers(results, backups)
    late = sorted(r["late"] for _, r in results if r["late"] is not None)
    if late:
        print("seconds from death to the incident's beginning, packet time: median %.3f, 95 %% %.3f, longest %.3f" % (
            late[len(late) // 2], late[min(len(late) - 1, int(len(late) * 0.95))], late[-1]))
    matrix(results)
    by_scenario(results)
    misses("deaths not found or wrongly found", [x for x in results if not x[1]["found"]], a.misses)
    misses("wrong verdicts", [x for x in results if not x[1]["right"]], a.misses)
    misses("killers not first", [x for x in results if x[1]["first"] is False], a.misses)
    for line in troubles[:max(a.misses, 5)]:
        print("trouble: " + line)
    return 1 if a.check and not (all(ok) and not troubles) else 0
