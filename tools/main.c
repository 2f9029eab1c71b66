/* SPDX-License-Identifier: BSD-2-Clause */
/* smpnet: finds the tool by its own name or by its first argument, and runs it. */
#include <stdlib.h>
#include <string.h>

#include "tool.h"

const struct tool *tool_self;
const char *tool_url;
double tool_wait;

const struct tool tools[] = {
    {"ifconfig", ifconfig_main, "interfaces and their addresses", NULL},
    {"route", route_main, "the routing table", NULL},
    {"arp", arp_main, "IPv4 neighbours", NULL},
    {"ndp", ndp_main, "IPv6 neighbours", NULL},
    {"ifmcstat", ifmcstat_main, "multicast groups",
	"usage: ifmcstat [-n] [-i interface] [-f inet | inet6 | link] [--json]\n"},
    {"netstat", netstat_main, "tables and counters",
	"usage: netstat -r [-LnTv] [-f inet | inet6] [--json]\n"
	"       netstat -i [-bdnv] [-f inet | inet6] [-I interface] [--json]\n"
	"       netstat -s [-s] [-f inet | inet6] [-p protocol] [--json]\n"
	"       netstat -m [--json]\n"
	"       netstat -w seconds [-bd] [-c count] [-I interface]\n"},
    {"ping", ping_main, "ask an IPv4 host for an echo",
	"usage: ping [-DfnoQqRv] [-c count] [-g gateway] [-I addr | interface] [-i interval] [-l preload]\n"
	"            [-p pattern] [-s size] [-T ttl] [-t tos] [-w maxwait] [--json] host\n"},
    {"ping6", ping6_main, "ask an IPv6 host for an echo",
	"usage: ping6 [-fmnoqv] [-c count] [-g gateway] [-h hoplimit] [-I interface] [-i interval]\n"
	"             [-l preload] [-p pattern] [-S sourceaddr] [-s size] [-X timeout] [--json] [hops ...] host\n"},
    {"traceroute", traceroute_main, "the routers on the way to an IPv4 host",
	"usage: traceroute [-FIn] [-f first_ttl] [-g gateway] [-i interface] [-m max_ttl] [-p port]\n"
	"                  [-q nqueries] [-s source] [-t tos] [-w wait] [-z pause] [--json] host [size]\n"},
    {"traceroute6", traceroute6_main, "the routers on the way to an IPv6 host",
	"usage: traceroute6 [-In] [-f firsthop] [-g gateway] [-m hoplimit] [-p port] [-q probes] [-s source]\n"
	"                   [-w wait] [--json] host [size]\n"},
    {"rtadvd", rtadvd_main, "router advertisements", NULL},
    {"sysctl", sysctl_main, "settings", NULL},
    {"drops", drops_main, "dropped packets by reason", "usage: drops [-a] [-w seconds] [--json]\n"},
    {"workers", workers_main, "counters of each worker", "usage: workers [--json]\n"},
    {"top", top_main, "live view: rates of interfaces and workers",
	"usage: top [-1] [-d seconds] [-t text] [--json]\n"},
    {"stages", stages_main, "where the workers' cycles go",
	"usage: stages [-a] [-c count] [-w seconds] [-W worker] [--json]\n"},
    {"bench", bench_main, "cycles a packet of each path on this machine",
	"usage: bench [-l cpu] [-n rounds] [-r routes] [-t milliseconds] [--json]\n"},
    {"trace", trace_main, "the way of packets through the router",
	"usage: trace [-c count] [-i interface] [--json] [filter]\n"},
    {"attach", attach_main, "take a device in", NULL},
    {"detach", attach_main, "give a device back", NULL},
    {"config", config_main, "save, check or apply a configuration",
	"usage: config save\n"
	"       config check file\n"
	"       config apply file\n"},
    {"info", info_main, "the daemon: version, workers, age", "usage: info [--json]\n"},
    {"halt", halt_main, "stop the daemon", "usage: halt\n"},
    {"dumpbus", dumpbus_main, "the frames of a shmif segment as pcap",
	"usage: dumpbus [-f] [-c count] [-w file] [-p file] busfile\n"},
    {"pcapin", pcapin_main, "frames of a pcap file onto a shmif segment", "usage: pcapin file busfile\n"},
    {NULL},
};

static const struct tool *
tool_find(const char *name)
{
	for (const struct tool *t = tools; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static int
help(FILE *f)
{
	fprintf(f, "usage: smpnet [-s url] [-w seconds] tool [arguments]\n\ntools:\n");
	for (const struct tool *t = tools; t->name != NULL; t++)
		fprintf(f, "  %-12s %s\n", t->name, t->summary);
	fprintf(f, "  %-12s %s\n  %-12s %s\n", "help", "this list, or the usage of one tool", "version", "the version");
	fprintf(f,
	    "\nThe daemon is named by -s url, by the environment variable SMPNET_SERVER, or is\n%s.\n"
	    "-w waits at most so long for a daemon that is starting.\n",
	    smpnet_default_url());
	return f == stdout ? 0 : 1;
}

/* The tool is not known yet, so that its messages cannot be used. */
static double
wait_seconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 3600)) {
		fprintf(stderr, "smpnet: bad wait: %s (0 to 3600 seconds)\n", text);
		exit(1);
	}
	return seconds;
}

int
main(int argc, char **argv)
{
	const char *self = argc > 0 && strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];

	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	if ((tool_self = tool_find(self)) == NULL) {
		/* Called as smpnet: options, then the tool's name. */
		argc--, argv++;
		while (argc > 0 && argv[0][0] == '-') {
			if (strcmp(argv[0], "-s") == 0 && argc > 1) {
				tool_url = argv[1];
				argc -= 2, argv += 2;
			} else if (strcmp(argv[0], "-w") == 0 && argc > 1) {
				tool_wait = wait_seconds(argv[1]);
				argc -= 2, argv += 2;
			} else if (strcmp(argv[0], "-v") == 0 || strcmp(argv[0], "--version") == 0) {
				printf("smpnet %s\n", SMPNET_VERSION);
				return 0;
			} else {
				bool asked = strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0;

				if (!asked)
					fprintf(stderr, "smpnet: unknown option %s\n", argv[0]);
				return help(asked ? stdout : stderr);
			}
		}
		if (argc == 0)
			return help(stdout);
		if (strcmp(argv[0], "version") == 0) {
			printf("smpnet %s\n", SMPNET_VERSION);
			return 0;
		}
		if (strcmp(argv[0], "help") == 0) {
			if (argc < 2)
				return help(stdout);
			if ((tool_self = tool_find(argv[1])) == NULL) {
				fprintf(stderr, "smpnet: no tool '%s'\n", argv[1]);
				return 1;
			}
			printf("%s", tool_self->usage != NULL ? tool_self->usage : cmd_usage(tool_self->name));
			return 0;
		}
		if ((tool_self = tool_find(argv[0])) == NULL) {
			fprintf(stderr, "smpnet: no tool '%s'; 'smpnet help' lists them\n", argv[0]);
			return 1;
		}
	}
	argv[0] = (char *)(uintptr_t)tool_self->name;
	return tool_self->main(argc, argv);
}
