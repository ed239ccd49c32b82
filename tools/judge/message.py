"""A client message and the map of its fields."""
import struct

# What a field is, so that a mutation knows what it may do to it:
#   len     outer length of the message      ilen    inner length, fixed size
#   seq     sequence number                  lenenc  inner length, MySQL length-encoded
#   type    message type or command byte     count   how many of something follow
#   int     any other number                 nul     terminator of a string
#   text    characters                       bin     other bytes


class Field:
    __slots__ = ("name", "off", "size", "kind", "order")

    def __init__(self, name, off, size, kind, order):
        self.name, self.off, self.size, self.kind, self.order = name, off, size, kind, order

    def get(self, data):
        return int.from_bytes(data[self.off:self.off + self.size], self.order)

    def put(self, data, value):
        """data with this field set to value, cut to the size of the field"""
        value &= (1 << 8 * self.size) - 1
        return data[:self.off] + value.to_bytes(self.size, self.order) + data[self.off + self.size:]


class Message:
    """wire bytes, where the fields are, and how to repair the outer length

    frame: 'mysql' (3 bytes length, 1 sequence), 'compressed' (3, 1, 3), 'typed' (1 type, 4 length
    that counts itself), 'startup' (4 length that counts itself), 'raw' (no length), 'resp' (Redis: lengths in digits, none of the whole).
    wrap turns the bytes into what goes on the wire (MySQL compression), or is None.
    """

    def __init__(self, kind, data, fields, frame, wrap=None):
        self.kind, self.data, self.fields, self.frame, self.wrap = kind, bytes(data), fields, frame, wrap

    def wire(self, data=None):
        data = self.data if data is None else data
        return self.wrap(data) if self.wrap else data

    def head(self):
        return {"mysql": 4, "compressed": 7, "typed": 5, "startup": 4, "raw": 0, "resp": 0}[self.frame]

    def repair(self, data):
        """data with its outer length made true"""
        n = len(data)
        if n < self.head():
            return data
        if self.frame == "mysql":
            return min(n - 4, 0xffffff).to_bytes(3, "little") + data[3:]
        if self.frame == "compressed":
            return min(n - 7, 0xffffff).to_bytes(3, "little") + data[3:]
        if self.frame == "typed":
            return data[:1] + struct.pack(">I", n - 1) + data[5:]
        if self.frame == "startup":
            return struct.pack(">I", n) + data[4:]
        return data


class Build:
    """Collects the body of a message together with its field map."""

    def __init__(self, order):
        self.order, self.data, self.fields = order, bytearray(), []

    def put(self, name, data, kind):
        if data or kind == "text":
            self.fields.append(Field(name, len(self.data), len(data), kind, self.order))
        self.data += data
        return self

    def num(self, name, value, size, kind="int"):
        return self.put(name, (value & (1 << 8 * size) - 1).to_bytes(size, self.order), kind)

    def text(self, name, value):
        return self.put(name, value if isinstance(value, bytes) else value.encode(), "text")

    def bin(self, name, value):
        return self.put(name, value, "bin")

    def cstr(self, name, value):
        self.text(name, value)
        return self.put(name + ".end", b"\0", "nul")

    def lenenc(self, name, value, kind="lenenc"):
        return self.put(name, lenenc(value), kind)

    def lstr(self, name, value):
        value = value if isinstance(value, bytes) else value.encode()
        self.lenenc(name + ".len", len(value))
        return self.text(name, value)


def lenenc(n):
    if n < 0xfb:
        return bytes([n])
    if n < 1 << 16:
        return b"\xfc" + n.to_bytes(2, "little")
    if n < 1 << 24:
        return b"\xfd" + n.to_bytes(3, "little")
    return b"\xfe" + n.to_bytes(8, "little")


def shifted(fields, by):
    return [Field(f.name, f.off + by, f.size, f.kind, f.order) for f in fields]


def reaches_out(msg, data, off):
    """whether the length prefix at off, in data made of msg, claims more than the message has"""
    if msg.frame == "resp":
        return False
    for f in msg.fields:
        if f.kind not in ("ilen", "lenenc") or not f.off <= off < f.off + max(1, f.size):
            continue
        if f.kind == "ilen":
            value = int.from_bytes(data[f.off:f.off + f.size], f.order)
            return value + f.off + f.size > len(data) and not (f.size == 4 and value == 0xffffffff)
        first = data[f.off]
        if first in (0xfb, 0xff):
            return True
        size = {0xfc: 2, 0xfd: 3, 0xfe: 8}.get(first, 0)
        value = int.from_bytes(data[f.off + 1:f.off + 1 + size], "little") if size else first
        return f.off + 1 + size + value > len(data)
    return False
