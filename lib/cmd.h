/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command language: a configuring command line, as typed after "smpnet" or as it stands in a configuration file,
 * becomes a list of calls of the control protocol (doc/protocol.md).  Used by the tools and by the daemon, so that both
 * accept exactly the same.  Needs nothing but jansson; no shared state; any thread.
 *
 * The language (configuring commands; "|" separates alternatives):
 *
 *	ifconfig IF create|destroy
 *	ifconfig IF [up|down] [mtu N] [metric N] [link MAC [active]] [[-]arp] [[-]debug] [[-]link0..2] [[-]promisc]
 *	    [linkstr FILE|-linkstr] [media auto|none] [queues N] [ADDRESS...]
 *	    ADDRESS: [inet|inet6] A[/plen] [PEER] [netmask M] [prefixlen N] [broadcast B] [alias|-alias|delete]
 *		     [anycast] [[-]deprecated] [pltime N] [vltime N] [eui64]   or   alias|-alias A[/plen]
 *	route [-nqv] add|change|delete [-inet|-inet6] [-net|-host] DST[/plen] [GW] [MASK] [-netmask M] [-prefixlen N]
 *	    [-ifa A] [-ifp IF] [-iface|-link] [-[no]blackhole] [-[no]reject] [-[no]static] [-proto1] [-proto2] [-mtu N]
 *	route add|change -mpath DST GW [-weight N] [-ifp IF] GW [-weight N] [-ifp IF] ...
 *	route flush [-inet|-inet6]
 *	arp -s A MAC [temp] [pub [proxy]] | -d A | -d -a | -f FILE
 *	ndp -s A MAC [temp] [proxy] | -d A | -c
 *	rtadvd [-s] [-c FILE] IF ... | -d IF ...
 *	sysctl [-q] -w NAME=VALUE ...
 *	attach NAME [queues N] [as IF] [via xdp|packet] [--take]
 *	detach IF
 *
 * Everything else that the tools accept only shows something: cmd_parse() says so in cmd.display.
 */
#ifndef SMPNET_CMD_H
#define SMPNET_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct cmd_env {
	const char
	    *dir;   /* absolute; relative files (linkstr, arp -f) are below it; NULL: the process's own directory */
	bool names; /* host names may be resolved (blocks: tools only); else addresses are numeric */
};

struct cmd_call {
	const char *method; /* "if.set", static */
	json_t *params;	    /* an object, owned */
	const char *what; /* what NetBSD's tool names in its error ("SIOCSIFMTU", "writing to routing socket"); static,
			     may be NULL */
	char *say; /* what the tool prints when it is done ("add net default: gateway 10.0.0.2"); owned, may be NULL */
};

struct cmd {
	const char *tool; /* "ifconfig", static */
	bool display;	  /* shows something and changes nothing: no calls; not allowed in a configuration file */
	bool quiet;	  /* -q */
	unsigned ncalls;
	struct cmd_call *calls; /* in the order in which they are to be applied; the first failure ends the command */
};

/*
 * => any thread.  argv[0] is the tool's name.  env may be NULL (numeric addresses, the process's directory).
 * Returns 0 with *out filled (cmd_free it), or a negative errno with *out empty and err saying, in one line that starts
 * with the tool's name, which word is wrong and why: -EINVAL (a word), -ENOENT (no such tool; a file or host that does
 * not exist), -ENOTSUP (known to NetBSD, not to smpnet).
 */
int cmd_parse(int argc, char *const *argv, const struct cmd_env *env, struct cmd *out, char *err, size_t errlen);
void cmd_free(struct cmd *);

/*
 * => any thread.  Splits one line of a configuration file into words: blanks separate, '…' and "…" quote, \ escapes one
 * character outside '…', # at the start of a word begins a comment.  Returns the number of words (0: empty line), the
 * words in *argvp (one allocation, free() it; NULL after the last), or -EINVAL with err ("quote not closed").
 */
int cmd_split(const char *line, char ***argvp, char *err, size_t errlen);
/* => any thread.  The word as cmd_split reads it back, quoted where it must be; malloc'd (NULL: no memory) */
char *cmd_quote(const char *word);

/* => the tool's usage ("usage: ifconfig ..." lines, ending with a newline), or NULL if there is no such tool */
const char *cmd_usage(const char *tool);

#endif
