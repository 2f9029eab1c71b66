"""Router advertisements as Scapy decodes them: every option, answers to solicitations, the end, other routers' ones.

usage: rtadvd.py BUILD SOCKET
"""
import subprocess
import sys
import time

from wire import NEAR, Router
from scapy.all import Ether, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDNSSL, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, \
    ICMPv6NDOptRouteInfo, ICMPv6NDOptSrcLLAddr, IPv6

r = Router(sys.argv[1], sys.argv[2])
bus = r.bus[0]
mac = bytes.fromhex(r.mac["shmif0"].replace(":", ""))
INFINITE = 0xffffffff


def ras(since=0):
    return [p for f in bus.frames[since:] if f[6:12] == mac and ICMPv6ND_RA in (p := Ether(f))]


def options(p, kind):
    out = []
    p = p[ICMPv6ND_RA].payload
    while p:
        if isinstance(p, kind):
            out.append(p)
        p = p.payload
    return out


def prefixes(p):
    return {f"{o.prefix}/{o.prefixlen}": (o.validlifetime, o.preferredlifetime, o.L, o.A) for o in options(p, ICMPv6NDOptPrefixInfo)}


def check(ok, what):
    if not ok:
        r.fail(what)


def rtadvd(*args):
    a = r.tool("rtadvd", *args)
    check(a.returncode == 0 and not a.stdout and not a.stderr, f"rtadvd {args}: {a}")


def solicit():
    bus.send(Ether(src=NEAR, dst="33:33:00:00:00:02") / IPv6(src="fe80::1", dst="ff02::2", hlim=255) / ICMPv6ND_RS() /
             ICMPv6NDOptSrcLLAddr(lladdr=NEAR))


# Nothing configured: the interface's prefixes, with what goes without saying.
rtadvd("shmif0")
r.until("no advertisement", ras)
p = ras()[0]
check(p.dst == "33:33:00:00:00:01" and p[IPv6].dst == "ff02::1" and p[IPv6].hlim == 255 and p[IPv6].src.startswith("fe80::"), "header")
ra = p[ICMPv6ND_RA]
ck = ra.cksum
raw = Ether(bytes(p))
del raw[ICMPv6ND_RA].cksum
check(Ether(bytes(raw))[ICMPv6ND_RA].cksum == ck, "checksum")
check((ra.chlim, ra.M, ra.O, ra.routerlifetime, ra.reachabletime, ra.retranstimer) == (64, 0, 0, 1800, 0, 0), ra.show(dump=True))
check(prefixes(p) == {"2001:db8::/64": (2592000, 604800, 1, 1)}, f"prefixes: {prefixes(p)}")
check([o.lladdr for o in options(p, ICMPv6NDOptSrcLLAddr)] == [r.mac["shmif0"]], "source link address")
check(not options(p, ICMPv6NDOptMTU), "an MTU that nobody asked for")

# A solicitation is answered, though not within three seconds of the last; many of them once.
at = len(bus.frames)
for _ in range(5):
    solicit()
r.until("no answer to a solicitation", lambda: ras(at))
t = time.monotonic()
time.sleep(1)
check(len(ras(at)) == 1, f"{len(ras(at))} answers to five solicitations")

# A file with everything in it
with open("rtadvd.conf", "w") as f:
    f.write('''# comment: with a colon
common:\\
\t:chlim#32:raflags="mo":rltime#3000:rtime#20000:retrans#2000:\\
\t:mtu#1400:maxinterval#40:mininterval#0x0a:
shmif0|other0:\\
\t:addr="2001:db8:7::":prefixlen#64:vltime#7200:pltime#3600:pinfoflags="a":\\
\t:addr1="2001:db8:8::1":prefixlen1#48:pinfoflags1#128:vltime1#0xffffffff:pltime1#4294967295:\\
\t:rtprefix="2001:db8:aaaa::":rtplen#48:rtltime#600:rtflags="h":\\
\t:rdnss="2001:db8::53,2001:db8::54":rdnssltime#120:\\
\t:dnssl="example.org,sub.example.net":dnsslltime#90:\\
\t:chlim#48:tc=common:
''')
at = len(bus.frames)
rtadvd("-D", "-c", "rtadvd.conf", "-p", "rtadvd.pid", "shmif0")
check(open("rtadvd.pid").read() == "", "the pid file names a process")
r.until("no advertisement by the file", lambda: ras(at))
p = ras(at)[-1]
ra = p[ICMPv6ND_RA]
check((ra.chlim, ra.M, ra.O, ra.routerlifetime, ra.reachabletime, ra.retranstimer) == (48, 1, 1, 3000, 20000, 2000), ra.show(dump=True))
check(prefixes(p) == {"2001:db8:7::/64": (7200, 3600, 0, 1), "2001:db8:8::/48": (INFINITE, INFINITE, 1, 0),
                       "2001:db8::/64": (0, 0, 1, 1)},  # the one that was advertised before is over
      f"{prefixes(p)}")
