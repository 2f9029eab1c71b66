/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal view: start, stop, and what comes from the event loop.
 *
 * Synchronization: control's alone.
 * Lifetime: from view_start to view_stop; the terminal's modes and standard error are as before after it, on every way out
 * (exit calls it too).
 */
#include <curses.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

#include "ipgen/live/view.h"

static struct view *view;

double
view_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
view_message(struct view *v, bool bad, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
	for (char *c = v->message; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	v->message_bad = bad;
	v->message_until = view_now() + (bad ? 15 : 5);
}

/* Nothing came in an interval that is long enough for something to come. */
static bool
view_silent(const struct trial_sample *s, unsigned dir)
{
	return s->second[dir].received == 0 && s->seconds >= 0.5;
}

uint64_t
view_lost(const struct trial_sample *s, unsigned dir)
{
	const struct trial_counts *c = &s->total[dir];
	uint64_t came = c->unique + c->unattributed;

	return view_silent(s, dir) && c->sent > came && c->sent - came > c->lost ? c->sent - came : c->lost;
}

uint64_t
view_lost_now(const struct trial_sample *s, unsigned dir)
{
	/* one that came late is counted back: less than nothing is nothing */
	int64_t lost = (int64_t)s->second[dir].lost;

	return view_silent(s, dir) ? s->second[dir].sent : lost > 0 ? (uint64_t)lost : 0;
}

static void
view_new_trial(struct view *v)
{
	memset(v->base_count, 0, sizeof(v->base_count));
	v->is_reset = v->was_counting = false;
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		v->latency_min[d] = v->latency_max[d] = 0;
}

static void
view_sample(void *arg, const struct trial_sample *s)
{
	struct view *v = arg;
	struct view_point *p = &v->point[v->npoints++ % VIEW_HISTORY];
	double seconds = s->seconds > 0 ? s->seconds : 1;

	if (!v->has_sample || s->at < v->last.at || s->total[0].sent < v->last.total[0].sent)
		view_new_trial(v);
	v->was_counting |= s->counting;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		const struct trial_latency *l = &s->latency[d];

		p->tx_pps[d] = (double)s->second[d].sent / seconds;
		p->rx_pps[d] = (double)s->second[d].received / seconds;
		p->rx_octets[d] = (double)s->second[d].received_octets / seconds;
		p->loss[d] = (double)view_lost_now(s, d) / seconds;
		p->p99[d] = l->n > 0 ? l->p99 : 0;
		if (l->n > 0 && (v->latency_max[d] == 0 || l->min < v->latency_min[d]))
			v->latency_min[d] = l->min;
		if (l->n > 0 && l->max > v->latency_max[d])
			v->latency_max[d] = l->max;
		if (v->off_pps[d] < 0)
			v->live->asked_pps[d] = s->asked_pps[d];
	}
	v->last = *s;
	v->last_at = view_now();
	v->has_sample = true;
	view_draw(v);
}

static void
view_log_line(struct view *v)
{
	v->partial[v->partial_len] = '\0';
	v->partial_len = 0;
	for (char *c = v->partial; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	snprintf(v->log_line[v->nlog++ % VIEW_LOGLINES], sizeof(v->log_line[0]), "%s", v->partial);
	view_message(v,
	    strstr(v->partial, "error") != NULL || strstr(v->partial, "warning") != NULL ||
		strstr(v->partial, "expected") != NULL,
	    "%s", v->partial);
}

/* What was written to standard error: a line of the message, kept for the end. */
static void
view_log(evutil_socket_t fd, short what, void *arg)
{
	struct view *v = arg;
	char buf[1024];
	ssize_t n;

	(void)what;
	for (int rounds = 0; rounds < 64 && (n = read(fd, buf, sizeof(buf))) > 0; rounds++) {
		size_t room = VIEW_REPLAY - v->replay_len;

		memcpy(v->replay + v->replay_len, buf, (size_t)n < room ? (size_t)n : room);
		v->replay_len += (size_t)n < room ? (size_t)n : room;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n')
				view_log_line(v);
			else if (v->partial_len < sizeof(v->partial) - 1)
				v->partial[v->partial_len++] = buf[i];
		}
	}
}

