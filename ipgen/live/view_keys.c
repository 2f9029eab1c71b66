/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal view: keys, and what they change. */
#include <curses.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipgen/live/view.h"

#undef CTRL
#define CTRL(c) ((c)&0x1f)

static double
key_mean_size(unsigned d)
{
	const struct traffic *t = trial_traffic(d);

	return t != NULL ? traffic_mean_size(t) : 64;
}

/* => whether keys may change what is sent now; a test's trial or a scenario's step would be falsified */
static bool
key_allowed(struct view *v, const char *what)
{
	if (v->live->fixed)
		view_message(v, true, "%s: fixed by the test that runs", what);
	else if (!trial_running())
		view_message(v, true, "nothing is being sent now");
	return !v->live->fixed && trial_running();
}

static bool
key_set_rate(struct view *v, unsigned d, double pps)
{
	int rc = trial_set_rate(d, pps);

	if (rc != 0) {
		view_message(
		    v, true, "rate of direction %u: %s", d, rc == -ESRCH ? "nothing is being sent now" : strerror(-rc));
		return false;
	}
	v->live->asked_pps[d] = pps;
	v->off_pps[d] = -1;
	return true;
}

static void
key_told_rate(struct view *v)
{
	char text[TRIAL_DIRS][24];

	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		rate_format(text[d], sizeof(text[d]), v->live->asked_pps[d]);
	if (v->live->dirs > 1)
		view_message(v, false, "rate: %spps, %spps", text[0], text[1]);
	else
		view_message(v, false, "rate: %spps", text[0]);
}

static void
key_rate_times(struct view *v, double factor)
{
	if (!key_allowed(v, "rate"))
		return;
	for (unsigned d = 0; d < v->live->dirs; d++) {
		double pps = v->live->asked_pps[d], line = trial_line_pps(d, key_mean_size(d));

		if ((v->selected & 1u << d) == 0)
			continue;
		/* from "as fast as it goes": the rate that it was */
		if (isinf(pps)) {
			if (factor > 1)
				continue;
			pps = v->npoints > 0 ? v->point[(v->npoints - 1) % VIEW_HISTORY].tx_pps[d] : line;
		}
		pps *= factor;
		if (factor > 1 && pps < 1)
			pps = 1;
		/* more than the line is not to be had */
		if (line > 0 && pps > line)
			pps = line;
		if (!key_set_rate(v, d, pps))
			return;
	}
	key_told_rate(v);
}

static void
key_enter_rate(struct view *v)
{
	struct rate rate;
	char err[160];

	if (rate_parse(v->edit, v->unit, &rate, err, sizeof(err)) != 0) {
		view_message(v, true, "%s", err);
		return;
	}
	if (!key_allowed(v, "rate"))
		return;
	for (unsigned d = 0; d < v->live->dirs; d++) {
		double mean = key_mean_size(d), pps = rate_pps(&rate, trial_line_pps(d, mean), mean);

		if ((v->selected & 1u << d) == 0)
			continue;
		if (isnan(pps)) {
			view_message(v, true, "percent of a line rate that is not known: --linerate says it");
			return;
		}
		if (!key_set_rate(v, d, pps))
			return;
	}
	key_told_rate(v);
}

static void
key_enter_size(struct view *v)
{
	static struct traffic_sizes sizes; /* large */
	struct traffic *t;
	char err[200] = "";

	if (traffic_sizes_parse(v->edit, &sizes, err, sizeof(err)) != 0) {
		view_message(v, true, "%s", err);
		return;
	}
	if (!key_allowed(v, "size"))
		return;
	for (unsigned d = 0; d < v->live->dirs; d++) {
		int rc;

		if ((v->selected & 1u << d) == 0)
			continue;
		t = v->live->resize != NULL ? v->live->resize(v->live, d, &sizes, err, sizeof(err)) : NULL;
		if (t == NULL) {
			view_message(v, true, "size: %s", err);
			return;
		}
		rc = trial_set_traffic(d, t);
		if (rc != 0) {
			traffic_free(t);
			view_message(v, true, "size: %s", strerror(-rc));
			return;
		}
	}
	v->live->sizes = sizes;
	view_message(v, false, "size: %s", sizes.text);
}

/* A key of the line that is being entered. */
static void
key_edit(struct view *v, int key)
{
	size_t n = strlen(v->edit);
	enum view_prompt prompt = v->prompt;

	if (key == 27) {
		v->prompt = PROMPT_NONE;
	} else if (key == '\r' || key == '\n' || key == KEY_ENTER) {
		v->prompt = PROMPT_NONE;
		if (n > 0 && prompt == PROMPT_RATE)
			key_enter_rate(v);
		else if (n > 0)
			key_enter_size(v);
	} else if (key == KEY_BACKSPACE || key == 127 || key == CTRL('h')) {
		if (n > 0)
			v->edit[n - 1] = '\0';
	} else if (key == CTRL('u')) {
		v->edit[0] = '\0';
	} else if (key > ' ' && key < 127 && n < sizeof(v->edit) - 1) {
		v->edit[n] = (char)key;
		v->edit[n + 1] = '\0';
	}
}

