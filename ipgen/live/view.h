/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal view's own state and parts. */
#ifndef IPGEN_LIVE_VIEW_H
#define IPGEN_LIVE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "ipgen/live.h"
#include "ipgen/rate.h"

#define VIEW_HISTORY  1024 /* samples that the plots have */
#define VIEW_LOGLINES 100
#define VIEW_REPLAY   65536 /* octets of standard error that are told at the end */
#define VIEW_ROWS     24
#define VIEW_COLUMNS  80
#define VIEW_LABEL    13 /* columns of the figures' names */
#define VIEW_COLUMN   33 /* of a direction's figures, with a blank behind */
#define VIEW_FIELD    32

struct event;

enum view_pair { PAIR_NONE, PAIR_BAD, PAIR_GOOD, PAIR_HEAD, PAIR_WARN, PAIR_PLOT, PAIR_DIM };
enum view_page { PAGE_MAIN, PAGE_HELP, PAGE_LOG, PAGE_ROWS };
enum view_prompt { PROMPT_NONE, PROMPT_RATE, PROMPT_SIZE };

struct view_point {
	double tx_pps[TRIAL_DIRS], rx_pps[TRIAL_DIRS], rx_octets[TRIAL_DIRS], loss[TRIAL_DIRS], p99[TRIAL_DIRS];
};

struct view {
	struct live *live;
	struct event_base *base;
	struct event *input, *tick, *winch, *cont, *log;
	void *screen;	  /* ncurses' SCREEN */
	void *tty_stream; /* of /dev/tty where standard input is no terminal */
	int tty;	  /* what keys come from */
	struct termios termios;
	bool utf8, colour;

	/* standard error while the view is up */
	int err_saved, err_pipe;
	char *replay;
	size_t replay_len;
	char partial[256];
	size_t partial_len;
	char log_line[VIEW_LOGLINES][256];
	unsigned nlog;

	/* samples */
	bool has_sample, was_counting;
	struct trial_sample last;
	double last_at; /* monotonic seconds when it came */
	struct trial_counts base_count[TRIAL_DIRS];
	bool is_reset;
	double latency_min[TRIAL_DIRS], latency_max[TRIAL_DIRS]; /* of the trial so far */
	struct view_point point[VIEW_HISTORY];
	unsigned npoints;

	/* keys */
	enum view_page page;
	enum view_prompt prompt;
	char edit[64];
	unsigned selected;   /* directions as bits */
	enum rate_kind unit; /* of plots: RATE_PPS, RATE_L2, RATE_L1 */
	bool paused;
	double off_pps[TRIAL_DIRS]; /* what x switched off; < 0: on */
	unsigned quits;
	char message[256];
	double message_until;
	bool message_bad;
};

/* => seconds, monotonic */
double view_now(void);
void view_message(struct view *, bool bad, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void view_key(struct view *, int key);
void view_draw(struct view *);
/* stops the process, with the terminal given back meanwhile */
void view_suspend(struct view *);

/*
 * => what is missing of a direction, in all and of the last interval.  The engine knows a packet as missing when a later one
 *    has come; where nothing comes at all for an interval, everything that was sent is
 */
uint64_t view_lost(const struct trial_sample *, unsigned dir);
uint64_t view_lost_now(const struct trial_sample *, unsigned dir);

/* => parts of drawing; colours are PAIR_*, bold */
void view_put(const struct view *, int y, int x, int width, enum view_pair, bool bold, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
void view_count(char *buf, size_t n, uint64_t);
void view_time(const struct view *, char *buf, size_t n, double ns);
/* the three plots in a rectangle, one below the other or side by side */
void view_plots(const struct view *, int y, int x, int height, int width, bool side);
void view_rows(const struct view *, int y, int x, int height, int width);
/* the same in 31 columns, beside the figures */
void view_rows_narrow(const struct view *, int y, int x, int height, int width);
void view_help(const struct view *, int height, int width);

#endif
