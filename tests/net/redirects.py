#!/usr/bin/python3
"""redirects.py BUILD SOCKET: what a router says to a host that sends through it what another router on the host's link should get, and
to whom it says nothing.  The other router is 10.0.0.9, fe80::9, 02:..:09."""
import sys
import time

from wire import NEAR, Router
from scapy.all import (
    ICMP, UDP, Ether, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, ICMPv6NDOptRedirectedHdr, IP, IPOption, IPv6, IPv6ExtHdrHopByHop, PadN, Raw)

r = Router(sys.argv[1], sys.argv[2])
R0 = r.mac["shmif0"]
OTHER = "02:00:00:00:00:09"
LL = next(a["address"].split("%")[0] for i in r.call("if.list") if i["name"] == "shmif0" for a in i["addresses"]
          if a["address"].startswith("fe80"))
eth = Ether(src=NEAR, dst=R0)


def body():
    body.n += 1
    return UDP(sport=1, dport=9) / Raw(b"redirects%06d" % body.n + bytes(1100))


body.n = 0


def send(what, p, redirected, passed=True, copies=1):
    """The packet goes on to the other router, or not; a redirect comes back, or not: the frame as it was seen."""
    at, was = len(r.bus[0].frames), r.counts()
    tag = b"redirects%06d" % body.n
    r.bus[0].send(*[eth / p] * copies)
    r.drained(0)
    new = list(r.bus[0].frames[at:])
    on = [f for f in new if f[:6] == bytes.fromhex(OTHER.replace(":", "")) and tag in f]
    told = [f for f in new if f[:6] == bytes.fromhex(NEAR.replace(":", "")) and tag in f and
            (f[12:14] == b"\x08\x00" and f[34] == 5 or f[12:14] == b"\x86\xdd" and f[54] == 137)]
    if passed is not None and bool(on) != passed:
        r.fail(f"{what}: {'not ' if passed else ''}forwarded")
    if len(told) != redirected:
        r.fail(f"{what}: {len(told)} redirects")
    now = r.counts()
    n = sum(now[k] - was[k] for k in (("ip", "IP_REDIRECTSENT"), ("ip6", "IP6_REDIRECTSENT")))
    if n != redirected:
        r.fail(f"{what}: {n} redirects counted")
    return told[0] if told else None


def check(what, ok):
    if not ok:
        r.fail(what)


r.call("route.add", family="inet", dst="203.0.113.0/24", gateway=[{"gateway": "10.0.0.9"}, {"gateway": "10.0.1.1"}])
# IPv4: code 1 (host), from the address of the sender's network, quoting the packet as it came
p = IP(src="10.0.0.1", dst="198.51.100.5", ttl=9) / body()
f = send("v4, not twice in a second", p, 1, copies=3)
if f:
    e = Ether(f)
    check("v4: header", (e[IP].src, e[IP].dst, e[ICMP].type, e[ICMP].code, e[ICMP].gw) == ("10.0.0.2", "10.0.0.1", 5, 1, "10.0.0.9"))
    check("v4: quote", bytes(e[ICMP])[8:] == bytes(p)[:len(bytes(e[ICMP])) - 8] and len(f) == 14 + 20 + 8 + 548)
    q = bytearray(bytes(e[ICMP]))
    want = bytes(q[2:4])
    q[2:4] = b"\0\0"
    check("v4: checksum", bytes(ICMP(bytes(ICMP(type=5, code=1, gw="10.0.0.9") / Raw(bytes(q[8:])))))[2:4] == want)
# IPv6: from our link-local address, hop limit 255, the target's link address, the packet in 8-octet units
p = IPv6(src="2001:db8::1", dst="2001:db8:5::5", hlim=9) / body()
f = send("v6", p, 1)
if f:
    e = Ether(f)
    check("v6: header", (e[IPv6].src, e[IPv6].dst, e[IPv6].hlim) == (LL, "2001:db8::1", 255))
    check("v6: redirect", (e[ICMPv6ND_Redirect].tgt, e[ICMPv6ND_Redirect].dst, e[ICMPv6ND_Redirect].code) == ("fe80::9", "2001:db8:5::5", 0))
    check("v6: target's link address", e[ICMPv6NDOptDstLLAddr].lladdr == OTHER)
    o = f[14 + 40 + 40 + 8:]
    check("v6: redirected header", o[0] == 4 and o[1] * 8 == len(o) and len(f) <= 14 + 1280 and bytes(p) == o[8:8 + len(bytes(p))])
    fresh = e[IPv6].copy()
    del fresh[ICMPv6ND_Redirect].cksum
    check("v6: checksum", IPv6(bytes(fresh))[ICMPv6ND_Redirect].cksum == e[ICMPv6ND_Redirect].cksum)
