"""Cases, and playing them against the kernel. A case is a list of steps; places are offsets in the client's stream (0 is the
first byte after the SYN), acknowledgements are relative to everything the server has sent so far."""
import random
import struct

from kernel import ACK, FIN, NARROW_PORT, PORT, PSH, RST, SYN, Accepted, fragment, now_ns, pause

STAMP_START = 1000
MD5_OPTION = b"\x13\x12" + b"x" * 16 + b"\1\1"


class Say:
    """One segment. stamp: None the clock's, False no option, a number relative to the clock, a Stamp absolute."""
    def __init__(self, at, data=b"", flags=ACK | PSH, ack=0, ack_absolute=None, stamp=None, options=b"", window=65000, urgent=0,
                 ttl=64, bad_checksum=False):
        self.at, self.data, self.flags, self.ack, self.ack_absolute = at, data, flags, ack, ack_absolute
        self.stamp, self.options, self.window, self.urgent = stamp, options, window, urgent
        self.ttl, self.bad_checksum = ttl, bad_checksum

    def __repr__(self):
        names = "".join(c for bit, c in ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, "A"), (32, "U"))
                        if self.flags & bit)
        odd = [f"{k}={getattr(self, k)!r}" for k, usual in
               (("ack", 0), ("ack_absolute", None), ("stamp", None), ("options", b""), ("urgent", 0), ("ttl", 64),
                ("bad_checksum", False), ("window", 65000)) if getattr(self, k) != usual]
        return f"{self.at}+{len(self.data)} {names} {bytes(self.data[:24])!r} {' '.join(odd)}".rstrip()


class Pieces(Say):
    """One segment in IP fragments, given as (unit of 8 bytes where it begins, units or bytes as `+n`, more, what), sent in this order.
    `what`: 0 the segment's own bytes; k the same words in the k-th other order, so that the TCP checksum is right whichever
    is taken. More may be a dictionary of kernel.fragment's arguments."""
    def __init__(self, at, data, parts, ident=None, **more):
        super().__init__(at, data, **more)
        self.parts, self.ident = parts, ident

    def __repr__(self):
        return super().__repr__() + f" in {self.parts}"


def other_order(data, which):
    """Every 8 bytes' four words rotated: the sum stays."""
    which = 2 * (which % 4)
    return b"".join(data[i + which:i + 8] + data[i:i + which] if len(data) >= i + 8 else data[i:] for i in range(0, len(data), 8))


class Syn:
    """Opens (again): `isn` relative to the case's, or the case's next."""
    def __init__(self, isn=0, data=b"", flags=SYN, ack=0, adopt=True):
        self.isn, self.data, self.flags, self.ack, self.adopt = isn, data, flags, ack, adopt


class Answered:
    """Waits for the SYN-ACK and follows what it acknowledges; `done` also completes the handshake."""
    def __init__(self, done=True):
        self.done = done


class Serve:
    def __init__(self, data):
        self.data = data


class Wait:
    def __init__(self, milliseconds):
        self.milliseconds = milliseconds


class Reading:
    """Whether the application reads what comes."""
    def __init__(self, on):
        self.on = on


class CloseServer:
    pass


class Case:
    def __init__(self, name, steps, version=4, stamps=False, sack=True, scale=None, greeting=b"", isn=None, narrow=False,
                 tick=1):
        self.name, self.steps, self.version, self.stamps, self.sack, self.scale = name, steps, version, stamps, sack, scale
        self.greeting, self.isn, self.target, self.tick = greeting, isn, NARROW_PORT if narrow else PORT, tick

    def opened(self):
        """The steps with the usual opening, unless the case opens in its own way."""
        if any(isinstance(s, Syn) for s in self.steps):
            return self.steps
        opening = [Syn(), Answered()]
        if self.greeting:
            opening += [Serve(self.greeting)]
        return opening + self.steps


