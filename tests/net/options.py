#!/usr/bin/python3
"""options.py BUILD SOCKET: IPv4 options one by one: as they leave, or the error with its pointer."""
import struct
import sys
import time

from frames import PASS, SILENT, Frames, raw4
from scapy.all import ICMP, UDP, Ether, IP, IPOption, Raw

r = Frames(sys.argv[1], sys.argv[2])
A, B, R0, R1 = (bytes(map(int, a.split("."))) for a in ("10.0.0.1", "10.0.1.1", "10.0.0.2", "10.0.1.2"))
UDPX = UDP(sport=1, dport=9) / Raw(b"x" * 40)
BAD, COUNT = "IP_BADOPTION", ("ip", "IP_BADOPTIONS")


def packet(opt, dst="10.0.1.1", body=UDPX, src="10.0.0.1", **k):
    opt += b"\0" * (-len(opt) % 4)
    p = IP(src=src, dst=dst, ttl=9, options=[IPOption(b"\x01")] * len(opt), **k) / body
    return r.eth(type=0x800) / raw4(p, 20, opt)


def passes(name, opt, want, dst="10.0.1.1", to=None, left_to=None):
    """The option as it leaves; None in want is any octet"""
    f = r.go(name, packet(opt, dst), PASS)
    if f:
        got = f[34:34 + len(want)]
        if any(w is not None and w != g for w, g in zip(want, got)):
            r.fail(f"{name}: leaves as {got.hex()}, not {want}")
        if left_to and f[30:34] != left_to:
            r.fail(f"{name}: leaves to {f[30:34].hex()}")
        if f[22] != 8 or Ether(f)[IP].chksum != Ether(bytes(Ether(f).__class__(f)))[IP].chksum:
            r.fail(f"{name}: ttl {f[22]}")
        n = (f[14] & 15) * 4
        s = sum(struct.unpack(f"!{n // 2}H", f[14:14 + n]))
        if (s & 0xffff) + (s >> 16) != 0xffff:
            r.fail(f"{name}: header checksum")
    return f


def bad(name, opt, pointer, dst="10.0.1.1"):
    r.go(name, packet(opt, dst), (12, 0, pointer << 24), BAD, COUNT, source="10.0.0.2")


def day():
    return time.time() * 1000 % 86400000


# record route
passes("record route", bytes((7, 11, 4)) + bytes(8), [7, 11, 8, *R1, 0, 0, 0, 0])
passes("record route, second", bytes((7, 11, 8)) + A + bytes(4), [7, 11, 12, *A, *R1])
passes("record route, full", bytes((7, 11, 12)) + A + A, [7, 11, 12, *A, *A])
passes("record route behind no-operations", b"\1\1\1" + bytes((7, 7, 4)) + bytes(4), [1, 1, 1, 7, 7, 8, *R1])
bad("record route, pointer 3", bytes((7, 11, 3)) + bytes(8), 22)
bad("record route, no room for one", bytes((7, 7, 6)) + bytes(4), 22)
bad("record route of 2", bytes((7, 2)), 21)
bad("record route beyond the header", bytes((7, 40, 4, 0)), 21)
bad("length 0", bytes((7, 0)), 21)
bad("length 1", bytes((0x99, 1)), 21)
bad("an option of one octet at the end", b"\1\1\1\x99", 23)
# timestamp
for i in range(3):
    f = passes("timestamps only", bytes((68, 12, 5, 0)) + bytes(8), [68, 12, 9, 0, *[None] * 4, 0, 0, 0, 0])
    if f and abs(struct.unpack("!I", f[38:42])[0] - day()) % 86400000 > 60000:
        r.fail(f"not the time of day: {struct.unpack('!I', f[38:42])[0]} {day()}")
