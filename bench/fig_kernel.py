# SPDX-License-Identifier: BSD-2-Clause
"""Forwarding between Linux interfaces, and how long packets take, beside Linux itself.

	source namespace e0 --- veth --- ra [router namespace] rb --- veth --- e0 sink namespace

One world of three namespaces a router: Linux, smpnet by AF_XDP, smpnet by AF_PACKET. All are there all the time, the ones not
measured asleep; the runs alternate. The source, and so whatever Linux does in its softirq, is on the first CPU, smpnet's worker
on the last. Throughput runs at nice -20; latency as a real-time class, in rounds of some 20 to 80 ms in which each has its turn: another process
that takes the worker's CPU for a slice of milliseconds would be all that a 99th percentile shows.
"""
import os
import signal
import statistics
import subprocess
import time

import netns
from common import CPU, CPUS, RUNS, SECONDS, Daemon, better_high, better_low, build, end, note, report, spawn, work

A4, B4, A6, B6 = "10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"
PEER = "Linux"
AWAKE_US = ("50", "10000000")  # net.smp.worker.awake_us: as set at first, and when polling
NICE = ["nice", "-n", "-20"]
# Latency's short rounds: nothing else of this machine runs on the CPUs meanwhile (what the host takes away, it takes)
FIRST = ["chrt", "-f", "1"]


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

    def __init__(self, how, prio=()):
        self.how, self.prio = how, prio or NICE
        self.s, self.r, self.k = (netns.Netns(f"{how.replace(' ', '-')}-{n}") for n in "srk")
        netns.veth(self.s, "e0", self.r, "ra")
        netns.veth(self.r, "rb", self.k, "e0")
        for ns in (self.s, self.k):
            ns.run("sysctl", "-qw", "net.ipv6.conf.e0.disable_ipv6=1")
        self.daemon = None
        (self.linux if how.startswith(PEER) else self.smpnet)()

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

        if self.how != PEER:
            # the second of two CPUs forwards, as smpnet's worker does
            r.run("sh", "-c", f"printf %x {1 << CPU} > /sys/class/net/ra/queues/rx-0/rps_cpus")

    def smpnet(self):
        self.daemon = d = Daemon(["-l", str(CPU)], prefix=[*self.prio, *self.r.argv()])
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

    def probe(self):
        return Probe("veth", self.s.name, "e0", self.k.name, "e0", self.r.mac("ra"), self.s.mac("e0"))

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


class Probe:
    """build/bench/latency, which sleeps between its runs."""

    def __init__(self, kind, a, ifa, b, ifb, dmac, smac):
        self.p = spawn([*FIRST, build / "bench" / "latency", kind, a, ifa, b, ifb, CPUS[0], A4, B4, dmac, smac], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True, bufsize=1)
        if self.p.stdout.readline() != "ready\n":
            raise SystemExit("latency: the probe does not start")

    def run(self, count, spacing_us):
        """=> microseconds of each packet, and how many were lost"""
        self.p.stdin.write(f"{count} {int(spacing_us * 1000)}\n")
        lost, *took = self.p.stdout.readline().split()
        return [int(t) / 1e3 for t in took], int(lost)


class Memif:
    """smpnet between two memif interfaces, whose other ends are the probe's."""
    def __init__(self, how, prio):
        self.how = how
        self.daemon = d = Daemon(["-l", str(CPU)], prefix=prio)
        self.sockets = [work / f"memif{n}.sock" for n in (0, 1)]
        for n in (0, 1):
            d.cmd("attach", f"net_memif{n},role=server,socket-abstract=no,socket={self.sockets[n]}", "queues", 1)
        configure(d, "memif")
        d.cmd("arp", "-s", B4, "02:00:00:00:00:99")
        self.mac = d.call("if.list", name="memif0")[0]["lladdr"]

    def probe(self):
        return Probe("memif", self.sockets[0], "-", self.sockets[1], "-", self.mac, "02:00:00:00:00:01")

    def end(self):
        end(self.daemon.p)


class Control:
    """No router: a thread on the worker's CPU that hands back what it is given, and sleeps when a worker does."""
    daemon = None

    def __init__(self, how, _):
        self.how = how

    def probe(self):
        return Probe("control", AWAKE_US[self.how.endswith("poll")], str(CPU), "-", "-", "02:00:00:00:00:02", "02:00:00:00:00:01")

    def end(self):
        pass


OTHERS = {"memif": Memif, "control": Control, "control poll": Control}


