/* SPDX-License-Identifier: BSD-2-Clause */
/* "ifconfig NAME create": the kinds of interface that can be made, and the making. */
#include "if/ifnet.h"
#include "dev/dev.h"
#include "if/if_var.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct if_kind if_kinds[] = {
    {"lo", lo_create},
    {"shmif", shmif_create},
    {"tap", tap_create},
    {NULL, NULL},
};

const struct if_kind *
if_kind_of(const char *xname)
{
	size_t len = strcspn(xname, "0123456789");

	for (const struct if_kind *kind = if_kinds; kind->prefix != NULL; kind++)
		if (strlen(kind->prefix) == len && strncmp(kind->prefix, xname, len) == 0)
			return kind;
	return NULL;
}

/* A unit: digits to the end, no leading zero, below 10,000,000. */
static bool
unit_is_valid(const char *unit)
{
	size_t n = strspn(unit, "0123456789");

	return n > 0 && n <= 7 && unit[n] == '\0' && (unit[0] != '0' || n == 1);
}

int
if_create(const char *xname, char *err, size_t errlen)
{
	const struct if_kind *kind;
	size_t len = strcspn(xname, "0123456789");
	int error;

	ASSERT_CONTROL();
	if (strlen(xname) >= IFNAMSIZ_SMP) {
		snprintf(err, errlen, "%.40s: the name is longer than %d characters", xname, IFNAMSIZ_SMP - 1);
		return -EINVAL;
	}
	kind = if_kind_of(xname);
	if (kind == NULL || !unit_is_valid(xname + len)) {
		snprintf(err, errlen, "%s: %s", xname,
		    kind == NULL ? "no such kind of interface" : "a unit number is missing");
		return -EINVAL;
	}
	if (ifnet_by_name(xname) != NULL) {
		snprintf(err, errlen, "%s: exists already", xname);
		return -EEXIST;
	}
	err[0] = '\0';
	error = kind->create(xname, err, errlen);
	if (error != 0 && err[0] == '\0')
		snprintf(err, errlen, "%s: %s", xname, strerror(-error));
	return error;
}

int
if_destroy(struct ifnet *ifp, char *err, size_t errlen)
{
	int error;

	ASSERT_CONTROL();
	error = ifp->if_ops->destroy == NULL ? -EINVAL : ifp->if_ops->destroy(ifp);
	if (error != 0)
		snprintf(err, errlen, "%s: cannot be destroyed: %s", ifp->if_xname, strerror(-error));
	return error;
}

void
ifnet_destroy_all(void)
{
	struct ifnet *ifp, *next;

	ASSERT_CONTROL();
	ifnet_closing = true; /* a device that a helper thread is still starting comes too late */
	for (ifp = TAILQ_FIRST(&ifnet_list); ifp != NULL; ifp = next) {
		next = TAILQ_NEXT(ifp, if_list);
		if (ifp->if_ops->destroy == NULL || ifp->if_ops->destroy(ifp) != 0)
			if_detach(ifp, NULL);
	}
}
