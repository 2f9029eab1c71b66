/* SPDX-License-Identifier: BSD-2-Clause */
/* Pacing under a clock of the test's own: rates, and every window of 10 ms whatever stalls the senders. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipgen/engine/pace.h"

#define HZ     2600000123ull
#define WINDOW (HZ / 100)
#define MAXEV  4000000

static struct event {
	uint64_t at;
	unsigned n;
} * ev;
static unsigned nev;
static uint64_t seed;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

struct sim {
	double pps;
	unsigned burst, senders;
	uint64_t poll;	 /* ticks between two polls, at most */
	double stall;	 /* chance of a stall at a poll */
	uint64_t depth;	 /* longest stall, ticks */
	unsigned refuse; /* the device refuses a part one time in so many; 0: never */
	double seconds;
};

/* => packets sent; events in ev in the order of time */
static uint64_t
simulate(const struct sim *s, uint64_t *slipped)
{
	const uint64_t start = 1000000007, end = start + (uint64_t)(s->seconds * HZ);
	struct pace p[8];
	uint64_t next[8], sent = 0;

	nev = 0;
	*slipped = 0;
	for (unsigned i = 0; i < s->senders; i++) {
		pace_init(&p[i], HZ);
		pace_rate(&p[i], start + (uint64_t)(i * HZ / s->pps), s->pps / s->senders,
		    s->burst / s->senders + (i < s->burst % s->senders));
		next[i] = start + rnd() % 1000;
	}
	for (;;) {
		unsigned i = 0, n;

		for (unsigned k = 1; k < s->senders; k++)
			if (next[k] < next[i])
				i = k;
		if (next[i] >= end)
			break;
		n = pace_due(&p[i], next[i], end - 1);
		assert_true(n <= p[i].burst);
		if (n > 0 && s->refuse != 0 && rnd() % s->refuse == 0)
			n = rnd() % (n + 1);
		if (n > 0) {
			assert_true(nev < MAXEV);
			ev[nev++] = (struct event){next[i], n};
			pace_sent(&p[i], n);
			sent += n;
		}
		*slipped += pace_give_up(&p[i], next[i], p[i].give_up);
		next[i] += 1 + rnd() % s->poll;
		if ((double)(rnd() % 1000000) < s->stall * 1000000)
			next[i] += rnd() % s->depth;
	}
	for (unsigned i = 0; i < s->senders; i++)
		*slipped += pace_give_up(&p[i], end - 1, 0);
	return sent;
}

/* Every window that begins with a packet: no other can hold more. */
static void
check_windows(const struct sim *s)
{
	double most = s->pps / 100 + s->burst;
	uint64_t in = 0;

	for (unsigned i = 0, j = 0; i < nev; i++) {
		while (j < nev && ev[j].at - ev[i].at <= WINDOW - 4) /* times are whole ticks */
			in += ev[j++].n;
		if ((double)in > most + 1e-6 * most)
			fail_msg("%g pps, burst %u, %u senders: %llu packets in 10 ms", s->pps, s->burst, s->senders,
			    (unsigned long long)in);
		in -= ev[i].n;
	}
}

static void
test_rates(void **state)
{
	static const double rates[] = {1000, 100000, 1e6, 1234567, 14880952};

	seed = 1;
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (unsigned senders = 1; senders <= 3; senders++) {
			struct sim s = {.pps = rates[i], .burst = 32, .senders = senders, .poll = 2600, .seconds = 2};
			uint64_t slipped, sent;

			if (rates[i] > 2e6)
				s.poll = 1300, s.seconds = 0.2;
			sent = simulate(&s, &slipped);
			check_windows(&s);
			/* all that was due, to the packet */
			assert_true(fabs((double)(sent + slipped) - rates[i] * s.seconds) <= senders + 1);
			/* the last poll is before the end */
			assert_true(slipped <= 2 * senders + s.poll * s.pps / HZ);
			/* within one interval of the schedule at the end */
			assert_true(fabs((double)sent / (rates[i] * s.seconds) - 1) < 0.01);
		}
}

static void
test_stalls(void **state)
{
	seed = 2;
	for (unsigned round = 0; round < 120; round++) {
		static const double rates[] = {1000, 7777, 100000, 1e6, 5e6};
		static const unsigned bursts[] = {1, 2, 8, 32, 64};
		struct sim s = {.pps = rates[round % 5],
		    .burst = bursts[rnd() % 5],
		    .senders = 1 + rnd() % 4,
		    .poll = 1 + rnd() % 20000,
		    .stall = (double)(rnd() % 100) / 20000,
		    .depth = 1 + rnd() % (HZ / 30),
		    .refuse = rnd() % 3 == 0 ? 1 + rnd() % 20 : 0,
		    .seconds = 0.3};
		uint64_t slipped, sent;

		if (s.burst < s.senders)
			s.senders = 1;
		sent = simulate(&s, &slipped);
		check_windows(&s);
		assert_true(fabs((double)(sent + slipped) - s.pps * s.seconds) <= s.senders + 1);
	}
}

/* One stall: what is overdue comes back by a burst in each window, no slower. */
static void
test_catch_up(void **state)
{
	const uint64_t start = HZ, stall = HZ / 500; /* 2 ms */
	struct pace p;
	uint64_t sent = 0;
	double behind;

	pace_init(&p, HZ);
	pace_rate(&p, start, 100000, 32);
	for (uint64_t t = start; t < start + HZ; t += 1000) {
		unsigned n;

		if (t - start > HZ / 10 && t - start < HZ / 10 + stall)
			continue;
		n = pace_due(&p, t, UINT64_MAX >> 1);
		pace_sent(&p, n);
		sent += n;
		behind = (double)(t - start) * 100000 / HZ - (double)sent;
		if (t - start > HZ / 10 + stall) {
			/* 200 were missed: 31 at once, then as many in each 10.7 ms */
			double windows = (double)(t - start - HZ / 10 - stall) / (1.1 * WINDOW);

			assert_true(behind <= fmax(200 - 31 * floor(windows) - 30, 1));
		}
	}
	assert_true(sent >= 99999);
}

/* What is a second late is given up, and counted. */
static void
test_give_up(void **state)
{
	struct pace p;

	pace_init(&p, HZ);
	pace_rate(&p, HZ, 1000, 32);
	assert_int_equal(pace_due(&p, 4 * HZ, UINT64_MAX >> 1), 32);
	assert_int_equal(pace_give_up(&p, 4 * HZ, p.give_up), 2001);
	assert_int_equal(pace_give_up(&p, 4 * HZ, p.give_up), 0);
	assert_int_equal(pace_give_up(&p, 4 * HZ, 0), 1000);
	assert_int_equal(pace_due(&p, 4 * HZ, UINT64_MAX >> 1), 0);
	pace_rate(&p, HZ, INFINITY, 32);
	assert_int_equal(pace_due(&p, HZ, UINT64_MAX >> 1), 32);
	pace_rate(&p, HZ, 0, 32);
	assert_int_equal(pace_due(&p, HZ, UINT64_MAX >> 1), 1);
	pace_sent(&p, 1);
	assert_int_equal(pace_due(&p, 1000 * HZ, UINT64_MAX >> 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rates),
	    cmocka_unit_test(test_stalls),
	    cmocka_unit_test(test_catch_up),
	    cmocka_unit_test(test_give_up),
	};

	ev = malloc(MAXEV * sizeof(ev[0]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