static void
view_input(evutil_socket_t fd, short what, void *arg)
{
	struct view *v = arg;
	int key, n = 0;

	(void)what;
	while ((key = getch()) != ERR && n < 256) {
		n++;
		view_key(v, key);
		if (view == NULL)
			return;
	}
	/* readable, and nothing to read: the terminal is gone */
	if (n == 0) {
		int waiting = 0;

		if (ioctl(fd, FIONREAD, &waiting) != 0 || (waiting == 0 && tcgetpgrp(fd) < 0)) {
			event_del(v->input);
			trial_stop(true);
			return;
		}
	}
	view_draw(v);
}

static void
view_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	view_draw(arg);
}

static void
view_winch(evutil_socket_t fd, short what, void *arg)
{
	struct view *v = arg;
	struct winsize size;

	(void)fd;
	(void)what;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
	view_draw(v);
}

/* After a stop that was not ours: the shell has had the terminal. */
static void
view_cont(evutil_socket_t fd, short what, void *arg)
{
	reset_prog_mode();
	view_winch(fd, what, arg);
}

void
view_suspend(struct view *v)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, old;

	endwin();
	sigaction(SIGTSTP, &dfl, &old);
	kill(0, SIGTSTP);
	sigaction(SIGTSTP, &old, NULL);
	view_winch(-1, 0, v);
}

