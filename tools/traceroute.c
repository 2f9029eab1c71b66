/* SPDX-License-Identifier: BSD-2-Clause */
/* traceroute and traceroute6: the daemon sends the probes; this prints their answers, one line a hop. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

/* What is appended to the time when the answer is neither "time exceeded" nor the expected end. */
static const char *
mark(const json_t *e, bool v6)
{
	int type = jint(e, "icmptype"), code = jint(e, "icmpcode");

	if (!v6 && type == 3) {
		switch (code) {
		case 0:
		case 6:
			return " !N";
		case 1:
		case 7:
			return " !H";
		case 2:
			return " !P";
		case 3:
			return "";
		case 4:
			return " !F";
		case 5:
			return " !S";
		case 9:
		case 10:
		case 13:
			return " !X";
		default:
			return " !<>";
		}
	}
	if (v6 && type == 1)
		return code == 0   ? " !N"
		       : code == 1 ? " !P"
		       : code == 2 ? " !S"
		       : code == 3 ? " !A"
		       : code == 4 ? ""
				   : " !<>";
	return "";
}

struct trace {
	bool v6, numeric;
	long long ttl; /* of the line under way; 0: none yet */
	char from[64]; /* of the last answer of the line */
};

static void
on_probe(struct trace *t, const json_t *e)
{
	const char *from = jstr(e, "from");
	char name[256];

	if (jint(e, "ttl") != t->ttl) {
		if (t->ttl != 0)
			printf("\n");
		t->ttl = jint(e, "ttl");
		t->from[0] = '\0';
		printf("%2lld ", t->ttl);
	}
	if (*from == '\0') {
		printf(" *");
	} else {
		if (strcmp(from, t->from) != 0) {
			if (*t->from != '\0')
				printf("\n   ");
			snprintf(t->from, sizeof(t->from), "%s", from);
			if (t->numeric)
				printf(" %s", from);
			else
				printf(" %s (%s)", addr_lookup(from, name, sizeof(name)) ? name : from, from);
		}
		printf("  %.3f ms%s", json_number_value(json_object_get(e, "rtt_us")) / 1000.0, mark(e, t->v6));
	}
	fflush(stdout);
}

/* A router that packets go by: a loose source route, or a routing header of type 0. */
static void
add_hop(json_t *p, bool v6, const char *host)
{
	char address[96];

	addr_resolve(v6 ? AF_INET6 : AF_INET, host, address, sizeof(address));
	if (json_object_get(p, "hops") == NULL)
		json_object_set_new(p, "hops", json_array());
	json_array_append_new(json_object_get(p, "hops"), json_string(address));
}

static int
trace(int argc, char **argv, bool v6)
{
	bool json = tool_option_json(&argc, argv), reached = false;
	struct sigaction sa = {.sa_handler = on_interrupt};
	struct trace t = {.v6 = v6};
	struct smpnet_stream *st;
	json_t *p = json_object(), *e;
	long long max = 64, size = v6 ? 60 : 40;
	char dst[96];
	int i, r = 0;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			const char *arg = NULL;

			if (strchr(v6 ? "fgmpqsw" : "AfgiMmPpqstwz", *o) != NULL &&
			    (arg = o[1] != '\0' ? o + 1 : argv[++i]) == NULL)
				tool_usage();
			switch (*o) {
			case 'n':
				t.numeric = true;
				break;
			case 'F':
				json_object_set_new(p, "df", json_true());
				break;
			case 'g':
				add_hop(p, v6, arg);
				break;
			case 'i':
				json_object_set_new(p, "interface", json_string(arg));
				break;
			case 't':
				json_object_set_new(p, "tos", json_integer(tool_number("tos", arg, 0, 255)));
				break;
			case 'z':
				json_object_set_new(p, "pause_ms",
				    json_integer((json_int_t)tool_number("pause msecs", arg, 0, 3600000)));
				break;
			case 'I':
				json_object_set_new(p, "icmp", json_true());
				break;
			case 'f':
				json_object_set_new(
				    p, "first_ttl", json_integer(tool_number("first ttl", arg, 1, 255)));
				break;
			case 'm':
				max = tool_number("max ttl", arg, 1, 255);
				break;
			case 'p':
				json_object_set_new(p, "port", json_integer(tool_number("port", arg, 1, 65535)));
				break;
			case 'q':
				json_object_set_new(p, "queries", json_integer(tool_number("nprobes", arg, 1, 255)));
				break;
			case 's':
				json_object_set_new(p, "source", json_string(arg));
				break;
			case 'w':
				json_object_set_new(
				    p, "wait_ms", json_integer((json_int_t)(tool_seconds("wait time", arg) * 1000)));
				break;
			case 'd':
			case 'l':
			case 'v':
				break;
			default:
				tool_warn("-%c: not supported", *o);
				tool_usage();
			}
			if (arg != NULL)
				break;
		}
	if (i >= argc || i + 2 < argc)
		tool_usage();
	if (i + 2 == argc) {
		size = tool_number("packet length", argv[i + 1], v6 ? 60 : 40, 65535);
		json_object_set_new(p, "size", json_integer(size));
	}
	addr_resolve(v6 ? AF_INET6 : AF_INET, argv[i], dst, sizeof(dst));
	json_object_set_new(p, "family", json_string(v6 ? "inet6" : "inet"));
	json_object_set_new(p, "dst", json_string(dst));
	json_object_set_new(p, "max_ttl", json_integer(max));
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if ((st = smpnet_stream_open(tool_server(), "trace.start", p)) == NULL) {
		int err = smpnet_errno(tool_server());

		if (err == EADDRNOTAVAIL)
			tool_fail(1, "bind: %s", tool_strerror(err));
		const char *why = smpnet_error(tool_server());

		if ((err == EHOSTUNREACH || err == ENETUNREACH) && strstr(why, " needs ") == NULL)
			tool_fail(1, "%s: %s", v6 ? "connect" : "sendto", tool_strerror(err));
		if (err == EHOSTUNREACH || err == ENETUNREACH)
			tool_fail(1, "%s: %s (%s)", v6 ? "connect" : "sendto", tool_strerror(err), why);
		tool_fail(1, "%s", why);
	}
	if (!json)
		fprintf(stderr, "%s to %s (%s), %lld hops max, %lld byte packets\n", v6 ? "traceroute6" : "traceroute",
		    argv[i], dst, max, size);
	while (!interrupted && (r = smpnet_stream_next(st, &e, -1)) != 0) {
		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r < 0)
			tool_fail(1, "%s", smpnet_error(tool_server()));
		reached |= jbool(e, "final");
		if (json) {
			json_dumpf(e, stdout, JSON_COMPACT);
			printf("\n");
		} else {
			on_probe(&t, e);
		}
		json_decref(e);
	}
	if (r == 0)
		json_decref(e);
	if (t.ttl != 0)
		printf("\n");
	smpnet_stream_close(st);
	return reached ? 0 : 1;
}

int
traceroute_main(int argc, char **argv)
{
	return trace(argc, argv, false);
}

int
traceroute6_main(int argc, char **argv)
{
	return trace(argc, argv, true);
}
