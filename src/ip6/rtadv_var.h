/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the sender of router advertisements share. */
/*
 * Synchronization: control only.
 * Lifetime: a struct rtadv_conf belongs to its sender; a struct rtadv lives from rtadv_start() to the last advertisement
 * after rtadv_stop(), or to rtadv_ifnet_detach().
 */
#ifndef SMPNET_RTADV_VAR_H
#define SMPNET_RTADV_VAR_H

#include <stdbool.h>
#include <sys/queue.h>

#include "if/ifnet.h"
#include "ip6/rtadv.h"

#define RTADV_MAXPREFIX	  100 /* of a configuration, and of an interface */
#define RTADV_MAXRDNSS	  64  /* addresses in one option */
#define RTADV_MAXDOMAINS  512 /* octets of names in one option */
#define RTADV_INFINITE	  UINT32_MAX
#define RTADV_F_MANAGED	  0x80
#define RTADV_F_OTHER	  0x40
#define RTADV_F_PREF	  0x18 /* of a router or a route: 01 high, 11 low */
#define RTADV_P_ONLINK	  0x80
#define RTADV_P_AUTO	  0x40
#define RTADV_VLTIME	  2592000
#define RTADV_PLTIME	  604800
#define RTADV_INITIAL	  3 /* RFC 4861 section 10 */
#define RTADV_INITIAL_MS  16000
#define RTADV_FINAL	  3
#define RTADV_MINDELAY_MS 3000
#define RTADV_ANSWER_MS	  500

struct rtadv_prefix {
	struct in6_addr prefix;
	uint8_t plen;
	uint8_t flags; /* RTADV_P_* */
	uint32_t vltime, pltime;
	bool vdecr, pdecr; /* the lifetimes count down from when the sender was started */
};

struct rtadv_route {
	struct in6_addr prefix;
	uint8_t plen, flags;
	uint32_t ltime;
};

struct rtadv_rdnss {
	uint32_t ltime;
	unsigned n;
	struct in6_addr addr[RTADV_MAXRDNSS];
};

struct rtadv_dnssl {
	uint32_t ltime;
	unsigned len;
	uint8_t names[RTADV_MAXDOMAINS]; /* as RFC 1035 section 3.1 encodes them */
};

struct rtadv_conf {
	uint32_t maxinterval, mininterval; /* seconds */
	uint8_t chlim, flags;
	uint32_t rltime, rtime, retrans, mtu, clockskew;
	bool mtu_auto, nolladdr, noifprefix;
	struct rtadv_prefix ifprefix; /* what those of the interface are advertised with */
	unsigned nprefix, nroute, nrdnss, ndnssl;
	struct rtadv_prefix *prefix; /* of the configuration: then the interface's own are not advertised */
	struct rtadv_route *route;
	struct rtadv_rdnss *rdnss;
	struct rtadv_dnssl *dnssl;
};

struct rtadv { /* [c] all */
	TAILQ_ENTRY(rtadv) list;
	struct ifnet *ifp;
	struct rtadv_conf *conf;
	char *file; /* of the configuration, NULL: none */
	bool fixed; /* -s: nothing but what is configured */
	struct event *timer;
	uint64_t next, last; /* the next multicast advertisement (0: none); when the last one was sent (0: never) */
	uint64_t started;
	unsigned initial; /* of the first ones, which come faster */
	unsigned final;	  /* last ones to send: it is being stopped */
	bool active;	  /* the interface can send, and this router may */
	unsigned nprefix; /* the interface's, as advertised last */
	struct rtadv_prefix *prefix;
	unsigned ngone; /* prefixes that are no more, and in how many advertisements that is still said */
	struct {
		struct in6_addr prefix;
		uint8_t plen, flags, left;
	} gone[RTADV_MAXPREFIX];
	uint64_t sent, solicited, inconsistent;
	uint64_t complained; /* when another router's advertisement was last complained of */
};
TAILQ_HEAD(rtadv_head, rtadv);
extern struct rtadv_head rtadv_list; /* [c] */

/* rtadv_conf_ctl.c */
/*
 * => the interface's entry of a configuration (rtadvd.conf(5)), or the entry "default", or what goes without saying
 * (text NULL, or no such entry); NULL with err: "FILE:LINE: capability: why"
 */
struct rtadv_conf *rtadv_conf_parse(const char *file, const char *text, const char *ifname, char *err, size_t errlen);
void rtadv_conf_free(struct rtadv_conf *);

/* rtadv_packet_ctl.c */
/* => sends an advertisement to all nodes, in as many packets as it takes; last: with a router lifetime of 0 */
void rtadv_send(struct rtadv *, bool last);
/* => the prefixes of the interface's addresses as they are now; malloc'd, *np of them; NULL: none */
struct rtadv_prefix *rtadv_if_prefixes(const struct rtadv *, unsigned *np);
/* => the lifetimes that are advertised now */
void rtadv_lifetimes(const struct rtadv *, const struct rtadv_prefix *, uint32_t *vltime, uint32_t *pltime);

/* rtadv_ctl.c */
struct rtadv *rtadv_find(const struct ifnet *);
/* => starts, or starts anew with another configuration; takes conf and file; 0 or -errno */
int rtadv_start(struct ifnet *, struct rtadv_conf *conf, char *file, bool fixed);
void rtadv_stop(struct rtadv *);
const char *rtadv_state(const struct rtadv *);

#endif
