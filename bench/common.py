# SPDX-License-Identifier: BSD-2-Clause
"""What the figures of bench/ share: daemons and peers to run, traffic, sampling, reports.

A module bench/fig_NAME.py exports FIGURES = {"name": function}, in order; bench/run imports them all.
"""
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

top = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(top / "tests"))
from packets import PCAP_MAC, udp4, udp6, write_pcap  # noqa: E402

build = Path(os.environ.get("BENCH_BUILD", top / "build"))
work = Path(tempfile.mkdtemp(prefix="smpnet-bench."))
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
CPUS = sorted(os.sched_getaffinity(0))
CPU = CPUS[-1]  # the measured worker's
results = []
children = []


def tsc_mhz():
    """The TSC's rate: what the daemon says."""
    with Daemon(["-w", "1"]) as d:
        return d.call("stats.workers")[0]["tsc_hz"] / 1e6


def spawn(argv, **kw):
    p = subprocess.Popen([str(a) for a in argv], start_new_session=True, **kw)
    children.append(p)
    return p


def end(p):
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
        p.send_signal(signal.SIGCONT)  # it may be stopped
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    if p in children:
        children.remove(p)


class Daemon:
    """A smpnetd of our own, with its control socket."""

    def __init__(self, args, prefix=()):
        self.path = tempfile.mktemp(prefix="s", suffix=".sock", dir=work)
        self.log = open(self.path + ".log", "w")
        self.started = time.monotonic()
        self.p = spawn([*prefix, build / "smpnetd", "-q", *args, f"unix://{self.path}"], stderr=self.log)
        self.sock = None
        while self.sock is None:
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(self.path)
                self.sock = s
            except OSError:
                if self.p.poll() is not None or time.monotonic() - self.started > 20:
                    raise SystemExit("smpnetd does not start: " + open(self.path + ".log").read())
                time.sleep(0.005)
        self.f = self.sock.makefile("r")
        self.pid = self.call("daemon.info")["pid"]
        self.start_ms = (time.monotonic() - self.started) * 1e3

    def call(self, method, **params):
        self.sock.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n").encode())
        a = json.loads(self.f.readline())
        if "error" in a:
            raise SystemExit(f"{method}: {a['error']['message']}")
        return a["result"]

    def cmd(self, *argv):
        r = subprocess.run([build / "smpnet", "-s", f"unix://{self.path}", *map(str, argv)], capture_output=True, text=True)
        if r.returncode != 0:
            raise SystemExit(f"smpnet {' '.join(argv)}: {r.stderr}")
        return r.stdout

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.sock.close()
        end(self.p)


# Traffic: about 1,000 packets of 64 octets (60 in the file), many flows; the same file for all


IMIX = [60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60]  # without FCS, in the order of their use


def pcap(family, packets=1024, size=60):
    """About 1,000 frames, as many flows; the same file for all who are measured."""
    return _pcap(family, [size] * packets, str(size))


