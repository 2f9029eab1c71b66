#!/usr/bin/python3
"""advertisements.py BUILD SOCKET: a host and the router advertisements it hears; the topic is in the environment (TOPIC)."""
import os
import re
import sys
import time

from wire import Router
from scapy.all import (
    Ether, ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, ICMPv6NDOptSrcLLAddr,
    IPv6, IPv6ExtHdrFragment, Raw)

r = Router(sys.argv[1], sys.argv[2], buses=("bus0",))
bus = r.bus[0]
DAY = 86400
HIGH, MEDIUM, LOW = 1, 0, 3


def mac(n):
    return "02:00:00:00:00:%02x" % n


def pfx(prefix, valid=30 * DAY, preferred=7 * DAY, plen=64, on=1, auto=1):
    return ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=plen, L=on, A=auto, validlifetime=valid, preferredlifetime=preferred)


def ra(n, *options, lifetime=1800, pref=MEDIUM, hlim=255, src=None, lladdr=True, **k):
    p = Ether(src=mac(n), dst="33:33:00:00:00:01") / IPv6(src=src or f"fe80::{n:x}", dst="ff02::1", hlim=hlim)
    k.setdefault("chlim", 0)
    p /= ICMPv6ND_RA(routerlifetime=lifetime, prf=pref, **k)
    if lladdr:
        p /= ICMPv6NDOptSrcLLAddr(lladdr=mac(n))
    for o in options:
        p /= o
    return p


def tool(*args):
    return r.tool(*args).stdout


def say(*frames):
    """Sends them, and waits until all were looked at."""
    def seen():
        c = r.counts()
        return sum(c[k] for k in (("nd6", "ND_RCVD_RA"), ("drop", "ND_BAD"), ("drop", "ICMP6_HLIM"), ("drop", "ICMP6_TYPE")))
    was = seen()
    bus.send(*frames)
    r.until("not seen", lambda: seen() >= was + len(frames))


def check(what, ok):
    if not ok:
        print(tool("ndp", "-rn"), tool("ndp", "-pn"), tool("ifconfig", "shmif0"), tool("netstat", "-rnf", "inet6"))
        r.fail(what)


def routers():
    return {d["address"].split("%")[0]: d for d in r.call("nd.routers")}


def prefixes():
    return {d["prefix"]: d for d in r.call("nd.prefixes") if "%" not in d["prefix"]}


def addresses():
    return {a["address"]: a for i in r.call("if.list", name="shmif0") for a in i["addresses"] if "%" not in a["address"]}


def default():
    m = re.search(r"^default +(\S+) +(\S+)", tool("netstat", "-rnf", "inet6"), re.M)
    return m.groups() if m else None


def routed(prefix):
    return re.search(rf"^{prefix} +link#\d+ +UC ", tool("netstat", "-rnf", "inet6"), re.M) is not None


def auto(prefix):
    return [a for a, d in addresses().items() if a.startswith(prefix) and "AUTOCONF" in d["flags"] and "TEMPORARY" not in d["flags"]]


def accept():
    r.tool("sysctl", "-w", "net.inet6.ip6.accept_rtadv=1")


FULL = [ICMPv6NDOptMTU(mtu=1300), pfx("fc00:1::"), ICMPv6NDOptRDNSS(dns=["2001:db8::53"], lifetime=600)]


