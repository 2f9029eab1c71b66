#!/usr/bin/python3
"""tous.py BUILD SOCKET: datagrams and segments to the router's own addresses, of both families."""
import sys

from frames import SILENT, Frames
from scapy.all import (ICMP, TCP, UDP, Ether, ICMPv6EchoRequest, ICMPv6PacketTooBig, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN, Raw,
                       fragment, fragment6)

r = Frames(sys.argv[1], sys.argv[2])
BODY = Raw(bytes(range(100)))
N = 100


class Family:
    def __init__(self, v6):
        self.v6 = v6
        self.ip6 = "6" if v6 else ""
        self.us, self.other = ("2001:db8::2", "2001:db8:1::2") if v6 else ("10.0.0.2", "10.0.1.2")
        self.port = (1, 4) if v6 else (3, 3)
        self.noproto = (4, 1, 6) if v6 else (3, 2)
        self.udp, self.noport = ("udp6", "UDP6_NOPORT") if v6 else ("udp", "UDP_NOPORT"), "IP6_NOPORT" if v6 else "IP_NOPORT"

    def ip(self, dst=None, **k):
        dst = dst or self.us
        return IPv6(src="2001:db8::1", dst=dst, **k) if self.v6 else IP(src="10.0.0.1", dst=dst, **k)

    def go(self, name, packet, *args, **k):
        return r.go(f"{'v6' if self.v6 else 'v4'} {name}", r.eth(**k.pop("eth", {})) / packet, *args, **k)

    def reset(self, name, packet, seq, ack, flags):
        """The reset for the packet, whole"""
        def ok(f):
            p = Ether(f)
            t = p.getlayer(TCP)
            again = p.copy()
            if t is None:
                return False
            del again[TCP].chksum
            again = Ether(bytes(again))
            return ((t.seq, t.ack, str(t.flags), t.sport, t.dport, t.dataofs, t.window) == (seq, ack, flags, 80, 999, 5, 0) and
                    again[TCP].chksum == t.chksum and p[1].src == packet.dst and p[1].dst == packet.src)
        return self.go(name, packet, ok, "TCP_NOPORT", ("tcp", "TCP_NOPORT"))


def tcp(flags, **k):
    return TCP(**{"sport": 999, "dport": 80, "seq": 1000, "ack": 5000, "flags": flags, **k})


