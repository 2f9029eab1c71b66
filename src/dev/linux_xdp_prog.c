/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program of an attached interface: every frame to the socket of its queue, with its vlan tag. */
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "dev/linux.h"

#define BPF_PSEUDO_KFUNC 2	  /* BPF_PSEUDO_KFUNC_CALL */
#define XDP_DEV_BOUND	 (1 << 6) /* BPF_F_XDP_DEV_BOUND_ONLY, Linux 6.3 */

/* clang-format off */
#define LOAD(size, d, s, o)	{.code = BPF_LDX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o)}
#define STORE(size, d, o, s)	{.code = BPF_STX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o)}
#define CLEAR(d, o)		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = (d), .off = (o)}
#define MOVE(d, s)		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (d), .src_reg = (s)}
#define SET(d, n)		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (d), .imm = (n)}
#define ADD(d, n)		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (d), .imm = (n)}
#define IF(op, d, x, o)		{.code = BPF_JMP | (op), .dst_reg = (d), .src_reg = (op) & BPF_X ? (x) : 0, .off = (o)}
#define CALL(n)			{.code = BPF_JMP | BPF_CALL, .imm = (n)}
#define EXIT			{.code = BPF_JMP | BPF_EXIT}
/* clang-format on */

/*
 * A device, or a veth, may keep a vlan tag beside the frame.  Since Linux 6.8 a program that is bound to its device can ask
 * for it; this one writes it back into the frame:
 *
 *	if (bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci) == 0) { push(proto, tci) or return XDP_DROP }
 */
static const struct bpf_insn tag_insns[] = {
    MOVE(BPF_REG_6, BPF_REG_1),
    CLEAR(BPF_REG_10, -8),
    CLEAR(BPF_REG_10, -16),
    MOVE(BPF_REG_2, BPF_REG_10),
    ADD(BPF_REG_2, -8),
    MOVE(BPF_REG_3, BPF_REG_10),
    ADD(BPF_REG_3, -16),
#define TAG_CALL 7 /* its imm is found at run time */
    {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC},
    IF(BPF_JNE | BPF_K, BPF_REG_0, 0, 23), /* no tag: redirect */
    MOVE(BPF_REG_1, BPF_REG_6),
    SET(BPF_REG_2, -4),
    CALL(BPF_FUNC_xdp_adjust_head),
    IF(BPF_JNE | BPF_K, BPF_REG_0, 0, 17), /* no room: drop */
    LOAD(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct xdp_md, data)),
    LOAD(BPF_W, BPF_REG_3, BPF_REG_6, offsetof(struct xdp_md, data_end)),
    MOVE(BPF_REG_4, BPF_REG_2),
    ADD(BPF_REG_4, 18),
    IF(BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 12), /* short: drop */
    LOAD(BPF_W, BPF_REG_4, BPF_REG_2, 4),
    STORE(BPF_W, BPF_REG_2, 0, BPF_REG_4),
    LOAD(BPF_W, BPF_REG_4, BPF_REG_2, 8),
    STORE(BPF_W, BPF_REG_2, 4, BPF_REG_4),
    LOAD(BPF_W, BPF_REG_4, BPF_REG_2, 12),
    STORE(BPF_W, BPF_REG_2, 8, BPF_REG_4),
    LOAD(BPF_H, BPF_REG_4, BPF_REG_10, -8),
    STORE(BPF_H, BPF_REG_2, 12, BPF_REG_4),
    LOAD(BPF_H, BPF_REG_4, BPF_REG_10, -16),
    {.code = BPF_ALU | BPF_END | BPF_TO_BE, .dst_reg = BPF_REG_4, .imm = 16},
    STORE(BPF_H, BPF_REG_2, 14, BPF_REG_4),
    {.code = BPF_JMP | BPF_JA, .off = 2}, /* redirect */
    SET(BPF_REG_0, XDP_DROP),
    EXIT,
};
#define TAG_INSNS (sizeof(tag_insns) / sizeof(tag_insns[0]))

/* The number of the kernel's function in its type information, or -1 */
static int
kfunc_find(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (btf == NULL || libbpf_get_error(btf) != 0)
		return -1;
	id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	btf__free(btf);
	return id;
}

/*
 * return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_DROP): without a socket the frame is dropped, never Linux's.
 * Before it, where the kernel can: the tag.
 */
int
linux_xdp_prog_load(int map, int ifindex, bool *tags)
{
	const struct bpf_insn redirect[] = {
	    LOAD(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct xdp_md, rx_queue_index)),
	    {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
	    {0},
	    SET(BPF_REG_3, XDP_DROP),
	    CALL(BPF_FUNC_redirect_map),
	    EXIT,
	};
	const size_t nredirect = sizeof(redirect) / sizeof(redirect[0]);
	struct bpf_insn insns[TAG_INSNS + sizeof(redirect) / sizeof(redirect[0])];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = XDP_DEV_BOUND, .prog_ifindex = ifindex);
	int kfunc = kfunc_find("bpf_xdp_metadata_rx_vlan_tag"), fd;

	if (kfunc > 0) {
		memcpy(insns, tag_insns, sizeof(tag_insns));
		insns[TAG_CALL].imm = kfunc;
		memcpy(insns + TAG_INSNS, redirect, sizeof(redirect));
		fd =
		    bpf_prog_load(BPF_PROG_TYPE_XDP, "smpnet_xdp", "Dual BSD/GPL", insns, TAG_INSNS + nredirect, &opts);
		if (fd >= 0) {
			*tags = true;
			return fd;
		}
	}
	*tags = false;
	insns[0] = (struct bpf_insn)MOVE(BPF_REG_6, BPF_REG_1);
	memcpy(insns + 1, redirect, sizeof(redirect));
	return bpf_prog_load(BPF_PROG_TYPE_XDP, "smpnet_xdp", "Dual BSD/GPL", insns, 1 + nredirect, NULL);
}
