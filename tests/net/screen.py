#!/usr/bin/python3
"""screen.py: a program on a terminal of its own, and what its screen shows (a little of ECMA-48, what ncurses uses)."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time


class Screen:
    def __init__(self, argv, rows=24, columns=80, env=None, stderr=None):
        self.master, self.slave = os.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.raw = b""  # everything that was written
        self.pending = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in 0, 1, 2:
                os.dup2(self.slave if fd < 2 or stderr is None else stderr, fd)
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
            os.closerange(3, 100)
            os.execvp(argv[0], argv)
        self.status = None

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cell = [[" "] * columns for _ in range(rows)]
        self.y = self.x = 0
        self.top, self.bottom = 0, rows - 1
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            self.raw += data
            self.feed(data)
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status

    def put(self, c):
        if self.x >= self.columns:
            self.x = 0
            self.line_feed()
        if 0 <= self.y < self.rows:
            self.cell[self.y][self.x] = c
        self.x += 1

    def line_feed(self):
        if self.y == self.bottom:
            self.scroll(1)
        else:
            self.y = min(self.y + 1, self.rows - 1)

    def scroll(self, n):
        for _ in range(abs(n)):
            if n > 0:
                del self.cell[self.top]
                self.cell.insert(self.bottom, [" "] * self.columns)
            else:
                del self.cell[self.bottom]
                self.cell.insert(self.top, [" "] * self.columns)

    def feed(self, data):
        text = (self.pending + data).decode("utf-8", "surrogateescape")
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                if 0xDC80 <= ord(text[at]) <= 0xDCFF and len(text) - at < 4:
                    break
                self.control(text[at])
                at += 1
                continue
            m = re.match(r"\x1b(\[([?>]?)([0-9;]*)([@-~])|[()].|[=>78MDEc]|\][^\x07]*\x07)", text[at:])
            if not m:
                break
            at += m.end()
            if m[4] and not m[2]:
                self.csi(m[4], [int(n or 0) for n in m[3].split(";")])
            elif m[1] == "M":
                if self.y == self.top:
                    self.scroll(-1)
                else:
                    self.y = max(0, self.y - 1)
        self.pending = text[at:].encode("utf-8", "surrogateescape")

    def control(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.line_feed()
        elif c == "\b":
            self.x = max(0, self.x - 1)
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)
        elif c >= " ":
            self.put(c)

    def csi(self, final, args):
        n = args[0] or 1
        if final in "Hf":
            self.y, self.x = min(n, self.rows) - 1, min((args + [1])[1] or 1, self.columns) - 1
        elif final == "d":
            self.y = min(n, self.rows) - 1
        elif final == "G":
            self.x = min(n, self.columns) - 1
        elif final in "ABCD":
            self.y = max(0, min(self.rows - 1, self.y + {"A": -n, "B": n}.get(final, 0)))
            self.x = max(0, min(self.columns - 1, self.x + {"C": n, "D": -n}.get(final, 0)))
        elif final == "J":
            for y in range(self.rows):
                for x in range(self.columns):
                    here = (y, x) >= (self.y, self.x)
                    if args[0] == 2 or here == (args[0] == 0):
                        self.cell[y][x] = " "
        elif final == "K":
            line = self.cell[min(self.y, self.rows - 1)]
            for x in range(self.columns):
                if args[0] == 2 or (x >= self.x) == (args[0] == 0) or (args[0] == 1 and x == self.x):
                    line[x] = " "
        elif final == "X":
            for x in range(self.x, min(self.columns, self.x + n)):
                self.cell[self.y][x] = " "
        elif final in "@P":
            line = self.cell[self.y]
            for _ in range(n):
                if final == "@":
                    line.insert(self.x, " ")
                    line.pop()
                else:
                    del line[self.x]
                    line.append(" ")
        elif final in "LM":
            old, self.top = self.top, self.y
            self.scroll(n if final == "M" else -n)
            self.top = old
        elif final in "ST":
            self.scroll(n if final == "S" else -n)
        elif final == "r":
            self.top, self.bottom = n - 1, min((args + [0])[1] or self.rows, self.rows) - 1
            self.y = self.x = 0
        elif final == "b":
            last = self.cell[self.y][self.x - 1]
            for _ in range(n):
                self.put(last)

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.cell)

    def keys(self, data):
        os.write(self.master, data)

    def fail(self, what):
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        sys.exit(f"{what}; the screen:\n{self.text()}\nthe end of what was written: {self.raw[-300:]!r}")

    def until(self, what, regex, seconds=30):
        """Waits until the screen shows it: => the match."""
        end = time.monotonic() + seconds
        while not (m := re.search(regex, self.text(), re.M)):
            if self.status is not None or time.monotonic() > end:
                self.fail(f"{what}: no {regex!r}" + (f" and the program ended: {self.status}" if self.status is not None else ""))
            self.read(0.1)
        return m

    def exit(self, what, seconds=30):
        """Waits for its end, with the terminal as it was: => its exit status."""
        end = time.monotonic() + seconds
        while self.status is None:
            if time.monotonic() > end:
                self.fail(f"{what}: it does not end")
            self.read(0.1)
        self.read(0.1)
        if termios.tcgetattr(self.slave) != self.before:
            self.fail(f"{what}: the terminal's modes are not what they were (status {self.status:#x})")
        if self.raw.count(b"\x1b[?1049h") != self.raw.count(b"\x1b[?1049l"):
            self.fail(f"{what}: the other screen was not left")
        return os.waitstatus_to_exitcode(self.status)
