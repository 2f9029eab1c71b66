#!/usr/bin/python3
"""metrics.py BUILD [CASE...]: smpnetd -M as a scraper, a dashboard and an attacker see it.

The text is read by prometheus_client's parsers and by a strict reader of our own; values are compared with the stats
methods and if.list.
"""
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

top = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(top / "tests"))
from prometheus_client import parser as text_parser  # noqa: E402
from prometheus_client.openmetrics import parser as om_parser  # noqa: E402
from smpnetd import Daemon, complaints  # noqa: E402

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OM = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
cases = {}
started = []


def case(f):
    cases[f.__name__] = f
    return f


def need(condition, what):
    if not condition:
        raise AssertionError(what)


class Router(Daemon):
    def __init__(self, build, *args, at="0"):
        super().__init__(build, ["-w", "2", "-p", "2048", "-M", at, *args])
        started.append(self)
        m = re.search(r"metrics: http://(\S+):(\d+)/metrics", self.log())
        self.host, self.port = m[1].strip("[]"), int(m[2])

    def get(self, path="/metrics", method="GET", body=None, **headers):
        c = http.client.HTTPConnection(self.host, self.port, timeout=60)
        c.request(method, path, body, headers)
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r, text

    def samples(self, accept=PROMETHEUS):
        """{name: {labels: value}} by our own reader, checked as it goes."""
        r, text = self.get(Accept=accept)
        need(r.status == 200, r.status)
        return strict(text, "openmetrics" in r.getheader("Content-Type"))

    def raw(self):
        return socket.create_connection((self.host, self.port), 60)


LABELS = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')


def strict(text, om):
    """What the two specifications ask for and what we promise besides: HELP, TYPE, suffixes, order, no repeats."""
    need(text.endswith("# EOF\n" if om else "\n") and (om or "# EOF" not in text), "the end of the text")
    out, family, kind, seen, head = {}, None, None, set(), {}
    for line in text.splitlines():
        if line == "# EOF":
            need(om and text.endswith(line + "\n") and text.count(line) == 1, "EOF not at the end")
            continue
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            need(word in ("HELP", "TYPE", "UNIT") and (om or word != "UNIT"), line)
            if name != family:
                need(name not in seen, f"{name} comes twice")
                seen.add(name)
                family, kind, head = name, None, {}
            need(word not in head, line)
            head[word] = rest
            if word == "TYPE":
                kind = rest
                need(kind in ("counter", "gauge") + (("info",) if om else ()), line)
            if word == "UNIT":
                need(name.endswith("_" + rest), line)
            continue
        m = re.fullmatch(r"([a-z_0-9]+)(?:\{(.*)\})? (-?[0-9]+(?:\.[0-9]+)?)", line)
        need(m and {"HELP", "TYPE"} <= set(head), f"not a sample: {line}")
        suffix = {"counter": "_total", "info": "_info"}.get(kind, "") if om else ""
        need(m[1] == family + suffix, f"{line} in {family}")
        need(om or kind != "counter" or m[1].endswith("_total"), line)
        labels = tuple(LABELS.findall(m[2] or ""))
        need(",".join(f'{k}="{v}"' for k, v in labels) == (m[2] or ""), f"labels: {line}")
        need(labels not in out.setdefault(m[1], {}), f"twice: {line}")
        out[m[1]][labels] = float(m[3])
    return out


def by(d, *names):
    return {tuple(dict(k)[n] for n in names): v for k, v in d.items()}


@case
def formats(build):
    """Both formats by Accept; the parsers of prometheus_client read them and find what our reader finds."""
    d = Router(build)
    d.cmd("ifconfig", "shmif0", "create")
    r, text = d.get()
    need(r.getheader("Content-Type") == TEXT, r.getheader("Content-Type"))
    ours = strict(text, False)
    theirs = {}
    for f in text_parser.text_string_to_metric_families(text):
        for s in f.samples:
            theirs.setdefault(s.name, {})[tuple(s.labels.items())] = s.value
    need(ours == theirs, "prometheus_client reads something else")
    for accept, want in ((PROMETHEUS, OM), ("application/openmetrics-text", OM), ("*/*", TEXT), ("text/plain", TEXT),
                         ("text/plain;q=0.9,application/openmetrics-text;q=0.8", TEXT), ("application/openmetrics-text;q=0", TEXT),
                         ("text/plain;q=0.2, application/openmetrics-text; version=1.0.0; q=0.25", OM),
                         ("application/openmetrics-text;version=2.0.0", TEXT), (",,;;q=,", TEXT), ("application/openmetrics-text;q", OM)):
        r, text = d.get(Accept=accept)
        need(r.getheader("Content-Type") == want, f"{accept}: {r.getheader('Content-Type')}")
    r, text = d.get(Accept=OM)
    ours = strict(text, True)
    names = {s.name for f in om_parser.text_string_to_metric_families(text) for s in f.samples}
    need(names == set(ours), "prometheus_client's OpenMetrics reader finds other names")
    need(by(ours["smpnet_build_info"], "version").keys() == {(d.call("daemon.info")["version"],)}, "version")
    return d


