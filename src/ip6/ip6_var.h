/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of src/ip6 share.
 *
 * Synchronization: control publishes struct in6_if (per interface) and struct in6_own (all addresses but link-local
 * ones) with one release store; workers load them once per vector or packet.  Settings are single words.
 * Lifetime: replaced objects are freed after a grace period.
 */
#ifndef SMPNET_IP6_VAR_H
#define SMPNET_IP6_VAR_H

#include <string.h>

#include "if/ifnet.h"
#include "ip/ip_hdr.h"
#include "ip/ip_var.h"
#include "ip6/ip6.h"
#include "mp/mp.h"
#include "pkt/pkt.h"
#include "route/route.h"

/* One address of an interface, as workers see it */
struct in6_ifa {
	struct in6_addr addr; /* [I] */
	uint8_t plen;	      /* [I] */
	bool deprecated;      /* [I] */
	bool anycast;	      /* [I] never a source */
	bool temporary;	      /* [I] */
};

/* The usable addresses and the groups of an interface, at IF_SLOT_IP6; NULL there: none */
struct in6_if {
	struct mp_deferred deferred;  /* [c] */
	uint32_t n, ngroups;	      /* [I] */
	uint8_t hlim;		      /* [I] of our own packets, advertised or set for the interface; 0: the setting */
	const struct in6_addr *group; /* [I] sorted; behind a[] */
	struct in6_ifa a[];	      /* [I] in order of addition */
};

/* All usable addresses of ours that are not link-local: open addressing, at most a quarter full, :: is an empty slot */
struct in6_own {
	struct mp_deferred deferred; /* [c] */
	uint32_t shift;		     /* [I] 64 - log2(slots) */
	struct in6_addr first;	     /* [I] the best source in want of another: neither ::1 nor anycast; :: if none */
	uint32_t nanycast;	     /* [I] */
	struct in6_addr *anycast;    /* [I] behind slots[]: our anycast addresses, link-local ones too */
	struct in6_key {
		uint64_t hi, lo;
	} slots[]; /* [I] */
};

extern struct in6_own *_Atomic in6_own; /* [r] never NULL after ip6_init */

/* Per-thread state, at w->proto[MP_SLOT_IP6] */
struct ip6_thread {
	uint64_t icmp_full; /* [w] error rate limit: TSC at which the bucket is full again */
	uint64_t mtu_full;  /* [w] the same for those that path MTU discovery needs */
	uint64_t tcp_full;  /* [w] the same for resets */
	uint32_t id;	    /* [w] last fragment identification; threads use residue classes */
	uint32_t id_step;   /* [I] */
};

extern _Atomic int ip6_forwarding, ip6_hlim, ip6_sendredirects, ip6_hdrnestlimit, ip6_maxfragpackets, ip6_maxfrags,
    ip6_maxfragbytes, ip6_fragttl, icmp6_errppslimit;  /* [a] settings */
extern _Atomic int tcp6_rstppslimit, ip6_dropdocaddrs; /* [a] settings */

/* Addresses in packets lie at any even place: copy before use. */
static inline struct in6_addr
in6_get(const void *p)
{
	struct in6_addr a;

	memcpy(&a, p, sizeof(a));
	return a;
}

static inline struct in6_key
in6_key(const void *p)
{
	struct in6_key k;

	memcpy(&k, p, sizeof(k));
	return k;
}

