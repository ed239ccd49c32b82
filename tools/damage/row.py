"""One row of a table of damage, and the ways to damage a message."""
import wire


class Row:
    """`before` is said as it is; then `valid` is due, a (side, bytes) of the same session, and `edit` makes it wrong.

    expect: "anomaly field offset", more of them separated by ";". The direction is the damaged message's, unless
    "C:" or "S:" stands in front. `then` is what follows: more messages, ("C.", None) and the like.
    `valid` may be None when nothing is due: then `edit` is the list of events itself.
    """

    def __init__(self, name, before, valid, edit, expect, then=(), port=None, twin=None):
        self.name, self.port = name, port
        if valid is None:
            damaged = list(edit)
        else:
            made = edit(valid[1])
            damaged = made if isinstance(made, list) else [(valid[0], made)]
        self.events = list(before) + damaged + list(then)
        self.twin = list(before) + ([valid] if valid else []) if twin is None else list(twin)
        self.expect = [self.wanted(one.strip(), valid or damaged[0]) for one in expect.split(";")]

    @staticmethod
    def wanted(text, message):
        side = message[0][0]
        if text[:2] in ("C:", "S:"):
            side, text = text[0], text[2:].strip()
        anomaly, field, offset = text.split()
        return anomaly, "to_server" if side == "C" else "to_client", "" if field == "-" else field, int(offset)


def put(at, written):
    """Other bytes at this place, the length as it was."""
    new = wire.octets(written)
    return lambda b: b[:at] + new + b[at + len(new):]


def chop(at):
    """The message stops here, whatever its header says: the rest never comes."""
    return lambda b: b[:at]


def both(*edits):
    def edit(b):
        for one in edits:
            b = one(b)
        return b
    return edit