@case
def values(build):
    """After traffic every value is what the methods say, and what the traffic was."""
    d, peer = Router(build), Daemon(build, ["-w", "1", "-p", "2048"])
    started.append(peer)
    for x, n in ((d, 1), (peer, 2)):
        x.cmd("ifconfig", "shmif0", "create")
        x.cmd("ifconfig", "shmif0", "linkstr", f"{d.dir.name}/bus")
        x.cmd("ifconfig", "shmif0", "inet", f"10.0.0.{n}/24")
        x.cmd("ifconfig", "shmif0", "inet6", f"2001:db8::{n}/64")
        x.cmd("ifconfig", "shmif0", "up")
        x.cmd("ifconfig", "-w", "30")
    d.cmd("ifconfig", "shmif1", "create")
    d.cmd("route", "add", "-net", "10.9.0.0/16", "10.0.0.2")
    d.cmd("route", "add", "-inet6", "2001:db8:9::/48", "2001:db8::2")
    before = d.samples()
    peer.cmd("ping", "-n", "-c", "20", "-i", "0.01", "10.0.0.1")
    peer.cmd("ping6", "-n", "-c", "20", "-i", "0.01", "2001:db8::1")
    status, log = peer.stop()
    need(not complaints(status, log), log)
    need(d.at_rest() is None, "not at rest")
    m = d.samples()

    def grew(name, labels, n):
        a, b = before[name][labels], m[name][labels]
        need(b - a >= n, f"{name}{labels}: {a} .. {b}")
    grew("smpnet_interface_receive_packets_total", (("interface", "shmif0"),), 40)
    grew("smpnet_interface_transmit_bytes_total", (("interface", "shmif0"),), 40 * 70)
    grew("smpnet_protocol_events_total", (("protocol", "icmp"), ("counter", "ICMP_REFLECT")), 20)

    def same(name, label, want):
        got = {k[0]: v for k, v in by(m[name], *([label] if isinstance(label, str) else label)).items()}
        need(got == want, f"{name}: {got}, not {want}")
    same("smpnet_protocol_events_total", "counter", {c["name"]: c["value"] for c in d.call("stats.protocols")})
    same("smpnet_drops_total", "reason", d.drops())
    ifs = d.call("if.list")
    for way, ours in (("receive", "i"), ("transmit", "o")):
        for what, theirs in (("packets", "packets"), ("bytes", "bytes"), ("multicast_packets", "mcasts"), ("errors", "errors"), ("drops", "drops")):
            same(f"smpnet_interface_{way}_{what}_total", "interface", {i["name"]: i["stats"][ours + theirs] for i in ifs})
    same("smpnet_interface_mtu_bytes", "interface", {i["name"]: i["mtu"] for i in ifs})
    same("smpnet_interface_up", "interface", {i["name"]: i["flags"] & 1 for i in ifs})
    same("smpnet_interface_link_up", "interface", {i["name"]: i["linkstate"] == "up" for i in ifs})
    workers, pools = d.call("stats.workers"), d.call("stats.pools")
    same("smpnet_worker_receive_packets_total", "worker", {str(w["id"]): w["received"] for w in workers})
    same("smpnet_worker_vectors_total", "worker", {str(w["id"]): w["vectors"] for w in workers})
    need(0 < sum(w["vectors"] for w in workers) <= sum(w["received"] for w in workers), workers)
    same("smpnet_pool_buffers", "owner", {p["owner"]: p["size"] for p in pools})
    same("smpnet_pool_free_buffers", "owner", {p["owner"]: p["free"] for p in pools})
    punts = d.call("stats.punts")
    same("smpnet_punt_passed_packets_total", "class", {p["class"]: p["passed"] for p in punts})
    need(sum(p["passed"] for p in punts) > 0, "no punt counted")
    d.batch([("route.add", {"family": "inet", "dst": f"10.{n}.0.0/16", "gateway": "10.0.0.2"}) for n in range(20, 120)])
    more = d.samples()["smpnet_routes"]
    text, memory = d.cmd("netstat", "-m"), json.loads(d.cmd("netstat", "-m", "--json"))
    need(re.search(r"^0 mbufs in use, of 6144:\n\tworker0: 0 of 2048$", text, re.M), text)
    need(f"inet: {int(by(more, 'family')[('inet',)])} routes, 1 neighbours" in text, text)
    need(memory["pools"] == pools and memory["resident"] > 20 << 20 and memory["tables"][1]["family"] == "inet6", memory)
    need([more[k] - m["smpnet_routes"][k] for k in more] == [100, 0], f"{more}")
    need(by(more, "family")[("inet",)] == len(d.call("route.list", family="inet")), "IPv4 routes")
    need(all(v > 0 for v in m["smpnet_fib_bytes"].values()), "FIB without memory")
    states = by(m["smpnet_neighbours"], "family", "state")
    need(sum(v for (f, s), v in states.items() if f == "inet" and s in ("reachable", "stale", "delay", "probe")) == 1, states)
    need(m["smpnet_control_clients"][()] == 1, m["smpnet_control_clients"])
    rss = int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{d.p.pid}/status").read())[1]) * 1024
    need(abs(m["process_resident_memory_bytes"][()] - rss) < 32 << 20, "resident memory")
    need(abs(m["smpnet_start_time_seconds"][()] + m["smpnet_uptime_seconds"][()] - time.time()) < 5, "start time")
    return d


