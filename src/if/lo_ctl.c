/* SPDX-License-Identifier: BSD-2-Clause */
/* Loopback interfaces: lo0, made at start with its addresses, and further ones. */
#include "if/ifnet.h"
#include "if/if_var.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
lo_destroy(struct ifnet *ifp)
{
	if (strcmp(ifp->if_xname, "lo0") == 0)
		return -EPERM;
	if_detach(ifp, NULL);
	return 0;
}

static void
lo_save(struct ifnet *ifp, void (*line)(void *, const char *), void *arg)
{
	char text[64];

	if (strcmp(ifp->if_xname, "lo0") == 0)
		return; /* always there */
	snprintf(text, sizeof(text), "ifconfig %s create", ifp->if_xname);
	line(arg, text);
}

static const struct if_ops lo_ops = {
    .type = "loop",
    .transmit = lo_transmit,
    .destroy = lo_destroy,
    .save = lo_save,
};

/*
 * => control; 0, -EEXIST, -ENOSPC
 */
int
lo_create(const char *xname, char *err, size_t errlen)
{
	struct ifnet *ifp;
	int error;

	ASSERT_CONTROL();
	ifp = if_alloc(xname, IFT_SMP_LOOP);
	if (ifp == NULL) {
		snprintf(err, errlen, "no memory or no interface index left");
		return -ENOSPC;
	}
	ifp->if_ops = &lo_ops;
	ifp->if_flags = IFF_SMP_LOOPBACK | IFF_SMP_MULTICAST;
	ifp->if_mtu = LO_MTU;
	error = if_attach(ifp);
	if (error != 0) {
		snprintf(err, errlen, "%s: %s", xname, strerror(-error));
		if_free(ifp);
	}
	return error;
}

int
if_lo_create(void)
{
	static const struct {
		int family;
		const char *addr;
		uint8_t plen;
	} own[] = {{AF_INET6, "::1", 128}, {AF_INET6, "fe80::1", 64}, {AF_INET, "127.0.0.1", 8}};
	struct ifnet *ifp;
	char err[128];
	int error;

	ASSERT_CONTROL();
	error = lo_create("lo0", err, sizeof(err));
	if (error != 0)
		return error;
	ifp = ifnet_by_name("lo0");
	error = if_set_flags(ifp, IFF_SMP_UP, 0);
	for (unsigned i = 0; i < 3 && error == 0; i++) {
		struct ifaddr spec = {.ifa_family = own[i].family, .ifa_plen = own[i].plen, .ifa_flags = IFA_INTERNAL};

		inet_pton(own[i].family, own[i].addr, &spec.ifa_addr);
		error = if_addr_add(ifp, &spec);
	}
	return error;
}
