/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the command line share: values of options.  All functions are control's. */
#ifndef IPGEN_OPTIONS_VAR_H
#define IPGEN_OPTIONS_VAR_H

#include "ipgen/options.h"

/* Each takes the option's name as the user sees it ("-t", "--rate"); 0 or -EINVAL with err "NAME VALUE: reason". */
int value_real(const char *name, const char *s, double min, double max, double *, char *err, size_t errlen);
/* digits, with k, M or G if suffix */
int value_count(
    const char *name, const char *s, uint64_t min, uint64_t max, bool suffix, uint64_t *, char *err, size_t errlen);
int value_bits(const char *name, const char *s, uint64_t *, char *err, size_t errlen);
/* ADDR or ADDR-ADDR; *family is 4 or 6 */
int value_addrs(const char *name, const char *s, struct traffic_range *, uint8_t *family, char *err, size_t errlen);
int value_ports(const char *name, const char *s, uint16_t port[2], char *err, size_t errlen);
/* VID[:PCP], up to max of them */
int value_tags(
    const char *name, const char *s, struct traffic_tag *, unsigned max, unsigned *n, char *err, size_t errlen);
/* SIZE,...: as --size or, with ip, IP packets of so many octets (18 octets less than the frame without tags) */
int value_sizes(
    const char *name, const char *s, bool ip, struct traffic_sizes **, unsigned *n, char *err, size_t errlen);
int value_goal(const char *name, const char *s, struct mlr_goal *, char *err, size_t errlen);

/* DEVICE[,GATEWAY[,ADDR[/LEN]]][,GATEWAY6,ADDR6/LEN] */
int port_parse(const char *name, const char *s, struct tport_spec *, char *err, size_t errlen);

/* => was the option given? */
bool option_seen(const struct options *, const char *name);
/* => what does not go together, and what follows from what was given */
int options_check(struct options *, char *err, size_t errlen);

#endif
