#!/usr/bin/python3
"""martian.py BUILD SOCKET: every block of addresses, first, last and inside, with default routes to the far side."""
import sys

from frames import PASS, SILENT, Frames
from scapy.all import ICMP, UDP, ICMPv6EchoRequest, IP, IPOption, IPv6, IPv6ExtHdrHopByHop, PadN, Raw

r = Frames(sys.argv[1], sys.argv[2])
UDPX = UDP(sport=1, dport=9) / Raw(b"x" * 40)
OUR4, OUR6 = ("198.18.0.1", "198.18.7.7"), ("2400::1", "2400:7::7")


def both(name, addr, src, dst, counter=None):
    """addr as source, then as destination; the drop for each, or PASS"""
    v6 = ":" in addr
    for what, drop in (("source", src), ("destination", dst)):
        if drop is None:
            continue
        p = IPv6(hlim=9) if v6 else IP(ttl=9)
        ours = OUR6 if v6 else OUR4
        p.src, p.dst = (addr, ours[1]) if what == "source" else (ours[0], addr)
        more = IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / UDPX if v6 else UDPX
        for slow in (False, True):
            q = p.copy()
            if slow and not v6:
                q.options = [IPOption(b"\x01")] * 4
            verdict = PASS if drop == PASS else SILENT
            r.go(f"{name} {what} {addr}{' by the slow way' if slow else ''}", r.eth() / q / (more if slow else UDPX), verdict,
                 None if drop == PASS else drop, counter)


for a in ("0.0.0.1", "0.255.255.255"):
    both("this network", a, "IP_MARTIAN_SRC", "IP_MARTIAN_DST")
both("unspecified", "0.0.0.0", "IP_MARTIAN_SRC", "IP_MARTIAN_DST")
for a in ("127.0.0.1", "127.255.255.255"):
    both("loopback", a, "IP_MARTIAN_SRC", "IP_MARTIAN_DST")
for a in ("169.254.0.0", "169.254.255.255"):
    both("link-local", a, "IP_LINKLOCAL", "IP_LINKLOCAL", ("ip", "IP_CANTFORWARD"))
for a in ("169.253.255.255", "169.255.0.0", "1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.99.0.1"):
    both("ordinary", a, PASS, PASS)
for a in ("240.0.0.0", "255.255.255.254"):
    both("class E", a, "IP_MARTIAN_SRC", "IP_MARTIAN_DST")
both("group", "224.0.0.5", "IP_MARTIAN_SRC", None)
both("limited broadcast", "255.255.255.255", "IP_MARTIAN_SRC", None)
both("ours", "10.0.1.2", "IP_MARTIAN_SRC", None)
# the broadcasts of our networks are nobody's source, whichever interface they came by
both("directed broadcast, this segment's", "10.0.0.255", "IP_MARTIAN_SRC", None, ("ip", "IP_BADADDR"))
both("directed broadcast, the other's", "10.0.1.255", "IP_MARTIAN_SRC", "IP_DIRBCAST")
both("directed broadcast, another's", "10.0.2.255", PASS, PASS)
r.call("if.addr.add", name="shmif1", family="inet", address="10.0.2.1", plen=24)
both("directed broadcast, of a new address", "10.0.2.255", "IP_MARTIAN_SRC", "IP_DIRBCAST")
r.call("if.addr.delete", name="shmif1", family="inet", address="10.0.2.1")
r.until("an address that went is no martian", lambda: not any(a["address"] == "10.0.2.1" for i in r.call("if.list") for a in i["addresses"]))
both("directed broadcast, gone", "10.0.2.255", PASS, None)

both("unspecified", "::", "IP6_MARTIAN_SRC", "IP6_MARTIAN_DST")
both("loopback", "::1", "IP6_MARTIAN_SRC", "IP6_MARTIAN_DST")
for a in ("::ffff:0.0.0.0", "::ffff:10.0.0.1", "::ffff:255.255.255.255"):
    both("mapped", a, "IP6_MARTIAN_SRC", "IP6_MARTIAN_DST")
both("group", "ff0e::1", "IP6_MARTIAN_SRC", None)
both("ours", "2001:db8:1::2", "IP6_MARTIAN_SRC", None)
for a in ("fe80::9", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"):
    both("link-local", a, None, "IP6_SCOPE")
r.go("link-local source", r.eth() / IPv6(src="fe80::1", dst=OUR6[1], hlim=9) / UDPX, (1, 2), "IP6_SCOPE")
for a in ("fec0::1", "fd00::1", "::2:0:0", "0:0:0:0:1:ffff:a00:1", "fe7f::1"):
    both("ordinary", a, PASS, PASS)
# link-level broadcast and multicast of unicast packets
for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"):
    r.go(f"unicast to {mac}", r.eth(dst=mac) / IP(src="10.0.0.1", dst=OUR4[1], ttl=9) / UDPX, SILENT, "IP_LLBCAST")
    r.go(f"unicast of ours to {mac}", r.eth(dst=mac) / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(), SILENT, "IP_LLBCAST")
    r.go(f"unicast to {mac}, v6", r.eth(dst=mac) / IPv6(src="2001:db8::1", dst=OUR6[1], hlim=9) / UDPX, SILENT, "IP6_LLMCAST")
    r.go(f"unicast of ours to {mac}, v6", r.eth(dst=mac) / IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(), SILENT, "IP6_LLMCAST")

DOC4 = ("192.0.2.0", "192.0.2.255", "198.51.100.1", "203.0.113.255")
DOC6 = ("2001:db8:7::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::1", "3fff:fff:ffff::1")
for a in (*DOC4, *DOC6):
    both("documentation, off", a, PASS, PASS)
for f in ("ip", "ip6"):
    r.set(f"net.{'inet' if f == 'ip' else 'inet6'}.{f}.dropdocaddrs", 1)
for a in DOC4:
    both("documentation, on", a, "IP_DOCADDR", "IP_DOCADDR", ("ip", "IP_BADADDR"))
for a in DOC6:
    both("documentation, on", a, "IP6_DOCADDR", "IP6_DOCADDR", ("ip6", "IP6_BADSCOPE"))
for a in ("192.0.1.255", "192.0.3.0", "198.51.99.1", "198.51.101.1", "203.0.112.1", "203.0.114.1", "2001:db7:ffff::1", "2001:db9::1",
          "3ffe::1", "3fff:1000::1", "2600::1"):
    both("documentation, on, beside", a, PASS, PASS)
r.go("documentation, on, to us", r.eth() / IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(), lambda f: f[54] == 129)
r.set("net.inet.ip.dropdocaddrs", 0)
r.set("net.inet6.ip6.dropdocaddrs", 0)
both("documentation, off again", DOC4[0], PASS, PASS)
both("documentation, off again", DOC6[0], PASS, PASS)
r.end()
