/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds cache lines that two threads write: the run-time behind the compiler's -fsanitize=thread in a build of its own
 * (meson -Dlines=true).  The compiler calls an entry point below before each access; libtsan is not linked.
 *
 * Each line of 64 octets of the address space has a word of shadow memory: who writes it, and where it did first.
 * A worker takes a line with its first write; from then on a write by anybody else ends the process with a report.
 * Control may write a line before a worker does (it makes the objects), not after.  Packets change hands in rings:
 * between put and get nobody may write them.  Memory that is freed or allocated is forgotten.
 *
 * Synchronization: a word of shadow is replaced by one relaxed compare-and-swap; what orders the hand-over of a line
 * orders that of its word.  Regions are added by control and helper threads under a lock, read without.
 * Lifetime: from lines_begin (mp_run) to lines_end (router_stop); regions from any time before.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_mbuf.h>

#include "mp/lines_impl.h"

#define ADDRESS_BITS 47

_Atomic uint64_t *lines_shadow; /* [I] a word for each line */
_Atomic uint32_t *lines_alloc;	/* [I] by line: where the block that begins in it was allocated */
_Atomic bool lines_on;		/* [a] */
_Thread_local uint8_t lines_self = LINES_HELPER;
static _Thread_local uintptr_t stack_top; /* of a registered thread */

struct lines_region lines_regions[LINES_MAXREGIONS];
_Atomic unsigned lines_nregions; /* [a] */
static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uintptr_t base, end;
	size_t objsize;
} pools[64];
static unsigned npools; /* [c] before mp_run */
/* What is written to exempt lines, by owner: what the contract allows is to be little, too. */
static struct {
	_Alignas(128) uint64_t n; /* [w] */
} exempt_writes[256];

static void *
shadow_map(size_t word)
{
	size_t len = ((size_t)1 << (ADDRESS_BITS - LINES_SHIFT)) * word;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		static const char msg[] = "lines: no address space for the shadow memory\n";

		lines_print(msg);
		abort();
	}
	madvise(p, len, MADV_DONTDUMP);
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

/* Called by each object file's constructor: the first maps. */
void
__tsan_init(void)
{
	if (lines_shadow != NULL)
		return;
	lines_alloc = shadow_map(sizeof(*lines_alloc));
	lines_shadow = shadow_map(sizeof(*lines_shadow));
}

static inline uint64_t
word_make(uint8_t owner, uintptr_t pc)
{
	return (uint64_t)owner << 56 | (pc & LINES_PC);
}

static bool
in_table(uintptr_t addr)
{
	unsigned n = atomic_load_explicit(&lines_nregions, memory_order_acquire);

	for (unsigned i = 0; i < n; i++)
		if (lines_regions[i].table && addr - lines_regions[i].base < lines_regions[i].len)
			return true;
	return false;
}

/* The slow part of a write: the line is not (yet) the thread's own. */
static __attribute__((noinline)) void
line_claim(uintptr_t addr, size_t size, uintptr_t pc)
{
	_Atomic uint64_t *word = &lines_shadow[addr >> LINES_SHIFT];
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	do {
		uint8_t owner = lines_owner(old);

		if (owner == LINES_EXEMPT)
			exempt_writes[lines_self].n++;
		if (owner == lines_self || owner == LINES_EXEMPT)
			return;
		if (owner == LINES_TRANSIT || lines_is_worker(owner) || (lines_is_worker(lines_self) && in_table(addr)))
			lines_report(addr, size, pc, old);
	} while (!atomic_compare_exchange_weak_explicit(
	    word, &old, word_make(lines_self, pc), memory_order_relaxed, memory_order_relaxed));
}

static inline void
lines_write(const volatile void *p, size_t size, void *pc)
{
	uintptr_t addr = (uintptr_t)p, first = addr >> LINES_SHIFT, last = (addr + size - 1) >> LINES_SHIFT;

	if (!atomic_load_explicit(&lines_on, memory_order_relaxed) || size == 0 || last >> (ADDRESS_BITS - LINES_SHIFT))
		return;
	if (addr >= (uintptr_t)__builtin_frame_address(0) && addr < stack_top)
		return; /* the thread's own stack */
	for (; first <= last; first++) {
		uint64_t old = atomic_load_explicit(&lines_shadow[first], memory_order_relaxed);

		if (__builtin_expect(lines_owner(old) != lines_self, 0))
			line_claim(first << LINES_SHIFT > addr ? first << LINES_SHIFT : addr, size, (uintptr_t)pc);
	}
}

