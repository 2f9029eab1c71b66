#!/usr/bin/python3
"""checks.py BUILD SOCKET: frames that a router must refuse, answer, cut or pass, one by one: what leaves on either segment,
the ICMP answer and what it quotes, the drop's name and the protocol's counter."""
import struct
import sys

from wire import FAR, NEAR, Router
from scapy.all import (
    ARP, Dot3, Dot1Q, ICMP, LLC, SNAP, TCP, UDP, Ether, ICMPv6EchoRequest, ICMPv6ParamProblem, ICMPv6TimeExceeded, IP, IPOption, IPv6,
    IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, HBHOptUnknown, Jumbo, PadN, Raw, RouterAlert)

r = Router(sys.argv[1], sys.argv[2])
R0, R1 = r.mac["shmif0"], r.mac["shmif1"]
eth = Ether(src=NEAR, dst=R0)
A4, B4, A6, B6 = "10.0.0.1", "10.0.1.1", "2001:db8::1", "2001:db8:1::1"
UDPX = UDP(sport=1, dport=9)
ip = lambda **k: IP(**{"src": A4, "dst": B4, "ttl": 9, **k})  # noqa: E731
ip6 = lambda **k: IPv6(**{"src": A6, "dst": B6, "hlim": 9, **k})  # noqa: E731
PASS, SILENT = "pass", None
cases = []


def case(name, frame, verdict, drop=None, counter=None):
    """verdict: PASS (seen on the far segment), SILENT, or (type, code[, value of the second word])."""
    cases.append((name, frame, verdict, drop, counter))


def raw(p, at, value, fix_sum=True):
    """The packet with octets of its header overwritten; the IPv4 checksum made right again."""
    b = bytearray(bytes(p))
    b[at:at + len(value)] = value
    if fix_sum and b[0] >> 4 == 4:
        n = max(20, min((b[0] & 15) * 4, len(b)))
        b[10:12] = b"\0\0"
        s = sum(struct.unpack(f"!{n // 2}H", b[:n]))
        s = (s & 0xffff) + (s >> 16)
        b[10:12] = struct.pack("!H", ~(s + (s >> 16)) & 0xffff)
    return Raw(bytes(b))


def e4(p):
    return Ether(src=NEAR, dst=R0, type=0x0800) / p


def e6(p):
    return Ether(src=NEAR, dst=R0, type=0x86dd) / p


body = Raw(bytes(range(200)))
# Ethernet
case("untagged", eth / ip() / UDPX / body, PASS)
case("priority tag", eth / Dot1Q(vlan=0, prio=5) / ip() / UDPX / body, PASS)
case("vlan tag", eth / Dot1Q(vlan=5) / ip() / UDPX / body, SILENT, "ETHER_NOVLAN")
case("QinQ", Ether(src=NEAR, dst=R0, type=0x88a8) / Dot1Q(vlan=5, type=0x800) / ip() / UDPX / body, SILENT, "ETHER_NOVLAN")
case("802.3 LLC", Dot3(src=NEAR, dst=R0) / LLC(dsap=0x42, ssap=0x42) / body, SILENT, "ETHER_LLC")
case("802.3 SNAP with IP", Dot3(src=NEAR, dst=R0) / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(code=0x800) / ip() / UDPX, SILENT, "ETHER_LLC")
case("unknown type", Ether(src=NEAR, dst=R0, type=0x9999) / body, SILENT, "ETHER_NOPROTO")
case("another station", Ether(src=NEAR, dst="02:99:99:99:99:99") / ip() / UDPX / body, SILENT, "ETHER_NOTUS")
case("group source", Ether(src="01:00:5e:00:00:01", dst=R0) / ip() / UDPX / body, SILENT, "ETHER_BADSRC")
case("priority tag cut", Raw(bytes(Ether(src=NEAR, dst=R0, type=0x8100)) + b"\0\0"), SILENT, "ETHER_SHORT")
case("IPv4 runt", e4(Raw(bytes(ip())[:10])), SILENT, "IP_SHORT", ("ip", "IP_TOOSMALL"))
case("IPv6 runt", e6(Raw(bytes(ip6())[:39])), SILENT, "IP6_SHORT", ("ip6", "IP6_TOOSMALL"))
case("ARP runt", Ether(src=NEAR, dst=R0, type=0x806) / Raw(bytes(20)), SILENT, "ARP_SHORT")
case("IPv4 with trailer", eth / ip() / UDPX / Raw(b"abc") / Raw(bytes(20)), PASS)
# IPv4 header
case("version", e4(raw(ip() / UDPX, 0, b"\x55")), SILENT, "IP_BADVERS", ("ip", "IP_BADVERS"))
case("header length 16", e4(raw(ip() / UDPX / body, 0, b"\x44")), SILENT, "IP_BADHLEN", ("ip", "IP_BADHLEN"))
case("header longer than packet", e4(raw(ip() / Raw(b"abcd"), 0, b"\x4f")), SILENT, "IP_BADHLEN", ("ip", "IP_BADHLEN"))
case("total length < header", e4(raw(ip() / UDPX, 2, b"\0\x13")), SILENT, "IP_BADLEN", ("ip", "IP_BADLEN"))
case("total length > frame", e4(raw(ip() / UDPX, 2, b"\x01\0")), SILENT, "IP_SHORT", ("ip", "IP_TOOSHORT"))
case("checksum", e4(raw(ip() / UDPX, 10, b"\x12\x34", False)), SILENT, "IP_BADSUM", ("ip", "IP_BADSUM"))
# IPv4 addresses
for a in ("127.0.0.1", "0.1.2.3", "0.0.0.0", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "10.0.0.2", "10.0.1.2"):
    case(f"source {a}", eth / ip(src=a) / UDPX, SILENT, "IP_MARTIAN_SRC", ("ip", "IP_BADADDR"))
