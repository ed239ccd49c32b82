"""One trial: a session against the live server, one message of it changed, and the verdict of the server."""
import random
import select
import socket
import struct
import time

import mutate
from message import reaches_out

WAIT = 1.5          # a server that says nothing for so long, where the twin is answered, hangs
QUIET = 0.04        # silence after a whole reply that counts as its end
CAP = 1.0           # longest stream of replies that is waited for

OK, SEM, HANG, PROTO, CRASH = "OK", "SEM", "HANG", "PROTO", "CRASH"
DEAF = "silence after a valid message"
RANK = {OK: 0, SEM: 1, HANG: 2, PROTO: 3, CRASH: 4}


class Wire:
    """a connection that remembers what went over it, in order and with times"""

    def __init__(self, server, local=False):
        self.events, self.sent, self.got, self.closed, self.finished = [], b"", b"", None, False
        if local is True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(10)
            self.sock.connect(server.path())
            self.port = 0
        else:
            self.sock = socket.create_connection(("127.0.0.1", server.ports[local] if local else server.port), timeout=10)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.port = self.sock.getsockname()[1]

    def send(self, data):
        if not data or self.finished:
            return
        try:
            at = time.time()
            self.sock.sendall(data)
            self.events.append((at, "c", data))
            self.sent += data
        except OSError:
            pass    # the server has closed; the next read says how

    def read(self, wait, whole, quiet=QUIET):
        """bytes until the server is silent after a whole reply (whole() says so), has closed, or wait is over"""
        start, fresh = time.monotonic(), b""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        while self.closed is None:
            now = time.monotonic()
            left = quiet if fresh and whole() else wait - (now - start)
            if now - start > max(CAP, wait):
                break
            if not poll.poll(max(0, left) * 1000):
                break
            try:
                data = self.sock.recv(65536)
            except OSError:
                self.closed = "rst"
                self.events.append((time.time(), "s", "RST"))
                break
            if not data:
                self.closed = "fin"
                self.events.append((time.time(), "s", "FIN"))
                break
            self.events.append((time.time(), "s", data))
            self.got += data
            fresh += data
        return fresh

    def shut(self, reset=False):
        """closes our side, listens to what the server still says, and forgets the socket"""
        if not self.finished:
            self.finished = True
            if self.closed != "rst":
                try:
                    if reset:
                        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.events.append((time.time(), "c", "RST"))
                        self.sock.close()
                        return
                    self.sock.shutdown(socket.SHUT_WR)
                    self.events.append((time.time(), "c", "FIN"))
                    self.read(0.5, lambda: False)
                except OSError:
                    pass
            self.sock.close()


class Step:
    """messages that the client sends in one go, and what it then expects: a reply, nothing, or the end"""

    def __init__(self, name, *messages, silent=False):
        self.name, self.messages, self.silent = name, list(messages), silent


class Outcome:
    def __init__(self, answered, errors, closed):
        self.answered, self.errors, self.closed = answered, errors, closed


class Plan:
    """which message of which session is to be changed, and how"""

    def __init__(self, trial, session, seed, step=None, index=0, kind="", cls=""):
        self.trial, self.session, self.seed = trial, session, seed
        self.step, self.index, self.kind, self.cls = step, index, kind, cls


class Result:
    def __init__(self, plan):
        self.plan, self.label, self.when, self.answer = plan, OK, "", ""
        self.mutation, self.grey, self.disturbed, self.strayed = None, "", False, ""
        self.stream_offset, self.close, self.events, self.steps, self.port = -1, "", [], {}, 0
        self.messages = []      # of a twin: (step, index, kind, data) in order
        self.replies = []       # of a twin: messages of the server


