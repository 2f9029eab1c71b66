# SPDX-License-Identifier: BSD-2-Clause
"""A router between the built-in source gen0 and the sink gen1, for the figures of tables and of changes under load."""
import json
import os
import subprocess
import threading
import time

from common import CPU, Daemon, build, work

LINE = 1000  # routes or neighbours in a request


class Router(Daemon):
    """gen1 is the sink, in 10.254.0.0/15 and 2001:db8:fe::/64; gen0 is what source() makes it."""

    def __init__(self, *args):
        super().__init__(["-l", str(CPU), *args])
        for s in ("ip.forwarding", "ip.dad_count"):
            self.call("sysctl.set", name=f"net.inet.{s}", value=int("forw" in s))
            self.call("sysctl.set", name=f"net.inet6.{s.replace('ip.', 'ip6.')}", value=int("forw" in s))
        self.call("dev.attach", name="gen1,sink=1")
        self.call("if.addr.add", name="gen1", family="inet", address="10.254.0.1", plen=15)
        self.call("if.addr.add", name="gen1", family="inet6", address="2001:db8:fe::1", plen=64)
        self.call("if.set", name="gen1", up=True)
        self.tid = next(t for t in os.listdir(f"/proc/{self.pid}/task")
                        if open(f"/proc/{self.pid}/task/{t}/comm").read().strip() == "worker0")

    def no_source(self):
        if any(i["name"] == "gen0" for i in self.call("if.list")):
            self.call("dev.detach", name="gen0")

    def source(self, **keys):
        self.no_source()
        self.call("dev.attach", name=",".join(["gen0"] + [f"{k}={v}" for k, v in keys.items()]))
        self.call("if.set", name="gen0", up=True)

    def stop(self):
        self.call("if.set", name="gen0", up=False)

    def interface(self, name):
        return self.call("if.list", name=name)[0]

    def cpu_ns(self):
        return int(open(f"/proc/{self.pid}/task/{self.tid}/schedstat").read().split()[0])

    def cycles(self, seconds=0.4, warm=0.15):
        """Cycles a packet sent, by the worker's CPU time; nothing may be lost on the way."""
        time.sleep(warm)
        a, ns = self.call("stats.workers")[0], self.cpu_ns()
        time.sleep(seconds)
        b, ns = self.call("stats.workers")[0], self.cpu_ns() - ns
        received, sent = b["received"] - a["received"], b["transmitted"] - a["transmitted"]
        if sent < 0.99 * received or sent == 0:
            raise SystemExit(f"of {received} packets {sent} were sent on: " +
                             ", ".join(f"{d['value']} {d['text']}" for d in self.call("stats.drops") if d["value"]))
        return ns * b["tsc_hz"] / 1e9 / sent

    def pipeline(self, requests):
        """Sends prebuilt lines, as many under way as the socket takes; everything in them must succeed."""
        t = threading.Thread(target=lambda: self.sock.sendall(b"".join(requests)))
        t.start()
        failed = []
        for _ in requests:
            a = json.loads(self.f.readline())
            if "error" in a or a["result"]["nfailed"]:
                failed.append(a)
        t.join()
        if failed:
            raise SystemExit(f"{len(failed)} requests failed: {str(failed[0])[:300]}")


def lines(method, what, items, **params):
    return [(json.dumps({"jsonrpc": "2.0", "id": i, "method": method, "params": {what: items[i:i + LINE], **params}},
                        separators=(",", ":")) + "\n").encode() for i in range(0, len(items), LINE)]


def gateway(family, n):
    return f"10.254.1.{n + 1}" if family == 4 else f"2001:db8:fe::1:{n + 1:x}"


def gateways(d, count):
    """The next hops, resolved."""
    d.call("neigh.batch", add=[[gateway(f, n), f"02:00:00:00:{f:02x}:{n:02x}"] for f in (4, 6) for n in range(count)])


def dfz_routes(family, count, hops, seed=1):
    out = subprocess.run([build / "bench/dfz", str(family), str(count), str(seed), "routes", str(hops)], check=True,
                         capture_output=True, text=True).stdout
    return [(p, int(n) % hops) for p, n in (line.split() for line in out.splitlines())]


def dfz_destinations(family, count, n, seed=1):
    name = work / f"dsts.{family}.{count}.{n}"
    if not name.exists():
        subprocess.run([build / "bench/dfz", str(family), str(count), str(seed), "dsts", str(n), name], check=True)
    return name


def default_route(d, family):
    d.call("route.add", family="inet" if family == 4 else "inet6", dst="default", gateway=gateway(family, 0))
