# SPDX-License-Identifier: BSD-2-Clause
"""Resident memory (VmRSS): after start with defaults and four ports, and with a full table."""
import os
import re
import time

import fig_ctl
from common import Daemon, note, report, work


def rss_mb(d):
    return int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{d.pid}/status").read())[1]) / 1024


def parts(d):
    """Resident MB by what the memory is of, largest first."""
    by, name = {}, ""
    for line in open(f"/proc/{d.pid}/smaps"):
        if m := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)\s*(.*)", line):
            name = m[2]
            if ".so" in name or name.endswith("/smpnetd"):
                name = "programs and libraries"
            elif name.startswith("/memfd:"):
                name = "EAL"
            elif not name.startswith("["):
                name = "files" if name.startswith("/") else "mappings of our own (pools, tables)"
        elif line.startswith("Rss:"):
            by[name] = by.get(name, 0) + int(line.split()[1]) / 1024
    return ", ".join(f"{n} {v:.0f}" for n, v in sorted(by.items(), key=lambda x: -x[1]) if v >= 0.5)


def mem_start():
    """Defaults, four segments with addresses of both families."""
    ours = []
    for _ in range(3):
        with Daemon([]) as d:
            for i in range(4):
                name = f"shmif{i}"
                d.cmd("ifconfig", name, "create")
                d.cmd("ifconfig", name, "linkstr", str(work / f"bus{i}"))
                d.cmd("ifconfig", name, "inet", f"10.{i}.0.1/24")
                d.cmd("ifconfig", name, "inet6", f"2001:db8:{i}::1/64")
                d.cmd("ifconfig", name, "up")
            time.sleep(1)
            ours.append(rss_mb(d))
            detail, workers = parts(d), d.call("daemon.info")["workers"]
    report("mem.start", "MB", ours, None, None, None)
    note(f"due: under 200; {workers} worker{'s' if workers > 1 else ''} on {os.cpu_count()} CPUs; {detail}")


def mem_full():
    """The same router with 1,000,000 IPv4 and 200,000 IPv6 routes."""
    with fig_ctl.router() as d:
        for family, count in ((4, fig_ctl.V4), (6, fig_ctl.V6)):
            _, failed = fig_ctl.load(d, family, fig_ctl.routes(family, count))
            if failed:
                raise SystemExit(f"load: {failed[0]}")
        time.sleep(2)
        full, detail = rss_mb(d), parts(d)
    report("mem.full", "MB", [full], None, None, None)
    note(f"due: under 700; {detail}")


FIGURES = {"mem.start": mem_start, "mem.full": mem_full}
