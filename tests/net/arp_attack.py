#!/usr/bin/python3
"""arp_attack.py BUILD SOCKET: what hosts say by ARP and by packets to nobody must not cost others: spoofed addresses, answers nobody asked
for, truncated frames, and floods from one interface while hosts on another one want to be found."""
import socket
import struct
import subprocess
import sys
import threading
import time

from wire import FAR, NEAR, Router
from packets import udp4, udp6, write_pcap

r = Router(sys.argv[1], sys.argv[2])
log = sys.argv[2].replace(".sock", ".log")
R0, R1 = (bytes.fromhex(r.mac[f"shmif{i}"].replace(":", "")) for i in (0, 1))
BC = b"\xff" * 6
EVIL = b"\x02\0\0\0\0\x66"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def arp(op, sha, spa, tpa, dst=BC, src=None):
    return dst + (src or sha) + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, op) + sha + socket.inet_aton(spa) + bytes(6) + \
        socket.inet_aton(tpa)


def entry(addr):
    for n in r.call("neigh.list", family="inet6" if ":" in addr else "inet", address=addr):
        return n
    return None


def moved(what, was, group, name, least=1):
    r.until(f"{what}: {name} does not move", lambda: r.counts()[(group, name)] >= was[(group, name)] + least)


def logged(text):
    return open(log).read().count(text)


# attack, drop, counter, entry afterwards (address, link address or None)
for what, frame, drop, counter, after in (
        ("reply for our own address", arp(2, EVIL, "10.0.0.2", "10.0.0.1", BC), "ARP_SPOOF", "ARP_RCVD_LOCALSPA", None),
        ("request from our own address", arp(1, EVIL, "10.0.0.2", "10.0.0.9"), "ARP_SPOOF", "ARP_RCVD_LOCALSPA", None),
        ("our address on the other link", arp(2, EVIL, "10.0.1.2", "10.0.0.2", R0), "ARP_SPOOF", "ARP_RCVD_LOCALSPA", ("10.0.1.2", None)),
        ("reply for a static entry", arp(2, EVIL, "10.0.0.1", "10.0.0.2", R0), "ARP_STATIC", "ARP_RCVD_OVERPERM", ("10.0.0.1", NEAR)),
        ("request for a static entry", arp(1, EVIL, "10.0.0.1", "10.0.0.2"), "ARP_STATIC", "ARP_RCVD_OVERPERM", ("10.0.0.1", NEAR)),
        ("reply nobody asked for", arp(2, EVIL, "10.0.0.44", "10.0.0.2", R0), "ARP_UNASKED", "ARP_RCVD_REPLY", ("10.0.0.44", None)),
        ("host of the other link", arp(1, EVIL, "10.0.1.44", "10.0.0.2"), "ARP_STRANGER", "ARP_RCVD_OVERINT", ("10.0.1.44", None)),
        ("host of no link", arp(1, EVIL, "192.0.2.44", "10.0.0.2"), "ARP_STRANGER", "ARP_RCVD_NOINT", ("192.0.2.44", None)),
        ("the broadcast address", arp(1, EVIL, "10.0.0.255", "10.0.0.2"), "ARP_STRANGER", None, ("10.0.0.255", None)),
        ("broadcast link address", arp(1, BC, "10.0.0.45", "10.0.0.2", src=EVIL), "ARP_BAD", "ARP_RCVD_BCASTSHA", ("10.0.0.45", None)),
        ("group link address", arp(1, b"\1" + EVIL[1:], "10.0.0.45", "10.0.0.2", src=EVIL), "ARP_BAD", "ARP_RCVD_BCASTSHA", ("10.0.0.45", None)),
        ("truncated", arp(1, EVIL, "10.0.0.45", "10.0.0.2")[:-1], "ARP_SHORT", "ARP_RCVD_BADLEN", ("10.0.0.45", None)),
        ("header alone", arp(1, EVIL, "10.0.0.45", "10.0.0.2")[:14], "ARP_SHORT", "ARP_RCVD_BADLEN", None)):
    was = r.counts()
    r.bus[0].send(frame)
    moved(what, was, "drop", drop)
    if counter:
        moved(what, was, "arp", counter)
    if after:
        n = entry(after[0])
        if n is not None and n["ours"]:
            n = None
        if (n["lladdr"] if n else None) != after[1]:
            r.fail(f"{what}: {after[0]} is {n}")

# our own address, claimed a thousand times: logged and defended, seldom
at, was = len(r.bus[0].frames), r.counts()
r.bus[0].send(*[arp(2, EVIL, "10.0.0.2", "10.0.0.1", BC)] * 500)
r.drained(0)
moved("claims", was, "drop", "ARP_SPOOF", 10)
if not 1 <= logged("duplicate IP address 10.0.0.2") <= 3:
    r.fail(f"claims to our address are logged {logged('duplicate IP address 10.0.0.2')} times")
