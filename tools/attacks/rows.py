"""What each rule is about, done once. Messages come from tools/damage."""
import struct

import mysql as my
import pgsql as pg
import redis as rd
import memcached as mc
from wire import SERVER, octets

OUTSIDE = "203.0.113.%d"
CLIENT_ENDS, SERVER_ENDS = ("C.", None), ("S.", None)
TO_CLIENT = {9000120, 9000415, 9000109, 9000115, 9000713, 9000203, 9000303, 9100001, 9100005, 9100007, 9100012, 9100013, 9100014}
OF_SERVER = {9100022} # about a server, not about somebody


def side_of(sid, client):
    if sid in OF_SERVER:
        return "dest_ip", SERVER
    return ("dest_ip" if sid in TO_CLIENT else "src_ip"), client


class Row:
    """One connection, or `times` of them by the same client; `events` may be a function of the number of the connection."""

    def __init__(self, sids, events, times=1, count=1, outside=None, client=None, servers=False, segment=1448, port=None, udp=False, ports=None, pause=1):
        self.sids, self.events, self.times, self.count = sids, events, times, count
        self.outside, self.client, self.servers, self.segment, self.port = outside, client, servers, segment, port
        self.pause = pause # seconds after each
        self.udp, self.ports = udp, ports # of client and server, where the client's is not any
        if client is None and times > 1 and not outside:
            self.client = 200 + (sids if isinstance(sids, int) else sids[0]) % 1000

    def connections(self):
        for i in range(self.times):
            yield (OUTSIDE % self.outside if self.outside else None, "10.2.0.%d" % (10 + i) if self.servers else SERVER,
                   self.events(i) if callable(self.events) else self.events)


# ---- attacks


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(message):
    return b"\x16\3\1" + struct.pack(">H", len(message)) + message


def hello(session=0):
    return handshake(1, b"\3\3" + bytes(range(32)) + bytes([session]) + bytes(session) + octets("0004 c02f 002f 0100"))


def server_hello():
    return handshake(2, b"\3\3" + bytes(range(32)) + octets("00 c02f 00"))


def der(tag, *parts):
    body = b"".join(parts)
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack(">H", len(body))) + body


def certificate(name):
    """As much of a certificate as is looked at: a version, a number, whose it is and until when."""
    def called(text):
        return der(0x30, der(0x31, der(0x30, octets("0603 550403"), der(0x0c, text.encode()))))
    algorithm = der(0x30, octets("0609 2a864886f70d01010b 0500"))
    until = der(0x30, der(0x17, b"230101000000Z"), der(0x17, b"330101000000Z"))
    signed = der(0x30, octets("a003 020102 0201 01"), algorithm, called("somebody"), until, called(name))
    leaf = der(0x30, signed, algorithm, octets("0302 0000"))
    return handshake(11, (len(leaf) + 3).to_bytes(3, "big") + len(leaf).to_bytes(3, "big") + leaf)