def basic():
    say(ra(1, *FULL))
    check("accepted without accept_rtadv", not routers() and not prefixes() and not addresses())
    solicited = lambda: [f for f in bus.frames if f[:6] == b"\x33\x33\0\0\0\2" and f[54] == 133]  # noqa: E731
    check("solicited without accept_rtadv", not solicited())
    accept()
    r.until("no solicitation", solicited)
    check("solicitation", len(solicited()[0]) == 70 and solicited()[0][21] == 255 and solicited()[0][62:64] == b"\1\1")
    say(ra(1, *FULL, chlim=70, reachabletime=20000, retranstimer=500, M=1, O=1))
    check("router", re.fullmatch(r"fe80::1%shmif0 if=shmif0, flags=MO, pref=medium, expire=(30m0|29m\d+)s\n", tool("ndp", "-rn")))
    check("prefix", re.match(r"fc00:1::/64 if=shmif0\nflags=LAO vltime=2592000, pltime=604800, expire=(30d0h0m0|29d23h59m\d+)s, ref=1\n"
                             r"  advertised by\n    fe80::1%shmif0 \(reachable\)\n", tool("ndp", "-pn")))
    check("variables", re.match(r"linkmtu=1300, maxmtu=1500, curhlim=70, basereachable=20s0ms, reachable=\d+s, retrans=0s500ms\n"
                                "Flags: nud accept_rtadv auto_linklocal \n", tool("ndp", "-n", "-i", "shmif0")))
    check("neighbour", re.search(r"^fe80::1%shmif0 +02:00:00:00:00:01 +shmif0 +(23h59m\d+|1d0h0m0)s +S R$", tool("ndp", "-na"), re.M))
    check("default route", default() == ("fe80::1%shmif0", "UG"))
    check("route of the prefix", routed("fc00:1::/64"))
    check("address", re.search(r"inet6 fc00:1::\S+/64 flags 0x\w+<(TENTATIVE,)?AUTOCONF>", tool("ifconfig", "shmif0", "inet6")))
    check("resolvers", routers()["fe80::1"]["resolvers"] == ["2001:db8::53"])
    saved = tool("config", "save")
    check("saved: " + saved, "accept_rtadv=1" in saved and "fc00" not in saved and "route" not in saved and "ndp" not in saved)
    # own packets: hop limit, and no more than the link takes
    at = len(bus.frames)
    r.tool("ping6", "-n", "-c", "1", "-s", "1400", "-X", "1", "fc00:99::1")
    mine = lambda: [f for f in bus.frames[at:] if f[:6] == bytes.fromhex(mac(1).replace(":", "")) and f[20] == 44]  # noqa: E731
    r.until("not in fragments", lambda: len(mine()) == 2)
    check("hop limit and MTU", all(f[21] == 70 and len(f) <= 1314 for f in mine()))
    r.tool("sysctl", "-w", "net.inet6.ip6.forwarding=1")
    check("a router keeps another's route", not routers() and default() is None and "linkmtu=0" in tool("ndp", "-i", "shmif0"))
    say(ra(1, *FULL))
    check("a router listens", not routers())


def routers_topic():
    accept()
    say(ra(1, pfx("fc00:1::")), ra(2, pfx("fc00:2::")))
    check("first stays", default() == ("fe80::1%shmif0", "UG") and len(routers()) == 2 and len(prefixes()) == 2)
    say(ra(3, pref=HIGH))
    check("high preference", default() == ("fe80::3%shmif0", "UG"))
    say(ra(4, pref=LOW), ra(3, lifetime=0))
    check("lifetime 0", default()[0] in ("fe80::1%shmif0", "fe80::2%shmif0") and "fe80::3" not in routers())
    was = default()[0]
    r.tool("ndp", "-d", was)
    r.until("another one", lambda: default()[0] != was and default()[0] != "fe80::4%shmif0")
    # several advertise one prefix
    say(ra(2, pfx("fc00:1::")))
    check("both advertise it", len(prefixes()["fc00:1::/64"]["routers"]) == 2)
    # a router solicitation says nothing to a host (RFC 4861 section 6.1.1), a neighbour advertisement without R does (7.2.5)
    say(ra(5, pref=HIGH))
    was = r.counts()[("nd6", "ND_RCVD_RS")]
    bus.send(Ether(src=mac(5), dst="33:33:00:00:00:02") / IPv6(src="fe80::5", dst="ff02::1", hlim=255) / ICMPv6ND_RS())
    r.until("a solicitation", lambda: r.counts()[("nd6", "ND_RCVD_RS")] > was)
    say(ra(1))
    check("high preference again", default() == ("fe80::5%shmif0", "UG"))
    bus.send(Ether(src=mac(5), dst="33:33:00:00:00:01") / IPv6(src="fe80::5", dst="ff02::1", hlim=255) /
             ICMPv6ND_NA(tgt="fe80::5", R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac(5)))
    r.until("a host now", lambda: "fe80::5" not in routers() and default() and default()[0] != "fe80::5%shmif0")
    # by hand
    r.tool("ifconfig", "shmif0", "inet6", "2001:db8::1/64")
    out = r.tool("route", "add", "-inet6", "default", "2001:db8::9")
    check(f"by hand: {out.stderr}", out.returncode == 0 and default() == ("2001:db8::9", "UGS"))
    say(ra(3, pref=HIGH), ra(1, lifetime=0))
    check("by hand stays", default() == ("2001:db8::9", "UGS"))
    r.tool("route", "delete", "-inet6", "default")
    r.until("the advertised one again", lambda: default() == ("fe80::3%shmif0", "UG"))
    r.tool("route", "delete", "-inet6", "default")
    check("deleted by hand", default() is None)
    say(ra(3, pref=HIGH))
    check("with the next advertisement", default() == ("fe80::3%shmif0", "UG"))
    check("harmonize", r.tool("ndp", "-H").returncode == 0)


