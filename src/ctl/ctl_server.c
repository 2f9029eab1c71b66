/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control server: accepts clients, reads lines, writes answers, and shares the control thread among the clients.
 *
 * Synchronization: control thread only.
 * Lifetime: a client is made by accept_cb and freed by client_free, from the run queue alone: methods and streams
 * may therefore hold its pointer during any call.
 *
 * Fairness: reading only fills buffers.  Requests run from the run queue, each client for CLIENT_BUDGET_US in turn and
 * all for TURN_BUDGET_US until the event loop gets a look at everything else.  A client that does not read its answers
 * gets no more requests run (CTL_OUT_HIGH), and is closed when that lasts (CTL_STALL_SEC).
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "mp/mp.h"
#include "smpnet.h"

#define CLIENT_BUDGET_US 500
#define TURN_BUDGET_US	 2000
#define READ_SIZE	 (64 * 1024)
#define READ_AHEAD	 (256 * 1024) /* with a whole line waiting, no more than this is read */
#define FD_RESERVE	 128	      /* descriptors that clients leave to the rest of the daemon */
#define FD_WANTED	 65536
#define ACCEPT_PAUSE_MS	 100
#define TICK_SEC	 1

struct event_base *ctl_base;
const char *ctl_server_url;

TAILQ_HEAD(ctl_clients, ctl_client);
static struct ctl_clients clients = TAILQ_HEAD_INITIALIZER(clients);	 /* [c] */
static struct ctl_clients run_queue = TAILQ_HEAD_INITIALIZER(run_queue); /* [c] */
static unsigned nclients, maxclients;					 /* [c] */
static size_t in_total, out_total;					 /* [c] octets in all clients' buffers */
static int listen_fd = -1;						 /* [c] */
static struct event *listen_ev, *pause_ev, *run_ev, *tick_ev;		 /* [c] */
static uint64_t started_ms;						 /* [c] */
static bool holding;							 /* [c] no clients for now */
static char *server_url;						 /* [c] */
static uint64_t longest_turn_us, turns;					 /* [c] */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
ctl_server_uptime_ms(void)
{
	return now_us() / 1000 - started_ms;
}

unsigned
ctl_server_clients(void)
{
	return nclients;
}

void
ctl_client_schedule(struct ctl_client *cl)
{
	ASSERT_CONTROL();
	if (cl->queued || run_ev == NULL || cl->fd < 0)
		return;
	cl->queued = true;
	TAILQ_INSERT_TAIL(&run_queue, cl, runq);
	if (!evtimer_pending(run_ev, NULL))
		event_add(run_ev, &(struct timeval){0, 0});
}

static void
accept_resume(void)
{
	if (listen_ev != NULL && !holding && nclients < maxclients) {
		evtimer_del(pause_ev);
		event_add(listen_ev, NULL);
	}
}

static void
client_free(struct ctl_client *cl)
{
	ASSERT_CONTROL();
	if (cl->queued)
		TAILQ_REMOVE(&run_queue, cl, runq);
	TAILQ_REMOVE(&clients, cl, list);
	nclients--;
	cl->queued = true; /* what the closing streams say is not scheduled any more */
	ctl_client_fini(cl);
	in_total -= cl->in_cap;
	out_total -= cl->out_counted;
	if (cl->rev != NULL)
		event_free(cl->rev);
	if (cl->wev != NULL)
		event_free(cl->wev);
	close(cl->fd);
	free(cl->in);
	free(cl);
	accept_resume();
}

/* The next whole line in the buffer, without its newline. */
static bool
client_line(struct ctl_client *cl, const char **line, size_t *len)
{
	char *nl = NULL;

	if (cl->in_scan < cl->in_end)
		nl = memchr(cl->in + cl->in_scan, '\n', cl->in_end - cl->in_scan);
	if (nl == NULL) {
		cl->in_scan = cl->in_end;
		return false;
	}
	*line = cl->in + cl->in_start;
	*len = (size_t)(nl - *line);
	cl->in_start = cl->in_scan = (size_t)(nl - cl->in) + 1;
	return true;
}

static bool
client_has_line(const struct ctl_client *cl)
{
	return cl->in_scan < cl->in_end && memchr(cl->in + cl->in_scan, '\n', cl->in_end - cl->in_scan) != NULL;
}