SSL_REQUEST = my.C(1, "cefbba00 00000001 e0 " + "00" * 23)
ATTACKS_MYSQL = [
    Row(9000104, my.MARIADB + [my.C(0, "04 '" + "t" * 512 + "' 00"), my.S(1, my.UNKNOWN_COMMAND), CLIENT_ENDS]),
    Row(9000105, my.MARIADB + [my.C(0, "11 'app' 00 01 41 'shop' 00 2d00 " + my.NATIVE), my.S(1, my.OK), CLIENT_ENDS]),
    Row(9000115, lambda i: my_login("root"), times=100, pause=0.2),
    Row(9000116, my.GREETED + [my.C(1, my.login("cef3ba00", "14" + "00" * 20 + " 'shop' 00 " + my.NATIVE)), my.S(2, my.DENIED), SERVER_ENDS]),
    # A session of 33 bytes in the hello; the first TLS had a hello of its own with lengths for all three parts.
    Row(9000117, my.GREETED_TLS + [SSL_REQUEST, ("C", record(hello(session=33))), CLIENT_ENDS]),
    Row(9000117, my.GREETED_TLS + [SSL_REQUEST, ("C", octets("803c 01 0301 0033 0000 0000") + bytes(51)), CLIENT_ENDS]),
    Row(9000118, my.GREETED_TLS + [SSL_REQUEST, ("C", record(hello())), ("S", record(server_hello())), ("C", record(certificate("c" * 65))), CLIENT_ENDS]),
    Row((), my.GREETED_TLS + [CLIENT_ENDS]),
    Row(9000120, my.MARIADB + [CLIENT_ENDS]),
    Row(9000109, [my.S(0, my.GREETING.replace("5.5.5-10.11.19", "5.5.5-10." + "1" * 460)), CLIENT_ENDS]),
]
ATTACKS_PGSQL = [
    Row(9000203, [pg.SSL_REQUEST, ("S", b"S" + pg.S("Z", "'I'")[1]), CLIENT_ENDS]),
    Row(9000218, pg.LOGIN + [pg.C("Q", b"alter role app password 'SCRAM-SHA-256$4096:" + b"c" * 600 + b"$a:b'\0"), pg.S("C", "'ALTER ROLE' 00"), pg.READY, CLIENT_ENDS]),
    Row(9000219, [("C", record(hello())), SERVER_ENDS]),
    Row(9000211, [pg.C("p", "'secret' 00"), SERVER_ENDS]),
    Row(9000216, [pg.startup("00030000 'user' 00 'app' 00 'options' 00 '-c=1' 00 00"), SERVER_ENDS]),
]
ATTACKS_REDIS = [
    Row(9000303, rd.BEGUN + [rd.C("*x\r\n"), rd.S("-ERR Protocol error: invalid multibulk length\r\n"), SERVER_ENDS], times=10),
]
ATTACKS_MEMCACHED = [
    Row(9000410, [mc.C(""), mc.S("CLIENT_ERROR unauthenticated"), CLIENT_ENDS]),
    Row(9000415, [("C", b"\0\7\0\0\0\1\0\0stats\r\n")] + [("S", bytes([0, 7, 0, i, 0, 80, 0, 0]) + b"x" * 1400) for i in range(80)], udp=True),
    Row(9000416, [("C", b"\0\7\0\0\0\2\0\0get a\r\n")], udp=True),
    Row(9000417, [("C", b"\0\7\0\0\0\1\0\0" + octets("80 00 0001 00 00 0000 00000001 00000000 0000000000000000 'a'"))], udp=True),
    Row(9000412, mc.GREETING + [mc.C("stats maps"), mc.S("ERROR"), CLIENT_ENDS]),
]

ATTACKS_BROWSER = [
    Row(9000708, [("C", b"\4" + b"A" * 96 + octets("dcc9b042") + b"sock" + b"send" + bytes(range(1, 200)))], udp=True), # as long as the worm, and harmless
    Row((9000709, 9000712), [("C", b"\x08" + b"A" * 100 + b":12345678901234567890")], udp=True),
    Row((9000710, 9000712), [("C", b"\x0a")], udp=True),
    Row(9000711, [("C", b"\4SHOP\0")], udp=True, ports=(1434, 1434)),
    Row(9000712, [("C", b"\2\0\0\0")], udp=True),
    Row(9000713, [("C", b"\2"), ("S", b"\5" + (700).to_bytes(2, "little") + b"S" * 700)], udp=True),
]


def counted(data):
    """As XDR writes bytes: their number, then they, filled up to a multiple of four."""
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def numbers(*values):
    return struct.pack(">%dI" % len(values), *values)


def fb_connect(count=1, items=b"\1\5alice\4\4web1\6\0"):
    return [("C", numbers(1, 19, 2, 29) + counted(b"/data/shop.fdb") + numbers(count) + counted(items) + numbers(10, 1, 2, 3, 2) * min(count, 12)), SERVER_ENDS]


def fb(*values, data=b"", more=b""):
    return [("C", numbers(*values) + (counted(data) if data else b"") + more), SERVER_ENDS]


def ch_block(compressed, opened):
    return [("C", b"\2\0" + bytes(range(16)) + struct.pack("<BII", 0x82, compressed, opened) + bytes(64)), SERVER_ENDS]


ATTACKS_OTHERS = [
    Row(9000961, ch_block(0x40000001, 64), port=9000),
    Row(9000962, ch_block(73, 0x40000001), port=9000),
    Row(9000963, ch_block(8, 64), port=9000),
    Row(9000964, ch_block(73, 0), port=9000),
    Row(9000905, [("C", b"\0\0\0\0DB2DAS      " + octets("01040000 0010397a") + octets("ffffffe0") + bytes(32)), SERVER_ENDS], port=523),
    Row(9000906, [("C", b"x"), SERVER_ENDS], port=6789),
    Row(9000921, fb_connect(count=11)),
    Row(9000922, fb(53, 1, 0, 0, more=bytes(300))),
    Row(9000923, fb_connect(items=b"\1\5alice\5\x20" + bytes(32))),
    Row(9000924, fb(9, 0, 0, 0, 0, 1, 335544344, 0)),
    Row(9000925, fb(19, 0, data=b"/data/shop.fdb", more=counted(b"\1\x30\4UTF8\x1c\x82" + b"u" * 130))),
    Row(9000926, fb(25, 1, 0, 1, 1000, 1)),
    Row(9000927, fb(20, 0, data=b"/" + b"f" * 541, more=counted(b"\1"))),
    Row(9000928, fb(82, 0, data=b"s" * 153, more=counted(b"\2"))),
    Row(9000929, fb_connect(items=b"\1\x41" + b"u" * 65)),
    Row(9000941, [("C", struct.pack("<IBBHIIHHI", 1000, 3, 0x5b, 0, 1, 0, 0, 0, 16384) + b"D" * 600), SERVER_ENDS], port=7210),
    Row(9000951, [("C", b"sqAmABPQAAsqlexec " + b"u" * 127 + b" -pword 9.28 "), SERVER_ENDS], port=9088),
    Row(9000952, [("C", b"sqAmABPQAAsqlexec app -p" + b"p" * 131 + b" 9.28 "), SERVER_ENDS], port=9088),
]

