"""Frames and capture files made by hand, for tests and benchmarks that need no library."""
import socket
import struct


def cksum(b):
    if len(b) & 1:
        b += b"\0"
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    s = (s & 0xffff) + (s >> 16)
    return ~((s & 0xffff) + (s >> 16)) & 0xffff


def udp4(dmac, smac, src, dst, sport, dport, size=60, ttl=64, ident=0):
    """An Ethernet frame of size octets (without FCS) with UDP over IPv4."""
    n = size - 14
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, n, ident, 0, ttl, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    h = h[:10] + struct.pack("!H", cksum(h)) + h[12:]
    return dmac + smac + b"\x08\x00" + h + struct.pack("!HHHH", sport, dport, n - 20, 0) + bytes(n - 28)


def udp6(dmac, smac, src, dst, sport, dport, size=62, hops=64):
    n = max(size, 62) - 54
    s, d = socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst)
    u = struct.pack("!HHHH", sport, dport, n, 0) + bytes(n - 8)
    c = cksum(s + d + struct.pack("!IxxxB", n, 17) + u) or 0xffff
    u = u[:6] + struct.pack("!H", c) + u[8:]
    return dmac + smac + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, n, 17, hops) + s + d + u


def ip4(dmac, smac, src, dst, proto, payload, ttl=64):
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return dmac + smac + b"\x08\x00" + h[:10] + struct.pack("!H", cksum(h)) + h[12:] + payload


def echo4(dmac, smac, src, dst, seq):
    m = struct.pack("!BBHHH", 8, 0, 0, 1, seq) + bytes(24)
    return ip4(dmac, smac, src, dst, 1, m[:2] + struct.pack("!H", cksum(m)) + m[4:])


def echo6(dmac, smac, src, dst, seq):
    m = struct.pack("!BBHHH", 128, 0, 0, 1, seq) + bytes(24)
    s, d = socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst)
    m = m[:2] + struct.pack("!H", cksum(s + d + struct.pack("!IxxxB", len(m), 58) + m)) + m[4:]
    return dmac + smac + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(m), 58, 64) + s + d + m


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, p in enumerate(frames):
            f.write(struct.pack("<IIII", 0, i, len(p), len(p)) + p)
    return path


PCAP_MAC = [bytes((2, 0x70, 0x63, 0x61, 0x70, i)) for i in range(8)]  # what DPDK calls its net_pcap devices
