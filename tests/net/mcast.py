"""IGMP and MLD as a member: reports of joining and leaving, answers to queries, older queriers, what is refused.

usage: mcast.py BUILD SOCKET inet|inet6
"""
import struct
import subprocess
import sys
import threading
import time

from wire import NEAR, Router
from scapy.all import ICMPv6MLDone, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport, Ether, IP, IPOption_Router_Alert, IPv6, RouterAlert, \
    IPv6ExtHdrHopByHop, Raw
from scapy.contrib.igmp import IGMP
from scapy.contrib.igmpv3 import IGMPv3, IGMPv3mq

IS_IN, IS_EX, TO_IN, TO_EX = 1, 2, 3, 4
family = sys.argv[3]
v6 = family == "inet6"
r = Router(sys.argv[1], sys.argv[2])
bus = r.bus[0]
mac = bytes.fromhex(r.mac["shmif0"].replace(":", ""))
GROUP = "ff05::1234" if v6 else "239.1.2.3"
OTHER = "ff05::9999" if v6 else "239.9.9.9"
ALL = "ff02::1" if v6 else "224.0.0.1"
ALLSNOOP = "ff02::16" if v6 else "224.0.0.22"
ALLROUTERS = "ff02::2" if v6 else "224.0.0.2"
SOURCES = ["2001:db8::77", "2001:db8::78"] if v6 else ["10.0.0.77", "10.0.0.78"]


class Message:
    """A message that the router sent: new reports with records {group: (type, [sources])}, old ones with the group."""

    def __init__(self, p):
        ip = p[IPv6] if v6 else p[IP]
        self.src, self.dst, self.records, self.kind = ip.src, ip.dst, {}, None
        if v6:
            hop = p[IPv6ExtHdrHopByHop]
            assert ip.hlim == 1 and any(isinstance(o, RouterAlert) and o.value == 0 for o in hop.options), "hop limit, router alert"
            off, n = 14 + 40 + 8 * (hop.len or 0) + 8, 16
            data = bytes(p)[off:]
            self.kind = {131: "old", 132: "leave", 143: "new"}.get(data[0])
        else:
            data, n = bytes(p)[14 + ip.ihl * 4:14 + ip.len], 4
            assert ip.ttl == 1 and any(o.option == 20 for o in ip.options), "TTL 1, router alert"
            self.kind = {0x12: "oldest", 0x16: "old", 0x17: "leave", 0x22: "new"}.get(data[0])
            s = sum(struct.unpack(f"!{len(data) // 2}H", data))
            while s >> 16:
                s = (s & 0xffff) + (s >> 16)
            assert s == 0xffff, "checksum"
        text = (lambda b: str(__import__("ipaddress").ip_address(b)))
        if self.kind == "new":
            at = 8
            for _ in range(struct.unpack("!H", data[6:8])[0]):
                t, aux, k = struct.unpack("!BBH", data[at:at + 4])
                g = text(data[at + 4:at + 4 + n])
                self.records[g] = (t, sorted(text(data[at + 4 + n * (i + 1):at + 4 + n * (i + 2)]) for i in range(k)))
                at += 4 + n * (k + 1) + aux * 4
            assert at == len(data), "length of the report"
            assert self.dst == ALLSNOOP
        elif self.kind:
            self.group = text(data[8:24] if v6 else data[4:8])


def said(since):
    out = []
    for f in bus.frames[since:]:
        p = Ether(f)
        if f[6:12] != mac or not (IPv6ExtHdrHopByHop in p if v6 else IP in p and p[IP].proto == 2):
            continue
        m = Message(p)
        if m.kind:
            out.append(m)
    return out


def records(since, group=GROUP):
    return [m.records[group] for m in said(since) if group in m.records]


def query(group=None, version=3, code=0, sources=(), src=None, ttl=1, alert=True, dst=None, cut=None):
    """version 1, 2, 3 as in IGMP; MLDv1 is 2, MLDv2 is 3"""
    dst = dst or group or ALL
    if v6:
        hop = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]) if alert else None
        q = (ICMPv6MLQuery2(mrd=code, mladdr=group or "::", sources=list(sources), QRV=2, QQIC=125) if version == 3
             else ICMPv6MLQuery(mrd=code, mladdr=group or "::"))
        ip = IPv6(src=src or "fe80::1", dst=dst, hlim=ttl)
        p = ip / hop / q if hop else ip / q
    else:
        ip = IP(src=src or "10.0.0.1", dst=dst, ttl=ttl, options=[IPOption_Router_Alert()] if alert else [], proto=2)
        if version == 3:
            q = IGMPv3(type=0x11, mrcode=code) / IGMPv3mq(gaddr=group or "0.0.0.0", srcaddrs=list(sources), qrv=2, qqic=125)
        else:
            q = IGMP(type=0x11, mrcode=0 if version == 1 else max(code, 1), gaddr=group or "0.0.0.0")
        p = ip / q
    f = bytes(Ether(src=NEAR, dst=("33:33:00:00:00:01" if v6 else "01:00:5e:00:00:01")) / p)
    return f if cut is None else f[:cut]


