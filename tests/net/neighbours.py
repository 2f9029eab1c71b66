#!/usr/bin/python3
"""neighbours.py BUILD SOCKET: packets that wait for a neighbour are few, in order, and counted; a scan of a network leaves room for
the others and costs named drops."""
import socket
import struct
import sys

from wire import FAR, NEAR, Router
from packets import udp4, udp6
from scapy.all import ARP, Ether, ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6

r = Router(sys.argv[1], sys.argv[2])
R0, R1 = (bytes.fromhex(r.mac[f"shmif{i}"].replace(":", "")) for i in (0, 1))
near = bytes.fromhex(NEAR.replace(":", ""))
MAXQUEUE = 8


def frame(v6, dst, seq, size=100):
    p = (udp6 if v6 else udp4)(R0, near, "2001:db8::1" if v6 else "10.0.0.1", dst, 1000, 53, size=size)
    return p[:-8] + struct.pack("!II", 0xfeedbeef, seq)


def left(at):
    return [struct.unpack("!I", f[-4:])[0] for f in r.bus[1].frames[at:] if f[-8:-4] == b"\xfe\xed\xbe\xef" and f[6:12] == R1]


def asked(v6, dst, at):
    want = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, dst)
    for f in r.bus[1].frames[at:]:
        if v6 and f[12:14] == b"\x86\xdd" and f[54] == 135 and f[62:78] == want:
            return True
        if not v6 and f[12:14] == b"\x08\x06" and f[38:42] == want:
            return True
    return False


def answer(v6, dst, mac):
    if v6:
        r.bus[1].send(Ether(src=mac, dst=r.mac["shmif1"]) / IPv6(src=dst, dst="2001:db8:1::2", hlim=255) /
                      ICMPv6ND_NA(tgt=dst, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac))
    else:
        r.bus[1].send(Ether(src=mac, dst=r.mac["shmif1"]) / ARP(op=2, hwsrc=mac, psrc=dst, hwdst=r.mac["shmif1"], pdst="10.0.1.2"))


for v6 in (False, True):
    dst, mac = ("2001:db8:1::9", "02:00:00:00:00:19") if v6 else ("10.0.1.9", "02:00:00:00:00:19")
    g = ("nd6", "ND_") if v6 else ("arp", "ARP_")
    for n in (1, 7, MAXQUEUE, 20):
        was, at = r.counts(), len(r.bus[1].frames)
        r.bus[0].send(*(frame(v6, dst, s) for s in range(n)))
        r.until(f"v6={v6}: nobody asks for {dst}", lambda: asked(v6, dst, at))
        r.drained(0)
        answer(v6, dst, mac)
        keep = min(n, MAXQUEUE)
        r.until(f"v6={v6}: {n} waited, not {keep} leave", lambda: len(left(at)) >= keep)
        got = left(at)
        # as in NetBSD the oldest make room
        if got != list(range(n))[-keep:] and n <= 16:
            r.fail(f"v6={v6}: of {n} left {got}")
        if len(got) != keep or got != sorted(got):
            r.fail(f"v6={v6}: of {n} left {got}, not {keep} in order")
        now = r.counts()
        d = lambda k: now[k] - was[k]  # noqa: E731
        if d((g[0], g[1] + "DFRSENT")) != keep:
            r.fail(f"v6={v6}: {n} waited, {d((g[0], g[1] + 'DFRSENT'))} counted as sent")
        if d(("drop", "NEIGH_WAIT")) != n - keep:
            r.fail(f"v6={v6}: {n} waited, {d(('drop', 'NEIGH_WAIT'))} dropped by name")
        r.bus[0].send(frame(v6, dst, 99))
        r.until(f"v6={v6}: the next goes at once", lambda: 99 in left(at))
        r.call("neigh.delete", family="inet6" if v6 else "inet", address=dst)
        import time
        time.sleep(1.1)  # a neighbour is not asked twice in a second

# a scan: 4000 addresses of which none answers, with traffic to a neighbour that is there
r.call("if.addr.add", name="shmif1", family="inet", address="10.9.0.1", plen=16)
for v6 in (False, True):
    was, at = r.counts(), len(r.bus[1].frames)
    scan = [f"2001:db8:1:0:5::{i:x}" if v6 else f"10.9.{i >> 8}.{i & 255}" for i in range(256, 4256)]
    good = "2001:db8:1::1" if v6 else "10.0.1.1"
    fresh = "2001:db8:1::77" if v6 else "10.0.1.77"
    sent = 0
    for i in range(0, len(scan), 40):
        r.bus[0].send(*(frame(v6, a, 1) for a in scan[i:i + 40]), frame(v6, good, 1000 + sent))
        sent += 1
    r.until(f"v6={v6}: traffic to who is there passes during a scan", lambda: sum(s >= 1000 for s in left(at)) == sent)
    at = len(r.bus[1].frames)

    def resolves():
        r.bus[0].send(frame(v6, fresh, 5))
        if asked(v6, fresh, at):
            answer(v6, fresh, "02:00:00:00:00:78")
        return 5 in left(at)
    r.until(f"v6={v6}: a new neighbour is found after a scan", resolves)
    # what waited ends as a named drop
    now = r.counts()
    n = len(r.call("neigh.list", family="inet6" if v6 else "inet"))
    print("v6" if v6 else "v4", n, "neighbours", {k[1]: now[k] - was[k] for k in now if k[0] == "drop" and now[k] != was[k]})


def ended():
    c = r.counts()
    drops = sum(v for k, v in c.items() if k[0] == "drop")
    p = {k[1]: v for k, v in c.items() if k[0] == "pkt"}
    return p["PKT_RECEIVED"] + p["PKT_ORIGINATED"] + p["PKT_COPIES"] == p["PKT_TRANSMITTED"] + drops + p["PKT_CONSUMED"]


r.until("received + originated + copies = transmitted + dropped + consumed", ended, 60)
r.end()
