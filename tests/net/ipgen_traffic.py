"""ipgen_traffic.py BUILD GROUP: what ipgen puts onto a segment, judged by tshark and by an own reader of its signatures.

	ipgen -T shmif:SEGMENT --- SEGMENT --- dumpbus
"""
import collections
import itertools
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]
from ipgen import build, check, end, result, run  # noqa: E402
from packets import udp4, write_pcap  # noqa: E402

count = itertools.count()


class Wire:
    """Test frames of a segment from now on (not what ports say of themselves), with their times in seconds."""

    def __init__(self, path):
        self.frames, self.times = [], []
        self.file = path + ".pcap"
        self.p = subprocess.Popen([build / "smpnet", "dumpbus", "-f", path], stdout=subprocess.PIPE)
        self.t = threading.Thread(target=self.read, daemon=True)
        self.t.start()
        time.sleep(0.4)  # it begins with what the segment still holds
        del self.frames[:], self.times[:]

    def read(self):
        f = self.p.stdout
        h = f.read(24)
        unit = 1e9 if struct.unpack("<I", h[:4])[0] == 0xa1b23c4d else 1e6
        while len(h := f.read(16)) == 16:
            sec, part, n, _ = struct.unpack("<IIII", h)
            frame = f.read(n)
            at = 12
            while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
                at += 4
            nd = frame[at:at + 2] == b"\x86\xdd" and frame[at + 8] == 58 and 130 <= frame[at + 42] <= 137
            if frame[at:at + 2] in (b"\x08\x00", b"\x86\xdd") and not nd:
                self.frames.append(frame)
                self.times.append(sec + part / unit)

    def end(self, n):
        stop = time.monotonic() + 30
        while len(self.frames) < n and time.monotonic() < stop:
            time.sleep(0.02)
        time.sleep(0.2)
        self.p.terminate()
        self.t.join()
        return self.frames


def send(*args, n=100, pps=2000):
    """=> the frames, their times, ipgen's result"""
    path = f"wire{next(count)}"
    run("-T", f"shmif:{path}", "-n", 1, "-p", 1000, "--drain", 0, "--no-floor", "--size", 128)  # makes the segment
    w = Wire(path)
    r = result("-T", f"shmif:{path}", "-n", n, "-p", pps, "--drain", 0.2, "--no-floor", *args)
    sent = sum(d["sent"] for d in r["directions"])
    frames = w.end(sent)
    check(f"{args}: as many as ipgen says", len(frames) == sent, (len(frames), sent))
    return frames, w.times, r


def fields(frames, *names):
    """What tshark makes of them, its checks of checksums on: [(value, ...)]"""
    write_pcap("fields.pcap", frames)
    argv = ["tshark", "-n", "-r", "fields.pcap", "-T", "fields", "-E", "separator=;", "-E", "occurrence=a"]
    for o in ("ip.check_checksum", "udp.check_checksum", "tcp.check_checksum"):
        argv += ["-o", f"{o}:TRUE"]
    for n in names:
        argv += ["-e", n]
    out = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "HOME": os.getcwd()}).stdout
    return [tuple(line.split(";")) for line in out.splitlines()]


def signature(f):
    """=> number, flow, or None where its sum is wrong; the frame has no padding"""
    s = f[-18:]
    total = sum(struct.unpack("<9H", s))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.unpack("<II", s[8:16]) if total == 0xffff else None


def numbers(what, frames, flows):
    by = collections.defaultdict(list)
    for f in frames:
        s = signature(f)
        if s is None:
            check(f"{what}: signature", False, f.hex())
            return
        by[s[1]].append(s[0])
    check(f"{what}: {flows} flows", len(by) == flows, len(by))
    check(f"{what}: numbers follow one another", all(v == list(range(v[0], v[0] + len(v))) for v in by.values()))


