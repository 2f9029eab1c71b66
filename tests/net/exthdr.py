#!/usr/bin/python3
"""exthdr.py BUILD SOCKET: extension headers by octets: as they leave, or the ICMPv6 error with its pointer."""
import sys

from frames import PASS, SILENT, Frames
from scapy.all import UDP, Ether, ICMPv6EchoRequest, ICMPv6ND_Redirect, ICMPv6PacketTooBig, IPv6, Raw

r = Frames(sys.argv[1], sys.argv[2])
US, FAR, ME = "2001:db8::2", "2001:db8:1::1", "2001:db8::1"
HOP, DST, RH, FRAG, NONE, UDPN, ICMP6 = 0, 60, 43, 44, 59, 17, 58
BADOPT, COUNT = "IP6_BADOPTION", ("ip6", "IP6_BADOPTIONS")


def udp(dst, src=ME):
    """A datagram with its checksum, which headers in between do not change"""
    return bytes(IPv6(src=src, dst=dst) / UDP(sport=1, dport=9) / Raw(b"x" * 24))[40:]


def chain(*headers, last=UDPN, body=None, dst=FAR, src=ME, hlim=9, mac=None):
    """headers: (type, octets without the next header field); the length field is in them"""
    types = [t for t, _ in headers] + [last]
    b = b"".join(bytes((types[i + 1],)) + h for i, (_, h) in enumerate(headers))
    return r.eth(dst=mac) / IPv6(src=src, dst=dst, hlim=hlim, nh=types[0]) / Raw(b + (udp(dst, src) if body is None else body))


