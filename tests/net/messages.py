#!/usr/bin/python3
"""messages.py BUILD SOCKET: ARP and neighbour discovery messages, good ones and hostile ones: who is answered, what is learned, what is
counted."""
import sys

from wire import NEAR, Router
from scapy.all import (
    ARP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, Raw)

r = Router(sys.argv[1], sys.argv[2])
R0 = r.mac["shmif0"]
ME, BC = "02:00:00:00:00:50", "ff:ff:ff:ff:ff:ff"
eth = Ether(src=ME, dst=R0)


def known(addr):
    for n in r.call("neigh.list"):
        if n["address"].split("%")[0] == addr and not n["ours"]:
            return n["lladdr"] or "incomplete"
    return None


def arp(op=1, sha=ME, spa="10.0.0.50", tpa="10.0.0.2", dst=BC, **k):
    return Ether(src=ME, dst=dst) / ARP(op=op, hwsrc=sha, psrc=spa, pdst=tpa, **k)


def ns(tgt="2001:db8::2", src="2001:db8::50", hlim=255, opt=ICMPv6NDOptSrcLLAddr(lladdr=ME), dst=None):
    return eth / IPv6(src=src, dst=dst or tgt, hlim=hlim) / ICMPv6ND_NS(tgt=tgt) / opt


def na(tgt, src=None, **k):
    return eth / IPv6(src=src or tgt, dst="2001:db8::2", hlim=255) / ICMPv6ND_NA(tgt=tgt, S=1, O=1, **k) / ICMPv6NDOptDstLLAddr(lladdr=ME)


def test(what, frame, answered, learned=None, counter=None):
    """learned: (address, link address or None)"""
    at, was = len(r.bus[0].frames), r.counts()
    r.bus[0].send(frame)
    r.drained(0)
    me = bytes.fromhex(ME.replace(":", ""))
    got = lambda: any(f[0:6] == me and (f[12:14] == b"\x08\x06" or f[12:14] == b"\x86\xdd" and f[54] == 136)  # noqa: E731
                      for f in r.bus[0].frames[at:])
    if answered:
        r.until(f"{what}: not answered", got)
    elif counter:
        r.until(f"{what}: {counter} does not move", lambda: r.counts()[counter] > was[counter], 10)
    if not answered and got():
        r.fail(f"{what}: answered")
    if learned and known(learned[0]) != learned[1]:
        r.fail(f"{what}: {learned[0]} at {known(learned[0])}, not {learned[1]}")
    c = r.counts()
    if counter and c[counter] <= was[counter]:
        r.fail(f"{what}: {counter} did not move: { {k: v - was[k] for k, v in c.items() if v != was[k]} }")


BAD = "01:00:5e:00:00:09"
test("request", arp(), True, ("10.0.0.50", ME), ("arp", "ARP_RCVD_REQUEST"))
test("unicast request", arp(dst=R0), True)
test("request for another", arp(tpa="10.0.0.77", spa="10.0.0.51"), False, ("10.0.0.51", None))
test("reply that nobody asked for", arp(op=2, spa="10.0.0.52", dst=R0), False, ("10.0.0.52", None), ("drop", "ARP_UNASKED"))
test("reply to another", arp(op=2, spa="10.0.0.54", tpa="10.0.0.55"), False, ("10.0.0.54", None))
test("probe", arp(spa="0.0.0.0"), True)
test("group address as sender's", arp(sha=BAD, spa="10.0.0.53"), False, ("10.0.0.53", None))
test("broadcast address as sender's", arp(sha=BC, spa="10.0.0.53"), False, ("10.0.0.53", None), ("arp", "ARP_RCVD_BCASTSHA"))
test("from elsewhere", arp(spa="192.0.2.1"), True, ("192.0.2.1", None))
test("our address claimed", arp(spa="10.0.0.2", tpa="10.0.0.2"), False, ("10.0.0.2", None), ("arp", "ARP_RCVD_LOCALSPA"))
test("static entry attacked", arp(spa="10.0.0.1"), True, ("10.0.0.1", NEAR), ("arp", "ARP_RCVD_OVERPERM"))
test("other hardware", arp(hwtype=6), False)
test("other protocol", arp(ptype=0x1234), False, None, ("arp", "ARP_RCVD_BADPROTO"))
test("lengths", arp(hwlen=8), False)
test("solicitation", ns(), True, ("2001:db8::50", ME), ("nd6", "ND_RCVD_NS"))
test("to the group", Ether(src=ME, dst="33:33:ff:00:00:02") / ns(dst="ff02::1:ff00:2")[IPv6], True)
test("for another", Ether(src=ME, dst="33:33:ff:00:00:02") / ns(tgt="2001:db8::77:0:2", src="2001:db8::51", dst="ff02::1:ff00:2")[IPv6], False,
     ("2001:db8::51", None), ("nd6", "ND_RCVD_NS"))
test("hop limit 254", ns(hlim=254, src="2001:db8::52"), False, ("2001:db8::52", None), ("drop", "ICMP6_HLIM"))
test("option of length 0", ns(opt=Raw(b"\1\0\2\0\0\0\0\0"), src="2001:db8::52"), False, ("2001:db8::52", None), ("drop", "ND_BAD"))
test("option cut", ns(opt=Raw(b"\1\3\2\0\0\0\0\0"), src="2001:db8::52"), False, ("2001:db8::52", None), ("drop", "ND_BAD"))
test("group target", ns(tgt="ff02::1", dst="2001:db8::2", src="2001:db8::52"), False, ("2001:db8::52", None), ("drop", "ND_BAD"))
test("group link address", ns(opt=ICMPv6NDOptSrcLLAddr(lladdr=BAD), src="2001:db8::53"), False, ("2001:db8::53", None))
test("advertisement nobody asked for", na("2001:db8::54"), False, ("2001:db8::54", None))
test("our address advertised", na("2001:db8::2"), False, ("2001:db8::2", None), ("nd6", "ND_RCVD_LOCALSPA"))
test("static entry attacked", na("2001:db8::1"), False, ("2001:db8::1", NEAR), ("nd6", "ND_RCVD_OVERPERM"))
test("router advertisement", Ether(src=ME, dst="33:33:00:00:00:01") / IPv6(src="fe80::50", dst="ff02::1", hlim=255) / ICMPv6ND_RA(), False,
     ("fe80::50", None), ("nd6", "ND_RCVD_RA"))
test("redirect", eth / IPv6(src="fe80::50", dst="2001:db8::2", hlim=255) / ICMPv6ND_Redirect(tgt="fe80::50", dst="2001:db8:9::1"), False, None,
     ("nd6", "ND_RCVD_REDIRECT"))
r.end()
