/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon that bench measures: a private one, on a socket in a temporary folder, with built-in sources and sinks alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "tool.h"

#define NDSTS	 1000000 /* random destinations */
#define GATEWAYS 16	 /* that the table's routes are shared out to */
#define BATCH	 1000	 /* routes a request */
#define WARM_MS	 8
#define LOSSY	 0.99 /* of the packets at least must pass, */
#define UNDERWAY 512  /* but for those that a worker has in its hands when it is asked */
#define PATIENCE 40   /* further periods for a worker that others keep from its CPU */

static char dir[128], url[160];
static pid_t daemon_pid;
static unsigned long routes4 = 100000;
static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t
random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

static void
nap(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

/* Whatever way the tool ends */
static void
end(void)
{
	static const char *const files[] = {"spread4", "spread6", "random4", "random6", "s", "log"};
	char path[200];

	if (daemon_pid > 0) {
		kill(daemon_pid, SIGTERM);
		waitpid(daemon_pid, NULL, 0);
	}
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
interrupted(int sig)
{
	if (daemon_pid > 0)
		kill(daemon_pid, SIGTERM);
	end();
	_exit(128 + sig);
}

/* The daemon beside this program, or the one that the shell would find */
static void
exec_daemon(int cpu, pid_t parent)
{
	char self[PATH_MAX], cpus[16], *slash, log[200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 16);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(126); /* it ended before it could be noticed */
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(cpus, sizeof(cpus), "%d", cpu);
	if (freopen(log, "w", stderr) == NULL)
		_exit(126);
	if (n > 0) {
		self[n] = '\0';
		if ((slash = strrchr(self, '/')) != NULL) {
			memcpy(slash + 1, "smpnetd", sizeof("smpnetd"));
			execl(self, "smpnetd", "-q", "-l", cpus, url, (char *)NULL);
		}
	}
	execlp("smpnetd", "smpnetd", "-q", "-l", cpus, url, (char *)NULL);
	fprintf(stderr, "smpnetd: %s\n", strerror(errno));
	_exit(127);
}

static void
daemon_failed(void)
{
	char path[200], line[300] = "smpnetd does not start";
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", dir);
	if ((f = fopen(path, "r")) != NULL) {
		if (fgets(line, sizeof(line), f) != NULL)
			line[strcspn(line, "\n")] = '\0';
		fclose(f);
	}
	tool_fail(1, "%s", line);
}

static void
start_daemon(int cpu)
{
	const char *tmp = getenv("TMPDIR");
	pid_t parent = getpid();
	struct smpnet *s;

	if (snprintf(dir, sizeof(dir), "%s/smpnet-bench.XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp") > 90)
		snprintf(dir, sizeof(dir), "/tmp/smpnet-bench.XXXXXX");
	if (mkdtemp(dir) == NULL)
		tool_fail(1, "%s: %s", dir, tool_strerror(errno));
	atexit(end);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	signal(SIGHUP, interrupted);
	signal(SIGQUIT, interrupted);
	snprintf(url, sizeof(url), "unix://%s/s", dir);
	daemon_pid = fork();
	if (daemon_pid < 0)
		tool_fail(1, "fork: %s", tool_strerror(errno));
	if (daemon_pid == 0)
		exec_daemon(cpu, parent);
	for (unsigned i = 0; (s = smpnet_connect(url)) == NULL; i++) {
		if (i == 4000 || waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid) {
			daemon_pid = i == 4000 ? daemon_pid : 0;
			daemon_failed();
		}
		nap(5);
	}
	smpnet_close(s);
	tool_url = url;
}

/*
 * Nanoseconds that the daemon had the CPU: what preempts it does not count.  Of the process, whose control thread sleeps
 * meanwhile: a thread of another process has no such clock but at the kernel's ticks.
 */
static double
worker_ns(void)
{
	struct timespec ts;
	clockid_t clock;
	int error = clock_getcpuclockid(daemon_pid, &clock);

	if (error != 0 || clock_gettime(clock, &ts) != 0)
		tool_fail(1, "the daemon's CPU clock: %s", tool_strerror(error != 0 ? error : errno));
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Command lines, applied together */
struct text {
	char *p;
	size_t len;
	FILE *f;
};

static void
text_begin(struct text *t)
{
	if ((t->f = open_memstream(&t->p, &t->len)) == NULL)
		tool_fail(1, "out of memory");
}

static void
text_apply(struct text *t)
{
	json_t *r;

	fclose(t->f);
	r = tool_call("config.apply", json_pack("{s:s}", "text", t->p));
	if (json_array_size(json_object_get(r, "errors")) > 0)
		tool_fail(1, "%s", jstr(json_array_get(json_object_get(r, "errors"), 0), "message"));
	json_decref(r);
	free(t->p);
}

/* A sink UNIT in two networks of its own, with a static neighbour in each */
static void
add_sink(FILE *f, unsigned unit)
{
	fprintf(f,
	    "attach gen%u,sink=1 as gen%u\nifconfig gen%u inet 172.20.%u.1/24\nifconfig gen%u inet6 2001:db8:%x::1/64\n"
	    "ifconfig gen%u up\n",
	    unit, unit, unit, unit, unit, unit, unit);
	for (unsigned i = 0; i < (unit == 1 ? GATEWAYS : 1); i++)
		fprintf(f, "arp -s 172.20.%u.%u 02:00:00:00:%02x:%02x\nndp -s 2001:db8:%x::%x 02:00:00:00:%02x:%02x\n",
		    unit, 2 + i, unit, 2 + i, unit, 2 + i, unit, 2 + i);
}

static FILE *
create(const char *name, unsigned family)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%u", dir, name, family);
	if ((f = fopen(path, "w")) == NULL)
		tool_fail(1, "%s: %s", path, tool_strerror(errno));
	return f;
}

static void
finish(FILE *f)
{
	if (ferror(f) || fclose(f) != 0)
		tool_fail(1, "%s: %s", dir, tool_strerror(errno));
}

/* First octets that hold public unicast addresses alone */
#define NFIRST 216u

static unsigned
first_octet(unsigned i)
{
	static const uint8_t range[][2] = {
	    {1, 9}, {11, 99}, {101, 126}, {128, 168}, {170, 171}, {173, 191}, {193, 197}, {199, 223}};
	unsigned r = 0;

	for (; i > range[r][1] - range[r][0]; r++)
		i -= range[r][1] - range[r][0] + 1;
	return range[r][0] + i;
}

/* Route number i of a table: prefixes of lengths roughly as in the default-free zone, none twice and none in another. */
static unsigned
table_route(unsigned family, unsigned long i, uint8_t a[16])
{
	/* of 16 blocks, how many have which length; a block of IPv4 is a /24's place, of IPv6 a /48's */
	static const uint8_t len4[16] = {24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 22, 22, 23, 23, 21, 20};
	static const uint8_t len6[16] = {48, 48, 48, 48, 48, 48, 48, 48, 44, 44, 40, 40, 36, 32, 32, 32};
	uint64_t h = (i + 1) * 0x9e3779b97f4a7c15;

	memset(a, 0, 16);
	if (family == 4) {
		/* a /20 each; from the second round on one more specific /24 in it */
		unsigned long round = i / (NFIRST * 4096), k = i % (NFIRST * 4096);

		a[0] = first_octet(k % NFIRST);
		a[1] = k / NFIRST >> 4;
		a[2] = (k / NFIRST << 4) + (round > 0 ? 8 + round : 0);
		return round > 0 ? 24 : len4[h >> 60];
	}
	a[0] = 0x24 + (i >> 16);
	a[1] = i >> 8;
	a[2] = i;
	return len6[h >> 60];
}

static void
write_destinations(unsigned family)
{
	FILE *f = create("spread", family);
	uint8_t a[16];

	for (unsigned i = 0; i < BENCH_IFS; i++) {
		memset(a, 0, sizeof(a));
		if (family == 4)
			memcpy(a, (uint8_t[]){198, 18, 128 + i, 2}, 4);
		else
			memcpy(a, (uint8_t[]){0x20, 0x01, 0, 2, 0, 0, 1, i, 0, 0, 0, 0, 0, 0, 0, 2}, 16);
		fwrite(a, family == 4 ? 4 : 16, 1, f);
	}
	finish(f);
	f = create("random", family);
	for (unsigned i = 0; i < NDSTS; i++) {
		unsigned plen = table_route(family, random64() % bench_routes(family), a);
		uint64_t r[2] = {random64(), random64()};

		for (unsigned b = plen; b < (family == 4 ? 32 : 128); b++)
			a[b / 8] |= ((const uint8_t *)r)[b / 8] & (0x80 >> b % 8);
		fwrite(a, family == 4 ? 4 : 16, 1, f);
	}
	finish(f);
}

void
bench_start(int cpu)
{
	struct text t;

	start_daemon(cpu);
	write_destinations(4);
	write_destinations(6);
	text_begin(&t);
	fprintf(t.f, "sysctl -w net.inet.ip.dad_count=0\nsysctl -w net.inet6.ip6.dad_count=0\n"
		     "sysctl -w net.inet.ip.forwarding=1\nsysctl -w net.inet6.ip6.forwarding=1\n");
	add_sink(t.f, 1);
	fprintf(t.f, "route add default 172.20.1.2\nroute add -inet6 default 2001:db8:1::2\n");
	for (unsigned i = 0; i < BENCH_IFS; i++) {
		add_sink(t.f, 100 + i);
		fprintf(t.f,
		    "route add -net 198.18.%u.0/24 172.20.%u.2\nroute add -inet6 2001:2:0:%x::/64 2001:db8:%x::2\n",
		    128 + i, 100 + i, 0x100 + i, 100 + i);
	}
	text_apply(&t);
}

const char *
bench_dir(void)
{
	return dir;
}

static json_t *
worker(void)
{
	json_t *list = tool_call("stats.workers", NULL), *w = json_incref(json_array_get(list, 0));

	json_decref(list);
	return w;
}

double
bench_tsc_hz(void)
{
	static double hz;

	if (hz == 0) {
		json_t *w = worker();

		hz = (double)jint(w, "tsc_hz");
		json_decref(w);
	}
	return hz;
}

static void
attach(unsigned unit, const char *keys)
{
	json_t *p = json_pack("{s:o}", "name", json_sprintf("gen%u,%s", unit, keys));
	char name[16];

	json_decref(tool_call("dev.attach", p));
	snprintf(name, sizeof(name), "gen%u", unit);
	json_decref(tool_call("if.set", json_pack("{s:s,s:b}", "name", name, "up", true)));
}

static void
detach(unsigned unit)
{
	json_decref(tool_call("dev.detach", json_pack("{s:o}", "name", json_sprintf("gen%u", unit))));
}

static double
direct_packets(void)
{
	json_t *list = tool_call("if.list", json_pack("{s:s}", "name", "gen0"));
	double n = (double)jint(json_object_get(json_array_get(list, 0), "source"), "direct");

	json_decref(list);
	return n;
}

double
bench_measure_source(const char *keys, unsigned ms)
{
	char direct[600];
	double n, ns;

	snprintf(direct, sizeof(direct), "%s,direct=1", keys);
	attach(0, direct);
	nap(WARM_MS);
	n = -direct_packets();
	ns = -worker_ns();
	for (unsigned i = 0; i <= PATIENCE; i++) {
		double now;

		nap(ms / 2);
		now = n + direct_packets();
		if (now > 0 || i == PATIENCE) {
			n = now;
			break;
		}
	}
	ns += worker_ns();
	detach(0);
	if (n <= 0)
		tool_fail(1,
		    "%s: no packets moved; is the worker's CPU taken by something else? (try -l or a longer -t)", keys);
	return ns / n * bench_tsc_hz() / 1e9;
}

static double
measure(const char *keys, unsigned ms)
{
	json_t *a, *b;
	double ns, in, out;

	nap(WARM_MS);
	a = worker();
	ns = -worker_ns();
	nap(ms);
	b = worker();
	for (unsigned i = 0; i < PATIENCE && jint(b, "transmitted") == jint(a, "transmitted"); i++) {
		json_decref(b);
		nap(ms);
		b = worker();
	}
	ns += worker_ns();
	in = (double)(jint(b, "received") - jint(a, "received"));
	out = (double)(jint(b, "transmitted") - jint(a, "transmitted"));
	json_decref(a);
	json_decref(b);
	if (in <= 0)
		tool_fail(1,
		    "%s: no packets moved; is the worker's CPU taken by something else? (try -l or a longer -t)", keys);
	if (out <= 0 || out < in * LOSSY - UNDERWAY)
		tool_fail(1, "%s: of %.0f packets %.0f were sent on", keys, in, out);
	return ns / out * bench_tsc_hz() / 1e9;
}

double
bench_measure(const char *keys, unsigned ms)
{
	double cycles;

	attach(0, keys);
	cycles = measure(keys, ms);
	detach(0);
	return cycles;
}

double
bench_measure_many(const char *keys, unsigned family, unsigned ms)
{
	char own[600];
	double cycles;

	for (unsigned i = 0; i < BENCH_IFS; i++) {
		if (family == 4)
			snprintf(own, sizeof(own), "%s,dst=198.18.%u.2", keys, 128 + i);
		else
			snprintf(own, sizeof(own), "%s,dst=2001:2:0:%x::2", keys, 0x100 + i);
		attach(200 + i, own);
	}
	cycles = measure(keys, ms);
	for (unsigned i = 0; i < BENCH_IFS; i++)
		detach(200 + i);
	return cycles;
}

void
bench_set_routes(unsigned long ipv4)
{
	routes4 = ipv4;
}

unsigned long
bench_routes(unsigned family)
{
	return family == 4 ? routes4 : routes4 / 5;
}

void
bench_load_table(unsigned family)
{
	unsigned long n = bench_routes(family);
	json_t *r;

	for (unsigned long i = 0; i < n;) {
		json_t *add = json_array();

		for (unsigned k = 0; k < BATCH && i < n; k++, i++) {
			char text[INET6_ADDRSTRLEN], prefix[64], gateway[64];
			uint8_t a[16];
			unsigned plen = table_route(family, i, a), g = 2 + i % GATEWAYS;

			inet_ntop(family == 4 ? AF_INET : AF_INET6, a, text, sizeof(text));
			snprintf(prefix, sizeof(prefix), "%s/%u", text, plen);
			snprintf(gateway, sizeof(gateway), family == 4 ? "172.20.1.%u" : "2001:db8:1::%x", g);
			json_array_append_new(add, json_pack("[s,s]", prefix, gateway));
		}
		r = tool_call("route.batch", json_pack("{s:o}", "add", add));
		if (jint(r, "nfailed") != 0)
			tool_fail(1, "%s", jstr(json_array_get(json_object_get(r, "failed"), 0), "error"));
		json_decref(r);
	}
}
