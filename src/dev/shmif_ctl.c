/* SPDX-License-Identifier: BSD-2-Clause */
/* shmif as control sees it: created, attached to a segment, detached, watched. */
/*
 * Synchronization: control only, but for sc->att, which workers load.
 * Lifetime: an attachment is built completely, published, and closed on a helper thread a grace period after it was
 * replaced; the worker that reads is woken so that it waits on the new one.  The softc is freed by close, when the port
 * has left all workers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "cmd.h"
#include "dev/dev.h"
#include "dev/shmif_var.h"
#include "if/ifnet.h"

static LIST_HEAD(, shmif_softc) shmif_list; /* [c] */
static struct event *shmif_timer;	    /* [c] looks for segments that broke */

static struct shmif_att *
shmif_att_of(struct shmif_softc *sc)
{
	return atomic_load_explicit(&sc->att, memory_order_relaxed);
}

static void
att_close(void *arg)
{
	struct shmif_att *att = arg;

	if (att->bus != NULL)
		shmif_bus_close(att->bus); /* with its reader and writers */
	free(att);
}

static void
att_unheld(struct mp_deferred *d)
{
	struct shmif_att *att = (struct shmif_att *)((char *)d - offsetof(struct shmif_att, deferred));

	if (mp_helper_run(att_close, NULL, att) != 0)
		att_close(att);
}

