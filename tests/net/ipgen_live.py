#!/usr/bin/python3
"""ipgen_live.py IPGEN: the program itself on a terminal: the screen's figures are the report's, keys change what is sent."""
import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from screen import Screen  # noqa: E402

ipgen = sys.argv[1]
FACTOR = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


def value(text):
    m = re.fullmatch(r"([\d.]+)([kMG]?)", text)
    return float(m[1]) * FACTOR[m[2]]


def line(s, name):
    """The words of a line of figures."""
    return s.until(name, rf"^{name} +(.*)$")[1].split()


def settled(s, what, name, check):
    """A line that comes to be what it should."""
    for _ in range(60):
        s.read(0.5)
        if check(line(s, name)):
            return
    s.fail(f"{what}: {line(s, name)}")


def plain():
    s = Screen([ipgen, "-T", "loop", "-R", "loop", "-f", "-p", "2000", "--json", "out.json", "--no-floor"])
    s.until("it counts", "counting")
    s.until("ports", r"\*0 loop → loop +\*1 loop → loop")
    settled(s, "sends", "received", lambda w: value(w[0]) > 0 and value(w[3]) > 0)
    if line(s, "asked")[0] != "2.000k":
        s.fail("asked")
    s.keys(b"p500\r")
    s.until("asked for less", r"^asked +500 .* 500 ")
    settled(s, "sends less", "sent", lambda w: 0 < value(w[0]) <= 510 and 0 < value(w[3]) <= 510)
    s.keys(b"\ts512\r")
    s.until("one direction's size", r"size 512, flows 1 +size 64, flows 1")
    settled(s, "larger frames", "received", lambda w: value(w[0]) > 0 and 4000 < value(w[1]) / value(w[0]) < 4200)
    settled(s, "the other as before", "received", lambda w: value(w[3]) > 0 and 500 < value(w[4]) / value(w[3]) < 525)
    s.keys(b"s12\r")
    s.until("a size that is too small", r"^size.*12")
    s.resize(10, 40)
    s.until("small", "40x10: 80x24 shows all")
    s.resize(24, 80)
    s.until("as before", r"^lat so far")
    # at rest the screen's totals are the report's
    s.keys(b" ")
    s.until("paused", r"paused +0:")
    settled(s, "nothing is sent", "sent", lambda w: w[0] == "0" and w[3] == "0")
    settled(s, "and nothing comes", "received", lambda w: w[0] == "0" and w[3] == "0")
    screen = {name: [int(w.replace(",", "")) for w in re.findall(r"[\d,]+(?= |$)", s.until(name, rf"^{name} +(.*)$")[1])] for name in ("sent total", "recv total", "duplicate", "corrupt", "misdelivered")}
    lost = [int(w.replace(",", "")) for w in line(s, "lost total")[::2]]
    s.keys(b"q")
    if s.exit("q") != 0:
        s.fail("exit status")
    row = json.load(open("out.json"))["rows"][0]
    print("screen:", screen, lost)
    for d in 0, 1:
        count = row["result"]["directions"][d]
        want = {"sent total": "sent", "recv total": "received", "duplicate": "duplicate", "corrupt": "corrupt", "misdelivered": "misdelivered"}
        for name, key in want.items():
            if screen[name][d] != count[key]:
                sys.exit(f"direction {d}: {name} {screen[name]} on the screen, {count[key]} in the report")
        if lost[d] != count["lost"] or count["sent"] == 0:
            sys.exit(f"direction {d}: lost {lost}, {count}")


def scenario():
    with open("s.ipgen", "w", encoding="utf-8") as f:
        f.write('label "one"\nfor 200 packets rate 1000\nexpect lost = 0\nwait-key\nfor 3s rate 200 size 256 label "two"\n'
                'at 100ms event exec "echo from the command >&2"\nexpect sent < 1\nramp 2s rate 100 to 400\nwait-key\n')
    s = Screen([ipgen, "-T", "loop", "-S", "s.ipgen", "--json", "s.json", "--no-floor"], 40, 100)
    s.until("a row", r"^\* 64 +1\.000k .* pass  one")
    s.until("it waits", "press a key to go on")
    s.keys(b"+")
    s.until("the command's output", "from the command")
    s.keys(b"p5\r")
    s.until("what failed", r"^\* 256 +200 .* fail  two: \d+: sent < 1 expected")
    s.until("the ramp's row", r"^\* 256 +250 ")
    s.until("it waits", "press a key to go on")
    s.keys(b" ")
    if s.exit("the end") != 3:
        s.fail("exit status is not 3")
    rows = json.load(open("s.json"))["rows"]
    if len(rows) != 3 or rows[0]["result"]["directions"][0]["sent"] != 200 or rows[1]["pass"]:
        sys.exit(f"rows: {rows}")


