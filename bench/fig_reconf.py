# SPDX-License-Identifier: BSD-2-Clause
"""Nothing stops for a change: packets lost, and gaps between polls, while routes, interfaces and configuration come and go.

A source paced by the clock fills a ring of 1,024 slots with 90 % of what passes without loss; overflow is loss.
"""
import base64
import json
import os
import socket
import statistics
import subprocess
import threading
import time

from common import CPU, CPUS, RUNS, SECONDS, build, note, report
from gen import Router, dfz_destinations, dfz_routes, gateways, lines

STEP = 0.03  # of the search for the highest rate
CHURN = 100_000
FULL = 1_000_000
PAIRS = (("routes", "unchanged"), ("interfaces", "unchanged"), ("configuration", "unchanged"), ("routes, 1M", "unchanged, 1M"),
         ("interfaces, 1M", "unchanged, 1M"), ("configuration, 1M", "unchanged, 1M"))
_done = {}


class Churn(threading.Thread):
    """Changes over a connection of its own until stopped; an exception is kept for the one who stops it."""

    def __init__(self, d, turn):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(d.path)
        self.f = self.sock.makefile("r")
        self.turn, self.stopped, self.turns, self.error = turn, False, 0, None
        self.start()

    def run(self):
        try:
            while not self.stopped:
                self.turn(self)
                self.turns += 1
        except Exception as e:
            self.error = e

    def call(self, method, **params):
        self.sock.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n").encode())
        a = json.loads(self.f.readline())
        if "error" in a:
            raise RuntimeError(f"{method}: {a['error']['message']}")
        return a["result"]

    def pipeline(self, requests):
        for i in range(0, len(requests), 4):
            part = requests[i:i + 4]
            self.sock.sendall(b"".join(part))
            for _ in part:
                a = json.loads(self.f.readline())
                if "error" in a or a["result"]["nfailed"]:
                    raise RuntimeError(str(a)[:300])

    def end(self):
        self.stopped = True
        self.join(120)
        self.sock.close()
        if self.error is not None or self.is_alive():
            raise SystemExit(f"the changes failed: {self.error or 'they do not end'}")
        return self.turns


def routes_turn():
    prefixes = [f"172.{16 + (i >> 16)}.{i >> 8 & 255}.{i & 255}/32" for i in range(CHURN)]
    add, delete = lines("route.batch", "add", [[p, "10.254.1.2"] for p in prefixes]), lines("route.batch", "delete", prefixes)

    def turn(c):
        c.pipeline(add)
        c.pipeline(delete)
    return turn


def interfaces_turn(c):
    c.call("dev.attach", name="gen9,sink=1")
    c.call("if.create", name="lo9")
    c.call("if.addr.add", name="gen9", family="inet", address="10.99.0.1", plen=16)
    c.call("if.addr.add", name="gen9", family="inet6", address="2001:db8:99::1", plen=64)
    c.call("if.addr.add", name="lo9", family="inet", address="10.98.0.1", plen=32)
    c.call("if.set", name="gen9", up=True)
    addresses = [f"10.99.{i >> 8}.{i & 255}" for i in range(256, 1256)] + [f"2001:db8:99::{i:x}" for i in range(256, 1256)]
    c.call("neigh.batch", add=[[a, "02:00:00:00:00:99"] for a in addresses])
    c.call("neigh.batch", delete=addresses[::2])
    c.call("if.set", name="gen9", up=False)
    c.call("if.addr.delete", name="gen9", family="inet", address="10.99.0.1")
    c.call("dev.detach", name="gen9")
    c.call("if.destroy", name="lo9")


def config_turn(c):
    text = c.call("config.save")["text"]
    errors = c.call("config.check", text=text[:900_000].rsplit("\n", 1)[0])["errors"]
    c.call("config.apply", text="ifconfig lo8 create\nifconfig lo8 inet 10.97.0.1/32\nroute add -net 10.96.0.0/16 10.97.0.1\n"
           "route delete -net 10.96.0.0/16\nifconfig lo8 destroy\n")
    del errors  # of a configuration that runs already: that is checked too


