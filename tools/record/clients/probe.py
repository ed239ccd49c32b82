"""What a load balancer does to see whether a server is alive.

usage: probe.py HOST PORT
"""
import socket
import struct
import sys
import time

where = (sys.argv[1], int(sys.argv[2]))


def connect():
    return socket.create_connection(where, timeout=5)


# Connect and close at once.
connect().close()
time.sleep(0.2)

# Connect and reset: closing with linger of zero.
s = connect()
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
time.sleep(0.2)

# Wait for a greeting, should the server speak first, and leave.
s = connect()
s.settimeout(0.5)
try:
    s.recv(1000)
except TimeoutError:
    pass
s.close()
