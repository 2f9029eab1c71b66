/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link addresses that an interface has besides the one in use: its own, and those that "ifconfig IF link" added.
 *
 * Synchronization: control only.
 * Lifetime: a struct if_lladdr lives until if_lladdr_delete or its interface's end.
 */
#include "if/ifnet.h"
#include "if/if_var.h"

#include <errno.h>
#include <stdlib.h>

static struct if_lladdr *
lladdr_lookup(const struct ifnet *ifp, uint64_t word)
{
	struct if_lladdr *l;

	TAILQ_FOREACH (l, &ifp->if_lladdrs, list)
		if (l->word == word)
			return l;
	return NULL;
}

int
if_lladdr_add(struct ifnet *ifp, uint64_t word)
{
	struct if_lladdr *l;

	ASSERT_CONTROL();
	if (ifp->if_type != IFT_SMP_ETHER)
		return -EOPNOTSUPP;
	if (word == 0 || (*(const uint8_t *)&word & 1))
		return -EINVAL;
	if (word == ifp->if_hwaddr || lladdr_lookup(ifp, word) != NULL)
		return 0;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->word = word;
	TAILQ_INSERT_TAIL(&ifp->if_lladdrs, l, list);
	return 0;
}

int
if_lladdr_delete(struct ifnet *ifp, uint64_t word)
{
	struct if_lladdr *l;

	ASSERT_CONTROL();
	if (word != 0 && (word == ifp->if_lladdr || word == ifp->if_hwaddr))
		return -EBUSY;
	l = lladdr_lookup(ifp, word);
	if (l == NULL)
		return -EADDRNOTAVAIL;
	TAILQ_REMOVE(&ifp->if_lladdrs, l, list);
	free(l);
	return 0;
}

void
if_lladdr_delete_all(struct ifnet *ifp)
{
	struct if_lladdr *l;

	while ((l = TAILQ_FIRST(&ifp->if_lladdrs)) != NULL) {
		TAILQ_REMOVE(&ifp->if_lladdrs, l, list);
		free(l);
	}
}