# ---- behaviour


def my_login(user, answer=my.DENIED):
    return my.GREETED + [my.C(1, my.login("cef3ba00", "14" + my.RESPONSE + " 'shop' 00 " + my.NATIVE + my.ATTRIBUTES).replace("'app'", "'%s'" % user)),
                         my.S(2, answer), SERVER_ENDS if answer == my.DENIED else CLIENT_ENDS]


FAILED_QUERY = [my.C(0, "03 'selec 1'"), my.S(1, my.SYNTAX)]
ZEROS = bytes(60000)
COPY_IN = pg.LOGIN + [pg.C("Q", "'copy t from stdin' 00"), pg.S("G", "00 0001 0000")]
COPY_OUT = pg.LOGIN + [pg.C("Q", "'copy t to stdout' 00"), pg.S("H", "00 0001 0000")]
BEHAVIOUR_MYSQL = [
    Row(9100001, my_login("app"), times=10),
    Row(9100002, lambda i: my_login("user%d" % i, my.TRACKED_OK), times=10),
    Row(9100003, my.MARIADB + [my.C(0, "11 'app' 00 14 " + my.RESPONSE + " 'shop' 00 2d00 " + my.NATIVE), my.S(1, my.OK)] * 100 + [CLIENT_ENDS]),
    Row(9100004, my_login("root", my.TRACKED_OK), outside=9),
    Row((9100005, 9100022), my.MARIADB + FAILED_QUERY * 100 + [CLIENT_ENDS]),
    Row(9100006, my_login("app", my.TRACKED_OK), times=10, servers=True, client=190),
    Row(9100021, [my.S(0, my.GREETING), CLIENT_ENDS], times=20, client=191),
    Row(9100009, my.MARIADB + [("C", b"\xff\xff\xef\x00\x03select 1"), CLIENT_ENDS]),
    Row(9100010, my.MARIADB + [("C", b"\x40\0\0\0\x03select 1"), CLIENT_ENDS], times=10),
    Row(9100014, my.MARIADB + [my.C(0, "03 'load data local infile \"a.csv\" into table t'"), my.S(1, "fb '/etc/passwd'"), my.C(2, ""), my.S(3, my.OK),
                               CLIENT_ENDS]),
    Row(9100015, my.MARIADB + [my.C(0, "15 02000000 00 00 00 ea0c 00000000 00000000"), my.S(1, my.OK), CLIENT_ENDS], outside=15),
    Row(9100018, my.MARIADB + [my.C(0, "08 00"), my.S(1, my.EOF), SERVER_ENDS], outside=18),
]
BEHAVIOUR_PGSQL = [
    Row(9100008, [("C", b"SSH-2.0-OpenSSH_9.2\r\n"), SERVER_ENDS], times=5, servers=True, client=192),
    Row(9100016, pg.REPLICA + [CLIENT_ENDS], outside=16),
]
BEHAVIOUR_COPY = [
    Row(9100011, COPY_IN + [pg.C("d", ZEROS)] * 1130 + [pg.C("c"), pg.S("C", "'COPY 1' 00"), pg.READY, CLIENT_ENDS], segment=60100),
    Row(9100012, COPY_OUT + [pg.S("d", ZEROS)] * 1130 + [pg.S("c"), pg.S("C", "'COPY 1' 00"), pg.READY, CLIENT_ENDS], segment=60100),
]
BEHAVIOUR_REDIS = [
    Row(9100017, rd.COPYING + [CLIENT_ENDS], outside=17),
    Row(9100019, [rd.C(rd.request("CONFIG", "GET", "dir")), rd.S("*2\r\n$3\r\ndir\r\n$1\r\n/\r\n"), CLIENT_ENDS], outside=19),
]
BEHAVIOUR_MEMCACHED = [
    Row(9100013, mc.GREETING + [mc.C("get a"), ("S", b"VALUE a 0 120000\r\n" + bytes(120000) + b"\r\nEND\r\n")] * 150 + [CLIENT_ENDS], segment=60100),
    Row(9100020, mc.GREETING + [mc.C("flush_all"), mc.S("OK"), CLIENT_ENDS], outside=20),
]

