# SPDX-License-Identifier: BSD-2-Clause
"""Forwarding between Linux interfaces, and how long packets take, beside Linux itself.

	source namespace e0 --- veth --- ra [router namespace] rb --- veth --- e0 sink namespace

One world of three namespaces a router: Linux, smpnet by AF_XDP, smpnet by AF_PACKET. All are there all the time, the ones not
measured asleep; the runs alternate. The source, and so whatever Linux does in its softirq, is on the first CPU, smpnet's worker
on the last. All run at nice -20: another process that takes the worker's CPU for a slice of milliseconds would be all that a 99th
percentile shows.
"""
import os
import statistics
import subprocess
import time

import netns
from common import CPU, CPUS, RUNS, SECONDS, Daemon, better_high, better_low, build, end, report, spawn, work

A4, B4, A6, B6 = "10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"
PEER = "Linux"
NICE = ["nice", "-n", "-20"]


def left_out(name):
    """Why the figure cannot be measured here; None: it can."""
    why = None
    if os.getuid() != 0:
        why = "needs root (network namespaces)"
    elif len(CPUS) < 2:
        why = "one CPU"
    elif subprocess.run(["ip", "netns", "add", f"smpnet{os.getpid()}-probe"], capture_output=True).returncode != 0:
        why = "no network namespaces here"
    else:
        subprocess.run(["ip", "netns", "del", f"smpnet{os.getpid()}-probe"], check=True)
    if why:
        print(f"{name:14} left out: {why}", flush=True)
    return why


