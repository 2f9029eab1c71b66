/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language's entry, and the words that several commands share: addresses, masks, numbers, file names. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_impl.h"

static const struct {
	const char *name;
	int (*parse)(struct cmd_ctx *, int, char *const *);
	const char *usage;
} commands[] = {
    {"ifconfig", cmd_ifconfig,
	"usage: ifconfig [-h] [-m] [-N] [-v] [-z] [-L] [--json] [interface | index] [inet | inet6 | link]\n"
	"       ifconfig -a [-b | -d | -s | -u] [-h] [-m] [-N] [-v] [-z] [-L] [--json] [inet | inet6 | link]\n"
	"       ifconfig -l [-b | -d | -s | -u]\n"
	"       ifconfig -s interface\n"
	"       ifconfig -C\n"
	"       ifconfig -w seconds [-W seconds]\n"
	"       ifconfig interface create | destroy\n"
	"       ifconfig interface [af] [address[/prefixlen] [dest_address]] [alias | -alias | delete]\n"
	"               [netmask mask] [prefixlen n] [broadcast addr] [[-]anycast] [[-]deprecated]\n"
	"               [pltime n] [vltime n] [eui64]\n"
	"       ifconfig interface [up | down] [mtu n] [metric n] [link addr [active | delete]] [[-]arp] [[-]debug]\n"
	"               [[-]link0] [[-]link1] [[-]link2] [[-]promisc] [linkstr file | -linkstr]\n"
	"               [media auto | none] [queues n] [urpf strict | loose | off]\n"},
    {"route", cmd_route,
	"usage: route [-fnqv] cmd [[-]<qualifier> args]\n"
	"       route [-nqv] add | change [-inet | -inet6] [-net | -host] destination[/prefixlen] [gateway] [netmask]\n"
	"               [-netmask mask] [-prefixlen n] [-ifa addr] [-ifp interface] [-iface] [-link]\n"
	"               [-[no]blackhole] [-[no]reject] [-[no]static] [-[no]connected] [-proxy] [-proto1] [-proto2]\n"
	"               [-lock | -lockrest] [-mtu n] [-expire n]\n"
	"       route [-nqv] add | change -mpath destination gateway [-weight n] [-ifp interface] [-mtu n] ...\n"
	"       route [-nqv] delete [-inet | -inet6] [-net | -host] destination[/prefixlen] [gateway]\n"
	"       route [-ns] get [-inet | -inet6] [--json] destination\n"
	"       route [-nv] show [-inet | -inet6] [--json]\n"
	"       route [-nq] flush [-inet | -inet6]\n"
	"       route [-n] monitor [-c count] [--json]\n"},
    {"arp", cmd_arp,
	"usage: arp [-n] [--json] hostname\n"
	"       arp [-nv] -a [--json]\n"
	"       arp -d hostname ... | -d -a\n"
	"       arp -s hostname ether_addr [temp] [pub [proxy]]\n"
	"       arp -f filename\n"},
    {"ndp", cmd_ndp,
	"usage: ndp [-nt] [--json] hostname\n"
	"       ndp [-nt] -a | -c | -p | -r [--json]\n"
	"       ndp [-nt] -A wait\n"
	"       ndp -H | -I | -P | -R\n"
	"       ndp -f filename\n"
	"       ndp -i interface [expressions ...] [--json]\n"
	"       ndp -d hostname\n"
	"       ndp -s hostname ether_addr [temp] [proxy]\n"},
    {"rtadvd", cmd_rtadvd,
	"usage: rtadvd [-DfRs] [-c file] [-p pidfile] interface ...\n"
	"       rtadvd -d interface ...\n"
	"       rtadvd [--json]\n"},
    {"sysctl", cmd_sysctl,
	"usage: sysctl [-nq] [--json] name ...\n"
	"       sysctl [-nq] -a [--json]\n"
	"       sysctl [-nq] -w name=value ...\n"},
    {"attach", cmd_attach, "usage: attach name [queues n] [as interface] [via xdp | packet] [--take]\n"},
    {"detach", cmd_detach, "usage: detach interface\n"},
};

static int
command_find(const char *tool)
{
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, tool) == 0)
			return i;
	return -1;
}