/* All lines that the range touches are the owner's from now on, whosever they were. */
static void
lines_set(const void *p, size_t len, uint8_t owner, uintptr_t pc)
{
	uintptr_t addr = (uintptr_t)p;
	uint64_t word = word_make(owner, pc);

	if (len == 0 || lines_shadow == NULL)
		return;
	for (uintptr_t i = addr >> LINES_SHIFT; i <= (addr + len - 1) >> LINES_SHIFT; i++)
		atomic_store_explicit(&lines_shadow[i], word, memory_order_relaxed);
}

/* The memory's next owner writes it as the first. */
static void
lines_forget(const void *p, size_t len)
{
	uintptr_t begin = (uintptr_t)&lines_shadow[(uintptr_t)p >> LINES_SHIFT];
	uintptr_t end = (uintptr_t)&lines_shadow[((uintptr_t)p + len) >> LINES_SHIFT];

	if (len >= 1u << 20 && lines_shadow != NULL) { /* whole pages of shadow go back at once */
		begin = (begin + 4095) & ~(uintptr_t)4095;
		end &= ~(uintptr_t)4095;
		madvise((void *)begin, end - begin, MADV_DONTNEED);
		begin = ((begin - (uintptr_t)lines_shadow) / sizeof(*lines_shadow)) << LINES_SHIFT;
		end = ((end - (uintptr_t)lines_shadow) / sizeof(*lines_shadow)) << LINES_SHIFT;
		lines_set(p, begin - (uintptr_t)p, LINES_NONE, 0);
		lines_set((const void *)end, (uintptr_t)p + len - end, LINES_NONE, 0);
	} else
		lines_set(p, len, LINES_NONE, 0);
}

static uint8_t
owner_of(int id)
{
	return id < 0 ? LINES_CONTROL : (uint8_t)(LINES_WORKER + id);
}

static void
region_add(const void *p, size_t len, bool table, const char *what)
{
	uintptr_t base = (uintptr_t)p;
	unsigned n, i;

	pthread_mutex_lock(&region_lock);
	n = atomic_load_explicit(&lines_nregions, memory_order_relaxed);
	for (i = 0; i < n; i++) /* what was there is gone */
		if (lines_regions[i].base < base + len && base < lines_regions[i].base + lines_regions[i].len)
			break;
	if (i < LINES_MAXREGIONS) {
		lines_regions[i].base = base;
		lines_regions[i].len = len;
		lines_regions[i].table = table;
		strncpy(lines_regions[i].what, what, sizeof(lines_regions[i].what) - 1);
		if (i == n)
			atomic_store_explicit(&lines_nregions, n + 1, memory_order_release);
	}
	pthread_mutex_unlock(&region_lock);
}

/* An exemption or a claim in advance must not take in a neighbour. */
static void
whole_lines(const void *p, size_t len, const char *what)
{
	if (((uintptr_t)p | len) % LINES_SIZE == 0)
		return;
	lines_print("lines: not whole lines: ");
	lines_print(what != NULL ? what : "(no name)");
	lines_print("\n");
	abort();
}

void
lines_exempt(const void *p, size_t len, const char *what)
{
	whole_lines(p, len, what);
	if (what != NULL)
		region_add(p, len, false, what);
	lines_set(p, len, LINES_EXEMPT, 0);
}

void
lines_own(const void *p, size_t len, int id, const char *what)
{
	whole_lines(p, len, what);
	region_add(p, len, false, what);
	lines_set(p, len, owner_of(id), 0);
}

void
lines_table(const void *p, size_t len, const char *what)
{
	region_add(p, len, true, what);
}

void
lines_pool(const void *p, size_t len, size_t objsize, int id, const char *what)
{
	lines_own(p, len, id, what);
	if (npools == sizeof(pools) / sizeof(pools[0]))
		return;
	pools[npools].base = (uintptr_t)p;
	pools[npools].end = (uintptr_t)p + len;
	pools[npools++].objsize = objsize;
}

