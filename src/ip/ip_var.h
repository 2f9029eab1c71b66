/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of src/ip share.
 *
 * Synchronization: control publishes struct in_if (per interface) and struct in_own (all addresses) with one release
 * store; workers load them once per vector or packet.  Settings are single words.
 * Lifetime: replaced objects are freed after a grace period.
 */
#ifndef SMPNET_IP_VAR_H
#define SMPNET_IP_VAR_H

#include "if/ifnet.h"
#include "ip/frag_share.h"
#include "ip/ip.h"
#include "ip/ip_hdr.h"
#include "mp/mp.h"
#include "pkt/pkt.h"
#include "route/route.h"

/* One address of an interface, as workers see it */
struct in_ifa {
	uint32_t addr; /* [I] */
	uint32_t mask; /* [I] */
	uint32_t brd;  /* [I] directed broadcast, 0: none */
	uint32_t peer; /* [I] point-to-point: the other end, 0: none */
};

/* The usable addresses and the groups of an interface, at IF_SLOT_IP; NULL there: none */
struct in_if {
	struct mp_deferred deferred; /* [c] */
	uint32_t n, ngroups;	     /* [I] */
	const uint32_t *group;	     /* [I] sorted; behind a[] */
	struct in_ifa a[];	     /* [I] in order of addition */
};

/*
 * All usable addresses of ours, and the directed broadcasts of their networks, which are no source either: open addressing,
 * at most a quarter full, 0 is an empty slot
 */
struct in_own {
	struct mp_deferred deferred; /* [c] */
	uint32_t shift;		     /* [I] 32 - log2(slots) */
	uint32_t first;		     /* [I] the first that is not a loopback address, or 0 */
	uint8_t *broadcast;	     /* [I] by slot: 1 for a connected network's directed broadcast; behind slots */
	uint32_t slots[];	     /* [I] */
};

extern struct in_own *_Atomic in_own; /* [r] never NULL after ip_init */

/*
 * Redirects: a sender is not told the same again within a second, and a worker sends no more in a second than it has
 * places to remember them.
 */
#define IP_REDIRECTED	 64
#define IP_REDIRECTED_MS 1000

/* Per-thread state, at w->proto[MP_SLOT_IP] */
struct ip_thread {
	uint64_t icmp_full;	   /* [w] error rate limit: TSC at which the bucket is full again */
	uint64_t mtu_full;	   /* [w] the same for those that path MTU discovery needs */
	uint64_t tcp_full;	   /* [w] the same for resets */
	uint32_t id;		   /* [w] last datagram identification; threads use residue classes */
	uint32_t id_step;	   /* [I] */
	struct frag_shares shares; /* [w] */
	/* ms from which a redirect may be sent again, by a hash of whom it tells of what; both families */
	uint64_t redirected[IP_REDIRECTED]; /* [w] */
};

extern _Atomic int ip_forwarding, ip_ttl, ip_directed_broadcast, ip_sendredirects, ip_allowsrcrt, ip_forwsrcrt,
    ip_maxfragpackets, ip_maxfrags, ip_maxfragbytes, ip_fragttl, icmp_bmcastecho, icmp_errppslimit,
    icmp_returndatabytes, tcp_rstppslimit; /* [a] settings */
extern _Atomic int ip_dropdocaddrs;	   /* [a] a setting */

extern _Atomic uint32_t ip_day_offset; /* [a] what is to be added to now_ms for milliseconds since midnight UT */

/* => worker; RFC 792's time, host byte order */
static inline uint32_t
ip_day_ms(const struct worker *w)
{
	return (uint32_t)((w->now_ms + atomic_load_explicit(&ip_day_offset, memory_order_relaxed)) % 86400000u);
}

#define SETTING(v) atomic_load_explicit(&(v), memory_order_relaxed)

#define IN4_MULTICAST(a) (((a)&htonl(0xf0000000)) == htonl(0xe0000000))
#define IN4_LOOPBACK(a)	 (((a)&htonl(0xff000000)) == htonl(0x7f000000))
#define IN4_ZERONET(a)	 (((a)&htonl(0xff000000)) == 0)
#define IN4_LINKLOCAL(a) (((a)&htonl(0xffff0000)) == htonl(0xa9fe0000))
#define IN4_CLASSE(a)	 (((a)&htonl(0xf0000000)) == htonl(0xf0000000))
#define IN4_BROADCAST	 0xffffffffu

enum in_own_kind { IN_OWN_NONE, IN_OWN_ADDRESS, IN_OWN_BROADCAST };
/* => what the address is when the first slot is not empty */
enum in_own_kind in_own_search(const struct in_own *, uint32_t addr, uint32_t slot);

static inline enum in_own_kind
in_own_kind(const struct in_own *own, uint32_t addr)
{
	uint32_t slot = (addr * 0x9e3779b1u) >> own->shift;

	if (likely(own->slots[slot] == 0))
		return IN_OWN_NONE;
	return in_own_search(own, addr, slot);
}

static inline bool
in_own_has(const struct in_own *own, uint32_t addr)
{
	return in_own_kind(own, addr) == IN_OWN_ADDRESS;
}

