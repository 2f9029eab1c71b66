"""A router of a test's own on two segments, to which hostile packets are given in batches; where each ended is read from its
counters: under which drop, answered, forwarded, or consumed.

	198.18/16, 2001:200::/32 behind 10.0.0.1, 2001:db8::1 --- bus0 --- R --- bus1 --- 10.0.1.1, 2001:db8:1::1, before them 198.19/16, 2001:201::/32
"""
import collections
import os
import sys
import tempfile
import time
from pathlib import Path

tests = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests), str(tests / "net")]
import packets  # noqa: E402
from smpnetd import Daemon, complaints  # noqa: E402
from wire import FAR, NEAR, Bus  # noqa: E402

R4, R6, RLL = "10.0.0.2", "2001:db8::2", "fe80::2"
D4, D6 = "198.19.0.1", "2001:201::1"
CONSUMED, SENT = "consumed", "sent"  # SENT: the packet itself went out again: forwarded, or turned round as an answer


def cksum(b):
    return packets.cksum(bytes(b))


def set16(b, at, v):
    b[at:at + 2] = (v & 0xffff).to_bytes(2, "big")


def fix4(ip, total=None):
    """Length and header checksum of an IPv4 packet anew."""
    ip = bytearray(ip)
    set16(ip, 2, len(ip) if total is None else total)
    n = (ip[0] & 15) * 4
    set16(ip, 10, 0)
    set16(ip, 10, cksum(ip[:n]))
    return bytes(ip)


def fix6(ip, plen=None):
    ip = bytearray(ip)
    set16(ip, 4, len(ip) - 40 if plen is None else plen)
    return bytes(ip)


def sum_upper(ip, off, at, proto, dst=None):
    """The checksum of the transport at off anew, whose field lies at at from there."""
    b = bytearray(ip)
    if len(b) < off + at + 2:
        return bytes(b)
    set16(b, off + at, 0)
    n = len(b) - off
    if b[0] >> 4 == 6:
        ph = b[8:24] + (dst or b[24:40]) + n.to_bytes(4, "big") + bytes((0, 0, 0, proto))
    elif proto == 1:
        ph = b""
    else:
        ph = b[12:20] + bytes((0, proto)) + n.to_bytes(2, "big")
    s = cksum(bytes(ph) + bytes(b[off:]))
    set16(b, off + at, 0xffff if s == 0 and proto == 17 else s)
    return bytes(b)


