/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MLRsearch (RFC 9971) without the trials: what is known of the loads tried, and which load is to be tried next.
 * Names are the RFC's.  Nothing here waits or sends; one thread.
 */
#ifndef IPGEN_PROCEDURE_MLR_H
#define IPGEN_PROCEDURE_MLR_H

#include <stdbool.h>

#include "ipgen/procedure.h"

#define MLR_PHASES 4 /* from short trials and wide intervals to a goal as it is */

/* A Trial Result. */
struct mlr_trial {
	double load;	/* of one direction */
	double seconds; /* Trial Duration, and Trial Effective Duration */
	double loss;	/* Trial Loss Ratio */
	double sent;	/* what was offered of the load, a share; 0: all */
	unsigned tag;	/* the caller's */
};

/* Of a load, for a goal (section "Load Classification"). */
enum mlr_class { MLR_UNDECIDED, MLR_LOWER, MLR_UPPER };

/* Sorted by load, then in the order of coming. */
struct mlr {
	double min, max; /* Min Load, Max Load */
	unsigned ngoals;
	struct mlr_goal goal[4];
	unsigned n, alloc;
	struct mlr_trial *trial;
};

struct mlr_bounds {
	double lower, upper; /* Relevant Lower and Upper Bound; 0: there is none */
};

struct mlr_result {
	bool regular;	     /* both bounds, no further apart than the Goal Width */
	double lower, upper; /* 0: none; lower is the effective one where max is a lower bound */
	double conditional;  /* Conditional Throughput at lower, of what was offered; 0: no lower */
	unsigned tag;	     /* of a full-length trial at lower; valid where lower is not 0 */
};

/* => 0 or -ENOMEM */
int mlr_add(struct mlr *, const struct mlr_trial *);
void mlr_free(struct mlr *);
/* => of all trials at this load (appendix "Load Classification Code") */
enum mlr_class mlr_classify(const struct mlr *, const struct mlr_goal *, double load);
/* => appendix "Conditional Throughput Code"; 0: nothing was tried at this load */
double mlr_conditional(const struct mlr *, const struct mlr_goal *, double load);
void mlr_bounds(const struct mlr *, const struct mlr_goal *, struct mlr_bounds *);
/* => a goal as it is in a phase; the last is the goal itself */
void mlr_phase_goal(const struct mlr_goal *, unsigned phase, struct mlr_goal *);
/* => the next trial; false: every goal is reached, or cannot be */
bool mlr_next(const struct mlr *, double *load, double *seconds, unsigned *goal, unsigned *phase);
void mlr_result(const struct mlr *, const struct mlr_goal *, struct mlr_result *);

#endif
