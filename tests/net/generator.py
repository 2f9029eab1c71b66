#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""generator.py BUILD SOCKET: the frames of the built-in source, and its counts."""
import base64
import ipaddress
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from packets import cksum  # noqa: E402
from smpnetd import Client  # noqa: E402

build, path = sys.argv[1:3]
c = Client(path)
here = os.getcwd()


def smp(*argv):
    r = subprocess.run([f"{build}/smpnet", "-s", f"unix://{path}", *map(str, argv)], capture_output=True, text=True)
    if r.returncode != 0:
        raise SystemExit(f"smpnet {' '.join(map(str, argv))}: {r.stderr}")


def show(name):
    return c.call("if.list", name=name)[0]


def drops():
    return {d["name"]: d["value"] for d in c.call("stats.drops")}


def until(what, cond, seconds=60):
    end = time.monotonic() + seconds
    while not cond():
        if time.monotonic() > end:
            raise SystemExit(f"never: {what}")
        time.sleep(0.05)


def need(cond, what):
    if not cond:
        raise SystemExit(what)


def captured(n):
    """The first n frames that gen0 brings."""
    cap = Client(path)
    stream = cap.call("dev.capture", interface="gen0")["stream"]
    smp("ifconfig", "gen0", "up")
    got = []
    while len(got) < n:
        e = cap.events.pop(0) if cap.events else json.loads(cap.f.readline())
        e = e.get("params", {})
        if e.get("stream") == stream and e["event"]["dir"] == "in":
            got.append(base64.b64decode(e["event"]["data"]))
    cap.close()
    smp("ifconfig", "gen0", "down")
    return got


def check_frame(p, family, own, peer):
    need(p[:6] == own and p[6:12] == peer, f"link addresses: {p[:12].hex()}")
    ip = p[14:]
    if family == 4:
        need(p[12:14] == b"\x08\x00" and ip[0] == 0x45 and ip[9] == 17, "not UDP over IPv4")
        need(struct.unpack("!H", ip[2:4])[0] == len(ip), f"total length {ip[2:4].hex()} of {len(ip)}")
        need(cksum(ip[:20]) == 0, f"IPv4 checksum: {ip[:20].hex()}")
        src, dst, udp = ip[12:16], ip[16:20], ip[20:]
    else:
        need(p[12:14] == b"\x86\xdd" and ip[0] == 0x60 and ip[6] == 17, "not UDP over IPv6")
        need(struct.unpack("!H", ip[4:6])[0] == len(ip) - 40, "payload length")
        src, dst, udp = ip[8:24], ip[24:40], ip[40:]
    need(struct.unpack("!H", udp[4:6])[0] == len(udp), "UDP length")
    need(udp[6:8] != b"\0\0" and cksum(src + dst + struct.pack("!HH", 17, len(udp)) + udp) == 0, f"UDP checksum: {p.hex()}")
    return src, dst, struct.unpack("!H", udp[:2])[0]


def frames(family):
    addresses = [ipaddress.ip_address("198.19.0.0" if family == 4 else "2001:2:0:2::") + i * i * 7919 for i in range(1, 8)]
    name = f"{here}/dsts{family}"
    Path(name).write_bytes(b"".join(a.packed for a in addresses))
    os.chmod(name, 0o644)
    small = 60 if family == 4 else 62
    src = "198.18.9.9" if family == 4 else "2001:2:0:9::9"
    for keys, sizes in ((f"dsts={name},flows=5,src={src},peer=02:00:00:00:00:77", [small]), ("size=imix", [small, 590, 1514]), ("size=1000", [996])):
        smp("attach", f"gen0,family={family},rate=500,queues=1,{keys}")
        smp("ifconfig", "gen0", "link", "02:00:00:00:12:34", "active")
        got = captured(36)
        peer = bytes.fromhex("020000000077") if "peer" in keys else b"\x02gep\0\0"
        parts = [check_frame(p, family, bytes.fromhex("020000001234"), peer) for p in got]
        need(sorted({len(p) for p in got}) == sizes, f"sizes {sorted({len(p) for p in got})}, not {sizes}")
        if "imix" in keys:
            need([sum(len(p) == s for p in got) for s in sizes] == [21, 12, 3], "not 7:4:1")
        if "dsts" in keys:
            need([d for _, d, _ in parts] == [addresses[i % 7].packed for i in range(36)], "destinations not in the file's order")
            need([s for _, _, s in parts] == [1024 + i % 5 for i in range(36)], "not five flows")
            need(all(s == ipaddress.ip_address(src).packed for s, _, _ in parts), "src")
        smp("detach", "gen0")