@case
def names(build):
    """doc/metrics.md lists every metric, no other; the dashboard names only what there is."""
    d = Router(build)
    r, text = d.get()
    have = {m[1]: m[2] for m in re.finditer(r"^# TYPE (\S+) (\S+)$", text, re.M)}
    doc = dict(re.findall(r"^\| `([a-z_]+)`.*?\| (counter|gauge|info) \|", (top / "doc/metrics.md").read_text(), re.M))
    doc = {k: "gauge" if v == "info" else v for k, v in doc.items()}
    need(doc == have, f"doc/metrics.md: missing or wrong {set(have.items()) - set(doc.items())}, too many {set(doc.items()) - set(have.items())}")
    labels = {}
    for name, samples in strict(text, False).items():
        labels[name] = {k for s in samples for k, _ in s}
    board = json.loads((top / "etc/grafana-smpnet.json").read_text())
    exprs = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
    exprs += [v["query"] if isinstance(v["query"], str) else v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    used = set()
    for e in exprs:
        found = set(re.findall(r"\b(?:smpnet|process)_[a-z_]+", e))
        need(found, f"no metric in {e}")
        used |= found
        for name, sel in re.findall(r"\b((?:smpnet|process)_[a-z_]+)\{([^}]*)\}", e):
            for k in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", sel):
                need(k in labels.get(name, ()) or k in ("instance", "job"), f"{name} has no label {k}")
    need(used <= set(have), f"the dashboard names {used - set(have)}")
    need(len(exprs) >= 8, "a dashboard without panels")
    return d


@case
def hostile(build):
    """What is not a scrape gets a short answer or none; a scrape goes on being served; nothing is left behind."""
    d = Router(build)

    def serves():
        t = time.monotonic()
        need(d.get()[0].status == 200, "no answer")
        return time.monotonic() - t
    for method, path, want in (("HEAD", "/metrics", 200), ("GET", "/", 200), ("GET", "/metrics?x=y", 200), ("GET", "/x", 404), ("GET", "/metrics/", 404),
                               ("POST", "/metrics", 405), ("PUT", "/metrics", 405), ("DELETE", "/", 405), ("OPTIONS", "/metrics", 405)):
        r, text = d.get(path, method)
        need(r.status == want and r.getheader("Connection") == "close", f"{method} {path}: {r.status}")
        need(want != 405 or r.getheader("Allow") == "GET, HEAD", "Allow")
        need(method != "HEAD" or text == "", "HEAD with a body")
    need(d.get("/metrics", "POST", b"x" * 100000)[0].status in (405, 413), "a large body")
    curl = subprocess.run(["curl", "-sS", "-0", f"http://{d.host}:{d.port}/metrics"], capture_output=True, text=True)
    need(curl.returncode == 0 and strict(curl.stdout, False), f"curl -0: {curl.stderr}")
    garbage = [b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET /metrics\r\n\r\n", bytes(range(256)) * 8 + b"\r\n\r\n",
               b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
               b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
               b"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", b"\r\n" * 1000]
    for g in garbage:
        s = d.raw()
        try:
            s.sendall(g)
            s.shutdown(socket.SHUT_WR)
            answer = s.recv(64)
            need(not answer.startswith(b"HTTP/1.1 200"), f"{g[:40]} was answered: {answer}")
        except (ConnectionResetError, BrokenPipeError):
            pass
        s.close()
    serves()
    fds = len(list(Path(f"/proc/{d.p.pid}/fd").iterdir()))
    # slowloris: more than there may be, one octet at a time; each ends by its deadline, and none keeps a scrape out
    slow = [d.raw() for _ in range(60)]
    stop = threading.Event()

    def drip():
        while not stop.wait(0.2):
            for s in slow:
                try:
                    s.send(b"G")
                except OSError:
                    pass
    t = threading.Thread(target=drip)
    t.start()
    took = max(serves() for _ in range(5))
    start = time.monotonic()
    for s in slow:
        try:
            while s.recv(100):
                pass
        except ConnectionResetError:
            pass
    took_all = time.monotonic() - start
    stop.set()
    t.join()
    need(took < 10, f"a scrape beside slow clients took {took:.1f} s")
    need(took_all < 30, f"slow clients were borne for {took_all:.1f} s")
    # those that ask and never read, and those that go in the middle
    for i in range(100):
        s = d.raw()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        if i % 2:
            s.recv(10)
        if i < 90:
            s.close()
        else:
            slow.append(s)
    serves()
    need(len(d.call("if.list")) == 1, "control")
    for s in slow:
        s.close()
    for _ in range(100):
        if len(list(Path(f"/proc/{d.p.pid}/fd").iterdir())) <= fds:
            break
        time.sleep(0.2)
    else:
        raise AssertionError("descriptors are left")
    return d


@case
def many_interfaces(build):
    """Thousands of interfaces: an answer in slices, right to the end while interfaces come and go, bounded turns and memory."""
    d = Router(build)
    d.batch([("if.create", {"name": f"lo{i}"}) for i in range(1, 2001)])
    d.samples()
    rss = lambda: int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{d.p.pid}/status").read())[1])  # noqa: E731
    m = d.samples()
    need(len(m["smpnet_interface_receive_packets_total"]) == 2001, "interfaces are missing")
    other = d.client()
    done = threading.Event()

    def churn():
        i = 0
        while not done.is_set():
            other.call("if.destroy", name=f"lo{i % 2000 + 1}")
            other.call("if.create", name=f"lo{i % 2000 + 1}")
            i += 1
    t = threading.Thread(target=churn)
    t.start()
    for _ in range(5):
        m = d.samples()
        sizes = {len(v) for k, v in m.items() if k.startswith("smpnet_interface_")}
        need(len(sizes) == 1 and sizes.pop() >= 1000, "families with different interfaces")
    done.set()
    t.join()
    # clients that ask and read nothing: the text, 2.5 MB, waits to be made
    before = rss()
    idle = []
    for _ in range(8):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((d.host, d.port))
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.append(s)
    time.sleep(1)
    need(rss() - before < 12 << 10, f"{rss() - before} KB more")
    need(d.get()[0].status == 503, "a ninth answer")
    for s in idle:
        s.close()
    return d


@case
def addresses(build):
    """Where it listens; what is wrong is named and nothing starts."""
    d = Router(build, at="[::1]:0")
    need(d.host == "::1" and d.get()[0].status == 200, "IPv6")
    for bad, why in ((f"[::1]:{d.port}", "Address already in use"), ("192.0.2.1:9100", "Cannot assign requested address"), ("9100x", "not a port"),
                     ("70000", "not a port"), ("x:9100", "not .ADDRESS:.PORT"), ("::1:9100", "not .ADDRESS:.PORT"), ("[::1:9100", "not .ADDRESS:.PORT"),
                     ("[]:1", "not .ADDRESS:.PORT"), (":9100", "not .ADDRESS:.PORT"), ("", "not a port"), ("127.0.0.1:", "not a port")):
        r = subprocess.run([build / "smpnetd", "-M", bad, f"unix://{d.dir.name}/other"], capture_output=True, text=True, timeout=60)
        need(r.returncode == 1 and re.search(why, r.stderr) and f"-M {bad}:" in r.stderr, f"-M {bad}: {r.returncode} {r.stderr}")
        need(not Path(f"{d.dir.name}/other").exists(), "a socket is left")
    need("-M" not in d.cmd("config", "save"), "in the configuration")
    return d


def main():
    build = Path(sys.argv[1]).absolute()
    for name in sys.argv[2:] or cases:
        try:
            d = cases[name](build)
            status, log = d.stop()
            need(not complaints(status, log), log)
            print(f"{name}: passed")
        finally:
            for x in started:
                if x.alive():
                    x.p.kill()


main()
