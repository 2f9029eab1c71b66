#!/usr/bin/python3
"""redirected.py BUILD SOCKET: which redirects a host honours, what becomes of its routes, which it refuses and under which name.  Its
gateway is 10.0.0.1, fe80::1, NEAR; the better one 10.0.0.9, fe80::9, 02:..:09."""
import re
import subprocess
import sys
import time

from wire import NEAR, Router
from scapy.all import (
    ICMP, UDP, Ether, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, ICMPv6NDOptRedirectedHdr, IP, IPv6, Raw)

r = Router(sys.argv[1], sys.argv[2])
R0 = r.mac["shmif0"]
OTHER = "02:00:00:00:00:09"
eth = Ether(src=NEAR, dst=R0)


def setting(name, value):
    r.call("sysctl.set", name=name, value=value)


def routes(v6):
    return r.tool("netstat", "-rn", "-f", "inet6" if v6 else "inet").stdout


def has(v6, dst, gw, flags):
    return re.search(rf"^{re.escape(dst)} +{re.escape(gw)} +{flags} ", routes(v6), re.M)


def redirect4(dst, gw="10.0.0.9", src="10.0.0.1", to="10.0.0.2", code=1, quoted=None, e=eth, **k):
    q = quoted if quoted is not None else IP(src="10.0.0.2", dst=dst) / UDP(sport=1, dport=9)
    return e / IP(src=src, dst=to, **k) / ICMP(type=5, code=code, gw=gw) / q


def redirect6(dst, tgt="fe80::9", src="fe80::1", hlim=255, to="2001:db8::2", opt=True, code=0, e=eth):
    p = e / IPv6(src=src, dst=to, hlim=hlim) / ICMPv6ND_Redirect(tgt=tgt, dst=dst, code=code)
    if opt is True:
        p = p / ICMPv6NDOptDstLLAddr(lladdr=OTHER) / ICMPv6NDOptRedirectedHdr(pkt=IPv6(src="2001:db8::2", dst=dst) / UDP())
    elif opt:
        p = p / opt
    return p


def good(what, frame, v6, dst, gw, flags):
    r.bus[0].send(frame)
    r.until(f"{what}: no route {dst} {gw} {flags}", lambda: has(v6, dst, gw, flags))


def refused(what, frame, drop, v6=False):
    was, before = r.counts(), routes(v6)
    r.bus[0].send(frame)
    if not r.until(f"{what}: not dropped as {drop}", lambda: r.counts()[("drop", drop)] > was[("drop", drop)], 10):
        now = r.counts()
        print({k: now[k] - was[k] for k in now if now[k] != was[k]})
    if routes(v6) != before:
        r.fail(f"{what}: routes changed")


def goes_by(what, ping, dst, mac):
    """A packet of ours to dst leaves for mac."""
    at = len(r.bus[0].frames)
    r.tool(ping, "-n", "-c", "1", "-X" if ping == "ping6" else "-w", "1", dst)
    want = bytes.fromhex(mac.replace(":", ""))
    r.until(f"{what}: does not go by {mac}", lambda: any(f[:6] == want for f in r.bus[0].frames[at:]), 10)


monitor = subprocess.Popen([f"{r.build}/smpnet", "-s", f"unix://{r.sock_path}", "route", "-n", "monitor"], stdout=subprocess.PIPE, text=True)
time.sleep(0.5)
# IPv4
good("host", redirect4("198.51.100.5"), False, "198.51.100.5", "10.0.0.9", "UGHD")
goes_by("host", "ping", "198.51.100.5", OTHER)
for code in (0, 2, 3):
    good(f"code {code}", redirect4(f"198.51.100.1{code}", code=code), False, f"198.51.100.1{code}", "10.0.0.9", "UGHD")
refused("the sender is the gateway no more", redirect4("198.51.100.5", gw="10.0.0.7"), "REDIRECT_SENDER")
good("the new gateway sends it on", redirect4("198.51.100.5", gw="10.0.0.7", src="10.0.0.9"), False, "198.51.100.5", "10.0.0.7", "UGHD")
N = "198.51.100.20"
refused("not from the gateway", redirect4(N, src="10.0.0.8"), "REDIRECT_SENDER")
refused("of a destination on the link", redirect4("10.0.0.77"), "REDIRECT_SENDER")
refused("to itself", redirect4(N, gw="10.0.0.1"), "REDIRECT_TARGET")
for gw in ("192.0.2.1", "10.0.0.2", "10.0.1.1", "224.0.0.1", "255.255.255.255", "10.0.0.255", "127.0.0.1", "0.0.0.0"):
    refused(f"gateway {gw}", redirect4(N, gw=gw), "REDIRECT_TARGET")
for dst in ("224.0.0.5", "255.255.255.255", "127.0.0.1", "10.0.0.2", "10.0.0.255", "0.0.0.0"):
    refused(f"destination {dst}", redirect4(dst), "REDIRECT_BAD")