def counts(family):
    """At rest: arrived = received + missed, received = sent by gen1 + dropped."""
    smp("attach", "gen1,sink=1")
    net, far, gw = ("198.19.0.0/16", "10.77.0.1/24", "10.77.0.2") if family == 4 else ("2001:2:0:2::/64", "2001:db8:77::1/64", "2001:db8:77::2")
    inet = "inet" if family == 4 else "inet6"
    smp("ifconfig", "gen1", inet, far)
    smp("ifconfig", "gen1", "up")
    smp("arp" if family == 4 else "ndp", "-s", gw, "02:00:00:00:00:99")
    smp("route", "add", f"-{inet}", net, gw)
    before = drops()

    def carried():  # not the router's own reports of membership
        s = show("gen1")["stats"]
        return s["opackets"] - s["omcasts"]

    # nothing moves while the interface is down; afterwards so many a second
    smp("attach", f"gen0,family={family},rate=20000,queues=2")
    time.sleep(0.3)
    need(show("gen0")["source"]["arrived"] == 0, "packets from an interface that is down")
    for ring, rate in (("", 20000), (",ring=1", 20000000)):
        if ring:
            smp("detach", "gen0")
            smp("attach", f"gen0,family={family},rate={rate},queues=2{ring}")
        start = carried()
        lost = drops()
        smp("ifconfig", "gen0", "up")
        until("packets", lambda: show("gen0")["stats"]["ipackets"] > 3000)
        smp("ifconfig", "gen0", "down")
        until("rest", lambda: not any(w["pool_size"] - w["pool_free"] for w in c.call("stats.workers")))
        s, st = show("gen0")["source"], show("gen0")["stats"]
        gone = sum(drops().values()) - sum(lost.values())
        out = carried() - start
        need(s["arrived"] == st["ipackets"] + s["missed"], f"arrived {s}, received {st}")
        need(st["ipackets"] == out + gone, f"received {st['ipackets']}, sent {out}, dropped {gone}")
        need((s["missed"] > 0) if ring else out > 3000, f"ring of one slot at 20 million packets/s: {s}" if ring else f"sent {out}")
        if not ring:
            need(st["idrops"] >= s["missed"], "missed packets are not among the interface's input drops")
    smp("detach", "gen0")
    # as many as are asked for; taken away in the middle
    smp("attach", f"gen0,family={family}")
    smp("ifconfig", "gen0", "up")
    start = show("gen1")["stats"]["opackets"]
    until("a flood", lambda: show("gen1")["stats"]["opackets"] > start + 20000)
    smp("detach", "gen0")
    # the source and the sink alone
    smp("attach", f"gen0,family={family},direct=1,queues=1")
    smp("ifconfig", "gen0", "up")
    until("direct", lambda: show("gen0")["source"]["direct"] > 20000)
    need(show("gen0")["stats"]["ipackets"] == 0, "direct packets went through the router")
    smp("detach", "gen0")
    smp("detach", "gen1")
    until("every buffer home", lambda: not any(w["pool_size"] - w["pool_free"] for w in c.call("stats.workers")))
    after = drops()
    bad = {n: v - before[n] for n, v in after.items() if v != before[n] and n not in ("IF_DOWN", "IF_GONE", "IP_NOROUTE", "IP6_NOROUTE")}
    need(not bad, f"dropped: {bad}")


for s in ("net.inet.ip.dad_count=0", "net.inet6.ip6.dad_count=0", "net.inet.ip.forwarding=1", "net.inet6.ip6.forwarding=1"):
    smp("sysctl", "-q", "-w", s)
for f in (4, 6):
    frames(f)
    counts(f)
print("ok")
