#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tools' output against what NetBSD's tools printed, byte for byte.

golden.py SMPNET [NAME...]: runs the tool against a server that replays JSON.  Tables are read from the recorded text into
the objects of doc/protocol.md by the small parsers below; the tool must print the same text again.  Texts in which smpnet
follows newer releases (ifconfig) stand here in full; so do the flags of route get.
"""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
SMPNET = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2:]


def golden(name):
    with open(f"{HERE}/golden/{name}.txt") as f:
        return f.read()


class Error(Exception):
    def __init__(self, errno, message=""):
        self.errno, self.message = errno, message


class Server(threading.Thread):
    """Answers each method by a function of its parameters; a list of events makes it a stream."""

    def __init__(self, path, methods):
        super().__init__(daemon=True)
        self.methods, self.calls = methods, []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.client, args=(c,), daemon=True).start()

    def client(self, c):
        f = c.makefile("rwb")
        for line in f:
            r = json.loads(line)
            for q in r if isinstance(r, list) else [r]:
                self.answer(f, q)

    def answer(self, f, q):
        out = lambda o: (f.write(json.dumps({"jsonrpc": "2.0", **o}).encode() + b"\n"), f.flush())
        params = q.get("params", {})
        self.calls.append((q["method"], params))
        try:
            m = self.methods.get(q["method"])
            if q["method"] == "stream.stop":
                result, events = None, None
            else:
                result = m(params) if callable(m) else m
                events = result[1] if isinstance(result, tuple) else None
        except Error as e:
            out({"id": q["id"], "error": {"code": -32000, "message": e.message or e.errno, "data": {"errno": e.errno}}})
            return
        if events is None:
            if "id" in q:
                out({"id": q["id"], "result": result})
            return
        out({"id": q["id"], "result": {"stream": 1}})
        for e in events[:-1]:
            out({"method": "stream.event", "params": {"stream": 1, "event": e}})
        out({"method": "stream.end", "params": {"stream": 1, "event": events[-1]}})


failures = ran = 0


def check(name, command, methods, expected, status=0, calls=None):
    """Runs one command; standard output and standard error together must be the expected text."""
    global failures, ran
    if ONLY and name not in ONLY:
        return
    ran += 1
    with tempfile.TemporaryDirectory() as d:
        server = Server(f"{d}/s", methods)
        env = dict(os.environ, SMPNET_SERVER=f"unix://{d}/s", SMPNET_NUMERIC="1", LC_ALL="C")
        p = subprocess.run([SMPNET] + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=60)
        server.sock.close()
    got = p.stdout.decode()
    if got != expected or p.returncode != status or (calls is not None and server.calls != calls):
        failures += 1
        print(f"FAIL {name}: smpnet {' '.join(command)} (status {p.returncode}, expected {status})")
        if got != expected:
            import difflib
            sys.stdout.writelines(l if l.endswith("\n") else l + "\\ no newline\n" for l in difflib.unified_diff(
                expected.splitlines(True), got.splitlines(True), "expected", "got"))
        if calls is not None and server.calls != calls:
            print(f"  calls {server.calls}\n  expected {calls}")


# Readers of the recorded texts

def read_routes(text):
    """The lines of netstat -nr (full flags) as route objects."""
    routes, family = [], None
    for line in text.splitlines():
        if line in ("Internet:", "Internet6:"):
            family = "inet" if line == "Internet:" else "inet6"
        elif family and line and not line.startswith("Destination"):
            dst, gw, flags, _, _, mtu, ifname = line.split()
            if dst == "default":
                dst = "0.0.0.0/0" if family == "inet" else "::/0"
            elif "/" not in dst:
                dst += "/32" if family == "inet" else "/128"
            elif family == "inet":
                a, plen = dst.split("/")
                dst = ".".join((a.split(".") + ["0"] * 3)[:4]) + "/" + plen
            routes.append({"family": family, "dst": dst, "gateway": gw, "flags": flags, "flagbits": 0,
                           "mtu": None if mtu == "-" else int(mtu), "interface": ifname, "refs": 0, "use": 0})
    return routes


def read_interfaces(text, names):
    """netstat -i and -bi; names: those of the cut column."""
    ifs = []
    for line in text.splitlines()[1:]:
        w = line.split()
        nums = w[-5:] if len(line) < 82 and "bytes" not in text else w[-2:]
        if "Ibytes" in text:
            stats = {"ibytes": int(w[-2]), "obytes": int(w[-1])}
        else:
            stats = dict(zip(("ipackets", "ierrors", "opackets", "oerrors", "collisions"), map(int, w[-5:])))
        if w[2] == "<Link>":
            name = names[len(ifs)]
            ifs.append({"name": name, "flags": 0 if w[0].endswith("*") else 1, "mtu": int(w[1]), "stats": stats, "addresses": [],
                        "lladdr": w[3] if ":" in w[3] else None})
        else:
            net, addr = w[2], w[3]
            if ":" in addr:
                plen = int(net.split("/")[1] or 64)
                full = {"fe80::b0a0:fdff:f": "fe80::b0a0:fdff:fe17:1c60", "fe80::b0a0:95ff:f": "fe80::b0a0:95ff:fe83:cea5",
                        "fe80::b0a0:78ff:f": "fe80::b0a0:78ff:fe22:b104", "fe80::b0a0:44ff:f": "fe80::b0a0:44ff:fe2e:3711",
                        "fe80::1cee:921f:c": "fe80::1cee:921f:ce2f:1f37"}.get(addr, addr)
                if full.startswith("fe80"):
                    full += "%" + name
                ifs[-1]["addresses"].append({"family": "inet6", "address": full, "plen": plen})
            else:
                ifs[-1]["addresses"].append({"family": "inet", "address": addr, "plen": int(net.split("/")[1])})
    return ifs


def read_stats(text):
    """netstat -s; texts put into the plural, histogram lines under their titles."""
    out, group, title = [], None, None
    for line in text.splitlines():
        body = line.lstrip("\t")
        depth = len(line) - len(body)
        if depth == 0:
            group, title = body[:-1], None
        elif depth == 1 and body.endswith(":") and not body[0].isdigit():
            title = body[:-1]
        else:
            m = re.match(r"(\d+) (.*)$", body)
            if m:
                value, t = int(m[1]), m[2]
                if value == 1:
                    t = re.sub(r"^(output packet|reply packet|packet|request packet)\b", r"\1s", t)
            else:
                m = re.match(r"(.*): (\d+)$", body)
                value, t = int(m[2]), m[1]
            if title and depth == 2:
                t = f"{title}/{t}"
            else:
                title = None
                t = "\t" * (depth - 1) + t
            out.append({"group": group, "name": "X", "text": t, "value": value})
    return out


def read_arp(text):
    out = []
    for line in text.splitlines():
        m = re.match(r"\? \((\S+)\) at (\S+) on (\S+)( permanent)?$", line)
        out.append({"family": "inet", "address": m[1], "lladdr": m[2], "interface": m[3], "permanent": bool(m[4]),
                    "state": "permanent" if m[4] else "reachable", "expire": None if m[4] else 1200})
    return out


def read_ndp(text):
    out = []
    for line in text.splitlines()[1:]:
        a, mac, ifname, expire, state = line.split()[:5]
        seconds = 0
        for n, u in re.findall(r"(\d+)([dhms])", expire):
            seconds += int(n) * {"d": 86400, "h": 3600, "m": 60, "s": 1}[u]
        out.append({"family": "inet6", "address": a, "lladdr": mac, "interface": ifname, "permanent": expire == "permanent",
                    "state": "permanent" if expire == "permanent" else {"R": "reachable", "S": "stale"}[state],
                    "expire": None if expire == "permanent" else seconds, "router": line[-2:] == " R" and len(line.split()) == 6})
    return out


def read_ping(text, v6):
    """The events that lead to the text."""
    events, sent = [], 0
    rx = (r"(\d+) bytes from (\S+), icmp_seq=(\d+) hlim=(\d+) time=(\S+) ms(\(DUP!\))?" if v6
          else r"(\d+) bytes from (\S+): icmp_seq=(\d+)( DUP!)? ttl=(\d+) time=(\S+) ms")
    for line in text.splitlines():
        if m := re.match(r"PING6\(.*\) (\S+) --> ", line):
            events.append({"type": "start", "source": m[1]})
        elif m := re.match(rx, line):
            g = m.groups()
            seq = int(g[2])
            while sent <= seq:
                events.append({"type": "sent", "seq": sent})
                sent += 1
            t = float(g[4] if v6 else g[5])
            events.append({"type": "reply", "seq": seq, "from": g[1], "ttl": int(g[3] if v6 else g[4]), "bytes": int(g[0]),
                           "rtt_us": t * 1000})
        elif m := re.match(r"(\d+) bytes from (\S+): (.*) for icmp_seq=(\d+)$", line):
            seq = int(m[4])
            while sent <= seq:
                events.append({"type": "sent", "seq": sent})
                sent += 1
            t, c = {"Destination Net Unreachable": (3, 0), "Time To Live exceeded": (11, 0)}[m[3]]
            events.append({"type": "error", "from": m[2], "icmptype": t, "icmpcode": c, "bytes": int(m[1]), "text": "?", "seq": seq})
        elif m := re.match(r"ping: sendto: (.*)$", line):
            e = {"Message too long": "EMSGSIZE", "No route to host": "EHOSTUNREACH", "Network is unreachable": "ENETUNREACH"}
            events.append({"type": "senderror", "seq": sent, "errno": e[m[1]], "message": "?"})
            sent += 1
        elif m := re.match(r"(\d+) packets transmitted, (\d+) packets received", line):
            while sent < int(m[1]):
                events.append({"type": "sent", "seq": sent})
                sent += 1
            events.append({"sent": int(m[1]), "received": int(m[2])})
    return events


# Tables

for node, names in (("A", ["lo0", "shmif0"]), ("B", ["lo0", "shmif0"]), ("R", ["lo0", "shmif0", "shmif1", "gif0", "agr0"])):
    text = golden(f"netstat-nr.{node}")
    routes = {"route.list": read_routes(text)}
    check(f"netstat-nr.{node}", ["netstat", "-nr"], routes, text)
    check(f"netstat-rn.{node}", ["netstat", "-rn"], routes, text)
    # route show leaves C, S and B out; the tables were recorded at other times, so its own text is read.
    for suffix, args in (("", []), ("-inet", ["-inet"]), ("-inet6", ["-inet6"])):
        text = golden(f"route-n-show{suffix}.{node}")
        check(f"route-n-show{suffix}.{node}", ["route", "-n", "show"] + args, {"route.list": read_routes(text)}, text)
    full = golden(f"route-n-show.{node}")
    check(f"route-show.{node}", ["route", "show"], {"route.list": read_routes(full)}, golden(f"route-show.{node}"))
    for form, args in (("i", ["-i"]), ("in", ["-in"]), ("bi", ["-bi"])):
        text = golden(f"netstat-{form}.{node}")
        check(f"netstat-{form}.{node}", ["netstat"] + args, {"if.list": read_interfaces(text, names)}, text)
    text = golden(f"netstat-s.{node}")
    stats = {"stats.protocols": read_stats(text)}
    check(f"netstat-s.{node}", ["netstat", "-s"], stats, text)
    # -ss leaves out what is zero: all counters as recorded with -s, at the values recorded with -ss.
    brief = golden(f"netstat-ss.{node}")
    full, rest = read_stats(text), read_stats(brief)
    for c in full:
        same = rest and (rest[0]["group"], rest[0]["text"]) == (c["group"], re.sub(r" \(0 .*", "", c["text"]))
        c["value"] = rest.pop(0)["value"] if same else 0
    check(f"netstat-ss.{node}", ["netstat", "-ss"], {"stats.protocols": full}, brief)
    text = golden(f"netstat-p-ip.{node}")
    check(f"netstat-p-ip.{node}", ["netstat", "-p", "ip"], {"stats.protocols": read_stats(text)}, text)
    text = golden(f"arp-an.{node}")
    check(f"arp-an.{node}", ["arp", "-an"], {"neigh.list": list(reversed(read_arp(text)))}, text)
    text = golden(f"ndp-an.{node}")
    check(f"ndp-an.{node}", ["ndp", "-an"], {"neigh.list": read_ndp(text)}, text)
for name in ("route-n-show.R.after", "route-n-show.C.flushed"):
    text = golden(name)
    check(name, ["route", "-n", "show"], {"route.list": read_routes(text)}, text)
# Flags that route show leaves out
check("route-show-flags", ["route", "-n", "show", "-inet"], {"route.list": [
    {"family": "inet", "dst": "0.0.0.0/0", "gateway": "10.0.0.2", "flags": "UGS", "mtu": None, "interface": "shmif0"},
    {"family": "inet", "dst": "10.0.0.0/24", "gateway": "link#2", "flags": "UC", "mtu": None, "interface": "shmif0"},
    {"family": "inet", "dst": "198.51.100.0/24", "gateway": "127.0.0.1", "flags": "UGBS", "mtu": 33624, "interface": "lo0"},
]}, """Routing tables

