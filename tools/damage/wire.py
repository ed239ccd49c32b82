"""Bytes, packets and files: hex with text in it, TCP connections, pcap. Checksums are right, time is made up."""
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WINDOW = 64240
START = 1_700_000_000_000_000  # microseconds
SERVER = "10.2.0.1"
SEGMENT = 1448


def octets(written):
    """"4a 00 'text' 0a" -> bytes; text in single quotes stands for itself."""
    if isinstance(written, bytes):
        return written
    out = b""
    for i, part in enumerate(written.split("'")):
        out += part.encode("latin-1") if i % 2 else bytes.fromhex(part)
    return out


def client_of(number):
    return "10.2.%d.%d" % (1 + number // 250, 1 + number % 250)


def server_of(number):
    return "10.3.%d.%d" % (1 + number // 250, 1 + number % 250)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source, target, ports, seq, ack, flags, payload, number):
    a, b = socket.inet_aton(source), socket.inet_aton(target)
    tcp = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, WINDOW, 0, 0) + payload
    pseudo = a + b + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), number & 0xFFFF, 0x4000, 64, 6, 0) + a + b
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\x02\0\0\0\0" + b[-1:] + b"\x02\0\0\0\0" + a[-1:] + b"\x08\0" + ip + tcp


class File:
    def __init__(self):
        self.now = START
        self.records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]

    def write(self, name):
        with open(name, "wb") as f:
            f.write(b"".join(self.records))

    def connection(self, number, port, events, client=None, server=SERVER):
        """Events: ("C" or "S", bytes), ("C.", None) a FIN, ("C!", None) a reset, ("wait", seconds).
        Who waits acknowledges what came, as every host does within a fifth of a second, and nobody fills a window.
        `client` is an address, or None for the number's own."""
        client, ports = client or client_of(number), {"C": (40000 + number, port), "S": (port, 40000 + number)}
        next_seq = {"C": 1000 + number, "S": 500000 + number}
        acked = {"C": 0, "S": 0}
        ended = set()

        def send(side, flags, payload=b""):
            other = "S" if side == "C" else "C"
            source, target = (client, server) if side == "C" else (server, client)
            ack = next_seq[other] if flags & ACK else 0
            data = frame(source, target, ports[side], next_seq[side], ack, flags, payload, len(self.records))
            self.now += 250
            self.records.append(struct.pack("<IIII", self.now // 1000000, self.now % 1000000, len(data), len(data)) + data)
            acked[side] = ack
            next_seq[side] += len(payload) + bool(flags & (SYN | FIN))
            if payload and next_seq[side] - acked[other] > WINDOW // 2:
                send(other, ACK)

        send("C", SYN)
        send("S", SYN | ACK)
        send("C", ACK)
        for what, data in events:
            if what == "wait":
                for side, other in (("S", "C"), ("C", "S")):
                    if acked[side] != next_seq[other]:
                        send(side, ACK)
                self.now += int(data * 1000000)
            elif what.endswith("."):
                send(what[0], FIN | ACK)
                ended.add(what[0])
            elif what.endswith("!"):
                send(what[0], RST | ACK)
                ended |= {"C", "S"}
            else:
                for at in range(0, len(data), SEGMENT):
                    send(what, PSH | ACK, data[at:at + SEGMENT])
        if ended and ended != {"C", "S"}:
            other = ({"C", "S"} - ended).pop()
            send(other, FIN | ACK)
            send(ended.pop(), ACK)
        self.now += 1000000