for a in ("127.0.0.1", "0.0.0.0", "0.9.9.9", "240.0.0.1", "255.255.255.254"):
    case(f"destination {a}", eth / ip(dst=a) / UDPX, SILENT, "IP_MARTIAN_DST", ("ip", "IP_BADADDR"))
case("link-local source", eth / ip(src="169.254.1.1") / UDPX, SILENT, "IP_LINKLOCAL", ("ip", "IP_CANTFORWARD"))
case("link-local destination", eth / ip(dst="169.254.1.1") / UDPX, SILENT, "IP_LINKLOCAL", ("ip", "IP_CANTFORWARD"))
case("group not joined", Ether(src=NEAR, dst="01:00:5e:01:02:03") / ip(dst="239.1.2.3") / UDPX, SILENT, "IP_MCAST")
case("unicast in a broadcast frame", Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ip() / UDPX, SILENT, "IP_LLBCAST")
case("unicast in a multicast frame", Ether(src=NEAR, dst="01:00:5e:00:00:01") / ip() / UDPX, SILENT, "IP_LLBCAST")
case("limited broadcast", Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ip(dst="255.255.255.255") / UDPX, SILENT, "IP_NOPORT",
     ("udp", "UDP_NOPORTBCAST"))
case("our broadcast", Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ip(dst="10.0.0.255") / UDPX, SILENT, "IP_NOPORT", ("udp", "UDP_NOPORTBCAST"))
case("directed broadcast", eth / ip(dst="10.0.1.255") / UDPX, SILENT, "IP_DIRBCAST", ("ip", "IP_CANTFORWARD"))
case("echo to broadcast", Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ip(dst="10.0.0.255") / ICMP(), SILENT, "ICMP_BMCAST", ("icmp", "ICMP_BMCASTECHO"))
# IPv4 TTL, routes, MTU
case("ttl 1", eth / ip(ttl=1) / UDPX / body, (11, 0), "IP_TTL", ("icmp", "ICMP_OUT_TIMXCEED"))
case("ttl 0", eth / ip(ttl=0) / UDPX / body, (11, 0), "IP_TTL")
case("ttl 1 for us", eth / ip(ttl=1, dst="10.0.1.2") / UDPX / body, (3, 3), "IP_NOPORT", ("udp", "UDP_NOPORT"))
case("ttl 1, later fragment", eth / ip(ttl=1, frag=10) / body, SILENT, "IP_TTL")
case("ttl 1, first fragment", eth / ip(ttl=1, flags=1) / UDPX / body, (11, 0), "IP_TTL")
case("ttl 1, ICMP error", eth / ip(ttl=1) / ICMP(type=3, code=1) / ip() / UDPX, SILENT, "IP_TTL", ("icmp", "ICMP_OLDICMP"))
case("ttl 1, echo", eth / ip(ttl=1) / ICMP() / body, (11, 0), "IP_TTL")
case("no route", eth / ip(dst="192.0.2.1") / UDPX / body, (3, 0), "IP_NOROUTE", ("ip", "IP_CANTFORWARD"))
case("reject", eth / ip(dst="198.51.100.1") / UDPX / body, (3, 1), "IP_REJECT", ("ip", "IP_CANTFORWARD"))
case("blackhole", eth / ip(dst="203.0.113.1") / UDPX / body, SILENT, "IP_BLACKHOLE", ("ip", "IP_CANTFORWARD"))
case("too big, DF", eth / ip(flags=2) / UDPX / Raw(bytes(1400)), (3, 4, 1280), "IP_CANTFRAG", ("ip", "IP_CANTFRAG"))
case("exactly the MTU, DF", eth / ip(flags=2) / UDPX / Raw(bytes(1280 - 28)), PASS)
case("one more than the MTU, DF", eth / ip(flags=2) / UDPX / Raw(bytes(1280 - 27)), (3, 4, 1280), "IP_CANTFRAG")
case("quotes up to 576", eth / ip(dst="192.0.2.1") / UDPX / Raw(bytes(1400)), (3, 0), "IP_NOROUTE")
case("quotes up to 576 with options", eth / ip(dst="192.0.2.1", options=[IPOption(b"\x01")] * 40) / UDPX / Raw(bytes(1200)), (3, 0), "IP_NOROUTE")
# IPv4 options
case("option length 0", e4(ip(options=[IPOption(b"\x07\x00\x00\x00")]) / UDPX), (12, 0, 21 << 24), "IP_BADOPTION", ("ip", "IP_BADOPTIONS"))
case("option beyond header", e4(ip(options=[IPOption(b"\x01\x01\x07\x09")]) / UDPX), (12, 0, 23 << 24), "IP_BADOPTION", ("ip", "IP_BADOPTIONS"))
case("LSRR", e4(ip(options=[IPOption(b"\x83\x07\x04\x0a\x00\x01\x01\x00")]) / UDPX), (3, 9), "IP_SRCROUTE")
case("SSRR", e4(ip(options=[IPOption(b"\x89\x07\x04\x0a\x00\x01\x01\x00")]) / UDPX), (3, 9), "IP_SRCROUTE")
case("record route", e4(ip(options=[IPOption(b"\x07\x07\x04\0\0\0\0\0")]) / UDPX), PASS)
case("unknown option", e4(ip(options=[IPOption(b"\x5e\x04\0\0")]) / UDPX), PASS)
# For us
case("port", eth / ip(dst="10.0.0.2") / UDPX / body, (3, 3), "IP_NOPORT", ("udp", "UDP_NOPORT"))
case("protocol", eth / ip(dst="10.0.0.2", proto=253) / body, (3, 2), "IP_NOPROTO", ("ip", "IP_NOPROTO"))
case("UDP length", eth / ip(dst="10.0.0.2") / UDP(sport=1, dport=9, len=400) / body, SILENT, "UDP_BAD", ("udp", "UDP_BADLEN"))
case("ICMP checksum", eth / ip(dst="10.0.0.2") / ICMP(chksum=1) / body, SILENT, "ICMP_BADSUM", ("icmp", "ICMP_CHECKSUM"))
case("ICMP short", eth / ip(dst="10.0.0.2", proto=1) / Raw(b"\x08\0"), SILENT, "ICMP_SHORT", ("icmp", "ICMP_TOOSHORT"))
# IPv6 header and addresses
case("v6", eth / ip6() / UDPX / body, PASS)
case("v6 version", e6(raw(ip6() / UDPX, 0, b"\x50")), SILENT, "IP6_BADVERS", ("ip6", "IP6_BADVERS"))
case("v6 length > frame", eth / ip6(plen=900) / UDPX, SILENT, "IP6_SHORT", ("ip6", "IP6_TOOSHORT"))
for a in ("::1", "ff02::1", "ff0e::1", "::ffff:10.0.0.1"):
    case(f"v6 source {a}", eth / ip6(src=a) / UDPX, SILENT, "IP6_MARTIAN_SRC", ("ip6", "IP6_BADSCOPE"))