def lifetimes():
    accept()
    say(ra(1, pfx("fc00:1::", valid=4, preferred=2), pfx("fc00:2::", valid=DAY, preferred=DAY), lifetime=3), ra(2, lifetime=DAY % 65536))
    check("there", len(routers()) == 2 and auto("fc00:1:") and routed("fc00:1::/64"))
    r.until("deprecated", lambda: any("DEPRECATED" in addresses()[a]["flags"] for a in auto("fc00:1:")))
    r.until("router's end", lambda: default() == ("fe80::2%shmif0", "UG") and len(routers()) == 1)
    r.until("prefix's end", lambda: "fc00:1::/64" not in prefixes() and not auto("fc00:1:") and not routed("fc00:1::/64"))
    a = auto("fc00:2:")[0]
    say(ra(2, pfx("fc00:2::", valid=60, preferred=30)))
    d = addresses()[a]
    check(f"two hours: {d}", 7100 < d["vltime"] <= 7200 and d["pltime"] <= 30)
    say(ra(2, pfx("fc00:2::", valid=9000, preferred=9000)))
    check("longer is believed", 8900 < addresses()[a]["vltime"] <= 9000)
    say(ra(2, pfx("fc00:7::", valid=20, preferred=10)))
    for _ in range(12):
        time.sleep(0.2)
        say(ra(2, pfx("fc00:7::", valid=1, preferred=1)))
    check("shorter ones prolong it", addresses()[auto("fc00:7:")[0]]["vltime"] <= 18)
    say(ra(2, pfx("fc00:2::", valid=0, preferred=0)))
    d = addresses()[a]
    check(f"lifetime 0: {d}", d["vltime"] <= 7200 and "DEPRECATED" in d["flags"] and "fc00:2::/64" not in prefixes() and not routed("fc00:2::/64"))
    say(ra(2, pfx("fc00:3::", valid=0xffffffff, preferred=0xffffffff), pfx("fc00:4::", auto=0), pfx("fc00:5::", on=0), pfx("fc00:6::", plen=63)))
    check("infinite", "vltime=infinity, pltime=infinity, expire=Never" in tool("ndp", "-pn"))
    check("L alone", routed("fc00:4::/64") and not auto("fc00:4:"))
    check("A alone", not routed("fc00:5::/64") and auto("fc00:5:"))
    check("63 bits", not auto("fc00:6:"))


def flush():
    accept()
    say(ra(1, *FULL))
    a = auto("fc00:1:")[0]
    check("address deleted", r.tool("ifconfig", "shmif0", "inet6", a, "delete").returncode == 0 and not auto("fc00:1:"))
    r.until("its prefix goes", lambda: not prefixes())
    say(ra(1, *FULL))
    check("again", auto("fc00:1:") == [a])
    check("-P", r.tool("ndp", "-P").returncode == 0 and tool("ndp", "-p") == "" and not addresses() and not routed("fc00:1::/64"))
    check("-P keeps the router", "fe80::1%shmif0 if=shmif0" in tool("ndp", "-rn") and default() and "linkmtu=1300" in tool("ndp", "-i", "shmif0"))
    check("-P keeps the neighbour", re.search("^fe80::1%shmif0 .* S R$", tool("ndp", "-na"), re.M))
    say(ra(1, *FULL))
    check("-R", r.tool("ndp", "-R").returncode == 0 and tool("ndp", "-r") == "" and default() is None)
    check("-R keeps the prefix", "fc00:1::/64" in tool("ndp", "-pn") and "No advertising router" in tool("ndp", "-pn") and auto("fc00:1:") == [a])
    say(ra(1, *FULL))
    check("route flush takes the default route alone", r.tool("route", "-q", "flush").returncode == 0 and default() is None and routed("fc00:1::/64"))
    r.tool("ndp", "-c")
    check("-c", "fe80::1%" not in tool("ndp", "-na"))


