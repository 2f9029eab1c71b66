/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubles of the engine for the tests of src/route: the calling thread is control, mp_defer waits until every reader
 * thread of the test has said that it is quiescent.
 */
#ifndef SMPNET_ROUTE_DOUBLE_H
#define SMPNET_ROUTE_DOUBLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mp/mp.h"

/* Operations under a sanitizer cost many times more; a tenth of them still tells. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define DOUBLE_OPS(n) ((n) / 10)
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define DOUBLE_OPS(n) ((n) / 10)
#endif
#endif
#ifndef DOUBLE_OPS
#define DOUBLE_OPS(n) (n)
#endif

/* Test threads (readers), ids 0 .. double_nreaders-1; a reader adds 1 to its counter when it is quiescent. */
extern _Atomic uint64_t double_quiet[MP_MAXTHREADS];
extern unsigned double_nreaders;

void double_init(void);	 /* the caller becomes control; one worker */
void double_poll(void);	 /* control: runs what has waited long enough */
void double_drain(void); /* control: no readers any more; runs all */
uint64_t double_random(void);
void double_seed(uint64_t);

#endif