case("v6 source ::", eth / ip6(src="::") / UDPX, SILENT, "IP6_MARTIAN_SRC", ("ip6", "IP6_CANTFORWARD"))
case("v6 source ours", eth / ip6(src="2001:db8:1::2") / UDPX, SILENT, "IP6_MARTIAN_SRC", ("ip6", "IP6_BADSCOPE"))
for a in ("::", "::1", "::ffff:10.0.0.1", "ff01::1"):
    case(f"v6 destination {a}", eth / ip6(dst=a) / UDPX, SILENT, "IP6_MARTIAN_DST", ("ip6", "IP6_BADSCOPE"))
case("v6 link-local source", eth / ip6(src="fe80::1") / UDPX, (1, 2), "IP6_SCOPE", ("icmp6", "ICMP6_E_SCOPE"))
case("v6 link-local destination", eth / ip6(dst="fe80::9") / UDPX, SILENT, "IP6_SCOPE", ("ip6", "IP6_BADSCOPE"))
case("v6 group not joined", Ether(src=NEAR, dst="33:33:00:00:99:99") / ip6(dst="ff0e::9999") / UDPX, SILENT, "IP6_MCAST", ("ip6", "IP6_NOTMEMBER"))
case("v6 unicast in a group frame", Ether(src=NEAR, dst="33:33:00:00:00:01") / ip6() / UDPX, SILENT, "IP6_LLMCAST")
# IPv6 hop limit, routes, MTU
case("hlim 1", eth / ip6(hlim=1) / UDPX / body, (3, 0), "IP6_HLIM", ("icmp6", "ICMP6_E_TRANSIT"))
case("hlim 0", eth / ip6(hlim=0) / UDPX / body, (3, 0), "IP6_HLIM")
case("hlim 1, ICMPv6 error", eth / ip6(hlim=1) / ICMPv6TimeExceeded() / ip6() / UDPX, SILENT, "IP6_HLIM", ("icmp6", "ICMP6_CANTERROR"))
case("hlim 1, error behind a header", eth / ip6(hlim=1) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / ICMPv6TimeExceeded() / ip6(),
     SILENT, "IP6_HLIM", ("icmp6", "ICMP6_CANTERROR"))
