/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet: the connection, calls and batches. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "smpnet_impl.h"

#define READ_SIZE   (64 * 1024)
#define BATCH_LINE  (256 * 1024)  /* octets in one line of a batch */
#define BATCH_COUNT 128		  /* requests in one line of a batch */
#define BATCH_AHEAD (1024 * 1024) /* octets of further lines waiting to be sent */

static _Thread_local char connect_error[640];

const char *
smpnet_connect_error(void)
{
	return connect_error;
}

static struct smpnet *
connect_failed(int fd, int err, const char *url, const char *why)
{
	if (fd >= 0)
		close(fd);
	snprintf(connect_error, sizeof(connect_error), "%s: %s%s", url, why != NULL ? why : strerror(err),
	    why == NULL && (err == ENOENT || err == ECONNREFUSED) ? " (is smpnetd running?)" : "");
	errno = err;
	return NULL;
}

struct smpnet *
smpnet_connect(const char *url)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct smpnet *s;
	const char *path;
	bool shared = false;
	int fd, rc;

	if (url == NULL)
		url = getenv("SMPNET_SERVER");
	if (url == NULL || *url == '\0') {
		url = smpnet_default_url();
		shared = strncmp(url, "unix:///tmp/", 12) == 0;
	}
	rc = smpnet_url_path(url, &path);
	if (rc == -EINVAL)
		return connect_failed(-1, EINVAL, url, "not a URL of a control socket (unix://PATH)");
	if (rc != 0)
		return connect_failed(-1, -rc, url, "the path is too long for a socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return connect_failed(fd, errno, url, NULL);
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		if (errno != EINTR)
			return connect_failed(fd, errno, url, NULL);
	/* Anybody may make a socket in /tmp. */
	if (shared &&
	    (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || (peer.uid != geteuid() && peer.uid != 0)))
		return connect_failed(fd, EPERM, url, "the daemon there is another user's");
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return connect_failed(fd, errno, url, NULL);
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->url = strdup(url)) == NULL) {
		free(s);
		return connect_failed(fd, ENOMEM, url, NULL);
	}
	s->fd = fd;
	TAILQ_INIT(&s->streams);
	return s;
}

void
smpnet_close(struct smpnet *s)
{
	if (s == NULL)
		return;
	s->failed = -ECONNRESET; /* streams need not be stopped one by one */
	while (!TAILQ_EMPTY(&s->streams))
		smpnet_stream_close(TAILQ_FIRST(&s->streams));
	close(s->fd);
	free(s->in);
	free(s->out);
	free(s->url);
	free(s);
}

const char *
smpnet_url(const struct smpnet *s)
{
	return s->url;
}

int
smpnet_fd(const struct smpnet *s)
{
	return s->fd;
}

const char *
smpnet_error(const struct smpnet *s)
{
	return s->message;
}

int
smpnet_errno(const struct smpnet *s)
{
	return s->err;
}

const char *
smpnet_errname(const struct smpnet *s)
{
	return s->errname;
}

int
smpnet_error_code(const struct smpnet *s)
{
	return s->code;
}

int
smpnet_fail(struct smpnet *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->message, sizeof(s->message), fmt, ap);
	va_end(ap);
	s->err = err;
	s->code = 0;
	snprintf(s->errname, sizeof(s->errname), "%s", smpnet_errno_name(err));
	return -err;
}

/* The connection is of no use any more. */
static int
smpnet_broken(struct smpnet *s, int err)
{
	if (err == EPIPE)
		err = ECONNRESET;
	s->failed = -err;
	return smpnet_fail(s, err, "%s: %s", s->url, err == ECONNRESET ? "the daemon has gone" : strerror(err));
}

int
smpnet_queue(struct smpnet *s, const char *text, size_t len)
{
	if (s->out_start == s->out_end)
		s->out_start = s->out_end = 0;
	if (s->out_end + len > s->out_cap) {
		size_t waiting = s->out_end - s->out_start, cap = 2 * (waiting + len) + 4096;
		char *p = malloc(cap);

		if (p == NULL)
			return smpnet_fail(s, ENOMEM, "%s", strerror(ENOMEM));
		if (waiting != 0)
			memcpy(p, s->out + s->out_start, waiting);
		free(s->out);
		s->out = p;
		s->out_cap = cap;
		s->out_start = 0;
		s->out_end = waiting;
	}
	memcpy(s->out + s->out_end, text, len);
	s->out_end += len;
	return 0;
}

