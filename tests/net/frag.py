"""frag.py BUILD SOCKET: fragments to a router (tests/net/lib.sh, wired), both families; what it answers, and what netstat counts."""
import re
import sys

from wire import NEAR, Router
from scapy.all import ICMP, IP, Ether, ICMPv6EchoRequest, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment, Raw

r = Router(sys.argv[1], sys.argv[2])
ids = iter(range(1000, 60000))
ether = Ether(src=NEAR, dst=r.mac["shmif0"])


def echo(v6, n=1000):
    """The octets that the fragments carry: an echo request with its checksum."""
    p = IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(id=3) if v6 else IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(id=3)
    return bytes(p / Raw(bytes(n)))[40 if v6 else 20:]


def frag(v6, i, data, off, more, tos=0):
    """A fragment of datagram i with the octets from off on."""
    if v6:
        return ether / IPv6(src="2001:db8::1", dst="2001:db8::2", tc=tos) / IPv6ExtHdrFragment(nh=58, id=i, offset=off // 8, m=more) / Raw(data)
    return ether / IP(src="10.0.0.1", dst="10.0.0.2", id=i, flags=more, frag=off // 8, proto=1, tos=tos) / Raw(data)


def answers(kind, v6):
    at = 54 if v6 else 34
    return [f for f in r.bus[0].frames if len(f) > at and f[12:14] == (b"\x86\xdd" if v6 else b"\x08\x00") and f[20 if v6 else 23] == (58 if v6 else 1)
            and f[at] == kind]


def case(name, v6, frames, reply=0, error=None, **want):
    """Sends; then so many echo replies and this error, and these counters have grown by so much, no other of them."""
    name = f"{'IPv6' if v6 else 'IPv4'}: {name}"
    before = r.counts()
    r.bus[0].frames.clear()
    r.bus[0].send(*frames)
    names = {"OVERLAP", "LIMIT", "BAD", "TIMEOUT"}

    def grown():
        c = r.counts()
        g = {k: c[("drop", ("IP6_FRAG_" if v6 else "IP_FRAG_") + k)] - before[("drop", ("IP6_FRAG_" if v6 else "IP_FRAG_") + k)] for k in names}
        return {k: v for k, v in g.items() if v}
    r.until(f"{name}: {want}", lambda: grown() == want)
    r.until(f"{name}: {reply} replies", lambda: len(answers(129 if v6 else 0, v6)) >= reply)
    if error is not None:
        kind, code, pointer = error
        r.until(f"{name}: error {error}", lambda: answers(kind, v6))
        p = Ether(answers(kind, v6)[0])
        got = p[ICMPv6ParamProblem if kind == 4 else ICMPv6TimeExceeded] if v6 else p[ICMP]
        if got.code != code or (pointer is not None and got.ptr != pointer):
            r.fail(f"{name}: {got!r}")
    return grown()


def counter(group, name):
    return r.counts()[(group, name)]


for v6 in (False, True):
    d = echo(v6)
    n = len(d)
    i = next(ids)
    whole = [frag(v6, i, d[:400], 0, 1), frag(v6, i, d[400:800], 400, 1), frag(v6, i, d[800:], 800, 0)]
    case("in order", v6, whole, reply=1)
    case("backwards, and one twice", v6, [whole[2], whole[1], whole[1], whole[0]], reply=1, OVERLAP=1)
    i = next(ids)
    case("an overlap: all of it, and what comes later", v6,
         [frag(v6, i, d[:400], 0, 1), frag(v6, i, d[392:800], 392, 1), frag(v6, i, d[400:800], 400, 1), frag(v6, i, d[800:], 800, 0)], OVERLAP=4)
    i = next(ids)
    case("a last fragment that is not", v6, [frag(v6, i, d[400:800], 400, 1), frag(v6, i, d[:8], 200, 0)], OVERLAP=2)
    i = next(ids)
    case("behind the last", v6, [frag(v6, i, d[800:], 800, 0), frag(v6, i, d[:80], 1600, 1)], OVERLAP=2)
    case("nothing, and more to come", v6, [frag(v6, next(ids), b"", 8, 1)], BAD=1)
    case("not in units of eight", v6, [frag(v6, next(ids), d[:13], 0, 1)], BAD=1, error=(4, 0, 4) if v6 else None)
    case("beyond 65535", v6, [frag(v6, next(ids), d[:400], 65528, 0)], BAD=1, error=(4, 0, 42) if v6 else None)
    i = next(ids)
    case("marked on the way", v6, [frag(v6, i, d[:400], 0, 1, 2), frag(v6, i, d[400:], 400, 0, 3)], reply=1)
    i = next(ids)
    case("marked, of a sender that does not take marks", v6, [frag(v6, i, d[:400], 0, 1, 0), frag(v6, i, d[400:], 400, 0, 3)], BAD=2)
    # time: answered where the first fragment is here
    before = counter("icmp6" if v6 else "icmp", "ICMP6_OUT_TIMXCEED" if v6 else "ICMP_OUT_TIMXCEED")
    case("late", v6, [frag(v6, next(ids), d[:400], 0, 1)], TIMEOUT=1, error=(3, 1, None) if v6 else (11, 1, None))
    case("late, without the first", v6, [frag(v6, next(ids), d[400:800], 400, 1)], TIMEOUT=1)
    if counter("icmp6" if v6 else "icmp", "ICMP6_OUT_TIMXCEED" if v6 else "ICMP_OUT_TIMXCEED") != before + 1:
        r.fail("a datagram without its first fragment was answered")
    if v6:
        i = next(ids)
        case("one that is alone, beside others of its name (RFC 6946)", v6, [frag(v6, i, d[:400], 0, 1), frag(v6, i, d, 0, 0)], reply=1, TIMEOUT=1)
        case("without all headers (RFC 7112)", v6, [ether / IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(nh=60, id=5, m=1) / Raw(b"\x3a\x01" + bytes(6))],
             BAD=1, error=(4, 3, 0))
    # the limit, and none at all
    family = "net.inet6.ip6" if v6 else "net.inet.ip"
    r.tool("sysctl", "-qw", f"{family}.maxfragpackets=3", f"{family}.fragttl=255")
    case("more than may wait", v6, [frag(v6, next(ids), d[:400], 0, 1) for _ in range(10)], LIMIT=7)
    r.tool("sysctl", "-qw", f"{family}.maxfragpackets=0")
    case("none wanted", v6, whole, LIMIT=6)
    r.tool("sysctl", "-qw", f"{family}.maxfragpackets=200", f"{family}.fragttl=1")
    case("wanted again", v6, whole, reply=1)
for text in ("malformed fragments dropped", "fragments dropped after timeout", "with length > max ip packet size", "packets reassembled ok",
             "fragments dropped \\(dup or out of space\\)"):

    if not re.search(rf"^\t[1-9][0-9]* {text}", r.tool("netstat", "-s", "-p", "ip").stdout, re.M):
        r.fail(f"netstat does not count {text}")
r.end()