def prefer(tid):
    """What else runs on the worker's CPU is not what is measured: it gets little of it."""
    if os.getuid() == 0:
        os.setpriority(os.PRIO_PROCESS, tid, -20)
        try:
            open(f"/proc/{tid}/autogroup", "w").write("-20")
        except OSError:
            pass  # a kernel without


def steal():
    return {l.split()[0]: int(l.split()[8]) for l in open("/proc/stat") if l.startswith("cpu")}[f"cpu{CPU}"]


def switches(pid, tid):
    return sum(int(l.split()[1]) for l in open(f"/proc/{pid}/task/{tid}/status") if "ctxt_switches" in l)


def waited(d):
    """Nanoseconds that the worker wanted its CPU and others had it."""
    return int(open(f"/proc/{d.pid}/task/{d.tid}/schedstat").read().split()[1])


def percentile(gaps, share):
    """gaps: [(cycles, count)]; the bucket that the share lies in."""
    left = sum(n for _, n in gaps) * share
    for low, n in gaps:
        left -= n
        if left <= 0:
            return low
    return gaps[-1][0]


def run(d, turn=None, seconds=SECONDS):
    """One run with changes or without: what was lost, how long the gaps were, what the machine did meanwhile."""
    churn = Churn(d, turn) if turn else None
    time.sleep(0.1)
    a, st, sw = d.interface("gen0")["source"], steal(), switches(d.pid, d.tid)
    drops = {x["name"]: x["value"] for x in d.call("stats.drops")}
    d.call("stats.gaps", action="start")
    wait = waited(d)
    time.sleep(seconds)
    g = d.call("stats.gaps", action="stop")[0]
    b = d.interface("gen0")["source"]
    dropped = sum(x["value"] - drops[x["name"]] for x in d.call("stats.drops") if x["name"] not in ("IF_GONE",))
    r = {"lost": b["missed"] - a["missed"], "dropped": dropped, "arrived": b["arrived"] - a["arrived"], "gaps": g["gaps"], "max": g["max"],
         "steal": steal() - st, "switches": switches(d.pid, d.tid) - sw, "hz": g["tsc_hz"], "wait": waited(d) - wait}
    r["turns"] = churn.end() if churn else 0
    return r


def spin(cycles, hz, seconds=SECONDS):
    st = steal()
    p = subprocess.Popen([build / "bench/spin", str(CPU), str(cycles), str(int(seconds * hz))], stdout=subprocess.PIPE, text=True)
    prefer(p.pid)
    sw = 0
    while p.poll() is None:
        try:
            sw = switches(p.pid, p.pid)
        except OSError:
            pass
        time.sleep(0.02)
    out = [l.split() for l in p.stdout.read().splitlines()]
    return {"gaps": [(int(a), int(b)) for a, b in out[1:]], "max": int(out[0][1]), "steal": steal() - st, "switches": sw, "hz": hz}