static int
view_redirect(struct view *v)
{
	int p[2];

	v->replay = malloc(VIEW_REPLAY);
	if (v->replay == NULL || pipe2(p, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	fflush(stderr);
	v->err_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (v->err_saved < 0 || dup2(p[1], STDERR_FILENO) < 0) {
		int error = -errno;

		if (v->err_saved >= 0)
			close(v->err_saved);
		v->err_saved = -1;
		close(p[0]);
		close(p[1]);
		return error;
	}
	close(p[1]);
	v->err_pipe = p[0];
	return 0;
}

static void
view_redirect_end(struct view *v)
{
	if (v->err_pipe >= 0) {
		fflush(stderr);
		view_log(v->err_pipe, 0, v);
	}
	if (v->err_saved >= 0) {
		dup2(v->err_saved, STDERR_FILENO);
		close(v->err_saved);
		/* as much of the log as was kept, now that it tears nothing */
		for (size_t at = 0; at < v->replay_len;) {
			ssize_t n = write(STDERR_FILENO, v->replay + at, v->replay_len - at);

			if (n <= 0)
				break;
			at += (size_t)n;
		}
	}
	if (v->err_pipe >= 0)
		close(v->err_pipe);
	free(v->replay);
}

static void
view_colours(struct view *v)
{
	const char *no = getenv("NO_COLOR");

	if ((no != NULL && no[0] != '\0') || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	init_pair(PAIR_BAD, COLOR_RED, -1);
	init_pair(PAIR_GOOD, COLOR_GREEN, -1);
	init_pair(PAIR_HEAD, COLOR_CYAN, -1);
	init_pair(PAIR_WARN, COLOR_YELLOW, -1);
	init_pair(PAIR_PLOT, COLOR_BLUE, -1);
	init_pair(PAIR_DIM, COLORS > 8 ? 8 : -1, -1);
	v->colour = true;
}

static int
view_screen(struct view *v, char *err, size_t errlen)
{
	const char *term = getenv("TERM");
	int found;

	v->tty = STDIN_FILENO;
	if (!isatty(STDOUT_FILENO)) {
		snprintf(err, errlen, "standard output is no terminal: --nocurses");
		return -ENOTTY;
	}
	if (!isatty(STDIN_FILENO)) {
		v->tty_stream = fopen("/dev/tty", "r+e");
		if (v->tty_stream == NULL) {
			snprintf(err, errlen, "keys: /dev/tty: %s: --nocurses", strerror(errno));
			return -ENOTTY;
		}
		v->tty = fileno(v->tty_stream);
	}
	if (term == NULL || term[0] == '\0' || setupterm(NULL, STDOUT_FILENO, &found) == ERR) {
		snprintf(err, errlen, "TERM=%.40s: no such terminal is known: --nocurses", term != NULL ? term : "");
		return -ENOENT;
	}
	found = cursor_address != NULL;
	del_curterm(cur_term);
	if (!found) {
		snprintf(err, errlen, "TERM=%.40s: this terminal cannot place its cursor: --nocurses", term);
		return -ENOTTY;
	}
	if (tcgetattr(v->tty, &v->termios) != 0) {
		snprintf(err, errlen, "terminal: %s", strerror(errno));
		return -errno;
	}
	setlocale(LC_CTYPE, "");
	v->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	v->screen = newterm(NULL, stdout, v->tty_stream != NULL ? v->tty_stream : stdin);
	if (v->screen == NULL) {
		snprintf(err, errlen, "TERM=%.40s: the terminal cannot be set up: --nocurses", term);
		return -ENOTTY;
	}
	set_escdelay(25);
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	view_colours(v);
	return 0;
}

static void
view_free(struct view *v)
{
	struct event *events[] = {v->input, v->tick, v->winch, v->cont, v->log};

	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
	trial_unobserve(view_sample, v);
	if (v->screen != NULL) {
		clear();
		refresh();
		endwin();
		delscreen(v->screen);
		tcsetattr(v->tty, TCSADRAIN, &v->termios);
	}
	view_redirect_end(v);
	if (v->tty_stream != NULL)
		fclose(v->tty_stream);
	v->live->view = false;
	free(v);
}

void
view_stop(void)
{
	struct view *v = view;

	view = NULL;
	if (v != NULL)
		view_free(v);
}

int
view_start(struct live *live, struct event_base *base, char *err, size_t errlen)
{
	static bool at_exit;
	const struct timeval quarter = {.tv_usec = 250000};
	struct view *v = calloc(1, sizeof(*v));
	int rc;

	if (v == NULL) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	v->live = live;
	v->base = base;
	v->err_saved = v->err_pipe = -1;
	v->selected = live->dirs > 1 ? 3 : 1;
	v->unit = RATE_PPS;
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		v->off_pps[d] = -1;
	rc = view_screen(v, err, errlen);
	if (rc != 0)
		goto fail;
	rc = view_redirect(v);
	if (rc != 0) {
		snprintf(err, errlen, "standard error: %s", strerror(-rc));
		goto fail;
	}
	v->input = event_new(base, v->tty, EV_READ | EV_PERSIST, view_input, v);
	v->tick = event_new(base, -1, EV_PERSIST, view_tick, v);
	v->winch = evsignal_new(base, SIGWINCH, view_winch, v);
	v->cont = evsignal_new(base, SIGCONT, view_cont, v);
	v->log = event_new(base, v->err_pipe, EV_READ | EV_PERSIST, view_log, v);
	if (v->input == NULL || v->tick == NULL || v->winch == NULL || v->cont == NULL || v->log == NULL ||
	    event_add(v->input, NULL) != 0 || event_add(v->tick, &quarter) != 0 || event_add(v->winch, NULL) != 0 ||
	    event_add(v->cont, NULL) != 0 || event_add(v->log, NULL) != 0) {
		snprintf(err, errlen, "out of memory");
		rc = -ENOMEM;
		goto fail;
	}
	rc = trial_observe(view_sample, v);
	if (rc != 0) {
		snprintf(err, errlen, "too many views");
		goto fail;
	}
	if (!at_exit)
		atexit(view_stop);
	at_exit = true;
	live->view = true;
	view = v;
	view_draw(v);
	return 0;
fail:
	view_free(v);
	return rc;
}
