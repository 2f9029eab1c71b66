"""What the tests of ipgen share: ipgen itself, run once with its report, and the faulty forwarder (tests/tools/faulty.c)."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

build = Path(os.environ.get("BUILD", sys.argv[1] if len(sys.argv) > 1 else "build")).resolve()
bad = []
COMPLAINTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "assertion failed")


def check(what, good, detail=""):
    if not good:
        bad.append(what)
        print("FAIL", what, detail, flush=True)


def end():
    if bad:
        sys.exit(f"{len(bad)} failed")


def run(*args, timeout=240):
    """=> exit status, standard output and error"""
    r = subprocess.run([str(a) for a in (build / "ipgen/ipgen", "--nocurses", *args)], capture_output=True, text=True, timeout=timeout)
    for word in COMPLAINTS:
        check(f"no {word}", word not in r.stderr, r.stderr[-3000:])
    return r


def result(*args, status=0):
    """=> the result of a run (its last row), whose exit status must be as expected; {} where there is none"""
    name = "report.json"
    Path(name).unlink(missing_ok=True)
    r = run(*args, "--json", name)
    check(f"exit status of {' '.join(map(str, args))}", r.returncode == status, (r.returncode, r.stdout[-1000:], r.stderr[-1000:]))
    if not os.path.exists(name):
        check("a report", False)
        return {"directions": []}
    rows = json.loads(Path(name).read_text())["rows"]
    check("a row", len(rows) > 0)
    return {**rows[-1]["result"], "text": r.stdout}


class Faulty:
    """Between the segments a and b; end() says what it did, by direction."""

    def __init__(self, *options, a="a", b="b", log=None):
        self.p = subprocess.Popen([str(x) for x in (build / "tests/tools/faulty", *options, *(["--log", log] if log else []), a, b)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.p.stderr.readline()
        if line != "ready\n":
            raise SystemExit("faulty: " + line)

    def end(self):
        self.p.send_signal(signal.SIGTERM)
        out, err = self.p.communicate(timeout=60)
        check("faulty ends well", self.p.returncode == 0, err)
        ways = json.loads(out.splitlines()[-1])["way"]
        check("faulty lost nothing of its own", all(w["missed"] == 0 for w in ways), ways)
        return ways