passes("timestamp and address", bytes((68, 12, 5, 1)) + bytes(8), [68, 12, 13, 1, *R1])
passes("timestamp, ours asked for", bytes((68, 12, 5, 3)) + R0 + bytes(4), [68, 12, 13, 3, *R0])
passes("timestamp, another's asked for", bytes((68, 12, 5, 3)) + A + bytes(4), [68, 12, 5, 3, *A, 0, 0, 0, 0])
passes("timestamp, full", bytes((68, 8, 9, 0)) + bytes(4), [68, 8, 9, 0x10])
passes("timestamp, 14 overflows", bytes((68, 8, 9, 0xe0)) + bytes(4), [68, 8, 9, 0xf0])
bad("timestamp, 15 overflows", bytes((68, 8, 9, 0xf0)) + bytes(4), 23)
bad("timestamp, pointer 4", bytes((68, 12, 4, 0)) + bytes(8), 22)
bad("timestamp, flag 2", bytes((68, 12, 5, 2)) + bytes(8), 23)
bad("timestamp and address, half the room", bytes((68, 8, 5, 1)) + bytes(4), 22)
bad("timestamp of 3", bytes((68, 3, 5)), 21)
# others
passes("router alert", bytes((148, 4, 0, 0)), [148, 4, 0, 0])
passes("unknown, copied", bytes((0xde, 4, 1, 2)), [0xde, 4, 1, 2])
passes("unknown, not copied", bytes((0x5e, 4, 1, 2)), [0x5e, 4, 1, 2])
passes("end of list", bytes((0, 7, 0, 0)), [0, 7, 0, 0])
# to us
f = r.go("record route to us", packet(bytes((7, 11, 4)) + bytes(8), "10.0.0.2", ICMP() / Raw(b"x" * 8)), lambda f: f[46] == 0)
if f and f[34:45] != bytes((7, 11, 8)) + R0 + bytes(4):
    r.fail(f"record route to us: {f[34:45].hex()}")
# source routes
for code, name in ((131, "loose"), (137, "strict")):
    r.go(f"{name}, off", packet(bytes((code, 7, 4)) + B, "10.0.0.2"), (3, 9), "IP_SRCROUTE", source="10.0.0.2")
    r.go(f"{name}, off, passing", packet(bytes((code, 7, 4)) + B), (3, 9), "IP_SRCROUTE")
r.set("net.inet.ip.allowsrcrt", 1)
for code, name in ((131, "loose"), (137, "strict")):
    r.go(f"{name}, a host", packet(bytes((code, 7, 4)) + B, "10.0.0.2"), (3, 5), "IP_SRCROUTE", source="10.0.0.2")
    r.go(f"{name}, a host, at its end", packet(bytes((code, 7, 8)) + B, "10.0.0.2"), (3, 3), "IP_NOPORT")
    bad(f"{name}, pointer 3", bytes((code, 7, 3)) + B, 22)
r.set("net.inet.ip.forwsrcrt", 1)
r.call("route.add", family="inet", dst="198.18.0.0/16", gateway=[{"gateway": "10.0.1.1"}])
FAR = bytes((198, 18, 0, 1))
for code, name in ((131, "loose"), (137, "strict")):
    passes(f"{name}, to a neighbour", bytes((code, 7, 4)) + B, [code, 7, 8, *R1], "10.0.0.2", left_to=B)
    passes(f"{name}, second of two", bytes((code, 11, 8)) + A + B, [code, 11, 12, *A, *R1], "10.0.0.2", left_to=B)
    passes(f"{name}, two of ours, then a neighbour", bytes((code, 15, 4)) + R1 + R0 + B, [code, 15, 16, None, None, None, None],
           "10.0.0.2", left_to=B)
    r.go(f"{name}, at its end", packet(bytes((code, 7, 8)) + B, "10.0.0.2"), (3, 3), "IP_NOPORT")
    r.go(f"{name}, to a loopback address", packet(bytes((code, 7, 4, 127, 0, 0, 1)), "10.0.0.2"),
         SILENT, "IP_MARTIAN_DST")
    r.go(f"{name}, to 0.0.0.0", packet(bytes((code, 7, 4, 0, 0, 0, 0)), "10.0.0.2"), lambda f: Ether(f)[ICMP].code == 5, "IP_SRCROUTE")
