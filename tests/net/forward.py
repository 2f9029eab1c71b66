#!/usr/bin/python3
"""forward.py BUILD SOCKET: what is too big for a link or for a route, fragments on the way, hop limits, forwarding off."""
import struct
import sys

from frames import PASS, SILENT, Frames
from scapy.all import UDP, Ether, IP, IPv6, IPv6ExtHdrFragment, Raw

r = Frames(sys.argv[1], sys.argv[2])
DATA = bytes(i % 251 for i in range(2000))
NET4, NET6 = "198.18.0.0/16", "2001:db8:50::/48"
F4, F6 = "198.18.0.1", "2001:db8:50::1"


def ip4(size, dst="10.0.1.1", **k):
    return r.eth() / IP(**{"src": "10.0.0.1", "dst": dst, "ttl": 9, **k}) / UDP(sport=1, dport=9) / Raw(DATA[:size - 28])


def ip6(size, dst="2001:db8:1::1", **k):
    return r.eth() / IPv6(**{"src": "2001:db8::1", "dst": dst, "hlim": 9, **k}) / UDP(sport=1, dport=9) / Raw(DATA[:size - 48])


def cut(name, frame, mtu, size):
    """Forwarded in fragments none of which is larger than mtu, and whose data is the packet's"""
    at = len(r.bus[1].frames)
    r.bus[0].send(frame)

    def parts():
        o = r.out(1, at)
        return o if o and not struct.unpack("!H", o[-1][20:22])[0] & 0x2000 else None
    o = r.until(f"{name}: no last fragment", parts)
    if not o:
        return
    data, ids = b"", set()
    for f in o:
        length, ident, off = struct.unpack("!HHH", f[16:22])
        if length > mtu or (off & 0x1fff) * 8 != len(data) or off & 0x4000:
            r.fail(f"{name}: fragment of {length} at {off & 0x1fff}")
        data += f[34:14 + length]
        ids.add(ident)
    if len(o) < 2 or len(ids) != 1 or data[8:] != DATA[:size - 28]:
        r.fail(f"{name}: {len(o)} fragments, {ids}")


def mtus(what, dst4, dst6, mtu4, mtu6):
    """The largest that fits, one more, with and without DF; IPv6 always with an error"""
    r.go(f"{what}, {mtu4} fits", ip4(mtu4, dst4, flags="DF"), PASS)
    r.go(f"{what}, {mtu4} fits", ip4(mtu4, dst4), PASS)
    r.go(f"{what}, {mtu4 + 1}, DF", ip4(mtu4 + 1, dst4, flags="DF"), (3, 4, mtu4), "IP_CANTFRAG", ("ip", "IP_CANTFRAG"), source="10.0.0.2")
    cut(f"{what}, {mtu4 + 1}", ip4(mtu4 + 1, dst4, id=5), mtu4, mtu4 + 1)
    cut(f"{what}, 1500", ip4(1500, dst4, id=6), mtu4, 1500)
    r.go(f"{what}, {mtu6} fits, v6", ip6(mtu6, dst6), PASS)
    r.go(f"{what}, {mtu6 + 1}, v6", ip6(mtu6 + 1, dst6), (2, 0, mtu6), "IP6_TOOBIG", ("icmp6", "ICMP6_E_TOOBIG"), source="2001:db8::2")
    later = (r.eth() / IPv6(src="2001:db8::1", dst=dst6, hlim=9) / IPv6ExtHdrFragment(offset=160, m=1, nh=17) / Raw(DATA[:1400]))
    r.go(f"{what}, a later fragment, v6", later, (2, 0, mtu6), "IP6_TOOBIG")


def size(dev, mtu):
    r.call("if.set", name=dev, mtu=mtu)


size("shmif1", 1300)
mtus("link of 1300", "10.0.1.1", "2001:db8:1::1", 1300, 1300)
size("shmif1", 1500)
# a route with an MTU of its own
for fam, net, gw in (("inet", NET4, "10.0.1.1"), ("inet6", NET6, "2001:db8:1::1")):
    t = r.tool("route", "-n", "add", "-" + fam, "-net", net, gw, "-mtu", "1400")
    if t.returncode:
        r.fail(f"route add -mtu: {t.stderr}")
