#!/usr/bin/env python3
"""hostile_client.py BUILDDIR [CASE...]: clients of the control socket that misbehave, against live daemons.

Each case shows that the daemon goes on serving a well-behaved client meanwhile and afterwards.
"""
import json
import os
import random
import resource
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from smpnetd import Client, Daemon, RPCError, complaints  # noqa: E402

MAXLINE = 1 << 20
PATIENCE = 120  # seconds; nothing here takes as long unless something is stuck
cases = {}


def case(f):
    cases[f.__name__] = f
    return f


def need(condition, what):
    if not condition:
        raise AssertionError(what)


def request(i, method="daemon.info", **params):
    return (json.dumps({"jsonrpc": "2.0", "id": i, "method": method, "params": params}) + "\n").encode()


def raw(d):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    s.connect(d.path)
    return s


def read_lines(s, n):
    f = s.makefile("rb")
    return [json.loads(f.readline()) for _ in range(n)]


def serves(d):
    c = d.client()
    need(c.call("daemon.info")["pid"] == d.p.pid, "another daemon answers")
    c.close()


@case
def garbage(d):
    """What is not JSON, or not a request, is answered by an error; the connection goes on."""
    rnd = random.Random(1)
    s = raw(d)
    lines = [b"garbage", b"{", b"[", b'{"a":1,"a":2}', b"\xff\xfe\x00\x01", b"[" * 100000, b'{"a":' * 50000, b"7", b"[]",
             b'{"jsonrpc":"1.0","id":1}', b'"' + b"x" * 100000 + b'"', b'{"jsonrpc":"2.0","id":{},"method":"x"}',
             b'{"jsonrpc":"2.0","id":1,"method":"if.list","params":[1]}', b'{"jsonrpc":"2.0","id":1,"method":5}']
    lines += [bytes(rnd.choice([c for c in range(256) if c not in (10, 9, 13, 32)]) for _ in range(rnd.randrange(1, 2000)))
              for _ in range(200)]
    threading.Thread(target=s.sendall, args=(b"".join(x + b"\n" for x in lines) + request(99),)).start()
    answers = read_lines(s, len(lines) + 1)
    need(all("error" in a for a in answers[:-1]), "garbage was not refused")
    need(answers[-1]["id"] == 99 and "result" in answers[-1], "no answer after the garbage")
    s.close()


@case
def oversized(d):
    """A line over 1 MiB is refused once; the next line counts again.  One just under it is taken."""
    s = raw(d)
    big = b'{"jsonrpc":"2.0","id":1,"method":"sysctl.get","params":{"name":"%s"}}\n'
    fit = big % (b"x" * (MAXLINE - len(big) + 2))
    need(len(fit) == MAXLINE, "the test's own arithmetic")
    t = threading.Thread(target=s.sendall, args=(b"y" * (5 * MAXLINE) + b"\n" + fit + request(2),))
    t.start()
    a = read_lines(s, 3)
    t.join()
    need(a[0]["error"]["code"] == -32600 and a[0]["id"] is None, a[0])
    need(a[1]["id"] == 1 and a[1]["error"]["data"]["errno"] == "ENOENT", a[1])
    need(a[2]["id"] == 2 and "result" in a[2], a[2])
    s.close()


@case
def half_sent(d):
    """Unfinished requests hold nothing up, and are never carried out."""
    clients = []
    for i in range(200):
        s = raw(d)
        s.sendall(request(1, "if.create", name=f"lo{i + 1}")[: -2 - i % 20])
        clients.append(s)
    serves(d)
    clients[0].shutdown(socket.SHUT_WR)
    need(clients[0].recv(1000) == b"", "an answer to half a request")
    for s in clients:
        s.close()
    need([i["name"] for i in d.call("if.list")] == ["lo0"], "half a request was carried out")