/* An unfinished line has reached the limit: answers once and skips the rest of it. */
static void
client_oversized(struct ctl_client *cl)
{
	if (cl->in_end - cl->in_start < CTL_MAXLINE)
		return;
	if (!cl->discarding)
		ctl_rpc_oversized(cl);
	cl->discarding = true;
	cl->in_start = cl->in_end = cl->in_scan = 0;
}

/* Runs the client's requests until its time is up.  => true if there is more to run */
static bool
client_requests(struct ctl_client *cl)
{
	uint64_t end = now_us() + CLIENT_BUDGET_US;
	const char *line;
	size_t len;

	for (unsigned n = 1; cl->req == NULL && (cl->broken || evbuffer_get_length(cl->out) <= CTL_OUT_HIGH); n++) {
		if (cl->batch != NULL) {
			ctl_rpc_batch_step(cl);
		} else if (client_line(cl, &line, &len)) {
			if (cl->discarding)
				cl->discarding = false;
			else
				ctl_rpc_line(cl, line, len);
		} else {
			client_oversized(cl);
			return false;
		}
		if (n % 8 == 0 && now_us() >= end)
			return true;
	}
	return false;
}

/* Nobody reads any more.  What was received is still carried out; its answers are thrown away. */
static void
client_break(struct ctl_client *cl)
{
	cl->broken = true;
	ctl_streams_close(cl);
}

static void
client_write(struct ctl_client *cl)
{
	size_t length = evbuffer_get_length(cl->out);

	if (cl->broken) {
		evbuffer_drain(cl->out, length);
	} else if (length != 0) {
		int n = evbuffer_write(cl->out, cl->fd);

		if (n > 0) {
			cl->out_moved_ms = now_us() / 1000;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			client_break(cl);
			evbuffer_drain(cl->out, evbuffer_get_length(cl->out));
		}
	} else {
		cl->out_moved_ms = now_us() / 1000;
	}
	length = evbuffer_get_length(cl->out);
	out_total += length - cl->out_counted;
	cl->out_counted = length;
	if (length == 0)
		event_del(cl->wev);
	else
		event_add(cl->wev, NULL);
}

/* After requests or I/O: what the client waits for next. */
static void
client_update(struct ctl_client *cl)
{
	size_t waiting = cl->in_end - cl->in_start;

	client_write(cl);
	if (out_total > CTL_OUT_TOTAL && cl->out_counted > CTL_OUT_HIGH) {
		mp_log(MP_LOG_WARNING, "control: answers waiting to be read take %zu octets: a client is closed",
		    out_total);
		cl->doomed = true;
	}
	if (!cl->eof && (waiting < READ_AHEAD ||
			    (cl->req == NULL && cl->batch == NULL && waiting < CTL_MAXLINE && !client_has_line(cl))))
		event_add(cl->rev, NULL);
	else
		event_del(cl->rev);
	if (cl->eof && cl->req == NULL && cl->batch == NULL && !client_has_line(cl) && cl->out_counted == 0 &&
	    TAILQ_EMPTY(&cl->streams))
		cl->doomed = true;
}

static void
run_cb(evutil_socket_t fd, short what, void *arg)
{
	uint64_t end = now_us() + TURN_BUDGET_US;
	struct ctl_client *cl;

	ASSERT_CONTROL();
	while ((cl = TAILQ_FIRST(&run_queue)) != NULL) {
		bool more = false;

		TAILQ_REMOVE(&run_queue, cl, runq);
		cl->queued = false;
		if (!cl->doomed) {
			more = client_requests(cl);
			client_update(cl);
			/* Blocked by its answers, which have gone out meanwhile. */
			if (!more && cl->req == NULL && evbuffer_get_length(cl->out) <= CTL_OUT_HIGH &&
			    (cl->batch != NULL || client_has_line(cl)))
				more = true;
		}
		if (cl->doomed)
			client_free(cl);
		else if (more && !cl->queued)
			ctl_client_schedule(cl);
		if (now_us() >= end)
			break;
	}
	if (!TAILQ_EMPTY(&run_queue) && !evtimer_pending(run_ev, NULL))
		event_add(run_ev, &(struct timeval){0, 0});
}

