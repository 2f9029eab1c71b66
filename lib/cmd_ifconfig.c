/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: ifconfig. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_impl.h"

/* What one command line says about one address; several may follow each other, each begun by "inet" or "inet6". */
struct address {
	struct cmd_addr addr, peer, broadcast;
	bool has_addr, has_peer, has_broadcast;
	bool remove, alias, anycast, eui64;
	int deprecated; /* -1: not said */
	int plen;	/* from netmask or prefixlen, -1: not said */
	json_t *pltime, *vltime;
	const char *word; /* the last word that needs an address: for the error when there is none */
};

/* A keyword whose effect is one if.set of one boolean. */
static const struct flag {
	const char *word, *param;
	bool value;
} flags[] = {
    {"up", "up", true},
    {"down", "up", false},
    {"arp", "arp", true},
    {"-arp", "arp", false},
    {"debug", "debug", true},
    {"-debug", "debug", false},
    {"link0", "link0", true},
    {"-link0", "link0", false},
    {"link1", "link1", true},
    {"-link1", "link1", false},
    {"link2", "link2", true},
    {"-link2", "link2", false},
    {"promisc", "promisc", true},
    {"-promisc", "promisc", false},
};

/* NetBSD's words for what smpnet does not have: a better answer than "unknown". */
static const char *const unsupported[] = {"vlan", "vlanif", "-vlanif", "tunnel", "deletetunnel", "-tunnel", "session",
    "cookie", "-cookie", "unnumbered", "-unnumbered", "laggproto", "laggport", "-laggport", "laggportpri", "lagglacp",
    "laggfailover", "agrport", "-agrport", "vhid", "advskew", "advbase", "pass", "carpdev", "state", "mediaopt",
    "-mediaopt", "instance", "mode", "ssid", "nwid", "nwkey", "bssid", "chan", "list", "scan", "description", "descr",
    "-description", "vrf", "softrss", "rsskey", "grekey", "vxlanid", "ip4csum", "tcp4csum", "udp4csum", "tcp6csum",
    "udp6csum", "tso4", "tso6", "ip4csum-tx", "ip4csum-rx", "atalk", "linkstate", "addrlifetime"};

static const struct flag *
flag_find(const char *word)
{
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(flags[i].word, word) == 0)
			return &flags[i];
	return NULL;
}

static json_t *
call_set(struct cmd_ctx *ctx, const char *ifname, const char *what)
{
	json_t *p = cmd_call(ctx, "if.set", what);

	cmd_set(ctx, p, "name", json_string(ifname));
	return p;
}

/* The prefix length of an IPv4 address without one: its class, as ever. */
static int
classful(const struct in_addr *in)
{
	uint32_t a = ntohl(in->s_addr);

	return a < 0x80000000U ? 8 : a < 0xc0000000U ? 16 : a < 0xe0000000U ? 24 : 32;
}

static void
address_reset(struct address *a)
{
	json_decref(a->pltime);
	json_decref(a->vltime);
	memset(a, 0, sizeof(*a));
	a->plen = a->deprecated = -1;
}