@case
def half_closed(d):
    """A client that shuts its sending side is answered in full; one that goes at once has its requests carried out."""
    s = raw(d)
    s.sendall(b"".join(request(i) for i in range(500)))
    s.shutdown(socket.SHUT_WR)
    f = s.makefile("rb")
    need([json.loads(x)["id"] for x in f] == list(range(500)), "answers are missing")
    s.close()
    s = raw(d)
    s.sendall(b'{"jsonrpc":"2.0","method":"if.create","params":{"name":"lo7"}}\n' * 2)
    s.close()
    end = time.monotonic() + PATIENCE
    while "lo7" not in [i["name"] for i in d.call("if.list")]:
        need(time.monotonic() < end, "a notification was lost")
    d.call("if.destroy", name="lo7")


@case
def never_reads(d):
    """A client that asks and never reads is stopped, then closed; memory stays bounded; others are served."""
    def memory():
        return int(next(x for x in open(f"/proc/{d.p.pid}/status") if x.startswith("VmRSS")).split()[1]) // 1024

    s = raw(d)
    s.settimeout(0.5)
    before = memory()
    sent = 0
    try:
        while sent < 200 << 20:
            sent += s.send(request(1, "rpc.list") * 1000)
    except (TimeoutError, socket.timeout):
        pass
    need(sent < 50 << 20, f"the daemon takes {sent} octets of requests from a client that does not read")
    serves(d)
    need(memory() - before < 100, f"memory grew from {before} MB to {memory()} MB")
    end = time.monotonic() + PATIENCE
    while d.call("daemon.info")["clients"] > 1:
        need(time.monotonic() < end, "the client was not closed")
        time.sleep(0.5)
    s.close()


@case
def slow_stream(d):
    """Events for a slow reader are dropped and counted: what came and what was lost is all there was."""
    s = raw(d)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(request(1, "route.monitor"))
    f = s.makefile("rb")
    stream = json.loads(f.readline())["result"]["stream"]
    n = 20000
    c = d.client()
    for i in range(0, n, 1000):
        batch = [{"jsonrpc": "2.0", "id": j, "method": m, "params": {"family": "inet", "dst": f"10.{j >> 8}.{j & 255}.0/24", **p}}
                 for j in range(i, i + 1000) for m, p in (("route.add", {"blackhole": True}), ("route.delete", {}))]
        c.sock.sendall((json.dumps(batch) + "\n").encode())
        need(all("result" in a for a in json.loads(c.f.readline())), "a route was refused")
    s.sendall(request(2, "stream.stop", stream=stream))
    got = lost = 0
    while True:
        a = json.loads(f.readline())
        if a.get("id") == 2:
            break
        lost += a["params"].get("lost", 0)
        got += a["method"] == "stream.event"
    need(lost > 0, "nothing was dropped: the test does not test")
    need(got + lost == 2 * n, f"{got} events and {lost} lost make {got + lost}, not {2 * n}")
    s.close()
    c.close()


@case
def thousand_clients(d):
    """1000 clients at once, each served twice."""
    clients = [raw(d) for _ in range(1000)]
    for k in range(2):
        for i, s in enumerate(clients):
            s.sendall(request(i + k))
        for i, s in enumerate(clients):
            need(read_lines(s, 1)[0]["id"] == i + k, "a client was not answered")
    need(d.call("daemon.info")["clients"] == 1001, d.call("daemon.info"))
    for s in clients:
        s.close()


