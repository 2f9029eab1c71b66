#!/usr/bin/python3
"""urpf.py BUILD SOCKET: sources whose way back is the interface, another, several, none, refused; to us and through us."""
import sys

from frames import PASS, SILENT, Frames
from scapy.all import ICMP, UDP, ICMPv6EchoRequest, ICMPv6ND_NS, IP, IPv6, IPOption, IPv6ExtHdrHopByHop, PadN, Raw

r = Frames(sys.argv[1], sys.argv[2])
UDPX = UDP(sport=1, dport=9) / Raw(b"x" * 40)


def mode(word):
    r.call("if.set", name="shmif0", urpf=word)


def route(v6, dst, *gws, **flags):
    family = "inet6" if v6 else "inet"
    if flags:
        r.tool("route", "add", "-" + family, "-net", dst, *gws, *(f"-{k}" for k in flags))
    else:
        r.call("route.add", family=family, dst=dst, gateway=[{"gateway": g} for g in gws])


def both(what, s4, s6, verdict, drop=None, **k):
    """The same source of either family, plain and by the slow way, through the router"""
    for v6, src in ((False, s4), (True, s6)):
        if src is None:
            continue
        ip = IPv6(src=src, dst="2001:db8:1::1", hlim=9) if v6 else IP(src=src, dst="10.0.1.1", ttl=9)
        slow = IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) if v6 else None
        name = drop and drop.replace("IP_", "IP6_" if v6 else "IP_")
        count = drop and (("ip6", "IP6_URPF") if v6 else ("ip", "IP_URPF"))
        r.go(f"{what}, {src}", r.eth() / ip / UDPX, verdict, name, count, **k)
        if v6:
            r.go(f"{what}, {src}, hop-by-hop", r.eth() / ip / slow / UDPX, verdict, name, count, **k)
        else:
            ip = IP(src=src, dst="10.0.1.1", ttl=9, options=[IPOption(b"\x01")] * 4)
            r.go(f"{what}, {src}, options", r.eth() / ip / UDPX, verdict, name, count, **k)


NEARBY, BEYOND = ("198.18.1.1", "2001:db8:50::1"), ("198.18.2.1", "2001:db8:60::1")
BOTH, HOLE, REFUSED, NOWHERE = (("198.18.3.1", "2001:db8:70::1"), ("198.18.4.1", "2001:db8:80::1"), ("198.18.5.1", "2001:db8:90::1"),
                                ("198.18.9.1", "2001:db8:a0::1"))
route(False, "198.18.1.0/24", "10.0.0.1")
route(True, "2001:db8:50::/48", "2001:db8::1")
route(False, "198.18.2.0/24", "10.0.1.1")
route(True, "2001:db8:60::/48", "2001:db8:1::1")
route(False, "198.18.3.0/24", "10.0.0.1", "10.0.1.1")
route(True, "2001:db8:70::/48", "2001:db8::1", "2001:db8:1::1")
route(False, "198.18.4.0/24", "127.0.0.1", blackhole=True)
route(True, "2001:db8:80::/48", "::1", blackhole=True)
route(False, "198.18.5.0/24", "127.0.0.1", reject=True)
route(True, "2001:db8:90::/48", "::1", reject=True)