const char *
cmd_usage(const char *tool)
{
	int i = command_find(tool);

	return i < 0 ? NULL : commands[i].usage;
}

int
cmd_parse(int argc, char *const *argv, const struct cmd_env *env, struct cmd *out, char *err, size_t errlen)
{
	static const struct cmd_env numeric;
	struct cmd_ctx ctx = {.env = env != NULL ? env : &numeric, .out = out, .err = err, .errlen = errlen};
	int i, error;

	memset(out, 0, sizeof(*out));
	if (errlen > 0)
		err[0] = '\0';
	if (argc < 1)
		return -EINVAL;
	if ((i = command_find(argv[0])) < 0) {
		snprintf(err, errlen, "%s: no such command", argv[0]);
		return -ENOENT;
	}
	out->tool = commands[i].name;
	/* Words become JSON strings. */
	for (int k = 1; k < argc; k++) {
		json_t *word = json_string(argv[k]);

		if (word == NULL)
			return cmd_fail(&ctx, EINVAL, "word %d is not UTF-8", k);
		json_decref(word);
	}
	error = commands[i].parse(&ctx, argc, argv);
	if (error == 0 && ctx.nomem)
		error = cmd_fail(&ctx, ENOMEM, "out of memory");
	if (error != 0)
		cmd_free(out);
	return error;
}

void
cmd_free(struct cmd *cmd)
{
	for (unsigned i = 0; i < cmd->ncalls; i++) {
		json_decref(cmd->calls[i].params);
		free(cmd->calls[i].say);
	}
	free(cmd->calls);
	memset(cmd, 0, sizeof(*cmd));
}

int
cmd_split(const char *line, char ***argvp, char *err, size_t errlen)
{
	size_t len = strlen(line), max = len / 2 + 2;
	char **argv = malloc(max * sizeof(char *) + len + 1);
	char quote = '\0', *w;
	int argc = 0;
	bool in = false;

	*argvp = NULL;
	if (argv == NULL) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	w = (char *)(argv + max);
	for (const char *p = line;; p++) {
		if (quote == '\0' && (*p == '\0' || isspace((unsigned char)*p))) {
			if (in)
				*w++ = '\0';
			in = false;
			if (*p == '\0')
				break;
			continue;
		}
		if (*p == '\0') {
			snprintf(err, errlen, "quote not closed: %c", quote);
			free(argv);
			return -EINVAL;
		}
		if (!in) {
			if (*p == '#')
				break;
			in = true;
			argv[argc++] = w;
		}
		if (*p == quote)
			quote = '\0';
		else if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == '\\' && quote != '\'' && p[1] != '\0')
			*w++ = *++p;
		else
			*w++ = *p;
	}
	argv[argc] = NULL;
	*argvp = argv;
	return argc;
}

char *
cmd_quote(const char *word)
{
	char *text = malloc(2 * strlen(word) + 3), *p = text;

	if (text == NULL)
		return NULL;
	if (*word != '\0' && *word != '#' && strpbrk(word, " \t\r\n\v\f'\"\\") == NULL)
		return memcpy(text, word, strlen(word) + 1);
	*p++ = '"';
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			*p++ = '\\';
		*p++ = *word == '\n' ? '?' : *word; /* a line is a line */
	}
	*p++ = '"';
	*p = '\0';
	return text;
}

int
cmd_fail(struct cmd_ctx *ctx, int error, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(ctx->err, ctx->errlen, "%s: ", ctx->out->tool);

	if (n >= 0 && (size_t)n < ctx->errlen) {
		va_start(ap, fmt);
		vsnprintf(ctx->err + n, ctx->errlen - n, fmt, ap);
		va_end(ap);
	}
	return -error;
}

int
cmd_fail_usage(struct cmd_ctx *ctx, const char *why)
{
	return cmd_fail(ctx, EINVAL, "%s (usage: smpnet help %s)", why, ctx->out->tool);
}

json_t *
cmd_call(struct cmd_ctx *ctx, const char *method, const char *what)
{
	struct cmd *out = ctx->out;
	struct cmd_call *calls = realloc(out->calls, (out->ncalls + 1) * sizeof(*calls));
	json_t *params = json_object();

	if (calls != NULL)
		out->calls = calls;
	if (calls == NULL || params == NULL) {
		ctx->nomem = true;
		json_decref(params);
		return NULL;
	}
	calls[out->ncalls++] = (struct cmd_call){.method = method, .params = params, .what = what};
	return params;
}