@case
def descriptors(d):
    """Out of descriptors: further clients wait, nobody is thrown out, and they are served when there are some again."""
    used = len(os.listdir(f"/proc/{d.p.pid}/fd"))
    old = resource.prlimit(d.p.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(d.p.pid, resource.RLIMIT_NOFILE, (used + 20, old[1]))
    clients = [raw(d) for _ in range(60)]
    for i, s in enumerate(clients):
        s.sendall(request(i))
    for s in clients[:20]:
        need("result" in read_lines(s, 1)[0], "an early client was not served")
    d.call("daemon.info")
    clients[40].settimeout(0.5)
    try:
        clients[40].recv(1)
        raise AssertionError("served without a descriptor: the test does not test")
    except (TimeoutError, socket.timeout):
        pass
    clients[40].settimeout(PATIENCE)
    for s in clients[:20]:
        s.close()
    for s in clients[20:40]:
        need("result" in read_lines(s, 1)[0], "a waiting client was not served")
    resource.prlimit(d.p.pid, resource.RLIMIT_NOFILE, old)
    for s in clients[40:]:
        need("result" in read_lines(s, 1)[0], "a waiting client was not served after the limit rose")
    for s in clients:
        s.close()


@case
def fairness(d):
    """A client with 100,000 queued requests does not keep another waiting until they are done."""
    n = 100000
    s = raw(d)
    done = []

    def reader():
        f = s.makefile("rb")
        for i in range(n):
            a = json.loads(f.readline())
            need(a["id"] == i, "answers out of order")
            done.append(i)

    t = threading.Thread(target=reader)
    t.start()
    w = threading.Thread(target=s.sendall, args=(b"".join(request(i, "stats.drops") for i in range(n)),))
    w.start()
    while not done:
        time.sleep(0.001)
    for _ in range(10):
        d.call("daemon.info")
    progress = len(done)
    t.join(PATIENCE * 4)
    w.join(1)
    need(len(done) == n, f"only {len(done)} of {n} were answered")
    need(progress < n, f"the other client was served after {progress} requests")
    s.close()
    # and one line that takes a second does not keep the other waiting for it
    s = raw(d)
    s.sendall((json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "rpc.list"}] * 18000) + "\n").encode())
    served = 0
    while not select.select([s], [], [], 0)[0]:
        d.call("daemon.info")
        served += 1
    need(served >= 20, f"the other client was served {served} times during a long batch")
    json.loads(s.makefile("rb").readline())
    s.close()


@case
def many_routes(d):
    """100,000 routes by batches, and away by pipelined lines."""
    n = 100000
    s = raw(d)
    f = s.makefile("rb")

    def call(i, method, **p):
        return {"jsonrpc": "2.0", "id": i, "method": method, "params": {"family": "inet", "dst": f"10.{i >> 8 & 255}.{i & 255}.{i >> 16}/32", **p}}

    def send(parts):
        for p in parts:
            s.sendall(p)

    batches = [(json.dumps([call(i, "route.add", blackhole=True) for i in range(k, k + 4000)]) + "\n").encode() for k in range(0, n, 4000)]
    t = threading.Thread(target=send, args=(batches,))
    t.start()
    ids = [a["id"] for _ in batches for a in json.loads(f.readline()) if a.get("result", 0) is None]
    need(ids == list(range(n)), f"{len(ids)} of {n} routes added")
    t.join()
    t = threading.Thread(target=send, args=([(json.dumps(call(i, "route.delete")) + "\n").encode() for i in range(n)],))
    t.start()
    for i in range(n):
        a = json.loads(f.readline())
        need(a["id"] == i and a.get("result", 0) is None, a)
    t.join()
    s.close()


@case
def nested_batch(d):
    """Batches in batches, a batch of half a million nothings, and one that would answer with gigabytes."""
    s = raw(d)
    f = s.makefile("rb")
    s.sendall(b"[[],[[]]]\n")
    need([a["error"]["code"] for a in json.loads(f.readline())] == [-32600, -32600], "batches in a batch")
    t = threading.Thread(target=s.sendall, args=(b"[" + b"1," * 500000 + b"1]\n" + request(5),))
    t.start()
    need(all("error" in a for a in json.loads(f.readline())), "a nothing was taken for a request")
    need(json.loads(f.readline())["id"] == 5, "no answer afterwards")
    t.join()
    one = {"jsonrpc": "2.0", "id": 1, "method": "rpc.list"}
    t = threading.Thread(target=s.sendall, args=((json.dumps([one] * 20000) + "\n").encode(),))
    t.start()
    serves(d)
    line = f.readline()
    need(len(line) < 200 << 20, "the answer is not bounded")
    answers = json.loads(line)
    need(len(answers) == 20000 and answers[-1]["error"]["data"]["errno"] == "ENOBUFS", answers[-1])
    t.join()
    s.close()


