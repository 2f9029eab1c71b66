/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen: the command line, signals, start and stop. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "ipgen/engine/engine.h"
#include "ipgen/program.h"
#include "ipgen/sig.h"
#include "mp/mp.h"

static struct program program;	      /* [c] */
static volatile sig_atomic_t signals; /* [c] that told it to end */
static const int signal_list[] = {SIGINT, SIGTERM, SIGHUP};

/* The first ends what runs in good order; at the second the kernel takes back what is ours, devices too. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	if (signals++ > 0) {
		view_stop();
		_exit(128 + (int)sig);
	}
	trial_stop(true);
}

/* While reports are written nobody looks at events: a signal that is the second ends the program here. */
static void
on_signal_writing(int sig)
{
	if (signals++ > 0) {
		report_abandon();
		_exit(128 + sig);
	}
}

static void
signals_writing(void)
{
	const struct sigaction sa = {.sa_handler = on_signal_writing, .sa_flags = SA_RESTART};

	for (unsigned i = 0; i < sizeof(signal_list) / sizeof(signal_list[0]); i++)
		sigaction(signal_list[i], &sa, NULL);
}

static int
fail(int status, const char *err)
{
	view_stop();
	fprintf(stderr, "ipgen: %s\n", err);
	return status;
}

/* Started without them, some socket or device of ours would get what is printed. */
static void
standard_descriptors(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd > STDERR_FILENO)
		close(fd);
}

/* A reason that begins with a file's name gets the option before it. */
static void
name_option(const char *option, const char *path, char *err, size_t errlen)
{
	char text[512];

	if (path == NULL || strncmp(err, path, strlen(path)) != 0)
		return;
	snprintf(text, sizeof(text), "%s", err);
	snprintf(err, errlen, "%s %.480s", option, text);
}

/* Could a report be put there, in hours?  errno says why not */
static bool
can_be_written(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	struct stat st;

	if (slash != NULL && (size_t)(slash - path) < sizeof(dir))
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	else
		snprintf(dir, sizeof(dir), ".");
	if (access(dir, W_OK | X_OK) != 0)
		return false;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	return true;
}

/* What can be known to be wrong before a device is touched; 0, or the exit status. */
static int
prepare(struct program *p, char *err, size_t errlen)
{
	const struct options *o = &p->opts;
	const struct {
		const char *option, *path;
	} file[] = {{"--text", o->text}, {"--json", o->json}, {"--rfc2544-output-json", o->rfc2544_json},
	    {"--csv", o->csv}, {"--html", o->html}};
	bool to_stdout = false;

	for (unsigned i = 0; i < sizeof(file) / sizeof(file[0]); i++) {
		if (file[i].path == NULL)
			continue;
		to_stdout |= strcmp(file[i].path, "-") == 0;
		if (strcmp(file[i].path, "-") != 0 && !can_be_written(file[i].path)) {
			snprintf(err, errlen, "%s %.256s: %s", file[i].option, file[i].path, strerror(errno));
			return 2;
		}
	}
	p->out = to_stdout ? stderr : stdout;
	p->interactive = isatty(STDOUT_FILENO) && !o->headless && !o->json_lines && !o->quiet && !to_stdout;
	if (tports_check(o->port, o->nports, err, errlen) != 0)
		return 2;
	if (o->script != NULL && (p->scenario = scenario_read(o->script, err, errlen)) == NULL) {
		name_option("-S", o->script, err, errlen);
		return 2;
	}
	if (o->log != NULL && (p->log = fopen(o->log, "we")) == NULL) {
		snprintf(err, errlen, "-L %s: %s", o->log, strerror(errno));
		return 2;
	}
	if (program_plan(p, err, errlen) == 0 && program_check(p, err, errlen) == 0)
		return 0;
	name_option("--replay", o->traffic.replay, err, errlen);
	name_option("--flowlist", o->traffic.flowfile, err, errlen);
	return 2;
}

