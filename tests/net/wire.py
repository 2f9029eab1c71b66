"""What the net tests need to speak to a router by frames: put frames onto segments, see what it answers and counts.

	host 10.0.0.1 02:..:01 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11 host
	     2001:db8::1                          ::2   2001:db8:1::2             ::1
"""
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

top = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(top / "tests"))
import logging  # noqa: E402

logging.getLogger("scapy").setLevel(logging.ERROR)
from packets import write_pcap  # noqa: E402
from scapy.all import Ether, conf  # noqa: E402
from smpnetd import Client  # noqa: E402

conf.verb = 0
NEAR, FAR = "02:00:00:00:00:01", "02:00:00:00:00:11"
WAIT = 30


class Bus:
    """A segment: send() puts frames on it; frames are those that the router sent."""

    def __init__(self, build, path):
        self.build, self.path, self.frames, self.n = build, path, [], 0
        self.p = subprocess.Popen([f"{build}/smpnet", "dumpbus", "-f", path], stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        f = self.p.stdout
        f.read(24)
        while len(h := f.read(16)) == 16:
            n = struct.unpack("<IIII", h)[2]
            self.frames.append(f.read(n))

    def send(self, *frames):
        self.n += 1
        name = f"in.{os.path.basename(self.path)}.{os.getpid()}.pcap"
        write_pcap(name, [bytes(f) for f in frames])
        subprocess.run([f"{self.build}/smpnet", "pcapin", name, self.path], check=True)

    def end(self):
        self.p.terminate()
        self.p.wait()


class Router(Client):
    """A running daemon with a segment on either side, its neighbours known."""

    def __init__(self, build, sock, buses=("bus0", "bus1")):
        super().__init__(sock)
        self.build, self.sock_path, self.bad = build, sock, 0
        self.mac = {i["name"]: i.get("lladdr") for i in self.call("if.list")}
        self.bus = [Bus(build, b) for b in buses]

    def counts(self):
        c = {("drop", d["name"]): d["value"] for d in self.call("stats.drops")}
        c.update({(p["group"], p["name"]): p["value"] for p in self.call("stats.protocols")})
        return c

    def tool(self, *args):
        return subprocess.run([f"{self.build}/smpnet", "-s", f"unix://{self.sock_path}", *args], capture_output=True, text=True)

    def until(self, what, f, wait=WAIT):
        end = time.monotonic() + wait
        while not (r := f()):
            if time.monotonic() > end:
                self.fail(what)
                return r
            time.sleep(0.02)
        return r

    def fail(self, what):
        print("FAIL", what)
        self.bad += 1

    def drained(self, bus):
        """Waits until the router has seen everything sent and said everything: an echo of our own goes round."""
        from scapy.all import ICMP, IP, Raw
        self.bus[bus].n += 1
        tag = b"drained%d.%d" % (bus, self.bus[bus].n)
        near = bus == 0
        src, dst, mac, me = (("10.0.0.1", "10.0.0.2", self.mac["shmif0"], NEAR) if near else
                             ("10.0.1.1", "10.0.1.2", self.mac["shmif1"], FAR))
        ask = Ether(src=me, dst=mac) / IP(src=src, dst=dst) / ICMP(id=1) / Raw(tag)
        self.bus[bus].send(ask)
        self.until(f"bus{bus} does not answer", lambda: any(tag in f and f[34:35] == b"\0" for f in self.bus[bus].frames))

    def end(self):
        for b in self.bus:
            b.end()
        if self.bad:
            print(self.bad, "failed")
        sys.exit(1 if self.bad else 0)