/* A packet's buffers belong to owner; NULL pool: it is no packet. */
static void
packet_set(void *obj, uint8_t owner, uintptr_t pc)
{
	for (unsigned i = 0; i < npools; i++) {
		if ((uintptr_t)obj < pools[i].base || (uintptr_t)obj >= pools[i].end)
			continue;
		/* the chain first: the next segment may be another pool's */
		if (((struct rte_mbuf *)obj)->next != NULL)
			packet_set(((struct rte_mbuf *)obj)->next, owner, pc);
		lines_set(obj, pools[i].objsize, owner, pc);
		return;
	}
}

void
lines_give(void *obj)
{
	packet_set(obj, LINES_TRANSIT, (uintptr_t)__builtin_return_address(0));
}

void
lines_take(void *obj)
{
	packet_set(obj, lines_self, (uintptr_t)__builtin_return_address(0));
}

void
lines_adopt(const void *p, size_t len)
{
	lines_set(p, len, lines_self, (uintptr_t)__builtin_return_address(0));
}

void
lines_thread(int id)
{
	pthread_attr_t attr;
	void *base;
	size_t size;

	lines_self = owner_of(id);
	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &base, &size) == 0) {
		stack_top = (uintptr_t)base + size;
		lines_forget(base, size);
	}
	pthread_attr_destroy(&attr);
}

void
lines_begin(void)
{
	atomic_store_explicit(&lines_on, true, memory_order_relaxed);
}

/* For tests: each worker's writes to rings and sleepers' words */
static void
lines_count(void)
{
	char buf[80];

	for (unsigned i = LINES_WORKER; i < 256; i++)
		if (exempt_writes[i].n > 0) {
			snprintf(buf, sizeof(buf), "lines: worker %u wrote %lu times to exempt lines\n",
			    i - LINES_WORKER, (unsigned long)exempt_writes[i].n);
			lines_print(buf);
		}
}

void
lines_end(void)
{
	atomic_store_explicit(&lines_on, false, memory_order_relaxed);
	if (getenv("SMPNET_LINES_COUNT") != NULL)
		lines_count();
	madvise(lines_shadow, ((size_t)1 << (ADDRESS_BITS - LINES_SHIFT)) * sizeof(*lines_shadow), MADV_DONTNEED);
	atomic_store_explicit(&lines_nregions, 0, memory_order_relaxed);
	npools = 0;
}

/* What the linker puts between our code and the C library (-Wl,--wrap). */
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
void __real_free(void *);
void *__real_mmap64(void *, size_t, int, int, int, off_t);
void *__real_memcpy(void *, const void *, size_t);
void *__real_memmove(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);

static void *
block_new(void *p, uintptr_t pc)
{
	if (p != NULL && lines_shadow != NULL) {
		lines_forget(p, malloc_usable_size(p));
		atomic_store_explicit(
		    &lines_alloc[(uintptr_t)p >> LINES_SHIFT], lines_pc_pack(pc), memory_order_relaxed);
	}
	return p;
}

static void
block_old(void *p)
{
	if (p != NULL && lines_shadow != NULL) {
		lines_forget(p, malloc_usable_size(p));
		atomic_store_explicit(&lines_alloc[(uintptr_t)p >> LINES_SHIFT], 0, memory_order_relaxed);
	}
}

#define PC ((uintptr_t)__builtin_return_address(0))

void *
__wrap_malloc(size_t n)
{
	return block_new(__real_malloc(n), PC);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return block_new(__real_calloc(n, size), PC);
}

void *
__wrap_realloc(void *p, size_t n)
{
	block_old(p);
	return block_new(__real_realloc(p, n), PC);
}

void *
__wrap_aligned_alloc(size_t align, size_t n)
{
	return block_new(__real_aligned_alloc(align, n), PC);
}

void
__wrap_free(void *p)
{
	block_old(p);
	__real_free(p);
}

void *
__wrap_mmap64(void *where, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = __real_mmap64(where, len, prot, flags, fd, off);

	/* another's place (MAP_FIXED, as where a file was truncated) keeps its owners */
	if (p != MAP_FAILED && !(flags & MAP_FIXED) && lines_shadow != NULL)
		lines_forget(p, len);
	return p;
}

void *
__wrap_memcpy(void *to, const void *from, size_t n)
{
	lines_write(to, n, __builtin_return_address(0));
	return __real_memcpy(to, from, n);
}