mtus("route of 1400", F4, F6, 1400, 1400)
r.go("beside it, 1500, DF", ip4(1500, flags="DF"), PASS)
r.go("beside it, 1500, v6", ip6(1500), PASS)
for fam, net, gw in (("inet", NET4, "10.0.1.1"), ("inet6", NET6, "2001:db8:1::1")):
    t = r.tool("route", "-n", "change", "-" + fam, "-net", net, gw, "-mtu", "1350")
    if t.returncode:
        r.fail(f"route change -mtu: {t.stderr}")
mtus("route changed to 1350", F4, F6, 1350, 1350)
size("shmif1", 1290)
mtus("route of 1350 by a link of 1290", F4, F6, 1290, 1290)
size("shmif1", 1500)
mtus("route of 1350 again", F4, F6, 1350, 1350)
for fam, net in (("inet", NET4), ("inet6", NET6)):
    r.tool("route", "delete", "-" + fam, "-net", net)
# fragments on the way: as they are where they fit, cut where they do not; never of what must not be
size("shmif1", 1280)
for off, more in ((0, 1), (100, 1), (200, 0)):
    f = r.go(f"fragment at {off}", r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, id=8, flags=more, frag=off, proto=17) / Raw(DATA[:160]), PASS)
    if f and (struct.unpack("!HH", f[18:22]) != (8, more << 13 | off) or f[34:194] != DATA[:160]):
        r.fail(f"fragment at {off} is changed")
r.go("fragment with DF", r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, flags="DF+MF", proto=17) / Raw(DATA[:1400]), (3, 4, 1280), "IP_CANTFRAG")
r.go("later fragment with DF", r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, flags="DF", frag=9, proto=17) / Raw(DATA[:1400]), SILENT, "IP_CANTFRAG")
at = len(r.bus[1].frames)
r.bus[0].send(r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, id=9, frag=8000, proto=17) / Raw(DATA[:1400]))
new = r.until("a last fragment's fragments", lambda: (o := r.out(1, at)) and len(o) == 2 and o)
if new and [struct.unpack("!H", f[20:22])[0] for f in new] != [0x2000 | 8000, 8000 + 157]:
    r.fail(f"a last fragment's fragments: {[f[20:22].hex() for f in new]}")
r.go("a fragment beyond 65535, too big", r.eth() / IP(src="10.0.0.1", dst="10.0.1.1", ttl=9, frag=8100, proto=17) / Raw(DATA[:1400]),
     SILENT, "IP_FRAG_BAD", ("ip", "IP_TOOLONG"))
size("shmif1", 1500)
# hop limits and forwarding
for v6, make, us in ((False, ip4, "10.0.0.2"), (True, ip6, "2001:db8::2")):
    hops, far, drop = ("hlim", "2001:db8:1::1", "IP6_HLIM") if v6 else ("ttl", "10.0.1.1", "IP_TTL")
    exceeded = (3, 0) if v6 else (11, 0)
    for n in (0, 1):
        r.go(f"{hops} {n}", make(100, **{hops: n}), exceeded, drop, source=us)
    f = r.go(f"{hops} 2", make(100, **{hops: 2}), PASS)
    if f and f[21 if v6 else 22] != 1:
        r.fail(f"{hops} 2 leaves as {f[21 if v6 else 22]}")
    name = f"net.inet{'6' if v6 else ''}.ip{'6' if v6 else ''}.forwarding"
    for _ in range(3):
        r.set(name, 0)
        r.go(f"{name} 0", make(100), SILENT, "IP6_NOTROUTER" if v6 else "IP_NOTROUTER")
        r.go(f"{name} 0, {hops} 1", make(100, **{hops: 1}), SILENT, "IP6_NOTROUTER" if v6 else "IP_NOTROUTER")
        r.set(name, 1)
        r.go(f"{name} 1", make(100), PASS)
# a directed broadcast that is let out: whole, cut, and not when it must not be; with its TTL
r.set("net.inet.ip.directed-broadcast", 1)
f = r.go("directed broadcast", ip4(100, "10.0.1.255"), PASS)
if f and (f[0:6] != b"\xff" * 6 or f[22] != 8):
    r.fail(f"directed broadcast leaves to {f[0:6].hex()}, ttl {f[22]}")
r.go("directed broadcast, ttl 1", ip4(100, "10.0.1.255", ttl=1), SILENT, "IP_TTL")
r.go("directed broadcast in a broadcast frame", r.eth(dst="ff:ff:ff:ff:ff:ff") / ip4(100, "10.0.1.255").payload, SILENT, "IP_LLBCAST")
r.end()
