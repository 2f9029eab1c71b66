/* SPDX-License-Identifier: BSD-2-Clause */
/* The web view's parts: what it shows (web_data.c), and how it is asked for (web.c, web_http.c). */
#ifndef IPGEN_WEB_VAR_H
#define IPGEN_WEB_VAR_H

#include <sys/socket.h>

#include "ipgen/live.h"

#define WEB_SAMPLES 600 /* ten minutes of seconds */
#define WEB_ROWS    200 /* rows shown while a series runs: the last */

struct evbuffer;
struct evhttp_request;

/* A sample as it was told: its text, and its number since the start (from 1 on). */
struct web_sample {
	uint64_t number;
	char *json;
	size_t len;
};

int web_data_start(struct live *);
void web_data_stop(void);
/* => the next one after this number that is still there; NULL: there is none */
const struct web_sample *web_data_after(uint64_t number);
/* => a new string that the caller frees, or NULL: no memory */
char *web_data_state(bool with_rows);
char *web_data_rows(unsigned from); /* an event's data: the rows from this one on */
unsigned web_data_nrows(void);
struct report *web_data_report(void); /* as it is now; may be NULL */

/* => from web_data.c: a sample came */
void web_tell(const struct web_sample *);

/* => the length of the address in *ss, or 0 with err; loopback says whether the address is one */
socklen_t web_address(const char *text, struct sockaddr_storage *ss, bool *loopback, char *err, size_t errlen);
/* => may a page of ours be asked for under this Host?  NULL: none was given */
bool web_host_allowed(const char *host, const char *bound);

#endif