def detached():
    accept()
    say(ra(1, pfx("fc00:1::")), ra(2, pfx("fc00:2::")))
    say(ra(1, lifetime=0))
    a = auto("fc00:1:")[0]
    r.until("detached", lambda: "DETACHED" in addresses()[a]["flags"] and "D" in prefixes()["fc00:1::/64"]["flags"])
    check("route", not routed("fc00:1::/64") and routed("fc00:2::/64"))
    # one around it, of a router that goes
    b = auto("fc00:2:")[0]
    say(ra(3, pfx("fc00:2::", plen=48, auto=0)))
    say(ra(3, lifetime=0))
    r.until("the wider one", lambda: "D" in prefixes()["fc00:2::/48"]["flags"])
    check("an address of another prefix detached", "DETACHED" not in addresses()[b]["flags"] and routed("fc00:2::/64"))
    say(ra(1, pfx("fc00:1::")))
    r.until("attached", lambda: "DETACHED" not in addresses()[a]["flags"] and routed("fc00:1::/64"))
    say(ra(1, lifetime=0), ra(2, lifetime=0))
    r.until("without any router all stay", lambda: not any("DETACHED" in d["flags"] for d in addresses().values()))


def temps():
    return [a for a, d in addresses().items() if "TEMPORARY" in d["flags"]]


def temporary():
    accept()
    for s in ("temppltime=8", "tempvltime=60", "use_tempaddr=1", "prefer_tempaddr=1"):
        r.tool("sysctl", "-w", f"net.inet6.ip6.{s}")
    check("valid is not less than preferred", r.tool("sysctl", "-w", "net.inet6.ip6.tempvltime=7").returncode != 0)
    say(ra(1, pfx("fc00:1::")))
    r.until("made", temps)
    first = temps()[0]
    check("flags", re.search(r"inet6 fc00:1::\S+/64 flags 0x\w+<AUTOCONF,TEMPORARY>", tool("ifconfig", "shmif0")))
    d = addresses()[first]
    check(f"lifetimes {d}", d["pltime"] <= 8 and 50 < d["vltime"] <= 60 and first not in auto("fc00:1:"))
    out = tool("ping6", "-n", "-c", "1", "-X", "1", "fc00:99::1")
    check(f"source: {out}", first in out)
    r.until("the next in time", lambda: len(temps()) >= 2, 20)
    r.until("the first deprecated", lambda: "DEPRECATED" in addresses()[first]["flags"], 20)
    check("one that is not", any("DEPRECATED" not in addresses()[a]["flags"] for a in temps()))
    # another host has it
    r.tool("sysctl", "-w", "net.inet6.ip6.temppltime=50")
    r.tool("sysctl", "-w", "net.inet6.ip6.dad_count=1")
    say(ra(1, pfx("fc00:2::")))
    r.until("tentative", lambda: [a for a in temps() if a.startswith("fc00:2:")])
    taken = [a for a in temps() if a.startswith("fc00:2:")][0]
    bus.send(Ether(src=mac(9), dst="33:33:00:00:00:01") / IPv6(src=taken, dst="ff02::1", hlim=255) /
             ICMPv6ND_NA(tgt=taken, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac(9)))
    r.until("another one", lambda: taken not in temps() and [a for a in temps() if a.startswith("fc00:2:")])
    saved = tool("config", "save")
    check("saved", "fc00" not in saved and "use_tempaddr=1" in saved)


def quiet():
    c = r.counts()
    return c[("nd6", "ND_RCVD_RA")], sum(c[k] for k in c if k[0] == "drop")


