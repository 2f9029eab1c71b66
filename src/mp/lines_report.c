/* SPDX-License-Identifier: BSD-2-Clause */
/* The report about a cache line with two writers (lines.c): who, what memory, where in the code. */
/*
 * Synchronization: the first thread that reports ends the process; others wait for that.
 * Lifetime: none.
 */
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp/lines_impl.h"

#define MAXFRAMES 24

void
lines_print(const char *s)
{
	if (write(STDERR_FILENO, s, strlen(s)) < 0)
		return;
}

static void
owner_name(uint8_t owner, char *buf, size_t len)
{
	if (lines_is_worker(owner))
		snprintf(buf, len, "worker %d", owner - LINES_WORKER);
	else
		snprintf(buf, len, "%s",
		    owner == LINES_CONTROL   ? "control"
		    : owner == LINES_TRANSIT ? "nobody (a packet in a ring)"
					     : "a helper thread");
}

/* The program's own variable at the address, from its symbol table; false: none, or no table. */
static bool
symbol_name(uintptr_t addr, char *buf, size_t len)
{
	uintptr_t value = addr - (uintptr_t)&__executable_start;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool found = false;
	struct stat st;
	const char *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		return false;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	const Elf64_Ehdr *eh = (const void *)map;
	const Elf64_Shdr *sh = (const void *)(map + eh->e_shoff);
	for (unsigned i = 0; i < eh->e_shnum && !found; i++) {
		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		const Elf64_Sym *sym = (const void *)(map + sh[i].sh_offset);
		const char *names = map + sh[sh[i].sh_link].sh_offset;
		for (size_t k = 0; k < sh[i].sh_size / sizeof(*sym) && !found; k++) {
			if (ELF64_ST_TYPE(sym[k].st_info) != STT_OBJECT || value < sym[k].st_value ||
			    value >= sym[k].st_value + sym[k].st_size)
				continue;
			snprintf(buf, len, "%s+%zu", names + sym[k].st_name, (size_t)(value - sym[k].st_value));
			found = true;
		}
	}
	munmap((void *)(uintptr_t)map, st.st_size);
	return found;
}

/* addr2line says file, line and what was inlined; without it the offsets stay */
static void
code_print(const uintptr_t *pc, unsigned n)
{
	char exe[512], arg[MAXFRAMES][20], *argv[MAXFRAMES + 8];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	unsigned k = 0;
	pid_t pid;

	exe[len > 0 ? len : 0] = '\0';
	argv[k++] = "addr2line";
	argv[k++] = "-fips";
	argv[k++] = "-e";
	argv[k++] = exe;
	for (unsigned i = 0; i < n && i < MAXFRAMES; i++) {
		/* a return address: the call is before it */
		uint32_t off = lines_pc_pack(pc[i] - 1);

		if (off == 1)
			continue;
		snprintf(arg[i], sizeof(arg[i]), "0x%x", off);
		argv[k++] = arg[i];
	}
	argv[k] = NULL;
	pid = fork();
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		for (unsigned i = 4; i < k; i++) {
			lines_print(argv[i]);
			lines_print(" (addr2line is not installed)\n");
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* What lies at the address: a region that was named, a variable, or a block of the heap. */
static void
memory_print(uintptr_t addr)
{
	unsigned n = atomic_load_explicit(&lines_nregions, memory_order_acquire);
	uintptr_t line = addr >> LINES_SHIFT;
	char buf[256], name[128];

	for (unsigned i = 0; i < n; i++)
		if (addr >= lines_regions[i].base && addr < lines_regions[i].base + lines_regions[i].len) {
			snprintf(buf, sizeof(buf), "lines: memory: %s+%zu\n", lines_regions[i].what,
			    (size_t)(addr - lines_regions[i].base));
			lines_print(buf);
			return;
		}
	if (symbol_name(addr, name, sizeof(name))) {
		snprintf(buf, sizeof(buf), "lines: memory: %s\n", name);
		lines_print(buf);
		return;
	}
	for (unsigned back = 0; back < 1u << 20 && back <= line; back++) {
		uint32_t off = atomic_load_explicit(&lines_alloc[line - back], memory_order_relaxed);
		uintptr_t pc = (uintptr_t)&__executable_start + off;

		if (off == 0)
			continue;
		snprintf(buf, sizeof(buf),
		    "lines: memory: %zu octets after the begin of the line in which a block begins that was allocated "
		    "at\n",
		    (size_t)(addr - ((line - back) << LINES_SHIFT)));
		lines_print(buf);
		code_print(&pc, 1);
		return;
	}
}

void
lines_report(uintptr_t addr, size_t size, uintptr_t pc, uint64_t word)
{
	static atomic_flag reported = ATOMIC_FLAG_INIT;
	char who[32], other[32], buf[256];
	void *frames[MAXFRAMES];
	uintptr_t first = word & LINES_PC;
	int n;

	if (atomic_flag_test_and_set(&reported))
		for (;;)
			pause();
	owner_name(lines_self, who, sizeof(who));
	owner_name(lines_owner(word), other, sizeof(other));
	snprintf(buf, sizeof(buf),
	    "lines: %s writes a cache line that %s writes: %zu octets at %#zx (line offset %zu)\n", who, other, size,
	    (size_t)addr, (size_t)(addr % LINES_SIZE));
	lines_print(buf);
	memory_print(addr);
	snprintf(buf, sizeof(buf), "lines: %s, now:\n", who);
	lines_print(buf);
	n = backtrace(frames, MAXFRAMES);
	code_print((const uintptr_t *)frames, n > 0 ? (unsigned)n : 0);
	if (first != 0) {
		snprintf(buf, sizeof(buf), "lines: %s, first:\n", other);
		lines_print(buf);
		code_print(&first, 1);
	} else {
		snprintf(buf, sizeof(buf), "lines: %s by its making\n", other);
		lines_print(buf);
	}
	abort();
}
