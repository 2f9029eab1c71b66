"""A smpnetd of a test's own, and its control socket."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

top = Path(__file__).resolve().parent.parent


class RPCError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message"))
        self.errno = (error.get("data") or {}).get("errno")
        self.code = error.get("code")


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.f = self.sock.makefile("r")
        self.id = 0
        self.events = []

    def send(self, method, **params):
        self.id += 1
        self.sock.sendall((json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}) + "\n").encode())
        return self.id

    def receive(self, want):
        while True:
            line = self.f.readline()
            if not line:
                raise EOFError("the daemon closed the connection")
            a = json.loads(line)
            if a.get("id") == want:
                if "error" in a:
                    raise RPCError(a["error"])
                return a["result"]
            self.events.append(a)

    def call(self, method, **params):
        return self.receive(self.send(method, **params))

    def try_call(self, method, **params):
        try:
            return self.call(method, **params)
        except RPCError as e:
            return e

    def batch(self, calls):
        """[(method, params)] in one line, applied in order; returns the answers, errors included."""
        lines = []
        for method, params in calls:
            self.id += 1
            lines.append({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        self.sock.sendall((json.dumps(lines) + "\n").encode())
        while True:
            line = self.f.readline()
            if not line:
                raise EOFError("the daemon closed the connection")
            a = json.loads(line)
            if isinstance(a, list):
                return a
            self.events.append(a)

    def close(self):
        self.f.close()
        self.sock.close()


class Daemon(Client):
    """Started with the given options; stop() ends it in good order and returns (exit status, log)."""

    def __init__(self, build, args=(), prefix=(), wait=60):
        self.build = Path(build) if Path(build).is_absolute() else top / build
        self.dir = tempfile.TemporaryDirectory(prefix="smpnet-test.")
        self.path = os.path.join(self.dir.name, "s")
        self.logname = os.path.join(self.dir.name, "log")
        with open(self.logname, "w") as log:
            self.p = subprocess.Popen([*prefix, str(self.build / "smpnetd"), *args, f"unix://{self.path}"], stderr=log,
                                      start_new_session=True)
        end = time.monotonic() + wait
        while True:
            try:
                super().__init__(self.path)
                self.call("daemon.info")
                return
            except OSError:
                if self.p.poll() is not None or time.monotonic() > end:
                    self.p.kill()
                    raise SystemExit("smpnetd does not start:\n" + self.log())
                time.sleep(0.02)

    def log(self):
        return open(self.logname, errors="replace").read()

    def client(self):
        return Client(self.path)

    def cmd(self, *argv, check=True):
        r = subprocess.run([self.build / "smpnet", "-s", f"unix://{self.path}", *map(str, argv)], capture_output=True, text=True)
        if check and r.returncode != 0:
            raise SystemExit(f"smpnet {' '.join(map(str, argv))}: {r.stderr}\n{self.log()}")
        return r.stdout

    def alive(self):
        return self.p.poll() is None

    def stop(self, wait=60):
        if self.alive():
            self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(wait)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return "did not end", self.log()
        return self.p.returncode, self.log()

    def counters(self):
        return {c["name"]: c["value"] for c in self.call("stats.protocols")}

    def drops(self):
        return {c["name"]: c["value"] for c in self.call("stats.drops")}

    def packet_sum(self):
        """received + originated + copies, and transmitted + consumed + dropped (design section 4)."""
        c, d = self.counters(), self.drops()
        return (c["PKT_RECEIVED"] + c["PKT_ORIGINATED"] + c["PKT_COPIES"],
                c["PKT_TRANSMITTED"] + c["PKT_CONSUMED"] + sum(d.values()))

    def at_rest(self, seconds=60):
        """Waits until the packet sum is exact and every pool is full; returns what is wrong, or None."""
        end = time.monotonic() + seconds
        while True:
            a, b = self.packet_sum()
            w = self.call("stats.workers")
            missing = {x["id"]: x["pool_size"] - x["pool_free"] for x in w if x["pool_free"] != x["pool_size"]}
            if a == b and not missing:
                return None
            if time.monotonic() > end:
                return f"packets in {a}, accounted for {b} (difference {a - b}); buffers missing by thread: {missing}"
            time.sleep(0.2)


SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "assertion failed")


def complaints(status, log):
    """What a daemon's end and log say is wrong, or None."""
    if any(s in log for s in SANITIZER):
        return log
    if status != 0:
        return f"exit status {status}\n{log}"
    return None
