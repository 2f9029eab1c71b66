/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: route. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_impl.h"

struct gateway {
	struct cmd_addr addr;
	const char *word;
	const char *ifname; /* -ifp */
	int weight, mtu;    /* 0: not said */
};

struct route {
	int family; /* AF_UNSPEC: by the destination */
	bool net, host, mpath, iface;
	bool lock, lockrest; /* the next metric, all that follow */
	const char *dst;
	struct gateway *gw;
	unsigned ngw;
	const char *mask;
	int plen;
	const char *ifp, *ifa;
	json_t *extra; /* flags and metrics, as the method names them */
};

/* A modifier that sets one boolean parameter. */
static const struct {
	const char *word, *param;
	bool value;
} modifiers[] = {
    {"-blackhole", "blackhole", true},
    {"-noblackhole", "blackhole", false},
    {"-reject", "reject", true},
    {"-noreject", "reject", false},
    {"-static", "static", true},
    {"-nostatic", "static", false},
    {"-proto1", "proto1", true},
    {"-proto2", "proto2", true},
    {"-proxy", "announce", true},
    {"-nocloning", "connected", false},
    {"-noconnected", "connected", false},
};

static const struct {
	const char *word, *why;
} unsupported[] = {
    {"-tag", ": there is no MPLS yet"},
    {"-mpls", ": there is no MPLS yet"},
    {"-cloned", ""},
    {"-nocloned", ""},
    {"-llinfo", ": arp and ndp set link addresses"},
    {"-xresolve", ""},
    {"-osi", ""},
    {"-xns", ""},
    {"-atalk", ""},
    {"-genmask", ""},
    {"-rtt", ": routes have -mtu and -expire"},
    {"-rttvar", ": routes have -mtu and -expire"},
    {"-sendpipe", ": routes have -mtu and -expire"},
    {"-recvpipe", ": routes have -mtu and -expire"},
    {"-hopcount", ": routes have -mtu and -expire"},
    {"-ssthresh", ": routes have -mtu and -expire"},
};

/* A positional word: destination, gateways, or the mask in third place. */
static int
positional(struct cmd_ctx *ctx, struct route *r, const char *word)
{
	struct gateway *gw;

	if (r->dst == NULL) {
		r->dst = word;
		return 0;
	}
	if (!r->mpath && r->ngw == 1) {
		if (r->mask != NULL)
			return cmd_fail(ctx, EINVAL, "'%s': too many words (several gateways need -mpath)", word);
		r->mask = word;
		return 0;
	}
	if (r->ngw == 64)
		return cmd_fail(ctx, EINVAL, "'%s': more than 64 gateways", word);
	if ((gw = realloc(r->gw, (r->ngw + 1) * sizeof(*gw))) == NULL) {
		ctx->nomem = true;
		return cmd_fail(ctx, ENOMEM, "out of memory");
	}
	r->gw = gw;
	gw[r->ngw++] = (struct gateway){.word = word};
	return 0;
}

