/* SPDX-License-Identifier: BSD-2-Clause */
/* Reassembly against a naive model: every overlap, every limit, who makes room for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ip_world.h"

#include "ip/reass_ctl.h"
#include "mp/pool.h"

#define HLEN   20
#define MAXLEN 64 /* octets of a datagram in the model */

static _Atomic int max_packets, max_frags, max_octets, ttl;
static unsigned answered;

static void
expired(struct rte_mbuf *m)
{
	answered++;
	pkt_drop(mp_control(), m, DROP_IP_FRAG_TIMEOUT);
}

static struct reass_table table = {
    .max = {[REASS_PACKETS] = &max_packets, [REASS_FRAGS] = &max_frags, [REASS_OCTETS] = &max_octets},
    .ttl = &ttl,
    .net = 3,
    .addr = 4,
    .c_dropped = C_IP_FRAGDROPPED,
    .c_overflow = C_IP_RCVMEMDROP,
    .c_timeout = C_IP_FRAGTIMEOUT,
    .c_reassembled = C_IP_REASSEMBLED,
    .d_limit = DROP_IP_FRAG_LIMIT,
    .d_overlap = DROP_IP_FRAG_OVERLAP,
    .d_timeout = DROP_IP_FRAG_TIMEOUT,
    .d_bad = DROP_IP_FRAG_BAD,
    .expired = expired,
};

static void
start(int packets, int frags, int octets)
{
	world_clear();
	world_as_control();
	reass_init(&table);
	max_packets = packets;
	max_frags = frags;
	max_octets = octets;
	ttl = 30;
	answered = 0;
}

/* Everything that waits goes, and nothing is kept in the books. */
static void
end(void)
{
	reass_expire(&table, mp_now_ms() + 3600000);
	for (unsigned k = 0; k < REASS_USES; k++)
		assert_int_equal(table.use[k], 0);
	for (unsigned i = 0; i < REASS_SOURCES; i++)
		assert_true(table.net_packets[i] == 0 && table.addr_packets[i] == 0);
	reass_fini(&table);
	world_sum();
	assert_int_equal(mp_pool_free_count(mp_control()), mp_pool_size(mp_control()));
}

/* A fragment of datagram id from the address; each octet of data says where in the datagram it is */
static struct rte_mbuf *
give(uint32_t src, uint32_t id, uint32_t off, uint32_t len, bool more, uint8_t ecn, bool *ce)
{
	struct reass_piece p = {.hlen = HLEN, .off = off, .len = len, .more = more, .ecn = ecn};
	struct rte_mbuf *m = pkt_originate(mp_control());
	struct reass_key key = {{0}};
	uint8_t data[1400];

	assert_non_null(m);
	memset(data, 0xee, HLEN);
	for (uint32_t i = 0; i < len; i++)
		data[HLEN + i] = (uint8_t)(off + i);
	assert_true(pkt_append(mp_control(), m, data, HLEN + len));
	memcpy(key.octets, &src, 4);
	memcpy(key.octets + 8, &id, 4);
	m = reass_input(&table, &key, m, &p);
	if (m != NULL && ce != NULL)
		*ce = p.ce;
	return m;
}

static void
is_whole(struct rte_mbuf *m, uint32_t len)
{
	uint8_t buf[1];

	assert_int_equal(m->pkt_len, HLEN + len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(m, HLEN + i, 1, buf), (uint8_t)i);
	pkt_consume(mp_control(), m);
}

/* What RFC 5722 says, octet by octet */
struct model {
	struct {
		uint32_t off, len;
		bool more;
	} piece[8];
	unsigned n;
	bool refused;
};

enum verdict { KEPT, AGAIN, REFUSED, WHOLE };

static enum verdict
model_add(struct model *d, uint32_t off, uint32_t len, bool more)
{
	uint8_t seen[2 * MAXLEN] = {0};
	uint32_t total = 0, have = 0;

	if (d->refused)
		return REFUSED;
	for (unsigned i = 0; i < d->n; i++)
		if (d->piece[i].off == off && d->piece[i].len == len && d->piece[i].more == more)
			return AGAIN;
	d->piece[d->n].off = off;
	d->piece[d->n].len = len;
	d->piece[d->n++].more = more;
	for (unsigned i = 0; i < d->n; i++) {
		for (uint32_t k = 0; k < d->piece[i].len; k++)
			if (seen[d->piece[i].off + k]++ != 0)
				d->refused = true;
		have += d->piece[i].len;
		if (!d->piece[i].more) {
			if (total != 0)
				d->refused = true;
			total = d->piece[i].off + d->piece[i].len;
		}
	}
	for (unsigned i = 0; total != 0 && i < d->n; i++)
		if (d->piece[i].off + d->piece[i].len > total ||
		    (d->piece[i].more && d->piece[i].off + d->piece[i].len == total))
			d->refused = true;
	if (d->refused)
		return REFUSED;
	return total != 0 && have == total ? WHOLE : KEPT;
}