class World:
    """Three namespaces and a router in the middle one: how is "Linux", "xdp" or "packet"."""

    def __init__(self, how):
        self.how = how
        self.s, self.r, self.k = (netns.Netns(f"{how}-{n}") for n in "srk")
        netns.veth(self.s, "e0", self.r, "ra")
        netns.veth(self.r, "rb", self.k, "e0")
        for ns in (self.s, self.k):
            ns.run("sysctl", "-qw", "net.ipv6.conf.e0.disable_ipv6=1")
        self.daemon = None
        (self.linux if how == PEER else self.smpnet)()

    def linux(self):
        r = self.r
        # with GRO it polls, and takes the frames of a source that makes no socket buffers
        r.run("ethtool", "-K", "ra", "gro", "on")
        r.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for dev, n in (("ra", 1), ("rb", 2)):
            r.ip("addr", "add", f"10.0.{n}.1/24", "dev", dev)
            r.ip("addr", "add", f"2001:db8:{n}::1/64", "dev", dev, "nodad")
        for a in (B4, B6):
            r.ip("neigh", "replace", a, "lladdr", self.k.mac("e0"), "dev", "rb", "nud", "permanent")

    def smpnet(self):
        self.daemon = d = Daemon(["-l", str(CPU)], prefix=[*NICE, *self.r.argv()])
        for dev in ("ra", "rb"):
            d.call("dev.attach", name=dev, via=self.how)
        configure(d, "xdp")
        d.cmd("arp", "-s", B4, self.k.mac("e0"))
        d.cmd("ndp", "-s", B6, self.k.mac("e0"))

    def source(self, kind, family, size):
        """=> packets a second that reach the sink with their hop count decremented"""
        src, dst = (A4, B4) if family == 4 else (A6, B6)
        sink = spawn(self.k.argv(build / "bench" / "pktsink", "e0", family), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        sink.stdout.readline()
        p = spawn([*NICE, *self.s.argv(build / "bench" / "pktsource", kind, "e0", CPUS[0], family, size, src, dst, self.r.mac("ra"), self.s.mac("e0"))])

        def read():
            sink.stdin.write("\n")
            t, good, _ = sink.stdout.readline().split()
            return float(t), int(good)
        try:
            time.sleep(0.5)
            t0, n0 = read()
            time.sleep(min(SECONDS, 1.5))
            t1, n1 = read()
            if p.poll() is not None:
                raise SystemExit("pktsource ended")
        finally:
            end(p)
            end(sink)
        return (n1 - n0) / (t1 - t0)

    def latency(self, count, spacing_us):
        return probe("veth", self.s.name, "e0", self.k.name, "e0", count, spacing_us, self.r.mac("ra"), self.s.mac("e0"))

    def end(self):
        if self.daemon:
            end(self.daemon.p)


def configure(d, kind):
    d.cmd("sysctl", "-q", "-w", "net.inet.ip.forwarding=1")
    d.cmd("sysctl", "-q", "-w", "net.inet6.ip6.forwarding=1")
    for n in (0, 1):
        d.cmd("ifconfig", f"{kind}{n}", "inet", f"10.0.{n + 1}.1/24")
        d.cmd("ifconfig", f"{kind}{n}", "inet6", f"2001:db8:{n + 1}::1/64")
        d.cmd("ifconfig", f"{kind}{n}", "up")


def probe(kind, a, ifa, b, ifb, count, spacing_us, dmac, smac):
    """=> {"p50": us, "p99": us, "p999": us, ...}"""
    out = subprocess.run([*NICE, build / "bench" / "latency", kind, a, ifa, b, ifb, str(CPUS[0]), str(count), str(int(spacing_us * 1000)), A4, B4,
                          dmac, smac], capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    return {k: float(v) for k, v in (line.split() for line in out.stdout.strip().split("\n"))}


class Memif:
    """smpnet between two memif interfaces, whose other ends are the probe's."""
    how = "memif"

    def __init__(self):
        self.daemon = d = Daemon(["-l", str(CPU)], prefix=NICE)
        self.sockets = [work / f"memif{n}.sock" for n in (0, 1)]
        for n in (0, 1):
            d.cmd("attach", f"net_memif{n},role=server,socket-abstract=no,socket={self.sockets[n]}", "queues", 1)
        configure(d, "memif")
        d.cmd("arp", "-s", B4, "02:00:00:00:00:99")
        self.mac = d.call("if.list", name="memif0")[0]["lladdr"]

    def latency(self, count, spacing_us):
        return probe("memif", self.sockets[0], "-", self.sockets[1], "-", count, spacing_us, self.mac, "02:00:00:00:00:01")

    def end(self):
        end(self.daemon.p)


class Control:
    """No router: a thread on the worker's CPU that hands back what it is given. What it takes longer is the machine's doing."""
    how, daemon = "control", None

    def latency(self, count, spacing_us):
        return probe("control", "spin" if spacing_us < 50 else "sleep", str(CPU), "-", "-", count, spacing_us, "02:00:00:00:00:02", "02:00:00:00:00:01")

    def end(self):
        pass


OTHERS = {"memif": Memif, "control": Control}


def with_worlds(hows, body):
    worlds = []
    try:
        for how in hows:
            worlds.append(OTHERS[how]() if how in OTHERS else World(how))
        body(worlds)
    finally:
        for w in worlds:
            w.end()
        netns.remove_all()


def forward(name, kind, family, size, hows=("xdp", "packet")):
    """One line a way of attaching; the named one is the better's."""
    if left_out(name):
        return

    def body(worlds):
        pps = {w.how: [] for w in worlds}
        for _ in range(RUNS):
            for w in worlds:
                pps[w.how].append(w.source(kind, family, size))
        ways = sorted(hows, key=lambda how: -statistics.median(pps[how]))
        report(name, "packets/s", pps[ways[0]], pps[PEER], PEER, better_high)
        print(f"{'':14} by AF_{ways[0].upper()}", flush=True)
        for how in ways[1:]:
            report(f"{name}.{how}", "packets/s", pps[how], pps[PEER], PEER, better_high)
    with_worlds([PEER, *hows], body)


# name, packets, us apart: the worker awake, at a tenth of what it can carry; asleep
LOADS = (("load10", 60000, 7), ("1ms", 1000, 1000), ("10ms", 150, 10000))


def bench_latency():
    if left_out("latency"):
        return

    def body(worlds):
        for load, count, us in LOADS:
            got = {w.how: [] for w in worlds}
            for _ in range(RUNS):
                for w in worlds:
                    got[w.how].append(w.latency(count, us))
            for how, label in (("xdp", "veth"), ("packet", "veth.packet"), ("memif", "memif")):
                report(f"latency.{label}.{load}", "µs p99", [g["p99"] for g in got[how]], [g["p99"] for g in got[PEER]], PEER, better_low,
                       "{:.1f}")
            for how in got:
                print(f"{'':14} {how:8}" + ", ".join(f"{q} {statistics.median(g[q] for g in got[how]):.1f}" for q in ("p50", "p99", "p999", "lost")),
                      flush=True)
    with_worlds([PEER, "xdp", "packet", "memif", "control"], body)


FIGURES = {
    "kernel.veth.64": lambda: forward("kernel.veth.64", "packet", 4, 62),
    "kernel.veth.1500": lambda: forward("kernel.veth.1500", "packet", 4, 1514),
    "kernel.veth6.64": lambda: forward("kernel.veth6.64", "packet", 6, 66),
    "kernel.veth6.1500": lambda: forward("kernel.veth6.1500", "packet", 6, 1514),
    # a source that hands on frames as a device's driver does, without socket buffers
    "kernel.frames.64": lambda: forward("kernel.frames.64", "frames", 4, 62, ("xdp",)),
    "latency": bench_latency,
}