static inline const struct in_own *
in_own_get(void)
{
	return atomic_load_explicit(&in_own, memory_order_acquire);
}

static inline const struct in_if *
in_if_get(const struct ifnet *ifp)
{
	return atomic_load_explicit(&ifp->if_proto[IF_SLOT_IP], memory_order_acquire);
}

/* The largest packet that the next hop carries */
static inline uint32_t
nh_mtu_of(const struct nexthop *nh)
{
	if (likely(nh->nh_mtu != 0))
		return nh->nh_mtu;
	return nh->nh_ifp != NULL ? atomic_load_explicit(&nh->nh_ifp->if_mtu, memory_order_relaxed) : IPV4_MAXPACKET;
}

static inline struct ip_thread *
ip_thread(struct worker *w)
{
	return w->proto[MP_SLOT_IP];
}

/* => worker; true if a redirect to src about dst (words that stand for them) may be sent now */
static inline bool
ip_redirect_allow(struct worker *w, uint32_t src, uint32_t dst)
{
	uint32_t h = src * UINT32_C(0x9e3779b1);
	uint64_t *again;

	h = ((h ^ h >> 15) ^ dst) * UINT32_C(0x85ebca6b);
	h = (h ^ h >> 15) * UINT32_C(0x9e3779b1);
	again = &ip_thread(w)->redirected[(h >> 16) % IP_REDIRECTED];

	if (w->now_ms < *again)
		return false;
	*again = w->now_ms + IP_REDIRECTED_MS;
	return true;
}

/* Of n packets, the one that is looked at this time: the same for a whole turn of the worker's loop */
static inline unsigned
ip_redirect_pick(const struct worker *w, unsigned n)
{
	return (unsigned)((uint64_t)((uint32_t)w->now * UINT32_C(0x9e3779b1)) * n >> 32);
}

/* => packet-owning thread; a datagram identification, network byte order */
static inline uint16_t
ip_newid(struct worker *w)
{
	struct ip_thread *t = ip_thread(w);

	t->id += t->id_step;
	return htons((uint16_t)t->id);
}

/* One hop less (RFC 1624: the checksum follows without being computed again) */
static inline void
ip_ttl_decrement(struct ipv4_h *ip)
{
	uint32_t sum = (uint32_t)ip->sum + htons(0x0100);

	ip->sum = (uint16_t)(sum + (sum >= 0xffff));
	ip->ttl--;
}

/* True if the checksum of a header without options is right (RFC 1071: in any word size, carries brought round) */
static inline bool
ip_sum20_ok(const void *h)
{
	uint64_t a, b, sum;
	uint32_t c, fold;

	__builtin_memcpy(&a, h, 8);
	__builtin_memcpy(&b, (const char *)h + 8, 8);
	__builtin_memcpy(&c, (const char *)h + 16, 4);
	sum = a + b;
	sum += sum < b;
	sum += c;
	sum += sum < c;
	sum += sum << 32 | sum >> 32;
	fold = (uint32_t)(sum >> 32);
	fold += fold << 16 | fold >> 16;
	return fold >= 0xffff0000u;
}

static inline void
ip_set_sum(struct ipv4_h *ip)
{
	ip->sum = 0;
	ip->sum = cksum_fold(cksum_add(0, ip, IPV4_HLEN(ip)));
}

/*
 * A rate of n a second with a burst of n, told by the TSC, of which each worker has its share: true if one more is
 * allowed; n < 0: always
 */
static inline bool
ip_rate_allow(uint64_t *full, uint64_t now, int n)
{
	if (n < 0)
		return true;
	if (n == 0)
		return false;
	uint64_t cost = mp_tsc_hz * mp_nworkers / (unsigned)n;
	uint64_t depth = cost > mp_tsc_hz ? cost : mp_tsc_hz;
	uint64_t at = *full < now ? now : *full;
	if (at + cost > now + depth)
		return false;
	*full = at + cost;
	return true;
}

/*
 * The flow hash of a packet, however it lies in its segments: what it is made of is contiguous first, so that the
 * header may move.
 */
static inline uint32_t
ip_flow_hash(struct rte_mbuf *m)
{
	const bool v6 = pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6;
	uint32_t need = v6 ? 128 : 64; /* headers and ports, unless there are very many */

	if (unlikely(m->data_len < need && m->data_len < m->pkt_len))
		(void)pkt_pullup(m, RTE_MIN(need, m->pkt_len));
	const char *p = pkt_data(m, const char *);
	return v6 ? pkt_hash_ip6(p, p + m->data_len) : pkt_hash_ip4(p, p + m->data_len);
}

/* When a packet reached a worker, for control: TSC in units of 256 ticks, modulo 2^32 (meta.aux of PUNT_ICMP) */
static inline uint32_t
ip_stamp(uint64_t tsc)
{
	return (uint32_t)(tsc >> 8);
}

/* ip_input.c */
/* => worker; a validated packet for us.  Takes it. */
void ip_local_input(struct worker *, struct rte_mbuf *);
void ip_local_input_vec(struct worker *, struct pktvec *);
/*
 * => worker; a validated packet of another's with the next hop that the FIB gave: forwarded, delivered, or dropped.
 * Takes it.
 */