def limits():
    accept()
    say(ra(1, *(pfx(f"fc00:{i:x}::") for i in range(1, 33))))
    check(f"{len(prefixes())} prefixes", len(prefixes()) == 16 and len(addresses()) == 16)
    say(*(ra(i) for i in range(1, 25)))
    check(f"{len(routers())} routers", len(routers()) == 16)
    check("counted", r.counts()[("nd6", "ND_RA_FULL")] >= 24)
    r.tool("ndp", "-P")
    r.tool("ndp", "-R")
    r.tool("sysctl", "-w", "net.inet6.ip6.maxifprefixes=2")
    r.tool("sysctl", "-w", "net.inet6.ip6.maxifdefrouters=1")
    time.sleep(1)  # the bucket of messages fills again
    say(ra(1, pfx("fc00:1::"), pfx("fc00:2::"), pfx("fc00:3::")), ra(2))
    check("less", sorted(prefixes()) == ["fc00:1::/64", "fc00:2::/64"] and list(routers()) == ["fe80::1"])
    # prefixes that come and go leave no more addresses than that
    for i in range(5, 10):
        say(ra(1, pfx("fc00:1::", valid=0, preferred=0), pfx("fc00:2::", valid=0, preferred=0), pfx(f"fc00:{i}::")),
            ra(1, pfx(f"fc00:{i}::", valid=0, preferred=0)))
    check(f"{len(addresses())} addresses", len(addresses()) <= 2)
    # what would make the host unusable is passed over
    for k, options in (({"chlim": 1}, []), ({"retranstimer": 1}, []), ({"retranstimer": 0xffffffff}, []), ({"reachabletime": 3600001}, []),
                       ({}, [ICMPv6NDOptMTU(mtu=1279)]), ({}, [ICMPv6NDOptMTU(mtu=1501)])):
        say(ra(1, *options, **k))
    check("values", re.match("linkmtu=0, maxmtu=1500, curhlim=64, basereachable=30s0ms, reachable=.*, retrans=1s0ms", tool("ndp", "-i", "shmif0")))
    was = r.counts()[("drop", "ND_RA_RATE")]
    bus.send(*(ra(1 + i % 9, pfx(f"fc00:{i:x}::", valid=i % 2 * DAY, preferred=0), lifetime=i % 2 * 1800) for i in range(2000)))
    r.until("limited in rate", lambda: r.counts()[("drop", "ND_RA_RATE")] > was)
    r.until("seen to the end", lambda: (c := quiet()) == (time.sleep(0.2), quiet())[1])
    check("bounded", len(routers()) <= 1 and len(prefixes()) <= 2 and len(addresses()) <= 2)


