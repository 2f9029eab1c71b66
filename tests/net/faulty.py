"""faulty.py BUILD: the faulty forwarder of the tests does what its options say and counts what it did, as the two segments show.

	test frames --- in --- faulty --- out
"""
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from wire import Bus, WAIT  # noqa: E402
from scapy.all import ARP, ICMPv6ND_NS, IP, UDP, Dot1AD, Dot1Q, Ether, IPv6, Raw, defragment, fragment6  # noqa: E402,F401

build = sys.argv[1]
bad = 0
run = itertools.count()
ETH = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def check(what, good, detail=""):
    global bad
    if not good:
        bad += 1
        print("FAIL", what, detail)


def frame(seq, flow=0, v6=False, tags=(), size=40):
    """Filler, then what faulty reads of a signature: the number and the flow, 10 and 6 octets before the end."""
    payload = bytes(i & 0xff for i in range(size - 10)) + struct.pack("<II", seq, flow) + b"ee"
    ip = IPv6(src="2001:db8::1", dst="2001:db8::2") if v6 else IP(src="10.0.0.1", dst="10.0.0.2")
    e = ETH
    for t in tags:
        e = e / t
    return bytes(e / ip / UDP(sport=9, dport=9) / Raw(payload))


def number(f):
    return struct.unpack("<I", f[-10:-6])[0]