# ---- SQL


def my_query(text, sid):
    return Row(sid, my.MARIADB + [my.C(0, b"\x03" + text.encode()), my.S(1, my.SYNTAX), CLIENT_ENDS])


def pg_query(text, sid):
    text = text if isinstance(text, bytes) else text.encode()
    return Row(sid, pg.LOGIN + [pg.C("Q", text + b"\0"), pg.S("E", "'SERROR' 00 'VERROR' 00 'C42601' 00 'Mno' 00 00"), pg.READY, CLIENT_ENDS])


def rd_request(sid, *words):
    return Row(sid, [rd.C(rd.request(*words)), rd.S("-ERR no\r\n"), CLIENT_ENDS])


SQL_MYSQL = [
    my_query("select '<?php' into outfile '/var/www/x.php'", 9200001),
    my_query("select load_file('/etc/passwd')", 9200002),
    my_query("create function sys_exec returns int soname 'udf.so'", 9200003),
    my_query("set global general_log_file = '/etc/my.cnf'", 9200004),
    my_query("grant all on %s.* to a@b" % ("d" * 193), 9200005),
    my_query("use " + "d" * 200, 9200006),
    Row(9200007, my.MARIADB + [my.C(0, "04 '../mysql/user' 00"), my.S(1, my.UNKNOWN_COMMAND), CLIENT_ENDS]),
    my_query("create function %s returns int soname 'a.so'" % ("f" * 50), (9200003, 9200008)),
    my_query("select date_format('%d%s', 1)", 9200009),
    my_query("select 1 union select table_name from information_schema.tables", 9200010),
    my_query("select * from t where id = 1 and sleep(5)", 9200011),
]
SQL_PGSQL = [
    pg_query("copy t from program 'id'", 9200051),
    pg_query("select pg_read_file('/etc/passwd')", 9200052),
    pg_query("select lo_export(1, '/tmp/x')", 9200053),
    pg_query("create function system(cstring) returns int as '/lib/x86_64-linux-gnu/libc.so.6', 'system' language c", 9200054),
    pg_query("select passwd from pg_shadow", 9200055),
    pg_query(b"select '\xc0'; select 1 --'", 9200056),
    pg_query("select 1 where 1 = 1 or pg_sleep(5) is null", 9200057),
]
SQL_REDIS = [
    rd_request(9200101, "CONFIG", "SET", "proto-max-bulk-len", "99999999999"),
    rd_request(9200102, "SCRIPT", "DEBUG", "YES"),
    rd_request(9200103, "STRALGO", "LCS", "KEYS", "a", "b"),
    rd_request(9200104, "EVAL", "return package.loadlib('/lib/x.so', 'luaopen_io')()", "0"),
    rd_request(9200105, "SRANDMEMBER", "s", "-9223372036854775808"),
    rd_request(9200106, "SETRANGE", "k", "9223372036854775800", "x"),
    rd_request(9200107, "XAUTOCLAIM", "s", "g", "c", "0", "0", "COUNT", "1152921504606846976"),
    rd_request(9200108, "XACKDEL", "s", "g", "IDS", "9", *["%d-0" % i for i in range(9)]),
    rd_request(9200109, "RESTORE", "k", "0", b"\x00\x01a\x0b\x00"),
]

FILES = [
    ("attack rules", "attacks.rules", [("mysql", my.PORT, ATTACKS_MYSQL), ("pgsql", pg.PORT, ATTACKS_PGSQL), ("redis", rd.PORT, ATTACKS_REDIS),
                                       ("memcached", mc.PORT, ATTACKS_MEMCACHED), ("browser", 1434, ATTACKS_BROWSER), ("others", 3050, ATTACKS_OTHERS)]),
    ("behaviour rules", "behaviour.rules", [("mysql", my.PORT, BEHAVIOUR_MYSQL), ("pgsql", pg.PORT, BEHAVIOUR_PGSQL), ("pgsql-copy", pg.PORT, BEHAVIOUR_COPY),
                                            ("redis", rd.PORT, BEHAVIOUR_REDIS), ("memcached", mc.PORT, BEHAVIOUR_MEMCACHED)]),
    ("SQL rules", "sql.rules", [("mysql", my.PORT, SQL_MYSQL), ("pgsql", pg.PORT, SQL_PGSQL), ("redis", rd.PORT, SQL_REDIS)]),
]

