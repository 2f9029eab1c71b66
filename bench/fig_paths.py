# SPDX-License-Identifier: BSD-2-Clause
"""Figures of `smpnet bench`: the router's own cycles a packet by vector size and over 64 interfaces, without source and sink."""
import json
import subprocess

from common import CPU, RUNS, build, note, report

_paths = {}


def _measure():
    """All of them in the same runs, once."""
    if not _paths:
        for _ in range(RUNS):
            r = subprocess.run([build / "smpnet", "bench", "-l", str(CPU), "-n", "1", "--json"], capture_output=True, text=True)
            if r.returncode != 0:
                raise SystemExit(r.stderr.strip())
            for p in json.loads(r.stdout)["paths"]:
                _paths.setdefault(p["name"], []).append(p)
    return _paths


def _figure(name):
    def run():
        runs = _measure()[name]
        report(name, "cycles a packet", [p["net"] for p in runs], None, None, None, "{:.1f}")
        if name.endswith("vec1"):
            note("the router alone: source and sink, measured in the same run, are taken off")
    return run


FIGURES = {f"ipv{f}.{p}": _figure(f"ipv{f}.{p}") for f in (4, 6) for p in ("vec1", "vec8", "vec32", "vec64", "64out", "64in")}