def with_worlds(hows, body, prio=NICE):
    worlds = []
    try:
        for how in hows:
            worlds.append(OTHERS.get(how, World)(how, prio))
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


class Way:
    """One of those compared: a world with its probe; stopped whenever another's turn is on."""

    def __init__(self, world, probe, poll):
        self.world, self.probe, self.poll = world, probe, poll
        self.name = world.how + (" poll" if poll and world.daemon else "")
        self.took, self.lost, self.p99 = [], 0, []

    def signal(self, number):
        for p in [self.probe.p] + ([self.world.daemon.p] if self.world.daemon else []):
            p.send_signal(number)

    def round(self, count, us):
        self.signal(signal.SIGCONT)
        if self.world.daemon:
            self.world.daemon.cmd("sysctl", "-q", "-w", f"net.smp.worker.awake_us={AWAKE_US[self.poll]}")
        time.sleep(0.02)  # what stopping and asking left behind; and a host that rations CPU time gives some back
        if self.poll:
            self.probe.run(3, 100)  # awake from here on
        skip = 200 if us < 50 else 0  # the first packets of a load find the worker asleep
        took, lost = self.probe.run(count + skip, us)
        took = took[skip:]
        self.signal(signal.SIGSTOP)
        self.took += took
        self.lost += lost
        self.p99.append(quantile(took, 0.99))


def quantile(took, q):
    return sorted(took)[min(len(took) - 1, int(q * len(took)))] if took else float("inf")


# name, packets a round, rounds, us apart: a tenth of what the path carries, where the worker is awake; single packets
LOADS = (("load10", 3000, 40, 7), ("1ms", 40, 40, 1000), ("10ms", 8, 25, 10000))
LATENCY = [PEER, f"{PEER} second CPU", "xdp", "packet", "memif", "control", "control poll"]


def bench_latency():
    """Many short rounds, in each of which every way has its turn: what the machine does to one it does to all."""
    if left_out("latency"):
        return

    def body(worlds):
        probes = [(w, w.probe()) for w in worlds]
        for w, p in probes:
            Way(w, p, False).signal(signal.SIGSTOP)
        for load, count, rounds, us in LOADS:
            ways = [Way(w, p, w.how.endswith("poll")) for w, p in probes if us > 50 or not w.how.endswith("poll")]
            if us > 50:
                ways += [Way(w, p, True) for w, p in probes if w.daemon]
            for _ in range(rounds):
                for way in ways:
                    way.round(count, us)
            by = {way.name: way for way in ways}
            for way in ways:
                if way.world.daemon:
                    label = {"xdp": "veth", "packet": "veth.packet", "memif": "memif"}[way.world.how] + (".poll" if way.poll else "")
                    report(f"latency.{label}.{load}", "µs p99", way.p99, by[PEER].p99, PEER, better_low, "{:.1f}")
            note(f"{load}: all packets of {rounds} rounds, µs; excess: over the control run that sleeps alike")
            for way in ways:
                control = by["control poll" if way.poll and us > 50 else "control"]
                q = [quantile(way.took, q) for q in (0.5, 0.99, 0.999)]
                excess = "" if way.name.startswith((PEER, "control")) else f", excess at p99 {q[1] - quantile(control.took, 0.99):.1f}, " \
                    f"in the median round {statistics.median(a - b for a, b in zip(way.p99, control.p99)):.1f}"
                note(f"  {way.name:17} p50 {q[0]:.1f}, p99 {q[1]:.1f}, p99.9 {q[2]:.1f}, median round's p99 {statistics.median(way.p99):.1f}"
                     f", lost {way.lost} of {len(way.took) + way.lost}{excess}")
        for w, p in probes:
            Way(w, p, False).signal(signal.SIGCONT)
            p.p.stdin.close()
            end(p.p)
    with_worlds(LATENCY, body, FIRST)


FIGURES = {
    "kernel.veth.64": lambda: forward("kernel.veth.64", "packet", 4, 62),
    "kernel.veth.1500": lambda: forward("kernel.veth.1500", "packet", 4, 1514),
    "kernel.veth6.64": lambda: forward("kernel.veth6.64", "packet", 6, 66),
    "kernel.veth6.1500": lambda: forward("kernel.veth6.1500", "packet", 6, 1514),
    # a source that hands on frames as a device's driver does, without socket buffers
    "kernel.frames.64": lambda: forward("kernel.frames.64", "frames", 4, 62, ("xdp",)),
    "latency": bench_latency,
}