Internet:
Destination        Gateway            Flags    Refs      Use    Mtu Interface
default            10.0.0.2           UG          -        -      -  shmif0
10.0.0/24          link#2             U           -        -      -  shmif0
198.51.100/24      127.0.0.1          UG          -        -  33624  lo0
""")
check("netstat-p-nosuch", ["netstat", "-p", "nosuch"], {"stats.protocols": []},
      "netstat: nosuch: unknown or uninstrumented protocol\n", 1)
for name in ("arp-an", "arp-an.empty", "arp-an.R.after"):
    check(name, ["arp", "-an"], {"neigh.list": read_arp(golden(name))}, golden(name))
check("arp-noentry", ["arp", "-n", "10.0.0.9"], {"neigh.list": []}, "10.0.0.9 (10.0.0.9) -- no entry\n", 1)
check("arp-one", ["arp", "-n", "10.0.0.2"], {"neigh.list": [
    {"address": "10.0.0.2", "lladdr": "b2:a0:fd:17:1c:60", "interface": "shmif0", "state": "delay", "expire": 5}]},
    "? (10.0.0.2) at b2:a0:fd:17:1c:60 on shmif0 5s D\n")
check("arp-s", ["arp", "-s", "10.0.1.77", "02:00:00:00:00:77"], {"neigh.add": None}, golden("arp-s.R"),
      calls=[("neigh.add", {"family": "inet", "address": "10.0.1.77", "lladdr": "02:00:00:00:00:77"})])


def exists(_):
    raise Error("EEXIST", "10.0.1.77: permanent entry")


check("arp-s-exists", ["arp", "-s", "10.0.1.77", "02:00:00:00:00:77"], {"neigh.add": exists}, "arp: 10.0.1.77: File exists\n", 1)
check("arp-d", ["arp", "-d", "10.0.1.1"], {"neigh.delete": None}, golden("arp-d.R"),
      calls=[("neigh.delete", {"family": "inet", "address": "10.0.1.1"})])
check("ndp-an", ["ndp", "-an"], {"neigh.list": read_ndp(golden("ndp-an"))}, golden("ndp-an"))
check("ndp-i", ["ndp", "-i", "shmif0"], {"nd.interface": {
    "linkmtu": 0, "maxmtu": 1500, "hoplimit": 64, "basereachable": 30000, "reachable": 18000, "retrans": 1000,
    "flags": ["nud", "accept_rtadv", "auto_linklocal"]}}, golden("ndp-i.R"))
check("ndp-pn", ["ndp", "-pn"], {"nd.prefixes": [
    {"prefix": p, "interface": i, "flags": f, "vltime": None, "pltime": None, "expire": None, "ref": r, "routers": []}
    for p, i, f, r in (("2001:db8:1::/64", "shmif1", "LO", 1), ("fe80::%shmif1/64", "shmif1", "LAO", 0),
                       ("2001:db8::/64", "shmif0", "LO", 1), ("fe80::%shmif0/64", "shmif0", "LAO", 0),
                       ("fe80::%lo0/64", "lo0", "LAO", 0))]}, golden("ndp-pn.R"))
check("ndp-rn", ["ndp", "-rn"], {"nd.routers": []}, golden("ndp-rn.R"))

# route

GET = {"dst": "10.0.1.1", "prefix": "0.0.0.0/0", "gateway": "10.0.0.2", "local": "10.0.0.1", "interface": "shmif0",
       "flags": "UGS", "flagbits": 0x803, "mtu": 0, "nexthop": 17}
check("route.get", ["route", "-n", "get", "10.0.1.1"], {"route.get": GET},
      golden("route.get").replace(" flags: <", " flags: 0x843<"),
      calls=[("route.get", {"family": "inet", "dst": "10.0.1.1"})])
check("route.add", ["route", "add", "default", "10.0.0.2"], {"route.add": None}, golden("route.add"),
      calls=[("route.add", {"family": "inet", "dst": "0.0.0.0/0", "gateway": "10.0.0.2"})])
check("route.add6", ["route", "add", "-inet6", "default", "2001:db8:0::2"], {"route.add": None}, golden("route.add6"),
      calls=[("route.add", {"family": "inet6", "dst": "::/0", "gateway": "2001:db8::2"})])
check("route.add.exists", ["route", "add", "default", "10.0.0.2"], {"route.add": exists}, golden("route.add.exists"), 1)


def missing(_):
    raise Error("ESRCH")


check("route.delete.missing", ["route", "delete", "172.16.0.0/12"], {"route.delete": missing}, golden("route.delete.missing"), 1)
check("route.reject", ["route", "add", "203.0.113.0/24", "127.0.0.1", "-reject"], {"route.add": None}, golden("route.reject"))
check("route.blackhole", ["route", "add", "198.51.100.0/24", "127.0.0.1", "-blackhole"], {"route.add": None},
      golden("route.blackhole"))
check("route.net", ["route", "add", "-net", "172.16.0.0/12", "10.0.1.1"], {"route.add": None}, golden("route.net"))
check("route.flush", ["route", "-n", "flush"], {"route.flush": {"deleted": 2, "routes": [
    {"family": "inet", "dst": "0.0.0.0/0", "gateway": "10.0.1.2"}, {"family": "inet6", "dst": "::/0", "gateway": "2001:db8:1::2"}]}},
    golden("route.flush"))

# ifconfig, in the newer form

NAMES = {1: "UP", 2: "BROADCAST", 8: "LOOPBACK", 0x40: "RUNNING", 0x800: "SIMPLEX", 0x8000: "MULTICAST"}


def interface(name, index, flags, mtu, type="ether", **more):
    return {"name": name, "index": index, "flags": flags, "flagnames": [n for b, n in NAMES.items() if flags & b], "mtu": mtu,
            "metric": 0, "type": type, "capabilities": [], "stats": {}, "addresses": [], **more}


WM0 = interface("wm0", 1, 0x8843, 1500, lladdr="02:00:00:00:00:01", linkstate="up",
                media="Ethernet autoselect (1000baseT full-duplex)", status="active", addresses=[
                    {"family": "inet", "address": "10.0.0.2", "plen": 24, "broadcast": "10.0.0.255", "flags": [], "flagbits": 0},
                    {"family": "inet6", "address": "fe80::ff:fe00:1%wm0", "plen": 64, "flags": [], "flagbits": 0, "scopeid": 1},
                    {"family": "inet6", "address": "2001:db8::2", "plen": 64, "flags": ["TENTATIVE"], "flagbits": 2}])
README = """wm0: flags=0x8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	address: 02:00:00:00:00:01
	linkstate: up
	media: Ethernet autoselect (1000baseT full-duplex)
	status: active
	inet6 fe80::ff:fe00:1%wm0/64 flags 0 scopeid 0x1
	inet6 2001:db8::2/64 flags 0x2<TENTATIVE>
	inet 10.0.0.2/24 broadcast 10.0.0.255 flags 0