/* => false if there is no room and the client must go */
static bool
client_room(struct ctl_client *cl)
{
	size_t used = cl->in_end - cl->in_start, cap;
	char *p;

	if (cl->in_cap - cl->in_end >= READ_SIZE)
		return true;
	if (cl->in_start != 0) {
		memmove(cl->in, cl->in + cl->in_start, used);
		cl->in_scan -= cl->in_start;
		cl->in_end = used;
		cl->in_start = 0;
	}
	if (cl->in_cap - cl->in_end >= READ_SIZE)
		return true;
	cap = used < READ_SIZE ? 2 * READ_SIZE : 2 * used + READ_SIZE;
	if (in_total + cap - cl->in_cap > CTL_IN_TOTAL) {
		mp_log(MP_LOG_WARNING, "control: requests waiting take %zu octets: a client is closed", in_total);
		return false;
	}
	p = realloc(cl->in, cap);
	if (p == NULL)
		return false;
	in_total += cap - cl->in_cap;
	cl->in = p;
	cl->in_cap = cap;
	return true;
}

/* An idle client keeps no buffer. */
static void
client_shrink(struct ctl_client *cl)
{
	if (cl->in_start != cl->in_end || cl->in_cap == 0)
		return;
	in_total -= cl->in_cap;
	free(cl->in);
	cl->in = NULL;
	cl->in_start = cl->in_end = cl->in_scan = cl->in_cap = 0;
}

static void
client_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *cl = arg;
	ssize_t n;

	ASSERT_CONTROL();
	if (!client_room(cl)) {
		cl->doomed = true;
		event_del(cl->rev);
		ctl_client_schedule(cl);
		return;
	}
	n = read(fd, cl->in + cl->in_end, READ_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		cl->eof = true;
		event_del(cl->rev);
		/* Half closed (the other side still reads), or gone? */
		if (n < 0 || (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0))
			client_break(cl);
	} else {
		cl->in_end += (size_t)n;
	}
	ctl_client_schedule(cl);
}

static void
client_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *cl = arg;

	ASSERT_CONTROL();
	client_write(cl);
	if (evbuffer_get_length(cl->out) <= CTL_OUT_HIGH)
		ctl_client_schedule(cl);
}

/* Once a second: clients that block for too long, half-closed ones that have gone, buffers of idle ones. */
static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = now_us() / 1000;
	struct ctl_client *cl;

	ASSERT_CONTROL();
	TAILQ_FOREACH (cl, &clients, list) {
		if (cl->out_counted > CTL_OUT_HIGH && now - cl->out_moved_ms > CTL_STALL_SEC * 1000) {
			mp_log(MP_LOG_WARNING, "control: a client has not read its answers for %d s: closed",
			    CTL_STALL_SEC);
			cl->doomed = true;
		}
		if (cl->eof && !cl->broken) {
			struct pollfd p = {.fd = cl->fd, .events = POLLOUT};

			if (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0)
				client_break(cl);
			ctl_client_schedule(cl);
		}
		client_shrink(cl);
		if (cl->doomed)
			ctl_client_schedule(cl);
	}
}

static void
client_make(int fd)
{
	struct ctl_client *cl = calloc(1, sizeof(*cl));

	if (cl == NULL) {
		close(fd);
		return;
	}
	cl->fd = fd;
	ctl_client_init(cl);
	cl->rev = event_new(ctl_base, fd, EV_READ | EV_PERSIST, client_read_cb, cl);
	cl->wev = event_new(ctl_base, fd, EV_WRITE | EV_PERSIST, client_write_cb, cl);
	cl->out_moved_ms = now_us() / 1000;
	TAILQ_INSERT_TAIL(&clients, cl, list);
	nclients++;
	if (cl->out == NULL || cl->rev == NULL || cl->wev == NULL || event_add(cl->rev, NULL) != 0)
		client_free(cl);
}