static int
att_open(struct shmif_softc *sc, const char *path, struct shmif_att **attp, char *err, size_t errlen)
{
	struct shmif_att *att = lines_zalloc(sizeof(*att));
	int error;

	if (att == NULL) {
		snprintf(err, errlen, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	error = shmif_bus_open(path, SHMIF_BUS_CREATE, &att->bus, err, errlen);
	for (unsigned q = 0; error == 0 && q < sc->port->ntxq; q++)
		error = shmif_writer_open(att->bus, &att->writer[q], err, errlen);
	if (error == 0)
		error = shmif_reader_open(att->bus, false, true, att->writer[0], &att->reader, err, errlen);
	if (error != 0) {
		att_close(att);
		return error;
	}
	*attp = att;
	return 0;
}

/* Publishes att (NULL: none) in place of the one before. */
static void
att_publish(struct shmif_softc *sc, struct shmif_att *att)
{
	struct shmif_att *old = shmif_att_of(sc);
	struct epoll_event ev = {.events = EPOLLIN};

	ASSERT_CONTROL();
	if (old != NULL)
		epoll_ctl(sc->epfd, EPOLL_CTL_DEL, shmif_reader_fd(old->reader), NULL);
	if (att != NULL && epoll_ctl(sc->epfd, EPOLL_CTL_ADD, shmif_reader_fd(att->reader), &ev) != 0)
		mp_log(MP_LOG_ERR, "%s: frames will not wake us: %s", sc->port->name, strerror(errno));
	atomic_store_explicit(&sc->att, att, memory_order_release);
	if (old != NULL)
		mp_defer(&old->deferred, att_unheld);
	if (att != NULL)
		mp_wake(mp_workers[sc->port->rxworker[0]]); /* to arm the new reader */
}

static void
shmif_tick(evutil_socket_t fd, short what, void *arg)
{
	struct shmif_softc *sc;

	ASSERT_CONTROL();
	LIST_FOREACH (sc, &shmif_list, list) {
		struct shmif_att *att = shmif_att_of(sc);
		char err[256];

		if (att != NULL && shmif_bus_check(att->bus)) {
			mp_log(MP_LOG_ERR, "%s: %s: truncated, or no space left for it: link down", sc->port->name,
			    sc->linkstr);
			att_publish(sc, NULL);
			sc->lost = true;
			port_link_changed(sc->port);
		} else if (sc->lost && att_open(sc, sc->linkstr, &att, err, sizeof(err)) == 0) {
			mp_log(MP_LOG_INFO, "%s: %s: attached again", sc->port->name, sc->linkstr);
			sc->lost = false;
			att_publish(sc, att);
			port_link_changed(sc->port);
		}
	}
}

static int
shmif_set_linkstr(struct port *port, const char *linkstr, char *err, size_t errlen)
{
	struct shmif_softc *sc = port->priv;
	struct shmif_att *att = NULL;
	char *path = NULL;
	int error;

	ASSERT_CONTROL();
	if (linkstr != NULL) {
		char cwd[4096];

		if (linkstr[0] == '\0' || strpbrk(linkstr, "\n\r") != NULL) {
			snprintf(err, errlen, "%s: the name of the segment's file is %s", port->name,
			    linkstr[0] == '\0' ? "empty" : "two lines");
			return -EINVAL;
		}
		if (linkstr[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
			path = strdup(linkstr);
		else if (asprintf(&path, "%s/%s", cwd, linkstr) < 0)
			path = NULL;
		if (path == NULL) {
			snprintf(err, errlen, "%s: %s", port->name, strerror(ENOMEM));
			return -ENOMEM;
		}
		error = att_open(sc, path, &att, err, errlen);
		if (error != 0) {
			free(path);
			return error;
		}
		if (sc->media_none) { /* it can be opened: that is all for now */
			att_close(att);
			att = NULL;
		}
	}
	free(sc->linkstr);
	sc->linkstr = path;
	sc->lost = false;
	att_publish(sc, att);
	return 0;
}

static int
shmif_set_media(struct port *port, enum port_media media)
{
	struct shmif_softc *sc = port->priv;
	struct shmif_att *att = NULL;

	ASSERT_CONTROL();
	if (media == PORT_MEDIA_AUTO && sc->linkstr != NULL) {
		char err[256];
		int error = att_open(sc, sc->linkstr, &att, err, sizeof(err));

		if (error != 0) {
			mp_log(MP_LOG_ERR, "%s: %s", port->name, err);
			return error;
		}
	}
	sc->media_none = media == PORT_MEDIA_NONE;
	sc->lost = false;
	att_publish(sc, att);
	return 0;
}

static int
shmif_link(struct port *port, struct port_link *link)
{
	struct shmif_softc *sc = port->priv;

	link->up = shmif_att_of(sc) != NULL;
	return 0;
}

static int
shmif_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	return 0; /* every host on the wire sees every frame */
}

static int
shmif_rx_fd(struct port *port, uint16_t q)
{
	struct shmif_softc *sc = port->priv;

	return sc->epfd;
}

static void
shmif_status(struct port *port, void *json_object)
{
	struct shmif_softc *sc = port->priv;

	if (sc->linkstr != NULL)
		json_object_set_new(json_object, "linkstr", json_string(sc->linkstr));
	json_object_set_new(json_object, "drops", json_integer(mp_read(&port->qstats[0].rx_missed)));
}

static void
shmif_save(struct port *port, void (*line)(void *, const char *), void *arg)
{
	struct shmif_softc *sc = port->priv;
	char *text, *file = sc->linkstr != NULL ? cmd_quote(sc->linkstr) : NULL;

	if (asprintf(&text, "ifconfig %s create", port->name) >= 0) {
		line(arg, text);
		free(text);
	}
	if (file != NULL && asprintf(&text, "ifconfig %s linkstr %s", port->name, file) >= 0) {
		line(arg, text);
		free(text);
	}
	free(file);
}

/* => helper thread or control; no worker has the port any more, its interface is gone */
static void
shmif_close(struct port *port)
{
	struct shmif_softc *sc = port->priv;
	struct shmif_att *att = shmif_att_of(sc);

	if (att != NULL)
		att_close(att);
	close(sc->epfd);
	free(sc->linkstr);
	free(sc->bounce);
	free(sc);
}

/* => control; first thing of a detach: the timer must not see it any more */
static void
shmif_detaching(struct port *port)
{
	struct shmif_softc *sc = port->priv;

	ASSERT_CONTROL();
	LIST_REMOVE(sc, list);
}

static const struct port_ops shmif_ops = {
    .kind = "shmif",
    .detaching = shmif_detaching,
    .close = shmif_close,
    .rx_burst = shmif_rx_burst,
    .tx_burst = shmif_tx_burst,
    .tx_flush = shmif_tx_flush,
    .rx_fd = shmif_rx_fd,
    .rx_arm = shmif_rx_arm,
    .rx_disarm = shmif_rx_disarm,
    .link = shmif_link,
    .set_lladdr = shmif_set_lladdr,
    .set_media = shmif_set_media,
    .set_linkstr = shmif_set_linkstr,
    .status = shmif_status,
    .save = shmif_save,
};

int
shmif_create(const char *xname, char *err, size_t errlen)
{
	struct shmif_softc *sc = calloc(1, sizeof(*sc));
	struct port *port = calloc(1, sizeof(*port));
	int error = -ENOMEM;

	ASSERT_CONTROL();
	if (sc == NULL || port == NULL)
		goto fail;
	sc->bounce = lines_zalloc((mp_nworkers + 1) * sizeof(*sc->bounce));
	if (sc->bounce == NULL)
		goto fail;
	sc->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (sc->epfd < 0) {
		error = -errno;
		goto fail;
	}
	sc->port = port;
	port->ops = &shmif_ops;
	port->priv = sc;
	snprintf(port->name, sizeof(port->name), "%s", xname);
	port->lladdr[0] = 0xb2; /* locally administered */
	port->lladdr[1] = 0xa0;
	if (getrandom(port->lladdr + 2, 4, 0) != 4) {
		error = -errno;
		goto fail_epfd;
	}
	port->mtu_max = 9000;
	port->nrxq = 1;
	port->ntxq = mp_nworkers;
	port_place_queues(port);
	error = port_attach(port, xname, NULL);
	if (error != 0) {
		port_unplace_queues(port);
		goto fail_epfd;
	}
	LIST_INSERT_HEAD(&shmif_list, sc, list);
	return 0;
fail_epfd:
	close(sc->epfd);
fail:
	if (sc != NULL)
		free(sc->bounce);
	free(sc);
	free(port);
	snprintf(err, errlen, "%s: %s", xname, strerror(-error));
	return error;
}

int
shmif_init(void)
{
	const struct timeval second = {.tv_sec = 1};

	ASSERT_CONTROL();
	LIST_INIT(&shmif_list);
	shmif_timer = event_new(mp_base, -1, EV_PERSIST, shmif_tick, NULL);
	if (shmif_timer == NULL || event_add(shmif_timer, &second) != 0)
		return -ENOMEM;
	return 0;
}

void
shmif_fini(void)
{
	ASSERT_CONTROL();
	if (shmif_timer != NULL)
		event_free(shmif_timer);
	shmif_timer = NULL;
}