passes("loose, beyond a router", bytes((131, 7, 4)) + FAR, [131, 7, 8, *R1], "10.0.0.2", left_to=FAR)
r.go("strict, beyond a router", packet(bytes((137, 7, 4)) + FAR, "10.0.0.2"), (3, 5), "IP_SRCROUTE")
passes("loose, between its hops", bytes((131, 7, 4)) + FAR, [131, 7, 4, *FAR])
r.go("strict, of which we are no hop", packet(bytes((137, 7, 4)) + FAR), (3, 5), "IP_SRCROUTE")
r.go("two source routes", packet(bytes((131, 7, 4)) + B + bytes((1, 131, 7, 4)) + FAR, "10.0.0.2"), lambda f: Ether(f)[ICMP].code == 5)
r.go("by a broadcast", r.eth(dst="ff:ff:ff:ff:ff:ff", type=0x800) / packet(bytes((131, 7, 4)) + B, "255.255.255.255").payload,
     SILENT, "IP_MARTIAN_DST")
# an echo that came by a source route goes back by it: the routers' addresses and the sender's, last first
came = bytes((131, 15, 16)) + bytes((10, 0, 1, 1)) + bytes((198, 18, 0, 7)) + bytes((10, 0, 0, 1))
f = r.go("echo by a source route", packet(came, "10.0.0.2", ICMP() / Raw(b"x" * 8), src="198.18.9.9"), lambda f: f[50] == 0)
if f and (f[30:34] != A or f[34:49] != bytes((131, 15, 4, 198, 18, 0, 7, 10, 0, 1, 1, 198, 18, 9, 9))):
    r.fail(f"echo by a source route: back to {f[30:34].hex()} by {f[34:49].hex()}")
# fragments: the first carries all, the others what is to be copied; fragments of fragments
r.call("if.set", name="shmif1", mtu=576)
at = len(r.bus[1].frames)
opts = bytes((148, 4, 0, 0, 7, 7, 4)) + bytes(5)
r.bus[0].send(packet(opts, body=UDP(sport=1, dport=9) / Raw(bytes(range(256)) * 4), id=77))
parts = r.until("fragments", lambda: (o := r.out(1, at)) and len(o) >= 2 and o)
if parts:
    whole = b""
    for n, f in enumerate(parts):
        h = (f[14] & 15) * 4
        want = bytes((148, 4, 0, 0, 7, 7, 8)) + R1 + b"\0" if n == 0 else bytes((148, 4, 0, 0))
        if f[34:14 + h] != want or (struct.unpack("!H", f[20:22])[0] & 0x1fff) * 8 != len(whole):
            r.fail(f"fragment {n}: options {f[34:14 + h].hex()} at {len(whole)}")
        whole += f[14 + h:14 + struct.unpack("!H", f[16:18])[0]]
    if whole[8:] != bytes(range(256)) * 4:
        r.fail("fragments: other data")
frag = IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, id=78, flags=1, frag=100) / Raw(bytes(range(200)) * 4)
at = len(r.bus[1].frames)
r.bus[0].send(r.eth() / frag)
parts = r.until("a fragment's fragments", lambda: (o := r.out(1, at)) and len(o) >= 2 and o)
if parts and [struct.unpack("!H", f[20:22])[0] for f in parts] != [0x2000 | 100, 0x2000 | 100 + 69]:
    r.fail(f"a fragment's fragments: {[f[20:22].hex() for f in parts]}")
f = r.go("a fragment that fits", r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, id=79, flags=1, frag=100) / Raw(b"y" * 80), PASS)
if f and (f[18:22] != bytes((0, 79, 0x20, 100)) or f[34:114] != b"y" * 80):
    r.fail("a fragment that fits is changed")
# timestamp requests
f = r.go("timestamp request", r.eth() / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=13, id=5, seq=6, ts_ori=7, ts_rx=0, ts_tx=0),
         lambda f: f[34] == 14)
if f:
    p = Ether(f)[ICMP]
    if (p.id, p.seq, p.ts_ori) != (5, 6, 7) or abs(p.ts_rx - day()) % 86400000 > 60000 or p.ts_tx != p.ts_rx:
        r.fail(f"timestamp reply: {p.show(dump=True)}")
    if Ether(f)[ICMP].chksum != Ether(bytes(Ether(f)))[ICMP].chksum:
        r.fail("timestamp reply: checksum")
r.end()
