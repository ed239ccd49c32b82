"""A real Linux TCP stack as the judge: a network namespace whose only wire is a TAP device. Inside it a listener reads
everything at once; at the other end of the wire this program writes whole frames and reads the answers. What the listener
read is the truth. Frames of both directions are kept in the order in which the wire carried them.

Everything runs on one processor: a frame that is written has been received, and answered, when write() returns. Payloads are
handed over in pages, as network cards do: the kernel then merges adjacent segments that wait whatever their size. (Behind a veth
pair, or a TAP without IFF_NAPI_FRAGS, it merges those for which the first one's memory has room: other streams may result.)"""
import ctypes
import fcntl
import ipaddress
import os
import select
import socket
import struct
import subprocess
import time

PORT, NARROW_PORT = 5432, 5433  # the listener, and one with a small receive buffer
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_NAPI, IFF_NAPI_FRAGS = 0x400454CA, 0x0002, 0x1000, 0x0010, 0x0020
CLIENT_MAC, SERVER_MAC = bytes.fromhex("02000000000c"), bytes.fromhex("020000000005")
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ADDRESSES = {4: ("10.77.0.1", "10.77.0.2"), 6: ("fd00:77::1", "fd00:77::2")}  # client, server
STATE_CLOSED = 7  # TCP_CLOSE in tcp_info.tcpi_state


class Unavailable(Exception):
    """No namespaces here, or not root."""