"""
check("ifconfig", ["ifconfig", "wm0"], {"if.list": [WM0]}, README, calls=[("if.list", {"name": "wm0"})])
check("ifconfig-a", ["ifconfig", "-a"], {"if.list": [WM0]}, README, calls=[("if.list", {})])


def newer(text):
    """The recorded addresses rewritten in the newer form, and the link's state before the addresses."""
    def v4(m):
        plen = bin(int(m[3], 16)).count("1")
        return f"\tinet {m[1]}{m[2] or ''}/{plen}{m[4] or ''} flags 0"
    text = re.sub(r"\tinet6 (\S+) prefixlen (\d+)( scopeid \S+)?$", r"\tinet6 \1/\2 flags 0\3", text, flags=re.M)
    return re.sub(r"\tinet (\S+)( -> \S+)? netmask (0x\S+)( broadcast \S+)?$", v4, text, flags=re.M)


def read_ifconfig(text):
    ifs = []
    for line in text.splitlines():
        if m := re.match(r"(\S+): flags=0x(\S+)<.*> mtu (\d+)", line):
            ifs.append(interface(m[1], len(ifs) + 1, int(m[2], 16), int(m[3]), "loop" if m[1] == "lo0" else "ether"))
        elif m := re.match(r"\taddress: (\S+)", line):
            ifs[-1]["lladdr"] = m[1]
        elif m := re.match(r"\tlinkstr: (\S+)", line):
            ifs[-1]["linkstr"] = m[1]
        elif m := re.match(r"\t(in|out)put: (\d+) packets, (\d+) bytes(?:, (\d+) multicasts)?", line):
            d = m[1][0]
            ifs[-1]["stats"].update({d + "packets": int(m[2]), d + "bytes": int(m[3]), d + "mcasts": int(m[4] or 0)})
        elif m := re.match(r"\tinet6 (\S+) prefixlen (\d+)(?: scopeid (\S+))?", line):
            ifs[-1]["addresses"].append({"family": "inet6", "address": m[1], "plen": int(m[2]), "flags": [], "flagbits": 0,
                                         **({"scopeid": int(m[3], 16)} if m[3] else {})})
        elif m := re.match(r"\tinet (\S+) netmask (\S+)(?: broadcast (\S+))?", line):
            ifs[-1]["addresses"].append({"family": "inet", "address": m[1], "plen": bin(int(m[2], 16)).count("1"), "flags": [],
                                         "flagbits": 0, **({"broadcast": m[3]} if m[3] else {})})
    return ifs