static inline uint32_t
in6_key_slot(struct in6_key k, uint32_t shift)
{
	return (uint32_t)(((k.hi ^ (k.lo * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0x9e3779b97f4a7c15)) >> shift);
}

/* => the same when the first slot is not empty */
bool in6_own_search(const struct in6_own *, struct in6_key, uint32_t slot);

static inline bool
in6_own_has(const struct in6_own *own, const void *addr)
{
	struct in6_key k = in6_key(addr);
	uint32_t slot = in6_key_slot(k, own->shift);

	if (likely((own->slots[slot].hi | own->slots[slot].lo) == 0))
		return false;
	return in6_own_search(own, k, slot);
}

static inline const struct in6_own *
in6_own_get(void)
{
	return atomic_load_explicit(&in6_own, memory_order_acquire);
}

/* Link-local neighbours with a link address: open addressing, at most a quarter full; NULL: none */
struct in6_llnbr {
	struct mp_deferred deferred; /* [c] */
	uint32_t shift;		     /* [I] 64 - log2(slots) */
	struct in6_llnbr_slot {
		struct in6_key key;
		uint32_t ifindex;
		_Atomic uint32_t nh; /* [a] NH_NOROUTE_INDEX: empty; LLNBR_GONE: no neighbour any more */
	} slots[];		     /* [I] but for nh */
};
#define LLNBR_GONE UINT32_MAX

extern struct in6_llnbr *_Atomic in6_llnbr; /* [r] */

static inline uint32_t
in6_llnbr_hash(const struct in6_llnbr *t, struct in6_key k, uint32_t ifindex)
{
	k.hi ^= ifindex;
	return in6_key_slot(k, t->shift);
}

/* => worker; the next hop of a link-local neighbour, NH_NOROUTE_INDEX: not known */
static inline uint32_t
ip6_linklocal_nexthop(uint32_t ifindex, const void *addr)
{
	const struct in6_llnbr *t = atomic_load_explicit(&in6_llnbr, memory_order_acquire);
	struct in6_key k = in6_key(addr);

	if (t == NULL)
		return NH_NOROUTE_INDEX;
	uint32_t mask = (uint32_t)((UINT64_C(1) << (64 - t->shift)) - 1);
	for (uint32_t slot = in6_llnbr_hash(t, k, ifindex);; slot = (slot + 1) & mask) {
		const struct in6_llnbr_slot *s = &t->slots[slot];
		uint32_t nh = atomic_load_explicit(&s->nh, memory_order_acquire);

		if (nh == NH_NOROUTE_INDEX || (s->ifindex == ifindex && s->key.hi == k.hi && s->key.lo == k.lo))
			return nh != LLNBR_GONE ? nh : NH_NOROUTE_INDEX;
	}
}

static inline const struct in6_if *
in6_if_get(const struct ifnet *ifp)
{
	return atomic_load_explicit(&ifp->if_proto[IF_SLOT_IP6], memory_order_acquire);
}

/* => worker or control in a read section; the hop limit of an answer to what came by the interface */
static inline uint8_t
ip6_hlim_of(uint16_t iif)
{
	const struct ifnet *ifp = iif != 0 ? ifnet_get(iif) : NULL;
	const struct in6_if *in6 = ifp != NULL ? in6_if_get(ifp) : NULL;

	return in6 != NULL && in6->hlim != 0 ? in6->hlim
					     : (uint8_t)atomic_load_explicit(&ip6_hlim, memory_order_relaxed);
}

static inline struct ip6_thread *
ip6_thread(struct worker *w)
{
	return w->proto[MP_SLOT_IP6];
}

/* Of addresses at any place */
#define IN6_OCTET(a, i)	    (((const uint8_t *)(a))[i])
#define IN6_LINKLOCAL(a)    (IN6_OCTET(a, 0) == 0xfe && (IN6_OCTET(a, 1) & 0xc0) == 0x80)
#define IN6_MULTICAST(a)    (IN6_OCTET(a, 0) == 0xff)
#define IN6_MC_SCOPE(a)	    (IN6_OCTET(a, 1) & 0x0f)
#define IN6_SCOPE_INTERFACE 1
#define IN6_SCOPE_LINK	    2

/* The sum of the pseudo-header (RFC 8200 section 8.1) */
static inline uint32_t
ip6_pseudo_sum(const void *src, const void *dst, uint32_t len, uint8_t proto)
{
	struct {
		uint32_t len;
		uint8_t zero[3], proto;
	} ph = {.len = htonl(len), .proto = proto};

	return cksum_add(cksum_add(cksum_add(0, src, 16), dst, 16), &ph, sizeof(ph));
}

/* ip6_input.c */
/* => worker; a validated packet for us (a unicast address, or a group that the interface joined).  Takes it. */
void ip6_local_input(struct worker *, struct rte_mbuf *);
void ip6_local_input_vec(struct worker *, struct pktvec *);
/* => worker; a validated packet with the next hop that the FIB gave: forwarded, delivered, or dropped.  Takes it. */
void ip6_forward_one(struct worker *, struct rte_mbuf *, uint32_t nh_index);

/* ip6_exthdr.c */
struct ip6_error { /* what to answer, when a header is refused */
	enum mp_drop reason;
	uint8_t type; /* 0: no answer */
	uint8_t code;
	uint32_t pointer;
};
/*
 * => worker; checks the options header (hop-by-hop or destination) at off; true with its length in *len, or false with
 * err.  The packet may be moved (pkt_pullup).  RFC 8200 section 4.2
 */
bool ip6_options(struct rte_mbuf *, uint32_t off, uint32_t *len, struct ip6_error *err);
/*
 * => worker; walks the headers of a packet for us, up to the transport header or a fragment header.  True: *proto is it
 * (IPPROTO_FRAGMENT where it is one), *off its offset, *nxt_at the offset of the field that named it.
 */
bool ip6_headers(struct rte_mbuf *, uint8_t *proto, uint32_t *off, uint32_t *nxt_at, struct ip6_error *err);

/*
 * => packet-owning thread; takes out the fragment header at off (contiguous from the start); nxt becomes what the octet at
 * nxt_at names.  The packet counts as one that came in fragments.
 */
void ip6_frag_strip(struct rte_mbuf *, uint32_t off, uint32_t nxt_at, uint8_t nxt);

/* ip6_output.c */
/* => packet-owning thread; one packet of our own, complete with header.  Takes it. */
void ip6_send(struct worker *, struct rte_mbuf *);
/* => worker; cuts a packet of ours (no extension headers) that is larger than mtu into copies.  Takes it. */
void ip6_fragment(struct worker *, struct rte_mbuf *, uint32_t mtu, void (*out)(struct worker *, struct pktvec *));

/* icmp6.c */
/* => worker; an ICMPv6 message for us at off.  Takes it. */
void icmp6_input(struct worker *, struct rte_mbuf *, uint32_t off);
/*
 * => packet-owning thread; an ICMPv6 error about m (data at its IPv6 header), if one may be sent (RFC 4443 section
 * 2.4); info is the second word, host byte order.  m is dropped with the reason.
 */
void icmp6_error(struct worker *, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason);
/* => packet-owning thread; may an error about m be sent to its source? */
bool icmp6_error_allowed(struct worker *, const struct rte_mbuf *m, uint8_t type);
/* => packet-owning thread; the address of ours to answer dst with, having received on iif; false: none */
bool ip6_source_for(uint16_t iif, const struct in6_addr *dst, struct in6_addr *src);
/* => any thread in a read section; one of our anycast addresses, which no packet has as its source */
bool ip6_is_anycast(const struct in6_addr *);

/* ip6_redirect.c */
/* => worker; as ip_redirect (RFC 4861 section 8.2).  m stays the caller's. */
void ip6_redirect(struct worker *, struct rte_mbuf *m, const struct nexthop *nh);

/* ip6_if_ctl.c */
int in6_if_init(void);
void in6_if_fini(void);
/* => control; publishes the interface's addresses and groups as they are now */
void in6_if_update(struct ifnet *);
/* => control; all interfaces again (forwarding changed: the all-routers group) */
void in6_if_update_all(void);

/* ip6_llnbr_ctl.c */
void in6_llnbr_fini(void);

/* ip6_reass_ctl.c */
/* => control; a fragment for us: data at the IPv6 header, meta.l4off at the fragment header, meta.aux the offset of the
 * field that named it.  Takes it. */
void ip6_reass_input(struct rte_mbuf *);
int ip6_reass_init(void);
void ip6_reass_fini(void);

#endif
