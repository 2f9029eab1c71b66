/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: what other folders may use of src/dev. */
#ifndef SMPNET_DEV_H
#define SMPNET_DEV_H

#include <stdbool.h>
#include <stddef.h>

/* => control, at start and at the end; 0 or -errno */
int dev_init(void);
void dev_fini(void);

/* "ifconfig NAME create" of the kinds that are ports => control; 0 or -errno with err filled */
int shmif_create(const char *xname, char *err, size_t errlen);
int tap_create(const char *xname, char *err, size_t errlen);

/*
 * => control; takes a DPDK device in: "net_pcap0,rx_pcap=F,infinite_rx=1", "0000:03:00.0".  queues 0: as many as workers
 * where the device has them; ifname NULL: by the device (pcap0).  -errno if it could not even begin (-EBUSY: attached
 * already, -EEXIST: the name is taken, -EINVAL); else 0, and done runs on control: ifp, or a negative error and a line
 * that says why.
 */
struct ifnet;
int ethdev_attach(const char *devstr, unsigned queues, const char *ifname,
    void (*done)(void *arg, struct ifnet *, int error, const char *msg), void *arg);

/*
 * dev_attach_ctl.c => control; takes a device in: a Linux interface, "gen0,..." or what ethdev_attach takes; ifname NULL:
 * chosen by the kind of device; queues 0: as many as workers; via "xdp", "packet" or NULL; take: although Linux uses it.
 * -errno with err filled if it could not even begin; else 0, and done runs on control: ifp, or a negative error and a line
 * that says why.
 */
struct dev_attach_spec {
	const char *device, *ifname, *via;
	unsigned queues;
	bool take;
};
typedef void dev_attached_fn(void *arg, struct ifnet *, int error, const char *msg);
int dev_attach_device(const struct dev_attach_spec *, dev_attached_fn *done, void *arg, char *err, size_t errlen);

/* dev_capture_ctl.c => control */
int dev_capture_init(void);
void dev_capture_fini(void);

#endif
