/* SPDX-License-Identifier: BSD-2-Clause */
/* smpnetd: the command line, the event loop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "ctl/config.h"
#include "ctl/ctl.h"
#include "ctl/metrics.h"
#include "mp/mp.h"
#include "router.h"

static struct event_base *base;

static void
usage(FILE *f)
{
	fputs("usage: smpnetd [-dhqv] [-f CONF] [-g GROUP] [-l CPULIST] [-M [ADDR:]PORT] [-p BUFFERS] [-w WORKERS] "
	      "[unix://PATH]\n",
	    f);
	if (f != stdout)
		return;
	fputs("  -d          log more (debug)        -q  log less (warnings, errors)\n"
	      "  -f CONF     apply this configuration first\n"
	      "  -g GROUP    this group may use the control socket too\n"
	      "  -l CPULIST  pin the workers, one to each CPU (2-4,7)\n"
	      "  -M [ADDR:]PORT  metrics for Prometheus at http://ADDR:PORT/metrics, ADDR 127.0.0.1 by default\n"
	      "  -p BUFFERS  packet buffers of each worker\n"
	      "  -w WORKERS  the number of workers\n"
	      "  -h, -v      this help, the version\n"
	      "  unix://PATH the control socket; by default /run/smpnet.sock, another user's is "
	      "$XDG_RUNTIME_DIR/smpnet.sock\n",
	    f);
}

/* A number from the command line, or exit. */
static unsigned
number(const char *what, const char *s, unsigned min, unsigned max)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || v < min || v > max) {
		fprintf(stderr, "smpnetd: %s %s: not a number from %u to %u\n", what, s, min, max);
		exit(2);
	}
	return (unsigned)v;
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	mp_log(MP_LOG_INFO, "%s: stopping", strsignal(sig));
	event_base_loopbreak(base);
}

/* Started without them, some socket or segment of ours would get the log's lines. */
static void
standard_descriptors(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd > STDERR_FILENO)
		close(fd);
}

/*
 * The C library's allocator puts small pieces that are freed aside, and joins all of them at some later malloc or free of a
 * large one: after half a million routes that is a turn of control of 13 ms.  Without that each is joined when it is freed.
 */
static void
allocator_init(void)
{
#ifdef M_MXFAST
	(void)mallopt(M_MXFAST, 0);
#endif
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = {
	    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	const char *conffile = NULL, *group = NULL, *metrics = NULL, *url = NULL;
	struct event *sigint, *sigterm;
	struct mp_config conf = {0};
	sigset_t stops;
	int c, r;

	standard_descriptors();
	allocator_init();
	ctl_json_init();
	while ((c = getopt_long(argc, argv, "df:g:hl:M:p:qvw:", longopts, NULL)) != -1) {
		switch (c) {
		case 'd':
			mp_log_level = MP_LOG_DEBUG;
			break;
		case 'f':
			conffile = optarg;
			break;
		case 'g':
			group = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'l':
			conf.cpulist = optarg;
			break;
		case 'M':
			metrics = optarg;
			break;
		case 'p':
			conf.pool_buffers = number("-p", optarg, 512, 16u << 20);
			break;
		case 'q':
			mp_log_level = MP_LOG_WARNING;
			break;
		case 'v':
			printf("smpnetd %s\n", SMPNET_VERSION);
			return 0;
		case 'w':
			conf.nworkers = number("-w", optarg, 1, MP_MAXWORKERS);
			break;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind > 1) {
		usage(stderr);
		return 2;
	}
	if (optind < argc)
		url = argv[optind];
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	base = event_base_new();
	if (base == NULL)
		return 1;
	sigprocmask(
	    SIG_BLOCK, &stops, NULL); /* one that arrives here waits for the handler; no other thread runs yet */
	/* what is in force again when the events are gone: stopping, which gives devices back, is not to be cut short */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigint = evsignal_new(base, SIGINT, on_signal, NULL);
	sigterm = evsignal_new(base, SIGTERM, on_signal, NULL);
	if (sigint == NULL || sigterm == NULL || evsignal_add(sigint, NULL) != 0 || evsignal_add(sigterm, NULL) != 0)
		return 1;
	sigprocmask(SIG_UNBLOCK, &stops, NULL);
	/* a live socket is refused before anything else is done; clients are served once the loop runs */
	if (ctl_start(base, url, group) != 0)
		return 1;
	if (metrics != NULL && metrics_start(base, metrics) != 0) {
		ctl_stop();
		return 1;
	}
	r = router_start(&conf, base, true);
	if (r != 0) {
		ctl_stop();
		_exit(1); /* half started: nothing to be taken apart in order */
	}
	if (conffile != NULL)
		r = config_load_file(conffile);
	if (r == 0) {
		mp_log(MP_LOG_INFO, "%s: ready, %u worker%s", ctl_server_url, mp_nworkers, mp_nworkers == 1 ? "" : "s");
		ctl_loop();
	} else if (r == -EINTR)
		r = 0; /* told to stop while it was loaded */
	metrics_stop();
	ctl_stop();
	event_free(sigint);
	event_free(sigterm);
	router_stop(base);
	event_base_free(base);
	libevent_global_shutdown();
	return r != 0;
}
