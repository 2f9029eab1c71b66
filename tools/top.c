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
static volatile sig_atomic_t interrupted, resized;
static bool colour;	   /* bold headings: a terminal only */
static bool by_rate;	   /* interfaces: the busiest first */
static size_t scroll;	   /* interfaces above the first one shown */
static int columns = 4096; /* longer lines are cut */

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

static void
on_resize(int sig)
{
	resized = sig;
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

/* The element of a list with the same member as o, most often where o is in its own: thousands are found at once. */
static const json_t *
match(const json_t *list, const char *member, const json_t *o, size_t place)
{
	const json_t *e = json_array_get(list, place);
	size_t i;

	if (e != NULL && json_equal(json_object_get(e, member), json_object_get(o, member)))
		return e;
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
	printf("%.*s%s\n", columns, text, screen ? "\033[K" : "");
	(*rows)--;
}

/* A line that stands above others */
static void
heading(int *rows, const char *text)
{
	if (*rows <= 0)
		return;
	printf("%s%.*s%s%s\n", colour ? "\033[1m" : "", columns, text, colour ? "\033[m" : "", screen ? "\033[K" : "");
	(*rows)--;
}

struct row {
	const json_t *o, *was;
	double weight;
	size_t place;
};

static int
row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* => n rows for the members of a list, the busiest first if asked for; the caller frees them */
static struct row *
rows_make(const json_t *now, const json_t *was, const char *member,
    double (*weigh)(const json_t *, const json_t *, double), double seconds, bool sort)
{
	struct row *list = calloc(json_array_size(now) + 1, sizeof(*list));
	const json_t *o;
	size_t i;

	if (list == NULL)
		tool_fail(1, "%s", strerror(ENOMEM));
	json_array_foreach (now, i, o) {
		list[i] = (struct row){.o = o, .was = was != NULL ? match(was, member, o, i) : NULL, .place = i};
		list[i].weight = weigh(o, list[i].was, seconds);
	}
	if (sort)
		qsort(list, json_array_size(now), sizeof(*list), row_compare);
	return list;
}

static double
weigh_interface(const json_t *o, const json_t *was, double seconds)
{
	const json_t *s = json_object_get(o, "stats"), *w = json_object_get(was, "stats");

	return rate(s, w, "ipackets", seconds) + rate(s, w, "opackets", seconds);
}

static double
weigh_drop(const json_t *o, const json_t *was, double seconds)
{
	return rate(o, was, "value", seconds);
}

static void
draw_interfaces(const struct sample *now, const struct sample *was, double seconds, int *rows, int keep)
{
	size_t n = json_array_size(now->interfaces), shown = 0;
	struct row *list =
	    rows_make(now->interfaces, was != NULL ? was->interfaces : NULL, "name", weigh_interface, seconds, by_rate);
	char a[16], b[16], c[16], d[16], e[16], f[16];

	if (scroll >= n)
		scroll = n > 0 ? n - 1 : 0;
	if (scroll > 0)
		line(rows, "... %zu above", scroll);
	for (size_t i = scroll; i < n; i++) {
		const json_t *o = list[i].o, *s = json_object_get(o, "stats"),
			     *w = json_object_get(list[i].was, "stats");
		const char *link = jstr(o, "linkstate");

		if ((jint(o, "flags") & 1) == 0)
			link = "off";
		else if (strcmp(link, "unknown") == 0)
			link = "-";
		if (*rows <= keep + 1 && i + 1 < n) {
			line(rows, "... %zu more", n - i);
			break;
		}
		line(rows, "%-12.12s %-6.6s %9s %9s %9s %9s %9s %9s", jstr(o, "name"), link,
		    scaled(rate(s, w, "ipackets", seconds), a), scaled(rate(s, w, "ibytes", seconds) * 8, b),
		    scaled(rate(s, w, "opackets", seconds), c), scaled(rate(s, w, "obytes", seconds) * 8, d),
		    scaled(rate(s, w, "ierrors", seconds) + rate(s, w, "oerrors", seconds), e),
		    scaled(rate(s, w, "idrops", seconds) + rate(s, w, "odrops", seconds), f));
		shown++;
	}
	free(list);
}

static void
draw_workers(const struct sample *now, const struct sample *was, double seconds, int *rows)
{
	char a[16], b[16], c[16], d[16], e[16], f[16], cpu[24];
	const json_t *o;
	size_t i;

	json_array_foreach (now->workers, i, o) {
		const json_t *w = was != NULL ? match(was->workers, "id", o, i) : NULL;
		double packets = rate(o, w, "received", seconds), cycles = rate(o, w, "busy_cycles", seconds);
		double vectors = rate(o, w, "vectors", seconds), hz = json_number_value(json_object_get(o, "tsc_hz"));

		if (json_is_integer(json_object_get(o, "cpu")) && jint(o, "cpu") >= 0)
			snprintf(cpu, sizeof(cpu), "%lld (cpu %lld)", jint(o, "id"), jint(o, "cpu"));
		else
			snprintf(cpu, sizeof(cpu), "%lld", jint(o, "id"));
		snprintf(d, sizeof(d), "%.1f", hz > 0 ? fmin(100, cycles / hz * 100) : 0);
		snprintf(e, sizeof(e), "%.0f", packets >= 1 ? cycles / packets : 0);
		snprintf(f, sizeof(f), "%.1f", vectors > 0 ? packets / vectors : 0);
		line(rows, "%-11s %-6s %8s %8s %6s %7s %8s %8s %9lld", cpu, jbool(o, "asleep") ? "asleep" : "awake",
		    scaled(packets, a), scaled(rate(o, w, "transmitted", seconds), b), d, packets >= 1 ? e : "-",
		    vectors > 0 ? f : "-", scaled(rate(o, w, "loops", seconds), c), jint(o, "pool_free"));
	}
}

static void
draw_drops(const struct sample *now, const struct sample *was, double seconds, int *rows)
{
	struct row *list = rows_make(now->drops, was != NULL ? was->drops : NULL, "name", weigh_drop, seconds, true);
	bool first = true;
	char a[16];

	for (size_t i = 0; i < json_array_size(now->drops); i++) {
		if (jint(list[i].o, "value") == 0)
			continue;
		if (first)
			heading(rows, "      in all     per s  dropped");
		first = false;
		line(rows, "%12lld %9s  %.55s", jint(list[i].o, "value"), scaled(list[i].weight, a),
		    jstr(list[i].o, "text"));
	}
	free(list);
}

static void
draw(const struct sample *now, const struct sample *was, int rows, bool live)
{
	double seconds = was != NULL ? now->when - was->when : 0;
	long long up = jint(now->info, "uptime_ms") / 1000;
	int keep = (int)json_array_size(now->workers) + 3;

	line(&rows, "smpnet %s  pid %lld  %lld worker%s  up %lld:%02lld:%02lld%s", jstr(now->info, "version"),
	    jint(now->info, "pid"), jint(now->info, "workers"), jint(now->info, "workers") == 1 ? "" : "s", up / 3600,
	    up / 60 % 60, up % 60,
	    !live     ? ""
	    : by_rate ? "  q quits, s by name, j k scroll"
		      : "  q quits, s by rate, j k scroll");
	line(&rows, "%s", "");
	heading(&rows, "interface    link    in pkt/s  in bit/s out pkt/s out bit/s  errors/s   drops/s");
	draw_interfaces(now, was, seconds, &rows, live ? keep : -1);
	line(&rows, "%s", "");
	heading(&rows, "worker      state  in pkt/s out pk/s busy % cyc/pkt pkts/vec  loops/s   buffers");
	draw_workers(now, was, seconds, &rows);
	line(&rows, "%s", "");
	draw_drops(now, was, seconds, &rows);
}

/* The figures of the tables, for programs. */
static json_t *
rates_json(const struct sample *now, const struct sample *was)
{
	double seconds = now->when - was->when;
	json_t *interfaces = json_array(), *workers = json_array(), *drops = json_array();
	const json_t *o;
	size_t i;

	json_array_foreach (now->interfaces, i, o) {
		const json_t *s = json_object_get(o, "stats");
		const json_t *w = json_object_get(match(was->interfaces, "name", o, i), "stats");

		json_array_append_new(interfaces,
		    json_pack("{s:s,s:f,s:f,s:f,s:f,s:f,s:f}", "name", jstr(o, "name"), "in_packets",
			rate(s, w, "ipackets", seconds), "in_bits", rate(s, w, "ibytes", seconds) * 8, "out_packets",
			rate(s, w, "opackets", seconds), "out_bits", rate(s, w, "obytes", seconds) * 8, "errors",
			rate(s, w, "ierrors", seconds) + rate(s, w, "oerrors", seconds), "drops",
			rate(s, w, "idrops", seconds) + rate(s, w, "odrops", seconds)));
	}
	json_array_foreach (now->workers, i, o) {
		const json_t *w = match(was->workers, "id", o, i);
		double packets = rate(o, w, "received", seconds), cycles = rate(o, w, "busy_cycles", seconds);
		double vectors = rate(o, w, "vectors", seconds), hz = json_number_value(json_object_get(o, "tsc_hz"));

		json_array_append_new(
		    workers, json_pack("{s:I,s:f,s:f,s:f,s:o,s:o}", "id", (json_int_t)jint(o, "id"), "in_packets",
				 packets, "out_packets", rate(o, w, "transmitted", seconds), "busy_percent",
				 hz > 0 ? fmin(100, cycles / hz * 100) : 0, "cycles_per_packet",
				 packets > 0 ? json_real(cycles / packets) : json_null(), "packets_per_vector",
				 vectors > 0 ? json_real(packets / vectors) : json_null()));
	}
	json_array_foreach (now->drops, i, o) {
		double r = rate(o, match(was->drops, "name", o, i), "value", seconds);

		if (jint(o, "value") > 0)
			json_array_append_new(
			    drops, json_pack("{s:s,s:s,s:I,s:f}", "name", jstr(o, "name"), "text", jstr(o, "text"),
				       "value", (json_int_t)jint(o, "value"), "per_second", r));
	}
	return json_pack("{s:o,s:o,s:o}", "interfaces", interfaces, "workers", workers, "drops", drops);
}

/* => the rows for the tables: what the terminal has, less those that the note below them takes */
static int
screen_rows(const char *note)
{
	struct winsize w;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 2 && w.ws_col > 0;
	int rows = known ? w.ws_row - 1 : 23;

	columns = known ? w.ws_col : 80;

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
		if (left <= 0 || resized) {
			resized = 0;
			return false;
		}
		if (poll(&pfd, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3)
			return true;
		/* the arrow keys are an escape sequence that ends in A or B */
		if (key == 'j' || key == 'B')
			scroll++;
		else if ((key == 'k' || key == 'A') && scroll > 0)
			scroll--;
		else if (key == 's')
			by_rate = !by_rate;
		else if (key == 'g')
			scroll = 0;
		else
			continue;
		return false;
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
	sa.sa_handler = on_resize;
	sigaction(SIGWINCH, &sa, NULL);
	sample_take(&was);
	if (once) {
		pause_or_key(delay);
		sample_take(&now);
		if (json)
			tool_print_json(json_pack("{s:f, s:o, s:O, s:O, s:O, s:O, s:O, s:O}", "seconds",
			    now.when - was.when, "rates", rates_json(&now, &was), "interfaces", now.interfaces,
			    "workers", now.workers, "drops", now.drops, "interfaces_before", was.interfaces,
			    "workers_before", was.workers, "info", now.info));
		else
			draw(&now, &was, 1 << 20, false);
		sample_free(&was);
		sample_free(&now);
		return 0;
	}
	terminal_prepare();
	printf("\033[?1049h\033[?25l");
	screen = true;
	colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
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