SERIES = [ipgen, "-T", "loop", "-R", "loop", "--linerate", "1Mbps", "--rfc2544=throughput,latency", "--rfc2544-sizes", "128,256", "--rfc2544-trial-duration", "1",
          "--rfc2544-warming-duration", "0", "--drain", "0.1", "--rfc2544-repeat", "2", "--no-floor"]


def series():
    """A series on a terminal: its name, progress and rows while it runs, then the report; q ends it with the rows so far."""
    s = Screen(SERIES + ["--json", "series.json"])
    s.until("the test's name", r"^ ipgen  RFC 2544 throughput ")
    s.until("a row", r"\* 128 +84[45][.\d]* +0\.0000% pass$")
    s.until("the next test", r"^ ipgen  RFC 2544 latency ")
    s.until("progress", r"^(128|256) octets: .*$")
    s.until("the time that is left of all tests", r"^ ipgen .* left 0:00:\d\d")
    if s.exit("the end", 60) != 0:
        s.fail("exit status of a series")
    rows = json.load(open("series.json"))["rows"]
    after = s.raw.rsplit(b"\x1b[?1049l", 1)[-1].decode()
    found = [(r["test"], r["size"]) for r in rows if r["final"]]
    if found != [("throughput", "128"), ("throughput", "256"), ("latency", "128"), ("latency", "256")]:
        sys.exit(f"rows: {found}")
    if "throughput" not in after or not re.search(r"128 +84\d", after):
        sys.exit(f"no report after the view: {after!r}")
    # q: what there is so far is reported
    s = Screen(SERIES + ["--rfc2544-repeat", "20", "--json", "quit.json"])
    s.until("the latency's trials", r"^ ipgen  RFC 2544 latency ")
    s.until("a live trial", r"^sent +[1-9]")
    sent = line(s, "asked")[0]
    s.keys(b"p")
    s.until("refused", r"^rate: fixed by the test")
    s.keys(b"*")
    s.read(0.5)
    if line(s, "asked")[0] != sent:
        s.fail("a key changed the rate of a test")
    s.keys(b"q")
    if s.exit("q", 30) != 1:
        s.fail("exit status of a series that was stopped")
    rows = json.load(open("quit.json"))["rows"]
    if len([r for r in rows if r["test"] == "throughput" and r["final"]]) != 2 or b"stopped" not in s.raw:
        sys.exit(f"rows so far: {rows}")


def ways_out():
    for sig in signal.SIGTERM, signal.SIGINT:
        s = Screen([ipgen, "-T", "loop", "-p", "100", "--no-floor"])
        s.until("counting", "counting")
        os.kill(s.pid, sig)
        s.exit(f"signal {sig}")
    s = Screen([ipgen, "-T", "shmif:bus,02:00:00:00:00:01", "-p", "100", "--no-floor", "--drain", "60"])  # nothing comes back
    s.until("counting", "counting")
    s.until("loss where nothing comes back", r"^lost now +\d+ +100\.0000% .*\nlost total +[\d,]+ +100\.0000% ")
    s.keys(b"q")
    s.until("waits", "stopping +0:")
    s.keys(b"q")
    if s.exit("twice", 30) != 130:
        s.fail("q twice")
    s = Screen([ipgen, "-T", "nodev0,10.0.0.2,10.0.0.1/24", "-p", "100"])
    if s.exit("no device") == 0 or b"\x1b[" in s.raw:
        s.fail("a start that fails")
    # no terminal view where it was not wanted
    s = Screen([ipgen, "-T", "loop", "-p", "100", "-t", "1", "--nocurses", "--no-floor"])
    if s.exit("--nocurses") != 0 or b"\x1b[" in s.raw or b"received" not in s.raw:
        s.fail("--nocurses")


plain()
scenario()
series()
ways_out()