for name in ("a.A", "a.B", "a.R", "a.fresh", "av.A", "av.B", "av.R", "z.R"):
    text = golden("ifconfig-" + name)
    args = {"a": ["-a"], "av": ["-av"], "z": ["-z", "shmif0"]}[name.split(".")[0]]
    check("ifconfig-" + name, ["ifconfig"] + args, {"if.list": read_ifconfig(text)}, newer(text))
three = read_ifconfig(golden("ifconfig-a.R"))
check("ifconfig-l", ["ifconfig", "-l"], {"if.list": three}, golden("ifconfig-l.R"))
check("ifconfig-lb", ["ifconfig", "-l", "-b"], {"if.list": three}, "shmif0 shmif1\n")
check("ifconfig-C", ["ifconfig", "-C"], {"if.kinds": ["lo", "shmif", "bridge", "gif", "agr", "carp"]}, golden("ifconfig-C.R"))
check("ifconfig-s", ["ifconfig", "-s", "shmif0"], {"if.list": [WM0]}, golden("ifconfig-s.R"))
check("ifconfig-s-down", ["ifconfig", "-s", "wm0"], {"if.list": [{**WM0, "linkstate": "down"}]}, "", 1)


def absent(_):
    raise Error("ENXIO", "shmif9: no such interface")