def show(what, runs):
    r = sorted(runs, key=lambda r: r["max"])[len(runs) // 2]
    us = 1e6 / r["hz"]
    text = " ".join(f"{name} {statistics.median(percentile(x['gaps'], q) for x in runs) * us:.1f}"
                    for name, q in (("p50", .5), ("p99", .99), ("p99.9", .999), ("p99.99", .9999)))
    lost = f"lost {' '.join(str(x['lost']) for x in runs)}; " if "lost" in r else ""
    note(f"{what:22} {lost}gaps µs: {text} max {r['max'] * us:.0f}; steal {sum(x['steal'] for x in runs)} ticks, "
         f"switches {sum(x['switches'] for x in runs)}" + (f", waited for the CPU {' '.join(str(x['wait'] // 1000000) for x in runs)} ms" if "wait" in r else "") +
         (f"; {sum(x['turns'] for x in runs)} turns of changes" if r.get("turns") else ""))


def highest_rate(d, **keys):
    """Packets a second that pass without loss in the best of some short runs."""
    d.source(**keys)
    time.sleep(0.2)
    a, t = d.interface("gen0")["source"]["arrived"], time.monotonic()
    time.sleep(0.5)
    rate = (d.interface("gen0")["source"]["arrived"] - a) / (time.monotonic() - t)
    top, least = rate, (1.0, rate)
    while rate > top / 2:
        d.source(rate=int(rate), **keys)
        time.sleep(0.05)
        for _ in range(6):
            a = d.interface("gen0")["source"]
            time.sleep(0.06)
            b = d.interface("gen0")["source"]
            lost = (b["missed"] - a["missed"]) / (b["arrived"] - a["arrived"])
            least = min(least, (lost, -rate))
            if lost == 0:
                return rate
        rate *= 1 - STEP
    note(f"packets are lost at any rate, as others use the worker's CPU: at least {least[0]:.4%}")
    return -least[1]


def router():
    os.sched_setaffinity(0, CPUS)  # the daemon inherits it
    d = Router()
    os.sched_setaffinity(d.pid, {c for c in CPUS if c != CPU} or set(CPUS))  # control; helper threads follow it
    prefer(int(d.tid))
    os.sched_setaffinity(0, {c for c in CPUS if c != CPU} or set(CPUS))
    gateways(d, 64)
    return d


def measure():
    """All runs, once: {what: [run, ...]}."""
    if not _done:
        try:
            _measure()
        finally:
            os.sched_setaffinity(0, CPUS)
    return _done


def _measure():
    runs = {k: [] for k in ("unchanged", "routes", "interfaces", "configuration", "spin-only", "unchanged, 1M", "routes, 1M", "interfaces, 1M", "configuration, 1M")}
    with router() as d:
        d.call("route.add", family="inet", dst="default", gateway="10.254.1.1")
        rate = highest_rate(d)
        note(f"highest rate without loss: {rate / 1e6:.1f} million packets/s; used: 90 %")
        d.source(rate=int(rate * 0.9))
        turn = routes_turn()
        for _ in range(RUNS):
            runs["unchanged"].append(run(d))
            runs["routes"].append(run(d, turn))
            runs["interfaces"].append(run(d, interfaces_turn))
            runs["configuration"].append(run(d, config_turn))
        hz = runs["unchanged"][0]["hz"]
        d.stop()
        for _ in range(RUNS):
            runs["spin-only"].append(spin(percentile(runs["unchanged"][0]["gaps"], 0.5), hz))
    full(runs)
    _done.update(runs)


def full(runs):
    """A million routes, half of them over a pair of next hops that they share; one of the pair goes and comes back."""
    table = dfz_routes(4, FULL, 2)
    dsts = dfz_destinations(4, FULL, 1 << 20)
    with router() as d:
        d.call("dev.attach", name="gen2,sink=1")
        d.call("if.addr.add", name="gen2", family="inet", address="10.252.0.1", plen=15)
        d.call("if.set", name="gen2", up=True)
        d.call("neigh.batch", add=[["10.252.1.1", "02:00:00:00:00:21"], ["10.252.1.2", "02:00:00:00:00:22"]])
        shared = [{"gateway": "10.254.1.1"}, {"gateway": "10.252.1.1"}]
        d.pipeline(lines("route.batch", "add", [[p, shared if n == 0 else "10.252.1.2"] for p, n in table]))
        rate = highest_rate(d, dsts=dsts)
        d.source(rate=int(rate * 0.9), dsts=dsts)
        turn = routes_turn()
        for _ in range(RUNS):
            runs["unchanged, 1M"].append(run(d))
            runs["routes, 1M"].append(run(d, turn))
            runs["interfaces, 1M"].append(run(d, interfaces_turn))
            runs["configuration, 1M"].append(run(d, config_turn))
        _done["flap"] = [flap(d) for _ in range(RUNS)]
        _done["flap_rate"] = rate


def flap(d):
    """Takes gen1 down and up; ms of traffic that was lost: the packets that were dropped, by the rate at which gen1 was sent."""
    def count():
        sent = {n: d.interface(n)["stats"]["opackets"] for n in ("gen1", "gen2")}
        return sent, sum(x["value"] for x in d.call("stats.drops"))

    a, t = count(), time.monotonic()
    time.sleep(0.3)
    b, t = count(), time.monotonic() - t
    rate = (b[0]["gen1"] - a[0]["gen1"]) / t
    if rate <= 0:
        raise SystemExit("nothing is sent over the next hop that is to flap")
    start = time.monotonic()
    d.call("if.set", name="gen1", up=False)
    took = time.monotonic() - start
    time.sleep(0.3)
    c = count()
    time.sleep(0.2)
    e = count()
    if e[0]["gen2"] == c[0]["gen2"] or e[1] - c[1] > 0.001 * (e[0]["gen2"] - c[0]["gen2"]):
        raise SystemExit(f"traffic does not follow: {e[1] - c[1]} packets dropped after 0.3 s")
    d.call("if.set", name="gen1", up=True)
    d.sock.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": "neigh.batch", "params": {"add": [["10.254.1.1", "02:00:00:00:04:00"]]}}) + "\n").encode())
    d.f.readline()  # it is there still, or was forgotten
    end = time.monotonic() + 20
    while True:
        f = d.interface("gen1")["stats"]["opackets"]
        time.sleep(0.1)
        if d.interface("gen1")["stats"]["opackets"] > f:
            break
        if time.monotonic() > end:
            raise SystemExit("traffic does not come back")
    return {"ms": (c[1] - b[1]) / rate * 1e3, "call_ms": took * 1e3}


def reconf_loss():
    runs = measure()
    excess = []
    for what, base in PAIRS:
        lost = statistics.median(r["lost"] + r["dropped"] for r in runs[what])
        excess.append(max(0, lost - statistics.median(r["lost"] + r["dropped"] for r in runs[base])))
    report("reconf.loss", "packets lost beyond the unchanged run", [max(excess)], None, None, None)
    for what in runs:
        if what not in ("flap", "flap_rate"):
            show(what, runs[what])
    ms = [f["ms"] for f in runs["flap"]]
    note(f"next hop of 500,000 routes goes: traffic follows after {statistics.median(ms):.2f} ms (largest {max(ms):.2f}); "
         f"the request takes {statistics.median(f['call_ms'] for f in runs['flap']):.0f} ms")


def reconf_gap():
    runs = measure()
    hz = runs["unchanged"][0]["hz"]

    def gap(what):
        return statistics.median(percentile(r["gaps"], .9999) for r in runs[what]) / hz * 1e6
    excess = [max(0, gap(what) - gap(base)) for what, base in PAIRS]
    report("reconf.gap", "µs at p99.99 over the unchanged run", [max(excess)], None, None, None, "{:.1f}")


class Follow:
    """A million routes, 500,000 of them over what changes; ms from a change's answer until all packets leave the new way."""

    def __init__(self, d):
        self.d, self.took = d, {}

    def sent(self):
        a, t = {n: self.d.interface(n)["stats"]["opackets"] for n in ("gen1", "gen2")}, time.monotonic()
        return a, t

    def change(self, what, to, *calls):
        """to: the interface that carries everything afterwards."""
        other = "gen2" if to == "gen1" else "gen1"
        start = time.monotonic()
        for method, params in calls:
            self.d.call(method, **params)
        answered = time.monotonic()
        a, since = self.sent()
        while True:
            b, now = self.sent()
            if b[to] > a[to] and b[other] == a[other]:
                break
            if now - start > 20:
                raise SystemExit(f"{what}: traffic does not follow")
            a, since = b, now
        self.took.setdefault(what, []).append((max(0, since - answered) * 1e3, (since - start) * 1e3))
        time.sleep(0.3)

    def link_address(self, what, mac):
        """Everything leaves by the same interface still: frames captured there tell."""
        c = socket.socket(socket.AF_UNIX)
        c.connect(self.d.path)
        f = c.makefile("r")
        c.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": "dev.capture", "params": {"interface": "gen1", "snaplen": 14}}) + "\n").encode())
        f.readline()
        want, start = bytes.fromhex(mac.replace(":", "")), time.time()
        self.d.call("neigh.batch", delete=["10.254.1.1"], add=[["10.254.1.1", mac]])
        answered = time.time()
        while True:
            e = json.loads(f.readline()).get("params", {})
            e = e.get("event", e)
            if base64.b64decode(e.get("data", ""))[:6] == want:
                break
            if time.time() - start > 20:
                raise SystemExit(f"{what}: traffic does not follow")
        c.close()
        self.took.setdefault(what, []).append((max(0, e["ts"] - answered) * 1e3, (e["ts"] - start) * 1e3))
        time.sleep(0.3)


def reconf_follow():
    gw, side, mac = "10.254.1.1", "10.252.1.1", "02:00:00:00:04:00"
    table = dfz_routes(4, FULL, 2)
    know = ("neigh.batch", {"add": [[gw, mac]]})
    up = ("if.set", {"name": "gen1", "up": True})
    down = ("if.set", {"name": "gen1", "up": False})
    try:
        with router() as d:
            d.call("dev.attach", name="gen2,sink=1")
            d.call("if.addr.add", name="gen2", family="inet", address="10.252.0.1", plen=15)
            d.call("if.set", name="gen2", up=True)
            d.call("neigh.batch", add=[[side, "02:00:00:00:00:21"]])
            d.call("route.add", family="inet", dst="default", gateway=side)
            # the other half is dropped: all that is sent is of the half that moves
            d.pipeline(lines("route.batch", "add", [[p, gw] if n == 0 else [p, "127.0.0.1", {"blackhole": True}] for p, n in table]))
            d.source(rate=1_000_000, dsts=dfz_destinations(4, FULL, 1 << 20))
            time.sleep(0.3)
            f = Follow(d)
            for i in range(RUNS):
                f.link_address("another link address", f"02:00:00:00:44:{i:02x}")
                f.change("interface down", "gen2", down)
                f.change("interface up", "gen1", up, know)
                f.change("gateway found elsewhere", "gen2", ("route.add", {"family": "inet", "dst": gw, "interface": "gen2"}),
                         ("neigh.batch", {"interface": "gen2", "add": [[gw, mac]]}))
                f.change("gateway found again", "gen1", ("route.delete", {"family": "inet", "dst": gw}), know)
            d.stop()
            paths = [{"gateway": gw}, {"gateway": side}]
            d.pipeline(lines("route.batch", "change", [[p, paths] for p, n in table if n == 0]))
            d.call("if.set", name="gen0", up=True)
            for i in range(RUNS):
                f.change("a member of two goes", "gen2", down)
                d.call(up[0], **up[1])
                d.call(know[0], **know[1])
                time.sleep(0.3)
    finally:
        os.sched_setaffinity(0, CPUS)
    worst = max(f.took, key=lambda k: statistics.median(t for t, _ in f.took[k]))
    report("reconf.follow", "ms until traffic follows a change of 500,000 routes' next hop", [t for t, _ in f.took[worst]], None, None, None,
           "{:.2f}")
    for what, t in f.took.items():
        note(f"{what:24} {statistics.median(x for x, _ in t):.2f} ms from the answer, {statistics.median(x for _, x in t):.2f} from the request "
             f"(largest {max(x for x, _ in t):.2f}, {max(x for _, x in t):.2f})")


FIGURES = {"reconf.loss": reconf_loss, "reconf.gap": reconf_gap, "reconf.follow": reconf_follow}
