"""The file through which a killer client tells the server when to die; the same layout as in preload.c."""
import mmap
import socket
import struct

THREAD, PROCESS, PARENT, GROUP = range(4)
SIZE = 4096


class Trigger:
    def __init__(self, path, create=False):
        if create:
            with open(path, "wb") as f:
                f.write(bytes(SIZE))
        self.file = open(path, "r+b")
        self.page = mmap.mmap(self.file.fileno(), SIZE)

    def arm(self, ip, port, need, signal, whom, by=1):
        self.page[4:24] = socket.inet_aton(ip) + struct.pack("=IIII", port, need, signal, whom)
        self.page[24:40] = bytes(16)
        self.page[0:4] = struct.pack("=I", by)

    def disarm(self):
        self.page[0:4] = bytes(4)

    def armed(self):
        """0: no; 1: the server does it itself; 2: the sniffer does"""
        return struct.unpack("=I", self.page[0:4])[0]

    def peer(self):
        return self.page[4:8], struct.unpack("=I", self.page[8:12])[0]

    def signal(self):
        return struct.unpack("=I", self.page[16:20])[0]

    def fire(self, at_ns):
        self.page[24:32] = struct.pack("=Q", at_ns)
        self.disarm()

    def fired_ns(self):
        return struct.unpack("=Q", self.page[24:32])[0]

    def pid(self):
        return struct.unpack("=I", self.page[36:40])[0]