def invalid(_):
    raise Error("EINVAL", "Invalid argument")


check("ifconfig.nosuch", ["ifconfig", "shmif9"], {"if.list": absent}, golden("ifconfig.nosuch"), 1)
check("ifconfig-mtu", ["ifconfig", "shmif0", "mtu", "20"], {"if.set": invalid}, "ifconfig: SIOCSIFMTU: Invalid argument\n", 1)
check("ifconfig-unit", ["ifconfig", "shmif9", "up"], {"if.set": absent}, "ifconfig: SIOCSIFFLAGS: Device not configured\n", 1)

# sysctl


def settings(p):
    text, name = golden("sysctl-net.inet.ip.R"), p.get("name", "")
    found = [{"name": n, "value": int(v) if v.lstrip("-").isdigit() else v, "readonly": False}
             for n, v in (l.split(" = ", 1) for l in text.splitlines()) if n == name or n.startswith(name + ".") or not name]
    if not found:
        raise Error("ENOENT")
    return found


check("sysctl", ["sysctl", "net.inet.ip"], {"sysctl.get": settings}, golden("sysctl-net.inet.ip.R"))
check("sysctl-n", ["sysctl", "-n", "net.inet.ip.ttl"], {"sysctl.get": settings}, "64\n")
check("sysctl.nosuch", ["sysctl", "net.inet.nosuch"], {"sysctl.get": settings}, golden("sysctl.nosuch"), 1)
check("sysctl-w", ["sysctl", "-w", "net.inet.ip.forwarding=1"], {"sysctl.set": {"old": 0, "new": 1}},
      "net.inet.ip.forwarding: 0 -> 1\n", calls=[("sysctl.set", {"name": "net.inet.ip.forwarding", "value": 1})])
