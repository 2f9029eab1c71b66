# SPDX-License-Identifier: BSD-2-Clause
"""What a full routing table, and many neighbours, cost a packet more than one route or one neighbour."""
import random
import socket
import statistics

from common import RUNS, note, report, work
from gen import Router, default_route, dfz_destinations, dfz_routes, gateway, gateways, lines

HOPS = 64
DSTS = 1 << 20


def _extra(name, base, full, what):
    extra = [b - a for a, b in zip(base, full)]
    report(name, "extra cycles a packet", extra, None, None, None, "{:.1f}")
    note(f"source, router and sink: {statistics.median(base):.1f} cycles with one {what}, {statistics.median(full):.1f} with all of them")


def fib(name, family, count):
    """The same packets in both; the two routers run at once, and are measured in turn."""
    dsts = dfz_destinations(family, count, DSTS)
    one, full = Router(), Router()
    base, table = [], []
    with one, full:
        for d in (one, full):
            gateways(d, HOPS)
        default_route(one, family)
        full.pipeline(lines("route.batch", "add", [[p, gateway(family, n)] for p, n in dfz_routes(family, count, HOPS)]))
        for d in (one, full):
            d.source(family=family, dsts=dsts)
            d.stop()
        for _ in range(RUNS):
            for d, out in ((one, base), (full, table)):
                d.call("if.set", name="gen0", up=True)
                out.append(d.cycles())
                d.stop()
    _extra(name, base, table, "default route")


def _addresses(family, count):
    """count neighbours of the connected networks, the gateways' own not among them."""
    if family == 4:
        return [socket.inet_ntoa((0x0afe0400 + i).to_bytes(4, "big")) for i in range(count)]
    return [f"2001:db8:fe::2:{i >> 16:x}:{i & 0xffff:x}" for i in range(count)]


def neighbours(name, family, count=100_000):
    addresses = _addresses(family, count)
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    packed = [socket.inet_pton(af, a) for a in addresses]
    rnd = random.Random(1)
    many, single = work / f"neigh.{family}", work / f"neigh1.{family}"
    many.write_bytes(b"".join(packed[rnd.randrange(count)] for _ in range(DSTS)))
    single.write_bytes(packed[0] * DSTS)
    base, full = [], []
    with Router() as d:
        limit = "net.inet.arp.maxentries" if family == 4 else "net.inet6.ip6.neighborgcthresh"
        d.call("sysctl.set", name=limit, value=2 * count)
        d.pipeline(lines("neigh.batch", "add", [[a, f"02:01:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}"] for i, a in enumerate(addresses)],
                         interface="gen1"))
        for _ in range(RUNS):
            for dsts, out in ((single, base), (many, full)):
                d.source(family=family, dsts=dsts)
                out.append(d.cycles())
                d.no_source()
    _extra(name, base, full, "neighbour")


FIGURES = {"fib4.1m": lambda: fib("fib4.1m", 4, 1_000_000), "fib6.200k": lambda: fib("fib6.200k", 6, 200_000),
           "neigh.100k": lambda: neighbours("neigh.100k", 4), "neigh6.100k": lambda: neighbours("neigh6.100k", 6)}
