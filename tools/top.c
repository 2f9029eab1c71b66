/* SPDX-License-Identifier: BSD-2-Clause */
/* top: rates of interfaces and workers on one screen, once a second; with -1 one plain table. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

struct sample {
	double when; /* seconds */
	json_t *interfaces, *workers, *drops, *info;
};

static struct termios saved;
static bool raw, screen;
static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

static void
screen_leave(void)
{
	if (screen)
		printf("\033[?25h\033[?1049l");
	fflush(stdout);
	screen = false;
}

static void
terminal_restore(void)
{
	if (!raw)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	raw = false;
}

/* Keys without Enter, on the alternate screen without a cursor. */
static void
terminal_prepare(void)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
		return;
	t = saved;
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_cc[VINTR] = _POSIX_VDISABLE; /* ^C is a key: it ends top, and not what called it */
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
	atexit(terminal_restore);
}

/* A call whose failure is told on the ordinary screen. */
static json_t *
ask(const char *method)
{
	json_t *result;

	if (smpnet_call(tool_server(), method, NULL, &result) != 0) {
		screen_leave();
		tool_fail(1, "%s", smpnet_error(tool_server()));
	}
	return result;
}

static void
sample_take(struct sample *s)
{
	struct timespec ts;

	s->interfaces = ask("if.list");
	s->workers = ask("stats.workers");
	s->drops = ask("stats.drops");
	s->info = ask("daemon.info");
	clock_gettime(CLOCK_MONOTONIC, &ts);
	s->when = ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
sample_free(struct sample *s)
{
	json_decref(s->interfaces);
	json_decref(s->workers);
	json_decref(s->drops);
	json_decref(s->info);
	memset(s, 0, sizeof(*s));
}

/* The element of a list with the same member as o. */
static const json_t *
match(const json_t *list, const char *member, const json_t *o)
{
	const json_t *e;
	size_t i;

	json_array_foreach (list, i, e)
		if (json_equal(json_object_get(e, member), json_object_get(o, member)))
			return e;
	return NULL;
}

/* How fast a counter grew; 0 without an earlier sample (or after -z). */
static double
rate(const json_t *now, const json_t *was, const char *member, double seconds)
{
	long long d = was != NULL ? jint(now, member) - jint(was, member) : 0;

	return d > 0 && seconds > 0 ? d / seconds : 0;
}

/* At most seven columns: 999, 1.23k, 45.6M. */
static const char *
scaled(double v, char buf[16])
{
	static const char units[] = " kMGTP";
	int u = 0;

	while (v >= 999.5 && u < 5) {
		v /= 1000;
		u++;
	}
	if (u == 0)
		snprintf(buf, 16, "%.0f", v);
	else
		snprintf(buf, 16, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[u]);
	return buf;
}

static void
line(int *rows, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (*rows <= 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%s%s\n", text, raw || isatty(STDOUT_FILENO) ? "\033[K" : "");
	(*rows)--;
}

static void
draw(const struct sample *now, const struct sample *was, int rows, bool live)
{
	double seconds = was != NULL ? now->when - was->when : 0;
	const json_t *o;
	char a[16], b[16], c[16], d[16], e[16];
	long long up = jint(now->info, "uptime_ms") / 1000;
	size_t i, shown;
	int keep;

	line(&rows, "smpnet %s  pid %lld  %lld worker%s  up %lld:%02lld:%02lld  %s", jstr(now->info, "version"),
	    jint(now->info, "pid"), jint(now->info, "workers"), jint(now->info, "workers") == 1 ? "" : "s", up / 3600,
	    up / 60 % 60, up % 60, live ? "q quits" : "");
	line(&rows, "");
	line(&rows, "%-12s %-6s %9s %9s %9s %9s %9s %9s", "interface", "link", "in pkt/s", "in bit/s", "out pkt/s",
	    "out bit/s", "errors/s", "drops/s");
	keep = (int)json_array_size(now->workers) + 3;
	shown = 0;
	json_array_foreach (now->interfaces, i, o) {
		const json_t *w = was != NULL ? json_object_get(match(was->interfaces, "name", o), "stats") : NULL;
		const json_t *s = json_object_get(o, "stats");
		const char *link = jstr(o, "linkstate");

		if ((jint(o, "flags") & 1) == 0)
			link = "off";
		else if (strcmp(link, "unknown") == 0)
			link = "-";

		if (live && rows <= keep + 1 && shown + 1 < json_array_size(now->interfaces)) {
			line(&rows, "... %zu more", json_array_size(now->interfaces) - shown);
			break;
		}
		line(&rows, "%-12.12s %-6.6s %9s %9s %9s %9s %9s %9.9s", jstr(o, "name"), link,
		    scaled(rate(s, w, "ipackets", seconds), a), scaled(rate(s, w, "ibytes", seconds) * 8, b),
		    scaled(rate(s, w, "opackets", seconds), c), scaled(rate(s, w, "obytes", seconds) * 8, d),
		    scaled(rate(s, w, "ierrors", seconds) + rate(s, w, "oerrors", seconds), e),
		    scaled(rate(s, w, "idrops", seconds) + rate(s, w, "odrops", seconds), (char[16]){0}));
		shown++;
	}
	line(&rows, "");
	line(&rows, "%-12s %-6s %9s %9s %9s %9s %9s %9s", "worker", "state", "in pkt/s", "out pkt/s", "busy %",
	    "cyc/pkt", "loops/s", "buffers");
	json_array_foreach (now->workers, i, o) {
		const json_t *w = was != NULL ? match(was->workers, "id", o) : NULL;
		double packets = rate(o, w, "received", seconds), cycles = rate(o, w, "busy_cycles", seconds);
		double hz = json_number_value(json_object_get(o, "tsc_hz"));
		char cpu[24];

		if (json_is_integer(json_object_get(o, "cpu")) && jint(o, "cpu") >= 0)
			snprintf(cpu, sizeof(cpu), "%lld (cpu %lld)", jint(o, "id"), jint(o, "cpu"));
		else
			snprintf(cpu, sizeof(cpu), "%lld", jint(o, "id"));
		snprintf(d, sizeof(d), "%.1f", hz > 0 ? fmin(100, cycles / hz * 100) : 0);
		snprintf(e, sizeof(e), "%.0f", packets >= 1 ? cycles / packets : 0);
		line(&rows, "%-12s %-6s %9s %9s %9s %9s %9s %9lld", cpu, jbool(o, "asleep") ? "asleep" : "awake",
		    scaled(packets, a), scaled(rate(o, w, "transmitted", seconds), b), d, packets >= 1 ? e : "-",
		    scaled(rate(o, w, "loops", seconds), c), jint(o, "pool_free"));
	}
	line(&rows, "");
	shown = 0;
	json_array_foreach (now->drops, i, o) {
		const json_t *w = was != NULL ? match(was->drops, "name", o) : NULL;

		if (jint(o, "value") == 0)
			continue;
		if (shown++ == 0)
			line(&rows, "%12s %9s  dropped", "in all", "per s");
		line(&rows, "%12lld %9s  %.55s", jint(o, "value"), scaled(rate(o, w, "value", seconds), a),
		    jstr(o, "text"));
	}
}

/* => the rows for the tables: what the terminal has, less those that the note below them takes */
static int
screen_rows(const char *note)
{
	struct winsize w;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 2 && w.ws_col > 0;
	int rows = known ? w.ws_row - 1 : 23, columns = known ? w.ws_col : 80;

	for (const char *s = note; s != NULL; s = strchr(s, '\n') != NULL ? strchr(s, '\n') + 1 : NULL)
		rows -= 1 + ((int)strcspn(s, "\n") - 1) / columns;
	return rows > 3 ? rows - (note != NULL) : 3;
}

static void
draw_note(const char *note)
{
	printf("\033[K\n");
	for (; *note != '\0'; note += strcspn(note, "\n") + (strchr(note, '\n') != NULL))
		printf("%.*s\033[K\n", (int)strcspn(note, "\n"), note);
}

/* => true if somebody wants to leave */
static bool
pause_or_key(double seconds)
{
	struct pollfd pfd = {.fd = raw ? STDIN_FILENO : -1, .events = POLLIN};
	struct timespec start, now;
	char key;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		double left;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left = seconds - ((now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9);
		if (interrupted)
			return true;
		if (left <= 0)
			return false;
		if (poll(&pfd, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3)
			return true;
	}
}

int
top_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), once = json, first = true, quit = false;
	struct sigaction sa = {.sa_handler = on_interrupt};
	struct sample now, was;
	const char *note = NULL;
	double delay = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-1") == 0)
			once = true;
		else if (strcmp(argv[i], "-d") == 0 && i + 1 < argc)
			delay = tool_seconds("delay", argv[++i]);
		else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
			note = argv[++i];
		else
			tool_usage();
	}
	if (delay < 0.1)
		tool_fail(1, "bad delay: at least 0.1 s");
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sample_take(&was);
	if (once) {
		pause_or_key(delay);
		sample_take(&now);
		if (json)
			tool_print_json(json_pack("{s:f, s:O, s:O, s:O, s:O, s:O, s:O}", "seconds", now.when - was.when,
			    "interfaces", now.interfaces, "workers", now.workers, "drops", now.drops,
			    "interfaces_before", was.interfaces, "workers_before", was.workers, "info", now.info));
		else
			draw(&now, &was, 1 << 20, false);
		sample_free(&was);
		sample_free(&now);
		return 0;
	}
	terminal_prepare();
	printf("\033[?1049h\033[?25l");
	screen = true;
	while (!quit) {
		if (!first)
			sample_take(&now);
		printf("\033[H");
		draw(first ? &was : &now, first ? NULL : &was, screen_rows(note), true);
		if (note != NULL)
			draw_note(note);
		printf("\033[J");
		fflush(stdout);
		quit = pause_or_key(first ? fmin(delay, 0.3) : delay);
		if (!first) {
			sample_free(&was);
			was = now;
		}
		first = false;
	}
	sample_free(&was);
	screen_leave();
	return 0;
}