def check(ok, what):
    if not ok:
        r.fail(what)


def joined():
    return GROUP in r.tool("ifmcstat", "-i", "shmif0").stdout


start = len(bus.frames)
member = r.send("group.join", interface="shmif0", address=GROUP)
stream = r.receive(member)["stream"]
check(joined(), "the group is not shown")
r.until("joining is reported twice", lambda: len(records(start)) >= 2)
check(all(t == TO_EX and not s for t, s in records(start)), f"joining: {records(start)}")
check(all(m.src != "0.0.0.0" and m.src != "::" for m in said(start)), "the reports' source")

# A general query: what is reported is all groups, but never the group of all hosts.
at = len(bus.frames)
bus.send(query(code=1))
r.until("a general query is answered", lambda: records(at))
check(records(at)[0] == (IS_EX, []), f"general query: {records(at)}")
check(not any(g in m.records for m in said(0) for g in ("224.0.0.1", "ff02::1", "ff01::1")), "all hosts is reported")
time.sleep(0.3)

# About the group; about sources of it, which are all wanted.
at = len(bus.frames)
bus.send(query(GROUP, code=1))
r.until("a query of the group is answered", lambda: records(at))
check(records(at)[0] == (IS_EX, []), f"group's query: {records(at)}")
time.sleep(0.3)
at = len(bus.frames)
bus.send(query(GROUP, code=1, sources=SOURCES))
r.until("a query of sources is answered", lambda: records(at))
check(records(at)[0] == (IS_IN, SOURCES), f"sources' query: {records(at)}")
time.sleep(0.3)
at = len(bus.frames)
bus.send(query(GROUP, code=1, sources=[("2001:db8::%x" if v6 else "10.0.1.%d") % i for i in range(1, 80)]))
r.until("a query of many sources is answered", lambda: records(at))
check(records(at)[0] == (IS_EX, []), f"many sources: {records(at)}")
time.sleep(0.3)

# What is not honoured: from beyond the link, without the router alert, of a stranger, cut short; a group not joined
at = len(bus.frames)
before = r.counts()
bad = [query(code=1, ttl=2), query(code=1, alert=False), query(GROUP, code=1, ttl=64)]
whole = query(code=1)
ip_len = 16 if not v6 else 18


def shorter(n):
    """The frame with n octets of the message missing, lengths and checksums right."""
    p = Ether(whole)
    if v6:
        del p[IPv6].plen
        body = bytes(p[IPv6ExtHdrHopByHop].payload)[:-n]
        body = body[:2] + b"\0\0" + body[4:]
        src, dst = (__import__("socket").inet_pton(10, a) for a in (p[IPv6].src, p[IPv6].dst))
        pseudo = src + dst + struct.pack("!IxxxB", len(body), 58) + body
        pseudo += b"\0" * (len(pseudo) & 1)
        s = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        while s >> 16:
            s = (s & 0xffff) + (s >> 16)
        body = body[:2] + struct.pack("!H", ~s & 0xffff) + body[4:]
        hop = bytes(p[IPv6ExtHdrHopByHop])[:8]
        return bytes(Ether(src=p.src, dst=p.dst) / IPv6(src=p[IPv6].src, dst=p[IPv6].dst, hlim=1, nh=0, plen=8 + len(body)) /
                     Raw(hop + body))
    body = bytes(p[IP].payload)[:-n]
    body = body[:2] + b"\0\0" + body[4:]
    padded = body + b"\0" * (len(body) & 1)
    s = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    body = body[:2] + struct.pack("!H", ~s & 0xffff) + body[4:]
    return bytes(Ether(src=p.src, dst=p.dst) / IP(src=p[IP].src, dst=p[IP].dst, ttl=1, proto=2,
                                                  options=[IPOption_Router_Alert()]) / Raw(body))


full = 28 if v6 else 12
bad += [shorter(n) for n in range(1, full - 4) if full - n not in ((24,) if v6 else (8,))]
if v6:
    bad.append(query(code=1, src="2001:db8::1"))
corrupt = bytearray(query(code=1))
corrupt[-1] ^= 1
bad.append(bytes(corrupt))
bus.send(*bad)
drop = ("MLD_BAD", "ICMP6_HLIM", "ICMP6_BADSUM", "ICMP6_SHORT") if v6 else ("IGMP_BAD",)


