# SPDX-License-Identifier: BSD-2-Clause
"""Figures of the FIB alone: loading the full table from empty, changes; IPv6 in the text."""
import statistics
import subprocess

from common import CPU, RUNS, build, note, report

COUNTS = {4: 1000000, 6: 200000}
measured = {}


def measure(family):
    """Rows of bench/fib for smpnet's own structure, RUNS of them"""
    if family not in measured:
        rows = []
        for _ in range(RUNS):
            out = subprocess.run(["taskset", "-c", str(CPU), str(build / "bench/fib"), "-f", str(family), "-n", str(COUNTS[family]), "smpnet"],
                                 capture_output=True, text=True, check=True).stdout
            row = [line.split() for line in out.split("\n") if line.startswith("smpnet")][0]
            rows.append([float(x) for x in row[1:9]])
        measured[family] = rows
    return measured[family]


def bench_fib_load():
    report("fib4.load", "routes/s", [COUNTS[4] / r[5] for r in measure(4)], None, None, None)
    for family in (4, 6):
        rows = measure(family)

        def med(i):
            return statistics.median(r[i] for r in rows)
        note(f"IPv{family}: {COUNTS[family]} routes in {med(5):.2f} s; {med(3):.1f} MiB that workers read, {med(4):.1f} MiB in all; "
             f"cycles a look-up {med(0):.0f} (vectors of 64), {med(1):.0f} (8), {med(2):.0f} (1)")


def bench_fib_update():
    report("fib4.update", "routes/s", [r[6] for r in measure(4)], None, None, None)
    note(f"IPv6: {statistics.median(r[6] for r in measure(6)):.0f} routes/s; a change of the default route over the full table: "
         f"{statistics.median(r[7] for r in measure(4)) * 1e3:.1f} µs, IPv6 {statistics.median(r[7] for r in measure(6)) * 1e3:.1f} µs")


FIGURES = {"fib4.load": bench_fib_load, "fib4.update": bench_fib_update}