void
cmd_say(struct cmd_ctx *ctx, const char *fmt, ...)
{
	va_list ap;

	if (ctx->out->ncalls == 0)
		return;
	va_start(ap, fmt);
	if (vasprintf(&ctx->out->calls[ctx->out->ncalls - 1].say, fmt, ap) < 0) {
		ctx->out->calls[ctx->out->ncalls - 1].say = NULL;
		ctx->nomem = true;
	}
	va_end(ap);
}

void
cmd_set(struct cmd_ctx *ctx, json_t *params, const char *name, json_t *value)
{
	if (params == NULL) {
		json_decref(value);
		return;
	}
	if (json_object_set_new(params, name, value) != 0)
		ctx->nomem = true;
}

int
cmd_number(struct cmd_ctx *ctx, const char *keyword, const char *word, long long min, long long max, long long *np)
{
	char *end;

	if (word == NULL)
		return cmd_fail(ctx, EINVAL, "%s: a number is missing", keyword);
	errno = 0;
	*np = strtoll(word, &end, 0);
	if (!isdigit((unsigned char)word[*word == '-']) || *end != '\0')
		return cmd_fail(ctx, EINVAL, "%s: '%s' is not a number", keyword, word);
	if (errno == ERANGE || *np < min || *np > max)
		return cmd_fail(ctx, EINVAL, "%s: %s is out of range (%lld to %lld)", keyword, word, min, max);
	return 0;
}

/* The classic short forms of route(8) and ifconfig(8): "10", "172.16", "10.0.0" are networks, zeros follow. */
static bool
inet_short(const char *word, struct in_addr *in)
{
	unsigned long octets[4] = {0};
	unsigned n = 0;

	for (const char *p = word;; p++) {
		char *end;

		if (n == 4 || !isdigit((unsigned char)*p))
			return false;
		octets[n] = strtoul(p, &end, 10);
		if (end - p > 3 || octets[n++] > 255)
			return false;
		p = end;
		if (*p == '\0')
			break;
		if (*p != '.')
			return false;
	}
	in->s_addr = htonl((uint32_t)(octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]));
	return true;
}

bool
cmd_is_address(int family, const char *word, bool prefix, struct cmd_addr *a)
{
	char buf[80], *slash, *zone, *end;

	memset(a, 0, sizeof(*a));
	a->plen = -1;
	if (strlen(word) >= sizeof(buf))
		return false;
	memcpy(buf, word, strlen(word) + 1);
	if ((slash = strchr(buf, '/')) != NULL) {
		long n = strtol(slash + 1, &end, 10);

		if (!prefix || !isdigit((unsigned char)slash[1]) || *end != '\0' || n > 128)
			return false;
		a->plen = n;
		*slash = '\0';
	}
	if ((zone = strchr(buf, '%')) != NULL) {
		*zone++ = '\0';
		if (strlen(zone) >= sizeof(a->zone) || !cmd_is_ifname(zone))
			return false;
		memcpy(a->zone, zone, strlen(zone) + 1);
	}
	if (family != AF_INET && inet_pton(AF_INET6, buf, &a->in6) == 1) {
		char t[INET6_ADDRSTRLEN];

		a->family = AF_INET6;
		inet_ntop(AF_INET6, &a->in6, t, sizeof(t));
		snprintf(a->text, sizeof(a->text), "%s%s%s", t, zone ? "%" : "", a->zone);
		return zone == NULL || IN6_IS_ADDR_LINKLOCAL(&a->in6) || IN6_IS_ADDR_MULTICAST(&a->in6);
	}
	if (family != AF_INET6 && zone == NULL && a->plen <= 32 &&
	    (inet_pton(AF_INET, buf, &a->in4) == 1 || (a->plen >= 0 && inet_short(buf, &a->in4)))) {
		a->family = AF_INET;
		inet_ntop(AF_INET, &a->in4, a->text, sizeof(a->text));
		return true;
	}
	return false;
}

