#!/usr/bin/python3
"""sizes.py BUILD SOCKET: packets from the smallest to 9000 octets, which lie in chains of buffers: forwarded octet by octet, cut into
fragments that make the same packet again (RFC 791), errors limited in rate."""
import os
import random
import struct
import sys
import time

from wire import FAR, NEAR, Router
from scapy.all import ICMP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IP, IPOption, IPv6, Raw, fragment

r = Router(sys.argv[1], sys.argv[2])
R0, R1 = r.mac["shmif0"], r.mac["shmif1"]
raw_r1 = bytes.fromhex(R1.replace(":", ""))
raw_r0 = bytes.fromhex(R0.replace(":", ""))
rng = random.Random(1)
A4, B4, A6, B6 = "10.0.0.1", "10.0.1.1", "2001:db8::1", "2001:db8:1::1"
eth = Ether(src=NEAR, dst=R0)


def far(at):
    # not what the router says itself: neighbour discovery, multicast membership
    return [f for f in r.bus[1].frames[at:] if f[6:12] == raw_r1 and not f[0] & 1 and f[12:14] in (b"\x08\0", b"\x86\xdd") and not (f[20] == 58 and f[54] > 132)]


def forwarded(what, frame, hop):
    at = len(r.bus[1].frames)
    r.bus[0].send(frame)
    want = Ether(bytes(frame))
    want.src, want.dst = R1, FAR
    if hop == "ttl":
        want[IP].ttl -= 1
        del want[IP].chksum
    else:
        want[IPv6].hlim -= 1
    r.until(f"{what}: not forwarded", lambda: far(at))
    if far(at) and far(at)[0] != bytes(want):
        r.fail(f"{what}: changed on its way")


def set_mtu(i, mtu):
    r.call("if.set", name=f"shmif{i}", mtu=mtu)


# whole
set_mtu(0, 9000)
set_mtu(1, 9000)
for n in (28, 29, 46, 47, 100, 1500, 1501, 1900, 1985, 1986, 2047, 2048, 2049, 4095, 4096, 4097, 8999, 9000):
    forwarded(f"IPv4 {n}", eth / IP(src=A4, dst=B4, flags=2) / UDP(sport=1, dport=2) / Raw(rng.randbytes(n - 28)), "ttl")
    if n >= 48:
        forwarded(f"IPv6 {n}", eth / IPv6(src=A6, dst=B6) / UDP(sport=1, dport=2) / Raw(rng.randbytes(n - 48)), "hlim")
at = len(r.bus[1].frames)
body = rng.randbytes(8972)
r.bus[0].send(eth / Dot1Q(vlan=0, prio=7) / IP(src=A4, dst=B4) / UDP(sport=1, dport=2) / Raw(body))
r.until("9000 octets behind a priority tag", lambda: any(f[42:] == body for f in far(at)))
for n in (1, 1472, 1973, 2020, 4000, 8952, 8972):
    at = len(r.bus[0].frames)
    body = rng.randbytes(n)
    r.bus[0].send(eth / IP(src=A4, dst="10.0.0.2") / ICMP(id=7) / Raw(body))
    r.until(f"echo of {n}", lambda: any(f[34:35] == b"\0" and f[42:42 + n] == body for f in r.bus[0].frames[at:] if f[6:12] == raw_r0))
    if n <= 8952:
        r.bus[0].send(eth / IPv6(src=A6, dst="2001:db8::2") / ICMPv6EchoRequest(id=7, data=body))
        r.until(f"echo6 of {n}", lambda: any(f[54:55] == b"\x81" and f[62:62 + n] == body for f in r.bus[0].frames[at:] if f[6:12] == raw_r0))

