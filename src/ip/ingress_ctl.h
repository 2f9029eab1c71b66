/* SPDX-License-Identifier: BSD-2-Clause */
/* Reverse path checks of interfaces: what ifconfig sets and shows. */
#ifndef SMPNET_IP_INGRESS_CTL_H
#define SMPNET_IP_INGRESS_CTL_H

#include "if/ifnet.h"

/* => control; "off", "strict" or "loose"; 0 or -EINVAL */
int ip_urpf_set(struct ifnet *, const char *word);
/* => control; the word in force */
const char *ip_urpf_word(const struct ifnet *);
/* => control; an interface came or went */
void ip_urpf_update(void);

#endif