/* The address said so far becomes a call. */
static int
address_commit(struct cmd_ctx *ctx, const char *ifname, struct address *a)
{
	bool v6 = a->addr.family == AF_INET6;
	int plen = a->addr.plen >= 0 ? a->addr.plen : a->plen;
	json_t *p;

	if (!a->has_addr)
		return a->word != NULL ? cmd_fail(ctx, EINVAL, "%s: an address is missing", a->word) : 0;
	if (plen > (v6 ? 128 : 32))
		return cmd_fail(ctx, EINVAL, "%s: prefix length %d is too long", a->addr.text, plen);
	if (a->remove) {
		p = cmd_call(ctx, "if.addr.delete", v6 ? "SIOCDIFADDR_IN6" : "SIOCDIFADDR");
	} else {
		p = cmd_call(ctx, "if.addr.add", v6 ? "SIOCAIFADDR_IN6" : "SIOCAIFADDR");
		if (plen < 0)
			plen = v6 ? (a->has_peer ? 128 : 64) : classful(&a->addr.in4);
		cmd_set(ctx, p, "plen", json_integer(plen));
		if (a->has_peer)
			cmd_set(ctx, p, "peer", json_string(a->peer.text));
		if (a->has_broadcast)
			cmd_set(ctx, p, "broadcast", json_string(a->broadcast.text));
		if (!v6 && !a->alias) /* as in NetBSD: in place of the first one */
			cmd_set(ctx, p, "replace", json_true());
		if (a->anycast)
			cmd_set(ctx, p, "anycast", json_true());
		if (a->deprecated >= 0)
			cmd_set(ctx, p, "deprecated", json_boolean(a->deprecated));
		if (a->eui64)
			cmd_set(ctx, p, "eui64", json_true());
		if (a->pltime != NULL)
			cmd_set(ctx, p, "pltime", json_incref(a->pltime));
		if (a->vltime != NULL)
			cmd_set(ctx, p, "vltime", json_incref(a->vltime));
	}
	cmd_set(ctx, p, "name", json_string(ifname));
	cmd_set(ctx, p, "family", json_string(v6 ? "inet6" : "inet"));
	cmd_set(ctx, p, "address", json_string(a->addr.text));
	address_reset(a);
	return 0;
}

/* A word that is an address: the first is ours, the second the peer's. */
static int
address_word(struct cmd_ctx *ctx, const char *ifname, int family, const char *word, struct address *a)
{
	struct cmd_addr x;
	int error;

	if ((error = cmd_address(ctx, family, NULL, word, !a->has_addr, &x)) != 0)
		return error;
	if (x.zone[0] != '\0' && strcmp(x.zone, ifname) != 0)
		return cmd_fail(ctx, EINVAL, "%s: the zone is not %s", word, ifname);
	if (x.family == AF_INET6)
		x.text[strcspn(x.text, "%")] = '\0';
	if (a->has_peer)
		return cmd_fail(ctx, EINVAL, "'%s': a third address", word);
	if (a->has_addr) {
		if (x.family != a->addr.family)
			return cmd_fail(ctx, EINVAL, "%s and %s are of different families", a->addr.text, word);
		a->peer = x;
		a->has_peer = true;
	} else {
		a->addr = x;
		a->has_addr = true;
	}
	return 0;
}

static int
lifetime(struct cmd_ctx *ctx, const char *keyword, const char *word, json_t **valuep)
{
	long long n;
	int error;

	json_decref(*valuep);
	*valuep = NULL;
	if (word != NULL && (strcmp(word, "infty") == 0 || strcmp(word, "infinity") == 0))
		n = 0xffffffffLL;
	else if ((error = cmd_number(ctx, keyword, word, 0, 0xffffffffLL, &n)) != 0)
		return error;
	*valuep = json_integer(n);
	return 0;
}

/* One keyword about an address and its argument.  Returns the words taken, 0: not such a keyword, or -errno. */
static int
address_keyword(struct cmd_ctx *ctx, int family, char *const *w, struct address *a)
{
	int af = a->has_addr ? a->addr.family : family;
	long long n;
	int error;

	if (strcmp(w[0], "alias") == 0) {
		a->alias = true;
		a->word = w[0];
		return 1;
	}
	if (strcmp(w[0], "-alias") == 0 || strcmp(w[0], "delete") == 0) {
		a->remove = true;
		a->word = w[0];
		return 1;
	}
	if (strcmp(w[0], "anycast") == 0)
		a->anycast = true;
	else if (strcmp(w[0], "-anycast") == 0)
		a->anycast = false;
	else if (strcmp(w[0], "deprecated") == 0)
		a->deprecated = 1;
	else if (strcmp(w[0], "-deprecated") == 0)
		a->deprecated = 0;
	else if (strcmp(w[0], "eui64") == 0)
		a->eui64 = true;
	else
		goto argument;
	a->word = w[0];
	if (af == AF_INET)
		return cmd_fail(ctx, EINVAL, "%s: for inet6 addresses only", w[0]);
	return 1;

argument:
	if (strcmp(w[0], "netmask") == 0) {
		error = cmd_netmask(ctx, af == AF_INET6 ? AF_INET6 : AF_INET, w[1], &a->plen);
	} else if (strcmp(w[0], "prefixlen") == 0) {
		error = cmd_number(ctx, w[0], w[1], 0, af == AF_INET ? 32 : 128, &n);
		a->plen = error == 0 ? n : -1;
	} else if (strcmp(w[0], "broadcast") == 0) {
		error = cmd_address(ctx, AF_INET, w[0], w[1], false, &a->broadcast);
		a->has_broadcast = error == 0;
		if (error == 0 && af == AF_INET6)
			error = cmd_fail(ctx, EINVAL, "broadcast: for inet addresses only");
	} else if (strcmp(w[0], "pltime") == 0) {
		error = lifetime(ctx, w[0], w[1], &a->pltime);
	} else if (strcmp(w[0], "vltime") == 0) {
		error = lifetime(ctx, w[0], w[1], &a->vltime);
	} else {
		return 0;
	}
	a->word = w[0];
	return error != 0 ? error : 2;
}