refused("packet of another", redirect4(N, quoted=IP(src="10.0.0.3", dst=N) / UDP()), "REDIRECT_BAD")
refused("code 4", redirect4(N, code=4), "REDIRECT_BAD")
refused("no packet", redirect4(N, quoted=Raw(b"")), "ICMP_SHORT")
refused("a packet cut", redirect4(N, quoted=Raw(bytes(IP(src="10.0.0.2", dst=N))[:19])), "ICMP_SHORT")
refused("a header too short", redirect4(N, quoted=Raw(b"\x44" + bytes(IP(src="10.0.0.2", dst=N))[1:])), "ICMP_SHORT")
# IPv6
good("v6", redirect6("2001:db8:5::5"), True, "2001:db8:5::5", "fe80::9%shmif0", "UGHD")
goes_by("v6", "ping6", "2001:db8:5::5", OTHER)
n = [x for x in r.call("neigh.list", family="inet6") if x["address"].startswith("fe80::9")]
if not n or n[0]["lladdr"] != OTHER:
    r.fail(f"v6: the target's link address is not known: {n}")
good("v6 without options", redirect6("2001:db8:5::6", opt=None), True, "2001:db8:5::6", "fe80::9%shmif0", "UGHD")
good("v6 on-link", redirect6("2001:db8:6::9", tgt="2001:db8:6::9"), True, "2001:db8:6::9", "2001:db8:6::9", "UGHD")
goes_by("v6 on-link", "ping6", "2001:db8:6::9", OTHER)
N = "2001:db8:5::20"
refused("v6 not from the gateway", redirect6(N, src="fe80::7"), "REDIRECT_SENDER", True)
refused("v6 not from a link-local address", redirect6(N, src="2001:db8::1"), "REDIRECT_BAD", True)
refused("v6 hop limit", redirect6(N, hlim=254), "ICMP6_HLIM", True)
refused("v6 code", redirect6(N, code=1), "ICMP6_TYPE", True)
refused("v6 to a group", redirect6(N, to="ff02::1", e=Ether(src=NEAR, dst="33:33:00:00:00:01")), "REDIRECT_BAD", True)
for dst in ("ff0e::5", "fe80::5", "::", "::1", "2001:db8::2"):
    refused(f"v6 destination {dst}", redirect6(dst), "REDIRECT_BAD", True)
for tgt in ("2001:db8::9", "ff02::2", "fe80::1", next(a["address"].split("%")[0] for i in r.call("if.list") if i["name"] == "shmif0"
                                                    for a in i["addresses"] if a["address"].startswith("fe80"))):
    refused(f"v6 target {tgt}", redirect6(N, tgt=tgt), "REDIRECT_TARGET", True)
refused("v6 option of length 0", redirect6(N, opt=Raw(b"\2\0\2\0\0\0\0\x09")), "REDIRECT_BAD", True)
refused("v6 option cut", redirect6(N, opt=Raw(b"\4\3\2\0\0\0\0\x09")), "REDIRECT_BAD", True)
refused("v6 short", eth / IPv6(src="fe80::1", dst="2001:db8::2", hlim=255, nh=58) / Raw(bytes(ICMPv6ND_Redirect())[:24]), "ICMP6_BADSUM", True)
# settings: off, and as a router
for v6, f, names in ((False, redirect4("198.51.100.40"), ("net.inet.icmp.rediraccept", "net.inet.ip.forwarding")),
                     (True, redirect6("2001:db8:5::40"), ("net.inet6.icmp6.rediraccept", "net.inet6.ip6.forwarding"))):
    setting(names[0], 0)
    refused(f"{names[0]} 0", f, "REDIRECT_OFF", v6)
    setting(names[0], 1)
    setting(names[1], 1)
    refused("a router", f, "REDIRECT_OFF", v6)
    setting(names[1], 0)
    setting("net.inet6.ip6.maxdynroutes" if v6 else "net.inet.ip.maxdynroutes", 2)
    refused("too many", f, "REDIRECT_FULL", v6)
    setting("net.inet6.ip6.maxdynroutes" if v6 else "net.inet.ip.maxdynroutes", 4096)
    setting("net.inet6.icmp6.redirtimeout" if v6 else "net.inet.icmp.redirtimeout", 1)
# a host route of the administrator's is modified, saved as he gave it, and his again after the time; others go
for v6, dst, gw, new, f in ((False, "198.51.100.50", "10.0.0.1", "10.0.0.9", redirect4), (True, "2001:db8:5::50", "fe80::1%shmif0", "fe80::9%shmif0", redirect6)):
    r.tool("route", "add", *(["-inet6"] if v6 else []), "-host", dst, gw)
    good("static", f(dst), v6, dst, new, "UGHMS")
    save = r.tool("config", "save").stdout
    if not re.search(rf"^route add.* -host {dst} {gw}", save, re.M) or new in re.sub(r"(?m)^(arp|ndp) .*$", "", save):
        r.fail(f"config save: {save}")
    r.until(f"{dst}: not as it was", lambda: has(v6, dst, gw, "UGHS"), 10)
    last = "2001:db8:5::60" if v6 else "198.51.100.60"
    good("short", f(last), v6, last, new, "UGHD")
    r.until(f"{last}: stays", lambda: last not in routes(v6), 10)
setting("net.inet.icmp.redirtimeout", 600)
time.sleep(0.2)
monitor.terminate()
said = monitor.communicate()[0]
if not re.search(r"RTM_REDIRECT.*\n(.*\n)*?.*<DST,GATEWAY.*AUTHOR>\n.*198\.51\.100\.5 +10\.0\.0\.9 .*10\.0\.0\.1", said):
    r.fail("monitor: no RTM_REDIRECT: " + said[:3000])
r.end()
