/* SPDX-License-Identifier: BSD-2-Clause */
/* What lines.c (who writes which line) and lines_report.c (what is said about it) share. */
#ifndef SMPNET_LINES_IMPL_H
#define SMPNET_LINES_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mp/lines.h"

#ifndef LINES_SHIFT
#define LINES_SHIFT 6 /* 7: pairs of lines, which some processors fetch together */
#endif
#define LINES_SIZE ((uintptr_t)1 << LINES_SHIFT)

/* A word of shadow: the owner in its top octet, the address of the code that took the line below. */
#define LINES_PC (((uint64_t)1 << 56) - 1)
enum lines_owner {
	LINES_NONE,
	LINES_CONTROL, /* control or a helper thread wrote it: it may become a worker's */
	LINES_HELPER,
	LINES_TRANSIT, /* a packet in a ring */
	LINES_EXEMPT,
	LINES_WORKER, /* and up: a worker's */
};

#define LINES_MAXREGIONS 4096
struct lines_region {
	uintptr_t base, len;
	bool table; /* control's alone */
	char what[48];
};
extern struct lines_region lines_regions[LINES_MAXREGIONS];
extern _Atomic unsigned lines_nregions;
extern _Atomic uint64_t *lines_shadow;
extern _Atomic uint32_t *lines_alloc;
extern _Thread_local uint8_t lines_self;

static inline uint8_t
lines_owner(uint64_t word)
{
	return (uint8_t)(word >> 56);
}

static inline bool
lines_is_worker(uint8_t owner)
{
	return owner >= LINES_WORKER;
}

/* Code addresses of the program itself in 32 bits: what is outside becomes 1. */
extern const char __executable_start;
static inline uint32_t
lines_pc_pack(uintptr_t pc)
{
	uintptr_t off = pc - (uintptr_t)&__executable_start;

	return off < UINT32_MAX ? (uint32_t)off : 1;
}

/* lines_report.c; => any thread */
void lines_print(const char *);
/* => any thread; says who writes what and who did before, and aborts */
void lines_report(uintptr_t addr, size_t size, uintptr_t pc, uint64_t word) __attribute__((noreturn));

#endif
