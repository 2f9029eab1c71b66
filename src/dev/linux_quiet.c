/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps Linux off an attached interface: what arrives is not processed, what Linux sends is dropped.
 *
 * AF_PACKET hands us copies of what arrives before these hooks, and what we send (AF_XDP, AF_PACKET past the queueing
 * discipline) goes around tcx, so that both hooks simply drop everything.  Two mechanisms, both gone with our descriptors:
 * BPF links at tcx (Linux 6.6), or an nftables table with the owner flag and two chains whose policy is to drop (5.16); its
 * egress hook sees AF_PACKET's frames too and lets those pass that carry the mark of our sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>

#include "dev/linux.h"

/* Newer than Debian 12's headers */
#define TCX_INGRESS	 46 /* BPF_TCX_INGRESS */
#define TCX_EGRESS	 47 /* BPF_TCX_EGRESS */
#define TCX_DROP	 2
#define NFT_OWNER	 2 /* NFT_TABLE_F_OWNER */
#define NFT_HOOK_INGRESS 0
#define NFT_HOOK_EGRESS	 1

static int
tcx_attach(int prog, int ifindex, int where)
{
	union bpf_attr attr;

	/* libbpf 1.1 knows no tcx; the link itself is like any other. */
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = prog;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = where;
	long fd = syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

static int
quiet_tcx(struct linux_quiet *quiet, int ifindex, bool ingress)
{
	static const struct bpf_insn insns[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TCX_DROP},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int error = 0;
	int prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "smpnet_quiet", "Dual BSD/GPL", insns, 2, NULL);

	if (prog < 0)
		return prog;
	quiet->egress = tcx_attach(prog, ifindex, TCX_EGRESS);
	if (quiet->egress < 0)
		error = quiet->egress;
	else if (ingress) {
		quiet->ingress = tcx_attach(prog, ifindex, TCX_INGRESS);
		if (quiet->ingress < 0)
			error = quiet->ingress;
	}
	close(prog);
	return error;
}

static struct nlmsghdr *
nft_msg(struct mnl_nlmsg_batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t res, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch));
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res);
	return nlh;
}

static void
nft_chain(
    struct mnl_nlmsg_batch *batch, const char *table, const char *chain, int hook, const char *ifname, uint32_t seq)
{
	struct nlmsghdr *nlh = nft_msg(batch, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN,
	    NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFPROTO_NETDEV, 0, seq);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)-1000));
	mnl_attr_put_strz(nlh, NFTA_HOOK_DEV, ifname);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(NF_DROP));
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	mnl_nlmsg_batch_next(batch);
}

/* Begins one expression of a rule; the caller adds its data and ends both nests. */
static struct nlattr *
nft_expr(struct nlmsghdr *nlh, const char *name, struct nlattr **data)
{
	struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	return elem;
}

/* meta mark LINUX_TX_MARK accept */
static void
nft_pass_marked(struct mnl_nlmsg_batch *batch, const char *table, const char *chain, uint32_t seq)
{
	struct nlmsghdr *nlh = nft_msg(batch, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWRULE,
	    NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, NFPROTO_NETDEV, 0, seq);
	struct nlattr *list, *elem, *data, *value, *verdict;

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS);
	elem = nft_expr(nlh, "meta", &data);
	mnl_attr_put_u32(nlh, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(nlh, NFTA_META_KEY, htonl(NFT_META_MARK));
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, elem);
	elem = nft_expr(nlh, "cmp", &data);
	mnl_attr_put_u32(nlh, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(nlh, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	value = mnl_attr_nest_start(nlh, NFTA_CMP_DATA);
	mnl_attr_put_u32(nlh, NFTA_DATA_VALUE, LINUX_TX_MARK);
	mnl_attr_nest_end(nlh, value);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, elem);
	elem = nft_expr(nlh, "immediate", &data);
	mnl_attr_put_u32(nlh, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	value = mnl_attr_nest_start(nlh, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl(NF_ACCEPT));
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, value);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	mnl_nlmsg_batch_next(batch);
}

/* => reads the acknowledgements of requests first .. last; 0 or the first error, negative */
static int
nft_acks(struct mnl_socket *nl, uint32_t first, uint32_t last)
{
	char buf[8192];
	uint32_t seen = 0;

	while (seen < last - first + 1) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (n < 0)
			return -errno;
		int len = (int)n;
		for (const struct nlmsghdr *nlh = (const void *)buf; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error != 0)
				return e->error;
			seen++;
		}
	}
	return 0;
}

static int
quiet_nft(struct linux_quiet *quiet, const char *ifname, int ifindex, bool ingress)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct mnl_nlmsg_batch *batch;
	struct nlmsghdr *nlh;
	struct timeval tv = {.tv_sec = 5};
	char buf[8192], table[64];
	uint32_t seq = 1;
	int error;

	if (nl == NULL)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto fail;
	}
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	snprintf(table, sizeof(table), "smpnet-%d", ifindex);
	batch = mnl_nlmsg_batch_start(buf, sizeof(buf) / 2);
	nft_msg(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	mnl_nlmsg_batch_next(batch);
	nlh = nft_msg(batch, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
	    NFPROTO_NETDEV, 0, seq);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, htonl(NFT_OWNER));
	mnl_nlmsg_batch_next(batch);
	nft_chain(batch, table, "egress", NFT_HOOK_EGRESS, ifname, ++seq);
	nft_pass_marked(batch, table, "egress", ++seq);
	if (ingress)
		nft_chain(batch, table, "ingress", NFT_HOOK_INGRESS, ifname, ++seq);
	nft_msg(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	mnl_nlmsg_batch_next(batch);
	ssize_t sent = mnl_socket_sendto(nl, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch));
	error = sent < 0 ? -errno : nft_acks(nl, 1, seq);
	mnl_nlmsg_batch_stop(batch);
	if (error != 0)
		goto fail;
	/* The table lives as long as this socket. */
	quiet->nft = dup(mnl_socket_get_fd(nl));
	if (quiet->nft < 0)
		error = -errno;
fail:
	mnl_socket_close(nl);
	return error;
}

/*
 * => helper thread or control; from here on Linux neither sends on the interface nor, if ingress, takes what it receives.
 * 0 or -errno: no mechanism of this kernel worked.
 */
int
linux_quiet_start(struct linux_quiet *quiet, const char *ifname, int ifindex, bool ingress)
{
	/* Tests exercise the older kernels' way by this. */
	const char *how = getenv("SMPNET_LINUX_QUIET");
	int error = -EOPNOTSUPP;

	*quiet = (struct linux_quiet){-1, -1, -1};
	if (how == NULL || strcmp(how, "nft") != 0)
		error = quiet_tcx(quiet, ifindex, ingress);
	if (error != 0) {
		linux_quiet_stop(quiet);
		error = quiet_nft(quiet, ifname, ifindex, ingress);
	}
	if (error != 0)
		linux_quiet_stop(quiet);
	return error;
}

void
linux_quiet_stop(struct linux_quiet *quiet)
{
	if (quiet->ingress >= 0)
		close(quiet->ingress);
	if (quiet->egress >= 0)
		close(quiet->egress);
	if (quiet->nft >= 0)
		close(quiet->nft);
	*quiet = (struct linux_quiet){-1, -1, -1};
}