# Captures of pcaps/ in which attacks are, and how often a rule speaks there.
RECORDED = {"attacks.rules": {
    "mysql/attack-malformed-login.pcap": {9000101: 1},
    "mysql/damage-login.pcap": {9000101: 5, 9000102: 1, 9000107: 1, 9000111: 3, 9000112: 5, 9000113: 3},
    "mysql/damage-command.pcap": {9000103: 1},
    "mysql/damage-answer.pcap": {9000106: 2, 9000108: 2, 9000110: 3},
    "mysql/damage-frame.pcap": {9000114: 4},
    "pgsql/damage-startup.pcap": {9000201: 1, 9000202: 1, 9000204: 1, 9000205: 1, 9000207: 1, 9000208: 2, 9000209: 4, 9000210: 3, 9000212: 3, 9000213: 2,
                                  9000214: 3, 9000215: 1, 9000217: 1},
    "pgsql/damage-session.pcap": {9000206: 1, 9000215: 1},
    "pgsql/damage-extended.pcap": {9000206: 2},
    "pgsql/damage-answer.pcap": {9000213: 1},
    "redis/damage-state.pcap": {9000301: 2, 9000302: 1, 9000307: 1, 9000309: 1, 9000310: 5, 9000312: 2, 9000313: 1, 9000314: 1},
    "redis/damage-bus.pcap": {9000304: 3, 9000305: 3},
    "redis/damage-reply.pcap": {9000306: 3, 9000308: 3, 9000311: 1},
    "memcached/damage-binary.pcap": {9000401: 3, 9000402: 1, 9000405: 1, 9000408: 1},
    "memcached/damage-text.pcap": {9000403: 1, 9000404: 1, 9000406: 1, 9000407: 1, 9000409: 1, 9000414: 1},
    "memcached/damage-answer.pcap": {9000413: 1},
    "memcached/attack-malformed.pcap.zst": {9000401: 4, 9000402: 1, 9000403: 1, 9000406: 1, 9000407: 2, 9000408: 1, 9000409: 2, 9000411: 2},
    "memcached/attack-auth-login.pcap": {9000411: 1},
    "memcached/attack-line-feed.pcap": {9000404: 1},
    "memcached/attack-sasl-retry.pcap": {9000405: 1},
    "mongodb/attack-compressed-lies.pcap": {9000601: 3, 9000602: 2, 9000603: 5},
    "mongodb/attack-malformed.pcap": {9000605: 3, 9000606: 6, 9000607: 1, 9000608: 2, 9000611: 1},
    "mongodb/damage-bson.pcap": {9000607: 13, 9000608: 8, 9000609: 1, 9000610: 2, 9000611: 2},
    "mongodb/damage-framing.pcap": {9000605: 4, 9000606: 15, 9000612: 4, 9000613: 1},
    "mongodb/damage-legacy.pcap": {9000607: 1},
    "mongodb/damage-state.pcap": {9000601: 5, 9000602: 2, 9000603: 7, 9000604: 1, 9000607: 1, 9000612: 1, 9000614: 4},
    "tds/damage-prelogin.pcap": {9000701: 1, 9000704: 8},
    "tds/damage-login.pcap": {9000702: 1, 9000703: 2, 9000704: 2, 9000705: 12, 9000707: 2},
    "tds/damage-packet.pcap": {9000703: 6},
    "tds/damage-session.pcap": {9000706: 9},
    "cql/attack-statements.pcap": {9000807: 1, 9000808: 1},
    "cql/damage-header.pcap": {9000802: 2, 9000803: 7},
    "cql/damage-request.pcap": {9000806: 14},
    "cql/damage-state.pcap": {9000801: 2, 9000804: 4, 9000806: 1},
    "cql/damage-wrapped.pcap": {9000802: 3, 9000803: 3, 9000805: 18, 9000806: 1},
    "drda/damage-state.pcap": {9000901: 1, 9000902: 3, 9000903: 1, 9000904: 1},
    "tns/damage-header.pcap": {9000510: 1, 9000511: 1},
    "tns/damage-connect.pcap": {9000503: 3, 9000504: 1, 9000505: 2, 9000506: 2},
    "tns/damage-state.pcap": {9000502: 2, 9000512: 1},
    "tns/attack-listener.pcap": {9000501: 1, 9000503: 1, 9000504: 1, 9000505: 1, 9000507: 1, 9000508: 1, 9000509: 1, 9000510: 1, 9000513: 2},
}}