p = IPv6(src="2001:db8::1", dst="2001:db8:5::6", hlim=9) / body() / Raw(bytes(97))
f = send("v6, long", p, 1)
check("v6, long: no more than 1280 octets, of whole units", f and 14 + 1272 < len(f) <= 14 + 1280 and
      f[14 + 40 + 40 + 8 + 1] * 8 == len(f) - (14 + 40 + 40 + 8))
# the slow way: options, a hop-by-hop header, a fragment
send("v4 with options", IP(src="10.0.0.1", dst="198.51.100.7", options=[IPOption(b"\x01")] * 4) / body(), 1)
send("v6 with options", IPv6(src="2001:db8::1", dst="2001:db8:5::7") / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / body(), 1)
send("first fragment", IP(src="10.0.0.1", dst="198.51.100.8", flags=1) / body(), 1)
# a destination that is on the link itself, by a longer route
send("on-link", IPv6(src="2001:db8::1", dst="2001:db8:6::9") / body(), 1)
# nothing
send("later fragment", IP(src="10.0.0.1", dst="198.51.100.9", frag=10) / body(), 0)
send("ICMP error", IP(src="10.0.0.1", dst="198.51.100.10") / ICMP(type=3, code=1) / IP() / body(), 0)
send("sender not of the network", IP(src="192.0.2.7", dst="198.51.100.11") / body(), 0)
send("v6 sender not of the link", IPv6(src="2001:db8:77::1", dst="2001:db8:5::8") / body(), 0)
send("the sender is the gateway", IP(src="10.0.0.9", dst="198.51.100.12") / body(), 0)
send("several paths", IP(src="10.0.0.1", dst="203.0.113.9") / body(), 0, None)
send("v6, the gateway's address is not link-local", IPv6(src="2001:db8::1", dst="2001:db8:7::8") / body(), 0)
send("ttl 1", IP(src="10.0.0.1", dst="198.51.100.13", ttl=1) / body(), 0, False)
r.call("sysctl.set", name="net.inet.ip.allowsrcrt", value=1)
r.call("sysctl.set", name="net.inet.ip.forwsrcrt", value=1)
send("source route", IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption(b"\x83\x07\x04\xc6\x33\x64\x0e\x00")]) / body(), 0)
r.call("sysctl.set", name="net.inet.ip.redirect", value=0)
r.call("sysctl.set", name="net.inet6.ip6.redirect", value=0)
send("off", IP(src="10.0.0.1", dst="198.51.100.14") / body(), 0)
send("v6 off", IPv6(src="2001:db8::1", dst="2001:db8:5::9") / body(), 0)
r.call("sysctl.set", name="net.inet.ip.redirect", value=1)
r.call("sysctl.set", name="net.inet6.ip6.redirect", value=1)
# a flood of many destinations: all forwarded, few redirects, and the same sender hears again after a second
at, was = len(r.bus[0].frames), r.counts()
start = time.monotonic()
r.bus[0].send(*(eth / IP(src="10.0.0.1", dst=f"198.51.100.{i % 250}") / UDP(dport=i) for i in range(3000)))
r.drained(0)
sent = r.counts()[("ip", "IP_REDIRECTSENT")] - was[("ip", "IP_REDIRECTSENT")]
if not 1 <= sent <= 64 * (2 + time.monotonic() - start):
    r.fail(f"flood: {sent} redirects")
time.sleep(1.1)
send("again", IP(src="10.0.0.1", dst="198.51.100.5", ttl=9) / body(), 1)
r.end()