void *
__wrap_memmove(void *to, const void *from, size_t n)
{
	lines_write(to, n, __builtin_return_address(0));
	return __real_memmove(to, from, n);
}

void *
__wrap_memset(void *to, int c, size_t n)
{
	lines_write(to, n, __builtin_return_address(0));
	return __real_memset(to, c, n);
}

/* The compiler's entry points: plain accesses. */
#define READ(name)                                                                                                     \
	void name(void *p)                                                                                             \
	{                                                                                                              \
	}
#define WRITE(name, size)                                                                                              \
	void name(void *p)                                                                                             \
	{                                                                                                              \
		lines_write(p, size, __builtin_return_address(0));                                                     \
	}
#define ACCESS(size)                                                                                                   \
	READ(__tsan_read##size)                                                                                        \
	WRITE(__tsan_write##size, size)                                                                                \
	READ(__tsan_unaligned_read##size)                                                                              \
	WRITE(__tsan_unaligned_write##size, size)                                                                      \
	READ(__tsan_volatile_read##size)                                                                               \
	WRITE(__tsan_volatile_write##size, size)                                                                       \
	READ(__tsan_unaligned_volatile_read##size)                                                                     \
	WRITE(__tsan_unaligned_volatile_write##size, size)                                                             \
	WRITE(__tsan_read_write##size, size)                                                                           \
	WRITE(__tsan_unaligned_read_write##size, size)

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void
__tsan_read_range(void *p, size_t n)
{
}

void
__tsan_write_range(void *p, size_t n)
{
	lines_write(p, n, __builtin_return_address(0));
}

void
__tsan_func_entry(void *pc)
{
}

void
__tsan_func_exit(void)
{
}

/*
 * Atomic operations: done here, in the order asked for or a stronger one.  A compare-and-swap that fails takes the line
 * like one that succeeds.
 */
#define STORE_ORDER(mo) ((mo) == memory_order_seq_cst ? memory_order_seq_cst : memory_order_release)
#define W(p)		lines_write(p, sizeof(*(p)), __builtin_return_address(0))
#define FETCH(bits, T, op)                                                                                             \
	T __tsan_atomic##bits##_fetch_##op(volatile T *p, T v, int mo)                                                 \
	{                                                                                                              \
		W(p);                                                                                                  \
		return __atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST);                                                    \
	}
#define ATOMIC(bits, T)                                                                                                \
	T __tsan_atomic##bits##_load(const volatile T *p, int mo)                                                      \
	{                                                                                                              \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                           \
	}                                                                                                              \
	void __tsan_atomic##bits##_store(volatile T *p, T v, int mo)                                                   \
	{                                                                                                              \
		W(p);                                                                                                  \
		if (mo == __ATOMIC_SEQ_CST)                                                                            \
			__atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                      \
		else                                                                                                   \
			__atomic_store_n(p, v, __ATOMIC_RELEASE);                                                      \
	}                                                                                                              \
	T __tsan_atomic##bits##_exchange(volatile T *p, T v, int mo)                                                   \
	{                                                                                                              \
		W(p);                                                                                                  \
		return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                    \
	}                                                                                                              \
	FETCH(bits, T, add)                                                                                            \
	FETCH(bits, T, sub)                                                                                            \
	FETCH(bits, T, and)                                                                                            \
	FETCH(bits, T, or)                                                                                             \
	FETCH(bits, T, xor)                                                                                            \
	FETCH(bits, T, nand)                                                                                           \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile T *p, T *old, T v, int mo, int fmo)                 \
	{                                                                                                              \
		W(p);                                                                                                  \
		return __atomic_compare_exchange_n(p, old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                  \
	}                                                                                                              \
	int __tsan_atomic##bits##_compare_exchange_weak(volatile T *p, T *old, T v, int mo, int fmo)                   \
	{                                                                                                              \
		W(p);                                                                                                  \
		return __atomic_compare_exchange_n(p, old, v, 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                  \
	}                                                                                                              \
	T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T old, T v, int mo, int fmo)                       \
	{                                                                                                              \
		W(p);                                                                                                  \
		__atomic_compare_exchange_n(p, &old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                        \
		return old;                                                                                            \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void
__tsan_atomic_thread_fence(int mo)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
__tsan_atomic_signal_fence(int mo)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
