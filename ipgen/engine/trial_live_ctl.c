/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is changed while a trial runs: rate, sizes, pause.
 *
 * Synchronization: control; workers are told by calls (tx_set_rate and the like), which they carry out between two polls.
 * Lifetime: traffic that is replaced is freed when each worker has answered a call, and a grace period after it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "ipgen/engine/rx.h"
#include "ipgen/engine/trial_var.h"
#include "ipgen/traffic.h"
#include "mp/mp.h"

struct replaced {
	struct mp_deferred deferred;
	struct traffic *traffic;
	unsigned waits;
	struct mp_call call[MP_MAXWORKERS];
};

/* Of a call among an array of them: whose it is. */
static struct replaced *
replaced_of(struct mp_call *call)
{
	return (struct replaced *)((char *)(call - call->worker) - offsetof(struct replaced, call));
}

static bool exchanged[TRIAL_DIRS]; /* [c] the trial's traffic is not the spec's any more */

static void
replaced_free(struct mp_deferred *d)
{
	struct replaced *r = (struct replaced *)d;

	traffic_free(r->traffic);
	free(r);
}

static void
replaced_answered(struct mp_call *call)
{
	struct replaced *r = replaced_of(call);

	if (--r->waits == 0)
		mp_defer(&r->deferred, replaced_free);
}

int
trial_set_rate(unsigned dir, double pps)
{
	ASSERT_CONTROL();
	if (!trial.running || dir >= TRIAL_DIRS || trial.traffic[dir] == NULL)
		return -ESRCH;
	if (isnan(pps) || pps < 0)
		return -EINVAL;
	trial.asked[dir] = pps;
	tx_set_rate(dir, pps);
	return 0;
}

int
trial_set_traffic(unsigned dir, struct traffic *t)
{
	struct replaced *r;

	ASSERT_CONTROL();
	if (!trial.running || dir >= TRIAL_DIRS || trial.traffic[dir] == NULL)
		return -ESRCH;
	if (t == trial.traffic[dir])
		return 0;
	/* of the same list: the receiver goes on with it */
	if (!tx_fits(t) || traffic_nflows(t) == 0 || traffic_nflows(t) != traffic_nflows(trial.traffic[dir]) ||
	    traffic_flow(t, 0) != traffic_flow(trial.traffic[dir], 0))
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->traffic = trial.traffic[dir];
	trial.traffic[dir] = t;
	exchanged[dir] = true;
	tx_set_traffic(dir, t);
	rx_traffic(dir, t);
	r->waits = mp_nworkers;
	for (unsigned i = 0; i < mp_nworkers; i++) {
		/* behind the senders' own: calls are carried out in their order */
		r->call[i].done = replaced_answered;
		mp_call(mp_workers[i], &r->call[i]);
	}
	return 0;
}

struct traffic *
trial_traffic_left(unsigned dir, struct traffic *given)
{
	ASSERT_CONTROL();
	if (!exchanged[dir])
		return given;
	exchanged[dir] = false;
	return trial.traffic[dir];
}

const struct traffic *
trial_traffic(unsigned dir)
{
	ASSERT_CONTROL();
	return trial.running && dir < TRIAL_DIRS ? trial.traffic[dir] : NULL;
}

int
trial_pause(bool on)
{
	ASSERT_CONTROL();
	if (!trial.running)
		return -ESRCH;
	tx_pause(on);
	return 0;
}
