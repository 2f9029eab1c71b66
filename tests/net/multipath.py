#!/usr/bin/python3
"""multipath.py BUILD SOCKET: routes of several next hops: flows spread, a flow stays on its path in order; changes of routes and of
neighbours move traffic at once."""
import struct
import sys

from wire import NEAR, Router
from packets import udp4, udp6

r = Router(sys.argv[1], sys.argv[2])
R0, R1 = (bytes.fromhex(r.mac[f"shmif{i}"].replace(":", "")) for i in (0, 1))
near = bytes.fromhex(NEAR.replace(":", ""))
MAC = {b: bytes((2, 0, 0, 0, 0, b)) for b in (0x11, 0x13, 0x15, 0x17)}
FLOWS, ROUNDS = 256, 8


def frame(v6, flow, seq, dst=None):
    p = (udp6 if v6 else udp4)(R0, near, "2001:db8::1" if v6 else "10.0.0.1", dst or ("2001:db8:50::1" if v6 else "198.18.0.1"),
                               1000 + flow, 53, size=100)
    return p[:-8] + struct.pack("!II", flow, seq)


def burst(v6, dst=None, rounds=ROUNDS):
    """Sends rounds packets of each flow; returns {flow: [(mac, seq), ...]} of what left."""
    bus = r.bus[1]
    at = len(bus.frames)
    for s in range(rounds):
        r.bus[0].send(*(frame(v6, f, s, dst) for f in range(FLOWS)))
    mine = lambda: [f for f in bus.frames[at:] if f[6:12] == R1 and len(f) == 100]  # noqa: E731
    r.until(f"v6={v6} {dst}: all packets leave", lambda: len(mine()) >= FLOWS * rounds)
    out = {}
    for f in mine():
        flow, seq = struct.unpack("!II", f[-8:])
        out.setdefault(flow, []).append((f[0:6], seq))
    return out


def check(what, out, macs, rounds=ROUNDS, share=None):
    used = {}
    for flow, l in out.items():
        m = {x for x, _ in l}
        if len(m) != 1:
            r.fail(f"{what}: flow {flow} took several paths")
        if [s for _, s in l] != list(range(rounds)):
            r.fail(f"{what}: flow {flow} out of order: {[s for _, s in l]}")
        used[l[0][0]] = used.get(l[0][0], 0) + 1
    if set(used) != set(macs):
        r.fail(f"{what}: paths used {sorted(m.hex() for m in used)}, not {sorted(m.hex() for m in macs)}")
    for m in macs:
        want = FLOWS * (share or {}).get(m, 1 / len(macs))
        if abs(used.get(m, 0) - want) > FLOWS * 0.15:
            r.fail(f"{what}: {m.hex()} has {used.get(m, 0)} of {FLOWS} flows, not about {want:.0f}")
    print(what, {m.hex()[-2:]: n for m, n in used.items()})


for v6 in (False, True):
    fam, net, pre = ("inet6", "2001:db8:50::/48", "2001:db8:1::") if v6 else ("inet", "198.18.0.0/16", "10.0.1.")
    gws = {b: pre + f"{b - 0x10}" for b in MAC}
    for b, a in gws.items():
        if r.try_call("neigh.add", family=fam, address=a, lladdr=":".join(f"{x:02x}" for x in MAC[b])) is not None and b != 0x11:
            r.fail(f"neighbour {a}")
    paths = lambda *bs: [{"gateway": gws[b], **({"weight": w} if w > 1 else {})} for b, w in bs]  # noqa: E731
    r.call("route.add", family=fam, dst=net, gateway=paths((0x11, 1), (0x13, 1)))
    check(f"{fam} two", burst(v6), [MAC[0x11], MAC[0x13]])
    r.call("route.change", family=fam, dst=net, gateway=paths((0x11, 1), (0x13, 1), (0x15, 1), (0x17, 1)))
    check(f"{fam} four", burst(v6), list(MAC.values()))
    r.call("route.change", family=fam, dst=net, gateway=paths((0x11, 3), (0x13, 1)))
    check(f"{fam} weights", burst(v6), [MAC[0x11], MAC[0x13]], share={MAC[0x11]: .75, MAC[0x13]: .25})
    r.call("route.delete", family=fam, dst=net, gateway=gws[0x11])
    check(f"{fam} one left", burst(v6), [MAC[0x13]])
    # a change moves traffic at once: the next packet sent after it goes the new way
    for b in (0x11, 0x13, 0x15, 0x11):
        r.call("route.change", family=fam, dst=net, gateway=gws[b])
        check(f"{fam} change", burst(v6, rounds=1), [MAC[b]], rounds=1)
    # longest match, and back
    more = "2001:db8:50::1" if v6 else "198.18.0.1"
    r.call("route.add", family=fam, dst=more, gateway=gws[0x17])
    check(f"{fam} more specific", burst(v6, rounds=1), [MAC[0x17]], rounds=1)
    r.call("route.delete", family=fam, dst=more)
    check(f"{fam} less specific", burst(v6, rounds=1), [MAC[0x11]], rounds=1)
    # one next hop serves many routes: a new address of the neighbour moves all
    for i in range(8):
        r.call("route.add", family=fam, dst=f"2001:db8:6{i}::/48" if v6 else f"198.2{i}.0.0/16", gateway=gws[0x15])
    other = bytes((2, 0, 0, 0, 0, 0x77 + v6))
    r.call("neigh.delete", family=fam, address=gws[0x15])
    r.call("neigh.add", family=fam, address=gws[0x15], lladdr=":".join(f"{x:02x}" for x in other))
    for i in range(8):
        check(f"{fam} indirect", burst(v6, f"2001:db8:6{i}::1" if v6 else f"198.2{i}.0.1", 1), [other], rounds=1)
r.end()