static void
accept_pause(void)
{
	event_del(listen_ev);
	event_add(pause_ev, &(struct timeval){0, ACCEPT_PAUSE_MS * 1000});
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	ASSERT_CONTROL();
	for (unsigned n = 0; n < 64; n++) {
		int c;

		if (nclients >= maxclients) {
			mp_log(MP_LOG_WARNING, "control: %u clients: further ones wait", nclients);
			accept_pause();
			return;
		}
		c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (c >= 0) {
			client_make(c);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			mp_log(MP_LOG_WARNING, "control: accept: %s: further clients wait", strerror(errno));
			accept_pause();
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void
pause_cb(evutil_socket_t fd, short what, void *arg)
{
	if (holding || nclients < maxclients)
		accept_resume();
	else
		event_add(pause_ev, &(struct timeval){0, ACCEPT_PAUSE_MS * 1000});
}

/* => control; while held, clients wait to be accepted (the configuration file is being applied) */
void
ctl_server_hold(bool hold)
{
	holding = hold;
	if (hold && listen_ev != NULL)
		event_del(listen_ev);
	else
		accept_resume();
}

/* Descriptors for many clients, without asking. */
static void
raise_descriptors(void)
{
	struct rlimit rl;
	rlim_t limit;

	maxclients = 256;
	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	limit = rl.rlim_max == RLIM_INFINITY || rl.rlim_max > FD_WANTED ? FD_WANTED : rl.rlim_max;
	if (rl.rlim_cur < limit) {
		rl.rlim_cur = limit;
		if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
			getrlimit(RLIMIT_NOFILE, &rl);
	}
	limit = rl.rlim_cur > FD_WANTED ? FD_WANTED : rl.rlim_cur;
	maxclients = limit > 2 * FD_RESERVE ? (unsigned)(limit - FD_RESERVE) : FD_RESERVE;
}

/*
 * => the thread that will be control (the engine need not run yet: nobody is served before the event loop runs).
 * url: unix://PATH, NULL: the default; group: NULL, or whose members may connect too.  0 or -errno, reason logged
 */
int
ctl_start(struct event_base *base, const char *url, const char *group)
{
	const char *path;
	int rc;

	ctl_base = base;
	started_ms = now_us() / 1000;
	if (url == NULL)
		url = smpnet_default_url();
	rc = smpnet_url_path(url, &path);
	if (rc == -EINVAL) {
		mp_log(MP_LOG_ERR, "%s: not a URL of a control socket (unix://PATH)", url);
		return rc;
	}
	ctl_methods_init();
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	rc = ctl_socket_listen(path, group, &listen_fd);
	if (rc != 0)
		return rc;
	server_url = strdup(url);
	ctl_server_url = server_url;
	listen_ev = event_new(base, listen_fd, EV_READ | EV_PERSIST, accept_cb, NULL);
	pause_ev = evtimer_new(base, pause_cb, NULL);
	run_ev = evtimer_new(base, run_cb, NULL);
	tick_ev = event_new(base, -1, EV_PERSIST, tick_cb, NULL);
	if (server_url == NULL || listen_ev == NULL || pause_ev == NULL || run_ev == NULL || tick_ev == NULL ||
	    event_add(listen_ev, NULL) != 0 || event_add(tick_ev, &(struct timeval){TICK_SEC, 0}) != 0) {
		ctl_stop();
		return -ENOMEM;
	}
	return 0;
}

static uint64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
ctl_longest_turn_us(bool reset)
{
	uint64_t us = longest_turn_us;

	if (reset)
		longest_turn_us = 0;
	return us;
}

uint64_t
ctl_turns(void)
{
	return turns;
}

bool
ctl_loop_turn(void)
{
	static uint64_t before; /* [c] the processor's time at the end of the last turn */
	uint64_t now;

	if (event_base_loop(ctl_base, EVLOOP_ONCE) != 0 || event_base_got_break(ctl_base) ||
	    event_base_got_exit(ctl_base))
		return false;
	now = cpu_us();
	if (turns++ > 0 && now - before > longest_turn_us)
		longest_turn_us = now - before;
	before = now;
	return true;
}

void
ctl_loop(void)
{
	ASSERT_CONTROL();
	while (ctl_loop_turn())
		continue;
}

static void
event_gone(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

/* => control; nobody is served any more.  Answers that were given and fit the sockets' buffers still arrive. */
void
ctl_stop(void)
{
	const char *path;

	config_stop();
	event_gone(&listen_ev);
	event_gone(&pause_ev);
	event_gone(&tick_ev);
	event_gone(&run_ev);
	while (!TAILQ_EMPTY(&clients)) {
		struct ctl_client *cl = TAILQ_FIRST(&clients);

		client_write(cl);
		client_free(cl);
	}
	TAILQ_INIT(&run_queue);
	if (listen_fd >= 0) {
		if (server_url != NULL && smpnet_url_path(server_url, &path) == 0)
			ctl_socket_unlink(path);
		close(listen_fd);
		listen_fd = -1;
	}
	free(server_url);
	server_url = NULL;
	ctl_server_url = NULL;
}