check("sysctl-wq", ["sysctl", "-w", "-q", "net.inet.ip.forwarding=1"], {"sysctl.set": {"old": 0, "new": 1}}, "")

# ping, ping6

for name, status, args in (
        ("ping.ok", 0, ["10.0.1.1"]), ("ping.ok.direct", 0, ["10.0.0.2"]), ("ping.ok.large", 0, ["-s", "4000", "10.0.1.1"]),
        ("ping.quiet", 0, ["-q", "10.0.1.1"]), ("ping.ttl", 2, ["-T", "1", "10.0.1.1"]), ("ping.bridge", 0, ["10.0.1.3"]),
        ("ping.bridge.routed", 0, ["10.0.1.3"]), ("ping.fail.nohost", 2, ["-w", "6", "10.0.1.99"]),
        ("ping.fail.nohost.link", 2, ["-w", "6", "10.0.0.99"]), ("ping.fail.noroute", 2, ["-w", "6", "172.16.0.1"]),
        ("ping.fail.unreach", 2, ["-w", "6", "172.16.0.1"]), ("ping.df", 2, ["-D", "-s", "4000", "-w", "6", "10.0.1.1"]),
        ("ping.reject", 2, ["-w", "4", "203.0.113.1"])):
    text = golden(name)
    events = read_ping(text, False)
    if name == "ping.quiet":
        events = read_ping(golden("ping.ok.large"), False)
    check(name, ["ping", "-n", "-c", "3"] + args, {"ping.start": lambda p, e=events: (None, [{"type": "start", "source": "x"}] + e)},
          text, status)
