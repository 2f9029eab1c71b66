#!/usr/bin/python3
"""eyes.py BUILD SOCKET: packet.trace and stages.start by frames: every way a packet can take, and how it is told; filters; several
traces at a time; what is off again when a client dies; the counts of stages are those of what was sent."""
import faulthandler
import json
import select
import signal
import subprocess
import sys
import time

from wire import FAR, NEAR, Router
from scapy.all import ARP, ICMP, TCP, UDP, Ether, ICMPv6EchoRequest, ICMPv6ND_NS, IP, IPv6, Raw
from smpnetd import Client, RPCError

faulthandler.dump_traceback_later(240, exit=True)
build, sock = sys.argv[1], sys.argv[2]
r = Router(build, sock)
R0, R1 = r.mac["shmif0"], r.mac["shmif1"]
A4, B4, A6, B6 = "10.0.0.1", "10.0.1.1", "2001:db8::1", "2001:db8:1::1"
eth = Ether(src=NEAR, dst=R0)
LONG = 20


class Trace:
    """A trace on a connection of its own, on when this returns."""

    def __init__(self, **params):
        self.c = Client(sock)
        self.c.sock.settimeout(LONG)
        self.stream = self.c.call("packet.trace", **params)["stream"]

    def next(self):
        """The next packet, or None at the end of the stream."""
        while True:
            e = self.c.events.pop(0) if self.c.events else json.loads(self.c.f.readline())
            if e.get("params", {}).get("stream") == self.stream:
                return e["params"]["event"] if e["method"] == "stream.event" else None

    def stop(self):
        self.c.call("stream.stop", stream=self.stream)
        rest = [e for e in self.c.events if e["method"] == "stream.event"]
        self.c.close()
        return rest


def stages_of(p, copy=0):
    return [s["stage"] for s in p["steps"] if s.get("copy", 0) == copy]


def text_of(p, stage, copy=0):
    return " ".join(s["text"] for s in p["steps"] if s["stage"] == stage and s.get("copy", 0) == copy)


def expect(what, ok, p=None):
    if not ok:
        r.fail(what)
        if p is not None:
            print(json.dumps(p, indent=1))


def traced(what, frame, **params):
    """One frame through a trace of one packet."""
    t = Trace(count=1, interface="shmif0", **params)
    r.bus[0].send(frame)
    p = t.next()
    expect(f"{what}: numbers", p["number"] == 1 and p["interface"] == "shmif0" and p["worker"] in (0, 1), p)
    us = [s["us"] for s in p["steps"]]
    expect(f"{what}: times", us == sorted(us) and us[0] == 0 and abs(p["ts"] - time.time()) < 60, p)
    expect(f"{what}: no end after the count", t.next() is None)
    t.c.close()
    return p


def dropped(what, frame, drop, error=None, **params):
    p = traced(what, frame, **params)
    expect(f"{what}: dropped for {drop}", p["verdict"] == "dropped" and p["drop"] == drop and drop in text_of(p, "dropped"), p)
    if error is None:
        expect(f"{what}: no error is due", "icmp-error" not in stages_of(p), p)
        return
    expect(f"{what}: the error is told", error in text_of(p, "icmp-error"), p)
    c = p.get("copies", [{}])[0]
    expect(f"{what}: the error is followed to its interface", c.get("verdict") == "sent" and c.get("out") == "shmif0" and
           stages_of(p, 1)[-1] == "sent", p)


both = [("IPv4", IP(src=A4, dst=B4, ttl=9), "ip", "10.0.1.0/24", "10.0.1.1", "ttl 8"),
        ("IPv6", IPv6(src=A6, dst=B6, hlim=9), "ip6", "2001:db8:1::/64", "2001:db8:1::1", "hop limit 8")]
udp = UDP(sport=1024, dport=9) / Raw(b"eyes" * 10)

