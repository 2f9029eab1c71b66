"""batches.py BUILDDIR: route.batch, neigh.batch and pages: errors of parts, hostile input, tables that change between pages."""
import ipaddress
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from smpnetd import Daemon, RPCError  # noqa: E402

d = Daemon(sys.argv[1], ["-w", "1"])


def need(ok, what):
    if not ok:
        d.stop()
        raise SystemExit(f"batches: {what}\n{d.log()}")


def pages(method, member, limit, between=None, **params):
    out, after = [], {}
    while True:
        r = d.call(method, limit=limit, **params, **after)
        out += r[member]
        if "next" not in r:
            return out
        after = {"after": r["next"]}
        if between:
            between()


for name in ("net.inet.ip.dad_count", "net.inet6.ip6.dad_count"):
    d.call("sysctl.set", name=name, value=0)  # nothing but us changes the tables
d.call("if.create", name="shmif0")
d.call("if.set", name="shmif0", linkstr=d.path + ".bus")
d.call("if.addr.add", name="shmif0", family="inet", address="10.0.0.1", plen=8)
d.call("if.addr.add", name="shmif0", family="inet6", address="2001:db8::1", plen=64)
d.call("route.add", family="inet", dst="192.0.2.0/24", gateway="10.0.0.2")

for v6, net, gw, other, kept in ((False, "20.{}.{}.0/24", "10.0.0.2", "10.0.0.3", "192.0.2.0/24"),
                                 (True, "2001:{:x}:{:x}::/48", "2001:db8::2", "2001:db8::3", None)):
    family = "inet6" if v6 else "inet"
    many = [str(ipaddress.ip_network(net.format(i // 250, i % 250))) for i in range(2000)]
    before = d.call("route.list", family=family)
    r = d.call("route.batch", add=[[p, gw] for p in many])
    need(r == {"added": 2000, "deleted": 0, "changed": 0, "failed": [], "nfailed": 0}, r)

    # half of it is wrong, each in its own way; the rest is done, and what was there stays
    wrong = [17, None, [], [many[0]], [many[0], gw], [many[0], 5], [many[0], gw, 5], ["x/24", gw], [net.format(9, 9) + "9", gw],
             ["", gw], [net.format(9, 0), "nowhere"], [net.format(9, 0), gw, {"colour": "red"}], [net.format(9, 0), gw, {"mtu": "big"}],
             [net.format(9, 0), gw, {"interface": "wm9"}], [net.format(9, 0), [gw]], [net.format(9, 0), []], [net.format(9, 0), gw, {}, 1],
             ["default", None], {"prefix": many[0]}]
    r = d.call("route.batch", add=[x for w in wrong for x in (w, [net.format(8, wrong.index(w)), gw])])
    need(r["added"] == len(wrong) and r["nfailed"] == len(wrong), r)
    need([f["index"] for f in r["failed"]] == list(range(0, 2 * len(wrong), 2)) and all(f["error"] and f["errno"] for f in r["failed"]), r)
    r = d.call("route.batch", delete=[net.format(8, i) for i in range(len(wrong))] + ["x", 5, net.format(9, 0)], change=[[many[1], other], [net.format(9, 0), gw]])
    need(r["deleted"] == len(wrong) and r["changed"] == 1 and r["nfailed"] == 4, r)
    need(d.call("route.get", family=family, dst=many[1].split("/")[0])["gateway"] == other, "not changed")
    r = d.call("route.batch", add=[[many[5], gw]] * 3000)  # the list of failures is bounded, the count is not
    need(len(r["failed"]) == 1000 and r["nfailed"] == 3000, len(r["failed"]))
    for bad in ({"add": 5}, {"add": [], "colour": []}, {"delete": {}}):
        need(isinstance(d.try_call("route.batch", **bad), RPCError), bad)

    # pages are the list, of any size
    whole = d.call("route.list", family=family)
    for limit in (1, 7, 1000, 100000):
        need(pages("route.list", "routes", limit, family=family) == whole, limit)
    state = {"n": 0}

    def churn():
        state["n"] += 1
        d.call("route.batch", delete=[many[(state["n"] * 37) % 1000]], add=[[net.format(100 + state["n"], 1), gw]])

    seen = [r["dst"] for r in pages("route.list", "routes", 100, churn, family=family)]
    need(len(seen) == len(set(seen)), "an entry twice")
    need(set(many[1000:]) <= set(seen), "an entry that was there all the time is missing")
    for after in ("", "x", "4:", "7:0/0", "4:zz/3", 5):
        need(isinstance(d.try_call("route.list", limit=3, after=after, family=family), RPCError), after)
    for limit in (0, -1, 10**9, "x"):
        need(isinstance(d.try_call("route.list", limit=limit), RPCError), limit)

    # flush in pages
    total = 0
    while True:
        r = d.call("route.flush", family=family, limit=300)
        total += r["deleted"]
        need(len(r["routes"]) == r["deleted"] <= 300, r["deleted"])
        if not r["more"]:
            break
    need(total == 2000 + (1 if kept else 0), total)
    need(d.call("route.list", family=family) == [r for r in before if r["dst"] != kept], "something else has gone")

    # neighbours
    hosts = [f"2001:db8::{i:x}" if v6 else f"10.1.{i // 250}.{i % 250 + 1}" for i in range(0x100, 0x100 + 1500)]
    r = d.call("neigh.batch", add=[[h, "02:00:00:00:00:01"] for h in hosts] + [[hosts[0], "02:00:00:00:00:02"], [hosts[0]], 5, ["x", "02:00:00:00:00:02"]])
    need(r["added"] == 1500 and r["nfailed"] == 4, r)
    whole = d.call("neigh.list", family=family)
    need(len(whole) >= 1500, len(whole))  # and ours, when it has been checked
    for limit in (1, 500, 1024, 1025, 100000):
        if limit == 1:
            continue
        need(pages("neigh.list", "neighbours", limit, family=family) == whole, f"neigh.list limit {limit}")
    need(isinstance(d.try_call("neigh.list", limit=3, after="4.x"), RPCError), "a bad cursor")
    saved, after = "", {}
    while True:
        r = d.call("config.save", limit=1000, **after)
        saved += r["text"]
        if "next" not in r:
            break
        after = {"after": r["next"]}
    need(saved == d.call("config.save")["text"], "config.save in pages differs")
    r = d.call("neigh.batch", delete=hosts)
    need(r["deleted"] == 1500 and not r["nfailed"], r)

# a client that leaves in the middle of its batch: it is carried out, the daemon goes on
c = d.client()
c.send("route.batch", add=[[f"30.{i // 250}.{i % 250}.0/24", "10.0.0.2"] for i in range(20000)])
c.close()
need(d.call("daemon.info")["pid"] == d.p.pid, "gone")
status, log = d.stop()
if status != 0:
    raise SystemExit(f"batches: exit {status}\n{log}")
print("ok batches")
