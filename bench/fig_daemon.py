# SPDX-License-Identifier: BSD-2-Clause
"""Figures of the daemon: start, idling, waking."""
import os
import statistics
import subprocess
import time

import netns
from common import CPU, CPUS, RUNS, SECONDS, Daemon, better_low, build, note, report, work


def bench_start_ms():
    ours = []
    for _ in range(max(RUNS, 5)):
        with Daemon(["-w", "2"]) as d:
            ours.append(d.start_ms)
    report("start.ms", "ms", ours, None, None, None)


def bench_idle_cpu():
    """Four interfaces with descriptors, two workers: percent of a core, all threads, while nothing happens."""
    root = os.getuid() == 0
    ns = netns.Netns("r") if root else None
    try:
        with Daemon(["-w", "2"], prefix=ns.argv() if root else []) as d:
            names = ["shmif0", "shmif1", "tap0", "xdp0"] if root else ["shmif0", "shmif1", "shmif2", "shmif3"]
            if root:
                ns.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
                for dev in ("v0", "v1"):
                    ns.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1", check=False)
                    ns.ip("link", "set", dev, "up")
                d.cmd("attach", "v0")
            for i, name in enumerate(names):
                if name != "xdp0":
                    d.cmd("ifconfig", name, "create")
                if name.startswith("shmif"):
                    d.cmd("ifconfig", name, "linkstr", str(work / f"bus{i}"))
                if name == "tap0":
                    ns.run("sysctl", "-qw", "net.ipv6.conf.tap0.disable_ipv6=1", check=False)
                    ns.ip("link", "set", "tap0", "up", check=False)
                d.cmd("ifconfig", name, "inet", f"10.{i}.0.1/24")
                d.cmd("ifconfig", name, "inet6", f"2001:db8:{i}::1/64")
                d.cmd("ifconfig", name, "up")
            time.sleep(8)

            def cpu():
                total = 0
                for t in os.listdir(f"/proc/{d.pid}/task"):
                    try:
                        total += int(open(f"/proc/{d.pid}/task/{t}/schedstat").read().split()[0])
                    except OSError:
                        pass
                return total / 1e9
            ours = []
            for _ in range(RUNS):
                a, ta = cpu(), time.monotonic()
                time.sleep(max(SECONDS, 3))
                ours.append(100 * (cpu() - a) / (time.monotonic() - ta))
    finally:
        if root:
            netns.remove_all()
    report("idle.cpu", "% of a core", ours, None, None, None, "{:.2f}")
    note(f"interfaces: {' '.join(names)}")


def bench_wake_p99():
    """First packet after idling: through an idle router, beside two plain threads and an eventfd."""
    ours, theirs, p50 = [], [], []
    bus = work / "wakebus"
    with Daemon(["-l", str(CPU)]) as d:
        d.cmd("ifconfig", "shmif0", "create")
        d.cmd("ifconfig", "shmif0", "linkstr", str(bus))
        d.cmd("ifconfig", "shmif0", "inet", "10.0.0.1/24", "up")
        d.cmd("arp", "-s", "10.0.0.2", "02:00:00:00:00:02")
        mac = d.call("if.list", name="shmif0")[0]["lladdr"]
        time.sleep(5)
        for _ in range(RUNS):
            out = subprocess.check_output([build / "bench" / "wake", bus, mac, "10.0.0.2", "10.0.0.1", str(CPUS[0]), str(CPU)], text=True)
            v = dict(line.split() for line in out.strip().split("\n"))
            ours.append(float(v["router_p99"]))
            theirs.append(float(v["control_p99"]))
            p50.append((float(v["router_p50"]), float(v["control_p50"])))
    report("wake.p99", "µs", ours, theirs, "control run", better_low, "{:.1f}")
    note(f"p50: {statistics.median(a for a, _ in p50):.1f}, control run {statistics.median(b for _, b in p50):.1f}")


FIGURES = {"start.ms": bench_start_ms, "idle.cpu": bench_idle_cpu, "wake.p99": bench_wake_p99}