# forwarded
for name, ip, f, prefix, gw, ttl in both:
    p = traced(name, eth / ip / udp)
    expect(f"{name}: the stages", stages_of(p) == ["received", "ether-input", f"{f}-input", f"{f}-lookup", f"{f}-forward",
                                                   "ether-output", "if-transmit", "sent"], p)
    expect(f"{name}: sent", p["verdict"] == "sent" and p["out"] == "shmif1", p)
    expect(f"{name}: the route", prefix in text_of(p, f"{f}-lookup") and f"{gw} ({FAR}) on shmif1" in text_of(p, f"{f}-lookup"), p)
    expect(f"{name}: the rewrite", f"{R1} > {FAR}, {ttl}" in text_of(p, "if-transmit"), p)
    expect(f"{name}: headers", p["ether"] == {"src": NEAR, "dst": R0, "type": 0x800 if f == "ip" else 0x86dd} and
           p["ip"]["sport"] == 1024 and p["ip"]["dport"] == 9 and p["ip"]["ttl"] == 9 and p["ip"]["src"] == ip.src and
           p["length"] == len(eth / ip / udp), p)

# dropped, with and without an error; by the fast path and the slow one
ip4, ip6 = IP(src=A4, dst=B4), IPv6(src=A6, dst=B6)
dropped("TTL", eth / IP(src=A4, dst=B4, ttl=1) / udp, "IP_TTL", "time exceeded")
dropped("hop limit", eth / IPv6(src=A6, dst=B6, hlim=1) / udp, "IP6_HLIM", "time exceeded")
dropped("no route", eth / IP(src=A4, dst="192.0.2.1") / udp, "IP_NOROUTE", "network unreachable")
dropped("no route 6", eth / IPv6(src=A6, dst="2001:db8:ffff::1") / udp, "IP6_NOROUTE", "no route")
dropped("bad checksum", eth / IP(src=A4, dst=B4, chksum=1) / udp, "IP_BADSUM")
dropped("martian", eth / IP(src="127.0.0.1", dst=B4) / udp, "IP_MARTIAN_SRC")
dropped("martian 6", eth / IPv6(src="::1", dst=B6) / udp, "IP6_MARTIAN_SRC")
dropped("port", eth / IP(src=A4, dst="10.0.0.2") / udp, "IP_NOPORT", "port unreachable")
dropped("port 6", eth / IPv6(src=A6, dst="2001:db8::2") / udp, "IP6_NOPORT", "port unreachable")
dropped("another station", Ether(src=NEAR, dst="02:00:00:00:00:99") / ip4 / udp, "ETHER_NOTUS")
dropped("protocol", Ether(src=NEAR, dst=R0, type=0x1234) / Raw(bytes(50)), "ETHER_NOPROTO")

# for the router: answered, given to control, reset
for name, ip, echo, f in (("echo", IP(src=A4, dst="10.0.0.2"), ICMP(id=5), "ip"),
                          ("echo 6", IPv6(src=A6, dst="2001:db8::2"), ICMPv6EchoRequest(id=5), "ip6")):
    p = traced(name, eth / ip / echo / Raw(b"x" * 30))
    expect(f"{name}: answered", p["verdict"] == "sent" and p["out"] == "shmif0" and f"{f}-local" in stages_of(p) and
           f"{f}-output" in stages_of(p) and "echo reply" in text_of(p, "if-transmit"), p)
p = traced("ARP", Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=NEAR, psrc=A4, pdst="10.0.0.2"))
expect("ARP: to control and consumed there", "class arp" in text_of(p, "punt") and p["verdict"] == "consumed" and
       p["steps"][-1]["worker"] == "control" and "ip" not in p and "asks for 10.0.0.2" in p["summary"], p)