class Trial:
    def __init__(self, proto, server, plan, env, twin):
        self.proto, self.server, self.plan, self.env = proto, server, plan, env
        self.twin = twin        # {step name: Outcome}, or None when this is the twin
        self.result = Result(plan)
        self.rng, self.reaches_out, self.unread = random.Random(plan.seed), False, False

    def run(self):
        r, generation = self.result, self.server.generation
        self.wire = Wire(self.server, self.plan.session.local)
        try:
            self.talk()
        finally:
            self.wire.shut(reset=self.rng.random() < 0.03)
        r.events = self.wire.events
        if self.twin is None:
            r.replies = self.ctx.all_replies
        r.close, r.port = self.wire.closed or "client", self.wire.port
        if r.mutation is not None and (r.label in (OK, SEM) or r.answer.startswith("closed")):
            r.grey = r.grey or self.proto.unsure(self)
            if not r.grey and self.unread and self.plan.cls in ("trailing-raw", "outer-length", "oversize", "duplicate", "flip"):
                r.grey = "bytes behind a message on which the server closed, which nobody reads"
            if not r.grey and self.reaches_out:
                r.grey = "a length reaches behind the end of the message, which this server does not check"
        if self.wire.closed is not None or r.label != OK:
            r.disturbed = self.server.died_since(generation, r.label in (HANG, PROTO) and self.wire.closed)
        return r

    def note(self, label, when, answer=""):
        r = self.result
        if RANK[label] > RANK[r.label]:
            r.label, r.when, r.answer = label, when, answer

    def talk(self):
        p = self.plan
        self.ctx = self.proto.Context(self.wire, random.Random(p.session.seed), self.server)
        self.ctx.greet()
        gen = p.session.steps(self.ctx)
        tail, seen, step = 0, set(), next(gen, None)
        limit = self.rng.choice([0, 1, 2, 2])
        while step is not None:
            name = step.name
            while name in seen:
                name += "'"
            seen.add(name)
            if self.twin is None:
                r = self.result
                r.messages += [(name, i, m) for i, m in enumerate(step.messages)]
            parts, hit = [], name == p.step and self.result.mutation is None and p.index < len(step.messages)
            if hit:
                parts, step = self.changed(step, gen)
            else:
                parts = [m.wire() for m in step.messages]
            if not self.exchange(name, parts, step.silent, hit):
                return
            if self.result.mutation is not None and not self.ctx.busy():
                if tail >= limit:
                    break
                tail += 1
            step = None if self.ctx.sealed else next(gen, None)
        gen.close()
        self.probe()

    def changed(self, step, gen):
        """byte strings to send for a step whose message number index is mutated"""
        p, rng = self.plan, self.rng
        before = [m.wire() for m in step.messages[:p.index]]
        after = [m.wire() for m in step.messages[p.index + 1:]]
        target = step.messages[p.index]
        if p.cls == "swap":
            m = mutate.Mutation("swap", "", "message", 0, [])
            if after:
                m.how = "with %s" % step.messages[p.index + 1].kind
                parts = before + [after[0], target.wire()] + after[1:]
            else:
                following = next(gen, None)
                m.how = "with %s" % (following.messages[0].kind if following else "nothing")
                parts = before + ([following.messages[0].wire()] if following else []) + [target.wire()]
                if following:
                    parts += [x.wire() for x in following.messages[1:]]
        else:
            if target.wrap and rng.random() < 0.5 and p.cls not in ("duplicate", "drop", "wrong-state"):
                target = self.proto.outside(target)
            m = None
            for _ in range(20):
                m = mutate.TABLE[p.cls](target, rng, self.env)
                if m:
                    break
            if m is None:
                m = mutate.flip(target, rng, self.env)
            parts = before + [target.wire(x) for x in m.parts] + after
            self.reaches_out = p.cls in ("inner-length", "flip") and target.frame != "compressed" and reaches_out(target, m.parts[0], m.offset)
        self.result.mutation = m
        self.result.stream_offset = len(self.wire.sent) + sum(map(len, before))
        return parts, step

    def exchange(self, name, parts, silent, hit):
        """sends, reads, judges; False when the conversation is over"""
        self.send(parts)
        twin = self.twin.get(name) if self.twin is not None else None
        wait = 0.12 if silent else WAIT
        if hit and not parts:
            wait = 0.03     # dropped: the client goes on as if it had been sent, unless it waits for a reply
        out = self.read(wait)
        if self.twin is None:
            self.result.steps[name] = out
            self.note_errors(out, None, name)
            return out.closed is None
        when = "mutated" if hit else name
        if self.result.mutation is None:    # still the unchanged part
            if twin and {e[0] for e in twin.errors} != {e[0] for e in out.errors}:
                self.result.strayed = "%s: %s" % (name, out.errors)
            elif twin and twin.answered and not out.answered:
                self.result.strayed = "%s: no answer" % name
            return out.closed is None
        return self.judge(out, twin, when, silent, dropped=hit and not parts)

    def send(self, parts):
        if self.rng.random() < 0.15 and len(parts) > 1:
            for x in parts:
                self.wire.send(x)
        else:
            self.wire.send(b"".join(parts))

    def read(self, wait):
        quiet = QUIET
        self.wire.read(wait, self.ctx.whole, quiet)
        answered, errors = self.ctx.digest()
        return Outcome(answered, errors, self.wire.closed)

    def note_errors(self, out, twin, when):
        known = {e[0] for e in twin.errors} if twin else set()
        worst = None
        for code, text in out.errors:
            if self.twin is not None and code in known:
                continue
            label = PROTO if self.proto.is_protocol_error(code, text) else SEM
            self.note(label, when, "%s %s" % (code, text))
            if self.proto.is_grey(code, text):
                self.result.grey = "%s %s" % (code, text)
            worst = label if worst is None or RANK[label] > RANK[worst] else worst
        return worst

    def judge(self, out, twin, when, silent, dropped=False):
        worst = self.note_errors(out, twin, when)
        if worst == PROTO:
            return False
        if out.closed:
            expected = twin and twin.closed and twin.errors or self.proto.orderly_end(self)
            self.unread = when == "mutated" and self.proto.behind(self, self.result.stream_offset)
            if (worst is None or not self.proto.ERRORS_CLOSE) and not expected:
                self.note(PROTO, when, "closed (%s) %s" % (out.closed, "after a reply" if out.answered else "without a reply"))
            return False
        expects = twin is None and not silent or twin is not None and (twin.answered or twin.closed)
        if out.answered or not expects or dropped:
            return True
        if self.proto.unfinished(self):
            self.note(HANG, when, "silence, the message is not complete")
            return False
        self.probe()
        return False

    def probe(self):
        """a valid message that any healthy connection answers"""
        if self.wire.closed or self.proto.streaming(self):
            return
        for parts, good in self.ctx.probes():
            self.send(parts)
            out = self.read(WAIT)
            if self.twin is None:
                if not good(out):
                    self.note(PROTO, "probe", "twin: probe not answered")
                continue
            worst = self.note_errors(out, None, "probe")
            if worst == PROTO:
                return
            if out.closed:
                if worst is None and not self.proto.orderly_end(self):
                    self.note(PROTO, "probe", "closed (%s)" % out.closed)
                return
            if not out.answered:
                self.note(HANG, "probe", DEAF)
                return
            if not good(out) and worst is None:
                self.note(SEM, "probe", "unexpected reply to the probe")
        if self.rng.random() < 0.7:
            self.send(self.ctx.farewell())
            self.read(0.3)