static void
key_prompt(struct view *v, enum view_prompt prompt)
{
	if (!key_allowed(v, prompt == PROMPT_RATE ? "rate" : "size"))
		return;
	v->prompt = prompt;
	v->edit[0] = '\0';
	v->message_until = 0;
}

static void
key_pause(struct view *v)
{
	int rc;

	if (!key_allowed(v, "pause"))
		return;
	rc = trial_pause(!v->paused);
	if (rc != 0) {
		view_message(v, true, "pause: %s", rc == -ESRCH ? "nothing is being sent now" : strerror(-rc));
		return;
	}
	v->paused = !v->paused;
	view_message(v, false, v->paused ? "paused: the space bar goes on" : "goes on");
}

/* What is selected is switched off, or on again. */
static void
key_switch(struct view *v)
{
	if (!key_allowed(v, "rate"))
		return;
	for (unsigned d = 0; d < v->live->dirs; d++) {
		double pps = v->live->asked_pps[d];

		if ((v->selected & 1u << d) == 0)
			continue;
		if (v->off_pps[d] >= 0) {
			key_set_rate(v, d, v->off_pps[d]);
		} else if (key_set_rate(v, d, 0)) {
			v->off_pps[d] = pps;
		}
	}
}

static void
key_reset(struct view *v)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		v->base_count[d] = v->last.total[d];
		v->base_count[d].lost = view_lost(&v->last, d);
		v->latency_min[d] = v->latency_max[d] = 0;
	}
	v->is_reset = true;
	v->npoints = 0;
	view_message(v, false, "totals begin anew on the screen; the report keeps all");
}

static void
key_unit(struct view *v)
{
	v->unit = v->unit == RATE_PPS ? RATE_L2 : v->unit == RATE_L2 ? RATE_L1 : RATE_PPS;
	view_message(v, false, "plots and rates without a unit's layer: %s",
	    v->unit == RATE_PPS	 ? "packets/s"
	    : v->unit == RATE_L2 ? "bits of layer 2 (frames with their check sequence)"
				 : "bits of layer 1 (with preamble and gap)");
}

/* As main takes the signal: once: stop, wait for what is under way, tell; twice: at once. */
static void
key_quit(struct view *v)
{
	v->quits++;
	view_message(v, false, "stopping: waits for what is under way%s; once more: at once",
	    v->live->fixed ? ", then reports" : "");
	v->live->want_key = false;
	view_draw(v);
	kill(getpid(), SIGINT);
}

static void
key_select(struct view *v)
{
	static const unsigned next[] = {3, 2, 3, 1};

	if (v->live->dirs < 2)
		return;
	v->selected = next[v->selected & 3];
	view_message(
	    v, false, v->selected == 3 ? "keys change both directions" : "keys change direction %u", v->selected == 2);
}

void
view_key(struct view *v, int key)
{
	if (key == CTRL('c')) {
		key_quit(v);
		return;
	}
	if (key == CTRL('z')) {
		view_suspend(v);
		return;
	}
	if (key == CTRL('l')) {
		clearok(curscr, TRUE);
		return;
	}
	if (key == KEY_RESIZE)
		return;
	if (v->prompt != PROMPT_NONE) {
		key_edit(v, key);
		return;
	}
	if (v->live->want_key && key != 'q' && key != 'Q') {
		v->live->want_key = false;
		return;
	}
	if (v->page != PAGE_MAIN && key != 'q' && key != 'Q') {
		v->page = PAGE_MAIN;
		return;
	}
	switch (key) {
	case 'q':
	case 'Q':
		key_quit(v);
		break;
	case '?':
	case 'h':
		v->page = PAGE_HELP;
		break;
	case 'm':
		v->page = PAGE_LOG;
		break;
	case 'l':
		v->page = PAGE_ROWS;
		break;
	case '+':
	case '=':
	case KEY_UP:
		key_rate_times(v, 1.1);
		break;
	case '-':
	case KEY_DOWN:
		key_rate_times(v, 1 / 1.1);
		break;
	case '>':
	case KEY_RIGHT:
		key_rate_times(v, 1.01);
		break;
	case '<':
	case KEY_LEFT:
		key_rate_times(v, 1 / 1.01);
		break;
	case '*':
	case KEY_PPAGE:
		key_rate_times(v, 2);
		break;
	case '/':
	case KEY_NPAGE:
		key_rate_times(v, 0.5);
		break;
	case 'p':
		key_prompt(v, PROMPT_RATE);
		break;
	case 's':
		key_prompt(v, PROMPT_SIZE);
		break;
	case '\t':
		key_select(v);
		break;
	case ' ':
		key_pause(v);
		break;
	case 'x':
		key_switch(v);
		break;
	case 'z':
	case 'r':
		key_reset(v);
		break;
	case 'b':
		key_unit(v);
		break;
	case 27:
		v->message_until = 0;
		break;
	default:
		view_message(v, true, "no such key: ? tells them");
	}
}