static int
signals_start(struct event_base *base, struct event **events)
{
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < 3; i++) {
		events[i] = evsignal_new(base, signal_list[i], on_signal, NULL);
		if (events[i] == NULL || evsignal_add(events[i], NULL) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* With the engine running; the exit status. */
static int
run(struct program *p, int argc, char **argv)
{
	struct options *o = &p->opts;
	unsigned failed = 0;
	char err[512] = "";
	int error, status = 0;

	if (tports_open(o->port, o->nports, o->wait, err, sizeof(err)) != 0)
		return fail(1, err);
	if (program_traffic(p, err, sizeof(err)) != 0)
		return fail(1, err);
	program_describe(p, argc, argv);
	if (o->http != NULL && (error = web_start(&p->live, p->base, o->http, err, sizeof(err))) != 0)
		return fail(error == -EINVAL ? 2 : 1, err);
	if (o->http != NULL && !o->quiet)
		fprintf(stderr, "ipgen: web view: %s\n", web_url());
	if (p->interactive && view_start(&p->live, p->base, err, sizeof(err)) != 0) {
		fprintf(stderr, "ipgen: %s: lines in its place (--nocurses)\n", err);
		p->interactive = false;
	}
	error = program_run(p, &failed, err, sizeof(err));
	view_stop();
	signals_writing();
	p->interactive = false;
	if (error == -EINTR)
		fputs("ipgen: stopped\n", stderr);
	else if (error != 0)
		status = fail(1, err);
	if (p->report.nrows > 0 && p->report.row[0].test == REPORT_RUN && p->scenario == NULL) {
		headless_summary(p, &p->report.row[0]);
		if (o->flows_report)
			headless_flows(p);
	} else if (p->report.nrows > 0)
		headless_report(p);
	if (program_write(p, err, sizeof(err)) != 0)
		status = 1;
	if ((fflush(p->out) != 0 || ferror(p->out)) && status == 0)
		status = fail(1, "what was printed could not be written");
	if (p->log != NULL && (fflush(p->log) != 0 || ferror(p->log)) && status == 0)
		status = fail(1, "the log (-L) could not be written");
	if (criteria_judge(p) + failed > 0 && status == 0)
		status = 3;
	if (error == -EINTR && status == 0)
		status = 1;
	return status;
}

int
main(int argc, char **argv)
{
	struct program *p = &program;
	struct engine_conf conf;
	struct event *events[3] = {NULL};
	unsigned largest;
	char err[512];
	int r;

	standard_descriptors();
	setlocale(LC_CTYPE, "");
	mp_log_level = MP_LOG_WARNING;
	r = options_parse(argc, argv, &p->opts, err, sizeof(err));
	if (r < 0)
		return fail(2, err);
	if (r == OPTIONS_HELP) {
		options_help(stdout);
		return 0;
	}
	if (r == OPTIONS_VERSION) {
		printf("ipgen %s\n", SMPNET_VERSION);
		return 0;
	}
	sig_init();
	r = prepare(p, err, sizeof(err));
	if (r == 0 && p->opts.flowdump) {
		r = program_flowdump(p, err, sizeof(err)) != 0 ? 1 : 0;
		program_free(p);
		return r != 0 ? fail(r, err) : 0;
	}
	if (r != 0) {
		program_free(p);
		return fail(r, err);
	}
	largest = program_largest(p);
	for (unsigned i = 0; i < p->opts.nports; i++)
		if (p->opts.port[i].mtu == 0 && largest > 1518 + 4 * p->opts.port[i].ntags) {
			p->opts.port[i].mtu = largest - 18 - 4 * p->opts.port[i].ntags;
			p->opts.port[i].mtu_soft = program_series(p); /* it passes over what is too large */
		}
	conf = (struct engine_conf){.workers = p->opts.workers,
	    .cpus = p->opts.cpus,
	    .buffers = p->opts.buffers,
	    .queues = p->opts.queues,
	    .buffer_size = largest > 2048 ? (largest + 63) / 64 * 64 : 0};
	p->base = event_base_new();
	if (p->base == NULL || signals_start(p->base, events) != 0)
		return fail(1, "out of memory");
	r = engine_start(&conf, p->base);
	if (r != 0)
		_exit(r == -EINVAL && conf.cpus != NULL
			  ? 2
			  : 1); /* the reason was logged; half started: nothing to be taken apart in order */
	r = run(p, argc, argv);
	web_stop();
	tports_close();
	program_free(p);
	engine_stop(p->base);
	for (unsigned i = 0; i < 3; i++)
		event_free(events[i]);
	event_base_free(p->base);
	libevent_global_shutdown();
	return r;
}
