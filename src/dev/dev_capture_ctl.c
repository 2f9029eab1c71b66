/* SPDX-License-Identifier: BSD-2-Clause */
/* dev.capture: copies of an interface's frames as a stream of events. */
/*
 * Synchronization: control only.  Workers copy while the interface's if_capture is not 0; its class of punts has a rate
 * limit, so that a capture sees part of a flood and costs no more.
 * Lifetime: a capture lives as long as its stream; one whose interface is gone ends it at the next tick.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "dev/dev.h"
#include "dev/dev_methods.h"
#include "if/ifnet.h"
#include "pkt/pkt.h"

#define CAPTURE_RATE  20000
#define CAPTURE_BURST 512
#define SNAPLEN_MAX   9216

struct capture { /* [c] all */
	LIST_ENTRY(capture) list;
	struct ctl_stream *stream;
	uint16_t if_index;
	uint8_t if_gen;
	uint32_t snaplen;
};

static LIST_HEAD(, capture) captures = LIST_HEAD_INITIALIZER(captures); /* [c] */
static struct event *capture_tick;					/* [c] */

static struct ifnet *
capture_ifnet(const struct capture *cap)
{
	struct ifnet *ifp = ifnet_get(cap->if_index);

	return ifp != NULL && ifp->if_gen == cap->if_gen && !ifp->if_dead ? ifp : NULL;
}

static char *
base64(const uint8_t *p, size_t n, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = to;

	for (; n >= 3; n -= 3, p += 3) {
		*out++ = digits[p[0] >> 2];
		*out++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
		*out++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
		*out++ = digits[p[2] & 63];
	}
	if (n > 0) {
		unsigned second = n > 1 ? p[1] : 0;

		*out++ = digits[p[0] >> 2];
		*out++ = digits[(p[0] & 3) << 4 | second >> 4];
		*out++ = n > 1 ? digits[(second & 15) << 2] : '=';
		*out++ = '=';
	}
	*out = '\0';
	return to;
}

/* => control, for every copy that a worker made; takes it */
static void
capture_input(struct rte_mbuf *m)
{
	static uint8_t frame[SNAPLEN_MAX];
	static char text[(SNAPLEN_MAX + 2) / 3 * 4 + 1];
	const struct pktmeta *meta = pkt_meta(m);
	uint16_t index = meta->oif != 0 ? meta->oif : meta->iif;
	uint32_t len = rte_pktmbuf_pkt_len(m);
	struct timespec now;
	struct capture *cap, *next;

	ASSERT_CONTROL();
	clock_gettime(CLOCK_REALTIME, &now);
	for (cap = LIST_FIRST(&captures); cap != NULL; cap = next) {
		uint32_t n = RTE_MIN(cap->snaplen, len);
		const uint8_t *p;

		next = LIST_NEXT(cap, list); /* a stream may end while it is sent to */
		if (cap->if_index != index || capture_ifnet(cap) == NULL)
			continue;
		p = rte_pktmbuf_read(m, 0, n, frame);
		ctl_stream_send(
		    cap->stream, json_pack("{s:f,s:i,s:s,s:s}", "ts", now.tv_sec + now.tv_nsec / 1e9, "len", (int)len,
				     "dir", meta->oif != 0 ? "out" : "in", "data", base64(p, n, text)));
	}
	pkt_consume(mp_control(), m);
}

static void
capture_closed(void *arg)
{
	struct capture *cap = arg;
	struct ifnet *ifp = capture_ifnet(cap);

	ASSERT_CONTROL();
	if (ifp != NULL)
		ifp->if_capture--;
	LIST_REMOVE(cap, list);
	free(cap);
}

static void
capture_check(evutil_socket_t fd, short what, void *arg)
{
	struct capture *cap, *next;

	ASSERT_CONTROL();
	for (cap = LIST_FIRST(&captures); cap != NULL; cap = next) {
		next = LIST_NEXT(cap, list);
		if (capture_ifnet(cap) == NULL)
			ctl_stream_end(cap->stream, NULL);
	}
	if (LIST_EMPTY(&captures))
		event_del(capture_tick);
}

int
dev_capture(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "interface"));
	json_t *snaplen = json_object_get(params, "snaplen");
	json_int_t n = snaplen == NULL ? SNAPLEN_MAX : json_integer_value(snaplen);
	struct ifnet *ifp = ifnet_by_name(name);
	const struct timeval second = {.tv_sec = 1};
	struct capture *cap;

	ASSERT_CONTROL();
	if (ifp == NULL)
		return ctl_error(req, ENXIO, "%.64s: no such interface", name);
	if (n < 1)
		return ctl_error(req, EINVAL, "snaplen must be positive");
	cap = calloc(1, sizeof(*cap));
	if (cap == NULL)
		return -ENOMEM;
	cap->if_index = ifp->if_index;
	cap->if_gen = ifp->if_gen;
	cap->snaplen = n > SNAPLEN_MAX ? SNAPLEN_MAX : n;
	cap->stream = ctl_stream_open(req, capture_closed, cap);
	if (cap->stream == NULL) {
		free(cap);
		return ctl_error(req, EINVAL, "a capture needs a client");
	}
	LIST_INSERT_HEAD(&captures, cap, list);
	ifp->if_capture++;
	evtimer_add(capture_tick, &second);
	*result = ctl_stream_result(cap->stream);
	return 0;
}

int
dev_capture_init(void)
{
	ASSERT_CONTROL();
	capture_tick = event_new(mp_base, -1, EV_PERSIST, capture_check, NULL);
	if (capture_tick == NULL)
		return -ENOMEM;
	mp_punt_register(PUNT_CAPTURE, capture_input, CAPTURE_RATE, CAPTURE_BURST);
	return 0;
}

void
dev_capture_fini(void)
{
	struct capture *cap;

	ASSERT_CONTROL();
	while ((cap = LIST_FIRST(&captures)) != NULL) {
		LIST_REMOVE(cap, list);
		free(cap);
	}
	if (capture_tick != NULL)
		event_free(capture_tick);
	capture_tick = NULL;
}
