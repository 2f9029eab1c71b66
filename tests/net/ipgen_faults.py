"""ipgen_faults.py BUILD GROUP: through a forwarder that makes faults on purpose, ipgen reports exactly those.

	ipgen -T shmif:a --- a --- faulty --- b --- ipgen -R shmif:b

Exactly: as many as the forwarder says it made.  Rates are low, so that nothing else is lost on segments whose rings hold a second.
"""
import collections
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ipgen import Faulty, check, end, result, run  # noqa: E402

PORTS = ["-T", "shmif:a", "-R", "shmif:b"]
ZERO = ("lost", "reordered", "duplicate", "corrupt", "unattributed", "misdelivered", "stale", "fragments")


def compare(name, r, ways, sig=False, dirs=1):
    """Each direction's counts are what the forwarder did in it; sig: what it corrupted is the signature."""
    check(f"{name}: directions", len(r["directions"]) == dirs, r)
    check(f"{name}: the tester lost nothing", r.get("tester_lost") == 0 and r.get("device_missed") == 0, r)
    for d, w in zip(r["directions"], ways):
        hit = w["corrupted"] if sig else 0
        gone = w["dropped"] + w["misdelivered"] + w["overflow"] + w["outage"] + w["fragmented"]
        want = {
            "sent": w["test"], "lost": gone, "duplicate": w["duplicated"], "reordered": w["reordered"], "corrupt": w["corrupted"],
            "unattributed": hit, "misdelivered": w["misdelivered"], "fragments": 2 * w["fragmented"], "stale": 0,
            "received": w["test"] - gone + w["duplicated"], "unique": w["test"] - gone - hit,
        }
        if w["truncated"]:  # how these count is not laid down but that they are not whole: see truncated()
            for k in ("received", "unique", "lost", "corrupt", "unattributed"):
                del want[k]
        wrong = {k: (d[k], v) for k, v in want.items() if d[k] != v}
        check(f"{name}, direction {d['direction']}: (ipgen, forwarder)", not wrong, wrong)
        check(f"{name}: something was sent", d["sent"] > 0, d)


def go(name, faults, traffic, sig=False, dirs=1, packets=3000, pps=3000, status=0, log=None):
    f = Faulty(*faults, log=log)
    r = result(*PORTS, "-n", packets, "-p", pps, "--drain", 0.7, "--no-floor", *traffic, *(["-f"] if dirs == 2 else []), status=status)
    ways = f.end()
    check(f"{name}: all were sent", all(d["sent"] == packets for d in r["directions"]), r)
    compare(name, r, ways, sig, dirs)
    return r, ways


FAULTS = (
    ("clean", [], False), ("drop", ["--drop-every", 7], False), ("duplicate", ["--duplicate-every", 9], False),
    ("reorder", ["--reorder-every", 20, "--reorder-by", 3], False), ("corrupt payload", ["--corrupt-every", 11, "--corrupt-at", -19], False),
    ("corrupt signature", ["--corrupt-every", 13, "--corrupt-at", -7, "--corrupt-xor", 1], True),
    ("misdeliver", ["--misdeliver-every", 10], False), ("fragment", ["--fragment-every", 50], False),
)
ALL = ["--drop-every", 7, "--duplicate-every", 9, "--reorder-every", 23, "--reorder-by", 5, "--corrupt-every", 31, "--corrupt-at", -19,
       "--misdeliver-every", 41]
KINDS = [[v, p] for v in ("-4", "-6") for p in ("--udp", "--tcp", "--icmp")]


def each():
    """Each fault alone, both families; and all together, by every protocol."""
    for name, faults, sig in FAULTS:
        for v in ("-4", "-6"):
            r, ways = go(f"{name} {v}", faults, [v, "--size", 128], sig)
            if name == "reorder":
                check(f"{name} {v}: the extent", all(d["reorder_max"] == 3 for d in r["directions"]), r)
    for kind in KINDS:
        go("together " + " ".join(kind), ALL, [*kind, "--size", 200])


def duplex():
    """Both directions at once, with one worker and two, and each with faults alone."""
    for workers in (1, 2):
        go(f"clean, {workers} workers", [], ["--size", 128, "--workers", workers], dirs=2)
        go(f"together, {workers} workers", ALL, ["--size", 128, "--workers", workers], dirs=2)
    for way in (0, 1):
        go(f"direction {way} alone", ["--drop-every", 5, "--way", way], ["--size", 128], dirs=2)


