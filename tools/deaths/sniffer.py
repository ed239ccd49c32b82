#!/usr/bin/python3
"""Kills a process as soon as the killer's message is seen at the server's interface, read or not.

usage: sniffer.py INTERFACE TRIGGER PIDFILE   (in the server's namespace; ends when its standard input closes)
"""
import os
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import trigger

OUTGOING = 4


def main():
    interface, path, pidfile = sys.argv[1:]
    t = trigger.Trigger(path)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    s.bind((interface, 0))
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError:
        pass    # a little slower then
    print("ready", flush=True)
    while True:
        ready = select.select([s, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            return
        frame, where = s.recvfrom(2048)
        if t.armed() != 2 or where[2] == OUTGOING or frame[23] != 6:
            continue
        ip, port = t.peer()
        head = 14 + (frame[14] & 15) * 4
        total = int.from_bytes(frame[16:18], "big")
        data = total - (frame[14] & 15) * 4 - (frame[head + 12] >> 4) * 4
        if frame[26:30] == ip and int.from_bytes(frame[head:head + 2], "big") == port and data > 0:
            with open(pidfile, encoding="ascii") as f:
                pids = [int(x) for x in f.read().split()]
            now = time.time_ns()
            for pid in pids:
                try:
                    os.kill(pid, t.signal())
                except ProcessLookupError:
                    pass
            t.fire(now)


main()