def headers():
    """Families, protocols, tags, sizes: every checksum right by tshark"""
    for v, proto, tags in itertools.product("46", ("udp", "tcp", "icmp"), ((), ("--vlan", "5:3"), ("--vlan", "5:3,6:1"))):
        frames, _, _ = send(f"-{v}", f"--{proto}", *tags, "--size", 128, "--tos", 32, "--ttl", 17, n=20)
        name = f"IPv{v} {proto} {' '.join(tags)}"
        check(f"{name}: sizes", {len(f) for f in frames} == {124}, {len(f) for f in frames})
        ip = ["ip.ttl", "ip.dsfield", "ip.checksum.status", "ip.len"] if v == "4" else ["ipv6.hlim", "ipv6.tclass", "ipv6.version", "ipv6.plen"]
        l4 = "icmpv6" if v == "6" and proto == "icmp" else proto
        rows = fields(frames, *ip, f"{l4}.checksum.status", "frame.protocols", "vlan.id", "vlan.priority", "eth.type")
        check(f"{name}: frames", len(rows) == 20)
        for ttl, tos, good, length, l4good, protocols, vid, prio, etype in rows:
            want = {"4": ("17", 0x20, "1"), "6": ("17", 0x20, "6")}[v]
            if (ttl, int(tos, 0), good) != want or l4good != "1":
                check(f"{name}: header", False, (ttl, tos, good, l4good, protocols))
                break
            inner = 124 - 14 - 4 * (1 + ("," in tags[1]) if tags else 0) - (40 if v == "6" else 0)
            if int(length) != inner or ("ipv6" if v == "6" else ":ip:") not in protocols + ":":
                check(f"{name}: length", False, (length, inner, protocols))
                break
            ids = [x for x in vid.split(",") if x]
            if ids != ([] if not tags else ["6"] if "," in tags[1] else ["5"]):  # the outer one of two is checked below
                check(f"{name}: tags", False, (vid, prio, etype, protocols))
                break
        if tags:
            outer = frames[0][12:16]
            check(f"{name}: the outer tag", outer == (b"\x88\xa8\x60\x05" if "," in tags[1] else b"\x81\x00\x60\x05"), outer.hex())
        numbers(name, frames, 1)


def sizes():
    for size in (64, 65, 594, 1518):
        frames, _, _ = send("--size", size, n=20)
        check(f"frames of {size}", {len(f) for f in frames} == {size - 4}, {len(f) for f in frames})
    frames, _, _ = send("-s", 100, n=20)
    check("IP packets of 100", {len(f) for f in frames} == {114})
    frames, _, _ = send("--size", "imix", n=1200)
    shares = collections.Counter(len(f) + 4 for f in frames)
    check("IMIX 7:4:1", sorted(shares.values()) == [100, 400, 700] and shares[64] == 700 and shares[1518] == 100, shares)
    frames, _, _ = send("--size", "imix:100x1,200x2,300x3", n=600)
    check("own mixture", collections.Counter(len(f) + 4 for f in frames) == {100: 100, 200: 200, 300: 300})
    frames, _, _ = send("--size", "64-1518:2", n=728)
    check("sweep", [len(f) + 4 for f in frames] == list(range(64, 1519, 2)))
    frames, _, _ = send("--size", "genome:aaaaabbc", n=80)
    check("genome", collections.Counter(len(f) + 4 for f in frames) == {64: 50, 128: 20, 256: 10}, collections.Counter(len(f) + 4 for f in frames))
    r = run("-T", "shmif:none", "--size", 63, "-n", 1)
    check("too small a frame is refused", r.returncode == 2 and len(r.stderr.strip().splitlines()) == 1, r.stderr)