def imix(family, packets=1020):
    return _pcap(family, IMIX * (packets // len(IMIX)), "imix")


def _pcap(family, sizes, name):
    smac = bytes.fromhex("020000000001")
    frames = []
    for i, size in enumerate(sizes):
        sport, dport = 1024 + i * 7 % 50000, 2048 + i * 13 % 50000
        if family == 4:
            frames.append(udp4(PCAP_MAC[0], smac, f"10.9.{i // 250}.{1 + i % 250}", f"198.18.{i % 251}.{1 + i % 250}", sport, dport, size, ident=i))
        else:
            frames.append(udp6(PCAP_MAC[0], smac, f"2001:db8:9::{i:x}", f"2001:200:0:{i % 251:x}::{1 + i:x}", sport, dport, size))
    return write_pcap(work / f"ipv{family}.{name}.pcap", frames)


def vdev(path, queues=1, index=0):
    return f"net_pcap{index}," + ",".join([f"rx_pcap={path}"] * queues) + ",infinite_rx=1"


# Peers: counters by DPDK's telemetry socket


def eal(prefix, lcores, *vdevs):
    a = ["--no-huge", "-m", "1024", "--no-pci", "--file-prefix", prefix, "--lcores", lcores, "--log-level", "*:error"]
    for v in vdevs:
        a += ["--vdev", v]
    return a


def runtime_dir():
    return Path("/var/run/dpdk") if os.getuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / "dpdk"


class Telemetry:
    def __init__(self, prefix, p):
        path = runtime_dir() / prefix / "dpdk_telemetry.v2"
        for _ in range(2000):
            try:
                self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self.s.connect(str(path))
                self.s.recv(1024)
                return
            except OSError:
                if p.poll() is not None:
                    raise SystemExit("the peer does not start")
                time.sleep(0.01)
        raise SystemExit("the peer has no telemetry socket")

    def ipackets(self, port=0):
        self.s.send(f"/ethdev/stats,{port}".encode())
        a = json.loads(self.s.recv(65536))["/ethdev/stats"]
        return a["ipackets"] if a else 0


def sample(read):
    """Packets a second, over SECONDS after a warm-up."""
    deadline = time.monotonic() + 20
    while read() == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.7)
    a, ta = read(), time.monotonic()
    time.sleep(SECONDS)
    b, tb = read(), time.monotonic()
    if b == a:
        raise SystemExit("no packets moved")
    return (b - a) / (tb - ta)


def run_peer(argv_of, prefix_base):
    prefix = f"{prefix_base}{os.getpid()}"
    p = spawn(argv_of(prefix), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return sample(Telemetry(prefix, p).ipackets)
    finally:
        end(p)
        shutil.rmtree(runtime_dir() / prefix, ignore_errors=True)


def run_testpmd(path):
    return run_peer(lambda prefix: ["dpdk-testpmd", *eal(prefix, f"0@{CPUS[0]},1@{CPU}", vdev(path)), "--", "--forward-mode=io",
                                    "--auto-start", "--port-topology=loop", "--total-num-mbufs=16384"], "bt")


def l3fwd_binary():
    """DPDK's example, built as its Makefile does; receive checksum offload off, which net_pcap lacks."""
    src = Path("/usr/share/dpdk/examples")
    out = build / "l3fwd"
    binary = out / "l3fwd"
    if binary.exists():
        return binary
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(src / "l3fwd", out)
    main = (out / "main.c").read_text()
    patched = re.sub(r"\.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM", ".offloads = 0", main)
    if patched == main:
        raise SystemExit("l3fwd's source is not as expected")
    (out / "main.c").write_text(patched)
    flags = subprocess.check_output(["pkg-config", "--cflags", "libdpdk"], text=True).split()
    libs = subprocess.check_output(["pkg-config", "--libs", "libdpdk"], text=True).split()
    files = ["main.c", "l3fwd_acl.c", "l3fwd_lpm.c", "l3fwd_fib.c", "l3fwd_em.c", "l3fwd_event.c", "l3fwd_event_generic.c",
             "l3fwd_event_internal_port.c"]
    files = [f for f in files if (out / f).exists()]
    subprocess.run(["cc", "-O3", *flags, "-DALLOW_EXPERIMENTAL_API", f"-I{src}/common", *files, "-o", binary, *libs], cwd=out, check=True)
    return binary


def run_l3fwd(path):
    (work / "v4.cfg").write_text("R198.18.0.0/15 0\n")
    (work / "v6.cfg").write_text("R2001:200:0:0:0:0:0:0/32 0\n")
    return run_peer(lambda prefix: [l3fwd_binary(), *eal(prefix, f"1@{CPU}", vdev(path)), "--", "-p", "0x1", "--config", "(0,0,1)",
                                    "--lookup=lpm", f"--rule_ipv4={work}/v4.cfg", f"--rule_ipv6={work}/v6.cfg", "--parse-ptype",
                                    "-P", "--eth-dest=0,02:00:00:00:00:99"], "bl")


def run_smpnet(path, workers=1, ports=1, queues=1):
    cpus = [CPU] if workers == 1 else CPUS[-workers:]
    with Daemon(["-l", ",".join(map(str, cpus))]) as d:
        for i in range(ports):
            d.cmd("ifconfig", "lo0", "up")
            d.cmd("sysctl", "-q", "-w", "net.inet.ip.forwarding=1")
            d.cmd("sysctl", "-q", "-w", "net.inet6.ip6.forwarding=1")
            d.cmd("attach", vdev(path, queues, i), "queues", queues)
            d.cmd("ifconfig", f"pcap{i}", "inet", f"10.{i}.0.1/24")
            d.cmd("ifconfig", f"pcap{i}", "inet6", f"2001:db8:{i}::1/64")
        d.cmd("arp", "-s", "10.0.0.2", "02:00:00:00:00:99")
        d.cmd("ndp", "-s", "2001:db8:0::2", "02:00:00:00:00:99")
        d.cmd("route", "add", "-net", "198.18.0.0/15", "10.0.0.2")
        d.cmd("route", "add", "-inet6", "2001:200::/32", "2001:db8:0::2")
        for i in range(ports):
            d.cmd("ifconfig", f"pcap{i}", "up")

        def read():
            return sum(i["stats"]["opackets"] for i in d.call("if.list") if i["name"].startswith("pcap"))
        return sample(read)


def report(name, unit, ours, theirs, peer, ratio_of, fmt="{:.0f}"):
    """ours and theirs: lists of the runs; ratio over 1 is better than the peer."""
    o = statistics.median(ours)
    t = statistics.median(theirs) if theirs else None
    spread = (max(ours) - min(ours)) / o if o else 0
    ratio = ratio_of(o, t) if t else None
    results[:] = [r for r in results if r["name"] != name]
    results.append({"name": name, "unit": unit, "ours": o, "peer": peer, "theirs": t, "ratio": ratio and round(ratio, 3),
                    "runs": len(ours), "spread": round(spread, 3)})
    line = f"{name:14} {fmt.format(o)} {unit}"
    if t:
        line += f", {peer} {fmt.format(t)}: ratio {ratio:.2f}"
    print(line + f" ({len(ours)} runs, spread {spread:.0%})", flush=True)


def note(text):
    """A line of detail under the figure reported last."""
    print(f"{'':14} {text}", flush=True)


def better_high(o, t):
    return o / t


def better_low(o, t):
    return t / o


def forward(name, path, peer, run_them, run_us=run_smpnet, bytes_each=None):
    """Alternating runs; bytes_each: octets of a packet on the wire, FCS included."""
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(run_them(path))
        ours.append(run_us(path))
    mhz = tsc_mhz()
    report(name, "packets/s", ours, theirs, peer, better_high)
    o, t = statistics.median(ours), statistics.median(theirs)
    note(f"cycles a packet: {mhz * 1e6 / o:.0f}, {peer} {mhz * 1e6 / t:.0f}")
    if bytes_each:
        note(f"octets on the wire: {o * bytes_each * 8 / 1e9:.1f} Gbit/s, {peer} {t * bytes_each * 8 / 1e9:.1f}")


def cleanup():
    """Ends what still runs and removes the temporary files."""
    for p in list(children):
        end(p)
    shutil.rmtree(work, ignore_errors=True)