def flows():
    """Many flows: also which of them lost what."""
    for n, packets, pps, workers in ((1, 2000, 3000, 1), (1000, 6000, 5000, 2), (100000, 120000, 40000, 1)):
        flows = ["-F", n, "--sport", "1000-1999", "--dport", "2000-2099", "--workers", workers]
        if n == 1:
            flows = ["--workers", workers]
        # a packet of the same flow passes one that is held if as many go by as there are flows
        faults = ["--drop-every", 7, "--duplicate-every", 9, "--corrupt-every", 31, "--corrupt-at", -19]
        if n < 100000:
            faults += ["--reorder-every", 101, "--reorder-by", n + 1]
        r, ways = go(f"{n} flows", faults, ["--size", 128, *flows, f"--flows-report={n}"], packets=packets, pps=pps, log="log")
        by = collections.Counter(tuple(x.split()[:1] + x.split()[2:3]) for x in Path("log").read_text().splitlines())
        dropped = {int(f): c for (what, f), c in by.items() if what == "dropped"}
        d = r["directions"][0]
        check(f"{n} flows: counted", d["flows"] == n and d["flows_lossy"] == len(dropped), (d["flows"], d["flows_lossy"], len(dropped)))


def delay():
    """A constant delay is the least latency; an outage is a loss; a bottleneck's overflow too."""
    r, ways = go("delay", ["--delay", 20000], ["--size", 128], packets=500, pps=1000)
    lat = r["directions"][0]["latency"]
    check("no packet is faster than the delay", lat["min_ns"] >= 20e6 and lat["p50_ns"] >= 20e6 and lat["n"] == 500, lat)
    r, ways = go("jitter", ["--delay", 5000, "--jitter", 20000], ["--size", 128], packets=500, pps=200)
    lat = r["directions"][0]["latency"]
    check("jitter is seen", lat["jitter_ns"] > 1e5 and lat["max_ns"] > lat["min_ns"] + 5e6, lat)
    r, ways = go("outage", ["--outage-after", 200, "--outage-for", 300], ["--size", 128])
    check("outage: some were lost", ways[0]["outage"] > 0, ways)
    r, ways = go("bottleneck", ["--rate-limit", 1000, "--buffer", 50], ["--size", 128], packets=2000, pps=4000)
    check("bottleneck: some were lost", ways[0]["overflow"] > 0, ways)


def truncated():
    """What is cut short is never taken for whole."""
    r, ways = go("cut", ["--truncate-every", 10, "--truncate-by", 5], ["--size", 128])
    d, n = r["directions"][0], ways[0]["truncated"]
    check("cut: none is whole", n > 0 and d["lost"] + d["unattributed"] + d["corrupt"] >= n and d["unique"] <= d["sent"] - n + d["corrupt"], (d, n))


def criteria():
    """The exit status says whether a criterion is met."""
    f = Faulty("--drop-every", 10)
    common = [*PORTS, "-n", 1000, "-p", 3000, "--drain", 0.5, "--no-floor", "--size", 128]
    for option, status in ((["--max-loss", 11], 0), (["--max-loss", 9], 3), (["--fail-if-dropped"], 3), (["--min-rate", 1], 0),
                           (["--min-rate", 100000], 3)):
        result(*common, *option, status=status)
    r = run(*common, "--json-lines")
    lines = [json.loads(x) for x in r.stdout.splitlines() if x.startswith("{")]
    check("lines of JSON", len(lines) >= 1, r.stdout)
    f.end()
    # a device that stops in the midst has not forwarded at the rate until then
    f = Faulty("--outage-after", 200, "--outage-for", 60000)
    result(*common, "--min-rate", 1, status=0)
    f.end()
    f = Faulty("--outage-after", 200, "--outage-for", 60000)
    result(*PORTS, "-n", 6000, "-p", 3000, "--drain", 0.5, "--no-floor", "--min-rate", 2500, status=3)
    f.end()
    # what comes with another content was not forwarded
    f = Faulty("--corrupt-every", 10, "--corrupt-at", -19)
    for most, status in ((11, 0), (9, 3)):
        result(*common, "--max-loss", most, status=status)
    f.end()


globals()[sys.argv[2]]()
end()