/* Every sequence of three fragments out of all intervals of small numbers, and a fourth that would complete or not */
static void
test_overlaps(void **state)
{
	struct {
		uint32_t off, len;
		bool more;
	} all[64];
	unsigned n = 0, whole = 0, refused = 0, again = 0;
	uint32_t id = 0;

	for (uint32_t off = 0; off < 4; off++)
		for (uint32_t len = 1; off + len <= 4; len++)
			for (unsigned more = 0; more < 2; more++) {
				all[n].off = off * 8;
				all[n].len = len * 8;
				all[n++].more = more;
			}
	start(-1, -1, -1);
	for (unsigned i = 0; i < n * n * n; i++) {
		unsigned pick[4] = {i % n, i / n % n, i / n / n, i * 7 % n};
		struct model d = {.n = 0};

		id++;
		for (unsigned k = 0; k < 4; k++) {
			uint64_t overlaps = world_dropped(DROP_IP_FRAG_OVERLAP);
			unsigned kept = d.n;
			enum verdict v = model_add(&d, all[pick[k]].off, all[pick[k]].len, all[pick[k]].more);
			struct rte_mbuf *m =
			    give(1, id, all[pick[k]].off, all[pick[k]].len, all[pick[k]].more, 0, NULL);

			overlaps = world_dropped(DROP_IP_FRAG_OVERLAP) - overlaps;
			if ((v == WHOLE) != (m != NULL) || (v == KEPT && overlaps != 0) ||
			    (v == AGAIN && overlaps != 1) || (v == REFUSED && overlaps == 0))
				fail_msg("%u, %u: %u, %u dropped", i, k, v, (unsigned)overlaps);
			again += v == AGAIN;
			if (v == REFUSED && refused++ % 2 == 0)
				assert_true(overlaps == kept + 1 || overlaps == 1);
			if (m != NULL) {
				is_whole(m, m->pkt_len - HLEN);
				whole++;
				break;
			}
		}
		if (i % 64 == 0) {
			reass_expire(&table, mp_now_ms() + 31000);
			assert_int_equal(table.use[REASS_PACKETS], 0);
		}
	}
	assert_true(whole > 100 && refused > 1000 && again > 100);
	end();
}

/* Congestion marks (RFC 3168 section 5.3) */
static void
test_ecn(void **state)
{
	start(-1, -1, -1);
	for (unsigned i = 0; i < 64; i++) {
		unsigned mark[3] = {i & 3, i >> 2 & 3, i >> 4};
		bool ce = false, none = false, got = false;
		struct rte_mbuf *m = NULL;

		for (unsigned k = 0; k < 3; k++) {
			ce |= mark[k] == 3;
			none |= mark[k] == 0;
			m = give(1, i, (2 - k) * 8, 8, k != 0, (uint8_t)mark[k], &got);
			assert_true(k == 2 || m == NULL);
		}
		assert_int_equal(m != NULL, !(ce && none));
		if (m != NULL) {
			assert_int_equal(got, ce);
			is_whole(m, 24);
		}
	}
	assert_int_equal(world_dropped(DROP_IP_FRAG_BAD), 3 * 18);
	end();
}

