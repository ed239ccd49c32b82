"""Writes recorded conversations as a pcap: real bytes, order and times; addresses of our choice."""
import random
import struct

MSS = 1460
SERVER_IP = "10.77.255.1"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def client_address(trial):
    return "10.77.%d.%d" % (trial // 40000, 1 + trial // 20000 % 2), 20001 + trial % 20000


def _sum16(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def _ip(text):
    return bytes(int(x) for x in text.split("."))


class Side:
    def __init__(self, ip, port, mac, isn):
        self.ip, self.port, self.mac, self.seq, self.id = _ip(ip), port, mac, isn, isn & 0xffff


def _packet(src, dst, flags, payload=b""):
    options = b"\x02\x04" + struct.pack(">H", MSS) if flags & SYN else b""
    ack = dst.seq if flags & ACK else 0
    head = struct.pack(">HHIIBBHHH", src.port, dst.port, src.seq & 0xffffffff, ack & 0xffffffff,
                       (20 + len(options)) // 4 << 4, flags, 64240, 0, 0) + options
    pseudo = src.ip + dst.ip + struct.pack(">BBH", 0, 6, len(head) + len(payload))
    head = head[:16] + struct.pack(">H", _sum16(pseudo + head + payload)) + head[18:]
    src.id = src.id + 1 & 0xffff
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(head) + len(payload), src.id, 0x4000, 64, 6, 0) + src.ip + dst.ip
    ip = ip[:10] + struct.pack(">H", _sum16(ip)) + ip[12:]
    src.seq += len(payload) + (1 if flags & (SYN | FIN) else 0)
    return dst.mac + src.mac + b"\x08\x00" + ip + head + payload


def packets(trial, server_port, events):
    """events: (time, 'c'|'s', data | 'FIN' | 'RST'), in order. Yields (time, frame)."""
    if not events:
        return
    rng = random.Random(trial)
    ip, port = client_address(trial)
    c = Side(ip, port, b"\x02\0\0\0\0\x01", rng.getrandbits(32))
    s = Side(SERVER_IP, server_port, b"\x02\0\0\0\0\x02", rng.getrandbits(32))
    t = events[0][0] - 150e-6
    yield t, _packet(c, s, SYN)
    yield t + 30e-6, _packet(s, c, SYN | ACK)
    yield t + 60e-6, _packet(c, s, ACK)
    last = t + 60e-6
    for at, who, what in events:
        src, dst = (c, s) if who == "c" else (s, c)
        at = last = max(at, last + 2e-6)
        if what == "RST":
            yield at, _packet(src, dst, RST | ACK)
            return
        if what == "FIN":
            yield at, _packet(src, dst, FIN | ACK)
        else:
            for i in range(0, len(what), MSS):
                part = what[i:i + MSS]
                last += 1e-6
                yield last, _packet(src, dst, ACK | (PSH if i + MSS >= len(what) else 0), part)
        last += 5e-6
        yield last, _packet(dst, src, ACK)


def write(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for t, frame in sorted(frames, key=lambda x: x[0]):
            ns = int(t * 1e9)
            out.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)
