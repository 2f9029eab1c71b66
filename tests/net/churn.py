#!/usr/bin/python3
"""churn.py BUILD SOCKET: configuration changes under traffic: no packet of a route that stays is lost or overtaken; interfaces go with
packets in every state; afterwards all buffers are home and the packet sum holds."""
import struct
import sys
import threading
import time

from wire import NEAR, Router
from packets import udp4, udp6
from smpnetd import Client

r = Router(sys.argv[1], sys.argv[2])
R0, R1 = (bytes.fromhex(r.mac[f"shmif{i}"].replace(":", "")) for i in (0, 1))
near = bytes.fromhex(NEAR.replace(":", ""))


def frame(v6, dst, seq):
    p = (udp6 if v6 else udp4)(R0, near, "2001:db8::1" if v6 else "10.0.0.1", dst, 1000, 53, size=100)
    return p[:-8] + struct.pack("!II", 0xfeed0000 + v6, seq)


def seqs(v6):
    tag = struct.pack("!I", 0xfeed0000 + v6)
    return [struct.unpack("!I", f[-4:])[0] for f in r.bus[1].frames if f[-8:-4] == tag and f[6:12] == R1]


# routes come, change and go around those that carry traffic
dst = ["198.18.0.1", "2001:db8:50::1"]
r.call("neigh.add", family="inet", address="10.0.1.3", lladdr="02:00:00:00:00:11")
r.call("route.add", family="inet", dst="198.18.0.0/16", gateway="10.0.1.1")
r.call("route.add", family="inet6", dst="2001:db8:50::/48", gateway="2001:db8:1::1")
stop = threading.Event()


def churn():
    c, n = Client(sys.argv[2]), 0
    while not stop.is_set():
        for i in range(200):
            c.call("route.add", family="inet", dst=f"198.18.{i}.0/25", gateway="10.0.1.1")
            c.call("route.add", family="inet6", dst=f"2001:db8:50:{i:x}::/64", gateway="2001:db8:1::1")
            c.call("route.add", family="inet", dst=f"198.18.0.{i}/32", gateway="10.0.1.1")
        c.call("route.change", family="inet", dst="198.18.0.0/16",
               gateway=["10.0.1.1", "10.0.1.3", [{"gateway": "10.0.1.1"}, {"gateway": "10.0.1.3", "weight": 3}]][n % 3])
        for i in range(200):
            c.call("route.delete", family="inet", dst=f"198.18.{i}.0/25")
            c.call("route.delete", family="inet6", dst=f"2001:db8:50:{i:x}::/64")
            c.call("route.delete", family="inet", dst=f"198.18.0.{i}/32")
        n += 1
    print(n, "rounds of 600 routes")


def quiet(f):
    try:
        f()
    except Exception as e:
        r.fail(f"churn: {e!r}")


t = threading.Thread(target=quiet, args=(churn,))
t.start()
n, end = 0, time.monotonic() + 6
while time.monotonic() < end or n < 2000:
    r.bus[0].send(*(frame(v, dst[v], n + i) for i in range(40) for v in (0, 1)))
    n += 40
stop.set()
t.join()
for v in (0, 1):
    r.until(f"v6={v}: all {n} packets leave", lambda: len(seqs(v)) >= n)
    got = seqs(v)
    if got != list(range(n)):
        r.fail(f"v6={v}: {len(got)} of {n} left, in order: {got == sorted(got)}; drops "
               f"{ {k[1]: x for k, x in r.counts().items() if k[0] == 'drop' and x} }")
print(n, "packets of each family")

r.call("route.change", family="inet", dst="198.18.0.0/16", gateway="10.0.1.1")

# interfaces go: with packets that wait for a neighbour, with addresses being checked, down, with the next hops of routes on it
stop.clear()
sent = [0]


def traffic():
    while not stop.is_set():
        s = sent[0]
        r.bus[0].send(*(frame(v, d, s) for v, a in enumerate((["10.0.1.1", "10.0.1.50", "10.0.1.60", "198.18.0.1"],
                                                              ["2001:db8:1::1", "2001:db8:1::50", "2001:db8:1::60", "2001:db8:50::1"]))
                        for d in a for _ in range(4)))
        sent[0] += 1


t = threading.Thread(target=quiet, args=(traffic,))
t.start()
for k in range(24):
    if k % 3 == 1:
        r.call("sysctl.set", name="net.inet.ip.dad_count", value=3)
        r.call("sysctl.set", name="net.inet6.ip6.dad_count", value=3)
    if k % 4 == 2:
        r.call("if.set", name="shmif1", up=False)
    if k % 4 == 3:
        r.call("if.set", name="shmif1", linkstr=None)
    r.call("if.destroy", name="shmif1")
    r.call("if.create", name="shmif1")
    r.call("if.set", name="shmif1", linkstr=r.bus[1].path if r.bus[1].path[0] == "/" else __import__("os").path.abspath(r.bus[1].path))
    r.call("if.addr.add", name="shmif1", family="inet", address="10.0.1.2", plen=24)
    r.call("if.addr.add", name="shmif1", family="inet6", address="2001:db8:1::2", plen=64)
    r.call("if.set", name="shmif1", up=True)
    r.call("neigh.add", family="inet", address="10.0.1.1", lladdr="02:00:00:00:00:11")
    r.call("neigh.add", family="inet6", address="2001:db8:1::1", lladdr="02:00:00:00:00:11")
    time.sleep(0.05 * (k % 5))
    r.call("sysctl.set", name="net.inet.ip.dad_count", value=0)
    r.call("sysctl.set", name="net.inet6.ip6.dad_count", value=0)
stop.set()
t.join()
R1 = bytes.fromhex(next(i["lladdr"] for i in r.call("if.list") if i["name"] == "shmif1").replace(":", ""))
for v in (0, 1):
    was = len(seqs(v))

    def again():
        r.bus[0].send(frame(v, dst[v], 7))
        return len(seqs(v)) > was
    r.until(f"v6={v}: the routes work with the interface that came again", again)
r.call("if.destroy", name="shmif1")


def sums():
    c = r.counts()
    p = {k[1]: v for k, v in c.items() if k[0] == "pkt"}
    return p["PKT_RECEIVED"] + p["PKT_ORIGINATED"] + p["PKT_COPIES"] == \
        p["PKT_TRANSMITTED"] + sum(v for k, v in c.items() if k[0] == "drop") + p["PKT_CONSUMED"]


r.until("the packet sum", sums, 60)
r.until("all buffers come home", lambda: all(w["pool_free"] == w["pool_size"] for w in r.call("stats.workers")), 60)
print(sent[0], "bursts while interfaces went;", {k[1]: x for k, x in r.counts().items() if k[0] == "drop" and x})
r.end()
