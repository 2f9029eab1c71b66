#!/usr/bin/python3
"""top_keys.py BUILD SOCKET: the live view on a terminal: its keys, a terminal that changes its size, and what it leaves."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

build, sock = sys.argv[1], sys.argv[2]
pid, fd = pty.fork()
if pid == 0:
    os.execl(f"{build}/smpnet", "smpnet", "-s", f"unix://{sock}", "top", "-d", "30")
text = b""


def shows(what, regex, key=b""):
    """The key is pressed, and what is drawn from then on holds the text."""
    global text
    text = b""
    os.write(fd, key)
    end = time.monotonic() + 30
    while not re.search(regex, text, re.S):
        if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(pid, 15)
            sys.exit(f"{what}: {regex} is not in {text!r}")
        try:
            text += os.read(fd, 65536)
        except OSError:
            sys.exit(f"{what}: top ended: {text!r}")


def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


size(24, 80)
shows("start", rb"\x1b\[\?1049h.*\x1b\[\?25l")
shows("s sorts by rate", rb"q quits, s by name.*\x1b\[J", b"s")
shows("s sorts by name again", rb"q quits, s by rate.*\nlo0 .*shmif1 .*\x1b\[J", b"s")
shows("j scrolls", rb"\.\.\. 1 above.*shmif0.*\x1b\[J", b"j")
shows("arrow down too", rb"\.\.\. 2 above.*\x1b\[J", b"\x1b[B")
shows("g goes back", rb"\nlo0 .*\x1b\[J", b"g")
size(12, 40)
shows("smaller", rb"interface.*\x1b\[J")
lines = [re.sub(rb"\x1b\[[?0-9]*[A-Za-z]", b"", x).rstrip(b"\r") for x in text.split(b"\x1b[H")[-1].split(b"\n")]
if len(lines) > 12 or max(map(len, lines)) > 40:
    sys.exit(f"drawn over the edge of 12 lines of 40: {lines}")
shows("q leaves the screen as it was", rb"\x1b\[\?25h\x1b\[\?1049l", b"q")
status = os.waitpid(pid, 0)[1]
sys.exit(f"exit status {status}" if status else 0)
