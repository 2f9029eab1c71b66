/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: the tools' command lines, from a file or from the control socket (config_ctl.c), checked as a whole
 * (config_check_ctl.c), then applied line by line (config_apply_ctl.c).
 *
 * Synchronization: control thread only.
 */
#ifndef SMPNET_CONFIG_H
#define SMPNET_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cmd.h"

#define CONFIG_MAXERRORS 100 /* the rest of a file is not looked at after so many */

/* => control; the file named on the command line: 0, or -errno with every reason logged; nothing is applied then */
int config_load_file(const char *path);
/* => control, from ctl_stop: ends what is being applied and what waits for devices */
void config_stop(void);

/* Inside src/ctl/config_*.c */

struct config_line {
	unsigned number; /* in the text, from 1 */
	char *text;	 /* without its newline */
	struct cmd cmd;
};

struct config {
	struct config_line *lines;
	size_t n, room;
	json_t *errors; /* [{line, message}] */
};

/* => text becomes lines with commands; errors in conf->errors.  dir: for relative names; config_free it in any case */
void config_parse(struct config *, const char *text, size_t len, const char *dir);
void config_free(struct config *);
void config_error(json_t *errors, unsigned line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* => the lines against each other and against what smpnet knows; fresh: a router with lo0 only; else: this one */
void config_check(struct config *, bool fresh);

/*
 * => applies the lines in order; takes conf.  done runs once, at once or later, with what failed ([{line, message}]) and
 * what waits for a device ([{line, message}]), both borrowed, and the number of lines applied.
 */
int config_apply(struct config *conf, const char *file,
    void (*done)(void *arg, unsigned applied, json_t *errors, json_t *pending), void *arg);
/* => the text of lines that wait for their device, in order */
void config_pending_save(void (*line)(void *, const char *), void *arg);

/* config_save_ctl.c */
struct ctl_req;
int config_save_method(struct ctl_req *, json_t *params, json_t **result);

#endif
