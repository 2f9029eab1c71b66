#!/usr/bin/python3
"""ipgen_view.py PROGRAM: the terminal view on an engine whose figures are known: all of them on 80x24, keys, sizes, ways out."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from screen import Screen  # noqa: E402

program = sys.argv[1]


def both():
    s = Screen([program, "2"])
    s.until("figures", r"counting +0:00:0")
    s.until("of the log, without what would move the cursor", r"^smpnetd: warning: a line of the  ?\[31mlog$")
    lines = s.text().split("\n")
    want = [
        (1, r"^ +\*0 eth1 → a-path-that-i +\*1 a-path-that-i → eth1$"),
        (2, r"^ +size 64, flows 1 +size 64, flows 1,048,576$"),
        (3, r"packets/s +bit/s L2 +bit/s L1 +packets/s +bit/s L2 +bit/s L1$"),
        (4, r"^asked +1\.000M +512\.0M +672\.0M +12\.35k +6\.321M +8\.296M$"),
        (5, r"^sent +1\.000M +512\.0M +672\.0M +12\.34k +6\.320M +8\.295M$"),
        (6, r"^received +1\.000M +512\.0M +672\.0M +12\.22k +6\.259M +8\.215M$"),
        (7, r"^sent total +[\d,]+ +[\d,]+$"),
        (8, r"^recv total +[\d,]+ +[\d,]+$"),
        (9, r"^lost now +0 +0\.0000% +(30 +0\.9721%|0 +0\.0000%)$"),
        (10, r"^lost total +0 +0\.0000% +123,456,789,012,345 +100\.0000%$"),
        (11, r"^reordered +0 +987,654,321,098 max 65535$"),
        (12, r"^duplicate +0 +123,456,789,012$"),
        (13, r"^corrupt +0 +123,456,789,012$"),
        (14, r"^misdelivered +0 +123,456,789,012$"),
        (15, r"^lat min / p50 +800 ns +12\.35 µs +800 ns +12\.35 µs$"),
        (16, r"^p99 / p99\.9 +\d\d\.\d\d µs +2\.50 ms +\d\d\.\d\d µs +2\.50 ms$"),
        (17, r"^max / jitter +7\.10 ms +345 ns +7\.10 s +345 ns$"),
        (18, r"^floor p50/p99 +620 ns +2\.20 µs +620 ns +2\.20 µs$"),
        (19, r"^lat so far +800 ns +7\.10 ms +800 ns +7\.10 s$"),
        (20, r"^burst +4/32, late 0, full 0 +4/32, late 12,345,678, full 87,6$"),
        (21, r"^tester +lost 0, missed at the device 7, other frames 1,234,567$"),
        (23, r"q quit$"),
    ]
    for y, regex in want:
        if not re.search(regex, lines[y]):
            s.fail(f"line {y} is {lines[y]!r}, not {regex!r}")
    columns = {line.rindex("1,048,576") + 9 for line in lines[2:3]} | {line.rindex("bit/s L1") + 8 for line in lines[3:4]}
    if max(columns) > 80:
        s.fail("over the edge")

    s.keys(b"+")
    s.until("ten percent", r"^rate: 1\.100Mpps, 13\.58kpps$")
    s.keys(b"\t")
    s.until("direction 0", r"^ +\*0 .* 1 a-")
    s.keys(b"\x1b[6~")
    s.until("half, of direction 0", r"^rate: 550\.0kpps, 13\.58kpps$")
    s.keys(b"\t<")
    s.until("1 % less, of direction 1", r"^rate: 550\.0kpps, 13\.4[45]kpps$")
    s.keys(b"\t")
    s.keys(b"p10%\r")
    s.until("percent of the line", r"^rate: 1\.488Mpps, 1\.488Mpps$")
    s.keys(b"+")
    s.keys(b"*")
    s.until("no more than the line", r"^rate: 14\.88Mpps|^rate: 3\.274Mpps")
    s.keys(b"p1Gbps\r")
    s.until("a unit without layer is refused", r"^rate '1Gbps': bits of which layer\?")
    s.keys(b"pzz\x7f\x7f5k\r")
    s.until("a line that is edited", r"^rate: 5\.000kpps, 5\.000kpps$")
    s.keys(b"p9\x1b")
    s.read(0.3)
    s.keys(b"pmax\r")
    s.until("as fast as it goes", r"^asked +max +- +- +max")
    s.keys(b"p1000\r")
    s.until("and again not", r"^asked +1\.000k")
    s.keys(b"s128\r")
    s.until("a size", r"size 128, flows 1 .*size 128, flows 1,048,576")
    s.keys(b"simix\r")
    s.until("sizes", r"imix \(362\.3\), flows 1 ")
    s.keys(b"s12\r")
    s.until("a size that is none", r"^size '12': too small")
    s.keys(b"x")
    s.until("switched off", r"^asked +0 +0 +0 +0")
    s.keys(b"x")
    s.until("switched on", r"^asked +1\.000k.* 1\.000k")
    s.keys(b" ")
    s.until("paused", r"paused +0:00")
    s.until("nothing is sent", r"^sent +0 ")
    s.keys(b" ")
    s.until("goes on", r"counting +0:00|counting +\(")
    s.keys(b"z")
    s.until("totals begin anew", r"totals reset.*\n(.*\n)*duplicate +0 +0$")
    s.keys(b"?")
    s.until("help", r"once more|twice: at once")
    s.keys(b"?")
    s.keys(b"m")
    s.until("messages", r"messages: 1; any key")
    s.keys(b"mb")
    s.until("units", r"bits of layer 2")
    s.keys(b"#")
    s.until("no key", r"no such key")

    for rows, columns, regex in ((10, 40, "40x10: 80x24 shows all"), (3, 12, "12x3"), (1, 1, ""), (24, 80, "^lat so far"), (40, 120, "^lat so far.*[▁-█]")):
        s.resize(rows, columns)
        s.until(f"{columns}x{rows}", regex)
        s.read(0.5)
    s.keys(b"q")
    if s.exit("q") != 0 or not re.search(rb"smpnetd: warning: a line\tof the \x1b\[31mlog\r\nsummary: sent \d+\r\n$", s.raw):
        s.fail("after q the log and the summary are not told")


def series():
    s = Screen([program, "1", "30", "drain"], 60, 200)
    s.until("rows", r"^\* 4096 +28\.00M +27\.00% +0\.0000% +12\.35 µs  pass  throughput +trial 27$")
    s.until("progress", r"^(trial 7: between|smpnetd)")
    s.until("plots", r"received 1\.000Mpps, top 1\.000M")
    s.keys(b"+")
    s.until("fixed", "^rate: fixed by the test that runs")
    s.keys(b"s")
    s.until("fixed", "^size: fixed by the test that runs")
    s.keys(b" ")
    s.until("fixed", "^pause: fixed by the test that runs")
    s.keys(b"\x03")
    s.until("stopping", "stopping: waits")
    s.keys(b"\x03")
    if s.exit("twice") != 130:
        s.fail("at once")
    s = Screen([program, "1", "30"], 24, 80)
    s.until("plots beside one direction", r"^corrupt.*|^misdelivered.*[▁-█]")
    s.until("rows beside one direction", r"\* 4096 +28\.00M +0\.0000% pass$")
    s.keys(b"l")
    s.until("rows alone", r"^\* 4096 +28\.00M +27\.00% +0\.0000% +12\.35 µs  pass  trial 27$")
    s.until("the screen's foot stays", r"results  m messages .* q quit$")
    s.keys(b"lq")
    s.exit("q")


def terminals():
    for env, regex in (({"TERM": "vt100"}, "^lat so far"), ({"LC_ALL": "C"}, r"^lat so far .*#"), ({"NO_COLOR": "1"}, "^lat so far")):
        s = Screen([program, "1"], 24, 120, env)
        s.until(str(env), regex)
        s.until("figures", "counting")
        if bool(re.search(rb"\x1b\[[0-9;]*3[1-7]m", s.raw)) != ("LC_ALL" in env):
            s.fail(f"colours, {env}")
        s.keys(b"q")
        if s.exit(str(env)) != 0:
            s.fail(str(env))
    for term in "dumb", "nonsense", "":
        s = Screen([program, "1"], 24, 80, {"TERM": term})
        if s.exit(f"TERM={term}") != 2 or b"--nocurses" not in s.raw or b"\x1b[" in s.raw:
            s.fail(f"TERM={term}")
    # standard input is none: keys come from the terminal all the same
    s = Screen(["/bin/sh", "-c", f"{program} 1 </dev/null"])
    s.until("figures", "counting")
    s.keys(b"q")
    if s.exit("without standard input") != 0:
        s.fail("without standard input")
    # the terminal goes away
    s = Screen([program, "1"])
    s.until("figures", "counting")
    os.close(s.slave)
    os.close(s.master)
    signal.alarm(30)
    os.waitpid(s.pid, 0)
    signal.alarm(0)


both()
series()
terminals()