# cut
OPT = b"\x82\x0b\0\0\0\0\0\0\0\0\0" + b"\x07\x07\x08\1\2\3\4" + b"\x01\0"  # security: copied; record route, full: not
for mtu, n, options, first, more in ((1500, 4000, b"", 0, 0), (1280, 9000, b"", 0, 0), (1500, 1501, b"", 0, 0), (1500, 1508, b"", 0, 0),
                                     (1500, 8000, OPT, 0, 0), (1500, 4000, b"", 100, 1), (1500, 4000, b"", 200, 0), (1499, 3000, b"", 0, 0)):
    what = f"IPv4 {n} by MTU {mtu}, {len(options)} octets of options, offset {first}"
    set_mtu(1, mtu)
    p = IP(src=A4, dst=B4, id=4711, flags=more, frag=first, proto=17, options=[IPOption(OPT[:11]), IPOption(OPT[11:18]), IPOption(OPT[18:])] if options else [])
    p = Ether(bytes(eth / p / Raw(rng.randbytes(n - 20 - len(options)))))
    sent = bytes(p[IP].payload)
    at, was = len(r.bus[1].frames), r.counts()
    r.bus[0].send(p)
    got = lambda: [Ether(f)[IP] for f in far(at)]  # noqa: E731
    size = lambda: sum(len(bytes(f.payload)) for f in got())  # noqa: E731
    if not r.until(f"{what}: fragments", lambda: size() >= len(sent)):
        continue
    frags = got()
    back = b""
    for i, f in enumerate(frags):
        raw = bytes(f)
        f2 = IP(raw)
        del f2.chksum
        if bytes(f2) != raw or f.ttl != 63 or f.id != 4711 or f.len > mtu or f.len != len(raw):
            r.fail(f"{what}: fragment {i}: {f.summary()}")
        if f.frag != first + len(back) // 8:
            r.fail(f"{what}: fragment {i} at {f.frag}")
        last = i == len(frags) - 1
        if bool(f.flags & 1) != (not last or bool(more)):
            r.fail(f"{what}: fragment {i} flags {f.flags}")
        if not last and len(bytes(f.payload)) % 8:
            r.fail(f"{what}: fragment {i} length")
        wantopt = (OPT if i == 0 else OPT[:11] + b"\0") if options else b""
        if raw[20:f.ihl * 4] != wantopt:
            r.fail(f"{what}: fragment {i} has options {raw[20:f.ihl * 4].hex()}")
        back += bytes(f.payload)
    if back != sent:
        r.fail(f"{what}: not the same put together")
    now = r.counts()
    if now[("ip", "IP_OFRAGMENTS")] - was[("ip", "IP_OFRAGMENTS")] != len(frags) or now[("ip", "IP_FRAGMENTED")] - was[("ip", "IP_FRAGMENTED")] != 1:
        r.fail(f"{what}: counters")

# errors are limited, for all workers together
set_mtu(1, 1500)
for name, group, v6 in (("net.inet.icmp.errppslimit", "icmp", False), ("net.inet6.icmp6.errppslimit", "icmp6", True)):
    r.call("sysctl.set", name=name, value=50)
    key = ("icmp6", "ICMP6_TOOFREQ") if v6 else ("icmp", "ICMP_RATELIMIT")
    calls = ("icmp6", "ICMP6_ERROR") if v6 else ("icmp", "ICMP_ERROR")
    time.sleep(1)
    was, begin, n = r.counts(), time.monotonic(), 600
    for i in range(2):  # by either segment: two workers
        a, b = ((A6, B6) if v6 else (A4, B4))[::1 if i == 0 else -1]
        e = Ether(src=NEAR if i == 0 else FAR, dst=R0 if i == 0 else R1)
        p = bytes(e / ((IPv6(src=a, dst=b, hlim=1)) if v6 else IP(src=a, dst=b, ttl=1)) / UDP(sport=1, dport=2))
        r.bus[i].send(*[p] * n)
    d = lambda k: r.counts()[k] - was[k]  # noqa: E731
    r.until(f"{name}: answered or not", lambda: d(key) + d(calls) == 2 * n)
    took = time.monotonic() - begin
    if not 50 <= d(calls) <= 50 * (took + 1):
        r.fail(f"{name}: {d(calls)} errors in {took:.1f} s")
    print(name, d(calls), "errors", d(key), "suppressed in", round(took, 1))
    r.call("sysctl.set", name=name, value=0)
    e = d(calls)
    r.bus[0].send(bytes(eth / (IPv6(src=A6, dst=B6, hlim=1) if v6 else IP(src=A4, dst=B4, ttl=1)) / UDP()))
    r.drained(0)
    if d(calls) != e:
        r.fail(f"{name}: 0 is not none")
r.end()
