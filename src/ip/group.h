/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups that this router is a member of, both families: counted by reference, published to workers, told to
 * the link (IGMP, MLD) and to the device's filter.
 */
#ifndef SMPNET_GROUP_H
#define SMPNET_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "if/ifnet.h"

/*
 * => control; the interface is a member of the group until as many leaves as joins.  0, -EINVAL (not a group), -ENOMEM,
 * -ENOBUFS (as many groups as an interface may have).  Leaving a group that is not joined does nothing.
 */
int in_group_join(struct ifnet *, int family, const union in_any *group);
void in_group_leave(struct ifnet *, int family, const union in_any *group);

/*
 * For the owners of what workers know of an interface (in_if_update, in6_if_update).
 * => control; n groups (with repeats) that the interface's addresses and role ask for, in place of those told before
 */
void in_group_imply(struct ifnet *, int family, const union in_any *groups, uint32_t n);
/* => control; how many groups the interface is a member of; their addresses, sorted, go to out (NULL: only the number) */
uint32_t in_group_members(const struct ifnet *, int family, void *out);

/* => control; the interface went up or down, or its link did: memberships are reported again */
void in_group_link(struct ifnet *);
/* => control; the interface is being destroyed */
void in_group_detach(struct ifnet *);

#endif