def checksum(data):
    """RFC 1071: the sum of 16-bit words modulo 65535 is the number itself modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    return (0xFFFF - int.from_bytes(data, "big") % 0xFFFF) & 0xFFFF


FRAGMENT = 44  # IPv6 next header


def is_fragment(frame):
    return frame[20] == FRAGMENT if frame[12] != 8 else bool(int.from_bytes(frame[20:22], "big") & 0x3FFF)


def fragment(frame, ident, offset, data, more, next_header=6, congestion=0, dont=False, sum_off=0):
    """Of the datagram that a frame carries: `data` at `offset`, which the frame need not have there."""
    units = offset & 0xFFF8
    if frame[12] == 8:
        ip = bytearray(frame[14:34])
        ip[1] |= congestion
        ip[2:4] = struct.pack("!H", 20 + len(data))
        ip[4:6] = struct.pack("!H", ident & 0xFFFF)
        ip[6:8] = struct.pack("!H", units >> 3 | (0x2000 if more else 0) | (0x4000 if dont else 0))
        ip[9] = next_header
        ip[10:12] = b"\0\0"
        ip[10:12] = struct.pack("!H", checksum(bytes(ip)) ^ sum_off)
        return frame[:14] + bytes(ip) + data
    ip = bytearray(frame[14:54])
    ip[1] |= congestion << 4
    ip[4:6] = struct.pack("!H", 8 + len(data))
    ip[6] = FRAGMENT
    return frame[:14] + bytes(ip) + struct.pack("!BBHI", next_header, 0, units | bool(more), ident) + data


class Kernel:
    def __init__(self):
        if os.geteuid() != 0:
            raise Unavailable("not root")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            self._wire()
        except OSError as failure:
            raise Unavailable(str(failure)) from failure
        except subprocess.CalledProcessError as failure:
            raise Unavailable("ip %s" % failure) from failure

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def _setting(path, value):
        try:
            with open("/proc/sys/net/" + path, "w") as f:
                f.write(value)
        except OSError:
            pass  # a kernel without it

    def _wire(self):
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", b"s0", IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS))
        self.readable = select.poll()
        self.readable.register(self.tap, select.POLLIN)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "set", "s0", "address", ":".join("%02x" % b for b in SERVER_MAC), "mtu", "9000", "up")
        for version, (client, server) in ADDRESSES.items():
            nodad = ["nodad"] if version == 6 else []
            self._ip("addr", "add", server + ("/24" if version == 4 else "/64"), "dev", "s0", *nodad)
            self._ip("neigh", "add", client, "lladdr", ":".join("%02x" % b for b in CLIENT_MAC), "dev", "s0", "nud", "permanent")
        self._setting("ipv4/tcp_syncookies", "0")
        self._setting("ipv4/tcp_max_syn_backlog", "4096")
        for setting in ("ipv4/ipfrag_high_thresh", "ipv6/ip6frag_high_thresh"):
            self._setting(setting, str(256 << 20))  # cases that never complete stay for half a minute
        self.packed = {version: tuple(ipaddress.ip_address(a).packed for a in pair) for version, pair in ADDRESSES.items()}
        self.listeners = [self._listener(version, port) for version in (4, 6) for port in (PORT, NARROW_PORT)]

    def _listener(self, version, port):
        s = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port == NARROW_PORT:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        s.bind((ADDRESSES[version][1], port))
        s.listen(1024)
        s.setblocking(False)
        return version, s

    def send(self, frame):
        """Headers and payload apart, as a card splits them; it does not look into fragments."""
        at = 14 + (20 if frame[12] == 8 else 40)
        if not is_fragment(frame) and len(frame) >= at + 20:
            at += (frame[at + 12] >> 4) * 4
        os.writev(self.tap, [frame[:at], frame[at:]] if at < len(frame) else [frame])

    def frame(self, version, source_port, target_port, seq, ack, flags, data=b"", options=b"", window=65000, urgent=0, ttl=64,
              bad_checksum=False):
        client, server = self.packed[version]
        header = struct.pack("!HHIIBBHHH", source_port, target_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                             (20 + len(options)) // 4 << 4, flags, window, 0, urgent) + options
        length = len(header) + len(data)
        pseudo = client + server + (struct.pack("!BBH", 0, 6, length) if version == 4 else struct.pack("!IHBB", length, 0, 0, 6))
        right = checksum(pseudo + header + data)
        if bad_checksum:
            right ^= 0x5555
        segment = header[:16] + struct.pack("!H", right) + header[18:] + data
        if version == 4:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, seq & 0xFFFF, 0, ttl, 6, 0) + client + server
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
            kind = b"\x08\x00"
        else:
            ip = struct.pack("!IHBB", 6 << 28, length, 6, ttl) + client + server
            kind = b"\x86\xdd"
        return SERVER_MAC + CLIENT_MAC + kind + ip + segment

    def answers(self):
        """Frames that came from the server since the last call: (bytes, client's port, seq, ack, flags, payload length)."""
        while True:
            if not self.readable.poll(0):
                return
            got = os.read(self.tap, 65600)
            kind = got[12:14]
            if kind == b"\x08\x00" and got[23] == 6:
                at, length = 34, struct.unpack("!H", got[16:18])[0] - 20
            elif kind == b"\x86\xdd" and got[20] == 6:
                at, length = 54, struct.unpack("!H", got[18:20])[0]
            else:
                continue
            _, port, seq, ack, offset, flags = struct.unpack("!HHIIBB", got[at:at + 14])
            yield got[:at + length], port, seq, ack, flags, length - (offset >> 4) * 4

    def accepted(self):
        """Connections that the listeners have: (version, client's port, socket)."""
        for version, listener in self.listeners:
            while True:
                try:
                    s, peer = listener.accept()
                except BlockingIOError:
                    break
                s.setblocking(False)
                yield version, peer[1], s


class Accepted:
    """A connection as the application sees it."""

    def __init__(self, s):
        self.socket = s
        self.data = bytearray()
        self.finished = self.broken = self.closing = False

    def read(self):
        while not self.finished and not self.broken:
            try:
                got = self.socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                self.broken = True
                return
            if not got:
                self.finished = True
            self.data += got

    def write(self, data):
        """What of it was taken."""
        try:
            return data[:self.socket.send(data)]
        except OSError:
            return b""

    def finish(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
            self.closing = True
        except OSError:
            pass

    def was_reset(self):
        """A connection that both sides finished is closed too."""
        return not (self.closing and self.finished) and self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == STATE_CLOSED

    def abort(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def pcap(path, frames):
    """Ethernet, nanoseconds."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for time_ns, data in frames:
            f.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(data), len(data)) + data)


def now_ns():
    return time.time_ns()


def pause(seconds):
    select.select([], [], [], seconds)
