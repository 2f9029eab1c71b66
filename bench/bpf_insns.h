/* SPDX-License-Identifier: BSD-2-Clause */
/* A few BPF instructions, for programs that are put together at run time. */
#ifndef SMPNET_BENCH_BPF_INSNS_H
#define SMPNET_BENCH_BPF_INSNS_H

#include <linux/bpf.h>

/* clang-format off */
#define LOAD(size, d, s, o)	((struct bpf_insn){.code = BPF_LDX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o)})
#define STORE(size, d, o, s)	((struct bpf_insn){.code = BPF_STX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o)})
#define STORE_IMM(size, d, o, n) ((struct bpf_insn){.code = BPF_ST | BPF_MEM | (size), .dst_reg = (d), .off = (o), .imm = (n)})
#define MOVE(d, s)		((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (d), .src_reg = (s)})
#define SET(d, n)		((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (d), .imm = (n)})
#define ADD(d, n)		((struct bpf_insn){.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (d), .imm = (n)})
#define AND(d, n)		((struct bpf_insn){.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = (d), .imm = (n)})
#define IF_X(op, d, x, o)	((struct bpf_insn){.code = BPF_JMP | (op) | BPF_X, .dst_reg = (d), .src_reg = (x), .off = (o)})
#define IF_K(op, d, n, o)	((struct bpf_insn){.code = BPF_JMP | (op) | BPF_K, .dst_reg = (d), .imm = (n), .off = (o)})
#define CALL(n)			((struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = (n)})
#define MAP_FD(d, fd)		((struct bpf_insn){.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (d), .src_reg = BPF_PSEUDO_MAP_FD, .imm = (fd)}), ((struct bpf_insn){0})
#define EXIT			((struct bpf_insn){.code = BPF_JMP | BPF_EXIT})
/* clang-format on */

#endif
