#!/usr/bin/python3
"""embed.py OUT.c FILE...: the files as arrays of C, embed_NAME_EXT and embed_NAME_EXT_len."""
import re
import sys
from pathlib import Path

out = ['/* made by embed.py */', '#include "ipgen/report/embed.h"']
for name in sys.argv[2:]:
    data = Path(name).read_bytes()
    symbol = "embed_" + re.sub(r"\W", "_", Path(name).name)
    lines = [", ".join(str(b - 256 if b > 127 else b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    out.append(f"const char {symbol}[] = {{{', '.join(lines + ['0'])}}};")
    out.append(f"const size_t {symbol}_len = {len(data)};")
Path(sys.argv[1]).write_text("\n".join(out) + "\n")
