# SPDX-License-Identifier: BSD-2-Clause
"""What a core pays for a line of another core's: the figures behind "What 16 workers would do" in doc/architecture.md."""
import subprocess

from common import CPU, CPUS, better_low, build, note, report

SHOWN = (  # name, unit and what it is compared with
    ("line.bounce", "add.own"), ("add.atomic.shared", "add.atomic.own"), ("handoff.1", "handoff.1.alone"), ("handoff.64", "handoff.64.alone"))


def bench_touch():
    if len(CPUS) < 2:
        print("touch          left out: one CPU", flush=True)
        return
    out = subprocess.run([build / "bench/touch", "-a", str(CPUS[0]), "-b", str(CPU), "-r", "31"], capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    values = {f[0]: [float(x) for x in f[1:]] for f in map(str.split, out.stdout.splitlines())}
    for name, base in SHOWN:
        report(f"touch.{name}", "TSC cycles", values[name], values[base], base, better_low)
    for name, (median, low, high) in values.items():
        note(f"{name:18} {median:9.1f} TSC cycles ({low:.1f} to {high:.1f})")


FIGURES = {"touch": bench_touch}