text = golden("ping.ok.names")
check("ping.ok.names", ["ping", "-c", "3", "10.0.1.1"], {"ping.start": lambda p: (None, read_ping(text, False))}, text)
check("ping-names", ["ping", "-o", "10.0.1.1"], {"ping.start": lambda p: (None, read_ping(golden("ping.ok"), False))},
      """PING 10.0.1.1 (10.0.1.1): 56 data bytes
64 bytes from 10.0.1.1: icmp_seq=0 ttl=254 time=0.000000 ms

----10.0.1.1 PING Statistics----
1 packets transmitted, 1 packets received, 0.0% packet loss
round-trip min/avg/max/stddev = 0.000000/0.000000/0.000000/0.000000 ms
""")
for name, status, args in (
        ("ping6.ok", 0, ["2001:db8:1::1"]), ("ping6.bridge", 0, ["2001:db8:1::3"]),
        ("ping6.ok.large", 0, ["-s", "4000", "2001:db8:1::1"]), ("ping6.ok.linklocal", 0, ["ff02::1%shmif0"]),
        ("ping6.ttl", 1, ["-h", "1", "2001:db8:1::1"]), ("ping6.fail.nohost", 1, ["-X", "6", "2001:db8:1::99"])):
    text = golden(name)
    check(name, ["ping6", "-n", "-c", "3"] + args, {"ping.start": lambda p, e=read_ping(text, True): (None, e)}, text, status)