case("hlim 1, later fragment", eth / ip6(hlim=1) / IPv6ExtHdrFragment(offset=10, nh=58) / body, SILENT, "IP6_HLIM", ("icmp6", "ICMP6_CANTERROR"))
case("hlim 1 for us", eth / ip6(hlim=1, dst="2001:db8:1::2") / UDPX, (1, 4), "IP6_NOPORT", ("udp6", "UDP6_NOPORT"))
case("v6 no route", eth / ip6(dst="2001:db8:ffff::1") / UDPX / body, (1, 0), "IP6_NOROUTE", ("icmp6", "ICMP6_E_NOROUTE"))
case("v6 reject", eth / ip6(dst="2001:db8:eeee::1") / UDPX / body, (1, 3), "IP6_REJECT", ("icmp6", "ICMP6_E_ADDR"))
case("v6 blackhole", eth / ip6(dst="2001:db8:dddd::1") / UDPX / body, SILENT, "IP6_BLACKHOLE", ("ip6", "IP6_CANTFORWARD"))
case("v6 too big", eth / ip6() / UDPX / Raw(bytes(1400)), (2, 0, 1280), "IP6_TOOBIG", ("icmp6", "ICMP6_E_TOOBIG"))
case("v6 exactly the MTU", eth / ip6() / UDPX / Raw(bytes(1280 - 48)), PASS)
case("v6 one more than the MTU", eth / ip6() / UDPX / Raw(bytes(1280 - 47)), (2, 0, 1280), "IP6_TOOBIG")
# IPv6 extension headers
case("hop-by-hop, padding", eth / ip6() / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / UDPX / body, PASS)
case("hop-by-hop, router alert", eth / ip6() / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / UDPX / body, PASS)
case("hop-by-hop 00", eth / ip6() / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x1e, optdata=b"abcd")]) / UDPX, PASS)
case("hop-by-hop 01", eth / ip6() / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x5e, optdata=b"abcd")]) / UDPX, SILENT, "IP6_BADOPTION",
     ("ip6", "IP6_BADOPTIONS"))
case("hop-by-hop 10", eth / ip6() / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x9e, optdata=b"abcd")]) / UDPX, (4, 2, 42), "IP6_BADOPTION",
     ("icmp6", "ICMP6_E_OPTION"))
