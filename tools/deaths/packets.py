"""Reads, thins and measures the recordings: classic pcap, Ethernet, IPv4, TCP."""
import random
import struct
import subprocess

FIN, SYN, RST, ACK = 1, 2, 4, 16


def load(path):
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-qdc", path], check=True, stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def records(data):
    """yields (time in ns, offset of the record, frame)"""
    scale = 1 if data[:4] == b"\x4d\x3c\xb2\xa1" else 1000
    at = 24
    while at + 16 <= len(data):
        sec, frac, kept, _ = struct.unpack_from("<IIII", data, at)
        if at + 16 + kept > len(data):
            return
        yield sec * 10**9 + frac * scale, at, data[at + 16:at + 16 + kept]
        at += 16 + kept


def segments(data):
    """yields (time, source, source port, destination, destination port, flags, payload length)"""
    for t, _, f in records(data):
        if f[12:14] != b"\x08\x00" or f[23] != 6:
            continue
        ip = (f[14] & 15) * 4
        sport, dport = struct.unpack_from(">HH", f, 14 + ip)
        total = struct.unpack_from(">H", f, 16)[0]
        yield (t, ".".join(map(str, f[26:30])), sport, ".".join(map(str, f[30:34])), dport, f[14 + ip + 13],
               total - ip - (f[14 + ip + 12] >> 4) * 4)


def thin(data, share, seed):
    """a mirror that loses packets: drops that share of them, at random"""
    rng = random.Random(seed)
    out = [data[:24]]
    for _, at, frame in records(data):
        if rng.random() >= share:
            out.append(data[at:at + 16 + len(frame)])
    return b"".join(out)


def connected(data, server_ip, at_ns):
    """addresses of the clients that have a connection to the server at that time"""
    live = {}
    for t, src, sport, dst, dport, flags, _ in segments(data):
        if t >= at_ns:
            break
        if dst == server_ip:
            key = src, sport
        elif src == server_ip:
            key = dst, dport
        else:
            continue
        if flags & (FIN | RST):
            live.pop(key, None)
        elif not flags & SYN:
            live[key] = True
    return {ip for ip, _ in live}


def left_open(data, server_ip, at_ns):
    """how many connections the server ended after that time though the client spoke last"""
    last, ended = {}, set()
    for t, src, sport, dst, dport, flags, n in segments(data):
        if src == server_ip:
            key = dst, dport
            if t >= at_ns and flags & (FIN | RST) and key in last:
                ended.add(key)
        elif dst == server_ip:
            key = src, sport
        else:
            continue
        if flags & SYN:
            last.pop(key, None)
            ended.discard(key)
        elif n > 0 and key not in ended:
            last[key] = src
    return sum(last[key] != server_ip for key in ended)


def message_time(data, ip, port, after_ns):
    """when the first payload of that client arrives after that time, or None"""
    for t, src, sport, _, _, _, n in segments(data):
        if t >= after_ns - 2000 and src == ip and sport == port and n > 0:
            return t
    return None
