/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet source on a Linux interface: UDP of one size in many flows, as fast as one CPU can, until it is told to end.
 *
 * Two ways.  "packet": raw frames by sendmmsg past the queueing discipline, buffers as a host's own sender makes them.  "frames":
 * the kernel runs an XDP program over frames of its own (BPF_F_TEST_XDP_LIVE_FRAMES) that sends them to the interface, as a
 * device's driver would hand them on: several times as fast, and needs a receiver that polls (GRO or an XDP program).
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf_insns.h"
#include "frame.h"

#define BATCH 64
#define FLOWS 64 /* a power of two */

static volatile sig_atomic_t ended;

static void
on_term(int sig)
{
	ended = 1;
}

static void
die(const char *what)
{
	fprintf(stderr, "pktsource: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
send_packets(unsigned ifindex, const uint8_t *frame, unsigned len, unsigned hlen)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	static uint8_t frames[FLOWS][FRAME_MAX];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, sndbuf = 8 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		die("packet socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf));
	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(frames[i % FLOWS], frame, len);
		frames[i % FLOWS][hlen - 7] += i % FLOWS; /* the source port's low octet */
		iov[i] = (struct iovec){frames[i % FLOWS], len};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (!ended) {
		int n = sendmmsg(fd, msgs, BATCH, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			die("sendmmsg");
	}
}

/*
 * The frames go round, and come back as the receiver left them: the program writes the headers each time.
 *
 *	if (data + hlen > data_end) return XDP_ABORTED;
 *	headers; source port = FRAME_PORT + random % FLOWS; return bpf_redirect(ifindex, 0);
 */
static void
send_live(unsigned ifindex, const uint8_t *frame, unsigned len, unsigned hlen)
{
	struct bpf_insn p[64];
	unsigned n = 0;
	int prog;

	p[n++] = LOAD(BPF_W, BPF_REG_6, BPF_REG_1, offsetof(struct xdp_md, data));
	p[n++] = LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, data_end));
	p[n++] = MOVE(BPF_REG_3, BPF_REG_6);
	p[n++] = ADD(BPF_REG_3, hlen);
	p[n++] = IF_X(BPF_JLE, BPF_REG_3, BPF_REG_2, 2);
	p[n++] = SET(BPF_REG_0, XDP_ABORTED);
	p[n++] = EXIT;
	for (unsigned off = 0; off < hlen; off += off + 4 <= hlen ? 4 : 2) {
		uint32_t word = 0;
		bool whole = off + 4 <= hlen;

		memcpy(&word, frame + off, whole ? 4 : 2);
		p[n++] = STORE_IMM(whole ? BPF_W : BPF_H, BPF_REG_6, off, (int32_t)word);
	}
	p[n++] = CALL(BPF_FUNC_get_prandom_u32);
	p[n++] = AND(BPF_REG_0, FLOWS - 1);
	p[n++] = STORE(BPF_B, BPF_REG_6, hlen - 7, BPF_REG_0); /* FRAME_PORT's low octet is 0 */
	p[n++] = SET(BPF_REG_1, ifindex);
	p[n++] = SET(BPF_REG_2, 0);
	p[n++] = CALL(BPF_FUNC_redirect);
	p[n++] = EXIT;
	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "pktsource", "Dual BSD/GPL", p, n, NULL);
	if (prog < 0)
		die("XDP program");
	while (!ended) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .repeat = 1 << 26, .batch_size = BATCH);
		int error = bpf_prog_test_run_opts(prog, &opts);

		if (error != 0 && error != -EINTR && error != -EAGAIN)
			die("live frames");
	}
}

int
main(int argc, char **argv)
{
	static uint8_t frame[FRAME_MAX];
	struct sigaction sa = {.sa_handler = on_term};
	unsigned len, hlen = 0, ifindex;
	uint8_t dmac[6], smac[6];
	cpu_set_t set;

	if (argc != 10) {
		fprintf(
		    stderr, "usage: pktsource packet|frames IF CPU 4|6 OCTETS SOURCE DESTINATION TO-MAC FROM-MAC\n");
		return 2;
	}
	ifindex = if_nametoindex(argv[2]);
	len = atoi(argv[5]);
	if (frame_mac(argv[8], dmac) != 0 || frame_mac(argv[9], smac) != 0)
		len = 0;
	if (len >= 62 && len <= FRAME_MAX)
		hlen = frame_make(frame, len, atoi(argv[4]), argv[6], argv[7], dmac, smac);
	if (ifindex == 0 || hlen == 0) {
		fprintf(stderr, "pktsource: no such interface, size (62 to %u) or address\n", FRAME_MAX);
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[3]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (strcmp(argv[1], "frames") == 0)
		send_live(ifindex, frame, len, hlen);
	else
		send_packets(ifindex, frame, len, hlen);
	return 0;
}