def noroute(_):
    raise Error("EHOSTUNREACH")


check("ping6.fail.noroute", ["ping6", "-n", "-c", "3", "-X", "6", "2001:db8:ffff::1"], {"ping.start": noroute},
      golden("ping6.fail.noroute"), 1)

# traceroute

HOPS = [{"ttl": t, "query": q, "from": f, "rtt_us": 1234.0, "icmptype": ty, "icmpcode": c, "final": fin}
        for t, f, ty, c, fin in ((1, "10.0.0.2", 11, 0, False), (2, None, 0, 0, False), (3, "10.0.1.1", 3, 3, True)) for q in (1, 2, 3)]
check("traceroute", ["traceroute", "-n", "10.0.1.1"], {"trace.start": lambda p: (None, HOPS + [{}])},
      """traceroute to 10.0.1.1 (10.0.1.1), 64 hops max, 40 byte packets
 1  10.0.0.2  1.234 ms  1.234 ms  1.234 ms
 2  * * *
 3  10.0.1.1  1.234 ms  1.234 ms  1.234 ms
""")

# top on a terminal of 24 lines and 80 columns, with more to show than fits


def check_top(name, end):
    global failures, ran
    if ONLY and name not in ONLY:
        return
    ran += 1
    rounds = [0]

    def interfaces(_):
        rounds[0] += 1
        return [interface(f"shmif{i}", i + 1, 0x8843, 1500, linkstate="up", addresses=[], stats={
            "ipackets": 10**9 * rounds[0], "ibytes": 10**12 * rounds[0], "opackets": 999_949 * rounds[0]}) for i in range(40)]

    methods = {"if.list": interfaces, "daemon.info": {"version": "0", "pid": 1, "workers": 4, "uptime_ms": 3661000},
               "stats.workers": [{"id": i, "cpu": i, "loops": 0, "received": 0, "transmitted": 0, "busy_cycles": 0, "tsc_hz": 10**9,
                                  "pool_free": 5, "asleep": True} for i in range(4)],
               "stats.drops": [{"name": f"D{i}", "text": f"reason {i} " * 20, "value": 10**11 + i} for i in range(10)]}
    with tempfile.TemporaryDirectory() as d:
        server = Server(f"{d}/s", methods)
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["SMPNET_SERVER"] = f"unix://{d}/s"
            os.execv(SMPNET, [SMPNET, "top", "-d", "0.2"])
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        out = b""
        # The size may come after the first frame; the fourth has rates.
        while out.count(b"\033[J") < 5:
            out += os.read(fd, 65536)
        end(pid, fd)
        try:
            while chunk := os.read(fd, 65536):
                out += chunk
        except OSError:
            pass
        status = os.waitpid(pid, 0)[1]
        server.sock.close()
    frame = out.split(b"\033[H")[4].split(b"\033[J")[0].decode().replace("\033[K", "").replace("\r", "")
    frame = frame.replace("\033[1m", "").replace("\033[m", "")
    lines = frame.split("\n")
    good = (status == 0 and len(lines) <= 24 and max(map(len, lines)) <= 79 and out.endswith(b"\033[?25h\033[?1049l")
            and "... " in frame and any(l.startswith("3 (cpu 3)") for l in lines) and "T" in lines[3])
    if not good:
        failures += 1
        print(f"FAIL {name}: status {status}, {len(lines)} lines\n{frame}\n{out[-40:]}")


check_top("top-q", lambda pid, fd: os.write(fd, b"q"))
check_top("top-interrupt", lambda pid, fd: os.kill(pid, signal.SIGINT))

print(f"{ran} compared, {failures} failed")
sys.exit(failures > 0 or ran == 0)