/* One "-word".  Returns the words taken or -errno. */
static int
modifier(struct cmd_ctx *ctx, struct route *r, char *const *w)
{
	struct gateway *last = r->ngw > 0 ? &r->gw[r->ngw - 1] : NULL;
	const char *k = w[0];
	long long n;
	int error;

	for (unsigned i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
		if (strcmp(modifiers[i].word, k) == 0) {
			cmd_set(ctx, r->extra, modifiers[i].param, json_boolean(modifiers[i].value));
			return 1;
		}
	if (strcmp(k, "-inet") == 0 || strcmp(k, "-inet6") == 0) {
		r->family = strcmp(k, "-inet") == 0 ? AF_INET : AF_INET6;
	} else if (strcmp(k, "-net") == 0) {
		r->net = true;
	} else if (strcmp(k, "-host") == 0) {
		r->host = true;
	} else if (strcmp(k, "-mpath") == 0) {
		r->mpath = true;
	} else if (strcmp(k, "-iface") == 0 || strcmp(k, "-interface") == 0 || strcmp(k, "-link") == 0) {
		r->iface = true;
	} else if (strcmp(k, "-connected") == 0 ||
		   strcmp(k, "-cloning") == 0) { /* the flag C, of its network's hosts */
		r->iface = true;
		cmd_set(ctx, r->extra, "connected", json_true());
	} else if (strcmp(k, "-ifp") == 0) {
		if (w[1] == NULL || !cmd_is_ifname(w[1]))
			return cmd_fail(ctx, EINVAL, "-ifp: '%s' is not an interface name", w[1] != NULL ? w[1] : "");
		if (r->mpath && last != NULL)
			last->ifname = w[1];
		else
			r->ifp = w[1];
		return 2;
	} else if (strcmp(k, "-ifa") == 0) {
		if (w[1] == NULL)
			return cmd_fail(ctx, EINVAL, "-ifa: an address is missing");
		r->ifa = w[1];
		return 2;
	} else if (strcmp(k, "-netmask") == 0) {
		if (w[1] == NULL)
			return cmd_fail(ctx, EINVAL, "-netmask: a mask is missing");
		r->mask = w[1];
		return 2;
	} else if (strcmp(k, "-prefixlen") == 0) {
		if ((error = cmd_number(ctx, k, w[1], 0, 128, &n)) != 0)
			return error;
		r->plen = n;
		return 2;
	} else if (strcmp(k, "-mtu") == 0) {
		if ((error = cmd_number(ctx, k, w[1], 0, 65535, &n)) != 0)
			return error;
		if (r->lock || r->lockrest)
			cmd_set(ctx, r->extra, "lockmtu", json_true());
		r->lock = false;
		if (r->mpath && last != NULL)
			last->mtu = n;
		else
			cmd_set(ctx, r->extra, "mtu", json_integer(n));
		return 2;
	} else if (strcmp(k, "-expire") == 0) {
		if ((error = cmd_number(ctx, k, w[1], 1, 315360000, &n)) != 0)
			return error;
		cmd_set(ctx, r->extra, "expire", json_integer(n));
		r->lock = false;
		return 2;
	} else if (strcmp(k, "-lock") == 0) {
		r->lock = true;
	} else if (strcmp(k, "-lockrest") == 0) {
		r->lockrest = true;
	} else if (strcmp(k, "-weight") == 0) {
		if (!r->mpath || last == NULL)
			return cmd_fail(ctx, EINVAL, "-weight: must follow a gateway of -mpath");
		if ((error = cmd_number(ctx, k, w[1], 1, 64, &n)) != 0)
			return error;
		last->weight = n;
		return 2;
	} else {
		for (unsigned i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
			if (strcmp(unsupported[i].word, k) == 0)
				return cmd_fail(ctx, ENOTSUP, "%s: not supported%s", k, unsupported[i].why);
		return cmd_fail(ctx, EINVAL, "bad keyword: %s", k + 1);
	}
	return 1;
}

/* IPv4 destination without a length: a host, unless -net says or the host part of its class is zero. */
static int
plen_classful(const struct in_addr *in, bool net)
{
	uint32_t a = ntohl(in->s_addr);
	int len = a < 0x80000000U ? 8 : a < 0xc0000000U ? 16 : 24;

	if (!net && (a & (0xffffffffU >> len)) != 0)
		return 32;
	if (!net)
		return a == 0 ? 0 : len;
	/* -net: at least the class, longer if later octets say so. */
	while (len < 32 && (a & (0xffffffffU >> len)) != 0)
		len += 8;
	return a == 0 ? 0 : len;
}

/* The destination: "default", A, A/plen or a network with a mask; the prefix as text. */
static int
destination(struct cmd_ctx *ctx, struct route *r, struct cmd_addr *dst, bool *hostp)
{
	int error, plen, max;

	if (strcmp(r->dst, "default") == 0) {
		if (r->family == AF_UNSPEC && r->ngw > 0 && !r->iface && strchr(r->gw[0].word, ':') != NULL)
			r->family = AF_INET6;
		*dst = (struct cmd_addr){.family = r->family == AF_INET6 ? AF_INET6 : AF_INET, .plen = 0};
		snprintf(dst->text, sizeof(dst->text), "%s", dst->family == AF_INET6 ? "::" : "0.0.0.0");
		*hostp = false;
		return 0;
	}
	/* -net takes 10, 172.16, 10.0.1 as well. */
	if (!r->net || r->family == AF_INET6 || strchr(r->dst, '/') != NULL || strchr(r->dst, ':') != NULL) {
		if ((error = cmd_address(ctx, r->family, NULL, r->dst, true, dst)) != 0)
			return error;
	} else {
		char buf[80];

		snprintf(buf, sizeof(buf), "%s/32", r->dst);
		if (!cmd_is_address(AF_INET, buf, true, dst))
			return cmd_fail(ctx, EINVAL, "'%s' is not a network", r->dst);
		dst->plen = -1;
	}
	max = dst->family == AF_INET6 ? 128 : 32;
	plen = dst->plen;
	if (plen < 0 && r->mask != NULL) {
		if ((error = cmd_netmask(ctx, dst->family, r->mask, &plen)) != 0)
			return error;
	} else if (plen < 0) {
		plen = r->plen;
	}
	if (plen > max)
		return cmd_fail(ctx, EINVAL, "-prefixlen: %d is too long for %s", plen, r->dst);
	if (r->host)
		plen = max; /* whatever length the address was written with */
	*hostp = plen < 0 ? false : plen == max && r->host;
	if (plen < 0) {
		if (dst->family == AF_INET6)
			plen = r->net ? 64 : 128;
		else
			plen = plen_classful(&dst->in4, r->net);
		*hostp = plen == max;
	}
	dst->plen = plen;
	return 0;
}

/* The gateways, as one address or as a list. */
static int
gateways(struct cmd_ctx *ctx, struct route *r, int family, json_t *p)
{
	json_t *list;
	int error;

	if (r->ngw == 0)
		return 0;
	if (r->iface) {
		/* The "gateway" names the interface, by its name or by its address. */
		const char *word = r->gw[0].word;

		if (r->ngw > 1)
			return cmd_fail(ctx, EINVAL, "'%s': one interface only", r->gw[1].word);
		if (cmd_is_ifname(word) || strncmp(word, "link#", 5) == 0) {
			cmd_set(ctx, p, "interface", json_string(word));
			return 0;
		}
		if ((error = cmd_address(ctx, family, NULL, word, false, &r->gw[0].addr)) != 0)
			return error;
		cmd_set(ctx, p, "ifa", json_string(r->gw[0].addr.text));
		return 0;
	}
	for (unsigned i = 0; i < r->ngw; i++)
		if ((error = cmd_address(ctx, family, NULL, r->gw[i].word, false, &r->gw[i].addr)) != 0)
			return error;
	if (!r->mpath) {
		cmd_set(ctx, p, "gateway", json_string(r->gw[0].addr.text));
		return 0;
	}
	list = json_array();
	for (unsigned i = 0; i < r->ngw; i++) {
		json_t *g = json_object();

		cmd_set(ctx, g, "gateway", json_string(r->gw[i].addr.text));
		if (r->gw[i].weight != 0)
			cmd_set(ctx, g, "weight", json_integer(r->gw[i].weight));
		if (r->gw[i].ifname != NULL)
			cmd_set(ctx, g, "interface", json_string(r->gw[i].ifname));
		if (r->gw[i].mtu != 0)
			cmd_set(ctx, g, "mtu", json_integer(r->gw[i].mtu));
		json_array_append_new(list, g);
	}
	cmd_set(ctx, p, "gateway", list);
	return 0;
}

static int
route_call(struct cmd_ctx *ctx, struct route *r, const char *verb)
{
	const char *method = verb[0] == 'a' ? "route.add" : verb[0] == 'c' ? "route.change" : "route.delete";
	bool host = false, remove = verb[0] == 'd';
	struct cmd_addr dst, ifa;
	char prefix[80], words[512] = "";
	json_t *p;
	int error;

	if (r->dst == NULL)
		return cmd_fail_usage(ctx, "a destination is missing");
	if ((error = destination(ctx, r, &dst, &host)) != 0)
		return error;
	if (r->ngw == 0 && r->ifp == NULL && verb[0] == 'a' && !json_is_true(json_object_get(r->extra, "blackhole")) &&
	    !json_is_true(json_object_get(r->extra, "reject")))
		return cmd_fail_usage(ctx, "a gateway is missing");
	snprintf(prefix, sizeof(prefix), "%s/%d", dst.text, dst.plen);
	p = cmd_call(ctx, method, WRITING);
	cmd_set(ctx, p, "family", json_string(dst.family == AF_INET6 ? "inet6" : "inet"));
	cmd_set(ctx, p, "dst", json_string(prefix));
	if ((error = gateways(ctx, r, dst.family, p)) != 0)
		return error;
	if (!remove) {
		if (r->ifp != NULL)
			cmd_set(ctx, p, "interface", json_string(r->ifp));
		if (r->ifa != NULL) {
			if ((error = cmd_address(ctx, dst.family, "-ifa", r->ifa, false, &ifa)) != 0)
				return error;
			cmd_set(ctx, p, "ifa", json_string(ifa.text));
		}
		if (p != NULL && json_object_update(p, r->extra) != 0)
			ctx->nomem = true;
	} else if (p != NULL) {
		json_object_del(p, "interface");
		json_object_del(p, "ifa");
	}
	for (unsigned i = 0; i < r->ngw; i++) {
		size_t n = strlen(words);

		snprintf(words + n, sizeof(words) - n, "%s%s", i == 0 ? ": gateway " : " ", r->gw[i].word);
	}
	cmd_say(ctx, "%s %s %.*s%s", verb, host ? "host" : "net", (int)strcspn(r->dst, "/"), r->dst, words);
	return 0;
}

int
cmd_route(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	static const char *const shows[] = {"show", "get", "monitor"};
	static const char *const verbs[] = {"add", "change", "delete", "flush"};
	struct route r = {.plen = -1};
	const char *verb = NULL;
	int i, n, error = 0;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		if (strspn(argv[i] + 1, "nqvfLStTds") != strlen(argv[i] + 1))
			return cmd_fail_usage(ctx, argv[i]);
		if (strchr(argv[i], 'q') != NULL)
			ctx->out->quiet = true;
		if (strchr(argv[i], 'd') != NULL)
			return cmd_fail(ctx, ENOTSUP, "%s: not supported", argv[i]);
		if (strchr(argv[i], 'f') != NULL && ctx->out->ncalls == 0)
			cmd_call(ctx, "route.flush", WRITING);
	}
	if (i >= argc)
		return ctx->out->ncalls > 0 ? 0 : cmd_fail_usage(ctx, "a command is missing");
	for (unsigned k = 0; k < sizeof(shows) / sizeof(shows[0]); k++)
		if (strcmp(argv[i], shows[k]) == 0) {
			cmd_free(ctx->out);
			ctx->out->tool = "route";
			ctx->out->display = true;
			return 0;
		}
	for (unsigned k = 0; k < sizeof(verbs) / sizeof(verbs[0]); k++)
		if (strcmp(argv[i], verbs[k]) == 0)
			verb = verbs[k];
	if (verb == NULL)
		return cmd_fail(ctx, EINVAL, "bad keyword: %s", argv[i]);
	r.extra = json_object();
	for (i++; i < argc && error >= 0; i += n) {
		error = n = argv[i][0] == '-' ? modifier(ctx, &r, argv + i) : positional(ctx, &r, argv[i]);
		if (argv[i][0] != '-' && n == 0)
			n = 1;
		if (n < 0)
			break;
	}
	if (error >= 0 && verb[0] == 'f') {
		json_t *p = NULL;

		if (r.dst != NULL)
			error = cmd_fail_usage(ctx, "flush takes no destination");
		else
			p = cmd_call(ctx, "route.flush", WRITING);
		if (r.family != AF_UNSPEC)
			cmd_set(ctx, p, "family", json_string(r.family == AF_INET ? "inet" : "inet6"));
	} else if (error >= 0) {
		error = route_call(ctx, &r, verb);
	}
	free(r.gw);
	json_decref(r.extra);
	return error < 0 ? error : 0;
}
