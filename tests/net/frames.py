"""Single frames to a router and what becomes of each: what leaves, the ICMP answer with its quote, the drop's name, the counter."""
import struct

from wire import FAR, NEAR, Router
from scapy.all import ICMP, IP, Ether, IPv6, Raw

PASS, SILENT = "pass", None


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def raw4(p, at, value):
    """The IPv4 packet with octets of its header overwritten and its checksum right."""
    b = bytearray(bytes(p))
    b[at:at + len(value)] = value
    n = (b[0] & 15) * 4
    b[10:12] = b"\0\0"
    s = sum(struct.unpack(f"!{n // 2}H", b[:n]))
    s = (s & 0xffff) + (s >> 16)
    b[10:12] = struct.pack("!H", ~(s + (s >> 16)) & 0xffff)
    return Raw(bytes(b))


class Frames(Router):
    """go() sends a frame on a segment and looks at what the router does with it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.me = [mac(self.mac[f"shmif{i}"]) for i in range(len(self.bus))]
        self.hosts = [mac(NEAR), mac(FAR)] + [mac("02:00:00:00:00:21")]
        self.cases = 0
        for b in range(min(len(self.bus), 2)):
            self.drained(b)

    def eth(self, bus=0, dst=None, **k):
        return Ether(src=":".join(f"{x:02x}" for x in self.hosts[bus]), dst=dst or self.mac[f"shmif{bus}"], **k)

    def set(self, name, value):
        self.call("sysctl.set", name=name, value=value)

    def out(self, bus, at):
        """IP frames of the router on a segment, neighbour discovery left out"""
        return [f for f in self.bus[bus].frames[at:] if f[6:12] == self.me[bus] and f[12:14] in (b"\x08\0", b"\x86\xdd") and
                not (f[12:13] == b"\x86" and (f[20] == 58 and f[54] in range(130, 138) or f[20] == 0 and f[54] == 58)) and
                not (f[12:13] == b"\x08" and f[23] == 2)]

    @staticmethod
    def error(f):
        """(type, code, word) of an ICMP error, or None"""
        if f[12:13] == b"\x86":
            return (f[54], f[55], struct.unpack("!I", f[58:62])[0]) if f[20] == 58 and f[54] < 128 else None
        return (f[34], f[35], struct.unpack("!I", f[38:42])[0]) if f[23] == 1 and f[34] in (3, 5, 11, 12) else None

    def go(self, name, frame, verdict, drop=None, counter=None, bus=0, to=None, source=None):
        """verdict: PASS (leaves on segment to), SILENT, (type, code[, word]) of an ICMP error, or a function of the answering frame.
        source: the answer's source address.  Returns the frame that left."""
        self.cases += 1
        to = (1 - bus if to is None else to) if verdict == PASS else bus
        was, at = self.counts(), [len(b.frames) for b in self.bus]
        self.bus[bus].send(frame)
        got = None
        if verdict is not SILENT:
            new = self.until(f"{name}: nothing leaves on segment {to}", lambda: self.out(to, at[to]), 15)
            if not new:
                now = self.counts()
                print("\tinstead:", {k: v - was[k] for k, v in now.items() if v != was[k]})
                return None
            got = new[0]
            if isinstance(verdict, tuple):
                e = self.error(got)
                if not e or e[:2] != verdict[:2] or e[2] != (verdict[2] if len(verdict) > 2 else 0):
                    self.fail(f"{name}: answered by {e or Ether(got).summary()}, not {verdict}")
                self.check_answer(name, bytes(frame), got, source)
            elif callable(verdict) and not verdict(got):
                self.fail(f"{name}: {Ether(got).show(dump=True)}")
        if drop:
            key = ("drop", drop)
            if not self.until(f"{name}: no drop {drop}", lambda: self.counts()[key] == was[key] + 1, 10):
                now = self.counts()
                print("\tinstead:", {k: v - was[k] for k, v in now.items() if v != was[k]})
        if counter and self.counts()[counter] <= was[counter]:
            self.fail(f"{name}: counter {counter} did not move")
        for b in range(len(self.bus)):
            new = self.out(b, at[b])
            if len(new) > (1 if b == to and verdict is not SILENT else 0):
                self.fail(f"{name}: too much on segment {b}: {[Ether(f).summary() for f in new]}")
        return got

    def check_answer(self, name, sent, got, source):
        v6 = got[12:13] == b"\x86"
        quote, at = (got[62:], sent[14:]) if v6 else (got[42:], sent[14:])
        want = min(len(at), 1280 - 48 if v6 else 576 - 28)
        if quote != at[:want]:
            self.fail(f"{name}: quotes {len(quote)} octets, not {want}, or others:\n\t{quote[:60].hex()}\n\t{at[:60].hex()}")
        p = Ether(got)
        if source and p[IPv6 if v6 else IP].src != source:
            self.fail(f"{name}: answered from {p[IPv6 if v6 else IP].src}, not {source}")
        layer, field = (p[IPv6].payload, "cksum") if v6 else (p[ICMP], "chksum")
        sum = getattr(layer, field)
        again = Ether(got)
        delattr(again[IPv6].payload if v6 else again[ICMP], field)
        again = Ether(bytes(again))
        if getattr(again[IPv6].payload if v6 else again[ICMP], field) != sum:
            self.fail(f"{name}: wrong checksum")

    def end(self):
        print(self.cases, "cases")
        super().end()