class Faulty:
    def __init__(self, *options):
        n = next(run)
        self.log = f"log{n}"
        names = [f"in{n}", f"out{n}"]
        self.p = subprocess.Popen([f"{build}/tests/tools/faulty", *map(str, options), "--log", self.log, *names],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.p.stderr.readline() != "ready\n":
            raise SystemExit("faulty does not start")
        self.bus = [Bus(build, b) for b in names]
        time.sleep(0.2)  # the two that look on

    def send(self, *frames, way=0):
        self.bus[way].send(*frames)

    def counts(self):
        self.p.send_signal(signal.SIGUSR1)
        return json.loads(self.p.stdout.readline())["way"]

    def until(self, n, way=0):
        """Counts once n frames have come"""
        end = time.monotonic() + WAIT
        while (c := self.counts())[way]["received"] < n and time.monotonic() < end:
            time.sleep(0.02)
        return c

    def end(self, frames_out, way=0):
        """Its counts at the end, the frames on the far segment"""
        self.p.send_signal(signal.SIGTERM)
        counts = json.loads(self.p.stdout.read().splitlines()[-1])["way"]
        check("ends well", self.p.wait() == 0, self.p.stderr.read())
        end = time.monotonic() + WAIT
        while len(self.bus[1 - way].frames) < frames_out and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        out = list(self.bus[1 - way].frames)
        for b in self.bus:
            b.end()
        check("counts what it sent", len(out) == frames_out and counts[0]["sent"] + counts[1]["sent"] >= frames_out, (counts, len(out)))
        return counts[way], out

    def logged(self, what):
        return [int(x.split()[3]) for x in Path(self.log).read_text().splitlines() if x.split()[0] == what]


def go(sent, out, *options, way=0):
    f = Faulty(*options)
    f.send(*sent, way=way)
    f.until(len(sent), way)
    counts, frames = f.end(out, way)
    return f, counts, frames


N = 1000
V4, V6 = [frame(i) for i in range(N)], [frame(i, v6=True) for i in range(N)]
QINQ = [frame(i, tags=(Dot1AD(vlan=5), Dot1Q(vlan=6))) for i in range(N)]

for name, sent in (("IPv4", V4), ("IPv6", V6), ("QinQ", QINQ)):
    f, c, out = go(sent, N)
    check(f"{name}, no fault: the same", out == sent and c["test"] == N and c["sent"] == N, c)

    f, c, out = go(sent, N - N // 7, "--drop-every", 7)
    check(f"{name}: every 7th is gone", out == [x for i, x in enumerate(sent) if i % 7 != 6] and c["dropped"] == N // 7, c)
    check(f"{name}: and logged", f.logged("dropped") == list(range(6, N, 7)))

    f, c, out = go(sent, N + N // 10, "--duplicate-every", 10)
    check(f"{name}: every 10th twice", out == [x for i, x in enumerate(sent) for _ in range(2 if i % 10 == 9 else 1)] and
          c["duplicated"] == N // 10, c)

    f, c, out = go(sent, N, "--corrupt-every", 100, "--corrupt-at", -19, "--corrupt-xor", 16)
    changed = [(i, [k for k in range(len(a)) if a[k] != b[k]]) for i, (a, b) in enumerate(zip(sent, out)) if a != b]
    check(f"{name}: one octet of every 100th", changed == [(i, [len(sent[0]) - 19]) for i in range(99, N, 100)] and c["corrupted"] == N // 100, changed)

    f, c, out = go(sent, N, "--truncate-every", 50, "--truncate-by", 11)
    check(f"{name}: every 50th is short", [(i, len(a) - len(b)) for i, (a, b) in enumerate(zip(sent, out)) if a != b] ==
          [(i, 11) for i in range(49, N, 50)] and c["truncated"] == N // 50, c)

f, c, out = go(V4, N, "--reorder-every", 20, "--reorder-by", 3)
want, held = [], []
for i in range(N):
    if i % 20 == 19:
        held.append([i, 3])
        continue
    want.append(i)
    for h in list(held):
        h[1] -= 1
        if h[1] == 0:
            want.append(h[0])
            held.remove(h)
want += [h[0] for h in held]
# the last was held until the end: none passed it
check("reordered by 3", [number(x) for x in out] == want and c["held"] == N // 20 and c["reordered"] == N // 20 - 1, c)

# Two flows in turn: a held packet of a flow whose next comes two later was passed by 1: not in its own flow
two = [frame(i // 2, i % 2) for i in range(N)]
f, c, out = go(two, N, "--reorder-every", 10, "--reorder-by", 1)
check("no reordering within a flow", c["held"] == N // 10 and c["reordered"] == 0 and sorted(out) == sorted(two) and out != two, c)

f = Faulty("--misdeliver-every", 4)
f.send(*V4[:100])
f.until(100)
c, out = f.end(75)
check("misdelivered", c["misdelivered"] == 25 and out == [x for i, x in enumerate(V4[:100]) if i % 4 != 3] and
      f.bus[0].frames == V4[:100] + V4[3:100:4], c)

for name, sent, ip in (("IPv4", V4, IP), ("IPv6", V6, IPv6)):
    f, c, out = go(sent, N + N // 25, "--fragment-every", 25)
    pieces = [Ether(x) for x in out if x not in sent]
    check(f"{name}: pieces", c["fragmented"] == N // 25 and len(pieces) == 2 * N // 25, c)
    if ip is IP:
        whole = [x for x in defragment(pieces)]
        check("IPv4 pieces make the whole", sorted(bytes(x)[42:] for x in whole) == sorted(x[42:] for x in sent[24::25]) and
              all(x[IP].chksum == IP(bytes(x[IP])[:2] + bytes(x[IP])[2:]).chksum for x in whole))
    else:
        parts = sorted((x[IPv6].payload.id, x[IPv6].payload.offset, bytes(x[IPv6].payload.payload)) for x in pieces)
        whole = [a[2] + b[2] for a, b in zip(parts[::2], parts[1::2])]
        check("IPv6 pieces make the whole", sorted(whole) == sorted(x[54:] for x in sent[24::25]))

# All together: each frame suffers one at most, and the sum is what left
f = Faulty("--drop-every", 7, "--duplicate-every", 11, "--corrupt-every", 13, "--reorder-every", 17, "--reorder-by", 4)
f.send(*V6)
f.until(N)
lost = N // 7
c, out = f.end(N - lost + N // 11)
check("together", (c["dropped"], c["duplicated"], c["corrupted"], c["held"]) == (N // 7, N // 11, N // 13, N // 17), c)
hit = [f.logged(x) for x in ("dropped", "duplicated", "corrupted")]
check("together, one each", len(set(sum(hit, []))) == sum(map(len, hit)))
seen = [number(x) for x in out]
check("together, as logged", sorted(seen) == sorted([i for i in range(N) if i not in hit[0]] + hit[1]))
top, late = -1, []
for x in seen:
    if x < top:
        late.append(x)
    top = max(top, x)
check("together, reordered", sorted(late) == sorted(f.logged("reordered")) and len(late) == c["reordered"], (late, f.logged("reordered")))

# ARP and neighbour discovery pass, the other way is left alone
f = Faulty("--drop-every", 1, "--way", 0)
own = [bytes(ETH / ARP(psrc="10.0.0.1", pdst="10.0.0.2")), bytes(ETH / IPv6(src="fe80::1", dst="ff02::1") / ICMPv6ND_NS(tgt="fe80::2"))]
f.send(*own, *V4[:10])
f.send(*V4[:10], way=1)
f.until(12)
f.until(10, 1)
c, out = f.end(12)  # with the ten put there
check("ARP and neighbour discovery pass", [x for x in out if x not in V4] == own and c["dropped"] == 10, c)
check("the other way is clean", f.bus[0].frames[-10:] == V4[:10])

# A bottleneck: its buffer takes what comes at once, the rest is lost, whatever the scheduler does
f, c, out = go(V4, 65, "--rate-limit", 1, "--buffer", 64)
check("one goes, 64 wait", c["overflow"] == N - 65 and c["test"] == N, c)

f = Faulty("--delay", 300000)
f.send(V4[0])
start = time.monotonic()
f.until(1)
check("not at once", not f.bus[1].frames or time.monotonic() - start >= 0.25)
while not f.bus[1].frames and time.monotonic() - start < WAIT:
    time.sleep(0.01)
check("late", f.bus[1].frames == [V4[0]] and time.monotonic() - start >= 0.2, time.monotonic() - start)
f.end(1)

f, c, out = go(V4[:100], 0, "--outage-after", 0, "--outage-for", 60000)
check("an outage", c["outage"] == 100 and out == [], c)

for args, why in ((["--drop-every", "x", "a", "b"], "not a number"), (["a"], "usage"), (["--drop-every", "0", "a", "b"], "below 1")):
    r = subprocess.run([f"{build}/tests/tools/faulty", *args], capture_output=True, text=True)
    check(f"refuses {args}", r.returncode == 2 and why in r.stderr, r)
if bad:
    sys.exit(f"{bad} failed")
