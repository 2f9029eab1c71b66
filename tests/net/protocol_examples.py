#!/usr/bin/env python3
"""protocol_examples.py BUILDDIR [--fill]: runs every example of doc/protocol.md against a live daemon.

Examples are the lines beginning with --> (sent) and <-- (received) in fenced blocks; all are run in order against one
daemon.  An answer must have the example's shape: the same members (more are allowed: counters and processes differ) with
values of the same type; null, errors' codes and names, and what KEEP lists must be the very same.  Every method that
the daemon lists must have an example and a place in the tables.  --fill writes the answers that came into the document.
"""
import json
import re
import select
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from smpnetd import Daemon, complaints  # noqa: E402

DOC = Path(__file__).resolve().parent.parent.parent / "doc/protocol.md"
KEEP = {"code", "errno", "id", "method", "jsonrpc", "type", "name", "family", "address", "plen", "dst", "text", "old", "new",
        "interface", "errors", "deleted", "applied", "ttl"}

VARIES = {"gaps"}  # lists that may be empty: an idle worker polls nothing


def differs(want, got, key="", path=""):
    """Where got has not the shape of want, or None."""
    if isinstance(want, dict) and isinstance(got, dict):
        for k, v in want.items():
            if k not in got:
                return f"{path}.{k} is missing"
            if why := differs(v, got[k], k, f"{path}.{k}"):
                return why
        return None
    if key in VARIES and isinstance(got, list):
        return None
    if isinstance(want, list) and isinstance(got, list):
        if len(got) < len(want) or (want == [] and got != []):
            return f"{path} has {len(got)} elements, not {len(want)}"
        for i, v in enumerate(want):
            if why := differs(v, got[i], key, f"{path}[{i}]"):
                return why
        return None
    numbers = isinstance(want, (int, float)) and isinstance(got, (int, float)) and isinstance(want, bool) == isinstance(got, bool)
    if type(want) is not type(got) and not numbers:
        return f"{path} is {json.dumps(got)}, not like {json.dumps(want)}"
    if key in KEEP and not isinstance(want, (dict, list)) and want != got:
        return f"{path} is {json.dumps(got)}, not {json.dumps(want)}"
    return None


def main():
    build, fill = Path(sys.argv[1]).absolute(), "--fill" in sys.argv
    text = DOC.read_text().split("\n")
    out, failures, ran, sent, fenced = [], 0, 0, set(), False
    d = Daemon(build, ["-w", "1", "-p", "1024"])
    wires = tempfile.TemporaryDirectory(prefix="smpnet-doc.")
    def here(line):
        return line.replace("/tmp/wire", wires.name + "/wire")

    try:
        methods = [m["name"] for m in d.call("rpc.list")]
        i = 0
        while i < len(text):
            line = text[i]
            i += 1
            out.append(line)
            if line.startswith("```"):
                fenced = not fenced
            if not fenced or not line.startswith("--> "):
                continue
            ran += 1
            sent |= set(re.findall(r'"method":"([a-z._]+)"', line))
            d.sock.sendall((here(line[4:]) + "\n").encode())
            want = []
            while i < len(text) and text[i].startswith("<-- "):
                want.append(text[i])
                i += 1
            if fill:
                while (m := readable(d, 1.5)) is not None:
                    out.append("<-- " + m.replace(wires.name + "/wire", "/tmp/wire"))
                continue
            for w in want:
                out.append(w)
                got = readable(d, 60)
                why = differs(json.loads(here(w[4:])), json.loads(got)) if got is not None else "nothing came"
                if why:
                    failures += 1
                    print(f"{line}\n  expected {w[4:]}\n  got      {got}\n  {why}\n")
        prose = "\n".join(text)
        for m in methods:
            if m not in sent:
                failures += 1
                print(f"no example of {m}")
            if not re.search(rf"^\| {re.escape(m)}\b|^\| .*, {re.escape(m)}\b", prose, re.M):
                failures += 1
                print(f"no row for {m}")
    finally:
        status, log = d.stop()
        wires.cleanup()
    if fill:
        DOC.write_text("\n".join(out))
    if bad := complaints(status, log):
        failures += 1
        print(bad)
    print(f"{ran} examples, {failures} failures")
    return failures != 0 or ran == 0


def readable(d, timeout):
    """The next line, or None: read by octets, so that select tells the truth."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([d.sock], [], [], timeout)[0]:
            return None
        c = d.sock.recv(1)
        if not c:
            return None
        line += c
    return line.decode().rstrip("\n")


sys.exit(main())