p = traced("ND", Ether(src=NEAR, dst="33:33:ff:00:00:02") / IPv6(src=A6, dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::2"))
expect("ND: to control and consumed there", "class nd" in text_of(p, "punt") and p["verdict"] == "consumed" and
       p["steps"][-1]["worker"] == "control", p)
p = traced("TCP", eth / IP(src=A4, dst="10.0.0.2") / TCP(sport=7, dport=8, flags="S"))
expect("TCP: no such port", p["verdict"] == "dropped" and p["drop"] == "TCP_NOPORT", p)

# fragments are copies
r.call("if.set", name="shmif1", mtu=1280)
p = traced("fragments", eth / IP(src=A4, dst=B4) / UDP(sport=1, dport=2) / Raw(bytes(1400)))
expect("fragments: each is followed", p["verdict"] == "consumed" and [c["verdict"] for c in p["copies"]] == ["sent", "sent"] and
       "1280" in text_of(p, "fragment") and text_of(p, "if-transmit", 2).startswith("shmif1"), p)
p = traced("too big", eth / IPv6(src=A6, dst=B6) / UDP(sport=1, dport=2) / Raw(bytes(1400)))
expect("too big: an error", p["drop"] == "IP6_TOOBIG" and "packet too big" in text_of(p, "icmp-error"), p)
r.call("if.set", name="shmif1", mtu=1500)

# a packet that waits for a neighbour that does not answer is told while it waits
p = traced("waiting", eth / IP(src=A4, dst="10.0.1.77") / udp)
expect("waiting: told", p["verdict"] == "waiting" and "class resolve" in text_of(p, "punt"), p)

# filters: one flow only; errors in libpcap's words; link headers; in several buffers
t = Trace(count=2, filter="udp dst port 4242")
r.bus[0].send(*[eth / ip4 / UDP(sport=1, dport=d) / Raw(b"f" * 20) for d in (1, 4242, 2, 3, 4242, 4)], eth / ip6 / udp)
got = [t.next(), t.next()]
expect("filter: that flow", [p["ip"]["dport"] for p in got] == [4242, 4242] and [p["number"] for p in got] == [1, 2], got)
expect("filter: end", t.next() is None)
for bad in ("ip and and", "port nosuchport", "len ("):
    try:
        r.call("packet.trace", filter=bad)
        r.fail(f"filter {bad!r} accepted")
    except RPCError as e:
        expect(f"filter {bad!r}: {e}", e.errno == "EINVAL" and str(e).startswith("filter: "))
t = Trace(filter=f"ether src {NEAR} and ip6 dst host {B6} and greater 1000")
r.bus[0].send(eth / ip6 / udp, eth / ip4 / Raw(bytes(1200)), eth / ip6 / UDP(dport=1) / Raw(bytes(1200)))
p = t.next()
expect("filter: link header, family and length", p["ip"]["family"] == "inet6" and p["length"] > 1000, p)
expect("filter: nothing else", t.stop() == [])
r.call("if.set", name="shmif0", mtu=9000)
r.call("if.set", name="shmif1", mtu=9000)
p = traced("long", eth / ip4 / UDP(sport=1, dport=77) / Raw(bytes(8000)), filter="udp port 77 and ip[2:2] > 8000")
expect("long: in several buffers", p["verdict"] == "sent" and p["length"] == 8042, p)
for i in (0, 1):
    r.call("if.set", name=f"shmif{i}", mtu=1500)

# packets of the router's own: without an interface
t = Trace(filter="icmp or arp")
ping = Client(sock)
ping.call("ping.start", family="inet", dst=A4, count=1, deadline_ms=500)
p = t.next()
expect("own: a ping from its beginning", p["interface"] is None and stages_of(p)[0] == "originated" and p["verdict"] == "sent" and
       "echo request" in p["summary"], p)
t.stop()
ping.close()

# two at a time, and one that wants the other interface
t1, t2, t3 = Trace(filter="udp"), Trace(filter="dst host 10.0.1.1", count=1), Trace(interface="shmif1")
r.bus[0].send(eth / ip4 / udp, eth / ip6 / udp)
got = sorted([t1.next()["ip"]["family"], t1.next()["ip"]["family"]])
expect("two traces: the first has both", got == ["inet", "inet6"], got)
expect("two traces: the second has its one", t2.next()["ip"]["family"] == "inet" and t2.next() is None)
expect("two traces: the third none", t3.stop() == [])
t1.stop()
many = []
try:
    for i in range(9):
        many.append(Trace(filter="tcp"))
    r.fail("nine traces at a time")
except RPCError as e:
    expect("the ninth is refused", e.errno == "EBUSY" and len(many) == 8, str(e))
for t in many:
    t.c.close()  # the clients go away without a word


def free_again():
    try:
        Trace(filter="tcp").stop()
    except RPCError as e:
        return e
    return None


r.until("slots of clients that went away are free again", lambda: not isinstance(free_again(), RPCError))

# the tool: text; killed in the middle
out = subprocess.Popen([f"{build}/smpnet", "-s", f"unix://{sock}", "trace", "-i", "shmif0", "-c", "1", "udp", "port", "4243"],
                       stdout=subprocess.PIPE, text=True)
frame = eth / ip4 / UDP(sport=1, dport=4243) / Raw(b"t" * 20)
r.until("the tool sees its packet", lambda: (r.bus[0].send(frame), time.sleep(0.1), out.poll() is not None)[2])
text = out.stdout.read()
expect("the tool's text", "ip-lookup     10.0.1.0/24: " in text and "sent          shmif1" in text and out.returncode == 0, text)
dead = subprocess.Popen([f"{build}/smpnet", "-s", f"unix://{sock}", "trace", "--json", "-c", "1000", "udp"], stdout=subprocess.PIPE)
r.until("the killed tool was on", lambda: (r.bus[0].send(frame), select.select([dead.stdout], [], [], 0.1))[1][0])
dead.send_signal(signal.SIGKILL)
dead.wait()

# a flood: what is too much is said, and the packets are forwarded nevertheless
t = Trace(count=100000, interface="shmif0")
before = len(r.bus[1].frames)
flood = [eth / ip4 / udp] * 3000
r.bus[0].send(*flood)
r.drained(0)
got, missed = [], 0
end = time.monotonic() + LONG
while time.monotonic() < end and len(got) + missed < 3000:
    p = t.next()
    got.append(p)
    missed += p.get("missed", 0)
    if p["ip"].get("dport") != 9:
        break
r.bus[0].send(eth / ip4 / UDP(sport=1, dport=10))
while p["ip"].get("dport") != 10:
    p = t.next()
    got.append(p)
    missed += p.get("missed", 0)
expect(f"flood: {len(got)} told, {missed} said to be missing", len(got) >= 100 and len(got) + missed >= 3000)
expect("flood: told in full", all(p["steps"][-1]["stage"] == "sent" for p in got if p.get("ip", {}).get("dport") == 9))
t.stop()

# stages: what was sent is what was counted; the stages of a worker are the whole time
N4, N6 = 500, 300
c = Client(sock)
c.sock.settimeout(LONG)
stream = c.call("stages.start", seconds=2, count=1)["stream"]
r.bus[0].send(*[eth / ip4 / udp] * N4, *[eth / ip6 / udp] * N6)
e = json.loads(c.f.readline())["params"]["event"]
total = {}
for w in e["workers"]:
    cycles = sum(s["cycles"] for s in w["stages"])
    expect(f"stages: {cycles} of {w['cycles']} cycles", abs(cycles - w["cycles"]) < 0.001 * w["cycles"])
    for s in w["stages"]:
        t = total.setdefault(s["name"], {"packets": 0, "calls": 0, "cycles": 0})
        for k in t:
            t[k] += s[k]
for stage, n in (("rx", N4 + N6), ("if-input", N4 + N6), ("ether-input", N4 + N6), ("ip-input", N4), ("ip-lookup", N4),
                 ("ip-forward", N4), ("ip6-input", N6), ("ip6-lookup", N6), ("ip6-forward", N6), ("ether-output", N4 + N6),
                 ("if-transmit", N4 + N6), ("tx", N4 + N6), ("punt", 0)):
    # the router may have looked for its neighbours meanwhile
    own = 8 if stage in ("ether-output", "if-transmit", "tx") else 0
    expect(f"stages: {stage} {total[stage]}", n <= total[stage]["packets"] <= n + own and (n == 0 or total[stage]["cycles"] > 0))
expect("stages: an end", json.loads(c.f.readline())["method"] == "stream.end")
c.close()
for params, errno in (({"worker": 99}, "ENOENT"), ({"seconds": 0}, "EINVAL"), ({"count": -1}, "EINVAL")):
    try:
        r.call("stages.start", **params)
        r.fail(f"stages.start {params} accepted")
    except RPCError as e:
        expect(f"stages.start {params}: {e}", e.errno == errno)
t = r.tool("stages", "-w", "0.1")
expect("stages: the tool", t.returncode == 0 and "cyc/pkt" in t.stdout and "sleep" in t.stdout, t.stdout + t.stderr)

# one killed in the middle of measuring, and nobody looks any more
dead = subprocess.Popen([f"{build}/smpnet", "-s", f"unix://{sock}", "stages", "-w", "0.05", "-c", "0"], stdout=subprocess.PIPE)
dead.stdout.readline()
dead.send_signal(signal.SIGKILL)
dead.wait()
r.until("nobody looks any more", lambda: all(w["watched"] is False for w in r.call("stats.workers")))
r.end()