both("off, from beyond", *BEYOND, PASS)
both("off, from nowhere", *NOWHERE, PASS)
mode("strict")
both("strict, connected", "10.0.0.77", "2001:db8::77", PASS)
both("strict, by a route", *NEARBY, PASS)
both("strict, from beyond", *BEYOND, SILENT, "IP_URPF_STRICT")
both("strict, connected elsewhere", "10.0.1.77", "2001:db8:1::77", SILENT, "IP_URPF_STRICT")
both("strict, one of two paths", *BOTH, PASS)
both("strict, blackhole", *HOLE, SILENT, "IP_URPF_STRICT")
both("strict, reject", *REFUSED, SILENT, "IP_URPF_STRICT")
both("strict, no route", *NOWHERE, SILENT, "IP_URPF_STRICT")
# a vector of both kinds: the refused ones go, the others stay in order
at = len(r.bus[1].frames)
was = r.counts()
mixed = [r.eth() / (IP(src=BEYOND[0] if i % 3 == 1 else NEARBY[0], dst="10.0.1.1", ttl=9, id=i) / UDPX) for i in range(64)]
mixed += [r.eth() / (IPv6(src=BEYOND[1] if i % 3 == 1 else NEARBY[1], dst="2001:db8:1::1", hlim=9, fl=i) / UDPX) for i in range(64)]
r.bus[0].send(*mixed)
left = r.until("mixed vector: not all pass", lambda: (o := r.out(1, at)) and len(o) >= 86 and o)
if left:
    ids = [int.from_bytes(f[18:20], "big") for f in left if f[12] == 8]
    labels = [int.from_bytes(f[14:18], "big") & 0xfffff for f in left if f[12] == 0x86]
    want = [i for i in range(64) if i % 3 != 1]
    if ids != want or labels != want:
        r.fail(f"mixed vector: {ids} {labels}")
r.until("mixed vector: drops", lambda: all(r.counts()[("drop", d)] == was[("drop", d)] + 21 for d in ("IP_URPF_STRICT", "IP6_URPF_STRICT")))
# to us: spoofed ones are not answered; a host without an address yet, the link's own and neighbour discovery are heard
r.go("strict, spoofed to us", r.eth() / IP(src=BEYOND[0], dst="10.0.0.2") / ICMP(), SILENT, "IP_URPF_STRICT")
r.go("strict, spoofed to us", r.eth() / IPv6(src=BEYOND[1], dst="2001:db8::2") / ICMPv6EchoRequest(), SILENT, "IP6_URPF_STRICT")
r.go("strict, to us", r.eth() / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(), lambda f: f[34] == 0)
r.go("strict, to us", r.eth() / IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(), lambda f: f[54] == 129)
r.go("strict, DHCP", r.eth(dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67), SILENT, "IP_NOPORT")
r.go("strict, IPv4 link-local", r.eth() / IP(src="169.254.1.1", dst="10.0.0.2", proto=253), SILENT, "IP_NOPROTO")
r.go("strict, IPv6 link-local", r.eth() / IPv6(src="fe80::1", dst="2001:db8::2") / ICMPv6EchoRequest(), lambda f: f[54] == 129)
was = r.counts()
at = len(r.bus[0].frames)
r.bus[0].send(r.eth(dst="33:33:ff:00:00:02") / IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::2"))
r.until("strict, another's DAD is answered", lambda: [f for f in r.bus[0].frames[at:] if f[6:12] == r.me[0] and f[12] == 0x86 and f[54] == 136])
mode("loose")
both("loose, from beyond", *BEYOND, PASS)
both("loose, one of two paths", *BOTH, PASS)
both("loose, blackhole", *HOLE, SILENT, "IP_URPF_LOOSE")
both("loose, reject", *REFUSED, SILENT, "IP_URPF_LOOSE")
both("loose, no route", *NOWHERE, SILENT, "IP_URPF_LOOSE")
r.tool("route", "add", "default", "10.0.1.1")
r.tool("route", "add", "-inet6", "default", "2001:db8:1::1")
both("loose, default route", *NOWHERE, PASS)
mode("strict")
both("strict, default route by another interface", *NOWHERE, SILENT, "IP_URPF_STRICT")
r.tool("route", "change", "default", "10.0.0.1")
r.tool("route", "change", "-inet6", "default", "2001:db8::1")
both("strict, default route by this interface", *NOWHERE, PASS)
# the other segment is not looked at
r.go("other interface", r.eth(1) / IP(src="198.18.1.1", dst="10.0.0.1", ttl=9) / UDPX, PASS, bus=1)
mode("off")
both("off again", *BEYOND, PASS)
r.end()
