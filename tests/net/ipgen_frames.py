"""ipgen_frames.py FRAMES.pcap: judges ipgen's frames with Scapy and by reading the signature here."""
import logging
import struct
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest, IPv6, rdpcap  # noqa: E402

MAGIC = 0x5ac3
seen = {}
for number, frame in enumerate(rdpcap(sys.argv[1]), 1):
    raw = bytes(frame)
    p = Ether(raw)

    def fail(why):
        sys.exit(f"frame {number}: {why}: {p.summary()} {raw.hex()}")

    # what Scapy would have written for lengths and checksums, if left to itself
    q = p.copy()
    for layer in (IP, IPv6, UDP, TCP, ICMP, ICMPv6EchoRequest):
        if layer in q:
            for field in ("len", "plen", "chksum", "cksum"):
                if field in q[layer].fields:
                    delattr(q[layer], field)
    if bytes(q) != raw:
        fail(f"Scapy makes {bytes(q).hex()} of it")
    ip = p[IP] if IP in p else p[IPv6]
    v6 = IPv6 in p
    l4 = next((x for x in (UDP, TCP, ICMP, ICMPv6EchoRequest) if x in p), None)
    if l4 is None:
        fail("no transport header")
    if l4 is UDP and p[UDP].chksum == 0:
        fail("UDP without checksum")
    tags = (Dot1AD in p) + (Dot1Q in p)
    if tags:
        inner = p[Dot1Q]
        if tags == 2 and (p[Dot1AD].vlan, p[Dot1AD].prio) != (100, 3) or (inner.vlan, inner.prio) != ((101, 0) if tags == 2 else (100, 3)):
            fail("tags")
    if (l4 in (UDP, TCP)) and (not 1023 <= p[l4].sport <= 1033 or p[l4].dport != 40000):
        fail("ports")
    if l4 in (ICMP, ICMPv6EchoRequest) and (not 1023 <= p[l4].id <= 1033 or p[l4].seq != 0 or p[l4].type not in (8, 128)):
        fail("echo")
    if p.src != "02:00:00:00:00:01" or p.dst != "02:00:00:00:00:02":
        fail("link addresses")
    # the signature, by its description
    stamp_magic, seq, flow, total = struct.unpack("<QIIH", raw[-18:])
    words = sum(struct.unpack("<9H", raw[-18:]))
    while words >> 16:
        words = (words & 0xffff) + (words >> 16)
    if stamp_magic >> 48 != MAGIC or words != 0xffff:
        fail("signature")
    key = (v6, l4.__name__, tags)
    want = seen.setdefault(key, {"sizes": set(), "flows": {}, "seq": 0, "tos": ip.tc if v6 else ip.tos, "n": len(seen)})
    if seq != want["seq"]:
        fail(f"sequence number {seq}, not {want['seq']}")
    want["seq"] += 1
    ends = (ip.src, ip.dst, getattr(p[l4], "sport", None) or p[l4].id)
    if want["flows"].setdefault(flow, ends) != ends:
        fail(f"flow {flow} is {ends}, was {want['flows'][flow]}")
    want["sizes"].add(len(raw) + 4)
    i = want["n"]
    ttl = ip.hlim if v6 else ip.ttl
    if (ip.tc if v6 else ip.tos) != 0x2c * i % 256 or ttl != (3 * i or 64):
        fail("traffic class or TTL")
if len(seen) != 18:
    sys.exit(f"{len(seen)} kinds of frames: {sorted(seen)}")
for key, w in seen.items():
    if len(set(w["flows"].values())) != len(w["flows"]) or len(w["flows"]) < 8 or max(w["sizes"]) not in (1518, 9001) or len(w["sizes"]) < 10:
        sys.exit(f"{key}: {w}")
