/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parsers of the command language share.  Inside lib/cmd*.c only.
 */
#ifndef SMPNET_CMD_IMPL_H
#define SMPNET_CMD_IMPL_H

#include <netinet/in.h>

#include "cmd.h"

#define WRITING "writing to routing socket"

struct cmd_ctx {
	const struct cmd_env *env;
	struct cmd *out;
	char *err;
	size_t errlen;
	bool nomem; /* an allocation failed: the command as a whole does */
};

/* An address as a word of a command. */
struct cmd_addr {
	int family; /* AF_INET, AF_INET6 */
	union {
		struct in_addr in4;
		struct in6_addr in6;
	};
	char zone[16]; /* "shmif0", or empty */
	int plen;      /* from /plen; -1: none given */
	char text[64]; /* canonical, with %zone, without /plen */
};

/* => each parser: argv[0] is the tool; 0 or -errno after cmd_fail() */
int cmd_ifconfig(struct cmd_ctx *, int argc, char *const *argv);
int cmd_route(struct cmd_ctx *, int argc, char *const *argv);
int cmd_arp(struct cmd_ctx *, int argc, char *const *argv);
int cmd_ndp(struct cmd_ctx *, int argc, char *const *argv);
int cmd_rtadvd(struct cmd_ctx *, int argc, char *const *argv);
int cmd_sysctl(struct cmd_ctx *, int argc, char *const *argv);
int cmd_attach(struct cmd_ctx *, int argc, char *const *argv);
int cmd_detach(struct cmd_ctx *, int argc, char *const *argv);

/* => writes "TOOL: ..." to err, returns -error */
int cmd_fail(struct cmd_ctx *, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* => "TOOL: usage: ..." on one line */
int cmd_fail_usage(struct cmd_ctx *, const char *why);
/* => a new call; returns its parameters (borrowed; never NULL, after a failed allocation they go nowhere) */
json_t *cmd_call(struct cmd_ctx *, const char *method, const char *what);
/* => what the last call says when it is done */
void cmd_say(struct cmd_ctx *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cmd_set(struct cmd_ctx *, json_t *params, const char *name, json_t *value /* taken */);

/* => a number in [min, max], decimal or 0x; error names the keyword */
int cmd_number(struct cmd_ctx *, const char *keyword, const char *word, long long min, long long max, long long *);
/* => an address of the family (AF_UNSPEC: either), with /plen if allowed; error names keyword (may be NULL) */
int cmd_address(struct cmd_ctx *, int family, const char *keyword, const char *word, bool prefix, struct cmd_addr *);
/* => the same without a message: false */
bool cmd_is_address(int family, const char *word, bool prefix, struct cmd_addr *);
/* => 255.255.255.0, 0xffffff00 (or ffff:: for IPv6) as a prefix length */
int cmd_netmask(struct cmd_ctx *, int family, const char *word, int *plen);
/* => aa:bb:cc:dd:ee:ff (one or two digits each) to canonical text */
int cmd_lladdr(struct cmd_ctx *, const char *keyword, const char *word, char text[18]);
/* => an interface name with unit: letters, then digits, at most 15 */
bool cmd_is_ifname(const char *word);
/* => each line of the file through set(), which takes words as -s does; form is what a line looks like */
int cmd_file(struct cmd_ctx *, const char *file, const char *form, int (*set)(struct cmd_ctx *, char *const *words));
/* => a file name made absolute by env's directory; malloc'd */
char *cmd_path(struct cmd_ctx *, const char *file);

#endif