def opts(b):
    """Length and options, padded"""
    pad = -(len(b) + 2) % 8
    b += b"" if pad == 0 else b"\0" if pad == 1 else bytes((1, pad - 2)) + bytes(pad - 2)
    return bytes(((len(b) + 2) // 8 - 1,)) + b


def untouched(name, frame, **k):
    f = r.go(name, frame, PASS, **k)
    sent = bytes(frame)
    if f and (f[14:21] + f[22:] != sent[14:21] + sent[22:] or f[21] != sent[21] - 1):
        r.fail(f"{name}: changed:\n\t{f[14:].hex()}\n\t{sent[14:].hex()}")


# hop-by-hop on the way, destination options at us: skip, discard, answer, answer unless multicast
untouched("hop-by-hop, pad", chain((HOP, opts(b""))))
untouched("hop-by-hop, six Pad1", chain((HOP, b"\0" * 7)))
untouched("hop-by-hop, router alert", chain((HOP, opts(b"\x05\x02\0\0"))))
untouched("hop-by-hop, unknown 00", chain((HOP, opts(b"\x1e\x03abc"))))
for where, dst, kind, frm in (("on the way", FAR, HOP, US), ("to us", US, HOP, US), ("destination option", US, DST, US)):
    r.go(f"{where}, 01", chain((kind, opts(b"\x5e\x03abc")), dst=dst), SILENT, BADOPT, COUNT)
    r.go(f"{where}, 10", chain((kind, opts(b"\x9e\x03abc")), dst=dst), (4, 2, 42), BADOPT, ("icmp6", "ICMP6_E_OPTION"), source=frm)
    r.go(f"{where}, 11", chain((kind, opts(b"\x01\x01\0\xde\x02ab")), dst=dst), (4, 2, 45), BADOPT, source=frm)
    r.go(f"{where}, jumbo", chain((kind, opts(b"\xc2\x04\0\1\0\0")), dst=dst), (4, 2, 42), BADOPT)
    r.go(f"{where}, option beyond the header", chain((kind, b"\0\x1e\x09\0\0\0\0"), dst=dst), (4, 0, 43), BADOPT)
    r.go(f"{where}, header beyond the packet", chain((kind, b"\x20\x1e\x04\0\0\0\0"), dst=dst), SILENT, "IP6_BADEXT")
r.go("router alert of 3", chain((HOP, opts(b"\x05\x03\0\0\0"))), (4, 0, 43), BADOPT)
group = "33:33:00:00:00:01"
r.go("to a group, 10", chain((HOP, opts(b"\x9e\x03abc")), dst="ff02::1", mac=group), (4, 2, 42), BADOPT)
r.go("to a group, 11", chain((HOP, opts(b"\xde\x03abc")), dst="ff02::1", mac=group), SILENT, BADOPT)
untouched("destination options are not ours to see", chain((DST, opts(b"\x9e\x03abc"))))
r.go("jumbogram", r.eth() / IPv6(src=ME, dst=FAR, hlim=9, nh=HOP, plen=0) / Raw(b"\x11\0\xc2\x04\0\1\0\0" + bytes(100)), SILENT, "IP6_BADEXT")
# routing headers
for n, t in enumerate((0, 2, 3, 4, 77)):
    body = bytes((2, t, 1)) + bytes(4) + bytes(16)
    untouched(f"routing header {t}, through us", chain((RH, body)))
    r.go(f"routing header {t}, segments left", chain((RH, body), dst=US), (4, 0, 42), "IP6_ROUTHDR", ("icmp6", "ICMP6_E_HEADER"), source=US)
    r.go(f"routing header {t}, done", chain((RH, bytes((2, t, 0)) + bytes(20)), dst=US), (1, 4), "IP6_NOPORT", ("udp6", "UDP6_NOPORT"))
r.go("routing header beyond the packet", chain((RH, bytes((90, 0, 1)) + bytes(4)), dst=US), SILENT, "IP6_BADEXT")
r.go("routing header of RH0 behind others", chain((DST, opts(b"")), (RH, bytes((2, 0, 1)) + bytes(20)), dst=US), (4, 0, 50), "IP6_ROUTHDR")
# chains
r.go("options, routing, options", chain((HOP, opts(b"")), (DST, opts(b"")), (RH, bytes((0, 4, 0)) + bytes(4)), (DST, opts(b"")), dst=US),
     (1, 4), "IP6_NOPORT")
r.go("hop-by-hop second", chain((DST, opts(b"")), (HOP, opts(b"")), dst=US), (4, 1, 40), "IP6_BADEXT", ("icmp6", "ICMP6_E_NXTHDR"))
untouched("hop-by-hop second, through us", chain((DST, opts(b"")), (HOP, opts(b"\x9e\x03abc"))))
r.go("40 headers", chain(*[(DST, opts(b""))] * 40, dst=US), (1, 4), "IP6_NOPORT")
r.go("60 headers", chain(*[(DST, opts(b""))] * 60, dst=US), SILENT, "IP6_TOOMANYHDR", ("ip6", "IP6_TOOMANYHDR"))
untouched("60 headers, through us", chain(*[(DST, opts(b""))] * 60))
r.set("net.inet6.ip6.hdrnestlimit", 3)
r.go("4 headers of 3", chain(*[(DST, opts(b""))] * 5, dst=US), SILENT, "IP6_TOOMANYHDR")
r.set("net.inet6.ip6.hdrnestlimit", 50)
r.go("1400 octets of headers", chain(*[(DST, opts(b"\x01\xfe" + bytes(254) + b"\x01\x46" + bytes(70)))] * 4, dst=US), (1, 4), "IP6_NOPORT")
r.go("chain without an end", chain((DST, opts(b"")), last=DST, body=b"", dst=US), SILENT, "IP6_BADEXT")
r.go("no next header", chain((DST, opts(b"")), last=NONE, body=b"junk", dst=US), SILENT)
untouched("no next header, through us", chain(last=NONE, body=b"junk"))
r.go("unknown next header", chain(last=253, body=bytes(64), dst=US), (4, 1, 6), "IP6_NOPROTO", ("icmp6", "ICMP6_E_NXTHDR"))
r.go("unknown next header behind options", chain((HOP, opts(b"")), (DST, opts(b"")), last=253, body=bytes(64), dst=US), (4, 1, 48), "IP6_NOPROTO")
r.go("unknown next header to a group", chain(last=253, body=bytes(64), dst="ff02::1", mac=group), SILENT, "IP6_NOPROTO", ("icmp6", "ICMP6_CANTERROR"))
# fragments go through as they are; in ours, one error for the whole
frag = lambda off, more, ident=9: (FRAG, b"\0" + (off | more).to_bytes(2, "big") + ident.to_bytes(4, "big"))  # noqa: E731
for off, more in ((0, 1), (64, 1), (1200, 0), (0, 0), (65528, 1)):
    untouched(f"fragment at {off}", chain(frag(off, more), body=bytes(64)))
was, at = r.counts(), len(r.bus[0].frames)
for off, more in ((0, 1), (64, 1), (128, 0)):
    r.bus[0].send(chain(frag(off, more, 77), last=253, body=bytes(64), dst=US))
new = r.until("unknown next header in fragments", lambda: r.out(0, at))
if new and (len(r.out(0, at)) != 1 or r.error(new[0]) != (4, 1, 6)):
    r.fail(f"unknown next header in fragments: {[r.error(f) for f in r.out(0, at)]}")
# hop limit
r.go("hop limit", chain((HOP, opts(b"")), hlim=1), (3, 0), "IP6_HLIM", source=US)
r.go("hop limit, later fragment", chain(frag(64, 0), body=bytes(64), hlim=1), (3, 0), "IP6_HLIM")
# who gets no error
err = bytes(IPv6(src=ME, dst=FAR) / ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(60)))[40:]
redirect = bytes(IPv6(src=ME, dst=FAR) / ICMPv6ND_Redirect(tgt=FAR, dst=FAR))[40:]
CANT = ("icmp6", "ICMP6_CANTERROR")
r.go("about an error", chain(last=ICMP6, body=err, hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about an error behind headers", chain((HOP, opts(b"")), (RH, bytes((0, 4, 1)) + bytes(4)), last=ICMP6, body=err, hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about an error's first fragment", chain(frag(0, 1), last=ICMP6, body=err, hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about what may be an error's later fragment", chain(frag(64, 0), last=ICMP6, body=bytes(64), hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about a redirect", chain(last=ICMP6, body=redirect, hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about an unknown ICMPv6 error", chain(last=ICMP6, body=b"\x7f" + err[1:], hlim=1), SILENT, "IP6_HLIM", CANT)
r.go("about an unknown query", chain(last=ICMP6, body=b"\xc8" + err[1:], hlim=1), (3, 0), "IP6_HLIM")
r.go("about a group's datagram", chain(dst="ff02::1", mac=group), SILENT, "IP6_NOPORT")
r.go("from ::", chain((HOP, opts(b"\x9e\x03abc")), src="::", dst=US), SILENT, BADOPT, CANT)
r.end()
