/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmission on a Linux interface by AF_PACKET, one socket per transmit queue.
 *
 * sendmmsg, not a transmit ring: a ring's frames are sent by reference and marked free as soon as a virtual device
 * orphans the buffer, while the receiving host may still read them.
 *
 * Synchronization: a socket belongs to its queue's worker.  Lifetime: from the port's start to its stop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dev/linux.h"
#include "pkt/pkt.h"

#define TX_BATCH  64
#define TX_MAXSEG 8 /* parts of one frame */

/* Older headers */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

int
linux_tx_open(struct linux_tx *tx, int ifindex)
{
	/* Protocol 0: the socket receives nothing. */
	struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int one = 1, sndbuf = 4 << 20, mark = LINUX_TX_MARK, error;

	tx->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tx->fd < 0)
		return -errno;
	if (bind(tx->fd, (struct sockaddr *)&sll, sizeof(sll)) < 0 ||
	    setsockopt(tx->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0) {
		error = -errno;
		linux_tx_close(tx);
		return error;
	}
	setsockopt(tx->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	setsockopt(tx->fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf));
	return 0;
}

void
linux_tx_close(struct linux_tx *tx)
{
	if (tx->fd >= 0)
		close(tx->fd);
	tx->fd = -1;
}

uint16_t
linux_tx_burst(struct linux_tx *tx, struct rte_mbuf **pkts, uint16_t n, uint64_t *errors)
{
	struct mmsghdr msgs[TX_BATCH];
	struct iovec iov[TX_BATCH][TX_MAXSEG];
	uint16_t done = 0;

	ASSERT_WORKER();
	while (done < n) {
		unsigned batch = 0;

		for (; batch < TX_BATCH && done + batch < n; batch++) {
			unsigned parts = 0;

			for (struct rte_mbuf *m = pkts[done + batch]; m != NULL && parts < TX_MAXSEG; m = m->next)
				iov[batch][parts++] =
				    (struct iovec){rte_pktmbuf_mtod(m, void *), rte_pktmbuf_data_len(m)};
			if (parts < pkts[done + batch]->nb_segs)
				parts = 0; /* too many parts: refused below */
			msgs[batch].msg_hdr = (struct msghdr){.msg_iov = iov[batch], .msg_iovlen = parts};
		}
		int sent = sendmmsg(tx->fd, msgs, batch, MSG_DONTWAIT);
		if (sent < 0) {
			if (errno == EAGAIN)
				break; /* the device still holds as much as the socket may have on its way */
			if (errno == EINTR)
				continue;
			/* The first frame is what the kernel refused (down, gone, too long, device full): it is lost. */
			mp_add(errors, 1);
			sent = 1;
		}
		for (int i = 0; i < sent; i++)
			rte_pktmbuf_free(pkts[done + i]);
		done += sent;
	}
	return done;
}