def flows():
    """Ranges and lists are complete, each as often as the others"""
    want = {(f"10.1.0.{a}", f"10.2.0.{b}", str(s), str(d)) for a in range(1, 5) for b in range(1, 4) for s in range(1000, 1005) for d in (7, 8)}
    ranges = ["--saddr", "10.1.0.1-10.1.0.4", "--daddr", "10.2.0.1-10.2.0.3", "--sport", "1000-1004", "--dport", "7-8", "--size", 100]
    names = ["ip.src", "ip.dst", "udp.srcport", "udp.dstport"]
    orders = []
    for more in ([], ["--random=1"], ["--random=1"], ["--random=2"]):
        frames, _, _ = send(*ranges, *more, n=2 * len(want))
        rows = fields(frames, *names)
        check(f"{more}: each twice", collections.Counter(rows) == {w: 2 for w in want}, collections.Counter(rows).most_common(3))
        numbers(str(more), frames, len(want))
        orders.append(rows)
    check("random is another order, the same by the same seed", orders[0] != orders[1] and orders[1] == orders[2] and orders[1] != orders[3])
    want6 = {(f"2001:db8:1::{a:x}", f"2001:db8:2::{b:x}") for a in range(1, 9) for b in range(9, 17)}
    frames, _, _ = send("--saddr", "2001:db8:1::1-2001:db8:1::8", "--daddr", "2001:db8:2::9-2001:db8:2::10", "--size", 128, n=len(want6))
    check("IPv6 ranges", set(fields(frames, "ipv6.src", "ipv6.dst")) == want6, len(frames))
    Path("list").write_text("# a list\n10.1.0.1-10.1.0.2:5,10.2.0.1:6-7\n[2001:db8::1]:8,[2001:db8::2]:9\n")
    frames, _, _ = send("--flowlist", "list", "--size", 128, n=10)
    rows = collections.Counter(fields(frames, "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport"))
    check("a list of flows", rows == collections.Counter({(f"10.1.0.{a}", "10.2.0.1", "", "", "5", str(p)): 2 for a in (1, 2) for p in (6, 7)} |
                                                         {("", "", "2001:db8::1", "2001:db8::2", "8", "9"): 2}), rows)
    Path("wrong").write_text("10.1.0.1:5,10.2.0.1:6\n10.1.0.1:5,nowhere:6\n")
    r = run("-T", "shmif:none", "--flowlist", "wrong", "-n", 1)
    check("a wrong line is named", r.returncode != 0 and "wrong:2:" in r.stderr and len(r.stderr.strip().splitlines()) == 1, r.stderr)
    frames, _, _ = send(*ranges, "-F", 7, n=70)
    check("as many flows as -F says", len(set(fields(frames, *names))) == 7)


def rates():
    """How long so many packets take; wide, for busy machines"""
    for pps, n in ((100, 150), (1000, 1000), (5000, 5000)):
        frames, times, r = send("--size", 128, n=n, pps=pps)
        took = times[-1] - times[0]
        check(f"{pps} packets a second", 0.7 * (n - 1) / pps < took < 3 * (n - 1) / pps + 1, took)
    # as many as the time says, but for the first and the last
    path = f"wire{next(count)}"
    r = result("-T", f"shmif:{path}", "-p", 1000, "-t", 1, "--drain", 0, "--no-floor", "--size", 128)
    d = r["directions"][0]
    check("a second of 1000", abs(d["sent"] + d["slipped"] - 1000) <= 33, d)


def pcaps():
    """A capture file is sent in its order, roughly in its time"""
    mac = bytes.fromhex("020000000011"), bytes.fromhex("020000000012")
    frames = [udp4(*mac, "192.0.2.1", "198.51.100.1", 1000 + i, 2000, 60 + i) for i in range(50)]
    with open("replay.pcap", "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, p in enumerate(frames):
            f.write(struct.pack("<IIII", 0, i * 10000, len(p), len(p)) + p)  # 10 ms apart
    path = f"wire{next(count)}"
    run("-T", f"shmif:{path}", "-n", 1, "-p", 1000, "--drain", 0, "--no-floor", "--size", 128)
    for speed, least, most in ((1, 0.4, 3), (4, 0.1, 2)):
        w = Wire(path)
        result("-T", f"shmif:{path}", "--replay", "replay.pcap", "--replay-speed", speed, "--drain", 0.1, "--no-floor")
        got = w.end(50)
        check(f"replay at {speed}: in order, whole", [f[12:] for f in got] == [f[12:] for f in frames], len(got))
        took = w.times[-1] - w.times[0] if got else 0
        check(f"replay at {speed}: its time", least < took < most, took)


globals()[sys.argv[2]]()
end()
