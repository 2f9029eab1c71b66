/* SPDX-License-Identifier: BSD-2-Clause */
/* smpnetd: start and stop, two mirrored lists. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "ctl/config.h"
#include "ctl/ctl.h"
#include "ctl/sysctl.h"
#include "dev/dev.h"
#include "ether/ether.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "mp/eal.h"
#include "mp/mp.h"
#include "pkt/pkt.h"
#include "route/route.h"

static struct event_base *base;

static void
usage(FILE *f)
{
	fprintf(
	    f, "usage: smpnetd [-dhqv] [-f CONF] [-g GROUP] [-l CPULIST] [-p BUFFERS] [-w WORKERS] [unix://PATH]\n");
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

/* Which interfaces a packet names must still be the ones it named when it went into a ring. */
static bool
packet_interfaces_live(const struct pktmeta *meta)
{
	struct ifnet *ifp;

	if (meta->iif != 0 && ((ifp = ifnet_get(meta->iif)) == NULL || ifp->if_gen != meta->iifgen))
		return false;
	if (meta->stage == PKT_IF_TRANSMIT && ((ifp = ifnet_get(meta->oif)) == NULL || ifp->if_gen != meta->oifgen))
		return false;
	return true;
}

static void
ether_resume(struct worker *w, struct pktvec *v)
{
	/* pkt_resume gives vectors of one interface; it exists: packet_interfaces_live */
	ether_input(w, ifnet_get(pkt_meta(v->m[0])->iif), v);
}

static void
stages_register(void)
{
	mp_hooks = (struct mp_hooks){.resume = pkt_resume, .reinput = pkt_run_reinput, .flush = if_flush};
	pkt_stage_check(packet_interfaces_live);
	pkt_stage_register(PKT_ETHER_INPUT, ether_resume);
	pkt_stage_register(PKT_IP_INPUT, ip_input);
	pkt_stage_register(PKT_IP6_INPUT, ip6_input);
	pkt_stage_register(PKT_IP_OUTPUT, ip_output);
	pkt_stage_register(PKT_IP6_OUTPUT, ip6_output);
	pkt_stage_register(PKT_NH_OUTPUT, nh_output);
	pkt_stage_register(PKT_IF_TRANSMIT, if_transmit);
}

/* The start list.  stop() mirrors it. */
static int
start(const struct mp_config *conf)
{
	int r;

	if ((r = mp_eal_init()) != 0 || (r = pkt_init()) != 0 || (r = mp_start(conf, base)) != 0)
		return r;
	if ((r = sysctl_init()) != 0 || (r = ifnet_init()) != 0 || (r = route_init()) != 0 || (r = neigh_init()) != 0 ||
	    (r = ip_init()) != 0 || (r = ip6_init()) != 0 || (r = dev_init()) != 0)
		return r;
	stages_register();
	if ((r = mp_run()) != 0)
		return r;
	return if_lo_create();
}

/* Waits until nothing is on its way back (devices being closed, grace periods), in the event loop, for a bounded while.
 */
static void
settle(void)
{
	for (int i = 0; i < 2000 && (mp_deferred_pending() > 0 || mp_helper_pending() > 0 || !TAILQ_EMPTY(&ifnet_list));
	     i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
}

static void
stop(void)
{
	ifnet_destroy_all();
	settle();
	dev_fini();
	ip6_fini();
	ip_fini();
	neigh_fini();
	route_fini();
	ifnet_fini();
	sysctl_fini();
	settle();
	mp_stop();
	mp_eal_fini();
}

int
main(int argc, char **argv)
{
	const char *conffile = NULL, *group = NULL, *url = NULL;
	struct event *sigint, *sigterm;
	struct mp_config conf = {0};
	int c, r;

	while ((c = getopt(argc, argv, "df:g:hl:p:qvw:")) != -1) {
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
	base = event_base_new();
	if (base == NULL)
		return 1;
	/* a live socket is refused before anything else is done; clients are served once the loop runs */
	if (ctl_start(base, url, group) != 0)
		return 1;
	r = start(&conf);
	sigint = evsignal_new(base, SIGINT, on_signal, NULL);
	sigterm = evsignal_new(base, SIGTERM, on_signal, NULL);
	if (r == 0 && (evsignal_add(sigint, NULL) != 0 || evsignal_add(sigterm, NULL) != 0))
		r = -ENOMEM;
	if (r == 0 && conffile != NULL)
		r = config_load_file(conffile);
	if (r == 0)
		event_base_dispatch(base);
	ctl_stop();
	event_free(sigint);
	event_free(sigterm);
	stop();
	event_base_free(base);
	libevent_global_shutdown();
	return r != 0;
}