static int
smpnet_send(struct smpnet *s)
{
	while (s->out_start < s->out_end) {
		ssize_t n = send(s->fd, s->out + s->out_start, s->out_end - s->out_start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		s->out_start += (size_t)n;
	}
	return 0;
}

/* => 1: something came, 0: nothing there, -errno */
static int
smpnet_read(struct smpnet *s)
{
	size_t used = s->in_end - s->in_start;
	ssize_t n;

	if (s->in_cap - s->in_end < READ_SIZE) {
		if (s->in_start != 0 && s->in_start >= used) {
			memcpy(s->in, s->in + s->in_start, used);
		} else {
			size_t cap = 2 * used + 2 * READ_SIZE;
			char *p = malloc(cap);

			if (p == NULL)
				return -ENOMEM;
			if (used != 0)
				memcpy(p, s->in + s->in_start, used);
			free(s->in);
			s->in = p;
			s->in_cap = cap;
		}
		s->in_scan -= s->in_start;
		s->in_start = 0;
		s->in_end = used;
	}
	do
		n = recv(s->fd, s->in + s->in_end, s->in_cap - s->in_end, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	s->in_end += (size_t)n;
	return 1;
}

/* The next whole message in memory: 1 with *msg, 0 if there is none, -EPROTO. */
static int
smpnet_parse(struct smpnet *s, json_t **msg)
{
	char *nl = s->in_scan < s->in_end ? memchr(s->in + s->in_scan, '\n', s->in_end - s->in_scan) : NULL;
	char *line = s->in + s->in_start;
	json_error_t error;

	if (nl == NULL) {
		s->in_scan = s->in_end;
		return 0;
	}
	s->in_start = s->in_scan = (size_t)(nl - s->in) + 1;
	*msg = json_loadb(line, (size_t)(nl - line), 0, &error);
	return *msg != NULL ? 1 : -EPROTO;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int
smpnet_receive(struct smpnet *s, json_t **msg, bool until_event, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	int rc;

	if (s->failed != 0)
		return smpnet_broken(s, -s->failed);
	for (;;) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		const char *method;
		int wait = -1;

		rc = smpnet_parse(s, msg);
		if (rc < 0)
			return smpnet_broken(s, -rc);
		if (rc > 0) {
			method = json_string_value(json_object_get(*msg, "method"));
			if (method == NULL)
				return 0;
			smpnet_stream_deliver(s, json_object_get(*msg, "params"), strcmp(method, "stream.end") == 0);
			json_decref(*msg);
			*msg = NULL;
			if (until_event)
				return -EAGAIN;
			continue;
		}
		if ((rc = smpnet_send(s)) != 0) {
			/* What the daemon said before it went may still be there. */
			if (smpnet_read(s) > 0)
				continue;
			return smpnet_broken(s, -rc);
		}
		if (s->out_start < s->out_end)
			p.events |= POLLOUT;
		if (timeout_ms >= 0) {
			int64_t left = end - now_ms();

			wait = left > 0 ? (int)left : 0;
		}
		rc = poll(&p, 1, wait);
		if (rc < 0 && errno == EINTR)
			return smpnet_fail(s, EINTR, "interrupted");
		if (rc < 0)
			return smpnet_broken(s, errno);
		if (rc == 0)
			return -ETIMEDOUT;
		if ((p.revents & ~POLLOUT) != 0) {
			rc = smpnet_read(s);
			if (rc < 0)
				return smpnet_broken(s, -rc);
		}
	}
}

/* => an answer, whatever signals come; the caller's request must be answered before the connection is used again */
static int
smpnet_receive_answer(struct smpnet *s, json_t **msg)
{
	int rc;

	do
		rc = smpnet_receive(s, msg, false, -1);
	while (rc == -EINTR);
	return rc;
}

int
smpnet_answer(struct smpnet *s, json_t *answer, json_t **result)
{
	json_t *error = json_object_get(answer, "error"), *value;
	const char *message, *name;

	if (result != NULL)
		*result = NULL;
	if (error == NULL) {
		value = json_object_get(answer, "result");
		if (value == NULL)
			return smpnet_fail(s, EPROTO, "the daemon's answer makes no sense");
		if (result != NULL)
			*result = json_incref(value);
		return 0;
	}
	message = json_string_value(json_object_get(error, "message"));
	name = json_string_value(json_object_get(json_object_get(error, "data"), "errno"));
	s->err = name != NULL ? smpnet_errno_value(name) : 0;
	if (s->err == 0)
		s->err = name != NULL ? EIO : EPROTO;
	s->code = (int)json_integer_value(json_object_get(error, "code"));
	snprintf(s->errname, sizeof(s->errname), "%s", name != NULL ? name : "");
	snprintf(s->message, sizeof(s->message), "%s", message != NULL ? message : strerror(s->err));
	return -s->err;
}

char *
smpnet_request_text(const char *method, json_t *params, json_int_t id)
{
	char *args = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL, *text = NULL;
	char idtext[40] = "";

	json_decref(params);
	if (params != NULL && args == NULL)
		return NULL;
	if (id != 0)
		snprintf(idtext, sizeof(idtext), "\"id\":%" JSON_INTEGER_FORMAT ",", id);
	if (asprintf(&text, "{\"jsonrpc\":\"2.0\",%s\"method\":\"%s\"%s%s}", idtext, method,
		args != NULL ? ",\"params\":" : "", args != NULL ? args : "") < 0)
		text = NULL;
	free(args);
	return text;
}

/* Queues a line of one request. */
static int
smpnet_request(struct smpnet *s, const char *method, json_t *params, json_int_t id)
{
	char *text = smpnet_request_text(method, params, id);
	size_t len;
	int rc;

	if (text == NULL)
		return smpnet_fail(s, ENOMEM, "%s", strerror(ENOMEM));
	len = strlen(text);
	if (len + 1 > SMPNET_MAXLINE) {
		free(text);
		return smpnet_fail(
		    s, EMSGSIZE, "%s: the request has %zu octets, more than %d", method, len, SMPNET_MAXLINE);
	}
	text[len] = '\n'; /* in place of the NUL */
	rc = smpnet_queue(s, text, len + 1);
	free(text);
	return rc;
}

int
smpnet_call(struct smpnet *s, const char *method, json_t *params, json_t **result)
{
	json_int_t id = ++s->last_id;
	json_t *answer;
	int rc;

	if (result != NULL)
		*result = NULL;
	rc = smpnet_request(s, method, params, id);
	if (rc != 0)
		return rc;
	for (;;) {
		json_t *aid;

		rc = smpnet_receive_answer(s, &answer);
		if (rc != 0)
			return rc;
		aid = json_object_get(answer, "id");
		if (json_integer_value(aid) == id || !json_is_integer(aid)) {
			rc = smpnet_answer(s, answer, result);
			json_decref(answer);
			return rc;
		}
		json_decref(answer);
	}
}

int
smpnet_notify(struct smpnet *s, const char *method, json_t *params)
{
	int rc = smpnet_request(s, method, params, 0);

	while (rc == 0 && s->out_start < s->out_end) {
		struct pollfd p = {.fd = s->fd, .events = POLLOUT};

		rc = smpnet_send(s);
		if (rc != 0)
			return smpnet_broken(s, -rc);
		if (s->out_start < s->out_end)
			poll(&p, 1, -1);
	}
	return rc;
}

/* Queues one line with as many of the requests from *next on as fit. */
static int
batch_line(struct smpnet *s, struct smpnet_request *req, size_t n, size_t *next, json_int_t base, size_t *answers)
{
	size_t size = 0, count = 0;
	int rc = 0;

	while (*next < n && count < BATCH_COUNT && size < BATCH_LINE && rc == 0) {
		struct smpnet_request *r = &req[*next];
		char *text = smpnet_request_text(r->method, r->params, base + (json_int_t)*next);
		size_t len = text != NULL ? strlen(text) : 0;

		r->params = NULL;
		if (text == NULL || len + 3 > SMPNET_MAXLINE) {
			r->error = text == NULL ? -ENOMEM : -EMSGSIZE;
			r->message = strdup(strerror(-r->error));
			if (text != NULL)
				smpnet_fail(s, EMSGSIZE, "%s: the request has %zu octets", r->method, len);
			free(text);
			(*next)++;
			continue;
		}
		if (size != 0 && size + len + 3 > SMPNET_MAXLINE) {
			/* Too long for this line: it begins the next one. */
			r->params = json_loadb(text, len, 0, NULL);
			if (r->params != NULL) {
				json_t *p = json_incref(json_object_get(r->params, "params"));

				json_decref(r->params);
				r->params = p;
			}
			free(text);
			break;
		}
		rc = smpnet_queue(s, size == 0 ? "[" : ",", 1);
		if (rc == 0)
			rc = smpnet_queue(s, text, len);
		free(text);
		size += len + 1;
		count++;
		(*next)++;
	}
	if (rc == 0 && size != 0)
		rc = smpnet_queue(s, "]\n", 2);
	*answers += count;
	return rc;
}

/* One answer of a batch to its request. */
static int
batch_answer(struct smpnet *s, json_t *answer, struct smpnet_request *req, size_t n, json_int_t base)
{
	json_t *aid = json_object_get(answer, "id");
	json_int_t i = json_integer_value(aid) - base;

	if (!json_is_integer(aid) || i < 0 || i >= (json_int_t)n)
		return smpnet_fail(s, EPROTO, "the daemon's answer makes no sense");
	req[i].error = smpnet_answer(s, answer, &req[i].result);
	if (req[i].error != 0)
		req[i].message = strdup(s->message);
	return 0;
}

int
smpnet_batch(struct smpnet *s, struct smpnet_request *req, size_t n)
{
	json_int_t base = s->last_id + 1;
	size_t next = 0, waiting = 0;
	json_t *msg, *answer;
	int rc = 0, first = 0;
	char *message = NULL;

	s->last_id += (json_int_t)n;
	for (size_t i = 0; i < n; i++) {
		req[i].result = NULL;
		req[i].message = NULL;
		req[i].error = -ECONNRESET; /* until it is answered */
	}
	while (rc == 0) {
		size_t i;

		while (rc == 0 && next < n && s->out_end - s->out_start < BATCH_AHEAD)
			rc = batch_line(s, req, n, &next, base, &waiting);
		if (rc != 0 || waiting == 0)
			break;
		rc = smpnet_receive_answer(s, &msg);
		if (rc != 0)
			break;
		if (!json_is_array(msg)) {
			rc = smpnet_answer(s, msg, NULL);
			rc = rc != 0 ? rc : smpnet_fail(s, EPROTO, "the daemon's answer makes no sense");
		}
		json_array_foreach (msg, i, answer) {
			if (rc == 0 && waiting != 0) {
				rc = batch_answer(s, answer, req, n, base);
				waiting--;
			}
		}
		json_decref(msg);
	}
	for (size_t i = 0; i < n; i++) {
		json_decref(req[i].params);
		req[i].params = NULL;
		if (req[i].error != 0 && first == 0 && rc == 0) {
			first = req[i].error;
			message = req[i].message;
		}
	}
	if (rc != 0)
		return rc;
	if (first != 0) {
		s->err = -first;
		s->code = first == -EPROTO ? s->code : -32000;
		snprintf(s->errname, sizeof(s->errname), "%s", first == -EPROTO ? "" : smpnet_errno_name(-first));
		snprintf(s->message, sizeof(s->message), "%s", message != NULL ? message : strerror(-first));
	}
	return first;
}

void
smpnet_batch_free(struct smpnet_request *req, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_decref(req[i].result);
		free(req[i].message);
		req[i].result = NULL;
		req[i].message = NULL;
	}
}
