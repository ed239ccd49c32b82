"""Sessions of Derby's own driver, recorded as the judge starts and then played again, byte for byte: the server of one database and
one set of rows answers them in the same way each time."""
import os
import random
import select
import socket
import subprocess
import threading

import drda as p
from trial import Step

NOT_MUTATED = set()
HERE = os.path.dirname(os.path.abspath(__file__))
JARS = "/usr/share/java/"
RECORDED = []       # of each session the client's turns


class Session:
    local = False

    def __init__(self, name, seed, turns):
        self.name, self.seed, self.turns = name, seed, turns

    def steps(self, ctx):
        for i, turn in enumerate(self.turns):
            found = p.structures(turn)[0]
            yield Step(("login%d" if i < 2 else "turn%d") % i, *[p.structure(turn[a:b]) for a, b in found])


def relay(listener, port, turns):
    """one connection through us; the client's bytes between two answers are a turn"""
    client, server = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
    theirs, answered = b"", False
    while True:
        for ready in select.select([client, server], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                if theirs:
                    turns.append(theirs)
                client.close(), server.close()
                return
            if ready is client:
                if answered and theirs:
                    turns.append(theirs)
                    theirs = b""
                theirs, answered = theirs + data, False
                server.sendall(data)
            else:
                answered = True
                client.sendall(data)


def furnish(server):
    subprocess.run(["javac", "-d", server.dir, "-cp", JARS + "derbyclient.jar", os.path.join(HERE, "JudgeDerby.java")], check=True)
    run = ["java", "-Xmx128m", "-cp", JARS + "derbyclient.jar:" + server.dir, "JudgeDerby"]
    subprocess.run(run + [str(server.port), "furnish", "0"], check=True)
    for seed in range(int(os.environ.get("JUDGE_SESSIONS", 40))):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            turns = []
            thread = threading.Thread(target=relay, args=(listener, server.port, turns))
            thread.start()
            subprocess.run(run + [str(listener.getsockname()[1]), "session", str(seed)], check=True)
            thread.join()
            if all(p.structures(t)[1] is False for t in turns):
                RECORDED.append(turns)


def sessions(seed):
    rng = random.Random(seed)
    return [Session("recorded-%d" % i, rng.getrandbits(48), turns) for i, turns in enumerate(RECORDED)]
