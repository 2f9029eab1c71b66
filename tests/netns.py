"""Linux hosts in network namespaces of a test's own, removed at its end."""
import os
import subprocess
import sys

_made = []


def need_root():
    if os.getuid() != 0:
        print("skipped: needs root (network namespaces)")
        sys.exit(77)
    if subprocess.run(["ip", "netns", "add", f"smpnet{os.getpid()}-probe"], capture_output=True).returncode != 0:
        print("skipped: this kernel lets nobody make network namespaces")
        sys.exit(77)
    subprocess.run(["ip", "netns", "del", f"smpnet{os.getpid()}-probe"])


def sh(*argv, check=True, **kw):
    r = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kw)
    if check and r.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, argv))}: exit status {r.returncode}\n{r.stdout}{r.stderr}")
    return r


class Netns:
    def __init__(self, name):
        self.name = f"smpnet{os.getpid()}-{name}"
        sh("ip", "netns", "add", self.name)
        _made.append(self)
        self.ip("link", "set", "lo", "up")

    def ip(self, *argv, check=True):
        return sh("ip", "-n", self.name, *argv, check=check)

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, *argv, check=True, **kw):
        return sh(*self.argv(*argv), check=check, **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen(self.argv(*argv), start_new_session=True, **kw)

    def mac(self, dev):
        return self.run("cat", f"/sys/class/net/{dev}/address").stdout.strip()


def veth(a, dev_a, b, dev_b, queues=1, mtu=1500):
    """A cable between two namespaces, both ends up."""
    q = ["numrxqueues", queues, "numtxqueues", queues]
    a.ip("link", "add", dev_a, "mtu", mtu, *q, "type", "veth", "peer", "name", dev_b, "mtu", mtu, "netns", b.name, *q)
    for ns, dev in ((a, dev_a), (b, dev_b)):
        ns.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.accept_dad=0", check=False)
        ns.ip("link", "set", dev, "up")


def remove_all():
    for ns in reversed(_made):
        pids = sh("ip", "netns", "pids", ns.name, check=False).stdout.split()
        for p in pids:
            subprocess.run(["kill", "-9", p], capture_output=True)
        sh("ip", "netns", "del", ns.name, check=False)
    _made.clear()
