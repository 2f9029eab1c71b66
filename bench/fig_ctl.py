# SPDX-License-Identifier: BSD-2-Clause
"""The control side with a full table: changes through the control socket, load, memory, the longest turn."""
import json
import random
import statistics
import subprocess
import threading
import time

from common import CPU, Daemon, build, note, report

LINE = 1000  # routes in a request
V4, V6 = 1_000_000, 200_000
HOPS = 64


def routes(family, count, seed=1):
    """[(prefix, next hop number)] with the mix of the default-free zone."""
    out = subprocess.run([build / "bench/dfz", str(family), str(count), str(seed), "routes"], check=True, capture_output=True, text=True)
    return [(p, int(n)) for p, n in (line.split() for line in out.stdout.splitlines())]


def gateway(family, n):
    return f"10.255.1.{n % HOPS + 1}" if family == 4 else f"2001:db8:ffff::{n % HOPS + 1:x}"


def lines(what, items):
    """Prebuilt requests of route.batch: items are what the list holds."""
    out = []
    for i in range(0, len(items), LINE):
        out.append((json.dumps({"jsonrpc": "2.0", "id": i, "method": "route.batch", "params": {what: items[i:i + LINE]}},
                               separators=(",", ":")) + "\n").encode())
    return out


def run(d, requests):
    """Sends the requests, as many under way as the socket takes; => seconds, and what failed."""
    failed = []
    start = time.monotonic()
    t = threading.Thread(target=lambda: d.sock.sendall(b"".join(requests)))
    t.start()
    for _ in requests:
        a = json.loads(d.f.readline())
        if "error" in a or a["result"]["nfailed"]:
            failed.append(a)
    t.join()
    return time.monotonic() - start, failed


def router(workers=1):
    d = Daemon(["-w", str(workers), "-l", str(CPU)])
    d.call("if.create", name="shmif0")
    d.call("if.set", name="shmif0", linkstr=f"{d.path}.bus")
    d.call("if.addr.add", name="shmif0", family="inet", address="10.255.0.1", plen=16)
    d.call("if.addr.add", name="shmif0", family="inet6", address="2001:db8:ffff::ffff", plen=64)
    d.call("neigh.batch", add=[[gateway(f, n), f"02:00:00:00:{f:02x}:{n:02x}"] for f in (4, 6) for n in range(HOPS)])
    return d


def rss_mb(d):
    for line in open(f"/proc/{d.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def control_s(d):
    """Processor time of the control thread."""
    return int(open(f"/proc/{d.pid}/task/{d.pid}/schedstat").read().split()[0]) / 1e9


def load(d, family, table):
    return run(d, lines("add", [[p, gateway(family, n)] for p, n in table]))


def fig_update():
    """ctl.update: a third each added, changed and withdrawn, over a full table, through the control socket."""
    tables = {4: routes(4, V4 + 100_000), 6: routes(6, V6)}
    extra, tables[4] = tables[4][V4:], tables[4][:V4]
    with router() as d:
        empty = rss_mb(d)
        took = {f: load(d, f, t) for f, t in tables.items()}
        failed = [x for _, fs in took.values() for x in fs]
        if failed:
            raise SystemExit(f"load: {failed[0]}")
        full = rss_mb(d)
        rng = random.Random(7)
        rates, busy = [], []
        for _ in range(3):
            some = rng.sample(tables[4], len(extra))
            add = lines("add", [[p, gateway(4, n)] for p, n in extra])
            change = lines("change", [[p, gateway(4, n + 1 + rng.randrange(HOPS - 1))] for p, n in some])
            delete = lines("delete", [p for p, _ in extra])
            before = control_s(d)
            seconds, failed = run(d, [x for three in zip(add, change) for x in three] + delete)
            if failed:
                raise SystemExit(f"update: {failed[0]}")
            rates.append(3 * len(extra) / seconds)
            busy.append((control_s(d) - before) / (3 * len(extra)) * 1e6)
        info = d.call("daemon.info")
    report("ctl.update", "routes/s", rates, None, None, None)
    note(f"{statistics.median(busy):.1f} us of control's processor time a route")
    note(f"a full table in {took[4][0]:.1f} + {took[6][0]:.1f} s (IPv4, IPv6); resident {full:.0f} MB, empty {empty:.0f} MB; "
         f"longest turn of control {info['longest_turn_us'] / 1e3:.1f} ms")


FIGURES = {"ctl.update": fig_update}