/* Each bound holds, and the newest datagram has its place. */
static void
test_bounds(void **state)
{
	uint32_t one;

	start(-1, -1, -1);
	assert_null(give(1, 1, 8, 8, true, 0, NULL));
	one = table.use[REASS_OCTETS];
	assert_true(one > 2048);
	end();
	for (unsigned kind = 0; kind < 4; kind++) {
		start(kind == 0 ? 10 : -1, kind == 1 ? 10 : -1, kind == 2 ? (int)(10 * one) : -1);
		if (kind == 3)
			table.maxbuffers = 10;
		for (unsigned i = 1; i <= 100; i++) {
			assert_null(give(1, i, 8, 8, true, 0, NULL));
			assert_int_equal(table.use[REASS_PACKETS], i < 10 ? i : 10);
			assert_int_equal(table.use[REASS_FRAGS], i < 10 ? i : 10);
			assert_true(table.use[REASS_OCTETS] <= 10 * one && table.use[REASS_BUFFERS] <= 10);
		}
		assert_int_equal(world_dropped(DROP_IP_FRAG_LIMIT), 90);
		/* the newest is there */
		assert_null(give(1, 100, 0, 8, true, 0, NULL));
		is_whole(give(1, 100, 16, 4, false, 0, NULL), 20);
		/* lowered to nothing: what waits goes */
		if (kind < 3) {
			*table.max[kind] = 0;
			assert_null(give(1, 1000, 8, 8, true, 0, NULL));
			assert_int_equal(table.use[REASS_PACKETS], 0);
		}
		end();
	}
	/* fragments of one datagram: too many, and it is refused with those to come */
	start(-1, -1, -1);
	for (unsigned i = 0; i < REASS_MAXFRAGS + 10; i++)
		assert_null(give(1, 1, 8 + i * 8, 8, true, 0, NULL));
	assert_int_equal(world_dropped(DROP_IP_FRAG_LIMIT), REASS_MAXFRAGS + 10);
	assert_int_equal(table.use[REASS_FRAGS], 0);
	assert_int_equal(table.use[REASS_BUFFERS], 1);
	end();
}

/* A flood displaces itself: an address its own, a network its own, and many networks leave some. */
static void
test_fair(void **state)
{
	for (unsigned kind = 0; kind < 3; kind++) {
		unsigned done = 0;

		start(100, -1, -1);
		srand(kind);
		for (uint32_t i = 0; i < 20000; i++) {
			uint32_t src = htonl(kind == 0	 ? 0x0a000001
					     : kind == 1 ? 0x0a000000 | (uint32_t)rand() % 256
							 : (uint32_t)rand() << 8);

			assert_null(give(src, 100000 + i, 8, 8, true, 0, NULL));
			/* another datagram's two fragments, a thousand of the flood's between them */
			if (i % 1000 == 0)
				assert_null(give(htonl(0xc0000201), i, 0, 8, true, 0, NULL));
			if (i % 1000 == (kind == 2 ? 10 : 999)) {
				struct rte_mbuf *m = give(htonl(0xc0000201), i / 1000 * 1000, 8, 8, false, 0, NULL);
				if (m != NULL) {
					is_whole(m, 16);
					done++;
				}
			}
		}
		/* by hash, one network of a few thousand may share the slot, at times */
		assert_in_range(done, kind == 2 ? 16 : 20, 20);
		assert_true(table.use[REASS_PACKETS] <= 100);
		end();
	}
}

/* Time: answered only where the first fragment is here, and refused ones not at all */
static void
test_time(void **state)
{
	start(-1, -1, -1);
	assert_null(give(1, 1, 0, 8, true, 0, NULL));
	assert_null(give(1, 1, 16, 8, true, 0, NULL));
	assert_null(give(1, 2, 16, 8, true, 0, NULL));
	assert_null(give(1, 3, 0, 8, true, 0, NULL));
	assert_null(give(1, 3, 0, 16, true, 0, NULL));
	assert_int_equal(table.use[REASS_PACKETS], 3);
	reass_expire(&table, mp_now_ms() + 29000);
	assert_int_equal(table.use[REASS_PACKETS], 3);
	ttl = 5;
	reass_expire(&table, mp_now_ms() + 6000);
	assert_int_equal(table.use[REASS_PACKETS], 0);
	assert_int_equal(answered, 1);
	assert_int_equal(world_counted(C_IP_FRAGTIMEOUT), 3);
	assert_int_equal(world_dropped(DROP_IP_FRAG_TIMEOUT), 3);
	assert_int_equal(world_dropped(DROP_IP_FRAG_OVERLAP), 2);
	/* the identification may be used again then */
	assert_null(give(1, 3, 0, 8, true, 0, NULL));
	is_whole(give(1, 3, 8, 8, false, 0, NULL), 16);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_overlaps),
	    cmocka_unit_test(test_ecn),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_fair),
	    cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, world_start, world_end);
}
