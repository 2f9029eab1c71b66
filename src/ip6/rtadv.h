/* SPDX-License-Identifier: BSD-2-Clause */
/* The sender of router advertisements (RFC 4861 section 6.2), as other folders see it. */
#ifndef SMPNET_RTADV_H
#define SMPNET_RTADV_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct ifnet;

/* => control, from neighbour discovery; a valid router solicitation came in */
void rtadv_solicited(struct ifnet *);
/* => control, from neighbour discovery; another router's advertisement, len octets from the ICMPv6 header on */
void rtadv_heard(struct ifnet *, const struct in6_addr *from, const uint8_t *msg, unsigned len);
/* => control; the interface's addresses changed, or its link came up: prefixes follow */
void rtadv_ifaddr_changed(struct ifnet *);
/* => control; the interface is about to go down: the last advertisement leaves */
void rtadv_ifnet_down(struct ifnet *);
/* => control; the interface is being destroyed */
void rtadv_ifnet_detach(struct ifnet *);
/* => control; net.inet6.ip6.forwarding has changed */
void rtadv_forwarding_changed(void);
/* => control; the command lines that start the senders again */
void rtadv_config_save(void (*line)(void *, const char *), void *arg);
/* => control; is the text (NULL: none) a configuration for the interface?  0, or -EINVAL with the reason in err */
int rtadv_conf_check(const char *file, const char *text, const char *ifname, char *err, size_t errlen);

#endif