class Playing:
    def __init__(self, kernel, case, port):
        self.kernel, self.case, self.port = kernel, case, port
        self.isn = case.isn if case.isn is not None else random.randrange(1 << 32)
        self.clock = STAMP_START
        self.ident = random.randrange(1 << 32) if case.version == 6 else port * 16  # of IP fragments: one batch never uses one twice
        self.server_isn = self.server_next = None
        self.answered_ack = None
        self.window_seen = 0
        self.connections = []
        self.served = []
        self.reading = True
        self.deadline_ns = 0
        self.steps = self.play()

    # ---- the client
    def options(self, step):
        if step.flags & SYN and isinstance(step, Syn):
            out = b"\x02\x04\x05\xb4"
            if self.case.sack:
                out += b"\x01\x01\x04\x02"
            if self.case.stamps:
                out += b"\x01\x01\x08\x0a" + struct.pack("!II", self.clock, 0)
            if self.case.scale is not None:
                out += b"\x01\x03\x03" + bytes([self.case.scale])
            return out
        out = step.options
        if self.case.stamps and step.stamp is not False:
            stamp = self.clock + (step.stamp or 0)
            out = out + b"\x01\x01\x08\x0a" + struct.pack("!II", stamp & 0xFFFFFFFF, 0)
        return out

    def send(self, seq, ack, flags, data, options, pieces=None, **more):
        frame = self.kernel.frame(self.case.version, self.port, self.case.target, seq, ack, flags, data, options, **more)
        if pieces is None:
            self.kernel_send(frame)
            return
        self.ident += 1
        payload = frame[34 if self.case.version == 4 else 54:]
        for start, end, more_follow, which, *rest in pieces.parts:
            settings = dict(rest[0]) if rest else {}
            ident = settings.pop("ident", self.ident if pieces.ident is None else pieces.ident)
            cut = payload[start * 8:end * 8 if isinstance(end, int) else start * 8 + int(end[1:])]
            cut += bytes(settings.pop("pad", 0))
            self.kernel_send(fragment(frame, ident, start * 8, other_order(cut, which), more_follow, **settings))

    def kernel_send(self, frame):
        self.batch.frames.append((now_ns(), frame))
        self.kernel.send(frame)
        self.batch.hear()

    def say(self, step):
        if step.ack_absolute is not None:
            ack = step.ack_absolute
        else:
            ack = (self.server_next or 0) + step.ack
        if not step.flags & ACK:
            ack = 0 if step.ack_absolute is None else ack
        self.clock += self.case.tick
        self.send(self.isn + 1 + step.at, ack, step.flags, step.data, self.options(step), window=step.window, urgent=step.urgent,
                  ttl=step.ttl, bad_checksum=step.bad_checksum, pieces=step if isinstance(step, Pieces) else None)

    def play(self):
        for step in self.case.opened():
            if isinstance(step, Say):
                self.say(step)
            elif isinstance(step, Syn):
                if step.adopt:
                    self.isn = (self.isn + step.isn) & 0xFFFFFFFF
                    self.answered_ack = self.server_next = self.server_isn = None
                isn = self.isn if step.adopt else (self.isn + step.isn) & 0xFFFFFFFF
                self.clock += self.case.tick
                self.send(isn, step.ack, step.flags, step.data, self.options(step))
            elif isinstance(step, Answered):
                for _ in range(200):
                    if self.answered_ack is not None:
                        break
                    self.deadline_ns = now_ns() + 1000000
                    yield
                if self.answered_ack is not None:
                    self.isn = (self.answered_ack - 1) & 0xFFFFFFFF
                    if step.done:
                        self.say(Say(0, flags=ACK))
            elif isinstance(step, Serve):
                for _ in range(200):
                    if self.connections:
                        break
                    self.deadline_ns = now_ns() + 1000000
                    self.batch.accept()
                    yield
                if self.connections:
                    self.served += [self.connections[-1].write(step.data)]
                self.batch.hear()
            elif isinstance(step, Wait):
                self.deadline_ns = now_ns() + step.milliseconds * 1000000
                yield
            elif isinstance(step, Reading):
                self.reading = step.on
            elif isinstance(step, CloseServer):
                if self.connections:
                    self.connections[-1].finish()
                self.batch.hear()
            self.read()
            yield

    def read(self):
        if self.reading:
            if not self.connections:
                self.batch.accept()
            for c in self.connections:
                c.read()
            self.batch.hear() # reading may open the window

    def heard(self, seq, ack, flags, length):
        if flags & RST:
            return
        end = (seq + length + bool(flags & SYN) + bool(flags & FIN)) & 0xFFFFFFFF
        if flags & SYN:
            if self.answered_ack is None:
                self.server_isn, self.answered_ack, self.server_next = seq, ack, end
        elif self.server_next is None or ((end - self.server_next) & 0xFFFFFFFF) < 1 << 31:
            self.server_next = end


class Batch:
    """Some cases at once. After play(): frames of all, and per case what the application had."""
    def __init__(self, kernel, cases, first_port):
        self.kernel, self.frames = kernel, []
        self.playing = [Playing(kernel, case, first_port + i) for i, case in enumerate(cases)]
        self.of_port = {(p.case.version, p.port): p for p in self.playing}
        for p in self.playing:
            p.batch = self

    def hear(self):
        for frame, port, seq, ack, flags, length in self.kernel.answers():
            self.frames.append((now_ns(), frame))
            p = self.of_port.get((4 if frame[12] == 8 else 6, port))
            if p:
                p.heard(seq, ack, flags, length)

    def accept(self):
        for version, port, s in self.kernel.accepted():
            p = self.of_port.get((version, port))
            if p:
                p.connections.append(Accepted(s))
            else:
                Accepted(s).abort()

    def play(self):
        active = list(self.playing)
        while active:
            moved = False
            for p in list(active):
                if p.deadline_ns > now_ns():
                    continue
                moved = True
                try:
                    next(p.steps)
                except StopIteration:
                    active.remove(p)
            if not moved:
                self.hear()
                pause(0.0005)
        pause(0.002)
        self.accept()
        self.hear()
        for p in self.playing:
            p.reading = True
            p.read()
            p.results = [(bytes(c.data), c.finished, c.was_reset()) for c in p.connections]
        kept = list(self.frames)
        for p in self.playing:
            for c in p.connections:
                c.abort()
        pause(0.001)
        self.hear()
        self.frames = kept