void ip_forward_one(struct worker *, struct rte_mbuf *, uint32_t nh_index);

/* ip_output.c */
/* => packet-owning thread; one packet of our own, complete with header.  Takes it. */
void ip_send(struct worker *, struct rte_mbuf *);
/* => worker; adds to the vector of packets with FORWARD next hops, or sends at once what has another type.  Takes it. */
void nh_output_one(struct worker *, struct rte_mbuf *, struct pktvec *forward);
/* => worker; the packet leaves on the interface as link-level broadcast or multicast.  Takes it. */
void ip_output_link(struct worker *, struct ifnet *, struct rte_mbuf *);

/* ip_frag.c */
/*
 * => worker; cuts a packet (header complete, contiguous) that is larger than mtu into copies with meta.nh, and sends
 * them (RFC 791 section 3.2).  Takes it: consumed, or dropped when a copy cannot be made.
 */
void ip_fragment(struct worker *, struct rte_mbuf *, uint32_t mtu, void (*out)(struct worker *, struct pktvec *));

/* ip_options.c */
enum ip_opt_verdict { IP_OPT_OK, IP_OPT_BAD, IP_OPT_REFUSED, IP_OPT_SRCFAIL, IP_OPT_REROUTE };
/*
 * => worker; checks the options of a packet with IHL > 5 and does what they ask of a router or, if local, of the
 * destination (RFC 791 section 3.1, RFC 1812 section 5.2.4): records route and time, follows source routes where the
 * settings allow it.  now_ms, of the day, goes into timestamps.
 * IP_OPT_BAD: *where is the offset of the octet in error.  IP_OPT_REFUSED: a source route, and none is allowed.
 * IP_OPT_SRCFAIL: one that cannot be followed.  IP_OPT_REROUTE: ip->dst changed.
 * The header's checksum is right afterwards.
 */
enum ip_opt_verdict ip_options(struct ipv4_h *, bool local, uint32_t now_ms, unsigned *where);
/*
 * => worker; the header of an answer to `to`, made of the question's: a source route by which that came is turned round (RFC
 * 1122 section 3.2.2.6); returns where the answer goes first
 */
uint32_t ip_options_reverse(struct ipv4_h *, uint32_t to);
/* => any; copies the options that go into every fragment to to (40 octets); returns their length, padded to 4 */
unsigned ip_options_copied(const struct ipv4_h *, uint8_t *to);

/* ip_icmp.c */
/* => worker; an ICMP message for us, l4off set, datagram complete.  Takes it. */
void icmp_input(struct worker *, struct rte_mbuf *);
/*
 * => packet-owning thread; an ICMP error about m (data at its IPv4 header), if one may be sent (RFC 1122 section 3.2.2);
 * info is the second word of the ICMP header, network byte order.  m is dropped with the reason.
 */
void icmp_error(struct worker *, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason);
/* => worker; tells m's source of a better gateway to its destination; m stays the caller's.  False: it may not be sent */
bool icmp_redirect(struct worker *, struct rte_mbuf *m, uint32_t gateway);
/* => packet-owning thread; the address of ours to answer dst with, having received on iif; 0: none */
uint32_t ip_source_for(uint16_t iif, uint32_t dst);

/* => worker or control; an address that an answer may be sent to: one host's */
bool icmp_may_answer(uint32_t src);

/* ip_redirect.c */
/*
 * => worker; m (validated, not changed yet) is about to be forwarded to the interface it came from, by nh: its source
 * is told of the better way, if that is on its link (RFC 1812 section 5.2.7.2).  m stays the caller's.
 */
void ip_redirect(struct worker *, struct rte_mbuf *m, const struct nexthop *nh);

/* tcp_reset.c */
/* => worker; a TCP segment for us at off, of either family; answered by a reset if answer.  Takes it. */
void tcp_input(struct worker *, struct rte_mbuf *, uint32_t off, bool answer);

/* ingress_ctl.c */
/* => control; settings' hooks */
int ip_dropdocaddrs_changed(int old, int new);
int ip6_dropdocaddrs_changed(int old, int new);

/* ip_if_ctl.c */
/* => control; 0 or -ENOMEM */
int in_if_init(void);
void in_if_fini(void);
/* => control; publishes the interface's addresses and groups as they are now */
void in_if_update(struct ifnet *);

/* ip_reass_ctl.c */
/* => control; a fragment for us: data at the IPv4 header.  Takes it. */
void ip_reass_input(struct rte_mbuf *);
int ip_reass_init(void);
void ip_reass_fini(void);

/* path_mtu_ctl.c */
/*
 * => control; somebody says that mtu octets (0: he does not say) fit where a packet of ours was too big, of which he quotes
 * n octets.  valid: we know that packet
 */
void path_mtu_input(int family, const void *quote, unsigned n, uint32_t mtu, bool valid);

/* echo_ctl.c: ping and traceroute */
/* => control; a validated ICMP or ICMPv6 message for us that is no request.  Takes it. */
void echo_ctl_input(struct rte_mbuf *);
void echo_ctl_fini(void);

#endif