check([o.mtu for o in options(p, ICMPv6NDOptMTU)] == [1400], "MTU")
check([(o.prefix, o.plen, o.prf, o.rtlifetime) for o in options(p, ICMPv6NDOptRouteInfo)] == [("2001:db8:aaaa::", 48, 1, 600)], "route")
check([(o.dns, o.lifetime) for o in options(p, ICMPv6NDOptRDNSS)] == [(["2001:db8::53", "2001:db8::54"], 120)], "RDNSS")
dnssl = options(p, ICMPv6NDOptDNSSL)
check(len(dnssl) == 1 and dnssl[0].lifetime == 90 and [n.rstrip(".") for n in dnssl[0].searchlist] == ["example.org", "sub.example.net"],
      f"DNSSL {dnssl}")
state = r.call("rtadv.list")[0]
check(state["state"] == "sending" and state["maxinterval"] == 40 and state["mininterval"] == 10, f"{state}")
check("prefix 2001:db8:7::/64 vltime 7200 pltime 3600 autonomous" in r.tool("rtadvd").stdout, "rtadvd shows it")
check("rtadvd -c" in r.tool("config", "save").stdout, "config save")

# Another router says otherwise: logged once, counted each time.
other = Ether(src=NEAR, dst="33:33:00:00:00:01") / IPv6(src="fe80::1", dst="ff02::1", hlim=255)
good = ICMPv6ND_RA(chlim=48, M=1, O=1, routerlifetime=1, reachabletime=20000) / ICMPv6NDOptMTU(mtu=1400)
bus.send(other / good)
r.drained(0)
check(r.call("rtadv.list")[0]["inconsistent"] == 0, "a consistent advertisement is complained of")
for bad in (ICMPv6ND_RA(chlim=64, M=1, O=1), ICMPv6ND_RA(chlim=48, M=0, O=1), ICMPv6ND_RA(chlim=48, M=1, O=1, reachabletime=1),
            ICMPv6ND_RA(chlim=48, M=1, O=1) / ICMPv6NDOptMTU(mtu=1500),
            ICMPv6ND_RA(chlim=48, M=1, O=1) / ICMPv6NDOptPrefixInfo(prefix="2001:db8:7::", prefixlen=64, validlifetime=1)):
    bus.send(other / bad)
r.until("inconsistent advertisements are counted", lambda: r.call("rtadv.list")[0]["inconsistent"] == 5)

# An address comes and goes: so does its prefix.
at = len(bus.frames)
rtadvd("shmif0")
r.tool("ifconfig", "shmif0", "inet6", "2001:db8:9::1/64", "pltime", "500", "vltime", "1000")
r.until("the new address's prefix is not advertised", lambda: any("2001:db8:9::/64" in prefixes(p) for p in ras(at)))
v, pl, on, auto = [prefixes(p)["2001:db8:9::/64"] for p in ras(at) if "2001:db8:9::/64" in prefixes(p)][0]
check(900 <= v <= 1000 and 400 <= pl <= 500, f"lifetimes of an address that ends: {v} {pl}")
at = len(bus.frames)
r.tool("ifconfig", "shmif0", "inet6", "2001:db8:9::1", "delete")
r.until("the prefix does not go", lambda: any(prefixes(p).get("2001:db8:9::/64", (1, 1))[:2] == (0, 0) for p in ras(at)))

# No router any more, then one again
at = len(bus.frames)
r.tool("sysctl", "-w", "net.inet6.ip6.forwarding=0")
r.until("a router that becomes a host does not say so", lambda: any(p[ICMPv6ND_RA].routerlifetime == 0 for p in ras(at)))
check(r.call("rtadv.list")[0]["state"] == "waiting", "waiting")
at = len(bus.frames)
r.tool("sysctl", "-w", "net.inet6.ip6.forwarding=1")
r.until("it begins again", lambda: any(p[ICMPv6ND_RA].routerlifetime == 1800 for p in ras(at)))

# The end: with lifetime 0
at = len(bus.frames)
rtadvd("-d", "shmif0")
r.until("the end is not said", lambda: any(p[ICMPv6ND_RA].routerlifetime == 0 for p in ras(at)))
check(all(p[ICMPv6ND_RA].routerlifetime == 0 for p in ras(at)), "advertisements after the end")
check("rtadvd" not in r.tool("config", "save").stdout, "config save of what is stopped")
at = len(bus.frames)
rtadvd("shmif0")
r.until("started again while it stops", lambda: any(p[ICMPv6ND_RA].routerlifetime == 1800 for p in ras(at)))
at = len(bus.frames)
r.tool("ifconfig", "shmif0", "down")
r.until("the interface goes down without a word", lambda: any(p[ICMPv6ND_RA].routerlifetime == 0 for p in ras(at)))
r.end()