class Hostile:
    def __init__(self, build):
        self.bad, self.batches, self.packets, self.n = [], 0, 0, 0
        self.dir = tempfile.TemporaryDirectory(prefix="smpnet-hostile.")
        os.chdir(self.dir.name)
        self.d = d = Daemon(build, ["-q", "-w", "1", "-p", "16384"])
        for s in ("ip6.dad_count=0", "ip.dad_count=0", "ip.forwarding=1", "ip6.forwarding=1", "icmp.errppslimit=-1", "icmp6.errppslimit=-1",
                  "tcp.rstppslimit=-1"):
            d.cmd("sysctl", "-qw", ("net.inet6." if "6" in s.split(".")[0] else "net.inet.") + s)
        for i in (0, 1):
            d.cmd("ifconfig", f"shmif{i}", "create")
            d.cmd("ifconfig", f"shmif{i}", "linkstr", f"{self.dir.name}/bus{i}")
            d.cmd("ifconfig", f"shmif{i}", "inet", f"10.0.{i}.2/24")
            net = "2001:db8:" + (":" if i == 0 else "1::")
            d.cmd("ifconfig", f"shmif{i}", "inet6", f"{net}2/64")
            if i == 0:
                d.cmd("ifconfig", "shmif0", "inet6", f"{RLL}/64")
            d.cmd("ifconfig", f"shmif{i}", "up")
            mac = (NEAR, FAR)[i]
            d.cmd("arp", "-s", f"10.0.{i}.1", mac)
            d.cmd("ndp", "-s", f"{net}1", mac)
            d.cmd("route", "-q", "add", "-net", f"198.{18 + i}.0.0/16", f"10.0.{i}.1")
            d.cmd("route", "-q", "add", "-inet6", f"2001:20{i}::/32", f"{net}1")
        d.cmd("ndp", "-s", "fe80::1%shmif0", NEAR)
        d.cmd("ifconfig", "-w", "20")
        self.mac = bytes.fromhex({i["name"]: i.get("lladdr") for i in d.call("if.list")}["shmif0"].replace(":", ""))
        self.near = bytes.fromhex(NEAR.replace(":", ""))
        self.bus = Bus(d.build, f"{self.dir.name}/bus0")

    def ether(self, ip, dst=None, src=None):
        """An IP packet, or octets with a type before them, in a frame to the router."""
        ip = bytes(ip)
        kind = b"\x86\xdd" if ip[:1] and ip[0] >> 4 == 6 else b"\x08\x00"
        return (dst or self.mac) + (src or self.near) + kind + ip

    def frame(self, kind, ip, dst=None):
        return (dst or self.mac) + self.near + kind.to_bytes(2, "big") + bytes(ip)

    def counts(self):
        c = collections.Counter(self.d.drops())
        p = self.d.counters()
        return c, p

    def balance(self, p, c):
        return (p["PKT_RECEIVED"] + p["PKT_ORIGINATED"] + p["PKT_COPIES"]
                - p["PKT_TRANSMITTED"] - p["PKT_CONSUMED"] - sum(c.values()))

    def settle(self, received, held, wait=60):
        """Until all were received and everything has ended but what is held; the counters then."""
        end = time.monotonic() + wait
        while True:
            c, p = self.counts()
            if p["PKT_RECEIVED"] >= received and (held is None or self.balance(p, c) == held):
                return c, p
            if not self.d.alive() or time.monotonic() > end:
                return c, p
            time.sleep(0.004)

    def give(self, frames, per=400, pause=0.0):
        """Puts frames on the segment no faster than they are read."""
        _, p = self.counts()
        n = p["PKT_RECEIVED"]
        for i in range(0, len(frames), per):
            part = frames[i:i + per]
            self.bus.send(*part)
            n += len(part)
            self.settle(n, None)
            time.sleep(pause)
        self.packets += len(frames)
        return n

    def batch(self, name, items, per=400, pause=0.0, flush=None):
        """
        items: (frame, end of it): a drop's name, CONSUMED, SENT, or several of them of which one it must be.  Every packet
        must end so, and nothing else may be dropped: not the answers either.
        """
        if not self.d.alive():
            return
        self.batches += 1
        c0, p0 = self.counts()
        n = self.give([f for f, _ in items], per, pause)
        if flush:
            n = flush(n)
        c1, p1 = self.settle(n, 0)
        if not self.d.alive():
            self.bad.append(f"{name}: the daemon died\n{self.d.log()}")
            return
        if p1["PKT_RECEIVED"] != n or self.balance(p1, c1) != 0:
            self.bad.append(f"{name}: received {p1['PKT_RECEIVED']} of {n}, balance {self.balance(p1, c1)}")
        got = collections.Counter(c1)
        got.subtract(c0)
        d = {k: p1[k] - p0[k] for k in p1 if k.startswith("PKT_")}
        got[CONSUMED] += d["PKT_CONSUMED"]
        got[SENT] += d["PKT_TRANSMITTED"] - d["PKT_ORIGINATED"] - d["PKT_COPIES"]
        want, either = collections.Counter(), collections.Counter()
        for e in getattr(items, "ends", None) or [e for _, e in items]:
            if isinstance(e, str):
                want[e] += 1
            else:
                either[tuple(sorted(e))] += 1
        got.subtract(want)
        shared = collections.Counter(e for names in either for e in names)
        for names, k in either.items():  # the surplus of their names must be theirs; names of their own first
            for e in sorted(names, key=lambda e: shared[e]):
                take = min(k, max(0, got[e]))
                got[e] -= take
                k -= take
            if k:
                self.bad.append(f"{name}: {k} packets did not end as one of {names}")
        wrong = {k: v for k, v in got.items() if v}
        if wrong:
            self.bad.append(f"{name} ({len(items)} packets): more (less, if negative) than expected: {wrong}")

    def ping(self):
        """The router still answers, both families."""
        for make, src, dst, at in ((packets.echo4, "10.0.0.1", R4, 34), (packets.echo6, "2001:db8::1", R6, 54)):
            self.n += 1
            ask = make(self.mac, self.near, src, dst, self.n)
            answer = bytes((0 if at == 34 else 129,))
            seq = self.n.to_bytes(2, "big")
            self.bus.send(ask)
            end = time.monotonic() + 30
            while not any(f[at:at + 1] == answer and f[at + 6:at + 8] == seq for f in self.bus.frames):
                if time.monotonic() > end or not self.d.alive():
                    self.bad.append(f"no answer to an echo request from {src}")
                    break
                time.sleep(0.01)
        self.bus.frames.clear()

    def end(self):
        """What is wrong, after everything was given up that waits."""
        if self.d.alive():
            for f in ("inet", "inet6"):
                self.d.try_call("neigh.flush", family=f)
            for f in ("inet.ip", "inet6.ip6"):
                self.d.cmd("sysctl", "-qw", f"net.{f}.fragttl=1")
            wrong = self.d.at_rest()
            if wrong:
                self.bad.append(f"not at rest: {wrong}")
        self.bus.end()
        status, log = self.d.stop()
        bad = complaints(status, log)
        if bad:
            self.bad.append(bad)
        os.chdir("/")
        return self.bad