int
cmd_address(struct cmd_ctx *ctx, int family, const char *keyword, const char *word, bool prefix, struct cmd_addr *a)
{
	const char *of = family == AF_INET ? "an IPv4" : family == AF_INET6 ? "an IPv6" : "an";
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *res;
	const char *colon = keyword != NULL ? ": " : "";
	char text[INET6_ADDRSTRLEN];
	int error;

	if (keyword == NULL)
		keyword = "";
	if (word == NULL)
		return cmd_fail(ctx, EINVAL, "%s%s%s address is missing", keyword, colon, of);
	if (cmd_is_address(family, word, prefix, a))
		return 0;
	if (!ctx->env->names || strpbrk(word, ":/%") != NULL || isdigit((unsigned char)word[0]))
		return cmd_fail(ctx, EINVAL, "%s%s'%s' is not %s address%s", keyword, colon, word, of,
		    prefix ? " (with or without /prefixlen)" : "");
	if ((error = getaddrinfo(word, NULL, &hints, &res)) != 0)
		return cmd_fail(ctx, ENOENT, "%s: %s", word, gai_strerror(error));
	if (res->ai_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)res->ai_addr)->sin6_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)res->ai_addr)->sin_addr, text, sizeof(text));
	freeaddrinfo(res);
	return cmd_is_address(family, text, false, a) ? 0 : cmd_fail(ctx, ENOENT, "%s: no usable address", word);
}

int
cmd_netmask(struct cmd_ctx *ctx, int family, const char *word, int *plen)
{
	struct in6_addr m6;
	struct in_addr m4;
	const uint8_t *m;
	int n = 0, bits;
	char *end;

	if (word == NULL)
		return cmd_fail(ctx, EINVAL, "netmask: a mask is missing");
	if (family == AF_INET6) {
		if (inet_pton(AF_INET6, word, &m6) != 1)
			return cmd_fail(ctx, EINVAL, "netmask: '%s' is not an IPv6 mask", word);
		m = m6.s6_addr;
		bits = 128;
	} else {
		if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
			unsigned long v = strtoul(word, &end, 16);

			if (*end != '\0' || v > 0xffffffffUL)
				return cmd_fail(ctx, EINVAL, "netmask: '%s' is not an IPv4 mask", word);
			m4.s_addr = htonl((uint32_t)v);
		} else if (inet_pton(AF_INET, word, &m4) != 1) {
			return cmd_fail(ctx, EINVAL, "netmask: '%s' is not an IPv4 mask", word);
		}
		m = (const uint8_t *)&m4;
		bits = 32;
	}
	while (n < bits && (m[n / 8] & (0x80 >> n % 8)) != 0)
		n++;
	for (int i = n; i < bits; i++)
		if ((m[i / 8] & (0x80 >> i % 8)) != 0)
			return cmd_fail(ctx, EINVAL, "netmask: '%s' has holes", word);
	*plen = n;
	return 0;
}

int
cmd_lladdr(struct cmd_ctx *ctx, const char *keyword, const char *word, char text[18])
{
	unsigned o[6];
	char after;

	if (word == NULL)
		return cmd_fail(ctx, EINVAL, "%s: a link address is missing", keyword);
	if (strspn(word, "0123456789abcdefABCDEF:") != strlen(word) ||
	    sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%c", &o[0], &o[1], &o[2], &o[3], &o[4], &o[5], &after) != 6)
		return cmd_fail(ctx, EINVAL, "%s: '%s' is not a link address (aa:bb:cc:dd:ee:ff)", keyword, word);
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4], o[5]);
	return 0;
}

bool
cmd_is_ifname(const char *word)
{
	size_t n = strlen(word), unit = n;

	if (n == 0 || n > 15 || !isalpha((unsigned char)word[0]))
		return false;
	while (unit > 0 && isdigit((unsigned char)word[unit - 1]))
		unit--;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	return unit < n;
}

char *
cmd_path(struct cmd_ctx *ctx, const char *file)
{
	char cwd[PATH_MAX], *path;
	const char *dir = ctx->env->dir;

	if (file[0] == '/')
		path = strdup(file);
	else if ((dir == NULL && (dir = getcwd(cwd, sizeof(cwd))) == NULL) || asprintf(&path, "%s/%s", dir, file) < 0)
		path = NULL;
	if (path == NULL)
		ctx->nomem = true;
	return path;
}
