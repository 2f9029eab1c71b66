/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tools share: the connection, errors in NetBSD's words, addresses as text.  One process runs one tool.
 */
#ifndef SMPNET_TOOL_H
#define SMPNET_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"
#include "smpnet.h"

struct tool {
	const char *name;
	int (*main)(int argc, char **argv); /* argv[0] is the tool's name; returns the exit status */
	const char *summary;
	const char *usage; /* NULL: cmd_usage(name) has it */
};
extern const struct tool tools[]; /* ends with name NULL; main.c */

int ifconfig_main(int, char **);
int route_main(int, char **);
int arp_main(int, char **);
int ndp_main(int, char **);
int ifmcstat_main(int, char **);
int netstat_main(int, char **);
int ping_main(int, char **);
int ping6_main(int, char **);
int traceroute_main(int, char **);
int traceroute6_main(int, char **);
int rtadvd_main(int, char **);
int sysctl_main(int, char **);
int drops_main(int, char **);
int workers_main(int, char **);
int info_main(int, char **);
int halt_main(int, char **);
int attach_main(int, char **);
int config_main(int, char **);
int top_main(int, char **);
int stages_main(int, char **);
int bench_main(int, char **);
int trace_main(int, char **);
int dumpbus_main(int, char **);
int pcapin_main(int, char **);

extern const struct tool *tool_self; /* the one that runs */
extern const char *tool_url;	     /* -s URL, or NULL */
extern double tool_wait;	     /* -w SECONDS: how long to wait for a daemon that is starting */

/* => prints the usage to standard error and exits 1 */
void tool_usage(void) __attribute__((noreturn));
/* => "TOOL: ..." to standard error */
void tool_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tool_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
/* => the connection to the daemon (made on first use); exits with one clear line if there is none */
struct smpnet *tool_server(void);
/* => the result (never NULL); exits with "TOOL: message" on failure.  params are taken */
json_t *tool_call(const char *method, json_t *params);
/* => 0 with *result, or -errno; the message is smpnet_error(tool_server()).  Exits when the daemon has gone */
int tool_try(const char *method, json_t *params, json_t **result);
/* => a long list in pages, as smpnet_list; exits with "TOOL: message" on failure */
void tool_list(const char *method, const char *member, json_t *params, void (*fn)(json_t *, void *), void *arg);
/* => prints one as a JSON array, element by element; returns 0 (an exit status) */
int tool_list_json(const char *method, const char *member, json_t *params);
/* => what NetBSD's strerror says for an errno (positive) */
const char *tool_strerror(int err);
/* => takes "--json" out of the argument list; true if it was there */
bool tool_option_json(int *argc, char **argv);
/* => prints a value as JSON and frees it; returns 0 (an exit status) */
int tool_print_json(json_t *);
/* => a number from an option's argument; exits with "TOOL: bad WHAT: ..." */
long long tool_number(const char *what, const char *word, long long min, long long max);
double tool_seconds(const char *what, const char *word);
/* => runs a configuring command line: 0, or 1 after "TOOL: WHAT: reason" */
void tool_complain(const char *what, int err, const char *message);
int tool_configure(int argc, char **argv);
/* => parses one (display or not); exits on error; the caller frees it */
void tool_parse(int argc, char **argv, struct cmd *);

/* JSON members with defaults */
const char *jstr(const json_t *, const char *name); /* "" if absent */
long long jint(const json_t *, const char *name);   /* 0 if absent; rounds a real */
bool jbool(const json_t *, const char *name);

/*
 * Addresses.  Names are looked up unless numeric is set or the environment has SMPNET_NUMERIC.
 */
/* => the name of an address ("A", "A%IF"), or the address itself; static buffer of the address's life: until the next call */
const char *addr_name(const char *address, bool numeric);
/* => true and the name; no fallback */
bool addr_lookup(const char *address, char *name, size_t len);
/* => the address of a host name or address text, as text (IPv6 keeps %IF); exits if there is none */
void addr_resolve(int family, const char *host, char *text, size_t len);
/* => "default", "10.0.0/24", "10.0.0.2", "2001:db8::/64" as NetBSD's tables show the prefix "A/plen" */
void prefix_text(const char *prefix, char *text, size_t len);
/* => splits "A/plen"; the length, or -1 */
int prefix_split(const char *prefix, char *address, size_t len);

/* The routing table as netstat -r and route show print it. */
#define ROUTES_NUMERIC 1
#define ROUTES_SHORT   2  /* route show: no C, S and B among the flags */
#define ROUTES_WIDE    4  /* -v: no cutting of long addresses */
#define ROUTES_LINK    8  /* neighbours, too */
#define ROUTES_TAGS    16 /* -T: MPLS */
int routes_print(const char *family /* NULL: both */, int options, bool json);

#endif
