#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""converge.py BUILD SOCKET: hundreds of routes share a next hop: whatever happens to it moves all of them at once, and a gateway
that stops to answer leaves those of several paths until it is back.

bus1 has the gateway, bus2 the one beside it; both are the test's own hosts.
"""
import struct
import sys
import threading
import time

from wire import NEAR, Router
from packets import udp4, udp6

ROUTES = 300
r = Router(sys.argv[1], sys.argv[2], ("bus0", "bus1", "bus2"))
MAC = {n: bytes.fromhex(m.replace(":", "")) for n, m in r.mac.items() if m}
near = bytes.fromhex(NEAR.replace(":", ""))
GW, NEW, SIDE = bytes((2, 0, 0, 0, 0, 0x13)), bytes((2, 0, 0, 0, 0, 0x33)), bytes((2, 0, 0, 0, 0, 0x23))


def text(mac):
    return ":".join(f"{x:02x}" for x in mac)


def frame(v6, i, port=53):
    dst = f"2001:db8:{i + 0x100:x}::1" if v6 else f"198.18.{i >> 8}.{i & 255}"
    return (udp6 if v6 else udp4)(MAC["shmif0"], near, "2001:db8::1" if v6 else "10.0.0.1", dst, 1000 + i, port, size=100)


def follow(what, v6, bus, mac):
    """One packet to each route, and no other chance: all leave by the segment, to the link address."""
    at = [len(b.frames) for b in r.bus]
    r.bus[0].send(*(frame(v6, i) for i in range(ROUTES)))
    of = lambda b: [f for f in r.bus[b].frames[at[b]:] if len(f) == 100 and f[6:12] == MAC[f"shmif{b}"]]  # noqa: E731
    r.until(f"{what} v6={v6}: {len(of(bus))} of {ROUTES} leave", lambda: len(of(bus)) >= ROUTES)
    if any(f[:6] != mac for f in of(bus)):
        r.fail(f"{what} v6={v6}: to another link address")
    if of(3 - bus):
        r.fail(f"{what} v6={v6}: {len(of(3 - bus))} packets the old way")


def converge(v6):
    fam = "inet6" if v6 else "inet"
    gw, side = ("2001:db8:1::3", "2001:db8:2::3") if v6 else ("10.0.1.3", "10.0.2.3")

    def know():
        r.call("neigh.batch", add=[[gw, text(GW)]])

    know()
    r.call("neigh.batch", add=[[side, text(SIDE)]])
    r.call("route.add", family=fam, dst="default", gateway=side)
    prefixes = [f"2001:db8:{i + 0x100:x}::/48" if v6 else f"198.18.{i >> 8}.{i & 255}/32" for i in range(ROUTES)]
    if r.call("route.batch", add=[[p, gw] for p in prefixes])["nfailed"]:
        r.fail("routes")
    follow("at first", v6, 1, GW)
    r.call("neigh.batch", delete=[gw], add=[[gw, text(NEW)]])
    follow("another link address", v6, 1, NEW)
    r.call("if.set", name="shmif1", up=False)
    follow("interface down", v6, 2, SIDE)
    r.call("if.set", name="shmif1", up=True)
    know()
    follow("interface up", v6, 1, GW)
    # the way to the gateway: a host route over the other interface
    r.call("route.add", family=fam, dst=gw, interface="shmif2")
    r.call("neigh.add", family=fam, address=gw, lladdr=text(SIDE), interface="shmif2")
    follow("gateway elsewhere", v6, 2, SIDE)
    r.call("route.delete", family=fam, dst=gw)
    know()
    follow("gateway back", v6, 1, GW)
    # of two paths one dies
    r.call("route.delete", family=fam, dst="default")
    both = [{"gateway": gw}, {"gateway": side}]
    if r.call("route.batch", change=[[p, both] for p in prefixes])["nfailed"]:
        r.fail("two paths")
    r.call("if.set", name="shmif1", up=False)
    follow("one of two paths", v6, 2, SIDE)
    r.call("if.set", name="shmif1", up=True)
    return gw, both, prefixes


class Host(threading.Thread):
    """Answers who asks for the gateway, while it is on."""

    def __init__(self, bus, v6, gw):
        super().__init__(daemon=True)
        self.bus, self.v6, self.on, self.at, self.asked = bus, v6, True, len(bus.frames), 0
        import ipaddress
        self.addr = ipaddress.ip_address(gw).packed
        self.start()

    def answer(self, f):
        if not self.v6 and f[12:14] == b"\x08\x06" and f[20:22] == b"\0\1" and f[38:42] == self.addr:
            return f[6:12] + GW + f[12:20] + b"\0\2" + GW + self.addr + f[22:32]
        if self.v6 and f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 135 and f[62:78] == self.addr:
            from scapy.all import Ether, ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
            q = Ether(f)
            return bytes(Ether(src=text(GW), dst=q.src) / IPv6(src=self.text, dst=q[1].src) /
                         ICMPv6ND_NA(R=0, S=1, O=1, tgt=self.text) / ICMPv6NDOptDstLLAddr(lladdr=text(GW)))
        return None

    @property
    def text(self):
        import ipaddress
        return str(ipaddress.ip_address(self.addr))

    def run(self):
        while True:
            while self.at < len(self.bus.frames):
                a = self.answer(self.bus.frames[self.at])
                self.at += 1
                if a:
                    self.asked += 1
                    if self.on:
                        self.bus.send(a)
            time.sleep(0.01)


def used(v6):
    """Which segments have the packets of all routes."""
    at = [len(b.frames) for b in r.bus]
    r.bus[0].send(*(frame(v6, i) for i in range(ROUTES)))
    of = lambda b: [f for f in r.bus[b].frames[at[b]:] if len(f) == 100 and f[6:12] == MAC[f"shmif{b}"]]  # noqa: E731
    time.sleep(0.2)
    return tuple(len(of(b)) for b in (1, 2))


def silent(v6, gw):
    """A neighbour that was learned falls silent."""
    host = Host(r.bus[1], v6, gw)
    r.tool("ndp" if v6 else "arp", "-d", gw)
    r.until(f"v6={v6}: both gateways are used", lambda: min(used(v6)) > 50 and sum(used(v6)) == ROUTES)
    host.on = False
    r.until(f"v6={v6}: all packets leave by the gateway that answers", lambda: used(v6) == (0, ROUTES))
    time.sleep(1)
    if used(v6) != (0, ROUTES):
        r.fail(f"v6={v6}: the silent gateway is used again")
    before = host.asked
    r.until(f"v6={v6}: it is asked all the same", lambda: host.asked > before)
    host.on = True
    r.until(f"v6={v6}: it is back", lambda: min(used(v6)) > 50 and sum(used(v6)) == ROUTES)


for s, v in (("arp.nd_reachable", 200), ("arp.nd_retrans", 100), ("arp.nd_delay", 1)):
    r.call("sysctl.set", name="net.inet." + s, value=v)
for s, v in (("nd6_reachable", 200), ("nd6_retrans", 100), ("nd6_delay", 1)):
    r.tool("sysctl", "-w", f"net.inet6.icmp6.{s}={v}")
for v6 in (False, True):
    silent(v6, converge(v6)[0])
r.end()