for v6 in (False, True):
    f = Family(v6)
    # UDP
    for dst in (f.us, f.other):
        f.go("port", f.ip(dst) / UDP(sport=1, dport=9) / BODY, f.port, f.noport, f.udp, source=dst)
    f.go("port, empty", f.ip() / UDP(sport=1, dport=9), f.port, f.noport, f.udp)
    f.go("port 0", f.ip() / UDP(sport=1, dport=0), f.port, f.noport, f.udp)
    f.go("padding behind the datagram", f.ip() / UDP(sport=1, dport=9, len=20, chksum=None) / Raw(bytes(100)), SILENT, "UDP_BAD")
    f.go("bad checksum", f.ip() / UDP(sport=1, dport=9, chksum=0x1234) / BODY, SILENT, "UDP_BAD", (f.udp[0], f"UDP{f.ip6}_BADSUM"))
    if v6:
        f.go("no checksum", f.ip() / UDP(sport=1, dport=9, chksum=0) / BODY, SILENT, "UDP_BAD", ("udp6", "UDP6_NOSUM"))
        f.go("behind options", f.ip() / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / UDP(sport=1, dport=9) / BODY, f.port, f.noport)
    else:
        f.go("no checksum", f.ip() / UDP(sport=1, dport=9, chksum=0) / BODY, f.port, f.noport)
    f.go("cut header", f.ip(**{"nh" if v6 else "proto": 17}) / Raw(bytes(7)), SILENT, "UDP_BAD", (f.udp[0], f"UDP{f.ip6}_HDROPS"))
    f.go("length 7", f.ip() / UDP(sport=1, dport=9, len=7) / BODY, SILENT, "UDP_BAD", (f.udp[0], f"UDP{f.ip6}_BADLEN"))
    # TCP: RFC 9293 section 3.10.7.1
    for dst in (f.us, f.other):
        f.reset("SYN", f.ip(dst) / tcp("S", ack=0), 0, 1001, "RA")
    f.reset("SYN with data", f.ip() / tcp("S") / BODY, 0, 1101, "RA")
    f.reset("SYN with options", f.ip() / tcp("S", options=[("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]) / BODY, 0, 1101, "RA")
    f.reset("FIN", f.ip() / tcp("F"), 0, 1001, "RA")
    f.reset("SYN and FIN", f.ip() / tcp("SF"), 0, 1002, "RA")
    f.reset("nothing", f.ip() / tcp("") / BODY, 0, 1100, "RA")
    f.reset("sequence numbers wrap", f.ip() / tcp("S", seq=0xffffffff), 0, 0, "RA")
    for flags in ("A", "SA", "FA", "PA"):
        f.reset(flags, f.ip() / tcp(flags) / BODY, 5000, 0, "R")
    for flags in ("R", "RA", "SR"):
        f.go(flags, f.ip() / tcp(flags), SILENT, "TCP_NOPORT", ("tcp", "TCP_NOPORT"))
    f.go("TCP checksum", f.ip() / tcp("S", chksum=0x1234), SILENT, "TCP_BAD", ("tcp", "TCP_BADSUM"))
    f.go("TCP cut", f.ip(**{"nh" if v6 else "proto": 6}) / Raw(bytes(19)), SILENT, "TCP_BAD", ("tcp", "TCP_SHORT"))
    for off in (4, 15):
        f.go(f"TCP offset {off}", f.ip() / tcp("S", dataofs=off), SILENT, "TCP_BAD", ("tcp", "TCP_BADOFF"))
    # others
    for proto in (132, 47, 50, 253):
        f.go(f"protocol {proto}", f.ip(**{"nh" if v6 else "proto": proto}) / BODY, f.noproto, f"IP{f.ip6}_NOPROTO")
    # nobody's and everybody's
    if v6:
        to = [("ff02::1", "33:33:00:00:00:01")]
    else:
        to = [("224.0.0.1", "01:00:5e:00:00:01"), ("255.255.255.255", "ff:ff:ff:ff:ff:ff"), ("10.0.0.255", "ff:ff:ff:ff:ff:ff"), ("10.0.0.255", None)]
    for dst, at in to:
        eth = {"dst": at} if at else {}
        f.go(f"UDP to {dst}", f.ip(dst) / UDP(sport=1, dport=9) / BODY, SILENT, f.noport, eth=eth)
        f.go(f"TCP to {dst}", f.ip(dst) / tcp("S"), SILENT, "TCP_NOPORT", eth=eth)
        f.go(f"protocol 253 to {dst}", f.ip(dst, **{"nh" if v6 else "proto": 253}) / BODY, SILENT, f"IP{f.ip6}_NOPROTO", eth=eth)
    # in fragments: one answer, to the whole
    big = Raw(bytes(range(256)) * 10)
    for name, body in (("UDP", UDP(sport=1, dport=9) / big), ("TCP", tcp("S", ack=0) / big)):
        whole = f.ip() / (IPv6ExtHdrFragment(id=7) if v6 else Raw(b"")) / body if v6 else f.ip() / body
        parts = fragment6(whole, 1280) if v6 else fragment(whole, 1000)
        at = len(r.bus[0].frames)
        r.bus[0].send(*(r.eth() / p for p in parts))
        new = r.until(f"{name} in {len(parts)} fragments: no answer", lambda: r.out(0, at))
        r.drained(0)
        new = [x for x in r.out(0, at) if b"drained" not in x]
        if len(new) != 1:
            r.fail(f"{name} in fragments: {[Ether(x).summary() for x in new]}")
        elif name == "UDP" and r.error(new[0])[:2] != f.port:
            r.fail(f"UDP in fragments: {Ether(new[0]).summary()}")
        elif name == "TCP" and (Ether(new[0])[TCP].ack, str(Ether(new[0])[TCP].flags)) != (1001 + 2560, "RA"):
            r.fail(f"TCP in fragments: {Ether(new[0]).summary()}")


def many(f, packet):
    """How many of N are answered"""
    at = len(r.bus[0].frames)
    r.bus[0].send(*[r.eth() / packet] * N)
    r.drained(0)
    return len([x for x in r.out(0, at) if b"drained" not in x])


# a rate for each kind and family, and none for the others
KINDS = {(v6, kind): (f"net.inet{'6' if v6 else ''}." + (f"icmp{'6' if v6 else ''}.err" if kind == "udp" else f"tcp{'6' if v6 else ''}.rst") +
                      "ppslimit", Family(v6).ip() / (UDP(sport=1, dport=9) / BODY if kind == "udp" else tcp("S")))
         for v6 in (False, True) for kind in ("udp", "tcp")}
for k, (name, packet) in KINDS.items():
    r.set(name, 0)
    for other, (_, p) in KINDS.items():
        got = many(None, p)
        if got != (0 if other == k else N):
            r.fail(f"{name}=0: {got} of {N} {'v6' if other[0] else 'v4'} {other[1]} answered")
    r.set(name, 10)
    got = many(None, packet)
    if not 1 <= got < N:
        r.fail(f"{name}=10: {got} of {N} answered")
    r.set(name, -1)
# hop limits of what we send
for v6, name in ((False, "net.inet.ip.ttl"), (True, "net.inet6.ip6.hlim")):
    for n in (7, 64):
        r.set(name, n)
        at = len(r.bus[0].frames)
        r.bus[0].send(r.eth() / Family(v6).ip() / tcp("S"))
        new = r.until("a reset", lambda: r.out(0, at))
        if new and new[0][21 if v6 else 22] != n:
            r.fail(f"{name}={n}: leaves with {new[0][21 if v6 else 22]}")
# what an error quotes
for n, quoted in ((8, 28), (200, 220), (528, 548)):
    r.set("net.inet.icmp.returndatabytes", n)
    at = len(r.bus[0].frames)
    r.bus[0].send(r.eth() / Family(False).ip() / UDP(sport=1, dport=9) / Raw(bytes(1000)))
    new = r.until("an error", lambda: r.out(0, at))
    if new and len(new[0]) != 14 + 28 + quoted:
        r.fail(f"returndatabytes {n}: {len(new[0])} octets")
# reports that a packet was too big which nobody here knows of: a host believes a few, a router none
for v6, key, setting in ((False, ("icmp", "ICMP_PMTUCHG"), "net.inet.ip.forwarding"), (True, ("icmp6", "ICMP6_PMTUCHG"), "net.inet6.ip6.forwarding")):
    f = Family(v6)
    was = r.counts()[key]
    for forwarding, far in ((1, "2001:db8:1::77" if v6 else "10.0.1.77"), (0, "2001:db8:1::78" if v6 else "10.0.1.78")):
        quote = IPv6(src=f.us, dst=far, plen=1400) / ICMPv6EchoRequest(id=9) if v6 else IP(src=f.us, dst=far, flags="DF", len=1400) / ICMP(id=9)
        toobig = ICMPv6PacketTooBig(mtu=1290) if v6 else ICMP(type=3, code=4, nexthopmtu=1290)
        r.set(setting, forwarding)
        r.bus[0].send(r.eth() / f.ip() / toobig / quote / Raw(bytes(100)))
        heard = ("icmp6", "ICMP6_IN_TOOBIG") if v6 else ("icmp", "ICMP_IN_UNREACH")
        r.until("a report is counted", lambda: r.counts()[heard] > (not forwarding))
        r.call("daemon.info")
    # control looks at them in their order
    r.until(f"the host believes none for {far}", lambda: " 1290 " in r.tool("route", "-n", "get", *(["-inet6"] if v6 else []), far).stdout)
    if r.counts()[key] != was + 1:
        r.fail(f"{key[1]}: the router believes a report about a packet that nobody sent")
    r.set(setting, 1)
r.end()