def dropped():
    now = r.counts()
    return sum(now[("drop", d)] - before[("drop", d)] for d in drop)


r.until("bad queries are dropped by name", lambda: dropped() == len(bad))
bus.send(query(OTHER, code=1))
r.drained(0)
time.sleep(0.4)
check(not said(at), f"bad queries were answered: {[m.records for m in said(at)]}")

# A flood: one answer in a while, for all of them.
at = len(bus.frames)
t0 = time.monotonic()
for _ in range(30):  # over a while: those of one moment have one answer in any case
    bus.send(*[query(code=0)] * 10)
r.until("the flood is answered", lambda: records(at))
r.drained(0)
time.sleep(0.5)
most = 2 + (time.monotonic() - t0) / 0.2
check(len(said(at)) <= most, f"{len(said(at))} reports for 300 queries")

# The link goes and comes: everything is reported again.
at = len(bus.frames)
r.tool("ifconfig", "shmif0", "media", "none")
r.tool("ifconfig", "shmif0", "media", "auto")
r.until("the link's return is reported", lambda: (TO_EX, []) in records(at))
r.until("no report from a usable source", lambda: any(m.src not in ("::", "0.0.0.0") and GROUP in m.records for m in said(at)))
r.until("twice", lambda: len(records(at)) >= 2)
time.sleep(1.2)

# Leaving
at = len(bus.frames)
r.call("stream.stop", stream=stream)
r.until("leaving is reported twice", lambda: len(records(at)) >= 2)
check(all(t == TO_IN for t, s in records(at)), f"leaving: {records(at)}")
check(not joined(), "the group is still shown")

# An older querier: its version's messages from now on.
member = r.send("group.join", interface="shmif0", address=GROUP)
stream = r.receive(member)["stream"]
time.sleep(0.1)
at = len(bus.frames)
bus.send(query(code=100 if v6 else 1, version=2))
r.until("an old query is answered", lambda: any(m.kind == "old" and m.group == GROUP and m.dst == GROUP for m in said(at)))
version = "mldv1" if v6 else "igmpv2"
r.until("the version is shown", lambda: version in r.tool("ifmcstat", "-i", "shmif0", "--json").stdout)
time.sleep(0.3)

# Somebody else reports in time: we do not.  Then leaving needs no word of ours.
at = len(bus.frames)
bus.send(query(GROUP, code=3000 if v6 else 30, version=2))
if v6:
    theirs = IPv6(src="fe80::1", dst=GROUP, hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]) / ICMPv6MLReport(mladdr=GROUP)
    eth = Ether(src=NEAR, dst="33:33:00:00:12:34")
else:
    theirs = IP(src="10.0.0.1", dst=GROUP, ttl=1, proto=2, options=[IPOption_Router_Alert()]) / IGMP(type=0x16, gaddr=GROUP)
    eth = Ether(src=NEAR, dst="01:00:5e:01:02:03")
first = len([m for m in said(at) if m.kind == "old" and m.group == GROUP])
bus.send(eth / theirs)
r.drained(0)
ours = len([m for m in said(at) if m.kind == "old" and m.group == GROUP])
time.sleep(3.2)
check(len([m for m in said(at) if m.kind == "old" and m.group == GROUP]) == ours, "reported although somebody else had")

# We are the last to have reported: leaving is told.
at = len(bus.frames)
bus.send(query(GROUP, code=100 if v6 else 1, version=2))
r.until("the group's old query is answered", lambda: any(m.kind == "old" and m.group == GROUP for m in said(at)))
at = len(bus.frames)
r.call("stream.stop", stream=stream)
r.until("leaving is told to the routers",
        lambda: any(m.kind == "leave" and m.group == GROUP and m.dst == ALLROUTERS for m in said(at)))

if not v6:
    # The oldest: no leaving
    member = r.send("group.join", interface="shmif0", address=GROUP)
    stream = r.receive(member)["stream"]
    bus.send(query(code=0, version=1, alert=False))
    r.until("igmpv1 is shown", lambda: "igmpv1" in r.tool("ifmcstat", "-i", "shmif0", "--json").stdout)
    at = len(bus.frames)
    r.call("stream.stop", stream=stream)
    time.sleep(0.2)
    check(not any(m.kind == "leave" for m in said(at)), "IGMPv1 knows no leaving")

a = r.tool("ifmcstat", "-f", "inet6" if v6 else "inet")
check(a.returncode == 0 and ALL in a.stdout, "ifmcstat -f")
check(r.tool("ifmcstat", "-i", "nosuch0").returncode != 0, "ifmcstat of an interface that is not there")
r.end()
