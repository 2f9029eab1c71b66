/* SPDX-License-Identifier: BSD-2-Clause */
/* Oversized segments and partial checksums, as Linux hands them to its neighbours: cut and completed. */
#ifndef SMPNET_DEV_LINUX_GSO_H
#define SMPNET_DEV_LINUX_GSO_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

/* struct virtio_net_hdr of linux/virtio_net.h, which AF_PACKET and tap put before a frame in host byte order */
struct gso_vnet {
	uint8_t flags;	      /* GSO_F_* */
	uint8_t type;	      /* GSO_T_* */
	uint16_t hdr_len;     /* a hint; not used */
	uint16_t size;	      /* payload of a segment */
	uint16_t csum_start;  /* from the start of the frame */
	uint16_t csum_offset; /* from csum_start */
};
_Static_assert(sizeof(struct gso_vnet) == 10, "struct virtio_net_hdr");

#define GSO_F_NEEDS_CSUM 1
#define GSO_T_NONE	 0
#define GSO_T_TCPV4	 1
#define GSO_T_TCPV6	 4
#define GSO_T_UDP_L4	 5
#define GSO_T_ECN	 0x80

#define GSO_MAXLEN 65600u /* a frame: 65535 octets behind an IPv6 header, Ethernet, two tags */

/* How one frame becomes several */
struct gso_plan {
	uint32_t hlen;	 /* octets of headers, repeated before each segment */
	uint32_t mss;	 /* payload octets of each segment but the last */
	uint32_t paylen; /* payload of all */
	uint32_t nsegs;
	bool tcp;
	bool cwr_first; /* CWR stays on the first segment only */
	uint16_t l3off; /* IP header next to the transport header */
	uint16_t l4off;
	uint16_t outer_l3off;  /* outer IP header of a tunnel, or 0 */
	uint16_t outer_udpoff; /* outer UDP header of a tunnel, or 0 */
	uint32_t pseudo;       /* pseudo-header sum without the length */
};

/* Where the transport header is.  Extension headers and two vlan tags are walked. */
struct gso_l4 {
	uint16_t l3off, l4off;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;	/* of the transport header */
	bool fragment;	/* any fragment of more than one: its transport checksum is not in reach */
	uint32_t l4len; /* transport octets by the IP header's length, at most what the frame holds */
};

/* => any thread; frame's first avail of len octets; false: not IP, or malformed */
bool gso_find_l4(const uint8_t *frame, uint32_t avail, uint32_t len, struct gso_l4 *);

/*
 * => any thread; decides how the frame of len octets, whose first avail are at frame, is cut.  0, or -EINVAL: malformed or
 * not known.  A frame without GSO is not for this function.
 */
int gso_plan(struct gso_plan *, const uint8_t *frame, uint32_t avail, uint32_t len, const struct gso_vnet *);
/* => any thread; payload octets of segment i */
static inline uint32_t
gso_seglen(const struct gso_plan *p, uint32_t i)
{
	return i + 1 < p->nsegs ? p->mss : p->paylen - (p->nsegs - 1) * p->mss;
}
/*
 * => any thread; m holds room for the headers (contiguous) and then segment i's payload: writes its headers, with complete
 * checksums
 */
void gso_finish(const struct gso_plan *, const uint8_t *headers, uint32_t i, struct rte_mbuf *m);

/*
 * => any thread; completes a partial checksum: the sum from start to the frame's end goes to start + offset.  False, and
 * nothing done, if that is not in the frame.
 */
bool gso_checksum(struct rte_mbuf *m, uint32_t start, uint32_t offset);

/*
 * => any thread; completes a partial checksum that nothing marks (AF_XDP).  A frame whose checksum is right stays as it is:
 * see the proof in linux_gso.c.  True if something was written.
 */
bool gso_checksum_unmarked(struct rte_mbuf *m);

#endif