case("hop-by-hop 11", eth / ip6() / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0xde, optdata=b"abcd")]) / UDPX, (4, 2, 42), "IP6_BADOPTION")
case("hop-by-hop cut", eth / ip6(nh=0) / Raw(b"\x11\x05\x01\x04\0\0\0\0"), SILENT, "IP6_BADEXT")
case("destination options pass", eth / ip6() / IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x9e, optdata=b"abcd")]) / UDPX, PASS)
case("destination options for us", eth / ip6(dst="2001:db8::2") / IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x9e, optdata=b"abcd")]) / UDPX,
     (4, 2, 42), "IP6_BADOPTION")
case("routing header for us", eth / ip6(dst="2001:db8::2") / IPv6ExtHdrRouting(type=0, addresses=[B6], segleft=1) / UDPX, (4, 0, 42), "IP6_ROUTHDR")
case("routing header, done", eth / ip6(dst="2001:db8::2") / IPv6ExtHdrRouting(type=0, addresses=[B6], segleft=0) / UDPX, (1, 4), "IP6_NOPORT")
case("hop-by-hop twice", eth / ip6(dst="2001:db8::2", nh=0) / Raw(b"\0\0\x01\x04\0\0\0\0" + b"\x11\0\x01\x04\0\0\0\0") / UDPX, (4, 1, 40), "IP6_BADEXT",
     ("icmp6", "ICMP6_E_NXTHDR"))
case("next header", eth / ip6(dst="2001:db8::2", nh=253) / body, (4, 1, 6), "IP6_NOPROTO", ("icmp6", "ICMP6_E_NXTHDR"))
case("v6 port", eth / ip6(dst="2001:db8::2") / UDPX / Raw(bytes(1400)), (1, 4), "IP6_NOPORT", ("icmp6", "ICMP6_E_PORT"))
case("ICMPv6 checksum", eth / ip6(dst="2001:db8::2") / ICMPv6EchoRequest(cksum=1), SILENT, "ICMP6_BADSUM", ("icmp6", "ICMP6_CHECKSUM"))
case("solicitation from afar", e6(ip6(dst="2001:db8::2", nh=58, hlim=254) / Raw(b"")), SILENT, "ICMP6_SHORT", ("icmp6", "ICMP6_TOOSHORT"))


def answer_of(frame, before):
    """The ICMP message to us among the new frames of the near segment: (type, code, word, quoted, whole)"""
    v6 = bytes(frame)[12:14] == b"\x86\xdd"
    for f in r.bus[0].frames[before:]:
        if f[0:6] != bytes.fromhex(NEAR.replace(":", "")) or f[6:12] != bytes.fromhex(R0.replace(":", "")):
            continue
        if f[12:14] == b"\x86\xdd" and v6 and f[20] == 58 and f[54] < 128:
            return f[54], f[55], struct.unpack("!I", f[58:62])[0], f[62:], Ether(f)
        if f[12:14] == b"\x08\0" and not v6 and f[23] == 1 and f[34] not in (0, 8):
            return f[34], f[35], struct.unpack("!I", f[38:42])[0], f[42:], Ether(f)
    return None