/* "link MAC", with what is to be done with it.  Returns the words taken. */
static int
link_address(struct cmd_ctx *ctx, const char *ifname, const char *mac, const char *what)
{
	bool delete = what != NULL && (strcmp(what, "delete") == 0 || strcmp(what, "-alias") == 0);
	json_t *p;

	if (what != NULL && strcmp(what, "active") == 0) {
		cmd_set(ctx, call_set(ctx, ifname, "SIOCALIFADDR"), "link", json_string(mac));
		return 3;
	}
	p = cmd_call(ctx, delete ? "if.link.delete" : "if.link.add", delete ? "SIOCDLIFADDR" : "SIOCALIFADDR");
	cmd_set(ctx, p, "name", json_string(ifname));
	cmd_set(ctx, p, "link", json_string(mac));
	return delete || (what != NULL && strcmp(what, "alias") == 0) ? 3 : 2;
}

/* One keyword about the interface.  Returns the words taken, 0: not such a keyword, or -errno. */
static int
interface_keyword(struct cmd_ctx *ctx, const char *ifname, char *const *w)
{
	const struct flag *flag = flag_find(w[0]);
	char mac[18], *path;
	long long n;
	int error;

	if (flag != NULL) {
		cmd_set(ctx, call_set(ctx, ifname, "SIOCSIFFLAGS"), flag->param, json_boolean(flag->value));
		return 1;
	}
	if (strcmp(w[0], "mtu") == 0) {
		if ((error = cmd_number(ctx, w[0], w[1], 0, 0x7fffffff, &n)) != 0)
			return error;
		cmd_set(ctx, call_set(ctx, ifname, "SIOCSIFMTU"), "mtu", json_integer(n));
		return 2;
	}
	if (strcmp(w[0], "metric") == 0) {
		if ((error = cmd_number(ctx, w[0], w[1], 0, 0x7fffffff, &n)) != 0)
			return error;
		cmd_set(ctx, call_set(ctx, ifname, "SIOCSIFMETRIC"), "metric", json_integer(n));
		return 2;
	}
	if (strcmp(w[0], "urpf") == 0) {
		if (w[1] == NULL ||
		    (strcmp(w[1], "strict") != 0 && strcmp(w[1], "loose") != 0 && strcmp(w[1], "off") != 0))
			return cmd_fail(
			    ctx, EINVAL, "urpf: '%s' is not strict, loose or off", w[1] != NULL ? w[1] : "");
		cmd_set(ctx, call_set(ctx, ifname, "urpf"), "urpf", json_string(w[1]));
		return 2;
	}
	if (strcmp(w[0], "queues") == 0) {
		if ((error = cmd_number(ctx, w[0], w[1], 1, 1024, &n)) != 0)
			return error;
		cmd_set(ctx, call_set(ctx, ifname, "queues"), "queues", json_integer(n));
		return 2;
	}
	if (strcmp(w[0], "link") == 0) {
		if ((error = cmd_lladdr(ctx, w[0], w[1], mac)) != 0)
			return error;
		return link_address(ctx, ifname, mac, w[2]);
	}
	if (strcmp(w[0], "linkstr") == 0) {
		if (w[1] == NULL)
			return cmd_fail(ctx, EINVAL, "linkstr: a file name is missing");
		if ((path = cmd_path(ctx, w[1])) != NULL)
			cmd_set(ctx, call_set(ctx, ifname, "SIOCSLINKSTR"), "linkstr", json_string(path));
		free(path);
		return 2;
	}
	if (strcmp(w[0], "-linkstr") == 0) {
		cmd_set(ctx, call_set(ctx, ifname, "SIOCSLINKSTR"), "linkstr", json_null());
		return 1;
	}
	if (strcmp(w[0], "media") == 0) {
		if (w[1] == NULL ||
		    (strcmp(w[1], "auto") != 0 && strcmp(w[1], "autoselect") != 0 && strcmp(w[1], "none") != 0))
			return cmd_fail(ctx, EINVAL, "media: '%s' is not auto or none", w[1] != NULL ? w[1] : "");
		cmd_set(
		    ctx, call_set(ctx, ifname, "SIOCSIFMEDIA"), "media", json_string(w[1][0] == 'a' ? "auto" : "none"));
		return 2;
	}
	for (unsigned i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (strcmp(unsupported[i], w[0]) == 0)
			return cmd_fail(ctx, ENOTSUP, "%s: not supported", w[0]);
	return 0;
}

/* Everything after the interface's name.  Addresses are set last, as NetBSD does, unless the interface is destroyed. */
static int
configure(struct cmd_ctx *ctx, const char *ifname, char *const *w)
{
	struct address a = {0};
	int family = AF_UNSPEC, n = 0;

	address_reset(&a);
	for (; *w != NULL; w += n) {
		if (strcmp(*w, "create") == 0 || strcmp(*w, "destroy") == 0) {
			cmd_set(ctx,
			    cmd_call(ctx, **w == 'c' ? "if.create" : "if.destroy",
				**w == 'c' ? "SIOCIFCREATE" : "SIOCIFDESTROY"),
			    "name", json_string(ifname));
			n = 1;
			continue;
		}
		if (strcmp(*w, "inet") == 0 || strcmp(*w, "inet6") == 0) {
			if (a.has_addr && (n = address_commit(ctx, ifname, &a)) != 0)
				break;
			family = strcmp(*w, "inet") == 0 ? AF_INET : AF_INET6;
			a.word = *w;
			n = 1;
			continue;
		}
		n = address_keyword(ctx, family, w, &a);
		if (n == 0)
			n = interface_keyword(ctx, ifname, w);
		if (n == 0) {
			struct cmd_addr x;

			/* A host's name needs "inet" or "inet6" before it: a mistyped keyword must not wait for a name server. */
			if (family == AF_UNSPEC && !cmd_is_address(AF_UNSPEC, *w, true, &x))
				n = cmd_fail(ctx, EINVAL, "'%s' is neither a keyword nor an address", *w);
			else if ((n = address_word(ctx, ifname, family, *w, &a)) == 0)
				n = 1;
		}
		if (n < 0)
			break;
	}
	if (n >= 0)
		n = address_commit(ctx, ifname, &a);
	address_reset(&a);
	return n < 0 ? n : 0;
}

int
cmd_ifconfig(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	int arg = 1;

	/* Options, and an interface with nothing or a family only, just show. */
	while (arg < argc && argv[arg][0] == '-')
		arg++;
	if (arg > 1 || arg >= argc || argc == 2 ||
	    (argc == 3 &&
		(strcmp(argv[2], "inet") == 0 || strcmp(argv[2], "inet6") == 0 || strcmp(argv[2], "link") == 0 ||
		    strcmp(argv[2], "atalk") == 0 || strcmp(argv[2], "--json") == 0))) {
		ctx->out->display = true;
		return 0;
	}
	if (!cmd_is_ifname(argv[1]))
		return cmd_fail(ctx, EINVAL, "'%s' is not an interface name (letters, then a number)", argv[1]);
	return configure(ctx, argv[1], argv + 2);
}
