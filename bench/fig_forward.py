# SPDX-License-Identifier: BSD-2-Clause
"""Figures of plain forwarding: one route, beside l3fwd and testpmd; two workers beside one."""
from common import CPUS, forward, imix, pcap, run_l3fwd, run_smpnet, run_testpmd


def bench_ipv4_64_1w():
    forward("ipv4.64.1w", pcap(4), "l3fwd", run_l3fwd)


def bench_ipv6_64_1w():
    forward("ipv6.64.1w", pcap(6), "l3fwd", run_l3fwd)


def bench_ipv4_1500_1w():
    forward("ipv4.1500.1w", pcap(4, size=1514), "l3fwd", run_l3fwd, bytes_each=1518)


def bench_ipv4_imix_1w():
    """7:4:1 of 64, 594 and 1518 octets on the wire."""
    forward("ipv4.imix.1w", imix(4), "l3fwd", run_l3fwd, bytes_each=(7 * 64 + 4 * 594 + 1518) / 12)


def bench_io_64_1w():
    forward("io.64.1w", pcap(4), "testpmd", run_testpmd)


def bench_ipv4_64_2w():
    if len(CPUS) < 2:
        print("ipv4.64.2w     left out: one CPU", flush=True)
        return
    path = pcap(4)
    forward("ipv4.64.2w", path, "one worker", lambda p: run_smpnet(p, 1, 2, 2), lambda p: run_smpnet(p, 2, 2, 2))


FIGURES = {"ipv4.64.1w": bench_ipv4_64_1w, "ipv6.64.1w": bench_ipv6_64_1w,
           "ipv4.1500.1w": bench_ipv4_1500_1w, "ipv4.imix.1w": bench_ipv4_imix_1w, "io.64.1w": bench_io_64_1w, "ipv4.64.2w": bench_ipv4_64_2w}
