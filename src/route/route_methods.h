/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing table: text and JSON of routes, shared by the methods and the monitors.  All on control. */
#ifndef SMPNET_ROUTE_METHODS_H
#define SMPNET_ROUTE_METHODS_H

#include <jansson.h>

#include "route/route_var.h"

#define RT_ADDRLEN 80 /* of an address with zone and prefix length */

struct ctl_req;
struct ctl_stream;

/* => an address, a link-local one with its zone */
void rt_format(int family, const union in_any *, const struct ifnet *zone, char *, size_t);
/* => a destination as NetBSD shows it: "10.0.0.0/24", "10.0.0.1", "fe80::%lo0/64", "fe80::1", "ff01:1::/32" */
void rt_format_dst(int family, const union in_any *, unsigned plen, char *, size_t);
/* => "10.0.0.2", "link#2", "lo0" */
void rt_format_gateway(const struct rtentry *, char *, size_t);
/* => letters, as "UGS" */
void rt_flag_letters(uint32_t flags, char *, size_t);
/* => array of names, as ["UP", "GATEWAY"] */
json_t *rt_flag_names(uint32_t flags);
json_t *rt_if_flag_names(uint32_t flags);
/* => flags, MTU (0: none) and interface as they are shown */
uint32_t rt_shown_flags(const struct rtentry *);
uint32_t rt_shown_mtu(const struct rtentry *);
struct ifnet *rt_shown_ifp(const struct rtentry *);

/* route_parse_ctl.c */
int rt_parse_family(struct ctl_req *, json_t *params, int *family);
int rt_parse_prefix(struct ctl_req *, int family, const char *, union in_any *, uint8_t *plen, uint16_t *zone);
int rt_parse_item(struct ctl_req *, const char *dst, json_t *gw, json_t *params, struct rt_spec *);
int rt_parse_spec(struct ctl_req *, json_t *params, struct rt_spec *);
int rt_ctl_error(struct ctl_req *, const char *dst, int error);

/* route_list_ctl.c */
int rt_list_method(struct ctl_req *, json_t *params, json_t **result);
int rt_flush_method(struct ctl_req *, json_t *params, json_t **result);

/* route_batch_ctl.c */
int rt_batch_method(struct ctl_req *, json_t *params, json_t **result);

struct ctl_stream *rt_monitor_open(struct ctl_req *, int64_t count);

#endif