r.drained(0)
for name, frame, verdict, drop, counter in cases:
    was, near, far = r.counts(), len(r.bus[0].frames), len(r.bus[1].frames)
    sent = bytes(frame)
    r.bus[0].send(frame)
    if verdict == PASS:
        r.until(f"{name}: is not forwarded", lambda: any(f[6:12] == bytes.fromhex(R1.replace(":", "")) for f in r.bus[1].frames[far:]))
        continue
    if isinstance(verdict, tuple):
        a = r.until(f"{name}: is not answered", lambda: answer_of(frame, near))
        if not a:
            continue
        if a[:2] != verdict[:2] or a[2] != (verdict[2] if len(verdict) > 2 else 0):
            r.fail(f"{name}: answered by type {a[0]} code {a[1]} word {a[2]:#x}, not {verdict}")
        p = a[4]
        v6 = IPv6 in p
        ipat = sent[14:]
        quote = bytearray(a[3])
        want = min(len(ipat), 1280 - 48 if v6 else 576 - 28)
        if len(quote) != want or bytes(quote) != ipat[:want]:
            r.fail(f"{name}: quotes {len(quote)} octets, not {want}, or changed ones:\n\t{bytes(quote[:60]).hex()}\n\t{ipat[:60].hex()}")
        if v6:
            ok = p[IPv6].dst == Ether(sent)[IPv6].src and p[IPv6].src in ("2001:db8::2", "2001:db8:1::2") or p[IPv6].dst.startswith("fe80")
        else:
            ok = p[IP].dst == A4 and p[IP].src in ("10.0.0.2", "10.0.1.2") and p[IP].tos == 0xc0
        if not ok:
            r.fail(f"{name}: answer {p.summary()}")
        chk = p.__class__(bytes(p))
        layer = chk[IPv6].payload if v6 else chk[ICMP]
        field = "cksum" if v6 else "chksum"
        got = getattr(layer, field)
        delattr(layer, field)
        if getattr(Ether(bytes(chk))[IPv6].payload if v6 else Ether(bytes(chk))[ICMP], field) != got:
            r.fail(f"{name}: the answer's checksum is wrong")
    key = ("drop", drop)
    now = r.until(f"{name}: no drop {drop}", lambda: (c := r.counts())[key] == was[key] + 1 and c, 10)
    if not now:
        now = r.counts()
        print("\tinstead:", {k: v - was[k] for k, v in now.items() if v != was[k]})
    if counter and now[counter] <= was[counter]:
        r.fail(f"{name}: counter {counter} did not move: { {k: v - was[k] for k, v in now.items() if v != was[k]} }")
    if verdict is SILENT:
        if answer_of(frame, near):
            r.fail(f"{name}: answered {answer_of(frame, near)[:3]}")
    new = [f for f in r.bus[1].frames[far:] if f[12:14] in (b"\x08\0", b"\x86\xdd") and f[6:12] == bytes.fromhex(R1.replace(":", ""))]
    if new and not any(f[20:21] == b"\x3a" and f[54] in (135, 136) for f in new):
        r.fail(f"{name}: forwarded all the same")


def out(bus, at, mac, mine):
    m = bytes.fromhex(mine.replace(":", ""))
    return [f for f in r.bus[bus].frames[at:] if f[6:12] == m and f[0:6] == mac]


# what settings open
r.call("sysctl.set", name="net.inet.ip.directed-broadcast", value=1)
at = len(r.bus[1].frames)
r.bus[0].send(eth / ip(dst="10.0.1.255") / UDPX / body)
r.until("directed broadcast leaves as a broadcast", lambda: out(1, at, b"\xff" * 6, R1))
r.call("sysctl.set", name="net.inet.icmp.bmcastecho", value=1)
at = len(r.bus[0].frames)
near = bytes.fromhex(NEAR.replace(":", ""))
for dst in ("10.0.0.255", "255.255.255.255"):
    at = len(r.bus[0].frames)
    r.bus[0].send(Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ip(dst=dst) / ICMP() / body)
    r.until(f"echo to {dst} is answered from our address", lambda: any(Ether(f)[IP].src == "10.0.0.2" for f in out(0, at, near, R0)
                                                                      if f[34:35] == b"\0"))
r.call("sysctl.set", name="net.inet.ip.allowsrcrt", value=1)
r.call("sysctl.set", name="net.inet.ip.forwsrcrt", value=1)
at = len(r.bus[1].frames)
r.bus[0].send(e4(ip(dst="10.0.0.2", options=[IPOption(b"\x83\x07\x04\x0a\x00\x01\x01\x00")]) / UDPX))
r.until("source route through us", lambda: any(f[30:34] == bytes((10, 0, 1, 1)) and f[37:41] == bytes((10, 0, 1, 2))
                                               for f in out(1, at, bytes.fromhex(FAR.replace(":", "")), R1)))
for name, drop, p in (("net.inet.ip.forwarding", "IP_NOTROUTER", ip() / UDPX), ("net.inet6.ip6.forwarding", "IP6_NOTROUTER", ip6() / UDPX),
                      ("net.inet.ip.forwarding", "IP_NOTROUTER", ip(dst="192.0.2.1") / UDPX),
                      ("net.inet6.ip6.forwarding", "IP6_NOTROUTER", ip6(hlim=1) / UDPX)):
    r.call("sysctl.set", name=name, value=0)
    was, n0 = r.counts(), len(r.bus[0].frames)
    r.bus[0].send(eth / p)
    r.until(f"{name} 0: dropped", lambda: r.counts()[("drop", drop)] == was[("drop", drop)] + 1)
    r.drained(0)
    if answer_of(eth / p, n0):
        r.fail(f"{name} 0: answered")
    r.call("sysctl.set", name=name, value=1)
print(len(cases), "cases")
r.end()