def hostile():
    accept()
    good = bytes(ra(1, *FULL)[ICMPv6ND_RA])
    head = Ether(src=mac(1), dst="33:33:00:00:00:01") / IPv6(src="fe80::1", dst="ff02::1", hlim=255, nh=58)

    def message(data):
        p = (head / Raw(data)).copy()
        del p[IPv6].plen
        raw = bytearray(bytes(p))
        raw[56:58] = b"\0\0"
        from packets import cksum
        c = cksum(bytes(raw[22:54]) + len(data).to_bytes(4, "big") + b"\0\0\0\x3a" + bytes(raw[54:]))
        raw[56:58] = c.to_bytes(2, "big")
        return bytes(raw)

    # every length that does not end with an option
    ends, off = {16}, 16
    while off < len(good):
        off += good[off + 1] * 8
        ends.add(off)
    cut = [message(good[:n]) for n in range(8, len(good)) if n not in ends]
    was = r.counts()
    bus.send(*cut)
    r.until("cut ones", lambda: r.counts()[("drop", "ND_BAD")] == was[("drop", "ND_BAD")] + len(cut))
    check("counted as bad", r.counts()[("nd6", "ND_RCVD_BAD")] == was[("nd6", "ND_RCVD_BAD")] + len(cut))
    options = [b"\x03\0", b"\x03\x03" + bytes(22), b"\x05\x02" + bytes(14), b"\x01\x02" + bytes(14), b"\x19\x01" + bytes(6), b"\x19\x04" + bytes(30),
               b"\x01\x01\x33\x33\0\0\0\1", b"\x01\x01" + bytes(6), b"\xfd\xff" + bytes(6)]
    was = r.counts()
    bus.send(*(message(good[:16] + o + bytes(-len(o) % 8)) for o in options))
    r.until("bad options", lambda: r.counts()[("drop", "ND_BAD")] == was[("drop", "ND_BAD")] + len(options))
    say(ra(1, *FULL, hlim=254), ra(1, *FULL, src="2001:db8::1"), ra(1, *FULL, src="::"), ra(1, *FULL, code=1))
    frag = ra(1, *FULL)
    f = frag[IPv6].copy()
    payload = bytes(f.payload)
    del f.payload
    for pieces in ([payload], [payload[:64], payload[64:]]):
        was, o = r.counts()[("drop", "ICMP6_FRAGMENT")], 0
        for i, p in enumerate(pieces):
            x = frag[Ether].copy()
            x.remove_payload()
            bus.send(x / IPv6(src="fe80::1", dst="ff02::1", hlim=255) /
                     IPv6ExtHdrFragment(nh=58, offset=o // 8, m=int(i + 1 < len(pieces)), id=77 + len(pieces)) / Raw(p))
            o += len(p)
        r.until("in fragments", lambda: r.counts()[("drop", "ICMP6_FRAGMENT")] > was)
    check("refused", not routers() and not prefixes() and not addresses())
    # prefixes that make no sense, and options that nobody knows, are passed over alone
    say(ra(1, pfx("fe80::"), pfx("ff02::"), pfx("::"), pfx("fc00:2::", plen=129), pfx("fc00:3::", valid=1, preferred=2), Raw(b"\xfd\1" + bytes(6)),
           pfx("fc00:1::")))
    check("alone", list(prefixes()) == ["fc00:1::/64"] and len(addresses()) == 1)
    me = r.mac["shmif0"]
    mine = [a["address"].split("%")[0] for i in r.call("if.list", name="shmif0") for a in i["addresses"] if "%" in a["address"]][0]
    p = ra(2, pfx("fc00:7::"), src=mine)
    p.src = "02:00:00:00:00:77"
    say(p)
    check(f"from ourselves ({me})", list(routers()) == ["fe80::1"])


def interfaces():
    accept()
    for words in (["-accept_rtadv"], ["--", "-accept_rtadv", "basereachable=12000"], ["retrans=2000", "curhlim=99"]):
        check(words, r.tool("ndp", "-i", "shmif0", *words).returncode == 0)
    for words in (["frobnicate"], ["curhlim=256"], ["retrans=x"], ["mtu=1"]):
        check(words, r.tool("ndp", "-i", "shmif0", *words).returncode == 1)
    check("no such interface", r.tool("ndp", "-i", "shmif9").returncode == 1)
    check("-I", tool("ndp", "-I") == "No default interface.\n")
    say(ra(1, *FULL))
    check("flag", not routers())
    with open("saved.conf", "w") as f:
        f.write(tool("config", "save"))
    r.tool("sysctl", "-w", "net.inet6.ip6.accept_rtadv=0")
    r.tool("ndp", "-i", "shmif0", "accept_rtadv", "override_rtadv")
    say(ra(1, *FULL))
    check("override", list(routers()) == ["fe80::1"])
    r.tool("ifconfig", "shmif0", "down")
    r.until("down", lambda: default() is None)
    r.tool("ifconfig", "shmif0", "up")
    r.until("up", lambda: default() is not None and not any("DETACHED" in d["flags"] for d in addresses().values()))
    say(ra(1, *FULL), ra(2, pfx("fc00:2::")))
    check("destroyed", r.tool("ifconfig", "shmif0", "destroy").returncode == 0)
    check("all gone", not routers() and tool("ndp", "-rn") == "" and "shmif" not in tool("ndp", "-pn") and default() is None)


{"basic": basic, "routers": routers_topic, "lifetimes": lifetimes, "flush": flush, "detached": detached, "temporary": temporary, "limits": limits,
 "hostile": hostile, "interfaces": interfaces}[os.environ["TOPIC"]]()
r.end()
