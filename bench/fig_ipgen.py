# SPDX-License-Identifier: BSD-2-Clause
"""Figures of ipgen itself, and of a router measured by it from a CPU of its own.

ipgen.null.1w: frames of 64 octets to net_null (copy off), each with its number, time stamp and checksum, beside testpmd's txonly.
ipgen.null.flows: 1,000 flows beside testpmd's txonly with many.  ipgen.null.2w: two workers beside one, bursts of 32 each.
ipgen.check: what a packet costs that is sent through a loop in memory and checked, above
what it costs to send.  ipgen.pace: how near the packets sent come to the rate asked, and the most of them in 10 ms.
memif.64.ndr: the rate without loss through two memif interfaces, found by ipgen's binary search, beside testpmd's io forwarding.
"""
import json
import os
import shutil
import statistics
import subprocess
import time

from common import (CPU, CPUS, RUNS, SECONDS, Daemon, Telemetry, better_high, better_low, build, eal, end, note, report, runtime_dir, sample, spawn,
                    tsc_mhz, work)

NULL = "net_null0,no-rx=1,copy=0"
BURST = 32
NICE = ["nice", "-n", "-20"] if os.getuid() == 0 else []


def ipgen(*args, timeout=140):
    """=> the rows of its report"""
    out = work / "ipgen.json"
    out.unlink(missing_ok=True)
    r = subprocess.run([str(a) for a in (*NICE, build / "ipgen/ipgen", "--nocurses", "-q", "--no-floor", "--json", out, *args)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=timeout)
    if r.returncode != 0:
        raise SystemExit(f"ipgen {' '.join(map(str, args))}: {r.stderr[-500:]}")
    return json.loads(out.read_text())["rows"]


def send(cpus, *args, port=("-T", NULL), size=64, seconds=SECONDS, rate="max"):
    """=> the first direction's figures of a run"""
    # not held back by the rate that a device pretends to have
    return ipgen(*port, "--rate", rate, "--linerate", 1000000000000, "--size", size, "-t", seconds, "--warmup", 0.3, "--drain", 0.1, "--workers", len(cpus), "--cpus",
                 ",".join(map(str, cpus)), *args)[-1]["result"]["directions"][0]


def txonly(*args):
    """testpmd's packets a second to the same device, by its own counters"""
    prefix = f"bi{time.monotonic_ns()}"
    p = spawn([*NICE, "dpdk-testpmd", *eal(prefix, f"0@{CPUS[0]},1@{CPU}", NULL), "--", "--forward-mode=txonly", "--auto-start", "--txpkts=60",
               "--total-num-mbufs=16384", *args], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        t = Telemetry(prefix, p)

        def opackets():
            t.s.send(b"/ethdev/stats,0")
            return json.loads(t.s.recv(65536))["/ethdev/stats"]["opackets"]
        return sample(opackets)
    finally:
        end(p)
        shutil.rmtree(runtime_dir() / prefix, ignore_errors=True)


def left_out(name):
    if len(CPUS) < 2:
        print(f"{name:14} left out: one CPU", flush=True)
        return True
    return False


def one_worker(name, flows, peer, *peer_args):
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(txonly(*peer_args))
        ours.append(send([CPU], *flows)["tx_pps"])
    report(name, "packets/s", ours, theirs, peer, better_high)
    mhz = tsc_mhz()
    note(f"cycles a packet: {mhz * 1e6 / statistics.median(ours):.1f}, testpmd {mhz * 1e6 / statistics.median(theirs):.1f}")


def bench_null_1w():
    one_worker("ipgen.null.1w", [], "testpmd txonly")


def bench_null_flows():
    one_worker("ipgen.null.flows", ["-F", 1000, "--sport", "1024-2047"], "testpmd txonly, many flows", "--txonly-multi-flow")


def bench_null_2w():
    if left_out("ipgen.null.2w"):
        return
    one, two = [], []
    for _ in range(RUNS):
        one.append(send([CPU], "-F", 1024, "--sport", "1024-2047")["tx_pps"])
        # queues of a direction share the burst: each worker has the one worker's 32
        two.append(send(CPUS[-2:], "--burst", 2 * BURST, "-F", 1024, "--sport", "1024-2047")["tx_pps"])
    report("ipgen.null.2w", "packets/s", two, one, "one worker", better_high)


def bench_check():
    """One worker sends to itself; what that takes above sending to net_null is the loop and the check."""
    mhz, both, alone = tsc_mhz(), [], []
    for _ in range(RUNS):
        alone.append(mhz * 1e6 / send([CPU])["tx_pps"])
        d = send([CPU], port=("-T", "loop"))
        if d["lost"] or d["received"] != d["sent"]:
            note(f"of {d['sent']} packets {d['received']} came back")
        both.append(mhz * 1e6 / d["rx_pps"])
    check = [b - a for a, b in zip(alone, both)]
    report("ipgen.check", "cycles a packet", check, alone, "sending", better_low, "{:.1f}")
    note(f"sent, looped and checked: {statistics.median(both):.1f} cycles a packet")


def pace(name, ports, workers):
    for rate in (1000, 100000, 1000000):
        error, peak, median, most = [], [], [], []
        for _ in range(RUNS):
            d = send(CPUS[-workers:], port=ports, rate=rate, seconds=2)
            error.append(abs(d["sent"] / (2 * rate) - 1) * 100)
            peak.append(d["peak_10ms"] or 0)
            median.append(d["burst_median"])
            most.append(d["burst_max"])
        report(f"ipgen.pace.{name}.{rate}", "% off the count", error, None, None, None, "{:.4f}")
        note(f"worst {max(error):.4f} %; in 10 ms {max(peak)} at most, {rate // 100} asked and a burst of {BURST}: "
             f"{'within' if max(peak) <= rate / 100 + BURST else 'ABOVE'}; burst median {statistics.median(median):.0f}, most {max(most)}")


def bench_pace():
    pace("null", ("-T", NULL), 1)
    sock = work / "pace.sock"
    pace("memif", ("-T", f"net_memif0,role=server,socket-abstract=no,socket={sock}", "-R",
                   f"net_memif1,role=client,socket-abstract=no,socket={sock}"), min(2, len(CPUS)))


def ndr(sockets, mac, most):
    """=> frames a second through what has the other ends"""
    ports = [f"net_memif{n},role=client,socket-abstract=no,socket={s}" for n, s in enumerate(sockets)]
    if mac is not None:
        ports = [f"{p},{mac[n]},10.0.{n + 1}.2/24" for n, p in enumerate(ports)]
    rows = ipgen("-T", ports[0], "-R", ports[1], "--workers", 1, "--cpus", CPUS[0],
                 "--rfc2544=throughput", "--rfc2544-sizes", 64, "--rfc2544-trial-duration", 1, "--rfc2544-warming-duration", 0.2, "--drain", 0.1,
                 "--rfc2544-pps-resolution", 2, "--rfc2544-max-rate", most)
    return [r for r in rows if r["final"]][-1]["value"]


def through_smpnet(sockets, most):
    with Daemon(["-l", str(CPU)], prefix=NICE) as d:
        d.cmd("sysctl", "-q", "-w", "net.inet.ip.forwarding=1")
        d.cmd("sysctl", "-q", "-w", "net.inet.ip.dad_count=0")
        for n, s in enumerate(sockets):
            d.cmd("attach", f"net_memif{n},role=server,socket-abstract=no,socket={s}", "queues", 1)
            d.cmd("ifconfig", f"memif{n}", "inet", f"10.0.{n + 1}.1/24")
            d.cmd("ifconfig", f"memif{n}", "up")
        return ndr(sockets, [d.call("if.list", name=f"memif{n}")[0]["lladdr"] for n in (0, 1)], most)


def through_testpmd(sockets, most):
    prefix = f"bm{time.monotonic_ns()}"
    vdevs = [f"net_memif{n},role=server,socket-abstract=no,socket={s}" for n, s in enumerate(sockets)]
    p = spawn([*NICE, "dpdk-testpmd", *eal(prefix, f"0@{CPUS[0]},1@{CPU}", *vdevs), "--", "--forward-mode=io", "--auto-start", "--no-lsc-interrupt",
               "--total-num-mbufs=16384"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        Telemetry(prefix, p)
        time.sleep(0.5)
        return ndr(sockets, None, most)
    finally:
        end(p)
        shutil.rmtree(runtime_dir() / prefix, ignore_errors=True)


def bench_memif_ndr():
    if left_out("memif.64.ndr"):
        return
    ours, theirs = [], []
    for i in range(RUNS):
        for way, found in ((through_testpmd, theirs), (through_smpnet, ours)):
            sockets = [work / f"ndr{i}.{len(theirs)}{len(ours)}.{n}" for n in (0, 1)]
            found.append(way(sockets, "10Mpps"))
    report("memif.64.ndr", "packets/s", ours, theirs, "testpmd io", better_high)
    note("the highest rate without loss that ipgen found in trials of a second, itself on the first CPU")


FIGURES = {"ipgen.null.1w": bench_null_1w, "ipgen.null.flows": bench_null_flows, "ipgen.null.2w": bench_null_2w,
           "ipgen.check": bench_check, "ipgen.pace": bench_pace, "memif.64.ndr": bench_memif_ndr}
