/* SPDX-License-Identifier: BSD-2-Clause */
/* The private daemon that bench measures: started, configured, measured.  Every function exits with a message on failure. */
#ifndef SMPNET_TOOLS_BENCH_H
#define SMPNET_TOOLS_BENCH_H

#define BENCH_IFS 64 /* interfaces of the paths over many */

/* => starts the daemon with one worker on the CPU, a sink behind one route, and BENCH_IFS more; ends with the process */
void bench_start(int cpu);
/* => its folder: the destinations are in the files spread4, spread6, random4, random6 */
const char *bench_dir(void);
double bench_tsc_hz(void);

/* => cycles a packet: of source and sink alone; of a source through the router; of BENCH_IFS sources */
double bench_measure_source(const char *keys, unsigned ms);
double bench_measure(const char *keys, unsigned ms);
double bench_measure_many(const char *keys, unsigned family, unsigned ms);

/* => how many routes the table has; to be set before bench_start */
void bench_set_routes(unsigned long ipv4);
unsigned long bench_routes(unsigned family);
/* => loads the routes that random4 or random6 lie in, in place of the default route */
void bench_load_table(unsigned family);

#endif