if sum(f[12:14] == b"\x08\x06" and f[28:32] == f[38:42] for f in r.bus[0].frames[at:]) > 3:
    r.fail("claims are answered one by one")
# and it is still ours
if [a for i in r.call("if.list") if i["name"] == "shmif0" for a in i["addresses"] if a["address"].startswith("10.0.0.2") and "duplicated" in str(a)]:
    r.fail("our address was given up")


# a flood from shmif0 of each kind, while a host on shmif1 is to be found and finds us
def scan(v6, k):
    return [(udp6 if v6 else udp4)(R0, mac(NEAR), "2001:db8::1" if v6 else "10.0.0.1",
                                   f"2001:db8:9::{k:x}:{i:x}" if v6 else f"10.9.{k}.{i}", 1, 53) for i in range(250)]


def forged(v6, k):
    return [arp(1, struct.pack("!HHBB", 0x0200, i * 7919 & 0xffff, k, 9), f"10.0.0.{i + 3}", "10.0.0.2") for i in range(250)]


r.tool("ifconfig", "shmif0", "inet", "10.9.0.2/16", "alias")
r.tool("ifconfig", "shmif0", "inet6", "2001:db8:9::2/64")
hosts = 40
for what, flood in (("scan", scan), ("forged ARP", forged)):
    for v6 in (False, True):
        if v6 and flood == forged:
            continue
        hosts += 8
        names = [f"2001:db8:1::{i:x}" if v6 else f"10.0.1.{i}" for i in range(hosts - 8, hosts)]
        hostmac = b"\x02\0\0\0\0\x77"
        was, at, was0, began = r.counts(), len(r.bus[1].frames), len(r.bus[0].frames), time.monotonic()
        write_pcap("flood.pcap", [f for k in range(16) for f in flood(v6, k)] * 12)
        running = True

        def run():
            while running:
                subprocess.run([f"{r.build}/smpnet", "pcapin", "flood.pcap", r.bus[0].path], check=True)

        t = threading.Thread(target=run)
        t.start()
        r.until(f"{what}, v6={v6}: no flood", lambda: r.counts()[("drop", "PUNT_RATE")] > was[("drop", "PUNT_RATE")] + 4000)
        # one packet each: neighbours that are not known are asked for, and a host is answered
        r.bus[1].send(arp(1, hostmac, "10.0.1.200", "10.0.1.2"))
        for host in names:
            r.bus[1].send((udp6 if v6 else udp4)(R1, mac(FAR), "2001:db8:1::1" if v6 else "10.0.1.1", host, 1, 53))
        new = lambda: r.bus[1].frames[at:]  # noqa: E731
        wants = [socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, h) for h in names]

        def asked():
            got = {f[62:78] if f[12:14] == b"\x86\xdd" and f[54] == 135 else f[38:42] if f[12:14] == b"\x08\x06" else None for f in new()}
            return all(w in got for w in wants)

        r.until(f"{what}, v6={v6}: neighbours are not asked for", asked)
        r.until(f"{what}, v6={v6}: a host is not answered", lambda: any(f[:6] == hostmac and f[12:14] == b"\x08\x06" for f in new()))
        running = False
        t.join()
        # forwarding for a neighbour that is known goes on
        r.bus[0].send((udp6 if v6 else udp4)(R0, mac(NEAR), "2001:db8::1" if v6 else "10.0.0.1",
                                             "2001:db8:1::1" if v6 else "10.0.1.1", 1, 53, size=99))
        r.until(f"{what}, v6={v6}: no forwarding", lambda: any(len(f) == 99 for f in new()))
        c = r.counts()
        print(what, v6, {k[1]: c[k] - was[k] for k in c if k[0] == "drop" and c[k] != was[k]})
        states = [n["state"] for n in r.call("neigh.list", family="inet6" if v6 else "inet")]
        if states.count("incomplete") > 64:
            r.fail(f"{what}, v6={v6}: {states.count('incomplete')} incomplete")
        if len(states) > 300:
            r.fail(f"{what}, v6={v6}: {len(states)} entries")
        if flood == scan:
            # who does not answer is reported, not more often than allowed (100 a second)
            unreachable = lambda: sum(f[54:56] == b"\x01\x03" and f[20] == 58 if f[12:14] == b"\x86\xdd" else  # noqa: E731
                                      f[34:36] == b"\x03\x01" and f[23] == 1 for f in r.bus[0].frames[was0:])
            r.until(f"{what}, v6={v6}: nothing is reported", unreachable)
            if unreachable() > 100 * (time.monotonic() - began + 2):
                r.fail(f"{what}, v6={v6}: {unreachable()} unreachable")
for n in ("10.0.0.1", "10.0.1.1", "2001:db8::1"):
    if entry(n)["state"] != "permanent":
        r.fail(f"{n} is {entry(n)}")
r.end()