def start(build, path, *args, **kw):
    return subprocess.Popen([str(build / "smpnetd"), "-w", "1", "-p", "1024", *args, f"unix://{path}"], stderr=subprocess.PIPE,
                            text=True, **kw)


@case
def socket_file(d):
    """Mode, group, a stale socket, a live one, what is not a socket, and a path that is too long."""
    def mode(path):
        return stat.S_IMODE(os.stat(path).st_mode)

    need(mode(d.path) == 0o600, oct(mode(d.path)))
    p = start(d.build, d.path)
    need(p.wait(PATIENCE) != 0 and "another daemon" in p.stderr.read(), "a live socket was not refused")
    serves(d)
    e = Daemon(d.build, ["-w", "1", "-p", "1024", "-g", os_group()], prefix=["sh", "-c", "umask 077; exec \"$@\"", "sh"])
    found = mode(e.path), os.stat(e.path).st_gid
    e.stop()
    need(found == (0o660, os.getgid()), found)
    path = os.path.join(d.dir.name, "stale")
    for how in ("stale", "stale again"):
        p = start(d.build, path, preexec_fn=lambda: os.umask(0))
        end = time.monotonic() + PATIENCE
        while True:
            try:
                c = Client(path)
                need(c.call("daemon.info")["pid"] == p.pid, how)
                break
            except OSError:
                need(p.poll() is None and time.monotonic() < end, how + ": " + (p.stderr.read() if p.poll() is not None else ""))
                time.sleep(0.02)
        need(mode(path) == 0o600, oct(mode(path)))
        c.close()
        p.kill()
        p.wait()
        need(os.path.exists(path), "kill -9 leaves the socket")
    os.unlink(path)
    Path(path).write_text("precious")
    p = start(d.build, path)
    need(p.wait(PATIENCE) != 0 and "not a socket" in p.stderr.read(), "a file was not refused")
    need(Path(path).read_text() == "precious", "a file was overwritten")
    long = os.path.join(d.dir.name, "x" * 120)
    p = start(d.build, long)
    err = p.stderr.read()
    need(p.wait(PATIENCE) != 0 and long in err and "107" in err, err)
    p = start(d.build, path + "2", "-g", "no-such-group")
    need(p.wait(PATIENCE) != 0 and "no such group" in p.stderr.read(), "an unknown group was taken")


def os_group():
    import grp
    return grp.getgrgid(os.getgid()).gr_name


@case
def two_start_at_once(d):
    """Of daemons started at once on one path, one runs; and it can be reached there."""
    path = os.path.join(d.dir.name, "race")
    for _ in range(3):
        ps = [start(d.build, path) for _ in range(4)]
        end = time.monotonic() + PATIENCE
        while sum(p.poll() is None for p in ps) != 1:
            need(time.monotonic() < end and any(p.poll() is None for p in ps), "not one daemon is left")
            time.sleep(0.05)
        left = next(p for p in ps if p.poll() is None)
        c = Client(path)
        need(c.call("daemon.info")["pid"] == left.pid, "another one has the socket")
        c.close()
        left.kill()
        left.wait()


def main():
    build = Path(sys.argv[1]).absolute()
    for name in sys.argv[2:] or cases:
        d = Daemon(build, ["-w", "1", "-p", "1024"])
        try:
            cases[name](d)
            serves(d)
            end = time.monotonic() + PATIENCE
            while d.call("daemon.info")["clients"] > 1:
                need(time.monotonic() < end, "clients are left over")
                time.sleep(0.01)
        finally:
            status, log = d.stop()
        need(not (bad := complaints(status, log)), bad)
        print(f"ok {name}", flush=True)


main()
